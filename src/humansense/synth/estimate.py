"""What a set would cost before it is made: clips of the very settings are filmed for a few frames, and extrapolated.

The cost of a clip is linear in its frames, a + b n: a dresses the person, paints textures and background, b films and
encodes. Both are found from the same clips filmed at two lengths, by as many processes at once as the run would use, so
that what they take from each other is in it.
"""

from __future__ import annotations

import math
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from humansense.data.store import is_whole, shard_path, start_set
from humansense.synth.engines import run_shards, usable_workers
from humansense.synth.write import Pantry, ShardJob, SynthSettings, described, make_shard, shards, stock

CLIPS = 6  # filmed in all
FEW, MORE = 2, 12  # frames of each, twice


@dataclass(frozen=True)
class Estimate:
    """What is still to be made of the set in `out`.

    seconds: of the clock, with the start of the workers. frames, shards, bytes: to be made. frames_there,
    shards_there: made already. start_s: of the workers. frame_s: of one worker for a frame, a clip's beginning spread
    over its frames. workers: processes. free_bytes: on the disk.
    """

    out: Path
    seconds: float
    frames: int
    shards: int
    bytes: int
    frames_there: int
    shards_there: int
    start_s: float
    frame_s: float
    workers: int
    free_bytes: int

    def lines(self) -> list[str]:
        """For people to read."""
        there = f"; {self.frames_there:,} frames in {self.shards_there:,} shards are there" if self.shards_there else ""
        said = [f"{self.out}: {self.frames:,} frames in {self.shards:,} shards to make{there}"]
        if not self.frames:
            return said
        speed = f"{self.frame_s * 1e3:.1f} ms a frame and worker, {self.start_s:.0f} s to start"
        said.append(f"time: about {_clock(self.seconds)} with {self.workers} workers ({speed})")
        size = f"{self.bytes / 1e9:.2f} GB ({self.bytes / self.frames / 1e3:.0f} KB a frame)"
        said.append(f"disk: about {size}; {self.free_bytes / 1e9:.1f} GB are free")
        if self.bytes > self.free_bytes:
            said.append("the disk is too small: choose another folder, or fewer --clips")
        return said


@dataclass(frozen=True)
class _Cost:
    """Of `clips` clips of `frames` frames each."""

    clips: int
    frames: int
    seconds: float
    bytes: int


def estimate(settings: SynthSettings) -> Estimate:
    """What `make_set(settings)` would still have to do; takes some seconds and writes nothing into `settings.out`.

    Raises the `HumansenseError` that `make_set` would raise for missing files, and for a folder with another set. For
    the engine "ray" it reckons with `settings.workers` cores like this machine's.
    """
    pantry = stock(settings)
    if (settings.out / "set.json").exists():
        start_set(settings.out, described(settings, pantry))
    jobs = shards(settings, pantry)
    missing = [job for job in jobs if not is_whole(shard_path(settings.out, job.number))]
    clips = sum(len(job.clips) for job in missing)
    there = sum(len(job.clips) for job in jobs) - clips
    workers = settings.workers if settings.engine == "ray" else usable_workers(settings.workers, len(missing))
    if missing:
        start_s, costs = _try_out(settings, pantry, missing, usable_workers(workers, len(missing)))
        clip_s = _extrapolate([(c.frames, c.clips, c.seconds) for c in costs], settings.frames)
        clip_bytes = _extrapolate([(c.frames, c.clips, c.bytes) for c in costs], settings.frames)
        rounds = math.ceil(len(missing) / workers)  # shards are alike, so the workers finish together
        seconds = start_s + min(rounds * len(missing[0].clips), clips) * clip_s
    else:
        start_s = clip_s = clip_bytes = seconds = 0.0
    return Estimate(
        out=settings.out,
        seconds=seconds,
        frames=clips * settings.frames,
        shards=len(missing),
        bytes=round(clips * clip_bytes),
        frames_there=there * settings.frames,
        shards_there=len(jobs) - len(missing),
        start_s=start_s,
        frame_s=clip_s / settings.frames,
        workers=workers,
        free_bytes=shutil.disk_usage(_nearest(settings.out)).free,
    )


def _try_out(
    settings: SynthSettings, pantry: Pantry, missing: Sequence[ShardJob], workers: int
) -> tuple[float, list[_Cost]]:
    """Seconds to start the workers, and what some of the missing clips cost at two lengths."""
    numbers = [number for job in missing for number in job.clips]
    chosen = numbers[:: max(1, len(numbers) // CLIPS)][: max(CLIPS, workers)]
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="humansense-") as folder:
        parts = [chosen[k::workers] for k in range(min(workers, len(chosen)))]
        tries = [ShardJob(replace(settings, out=Path(folder)), pantry, k * 1000, range(0)) for k in range(len(parts))]
        done = list(run_shards("local", _cost, list(zip(tries, parts, strict=True)), workers, Path(folder) / "shards"))
    filmed_s = max(sum(cost.seconds for cost in costs) for costs in done)
    return time.perf_counter() - begin - filmed_s, [cost for costs in done for cost in costs]


def _cost(task: tuple[ShardJob, list[int]]) -> list[_Cost]:
    """Runs in a worker: films the numbered clips, each as a shard, one of them beforehand to warm up."""
    job, numbers = task
    few, more = min(FEW, job.settings.frames), min(MORE, job.settings.frames)
    costs = []
    for count, (frames, clips) in enumerate([(few, numbers[:1]), (few, numbers), (more, numbers)]):
        size, begin = 0, time.perf_counter()
        for k, clip in enumerate(clips):
            number = job.number + 100 * count + k
            settings = replace(job.settings, frames=frames)
            make_shard(ShardJob(settings, job.pantry, number, range(clip, clip + 1)))
            path = shard_path(settings.out, number)
            size += path.stat().st_size + path.with_suffix(".json").stat().st_size
        costs.append(_Cost(len(clips), frames, time.perf_counter() - begin, size))
    return costs[1:]


def _extrapolate(costs: Sequence[tuple[int, int, float]], frames: int) -> float:
    """The cost of a clip of `frames` frames, from (frames, clips, cost of all these clips) at one or two lengths."""
    means = {
        length: sum(c for n, _, c in costs if n == length) / sum(k for n, k, _ in costs if n == length)
        for length in {n for n, _, _ in costs}
    }
    low, high = min(means), max(means)
    slope = max(0.0, means[high] - means[low]) / (high - low) if high > low else means[high] / high
    return means[high] + slope * (frames - high)


def _nearest(path: Path) -> Path:
    """The path itself or the nearest folder above it that exists."""
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return path


def _clock(seconds: float) -> str:
    """Seconds in words: 42 s, 3 min 20 s, 5 h 12 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
