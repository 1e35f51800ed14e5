"""What a task is: everything that turns a net into an answer about people, and an answer into a figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from humansense.core.checks import check_shape
from humansense.core.errors import HumansenseError
from humansense.core.values import Batch
from humansense.losses import label_shares
from humansense.nets import STRIDE, Net, build_net
from humansense.tasks.settings import TaskSettings

Outputs = list[dict[str, Tensor]]  # over stacks: {head: logits}, as a `nets.Net` gives them
Results = dict[str, Tensor]  # what `decode` reads from the last stack; each task names its entries
S = TypeVar("S", bound=TaskSettings)


class TaskMetrics:
    """Accumulates what a task is measured by. `update` for each batch, then `compute`."""

    def update(self, results: Results, batch: Batch) -> None:
        raise NotImplementedError

    def compute(self) -> dict[str, float]:
        raise NotImplementedError


@dataclass(frozen=True)
class Task(Generic[S]):
    """One task with its settings. Stateless: `build_net()` makes the weights.

    Training: `loss(net(inputs(batch.images)), targets(batch))`.
    Prediction: `decode(net(inputs(images)))`.
    scenes: it learns from whole pictures with the boxes of everybody, not from crops of one person each.
    """

    settings: S
    name: ClassVar[str] = ""
    scenes: ClassVar[bool] = False
    settings_type: ClassVar[type[TaskSettings]] = TaskSettings

    def heads(self) -> dict[str, int]:
        """Channels of each dense head."""
        raise NotImplementedError

    def pooled(self) -> dict[str, int]:
        """Channels of each head that answers once an image."""
        return {}

    def fine(self) -> tuple[str, ...]:
        """The dense heads that answer as finely as the net can, at `settings.fine_stride`; others at `STRIDE`."""
        return ()

    def build_net(self) -> Net:
        """A net of the preset with the heads of this task, its weights random."""
        return build_net(self.settings.net, self.heads(), self.pooled(), self.fine())

    def inputs(self, images: Tensor) -> Tensor:
        """Images (B, 3, S, S) in 0..1 -> what the net takes: normalised, channels last in memory."""
        check_shape("images", images, (None, 3, self.settings.image_size, self.settings.image_size))
        mean, std = (
            torch.tensor(v, device=images.device)[:, None, None] for v in (self.settings.mean, self.settings.std)
        )
        return ((images - mean) / std).contiguous(memory_format=torch.channels_last)

    def targets(self, batch: Batch) -> dict[str, Tensor]:
        """The truth as the loss wants it, at the finest resolution of the head it belongs to."""
        raise NotImplementedError

    def loss(self, outputs: Outputs, targets: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """(sum over stacks and weights; each loss by name, of the last stack, without gradient)."""
        total: Tensor | None = None
        shown: dict[str, Tensor] = {}
        for output in outputs:
            terms = self.stack_losses(output, targets)
            stack = torch.stack([weight * value for weight, value in terms.values()]).sum()
            total = stack if total is None else total + stack
            shown = {name: value.detach() for name, (_, value) in terms.items()}
        if total is None:
            raise HumansenseError(f"{self.name}: the net gave no output")
        return total, shown

    def stack_losses(
        self, output: Mapping[str, Tensor], targets: Mapping[str, Tensor]
    ) -> dict[str, tuple[float, Tensor]]:
        """{name: (weight, loss)} of one stack."""
        raise NotImplementedError

    def decode(self, outputs: Outputs) -> Results:
        """The answer of the last stack, in crop pixels and metres."""
        raise NotImplementedError

    def mirror(self, output: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """One stack's output on a mirrored image, turned into that of the image: flipped, sides exchanged."""
        raise NotImplementedError

    def turn(self, output: Mapping[str, Tensor], quarters: int) -> dict[str, Tensor]:
        """One stack's output with its maps turned counter-clockwise by quarters of a circle, as `Tensor.rot90` does."""
        return {name: value.rot90(quarters, (-2, -1)) if value.dim() == 4 else value for name, value in output.items()}

    def surety(self, output: Mapping[str, Tensor]) -> Tensor:
        """(B,) mean score of the joints, 0..1. Raises `HumansenseError` for tasks without joints."""
        raise HumansenseError(f"the task {self.name} has no joints that could tell which way up somebody is")

    def metrics(self) -> TaskMetrics:
        """A fresh accumulator of this task's measures."""
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """What `tasks.task_from_json` rebuilds the task from."""
        return {"task": self.name, "settings": self.settings.to_json()}


def cell_targets(labels: Tensor, classes: int, stride: int = STRIDE) -> Tensor:
    """Labels (B, S, S) -> (B, classes, S/stride, S/stride): the share of each cell's pixels that has each label.

    The centre of a cell lies between four pixels, so that the nearest one would move every outline by half a
    pixel; and a cell on an outline is worth more cut in two than given to one side.
    """
    return label_shares(labels, classes, stride)


def shares_at(logits: Tensor, shares: Tensor) -> Tensor:
    """`cell_targets` at the resolution of `logits`, which may be coarser: the shares of larger cells, exactly."""
    factor = shares.shape[-1] // logits.shape[-1]
    return shares if factor <= 1 else F.avg_pool2d(shares, factor)


def stride_of(output: Tensor, image_size: int) -> float:
    """Pixels of the crop for one cell of `output` (B, C, h, w)."""
    return image_size / output.shape[-1]


def foreground_first(probabilities: Tensor) -> Tensor:
    """(B, C, ...) probabilities -> (B, ...) labels: 0 where the background has half or more, else the best other.

    The plain maximum gives a pixel to the background whenever the person's share is split, between a left
    arm and a right one, say: on photos that costs the mask much of its IoU.
    """
    best = probabilities[:, 1:].argmax(1) + 1
    return torch.where(probabilities[:, 0] < 0.5, best, 0)


def upsample(logits: Tensor, image_size: int | None = None) -> Tensor:
    """(B, C, h, w) -> (B, C, S, S) float32 by bilinear interpolation (Varol 2019, section 3.4).

    image_size: S; without it, `STRIDE` times as large as the logits. Logits that are that large come back as they are.
    """
    factor = float(STRIDE) if image_size is None else stride_of(logits, image_size)
    if factor == 1:
        return logits.float()
    return F.interpolate(logits.float(), scale_factor=factor, mode="bilinear", align_corners=False)


def known_parts(batch: Batch) -> Tensor:
    """`batch.parts`, where a crop without a person is background all over even if nobody drew its map."""
    empty = (~batch.has_person)[:, None, None] & (batch.parts < 0)
    return torch.where(empty, torch.zeros_like(batch.parts), batch.parts)
