"""What a training run is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from humansense.core.errors import HumansenseError
from humansense.tasks import Task, make_task

# Varol 2019, section 3.4: crops of 256 pixels, 50,000 steps of 6 crops, RMSprop without a schedule.
_VAROL = MappingProxyType({"image_size": 256, "batch": 6, "optimizer": "rmsprop", "lr": 1e-3, "samples": 300_000})

# preset: what a run of it is told where nobody says otherwise; the defaults of `TrainSettings` for the others.
RECIPES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {"surreal8": _VAROL, "surreal8+up": _VAROL, "finder": MappingProxyType({"image_size": 256})}
)


@dataclass(frozen=True)
class TrainSettings:
    """One run. The run's folder `out` gets last.ckpt, weights.safetensors (EMA), log.csv, curve.png, settings.json.

    data: a set made by `humansense synth`, a real dataset in its native layout, or several of them. It may grow
        between a stop and a resume.
    task: a row of `humansense.tasks.TASKS`; preset: a row of `humansense.nets.NETS`.
    image_size: pixels of the crop. task_options: further settings of the task, by name.
    samples: crops to see before the schedule ends, over all devices; minutes: if given, the schedule ends after
        that time of training instead (time before a resume counts).
    batch: crops a step and device. lr: the peak; it rises over the first `warmup` of the run and falls by a cosine.
    optimizer: "adamw", or "rmsprop" as in the papers (lr 1e-3 without a schedule).
    clip: largest norm of the gradient. ema: decay a step of the averaged weights, which are what is kept.
    checkpoint_minutes: time between checkpoints. workers: processes that load data.
    init: weights to start from (fine-tuning), a file or a training folder; a run that is resumed does not look at it.
    devices, accelerator: as Lightning Fabric takes them; on a CPU a device is a process of `threads` threads. One
        thread each is best: several wait for each other at every layer, and crawl as soon as anything else runs.
    compile: torch.compile, some minutes once. Measure first: nearly all the time goes into convolutions, and on
        a CPU `small` gained nothing from it.
    """

    data: Path | tuple[Path, ...]
    out: Path
    task: str = "people"
    preset: str = "small"
    image_size: int = 128
    task_options: dict[str, Any] = field(default_factory=dict)
    samples: int = 300_000
    minutes: float | None = None
    batch: int = 32
    lr: float = 2e-3
    warmup: float = 0.03
    optimizer: str = "adamw"
    weight_decay: float = 0.02
    clip: float = 5.0
    ema: float = 0.999
    checkpoint_minutes: float = 5.0
    log_every: int = 20
    workers: int = 1
    threads: int = 1
    seed: int = 0
    init: Path | None = None
    devices: str = "auto"
    accelerator: str = "auto"
    precision: str = "bf16-mixed"
    compile: bool = False
    progress: bool = True

    def __post_init__(self) -> None:
        if self.samples < 1 or self.batch < 2 or (self.minutes is not None and self.minutes <= 0):
            raise HumansenseError(
                f"samples {self.samples}, batch {self.batch}, minutes {self.minutes}: expected 1, 2, above 0"
            )
        if self.workers < 0 or self.threads < 1 or self.log_every < 1:
            raise HumansenseError(
                f"workers {self.workers}, threads {self.threads}, log_every {self.log_every}: expected 0, 1, 1 at least"
            )
        if self.lr <= 0 or not 0 <= self.warmup < 1 or not 0 <= self.ema < 1 or self.clip <= 0:
            raise HumansenseError(
                f"lr {self.lr}, warmup {self.warmup}, ema {self.ema}, clip {self.clip}: "
                "expected lr and clip above 0, warmup and ema from 0 to below 1"
            )
        if self.optimizer not in ("adamw", "rmsprop"):
            raise HumansenseError(f"unknown optimizer {self.optimizer!r}; known: adamw, rmsprop")

    @classmethod
    def by_recipe(cls, preset: str, **values: Any) -> Self:
        """Settings of a run of `preset`: what `values` leave out or set to None is that of its row of `RECIPES`."""
        said = {name: value for name, value in values.items() if value is not None}
        return cls(preset=preset, **{**RECIPES.get(preset, {}), **said})

    def make_task(self) -> Task:
        """The task with this run's net and crop size; raises `HumansenseError` for options that do not fit."""
        return make_task(self.task, {"net": self.preset, "image_size": self.image_size, **self.task_options})

    def roots(self) -> tuple[Path, ...]:
        """The folders of `data`."""
        return self.data if isinstance(self.data, tuple) else (Path(self.data),)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        values = {k: str(v) if isinstance(v, Path) else v for k, v in asdict(self).items()}
        return values | {"data": [str(path) for path in self.roots()]}
