"""Losses of a detector that sees people as points: a centre map, and the box from each of its cells.

Zhou 2019, "Objects as points" (the centre map and its focal loss), and Liu 2020, "Training-time-friendly network for
real-time object detection" (Gaussians of the box's own shape, and every cell near a centre learns the box).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from humansense.losses.pixels import at_least_float32

SPREAD = 0.54 / 6
"""Standard deviation of a centre's Gaussian over the side of its box (Liu 2020, section 3.2)."""


def box_heatmaps(boxes: Tensor, size: tuple[int, int], stride: int) -> Tensor:
    """(B, N, H / stride, W / stride): for each box a Gaussian of its shape whose highest cell is 1.

    boxes: (B, N, 4) x0, y0, x1, y1 pixels, NaN for none (a map of zeros). size: (H, W) pixels of the picture.
    """
    height, width = size[0] // stride, size[1] // stride
    known = torch.isfinite(boxes).all(-1)
    cells = torch.where(known[..., None], boxes, 0.0) / stride
    maps = []
    for low, high, length in ((0, 2, width), (1, 3, height)):
        center = (cells[..., low] + cells[..., high]) / 2
        center = center.floor().clamp(0, length - 1) + 0.5  # the cell it falls into has the 1
        sigma = ((cells[..., high] - cells[..., low]) * SPREAD).clamp(min=0.4)
        at = torch.arange(length, device=boxes.device) + 0.5
        maps.append(torch.exp(-((at - center[..., None]) ** 2) / (2 * sigma[..., None] ** 2)))
    return maps[1][..., :, None] * maps[0][..., None, :] * known[..., None, None]


def focal_center_loss(logits: Tensor, heatmap: Tensor, mask: Tensor, alpha: float = 2.0, beta: float = 4.0) -> Tensor:
    """Penalty-reduced focal loss of a centre map, over the number of centres (Zhou 2019, equation 1).

    logits, heatmap, mask (bool, what counts): (B, 1, h, w). Cells whose target is 1 are centres.
    """
    logits = at_least_float32(logits)
    probability = logits.sigmoid()
    center = heatmap >= 1 - 1e-6
    found = (1 - probability) ** alpha * F.logsigmoid(logits)
    empty = (1 - heatmap) ** beta * probability**alpha * F.logsigmoid(-logits)
    total = -(torch.where(center, found, empty) * mask).sum()
    return total / (center & mask).sum().clamp(min=1)


def giou(one: Tensor, other: Tensor) -> Tensor:
    """(...) generalised IoU, -1..1, of boxes (..., 4) x0, y0, x1, y1 (Rezatofighi 2019, algorithm 1)."""
    common = (torch.minimum(one[..., 2:], other[..., 2:]) - torch.maximum(one[..., :2], other[..., :2])).clamp(min=0)
    around = torch.maximum(one[..., 2:], other[..., 2:]) - torch.minimum(one[..., :2], other[..., :2])
    inside = common.prod(-1)
    union = (one[..., 2:] - one[..., :2]).prod(-1) + (other[..., 2:] - other[..., :2]).prod(-1) - inside
    hull = around.prod(-1).clamp(min=1e-6)
    return inside / union.clamp(min=1e-6) - (hull - union) / hull


def giou_loss(boxes: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Mean of 1 - GIoU under `weights` (...); boxes and targets (..., 4). 0 where all weights are 0."""
    loss = (1 - giou(at_least_float32(boxes), targets)) * weights
    return loss.sum() / weights.sum().clamp(min=1e-6)
