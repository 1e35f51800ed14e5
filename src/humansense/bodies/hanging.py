"""Cloth that moves as a whole over several bones: skirts with the skin beneath them, shoes with all five toes."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from humansense.bodies.anatomy import anatomy
from humansense.bodies.anny_body import Body
from humansense.bodies.patch import neighbour_mean

SEEN_BELOW_HEM_M = 0.05  # skin that far above a skirt's hem may still be seen from below
NEIGHBOURS = 32
BLUR_M = 0.01  # skin next to the nearest has a say as well, the more so the looser the cloth
SMOOTHING = 2


def hangs(body: Body, points: np.ndarray) -> bool:
    """Whether cloth with these places (N, 3) on the reference body spans the gap between the legs."""
    a = anatomy(body)
    between = (np.abs(points[:, 0]) < 0.02) & (points[:, 2] < a.height_z(-0.15)) & (points[:, 2] > a.height_z(-1.9))
    return int(between.sum()) >= 4


def moving_with_legs(body: Body, points: np.ndarray, faces: np.ndarray, own: sparse.csr_matrix) -> sparse.csr_matrix:
    """(N, V) sparse: the places on the body whose bones move cloth that hangs at points (N, 3), reference body.

    Below the hips that is the skin around the nearest one, smoothly from leg to leg; above them the cloth's `own`
    places (N, V).
    """
    a = anatomy(body)
    skin = np.unique(body.faces)
    skin = skin[~a.arm[skin] & (a.points[skin, 2] < a.height_z(0.35))]
    distance, nearest = cKDTree(a.points[skin]).query(points, k=NEIGHBOURS)
    width = BLUR_M + 0.25 * distance[:, :1]
    weights = np.exp(-0.5 * ((distance - distance[:, :1]) / width) ** 2)
    weights /= weights.sum(1, keepdims=True)
    rows = np.arange(len(points)).repeat(NEIGHBOURS)
    legs = sparse.csr_matrix((weights.ravel(), (rows, skin[nearest].ravel())), shape=own.shape)
    mean = neighbour_mean(faces, len(points))
    for _ in range(SMOOTHING):
        legs = mean @ legs
    share = np.clip((a.height_z(0.25) - points[:, 2]) / (a.height_z(0.25) - a.height_z(0.05)), 0, 1)
    return sparse.csr_matrix(sparse.diags(share) @ legs + sparse.diags(1 - share) @ own).astype(np.float32)


@lru_cache(maxsize=1)
def toes_together(body: Body) -> sparse.csr_matrix:
    """(V, V) sparse: each place of the body itself, but on the toes the middle of the foot's five toes.

    `sources @ toes_together(body)` are the places that move a shoe, whose cap does not follow a single toe.
    """
    weights = body.skinning.numpy()
    n = body.n_vertices
    left, toes = np.ones(n, np.float32), sparse.csr_matrix((n, n), dtype=np.float32)
    for side in ("L", "R"):
        bones = [k for k, name in enumerate(body.joint_names) if name.startswith("toe") and name.endswith(side)]
        first = [k for k in bones if body.joint_names[k].endswith(f"-1.{side}")]
        share = np.clip(2 * weights[:, bones].sum(1), 0, 1)[:, None]
        middle = np.zeros((1, n), np.float32)
        middle[0, weights[:, first].argmax(0)] = 1 / len(first)
        toes = toes + sparse.csr_matrix(share) @ sparse.csr_matrix(middle)
        left -= share[:, 0]
    return sparse.csr_matrix(sparse.diags(left) + toes).astype(np.float32)
