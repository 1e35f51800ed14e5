"""Proving the optional maps of one frame: hidden depth, garments, dense body coordinates."""

from __future__ import annotations

from typing import Any

import numpy as np

from humansense.core import Sample
from humansense.data.check_report import CheckReport
from humansense.data.maps import DEPTH_UNIT_M

DENSE_LOW_M, DENSE_HIGH_M = (-0.596, -0.377, -0.827), (0.596, 0.106, 1.028)
"""Where a dense coordinate may lie: the box of the reference body's skin and a step of what is stored.

What can be stored reaches a little further, so that a coordinate that was cut off there is out of the box.
"""
THIN_M = 0.01
"""A person of at least `ENOUGH` pixels is thicker than this at half of them: its hidden side is not the seen one."""
ENOUGH = 200


def check_optional_maps(report: CheckReport, file: str, sample: Sample, garments: Any) -> None:
    """Check those of the maps that the frame has. garments: the clip's table, as `.clip.json` has it."""
    assert sample.instance is not None
    person = sample.instance > 0
    if sample.hidden_depth is not None and sample.depth is not None:
        _same_pixels(report, file, "hidden depth where instance is", np.isfinite(sample.hidden_depth), person)
        _check_hidden(report, file, sample.hidden_depth, sample.depth)
    if sample.garments is not None:
        _same_pixels(report, file, "garments where instance is", sample.garments > 0, person)
        _check_garments(report, file, sample.garments, sample.instance, garments)
    if sample.dense is not None:
        _same_pixels(report, file, "dense where instance is", np.isfinite(sample.dense[..., 0]), person)
        _check_dense(report, file, sample.dense)


def _same_pixels(report: CheckReport, file: str, check: str, support: np.ndarray, person: np.ndarray) -> None:
    differs = int((support != person).sum())
    report.expect(differs == 0, file, check, f"{differs} pixels differ")


def _check_hidden(report: CheckReport, file: str, hidden: np.ndarray, depth: np.ndarray) -> None:
    """The far side of a person is behind the near side."""
    thickness = (hidden - depth)[np.isfinite(hidden) & np.isfinite(depth)]
    if not len(thickness):
        return
    before = -float(thickness.min())
    report.note("hidden depth in front of depth, m", before)
    report.expect(before < DEPTH_UNIT_M / 2, file, "hidden depth is behind depth", f"it is {before:.3f} m before it")
    if len(thickness) >= ENOUGH:
        middle = float(np.median(thickness))
        report.expect(middle > THIN_M, file, "people are thick", f"half of the pixels are under {middle:.4f} m thick")


def _check_garments(report: CheckReport, file: str, labels: np.ndarray, instance: np.ndarray, garments: Any) -> None:
    """Every label has a row in the clip's table, and the row is of the person who is seen there."""
    rows = garments if isinstance(garments, list) else []
    top = int(labels.max())
    report.expect(top <= len(rows), file, "garment labels", f"the greatest is {top}, the table has {len(rows)} rows")
    owners = np.zeros(256, np.int64)
    for g, row in enumerate(rows[:255]):
        known = isinstance(row, dict) and isinstance(row.get("person"), int) and isinstance(row.get("name"), str)
        owners[g + 1] = row["person"] + 1 if known else -1
    on = (labels > 0) & (labels <= len(rows)) & (instance > 0)
    wrong = int((owners[labels[on]] != instance[on]).sum())
    report.expect(wrong == 0, file, "garments of their person", f"{wrong} pixels show another person's garment")


def _check_dense(report: CheckReport, file: str, dense: np.ndarray) -> None:
    known = dense[np.isfinite(dense[..., 0])]
    if not len(known):
        return
    sides = zip(DENSE_LOW_M, known.T, DENSE_HIGH_M, strict=True)
    out = max(max(low - float(axis.min()), float(axis.max()) - high) for low, axis, high in sides)
    report.note("dense coordinate out of bounds, m", out)
    report.expect(out <= 1e-6, file, "dense on the reference body", f"a coordinate is {out:.3f} m out of its bounds")
