"""Unite the People, UP-S31 (Lassner et al., CVPR 2017): 31 parts of people in sports photos, from fitted bodies.

Native layout: lists `train_31_500_pkg_dorder.txt`, `val_...`, `trainval_...` and `test_...`, each line a picture, its
labels and the factor by which both were resized (`/31/500/pkg_dorder/00000_image.png /31/500/pkg_dorder/00000_ann.png
1.902011`), beside the folder `31/`. Labels are 0 for the background and 1 to 31 in the order of `up31`
(github.com/classner/up, segmentation/tools/create_dataset.py and up_tools/model.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from humansense.core import Sample, part_map, part_set
from humansense.data.readers.datasets import DATASETS
from humansense.data.readers.files import check_size, mask_people, read_labels, read_rgb

FACTS = DATASETS["up"]


@dataclass
class UnitePeople:
    """The pictures of the test list. `Sample.parts` are `parts14`; `labels` gives the 31. pairs: (picture, labels)."""

    root: Path
    pairs: list[tuple[Path, Path]]
    scales: list[float]
    title = "Unite the People UP-S31, test (test_31_500_pkg_dorder.txt and 31/)"
    split: ClassVar[str] = "test"

    @classmethod
    def _list(cls, root: Path) -> Path | None:
        for folder in (root, root / "s31", root / "up-s31" / "s31", root / "up-s31"):
            found = sorted(folder.glob(f"{cls.split}_31_*.txt"))
            if found:
                return found[0]
        return None

    @classmethod
    def detect(cls, root: Path) -> bool:
        return cls._list(root) is not None

    @classmethod
    def index(cls, root: Path) -> UnitePeople:
        root = Path(root)
        path = cls._list(root)
        if path is None:
            raise FACTS.refuse(root)
        pairs, scales = [], []
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            words = line.split()
            if not words:
                continue
            try:
                image, labels, scale = words[0], words[1], float(words[2])
            except (IndexError, ValueError):
                raise FACTS.refuse(
                    root, f"line {number} of {path} is {line[:80]!r}, no picture, labels, factor"
                ) from None
            pair = path.parent / image.lstrip("/"), path.parent / labels.lstrip("/")
            if all(file.is_file() for file in pair):
                pairs.append(pair)
                scales.append(scale)
        if not pairs:
            raise FACTS.refuse(root, f"none of the pictures of {path} is there")
        return cls(root, pairs, scales)

    def __len__(self) -> int:
        return len(self.pairs)

    def labels(self, i: int) -> np.ndarray:
        """(H, W) uint8 labels of `up31` of picture i."""
        return read_labels(self.pairs[i][1], len(part_set("up31")))

    def read(self, i: int) -> Sample:
        path = self.pairs[i][0]
        image, labels = read_rgb(path), self.labels(i)
        check_size(path, image, labels)
        parts = part_map("up31", "parts14")[labels]
        return Sample(
            image=image,
            key=path.stem.removesuffix("_image"),
            mask=parts > 0,
            parts=parts,
            part_set="parts14",
            people=mask_people(parts > 0),
            info={"path": str(path), "scale": self.scales[i]},
        )


@dataclass
class UnitePeopleTrain(UnitePeople):
    """The pictures of the list for training."""

    title = "Unite the People UP-S31, training"
    split: ClassVar[str] = "train"
