"""Tileable pictures of surfaces: what floors, walls and grounds of procedural scenes are covered with.

Each material is `material(rng, size) -> Material`: a square (size, size, 3) uint8 picture that repeats without
a seam, and the length in metres that one repeat covers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np

from humansense.synth.noise import (
    Colour,
    Field,
    Image,
    Rng,
    between,
    blend,
    chance,
    colourise,
    hsv,
    jitter,
    modulate,
    random_colour,
    shade,
    tileable,
)


class Material(NamedTuple):
    """A tileable picture and its extent."""

    picture: Image
    metres: float


def _lookup(labels: np.ndarray, colours: np.ndarray) -> Image:
    """Colour of each label; `labels` (H, W) int, `colours` (N, 3)."""
    return np.ascontiguousarray(colours.astype(np.uint8)[labels])


def _jittered(rng: Rng, colour: Colour, count: int, amount: float) -> np.ndarray:
    """`count` variations of a colour, (count, 3) uint8."""
    step = rng.normal(0, amount, (count, 1)) + rng.normal(0, amount / 4, (count, 3))
    return np.clip(np.asarray(colour) + step, 0, 255).astype(np.uint8)


def _flat(colour: Colour, size: int) -> Image:
    return np.full((size, size, 3), colour, np.uint8)


def _weather(rng: Rng, picture: Image, strength: float) -> Image:
    """Stains and unevenness: a fractal gain around 1."""
    field = tileable(rng, picture.shape[0], between(rng, 0.55, 0.9), 2)
    return modulate(picture, 1 + np.clip(field, -2.5, 2.5) * np.float32(strength))


def plaster(rng: Rng, size: int = 256) -> Material:
    """A painted wall, clean or stained."""
    colour = (
        random_colour(rng, 0.15)
        if chance(rng, 0.5)
        else hsv(between(rng, 0.0, 0.2), between(rng, 0, 0.2), between(rng, 0.6, 1.0))
    )
    return Material(_weather(rng, _flat(colour, size), between(rng, 0.005, 0.06)), between(rng, 1.5, 4))


def ground(rng: Rng, size: int = 256) -> Material:
    """Concrete, asphalt, sand, soil or snow: fine grain with coarse stains."""
    palettes = [
        [(70, 70, 72), (120, 118, 115)],
        [(150, 148, 142), (190, 186, 180)],
        [(35, 36, 40), (80, 80, 82)],
        [(170, 145, 105), (215, 195, 155)],
        [(85, 62, 42), (140, 110, 78)],
        [(205, 212, 222), (250, 250, 252)],
        [(140, 60, 45), (185, 90, 65)],
    ]
    low, high = palettes[rng.integers(len(palettes))]
    field = tileable(rng, size, between(rng, 0.85, 1.1), 2)
    picture = colourise(field, [jitter(rng, low, 10), jitter(rng, high, 10)], 2.2)
    return Material(picture, between(rng, 1.0, 4.0))


def tiles(rng: Rng, size: int = 256) -> Material:
    """Square or oblong tiles with joints; sometimes a checkerboard."""
    rows, columns = int(rng.integers(2, 9)), int(rng.integers(2, 9))
    columns = rows if chance(rng, 0.6) else columns
    base = random_colour(rng, 0.08)
    colours = _jittered(rng, base, rows * columns, between(rng, 1, 14))
    if chance(rng, 0.25):
        other = random_colour(rng, 0.15)
        odd = (np.add.outer(np.arange(rows), np.arange(columns)) % 2 == 1).ravel()
        colours[odd] = _jittered(rng, other, int(odd.sum()), 5)
    picture = cv2.resize(colours.reshape(rows, columns, 3), (size, size), interpolation=cv2.INTER_NEAREST)
    picture = _weather(rng, picture, between(rng, 0.01, 0.08))
    joint = shade(base, between(rng, 0.5, 1.3))
    width = int(rng.integers(1, 4))
    for i in range(rows):
        y = round(i * size / rows)
        picture[y : y + width] = joint
    for i in range(columns):
        x = round(i * size / columns)
        picture[:, x : x + width] = joint
    return Material(picture, max(rows, columns) * between(rng, 0.15, 0.6))


def _courses(rng: Rng, size: int, rows: int, per_row: int, base: Colour, spread: float, joint: int) -> Image:
    """Rows of oblong pieces, each row shifted: bricks, planks, paving. Joints are darker or lighter."""
    picture = np.empty((size, size, 3), np.uint8)
    line = shade(base, between(rng, 0.35, 0.75) if chance(rng, 0.6) else between(rng, 1.2, 1.6))
    edges = np.round(np.linspace(0, size, rows + 1)).astype(int)
    regular = chance(rng, 0.5)
    for row in range(rows):
        shift = (row % 2) * size // (2 * per_row) if regular else int(rng.integers(size))
        pieces = _jittered(rng, base, per_row, spread)[None]
        course = cv2.resize(pieces, (size, 1), interpolation=cv2.INTER_NEAREST)
        for piece in range(per_row):
            x = round(piece * size / per_row)
            course[0, x : x + joint] = line
        picture[edges[row] : edges[row + 1]] = np.roll(course, shift, axis=1)
        picture[edges[row] : edges[row] + joint] = line
    return picture


def bricks(rng: Rng, size: int = 256) -> Material:
    """Brickwork or blockwork, sometimes painted over."""
    base = [(150, 75, 55), (165, 110, 80), (120, 60, 50), (195, 180, 160), (140, 140, 138), (215, 210, 200)]
    rows = int(rng.integers(8, 20))
    colour = jitter(rng, base[rng.integers(len(base))], 12)
    picture = _courses(rng, size, rows, max(2, rows // 3), colour, between(rng, 3, 20), int(rng.integers(1, 4)))
    return Material(_weather(rng, picture, between(rng, 0.03, 0.12)), rows * between(rng, 0.07, 0.2))


def planks(rng: Rng, size: int = 256) -> Material:
    """Boards of wood with grain along x."""
    woods = [(165, 120, 75), (120, 80, 50), (200, 165, 115), (85, 58, 40), (150, 140, 128), (225, 205, 170)]
    colour = jitter(rng, woods[rng.integers(len(woods))], 12)
    rows = int(rng.integers(3, 16))
    picture = _courses(rng, size, rows, int(rng.integers(1, 4)), colour, between(rng, 3, 16), int(rng.integers(1, 3)))
    field = tileable(rng, size, 0.85, 16, 8)
    picture = modulate(picture, 1 + np.clip(field, -2, 2) * np.float32(between(rng, 0.02, 0.1)))
    if chance(rng, 0.4):
        picture = np.ascontiguousarray(picture.transpose(1, 0, 2))
    return Material(picture, rows * between(rng, 0.07, 0.2))


def carpet(rng: Rng, size: int = 256) -> Material:
    """A carpet or curtain cloth: fine grain, plain or with stripes."""
    colour = random_colour(rng, 0.3)
    picture = _flat(colour, size)
    if chance(rng, 0.4):
        count = int(rng.integers(2, 24))
        bands = _jittered(rng, random_colour(rng, 0.4), count, 40)[None]
        bands[:, ::2] = colour
        picture = np.repeat(cv2.resize(bands, (size, 1), interpolation=cv2.INTER_NEAREST), size, axis=0)
    field = tileable(rng, size, 1.3, 4)
    return Material(modulate(picture, 1 + field * np.float32(between(rng, 0.03, 0.12))), between(rng, 0.5, 3))


def _voronoi(rng: Rng, size: int, count: int) -> tuple[np.ndarray, Field, int]:
    """Cells of random seeds on the torus: labels (size, size), distance to the own seed, number of labels."""
    seeds = np.full((size, size), 255, np.uint8)
    seeds[rng.integers(0, size, count), rng.integers(0, size, count)] = 0
    margin = size // 4
    padded = cv2.copyMakeBorder(seeds, margin, margin, margin, margin, cv2.BORDER_WRAP)
    distance, labels = cv2.distanceTransformWithLabels(padded, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)
    # A seed and its copies beyond the border have different labels: name each by the seed it is a copy of.
    ys, xs = np.nonzero(padded == 0)
    original = ((ys - margin) % size) * size + (xs - margin) % size
    names, inverse = np.unique(original, return_inverse=True)
    table = np.zeros(int(labels.max()) + 1, np.int64)
    table[labels[ys, xs]] = inverse
    window = slice(margin, margin + size)
    return table[labels[window, window]], distance[window, window], len(names)


def stones(rng: Rng, size: int = 256) -> Material:
    """Cobbles, rubble walls, crazy paving, gravel."""
    base = [(120, 115, 108), (160, 150, 135), (90, 90, 95), (175, 160, 130), (130, 100, 80)]
    colour = jitter(rng, base[rng.integers(len(base))], 12)
    count = int(rng.integers(30, 400))
    labels, distance, names = _voronoi(rng, size, count)
    picture = _lookup(labels, _jittered(rng, colour, names, between(rng, 5, 25)))
    radius = size / np.sqrt(count)
    gap = np.float32(between(rng, 0.1, 0.8))
    gain = np.clip(1.15 - gap * (distance / np.float32(radius)) ** 2, between(rng, 0.35, 0.75), 1.15)
    picture = modulate(picture, gain.astype(np.float32))
    return Material(_weather(rng, picture, 0.08), np.sqrt(count) * between(rng, 0.05, 0.3))


def grass(rng: Rng, size: int = 256) -> Material:
    """Lawn, meadow, dry grass, leaves on the ground."""
    dark = hsv(between(rng, 0.14, 0.34), between(rng, 0.3, 0.8), between(rng, 0.1, 0.35))
    light = hsv(between(rng, 0.12, 0.3), between(rng, 0.25, 0.75), between(rng, 0.45, 0.85))
    picture = colourise(tileable(rng, size, between(rng, 1.0, 1.3), 4), [dark, light], 2.0)
    patches = tileable(rng, size, 0.6, 2)
    dry = _flat(hsv(between(rng, 0.09, 0.15), 0.45, between(rng, 0.4, 0.75)), size)
    picture = blend(picture, dry, np.clip(patches * 0.3 - np.float32(between(rng, 0, 0.5)), 0, 0.7).astype(np.float32))
    return Material(picture, between(rng, 1.0, 5.0))


def foliage(rng: Rng, size: int = 256) -> Material:
    """A hedge, ivy, bushes: many leaves over each other, lighter on top."""
    hue, saturation = between(rng, 0.14, 0.36), between(rng, 0.25, 0.8)
    picture = colourise(tileable(rng, size, 0.9, 4), [hsv(hue, saturation, 0.05), hsv(hue, saturation, 0.35)])
    count = int(rng.integers(150, 350))
    sizes = np.exp(rng.uniform(np.log(2), np.log(12), count))
    centres, angles = rng.integers(0, size, (count, 2)), rng.uniform(0, 180, count)
    values = np.sort(rng.uniform(0.08, 0.8, count)) * rng.uniform(0.6, 1.1, count)
    hues = hue + rng.normal(0, 0.025, count)
    for centre, length, angle, value, tone in zip(centres, sizes, angles, values, hues, strict=True):
        axes = (int(length) + 1, int(length * 0.4) + 1)
        colour = hsv(tone, saturation, float(value))
        cv2.ellipse(picture, (int(centre[0]), int(centre[1])), axes, angle, 0, 360, colour, -1, cv2.LINE_AA)
    return Material(picture, between(rng, 0.8, 3.0))


def panels(rng: Rng, size: int = 256) -> Material:
    """Corrugated sheet, curtains, wall bars, shutters: shading that changes along x only."""
    colour = random_colour(rng, 0.3)
    count = int(rng.integers(4, 40))
    phase = np.arange(size, dtype=np.float32) / size
    wave = np.sin(phase * np.float32(2 * np.pi * count))
    if chance(rng, 0.5):
        wave = np.where((phase * count) % 1 < between(rng, 0.06, 0.3), -1.0, 0.3).astype(np.float32)
    elif chance(rng, 0.5):
        wave = np.sin(phase * np.float32(2 * np.pi * count) + 2 * np.sin(phase * np.float32(2 * np.pi * 3)))
    gain = np.repeat(1 + np.float32(between(rng, 0.08, 0.35)) * wave[None], size, axis=0)
    picture = modulate(_flat(colour, size), np.ascontiguousarray(gain))
    if chance(rng, 0.35):
        picture = np.ascontiguousarray(picture.transpose(1, 0, 2))
    return Material(_weather(rng, picture, between(rng, 0.01, 0.06)), count * between(rng, 0.05, 0.25))


def marble(rng: Rng, size: int = 256) -> Material:
    """Polished stone, peeling paint, clouds of colour: veins of a warped field."""
    colours = [random_colour(rng, 0.15) for _ in range(3)]
    field = tileable(rng, size, 0.65, 3)
    return Material(colourise(np.sin(field * np.float32(between(rng, 1.5, 5))), colours, 1.0), between(rng, 1, 4))


MaterialMaker = Callable[..., Material]
FLOORS: tuple[MaterialMaker, ...] = (tiles, tiles, planks, planks, planks, carpet, carpet, ground, plaster, marble)
WALLS: tuple[MaterialMaker, ...] = (*(plaster,) * 8, bricks, bricks, panels, panels, planks, tiles, marble, carpet)
CEILINGS: tuple[MaterialMaker, ...] = (plaster, plaster, plaster, planks, tiles, panels)
GROUNDS: tuple[MaterialMaker, ...] = (*(ground,) * 5, *(grass,) * 4, stones, bricks, tiles)
OUTER_WALLS: tuple[MaterialMaker, ...] = (bricks, bricks, stones, plaster, foliage, panels, planks, ground)
