"""The experiments that can be reproduced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from humansense.core import HumansenseError
from humansense.experiments import surreal
from humansense.experiments.plan import Options, PaperFigure, Plan


@dataclass(frozen=True)
class Experiment:
    """One row. title: what it asks. where: in the paper. paper: the figures that it prints. plan: see `plan.Plan`."""

    title: str
    where: str
    paper: tuple[PaperFigure, ...]
    plan: Callable[[Options], Plan]


EXPERIMENTS: Mapping[str, Experiment] = MappingProxyType(
    {
        "surreal-transfer": Experiment(
            "real, synthetic, or synthetic people and then real ones",
            "Varol 2019, Tables 3.2 to 3.4",
            surreal.TRANSFER_PAPER,
            surreal.transfer,
        ),
        "surreal-amount": Experiment("how much synthetic data", "Varol 2019, Figure 3-9, left", (), surreal.amount),
        "surreal-clothes": Experiment(
            "how many different clothes", "Varol 2019, Figure 3-9, right", (), surreal.clothes
        ),
        "surreal-motion": Experiment(
            "the target's movements or others", "Varol 2019, section 3.5.6", surreal.MOTION_PAPER, surreal.motion
        ),
    }
)


def make_plan(name: str, options: Options) -> Plan:
    """The plan of the experiment of that name; raises `HumansenseError` for options that cannot be carried out."""
    if name not in EXPERIMENTS:
        raise HumansenseError(f"unknown experiment {name!r}: use one of {', '.join(EXPERIMENTS)}")
    for option, value in (("--seeds", options.seeds), ("--workers", options.workers), ("--threads", options.threads)):
        if value < 1:
            raise HumansenseError(f"{option} is {value}, expected at least 1")
    return EXPERIMENTS[name].plan(options)
