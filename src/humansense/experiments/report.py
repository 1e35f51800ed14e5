"""What a reproduction leaves to be read: report.md, table.csv, runs.csv and plot.png."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path

from humansense.core import atomic_path
from humansense.experiments.judge import Cell, Results, Verdict, cells, judge
from humansense.experiments.picture import draw
from humansense.experiments.plan import METRICS, Options, Plan
from humansense.experiments.stats import Interval


def write_report(plan: Plan, options: Options, results: Results) -> tuple[Path, list[Verdict]]:
    """Write the four files into `options.out`; returns the path of report.md and the verdicts."""
    table, verdicts = cells(plan, results), [judge(finding, results) for finding in plan.findings]
    _write(options.out / "table.csv", _table_csv(plan, table))
    _write(options.out / "runs.csv", _runs_csv(results))
    draw(plan, table, options.out / "plot.png")
    path = options.out / "report.md"
    _write(path, _markdown(plan, options, table, verdicts))
    return path, verdicts


def _write(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def _csv(rows: Sequence[Sequence[object]]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    return file.getvalue()


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.4f}"


def _table_csv(plan: Plan, table: Sequence[Cell]) -> str:
    """Ours, then the paper's: one figure a line, the columns low and high the ends of the 95 % interval."""
    head = ("who", "row", "test", "metric", "mean", "low", "high", "seeds")
    ours = [
        ("humansense", c.row, c.test, METRICS[c.metric][0], *map(_number, (c.value.mean, c.value.low, c.value.high)),
         c.value.count)
        for c in table
    ]  # fmt: skip
    paper = [("paper", f.row, f.source, METRICS[f.metric][0], _number(f.value), "", "", "") for f in plan.paper]
    return _csv([head, *ours, *paper])


def _runs_csv(results: Results) -> str:
    rows: list[tuple[object, ...]] = [("row", "seed", "test", "metric", "value")]
    for (row, seed), tests in results.items():
        for test, figures in tests.items():
            rows += [(row, seed, test, metric, "" if math.isnan(v) else f"{v:.6g}") for metric, v in figures.items()]
    return _csv(rows)


def words(value: Interval, digits: int = 1) -> str:
    """`31.2 ± 1.4`, or the mean alone where one seed gives no interval."""
    if value.count == 0:
        return "-"
    if math.isnan(value.low):
        return f"{value.mean:.{digits}f}"
    return f"{value.mean:.{digits}f} ± {value.half:.{digits}f}"


def _markdown_table(rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines.insert(1, f"|{'---|' * len(rows[0])}")
    return "\n".join(lines)


def _ours(plan: Plan, table: Sequence[Cell]) -> str:
    """One line a row, one column a test set and metric."""
    columns = [(t, m) for t in plan.tests for m in METRICS if any((c.test, c.metric) == (t, m) for c in table)]
    known = {(c.row, c.test, c.metric): words(c.value) for c in table}
    head = ["", *(f"{test}: {METRICS[metric][0]}" for test, metric in columns)]
    return _markdown_table(
        [head, *([row, *(known.get((row, *column), "-") for column in columns)] for row in plan.rows)]
    )


def _papers(plan: Plan) -> str:
    """One line a row, one column a source and metric."""
    columns = list(dict.fromkeys((f.source, f.metric) for f in plan.paper))
    known = {(f.row, f.source, f.metric): f"{f.value:g}" for f in plan.paper}
    rows = dict.fromkeys(f.row for f in plan.paper)
    head = ["", *(f"{source}: {METRICS[metric][0]}" for source, metric in columns)]
    return _markdown_table([head, *([row, *(known.get((row, *column), "-") for column in columns)] for row in rows)])


def verdict_line(verdict: Verdict) -> str:
    """The claim, the verdict and what it rests on, in one line."""
    unit = METRICS[verdict.finding.metric][0]
    margin = verdict.margin
    if not margin.count:
        return f"{verdict.answer}: {verdict.finding.claim}, on {verdict.finding.test} (not measured)"
    between = "no interval from one seed" if math.isnan(margin.low) else f"95 % {margin.low:+.2f} to {margin.high:+.2f}"
    return (
        f"{verdict.answer}: {verdict.finding.claim}, on {verdict.finding.test} ({margin.mean:+.2f} {unit}; {between})"
    )


def _markdown(plan: Plan, options: Options, table: Sequence[Cell], verdicts: Sequence[Verdict]) -> str:
    parts = [
        f"# {plan.title}",
        f"`humansense reproduce {plan.name} --scale {options.scale} --seeds {options.seeds}`: mean and 95 % confidence "
        f"interval (Student's t) over {options.seeds} seed(s).",
        _ours(plan, table),
        "![plot](plot.png)",
    ]
    if options.scale == "tiny":
        parts.insert(1, "**The scale `tiny` only shows that everything works: these figures say nothing.**")
    if plan.paper:
        parts += ["## The paper's figures", _papers(plan)]
    criterion = (
        "A finding holds if the 95 % confidence interval of its margin, the difference between the rows seed by seed "
        "(positive: as the paper says), lies above 0; it does not hold if the interval lies below 0; else it is "
        "undecided."
    )
    parts += ["## Do the paper's findings hold?", criterion]
    parts.append("\n".join(f"- {verdict_line(v)} [{v.finding.source}]" for v in verdicts))
    if plan.notes:
        parts += ["## What differs from the paper", "\n".join(f"- {note}" for note in plan.notes)]
    return "\n\n".join(parts) + "\n"
