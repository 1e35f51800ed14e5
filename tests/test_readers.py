"""Each reader on a tiny fake in its dataset's native layout, and, where the data is there, on the real thing."""

import os
import struct
from fractions import Fraction
from pathlib import Path

import cv2
import fake_surreal
import numpy as np
import pytest
import scipy.io

from humansense.core import HumansenseError, joint_set, part_set
from humansense.data.loaders import EvalCrops, open_source
from humansense.data.readers import READERS, open_reader
from humansense.data.readers.matlab import array_shape, read_arrays
from humansense.data.readers.video_frame import read_video_frame
from humansense.video import VideoWriter

DATA = os.environ.get("HUMANSENSE_DATA")
needs_data = pytest.mark.skipif(not DATA, reason="HUMANSENSE_DATA is not set")


def _picture(path: Path, height=40, width=60, seed=0):
    image = np.random.default_rng(seed).integers(0, 255, (5, 6, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.resize(image, (width, height)), [cv2.IMWRITE_JPEG_QUALITY, 100])


@pytest.fixture
def lspet(tmp_path):
    joints = np.full((14, 3, 6), np.nan)
    for column in (1, 3, 4):
        joints[:, 0, column] = np.arange(14) + 1  # MATLAB: the first pixel's centre is 1
        joints[:, 1, column] = 2 * np.arange(14) + 1
        joints[:, 2, column] = 1
    joints[5, :, 3] = (-60, -20, 0)
    scipy.io.savemat(tmp_path / "joints.mat", {"joints": joints})
    for number in (2, 4, 6):  # 5 is annotated but not there; 6 is there but not annotated
        _picture(tmp_path / "images" / f"im{number:05d}.jpg")
    return tmp_path


def test_lspet(lspet):
    reader = open_reader(lspet)
    assert type(reader) is READERS["lspet"]
    assert len(reader) == 2
    first, second = reader.read(0), reader.read(1)
    assert (first.key, second.key) == ("im00002", "im00004")
    assert first.size == (40, 60)
    person = first.people[0]
    assert np.array_equal(person.joint("right_ankle"), [0.5, 0.5])
    assert np.array_equal(person.joint("head_top"), [13.5, 26.5])
    assert person.visible.all()
    assert np.array_equal(person.box, [0.5, 0.5, 13.5, 26.5])
    missing = second.people[0]
    assert np.isnan(missing.joint("left_ankle")).all()
    assert np.flatnonzero(~missing.visible).tolist() == [5]
    assert EvalCrops(reader, 32, "mpii16").crop(0).has_person
    assert type(open_source(f"images:{lspet / 'images'}")) is READERS["images"]
    assert len(open_source(f"lspet:{lspet}")) == 2


def test_ccp(tmp_path):
    labels = np.zeros((40, 60), np.uint8)
    labels[10:30, 20:25], labels[12, 22] = 3, 59
    for name in ("0005", "0032"):
        _picture(tmp_path / "photos" / f"{name}.jpg")
    (tmp_path / "annotations" / "pixel-level").mkdir(parents=True)
    scipy.io.savemat(tmp_path / "annotations" / "pixel-level" / "0032.mat", {"groundtruth": labels})
    reader = open_reader(tmp_path)
    assert type(reader) is READERS["ccp"]
    assert len(reader) == 1
    sample = reader.read(0)
    assert sample.key == "0032"
    assert np.array_equal(sample.mask, labels > 0)
    assert np.array_equal(sample.people[0].box, [20, 10, 25, 30])
    crop = EvalCrops(reader, 32).crop(0)
    assert set(np.unique(crop.parts)) == {0, 255}
    assert crop.has_person
    scipy.io.savemat(tmp_path / "annotations" / "pixel-level" / "0032.mat", {"groundtruth": labels.T})
    with pytest.raises(HumansenseError, match=r"\(40, 60\), its labels are \(60, 40\)"):
        reader.read(0)


def test_folder_of_pictures(tmp_path):
    for k, name in enumerate(("b.jpg", "a.PNG", "c.txt")):
        _picture(tmp_path / f"{k}.jpg", seed=k)
        (tmp_path / f"{k}.jpg").rename(tmp_path / name)
    source = open_source(tmp_path)
    assert type(source) is READERS["images"]
    assert [source.read(i).key for i in range(len(source))] == ["a", "b"]
    assert source.read(0).people == ()
    assert not EvalCrops(source, 32).crop(0).visible.any()


@pytest.fixture(scope="module")
def surreal(tmp_path_factory):
    root = tmp_path_factory.mktemp("surreal")
    run = root / "data" / "cmu" / "test" / "run0"
    fake_surreal.write_clip(run / "01_01", "01_01_c0001", 3, ("segm", "depth", "normal", "gtflow"))
    fake_surreal.write_clip(run / "ung_07_06", "ung_07_06_c0002", 4, ("segm",))
    return root


def _surreal_camera_axes(world):
    x, y, z = np.moveaxis(world, -1, 0)
    x0, y0, z0 = fake_surreal.CAMERA
    return np.stack([z0 - z, y - y0, x0 - x], -1)


def test_surreal(surreal):
    reader = open_reader(surreal)
    assert type(reader) is READERS["surreal"]
    assert len(reader) == 7
    for t in range(3):
        sample, truth = reader.read(t), fake_surreal.maps(t)
        assert sample.key == f"run0_01_01_c0001_f{t:04d}"
        assert np.abs(sample.image.astype(int) - fake_surreal.picture(t, truth["segm"])).mean() < 2
        somebody = truth["segm"] > 0
        assert np.array_equal(sample.mask, somebody)
        assert np.array_equal(np.isnan(sample.depth), ~somebody)
        # depth is z: the points it gives lie on the spheres of the world
        v, u = np.nonzero(somebody)
        pixels = np.stack([u + 0.5, v + 0.5], -1)
        points = sample.camera.to_camera(sample.camera.unproject(pixels, sample.depth[somebody]))
        centers = _surreal_camera_axes(fake_surreal.joints(t))[truth["segm"][somebody] - 1]
        assert np.abs(np.linalg.norm(points - centers, axis=-1) - fake_surreal.RADIUS).max() < 1e-4
        assert np.abs(sample.normals[somebody] - (points - centers) / fake_surreal.RADIUS).max() < 1e-3
        assert (sample.normals[somebody] * points).sum(-1).max() < 1e-3  # towards the camera
        # where the surface was a frame ago
        before = points - (_surreal_camera_axes(fake_surreal.STEP) - _surreal_camera_axes(np.zeros(3)))
        flow = sample.camera.to_pixels(before) - pixels
        assert np.abs(sample.flow_back[somebody] - flow).max() < 1e-3
        assert not sample.flow_back[~somebody].any()
        assert sample.flow is None


def test_surreal_joints_are_those_of_the_person_one_sees(surreal):
    sample = open_reader(surreal).read(1)
    person, parts = sample.people[0], part_set("smpl24")
    assert person.joint_set == "smpl24"
    info = scipy.io.loadmat(surreal / "data/cmu/test/run0/01_01/01_01_c0001_info.mat")
    mirror = joint_set("smpl24").mirror
    assert np.abs(person.joints2d - info["joints2D"][:, :, 1].T[mirror]).max() <= 0.5 + 1e-4
    assert np.abs(sample.camera.to_pixels(person.joints3d) - person.joints2d).max() < 1e-3
    # Somebody who faces us has the left hand on the right of the picture; SURREAL's pictures are mirror images.
    assert person.joint("left_wrist")[0] > person.joint("pelvis")[0] > person.joint("right_wrist")[0]
    for joint, part in (("left_wrist", "leftHand"), ("right_knee", "rightLeg"), ("head", "head"), ("pelvis", "hips")):
        u, v = person.joint(joint).astype(int)
        assert parts.names[sample.parts[v, u]] == part
    assert person.visible.all()
    ys, xs = np.nonzero(sample.mask)
    assert np.array_equal(person.box, [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
    assert np.allclose(person.params["smpl_pose"], 0.1)
    assert np.linalg.det(sample.camera.R) == pytest.approx(1)
    assert np.allclose(sample.camera.R @ [0, 0, 1], [0, -1, 0])  # z is up
    assert EvalCrops(open_reader(surreal), 32).crop(1).has_person


def test_surreal_from_any_level_and_the_middle_frames(surreal):
    for level in ("data", "data/cmu", "data/cmu/test", "data/cmu/test/run0"):
        assert len(open_reader(surreal / level)) == 7
    assert len(open_reader(surreal / "data/cmu/test/run0/01_01")) == 3
    middle = open_source(f"surreal-middle:{surreal}")
    assert [middle.read(i).info["frame"] for i in range(len(middle))] == [1, 1]  # ceil(3 / 2), ceil(4 / 2), from 1
    assert middle.read(1).depth is None  # the clip has no such file
    assert middle.read(-1).key == "run0_ung_07_06_c0002_f0001"
    with pytest.raises(IndexError):
        middle.read(2)


def test_surreal_bad_files_are_named(tmp_path):
    info = fake_surreal.write_clip(tmp_path / "01_01", "01_01_c0001", 1)
    assert open_reader(tmp_path).read(0).people[0].visible.any()
    (tmp_path / "01_01" / "01_01_c0001_segm.mat").write_bytes(b"MATLAB it is not" * 20)
    with pytest.raises(HumansenseError, match=r"_segm\.mat cannot be read"):
        open_reader(tmp_path).read(0)
    scipy.io.savemat(tmp_path / "01_01" / "01_01_c0001_segm.mat", {"segm_2": np.zeros((240, 320), np.uint8)})
    with pytest.raises(HumansenseError, match=r"_segm\.mat has no array 'segm_1'"):
        open_reader(tmp_path).read(0)
    scipy.io.savemat(tmp_path / "01_01" / "01_01_c0001_segm.mat", {"segm_1": np.full((240, 320), 25, np.uint8)})
    with pytest.raises(HumansenseError, match="has label 25"):
        open_reader(tmp_path).read(0)
    (tmp_path / "01_01" / "01_01_c0001_segm.mat").unlink()
    video = tmp_path / "01_01" / "01_01_c0001.mp4"
    video.write_bytes(b"")
    with pytest.raises(HumansenseError, match=r"c0001\.mp4 cannot be read as a video"):
        open_reader(tmp_path).read(0)
    video.unlink()
    with pytest.raises(HumansenseError, match=r"no clip of SURREAL.*expected.*register at https"):
        READERS["surreal"].index(tmp_path)
    video.write_bytes(b"")
    scipy.io.savemat(info, {"zrot": np.zeros((2, 1)), "joints3D": np.zeros((3, 24, 1)), "camLoc": np.zeros((3, 1))})
    with pytest.raises(HumansenseError, match=r"joints3D .*expected \(3, 24, 2\)"):
        READERS["surreal-middle"].index(tmp_path).read(0)
    scipy.io.savemat(info, {"other": np.zeros(3)})
    with pytest.raises(HumansenseError, match="no array 'zrot'"):
        open_reader(tmp_path)


def test_surreal_frames_without_joints_and_videos_that_end_early(tmp_path):
    info = fake_surreal.write_clip(tmp_path, "01_01_c0001", 2)
    arrays = {k: v for k, v in scipy.io.loadmat(info).items() if not k.startswith("__")}
    arrays["joints3D"][:, :, 1] = 0
    scipy.io.savemat(info, arrays)
    reader = open_reader(tmp_path)
    assert np.isfinite(reader.read(0).people[0].joints2d).all()
    assert np.isnan(reader.read(1).people[0].joints2d).all()
    for name, array in arrays.items():
        if array.shape[-1:] == (2,) and array.ndim > 1:
            arrays[name] = np.concatenate([array, array[..., -1:]], -1)
    arrays["zrot"] = np.zeros((3, 1))
    scipy.io.savemat(info, arrays)
    for ending in ("segm", "depth"):
        (tmp_path / f"01_01_c0001_{ending}.mat").unlink()
    with pytest.raises(HumansenseError, match=r"has no frame 3: it is cut short"):
        READERS["surreal"].index(tmp_path).read(2)


@pytest.mark.parametrize("name", READERS)
def test_a_folder_of_something_else_is_refused(name, tmp_path):
    assert not READERS[name].detect(tmp_path)
    with pytest.raises(HumansenseError, match=r"expected|has no picture"):
        open_reader(tmp_path, name)


def test_bad_input_is_named(lspet, tmp_path):
    with pytest.raises(HumansenseError, match="unknown dataset 'x'; known: lsp, "):
        open_reader(tmp_path, "x")
    with pytest.raises(HumansenseError, match="no dataset that can be read"):
        open_reader(tmp_path / "nowhere")
    (lspet / "images" / "im00002.jpg").write_bytes(b"no picture")
    with pytest.raises(HumansenseError, match=r"im00002\.jpg is no whole picture"):
        open_reader(lspet).read(0)
    (lspet / "joints.mat").write_bytes(b"MATLAB it is not" * 20)
    with pytest.raises(HumansenseError, match=r"joints\.mat cannot be read"):
        open_reader(lspet)
    scipy.io.savemat(lspet / "joints.mat", {"other": np.zeros(3)})
    with pytest.raises(HumansenseError, match="no array 'joints'"):
        open_reader(lspet)
    scipy.io.savemat(lspet / "joints.mat", {"joints": np.zeros((3, 14, 5))})
    with pytest.raises(HumansenseError, match=r"expected \(14, 3, photos\)"):
        open_reader(lspet)


@needs_data
def test_real_lspet():
    reader = open_reader(Path(DATA) / "photos" / "lspet")
    assert len(reader) == 400
    inside = total = 0
    for i in range(0, 400, 40):
        sample = reader.read(i)
        joints = sample.people[0].joints2d[sample.people[0].visible]
        height, width = sample.size
        inside += int(((joints >= 0) & (joints <= (width, height))).all(-1).sum())
        total += len(joints)
    assert inside == total > 100


@needs_data
def test_real_ccp():
    reader = open_reader(Path(DATA) / "photos" / "ccp")
    assert len(reader) == 80
    sample = reader.read(3)
    assert 0.05 < sample.mask.mean() < 0.6


@pytest.mark.parametrize("compressed", [False, True])
def test_arrays_of_matlab_files_are_found_one_by_one(tmp_path, compressed):
    rng = np.random.default_rng(0)
    arrays = {
        "a": rng.random((3, 4)),
        "of_eight": rng.integers(0, 9, (40, 50, 2), np.uint8),
        "a_name_of_thirty_one_characters": rng.random((5, 1), np.float32),
        "words": "some words",
        "cells": np.full((1, 3), "x", object),
        "none": np.zeros((0, 4)),
        "b4": np.zeros((2, 3, 4, 5), np.int16) + 7,
    }
    path = tmp_path / "x.mat"
    scipy.io.savemat(path, arrays, do_compression=compressed)
    want = scipy.io.loadmat(path)
    for name in arrays:
        assert np.array_equal(read_arrays(path, [name, "nowhere"])[name], want[name])
    assert array_shape(path, "b4") == (2, 3, 4, 5)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(HumansenseError, match=r"x\.mat cannot be read as a MATLAB file \(it is damaged at byte"):
        read_arrays(path, ["a"])


def test_matlab_files_of_the_other_byte_order(tmp_path):
    """A file of a big-endian machine, written by hand from the format's description."""

    def element(kind, data):
        return struct.pack(">II", kind, len(data)) + data + bytes(-len(data) % 8)

    flags = element(6, struct.pack(">II", 6, 0))  # double
    body = flags + element(5, struct.pack(">ii", 1, 2)) + element(1, b"numbers") + element(9, struct.pack(">dd", 1, 2))
    header = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack(">HH", 0x0100, 0x4D49)
    (tmp_path / "x.mat").write_bytes(header + element(14, body))
    assert read_arrays(tmp_path / "x.mat", ["numbers"])["numbers"].tolist() == [[1, 2]]


@pytest.mark.parametrize("frames", [1, 7])
def test_any_frame_of_a_video_in_any_order(tmp_path, frames):
    path = tmp_path / "x.mp4"
    with VideoWriter(path, fps=30) as video:
        for t in range(frames):
            video.write(np.full((32, 48, 3), 30 * t + 20, np.uint8))
    for t in [*range(frames), *reversed(range(frames)), frames - 1, 0]:
        assert np.abs(read_video_frame(path, t).astype(int) - (30 * t + 20)).max() < 8
    with pytest.raises(HumansenseError, match=rf"has no frame {frames + 1}"):
        read_video_frame(path, frames)
    assert read_video_frame(path, 0).mean() < 30
    with VideoWriter(path, fps=30) as video:
        video.write(np.full((32, 48, 3), 200, np.uint8))
    assert read_video_frame(path, 0).mean() > 190  # another file of the same name


def test_a_video_whose_frames_come_irregularly_is_counted(tmp_path):
    import av

    with av.open(str(tmp_path / "x.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        for t, stamp in enumerate((0, 1, 5, 6, 20)):
            frame = av.VideoFrame.from_ndarray(np.full((32, 48, 3), 40 * t + 20, np.uint8), format="rgb24")
            frame.pts, frame.time_base = stamp, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    for t in (4, 0, 2, 3, 1):
        assert abs(read_video_frame(tmp_path / "x.mp4", t).mean() - (40 * t + 20)) < 8
