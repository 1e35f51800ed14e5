"""What hangs on the walls and stands on the floor of a box: doors, windows, pictures, shelves, solids."""

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
    fractal,
    hsv,
    jitter,
    random_colour,
    shade,
)
from humansense.synth.rooms import NEAR_M, Box, View, fill, paste


class Wall:
    """One wall of a box as a plane to draw on: `along` metres sideways, `up` metres above the floor."""

    def __init__(self, image: Image, view: View, box: Box, axis: int, side: int) -> None:
        self.image, self.view, self.axis = image, view, axis
        self.at = box.wall(axis, side)
        across = 1 - axis
        self.low, self.high = float(box.low[across]), float(box.high[across])
        self.floor, self.height = float(box.low[2]), float(box.high[2] - box.low[2])
        # Side by side as seen from inside: pictures are not mirrored.
        self.flip = (axis == 0) == (side == 0)

    def corners(self, along: float, up: float, width: float, height: float) -> np.ndarray:
        """Rectangle on the wall, (4, 3): top left, top right, bottom right, bottom left as seen."""
        points = np.empty((4, 3))
        points[:, self.axis] = self.at
        points[:, 1 - self.axis] = along + np.array([0, width, width, 0])
        points[:, 2] = self.floor + up + np.array([height, height, 0, 0])
        return points[[1, 0, 3, 2]] if self.axis == 0 and not self.flip else points

    def rectangle(self, along: float, up: float, width: float, height: float, colour: Colour) -> None:
        """Fill a rectangle of the wall."""
        fill(self.image, self.view.project(self.corners(along, up, width, height)), colour)

    def picture(self, along: float, up: float, width: float, height: float, picture: Image) -> None:
        """Map a picture onto a rectangle of the wall."""
        corners = self.corners(along, up, width, height)
        if (corners @ self.view.axes[2]).min() > NEAR_M:
            paste(self.image, self.view.project(corners), picture)


def small_picture(rng: Rng, size: tuple[int, int] = (64, 64)) -> Image:
    """A poster, painting or view: a colour field with a few shapes and perhaps words."""
    height, width = size
    kind = rng.random()
    if kind < 0.3:
        picture = outlook(rng, size)
    elif kind < 0.4 and height == width == 64:
        picture = fabric(rng, 64)
    elif kind < 0.7:
        picture = colourise(
            fractal(rng, size, between(rng, 0.4, 0.9), 2),
            [random_colour(rng, 0.4) for _ in range(int(rng.integers(2, 5)))],
        )
    else:
        picture = np.full((height, width, 3), random_colour(rng, 0.5), np.uint8)
    for _ in range(int(rng.integers(0, 7))):
        centre = (int(rng.integers(width)), int(rng.integers(height)))
        axes = (int(rng.integers(2, width // 3 + 3)), int(rng.integers(2, height // 3 + 3)))
        cv2.ellipse(picture, centre, axes, between(rng, 0, 180), 0, 360, random_colour(rng, 0.5), -1, cv2.LINE_AA)
    if chance(rng, 0.4):
        words(rng, picture)
    return picture


LETTERS = "ABCDEFGHIJKLMNOPRSTUVWXYZabcdeghiklmnoprstu0123456789 !.-&"


def words(rng: Rng, picture: Image) -> None:
    """Write a line or two of random letters."""
    height, width = picture.shape[:2]
    for _ in range(int(rng.integers(1, 4))):
        text = "".join(LETTERS[i] for i in rng.integers(0, len(LETTERS), int(rng.integers(2, 11))))
        scale = between(rng, 0.3, 1.6) * min(height, width) / 100
        place = (int(between(rng, -0.1, 0.6) * width), int(between(rng, 0.15, 1.0) * height))
        font = int(rng.choice([cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX]))
        thick = max(1, round(scale * between(rng, 1, 4)))
        cv2.putText(picture, text, place, font, scale, random_colour(rng, 0.5), thick, cv2.LINE_AA)


def outlook(rng: Rng, size: tuple[int, int]) -> Image:
    """What a window or a photograph shows: bright sky above something dark or green."""
    height, width = size
    sky = [hsv(between(rng, 0.52, 0.62), between(rng, 0, 0.5), between(rng, 0.7, 1.0)), hsv(0.1, 0.05, 1.0)]
    picture = colourise(fractal(rng, size, 0.5, 2), sky)
    low = fractal(rng, size, 0.8, 3)
    ridge = np.arange(height, dtype=np.float32)[:, None] / height + 0.12 * fractal(rng, (height, width), 0.6, 2)
    earth = colourise(low, [random_colour(rng, 0.1), hsv(between(rng, 0.2, 0.35), 0.5, between(rng, 0.15, 0.6))])
    cv2.copyTo(earth, (ridge > between(rng, 0.3, 0.9)).astype(np.uint8), picture)
    return picture


def _window(rng: Rng, wall: Wall, along: float, width: float, view: Image) -> None:
    up, height = between(rng, 0.3, 1.1), between(rng, 0.9, max(1.0, wall.height * 0.6))
    height = min(height, wall.height - up - 0.1)
    frame = jitter(rng, (235, 235, 232), 8) if chance(rng, 0.7) else random_colour(rng)
    bar = between(rng, 0.04, 0.1)
    wall.rectangle(along - bar, up - bar, width + 2 * bar, height + 2 * bar, frame)
    columns, rows = int(rng.integers(1, 4)), int(rng.integers(1, 3))
    wall.picture(along, up, width, height, view)
    for i in range(1, columns):
        wall.rectangle(along + i * width / columns - bar / 2, up, bar, height, frame)
    for i in range(1, rows):
        wall.rectangle(along, up + i * height / rows - bar / 2, width, bar, frame)


def _door(rng: Rng, wall: Wall, along: float, width: float) -> None:
    height = min(between(rng, 1.9, 2.3), wall.height - 0.05)
    colour = random_colour(rng, 0.2)
    wall.rectangle(along - 0.08, 0, width + 0.16, height + 0.08, shade(colour, between(rng, 0.6, 1.4)))
    wall.rectangle(along, 0, width, height, colour)
    for i in range(int(rng.integers(0, 3))):
        wall.rectangle(along + 0.15 * width, height * (0.1 + 0.45 * i), 0.7 * width, height * 0.35, shade(colour, 0.85))


def _shelf(rng: Rng, wall: Wall, along: float, width: float) -> None:
    """Boards with books and boxes: many upright coloured pieces, a picture on one quadrilateral."""
    rows = int(rng.integers(2, 6))
    height = min(wall.height - 0.1, rows * between(rng, 0.3, 0.5))
    up = max(0.0, min(between(rng, -0.8, 1.0), wall.height - height))
    case = random_colour(rng, 0.1)
    picture = np.full((rows * 32, 128, 3), shade(case, 0.5), np.uint8)
    for row in range(rows):
        x, bottom = 2, row * 32 + 29
        while x < 124:
            w = int(rng.integers(2, 9)) if chance(rng, 0.85) else int(rng.integers(10, 30))
            if chance(rng, 0.85):
                top = bottom - int(rng.integers(10, 27))
                cv2.rectangle(picture, (x, top), (min(x + w - 1, 125), bottom), random_colour(rng, 0.35), -1)
            x += w
        picture[bottom : bottom + 3] = case
    picture[:, :3] = picture[:, -3:] = case
    wall.picture(along, up, width, height, picture)


def _hanging(rng: Rng, wall: Wall, along: float, width: float) -> None:
    height = width * between(rng, 0.5, 1.6)
    up = between(rng, 0.8, max(0.9, min(2.5, wall.height - 0.3)))
    height = min(height, wall.height - up - 0.05)
    if height < 0.1:
        return
    edge = between(rng, 0.01, 0.06)
    wall.rectangle(along - edge, up - edge, width + 2 * edge, height + 2 * edge, random_colour(rng, 0.1))
    wall.picture(along, up, width, height, small_picture(rng))


def decorate(rng: Rng, wall: Wall, density: float = 0.8) -> None:
    """Hang things along a wall from one end to the other."""
    skirting = random_colour(rng, 0.1)
    if chance(rng, 0.5):
        wall.rectangle(wall.low, 0, wall.high - wall.low, between(rng, 0.06, 0.18), skirting)
    if chance(rng, 0.12):
        wall.rectangle(wall.low, 0, wall.high - wall.low, between(rng, 0.8, 1.4), random_colour(rng, 0.3))
    view = outlook(rng, (48, 48))
    along = wall.low + between(rng, 0.1, 1.5)
    while along < wall.high - 0.4:
        width = min(between(rng, 0.4, 2.0), wall.high - along - 0.1)
        kind = rng.random()
        if kind < density * 0.25:
            _window(rng, wall, along, width, view)
        elif kind < density * 0.4:
            _door(rng, wall, along, min(width, 1.1))
        elif kind < density * 0.6:
            _shelf(rng, wall, along, width)
        elif kind < density:
            _hanging(rng, wall, along, width * 0.7)
        along += width + between(rng, 0.15, 1.8)


def facade(rng: Rng, wall: Wall) -> None:
    """Rows of windows with ledges, shop fronts on the ground floor."""
    storey, bay = between(rng, 2.7, 4.2), between(rng, 1.6, 4.0)
    width, height = bay * between(rng, 0.3, 0.7), storey * between(rng, 0.35, 0.7)
    glass = [jitter(rng, hsv(0.58, between(rng, 0.05, 0.4), between(rng, 0.1, 0.6)), 15) for _ in range(4)]
    frame = jitter(rng, (225, 222, 215), 20) if chance(rng, 0.6) else random_colour(rng, 0.1)
    shops = chance(rng, 0.6)
    along = wall.low + between(rng, 0, bay)
    while along < wall.high - width:
        if (wall.corners(along, 1, width, 1) @ wall.view.axes[2]).max() < NEAR_M:
            along += bay
            continue
        for level in range(min(4, int(wall.height / storey) + 1)):
            up = level * storey + 0.3 * storey
            if level == 0 and shops:
                wall.rectangle(along, 0.3, bay * 0.85, storey * 0.6, glass[int(rng.integers(4))])
                wall.rectangle(along, storey * 0.75, bay * 0.9, storey * 0.2, random_colour(rng, 0.5))
                continue
            wall.rectangle(along - 0.1, up - 0.15, width + 0.2, height + 0.25, frame)
            wall.rectangle(along, up, width, height, glass[int(rng.integers(4))])
            wall.rectangle(along + width / 2 - 0.04, up, 0.08, height, frame)
        along += bay


def solid(image: Image, view: View, low: np.ndarray, high: np.ndarray, colours: list[Colour]) -> None:
    """An upright cuboid from corner `low` to `high`: the faces turned to the camera, top brightest."""
    corners = np.array([[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])
    if (corners @ view.axes[2]).min() < NEAR_M:
        return
    quads = {0: [0, 1, 3, 2], 1: [4, 5, 7, 6], 2: [0, 1, 5, 4], 3: [2, 3, 7, 6], 4: [0, 2, 6, 4], 5: [1, 3, 7, 5]}
    for axis in range(3):
        side = 0 if low[axis] > 0 else 1 if high[axis] < 0 else None
        if side is not None:
            fill(image, view.project(corners[quads[2 * axis + side]]), colours[axis])


def furnish(rng: Rng, image: Image, view: View, box: Box, count: int) -> None:
    """Put solids on the floor, far ones first: cupboards, tables, seats, boxes, poles."""
    floor = float(box.low[2])
    span = box.high - box.low
    places = sorted((between(rng, 0.25, 0.98) for _ in range(count)), reverse=True)
    for far in places:
        y = far * float(box.high[1])
        x = float(box.low[0]) + between(rng, 0.02, 0.98) * float(span[0])
        colour = random_colour(rng, 0.3)
        shades = [shade(colour, between(rng, 0.45, 0.9)), shade(colour, between(rng, 0.5, 1.0)), shade(colour, 1.15)]
        kind = rng.random()
        w, d, h = between(rng, 0.3, 1.8), between(rng, 0.3, 0.9), between(rng, 0.3, 1.2)
        if kind < 0.2:
            w, d, h = between(rng, 0.02, 0.25), 0.1, between(rng, 1.5, float(span[2]))
        elif kind < 0.35:
            h = between(rng, 1.6, 2.3)
        low, high = np.array([x - w / 2, y - d / 2, floor]), np.array([x + w / 2, y + d / 2, floor + h])
        _shadow(image, view, low, high)
        if 0.35 <= kind < 0.65:
            _table(rng, image, view, low, high, shades)
        else:
            solid(image, view, low, high, shades)
            if kind >= 0.2 and chance(rng, 0.6):
                _fronts(rng, image, view, low, high, shades[1])
        if kind >= 0.35:
            _items(rng, image, view, low, high)


def _shadow(image: Image, view: View, low: np.ndarray, high: np.ndarray) -> None:
    """Darken the floor under and around a solid."""
    grow = 0.12
    points = np.array(
        [
            [low[0] - grow, low[1] - grow, low[2]],
            [high[0] + grow, low[1] - grow, low[2]],
            [high[0] + grow, high[1] + grow, low[2]],
            [low[0] - grow, high[1] + grow, low[2]],
        ]
    )
    pixels = view.project(points)
    if pixels is None:
        return
    height, width = image.shape[:2]
    x0, y0 = np.clip(np.floor(pixels.min(0)).astype(int) - 4, 0, [width, height])
    x1, y1 = np.clip(np.ceil(pixels.max(0)).astype(int) + 4, 0, [width, height])
    if x1 - x0 < 3 or y1 - y0 < 3:
        return
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    fill(mask, pixels - (x0, y0), (255, 0, 0))
    soft = cv2.blur(mask, (7, 7)).astype(np.float32)
    gain = 1 - soft * np.float32(0.5 / 255)
    window = image[y0:y1, x0:x1]
    cv2.multiply(window, cv2.merge([gain, gain, gain]), dst=window, dtype=cv2.CV_8U)


def _table(rng: Rng, image: Image, view: View, low: np.ndarray, high: np.ndarray, shades: list[Colour]) -> None:
    """Legs with a board, perhaps a back: tables, chairs, benches."""
    leg = between(rng, 0.03, 0.09)
    board = between(rng, 0.03, 0.25)
    for x in (low[0], high[0] - leg):
        for y in (high[1] - leg, low[1]):
            solid(image, view, np.array([x, y, low[2]]), np.array([x + leg, y + leg, high[2] - board]), shades)
    if chance(rng, 0.4):
        back = np.array([high[0], high[1], high[2] + between(rng, 0.3, 0.7)])
        solid(image, view, np.array([low[0], high[1] - 0.08, high[2] - board]), back, shades)
    solid(image, view, np.array([low[0], low[1], high[2] - board]), high, shades)


def _items(rng: Rng, image: Image, view: View, low: np.ndarray, high: np.ndarray) -> None:
    """Small solids on top of a piece of furniture: bottles, books, boxes, lamps; far ones first."""
    for y in sorted(rng.uniform(low[1], high[1], int(rng.integers(0, 6))), reverse=True):
        x = between(rng, low[0], high[0])
        size = np.array([between(rng, 0.02, 0.15), between(rng, 0.02, 0.1), 0.0])
        colour = random_colour(rng, 0.45)
        foot, tall = np.array([x, y, high[2]]), np.array([0, 0, between(rng, 0.03, 0.35)])
        solid(
            image, view, foot - size, foot + size + tall, [shade(colour, 0.7), shade(colour, 0.85), shade(colour, 1.15)]
        )


def _fronts(rng: Rng, image: Image, view: View, low: np.ndarray, high: np.ndarray, colour: Colour) -> None:
    """Doors and drawers on the front of a cupboard, with handles."""
    if low[1] <= NEAR_M:
        return
    columns, rows = int(rng.integers(1, 4)), int(rng.integers(1, 5))
    width, height = (high[0] - low[0]) / columns, (high[2] - low[2]) / rows
    tone, handle = shade(colour, between(rng, 0.75, 1.25)), random_colour(rng, 0.1)

    def patch(x: float, z: float, w: float, h: float, paint: Colour) -> None:
        corners = np.array([[x, low[1], z + h], [x + w, low[1], z + h], [x + w, low[1], z], [x, low[1], z]])
        fill(image, view.project(corners), paint)

    for column in range(columns):
        for row in range(rows):
            x, z = low[0] + column * width, low[2] + row * height
            patch(x + 0.02, z + 0.02, width - 0.04, height - 0.04, tone)
            patch(x + width * 0.35, z + height * 0.75, width * 0.3, 0.02, handle)


def rug(rng: Rng, image: Image, view: View, box: Box) -> None:
    """A patterned rug, mat or towel on the floor."""
    floor = float(box.low[2])
    x = between(rng, float(box.low[0]), float(box.high[0]) - 0.5)
    y = between(rng, 0.6, max(0.7, float(box.high[1]) - 1.0))
    w, d = between(rng, 0.6, 3.0), between(rng, 0.5, 2.0)
    corners = np.array([[x, y + d, floor], [x + w, y + d, floor], [x + w, y, floor], [x, y, floor]])
    if (corners @ view.axes[2]).min() > NEAR_M:
        paste(image, view.project(corners), fabric(rng, 128))
