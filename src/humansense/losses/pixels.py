"""Masked means and classification losses."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from humansense.core.errors import HumansenseError

IGNORE = -1  # the label of a pixel whose truth is not known


def at_least_float32(x: Tensor) -> Tensor:
    """Half precisions become float32; float32 and float64 stay."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of `values` where `mask` (bool, same shape) is true; 0 with zero gradient where it never is.

    What lies outside the mask may be NaN or infinite: neither it nor its gradient gets through.
    """
    if values.shape != mask.shape:
        raise HumansenseError(f"masked_mean: values {tuple(values.shape)} and mask {tuple(mask.shape)} differ in shape")
    kept = torch.where(mask, values, torch.zeros((), dtype=values.dtype, device=values.device))
    return kept.sum() / mask.sum().clamp(min=1)


def pixel_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross entropy over all pixels with a known label (Varol 2019, section 3.4).

    logits: (B, C, H, W). labels: (B, H, W) int64 in 0..C-1, or `IGNORE`.
    """
    if logits.ndim != 4 or labels.shape != (logits.shape[0], *logits.shape[2:]):
        raise HumansenseError(
            f"pixel_cross_entropy: logits {tuple(logits.shape)} need labels (B, H, W), got {tuple(labels.shape)}"
        )
    total = F.cross_entropy(at_least_float32(logits), labels, ignore_index=IGNORE, reduction="sum")
    return total / (labels != IGNORE).sum().clamp(min=1)


def label_shares(labels: Tensor, classes: int, cell: int) -> Tensor:
    """(B, classes, H / cell, W / cell) float32: the share of each cell's cell x cell pixels that has each label.

    labels: (B, H, W) int64 in 0..classes-1, or `IGNORE`, whose pixels are in no share: shares sum to 1 or less.
    """
    b, height, width = labels.shape
    if height % cell or width % cell:
        raise HumansenseError(f"label_shares: labels of {height} x {width} pixels cannot be cut into cells of {cell}")
    h, w = height // cell, width // cell
    pixels = labels.reshape(b, h, cell, w, cell).permute(0, 1, 3, 2, 4).reshape(b, h, w, cell * cell)
    slots = torch.where(pixels == IGNORE, classes, pixels)  # one more slot takes the unknown ones
    shares = torch.zeros(b, h, w, classes + 1, device=labels.device)
    shares.scatter_add_(-1, slots, torch.full((), 1 / cell**2, device=labels.device).expand(slots.shape))
    return shares[..., :classes].permute(0, 3, 1, 2).contiguous()


def share_cross_entropy(logits: Tensor, shares: Tensor) -> Tensor:
    """Mean cross entropy over all known pixels, each under its cell's logits. Both (B, C, h, w); see `label_shares`.

    Equals `pixel_cross_entropy` of the logits repeated to the labels' resolution, at the price of the coarse one.
    """
    if logits.shape != shares.shape:
        raise HumansenseError(
            f"share_cross_entropy: logits {tuple(logits.shape)} and shares {tuple(shares.shape)} differ"
        )
    total = -(shares * F.log_softmax(at_least_float32(logits), 1)).sum()
    known = shares.sum()
    return total / torch.where(known > 0, known, torch.ones_like(known))


def binary_cross_entropy(logits: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean binary cross entropy where `mask` holds. logits, target (0..1), mask (bool): one shape."""
    logits = at_least_float32(logits)
    losses = F.binary_cross_entropy_with_logits(logits, target.to(logits.dtype), reduction="none")
    return masked_mean(losses, mask)
