"""Measures: accumulators with `update(...)` for each batch and `compute()` at the end."""

from humansense.metrics.coco_ap import BoxAP, KeypointAP
from humansense.metrics.depth import DepthError, fit_scale_shift
from humansense.metrics.keypoints import MPII_HEAD_SHARE, PCK, head_size, pckh, torso_pck
from humansense.metrics.segmentation import MaskIoU, PartIoU
from humansense.metrics.tracking import Jitter, TrackingError

__all__ = [
    "MPII_HEAD_SHARE",
    "PCK",
    "BoxAP",
    "DepthError",
    "Jitter",
    "KeypointAP",
    "MaskIoU",
    "PartIoU",
    "TrackingError",
    "fit_scale_shift",
    "head_size",
    "pckh",
    "torso_pck",
]
