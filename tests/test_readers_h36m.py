"""Human3.6M's reader on a tiny fake in the native layout."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import scipy.io

from humansense.core import H36M_RECORDED, HumansenseError, joint_set
from humansense.data.loaders import EvalCrops
from humansense.data.readers import READERS, open_reader
from humansense.data.readers.h36m_lens import CAMERAS, read_lens
from humansense.video import VideoWriter

NAMES = joint_set("h36m17").names
FOCAL, MIDDLE = (70.0, 72.0), (31.0, 25.0)
RADIAL, TANGENTIAL = (-0.2, 0.24, -0.003), (-0.001, -0.0014)


def joints_mm(frames: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    points = rng.uniform((-900, -700, 4500), (900, 700, 5500), (frames, 32, 3))
    return points + np.arange(frames)[:, None, None] * (1.0, 0, 0)


def save_poses(root: Path, subject: str, name: str, kind: str, values: np.ndarray) -> None:
    home = root / subject / "MyPoseFeatures" / kind
    home.mkdir(parents=True, exist_ok=True)
    cell = np.empty((1, 1), object)
    cell[0, 0] = values.reshape(len(values), -1)
    scipy.io.savemat(home / f"{name}.cdf.mat", {"data": cell})


def write_take(root: Path, subject: str, name: str, frames: int, poses: int | None = None) -> None:
    (root / subject / "Videos").mkdir(parents=True, exist_ok=True)
    with VideoWriter(root / subject / "Videos" / f"{name}.mp4", fps=50) as video:
        for t in range(frames):
            video.write(np.full((48, 64, 3), 40 + t, np.uint8))
    save_poses(root, subject, name, "D3_Positions_mono", joints_mm(poses or frames))


def write_metadata(root: Path) -> np.ndarray:
    numbers = np.zeros(6 * 44 + 36)
    start = 6 * (1 * 11 + 10)  # the second camera, S11
    numbers[start : start + 6] = 0.3, -0.7, 1.1, 1000, 2000, 1500
    for c in range(4):
        numbers[264 + 9 * c : 264 + 9 * (c + 1)] = *FOCAL, *MIDDLE, *RADIAL, *TANGENTIAL
    text = " ".join(f"{n:.10g}" for n in numbers)
    (root / "metadata.xml").write_text(f'<?xml version="1.0"?>\n<Root><w0>[{text}]</w0></Root>')
    return numbers


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("h36m")
    write_take(root, "S11", f"Directions 1.{CAMERAS[1]}", 70)
    write_take(root, "S11", f"Walking.{CAMERAS[1]}", 30, poses=29)
    for name in ("Eating", "Eating 1", "Walking 1"):
        write_take(root, "S5", f"{name}.{CAMERAS[0]}", 3)
    write_take(root, "S9", f"Posing.{CAMERAS[3]}", 3)
    write_metadata(root)
    return root


def test_h36m(root):
    reader = open_reader(root)
    assert type(reader) is READERS["h36m"]
    assert [reader.read(i).key for i in range(len(reader))] == [
        f"S11_Directions_1.{CAMERAS[1]}_f00000",
        f"S11_Directions_1.{CAMERAS[1]}_f00064",
        f"S11_Walking.{CAMERAS[1]}_f00000",
    ]
    sample = reader.read(1)
    assert abs(sample.image.mean() - 104) < 4
    assert sample.action == "Directions"
    truth = joints_mm(70)[64]
    for name in NAMES:
        got = sample.people[0].joints3d[NAMES.index(name)]
        assert got == pytest.approx(truth[H36M_RECORDED.index(name)] / 1000, abs=1e-4)
    assert sample.people[0].joints3d[NAMES.index("right_wrist")] == pytest.approx(truth[27] / 1000, abs=1e-4)
    assert EvalCrops(reader, 32, "mpii16").crop(0).has_person


def naive_lens(point: np.ndarray) -> tuple[float, float]:
    x, y = point[0] / point[2], point[1] / point[2]
    r2 = x * x + y * y
    k, p = RADIAL, TANGENTIAL
    factor = 1 + k[0] * r2 + k[1] * r2**2 + k[2] * r2**3 + p[0] * y + p[1] * x
    return FOCAL[0] * (x * factor + p[1] * r2) + MIDDLE[0], FOCAL[1] * (y * factor + p[0] * r2) + MIDDLE[1]


def test_the_lens(root):
    sample = open_reader(root).read(0)
    person, K = sample.people[0], np.array([[FOCAL[0], 0, MIDDLE[0]], [0, FOCAL[1], MIDDLE[1]], [0, 0, 1]])
    points = person.joints3d.astype(np.float64)
    assert np.abs(person.joints2d - ([naive_lens(p) for p in points] - np.float64(0.5))).max() < 1e-4
    wide = points * (4, 4, 1)
    radial_only, _ = cv2.projectPoints(wide, np.zeros(3), np.zeros(3), K, np.array([*RADIAL[:2], 0, 0, RADIAL[2]]))
    lens = replace(read_lens(root, "S11", CAMERAS[1]), tangential=np.zeros(2))
    assert np.abs(lens.project(wide) - (radial_only[:, 0] - 0.5)).max() < 1e-6
    bare, _ = cv2.projectPoints(wide, np.zeros(3), np.zeros(3), K, np.zeros(5))
    assert np.abs(lens.project(wide) - (bare[:, 0] - 0.5)).max() > 0.5
    assert np.abs(sample.camera.to_pixels(wide) - (bare[:, 0] - 0.5)).max() < 1e-6


def test_where_the_camera_stands(root):
    sample = open_reader(root).read(0)
    assert sample.camera.center == pytest.approx([1, 2, 1.5])
    a, b, c = (cv2.Rodrigues(angle * axis)[0] for angle, axis in zip((0.3, -0.7, 1.1), np.eye(3), strict=True))
    assert np.abs(sample.camera.R - a @ b @ c).max() < 1e-9
    assert read_lens(root / "S11", "S11", CAMERAS[0]) is None


def test_other_subjects(root):
    train, val = open_reader(root, "h36m-train"), open_reader(root, "h36m-val")
    assert [take.name for take in train.takes] == [f"{name}.{CAMERAS[0]}" for name in ("Eating 1", "Walking 1")]
    assert len(train) == 6  # every frame of the first take of each action
    assert train.read(-1).info["frame"] == 2
    assert val.read(0).info["subject"] == "S9"
    with pytest.raises(IndexError):
        val.read(1)


def test_pixels_of_the_files_come_first(root, tmp_path):
    name = f"Posing.{CAMERAS[0]}"
    write_take(tmp_path, "S11", name, 2)
    with pytest.raises(HumansenseError, match=r"neither D2_Positions nor a camera.*vision\.imar\.ro.*licence"):
        open_reader(tmp_path).read(0)
    pixels = np.random.default_rng(1).uniform(0, 40, (2, 32, 2))
    save_poses(tmp_path, "S11", name, "D2_Positions", pixels)
    sample = open_reader(tmp_path).read(0)
    assert sample.people[0].joint("left_knee") == pytest.approx(pixels[0, 7] - 0.5, abs=1e-5)
    assert sample.camera is None


def test_cdf_files_go_through_cdflib(tmp_path, monkeypatch):
    name = f"Posing.{CAMERAS[0]}"
    write_take(tmp_path, "S11", name, 2)
    write_metadata(tmp_path)
    path = tmp_path / "S11" / "MyPoseFeatures" / "D3_Positions_mono" / f"{name}.cdf"
    path.with_name(f"{name}.cdf.mat").unlink()
    path.write_bytes(b"a CDF")
    monkeypatch.setitem(sys.modules, "cdflib", None)
    with pytest.raises(HumansenseError, match=r"needs the package cdflib: pip install 'humansense\[h36m\]'"):
        open_reader(tmp_path)
    asked = []

    def cdf(file):
        return SimpleNamespace(varget=lambda name: asked.append((file, name)) or joints_mm(2).reshape(1, 2, 96))

    monkeypatch.setitem(sys.modules, "cdflib", SimpleNamespace(CDF=cdf))
    sample = open_reader(tmp_path).read(0)
    assert asked == [(str(path), "Pose")]
    assert sample.people[0].joints3d[0] == pytest.approx(joints_mm(2)[0, 0] / 1000, abs=1e-4)


def test_a_set_that_is_not_whole(root, tmp_path):
    name = f"Posing.{CAMERAS[0]}"
    write_take(tmp_path, "S11", name, 2)
    (tmp_path / "metadata.xml").write_text("<w0>[1 2 3]</w0>")
    with pytest.raises(HumansenseError, match="has 3 numbers in w0, expected 300"):
        open_reader(tmp_path).read(0)
    save_poses(tmp_path, "S11", name, "D3_Positions_mono", np.zeros((2, 17, 3)))
    with pytest.raises(HumansenseError, match=r"poses of shape \(2, 51\), expected \(frames, 96\)"):
        open_reader(tmp_path)
    with pytest.raises(HumansenseError, match=r"is not Human3\.6M: expected S11/Videos"):
        open_reader(tmp_path / "S11", "h36m")
