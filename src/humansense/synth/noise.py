"""Random fields, palettes and finishing steps from which the procedural pictures are made.

Every function is pure in its `numpy.random.Generator`: the same generator state gives the same bytes. Sizes
are `(H, W)`; colours are RGB.
"""

from __future__ import annotations

import cv2
import numpy as np

# OpenCV's stubs lose the type of the elements, so the names carry it: float32 and uint8.
Field = np.ndarray
Image = np.ndarray
Rng = np.random.Generator
Colour = tuple[int, int, int]


def between(rng: Rng, low: float, high: float) -> float:
    """A uniform float in [low, high)."""
    return float(low + (high - low) * rng.random())


def chance(rng: Rng, probability: float) -> bool:
    """True with the given probability."""
    return bool(rng.random() < probability)


def fractal(
    rng: Rng,
    size: tuple[int, int],
    persistence: float = 0.7,
    cells: float = 3.0,
    stretch: float = 1.0,
    finest_px: float = 1.5,
) -> Field:
    """Sum of octaves of smooth noise, (H, W) float32 with mean ~0 and standard deviation ~1.

    `persistence` is the ratio of amplitudes from one octave to the next: equal amplitudes (1.0) give a spectrum that
    falls like that of photographs (about 1/f, Field 1987), 0.5 gives clouds. `cells` is the number of cells of the
    coarsest octave along the shorter side, `stretch` > 1 makes the features longer along x, and no octave has cells
    smaller than `finest_px`.
    """
    height, width = size
    total: Field = np.zeros(size, np.float32)
    cell = min(height, width) / cells
    amplitude, power = 1.0, 0.0
    while True:
        rows = max(2, round(height / cell) + 1)
        columns = max(2, round(width / (cell * stretch)) + 1)
        grid = rng.random((rows, columns), dtype=np.float32) * np.float32(2 * amplitude) - np.float32(amplitude)
        if rows >= height and columns >= width:
            total += grid[:height, :width]
        else:
            flag = cv2.INTER_CUBIC if cell > 4 else cv2.INTER_LINEAR
            total += cv2.resize(grid, (width, height), interpolation=flag)
        power += amplitude**2 * 0.2
        cell, amplitude = cell / 2, amplitude * persistence
        if cell < finest_px:
            break
    return total * np.float32(1 / np.sqrt(power))


def _enlarge(grid: Field, rows: int, columns: int) -> Field:
    """Cubic interpolation of a grid on the torus to a whole multiple of its size."""
    step_y, step_x = rows // grid.shape[0], columns // grid.shape[1]
    padded = cv2.copyMakeBorder(grid, 2, 2, 2, 2, cv2.BORDER_WRAP)
    full = cv2.resize(padded, (columns + 4 * step_x, rows + 4 * step_y), interpolation=cv2.INTER_CUBIC)
    return full[2 * step_y : 2 * step_y + rows, 2 * step_x : 2 * step_x + columns]


def tileable(rng: Rng, size: int, persistence: float = 0.7, cells: int = 4, stretch: int = 1) -> Field:
    """Fractal noise like `fractal`, (size, size), that repeats without a seam in both directions.

    `size`, `cells` (of the coarsest octave) and `stretch` are powers of two, cells >= 2 * stretch.
    """
    total: Field = np.zeros((cells, cells // stretch), np.float32)
    rows, amplitude, power = cells, 1.0, 0.0
    while True:
        total = total + (rng.random(total.shape, dtype=np.float32) - np.float32(0.5)) * np.float32(2 * amplitude)
        power += amplitude**2 * 0.2
        rows, amplitude = rows * 2, amplitude * persistence
        if rows >= size:
            break
        total = _enlarge(total, rows, rows // stretch)
    return _enlarge(total, size, size) * np.float32(1 / np.sqrt(power))


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """RGB 0..255 of a hue (turns, any real), saturation and value (0..1)."""
    k = (np.array([5.0, 3.0, 1.0]) + hue * 6) % 6
    rgb = value - value * saturation * np.clip(np.minimum(k, 4 - k), 0, 1)
    r, g, b = (int(v) for v in np.clip(rgb * 255, 0, 255))
    return r, g, b


def random_colour(rng: Rng, vivid: float = 0.25) -> Colour:
    """A colour as they occur in photographs: mostly greys, browns and dull tones; vivid with the given chance."""
    kind = rng.random()
    if kind < 0.75 * vivid:
        return hsv(rng.random(), between(rng, 0.45, 0.95), between(rng, 0.3, 1.0))
    kind = rng.random()
    if kind < 0.45:
        return hsv(rng.random(), between(rng, 0.0, 0.1), between(rng, 0.06, 1.0))
    if kind < 0.78:
        return hsv(between(rng, 0.03, 0.14), between(rng, 0.08, 0.5), between(rng, 0.15, 0.95))
    return hsv(rng.random(), between(rng, 0.08, 0.35), between(rng, 0.15, 0.9))


def shade(colour: Colour, factor: float) -> Colour:
    """The colour made darker (< 1) or lighter (> 1)."""
    r, g, b = (int(min(255, max(0, c * factor))) for c in colour)
    return r, g, b


def jitter(rng: Rng, colour: Colour, amount: float = 12.0) -> Colour:
    """The colour moved a little: mostly in brightness, less in hue."""
    step = rng.normal(0, amount) + rng.normal(0, amount / 3, 3)
    r, g, b = (int(v) for v in np.clip(np.asarray(colour) + step, 0, 255))
    return r, g, b


def colourise(field: Field, colours: list[Colour], spread: float = 1.6) -> Image:
    """Map a field with standard deviation ~1 through a smooth ramp of colours; +-`spread` reaches the ends."""
    level = cv2.convertScaleAbs(np.clip(field, -spread, spread) + np.float32(spread), alpha=127.5 / spread)
    knots = np.linspace(0, 255, len(colours))
    table = np.stack([np.interp(np.arange(256), knots, [c[i] for c in colours]) for i in range(3)], axis=-1)
    return cv2.applyColorMap(level, table.astype(np.uint8)[:, None])


def modulate(image: Image, gain: Field) -> Image:
    """Multiply an image (H, W, 3) by a gain (H, W) or (H, W, 3), saturating."""
    if gain.ndim == 2:
        gain = cv2.merge([gain, gain, gain])
    return cv2.multiply(image, gain, dtype=cv2.CV_8U)


def blend(under: Image, over: Image, alpha: Field) -> Image:
    """`under` where alpha is 0, `over` where it is 1; alpha (H, W) float32."""
    alpha = cv2.merge([alpha, alpha, alpha])
    difference = cv2.subtract(over, under, dtype=cv2.CV_32F)
    return cv2.add(under, cv2.multiply(difference, alpha), dtype=cv2.CV_8U)
