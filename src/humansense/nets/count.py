"""What a net costs: numbers that are learned, and multiplications a picture. Nothing is computed: shapes decide."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from humansense.nets.net import Net


def count_parameters(net: nn.Module) -> int:
    """Numbers that are learned."""
    return sum(p.numel() for p in net.parameters())


def forward_multiply_adds(build: Callable[[], Net], size: int) -> int:
    """Multiply-adds of the convolutions and matrix products of one forward pass over one size x size picture."""
    return _flops(build, size, backward=False) // 2  # a multiply-add is two operations


def training_flops(build: Callable[[], Net], size: int) -> int:
    """Operations (two a multiply-add) of one picture's forward and backward pass, convolutions and products alone."""
    return _flops(build, size, backward=True)


def _flops(build: Callable[[], Net], size: int, backward: bool) -> int:
    counter = FlopCounterMode(display=False)
    with torch.device("meta"):  # tensors without values: the large net costs nothing
        net = build().train(backward)
        images = torch.empty(1, 3, size, size)
        with counter, torch.set_grad_enabled(backward):
            outputs = net(images)
            if backward:
                _everything(outputs).backward()
    return int(counter.get_total_flops())


def _everything(outputs: Sequence[dict[str, Tensor]]) -> Tensor:
    """One number that depends on every answer."""
    return torch.stack([answer.sum() for output in outputs for answer in output.values()]).sum()
