"""Built-in motion over feet that stand: idle, wave, reach, crouch, sit, jump, punch, lunge, stretch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from humansense.motion.rig import SIDES
from humansense.motion.scripts import Clock, Feet, Script, smooth, turned


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


def looking(c: Clock) -> dict[str, Tensor]:
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


def jump(c: Clock) -> Script:
    rate, height, depth = c.uniform(0.5, 0.75), c.uniform(0.12, 0.5), c.uniform(0.15, 0.4)
    turn = c.cycle(rate) % 1
    down = smooth(turn / 0.25) * (1 - smooth((turn - 0.3) / 0.12))
    land = smooth((turn - 0.72) / 0.08) * (1 - smooth((turn - 0.82) / 0.16))
    air = ((turn - 0.42) / 0.3).clamp(0, 1)
    flight = 4 * air * (1 - air)
    tuck = c.uniform(0, 0.35) * flight
    up = smooth((turn - 0.3) / 0.15) * (1 - smooth((turn - 0.6) / 0.25))
    angles = looking(c)
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


def wave(c: Clock) -> Script:
    script, s = idle(c), c.side()
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


def idle(c: Clock) -> Script:
    angles = looking(c) | _hanging_arms(c)
    return Script(
        angles, turned(c.wobble(2), c.wobble(2), c.wobble(4), c.seconds), torch.zeros_like(c.seconds), _standing(c)
    )


def reach(c: Clock) -> Script:
    script = idle(c)
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
            script.angles[key] = torch.lerp(
                script.angles.get(key, torch.zeros_like(go)), torch.full_like(go, value), go
            )
    assert script.feet is not None
    deep = c.uniform(0.05, 0.45) if low else 0.0
    script.feet.pelvis[:, 2] += deep * go
    script.feet.pelvis[:, 1] += 0.25 * deep * go
    script.root = turned((30 * low + 40 * deep) * go, 0.0, 0.4 * twist * go, go)
    return script


def crouch(c: Clock) -> Script:
    script = idle(c)
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


def sit(c: Clock) -> Script:
    """Sits down on a chair of random height, and stands up again; some only sit."""
    stays = c.rng.random() < 0.4
    go = torch.ones_like(c.seconds) if stays else c.visits(c.uniform(0.15, 0.3))
    script = idle(c)
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


def punch(c: Clock) -> Script:
    script, s = idle(c), c.side()
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
    script.feet = _standing(
        c, 0.05 + c.uniform(0, 0.15) + c.wobble(0.02, 1.0), stagger=stagger, width=c.uniform(0.3, 0.5)
    )
    script.root = turned(c.uniform(0, 10), 0.0, -stagger * 30 + c.wobble(4), c.seconds)
    return script


def lunge(c: Clock) -> Script:
    script = idle(c)
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


def stretch(c: Clock) -> Script:
    script = idle(c)
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
