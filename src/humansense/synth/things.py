"""Things with a shape of their own that stand about in photographs of people: cars, railings, crowds, bars, nets."""

from __future__ import annotations

import cv2
import numpy as np

from humansense.synth.clutter import skin_like
from humansense.synth.furnish import solid
from humansense.synth.noise import Colour, Image, Rng, between, chance, hsv, random_colour, shade
from humansense.synth.rooms import View, fill


def _upright(image: Image, view: View, foot: np.ndarray, height: float, thick: float, colour: Colour) -> None:
    """A vertical bar from a point on the floor, lit from one side."""
    half = np.array([thick / 2, thick / 2, 0.0])
    solid(image, view, foot - half, foot + half + np.array([0.0, 0.0, height]), [colour] * 3)


def car(rng: Rng, image: Image, view: View, place: np.ndarray) -> None:
    """A car, van or lorry: a body, a cabin of glass, dark wheels. `place`: the middle of its floor."""
    along = int(rng.integers(2))
    long, wide = between(rng, 3.6, 5.2), between(rng, 1.6, 2.0)
    size = np.array([wide, long, 0.0]) if along else np.array([long, wide, 0.0])
    paint = random_colour(rng, 0.3)
    tones = [shade(paint, between(rng, 0.5, 0.9)), shade(paint, between(rng, 0.6, 1.0)), shade(paint, 1.25)]
    glass = [hsv(0.58, 0.2, between(rng, 0.08, 0.4))] * 2 + [tones[2]]
    low, high = place - size / 2, place + size / 2
    up = np.array([0, 0, 1.0])
    dark = [(22, 22, 24)] * 3
    solid(image, view, low + 0.02 * size, high - 0.02 * size + 0.35 * up, dark)
    solid(image, view, low + 0.3 * up, high + between(rng, 0.75, 0.95) * up, tones)
    van = chance(rng, 0.3)
    taper = 0.02 if van else 0.2
    top = between(rng, 1.7, 2.4) if van else between(rng, 1.35, 1.6)
    cabin_low, cabin_high = low + taper * size + 0.85 * up, high - taper * size + top * up
    solid(image, view, cabin_low, cabin_high, glass)
    if van:
        solid(image, view, cabin_low + 0.5 * up, cabin_high, tones)


def railing(rng: Rng, image: Image, view: View, start: np.ndarray, end: np.ndarray) -> None:
    """Posts and rails between two points of the floor: fence, balustrade, wall bars, goal."""
    colour = random_colour(rng, 0.3)
    height = between(rng, 0.8, 2.4)
    gap, thick = between(rng, 0.12, 2.0), between(rng, 0.02, 0.1)
    length = float(np.linalg.norm(end - start))
    count = min(40, int(length / gap) + 1)
    for i in range(count + 1):
        _upright(image, view, start + (end - start) * i / max(count, 1), height, thick, colour)
    up = np.array([0, 0, 1.0])
    for level in np.linspace(between(rng, 0.1, 0.9), 1, int(rng.integers(1, 5))):
        a, b = start + up * height * level, end + up * height * level
        fill(image, view.project(np.array([a, b, b + up * thick, a + up * thick])), shade(colour, 1.1))


def crowd(rng: Rng, image: Image) -> None:
    """Rows of far spectators, small and out of focus: coloured trunks with heads on them."""
    height, width = image.shape[:2]
    head = max(1.5, between(rng, 0.006, 0.02) * height)
    top, rows = between(rng, 0.05, 0.6) * height, int(rng.integers(1, 5))
    left, right = sorted((between(rng, -0.2, 1.2) * width, between(rng, -0.2, 1.2) * width))
    depth = int(min(height, top + (rows + 2) * head * 3))
    y0, x0, x1 = max(0, int(top - 2 * head)), max(0, int(left)), min(width, int(right))
    if depth - y0 < 4 or x1 - x0 < 4:
        return
    layer = np.ascontiguousarray(image[y0:depth, x0:x1])
    for row in range(rows):
        y = top - y0 + row * head * between(rng, 2.2, 3.2)
        count = min(60, int((x1 - x0) / (head * between(rng, 2.0, 5.0))) + 1)
        for x in rng.uniform(0, x1 - x0, count):
            at = y + rng.normal(0, 0.5) * head
            body = (max(1, round(head * 1.1 * 16)), max(1, round(head * 2.4 * 16)))
            centre = (round(x * 16), round((at + head * 3.0) * 16))
            cv2.ellipse(layer, centre, body, 0, 0, 360, random_colour(rng, 0.4), -1, cv2.LINE_AA, 4)
            tone = skin_like(rng) if chance(rng, 0.7) else (30, 24, 20)
            spot = (round(x * 16), round(at * 16))
            cv2.circle(layer, spot, max(8, round(head * 0.75 * 16)), tone, -1, cv2.LINE_AA, 4)
    sigma = head * between(rng, 0.3, 1.0)
    soft = cv2.GaussianBlur(layer, (0, 0), sigma)
    image[y0:depth, x0:x1] = soft


def net(rng: Rng, image: Image) -> None:
    """A mesh of thin lines in front of the scene: nets, wire fences, grilles, ropes."""
    height, width = image.shape[:2]
    gap = between(rng, 0.02, 0.12) * min(height, width)
    turn = between(rng, 0, np.pi) if chance(rng, 0.5) else 0.0
    colour = random_colour(rng, 0.2)
    ways = [turn, turn + np.pi / 2] if chance(rng, 0.7) else [turn]
    reach = float(np.hypot(height, width))
    for way in ways:
        direction, across = np.array([np.cos(way), np.sin(way)]), np.array([-np.sin(way), np.cos(way)])
        for offset in np.arange(-reach / 2, reach / 2, gap):
            middle = np.array([width / 2, height / 2]) + across * offset
            a, b = (middle - direction * reach) * 16, (middle + direction * reach) * 16
            cv2.line(image, a.astype(int).tolist(), b.astype(int).tolist(), colour, 1, cv2.LINE_AA, 4)
