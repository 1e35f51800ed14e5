"""Where on the body a point lies, in words that clothes understand: along the arm, along the leg, height of the trunk.

Measured on one reference body, so that a hem is at the same anatomical place on every shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from humansense.bodies.anny_body import Body
from humansense.bodies.patch import Patch

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
        """z of a height: 0 at the crotch, 1 at the foot of the neck, -1 at the knee, -2 at the ankle; linear between."""
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


def cylinder_uv(
    points: np.ndarray, faces: np.ndarray, axis: tuple[np.ndarray, np.ndarray], radius_m: float
) -> np.ndarray:
    """(F, 3, 2) metres around and along an axis (start, direction); the seam is cut at a face's own first corner."""
    start, direction = axis[0], axis[1] / np.linalg.norm(axis[1])
    side = np.cross(direction, [0.0, 1.0, 0.0])
    side /= np.linalg.norm(side)
    front = np.cross(side, direction)
    relative = points - start
    angle = np.arctan2(relative @ front, relative @ side)[faces]
    angle = angle[:, :1] + (angle - angle[:, :1] + np.pi) % (2 * np.pi) - np.pi
    return np.stack([angle * radius_m, (relative @ direction)[faces]], -1).astype(np.float32)


def fabric_uv(body: Body, patch: Patch) -> np.ndarray:
    """(F, 3, 2) texture coordinates in metres: around and along the trunk, each arm and each leg."""
    a = anatomy(body)
    points = patch.carry(a.points)
    is_arm = patch.carry(a.arm.astype(np.float32)) > 0.5
    middle = points[patch.faces].mean(1)
    face_arm = is_arm[patch.faces].sum(1) >= 2
    face_leg = ~face_arm & (middle[:, 2] < a.joints["upperleg01.L"][2])
    out = cylinder_uv(points, patch.faces, (np.zeros(3), np.array([0.0, 0.0, 1.0])), 0.14)
    for side, sign in (("L", 1), ("R", -1)):
        mine = middle[:, 0] * sign > 0
        for bones, radius, mask in (
            (("upperleg02", "foot"), 0.075, face_leg & mine),
            (("upperarm01", "lowerarm01"), 0.05, face_arm & mine),
        ):
            start, end = (a.joints[f"{b}.{side}"] for b in bones)
            out[mask] = cylinder_uv(points, patch.faces[mask], (start, start - end), radius)
    return out
