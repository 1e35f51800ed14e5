"""Finger poses for motions without: each hand goes on its own from one everyday grasp to the next.

A hand is five rows, thumb to little finger, of four angles in degrees. Fingers: spread away from the middle finger,
flexion of knuckle, middle and last joint from the straight finger. Thumb, from its place at rest: opposition (about
the hand's length, into the palm), spread (in the palm's plane, away from the index), flexion of its two joints.
Grasps after the groups of Feix 2016; ranges after Kapandji 2007. Blending two hands within the ranges stays within.
Flexion ends a little before the anatomical limit, where this body's fingertips meet its palm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from humansense.geometry import axis_angle_to_matrix
from humansense.motion.rig import SIDES, Rig, finger_direction, palm_normal
from humansense.motion.scripts import smooth
from humansense.motion.values import BodyMotion

Row = tuple[float, float, float, float]
_CURLED: tuple[Row, ...] = ((0, 68, 86, 40), (0, 66, 88, 42), (0, 66, 88, 42), (0, 64, 80, 36))
_LOCKED: Row = (50, 4, 14, 38)  # a thumb over curled fingers
_STRAIGHT: Row = (0, 2, 4, 2)
_EASY: tuple[Row, ...] = ((2, 18, 26, 14), (0, 22, 30, 16), (1, 26, 34, 18), (3, 28, 34, 18))

# grasp: how often, then the thumb and the four fingers.
GRASPS: Mapping[str, tuple[float, tuple[Row, ...]]] = MappingProxyType(
    {
        "relaxed": (0.34, ((8, 0, 8, 8), *_EASY)),
        "flat": (0.10, ((0, 0, 0, 0), _STRAIGHT, _STRAIGHT, _STRAIGHT, _STRAIGHT)),
        "spread": (0.06, ((0, 14, -4, -4), (12, 0, 3, 2), (0, 0, 3, 2), (10, 0, 3, 2), (19, 0, 4, 2))),
        "fist": (0.10, (_LOCKED, *_CURLED)),
        "point": (0.08, (_LOCKED, _STRAIGHT, *_CURLED[1:])),
        "thumb up": (0.04, ((-8, 12, -6, -8), (0, 62, 80, 36), *_CURLED[1:])),
        "pinch": (0.08, ((36, 0, 8, 14), (0, 48, 44, 22), (0, 34, 36, 18), (1, 30, 34, 18), (3, 28, 30, 16))),
        "grip": (0.10, ((46, 8, 4, 12), (1, 48, 54, 30), (0, 52, 56, 32), (0, 56, 58, 32), (2, 58, 56, 30))),
        "ball": (0.05, ((38, 12, 4, 12), (9, 26, 36, 20), (0, 28, 36, 20), (7, 28, 36, 20), (13, 30, 36, 20))),
        "hook": (0.05, ((4, 0, 6, 8), (0, 14, 76, 40), (0, 16, 78, 42), (0, 18, 78, 42), (0, 20, 76, 40))),
    }
)
# Least and most of each angle, thumb and fingers.
THUMB_DEG: tuple[tuple[float, float], ...] = ((-15, 56), (-15, 30), (-10, 40), (-10, 60))
FINGER_DEG: tuple[tuple[float, float], ...] = ((-4, 22), (-15, 74), (0, 92), (0, 48))
_HOLD_S, _CHANGE_S = (0.6, 3.0), (0.25, 0.7)


def hand_limits() -> tuple[Tensor, Tensor]:
    """Least and most (5, 4) of a hand's angles in degrees."""
    rows = torch.tensor([THUMB_DEG, *[FINGER_DEG] * 4])
    return rows[..., 0], rows[..., 1]


def grasp(name: str) -> Tensor:
    """(5, 4) degrees of a grasp by its name."""
    return torch.tensor(GRASPS[name][1], dtype=torch.float32)


def sample_hands(rng: np.random.Generator) -> dict[str, Tensor]:
    """A hand (5, 4) in degrees for each side, drawn on its own: a grasp, more or less closed, every finger a little
    off, within `hand_limits`."""
    return {side: _sample_hand(rng) for side in SIDES}


def _sample_hand(rng: np.random.Generator) -> Tensor:
    names = list(GRASPS)
    shares = np.array([GRASPS[n][0] for n in names])
    angles = np.array(GRASPS[names[rng.choice(len(names), p=shares / shares.sum())]][1])
    closed = np.clip(rng.normal(1, 0.08), 0.8, 1.04)
    bend = rng.normal(0, 3, (5, 1)) + rng.normal(0, 1.5, (5, 4))
    bend[:, 0] = rng.normal(0, 1.2, 5)
    bend[2, 0] = 0
    low, high = hand_limits()
    return torch.from_numpy(angles * closed + bend).float().clamp(low, high)


def finger_turns(rig: Rig, side: str, hands: Tensor) -> dict[int, Tensor]:
    """Rotations (T, 3, 3) by bone index of one side's fingers, for hands (T, 5, 4) in degrees."""
    radians = torch.deg2rad(hands)
    normal = palm_normal(rig, side)
    wrist = rig.joints[rig.index[f"wrist.{side}"]]
    along = torch.nn.functional.normalize(rig.joints[rig.index[f"finger3-1.{side}"]] - wrist, dim=0)
    index_side = torch.nn.functional.normalize(torch.linalg.cross(normal, along), dim=0)
    to_index = rig.joints[rig.index[f"finger2-1.{side}"]] - rig.joints[rig.index[f"finger5-1.{side}"]]
    index_side = index_side * torch.sign(index_side @ to_index)
    out: dict[int, Tensor] = {}
    for number in range(1, 6):
        bones = [finger_direction(rig, number, k, side) for k in (1, 2, 3)]
        first, second, third = (rig.index[f"finger{number}-{k}.{side}"] for k in (1, 2, 3))
        a = radians[:, number - 1]
        if number == 1:
            curl = torch.nn.functional.normalize(torch.linalg.cross(bones[0], bones[1]), dim=0)
            oppose = torch.nn.functional.normalize(torch.linalg.cross(index_side, normal), dim=0)
            out[first] = _about(oppose, a[:, 0]) @ _about(torch.linalg.cross(along, index_side), a[:, 1])
            out[second], out[third] = _about(curl, a[:, 2]), _about(curl, a[:, 3])
            continue
        flex = torch.nn.functional.normalize(torch.linalg.cross(bones[0], normal), dim=0)
        outwards = index_side if number == 2 else -index_side
        spread = torch.nn.functional.normalize(torch.linalg.cross(along, outwards), dim=0)
        at_rest = torch.asin((bones[0] @ normal).clamp(-1, 1)), _bend(bones[0], bones[1], flex)
        out[first] = _about(spread, a[:, 0]) @ _about(flex, a[:, 1] - at_rest[0])
        out[second], out[third] = _about(flex, a[:, 2] - at_rest[1]), _about(flex, a[:, 3])
    return out


def _about(axis: Tensor, radians: Tensor) -> Tensor:
    return axis_angle_to_matrix(radians[:, None] * axis)


def _bend(one: Tensor, two: Tensor, axis: Tensor) -> Tensor:
    """The angle about `axis` that leads from one direction to the other."""
    return torch.atan2(torch.linalg.cross(one, two) @ axis, one @ two - (one @ axis) * (two @ axis))


def hands_over_time(rng: np.random.Generator, frames: int, fps: float) -> Tensor:
    """(T, 5, 4) degrees of one hand that holds grasps for 0.6 to 3 s and changes smoothly in 0.25 to 0.7 s."""
    times = torch.arange(frames) / fps
    current = _sample_hand(rng)
    out = current.expand(frames, 5, 4).clone()
    at = float(rng.uniform(0, _HOLD_S[1]))
    while at < frames / fps:
        following, seconds = _sample_hand(rng), float(rng.uniform(*_CHANGE_S))
        part = smooth((times - at) / seconds)[:, None, None]
        out = torch.lerp(out, following.expand_as(out), part)
        at += seconds + float(rng.uniform(*_HOLD_S))
    return out


def with_hands(motion: BodyMotion, rng: np.random.Generator, rig: Rig) -> BodyMotion:
    """The same motion with both hands' fingers drawn by `rng`; fingers that were captured are kept as they are."""
    if motion.fingers:
        return motion
    pose = motion.pose.clone()
    for side in SIDES:
        hands = hands_over_time(rng, len(motion), motion.fps)
        for bone, turn in finger_turns(rig, side, hands).items():
            pose[:, bone] = turn
    return replace(motion, pose=pose)
