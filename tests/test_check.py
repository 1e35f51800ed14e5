"""`check_set` must pass a true set, and find each kind of lie."""

from dataclasses import replace

import numpy as np
import pytest
from fake_set import clip_frames, make_set

from humansense.core import part_set
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


def _write(root, change_frame=None, change_clip=None):
    clip, frames = clip_frames(0)
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
        for frame in clip_frames(seed, 3)[1]:
            rows = np.flatnonzero(frame.instance.any(1))
            heights.append(rows[-1] - rows[0] + 1)
    assert np.allclose(info.height_px, np.percentile(heights, (5, 50, 95)))
    assert any("4 clips, 12 frames" in line for line in info.lines())
    assert info.to_dict()["description"]["preset"] == "fake"
