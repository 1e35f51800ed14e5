"""Making a set: specs are filmed shard by shard, on as many processes as asked, with one result.

A shard holds `CLIPS_PER_SHARD` clips whose specs depend on the set's seed and the clip's number alone, so the bytes do
not depend on the number of workers, and an interrupted run goes on where it stopped: whole shards are skipped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import humansense
from humansense.bodies import load_body
from humansense.core import HumansenseError
from humansense.data.store import ShardWriter, is_whole, shard_path, start_set
from humansense.motion import PROCEDURAL
from humansense.motion.find import find_motions
from humansense.synth.backgrounds import folder_backgrounds
from humansense.synth.engines import ENGINES, run_shards
from humansense.synth.spec import PRESETS, SPLITS, Ingredients, sample_spec, split_motions

log = logging.getLogger(__name__)

FRAMES_PER_SHARD = 100
_SPLIT_SALT = {"train": 0, "test": 1}


@dataclass(frozen=True)
class SynthSettings:
    """What set to make.

    out: folder. clips, frames: how many clips, and frames in each. size: (H, W). seed: decides everything.
    workers: processes on this machine. engine: a row of `ENGINES`, who runs the shards. preset: a row of `PRESETS`.
    split: "train" or "test"; their specs, motion subjects and background files are disjoint. motion: folder with .amc,
    .bvh and exponential-map .txt files, or None for procedural motion only. procedural: share of clips with procedural
    motion when there is a folder. backgrounds: folder of pictures without people, or None for procedural ones.
    """

    out: Path
    clips: int = 20
    frames: int = 100
    size: tuple[int, int] = (240, 320)
    seed: int = 0
    workers: int = 2
    preset: str = "surreal"
    split: str = "train"
    motion: Path | None = None
    procedural: float = 0.5
    backgrounds: Path | None = None
    fps: float = 30.0
    engine: str = "local"

    def __post_init__(self) -> None:
        for name, low in (("clips", 1), ("frames", 1), ("workers", 1)):
            if getattr(self, name) < low:
                raise HumansenseError(f"--{name} is {getattr(self, name)}, expected at least {low}")
        if min(self.size) < 16 or max(self.size) > 4096:
            raise HumansenseError(f"--size is {self.size[1]}x{self.size[0]}, expected 16 to 4096 pixels a side")
        if self.preset not in PRESETS:
            raise HumansenseError(f"unknown preset {self.preset!r}: use one of {', '.join(PRESETS)}")
        if self.split not in SPLITS:
            raise HumansenseError(f"unknown split {self.split!r}: use one of {', '.join(SPLITS)}")
        if self.engine not in ENGINES:
            raise HumansenseError(f"unknown engine {self.engine!r}: use one of {', '.join(ENGINES)}")
        if not 0 <= self.procedural <= 1:
            raise HumansenseError(f"--procedural is {self.procedural}, expected a share from 0 to 1")

    @property
    def clips_per_shard(self) -> int:
        return max(1, FRAMES_PER_SHARD // self.frames)

    def description(self) -> dict[str, object]:
        """What decides the bytes: stored in set.json; a folder is only resumed with the same."""
        return {
            "generator": f"humansense {humansense.__version__}",
            "clips": self.clips,
            "frames": self.frames,
            "size": list(self.size),
            "fps": self.fps,
            "seed": self.seed,
            "preset": self.preset,
            "split": self.split,
            "motion": self.motion.name if self.motion else "procedural",
            "procedural": self.procedural if self.motion else 1.0,
            "backgrounds": self.backgrounds.name if self.backgrounds else "procedural",
        }


@dataclass(frozen=True)
class Pantry:
    """The files that specs choose from."""

    captures: tuple[str, ...]
    backgrounds: tuple[str, ...]


def stock(settings: SynthSettings) -> Pantry:
    captures: list[str] = []
    if settings.motion:
        files = [str(path) for path in find_motions(settings.motion)]
        captures = split_motions(files, settings.split)
        if not captures:
            raise HumansenseError(
                f"{settings.motion} has no subject for the split {settings.split!r}: its {len(files)} files fall into "
                "the other one; add subjects (folders), or leave --motion out for procedural motion"
            )
    backgrounds = [str(path) for path in folder_backgrounds(settings.backgrounds)] if settings.backgrounds else []
    if len(backgrounds) >= 5:  # every fifth picture is the test set's
        backgrounds = [b for i, b in enumerate(backgrounds) if (i % 5 == 4) == (settings.split == "test")]
    return Pantry(tuple(captures), tuple(backgrounds))


def clip_ingredients(settings: SynthSettings, pantry: Pantry, number: int) -> Ingredients:
    """Whether clip `number` moves by capture or by procedure, and from what it chooses."""
    rng = np.random.default_rng([settings.seed, _SPLIT_SALT[settings.split], number, 1])
    invented = not pantry.captures or rng.random() < settings.procedural
    kinds = ("random_pose",) if rng.random() < PRESETS[settings.preset].random_pose else tuple(PROCEDURAL)
    motions = tuple(f"procedural:{kind}" for kind in kinds) if invented else pantry.captures
    return Ingredients(motions, pantry.backgrounds, settings.size, settings.frames, settings.fps)


@dataclass(frozen=True)
class ShardJob:
    """One shard to make: its number, and the numbers of its clips."""

    settings: SynthSettings
    pantry: Pantry
    number: int
    clips: range


def shards(settings: SynthSettings, pantry: Pantry) -> list[ShardJob]:
    """All shards of a set, made already or not."""
    step = settings.clips_per_shard
    starts = range(0, settings.clips, step)
    return [ShardJob(settings, pantry, k, range(i, min(i + step, settings.clips))) for k, i in enumerate(starts)]


def make_shard(job: ShardJob) -> int:
    """Film one shard; returns its number of frames."""
    from humansense.synth.film import film

    settings = job.settings
    with ShardWriter(shard_path(settings.out, job.number)) as writer:
        for number in job.clips:
            seed = (settings.seed, _SPLIT_SALT[settings.split], number)
            spec = sample_spec(seed, settings.preset, clip_ingredients(settings, job.pantry, number))
            writer.add_clip(*film(spec, f"c{number:06d}"))
    return len(job.clips) * settings.frames


def make_set(settings: SynthSettings, progress: Callable[[int, int], None] | None = None) -> int:
    """Make the set, or what is missing of it; returns the number of frames in it.

    progress: called with (frames done, frames in all) after each shard. Raises `HumansenseError` for settings that
    differ from those of a set already there, for missing files and for a full disk; what is whole stays.
    """
    pantry = stock(settings)
    load_body()  # built once, before the workers ask for it
    start_set(settings.out, settings.description())
    jobs = shards(settings, pantry)
    total = settings.clips * settings.frames
    missing = [job for job in jobs if not is_whole(shard_path(settings.out, job.number))]
    done = total - sum(len(job.clips) for job in missing) * settings.frames
    if progress:
        progress(done, total)
    for frames in run_shards(settings.engine, make_shard, missing, settings.workers, settings.out / "shards"):
        done += frames
        if progress:
            progress(done, total)
    return done
