"""`humansense export`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import tyro

from humansense.cli import console
from humansense.core import HumansenseError


@dataclass
class Export:
    """Write trained weights as an ONNX file, and prove that onnxruntime answers as the net does.

    The input `images` is float32 RGB in 0..1, (B, 3, S, S), not normalised; the outputs are logits, named by head.
    """

    examples: ClassVar[str] = """
        humansense export people-small people.onnx
        humansense export runs/first first.onnx --size 256 --batch 1 --photo me.jpg
    """

    weights: tyro.conf.Positional[str]
    """A released name, a .safetensors file or a training folder, of any task."""
    out: tyro.conf.Positional[Path]
    """The file to write, NAME.onnx."""
    size: int | None = None
    """Side of the input in pixels, a multiple of 4; without it, that of the training."""
    batch: str = "dynamic"
    """Pictures a call: a number, or dynamic for any number."""
    licence: str | None = None
    """What the file says of its licence; released weights state their own."""
    photo: tuple[Path, ...] = ()
    """Photos to compare on, beside the made-up pictures."""

    def run(self) -> int:
        console.setup_logging(False)
        if self.batch != "dynamic" and not self.batch.isdigit():
            raise HumansenseError(f"--batch is {self.batch}: expected a number from 1, or dynamic")
        from humansense.predict.export import TOLERANCE, OnnxSettings, export_onnx

        batch = None if self.batch == "dynamic" else int(self.batch)
        settings = OnnxSettings(self.size, batch, self.licence, self.photo)
        report = export_onnx(self.weights, self.out, settings)
        rows = [
            (name, f"{batch or 'B'} x " + " x ".join(map(str, shape[1:]))) for name, shape in report.outputs.items()
        ]
        print(f"{console.relative(report.path)}: {console.human_bytes(report.bytes)}, ONNX opset {report.opset}")
        print(console.table(rows))
        worst = ", ".join(f"{kind} {gap:.1e}" for kind, gap in report.difference.items())
        print(f"largest difference from the net in onnxruntime (allowed: {TOLERANCE:g}): {worst}")
        return 0
