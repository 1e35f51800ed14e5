"""Which frames of which captures make clips: Varol 2019, section 3.3.1.

"We divide the sequences into clips of 100 frames with 30%, 50% and 70% overlaps", one overlap each time a sequence is
filmed. Its 67,582 clips have 96.7 frames on average (Table 3.1), which is what one shorter clip at the end of every
sequence gives; so the end of a sequence, and a sequence shorter than a clip, makes one shorter window here.
"""

from __future__ import annotations

import math
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from humansense.core import HumansenseError
from humansense.motion.acclaim import CMU_FPS, parse_amc
from humansense.motion.amass import PARTS, RATES, npz_rate, read_amass, read_arrays
from humansense.motion.bvh import parse_bvh
from humansense.motion.expmap import parse_expmap
from humansense.motion.names import name_map
from humansense.motion.sources import read_motion, read_text
from humansense.motion.values import Motion, resample, resampled_count

OVERLAPS = (0.3, 0.5, 0.7)
MIN_FRAMES = 2  # one frame has no flow
_HEAD_BYTES = 1 << 18  # holds any skeleton and the first frames
_HEAD_FRAMES = 4  # as many as decide whether the first frame is a calibration pose


@dataclass(frozen=True)
class Window:
    """A clip of a capture: `frames` frames from `start` on, counted at the rate that the plan was made for."""

    file: str
    start: int
    frames: int
    overlap: float


def windows(frame_count: int, length: int = 100, overlap: float = 0.3) -> list[range]:
    """Consecutive clips of `length` frames that share the part `overlap` (0 to below 1) with the next one.

    They cover every frame. The last one is shorter where the sequence ends in it; it has more frames than the overlap
    and never fewer than two, so one frame left over at no overlap is left out, and one frame alone makes no window.
    """
    if length < MIN_FRAMES or not 0 <= overlap < 1:
        raise HumansenseError(f"clips of {length} frames with overlap {overlap}: give 2 or more, and 0 to below 1")
    step = max(1, round(length * (1 - overlap)))
    shared = length - step
    starts = range(0, max(frame_count - shared, 1), step)
    clips = [range(start, min(start + length, frame_count)) for start in starts]
    return [clip for clip in clips if len(clip) >= MIN_FRAMES]


def frame_count(path: str | Path) -> tuple[int, float]:
    """How many frames `read_motion` gives for a file, and how many a second; only the head of the file is parsed.

    The head's faults are found (a broken skeleton, joints that no name map knows, bad numbers in the first frames).
    Counts are remembered as long as a file does not change. Raises `HumansenseError` as `read_motion` does.
    """
    path = Path(path)
    try:
        state = path.stat()
    except OSError as error:
        raise HumansenseError(f"cannot read {path}: {error.strerror or error}") from error
    return _counted(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=65536)
def _counted(path: Path, changed_ns: int, size: int) -> tuple[int, float]:
    kinds: dict[str, Callable[[Path], tuple[int, Motion, int]]] = {
        ".bvh": _head_of_bvh, ".amc": _head_of_amc, ".txt": _head_of_expmap, ".csv": _head_of_expmap,
        ".npz": _head_of_amass,
    }  # fmt: skip
    if path.suffix.lower() not in kinds:
        motion = read_motion(path)  # says what is wrong with it
        return len(motion), motion.fps
    count, head, given = kinds[path.suffix.lower()](path)
    try:
        name_map(head.names)
    except HumansenseError as error:
        raise HumansenseError(f"{path}: {error}") from None
    return count - (given - len(head)), head.fps


def _head_of_bvh(path: Path) -> tuple[int, Motion, int]:
    """Frames in the file, the motion of the first ones, and how many those were in the file."""
    motion, count = parse_bvh(path, read_text(path, _HEAD_BYTES), _HEAD_FRAMES)
    return count, motion, min(count, _HEAD_FRAMES)


_AMC_FRAME = re.compile(rb"^[ \t]*\d+[ \t]*\r?$", re.MULTILINE)


def _head_of_amc(path: Path) -> tuple[int, Motion, int]:
    text = read_text(path, _HEAD_BYTES)
    marks = [m.start() for m in re.finditer(r"^[ \t]*\d+[ \t]*$", text, re.MULTILINE)]
    if len(marks) > _HEAD_FRAMES:
        text = text[: marks[_HEAD_FRAMES]]
    head = parse_amc(path, text, fps=CMU_FPS)
    return len(_AMC_FRAME.findall(path.read_bytes())), head, min(len(marks), _HEAD_FRAMES)


def _head_of_expmap(path: Path) -> tuple[int, Motion, int]:
    lines = [line for line in read_text(path, _HEAD_BYTES).splitlines() if line.strip()][:_HEAD_FRAMES]
    head = parse_expmap(path, "\n".join(lines))
    with path.open("rb") as file:
        count = sum(1 for line in file if line.strip())
    return count, head, len(lines)


def _head_of_amass(path: Path) -> tuple[int, Motion, int]:
    rates = read_arrays(path, RATES)
    key = "poses"
    try:
        with zipfile.ZipFile(path) as file:
            if "poses.npy" not in file.namelist():
                key = PARTS[0]
            with file.open(f"{key}.npy") as member:
                version = np.lib.format.read_magic(member)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, _, _ = read(member)
    except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error):
        read_amass(path)  # says what is wrong with it
        raise HumansenseError(f"{path}: the header of {key!r} cannot be read; fetch the file again") from None
    if len(shape) != 2 or shape[1] % 3 or key != "poses":
        motion = read_amass(path)
        return len(motion), motion, len(motion)
    frames = int(shape[0])
    npz_rate(path, rates)
    motion = _amass_head(path) if frames else read_amass(path)
    return frames, motion, len(motion)


def _amass_head(path: Path) -> Motion:
    return read_amass(path, _HEAD_FRAMES)


def plan_windows(
    files: Iterable[str | Path],
    fps: float,
    length: int = 100,
    overlaps: tuple[float, ...] = OVERLAPS,
    whole: bool = False,
) -> tuple[tuple[Window, ...], list[tuple[str, str]]]:
    """The clips of captures: every file once for each overlap, in the order of the files, overlaps and time.

    fps: the rate to which the captures will be resampled. whole: read every file to its end first, so that a fault
    anywhere in it keeps it out (about a second for 5,000 frames); otherwise only the heads are read.
    Returns the windows and, for each file that cannot be used, its name and why: unreadable, unknown joints, or fewer
    than two frames at this rate, which have no flow.
    """
    plan: list[Window] = []
    failed: list[tuple[str, str]] = []
    for file in files:
        try:
            if whole:
                motion = read_motion(file)
                name_map(motion.names)
                frames, rate = len(motion), motion.fps
            else:
                frames, rate = frame_count(file)
        except HumansenseError as error:
            failed.append((str(file), str(error)))
            continue
        count = resampled_count(frames, rate, fps)
        if count < MIN_FRAMES:
            failed.append(
                (
                    str(file),
                    f"{file} has {frames} frame{'s' * (frames != 1)}, {count} at {fps:g} a second: a clip needs at "
                    "least two; give a longer capture",
                )
            )
            continue
        for overlap in overlaps:
            plan += [Window(str(file), c.start, len(c), overlap) for c in windows(count, length, overlap)]
    return tuple(plan), failed


def cut(motion: Motion, window: Window, fps: float, speed: float = 1.0) -> Motion:
    """The frames of a window, played at `speed` times the pace (0.8 to 1.25 is natural), resampled to `fps`.

    A faster clip needs more of the capture: it reaches beyond the window's end, and begins earlier where the capture
    ends. The result has `window.frames` frames, or fewer where the whole capture is too short at this pace.
    """
    ratio = motion.fps / fps
    first, needed = window.start * ratio, (window.frames - 1) * ratio * speed
    last = len(motion) - 1
    first = max(0.0, min(first, last - needed))
    start = math.floor(first + 1e-6)
    part = motion[start : min(last, math.ceil(first + needed - 1e-6)) + 1]
    return resample(part, fps, speed)[: window.frames]
