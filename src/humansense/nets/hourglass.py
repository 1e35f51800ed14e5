"""Stacked hourglass (Newell, Yang, Deng 2016, "Stacked hourglass networks for human pose estimation").

The net sees an image of S pixels and answers at S/4. Each stack contracts and expands once, predicts
every head, and hands features and predictions to the next stack, so that every stack is supervised
(section 3.2 of the paper). Two differences from the paper are arguments: the block (two 3x3 convolutions
cost less time a FLOP on a CPU than thin bottlenecks) and a width that grows towards low resolution.

With `upsample` the fine heads of the last stack answer at the resolution of the image: bilinear upsampling, ReLU and
a 3x3 convolution behind the head (Varol 2019, section 3.5.3). Those layers alone are new (`UPSAMPLED`), so that the
weights of the same net without them are a start.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from humansense.core.errors import HumansenseError
from humansense.nets.net import STRIDE, Net, check_heads, check_images

UPSAMPLED = "upsampled."  # how the names of the weights of `upsample` begin


@dataclass(frozen=True)
class HourglassSettings:
    """The shape of the net.

    stacks: hourglasses in a row, each supervised.
    depth: halvings of the resolution inside one hourglass.
    width: channels at S/4; growth: channels more at each halving.
    blocks: blocks at each level on the way down and on the way up.
    block: "basic" (two 3x3 convolutions, normalised after; folds for inference) or "bottleneck" (1x1 to half the
        width, 3x3, 1x1, normalised before; Newell 2016, figure 4).
    skip: blocks on the branch that keeps the resolution at each level; 0 passes features on unchanged.
    stem: "paper" (7x7 stride 2, block, pooling, two blocks) or "light" (two 3x3 stride 2 and one block).
    upsample: the fine heads of the last stack answer at the resolution of the image.
    """

    stacks: int = 2
    depth: int = 4
    width: int = 64
    growth: int = 0
    blocks: int = 1
    block: str = "basic"
    skip: int = 1
    stem: str = "light"
    upsample: bool = False

    def __post_init__(self) -> None:
        if self.stacks < 1 or self.depth < 1 or self.width < 2 or self.blocks < 1 or min(self.growth, self.skip) < 0:
            raise HumansenseError(f"hourglass settings out of range: {self}; every count must be positive")
        if self.block not in BLOCKS:
            raise HumansenseError(f"unknown block {self.block!r}; known: {', '.join(BLOCKS)}")
        if self.stem not in ("paper", "light"):
            raise HumansenseError(f"unknown stem {self.stem!r}; known: paper, light")

    @property
    def fine_stride(self) -> int:
        return 1 if self.upsample else STRIDE

    @property
    def decoder(self) -> str:
        return "hourglass + up" if self.upsample else "hourglass"

    def build(self, heads: Mapping[str, int], pooled: Mapping[str, int], fine: Collection[str]) -> StackedHourglass:
        return StackedHourglass(self, heads, pooled, fine)

    def width_at(self, level: int) -> int:
        """Channels after `level` halvings."""
        return self.width + level * self.growth


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut (He 2015), normalised after each convolution."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.shortcut = nn.Identity() if cin == cout else conv_bn(cin, cout, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class BottleneckBlock(nn.Module):
    """1x1, 3x3, 1x1 at half the width and a shortcut, normalised before each convolution (Newell 2016)."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        thin = cout // 2
        self.bn1 = nn.BatchNorm2d(cin)
        self.conv1 = nn.Conv2d(cin, thin, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(thin)
        self.conv2 = nn.Conv2d(thin, thin, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(thin)
        self.conv3 = nn.Conv2d(thin, cout, 1)
        self.shortcut = nn.Identity() if cin == cout else nn.Conv2d(cin, cout, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.relu(self.bn1(x)))
        y = self.conv2(F.relu(self.bn2(y)))
        return self.conv3(F.relu(self.bn3(y))) + self.shortcut(x)


BLOCKS: Mapping[str, type[BasicBlock] | type[BottleneckBlock]] = {"basic": BasicBlock, "bottleneck": BottleneckBlock}


def conv_bn(cin: int, cout: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """A convolution without bias, and its normalisation."""
    conv = nn.Conv2d(cin, cout, kernel, stride, padding=kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(cout))


def block_row(settings: HourglassSettings, cin: int, cout: int, count: int) -> nn.Sequential:
    """`count` blocks in a row; the first one changes the width."""
    kind = BLOCKS[settings.block]
    return nn.Sequential(*(kind(cin if i == 0 else cout, cout) for i in range(count)))


class Hourglass(nn.Module):
    """One contraction and expansion: (B, width, h, w) -> the same, and the features of the lowest level."""

    def __init__(self, settings: HourglassSettings, level: int = 0) -> None:
        super().__init__()
        here, below = settings.width_at(level), settings.width_at(level + 1)
        self.skip = block_row(settings, here, here, settings.skip)
        self.down = block_row(settings, here, below, settings.blocks)
        deeper = level + 1 < settings.depth
        self.inner: nn.Module | None = Hourglass(settings, level + 1) if deeper else None
        self.bottom = nn.Identity() if deeper else block_row(settings, below, below, settings.blocks)
        self.up = block_row(settings, below, here, settings.blocks)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        # ceil_mode: an odd size keeps its last row, and the way up cuts what is too much.
        y = self.down(F.max_pool2d(x, 2, ceil_mode=True))
        if self.inner is not None:
            y, lowest = self.inner(y)
        else:
            y = lowest = self.bottom(y)
        y = F.interpolate(self.up(y), scale_factor=2.0, mode="nearest")
        return self.skip(x) + y[..., : x.shape[-2], : x.shape[-1]], lowest


class StackedHourglass(Net):
    """`settings.stacks` hourglasses over one stem, each with all heads; see `nets.net` for the interface.

    heads: channels of each dense head, (B, C, S/4, S/4).
    pooled: channels of each head that answers once an image, (B, C), from the lowest level.
    fine: the dense heads that answer at full resolution in the last stack, where the settings say `upsample`.
    """

    def __init__(
        self,
        settings: HourglassSettings,
        heads: Mapping[str, int],
        pooled: Mapping[str, int] | None = None,
        fine: Collection[str] = (),
    ) -> None:
        super().__init__()
        pooled = pooled or {}
        check_heads(heads, pooled, fine)
        self.settings = settings
        self.stem = _stem(settings)
        width, lowest = settings.width, settings.width_at(settings.depth)
        stacks = range(settings.stacks)
        self.hourglasses = nn.ModuleList(Hourglass(settings) for _ in stacks)
        self.features = nn.ModuleList(_feature_layer(settings) for _ in stacks)
        self.heads = nn.ModuleList(
            nn.ModuleDict({name: nn.Conv2d(width, c, 1) for name, c in heads.items()}) for _ in stacks
        )
        self.pooled = nn.ModuleList(
            nn.ModuleDict({name: nn.Linear(lowest, c) for name, c in pooled.items()}) for _ in stacks
        )
        # Between stacks: features and predictions go back into the trunk (Newell 2016, figure 4).
        between = range(settings.stacks - 1)
        self.remember = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in between)
        self.reinject = nn.ModuleList(nn.Conv2d(sum(heads.values()), width, 1) for _ in between)
        finer = [name for name in heads if settings.upsample and name in fine]
        self.upsampled = nn.ModuleDict({name: _upsampling(heads[name]) for name in finer})
        self.apply(initialise)
        for layers in self.upsampled.values():
            nn.init.dirac_(layers[-1].weight)  # type: ignore[index,arg-type]  # starts as the head itself, upsampled

    def forward(self, images: Tensor) -> list[dict[str, Tensor]]:
        check_images(images)
        trunk = self.stem(images)
        outputs: list[dict[str, Tensor]] = []
        for i, hourglass in enumerate(self.hourglasses):
            y, lowest = hourglass(trunk)
            y = self.features[i](y)
            dense = {name: head(y) for name, head in self.heads[i].items()}  # type: ignore[operator]
            summary = lowest.mean((2, 3))
            outputs.append(dense | {name: head(summary) for name, head in self.pooled[i].items()})  # type: ignore[operator]
            if i + 1 < len(self.hourglasses):
                trunk = trunk + self.remember[i](y) + self.reinject[i](torch.cat(list(dense.values()), 1))
        outputs[-1] |= {name: layers(outputs[-1][name]) for name, layers in self.upsampled.items()}
        return outputs


def _upsampling(channels: int) -> nn.Sequential:
    """(B, C, S/4, S/4) -> (B, C, S, S)."""
    larger = nn.Upsample(scale_factor=float(STRIDE), mode="bilinear", align_corners=False)
    return nn.Sequential(larger, nn.ReLU(), nn.Conv2d(channels, channels, 3, padding=1))


def _stem(settings: HourglassSettings) -> nn.Sequential:
    """(B, 3, S, S) -> (B, width, S/4, S/4)."""
    width = settings.width
    if settings.stem == "light":
        return nn.Sequential(
            *conv_bn(3, max(width // 2, 1), 3, 2), nn.ReLU(), *conv_bn(max(width // 2, 1), width, 3, 2), nn.ReLU(),
            block_row(settings, width, width, 1),
        )  # fmt: skip
    quarter, half = max(width // 4, 2), max(width // 2, 2)
    return nn.Sequential(
        *conv_bn(3, quarter, 7, 2), nn.ReLU(), block_row(settings, quarter, half, 1), nn.MaxPool2d(2),
        block_row(settings, half, half, 1), block_row(settings, half, width, 1),
    )  # fmt: skip


def _feature_layer(settings: HourglassSettings) -> nn.Sequential:
    """What the heads of one stack read: the paper's block and 1x1 round, or one 3x3 for the basic net."""
    width = settings.width
    if settings.block == "bottleneck":
        return nn.Sequential(block_row(settings, width, width, settings.blocks), *conv_bn(width, width, 1), nn.ReLU())
    return nn.Sequential(*conv_bn(width, width, 3), nn.ReLU())


def initialise(module: nn.Module) -> None:
    """The first weights of one layer, for `net.apply`."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
        if isinstance(module, nn.Linear) or module.bias is not None:
            # Heads and the joints between stacks start small: the first losses are those of an even guess.
            module.weight.data.mul_(0.1)
    if isinstance(module, BasicBlock):
        nn.init.zeros_(module.bn2.weight)  # each block starts as its shortcut (Goyal 2017, section 5.1)


def fold_batchnorm(net: nn.Module) -> nn.Module:
    """Merge, in place, each normalisation that follows a convolution into it; for inference only. Returns `net`.

    Only where the pair sits in one `nn.Sequential` or in a `BasicBlock`; the others stay as they are. The
    answers change by rounding alone; the net must be in eval mode.
    """
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    if net.training:
        raise HumansenseError("fold_batchnorm needs a net in eval mode: call net.eval() first")
    for module in net.modules():
        if isinstance(module, BasicBlock):
            for conv, bn in (("conv1", "bn1"), ("conv2", "bn2")):
                if isinstance(getattr(module, bn), nn.BatchNorm2d):
                    setattr(module, conv, fuse_conv_bn_eval(getattr(module, conv), getattr(module, bn)))
                    setattr(module, bn, nn.Identity())
        elif isinstance(module, nn.Sequential):
            for i in range(len(module) - 1):
                first, second = module[i], module[i + 1]
                if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                    module[i], module[i + 1] = fuse_conv_bn_eval(first, second), nn.Identity()
    return net
