"""`humansense nets`."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any, ClassVar

COLUMNS = ("preset", "decoder", "parameters (M)", "multiply-adds (G)", "stride", "fp16 (MB)", "ms")
REPEATS = 5


@dataclass
class Nets:
    """What each net is and what it costs: parameters, multiply-adds of one picture, pixels a cell of its finest answer.

    Multiply-adds are those of the convolutions and matrix products. The milliseconds are those of a net with random
    weights, normalisations folded, in float32 on one thread: the best of some passes over one picture.
    """

    examples: ClassVar[str] = """
        humansense nets
        humansense nets --size 128 --task parts --time
        humansense nets --json
    """

    size: int = 256
    """Side of the picture in pixels, a multiple of 4."""
    task: str = "people"
    """Whose heads the nets get: people, parts, depth, pose2d ..."""
    time: bool = False
    """Measure a forward pass of each: the largest takes seconds."""
    json: bool = False
    """Print one line of JSON."""

    def run(self) -> int:
        from humansense.nets import NETS

        rows = [describe(preset, self.task, self.size, self.time) for preset in NETS]
        if self.json:
            print(json.dumps({"task": self.task, "size": self.size, "nets": rows}))
        else:
            print(f"heads of the task {self.task}, one picture of {self.size} x {self.size} pixels")
            print(nets_table(rows))
        return 0


def describe(preset: str, task_name: str, size: int, timed: bool = False) -> dict[str, Any]:
    """One row; raises `HumansenseError` for a task or size that does not exist."""
    import torch

    from humansense.nets import NETS, STRIDE, count_parameters, forward_multiply_adds
    from humansense.tasks import make_task

    task = make_task(task_name, {"net": preset, "image_size": size})
    with torch.device("meta"):
        net = task.build_net()
    stored = sum(v.numel() * (2 if v.is_floating_point() else v.element_size()) for v in net.state_dict().values())
    return {
        "preset": preset,
        "decoder": NETS[preset].decoder,
        "parameters": count_parameters(net),
        "multiply_adds": forward_multiply_adds(task.build_net, size),
        "stride": task.settings.fine_stride if task.fine() else STRIDE,
        "fp16_bytes": stored,
        "ms": round(milliseconds(preset, task_name, size), 2) if timed else None,
    }


def milliseconds(preset: str, task_name: str, size: int) -> float:
    """The best of `REPEATS` forward passes over one picture on one thread."""
    import torch

    from humansense.nets import fold_batchnorm
    from humansense.tasks import make_task

    task = make_task(task_name, {"net": preset, "image_size": size})
    net = fold_batchnorm(task.build_net().eval()).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = task.inputs(torch.rand(1, 3, size, size))
    threads, best = torch.get_num_threads(), float("inf")
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            net(images)
            for _ in range(REPEATS):
                start = time.perf_counter()
                net(images)
                best = min(best, time.perf_counter() - start)
    finally:
        torch.set_num_threads(threads)
    return best * 1e3


def nets_table(rows: list[dict[str, Any]]) -> str:
    """The rows of `describe` in columns; the milliseconds only where they were measured."""
    cells = [
        (
            row["preset"], row["decoder"], f"{row['parameters'] / 1e6:.2f}", f"{row['multiply_adds'] / 1e9:.2f}",
            str(row["stride"]), f"{row['fp16_bytes'] / 1e6:.1f}", "" if row["ms"] is None else f"{row['ms']:.1f}",
        )
        for row in rows
    ]  # fmt: skip
    shown = [COLUMNS, *cells] if any(row[-1] for row in cells) else [row[:-1] for row in (COLUMNS, *cells)]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    words = 2  # columns of words stand left, those of numbers right
    return "\n".join(
        "  ".join(f"{c:<{w}}" if i < words else f"{c:>{w}}" for i, (c, w) in enumerate(zip(row, widths, strict=True)))
        for row in shown
    )
