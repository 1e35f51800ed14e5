"""What an experiment consists of, as values: sets, runs, tests, the paper's figures and what they are said to show.

An experiment is a function that makes a `Plan`; nothing is computed by it. `work.carry_out` makes the sets, trains and
measures; `report.write_report` tables, draws and judges.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from humansense.synth import SynthSettings

METRICS: Mapping[str, tuple[str, float]] = {
    "part_iou": ("part IoU, %", 100.0),
    "part_accuracy": ("part accuracy, %", 100.0),
    "part_iou_pascal6": ("IoU of 6 parts, %", 100.0),
    "mask_iou": ("mask IoU, %", 100.0),
    "depth_rmse_mm": ("depth RMSE, mm", 1.0),
    "depth_st_rmse_mm": ("depth st-RMSE, mm", 1.0),
}
"""Figures of the task that are tabled -> (title, factor to the unit of the title). Varol 2019, section 3.5.1; the 6
parts of PASCAL, in which left and right are one, and the mask tell rows apart long before the 14 parts do."""


@dataclass(frozen=True)
class Scale:
    """How large everything is.

    size: (H, W) of the pictures. image_size: side of a crop, pixels. net: a row of `NETS`. clips, frames: of a
    synthetic training set. target_clips, target_frames: of the target domain's training set, a clip being a person.
    test_clips, test_frames: of each test set. samples: crops that a run from scratch sees; tune_samples: one that
    fine-tunes.
    batch: crops a step. optimizer, lr, tune_lr: of training. fractions: of the training clips (`surreal-amount`).
    outfits: how many different ones (`surreal-clothes`). fps: frames a second of the synthetic clips.
    """

    size: tuple[int, int]
    image_size: int
    net: str
    clips: int
    frames: int
    target_clips: int
    target_frames: int
    test_clips: int
    test_frames: int
    samples: int
    tune_samples: int
    batch: int
    fractions: tuple[float, ...]
    outfits: tuple[int, ...]
    optimizer: str = "adamw"
    lr: float = 2e-3
    tune_lr: float = 5e-4
    fps: float = 4.0


@dataclass(frozen=True)
class Options:
    """What the user decides. real: real data sets in place of the target domain, one or (training, test) two.

    motion: captures of the target domain. workers, threads: of making sets and of training. seeds: 0, 1, ... so many.
    """

    out: Path
    scale: str = "small"
    seeds: int = 3
    real: tuple[str, ...] = ()
    motion: Path | None = None
    backgrounds: Path | None = None
    workers: int = 2
    threads: int = 1
    show_training: bool = False


@dataclass(frozen=True)
class RealSet:
    """Samples of a real data set. source: as `data.loaders.open_source` takes it.

    share: (first, last) of its groups (subjects: the folders in the samples' keys), as fractions; (0, 1) is everything.
    """

    source: str
    share: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True)
class Portion:
    """Training data: a set of the plan by name; fraction: of its clips, drawn by `seed`."""

    data: str
    fraction: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class RunSpec:
    """One training run and its measuring.

    row: of the table. init: row whose run of the same seed it starts from. series: words for the plot's legend where
    the rows of an axis belong to several curves.
    """

    row: str
    seed: int
    data: tuple[Portion, ...]
    tests: tuple[str, ...]
    samples: int
    lr: float
    net: str
    init: str | None = None
    series: str = ""

    @property
    def key(self) -> str:
        """Name of its folder and of its file of results."""
        words = "".join(c if c.isalnum() else "-" for c in self.row.lower().replace("+", " plus "))
        return f"{'-'.join(filter(None, words.split('-')))}-s{self.seed}"


@dataclass(frozen=True)
class PaperFigure:
    """A figure that the paper prints, in the unit of `METRICS`. source: its table or section and data set."""

    row: str
    metric: str
    value: float
    source: str


@dataclass(frozen=True)
class Finding:
    """A claim of the paper that the runs can bear out or not, stated before they are made.

    It holds if the weighted sum of the rows' figures, `weights` . metric on `test`, is positive: its 95 % confidence
    interval over the seeds lies above 0. It does not hold if the interval lies below 0; else the seeds are too few or
    too unlike to say. For errors the weights have the other sign.
    """

    claim: str
    source: str
    test: str
    metric: str
    weights: tuple[tuple[str, float], ...]


def better(claim: str, source: str, test: str, metric: str, rows: tuple[str, str]) -> Finding:
    """The finding that the first of two rows is better than the second in this metric."""
    sign = -1.0 if metric.startswith("depth") else 1.0
    return Finding(claim, source, test, metric, ((rows[0], sign), (rows[1], -sign)))


@dataclass(frozen=True)
class Plan:
    """One experiment with its options.

    sets: those to make, or real ones, by name. runs: in an order in which `init` comes before what starts from it.
    axis: rows as a number (for a plot with a logarithmic axis) and its title, or empty for bars. notes: what differs
    from the paper, to be said beside the figures.
    """

    name: str
    title: str
    sets: Mapping[str, SynthSettings | RealSet]
    runs: tuple[RunSpec, ...]
    findings: tuple[Finding, ...]
    paper: tuple[PaperFigure, ...]
    axis: Mapping[str, float] = field(default_factory=dict)
    axis_title: str = ""
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> tuple[str, ...]:
        """The rows of the table in their order."""
        return tuple(dict.fromkeys(run.row for run in self.runs))

    @property
    def tests(self) -> tuple[str, ...]:
        """The names of the test sets in their order."""
        return tuple(dict.fromkeys(test for run in self.runs for test in run.tests))
