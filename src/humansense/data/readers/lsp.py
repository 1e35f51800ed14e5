"""Leeds Sports Pose (Johnson and Everingham, BMVC 2010): 2,000 photos of sports, 14 joints.

Native layout: `joints.mat` with `joints` (3, 14, 2000): x, y in MATLAB's pixels (the first pixel's centre is 1, so 0.5
is taken off), and 1 for a joint that is hidden; every joint has a place. `images/im0001.jpg` belongs to column 1. The
first 1,000 photos are for training, the last 1,000 are the test.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from humansense.core import HumansenseError, Person, Sample, check_shape, joint_set
from humansense.data.readers.datasets import DATASETS
from humansense.data.readers.files import read_mat, read_rgb
from humansense.data.transforms import joints_box

FACTS = DATASETS["lsp"]
TRAINING_PHOTOS = 1000


@dataclass
class LeedsSports:
    """The 1,000 photos of the test in the order of their numbers. joints: (N, 14, 3) x, y (our pixels), hidden 0/1."""

    root: Path
    numbers: list[int]
    joints: np.ndarray
    title = "Leeds Sports Pose, test (joints.mat and images/im0001.jpg ...)"
    photos: ClassVar[slice] = slice(TRAINING_PHOTOS, None)

    @classmethod
    def detect(cls, root: Path) -> bool:
        # The extended set has the same file, but five digits in the names of its photos.
        return (root / "joints.mat").is_file() and next((root / "images").glob("im????.jpg"), None) is not None

    @classmethod
    def index(cls, root: Path) -> LeedsSports:
        root = Path(root)
        if not cls.detect(root):
            raise FACTS.refuse(root)
        table = read_mat(root / "joints.mat", "joints")
        try:
            check_shape(f"joints of {root / 'joints.mat'}", table, (3, len(joint_set("lsp14")), "photos"))
        except HumansenseError as error:
            raise FACTS.refuse(root, str(error)) from error
        joints = table.astype(np.float64).transpose(2, 1, 0) - (0.5, 0.5, 0)
        wanted = range(1, len(joints) + 1)[cls.photos]
        numbers = [n for n in wanted if cls._path(root, n).is_file()]
        if not numbers:
            raise FACTS.refuse(root, f"{root / 'images'} has none of the photos {wanted.start} to {wanted.stop - 1}")
        return cls(root, numbers, joints[[n - 1 for n in numbers]])

    @staticmethod
    def _path(root: Path, number: int) -> Path:
        return root / "images" / f"im{number:04d}.jpg"

    def __len__(self) -> int:
        return len(self.numbers)

    def read(self, i: int) -> Sample:
        path = self._path(self.root, self.numbers[i])
        joints2d = self.joints[i, :, :2].astype(np.float32)
        visible = self.joints[i, :, 2] == 0
        person = Person("lsp14", joints2d=joints2d, visible=visible, box=joints_box(joints2d))
        return Sample(image=read_rgb(path), key=path.stem, people=(person,), info={"path": str(path)})


@dataclass
class LeedsSportsTrain(LeedsSports):
    """The first 1,000 photos."""

    title = "Leeds Sports Pose, training"
    photos: ClassVar[slice] = slice(0, TRAINING_PHOTOS)
