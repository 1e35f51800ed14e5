"""Readers against known truth in native format, retargeting against the source's own geometry, built-in motion."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from humansense.bodies import Body, load_body, sample_shapes
from humansense.core import HumansenseError
from humansense.geometry import axis_angle_to_matrix
from humansense.motion import PROCEDURAL, Motion, procedural, read_amc, read_bvh, read_motion, resample, retarget
from humansense.motion.bvh import unit_of
from humansense.motion.expmap import COLUMNS, SKELETON
from humansense.motion.find import find_motions
from humansense.motion.legs import leg_angles
from humansense.motion.limits import LIMITS_DEG
from humansense.motion.names import NAME_MAPS
from humansense.motion.posing import pose_from_angles
from humansense.motion.random_poses import MAX_PENETRATION_M, draw_poses
from humansense.motion.retarget import half_twisted
from humansense.motion.rig import Rig, make_rig
from humansense.motion.selfhit import penetration

DATA = Path(os.environ.get("HUMANSENSE_DATA", "/nowhere")) / "mocap"
real = pytest.mark.skipif(not DATA.is_dir(), reason="needs $HUMANSENSE_DATA/mocap")

ASF = """# a leg of two bones
:version 1.10
:name fake
:units
  mass 1.0
  length 0.45
  angle deg
:root
   order TX TY TZ RX RY RZ
   axis XYZ
   position 0 0 0
   orientation 0 0 0
:bonedata
  begin
     id 1
     name lfemur
     direction 0 -1 0
     length 9
     axis 0 0 20 XYZ
    dof rx ry rz
    limits (-160.0 20.0)
           (-70.0 70.0)
           (-60.0 70.0)
  end
  begin
     id 2
     name ltibia
     direction 0 -2 0
     length 4.5
     axis 0 0 20 XYZ
    dof rx
    limits (-10.0 170.0)
  end
:hierarchy
  begin
    root lfemur
    lfemur ltibia
  end
"""
AMC = """#!OML:ASF
:FULLY-SPECIFIED
:DEGREES
1
root 0 18 0 0 0 0
lfemur 10 20 30
ltibia 40
2
root 1 18 2 0 90 0
lfemur 0 0 0
ltibia 0
"""
BVH = """HIERARCHY
ROOT hip
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation Xrotation
  JOINT leg
  {
    OFFSET 10 -90 0
    CHANNELS 4 Xrotation Zrotation Xposition Yrotation
    End Site
    {
      OFFSET 0 0 12
    }
  }
  JOINT trunk
  {
    OFFSET 0 80 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0 1 0
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.01
1 2 3 10 20 30 5 6 99 7 0 0 0
1 2 4 0 0 0 0 0 99 0 0 0 90
"""


def turn(axis: str, degrees: float) -> np.ndarray:
    """A rotation written out, right-handed."""
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    out = np.eye(3)
    out[i, i], out[i, j], out[j, i], out[j, j] = c, -s, s, c
    return out


TO_Z_UP = turn("x", 90)


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body()


@pytest.fixture(scope="module")
def rig(body: Body) -> Rig:
    return make_rig(body)


@pytest.fixture
def amc(tmp_path: Path) -> Path:
    (tmp_path / "07.asf").write_text(ASF)
    (tmp_path / "07_01.amc").write_text(AMC)
    return tmp_path / "07_01.amc"


def test_acclaim_by_the_book(amc: Path) -> None:
    motion = read_motion(amc)
    unit = 0.0254 / 0.45
    assert motion.names == ("root", "lfemur", "ltibia", "ltibia_end")
    assert (motion.fps, motion.subject, motion.source, len(motion)) == (120.0, "07", "amc", 2)
    turns, places = motion.kinematics()
    # Acclaim: C M C^-1 with M = Rz Ry Rx of the angles, C from `axis`; then y up becomes z up.
    C = turn("z", 20)
    femur = C @ turn("z", 30) @ turn("y", 20) @ turn("x", 10) @ C.T
    tibia = femur @ C @ turn("x", 40) @ C.T
    hip = np.array([0, 18 * unit, 0])
    knee = hip + femur @ [0, -9 * unit, 0]
    ankle = knee + tibia @ [0, -4.5 * unit, 0]
    expected = np.stack([hip, hip, knee, ankle]) @ TO_Z_UP.T
    np.testing.assert_allclose(places[0], expected, atol=1e-6)
    np.testing.assert_allclose(turns[1, 0], TO_Z_UP @ turn("y", 90) @ TO_Z_UP.T, atol=1e-6)
    np.testing.assert_allclose(motion.root[1], np.array([1, -2, 18]) * unit, atol=1e-6)


def test_bvh_by_the_book(tmp_path: Path) -> None:
    (tmp_path / "a.bvh").write_text(BVH)
    motion = read_bvh(tmp_path / "a.bvh")
    assert motion.names == ("hip", "leg", "leg_end", "trunk", "trunk_end")
    assert motion.fps == pytest.approx(100)
    _, places = motion.kinematics()
    root = turn("z", 10) @ turn("y", 20) @ turn("x", 30)
    leg = root @ turn("x", 5) @ turn("z", 6) @ turn("y", 7)
    hip = np.array([1, 2, 3])
    ankle = hip + root @ [10, -90, 0]
    expected = np.stack([hip, ankle, ankle + leg @ [0, 0, 12]]) @ TO_Z_UP.T * 0.01  # 171 units high: centimetres
    np.testing.assert_allclose(places[0, :3], expected, atol=1e-6)


def test_unit_of_a_skeleton() -> None:
    for unit in (1.0, 0.1, 0.01, 0.001, 0.0254, 0.0254 / 0.45):
        assert unit_of(1.7 / unit) == pytest.approx(unit)
    assert unit_of(5.0) * 5 == pytest.approx(1.7)


def test_expmap_turns_by_the_negative_map(tmp_path: Path) -> None:
    rows = np.zeros((2, COLUMNS))
    knee = [name for name, _, _ in SKELETON].index("LeftLeg")
    rows[:, :3] = [[1, 20, 3], [1, 20, 4]]
    rows[:, 3 + 3 * knee] = -np.pi / 2
    path = tmp_path / "walking_3.txt"
    np.savetxt(path, rows, delimiter=",")
    motion = read_motion(path)
    assert motion.action == "walking"
    np.testing.assert_allclose(motion.rotations[0, knee], turn("x", 90), atol=1e-6)
    np.testing.assert_allclose(motion.root[1], np.array([1, -4, 20]) * 0.0254 / 0.45, atol=1e-5)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ltibia 40", "lshin 40", "line 7: unknown joint 'lshin'"),
        ("ltibia 40", "ltibia nan", "line 7: 'nan' is not a finite number"),
        ("lfemur 10 20 30", "lfemur 10 20", "line 6: lfemur has 2 numbers, its skeleton says 3"),
        ("lfemur 0 0 0\nltibia 0\n", "lfemur 0 0", "line 10: lfemur has 2 numbers"),
        ("lfemur 0 0 0\nltibia 0\n", "", "last frame is cut short"),
        (AMC[AMC.index("1\nroot") :], "", "holds no frames"),
    ],
)
def test_broken_amc(amc: Path, old: str, new: str, message: str) -> None:
    amc.write_text(AMC.replace(old, new))
    with pytest.raises(HumansenseError, match=message) as caught:
        read_amc(amc)
    assert str(amc) in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Zrotation Yrotation Xrotation", "Zrotation Yrotation Wrotation", "line 5: CHANNELS"),
        ("1 2 4 0 0 0 0 0 99 0 0 0 90", "1 2 4 0 0", "line 29: 5 numbers, the hierarchy has 13 channels"),
        ("99 7", "inf 7", "line 28: 'inf' is not a finite number"),
        ("Frames: 2", "Frames: 7", "'Frames: 7', but 2 rows follow"),
        ("Frame Time: 0.01", "", "positive 'Frame Time:'"),
        (BVH[BVH.index("MOTION") :], "", "has no MOTION part"),
        ("OFFSET 0 80 0", "OFFSET 0 eighty 0", "line 17: cannot read"),
    ],
)
def test_broken_bvh(tmp_path: Path, old: str, new: str, message: str) -> None:
    (tmp_path / "a.bvh").write_text(BVH.replace(old, new))
    with pytest.raises(HumansenseError, match=message):
        read_bvh(tmp_path / "a.bvh")


def test_other_broken_files(tmp_path: Path, body: Body) -> None:
    (tmp_path / "a.txt").write_text("1,2,3\n")
    with pytest.raises(HumansenseError, match="line 1: 3 numbers, expected 117"):
        read_motion(tmp_path / "a.txt")
    (tmp_path / "a.bvh").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(HumansenseError, match="not a text file"):
        read_motion(tmp_path / "a.bvh")
    with pytest.raises(HumansenseError, match="cannot read"):
        read_motion(tmp_path / "missing.bvh")
    with pytest.raises(HumansenseError, match="no motion file that is known"):
        read_motion(tmp_path / "a.fbx")
    (tmp_path / "a.amc").write_text(AMC)
    with pytest.raises(HumansenseError, match=r"needs its skeleton a\.asf"):
        read_motion(tmp_path / "a.amc")
    (tmp_path / "b.bvh").write_text(BVH)
    with pytest.raises(HumansenseError, match="no name map fits"):
        retarget(read_motion(tmp_path / "b.bvh"), body)


def expmap_motion(frames: int = 1, **maps: tuple[float, float, float]) -> Motion:
    """A motion of the CMU skeleton: joint -> rotation vector in degrees, in z-up axes."""
    names = tuple(name for name, _, _ in SKELETON)
    rotations = torch.eye(3).repeat(frames, len(names), 1, 1)
    for name, vector in maps.items():
        rotations[:, names.index(name)] = axis_angle_to_matrix(torch.deg2rad(torch.tensor(vector)))
    offsets = torch.tensor([o for _, _, o in SKELETON]) @ torch.tensor(TO_Z_UP.T, dtype=torch.float32) * 0.0254 / 0.45
    parents = tuple(-1 if p is None else names.index(p) for _, p, _ in SKELETON)
    return Motion(names, parents, offsets, rotations, torch.zeros(frames, 3), 120.0, "expmap")


def directions(joints: torch.Tensor, index: dict[str, int], start: str, end: str) -> torch.Tensor:
    return torch.nn.functional.normalize(joints[:, index[end]] - joints[:, index[start]], dim=-1)


def test_retarget_points_the_limbs_where_the_source_does(body: Body, rig: Rig) -> None:
    motion = expmap_motion(
        Hips=(10, 20, 70), Spine=(20, 5, 8), LeftArm=(10, 60, -20), LeftForeArm=(0, -40, -60), RightUpLeg=(-60, 10, 0),
        RightLeg=(70, 0, 20), RightArm=(0, 30, 50),
    )  # fmt: skip
    _, source = motion.kinematics()
    out = retarget(motion, body, fps=None)
    _, joints = rig.kinematics(out.pose, out.translation)
    index = {name: motion.joint(name) for name in motion.names}
    pairs = {
        ("LeftUpLeg", "LeftLeg"): ("upperleg01.L", "lowerleg01.L"),
        ("RightUpLeg", "RightLeg"): ("upperleg01.R", "lowerleg01.R"),
        ("RightLeg", "RightFoot"): ("lowerleg01.R", "foot.R"),
        ("LeftArm", "LeftForeArm"): ("upperarm01.L", "lowerarm01.L"),
        ("LeftForeArm", "LeftHand"): ("lowerarm01.L", "wrist.L"),
        ("RightArm", "RightForeArm"): ("upperarm01.R", "lowerarm01.R"),
    }
    for theirs, ours in pairs.items():
        want, got = directions(source, index, *theirs), directions(joints, rig.index, *ours)
        assert float((want * got).sum()) > 0.9999, ours
    # the foot of a flat standing source is flat: its sole turns with the shin's frame only
    flat = retarget(expmap_motion(LeftUpLeg=(0, 20, 0), RightUpLeg=(0, -20, 0)), body)
    turns, places = rig.kinematics(flat.pose, flat.translation)
    for side in "LR":
        up = turns[0, rig.index[f"foot.{side}"]] @ torch.tensor([0.0, 0.0, 1.0])
        assert float(up[2]) > 0.999
    assert float(rig.surface(turns, places)[..., 2].min()) == pytest.approx(0, abs=1e-5)


def test_retarget_scales_to_the_person(body: Body) -> None:
    motion = expmap_motion(frames=2)
    motion.root[1, 1] = -1.0
    short, tall = torch.full((11,), 0.5), torch.full((11,), 0.5)
    height = body.shape_names.index("height")
    short[height], tall[height] = 0.1, 0.9
    steps = [float(retarget(motion, body, s).translation.diff(dim=0).norm()) for s in (short, tall)]
    assert steps[0] < steps[1]
    for shape in (short, tall):
        out = retarget(motion, body, shape)
        lowest = (
            body.pose(body.rest(shape[None]), out.pose, out.translation).vertices[:, np.unique(body.faces), 2].amin(1)
        )
        assert float(lowest.abs().max()) < 0.02


def test_a_head_solved_the_wrong_way_round_is_led_back(body: Body, rig: Rig) -> None:
    def between(degrees: float) -> float:
        pose = retarget(expmap_motion(Neck=(degrees, 0, 0)), body).pose
        turns, _ = rig.kinematics(pose)
        relative = turns[0, rig.index["spine01"]].T @ turns[0, rig.index["head"]]
        return float(torch.rad2deg(((relative.diagonal().sum() - 1) / 2).clamp(-1, 1).acos()))

    assert between(60) == pytest.approx(60, abs=0.1)
    assert between(170) == pytest.approx(0, abs=0.1)


def test_a_jump_stays_in_the_air(body: Body, rig: Rig) -> None:
    motion = expmap_motion(frames=40)
    motion.root[20:25, 2] += 0.4
    out = retarget(motion, body)
    lift = rig.surface(*rig.kinematics(out.pose, out.translation))[..., 2].amin(1)
    assert float(lift[0].abs()) < 1e-4
    assert 0.3 < float(lift[22]) < 0.45


def test_resample_keeps_the_motion(body: Body) -> None:
    motion = expmap_motion(frames=13)
    angles = torch.linspace(0, 1.2, 13)
    motion.rotations[:, 3] = axis_angle_to_matrix(angles[:, None] * torch.tensor([1.0, 0, 0]))
    slow = resample(motion, 50.0)
    assert len(slow) == 6
    expected = axis_angle_to_matrix((torch.arange(6) * 0.24)[:, None] * torch.tensor([1.0, 0, 0]))
    torch.testing.assert_close(slow.rotations[:, 3], expected, atol=1e-5, rtol=0)
    assert motion[::4].fps == 30
    assert len(retarget(motion, body, fps=30)) == 4
    with pytest.raises(HumansenseError, match="cannot resample"):
        resample(motion, 0)


def test_half_a_twist() -> None:
    axis = torch.tensor([0.6, 0.0, 0.8])
    upper = axis_angle_to_matrix(torch.tensor([[0.3, -0.5, 1.0]]))
    lower = upper @ axis_angle_to_matrix(axis[None] * 1.4)
    expected = upper @ axis_angle_to_matrix(axis[None] * 0.7)
    torch.testing.assert_close(half_twisted(upper, lower, axis), expected, atol=1e-5, rtol=0)


def test_angles_mean_what_they_say(rig: Rig) -> None:
    def joints(**angles: float) -> dict[str, torch.Tensor]:
        given = {name.replace("_L", ".L").replace("_R", ".R"): torch.tensor([v]) for name, v in angles.items()}
        _, places = rig.kinematics(pose_from_angles(rig, given, torch.eye(3)[None]))
        return {name: places[0, i] for name, i in rig.index.items()}

    knee = joints(knee_flex_L=90)
    assert knee["foot.L"][1] - knee["lowerleg01.L"][1] > 0.3  # backwards
    hip = joints(hip_flex_R=90)
    assert hip["lowerleg01.R"][1] - hip["upperleg01.R"][1] < -0.3  # forwards
    side = joints(hip_abduct_L=50, arm_elevation_R=90)
    assert side["lowerleg01.L"][0] - side["upperleg01.L"][0] > 0.2
    assert side["wrist.R"][0] - side["upperarm01.R"][0] < -0.4
    elbow = joints(elbow_flex_L=90)
    assert elbow["wrist.L"][1] - elbow["lowerarm01.L"][1] < -0.15
    bow = joints(spine_flex=60)
    assert bow["head"][1] < bow["root"][1] - 0.2
    lean = joints(spine_side=30)
    assert lean["head"][0] > 0.1
    with pytest.raises(HumansenseError, match="no joint angle 'ellbow'"):
        joints(ellbow=3)


def test_legs_reach_their_feet(rig: Rig) -> None:
    generator = torch.Generator().manual_seed(0)
    n = 32
    root = axis_angle_to_matrix(0.3 * torch.randn(n, 3, generator=generator))
    for side, x in (("L", 0.1), ("R", -0.1)):
        hip = torch.tensor([x, 0, 0.9]).expand(n, 3)
        ankle = torch.tensor([x, 0, 0.2]) + 0.12 * torch.randn(n, 3, generator=generator)
        flat = torch.zeros(n)
        angles = leg_angles(rig, side, root, hip, ankle, flat, flat)
        assert float(angles[f"knee_flex.{side}"].min()) >= 0
        _, places = rig.kinematics(pose_from_angles(rig, angles, root))
        got = places[:, rig.index[f"foot.{side}"]] - places[:, rig.index[f"upperleg01.{side}"]]
        inside = torch.stack(
            [(v > LIMITS_DEG[k][0]) & (v < LIMITS_DEG[k][1]) for k, v in angles.items() if "ankle" not in k]
        )
        good = inside.all(0) & ((ankle - hip).norm(dim=-1) < 0.98 * rig.leg_m)
        assert int(good.sum()) > n // 2
        torch.testing.assert_close(got[good], (ankle - hip)[good], atol=2e-3, rtol=0)


@pytest.mark.parametrize("kind", PROCEDURAL)
def test_built_in_motion(kind: str, body: Body) -> None:
    shape = torch.from_numpy(sample_shapes(np.random.default_rng(5), 1)[0])
    for seed, frames in ((0, 40), (1, 1)):
        motion = procedural(kind, np.random.default_rng(seed), frames, 30.0, body, shape)
        again = procedural(kind, np.random.default_rng(seed), frames, 30.0, body, shape)
        assert torch.equal(motion.pose, again.pose)
        assert torch.equal(motion.translation, again.translation)
        assert tuple(motion.pose.shape) == (frames, 104, 3, 3)
        assert motion.pose.isfinite().all()
        assert float((motion.pose @ motion.pose.transpose(-1, -2) - torch.eye(3)).abs().max()) < 1e-4
        if frames > 1:
            steps = motion.pose[1:].transpose(-1, -2) @ motion.pose[:-1]
            cosine = (steps.diagonal(dim1=-2, dim2=-1).sum(-1) - 1) / 2
            assert float(torch.rad2deg(cosine.clamp(-1, 1).acos()).max()) < 50  # degrees a frame
            assert float(motion.translation.diff(dim=0).norm(dim=-1).max()) < 0.4
        rig = make_rig(body, shape)
        turns, joints = rig.kinematics(motion.pose, motion.translation)
        for side in "LR":
            assert knee_bend(joints, turns, rig, side) > -0.02
            assert elbow_bend(joints, turns, rig, side) > -1e-3
        few = motion[::8]
        posed = body.pose(body.rest(shape[None]), few.pose, few.translation)
        lowest = posed.vertices[:, np.unique(body.faces), 2].amin(1)
        assert float(lowest.min()) > -0.03
        if kind not in ("jump", "run", "random_pose"):
            assert float(lowest.max()) < 0.03


def heading(pose: torch.Tensor) -> torch.Tensor:
    return pose[:, 0] @ torch.tensor([0.0, -1.0, 0.0])


@pytest.mark.parametrize("kind", ["walk", "run"])
def test_who_walks_faces_the_way(kind: str, body: Body, rig: Rig) -> None:
    for seed in range(3):
        motion = procedural(kind, np.random.default_rng(seed), 60, 30.0, body)
        velocity = (motion.translation[-1] - motion.translation[0]) / 2
        assert 0.5 < float(velocity.norm()) < 5
        assert float((heading(motion.pose).mean(0) * velocity).sum() / velocity.norm()) > 0.85
        if kind == "walk":  # what touches the floor does not slide
            points = rig.surface(*rig.kinematics(motion.pose, motion.translation))
            lowest = points[:-1, :, 2].argmin(1)
            steps = (points[1:] - points[:-1])[torch.arange(59), lowest, :2]
            assert float(steps.norm(dim=-1).quantile(0.9)) * 30 < 0.25


def test_random_poses_do_not_pass_through_themselves(rig: Rig) -> None:
    angles = draw_poses(np.random.default_rng(3), rig, [False] * 40)
    pose = pose_from_angles(rig, angles, torch.eye(3).expand(40, 3, 3))
    assert float(penetration(rig, *rig.kinematics(pose)).max()) <= MAX_PENETRATION_M
    for name, (low, high) in LIMITS_DEG.items():
        assert low <= float(angles[name].min()), name
        assert float(angles[name].max()) <= high, name
    through = {
        "arm_elevation.L": torch.tensor([25.0]),
        "arm_plane.L": torch.tensor([135.0]),
        "elbow_flex.L": torch.tensor([60.0]),
    }
    through |= {"spine_flex": torch.tensor([60.0]), "arm_roll.L": torch.tensor([80.0])}
    hit = penetration(rig, *rig.kinematics(pose_from_angles(rig, through, torch.eye(3)[None])))
    assert float(hit) > MAX_PENETRATION_M


def test_wrong_requests(body: Body) -> None:
    with pytest.raises(HumansenseError, match="unknown kind of motion 'swim'; known: walk"):
        procedural("swim", np.random.default_rng(0), 3, 30.0, body)
    with pytest.raises(HumansenseError, match="at least one frame"):
        procedural("walk", np.random.default_rng(0), 0, 30.0, body)


def bones(joints: torch.Tensor, rig: Rig, side: str, *names: str) -> list[torch.Tensor]:
    """Vectors (..., 3) from each named bone's head to the next one's."""
    heads = torch.stack([joints[..., rig.index[f"{name}.{side}"], :] for name in names])
    return list(heads.diff(dim=0))


def knee_bend(joints: torch.Tensor, turns: torch.Tensor, rig: Rig, side: str) -> float:
    """The least sine of the knees' bend, about the thigh's own axis to the left: backwards is positive."""
    thigh, shin = (
        torch.nn.functional.normalize(b, dim=-1) for b in bones(joints, rig, side, "upperleg01", "lowerleg01", "foot")
    )
    left = turns[:, rig.index[f"upperleg01.{side}"]] @ torch.tensor([1.0, 0.0, 0.0])
    return float((torch.linalg.cross(thigh, shin) * left).sum(-1).min())


def elbow_bend(joints: torch.Tensor, turns: torch.Tensor, rig: Rig, side: str) -> float:
    """The same of the elbows, about the axis about which the resting arm is bent."""
    chain = ("upperarm01", "lowerarm01", "wrist")
    upper, fore = bones(joints, rig, side, *chain)
    hinge = turns[:, rig.index[f"upperarm01.{side}"]] @ torch.linalg.cross(*bones(rig.joints, rig, side, *chain))
    return float((torch.linalg.cross(upper, fore) * hinge).sum(-1).min())


@real
@pytest.mark.parametrize(
    ("path", "forward"),
    [
        ("cmu_amc/subjects/02/02_01.amc", True),
        ("cmu_amc/subjects/01/01_02.amc", False),
        ("cmu_bvh/salsa/01.bvh", False),
        ("cmu_bvh/martial/04.bvh", False),
        ("cmu_expmap/train/walking/walking_3.txt", True),
        ("cmu_expmap/train/running/running_2.txt", True),
    ],
)
def test_real_captures(path: str, forward: bool, body: Body, rig: Rig) -> None:
    motion = read_motion(DATA / path)[:600:4]
    out = retarget(motion, body)
    turns, joints = rig.kinematics(out.pose, out.translation)
    few = out[::15]
    posed = body.pose(body.rest(make_shape(body)), few.pose, few.translation)
    assert float(posed.vertices[:, np.unique(body.faces), 2].min()) > -0.02
    _, source = motion.kinematics()
    table = next(t for t in NAME_MAPS.values() if t.needed() <= set(motion.names))
    index = {name: motion.joint(name) for name in motion.names}
    for side in "LR":
        for part, start, end in (("thigh", "upperleg01", "lowerleg01"), ("forearm", "lowerarm01", "wrist")):
            want = directions(source, index, *table.limb(part, side))
            got = directions(joints, rig.index, f"{start}.{side}", f"{end}.{side}")
            assert float((want * got).sum(-1).min()) > 0.999
        assert knee_bend(joints, turns, rig, side) > -0.2
        assert elbow_bend(joints, turns, rig, side) > -1e-3
    if forward:
        velocity = out.translation[-1] - out.translation[0]
        assert float((heading(out.pose).mean(0) * velocity).sum() / velocity.norm()) > 0.85


def make_shape(body: Body) -> torch.Tensor:
    from humansense.motion.rig import average_shape

    return average_shape(body)[None]


@real
def test_formats_agree_on_the_same_walk() -> None:
    """walking_1 of the exponential maps is CMU's 02_01, on another person's bone lengths."""
    one = read_motion(DATA / "cmu_amc/subjects/02/02_01.amc")
    two = read_motion(DATA / "cmu_expmap/train/walking/walking_1.txt")
    assert len(one) == len(two)
    for ours, theirs in (("lfemur", "LeftUpLeg"), ("rhumerus", "RightArm"), ("ltibia", "LeftLeg"), ("head", "Head")):
        a, b = one.kinematics()[0][:, one.joint(ours)], two.kinematics()[0][:, two.joint(theirs)]
        assert float((a - b).abs().max()) < 0.02, ours


def test_find_motions_tells_captures_from_other_text(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("z.bvh", "a/01.amc", "a/01.asf"):
        (tmp_path / name).write_text("")
    (tmp_path / "a" / "b" / "walk_1.txt").write_text(",".join(["0.5", "-1e-3"] * 10) + "\n")
    (tmp_path / "readme.txt").write_text("free for all uses, with, many, commas, " * 9)
    found = find_motions(tmp_path)
    assert [str(p.relative_to(tmp_path)) for p in found] == ["a/01.amc", "a/b/walk_1.txt", "z.bvh"]
    (tmp_path / "none").mkdir()
    for folder in (tmp_path / "none", tmp_path / "missing"):
        with pytest.raises(HumansenseError, match=folder.name):
            find_motions(folder)
