"""Drawings show what they are given; sheets and the page are whole and load nothing."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from humansense.core import HumansenseError, Person, Prediction, Sample, joint_set, part_set
from humansense.video import read_frames
from humansense.view import draw, sheets
from humansense.view.outputs import overlay, pictures, small, write_pictures
from humansense.view.report import PhotoEntry, Report, report_html, write_report


def prediction(height: int = 120, width: int = 160, found: bool = True) -> Prediction:
    """A person as a rectangle of torso with a head, and joints on a grid."""
    names = joint_set("coco17").names
    parts = np.zeros((height, width), np.uint8)
    depth = np.full((height, width), np.nan, np.float32)
    joints = np.full((17, 2), np.nan, np.float32)
    if found:
        parts[40:100, 60:100], parts[20:40, 70:90] = part_set("parts14").index("torso"), 1
        depth[parts > 0] = np.linspace(-0.2, 0.3, int((parts > 0).sum()))
        joints = np.stack([60 + 2.0 * np.arange(17), 30 + 4.0 * np.arange(17)], -1).astype(np.float32)
    scores = np.where(np.array(names) == "left_wrist", 0.05, 0.9).astype(np.float32) * found
    box = np.array([60, 20, 100, 100] if found else [np.nan] * 4, np.float32)
    image = np.full((height, width, 3), 120, np.uint8)
    timings = {"read": 1.0, "net": 10.0, "total": 11.0}
    return Prediction(image, found, 0.9 * found, box, joints, scores, parts, depth, timings_ms=timings, weights="w")


def sample(i: int = 0, people: int = 1) -> Sample:
    parts = np.zeros((60, 80), np.uint8)
    parts[20:50, 30:50] = 5 * people
    depth = np.where(parts > 0, np.float32(4 + 0.1 * i), np.float32(np.nan))
    normals = np.zeros((60, 80, 3), np.float32)
    normals[parts > 0] = (0, 0, -1)
    joints = np.full((21, 2), np.nan, np.float32)
    joints[:16] = np.linspace([30, 20], [50, 50], 16)
    persons = (Person("human21", joints),) * people
    image = np.full((60, 80, 3), 40 + 10 * i, np.uint8)
    return Sample(image, f"s{i}", parts=parts, depth=depth, normals=normals, instance=(parts > 0).astype(np.uint8),
                  people=persons, action="walk")  # fmt: skip


def test_skeleton_is_drawn_where_the_joints_are():
    image = np.full((100, 100, 3), 100, np.uint8)
    joints = np.full((17, 2), np.nan, np.float32)
    left, right = (joint_set("coco17").index(n) for n in ("left_elbow", "left_wrist"))
    joints[left], joints[right] = (20.5, 50.5), (80.5, 50.5)
    out = draw.draw_skeleton(image, joints)
    assert (image == 100).all()  # the input stays
    changed = (out != image).any(-1)
    assert changed[50, 50]
    assert np.abs(np.argwhere(changed)[:, 0].mean() - 50) < 0.5  # symmetric about the line: no half-pixel slip
    assert np.abs(out[50, 50].astype(int) - draw.LEFT_RGB).max() < 40
    assert not changed[:40].any()
    scores = np.full(17, 0.9, np.float32)
    scores[right] = 0.0
    assert not (draw.draw_skeleton(image, joints, scores) != image).any(-1)[50, 40:].any()
    assert (draw.draw_skeleton(image, np.full((17, 2), np.nan)) == image).all()
    joints[right] = (1e9, -1e9)  # far outside: left out, no overflow
    assert draw.draw_skeleton(image, joints).shape == image.shape


def test_sides_have_their_colours():
    assert draw.side_color("left_knee") == draw.side_color("wrist.L") == draw.LEFT_RGB
    assert draw.side_color("right_knee") == draw.RIGHT_RGB
    assert draw.side_color("pelvis") == draw.MIDDLE_RGB


def test_maps_in_colour():
    labels = np.arange(15, dtype=np.uint8)[None]
    colors = draw.color_parts(labels)[0]
    assert (colors[1:] == part_set("parts14").colors[1:]).all()
    assert tuple(colors[0]) == draw.BACKDROP_RGB
    depth = np.array([[1.0, 2.0, np.nan, 3.0]], np.float32)
    near, _, unknown, far = draw.color_depth(depth, 1.0, 3.0)[0].astype(int)
    assert near.sum() > far.sum()
    assert tuple(unknown) == draw.BACKDROP_RGB
    assert draw.depth_range(np.full((3, 3), np.nan)) == (-0.5, 0.5)
    low, high = draw.depth_range(np.full((3, 3), 2.0))
    assert high - low == pytest.approx(0.2)
    facing = draw.color_normals(np.array([[[0, 0, -1.0], [0, 0, 0]]], np.float32))[0]
    assert facing[0, 2] == 255
    assert tuple(facing[1]) == draw.BACKDROP_RGB
    blended = draw.blend_parts(np.full((20, 20, 3), 100, np.uint8), np.zeros((20, 20), np.uint8))
    assert (blended == 100).all()


def test_pictures_of_a_prediction(tmp_path):
    shown = pictures(prediction())
    assert set(shown) == {"overlay", "parts", "depth"}
    assert shown["overlay"].shape == (120, 160, 3)
    assert (shown["overlay"] != 120).any()
    assert tuple(shown["parts"][70, 80]) == part_set("parts14").palette[2]
    assert (overlay(prediction(found=False)) == 120).all()
    assert [p.name for p in write_pictures(prediction(found=False), tmp_path)] == [
        "overlay.png",
        "parts.png",
        "depth.png",
    ]
    assert Image.open(tmp_path / "overlay.png").size == (160, 120)


def test_a_small_copy_keeps_its_geometry():
    whole = prediction(480, 640)
    half = small(whole, 320)
    assert half.image.shape == (240, 320, 3)
    assert np.allclose(half.joints * 2, whole.joints)
    assert np.allclose(half.box * 2, whole.box)
    assert half.parts.shape == half.depth.shape == (240, 320)
    ys, xs = np.nonzero(half.parts == 1)
    assert (abs(xs.mean() + 0.5 - 40) < 0.6, abs(ys.mean() + 0.5 - 15) < 0.6) == (True, True)
    assert small(whole, 640) is whole


def test_sheet_and_clip_show_every_map(tmp_path):
    assert list(sheets.sample_maps(sample())) == ["picture", "joints", "parts", "depth", "normals", "persons"]
    sheet = sheets.contact_sheet([sample(0), sample(1), sample(2, people=0)], cell=80)
    assert sheet.shape[1] > 3 * 80
    assert sheet.shape[0] > 6 * 60
    with pytest.raises(HumansenseError, match="at least one"):
        sheets.contact_sheet([])
    assert sheets.clip_video((sample(i) for i in range(4)), tmp_path / "c.mp4", fps=5) == 4
    assert len(list(read_frames(tmp_path / "c.mp4"))) == 4
    for legend in (sheets.part_legend(), sheets.part_legend("smpl24", 3), sheets.depth_legend(-0.3, 0.2)):
        assert len(np.unique(legend.reshape(-1, 3), axis=0)) > 10
    assert sheets.with_legend(np.zeros((50, 30, 3), np.uint8), sheets.part_legend()).shape[1] == 30


class _Page(HTMLParser):
    """Collects images, every address, and whether the tags are balanced."""

    VOID = frozenset({"meta", "img", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.images: list[str] = []
        self.addresses: list[str] = []
        self.scripts = 0
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.addresses += [v for k, v in attrs if k in ("src", "href", "srcset", "data", "action")]
        self.scripts += tag in ("script", "link", "iframe", "object")
        if tag == "img":
            self.images.append(values["src"])
            assert values["alt"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_loads_nothing(tmp_path):
    entries = [PhotoEntry("me & <you>.jpg", prediction()), PhotoEntry("empty", prediction(found=False), "by A")]
    report = Report(entries, [sample(0), sample(1, people=0)], "humansense demo", [("weights", "w")], ["a < b"])
    path = write_report(report, tmp_path / "report.html")
    text = path.read_text(encoding="utf-8")
    page = _Page()
    page.feed(text)
    assert page.open == []
    assert page.scripts == 0
    assert len(page.images) == 4 + 1 + 7 + 6  # a found photo, one without anybody, two samples (one without joints)
    assert all(address.startswith("data:image/") for address in page.addresses)
    assert not re.search(r"https?://|@import|url\(", text)
    for source in page.images:
        Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))).load()
    assert "me &amp; &lt;you&gt;.jpg" in text
    assert "no person found" in text
    assert "prefers-color-scheme" in text
    assert "left wrist" in text
    assert "Synthetic" not in report_html(Report(entries[:1]))
