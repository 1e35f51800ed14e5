"""The pictures that go with a prediction."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from humansense.core import Prediction, atomic_path
from humansense.view import draw, sheets

MAX_SIDE = 2400
"""Pictures for looking at are scaled down to this; the exact maps are in maps.npz."""


def overlay(prediction: Prediction, parts: bool = True) -> np.ndarray:
    """The picture with everybody's parts and skeleton over it, in the picture's own size."""
    if not prediction.found:
        return prediction.image.copy()
    out = draw.blend_parts(prediction.image, prediction.parts, strength=0.4) if parts else prediction.image
    for person in reversed(prediction.people):  # the most prominent comes last, on top
        out = draw.draw_skeleton(out, person.joints, person.joint_scores, person.joint_set)
    return out


def small(prediction: Prediction, max_side: int = MAX_SIDE) -> Prediction:
    """The same prediction on a smaller picture, for drawing; itself if it is small enough."""
    height, width = prediction.image.shape[:2]
    image = draw.fit(prediction.image, max_side, max_side)
    if image is prediction.image:
        return prediction
    scale = np.array([image.shape[1] / width, image.shape[0] / height])
    rows = np.minimum(((np.arange(image.shape[0]) + 0.5) / scale[1]).astype(int), height - 1)
    columns = np.minimum(((np.arange(image.shape[1]) + 0.5) / scale[0]).astype(int), width - 1)
    pick = np.ix_(rows, columns)
    people = tuple(
        replace(
            person,
            box=person.box * np.tile(scale, 2).astype(np.float32),
            joints=person.joints * scale.astype(np.float32),
        )
        for person in prediction.people
    )
    maps = {name: getattr(prediction, name)[pick] for name in ("parts", "depth", "instance")}
    return replace(prediction, image=image, people=people, **maps)


def pictures(prediction: Prediction) -> dict[str, np.ndarray]:
    """`overlay`, `parts` and `depth`, the maps with their legends, at most `MAX_SIDE` pixels a side."""
    shown = small(prediction)
    near, far = draw.depth_range(shown.depth)
    return {
        "overlay": overlay(shown),
        "parts": sheets.with_legend(draw.color_parts(shown.parts), sheets.part_legend(columns=5)),
        "depth": sheets.with_legend(draw.color_depth(shown.depth, near, far), sheets.depth_legend(near, far)),
    }


def write_pictures(prediction: Prediction, folder: str | Path) -> list[Path]:
    """`overlay.png`, `parts.png` and `depth.png` in `folder`, each whole or not there."""
    paths = []
    for name, image in pictures(prediction).items():
        paths.append(Path(folder) / f"{name}.png")
        save_png(image, paths[-1])
    return paths


def save_png(image: np.ndarray, path: str | Path) -> None:
    """Write a PNG atomically; a full disk or a missing permission is a `HumansenseError`."""
    with atomic_path(path) as temporary:
        Image.fromarray(image).save(temporary, compress_level=3)
