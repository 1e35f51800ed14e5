"""What a camera does to a rendered picture: lens, sensor, sharpening, compression, in that order.

Defocus, exposure and noise act on linear light (IEC 61966-2-1, sRGB); the rest on the encoded picture. Motion blur is
the renderer's own.

`expose` is the whole camera. `capture` and `finish` are its two halves: between them belongs what a camera does to
tone and colour, such as `backgrounds.develop`. All are pure in the generator.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from statistics import NormalDist

import cv2
import numpy as np

from humansense.core import HumansenseError
from humansense.synth.noise import Field, Image, Rng, between, chance

UNIT_PX = 320  # `defocus_px` is for a picture whose longer side has so many pixels
FOCUS = ("flat", "subject", "far")
# Layers of different blur, where depth is known: bounds in shares of the full radius, the farthest first.
LAYER_EDGES = (-np.inf, -0.6, -0.2, 0.2, 0.6, np.inf)
_CODES = 4096  # steps of linear light in the table of the encoding


@dataclass(frozen=True)
class Sensor:
    """Settings of one camera for one clip.

    defocus_px: radius of the blur disc in pixels, for a picture with a longer side of 320; it grows with the picture.
        With depth it is that of a point infinitely far from the focus on the side of the background, or of the subject.
    focus: "flat" blurs everything alike; with depth, "subject" is sharp at the subject and "far" at infinity.
    exposure: factor of the light. gains: white balance, factors of red, green and blue after the noise.
    shot, read: the noise of a raw value x in 0..1 has the variance `shot * x + read ** 2` (Foi 2008).
    chroma: 0..1, share of that variance which is independent in each channel; the rest is the same in all three.
    soften_px: standard deviation of the blur of demosaicing. sharpen: amount of unsharp masking.
    grey: a picture without colour. quality: of JPEG, 1..100, or 0 for none.
    Raises `HumansenseError` for values out of range.
    """

    defocus_px: float = 0.0
    focus: str = "flat"
    exposure: float = 1.0
    gains: tuple[float, float, float] = (1.0, 1.0, 1.0)
    shot: float = 0.0
    read: float = 0.0
    chroma: float = 0.6
    soften_px: float = 0.0
    sharpen: float = 0.0
    grey: bool = False
    quality: int = 0

    def __post_init__(self) -> None:
        limits = {
            "defocus_px": (0, 40),
            "exposure": (0, 100),
            "shot": (0, 1),
            "read": (0, 1),
            "chroma": (0, 1),
            "soften_px": (0, 10),
            "sharpen": (0, 5),
            "quality": (0, 100),
        }
        for name, (low, high) in limits.items():
            if not low <= getattr(self, name) <= high:
                raise HumansenseError(f"Sensor.{name} is {getattr(self, name)}, expected {low} to {high}")
        if self.focus not in FOCUS:
            raise HumansenseError(f"Sensor.focus is {self.focus!r}: use one of {', '.join(FOCUS)}")


def sample_sensor(rng: np.random.Generator, strength: str = "strong") -> Sensor:
    """Draw a camera: "mild" as a good one by day, "strong" as any, telephones at night included."""
    if strength not in ("mild", "strong"):
        raise HumansenseError(f"unknown strength {strength!r} of a sensor: use mild or strong")
    strong = strength == "strong"
    amount = 1.0 if strong else 0.4
    red, blue = np.exp(rng.normal(0, 0.07 * amount, 2))
    warm = rng.normal(0, 0.06 * amount)  # lamps are warmer or colder than the balance expects
    blurred = chance(rng, 0.35 if strong else 0.15)
    return Sensor(
        defocus_px=float(np.exp(rng.uniform(np.log(0.4), np.log(3.5 if strong else 1.2)))) if blurred else 0.0,
        focus=FOCUS[int(rng.choice(3, p=(0.35, 0.5, 0.15)))],
        exposure=float(np.exp(rng.normal(0, 0.2 * amount))),
        gains=(float(red * np.exp(warm)), 1.0, float(blue * np.exp(-warm))),
        shot=float(np.exp(rng.uniform(np.log(2e-5), np.log(2e-3 if strong else 4e-4)))),
        read=float(np.exp(rng.uniform(np.log(3e-4), np.log(6e-3 if strong else 1.5e-3)))),
        chroma=between(rng, 0.3, 0.9),
        soften_px=between(rng, 0.3, 0.7) if chance(rng, 0.5) else 0.0,
        sharpen=between(rng, 0.1, 0.9 if strong else 0.4) if chance(rng, 0.6) else 0.0,
        grey=chance(rng, 0.04 if strong else 0.01),
        quality=int(rng.integers(25 if strong else 75, 96)) if chance(rng, 0.85) else 0,
    )


def expose(
    rng: np.random.Generator,
    image: Image,
    sensor: Sensor,
    depth: np.ndarray | None = None,
    focus_m: float | None = None,
) -> Image:
    """The picture that the camera stores, (H, W, 3) uint8 RGB.

    image: (H, W, 3) uint8 RGB. depth: (H, W) metres, NaN where nothing is near; None blurs everything alike. focus_m:
    depth of the subject; None takes the median of `depth`, which is right where only people have a depth.
    Raises `HumansenseError` for wrong shapes.
    """
    return finish(capture(rng, image, sensor, depth, focus_m), sensor)


def capture(
    rng: np.random.Generator,
    image: Image,
    sensor: Sensor,
    depth: np.ndarray | None = None,
    focus_m: float | None = None,
) -> Image:
    """Lens and sensor: defocus, exposure, noise, white balance. Arguments as in `expose`."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise HumansenseError(f"image is {image.dtype} {image.shape}, expected uint8 (H, W, 3)")
    if depth is not None and depth.shape != image.shape[:2]:
        raise HumansenseError(f"depth has shape {depth.shape}, expected {image.shape[:2]} as the image")
    light = cv2.LUT(image, _decoding() * np.float32(sensor.exposure))
    radius = sensor.defocus_px * max(image.shape[:2]) / UNIT_PX
    if radius >= 0.3:
        layered = depth is not None and sensor.focus != "flat" and bool(np.isfinite(depth).any())
        light = _with_depth(light, radius, sensor.focus, depth, focus_m) if layered else _disc_blur(light, radius)
    if sensor.shot or sensor.read:
        light = _noisy(rng, light, sensor)
    gains = np.asarray(sensor.gains, np.float32) * np.float32(_CODES - 1)
    light = np.multiply(light, gains)
    # To 16 bits with rounding and saturation in one pass; the table goes on above full light.
    codes = cv2.addWeighted(light, 1.0, light, 0.0, 0.0, dtype=cv2.CV_16U)
    return np.take(_encoding(), codes)


def finish(image: Image, sensor: Sensor) -> Image:
    """After tone and colour: softness of demosaicing, sharpening, loss of colour, JPEG. (H, W, 3) uint8 RGB."""
    if sensor.soften_px > 0:
        image = cv2.GaussianBlur(image, (5, 5), sensor.soften_px)
    if sensor.sharpen > 0:  # the halo of unsharp masking, about a pixel wide
        image = cv2.addWeighted(image, 1 + sensor.sharpen, cv2.GaussianBlur(image, (5, 5), 1.0), -sensor.sharpen, 0)
    if sensor.grey:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    if sensor.quality:
        coded = cv2.imencode(
            ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, int(sensor.quality)]
        )[1]
        image = cv2.cvtColor(np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR)), cv2.COLOR_BGR2RGB)
    return image


@lru_cache(maxsize=1)
def _decoding() -> np.ndarray:
    """Linear light of each 8-bit value, (256,) float32 0..1 (IEC 61966-2-1)."""
    v = np.arange(256) / 255
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4).astype(np.float32)


@lru_cache(maxsize=1)
def _encoding() -> np.ndarray:
    """8-bit value of each 16-bit code of linear light, uint8; full light is `_CODES` - 1."""
    x = np.minimum(np.arange(65536) / (_CODES - 1), 1.0)
    v = np.where(x <= 0.0031308, x * 12.92, 1.055 * x ** (1 / 2.4) - 0.055)
    return np.round(v * 255).astype(np.uint8)


@lru_cache(maxsize=1)
def _quantiles() -> np.ndarray:
    """256 equally likely values of the normal distribution, (256,) float32 with variance 1: a byte becomes noise."""
    normal = NormalDist()
    values = np.array([normal.inv_cdf((i + 0.5) / 256) for i in range(256)])
    return (values / values.std()).astype(np.float32)


def _noisy(rng: Rng, light: Field, sensor: Sensor) -> Field:
    """Raw values with shot and read noise: a part alike in all channels, a part of each channel's own."""
    height, width = light.shape[:2]
    own = cv2.LUT(rng.integers(0, 256, (height, width, 3), np.uint8), _quantiles() * np.float32(sensor.chroma**0.5))
    shared = _quantiles() * np.float32((1 - sensor.chroma) ** 0.5)
    common = cv2.LUT(rng.integers(0, 256, (height, width), np.uint8), shared)
    noise = cv2.add(own, cv2.merge([common, common, common]))
    spread = cv2.sqrt(light * np.float32(sensor.shot) + np.float32(sensor.read**2))
    return cv2.add(light, cv2.multiply(noise, spread))


@lru_cache(maxsize=256)
def _disc(radius: float) -> np.ndarray:
    """A disc of that radius in pixels with an anti-aliased edge, sum 1."""
    reach = int(np.ceil(radius))
    fine = 8
    place = (np.arange((2 * reach + 1) * fine) + 0.5) / fine - reach - 0.5
    inside = (place[:, None] ** 2 + place[None] ** 2 <= radius**2).astype(np.float64)
    side = 2 * reach + 1
    kernel = inside.reshape(side, fine, side, fine).mean((1, 3))
    return (kernel / kernel.sum()).astype(np.float32)


def _disc_blur(light: Field, radius: float) -> Field:
    return cv2.filter2D(light, -1, _disc(round(radius, 2)), borderType=cv2.BORDER_REFLECT)


def _with_depth(light: Field, radius: float, focus: str, depth: np.ndarray | None, focus_m: float | None) -> Field:
    """Blur by the distance from the focus, in layers that are laid over each other from far to near.

    The disc's radius grows with the difference of inverse depths (a thin lens). What lies behind is blurred from its
    own pixels alone, so that a sharp outline throws no halo on it; what lies in front spreads over what is behind.
    """
    assert depth is not None
    with np.errstate(divide="ignore"):
        nearness = np.where(np.isfinite(depth), 1 / np.maximum(depth, 0.05), 0.0).astype(np.float32)
    subject = 1 / focus_m if focus_m else float(np.median(nearness[nearness > 0]))
    sharp_at = subject if focus == "subject" else 0.0
    # Signed radius: below zero behind the focus. A point at infinity, or the subject, has the full one.
    signed = np.clip((nearness - sharp_at) / max(subject, 1e-6), -1.5, 1.5) * np.float32(radius)
    result = light
    for low, high in pairwise(LAYER_EDGES):
        in_front = signed >= low * radius
        own = in_front & (signed < high * radius)
        if own.any():
            result = _layer(light, result, own, in_front, float(np.abs(signed[own]).mean()))
    return result


def _layer(light: Field, behind: Field, own: np.ndarray, in_front: np.ndarray, radius: float) -> Field:
    """Lay one layer over what is behind it; its cover is that of itself and all that is nearer, so that no seam shows
    what is behind between it and the next."""
    if radius < 0.3:
        return np.where(in_front[..., None], light, behind)
    masks = _disc_blur(cv2.merge([own.astype(np.float32), in_front.astype(np.float32)]), radius)
    weight, cover = masks[..., :1], masks[..., 1:]
    colour = _disc_blur(light * own[..., None].astype(np.float32), radius) / np.maximum(weight, np.float32(1e-3))
    known = np.minimum(weight * np.float32(20), 1)  # away from its own pixels a layer has no colour to give
    return behind + cover * known * (colour - behind)
