"""read_image: every kind of file a person may hand in."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from humansense.core import HumansenseError
from humansense.predict.pictures import picture_from_array, read_image, read_picture


@pytest.fixture
def scene() -> np.ndarray:
    """Smooth, with four different corners, so that a wrong turn or a wrong channel order shows."""
    y, x = np.mgrid[0:48, 0:64]
    return np.stack([x * 4, y * 5, np.full_like(x, 60)], -1).astype(np.uint8)


@pytest.mark.parametrize(("suffix", "tolerance"), [("png", 0), ("bmp", 0), ("tif", 0), ("jpg", 12), ("webp", 16)])
def test_common_formats(tmp_path, scene, suffix, tolerance):
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(scene).save(path, **({"quality": 95} if tolerance else {}))
    image = read_image(path)
    assert image.dtype == np.uint8
    assert image.shape == scene.shape
    assert np.abs(image.astype(int) - scene).max() <= tolerance


def test_grey_16bit_float_palette_cmyk_alpha(tmp_path, scene):
    grey = scene[..., 0]
    Image.fromarray(grey).save(tmp_path / "l.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "i16.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "i16.tif")
    Image.fromarray(grey.astype(np.float32) / 255).save(tmp_path / "f.tif")
    for name in ("l.png", "i16.png", "i16.tif", "f.tif"):
        image = read_image(tmp_path / name)
        assert (image == grey[..., None]).all(), name
    # A dark 16-bit picture stays dark: it is scaled by its type, not by its own range.
    Image.fromarray(np.ones((32, 32), np.uint16)).save(tmp_path / "dark.png")
    assert read_image(tmp_path / "dark.png").max() == 0

    Image.fromarray(scene).quantize(256).save(tmp_path / "p.png")
    assert np.abs(read_image(tmp_path / "p.png").astype(int) - scene).mean() < 12
    Image.fromarray(scene).convert("CMYK").save(tmp_path / "c.jpg", quality=95)
    assert np.abs(read_image(tmp_path / "c.jpg").astype(int) - scene).mean() < 6
    Image.fromarray(scene).convert("CMYK").save(tmp_path / "c.tif")
    assert np.abs(read_image(tmp_path / "c.tif").astype(int) - scene).max() <= 2

    alpha = np.full((*grey.shape, 1), 255, np.uint8)
    alpha[:, :32] = 0
    Image.fromarray(np.concatenate([scene, alpha], -1)).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert (image[:, :32] == 255).all()
    assert (image[:, 32:] == scene[:, 32:]).all()
    Image.fromarray(np.stack([grey, alpha[..., 0]], -1), "LA").save(tmp_path / "la.png")
    image = read_image(tmp_path / "la.png")
    assert (image[:, :32] == 255).all()
    assert (image[:, 32:, 1] == grey[:, 32:]).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_gives_the_upright_picture(tmp_path, scene, orientation):
    undo = {1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud,
            5: lambda a: a.swapaxes(0, 1), 6: lambda a: np.rot90(a, 1),
            7: lambda a: np.rot90(a, 2).swapaxes(0, 1), 8: lambda a: np.rot90(a, -1)}  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "o.png"
    Image.fromarray(np.ascontiguousarray(undo[orientation](scene))).save(path, exif=exif)
    picture = read_picture(path)
    assert (picture.image == scene).all()
    assert picture.file_size == scene.shape[:2]


def test_bad_files_name_the_file_and_the_remedy(tmp_path, scene):
    Image.fromarray(scene).save(tmp_path / "whole.jpg")
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(tmp_path / "whole.png")
    for suffix in ("jpg", "png"):
        data = (tmp_path / f"whole.{suffix}").read_bytes()
        (tmp_path / f"cut.{suffix}").write_bytes(data[: len(data) * 2 // 3])
        (tmp_path / f"stub.{suffix}").write_bytes(data[:30])
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("not a picture\n" * 50)
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    expected = {
        "cut.jpg": "cut short", "cut.png": "cut short",
        "stub.jpg": "fetch or export|give a JPEG", "stub.png": "fetch or export|give a JPEG",
        "empty.jpg": "0 bytes", "text.jpg": "not a picture", "dot.png": "too small", "absent.png": "does not exist",
    }  # fmt: skip
    for name, words in expected.items():
        with pytest.raises(HumansenseError, match=words) as caught:
            read_image(tmp_path / name)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(HumansenseError, match="folder"):
        read_image(tmp_path)
    with pytest.raises(HumansenseError, match="expected uint8"):
        picture_from_array(np.zeros((32, 32, 4), np.float32))


@pytest.mark.parametrize(("mode", "suffix"), [("L", "png"), ("RGB", "jpg"), ("P", "png"), ("I;16", "png")])
def test_a_picture_over_the_limit_is_reduced_and_maps_back(tmp_path, mode, suffix):
    path = tmp_path / f"big.{suffix}"
    array = np.zeros((300, 2000), np.uint16 if mode == "I;16" else np.uint8)
    array[:, 1000:] = 65535 if mode == "I;16" else 255
    picture = Image.fromarray(array)
    (picture if mode in ("L", "I;16") else picture.convert(mode)).save(path)
    small = read_picture(path, max_pixels=40_000)
    assert small.file_size == (300, 2000)
    height, width = small.image.shape[:2]
    assert height * width <= 40_000
    assert abs(width / height - 2000 / 300) < 0.3
    assert small.image[:, : width // 2 - 2].max() < 8
    assert small.image[:, width // 2 + 2 :].min() > 247
    corner = small.to_file @ [width, height, 1]
    assert np.allclose(corner[:2], [2000, 300])


def test_twenty_thousand_pixels(tmp_path):
    Image.new("1", (20_000, 20_000)).save(tmp_path / "huge.png")
    picture = read_picture(tmp_path / "huge.png")
    assert picture.file_size == (20_000, 20_000)
    assert picture.image.shape[0] * picture.image.shape[1] <= 24_000_000
