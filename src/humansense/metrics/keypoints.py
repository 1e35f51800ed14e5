"""Percentage of correct keypoints."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from humansense.core.checks import check_shape
from humansense.core.errors import HumansenseError
from humansense.core.joints import joint_set


class PCK:
    """PCK@alpha: a joint is right when it lies within alpha times a length of the person from the truth.

    joint_set_name: the joints' order. reference: names of the two joints whose true distance is the length; None where
    each person's length is given to `update`. A person whose length is not known is not counted.
    """

    def __init__(self, joint_set_name: str, reference: tuple[str, str] | None, alpha: float) -> None:
        joints = joint_set(joint_set_name)
        self.names = joints.names
        self.reference = None if reference is None else (joints.index(reference[0]), joints.index(reference[1]))
        self.alpha = alpha
        self.right = torch.zeros(len(joints), dtype=torch.int64)
        self.seen = torch.zeros(len(joints), dtype=torch.int64)

    def update(
        self, predicted: Tensor, truth: Tensor, mask: Tensor | None = None, lengths: Tensor | None = None
    ) -> None:
        """predicted, truth: (B, J, 2) in the same pixels; truth NaN where unknown; a predicted NaN is wrong.

        mask: (B, J) bool, the joints that count; default all whose truth is known. lengths: (B,) the persons' lengths
        in these pixels, instead of the reference joints'; where NaN, the reference joints decide.
        """
        check_shape("truth", truth, (None, len(self.names), 2))
        check_shape("predicted", predicted, (len(truth), len(self.names), 2))
        length = self._lengths(truth, lengths)
        counted = torch.isfinite(truth).all(-1) & torch.isfinite(length)[:, None] & (length > 0)[:, None]
        if mask is not None:
            counted = counted & mask
        distance = (predicted - truth).norm(dim=-1)
        right = counted & (distance <= self.alpha * length[:, None])  # NaN compares false
        self.right += right.sum(0).cpu()
        self.seen += counted.sum(0).cpu()

    def _lengths(self, truth: Tensor, given: Tensor | None) -> Tensor:
        """(B,), NaN where not known."""
        if given is not None:
            check_shape("lengths", given, (len(truth),))
        if self.reference is None:
            if given is None:
                raise HumansenseError("PCK without reference joints needs the length of each person: give `lengths`")
            return given
        a, b = self.reference
        length = (truth[:, a] - truth[:, b]).norm(dim=-1)
        return length if given is None else torch.where(torch.isfinite(given), given.to(length), length)

    def per_joint(self) -> dict[str, float]:
        """0..1 by joint name; NaN for joints that were never counted."""
        rates = (self.right.double() / self.seen.double()).tolist()
        return dict(zip(self.names, rates, strict=True))

    def total_of(self, names: Sequence[str]) -> float:
        """Right ones of all counted joints of these names, 0..1; NaN before any."""
        chosen = torch.tensor([self.names.index(name) for name in names])
        return (self.right[chosen].sum().double() / self.seen[chosen].sum().double()).item()

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

    MPII itself takes `head_size` of its annotated head box, which synthetic truth and other sets lack; give it to
    `update` as `lengths` where it is known. The figures of the two are close, not equal.
    """
    return PCK(joint_set_name, ("upper_neck", "head_top"), alpha)


MPII_HEAD_SHARE = 0.6
"""MPII's length of a head is this share of the diagonal of its box (Andriluka 2014, evaluation toolkit)."""


def head_size(head_box: np.ndarray) -> float:
    """MPII's length of a head in pixels, of its box x0, y0, x1, y1."""
    return float(MPII_HEAD_SHARE * np.hypot(head_box[2] - head_box[0], head_box[3] - head_box[1]))
