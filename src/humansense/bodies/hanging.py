"""Cloth that hangs round both legs: it moves with the skin that it hangs over, so that a lifted thigh takes it along."""

from __future__ import annotations

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
