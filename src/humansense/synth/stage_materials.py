"""What stages are covered with: a palette draws each material once, at its first use, and all pieces share it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import cv2
import numpy as np

from humansense.synth.fabrics import fabric
from humansense.synth.furnish import outlook, small_picture
from humansense.synth.noise import (
    Colour,
    Image,
    Rng,
    between,
    chance,
    hsv,
    jitter,
    modulate,
    random_colour,
    shade,
    tileable,
)
from humansense.synth.surfaces import (
    CEILINGS,
    WALLS,
    Material,
    bricks,
    carpet,
    foliage,
    ground,
    planks,
    plaster,
    stones,
    tiles,
)

WOODS = (
    *((165, 120, 75), (120, 80, 50), (205, 170, 120), (85, 58, 40)),
    *((150, 132, 110), (228, 208, 175), (60, 42, 32)),
)
SMALL = 128  # pixels: most materials of furniture
INDOOR_FLOORS = (tiles, tiles, planks, planks, planks, planks, planks, carpet, carpet, ground, plaster)


def _toned(rng: Rng, colour: Colour, strength: float, metres: float, size: int = 64) -> Material:
    """One colour with a soft unevenness."""
    field = tileable(rng, size, 0.8, 4)
    picture = np.full((size, size, 3), colour, np.uint8)
    return Material(modulate(picture, 1 + np.clip(field, -2, 2) * np.float32(strength)), metres)


def _wood(rng: Rng) -> Material:
    """Furniture is veneered or made of broad boards: grain without joints, or planks."""
    if chance(rng, 0.3):
        return planks(rng, SMALL)._replace(metres=between(rng, 0.5, 1.0))
    base = jitter(rng, WOODS[rng.integers(len(WOODS))], 10)
    grain = np.ascontiguousarray(tileable(rng, SMALL, 0.85, 16, 8))
    picture = np.full((SMALL, SMALL, 3), base, np.uint8)
    picture = modulate(picture, 1 + np.clip(grain, -2, 2) * np.float32(between(rng, 0.03, 0.1)))
    return Material(picture, between(rng, 0.5, 1.1))


def _paint(rng: Rng) -> Material:
    white = chance(rng, 0.45)
    colour = jitter(rng, (232, 230, 224), 8) if white else random_colour(rng, 0.35)
    return _toned(rng, colour, between(rng, 0.005, 0.025), 1.0)


def _cloth(rng: Rng) -> Material:
    """Upholstery: mostly plain and woven, some with the patterns of clothes."""
    if chance(rng, 0.6):
        colour = random_colour(rng, 0.4)
        field = tileable(rng, SMALL, 1.2, 8)
        picture = np.full((SMALL, SMALL, 3), colour, np.uint8)
        return Material(modulate(picture, 1 + np.clip(field, -2, 2) * np.float32(between(rng, 0.03, 0.09))), 0.5)
    return Material(fabric(rng, SMALL), between(rng, 0.35, 1.0))


def _leather(rng: Rng) -> Material:
    colours = ((45, 30, 24), (25, 25, 27), (120, 70, 40), (150, 110, 75), (200, 190, 175), (90, 25, 25))
    return _toned(rng, jitter(rng, colours[rng.integers(len(colours))], 8), 0.03, 0.35)


def _metal(rng: Rng) -> Material:
    colours = ((150, 152, 155), (40, 40, 42), (190, 190, 188), (95, 92, 88), (150, 125, 75))
    return _toned(rng, jitter(rng, colours[rng.integers(len(colours))], 8), 0.03, 0.6)


def _white(rng: Rng) -> Material:
    return _toned(rng, jitter(rng, (235, 232, 226), 7), 0.01, 1.0)


def _dark(rng: Rng) -> Material:
    return _toned(rng, jitter(rng, (26, 26, 28), 5), 0.03, 1.0)


def _shade(rng: Rng) -> Material:
    """A lamp's shade or globe, lit from within."""
    return _toned(rng, hsv(between(rng, 0.08, 0.14), between(rng, 0.02, 0.35), 1.0), 0.01, 1.0)


def _leaf(rng: Rng) -> Material:
    """A leaf's blade: u across from edge to edge, v along; the rib in the middle is lighter."""
    colour = hsv(between(rng, 0.2, 0.38), between(rng, 0.35, 0.75), between(rng, 0.25, 0.55))
    picture = np.full((64, 32, 3), colour, np.uint8)
    across = np.abs(np.linspace(-1, 1, 32, dtype=np.float32))[None]
    along = np.arange(64, dtype=np.float32)[:, None]
    veins = 0.08 * np.sin(along * np.float32(0.9) + across * np.float32(5))
    return Material(modulate(picture, (0.85 + 0.35 * np.exp(-across * 14) + veins).astype(np.float32)), 1.0)


def _card(rng: Rng) -> Material:
    colour = jitter(rng, (178, 140, 98), 14) if chance(rng, 0.8) else jitter(rng, (225, 222, 215), 8)
    material = _toned(rng, colour, 0.03, between(rng, 0.5, 1.0), SMALL)
    if chance(rng, 0.6):  # a print that each parcel shows somewhere
        x, y = (int(v) for v in rng.integers(10, 80, 2))
        cv2.rectangle(material.picture, (x, y), (x + 30, y + 18), shade(colour, 0.5), 2)
        cv2.putText(material.picture, "UP" if chance(rng, 0.5) else "24", (x + 4, y + 14), 0, 0.45, shade(colour, 0.45))
    return material


def _books(rng: Rng) -> Material:
    """Spines side by side, 0.6 m of them; about as many as stand on a board."""
    picture = np.full((SMALL, SMALL, 3), (30, 26, 24), np.uint8)
    x = 0
    while x < SMALL:
        width = int(rng.integers(4, 13))
        colour = random_colour(rng, 0.4)
        picture[:, x : x + width - 1] = colour
        row = int(rng.integers(8, 100))
        picture[row : row + int(rng.integers(3, 22)), x + 1 : x + width - 2] = shade(colour, between(rng, 0.4, 1.7))
        x += width
    return Material(picture, 0.6)


def _outlook(rng: Rng) -> Material:
    """What a window shows: bright, a little hazy, without detail."""
    view = cv2.resize(outlook(rng, (48, 48)), (96, 96), interpolation=cv2.INTER_CUBIC)
    haze = np.full_like(view, jitter(rng, (235, 240, 246), 8))
    return Material(cv2.addWeighted(view, 0.55, haze, 0.45, 0), 1.0)


def _picture(rng: Rng) -> Material:
    return Material(small_picture(rng), 1.0)


def _rug(rng: Rng) -> Material:
    """A rug as a whole: a field and one or two borders."""
    picture = carpet(rng, 256).picture if chance(rng, 0.5) else fabric(rng, 256)
    for inset in (0, int(rng.integers(8, 24))) if chance(rng, 0.7) else ():
        colour, wide = random_colour(rng, 0.4), int(rng.integers(3, 10))
        cv2.rectangle(picture, (inset, inset), (255 - inset, 255 - inset), colour, wide)
    return Material(picture, 1.0)


def _television(rng: Rng) -> Material:
    if chance(rng, 0.4):
        return Material(cv2.resize(small_picture(rng), (96, 64)), 1.0)
    return Material(np.full((64, 96, 3), (14, 15, 18), np.uint8), 1.0)


def _hedge(rng: Rng) -> Material:
    return foliage(rng, SMALL)._replace(metres=between(rng, 0.35, 0.55))


def _masonry(rng: Rng) -> Material:
    maker = (bricks, stones, plaster)[rng.integers(3)]
    return maker(rng, SMALL)


def _bedding(rng: Rng) -> Material:
    if chance(rng, 0.5):
        return _toned(rng, jitter(rng, (225, 224, 222), 12), 0.04, 0.8)
    return Material(fabric(rng, SMALL), between(rng, 0.6, 1.4))


def _muted(picture: Image, amount: float) -> Image:
    """Colours drawn towards grey: what large surfaces of real rooms are painted and laid with."""
    grey = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return cv2.addWeighted(picture, amount, grey, 1 - amount, 0)


def _floor(rng: Rng) -> Material:
    maker = INDOOR_FLOORS[rng.integers(len(INDOOR_FLOORS))]
    material = maker(rng, 256)
    if maker in (carpet, ground, plaster):  # unbroken floors are more even than grounds outdoors
        mean = np.full_like(material.picture, material.picture.mean((0, 1)))
        material = material._replace(picture=cv2.addWeighted(material.picture, 0.45, mean, 0.55, 0))
    if material.picture.mean() > 60 and chance(rng, 0.15):
        return material
    return material._replace(picture=_muted(material.picture, between(rng, 0.25, 0.75)))


def _wall(rng: Rng) -> Material:
    if chance(rng, 0.45):  # white, cream, light grey
        colour = hsv(between(rng, 0.05, 0.18), between(rng, 0.0, 0.16), between(rng, 0.72, 0.98))
        return _toned(rng, colour, between(rng, 0.004, 0.02), between(rng, 1.5, 3.0), SMALL)
    material = WALLS[rng.integers(len(WALLS))](rng, 256)
    return material._replace(picture=_muted(material.picture, between(rng, 0.35, 1.0)))


def _ceiling(rng: Rng) -> Material:
    if chance(rng, 0.7):
        return _toned(rng, jitter(rng, (238, 237, 234), 6), 0.008, 2.0)
    return CEILINGS[rng.integers(len(CEILINGS))](rng, SMALL)


MATERIALS: Mapping[str, Callable[[Rng], Material]] = MappingProxyType(
    {
        "floor": _floor,
        "wall": _wall,
        "ceiling": _ceiling,
        "wood": _wood,
        "paint": _paint,
        "cloth": _cloth,
        "leather": _leather,
        "metal": _metal,
        "white": _white,
        "dark": _dark,
        "shade": _shade,
        "leaf": _leaf,
        "card": _card,
        "books": _books,
        "outlook": _outlook,
        "picture": _picture,
        "rug": _rug,
        "television": _television,
        "hedge": _hedge,
        "masonry": _masonry,
        "bedding": _bedding,
    }
)


class Palette:
    """The materials of one stage by name: a row of `MATERIALS`, followed by a number where several are wanted."""

    def __init__(self, rng: Rng) -> None:
        self._rng = rng
        self._made: dict[str, tuple[int, Material]] = {}

    def put(self, name: str, material: Material) -> None:
        """Give a name to a material that was made elsewhere."""
        self._made[name] = (len(self._made), material)

    def __getitem__(self, name: str) -> Material:
        return self._entry(name)[1]

    def index(self, name: str) -> int:
        """Place of the material among `textures`."""
        return self._entry(name)[0]

    def _entry(self, name: str) -> tuple[int, Material]:
        if name not in self._made:
            self.put(name, MATERIALS[name.rstrip("0123456789")](self._rng))
        return self._made[name]

    @property
    def textures(self) -> tuple[Image, ...]:
        return tuple(material.picture for _, material in self._made.values())
