"""MP4 files that play everywhere: H.264 where this build of FFmpeg has it, 4:2:0, even sizes, whole or not at all."""

from __future__ import annotations

from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from humansense.core import HumansenseError, atomic_path, write_error

_CODECS = ("libx264", "libopenh264", "mpeg4")


class VideoWriter:
    """Write frames of one size to an MP4.

        with VideoWriter("out.mp4", fps=25) as video:
            video.write(frame)          # (H, W, 3) uint8 RGB

    The size is the first frame's; an odd width or height gains one repeated column or row, because 4:2:0 stores
    colour for pairs of pixels. The file takes its name only when the block ends without an error.
    `crf`: quality, 0 (lossless) to 51; 18 is nearly transparent.
    """

    def __init__(self, path: str | Path, fps: float = 25.0, crf: int = 18) -> None:
        if not fps > 0:
            raise HumansenseError(f"cannot write {path} at {fps} frames a second: give a number above 0")
        self.path = Path(path)
        self._fps, self._crf = Fraction(fps).limit_denominator(60_000), crf
        self._stack = ExitStack()
        self._container: Any = None
        self._stream: Any = None
        self._shape: tuple[int, ...] = ()
        self.frames = 0

    def __enter__(self) -> VideoWriter:
        self._temporary = self._stack.enter_context(atomic_path(self.path))
        return self

    def write(self, frame: np.ndarray) -> None:
        """Append one frame; raises `HumansenseError` if it is no uint8 RGB picture of the first frame's size."""
        import av

        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
            raise HumansenseError(f"a video frame is {frame.dtype} {frame.shape}, expected uint8 (H, W, 3)")
        try:
            if self._container is None:
                self._open(frame.shape)
            if frame.shape != self._shape:
                raise HumansenseError(
                    f"frame {self.frames} of {self.path} has shape {frame.shape}, "
                    f"expected the first frame's {self._shape}"
                )
            pad = ((0, frame.shape[0] % 2), (0, frame.shape[1] % 2), (0, 0))
            even = np.pad(frame, pad, mode="edge") if pad[0][1] or pad[1][1] else frame
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
            self._container.mux(self._stream.encode(picture))
        except av.FFmpegError as error:
            raise write_error(self.path, _as_os_error(error)) from error
        self.frames += 1

    def _open(self, shape: tuple[int, ...]) -> None:
        import av

        name = next((c for c in _CODECS if c in av.codecs_available), None)
        if name is None:
            raise HumansenseError(f"cannot write {self.path}: this FFmpeg has none of {', '.join(_CODECS)}")
        self._shape = shape
        self._container = av.open(str(self._temporary), "w", format="mp4", options={"movflags": "+faststart"})
        self._stream = self._container.add_stream(name, rate=self._fps)
        self._stream.width, self._stream.height = shape[1] + shape[1] % 2, shape[0] + shape[0] % 2
        self._stream.pix_fmt = "yuv420p"
        if name == "libx264":
            self._stream.options = {"crf": str(self._crf), "preset": "veryfast"}
        else:
            self._stream.bit_rate = max(1_000_000, shape[0] * shape[1] * 8)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import av

        try:
            if self._container is not None:
                if kind is None:
                    self._container.mux(self._stream.encode(None))
                self._container.close()
            if kind is None and self.frames == 0:
                raise HumansenseError(f"cannot write {self.path}: a video needs at least one frame")
        except av.FFmpegError as problem:
            if kind is None:
                failed = write_error(self.path, _as_os_error(problem))
                self._stack.__exit__(type(failed), failed, None)
                raise failed from problem
        except HumansenseError as problem:
            self._stack.__exit__(type(problem), problem, None)
            raise
        self._stack.__exit__(kind, error, trace)


def _as_os_error(error: Any) -> OSError:
    return error if isinstance(error, OSError) else OSError(getattr(error, "errno", 0) or 0, str(error))
