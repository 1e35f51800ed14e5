"""Garments and hair, cut from the body's helper geometry: what an outfit is made of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy import sparse

from humansense.bodies.anatomy import Cylinder, anatomy, cylinder
from humansense.bodies.anny_body import Body
from humansense.bodies.assets_texture import Texture
from humansense.bodies.cuts import Border, Spots, armholes, spots_on
from humansense.bodies.patch import Patch, patch_of

FABRIC_REPEAT_M = 0.4  # one repeat of a fabric's texture covers this much cloth
HAIR_REPEAT_M = 0.12
LIMB_BONES = ("upperarm01", "lowerarm01", "upperleg02", "foot")


@dataclass(frozen=True)
class Scaling:
    """How far a ready-made garment stands off bodies of other sizes.

    pairs: (3, 2) vertices of the body for its x, y and z, -1 where an axis is not scaled. lengths_m: (3,) how far apart
    they lie along that axis on the body that the garment was made for.
    """

    pairs: np.ndarray
    lengths_m: np.ndarray

    def of(self, body_vertices: np.ndarray) -> np.ndarray:
        """(3,) factors of the displacement on a body whose rest vertices are (V, 3)."""
        ends = body_vertices[self.pairs]
        apart = np.abs(ends[:, 0] - ends[:, 1])[np.arange(3), np.arange(3)]
        return np.where(self.pairs[:, 0] < 0, 1.0, apart / self.lengths_m)


@dataclass(frozen=True)
class Garment:
    """A piece of cloth or hair on the body.

    patch: its surface, uv in repeats of the texture (`FABRIC_REPEAT_M`). offset_m: (N,) outward along the normals
    of the surface at rest. shift_m: (N, 3) a further displacement at rest. covers_m: (V,) how far inside the border
    each vertex of the body lies, negative outside; skin further inside than `margin_m` is left out, and sunk a
    little where it is nearer to the border. drape: rounds of bridging hollows, as loose cloth does. kind: "garment"
    or "hair". material: garments that share it are made of one fabric. scaling: for ready-made garments, whose
    `shift_m` grows with the body. texture: its own picture, None for a procedural fabric. moved_by: (N, V) sparse, the
    places on the body whose bones move it, None for `patch.sources`.
    """

    name: str
    patch: Patch
    offset_m: np.ndarray
    shift_m: np.ndarray
    covers_m: np.ndarray
    drape: int = 0
    margin_m: float = 0.03
    kind: str = "garment"
    material: str = ""
    scaling: Scaling | None = None
    texture: Texture | None = None
    moved_by: sparse.csr_matrix | None = None

    def shift_on(self, body_vertices: np.ndarray) -> np.ndarray:
        """(N, 3) metres: `shift_m` on a body whose rest vertices are (V, 3)."""
        return self.shift_m if self.scaling is None else self.shift_m * self.scaling.of(body_vertices)


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


@lru_cache(maxsize=8)
def cloth(body: Body, panels: str) -> Patch:
    """A whole helper surface, uv in fabric repeats, sewn from panels as clothes are.

    "top": trunk and sleeves. "bottom": a leg each side up to the waist. "whole": trunk, sleeves and legs. "skirt".
    """
    a = anatomy(body)
    group = body.helpers["helper-skirt" if panels == "skirt" else "helper-tights"]
    patch = patch_of(group.faces, group.uv, body.n_vertices)
    seams = {"top": [_armhole, _middle], "bottom": [_middle], "whole": [_armhole, _groin, _middle], "skirt": [_middle]}
    for seam in seams[panels]:
        patch = patch.split(seam(spots_on(a, patch)))
    limbs: list[tuple[int, Border | None, Cylinder]] = []
    for side, sign in (("L", 1), ("R", -1)):
        shoulder, elbow, hip, ankle = (a.joints[f"{bone}.{side}"] for bone in LIMB_BONES)
        if panels in ("top", "whole"):
            limbs.append((sign, _armhole, cylinder(shoulder, elbow, (-sign, 0, -1), 0.05)))
        if panels in ("bottom", "whole"):
            limbs.append((sign, _groin if panels == "whole" else None, cylinder(hip, ankle, (-sign, 0, 0), 0.08)))
    for _, _, tube in limbs:
        patch = patch.split(tube.beside_seam(patch.carry(a.points)))
    spots = spots_on(a, patch)
    trunk = cylinder(np.array([0.0, 0.0, 1.0]), np.zeros(3), (0, 1, 0), 0.14)
    uv = trunk.uv(spots.points, patch.faces)
    for sign, seam_line, tube in limbs:
        mask = spots.points[patch.faces, 0].mean(1) * sign > 0
        if seam_line is not None:
            mask &= seam_line(spots)[patch.faces].mean(1) < 0
        uv[mask] = tube.uv(spots.points, patch.faces[mask])
    return Patch(patch.sources, patch.faces, uv / FABRIC_REPEAT_M)


def _armhole(s: Spots) -> np.ndarray:
    """Negative on the sleeves."""
    return armholes(0.17)(s)


def _middle(s: Spots) -> np.ndarray:
    """The plane of symmetry."""
    return s.points[:, 0]


def _groin(s: Spots) -> np.ndarray:
    """Negative on the legs: a seam that rises from the crotch to the hips."""
    return s.z - s.anatomy.height_z(-0.02) - 0.6 * s.across


def tailor(
    body: Body,
    name: str,
    border: Border,
    fit: Fit,
    rng: np.random.Generator,
    hem: Border | None = None,
    panels: str = "top",
    snug: Border | None = None,
) -> Garment:
    """Cut a garment out of `cloth(body, panels)` along `border`; it widens towards `hem` and lies close at `snug`."""
    a = anatomy(body)
    whole = cloth(body, panels)
    patch = whole.cut(border(spots_on(a, whole)))
    spots = spots_on(a, patch)
    inward = border(spots)
    offset = fit.ease_m + fit.folds_m * folds(rng, spots.points) * np.clip(inward / 0.06, 0, 1)
    if hem is not None:
        offset += fit.flare_m * np.clip(1 - hem(spots) / fit.reach_m, 0, 1) ** 1.3
    if snug is not None:
        offset = np.minimum(offset, 0.001 + 0.25 * np.clip(snug(spots), 0, None))
    return Garment(name, patch, offset, np.zeros((len(patch), 3)), border(spots_on(a)), fit.drape)


def folds(rng: np.random.Generator, points: np.ndarray) -> np.ndarray:
    """Smooth noise in 0..1 of points (N, 3): a few waves of 12-40 cm, more across the body than along it."""
    waves = rng.normal(0, 1, (6, 3)) * (1.0, 1.0, 0.5)
    waves *= (2 * np.pi / rng.uniform(0.12, 0.4, (6, 1))) / np.linalg.norm(waves, axis=1, keepdims=True)
    phase = rng.uniform(0, 2 * np.pi, 6)
    return 0.5 + np.sin(points @ waves.T + phase).mean(1)


OVERLAP_M = 0.035  # a garment goes on this far under the one over it


def layered(garments: tuple[Garment, ...]) -> tuple[Garment, ...]:
    """The same, inner layers first, without what lies deep under a later one and can not be seen."""
    out = []
    for k, inner in enumerate(garments):
        for outer in garments[k + 1 :]:
            seen = OVERLAP_M - inner.patch.carry(outer.covers_m)
            if (seen < 0).any():
                values = np.concatenate([inner.offset_m[:, None], inner.shift_m], 1)
                patch, values = inner.patch.cut_with(seen, values)
                moved = inner.moved_by
                if moved is not None:
                    moved = Patch(moved, inner.patch.faces, inner.patch.uv).cut(seen).sources
                inner = replace(inner, patch=patch, offset_m=values[:, 0], shift_m=values[:, 1:], moved_by=moved)
        if len(inner.patch.faces):
            out.append(inner)
    return tuple(out)
