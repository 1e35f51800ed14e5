"""Backgrounds that a user brings: every source, and every way in which a source can be broken."""

import contextlib
import logging
from pathlib import Path

import cv2
import numpy as np
import pytest

from humansense.core import HumansenseError
from humansense.synth import pictures
from humansense.synth.backgrounds import open_background, procedural_background
from humansense.synth.pictures import Crop, find_backgrounds, open_entry
from humansense.video.write import VideoWriter


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def coloured(hue: int, size: tuple[int, int] = (60, 80)) -> np.ndarray:
    """A picture (H, W, 3) RGB with a gradient, so that crops differ."""
    y, x = np.mgrid[0 : size[0], 0 : size[1]]
    return np.stack([np.full(size, hue), x * 255 // size[1], y * 255 // size[0]], -1).astype(np.uint8)


def store(path: Path, picture: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture[..., ::-1])
    return path


def film(path: Path, frames: int, size: tuple[int, int] = (48, 64)) -> Path:
    """Frame t is grey of level 20 + 6 t."""
    with VideoWriter(path, fps=25) as writer:
        for t in range(frames):
            writer.write(np.full((*size, 3), 20 + 6 * t, np.uint8))
    return path


def database(folder: Path, values: dict[bytes, bytes]) -> Path:
    lmdb = pytest.importorskip("lmdb")
    with lmdb.open(str(folder), map_size=1 << 22) as environment, environment.begin(write=True) as transaction:
        for key, value in values.items():
            transaction.put(key, value)
    return folder


def webp(picture: np.ndarray) -> bytes:
    return cv2.imencode(".webp", picture[..., ::-1])[1].tobytes()


def test_a_folder_is_listed_without_being_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["b/x.jpg", "a.png", "b/c/y.webp", "z.JPG"]
    for i, name in enumerate(names):
        store(tmp_path / name, coloured(50 * i))
    (tmp_path / "notes.txt").write_text("no picture")
    monkeypatch.setattr(pictures.cv2, "imdecode", None)
    assert find_backgrounds(tmp_path) == tuple(str(tmp_path / name) for name in sorted(names, key=lambda n: Path(n)))


def test_broken_files_are_left_out_with_one_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    good = store(tmp_path / "good.png", coloured(10))
    for i in range(5):
        (tmp_path / f"bad{i}.jpg").write_bytes(b"" if i == 0 else b"<html>not found</html>")
    with caplog.at_level(logging.WARNING):
        assert find_backgrounds(tmp_path) == (str(good),)
    assert len(caplog.records) == 1
    assert "5 of the files" in caplog.text
    assert "bad0.jpg" in caplog.text
    assert "bad4.jpg" not in caplog.text
    good.unlink()
    with pytest.raises(HumansenseError, match="no picture that can be read below it"):
        find_backgrounds(tmp_path)
    with pytest.raises(HumansenseError, match="no such folder"):
        find_backgrounds(tmp_path / "elsewhere")


def usable(entries: tuple[str, ...], frames: int = 1) -> set[str]:
    """The entries that can be opened."""
    found = set()
    for entry in entries:
        with contextlib.suppress(HumansenseError):
            next(open_entry(entry, rng(), (10, 10), frames).pictures)
            found.add(entry)
    return found


def test_a_file_that_begins_like_a_picture_is_found_out_when_it_is_opened(tmp_path: Path) -> None:
    good = store(tmp_path / "good.jpg", coloured(77))
    whole = good.read_bytes()
    for i in range(3):
        (tmp_path / f"cut{i}.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "cut3.png").write_bytes(cv2.imencode(".png", coloured(3))[1].tobytes()[:60])
    entries = find_backgrounds(tmp_path)
    assert len(entries) == 5
    assert usable(entries) == {str(good)}
    with pytest.raises(HumansenseError, match=r"cut0.jpg: not a picture that can be decoded"):
        open_entry(entries[0], rng(), (20, 30))


def test_a_picture_stands_still(tmp_path: Path) -> None:
    path = store(tmp_path / "a.png", coloured(123))
    backdrop = open_entry(str(path), rng(1), (24, 32), frames=4)
    shown = list(backdrop.pictures)
    assert backdrop.static
    assert len(shown) == 4
    for picture in shown:
        assert picture.shape == (24, 32, 3)
        assert picture.dtype == np.uint8
        np.testing.assert_array_equal(picture, shown[0])
        assert np.abs(picture[..., 0].astype(int) - 123).max() <= 1  # red first
    assert find_backgrounds(path) == (str(path),)


def test_every_kind_of_picture_is_read_as_three_channels(tmp_path: Path) -> None:
    grey, alpha, deep = tmp_path / "grey.png", tmp_path / "alpha.png", tmp_path / "deep.png"
    assert cv2.imwrite(str(grey), np.full((30, 40), 90, np.uint8))
    assert cv2.imwrite(str(alpha), np.full((30, 40, 4), 90, np.uint8))
    assert cv2.imwrite(str(deep), np.full((30, 40, 3), 90 * 257, np.uint16))
    for path in (grey, alpha, deep):
        picture = next(open_entry(str(path), rng(), (15, 20)).pictures)
        assert (picture == 90).all()


@pytest.mark.parametrize("size", [(10, 10), (24, 96), (200, 50)])
def test_a_crop_is_the_largest_of_its_shape_or_down_to_half(size: tuple[int, int]) -> None:
    for seed in range(40):
        crop = Crop.draw(rng(seed), (60, 80), size)
        whole = min(60 / size[0], 80 / size[1])
        assert 0.5 * whole * size[0] - 1 <= crop.height <= whole * size[0] + 1
        assert crop.height / crop.width == pytest.approx(size[0] / size[1], rel=0.15)
        assert 0 <= crop.y <= 60 - crop.height
        assert 0 <= crop.x <= 80 - crop.width
    picture = coloured(5)
    crop = Crop(7, 11, 20, 30, (20, 30), False)
    np.testing.assert_array_equal(crop.of(picture), picture[7:27, 11:41])
    np.testing.assert_array_equal(Crop(7, 11, 20, 30, (20, 30), True).of(picture), picture[7:27, 11:41][:, ::-1])


def test_a_video_runs_in_order_with_one_crop(tmp_path: Path) -> None:
    path = film(tmp_path / "sea.mp4", 30)
    assert find_backgrounds(path) == (str(path),)
    assert find_backgrounds(tmp_path) == (str(path),)
    starts = set()
    for seed in range(6):
        backdrop = open_entry(str(path), rng(seed), (16, 20), frames=10)
        levels = np.array([picture.mean() for picture in backdrop.pictures])
        assert not backdrop.static
        assert len(levels) == 10
        np.testing.assert_allclose(np.diff(levels), 6, atol=2.5)
        starts.add(round(levels[0] / 6))
    assert len(starts) > 2  # from another place each time


def test_a_video_shorter_than_the_clip_runs_back_and_forth(tmp_path: Path) -> None:
    path = film(tmp_path / "short.mp4", 5)
    levels = [round((picture.mean() - 20) / 6) for picture in open_entry(str(path), rng(), (16, 20), 12).pictures]
    assert levels == [0, 1, 2, 3, 4, 3, 2, 1, 0, 1, 2, 3]
    single = film(tmp_path / "one.mp4", 1)
    assert len(list(open_entry(str(single), rng(), (16, 20), 3).pictures)) == 3


def test_a_broken_video_is_an_error_that_another_draw_mends(tmp_path: Path) -> None:
    bad, good = tmp_path / "bad.mp4", store(tmp_path / "good.png", coloured(1))
    bad.write_bytes(b"\0" * 500)
    entries = find_backgrounds(tmp_path)
    assert entries == (str(bad), str(good))
    with pytest.raises(HumansenseError, match=r"bad.mp4"):
        open_entry(str(bad), rng(), (10, 10), 3)
    assert usable(entries, 3) == {str(good)}


def test_a_database_of_lsun_is_read_by_key(tmp_path: Path) -> None:
    values = {f"{i:040x}".encode(): webp(np.full((40, 50, 3), 40 * i, np.uint8)) for i in range(4)}
    folder = database(tmp_path / "bedroom_val_lmdb", values)
    store(tmp_path / "a.png", coloured(9))
    entries = find_backgrounds(tmp_path)
    assert entries == (str(tmp_path / "a.png"), *(f"{folder}#{i:040x}" for i in range(4)))
    assert find_backgrounds(folder) == entries[1:]
    for i in range(4):
        backdrop = open_entry(entries[1 + i], rng(), (20, 20), frames=2)
        assert backdrop.static
        assert np.abs(next(backdrop.pictures).astype(int) - 40 * i).max() < 6
    with pytest.raises(HumansenseError, match="has no such key"):
        open_entry(f"{folder}#ffff", rng(), (20, 20))


def test_keys_of_any_bytes_and_broken_values(tmp_path: Path) -> None:
    good = coloured(200)
    folder = database(tmp_path / "odd", {b"a/b#c%\xff": webp(good), b"broken": b"no picture"})
    entries = find_backgrounds(folder)
    assert len(entries) == 2
    assert usable(entries) == {f"{folder}#a%2Fb%23c%25%FF"}


def test_a_large_database_is_thinned_evenly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = database(tmp_path / "many", {f"{i:03d}".encode(): b"x" for i in range(25)})
    monkeypatch.setattr(pictures, "MOST_KEYS", 10)
    assert [entry.rpartition("#")[2] for entry in find_backgrounds(folder)] == [f"{i:03d}" for i in range(0, 25, 3)]


def test_a_broken_database_and_a_missing_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("lmdb")
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "data.mdb").write_bytes(b"\1" * 9000)
    with pytest.raises(HumansenseError, match="not an lmdb database that can be opened"):
        find_backgrounds(broken)
    monkeypatch.setitem(__import__("sys").modules, "lmdb", None)
    other = tmp_path / "other"
    other.mkdir()
    (other / "data.mdb").write_bytes(b"\1" * 9000)
    with pytest.raises(HumansenseError, match="pip install lmdb"):
        find_backgrounds(other)


def test_a_clip_without_an_entry_gets_a_procedural_scene() -> None:
    backdrop = open_background("", rng(4), (48, 64), frames=3, developed=False)
    shown = list(backdrop.pictures)
    assert backdrop.static
    assert len(shown) == 3
    np.testing.assert_array_equal(shown[2], procedural_background(rng(4), (48, 64), developed=False))
