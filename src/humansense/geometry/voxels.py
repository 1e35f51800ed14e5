"""Solid occupancy of closed meshes: which cells of a grid have their centre inside.

A line along z through each column of cell centres meets the surface at signed crossings: +1 where it enters a face from
behind (going in), -1 where it leaves. Their running sum is the winding number of the cell centre; a cell is solid where
it is positive, so that a part that passes through another (an arm through the belly) stays solid, which parity would
hollow out.

A line that meets an edge, a corner or an upright face counts as moved by a hair along x and by far less along y, which
is the half-open rule of polygon filling (Foley 1990, section 3.6). Edges are taken in one direction for both of their
faces: each counts once for the one face and once against the other, so the crossings of a column of a closed mesh
always sum to zero and nothing leaks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

from humansense.core import HumansenseError


def occupancy(
    vertices: np.ndarray,
    faces: np.ndarray,
    origin: Sequence[float] | np.ndarray,
    voxel_m: float | Sequence[float] | np.ndarray,
    shape: tuple[int, int, int],
) -> np.ndarray:
    """(nx, ny, nz) bool, or (B, nx, ny, nz) for a batch: whether the winding number at a cell's centre is positive.

    vertices: (V, 3) or (B, V, 3). faces: (F, 3) of a closed mesh, counter-clockwise from outside. origin: (3,) the
    corner of cell (0, 0, 0), whose centre is `origin + voxel_m / 2`. voxel_m: edge of a cell, or one an axis.
    Exact up to the rounding of float64. Raises `HumansenseError` for wrong shapes and for values that are not finite.
    """
    vertices = np.asarray(vertices)
    if vertices.ndim == 3:
        return np.stack([occupancy(v, faces, origin, voxel_m, shape) for v in vertices])
    faces = np.asarray(faces)
    if vertices.ndim != 2 or vertices.shape[1] != 3 or faces.ndim != 2 or faces.shape[1] != 3:
        raise HumansenseError(f"vertices are {vertices.shape} and faces {faces.shape}, expected (V, 3) and (F, 3)")
    size = np.broadcast_to(np.asarray(voxel_m, np.float64), 3)
    if not np.isfinite(vertices).all() or not (size > 0).all() or min(shape) < 1:
        raise HumansenseError("occupancy needs finite vertices, voxel_m > 0 and at least one cell an axis")
    # In cells, with centres at whole numbers.
    points = (vertices.astype(np.float64) - np.asarray(origin, np.float64)) / size - 0.5
    column, z, sign = _crossings(points, faces, shape[0], shape[1])
    return _filled(column, z, sign, shape)


def _crossings(points: np.ndarray, faces: np.ndarray, nx: int, ny: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Columns (C,), heights (C,) and signs (C,) where the lines through cell centres meet the surface."""
    # Whole numbers within the bounds of each triangle: the columns that can meet it.
    first_x, last_x = _whole(points[:, 0], faces, nx)
    first_y, last_y = _whole(points[:, 1], faces, ny)
    wide, high = np.maximum(last_x - first_x + 1, 0), np.maximum(last_y - first_y + 1, 0)
    count = wide * high
    met = np.flatnonzero(count)
    face = np.repeat(met, count[met])
    within = np.arange(len(face)) - np.repeat(np.cumsum(count[met]) - count[met], count[met])
    column_x = first_x[face] + within // high[face]
    column_y = first_y[face] + within % high[face]
    winding = _winding(points, faces[face], column_x, column_y)
    hit = winding != 0
    face, column_x, column_y = face[hit], column_x[hit], column_y[hit]
    a, b, c = (points[faces[face, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    slope = normal[:, 0] * (column_x - a[:, 0]) + normal[:, 1] * (column_y - a[:, 1])
    z = a[:, 2] - slope / np.where(normal[:, 2] == 0, 1, normal[:, 2])
    z = np.clip(z, np.minimum(np.minimum(a, b), c)[:, 2], np.maximum(np.maximum(a, b), c)[:, 2])
    # Counter-clockwise seen from above: the line leaves through this face.
    return column_x * ny + column_y, z, -winding[hit]


def _whole(values: np.ndarray, faces: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """First and last (F,) of the whole numbers 0 .. count - 1 within each face's values at its corners."""
    up = np.clip(np.ceil(values), 0, count).astype(np.int32)
    down = np.clip(np.floor(values), -1, count - 1).astype(np.int32)
    a, b, c = faces[:, 0], faces[:, 1], faces[:, 2]
    return np.minimum(np.minimum(up[a], up[b]), up[c]), np.maximum(np.maximum(down[a], down[b]), down[c])


def _winding(points: np.ndarray, corners: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(P,) int8: how often triangle p, seen from above, winds around the point (x_p, y_p); -1, 0 or 1."""
    above = points[corners, 1] > y[:, None]
    out = np.zeros(len(corners), np.int8)
    for k in range(3):
        j = (k + 1) % 3
        crosses = np.flatnonzero(above[:, k] != above[:, j])
        start, end = corners[crosses, k], corners[crosses, j]
        # The same numbers in the same order for both faces of the edge, so that they agree to the last bit.
        p, q = points[np.minimum(start, end)], points[np.maximum(start, end)]
        side = (q[:, 0] - p[:, 0]) * (y[crosses] - p[:, 1]) - (q[:, 1] - p[:, 1]) * (x[crosses] - p[:, 0])
        # The edge lies to the right of the point; on it, the point counts as a hair to the right of the edge.
        right = np.where(q[:, 1] > p[:, 1], side > 0, side < 0)
        up = above[crosses, j]
        out[crosses] += np.where(right, np.where(up, 1, -1), 0).astype(np.int8)
    return out


def _filled(column: np.ndarray, z: np.ndarray, sign: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Fill the cells between the crossings of each column where the running sum is positive."""
    nx, ny, nz = shape
    order = np.lexsort((z, column))
    column, sign = column[order], sign[order]
    # A cell whose centre lies on the surface counts as outside below and inside above it.
    start = np.clip(np.floor(z[order]) + 1, 0, nz).astype(np.int64)
    # Columns of a closed mesh sum to zero, so the sum over all columns is that within each.
    total = np.cumsum(sign)
    same = column[1:] == column[:-1]
    if len(total) and (total[-1] or total[:-1][~same].any()):
        raise HumansenseError("the mesh is not closed, so it has no inside: each edge needs two faces, wound alike")
    inside = total > 0
    span = np.flatnonzero(inside[:-1] & same & (start[1:] > start[:-1]))
    length = start[span + 1] - start[span]
    cells = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    out = np.zeros(nx * ny * nz, dtype=bool)
    out[np.repeat(column[span] * nz + start[span], length) + cells] = True
    return out.reshape(shape)


def fitted_grid(
    vertices: np.ndarray, resolution: int = 128, centre: np.ndarray | None = None, margin: float = 0.02
) -> tuple[np.ndarray, float]:
    """`(origin (3,), voxel_m)` of the smallest cube of `resolution`^3 cells around points (N, 3).

    centre: (3,) where the cube's middle lies, BodyNet's is the pelvis; None is the middle of the points' bounds.
    margin: free space on each side, as a share of the cube.
    """
    low, high = vertices.min(0).astype(np.float64), vertices.max(0).astype(np.float64)
    middle = (low + high) / 2 if centre is None else np.asarray(centre, np.float64)
    half = float(np.maximum(high - middle, middle - low).max()) / (1 - 2 * margin)
    if not np.isfinite(half) or half <= 0:
        raise HumansenseError("a grid needs finite points that are not all at one place")
    return middle - half, 2 * half / resolution


def cell_centres(
    cells: np.ndarray, origin: Sequence[float] | np.ndarray, voxel_m: float | Sequence[float] | np.ndarray
) -> np.ndarray:
    """Centres (N, 3) of cells given by their indices (N, 3)."""
    return np.asarray(origin) + (np.asarray(cells) + 0.5) * np.asarray(voxel_m)


def label_cells(
    occupied: np.ndarray,
    origin: Sequence[float] | np.ndarray,
    voxel_m: float | Sequence[float] | np.ndarray,
    points: np.ndarray,
    labels: np.ndarray,
) -> np.ndarray:
    """uint8 of the shape of `occupied` (nx, ny, nz): the label (N,) of the nearest of the points (N, 3), 0 outside."""
    out = np.zeros(occupied.shape, np.uint8)
    cells = np.argwhere(occupied)
    if len(cells):
        _, nearest = cKDTree(points).query(cell_centres(cells, origin, voxel_m))
        out[tuple(cells.T)] = np.asarray(labels, np.uint8)[nearest]
    return out
