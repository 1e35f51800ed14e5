"""COCO's format of annotations (Lin et al., ECCV 2014): boxes, masks and 17 joints of people, in one JSON file.

Native layout of COCO itself: `annotations/person_keypoints_val2017.json` and the pictures in `val2017/` or
`images/val2017/`. Any other folder of pictures with such a file is read too (`CocoJson`). Keypoints count pixels, so
that the centre of the first one is 0: 0.5 is added; boxes and polygons are continuous and measured from the picture's
corner (detectron2, structures/). A polygon covers each pixel that it touches by half: the border may differ by a pixel
from COCO's own masks. Crowds (`iscrowd`) are in `Sample.mask` and in `truth`, and are nobody of `Sample.people`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np

from humansense.core import HumansenseError, Person, Sample, joint_set
from humansense.data.export.rle import counts_mask, unpack_counts
from humansense.data.readers.datasets import DATASETS, Dataset
from humansense.data.readers.files import read_rgb
from humansense.data.store_write import instance_box
from humansense.data.transforms import joints_box

_POLYGON_BITS = 4
"""OpenCV takes corners in sixteenths of a pixel."""
_HEAD_BYTES = 65536
_MOST_PEOPLE = 255


@dataclass(frozen=True)
class CocoTruth:
    """Everything annotated in one picture, as `metrics.BoxAP` and `metrics.KeypointAP` take it, crowds too.

    boxes: (N, 4) float64 x0, y0, x1, y1. keypoints: (N, 17, 2) float64 our pixels, NaN where not annotated.
    areas: (N,) float64 pixels. iscrowd: (N,) bool.
    """

    boxes: np.ndarray
    keypoints: np.ndarray
    areas: np.ndarray
    iscrowd: np.ndarray


@dataclass
class CocoJson:
    """The pictures of the file that are there, in its order; people of a picture by their size, the largest first."""

    root: Path
    file: Path
    images: list[dict[str, Any]]
    paths: list[Path]
    annotations: dict[int, list[dict[str, Any]]]
    joints: dict[int, int]
    """Column of the file's keypoints -> row of coco17."""
    masks: bool = field(default=False)
    """Whether the file has masks: then a picture without any shows nobody."""
    title = "pictures with annotations in COCO's format"
    facts: ClassVar[Dataset] = DATASETS["coco-json"]

    @classmethod
    def _file(cls, root: Path) -> Path | None:
        found = [
            root / "annotations.json",
            *sorted(root.glob("*.json")),
            *sorted((root / "annotations").glob("*.json")),
        ]
        return next((path for path in found if path.is_file() and _looks_like_coco(path)), None)

    @classmethod
    def _folders(cls, root: Path, file: Path) -> list[Path]:
        return [root / "images", root, file.parent, root / file.stem]

    @classmethod
    def detect(cls, root: Path) -> bool:
        return root.is_dir() and cls._file(root) is not None

    @classmethod
    def index(cls, root: Path) -> CocoJson:
        root = Path(root)
        file = cls._file(root) if root.is_dir() else None
        if file is None:
            raise cls.facts.refuse(root)
        content = _load(file)
        person = _person_category(content, file)
        groups = defaultdict(list)
        for entry in content["annotations"]:
            if entry.get("category_id") == person["id"] and not entry.get("ignore"):
                groups[entry["image_id"]].append(entry)
        folders, images, paths = [f for f in cls._folders(root, file) if f.is_dir()], [], []
        for image in content["images"]:
            path = next((f / image["file_name"] for f in folders if (f / image["file_name"]).is_file()), None)
            if path is not None:
                images.append(image)
                paths.append(path)
        if not images:
            raise cls.facts.refuse(root, f"none of the {len(content['images'])} pictures of {file} is there")
        masks = any(entry.get("segmentation") for entries in groups.values() for entry in entries)
        return cls(root, file, images, paths, dict(groups), _columns(person), masks)

    def __len__(self) -> int:
        return len(self.images)

    def _entries(self, i: int) -> list[dict[str, Any]]:
        entries = self.annotations.get(self.images[i]["id"], [])
        return sorted(entries, key=lambda entry: -float(entry.get("area", 0)))

    def read(self, i: int) -> Sample:
        image = read_rgb(self.paths[i])
        size = image.shape[0], image.shape[1]
        mask, instance, people = np.zeros(size, bool), np.zeros(size, np.uint8), []
        masks_known = self.masks
        for entry in self._entries(i):
            shape = self._mask(entry, size)
            masks_known &= shape is not None
            if shape is not None:
                mask |= shape
            if entry.get("iscrowd"):
                continue
            person = self._person(entry, shape)
            people.append(person)
            if shape is not None and len(people) <= _MOST_PEOPLE:
                instance[shape] = len(people)  # the smaller ones come later: they stand in front
        name = self.images[i]["file_name"]
        return Sample(
            image=image,
            key=str(Path(name).with_suffix("")),
            mask=mask if masks_known else None,
            instance=instance if masks_known else None,
            people=tuple(people),
            info={"path": str(self.paths[i]), "image_id": self.images[i]["id"]},
        )

    def truth(self, i: int) -> CocoTruth:
        """What is annotated in picture i, for the average precisions; reads no picture."""
        entries = self._entries(i)
        boxes = [_box(entry) for entry in entries]
        missing = [entry for entry, box in zip(entries, boxes, strict=True) if box is None]
        if missing:
            raise HumansenseError(f"annotation {missing[0].get('id')} of {self.file} has no bbox")
        corners = np.array(boxes, np.float64).reshape(-1, 4)
        areas = [e.get("area", (b[2:] - b[:2]).prod()) for e, b in zip(entries, corners, strict=True)]
        joints = [self._joints(entry)[0] for entry in entries]
        return CocoTruth(
            boxes=corners,
            keypoints=np.array(joints, np.float64).reshape(-1, len(joint_set("coco17")), 2),
            areas=np.array(areas, np.float64),
            iscrowd=np.array([bool(entry.get("iscrowd")) for entry in entries], bool),
        )

    def _joints(self, entry: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """(17, 2) our pixels, NaN where not annotated, and (17,) bool, seen."""
        count = len(joint_set("coco17"))
        joints, seen = np.full((count, 2), np.nan, np.float32), np.zeros(count, bool)
        rows = np.asarray(entry.get("keypoints") or [], np.float64)
        if len(rows) % 3 or (len(rows) and len(rows) // 3 <= max(self.joints, default=-1)):
            raise HumansenseError(
                f"annotation {entry.get('id')} of {self.file} has {len(rows)} numbers of keypoints, expected x, y, v "
                f"of each of {max(self.joints) + 1}"
            )
        for column, row in self.joints.items():
            if len(rows) and rows[3 * column + 2] > 0:
                joints[row] = rows[3 * column : 3 * column + 2] + 0.5
                seen[row] = rows[3 * column + 2] == 2
        return joints, seen

    def _person(self, entry: dict[str, Any], mask: np.ndarray | None) -> Person:
        joints, seen = self._joints(entry)
        box = _box(entry)
        if box is None and mask is not None and mask.any():
            box = instance_box(mask, 1)
        params: dict[str, Any] = {name: entry[name] for name in ("id", "area") if name in entry}
        box = joints_box(joints) if box is None else box.astype(np.float32)
        return Person("coco17", joints2d=joints, visible=seen, box=box, params=params)

    def _mask(self, entry: dict[str, Any], size: tuple[int, int]) -> np.ndarray | None:
        """(H, W) bool of polygons or run lengths, or None where the annotation has none."""
        shape = entry.get("segmentation")
        if not shape:
            return None
        where = f"annotation {entry.get('id')} of {self.file}"
        if isinstance(shape, dict):
            if tuple(shape["size"]) != size:
                raise HumansenseError(f"{where} has a mask of {shape['size']}, its picture is {list(size)}")
            counts = shape["counts"]
            return counts_mask(unpack_counts(counts) if isinstance(counts, str) else np.asarray(counts), size)
        if any(len(corners) % 2 or len(corners) < 6 for corners in shape):
            raise HumansenseError(f"{where} has a polygon that is none: expected x, y of at least three corners")
        polygons = [np.asarray(corners, np.float64).reshape(-1, 2) - 0.5 for corners in shape]
        drawn = np.zeros(size, np.uint8)
        for polygon in polygons:  # one by one: together, OpenCV leaves out where they overlap
            fixed = np.round(polygon * 2**_POLYGON_BITS).astype(np.int32)
            cv2.fillPoly(drawn, [fixed], 1, shift=_POLYGON_BITS)
        return drawn > 0


@dataclass
class CocoVal(CocoJson):
    """The pictures of COCO's validation set, with people and without: what average precision is measured on."""

    title = "COCO Keypoints, validation"
    facts: ClassVar[Dataset] = DATASETS["coco"]
    split: ClassVar[str] = "val"

    @classmethod
    def _file(cls, root: Path) -> Path | None:
        files = sorted((root / "annotations").glob(f"person_keypoints_{cls.split}*.json"))
        return files[-1] if files else None

    @classmethod
    def _folders(cls, root: Path, file: Path) -> list[Path]:
        name = file.stem.removeprefix("person_keypoints_")
        return [root / name, root / "images" / name, root / "images"]


@dataclass
class CocoTrain(CocoVal):
    """The pictures of COCO's training set."""

    title = "COCO Keypoints, training"
    split: ClassVar[str] = "train"


def _looks_like_coco(path: Path) -> bool:
    """Whether a file begins like COCO's; the whole of it is read in `index`."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return False
    return any(f'"{key}"'.encode() in head for key in ("images", "annotations")) and head.lstrip()[:1] == b"{"


def _load(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise HumansenseError(f"{file} cannot be read as JSON ({error}): fetch it again") from error
    for key in ("images", "annotations", "categories"):
        if not isinstance(content, dict) or not isinstance(content.get(key), list):
            raise HumansenseError(f"{file} has no list {key!r}: expected COCO's images, annotations and categories")
    for key, rows, wanted in (("images", content["images"], ("id", "file_name")),
                              ("annotations", content["annotations"], ("image_id", "category_id"))):  # fmt: skip
        for row in rows:
            lacks = [name for name in wanted if name not in row]
            if lacks:
                raise HumansenseError(f"{file} has an entry of {key} without {lacks[0]!r}: {str(row)[:80]}")
    return content


def _person_category(content: dict[str, Any], file: Path) -> dict[str, Any]:
    rows = content["categories"]
    for row in rows:
        if str(row.get("name", "")).lower() in ("person", "people", "human"):
            return row
    if len(rows) == 1:
        return rows[0]
    names = ", ".join(str(row.get("name")) for row in rows) or "none"
    raise HumansenseError(f"{file} has no category 'person': it has {names}")


def _columns(person: dict[str, Any]) -> dict[int, int]:
    """Column of the file's keypoints -> row of coco17; where the category names none, they are COCO's."""
    ours = joint_set("coco17").names
    names = [str(name).lower().replace(" ", "_") for name in person.get("keypoints") or ours]
    return {column: ours.index(name) for column, name in enumerate(names) if name in ours}


def _box(entry: dict[str, Any]) -> np.ndarray | None:
    """(4,) float64 x0, y0, x1, y1, or None where the annotation has none."""
    box = entry.get("bbox")
    if box is None or len(box) != 4:
        return None
    x, y, width, height = map(float, box)
    return np.array([x, y, x + width, y + height])
