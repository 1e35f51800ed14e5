"""`humansense train`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

import tyro

from humansense.cli import console
from humansense.core import HumansenseError


@dataclass
class Train:
    """Train a net on sets of clips, and go on where it stopped when started again with the same folder.

    The folder gets weights.safetensors (averaged), last.ckpt, log.csv, curve.png and settings.json. Ctrl-C saves first.
    """

    examples: ClassVar[str] = """
        humansense train people --data out/set --out runs/first --preset small
        humansense train people --data out/a out/b --out runs/long --minutes 90 --batch 48
        humansense train pose2d --data out/set --out runs/pose --samples 100000 --image-size 192
        humansense train parts --data out/set --out runs/paper --preset surreal8      (the paper's whole recipe)
        humansense train people --data out/new --out runs/tuned --init runs/first --lr 5e-4 --samples 50000
        humansense train finder --data out/crowd out/set --out runs/finder --preset finder
        humansense predict photo.jpg --weights runs/first --finder runs/finder
    """

    task: tyro.conf.Positional[str]
    """people (parts, depth and pose on one net), parts, depth, pose2d, or finder (boxes of everybody)."""
    data: tuple[Path, ...]
    """Sets made by `humansense synth`, or real datasets in their own layout."""
    out: Path
    """Folder of the run."""
    preset: str = "small"
    """The net, a row of `humansense nets`; surreal8 brings the paper's size, batch, optimizer and learning rate."""
    image_size: int | None = None
    """Side of the crop in pixels, a multiple of 4; by the preset: 128, surreal8 256."""
    samples: int | None = None
    """Crops to see before the run ends; by the preset: 300000."""
    minutes: float | None = None
    """End after this time instead."""
    batch: int | None = None
    """Crops a step and device; by the preset: 32, surreal8 6."""
    lr: float | None = None
    """Highest learning rate; by the preset: 0.002, surreal8 0.001."""
    optimizer: str | None = None
    """adamw, or rmsprop as in the papers; by the preset: adamw, surreal8 rmsprop."""
    ema: float = 0.999
    """Decay a step of the averaged weights."""
    workers: int = 1
    """Processes that load data."""
    seed: int = 0
    """Decides the order, the augmentation and the first weights."""
    devices: str = "auto"
    """How many devices, or auto."""
    accelerator: str = "auto"
    """cpu, cuda or auto."""
    precision: str = "bf16-mixed"
    """bf16-mixed or 32-true."""
    compile: bool = False
    """Compile the net first: a minute, then faster."""
    init: Path | None = None
    """Start from these weights (fine-tuning): a file or a training folder."""
    threads: int = 1
    """Threads a device of a CPU."""
    joint_set: str | None = None
    """The joints to learn (people and pose2d)."""
    task_options: tuple[str, ...] = ()
    """Further settings of the task as NAME=VALUE, e.g. pose2d_weight=1.0."""
    checkpoint_minutes: float = 5.0
    """Minutes between checkpoints."""

    def run(self) -> int:
        console.setup_logging(False)
        for folder in self.data:
            if not folder.exists():
                raise HumansenseError(f"--data {folder} does not exist: make it with `humansense synth {folder}`")
        if not self.data:
            raise HumansenseError("--data is empty: give one or more sets")
        from humansense.train import TrainSettings, train

        values: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        joints, options = values.pop("joint_set"), parse_options(values.pop("task_options"))
        if joints is not None:
            options |= {"joint_set": joints}
        settings = TrainSettings.by_recipe(**values, task_options=options)
        weights = train(settings)
        print(f"trained: {console.relative(weights)}")
        return 0


def parse_options(pairs: Sequence[str]) -> dict[str, Any]:
    """`("sigma=1.5", "heatmap_loss=mse")` to `{"sigma": 1.5, "heatmap_loss": "mse"}`; values are JSON, else text."""
    options: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals and value):
            raise HumansenseError(f"--task-options {pair}: expected NAME=VALUE, for example pose2d_weight=1.0")
        try:
            options[name] = json.loads(value)
        except ValueError:
            options[name] = value
    return options
