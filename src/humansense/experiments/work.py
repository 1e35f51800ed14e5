"""Carrying a plan out: make the sets, train, measure. What is done is kept, so that a stopped reproduction goes on.

out/data/SET            the synthetic sets
out/runs/RUN            a training folder a run
out/results/RUN.json    its figures, written when it is measured
out/plan.json           what the folder belongs to
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

import humansense
from humansense.core import HumansenseError, atomic_path
from humansense.data.augment import AugmentSettings
from humansense.data.loaders import EvalCrops, crop_loader
from humansense.experiments.plan import Options, Plan, RunSpec
from humansense.experiments.scales import find_scale
from humansense.experiments.stock import frames_missing, make, open_portion, open_test
from humansense.synth import SynthSettings
from humansense.tasks import Task, load_task
from humansense.train import BatchSource, TrainSettings, evaluate_net, train
from humansense.train.source import batches_from, joints_of

TASK = "people"
NO_POSE = {"pose2d_weight": 0.0}  # the experiments are about parts and depth
AUGMENT = AugmentSettings(
    mirror=0.0, from_behind=1.0, rotation_deg=15.0, any_rotation=0.0, fill_min=0.65, fill_max=0.95, off_center=0.0,
    upper_body=0.0, aspect=0.0, no_person=0.0, other_person=0.0, occlude=0.0, texture_background=0.0, grey=0.0,
    colour=0.85, shade=0.0, low_resolution=0.0, blur=0.0, noise=0.0, jpeg=0.0,
)  # fmt: skip
"""Rotations, scaling and colour, as section 3.4 has it: what nets for photos need on top would slow these down."""
Figures = dict[str, dict[str, float]]
"""Test set -> metric -> figure; NaN where it could not be measured."""


@dataclass(frozen=True)
class Progress:
    """done, total: sets and runs. what: is being made. film_s, train_s: seconds left for the sets and for the runs; NaN
    before the first of them tells how fast it goes."""

    done: int
    total: int
    what: str
    film_s: float
    train_s: float


@dataclass
class Pace:
    """How long frames and crops take, learned as they are made. frame_s, crop_s: NaN before the first."""

    frame_s: float = math.nan
    crop_s: float = math.nan

    def left(self, frames: int, crops: int) -> tuple[float, float]:
        """Seconds for so many more; NaN where the pace is not known yet."""
        return (frames * self.frame_s if frames else 0.0), (crops * self.crop_s if crops else 0.0)


def carry_out(
    plan: Plan,
    options: Options,
    progress: Callable[[Progress], None] | None = None,
    filming: Callable[[int, int], None] | None = None,
) -> dict[tuple[str, int], Figures]:
    """Everything of the plan that is not done yet; returns (row, seed) -> figures, of all runs.

    progress: called before each set and run that is missing. filming: within a set, with (frames done, frames in all).
    Raises `HumansenseError` for a folder that belongs to another experiment or scale, and for what cannot be made.
    """
    _claim(plan, options)
    pace, total = Pace(), len(plan.sets) + len(plan.runs)
    done = 0

    def tell(what: str) -> None:
        if progress:
            frames = sum(frames_missing(made) for made in plan.sets.values())
            crops = sum(crops_of(plan, run) for run in plan.runs if not result_path(options, run).is_file())
            progress(Progress(done, total, what, *pace.left(frames, crops)))

    for name, made in plan.sets.items():
        missing, start = frames_missing(made), time.monotonic()
        if missing:
            tell(f"set {name}")
        make(made, name, filming)  # a whole set, too: that it is the one that was asked for is checked
        if missing:
            pace.frame_s = (time.monotonic() - start) / missing
        done += 1
    for run in plan.runs:
        if not result_path(options, run).is_file():
            tell(f"run {run.row}, seed {run.seed}")
            start = time.monotonic()
            _keep(options, run, _train_and_measure(plan, options, run))
            pace.crop_s = (time.monotonic() - start) / crops_of(plan, run)
        done += 1
    tell("done")
    return {(run.row, run.seed): read_result(options, run) for run in plan.runs}


def crops_of(plan: Plan, run: RunSpec) -> int:
    """Crops that a run handles: those it learns from, and those it is tested on where their number is known."""
    tests = [plan.sets[name] for name in run.tests]
    return run.samples + sum((made.clips or 0) * made.frames for made in tests if isinstance(made, SynthSettings))


def result_path(options: Options, run: RunSpec) -> Path:
    """Where the figures of a run are kept."""
    return options.out / "results" / f"{run.key}.json"


def read_result(options: Options, run: RunSpec) -> Figures:
    """The figures of a finished run."""
    path = result_path(options, run)
    try:
        tests = json.loads(path.read_text(encoding="utf-8"))["tests"]
        return {
            test: {name: math.nan if value is None else float(value) for name, value in figures.items()}
            for test, figures in tests.items()
        }
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise HumansenseError(f"{path} cannot be read ({error}): delete it to measure this run again") from error


def _keep(options: Options, run: RunSpec, figures: Figures) -> None:
    tests = {t: {k: None if math.isnan(v) else v for k, v in values.items()} for t, values in figures.items()}
    content = {"run": asdict(run), "tests": tests}
    with atomic_path(result_path(options, run)) as path:
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _claim(plan: Plan, options: Options) -> None:
    """Write `plan.json`, or refuse a folder that holds other work: figures of two kinds must not meet in one table."""
    path = options.out / "plan.json"
    mine: dict[str, Any] = {
        "experiment": plan.name,
        "version": humansense.__version__,
        "scale": options.scale,
        "sizes": asdict(find_scale(options.scale)),
        "real": list(options.real),
        "motion": str(options.motion or ""),
        "backgrounds": str(options.backgrounds or ""),
    }
    mine = json.loads(json.dumps(mine))
    if path.is_file():
        try:
            there = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise HumansenseError(f"{path} cannot be read ({error}): choose another --out") from error
        differs = [name for name, value in mine.items() if there.get(name) != value]
        if differs:
            name = differs[0]
            raise HumansenseError(
                f"{options.out} holds a reproduction with {name} {there.get(name)!r} (now {mine[name]!r}): "
                "choose another --out, or repeat its options to go on with it"
            )
        return
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(mine, indent=1) + "\n", encoding="utf-8")


def train_settings(options: Options, run: RunSpec) -> TrainSettings:
    """The settings of a run's training."""
    scale, runs = find_scale(options.scale), options.out / "runs"
    init = None if run.init is None else runs / replace(run, row=run.init).key
    return TrainSettings(
        data=options.out / "data",  # the crops come from `batches_of`
        out=runs / run.key,
        task=TASK,
        task_options=NO_POSE,
        preset=run.net,
        image_size=scale.image_size,
        samples=run.samples,
        batch=scale.batch,
        optimizer=scale.optimizer,
        lr=run.lr,
        seed=run.seed,
        init=init,
        threads=options.threads,
        progress=options.show_training,
    )


def batches_of(plan: Plan, run: RunSpec, settings: TrainSettings, task: Task) -> BatchSource:
    """The augmented crops that a run learns from."""
    joints = joints_of(task)
    return batches_from([open_portion(plan, portion, joints) for portion in run.data], settings, task, AUGMENT)


def _train_and_measure(plan: Plan, options: Options, run: RunSpec) -> Figures:
    settings = train_settings(options, run)
    weights = train(settings, batches_of(plan, run, settings, settings.make_task()))
    task, net = load_task(weights)
    joints, figures = joints_of(task), {}
    for test in run.tests:
        crops = EvalCrops(open_test(plan, test, joints), settings.image_size, joints)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        figures[test] = evaluate_net(task, net, crop_loader(crops, 32), device)
    return figures
