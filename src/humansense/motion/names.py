"""Which joints of a source are which parts of a person: one visible table a source.

A row is `part: (joint that turns it, joint where it begins, joint where it ends)`. Left and right are the person's own;
`{s}` and `{S}` are filled with the source's words for the sides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from humansense.core import HumansenseError

LIMBS = ("thigh", "shin", "foot", "toes", "collar", "upper_arm", "forearm", "hand")

# Elbows of all CMU skeletons bend forward and up out of the T-pose: measured on the data as the mean of upper arm x
# forearm.
CMU_ELBOW = (0.0, -0.5, -0.87)


@dataclass(frozen=True)
class NameMap:
    """The names that one kind of skeleton uses.

    spine: joints that turn the trunk, from the pelvis (the root) to the chest. head: the joint that turns the head.
    limbs: part -> (turning joint, its end); a joint begins where it turns. sides: the words for left and right.
    fingers: the words for thumb, index, middle, ring and little finger, of which joints `{s}_word1` to `3` turn the
    bones; or empty. elbow: the axis about which the left elbow bends in the zero pose, in the house's axes.
    """

    spine: tuple[str, ...]
    head: str
    limbs: Mapping[str, tuple[str, str]]
    sides: tuple[str, str]
    fingers: tuple[str, ...] = ()
    elbow: tuple[float, float, float] = CMU_ELBOW

    def finger(self, number: int, bone: int, side: str) -> str:
        """The joint that turns a finger's bone: number 1 (thumb) to 5, bone 1 (nearest to the palm) to 3."""
        return f"{self.sides['LR'.index(side)]}_{self.fingers[number - 1]}{bone}"

    def limb(self, part: str, side: str) -> tuple[str, str]:
        """(turning joint, end joint) of a limb's part; side is "L" or "R"."""
        word = self.sides["LR".index(side)]
        turning, end = self.limbs[part]
        return turning.format(s=word), end.format(s=word)

    def needed(self) -> set[str]:
        """All joints that a skeleton must have to be read by this map."""
        limbs = {joint for side in "LR" for part in self.limbs for joint in self.limb(part, side)}
        return limbs | {self.head, *self.spine}


# SMPL has no tips: feet and toes end at the toes' own joint. Elbows bend about the vertical axis of the T-pose, knees
# about the one to the left (Bogo 2016, the prior on bends of section 3.2).
_SMPL_LIMBS = {
    "thigh": ("{s}_hip", "{s}_knee"), "shin": ("{s}_knee", "{s}_ankle"), "foot": ("{s}_ankle", "{s}_foot"),
    "toes": ("{s}_foot", "{s}_foot"), "collar": ("{s}_collar", "{s}_shoulder"),
    "upper_arm": ("{s}_shoulder", "{s}_elbow"), "forearm": ("{s}_elbow", "{s}_wrist"),
}  # fmt: skip
_SMPL_ELBOW = (0.0, 0.0, -1.0)

NAME_MAPS: Mapping[str, NameMap] = MappingProxyType(
    {
        "CMU Acclaim": NameMap(
            spine=("root", "lowerback", "upperback", "thorax"),
            head="head",
            limbs={
                "thigh": ("{s}femur", "{s}tibia"), "shin": ("{s}tibia", "{s}foot"), "foot": ("{s}foot", "{s}toes"),
                "toes": ("{s}toes", "{s}toes_end"), "collar": ("{s}clavicle", "{s}humerus"),
                "upper_arm": ("{s}humerus", "{s}radius"), "forearm": ("{s}radius", "{s}hand"),
                "hand": ("{s}hand", "{s}fingers"),
            },
            sides=("l", "r"),
        ),
        "CMU MotionBuilder": NameMap(
            spine=("Hips", "LowerBack", "Spine", "Spine1"),
            head="Head",
            limbs={
                "thigh": ("{s}UpLeg", "{s}Leg"), "shin": ("{s}Leg", "{s}Foot"), "foot": ("{s}Foot", "{s}ToeBase"),
                "toes": ("{s}ToeBase", "{s}ToeBase_end"), "collar": ("{s}Shoulder", "{s}Arm"),
                "upper_arm": ("{s}Arm", "{s}ForeArm"), "forearm": ("{s}ForeArm", "{s}Hand"),
                "hand": ("{s}FingerBase", "{s}HandIndex1"),
            },
            sides=("Left", "Right"),
        ),
        "CMU daz-friendly": NameMap(
            spine=("hip", "abdomen", "chest"),
            head="head",
            limbs={
                "thigh": ("{s}Thigh", "{s}Shin"), "shin": ("{s}Shin", "{s}Foot"), "foot": ("{s}Foot", "{s}Foot_end"),
                "toes": ("{s}Foot", "{s}Foot_end"), "collar": ("{s}Collar", "{s}Shldr"),
                "upper_arm": ("{s}Shldr", "{s}ForeArm"), "forearm": ("{s}ForeArm", "{s}Hand"),
                "hand": ("{s}Hand", "{s}Mid1"),
            },
            sides=("l", "r"),
        ),
        "plain BVH": NameMap(
            spine=("Hips", "Spine"),
            head="Head",
            limbs={
                "thigh": ("{s}UpLeg", "{s}Leg"), "shin": ("{s}Leg", "{s}Foot"), "foot": ("{s}Foot", "{s}ToeBase"),
                "toes": ("{s}ToeBase", "{s}ToeBase_end"), "collar": ("{s}Shoulder", "{s}Arm"),
                "upper_arm": ("{s}Arm", "{s}ForeArm"), "forearm": ("{s}ForeArm", "{s}Hand"),
                "hand": ("{s}Hand", "{s}Hand_end"),
            },
            sides=("Left", "Right"),
        ),
        "SMPL-H or SMPL-X": NameMap(
            spine=("pelvis", "spine1", "spine2", "spine3"),
            head="head",
            limbs=_SMPL_LIMBS | {"hand": ("{s}_wrist", "{s}_middle1")},
            sides=("left", "right"),
            fingers=("thumb", "index", "middle", "ring", "pinky"),
            elbow=_SMPL_ELBOW,
        ),
        "SMPL": NameMap(
            spine=("pelvis", "spine1", "spine2", "spine3"),
            head="head",
            limbs=_SMPL_LIMBS | {"hand": ("{s}_wrist", "{s}_hand")},
            sides=("left", "right"),
            elbow=_SMPL_ELBOW,
        ),
    }
)  # fmt: skip


def name_map(joints: tuple[str, ...]) -> NameMap:
    """The first table whose joints a skeleton has; raises `HumansenseError` that names what is missing."""
    best, missing = "", set(joints)
    for name, table in NAME_MAPS.items():
        lacking = table.needed() - set(joints)
        if not lacking:
            return table
        if not best or len(lacking) < len(missing):
            best, missing = name, lacking
    raise HumansenseError(
        f"no name map fits this skeleton; the nearest is {best!r}, and it lacks {', '.join(sorted(missing))}: "
        "rename the joints, or add a table to humansense/motion/names.py"
    )
