"""Any folder of pictures, without annotations: for looking, and for measuring false detections."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from humansense.core import HumansenseError, Sample
from humansense.data.readers.files import read_rgb

SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"))


@dataclass
class ImageFolder:
    """The pictures of a folder in the order of their names; sub-folders are not looked into."""

    root: Path
    paths: list[Path]
    title = "a folder of pictures"

    @classmethod
    def _find(cls, root: Path) -> list[Path]:
        return sorted(p for p in root.iterdir() if p.suffix.lower() in SUFFIXES) if root.is_dir() else []

    @classmethod
    def detect(cls, root: Path) -> bool:
        return bool(cls._find(root))

    @classmethod
    def index(cls, root: Path) -> ImageFolder:
        root = Path(root)
        paths = cls._find(root)
        if not paths:
            raise HumansenseError(f"{root} has no picture ({', '.join(sorted(SUFFIXES))})")
        return cls(root, paths)

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, i: int) -> Sample:
        return Sample(image=read_rgb(self.paths[i]), key=self.paths[i].stem, info={"path": str(self.paths[i])})
