"""Does prediction know whether there is somebody? On photos with people and on photos without. One JSON line.

    python benchmarks/presence.py [--weights people-base] [--finder finder] [--data shared/data/photos] [--photos 60]

`bias`: of `predict.calibration.Evidence`, for the row of the weights in `predict/released.py`: what finder and closer
look must outweigh so that somebody is found in 0.5 % of pictures without people, namely synthetic places and the
pictures inside scikit-image. `found_synthetic`: the share of synthetic people's pictures in which somebody then is.

The photos of `--data` are only checked on: `found_*` is the share of them in which somebody is found, `auc_*` how well
each logit separates photos with people from empty rooms. Folders: lspet/images, ccp/photos (people), rooms (nobody).
"""

from __future__ import annotations

import argparse
import json
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import skimage

from humansense.motion import PROCEDURAL
from humansense.predict import Predictor, PredictSettings, read_picture
from humansense.predict.calibration import Evidence, logit
from humansense.predict.find import LEAST
from humansense.predict.predictor import BATCH
from humansense.predict.windows import Pyramid, box_window
from humansense.synth import Ingredients, Source, sample_spec
from humansense.synth.cast import UnusableError
from humansense.synth.film import film

# Pictures of scikit-image in which nobody is.
EMPTY = (
    *("brick", "cell", "chelsea", "clock_motion", "coffee", "coins", "color", "grass", "gravel", "hubble_deep_field"),
    *("ihc", "logo", "moon", "motorcycle_left", "page", "retina", "rocket", "text"),
)
KINDS = {"lspet": "lspet/images", "ccp": "ccp/photos", "rooms": "rooms"}
WEIGHTS = np.array([Evidence().finder, Evidence().look])
FALSE_ALARMS = 0.005
NOBODY = -10.0  # logit where not even a piece of a mask was seen


def evidence(predictor: Predictor, image: np.ndarray) -> np.ndarray:
    """(logit of the finder, logit of the closer look, doubt) of the likeliest candidate of a picture."""
    pyramid = Pyramid(image)
    seen = predictor.finder.find(pyramid)[:BATCH]
    if not seen:
        return np.array([logit(LEAST), NOBODY, 0.0])
    look = predictor.model.look(pyramid, [box_window(c.box) for c in seen])
    rows = [[logit(c.score), g.person, c.doubt] for c, g in zip(seen, predictor.model.glances(look), strict=True)]
    return max((np.array(row, float) for row in rows), key=lambda row: float(row[:2] @ WEIGHTS - row[2]))


def auc(above: np.ndarray, below: np.ndarray) -> float:
    """Share of pairs that are in the right order."""
    difference = above[:, None] - below[None]
    return round(float((difference > 0).mean() + 0.5 * (difference == 0).mean()), 4)


def synthetic(count: int, people: int) -> list[np.ndarray]:
    """Pictures of the test split of the preset `wild`, all with somebody in them (people = 1) or all without (0)."""
    sources = tuple(Source(f"procedural:{kind}") for kind in PROCEDURAL)
    ingredients = Ingredients(sources, size=(256, 256), frames=2, people=1)
    images: list[np.ndarray] = []
    number = 0
    while len(images) < count:
        spec = sample_spec((9, 1, number), "wild", ingredients)
        number += 1
        if spec.actors:
            with suppress(UnusableError):  # a pose that does not make a clip: the next one does
                images.append(next(film(spec if people else replace(spec, actors=()), "c")[1]).image)
    return images


def empty_photos() -> list[np.ndarray]:
    """Pictures of scikit-image without people, each whole and as three random crops."""
    folder, rng = Path(skimage.__file__).parent / "data", np.random.default_rng(0)
    found = [path for name in EMPTY for path in sorted(folder.glob(f"{name}.*"))]
    images = []
    for path in found:
        image = read_picture(path).image
        images.append(image)
        side = min(image.shape[:2]) // 2
        for _ in range(3):
            y, x = (int(rng.integers(0, n - side + 1)) for n in image.shape[:2])
            images.append(np.ascontiguousarray(image[y : y + side, x : x + side]))
    return images


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="people-base")
    parser.add_argument("--finder", default="finder")
    parser.add_argument(
        "--data", type=Path, default=Path(os.environ.get("HUMANSENSE_DATA", "../shared/data")) / "photos"
    )
    parser.add_argument("--photos", type=int, default=60)
    options = parser.parse_args()
    predictor = Predictor(PredictSettings(weights=options.weights, finder=options.finder))
    found: dict[str, float] = {}
    logits: dict[str, np.ndarray] = {}
    for kind, folder in KINDS.items():
        files = sorted((options.data / folder).glob("*.jpg"))
        files = [files[i] for i in np.random.default_rng(0).permutation(len(files))[: options.photos]]
        pictures = [read_picture(file) for file in files]
        found[f"found_{kind}"] = round(float(np.mean([predictor(picture).found for picture in pictures])), 3)
        logits[kind] = np.array([evidence(predictor, picture.image) for picture in pictures])
    row: dict[str, object] = {"benchmark": "presence", "weights": options.weights, "finder": options.finder}
    row |= {"photos": options.photos, **found}
    somebody, nobody = synthetic(options.photos * 2, 1), synthetic(options.photos, 0) + empty_photos()
    there, empty = (np.array([evidence(predictor, image) for image in kind]) for kind in (somebody, nobody))
    sums = [rows[:, :2] @ WEIGHTS - rows[:, 2] for rows in (there, empty)]
    row["bias"] = round(float(np.percentile(sums[1], 100 - 100 * FALSE_ALARMS)), 2)
    row["found_synthetic"] = round(float((sums[0] > row["bias"]).mean()), 3)
    for kind in ("lspet", "ccp"):
        for k, name in enumerate(("finder", "look")):
            row[f"auc_{kind}_{name}"] = auc(logits[kind][:, k], logits["rooms"][:, k])
    print(json.dumps(row))


if __name__ == "__main__":
    main()
