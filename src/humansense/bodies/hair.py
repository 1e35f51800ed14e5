"""Hair and headgear: from the scalp's own skin, and for long hair from the strands of the body's hair helper."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from humansense.bodies.anatomy import anatomy, cylinder
from humansense.bodies.anny_body import Body
from humansense.bodies.garments import FABRIC_REPEAT_M, HAIR_REPEAT_M, Garment, folds
from humansense.bodies.patch import Patch, join, patch_of

Rng = np.random.Generator

# Height of the hairline above the eyes (m) by the distance behind the eyes (m), at the side of the head.
HAIRLINE = ((-0.2, 0.062), (0.015, 0.062), (0.06, 0.05), (0.09, 0.005), (0.12, -0.02), (0.16, -0.07), (0.2, -0.09))
LONG_UV_M = 12.0  # metres of hair for one unit of the helper's own texture coordinates


def _head(body: Body, points: np.ndarray) -> np.ndarray:
    """Points relative to the middle of the eyes: right-left x, behind y, up z."""
    a = anatomy(body)
    return points - (a.joints["eye.L"] + a.joints["eye.R"]) / 2


def hairline(body: Body, points: np.ndarray, raise_m: tuple[float, float, float] = (0, 0, 0)) -> np.ndarray:
    """(N,) metres above the hairline, negative on the face, the ears and the neck.

    raise_m: how much higher than usual it lies at the forehead, the temples and the nape.
    """
    head = _head(body, points)
    behind, up = head[:, 1], head[:, 2]
    usual = np.interp(behind, *np.array(HAIRLINE).T)
    return (
        up - usual - np.interp(behind, (0.0, 0.06, 0.09, 0.16), (raise_m[0], raise_m[1], raise_m[1] * 0.5, raise_m[2]))
    )


@lru_cache(maxsize=1)
def _head_skin(body: Body) -> Patch:
    """The skin of the head above the mouth, uv in metres around and up."""
    a = anatomy(body)
    points = _head(body, a.points)
    keep = (points[:, 2] > -0.12)[body.faces].all(1)
    patch = patch_of(body.faces[keep], body.face_uv[keep], body.n_vertices)
    top = a.joints["head"] + np.array([0.0, 0.05, 0.0])
    tube = cylinder(top, top - (0, 0, 1), (0, 1, 0), 0.08)
    patch = patch.split(tube.beside_seam(patch.carry(a.points)))
    return Patch(patch.sources, patch.faces, tube.uv(patch.carry(a.points), patch.faces))


def _cap(body: Body, rng: Rng, raise_m: tuple[float, float, float], ragged_m: float) -> tuple[Patch, np.ndarray]:
    """The scalp cut along a hairline, and the distance (N,) of its points from it."""
    skin = _head_skin(body)
    points = skin.carry(anatomy(body).points)
    patch = skin.cut(hairline(body, points, raise_m) + ragged_m * (folds(rng, points * 6) - 0.5))
    return patch, np.clip(hairline(body, patch.carry(anatomy(body).points), raise_m), 0, None)


def _covers(body: Body, raise_m: tuple[float, float, float]) -> np.ndarray:
    """`Garment.covers_m` of what covers the scalp."""
    return hairline(body, anatomy(body).points, raise_m)


def short_hair(rng: Rng, body: Body, thickness_m: float) -> Garment:
    """From a crew cut (3 mm) to an afro (60 mm): thin at the hairline, fuller on top, uneven."""
    raise_m = (
        rng.normal(0, 0.008) + (0.03 if rng.random() < 0.08 else 0),
        rng.normal(0, 0.008),
        rng.normal(0.01, 0.012),
    )
    patch, depth = _cap(body, rng, raise_m, 0.012)
    points = patch.carry(anatomy(body).points)
    rise = np.clip(depth / (0.015 + thickness_m), 0, 1) ** 0.7
    uneven = 1 + rng.uniform(0, 0.5) * (folds(rng, points * 5) - 0.5) * 2
    top = 1 + rng.uniform(0, 0.8) * np.clip(_head(body, points)[:, 2] / 0.1, 0, 1)
    offset = 0.0015 + thickness_m * rise * uneven * top / 1.4
    name = "short hair" if thickness_m < 0.03 else "afro"
    patch = Patch(patch.sources, patch.faces, patch.uv / HAIR_REPEAT_M)
    drape = int(thickness_m > 0.02) * 6
    return Garment(name, patch, offset, np.zeros((len(patch), 3)), _covers(body, raise_m), drape, 0.015, "hair")


def _strands(body: Body, length_m: float, fringe_m: float) -> Patch:
    """The helper's strands down to `length_m` below the eyes; in front of the face only to `fringe_m` above them."""
    group = body.helpers["helper-hair"]
    patch = patch_of(group.faces, group.uv * LONG_UV_M / HAIR_REPEAT_M, body.n_vertices)
    head = _head(body, patch.carry(anatomy(body).points))
    patch = patch.cut(head[:, 2] + length_m)
    head = _head(body, patch.carry(anatomy(body).points))
    beside = np.clip((np.abs(head[:, 0]) - 0.055) / 0.012, 0, 1) + np.clip((head[:, 1] - 0.02) / 0.02, 0, 1)
    return patch.cut(head[:, 2] - fringe_m + beside)


def long_hair(rng: Rng, body: Body) -> Garment:
    """Strands over a thin cap: a bob, or down to the shoulders or the waist, with or without a fringe."""
    length = rng.choice([rng.uniform(0.09, 0.16), rng.uniform(0.16, 0.3), rng.uniform(0.3, 0.5)])
    strands = _strands(body, length, rng.uniform(0.015, 0.06))
    cap, depth = _cap(body, rng, (0.0, 0.0, 0.0), 0.008)
    cap = Patch(cap.sources, cap.faces, cap.uv / HAIR_REPEAT_M)
    patch = join(cap, join(strands, strands))
    offset = np.concatenate([0.002 + 0.006 * np.clip(depth / 0.02, 0, 1), np.zeros(2 * len(strands))])
    head = _head(body, patch.carry(anatomy(body).points))
    wave = (folds(rng, head * 3) - 0.5)[:, None] * rng.uniform(0.0, 0.03) * np.clip(-head[:, 2:] / 0.15, 0, 1)
    out = head * (1.0, 1.0, 0.0) - (0.0, 0.08, 0.0)
    # What hangs below the chin lies over the clothes.
    wave += 0.025 * np.clip((-head[:, 2:] - 0.12) / 0.08, 0, 1)
    shift = wave * out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-3)
    shift[-len(strands) :] += _turned(head[-len(strands) :]) - head[-len(strands) :]
    return Garment("long hair", patch, offset, shift, _covers(body, (0, 0, 0)), 0, 0.025, "hair")


def _turned(head: np.ndarray) -> np.ndarray:
    """Points turned about the head's axis by half a strand and drawn in: they close the gaps between the others."""
    angle = 0.2 * np.clip((head[:, 1] - 0.03) / 0.04, 0, 1)
    x, y = head[:, 0] * 0.96, (head[:, 1] - 0.08) * 0.96
    turned = [x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle) + 0.08, head[:, 2]]
    return np.stack(turned, 1)


def tied_hair(rng: Rng, body: Body) -> Garment:
    """A tight cap with a ponytail gathered from the strands of the back, or with a bun."""
    raise_m = (rng.normal(0, 0.006), rng.normal(0, 0.006), 0.0)
    patch, depth = _cap(body, rng, raise_m, 0.006)
    patch = Patch(patch.sources, patch.faces, patch.uv / HAIR_REPEAT_M)
    points = _head(body, patch.carry(anatomy(body).points))
    offset = 0.002 + rng.uniform(0.004, 0.01) * np.clip(depth / 0.02, 0, 1)
    covers = _covers(body, raise_m)
    knot = np.array([0.0, 0.2, rng.uniform(-0.02, 0.08)])
    knot[1] = points[(np.abs(points[:, 2] - knot[2]) < 0.02), 1].max()
    if rng.random() < 0.4:
        bump = np.exp(-0.5 * ((points - knot) ** 2).sum(1) / rng.uniform(0.016, 0.024) ** 2)
        return Garment("bun", patch, offset + 0.06 * bump, np.zeros((len(patch), 3)), covers, 0, 0.015, "hair")
    tail, shift = _tail(body, knot, rng.uniform(0.15, 0.38))
    both = join(patch, tail)
    return Garment(
        "ponytail", both, np.concatenate([offset, np.zeros(len(tail))]),
        np.concatenate([np.zeros((len(patch), 3)), shift]), covers, 0, 0.015, "hair",
    )  # fmt: skip


def _tail(body: Body, knot: np.ndarray, length_m: float) -> tuple[Patch, np.ndarray]:
    """The strands of the back, drawn together below `knot`, and their displacement."""
    strands = _strands(body, length_m, -1.0)
    head = _head(body, strands.carry(anatomy(body).points))
    back = strands.cut(np.minimum(head[:, 1] - 0.12, knot[2] - head[:, 2]))
    head = _head(body, back.carry(anatomy(body).points))
    down = np.clip((knot[2] - head[:, 2]) / 0.06, 0, 1)
    width = 0.25 + 0.2 * np.clip((knot[2] - head[:, 2]) / 0.2, 0, 1)
    shift = np.zeros_like(head)
    shift[:, 0] = head[:, 0] * (width - 1)
    shift[:, 1] = (knot[1] + 0.004 + 0.03 * down - head[:, 1]) * np.clip(
        1 - (knot[2] - head[:, 2]) / 0.25, 0, 1
    ) + 0.012
    return back, shift


def headgear(rng: Rng, body: Body, hair: Garment | None) -> tuple[Garment, Garment | None]:
    """A beanie, a cap with a peak or a helmet, and what is still seen of the hair."""
    kind = rng.choice(["cap", "beanie", "helmet"], p=[0.6, 0.2, 0.2])
    up = {"cap": (-0.012, -0.005, 0.07), "beanie": (-0.03, -0.03, 0.02), "helmet": (-0.015, 0.015, 0.05)}[str(kind)]
    thick = {"cap": 0.012, "beanie": 0.013, "helmet": 0.03}[str(kind)]
    patch, depth = _cap(body, rng, up, 0.0)
    points = _head(body, patch.carry(anatomy(body).points))
    offset = thick * (0.75 + 0.25 * np.clip(depth / 0.04, 0, 1))
    shift = np.zeros((len(patch), 3))
    if kind == "cap":
        peak = np.clip(1 - depth / 0.004, 0, 1) * np.clip(1 - (points[:, 0] / 0.06) ** 2, 0, 1) ** 0.5
        peak *= points[:, 1] < 0.04
        shift[:, 1], shift[:, 2] = -0.07 * peak, -0.012 * peak
    patch = Patch(patch.sources, patch.faces, patch.uv / FABRIC_REPEAT_M)
    hat = Garment(str(kind), patch, offset, shift, _covers(body, up), 6, 0.012)
    if hair is None:
        return hat, None
    points = hair.patch.carry(anatomy(body).points)
    under = 0.015 - hairline(body, points, up)
    rest = hair.patch.cut_with(under, np.concatenate([hair.offset_m[:, None], hair.shift_m], 1))
    return hat, replace(hair, patch=rest[0], offset_m=np.minimum(rest[1][:, 0], 0.008), shift_m=rest[1][:, 1:])


# Upper edge of a beard above the eyes (m) by the distance behind them (m): under the nose, along the cheek, to the ear.
BEARDLINE = ((-0.1, -0.046), (0.015, -0.046), (0.05, -0.052), (0.075, -0.03), (0.09, 0.0), (0.1, 0.0))


def with_beard(rng: Rng, body: Body, hair: Garment | None) -> Garment:
    """Stubble to a full beard, of the same hair, or alone on a bald man."""
    skin = _head_skin(body)
    points = _head(body, skin.carry(anatomy(body).points))
    field = _beard(points) + 0.008 * (folds(rng, points * 6) - 0.5)
    if rng.random() < 0.25:  # round the mouth only
        field = np.minimum(field, 0.035 - np.abs(points[:, 0]))
    patch = skin.cut(field)
    depth = np.clip(_beard(_head(body, patch.carry(anatomy(body).points))) / 0.012, 0, 1)
    offset = 0.001 + rng.choice([0.0005, 0.004, 0.012]) * depth
    beard = Patch(patch.sources, patch.faces, patch.uv / HAIR_REPEAT_M)
    nothing = np.full(body.n_vertices, -1.0)
    if hair is None:
        return Garment("beard", beard, offset, np.zeros((len(beard), 3)), nothing, 0, 0.015, "hair")
    return replace(
        hair,
        name=f"{hair.name}, beard",
        patch=join(hair.patch, beard),
        offset_m=np.concatenate([hair.offset_m, offset]),
        shift_m=np.concatenate([hair.shift_m, np.zeros((len(beard), 3))]),
    )


def _beard(head: np.ndarray) -> np.ndarray:
    """Metres inside the beard of points (N, 3) relative to the eyes: below its edge, above the throat, off the lips."""
    across, behind, up = np.abs(head[:, 0]), head[:, 1], head[:, 2]
    edge = np.interp(behind, *np.array(BEARDLINE).T) - up
    throat = up + 0.118 - 0.6 * np.clip(behind - 0.03, 0, None)
    lips = (np.hypot(across / 0.027, (up + 0.066) / 0.012) - 1) * 0.012
    ear = np.minimum(0.08 - behind, np.where(behind > 0.06, 0.072 - across, 1.0))
    return np.minimum.reduce([edge, throat, np.where(behind > 0.04, 1.0, lips), ear])
