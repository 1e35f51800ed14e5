"""Test-time augmentation: what a net says of a crop, of its mirror image, and of the crop turned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from humansense.tasks.task import Task

Output = dict[str, Tensor]
Ask = Callable[[Tensor], Output]
"""Crops (B, 3, S, S) in 0..1 -> the last stack's logits by head."""

TURN_MARGIN = 0.05
"""By so much (of 0..1, the mean of the joints' scores) must a turned answer be surer: most people are upright."""


def mean_output(outputs: Sequence[Mapping[str, Tensor]]) -> Output:
    """Head by head."""
    if len(outputs) == 1:
        return dict(outputs[0])
    return {name: torch.stack([o[name] for o in outputs]).mean(0) for name in outputs[0]}


def with_mirror(task: Task, ask: Ask, images: Tensor) -> Output:
    """The mean over each crop and its mirror image (Newell 2016, section 4)."""
    both = ask(torch.cat([images, images.flip(-1)]))
    straight = {name: value[: len(images)] for name, value in both.items()}
    return mean_output([straight, task.mirror({name: value[len(images) :] for name, value in both.items()})])


def surest_turn(task: Task, ask: Ask, images: Tensor) -> Output:
    """Of the answers to each crop as it is and turned by quarters of a circle the one that is surest of its joints.

    Gymnasts and people who lie are often read as if they stood: a net that has seen mostly upright people is surer of
    them, and righter, when they are. Raises `HumansenseError` if the task knows no joints.
    """
    answers = [task.turn(ask(images.rot90(k, (-2, -1))), -k) for k in range(4)]
    surety = torch.stack([task.surety(answer) for answer in answers])
    surety[0] += TURN_MARGIN
    best, rows = surety.argmax(0), torch.arange(surety.shape[1], device=surety.device)
    return {name: torch.stack([answer[name] for answer in answers])[best, rows] for name in answers[0]}
