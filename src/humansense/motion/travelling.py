"""Built-in motion that goes somewhere: walk, run, crawl."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from humansense.motion.scripts import Clock, Script, periodic, smooth, turned
from humansense.motion.standing import looking

Keys = dict[str, list[tuple[float, float]]]

# Gait angles by phase, 0 = the heel of this leg touches the floor (after Perry 1992, normal gait).
_WALK: Keys = {
    "hip_flex": [(0, 30), (0.15, 23), (0.3, 5), (0.5, -15), (0.62, -3), (0.75, 23), (0.88, 33)],
    "knee_flex": [(0, 5), (0.14, 17), (0.38, 5), (0.5, 12), (0.62, 42), (0.73, 62), (0.86, 28), (0.95, 4)],
    "ankle_flex": [(0, 0), (0.07, -6), (0.25, 5), (0.44, 11), (0.62, -18), (0.75, 0), (0.9, 2)],
    "toe_flex": [(0, 8), (0.1, 0), (0.4, 2), (0.55, 30), (0.65, 15), (0.75, 5), (0.9, 10)],
}
_RUN: Keys = {
    "hip_flex": [(0, 38), (0.15, 20), (0.35, -14), (0.5, 5), (0.68, 48), (0.85, 55)],
    "knee_flex": [(0, 18), (0.12, 38), (0.33, 14), (0.5, 75), (0.65, 105), (0.85, 48), (0.95, 18)],
    "ankle_flex": [(0, 3), (0.15, 18), (0.35, -22), (0.55, -8), (0.8, 2)],
    "toe_flex": [(0, 5), (0.2, 5), (0.33, 28), (0.45, 5), (0.8, 5)],
}


def _gait(c: Clock, table: Keys, phase: Tensor, size: float) -> dict[str, Tensor]:
    angles: dict[str, Tensor] = {}
    for side, shift in (("L", 0.0), ("R", 0.5 + c.uniform(-0.015, 0.015))):
        mine = size * c.uniform(0.95, 1.05)
        for name, keys in table.items():
            angles[f"{name}.{side}"] = mine * periodic(phase + shift, keys)
        angles[f"hip_abduct.{side}"] = torch.full_like(phase, c.uniform(0, 4))
        angles[f"hip_turn.{side}"] = torch.full_like(phase, c.uniform(0, 10))
    return angles


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
    size, rate = c.uniform(0.75, 1.25), c.uniform(0.8, 1.15)
    phase = c.cycle(rate)
    angles = _gait(c, _WALK, phase, size) | looking(c) | _swinging_arms(c, phase, c.uniform(10, 32), c.uniform(8, 30))
    sway = torch.cos(2 * np.pi * phase)
    angles["spine_twist"] = angles["spine_twist"] * 0.5 + c.uniform(4, 10) * sway
    angles["neck_twist"] = angles["neck_twist"] * 0.5 - 0.6 * angles["spine_twist"]
    root = turned(c.uniform(0, 6), 2 * sway, -c.uniform(2, 6) * sway, phase)
    return Script(angles, root, torch.zeros_like(c.seconds), travels=True)


def run(c: Clock) -> Script:
    size, rate = c.uniform(0.75, 1.2), c.uniform(1.2, 1.6)
    phase = c.cycle(rate)
    angles = _gait(c, _RUN, phase, size) | looking(c) | _swinging_arms(c, phase, c.uniform(30, 55), c.uniform(60, 85))
    sway = torch.cos(2 * np.pi * phase)
    angles["spine_flex"] = angles["spine_flex"] + c.uniform(4, 14)
    angles["spine_twist"] = c.uniform(6, 14) * sway
    angles["neck_twist"] = -0.7 * angles["spine_twist"]
    angles["neck_flex"] = angles["neck_flex"] - 8
    root = turned(c.uniform(4, 12), 3 * sway, -c.uniform(3, 8) * sway, phase)
    flight = smooth((((2 * phase) % 1) - 0.72) / 0.14) * (1 - smooth((((2 * phase) % 1) - 0.86) / 0.14))
    return Script(angles, root, c.uniform(0.03, 0.09) * flight, travels=True, glide_s=0.5 / rate)


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
