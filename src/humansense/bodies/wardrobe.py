"""What people wear, drawn at random: tops, bottoms, one-pieces, skirts, shoes, in every length and fit."""

from __future__ import annotations

import numpy as np

from humansense.bodies.anny_body import Body
from humansense.bodies.cuts import above, below, meet, neckline, sleeves
from humansense.bodies.garments import Fit, Garment, Outfit, tailor
from humansense.bodies.hair import short_hair

Rng = np.random.Generator


def _top(rng: Rng, body: Body) -> Garment:
    border = meet(sleeves(rng.uniform(0.4, 1.0)), above(0.1), neckline(0.93, 0.99, 0.0, 9.0))
    return tailor(body, "t-shirt", border, Fit(0.008, 0.02, folds_m=0.006), above(0.1), rng)


def _trousers(rng: Rng, body: Body) -> Garment:
    border = meet(below(0.3), above(-1.95))
    return tailor(body, "trousers", border, Fit(0.0, 0.012, folds_m=0.005), above(-1.95), rng)


def sample_outfit(rng: Rng, body: Body) -> Outfit:
    """Clothes and hair for one person."""
    return Outfit((_trousers(rng, body), _top(rng, body)), short_hair(rng, body))
