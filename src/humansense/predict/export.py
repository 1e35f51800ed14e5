"""Weights as an ONNX file, which other programs run without PyTorch and without this package.

The graph takes `images` (B, 3, S, S) float32 RGB in 0..1, normalises them, and gives the last stage's answers, each
named by its head, as logits. Each file is run in onnxruntime and compared with the net before it is kept.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from humansense.core import HumansenseError, joint_set, part_set
from humansense.core.files import atomic_path
from humansense.predict.pictures import read_image
from humansense.predict.released import WEIGHTS, find_weights
from humansense.tasks import Task, load_task, task_from_json

OPSET = 18
TOLERANCE = 1e-3  # largest difference of a logit between the file and the net


@dataclass(frozen=True)
class OnnxSettings:
    """size: pixels of the square input; None: what the net was trained with. batch: pictures a call; None: any number.

    licence: what the file says of itself; None: that of released weights, and "not stated" for others.
    pictures: photos on which the file is compared with the net, beside those that are made for it.
    """

    size: int | None = None
    batch: int | None = None
    licence: str | None = None
    pictures: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        if self.batch is not None and self.batch < 1:
            raise HumansenseError(f"batch {self.batch}: expected a number from 1, or any number of pictures (dynamic)")


@dataclass(frozen=True)
class OnnxReport:
    """path: of the file; outputs: the shape of each for one picture; opset: of its operators; bytes: its size.

    difference: the largest between file and net over all outputs, by kind of input: random, picture, photo.
    """

    path: Path
    outputs: dict[str, tuple[int, ...]]
    opset: int
    bytes: int
    difference: dict[str, float]


class LastStage(nn.Module):
    """Images in 0..1 to the last stage's answers, in the order of `names`."""

    mean: Tensor
    std: Tensor

    def __init__(self, task: Task, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.names = (*task.heads(), *task.pooled())
        for name in ("mean", "std"):
            self.register_buffer(name, torch.tensor(getattr(task.settings, name))[:, None, None])

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        last = self.net((images - self.mean) / self.std)[-1]
        return tuple(last[name] for name in self.names)


def export_onnx(weights: str | Path, path: str | Path, settings: OnnxSettings | None = None) -> OnnxReport:
    """Write `weights` (a released name, a file or a training folder, of any task) to the ONNX file `path`.

    Raises `HumansenseError` where the extra packages, the weights or the size cannot be used, and, without leaving a
    file, where onnxruntime's answers differ from the net's by more than `TOLERANCE`.
    """
    onnx, runtime = _packages()
    settings, path = settings or OnnxSettings(), Path(path)
    if path.suffix != ".onnx":
        raise HumansenseError(f"{path}: expected a file name that ends with .onnx")
    task, net = load_task(find_weights(weights), fold=True)
    if settings.size is not None:
        values = task.to_json()
        task = task_from_json(values | {"settings": values["settings"] | {"image_size": settings.size}})
    size = task.settings.image_size
    stage = LastStage(task, net.requires_grad_(False)).eval()
    inputs = _test_inputs(size, settings)
    model = _graph(stage, size, settings.batch)
    onnx.helper.set_model_props(model, _properties(task, weights, settings))
    onnx.checker.check_model(model)
    with atomic_path(path) as temporary:
        onnx.save_model(model, str(temporary))
        difference = _compare(runtime, temporary, stage, inputs)
        worst = max(difference.values())
        if not worst <= TOLERANCE:  # NaN is no agreement either
            raise HumansenseError(
                f"{path} was not written: onnxruntime {runtime.__version__} differs from the net by {worst:.2g} "
                f"(allowed: {TOLERANCE}): try another version of onnxruntime"
            )
    with torch.inference_mode():
        answers = stage(torch.zeros(1, 3, size, size))
    shapes = {name: tuple(answer.shape) for name, answer in zip(stage.names, answers, strict=True)}
    return OnnxReport(path, shapes, model.opset_import[0].version, path.stat().st_size, difference)


def _packages() -> tuple[Any, Any]:
    """onnx and onnxruntime; a `HumansenseError` says how to get them."""
    try:
        import onnx
        import onnxruntime
        import onnxscript  # noqa: F401 (PyTorch's exporter needs it)
    except ImportError as error:
        raise HumansenseError(
            f"writing ONNX needs the package {error.name}: pip install 'humansense[export]'"
        ) from error
    onnxruntime.set_default_logger_severity(3)
    return onnx, onnxruntime


def _graph(stage: LastStage, size: int, batch: int | None) -> Any:
    """The ONNX model of `stage`."""
    # Two pictures as the example: one alone would be taken for a constant.
    example = torch.zeros(batch or 2, 3, size, size)
    shapes = {"images": {0: torch.export.Dim("batch", min=1)}} if batch is None else None
    with _quiet():
        program = torch.onnx.export(
            stage, (example,), input_names=["images"], output_names=list(stage.names), dynamic_shapes=shapes,
            opset_version=OPSET, dynamo=True, verbose=False,
        )  # fmt: skip
    assert program is not None
    return program.model_proto


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """PyTorch's exporter tells its progress and the changes to come; neither is of use here."""
    names = ("torch.onnx", "onnxscript", "onnx_ir")
    before = {name: logging.getLogger(name).level for name in names}
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            for name in names:
                logging.getLogger(name).setLevel(logging.ERROR)
            yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


def _properties(task: Task, weights: str | Path, settings: OnnxSettings) -> dict[str, str]:
    """What the file says of itself: `task` (JSON), `licence`, and as JSON lists `joint_names` and `part_names`."""
    row = WEIGHTS.get(str(weights))
    properties = {
        "task": json.dumps(task.to_json()),
        "weights": row.name if row else Path(weights).name,
        "licence": settings.licence or (row.licence if row else "not stated"),
    }
    if hasattr(task.settings, "joint_set") and "pose2d" in task.heads():
        properties["joint_names"] = json.dumps(joint_set(task.settings.joint_set).names)
    if "parts" in task.heads():
        properties["part_names"] = json.dumps(part_set("parts14").names)
    return properties


def _test_inputs(size: int, settings: OnnxSettings) -> dict[str, Tensor]:
    """Images (B, 3, S, S) in 0..1 by kind, B as the file wants it, or 3 where any number will do."""
    count = settings.batch or 3
    rng = np.random.default_rng(0)
    inputs = {
        "random": torch.from_numpy(rng.random((count, 3, size, size), np.float32)),
        "picture": torch.from_numpy(np.stack([picture_like(size, rng) for _ in range(count)])),
    }
    for path in settings.pictures:
        image = torch.from_numpy(read_image(path).copy()).permute(2, 0, 1)[None].float() / 255
        small = F.interpolate(image, (size, size), mode="bilinear", antialias=True)
        inputs[f"photo {path.name}"] = small.expand(count, -1, -1, -1).contiguous()
    return inputs


def picture_like(size: int, rng: np.random.Generator) -> np.ndarray:
    """(3, S, S) float32 in 0..1 with the statistics of photos: amplitudes fall with the frequency (Field 1987,
    "Relations between the statistics of natural images"), the three colours mostly go together, and in front stands
    an evenly coloured upright shape."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size))
    frequency[0, 0] = np.inf
    noise = np.fft.rfft2(rng.standard_normal((4, size, size))) / frequency
    fields = np.fft.irfft2(noise, s=(size, size))
    fields /= fields.std(axis=(1, 2), keepdims=True)
    image = np.clip(0.45 + 0.2 * (0.9 * fields[:1] + 0.4 * fields[1:]), 0, 1)
    y, x = (np.mgrid[:size, :size] + 0.5) / size
    body = ((x - 0.5) / 0.15) ** 2 + ((y - 0.55) / 0.4) ** 2 < 1
    image[:, body] = 0.7 * rng.random((3, 1)) + 0.3 * image[:, body]
    return image.astype(np.float32)


def _compare(runtime: Any, path: Path, stage: LastStage, inputs: dict[str, Tensor]) -> dict[str, float]:
    """The largest difference between the file's outputs and the net's, for each kind of input."""
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    difference: dict[str, float] = {}
    for kind, images in inputs.items():
        with torch.inference_mode():
            expected: Sequence[Tensor] = stage(images)
        answers = session.run(list(stage.names), {"images": images.numpy()})
        gaps = [float(np.abs(a - e.numpy()).max()) for a, e in zip(answers, expected, strict=True)]
        difference[kind] = float(np.max(gaps))  # np.max keeps NaN
    return difference
