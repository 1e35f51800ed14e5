"""The plot of an experiment: curves over a logarithmic axis, or bars with the paper's figures beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from humansense.core import atomic_path
from humansense.experiments.judge import Cell
from humansense.experiments.plan import METRICS, Plan

_MARKS = "Ds^v"
_COLUMNS = 3


def draw(plan: Plan, table: Sequence[Cell], path: Path) -> None:
    """One panel a metric; whiskers are 95 % confidence intervals."""
    # The object interface: no display, no global state, and loaded only here.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    metrics = [metric for metric in METRICS if any(cell.metric == metric for cell in table)]
    columns = min(max(len(metrics), 1), _COLUMNS)
    rows = -(-max(len(metrics), 1) // columns)
    figure = Figure(figsize=(4.0 * columns, 3.2 * rows + 0.6), layout="constrained")
    FigureCanvasAgg(figure)
    legend: dict[str, Any] = {}
    for i, metric in enumerate(metrics):
        axes = figure.add_subplot(rows, columns, i + 1)
        mine = [cell for cell in table if cell.metric == metric]
        if plan.axis:
            _curves(axes, plan, mine)
        else:
            _bars(axes, plan, metric, mine)
        axes.set_title(METRICS[metric][0])
        axes.grid(alpha=0.3)
        handles, labels = axes.get_legend_handles_labels()
        legend |= dict(zip(labels, handles, strict=True))
    if legend:
        figure.legend(legend.values(), legend.keys(), fontsize="small", loc="outside lower center", ncols=3)
    figure.suptitle(plan.title, fontsize="medium")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120)


def _whisker(cell: Cell) -> float:
    return 0.0 if math.isnan(cell.value.low) else cell.value.half


def _curves(axes: Any, plan: Plan, mine: Sequence[Cell]) -> None:
    series = {run.row: run.series for run in plan.runs}
    curves: dict[str, list[Cell]] = {}
    for cell in mine:
        curves.setdefault(" ".join(filter(None, (cell.test, series[cell.row]))), []).append(cell)
    for label, points in curves.items():
        points.sort(key=lambda cell: plan.axis[cell.row])
        x = [plan.axis[cell.row] for cell in points]
        axes.errorbar(
            x,
            [cell.value.mean for cell in points],
            [_whisker(cell) for cell in points],
            marker="o",
            capsize=3,
            label=label,
        )
    axes.set_xscale("log")
    ticks = sorted(set(plan.axis.values()))
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlabel(plan.axis_title)


def _bars(axes: Any, plan: Plan, metric: str, mine: Sequence[Cell]) -> None:
    width = 0.8 / max(len(plan.tests), 1)
    for k, test in enumerate(plan.tests):
        found = [cell for cell in mine if cell.test == test]
        x = [plan.rows.index(cell.row) + (k - (len(plan.tests) - 1) / 2) * width for cell in found]
        heights, whiskers = [cell.value.mean for cell in found], [_whisker(cell) for cell in found]
        axes.bar(x, heights, width, yerr=whiskers, capsize=3, alpha=0.7, label=test)
    sources = dict.fromkeys(f.source for f in plan.paper)
    for mark, source in zip(_MARKS, sources, strict=False):
        said = [f for f in plan.paper if f.source == source and f.metric == metric and f.row in plan.rows]
        x = [plan.rows.index(f.row) for f in said]
        axes.plot(x, [f.value for f in said], mark, color="black", fillstyle="none", label=f"paper, {source}")
    axes.set_xticks(range(len(plan.rows)), plan.rows, rotation=20, ha="right", fontsize="small")
