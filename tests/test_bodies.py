"""The body against naive loops and against what a body must be."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from humansense.bodies import anny_body, body_is_built, build_body, load_body, sample_shapes
from humansense.bodies.anny_body import RestBody, forward_kinematics
from humansense.bodies.part_labels import bone_segment
from humansense.core import JOINT_SETS, HumansenseError, joint_set, part_set
from humansense.geometry import axis_angle_to_matrix

BODY = load_body()
BONES = len(BODY.joint_names)


def middle_shape(n: int = 1) -> torch.Tensor:
    shape = torch.full((n, len(BODY.shape_names)), 0.5)
    shape[:, BODY.shape_names.index("age")] = 2 / 3
    return shape


def random_pose(n: int, size: float = 0.4, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return axis_angle_to_matrix(size * torch.randn(n, BONES, 3, generator=generator, dtype=dtype))


REST = BODY.rest(middle_shape())


def test_forward_kinematics_is_the_naive_walk_up_the_tree() -> None:
    pose, translation = random_pose(2), torch.tensor([[0.1, -2.0, 1.0], [0, 0, 0]])
    rotations, joints = forward_kinematics(pose, REST.joints.expand(2, -1, -1), translation, BODY.parents)
    for b in range(2):
        for j in (0, 1, 7, 40, BONES - 1):
            chain = [j]
            while BODY.parents[chain[0]] >= 0:
                chain.insert(0, BODY.parents[chain[0]])
            rotation, position = pose[b, 0], translation[b]
            for parent, child in itertools.pairwise(chain):
                position = position + rotation @ (REST.joints[0, child] - REST.joints[0, parent])
                rotation = rotation @ pose[b, child]
            torch.testing.assert_close(joints[b, j], position, atol=1e-5, rtol=0)
            torch.testing.assert_close(rotations[b, j], rotation, atol=1e-5, rtol=0)


def test_skinning_is_the_naive_weighted_sum() -> None:
    pose = random_pose(1, seed=1)
    posed = BODY.pose(REST, pose, torch.zeros(1, 3))
    for v in (0, 881, 5000, 9000, 14000, 19157):
        expected = torch.zeros(3)
        for j in range(BONES):
            turned = posed.rotations[0, j] @ (REST.vertices[0, v] - REST.joints[0, j]) + posed.joints[0, j]
            expected += BODY.skinning[v, j] * turned
        torch.testing.assert_close(posed.vertices[0, v], expected, atol=2e-6, rtol=0)
    torch.testing.assert_close(BODY.skinning.sum(1), torch.ones(BODY.n_vertices), atol=1e-5, rtol=0)


def test_the_identity_is_the_rest_pose_and_translation_moves_it() -> None:
    move = torch.tensor([[1.0, 2.0, 3.0]])
    vertices, joints = BODY.pose(REST, BODY.identity_pose(), move)
    shift = move - REST.joints[:, 0]
    torch.testing.assert_close(vertices, REST.vertices + shift[:, None], atol=1e-5, rtol=0)
    torch.testing.assert_close(joints, REST.joints + shift[:, None], atol=1e-5, rtol=0)


def test_gradients_of_pose_shape_and_translation() -> None:
    few = torch.tensor([10, 881, 9000])
    turn = 0.3 * torch.randn(1, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    bones = [BODY.joint_names.index(name) for name in ("upperarm01.L", "spine04")]

    def points(turn: torch.Tensor, translation: torch.Tensor) -> torch.Tensor:
        pose = BODY.identity_pose().double()
        pose = pose.index_copy(1, torch.tensor(bones), axis_angle_to_matrix(turn))
        rest = RestBody(REST.vertices[:, few].double(), REST.joints.double())
        small = object.__new__(type(BODY))
        small.__dict__.update(BODY.__dict__, skinning=BODY.skinning[few])
        return small.pose(rest, pose, translation).vertices

    start = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(points, (turn.requires_grad_(), start), eps=1e-6, atol=1e-6)
    shape = middle_shape().requires_grad_()
    BODY.rest(shape).vertices[0, 881, 2].backward()
    assert shape.grad is not None
    assert shape.grad[0, BODY.shape_names.index("height")] > 0.1


def test_rest_pose_faces_minus_y_with_the_left_at_plus_x() -> None:
    joints = BODY.regress(REST, "coco17")[0]
    at = {name: joints[joint_set("coco17").index(name)] for name in joint_set("coco17").names}
    assert at["left_wrist"][0] > 0.3 > -0.3 > at["right_wrist"][0]
    assert at["nose"][1] < at["left_ear"][1]
    assert at["nose"][2] > at["left_hip"][2] > at["left_ankle"][2]


def test_labels_of_the_sides_are_exact() -> None:
    labels = part_set("smpl24")
    names = np.array(labels.names)[BODY.part_weights.argmax(1) + 1]
    x = REST.vertices[0, :, 0].numpy()
    for side, mine in (("left", x < -0.02), ("right", x > 0.02)):
        wrong = [n for n in names[mine] if n.startswith(side)]
        assert not wrong, f"{len(wrong)} vertices of the other side are {side}"
        k = [i for i, n in enumerate(labels.names[1:]) if n.startswith(side)]
        assert BODY.part_weights[mine][:, k].max() == 0
    np.testing.assert_allclose(BODY.part_weights.sum(1), 1, atol=1e-5)
    assert set(names[np.unique(BODY.faces)]) == set(labels.names[1:])


def test_every_bone_has_a_segment_of_its_side() -> None:
    for bone in BODY.joint_names:
        segment = bone_segment(bone)
        if segment.startswith(("left", "right")):
            assert segment.startswith("left") == bone.endswith(".L")


@pytest.mark.parametrize("name", JOINT_SETS)
def test_joints_of_every_set(name: str) -> None:
    joints = BODY.regress(REST, name)
    assert joints.shape == (1, len(joint_set(name)), 3)
    # The middle body is nearly symmetric, so its joints mirror each other.
    mirrored = joints[0, joint_set(name).mirror] * torch.tensor([-1.0, 1.0, 1.0])
    assert (mirrored - joints[0]).norm(dim=1).max() < 0.005
    weights = BODY.regressor(name)
    torch.testing.assert_close(weights.sum(1), torch.ones(len(weights)), atol=1e-5, rtol=0)
    # Joints move with the body.
    turn = BODY.identity_pose()
    turn[:, 0] = axis_angle_to_matrix(torch.tensor([0.3, -0.5, 1.0]))
    moved = BODY.regress(BODY.pose(REST, turn, torch.zeros(1, 3)), name)[0]
    expected = (joints[0] - REST.joints[0, 0]) @ turn[0, 0].T
    torch.testing.assert_close(moved, expected, atol=1e-4, rtol=0)


def test_the_rig_is_the_joint_set_of_core() -> None:
    assert BODY.joint_names == joint_set("anny").names
    assert list(BODY.parents) == joint_set("anny").parents.tolist()


def test_shapes_are_varied_adults() -> None:
    shapes = sample_shapes(np.random.default_rng(0), 300)
    assert shapes.shape == (300, len(BODY.shape_names))
    assert shapes.dtype == np.float32
    assert shapes.min() >= 0
    assert shapes.max() <= 1
    assert (shapes.std(0) > 0.04).all()
    np.testing.assert_array_equal(shapes, sample_shapes(np.random.default_rng(0), 300))
    skin = np.unique(BODY.faces)
    z = BODY.rest(torch.from_numpy(shapes[:24])).vertices[:, skin, 2]
    stature = z.amax(1) - z.amin(1)
    assert stature.min() > 1.4
    assert stature.max() < 2.1
    assert stature.std() > 0.04


def test_wrong_shapes_are_named() -> None:
    with pytest.raises(HumansenseError, match="shape is"):
        BODY.rest(torch.zeros(1, 3))
    with pytest.raises(HumansenseError, match="pose is"):
        BODY.pose(REST, torch.eye(3).expand(1, 24, 3, 3), torch.zeros(1, 3))
    with pytest.raises(HumansenseError, match="unknown joint set"):
        BODY.regress(REST, "nobody")


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An empty cache; anny's own setting is put back afterwards."""
    import anny.paths

    before = anny.paths.get_anny_cache_path()
    monkeypatch.setenv("HUMANSENSE_CACHE", str(tmp_path))
    yield tmp_path
    anny.paths.set_anny_cache_path(before)


def test_an_interrupted_build_leaves_nothing(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import anny.paths

    def stopped() -> None:
        folder = Path(anny.paths.get_anny_cache_path()) / "v1"
        folder.mkdir(parents=True)
        (folder / "build_compact_model_data_x.safetensors").write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(anny_body, "_anny_model", stopped)
    with pytest.raises(KeyboardInterrupt):
        build_body()
    assert not body_is_built()
    assert not [p for p in elsewhere.rglob("*") if p.is_file()]


def test_a_build_moves_the_model_into_place_and_reports(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import anny.paths

    def built() -> None:
        folder = Path(anny.paths.get_anny_cache_path()) / "v1"
        folder.mkdir(parents=True)
        (folder / "build_compact_model_data_x.safetensors").write_bytes(b"whole")
        (folder / "something_else.bin").write_bytes(b"not needed")

    monkeypatch.setattr(anny_body, "_anny_model", built)
    reports: list[float] = []
    build_body(reports.append)
    assert body_is_built()
    assert reports[-1] == 1.0
    assert [p.name for p in elsewhere.rglob("*") if p.is_file()] == ["build_compact_model_data_x.safetensors"]
    monkeypatch.setattr(anny_body, "_anny_model", lambda: pytest.fail("it was built already"))
    build_body()


def test_a_cache_that_can_not_be_written_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HUMANSENSE_CACHE", str(tmp_path / "file"))
    with pytest.raises(HumansenseError, match="file"):
        build_body()
