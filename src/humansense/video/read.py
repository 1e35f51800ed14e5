"""Frames of a video as upright RGB arrays, and what the file says about them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from humansense.core import HumansenseError

VIDEO_SUFFIXES = frozenset(
    (".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp", ".ogv", ".mts")
)
_DEFAULT_FPS = 25.0
_LOG = logging.getLogger(__name__)


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
        frame = next(_decoded(container, stream, path), None)
        if frame is None:
            raise _without_frames(path)
        fps = float(stream.average_rate or stream.guessed_rate or _DEFAULT_FPS)
        frames = stream.frames or _frames_by_duration(container, stream, fps)
        rotation = _rotation(frame)
        height, width = (frame.width, frame.height) if rotation % 180 else (frame.height, frame.width)
    return VideoInfo(frames=int(frames), fps=fps, size=(height, width), rotation=rotation)


def read_frames(path: str | Path, every: int = 1) -> Iterator[np.ndarray]:
    """All frames in order, each (H, W, 3) uint8 RGB, turned upright by the file's rotation; or one of `every`.

    What is damaged is passed over, and a file that is cut short yields the frames that can be decoded; frames whose
    size differs from the first one's are scaled into it, with black borders where the shape differs too. All three are
    told to the log. Raises `HumansenseError` for a file that is no video, and for one from which not a frame comes.
    """
    path = Path(path)
    if every < 1:
        raise HumansenseError(f"cannot read one of {every} frames of {path}: give 1 or more")
    count, size, told = 0, None, False
    with _opened(path) as (container, stream):
        from av.video.reformatter import VideoReformatter

        reformatter = VideoReformatter()  # a fresh one costs 3 ms a frame
        for frame in _decoded(container, stream, path):
            count += 1
            if (count - 1) % every:
                continue
            rotation = _rotation(frame)
            upright = (frame.width, frame.height) if rotation % 180 else (frame.height, frame.width)
            size = size or upright
            if upright == size:
                yield _upright(reformatter.reformat(frame, format="rgb24").to_ndarray(), rotation)
                continue
            if not told:
                _LOG.warning("%s changes its frame size at frame %d: scaled to the first one's", path, count - 1)
                told = True
            yield _fitted(reformatter, frame, rotation, size)
    if count == 0:
        raise _without_frames(path)


def frame_times(path: str | Path) -> list[float]:
    """Seconds from the first frame to each frame by the file's own clock, without decoding; [] where it has none.

    For a variable frame rate. Frames that turn out to be damaged are in the list too.
    """
    path = Path(path)
    times = []
    with _opened(path) as (container, stream):
        import av

        with suppress(av.FFmpegError, EOFError):
            for packet in container.demux(stream):
                if packet.size == 0 or getattr(packet, "is_discard", False):
                    continue
                if packet.pts is None:
                    return []
                times.append(packet.pts)
        base = float(stream.time_base or 0)
    times.sort()  # packets come in decoding order
    return [(time - times[0]) * base for time in times]


def _decoded(container: Any, stream: Any, path: Path) -> Iterator[Any]:
    """Frames packet by packet, so that a damaged one does not end the film."""
    import av

    damaged, packets = 0, container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except (av.FFmpegError, EOFError):
            packet, damaged = None, damaged + 1  # the container ends here; what the decoder still holds is good
        try:
            yield from stream.codec_context.decode(packet) if packet is None else packet.decode()
        except EOFError:
            break  # flushed already
        except av.FFmpegError:
            damaged += 1
        if packet is None:
            break
    if damaged:
        _LOG.warning("%s is damaged in %d places: what could be decoded was used", path, damaged)


def _fitted(reformatter: Any, frame: Any, rotation: int, size: tuple[int, int]) -> np.ndarray:
    """The frame scaled to fit (H, W) `size`, in the middle of black."""
    height, width = (frame.width, frame.height) if rotation % 180 else (frame.height, frame.width)
    scale = min(size[0] / height, size[1] / width)
    wanted = (max(round(height * scale), 1), max(round(width * scale), 1))
    stored = wanted[::-1] if rotation % 180 else wanted
    picture = reformatter.reformat(frame, width=stored[1], height=stored[0], format="rgb24").to_ndarray()
    out = np.zeros((*size, 3), np.uint8)
    top, left = (size[0] - wanted[0]) // 2, (size[1] - wanted[1]) // 2
    out[top : top + wanted[0], left : left + wanted[1]] = _upright(picture, rotation)
    return out


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
