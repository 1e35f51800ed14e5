"""Body-part segmentation: 14 parts and the background (Varol 2019, section 3.4)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from humansense.core.parts import part_map, part_set
from humansense.core.values import Batch
from humansense.losses import share_cross_entropy
from humansense.metrics import MaskIoU, PartIoU
from humansense.tasks.settings import PartsSettings, TaskSettings
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

PART_SET = "parts14"
PART_FIGURES = ("part_iou", "part_accuracy", "part_f1", "part_iou_pascal6")


@dataclass(frozen=True)
class PartsTask(Task[PartsSettings]):
    """Head `parts`: (B, 15, S/4, S/4), or finer where the net can.

    decode gives `part_probabilities` (B, 15, S, S) float32 and `parts` (B, S, S) int64, whether somebody is
    there first, then the most likely part (`foreground_first`).
    """

    name: ClassVar[str] = "parts"
    settings_type: ClassVar[type[TaskSettings]] = PartsSettings

    def heads(self) -> dict[str, int]:
        return {"parts": len(part_set(PART_SET))}

    def fine(self) -> tuple[str, ...]:
        return ("parts",)

    def targets(self, batch: Batch) -> dict[str, Tensor]:
        return {"parts": cell_targets(known_parts(batch), len(part_set(PART_SET)), self.settings.fine_stride)}

    def stack_losses(
        self, output: Mapping[str, Tensor], targets: Mapping[str, Tensor]
    ) -> dict[str, tuple[float, Tensor]]:
        return {"parts": (1.0, share_cross_entropy(output["parts"], shares_at(output["parts"], targets["parts"])))}

    def decode(self, outputs: Outputs) -> Results:
        probabilities = upsample(outputs[-1]["parts"], self.settings.image_size).softmax(1)
        return {"part_probabilities": probabilities, "parts": foreground_first(probabilities)}

    def mirror(self, output: Mapping[str, Tensor]) -> dict[str, Tensor]:
        order = torch.as_tensor(part_set(PART_SET).mirror.astype("int64"))
        return {"parts": output["parts"].flip(-1)[:, order]}

    def metrics(self) -> TaskMetrics:
        return PartsMetrics()


class PartsMetrics(TaskMetrics):
    """`part_iou` and `part_accuracy` over the 14 parts (Varol 2019, section 3.5.1), `mask_iou` of the person.

    `part_f1` is the macro F1 of the parts and the background (Lassner 2017); `part_iou_pascal6` the mean IoU of the six
    parts of PASCAL-Person-Part and the background, as its tables have it (Chen 2016).

    Where a crop has known background, its pixels of unknown part (-1) are a person's: so come sets that draw
    masks but no parts. A crop that is unknown all over does not count.
    """

    def __init__(self) -> None:
        self.parts = PartIoU(len(part_set(PART_SET)))
        self.mask = MaskIoU()

    def update(self, results: Results, batch: Batch) -> None:
        truth = known_parts(batch)
        self.parts.update(results["parts"], truth)
        known = (truth >= 0).any(2).any(1)[:, None, None].expand_as(truth)
        self.mask.update(results["parts"] > 0, truth != 0, known)

    def compute(self) -> dict[str, float]:
        by_part = self.parts.compute()
        if math.isnan(by_part["accuracy"]):  # no part was drawn anywhere: what is predicted on the background is no IoU
            return dict.fromkeys(PART_FIGURES, math.nan) | {"mask_iou": self.mask.compute()}
        six = self.parts.merged(torch.from_numpy(part_map(PART_SET, "pascal6")))
        return {
            "part_iou": by_part["iou"],
            "part_accuracy": by_part["accuracy"],
            "part_f1": self.parts.macro_f1(),
            "part_iou_pascal6": six.per_label()[0].nanmean().item(),
            "mask_iou": self.mask.compute(),
        }
