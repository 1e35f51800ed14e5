"""COCO's run lengths of a mask, and their packing into a string.

A mask is read column by column; the counts are the lengths of its runs, the first one of zeros (so 0 if the mask starts
with a one). In a string each count is a signed number, from the fourth on less the count two before it, in groups of
five bits, the lowest first: a group's character is its value, 32 more if another follows, plus 48 (cocoapi,
common/maskApi.c, rleToString and rleFrString).
"""

from __future__ import annotations

import numpy as np

from humansense.core import HumansenseError

_FIRST_CHARACTER = 48
_MORE, _SIGN, _BITS = 0x20, 0x10, 5


def mask_counts(mask: np.ndarray) -> np.ndarray:
    """(N,) int64 run lengths of a (H, W) bool mask."""
    flat = np.asarray(mask, bool).ravel(order="F")
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    counts = np.diff(np.concatenate([[0], edges, [flat.size]]))
    return np.concatenate([[0], counts]) if flat.size and flat[0] else counts


def counts_mask(counts: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(H, W) bool mask of run lengths; raises `HumansenseError` if they do not fill the size."""
    counts = np.asarray(counts, np.int64)
    if (counts < 0).any() or counts.sum() != size[0] * size[1]:
        raise HumansenseError(
            f"the run lengths of a mask cover {counts.sum()} pixels, expected {size[0]} x {size[1]}: "
            "the file is damaged"
        )
    return np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(size, order="F")


def pack_counts(counts: np.ndarray) -> str:
    """Run lengths as COCO's compressed string."""
    rest = np.asarray(counts, np.int64).copy()
    rest[3:] -= np.asarray(counts, np.int64)[1:-2]
    columns, open_ = [], np.ones(len(rest), bool)
    while open_.any():
        group = rest & (_MORE - 1)
        rest = rest >> _BITS
        # No further group where all that is left is the sign, and the sign is this group's highest bit.
        more = np.where(group & _SIGN, rest != -1, rest != 0)
        columns.append(np.where(open_, group + np.where(more, _MORE, 0) + _FIRST_CHARACTER, 0))
        open_ &= more
    codes = np.stack(columns, 1).ravel() if columns else np.zeros(0, np.int64)
    return codes[codes > 0].astype(np.uint8).tobytes().decode("ascii")


def unpack_counts(text: str) -> np.ndarray:
    """(N,) int64 run lengths of COCO's compressed string; raises `HumansenseError` if it is none."""
    groups = np.frombuffer(text.encode("ascii", "replace"), np.uint8).astype(np.int64) - _FIRST_CHARACTER
    if len(groups) and (groups.min() < 0 or groups.max() >= 64 or groups[-1] & _MORE):
        raise HumansenseError("a mask's string has other characters than COCO's run lengths have: the file is damaged")
    counts: list[int] = []
    value = shift = 0
    for group in groups.tolist():
        value |= (group & (_MORE - 1)) << shift
        shift += _BITS
        if not group & _MORE:
            if group & _SIGN:
                value -= 1 << shift
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value = shift = 0
    return np.array(counts, np.int64)
