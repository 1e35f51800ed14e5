"""Soft part labels of every vertex, derived from the rig."""

from __future__ import annotations

import numpy as np

from humansense.core import part_set

# Bone prefix (without `.L`/`.R`) -> SURREAL segment; `{s}` is the side. Longest prefix wins.
BONE_TO_SEGMENT = {
    "root": "hips", "pelvis": "hips", "spine05": "hips", "spine04": "spine", "spine03": "spine1",
    "spine02": "spine2", "spine01": "spine2", "clavicle": "{s}Shoulder", "shoulder01": "{s}Shoulder",
    "upperarm": "{s}Arm", "lowerarm": "{s}ForeArm", "wrist": "{s}Hand", "metacarpal": "{s}Hand",
    "finger": "{s}HandIndex1", "upperleg": "{s}UpLeg", "lowerleg": "{s}Leg", "foot": "{s}Foot", "toe": "{s}ToeBase",
    "neck": "neck", "head": "head", "eye": "head",
}  # fmt: skip


def bone_segment(bone: str) -> str:
    """SURREAL segment that the flesh around a bone of the `anny` rig belongs to."""
    side = {"L": "left", "R": "right"}.get(bone.rsplit(".", 1)[-1], "")
    stem = max((p for p in BONE_TO_SEGMENT if bone.startswith(p)), key=len)
    return BONE_TO_SEGMENT[stem].format(s=side)


def part_weights(bone_names: tuple[str, ...], skinning: np.ndarray, rest_vertices: np.ndarray) -> np.ndarray:
    """Sum the skinning weights of each segment's bones.

    skinning: (V, J) rows that sum to 1. rest_vertices: (V, 3) with the person's left at x > 0. Returns (V, 24)
    float32; column k is label k + 1 of the part set `smpl24`. A point of the surface gets the label with the
    largest interpolated weight, so borders run smoothly through triangles. A side's weight on the other
    side of the body goes to its mirror part, so left and right are exact.
    """
    segments = part_set("smpl24")
    out = np.zeros((len(skinning), len(segments) - 1), dtype=np.float32)
    for bone, weights in zip(bone_names, skinning.T, strict=True):
        out[:, segments.index(bone_segment(bone)) - 1] += weights
    mirror = segments.mirror[1:].astype(int) - 1
    for k, name in enumerate(segments.names[1:]):
        if name.startswith("left"):
            left, right = out[:, k].copy(), out[:, mirror[k]].copy()
            is_left = rest_vertices[:, 0] > 0
            out[:, k] = np.where(is_left, left + right, 0)
            out[:, mirror[k]] = np.where(is_left, 0, left + right)
    return out
