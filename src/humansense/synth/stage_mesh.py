"""Patches of triangles from which rooms and furniture are built: boxes, turned and bent solids, cushions, sheets.

Axes: x right, y back, z up, metres; the front of a triangle is where its corners run anticlockwise. Corners are shared
where a surface is smooth and doubled where it has an edge: the renderer's normals are means over a corner's faces.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np

Vector = Sequence[float] | np.ndarray
CREASE_COSINE = 0.75  # a turned profile that bends by more than 41 degrees has an edge there


class Patch(NamedTuple):
    """Triangles of one material.

    vertices: (V, 3) float32 metres. faces: (F, 3) int32. uv: (F, 3, 2) float32, metres on the surface (they are divided
    by the material's extent), or 0..1 for a material that is one whole picture. material: its name in the palette.
    """

    vertices: np.ndarray
    faces: np.ndarray
    uv: np.ndarray
    material: str


def moved(patch: Patch, offset: Vector, yaw_rad: float = 0.0) -> Patch:
    """The patch turned about the vertical axis and then moved."""
    return patch._replace(vertices=turned(patch.vertices, yaw_rad) + np.asarray(offset, np.float32))


def turned(points: np.ndarray, yaw_rad: float) -> np.ndarray:
    """Points (N, 3) turned about z, anticlockwise from above."""
    c, s = np.cos(yaw_rad), np.sin(yaw_rad)
    return points @ np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]], np.float32)


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cross products of rows (N, 3); `np.cross` spends five times as long on the few rows of a patch."""
    return a[:, [1, 2, 0]] * b[:, [2, 0, 1]] - a[:, [2, 0, 1]] * b[:, [1, 2, 0]]


def _box_uv_index(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Which coordinates of a box's corners are texture coordinates: (F, 3, 2) int into the flattened vertices.

    Metres on the side that a triangle faces most: (x, z) or (y, z) on upright sides, (x, y) from above.
    """
    corners = vertices[faces]
    axis = np.abs(cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])).argmax(1)
    coordinates = np.stack([np.where(axis == 0, 1, 0), np.where(axis == 2, 1, 2)], -1)
    return faces[:, :, None] * 3 + coordinates[:, None]


@lru_cache(maxsize=8)
def _cube(kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A "flat" or "bevelled" cube: corners' signs (24, 3), whether a corner lies on the side across each axis (24, 3),
    faces, and the index of their texture coordinates."""
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float32)
    index = {(tuple(sign), axis): 3 * i + axis for i, sign in enumerate(signs.astype(int)) for axis in range(3)}
    corners = np.repeat(signs, 3, axis=0)
    axes = np.tile(np.arange(3), 8)
    quads, triangles = [], []
    for axis in range(3):
        b, c = (axis + 1) % 3, (axis + 2) % 3
        for s in (-1, 1):
            ring = []
            for t, u in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
                corner = [0, 0, 0]
                corner[axis], corner[b], corner[c] = s, t, u
                ring.append(index[tuple(corner), axis])
            quads.append(ring)
            if kind == "bevelled":
                for t in (-1, 1):  # the edge along `axis` at signs (s, t) of the two other axes
                    low, high = [0, 0, 0], [0, 0, 0]
                    low[axis], low[b], low[c] = -1, s, t
                    high[axis], high[b], high[c] = 1, s, t
                    quads.append([index[tuple(low), b], index[tuple(high), b]])
                    quads[-1] += [index[tuple(high), c], index[tuple(low), c]]
    for ring in quads:
        triangles += [[ring[0], ring[1], ring[2]], [ring[0], ring[2], ring[3]]]
    if kind == "bevelled":
        triangles += [[3 * i, 3 * i + 1, 3 * i + 2] for i in range(8)]
    faces = np.array(triangles, np.int32)
    inset = corners * np.where(np.arange(3) == axes[:, None], 1.0, 0.8)
    faces = _outward(inset, faces)
    return corners, np.arange(3) == axes[:, None], faces, _box_uv_index(inset * (1.0, 1.01, 1.02), faces)


def _outward(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Faces of a convex solid around the origin, each turned to the outside."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    inward = np.einsum("ij,ij->i", cross(b - a, c - a), a + b + c) < 0
    faces[inward] = faces[inward][:, [0, 2, 1]]
    return faces


def box(low: Vector, high: Vector, material: str, taper: float = 1.0) -> Patch:
    """A cuboid with sharp edges; `taper` is the width of its bottom relative to its top."""
    corners, _, faces, uv = _cube("flat")
    low, high = np.asarray(low, np.float32), np.asarray(high, np.float32)
    half = (high - low) / 2
    shape = corners * half
    shape[corners[:, 2] < 0, :2] *= taper
    vertices = shape + (low + high) / 2
    return Patch(vertices, faces, vertices.ravel()[uv], material)


def bevelled(low: Vector, high: Vector, material: str, bevel: float = 0.01) -> Patch:
    """A cuboid whose edges are rounded to the eye: narrow slanting faces with smooth normals."""
    corners, on_side, faces, uv = _cube("bevelled")
    low, high = np.asarray(low, np.float32), np.asarray(high, np.float32)
    half = (high - low) / 2
    bevel = min(bevel, float(half.min()) * 0.8)
    vertices = (corners * (half - np.where(on_side, 0.0, bevel)) + (low + high) / 2).astype(np.float32)
    return Patch(vertices, faces, vertices.ravel()[uv], material)


@lru_cache(maxsize=4)
def _lattice(cells: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The surface of the cube -1..1 as a closed grid: vertices (V, 3), faces, index of their texture coordinates."""
    steps = np.linspace(-1, 1, cells + 1)
    points: list[np.ndarray] = []
    quads: list[np.ndarray] = []
    for axis in range(3):
        for side in (-1.0, 1.0):
            a, b = np.meshgrid(steps, steps, indexing="ij")
            grid = np.empty((cells + 1, cells + 1, 3))
            grid[..., axis], grid[..., (axis + 1) % 3], grid[..., (axis + 2) % 3] = side, a, b
            start = len(points) * (cells + 1) ** 2
            points.append(grid.reshape(-1, 3))
            quads.append(_grid_faces(cells + 1, cells + 1) + start)
    unique, inverse = np.unique(np.round(np.concatenate(points), 6), axis=0, return_inverse=True)
    faces = inverse.reshape(-1)[np.concatenate(quads)].astype(np.int32)
    faces = _outward(unique, faces)
    return unique.astype(np.float32), faces, _box_uv_index(unique, faces)


def cushion(low: Vector, high: Vector, material: str, softness: float = 0.5, cells: int = 4) -> Patch:
    """A stuffed cuboid: rounded edges and bulging sides; softness 0 is nearly a box, 1 nearly an ellipsoid."""
    unit, faces, uv = _lattice(cells)
    low, high = np.asarray(low, np.float32), np.asarray(high, np.float32)
    power = 2 + 6 * (1 - softness)
    length = (np.abs(unit) ** power).sum(1, keepdims=True) ** (1 / power)
    vertices = (unit / length * (high - low) / 2 + (low + high) / 2).astype(np.float32)
    return Patch(vertices, faces, vertices.ravel()[uv], material)


@lru_cache(maxsize=256)
def _grid_faces(rows: int, columns: int) -> np.ndarray:
    """Two triangles a cell of a grid of vertices in row order: (2 (rows - 1) (columns - 1), 3)."""
    first = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).reshape(-1)
    a, b, c, d = first, first + 1, first + columns + 1, first + columns
    return np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]).astype(np.int32)


def sheet(points: np.ndarray, uv: np.ndarray, material: str) -> Patch:
    """A smooth sheet over a grid of points (R, C, 3) with texture places (R, C, 2).

    Its front is where columns to the right and rows upward stand anticlockwise.
    """
    rows, columns = points.shape[:2]
    faces = _grid_faces(rows, columns)
    vertices = np.ascontiguousarray(points.reshape(-1, 3), np.float32)
    return Patch(vertices, faces, uv.reshape(-1, 2).astype(np.float32)[faces], material)


def quad(corner: Vector, right: Vector, up: Vector, material: str, whole: bool = True) -> Patch:
    """A parallelogram from its lower left corner; `whole`: it shows the material's picture once."""
    corner, right, up = (np.asarray(v, np.float64) for v in (corner, right, up))
    points = np.stack([np.stack([corner, corner + right]), np.stack([corner + up, corner + up + right])])
    w, h = (1.0, 1.0) if whole else (float(np.linalg.norm(right)), float(np.linalg.norm(up)))
    return sheet(points, np.array([[[0, 0], [w, 0]], [[0, h], [w, h]]]), material)


def lathe(profile: Sequence[tuple[float, float]], material: str, segments: int = 12) -> list[Patch]:
    """A solid of revolution about z from (radius, z) points; one from the lower to the upper end of the axis is closed.

    Sharp bends of the profile become edges: one patch for each smooth run.
    """
    points = np.asarray(profile, np.float64)
    steps = np.diff(points, axis=0)
    steps = steps / np.maximum(np.linalg.norm(steps, axis=1, keepdims=True), 1e-9)
    sharp = np.flatnonzero((steps[1:] * steps[:-1]).sum(1) < CREASE_COSINE) + 1
    edges = [0, *sharp.tolist(), len(points) - 1]
    return [_revolved(points[a : b + 1], material, segments) for a, b in pairwise(edges)]


def _revolved(profile: np.ndarray, material: str, segments: int) -> Patch:
    angle = np.arange(segments) * (2 * np.pi / segments)
    radius, z = profile[:, :1], profile[:, 1:]
    rings = np.stack([radius * np.cos(angle), radius * np.sin(angle), np.broadcast_to(z, (len(z), segments))], -1)
    faces = _grid_faces(len(profile), segments + 1)
    row, column = faces // (segments + 1), faces % (segments + 1)
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(profile, axis=0), axis=1))])
    uv = np.stack([column * (2 * np.pi / segments * radius.max()), length[row]], -1).astype(np.float32)
    faces = (row * segments + column % segments).astype(np.int32)
    # A triangle whose edge along a ring has shrunk to a point of the axis is empty.
    half = len(faces) // 2
    edge = np.where(np.arange(len(faces)) < half, row[:, 0], row[:, 1])
    filled = profile[edge, 0] > 0
    return Patch(rings.reshape(-1, 3).astype(np.float32), faces[filled], uv[filled], material)


def tube(path: Sequence[Vector] | np.ndarray, radius: float, material: str, segments: int = 6) -> Patch:
    """A round bar along a path of points (N, 3), open at its ends."""
    points = np.asarray(path, np.float64)
    along = np.gradient(points, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    helper = np.eye(3)[np.abs(along).sum(0).argmin()]
    side = cross(along, np.broadcast_to(helper, along.shape))
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    other = cross(along, side)
    angle = np.arange(segments + 1) * (2 * np.pi / segments)
    ring = np.cos(angle)[:, None] * side[:, None] + np.sin(angle)[:, None] * other[:, None]
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    uv = np.stack(np.broadcast_arrays(angle[None] * radius, length[:, None]), -1)
    return sheet(points[:, None] + radius * ring, uv, material)
