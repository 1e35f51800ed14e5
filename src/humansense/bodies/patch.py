"""Pieces of surface that ride on the body: cut out of its mesh with clean borders, they follow every shape and pose.

Each vertex of a patch is a weighted mean of vertices of the body, so whatever the body knows of its vertices (rest
positions, skinning, part labels) the patch knows of its own by one sparse product. A cut puts new vertices on the
edges that it crosses.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from humansense.core import HumansenseError


@dataclass(frozen=True)
class Patch:
    """sources: (N, V) sparse, rows sum to 1, over the body's vertices. faces: (F, 3) int64 into the N vertices.

    uv: (F, 3, 2) float32 texture coordinates of the corners, v up.
    """

    sources: sparse.csr_matrix
    faces: np.ndarray
    uv: np.ndarray

    def __len__(self) -> int:
        return self.sources.shape[0]

    def carry(self, values: np.ndarray) -> np.ndarray:
        """Values (V, ...) of the body's vertices on the patch's own (N, ...)."""
        values = np.asarray(values)
        return (self.sources @ values.reshape(len(values), -1)).reshape(len(self), *values.shape[1:])

    def cut(self, field: np.ndarray) -> Patch:
        """Keep where `field` (N,), interpolated linearly, is >= 0."""
        return self.cut_with(field, np.zeros((len(self), 0)))[0]

    def cut_with(self, field: np.ndarray, values: np.ndarray) -> tuple[Patch, np.ndarray]:
        """`cut`, and values (N, C) of the old vertices on the new ones."""
        if field.shape != (len(self),):
            raise HumansenseError(f"field has shape {field.shape}, expected ({len(self)},): one value a vertex")
        faces, uv, edges, fractions = clip_triangles(self.faces, self.uv, field)
        blend = _edge_blend(edges, fractions, len(self))
        used, faces = used_vertices(faces, len(self) + len(edges))
        keep = sparse.vstack([sparse.identity(len(self), dtype=np.float32), blend], format="csr")[used]
        return Patch(keep @ self.sources, faces, uv), keep @ values

    def split(self, field: np.ndarray) -> Patch:
        """The whole surface with an edge along the line where `field` (N,) is zero."""
        field = np.where(field == 0, 1e-6, field)
        faces, uv, edges, fractions = clip_triangles(self.faces, self.uv, field)
        other_faces, other_uv, _, _ = clip_triangles(self.faces, self.uv, -field)
        blend = _edge_blend(edges, fractions, len(self))
        keep = sparse.vstack([sparse.identity(len(self), dtype=np.float32), blend], format="csr")
        return Patch(keep @ self.sources, np.concatenate([faces, other_faces]), np.concatenate([uv, other_uv]))

    def select(self, mask: np.ndarray) -> Patch:
        """Only the faces of `mask` (F,)."""
        return Patch(self.sources, self.faces[mask], self.uv[mask]).compact()

    def compact(self) -> Patch:
        """Without vertices that no face uses."""
        used, faces = used_vertices(self.faces, len(self))
        return Patch(self.sources[used], faces, self.uv)


def used_vertices(faces: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The vertices of n that faces (F, 3) use, ascending, and the faces as indices into them."""
    used = np.zeros(n, dtype=bool)
    used[faces] = True
    return np.flatnonzero(used), (np.cumsum(used) - 1)[faces]


def patch_of(faces: np.ndarray, uv: np.ndarray, n_vertices: int) -> Patch:
    """Faces (F, 3) of the body's own mesh as a patch."""
    return Patch(sparse.identity(n_vertices, dtype=np.float32, format="csr"), faces, uv).compact()


def join(first: Patch, second: Patch) -> Patch:
    """Both as one; the vertices of `first` come first."""
    return Patch(
        sparse.vstack([first.sources, second.sources], format="csr"),
        np.concatenate([first.faces, second.faces + len(first)]),
        np.concatenate([first.uv, second.uv]),
    )


def _edge_blend(edges: np.ndarray, fractions: np.ndarray, n: int) -> sparse.csr_matrix:
    """(E, n) rows that make the new vertices of `clip_triangles` from the old ones."""
    values = np.stack([1 - fractions, fractions], 1).ravel().astype(np.float32)
    return sparse.csr_matrix((values, (np.arange(len(edges)).repeat(2), edges.ravel())), shape=(len(edges), n))


def clip_triangles(
    faces: np.ndarray, uv: np.ndarray, field: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Clip triangles where a field given at the vertices is negative.

    Returns `(faces, uv, edges (E, 2), fractions (E,))`: new vertex `len(field) + e` lies on edge e, at `fraction`
    of the way from its first to its second end.
    """
    inside = field >= 0
    count = inside[faces].sum(1)
    whole = count == 3
    # Roll corners so that the odd one out (the only one inside, or the only one outside) comes first.
    one = _rolled(faces[count == 1], uv[count == 1], inside, True)
    two = _rolled(faces[count == 2], uv[count == 2], inside, False)
    crossing = np.concatenate([one[0][:, [0, 1]], one[0][:, [0, 2]], two[0][:, [0, 1]], two[0][:, [0, 2]]])
    crossing = np.sort(crossing, 1)
    keys, new = np.unique(crossing[:, 0] * len(field) + crossing[:, 1], return_inverse=True)
    edges = np.stack(np.divmod(keys, len(field)), 1)
    a, b = field[edges[:, 0]], field[edges[:, 1]]
    fractions = a / np.where(a == b, 1, a - b)
    first, second, third, fourth = np.split(new.ravel() + len(field), np.cumsum([len(one[0])] * 2 + [len(two[0])]))

    def between(corner_uv: np.ndarray, corners: np.ndarray, k: int) -> np.ndarray:
        t = (field[corners[:, 0]] / (field[corners[:, 0]] - field[corners[:, k]]))[:, None]
        return corner_uv[:, 0] * (1 - t) + corner_uv[:, k] * t

    one_faces = np.stack([one[0][:, 0], first, second], 1)
    one_uv = np.stack([one[1][:, 0], between(one[1], one[0], 1), between(one[1], one[0], 2)], 1)
    t1, t2 = between(two[1], two[0], 1), between(two[1], two[0], 2)
    two_faces = [np.stack([third, two[0][:, 1], two[0][:, 2]], 1), np.stack([third, two[0][:, 2], fourth], 1)]
    two_uv = [np.stack([t1, two[1][:, 1], two[1][:, 2]], 1), np.stack([t1, two[1][:, 2], t2], 1)]
    return (
        np.concatenate([faces[whole], one_faces, *two_faces]),
        np.concatenate([uv[whole], one_uv, *two_uv]).astype(np.float32),
        edges,
        fractions,
    )


def _rolled(faces: np.ndarray, uv: np.ndarray, inside: np.ndarray, odd: bool) -> tuple[np.ndarray, np.ndarray]:
    first = (inside[faces] == odd).argmax(1) if len(faces) else np.zeros(0, np.int64)
    order = (first[:, None] + np.arange(3)) % 3
    return np.take_along_axis(faces, order, 1), np.take_along_axis(uv, order[..., None], 1)


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(N, 3) unit normals, the area-weighted mean of the faces around each vertex; zero where there is none."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    normals = np.cross(b - a, c - a)
    out = np.stack([np.bincount(faces.ravel(), np.repeat(normals[:, k], 3), len(vertices)) for k in range(3)], 1)
    return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)


def neighbour_mean(faces: np.ndarray, n: int) -> sparse.csr_matrix:
    """(n, n) sparse rows that average a vertex and its neighbours."""
    i = faces[:, [0, 1, 2, 1, 2, 0]].ravel()
    j = faces[:, [1, 2, 0, 0, 1, 2]].ravel()
    links = sparse.csr_matrix((np.ones(len(i)), (i, j)), shape=(n, n)).sign() + sparse.identity(n)
    return sparse.diags(1 / np.asarray(links.sum(1)).ravel()) @ links
