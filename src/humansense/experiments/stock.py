"""The data of a plan: sets made once, and the part of them that a run trains on or is tested on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from humansense.core import HumansenseError, Sample
from humansense.data.loaders import Source, open_source, read_for_crops
from humansense.data.store import ClipSet, is_whole, shard_path
from humansense.experiments.plan import Plan, Portion, RealSet
from humansense.synth import SynthSettings, make_set


@dataclass(frozen=True)
class Part:
    """Some samples of a source, in this order."""

    source: Source
    numbers: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.numbers)

    def read(self, i: int) -> Sample:
        return read_for_crops(self.source, self.numbers[i])


def frames_missing(made: SynthSettings | RealSet) -> int:
    """Frames of a set that are still to be filmed."""
    if isinstance(made, RealSet):
        return 0
    clips, step = made.clips or 0, made.clips_per_shard
    firsts = range(0, clips, step)
    lacking = (min(step, clips - first) for k, first in enumerate(firsts) if not is_whole(shard_path(made.out, k)))
    return sum(lacking) * made.frames


def make(made: SynthSettings | RealSet, name: str, progress: Callable[[int, int], None] | None = None) -> None:
    """Film what is missing of a set; of a real one, make sure that it can be read and has body parts."""
    if isinstance(made, SynthSettings):
        make_set(made, progress)
        return
    source = open_source(made.source)
    if len(source) == 0 or source.read(0).parts is None:
        raise HumansenseError(f"--real {made.source} ({name}) has no body parts: give a data set that has them")
    part_of_real(made)


def part_of_real(made: RealSet) -> Source:
    """The groups of a real data set that `share` asks for."""
    source = open_source(made.source)
    if made.share == (0.0, 1.0):
        return source
    groups: dict[str, list[int]] = {}
    for i in range(len(source)):
        groups.setdefault(source.read(i).key.rpartition("/")[0], []).append(i)
    names = sorted(groups)
    first, last = (round(edge * len(names)) for edge in made.share)
    chosen = names[first:last]
    if len(names) < 2 or not chosen:
        raise HumansenseError(
            f"--real {made.source} has {len(names)} subject(s), which cannot be parted into training and test people: "
            "give two data sets, the first to train on and the second to test on"
        )
    return Part(source, tuple(i for name in chosen for i in groups[name]))


def open_portion(plan: Plan, portion: Portion, joints: str) -> Source:
    """What a run trains on. At least one clip, however small the fraction; all runs of a seed get nested subsets."""
    made = plan.sets[portion.data]
    if isinstance(made, RealSet):
        return part_of_real(made)
    clips = ClipSet(made.out, joint_set=joints)
    if portion.fraction >= 1:
        return clips
    order = np.random.default_rng((portion.seed, 3)).permutation(len(clips.clips))
    chosen = sorted(order[: max(1, round(portion.fraction * len(order)))].tolist())
    return Part(clips, _frames(clips, chosen))


def _frames(clips: ClipSet, chosen: Sequence[int]) -> tuple[int, ...]:
    entries = (clips.clips[number] for number in chosen)
    return tuple(frame for entry in entries for frame in range(entry.start, entry.start + entry.frames))


def open_test(plan: Plan, name: str, joints: str) -> Source:
    """A test set, whole."""
    made = plan.sets[name]
    return part_of_real(made) if isinstance(made, RealSet) else ClipSet(made.out, joint_set=joints)
