"""`check_set` must pass a true set, and find each kind of lie."""

from dataclasses import replace

import numpy as np
import pytest
from fake_set import clip_frames, frame, make_set

from humansense.core import Camera, look_at, part_set
from humansense.data import store_write
from humansense.data.check import check_set
from humansense.data.info import set_info
from humansense.data.store import ShardWriter, shard_path, start_set


def test_a_true_set_passes(tmp_path):
    root = make_set(tmp_path / "set")
    seen = []
    report = check_set(root, progress=lambda done, total: seen.append((done, total)))
    assert report.ok, report.to_dict()
    assert (report.clips, report.frames) == (4, 16)
    assert seen[-1] == (16, 16)
    assert report.worst["reprojection, px"] < 1e-3
    assert report.checked["visible joints"] > 50
    assert report.checked["normals fit depth"] == 16
    assert report.digest == check_set(make_set(tmp_path / "again"), every=5).digest


def _write(root, change_frame=None, change_clip=None, engine=False):
    clip, frames = clip_frames(0, engine=engine)
    start_set(root, {})
    if change_frame:
        frames[1] = change_frame(frames[1])
    if change_clip:
        clip = change_clip(clip)
    with ShardWriter(shard_path(root, 0)) as writer:
        writer.add_clip(clip, frames)
    return root


def _hole(name, empty):
    def change(sample):
        value = getattr(sample, name).copy()
        ys, xs = np.nonzero(sample.instance)
        value[ys[0], xs[0]] = empty
        return replace(sample, **{name: value})

    return change


def _all_visible(clip):
    track = clip.people[0]
    return replace(clip, people=(replace(track, visible={"human21": np.ones((4, 21), bool)}),))


@pytest.mark.parametrize(
    ("check", "frame", "clip"),
    [
        ("parts where instance is", _hole("parts", 0), None),
        ("depth where instance is", _hole("depth", np.nan), None),
        ("normals where instance is", _hole("normals", 0), None),
        ("labels", lambda s: replace(s, parts=np.where(s.parts > 0, 25, 0).astype(np.uint8)), None),
        ("labels", lambda s: replace(s, instance=s.instance * 2), None),
        ("unit normals", lambda s: replace(s, normals=s.normals * 0.9), None),
        ("normals face the camera", lambda s: replace(s, normals=-s.normals), None),
        ("normals fit depth", lambda s: replace(s, normals=s.normals[..., [1, 0, 2]]), None),
        ("normals fit depth", lambda s: replace(s, normals=s.normals * (1, -1, 1)), None),
        ("visible joints", lambda s: replace(s, depth=s.depth - 0.6), _all_visible),
        ("visible joints", lambda s: replace(s, depth=s.depth + 0.5), _all_visible),
    ],
)
def test_a_lie_is_found(tmp_path, check, frame, clip):
    report = check_set(_write(tmp_path, frame, clip))
    assert report.failed[check] > 0
    assert any(f.check == check and "c000000_f000" in f.file for f in report.failures)


def test_a_true_set_with_every_map_passes(tmp_path):
    root = make_set(tmp_path / "set", 2, 1, 4, (120, 160), engine=True)
    report = check_set(root)
    assert report.ok, report.to_dict()
    assert report.checked["flow is valid where it can be"] == 2 * 3 * 2
    assert report.checked["flow leads to the same place of the body"] == 2 * 3 * 2 * 2
    assert report.checked["flows are inverse"] == 2 * 3 * 2
    assert report.checked["flow ends with the clip"] == 4
    for name in ("hidden depth", "garments", "dense"):
        assert report.checked[f"{name} where instance is"] == 8
    assert report.worst["flow against dense, median, of 0.1 px and the steps stored"] < 0.5
    # As many processes as asked give the same report, and every other frame has its flow checked against the next.
    assert check_set(root, workers=2).to_dict() == report.to_dict()
    assert check_set(root, every=2).checked["flows are inverse"] == 2 * 2 * 2


def _shifted(name, by, part=None):
    """`by` is added to a map where it is known, or where the parts are `part`."""

    def change(sample):
        value = getattr(sample, name).copy()
        value[slice(None) if part is None else sample.parts == part] += np.asarray(by, value.dtype)
        return replace(sample, **{name: value})

    return change


def _all(name, value):
    def change(sample):
        return replace(sample, **{name: np.full_like(getattr(sample, name), value)})

    return change


def _background(name, value):
    def change(sample):
        flow = getattr(sample, name).copy()
        flow[5, 5] = value
        return replace(sample, **{name: flow})

    return change


def _onto_background(name):
    """A fifth of the person's flow leads to where nobody is."""

    def change(sample):
        flow = getattr(sample, name).copy()
        ys, xs = np.nonzero(sample.instance)
        ys, xs = ys[::5], xs[::5]
        flow[ys, xs] = np.stack([2 - xs, 2 - ys], -1)
        return replace(sample, **{name: flow})

    return change


def _backwards(name):
    return lambda sample: replace(sample, **{name: -getattr(sample, name)})


SAME_PLACE = "flow leads to the same place of the body"


@pytest.mark.parametrize(
    ("check", "change"),
    [
        ("hidden depth where instance is", _hole("hidden_depth", np.nan)),
        ("hidden depth is behind depth", lambda s: replace(s, hidden_depth=s.depth - 0.003)),
        ("people are thick", lambda s: replace(s, hidden_depth=s.depth.copy())),
        ("garments where instance is", _hole("garments", 0)),
        ("garment labels", _hole("garments", 4)),
        ("garments of their person", lambda s: replace(s, instance=s.instance * 2)),
        ("dense where instance is", _hole("dense", np.nan)),
        ("dense on the reference body", _shifted("dense", (0, 0.6, 0))),
        ("dense on the reference body", _shifted("dense", (0, 0, -0.6))),
        (SAME_PLACE, _shifted("dense", (0.02, 0, 0))),
        (SAME_PLACE, lambda s: replace(s, dense=s.dense * (-1, 1, 1))),
        (SAME_PLACE, lambda s: replace(s, dense=s.dense[:, ::-1])),
        (SAME_PLACE, _shifted("flow", (1.0, 0))),
        (SAME_PLACE, _shifted("flow_back", (0, 0.8))),
        (SAME_PLACE, _backwards("flow")),
        ("flows are inverse", _shifted("flow", (0.3, 0))),
        ("flows are inverse", _backwards("flow_back")),
        ("flow stays on its person", _onto_background("flow")),
        ("flow stays on its person", _onto_background("flow_back")),
        ("flow stays in the picture", _hole("flow", 400)),
        ("flow stays on its background", lambda s: replace(s, flow=np.where(s.instance[..., None], s.flow, 0))),
        ("a still background", _background("flow", 1)),
        ("a still background", _background("flow_back", (0, -0.1))),
        ("flow is valid where it can be", _all("flow", np.nan)),
        ("flow is valid where it can be", _all("flow_back", np.nan)),
    ],
)
def test_a_lie_of_the_optional_maps_is_found(tmp_path, check, change):
    report = check_set(_write(tmp_path, change, engine=True))
    assert report.failed[check] > 0
    assert any(f.check == check and "c000000_f000" in f.file for f in report.failures)


def test_flow_out_of_the_clip_is_found(tmp_path):
    for which, (name, end) in enumerate((("flow", -1), ("flow_back", 0))):
        clip, frames = clip_frames(0, engine=True)
        getattr(frames[end], name)[3, 3] = 0
        start_set(tmp_path / name, {})
        with ShardWriter(shard_path(tmp_path / name, 0)) as writer:
            writer.add_clip(clip, frames)
        report = check_set(tmp_path / name)
        assert report.failed == {"flow ends with the clip": 1}, which


@pytest.mark.parametrize("table", [None, [], [{"person": 0, "name": "skin"}], [{"name": "skin"}] * 3, "skin"])
def test_a_table_of_garments_that_lacks_rows_is_found(tmp_path, table):
    def change(clip):
        return replace(clip, info={"garments": table} if table is not None else {})

    report = check_set(_write(tmp_path, None, change, engine=True))
    assert report.failed["garment labels"] + report.failed["garments of their person"] > 0


def _group(root, moved=0.0, view=1):
    """One performance before two cameras."""
    start_set(root, {})
    with ShardWriter(shard_path(root, 0)) as writer:
        clip, frames = clip_frames(0)
        writer.add_clip(replace(clip, key="a", info={"group": "g", "view": 0}), frames)
        joints = clip.people[0].joints3d["human21"].astype(np.float64)
        eye = np.array([2.0, -1.0, 1.0])
        R, t = look_at(eye, joints[0].mean(0))
        other = Camera(frames[0].camera.K, R, t, frames[0].camera.size)
        joints[2, 3, 0] += moved
        seen = other.to_camera(joints).astype(np.float32)
        track = replace(clip.people[0], joints3d={"human21": seen})
        again = [frame(row, other, np.random.default_rng(0)) for row in seen.astype(np.float64)]
        writer.add_clip(replace(clip, key="b", people=(track,), info={"group": "g", "view": view}), again)
    return root


def test_one_performance_has_one_set_of_joints(tmp_path):
    report = check_set(_group(tmp_path / "true"))
    assert report.ok, report.to_dict()
    assert report.checked["joints of a group"] == 1
    assert report.worst["joints of a group apart, m"] < 1e-5
    assert check_set(_group(tmp_path / "moved", moved=2e-3)).failed == {"joints of a group": 1}
    assert check_set(_group(tmp_path / "twice", view=0)).failed == {"views of a group": 1}


def test_joints_that_do_not_project_are_found(tmp_path, monkeypatch):
    arrays = store_write._clip_arrays

    def shifted(*args):
        values = arrays(*args)
        values["joints2d"][2, 0, 3, 0] += 0.7
        return values

    monkeypatch.setattr(store_write, "_clip_arrays", shifted)
    report = check_set(_write(tmp_path))
    assert report.failed["reprojection"] == 1
    assert 0.69 < report.worst["reprojection, px"] < 0.71


def test_a_wrong_box_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(store_write, "instance_box", lambda instance, label: np.array([0, 0, 5, 5], np.float32))
    assert check_set(_write(tmp_path)).failed["boxes"] == 4


def test_swapped_sides_are_found(tmp_path):
    """Every limb joint on the part of the other side: the whole set is named."""
    start_set(tmp_path, {})
    with ShardWriter(shard_path(tmp_path, 0)) as writer:
        for seed in range(6):
            clip, frames = clip_frames(seed)
            writer.add_clip(clip, [replace(f, parts=part_set("smpl24").mirror[f.parts]) for f in frames])
    report = check_set(tmp_path)
    assert report.failed == {"sides": 1}
    assert report.worst["limb joints on the other side, share"] > 0.9


def test_a_damaged_index_is_found(tmp_path):
    root = make_set(tmp_path / "set", 1, 1)
    index = shard_path(root, 0).with_suffix(".json")
    text = index.read_text()
    assert text.count('"c000000"') == 1
    index.write_text(text.replace('"c000000"', '"c000009"'))
    report = check_set(root)
    assert report.failed["index"] == 1


def test_info_counts(tmp_path):
    root = make_set(tmp_path / "set", 2, 2, 3)
    info = set_info(root)
    assert (info.shards, info.clips, info.frames, info.people, info.frames_without_people) == (2, 4, 12, 12, 0)
    assert info.actions == {"walk": 12}
    assert info.sizes == {"128x96": 12}
    assert info.bytes == sum(p.stat().st_size for p in (root / "shards").iterdir())
    heights = []
    for seed in range(4):
        for sample in clip_frames(seed, 3)[1]:
            rows = np.flatnonzero(sample.instance.any(1))
            heights.append(rows[-1] - rows[0] + 1)
    assert np.allclose(info.height_px, np.percentile(heights, (5, 50, 95)))
    assert any("4 clips, 12 frames" in line for line in info.lines())
    assert info.to_dict()["description"]["preset"] == "fake"
