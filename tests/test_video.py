"""Video in and out: counts, sizes, rotation, and files that are none."""

from __future__ import annotations

import struct
import wave

import numpy as np
import pytest

from humansense.core import HumansenseError
from humansense.video import VideoWriter, probe_video, read_frames


def ramp(i: int, height: int = 48, width: int = 64) -> np.ndarray:
    """Frame i: bright left half, and a grey that tells the number."""
    frame = np.full((height, width, 3), 20 + 7 * i, np.uint8)
    frame[:, : width // 2] = (230, 40, 40)
    return frame


def write(path, frames: int = 8, height: int = 48, width: int = 64, fps: float = 12.5):
    with VideoWriter(path, fps=fps) as video:
        for i in range(frames):
            video.write(ramp(i, height, width))
    return path


def test_round_trip_keeps_frames_order_and_rate(tmp_path):
    path = write(tmp_path / "a.mp4")
    info = probe_video(path)
    assert (info.frames, info.fps, info.size, info.rotation) == (8, 12.5, (48, 64), 0)
    frames = list(read_frames(path))
    assert len(frames) == 8
    for i, frame in enumerate(frames):
        assert np.abs(frame.astype(int) - ramp(i)).mean() < 6
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


def test_odd_sizes_gain_a_repeated_row_and_column(tmp_path):
    path = write(tmp_path / "odd.mp4", height=47, width=63)
    frame = next(read_frames(path))
    assert frame.shape == (48, 64, 3)
    assert np.abs(frame[47].astype(int) - frame[46]).mean() < 6


def rotate_in_header(path, degrees: int) -> None:
    """Set the display matrix of the track header (ISO 14496-12, section 8.3): what phones do."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40  # version 0: 40 bytes before the matrix
    c, s = round(np.cos(np.radians(degrees))), round(np.sin(np.radians(degrees)))
    data[at : at + 36] = struct.pack(">9i", c << 16, s << 16, 0, -s << 16, c << 16, 0, 0, 0, 1 << 30)
    path.write_bytes(data)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation_of_the_header_is_applied(tmp_path, degrees):
    """The header asks the player to turn the stored frame clockwise by `degrees`."""
    path = write(tmp_path / "r.mp4")
    rotate_in_header(path, degrees)
    upright = next(read_frames(path))
    expected = np.rot90(ramp(0), -degrees // 90)
    assert upright.shape == expected.shape
    assert np.abs(upright.astype(int) - expected).mean() < 6
    assert probe_video(path).size == expected.shape[:2]


def test_a_failure_leaves_no_file(tmp_path):
    def stopped() -> None:
        with VideoWriter(tmp_path / "x.mp4") as video:
            video.write(ramp(0))
            raise KeyboardInterrupt

    def of_two_sizes() -> None:
        with VideoWriter(tmp_path / "z.mp4") as video:
            video.write(ramp(0))
            video.write(ramp(0, 40, 40))

    with pytest.raises(KeyboardInterrupt):
        stopped()
    with pytest.raises(HumansenseError, match="at least one frame"), VideoWriter(tmp_path / "y.mp4"):
        pass
    with pytest.raises(HumansenseError, match="first frame's"):
        of_two_sizes()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(HumansenseError, match="above 0"):
        VideoWriter(tmp_path / "w.mp4", fps=0)


def test_files_without_frames(tmp_path):
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_text("no video " * 100)
    with wave.open(str(tmp_path / "sound.wav"), "wb") as sound:
        sound.setnchannels(1), sound.setsampwidth(2), sound.setframerate(8000)
        sound.writeframes(b"\0\0" * 8000)
    whole = write(tmp_path / "whole.mp4", frames=30).read_bytes()
    (tmp_path / "headless.mp4").write_bytes(whole[:200])
    expected = {"empty.mp4": "0 bytes", "text.mp4": "not a video", "sound.wav": "no video frames",
                "headless.mp4": "headless.mp4", "absent.mp4": "does not exist"}  # fmt: skip
    for name, words in expected.items():
        for read in (probe_video, lambda p: list(read_frames(p))):
            with pytest.raises(HumansenseError, match=words) as caught:
                read(tmp_path / name)
            assert name in str(caught.value)
            assert "\n" not in str(caught.value)


def test_a_video_cut_short_gives_its_first_frames(tmp_path):
    rng = np.random.default_rng(0)
    with VideoWriter(tmp_path / "a.mp4") as video:
        for _ in range(20):
            video.write(rng.integers(0, 256, (48, 64, 3), np.uint8))
    data = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) * 6 // 10])  # the index stands first (faststart)
    assert 1 <= len(list(read_frames(tmp_path / "cut.mp4"))) <= 20
