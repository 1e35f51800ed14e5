"""What the exporters share: the shape of a row of `EXPORTERS`, the settings, and folders that appear whole or not."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from humansense.core import HumansenseError, write_error
from humansense.data.maps import ENCODERS
from humansense.data.store_read import ClipEntry, ClipSet

MASKS = ("rle", "counts")


@dataclass(frozen=True)
class ExportSettings:
    """root: the set. out: folder to write to. layout: a row of `EXPORTERS`. workers: processes.

    split: name of the split's folder in SURREAL's layout. masks: how COCO's masks are written, "rle" (compressed) or
    "counts" (plain run lengths).
    """

    root: Path
    out: Path
    layout: str
    split: str = "train"
    workers: int = 2
    masks: str = "rle"

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise HumansenseError(f"--workers is {self.workers}: expected 1 or more")
        if not self.split.replace("_", "").replace("-", "").isalnum():
            raise HumansenseError(f"--split-name is {self.split!r}: expected letters, digits, _ and - only")
        if self.masks not in MASKS:
            raise HumansenseError(f"--masks is {self.masks!r}: expected one of {', '.join(MASKS)}")


@dataclass(frozen=True)
class Exporter:
    """A row of `EXPORTERS`. `home` is the folder that holds what one export writes.

    refused: why a clip has no place in this layout, or "". remarks: what to know about a clip that is exported.
    missing: which of the clips are not there yet. write_clip: write one clip, whole or not at all.
    finish: write what belongs to all clips, after the last one.
    """

    title: str
    home: Callable[[ExportSettings], Path]
    refused: Callable[[ClipEntry], str]
    remarks: Callable[[ClipSet, ClipEntry], Sequence[str]]
    missing: Callable[[Path, Sequence[ClipEntry]], list[ClipEntry]]
    write_clip: Callable[[ClipSet, ClipEntry, Path, ExportSettings], None]
    finish: Callable[[ClipSet, Sequence[ClipEntry], Path], None]


@dataclass
class ExportReport:
    """home: where the files are. clips, frames: what is there now; written: frames of this run.

    refused: reason -> clips that were left out. remarks: remark -> clips it holds for.
    """

    home: Path
    clips: int = 0
    frames: int = 0
    written: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    remarks: Counter[str] = field(default_factory=Counter)


def stored_maps(clip: ClipEntry, wanted: Sequence[str]) -> list[str]:
    """Those of the fields `wanted` that the clip has."""
    return [name for name in wanted if ENCODERS[name][0] in clip.maps]


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder beside `path` that takes its name when the block ends well, and is removed if it does not."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        yield temporary
        if not path.is_dir():  # else a worker that outlived its parent was quicker, with the same bytes
            os.replace(temporary, path)
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def nothing_to_finish(clips: ClipSet, taken: Sequence[ClipEntry], home: Path) -> None:
    """For layouts in which every clip stands alone."""
