"""COCO's average precision of boxes (IoU) and of keypoints (OKS), computed by faster-coco-eval.

Average precision is the mean over ten thresholds 0.50, 0.55 ... 0.95 of the area under the precision-recall curve,
sampled at 101 recalls; predictions are matched greedily by score, and what matches a crowd is neither right nor wrong
(Lin 2014, "Microsoft COCO"; cocodataset.org, "Keypoint evaluation"). Pictures come one at a time, as NumPy arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from humansense.core.checks import check_shape
from humansense.core.errors import HumansenseError
from humansense.core.joints import joint_set

_PERSON = 1
_FAR = 1e7
"""Pixels; where a predicted keypoint that is not known is put: its similarity to any truth is 0."""
_BOX_FIGURES = {
    "ap": "AP_all", "ap50": "AP_50", "ap75": "AP_75", "ap_small": "AP_small", "ap_medium": "AP_medium",
    "ap_large": "AP_large", "ar1": "AR_all", "ar10": "AR_second", "ar100": "AR_third",
}  # fmt: skip
_KEYPOINT_FIGURES = {
    "ap": "AP_all", "ap50": "AP_50", "ap75": "AP_75", "ap_medium": "AP_medium", "ap_large": "AP_large",
    "ar": "AR_all", "ar50": "AR_50", "ar75": "AR_75",
}  # fmt: skip


class BoxAP:
    """Average precision and recall of boxes of persons.

    compute gives `ap`, `ap50`, `ap75`, `ap_small` (below 32 x 32 pixels), `ap_medium`, `ap_large` (above 96 x 96) and
    `ar1`, `ar10`, `ar100`: the recall with so many boxes a picture. 0..1; NaN where there is no truth of that size.
    """

    def __init__(self) -> None:
        self._truth: list[dict[str, Any]] = []
        self._found: list[dict[str, Any]] = []
        self._pictures = 0

    def update(
        self,
        boxes: np.ndarray,
        scores: np.ndarray,
        truth_boxes: np.ndarray,
        areas: np.ndarray | None = None,
        iscrowd: np.ndarray | None = None,
    ) -> None:
        """One picture.

        boxes: (N, 4) predicted x0, y0, x1, y1; scores: (N,), higher is surer. truth_boxes: (M, 4).
        areas: (M,) pixels of each true person, which decide small, medium or large; by default those of the boxes.
        iscrowd: (M,) bool, boxes around many people or such as do not count; by default none.
        Raises `HumansenseError` for other shapes and numbers that are not finite.
        """
        boxes, scores = _array("boxes", boxes, ("found", 4)), _array("scores", scores, (len(boxes),))
        truth = _truth_rows(truth_boxes, areas, iscrowd)
        self._pictures += 1
        _append(self._truth, truth, self._pictures)
        _append(self._found, [_box_row(b) | {"score": float(s)} for b, s in zip(boxes, scores, strict=True)],
                self._pictures)  # fmt: skip

    def compute(self) -> dict[str, float]:
        """The figures over all pictures."""
        return _evaluate("bbox", (self._truth, self._found), self._pictures, _BOX_FIGURES)


class KeypointAP:
    """Average precision and recall of the 17 joints of COCO, by object keypoint similarity (OKS).

    compute gives `ap`, `ap50`, `ap75`, `ap_medium`, `ap_large`, `ar`, `ar50`, `ar75`: 0..1; NaN where there is no
    truth of that size. The 20 surest people of a picture count. True people without any known keypoint are passed over
    as crowds are.
    """

    def __init__(self) -> None:
        self._truth: list[dict[str, Any]] = []
        self._found: list[dict[str, Any]] = []
        self._pictures = 0

    def update(
        self,
        keypoints: np.ndarray,
        scores: np.ndarray,
        truth_keypoints: np.ndarray,
        truth_boxes: np.ndarray,
        areas: np.ndarray | None = None,
        iscrowd: np.ndarray | None = None,
    ) -> None:
        """One picture.

        keypoints: (N, 17, 2) predicted pixels in the order of `coco17`; NaN is nowhere near anything. scores: (N,).
        truth_keypoints: (M, 17, 2), NaN where not annotated. truth_boxes: (M, 4) x0, y0, x1, y1.
        areas: (M,) pixels of each true person, the scale of OKS (COCO: of its mask); by default 0.53 times that of its
        box, as where no masks are drawn (Jin 2020, "Whole-body pose estimation in the wild"). iscrowd: (M,) bool.
        """
        joints = len(joint_set("coco17"))
        keypoints = _array("keypoints", keypoints, ("found", joints, 2), finite=False)
        scores = _array("scores", scores, (len(keypoints),))
        truth_keypoints = _array("truth_keypoints", truth_keypoints, ("true", joints, 2), finite=False)
        truth_boxes = _array("truth_boxes", truth_boxes, (len(truth_keypoints), 4))
        if areas is None:
            areas = 0.53 * (truth_boxes[:, 2:] - truth_boxes[:, :2]).prod(-1)
        truth = _truth_rows(truth_boxes, areas, iscrowd)
        for row, points in zip(truth, truth_keypoints, strict=True):
            known = np.isfinite(points).all(-1)
            row["keypoints"] = np.column_stack([np.where(known[:, None], points, 0), 2 * known]).ravel().tolist()
            row["num_keypoints"] = int(known.sum())
        self._pictures += 1
        _append(self._truth, truth, self._pictures)
        found = [_keypoint_row(p) | {"score": float(s)} for p, s in zip(keypoints, scores, strict=True)]
        _append(self._found, found, self._pictures)

    def compute(self) -> dict[str, float]:
        """The figures over all pictures."""
        return _evaluate("keypoints", (self._truth, self._found), self._pictures, _KEYPOINT_FIGURES)


def _array(name: str, values: np.ndarray, shape: tuple[int | str | None, ...], finite: bool = True) -> np.ndarray:
    """float64 of that shape; an empty list stands for nobody."""
    array = np.asarray(values, np.float64)
    if array.size == 0 and (isinstance(shape[0], str) or shape[0] == 0):
        return np.zeros([0, *shape[1:]], np.float64)  # type: ignore[list-item]
    check_shape(name, array, shape)
    if finite and not np.isfinite(array).all():
        raise HumansenseError(f"{name} has NaN or infinite numbers: leave such rows out")
    return array


def _truth_rows(boxes: np.ndarray, areas: np.ndarray | None, iscrowd: np.ndarray | None) -> list[dict[str, Any]]:
    boxes = _array("truth_boxes", boxes, ("true", 4))
    sizes = (boxes[:, 2:] - boxes[:, :2]).prod(-1) if areas is None else _array("areas", areas, (len(boxes),))
    crowds = np.zeros(len(boxes)) if iscrowd is None else _array("iscrowd", iscrowd, (len(boxes),))
    rows = zip(boxes, sizes, crowds, strict=True)
    return [_box_row(box) | {"area": float(size), "iscrowd": int(crowd > 0)} for box, size, crowd in rows]


def _box_row(box: np.ndarray) -> dict[str, Any]:
    x0, y0, x1, y1 = box.tolist()
    if x1 < x0 or y1 < y0:
        raise HumansenseError(f"box {box.tolist()} is turned over: expected x0, y0, x1, y1 with x0 <= x1 and y0 <= y1")
    return {"bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0), "iscrowd": 0}


def _keypoint_row(points: np.ndarray) -> dict[str, Any]:
    """A predicted person; its size, which tells whether a false one is medium or large, is that of its keypoints."""
    known = np.isfinite(points).all(-1)
    placed = points[known] if known.any() else np.zeros((1, 2))
    row = _box_row(np.concatenate([placed.min(0), placed.max(0)]))
    row["keypoints"] = np.column_stack([np.where(known[:, None], points, _FAR), known]).ravel().tolist()
    return row


def _append(rows: list[dict[str, Any]], new: list[dict[str, Any]], picture: int) -> None:
    for row in new:  # the ids of COCO begin with 1: 0 means "not matched"
        rows.append(row | {"id": len(rows) + 1, "image_id": picture, "category_id": _PERSON})


def _evaluate(
    kind: str, rows: tuple[list[dict[str, Any]], list[dict[str, Any]]], pictures: int, names: Mapping[str, str]
) -> dict[str, float]:
    """The figures of faster-coco-eval for truth and predictions; its -1, "no truth of this size", becomes NaN."""
    try:
        from faster_coco_eval import COCO, COCOeval_faster
    except ImportError as error:
        raise HumansenseError(
            f"average precision needs the package faster-coco-eval ({error}): pip install 'humansense[coco]'"
        ) from error
    if not rows[0]:
        return dict.fromkeys(names, float("nan"))
    images = [{"id": k + 1} for k in range(pictures)]
    truth, found = (
        COCO({"images": images, "annotations": part, "categories": [{"id": _PERSON, "name": "person"}]})
        for part in rows
    )
    run = COCOeval_faster(truth, found, iouType=kind)
    run.params.catIds = [_PERSON]
    run.evaluate()
    run.accumulate()
    run.summarize()
    figures = run.stats_as_dict
    figures = figures() if callable(figures) else figures
    return {name: figures[key] if figures[key] >= 0 else float("nan") for name, key in names.items()}
