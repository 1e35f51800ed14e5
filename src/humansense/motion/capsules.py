"""The body as capsules, for cheap tests of what passes through what: their sizes are measured on the skin.

A capsule is a segment between two points, each fixed to a bone, with a radius. Limbs have one along their axis; the
trunk, which is half as deep as it is wide, has two side by side at each level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

# part: (bone where it starts, bone where it ends, bones whose skin it covers, quantile of that skin's distance from
# the axis that is the radius). "{s}" is the side. A hand is flat: the radius is nearer to its half thickness.
_LIMBS: dict[str, tuple[str, str, tuple[str, ...], float]] = {
    "upper_arm": ("upperarm02.{s}", "lowerarm01.{s}", ("upperarm02.{s}",), 0.5),
    "forearm": ("lowerarm01.{s}", "wrist.{s}", ("lowerarm01.{s}", "lowerarm02.{s}"), 0.5),
    "hand": ("wrist.{s}", "finger3-1.{s}", ("wrist.{s}", "metacarpal2.{s}", "metacarpal3.{s}"), 0.3),
    "fingers": ("finger3-1.{s}", "finger3-3.{s}", ("finger3-1.{s}", "finger3-2.{s}", "finger3-3.{s}"), 0.7),
    "thigh": ("upperleg02.{s}", "lowerleg01.{s}", ("upperleg02.{s}",), 0.5),
    "shin": ("lowerleg01.{s}", "foot.{s}", ("lowerleg01.{s}", "lowerleg02.{s}"), 0.5),
    "foot": ("foot.{s}", "toe2-1.{s}", ("foot.{s}",), 0.3),
}
# (part, bone where it starts, where it ends, bone that carries the end, bones whose skin it covers)
_TRUNK: tuple[tuple[str, str, str, str, tuple[str, ...]], ...] = (
    ("belly", "root", "spine03", "spine03", ("root", "pelvis.L", "pelvis.R", "spine05", "spine04")),
    ("chest", "spine03", "spine01", "spine01", ("spine03", "spine02")),
    ("chest", "spine01", "clavicle.L", "spine01", ("spine01",)),
)
_HEAD_BONES = ("neck03", "head")
_UP_M = 0.07  # the skull lies above the head's joint and a little behind it, parts of 1


@dataclass(frozen=True)
class Capsules:
    """C capsules of one shaped body at rest.

    parts, sides: (C,) names, e.g. ("forearm", "L"); the trunk and head have side "". ends: (2, C) bone indices that
    carry the two ends; locals: (2, C, 3) metres, the ends from those bones' joints at rest. radius: (C,) metres.
    """

    parts: tuple[str, ...]
    sides: tuple[str, ...]
    ends: Tensor
    locals: Tensor
    radius: Tensor

    def segments(self, turns: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """(T, C, 3) starts and ends for global rotations (T, J, 3, 3) and joints (T, J, 3)."""
        start, end = (
            places[:, bones] + (turns[:, bones] @ local[..., None])[..., 0]
            for bones, local in zip(self.ends, self.locals, strict=True)
        )
        return start, end


def fit_capsules(index: dict[str, int], joints: Tensor, skin: Tensor, owner: Tensor) -> Capsules:
    """Capsules of a body at rest: joints (J, 3); skin: (V, 3) points in metres, owner: (V,) bones that carry them."""
    rows: list[tuple[str, str, int, int, Tensor, Tensor, float]] = []

    def of(bones: Sequence[str]) -> Tensor:
        return skin[torch.isin(owner, torch.tensor([index[b] for b in bones]))]

    none = torch.zeros(3)
    for part, (first, last, bones, quantile) in _LIMBS.items():
        for s in ("L", "R"):
            a, b = index[first.format(s=s)], index[last.format(s=s)]
            radius = _radius(of([n.format(s=s) for n in bones]), joints[a], joints[b], quantile)
            rows.append((part, s, a, b, none, none, radius))
    for part, first, last, carrier, bones in _TRUNK:
        a, b, carried = index[first], index[last], index[carrier]
        mine = of(bones)
        mine = mine[(mine[:, 2] > joints[a, 2]) & (mine[:, 2] < joints[b, 2])]
        low, high = torch.quantile(mine[:, 1], torch.tensor([0.03, 0.97])).tolist()
        radius = (high - low) / 2
        shift = max(float(torch.quantile(mine[:, 0].abs(), 0.95)) - radius, 0.01)
        middle = torch.tensor([0.0, (high + low) / 2, 0.0])
        for sign in (1.0, -1.0):
            side = torch.tensor([sign * shift, 0.0, 0.0])
            ends = [middle * torch.tensor([0.0, 1.0, 0.0]) + side + torch.tensor([0, 0, joints[j, 2]]) for j in (a, b)]
            rows.append((part, "", a, carried, ends[0] - joints[a], ends[1] - joints[carried], radius))
    head = index["head"]
    top = torch.tensor([0.0, -0.5 * _UP_M, _UP_M])
    radius = _radius(of(["head"]), joints[head], joints[head] + top, 0.5)
    rows.append(("head", "", index["neck03"], head, none, top, radius))
    return Capsules(
        tuple(r[0] for r in rows),
        tuple(r[1] for r in rows),
        torch.tensor([[r[2] for r in rows], [r[3] for r in rows]]),
        torch.stack([torch.stack([r[4] for r in rows]), torch.stack([r[5] for r in rows])]),
        torch.tensor([r[6] for r in rows]),
    )


def _radius(skin: Tensor, start: Tensor, end: Tensor, quantile: float) -> float:
    """A quantile of the distance of skin points (V, 3) from the segment."""
    axis = end - start
    along = (((skin - start) @ axis) / (axis @ axis)).clamp(0, 1)
    return float(torch.quantile((skin - start - along[:, None] * axis).norm(dim=-1), quantile))


def closest_on_segments(p1: Tensor, q1: Tensor, p2: Tensor, q2: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest points (..., 3) of segments p1 q1 and p2 q2. Ericson 2005, section 5.1.9, without branches."""
    d1, d2, r = q1 - p1, q2 - p2, p1 - p2
    a, e, f = (d1 * d1).sum(-1), (d2 * d2).sum(-1), (d2 * r).sum(-1)
    b, c = (d1 * d2).sum(-1), (d1 * r).sum(-1)
    a, e = a.clamp(min=1e-12), e.clamp(min=1e-12)
    across = a * e - b * b
    s = torch.where(across > 1e-9 * a * e, (b * f - c * e) / across.clamp(min=1e-20), torch.zeros_like(b)).clamp(0, 1)
    t = ((b * s + f) / e).clamp(0, 1)  # nearest to that point of the first; where it is clamped, s follows
    s = ((b * t - c) / a).clamp(0, 1)
    return p1 + s[..., None] * d1, p2 + t[..., None] * d2
