"""A cheap test of whether a body passes through itself: the exact overlap of the capsules around its parts."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from humansense.motion.capsules import closest_on_segments
from humansense.motion.rig import Rig

# Parts that touch by nature, of the same side or with the middle.
_NEIGHBOURS = {
    ("upper_arm", "forearm"), ("forearm", "hand"), ("upper_arm", "hand"), ("hand", "fingers"), ("forearm", "fingers"),
    ("thigh", "shin"), ("shin", "foot"), ("thigh", "belly"), ("thigh", "chest"), ("upper_arm", "chest"),
    ("belly", "chest"), ("belly", "belly"), ("chest", "chest"), ("chest", "head"), ("upper_arm", "head"),
    ("thigh", "foot"), ("upper_arm", "fingers"),
}  # fmt: skip
_THIGHS_M = 0.03  # extra depth allowed between the two thighs, which are soft and meet in standing


@lru_cache(maxsize=4)
def pairs_of(parts: tuple[str, ...], sides: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """(P, 2) pairs of capsules that must not meet, and (P,) metres of depth that is allowed."""
    pairs, extra = [], []
    for i, one in enumerate(parts):
        for j, two in enumerate(parts[:i]):
            near = (one, two) in _NEIGHBOURS or (two, one) in _NEIGHBOURS
            opposite = bool(sides[i]) and bool(sides[j]) and sides[i] != sides[j]
            if near and not opposite:
                continue
            pairs.append((i, j))
            extra.append(_THIGHS_M if one == two == "thigh" else 0.0)
    return torch.tensor(pairs), torch.tensor(extra)


def overlaps(rig: Rig, turns: Tensor, places: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """For each pair of `pairs_of`: depth (T, P) in metres (negative: apart), and the nearest points (T, P, 3) of the
    first and the second capsule's axes. turns, places: as of `rig.kinematics`."""
    capsules = rig.capsules
    pairs, extra = pairs_of(capsules.parts, capsules.sides)
    start, end = capsules.segments(turns, places)
    i, j = pairs[:, 0], pairs[:, 1]
    one, two = closest_on_segments(start[:, i], end[:, i], start[:, j], end[:, j])
    depth = capsules.radius[pairs].sum(1) - extra - (one - two).norm(dim=-1)
    return depth, one, two


def penetration(rig: Rig, turns: Tensor, places: Tensor) -> Tensor:
    """(T,) metres by which two parts that should not meet overlap at most, for `rig.kinematics` (T, J, ...)."""
    return overlaps(rig, turns, places)[0].amax(1).clamp(min=0)
