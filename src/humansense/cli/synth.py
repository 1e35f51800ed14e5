"""`humansense synth`, and the one-time building of the body that others need too."""

from __future__ import annotations

import time
from dataclasses import dataclass, fields
from pathlib import Path
from typing import ClassVar

import tyro

from humansense.cli import console


@dataclass
class Synth:
    """Make a set of labelled synthetic people.

    Each frame comes with joints, 24 parts, depth, normals, persons and the camera. The same seed gives the same bytes,
    whatever the number of workers; a run that was stopped goes on where it was.
    """

    examples: ClassVar[str] = """
        humansense synth out/set --clips 20 --frames 100 --size 320x240 --seed 0 --workers 2
        humansense synth out/set --preset wild --backgrounds places/ --motion mocap/
        humansense data check out/set
    """

    out: tyro.conf.Positional[Path]
    """Folder of the set."""
    clips: int = 20
    """Clips: one person, clothing, background and movement each."""
    frames: int = 100
    """Frames a clip."""
    size: str = "320x240"
    """WIDTHxHEIGHT in pixels."""
    seed: int = 0
    """Decides everything."""
    workers: int = 2
    """Processes on this machine."""
    engine: str = "local"
    """local (processes of this machine) or ray (the CPUs of a Ray cluster, see docs/synthesis.md)."""
    preset: str = "surreal"
    """surreal (the recipe of SURREAL) or wild (nearer to photos: any distance, view and light)."""
    split: str = "train"
    """train or test: their people, movements and backgrounds do not overlap."""
    motion: Path | None = None
    """Folder of motion capture (.amc with .asf, .bvh, exponential-map .txt); by default built-in movements."""
    procedural: float = 0.5
    """Share of clips with built-in movements where there is motion capture."""
    backgrounds: Path | None = None
    """Folder of pictures without people; by default made-up places."""
    fps: float = 30.0
    """Frames a second, where the preset does not decide."""

    def run(self) -> int:
        console.setup_logging(False)
        size = console.picture_size(self.size)
        from humansense.synth import SynthSettings, make_set

        values = {f.name: getattr(self, f.name) for f in fields(self)} | {"size": size}
        settings = SynthSettings(**values)
        build_body_once()
        start = time.perf_counter()
        first: list[int] = []
        with console.bar(None, "filming", unit="frame") as bar:

            def moved(done: int, total: int) -> None:
                first[:] = first or [done]
                bar.total, bar.initial = total, first[0]
                bar.n = done
                bar.refresh() if time.perf_counter() - start > 1 else None

            frames = make_set(settings, moved)
        made, seconds = frames - (first or [0])[0], time.perf_counter() - start
        before = f" ({frames - made} were there before)" if made < frames else ""
        print(f"{self.out}: {frames} frames{before}, {made / max(seconds, 1e-9):.1f} frames/s")
        return 0


def build_body_once() -> None:
    """Build the body model where this machine has not done so, with a bar: it takes a minute, once."""
    from humansense.bodies import body_is_built, build_body

    if body_is_built():
        return
    console.note("building the body model: once a machine, about a minute")
    with console.bar(100, "body model", unit="%") as bar:

        def moved(share: float) -> None:
            bar.update(round(share * 100) - bar.n)

        build_body(moved)
