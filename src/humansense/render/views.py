"""Where rays go: places in the pixel, and cameras between two."""

from __future__ import annotations

from itertools import permutations

import cv2
import numpy as np

from humansense.core import Camera, HumansenseError
from humansense.render.values import Floor, Shutter, Sun


def check_view(camera: Camera, background: np.ndarray, samples: int) -> None:
    if background.dtype != np.uint8 or background.shape != (*camera.size, 3):
        raise HumansenseError(
            f"background is {background.dtype} {background.shape}, expected uint8 {(*camera.size, 3)} as in camera.size"
        )
    check_intrinsics(camera)
    if samples < 1:
        raise HumansenseError(f"samples is {samples}, expected 1 or more")


def check_intrinsics(camera: Camera) -> None:
    if not np.allclose(camera.K[2], (0.0, 0.0, 1.0)) or np.linalg.det(camera.K) <= 0:
        raise HumansenseError(
            f"camera.K is {camera.K.tolist()}, expected a last row of 0, 0, 1 and a positive determinant"
        )


def check_shutter(camera: Camera, shutter: Shutter) -> None:
    check_intrinsics(shutter.camera)
    if tuple(shutter.camera.size) != tuple(camera.size):
        raise HumansenseError(f"shutter.camera has size {shutter.camera.size}, expected the camera's, {camera.size}")


def sample_offsets(samples: int) -> np.ndarray:
    """(samples, 2) float32 positions in the unit pixel: the Hammersley set; one sample is the centre."""
    if samples == 1:
        return np.full((1, 2), 0.5, np.float32)
    bits = max(1, int(np.ceil(np.log2(samples))))
    index = np.arange(samples)
    reverse = sum(((index >> bit) & 1) << (bits - 1 - bit) for bit in range(bits))
    return np.stack([(index + 0.5) / samples, (reverse + 0.5) / 2**bits], -1).astype(np.float32)


def pixel_rays(samples: int, moving: bool) -> np.ndarray:
    """(R, 3) float32: the centre, then those of the colour: x, y in the unit pixel and the alpha that stops the ray.

    A still picture of one sample has one ray for both. Rays of the colour stop at alphas spread over 0..1, so that on
    the average a half transparent texel stops half of them.
    """
    centre = np.array([[0.5, 0.5, 0.5]], np.float32)
    if samples == 1 and not moving:
        return centre
    times = (np.arange(samples) + 0.5) / samples
    stops = np.nextafter(times.astype(np.float32), np.float32(2))  # a texel of just this alpha lets the ray pass
    places = sample_offsets(samples)
    if moving:
        places = places[_unlike_time(places - 0.5, times - 0.5)]
    return np.concatenate([centre, np.column_stack([places, stops])]).astype(np.float32)


def _unlike_time(places: np.ndarray, times: np.ndarray) -> np.ndarray:
    """The order of the places (S, 2) that goes least with time: if a pixel's left was seen first, what moves right
    would blur less than what moves left."""
    count = len(times)
    if count <= 6:
        orders = np.array(list(permutations(range(count))))
    else:
        start, stride = np.divmod(np.arange(count * count), count)
        orders = (start[:, None] + stride[:, None] * np.arange(count)) % count
        orders = orders[np.gcd(stride, count) == 1]
    return orders[(((times @ places[orders]) ** 2).sum(-1)).argmin()]


def shutter_fractions(samples: int) -> np.ndarray:
    """(1 + samples,): how far the shutter's way has gone at the centre ray and at each ray of the colour."""
    return np.concatenate([[0.0], (np.arange(samples) + 0.5) / samples])


def camera_between(first: Camera, last: Camera, fraction: float) -> Camera:
    """On the way from one camera to another: the shortest turn at a steady rate, the centre and K straight."""
    if fraction == 0:
        return first
    turn = cv2.Rodrigues(last.R @ first.R.T)[0]
    R = cv2.Rodrigues(turn * fraction)[0] @ first.R
    centre = first.center + (last.center - first.center) * fraction
    return Camera(first.K + (last.K - first.K) * fraction, R, -R @ centre, first.size)


def shadow_window(points: np.ndarray, sun: Sun, floor: Floor, camera: Camera) -> tuple[int, int, int, int]:
    """Left, top, width and height of the pixels in which points (N, 3) can shadow the floor; of no size if none.

    Seen along the sun's azimuth a point throws its shadow as far as it is high; the rectangle around all shadows, and
    the width of the half shadow of the highest point, is projected.
    """
    nothing = (0, 0, 0, 0)
    direction = np.asarray(sun.direction, np.float64)
    elevation = np.arcsin(np.clip(direction[2], -1.0, 1.0))
    high = points[:, 2] > floor.height_m
    if elevation + sun.radius_rad <= 0.01 or not high.any() or camera.center[2] <= floor.height_m:
        return nothing
    level = float(np.hypot(*direction[:2]))
    along = direction[:2] / level if level > 1e-6 else np.array([1.0, 0.0])
    height = np.maximum(points[:, 2] - floor.height_m, 0.0)
    lowest, steepest = elevation - sun.radius_rad, min(elevation + sun.radius_rad, np.pi / 2)
    reach = 1.0 / np.tan(max(lowest, 0.01)), 1.0 / np.tan(steepest)
    place = points[:, :2] @ np.array([[along[0], -along[1]], [along[1], along[0]]])
    wide = height.max() * np.tan(sun.radius_rad) / np.sin(max(lowest, 0.01)) + 0.02
    low = np.array([(place[:, 0] - height * reach[0]).min(), place[:, 1].min()]) - wide
    far = np.array([(place[:, 0] - height * reach[1]).max(), place[:, 1].max()]) + wide
    corners = np.array([[low[0], low[1]], [far[0], low[1]], [far[0], far[1]], [low[0], far[1]]])
    ground = corners @ np.array([[along[0], along[1]], [-along[1], along[0]]])
    seen = _in_front(camera.to_camera(np.column_stack([ground, np.full(4, floor.height_m)])))
    if not len(seen):
        return nothing
    pixels = camera.to_pixels(seen)
    bounds = np.clip(np.concatenate([pixels.min(0) - 1, pixels.max(0) + 2]), 0, np.tile(camera.size[::-1], 2))
    left, top, right, bottom = bounds.astype(int)
    return left, top, right - left, bottom - top


def _in_front(polygon: np.ndarray, near_m: float = 0.01) -> np.ndarray:
    """The part of a convex polygon (N, 3) in camera axes that lies before the camera: its corners."""
    corners = []
    for here, there in zip(polygon, np.roll(polygon, -1, 0), strict=True):
        if here[2] > near_m:
            corners.append(here)
        if (here[2] > near_m) != (there[2] > near_m):
            corners.append(here + (there - here) * ((near_m - here[2]) / (there[2] - here[2])))
    return np.array(corners).reshape(-1, 3)
