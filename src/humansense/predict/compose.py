"""From what was seen of each person to maps of the whole picture: whose is a pixel, which part, how deep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from humansense.core import joint_set
from humansense.predict.model import Maps
from humansense.predict.windows import Window, paste

_MAP_SIDE = 448
"""Part borders are drawn at this resolution within the window; finer would show the net's cells, not the person."""
_SURE = 0.2
"""Joints below this score draw no limb."""
_REACH = 0.2
"""Of the longer side of a person's box: so far outside of it the person's pixels may lie."""
_OUTSIDE = 0.15
"""What a pixel outside of the box costs, in longer sides of the box: the neighbour's box has it cheaper."""


@dataclass(frozen=True)
class Seen:
    """One person. maps: of the window. joints: (J, 2) pixels of the picture, and scores: (J,). box: (4,) pixels."""

    maps: Maps
    joints: np.ndarray
    scores: np.ndarray
    joint_set: str
    box: np.ndarray

    @property
    def length(self) -> float:
        """The longer side of the box, pixels."""
        return float(max(self.box[2:] - self.box[:2]))


def compose(people: Sequence[Seen], shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """((H, W) uint8 parts, (H, W) float32 depth in metres from the own pelvis or NaN, (H, W) uint8 instance).

    A crop shows whoever is in it. Where several people's crops say that a pixel is somebody's, it belongs to the one
    whose limbs are nearest, in lengths of the person.
    """
    parts = np.zeros(shape, np.uint8)
    depth = np.full(shape, np.nan, np.float32)
    instance = np.zeros(shape, np.uint8)
    cost = np.full(shape, np.inf, np.float32) if len(people) > 1 else None
    for number, person in enumerate(people[:255], 1):
        labels, metres, (top, left) = _placed(person, shape)
        area = (slice(top, top + labels.shape[0]), slice(left, left + labels.shape[1]))
        own = labels > 0
        if cost is not None:
            price = limb_distance(person, labels.shape, (top, left))
            own &= price < cost[area]
            cost[area][own] = price[own]
        parts[area][own] = labels[own]
        depth[area][own] = metres[own]
        instance[area][own] = number
    return parts, depth, instance


def _placed(person: Seen, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """(labels, metres) in the picture's pixels, only where the window lies, and (row, column) of their first pixel."""
    maps = person.maps
    side = int(np.clip(maps.window.side, maps.parts.shape[-1], _MAP_SIDE))
    fine = cv2.resize(np.ascontiguousarray(maps.parts.transpose(1, 2, 0)), (side, side), interpolation=cv2.INTER_LINEAR)
    # Somebody first, then the part: a plain maximum loses whoever's left and right arm share the probability.
    labels = np.where(fine[..., 0] < 0.5, fine[..., 1:].argmax(-1) + 1, 0).astype(np.uint8)
    labels = without_specks(_near_box(labels, person, maps.window))
    piece, corner = paste(labels, maps.window, shape, cv2.INTER_NEAREST)
    metres, _ = paste(maps.depth, maps.window, shape, cv2.INTER_LINEAR)
    return piece, metres, corner


def _near_box(labels: np.ndarray, person: Seen, window: Window) -> np.ndarray:
    """The labels of a window, none farther from the person's box than that person reaches."""
    step = window.side / labels.shape[0]
    grown = person.box + np.array([-1, -1, 1, 1]) * _REACH * person.length
    x0, y0, x1, y1 = np.round((grown - np.tile(window.box[:2], 2)) / step).clip(0, labels.shape[0]).astype(int)
    near = np.zeros_like(labels)
    near[y0:y1, x0:x1] = labels[y0:y1, x0:x1]
    return near


def limb_distance(person: Seen, size: tuple[int, int], corner: tuple[int, int]) -> np.ndarray:
    """(h, w) float32: distance of each pixel to the person's limbs, in longer sides of the box, more outside of it.

    size: (h, w) of the piece of the picture whose first pixel is `corner` (row, column).
    """
    scale = min(1.0, 128 / max(size))
    small = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
    to_small = np.array([small[1] / size[1], small[0] / size[0]])
    origin = np.array([corner[1], corner[0]])
    canvas = np.full(small, 255, np.uint8)
    sure = (person.scores >= _SURE) & _inside(person.joints, person.box, 0.1 * person.length)
    points = ((np.nan_to_num(person.joints) - origin) * to_small).clip(-4096, 4096)
    for i, parent in enumerate(joint_set(person.joint_set).parents):
        ends = (i, i if parent < 0 else parent)
        if sure[list(ends)].all():
            start, end = (tuple(int(v) for v in points[k]) for k in ends)
            cv2.line(canvas, start, end, 0)
    if canvas.all():  # nothing is sure, or nothing lies in this piece: then the middle of the box
        center = ((person.box[:2] + person.box[2:]) / 2 - origin) * to_small
        canvas[tuple(int(np.clip(v, 0, n - 1)) for v, n in zip(center[::-1], small, strict=True))] = 0
    distance = cv2.distanceTransform(canvas, cv2.DIST_L2, 3) / (scale * max(person.length, 1.0))
    x0, y0, x1, y1 = ((person.box - np.tile(origin, 2)) * np.tile(to_small, 2)).round().clip(0, 4096).astype(int)
    outside = np.full(small, _OUTSIDE, np.float32)
    outside[y0:y1, x0:x1] = 0
    return cv2.resize(np.asarray(distance + outside, np.float32), (size[1], size[0]), interpolation=cv2.INTER_LINEAR)


def _inside(points: np.ndarray, box: np.ndarray, spare: float) -> np.ndarray:
    """(J,) bool: the points (J, 2) in the box grown by `spare`; those beyond are more likely somebody else's."""
    return np.asarray(((points >= box[:2] - spare) & (points <= box[2:] + spare)).all(-1))


def without_specks(labels: np.ndarray, share: float = 0.03) -> np.ndarray:
    """Labels without the pieces of the person's mask that are smaller than `share` of the largest one."""
    count, pieces, stats, _ = cv2.connectedComponentsWithStats((labels > 0).astype(np.uint8), connectivity=8)
    if count <= 2:
        return labels
    areas = stats[:, cv2.CC_STAT_AREA]
    small = areas < share * areas[1:].max()
    small[0] = False
    return np.where(small[pieces], 0, labels).astype(np.uint8)
