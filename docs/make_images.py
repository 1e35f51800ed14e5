"""Makes the pictures of the README and the docs: `python docs/make_images.py`. Reads no file of the user's."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import skimage

import humansense
from humansense.core import Sample
from humansense.motion import PROCEDURAL
from humansense.synth import Ingredients, sample_spec
from humansense.synth.film import film
from humansense.view import draw, outputs, sheets

HERE = Path(__file__).parent / "images"
MOTIONS = tuple(f"procedural:{kind}" for kind in PROCEDURAL)
WIDTH = 1280


def frames(preset: str, count: int, size: tuple[int, int], seed: int) -> list[Sample]:
    """The first frame of `count` clips with somebody in them."""
    found: list[Sample] = []
    number = 0
    while len(found) < count:
        spec = sample_spec((seed, 1, number), preset, Ingredients(MOTIONS, size=size, frames=1))
        number += 1
        if spec.people:
            sample = next(film(spec, f"c{number}")[1])
            if (sample.parts > 0).mean() > 0.06 or preset == "surreal":
                found.append(sample)
    return found


def save(picture: np.ndarray, name: str) -> None:
    scale = WIDTH / picture.shape[1]
    small = cv2.resize(picture, (WIDTH, round(picture.shape[0] * scale)), interpolation=cv2.INTER_AREA)
    HERE.mkdir(exist_ok=True)
    cv2.imwrite(str(HERE / name), small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 86])


def overview() -> None:
    """One photo read, and synthetic people with their maps."""
    photo = Path(skimage.__file__).parent / "data" / "astronaut.png"
    prediction = humansense.predict(photo)  # type: ignore[operator]
    near, far = draw.depth_range(prediction.depth)
    side = 320
    top = [prediction.image, outputs.overlay(prediction, parts=False)]
    top += [draw.blend_parts(prediction.image, prediction.parts), draw.color_depth(prediction.depth, near, far)]
    rows = [sheets.tile([cv2.resize(p, (side, side), interpolation=cv2.INTER_AREA) for p in top], 4)]
    people = frames("wild", 8, (256, 256), seed=21)
    for group in (people[:4], people[4:]):
        rows.append(sheets.tile([cv2.resize(s.image, (side, side)) for s in group], 4))
        maps = [
            sheets.sample_maps(s)[name] for s, name in zip(group, ("joints", "parts", "depth", "normals"), strict=True)
        ]
        rows.append(sheets.tile([cv2.resize(m, (side, side), interpolation=cv2.INTER_NEAREST) for m in maps], 4))
    save(np.concatenate(rows), "overview.jpg")


def preset_sheets() -> None:
    """Sixty frames of each preset."""
    for preset, size in (("surreal", (240, 320)), ("wild", (256, 256))):
        save(sheets.tile([s.image for s in frames(preset, 60, size, seed=33)], 10), f"{preset}.jpg")
    save(sheets.contact_sheet(frames("wild", 6, (256, 256), seed=5)), "maps.jpg")


if __name__ == "__main__":
    overview()
    preset_sheets()
