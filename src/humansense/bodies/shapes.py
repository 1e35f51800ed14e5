"""The population priors: phenotypes of varied adults, children, the old, everybody, and extreme shapes.

Anny's age phenotype is 0 at birth, 1/3 in mid-childhood, 2/3 for a young adult and 1 in old age. Years become
phenotypes by the calibration that ships with anny (Bregier 2025) up to 16 and by MakeHuman's scale (25 to 90) above.
A stature is drawn in metres from published figures and turned into the height phenotype, so that no shape is a giant:

* 3 to 17 years: medians of CDC's growth charts (Kuczmarski 2002, Vital Health Stat 11(246)), 4.5 % spread.
* adults: 1.77 m and 1.63 m, as `adults` has them, 7 cm and 6.5 cm.
* from 30 years on: the loss of stature of Sorkin 1999 (Am J Epidemiol 150:969).

`python benchmarks/bodies.py` prints what comes out beside the references.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from humansense.core import HumansenseError

Rng = np.random.Generator

# Anny's height phenotype (0..1) of the average man and woman and its spread. With them 1,000 sampled adults have
# statures of 1.77 m (men) and 1.63 m (women), standard deviation 0.08 m: `python benchmarks/bodies.py`.
HEIGHT_MEANS = (0.395, 0.38)
HEIGHT_STD = 0.055

YEARS_TO_AGE = ((0.0, 0.0), (1, 0.05), (4, 0.215), (11, 0.415), (16, 2 / 3), (25, 2 / 3), (90, 1.0))
"""(years, age phenotype), linear between."""

# Median stature, metres, at an age of so many years (boys, girls); 18 and above are the adults' means.
MEDIAN_STATURES_M = (
    (3, 0.950, 0.940), (4, 1.022, 1.008), (5, 1.089, 1.077), (6, 1.154, 1.147), (7, 1.218, 1.216), (8, 1.279, 1.276),
    (9, 1.335, 1.329), (10, 1.386, 1.380), (11, 1.435, 1.447), (12, 1.491, 1.515), (13, 1.561, 1.572),
    (14, 1.638, 1.604), (15, 1.700, 1.618), (16, 1.735, 1.625), (17, 1.753, 1.629), (18, 1.770, 1.630),
)  # fmt: skip
STATURE_SPREAD = {"child": 0.045, "man": 0.0395, "woman": 0.0395}  # standard deviations as shares of the median
# Means of the weight and muscle phenotypes by years (male, female), fitted: the body mass index of children comes
# near the medians of CDC's charts and that of adults towards the world's mean of 24 (Anny's women are slight).
WEIGHT_MEANS = ((3, 0.95, 0.95), (6, 0.35, 0.6), (9, 0.2, 0.5), (14, 0.3, 0.5), (18, 0.45, 0.55), (30, 0.62, 0.75))
MUSCLE_MEANS = ((3, 0.4, 0.4), (10, 0.5, 0.45), (18, 0.55, 0.45), (30, 0.5, 0.38), (60, 0.45, 0.35), (90, 0.32, 0.28))
STATURE_LOSS_M = ((30, 0.0, 0.0), (70, 0.03, 0.05), (80, 0.05, 0.08), (90, 0.07, 0.11))
"""(years, men, women); the last row continues the slope of the one before."""

# Stature, metres, of Anny's reference shape by age phenotype at height 0 and 1, male then female: linear between.
# tests/test_bodies.py measures it.
_MODEL_STATURES_M = (
    (0.0, 0.438, 0.891, 0.438, 0.891),
    (1 / 3, 0.991, 1.936, 0.896, 1.840),
    (2 / 3, 1.364, 2.454, 1.224, 2.313),
    (1.0, 1.334, 2.423, 1.211, 2.301),
)
# What pure African, Asian and Caucasian phenotypes add to it, as shares, and how much of that shows at an age.
_MODEL_ANCESTRY = (0.047, -0.057, 0.010)
_MODEL_ANCESTRY_BY_AGE = ((0.0, 0.3), (0.2, 0.5), (0.4, 0.76), (2 / 3, 1.0))

# From and to years, share (rounded; they are scaled to sum to 1): the world's people of 3 years and more, after the
# United Nations' World Population Prospects 2022.
AGE_PYRAMID = (
    (3, 15, 0.212), (15, 25, 0.163), (25, 35, 0.158), (35, 45, 0.140), (45, 55, 0.122), (55, 65, 0.096),
    (65, 75, 0.066), (75, 90, 0.043),
)  # fmt: skip


@dataclass(frozen=True)
class Build:
    """Ranges of one kind of extreme shape, uniform. stature_z: standard deviations from the mean of the sex."""

    stature_z: tuple[float, float]
    weight: tuple[float, float]
    muscle: tuple[float, float]


EXTREMES: Mapping[str, Build] = MappingProxyType(
    {
        "very thin": Build((-1.2, 1.2), (0.0, 0.08), (0.05, 0.3)),
        "very heavy": Build((-1.2, 1.2), (0.92, 1.0), (0.0, 0.25)),
        "very tall": Build((2.3, 3.1), (0.25, 0.75), (0.3, 0.8)),
        "very short": Build((-3.1, -2.3), (0.25, 0.75), (0.3, 0.8)),
        "very muscular": Build((-1.2, 1.8), (0.6, 0.95), (0.92, 1.0)),
    }
)
"""Kinds of `extremes`, drawn equally often; each lies outside the 1st to 99th percentile of adults in what names it."""


def age_phenotype(years: np.ndarray | float) -> np.ndarray:
    """Anny's age phenotype of an age in years, 0..90."""
    return np.interp(years, *np.array(YEARS_TO_AGE).T)


def age_years(phenotype: np.ndarray | float) -> np.ndarray:
    """Years that a body of an age phenotype looks like: below 2/3 up to 16; a young adult (2/3) counts as 25."""
    years, ages = np.array(YEARS_TO_AGE).T
    return np.interp(phenotype, np.where(years == 16, ages - 1e-6, ages), years)


def height_phenotype(stature_m: np.ndarray, gender: np.ndarray, age: np.ndarray, ancestry: np.ndarray) -> np.ndarray:
    """The height phenotype (n,) that gives a stature, clipped to 0..1. ancestry: (n, 3) shares that sum to 1."""
    knots = np.array(_MODEL_STATURES_M).T
    low_m, high_m, low_f, high_f = (np.interp(age, knots[0], row) for row in knots[1:])
    shown = ancestry @ np.array(_MODEL_ANCESTRY) * np.interp(age, *np.array(_MODEL_ANCESTRY_BY_AGE).T)
    low, high = low_m + (low_f - low_m) * gender, high_m + (high_f - high_m) * gender
    return np.clip((stature_m / (1 + shown) - low) / (high - low), 0, 1)


def _adults(rng: Rng, n: int) -> np.ndarray:
    def bell(mean: float, std: float) -> np.ndarray:
        return np.clip(rng.normal(mean, std, n), 0.02, 0.98)

    gender = np.where(rng.random(n) < 0.5, 0, 1) + rng.normal(0, 0.08, n)
    age = rng.uniform(0.62, 1.0, n)
    columns = [
        np.clip(np.abs(gender), 0, 1),
        age,
        bell(0.55, 0.2),
        bell(0.5, 0.18),
        np.clip(rng.normal(np.where(gender > 0.5, *HEIGHT_MEANS[::-1]), HEIGHT_STD), 0.02, 0.98),
        bell(0.55, 0.2),
        rng.uniform(0.2, 0.8, n),
        rng.uniform(0.3, 0.8, n),
        *rng.dirichlet([0.5, 0.5, 0.5], n).T,
    ]
    return np.stack(columns, 1).astype(np.float32)


def _people(
    rng: Rng,
    years: np.ndarray,
    stature_z: np.ndarray | None = None,
    weight: np.ndarray | None = None,
    muscle: np.ndarray | None = None,
) -> np.ndarray:
    """(n, 11) phenotypes of people of these ages; what is not given is drawn as the age has it."""
    n = len(years)
    female = rng.random(n) < 0.5
    ancestry = rng.dirichlet([0.5, 0.5, 0.5], n)
    z = np.clip(rng.normal(size=n), -2.8, 2.8) if stature_z is None else stature_z
    # Before puberty the sexes differ little in build.
    grown = np.interp(years, (10, 17), (0, 1))
    gender = np.where(female, 0.68 + 0.32 * grown, 0.32 - 0.32 * grown) + rng.normal(0, 0.08, n)
    gender = 1 - np.abs(1 - np.abs(gender))
    spread = np.where(years < 18, STATURE_SPREAD["child"], np.where(female, *list(STATURE_SPREAD.values())[:0:-1]))
    rows, losses = np.array(MEDIAN_STATURES_M).T, np.array(STATURE_LOSS_M).T
    median = np.where(female, np.interp(years, rows[0], rows[2]), np.interp(years, rows[0], rows[1]))
    loss = np.where(female, np.interp(years, losses[0], losses[2]), np.interp(years, losses[0], losses[1]))
    age = age_phenotype(years)
    weights, muscles = np.array(WEIGHT_MEANS).T, np.array(MUSCLE_MEANS).T
    weight_mean, muscle_mean = (
        np.where(female, np.interp(years, rows[0], rows[2]), np.interp(years, rows[0], rows[1]))
        for rows in (weights, muscles)
    )
    drawn_weight, drawn_muscle = rng.normal(weight_mean, 0.2), rng.normal(muscle_mean, 0.18)
    breast = np.interp(years, (9, 17), (0, 1))
    columns = [
        gender,
        age,
        np.clip(drawn_muscle, 0.1, 0.95) if muscle is None else muscle,
        np.clip(drawn_weight, 0.1, 0.95) if weight is None else weight,
        height_phenotype(median * (1 + spread * z) - loss, gender, age, ancestry),
        np.clip(rng.normal(0.55, 0.2, n), 0.02, 0.98),
        rng.uniform(0.2, 0.8, n) * breast,
        rng.uniform(0.3, 0.8, n) - np.interp(years, (60, 90), (0, 0.25)),
        *ancestry.T,
    ]
    return np.stack(columns, 1).astype(np.float32)


def _everyone(rng: Rng, n: int) -> np.ndarray:
    table = np.array(AGE_PYRAMID)
    group = rng.choice(len(table), n, p=table[:, 2] / table[:, 2].sum())
    return _people(rng, rng.uniform(table[group, 0], table[group, 1]))


def _extremes(rng: Rng, n: int) -> np.ndarray:
    builds = list(EXTREMES.values())
    kind = rng.integers(len(builds), size=n)

    def drawn(field: str) -> np.ndarray:
        ranges = np.array([getattr(build, field) for build in builds])[kind]
        return rng.uniform(ranges[:, 0], ranges[:, 1])

    years = rng.uniform(18, 70, n)
    return _people(rng, years, drawn("stature_z"), drawn("weight"), drawn("muscle"))


POPULATIONS: Mapping[str, Callable[[Rng, int], np.ndarray]] = MappingProxyType(
    {
        "adults": _adults,
        "children": lambda rng, n: _people(rng, rng.uniform(3, 17.99, n)),
        "old": lambda rng, n: _people(rng, rng.uniform(65, 90, n)),
        "everyone": _everyone,
        "extremes": _extremes,
    }
)
"""Who can be drawn: adults; children of 3 to 17 years; the old, 65 to 90; everyone, by `AGE_PYRAMID`; `EXTREMES`."""


def sample_shapes(rng: np.random.Generator, n: int, population: str = "adults") -> np.ndarray:
    """(n, 11) float32 phenotypes in 0..1, in the order of `Body.shape_names`, of one of `POPULATIONS`.

    `adults`: gender is bimodal, age runs from young adult (2/3) to old (1), height, weight, muscle and proportions are
    bell curves clipped to Anny's range, and ancestry mixes three poles (Dirichlet 0.5). The spread is chosen
    so that statures come near those of adults (`benchmarks/bodies.py` prints them). The others: see the module's head.
    Raises `HumansenseError` for a population that is not in the table.
    """
    if population not in POPULATIONS:
        raise HumansenseError(f"unknown population {population!r}: choose one of {', '.join(POPULATIONS)}")
    return POPULATIONS[population](rng, n)
