"""What a built-in motion is made of: a clock, angles over time, and how the body meets the floor."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from humansense.geometry import axis_angle_to_matrix
from humansense.motion.gait import Gait, step
from humansense.motion.legs import ankle_height_m, follow_contact, hip_offset, leg_angles
from humansense.motion.posing import pose_from_angles
from humansense.motion.rig import SIDES, Rig

_SOLE_M = 0.01


@dataclass
class Clock:
    """Time (T,) in seconds of a clip, and the random generator that decides everything about it."""

    rng: np.random.Generator
    seconds: Tensor

    def uniform(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def side(self) -> str:
        return "L" if self.rng.random() < 0.5 else "R"

    def cycle(self, rate_hz: float, phase: float | None = None) -> Tensor:
        """(T,) phase in turns of something that repeats `rate_hz` times a second; it starts anywhere."""
        return self.seconds * rate_hz + (self.uniform(0, 1) if phase is None else phase)

    def wobble(self, amplitude: float, rate_hz: float = 0.4) -> Tensor:
        """(T,) a smooth random signal of about this amplitude: three slow sines."""
        out = torch.zeros_like(self.seconds)
        for _ in range(3):
            rate, size = rate_hz * self.uniform(0.4, 1.6), amplitude * self.uniform(0.2, 0.6)
            out = out + size * torch.sin(2 * np.pi * self.cycle(rate))
        return out

    def visits(self, rate_hz: float) -> Tensor:
        """(T,) 0..1: goes to 1, stays a while, comes back, about `rate_hz` times a second; smooth."""
        wave = 0.5 - 0.5 * torch.cos(2 * np.pi * self.cycle(rate_hz))
        return smooth((wave - 0.25) / 0.5)


def smooth(x: Tensor) -> Tensor:
    """Smoothstep: 0 below 0, 1 above 1."""
    x = x.clamp(0, 1)
    return x * x * (3 - 2 * x)


@dataclass
class Script:
    """One clip before it is posed; T frames.

    angles: name -> (T,) degrees. root: (T, 3, 3) turn of the pelvis. lift: (T,) metres in the air. feet: how the feet
    stand, or gait: how they step, for legs by inverse kinematics; None: the legs' angles are given. travels: the root
    follows the points that carry the body.
    """

    angles: dict[str, Tensor]
    root: Tensor
    lift: Tensor
    feet: Feet | None = None
    gait: Gait | None = None
    travels: bool = False


@dataclass
class Feet:
    """Feet that stand while the pelvis moves over them. Lengths in metres for a leg of 1 m; T frames.

    width, stagger: sideways and forward distance of the feet (the left one is in front for a positive stagger).
    pelvis: (T, 3) of the pelvis over the middle of the feet, z downwards from the highest it can be.
    yaw: (left, right) degrees outwards. pitch: (T,) degrees, heels up.
    """

    width: float
    stagger: float
    pelvis: Tensor
    yaw: tuple[float, float] = (8.0, 8.0)
    pitch: Tensor | float = 0.0
    extra: dict[str, Tensor] = field(default_factory=dict)


def turned(pitch_deg: Tensor | float, roll_deg: Tensor | float, yaw_deg: Tensor | float, like: Tensor) -> Tensor:
    """(T, 3, 3): forward by pitch, to the left by roll, then heading by yaw."""

    def about(axis: int, degrees: Tensor | float) -> Tensor:
        angle = torch.deg2rad(torch.zeros_like(like) + degrees)
        return axis_angle_to_matrix(angle[:, None] * torch.eye(3)[axis])

    return about(2, yaw_deg) @ about(1, roll_deg) @ about(0, pitch_deg)


def play(script: Script, rig: Rig, heading_deg: float, fps: float) -> tuple[Tensor, Tensor]:
    """Poses (T, 104, 3, 3) and translations (T, 3) of a script, headed `heading_deg` to the left of -y."""
    angles = dict(script.angles)
    path = torch.zeros(len(script.root), 3)
    if script.gait is not None:
        legs, path = step(script.gait, rig, script.root)
        angles |= legs
    elif script.feet is not None:
        legs, path[:, :2] = _stand(script, rig)
        angles |= legs
    pose = pose_from_angles(rig, angles, script.root)
    if script.travels:
        path[:, :2] = follow_contact(rig, pose)
    turn = turned(0.0, 0.0, heading_deg, script.lift[:1])[0]
    pose[:, 0] = turn @ pose[:, 0]
    place = path @ turn.T
    turns, places = rig.kinematics(pose)
    lowest = rig.surface(turns, places)[..., 2].amin(1)
    lift = script.lift
    if script.gait is not None:
        above = (path[:, 2] + lowest).clamp(min=0)
        lift = above**2 / (above + _SOLE_M)  # a sole that is near the floor is on it
    place[:, 2] = lift - lowest
    return pose, place


def _stand(script: Script, rig: Rig) -> tuple[dict[str, Tensor], Tensor]:
    """Leg angles over feet that stand, and the root's path (T, 2)."""
    feet, leg = script.feet, rig.leg_m
    assert feet is not None
    ankle_z, high = ankle_height_m(rig), 0.985 * leg
    pelvis = feet.pelvis * leg
    hips = {s: (script.root @ hip_offset(rig, s)) for s in SIDES}
    middle = (hips["L"] + hips["R"]) / 2
    # Feet far apart lower the highest place of the pelvis.
    spread = ((feet.width * leg / 2 - 0.1) ** 2 + (feet.stagger * leg / 2) ** 2) ** 0.5
    top = ankle_z + (max(high**2 - spread**2, 0.1)) ** 0.5
    root = torch.stack([pelvis[:, 0], pelvis[:, 1], top - pelvis[:, 2]], -1) - middle
    pitch = torch.zeros_like(script.lift) + feet.pitch
    angles: dict[str, Tensor] = {}
    for s, sign, yaw in (("L", 1.0, feet.yaw[0]), ("R", -1.0, -feet.yaw[1])):
        raised = torch.sin(torch.deg2rad(pitch)) * 0.13
        ankle = torch.tensor([sign * feet.width / 2, -sign * feet.stagger / 2, 0.0]) * leg
        place = ankle.expand(len(root), 3).clone()
        place[:, 2] = ankle_z + raised
        heading = torch.full_like(pitch, yaw)
        angles |= leg_angles(rig, s, script.root, root + hips[s], place, heading, pitch)
        angles[f"toe_flex.{s}"] = pitch
    return angles, root[:, :2]
