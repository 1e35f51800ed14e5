"""Square windows on a picture: which to look at, cutting them out, and the maps back.

A window is (center_x, center_y, side) in pixels of the picture. It may reach over the border; what lies outside is
filled as in training.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from humansense.data.transforms import to_opencv, warp_image

CROP_SCALE = 1.25
"""Side of the window over the longer side of the person's box, as in training."""


@dataclass(frozen=True)
class Window:
    """A square of the picture. x, y: its centre; side: in pixels of the picture."""

    x: float
    y: float
    side: float

    def to_picture(self, size: int) -> np.ndarray:
        """(3, 3) float64: pixels of the `size` x `size` crop to pixels of the picture."""
        step = self.side / size
        return np.array([[step, 0.0, self.x - self.side / 2], [0.0, step, self.y - self.side / 2], [0.0, 0.0, 1.0]])

    def scaled(self, factor: float) -> Window:
        return Window(self.x, self.y, self.side * factor)

    @property
    def box(self) -> np.ndarray:
        """(4,) float64 x0, y0, x1, y1."""
        half = self.side / 2
        return np.array([self.x - half, self.y - half, self.x + half, self.y + half])


def box_window(box: np.ndarray, scale: float = CROP_SCALE) -> Window:
    """The window around a box (x0, y0, x1, y1)."""
    x0, y0, x1, y1 = (float(v) for v in box)
    return Window((x0 + x1) / 2, (y0 + y1) / 2, max(x1 - x0, y1 - y0, 1.0) * scale)


class Pyramid:
    """A picture and, made when first needed, copies of half the size each: what is large is averaged once."""

    def __init__(self, image: np.ndarray) -> None:
        self.levels = [image]

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) of the picture."""
        return self.levels[0].shape[0], self.levels[0].shape[1]

    def level(self, shrink: float) -> np.ndarray:
        """The smallest copy that a window which shrinks `shrink` times can be cut from without losing detail."""
        wanted = max(int(np.log2(max(shrink, 1.0))), 0)
        while len(self.levels) <= wanted and min(self.levels[-1].shape[:2]) >= 2:
            height, width = self.levels[-1].shape[:2]
            half = cv2.resize(self.levels[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA)
            self.levels.append(half)
        return self.levels[min(wanted, len(self.levels) - 1)]


def cut(picture: Pyramid | np.ndarray, window: Window, size: int) -> np.ndarray:
    """The window as (size, size, 3) uint8, as in training: averaged where it shrinks, black beyond the picture."""
    pyramid = picture if isinstance(picture, Pyramid) else Pyramid(picture)
    image = pyramid.level(window.side / size)
    to_picture = np.diag([pyramid.shape[1] / image.shape[1], pyramid.shape[0] / image.shape[0], 1.0])
    return warp_image(image, np.linalg.inv(window.to_picture(size)) @ to_picture, (size, size))


def paste(
    maps: np.ndarray, window: Window, shape: tuple[int, int], interpolation: int = cv2.INTER_LINEAR
) -> tuple[np.ndarray, tuple[int, int]]:
    """A map of the window (s, s) or (s, s, C) resampled to the picture's pixels, only where the window lies.

    Returns the piece and the (row, column) in the picture of its first pixel; `shape` is the picture's (H, W).
    Beyond the window's own border the map is continued by its last value.
    """
    height, width = shape
    x0, y0, x1, y1 = window.box
    left, top = int(np.clip(np.floor(x0), 0, width)), int(np.clip(np.floor(y0), 0, height))
    right, bottom = int(np.clip(np.ceil(x1), left, width)), int(np.clip(np.ceil(y1), top, height))
    to_piece = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1.0]]) @ window.to_picture(maps.shape[0])
    if right == left or bottom == top:
        return np.zeros((bottom - top, right - left, *maps.shape[2:]), maps.dtype), (top, left)
    piece = cv2.warpAffine(
        maps,
        to_opencv(to_piece),
        (right - left, bottom - top),
        flags=interpolation,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return piece, (top, left)


def clip_box(box: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The part of a box that lies in the picture, (4,) float32."""
    height, width = shape
    return np.clip(box, 0, [width, height, width, height]).astype(np.float32)


def iou(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two boxes."""
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    common = float(np.prod(np.clip(high - low, 0, None)))
    areas = [float(np.prod(np.clip(b[2:] - b[:2], 0, None))) for b in (one, other)]
    return common / max(sum(areas) - common, 1e-9)
