"""What stands behind the people: procedural scenes, or any folder of pictures.

`procedural_background(rng, size)` composes a scene of `scenery`, strews distractors over it and gives it the
finish of a photograph. It is pure: the same generator state and size give the same bytes.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from humansense.core.errors import HumansenseError
from humansense.synth import scenery
from humansense.synth.clutter import capsule, skin_like, strew
from humansense.synth.furnish import small_picture, words
from humansense.synth.noise import Image, Rng, between, chance, fractal, modulate
from humansense.synth.rooms import paste

# (share, scene): how often each scene is drawn.
SCENES = (
    (0.22, scenery.room),
    (0.12, scenery.hall),
    (0.13, scenery.wall_close),
    (0.15, scenery.street),
    (0.13, scenery.country),
    (0.10, scenery.studio),
    (0.04, scenery.thicket),
    (0.04, scenery.clouds_of_colour),
    (0.07, scenery.heap),
)
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")


def procedural_background(rng: np.random.Generator, size: tuple[int, int] = (240, 320)) -> Image:
    """A made-up photograph without people, (H, W, 3) uint8 RGB, for `size` = (H, W)."""
    shares = np.cumsum([share for share, _ in SCENES])
    chosen = int(np.searchsorted(shares, rng.random() * shares[-1]))
    scene = SCENES[min(chosen, len(SCENES) - 1)][1]
    image = scene(rng, size)
    if scene is not scenery.studio or chance(rng, 0.15):
        _overlay(rng, image)
    return photograph(rng, image)


def _overlay(rng: Rng, image: Image) -> None:
    """Things in front of the scene, some of them out of focus."""
    height, width = image.shape[:2]
    if chance(rng, 0.55):
        strew(rng, image)
    if chance(rng, 0.15):
        _sign(rng, image)
    if chance(rng, 0.06):
        words(rng, image)
    if chance(rng, 0.08):
        _near_blur(rng, image)
    if chance(rng, 0.25):
        soft = np.clip(fractal(rng, (height, width), 0.4, between(rng, 1, 3)) + np.float32(0.4), 0, 1)
        image[:] = modulate(image, 1 - soft * np.float32(between(rng, 0.1, 0.5)))


def _sign(rng: Rng, image: Image) -> None:
    """A sign or poster hanging in the picture, seen a little from the side."""
    height, width = image.shape[:2]
    w, h = between(rng, 0.08, 0.35) * width, between(rng, 0.05, 0.3) * height
    x, y = between(rng, 0, 1) * (width - w), between(rng, 0, 0.9) * (height - h)
    quad = np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]]) + rng.normal(0, 0.06, (4, 2)) * (w, h)
    paste(image, quad, small_picture(rng))


def _near_blur(rng: Rng, image: Image) -> None:
    """Something close to the lens at the edge of the picture, far out of focus."""
    layer = image.copy()
    for _ in range(int(rng.integers(1, 4))):
        capsule(rng, layer, skin_like(rng))
    sigma = min(image.shape[:2]) * between(rng, 0.01, 0.03)
    image[:] = cv2.GaussianBlur(layer, (0, 0), sigma)


def photograph(rng: Rng, image: Image) -> Image:
    """A lens: depth of field, light falloff, colour cast, exposure, contrast. No grain: the people would lack it."""
    height, width = image.shape[:2]
    sharp = rng.random()
    unit = max(height, width) / 320
    if sharp < 0.3:
        image = cv2.GaussianBlur(image, (0, 0), unit * between(rng, 1.0, 5.0))
    elif sharp < 0.75:
        image = cv2.GaussianBlur(image, (0, 0), unit * between(rng, 0.4, 0.9))
    lut = np.arange(256, dtype=np.float32)[:, None] / 255
    exposure = np.exp(rng.normal(0, 0.18)) * (1 + rng.normal(0, 0.06, 3))
    tone = np.clip(lut * exposure, 0, 1) ** np.exp(rng.normal(0, 0.22))
    contrast = between(rng, 0.6, 1.1)
    table = np.clip((tone - 0.5) * contrast + 0.5 + rng.normal(0, 0.03), 0, 1) * 255
    image = cv2.LUT(image, table.astype(np.uint8)[None])
    if chance(rng, 0.5):
        image = _saturate(image, between(rng, 0.3, 1.1) if chance(rng, 0.9) else 0.0)
    if chance(rng, 0.5):
        y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] - np.float32(rng.normal(0, 0.3))
        x = np.linspace(-1, 1, width, dtype=np.float32)[None] - np.float32(rng.normal(0, 0.3))
        image = modulate(image, 1 - (x * x + y * y) * np.float32(between(rng, 0.03, 0.22)))
    return image


def _saturate(image: Image, amount: float) -> Image:
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return cv2.addWeighted(image, amount, grey, 1 - amount, 0)


def folder_backgrounds(path: str | Path) -> list[Path]:
    """All picture files below a folder, sorted. A folder without any is an error."""
    folder = Path(path)
    if not folder.is_dir():
        raise HumansenseError(f"{folder}: no such folder; --backgrounds expects a folder of pictures")
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    if not any(cv2.haveImageReader(str(p)) for p in files):
        raise HumansenseError(
            f"{folder}: no picture that can be read below it; put {', '.join(SUFFIXES[:4])} files there, "
            "or leave the option out for procedural backgrounds"
        )
    return files


def load_background(path: str | Path, rng: np.random.Generator, size: tuple[int, int]) -> Image:
    """A random crop of a picture file, resized to `size` = (H, W) and mirrored half of the time."""
    try:
        data = np.fromfile(str(path), np.uint8)
    except OSError as error:
        raise HumansenseError(f"{path}: cannot be read ({error.strerror}); check the file or remove it") from error
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if picture is None:
        raise HumansenseError(f"{path}: not a picture that can be decoded; repair it or remove it from the folder")
    rows, columns = picture.shape[:2]
    height, width = size
    # The largest crop of the wanted shape, or a part of it.
    whole = min(rows / height, columns / width)
    scale = whole * between(rng, 0.5, 1.0)
    h, w = max(1, min(rows, round(height * scale))), max(1, min(columns, round(width * scale)))
    y, x = int(rng.integers(0, rows - h + 1)), int(rng.integers(0, columns - w + 1))
    crop = picture[y : y + h, x : x + w]
    flag = cv2.INTER_AREA if scale > 1 else cv2.INTER_CUBIC
    resized = cv2.resize(crop, (width, height), interpolation=flag)
    resized = cv2.cvtColor(resized, cv2.COLOR_BGR2RGB)
    return cv2.flip(resized, 1) if chance(rng, 0.5) else resized
