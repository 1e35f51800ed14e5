"""AMASS files made here with known rotations: axes, names, fingers, and what is wrong with broken ones."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from humansense.bodies import Body, load_body
from humansense.core import HumansenseError
from humansense.geometry import matrix_to_axis_angle
from humansense.motion import read_motion, retarget
from humansense.motion.amass import skeleton
from humansense.motion.find import find_motions
from humansense.motion.rig import Rig, finger_direction, make_rig, palm_normal

NAMES = skeleton(52)[0]
RISE = (np.pi / 2, 0.0, 0.0)  # the root that stands SMPL's y-up rest body upright in a world with z up, facing -y


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body()


@pytest.fixture(scope="module")
def rig(body: Body) -> Rig:
    return make_rig(body)


def write(path: Path, frames: int = 2, joints: int = 52, **maps: tuple[float, float, float]) -> Path:
    """An AMASS file of one pose: joint -> rotation vector in radians, in SMPL's rest axes."""
    poses = np.zeros((frames, joints, 3))
    poses[:, 0] = RISE
    for name, vector in maps.items():
        poses[:, skeleton(joints)[0].index(name)] = vector
    trans = np.tile([1.0, 2.0, 0.9], (frames, 1))
    np.savez(path, poses=poses.reshape(frames, -1), trans=trans, mocap_framerate=120.0, gender="male",
             betas=np.zeros(16))  # fmt: skip
    return path


@pytest.mark.parametrize("joints", [24, 52, 55])
def test_zero_pose_stands_upright_facing_minus_y(tmp_path: Path, joints: int) -> None:
    motion = read_motion(write(tmp_path / "a_poses.npz", joints=joints))
    assert (motion.fps, motion.source, motion.action, motion.fingers) == (120.0, "amass", "a", False)
    turns, places = motion.kinematics()
    torch.testing.assert_close(turns, torch.eye(3).expand_as(turns), atol=1e-6, rtol=0)
    at = {name: places[0, j] for j, name in enumerate(motion.names)}
    torch.testing.assert_close(at["pelvis"], torch.tensor([1.0, 2.0, 0.9]))
    assert at["head"][2] - at["pelvis"][2] > 0.5
    assert at["left_wrist"][0] - at["pelvis"][0] > 0.6
    assert at["left_foot"][1] - at["left_ankle"][1] < -0.1
    height = float(at["head"][2] - at["left_foot"][2])
    assert 1.4 < height < 1.7


def test_rotations_are_turned_with_the_rest_axes_and_the_world_is_not(tmp_path: Path, body: Body, rig: Rig) -> None:
    heading = 0.7
    c, s = np.cos(heading), np.sin(heading)
    world = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    root = torch.from_numpy(world)
    # In SMPL's axes (y up, facing z, left x): a left elbow bent forwards by 90 degrees is -90 about y, a right knee
    # bent backwards is +90 about x, a right hip that lifts the thigh forwards is -90 about x.
    maps = {
        "pelvis": tuple(matrix_to_axis_angle(root).tolist()),
        "left_elbow": (0.0, -np.pi / 2, 0.0),
        "right_knee": (np.pi / 2, 0.0, 0.0),
        "right_hip": (-np.pi / 2, 0.0, 0.0),
    }
    motion = read_motion(write(tmp_path / "a.npz", **maps))  # type: ignore[arg-type]
    out = retarget(motion, body)
    _, joints = rig.kinematics(out.pose, out.translation)
    facing = torch.tensor([s, -c, 0.0], dtype=torch.float32)
    left = torch.tensor([c, s, 0.0], dtype=torch.float32)
    up = torch.tensor([0.0, 0.0, 1.0])
    expected = {
        ("upperarm01.L", "lowerarm01.L"): left,
        ("lowerarm01.L", "wrist.L"): facing,
        ("upperarm01.R", "lowerarm01.R"): -left,
        ("lowerarm01.R", "wrist.R"): -left,
        ("upperleg01.R", "lowerleg01.R"): facing,
        ("lowerleg01.R", "foot.R"): -up,
        ("upperleg01.L", "lowerleg01.L"): -up,
    }
    for (a, b), want in expected.items():
        got = torch.nn.functional.normalize(joints[0, rig.index[b]] - joints[0, rig.index[a]], dim=-1)
        assert float(got @ want) > 0.9995, (a, b)


def test_the_palms_of_a_t_pose_look_down_and_its_fingers_are_straight(tmp_path: Path, body: Body, rig: Rig) -> None:
    out = retarget(read_motion(write(tmp_path / "a.npz")), body)
    turns, joints = rig.kinematics(out.pose, out.translation)
    for side, sign in (("L", 1.0), ("R", -1.0)):
        palm = turns[0, rig.index[f"wrist.{side}"]] @ palm_normal(rig, side)
        assert float(palm[2]) < -0.99
        for number in range(2, 6):
            bones = [joints[0, rig.index[f"finger{number}-{k}.{side}"]] for k in (1, 2, 3)]
            one, two = (torch.nn.functional.normalize(b - a, dim=0) for a, b in itertools.pairwise(bones))
            assert float(one @ two) > 0.9999
            assert float(one[0]) * sign > 0.95


def test_fingers_are_carried_over(tmp_path: Path, body: Body, rig: Rig) -> None:
    # A left index that bends by 80 degrees at its second joint, towards the palm: downwards in the T-pose.
    bent = np.deg2rad(80)
    path = write(tmp_path / "a.npz", left_index2=(0.0, 0.0, -bent), right_pinky1=(0.0, 0.0, bent))
    out = retarget(read_motion(path), body)
    turns, _ = rig.kinematics(out.pose, out.translation)

    def along(number: int, bone: int, side: str) -> torch.Tensor:
        turn = turns[0, rig.index[f"finger{number}-{bone}.{side}"]]
        return turn @ finger_direction(rig, number, bone, side)

    for number, bone, side in ((2, 2, "L"), (5, 1, "R")):
        straight = along(number, 1, side) if bone == 2 else along(4, 1, side)
        angle = torch.rad2deg(torch.acos(straight @ along(number, bone, side)))
        assert float(angle) == pytest.approx(80, abs=4)  # these fingers are not across the axis
        assert float(along(number, bone, side)[2]) < -0.9
    for number in (3, 4, 5):
        assert float(along(number, 2, "L")[2]) > -0.02
    moving = np.load(path)
    poses = moving["poses"].copy()
    poses[1, 3 * NAMES.index("left_ring3")] += 0.3
    np.savez(tmp_path / "b.npz", poses=poses, trans=moving["trans"], mocap_framerate=120)
    motion = read_motion(tmp_path / "b.npz")
    assert motion.fingers
    assert retarget(motion, body).fingers
    assert not retarget(read_motion(path), body).fingers


def test_stage_two_files_and_parts(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    parts = {
        "root_orient": rng.normal(size=(4, 3)), "pose_body": rng.normal(size=(4, 63)), "pose_jaw": np.zeros((4, 3)),
        "pose_eye": np.zeros((4, 6)), "pose_hand": rng.normal(size=(4, 90)),
    }  # fmt: skip
    common = {"trans": rng.normal(size=(4, 3)), "mocap_frame_rate": np.array(60.0)}
    np.savez(tmp_path / "w_stageii.npz", **parts, **common)
    np.savez(tmp_path / "v.npz", poses=np.concatenate(list(parts.values()), 1), **common)
    one, two = read_motion(tmp_path / "w_stageii.npz"), read_motion(tmp_path / "v.npz")
    assert one.action == "w"
    assert one.fps == 60
    assert len(one.names) == 55
    torch.testing.assert_close(one.rotations, two.rotations)
    face = {k: v for k, v in parts.items() if k not in ("pose_jaw", "pose_eye")}
    np.savez(tmp_path / "h.npz", **face, **common)
    assert read_motion(tmp_path / "h.npz").names == NAMES


def test_only_npz_files_with_poses_are_found(tmp_path: Path) -> None:
    write(tmp_path / "b_poses.npz")
    np.savez(tmp_path / "shape.npz", betas=np.zeros(16), gender="male")
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 cut")
    assert [p.name for p in find_motions(tmp_path)] == ["b_poses.npz", "broken.npz"]
    (tmp_path / "markers").mkdir()
    (tmp_path / "markers" / "walk.c3d").write_bytes(b"\x02\x50")
    with pytest.raises(HumansenseError, match=r"markers as in walk\.c3d have to be converted"):
        find_motions(tmp_path / "markers")
    with pytest.raises(HumansenseError, match=r"walk\.c3d holds C3D markers.*as \.bvh"):
        read_motion(tmp_path / "markers" / "walk.c3d")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"poses": None}, "has no 'poses'"),
        ({"trans": None}, "has no 'trans'"),
        ({"mocap_framerate": None}, "has no frame rate"),
        ({"mocap_framerate": np.array(1e6)}, "says 1e\\+06 frames a second, expected 1 to 1000"),
        ({"mocap_framerate": np.array(np.nan)}, "says nan frames a second"),
        ({"mocap_framerate": np.array([30.0, 60.0])}, r"mocap_framerate is float64 \(2,\), expected one number"),
        ({"poses": np.zeros((2, 150))}, "150 columns, expected 72, 156, 165"),
        ({"poses": np.zeros((2, 52, 3))}, r"poses is float64 \(2, 52, 3\)"),
        ({"poses": np.zeros((0, 156)), "trans": np.zeros((0, 3))}, "holds no frames"),
        ({"trans": np.zeros((5, 3))}, r"trans is \(5, 3\), expected \(2, 3\)"),
        ({"trans": np.array([[0, 0, 0], [0, np.inf, 0]])}, "frame 1: trans is not finite"),
        ({"poses": np.full((2, 156), np.nan)}, "frame 0: poses is not finite"),
        ({"poses": np.array([[{"a": 1}]], dtype=object)}, "'poses' holds Python objects, which are not loaded"),
    ],
)
def test_broken_files(tmp_path: Path, change: dict[str, np.ndarray | None], message: str) -> None:
    path = write(tmp_path / "a.npz")
    arrays = dict(np.load(path)) | change
    np.savez(path, **{k: v for k, v in arrays.items() if v is not None})
    with pytest.raises(HumansenseError, match=message) as caught:
        read_motion(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_truncated_and_missing_files(tmp_path: Path) -> None:
    path = write(tmp_path / "a.npz", frames=50)
    whole = path.read_bytes()
    for part in (0.0, 0.3, 0.98):
        path.write_bytes(whole[: int(part * len(whole))])
        with pytest.raises(HumansenseError, match=r"a\.npz is no whole \.npz file"):
            read_motion(path)
    np.save(tmp_path / "b.npy", np.zeros(3))
    (tmp_path / "b.npy").rename(tmp_path / "b.npz")
    with pytest.raises(HumansenseError, match="single array"):
        read_motion(tmp_path / "b.npz")
    with pytest.raises(HumansenseError, match="cannot read"):
        read_motion(tmp_path / "missing.npz")
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 0xFF
    path.write_bytes(damaged)
    with pytest.raises(HumansenseError, match=r"a\.npz"):
        read_motion(path)
