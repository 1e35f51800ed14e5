"""The log of a run: a CSV file, a picture of the curves, and the progress bar."""

from __future__ import annotations

import csv
from pathlib import Path
from types import TracebackType
from typing import Self

from tqdm import tqdm

from humansense.core.files import atomic_path, write_error


class Journal:
    """Appends a row to `log.csv` now and then; rows later than the checkpoint that a run resumes from are dropped."""

    def __init__(self, out: Path, samples: int, progress: bool) -> None:
        """samples: where the run (re)starts; progress: whether to show a bar."""
        self.path = out / "log.csv"
        self.rows = [row for row in _read(self.path) if int(row["samples"]) <= samples]
        self._rewrite()
        self.bar = tqdm(total=1.0, disable=not progress, bar_format="{percentage:5.1f}%|{bar:30}| {desc}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.close()

    def add(self, row: dict[str, float]) -> None:
        """One row; the columns are those of the first."""
        self.rows.append({k: f"{v:.6g}" if isinstance(v, float) else str(v) for k, v in row.items()})
        try:
            with self.path.open("a", newline="") as file:
                writer = csv.DictWriter(file, list(self.rows[0]), extrasaction="ignore")
                if len(self.rows) == 1:
                    writer.writeheader()
                writer.writerow(self.rows[-1])
        except OSError as error:
            raise write_error(self.path, error) from error

    def show(self, progress: float, rate: float, loss: float, seconds_left: float) -> None:
        """Move the bar."""
        self.bar.n = min(progress, 1.0)
        left = f"{seconds_left / 60:.0f} min" if seconds_left >= 120 else f"{seconds_left:.0f} s"
        self.bar.set_description_str(f"loss {loss:.3f}, {rate:.1f} samples/s, {left} left")

    def _rewrite(self) -> None:
        with atomic_path(self.path) as path, path.open("w", newline="") as file:
            if self.rows:
                writer = csv.DictWriter(file, list(self.rows[0]), extrasaction="ignore")
                writer.writeheader()
                writer.writerows(self.rows)

    def draw(self) -> None:
        """`curve.png`: every loss over the samples seen."""
        if len(self.rows) < 2:
            return
        # The object interface: no display, no global state, and loaded only here.
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        names = [k for k in self.rows[0] if k not in ("step", "samples", "seconds", "lr", "samples_per_s")]
        figure = Figure(figsize=(3.2 * len(names), 2.6), layout="constrained")
        FigureCanvasAgg(figure)
        samples = [float(row["samples"]) for row in self.rows]
        for i, name in enumerate(names):
            axes = figure.add_subplot(1, len(names), i + 1)
            axes.plot(samples, [float(row[name]) for row in self.rows], linewidth=1)
            axes.set_title(name)
            axes.set_xlabel("samples")
            axes.set_yscale("log")
            axes.grid(alpha=0.3)
        with atomic_path(self.path.with_name("curve.png")) as path:
            figure.savefig(path, dpi=110)


def _read(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    # A row that a kill cut short has empty ends.
    return [row for row in rows if all(v for v in row.values()) and None not in row]
