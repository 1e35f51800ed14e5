"""Garments and hair, cut from the body's helper geometry: what an outfit is made of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from humansense.bodies.anatomy import anatomy, fabric_uv
from humansense.bodies.anny_body import Body
from humansense.bodies.cuts import Border, spots_on
from humansense.bodies.patch import Patch, patch_of

FABRIC_REPEAT_M = 0.4  # one repeat of a fabric's texture covers this much cloth
HAIR_REPEAT_M = 0.12


@dataclass(frozen=True)
class Garment:
    """A piece of cloth or hair on the body.

    patch: its surface, uv in repeats of the texture (`FABRIC_REPEAT_M`). offset_m: (N,) outward along the
    normals of the surface at rest. shift_m: (N, 3) a further displacement at rest. hides: (K,) indices into
    `body.faces` of skin that can not be seen through it. kind: "garment" or "hair".
    """

    name: str
    patch: Patch
    offset_m: np.ndarray
    shift_m: np.ndarray
    hides: np.ndarray
    kind: str = "garment"


@dataclass(frozen=True)
class Outfit:
    """What a person wears, inner layers first."""

    garments: tuple[Garment, ...] = ()
    hair: Garment | None = None

    @property
    def worn(self) -> tuple[Garment, ...]:
        return self.garments + ((self.hair,) if self.hair else ())

    def describe(self) -> list[str]:
        """Names for the record of a clip."""
        return [garment.name for garment in self.worn]


@dataclass(frozen=True)
class Fit:
    """How cloth lies: ease_m everywhere, flare_m more at the hem (over `reach_m` above it), folds up to folds_m deep."""

    ease_m: float = 0.0
    flare_m: float = 0.0
    reach_m: float = 0.35
    folds_m: float = 0.0


HIDE_MARGIN_M = 0.03  # skin goes on this far under a hem


@lru_cache(maxsize=4)
def cloth(body: Body, helper: str = "helper-tights") -> Patch:
    """The whole of a helper surface, uv in fabric repeats."""
    group = body.helpers[helper]
    patch = patch_of(group.faces, group.uv, body.n_vertices)
    return Patch(patch.sources, patch.faces, fabric_uv(body, patch) / FABRIC_REPEAT_M)


def tailor(
    body: Body,
    name: str,
    border: Border,
    fit: Fit,
    hem: Border | None,
    rng: np.random.Generator,
    source: Patch | None = None,
) -> Garment:
    """Cut a garment out of the tights (or `source`) along `border`; `hem` is the edge towards which it widens."""
    a = anatomy(body)
    patch = cloth(body) if source is None else source
    patch = patch.cut(border(spots_on(a, patch)))
    spots = spots_on(a, patch)
    offset = np.full(len(patch), fit.ease_m)
    loose = np.zeros(len(patch))
    if hem is not None:
        loose = np.clip(1 - hem(spots) / fit.reach_m, 0, 1) ** 1.3
    offset += fit.flare_m * loose + fit.folds_m * folds(rng, spots.points) * np.clip(border(spots) / 0.06, 0, 1)
    inside = border(spots_on(a))
    hides = np.flatnonzero((inside[body.faces] > HIDE_MARGIN_M).all(1))
    return Garment(name, patch, offset, np.zeros((len(patch), 3)), hides)


def folds(rng: np.random.Generator, points: np.ndarray) -> np.ndarray:
    """Smooth noise in 0..1 of points (N, 3): a few waves of 12-40 cm, more across the body than along it."""
    waves = rng.normal(0, 1, (6, 3)) * (1.0, 1.0, 0.5)
    waves *= (2 * np.pi / rng.uniform(0.12, 0.4, (6, 1))) / np.linalg.norm(waves, axis=1, keepdims=True)
    phase = rng.uniform(0, 2 * np.pi, 6)
    return 0.5 + np.sin(points @ waves.T + phase).mean(1)
