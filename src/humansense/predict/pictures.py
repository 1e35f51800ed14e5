"""Reading any picture a person may hand in: upright, 8-bit RGB, of bounded size, or one clear message."""

from __future__ import annotations

import struct
import threading
import time
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from humansense.core import HumansenseError

MIN_SIDE = 16
"""Pictures with a shorter side hold no person that anyone could see."""
MAX_PIXELS = 24_000_000
"""Larger pictures are reduced by a whole factor as they are read: 24 megapixels of RGB are 72 MB."""
MAX_FILE_PIXELS = 1_000_000_000
"""Larger files are refused: decoding them would take several GB."""
PICTURE_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".ppm", ".pgm", ".jp2", ".avif")
)

_BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, IndexError, KeyError, TypeError)
_pillow_limit = threading.Lock()


@dataclass(frozen=True)
class Picture:
    """A picture as it is worked on.

    image: (H, W, 3) uint8 RGB, upright.
    file_size: (H, W) of the upright picture in the file; larger than the image's if it was reduced.
    name: the path, for messages. read_ms: milliseconds that reading it took.
    """

    image: np.ndarray
    file_size: tuple[int, int]
    name: str
    read_ms: float = 0.0

    @property
    def to_file(self) -> np.ndarray:
        """(3, 3) float64: pixels of `image` to pixels of the (upright) file."""
        return np.diag([self.file_size[1] / self.image.shape[1], self.file_size[0] / self.image.shape[0], 1.0])


def read_image(path: str | Path) -> np.ndarray:
    """The picture in a file as (H, W, 3) uint8 RGB, upright.

    Reads what Pillow reads (JPEG, PNG, WebP, TIFF, BMP, ...): the orientation of EXIF is applied, greyscale,
    palette and CMYK become RGB, 16 bits are scaled to 8, transparency is laid over white. Of an animation or
    a multi-page file the first picture counts. A picture of more than `MAX_PIXELS` is reduced by a whole
    factor. Raises `HumansenseError` for anything that is not a whole picture of at least `MIN_SIDE` pixels.
    """
    return read_picture(path).image


def read_picture(path: str | Path, max_pixels: int = MAX_PIXELS) -> Picture:
    """`read_image` that also tells the size of the picture in the file."""
    path, start = Path(path), time.perf_counter()
    _check_file(path)
    try:
        with _unlimited_pillow(), Image.open(path) as opened:
            _check_size(path, opened.size)
            upright_size = _upright_size(opened)
            image = _decode(opened, max_pixels)
    except Image.UnidentifiedImageError as error:
        raise HumansenseError(
            f"{path} is not a picture that can be read: give a JPEG, PNG, WebP, TIFF or BMP file"
        ) from error
    except MemoryError as error:
        raise HumansenseError(f"{path} is too large for the memory of this machine: scale it down first") from error
    except PermissionError as error:
        raise HumansenseError(f"cannot read {path}: no permission") from error
    except _BROKEN as error:
        raise HumansenseError(
            f"{path} is damaged or cut short ({_first_line(error)}): fetch or export it again"
        ) from error
    size = (upright_size[1], upright_size[0])
    return Picture(np.ascontiguousarray(image), size, str(path), (time.perf_counter() - start) * 1e3)


def picture_from_array(image: np.ndarray, name: str = "array") -> Picture:
    """An array that is already in memory, (H, W, 3) or (H, W) uint8 RGB, checked like a file."""
    array = np.asarray(image)
    if array.ndim == 2:
        array = np.repeat(array[..., None], 3, -1)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
        raise HumansenseError(
            f"the picture {name} is {array.dtype} {array.shape}, expected uint8 RGB (H, W, 3) or grey (H, W)"
        )
    _check_size(Path(name), (array.shape[1], array.shape[0]))
    return Picture(np.ascontiguousarray(array), (array.shape[0], array.shape[1]), name)


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise HumansenseError(f"{path} is a folder, expected a picture")
    if not path.exists():
        raise HumansenseError(f"{path} does not exist: check the path")
    try:
        empty = path.stat().st_size == 0
    except OSError as error:
        raise HumansenseError(f"cannot read {path}: {error.strerror}") from error
    if empty:
        raise HumansenseError(f"{path} is empty (0 bytes): fetch or export it again")


def _check_size(path: Path, size: tuple[int, int]) -> None:
    width, height = size
    if min(width, height) < MIN_SIDE:
        raise HumansenseError(
            f"{path} is {width}x{height} pixels: too small, a picture needs at least {MIN_SIDE} on each side"
        )
    if width * height > MAX_FILE_PIXELS:
        raise HumansenseError(
            f"{path} is {width}x{height} pixels, more than {MAX_FILE_PIXELS // 10**6} megapixels: scale it down first"
        )


def _upright_size(opened: Image.Image) -> tuple[int, int]:
    """(width, height) after EXIF, before any reduction."""
    width, height = opened.size
    turned = opened.getexif().get(0x0112, 1) in (5, 6, 7, 8)
    return (height, width) if turned else (width, height)


def _decode(opened: Image.Image, max_pixels: int) -> np.ndarray:
    """Decode, reduce, convert, turn upright: in the order that keeps the memory small."""
    orientation = opened.getexif().get(0x0112, 1)
    factor = _factor(opened.size, max_pixels)
    if factor > 1:
        # A JPEG can skip most of the work of decoding: its blocks shrink by 2, 4 or 8 for free.
        opened.draft(None, (-(-opened.size[0] // factor), -(-opened.size[1] // factor)))
    opened.load()
    factor = _factor(opened.size, max_pixels)
    extrema = opened.getextrema() if opened.mode.startswith(("I", "F")) else None
    if factor == 1:
        return np.asarray(_transpose(_to_rgb(opened, extrema), orientation))
    # In strips: only the picture as the file holds it is in memory at its full size.
    width, height = opened.size
    strips = []
    for top in range(0, height, 64 * factor):
        strip = opened.crop((0, top, width, min(top + 64 * factor, height)))
        strip.info = opened.info
        strips.append(np.asarray(_to_rgb(strip, extrema).reduce(factor)))
    return np.asarray(_transpose(Image.fromarray(np.concatenate(strips)), orientation))


def _factor(size: tuple[int, int], max_pixels: int) -> int:
    """The smallest whole factor that brings a picture under the limit (the last row and column round up)."""
    factor = 1
    while -(-size[0] // factor) * -(-size[1] // factor) > max_pixels and factor < min(size):
        factor += 1
    return factor


def _transpose(picture: Image.Image, orientation: int) -> Image.Image:
    methods = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    return picture.transpose(methods[orientation]) if orientation in methods else picture


def _to_rgb(picture: Image.Image, extrema: Any = None) -> Image.Image:
    """Any of Pillow's modes as RGB; transparency over white, deep greys scaled to 8 bits."""
    if picture.mode == "RGB" and "transparency" not in picture.info:
        return picture
    if picture.mode.startswith(("I", "F")):
        return Image.fromarray(_deep_to_8bit(np.asarray(picture), extrema)).convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")
    return picture.convert("RGB")


def _deep_to_8bit(values: np.ndarray, extrema: tuple[float, float]) -> np.ndarray:
    """Integers of 16 (or 32) bits and floats to uint8; `extrema` are the whole picture's.

    Integers are scaled by the range of their type (65,535 for 16 bits); floats by 1 where they lie in 0..1,
    else by their own range, since a float picture does not tell what white is.
    """
    whole = np.issubdtype(values.dtype, np.integer)
    low, high = (float(v) for v in extrema)
    values = values.astype(np.float32)
    if not (np.isfinite(low) and np.isfinite(high)):
        values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
        low, high = float(values.min()), float(values.max())
    if whole and low >= 0 and high <= 65535:
        scaled = values / 257.0
    elif not whole and low >= 0 and high <= 1:
        scaled = values * 255.0
    else:
        scaled = (values - low) * (255.0 / max(high - low, 1e-12))
    return np.clip(np.round(np.nan_to_num(scaled)), 0, 255).astype(np.uint8)


@contextmanager
def _unlimited_pillow() -> Iterator[None]:
    """Pillow's own limit lies below a 20,000-pixel square; `_check_size` sets ours instead."""
    with _pillow_limit, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return text[0][:120] if text else type(error).__name__
