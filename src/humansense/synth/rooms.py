"""Boxes seen from inside, in perspective: rooms, halls, streets, yards. One ray a pixel, no mesh.

The camera stands in the origin; axes are x right, y forward, z up, in metres. A box is six planes; its
surfaces are covered with tileable materials, its walls carry doors, windows, pictures and shelves, and simple
solids stand on its floor.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from humansense.synth.noise import Colour, Field, Image, Rng, between, chance

NEAR_M = 0.15


@dataclass(frozen=True)
class View:
    """A pinhole camera in the origin.

    `axes` (3, 3): rows are the camera's right, down and forward directions in the axes of the room.
    """

    size: tuple[int, int]
    focal_px: float
    axes: np.ndarray

    def rays(self) -> tuple[Field, Field, Field]:
        """Direction of each pixel as three (H, W) pictures x, y, z, with length 1 along the optical axis."""
        height, width = self.size
        u = (np.arange(width, dtype=np.float32) + np.float32(0.5 - width / 2)) / np.float32(self.focal_px)
        v = (np.arange(height, dtype=np.float32) + np.float32(0.5 - height / 2)) / np.float32(self.focal_px)
        axes = self.axes.astype(np.float32)
        x, y, z = (u[None] * axes[0, i] + (v[:, None] * axes[1, i] + axes[2, i]) for i in range(3))
        return x, y, z

    def project(self, points: np.ndarray) -> np.ndarray | None:
        """Pixels (M, 2) of a polygon (N, 3) cut at the near plane; None when nothing is left of it."""
        local = points @ self.axes.T
        if (local[:, 2] < NEAR_M).any():
            local = _cut_near(local)
            if len(local) < 3:
                return None
        height, width = self.size
        pixels = local[:, :2] / local[:, 2:] * self.focal_px + (width / 2, height / 2)
        return np.clip(pixels, -4000, 4000)


def _cut_near(polygon: np.ndarray) -> np.ndarray:
    """Sutherland-Hodgman against the near plane."""
    kept = []
    for a, b in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        inside_a, inside_b = a[2] >= NEAR_M, b[2] >= NEAR_M
        if inside_a:
            kept.append(a)
        if inside_a != inside_b:
            kept.append(a + (b - a) * ((NEAR_M - a[2]) / (b[2] - a[2])))
    return np.array(kept).reshape(-1, 3)


def random_view(rng: Rng, size: tuple[int, int], yaw_deg: float = 45, pitch_deg: float = 12) -> View:
    """A camera with a random lens and direction: yaw uniform, pitch (down) and roll normal."""
    yaw = np.radians(between(rng, -yaw_deg, yaw_deg))
    pitch = np.radians(rng.normal(0.4 * pitch_deg, pitch_deg))
    roll = np.radians(rng.normal(0, 3 if chance(rng, 0.8) else 12))
    forward = np.array([np.sin(yaw) * np.cos(pitch), np.cos(yaw) * np.cos(pitch), -np.sin(pitch)])
    right = np.array([np.cos(yaw), -np.sin(yaw), 0.0])
    down = np.cross(forward, right)
    c, s = np.cos(roll), np.sin(roll)
    axes = np.stack([c * right + s * down, c * down - s * right, forward])
    return View(size, max(size) * between(rng, 0.7, 1.9), axes)


@dataclass(frozen=True)
class Box:
    """Extent of the room around the camera: low (3,) and high (3,) corners in metres; low < 0 < high."""

    low: np.ndarray
    high: np.ndarray

    def wall(self, axis: int, side: int) -> float:
        """Coordinate of the wall across `axis` (0 x, 1 y, 2 z) on its low (0) or high (1) side."""
        return float((self.low, self.high)[side][axis])


@dataclass
class Hits:
    """What each pixel of a view sees of a box, all (H, W).

    `face`: 2 * axis + side, uint8. `points`: x, y, z in metres. `depth`: metres along the optical axis.
    """

    face: np.ndarray
    points: tuple[Field, Field, Field]
    depth: Field
    focal_px: float


def cast(view: View, box: Box) -> Hits:
    """Meet every ray with the inside of the box."""
    rays = view.rays()
    times = []
    for axis, ray in enumerate(rays):
        safe = np.where(np.abs(ray) < 1e-6, np.float32(1e-6), ray)
        times.append(np.where(safe > 0, np.float32(box.high[axis]), np.float32(box.low[axis])) / safe)
    depth = np.minimum(np.minimum(times[0], times[1]), times[2])
    axis_seen = np.where(depth == times[0], np.uint8(0), np.where(depth == times[1], np.uint8(2), np.uint8(4)))
    positive = [(ray > 0).astype(np.uint8) for ray in rays]
    side = np.where(axis_seen == 0, positive[0], np.where(axis_seen == 2, positive[1], positive[2]))
    points = (rays[0] * depth, rays[1] * depth, rays[2] * depth)
    return Hits(axis_seen + side, points, depth, view.focal_px)


def cover(image: Image, hits: Hits, face: int, picture: Image, metres: float, mirror: bool = False) -> None:
    """Cover one face of the box with a tileable picture, filtered so that far texture does not alias."""
    mask = (hits.face == face).astype(np.uint8)
    x, y, w, h = cv2.boundingRect(mask)
    if w == 0:
        return
    window = (slice(y, y + h), slice(x, x + w))
    inside = mask[window]
    across, along = {0: (1, 2), 1: (0, 2), 2: (0, 1)}[face // 2]
    scale = np.float32(picture.shape[0] / metres)
    u = hits.points[across][window] * (-scale if mirror else scale)
    v = hits.points[along][window] * -scale
    texels = hits.depth[window] * (scale / np.float32(hits.focal_px))
    _resample(image[window], inside, picture, u, v, texels)


def _resample(target: Image, mask: np.ndarray, picture: Image, u: Field, v: Field, texels: Field) -> None:
    """Write `picture` at texel coordinates (u, v) modulo its size; `texels` is the footprint of a pixel."""
    smallest, largest = float(texels.min()), float(texels.max())
    level = np.log2(np.maximum(texels, 0.5), dtype=np.float32)
    result: Image | None = None
    previous = 0
    for step in (0, 2, 4):
        if step > 0 and largest < 2 ** (step - 1.5):
            break
        if step < 4 and smallest > 2 ** (step + 2):
            continue
        factor = 1 / 2**step
        small = picture if step == 0 else cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        layer = cv2.remap(
            small, u * np.float32(factor), v * np.float32(factor), cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP
        )
        if result is None:
            result = layer
        else:
            alpha = np.clip((level - previous) / (step - previous), 0, 1)
            mixed = cv2.merge([alpha, alpha, alpha])
            difference = cv2.subtract(layer, result, dtype=cv2.CV_32F)
            result = cv2.add(result, cv2.multiply(difference, mixed), dtype=cv2.CV_8U)
        previous = step
    if result is not None:
        cv2.copyTo(result, mask, target)


def light(rng: Rng, hits: Hits, box: Box, strength: float) -> Field:
    """Irradiance gain (H, W) of one or two lamps inside the box plus ambient light, with darker corners."""
    x, y, z = hits.points
    span = box.high - box.low
    gain = np.full(hits.depth.shape, between(rng, 0.35, 0.7), np.float32)
    for _ in range(int(rng.integers(1, 3))):
        lamp = box.low + span * np.array([between(rng, 0.05, 0.95), between(rng, 0.1, 0.95), between(rng, 0.55, 1.2)])
        reach = np.float32((np.linalg.norm(span) * between(rng, 0.15, 0.5)) ** 2)
        square = (x - np.float32(lamp[0])) ** 2 + (y - np.float32(lamp[1])) ** 2 + (z - np.float32(lamp[2])) ** 2
        gain += np.float32(between(rng, 0.4, 0.9)) / (1 + square / reach)
    fall = np.float32(-1 / between(rng, 0.1, 0.5))
    dim = np.float32(between(rng, 0.15, 0.45))
    for axis, p in enumerate((x, y, z)):
        # A point on the wall itself has distance 0 to it everywhere: only the other walls darken it.
        near = np.minimum(p - np.float32(box.low[axis]), np.float32(box.high[axis]) - p)
        shadow = 1 - dim * np.exp(near * fall)
        gain *= np.where(hits.face // 2 == axis, np.float32(1), shadow)
    return 1 + (gain / gain.mean() - 1) * np.float32(strength)


def fill(image: Image, pixels: np.ndarray | None, colour: Colour) -> None:
    """Fill a polygon of pixels (N, 2) with an anti-aliased edge; None draws nothing."""
    if pixels is not None:
        cv2.fillPoly(image, [np.round((pixels - 0.5) * 16).astype(np.int32)], colour, cv2.LINE_AA, 4)


def paste(image: Image, pixels: np.ndarray | None, picture: Image) -> None:
    """Map a whole picture onto a quadrilateral of pixels (4, 2): top left, top right, bottom right, bottom left."""
    if pixels is None or len(pixels) != 4:
        return
    height, width = image.shape[:2]
    low, high = np.floor(pixels.min(0)).astype(int), np.ceil(pixels.max(0)).astype(int)
    x0, y0 = max(0, low[0]), max(0, low[1])
    x1, y1 = min(width, high[0] + 1), min(height, high[1] + 1)
    if x1 - x0 < 2 or y1 - y0 < 2 or cv2.contourArea(pixels.astype(np.float32)) < 4:
        return
    rows, columns = picture.shape[:2]
    source = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], np.float32)
    quad = (pixels - (x0, y0)).astype(np.float32)
    # INTER_AREA is not available for warps: shrink first where the quadrilateral is much smaller.
    factor = float(np.sqrt(cv2.contourArea(quad) / (rows * columns)))
    if factor < 0.6:
        picture = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        source = source * np.array([picture.shape[1] / columns, picture.shape[0] / rows], np.float32)
    matrix = cv2.getPerspectiveTransform(source, quad)
    extent = (int(x1 - x0), int(y1 - y0))
    warped = cv2.warpPerspective(picture, matrix, extent, borderMode=cv2.BORDER_REPLICATE)
    mask = np.zeros(extent[::-1], np.uint8)
    cv2.fillConvexPoly(mask, np.round((quad - 0.5) * 16).astype(np.int32), 255, cv2.LINE_AA, 4)
    window = image[y0:y1, x0:x1]
    cv2.copyTo(warped, (mask > 127).astype(np.uint8), window)
