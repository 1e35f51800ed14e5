"""MPII Human Pose (Andriluka et al., CVPR 2014): pictures of videos, 16 joints, head boxes.

Native layout: `mpii_human_pose_v1_u12_1.mat` with the structure `RELEASE`: `annolist(i).image.name`,
`annolist(i).annorect(k)` with the head's box `x1 y1 x2 y2`, `scale` (of 200 pixels of body height), `objpos.x .y` (the
middle of the body) and `annopoints.point` with `id` (0 to 15 in the order of `mpii16`), `x`, `y`, `is_visible`;
`img_train(i)` is 1 where the truth is given out, `single_person{i}` lists the people who stand well apart. Pixels are
MATLAB's: 0.5 is taken off. Fields may be missing or empty anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from humansense.core import Person, Sample, joint_set
from humansense.data.readers.datasets import DATASETS
from humansense.data.readers.files import read_rgb, read_structs, struct_list
from humansense.data.transforms import joints_box

FACTS = DATASETS["mpii"]
FILE = "mpii_human_pose_v1_u12_1.mat"
_SCALE_PIXELS = 200
_SHIFT_DOWN = 15
"""Newell's box (pose-hg-train, and the tables since): 200 x scale a side, 15 x scale below the middle of the body."""


@dataclass
class MpiiPose:
    """The training pictures with at least one annotated person, in the order of the file; people in its order too.

    A person's box is the square of place and scale that the protocol gives (`_SHIFT_DOWN`), else that of the joints.
    `params` has `scale`, `center` (2,) and `number`, that of the person in the picture.
    """

    root: Path
    names: list[str]
    people: list[tuple[Person, ...]]
    title = f"MPII Human Pose ({FILE} and images/)"
    single: ClassVar[bool] = False

    @classmethod
    def _file(cls, root: Path) -> Path | None:
        return next((p for p in (root / FILE, root / "annot" / FILE) if p.is_file()), None)

    @classmethod
    def detect(cls, root: Path) -> bool:
        return cls._file(root) is not None and (root / "images").is_dir()

    @classmethod
    def index(cls, root: Path) -> MpiiPose:
        root = Path(root)
        path = cls._file(root)
        if path is None or not (root / "images").is_dir():
            raise FACTS.refuse(root)
        release = read_structs(path, "RELEASE")
        missing = [name for name in ("annolist", "img_train") if not hasattr(release, name)]
        if missing:
            raise FACTS.refuse(root, f"RELEASE of {path} has no field {missing[0]!r}")
        rows, train = struct_list(release, "annolist"), np.atleast_1d(release.img_train)
        apart = struct_list(release, "single_person") if cls.single else []
        names, people = [], []
        for i, row in enumerate(rows):
            name = str(row.image.name)
            if train[i] != 1 or not (root / "images" / name).is_file():
                continue
            chosen = {int(k) for k in np.atleast_1d(apart[i]).ravel()} if i < len(apart) else set()
            found = [(k + 1, _person(rect, k + 1)) for k, rect in enumerate(struct_list(row, "annorect"))]
            kept = tuple(p for k, p in found if p is not None and (not cls.single or k in chosen))
            if kept:
                names.append(name)
                people.append(kept)
        if not names:
            raise FACTS.refuse(root, f"{root / 'images'} has none of the annotated training pictures")
        return cls(root, names, people)

    def __len__(self) -> int:
        return len(self.names)

    def read(self, i: int) -> Sample:
        path = self.root / "images" / self.names[i]
        return Sample(image=read_rgb(path), key=path.stem, people=self.people[i], info={"path": str(path)})


@dataclass
class MpiiSingle(MpiiPose):
    """The people of `single_person` alone, on whom MPII's single-person figures are reported."""

    title = "MPII Human Pose, people who stand well apart"
    single: ClassVar[bool] = True


def _person(rect: Any, number: int) -> Person | None:
    """The person of an `annorect`, or None if no joint of it is annotated."""
    joints = joint_set("mpii16")
    points = np.full((len(joints), 2), np.nan, np.float32)
    visible = np.zeros(len(joints), bool)
    for point in struct_list(getattr(rect, "annopoints", None), "point"):
        k = int(point.id)
        if 0 <= k < len(joints):
            points[k] = point.x - 0.5, point.y - 0.5
            # Empty for joints of the head: nobody was asked, and they are seen.
            flag = np.asarray(getattr(point, "is_visible", 1)).ravel()
            visible[k] = not len(flag) or str(flag[0]) not in ("0", "0.0", "")
    if not np.isfinite(points).any():
        return None
    head = [_number(rect, name) for name in ("x1", "y1", "x2", "y2")]
    place, scale = getattr(rect, "objpos", None), _number(rect, "scale")
    center = np.array([_number(place, "x"), _number(place, "y")]) - 0.5
    box = joints_box(points)
    if np.isfinite(center).all() and scale > 0:
        middle, half = center + np.array([0, _SHIFT_DOWN * scale]), _SCALE_PIXELS * scale / 2
        box = np.concatenate([middle - half, middle + half]).astype(np.float32)
    return Person(
        "mpii16",
        joints2d=points,
        visible=visible,
        box=box,
        head_box=np.array(head, np.float32) - np.float32(0.5) if np.isfinite(head).all() else None,
        params={"scale": scale, "center": center, "number": number},
    )


def _number(struct: Any, name: str) -> float:
    """A number of a structure; NaN where the field is missing or empty."""
    values = np.asarray(getattr(struct, name, np.nan)).ravel()
    return float(values[0]) if len(values) and np.issubdtype(values.dtype, np.number) else float("nan")
