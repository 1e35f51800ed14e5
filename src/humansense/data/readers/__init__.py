"""Real datasets in the layout that their authors distribute, one file each. Readers only read: no crops, no changes.

Each reader has `detect(root)`, `index(root)` (raises `HumansenseError` with what is missing), a length, and
`read(i) -> Sample`. A new dataset is a new file here, a row below, and a test with a tiny fake in its native layout.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from humansense.core import HumansenseError, Sample
from humansense.data.readers.ccp import ClothingCoParsing
from humansense.data.readers.coco import CocoJson, CocoTrain, CocoVal
from humansense.data.readers.datasets import DATASETS
from humansense.data.readers.folder import ImageFolder
from humansense.data.readers.fsitting import FreiburgSitting, FreiburgSittingTrain
from humansense.data.readers.h36m import Human36M, Human36MTrain, Human36MVal
from humansense.data.readers.lsp import LeedsSports, LeedsSportsTrain
from humansense.data.readers.lspet import LeedsSportsExtended
from humansense.data.readers.mpii import MpiiPose, MpiiSingle
from humansense.data.readers.pascal_parts import PascalParts, PascalPartsTrain
from humansense.data.readers.surreal import Surreal, SurrealMiddle
from humansense.data.readers.up import UnitePeople, UnitePeopleTrain


class Reader(Protocol):
    """What every row of `READERS` gives."""

    title: str

    @classmethod
    def detect(cls, root: Path) -> bool:
        """Whether `root` looks like this dataset."""
        ...

    @classmethod
    def index(cls, root: Path) -> Reader:
        """Find the samples under `root`."""
        ...

    def __len__(self) -> int: ...

    def read(self, i: int) -> Sample:
        """Sample i, with whatever the dataset annotates."""
        ...


READERS: Mapping[str, type[Reader]] = MappingProxyType(
    {
        "lsp": LeedsSports,
        "lsp-train": LeedsSportsTrain,
        "lspet": LeedsSportsExtended,
        "mpii": MpiiPose,
        "mpii-single": MpiiSingle,
        "coco": CocoVal,
        "coco-train": CocoTrain,
        "h36m": Human36M,
        "h36m-val": Human36MVal,
        "h36m-train": Human36MTrain,
        "fsitting": FreiburgSitting,
        "fsitting-train": FreiburgSittingTrain,
        "up": UnitePeople,
        "up-train": UnitePeopleTrain,
        "pascal-parts": PascalParts,
        "pascal-parts-train": PascalPartsTrain,
        "ccp": ClothingCoParsing,
        "surreal": Surreal,
        "surreal-middle": SurrealMiddle,
        "coco-json": CocoJson,
        "images": ImageFolder,
    }
)
"""Name -> reader. The plain name has the pictures that figures are reported on, `NAME-train` and `NAME-val` the others
(`DATASETS` states what each dataset is). `surreal-middle` has the middle frame of each clip alone, on which SURREAL is
evaluated. `images` takes any folder of pictures, so it comes last."""


def open_reader(root: str | Path, name: str | None = None) -> Reader:
    """The dataset at `root`, by the reader of that name or the first that recognises it."""
    root = Path(root)
    if name is not None:
        if name not in READERS:
            raise HumansenseError(f"unknown dataset {name!r}; known: {', '.join(READERS)}")
        return READERS[name].index(root)
    for reader in READERS.values():
        if reader.detect(root):
            return reader.index(root)
    raise HumansenseError(
        f"{root} is no dataset that can be read: expected one of {', '.join(DATASETS)}; "
        "`humansense data list` tells their files"
    )
