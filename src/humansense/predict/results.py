"""A prediction as files: `result.json` for programs that want numbers, `maps.npz` for those that want pixels."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

import humansense
from humansense.core import Prediction, atomic_path, joint_set, part_set
from humansense.predict.pictures import Picture
from humansense.predict.released import WEIGHTS, find_weights, sha256

RESULT_FORMAT = 2
MAX_MAP_SIDE = 4096
"""Maps are stored at the picture's size up to this many pixels a side, then at a whole fraction of it."""


def result_json(prediction: Prediction, picture: Picture | None = None) -> dict[str, Any]:
    """What was found, as JSON values; numbers in pixels of the upright picture in the file.

    picture: what the prediction was made from, if it may have been reduced while it was read.
    """
    height, width = prediction.image.shape[:2] if picture is None else picture.file_size
    scale = np.array([width / prediction.image.shape[1], height / prediction.image.shape[0]])
    return {
        "format": RESULT_FORMAT,
        "input": None if picture is None else picture.name,
        "size": {"width": int(width), "height": int(height)},
        "found": bool(prediction.found),
        "score": round(float(prediction.score), 4),
        "joint_set": prediction.joint_set,
        "people": [_person(prediction, i, scale) for i in range(len(prediction.people))],
        "timings_ms": {stage: round(ms, 2) for stage, ms in prediction.timings_ms.items()},
        "versions": versions(prediction.weights),
    }


def _person(prediction: Prediction, number: int, scale: np.ndarray) -> dict[str, Any]:
    """`people[number]`, its coordinates times `scale` (x, y)."""
    person = prediction.people[number]
    rows, columns = _area(prediction, number)
    own = prediction.instance[rows, columns] == number + 1
    numbered = {} if person.track_id is None else {"track_id": person.track_id}
    return numbered | {
        "score": round(float(person.score), 4),
        "box": [_number(v) for v in person.box * np.tile(scale, 2)],
        "joints": [
            {"name": name, "x": _number(xy[0]), "y": _number(xy[1]), "score": round(float(score), 4)}
            for name, xy, score in zip(
                joint_set(person.joint_set).names, person.joints * scale, person.joint_scores, strict=True
            )
        ],
        "parts": part_areas(prediction.parts[rows, columns][own], float(scale.prod())),
        "depth_m": depth_summary(prediction.depth[rows, columns][own]),
    }


def _area(prediction: Prediction, number: int) -> tuple[slice, slice]:
    """Rows and columns that hold all pixels of `people[number]`: its box, and as far around it as it is long."""
    height, width = prediction.instance.shape
    box = prediction.people[number].box
    reach = float(max(box[2:] - box[:2]))
    x0, y0 = np.clip(np.floor(box[:2] - reach), 0, [width, height]).astype(int)
    x1, y1 = np.clip(np.ceil(box[2:] + reach), 0, [width, height]).astype(int)
    return slice(y0, y1), slice(x0, x1)


def who_was_found(prediction: Prediction) -> str:
    """`nobody found`, `1 person found`, `3 people found`."""
    count = len(prediction.people)
    return "nobody found" if count == 0 else "1 person found" if count == 1 else f"{count} people found"


def part_areas(labels: np.ndarray, pixel_area: float = 1.0) -> dict[str, dict[str, float]]:
    """{part: pixels and share of the person} of the parts among `labels` of parts14, any shape."""
    names = part_set("parts14").names
    counts = np.bincount(labels.ravel(), minlength=len(names))[1:]
    total = max(int(counts.sum()), 1)
    return {
        name: {"pixels": round(float(n) * pixel_area), "share": round(float(n) / total, 4)}
        for name, n in zip(names[1:], counts, strict=True)
        if n
    }


def depth_summary(depth: np.ndarray) -> dict[str, float] | None:
    """Nearest, middle and farthest depth in metres from the pelvis (2nd, 50th, 98th percentile)."""
    known = depth[np.isfinite(depth)]
    if known.size == 0:
        return None
    near, middle, far = (round(float(v), 4) for v in np.percentile(known, [2, 50, 98]))
    return {"nearest": near, "median": middle, "farthest": far}


@lru_cache(maxsize=4)
def versions(weights: str) -> dict[str, str]:
    """Of the program and of the weights."""
    out = {"humansense": humansense.__version__, "weights": weights}
    path = find_weights(weights) if weights else None
    if path is not None:
        file = path / "weights.safetensors" if path.is_dir() else path
        out["weights_sha256"] = sha256(file)
    if weights in WEIGHTS:
        out["weights_licence"] = WEIGHTS[weights].licence
    return out


def write_results(prediction: Prediction, folder: str | Path, picture: Picture | None = None) -> list[Path]:
    """`result.json` and `maps.npz` in `folder`, each whole or not there. Existing ones are replaced.

    maps.npz holds `parts` (h, w) uint8, `depth` (h, w) float16 metres from each one's pelvis with NaN off the people,
    `instance` (h, w) uint8, i + 1 where `people[i]` is, and `to_picture` (3, 3) float64: pixels of the maps to pixels
    of the upright picture in the file.
    """
    folder = Path(folder)
    with atomic_path(folder / "maps.npz") as temporary:
        np.savez_compressed(temporary, **maps_arrays(prediction, picture))  # type: ignore[arg-type]
    with atomic_path(folder / "result.json") as temporary:
        text = json.dumps(result_json(prediction, picture), indent=1, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8")
    return [folder / "result.json", folder / "maps.npz"]


def maps_arrays(prediction: Prediction, picture: Picture | None = None) -> dict[str, np.ndarray]:
    """The arrays of maps.npz."""
    height, width = prediction.image.shape[:2]
    step = -(-max(height, width) // MAX_MAP_SIDE)
    to_image = np.array([[step, 0.0, 0.5 - 0.5 * step], [0.0, step, 0.5 - 0.5 * step], [0.0, 0.0, 1.0]])
    to_image[:2, 2] += step // 2  # the pixel that is kept of each block
    return {
        "parts": prediction.parts[step // 2 :: step, step // 2 :: step],
        "depth": prediction.depth[step // 2 :: step, step // 2 :: step].astype(np.float16),
        "instance": prediction.instance[step // 2 :: step, step // 2 :: step],
        "to_picture": to_image if picture is None else picture.to_file @ to_image,
    }


def _number(value: float, digits: int = 2) -> float | None:
    """Rounded; NaN, which JSON does not know, as null."""
    return round(float(value), digits) if np.isfinite(value) else None
