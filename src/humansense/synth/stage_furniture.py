"""Furniture that is not sat on, and the table of all pieces.

As in `stage_seats`, a piece is `piece(rng) -> [patches]`: it stands on z = 0 around the origin, its front towards -y
and its back towards +y, in metres.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from humansense.synth.noise import Rng, between, chance
from humansense.synth.stage_mesh import Patch, bevelled, box, lathe, moved, quad, sheet, tube
from humansense.synth.stage_seats import WOODS, armchair, bed, bench, chair, legs, office_chair, pick, sofa, stool
from humansense.synth.stage_yard import barrel, fence, hedge, ladder, low_wall, parcels, planter, post, screen


def table(rng: Rng) -> list[Patch]:
    """A dining table: oblong on four legs, or round on a column."""
    high, wood = between(rng, 0.71, 0.77), pick(rng, WOODS)
    if chance(rng, 0.25):
        r = between(rng, 0.42, 0.62)
        parts = lathe(
            [(0, 0), (r * 0.6, 0), (r * 0.55, 0.03), (0.05, 0.08), (0.045, high - 0.1), (0.12, high - 0.035)], wood
        )
        parts += lathe([(0, high - 0.035), (r - 0.01, high - 0.035), (r, high - 0.025), (r, high - 0.01)], wood, 28)
        parts += lathe([(r, high - 0.01), (r - 0.008, high), (0, high + 0.001)], wood, 28)
        return parts + clutter(rng, r, r, high, int(rng.integers(0, 4)))
    w, d, thick = between(rng, 1.1, 1.9), between(rng, 0.7, 0.95), between(rng, 0.025, 0.05)
    frame = wood if chance(rng, 0.7) else "metal"
    parts = legs(w - 0.06, d - 0.06, high - thick, frame, between(rng, 0.04, 0.08))
    parts.append(bevelled((-w / 2, -d / 2, high - thick), (w / 2, d / 2, high), wood, 0.01))
    x, y, z = w / 2 - 0.07, d / 2 - 0.07, high - thick
    for sign in (-1, 1):
        parts.append(box((-x, sign * y - 0.01, z - 0.09), (x, sign * y + 0.01, z), frame))
        parts.append(box((sign * x - 0.01, -y, z - 0.09), (sign * x + 0.01, y, z), frame))
    return parts + clutter(rng, w * 0.8, d * 0.8, high, int(rng.integers(0, 7)))


def coffee_table(rng: Rng) -> list[Patch]:
    """A low table with a board beneath."""
    w, d, high, wood = between(rng, 0.7, 1.2), between(rng, 0.5, 0.7), between(rng, 0.36, 0.48), pick(rng, WOODS)
    parts = legs(w - 0.02, d - 0.02, high - 0.03, wood if chance(rng, 0.6) else "metal", 0.045)
    parts.append(bevelled((-w / 2, -d / 2, high - 0.035), (w / 2, d / 2, high), wood, 0.01))
    if chance(rng, 0.6):
        parts.append(box((-w / 2 + 0.04, -d / 2 + 0.04, 0.12), (w / 2 - 0.04, d / 2 - 0.04, 0.14), wood))
    return parts + clutter(rng, w * 0.8, d * 0.8, high, int(rng.integers(1, 6)))


def _bottle(rng: Rng) -> list[Patch]:
    h, r = between(rng, 0.18, 0.32), between(rng, 0.03, 0.045)
    profile = [(0, 0), (r, 0), (r, h * 0.55), (r * 0.4, h * 0.75), (r * 0.4, h), (0, h)]
    return lathe(profile, pick(rng, ("dark", "leaf2", "paint3", "metal")), 8)


def _vase(rng: Rng) -> list[Patch]:
    h, r = between(rng, 0.15, 0.35), between(rng, 0.05, 0.11)
    profile = [(0, 0), (r * 0.6, 0), (r, h * 0.4), (r * 0.5, h * 0.8), (r * 0.65, h), (r * 0.5, h), (0, h * 0.6)]
    return lathe(profile, pick(rng, ("paint2", "paint3", "white")), 12)


def _pile(rng: Rng) -> list[Patch]:
    parts, z = [], 0.0
    for _ in range(int(rng.integers(1, 5))):
        w, d, h = between(rng, 0.15, 0.26), between(rng, 0.11, 0.18), between(rng, 0.012, 0.045)
        cover = box(
            (-w / 2, -d / 2, z), (w / 2, d / 2, z + h), pick(rng, ("books", "paint2", "paint3", "card", "white"))
        )
        parts.append(moved(cover, (0, 0, 0), between(rng, -0.4, 0.4)))
        z += h
    return parts


def _bowl(rng: Rng) -> list[Patch]:
    r = between(rng, 0.05, 0.15)
    profile = [(0, 0), (r * 0.45, 0), (r * 0.85, r * 0.3), (r, r * 0.6), (r * 0.9, r * 0.6), (0, r * 0.2)]
    return lathe(profile, pick(rng, ("white", "paint2", "wood")), 12)


def _laptop(rng: Rng) -> list[Patch]:
    metal = pick(rng, ("metal", "dark"))
    screen = box((-0.16, 0.11, 0.0), (0.16, 0.118, 0.22), metal)
    lean = screen.vertices + np.stack(
        [0 * screen.vertices[:, 0], screen.vertices[:, 2] * 0.35, 0 * screen.vertices[:, 0]], 1
    )
    face = quad((-0.15, 0.109, 0.012), (0.30, 0, 0), (0, 0.07, 0.196), "television2")
    return [box((-0.16, -0.11, 0), (0.16, 0.11, 0.016), metal), screen._replace(vertices=lean), face]


def _table_lamp(rng: Rng) -> list[Patch]:
    h, r = between(rng, 0.3, 0.5), between(rng, 0.09, 0.16)
    foot = [(0, 0), (r * 0.6, 0), (r * 0.6, 0.02), (0.015, 0.04), (0.015, h * 0.6), (0, h * 0.6)]
    return lathe(foot, "metal", 10) + lathe([(r, h * 0.55), (r * 0.65, h), (0, h)], "shade", 14)


ITEMS = (_bottle, _vase, _pile, _pile, _bowl, _laptop, _table_lamp)


def clutter(rng: Rng, w: float, d: float, z: float, count: int) -> list[Patch]:
    """Things of daily use on a top of w x d at a height, no two in one place."""
    taken: list[tuple[float, float]] = []
    parts: list[Patch] = []
    for _ in range(count):
        x, y = between(rng, -w / 2 + 0.08, w / 2 - 0.08), between(rng, -d / 2 + 0.06, d / 2 - 0.06)
        if any((x - a) ** 2 + (y - b) ** 2 < 0.09 for a, b in taken):
            continue
        taken.append((x, y))
        item = ITEMS[rng.integers(len(ITEMS))](rng)
        turn = between(rng, -0.6, 0.6)
        parts += [moved(patch, (x, y, z), turn) for patch in item]
    return parts


def bookshelf(rng: Rng) -> list[Patch]:
    """Boards between two sides, with rows of books and things."""
    w, d, high = between(rng, 0.6, 1.4), between(rng, 0.26, 0.36), between(rng, 0.9, 2.15)
    wood, t = pick(rng, ("wood", "wood2", "white", "paint")), 0.022
    parts = [
        box((-w / 2, -d / 2, 0), (-w / 2 + t, d / 2, high), wood),
        box((w / 2 - t, -d / 2, 0), (w / 2, d / 2, high), wood),
        box((-w / 2 + t, d / 2 - 0.008, 0), (w / 2 - t, d / 2, high), wood),
    ]
    rows = max(2, round(high / between(rng, 0.3, 0.42)))
    step = (high - t - 0.06) / rows
    for row in range(rows + 1):
        z = 0.06 + row * step
        parts.append(box((-w / 2 + t, -d / 2 + 0.004, z), (w / 2 - t, d / 2 - 0.008, z + t), wood))
        if row < rows:
            parts += _row_of_books(rng, w - 2 * t - 0.02, d, z + t, step - t)
    return parts


def _row_of_books(rng: Rng, w: float, d: float, z: float, space: float) -> list[Patch]:
    parts, x = [], -w / 2
    while x < w / 2 - 0.06:
        run = min(between(rng, 0.06, 0.3), w / 2 - x)
        kind = rng.random()
        if kind < 0.72:
            high, deep, shift = space * between(rng, 0.55, 0.93), between(rng, 0.12, 0.2), between(rng, 0, 0.6)
            books = box((x, d / 2 - 0.02 - deep, z), (x + run, d / 2 - 0.02, z + high), "books")
            parts.append(books._replace(uv=books.uv + np.array([shift, shift], np.float32)))
        elif kind < 0.85:
            item = (_bottle, _vase, _bowl, _pile)[rng.integers(4)](rng)
            tall = max(float(patch.vertices[:, 2].max()) for patch in item)
            if tall < space and run > 0.2:
                parts += [moved(patch, (x + run / 2, -0.01, z)) for patch in item]
        x += run + between(rng, 0, 0.02)
    return parts


def _fronts(rng: Rng, w: float, y: float, low: float, high: float, front: str) -> list[Patch]:
    """Doors or drawers in columns and rows before the plane y, with handles."""
    columns = max(1, round(w / between(rng, 0.38, 0.6)))
    parts = []
    step, gap = w / columns, 0.006
    knob = chance(rng, 0.4)
    for column in range(columns):
        rows = int(rng.integers(3, 5)) if high - low < 1.2 and chance(rng, 0.4) else 1
        tall = (high - low) / rows
        for row in range(rows):
            x0, z0 = -w / 2 + column * step, low + row * tall
            x1, z1 = x0 + step, z0 + tall
            parts.append(bevelled((x0 + gap, y - 0.02, z0 + gap), (x1 - gap, y, z1 - gap), front, 0.006))
            if rows == 1 and chance(rng, 0.5):
                inset = min(0.07, step / 5)
                parts.append(
                    bevelled((x0 + inset, y - 0.027, z0 + inset), (x1 - inset, y - 0.02, z1 - inset), front, 0.006)
                )
            hx = (x0 + x1) / 2 if rows > 1 else (x1 - 0.05 if column % 2 == 0 else x0 + 0.05)
            hz = (z0 + z1) / 2 if rows > 1 or high - low > 1.2 else z1 - 0.1
            size = (0.014, 0.014) if knob else ((0.06, 0.006) if rows > 1 else (0.006, 0.06))
            parts.append(
                bevelled(
                    (hx - size[0], y - 0.05, hz - size[1]), (hx + size[0], y - 0.027, hz + size[1]), "metal", 0.004
                )
            )
    return parts


def wardrobe(rng: Rng) -> list[Patch]:
    """As tall as a person or taller, with doors."""
    w, d, high = between(rng, 0.8, 1.9), between(rng, 0.54, 0.62), between(rng, 1.8, 2.2)
    wood, foot = pick(rng, ("wood", "wood2", "white", "paint")), between(rng, 0.05, 0.12)
    parts = [
        box((-w / 2 + 0.03, -d / 2 + 0.04, 0), (w / 2 - 0.03, d / 2, foot), "dark"),
        bevelled((-w / 2, -d / 2, foot), (w / 2, d / 2, high), wood, 0.008),
    ]
    if chance(rng, 0.4):
        parts.append(bevelled((-w / 2 - 0.03, -d / 2 - 0.03, high), (w / 2 + 0.03, d / 2, high + 0.04), wood, 0.015))
    front = wood if chance(rng, 0.6) else pick(rng, ("paint2", "white"))
    parts += _fronts(rng, w - 0.03, -d / 2, foot + 0.02, high - 0.02, front)
    if chance(rng, 0.3):
        x = between(rng, -w / 3, w / 3)
        parts.append(bevelled((x - 0.2, -d / 2 + 0.1, high + 0.04), (x + 0.2, d / 2 - 0.05, high + 0.24), "card"))
    return parts


def cupboard(rng: Rng) -> list[Patch]:
    """A sideboard or chest of drawers, with things on it."""
    w, d, high = between(rng, 0.7, 1.7), between(rng, 0.38, 0.5), between(rng, 0.68, 1.0)
    wood, foot = pick(rng, WOODS), between(rng, 0.06, 0.18)
    parts = legs(w - 0.04, d - 0.04, foot, "metal" if chance(rng, 0.3) else wood, 0.045)
    parts.append(bevelled((-w / 2 + 0.005, -d / 2 + 0.005, foot), (w / 2 - 0.005, d / 2, high - 0.022), wood, 0.006))
    parts.append(bevelled((-w / 2, -d / 2 - 0.02, high - 0.022), (w / 2, d / 2, high), wood, 0.008))
    parts += _fronts(rng, w - 0.03, -d / 2 + 0.005, foot + 0.015, high - 0.03, wood if chance(rng, 0.6) else "paint2")
    return parts + clutter(rng, w * 0.9, d * 0.8, high, int(rng.integers(1, 7)))


def counter(rng: Rng) -> list[Patch]:
    """A kitchen's row of cupboards under one worktop, with a tap, perhaps with cupboards above."""
    w, d, high = between(rng, 1.2, 2.6), 0.6, between(rng, 0.86, 0.93)
    front, top = pick(rng, ("white", "paint", "paint2", "wood")), pick(rng, ("wood2", "masonry", "dark", "metal"))
    parts = [
        box((-w / 2, -d / 2 + 0.06, 0), (w / 2, d / 2, 0.1), "dark"),
        box((-w / 2, -d / 2 + 0.02, 0.1), (w / 2, d / 2, high - 0.04), front),
        bevelled((-w / 2 - 0.01, -d / 2 - 0.01, high - 0.04), (w / 2 + 0.01, d / 2, high), top, 0.008),
    ]
    parts += _fronts(rng, w - 0.01, -d / 2 + 0.02, 0.11, high - 0.05, front)
    x = between(rng, -w / 4, w / 4)
    path = [(x, 0.2, high), (x, 0.2, high + 0.25), (x, 0.12, high + 0.31), (x, 0.03, high + 0.26)]
    parts.append(tube(path, 0.013, "metal"))
    parts.append(box((x - 0.24, -0.18, high), (x + 0.24, 0.14, high + 0.004), "metal"))
    if chance(rng, 0.5):
        upper = [box((-w / 2, d / 2 - 0.34, 1.42), (w / 2, d / 2, 2.1), front)]
        parts += upper + _fronts(rng, w - 0.01, d / 2 - 0.34, 1.43, 2.09, front)
    return parts + clutter(rng, w * 0.9, d * 0.6, high, int(rng.integers(2, 7)))


def desk(rng: Rng) -> list[Patch]:
    """A writing table with drawers on one side, a screen or a laptop, a lamp."""
    w, d, high, wood = between(rng, 1.1, 1.7), between(rng, 0.6, 0.8), between(rng, 0.71, 0.76), pick(rng, WOODS)
    frame = wood if chance(rng, 0.4) else "metal"
    parts = legs(w - 0.04, d - 0.04, high - 0.025, frame, 0.045)
    parts.append(bevelled((-w / 2, -d / 2, high - 0.028), (w / 2, d / 2, high), wood, 0.008))
    side = 1 if chance(rng, 0.5) else -1
    x = side * (w / 2 - 0.27)
    chest = [bevelled((-0.2, -d / 2 + 0.05, 0.06), (0.2, d / 2 - 0.05, high - 0.06), wood, 0.006)]
    parts += [moved(p, (x, 0, 0)) for p in chest + _fronts(rng, 0.4, -d / 2 + 0.05, 0.08, high - 0.08, wood)]
    if chance(rng, 0.65):
        sw, sh, z = between(rng, 0.42, 0.65), between(rng, 0.28, 0.38), high + between(rng, 0.08, 0.15)
        parts.append(bevelled((-sw / 2, 0.1, z), (sw / 2, 0.13, z + sh), "dark", 0.006))
        parts.append(quad((-sw / 2 + 0.015, 0.098, z + 0.015), (sw - 0.03, 0, 0), (0, 0, sh - 0.03), "television2"))
        parts += [
            box((-0.03, 0.13, high), (0.03, 0.15, z + 0.12), "dark"),
            box((-0.11, 0.04, high), (0.11, 0.2, high + 0.01), "dark"),
        ]
        parts.append(bevelled((-0.2, -0.2, high), (0.2, -0.08, high + 0.02), "dark", 0.005))
    else:
        parts += [moved(p, (0, -0.03, high)) for p in _laptop(rng)]
    extra = [moved(p, (-side * w * 0.38, 0.15, high)) for p in (_table_lamp, _pile, _vase)[rng.integers(3)](rng)]
    return parts + extra


def television(rng: Rng) -> list[Patch]:
    """A flat screen on a low board."""
    w, high = between(rng, 1.2, 1.9), between(rng, 0.4, 0.55)
    parts = [bevelled((-w / 2, -0.2, 0.06), (w / 2, 0.2, high), "wood2", 0.008)]
    parts += legs(w - 0.1, 0.36, 0.07, "dark", 0.04) + _fronts(rng, w - 0.03, -0.2, 0.08, high - 0.02, "wood2")
    sw = between(rng, 0.8, min(1.35, w - 0.1))
    sh = sw * 9 / 16
    parts.append(bevelled((-sw / 2, 0.0, high + 0.06), (sw / 2, 0.05, high + 0.06 + sh), "dark", 0.008))
    parts.append(quad((-sw / 2 + 0.015, -0.002, high + 0.08), (sw - 0.03, 0, 0), (0, 0, sh - 0.035), "television"))
    return [
        *parts,
        box((-0.2, -0.08, high), (0.2, 0.12, high + 0.012), "dark"),
        box((-0.04, 0.02, high), (0.04, 0.05, high + 0.1), "dark"),
    ]


def plant(rng: Rng) -> list[Patch]:
    """A pot with leaves: broad ones on stalks, or long ones like grass."""
    r, h = between(rng, 0.12, 0.24), between(rng, 0.2, 0.42)
    profile = [(0, 0), (r * 0.75, 0), (r, h), (r * 0.9, h), (r * 0.85, h - 0.03), (0, h - 0.03)]
    parts = lathe(profile, pick(rng, ("paint2", "white", "masonry", "wood2")), 14)
    tall, long = between(rng, 0.25, 1.1), chance(rng, 0.35)
    for i in range(int(rng.integers(14, 30))):
        a = i * 2.4 + rng.normal() * 0.3  # the golden angle
        rise = tall * (0.35 + 0.65 * rng.random())
        reach = between(rng, 0.05, 0.2) + 0.3 * rise * (1 - rise / (tall * 1.3))
        size = between(rng, 0.4, 0.9) * (0.5 + tall / 2) if long else between(rng, 0.16, 0.4)
        start = np.array([0.0, 0.0, h - 0.04]) if long else np.array([reach * np.cos(a), reach * np.sin(a), h + rise])
        if not long:
            parts.append(_stalk(np.array([0, 0, h - 0.05]), start, a))
        parts.append(_blade(rng, start, a, size, size * (0.09 if long else between(rng, 0.4, 0.7))))
    return parts


def _stalk(foot: np.ndarray, tip: np.ndarray, angle: float) -> Patch:
    """A narrow strip that rises and then leans outward."""
    middle = np.stack([foot, np.array([0.6 * tip[0], 0.6 * tip[1], 0.2 * foot[2] + 0.8 * tip[2]]), tip])
    side = 0.006 * np.array([-np.sin(angle), np.cos(angle), 0])
    uv = np.broadcast_to(np.array([[0.2, 0.0], [0.3, 0.0]]), (3, 2, 2))
    return sheet(np.stack([middle + side, middle - side], 1), uv, "leaf")


def _blade(rng: Rng, start: np.ndarray, angle: float, length: float, width: float) -> Patch:
    """One leaf: bends down along its length, folded along its rib."""
    t = np.linspace(0, 1, 6)
    pitch = between(rng, 0.5, 1.3) - t * between(rng, 0.6, 1.9)
    step = length / 5
    out, up = np.cumsum(np.cos(pitch)) * step - step, np.cumsum(np.sin(pitch)) * step - step * np.sin(pitch[0])
    half = width / 2 * np.sin(np.pi * np.clip(t * 0.9 + 0.07, 0, 1)) ** 0.8
    way, side = np.array([np.cos(angle), np.sin(angle), 0]), np.array([-np.sin(angle), np.cos(angle), 0])
    middle = start + out[:, None] * way + up[:, None] * np.array([0, 0, 1])
    fold = np.array([0, 0, 1]) * half[:, None] * 0.35
    points = np.stack([middle + half[:, None] * side + fold, middle, middle - half[:, None] * side + fold], 1)
    uv = np.stack(np.broadcast_arrays(np.array([0.05, 0.5, 0.95])[None], t[:, None]), -1)
    return sheet(points, uv, "leaf")


def floor_lamp(rng: Rng) -> list[Patch]:
    """A foot, a pole and a shade."""
    h, r, s = between(rng, 1.35, 1.8), between(rng, 0.12, 0.17), between(rng, 0.14, 0.25)
    pole = [(0, 0), (r, 0), (r, 0.02), (0.02, 0.035), (0.012, 0.05), (0.012, h - 0.1), (0, h - 0.1)]
    tall = between(rng, 0.2, 0.35)
    return lathe(pole, pick(rng, ("metal", "dark", "wood")), 12) + lathe(
        [(s, h - tall), (s * between(rng, 0.5, 1), h)], "shade", 18
    )


Maker = Callable[[Rng], list[Patch]]
PIECES: Mapping[str, Maker] = MappingProxyType(
    {
        "table": table,
        "coffee table": coffee_table,
        "chair": chair,
        "office chair": office_chair,
        "stool": stool,
        "sofa": sofa,
        "armchair": armchair,
        "bed": bed,
        "bookshelf": bookshelf,
        "wardrobe": wardrobe,
        "desk": desk,
        "cupboard": cupboard,
        "counter": counter,
        "television": television,
        "plant": plant,
        "floor lamp": floor_lamp,
        "parcels": parcels,
        "low wall": low_wall,
        "bench": bench,
        "barrel": barrel,
        "fence": fence,
        "screen": screen,
        "ladder": ladder,
        "post": post,
        "hedge": hedge,
        "planter": planter,
    }
)
