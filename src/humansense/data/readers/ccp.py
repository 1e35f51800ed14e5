"""Clothing Co-Parsing (Yang, Luo and Lin, CVPR 2014): street fashion photos, 59 labels a pixel in 1,004 of them.

Native layout: `photos/0001.jpg`, `annotations/pixel-level/0001.mat` with `groundtruth` (H, W): 0 is the background, any
other label (clothes, skin, hair) is the person. Only the photos with such a label map are listed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from humansense.core import Sample
from humansense.data.readers.datasets import DATASETS
from humansense.data.readers.files import check_size, mask_people, read_mat, read_rgb

FACTS = DATASETS["ccp"]


@dataclass
class ClothingCoParsing:
    """Samples in the order of their names; `Sample.mask` is the person, `people[0].box` goes around it."""

    root: Path
    names: list[str]
    title = "Clothing Co-Parsing (photos/0001.jpg and annotations/pixel-level/0001.mat ...)"

    @classmethod
    def detect(cls, root: Path) -> bool:
        return (root / "photos").is_dir() and (root / "annotations" / "pixel-level").is_dir()

    @classmethod
    def index(cls, root: Path) -> ClothingCoParsing:
        root = Path(root)
        if not cls.detect(root):
            raise FACTS.refuse(root)
        annotated = sorted(path.stem for path in (root / "annotations" / "pixel-level").glob("*.mat"))
        names = [name for name in annotated if (root / "photos" / f"{name}.jpg").is_file()]
        if not names:
            raise FACTS.refuse(root, f"{root} has no photo with a pixel-level annotation of the same name")
        return cls(root, names)

    def __len__(self) -> int:
        return len(self.names)

    def labels(self, i: int) -> np.ndarray:
        """(H, W) uint8 labels of photo i, as the dataset has them."""
        path = self.root / "annotations" / "pixel-level" / f"{self.names[i]}.mat"
        return read_mat(path, "groundtruth").astype(np.uint8)

    def read(self, i: int) -> Sample:
        name = self.names[i]
        image, mask = read_rgb(self.root / "photos" / f"{name}.jpg"), self.labels(i) > 0
        check_size(self.root / "photos" / f"{name}.jpg", image, mask)
        return Sample(image=image, key=name, mask=mask, people=mask_people(mask))
