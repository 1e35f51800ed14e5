"""Proving optical flow: two frames and both flows between them, against people, dense coordinates and each other.

A pixel whose flow is valid says: the point that I see is seen there, too. So the pixels around the landing point must
show the same person, the same place of the body within `ACCURACY_PX`, and a flow that leads back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from humansense.core import Camera, Sample
from humansense.data.check_report import CheckReport
from humansense.data.maps import DENSE_UNIT_M, FLOW_STEPS

ACCURACY_PX = 0.1
"""Half of the pixels land this close to the point that they see, beside the steps of what is stored."""
ROUGH_PX = 0.5
"""95 % of the pixels land this close: the map there is interpolated between pixels, and a surface bends."""
SAME_PERSON = 0.99
"""This share of the valid pixels lands beside a pixel of the same person (or of the background)."""
_LIMITS = (("median", 50, ACCURACY_PX), ("95 %", 95, ROUGH_PX))
_CUT_LIMITS = (("median over a cut", 50, ROUGH_PX),)
# From one camera to quite another much of what is seen head on is seen edge on and small, where little can be
# interpolated: over a cut only the median counts, and more roughly.

STILL_PX = 1 / FLOW_STEPS
"""A background that stands still moves by this at most: a step of what is stored, for scenery in single precision."""
ENOUGH = 30
"""Fewer pixels than this have no median."""
CELL_M = 0.02
"""Two frames see the same place of a body if they see the same cell of this size on the reference body."""
_TURN, _SHIFT_M, _ZOOM = 0.01, 0.5, 1.1  # beyond (1 - cosine, metres, ratio) from frame to frame: a cut


@dataclass(frozen=True)
class _Landing:
    """The valid pixels of a flow (N of them) and what is around their landing points in the other frame.

    rows, columns: (N,) the pixels. flow: (N, 2). around: (N, 4) flat indices of the four pixels about the landing
    point. weights: (N, 4), bilinear; outside of the picture the nearest pixel stands in. inside: they all land in it.
    """

    rows: np.ndarray
    columns: np.ndarray
    flow: np.ndarray
    around: np.ndarray
    weights: np.ndarray
    inside: bool

    def at(self, values: np.ndarray) -> np.ndarray:
        """(N, 4, C) values of an (H, W, C) map around the landing points."""
        return values.reshape(-1, values.shape[-1])[self.around]

    def between(self, values: np.ndarray) -> np.ndarray:
        """(N, C) values of an (H, W, C) map at the landing points, interpolated."""
        return np.einsum("nk,nkc->nc", self.weights, self.at(values))

    def only(self, keep: np.ndarray) -> _Landing:
        around, weights = self.around[keep], self.weights[keep]
        return _Landing(self.rows[keep], self.columns[keep], self.flow[keep], around, weights, self.inside)


def check_ends(report: CheckReport, file: str, sample: Sample, first: bool, last: bool) -> None:
    """There is no frame before the first and none after the last."""
    for name, flow, is_end in (("flow", sample.flow, last), ("flow_back", sample.flow_back, first)):
        if flow is not None and is_end:
            valid = int(_known(flow).sum())
            report.expect(valid == 0, file, "flow ends with the clip", f"{valid} pixels of {name} lead out of it")


def check_motion(report: CheckReport, file: str, here: Sample, there: Sample) -> None:
    """Check the forward flow of frame `here` and the backward flow of the next frame, `there`. file: names them."""
    assert here.camera is not None
    assert there.camera is not None
    still, cut = _camera_motion(here.camera, there.camera)
    for name, flow, a, b in (("flow", here.flow, here, there), ("flow_back", there.flow_back, there, here)):
        if flow is None or a.instance is None or b.instance is None:
            continue
        named = f"{file} {name}"
        landing = _land(flow, a.instance > 0)
        report.expect(landing.inside, file, "flow stays in the picture", f"{name} leads out of it")
        _check_stays(report, named, "person", landing, a.instance, b.instance)
        _check_background(report, named, flow, (a.instance, b.instance), still)
        if a.dense is None or b.dense is None:
            continue
        smooth, pixel_m = _smooth(landing, a, b)
        _check_dense(report, named, smooth, pixel_m, (a.dense, b.dense), cut)
        if not cut:
            _check_found(report, named, flow, a, b)
        if flow is here.flow and there.flow_back is not None:
            _check_inverse(report, file, smooth, there.flow_back, cut)


def _known(values: np.ndarray) -> np.ndarray:
    """(H, W) bool: a pixel is wholly known or not at all, so its first channel tells."""
    return np.isfinite(values[..., 0])


def _camera_motion(here: Camera, there: Camera) -> tuple[bool, bool]:
    """(it stands still, it is another camera)."""
    still = all(np.array_equal(getattr(here, name), getattr(there, name)) for name in ("K", "R", "t"))
    turn = 1 - float((here.R * there.R).sum(1).min())
    shift = float(np.linalg.norm(here.center - there.center))
    zoom = float(there.K[0, 0] / here.K[0, 0])
    return still, turn > _TURN or shift > _SHIFT_M or max(zoom, 1 / zoom) > _ZOOM


def _land(flow: np.ndarray, on: np.ndarray) -> _Landing:
    """Of the valid pixels where `on` (H, W) is."""
    height, width = flow.shape[:2]
    rows, columns = np.nonzero(_known(flow) & on)
    motion = flow[rows, columns].astype(np.float64)
    # The landing point in units of pixel centres.
    x, y = columns + motion[:, 0], rows + motion[:, 1]
    slack = 0.5 + 1 / FLOW_STEPS
    inside = ((x >= -slack) & (x <= width - 1 + slack) & (y >= -slack) & (y <= height - 1 + slack)).all()
    left, top = np.floor(x), np.floor(y)
    u, v = x - left, y - top
    around, weights = [], []
    for dy, dx in ((0, 0), (0, 1), (1, 0), (1, 1)):
        row, column = np.clip(top + dy, 0, height - 1), np.clip(left + dx, 0, width - 1)
        around.append((row * width + column).astype(np.int64))
        weights.append((v if dy else 1 - v) * (u if dx else 1 - u))
    return _Landing(rows, columns, motion, np.stack(around, 1), np.stack(weights, 1), bool(inside))


def _check_stays(
    report: CheckReport, file: str, name: str, landing: _Landing, here: np.ndarray, there: np.ndarray
) -> None:
    """What a pixel sees is the same person, or the background, in both frames."""
    if len(landing.rows) < ENOUGH:
        return
    own = here[landing.rows, landing.columns]
    around = there.reshape(-1)[landing.around]
    bears = landing.weights > 1e-6  # of four pixels about a pixel's centre, three have no part in it
    lost = 1 - float(((around == own[:, None]) & bears).any(1).mean())
    report.note(f"flow that leaves its {name}, share", lost)
    report.expect(lost <= 1 - SAME_PERSON, file, f"flow stays on its {name}", f"{100 * lost:.1f} % leave it")


def _check_background(
    report: CheckReport, file: str, flow: np.ndarray, instances: tuple[np.ndarray, np.ndarray], still: bool
) -> None:
    """Before a camera that stands still the background does not move; before any, it stays background."""
    here, there = instances
    if still:
        on = _known(flow) & (here == 0)
        moving = on & ((flow[..., 0] != 0) | (flow[..., 1] != 0))
        off = float(np.abs(flow[moving]).max(initial=0.0))
        report.expect(off <= STILL_PX, file, "a still background", f"it moves by {off:.2f} px")
        hidden = int((on & (there > 0)).sum())
        report.expect(hidden == 0, file, "flow stays on its background", f"{hidden} pixels are hidden by a person")
        return
    grid = np.zeros(here.shape, bool)
    grid[::2, ::2] = True  # a quarter of the pixels is plenty
    _check_stays(report, file, "background", _land(flow, grid & (here == 0)), here, there)


def _smooth(landing: _Landing, here: Sample, there: Sample) -> tuple[_Landing, np.ndarray]:
    """The pixels that land amid one smooth piece of the same person, and a pixel's size there, metres.

    On a piece that is not smooth (a sleeve before the trunk) nothing can be interpolated. The size is that of a pixel
    on the reference body; smooth is where it is at most twice its median.
    """
    assert here.instance is not None
    assert there.instance is not None
    assert there.dense is not None
    own = here.instance[landing.rows, landing.columns]
    a, b, c, d = there.instance.reshape(-1)[landing.around].T
    landing = landing.only((a == own) & (b == own) & (c == own) & (d == own))
    if not len(landing.rows):
        return landing, np.zeros(0)
    corners = landing.at(there.dense)
    edges = [_length(corners[:, i] - corners[:, j]) for i, j in ((0, 1), (2, 3), (0, 2), (1, 3))]
    longest = np.maximum(np.maximum(edges[0], edges[1]), np.maximum(edges[2], edges[3]))
    smooth = longest <= 2 * np.median(np.concatenate(edges))
    return landing.only(smooth), ((edges[0] + edges[1] + edges[2] + edges[3]) / 4)[smooth]


def _length(vectors: np.ndarray) -> np.ndarray:
    return np.sqrt(np.einsum("...i,...i->...", vectors, vectors))


def _check_dense(
    report: CheckReport,
    file: str,
    landing: _Landing,
    pixel_m: np.ndarray,
    dense: tuple[np.ndarray, np.ndarray],
    cut: bool,
) -> None:
    """The landing point shows the place of the body that the pixel sees."""
    if len(pixel_m) < ENOUGH:
        return
    here, there = dense
    error = _length(landing.between(there) - here[landing.rows, landing.columns])
    # Two maps, each within half a step on every axis: at most a step apart, and 0.41 steps in the mean square.
    steps = float(np.linalg.norm(DENSE_UNIT_M))
    for name, share, accuracy in _CUT_LIMITS if cut else _LIMITS:
        rounding = steps / 2 if share == 50 else steps
        ratio = float(np.percentile(error / (accuracy * pixel_m + rounding), share))
        report.note(f"flow against dense, {name}, of {accuracy} px and the steps stored", ratio)
        size = f"{np.median(pixel_m) * 1000:.1f} mm a pixel"
        detail = f"{name} is {ratio:.2f} times {accuracy} px and the steps stored, of {size}"
        report.expect(ratio <= 1, file, "flow leads to the same place of the body", detail)


def _check_inverse(report: CheckReport, file: str, landing: _Landing, back: np.ndarray, cut: bool) -> None:
    """There and back is where it began."""
    landing = landing.only(np.isfinite(back[..., 0].reshape(-1)[landing.around]).all(1))
    if len(landing.rows) < ENOUGH:
        return
    gap = _length(landing.flow + landing.between(back))
    steps = np.sqrt(2) / FLOW_STEPS
    for name, share, accuracy in _CUT_LIMITS if cut else _LIMITS:
        value = float(np.percentile(gap, share))
        report.note(f"there and back, {name}, px", value)
        report.expect(value <= accuracy + steps, file, "flows are inverse", f"{name} is off by {value:.2f} px")


def _check_found(report: CheckReport, file: str, flow: np.ndarray, here: Sample, there: Sample) -> None:
    """Where both frames see much of the same places of a person, much of the flow is valid."""
    ours, theirs = _cells(here), _cells(there)
    if len(ours) < 10 * ENOUGH:
        return
    shared = float(np.isin(ours, theirs).mean())
    assert here.instance is not None
    valid = float(_known(flow)[here.instance > 0].mean())
    detail = f"{100 * shared:.0f} % of the places are in both frames, {100 * valid:.0f} % of the flow is valid"
    report.expect(valid >= 0.5 * shared - 0.05, file, "flow is valid where it can be", detail)


def _cells(sample: Sample) -> np.ndarray:
    """(N,) for every pixel of a person a number of the person and of the cell of the reference body that it sees."""
    assert sample.instance is not None
    assert sample.dense is not None
    on = (sample.instance > 0) & _known(sample.dense)
    x, y, z = np.floor(sample.dense[on] / CELL_M).astype(np.int64).T + 4096
    return ((sample.instance[on].astype(np.int64) * 8192 + x) * 8192 + y) * 8192 + z
