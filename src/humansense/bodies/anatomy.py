"""Where on the body a point lies, in words that clothes understand: along the arm, along the leg, height of the trunk.

Measured on one reference body, so that a hem is at the same anatomical place on every shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from humansense.bodies.anny_body import Body

ARM_BONES = ("upperarm", "lowerarm", "wrist", "metacarpal", "finger")


@dataclass(frozen=True)
class Anatomy:
    """The reference body. V vertices, metres.

    points: (V, 3) rest positions. joints: heads of the bones by name. arm: (V,) whether a vertex is moved by the arm
    more than by the trunk. along_arm: (V,) 0 at the shoulder, 1 at the elbow, 2 at the wrist, larger on the hand
    (only meaningful where `arm`).
    """

    points: np.ndarray
    joints: dict[str, np.ndarray]
    arm: np.ndarray
    along_arm: np.ndarray

    def height_z(self, height: float) -> float:
        """z of a height: 1 foot of the neck, 0 crotch, -1 knee, -2 ankle; linear between."""
        crotch = float(self.joints["upperleg02.L"][2]) - 0.035
        marks = [float(self.joints[n][2]) for n in ("foot.L", "lowerleg01.L")] + [
            crotch,
            float(self.joints["neck01"][2]),
        ]
        lower = int(np.clip(np.floor(height), -2, 0)) + 2
        return marks[lower] + (height - (lower - 2)) * (marks[lower + 1] - marks[lower])


def reference_shape(body: Body) -> torch.Tensor:
    """(1, 11): a young adult in the middle of every range."""
    shape = torch.full((1, len(body.shape_names)), 0.5)
    shape[0, body.shape_names.index("age")] = 2 / 3
    return shape


@lru_cache(maxsize=2)
def anatomy(body: Body) -> Anatomy:
    rest = body.rest(reference_shape(body))
    points, heads = rest.vertices[0].numpy(), rest.joints[0].numpy()
    joints = dict(zip(body.joint_names, heads, strict=True))
    arm_weight = body.skinning.numpy()[:, [n.startswith(ARM_BONES) for n in body.joint_names]].sum(1)
    along = np.where(
        points[:, 0] > 0,
        _along(points, [joints[f"{n}.L"] for n in ("upperarm01", "lowerarm01", "wrist")]),
        _along(points, [joints[f"{n}.R"] for n in ("upperarm01", "lowerarm01", "wrist")]),
    )
    return Anatomy(points, joints, arm_weight > 0.5, along)


def _along(points: np.ndarray, path: list[np.ndarray]) -> np.ndarray:
    """Position along a bent limb in bones: the smallest of the bones' own parameters past their start, continued."""
    out = np.full(len(points), -np.inf)
    for k in range(len(path) - 1):
        axis = path[k + 1] - path[k]
        t = (points - path[k]) @ axis / (axis @ axis)
        # Past the joint the next bone takes over; before it the previous one has the say.
        out = t if k == 0 else np.where(out > 1, np.maximum(k + t, 1), out)
    return out


@dataclass(frozen=True)
class Cylinder:
    """A straight line that cloth is wound around. start, axis (unit), seam (unit, across the axis): (3,); radius_m."""

    start: np.ndarray
    axis: np.ndarray
    seam: np.ndarray
    radius_m: float

    def beside_seam(self, points: np.ndarray) -> np.ndarray:
        """(N,) signed distance from the plane through the axis and the seam."""
        return (points - self.start) @ np.cross(self.axis, self.seam)

    def uv(self, points: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """(F, 3, 2) metres around and along; no face crosses the seam that has an edge on it."""
        relative = points - self.start
        # Angle 0 is opposite the seam; a corner is taken on the side of its face's middle.
        x, y = relative @ -self.seam, relative @ np.cross(self.axis, self.seam)
        middle = np.arctan2(y[faces].mean(1), x[faces].mean(1))[:, None]
        angle = middle + (np.arctan2(y, x)[faces] - middle + np.pi) % (2 * np.pi) - np.pi
        return np.stack([angle * self.radius_m, (relative @ self.axis)[faces]], -1).astype(np.float32)


def cylinder(start: np.ndarray, end: np.ndarray, seam: tuple[float, float, float], radius_m: float) -> Cylinder:
    """Axis from `end` to `start`; the seam is the given direction made square to it."""
    axis = (start - end) / np.linalg.norm(start - end)
    across = np.array(seam) - np.dot(seam, axis) * axis
    return Cylinder(start, axis, across / np.linalg.norm(across), radius_m)
