"""Textures as the kernels want them: pyramids of RGB, and the alpha of those that have holes."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from humansense.core import HumansenseError


def check_textures(textures: Sequence[np.ndarray], needed: int) -> None:
    if len(textures) < needed:
        raise HumansenseError(f"the surface uses texture {needed - 1}, but only {len(textures)} textures were given")
    for i, texture in enumerate(textures):
        if texture.dtype != np.uint8 or texture.ndim != 3 or texture.shape[2] not in (3, 4) or not texture.size:
            raise HumansenseError(f"texture {i} is {texture.dtype} {texture.shape}, expected uint8 (h, w, 3 or 4)")


def has_holes(texture: np.ndarray) -> bool:
    return texture.shape[2] == 4 and bool((texture[..., 3] < 255).any())


def pyramid(texture: np.ndarray) -> list[np.ndarray]:
    """The texture's RGB and its reductions by halves, down to a shorter side of one texel: what is seen from far."""
    if has_holes(texture):
        return _pyramid_of_the_opaque(texture)
    levels = [np.ascontiguousarray(texture[..., :3])]
    while min(levels[-1].shape[:2]) > 1:
        levels.append(_halved(levels[-1]))
    return levels


def _halved(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    return cv2.resize(image, (width // 2, height // 2), interpolation=cv2.INTER_AREA)


def _pyramid_of_the_opaque(texture: np.ndarray) -> list[np.ndarray]:
    """Means weighted by alpha; what is transparent everywhere takes the colour of the next level that is not.

    So neither reduction nor interpolation mixes the colour of a hole (often black) into its rim.
    """
    rgb, alpha = np.ascontiguousarray(texture[..., :3]), np.ascontiguousarray(texture[..., 3])
    sums = [cv2.multiply(rgb, cv2.merge([alpha] * 3), dtype=cv2.CV_32F)]
    alphas = [alpha.astype(np.float32)]
    while min(alphas[-1].shape) > 1:
        sums.append(_halved(sums[-1]))
        alphas.append(_halved(alphas[-1]))
    mean = np.array(cv2.mean(sums[0])[:3]) / max(cv2.mean(alphas[0])[0], 1e-9)
    color: np.ndarray = np.rint(mean).astype(np.uint8).reshape(1, 1, 3)
    levels: list[np.ndarray] = []
    for level, (total, weight) in reversed(list(enumerate(zip(sums, alphas, strict=True)))):
        holes = weight <= 0
        above = cv2.resize(color, weight.shape[::-1], interpolation=cv2.INTER_NEAREST)
        color = rgb if level == 0 else cv2.convertScaleAbs(cv2.divide(total, cv2.merge([weight] * 3)))
        color[holes] = above[holes]
        levels.append(color)
    return levels[::-1]
