"""Dense coordinates: every point of the body's surface is named by its place on the reference body.

The reference is the average adult of `anatomy.reference_shape` in the rest pose: metres, the body's axes, the root near
the origin (docs/conventions.md). Whatever its shape, pose, face or clothes, a person's navel has the coordinates of the
reference's navel, so pixels of two pictures with (nearly) equal coordinates see the same place of the body.

Garments and hair take theirs by `patch.carry(dense_coordinates(body))`: helper geometry off the skin counts as the skin
nearest to it, so cloth has the coordinates of the body under it, up to the chords of the means that it is made of.
Between the legs of a skirt these means cross the gap: `snapped_to_skin` puts them back on the surface.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.spatial import cKDTree

from humansense.bodies.anatomy import anatomy
from humansense.bodies.anny_body import Body
from humansense.core import HumansenseError
from humansense.geometry.meshes import closest_points


@lru_cache(maxsize=2)
def dense_coordinates(body: Body) -> np.ndarray:
    """(V, 3) float32: the place of each vertex on the reference body's skin; of helper vertices, the nearest skin's."""
    points = anatomy(body).points
    out = points.astype(np.float32)
    skin = np.zeros(body.n_vertices, dtype=bool)
    skin[body.faces] = True
    out[~skin] = closest_points(points[~skin], points, body.faces)[0]
    out.flags.writeable = False
    return out


@lru_cache(maxsize=2)
def _skin_tree(body: Body) -> tuple[np.ndarray, cKDTree]:
    skin = body.skin_vertices
    return skin, cKDTree(dense_coordinates(body)[skin])


def nearest_vertices(body: Body, dense: np.ndarray) -> np.ndarray:
    """Skin vertices (...,) int64 of dense coordinates (..., 3), such as the pixels of a `Sample.dense` map; -1 for NaN.

    The map becomes correspondences: the vertex that each pixel sees, of this body in every shape and pose.
    """
    dense = np.asarray(dense)
    if dense.shape[-1:] != (3,):
        raise HumansenseError(f"dense coordinates have shape {dense.shape}, expected (..., 3)")
    out = np.full(dense.shape[:-1], -1, np.int64)
    known = np.isfinite(dense).all(-1)
    skin, tree = _skin_tree(body)
    if known.any():
        out[known] = skin[tree.query(dense[known])[1]]
    return out


def snapped_to_skin(body: Body, dense: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The surface points that dense coordinates (N, 3) stand for, exactly on the skin of the reference body.

    Returns the points (N, 3) float64, their faces (N,) of `body.faces` and their barycentric weights (N, 3), with which
    the same place is found on any other shape or pose: `(weights[..., None] * vertices[body.faces[face]]).sum(1)`.
    """
    points = anatomy(body).points.astype(np.float64)
    places, face, _ = closest_points(dense, points, body.faces)
    a, b, c = (points[body.faces[face, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    square = np.maximum((normal**2).sum(1), 1e-300)
    w_b = (np.cross(places - a, c - a) * normal).sum(1) / square
    w_c = (np.cross(b - a, places - a) * normal).sum(1) / square
    return places, face, np.stack([1 - w_b - w_c, w_b, w_c], 1)
