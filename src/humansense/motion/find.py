"""The motion files below a folder."""

from __future__ import annotations

import zipfile
from pathlib import Path

from humansense.core import HumansenseError

_KINDS = ".amc (with .asf), .bvh, exponential-map .txt or AMASS .npz"


def _is_expmap(path: Path) -> bool:
    """Whether a .txt file starts with a row of numbers and commas, as exponential-map files do."""
    with path.open("rb") as file:
        head = file.readline(400)
    return head.count(b",") > 10 and not set(head) - set(b"0123456789+-.eE,\r\n ")


def _is_amass(path: Path) -> bool:
    """Whether an .npz holds poses; other arrays, as AMASS's own shape.npz, are no motion.

    A broken .npz counts as motion, so that reading it says what is wrong.
    """
    try:
        with zipfile.ZipFile(path) as file:
            names = set(file.namelist())
    except (zipfile.BadZipFile, OSError):
        return True
    return "poses.npy" in names or {"root_orient.npy", "pose_body.npy"} <= names


def find_motions(root: str | Path) -> list[Path]:
    """Every .amc and .bvh file, exponential-map .txt file and .npz file with poses below `root`, sorted by path.

    Raises `HumansenseError` if there is no such folder, or none in it.
    """
    root = Path(root)
    if not root.is_dir():
        raise HumansenseError(f"{root} is not a folder: give one with {_KINDS} files")
    found = [p for p in root.rglob("*") if p.suffix.lower() in (".amc", ".bvh")]
    found += [p for p in root.rglob("*.txt") if _is_expmap(p)]
    found += [p for p in root.rglob("*.npz") if _is_amass(p)]
    if not found:
        c3d = next((p for p in root.rglob("*") if p.suffix.lower() == ".c3d"), None)
        hint = f"; markers as in {c3d.name} have to be converted to one of these first" if c3d else ""
        raise HumansenseError(f"{root} holds no motion: expected {_KINDS} files{hint}")
    return sorted(found)
