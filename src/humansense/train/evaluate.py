"""Measuring weights over a set."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from torch import nn

from humansense.core.errors import HumansenseError
from humansense.core.values import Batch
from humansense.tasks import Results, Task, load_task


@torch.inference_mode()
def evaluate_net(
    task: Task,
    net: nn.Module,
    batches: Iterable[Batch],
    device: str = "cpu",
    watch: Callable[[Results, Batch], None] | None = None,
    flip: bool = False,
) -> dict[str, float]:
    """The figures of `task.metrics()` over all batches, and `samples`, their number. The net is put into eval mode.

    watch: is shown every batch and what the net answers to it. flip: the answer is the mean over the crop and its
    mirror image, as `humansense predict --flip` has it (Newell 2016, section 4).
    """
    net.to(device).eval()
    metrics, count = task.metrics(), 0
    for batch in batches:
        moved = batch.to(device)
        output = net(task.inputs(moved.images))[-1]
        if flip:
            mirrored = task.mirror(net(task.inputs(moved.images.flip(-1)))[-1])
            output = {name: (value + mirrored[name]) / 2 for name, value in output.items()}
        results = task.decode([output])
        metrics.update(results, moved)
        if watch is not None:
            watch(results, moved)
        count += len(batch)
    if count == 0:
        raise HumansenseError("nothing to evaluate: the set has no samples")
    return {"samples": count} | metrics.compute()


def evaluate(
    weights: str | Path, batches: Iterable[Batch], task_name: str | None = None, device: str = "cpu"
) -> dict[str, float]:
    """`evaluate_net` with the task and net of a weight file or training folder.

    task_name: what the caller expects; raises `HumansenseError` when the weights are of another task.
    """
    task, net = load_task(weights)
    if task_name is not None and task.name != task_name:
        raise HumansenseError(
            f"{weights} are weights of task {task.name}, not {task_name}: evaluate {task.name} instead"
        )
    return evaluate_net(task, net, batches, device)
