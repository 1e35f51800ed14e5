"""Depth of the person, classified into bins around the pelvis (Varol 2019, section 3.4).

Class 0 is the background; class 1 + k is bin k, whose centre lies (k - bins // 2) * bin_m metres behind the
pelvis (in front where negative). `encode_depth` and `decode_depth` are each other's inverse up to half a bin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from humansense.core.values import Batch
from humansense.losses import IGNORE, share_cross_entropy
from humansense.metrics import DepthError
from humansense.tasks.settings import DepthSettings, TaskSettings
from humansense.tasks.task import (
    Outputs,
    Results,
    Task,
    TaskMetrics,
    cell_targets,
    foreground_first,
    known_parts,
    shares_at,
    upsample,
)


def encode_depth(depth: Tensor, parts: Tensor, bins: int, bin_m: float) -> Tensor:
    """Classes (int64) of `depth` (metres from the pelvis, NaN off the person), same shape as `parts`.

    Depth beyond the range takes the end bin. Where depth is NaN the class is 0 if `parts` says background,
    and `IGNORE` if it says person or unknown.
    """
    known = torch.isfinite(depth)
    k = torch.round(torch.where(known, depth, 0.0) / bin_m).clamp(-(bins // 2), bins // 2).long() + bins // 2
    elsewhere = torch.where(parts == 0, 0, IGNORE)
    return torch.where(known, k + 1, elsewhere)


def decode_depth(classes: Tensor, bins: int, bin_m: float) -> Tensor:
    """Metres from the pelvis (float32) of the bins' centres; NaN for the background and for `IGNORE`."""
    metres = (classes - 1 - bins // 2).float() * bin_m
    return torch.where(classes > 0, metres, torch.nan)


@dataclass(frozen=True)
class DepthTask(Task[DepthSettings]):
    """Head `depth`: (B, 1 + bins, S/4, S/4), or finer where the net can.

    decode gives, each (B, S, S): `depth_classes` int64; `depth` float32, their metres, NaN on background;
    `depth_bins` int64, the best class that is not background; `depth_soft` float32, the expected metres
    over the bins as if every pixel were a person's (finer than a bin; mask it as you see fit).
    """

    name: ClassVar[str] = "depth"
    settings_type: ClassVar[type[TaskSettings]] = DepthSettings

    def heads(self) -> dict[str, int]:
        return {"depth": self.settings.bins + 1}

    def fine(self) -> tuple[str, ...]:
        return ("depth",)

    def targets(self, batch: Batch) -> dict[str, Tensor]:
        classes = encode_depth(batch.depth, known_parts(batch), self.settings.bins, self.settings.bin_m)
        return {"depth": cell_targets(classes, self.settings.bins + 1, self.settings.fine_stride)}

    def stack_losses(
        self, output: Mapping[str, Tensor], targets: Mapping[str, Tensor]
    ) -> dict[str, tuple[float, Tensor]]:
        return {"depth": (1.0, share_cross_entropy(output["depth"], shares_at(output["depth"], targets["depth"])))}

    def decode(self, outputs: Outputs) -> Results:
        bins, bin_m = self.settings.bins, self.settings.bin_m
        logits = upsample(outputs[-1]["depth"], self.settings.image_size)
        classes = foreground_first(logits.softmax(1))
        centres = (torch.arange(bins, device=logits.device) - bins // 2).float() * bin_m
        soft = (logits[:, 1:].softmax(1) * centres[:, None, None]).sum(1)
        return {
            "depth_classes": classes,
            "depth": decode_depth(classes, bins, bin_m),
            "depth_bins": logits[:, 1:].argmax(1) + 1,
            "depth_soft": soft,
        }

    def mirror(self, output: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {"depth": output["depth"].flip(-1)}

    def metrics(self) -> TaskMetrics:
        return DepthMetrics(self.settings)


class DepthMetrics(TaskMetrics):
    """`depth_rmse_mm` and `depth_st_rmse_mm` (Varol 2019, section 3.5.1)."""

    def __init__(self, settings: DepthSettings) -> None:
        self.settings = settings
        self.error = DepthError(settings.bin_m)

    def update(self, results: Results, batch: Batch) -> None:
        truth = encode_depth(batch.depth, known_parts(batch), self.settings.bins, self.settings.bin_m)
        self.error.update(results["depth_bins"], truth, truth > 0)

    def compute(self) -> dict[str, float]:
        figures = self.error.compute()
        return {"depth_rmse_mm": figures["rmse_mm"], "depth_st_rmse_mm": figures["st_rmse_mm"]}
