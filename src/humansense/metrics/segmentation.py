"""Intersection over union and accuracy of label maps and masks."""

from __future__ import annotations

import torch
from torch import Tensor

from humansense.core.errors import HumansenseError


class PartIoU:
    """Part IoU and pixel accuracy, averaged over the parts (Varol 2019, section 3.5.1; Oliveira 2016).

    Counted over all pixels of all images: for each part, IoU = both / either, and accuracy = both / truth (its
    recall). The background, label 0, is a label like any other for the counts, but left out of the two means.
    A part that appears neither in the truth nor (for IoU) in the prediction is left out of its mean too.
    """

    def __init__(self, labels: int) -> None:
        self.confusion = torch.zeros(labels, labels, dtype=torch.int64)

    def update(self, predicted: Tensor, truth: Tensor) -> None:
        """predicted, truth: integer labels of one shape; pixels whose truth is negative are unknown and not counted."""
        if predicted.shape != truth.shape:
            raise HumansenseError(f"PartIoU: predicted {tuple(predicted.shape)} and truth {tuple(truth.shape)} differ")
        n = len(self.confusion)
        known = truth >= 0
        pairs = truth[known].long() * n + predicted[known].long()
        self.confusion += torch.bincount(pairs.cpu(), minlength=n * n).reshape(n, n)

    def per_label(self) -> tuple[Tensor, Tensor]:
        """(IoU, accuracy) of each label, background first, float64; NaN for labels that never appeared."""
        both = self.confusion.diagonal().double()
        truth, predicted = self.confusion.sum(1).double(), self.confusion.sum(0).double()
        return both / (truth + predicted - both), both / truth  # 0 / 0 is NaN: the label never appeared

    def compute(self) -> dict[str, float]:
        """`iou` and `accuracy`, 0..1; NaN before any part was seen."""
        iou, accuracy = self.per_label()
        return {"iou": iou[1:].nanmean().item(), "accuracy": accuracy[1:].nanmean().item()}

    def macro_f1(self) -> float:
        """Mean over all labels, the background too, of F1 = 2 both / (truth + predicted), as Unite the People has it
        (Lassner 2017). 0..1; NaN before any pixel; labels that never appeared are left out."""
        both = self.confusion.diagonal().double()
        either = (self.confusion.sum(1) + self.confusion.sum(0)).double()
        return (2 * both / either).nanmean().item()

    def merged(self, table: Tensor) -> PartIoU:
        """The same counts for coarser labels: label i becomes table[i] (N,), as `core.part_map` gives it."""
        table = torch.as_tensor(table).long()
        if len(table) != len(self.confusion):
            raise HumansenseError(f"a table of {len(table)} labels does not fit the {len(self.confusion)} counted ones")
        coarse = PartIoU(int(table.max()) + 1)
        pairs = (table[:, None] * len(coarse.confusion) + table[None]).flatten()
        coarse.confusion.view(-1).index_add_(0, pairs, self.confusion.flatten())
        return coarse


class MaskIoU:
    """IoU of a person mask: the mean over images of intersection / union.

    An image whose mask and truth are both empty scores 1: nothing was there, and nothing was found.
    """

    def __init__(self) -> None:
        self.total, self.count = 0.0, 0

    def update(self, predicted: Tensor, truth: Tensor, known: Tensor | None = None) -> None:
        """predicted, truth: bool (B, H, W). known: bool, the pixels that count; an image without any is skipped."""
        if predicted.shape != truth.shape or predicted.ndim != 3:
            raise HumansenseError(
                f"MaskIoU: predicted {tuple(predicted.shape)}, truth {tuple(truth.shape)}, need (B, H, W)"
            )
        known = torch.ones_like(truth) if known is None else known
        both = (predicted & truth & known).sum((1, 2)).double()
        either = ((predicted | truth) & known).sum((1, 2)).double()
        iou = torch.where(either > 0, both / either.clamp(min=1), 1.0)[known.any(2).any(1)]
        self.total += iou.sum().item()
        self.count += len(iou)

    def compute(self) -> float:
        """0..1; NaN before any image."""
        return self.total / self.count if self.count else float("nan")
