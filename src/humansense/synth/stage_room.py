"""The shell of a room: floor, walls with windows, doors and pictures, ceiling and lamps.

A wall's own axes are x along it from left to right as seen from inside, y into it, z up: its decorations are pieces
like furniture, with their backs in the plane y = 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from humansense.synth.noise import Field, Image, Rng, between, chance, modulate, random_colour, shade
from humansense.synth.stage_materials import Palette
from humansense.synth.stage_mesh import Patch, bevelled, box, cross, lathe, moved, quad, sheet, tube
from humansense.synth.surfaces import Material

LARGEST_PX = 1024  # of a floor's or a wall's picture
COARSE_PX_PER_M = 12.0  # of the shadows in corners and under furniture


@dataclass
class Wall:
    """origin: its lower left corner as seen from inside. yaw_rad: of its own axes. width, height: metres."""

    origin: np.ndarray
    yaw_rad: float
    width: float
    height: float
    windows: list[tuple[float, float]] = field(default_factory=list)
    doors: list[tuple[float, float]] = field(default_factory=list)

    def world(self, x: float, depth: float) -> np.ndarray:
        """(2,) the place `depth` metres into the room before the point x of the wall."""
        c, s = np.cos(self.yaw_rad), np.sin(self.yaw_rad)
        return self.origin[:2] + np.array([c * x + s * depth, s * x - c * depth])


@dataclass
class Room:
    """low, high: (2,) metres. patches: the shell; the inside is its front, and it casts no shadow."""

    low: np.ndarray
    high: np.ndarray
    height: float
    walls: list[Wall]
    patches: list[Patch] = field(default_factory=list)


def build_room(rng: Rng, low: np.ndarray, high: np.ndarray, height: float) -> Room:
    """Walls with what hangs on them; floor and walls are covered by `cover_room` when the furniture is known."""
    w, d = (high - low).tolist()
    corners = np.array([[low[0], high[1]], [high[0], high[1]], [high[0], low[1]], [low[0], low[1]]])
    walls = []
    for i, width in enumerate((w, d, w, d)):
        walls.append(Wall(np.append(corners[i], 0.0), -i * np.pi / 2, width, height))
    room = Room(low, high, height, walls)
    skirting, trim = between(rng, 0.05, 0.14), ("white", "white", "wood", "paint")[rng.integers(4)]
    doors = set(rng.permutation(4)[: int(rng.integers(1, 3))].tolist())
    for i, wall in enumerate(walls):
        decorated = [bevelled((0, -0.016, 0), (wall.width, 0.0, skirting), trim, 0.005)]
        if chance(rng, 0.3):
            decorated.append(box((0, -0.04, height - 0.06), (wall.width, 0, height), trim, taper=0.999))
        decorated += _decorations(rng, wall, i in doors, trim)
        room.patches += [moved(_without_back(patch), wall.origin, wall.yaw_rad) for patch in decorated]
    return room


def _without_back(patch: Patch) -> Patch:
    """The patch without the faces that look into the wall: from outside they would be seen through it."""
    corners = patch.vertices[patch.faces]
    normal = cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    kept = normal[:, 1] <= 0.7 * np.linalg.norm(normal, axis=1)
    return patch._replace(faces=patch.faces[kept], uv=patch.uv[kept])


def _decorations(rng: Rng, wall: Wall, with_door: bool, trim: str) -> list[Patch]:
    """What hangs along one wall: at most one door; windows are alike."""
    parts: list[Patch] = []
    windows = chance(rng, 0.55)
    sill, top = between(rng, 0.5, 1.0), wall.height - between(rng, 0.2, 0.5)
    curtains, heater = chance(rng, 0.55), chance(rng, 0.5)
    x = between(rng, 0.3, 1.2)
    while x < wall.width - 0.7:
        room = wall.width - 0.2 - x
        if with_door and room > 1.1 and chance(rng, 0.5):
            width = between(rng, 0.8, 0.95)
            parts += _door(rng, x, width, min(between(rng, 1.98, 2.15), wall.height - 0.1), trim)
            wall.doors.append((x - 0.1, x + width + 0.1))
            with_door = False
        elif windows and room > 1.0 and chance(rng, 0.6):
            width = min(between(rng, 0.8, 2.2), room - 0.1)
            parts += _window(rng, x, width, sill, top, trim)
            parts += _curtains(rng, x, width, top) if curtains else []
            parts += _heater(x, width, sill) if heater and sill > 0.6 else []
            wall.windows.append((x - 0.3, x + width + 0.3))
        elif chance(rng, 0.7):
            width = min(between(rng, 0.3, 1.0), room)
            parts += _hanging(rng, x, width, wall.height)
        else:
            width = between(rng, 0.3, 1.0)
        x += width + between(rng, 0.3, 1.3)
    return parts


def _frame(x: float, z: float, w: float, h: float, bar: float, deep: float, material: str) -> list[Patch]:
    """Bars around the opening x..x + w, z..z + h, standing out of the wall by `deep`; none under one on the floor."""
    foot = max(z - bar, 0.0)
    bars = [
        bevelled((x - bar, -deep, foot), (x, 0, z + h + bar), material, 0.006),
        bevelled((x + w, -deep, foot), (x + w + bar, 0, z + h + bar), material, 0.006),
        bevelled((x, -deep, z + h), (x + w, 0, z + h + bar), material, 0.006),
    ]
    return [*bars, bevelled((x, -deep, foot), (x + w, 0, z), material, 0.006)] if z > foot else bars


def _window(rng: Rng, x: float, w: float, sill: float, top: float, trim: str) -> list[Patch]:
    h, bar = top - sill, between(rng, 0.05, 0.09)
    trim = "white" if chance(rng, 0.7) else trim
    parts = [*_frame(x, sill, w, h, bar, 0.03, trim), quad((x, -0.004, sill), (w, 0, 0), (0, 0, h), "outlook")]
    for share in np.linspace(0, 1, int(np.ceil(w / 0.8)) + 1)[1:-1]:
        parts.append(box((x + share * w - 0.025, -0.022, sill), (x + share * w + 0.025, 0, top), trim))
    if chance(rng, 0.5):
        z = sill + h * between(rng, 0.6, 0.75)
        parts.append(box((x, -0.02, z - 0.02), (x + w, 0, z + 0.02), trim))
    return [*parts, bevelled((x - 0.1, -0.17, sill - 0.045), (x + w + 0.1, 0, sill - 0.01), trim, 0.008)]


def _curtains(rng: Rng, x: float, w: float, top: float) -> list[Patch]:
    """Two lengths of cloth in folds at the sides of a window, on a rod."""
    top, wide, bottom = top + 0.1, between(rng, 0.25, 0.45), (0.03 if chance(rng, 0.6) else 0.45)
    parts = [tube([(x - 0.35, -0.1, top), (x + w + 0.35, -0.1, top)], 0.014, "metal")]
    for start in (x - 0.3, x + w + 0.3 - wide):
        across = np.linspace(0, 1, 29)
        fold = 0.03 * np.sin(across * 2 * np.pi * max(3, round(wide / 0.09)) + rng.normal())
        rows = []
        for z, gather in ((bottom, 1.0), ((bottom + top) / 2, 0.96), (top, 0.9)):
            xs = start + wide * ((across - 0.5) * gather + 0.5)
            rows.append(np.stack([xs, -0.1 + fold * (1.25 - gather * 0.25), np.full_like(xs, z)], 1))
        points = np.stack(rows)
        parts.append(sheet(points, np.stack([np.tile(across * wide * 1.8, (3, 1)), points[..., 2]], -1), "cloth5"))
    return parts


def _heater(x: float, w: float, sill: float) -> list[Patch]:
    """A ribbed radiator below a window."""
    w, low, high = min(w, 1.4), 0.12, min(sill - 0.1, 0.7)
    parts = [box((x, -0.09, low), (x + w, -0.04, high), "white")]
    for rib in np.arange(x + 0.03, x + w - 0.04, 0.09):
        parts.append(box((rib, -0.105, low + 0.03), (rib + 0.05, -0.09, high - 0.03), "white", taper=0.9))
    return parts


def _door(rng: Rng, x: float, w: float, h: float, trim: str) -> list[Patch]:
    """A casing, a leaf with panels, a handle."""
    leaf = ("paint2", "white", "wood", "wood2")[rng.integers(4)]
    parts = [*_frame(x, 0.0, w, h, 0.08, 0.03, trim)]
    parts.append(quad((x, -0.008, 0), (w, 0, 0), (0, 0, h), leaf, whole=False))
    for z0, z1 in ((0.15, 0.45), (0.52, 0.93)) if chance(rng, 0.6) else ():
        for x0, x1 in ((0.12, 0.46), (0.54, 0.88)) if chance(rng, 0.5) else ((0.14, 0.86),):
            parts.append(bevelled((x + x0 * w, -0.02, z0 * h), (x + x1 * w, -0.005, z1 * h), leaf, 0.012))
    hx = x + (0.92 if chance(rng, 0.5) else 0.08) * w
    return [
        *parts,
        tube([(hx, 0, 1.03), (hx, -0.06, 1.03)], 0.01, "metal", 5),
        box((hx - 0.06, -0.07, 1.02), (hx + 0.06, -0.055, 1.04), "metal"),
    ]


def _hanging(rng: Rng, x: float, w: float, height: float) -> list[Patch]:
    """A picture in a frame, a clock, a board with books, a mirror-like panel, a switch."""
    kind = rng.random()
    if kind < 0.6:
        h = w * between(rng, 0.6, 1.5)
        h = min(h, height - 1.5)
        z, bar = between(rng, 1.2, max(1.25, height - h - 0.3)), between(rng, 0.012, 0.05)
        frame = ("dark", "wood", "white", "metal")[rng.integers(4)]
        name = ("picture", "picture2", "picture3")[rng.integers(3)]
        return [*_frame(x, z, w, h, bar, 0.022, frame), quad((x, -0.008, z), (w, 0, 0), (0, 0, h), name)]
    if kind < 0.7:
        r = between(rng, 0.12, 0.2)
        disc = lathe([(r, 0), (r, 0.03), (r - 0.015, 0.035)], "dark", 20)
        disc += lathe([(r - 0.015, 0.03), (0, 0.03)], "white", 20)
        z = between(rng, 1.7, 2.1)
        up = [
            patch._replace(vertices=patch.vertices[:, [0, 2, 1]] * np.array([1, -1, 1], np.float32)) for patch in disc
        ]
        clock = [moved(patch, (x + r, 0, z)) for patch in up]
        hands = [box((x + r - 0.005, -0.04, z - 0.01), (x + r + 0.005, -0.036, z + r * 0.7), "dark")]
        return [*clock, *hands, box((x + r - 0.01, -0.04, z - 0.005), (x + r + r * 0.45, -0.036, z + 0.005), "dark")]
    if kind < 0.9:
        z = between(rng, 1.3, 1.7)
        parts: list[Patch] = []
        for level in range(int(rng.integers(1, 3))):
            board = z + level * 0.35
            parts.append(bevelled((x, -0.22, board), (x + w, 0, board + 0.025), "wood2", 0.004))
            edge = x + 0.02
            while edge < x + w - 0.12:
                run = between(rng, 0.05, 0.12)
                top = board + between(rng, 0.17, 0.28)
                parts.append(box((edge, -0.18, board + 0.025), (edge + run, -0.02, top), "books"))
                edge += run + (0 if chance(rng, 0.6) else between(rng, 0.05, 0.3))
        return parts
    return [bevelled((x, -0.012, 1.05), (x + 0.085, 0, 1.135), "white", 0.004)]


def ceiling_lamps(rng: Rng, room: Room) -> list[list[Patch]]:
    """Lamps at the ceiling, each as patches in the world: a pendant, discs, or rows of tubes."""
    w, d = (room.high - room.low).tolist()
    kind = rng.random()
    columns, rows = max(1, round(w / 3.5)), max(1, round(d / 3.5))
    lamps = []
    for i in range(min(columns, 4)):
        for j in range(min(rows, 4)):
            at = np.array([room.low[0] + (i + 0.5) * w / columns, room.low[1] + (j + 0.5) * d / rows, room.height])
            if kind < 0.4:
                drop, r = between(rng, 0.3, 0.7), between(rng, 0.14, 0.28)
                lamp = [tube([(0, 0, -drop), (0, 0, 0)], 0.006, "dark", 4)]
                lamp += lathe([(r, -drop - 0.18), (r * 0.9, -drop - 0.1), (r * 0.4, -drop), (0, -drop)], "shade", 16)
            elif kind < 0.7:
                lamp = lathe([(0, -0.09), (0.12, -0.08), (0.17, -0.03), (0.18, 0)], "shade", 16)
            else:
                lamp = [bevelled((-0.6, -0.08, -0.07), (0.6, 0.08, 0), "shade", 0.01)]
            lamps.append([moved(patch, at) for patch in lamp])
    return lamps


def cover_room(rng: Rng, room: Room, solids: np.ndarray, grounded: list[np.ndarray], palette: Palette) -> None:
    """Floor, walls and ceiling, darker in corners and behind and beneath what stands there.

    solids: (N, 5) as in `Stage`. grounded: outlines (4, 2) on the floor of what stands near it, metres.
    """
    w, d = (room.high - room.low).tolist()
    floor, wall_material = palette["floor"], palette["wall"]
    shadow = _floor_shadow(room, grounded)
    palette.put("floor whole", Material(_baked(floor, w, d, shadow, 110.0), 1.0))
    room.patches.append(quad((*room.low, 0.0), (w, 0, 0), (0, d, 0), "floor whole"))
    room.patches.append(quad((room.low[0], room.high[1], room.height), (w, 0, 0), (0, -d, 0), "ceiling", whole=False))
    dado = between(rng, 0.8, 1.3) if chance(rng, 0.2) else 0.0
    paint = random_colour(rng, 0.1)
    accent = int(rng.integers(4)) if chance(rng, 0.25) else -1
    for i, wall in enumerate(room.walls):
        material = palette["wall2"] if i == accent else wall_material
        picture = _baked(material, wall.width, wall.height, _wall_shadow(room, wall, solids), 80.0)
        if dado:
            _paint_below(picture, dado / wall.height, paint)
        palette.put(f"wall whole {i}", Material(picture, 1.0))
        whole = quad((0, 0, 0), (wall.width, 0, 0), (0, 0, wall.height), f"wall whole {i}")
        room.patches.append(moved(whole, wall.origin, wall.yaw_rad))


def _baked(material: Material, w: float, h: float, gain: Field, px_per_m: float) -> Image:
    """A material repeated over w x h metres and multiplied by a coarse gain; row 0 is the far or the upper edge."""
    px_per_m = min(px_per_m, LARGEST_PX / max(w, h))
    columns, rows = max(8, round(w * px_per_m)), max(8, round(h * px_per_m))
    period = max(4, round(material.metres * px_per_m))
    flag = cv2.INTER_AREA if period < material.picture.shape[0] else cv2.INTER_LINEAR
    tile = cv2.resize(material.picture, (period, period), interpolation=flag)
    repeated = np.tile(tile, (-(-rows // period), -(-columns // period), 1))[-rows:, :columns]
    return modulate(np.ascontiguousarray(repeated), cv2.resize(gain, (columns, rows), interpolation=cv2.INTER_LINEAR))


def _grid(w: float, h: float) -> tuple[int, int]:
    return max(4, round(h * COARSE_PX_PER_M)), max(4, round(w * COARSE_PX_PER_M))


def _edges(rows: int, columns: int, w: float, h: float, dim: tuple[float, float, float]) -> Field:
    """Darkness towards the left and right, the lower and the upper edge."""
    x = (np.arange(columns, dtype=np.float32) + 0.5) * np.float32(w / columns)
    y = (np.arange(rows, dtype=np.float32)[::-1] + 0.5) * np.float32(h / rows)
    side = 1 - np.float32(dim[0]) * (np.exp(-x / 0.35) + np.exp((x - np.float32(w)) / 0.35))
    rise = 1 - np.float32(dim[1]) * np.exp(-y / 0.3) - np.float32(dim[2]) * np.exp((y - np.float32(h)) / 0.35)
    return (rise[:, None] * side[None]).astype(np.float32)


def _floor_shadow(room: Room, grounded: list[np.ndarray]) -> Field:
    w, d = (room.high - room.low).tolist()
    rows, columns = _grid(w, d)
    dark = np.zeros((rows, columns), np.float32)
    scale = np.array([columns / w, rows / d])
    for outline in grounded:
        xy = (outline - room.low) * scale
        xy[:, 1] = rows - xy[:, 1]
        cv2.fillConvexPoly(dark, np.round((xy - 0.5) * 16).astype(np.int32), 1.0, cv2.LINE_8, 4)
    soft = 0.4 * cv2.GaussianBlur(dark, (0, 0), 2.5) + 0.25 * cv2.GaussianBlur(dark, (0, 0), 0.8)
    return _edges(rows, columns, w, d, (0.2, 0.2, 0.2)) * (1 - soft)


def _wall_shadow(room: Room, wall: Wall, solids: np.ndarray) -> Field:
    rows, columns = _grid(wall.width, wall.height)
    dark = np.zeros((rows, columns), np.float32)
    c, s = np.cos(wall.yaw_rad), np.sin(wall.yaw_rad)
    for x0, y0, x1, y1, top in solids:
        corners = np.array([[x0, y0], [x1, y0], [x0, y1], [x1, y1]]) - wall.origin[:2]
        along, depth = corners @ np.array([c, s]), corners @ np.array([s, -c])
        if depth.min() < 0.4:
            left, right = along.min() / wall.width * columns, along.max() / wall.width * columns
            upper = rows * (1 - top / wall.height)
            area = (slice(max(0, int(upper)), rows), slice(max(0, int(left)), max(0, int(right) + 1)))
            dark[area] = np.maximum(dark[area], np.float32(np.exp(-depth.min() / 0.2)))
    soft = 0.45 * cv2.GaussianBlur(dark, (0, 0), 1.6)
    return _edges(rows, columns, wall.width, wall.height, (0.14, 0.12, 0.18)) * (1 - soft)


def _paint_below(picture: Image, share: float, colour: tuple[int, int, int]) -> None:
    """Another paint on the lower part of a wall, with a line above it; light and dirt stay."""
    rows = picture.shape[0]
    edge = round(rows * (1 - share))
    lower = picture[edge:].astype(np.float32)
    grey = lower.mean(2, keepdims=True) / max(float(lower.mean()), 1.0)
    picture[edge:] = np.clip(grey * np.asarray(colour, np.float32), 0, 255).astype(np.uint8)
    picture[edge : edge + 2] = shade(colour, 0.6)
