"""Videos as they come: damaged, cut, turned, of changing size and rate."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from humansense.core import HumansenseError
from humansense.video import VideoWriter, frame_times, probe_video, read_frames


def textured(i: int, height: int = 48, width: int = 64) -> np.ndarray:
    """Frame i: fixed noise whose brightness tells the number."""
    noise = np.random.default_rng(0).integers(0, 40, (height, width, 3))
    return (noise + 5 * (i % 40)).astype(np.uint8)


def encode(path, frames, form: str, size=(48, 64), pts=None, gop: int = 4):
    """A file by PyAV; pts in thousandths of a second."""
    with av.open(str(path), "w", format=form) as container:
        stream = container.add_stream("mpeg4", rate=25, options={"g": str(gop)})
        stream.height, stream.width = size
        stream.pix_fmt, stream.time_base = "yuv420p", Fraction(1, 1000)
        stream.codec_context.time_base = Fraction(1, 1000)
        for i, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = (40 * i if pts is None else pts[i]), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("second", [(24, 32), (96, 64), (48, 96)])
def test_a_change_of_size_is_scaled_into_the_first(tmp_path, second, caplog):
    parts = []
    for name, size in (("a", (48, 64)), ("b", second)):
        bright = [np.full((*size, 3), 200, np.uint8)] * 6
        parts.append(encode(tmp_path / f"{name}.ts", bright, "mpegts", size).read_bytes())
    path = tmp_path / "both.mts"
    path.write_bytes(b"".join(parts))
    frames = list(read_frames(path))
    assert len(frames) >= 10
    assert {f.shape for f in frames} == {(48, 64, 3)}
    assert "changes its frame size" in caplog.text
    last = frames[-1].astype(int)
    assert np.abs(last[24, 32] - 200).max() < 12  # the middle is picture
    scale = min(48 / second[0], 64 / second[1])
    share = (second[0] * scale) * (second[1] * scale) / (48 * 64)
    assert (last.mean(-1) > 100).mean() == pytest.approx(share, abs=0.05)  # the rest is black


def test_a_broken_middle_does_not_end_the_film(tmp_path, caplog):
    path = encode(tmp_path / "a.avi", [textured(i) for i in range(40)], "avi")
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(1)
    # Chunks of AVI start with their stream's name: three packets lose their content.
    starts = [i for i in range(len(data) - 4) if data[i : i + 4] == b"00dc"]
    for start in starts[12:15]:
        data[start + 8 : start + 200] = rng.integers(0, 256, 192, np.uint8).tobytes()
    path.write_bytes(data)
    frames = list(read_frames(path))
    assert len(frames) >= 36
    whole = [textured(i).mean() for i in range(40)]
    assert abs(frames[-1].mean() - whole[-1]) < 3  # the end of the film is there


def test_random_damage_gives_frames_or_one_line(tmp_path):
    data = encode(tmp_path / "a.avi", [textured(i) for i in range(20)], "avi").read_bytes()
    rng = np.random.default_rng(2)
    for trial in range(8):
        broken = np.frombuffer(data, np.uint8).copy()
        where = rng.integers(0 if trial % 2 else 6000, len(broken), 200)
        broken[where] ^= rng.integers(1, 256, len(where)).astype(np.uint8)
        (tmp_path / "b.avi").write_bytes(broken.tobytes())
        said = ""
        try:
            assert len({f.shape for f in read_frames(tmp_path / "b.avi")}) == 1
        except HumansenseError as error:
            said = str(error)
        assert said == "" or "b.avi" in said
        assert "\n" not in said


def test_a_cut_end_keeps_the_start(tmp_path):
    data = encode(tmp_path / "a.ts", [textured(i) for i in range(30)], "mpegts").read_bytes()
    (tmp_path / "cut.ts").write_bytes(data[: len(data) // 2])
    frames = list(read_frames(tmp_path / "cut.ts"))
    assert 8 <= len(frames) <= 20
    assert np.abs(frames[0].astype(int) - textured(0)).mean() < 12


def test_a_container_without_a_frame(tmp_path):
    with av.open(str(tmp_path / "none.avi"), "w", format="avi") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        container.start_encoding()
    for read in (probe_video, lambda p: list(read_frames(p))):
        with pytest.raises(HumansenseError, match=r"none\.avi"):
            read(tmp_path / "none.avi")


def test_times_of_a_variable_rate(tmp_path):
    pts = [0, 40, 80, 480, 520, 1520]
    path = encode(tmp_path / "v.mkv", [textured(i) for i in range(6)], "matroska", pts=pts)
    assert frame_times(path) == pytest.approx([p / 1000 for p in pts], abs=0.002)
    assert len(list(read_frames(path))) == 6


def test_times_follow_the_order_of_showing(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", fps=12.5) as video:  # x264 stores B-frames out of order
        for i in range(20):
            video.write(textured(i))
    assert frame_times(tmp_path / "a.mp4") == pytest.approx(np.arange(20) / 12.5, abs=1e-3)


def test_one_of_every_three(tmp_path):
    path = encode(tmp_path / "a.mkv", [textured(i) for i in range(10)], "matroska")
    some, every = list(read_frames(path, every=3)), list(read_frames(path))
    assert len(some) == 4
    assert all((a == b).all() for a, b in zip(some, every[::3], strict=True))
    with pytest.raises(HumansenseError, match="1 or more"):
        next(read_frames(path, every=0))
