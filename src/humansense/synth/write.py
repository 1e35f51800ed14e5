"""Making a set: specs are filmed shard by shard, by whichever engine, with one result.

A shard holds clips whose specs depend on the set's seed and the clip's number alone, so the bytes do not depend on who
made them, and an interrupted run goes on where it stopped: whole shards are skipped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import humansense
from humansense.bodies import POPULATIONS, Closet, load_body, load_closet, split_closet
from humansense.core import HumansenseError
from humansense.data.store import ShardWriter, is_whole, shard_path, start_set
from humansense.motion import PROCEDURAL
from humansense.motion.find import find_motions
from humansense.motion.windows import MIN_FRAMES, plan_windows
from humansense.synth.cast import UnusableError
from humansense.synth.engines import ENGINES, run_shards
from humansense.synth.film import Scene, prepare, roll
from humansense.synth.pictures import find_backgrounds, find_pictures
from humansense.synth.presets import PRESETS, sample_spec
from humansense.synth.spec import MAX_PEOPLE, PLACES, SPLITS, TEST_SHARE, Ingredients, Source, in_split, split_motions

log = logging.getLogger(__name__)

FRAMES_PER_SHARD = 100
TRIES = 24
"""Draws of a clip before the set is given up: bad files and impossible poses are passed over."""
_SPLIT_SALT = {"train": 0, "test": 1}
WARDROBES = ("all", "builtin")


@dataclass(frozen=True)
class SynthSettings:
    """What set to make.

    out: folder. clips: how many, or None for every window of every capture, three times with 30, 50 and 70 % overlap
    (Varol 2019, 3.3.1). frames: in each. size: (H, W). seed: decides everything. workers: processes. engine: a row of
    `engines.ENGINES`. preset: a row of `PRESETS`. split: "train" or "test"; their motion subjects, bodies, clothes,
    skins and backgrounds are disjoint. motion: folder of captures, or None for built-in motion only. procedural:
    share of clips with built-in motion when there is a folder. backgrounds: folder of pictures without people, an LSUN
    database or a video, or None for made-up ones. fps: frames a second where the preset does not decide. skins: folder
    of pictures for the body's texture coordinates. wardrobe: "all" takes the assets that `humansense assets add` has
    installed beside the built-in clothes, "builtin" does not. kinds: rows of `motion.PROCEDURAL`, the built-in
    motions to use; empty: all. population, people, place, occlusion, angles_deg, outfits: see `Ingredients`.
    """

    out: Path
    clips: int | None = 20
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
    population: str = "adults"
    people: int | None = None
    place: str | None = None
    occlusion: float | None = None
    angles_deg: tuple[float, ...] = (0.0, 45.0, 90.0)
    skins: Path | None = None
    wardrobe: str = "all"
    outfits: int | None = None
    kinds: tuple[str, ...] = ()
    engine: str = "local"

    def __post_init__(self) -> None:
        for name, low in (("clips", 1), ("frames", 1), ("workers", 1), ("people", 1), ("outfits", 1)):
            value = getattr(self, name)
            if value is not None and value < low:
                raise HumansenseError(f"--{name} is {value}, expected at least {low}")
        if self.people is not None and self.people > MAX_PEOPLE:
            raise HumansenseError(f"--people is {self.people}, expected 1 to {MAX_PEOPLE}")
        if min(self.size) < 16 or max(self.size) > 4096:
            raise HumansenseError(f"--size is {self.size[1]}x{self.size[0]}, expected 16 to 4096 pixels a side")
        for name, known in (
            ("preset", PRESETS), ("split", SPLITS), ("population", POPULATIONS), ("place", PLACES),
            ("wardrobe", WARDROBES), ("engine", ENGINES),
        ):  # fmt: skip
            value = getattr(self, name)
            if value is not None and value not in known:
                raise HumansenseError(f"unknown {name} {value!r}: use one of {', '.join(known)}")
        for name in ("procedural", "occlusion"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise HumansenseError(f"--{name} is {value}, expected a share from 0 to 1")
        for kind in self.kinds:
            if kind not in PROCEDURAL:
                raise HumansenseError(f"unknown kind of motion {kind!r}: use some of {', '.join(PROCEDURAL)}")
        if not self.fps > 0:
            raise HumansenseError(f"--fps is {self.fps}, expected a positive number")
        if not self.angles_deg:
            raise HumansenseError("--angles is empty: give the directions of the cameras in degrees, such as 0,45,90")
        if self.clips is None and self.motion is None:
            raise HumansenseError("--clips all needs --motion: it films every window of every capture in that folder")

    @property
    def cameras(self) -> int:
        """Clips of one performance."""
        return len(self.angles_deg) if self.preset == "multiview" else 1

    @property
    def fps_of_clips(self) -> float:
        return PRESETS[self.preset].fps or self.fps

    @property
    def clips_per_shard(self) -> int:
        return max(1, FRAMES_PER_SHARD // self.frames)

    def description(self) -> dict[str, object]:
        """The settings that decide the bytes; `described` adds the installed clothes."""
        return {
            "generator": f"humansense {humansense.__version__}",
            "clips": "all" if self.clips is None else self.clips,
            "frames": self.frames,
            "size": list(self.size),
            "fps": self.fps,
            "seed": self.seed,
            "preset": self.preset,
            "split": self.split,
            "motion": self.motion.name if self.motion else "procedural",
            "procedural": self.procedural if self.motion else 1.0,
            "backgrounds": self.backgrounds.name if self.backgrounds else "procedural",
            "population": self.population,
            "people": self.people or "by preset",
            "place": self.place or "by preset",
            "occlusion": "by preset" if self.occlusion is None else self.occlusion,
            "angles_deg": list(self.angles_deg) if self.preset == "multiview" else [],
            "skins": self.skins.name if self.skins else "painted",
        } | self._narrowed()

    def _narrowed(self) -> dict[str, object]:
        """Settings that few sets have, stated only there: sets that were made before them are still resumed."""
        given = {"outfits": self.outfits, "kinds": list(self.kinds)}
        return {name: value for name, value in given.items() if value}


@dataclass(frozen=True)
class Pantry:
    """The files that specs choose from. windows: of the captures, in the order of the plan."""

    windows: tuple[Source, ...]
    backgrounds: tuple[str, ...]
    skins: tuple[str, ...]
    closet: Closet | None


@dataclass(frozen=True)
class ShardJob:
    """One shard to make: its number, and the numbers of its clips."""

    settings: SynthSettings
    pantry: Pantry
    number: int
    clips: range


@dataclass(frozen=True)
class ShardDone:
    """frames: in the shard. notes: (file or "", why it was passed over), each once."""

    frames: int
    notes: tuple[tuple[str, str], ...]


def shards(settings: SynthSettings, pantry: Pantry) -> list[ShardJob]:
    """All shards of a set, made already or not."""
    step, clips = settings.clips_per_shard, clip_count(settings, pantry)
    starts = range(0, clips, step)
    return [ShardJob(settings, pantry, k, range(i, min(i + step, clips))) for k, i in enumerate(starts)]


def clip_count(settings: SynthSettings, pantry: Pantry) -> int:
    return len(pantry.windows) * settings.cameras if settings.clips is None else settings.clips


def stock(settings: SynthSettings) -> Pantry:
    """Find the files of the split that the specs choose from; what cannot be read is passed over with a warning."""
    windows: list[Source] = []
    if settings.motion:
        files = [str(path) for path in find_motions(settings.motion)]
        captures = split_motions(files, settings.split)
        if not captures:
            raise HumansenseError(
                f"{settings.motion} has no subject for the split {settings.split!r}: its {len(files)} files fall into "
                "the other one; add subjects (folders), or leave --motion out for procedural motion"
            )
        planned, unread = plan_windows(captures, settings.fps_of_clips, max(MIN_FRAMES, settings.frames))
        for _, why in unread:
            log.warning("passed over: %s", why)
        if not planned:
            raise HumansenseError(f"{settings.motion} holds no motion that can be used: {unread[0][1]}")
        windows = [Source(window.file, window.start) for window in planned]
    backgrounds = _of_split(find_backgrounds(settings.backgrounds), settings.split) if settings.backgrounds else ()
    skins = _of_split(find_pictures(settings.skins, "--skins"), settings.split) if settings.skins else ()
    closet = load_closet() if settings.wardrobe == "all" else None
    return Pantry(tuple(windows), backgrounds, skins, split_closet(closet, settings.split) if closet else None)


def described(settings: SynthSettings, pantry: Pantry) -> dict[str, object]:
    """What decides the bytes: stored in set.json; a folder is only resumed with the same."""
    return settings.description() | {"closet": pantry.closet.digest if pantry.closet else "none"}


def _of_split(files: tuple[str, ...], split: str) -> tuple[str, ...]:
    """Pictures of a split; fewer than five are shared, as is a folder that has none for one of the splits."""
    mine = tuple(file for file in files if in_split(Path(file).name, split))
    return mine if len(files) >= 5 and mine else files


def draw_clip(settings: SynthSettings, pantry: Pantry, number: int) -> tuple[Scene, list[tuple[str, str]]]:
    """Clip `number`, ready to be filmed, and what was passed over on the way: (file or "", why).

    A draw that cannot be used (a broken file, a body that would pass through itself) is drawn again, in the same way
    whoever draws. Raises `HumansenseError` after `TRIES` draws.
    """
    performance, view = divmod(number, settings.cameras)
    salt = _SPLIT_SALT[settings.split]
    notes: list[tuple[str, str]] = []
    for attempt in range(TRIES):
        again = (attempt,) if attempt else ()
        # A planned window gets some bodies before another one takes its place.
        planned = pantry.windows[performance] if settings.clips is None and attempt < 4 else None
        ingredients = clip_ingredients(settings, pantry, performance)
        seed = (settings.seed, salt, performance, *again)
        try:
            return prepare(sample_spec(seed, settings.preset, ingredients, planned, view), pantry.closet), notes
        except UnusableError as error:
            notes.append((error.file, str(error)))
    raise HumansenseError(f"clip {number} could not be made in {TRIES} draws; the last one: {notes[-1][1]}")


def clip_ingredients(settings: SynthSettings, pantry: Pantry, performance: int) -> Ingredients:
    """Whether a performance moves by capture or by procedure, and from what it chooses."""
    rng = np.random.default_rng([settings.seed, _SPLIT_SALT[settings.split], performance, 1])
    invented = not pantry.windows or rng.random() < settings.procedural
    kinds = ("random_pose",) if rng.random() < PRESETS[settings.preset].random_pose else tuple(PROCEDURAL)
    kinds = settings.kinds or kinds
    made_up = tuple(Source(f"procedural:{kind}") for kind in kinds)
    return Ingredients(
        sources=made_up if invented else pantry.windows,
        backgrounds=pantry.backgrounds,
        skins=pantry.skins,
        size=settings.size,
        frames=settings.frames,
        fps=settings.fps,
        population=settings.population,
        people=settings.people,
        place=settings.place,
        occlusion=settings.occlusion,
        angles_deg=settings.angles_deg,
        outfits=settings.outfits,
    )


def make_shard(job: ShardJob) -> ShardDone:
    """Film one shard."""
    notes: dict[tuple[str, str], None] = {}
    with ShardWriter(shard_path(job.settings.out, job.number)) as writer:
        for number in job.clips:
            scene, passed = draw_clip(job.settings, job.pantry, number)
            notes.update(dict.fromkeys(note for note in passed if note[0]))
            writer.add_clip(*roll(scene, f"c{number:06d}"))
    return ShardDone(len(job.clips) * job.settings.frames, tuple(notes))


def make_set(settings: SynthSettings, progress: Callable[[int, int], None] | None = None) -> int:
    """Make the set, or what is missing of it; returns the number of frames in it.

    progress: called with (frames done, frames in all) after each shard. Files that cannot be used are passed over with
    a warning. Raises `HumansenseError` for settings that differ from those of a set already there, for missing folders
    and for a full disk; what is whole stays.
    """
    pantry = stock(settings)
    load_body()  # built once, before the workers ask for it
    start_set(settings.out, described(settings, pantry))
    jobs = shards(settings, pantry)
    total = sum(len(job.clips) for job in jobs) * settings.frames
    missing = [job for job in jobs if not is_whole(shard_path(settings.out, job.number))]
    done = total - sum(len(job.clips) for job in missing) * settings.frames
    warned: set[str] = set()
    if progress:
        progress(done, total)
    for shard in run_shards(settings.engine, make_shard, missing, settings.workers, settings.out / "shards"):
        for file, why in shard.notes:
            if file not in warned:
                warned.add(file)
                log.warning("passed over: %s", why)
        done += shard.frames
        if progress:
            progress(done, total)
    return done


def both_splits(settings: SynthSettings) -> tuple[SynthSettings, SynthSettings]:
    """The train and the test set below `settings.out`: 80 and 20 % of the clips (Varol 2019, 3.5.2)."""
    if settings.clips is None:
        counts: tuple[int | None, int | None] = (None, None)
    elif settings.clips < 2:
        raise HumansenseError(f"--split both needs at least 2 clips, --clips is {settings.clips}")
    else:
        test = max(1, round(TEST_SHARE * settings.clips))
        counts = (settings.clips - test, test)
    train, test_set = (
        replace(settings, out=settings.out / split, split=split, clips=count)
        for split, count in zip(SPLITS, counts, strict=True)
    )
    return train, test_set
