"""The motion files below a folder."""

from __future__ import annotations

from pathlib import Path

from humansense.core import HumansenseError


def _is_expmap(path: Path) -> bool:
    """Whether a .txt file starts with a row of numbers and commas, as exponential-map files do."""
    with path.open("rb") as file:
        head = file.readline(400)
    return head.count(b",") > 10 and not set(head) - set(b"0123456789+-.eE,\r\n ")


def find_motions(root: str | Path) -> list[Path]:
    """Every .amc and .bvh file and every exponential-map .txt file below `root`, sorted by path.

    Raises `HumansenseError` if there is no such folder, or none in it.
    """
    root = Path(root)
    if not root.is_dir():
        raise HumansenseError(f"{root} is not a folder: give one with .amc, .bvh or exponential-map .txt files")
    found = [p for p in root.rglob("*") if p.suffix.lower() in (".amc", ".bvh")]
    found += [p for p in root.rglob("*.txt") if _is_expmap(p)]
    if not found:
        raise HumansenseError(f"{root} holds no motion: expected .amc (and .asf), .bvh or exponential-map .txt files")
    return sorted(found)
