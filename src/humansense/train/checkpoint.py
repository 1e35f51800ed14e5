"""Checkpoints: everything a run needs to go on as if it had never stopped."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from humansense.core.errors import HumansenseError
from humansense.core.files import atomic_path
from humansense.core.weights import save_weights
from humansense.tasks import Task
from humansense.train.averages import Average
from humansense.train.settings import TrainSettings

FORMAT = 1
CHECKPOINT, WEIGHTS, SETTINGS = "last.ckpt", "weights.safetensors", "settings.json"
# What must be the same for a run to go on exactly; the rest (length, schedule, workers ...) may change.
FIXED = ("batch", "seed", "optimizer")
log = logging.getLogger(__name__)


@dataclass
class Position:
    """How far a run is: steps and samples done (over all devices), seconds spent."""

    step: int = 0
    samples: int = 0
    seconds: float = 0.0


@dataclass
class Run:
    """The changing parts of a run."""

    task: Task
    net: nn.Module
    optimizer: torch.optim.Optimizer
    average: Average
    at: Position

    def save(self, settings: TrainSettings) -> None:
        """Write the three files of the run's state, each atomically."""
        out = Path(settings.out)
        state = {
            "format": FORMAT,
            "task": self.task.to_json(),
            "fixed": {k: getattr(settings, k) for k in FIXED},
            "net": self.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state,
            "position": vars(self.at),
            "rng": torch.get_rng_state(),
        }
        with atomic_path(out / CHECKPOINT) as path:
            torch.save(state, path)
        trained = {"samples": self.at.samples, "minutes": round(self.at.seconds / 60, 2), "seed": settings.seed}
        save_weights(out / WEIGHTS, self.average.state, self.task.to_json() | {"trained": trained})
        with atomic_path(out / SETTINGS) as path:
            path.write_text(json.dumps(settings.to_json() | {"trained": trained}, indent=2) + "\n")

    def resume(self, settings: TrainSettings) -> bool:
        """Load the checkpoint of `settings.out` into this run; False where there is none.

        Raises `HumansenseError` for a checkpoint that is broken or of a different run.
        """
        path = Path(settings.out) / CHECKPOINT
        if not path.exists():
            return False
        state = _read(path)
        expected = {"task": self.task.to_json(), "fixed": {k: getattr(settings, k) for k in FIXED}}
        for name, value in expected.items():
            if state[name] != json.loads(json.dumps(value)) and state[name] != value:
                raise HumansenseError(
                    f"{path} belongs to a run with {_difference(state[name], value)}: "
                    "repeat the options of that run, or choose another --out"
                )
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
        for name, value in state["average"].items():
            self.average.state[name].copy_(value)
        self.at = Position(**state["position"])
        torch.set_rng_state(state["rng"])
        log.info("going on with %s at sample %d", path, self.at.samples)
        return True


def _read(path: Path) -> dict[str, Any]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # bytes that are no checkpoint make torch fail in any way
        raise HumansenseError(f"{path} is not a whole checkpoint: delete it to start again") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise HumansenseError(f"{path} is no checkpoint of this version: delete it to start again")
    return state


def _difference(old: Any, new: Any, name: str = "") -> str:
    """`name old (now new)` of the first entry in which two nested dicts differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(k for k in new if k not in old)]:
            if old.get(key) != new.get(key) and not _same(old.get(key), new.get(key)):
                return _difference(old.get(key), new.get(key), key)
    return f"{name} {old!r} (now {new!r})"


def _same(old: Any, new: Any) -> bool:
    """Equal as JSON, where a tuple is a list."""
    return json.dumps(old, default=str) == json.dumps(new, default=str)
