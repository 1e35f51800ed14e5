"""Frames of a video as upright RGB arrays, and what the file says about them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from humansense.core import HumansenseError

VIDEO_SUFFIXES = frozenset(
    (".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp", ".ogv", ".mts")
)
_DEFAULT_FPS = 25.0


@dataclass(frozen=True)
class VideoInfo:
    """What is known before all frames are read.

    frames: the number the container states, or an estimate from the duration; 0 where it states neither.
    fps: frames a second (25 where the file does not say).
    size: (H, W) of the upright frame in pixels.
    rotation: degrees, a multiple of 90, by which stored frames are turned counter-clockwise to stand upright.
    """

    frames: int
    fps: float
    size: tuple[int, int]
    rotation: int


def probe_video(path: str | Path) -> VideoInfo:
    """Open a video and decode its first frame. Raises `HumansenseError` where there is none."""
    path = Path(path)
    with _opened(path) as (container, stream):
        frame = next(iter(container.decode(stream)), None)
        if frame is None:
            raise _without_frames(path)
        fps = float(stream.average_rate or stream.guessed_rate or _DEFAULT_FPS)
        frames = stream.frames or _frames_by_duration(container, stream, fps)
        rotation = _rotation(frame)
        height, width = (frame.width, frame.height) if rotation % 180 else (frame.height, frame.width)
    return VideoInfo(frames=int(frames), fps=fps, size=(height, width), rotation=rotation)


def read_frames(path: str | Path) -> Iterator[np.ndarray]:
    """All frames in order, each (H, W, 3) uint8 RGB, turned upright by the file's rotation.

    A file that is cut short yields the frames that can be decoded. Raises `HumansenseError` for a file that is
    no video, and for one from which not a single frame comes.
    """
    path = Path(path)
    count = 0
    with _opened(path) as (container, stream):
        import av
        from av.video.reformatter import VideoReformatter

        reformatter = VideoReformatter()  # a fresh one costs 3 ms a frame
        frames = container.decode(stream)
        while True:
            try:
                frame = next(frames, None)
            except (av.FFmpegError, EOFError):
                frame = None  # damaged from here on: what came before is good
            if frame is None:
                break
            count += 1
            yield _upright(reformatter.reformat(frame, format="rgb24").to_ndarray(), _rotation(frame))
    if count == 0:
        raise _without_frames(path)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """(container, first video stream), with every way to fail as one message."""
    import av

    if path.is_dir():
        raise HumansenseError(f"{path} is a folder, expected a video")
    if not path.exists():
        raise HumansenseError(f"{path} does not exist: check the path")
    if path.stat().st_size == 0:
        raise HumansenseError(f"{path} is empty (0 bytes): fetch or export it again")
    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError, ValueError) as error:
        raise HumansenseError(
            f"{path} is not a video that can be read ({getattr(error, 'strerror', None) or error}): "
            "give an MP4, MOV, AVI, MKV or WebM file"
        ) from error
    with container:
        if not container.streams.video:
            raise _without_frames(path)
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        try:
            yield container, stream
        except av.FFmpegError as error:
            raise HumansenseError(
                f"{path} cannot be decoded ({error.strerror}): it may be damaged; export it again"
            ) from error


def _frames_by_duration(container: Any, stream: Any, fps: float) -> int:
    if stream.duration and stream.time_base:
        return round(float(stream.duration * stream.time_base) * fps)
    return round(container.duration / 1e6 * fps) if container.duration else 0


def _rotation(frame: Any) -> int:
    """Counter-clockwise degrees in 0, 90, 180, 270; anything between is taken to the nearest."""
    return round((frame.rotation or 0) / 90) * 90 % 360


def _upright(image: np.ndarray, rotation: int) -> np.ndarray:
    return np.ascontiguousarray(np.rot90(image, rotation // 90)) if rotation else image


def _without_frames(path: Path) -> HumansenseError:
    return HumansenseError(f"{path} has no video frames: it may be sound only or cut short; export it again")
