"""The readers of joints, each on a tiny fake in its dataset's native layout."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import scipy.io

from humansense.core import HumansenseError
from humansense.data.loaders import EvalCrops, crop_loader
from humansense.data.readers import READERS, open_reader
from humansense.data.transforms import warp_person


def picture(path: Path, height: int = 40, width: int = 60) -> None:
    image = np.random.default_rng(0).integers(0, 255, (5, 6, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.resize(image, (width, height)))


def structs(*rows: dict) -> np.ndarray:
    """MATLAB's array of structures, whose rows all have the same fields."""
    fields = list(dict.fromkeys(name for row in rows for name in row))
    out = np.zeros((1, len(rows)), [(name, object) for name in fields])
    for k, row in enumerate(rows):
        for name in fields:
            out[name][0, k] = row.get(name, np.zeros((0, 0)))
    return out


def write_lsp(root: Path, shape: tuple[int, ...] = (3, 14, 2000)) -> None:
    joints = np.zeros(shape)
    joints[0] = 1 + np.arange(14)[:, None] + np.arange(2000) % 7  # MATLAB: the first pixel's centre is 1
    joints[1] = 1 + 2 * np.arange(14)[:, None]
    joints[2, 5, 1500] = 1  # hidden
    scipy.io.savemat(root / "joints.mat", {"joints": joints})
    for number in (1, 1000, 1001, 1501):
        picture(root / "images" / f"im{number:04d}.jpg")


def test_lsp(tmp_path):
    write_lsp(tmp_path)
    test, train = open_reader(tmp_path), open_reader(tmp_path, "lsp-train")
    assert type(test) is READERS["lsp"]
    assert [test.read(i).key for i in range(len(test))] == ["im1001", "im1501"]
    assert [train.read(i).key for i in range(len(train))] == ["im0001", "im1000"]
    person = test.read(1).people[0]
    assert np.array_equal(person.joint("right_ankle"), [0.5 + 1500 % 7, 0.5])
    assert np.array_equal(person.joint("head_top"), [13.5 + 1500 % 7, 26.5])
    assert np.flatnonzero(~person.visible).tolist() == [5]
    assert np.isfinite(person.joints2d).all()


def test_lsp_that_is_not_whole(tmp_path):
    write_lsp(tmp_path)
    for number in (1001, 1501):
        (tmp_path / "images" / f"im{number}.jpg").unlink()
    with pytest.raises(HumansenseError, match=r"none of the photos 1001 to 2000: expected joints\.mat .*sam\.johnson"):
        open_reader(tmp_path, "lsp")
    scipy.io.savemat(tmp_path / "joints.mat", {"joints": np.zeros((14, 3, 7))})
    with pytest.raises(HumansenseError, match=r"shape \(14, 3, 7\), expected \(3, 14, photos\).*licence"):
        open_reader(tmp_path, "lsp")


def person_of(x: float, **more) -> dict:
    points = structs(
        {"id": 0, "x": x, "y": 10.0, "is_visible": "1"},
        {"id": 8, "x": x + 10, "y": 20.0, "is_visible": np.zeros((0, 0))},
        {"id": 9, "x": x + 10, "y": 12.0},
        {"id": 6, "x": x + 5, "y": 15.5, "is_visible": 0},
    )
    place = structs({"x": x + 2, "y": 16.0})
    whole = {"x1": 11.0, "y1": 11.0, "x2": 17.0, "y2": 19.0, "annopoints": structs({"point": points})}
    return whole | {"scale": 0.1, "objpos": place} | more


def write_mpii(root: Path) -> None:
    nothing = np.zeros((0, 0))
    rows = [
        ("a.jpg", structs(person_of(5.0), person_of(30.0, scale=nothing, objpos=nothing))),
        ("withheld.jpg", structs({"scale": 1.0, "objpos": structs({"x": 1.0, "y": 1.0})})),
        ("not_here.jpg", structs(person_of(5.0))),
        ("nobody.jpg", nothing),
        ("b.jpg", structs(person_of(7.0, annopoints=nothing), person_of(9.0, x1=nothing))),
    ]
    annolist = structs(*({"image": structs({"name": name}), "annorect": people} for name, people in rows))
    single = np.empty((len(rows), 1), object)
    single[:, 0] = [np.array([[2]]), nothing, np.array([[1]]), nothing, np.array([[1]])]
    train = np.array([[1, 0, 1, 1, 1]], np.uint8)
    release = structs({"annolist": annolist, "img_train": train, "single_person": single})
    scipy.io.savemat(root / "mpii_human_pose_v1_u12_1.mat", {"RELEASE": release})
    for name, _ in rows:
        if name != "not_here.jpg":
            picture(root / "images" / name)


def test_mpii(tmp_path):
    write_mpii(tmp_path)
    reader = open_reader(tmp_path)
    assert type(reader) is READERS["mpii"]
    assert [reader.read(i).key for i in range(len(reader))] == ["a", "b"]
    first, second = reader.read(0).people
    assert np.array_equal(first.joint("right_ankle"), [4.5, 9.5])
    assert np.array_equal(first.joint("pelvis"), [9.5, 15])
    assert np.isnan(first.joint("left_knee")).all()
    assert [first.visible[k] for k in (0, 6, 8, 9)] == [True, False, True, True]
    assert np.array_equal(first.head_box, [10.5, 10.5, 16.5, 18.5])
    assert first.box == pytest.approx([6.5 - 10, 15.5 + 1.5 - 10, 6.5 + 10, 15.5 + 1.5 + 10])
    assert second.box == pytest.approx([29.5, 9.5, 39.5, 19.5])  # no scale: around the joints
    (other,) = reader.read(1).people
    assert other.head_box is None
    assert other.params["number"] == 2


def test_mpii_people_who_stand_apart(tmp_path):
    write_mpii(tmp_path)
    reader = open_reader(tmp_path, "mpii-single")
    assert len(reader) == 1
    assert [p.params["number"] for p in reader.read(0).people] == [2]


def test_mpii_head_boxes_reach_the_measure(tmp_path):
    write_mpii(tmp_path)
    crops = EvalCrops(open_reader(tmp_path), 64, "mpii16")
    (batch,) = list(crop_loader(crops, 8))
    zoom = 64 / (1.25 * 20)  # the box of the first person
    assert batch.head_diagonals[0].item() == pytest.approx(10 * zoom, rel=1e-5)
    assert np.isnan(batch.head_diagonals[2].item())


def test_head_boxes_move_with_the_picture(tmp_path):
    write_mpii(tmp_path)
    person = open_reader(tmp_path).read(0).people[0]
    mirrored = warp_person(person, np.array([[-2.0, 0, 120], [0, 2, 0], [0, 0, 1]]))
    assert mirrored.head_box == pytest.approx([120 - 33, 21, 120 - 21, 37])
    assert warp_person(replace(person, head_box=None), np.eye(3)).head_box is None


def test_mpii_that_is_not_whole(tmp_path):
    with pytest.raises(HumansenseError, match=r"is not MPII Human Pose: expected mpii_human.*human-pose.mpi-inf"):
        open_reader(tmp_path, "mpii")
    (tmp_path / "images").mkdir()
    path = tmp_path / "mpii_human_pose_v1_u12_1.mat"
    scipy.io.savemat(path, {"RELEASE": structs({"other": 1})})
    with pytest.raises(HumansenseError, match="has no field 'annolist'"):
        open_reader(tmp_path)
    scipy.io.savemat(path, {"other": 1})
    with pytest.raises(HumansenseError, match="no variable 'RELEASE'"):
        open_reader(tmp_path)
    path.write_bytes(b"nothing of the kind" * 20)
    with pytest.raises(HumansenseError, match="cannot be read as a MATLAB file"):
        open_reader(tmp_path)
