"""What people sit and lie on. Each piece is `piece(rng) -> [patches]`: it stands on z = 0 around the origin, its front
towards -y and its back towards +y, in metres."""

from __future__ import annotations

import numpy as np

from humansense.synth.noise import Rng, between, chance
from humansense.synth.stage_mesh import Patch, bevelled, box, cushion, lathe, moved, sheet, tube

WOODS = ("wood", "wood", "wood2", "paint")  # what most furniture is made of


def legs(w: float, d: float, height: float, material: str, thick: float, splay: float = 0.0) -> list[Patch]:
    """Four legs at the corners of a rectangle w x d, thinner at the foot and leaning outward by `splay` metres."""
    made = []
    for sx in (-1, 1):
        for sy in (-1, 1):
            leg = box((-thick / 2, -thick / 2, 0), (thick / 2, thick / 2, height), material, taper=0.6)
            foot = leg.vertices[:, 2:] < height / 2
            lean = np.array([sx, sy, 0], np.float32) * np.where(foot, np.float32(splay), np.float32(0))
            at = np.array([sx * (w - thick) / 2, sy * (d - thick) / 2, 0], np.float32)
            made.append(leg._replace(vertices=leg.vertices + lean + at))
    return made


def pick(rng: Rng, names: tuple[str, ...]) -> str:
    """One of the names."""
    return names[rng.integers(len(names))]


def _any_wood(rng: Rng) -> str:
    return pick(rng, WOODS)


def _upholstery(rng: Rng) -> str:
    return pick(rng, ("cloth", "cloth2", "cloth3", "leather"))


def chair(rng: Rng) -> list[Patch]:
    """Four legs, a seat and a back of slats, a board or a pad."""
    w, d, seat, top = between(rng, 0.42, 0.5), between(rng, 0.42, 0.5), between(rng, 0.43, 0.48), between(rng, 0.8, 1.0)
    wood, thick = _any_wood(rng), between(rng, 0.028, 0.042)
    parts = legs(w - 0.03, d - 0.03, seat - 0.02, wood, thick, between(rng, 0.0, 0.03))
    parts.append(bevelled((-w / 2, -d / 2, seat - 0.03), (w / 2, d / 2, seat), wood, 0.012))
    if chance(rng, 0.5):
        parts.append(
            cushion((-w / 2 + 0.01, -d / 2 + 0.01, seat), (w / 2 - 0.01, d / 2 - 0.02, seat + 0.05), _upholstery(rng))
        )
    back: list[Patch] = []
    for sx in (-1, 1):
        x = sx * (w - thick) / 2
        back.append(bevelled((x - thick / 2, d / 2 - 0.035, seat - 0.03), (x + thick / 2, d / 2, top), wood, 0.006))
    inner, y = w / 2 - thick, d / 2 - 0.027
    kind = rng.random()
    if kind < 0.4:
        for z in np.linspace(seat + 0.14, top - 0.05, int(rng.integers(2, 5))):
            back.append(bevelled((-inner, y, z - 0.025), (inner, y + 0.018, z + 0.025), wood, 0.006))
    elif kind < 0.7:
        back.append(bevelled((-inner, y, top - 0.07), (inner, y + 0.022, top - 0.005), wood, 0.008))
        for x in np.linspace(-inner + 0.03, inner - 0.03, int(rng.integers(3, 6))):
            back.append(box((x - 0.011, y, seat), (x + 0.011, y + 0.016, top - 0.06), wood))
    else:
        back.append(cushion((-inner, y - 0.02, seat + 0.1), (inner, y + 0.03, top - 0.01), _upholstery(rng), 0.3))
    return parts + [_leaning(patch, seat, between(rng, 0.05, 0.2)) for patch in back]


def _leaning(patch: Patch, pivot: float, slope: float) -> Patch:
    """Sheared backward above a height."""
    shift = np.maximum(patch.vertices[:, 2] - pivot, 0) * np.float32(slope)
    return patch._replace(vertices=patch.vertices + np.stack([0 * shift, shift, 0 * shift], 1))


def office_chair(rng: Rng) -> list[Patch]:
    """Five feet on castors, a column, a padded seat and back, perhaps armrests."""
    seat, top, pad = between(rng, 0.44, 0.54), between(rng, 0.9, 1.2), ("cloth2", "leather", "dark")[rng.integers(3)]
    parts = lathe([(0, 0.1), (0.03, 0.1), (0.03, seat - 0.06), (0.09, seat - 0.03), (0, seat - 0.03)], "metal", 8)
    for a in np.arange(5) * 2 * np.pi / 5 + between(rng, 0, 1):
        way = np.array([np.cos(a), np.sin(a), 0])
        parts.append(tube([way * 0.02 + (0, 0, 0.11), way * 0.3 + (0, 0, 0.07)], 0.018, "dark", 5))
        parts.append(box(way * 0.3 - (0.022, 0.022, 0), way * 0.3 + (0.022, 0.022, 0.06), "dark"))
    parts.append(cushion((-0.25, -0.25, seat - 0.05), (0.25, 0.22, seat + 0.05), pad, 0.35))
    parts.append(_leaning(cushion((-0.23, 0.18, seat + 0.08), (0.23, 0.27, top), pad, 0.35), seat, 0.15))
    parts.append(box((-0.03, 0.22, seat - 0.04), (0.03, 0.26, seat + 0.3), "dark"))
    if chance(rng, 0.6):
        for sx in (-1, 1):
            parts.append(
                tube([(sx * 0.2, 0, seat - 0.02), (sx * 0.29, 0, seat), (sx * 0.29, 0, seat + 0.2)], 0.014, "dark", 5)
            )
            parts.append(bevelled((sx * 0.29 - 0.03, -0.13, seat + 0.2), (sx * 0.29 + 0.03, 0.13, seat + 0.23), "dark"))
    return parts


def stool(rng: Rng) -> list[Patch]:
    """A round or square seat without a back, low or as high as a bar's."""
    high, wide = (between(rng, 0.42, 0.5) if chance(rng, 0.6) else between(rng, 0.65, 0.8)), between(rng, 0.3, 0.4)
    wood, r = _any_wood(rng), wide / 2
    parts = legs(wide * 0.72, wide * 0.72, high - 0.03, wood, 0.034, between(rng, 0.02, 0.07))
    for z in (0.2, 0.26):
        s = wide * 0.36
        low, up = ((-s, -0.01, z), (s, 0.01, z + 0.02)) if z < 0.23 else ((-0.01, -s, z), (0.01, s, z + 0.02))
        parts.append(box(low, up, wood))
    if chance(rng, 0.6):
        edge = high - 0.035
        parts += lathe([(0, edge), (r - 0.01, edge), (r, edge + 0.01), (r, high - 0.01), (r - 0.01, high)], wood, 18)
        parts += lathe([(r - 0.01, high), (0, high + 0.003)], wood, 18)
    else:
        parts.append(bevelled((-r, -r, high - 0.04), (r, r, high), wood, 0.012))
    if chance(rng, 0.3):
        parts.append(cushion((-r, -r, high), (r, r, high + 0.06), _upholstery(rng), 0.7))
    return parts


def _seat_row(rng: Rng, inner: float, seats: int) -> list[Patch]:
    """Sofa or armchair with `seats` cushions of a total width `inner` between two arms."""
    cover, arm, depth = _upholstery(rng), between(rng, 0.1, 0.24), between(rng, 0.8, 0.98)
    seat, top = between(rng, 0.38, 0.46), between(rng, 0.72, 0.95)
    rest = between(rng, 0.54, 0.66)
    foot, w, d = between(rng, 0.04, 0.14), inner + 2 * arm, depth
    soft = between(rng, 0.15, 0.4)
    parts = legs(w - 0.1, d - 0.1, foot + 0.01, ("wood", "metal", "dark")[rng.integers(3)], 0.05)
    parts.append(bevelled((-w / 2 + 0.01, -d / 2 + 0.02, foot), (w / 2 - 0.01, d / 2, seat - 0.14), cover, 0.02))
    parts.append(cushion((-w / 2 + 0.02, d / 2 - 0.22, foot), (w / 2 - 0.02, d / 2, top - 0.03), cover, soft * 0.5))
    for sx in (-1, 1):
        x = sx * (w - arm) / 2
        parts.append(
            cushion((x - arm / 2, -d / 2, foot), (x + arm / 2, d / 2 - 0.03, rest), cover, soft * 0.5)
            if chance(rng, 0.7)
            else bevelled((x - arm / 2, -d / 2, foot), (x + arm / 2, d / 2 - 0.03, rest), cover, 0.03)
        )
    step = inner / seats
    for i in range(seats):
        x = -inner / 2 + (i + 0.5) * step
        parts.append(
            cushion((x - step / 2, -d / 2 + 0.01, seat - 0.16), (x + step / 2, d / 2 - 0.2, seat + 0.02), cover, soft)
        )
        back = cushion((x - step / 2, d / 2 - 0.36, seat), (x + step / 2, d / 2 - 0.16, top + 0.02), cover, soft + 0.1)
        parts.append(_leaning(back, seat, 0.12))
    for _ in range(int(rng.integers(0, 3)) if seats > 1 else int(chance(rng, 0.4))):
        pillow = cushion(
            (-0.22, -0.07, -0.2), (0.22, 0.07, 0.2), ("cloth3", "cloth4", "bedding2")[rng.integers(3)], 0.8
        )
        x = between(rng, -inner / 2 + 0.2, inner / 2 - 0.2)
        lean = _leaning(pillow, -0.2, 0.35)
        parts.append(moved(lean, (x, d / 2 - 0.46, seat + 0.21), between(rng, -0.3, 0.3)))
    return parts


def sofa(rng: Rng) -> list[Patch]:
    """Two or three seats between two arms."""
    seats = int(rng.integers(2, 4))
    return _seat_row(rng, seats * between(rng, 0.55, 0.72), seats)


def armchair(rng: Rng) -> list[Patch]:
    """One wide seat between two arms."""
    return _seat_row(rng, between(rng, 0.52, 0.64), 1)


def bench(rng: Rng) -> list[Patch]:
    """A long seat of boards, outdoors often with a back."""
    w, d, high = between(rng, 1.2, 1.9), between(rng, 0.32, 0.45), between(rng, 0.4, 0.48)
    wood, frame = ("wood", "wood2")[rng.integers(2)], ("metal", "wood", "dark", "masonry")[rng.integers(4)]
    count = int(rng.integers(2, 6))
    parts = []
    for i in range(count):
        y = -d / 2 + i * d / count
        parts.append(bevelled((-w / 2, y, high - 0.035), (w / 2, y + d / count - 0.012, high), wood, 0.008))
    thick = 0.3 if frame == "masonry" else 0.06
    for sx in (-1, 1):
        x = sx * (w / 2 - 0.2)
        parts.append(box((x - thick / 2, -d / 2 + 0.03, 0), (x + thick / 2, d / 2 - 0.03, high - 0.035), frame))
    if chance(rng, 0.5):
        for z in np.arange(high + 0.12, high + between(rng, 0.3, 0.48), 0.12):
            slat = bevelled((-w / 2, d / 2 - 0.03, z), (w / 2, d / 2 - 0.005, z + 0.09), wood, 0.008)
            parts.append(_leaning(slat, high, 0.25))
        for sx in (-1, 1):
            x = sx * (w / 2 - 0.2)
            post = box((x - 0.025, d / 2 - 0.01, high - 0.2), (x + 0.025, d / 2 + 0.02, high + 0.4), frame)
            parts.append(_leaning(post, high, 0.25))
    return parts


def bed(rng: Rng) -> list[Patch]:
    """A frame with its head at the back, a mattress, a duvet that hangs over the sides, pillows."""
    w, length, top = (0.9, 1.2, 1.4, 1.6, 1.8)[rng.integers(5)], between(rng, 1.98, 2.1), between(rng, 0.42, 0.58)
    frame, x, y = ("wood", "wood2", "paint", "cloth")[rng.integers(4)], w / 2, length / 2
    board = between(rng, 0.75, 1.25)
    parts = legs(w, length, 0.2, "wood" if frame == "cloth" else frame, 0.07)
    parts.append(bevelled((-x, -y, 0.16), (x, y, 0.32), frame, 0.012))
    parts.append(bevelled((-x - 0.02, y, 0.0 if chance(rng, 0.5) else 0.2), (x + 0.02, y + 0.06, board), frame, 0.02))
    parts.append(cushion((-x + 0.02, -y + 0.02, 0.26), (x - 0.02, y, top), "white", 0.12))
    parts.append(_duvet(rng, w, length, top))
    for i in range(1 if w < 1.3 else 2):
        px = 0.0 if w < 1.3 else (i - 0.5) * w / 2
        pillow = cushion((px - 0.33, y - 0.5, top - 0.03), (px + 0.33, y - 0.06, top + 0.13), "bedding2", 0.75)
        parts.append(pillow)
    return parts


def _duvet(rng: Rng, w: float, length: float, top: float) -> Patch:
    """A sheet over the mattress: swollen on top, hanging at both sides and the foot, uneven everywhere."""
    rows, columns = 15, 17
    drop, thick = between(rng, 0.1, 0.25), between(rng, 0.04, 0.09)
    far = -length / 2 + length * between(rng, 0.6, 0.78)
    u, v = np.meshgrid(np.linspace(-1, 1, columns), np.linspace(0, 1, rows))
    half = w / 2 + drop
    across = u * half
    x = np.clip(across, -w / 2 - 0.02, w / 2 + 0.02)
    over = np.maximum(np.abs(across) - w / 2, 0)
    along = -length / 2 - drop + v * (far + length / 2 + drop)
    y = np.maximum(along, -length / 2 - 0.02)
    hang = np.maximum(over, -(along - y))
    bumps = np.sin(across * 7 + rng.normal() * 3) * np.sin(along * 6 + rng.normal() * 3) + rng.normal(0, 0.5, u.shape)
    z = top + thick + bumps * thick * 0.2 - hang * 1.0
    z = np.where(v > 0.99, top - 0.005, z)
    sway = np.where(hang > 0.02, 0.02 * np.sin(along * 12) * np.sign(u), 0)
    return sheet(np.stack([x + sway, y, z], -1), np.stack([across, along], -1), "bedding")
