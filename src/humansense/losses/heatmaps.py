"""Losses between predicted heatmaps and Gaussians at the joints.

Coordinates here are heatmap cells, continuous: the centre of the first cell is (0.5, 0.5).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from humansense.core.errors import HumansenseError
from humansense.losses.pixels import at_least_float32, masked_mean


def gaussian_heatmaps(joints: Tensor, size: tuple[int, int], sigma: float) -> Tensor:
    """(B, J, H, W) Gaussians of standard deviation `sigma` cells and peak 1 at `joints` (B, J, 2) in cells.

    exp(-|p - joint|^2 / (2 sigma^2)) at the centre p of each cell: between two cells both have less than 1,
    so that the place can be read back finer than a cell. A joint that is NaN gives zeros.
    """
    height, width = size
    xs = torch.arange(width, dtype=joints.dtype, device=joints.device) + 0.5
    ys = torch.arange(height, dtype=joints.dtype, device=joints.device) + 0.5
    # Separable: two vectors a joint instead of H * W exponentials.
    gx = torch.exp(-((xs - joints[..., 0:1]) ** 2) / (2 * sigma**2))
    gy = torch.exp(-((ys - joints[..., 1:2]) ** 2) / (2 * sigma**2))
    known = torch.isfinite(joints).all(-1)[..., None, None]
    return torch.where(known, gy[..., :, None] * gx[..., None, :], 0.0)


def heatmap_mse(heatmaps: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error over the cells of the joints in `mask` (Newell 2016, section 3.2; Varol 2019, 4.3.3).

    heatmaps, target: (B, J, H, W). mask: (B, J) bool.
    """
    if heatmaps.shape != target.shape or mask.shape != heatmaps.shape[:2]:
        raise HumansenseError(
            f"heatmap_mse: heatmaps {tuple(heatmaps.shape)}, target {tuple(target.shape)}, mask {tuple(mask.shape)}"
        )
    return masked_mean((at_least_float32(heatmaps) - target).square().mean((2, 3)), mask)


def spatial_cross_entropy(heatmaps: Tensor, nowhere: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Cross entropy of "where is the joint?" over all cells and one more answer, "nowhere in this crop".

    heatmaps: (B, J, H, W) logits. nowhere: (B, J) logits of the additional answer.
    target: (B, J, H, W) >= 0, any scale: it is normalised to sum 1; a joint whose target is all zeros is nowhere.
    mask: (B, J) bool, the joints whose truth is known. Mean over them, in nats.

    Converges much faster than the squared error, and softmax over cells and "nowhere" is a distribution:
    its mass near a place is how sure the net is of the joint being there.
    """
    if heatmaps.shape != target.shape or not mask.shape == nowhere.shape == heatmaps.shape[:2]:
        raise HumansenseError(
            f"spatial_cross_entropy: heatmaps {tuple(heatmaps.shape)}, nowhere {tuple(nowhere.shape)}, "
            f"target {tuple(target.shape)}, mask {tuple(mask.shape)}"
        )
    flat = target.flatten(2)
    mass = flat.sum(-1, keepdim=True)
    present = mass > 0
    wanted = torch.cat([flat / torch.where(present, mass, torch.ones_like(mass)), (~present).to(flat.dtype)], -1)
    logits = torch.cat([at_least_float32(heatmaps).flatten(2), at_least_float32(nowhere)[..., None]], -1)
    return masked_mean(-(wanted * F.log_softmax(logits, -1)).sum(-1), mask)
