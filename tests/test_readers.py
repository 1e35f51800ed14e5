"""Each reader on a tiny fake in its dataset's native layout, and, where the data is there, on the real thing."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import scipy.io

from humansense.core import HumansenseError
from humansense.data.loaders import EvalCrops, open_source
from humansense.data.readers import READERS, open_reader

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


@pytest.mark.parametrize("name", READERS)
def test_a_folder_of_something_else_is_refused(name, tmp_path):
    assert not READERS[name].detect(tmp_path)
    with pytest.raises(HumansenseError, match=r"expected|has no picture"):
        open_reader(tmp_path, name)


def test_bad_input_is_named(lspet, tmp_path):
    with pytest.raises(HumansenseError, match="unknown dataset 'x'; known: lspet"):
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
