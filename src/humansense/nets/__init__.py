"""Networks: tensors in, tensors out. They know no dataset and no task."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from types import MappingProxyType

from humansense.core.errors import HumansenseError
from humansense.nets.count import count_parameters, forward_multiply_adds, training_flops
from humansense.nets.fcn import TransposedFcnSettings, UnpoolFcnSettings
from humansense.nets.hourglass import UPSAMPLED, HourglassSettings, StackedHourglass, fold_batchnorm
from humansense.nets.net import STRIDE, Net, NetSettings

__all__ = [
    "NETS", "STRIDE", "UPSAMPLED", "HourglassSettings", "Net", "NetSettings", "StackedHourglass",
    "TransposedFcnSettings", "UnpoolFcnSettings", "build_net", "count_parameters", "fold_batchnorm",
    "forward_multiply_adds", "training_flops",
]  # fmt: skip

_TINY = HourglassSettings(stacks=2, depth=2, width=16, growth=8, skip=0)
_SMALL = HourglassSettings(stacks=2, depth=3, width=48, growth=48, skip=0)
_SURREAL8 = HourglassSettings(stacks=8, depth=4, width=256, block="bottleneck", stem="paper")

# One row a preset; docs/nets.md says what each is and costs. `small` is the one whose weights ship.
NETS: Mapping[str, NetSettings] = MappingProxyType(
    {
        "tiny": _TINY,
        "small": _SMALL,
        "surreal8": _SURREAL8,
        "tiny+up": replace(_TINY, upsample=True),
        "small+up": replace(_SMALL, upsample=True),
        "surreal8+up": replace(_SURREAL8, upsample=True),
        "finder": HourglassSettings(stacks=1, depth=4, width=48, growth=48, skip=0),  # `small`'s first stack, deeper
        "fcn-unpool": UnpoolFcnSettings(widths=(16, 32, 64, 128, 192, 256)),
        "fcn-transposed": TransposedFcnSettings(widths=(32, 64, 128, 192, 256)),
    }
)


def build_net(
    preset: str, heads: Mapping[str, int], pooled: Mapping[str, int] | None = None, fine: Collection[str] = ()
) -> Net:
    """The net of that preset with these heads (see `nets.net`); `HumansenseError` for an unknown preset."""
    if preset not in NETS:
        raise HumansenseError(f"unknown net preset {preset!r}; known: {', '.join(NETS)}")
    return NETS[preset].build(heads, pooled or {}, fine)
