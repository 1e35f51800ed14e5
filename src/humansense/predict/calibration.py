"""From a net's answer to a probability that holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Calibration:
    """How a net's logit becomes a probability: sigmoid((logit - bias) / scale) (Platt 1999).

    A net that was trained on synthetic people is too sure of itself on photos; bias and scale say by how much.
    """

    bias: float = 0.0
    scale: float = 1.0

    def probability(self, logit: np.ndarray | float) -> np.ndarray:
        """Of one logit or of many."""
        return np.asarray(1.0 / (1.0 + np.exp(np.clip((self.bias - np.asarray(logit)) / self.scale, -60, 60))))


def logit(probability: np.ndarray | float) -> np.ndarray:
    """ln p / (1 - p), finite."""
    p = np.clip(np.asarray(probability, np.float64), 1e-6, 1 - 1e-6)
    return np.asarray(np.log(p / (1 - p)))
