"""`humansense synth`, and the one-time building of the body that others need too."""

from __future__ import annotations

import time
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import tyro

from humansense.cli import console
from humansense.core import HumansenseError

if TYPE_CHECKING:
    from humansense.synth import SynthSettings


@dataclass
class Synth:
    """Make a set of labelled synthetic people.

    Each frame comes with joints, 24 parts, visible and hidden depth, normals, flow both ways, persons, garments, dense
    body coordinates and the camera. The same seed gives the same bytes, whoever makes them; a run that was stopped goes
    on where it was.
    """

    examples: ClassVar[str] = """
        humansense synth out/set --clips 20 --frames 100 --size 320x240 --seed 0 --workers 2
        humansense synth out/set --preset wild --frames 4 --size 256x256 --backgrounds places/ --motion mocap/
        humansense synth out/surreal --split both --clips all --motion mocap/   (the paper's three renderings of each)
        humansense synth out/ring --preset multiview --angles 0,45,90,135,180,225,270,315 --clips 16
        humansense synth out/crowd --preset wild --people 6 --occlusion 0.5 --population everyone
        humansense synth out/set --clips 2000 --dry-run                  (time, frames and gigabytes, nothing made)
        humansense data check out/set
    """

    out: tyro.conf.Positional[Path]
    """Folder of the set; with --split both it holds the sets train and test."""
    clips: str = "20"
    """Clips, of one body, clothing, place and movement each; or all: every window of every capture, three times."""
    frames: int = 100
    """Frames a clip."""
    size: str = "320x240"
    """WIDTHxHEIGHT in pixels."""
    seed: int = 0
    """Decides everything."""
    workers: int = 2
    """Processes; on a running Ray cluster all its cores are used."""
    preset: str = "surreal"
    """surreal (the recipe of SURREAL), wild (nearer to photos: any distance, view and light), room (furnished rooms, a
    moving camera, several people) or multiview (synchronised cameras around one performance)."""
    split: str = "train"
    """train, test or both: their people, movements, clothes and backgrounds do not overlap."""
    motion: Path | None = None
    """Folder of captures (.amc with .asf, .bvh, AMASS .npz, exponential-map .txt); by default built-in movements."""
    procedural: float = 0.5
    """Share of clips with built-in movements where there is motion capture."""
    backgrounds: Path | None = None
    """Folder of pictures without people, LSUN database or video; by default made-up places."""
    fps: float = 30.0
    """Frames a second, where the preset does not decide."""
    population: str = "adults"
    """Who is shown; see humansense.bodies.POPULATIONS."""
    people: int | None = None
    """At most that many people in a scene, 1 to 6; by default the preset decides."""
    place: str | None = None
    """picture, things (objects in front of a picture) or room; by default the preset decides."""
    occlusion: float | None = None
    """Share of clips with things put in front of the people; by default the preset decides."""
    angles: str = "0,45,90"
    """Directions of the cameras of the preset multiview, degrees; each is a clip of its own."""
    skins: Path | None = None
    """Folder of pictures for the body's texture coordinates; by default painted skin."""
    wardrobe: str = "all"
    """all (built-in clothes, and what `humansense assets add` has installed) or builtin."""
    outfits: int | None = None
    """How many different outfits the set has, worn in turn; by default everybody has their own."""
    kinds: tuple[str, ...] = ()
    """The built-in movements to use (walk, run, sit ...; see humansense.motion.PROCEDURAL); by default all."""
    engine: str = "local"
    """local (processes of this machine) or ray (a Ray cluster, by $RAY_ADDRESS)."""
    dry_run: bool = False
    """Print how long it would take and how large it would be, and make nothing."""

    def run(self) -> int:
        console.setup_logging(False)
        size = console.picture_size(self.size)
        from humansense.synth import SynthSettings
        from humansense.synth.write import both_splits

        other = {"size", "clips", "angles", "dry_run", "split"}
        settings = SynthSettings(
            **{f.name: getattr(self, f.name) for f in fields(self) if f.name not in other},
            size=size,
            clips=_clips(self.clips),
            angles_deg=console.numbers(self.angles, "--angles"),
            split="train" if self.split == "both" else self.split,
        )
        build_body_once()
        for part in both_splits(settings) if self.split == "both" else (settings,):
            if self.dry_run:
                _estimate(part)
            else:
                _make(part)
        return 0


def _clips(text: str) -> int | None:
    if text == "all":
        return None
    if not text.lstrip("-").isdigit():
        raise HumansenseError(f"--clips is {text!r}: expected a number, or all")
    return int(text)


def _estimate(settings: SynthSettings) -> None:
    from humansense.synth.estimate import estimate

    print("\n".join(estimate(settings).lines()))


def _make(settings: SynthSettings) -> None:
    from humansense.synth import make_set

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
    print(f"{settings.out}: {frames} frames{before}, {made / max(seconds, 1e-9):.1f} frames/s")


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
