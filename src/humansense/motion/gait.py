"""Steps by inverse kinematics: the pelvis moves on evenly, feet stand still from heel strike to toe-off.

A foot rolls over the heel while its toes are up and over the ball while its heel is up, so that nothing slides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from humansense.motion.legs import ankle_height_m, hip_offset, leg_angles
from humansense.motion.rig import SIDES, Rig

_REACH = 0.985  # of the leg's length: a standing leg is never quite straight


@dataclass(frozen=True)
class Gait:
    """How somebody steps. Lengths are for legs of 1 m.

    phase: (T,) in turns; at 0 the left heel strikes. stride: the way of one turn (two steps). stance: the part of the
    turn that a foot stands. pitch: (phase, degrees) keys of the foot, heel up is positive. ahead: where the heel
    strikes, as a part of the way that the pelvis goes during the stance. lift: how high a swinging foot is raised, and
    early in the swing for `early` > 1. width: of the track. bob: half of the pelvis's way up and down; highest in the
    middle of the stance, or lowest there if negative. yaw: (left, right) degrees outwards. uneven: phase by which the
    right step comes early.
    """

    phase: Tensor
    stride: float
    stance: float
    pitch: tuple[tuple[float, float], ...]
    ahead: float = 0.5
    lift: float = 0.05
    early: float = 1.0
    width: float = 0.18
    bob: float = 0.02
    yaw: tuple[float, float] = (6.0, 6.0)
    uneven: float = 0.0


def _pitch(gait: Gait, p: Tensor) -> Tensor:
    from scipy.interpolate import PchipInterpolator

    keys, turn = np.array(gait.pitch), np.array([1.0, 0.0])
    around = np.concatenate([keys - turn, keys, keys + turn])
    return torch.from_numpy(PchipInterpolator(around[:, 0], around[:, 1])(p.double().numpy())).float()


def _ankle(gait: Gait, rig: Rig, p: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """One foot at phases p (T,): metres of its ankle ahead of the pelvis and over the floor, and pitch in degrees."""
    leg = rig.leg_m
    stride, start = gait.stride * leg, gait.ahead * gait.stance * gait.stride * leg
    s = ((p - gait.stance) / (1 - gait.stance)).clamp(0, 1)
    along = start + stride * (s * s * s * (10 - 15 * s + 6 * s * s)) - stride * p
    arc = s * (1 - s) ** gait.early
    peak = gait.early**gait.early / (1 + gait.early) ** (1 + gait.early)
    pitch = _pitch(gait, p)
    ankle, high = rig.joints[rig.index["foot.L"]], ankle_height_m(rig)
    ball = float(ankle[1] - rig.joints[rig.index["toe2-1.L"], 1])
    heel = float(ankle[1] - rig.points[rig.point_bones == rig.index["foot.L"], 1].max())
    pivot = torch.where(pitch > 0, torch.tensor(ball), torch.tensor(heel))  # ahead of the ankle
    sine, cosine = torch.sin(torch.deg2rad(pitch)), torch.cos(torch.deg2rad(pitch))
    forward = pivot * (1 - cosine) + high * sine
    up = pivot * sine + high * cosine
    return along + forward, up + gait.lift * leg * arc / peak, pitch


def _pelvis_height(gait: Gait, rig: Rig, phase: Tensor) -> Tensor:
    """(T,) height of the hips: bobbing, as high as the standing legs reach in all of a turn."""
    grid = torch.arange(96) / 96
    along, up, _ = _ankle(gait, rig, grid)
    side = (gait.width * rig.leg_m / 2 - float(hip_offset(rig, "L")[0])) ** 2
    reach = up + ((_REACH * rig.leg_m) ** 2 - along**2 - side).clamp(min=0.01).sqrt()
    bob = gait.bob * rig.leg_m
    both = 4 * np.pi  # twice a turn

    def wave(p: Tensor) -> Tensor:
        return bob * torch.cos(both * (p - gait.stance / 2))

    stands = grid < gait.stance
    return (reach - wave(grid))[stands].min() + wave(phase)


def step(gait: Gait, rig: Rig, root: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """Leg angles and the root's path (T, 3) in metres, along -y. root: (T, 3, 3) turn of the pelvis."""
    phase = gait.phase
    hips = {s: root @ hip_offset(rig, s) for s in SIDES}
    middle = (hips["L"] + hips["R"]) / 2
    sway = 0.02 * rig.leg_m * torch.cos(2 * np.pi * (phase - gait.stance / 2))
    way = -gait.stride * rig.leg_m * (phase - phase[0])
    path = torch.stack([sway, way, _pelvis_height(gait, rig, phase)], -1) - middle
    angles: dict[str, Tensor] = {}
    for s, sign, shift, yaw in (("L", 1.0, 0.0, gait.yaw[0]), ("R", -1.0, 0.5 + gait.uneven, -gait.yaw[1])):
        along, up, pitch = _ankle(gait, rig, (phase + shift) % 1)
        side = torch.full_like(along, sign * gait.width * rig.leg_m / 2)
        ankle = torch.stack([side, way - along, up], -1)
        angles |= leg_angles(rig, s, root, path + hips[s], ankle, torch.full_like(along, yaw), pitch)
        angles[f"toe_flex.{s}"] = 0.8 * pitch.clamp(min=0)
    return angles, path
