"""Distances to triangle meshes, and whether a mesh is closed."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from humansense.core import HumansenseError

PAIRS_AT_ONCE = 400_000


def is_closed(faces: np.ndarray) -> bool:
    """Whether each edge of faces (F, 3) belongs to exactly two of them, once in each direction."""
    directed = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    there, counts = np.unique(directed, axis=0, return_counts=True)
    back = np.unique(directed[:, ::-1], axis=0)
    return bool((counts == 1).all()) and there.shape == back.shape and bool((there == back).all())


def closest_points(
    points: np.ndarray, vertices: np.ndarray, faces: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The nearest points of a mesh's surface.

    points: (N, 3). vertices: (V, 3), faces: (F, 3). Returns the nearest points (N, 3) float64, the faces (N,) they lie
    on and their distances (N,). Exact: a triangle is left out only if no point of it can be nearer than some corner is.
    """
    points, corners = np.asarray(points, np.float64), np.asarray(vertices, np.float64)[faces]
    if points.ndim != 2 or points.shape[1] != 3 or not len(faces):
        raise HumansenseError(
            f"points are {points.shape} with {len(faces)} faces, expected (N, 3) and at least one face"
        )
    middles = corners.mean(1)
    reach = np.linalg.norm(corners - middles[:, None], axis=2).max(1)
    bound = cKDTree(corners.reshape(-1, 3)).query(points)[0]
    best = np.full(len(points), np.inf)
    nearest, on_face = np.zeros_like(points), np.zeros(len(points), np.int64)
    # Triangles of about one size share a tree, so that one large triangle does not widen the search for all.
    size_class = np.ceil(np.log2(np.maximum(reach, 1e-9))).astype(int)
    for level in np.unique(size_class):
        members = np.flatnonzero(size_class == level)
        tree = cKDTree(middles[members])
        radius = bound + reach[members].max() * (1 + 1e-9)
        counts = tree.query_ball_point(points, radius, return_length=True)
        for rows in _runs(counts):
            lists = tree.query_ball_point(points[rows], radius[rows])
            row = np.repeat(rows, [len(found) for found in lists])
            if not len(row):
                continue
            face = members[np.concatenate([np.asarray(found, np.int64) for found in lists])]
            place = _closest_on_triangles(points[row], corners[face])
            distance = np.linalg.norm(place - points[row], axis=1)
            order = np.lexsort((face, distance, row))
            first = order[np.unique(row[order], return_index=True)[1]]
            better = first[distance[first] < best[row[first]]]
            best[row[better]], on_face[row[better]] = distance[better], face[better]
            nearest[row[better]] = place[better]
    return nearest, on_face, best


def _runs(counts: np.ndarray) -> list[np.ndarray]:
    """Rows in runs of about `PAIRS_AT_ONCE` pairs."""
    run = np.cumsum(counts) // PAIRS_AT_ONCE
    return [rows for rows in np.split(np.arange(len(counts)), np.flatnonzero(np.diff(run)) + 1) if len(rows)]


def _closest_on_triangles(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """(P, 3) the nearest point of triangle p (P, 3, 3) to point p (P, 3): its inside, or the best of its edges."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    normal = np.cross(b - a, c - a)
    square = np.maximum((normal**2).sum(1), 1e-300)
    # Barycentric coordinates of the projection (Heidrich 2005).
    w_c = (np.cross(b - a, points - a) * normal).sum(1) / square
    w_b = (np.cross(points - a, c - a) * normal).sum(1) / square
    inside = (w_b >= 0) & (w_c >= 0) & (w_b + w_c <= 1)
    out = a + w_b[:, None] * (b - a) + w_c[:, None] * (c - a)
    best = np.full(len(points), np.inf)
    for start, end in ((a, b), (b, c), (c, a)):
        along = end - start
        t = ((points - start) * along).sum(1) / np.maximum((along**2).sum(1), 1e-300)
        place = start + np.clip(t, 0, 1)[:, None] * along
        distance = ((place - points) ** 2).sum(1)
        better = ~inside & (distance < best)
        out[better], best[better] = place[better], distance[better]
    return out
