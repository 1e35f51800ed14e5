"""`humansense eval`."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import tyro

from humansense.cli import console
from humansense.core import HumansenseError

UNITS = {
    "samples": "people measured",
    "part_iou": "mean IoU of the 14 parts",
    "part_accuracy": "mean accuracy of the 14 parts",
    "part_f1": "macro F1 of the 14 parts and the background",
    "part_iou_pascal6": "mean IoU of PASCAL's 6 parts and the background",
    "mask_iou": "IoU of the person's mask",
    "depth_rmse_mm": "depth error, mm",
    "depth_st_rmse_mm": "depth error after scale and shift, mm",
    "pck": "PCK@0.2 of the torso, 0..1",
    "pck_lsp14": "the same over LSP's 14 joints, 0..1",
    "pckh": "PCKh@0.5, 0..1",
    "pckh_mpii": "PCKh@0.5 over MPII's joints but pelvis and thorax, 0..1",
    "box_ap": "average precision of boxes, mean over IoU 0.5 to 0.95",
    "box_ap50": "average precision of boxes at IoU 0.5",
    "false_alarms": "share of pictures without people in which somebody is seen",
    "person_accuracy": "share of crops whose 'is there a person' is right",
}


@dataclass
class Evaluate:
    """Measure weights on a set or a real dataset, each person's box given.

    A real dataset in its own layout is recognised; NAME:FOLDER says which it is, and which part of it: `lsp:FOLDER` has
    the photos that figures are reported on, `lsp-train:FOLDER` the others. `humansense data list` tells the names, the
    licences, and which of the figures is the dataset's own.
    """

    examples: ClassVar[str] = """
        humansense eval people --weights runs/first --data out/test
        humansense eval people --data lspet:photos/lspet         (the released weights)
        humansense eval people --data lspet:photos/lspet --flip --turn    (as well as they can)
        humansense eval people --data mpii-single:mpii           (PCKh by MPII's head boxes: pckh_mpii)
        humansense eval people --data ccp:photos/ccp --json
        humansense eval people --data lspet:photos/lspet --sheets out/lspet    (look at the worst answers)
        humansense eval finder --weights finder --data out/crowd               (boxes of everybody)
    """

    task: tyro.conf.Positional[str]
    """What the weights were trained for: people, parts, depth, pose2d or finder."""
    data: str
    """A set, NAME:FOLDER with a NAME of `humansense data list`, or a folder in one of these layouts."""
    weights: str = "people-base"
    """A released name, a .safetensors file or a training folder."""
    limit: int | None = None
    """Measure on so many samples at most."""
    batch: int = 32
    """Crops at a time."""
    flip: bool = False
    """Average over the crop and its mirror image, as `humansense predict --flip` does."""
    turn: bool = False
    """Of the crop and its three turns take the surest answer, as `humansense predict --turn` does."""
    sheets: Path | None = None
    """Folder for random.png and worst.png: samples drawn by chance and the worst ones, truth left, answer right."""
    json: bool = False
    """Print one line of JSON."""
    device: str = "cpu"
    """cpu, or cuda where there is one."""
    threads: int = 0
    """Threads to compute with; 0: as many as there are cores."""

    def run(self) -> int:
        console.setup_logging(False)
        console.set_threads(self.threads)
        if (self.limit is not None and self.limit < 1) or self.batch < 1:
            raise HumansenseError("--limit and --batch must be at least 1")
        source = dataset_source(self.data)
        from humansense.predict import find_weights
        from humansense.tasks import load_task
        from humansense.train import eval_batches, evaluate_net
        from humansense.view.examples import Examples
        from humansense.view.outputs import save_png

        task, net = load_task(find_weights(self.weights))
        if task.name != self.task:
            raise HumansenseError(
                f"{self.weights} are weights of the task {task.name}, not {self.task}: "
                f"use `humansense eval {task.name}`"
            )
        batches = eval_batches(task, source, self.limit, self.batch)
        examples = Examples(task) if self.sheets is not None else None
        watch = examples.watch if examples is not None else None
        shown = console.progress(batches, "measuring", unit="batch")
        figures = evaluate_net(task, net, shown, self.device, watch, self.flip, self.turn)
        if examples is not None and self.sheets is not None:
            for name, picture in examples.sheets().items():
                save_png(picture, self.sheets / f"{name}.png")
        known = {k: round(v, 5) for k, v in figures.items() if not (isinstance(v, float) and math.isnan(v))}
        if self.json:
            print(json.dumps({"weights": self.weights, "data": self.data, **known}))
        else:
            print(f"{self.weights} on {self.data}")
            print(console.table([(k, f"{v:<10.5g} {UNITS.get(k, '')}".rstrip()) for k, v in known.items()]))
            protocol = protocol_of(source)
            if protocol:
                console.note(f"the dataset's protocol: {protocol}")
        return 0


def protocol_of(source: str) -> str:
    """How the figures of a real dataset are reported, or "" for sets and pictures that have no protocol."""
    from humansense.data.loaders import open_source
    from humansense.data.readers import READERS
    from humansense.data.readers.datasets import DATASETS

    name = source.partition(":")[0]
    if name not in READERS:
        kind = type(open_source(source))
        name = next((reader for reader, row in READERS.items() if row is kind), "")
    rows = [row for row in DATASETS.values() if name in (row.name, *row.others)]
    return rows[0].protocol if rows and name != "images" else ""


def dataset_source(data: str) -> str:
    """`--data` as `open_source` takes it: a folder that is there, or NAME:FOLDER, whose reader says what it lacks."""
    from humansense.data.readers import READERS

    name, separator, rest = data.partition(":")
    if separator and name in READERS and not Path(data).exists():
        if not READERS[name].detect(Path(rest)):
            READERS[name].index(Path(rest))  # says what is missing
        return data
    if not Path(data).exists():
        raise HumansenseError(
            f"--data {data} does not exist: give a set of `humansense synth`, or NAME:FOLDER with a NAME of "
            "`humansense data list`"
        )
    return data
