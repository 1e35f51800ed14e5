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

    patch: its surface, uv in repeats of the texture (`FABRIC_REPEAT_M`). offset_m: (N,) outward along the normals
    of the surface at rest. shift_m: (N, 3) a further displacement at rest. hides: (K,) indices into `body.faces` of
    skin that can not be seen through it. drape: rounds of bridging hollows, as loose cloth does. kind: "garment" or
    "hair". material: garments that share it are made of one fabric.
    """

    name: str
    patch: Patch
    offset_m: np.ndarray
    shift_m: np.ndarray
    hides: np.ndarray
    drape: int = 0
    kind: str = "garment"
    material: str = ""


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
    """How cloth lies: `ease_m` off the tights everywhere, `flare_m` more at the hem (beginning `reach_m` above it),
    folds up to `folds_m` deep, and `drape` rounds of bridging hollows."""

    ease_m: float = 0.0
    flare_m: float = 0.0
    reach_m: float = 0.35
    folds_m: float = 0.0
    drape: int = 0


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
    rng: np.random.Generator,
    hem: Border | None = None,
    helper: str = "helper-tights",
) -> Garment:
    """Cut a garment out of a helper surface along `border`; it widens towards `hem`."""
    a = anatomy(body)
    whole = cloth(body, helper)
    patch = whole.cut(border(spots_on(a, whole)))
    spots = spots_on(a, patch)
    inward = border(spots)
    offset = fit.ease_m + fit.folds_m * folds(rng, spots.points) * np.clip(inward / 0.06, 0, 1)
    if hem is not None:
        offset += fit.flare_m * np.clip(1 - hem(spots) / fit.reach_m, 0, 1) ** 1.3
    return Garment(name, patch, offset, np.zeros((len(patch), 3)), hidden_skin(body, border), fit.drape)


def hidden_skin(body: Body, border: Border, margin_m: float = HIDE_MARGIN_M) -> np.ndarray:
    """(K,) indices of skin triangles that lie more than the margin inside a border."""
    inside = border(spots_on(anatomy(body))) > margin_m
    return np.flatnonzero(inside[body.faces].all(1))


def folds(rng: np.random.Generator, points: np.ndarray) -> np.ndarray:
    """Smooth noise in 0..1 of points (N, 3): a few waves of 12-40 cm, more across the body than along it."""
    waves = rng.normal(0, 1, (6, 3)) * (1.0, 1.0, 0.5)
    waves *= (2 * np.pi / rng.uniform(0.12, 0.4, (6, 1))) / np.linalg.norm(waves, axis=1, keepdims=True)
    phase = rng.uniform(0, 2 * np.pi, 6)
    return 0.5 + np.sin(points @ waves.T + phase).mean(1)
