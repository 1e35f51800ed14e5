"""Leeds Sports Pose Extended Training (Johnson and Everingham, CVPR 2011): 10,000 photos of sports, 14 joints.

Native layout: `joints.mat` with `joints` (14, 3, 10000): x, y in MATLAB's pixels (the first pixel's centre is 1, so
0.5 is taken off), and 1 for a joint that was annotated. A joint with flag 0 has no place: the file gives numbers
outside the picture for it, here it is NaN. `images/im00001.jpg` belongs to column 1. Columns of NaN, and images
that are not there, are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from humansense.core import Person, Sample, check_shape
from humansense.data.readers.datasets import DATASETS
from humansense.data.readers.files import read_mat, read_rgb
from humansense.data.transforms import joints_box

FACTS = DATASETS["lspet"]


@dataclass
class LeedsSportsExtended:
    """Samples in the order of their numbers. joints: (N, 14, 3) x, y (our pixels), annotated 0/1."""

    root: Path
    numbers: list[int]
    joints: np.ndarray
    title = "Leeds Sports Pose Extended (joints.mat and images/im00001.jpg ...)"

    @classmethod
    def detect(cls, root: Path) -> bool:
        return (root / "joints.mat").is_file() and (root / "images").is_dir()

    @classmethod
    def index(cls, root: Path) -> LeedsSportsExtended:
        root = Path(root)
        if not cls.detect(root):
            raise FACTS.refuse(root)
        table = read_mat(root / "joints.mat", "joints")
        check_shape(f"joints of {root / 'joints.mat'}", table, (14, 3, "photos"))
        joints = np.moveaxis(table.astype(np.float64), 2, 0)
        known = np.flatnonzero(np.isfinite(joints).all((1, 2)))
        numbers = [int(k) + 1 for k in known if cls._path(root, int(k) + 1).is_file()]
        if not numbers:
            raise FACTS.refuse(root, f"{root / 'images'} has no photo that joints.mat annotates")
        return cls(root, numbers, joints[[n - 1 for n in numbers]] - (0.5, 0.5, 0))

    @staticmethod
    def _path(root: Path, number: int) -> Path:
        return root / "images" / f"im{number:05d}.jpg"

    def __len__(self) -> int:
        return len(self.numbers)

    def read(self, i: int) -> Sample:
        path = self._path(self.root, self.numbers[i])
        visible = self.joints[i, :, 2] == 1
        joints2d = np.where(visible[:, None], self.joints[i, :, :2], np.nan).astype(np.float32)
        person = Person("lsp14", joints2d=joints2d, visible=visible, box=joints_box(joints2d))
        return Sample(image=read_rgb(path), key=path.stem, people=(person,), info={"path": str(path)})
