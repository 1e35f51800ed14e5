"""The population prior: phenotypes of varied adults."""

from __future__ import annotations

import numpy as np

# Anny's height phenotype (0..1) of the average man and woman and its spread. With them 1,000 sampled adults have
# statures of 1.77 m (men) and 1.63 m (women), standard deviation 0.08 m: `python benchmarks/bodies.py`.
HEIGHT_MEANS = (0.395, 0.38)
HEIGHT_STD = 0.055


def sample_shapes(rng: np.random.Generator, n: int) -> np.ndarray:
    """(n, 11) float32 phenotypes of adults in 0..1, in the order of `Body.shape_names`.

    Gender is bimodal, age runs from young adult (2/3) to old (1), height, weight, muscle and proportions are
    bell curves clipped to Anny's range, and ancestry mixes three poles (Dirichlet 0.5). The spread is chosen
    so that statures come near those of adults (`benchmarks/bodies.py` prints them).
    """

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
