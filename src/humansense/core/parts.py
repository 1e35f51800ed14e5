"""Body-part sets: names, colours, mirror pairs, and the mapping from finer to coarser sets.

Label 0 is always the background. Left and right are the person's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np

from humansense.core.errors import HumansenseError


@dataclass(frozen=True)
class PartSet:
    """`names[0]` is "background"; label i of a part map is `names[i]`. colors: (N, 3) uint8 RGB."""

    name: str
    names: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]

    def __len__(self) -> int:
        return len(self.names)

    def index(self, name: str) -> int:
        """Label of a part by its name; raises `HumansenseError` for an unknown name."""
        if name not in self.names:
            raise HumansenseError(f"part set {self.name} has no part {name!r}; it has {', '.join(self.names)}")
        return self.names.index(name)

    @cached_property
    def colors(self) -> np.ndarray:
        return np.array(self.palette, dtype=np.uint8)

    @cached_property
    def mirror(self) -> np.ndarray:
        """(N,) uint8 table: label after the image is mirrored."""
        swapped = []
        for name in self.names:
            for one, other in (("left", "right"), ("right", "left")):
                if name.startswith(one):
                    name = other + name[len(one) :]
                    break
            swapped.append(self.names.index(name))
        return np.array(swapped, dtype=np.uint8)


# Warm colours on the person's right, cool ones on the left, so that a swap of sides is seen at once.
_TORSO, _HEAD = (120, 94, 240), (255, 224, 130)
_PARTS14 = PartSet(
    "parts14",
    (
        "background", "head", "torso",
        "left_upper_arm", "right_upper_arm", "left_lower_arm", "right_lower_arm", "left_hand", "right_hand",
        "left_upper_leg", "right_upper_leg", "left_lower_leg", "right_lower_leg", "left_foot", "right_foot",
    ),
    (
        (0, 0, 0), _HEAD, _TORSO,
        (38, 166, 154), (239, 83, 80), (0, 200, 220), (255, 112, 67), (178, 235, 242), (255, 171, 145),
        (30, 100, 200), (173, 20, 87), (66, 165, 245), (233, 80, 150), (160, 205, 255), (248, 187, 208),
    ),
)  # fmt: skip
_PARTS6 = PartSet(
    "parts6",
    ("background", "head", "torso", "left_arm", "right_arm", "left_leg", "right_leg"),
    ((0, 0, 0), _HEAD, _TORSO, (0, 200, 220), (255, 112, 67), (66, 165, 245), (233, 80, 150)),
)

# SURREAL's 24 segments (Varol 2017), each with the part of `parts14` it belongs to. The names are SURREAL's.
_SMPL24_TO_14 = {
    "hips": "torso", "leftUpLeg": "left_upper_leg", "rightUpLeg": "right_upper_leg", "spine": "torso",
    "leftLeg": "left_lower_leg", "rightLeg": "right_lower_leg", "spine1": "torso",
    "leftFoot": "left_foot", "rightFoot": "right_foot", "spine2": "torso",
    "leftToeBase": "left_foot", "rightToeBase": "right_foot", "neck": "head",
    "leftShoulder": "torso", "rightShoulder": "torso", "head": "head",
    "leftArm": "left_upper_arm", "rightArm": "right_upper_arm",
    "leftForeArm": "left_lower_arm", "rightForeArm": "right_lower_arm",
    "leftHand": "left_hand", "rightHand": "right_hand",
    "leftHandIndex1": "left_hand", "rightHandIndex1": "right_hand",
}  # fmt: skip
_14_TO_6 = {
    "head": "head", "torso": "torso",
    **{f"{s}_{p}": f"{s}_arm" for s in ("left", "right") for p in ("upper_arm", "lower_arm", "hand")},
    **{f"{s}_{p}": f"{s}_leg" for s in ("left", "right") for p in ("upper_leg", "lower_leg", "foot")},
}  # fmt: skip


def _shade(name: str, k: int) -> tuple[int, int, int]:
    """The colour of the coarser part, lighter or darker, so that the two legends read alike."""
    base = _PARTS14.palette[_PARTS14.index(_SMPL24_TO_14[name])]
    factor = (1.0, 0.72, 0.86, 0.6, 0.5, 0.44)[k]
    return tuple(int(c * factor) for c in base)  # type: ignore[return-value]


def _smpl24() -> PartSet:
    seen: dict[str, int] = {}
    palette: list[tuple[int, int, int]] = [(0, 0, 0)]
    for name, coarse in _SMPL24_TO_14.items():
        k = seen.get(coarse, 0)
        seen[coarse] = k + 1
        palette.append(_shade(name, k))
    return PartSet("smpl24", ("background", *_SMPL24_TO_14), tuple(palette))


PART_SETS: Mapping[str, PartSet] = MappingProxyType({s.name: s for s in (_smpl24(), _PARTS14, _PARTS6)})


def part_set(name: str) -> PartSet:
    """The set of that name; raises `HumansenseError` that lists the known ones."""
    if name not in PART_SETS:
        raise HumansenseError(f"unknown part set {name!r}; known: {', '.join(PART_SETS)}")
    return PART_SETS[name]


def part_map(source: str, target: str) -> np.ndarray:
    """(N_source,) uint8 lookup table that turns labels of `source` into labels of a coarser `target`.

    Known: `smpl24` -> `parts14` -> `parts6`, and a set to itself. Use it as `table[labels]`.
    """
    src, dst = part_set(source), part_set(target)
    order = ("smpl24", "parts14", "parts6")
    if order.index(source) > order.index(target):
        raise HumansenseError(f"parts cannot be split: {source} is coarser than {target}")
    table = np.arange(len(src), dtype=np.uint8)
    for step, names in (("smpl24", _SMPL24_TO_14), ("parts14", _14_TO_6)):
        if order.index(source) <= order.index(step) < order.index(target):
            fine, coarse = PART_SETS[step], PART_SETS[order[order.index(step) + 1]]
            lut = np.array([0] + [coarse.index(names[n]) for n in fine.names[1:]], dtype=np.uint8)
            table = lut[table]
    assert table.max() < len(dst)
    return table
