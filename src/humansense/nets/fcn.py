"""Fully convolutional encoder-decoders: one stage, whose decoder comes back by one of two ways.

`UnpoolFcn`: every pooling remembers which pixel was the largest, and the way back puts each value there (Zeiler 2011;
Noh 2015, "Learning deconvolution network for semantic segmentation"; Badrinarayanan 2017, "SegNet"): outlines come back
where they were, and nothing but places crosses from the encoder to the decoder.

`TransposedFcn`: each level of the encoder gives scores, and transposed convolutions, which are learned and begin as
bilinear interpolation, bring them to the next finer level, where both are added (Long, Shelhamer, Darrell 2015, "Fully
convolutional networks for semantic segmentation", section 4).

Fine heads answer at stride 1, the others (heatmaps) at `STRIDE`, where they cost a sixteenth.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from humansense.core.errors import HumansenseError
from humansense.nets.hourglass import conv_bn, initialise
from humansense.nets.net import Net, check_heads, check_images


@dataclass(frozen=True)
class UnpoolFcnSettings:
    """widths: channels at S, S/2, S/4, ... convs: convolutions a level, on the way down and on the way up."""

    widths: tuple[int, ...]
    convs: int = 2
    stacks: ClassVar[int] = 1
    fine_stride: ClassVar[int] = 1
    decoder: ClassVar[str] = "max unpooling"

    def __post_init__(self) -> None:
        _check(self.widths, self.convs, least=4)

    def build(self, heads: Mapping[str, int], pooled: Mapping[str, int], fine: Collection[str]) -> UnpoolFcn:
        return UnpoolFcn(self, heads, pooled, fine)


@dataclass(frozen=True)
class TransposedFcnSettings:
    """widths: channels at S/2, S/4, S/8, ... convs: convolutions a level."""

    widths: tuple[int, ...]
    convs: int = 2
    stacks: ClassVar[int] = 1
    fine_stride: ClassVar[int] = 1
    decoder: ClassVar[str] = "transposed convolution"

    def __post_init__(self) -> None:
        _check(self.widths, self.convs, least=3)

    def build(self, heads: Mapping[str, int], pooled: Mapping[str, int], fine: Collection[str]) -> TransposedFcn:
        return TransposedFcn(self, heads, pooled, fine)


def _check(widths: tuple[int, ...], convs: int, least: int) -> None:
    if len(widths) < least or min(widths) < 1 or convs < 1:
        raise HumansenseError(
            f"widths {widths}, convs {convs}: expected at least {least} widths and a convolution, all positive"
        )


def conv_row(cin: int, cout: int, count: int) -> nn.Sequential:
    """`count` 3x3 convolutions, each normalised and rectified; the first one changes the width."""
    layers: list[nn.Module] = []
    for i in range(count):
        layers += [*conv_bn(cin if i == 0 else cout, cout, 3), nn.ReLU()]
    return nn.Sequential(*layers)


class UnpoolFcn(Net):
    """See the module's docstring; `nets.net` for the interface."""

    COARSE_LEVEL = 2  # halvings at which the heads of stride 4 answer

    def __init__(
        self, settings: UnpoolFcnSettings, heads: Mapping[str, int], pooled: Mapping[str, int], fine: Collection[str]
    ) -> None:
        super().__init__()
        check_heads(heads, pooled, fine)
        widths, convs = settings.widths, settings.convs
        self.settings = settings
        # Without a fine head the way up ends where the others answer.
        self.last_level = 0 if fine else self.COARSE_LEVEL
        self.encoder = nn.ModuleList(conv_row(3 if i == 0 else widths[i - 1], w, convs) for i, w in enumerate(widths))
        up = range(len(widths) - 2, self.last_level - 1, -1)
        self.narrow = nn.ModuleList(conv_row(widths[i + 1], widths[i], 1) for i in up)
        self.decoder = nn.ModuleList(conv_row(widths[i], widths[i], convs - 1) for i in up)
        levels = {name: 0 if name in fine else self.COARSE_LEVEL for name in heads}
        self.levels = levels
        self.heads = nn.ModuleDict({name: nn.Conv2d(widths[levels[name]], c, 1) for name, c in heads.items()})
        self.pooled = nn.ModuleDict({name: nn.Linear(widths[-1], c) for name, c in pooled.items()})
        self.apply(initialise)

    def forward(self, images: Tensor) -> list[dict[str, Tensor]]:
        check_images(images)
        y, places, sizes = self.encoder[0](images), [], []
        for level in self.encoder[1:]:
            sizes.append(y.shape[-2:])
            # ceil_mode: an odd size keeps its last row.
            y, place = F.max_pool2d(y, 2, ceil_mode=True, return_indices=True)
            places.append(place)
            y = level(y)
        summary, features = y.mean((2, 3)), {}
        for narrow, row in zip(self.narrow, self.decoder, strict=True):
            y = row(unpool(narrow(y), places.pop(), sizes.pop()))
            features[len(places)] = y
        dense = {name: head(features[self.levels[name]]) for name, head in self.heads.items()}
        return [dense | {name: head(summary) for name, head in self.pooled.items()}]


def unpool(y: Tensor, places: Tensor, size: torch.Size) -> Tensor:
    """(B, C, h, w) -> (B, C, *size): each value where `max_pool2d` found its maximum, zeros elsewhere.

    places: (B, C, h, w) int64, `max_pool2d`'s indices into the flattened larger map.
    """
    flat = torch.zeros((*y.shape[:2], size[0] * size[1]), dtype=y.dtype, device=y.device)
    return flat.scatter(2, places.flatten(2), y.flatten(2)).unflatten(2, size)


class TransposedFcn(Net):
    """See the module's docstring; `nets.net` for the interface."""

    def __init__(
        self,
        settings: TransposedFcnSettings,
        heads: Mapping[str, int],
        pooled: Mapping[str, int],
        fine: Collection[str],
    ) -> None:
        super().__init__()
        check_heads(heads, pooled, fine)
        widths, convs = settings.widths, settings.convs
        self.settings = settings
        self.stem = nn.Sequential(*conv_bn(3, widths[0], 3, 2), nn.ReLU(), conv_row(widths[0], widths[0], 1))
        self.encoder = nn.ModuleList(conv_row(narrow, wide, convs) for narrow, wide in pairwise(widths))
        # Scores of the levels from the lowest up to S/4, and the steps between them.
        self.scores = nn.ModuleDict(
            {name: nn.ModuleList(nn.Conv2d(w, c, 1) for w in widths[:0:-1]) for name, c in heads.items()}
        )
        self.steps = nn.ModuleDict(
            {name: nn.ModuleList(transposed(c, 2) for _ in widths[2:]) for name, c in heads.items()}
        )
        self.finest = nn.ModuleDict({name: transposed(heads[name], 4) for name in heads if name in fine})
        self.pooled = nn.ModuleDict({name: nn.Linear(widths[-1], c) for name, c in pooled.items()})
        self.apply(initialise)

    def forward(self, images: Tensor) -> list[dict[str, Tensor]]:
        check_images(images)
        y, levels = self.stem(images), []
        for level in self.encoder:
            y = level(F.max_pool2d(y, 2, ceil_mode=True))
            levels.append(y)
        dense = {name: self._answer(name, levels[::-1]) for name in self.scores}
        return [dense | {name: head(y.mean((2, 3))) for name, head in self.pooled.items()}]

    def _answer(self, name: str, levels: list[Tensor]) -> Tensor:
        """Scores of all levels, lowest first, added up on the way to the resolution of this head."""
        scored = zip(self.scores[name], levels, strict=True)  # type: ignore[call-overload]
        total, *others = (score(features) for score, features in scored)
        for step, here in zip(self.steps[name], others, strict=True):  # type: ignore[call-overload]
            total = step(total)[..., : here.shape[-2], : here.shape[-1]] + here
        answer: Tensor = self.finest[name](total) if name in self.finest else total
        return answer


def transposed(channels: int, factor: int) -> nn.ConvTranspose2d:
    """A learned enlargement by `factor` (even) that begins as bilinear interpolation (Long 2015, section 4.3)."""
    layer = nn.ConvTranspose2d(channels, channels, 2 * factor, factor, factor // 2, bias=False)
    ramp = 1 - (torch.arange(2 * factor) - (factor - 0.5)).abs() / factor
    with torch.no_grad():
        layer.weight.copy_(torch.eye(channels)[:, :, None, None] * (ramp[:, None] * ramp))
    return layer
