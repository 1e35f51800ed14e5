"""Measures: accumulators with `update(...)` for each batch and `compute()` at the end."""

from humansense.metrics.depth import DepthError, fit_scale_shift
from humansense.metrics.keypoints import PCK, pckh, torso_pck
from humansense.metrics.segmentation import MaskIoU, PartIoU

__all__ = ["PCK", "DepthError", "MaskIoU", "PartIoU", "fit_scale_shift", "pckh", "torso_pck"]
