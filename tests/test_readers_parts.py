"""The readers of parts, each on a tiny fake in its dataset's native layout."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import scipy.io
from PIL import Image

from humansense.core import HumansenseError, part_map, part_set
from humansense.data.loaders import EvalCrops, crop_loader
from humansense.data.readers import READERS, open_reader
from humansense.tasks.parts import PartsMetrics

PARTS14, UP31 = part_set("parts14"), part_set("up31")


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((40, 60, 3), 90, np.uint8))


def save_labels(path: Path, labels: np.ndarray, palette: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(labels)
    if palette:
        image.putpalette(list(range(0, 255, 3)) * 9)
    image.save(path)


def up_labels() -> np.ndarray:
    labels = np.zeros((40, 60), np.uint8)
    labels[5:36, 20:30] = np.arange(1, 32)[:, None]
    return labels


def write_up(root: Path) -> None:
    for split, number in (("test", 3), ("train", 0)):
        lines = []
        for k in (number, number + 1):
            name = f"/31/500/pkg_dorder/{k:05d}"
            lines.append(f"{name}_image.png {name}_ann.png 1.902011")
        (root / "s31").mkdir(exist_ok=True)
        (root / "s31" / f"{split}_31_500_pkg_dorder.txt").write_text("\n".join(lines) + "\n")
        home = root / "s31" / "31" / "500" / "pkg_dorder"
        picture(home / f"{number:05d}_image.png")
        save_labels(home / f"{number:05d}_ann.png", up_labels())


def test_up(tmp_path):
    write_up(tmp_path)
    reader = open_reader(tmp_path)
    assert type(reader) is READERS["up"]
    assert len(reader) == 1
    assert open_reader(tmp_path / "s31", "up-train").read(0).key == "00000"
    sample = reader.read(0)
    assert sample.key == "00003"
    assert sample.info["scale"] == pytest.approx(1.902011)
    assert np.array_equal(reader.labels(0), up_labels())
    for row, name in (
        (5, "right_hand"),
        (6, "right_lower_arm"),
        (8, "right_upper_arm"),
        (30, "left_foot"),
        (35, "head"),
    ):
        assert PARTS14.names[sample.parts[row, 25]] == name
    assert np.array_equal(sample.people[0].box, [20, 5, 30, 36])


def test_up_that_is_not_whole(tmp_path):
    write_up(tmp_path)
    home = tmp_path / "s31"
    save_labels(home / "31/500/pkg_dorder/00003_ann.png", up_labels() * 8)
    with pytest.raises(HumansenseError, match="has label 248, expected 0 to 31"):
        open_reader(tmp_path).read(0)
    (home / "test_31_500_pkg_dorder.txt").write_text("/a.png /b.png 1\n")
    with pytest.raises(HumansenseError, match=r"none of the pictures .*up.*licence: CC BY-NC"):
        open_reader(tmp_path)
    (home / "test_31_500_pkg_dorder.txt").write_text("/a.png\n")
    with pytest.raises(HumansenseError, match=r"line 1 of .* no picture, labels, factor"):
        open_reader(tmp_path)


def structs(*rows: dict) -> np.ndarray:
    out = np.zeros((1, len(rows)), [(name, object) for name in rows[0]])
    for k, row in enumerate(rows):
        for name, value in row.items():
            out[name][0, k] = value
    return out


def part(name: str, rows: slice, columns: slice) -> dict:
    mask = np.zeros((40, 60), np.uint8)
    mask[rows, columns] = 1
    return {"part_name": name, "mask": mask}


def thing(kind: str, *parts: dict) -> dict:
    mask = np.zeros((40, 60), np.uint8)
    for one in parts:
        mask |= one["mask"]
    return {"class": kind, "class_ind": 15.0, "mask": mask, "parts": structs(*parts) if parts else np.zeros((0, 0))}


def write_pascal(root: Path, extra: str = "neck") -> None:
    somebody = thing(
        "person",
        part("hair", slice(2, 6), slice(10, 20)),
        part(extra, slice(6, 8), slice(12, 18)),
        part("torso", slice(8, 20), slice(10, 20)),
        part("luarm", slice(8, 12), slice(20, 24)),
        part("rhand", slice(12, 15), slice(6, 10)),
        part("rlleg", slice(20, 30), slice(10, 14)),
    )
    undrawn = thing("person")
    undrawn["mask"][30:, 40:] = 1
    dog = thing("dog", part("muzzle", slice(0, 4), slice(40, 50)))
    photos = {
        "2008_000002": [somebody, dog, undrawn],
        "2008_000003": [dog],
        "2008_000007": [somebody],
        "2008_000009": [somebody],
    }
    for name, things in photos.items():
        (root / "Annotations_Part").mkdir(exist_ok=True)
        anno = structs({"imname": name, "objects": structs(*things)})
        scipy.io.savemat(root / "Annotations_Part" / f"{name}.mat", {"anno": anno})
        if name != "2008_000009":
            picture(root / "VOCdevkit" / "VOC2010" / "JPEGImages" / f"{name}.jpg")


def test_pascal_parts(tmp_path):
    write_pascal(tmp_path)
    reader = open_reader(tmp_path)
    assert type(reader) is READERS["pascal-parts"]
    assert reader.names == ["2008_000002", "2008_000007"]
    sample = reader.read(0)
    assert len(sample.people) == 1
    for x, y, name in ((15, 3, "head"), (15, 7, "head"), (15, 15, "torso"), (22, 9, "left_upper_arm"),
                       (8, 13, "right_hand"), (12, 25, "right_lower_leg"), (45, 2, "background"),
                       (50, 35, "background")):  # fmt: skip
        assert PARTS14.names[sample.parts[y, x]] == name
    assert sample.mask[35, 50]
    assert not sample.mask[2, 45]
    assert np.array_equal(sample.people[0].box, [6, 2, 24, 30])
    assert not sample.instance[35, 50]
    six = part_map("parts14", "pascal6")[sample.parts]
    assert part_set("pascal6").names[six[13, 8]] == "lower_arms"


def test_pascal_lists_say_what_is_for_what(tmp_path):
    write_pascal(tmp_path)
    with pytest.raises(HumansenseError, match=r"person_train\.txt is not there.*pascal-parts.*licence"):
        open_reader(tmp_path, "pascal-parts-train")
    lists = tmp_path / "VOCdevkit" / "VOC2010" / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "person_val.txt").write_text("2008_000002 -1\n2008_000003  1\n2008_000007  1\n")
    (lists / "person_train.txt").write_text("2008_000002  0\n")
    assert open_reader(tmp_path).names == ["2008_000007"]
    assert open_reader(tmp_path, "pascal-parts-train").names == ["2008_000002"]


def test_pascal_that_is_not_whole(tmp_path):
    write_pascal(tmp_path, extra="tail")
    with pytest.raises(HumansenseError, match=r"2008_000002\.mat of .* has a person's part 'tail', known: head"):
        open_reader(tmp_path).read(0)
    cv2.imwrite(str(tmp_path / "VOCdevkit/VOC2010/JPEGImages/2008_000007.jpg"), np.zeros((60, 40, 3), np.uint8))
    with pytest.raises(HumansenseError, match=r"is \(60, 40\), its labels are \(40, 60\)"):
        open_reader(tmp_path).read(1)
    scipy.io.savemat(tmp_path / "Annotations_Part" / "2008_000002.mat", {"anno": structs({"imname": "x"})})
    with pytest.raises(HumansenseError, match="has no field 'objects'"):
        open_reader(tmp_path)


def sitting_labels() -> np.ndarray:
    labels = np.zeros((40, 60), np.uint8)
    labels[10:24, 20:40] = np.arange(1, 15)[:, None]
    return labels


def test_freiburg(tmp_path):
    for split, subject, name in (("test", "s3", "a"), ("test", "s4", "b"), ("train", "s1", "c")):
        home = tmp_path / split / subject
        picture(home / "images" / f"{name}.jpg")
        save_labels(home / "masks" / f"{name}.png", sitting_labels(), palette=True)
    picture(tmp_path / "test" / "s4" / "images" / "nothing_drawn.jpg")
    (tmp_path / "test" / "s4" / "masks" / "b.png").unlink()
    scipy.io.savemat(tmp_path / "test" / "s4" / "masks" / "b.mat", {"whatever": sitting_labels().astype(float)})
    reader = open_reader(tmp_path)
    assert type(reader) is READERS["fsitting"]
    assert [reader.read(i).key for i in range(len(reader))] == ["s3_a", "s4_b"]
    assert all(np.array_equal(reader.read(i).parts, sitting_labels()) for i in range(2))
    assert open_reader(tmp_path, "fsitting-train").read(0).key == "s1_c"
    names = list(reversed(PARTS14.names[1:]))
    (tmp_path / "labels.txt").write_text("\n".join(names))
    parts = open_reader(tmp_path).read(1).parts
    assert [PARTS14.names[parts[10 + k, 30]] for k in range(14)] == names
    (tmp_path / "labels.txt").write_text("head torso head")
    with pytest.raises(HumansenseError, match=r"labels\.txt does not name every part once"):
        open_reader(tmp_path)
    (tmp_path / "labels.txt").unlink()
    save_labels(tmp_path / "test" / "s3" / "masks" / "a.png", sitting_labels() + 1)
    with pytest.raises(HumansenseError, match="has label 15, expected 0 to 14"):
        open_reader(tmp_path).read(0)
    scipy.io.savemat(tmp_path / "test" / "s4" / "masks" / "b.mat", {"a": np.zeros(3), "b": np.zeros(3)})
    with pytest.raises(HumansenseError, match="has 2 arrays, expected one: a, b"):
        open_reader(tmp_path).read(1)


def test_the_figures_of_the_tables(tmp_path):
    write_pascal(tmp_path)
    (batch,) = list(crop_loader(EvalCrops(open_reader(tmp_path), 64, limit=1), 8))
    metrics = PartsMetrics()
    sides = batch.parts.clone()
    for left, right in ((3, 4), (7, 8), (11, 12)):  # left for right: nothing that PASCAL's six parts tell
        sides[batch.parts == left], sides[batch.parts == right] = right, left
    metrics.update({"parts": sides}, batch)
    figures = metrics.compute()
    assert figures["part_iou_pascal6"] == pytest.approx(1)
    assert figures["part_iou"] < 0.7
    assert figures["part_f1"] < 0.7
