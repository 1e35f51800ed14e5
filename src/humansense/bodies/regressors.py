"""Where the joints of every set lie on the Anny body: by bone heads, anny's COCO regressors, or vertices."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from humansense.core import JOINT_SETS, HumansenseError, joint_set

# Joint -> (source, name). "bone": head of that bone. "coco": anny's published keypoint regressor.
# "vertex": one hm08 vertex. "mean": the middle of other joints. `{S}` is L or R for `left_`/`right_`.
_SIDES = {
    "shoulder": ("coco", "{side}_shoulder"), "elbow": ("coco", "{side}_elbow"), "wrist": ("coco", "{side}_wrist"),
    "hip": ("coco", "{side}_hip"), "knee": ("coco", "{side}_knee"), "ankle": ("coco", "{side}_ankle"),
    "eye": ("coco", "{side}_eye"), "ear": ("coco", "{side}_ear"),
    "collar": ("bone", "clavicle.{S}"), "foot": ("bone", "toe1-1.{S}"), "hand": ("bone", "finger3-1.{S}"),
}  # fmt: skip
_MIDDLE: Mapping[str, tuple[str, str]] = {
    "nose": ("coco", "nose"),
    "pelvis": ("mean", "left_hip right_hip"),
    "thorax": ("mean", "left_shoulder right_shoulder"),
    "upper_neck": ("bone", "neck03"),
    "head_top": ("vertex", "881"),
    "face_center": ("mean", "nose upper_neck"),
    "spine": ("bone", "spine03"),
    "spine1": ("bone", "spine04"),
    "spine2": ("bone", "spine03"),
    "spine3": ("bone", "spine02"),
    "neck": ("bone", "neck01"),
    "head": ("bone", "head"),
}


def joint_source(name: str) -> tuple[str, str]:
    """`(source, name)` of a joint of any set but `anny`."""
    side, _, rest = name.partition("_")
    if side in ("left", "right"):
        source, pattern = _SIDES[rest]
        return source, pattern.format(side=side, S=side[0].upper())
    return _MIDDLE[name]


def regressor(set_name: str, bone_names: tuple[str, ...], coco: Mapping[str, np.ndarray]) -> np.ndarray:
    """(J, B + V) float32 rows that sum to 1: weights of the B bone heads, then of the V vertices.

    coco: anny's keypoint weights, name -> (V,).
    """
    names = joint_set(set_name).names
    n_vertices = len(next(iter(coco.values())))
    width = len(bone_names) + n_vertices

    def row(name: str) -> np.ndarray:
        out = np.zeros(width, dtype=np.float32)
        source, value = joint_source(name)
        if source == "bone":
            out[bone_names.index(value)] = 1
        elif source == "coco":
            out[len(bone_names) :] = coco[value] / coco[value].sum()
        elif source == "vertex":
            out[len(bone_names) + int(value)] = 1
        else:
            out = np.mean([row(part) for part in value.split()], axis=0)
        return out

    return np.stack([row(name) for name in names])


def compact_regressors(bone_names: tuple[str, ...], coco: Mapping[str, np.ndarray]) -> tuple[np.ndarray, dict]:
    """All sets at once, restricted to the vertices that any of them uses.

    Returns `(vertices (K,), {set: (J, B + K) float32})`. `anny` is the bone heads themselves and left out.
    """
    full = {name: regressor(name, bone_names, coco) for name in JOINT_SETS if name != "anny"}
    bones = len(bone_names)
    used = np.flatnonzero(sum(np.abs(m[:, bones:]).sum(0) for m in full.values()))
    if not len(used):
        raise HumansenseError("the keypoint regressors are empty: reinstall the package anny")
    columns = np.concatenate([np.arange(bones), bones + used])
    return used, {name: m[:, columns] for name, m in full.items()}
