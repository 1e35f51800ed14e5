"""Random poses within the joint limits, blended over time: variety that no capture has.

A pose is put together from one habit each of the trunk, the legs, the arms and the whole body's turn in space (upright,
leaning, lying, upside down, any). Poses in which the body passes through itself are drawn again.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from humansense.geometry import axis_angle_to_matrix, slerp
from humansense.motion.limits import LIMITS_DEG
from humansense.motion.posing import pose_from_angles
from humansense.motion.rig import Rig
from humansense.motion.selfhit import penetration

MAX_PENETRATION_M = 0.035
_TRIES = 6  # rounds of drawing again before the least bad pose is taken

# A habit: angle -> (mean, standard deviation) in degrees. Angles that a habit does not name get `_LOOSE`.
Habit = dict[str, tuple[float, float]]
_LOOSE: Habit = {
    "spine_flex": (5, 10), "spine_side": (0, 7), "spine_twist": (0, 10),
    "neck_flex": (0, 15), "neck_side": (0, 9), "neck_twist": (0, 25),
    "hip_abduct": (8, 8), "hip_turn": (8, 12), "ankle_flex": (0, 12), "ankle_tilt": (0, 6), "toe_flex": (0, 8),
    "collar_raise": (3, 6), "collar_forward": (3, 6),
    "arm_roll": (0, 30), "forearm_turn": (10, 35), "wrist_flex": (5, 20), "wrist_side": (5, 8),
}  # fmt: skip

TRUNK: tuple[tuple[float, Habit], ...] = (
    (0.45, {}),
    (0.20, {"spine_flex": (35, 18), "neck_flex": (5, 25)}),
    (0.12, {"spine_flex": (-25, 12), "neck_flex": (-20, 18)}),
    (0.10, {"spine_side": (0, 22), "neck_side": (0, 16)}),
    (0.13, {"spine_twist": (0, 28), "spine_side": (0, 12), "neck_twist": (0, 40)}),
)
ARM: tuple[tuple[float, Habit], ...] = (
    (0.24, {"arm_elevation": (14, 10), "arm_plane": (30, 40), "elbow_flex": (20, 18)}),
    (0.16, {"arm_elevation": (85, 18), "arm_plane": (10, 22), "elbow_flex": (15, 22)}),
    (0.18, {"arm_elevation": (155, 18), "arm_plane": (45, 35), "elbow_flex": (15, 22)}),
    (0.12, {"arm_elevation": (85, 28), "arm_plane": (85, 18), "elbow_flex": (20, 28)}),
    (0.12, {"arm_elevation": (45, 20), "arm_plane": (75, 30), "elbow_flex": (95, 25)}),
    (0.06, {"arm_elevation": (40, 14), "arm_plane": (-45, 15), "elbow_flex": (15, 20)}),
    (0.12, {"arm_elevation": (90, 45), "arm_plane": (40, 50), "elbow_flex": (65, 45), "arm_roll": (0, 45)}),
)
_OVERHEAD: Habit = {
    "arm_elevation": (165, 9), "arm_plane": (55, 25), "elbow_flex": (8, 9), "wrist_flex": (-50, 15), "arm_roll": (0, 15)
}  # fmt: skip
# Both legs of a habit are drawn on their own; "other" is the other leg's habit (None: the same).
LEGS: tuple[tuple[float, Habit, Habit | None], ...] = (
    (0.20, {"hip_flex": (4, 7), "knee_flex": (7, 7)}, None),  # stands
    (0.10, {"hip_flex": (4, 8), "knee_flex": (6, 8), "hip_abduct": (28, 12)}, None),  # stands wide
    (0.14, {"hip_flex": (35, 18), "knee_flex": (35, 25)}, {"hip_flex": (-8, 10), "knee_flex": (30, 22)}),  # strides
    (0.08, {"hip_flex": (75, 25), "knee_flex": (85, 25), "hip_abduct": (15, 12)}, None),  # squats, sits
    (0.06, {"hip_flex": (115, 14), "knee_flex": (125, 15)}, None),  # tucks
    (0.07, {"hip_flex": (85, 25), "knee_flex": (8, 10), "hip_abduct": (12, 14)}, None),  # pikes
    (0.10, {"hip_flex": (85, 25), "knee_flex": (25, 30)}, {"hip_flex": (2, 8), "knee_flex": (10, 10)}),  # kicks
    (0.06, {"hip_flex": (30, 25), "hip_abduct": (65, 14), "knee_flex": (6, 8), "hip_turn": (30, 15)}, None),
    (0.05, {"hip_flex": (90, 15), "knee_flex": (5, 6)}, {"hip_flex": (-25, 8), "knee_flex": (8, 10)}),  # splits
    (0.04, {"hip_flex": (5, 15), "knee_flex": (105, 20)}, None),  # kneels
    (0.04, {"hip_flex": (70, 15), "knee_flex": (85, 15)}, {"hip_flex": (-5, 12), "knee_flex": (95, 15)}),  # lunges
    (0.06, {"hip_flex": (45, 45), "knee_flex": (60, 45), "hip_abduct": (20, 22), "hip_turn": (8, 22)}, None),  # any
)
# Turn of the whole body: share, mean forward pitch in degrees, its spread, spread of the roll to a side.
TURNS: tuple[tuple[float, float, float, float], ...] = (
    (0.46, 0, 10, 8),
    (0.14, 30, 22, 20),
    (0.07, 85, 15, 20),  # prone
    (0.07, -80, 15, 20),  # on the back
    (0.05, 0, 20, 90),  # on a side
    (0.13, 180, 28, 20),  # on the hands
    (0.08, 0, 180, 180),  # any
)


def _pick(rng: np.random.Generator, table: tuple) -> tuple:
    shares = np.array([row[0] for row in table])
    return table[rng.choice(len(table), p=shares / shares.sum())]


def _draw(rng: np.random.Generator, habit: Habit, name: str, side: str) -> float:
    mean, spread = habit.get(name, _LOOSE.get(name, (0.0, 8.0)))
    low, high = LIMITS_DEG[name + side]
    value = rng.normal(mean, spread)
    return float(low + abs(value - low) if value < low and low == 0 else np.clip(value, low, high))


def draw_angles(rng: np.random.Generator, on_hands: bool = False) -> dict[str, float]:
    """One random pose: every angle of `LIMITS_DEG`, in degrees. on_hands: the arms mostly carry the body overhead."""
    trunk = _pick(rng, TRUNK)[1]
    _, near, other = _pick(rng, LEGS)
    arms = [_pick(rng, ARM)[1] for _ in range(2)]
    if on_hands and rng.random() < 0.65:
        arms = [_OVERHEAD, _OVERHEAD]
    same_arms, same_legs, swap = rng.random() < 0.4, rng.random() < 0.5, rng.random() < 0.5
    if same_arms:
        arms[1] = arms[0]
    legs = [near, near if other is None else other]
    if swap:
        legs.reverse()
    angles: dict[str, float] = {}
    for name in sorted({key.split(".")[0] for key in LIMITS_DEG}):
        if name in LIMITS_DEG:
            angles[name] = _draw(rng, trunk, name, "")
            continue
        of_leg = name.startswith(("hip", "knee", "ankle", "toe"))
        left = _draw(rng, (legs if of_leg else arms)[0], name, ".L")
        right = _draw(rng, (legs if of_leg else arms)[1], name, ".R")
        mirrored = (same_legs and other is None) if of_leg else same_arms
        angles[name + ".L"] = left
        angles[name + ".R"] = 0.85 * left + 0.15 * right if mirrored else right
    return angles


def draw_turn(rng: np.random.Generator) -> Tensor:
    """(3, 3) turn of the whole body: pitch and roll by one of `TURNS`, any heading."""
    _, pitch, pitch_spread, roll_spread = _pick(rng, TURNS)
    tilt = np.deg2rad([rng.normal(pitch, pitch_spread), rng.normal(0, roll_spread), 0])
    yaw = torch.tensor([0.0, 0.0, rng.uniform(-np.pi, np.pi)], dtype=torch.float32)
    x, y = torch.zeros(3), torch.zeros(3)
    x[0], y[1] = float(tilt[0]), float(tilt[1])
    return axis_angle_to_matrix(yaw) @ axis_angle_to_matrix(y) @ axis_angle_to_matrix(x)


def _stack(drawn: list[dict[str, float]]) -> dict[str, Tensor]:
    return {name: torch.tensor([d[name] for d in drawn], dtype=torch.float32) for name in drawn[0]}


def draw_poses(rng: np.random.Generator, rig: Rig, on_hands: list[bool]) -> dict[str, Tensor]:
    """Angles (N,) of random poses in which the body does not pass through itself by more than a few centimetres."""
    chosen = [draw_angles(rng, hands) for hands in on_hands]
    depth = _depths(rig, chosen)
    for _ in range(_TRIES):
        bad = torch.nonzero(depth > MAX_PENETRATION_M)[:, 0].tolist()
        if not bad:
            break
        fresh = [draw_angles(rng, on_hands[i]) for i in bad for _ in range(2)]
        fresh_depth = _depths(rig, fresh)
        for k, i in enumerate(bad):
            j = 2 * k + int(fresh_depth[2 * k + 1] < fresh_depth[2 * k])
            if fresh_depth[j] < depth[i]:
                chosen[i], depth[i] = fresh[j], fresh_depth[j]
    return _stack(chosen)


def _depths(rig: Rig, drawn: list[dict[str, float]]) -> Tensor:
    pose = pose_from_angles(rig, _stack(drawn), torch.eye(3).expand(len(drawn), 3, 3))
    return penetration(rig, *rig.kinematics(pose))


def blended_poses(rng: np.random.Generator, rig: Rig, frames: int, fps: float) -> tuple[Tensor, Tensor]:
    """A smooth way through random poses: (T, 104, 3, 3) poses and (T,) metres that the body is in the air.

    Each lasts 0.4 to 1.2 s on the way to the next; angles move by a cosine, the body turns by slerp.
    """
    stops = [0.0]
    while stops[-1] < frames / fps:
        stops.append(stops[-1] + rng.uniform(0.4, 1.2))
    count = len(stops)
    turns = torch.stack([draw_turn(rng) for _ in range(count)])
    angles = draw_poses(rng, rig, (turns[:, 2, 2] < -0.6).tolist())
    flying = np.where(rng.random(count) < 0.15, rng.uniform(0.1, 0.8, count), 0)
    times = np.arange(frames) / fps
    first = np.clip(np.searchsorted(stops, times, side="right") - 1, 0, count - 2)
    gap = np.diff(stops)[first]
    ease = 0.5 - 0.5 * np.cos(np.pi * (times - np.array(stops)[first]) / gap)
    part = torch.from_numpy(ease).float()
    before = torch.from_numpy(first)
    moved = {name: torch.lerp(v[before], v[before + 1], part) for name, v in angles.items()}
    root = slerp(turns[before], turns[before + 1], part)
    lift = torch.lerp(torch.from_numpy(flying[first]).float(), torch.from_numpy(flying[first + 1]).float(), part)
    return pose_from_angles(rig, moved, root), lift
