"""Joint sets, part sets, cameras, weights and atomic files."""

import errno
from pathlib import Path

import numpy as np
import pytest
import torch

from humansense.core import (
    JOINT_SETS,
    PART_SETS,
    Camera,
    HumansenseError,
    Person,
    Sample,
    atomic_path,
    check_shape,
    convert_joints,
    joint_set,
    load_weights,
    look_at,
    part_map,
    part_set,
    save_weights,
)


@pytest.mark.parametrize("joints", JOINT_SETS.values(), ids=lambda s: s.name)
def test_a_joint_set_is_a_tree_with_matching_sides(joints) -> None:
    size = {"mpii16": 16, "coco17": 17, "lsp14": 14, "h36m17": 17, "smpl24": 24, "human21": 21, "anny": 104}[
        joints.name
    ]
    assert len(joints) == len(joints.parents) == size
    assert np.array_equal(joints.mirror[joints.mirror], np.arange(size))
    for i in range(size):  # every joint reaches a root
        seen, j = set(), i
        while j >= 0:
            assert j not in seen
            seen.add(j)
            j = int(joints.parents[j])
    for i, name in enumerate(joints.names):
        if name.startswith("left_"):
            assert joints.names[joints.mirror[i]] == "right_" + name[5:]
        elif name.endswith(".L"):
            assert joints.names[joints.mirror[i]] == name[:-2] + ".R"


def test_conversion_is_by_name_and_fills_what_is_missing() -> None:
    rng = np.random.default_rng(0)
    coco = rng.normal(size=(3, 17, 2))
    mpii = convert_joints(coco, "coco17", "mpii16")
    src, dst = joint_set("coco17"), joint_set("mpii16")
    for name in dst.names:
        got = mpii[:, dst.index(name)]
        if name in src.names:
            assert np.array_equal(got, coco[:, src.index(name)])
        elif name == "pelvis":
            assert np.allclose(got, (coco[:, src.index("left_hip")] + coco[:, src.index("right_hip")]) / 2)
        elif name == "thorax":
            assert np.allclose(got, (coco[:, src.index("left_shoulder")] + coco[:, src.index("right_shoulder")]) / 2)
        else:
            assert np.isnan(got).all()
    human = convert_joints(mpii, "mpii16", "human21", fill=0)
    assert np.array_equal(human[:, :16], mpii, equal_nan=True)
    assert (human[:, 16:] == 0).all()


@pytest.mark.parametrize("parts", PART_SETS.values(), ids=lambda s: s.name)
def test_a_part_set_has_a_colour_and_a_mirror_for_each_part(parts) -> None:
    size = {"smpl24": 25, "parts14": 15, "parts6": 7, "up31": 32, "pascal6": 7}[parts.name]
    assert len(parts) == size
    assert parts.colors.shape == (size, 3)
    assert len({tuple(c) for c in parts.colors}) == size
    assert np.array_equal(parts.mirror[parts.mirror], np.arange(size))


def test_part_maps_compose_and_keep_sides() -> None:
    to14, to6 = part_map("smpl24", "parts14"), part_map("parts14", "parts6")
    assert np.array_equal(to6[to14], part_map("smpl24", "parts6"))
    assert set(to14) == set(range(15))
    fine, coarse = part_set("smpl24"), part_set("parts14")
    for label, name in enumerate(fine.names):
        side = "left" if name.startswith("left") else "right" if name.startswith("right") else None
        target = coarse.names[to14[label]]
        assert side is None or target == "torso" or target.startswith(side)
    assert coarse.names[to14[fine.index("leftForeArm")]] == "left_lower_arm"
    with pytest.raises(HumansenseError, match="coarser"):
        part_map("parts6", "parts14")


def test_the_parts_of_other_datasets() -> None:
    up, parts14, pascal = part_set("up31"), part_set("parts14"), part_set("pascal6")
    to14 = part_map("up31", "parts14")
    assert set(to14) == set(range(15))
    assert np.array_equal(parts14.mirror[to14], to14[up.mirror])
    for fine, coarse in (("right_hand", "right_hand"), ("left_knee", "left_upper_leg"), ("neck", "head")):
        assert parts14.names[to14[up.index(fine)]] == coarse
    assert (up.names[1], up.names[31]) == ("right_hand", "neck")
    to6 = part_map("parts14", "pascal6")
    assert pascal.names[to6[parts14.index("left_hand")]] == "lower_arms"
    assert np.array_equal(part_map("smpl24", "pascal6"), to6[part_map("smpl24", "parts14")])
    with pytest.raises(HumansenseError, match="cuts elsewhere"):
        part_map("parts6", "pascal6")


@pytest.mark.parametrize(
    "call", [lambda: joint_set("coco"), lambda: part_set("body"), lambda: joint_set("coco17").index("tail")]
)
def test_unknown_names_list_the_known_ones(call) -> None:
    with pytest.raises(HumansenseError, match=r"coco17|smpl24|nose"):
        call()


def test_camera_projects_like_the_formula_and_back() -> None:
    rng = np.random.default_rng(1)
    R, t = look_at(np.array([1.0, -4.0, 2.0]), np.array([0.0, 0.0, 1.0]), roll_rad=0.3)
    assert np.allclose(R @ R.T, np.eye(3))
    assert np.isclose(np.linalg.det(R), 1)
    K = np.array([[300.0, 0, 160], [0, 310.0, 120], [0, 0, 1]])
    camera = Camera(K, R, t, (240, 320))
    points = rng.normal(size=(5, 3))
    for point, pixel in zip(points, camera.project(points), strict=True):
        x, y, z = R @ point + t
        assert np.allclose(pixel, [300 * x / z + 160, 310 * y / z + 120])
    depth = camera.to_camera(points)[:, 2]
    assert np.allclose(camera.unproject(camera.project(points), depth), points)
    assert np.allclose(camera.project(np.array([0.0, 0.0, 1.0])), [160, 120])  # looks at its target
    assert np.allclose(camera.center, [1, -4, 2])
    assert np.isnan(camera.project(camera.center - R[2])).all()  # behind
    again = Camera.from_dict(camera.to_dict())
    assert np.array_equal(again.K, K)
    assert again.size == (240, 320)


def test_the_picture_is_upright_and_not_mirrored() -> None:
    R, t = look_at(np.array([0.0, -5.0, 1.0]), np.array([0.0, 0.0, 1.0]))
    camera = Camera(np.array([[100.0, 0, 50], [0, 100.0, 50], [0, 0, 1]]), R, t, (100, 100))
    middle, above, left_hand = camera.project(np.array([[0, 0, 1.0], [0, 0, 2.0], [1.0, 0, 1.0]]))
    assert above[1] < middle[1]
    assert left_hand[0] > middle[0]  # the rest body faces -y: its left is on the picture's right


def test_a_crop_of_the_picture_is_a_crop_of_the_camera() -> None:
    R, t = look_at(np.array([0.0, -5.0, 1.0]), np.array([0.0, 0.0, 1.0]))
    camera = Camera(np.array([[100.0, 0, 50], [0, 100.0, 50], [0, 0, 1]]), R, t, (100, 100))
    matrix = np.array([[2.0, 0, -10], [0, 2.0, -20], [0, 0, 1]])
    points = np.random.default_rng(0).normal(size=(4, 3))
    expected = camera.project(points) * 2 + [-10, -20]
    assert np.allclose(camera.mapped(matrix, (80, 90)).project(points), expected)


def test_values_refuse_wrong_shapes() -> None:
    with pytest.raises(HumansenseError, match=r"\(16, 2\)"):
        Person("mpii16", np.zeros((17, 2), np.float32))
    with pytest.raises(HumansenseError, match="uint8"):
        Sample(np.zeros((4, 4, 3), np.float32), "x")
    with pytest.raises(HumansenseError, match=r"depth.*\(5, 4\)"):
        Sample(np.zeros((4, 4, 3), np.uint8), "x", depth=np.zeros((5, 4), np.float32))
    check_shape("a", np.zeros((2, 3, 3)), (None, "n", "n"))
    with pytest.raises(HumansenseError, match=r"a has shape \(2, 3, 4\)"):
        check_shape("a", np.zeros((2, 3, 4)), (None, "n", "n"))


def test_weights_round_trip_and_bad_files(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(path, {"a": torch.randn(3, 4), "n": torch.tensor([7])}, {"net": "small", "size": 128})
    state, settings = load_weights(path)
    assert settings == {"net": "small", "size": 128}
    assert state["a"].dtype == torch.float32
    assert state["n"].item() == 7
    whole = path.read_bytes()
    for name, data in (("cut", whole[:-5]), ("text", b"hello"), ("empty", b"")):
        bad = tmp_path / f"{name}.safetensors"
        bad.write_bytes(data)
        with pytest.raises(HumansenseError, match=name):
            load_weights(bad)
    with pytest.raises(HumansenseError, match="do not exist"):
        load_weights(tmp_path / "none.safetensors")


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.txt"
    with atomic_path(path) as temporary:
        temporary.write_text("old")

    def stopped_half_way() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped_half_way()
    assert path.read_text() == "old"
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]
    with pytest.raises(HumansenseError, match=r"a\.txt: the disk is full"), atomic_path(path):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(HumansenseError, match="not a folder"), atomic_path(path / "b.txt"):
        pass
