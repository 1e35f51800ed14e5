"""Skin pictures for the body's UV: those of MakeHuman's packs get eyes, which they leave to a mesh of its own."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from humansense.bodies.anatomy import anatomy
from humansense.bodies.anny_body import Body, load_body
from humansense.bodies.assets_texture import read_picture
from humansense.bodies.makehuman import read_mhmat

SKIN_VERTICES = 13380  # hm08: the skin proper comes first
# Angles from the direction of gaze (degrees) at which iris and pupil end, as on the procedural skins.
IRIS_DEG, PUPIL_DEG = 36.0, 16.0
SCLERA = (205, 196, 190)
IRISES = ((52, 32, 18), (34, 22, 15), (80, 52, 26), (52, 82, 118), (68, 88, 62), (78, 88, 95))


@lru_cache(maxsize=2)
def eye_angles(body: Body, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`(rows, columns, angle_deg)`, (K,) each: the texels of a picture of `size` (h, w) that lie on the eyeballs.

    angle_deg: between the direction of gaze and the way from the middle of the ball to the texel's place on it.
    """
    points = anatomy(body).points
    best = np.full(size, -np.inf)
    angle = np.zeros(size)
    for faces, uv in _balls(body):
        middle = (points[faces].reshape(-1, 3).max(0) + points[faces].reshape(-1, 3).min(0)) / 2
        for corners, place in zip(uv, points[faces], strict=True):
            y, x, inside, weights = _texels(corners, size)
            way = weights @ place - middle
            own = np.degrees(np.arccos(np.clip(-way[:, 1] / np.linalg.norm(way, axis=1), -1, 1)))
            closer = inside > best[y, x]  # at a seam the triangle that the texel is deepest in has the say
            best[y[closer], x[closer]], angle[y[closer], x[closer]] = inside[closer], own[closer]
    rows, columns = np.nonzero(np.isfinite(best))
    return rows, columns, angle[rows, columns]


def _balls(body: Body) -> list[tuple[np.ndarray, np.ndarray]]:
    """Faces and UVs of the left and of the right eyeball."""
    points = anatomy(body).points
    eyes = body.faces.min(1) >= SKIN_VERTICES
    faces, uv = body.faces[eyes], body.face_uv[eyes]
    left = points[faces, 0].mean(1) > 0
    return [(faces[side], uv[side]) for side in (left, ~left)]


def _texels(corners: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Texels in a triangle (3, 2) and a little round it: rows, columns, how far inside, barycentrics (K, 3)."""
    height, width = size
    p = np.stack([corners[:, 0] * width, (1 - corners[:, 1]) * height], 1)
    low = np.clip(np.floor(p.min(0)).astype(int) - 1, 0, None)
    high = np.minimum(np.ceil(p.max(0)).astype(int) + 1, (width, height))
    x, y = np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1]))
    at = np.stack([x.ravel(), y.ravel()], 1) + 0.5 - p[0]
    matrix = np.stack([p[1] - p[0], p[2] - p[0]], 1)
    if abs(np.linalg.det(matrix)) < 1e-9:
        return np.zeros(0, int), np.zeros(0, int), np.zeros(0), np.zeros((0, 3))
    solved = np.linalg.solve(matrix, at.T).T
    weights = np.concatenate([1 - solved.sum(1, keepdims=True), solved], 1)
    inside = weights.min(1)
    near = inside > -0.35
    weights = np.clip(weights[near], 0, 1)
    return y.ravel()[near], x.ravel()[near], inside[near], weights / weights.sum(1, keepdims=True)


def with_eyes(picture: np.ndarray, body: Body, iris: tuple[int, int, int]) -> np.ndarray:
    """The picture (h, w, 3) uint8 with white, iris and pupil on the body's eyeballs."""
    rows, columns, angle = eye_angles(body, (picture.shape[0], picture.shape[1]))
    colour = np.array(SCLERA) * (1 - np.clip((angle - 40) / 60, 0, 0.5))[:, None]
    colour = _over(colour, np.array(iris), np.clip((IRIS_DEG + 3 - angle) / 10, 0, 1))
    colour = _over(colour, np.array((12, 10, 10)), np.clip((PUPIL_DEG + 4 - angle) / 8, 0, 1))
    out = picture.copy()
    out[rows, columns] = np.round(colour).astype(np.uint8)
    return out


def _over(colour: np.ndarray, top: np.ndarray, share: np.ndarray) -> np.ndarray:
    return colour * (1 - share[:, None]) + top * share[:, None]


@lru_cache(maxsize=32)
def load_skin(path: str | Path, iris: tuple[int, int, int] | None = None) -> np.ndarray:
    """A skin picture for the body's UV, (h, w, 3) uint8, read-only.

    path: a skin's `.mhmat`, whose colour is multiplied in and whose eyes are painted (`iris`: their colour, by default
    one that goes with the name), or any picture, which is taken as it is unless `iris` is given. Raises
    `HumansenseError`.
    """
    path = Path(path)
    if path.suffix.lower() == ".mhmat":
        material = read_mhmat(path)
        picture = read_picture(material.diffuse)[..., :3]
        picture = np.round(picture * np.clip(material.colour, 0, 1)).astype(np.uint8)
        dark = any(word in path.stem for word in ("african", "asian"))
        iris = iris or IRISES[sum(path.stem.encode()) % (2 if dark else len(IRISES))]
    else:
        picture = read_picture(path)[..., :3]
    out = np.ascontiguousarray(picture if iris is None else with_eyes(picture, load_body(), iris))
    out.flags.writeable = False
    return out
