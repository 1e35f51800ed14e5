"""Where everybody is: a centre map, and from each centre the four sides of the box.

Zhou 2019, "Objects as points"; the Gaussians and the loss of the boxes are those of Liu 2020 (see `losses.boxes`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from humansense.core.errors import HumansenseError
from humansense.core.values import Batch
from humansense.losses import binary_cross_entropy, box_heatmaps, focal_center_loss, giou_loss
from humansense.nets import STRIDE, Net
from humansense.tasks.settings import FinderSettings, TaskSettings
from humansense.tasks.task import Outputs, Results, Task, TaskMetrics

BOX_WEIGHT = 2.0
MASK_WEIGHT = 3.0
MOST_PEOPLE = 100
"""So many centres at most are read from one picture."""
_NEAR = 0.3  # of the Gaussian: from here on a cell learns the box
_RARE = -2.19  # logit of a chance of 0.1: the first answer of the centre map (Zhou 2019, from Lin 2017)


@dataclass(frozen=True)
class FinderTask(Task[FinderSettings]):
    """Heads `center`: (B, 1, h, w), `sides`: (B, 4, h, w), logarithms of the distances in cells to the box's left,
    top, right and bottom side, and `mask`: (B, 1, h, w), that a cell is anybody's.

    Masks learnt from synthetic people hold on photos long before centres do: a score is the geometric mean of the
    centre and of what the mask says of the box.

    decode gives `boxes` (B, K, 4) float32 pixels, and `scores` (B, K) 0..1, K = `MOST_PEOPLE` or the cells if fewer;
    places without a centre have score 0. Pictures may have any size that is a multiple of `STRIDE`.
    """

    name: ClassVar[str] = "finder"
    scenes: ClassVar[bool] = True
    settings_type: ClassVar[type[TaskSettings]] = FinderSettings

    def heads(self) -> dict[str, int]:
        return {"center": 1, "sides": 4, "mask": 1}

    def build_net(self) -> Net:
        net = super().build_net()
        for name, layer in net.named_modules():
            if name.endswith(".center") and isinstance(layer, torch.nn.Conv2d) and layer.bias is not None:
                torch.nn.init.constant_(layer.bias, _RARE)
        return net

    def inputs(self, images: Tensor) -> Tensor:
        if images.ndim != 4 or images.shape[1] != 3 or images.shape[2] % STRIDE or images.shape[3] % STRIDE:
            raise HumansenseError(
                f"images have shape {tuple(images.shape)}, expected (B, 3, H, W), sides multiples of {STRIDE}"
            )
        mean, std = (
            torch.tensor(v, device=images.device)[:, None, None] for v in (self.settings.mean, self.settings.std)
        )
        return ((images - mean) / std).contiguous(memory_format=torch.channels_last)

    def targets(self, batch: Batch) -> dict[str, Tensor]:
        size = (batch.images.shape[2], batch.images.shape[3])
        if batch.boxes is None or batch.boxes_unsure is None:
            raise HumansenseError("the finder learns from scenes with boxes, and this batch has none")
        maps = box_heatmaps(batch.boxes, size, STRIDE)  # (B, N, h, w)
        sure = ~batch.boxes_unsure[..., None, None]
        best, who = (maps * sure).max(1)
        boxes = torch.nan_to_num(batch.boxes)
        sides = boxes.gather(1, who.flatten(1)[..., None].expand(-1, -1, 4))
        # Where nobody drew a map nothing is known; a map has background somewhere.
        somebody = (batch.parts != 0).float()[:, None]
        drawn = ~(batch.parts != 0).flatten(1).all(1)
        return {
            "mask": F.avg_pool2d(somebody, STRIDE),
            "drawn": drawn[:, None, None, None].expand(-1, 1, *maps.shape[2:]),
            "center": best[:, None],
            # Nothing is asked where somebody unsure is and nobody sure.
            "counts": (((maps * ~sure).amax(1) < _NEAR) | (best >= _NEAR))[:, None],
            "boxes": sides.unflatten(1, maps.shape[2:]),
            "weights": torch.where(best >= _NEAR, best, 0.0),
        }

    def stack_losses(
        self, output: Mapping[str, Tensor], targets: Mapping[str, Tensor]
    ) -> dict[str, tuple[float, Tensor]]:
        center = focal_center_loss(output["center"], targets["center"], targets["counts"])
        boxes = giou_loss(boxes_of(output["sides"]), targets["boxes"], targets["weights"])
        mask = binary_cross_entropy(output["mask"], targets["mask"], targets["drawn"])
        return {"center": (1.0, center), "box": (BOX_WEIGHT, boxes), "mask": (MASK_WEIGHT, mask)}

    def decode(self, outputs: Outputs) -> Results:
        heat = outputs[-1]["center"].float().sigmoid()[:, 0]
        peaks = torch.where(F.max_pool2d(heat[:, None], 3, 1, 1)[:, 0] == heat, heat, 0.0)
        chances, cells = peaks.flatten(1).topk(min(MOST_PEOPLE, peaks[0].numel()))
        boxes = boxes_of(outputs[-1]["sides"]).flatten(1, 2).gather(1, cells[..., None].expand(-1, -1, 4))
        support = mean_in_boxes(outputs[-1]["mask"].float().sigmoid()[:, 0], boxes / STRIDE)
        return {"boxes": boxes, "scores": (chances * support).sqrt()}

    def mirror(self, output: Mapping[str, Tensor]) -> dict[str, Tensor]:
        order = torch.tensor([2, 1, 0, 3])
        flipped = {name: output[name].flip(-1) for name in ("center", "mask")}
        return flipped | {"sides": output["sides"].flip(-1)[:, order]}

    def metrics(self) -> TaskMetrics:
        return FinderMetrics()


def mean_in_boxes(maps: Tensor, boxes: Tensor) -> Tensor:
    """(B, K) 0..1: of maps (B, h, w) the mean over each box (B, K, 4) in cells, relative to what a body fills of it.

    The middle half of the box counts (a body leaves the corners free), and 0.7 of it is enough for 1.
    """
    h, w = maps.shape[1:]
    sums = F.pad(maps.double().cumsum(1).cumsum(2), (1, 0, 1, 0))
    quarter = (boxes[..., 2:] - boxes[..., :2]) / 4
    low = (boxes[..., :2] + quarter).floor().long()
    high = torch.maximum((boxes[..., 2:] - quarter).ceil().long(), low + 1)
    limit = torch.tensor([w, h], device=maps.device)
    low, high = torch.minimum(low.clamp(min=0), limit - 1), torch.minimum(high.clamp(min=1), limit)
    (x0, y0), (x1, y1) = low.unbind(-1), high.unbind(-1)
    flat = sums.flatten(1)

    def at(x: Tensor, y: Tensor) -> Tensor:
        return flat.gather(1, y * (w + 1) + x)

    total = at(x1, y1) - at(x0, y1) - at(x1, y0) + at(x0, y0)
    area = ((x1 - x0) * (y1 - y0)).clamp(min=1)
    return (total / area / 0.7).clamp(0, 1).float()


def boxes_of(sides: Tensor) -> Tensor:
    """(B, 4, h, w) logarithms of distances in cells -> (B, h, w, 4) float32 x0, y0, x1, y1 in pixels."""
    distances = sides.float().clamp(-6, 6).exp().movedim(1, -1)
    h, w = sides.shape[2:]
    ys, xs = torch.meshgrid(torch.arange(h) + 0.5, torch.arange(w) + 0.5, indexing="ij")
    center = torch.stack([xs, ys], -1).to(distances)
    return torch.cat([center - distances[..., :2], center + distances[..., 2:]], -1) * STRIDE


class FinderMetrics(TaskMetrics):
    """`box_ap`, mean over IoU 0.5 to 0.95, and `box_ap50`, as COCO measures (the extra `coco`); of pictures without
    anybody the share in which somebody is seen with a score of 0.5 or more, `false_alarms`.
    """

    def __init__(self) -> None:
        from humansense.metrics import BoxAP

        self.precision = BoxAP()
        self.empty = self.alarms = 0

    def update(self, results: Results, batch: Batch) -> None:
        assert batch.boxes is not None
        assert batch.boxes_unsure is not None
        for found, scores, truth, unsure in zip(
            results["boxes"], results["scores"], batch.boxes, batch.boxes_unsure, strict=True
        ):
            known = torch.isfinite(truth).all(-1)
            keep = scores > 0.01
            boxes, sure = found[keep].cpu().numpy(), scores[keep].cpu().numpy()
            kept = suppress(boxes, sure)
            people, passed = truth[known].cpu().numpy(), unsure[known].cpu().numpy()
            self.precision.update(boxes[kept], sure[kept], people, iscrowd=passed)
            if not known.any():
                self.empty += 1
                self.alarms += bool((sure >= 0.5).any())

    def compute(self) -> dict[str, float]:
        figures = self.precision.compute()
        return {
            "box_ap": figures["ap"],
            "box_ap50": figures["ap50"],
            "false_alarms": self.alarms / self.empty if self.empty else float("nan"),
        }


def suppress(boxes: np.ndarray, scores: np.ndarray, overlap: float = 0.6) -> np.ndarray:
    """Numbers of the boxes (N, 4) to keep, best first: none overlaps a better one by more (greedy NMS)."""
    order = np.argsort(-scores, kind="stable")
    areas = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(1)
    kept: list[int] = []
    while len(order):
        first, order = order[0], order[1:]
        kept.append(int(first))
        low, high = np.maximum(boxes[order, :2], boxes[first, :2]), np.minimum(boxes[order, 2:], boxes[first, 2:])
        common = np.clip(high - low, 0, None).prod(1)
        order = order[common <= overlap * np.maximum(areas[order] + areas[first] - common, 1e-9)]
    return np.array(kept, np.int64)
