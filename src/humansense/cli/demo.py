"""`humansense demo`: the main job once, on real photos, with a page to look at."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import tyro

from humansense.cli import console
from humansense.core import HumansenseError

# Two photos that come inside scikit-image: (file, title, credit as scikit-image's own notes give it).
BUILT_IN = (
    ("astronaut.png", "astronaut", "Eileen Collins, NASA, public domain"),
    ("camera.png", "camera", "CC0, Lav Varshney"),
)
COLUMNS = 6
"""Synthetic frames on the page."""


@dataclass
class Demo:
    """Predict on real photos with the released weights, make a few synthetic people, and write a page about both.

    Two photos come inside scikit-image; give your own with --photo. The first run on a machine builds the body model
    (a minute, with a bar); after that it takes seconds and needs no network.
    """

    examples: ClassVar[str] = """
        humansense demo
        humansense demo --photo me.jpg friend.png --out out/mine
        humansense demo --no-synthetic
    """

    photo: tuple[Path, ...] = ()
    """Your own photos, shown first."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("out/demo")
    """Folder for report.html and the results of each photo."""
    weights: str = "people-base"
    """A released name, a .safetensors file or a training folder."""
    seed: int = 0
    """Of the synthetic people."""
    synthetic: bool = True
    """Make synthetic people too."""
    threads: int = 0
    """Threads to compute with; 0: as many as there are cores."""

    def run(self) -> int:
        console.setup_logging(False)
        console.set_threads(self.threads)
        start = time.perf_counter()
        photos = [(path, path.name, "") for path in self.photo] + built_in_photos()
        if not photos:
            raise HumansenseError(
                "there is no photo to predict on: give one with --photo, or install scikit-image, which brings two"
            )
        for path in self.photo:  # before anything that takes time
            if not path.is_file():
                raise HumansenseError(f"--photo {path} does not exist: check the path")
        entries = self._photos(photos)
        samples = self._synthetic() if self.synthetic else []
        report = self._report(entries, samples)
        print(f"{console.relative(report)} ({time.perf_counter() - start:.0f} s): open it in a browser")
        return 0

    def _photos(self, photos: Sequence[tuple[Path, str, str]]) -> list[Any]:
        """Predict, write each photo's results, and say what was found."""
        import numpy as np

        from humansense.cli.predict import result_folders
        from humansense.predict import Predictor, PredictSettings, read_picture, write_results
        from humansense.predict.results import who_was_found
        from humansense.view.outputs import write_pictures
        from humansense.view.report import PhotoEntry

        predictor = Predictor(PredictSettings(weights=self.weights))
        for shape in ((64, 64, 3), (64, 64, 3)):  # the first passes also choose kernels: not the user's time
            predictor(np.zeros(shape, np.uint8), (0, 0, 64, 64))
        entries = []
        folders = result_folders([path for path, _, _ in photos], self.out)
        for (path, title, credit), folder in zip(photos, folders, strict=True):
            picture = read_picture(path)
            prediction = predictor(picture)
            write_pictures(prediction, folder)
            write_results(prediction, folder, picture)
            state = f"{who_was_found(prediction)}, score {prediction.score:.2f}"
            ms, where = prediction.timings_ms["total"], console.relative(folder)
            print(f"{title}: {state}, {ms:.0f} ms -> {where}/", flush=True)
            entries.append(PhotoEntry(title, prediction, credit))
        return entries

    def _synthetic(self) -> list[Any]:
        """A few frames of as many clips, as a set in OUT/synthetic."""
        import shutil

        from humansense.cli.synth import build_body_once
        from humansense.data.store_read import ALL_MAPS, ClipSet
        from humansense.synth import SynthSettings, make_set

        build_body_once()
        folder = self.out / "synthetic"
        shutil.rmtree(folder, ignore_errors=True)  # freshly made, whatever made the last one
        settings = SynthSettings(
            folder, clips=COLUMNS + 3, frames=2, size=(480, 640), seed=self.seed, workers=1, preset="wild"
        )
        with console.bar(None, "synthetic people", unit="frame") as bar:

            def moved(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            make_set(settings, moved)
        clips = ClipSet(folder, maps=ALL_MAPS)
        samples = [clips.read(clip.start) for clip in clips.clips]
        return sorted(samples, key=lambda sample: not sample.people)[:COLUMNS]  # frames without anybody come last

    def _report(self, entries: list[Any], samples: list[Any]) -> Path:
        import torch

        from humansense.view.report import Report, write_report

        facts = [("weights", self.weights), ("threads", str(torch.get_num_threads()))]
        photos = "".join(f" --photo {path}" for path in self.photo)
        notes = [
            "The weights were trained on synthetic people alone: the page shows what they see, mistakes included.",
            "Depth is in centimetres from the own pelvis, negative towards the camera. A joint's score is the stated "
            "chance that the joint lies near the place where it is drawn.",
        ]
        report = Report(entries, samples, f"humansense demo{photos}", facts, notes)
        return write_report(report, self.out / "report.html")


def built_in_photos() -> list[tuple[Path, str, str]]:
    """(file, title, credit) of the photos inside scikit-image, where it is installed."""
    from importlib.util import find_spec

    spec = find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        return []
    folder = Path(next(iter(spec.submodule_search_locations))) / "data"
    return [(folder / file, title, credit) for file, title, credit in BUILT_IN if (folder / file).is_file()]
