"""The adapter to SMPL files, on tiny ones of our own making in the native formats."""

import pickle
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import sparse

from humansense.bodies.smpl import JOINT_NAMES, SmplBody, joint_segment, load_smpl
from humansense.core import Camera, HumansenseError, joint_set, part_set
from humansense.geometry import axis_angle_to_matrix

JOINTS, VERTICES, SHAPES = 24, 30, 10


def model_arrays(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    regressor = rng.dirichlet(np.ones(5), JOINTS)
    full = np.zeros((JOINTS, VERTICES))
    for row, weights in zip(full, regressor, strict=True):
        row[rng.choice(VERTICES, 5, replace=False)] = weights
    parents = joint_set("smpl24").parents.astype(np.uint32)  # the root's is 2**32 - 1 in the files
    return {
        "v_template": rng.normal(size=(VERTICES, 3)),
        "shapedirs": rng.normal(size=(VERTICES, 3, SHAPES)) * 0.01,
        "posedirs": rng.normal(size=(VERTICES, 3, 9 * (JOINTS - 1))) * 0.01,
        "J_regressor": full,
        "weights": rng.dirichlet(np.ones(JOINTS) * 0.1, VERTICES),
        "kintree_table": np.stack([parents, np.arange(JOINTS, dtype=np.uint32)]),
        "f": rng.integers(0, VERTICES, (40, 3)).astype(np.uint32),
    }


def naive(arrays: dict[str, np.ndarray], shape: np.ndarray, pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Loper 2015, written out."""
    shaped = arrays["v_template"] + arrays["shapedirs"] @ shape
    heads = arrays["J_regressor"] @ shaped
    bent = shaped + arrays["posedirs"] @ (pose[1:] - np.eye(3)).ravel()
    world = [np.eye(4) for _ in range(JOINTS)]
    for j, parent in enumerate(joint_set("smpl24").parents):
        local = np.eye(4)
        local[:3, :3] = pose[j]
        local[:3, 3] = heads[j] - (heads[parent] if parent >= 0 else 0)
        world[j] = (world[parent] if parent >= 0 else np.eye(4)) @ local
    vertices = np.zeros_like(bent)
    for v in range(VERTICES):
        for j in range(JOINTS):
            vertices[v] += arrays["weights"][v, j] * (world[j][:3, :3] @ (bent[v] - heads[j]) + world[j][:3, 3])
    return vertices, np.stack([w[:3, 3] for w in world])


@pytest.fixture
def chumpy(monkeypatch: pytest.MonkeyPatch) -> type:
    """A stand-in for the class whose objects lie in the original files."""
    module = types.ModuleType("chumpy.ch")

    class Ch:
        def __init__(self, x: np.ndarray) -> None:
            self.x = x

    Ch.__module__, Ch.__qualname__ = "chumpy.ch", "Ch"
    module.Ch = Ch  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "chumpy", types.ModuleType("chumpy"))
    monkeypatch.setitem(sys.modules, "chumpy.ch", module)
    return Ch


def check(model, arrays: dict[str, np.ndarray]) -> None:
    rng = np.random.default_rng(1)
    shape, turns = rng.normal(size=SHAPES), rng.normal(size=(JOINTS, 3)) * 0.5
    pose = axis_angle_to_matrix(torch.from_numpy(turns))
    vertices, joints = model(torch.from_numpy(shape)[None], pose[None])
    expected_vertices, expected_joints = naive(arrays, shape, pose.numpy())
    np.testing.assert_allclose(vertices[0], expected_vertices, atol=1e-5)
    np.testing.assert_allclose(joints[0], expected_joints, atol=1e-5)
    assert model.joint_names == joint_set("smpl24").names
    np.testing.assert_array_equal(model.faces, arrays["f"])


def test_npz(tmp_path: Path) -> None:
    arrays = model_arrays()
    np.savez(tmp_path / "model.npz", **arrays)
    check(load_smpl(tmp_path / "model.npz"), arrays)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_pickle_of_chumpy_and_scipy_objects(tmp_path: Path, chumpy: type, protocol: int, monkeypatch) -> None:
    arrays = model_arrays()
    content = dict(arrays, bs_style="lbs", J_regressor=sparse.csc_matrix(arrays["J_regressor"]))
    content.update({key: chumpy(arrays[key]) for key in ("v_template", "shapedirs", "posedirs", "weights")})
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(content, protocol))
    monkeypatch.delitem(sys.modules, "chumpy.ch")
    monkeypatch.delitem(sys.modules, "chumpy")
    check(load_smpl(tmp_path / "model.pkl"), arrays)


def test_a_pickle_that_would_run_something_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    (tmp_path / "evil.pkl").write_bytes(pickle.dumps({"v_template": Evil()}))
    with pytest.raises(HumansenseError, match=r"evil\.pkl.*which is no array"):
        load_smpl(tmp_path / "evil.pkl")
    assert not (tmp_path / "ran").exists()


def test_files_that_are_no_model_are_named(tmp_path: Path) -> None:
    arrays = model_arrays()
    with pytest.raises(HumansenseError, match=r"cannot read .*nowhere\.npz"):
        load_smpl(tmp_path / "nowhere.npz")
    np.savez(tmp_path / "half.npz", **{k: v for k, v in arrays.items() if k not in ("weights", "f")})
    with pytest.raises(HumansenseError, match=r"half\.npz has no weights, f"):
        load_smpl(tmp_path / "half.npz")
    np.savez(tmp_path / "odd.npz", **{**arrays, "posedirs": arrays["posedirs"][..., :9]})
    with pytest.raises(HumansenseError, match="posedirs has shape"):
        load_smpl(tmp_path / "odd.npz")
    np.savez(tmp_path / "rig.npz", **{**arrays, "weights": arrays["weights"][:, :7]})
    with pytest.raises(HumansenseError, match="7 joints"):
        load_smpl(tmp_path / "rig.npz")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "odd.npz").read_bytes()[:500])
    (tmp_path / "text.pkl").write_text("hello")
    (tmp_path / "list.pkl").write_bytes(pickle.dumps([1, 2]))
    for name in ("cut.npz", "text.pkl", "list.pkl"):
        with pytest.raises(HumansenseError, match=name):
            load_smpl(tmp_path / name)


def test_segments_are_those_of_surreal_in_its_order() -> None:
    """SURREAL labels a vertex with the SMPL joint that moves it most: label k + 1 is joint k."""
    names = part_set("smpl24").names
    assert [joint_segment(j) for j in JOINT_NAMES[24]] == list(names[1:])
    for joints in JOINT_NAMES.values():
        for joint in joints:
            segment = joint_segment(joint)
            assert segment in names
            if joint.startswith(("left", "right")) and segment != "head":
                assert segment.startswith(joint.split("_")[0])


def larger_model(joints: int) -> SmplBody:
    """SMPL-H or SMPL-X: more joints, all of a chain."""
    rng = np.random.default_rng(joints)
    arrays = model_arrays()
    arrays |= {
        "posedirs": np.zeros((VERTICES, 3, 9 * (joints - 1))),
        "J_regressor": rng.dirichlet(np.ones(VERTICES), joints),
        "weights": rng.dirichlet(np.ones(joints) * 0.1, VERTICES),
        "kintree_table": np.stack([np.arange(joints) - 1, np.arange(joints)]),
    }
    return SmplBody(arrays)


@pytest.mark.parametrize("joints", [24, 52, 55])
def test_parts_are_the_sums_of_the_skinning(joints: int) -> None:
    model = SmplBody(model_arrays()) if joints == 24 else larger_model(joints)
    names = part_set("smpl24").names[1:]
    for v in range(VERTICES):
        expected = dict.fromkeys(names, 0.0)
        for j, joint in enumerate(model.joint_names):
            expected[joint_segment(joint)] += float(model.skinning[v, j])
        np.testing.assert_allclose(model.part_weights[v], list(expected.values()), atol=1e-6)
    np.testing.assert_allclose(model.part_weights.sum(1), 1, atol=1e-5)


@pytest.mark.parametrize("joints", [24, 52, 55])
def test_joints_of_the_sets_by_name(joints: int) -> None:
    model = SmplBody(model_arrays()) if joints == 24 else larger_model(joints)
    rest = model.rest(torch.zeros(1, SHAPES))
    found = model.regress(rest)
    assert torch.isfinite(found).all()
    at = joint_set("smpl24").index
    torch.testing.assert_close(found[:, at("left_knee")], rest.joints[:, model.joint_names.index("left_knee")])
    hand = "left_hand" if joints == 24 else "left_middle1"
    torch.testing.assert_close(found[:, at("left_hand")], rest.joints[:, model.joint_names.index(hand)])
    mpii = model.regress(rest, "mpii16")
    known = dict(zip(joint_set("mpii16").names, torch.isfinite(mpii[0]).all(1).tolist(), strict=True))
    assert known["right_wrist"]
    assert not known["head_top"]
    shoulders = [model.joint_names.index(f"{s}_shoulder") for s in ("left", "right")]
    torch.testing.assert_close(mpii[0, joint_set("mpii16").index("thorax")], rest.joints[0, shoulders].mean(0))


def test_a_fit_is_rendered_with_its_parts() -> None:
    """A tetrahedron whose corners are each moved by another joint: the picture shows the labels of those joints."""
    from humansense.render import Renderer, Surface

    arrays = model_arrays()
    arrays["v_template"][:4] = [(0, 1, 0), (-1, -1, 0.5), (1, -1, 0.5), (0, -1, -1)]
    arrays["shapedirs"][:], arrays["posedirs"][:] = 0, 0
    arrays["weights"][:4] = 0
    joints = ("head", "right_knee", "left_knee", "pelvis")
    for v, joint in enumerate(joints):
        arrays["weights"][v, JOINT_NAMES[24].index(joint)] = 1
    arrays["f"] = np.array([(0, 1, 2), (0, 2, 3), (0, 3, 1), (1, 3, 2)])
    model = SmplBody(arrays)
    vertices, _ = model(torch.zeros(1, SHAPES), torch.eye(3).expand(1, JOINTS, 3, 3))
    surface = Surface(
        faces=model.faces,
        face_uv=np.zeros((4, 3, 2)),
        face_texture=np.zeros(4),
        face_instance=np.ones(4),
        vertex_parts=model.part_weights,
    )
    # SMPL faces +z with y up; a camera in front of it looks along -z.
    camera = Camera(
        np.array([[20.0, 0, 16], [0, 20, 16], [0, 0, 1]]), np.diag([1.0, -1, -1]), np.array([0, 0, 3.0]), (32, 32)
    )
    frame = Renderer(surface, [np.full((2, 2, 3), 200, np.uint8)]).render(
        vertices[0], camera, np.ones(9, np.float32), np.zeros((32, 32, 3), np.uint8)
    )
    seen = set(np.unique(frame.parts)) - {0}
    labels = part_set("smpl24")
    assert seen == {labels.index(joint_segment(j)) for j in joints[:3]}
    pixels = camera.project(vertices[0, :3].numpy()) * 0.9 + 0.1 * camera.project(vertices[0, :3].numpy()).mean(0)
    for joint, (x, y) in zip(joints, pixels, strict=False):
        assert frame.parts[int(y), int(x)] == labels.index(joint_segment(joint))
