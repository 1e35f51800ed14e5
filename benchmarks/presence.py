"""Does prediction know whether there is somebody? On photos with people and on photos without. One JSON line.

    python benchmarks/presence.py [--weights people-small] [--data shared/data/photos] [--photos 60]

`found_*`: share of the photos in which somebody is found, by the whole search. `auc_*`: how well the net's own logit
after the closer look separates photos with people from empty ones. `fit`: the bias and scale of `find.Presence` that
make the score a probability on these photos (logistic regression with both kinds weighing the same), for the row of
the weights in `predict/released.py`. Folders: lspet/images, ccp/photos (people), rooms (nobody).
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from scipy.optimize import minimize

from humansense.predict import Predictor, PredictSettings, read_picture
from humansense.predict.find import candidates
from humansense.predict.windows import Pyramid, box_window, whole_window

KINDS = {"lspet": "lspet/images", "ccp": "ccp/photos", "rooms": "rooms"}
NOBODY = -10.0  # logit where not even a piece of a mask was seen


def logit_after_closer_look(predictor: Predictor, image: np.ndarray) -> float:
    """Of the best candidate in the whole picture."""
    model, pyramid = predictor.model, Pyramid(image)
    seen = candidates(model.glances(model.look(pyramid, [whole_window(*pyramid.shape)]))[0], pyramid.shape)
    windows = [box_window(c.box) for c in seen[:2]]
    return max((g.person for g in model.glances(model.look(pyramid, windows))), default=NOBODY) if windows else NOBODY


def fit(people: np.ndarray, empty: np.ndarray) -> dict[str, float]:
    """Bias and scale of a logistic regression, both kinds weighing the same."""

    def loss(x: np.ndarray) -> float:
        bias, slope = x
        on, off = slope * (people - bias), slope * (empty - bias)
        return float(np.logaddexp(0, -on).mean() + np.logaddexp(0, off).mean())

    bias, slope = minimize(loss, np.array([5.0, 0.5]), method="Nelder-Mead").x
    return {"presence_bias": round(float(bias), 2), "presence_scale": round(float(1 / slope), 2)}


def auc(above: np.ndarray, below: np.ndarray) -> float:
    """Share of pairs that are in the right order."""
    difference = above[:, None] - below[None]
    return round(float((difference > 0).mean() + 0.5 * (difference == 0).mean()), 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="people-small")
    parser.add_argument(
        "--data", type=Path, default=Path(os.environ.get("HUMANSENSE_DATA", "../shared/data")) / "photos"
    )
    parser.add_argument("--photos", type=int, default=60)
    options = parser.parse_args()
    predictor = Predictor(PredictSettings(weights=options.weights))
    found: dict[str, float] = {}
    logits: dict[str, np.ndarray] = {}
    for kind, folder in KINDS.items():
        files = sorted((options.data / folder).glob("*.jpg"))
        files = [files[i] for i in np.random.default_rng(0).permutation(len(files))[: options.photos]]
        pictures = [read_picture(file) for file in files]
        found[f"found_{kind}"] = round(float(np.mean([predictor(picture).found for picture in pictures])), 3)
        logits[kind] = np.array([logit_after_closer_look(predictor, picture.image) for picture in pictures])
    row: dict[str, object] = {"benchmark": "presence", "weights": options.weights, "photos": options.photos, **found}
    row |= {f"auc_{kind}": auc(logits[kind], logits["rooms"]) for kind in ("lspet", "ccp")}
    row["fit"] = fit(np.concatenate([logits["lspet"], logits["ccp"]]), logits["rooms"])
    print(json.dumps(row))


if __name__ == "__main__":
    main()
