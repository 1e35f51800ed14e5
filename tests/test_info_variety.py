"""The variety of a set: known poses, views and sizes come out as they were put in; the pictures show them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from fake_set import SIZE, camera, clip_frames, make_set
from PIL import Image

from humansense.cli.app import main
from humansense.core import Camera, HumansenseError, Sample, joint_set, look_at
from humansense.data import variety
from humansense.data.info import set_info, split_roots, split_table, table_lines
from humansense.data.store import Clip, ClipSet, ShardWriter, Track, shard_path, start_set
from humansense.view.variety import PANELS, write_variety

MPII = joint_set("mpii16")
# A person who stands upright and faces -y, the left at +x: metres in the world, the pelvis in the origin.
STANDING = {
    "pelvis": (0, 0, 0),
    "thorax": (0, 0, 0.5),
    "upper_neck": (0, 0, 0.6),
    "head_top": (0, 0, 0.85),
    "left_hip": (0.1, 0, 0),
    "left_knee": (0.1, 0, -0.42),
    "left_ankle": (0.1, 0, -0.82),
    "left_shoulder": (0.2, 0, 0.5),
    "left_elbow": (0.45, 0, 0.4),
    "left_wrist": (0.7, -0.1, 0.4),
}


def standing() -> np.ndarray:
    """(16, 3)."""
    sides = {n.replace("left", "right"): (-x, y, z) for n, (x, y, z) in STANDING.items() if n.startswith("left")}
    return np.array([(STANDING | sides)[name] for name in MPII.names], float)


def about_z(degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def view(azimuth: float, elevation: float, distance: float = 4.0) -> Camera:
    """A camera `azimuth` degrees from before the face towards the person's left, looking at the origin."""
    a, e = np.radians(azimuth), np.radians(elevation)
    eye = distance * np.array([np.sin(a) * np.cos(e), -np.cos(a) * np.cos(e), np.sin(e)])
    return Camera(camera().K, *look_at(eye, np.zeros(3)), SIZE)


def write(root, clips: list[tuple[Clip, list[Sample]]]):
    start_set(root, {})
    with ShardWriter(shard_path(root, 0)) as writer:
        for clip, frames in clips:
            writer.add_clip(clip, frames)
    return root


def clip_of(number: int, worlds: np.ndarray, views: list[Camera], **about) -> tuple[Clip, list[Sample]]:
    joints = np.stack([v.to_camera(world) for v, world in zip(views, worlds, strict=True)]).astype(np.float32)
    arrays = {"shape": np.full(11, 0.7, np.float32)} if number % 2 == 0 else {}
    track = Track({"mpii16": joints}, {"mpii16": np.zeros((len(views), 16), bool)}, arrays, about.pop("person", {}))
    blank, nobody = np.zeros((*SIZE, 3), np.uint8), np.zeros(SIZE, np.uint8)
    samples = [Sample(blank, "", instance=nobody, depth=np.full(SIZE, np.nan, np.float32), camera=v) for v in views]
    return Clip(f"c{number:06d}", (track,), **about), samples


def test_views_are_seen_from_where_the_camera_stands(tmp_path):
    """Whatever way the person faces, the azimuth is about the face; the elevation is above the horizon."""
    wanted = [(0, 0), (90, 10), (-90, -20), (135, 30), (-30, 45)]
    worlds, views = [], []
    for turn, (azimuth, elevation) in zip((0, 40, 200, -77, 150), wanted, strict=True):
        worlds.append(standing() @ about_z(turn).T)
        views.append(view(azimuth + turn, elevation))
    people = variety.collect_people(ClipSet(write(tmp_path, [clip_of(0, np.array(worlds), views)])))
    assert np.allclose(people.azimuth_deg, [a for a, _ in wanted], atol=0.01)
    assert np.allclose(people.elevation_deg, [e for _, e in wanted], atol=0.01)
    # One pose, five times: place, direction and view are taken out.
    assert np.allclose(people.poses, standing() * variety.LEG_M / 0.82, atol=1e-4)
    measured = variety.measure(people)
    assert measured.poses_distinct == 1
    assert measured.views_covered == pytest.approx(5 / 36, abs=1e-4)
    assert measured.views_effective == pytest.approx(5, abs=0.01)
    assert np.allclose(measured.stature_m, (0.85 + 0.82) / (1 - variety.ANKLE_HEIGHT), atol=1e-3)
    assert np.allclose(people.distance_m, 4, atol=1e-5)
    assert np.allclose(people.place, 0.5, atol=1e-6)
    assert measured.ages == {"baby": 0, "child": 0, "adult": 1, "old": 0}
    assert measured.phenotypes["age"] == pytest.approx((0.7,) * 3, abs=1e-4)


def test_size_is_no_pose_and_lying_has_no_heading(tmp_path):
    tilt = np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0.0]])  # onto the side
    worlds = np.array([standing(), 0.5 * standing(), standing() @ tilt.T])
    people = variety.collect_people(ClipSet(write(tmp_path, [clip_of(1, worlds, [view(20, 5)] * 3)])))
    assert np.allclose(people.poses[0], people.poses[1], atol=1e-4)
    assert np.isnan(people.azimuth_deg).tolist() == [False, False, True]
    assert variety.measure(people).poses_distinct == 2
    assert len(people.shapes) == 0


def test_out_of_the_picture_and_hidden(tmp_path):
    track_view = view(0, 0, 0.8)  # so near that hands and feet are out
    people = variety.collect_people(ClipSet(write(tmp_path, [clip_of(0, standing()[None], [track_view])])))
    pixels = track_view.project(standing())
    inside = ((pixels >= 0) & (pixels <= (SIZE[1], SIZE[0]))).all(1)
    assert 0 < inside.sum() < 16
    assert people.outside[0] == pytest.approx(1 - inside.mean())
    assert people.hidden[0] == pytest.approx(inside.mean())  # none was said to be seen
    assert variety.measure(people).truncated == 1


def test_pose_centres_against_a_naive_loop():
    rng = np.random.default_rng(3)
    poses = rng.normal(0, 0.3, (60, 16, 3))

    def gap(a, b):
        return np.sqrt(((poses[a] - poses[b]) ** 2).sum(-1).mean())

    order, radius = variety.pose_centres(poses, 20)
    chosen = [order[0]]
    for k in range(1, 20):
        distances = [min(gap(i, c) for c in chosen) for i in range(60)]
        assert radius[k - 1] == pytest.approx(max(distances))
        chosen.append(int(np.argmax(distances)))
        assert chosen[-1] == order[k]
    assert len(variety.pose_centres(np.zeros((0, 16, 3)))[0]) == 0
    assert len(variety.pose_centres(np.repeat(poses[:3], 5, 0))[0]) == 3  # copies are no other poses
    # A motion along one line has one dimension, independent ones as many as there are.
    line = rng.normal(size=(500, 1)) * rng.normal(size=(1, 48))
    assert variety._dimensions(line.reshape(-1, 16, 3)) == pytest.approx(1)
    assert variety._dimensions(rng.normal(size=(4000, 16, 3))) > 45


def test_thinning_is_even_and_bounded(tmp_path, monkeypatch):
    clips = ClipSet(make_set(tmp_path / "set", 2, 2, 5))
    assert len(variety.collect_people(clips).poses) == 20
    monkeypatch.setattr(variety, "MAX_PEOPLE", 7)
    people = variety.collect_people(clips)
    assert len(people.poses) == 7  # every third of 20 frames, across the clips
    assert len(people.stature_m) == 4


def test_the_body_s_own_names_and_statures():
    import torch

    from humansense.bodies import load_body, sample_shapes

    body = load_body()
    assert tuple(body.shape_names) == variety.PHENOTYPES
    rest = body.rest(torch.tensor(sample_shapes(np.random.default_rng(0), 12)))
    heights = rest.vertices[:, np.unique(body.faces), 2]
    stature, _ = variety._chain_m(body.regress(rest, "mpii16").numpy())
    assert np.allclose(stature / (heights.amax(1) - heights.amin(1)).numpy(), 1, atol=0.03)


def _about(number: int, subject: str, source: str, key: str = "", **info) -> tuple[Clip, list[Sample]]:
    clip, frames = clip_frames(number, 2)
    clip = replace(clip, key=key or clip.key)
    clothed = replace(clip.people[0], info={"clothes": ["shirt", "jeans"], "population": "adults"})
    return replace(clip, people=(clothed,), subject=subject, source=source, info=info), frames


def test_table_of_both_splits(tmp_path, capsys):
    """Table 3.1: subjects and sequences count once, also over both sets; clips and frames add up."""
    table = {"garments": [{"person": 0, "name": "skin"}, {"person": 0, "name": "coat"}]}
    write(tmp_path / "train", [_about(0, "01", "01/a"), _about(1, "01", "01/b"), _about(2, "02", "02/a", **table)])
    write(
        tmp_path / "test", [_about(3, "03", "03/a", group=7, view=0), _about(3, "03", "03/a", "again", group=7, view=1)]
    )
    infos = {name: set_info(path) for name, path in split_roots(tmp_path).items()}
    rows = split_table(infos)
    assert [(r.name, r.subjects, r.sequences, r.clips, r.frames) for r in rows] == [
        ("train", 2, 3, 3, 6),
        ("test", 1, 1, 2, 4),
        ("total", 3, 4, 5, 10),
    ]
    assert infos["train"].garments == {"shirt": 2, "jeans": 2, "skin": 1, "coat": 1}
    assert infos["train"].populations == {"adults": 3}
    assert (infos["train"].groups, infos["test"].groups) == (0, 1)
    assert infos["test"].people_a_frame == {"1": 4}
    assert "#sequences" in table_lines(rows)[0]
    # The file that a clip's record names tells sequences apart that share a source.
    spec = [{"spec": {"motion": f"01/01_0{i % 2}.amc", "people": [{"motion": "procedural:walk"}]}} for i in range(3)]
    amc = write(tmp_path / "amc", [_about(i, "01", "amc", **spec[i]) for i in range(3)])
    assert set_info(amc).names == ({"01"}, {"01/01_00.amc", "01/01_01.amc", "procedural:walk"})

    assert main(["data", "info", str(tmp_path), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["table"][2] == {"name": "total", "subjects": 3, "sequences": 4, "clips": 5, "frames": 10}
    assert printed["sets"]["test"]["variety"]["poses_compared"] == 4
    for workers in ("1", "0"):
        assert main(["data", "check", str(tmp_path), "--json", "--workers", workers]) == (2 if workers == "0" else 0)
    checked = json.loads(capsys.readouterr().out)
    assert checked["train"]["frames"] == 6
    assert checked["test"]["checked"]["joints of a group"] == 1
    assert main(["data", "info", str(tmp_path / "train"), "--pictures", "--out", str(tmp_path / "p")]) == 0
    assert "total" in capsys.readouterr().out
    assert (tmp_path / "p" / "variety.png").is_file()
    with pytest.raises(HumansenseError, match="no train or test"):
        split_roots(tmp_path / "p")
    assert main(["data", "info", str(tmp_path), "--out", str(tmp_path)]) == 2


def test_pictures_show_what_is_there(tmp_path):
    """The same set gives the same pictures; another view moves the bars; a set without people is drawn, too."""
    worlds = np.array([standing()])
    front = write(tmp_path / "front", [clip_of(0, worlds, [view(0, 0)], action="walk")])
    left = write(tmp_path / "left", [clip_of(0, worlds, [view(90, 0)], action="walk")])
    empty = write(tmp_path / "empty", [(Clip("e"), clip_of(1, worlds, [view(0, 0)])[1])])
    shown = {}
    for root in (front, left, empty):
        paths = write_variety(ClipSet(root), set_info(root), root / "variety")
        assert [path.stem for path in paths] == ["variety", *PANELS]
        shown[root.name] = {path.stem: np.array(Image.open(path).convert("RGB")).astype(int) for path in paths}
        again = write_variety(ClipSet(root), set_info(root), root / "again")
        assert all(a.read_bytes() == b.read_bytes() for a, b in zip(paths, again, strict=True))
    assert (shown["front"]["views"] != shown["left"]["views"]).any()
    for name in ("poses", "shapes", "actions"):  # the view is taken out of the pose
        assert np.abs(shown["front"][name] - shown["left"][name]).mean() < 0.5
    blue = np.abs(shown["front"]["views"] - (61, 123, 217)).sum(-1) < 120  # the bar points down: before the face
    rows, columns = np.nonzero(blue)
    turned = np.abs(shown["left"]["views"] - (61, 123, 217)).sum(-1) < 120
    assert rows.mean() > np.nonzero(turned)[0].mean() + 20
    assert np.nonzero(turned)[1].mean() > columns.mean() + 20
    assert (shown["empty"]["poses"] < 200).any()
