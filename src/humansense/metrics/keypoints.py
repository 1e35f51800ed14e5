"""Percentage of correct keypoints."""

from __future__ import annotations

import torch
from torch import Tensor

from humansense.core.checks import check_shape
from humansense.core.joints import joint_set


class PCK:
    """PCK@alpha: a joint is right when it lies within alpha times a length of the person from the truth.

    joint_set_name: the joints' order. reference: names of the two joints whose true distance is the length.
    A person whose reference joints are not both known is not counted.
    """

    def __init__(self, joint_set_name: str, reference: tuple[str, str], alpha: float) -> None:
        joints = joint_set(joint_set_name)
        self.names = joints.names
        self.reference = (joints.index(reference[0]), joints.index(reference[1]))
        self.alpha = alpha
        self.right = torch.zeros(len(joints), dtype=torch.int64)
        self.seen = torch.zeros(len(joints), dtype=torch.int64)

    def update(self, predicted: Tensor, truth: Tensor, mask: Tensor | None = None) -> None:
        """predicted, truth: (B, J, 2) in the same pixels; truth NaN where unknown; a predicted NaN is wrong.

        mask: (B, J) bool, the joints that count; default all whose truth is known.
        """
        check_shape("truth", truth, (None, len(self.names), 2))
        check_shape("predicted", predicted, (len(truth), len(self.names), 2))
        a, b = self.reference
        length = (truth[:, a] - truth[:, b]).norm(dim=-1)
        counted = torch.isfinite(truth).all(-1) & torch.isfinite(length)[:, None] & (length > 0)[:, None]
        if mask is not None:
            counted = counted & mask
        distance = (predicted - truth).norm(dim=-1)
        right = counted & (distance <= self.alpha * length[:, None])  # NaN compares false
        self.right += right.sum(0).cpu()
        self.seen += counted.sum(0).cpu()

    def per_joint(self) -> dict[str, float]:
        """0..1 by joint name; NaN for joints that were never counted."""
        rates = (self.right.double() / self.seen.double()).tolist()
        return dict(zip(self.names, rates, strict=True))

    def compute(self) -> dict[str, float]:
        """`mean`: of the joints' rates; `total`: right ones of all counted joints; both 0..1, NaN before any."""
        rates = torch.tensor(list(self.per_joint().values()), dtype=torch.float64)
        total = self.right.sum().double() / self.seen.sum().double()
        return {"mean": rates.nanmean().item(), "total": total.item()}


def torso_pck(joint_set_name: str, alpha: float = 0.2) -> PCK:
    """PCK of the torso, as used on Leeds Sports Pose: the length from the left shoulder to the right hip."""
    return PCK(joint_set_name, ("left_shoulder", "right_hip"), alpha)


def pckh(joint_set_name: str, alpha: float = 0.5) -> PCK:
    """PCKh: the length from `upper_neck` to `head_top` of the truth.

    MPII itself takes 0.6 times the diagonal of its annotated head box (Andriluka 2014), which synthetic truth
    and other sets do not have; the figures of the two are close, not equal.
    """
    return PCK(joint_set_name, ("upper_neck", "head_top"), alpha)
