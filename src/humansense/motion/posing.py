"""Poses of the body from joint angles that have a meaning (see `limits`)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from humansense.core import HumansenseError
from humansense.geometry import axis_angle_to_matrix
from humansense.motion.limits import LIMITS_DEG
from humansense.motion.retarget import assemble, half_twisted
from humansense.motion.rig import SIDES, Rig, frame, relaxed_fingers, rest_frames, shoulder_girdle

Angles = Mapping[str, Tensor]

_SPINE = ("spine05", "spine04", "spine03", "spine02", "spine01")
_SPINE_SHARE = (0.15, 0.4, 0.65, 0.85, 1.0)  # of the trunk's bend that each bone has reached
_NECK = ("neck01", "neck02", "neck03", "head")
_NECK_SHARE = (0.25, 0.5, 0.75, 1.0)


def _turn(axis: tuple[float, float, float], degrees: Tensor) -> Tensor:
    """(T, 3, 3) rotations about an axis of the world at rest."""
    return axis_angle_to_matrix(torch.deg2rad(degrees)[:, None] * torch.tensor(axis))


def clamp_angles(angles: Angles) -> dict[str, Tensor]:
    """The same angles within `LIMITS_DEG`; raises for a name that is not there."""
    out = {}
    for name, value in angles.items():
        if name not in LIMITS_DEG:
            raise HumansenseError(f"no joint angle {name!r}; known: {', '.join(LIMITS_DEG)}")
        low, high = LIMITS_DEG[name]
        out[name] = value.clamp(low, high)
    return out


def pose_from_angles(rig: Rig, angles: Angles, root: Tensor) -> Tensor:
    """(T, 104, 3, 3) poses. angles: name -> (T,) degrees, absent ones are 0; root: (T, 3, 3) turn of the pelvis.

    Angles are clamped to `LIMITS_DEG`.
    """
    frames = len(root)
    given = clamp_angles(angles)
    zero = torch.zeros(frames)

    def of(name: str) -> Tensor:
        return given.get(name, zero)

    rest = rest_frames(rig)
    glob: list[Tensor | None] = [None] * len(rig.names)
    local: dict[int, Tensor] = dict(relaxed_fingers(rig))
    glob[0] = root
    chest = root
    for bone, share in zip(_SPINE, _SPINE_SHARE, strict=True):
        chest = root @ _bend(share * of("spine_flex"), share * of("spine_side"), share * of("spine_twist"))
        glob[rig.index[bone]] = chest
    for bone, share in zip(_NECK, _NECK_SHARE, strict=True):
        bend = _bend(share * of("neck_flex"), share * of("neck_side"), share * of("neck_twist"))
        glob[rig.index[bone]] = chest @ bend
    for s in SIDES:
        sided = {n[:-2]: v for n, v in given.items() if n.endswith("." + s)}
        _leg(rig, rest, s, sided, root, glob, local)
        _arm(rig, rest, s, sided, chest, glob)
    return assemble(rig, glob, local, frames)


def _bend(flex: Tensor, side: Tensor, twist: Tensor) -> Tensor:
    """Trunk or neck: forward about +x, to the left about +y, turn to the left about +z."""
    return _turn((1, 0, 0), flex) @ _turn((0, 1, 0), side) @ _turn((0, 0, 1), twist)


def _leg(
    rig: Rig,
    rest: dict[str, Tensor],
    s: str,
    a: Angles,
    root: Tensor,
    glob: list[Tensor | None],
    local: dict[int, Tensor],
) -> None:
    """Global rotations of a leg into `glob`."""
    zero, sign = torch.zeros(len(root)), 1.0 if s == "L" else -1.0
    down = frame(torch.tensor([0.0, 0.0, -1.0]), torch.tensor([1.0, 0.0, 0.0]))
    thigh = root @ _turn((1, 0, 0), -a.get("hip_flex", zero)) @ _turn((0, -sign, 0), a.get("hip_abduct", zero))
    thigh = thigh @ _turn((0, 0, sign), a.get("hip_turn", zero))
    shin = thigh @ _turn((1, 0, 0), a.get("knee_flex", zero))
    foot = shin @ _turn((1, 0, 0), -a.get("ankle_flex", zero)) @ _turn((0, sign, 0), a.get("ankle_tilt", zero))
    glob[rig.index[f"upperleg01.{s}"]] = thigh @ (down @ rest[f"thigh.{s}"].T)
    glob[rig.index[f"lowerleg01.{s}"]] = shin @ (down @ rest[f"shin.{s}"].T)
    forward = frame(torch.tensor([0.0, -1.0, 0.0]), torch.tensor([0.0, 0.0, 1.0]))
    glob[rig.index[f"foot.{s}"]] = foot @ (forward @ rest[f"foot.{s}"].T)
    bend = _turn((1, 0, 0), -a.get("toe_flex", zero))
    for toe in range(1, 6):
        local[rig.index[f"toe{toe}-1.{s}"]] = bend


def _arm(rig: Rig, rest: dict[str, Tensor], s: str, a: Angles, chest: Tensor, glob: list[Tensor | None]) -> None:
    """Global rotations of an arm into `glob`; the shoulder girdle follows a raised arm by a quarter."""
    zero, sign = torch.zeros(len(chest)), 1.0 if s == "L" else -1.0
    elevation, plane = a.get("arm_elevation", zero), torch.deg2rad(a.get("arm_plane", zero))
    collar = chest @ _turn((0, -sign, 0), a.get("collar_raise", zero))
    collar = collar @ _turn((0, 0, -sign), a.get("collar_forward", zero))
    # The swing turns "down" towards (cos plane, -sin plane) about the horizontal axis across that direction.
    axis = torch.stack([-torch.sin(plane), -sign * torch.cos(plane), zero], -1)
    swing = axis_angle_to_matrix(torch.deg2rad(elevation)[:, None] * axis)
    glob[rig.index[f"clavicle.{s}"]] = collar @ shoulder_girdle(-swing[..., 2], s)
    upper = chest @ swing @ _turn((0, 0, -sign), a.get("arm_roll", zero))
    fore = upper @ _turn((-1, 0, 0), a.get("elbow_flex", zero))
    hand = fore @ _turn((0, 0, sign), a.get("forearm_turn", zero))
    bent = hand @ _turn((0, sign, 0), a.get("wrist_flex", zero)) @ _turn((-1, 0, 0), a.get("wrist_side", zero))
    down = frame(torch.tensor([0.0, 0.0, -1.0]), torch.tensor([-1.0, 0.0, 0.0]))
    palm = frame(torch.tensor([0.0, 0.0, -1.0]), torch.tensor([-sign, 0.0, 0.0]))
    shoulder = upper @ (down @ rest[f"upper_arm.{s}"].T)
    glob[rig.index[f"upperarm01.{s}"]] = shoulder
    lower = fore @ (down @ rest[f"forearm.{s}"].T)
    wrist = bent @ (palm @ rest[f"hand.{s}"].T)
    glob[rig.index[f"lowerarm01.{s}"]] = lower
    glob[rig.index[f"lowerarm02.{s}"]] = half_twisted(lower, wrist, rest[f"forearm.{s}"][:, 0])
    glob[rig.index[f"wrist.{s}"]] = wrist
