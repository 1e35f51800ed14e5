"""Networks: tensors in, tensors out. They know no dataset and no task."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from torch import nn

from humansense.core.errors import HumansenseError
from humansense.nets.hourglass import STRIDE, HourglassSettings, StackedHourglass, fold_batchnorm

__all__ = ["NETS", "STRIDE", "HourglassSettings", "StackedHourglass", "build_net", "count_parameters", "fold_batchnorm"]

# One row a preset. `small` is the one whose weights ship; docs/models/people-small.md says what it scores.
NETS: Mapping[str, HourglassSettings] = MappingProxyType(
    {
        "tiny": HourglassSettings(stacks=2, depth=2, width=16, growth=8, skip=0),
        "small": HourglassSettings(stacks=2, depth=3, width=48, growth=48, skip=0),
        "paper": HourglassSettings(stacks=8, depth=4, width=256, block="bottleneck", stem="paper"),
    }
)


def build_net(preset: str, heads: Mapping[str, int], pooled: Mapping[str, int] | None = None) -> StackedHourglass:
    """The net of that preset with these heads (see `StackedHourglass`); `HumansenseError` for an unknown preset."""
    if preset not in NETS:
        raise HumansenseError(f"unknown net preset {preset!r}; known: {', '.join(NETS)}")
    return StackedHourglass(NETS[preset], heads, pooled)


def count_parameters(net: nn.Module) -> int:
    """Numbers that are learned."""
    return sum(p.numel() for p in net.parameters())
