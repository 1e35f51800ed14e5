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
from humansense.motion.acrobatics import cartwheel, handstand, kick, lie
from humansense.motion.random_poses import blended_poses
from humansense.motion.rig import make_rig
from humansense.motion.scripts import Clock, Script, play
from humansense.motion.standing import crouch, idle, jump, lunge, punch, reach, sit, stretch, wave
from humansense.motion.travelling import crawl, run, walk
from humansense.motion.values import BodyMotion

PROCEDURAL: Mapping[str, Callable[[Clock], Script] | None] = MappingProxyType(
    {
        "walk": walk, "run": run, "jump": jump, "wave": wave, "sit": sit, "reach": reach, "crouch": crouch,
        "idle": idle, "kick": kick, "punch": punch, "lunge": lunge, "stretch": stretch, "handstand": handstand,
        "cartwheel": cartwheel, "lie": lie, "crawl": crawl, "random_pose": None,
    }
)  # fmt: skip
"""Kinds of built-in motion. `random_pose` is no script: see `random_poses`."""


def procedural(
    kind: str, rng: np.random.Generator, frames: int, fps: float, body: Body, shape: Tensor | None = None
) -> BodyMotion:
    """A clip of built-in motion, `frames` long, decided by `rng` alone.

    kind: a key of `PROCEDURAL`. shape: (11,) phenotypes of the person that will be posed (None: the average adult); it
    decides step lengths and heights. The lowest point of the body is on the floor z = 0, or in the air in a jump; the
    clip starts near x = y = 0 with any heading. Raises `HumansenseError` for an unknown kind or no frames.
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
