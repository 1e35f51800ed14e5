"""Any frame of a video by its number: decoding starts at the key frame before it, or goes on where it was.

Clips of data sets often have one key frame, the first; frames that are read in order are therefore decoded in one go.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from humansense.core import HumansenseError


@dataclass
class _Cursor:
    """A video that is being decoded: `frames` yields (number, frame), `following` is the next number."""

    key: tuple[Path, int, int]
    container: Any
    frames: Iterator[tuple[int, Any]]
    following: int = 0


_last: list[_Cursor] = []
"""The video that was read last, in this process."""


def read_video_frame(path: Path, t: int) -> np.ndarray:
    """(H, W, 3) uint8 RGB of frame t (from 0); raises `HumansenseError` for no video, or one that ends before."""
    import av

    try:
        frame = _frame(path, t)
    except (av.FFmpegError, OSError, ValueError, IndexError) as error:
        _close()
        raise HumansenseError(f"{path} cannot be read as a video ({error}): fetch it again") from error
    if frame is None:
        _close()
        raise HumansenseError(f"{path} has no frame {t + 1}: it is cut short, fetch it again")
    return frame.to_ndarray(format="rgb24")


def _frame(path: Path, t: int) -> Any:
    key = (path, path.stat().st_mtime_ns, os.getpid())  # a process that was forked must not share the file's position
    if not _last or _last[0].key != key or _last[0].following > t:
        _open(key, t)
    frame = _advance(_last[0], t)
    if frame is None:  # the time stamps do not tell the number: count from the beginning
        _open(key, None)
        frame = _advance(_last[0], t)
    return frame


def _advance(cursor: _Cursor, t: int) -> Any:
    for number, frame in cursor.frames:
        cursor.following = number + 1
        if number >= t:
            return frame if number == t else None
    return None


def _open(key: tuple[Path, int, int], t: int | None) -> None:
    """Start decoding before frame t, or at the beginning and by counting."""
    import av

    _close()
    container = av.open(str(key[0]))
    stream = container.streams.video[0]
    rate, unit = stream.average_rate, stream.time_base
    # Where frames do not come evenly, time does not tell their number.
    if t is None or not rate or not unit or rate != stream.base_rate:
        frames: Iterator[tuple[int, Any]] = enumerate(container.decode(stream))
    else:
        step = 1 / (rate * unit)
        start = stream.start_time or 0
        container.seek(start + round(t * step), stream=stream)
        frames = _by_time(container.decode(stream), start, step)
    _last.append(_Cursor(key, container, frames))


def _by_time(frames: Iterator[Any], start: int, step: Fraction) -> Iterator[tuple[int, Any]]:
    for frame in frames:
        if frame.pts is None:
            return
        yield round((frame.pts - start) / step), frame


def _close() -> None:
    while _last:
        cursor = _last.pop()
        if cursor.key[2] == os.getpid():
            with suppress(Exception):
                cursor.container.close()
