"""Tasks: what a net is trained for, how its answer is read, and what it is measured by."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from humansense.core.errors import HumansenseError
from humansense.core.weights import load_weights
from humansense.nets import Net, fold_batchnorm
from humansense.tasks.depth import DepthTask
from humansense.tasks.finder import FinderTask, suppress
from humansense.tasks.parts import PartsTask
from humansense.tasks.people import PeopleTask
from humansense.tasks.pose2d import Pose2dTask
from humansense.tasks.settings import (
    DepthSettings,
    FinderSettings,
    PartsSettings,
    PeopleSettings,
    Pose2dSettings,
    TaskSettings,
)
from humansense.tasks.task import Outputs, Results, Task, TaskMetrics

__all__ = [
    "TASKS", "DepthSettings", "DepthTask", "FinderSettings", "FinderTask", "Outputs", "PartsSettings",
    "PartsTask", "PeopleSettings", "PeopleTask", "Pose2dSettings", "Pose2dTask", "Results", "Task",
    "TaskMetrics", "TaskSettings", "load_task", "make_task", "suppress", "task_from_json",
]  # fmt: skip

TASKS: Mapping[str, type[Task]] = MappingProxyType(
    {"parts": PartsTask, "depth": DepthTask, "pose2d": Pose2dTask, "people": PeopleTask, "finder": FinderTask}
)


def make_task(name: str, options: Mapping[str, Any] | None = None) -> Task:
    """The task of that name; `options` replace the defaults of its settings. Raises `HumansenseError`."""
    if name not in TASKS:
        raise HumansenseError(f"unknown task {name!r}; known: {', '.join(TASKS)}")
    kind = TASKS[name]
    return kind(kind.settings_type.from_json(dict(options or {})))


def task_from_json(values: Mapping[str, Any]) -> Task:
    """The way back from `Task.to_json`; further entries are ignored."""
    if "task" not in values or "settings" not in values:
        raise HumansenseError(
            "the settings of these weights name no task: they were not written by humansense's training"
        )
    return make_task(values["task"], values["settings"])


def load_task(path: str | Path, fold: bool = False) -> tuple[Task, Net]:
    """Task and net (eval mode, float32) from a weight file, or from a training folder that holds one.

    fold: merge each normalisation into its convolution: a little faster, for inference only.
    Raises `HumansenseError` for files that are missing, foreign, or do not fit the net that they name.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "weights.safetensors"
    state, values = load_weights(path)
    task = task_from_json(values)
    net = task.build_net()
    try:
        net.load_state_dict(state)
    except RuntimeError as error:
        raise HumansenseError(
            f"{path} does not fit the net {task.settings.net!r} of this version: train it again or update humansense"
        ) from error
    net.eval()
    if fold:
        fold_batchnorm(net)
    return task, net
