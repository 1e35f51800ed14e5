"""Whether a joint can be seen, by the depth map: it lies inside the body, so its own skin is in front of it."""

from __future__ import annotations

import functools

import numpy as np

from humansense.core import Sample

# How far the skin may be in front of a joint, metres, seen from any side. From the rest bodies: a hip lies about 0.13 m
# under the skin, a wrist 0.03. Names are matched by their beginning after the side is dropped; the first match counts.
_REACH_M = (
    (("toe", "finger", "metacarpal", "hand", "foot", "wrist", "eye", "nose", "ear"), 0.08),
    (("elbow", "knee", "ankle", "lowerarm", "lowerleg", "upperarm"), 0.11),
    (("shoulder", "clavicle", "collar", "neck", "upper_neck", "head_top", "upperleg"), 0.15),
    (("hip", "pelvis", "root", "spine", "thorax", "head", "face"), 0.20),
)
_OTHER_M = 0.15
BEFORE_M = 0.08
"""How far the skin may lie behind a joint: those of the face lie on it, and a sharp bend may leave others outside."""


@functools.cache
def reach_m(name: str) -> float:
    """Metres by which a joint's own skin may lie in front of it."""
    bare = name.removeprefix("left_").removeprefix("right_")
    for beginnings, reach in _REACH_M:
        if bare.startswith(beginnings):
            return reach
    return _OTHER_M


def visible_joints(points: np.ndarray, names: list[str], sample: Sample, label: int) -> np.ndarray:
    """(N,) bool: the joint falls on its own person's pixels, and the surface seen there is as near as its own skin.

    points: (N, 3) metres in the axes of `sample.camera`; NaN is not visible. `sample` needs `depth` and `instance`;
    without them every joint inside the picture counts as visible.
    """
    assert sample.camera is not None
    height, width = sample.size
    pixels = sample.camera.to_pixels(points)
    known = np.isfinite(pixels).all(-1)
    column, row = np.floor(np.where(known[:, None], pixels, -1)).astype(np.int64).T
    inside = known & (column >= 0) & (column < width) & (row >= 0) & (row < height)
    if sample.depth is None or sample.instance is None:
        return inside
    at = (np.clip(row, 0, height - 1), np.clip(column, 0, width - 1))
    behind = points[:, 2] - sample.depth[at]
    reach = np.array([reach_m(name) for name in names])
    return inside & (sample.instance[at] == label) & (behind <= reach) & (behind >= -BEFORE_M)
