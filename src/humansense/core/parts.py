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


# Unite the People's 31 regions in the order of its labels (Lassner 2017; classner/up, up_tools/model.py), each with the
# part of `parts14` it belongs to. Elbows and knees go with the bone above, wrists and ankles with lower arm and leg
# (as in the authors' comparison with PASCAL); the neck, which they count to the torso, with the head as elsewhere here.
_UP31_SIDE = {
    "hand": "hand", "wrist": "lower_arm", "lower_arm": "lower_arm", "elbow": "upper_arm", "upper_arm": "upper_arm",
    "shoulder": "torso", "upper_body": "torso", "lower_body": "torso", "upper_leg": "upper_leg", "knee": "upper_leg",
    "lower_leg": "lower_leg", "ankle": "lower_leg", "foot": "foot",
}  # fmt: skip
_UP31_TO_14 = {
    **{f"{s}_{n}": p if p == "torso" else f"{s}_{p}" for s in ("right", "left") for n, p in _UP31_SIDE.items()},
    **dict.fromkeys(("left_upper_head", "right_upper_head", "right_lower_head", "left_lower_head", "neck"), "head"),
}
# The six parts of PASCAL-Person-Part (Chen 2016, "Attention to scale"): hands belong to the lower arms, feet to the
# lower legs, and left and right are one.
_14_TO_PASCAL6 = {
    "head": "head", "torso": "torso",
    **{f"{s}_upper_arm": "upper_arms" for s in ("left", "right")},
    **{f"{s}_{p}": "lower_arms" for s in ("left", "right") for p in ("lower_arm", "hand")},
    **{f"{s}_upper_leg": "upper_legs" for s in ("left", "right")},
    **{f"{s}_{p}": "lower_legs" for s in ("left", "right") for p in ("lower_leg", "foot")},
}  # fmt: skip
_PASCAL6 = PartSet(
    "pascal6",
    ("background", "head", "torso", "upper_arms", "lower_arms", "upper_legs", "lower_legs"),
    ((0, 0, 0), _HEAD, _TORSO, (38, 166, 154), (0, 200, 220), (30, 100, 200), (66, 165, 245)),
)


def _shade(coarse: str, k: int) -> tuple[int, int, int]:
    """The colour of the coarser part, lighter or darker, so that the two legends read alike."""
    base = _PARTS14.palette[_PARTS14.index(coarse)]
    factor = (1.0, 0.72, 0.86, 0.6, 0.5, 0.44)[k]
    return tuple(int(c * factor) for c in base)  # type: ignore[return-value]


def _finer(name: str, to_parts14: Mapping[str, str]) -> PartSet:
    """A set whose parts each belong to one of `parts14`, and take their colours from it."""
    seen: dict[str, int] = {}
    palette: list[tuple[int, int, int]] = [(0, 0, 0)]
    for coarse in to_parts14.values():
        k = seen.get(coarse, 0)
        seen[coarse] = k + 1
        palette.append(_shade(coarse, k))
    return PartSet(name, ("background", *to_parts14), tuple(palette))


_SETS = (_finer("smpl24", _SMPL24_TO_14), _PARTS14, _PARTS6, _finer("up31", _UP31_TO_14), _PASCAL6)
PART_SETS: Mapping[str, PartSet] = MappingProxyType({s.name: s for s in _SETS})
# (finer, coarser): the coarser part of each.
_COARSER: Mapping[tuple[str, str], Mapping[str, str]] = MappingProxyType(
    {
        ("smpl24", "parts14"): _SMPL24_TO_14,
        ("up31", "parts14"): _UP31_TO_14,
        ("parts14", "parts6"): _14_TO_6,
        ("parts14", "pascal6"): _14_TO_PASCAL6,
    }
)


def part_set(name: str) -> PartSet:
    """The set of that name; raises `HumansenseError` that lists the known ones."""
    if name not in PART_SETS:
        raise HumansenseError(f"unknown part set {name!r}; known: {', '.join(PART_SETS)}")
    return PART_SETS[name]


def part_map(source: str, target: str) -> np.ndarray:
    """(N_source,) uint8 lookup table that turns labels of `source` into labels of a coarser `target`.

    Known: `smpl24` or `up31` -> `parts14` -> `parts6` or `pascal6`, and a set to itself. Use it as `table[labels]`.
    """
    src, _ = part_set(source), part_set(target)
    if source == target:
        return np.arange(len(src), dtype=np.uint8)
    for (fine, coarse), names in _COARSER.items():
        if fine == source and (coarse == target or (coarse, target) in _COARSER):
            middle = PART_SETS[coarse]
            table = np.array([0] + [middle.index(names[n]) for n in src.names[1:]], dtype=np.uint8)
            return part_map(coarse, target)[table]
    raise HumansenseError(f"parts cannot be split: {source} is coarser than {target}, or cuts elsewhere")
