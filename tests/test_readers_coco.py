"""The readers of COCO's format: a tiny fake in the native layout, our own export back, and files that are not whole."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from fake_set import make_set

from humansense.core import HumansenseError, joint_set
from humansense.data.export import ExportSettings, export_set
from humansense.data.loaders import EvalCrops
from humansense.data.readers import READERS, open_reader
from humansense.data.store_read import ClipSet
from humansense.metrics import BoxAP, KeypointAP

NAMES = joint_set("coco17").names
SQUARE = [10, 5, 30, 5, 30, 25, 10, 25]


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((40, 60, 3), 90, np.uint8))


def keypoints(**places) -> list[float]:
    return [number for name in NAMES for number in places.get(name, (0, 0, 0))]


def content() -> dict:
    person = {"image_id": 7, "category_id": 1, "iscrowd": 0}
    rest = 40 * 60 - 40 * 50 - 8 - 12 - 28 - 12
    return {
        "images": [{"id": 7, "file_name": "000000000007.jpg"}, {"id": 9, "file_name": "000000000009.jpg"},
                   {"id": 11, "file_name": "gone.jpg"}],
        "annotations": [
            person | {"id": 1, "bbox": [50, 8, 2, 12], "area": 24, "num_keypoints": 0,
                      "segmentation": {"size": [40, 60], "counts": [40 * 50 + 8, 12, 28, 12, rest]}},
            person | {"id": 2, "bbox": [10, 5, 20, 20], "area": 400, "segmentation": [SQUARE],
                      "keypoints": keypoints(nose=(19, 9, 2), left_wrist=(29, 19, 1)), "num_keypoints": 2},
            person | {"id": 3, "bbox": [0, 30, 60, 10], "area": 500, "iscrowd": 1,
                      "segmentation": {"size": [40, 60], "counts": [30, 10] * 60}},
            person | {"id": 4, "category_id": 18, "bbox": [0, 0, 5, 5]},
        ],
        "categories": [{"id": 1, "name": "person", "keypoints": list(NAMES)}, {"id": 18, "name": "dog"}],
    }  # fmt: skip


def write(root: Path, data: dict | str, name: str = "annotations/person_keypoints_val2017.json") -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(data if isinstance(data, str) else json.dumps(data))


@pytest.fixture
def coco(tmp_path):
    write(tmp_path, content())
    for name in ("000000000007.jpg", "000000000009.jpg"):
        picture(tmp_path / "val2017" / name)
    return tmp_path


def test_coco(coco):
    reader = open_reader(coco)
    assert type(reader) is READERS["coco"]
    assert len(reader) == 2
    sample = reader.read(0)
    large, small = sample.people
    assert large.params["id"] == 2
    assert np.array_equal(large.joint("nose"), [19.5, 9.5])
    assert np.array_equal(large.joint("left_wrist"), [29.5, 19.5])
    assert np.isfinite(large.joints2d).all(-1).sum() == 2
    assert np.flatnonzero(large.visible).tolist() == [NAMES.index("nose")]
    assert np.array_equal(large.box, [10, 5, 30, 25])
    assert np.isnan(small.joints2d).all()
    assert sample.instance[6:24, 11:29].min() == sample.instance[6:24, 11:29].max() == 1
    assert abs(int((sample.instance == 1).sum()) - 400) <= 42  # the border
    want = np.zeros((40, 60), bool)
    want[8:20, 50:52] = True
    assert np.array_equal(sample.instance == 2, want)
    assert sample.mask[30:].all()  # the crowd
    assert not sample.instance[30:].any()
    nobody = reader.read(1)
    assert nobody.people == ()
    assert not nobody.mask.any()
    assert len(EvalCrops(reader, 32)) == 3


def test_coco_truth_goes_into_the_measures(coco):
    pytest.importorskip("faster_coco_eval")
    reader, boxes, points = open_reader(coco), BoxAP(), KeypointAP()
    for i in range(len(reader)):
        t = reader.truth(i)
        real = ~t.iscrowd
        # A box within the crowd's is neither right nor wrong.
        found = np.concatenate([t.boxes[real], [[5, 31, 20, 39]]]) if len(t.boxes) else t.boxes
        boxes.update(found, np.linspace(0.1, 0.9, len(found)), t.boxes, t.areas, t.iscrowd)
        points.update(t.keypoints[real], np.full(real.sum(), 0.5), t.keypoints, t.boxes, t.areas, t.iscrowd)
    assert boxes.compute()["ap"] == pytest.approx(1)
    assert points.compute()["ap"] == pytest.approx(1)


def test_training_pictures(coco):
    with pytest.raises(HumansenseError, match=r"expected annotations/person_keypoints.*cocodataset\.org.*licence"):
        open_reader(coco, "coco-train")
    write(coco, content(), "annotations/person_keypoints_train2017.json")
    picture(coco / "images" / "train2017" / "000000000009.jpg")
    assert len(open_reader(coco, "coco-train")) == 1


def test_any_folder_with_such_a_file(tmp_path):
    data = content()
    data["categories"] = [{"id": 1, "name": "Person", "keypoints": ["Left wrist", "tail", "nose"]}]
    data["annotations"] = [
        {"id": 5, "image_id": 9, "category_id": 1, "keypoints": [4, 5, 2, 9, 9, 2, 0, 0, 0], "segmentation": [SQUARE]},
        {"id": 6, "image_id": 9, "category_id": 1, "bbox": [1, 2, 3, 4]},
    ]
    write(tmp_path, data, "labels.json")
    picture(tmp_path / "000000000009.jpg")
    reader = open_reader(tmp_path)
    assert type(reader) is READERS["coco-json"]
    sample = reader.read(0)
    first, second = sample.people
    assert np.array_equal(first.joint("left_wrist"), [4.5, 5.5])
    assert np.isfinite(first.joints2d).all(-1).sum() == 1
    assert np.abs(first.box - [10, 5, 30, 25]).max() <= 1
    assert np.array_equal(second.box, [1, 2, 4, 6])
    assert sample.mask is None  # the second person's is not drawn
    with pytest.raises(HumansenseError, match=r"annotation 5 .* has no bbox"):
        reader.truth(0)


def test_what_we_export_is_read_back(tmp_path):
    root = make_set(tmp_path / "set", engine=True)
    export_set(ExportSettings(root, tmp_path / "out", "coco", workers=1))
    reader, clips = open_reader(tmp_path / "out"), ClipSet(root, "coco17")
    assert type(reader) is READERS["coco-json"]
    got, want = reader.read(1), clips.read(1)
    assert np.array_equal(got.mask, want.parts > 0)
    known = np.isfinite(got.people[0].joints2d).all(-1)
    assert known.sum() > 3
    assert np.abs(got.people[0].joints2d - want.people[0].joints2d)[known].max() < 0.01


def test_files_that_are_not_whole(coco):
    name = "annotations/person_keypoints_val2017.json"
    for change, said in (
        ({"categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]}, "no category 'person': it has cat, dog"),
        ({"images": {}}, "no list 'images'"),
        ({"annotations": [{"id": 1}]}, "entry of annotations without 'image_id'"),
        ({"images": [{"id": 1, "file_name": "x.jpg"}]}, "none of the 1 pictures"),
    ):
        write(coco, content() | change, name)
        with pytest.raises(HumansenseError, match=said):
            open_reader(coco)
    write(coco, '{"images": [', name)
    with pytest.raises(HumansenseError, match="cannot be read as JSON"):
        open_reader(coco)
    for change, said in (
        ({"keypoints": [1, 2, 2]}, "has 3 numbers of keypoints"),
        ({"segmentation": [[1, 2, 3, 4]]}, "polygon that is none"),
        ({"segmentation": {"size": [4, 6], "counts": [24]}}, r"mask of \[4, 6\], its picture is \[40, 60\]"),
    ):
        data = content()
        data["annotations"][1] |= change
        write(coco, data, name)
        with pytest.raises(HumansenseError, match=said):
            open_reader(coco).read(0)
