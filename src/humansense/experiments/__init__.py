"""Papers' experiments in small: `make_plan` says what is done, `carry_out` does it, `write_report` judges it."""

from humansense.experiments.judge import Verdict
from humansense.experiments.plan import Options, Plan
from humansense.experiments.report import verdict_line, write_report
from humansense.experiments.scales import SCALES
from humansense.experiments.table import EXPERIMENTS, Experiment, make_plan
from humansense.experiments.timing import Forecast, forecast
from humansense.experiments.work import Progress, carry_out

__all__ = [
    "EXPERIMENTS", "SCALES", "Experiment", "Forecast", "Options", "Plan", "Progress", "Verdict", "carry_out",
    "forecast", "make_plan", "verdict_line", "write_report",
]  # fmt: skip
