"""Drawings show what they are given; sheets and the page are whole and load nothing."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from fake_set import clip_frames, make_set
from PIL import Image

from humansense.cli.app import main
from humansense.core import FoundPerson, HumansenseError, Person, Prediction, Sample, joint_set, part_set
from humansense.video import read_frames
from humansense.view import draw, sheets
from humansense.view.outputs import overlay, pictures, small, write_pictures
from humansense.view.report import CROP_SIZE, PhotoEntry, Report, person_crop, report_html, write_report


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
    people = (FoundPerson(0.9, box, joints, scores),) if found else ()
    instance = (parts > 0).astype(np.uint8)
    return Prediction(image, people, parts, depth, instance, 0.9 * found, timings_ms=timings, weights="w")


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


def test_optional_maps_in_colour():
    flow = np.zeros((3, 4, 2), np.float32)
    flow[0] = [(5, 0), (0, 5), (-5, 0), (0, -5)]
    flow[1] = [(2.5, 0), (0, 2.5), (-2.5, 0), (50, 0)]
    flow[2, 0] = np.nan
    colors = draw.color_flow(flow, 5.0).astype(int)
    assert tuple(colors[2, 0]) == draw.NO_FLOW_RGB
    assert (colors[2, 1] == 255).all()  # no motion
    right, down, left, up = colors[0]
    assert tuple(right) == (255, 0, 0)
    assert down[1] == 255 > down[0] > down[2]
    assert (left[1], left[2], left[0]) == (255, 255, 0)
    assert up[2] == 255 > up[0] > up[1]
    assert (colors[1, :3] >= colors[0, :3]).all()  # half the motion is paler
    assert tuple(colors[1, 3]) == (255, 0, 0)  # beyond the range
    assert draw.flow_range(flow) > 5
    assert draw.flow_range(np.full((3, 3, 2), np.nan)) == 1.0

    garments = draw.color_garments(np.arange(12, dtype=np.uint8)[None])[0].astype(int)
    assert tuple(garments[0]) == draw.BACKDROP_RGB
    gaps = np.abs(garments[1:, None] - garments[None, 1:]).sum(-1) + 999 * np.eye(11, dtype=int)
    assert gaps.min() > 40  # no two of them look the same
    dense = np.array([[[-0.6, 0, 0], [0.6, 0, 0], [0, 0, 0.8], [np.nan] * 3]], np.float32)
    at_right, at_left, top, nobody = draw.color_dense(dense)[0].astype(int)
    assert at_left[0] > at_right[0] + 200
    assert top[2] > at_left[2] + 100
    assert tuple(nobody) == draw.BACKDROP_RGB
    plain = np.full((60, 90, 3), 200, np.uint8)
    named = draw.caption(plain, "depth")
    assert (named[:5, :20] != 200).any()
    assert (named[40:] == 200).all()


def engine_sample(i: int = 0) -> Sample:
    shown = sample(i)
    on = shown.parts > 0
    flow = np.where(on[..., None], np.float32(i - 1), np.float32(0)) * np.ones(2, np.float32)
    flow[:5] = np.nan
    return replace(shown, hidden_depth=shown.depth + np.float32(0.3), garments=on * np.uint8(3), flow=flow,
                   flow_back=-flow, dense=np.where(on[..., None], np.float32(0.2), np.float32(np.nan)))  # fmt: skip


def test_sheets_show_the_optional_maps(tmp_path):
    maps = sheets.sample_maps(engine_sample(2))
    assert set(maps) >= {"hidden depth", "garments", "dense", "flow", "flow back"}
    # Both depths have one scale: what is behind is darker.
    assert maps["hidden depth"][30, 40].astype(int).sum() < maps["depth"][30, 40].astype(int).sum()
    assert tuple(maps["flow"][2, 2]) == draw.NO_FLOW_RGB
    sheet = sheets.contact_sheet([engine_sample(0), sample(1)], cell=80)
    assert sheet.shape[0] > 11 * 60
    assert sheets.clip_video((engine_sample(i) for i in range(3)), tmp_path / "c.mp4", fps=5) == 3
    frame = next(iter(read_frames(tmp_path / "c.mp4")))
    assert frame.shape[1] >= 4 * 80
    assert 3 * 60 < frame.shape[0] < 4 * 60


def test_sheet_of_random_pictures(tmp_path, capsys):
    pictures = sheets.picture_sheet([sample(i) for i in range(5)], cell=40, columns=3)
    assert pictures.shape == (2 * 36 + 6, 3 * 46 + 6, 3)
    for i in range(5):
        assert abs(int(pictures[6 + 36 * (i // 3) + 15, 6 + 46 * (i % 3) + 20, 0]) - (40 + 10 * i)) <= 1
    tall = replace(sample(9), image=np.full((80, 40, 3), 200, np.uint8), parts=None, depth=None, normals=None,
                   instance=None)  # fmt: skip
    mixed = sheets.picture_sheet([sample(0), tall], cell=40, columns=2)
    assert mixed.shape[0] == 36 + 6
    assert (mixed == 200).any()
    with pytest.raises(HumansenseError, match="at least one"):
        sheets.picture_sheet([])

    root = make_set(tmp_path / "set", 1, 2, 4)
    shown = {}
    for seed in (0, 0, 1):
        out = tmp_path / f"{len(shown)}.png"
        assert (
            main(["data", "show", str(root), "--random", "3", "--seed", str(seed), "--cell", "64", "-o", str(out)]) == 0
        )
        shown[len(shown)] = np.array(Image.open(out))
    assert (shown[0] == shown[1]).all()
    assert (shown[0] != shown[2]).any()
    assert shown[0].shape == (48 + 12, 3 * 70 + 6, 3)
    assert main(["data", "show", str(root), "--random", "99"]) == 0  # all there are
    assert main(["data", "show", str(root), "--random", "0"]) == 2
    assert main(["data", "show", str(root), "--random", "2", "--clip", "0"]) == 2


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
    assert "nobody found" in text
    assert "prefers-color-scheme" in text
    assert "left wrist" in text
    assert "Synthetic" not in report_html(Report(entries[:1]))


def test_a_sample_is_cut_out_with_every_map() -> None:
    _, frames = clip_frames(1, 2, engine=True)
    cut = sheets.sample_maps(person_crop(frames[0]))
    assert set(cut) >= {"parts", "depth", "hidden depth", "flow", "garments", "dense", "normals", "persons"}
    assert {picture.shape[:2] for picture in cut.values()} == {CROP_SIZE}
