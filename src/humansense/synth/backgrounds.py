"""What stands behind the people: procedural scenes, or the pictures and videos that a user brings (`pictures`).

`procedural_background(rng, size)` composes a scene of `scenery`, strews distractors over it and gives it the
finish of a photograph. It is pure: the same generator state and size give the same bytes.
"""

from __future__ import annotations

from itertools import repeat

import cv2
import numpy as np

from humansense.synth import scenery
from humansense.synth.clutter import capsule, skin_like, strew
from humansense.synth.furnish import small_picture, words
from humansense.synth.noise import Image, Rng, between, chance, fractal, modulate
from humansense.synth.pictures import Backdrop, open_entry
from humansense.synth.rooms import paste
from humansense.synth.things import crowd, net

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


def procedural_background(
    rng: np.random.Generator, size: tuple[int, int] = (240, 320), developed: bool = True
) -> Image:
    """A made-up photograph without people, (H, W, 3) uint8 RGB, for `size` = (H, W).

    Without `developed` it is what reaches the sensor: `develop` the picture after people have been put into it, so
    that tone, sharpness and grain do not tell the people from what is behind them.
    """
    shares = np.cumsum([share for share, _ in SCENES])
    chosen = int(np.searchsorted(shares, rng.random() * shares[-1]))
    scene = SCENES[min(chosen, len(SCENES) - 1)][1]
    image = scene(rng, size)
    if scene is not scenery.studio or chance(rng, 0.15):
        _overlay(rng, image)
    image = defocus(rng, image)
    return develop(rng, image, scene is scenery.studio) if developed else image


def _overlay(rng: Rng, image: Image) -> None:
    """Things in front of the scene, some of them out of focus."""
    height, width = image.shape[:2]
    if chance(rng, 0.55):
        strew(rng, image)
    if chance(rng, 0.15):
        _sign(rng, image)
    if chance(rng, 0.06):
        words(rng, image)
    if chance(rng, 0.04):
        crowd(rng, image)
    if chance(rng, 0.05):
        net(rng, image)
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


def defocus(rng: Rng, image: Image) -> Image:
    """Depth of field: what lies behind the subject is often out of focus."""
    unit = max(image.shape[:2]) / 320
    focus = rng.random()
    if focus < 0.16:
        return cv2.GaussianBlur(image, (0, 0), unit * between(rng, 0.8, 4.0))
    if focus < 0.5:
        return cv2.GaussianBlur(image, (0, 0), unit * between(rng, 0.35, 0.7))
    return image


def develop(rng: Rng, image: Image, studio: bool = False) -> Image:
    """Sensor and camera, for a whole picture: exposure, colour cast, contrast, falloff. Grain is left to augmentation.

    The shares are set so that brightness, contrast and gradients are spread as in photographs of people.
    """
    height, width = image.shape[:2]
    image = cv2.LUT(image, _tone_curve(rng, image, studio))
    if chance(rng, 0.6):
        image = _saturate(image, between(rng, 0.25, 1.0) if chance(rng, 0.95) else 0.0)
    if chance(rng, 0.4):
        y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] - np.float32(rng.normal(0, 0.3))
        x = np.linspace(-1, 1, width, dtype=np.float32)[None] - np.float32(rng.normal(0, 0.3))
        image = modulate(image, 1 - (x * x + y * y) * np.float32(between(rng, 0.03, 0.2)))
    return image


def _tone_curve(rng: Rng, image: Image, studio: bool) -> np.ndarray:
    """A camera's look-up table (1, 256, 3) uint8: auto-exposure to the picture's range, cast, gamma, s-curve."""
    level = np.arange(256, dtype=np.float32)[:, None]
    if not studio and chance(rng, 0.85):
        sample = image[::4, ::4].reshape(-1)
        low, high = np.percentile(sample, [between(rng, 0.2, 4), between(rng, 94, 99.5)])
        amount = np.float32(between(rng, 0.3, 1.0))
        stretched = (level - low) / max(high - low, 40) * 255
        level = level + (stretched - level) * amount
    level = np.clip(level / 255 * np.exp(rng.normal(0.03, 0.12)) * (1 + rng.normal(0, 0.05, 3)), 0, 1)
    level = level ** np.exp(rng.normal(-0.12, 0.25))
    steep = np.float32(between(rng, -0.2, 0.7))
    level = level + steep * (level * level * (3 - 2 * level) - level)
    return np.clip(level * 255, 0, 255).astype(np.uint8)[None]


def _saturate(image: Image, amount: float) -> Image:
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return cv2.addWeighted(image, amount, grey, 1 - amount, 0)


def open_background(
    entry: str, rng: np.random.Generator, size: tuple[int, int], frames: int = 1, developed: bool = True
) -> Backdrop:
    """What is behind the people of a clip: an entry of `find_backgrounds`, or a procedural scene for "".

    developed: as in `procedural_background`. Raises `HumansenseError` for an entry that cannot be read.
    """
    if entry:
        return open_entry(entry, rng, size, frames)
    return Backdrop(repeat(procedural_background(rng, size, developed), frames), static=True)
