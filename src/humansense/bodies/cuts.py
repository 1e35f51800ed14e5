"""Where a garment ends: scalar fields in metres, >= 0 inside, that cut cloth and tell which skin it hides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from humansense.bodies.anatomy import Anatomy
from humansense.bodies.patch import Patch

FAR_M = 1.0  # the value of a field where its border can not be met
ARM_BONE_M = 0.28


@dataclass(frozen=True)
class Spots:
    """Places on the reference body. points: (N, 3) metres. arm: (N,) bool. along_arm: (N,), see `Anatomy`."""

    points: np.ndarray
    arm: np.ndarray
    along_arm: np.ndarray
    anatomy: Anatomy

    @property
    def z(self) -> np.ndarray:
        return self.points[:, 2]

    @property
    def across(self) -> np.ndarray:
        """Distance from the plane of symmetry."""
        return np.abs(self.points[:, 0])


Border = Callable[[Spots], np.ndarray]


def spots_on(anatomy: Anatomy, patch: Patch | None = None) -> Spots:
    """The places of a patch's vertices, or of all vertices of the body."""
    if patch is None:
        return Spots(anatomy.points, anatomy.arm, anatomy.along_arm, anatomy)
    arm = patch.carry(anatomy.arm.astype(np.float32)) > 0.5
    return Spots(patch.carry(anatomy.points), arm, patch.carry(anatomy.along_arm), anatomy)


def sleeves(end: float) -> Border:
    """Sleeves to `end` of the arm: 0 shoulder, 1 elbow, 2 wrist."""
    return lambda s: np.where(s.arm, (end - s.along_arm) * ARM_BONE_M, FAR_M)


def armholes(half_width_m: float) -> Border:
    """No sleeves: the trunk between two armholes that are `half_width_m` from the middle at the shoulder."""

    def field(s: Spots) -> np.ndarray:
        armpit = s.anatomy.joints["upperarm01.L"][2] - 0.05
        edge = half_width_m + np.clip(armpit - s.z, 0, None) * 0.9
        inside = edge - s.across
        return np.where(s.arm & (s.along_arm > 0.4), -FAR_M, inside)

    return field


def above(height: float) -> Border:
    """Ends below at a height of the trunk or legs (see `Anatomy.height_z`); arms stay."""
    return lambda s: np.where(s.arm, FAR_M, s.z - s.anatomy.height_z(height))


def below(height: float, arms: bool = False) -> Border:
    """Ends above at a height; arms go."""
    return lambda s: np.where(s.arm & (not arms), -FAR_M, s.anatomy.height_z(height) - s.z)


def leg_openings(low: float, slope: float) -> Border:
    """Briefs: openings that start `low` (height) at the crotch and rise by `slope` towards the hips."""
    return lambda s: s.z - s.anatomy.height_z(low) - slope * np.clip(s.across - 0.03, 0, None)


def neckline(front: float, back: float, half_width_m: float, power: float = 2.0) -> Border:
    """An opening for the neck: lowest in the middle (heights `front` and `back`), at the shoulders `half_width_m` wide.

    power: 1 for a V, 2 for a round neck, more for a square one.
    """

    def field(s: Spots) -> np.ndarray:
        y = np.clip((s.points[:, 1] - s.anatomy.joints["neck01"][1] + 0.06) / 0.08, 0, 1)
        t = y**2 * (3 - 2 * y)
        shoulder, chin = s.anatomy.height_z(1.02), s.anatomy.height_z(1.06)
        f, b = s.anatomy.height_z(front), s.anatomy.height_z(back)
        rise = np.minimum(s.across / half_width_m, 1.5)
        f_edge = f + max(shoulder - f, 0.0) * rise**power
        b_edge = b + max(shoulder - b, 0.0) * rise**2
        return np.minimum(f_edge * (1 - t) + b_edge * t, chin) - s.z

    return field


def meet(*borders: Border) -> Border:
    """Inside all of them."""
    return lambda s: np.minimum.reduce([border(s) for border in borders])


def hands(start: float) -> Border:
    """The hands, from `start` of the arm on."""
    return lambda s: np.where(s.arm, (s.along_arm - start) * ARM_BONE_M, -FAR_M)


def open_front(half_width_m: float, slope: float) -> Border:
    """A gap in front along the middle, `half_width_m` to each side, widening upwards by `slope`."""

    def field(s: Spots) -> np.ndarray:
        gap = half_width_m + slope * np.clip(s.z - s.anatomy.height_z(0.3), 0, None)
        front = s.points[:, 1] < s.anatomy.joints["spine03"][1]
        return np.where(front, s.across - gap, FAR_M)

    return field
