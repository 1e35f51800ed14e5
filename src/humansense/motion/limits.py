"""Ranges of the body's joints in degrees, of a supple adult, and the joint angles' meaning.

All angles are zero in the anatomical pose: upright, arms hanging with the palms inwards, feet forward. `flex` of hip,
spine and neck is forward, of elbow and knee the way these bend; `side` leans and `twist` turns to the person's left.
The upper arm points by `elevation` (0 hangs down, 180 straight up) in the vertical plane at `plane` (0 sideways, 90
forward, 180 across the chest) and rolls by `roll`. Limbs have one angle a side, e.g. `knee_flex.L`.
Ranges after Kapandji 2007 and the AAOS tables, widened where gymnasts are.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_MIDDLE = {
    "spine_flex": (-50.0, 80.0), "spine_side": (-35.0, 35.0), "spine_twist": (-45.0, 45.0),
    "neck_flex": (-50.0, 50.0), "neck_side": (-35.0, 35.0), "neck_twist": (-70.0, 70.0),
}  # fmt: skip
_SIDED = {
    "hip_flex": (-30.0, 135.0), "hip_abduct": (-30.0, 80.0), "hip_turn": (-45.0, 60.0),
    "knee_flex": (0.0, 150.0), "ankle_flex": (-50.0, 30.0), "ankle_tilt": (-20.0, 25.0), "toe_flex": (-30.0, 60.0),
    "collar_raise": (-8.0, 30.0), "collar_forward": (-15.0, 25.0),
    "arm_elevation": (0.0, 178.0), "arm_plane": (-60.0, 135.0), "arm_roll": (-95.0, 80.0),
    "elbow_flex": (0.0, 148.0), "forearm_turn": (-80.0, 80.0), "wrist_flex": (-65.0, 70.0), "wrist_side": (-20.0, 30.0),
}  # fmt: skip

LIMITS_DEG: Mapping[str, tuple[float, float]] = MappingProxyType(
    _MIDDLE | {f"{name}.{side}": value for name, value in _SIDED.items() for side in "LR"}
)
