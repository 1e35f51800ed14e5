"""Whether a motion can be filmed: the body passing through itself, sunk into the floor, or hanging in the air.

`judge` measures, `mend` repairs what little turns and lifts can, `acceptable` says whether the rest may be filmed.
Captures need it because the body that moves is not the one that was captured: its belly and thighs are elsewhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor

from humansense.geometry import axis_angle_to_matrix
from humansense.motion.rig import Rig
from humansense.motion.selfhit import overlaps, pairs_of
from humansense.motion.values import BodyMotion

# What may be filmed, in metres. Skin gives way by about a finger's breadth where parts press on each other, and the
# capsules are that exact; a sole 1 cm deep or 5 cm high does not show once there is a shadow under it.
MAX_SELF_M = 0.03
MAX_BELOW_M = 0.015
MAX_FLOATING_M = 0.05

_LONGEST_FLIGHT_S = 1.2  # nobody stays longer in the air: a jump of 1.8 m
_FLESH_M = 0.01  # depth that `mend` leaves, of both kinds
_ROUNDS = 4
_MOST_RAD = math.radians(35)  # a limb led farther than this away would be another motion
_STEP_RAD = 0.25
_SPREAD_S = 0.2  # a correction begins and ends over this time

_ARM, _LEG = ("upper_arm", "forearm", "hand", "fingers"), ("thigh", "shin", "foot")
_MOVERS = (  # bone that turns, parts that it moves, side
    ("upperarm01.L", _ARM, "L"), ("upperarm01.R", _ARM, "R"), ("upperleg01.L", _LEG, "L"), ("upperleg01.R", _LEG, "R"),
)  # fmt: skip


@dataclass(frozen=True)
class Quality:
    """Faults of a motion, T frames, metres, all zero at best.

    self_penetration_m: (T,) the deepest overlap of two parts that should not meet. below_floor_m: (T,) how deep the
    lowest point of the surface lies under z = 0. floating_m: (T,) the height over the floor that is kept longer than
    any jump lasts; it is not seen in clips that are shorter than that.
    """

    self_penetration_m: Tensor
    below_floor_m: Tensor
    floating_m: Tensor


def judge(motion: BodyMotion, rig: Rig) -> Quality:
    """Measure the faults of a motion of the body whose `rig` this is."""
    turns, places = rig.kinematics(motion.pose, motion.translation)
    depth = overlaps(rig, turns, places)[0].amax(1).clamp(min=0)
    lowest = rig.lowest(turns, places)
    return Quality(depth, (-lowest).clamp(min=0), _kept_height(lowest, motion.fps))


def acceptable(quality: Quality) -> bool:
    """Whether every frame is within `MAX_SELF_M`, `MAX_BELOW_M` and `MAX_FLOATING_M`."""
    return bool(
        quality.self_penetration_m.max() <= MAX_SELF_M
        and quality.below_floor_m.max() <= MAX_BELOW_M
        and quality.floating_m.max() <= MAX_FLOATING_M
    )


def mend(motion: BodyMotion, rig: Rig) -> BodyMotion:
    """The same motion with limbs led out of the body and the body put on the floor, both smoothly in time.

    Where an arm or a leg overlaps another part by more than a centimetre, its shoulder or hip turns about the axis
    that parts them by the least angle (by 35 degrees at most; what is left then shows in `judge`). Then the body is
    lifted so that nothing is more than a centimetre under the floor, and lowered where it hangs in the air.
    A motion without faults comes back as it is.
    """
    pose = _parted(motion.pose, motion.fps, rig)
    turns, places = rig.kinematics(pose, motion.translation)
    lowest = rig.lowest(turns, places)
    width = max(1, round(_SPREAD_S * motion.fps / 2))
    height = torch.zeros_like(lowest)
    kept = _kept_height(lowest, motion.fps)
    if bool((kept > MAX_FLOATING_M / 2).any()):
        height = height - _averaged(-_widest(-kept, width), width)  # nowhere more than `kept`
    sunk = (-(lowest + height) - _FLESH_M).clamp(min=0)
    if bool((sunk > 0).any()):
        height = height + _averaged(_widest(sunk, width), width)  # nowhere less than `sunk`
    if pose is motion.pose and not bool(height.any()):
        return motion
    translation = motion.translation + height[:, None] * torch.tensor([0.0, 0.0, 1.0])
    return replace(motion, pose=pose, translation=translation)


def _kept_height(lowest: Tensor, fps: float) -> Tensor:
    """(T,) the height that the lowest point (T,) keeps for longer than a jump lasts: a morphological opening."""
    frames = round(_LONGEST_FLIGHT_S * fps) + 1
    if len(lowest) < frames:
        return torch.zeros_like(lowest)
    kept = lowest.clamp(min=0).unfold(0, frames, 1).amin(1)  # of each stretch of that length
    padded = torch.nn.functional.pad(kept, (frames - 1, frames - 1), value=0.0)
    return padded.unfold(0, frames, 1).amax(1)


def _widest(values: Tensor, width: int) -> Tensor:
    """(T,) the largest value within `width` frames before and after."""
    padded = torch.nn.functional.pad(values, (width, width), value=float(values.min()))
    return padded.unfold(0, 2 * width + 1, 1).amax(1)


def _averaged(values: Tensor, width: int) -> Tensor:
    """(T, ...) weighted mean over `width` frames before and after, with a raised cosine; the ends are held."""
    weight = 1 + torch.cos(torch.linspace(-torch.pi, torch.pi, 2 * width + 3)[1:-1])
    flat = values.reshape(len(values), -1)
    padded = torch.cat([flat[:1].expand(width, -1), flat, flat[-1:].expand(width, -1)])
    return (padded.unfold(0, 2 * width + 1, 1) @ (weight / weight.sum())).reshape(values.shape)


@lru_cache(maxsize=4)
def _duties(parts: tuple[str, ...], sides: tuple[str, ...]) -> list[tuple[Tensor, Tensor, Tensor]]:
    """For each of `_MOVERS`: pairs (N,) that it can part, whether its own capsule is the pair's first one (N,), and
    the share (N,) of the parting that is its own: two limbs of a kind share it, and an arm gives way to a leg."""
    duties = []
    pairs = pairs_of(parts, sides)[0].tolist()
    for _, mine, side in _MOVERS:
        rows = []
        for k, (i, j) in enumerate(pairs):
            own = [parts[c] in mine and sides[c] == side for c in (i, j)]
            if own[0] == own[1]:
                continue
            other = parts[j if own[0] else i]
            if mine is _LEG and other in _ARM:
                continue
            rows.append((k, own[0], 0.5 if other in mine else 1.0))
        which, first, share = (torch.tensor(column) for column in zip(*rows, strict=True))
        duties.append((which, first, share))
    return duties


def _parted(pose: Tensor, fps: float, rig: Rig) -> Tensor:
    """Poses (T, J, 3, 3) with the limbs led out of each other; the same tensor where nothing had to move."""
    lean, bones = rig.lean()
    whole, pose = pose, pose[:, bones]
    moved = False
    duties = _duties(rig.capsules.parts, rig.capsules.sides)
    width = max(1, round(_SPREAD_S * fps / 2))
    spent = torch.zeros(len(pose), len(_MOVERS))
    start, stop = 0, len(pose)
    for _ in range(_ROUNDS):
        turns, places = lean.kinematics(pose[start:stop])
        depth, one, two = overlaps(lean, turns, places)
        deep = torch.nonzero((depth > _FLESH_M).any(1))[:, 0]
        if not len(deep):
            break
        moved = True
        # Corrections reach twice the width to both sides; no frame beyond that has to be looked at again.
        low, high = max(0, int(deep[0]) - 2 * width), min(stop - start, int(deep[-1]) + 2 * width + 1)
        now = slice(start + low, start + high)
        turns, places, depth, one, two = (x[low:high] for x in (turns, places, depth, one, two))
        start, stop = now.start, now.stop
        for m, (bone, _, _) in enumerate(_MOVERS):
            j = lean.index[bone]
            vector = _lead_out(duties[m], places[:, j], depth, one, two)
            if vector is None:
                continue
            vector = (turns[:, lean.parents[j]].transpose(-1, -2) @ vector[..., None])[..., 0]
            vector = _averaged(_longest(vector, width), width)
            left = (_MOST_RAD - spent[now, m]).clamp(min=0)
            vector = vector * (left / vector.norm(dim=-1).clamp(min=1e-9)).clamp(max=1)[:, None]
            spent[now, m] += vector.norm(dim=-1)
            pose[now, j] = axis_angle_to_matrix(vector) @ pose[now, j]
    if not moved:
        return whole
    out = whole.clone()
    out[:, bones] = pose
    return out


def _lead_out(
    duty: tuple[Tensor, Tensor, Tensor], pivot: Tensor, depth: Tensor, one: Tensor, two: Tensor
) -> Tensor | None:
    """(T, 3) rotation vectors about `pivot` (T, 3) that part the deepest pair of one mover's duty; None for nothing.

    depth, one, two: of `overlaps`.
    """
    which, first, share = duty
    mine = depth[:, which]
    wanted = torch.where(mine > _FLESH_M, (mine - _FLESH_M / 2) * share, torch.zeros_like(mine))
    amount, k = wanted.max(1)
    if not bool((amount > 0).any()):
        return None
    rows, pair = torch.arange(len(depth)), which[k]
    own = torch.where(first[k, None], one[rows, pair], two[rows, pair])
    other = torch.where(first[k, None], two[rows, pair], one[rows, pair])
    return _turn_apart(own - pivot, own - other, amount)


def _turn_apart(lever: Tensor, away: Tensor, depth: Tensor) -> Tensor:
    """(T, 3) the smallest rotation vector about the pivot that moves the point at `lever` (T, 3) by `depth` (T,)
    along `away` (T, 3)."""
    direction = torch.nn.functional.normalize(away, dim=-1)
    axis = torch.linalg.cross(lever, direction)
    reach = axis.norm(dim=-1)  # metres along `away` a radian
    angle = (depth / reach.clamp(min=0.05)).clamp(max=_STEP_RAD)
    return axis / reach.clamp(min=1e-6)[:, None] * angle[:, None]


def _longest(vectors: Tensor, width: int) -> Tensor:
    """(T, 3) the longest vector within `width` frames before and after."""
    padded = torch.nn.functional.pad(vectors, (0, 0, width, width))
    near = padded.unfold(0, 2 * width + 1, 1)  # (T, 3, W)
    best = near.norm(dim=1).argmax(1)
    return near[torch.arange(len(vectors)), :, best]
