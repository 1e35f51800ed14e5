"""Freiburg Sitting People (Oliveira et al., ICRA 2016): 200 photos of six people in a wheelchair, 14 parts.

The archive is small and its copies differ in how their files are named, so this is read:

    ROOT/test/SUBJECT/images/NAME.png    or .jpg; `train` and `test` as in the paper: two subjects, and four
    ROOT/test/SUBJECT/masks/NAME.png     labels 0 to 14; or NAME.mat with one array of them
    ROOT/labels.txt                      what the labels 1, 2, ... are: a name of `parts14` a line

Without `labels.txt` the labels are in the order of `parts14`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from humansense.core import HumansenseError, Sample, part_set
from humansense.data.readers.datasets import DATASETS
from humansense.data.readers.files import check_size, mask_people, read_labels, read_rgb
from humansense.data.readers.folder import SUFFIXES
from humansense.data.readers.matlab import read_only_array

FACTS = DATASETS["fsitting"]
_MASKS = (".png", ".mat")


@dataclass
class FreiburgSitting:
    """The photos of the test subjects. pairs: (photo, labels). table: (15,) the file's labels -> `parts14`."""

    root: Path
    pairs: list[tuple[Path, Path]]
    table: np.ndarray
    title = "Freiburg Sitting People, test subjects (test/SUBJECT/images/ and masks/)"
    split: ClassVar[str] = "test"

    @classmethod
    def _subjects(cls, root: Path) -> list[Path]:
        home = root / cls.split
        folders = sorted(home.iterdir()) if home.is_dir() else []
        return [folder for folder in folders if (folder / "images").is_dir() and (folder / "masks").is_dir()]

    @classmethod
    def detect(cls, root: Path) -> bool:
        return bool(cls._subjects(root))

    @classmethod
    def index(cls, root: Path) -> FreiburgSitting:
        root = Path(root)
        pairs = []
        for folder in cls._subjects(root):
            for path in sorted(p for p in (folder / "images").iterdir() if p.suffix.lower() in SUFFIXES):
                masks = (folder / "masks" / f"{path.stem}{suffix}" for suffix in _MASKS)
                found = next((mask for mask in masks if mask.is_file()), None)
                if found is not None:
                    pairs.append((path, found))
        if not pairs:
            raise FACTS.refuse(root)
        return cls(root, pairs, _table(root / "labels.txt"))

    def __len__(self) -> int:
        return len(self.pairs)

    def read(self, i: int) -> Sample:
        path, file = self.pairs[i]
        image = read_rgb(path)
        if file.suffix == ".mat":
            labels = read_only_array(file)
            if labels.ndim != 2 or labels.min(initial=0) < 0 or labels.max(initial=0) >= len(self.table):
                raise HumansenseError(f"{file} has no labels: expected (H, W) of 0 to {len(self.table) - 1}")
            labels = labels.astype(np.uint8)
        else:
            labels = read_labels(file, len(self.table))
        check_size(path, image, labels)
        parts = self.table[labels]
        subject = path.parents[1].name
        return Sample(
            image=image,
            key=f"{subject}_{path.stem}",
            mask=parts > 0,
            parts=parts,
            part_set="parts14",
            people=mask_people(parts > 0),
            info={"path": str(path), "subject": subject},
        )


@dataclass
class FreiburgSittingTrain(FreiburgSitting):
    """The photos of the two subjects for training."""

    title = "Freiburg Sitting People, training subjects"
    split: ClassVar[str] = "train"


def _table(path: Path) -> np.ndarray:
    """(15,) uint8: label of the files -> label of `parts14`."""
    parts = part_set("parts14")
    if not path.is_file():
        return np.arange(len(parts), dtype=np.uint8)
    names = path.read_text(encoding="utf-8").split()
    if sorted(names) != sorted(parts.names[1:]):
        raise HumansenseError(
            f"{path} does not name every part once: expected, in any order, {', '.join(parts.names[1:])}"
        )
    return np.array([0, *(parts.index(name) for name in names)], np.uint8)
