"""Making a set: specs are filmed shard by shard, on as many processes as asked, with one result.

A shard holds `CLIPS_PER_SHARD` clips whose specs depend on the set's seed and the clip's number alone, so the bytes do
not depend on the number of workers, and an interrupted run goes on where it stopped: whole shards are skipped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import closing
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
from humansense.synth.engines import ENGINES, check_mark, shared_mark
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

    def shards(self) -> list[range]:
        """Clip numbers of each shard."""
        step = self.clips_per_shard
        return [range(i, min(i + step, self.clips)) for i in range(0, self.clips, step)]

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
class _Pantry:
    """The files that specs choose from."""

    captures: tuple[str, ...]
    backgrounds: tuple[str, ...]


def _pantry(settings: SynthSettings) -> _Pantry:
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
    return _Pantry(tuple(captures), tuple(backgrounds))


def clip_ingredients(settings: SynthSettings, pantry: _Pantry, number: int) -> Ingredients:
    """Whether clip `number` moves by capture or by procedure, and from what it chooses."""
    rng = np.random.default_rng([settings.seed, _SPLIT_SALT[settings.split], number, 1])
    invented = not pantry.captures or rng.random() < settings.procedural
    kinds = ("random_pose",) if rng.random() < PRESETS[settings.preset].random_pose else tuple(PROCEDURAL)
    motions = tuple(f"procedural:{kind}" for kind in kinds) if invented else pantry.captures
    return Ingredients(motions, pantry.backgrounds, settings.size, settings.frames, settings.fps)


def _make_shard(job: tuple[SynthSettings, _Pantry, int, Path]) -> int:
    """Film one shard; returns its number of frames."""
    from humansense.synth.film import film

    settings, pantry, number, mark = job
    check_mark(mark)
    _prepare_process()
    path = shard_path(settings.out, number)
    numbers = settings.shards()[number]
    with ShardWriter(path) as writer:
        for clip_number in numbers:
            seed = (settings.seed, _SPLIT_SALT[settings.split], clip_number)
            spec = sample_spec(seed, settings.preset, clip_ingredients(settings, pantry, clip_number))
            writer.add_clip(*film(spec, f"c{clip_number:06d}"))
    return len(numbers) * settings.frames


def _prepare_process() -> None:
    """One thread, and the body at hand: one worker and many compute the same bytes."""
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    load_body()


def make_set(settings: SynthSettings, progress: Callable[[int, int], None] | None = None) -> int:
    """Make the set, or what is missing of it; returns the number of frames in it.

    progress: called with (frames done, frames in all) after each shard. Raises `HumansenseError` for settings that
    differ from those of a set already there, for missing files and for a full disk; what is whole stays.
    """
    pantry = _pantry(settings)
    load_body()  # built once, before the workers ask for it
    start_set(settings.out, settings.description())
    _sweep(settings.out)
    shards = settings.shards()
    total = settings.clips * settings.frames
    missing = [i for i in range(len(shards)) if not is_whole(shard_path(settings.out, i))]
    done = total - sum(len(shards[i]) for i in missing) * settings.frames
    if progress:
        progress(done, total)
    if missing:
        engine = ENGINES[settings.engine]
        try:
            with shared_mark(settings.out / "shards") as mark:
                jobs = [(settings, pantry, i, mark) for i in missing]
                with closing(engine(_make_shard, jobs, settings.workers)) as results:
                    for frames in results:
                        done += frames
                        if progress:
                            progress(done, total)
        finally:
            _sweep(settings.out)
    return done


def _sweep(out: Path) -> None:
    """Remove what workers left half-written that were killed, in this run or an earlier one."""
    for leftover in (out / "shards").glob(".*.partial.*"):
        leftover.unlink(missing_ok=True)
