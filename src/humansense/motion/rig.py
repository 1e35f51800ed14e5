"""The body as motion sees it: bone lengths of one shape, anatomical frames of its limbs, and points of its surface
that can touch the floor. Everything here is small: no vertices are posed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache

import torch
from torch import Tensor

from humansense.bodies import Body
from humansense.geometry import axis_angle_to_matrix
from humansense.motion.capsules import Capsules, fit_capsules
from humansense.motion.values import tree_kinematics

SIDES = ("L", "R")
# Bones that may touch the floor or something else, by prefix; their surface is sampled.
_TOUCHING = (
    "root", "pelvis", "upperleg", "lowerleg", "foot", "toe1-2", "toe2-3", "toe3-3", "toe5-3", "spine", "clavicle",
    "shoulder01", "upperarm", "lowerarm", "wrist", "metacarpal", "finger1-3", "finger2-3", "finger3-3", "finger5-3",
    "neck", "head",
)  # fmt: skip


@dataclass(frozen=True)
class Rig:
    """One shaped body's skeleton in its rest pose; J = 104 bones.

    joints: (J, 3) metres, rest. offsets: (J, 3) from the parent; the root's is zero.
    points: (P, 3) rest positions of surface points; point_bones: (P,) the bones that carry them. capsules: its parts
    as `selfhit` and `placing` see them.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    joints: Tensor
    offsets: Tensor
    points: Tensor
    point_bones: Tensor
    capsules: Capsules
    index: dict[str, int] = field(repr=False)

    @property
    def root_height_m(self) -> float:
        """Height of the root over the soles in the rest pose, metres."""
        return float(self.joints[0, 2] - self.points[:, 2].min())

    @property
    def leg_m(self) -> float:
        """Length of thigh and shin, metres."""
        hip, knee, ankle = (self.joints[self.index[b + ".L"]] for b in ("upperleg01", "lowerleg01", "foot"))
        return float((knee - hip).norm() + (ankle - knee).norm())

    def kinematics(self, pose: Tensor, translation: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Global rotations (T, J, 3, 3) and joints (T, J, 3) of poses (T, J, 3, 3) with the root at `translation`."""
        root = torch.zeros(len(pose), 3) if translation is None else translation
        return tree_kinematics(pose, self.offsets, root, self.parents)

    def surface(self, turns: Tensor, places: Tensor) -> Tensor:
        """The surface points (T, P, 3) for global rotations and joints of `kinematics`."""
        local = self.points - self.joints[self.point_bones]
        return (turns[:, self.point_bones] @ local[..., None])[..., 0] + places[:, self.point_bones]

    def lowest(self, turns: Tensor, places: Tensor) -> Tensor:
        """(T,) the least height of the surface points, metres; `surface` without x and y."""
        local = self.points - self.joints[self.point_bones]
        return ((turns[:, self.point_bones, 2] * local).sum(-1) + places[:, self.point_bones, 2]).amin(1)

    def lean(self) -> tuple[Rig, Tensor]:
        """The bones that carry capsules, and those above them, as a rig without surface points; their indices (K,)."""
        kept: set[int] = set()
        for bone in self.capsules.ends.flatten().tolist():
            while bone >= 0 and bone not in kept:
                kept.add(bone)
                bone = self.parents[bone]
        order = sorted(kept)
        place = {old: new for new, old in enumerate(order)}
        names, parents = tuple(self.names[b] for b in order), tuple(place.get(self.parents[b], -1) for b in order)
        ends = torch.tensor([[place[b] for b in row] for row in self.capsules.ends.tolist()])
        bones, none = torch.tensor(order), torch.zeros(0, dtype=torch.long)
        index = {name: i for i, name in enumerate(names)}
        capsules = replace(self.capsules, ends=ends)
        joints, offsets = self.joints[bones], self.offsets[bones]
        return Rig(names, parents, joints, offsets, self.points[:0], none, capsules, index), bones

    def local(self, turns: Tensor) -> Tensor:
        """Global rotations (T, J, 3, 3) to poses: relative to the parent."""
        parents = torch.tensor([max(p, 0) for p in self.parents])
        pose = turns[:, parents].transpose(-1, -2) @ turns
        pose[:, 0] = turns[:, 0]
        return pose


def make_rig(body: Body, shape: Tensor | None = None) -> Rig:
    """The rig of one shape: (11,) or (1, 11) phenotypes, or the average adult for None. The last few are kept."""
    values = average_shape(body) if shape is None else torch.as_tensor(shape, dtype=torch.float32)
    return _made(body, tuple(values.reshape(-1).tolist()))


@lru_cache(maxsize=8)
def _made(body: Body, shape: tuple[float, ...]) -> Rig:
    with torch.no_grad():
        rest = body.rest(torch.tensor([shape]))
    joints = rest.joints[0]
    parents = tuple(body.parents)
    offsets = joints - joints[torch.tensor([max(p, 0) for p in parents])]
    index = {name: i for i, name in enumerate(body.joint_names)}
    skin, owner = _skin(body)
    points = rest.vertices[0][skin]
    chosen, bones = _surface_points(body, points, owner)
    capsules = fit_capsules(index, joints, points, owner)
    return Rig(body.joint_names, parents, joints, offsets, points[chosen], bones, capsules, index)


def average_shape(body: Body) -> Tensor:
    """(11,) phenotypes of an average adult."""
    values = {"age": 0.7, "african": 1 / 3, "asian": 1 / 3, "caucasian": 1 / 3}
    return torch.tensor([values.get(name, 0.5) for name in body.shape_names])


@lru_cache(maxsize=2)
def _skin(body: Body) -> tuple[Tensor, Tensor]:
    """Indices (S,) of the skin's vertices and the bones (S,) that move them most."""
    skin = torch.unique(torch.as_tensor(body.faces).reshape(-1))
    return skin, body.skinning[skin].argmax(1)


def _surface_points(body: Body, skin: Tensor, owner: Tensor) -> tuple[Tensor, Tensor]:
    """Indices (P,) into the skin (S, 3) of every touching bone's extremes in 14 directions, and their bones (P,)."""
    corners = torch.tensor([[x, y, z] for x in (-1.0, 1) for y in (-1.0, 1) for z in (-1.0, 1)]) / 3**0.5
    directions = torch.cat([torch.eye(3), -torch.eye(3), corners])
    chosen, bones = [], []
    for j, name in enumerate(body.joint_names):
        mine = torch.nonzero(owner == j)[:, 0]
        if name.startswith(_TOUCHING) and len(mine):
            extreme = mine[(skin[mine] @ directions.T).argmax(0)].unique()
            chosen.append(extreme)
            bones.append(torch.full_like(extreme, j))
    return torch.cat(chosen), torch.cat(bones)


def frame(primary: Tensor, secondary: Tensor) -> Tensor:
    """(..., 3, 3) right-handed frame: first column along `primary`, second the part of `secondary` across it."""
    first = torch.nn.functional.normalize(primary, dim=-1)
    second = secondary - (secondary * first).sum(-1, keepdim=True) * first
    second = torch.nn.functional.normalize(second, dim=-1)
    return torch.stack([first, second, torch.linalg.cross(first, second)], -1)


def rest_frames(rig: Rig) -> dict[str, Tensor]:
    """Anatomical frames (3, 3) of the limbs at rest, `thigh.L` and so on.

    thigh, shin, upper_arm, forearm: along the bone, then the axis about which the joint below flexes. hand: along it,
    then out of the palm. foot: forward, then up off the sole.
    """

    def at(bone: str) -> Tensor:
        return rig.joints[rig.index[bone]]

    frames = {}
    for s in SIDES:
        hip, knee, ankle = at(f"upperleg01.{s}"), at(f"lowerleg01.{s}"), at(f"foot.{s}")
        shoulder, elbow, wrist = at(f"upperarm01.{s}"), at(f"lowerarm01.{s}"), at(f"wrist.{s}")
        across = torch.tensor([1.0, 0.0, 0.0])
        frames[f"thigh.{s}"] = frame(knee - hip, across)
        frames[f"shin.{s}"] = frame(ankle - knee, across)
        hinge = torch.linalg.cross(elbow - shoulder, wrist - elbow)
        frames[f"upper_arm.{s}"] = frame(elbow - shoulder, hinge)
        frames[f"forearm.{s}"] = frame(wrist - elbow, hinge)
        frames[f"hand.{s}"] = frame(at(f"finger3-1.{s}") - wrist, palm_normal(rig, s))
        forward = at(f"toe2-1.{s}") - ankle
        frames[f"foot.{s}"] = frame(forward * torch.tensor([1.0, 1.0, 0.0]), torch.tensor([0.0, 0.0, 1.0]))
    return frames


def shoulder_girdle(upper_arm: Tensor, side: str) -> Tensor:
    """(T, 3, 3) turn of the clavicle that goes with an upper arm that points along `upper_arm` (T, 3) in chest axes.

    Above 30 degrees of elevation a fifth of it is the clavicle's (scapulohumeral rhythm), and reaching forward brings
    the shoulder forward by up to 12 degrees.
    """
    x, y, z = torch.nn.functional.normalize(upper_arm, dim=-1).unbind(-1)
    elevation = torch.acos((-z).clamp(-1, 1))
    raised = 0.2 * (elevation - torch.pi / 6).clamp(min=0)
    forward = 0.21 * (-y)
    sign = 1.0 if side == "L" else -1.0
    zero = torch.zeros_like(x)
    up = axis_angle_to_matrix(torch.stack([zero, -sign * raised, zero], -1))
    return up @ axis_angle_to_matrix(torch.stack([zero, zero, -sign * forward.clamp(min=0)], -1))


def palm_normal(rig: Rig, side: str) -> Tensor:
    """(3,) unit vector out of the palm at rest."""
    along = rig.joints[rig.index[f"finger3-1.{side}"]] - rig.joints[rig.index[f"wrist.{side}"]]
    across = rig.joints[rig.index[f"finger5-1.{side}"]] - rig.joints[rig.index[f"finger2-1.{side}"]]
    normal = torch.linalg.cross(across, along) * (1 if side == "L" else -1)
    return torch.nn.functional.normalize(normal, dim=-1)


def finger_direction(rig: Rig, number: int, bone: int, side: str) -> Tensor:
    """(3,) unit vector along a finger's bone at rest: number 1 (thumb) to 5, bone 1 (nearest to the palm) to 3.

    The rig has no joint at the tip: the last bone is taken to lie along the one before it.
    """
    here = rig.index[f"finger{number}-{bone}.{side}"]
    if bone < 3:
        along = rig.joints[rig.index[f"finger{number}-{bone + 1}.{side}"]] - rig.joints[here]
    else:
        along = rig.joints[here] - rig.joints[rig.index[f"finger{number}-{bone - 1}.{side}"]]
    return torch.nn.functional.normalize(along, dim=-1)


def relaxed_fingers(rig: Rig, curl_rad: float = 0.3) -> dict[int, Tensor]:
    """Rotations (3, 3) by bone index that curl the fingers a little towards the palm, as a resting hand does."""
    out = {}
    for s in SIDES:
        normal = palm_normal(rig, s)
        for finger in range(2, 6):
            for k in (1, 2, 3):
                j = rig.index[f"finger{finger}-{k}.{s}"]
                along = rig.joints[rig.index[f"finger{finger}-3.{s}"]] - rig.joints[rig.index[f"finger{finger}-1.{s}"]]
                axis = torch.nn.functional.normalize(torch.linalg.cross(along, normal), dim=-1)
                out[j] = axis_angle_to_matrix(axis * (curl_rad * (0.6 if k == 3 else 1.0)))
    return out
