"""Measuring weights over a set."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from humansense.core.errors import HumansenseError
from humansense.core.values import Batch
from humansense.tasks import Results, Task, load_task
from humansense.tasks.views import Output, surest_turn, with_mirror


@torch.inference_mode()
def evaluate_net(
    task: Task,
    net: nn.Module,
    batches: Iterable[Batch],
    device: str = "cpu",
    watch: Callable[[Results, Batch], None] | None = None,
    flip: bool = False,
    turn: bool = False,
) -> dict[str, float]:
    """The figures of `task.metrics()` over all batches, and `samples`, their number. The net is put into eval mode.

    watch: is shown every batch and what the net answers to it. flip, turn: as `humansense predict` has them,
    the mean over the crop and its mirror image, and the surest of four turns of the crop (`tasks.views`).
    """
    net.to(device).eval()

    def ask(images: Tensor) -> Output:
        return net(task.inputs(images))[-1]

    if flip:
        ask = partial(with_mirror, task, ask)
    if turn:
        ask = partial(surest_turn, task, ask)
    metrics, count = task.metrics(), 0
    for batch in batches:
        moved = batch.to(device)
        results = task.decode([ask(moved.images)])
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
