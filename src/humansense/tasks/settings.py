"""The settings of the tasks: one frozen dataclass a task, checked when made, saved with the weights."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from humansense.core.errors import HumansenseError
from humansense.core.joints import joint_set
from humansense.nets import NETS, STRIDE

HEATMAP_LOSSES = ("spatial_cross_entropy", "mse")


@dataclass(frozen=True)
class TaskSettings:
    """What every task has.

    net: a row of `humansense.nets.NETS`.
    image_size: pixels of the square crop; a multiple of 4.
    mean, std: of the RGB values 0..1; an image enters the net as (image - mean) / std.
    """

    net: str = "small"
    image_size: int = 128
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)  # ImageNet's, as everybody's nets
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)

    def __post_init__(self) -> None:
        if self.net not in NETS:
            raise HumansenseError(f"unknown net preset {self.net!r}; known: {', '.join(NETS)}")
        if self.image_size < 8 * STRIDE or self.image_size % STRIDE:
            raise HumansenseError(
                f"image_size {self.image_size}: expected a multiple of {STRIDE}, at least {8 * STRIDE}"
            )
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise HumansenseError(f"mean {self.mean} and std {self.std}: expected three numbers each, std above 0")

    @property
    def fine_stride(self) -> int:
        """Pixels of the crop for one cell of the finest heads of the net."""
        return NETS[self.net].fine_stride

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `from_json` is the way back."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Raises `HumansenseError` for an option that this version does not know."""
        known = {f.name for f in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise HumansenseError(
                f"{cls.__name__} has no option {', '.join(unknown)}; it has {', '.join(sorted(known))}"
            )
        options: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**options)


@dataclass(frozen=True)
class FinderSettings(TaskSettings):
    """image_size: side in pixels of the scenes that it learns from; it reads pictures of any size."""

    net: str = "finder"
    image_size: int = 256


@dataclass(frozen=True)
class DepthSettings(TaskSettings):
    """bins: depth classes beside the background, odd: the middle one holds the pelvis. bin_m: metres a bin."""

    bins: int = 19  # 9 in front of the pelvis, 9 behind (Varol 2019, section 3.4)
    bin_m: float = 0.045

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bins < 3 or self.bins % 2 == 0 or self.bin_m <= 0:
            raise HumansenseError(
                f"bins {self.bins}, bin_m {self.bin_m}: expected an odd count from 3 and a size above 0"
            )


@dataclass(frozen=True)
class Pose2dSettings(TaskSettings):
    """joint_set: the joints and their order. sigma: cells of the heatmap. heatmap_loss: one of `HEATMAP_LOSSES`."""

    joint_set: str = "mpii16"
    sigma: float = 1.0  # of the 64 x 64 map (Newell 2016, section 3.2)
    heatmap_loss: str = "spatial_cross_entropy"

    def __post_init__(self) -> None:
        super().__post_init__()
        joint_set(self.joint_set)
        if self.sigma <= 0 or self.heatmap_loss not in HEATMAP_LOSSES:
            raise HumansenseError(
                f"sigma {self.sigma}, heatmap_loss {self.heatmap_loss!r}: "
                f"expected sigma above 0 and one of {', '.join(HEATMAP_LOSSES)}"
            )


@dataclass(frozen=True)
class PartsSettings(TaskSettings):
    """Parts have no option of their own: the labels are those of `parts14`."""


@dataclass(frozen=True)
class PeopleSettings(DepthSettings, Pose2dSettings, PartsSettings):
    """Parts, depth and pose on one trunk. *_weight: factors of the three losses in their sum."""

    joint_set: str = "human21"  # MPII's 16 and the face of COCO, so that both can be answered
    parts_weight: float = 1.0
    depth_weight: float = 0.3
    pose2d_weight: float = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.parts_weight, self.depth_weight, self.pose2d_weight) < 0:
            raise HumansenseError("the weights of the losses must not be negative")
