"""Random changes of a training crop: what real photos do to people and synthetic pictures do not.

Geometry first (`sample_crop` gives the matrix that everything goes through), then what lies in front of and beside
the person, then light and colour, then the camera (resolution, blur, noise, JPEG). Every function takes the generator
that decides; the same generator state gives the same crop. Pictures are uint8 throughout, because that is what is fast.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, fields

import cv2
import numpy as np

from humansense.core import HumansenseError
from humansense.data.crops import Crop
from humansense.data.transforms import Size, crop_matrix

Rng = np.random.Generator
MAX_REACH = 1.5


@dataclass(frozen=True)
class AugmentSettings:
    """How often (0..1) and how strongly each change happens.

    mirror, any_rotation, off_center, upper_body, no_person, other_person, occlude, texture_background, grey, colour,
    shade, low_resolution, blur, noise, jpeg: probabilities. from_behind: the share of the frames with people seen from
    behind that are taken. Photos show few, and where both are as frequent a net is slow to tell left from right.
    rotation_deg: spread of the usual turn; any_rotation is the chance of any angle at all (gymnasts). fill: least
    and greatest length of the person's box, in crop sides.
    aspect: spread of the logarithm of the stretch.
    """

    mirror: float = 0.5
    from_behind: float = 0.8
    rotation_deg: float = 15.0
    any_rotation: float = 0.3
    fill_min: float = 0.4
    fill_max: float = 1.15
    off_center: float = 0.2
    upper_body: float = 0.15
    aspect: float = 0.06
    no_person: float = 0.06
    other_person: float = 0.1
    occlude: float = 0.12
    texture_background: float = 0.02
    grey: float = 0.08
    colour: float = 0.85
    shade: float = 0.12
    low_resolution: float = 0.06
    blur: float = 0.08
    noise: float = 0.1
    jpeg: float = 0.15

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            high = {"rotation_deg": 180.0, "fill_max": 4.0}.get(field.name, 1.0)
            if not 0 <= value <= high:
                raise HumansenseError(f"augment setting {field.name} is {value}, expected 0 to {high:g}")
        if not 0 < self.fill_min <= self.fill_max:
            raise HumansenseError(f"augment settings ask for a fill from {self.fill_min} to {self.fill_max}")


def sample_crop(box: np.ndarray, picture: Size, size: Size, rng: Rng, settings: AugmentSettings) -> np.ndarray:
    """(3, 3) map of a random crop of `size` about `box` (x0, y0, x1, y1) of a picture of size `picture`.

    Two in three look like the crops that prediction makes (the person fills 60 % and more); the rest goes down to
    `fill_min`, as when the whole picture is looked at first, and up to `fill_max`, where the person is cut off. No crop
    is wider than `MAX_REACH` pictures: it would show little but border.
    """
    length = max(float(box[2] - box[0]), float(box[3] - box[1]), 1.0)
    low, high = settings.fill_min, settings.fill_max
    usual = min(max(0.6, low), high)
    near = rng.random() < 0.67
    fill = rng.uniform(usual, high) if near else math.exp(rng.uniform(math.log(low), math.log(usual)))
    if rng.random() < settings.any_rotation:
        rotation = rng.uniform(-math.pi, math.pi)
    else:
        rotation = math.radians(settings.rotation_deg) * np.clip(rng.standard_normal(), -2.5, 2.5)
    side = min(length / fill, MAX_REACH * max(picture))
    shift = np.clip(rng.standard_normal(2), -2, 2) * 0.04 * side
    if rng.random() < settings.off_center:
        shift = rng.uniform(-1, 1, 2) * (max(0.0, 1 - length / side) / 2 + 0.12) * side
    aspect = math.exp(settings.aspect * np.clip(rng.standard_normal(), -2, 2))
    center = np.array([box[0] + box[2], box[1] + box[3]]) / 2 + shift
    return crop_matrix(center, side, size, rotation, bool(rng.random() < settings.mirror), aspect)


def sample_border(rng: Rng) -> tuple[int, tuple[int, int, int]]:
    """What lies outside the picture: black, the edge's colours drawn out, or one grey or colour."""
    kind = rng.random()
    if kind < 0.4:
        return cv2.BORDER_CONSTANT, (0, 0, 0)
    if kind < 0.7:
        return cv2.BORDER_REPLICATE, (0, 0, 0)
    r, g, b = rng.integers(0, 256, 3).tolist() if kind < 0.9 else [int(rng.integers(0, 256))] * 3
    return cv2.BORDER_CONSTANT, (r, g, b)


@functools.cache
def _textures() -> np.ndarray:
    """(24, 256, 256) uint8 grey patterns: clouds, grain, stripes, checks. The same on every machine."""
    rng = np.random.default_rng(20_240_501)
    ys, xs = np.mgrid[:256, :256].astype(np.float32)
    patterns = []
    for k in range(24):
        angle, period = rng.uniform(0, np.pi), rng.uniform(6, 60)
        along = np.cos(angle) * xs + np.sin(angle) * ys
        across = -np.sin(angle) * xs + np.cos(angle) * ys
        if k % 4 == 0:
            value = 0.5 + 0.5 * np.sin(2 * np.pi * along / period)
        elif k % 4 == 1:
            value = ((along // period + across // period) % 2).astype(np.float32)
        else:
            value = np.zeros((256, 256), np.float32)
            for octave in range(1, 8):
                cells = rng.random((2**octave, 2**octave), np.float32)
                value += (
                    cv2.resize(cells, (256, 256), interpolation=cv2.INTER_CUBIC)
                    * (0.5 if k % 4 == 2 else 0.8) ** octave
                )
            value = (value - value.min()) / (value.max() - value.min())
        patterns.append(np.clip(255 * value, 0, 255).astype(np.uint8))
    return np.stack(patterns)


@functools.cache
def _grain() -> np.ndarray:
    """(1 << 20,) float32 standard normal numbers to take noise from: drawing them each time would cost 1 ms."""
    return np.random.default_rng(20_240_502).standard_normal(1 << 20, np.float32)


def texture(size: Size, rng: Rng) -> np.ndarray:
    """(H, W, 3) uint8: a random pattern between two random colours, or one colour."""
    first, last = rng.integers(0, 256, (2, 3))
    if rng.random() < 0.25:
        return np.full((*size, 3), first, np.uint8)
    bank = _textures()
    grey = bank[rng.integers(len(bank))]
    zoom = rng.uniform(0.3, 1.0)
    height, width = max(1, int(256 * zoom)), max(1, int(256 * rng.uniform(0.7, 1.0) * zoom))
    y, x = int(rng.integers(0, 257 - height)), int(rng.integers(0, 257 - width))
    grey = cv2.resize(grey[y : y + height, x : x + width], (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    table = (first + np.linspace(0, 1, 256)[:, None] * (last - first)).astype(np.uint8)
    return cv2.LUT(cv2.merge([grey, grey, grey]), table[:, None, :].transpose(1, 0, 2))


def occlude(crop: Crop, rng: Rng) -> None:
    """Put one to three things in front: boxes, discs, leaning bars. The truth under them is gone."""
    height, width = crop.image.shape[:2]
    for _ in range(int(rng.integers(1, 4))):
        mask = np.zeros((height, width), np.uint8)
        center = rng.uniform(0, 1, 2) * (width, height)
        axes = rng.uniform(0.05, 0.22, 2) * min(height, width)
        kind = rng.random()
        if kind < 0.25:
            axes = np.array([0.8 * width, rng.uniform(0.015, 0.06) * width])
        angle = float(rng.uniform(0, 180))
        if kind < 0.6:
            corners = cv2.boxPoints((tuple(center), tuple(2 * axes), angle))
            cv2.fillConvexPoly(mask, corners.astype(np.int32), 255)
        else:
            cv2.ellipse(mask, (center.astype(int).tolist(), (2 * axes).astype(int).tolist(), angle), 255, -1)
        cv2.copyTo(texture((height, width), rng), mask, crop.image)
        crop.hide(mask > 0)


def replace_background(crop: Crop, rng: Rng) -> None:
    """Exchange everything that is no person for a pattern, softly at the border."""
    alpha = cv2.GaussianBlur((crop.parts > 0).astype(np.float32), (3, 3), 0.7)[..., None]
    other = texture(crop.image.shape[:2], rng)
    crop.image = (crop.image * alpha + other * (1 - alpha)).astype(np.uint8)


def paste_person(crop: Crop, other: Crop, in_front: bool) -> None:
    """Add the people of `other` to `crop`, behind those that are there or in front of them.

    They keep their own parts and depth; the joints asked for stay those of `crop`.
    """
    there = (other.parts > 0).astype(np.uint8)
    if not in_front:
        there[crop.parts > 0] = 0
    alpha = cv2.GaussianBlur(there.astype(np.float32), (3, 3), 0.7)[..., None]
    if not in_front:
        alpha[crop.parts > 0] = 0
    mask = there > 0
    crop.image = (other.image * alpha + crop.image * (1 - alpha)).astype(np.uint8)
    crop.parts[mask] = other.parts[mask]
    crop.depth[mask] = other.depth[mask]
    if in_front:
        crop.cover(mask)


_LUMA = np.array([0.299, 0.587, 0.114])


def colour_matrix(saturation: float, hue_rad: float, gains: np.ndarray) -> np.ndarray:
    """(3, 3) on RGB: turn the hue about the grey axis, scale the distance from grey, then scale the channels."""
    c, s = math.cos(hue_rad), math.sin(hue_rad)
    axis = np.full((3, 3), 1 / 3)
    cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    turn = c * np.eye(3) + (1 - c) * axis + s * cross
    grey = np.tile(_LUMA, (3, 1))
    return np.diag(gains) @ (grey + saturation * (np.eye(3) - grey)) @ turn


def jitter_colour(image: np.ndarray, rng: Rng, grey: bool) -> np.ndarray:
    """Another light and another camera: hue, saturation, white balance, then gamma, contrast and brightness."""
    normal = np.clip(rng.standard_normal(8), -2.5, 2.5)
    gains = np.exp(0.08 * normal[:3]) if not grey else np.ones(3)
    saturation = 0.0 if grey else float(rng.uniform(0.3, 1.5))
    mixed = cv2.transform(image, colour_matrix(saturation, 0.2 * normal[3], gains))
    levels = np.linspace(0, 1, 256) ** math.exp(0.25 * normal[4])
    contrast, brightness = math.exp(0.22 * normal[5]), 0.08 * normal[6]
    levels = (levels - 0.5) * contrast + 0.5 + brightness
    return cv2.LUT(mixed, np.clip(255 * levels + 0.5, 0, 255).astype(np.uint8))


def shade(image: np.ndarray, rng: Rng) -> np.ndarray:
    """Uneven light: a smooth field of gains, sometimes with the sharp edge of a shadow."""
    height, width = image.shape[:2]
    gains = np.exp(0.35 * rng.standard_normal((3, 3))).astype(np.float32)
    field = cv2.resize(gains, (width, height), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.4:
        angle, level = rng.uniform(0, 2 * np.pi), rng.uniform(0.35, 0.8)
        corner = rng.uniform(0, 1, 2) * (width, height)
        reach = 2.0 * max(height, width)
        along = np.array([np.cos(angle), np.sin(angle)]) * reach
        across = np.array([-np.sin(angle), np.cos(angle)]) * reach
        polygon = np.stack([corner - along, corner + along, corner + along + across, corner - along + across])
        shadow = np.ones((height, width), np.float32)
        cv2.fillConvexPoly(shadow, polygon.astype(np.int32), level)
        field = cv2.multiply(field, shadow)
    return cv2.multiply(image, cv2.merge([field] * 3), dtype=cv2.CV_8U)


def lower_resolution(image: np.ndarray, rng: Rng) -> np.ndarray:
    """Down to 25..80 % and up again, by one of the ways that pictures are resized."""
    height, width = image.shape[:2]
    factor = rng.uniform(0.25, 0.8)
    down = cv2.INTER_AREA if rng.random() < 0.7 else cv2.INTER_LINEAR
    up = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST)[int(rng.choice(3, p=(0.6, 0.3, 0.1)))]
    small = cv2.resize(image, (max(8, int(width * factor)), max(8, int(height * factor))), interpolation=down)
    return cv2.resize(small, (width, height), interpolation=up)


def blur(image: np.ndarray, rng: Rng) -> np.ndarray:
    """Out of focus, or moved while the shutter was open."""
    if rng.random() < 0.65:
        return cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 1.8)))
    # The line goes as far to both sides of the kernel's middle pixel: the picture stays where it is.
    half = int(rng.integers(1, 5))
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    angle = rng.uniform(0, np.pi)
    x, y = round(half * math.cos(angle)), round(half * math.sin(angle))
    cv2.line(kernel, (half, half), (half + x, half + y), 1.0)
    kernel += kernel[::-1, ::-1]
    return cv2.filter2D(image, -1, kernel / kernel.sum())


def add_noise(image: np.ndarray, rng: Rng) -> np.ndarray:
    """Grain of 2 to 20 grey levels, in every channel or the same in all three."""
    bank = _grain()
    coloured = rng.random() < 0.6
    count = image.size if coloured else image.shape[0] * image.shape[1]
    start = int(rng.integers(0, max(1, len(bank) - count)))
    noise = np.resize(bank[start : start + count], count) * np.float32(math.exp(rng.uniform(0.7, 3.0)))
    grains = noise.reshape(image.shape) if coloured else cv2.merge([noise.reshape(image.shape[:2])] * 3)
    return cv2.add(image, grains, dtype=cv2.CV_8U)


def jpeg(image: np.ndarray, rng: Rng) -> np.ndarray:
    """Through a JPEG of quality 15..75."""
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 76))])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded


def develop(image: np.ndarray, rng: Rng, settings: AugmentSettings) -> np.ndarray:
    """Light, colour, and what a camera and the web do to a picture, in that order."""
    grey = rng.random() < settings.grey
    if rng.random() < settings.shade:
        image = shade(image, rng)
    if grey or rng.random() < settings.colour:
        image = jitter_colour(image, rng, grey)
    if rng.random() < settings.low_resolution:
        image = lower_resolution(image, rng)
    if rng.random() < settings.blur:
        image = blur(image, rng)
    if rng.random() < settings.noise:
        image = add_noise(image, rng)
    if rng.random() < settings.jpeg:
        image = jpeg(image, rng)
    return image
