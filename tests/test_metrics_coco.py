"""COCO's average precision against a naive loop, by hand, and with bad input."""

from __future__ import annotations

import math

import numpy as np
import pytest

from humansense.core import HumansenseError, joint_set
from humansense.metrics import BoxAP, KeypointAP

pytest.importorskip("faster_coco_eval")
# Standard deviations of the annotators over the root of the area (cocodataset.org, "Keypoint evaluation").
SIGMAS = {
    "nose": 0.026, "eye": 0.025, "ear": 0.035, "shoulder": 0.079, "elbow": 0.072, "wrist": 0.062, "hip": 0.107,
    "knee": 0.087, "ankle": 0.089,
}  # fmt: skip


def iou(a, b, crowd):
    x0, y0 = max(a[0], b[0]), max(a[1], b[1])
    x1, y1 = min(a[2], b[2]), min(a[3], b[3])
    both = max(x1 - x0, 0) * max(y1 - y0, 0)
    one, other = ((c[2] - c[0]) * (c[3] - c[1]) for c in (a, b))
    return both / one if crowd else both / (one + other - both)


def oks(points, truth, area):
    total = []
    for name, p, t in zip(joint_set("coco17").names, points, truth, strict=True):
        if np.isfinite(t).all():
            k = 2 * SIGMAS[name.split("_")[-1]]
            total.append(math.exp(-((p - t) ** 2).sum() / (2 * area * k**2)) if np.isfinite(p).all() else 0.0)
    return np.mean(total)


def naive_ap(pictures, threshold):
    """pictures: of (scores, similarity (found, true), ignored (true,)); the area under the curve at 101 recalls."""
    marks, positives = [], 0
    for scores, similarity, ignored in pictures:
        positives += int((~ignored).sum())
        taken = set()
        for i in np.argsort(-scores, kind="stable"):
            free = [j for j in range(len(ignored)) if not ignored[j] and j not in taken]
            best = max(free, key=lambda j: similarity[i, j], default=None)
            if best is not None and similarity[i, best] >= threshold:
                taken.add(best)
                marks.append((scores[i], True))
            elif not any(similarity[i, j] >= threshold for j in np.flatnonzero(ignored)):
                marks.append((scores[i], False))
    marks.sort(key=lambda mark: -mark[0])
    right = np.cumsum([hit for _, hit in marks])
    precision, recall = right / np.arange(1, len(marks) + 1), right / positives
    return np.mean([max(precision[recall >= r - 1e-12], default=0.0) for r in np.linspace(0, 1, 101)])


def mean_ap(pictures):
    return np.mean([naive_ap(pictures, t) for t in np.linspace(0.5, 0.95, 10)])


def make_boxes(rng, count):
    low = rng.uniform(0, 300, (count, 2))
    return np.concatenate([low, low + rng.uniform(30, 150, (count, 2))], 1)


def test_box_ap_is_the_loop():
    rng, metric, pictures = np.random.default_rng(0), BoxAP(), []
    for k in range(12):
        truth = make_boxes(rng, k % 4)
        found = np.concatenate([truth + rng.normal(0, 6, truth.shape), make_boxes(rng, k % 3)])
        scores, crowd = rng.uniform(size=len(found)), rng.uniform(size=len(truth)) < 0.2
        metric.update(found, scores, truth, iscrowd=crowd)
        similarity = np.array([[iou(f, t, c) for t, c in zip(truth, crowd, strict=True)] for f in found])
        pictures.append((scores, similarity.reshape(len(found), len(truth)), crowd))
    figures = metric.compute()
    assert 0.1 < figures["ap"] < 0.9
    assert figures["ap"] == pytest.approx(mean_ap(pictures), abs=1e-9)
    assert figures["ap50"] == pytest.approx(naive_ap(pictures, 0.5), abs=1e-9)
    assert figures["ap75"] == pytest.approx(naive_ap(pictures, 0.75), abs=1e-9)


def test_keypoint_ap_is_the_loop():
    rng, metric, pictures = np.random.default_rng(1), KeypointAP(), []
    for k in range(12):
        boxes = make_boxes(rng, k % 4)
        sizes = boxes[:, None, 2:] - boxes[:, None, :2]
        truth = boxes[:, None, :2] + rng.uniform(0, 1, (len(boxes), 17, 2)) * sizes
        found = truth + rng.normal(0, 1, truth.shape) * sizes * 0.025
        truth[rng.uniform(size=truth.shape[:2]) < 0.3] = np.nan
        found[rng.uniform(size=found.shape[:2]) < 0.1] = np.nan
        scores, areas = rng.uniform(size=len(found)), sizes[:, 0].prod(-1) * 0.6
        metric.update(found, scores, truth, boxes, areas)
        similarity = [[oks(f, t, a) for t, a in zip(truth, areas, strict=True)] for f in found]
        pictures.append((scores, np.array(similarity).reshape(len(found), len(boxes)), np.zeros(len(boxes), bool)))
    figures = metric.compute()
    assert 0.1 < figures["ap"] < 0.9
    assert figures["ap"] == pytest.approx(mean_ap(pictures), abs=1e-9)
    assert figures["ap50"] == pytest.approx(naive_ap(pictures, 0.5), abs=1e-9)


def test_perfect_and_hopeless():
    truth = make_boxes(np.random.default_rng(2), 3)
    joints = truth[:, None, :2] + np.linspace(0, 20, 34).reshape(1, 17, 2)
    boxes, points = BoxAP(), KeypointAP()
    boxes.update(truth, [0.9, 0.8, 0.7], truth)
    points.update(joints, [0.9, 0.8, 0.7], joints, truth)
    assert boxes.compute()["ap"] == points.compute()["ap"] == pytest.approx(1)
    assert boxes.compute()["ar1"] == pytest.approx(1 / 3)
    assert math.isnan(points.compute()["ap_large"]) or points.compute()["ap_large"] == pytest.approx(1)
    boxes, points = BoxAP(), KeypointAP()
    boxes.update([], [], truth)
    points.update(np.full_like(joints, np.nan), [0.9, 0.8, 0.7], joints, truth)
    assert boxes.compute()["ap"] == points.compute()["ap"] == 0


def test_sizes():
    metric = BoxAP()
    small, large = [0, 0, 20, 20], [100, 100, 300, 300]
    metric.update([small], [1.0], [small, large])
    figures = metric.compute()
    assert (figures["ap_small"], figures["ap_large"]) == (pytest.approx(1), 0)
    assert math.isnan(figures["ap_medium"])
    assert math.isnan(BoxAP().compute()["ap"])
    assert math.isnan(KeypointAP().compute()["ap"])


def test_people_without_keypoints_are_passed_over():
    boxes = np.array([[0.0, 0, 100, 100], [200, 0, 300, 100]])
    joints = boxes[:, None, :2] + np.linspace(10, 90, 34).reshape(1, 17, 2)
    truth = joints.copy()
    truth[1] = np.nan
    metric = KeypointAP()
    metric.update(joints, [0.5, 0.9], truth, boxes)  # the surer one is in the box of whom nobody annotated
    assert metric.compute()["ap"] == pytest.approx(1)


def test_bad_input_is_named():
    box = [[0, 0, 10, 10]]
    with pytest.raises(HumansenseError, match=r"scores has shape \(2,\), expected \(1\)"):
        BoxAP().update(box, [1, 2], box)
    with pytest.raises(HumansenseError, match="turned over"):
        BoxAP().update([[10, 0, 0, 10]], [1], box)
    with pytest.raises(HumansenseError, match="boxes has NaN"):
        BoxAP().update([[np.nan, 0, 0, 10]], [1], box)
    with pytest.raises(HumansenseError, match=r"keypoints has shape \(1, 14, 2\)"):
        KeypointAP().update(np.zeros((1, 14, 2)), [1], np.zeros((1, 17, 2)), box)
