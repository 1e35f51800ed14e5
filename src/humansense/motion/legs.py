"""Feet that stay where they stand: two-bone inverse kinematics of a leg, and a root that follows the standing foot."""

from __future__ import annotations

import torch
from torch import Tensor

from humansense.geometry import axis_angle_to_matrix
from humansense.motion.rig import Rig, frame

_CONTACT_M = 0.012  # points within about this height of the lowest one carry the body


def leg_angles(
    rig: Rig, side: str, root: Tensor, hip: Tensor, ankle: Tensor, yaw_deg: Tensor, pitch_deg: Tensor
) -> dict[str, Tensor]:
    """Angles (T,) in degrees of one leg that reaches from `hip` to `ankle`, both (T, 3) metres in the world.

    root: (T, 3, 3) turn of the pelvis. The foot's heading is `yaw_deg` (T,) to the left of -y in the world; the knee
    points the same way; `pitch_deg` (T,) lowers the toes. A target out of reach is approached as far as the leg goes.
    """
    upper, lower = _lengths(rig, side)
    target = (root.transpose(-1, -2) @ (ankle - hip)[..., None])[..., 0]
    distance = target.norm(dim=-1).clamp(min=abs(upper - lower) + 0.05, max=0.9995 * (upper + lower))
    knee = torch.acos(((distance**2 - upper**2 - lower**2) / (2 * upper * lower)).clamp(-1, 1))
    reach = torch.stack([torch.zeros_like(knee), lower * knee.sin(), -upper - lower * knee.cos()], -1)
    heading = _about(2, yaw_deg)
    across = root.transpose(-1, -2) @ heading[..., :, 0][..., None]
    left = torch.tensor([1.0, 0.0, 0.0]).expand_as(reach)
    thigh = frame(target, across[..., 0]) @ frame(reach, left).transpose(-1, -2)
    foot = heading @ _about(0, pitch_deg)
    ankle_turn = (root @ thigh @ _about(0, torch.rad2deg(knee))).transpose(-1, -2) @ foot
    sign = 1.0 if side == "L" else -1.0
    x, y, z = _xyz(thigh)
    ax, ay, _ = _xyz(ankle_turn)
    values = {
        "hip_flex": -x, "hip_abduct": -sign * y, "hip_turn": sign * z, "knee_flex": torch.rad2deg(knee),
        "ankle_flex": -ax, "ankle_tilt": sign * ay,
    }  # fmt: skip
    return {f"{name}.{side}": value for name, value in values.items()}


def _lengths(rig: Rig, side: str) -> tuple[float, float]:
    hip, knee, ankle = (rig.joints[rig.index[f"{b}.{side}"]] for b in ("upperleg01", "lowerleg01", "foot"))
    return float((knee - hip).norm()), float((ankle - knee).norm())


def _about(axis: int, degrees: Tensor) -> Tensor:
    return axis_angle_to_matrix(torch.deg2rad(degrees)[:, None] * torch.eye(3)[axis])


def _xyz(turn: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Degrees (x, y, z) with `turn = Rx(x) Ry(y) Rz(z)`."""
    y = torch.asin(turn[..., 0, 2].clamp(-1, 1))
    x = torch.atan2(-turn[..., 1, 2], turn[..., 2, 2])
    z = torch.atan2(-turn[..., 0, 1], turn[..., 0, 0])
    return torch.rad2deg(x), torch.rad2deg(y), torch.rad2deg(z)


def ankle_height_m(rig: Rig) -> float:
    """Height of the ankle over the sole of a flat foot, metres."""
    return float(rig.joints[rig.index["foot.L"], 2] - rig.points[:, 2].min())


def hip_offset(rig: Rig, side: str) -> Tensor:
    """(3,) the hip from the root joint at rest."""
    return rig.joints[rig.index[f"upperleg01.{side}"]] - rig.joints[0]


def follow_contact(rig: Rig, pose: Tensor) -> Tensor:
    """(T, 2) path of the root over the floor for which the points that carry the body do not slide.

    The points are weighted by how near they are to the lowest one, so that the weight rolls from heel to toe and from
    foot to foot without a jump.
    """
    turns, places = rig.kinematics(pose)
    points = rig.surface(turns, places)
    height = points[..., 2] - points[..., 2].amin(1, keepdim=True)
    weight = torch.softmax(-height / _CONTACT_M, 1)
    middle = (weight[1:] + weight[:-1]) / 2
    steps = -(middle[..., None] * (points[1:, :, :2] - points[:-1, :, :2])).sum(1)
    return torch.cat([torch.zeros(1, 2), steps.cumsum(0)])
