"""A slow, exact oracle of what lies inside what: winding numbers of posed meshes."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def winding(points: Tensor, vertices: Tensor, faces: Tensor) -> Tensor:
    """(N,) how often a mesh, closed or nearly, winds about each point: 1 inside, 0 outside (Van Oosterom 1983)."""
    corners = vertices[faces]
    out = []
    for some in points.split(256):
        a, b, c = (corners[None, :, k] - some[:, None] for k in range(3))
        la, lb, lc = a.norm(dim=-1), b.norm(dim=-1), c.norm(dim=-1)
        top = (a * torch.linalg.cross(b, c)).sum(-1)
        bottom = la * lb * lc + (a * b).sum(-1) * lc + (b * c).sum(-1) * la + (c * a).sum(-1) * lb
        out.append(torch.atan2(top, bottom).sum(1) / (2 * np.pi))
    return torch.cat(out) if out else torch.zeros(0)


def depth_inside(points: Tensor, vertices: Tensor, faces: Tensor, skin_m: float = 1.0) -> Tensor:
    """(N,) metres from each point inside a mesh to its nearest vertex; 0 outside.

    skin_m: only points about so near to the mesh's vertices are looked at. A surface that enters another one has such
    points, and they are few.
    """
    box = vertices[faces].reshape(-1, 3)
    near = ((points > box.amin(0)) & (points < box.amax(0))).all(1)
    depth = torch.zeros(len(points))
    some = torch.nonzero(near)[:, 0]
    if skin_m < 1 and len(some):
        some = some[torch.cdist(points[some], vertices[faces.unique()[::3]]).amin(1) < skin_m]
    inside = some[winding(points[some], vertices, faces) > 0.5]
    if len(inside):
        depth[inside] = torch.cdist(points[inside], vertices[faces.unique()]).amin(1)
    return depth


def triangles(faces: np.ndarray) -> Tensor:
    """(2F, 3) of quads (F, 4), or (F, 3) as they are."""
    faces = np.asarray(faces)
    if faces.shape[1] == 4:
        faces = np.concatenate([faces[:, [0, 1, 2]], faces[:, [0, 2, 3]]])
    return torch.from_numpy(faces).long()
