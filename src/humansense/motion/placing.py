"""Several people on one floor: where each stands and faces so that they never meet, and all fit into a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from humansense.core import HumansenseError
from humansense.geometry import axis_angle_to_matrix
from humansense.motion.rig import Rig
from humansense.motion.values import BodyMotion

MAX_PEOPLE = 6
# The skin stands out of a footprint by at most half of this, so people whose footprints are so far apart do not touch.
MIN_CLEARANCE_M = 0.08
_PATCH_M, _BARE_M = 0.045, 0.02
_DIRECTIONS = 10  # places that are tried for each person
_BIN_M = 0.01
_STRIDE_S = 0.1  # frames this far apart are looked at; in between a hand moves by less than the clearance


@dataclass(frozen=True)
class Footprint:
    """The room that a person takes in a clip: spheres (T, S, 3) that cover the body, metres, in the frame of the
    motion, and their radii (S,)."""

    centres: Tensor
    radius: Tensor


@dataclass(frozen=True)
class Placement:
    """Where one person goes: `moved(motion, xy, heading_rad)`. person: its index among the footprints."""

    person: int
    xy: tuple[float, float]
    heading_rad: float


def moved(motion: BodyMotion, xy: tuple[float, float], heading_rad: float) -> BodyMotion:
    """The motion turned to the left about the world's z axis through the origin, then shifted over the floor."""
    turn = _about_z(heading_rad)
    pose = motion.pose.clone()
    pose[:, 0] = turn @ pose[:, 0]
    translation = motion.translation @ turn.T + torch.tensor([*xy, 0.0], dtype=torch.float32)
    return replace(motion, pose=pose, translation=translation)


def _about_z(radians: float) -> Tensor:
    return axis_angle_to_matrix(torch.tensor([0.0, 0.0, radians]))


def footprint(motion: BodyMotion, rig: Rig) -> Footprint:
    """Spheres along the body's capsules, and on the surface where no capsule is (shoulders, thumbs, toes).

    Frames a tenth of a second apart stand for those between them, so that clips of the same length and rate agree.
    """
    stride = max(1, round(_STRIDE_S * motion.fps))
    frames = torch.unique(torch.tensor([*range(0, len(motion), stride), len(motion) - 1]))
    turns, places = rig.kinematics(motion.pose[frames], motion.translation[frames])
    centres, radius = _along_capsules(rig, turns, places)
    at_rest, _ = _along_capsules(rig, torch.eye(3).expand(1, len(rig.names), 3, 3), rig.joints[None])
    bare = _bare_points(rig, at_rest[0], radius)
    carried = rig.surface(turns, places)[:, bare]
    return Footprint(torch.cat([centres, carried], 1), torch.cat([radius, torch.full((len(bare),), _PATCH_M)]))


def _along_capsules(rig: Rig, turns: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
    """Centres (T, S, 3) and radii (S,) of spheres along the capsules, no farther apart than their radius at rest."""
    capsules = rig.capsules
    start, end = capsules.segments(turns, places)
    at_rest = capsules.segments(torch.eye(3).expand(1, len(rig.names), 3, 3), rig.joints[None])
    length = (at_rest[1] - at_rest[0])[0].norm(dim=-1)
    centres, radii = [], []
    for c, radius in enumerate(capsules.radius):
        count = int(torch.ceil(length[c] / radius)) + 1
        part = torch.linspace(0, 1, count)[:, None]
        centres.append(start[:, None, c] + part * (end - start)[:, None, c])
        radii.append(radius.expand(count))
    return torch.cat(centres, 1), torch.cat(radii)


def _bare_points(rig: Rig, centres: Tensor, radius: Tensor) -> Tensor:
    """Indices of surface points around which spheres of `_PATCH_M` cover what those (S, 3) leave out at rest: the
    farthest one first."""
    outside = (torch.cdist(rig.points, centres) - radius).amin(1)
    chosen: list[int] = []
    while float(outside.max()) > _BARE_M:
        chosen.append(int(outside.argmax()))
        outside = torch.minimum(outside, (rig.points - rig.points[chosen[-1]]).norm(dim=-1) - _PATCH_M)
    return torch.tensor(chosen, dtype=torch.long)


def gap_m(one: Footprint, two: Footprint) -> float:
    """The least distance between two footprints at any frame, metres; negative where they overlap."""
    distance = torch.cdist(one.centres, two.centres) - one.radius[:, None] - two.radius
    return float(distance.min())


def put(print_: Footprint, placement: Placement) -> Footprint:
    """A footprint at its place."""
    shift = torch.tensor([*placement.xy, 0.0], dtype=torch.float32)
    return replace(print_, centres=print_.centres @ _about_z(placement.heading_rad).T + shift)


def place_apart(
    rng: np.random.Generator,
    footprints: Sequence[Footprint],
    room_m: float = 3.0,
    clearance_m: float = 0.12,
) -> tuple[Placement, ...]:
    """Places for up to six people, none of whom comes nearer to another than `clearance_m` at any frame.

    The first one's path is centred on the origin. For each other one ten headings and directions are drawn; along
    each, the nearest place to the origin that is free all the time is found exactly, and the one that keeps the group
    smallest is taken. A person for whom no place lies within `room_m` of the origin at every frame is left out, so
    fewer placements than footprints may come back: look at `Placement.person`.

    footprints: of clips of the same length. clearance_m: between the footprints; `MIN_CLEARANCE_M` keeps the skin
    apart, and the default most clothes and hair too. Raises `HumansenseError` for more than six people, clips of
    different lengths, or a smaller clearance.
    """
    _check(footprints, clearance_m)
    placed: list[Placement] = []
    standing: list[Footprint] = []
    for person, mine in enumerate(footprints):
        best: tuple[float, Placement] | None = None
        for _ in range(_DIRECTIONS):
            heading, angle = (float(v) for v in rng.uniform(-math.pi, math.pi, 2))
            turned = mine.centres @ _about_z(heading).T
            middle = turned[..., :2].mean((0, 1))
            centred = replace(mine, centres=turned - torch.cat([middle, torch.zeros(1)]))
            away = torch.tensor([math.cos(angle), math.sin(angle), 0.0])
            distance = _first_free(centred, standing, away, room_m, clearance_m)
            if distance is None:
                continue
            shifted = replace(mine, centres=centred.centres + distance * away)
            reach = float((shifted.centres[..., :2].norm(dim=-1) + mine.radius).max())
            if reach <= room_m and (best is None or reach < best[0]):
                x, y = (distance * away[:2] - middle).tolist()
                best = reach, Placement(person, (x, y), heading)
        if best is not None:
            placed.append(best[1])
            standing.append(put(mine, best[1]))
    return tuple(placed)


def _check(footprints: Sequence[Footprint], clearance_m: float) -> None:
    if not 0 < len(footprints) <= MAX_PEOPLE:
        raise HumansenseError(f"{len(footprints)} people in one scene: give 1 to {MAX_PEOPLE}")
    lengths = {len(f.centres) for f in footprints}
    if len(lengths) > 1:
        raise HumansenseError(f"the clips of one scene have {sorted(lengths)} frames: give clips of the same length")
    if clearance_m < MIN_CLEARANCE_M:
        raise HumansenseError(
            f"a clearance of {clearance_m} m is finer than the bodies are known: give {MIN_CLEARANCE_M} or more"
        )


def _first_free(
    mine: Footprint, others: list[Footprint], away: Tensor, farthest_m: float, clearance_m: float
) -> float | None:
    """The least distance along `away` (3,) at which `mine` is clear of all `others`, or None up to `farthest_m`.

    A sphere at `d` from another one is too near while |d + s away| < R: for s between two roots of a quadratic. The
    intervals of all pairs of spheres at all frames are counted in bins of a centimetre; the first empty bin is free.
    """
    bins = math.ceil(farthest_m / _BIN_M) + 2
    taken = np.zeros(bins + 1)
    across = torch.tensor([-float(away[1]), float(away[0]), 0.0])
    axes = torch.stack([away, across, torch.tensor([0.0, 0.0, 1.0])], 1)
    one = mine.centres @ axes
    for other in others:
        two = other.centres @ axes
        # Only spheres in the other one's lane can meet it.
        mine_in, other_in = _lane(one, mine.radius, two, other.radius, clearance_m)
        a, b = one[:, mine_in, None], two[:, None, other_in]
        near = mine.radius[mine_in, None] + other.radius[other_in] + clearance_m
        spare = near * near - (a[..., 1] - b[..., 1]).square() - (a[..., 2] - b[..., 2]).square()
        hit = spare > 0
        half, middle = spare[hit].sqrt(), (b[..., 0] - a[..., 0])[hit]
        first = ((middle - half) / _BIN_M).floor().clamp(0, bins).long().numpy()
        last = ((middle + half) / _BIN_M).ceil().add(1).clamp(0, bins).long().numpy()
        taken += np.bincount(first, minlength=bins + 1) - np.bincount(last, minlength=bins + 1)
    free = np.flatnonzero(taken.cumsum()[:-1] == 0)
    return float(free[0]) * _BIN_M if len(free) else None


def _lane(
    one: Tensor, one_radius: Tensor, two: Tensor, two_radius: Tensor, clearance_m: float
) -> tuple[Tensor, Tensor]:
    """Indices of the spheres (T, S, 3) of either person that come into the strip across which the other one reaches."""

    def reach(centres: Tensor, radius: Tensor) -> tuple[Tensor, Tensor]:
        return centres[..., 1].amin(0) - radius, centres[..., 1].amax(0) + radius

    (low_one, high_one), (low_two, high_two) = reach(one, one_radius), reach(two, two_radius)
    in_two = (high_one + clearance_m > low_two.min()) & (low_one - clearance_m < high_two.max())
    in_one = (high_two + clearance_m > low_one.min()) & (low_two - clearance_m < high_one.max())
    return torch.nonzero(in_two)[:, 0], torch.nonzero(in_one)[:, 0]
