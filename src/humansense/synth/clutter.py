"""Shapes strewn over a picture: dead leaves, distractors that look like limbs or skin, lines, trees."""

from __future__ import annotations

import cv2
import numpy as np

from humansense.synth.fabrics import fabric
from humansense.synth.noise import (
    Colour,
    Image,
    Rng,
    between,
    chance,
    colourise,
    hsv,
    jitter,
    random_colour,
    shade,
    tileable,
)
from humansense.synth.rooms import Box, View, fill


def skin_like(rng: Rng) -> Colour:
    """The colour of wood, sand, brick or skin: what a limb must not be recognised by alone."""
    return hsv(between(rng, 0.02, 0.09), between(rng, 0.2, 0.65), between(rng, 0.2, 0.98))


def _outline(rng: Rng, centre: np.ndarray, radius: float) -> np.ndarray:
    """A closed shape around a centre, (N, 2) pixels: ellipse, polygon, star, or smooth blob."""
    kind = rng.random()
    turn = between(rng, 0, 2 * np.pi)
    if kind < 0.35:
        angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        reach = np.ones(24)
    elif kind < 0.7:
        count = int(rng.choice([3, 4, 4, 4, 5, 6]))
        angle = np.linspace(0, 2 * np.pi, count, endpoint=False) + rng.normal(0, 0.15, count)
        reach = rng.uniform(0.8, 1.2, count)
    else:
        angle = np.linspace(0, 2 * np.pi, 32, endpoint=False)
        reach = np.ones(32)
        for k in (2, 3, 4, 5):
            reach += between(rng, 0, 0.35 / k) * np.cos(k * angle + between(rng, 0, 6.3))
    points = np.stack([np.cos(angle) * reach, np.sin(angle) * reach * between(rng, 0.25, 1.0)], axis=1) * radius
    c, s = np.cos(turn), np.sin(turn)
    return centre + points @ np.array([[c, s], [-s, c]])


def _textured_fill(rng: Rng, image: Image, points: np.ndarray, texture: Image) -> None:
    """Fill a shape with a window of a texture, shaded across as if it were round or tilted."""
    height, width = image.shape[:2]
    x0, y0 = np.clip(np.floor(points.min(0)).astype(int), 0, [width, height])
    x1, y1 = np.clip(np.ceil(points.max(0)).astype(int) + 1, 0, [width, height])
    w, h = int(x1 - x0), int(y1 - y0)
    if w < 2 or h < 2:
        return
    side = texture.shape[0]
    if h > side or w > side:
        texture = np.tile(texture, (-(-h // side), -(-w // side), 1))
    picture = texture[:h, :w]
    ramp = 1 + np.float32(rng.normal(0, 0.25)) * np.linspace(-1, 1, w, dtype=np.float32)[None]
    ramp = ramp + np.float32(rng.normal(0, 0.25)) * np.linspace(-1, 1, h, dtype=np.float32)[:, None]
    shaded = cv2.multiply(picture, cv2.merge([ramp, ramp, ramp]), dtype=cv2.CV_8U)
    mask = np.zeros((h, w), np.uint8)
    fill(mask, points - (x0, y0), (1, 0, 0))
    cv2.copyTo(shaded, mask, image[y0:y1, x0:x1])


def dead_leaves(rng: Rng, image: Image, count: int) -> None:
    """Overlapping shapes whose radii follow the power law of photographs (Lee, Mumford & Huang 2001)."""
    height, width = image.shape[:2]
    small, large = 2.0, 0.35 * min(height, width)
    # Density ~ r^-3 between the bounds, large ones first so that small ones stay visible.
    u = rng.random(count)
    radii = np.sort(1 / np.sqrt(u / small**2 + (1 - u) / large**2))[::-1]
    radii = np.maximum(radii, rng.uniform(small, large, count) * (rng.random(count) < 0.25))
    textures = []
    for _ in range(4):
        field = tileable(rng, 128, between(rng, 0.5, 1.0), 4)
        textures.append(colourise(field, [random_colour(rng, 0.3), random_colour(rng, 0.3)], 2.5))
    palette = [random_colour(rng, 0.35) for _ in range(12)]
    for radius in radii:
        centre = np.array([between(rng, 0, width), between(rng, 0, height)])
        points = _outline(rng, centre, float(radius))
        if radius > 10 and chance(rng, 0.6):
            _textured_fill(rng, image, points, textures[rng.integers(4)])
        else:
            fill(image, points, jitter(rng, palette[rng.integers(12)], 10))


def capsule(rng: Rng, image: Image, colour: Colour) -> None:
    """A bent, tapering, rounded bar shaded across: it looks like a limb and is none."""
    height, width = image.shape[:2]
    length = between(rng, 0.08, 0.5) * min(height, width)
    thick = length * between(rng, 0.08, 0.3)
    turn = between(rng, 0, 2 * np.pi)
    bend = rng.normal(0, 0.6)
    start = np.array([between(rng, 0, width), between(rng, 0, height)])
    middle = start + length / 2 * np.array([np.cos(turn), np.sin(turn)])
    end = middle + length / 2 * np.array([np.cos(turn + bend), np.sin(turn + bend)])
    light = np.array([between(rng, -0.3, 0.3), between(rng, -0.35, -0.1)]) * thick
    for step, (width_factor, bright) in enumerate(((1.0, 0.6), (0.8, 0.8), (0.55, 1.0), (0.25, 1.1))):
        shift = light * step / 3
        tone = shade(colour, bright)
        for a, b, taper in ((start, middle, 1.0), (middle, end, 0.8)):
            pixels = (np.stack([a + shift, b + shift]) * 16).astype(np.int32)
            size = max(1, round(thick * width_factor * taper))
            cv2.line(image, pixels[0].tolist(), pixels[1].tolist(), tone, size, cv2.LINE_AA, 4)


def blob(rng: Rng, image: Image, colour: Colour) -> None:
    """A shaded ball or pebble: a head without a face."""
    height, width = image.shape[:2]
    radius = between(rng, 0.015, 0.1) * min(height, width)
    centre = np.array([between(rng, 0, width), between(rng, 0, height)])
    points = _outline(rng, np.zeros(2), 1.0)
    for step in range(4):
        size = radius * (1 - 0.22 * step)
        fill(image, centre - 0.08 * step * radius + points * size, shade(colour, 0.6 + 0.15 * step))


def strew(rng: Rng, image: Image) -> None:
    """A few distractors: limb-like bars, skin-coloured balls, shapes of any colour, cables and rods."""
    for _ in range(int(rng.geometric(0.4)) - 1):
        capsule(rng, image, skin_like(rng) if chance(rng, 0.6) else random_colour(rng, 0.4))
    for _ in range(int(rng.geometric(0.5)) - 1):
        blob(rng, image, skin_like(rng) if chance(rng, 0.6) else random_colour(rng, 0.4))
    height, width = image.shape[:2]
    for _ in range(int(rng.geometric(0.35)) - 1):
        centre = np.array([between(rng, 0, width), between(rng, 0, height)])
        radius = between(rng, 0.02, 0.22) * min(height, width)
        outline = _outline(rng, centre, radius)
        if chance(rng, 0.5):  # cloth without a body in it
            _textured_fill(rng, image, outline, fabric(rng, 64))
        else:
            fill(image, outline, random_colour(rng, 0.4))
    for _ in range(int(rng.geometric(0.5)) - 1):
        ends = np.stack([rng.uniform(-0.2, 1.2, 2) * width, rng.uniform(-0.2, 1.2, 2) * height], axis=1)
        thick = int(rng.geometric(0.3))
        a, b = ends.astype(int).tolist()
        cv2.line(image, a, b, random_colour(rng, 0.3), thick, cv2.LINE_AA)


def lines_on_floor(rng: Rng, image: Image, view: View, box: Box) -> None:
    """Court lines, lanes, mats and zebra stripes."""
    floor = float(box.low[2])
    far = min(float(box.high[1]), 40.0)
    left, right = max(float(box.low[0]), -25.0), min(float(box.high[0]), 25.0)

    def patch(x: float, y: float, w: float, d: float, colour: Colour) -> None:
        fill(
            image,
            view.project(np.array([[x, y, floor], [x + w, y, floor], [x + w, y + d, floor], [x, y + d, floor]])),
            colour,
        )

    for _ in range(int(rng.integers(0, 4))):
        patch(
            between(rng, left, right),
            between(rng, 0, far),
            between(rng, 1, 6),
            between(rng, 1, 4),
            random_colour(rng, 0.6),
        )
    colour = random_colour(rng, 0.4) if chance(rng, 0.4) else (235, 235, 230)
    wide = between(rng, 0.04, 0.12)
    kind = rng.random()
    if kind < 0.4:
        gap = between(rng, 0.9, 3.0)
        for i in range(min(20, int((right - left) / gap))):
            patch(left + i * gap, -2, wide, far + 2, colour)
    elif kind < 0.6:
        start, gap = between(rng, 1, 8), between(rng, 0.4, 0.8)
        for i in range(min(24, int((right - left) / (2 * gap)))):
            patch(left + 2 * i * gap, start, gap, between(rng, 2, 4), colour)
    else:
        for _ in range(int(rng.integers(1, 5))):
            patch(left, between(rng, 0.5, far), right - left, wide, colour)
            patch(between(rng, left, right), between(rng, 0, far / 2), wide, far / 2, colour)


def tree(rng: Rng, image: Image, view: View, foot: np.ndarray) -> None:
    """A trunk, some boughs and clumps of leaves; or a bare one, or a palm's tuft."""
    tall = between(rng, 2.0, 9.0)
    local = view.axes @ foot
    if local[2] < 1:
        return
    height, width = image.shape[:2]
    scale = view.focal_px / local[2]
    base = np.array([local[0], local[1]]) * scale + (width / 2, height / 2)
    up = view.axes @ np.array([0, 0, 1.0])
    top = base + up[:2] * tall * scale
    if max(base[0], top[0]) < -80 or min(base[0], top[0]) > width + 80:
        return
    bark = hsv(between(rng, 0.05, 0.12), between(rng, 0.1, 0.5), between(rng, 0.08, 0.5))
    thick = max(1, int(min(tall * between(rng, 0.02, 0.07) * scale, 200)))
    cv2.line(image, base.astype(int).tolist(), top.astype(int).tolist(), bark, thick, cv2.LINE_AA)
    crown = tall * scale * between(rng, 0.2, 0.4)
    for _ in range(int(rng.integers(3, 9))):
        a = base + (top - base) * between(rng, 0.4, 1)
        b = a + rng.normal(0, 1, 2) * crown + (top - base) * 0.1
        cv2.line(image, a.astype(int).tolist(), b.astype(int).tolist(), bark, max(1, thick // 3), cv2.LINE_AA)
    if chance(rng, 0.85):
        hue, saturation = between(rng, 0.1, 0.36), between(rng, 0.25, 0.75)
        count = int(np.clip(crown * 2, 20, 130))
        spots = top + rng.normal(0, 0.6, (count, 2)) * crown
        # Lighter above: leaves are lit by the sky.
        order = np.argsort(-spots[:, 1])
        for i, spot in enumerate(spots[order]):
            tone = hsv(hue + rng.normal(0, 0.015), saturation, between(rng, 0.1, 0.35) + 0.3 * i / count)
            axes = (max(1, int(crown * between(rng, 0.04, 0.2))), max(1, int(crown * between(rng, 0.03, 0.12))))
            cv2.ellipse(image, spot.astype(int).tolist(), axes, between(rng, 0, 180), 0, 360, tone, -1, cv2.LINE_AA)
