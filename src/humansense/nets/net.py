"""What every net is: one interface, and the settings that build it.

`forward(images)`: (B, 3, H, W) normalised floats -> a list over stages, first to last, of {name: logits}. Only the
last stage's answer matters for prediction; all of them are trained. Both sizes must be multiples of `STRIDE`.

A dense head answers with (B, C, H / STRIDE, W / STRIDE), a pooled head with (B, C), once an image. A dense head that is
named `fine` answers in the last stage with (B, C, H / s, W / s), where s is the `fine_stride` of the net's settings:
the stride of a head is read from the shape of its answer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from torch import Tensor, nn

from humansense.core.checks import check_shape
from humansense.core.errors import HumansenseError

STRIDE = 4  # pixels of the image for one cell of an ordinary dense head


class Net(nn.Module):
    """The interface of the module's docstring."""

    def forward(self, images: Tensor) -> list[dict[str, Tensor]]:
        raise NotImplementedError


class NetSettings(Protocol):
    """A row of `NETS`: a frozen dataclass that can build its net.

    stacks: stages that are supervised. fine_stride: pixels a cell of the heads named `fine`, in the last stage.
    decoder: how the net comes back to a high resolution, in words.
    """

    @property
    def stacks(self) -> int: ...

    @property
    def fine_stride(self) -> int: ...

    @property
    def decoder(self) -> str: ...

    def build(self, heads: Mapping[str, int], pooled: Mapping[str, int], fine: Collection[str]) -> Net:
        """A net with random weights; heads, pooled: channels by name; fine: names among `heads`."""
        ...


def check_heads(heads: Mapping[str, int], pooled: Mapping[str, int], fine: Collection[str]) -> None:
    """Raises `HumansenseError` for heads that are missing, empty, or named twice."""
    if not heads or set(heads) & set(pooled) or min([*heads.values(), *pooled.values()]) < 1:
        raise HumansenseError(f"heads {dict(heads)} and pooled heads {dict(pooled)}: give distinct, non-empty heads")
    if not set(fine) <= set(heads):
        raise HumansenseError(f"fine heads {sorted(fine)}: expected names among the dense heads {sorted(heads)}")


def check_images(images: Tensor) -> None:
    """Raises `HumansenseError` unless `images` are (B, 3, H, W) with both sizes multiples of `STRIDE`."""
    check_shape("images", images, (None, 3, None, None))
    if images.shape[-1] % STRIDE or images.shape[-2] % STRIDE:
        raise HumansenseError(f"images of {tuple(images.shape[-2:])} pixels: both sizes must be multiples of {STRIDE}")
