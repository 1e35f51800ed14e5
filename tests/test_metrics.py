"""Measures against naive loops and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from humansense.core import HumansenseError, joint_set
from humansense.metrics import PCK, DepthError, MaskIoU, PartIoU, fit_scale_shift, head_size, pckh, torso_pck


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_part_iou_is_the_loop():
    predicted, truth = torch.randint(0, 5, (6, 9, 9)), torch.randint(-1, 4, (6, 9, 9))  # label 4 is never true
    metric = PartIoU(7)  # labels 5 and 6 never appear
    for i in range(0, 6, 2):
        metric.update(predicted[i : i + 2], truth[i : i + 2])
    known = truth >= 0
    ious, recalls = [], []
    for label in range(1, 7):
        p, t = (predicted == label) & known, (truth == label) & known
        if (p | t).any():
            ious.append(((p & t).sum() / (p | t).sum()).item())
        if t.any():
            recalls.append(((p & t).sum() / t.sum()).item())
    assert len(ious) == 4
    assert len(recalls) == 3
    assert metric.compute() == pytest.approx({"iou": np.mean(ious), "accuracy": np.mean(recalls)})


def test_f1_and_merged_labels_are_the_loop():
    predicted, truth = torch.randint(0, 5, (4, 9, 9)), torch.randint(-1, 4, (4, 9, 9))
    metric = PartIoU(6)
    metric.update(predicted, truth)
    known, scores = truth >= 0, []
    for label in range(5):
        p, t = (predicted == label) & known, (truth == label) & known
        scores.append((2 * (p & t).sum() / (p.sum() + t.sum())).item())
    assert metric.macro_f1() == pytest.approx(np.mean(scores))
    table = torch.tensor([0, 1, 1, 2, 1, 2])
    coarse = PartIoU(3)
    coarse.update(table[predicted], torch.where(known, table[truth.clamp(min=0)], -1))
    assert torch.equal(metric.merged(table).confusion, coarse.confusion)
    with pytest.raises(HumansenseError, match="does not fit"):
        metric.merged(table[:3])


def test_background_is_not_in_the_mean():
    truth = torch.zeros(1, 10, 10, dtype=torch.int64)
    truth[:, :2, :2] = 1
    metric = PartIoU(2)
    metric.update(torch.zeros_like(truth), truth)  # 96 % of the pixels are right, and no part is
    assert metric.compute() == {"iou": 0.0, "accuracy": 0.0}
    assert metric.per_label()[0][0].item() == pytest.approx(0.96)


def test_mask_iou_is_the_loop():
    predicted, truth, known = (torch.rand(5, 8, 8) > 0.5 for _ in range(3))
    truth[1], predicted[1] = False, False  # nothing there, nothing found
    known[2] = False  # not annotated
    metric = MaskIoU()
    metric.update(predicted[:3], truth[:3], known[:3])
    metric.update(predicted[3:], truth[3:], known[3:])
    scores = []
    for p, t, k in zip(predicted, truth, known, strict=True):
        if k.any():
            either = ((p | t) & k).sum()
            scores.append(1.0 if either == 0 else ((p & t & k).sum() / either).item())
    assert len(scores) == 4
    assert metric.compute() == pytest.approx(np.mean(scores))
    assert math.isnan(MaskIoU().compute())


def test_depth_error_is_the_loop():
    predicted, truth = torch.randint(1, 20, (4, 6, 6)), torch.randint(1, 20, (4, 6, 6))
    human = torch.rand(4, 6, 6) > 0.4
    human[2] = False
    metric = DepthError(0.045)
    metric.update(predicted[:2], truth[:2], human[:2])
    metric.update(predicted[2:], truth[2:], human[2:])
    plain, fitted = [], []
    for p, t, m in zip(predicted.numpy(), truth.numpy(), human.numpy(), strict=True):
        if m.any():
            p, t = p[m].astype(float), t[m].astype(float)
            plain.append(np.sqrt(np.mean((p - t) ** 2)))
            s, o = np.polyfit(p, t, 1)
            fitted.append(np.sqrt(np.mean((s * p + o - t) ** 2)))
    figures = metric.compute()
    assert figures["rmse_mm"] == pytest.approx(np.mean(plain) * 45)
    assert figures["st_rmse_mm"] == pytest.approx(np.mean(fitted) * 45)
    assert all(math.isnan(v) for v in DepthError().compute().values())


def test_depth_of_a_shifted_and_scaled_answer():
    truth = torch.arange(1, 17).reshape(1, 4, 4)
    metric = DepthError(0.045)
    metric.update(truth + 2, truth, truth > 0)
    assert metric.compute()["rmse_mm"] == pytest.approx(90)
    assert metric.compute()["st_rmse_mm"] == pytest.approx(0, abs=1e-9)
    metric = DepthError(0.045)
    metric.update(truth * 2, truth, truth > 0)
    assert metric.compute()["st_rmse_mm"] == pytest.approx(0, abs=1e-9)


def test_fit_of_a_constant_and_of_nothing():
    truth = torch.tensor([1.0, 2.0, 6.0], dtype=torch.float64)
    assert torch.allclose(fit_scale_shift(torch.full_like(truth, 4.0), truth), torch.full_like(truth, 3.0))
    assert len(fit_scale_shift(truth[:0], truth[:0])) == 0


@pytest.mark.parametrize(
    ("make", "ends"), [(torso_pck, ("left_shoulder", "right_hip")), (pckh, ("upper_neck", "head_top"))]
)
def test_pck_is_the_loop(make, ends):
    joints = joint_set("lsp14")
    truth = torch.rand(8, 14, 2) * 100
    predicted = truth + torch.randn(8, 14, 2) * 12
    truth[3, 5] = math.nan
    truth[4, joints.index(ends[0])] = math.nan  # no length, does not count
    predicted[5, 2] = math.nan  # not found is wrong
    mask = torch.rand(8, 14) > 0.2
    metric = make("lsp14", 0.3)
    metric.update(predicted[:5], truth[:5], mask[:5])
    metric.update(predicted[5:], truth[5:], mask[5:])
    right, seen = np.zeros(14), np.zeros(14)
    for p, t, m in zip(predicted.numpy(), truth.numpy(), mask.numpy(), strict=True):
        length = np.linalg.norm(t[joints.index(ends[0])] - t[joints.index(ends[1])])
        for j in range(14):
            if m[j] and np.isfinite(t[j]).all() and np.isfinite(length):
                seen[j] += 1
                right[j] += bool(np.linalg.norm(p[j] - t[j]) <= 0.3 * length)
    assert 0 < right.sum() < seen.sum()
    assert metric.compute() == pytest.approx({"mean": (right / seen).mean(), "total": right.sum() / seen.sum()})
    assert metric.per_joint() == pytest.approx(dict(zip(joints.names, right / seen, strict=True)))


def test_pck_threshold_by_hand():
    truth = torch.zeros(1, 14, 2)
    truth[0, joint_set("lsp14").index("left_shoulder")] = torch.tensor([0.0, 50.0])  # a torso of 50 px
    predicted = truth.clone()
    predicted[0, 0, 0], predicted[0, 1, 0] = 9.99, 10.01
    metric = torso_pck("lsp14", 0.2)
    metric.update(predicted, truth)
    scores = list(metric.per_joint().values())
    assert scores[:2] == [1.0, 0.0]


def test_pck_by_given_lengths():
    truth = torch.zeros(3, 16, 2)
    truth[:, joint_set("mpii16").index("head_top"), 1] = 20.0  # 20 px from the neck
    predicted = truth + torch.tensor([9.0, 0.0])
    sizes = torch.tensor([head_size(np.array([0, 0, 18, 24])), head_size(np.array([0, 0, 21, 28])), math.nan])
    assert sizes[:2].tolist() == pytest.approx([18, 21])
    metric, by_box = pckh("mpii16", 0.44), PCK("mpii16", None, 0.44)
    metric.update(predicted, truth, lengths=sizes)
    by_box.update(predicted, truth, lengths=sizes)
    assert metric.compute()["total"] == pytest.approx(1 / 3)  # thresholds 7.9, 9.2 and, by the joints, 8.8
    assert by_box.compute()["total"] == pytest.approx(1 / 2)
    assert by_box.total_of(["left_knee", "head_top"]) == pytest.approx(1 / 2)
    with pytest.raises(HumansenseError, match="lengths"):
        by_box.update(predicted, truth)


def test_joints_never_seen_are_left_out():
    metric = PCK("coco17", ("left_shoulder", "right_hip"), 0.2)
    assert math.isnan(metric.compute()["mean"])
    truth = torch.rand(2, 17, 2) * 50
    truth[:, 0] = math.nan
    metric.update(truth, truth)
    assert metric.compute()["mean"] == 1.0
    assert math.isnan(metric.per_joint()["nose"])


def test_shapes_are_checked():
    with pytest.raises(HumansenseError, match="differ"):
        PartIoU(3).update(torch.zeros(1, 2, 2), torch.zeros(1, 2, 3))
    with pytest.raises(HumansenseError, match="MaskIoU"):
        MaskIoU().update(torch.zeros(2, 2) > 0, torch.zeros(2, 2) > 0)
    with pytest.raises(HumansenseError, match="DepthError"):
        DepthError().update(torch.zeros(1, 2, 2), torch.zeros(1, 2, 2), torch.zeros(1, 2, 3) > 0)
    with pytest.raises(HumansenseError, match="shape"):
        torso_pck("lsp14").update(torch.zeros(1, 14, 2), torch.zeros(1, 16, 2))
