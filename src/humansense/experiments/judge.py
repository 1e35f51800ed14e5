"""From the figures of the runs to means, intervals and verdicts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from humansense.experiments.plan import METRICS, Finding, Plan
from humansense.experiments.stats import Interval, interval

Results = Mapping[tuple[str, int], Mapping[str, Mapping[str, float]]]
"""(row, seed) -> test set -> metric -> figure, as `work.carry_out` gives them."""


@dataclass(frozen=True)
class Cell:
    """One figure of the table, in the unit of `METRICS`."""

    row: str
    test: str
    metric: str
    value: Interval


@dataclass(frozen=True)
class Verdict:
    """answer: "holds", "does not hold" or "undecided". margin: by how much, over the seeds, in the metric's unit."""

    finding: Finding
    margin: Interval
    answer: str


def cells(plan: Plan, results: Results) -> list[Cell]:
    """Every figure that could be measured, rows in the plan's order."""
    made = []
    for row in plan.rows:
        for test in plan.tests:
            for metric in METRICS:
                values = [
                    r[test][metric] for (name, _), r in results.items() if name == row and metric in r.get(test, {})
                ]
                value = interval([value * METRICS[metric][1] for value in values])
                if value.count:
                    made.append(Cell(row, test, metric, value))
    return made


def judge(finding: Finding, results: Results) -> Verdict:
    """The finding's criterion, computed seed by seed: what the runs of a seed share cancels out of their difference."""
    seeds = sorted({seed for _, seed in results})
    margins = [_margin(finding, results, seed) for seed in seeds]
    margin = interval([value * METRICS[finding.metric][1] for value in margins])
    answer = "holds" if margin.low > 0 else "does not hold" if margin.high < 0 else "undecided"
    return Verdict(finding, margin, answer)


def _margin(finding: Finding, results: Results, seed: int) -> float:
    total = 0.0
    for row, weight in finding.weights:
        figures = results.get((row, seed), {}).get(finding.test, {})
        total += weight * figures.get(finding.metric, math.nan)
    return total
