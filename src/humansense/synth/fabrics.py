"""Tileable pictures of cloth for garments, and of hair.

`fabric(rng, size)` draws a colour as people wear them, a pattern, a weave and soft folds. Every picture repeats
without a seam in both directions, so that any UV layout may use it at any scale. Pure in the generator.
"""

from __future__ import annotations

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
    shade,
    tileable,
)

# (share, hue range, saturation range, value range): what clothes in street and sports photographs are coloured like.
GARMENT_COLOURS = (
    (0.22, (0.0, 1.0), (0.0, 0.15), (0.04, 0.20)),  # black, anthracite
    (0.15, (0.0, 1.0), (0.0, 0.08), (0.80, 1.00)),  # white
    (0.12, (0.0, 1.0), (0.0, 0.10), (0.25, 0.75)),  # grey
    (0.16, (0.57, 0.68), (0.35, 0.85), (0.12, 0.55)),  # navy, denim blue
    (0.10, (0.05, 0.13), (0.15, 0.60), (0.25, 0.90)),  # beige, brown, khaki
    (0.07, (0.95, 1.02), (0.60, 0.95), (0.35, 0.90)),  # red
    (0.09, (0.0, 1.0), (0.55, 0.95), (0.45, 1.00)),  # any saturated colour: sports
    (0.09, (0.0, 1.0), (0.12, 0.45), (0.65, 1.00)),  # pastel
)


def garment_colour(rng: Rng) -> Colour:
    """A colour drawn from what people wear."""
    shares = np.cumsum([row[0] for row in GARMENT_COLOURS])
    chosen = min(int(np.searchsorted(shares, rng.random() * shares[-1])), len(GARMENT_COLOURS) - 1)
    _, hue, saturation, value = GARMENT_COLOURS[chosen]
    return hsv(between(rng, *hue), between(rng, *saturation), between(rng, *value))


def _flat(colour: Colour, size: int) -> Image:
    return np.full((size, size, 3), colour, np.uint8)


def _second(rng: Rng, first: Colour) -> Colour:
    """A colour that can be told from the first."""
    for _ in range(6):
        other = garment_colour(rng)
        if sum(abs(a - b) for a, b in zip(first, other, strict=True)) > 110:
            return other
    return shade(first, 0.4) if sum(first) > 380 else jitter(rng, (225, 225, 220), 15)


def plain(rng: Rng, size: int) -> Image:
    """One colour."""
    return _flat(garment_colour(rng), size)


def _bands(rng: Rng, size: int, colours: list[Colour], repeats: int) -> Image:
    """One period of bands of random widths, repeated: (1, size, 3)."""
    edges = np.cumsum(rng.uniform(0.15, 1.0, len(colours)))
    edges = edges / edges[-1]
    phase = (np.arange(size) * repeats / size) % 1
    index = np.searchsorted(edges, phase, side="right").clip(0, len(colours) - 1)
    return np.array(colours, np.uint8)[index][None]


def _palette(rng: Rng, count: int) -> list[Colour]:
    first = garment_colour(rng)
    colours = [first, _second(rng, first)]
    while len(colours) < count:
        colours.append(first if chance(rng, 0.3) else garment_colour(rng))
    return colours


def stripes(rng: Rng, size: int) -> Image:
    """Stripes across or along."""
    band = _bands(rng, size, _palette(rng, int(rng.integers(2, 6))), int(rng.integers(1, 20)))
    picture = np.repeat(band, size, axis=0)
    return np.ascontiguousarray(picture.transpose(1, 0, 2)) if chance(rng, 0.6) else picture


def checks(rng: Rng, size: int) -> Image:
    """Tartan, gingham, window-pane: the mean of two sets of bands."""
    colours = _palette(rng, int(rng.integers(2, 5)))
    band = _bands(rng, size, colours + colours[::-1], int(rng.integers(2, 14)))
    other = band if chance(rng, 0.7) else _bands(rng, size, colours, int(rng.integers(2, 14)))
    across = np.repeat(band, size, axis=0)
    along = np.ascontiguousarray(np.repeat(other, size, axis=0).transpose(1, 0, 2))
    return cv2.addWeighted(across, 0.5, along, 0.5, 0)


def _stamp(rng: Rng, picture: Image, x: float, y: float, radius: float, kind: int, colour: Colour) -> None:
    """Draw a motif and its copies beyond the border, so that the picture still repeats."""
    size = picture.shape[0]
    turn = between(rng, 0, 2 * np.pi)
    for dx in (-size, 0, size):
        for dy in (-size, 0, size):
            cx, cy = x + dx, y + dy
            if not (-2 * radius < cx < size + 2 * radius and -2 * radius < cy < size + 2 * radius):
                continue
            if kind == 0:
                _disc(picture, cx, cy, radius, colour)
            elif kind == 1:
                for petal in range(5):
                    a = turn + petal * 2 * np.pi / 5
                    _disc(picture, cx + radius * np.cos(a), cy + radius * np.sin(a), radius * 0.62, colour)
                _disc(picture, cx, cy, radius * 0.45, shade(colour, 0.5))
            else:
                corners = turn + np.arange(kind + 1) * 2 * np.pi / (kind + 1)
                points = np.stack([cx + radius * np.cos(corners), cy + radius * np.sin(corners)], axis=1)
                cv2.fillPoly(picture, [(points * 16).astype(np.int32)], colour, cv2.LINE_AA, 4)


def _disc(picture: Image, x: float, y: float, radius: float, colour: Colour) -> None:
    centre = (round(x * 16), round(y * 16))
    cv2.circle(picture, centre, max(1, round(radius * 16)), colour, -1, cv2.LINE_AA, 4)


def prints(rng: Rng, size: int) -> Image:
    """Dots, flowers or geometric motifs, on a lattice or scattered."""
    colours = _palette(rng, int(rng.integers(2, 5)))
    picture = _flat(colours[0], size)
    kind = int(rng.integers(0, 4))
    count = int(rng.integers(3, 9))
    step = size / count
    radius = step * between(rng, 0.12, 0.42)
    scatter = 0.0 if chance(rng, 0.5) else 0.5
    for row in range(count):
        for column in range(count):
            x = (column + 0.5 * (row % 2) + scatter * rng.normal() * 0.6) * step % size
            y = (row + scatter * rng.normal() * 0.6) * step % size
            colour = colours[int(rng.integers(1, len(colours)))]
            _stamp(rng, picture, x, y, radius * (1 + scatter * between(rng, -0.8, 0.8)), kind, colour)
    return picture


def logo(rng: Rng, size: int) -> Image:
    """A plain cloth with one large motif or some letters: shirts, numbers on the back."""
    first = garment_colour(rng)
    picture, colour = _flat(first, size), _second(rng, first)
    if chance(rng, 0.5):
        text = "".join("0123456789ABEHKMRSTX"[i] for i in rng.integers(0, 20, int(rng.integers(1, 4))))
        scale = size / 256 * between(rng, 1.2, 3.0)
        place = (round(size * between(rng, 0.1, 0.3)), round(size * between(rng, 0.45, 0.7)))
        thick = max(1, round(scale * between(rng, 2, 6)))
        cv2.putText(picture, text, place, cv2.FONT_HERSHEY_DUPLEX, scale, colour, thick, cv2.LINE_AA)
        # What the letters lose beyond the border must not return on the other side: keep a clean frame.
        edge = size // 40
        picture[:, :edge] = picture[:, -edge:] = first
        return picture
    for _ in range(int(rng.integers(1, 4))):
        x, y = size * between(rng, 0.3, 0.7), size * between(rng, 0.3, 0.7)
        _stamp(rng, picture, x, y, size * between(rng, 0.05, 0.2), int(rng.integers(0, 5)), colour)
        colour = garment_colour(rng)
    return picture


def denim(rng: Rng, size: int) -> Image:
    """Blue, black or grey twill: diagonal threads, washed out in places."""
    blue = hsv(between(rng, 0.58, 0.64), between(rng, 0.2, 0.7), between(rng, 0.15, 0.7))
    colour = blue if chance(rng, 0.8) else hsv(0.6, 0.08, between(rng, 0.08, 0.6))
    picture = _flat(colour, size)
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    twill = np.sin((x + y) * np.float32(2 * np.pi * (size // 5) / size))
    washed = np.clip(tileable(rng, size, 0.6, 2) * np.float32(between(rng, 0.03, 0.15)), -0.2, 0.5)
    return modulate(picture, 1 + twill * np.float32(0.05) + washed)


def knit(rng: Rng, size: int) -> Image:
    """Stitches in rows, sometimes with bands of other yarn or cables."""
    picture = stripes(rng, size) if chance(rng, 0.25) else plain(rng, size)
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / np.float32(size)
    columns, rows = int(rng.integers(12, 40)), int(rng.integers(12, 50))
    stitch = np.sin(np.float32(2 * np.pi * rows) * y + np.abs(np.sin(np.float32(np.pi * columns) * x)) * np.float32(3))
    rib = np.sin(np.float32(2 * np.pi * columns) * x)
    return modulate(picture, 1 + stitch * np.float32(0.08) + rib * np.float32(between(rng, 0.0, 0.12)))


def camouflage(rng: Rng, size: int) -> Image:
    """Patches of three or four colours."""
    hue = between(rng, 0.08, 0.3) if chance(rng, 0.8) else rng.random()
    colours = [hsv(hue + rng.normal(0, 0.03), between(rng, 0.15, 0.6), v) for v in (0.15, 0.35, 0.5, 0.7)]
    if chance(rng, 0.3):
        colours = _palette(rng, 4)
    level = cv2.resize(tileable(rng, size, 0.5, 4), (size, size))
    index = np.digitize(level, [-0.8, 0.0, 0.8])
    return np.ascontiguousarray(np.array(colours, np.uint8)[index])


def gradient(rng: Rng, size: int) -> Image:
    """A smooth change of colour there and back again, or tie-dye."""
    colours = _palette(rng, int(rng.integers(2, 4)))
    if chance(rng, 0.4):
        return colourise(tileable(rng, size, 0.5, 2), colours)
    wave = np.cos(np.arange(size, dtype=np.float32) * np.float32(2 * np.pi / size))[:, None] * np.float32(1.6)
    picture = colourise(np.repeat(wave, size, axis=1), colours)
    return picture if chance(rng, 0.6) else np.ascontiguousarray(picture.transpose(1, 0, 2))


def sporty(rng: Rng, size: int) -> Image:
    """A plain cloth with one to three stripes down the side, or one broad band."""
    first = garment_colour(rng)
    picture, colour = _flat(first, size), _second(rng, first)
    x, wide = between(rng, 0.05, 0.6) * size, between(rng, 0.015, 0.06) * size
    for i in range(int(rng.choice([1, 2, 3, 3]))):
        a = round(x + 2 * i * wide)
        picture[:, a : a + max(1, round(wide))] = colour
    if chance(rng, 0.3):
        picture[:, round(x - 0.05 * size) : round(x)] = garment_colour(rng)
    return picture if chance(rng, 0.7) else np.ascontiguousarray(picture.transpose(1, 0, 2))


def animal(rng: Rng, size: int) -> Image:
    """Leopard spots, snake skin, marbled prints: rings around the level lines of a field."""
    field = tileable(rng, size, 0.45, 16)
    base = jitter(rng, (200, 160, 110), 15) if chance(rng, 0.5) else garment_colour(rng)
    dark = shade(base, between(rng, 0.15, 0.4))
    ring = np.clip(3 - np.abs(field - 0.6) * np.float32(6), 0, 1)
    return blend(_flat(base, size), _flat(dark, size), ring)


# (share, pattern)
PATTERNS = (
    (0.36, plain),
    (0.11, stripes),
    (0.09, checks),
    (0.09, prints),
    (0.06, logo),
    (0.09, denim),
    (0.06, knit),
    (0.03, camouflage),
    (0.04, gradient),
    (0.05, sporty),
    (0.02, animal),
)


def _folds(rng: Rng, size: int) -> Field:
    """Gain of soft creases around 1: few, long, in one main direction; zero at most places."""
    strength = np.float32(rng.exponential(0.05))
    soft = tileable(rng, size, 0.45, 4, int(rng.choice([1, 2])))
    if chance(rng, 0.5):
        soft = np.ascontiguousarray(soft.T)
    crease = np.float32(1) - np.minimum(np.abs(soft) * np.float32(2), 1)
    return 1 + strength * (np.clip(soft, -2, 2) - np.float32(0.8) * crease)


def fabric(rng: np.random.Generator, size: int = 256) -> Image:
    """A tileable picture of cloth, (size, size, 3) uint8 RGB; `size` is a power of two, at least 32.

    Pattern and colour follow what people wear (`PATTERNS`, `GARMENT_COLOURS`); a fine weave and soft folds lie over
    them, so that no cloth is perfectly flat.
    """
    shares = np.cumsum([share for share, _ in PATTERNS])
    chosen = min(int(np.searchsorted(shares, rng.random() * shares[-1])), len(PATTERNS) - 1)
    picture = PATTERNS[chosen][1](rng, size)
    weave = rng.integers(-128, 128, (size, size), dtype=np.int8).astype(np.float32)
    gain = _folds(rng, size) + weave * np.float32(between(rng, 0.01, 0.07) / 74)
    return modulate(picture, gain)


# (share, hue, saturation, value): black, dark brown, brown, blond, red, grey, white, dyed.
HAIR_COLOURS = (
    (0.34, (0.05, 0.10), (0.1, 0.5), (0.04, 0.13)),
    (0.24, (0.05, 0.09), (0.3, 0.6), (0.13, 0.28)),
    (0.14, (0.06, 0.09), (0.35, 0.6), (0.28, 0.45)),
    (0.13, (0.08, 0.115), (0.25, 0.5), (0.45, 0.8)),
    (0.04, (0.03, 0.06), (0.5, 0.8), (0.3, 0.65)),
    (0.08, (0.05, 0.15), (0.0, 0.06), (0.35, 0.9)),
    (0.03, (0.0, 1.0), (0.4, 0.9), (0.3, 0.9)),
)


GREY = 5  # row of HAIR_COLOURS
GREY_BY_YEARS = ((16, 0.0), (35, 0.02), (55, 0.2), (75, 0.55))


def hair_colour(rng: Rng, years: float | None = None) -> Colour:
    """A colour of hair, from black to white, rarely dyed. years: age, which decides how often it is grey."""
    shares = np.array([row[0] for row in HAIR_COLOURS])
    if years is not None:
        ages, reached = zip(*GREY_BY_YEARS, strict=True)
        grey = float(np.interp(years, ages, reached))
        shares *= (1 - grey) / (1 - shares[GREY])
        shares[GREY] = grey
    summed = np.cumsum(shares)
    chosen = min(int(np.searchsorted(summed, rng.random() * summed[-1])), len(HAIR_COLOURS) - 1)
    _, hue, saturation, value = HAIR_COLOURS[chosen]
    return hsv(between(rng, *hue), between(rng, *saturation), between(rng, *value))


def hair_texture(rng: np.random.Generator, size: int = 128, colour: Colour | None = None) -> Image:
    """A tileable picture of hair with strands along y, (size, size, 3) uint8; `size` is a power of two, at least 64.

    colour: RGB of the hair, so that scalp and brows can be painted alike (`skin_texture(hair=...)`); None draws one.
    """
    colour = colour or hair_colour(rng)
    strands = np.ascontiguousarray(tileable(rng, size, 0.9, 32, 8).T)
    locks = np.ascontiguousarray(tileable(rng, size, 0.7, 8, 4).T)
    gain = 1 + strands * np.float32(between(rng, 0.08, 0.22)) + locks * np.float32(between(rng, 0.08, 0.2))
    return modulate(_flat(colour, size), np.clip(gain, 0.3, 1.9))
