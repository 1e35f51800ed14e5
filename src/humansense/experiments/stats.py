"""Means over seeds with their confidence intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """The mean of `count` values, and the `LEVEL` confidence interval of the expectation.

    low, high: NaN for fewer than two values, which say nothing about their spread.
    """

    mean: float
    low: float
    high: float
    count: int

    @property
    def half(self) -> float:
        """Half the interval's width; NaN for one value."""
        return (self.high - self.low) / 2


def interval(values: Sequence[float]) -> Interval:
    """mean +- t s / sqrt(n), t of Student's distribution with n - 1 degrees of freedom; NaNs are left out.

    Student 1908: right for values that are normally distributed, however few.
    """
    known = [value for value in values if not math.isnan(value)]
    count = len(known)
    mean = math.fsum(known) / count if count else math.nan
    if count < 2:
        return Interval(mean, math.nan, math.nan, count)
    from scipy.stats import t

    variance = math.fsum((value - mean) ** 2 for value in known) / (count - 1)
    half = float(t.ppf((1 + LEVEL) / 2, count - 1)) * math.sqrt(variance / count)
    return Interval(mean, mean - half, mean + half, count)
