"""`humansense reproduce`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import tyro

from humansense.cli import console
from humansense.cli.synth import build_body_once
from humansense.core import HumansenseError

if TYPE_CHECKING:
    from humansense.experiments import Options, Plan, Progress


@dataclass
class Reproduce:
    """Make an experiment of a paper again, in small: sets, trainings, figures, and whether the paper's findings hold.

    surreal-transfer (Varol 2019, Tables 3.2 to 3.4), surreal-amount and surreal-clothes (Figure 3-9), surreal-motion
    (section 3.5.6). The folder gets report.md, table.csv, runs.csv and plot.png. What was stopped goes on where it was.
    """

    examples: ClassVar[str] = """
        humansense reproduce surreal-clothes --scale small --dry-run       (how long it would take)
        humansense reproduce surreal-clothes --scale small --seeds 3
        humansense reproduce surreal-transfer --real surreal:data/real     (real people with body parts)
        humansense reproduce surreal-motion --motion mocap/                (captures of the target domain)
    """

    name: tyro.conf.Positional[str]
    """surreal-transfer, surreal-amount, surreal-clothes or surreal-motion."""
    scale: str = "small"
    """tiny (only shows that it works), small (an hour or less on two cores) or full (the paper's sizes)."""
    out: Path | None = None
    """Folder of the reproduction; by default out/reproduce/NAME."""
    seeds: int = 3
    """Repetitions, for the confidence intervals; more can be added later."""
    real: tuple[str, ...] = ()
    """A real data set with body parts as the target domain, in `humansense eval`'s words; its subjects are parted. Two:
    one to train on and one to test."""
    motion: Path | None = None
    """Folder of captures of the target domain (surreal-motion); by default built-in acrobatics."""
    backgrounds: Path | None = None
    """Folder of pictures without people; by default made-up ones."""
    workers: int = 2
    """Processes that make people."""
    threads: int = 1
    """Threads of training on a CPU."""
    dry_run: bool = False
    """Say how long it would take on this machine, and make nothing."""

    def run(self) -> int:
        console.setup_logging(False)
        if self.motion is not None and self.name != "surreal-motion":
            raise HumansenseError(f"--motion is for surreal-motion, not for {self.name}")
        from humansense.experiments import Options, carry_out, make_plan, verdict_line, write_report

        options = Options(
            out=self.out or Path("out/reproduce") / self.name,
            scale=self.scale,
            seeds=self.seeds,
            real=self.real,
            motion=self.motion,
            backgrounds=self.backgrounds,
            workers=self.workers,
            threads=self.threads,
            show_training=sys.stderr.isatty(),
        )
        plan = make_plan(self.name, options)
        build_body_once()
        if self.dry_run:
            return _forecast(plan, options)
        with console.bar(None, "filming", unit="frame") as bar:

            def filming(done: int, total: int) -> None:
                bar.total, bar.n = total, done
                bar.refresh()

            results = carry_out(plan, options, _tell, filming)
        report, verdicts = write_report(plan, options, results)
        print(plan.title)
        for verdict in verdicts:
            print(f"  {verdict_line(verdict)}")
        print(f"{console.relative(report)}, table.csv, runs.csv, plot.png")
        return 0


def _tell(progress: Progress) -> None:
    if progress.done < progress.total:
        parts = ((progress.film_s, "filming"), (progress.train_s, "training"))
        left = [f"about {_clock(seconds)} of {what} left" for seconds, what in parts if seconds > 0]
        console.note(", ".join((f"{progress.done + 1}/{progress.total} {progress.what}", *left)))


def _clock(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


def _forecast(plan: Plan, options: Options) -> int:
    from humansense.experiments import forecast

    found = forecast(plan, options)
    print(f"{plan.title}, scale {options.scale}, {options.seeds} seeds")
    print(f"  {found.frames:,} frames to film: about {_clock(found.film_s)} with {options.workers} processes")
    print(f"  {found.runs} runs to train and measure: about {_clock(found.train_s)}")
    return 0
