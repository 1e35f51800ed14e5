"""The adapter to SMPL files, on tiny ones of our own making in the native formats."""

import pickle
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import sparse

from humansense.bodies.smpl import load_smpl
from humansense.core import HumansenseError, joint_set
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
