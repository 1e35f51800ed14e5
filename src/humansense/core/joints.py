"""Joint sets: names, parents, mirror pairs, and conversion by name from one set to another.

A joint is one place in the body with one name everywhere: `left_knee` of `coco17` and of `mpii16` are the
same point. Left and right are the person's own. Nothing outside `core` addresses a joint by a bare index:
use `JOINT_SETS["coco17"].index("left_knee")`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np

from humansense.core.errors import HumansenseError


@dataclass(frozen=True)
class JointSet:
    """An ordered list of joints. `parent_names[i]` is the joint that bone i comes from, or None (root)."""

    name: str
    names: tuple[str, ...]
    parent_names: tuple[str | None, ...]

    def __post_init__(self) -> None:
        if len(self.names) != len(self.parent_names) or len(set(self.names)) != len(self.names):
            raise ValueError(f"joint set {self.name}: {len(self.names)} names, {len(self.parent_names)} parents")
        for parent in self.parent_names:
            if parent is not None and parent not in self.names:
                raise ValueError(f"joint set {self.name}: unknown parent {parent}")

    def __len__(self) -> int:
        return len(self.names)

    def index(self, name: str) -> int:
        """Position of a joint by its name; raises `HumansenseError` for a name that is not in the set."""
        try:
            return self._positions[name]
        except KeyError:
            raise HumansenseError(
                f"joint set {self.name} has no joint {name!r}; it has {', '.join(self.names)}"
            ) from None

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.names)}

    @cached_property
    def parents(self) -> np.ndarray:
        """(J,) int64; -1 for a root."""
        return np.array([-1 if p is None else self._positions[p] for p in self.parent_names])

    @cached_property
    def mirror(self) -> np.ndarray:
        """(J,) int64: the joint that takes this one's place when the image is mirrored."""
        return np.array([self._positions[mirror_name(name)] for name in self.names])

    @cached_property
    def bones(self) -> tuple[tuple[int, int], ...]:
        """(parent, child) index pairs, for drawing and for bone lengths."""
        return tuple((int(p), i) for i, p in enumerate(self.parents) if p >= 0)


def mirror_name(name: str) -> str:
    """`left_knee` <-> `right_knee`, `wrist.L` <-> `wrist.R`; a joint of the middle is its own mirror."""
    for one, other in (("left_", "right_"), ("right_", "left_")):
        if name.startswith(one):
            return other + name[len(one) :]
    for one, other in ((".L", ".R"), (".R", ".L")):
        if name.endswith(one):
            return name[: -len(one)] + other
    return name


def _set(name: str, rows: str) -> JointSet:
    """Rows `joint<parent`; a root has no parent."""
    names, parents = [], []
    for row in rows.split():
        joint, _, parent = row.partition("<")
        names.append(joint)
        parents.append(parent or None)
    return JointSet(name, tuple(names), tuple(parents))


def _anny() -> JointSet:
    names: list[str] = ["root"]
    parents: list[str | None] = [None]

    def add(name: str, parent: str) -> str:
        names.append(name)
        parents.append(parent)
        return name

    def chain(parent: str, *links: str) -> str:
        for link in links:
            parent = add(link, parent)
        return parent

    for s in "LR":
        foot = chain(
            "root", *(f"{n}.{s}" for n in ("pelvis", "upperleg01", "upperleg02", "lowerleg01", "lowerleg02", "foot"))
        )
        for toe in range(1, 6):
            chain(foot, *(f"toe{toe}-{k}.{s}" for k in range(1, 3 if toe == 1 else 4)))
    chest = chain("root", "spine05", "spine04", "spine03", "spine02", "spine01")
    for s in "LR":
        wrist = chain(
            chest,
            *(
                f"{n}.{s}"
                for n in ("clavicle", "shoulder01", "upperarm01", "upperarm02", "lowerarm01", "lowerarm02", "wrist")
            ),
        )
        chain(wrist, *(f"finger1-{k}.{s}" for k in range(1, 4)))
        for finger in range(2, 6):
            chain(wrist, f"metacarpal{finger - 1}.{s}", *(f"finger{finger}-{k}.{s}" for k in range(1, 4)))
    head = chain(chest, "neck01", "neck02", "neck03", "head")
    add("eye.L", head)
    add("eye.R", head)
    return JointSet("anny", tuple(names), tuple(parents))


# MPII's order (Newell 2016, section 3). The root is the pelvis.
_MPII16 = _set(
    "mpii16",
    """
    right_ankle<right_knee right_knee<right_hip right_hip<pelvis
    left_hip<pelvis left_knee<left_hip left_ankle<left_knee
    pelvis thorax<pelvis upper_neck<thorax head_top<upper_neck
    right_wrist<right_elbow right_elbow<right_shoulder right_shoulder<thorax
    left_shoulder<thorax left_elbow<left_shoulder left_wrist<left_elbow
    """,
)
_COCO17 = _set(
    "coco17",
    """
    nose left_eye<nose right_eye<nose left_ear<left_eye right_ear<right_eye
    left_shoulder<left_ear right_shoulder<right_ear left_elbow<left_shoulder right_elbow<right_shoulder
    left_wrist<left_elbow right_wrist<right_elbow left_hip<left_shoulder right_hip<right_shoulder
    left_knee<left_hip right_knee<right_hip left_ankle<left_knee right_ankle<right_knee
    """,
)
# Leeds Sports Pose: MPII's limbs, `upper_neck` and `head_top`; its "neck" is MPII's upper neck.
_LSP14 = _set(
    "lsp14",
    """
    right_ankle<right_knee right_knee<right_hip right_hip<upper_neck
    left_hip<upper_neck left_knee<left_hip left_ankle<left_knee
    right_wrist<right_elbow right_elbow<right_shoulder right_shoulder<upper_neck
    left_shoulder<upper_neck left_elbow<left_shoulder left_wrist<left_elbow upper_neck head_top<upper_neck
    """,
)
# Human3.6M's 17 joints in the order of its usual protocol (Martinez 2017); "neck/nose" is `face_center`.
_H36M17 = _set(
    "h36m17",
    """
    pelvis right_hip<pelvis right_knee<right_hip right_ankle<right_knee
    left_hip<pelvis left_knee<left_hip left_ankle<left_knee
    spine<pelvis thorax<spine face_center<thorax head_top<face_center
    left_shoulder<thorax left_elbow<left_shoulder left_wrist<left_elbow
    right_shoulder<thorax right_elbow<right_shoulder right_wrist<right_elbow
    """,
)
H36M_RECORDED: tuple[str | None, ...] = (
    "pelvis", "right_hip", "right_knee", "right_ankle", None, None, "left_hip", "left_knee", "left_ankle", None, None,
    None, "spine", "thorax", "face_center", "head_top", None, "left_shoulder", "left_elbow", "left_wrist", None, None,
    None, None, None, "right_shoulder", "right_elbow", "right_wrist", None, None, None, None,
)  # fmt: skip
"""The 32 joints of Human3.6M's files: the name in `h36m17`, or None for ends of bones and doubles (Martinez 2017)."""

# SMPL's joints (Loper 2015). `spine` of Human3.6M is SMPL's `spine2`, but regressed apart from it.
_SMPL24 = _set(
    "smpl24",
    """
    pelvis left_hip<pelvis right_hip<pelvis spine1<pelvis left_knee<left_hip right_knee<right_hip spine2<spine1
    left_ankle<left_knee right_ankle<right_knee spine3<spine2 left_foot<left_ankle right_foot<right_ankle neck<spine3
    left_collar<spine3 right_collar<spine3 head<neck left_shoulder<left_collar right_shoulder<right_collar
    left_elbow<left_shoulder right_elbow<right_shoulder left_wrist<left_elbow right_wrist<right_elbow
    left_hand<left_wrist right_hand<right_wrist
    """,
)
# What `people` learns by default: MPII's 16 and the five of the face that COCO adds.
_HUMAN21 = JointSet(
    "human21",
    _MPII16.names + _COCO17.names[:5],
    (*_MPII16.parent_names, "upper_neck", "nose", "nose", "left_eye", "right_eye"),
)

JOINT_SETS: Mapping[str, JointSet] = MappingProxyType(
    {s.name: s for s in (_MPII16, _COCO17, _LSP14, _H36M17, _SMPL24, _HUMAN21, _anny())}
)


def joint_set(name: str) -> JointSet:
    """The set of that name; raises `HumansenseError` that lists the known ones."""
    if name not in JOINT_SETS:
        raise HumansenseError(f"unknown joint set {name!r}; known: {', '.join(JOINT_SETS)}")
    return JOINT_SETS[name]


def convert_joints(values: np.ndarray, source: str, target: str, fill: float = np.nan) -> np.ndarray:
    """Reorder joints (..., J_source, C) to (..., J_target, C) by name; joints that `source` lacks get `fill`.

    `pelvis` and `thorax` that a source lacks are the middles of its hips and of its shoulders (MPII's own
    definition of the two is the annotator's eye; COCO-trained systems use the middles).
    """
    src, dst = joint_set(source), joint_set(target)
    values = np.asarray(values)
    out = np.full((*values.shape[:-2], len(dst), values.shape[-1]), fill, dtype=np.result_type(values, np.float32))
    middles = {"pelvis": ("left_hip", "right_hip"), "thorax": ("left_shoulder", "right_shoulder")}
    for i, name in enumerate(dst.names):
        if name in src.names:
            out[..., i, :] = values[..., src.index(name), :]
        elif name in middles and all(side in src.names for side in middles[name]):
            left, right = (values[..., src.index(side), :] for side in middles[name])
            out[..., i, :] = (left + right) / 2
    return out
