"""Built-in motion of sports and gymnastics, and of people on the floor: kick, handstand, cartwheel, lie."""

from __future__ import annotations

import torch
from torch import Tensor

from humansense.motion.rig import SIDES
from humansense.motion.scripts import Clock, Script, smooth, turned


def _posed(c: Clock, poses: list[dict[str, float]], turn: list[tuple[float, float]], rate: float) -> Script:
    """Goes round between poses (angles by name) and turns (pitch, roll in degrees), pausing at each."""
    phase = c.cycle(rate) * len(poses)
    at = torch.remainder(phase, len(poses))
    first = at.long() % len(poses)
    part = smooth((at - at.floor()) / 0.75)

    def mixed(values: list[float]) -> Tensor:
        table = torch.tensor(values, dtype=torch.float32)
        return torch.lerp(table[first], table[(first + 1) % len(poses)], part)

    names = sorted({name for pose in poses for name in pose})
    angles = {name: mixed([pose.get(name, 0.0) for pose in poses]) + c.wobble(2.5) for name in names}
    root = turned(mixed([p for p, _ in turn]) + c.wobble(2), mixed([r for _, r in turn]) + c.wobble(2), 0.0, at)
    return Script(angles, root, torch.zeros_like(c.seconds), travels=True)


def _both(**angles: float) -> dict[str, float]:
    return {f"{name}.{s}": value for name, value in angles.items() for s in SIDES}


def kick(c: Clock) -> Script:
    s, high = c.side(), c.uniform(45, 115)
    o = "R" if s == "L" else "L"
    stand = _both(arm_elevation=35, arm_plane=60, elbow_flex=100, arm_roll=10) | _both(hip_flex=8, knee_flex=14)
    chamber = stand | {f"hip_flex.{s}": 0.8 * high, f"knee_flex.{s}": c.uniform(85, 120), "spine_flex": 5.0}
    wide = c.uniform(0, 40)
    kick = stand | {
        f"hip_flex.{s}": high, f"knee_flex.{s}": c.uniform(0, 20), f"hip_abduct.{s}": wide, "spine_flex": 10.0,
        f"ankle_flex.{s}": c.uniform(-40, 20), f"arm_elevation.{o}": c.uniform(30, 90),
        f"elbow_flex.{o}": c.uniform(20, 80),
    }  # fmt: skip
    lean = -c.uniform(5, 25)
    tilt = c.uniform(0, 15) * (1 if s == "R" else -1)
    return _posed(c, [stand, chamber, kick, chamber], [(0, 0), (lean / 2, tilt / 2), (lean, tilt), (lean / 2, 0)], 0.35)


def handstand(c: Clock) -> Script:
    up = _both(arm_elevation=c.uniform(162, 176), arm_plane=c.uniform(40, 90), elbow_flex=c.uniform(0, 12))
    up |= _both(wrist_flex=-60, ankle_flex=-40) | {"neck_flex": c.uniform(-40, 5)}
    legs = [
        _both(hip_flex=3, knee_flex=3),
        _both(hip_flex=c.uniform(0, 40), hip_abduct=c.uniform(30, 75)),
        {"hip_flex.L": c.uniform(40, 85), "hip_flex.R": -c.uniform(0, 25), "knee_flex.R": c.uniform(0, 60)},
        {"hip_flex.R": c.uniform(40, 85), "hip_flex.L": -c.uniform(0, 25), "knee_flex.L": c.uniform(0, 60)},
        _both(hip_flex=c.uniform(60, 110), knee_flex=c.uniform(0, 100)),
    ]
    order = c.rng.permutation(len(legs))[:3]
    arch = c.uniform(-25, 10)
    poses = [up | legs[k] | {"spine_flex": arch} for k in order]
    turns = [(180 + c.uniform(-12, 12), c.uniform(-8, 8)) for _ in order]
    return _posed(c, poses, turns, c.uniform(0.12, 0.25))


def cartwheel(c: Clock) -> Script:
    sign, rate = (1 if c.rng.random() < 0.5 else -1), c.uniform(0.4, 0.7)
    turn = c.cycle(rate)
    angles = {
        name: value + c.wobble(3)
        for name, value in (
            _both(
                arm_elevation=c.uniform(150, 172), arm_plane=20, elbow_flex=6, hip_abduct=c.uniform(35, 65), knee_flex=6
            )
            | _both(ankle_flex=-25, hip_flex=c.uniform(-5, 20), wrist_flex=-25)
        ).items()
    }
    return Script(angles, turned(c.wobble(6), sign * 360 * turn, 0.0, turn), torch.zeros_like(c.seconds), travels=True)


def lie(c: Clock) -> Script:
    """On the back, on the belly or on a side, with limbs that rest on the floor."""
    way = ("back", "belly", "left", "right")[c.rng.integers(4)]
    pitch, roll = {"back": (-88, 0), "belly": (88, 0), "left": (0, 84), "right": (0, -84)}[way]

    def pose() -> dict[str, float]:
        out = {"neck_flex": c.uniform(-20, 20), "spine_flex": c.uniform(-5, 15), "neck_twist": c.uniform(-50, 50)}
        curled = c.uniform(0, 1)
        for s in SIDES:
            arm, bend = c.uniform(10, 165), c.uniform(0, 65) * (c.rng.random() < 0.6)
            out |= {f"arm_elevation.{s}": arm, f"arm_plane.{s}": c.uniform(-5, 25), f"elbow_flex.{s}": c.uniform(0, 80)}
            out |= {f"hip_flex.{s}": bend, f"knee_flex.{s}": 1.7 * bend, f"hip_abduct.{s}": c.uniform(2, 28)}
            if way == "belly":
                out |= {f"hip_flex.{s}": c.uniform(-8, 3), f"knee_flex.{s}": c.uniform(0, 95) * (c.rng.random() < 0.4)}
                out |= {
                    f"arm_elevation.{s}": c.uniform(60, 170),
                    f"arm_roll.{s}": -60.0,
                    "spine_flex": c.uniform(-30, 0),
                }
                out |= {"neck_flex": c.uniform(-40, -5)}
            elif way != "back":
                out |= {f"arm_elevation.{s}": c.uniform(40, 110), f"arm_plane.{s}": c.uniform(75, 105)}
                out |= {f"elbow_flex.{s}": c.uniform(20, 120), f"hip_abduct.{s}": c.uniform(-3, 5)}
                out |= {
                    f"hip_flex.{s}": 100 * curled + c.uniform(-8, 20),
                    f"knee_flex.{s}": 110 * curled + c.uniform(5, 30),
                }
            out[f"ankle_flex.{s}"] = -30.0
        return out

    poses = [pose() for _ in range(3)]
    turns = [(pitch + c.uniform(-6, 6), roll + c.uniform(-8, 8)) for _ in poses]
    return _posed(c, poses, turns, c.uniform(0.08, 0.2))
