"""From nets' answers to probabilities that hold."""

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
        return sigmoid((np.asarray(logit) - self.bias) / self.scale)


@dataclass(frozen=True)
class Evidence:
    """How two answers to "is somebody there?" become one score that is above a half where somebody is.

    finder, look: what a unit of the logit of the finder's score and of the closer look's answer weighs. bias: what
    both must outweigh (`python benchmarks/presence.py`).
    """

    finder: float = 1.0
    look: float = 0.3
    bias: float = 2.5

    def probability(self, finder_logit: float, look_logit: float, doubt: float = 0.0) -> float:
        """0..1. doubt: further logits against it."""
        return float(sigmoid(np.asarray(self.finder * finder_logit + self.look * look_logit - self.bias - doubt)))


def sigmoid(logit: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-logit)), without overflow."""
    return np.asarray(1.0 / (1.0 + np.exp(np.clip(-logit, -60, 60))))


def logit(probability: np.ndarray | float) -> np.ndarray:
    """ln p / (1 - p), finite."""
    p = np.clip(np.asarray(probability, np.float64), 1e-6, 1 - 1e-6)
    return np.asarray(np.log(p / (1 - p)))
