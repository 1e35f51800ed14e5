"""Whole scenes: rooms, halls, streets, open country, studios, and pictures of nothing in particular.

Each scene is `scene(rng, size) -> (H, W, 3) uint8`, without the finish of a photograph (see `backgrounds`).
"""

from __future__ import annotations

import cv2
import numpy as np

from humansense.synth import surfaces
from humansense.synth.clutter import dead_leaves, lines_on_floor, tree
from humansense.synth.furnish import Wall, decorate, facade, furnish, rug
from humansense.synth.noise import (
    Field,
    Image,
    Rng,
    between,
    blend,
    chance,
    colourise,
    fractal,
    hsv,
    modulate,
    random_colour,
    shade,
)
from humansense.synth.rooms import Box, Hits, View, cast, cover, fill, light, random_view
from humansense.synth.surfaces import Material
from humansense.synth.things import car, crowd, railing


def _pick(rng: Rng, makers: tuple[surfaces.MaterialMaker, ...]) -> Material:
    return makers[rng.integers(len(makers))](rng)


def sky(rng: Rng, size: tuple[int, int]) -> Image:
    """Blue with clouds, overcast, dusk, or burnt out to white; brighter towards the horizon below."""
    height, width = size
    kind = rng.random()
    if kind < 0.45:
        top, cloud = hsv(between(rng, 0.55, 0.62), between(rng, 0.3, 0.8), between(rng, 0.5, 0.95)), hsv(0.1, 0.02, 1.0)
    elif kind < 0.75:
        top, cloud = hsv(0.6, between(rng, 0, 0.1), between(rng, 0.6, 0.9)), hsv(0.1, 0.02, between(rng, 0.85, 1.0))
    elif kind < 0.87:
        top, cloud = hsv(0.62, 0.5, between(rng, 0.05, 0.4)), hsv(between(rng, 0.0, 0.12), 0.6, between(rng, 0.3, 1.0))
    else:
        return np.full((height, width, 3), hsv(0.1, between(rng, 0, 0.05), between(rng, 0.93, 1.0)), np.uint8)
    down = np.linspace(-1.4, between(rng, 0.2, 1.2), height, dtype=np.float32)[:, None]
    clouds = fractal(rng, size, between(rng, 0.45, 0.65), between(rng, 1, 4), between(rng, 1, 3))
    return colourise(down + clouds * np.float32(between(rng, 0.05, 0.9)), [top, top, cloud])


def _room_box(rng: Rng, low: float, high: float) -> Box:
    eye = between(rng, 0.7, 1.8)
    width, depth = between(rng, low, high), between(rng, low, high)
    tall = max(between(rng, 2.3, 3.2), 0.35 * min(width, depth) * between(rng, 0.7, 1.3), eye + 0.5)
    left = between(rng, 0.15, 0.85) * width
    back = between(rng, 0.3, 2.0)
    return Box(np.array([-left, -back, -eye]), np.array([width - left, depth, tall - eye]))


def _cover_walls(rng: Rng, image: Image, hits: Hits, makers: tuple[surfaces.MaterialMaker, ...], same: float) -> None:
    wall = _pick(rng, makers)
    for face in (0, 1, 2, 3):
        own = wall if chance(rng, same) else _pick(rng, makers)
        cover(image, hits, face, own.picture, own.metres)


def _visible_walls(hits: Hits) -> list[tuple[int, int]]:
    present = np.bincount(hits.face.ravel(), minlength=6)
    return [(face // 2, face % 2) for face in range(4) if present[face] > 30]


def _lit(rng: Rng, image: Image, hits: Hits, box: Box, strength: float) -> Image:
    return modulate(image, light(rng, hits, box, strength))


def _railings(rng: Rng, image: Image, view: View, box: Box, probability: float) -> None:
    if not chance(rng, probability):
        return
    floor, far = float(box.low[2]), min(float(box.high[1]), 20.0)
    left, right = max(float(box.low[0]), -15.0), min(float(box.high[0]), 15.0)
    for _ in range(int(rng.integers(1, 3))):
        y = between(rng, 0.3, 1.0) * far
        start = np.array([between(rng, left, right), y, floor])
        end = np.array([between(rng, left, right), y + rng.normal(0, 0.1 * far), floor])
        railing(rng, image, view, start, end)


def room(rng: Rng, size: tuple[int, int]) -> Image:
    """A furnished room of a house, an office, a shop."""
    view, box = random_view(rng, size), _room_box(rng, 2.5, 8)
    hits = cast(view, box)
    image = np.zeros((*size, 3), np.uint8)
    _cover_walls(rng, image, hits, surfaces.WALLS, 0.8)
    for face, makers in ((4, surfaces.FLOORS), (5, surfaces.CEILINGS)):
        chosen = _pick(rng, makers)
        cover(image, hits, face, chosen.picture, chosen.metres)
    density = between(rng, 0.4, 1.0)
    for axis, side in _visible_walls(hits):
        decorate(rng, Wall(image, view, box, axis, side), density)
    if chance(rng, 0.4):
        rug(rng, image, view, box)
    image = _lit(rng, image, hits, box, between(rng, 0.5, 1.3))
    furnish(rng, image, view, box, int(rng.integers(1, 12)))
    return image


def hall(rng: Rng, size: tuple[int, int]) -> Image:
    """A gymnasium, a factory, a station: large, with lines and mats on the floor, bars and banners on the walls."""
    view, box = random_view(rng, size, 45, 10), _room_box(rng, 9, 28)
    hits = cast(view, box)
    image = np.zeros((*size, 3), np.uint8)
    _cover_walls(rng, image, hits, (surfaces.plaster, surfaces.panels, surfaces.bricks, surfaces.planks), 0.8)
    floors = (surfaces.planks, surfaces.carpet, surfaces.plaster, surfaces.ground, surfaces.tiles)
    for face, makers in ((4, floors), (5, (surfaces.panels, surfaces.plaster, surfaces.tiles))):
        chosen = _pick(rng, makers)
        cover(image, hits, face, chosen.picture, chosen.metres)
    for axis, side in _visible_walls(hits):
        wall = Wall(image, view, box, axis, side)
        if chance(rng, 0.25):
            facade(rng, wall)
        else:
            decorate(rng, wall, between(rng, 0.2, 0.8))
    lines_on_floor(rng, image, view, box)
    image = _lit(rng, image, hits, box, between(rng, 0.4, 1.0))
    if chance(rng, 0.3):
        crowd(rng, image)
    _railings(rng, image, view, box, 0.4)
    furnish(rng, image, view, box, int(rng.integers(2, 14)))
    return image


def wall_close(rng: Rng, size: tuple[int, int]) -> Image:
    """One wall behind, the floor before it: the street portrait, the climbing wall, the fence."""
    view = random_view(rng, size, 25, 10)
    eye = between(rng, 0.8, 1.8)
    box = Box(np.array([-60, -5, -eye]), np.array([60, between(rng, 1.5, 8), between(rng, 8, 20)]))
    hits = cast(view, box)
    image = np.zeros((*size, 3), np.uint8)
    for face, makers in ((3, surfaces.OUTER_WALLS), (4, surfaces.GROUNDS)):
        chosen = _pick(rng, makers)
        cover(image, hits, face, chosen.picture, chosen.metres)
    wall = Wall(image, view, box, 1, 1)
    wall.low, wall.high = -12.0, 12.0
    if chance(rng, 0.6):
        decorate(rng, wall, between(rng, 0.3, 0.9))
    image = _lit(rng, image, hits, box, between(rng, 0.1, 0.6))
    near = Box(np.array([-5.0, -1, -eye]), np.array([5.0, float(box.high[1]), 2.0]))
    _railings(rng, image, view, near, 0.2)
    furnish(rng, image, view, near, int(rng.integers(0, 4)))
    return image


def street(rng: Rng, size: tuple[int, int]) -> Image:
    """Houses on both sides, sky between them, kerbs, cars, poles and trees."""
    view = random_view(rng, size, 50, 8)
    eye, half = between(rng, 1.0, 1.8), between(rng, 5, 14)
    shift = between(rng, -0.7, 0.7) * half
    box = Box(np.array([shift - half, -10, -eye]), np.array([shift + half, between(rng, 12, 80), between(rng, 6, 25)]))
    hits = cast(view, box)
    image = np.zeros((*size, 3), np.uint8)
    _cover_walls(rng, image, hits, (surfaces.bricks, surfaces.plaster, surfaces.stones, surfaces.plaster), 0.3)
    road, paving = _pick(rng, (surfaces.ground, surfaces.stones)), _pick(rng, surfaces.GROUNDS)
    cover(image, hits, 4, paving.picture, paving.metres)
    kerb = between(rng, 0.3, 0.7) * half
    below = hits.face == 4
    carriage = below & (np.abs(hits.points[0] - np.float32(shift)) < kerb)
    surface = image.copy()
    cover(surface, hits, 4, road.picture, road.metres)
    cv2.copyTo(surface, carriage.astype(np.uint8), image)
    for axis, side in _visible_walls(hits):
        if axis == 0 or chance(rng, 0.6):
            facade(rng, Wall(image, view, box, axis, side))
    if chance(rng, 0.5):
        lines_on_floor(rng, image, view, box)
    cv2.copyTo(sky(rng, size), (hits.face == 5).astype(np.uint8), image)
    haze = np.clip(hits.depth / np.float32(between(rng, 60, 400)), 0, 0.7)
    image = blend(image, np.full_like(image, hsv(0.58, 0.08, 0.85)), haze * (hits.face != 5))
    sunny = hits.points[0] * np.float32(rng.normal(0, 1)) + hits.points[1] * np.float32(0.3)
    if chance(rng, 0.4):
        image = modulate(image, np.where(sunny > between(rng, -2, 4), np.float32(0.6), np.float32(1.1)))
    for y in sorted((between(rng, 4, 30) for _ in range(int(rng.integers(0, 5)))), reverse=True):
        kerbside = kerb if chance(rng, 0.5) else -kerb
        car(rng, image, view, np.array([shift + kerbside + rng.normal(0, 1), y, -eye]))
    _railings(rng, image, view, box, 0.25)
    furnish(rng, image, view, box, int(rng.integers(0, 6)))
    for _ in range(int(rng.integers(0, 3))):
        tree(rng, image, view, np.array([between(rng, box.low[0], box.high[0]), between(rng, 5, 25), -eye]))
    return image


def country(rng: Rng, size: tuple[int, int]) -> Image:
    """Open ground to the horizon: meadow, beach, track, park, with hills, a line of trees, single trees."""
    view = random_view(rng, size, 30, 8)
    eye = between(rng, 0.8, 1.9)
    box = Box(np.array([-400, -5, -eye]), np.array([400, 400, 300]))
    hits = cast(view, box)
    image = sky(rng, size)
    chosen = _pick(rng, surfaces.GROUNDS)
    ground = image.copy()
    cover(ground, hits, 4, chosen.picture, chosen.metres)
    below = hits.points[2] < -eye + 1e-3
    cv2.copyTo(ground, below.astype(np.uint8), image)
    if chance(rng, 0.5):
        lines_on_floor(rng, image, view, box)
    rise = hits.points[2] / np.maximum(hits.depth, 1)
    for _ in range(int(rng.integers(0, 4))):
        image = _treeline(rng, image, rise, size)
    if chance(rng, 0.25):
        _skyline(rng, image, view, eye)
    if chance(rng, 0.25):
        crowd(rng, image)
    patches = fractal(rng, size, 0.5, 2, 3)
    image = modulate(
        image, np.where(below, 1 + np.clip(patches, -2, 2) * np.float32(between(rng, 0, 0.15)), np.float32(1))
    )
    near = Box(np.array([-12.0, -5, -eye]), np.array([12.0, 30, 3 - eye]))
    _railings(rng, image, view, near, 0.3)
    furnish(rng, image, view, near, int(rng.integers(0, 5)))
    for y in sorted((between(rng, 3, 40) for _ in range(int(rng.integers(0, 5)))), reverse=True):
        tree(rng, image, view, np.array([between(rng, -0.7, 0.7) * y, y, -eye]))
    return image


def _treeline(rng: Rng, image: Image, rise: Field, size: tuple[int, int]) -> Image:
    """Bushes, woods or hills along the horizon: a ragged edge with a texture below it."""
    high = between(rng, 0.01, 0.3)
    # Mostly a line over x, so that nothing floats; a little over both, for the ragged edge of leaves.
    line = fractal(rng, (8, size[1]), between(rng, 0.4, 0.8), between(rng, 0.1, 0.5))[4]
    ragged = (line + fractal(rng, size, 0.9, 12) * np.float32(0.35)) * np.float32(high * between(rng, 0.1, 0.4))
    mask = ((rise < np.float32(high) + ragged) & (rise > np.float32(-0.015))).astype(np.float32)
    hue, value = between(rng, 0.15, 0.4), between(rng, 0.15, 0.7)
    if chance(rng, 0.2):
        hue = between(rng, 0.02, 0.65)
    colours = [hsv(hue, 0.5, value * 0.2), hsv(hue, between(rng, 0.2, 0.7), value)]
    texture = colourise(fractal(rng, size, between(rng, 0.7, 1.1), 6), colours, 2.0)
    return blend(image, texture, cv2.blur(mask, (3, 3)))


def _skyline(rng: Rng, image: Image, view: View, eye: float) -> None:
    for y in sorted((between(rng, 30, 150) for _ in range(int(rng.integers(2, 9)))), reverse=True):
        x, w, h = between(rng, -0.8, 0.8) * y, between(rng, 6, 25), between(rng, 4, 25)
        points = np.array([[x, y, -eye], [x + w, y, -eye], [x + w, y, h], [x, y, h]])
        colour = random_colour(rng, 0.05)
        fill(image, view.project(points), colour)
        box = Box(np.array([x, -1, -eye]), np.array([x + w, y, h]))
        if chance(rng, 0.7):
            facade(rng, Wall(image, view, box, 1, 1))


def studio(rng: Rng, size: tuple[int, int]) -> Image:
    """A photographer's backdrop: one colour, softly lit, sometimes with a floor line or a sweep."""
    height, width = size
    kind = rng.random()
    if kind < 0.4:
        colour = hsv(between(rng, 0, 1), between(rng, 0, 0.05), between(rng, 0.85, 1.0))
    elif kind < 0.7:
        colour = hsv(between(rng, 0, 1), between(rng, 0, 0.08), between(rng, 0.1, 0.85))
    else:
        colour = random_colour(rng, 0.4)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / np.float32(max(size))
    cx, cy = between(rng, 0, 1) * width / max(size), between(rng, 0, 1) * height / max(size)
    square = (x - np.float32(cx)) ** 2 + (y - np.float32(cy)) ** 2
    gain = 1 - np.float32(between(rng, 0, 0.5)) * square + np.float32(rng.normal(0, 0.15)) * (y - np.float32(cy))
    image = np.full((height, width, 3), colour, np.uint8)
    if chance(rng, 0.5):
        floor_y = between(rng, 0.55, 0.95) * height / max(size)
        soft = np.float32(between(rng, 0.003, 0.15))
        below = 1 / (1 + np.exp(np.clip((np.float32(floor_y) - y) / soft, -30, 30)))
        floor = shade(colour, between(rng, 0.75, 1.15)) if chance(rng, 0.7) else random_colour(rng)
        image = blend(image, np.full_like(image, floor), below)
    if chance(rng, 0.3):
        gain = gain + np.clip(fractal(rng, size, 0.5, 2), -2, 2) * np.float32(between(rng, 0.005, 0.08))
    return modulate(image, gain)


def thicket(rng: Rng, size: tuple[int, int]) -> Image:
    """Foliage, ivy, a hedge or heaps of things filling the picture, with branches."""
    chosen = surfaces.foliage(rng) if chance(rng, 0.6) else _pick(rng, (surfaces.stones, surfaces.grass))
    factor = between(rng, 0.6, 2.0) * max(size) / 320
    side = max(16, round(256 * factor))
    big = cv2.resize(chosen.picture, (side, side), interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
    repeats = (-(-size[0] // side), -(-size[1] // side), 1)
    image = np.ascontiguousarray(np.tile(big, repeats)[: size[0], : size[1]])
    image = modulate(image, 1 + np.clip(fractal(rng, size, 0.6, 2), -2, 2) * np.float32(between(rng, 0.1, 0.4)))
    for _ in range(int(rng.integers(0, 4))):
        x = between(rng, 0, size[1])
        points = np.array([[x + rng.normal(0, 6), f * size[0]] for f in np.linspace(-0.1, 1.1, 5)])
        colour = hsv(0.08, 0.4, between(rng, 0.1, 0.5))
        cv2.polylines(image, [points.astype(np.int32)], False, colour, int(rng.integers(1, 12)), cv2.LINE_AA)
    return image


def clouds_of_colour(rng: Rng, size: tuple[int, int]) -> Image:
    """A coloured fractal, sometimes warped by another: water, fog, painted backdrops, blurred crowds."""
    colours = [random_colour(rng, 0.3) for _ in range(int(rng.integers(2, 6)))]
    field = fractal(rng, size, between(rng, 0.45, 0.95), between(rng, 1, 6), between(rng, 0.5, 3))
    if chance(rng, 0.4):
        push = np.float32(between(rng, 0.03, 0.2) * min(size))
        grid_y, grid_x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
        shift = fractal(rng, size, 0.5, 3) * push
        field = cv2.remap(field, grid_x + shift, grid_y - shift, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return colourise(field, colours)


def heap(rng: Rng, size: tuple[int, int]) -> Image:
    """Shapes of all sizes over each other: the dead-leaves picture, which has the statistics of photographs."""
    image = clouds_of_colour(rng, size)
    dead_leaves(rng, image, int(rng.integers(60, 260)))
    return image
