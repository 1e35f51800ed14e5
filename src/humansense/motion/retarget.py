"""Captured motion to the body: every part of it turns in the world as the same part of the captured skeleton does.

For a part with frames `F_s` in the source's zero pose and `F_t` in the body's rest pose (along the bone, then the axis
of the joint below), `A = F_s F_t^T` turns the rest pose into the zero pose, and the body's global rotation is
`G_t = G_s A`: bones then point exactly where they point in the source, whatever the two rest poses are, and twists
follow the joints' axes. The height comes from the lowest points of both bodies: where the source stands, the body
stands.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from humansense.bodies import Body
from humansense.geometry import axis_angle_to_matrix, matrix_to_axis_angle, slerp
from humansense.motion.names import NameMap, name_map
from humansense.motion.rig import (
    SIDES,
    Rig,
    finger_direction,
    frame,
    make_rig,
    palm_normal,
    relaxed_fingers,
    rest_frames,
    shoulder_girdle,
)
from humansense.motion.values import BodyMotion, Motion, resample

# Axes of flexion in the zero pose, of the left side; the right one mirrors (x of an axis of rotation stays).
_KNEE = (1.0, 0.0, 0.0)
_PALM = (0.0, 0.0, -1.0)

# Flesh around the source's joints, metres: how much lower than a joint the body's surface may be.
_FLESH_M = {"thigh": 0.09, "shin": 0.05, "upper_arm": 0.05, "forearm": 0.04, "hand": 0.03}
_SPINE_FLESH_M, _HEAD_FLESH_M = 0.10, 0.10
_HEEL_M = 0.05  # how far the heel lies behind the ankle
_ON_FLOOR = 0.2  # the part of a clip in which a body is at least on the floor
_DEAD_ZONE_M = 0.03  # the lowest point of a walking skeleton goes up and down by about this much while its feet stand


def retarget(motion: Motion, body: Body, shape: Tensor | None = None, fps: float | None = None) -> BodyMotion:
    """The body's poses for a captured motion.

    motion: take a slice of it for a window; the lowest point of the window stands on z = 0. shape: (11,) phenotypes of
    the person that will be posed (None: the average adult); they decide scale and height. fps: resample to this rate.
    Raises `HumansenseError` for a skeleton whose joints no name map knows.
    """
    table = name_map(motion.names)
    if fps is not None and abs(fps - motion.fps) > 1e-6:
        motion = resample(motion, fps)
    rig = make_rig(body, shape)
    turns, places = motion.kinematics()
    pose = _pose(motion, table, rig, turns)
    translation = _translation(motion, table, rig, pose, turns, places)
    fingers = motion.fingers and bool(table.fingers)
    return BodyMotion(pose, translation, motion.fps, motion.source, motion.subject, motion.action, fingers)


def _zero(motion: Motion) -> Tensor:
    """(J, 3) joints of the zero pose."""
    places: list[Tensor] = []
    for j, parent in enumerate(motion.parents):
        places.append(motion.offsets[j] + (places[parent] if parent >= 0 else 0))
    return torch.stack(places)


def _zero_frames(motion: Motion, table: NameMap) -> dict[str, Tensor]:
    """The counterparts of `rest_frames` in the source's zero pose."""
    zero = _zero(motion)
    frames = {}
    for s in SIDES:
        mirror = 1.0 if s == "L" else -1.0
        elbow = torch.tensor(table.elbow) * torch.tensor([1.0, mirror, mirror])

        def along(part: str, side: str = s) -> Tensor:
            start, end = table.limb(part, side)
            return zero[motion.joint(end)] - zero[motion.joint(start)]

        frames[f"thigh.{s}"] = frame(along("thigh"), torch.tensor(_KNEE))
        frames[f"shin.{s}"] = frame(along("shin"), torch.tensor(_KNEE))
        frames[f"upper_arm.{s}"] = frame(along("upper_arm"), elbow)
        frames[f"forearm.{s}"] = frame(along("forearm"), elbow)
        frames[f"hand.{s}"] = frame(along("hand"), torch.tensor(_PALM))
        frames[f"foot.{s}"] = frame(along("foot") * torch.tensor([1.0, 1.0, 0.0]), -along("shin"))
    return frames


def _pose(motion: Motion, table: NameMap, rig: Rig, turns: Tensor) -> Tensor:
    """(T, 104, 3, 3) poses from the source's global rotations (T, J, 3, 3)."""
    source, rest = _zero_frames(motion, table), rest_frames(rig)
    glob: list[Tensor | None] = [None] * len(rig.names)
    trunk = turns[:, [motion.joint(name) for name in table.spine]]
    glob[0] = trunk[:, 0]
    for k, bone in enumerate(("spine05", "spine04", "spine03", "spine02", "spine01")):
        glob[rig.index[bone]] = _along(trunk, 0.15 + 0.85 * k / 4)
    chest = trunk[:, -1]
    head = unflipped(chest, turns[:, motion.joint(table.head)])
    for bone, part in (("neck01", 0.2), ("neck02", 0.45), ("neck03", 0.7), ("head", 1.0)):
        glob[rig.index[bone]] = head if part == 1.0 else slerp(chest, head, part)
    local: dict[int, Tensor] = dict(relaxed_fingers(rig))
    for s in SIDES:

        def turned(part: str, side: str = s) -> Tensor:
            joint = motion.joint(table.limb(part, side)[0])
            key = f"{part}.{side}"
            return turns[:, joint] @ (source[key] @ rest[key].T)

        glob[rig.index[f"upperleg01.{s}"]] = turned("thigh")
        glob[rig.index[f"lowerleg01.{s}"]] = turned("shin")
        glob[rig.index[f"foot.{s}"]] = turned("foot")
        glob[rig.index[f"upperarm01.{s}"]] = turned("upper_arm")
        forearm, hand = turned("forearm"), turned("hand")
        glob[rig.index[f"lowerarm01.{s}"]] = forearm
        glob[rig.index[f"lowerarm02.{s}"]] = half_twisted(forearm, hand, rest[f"forearm.{s}"][:, 0])
        glob[rig.index[f"wrist.{s}"]] = hand
        collar = motion.joint(table.limb("collar", s)[0])
        upper_arm = (turns[:, collar].transpose(-1, -2) @ turned("upper_arm")) @ rest[f"upper_arm.{s}"][:, 0]
        girdle = shoulder_girdle(upper_arm, s)
        local[rig.index[f"clavicle.{s}"]] = chest.transpose(-1, -2) @ turns[:, collar] @ girdle
        if table.fingers:
            _fingers(motion, table, rig, turns, s, glob)
        foot, toes = table.limb("foot", s)[0], table.limb("toes", s)[0]
        if foot != toes:
            align = source[f"foot.{s}"] @ rest[f"foot.{s}"].T
            bend = align.T @ motion.rotations[:, motion.joint(toes)] @ align
            for toe in range(1, 6):
                local[rig.index[f"toe{toe}-1.{s}"]] = bend
    return assemble(rig, glob, local, len(motion))


def _fingers(motion: Motion, table: NameMap, rig: Rig, turns: Tensor, s: str, glob: list[Tensor | None]) -> None:
    """Global rotations of one hand's fingers into `glob`.

    A finger's bones point as the source's do, whose fingers are straight in the zero pose while the body's are bent at
    rest. Where a thumb points in the zero pose differs from model to model, so it turns from rest as the source's
    turns from zero.
    """
    zero, normal = _zero(motion), palm_normal(rig, s)
    hand = frame(
        zero[motion.joint(table.limb("hand", s)[1])] - zero[motion.joint(table.limb("hand", s)[0])], torch.tensor(_PALM)
    )
    thumb = hand @ rest_frames(rig)[f"hand.{s}"].T
    for number in range(1, 6):
        joints = [motion.joint(table.finger(number, k, s)) for k in (1, 2, 3)]
        for k, joint in enumerate(joints, 1):
            align = thumb
            if number > 1:
                straight = zero[joints[2]] - zero[joints[0]]
                bone = finger_direction(rig, number, k, s)
                align = frame(straight, torch.tensor(_PALM)) @ frame(bone, normal).T
            glob[rig.index[f"finger{number}-{k}.{s}"]] = turns[:, joint] @ align


def _along(chain: Tensor, part: float) -> Tensor:
    """The rotation at `part` (0..1) of a chain of global rotations (T, K, 3, 3)."""
    at = part * (chain.shape[1] - 1)
    first = min(int(at), chain.shape[1] - 2)
    return slerp(chain[:, first], chain[:, first + 1], at - first) if at > first else chain[:, first]


def unflipped(base: Tensor, turned: Tensor) -> Tensor:
    """`turned` (T, 3, 3), led back to `base` where it lies more than 80 to 110 degrees from it, as no head does.

    Some captures have frames, or whole clips, in which a badly tracked head is solved the wrong way round.
    """
    vector = matrix_to_axis_angle(base.transpose(-1, -2) @ turned)
    wrong = ((torch.rad2deg(vector.norm(dim=-1)) - 80) / 30).clamp(0, 1)
    return base @ axis_angle_to_matrix(vector * (1 - wrong)[:, None])


def half_twisted(upper: Tensor, lower: Tensor, axis: Tensor, part: float = 0.5) -> Tensor:
    """`upper` (T, 3, 3) turned about its bone (`axis` (3,), rest) by `part` of the twist that leads to `lower`."""
    vector = matrix_to_axis_angle(upper.transpose(-1, -2) @ lower)
    angle = vector.norm(dim=-1)
    scale = torch.where(angle > 1e-6, (angle / 2).sin() / angle.clamp(min=1e-6), torch.full_like(angle, 0.5))
    twist = 2 * torch.atan2((vector @ axis) * scale, (angle / 2).cos())
    twist = torch.remainder(twist + torch.pi, 2 * torch.pi) - torch.pi
    return upper @ axis_angle_to_matrix(twist[:, None] * part * axis)


def assemble(rig: Rig, glob: list[Tensor | None], local: dict[int, Tensor], frames: int) -> Tensor:
    """Poses (T, J, 3, 3) from some bones' global and other bones' local rotations; all others keep the rest pose."""
    eye = torch.eye(3).expand(frames, 3, 3)
    turns: list[Tensor] = []
    pose: list[Tensor] = []
    for j, parent in enumerate(rig.parents):
        above = turns[parent] if parent >= 0 else eye
        given = glob[j]
        if given is not None:
            mine = above.transpose(-1, -2) @ given
            turns.append(given)
        elif j in local:
            mine = local[j].expand(frames, 3, 3)
            turns.append(above @ mine)
        else:
            mine = eye
            turns.append(above)
        pose.append(mine)
    return torch.stack(pose, 1)


def _source_lowest(motion: Motion, table: NameMap, turns: Tensor, places: Tensor) -> Tensor:
    """(T,) height of the lowest point of the source's flesh."""
    zero = _zero(motion)
    heights = []
    for s in SIDES:
        for part, flesh in _FLESH_M.items():
            heights.append(places[:, motion.joint(table.limb(part, s)[0]), 2] - flesh)
        heights.append(places[:, motion.joint(table.limb("hand", s)[1]), 2] - _FLESH_M["hand"])
        ankle, toes = motion.joint(table.limb("foot", s)[0]), motion.joint(table.limb("toes", s)[1])
        forward, up = _zero_frames(motion, table)[f"foot.{s}"][:, :2].unbind(1)
        tip = zero[toes] - zero[ankle]
        sole = tip @ up * up  # from the ankle straight down to the plane of the sole
        for point in (tip, sole - _HEEL_M * forward, sole + 0.7 * (tip - sole)):
            heights.append(places[:, ankle, 2] + (turns[:, ankle] @ point)[:, 2])
    for name in table.spine:
        heights.append(places[:, motion.joint(name), 2] - _SPINE_FLESH_M)
    heights.append(places[:, motion.joint(table.head), 2] - _HEAD_FLESH_M)
    return torch.stack(heights, 1).amin(1)


def _translation(motion: Motion, table: NameMap, rig: Rig, pose: Tensor, turns: Tensor, places: Tensor) -> Tensor:
    """(T, 3) of the root: the source's path scaled by the ratio of leg lengths; the lowest points are made to agree."""
    hips = [motion.joint(table.limb("thigh", s)[0]) for s in SIDES]
    knees = [motion.joint(table.limb("thigh", s)[1]) for s in SIDES]
    ankles = [motion.joint(table.limb("shin", s)[1]) for s in SIDES]
    offsets = motion.offsets
    leg = sum(float(offsets[k].norm() + offsets[a].norm()) for k, a in zip(knees, ankles, strict=True)) / 2
    scale = rig.leg_m / max(leg, 1e-6)
    my_turns, mine = rig.kinematics(pose)
    my_hips = mine[:, [rig.index["upperleg01.L"], rig.index["upperleg01.R"]]].mean(1)
    lowest = rig.surface(my_turns, mine)[..., 2].amin(1)
    lift = lift_off(_source_lowest(motion, table, turns, places)) * scale
    place = places[:, hips].mean(1) * scale - my_hips
    return torch.stack([place[:, 0], place[:, 1], lift - lowest], 1)


def lift_off(lowest: Tensor) -> Tensor:
    """(T,) how far a body is in the air, from its lowest point's height (T,): zero at the clip's floor and below."""
    above = (lowest - torch.quantile(lowest, _ON_FLOOR)).clamp(min=0)
    return above * above / (above + _DEAD_ZONE_M)


def stand_on_floor(motion: BodyMotion, rig: Rig, lift: Tensor | float = 0.0) -> BodyMotion:
    """The same motion with its lowest surface point of every frame at the height `lift` (metres, or (T,))."""
    turns, places = rig.kinematics(motion.pose)
    lowest = rig.surface(turns, places)[..., 2].amin(1)
    translation = motion.translation.clone()
    translation[:, 2] = torch.as_tensor(lift) - lowest
    return replace(motion, translation=translation)
