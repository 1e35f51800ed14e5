"""Milliseconds of prediction by stage on one thread, both number formats, start-up and peak memory. One JSON line.

    python benchmarks/predict.py [--weights people-base] [--photos a.jpg b.jpg] [--repeats 10]

Without photos: the two inside scikit-image, and one of them as a 12-megapixel JPEG. Start-up is the whole of
`humansense predict photo` as a user starts it, files written; the best of three, as are the times of `--help`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np
import torch
from PIL import Image

from humansense.cli.demo import built_in_photos
from humansense.core import HumansenseError
from humansense.predict import Predictor, PredictSettings, read_picture, write_results
from humansense.predict.model import Model
from humansense.predict.windows import Pyramid, box_window
from humansense.video import VideoWriter
from humansense.view.outputs import write_pictures

BATCH = 24


def stages(predictor: Predictor, photos: list[Path], repeats: int) -> dict[str, float]:
    """Median milliseconds of each stage over all photos."""
    rows: list[dict[str, float]] = []
    for photo in photos:
        predictor(photo)
        rows += [predictor(photo).timings_ms for _ in range(repeats)]
    names = list(dict.fromkeys(name for row in rows for name in row))
    return {f"{name}_ms": round(float(np.median([row.get(name, 0.0) for row in rows])), 2) for name in names}


def writing(predictor: Predictor, photo: Path, folder: Path) -> float:
    """Milliseconds to write all files of a photo, best of three."""
    picture = read_picture(photo)
    prediction = predictor(picture)
    best = np.inf
    for _ in range(3):
        start = time.perf_counter()
        write_pictures(prediction, folder)
        write_results(prediction, folder, picture)
        best = min(best, time.perf_counter() - start)
    return round(best * 1e3, 1)


def formats(weights: Path, image: np.ndarray, repeats: int) -> dict[str, float]:
    """Milliseconds of one pass of the net on one crop in each number format, best of `repeats`."""
    out = {}
    for dtype in (torch.float32, torch.bfloat16):
        model = Model(weights, dtype=dtype)
        best = np.inf
        for _ in range(repeats + 2):
            spent: dict[str, float] = {}
            model.look(image, [box_window(np.array([0, 0, *image.shape[1::-1]]))], timings_ms=spent)
            best = min(best, spent["net"])
        out[f"pass_{str(dtype).removeprefix('torch.')}_ms"] = round(float(best), 2)
    return out


def looks(predictor: Predictor, image: np.ndarray, repeats: int) -> dict[str, float]:
    """Milliseconds, best of `repeats`: the finder on a view of 320 x 240, and the people net on crops of 192 pixels."""
    small = cv2.resize(image, (320, 240), interpolation=cv2.INTER_AREA)
    finder, model = predictor.finder, predictor.model
    crop = torch.rand(1, 3, 192, 192)
    at_192 = type(model.task)(replace(model.task.settings, image_size=192))
    out = {"finder_320x240_ms": np.inf, "pass_192_ms": np.inf}
    for _ in range(repeats + 2):
        start = time.perf_counter()
        finder.find(Pyramid(small))
        middle = time.perf_counter()
        with torch.inference_mode():
            at_192.decode([{k: v.float() for k, v in model.net(at_192.inputs(crop).to(model.dtype))[-1].items()}])
        out["finder_320x240_ms"] = min(out["finder_320x240_ms"], (middle - start) * 1e3)
        out["pass_192_ms"] = min(out["pass_192_ms"], (time.perf_counter() - middle) * 1e3)
    return {name: round(float(value), 2) for name, value in out.items()}


def frames_per_second(predictor: Predictor, image: np.ndarray, folder: Path) -> float:
    """Frames a second of `Predictor.video` on 60 frames of 320 x 240 with one person, who moves."""
    with VideoWriter(folder / "clip.mp4", fps=25) as video:
        for i in range(60):
            shifted = np.roll(cv2.resize(image, (320, 240), interpolation=cv2.INTER_AREA), i, axis=1)
            video.write(np.ascontiguousarray(shifted))
    start = time.perf_counter()
    count = sum(1 for _ in predictor.video(folder / "clip.mp4"))
    return round(count / (time.perf_counter() - start), 1)


def fresh_process(arguments: list[str]) -> tuple[float, float]:
    """(seconds of wall clock, peak MB) of `humansense ARGUMENTS`, best of three."""
    best, peak = np.inf, 0.0
    for _ in range(3):
        start = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-m", "humansense.cli", *arguments], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        best, peak = min(best, time.perf_counter() - start), max(peak, usage.ru_maxrss / 1e3)
        if status:
            raise HumansenseError(f"humansense {' '.join(arguments)} ended with {os.waitstatus_to_exitcode(status)}")
    return round(float(best), 2), round(peak)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="people-base")
    parser.add_argument("--photos", nargs="*", type=Path, default=[])
    parser.add_argument("--repeats", type=int, default=10)
    options = parser.parse_args()
    torch.set_num_threads(1)
    predictor = Predictor(PredictSettings(weights=options.weights))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photos = options.photos or [path for path, _, _ in built_in_photos()]
        large = folder / "large.jpg"
        Image.open(photos[0]).convert("RGB").resize((4000, 3000)).save(large, quality=92)
        row: dict[str, object] = {"benchmark": "predict", "weights": options.weights, "threads": 1}
        row |= {"crop": predictor.model.size, "photos": len(photos)}
        row |= stages(predictor, photos, options.repeats)
        row["photo_12mp"] = stages(predictor, [large], 3)
        row["write_ms"] = writing(predictor, photos[0], folder / "files")
        first = read_picture(photos[0]).image
        row |= looks(predictor, first, options.repeats)
        row["video_fps"] = frames_per_second(predictor, first, folder)
        row |= formats(predictor.weights_path, read_picture(photos[0]).image, options.repeats)
        row["peak_mb_of_this_process"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
        common = ["--weights", options.weights, "--threads", "1", "--out", str(folder / "out")]
        row["startup_s"], row["startup_peak_mb"] = fresh_process(["predict", str(photos[0]), *common])
        row["startup_12mp_s"], row["startup_12mp_peak_mb"] = fresh_process(["predict", str(large), *common])
        many = folder / "many"
        many.mkdir()
        for i in range(BATCH):
            shutil.copy(photos[i % len(photos)], many / f"{i:02d}{photos[i % len(photos)].suffix}")
        batch = ["predict", str(many), "--weights", options.weights, "--out", str(folder / "many_out"), "--threads"]
        for threads in (1, 2):
            row[f"batch_{BATCH}_photos_{threads}_threads_s"], _ = fresh_process([*batch, str(threads)])
        row["help_s"], _ = fresh_process(["predict", "--help"])
    print(json.dumps(row))


if __name__ == "__main__":
    main()
