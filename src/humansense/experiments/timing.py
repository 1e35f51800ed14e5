"""How long an experiment would take: a little of each kind of work is done elsewhere, timed, and multiplied."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from humansense.experiments.plan import Options, Plan, Portion, RunSpec
from humansense.experiments.scales import find_scale
from humansense.experiments.stock import frames_missing
from humansense.experiments.work import batches_of, crops_of, result_path, train_settings
from humansense.synth import SynthSettings, make_set
from humansense.synth.estimate import estimate
from humansense.train import train

STEPS = 16
_SMALL = "measured"


@dataclass(frozen=True)
class Forecast:
    """What is still to be done. frames, runs: how many. film_s, train_s: seconds of the clock for all of them."""

    frames: int
    runs: int
    film_s: float
    train_s: float


def forecast(plan: Plan, options: Options) -> Forecast:
    """Measure on this machine, for each preset of scenes and each net; writes nothing into `options.out`."""
    film_s, frames = 0.0, 0
    pace: dict[tuple[object, ...], tuple[float, float]] = {}
    for made in plan.sets.values():
        missing = frames_missing(made)
        if isinstance(made, SynthSettings) and missing:
            kind = (made.preset, made.frames, made.wardrobe, bool(made.motion))
            if kind not in pace:
                found = estimate(replace(made, out=made.out.with_name(".never")))
                pace[kind] = (found.start_s, (found.seconds - found.start_s) / found.frames)
            film_s += pace[kind][0] + pace[kind][1] * missing
            frames += missing
    todo = [run for run in plan.runs if not result_path(options, run).is_file()]
    crop_s = {net: _crop_s(plan, options, net) for net in dict.fromkeys(run.net for run in todo)}
    return Forecast(frames, len(todo), film_s, sum(crops_of(plan, run) * crop_s[run.net] for run in todo))


def _crop_s(plan: Plan, options: Options, net: str) -> float:
    """Seconds a crop of training with this net, from some steps on a few pictures."""
    scale = find_scale(options.scale)
    synthetic = next(made for made in plan.sets.values() if isinstance(made, SynthSettings))
    with tempfile.TemporaryDirectory() as folder:
        few = replace(synthetic, out=Path(folder) / "set", clips=2, frames=2, motion=None, procedural=0.5)
        make_set(few)
        run = RunSpec(_SMALL, 0, (Portion(_SMALL),), (), STEPS * scale.batch, scale.lr, net)
        there = replace(options, out=Path(folder), show_training=False)
        settings = replace(train_settings(there, run), log_every=STEPS // 2)
        train(settings, batches_of(replace(plan, sets={_SMALL: few}), run, settings, settings.make_task()))
        return _rate(settings.out / "log.csv")


def _rate(path: Path) -> float:
    """Seconds a sample between the first and the last line of a training's log."""
    with path.open(newline="") as file:
        rows: Sequence[dict[str, str]] = list(csv.DictReader(file))
    first, last = rows[0], rows[-1]
    return (float(last["seconds"]) - float(first["seconds"])) / (int(last["samples"]) - int(first["samples"]))
