"""Built-in motion: nothing has to be downloaded to make people move. Every clip is decided by its generator.

Amplitudes, speeds and asymmetries are drawn anew for every clip; all angles stay within `limits.LIMITS_DEG`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from humansense.bodies import Body
from humansense.core import HumansenseError
from humansense.motion.random_poses import blended_poses
from humansense.motion.rig import SIDES, make_rig
from humansense.motion.scripts import Clock, Feet, Script, periodic, play, smooth, turned
from humansense.motion.values import BodyMotion

# Gait angles by phase, 0 = the heel of this leg touches the floor (after Perry 1992, figures of normal gait).
_WALK = {
    "hip_flex": [(0, 28), (0.15, 22), (0.3, 5), (0.5, -12), (0.62, -2), (0.75, 22), (0.88, 32)],
    "knee_flex": [(0, 5), (0.14, 17), (0.38, 5), (0.5, 12), (0.62, 42), (0.73, 62), (0.86, 28), (0.95, 4)],
    "ankle_flex": [(0, 0), (0.07, -6), (0.25, 5), (0.44, 11), (0.62, -18), (0.75, 0), (0.9, 2)],
    "toe_flex": [(0, 8), (0.1, 0), (0.4, 2), (0.55, 30), (0.65, 15), (0.75, 5), (0.9, 10)],
}
_RUN = {
    "hip_flex": [(0, 38), (0.15, 20), (0.35, -14), (0.5, 5), (0.68, 48), (0.85, 55)],
    "knee_flex": [(0, 18), (0.12, 38), (0.33, 14), (0.5, 75), (0.65, 105), (0.85, 48), (0.95, 18)],
    "ankle_flex": [(0, 3), (0.15, 18), (0.35, -22), (0.55, -8), (0.8, 2)],
    "toe_flex": [(0, 5), (0.2, 5), (0.33, 28), (0.45, 5), (0.8, 5)],
}


def _gait(c: Clock, table: dict[str, list[tuple[float, float]]], phase: Tensor, size: float) -> dict[str, Tensor]:
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


def _hanging_arms(c: Clock) -> dict[str, Tensor]:
    """Arms at rest: hanging, on the hips, crossed or folded in front."""
    habit = c.rng.choice(4, p=[0.6, 0.15, 0.15, 0.1])
    elevation, plane, elbow, roll, wrist = (
        (12, 40, 14, 15, 5),
        (42, -25, 88, 62, -20),
        (30, 75, 100, 55, 0),
        (18, 60, 75, 45, 5),
    )[habit]
    angles: dict[str, Tensor] = {}
    for s in SIDES:
        angles[f"arm_elevation.{s}"] = elevation + c.uniform(-3, 5) + c.wobble(2)
        angles[f"arm_plane.{s}"] = plane + c.wobble(6)
        angles[f"elbow_flex.{s}"] = elbow + c.uniform(-6, 8) + c.wobble(3)
        angles[f"arm_roll.{s}"] = roll + c.uniform(-5, 5) + c.wobble(3)
        angles[f"forearm_turn.{s}"] = c.uniform(0, 30) + c.wobble(5)
        angles[f"wrist_flex.{s}"] = wrist + c.wobble(4)
    return angles


def _looking(c: Clock) -> dict[str, Tensor]:
    """The trunk and head of somebody who stands about."""
    return {
        "spine_flex": c.uniform(-2, 8) + c.wobble(2), "spine_side": c.wobble(2), "spine_twist": c.wobble(4),
        "neck_flex": c.uniform(-6, 14) + c.wobble(5), "neck_side": c.wobble(4), "neck_twist": c.wobble(22, 0.25),
    }  # fmt: skip


def _standing(c: Clock, drop: Tensor | float = 0.02, stagger: float | None = None, width: float | None = None) -> Feet:
    zero = torch.zeros_like(c.seconds)
    pelvis = torch.stack([zero + c.wobble(0.015, 0.25), zero + c.wobble(0.012, 0.25), zero + drop], -1)
    return Feet(
        width=c.uniform(0.18, 0.42) if width is None else width,
        stagger=c.uniform(-0.12, 0.12) if stagger is None else stagger,
        pelvis=pelvis,
        yaw=(c.uniform(0, 20), c.uniform(0, 20)),
    )


def _ground(c: Clock) -> Tensor:
    return torch.zeros_like(c.seconds)


def _walk(c: Clock) -> Script:
    size, rate = c.uniform(0.75, 1.25), c.uniform(0.75, 1.1)
    phase = c.cycle(rate)
    angles = _gait(c, _WALK, phase, size) | _looking(c) | _swinging_arms(c, phase, c.uniform(10, 32), c.uniform(8, 30))
    sway = torch.cos(2 * np.pi * phase)
    angles["spine_twist"] = angles["spine_twist"] * 0.5 + c.uniform(4, 10) * sway
    angles["neck_twist"] = angles["neck_twist"] * 0.5 - 0.6 * angles["spine_twist"]
    root = turned(c.uniform(0, 6), 2 * sway, -c.uniform(2, 6) * sway, phase)
    return Script(angles, root, _ground(c), travels=True)


def _run(c: Clock) -> Script:
    size, rate = c.uniform(0.75, 1.2), c.uniform(1.2, 1.6)
    phase = c.cycle(rate)
    angles = _gait(c, _RUN, phase, size) | _looking(c) | _swinging_arms(c, phase, c.uniform(30, 55), c.uniform(60, 85))
    sway = torch.cos(2 * np.pi * phase)
    angles["spine_flex"] = angles["spine_flex"] + c.uniform(4, 14)
    angles["spine_twist"] = c.uniform(6, 14) * sway
    angles["neck_twist"] = -0.7 * angles["spine_twist"]
    angles["neck_flex"] = angles["neck_flex"] - 8
    root = turned(c.uniform(4, 12), 3 * sway, -c.uniform(3, 8) * sway, phase)
    flight = smooth((((2 * phase) % 1) - 0.72) / 0.14) * (1 - smooth((((2 * phase) % 1) - 0.86) / 0.14))
    return Script(angles, root, c.uniform(0.03, 0.09) * flight, travels=True, glide_s=0.5 / rate)


def _jump(c: Clock) -> Script:
    rate, height, depth = c.uniform(0.5, 0.75), c.uniform(0.12, 0.5), c.uniform(0.15, 0.4)
    turn = c.cycle(rate) % 1
    down = smooth(turn / 0.25) * (1 - smooth((turn - 0.3) / 0.12))
    land = smooth((turn - 0.72) / 0.08) * (1 - smooth((turn - 0.82) / 0.16))
    air = ((turn - 0.42) / 0.3).clamp(0, 1)
    flight = 4 * air * (1 - air)
    tuck = c.uniform(0, 0.35) * flight
    up = smooth((turn - 0.3) / 0.15) * (1 - smooth((turn - 0.6) / 0.25))
    angles = _looking(c)
    angles["spine_flex"] = angles["spine_flex"] + 45 * depth * 2 * (down + 0.8 * land) - 8 * up
    raise_, wide = c.uniform(60, 165), c.uniform(10, 80)
    for s in SIDES:
        angles[f"arm_elevation.{s}"] = 14 + 25 * down + raise_ * up + c.wobble(3)
        angles[f"arm_plane.{s}"] = -30 * down + wide * up + 20 * land
        angles[f"elbow_flex.{s}"] = 20 + 20 * down + 15 * up + c.wobble(5)
        angles[f"arm_roll.{s}"] = 10 + c.wobble(5)
    drop = 0.02 + depth * (down + 0.8 * land) + tuck
    feet = _standing(c, drop, stagger=c.uniform(-0.05, 0.05))
    feet.pelvis[:, 1] += 0.3 * depth * (down + land)
    feet.pitch = 45 * smooth(flight * 3)
    pitch = 35 * depth * 2 * (down + 0.7 * land)
    return Script(angles, turned(pitch, 0.0, 0.0, turn), height * flight, feet)


def _wave(c: Clock) -> Script:
    script, s = _idle(c), c.side()
    hand = torch.sin(2 * np.pi * c.cycle(c.uniform(1.2, 2.4)))
    shown = smooth(c.visits(c.uniform(0.15, 0.3)) * 1.5)
    up = {
        "arm_elevation": c.uniform(75, 150) + 6 * hand, "arm_plane": c.uniform(0, 45) + 0 * hand,
        "elbow_flex": c.uniform(45, 95) + c.uniform(10, 25) * hand, "arm_roll": c.uniform(-85, -55) + 10 * hand,
        "forearm_turn": c.uniform(-10, 60) + 0 * hand, "wrist_flex": 15 * hand, "wrist_side": 8 * hand,
    }  # fmt: skip
    for name, value in up.items():
        base = script.angles.get(f"{name}.{s}", torch.zeros_like(hand))
        script.angles[f"{name}.{s}"] = torch.lerp(base, value, shown)
    return script


def _idle(c: Clock) -> Script:
    angles = _looking(c) | _hanging_arms(c)
    return Script(angles, turned(c.wobble(2), c.wobble(2), c.wobble(4), c.seconds), _ground(c), _standing(c))


def _reach(c: Clock) -> Script:
    script = _idle(c)
    go = c.visits(c.uniform(0.2, 0.4))
    low = c.rng.random() < 0.5
    both, s = c.rng.random() < 0.4, c.side()
    elevation = c.uniform(40, 85) if low else c.uniform(80, 170)
    bend = c.uniform(25, 60) if low else c.uniform(-8, 10)
    twist = c.uniform(-25, 25)
    for name, value in (("spine_flex", bend), ("spine_twist", twist), ("neck_flex", 0.3 * bend), ("neck_twist", twist)):
        script.angles[name] = torch.lerp(script.angles[name], torch.full_like(go, value), go)
    for side in SIDES if both else (s,):
        to = {
            "arm_elevation": elevation + c.uniform(-10, 10), "arm_plane": c.uniform(45, 100),
            "elbow_flex": c.uniform(3, 30), "arm_roll": c.uniform(-15, 25), "forearm_turn": c.uniform(-20, 50),
            "wrist_flex": c.uniform(-20, 15),
        }  # fmt: skip
        for name, value in to.items():
            key = f"{name}.{side}"
            script.angles[key] = torch.lerp(script.angles.get(key, torch.zeros_like(go)), torch.full_like(go, value), go)
    assert script.feet is not None
    deep = c.uniform(0.05, 0.45) if low else 0.0
    script.feet.pelvis[:, 2] += deep * go
    script.feet.pelvis[:, 1] += 0.25 * deep * go
    script.root = turned((30 * low + 40 * deep) * go, 0.0, 0.4 * twist * go, go)
    return script


def _crouch(c: Clock) -> Script:
    script = _idle(c)
    go = c.visits(c.uniform(0.2, 0.4))
    deep = c.uniform(0.3, 0.62)
    feet = _standing(c, 0.02 + deep * go, width=c.uniform(0.3, 0.6))
    feet.pelvis[:, 1] += 0.22 * deep * go
    feet.yaw = (c.uniform(5, 30), c.uniform(5, 30))
    feet.pitch = c.uniform(0, 25) * go if deep > 0.5 else 0.0
    lean = c.uniform(20, 45) * go
    script.angles["spine_flex"] = script.angles["spine_flex"] + c.uniform(5, 30) * go
    script.angles["neck_flex"] = script.angles["neck_flex"] - 0.5 * lean
    for s in SIDES:
        for name, value in (("arm_elevation", c.uniform(30, 85)), ("arm_plane", c.uniform(60, 100))):
            key = f"{name}.{s}"
            script.angles[key] = torch.lerp(script.angles[key], torch.full_like(go, value), go)
    script.feet, script.root = feet, turned(lean, c.wobble(2), c.wobble(4), go)
    return script


def _sit(c: Clock) -> Script:
    """Sits down on a chair of random height, and stands up again; some only sit."""
    stays = c.rng.random() < 0.4
    go = torch.ones_like(c.seconds) if stays else c.visits(c.uniform(0.15, 0.3))
    script = _idle(c)
    deep, rise = c.uniform(0.38, 0.58), go * (1 - go) * 4
    feet = _standing(c, 0.02 + deep * go, stagger=c.uniform(-0.1, 0.1))
    feet.pelvis[:, 1] += c.uniform(0.3, 0.45) * go
    script.angles["spine_flex"] = script.angles["spine_flex"] + c.uniform(0, 25) * go + 25 * rise
    rest = c.rng.random() < 0.6
    for s in SIDES:
        if rest:
            to = {"arm_elevation": c.uniform(20, 40), "arm_plane": c.uniform(70, 95), "elbow_flex": c.uniform(40, 75)}
            for name, value in to.items():
                key = f"{name}.{s}"
                script.angles[key] = torch.lerp(script.angles[key], torch.full_like(go, value), go)
    script.feet, script.root = feet, turned(c.uniform(-12, 12) * go + 35 * rise, c.wobble(2), c.wobble(3), go)
    return script


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
    return Script(angles, root, _ground(c), travels=True)


def _both(**angles: float) -> dict[str, float]:
    return {f"{name}.{s}": value for name, value in angles.items() for s in SIDES}


def _kick(c: Clock) -> Script:
    s, high = c.side(), c.uniform(45, 115)
    o = "R" if s == "L" else "L"
    stand = _both(arm_elevation=35, arm_plane=60, elbow_flex=100, arm_roll=10) | _both(hip_flex=8, knee_flex=14)
    chamber = stand | {f"hip_flex.{s}": 0.8 * high, f"knee_flex.{s}": c.uniform(85, 120), "spine_flex": 5.0}
    wide = c.uniform(0, 40)
    kick = stand | {
        f"hip_flex.{s}": high, f"knee_flex.{s}": c.uniform(0, 20), f"hip_abduct.{s}": wide, "spine_flex": 10.0,
        f"ankle_flex.{s}": c.uniform(-40, 20), f"arm_elevation.{o}": c.uniform(30, 90), f"elbow_flex.{o}": c.uniform(20, 80),
    }  # fmt: skip
    lean = -c.uniform(5, 25)
    tilt = c.uniform(0, 15) * (1 if s == "R" else -1)
    return _posed(c, [stand, chamber, kick, chamber], [(0, 0), (lean / 2, tilt / 2), (lean, tilt), (lean / 2, 0)], 0.35)


def _punch(c: Clock) -> Script:
    script, s = _idle(c), c.side()
    guard = {"arm_elevation": 42.0, "arm_plane": 65.0, "elbow_flex": 125.0, "arm_roll": 5.0, "forearm_turn": 20.0}
    strike = {
        "arm_elevation": c.uniform(75, 100), "arm_plane": c.uniform(75, 105), "elbow_flex": c.uniform(3, 15),
        "arm_roll": 30.0, "forearm_turn": 70.0,
    }  # fmt: skip
    rate = c.uniform(0.5, 1.0)
    for side, phase in (("L", 0.0), ("R", c.uniform(0.3, 0.6))):
        turn = c.cycle(rate, phase) % 1
        hit = smooth(turn / 0.12) * (1 - smooth((turn - 0.16) / 0.25))
        for name, value in guard.items():
            script.angles[f"{name}.{side}"] = value + c.wobble(5) + (strike[name] - value) * hit
        sign = -1.0 if side == "L" else 1.0
        script.angles["spine_twist"] = script.angles["spine_twist"] + sign * 22 * hit
    script.angles["neck_twist"] = -0.7 * script.angles["spine_twist"]
    stagger = c.uniform(0.3, 0.6) * (1 if s == "L" else -1)
    script.feet = _standing(c, 0.05 + c.uniform(0, 0.15) + c.wobble(0.02, 1.0), stagger=stagger, width=c.uniform(0.3, 0.5))
    script.root = turned(c.uniform(0, 10), 0.0, -stagger * 30 + c.wobble(4), c.seconds)
    return script


def _lunge(c: Clock) -> Script:
    script = _idle(c)
    go = c.visits(c.uniform(0.25, 0.45))
    stagger = c.uniform(0.8, 1.25) * (1 if c.side() == "L" else -1)
    drop = 0.03 + c.uniform(0.15, 0.4) * go
    script.feet = _standing(c, drop, stagger=stagger, width=c.uniform(0.2, 0.4))
    script.feet.yaw = (5.0, 5.0)
    lift_arms, plane = c.uniform(0, 165), c.uniform(0, 90)
    for s in SIDES:
        for name, value in (("arm_elevation", lift_arms), ("arm_plane", plane), ("elbow_flex", c.uniform(5, 30))):
            key = f"{name}.{s}"
            script.angles[key] = torch.lerp(script.angles[key], torch.full_like(go, value), go)
    script.root = turned(c.uniform(-5, 20) * go, 0.0, 0.0, go)
    return script


def _stretch(c: Clock) -> Script:
    script = _idle(c)
    go = 2 * c.visits(c.uniform(0.15, 0.3)) - 1
    side, flex = c.uniform(0, 32), c.uniform(-25, 45)
    script.angles["spine_side"] = side * go
    script.angles["spine_flex"] = flex * go.abs() + c.wobble(4)
    script.angles["spine_twist"] = c.uniform(-25, 25) * go
    for s in SIDES:
        script.angles[f"arm_elevation.{s}"] = c.uniform(60, 172) + c.wobble(10)
        script.angles[f"arm_plane.{s}"] = c.uniform(0, 90) + c.wobble(10)
        script.angles[f"elbow_flex.{s}"] = c.uniform(3, 45) + c.wobble(10)
        script.angles[f"arm_roll.{s}"] = c.wobble(20)
    script.feet = _standing(c, 0.03, width=c.uniform(0.3, 1.1))
    return script


def _handstand(c: Clock) -> Script:
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


def _cartwheel(c: Clock) -> Script:
    sign, rate = (1 if c.rng.random() < 0.5 else -1), c.uniform(0.4, 0.7)
    turn = c.cycle(rate)
    angles = {
        name: value + c.wobble(3)
        for name, value in (
            _both(arm_elevation=c.uniform(150, 172), arm_plane=20, elbow_flex=6, hip_abduct=c.uniform(35, 65), knee_flex=6)
            | _both(ankle_flex=-25, hip_flex=c.uniform(-5, 20), wrist_flex=-25)
        ).items()
    }
    return Script(angles, turned(c.wobble(6), sign * 360 * turn, 0.0, turn), _ground(c), travels=True)


def _lie(c: Clock) -> Script:
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
                out |= {f"arm_elevation.{s}": c.uniform(60, 170), f"arm_roll.{s}": -60.0, "spine_flex": c.uniform(-30, 0)}
                out |= {"neck_flex": c.uniform(-40, -5)}
            elif way != "back":
                out |= {f"arm_elevation.{s}": c.uniform(40, 110), f"arm_plane.{s}": c.uniform(75, 105)}
                out |= {f"elbow_flex.{s}": c.uniform(20, 120), f"hip_abduct.{s}": c.uniform(-3, 5)}
                out |= {f"hip_flex.{s}": 100 * curled + c.uniform(-8, 20), f"knee_flex.{s}": 110 * curled + c.uniform(5, 30)}
            out[f"ankle_flex.{s}"] = -30.0
        return out

    poses = [pose() for _ in range(3)]
    turns = [(pitch + c.uniform(-6, 6), roll + c.uniform(-8, 8)) for _ in poses]
    return _posed(c, poses, turns, c.uniform(0.08, 0.2))


def _crawl(c: Clock) -> Script:
    phase = c.cycle(c.uniform(0.5, 0.9))
    angles = {"neck_flex": -30 + c.wobble(10), "spine_side": 6 * torch.cos(2 * np.pi * phase)}
    for s, shift in (("L", 0.0), ("R", 0.5)):
        leg, arm = torch.cos(2 * np.pi * (phase + shift)), torch.cos(2 * np.pi * (phase + shift + 0.5))
        lifted = smooth(torch.sin(2 * np.pi * (phase + shift)))
        angles |= {
            f"hip_flex.{s}": 88 + 14 * leg, f"knee_flex.{s}": 88 - 4 * leg + 8 * lifted, f"ankle_flex.{s}": -40 + 0 * leg,
            f"arm_elevation.{s}": 82 + 14 * arm, f"arm_plane.{s}": 88 + 0 * arm, f"elbow_flex.{s}": 6 + 14 * lifted,
            f"wrist_flex.{s}": -60 + 0 * arm,
        }  # fmt: skip
    return Script(angles, turned(82 + c.wobble(2), 0.0, 0.0, phase), _ground(c), travels=True)


PROCEDURAL: Mapping[str, Callable[[Clock], Script] | None] = MappingProxyType(
    {
        "walk": _walk, "run": _run, "jump": _jump, "wave": _wave, "sit": _sit, "reach": _reach, "crouch": _crouch,
        "idle": _idle, "kick": _kick, "punch": _punch, "lunge": _lunge, "stretch": _stretch, "handstand": _handstand,
        "cartwheel": _cartwheel, "lie": _lie, "crawl": _crawl, "random_pose": None,
    }
)  # fmt: skip
"""Kinds of built-in motion. `random_pose` is no script: see `random_poses`."""


def procedural(
    kind: str, rng: np.random.Generator, frames: int, fps: float, body: Body, shape: Tensor | None = None
) -> BodyMotion:
    """A clip of built-in motion, `frames` long, decided by `rng` alone.

    kind: a key of `PROCEDURAL`. shape: (11,) phenotypes of the person that will be posed (None: the average adult); it
    decides step lengths and heights. The lowest point of the body is on the floor z = 0, or in the air in a jump; the clip
    starts near x = y = 0 with any heading. Raises `HumansenseError` for an unknown kind or no frames.
    """
    if kind not in PROCEDURAL:
        raise HumansenseError(f"unknown kind of motion {kind!r}; known: {', '.join(PROCEDURAL)}")
    if frames < 1 or not fps > 0:
        raise HumansenseError(f"a clip needs at least one frame and a positive rate, got {frames} and {fps}")
    rig = make_rig(body, shape)
    script = PROCEDURAL[kind]
    if script is None:
        pose, lift = blended_poses(rng, rig, frames, fps)
        turns, places = rig.kinematics(pose)
        height = lift - rig.surface(turns, places)[..., 2].amin(1)
        translation = torch.stack([torch.zeros(frames), torch.zeros(frames), height], 1)
    else:
        clock = Clock(rng, torch.arange(frames) / float(fps))
        made = script(clock)
        pose, translation = play(made, rig, float(rng.uniform(-180, 180)), fps)
    return BodyMotion(pose, translation, float(fps), "procedural", action=kind)
