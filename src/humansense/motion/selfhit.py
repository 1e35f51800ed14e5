"""A cheap test of whether a body passes through itself: capsules around the limbs, sampled along their axes."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from humansense.motion.rig import SIDES, Rig

# Capsule: (from bone, to bone, radius as a part of the body's root height). "{s}" is the side.
_SIDED = (
    ("upper_arm", "upperarm02.{s}", "lowerarm01.{s}", 0.045),
    ("forearm", "lowerarm01.{s}", "wrist.{s}", 0.038),
    ("hand", "wrist.{s}", "finger3-3.{s}", 0.028),
    ("thigh", "upperleg02.{s}", "lowerleg01.{s}", 0.070),
    ("shin", "lowerleg01.{s}", "foot.{s}", 0.050),
    ("foot", "foot.{s}", "toe2-2.{s}", 0.036),
)
_MIDDLE = (
    ("belly", "root", "spine03", 0.115),
    ("chest", "spine03", "spine01", 0.125),
    ("head", "neck03", "head", 0.10),
)
_SAMPLES = 5
# Parts that touch by nature, by the same side or the middle.
_NEIGHBOURS = {
    ("upper_arm", "forearm"), ("forearm", "hand"), ("upper_arm", "hand"), ("thigh", "shin"), ("shin", "foot"),
    ("thigh", "belly"), ("thigh", "chest"), ("upper_arm", "chest"), ("belly", "chest"), ("chest", "head"),
    ("upper_arm", "head"), ("thigh", "foot"),
}  # fmt: skip
_THIGHS = 0.03  # extra depth allowed between the two thighs, which are soft and meet in standing


@lru_cache(maxsize=1)
def _pairs() -> tuple[tuple[tuple[str, str, float], ...], Tensor, Tensor]:
    """Capsules, (P, 2) pairs of them that must not meet, and (P,) allowed extra depth."""
    capsules = [(part, s, (a.format(s=s), b.format(s=s), r)) for part, a, b, r in _SIDED for s in SIDES]
    capsules += [(part, "", (a, b, r)) for part, a, b, r in _MIDDLE]
    pairs, extra = [], []
    for i, (one, side_one, _) in enumerate(capsules):
        for j, (two, side_two, _) in enumerate(capsules[:i]):
            near = (one, two) in _NEIGHBOURS or (two, one) in _NEIGHBOURS
            opposite = bool(side_one) and bool(side_two) and side_one != side_two
            if near and not opposite:
                continue
            pairs.append((i, j))
            extra.append(_THIGHS if one == two == "thigh" else 0.0)
    return tuple(c for _, _, c in capsules), torch.tensor(pairs), torch.tensor(extra)


def penetration(rig: Rig, turns: Tensor, places: Tensor) -> Tensor:
    """(T,) metres by which two parts that should not meet overlap at most, for `rig.kinematics` (T, J, ...)."""
    capsules, pairs, extra = _pairs()
    scale = rig.root_height_m
    start = places[:, [rig.index[a] for a, _, _ in capsules]]
    end = places[:, [rig.index[b] for _, b, _ in capsules]]
    head = len(capsules) - 1  # the skull lies above the head's joint
    up = turns[:, rig.index["head"], :, 2] - 0.5 * turns[:, rig.index["head"], :, 1]
    end = torch.cat([end[:, :head], (end[:, head] + 0.07 * up)[:, None]], 1)
    radius = torch.tensor([r for _, _, r in capsules]) * scale
    part = torch.linspace(0, 1, _SAMPLES)[:, None]
    points = start[:, :, None] + (end - start)[:, :, None] * part  # (T, C, S, 3)
    one, two = points[:, pairs[:, 0]], points[:, pairs[:, 1]]
    distance = (one[:, :, :, None] - two[:, :, None]).square().sum(-1).flatten(2).amin(2).sqrt()
    # Samples lie apart, so the true distance is up to a little smaller; this is a coarse test.
    depth = radius[pairs].sum(1) - extra - distance
    return depth.amax(1).clamp(min=0)
