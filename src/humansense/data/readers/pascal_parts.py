"""PASCAL person parts (Chen et al., CVPR 2014, "Detect what you can"): 24 parts of the people in VOC 2010's photos.

Native layout: `Annotations_Part/2008_000003.mat` with the structure `anno`: `anno.objects(k)` with `class`, `mask` and
`parts(j)` with `part_name` and `mask` (H, W), 1 inside; the photos are VOC 2010's `JPEGImages/2008_000003.jpg`. Where
VOC's lists `ImageSets/Main/person_val.txt` and `person_train.txt` are there too, they say which photos are for what
(a name a line, and -1 where nobody is in the photo).

Left and right are the person's own. Eyes, ears, brows, nose, mouth, hair and neck are the head; `Sample.parts` are
`parts14`, and the tables of PASCAL-Person-Part have the six parts of `pascal6`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from humansense.core import HumansenseError, Person, Sample, joint_set, part_set
from humansense.data.readers.datasets import DATASETS
from humansense.data.readers.files import check_size, read_rgb, read_structs, struct_list
from humansense.data.store_write import instance_box

FACTS = DATASETS["pascal-parts"]
_HEAD = ("head", "leye", "reye", "lear", "rear", "lebrow", "rebrow", "nose", "mouth", "hair", "neck")
PARTS = MappingProxyType(
    dict.fromkeys(_HEAD, "head")
    | {"torso": "torso"}
    | {
        f"{letter}{theirs}": f"{side}_{ours}"
        for letter, side in (("l", "left"), ("r", "right"))
        for theirs, ours in (
            ("uarm", "upper_arm"), ("larm", "lower_arm"), ("hand", "hand"),
            ("uleg", "upper_leg"), ("lleg", "lower_leg"), ("foot", "foot"),
        )
    }
)  # fmt: skip
"""The dataset's names -> those of `parts14`."""


@dataclass
class PascalParts:
    """The photos with parts of a person: those of VOC's validation list, or all where there is no list.

    People are in the file's order. Those whose parts were not drawn are in `Sample.mask` alone, and background in
    `Sample.parts`, as in the tables.
    """

    root: Path
    folder: Path
    names: list[str]
    title = "PASCAL person parts (Annotations_Part/ and JPEGImages/)"
    split: ClassVar[str] = "val"
    needs_list: ClassVar[bool] = False

    @classmethod
    def _folder(cls, root: Path) -> Path | None:
        """That of JPEGImages/ and ImageSets/."""
        homes = [root, *(root / f"{a}{b}" for a in ("", "VOCdevkit/") for b in ("VOC2010", "VOC2012"))]
        return next((home for home in homes if (home / "JPEGImages").is_dir()), None)

    @classmethod
    def detect(cls, root: Path) -> bool:
        return (root / "Annotations_Part").is_dir() and cls._folder(root) is not None

    @classmethod
    def index(cls, root: Path) -> PascalParts:
        root = Path(root)
        folder = cls._folder(root)
        if folder is None or not cls.detect(root):
            raise FACTS.refuse(root)
        names = sorted(path.stem for path in (root / "Annotations_Part").glob("*.mat"))
        listed = folder / "ImageSets" / "Main" / f"person_{cls.split}.txt"
        if listed.is_file():
            lines = [line.split() for line in listed.read_text(encoding="utf-8").splitlines()]
            wanted = {words[0] for words in lines if words and words[-1] != "-1"}
            names = [name for name in names if name in wanted]
        elif cls.needs_list:
            raise FACTS.refuse(root, f"{listed} is not there, which says what is for training")
        names = [name for name in names if (folder / "JPEGImages" / f"{name}.jpg").is_file()]
        names = [name for name in names if any(struct_list(o, "parts") for o in _people(root, name))]
        if not names:
            raise FACTS.refuse(root, f"{root} has no photo with parts of a person")
        return cls(root, folder, names)

    def __len__(self) -> int:
        return len(self.names)

    def read(self, i: int) -> Sample:
        name = self.names[i]
        path = self.folder / "JPEGImages" / f"{name}.jpg"
        image = read_rgb(path)
        parts, instance = np.zeros(image.shape[:2], np.uint8), np.zeros(image.shape[:2], np.uint8)
        undrawn, people = np.zeros(image.shape[:2], bool), []
        for person in _people(self.root, name):
            mask = np.asarray(person.mask) > 0
            check_size(path, image, mask)
            drawn_parts = struct_list(person, "parts")
            if not mask.any() or not drawn_parts:
                undrawn |= mask
                continue
            unknown = np.full((len(joint_set("coco17")), 2), np.nan, np.float32)
            people.append(Person("coco17", joints2d=unknown, box=instance_box(mask, 1)))
            instance[mask] = len(people)
            for part in drawn_parts:
                label = self._label(str(part.part_name), name)
                drawn = np.asarray(part.mask) > 0
                check_size(path, image, drawn)
                parts[drawn] = label
        return Sample(
            image=image,
            key=name,
            mask=(instance > 0) | (parts > 0) | undrawn,
            parts=parts,
            part_set="parts14",
            instance=instance,
            people=tuple(people),
            info={"path": str(path)},
        )

    def _label(self, part: str, name: str) -> int:
        if part not in PARTS:
            raise HumansenseError(f"{name}.mat of {self.root} has a person's part {part!r}, known: {', '.join(PARTS)}")
        return part_set("parts14").index(PARTS[part])


@dataclass
class PascalPartsTrain(PascalParts):
    """The photos of VOC's list for training."""

    title = "PASCAL person parts, training"
    split: ClassVar[str] = "train"
    needs_list: ClassVar[bool] = True


def _people(root: Path, name: str) -> list[Any]:
    """The objects of a photo that are persons."""
    path = root / "Annotations_Part" / f"{name}.mat"
    anno = read_structs(path, "anno")
    if not hasattr(anno, "objects"):
        raise FACTS.refuse(root, f"anno of {path} has no field 'objects'")
    return [thing for thing in struct_list(anno, "objects") if str(getattr(thing, "class", "")) == "person"]
