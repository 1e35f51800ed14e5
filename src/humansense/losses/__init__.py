"""Losses: pure functions, each a mean over the valid entries of an explicit mask.

An empty mask gives 0 and a zero gradient, so that a batch without a truth of some kind simply does not
train that part. Logits may come in bf16: everything is computed in float32 (or float64 where it came so).
"""

from humansense.losses.boxes import box_heatmaps, focal_center_loss, giou, giou_loss
from humansense.losses.heatmaps import gaussian_heatmaps, heatmap_mse, spatial_cross_entropy
from humansense.losses.pixels import (
    IGNORE,
    binary_cross_entropy,
    label_shares,
    masked_mean,
    pixel_cross_entropy,
    share_cross_entropy,
)

__all__ = [
    "IGNORE",
    "binary_cross_entropy",
    "box_heatmaps",
    "focal_center_loss",
    "gaussian_heatmaps",
    "giou",
    "giou_loss",
    "heatmap_mse",
    "label_shares",
    "masked_mean",
    "pixel_cross_entropy",
    "share_cross_entropy",
    "spatial_cross_entropy",
]
