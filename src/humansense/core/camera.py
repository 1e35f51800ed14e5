"""The pinhole camera. Axes and units are stated once, in docs/conventions.md.

OpenCV axes (x right, y down, z forward), metres, column vectors, `x_cam = R x_world + t`; `K` in pixels
with continuous coordinates: the centre of the top-left pixel is (0.5, 0.5). World: z up, metres.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from humansense.core.errors import HumansenseError


@dataclass(frozen=True)
class Camera:
    """Intrinsics and extrinsics of one view.

    K: (3, 3) float64, pixels. R: (3, 3) world to camera. t: (3,) metres. size: (H, W) in pixels.
    """

    K: np.ndarray
    R: np.ndarray
    t: np.ndarray
    size: tuple[int, int]

    def __post_init__(self) -> None:
        for name, shape in (("K", (3, 3)), ("R", (3, 3)), ("t", (3,))):
            value = np.asarray(getattr(self, name), dtype=np.float64)
            if value.shape != shape:
                raise HumansenseError(f"Camera.{name} has shape {value.shape}, expected {shape}")
            object.__setattr__(self, name, value)

    def to_camera(self, points_world: np.ndarray) -> np.ndarray:
        """World points (..., 3) in metres to camera axes (..., 3)."""
        return np.asarray(points_world) @ self.R.T + self.t

    def to_pixels(self, points_camera: np.ndarray) -> np.ndarray:
        """Camera points (..., 3) to pixels (..., 2); points at or behind the camera give NaN."""
        points = np.asarray(points_camera, dtype=np.float64)
        uvw = points @ self.K.T
        z = np.where(uvw[..., 2:] > 1e-9, uvw[..., 2:], np.nan)
        return uvw[..., :2] / z

    def project(self, points_world: np.ndarray) -> np.ndarray:
        """World points (..., 3) to pixels (..., 2)."""
        return self.to_pixels(self.to_camera(points_world))

    def unproject(self, pixels: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """Pixels (..., 2) at depth z (...,) in metres to world points (..., 3)."""
        pixels = np.asarray(pixels, dtype=np.float64)
        ones = np.ones((*pixels.shape[:-1], 1))
        rays = np.concatenate([pixels, ones], -1) @ np.linalg.inv(self.K).T
        return (rays * np.asarray(depth)[..., None] - self.t) @ self.R

    @property
    def center(self) -> np.ndarray:
        """The camera's centre in the world, (3,) metres."""
        return -self.R.T @ self.t

    def mapped(self, matrix: np.ndarray, size: tuple[int, int]) -> Camera:
        """The camera of an image warped by the 3x3 pixel map `matrix` (old to new) to `size`."""
        return Camera(np.asarray(matrix) @ self.K, self.R, self.t, size)

    def to_dict(self) -> dict[str, Any]:
        return {
            "K": self.K.tolist(),
            "R": self.R.tolist(),
            "t": self.t.tolist(),
            "size": list(self.size),
        }

    @staticmethod
    def from_dict(values: dict[str, Any]) -> Camera:
        size = values["size"]
        return Camera(np.array(values["K"]), np.array(values["R"]), np.array(values["t"]), (int(size[0]), int(size[1])))


def look_at(position: np.ndarray, target: np.ndarray, roll_rad: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """`(R, t)` of a camera at `position` (3,) that looks at `target` (3,), world z up.

    `roll_rad` turns the camera about its viewing axis. Raises if position and target coincide or the
    view is straight up or down.
    """
    forward = np.asarray(target, dtype=np.float64) - np.asarray(position, dtype=np.float64)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    if np.linalg.norm(right) < 1e-9:
        raise HumansenseError("look_at needs a target that is neither the position nor straight above or below it")
    forward = forward / np.linalg.norm(forward)
    right = right / np.linalg.norm(right)
    down = np.cross(forward, right)
    c, s = np.cos(roll_rad), np.sin(roll_rad)
    R = np.stack([c * right + s * down, -s * right + c * down, forward])
    return R, -R @ np.asarray(position, dtype=np.float64)
