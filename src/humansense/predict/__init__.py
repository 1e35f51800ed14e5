"""Image or video -> people -> results. `humansense.predict("photo.jpg")` is the short way.

The module can be called: `humansense.predict(source) -> Prediction`; `humansense.predict.Predictor` keeps the net
loaded between pictures.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from humansense.core import Prediction
from humansense.predict.pictures import PICTURE_SUFFIXES, Picture, read_image, read_picture
from humansense.predict.predictor import Predictor, PredictSettings
from humansense.predict.released import WEIGHTS, ReleasedWeights, find_weights
from humansense.predict.results import result_json, write_results

__all__ = [
    "PICTURE_SUFFIXES",
    "WEIGHTS",
    "Picture",
    "PredictSettings",
    "Prediction",
    "Predictor",
    "ReleasedWeights",
    "find_weights",
    "predict",
    "read_image",
    "read_picture",
    "result_json",
    "write_results",
]


def predict(source: str | Path | np.ndarray, box: Sequence[float] | None = None, **settings: Any) -> Prediction:
    """The person in a picture: joints, parts, depth.

    source: a path, or an array (H, W, 3) uint8 RGB. box: x0, y0, x1, y1 in pixels, if it is known where the person
    is. settings: fields of `PredictSettings` (weights, flip, scales, joint_set, ...).

    The weights stay loaded between calls with the same settings. Raises `HumansenseError` for input that cannot be
    used; a picture without a person gives `found=False`.

        prediction = humansense.predict("photo.jpg")
        if prediction.found:
            x, y = prediction.joints[joint_set("coco17").index("left_wrist")]
    """
    if "scales" in settings:
        settings["scales"] = tuple(settings["scales"])
    return _predictor(PredictSettings(**settings))(source, box)


@lru_cache(maxsize=2)
def _predictor(settings: PredictSettings) -> Predictor:
    return Predictor(settings)


class _CallableModule(ModuleType):
    def __call__(self, *args: Any, **kwargs: Any) -> Prediction:
        return predict(*args, **kwargs)


sys.modules[__name__].__class__ = _CallableModule
