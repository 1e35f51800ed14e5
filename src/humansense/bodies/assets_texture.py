"""Pictures of ready-made garments, hair and skins: decoding, shading, recolouring."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from humansense.core import HumansenseError

MAX_SIDE_PX = 1024  # pictures are seen at a few hundred pixels; larger ones are reduced
CUT_OUT = 128  # alpha below this counts as a hole
HOLES = 0.002  # a picture with a smaller share of holes has none that matter


@dataclass(frozen=True)
class Texture:
    """The picture of a garment, and how it is changed.

    diffuse, ao: files; ao (ambient occlusion, "" for none) is multiplied in. hue_deg: turns every hue.
    saturation, brightness: factors. transparent: alpha cuts holes even if they are few.
    """

    diffuse: str
    ao: str = ""
    transparent: bool = False
    hue_deg: float = 0.0
    saturation: float = 1.0
    brightness: float = 1.0


def read_picture(path: str | Path) -> np.ndarray:
    """(h, w, 3) or, with alpha, (h, w, 4) uint8 of at most `MAX_SIDE_PX`. Raises `HumansenseError` for no picture."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            if max(image.size) > 16384:
                raise HumansenseError(
                    f"{path}: is {image.size[0]} x {image.size[1]} pixels, expected at most 16384 a side"
                )
            alpha = "A" in image.getbands() or "transparency" in image.info
            pixels = np.asarray(image.convert("RGBA" if alpha else "RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        reason = "is missing" if not Path(path).is_file() else "is not a picture that can be decoded"
        raise HumansenseError(f"{path}: {reason}, expected a PNG or JPEG texture: fetch or export it again") from error
    largest = max(pixels.shape[:2])
    if largest > MAX_SIDE_PX:
        scale = MAX_SIDE_PX / largest
        size = tuple(max(1, round(side * scale)) for side in pixels.shape[1::-1])
        pixels = cv2.resize(pixels, (size[0], size[1]), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(pixels)


@lru_cache(maxsize=32)
def load_texture(texture: Texture) -> np.ndarray:
    """(h, w, 3) uint8, or (h, w, 4) where the alpha cuts holes; read-only, kept for the next garment that has it."""
    pixels = read_picture(texture.diffuse)
    rgb, alpha = pixels[..., :3], pixels[..., 3:]
    if texture.ao:
        shade = cv2.resize(_on_white(read_picture(texture.ao)), rgb.shape[1::-1], interpolation=cv2.INTER_AREA)
        rgb = (rgb.astype(np.uint16) * shade // 255).astype(np.uint8)
    rgb = recoloured(rgb, texture.hue_deg, texture.saturation, texture.brightness)
    holes = alpha.size > 0 and (texture.transparent or (alpha < CUT_OUT).mean() > HOLES)
    out = np.concatenate([_bled(rgb, alpha[..., 0]), alpha], -1) if holes else rgb
    out = np.ascontiguousarray(out)
    out.flags.writeable = False
    return out


def _on_white(pixels: np.ndarray) -> np.ndarray:
    """(h, w, 3): maps of occlusion are transparent where nothing is occluded."""
    if pixels.shape[-1] == 3:
        return pixels
    alpha = pixels[..., 3:].astype(np.uint16)
    return ((pixels[..., :3] * alpha + 255 * (255 - alpha)) // 255).astype(np.uint8)


def _bled(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Colours of the holes replaced by those beside them, so that no rim of another colour shows where it is cut."""
    solid = alpha >= CUT_OUT
    if solid.all() or not solid.any():
        return rgb
    _, labels = cv2.distanceTransformWithLabels(
        (~solid).astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    table = np.zeros((int(labels.max()) + 1, 3), np.uint8)
    table[labels[solid]] = rgb[solid]
    return table[labels]


def recoloured(rgb: np.ndarray, hue_deg: float, saturation: float, brightness: float) -> np.ndarray:
    """(h, w, 3) uint8 with turned hue and scaled saturation and brightness (HSV); neutral values leave it as it is."""
    if (hue_deg, saturation, brightness) == (0.0, 1.0, 1.0):
        return rgb
    hsv = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + hue_deg) % 360
    hsv[..., 1] = np.clip(hsv[..., 1] * saturation, 0, 1)
    hsv[..., 2] = np.clip(hsv[..., 2] * brightness, 0, 1)
    return np.round(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB) * 255).astype(np.uint8)


def tinted(pixels: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """A picture (h, w, 3 or 4) uint8 whose mean colour becomes `colour` and whose strands stay: hair of any colour.

    Only where alpha is solid counts for the mean. Light and dark stay in their proportion to the mean.
    """
    rgb = pixels[..., :3].astype(np.float32)
    solid = pixels[..., 3] >= CUT_OUT if pixels.shape[-1] == 4 else np.ones(pixels.shape[:2], dtype=bool)
    grey = rgb @ np.array([0.299, 0.587, 0.114], np.float32)
    mean = max(float(grey[solid].mean()) if solid.any() else 0.0, 8.0)
    # The contrast of a photograph of black hair would be blown up on light hair.
    relief = np.clip(grey / mean, 0, 3) ** 0.8
    out = np.clip(np.array(colour, np.float32) * relief[..., None], 0, 255).round().astype(np.uint8)
    return np.concatenate([out, pixels[..., 3:]], -1)
