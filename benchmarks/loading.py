"""Encoding, reading and augmenting frames on one core. Prints one line of JSON.

    python benchmarks/loading.py [SET] [--size 160] [--samples 400] [--workers 2]

Without SET, a small one is made first (which builds the body model once). The times of encoding, reading and
augmenting are CPU time of one thread; `loader_samples_per_s` is wall-clock.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import torch

from humansense.data.loaders import TrainCrops, crop_loader
from humansense.data.maps import encode_maps
from humansense.data.store import ClipSet


def cpu_ms(what: Callable[[int], object], count: int) -> float:
    """Milliseconds of CPU a call."""
    what(0)
    start = time.process_time()
    for n in range(count):
        what(n)
    return round((time.process_time() - start) / count * 1e3, 3)


def measure(root: Path, arguments: argparse.Namespace) -> dict[str, object]:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    start = time.perf_counter()
    clips = ClipSet(root)
    opening = time.perf_counter() - start
    step = max(1, len(clips) // 50)
    samples = [clips.read(i) for i in range(0, len(clips), step)][:50]
    sizes = [sum(len(data) for data in encode_maps(sample).values()) for sample in samples]
    crops = TrainCrops([clips], arguments.size)
    start = time.perf_counter()
    batches = max(1, arguments.samples // 32)
    for _ in crop_loader(crops, 32, arguments.workers, stop=batches):
        pass
    seconds = time.perf_counter() - start
    return {
        "benchmark": "loading",
        "frames": len(clips),
        "frame_size": list(samples[0].size),
        "crop_size": arguments.size,
        "open_ms": round(opening * 1e3, 1),
        "encode_ms_per_frame": cpu_ms(lambda n: encode_maps(samples[n % len(samples)]), 200),
        "maps_kb_per_frame": round(sum(sizes) / len(sizes) / 1e3, 1),
        "disk_kb_per_frame": round(sum(p.stat().st_size for p in (root / "shards").iterdir()) / len(clips) / 1e3, 1),
        "read_all_maps_ms": cpu_ms(lambda n: clips.read((7919 * n) % len(clips)), 200),
        "read_and_augment_ms": cpu_ms(crops.crop, arguments.samples),
        "loader_samples_per_s": round(batches * 32 / seconds, 1),
        "loader_workers": arguments.workers,
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", nargs="?", type=Path)
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--samples", type=int, default=400)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.set:
        print(json.dumps(measure(arguments.set, arguments)))
        return
    from humansense.synth import SynthSettings, make_set

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "set"
        make_set(SynthSettings(root, clips=4, frames=25, workers=1))
        print(json.dumps(measure(root, arguments)))


if __name__ == "__main__":
    main()
