"""Built-in motion that goes somewhere: walk, run, crawl."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from humansense.motion.gait import Gait
from humansense.motion.scripts import Clock, Script, smooth, turned
from humansense.motion.standing import looking

# Pitch of the foot by phase, heel up is positive; 0 = the heel of this foot touches the floor.
_WALK = ((0.0, -16.0), (0.1, 0.0), (0.36, 0.0), (0.5, 14.0), (0.62, 50.0), (0.72, 40.0), (0.86, -4.0), (0.95, -17.0))
_RUN = ((0.0, -6.0), (0.07, 0.0), (0.16, 0.0), (0.34, 52.0), (0.48, 85.0), (0.62, 70.0), (0.82, 12.0), (0.95, -6.0))


def _varied(c: Clock, gait: Gait) -> Gait:
    """The same gait with a width, turn-out and unevenness of its own."""
    yaw = (c.uniform(0, 14), c.uniform(0, 14))
    return replace(gait, width=c.uniform(0.12, 0.28), yaw=yaw, uneven=c.uniform(-0.02, 0.02))


def _swinging_arms(c: Clock, phase: Tensor, swing: float, bend: float) -> dict[str, Tensor]:
    """Each arm swings with the leg of the other side; behind the body the plane of the swing is that behind it."""
    angles: dict[str, Tensor] = {}
    out = c.uniform(6, 14)
    for side, shift in (("L", 0.5), ("R", 0.0)):
        forward = swing * c.uniform(0.8, 1.2) * torch.cos(2 * np.pi * (phase + shift)) + 0.15 * swing
        # From forward (plane 90) over the side to behind (plane -60): direction of (out, forward).
        angles[f"arm_plane.{side}"] = torch.rad2deg(torch.atan2(forward, torch.full_like(phase, out)))
        angles[f"arm_elevation.{side}"] = torch.sqrt(forward**2 + out**2)
        angles[f"elbow_flex.{side}"] = bend + 0.35 * (forward + swing)
        angles[f"arm_roll.{side}"] = torch.full_like(phase, c.uniform(10, 25))
        angles[f"forearm_turn.{side}"] = torch.full_like(phase, c.uniform(0, 25))
    return angles


def walk(c: Clock) -> Script:
    rate, stride = c.uniform(0.75, 1.1), c.uniform(1.15, 1.75)
    phase = c.cycle(rate)
    angles = looking(c) | _swinging_arms(c, phase, c.uniform(10, 32), c.uniform(8, 30))
    sway = torch.cos(2 * np.pi * phase)
    angles["spine_twist"] = angles["spine_twist"] * 0.5 + c.uniform(4, 10) * sway
    angles["neck_twist"] = angles["neck_twist"] * 0.5 - 0.6 * angles["spine_twist"]
    root = turned(c.uniform(0, 6), 2 * sway, -c.uniform(2, 6) * sway, phase)
    gait = Gait(phase, stride, 0.62, _WALK, lift=c.uniform(0.03, 0.12), early=1.5, bob=0.018)
    return Script(angles, root, torch.zeros_like(phase), gait=_varied(c, gait))


def run(c: Clock) -> Script:
    rate, stride = c.uniform(1.2, 1.6), c.uniform(1.7, 3.2)
    phase = c.cycle(rate)
    angles = looking(c) | _swinging_arms(c, phase, c.uniform(30, 55), c.uniform(60, 85))
    sway = torch.cos(2 * np.pi * phase)
    angles["spine_flex"] = angles["spine_flex"] + c.uniform(4, 14)
    angles["spine_twist"] = c.uniform(6, 14) * sway
    angles["neck_twist"] = -0.7 * angles["spine_twist"]
    angles["neck_flex"] = angles["neck_flex"] - 8
    root = turned(c.uniform(4, 12), 3 * sway, -c.uniform(3, 8) * sway, phase)
    gait = Gait(phase, stride, 0.34, _RUN, 0.42, c.uniform(0.2, 0.45), 1.6, bob=-c.uniform(0.025, 0.05))
    return Script(angles, root, torch.zeros_like(phase), gait=_varied(c, gait))


def crawl(c: Clock) -> Script:
    phase = c.cycle(c.uniform(0.5, 0.9))
    angles = {"neck_flex": -30 + c.wobble(10), "spine_side": 6 * torch.cos(2 * np.pi * phase)}
    for s, shift in (("L", 0.0), ("R", 0.5)):
        leg, arm = torch.cos(2 * np.pi * (phase + shift)), torch.cos(2 * np.pi * (phase + shift + 0.5))
        lifted = smooth(torch.sin(2 * np.pi * (phase + shift)))
        angles |= {
            f"hip_flex.{s}": 88 + 14 * leg, f"knee_flex.{s}": 88 - 4 * leg + 8 * lifted,
            f"ankle_flex.{s}": -40 + 0 * leg, f"arm_elevation.{s}": 82 + 14 * arm, f"arm_plane.{s}": 88 + 0 * arm,
            f"elbow_flex.{s}": 6 + 14 * lifted, f"wrist_flex.{s}": -60 + 0 * arm,
        }  # fmt: skip
    return Script(angles, turned(82 + c.wobble(2), 0.0, 0.0, phase), torch.zeros_like(c.seconds), travels=True)
