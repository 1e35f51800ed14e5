"""Which skin lies under a ready-made garment, found by short rays on the reference body."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

NEAREST = 24  # triangles that a short ray is tried on
OUTWARD_M = 0.025  # cloth this far off covers the skin
INWARD_M = 0.012  # and cloth that lies this deep in it


def ray_hits(
    points: np.ndarray, directions: np.ndarray, reach_m: float, vertices: np.ndarray, faces: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Distances (N,) at which rays first meet a mesh, inf beyond `reach_m`, and the faces (N,) they meet, -1 for none.

    Rays start at points (N, 3) and go along unit directions (N, 3) (Moller and Trumbore 1997, on the triangles whose
    middles are nearest to the ray's own).
    """
    distance, face = np.full(len(points), np.inf), np.full(len(points), -1)
    corners = vertices[faces]
    middles = corners.mean(1)
    size = np.linalg.norm(corners - middles[:, None], axis=2).max(1)
    tree = cKDTree(middles)
    count = min(NEAREST, len(faces))
    gap, near = tree.query(points + directions * reach_m / 2, k=count)
    gap, near = gap.reshape(len(points), count), near.reshape(len(points), count)
    rays, column = np.nonzero(gap <= reach_m / 2 + size[near])
    triangle = near[rays, column]
    a, e1, e2 = (
        corners[triangle, 0],
        corners[triangle, 1] - corners[triangle, 0],
        corners[triangle, 2] - corners[triangle, 0],
    )
    p = np.cross(directions[rays], e2)
    scale = (e1 * p).sum(1)
    scale = np.where(np.abs(scale) < 1e-14, np.inf, scale)
    s = points[rays] - a
    u = (s * p).sum(1) / scale
    q = np.cross(s, e1)
    v = (directions[rays] * q).sum(1) / scale
    t = (e2 * q).sum(1) / scale
    hit = (u >= -1e-6) & (v >= -1e-6) & (u + v <= 1 + 1e-6) & (t >= 0) & (t <= reach_m) & np.isfinite(scale)
    order = np.argsort(-t[hit], kind="stable")  # the nearest is written last
    distance[rays[hit][order]] = t[hit][order]
    face[rays[hit][order]] = triangle[hit][order]
    return distance, face


def depth_inside(points: np.ndarray, faces: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """(V,) metres along the surface to the border between covered (V,) and bare vertices, negative on the bare side.

    Vertices that no face uses take the value of the nearest one that a face uses.
    """
    used = np.unique(faces)
    out = np.zeros(len(points))
    if not covered[used].any() or covered[used].all():
        out[:] = 1.0 if covered[used].any() else -1.0
        return out
    edges = np.unique(np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), 1), axis=0)
    lengths = np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1)
    graph = sparse.csr_matrix((lengths, (edges[:, 0], edges[:, 1])), shape=(len(points),) * 2)
    for side, sign in ((covered, 1.0), (~covered, -1.0)):
        others = np.intersect1d(used, np.flatnonzero(~side))
        distance = dijkstra(graph, directed=False, indices=others, min_only=True)
        out = np.where(side, sign * np.minimum(distance, 1.0), out)
    unused = np.setdiff1d(np.arange(len(points)), used)
    out[unused] = out[used[cKDTree(points[used]).query(points[unused])[1]]]
    return out
