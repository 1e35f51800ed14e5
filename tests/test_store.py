import errno
import io
import json
import pickle
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fake_set import JOINTS, clip_frames, make_set

from humansense.core import HumansenseError, convert_joints, joint_set
from humansense.data import maps
from humansense.data.store import Clip, ClipSet, ShardWriter, Track, is_whole, shard_path, start_set, visible_joints


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return make_set(tmp_path_factory.mktemp("store") / "set")


def test_everything_comes_back(root):
    clips = ClipSet(root)
    assert len(clips) == 16
    assert [clip.key for clip in clips.clips] == ["c000000", "c000001", "c000002", "c000003"]
    for i in (0, 5, 15, -1):
        got = clips.read(i)
        number, t = divmod(i % 16, 4)
        clip, frames = clip_frames(number)
        want, track = frames[t], clip.people[0]
        assert got.key == f"c{number:06d}_f{t:04d}"
        assert np.abs(got.image.astype(int) - want.image).mean() < 5  # JPEG
        assert np.array_equal(got.parts, want.parts)
        assert np.array_equal(got.instance, want.instance)
        assert np.array_equal(np.isnan(got.depth), np.isnan(want.depth))
        assert np.nanmax(np.abs(got.depth - want.depth)) <= maps.DEPTH_UNIT_M / 2 + 1e-6
        assert np.abs(got.normals - want.normals).max() < 0.008
        assert np.array_equal(got.camera.K, want.camera.K)
        assert got.camera.size == want.camera.size
        assert np.array_equal(got.people[0].joints3d, track.joints3d["human21"][t])
        assert np.allclose(got.people[0].joints2d, want.camera.to_pixels(track.joints3d["human21"][t]), atol=1e-4)
        assert np.array_equal(clips.person_arrays(i)["pose"], track.arrays["pose"][t])
        assert np.array_equal(clips.person_arrays(i)["shape"], track.arrays["shape"])
        rows, columns = np.nonzero(want.instance)
        assert got.people[0].box.tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert (got.action, got.info["subject"]) == ("walk", "s1")
    assert clips.clip_info(clips.clips[2])["info"] == {"seed": 2}
    with pytest.raises(IndexError):
        clips.read(16)


def test_only_the_maps_that_are_asked_for_are_read(root):
    sample = ClipSet(root, maps=("parts",)).read(3)
    assert sample.depth is None
    assert sample.instance is None
    assert np.array_equal(sample.mask, sample.parts > 0)
    assert ClipSet(root).read(3, maps=()).parts is None


def test_joints_of_another_set_are_the_same_places(root):
    want = ClipSet(root).read(2).people[0].joints2d
    got = ClipSet(root, joint_set="coco17").read(2).people[0]
    assert np.array_equal(got.joints2d, convert_joints(want, "human21", "coco17"))
    other = ClipSet(root, joint_set="smpl24").read(2).people[0]
    assert np.isnan(other.joints2d[joint_set("smpl24").index("spine1")]).all()
    assert not other.visible[joint_set("smpl24").index("spine1")]
    assert np.array_equal(other.joint("left_knee"), want[JOINTS.index("left_knee")])


def test_a_clip_set_can_be_sent_to_a_worker(root):
    clips = ClipSet(root)
    first = clips.read(0)
    again = pickle.loads(pickle.dumps(clips)).read(0)
    assert np.array_equal(first.image, again.image)


def test_the_same_values_give_the_same_bytes(root, tmp_path):
    other = make_set(tmp_path / "set")
    for path in sorted(root.rglob("*.*")):
        assert path.read_bytes() == (other / path.relative_to(root)).read_bytes(), path


def test_the_tar_is_a_webdataset_that_anyone_can_read(root):
    with tarfile.open(root / "shards" / "000001.tar") as tar:
        members = tar.getmembers()
        names = [m.name for m in members]
        assert {(m.mtime, m.uid, m.gid, m.uname, m.mode) for m in members} == {(0, 0, 0, "", 0o644)}
        assert names[:5] == [
            f"c000002_f0000.{s}" for s in ("depth.png", "instance.png", "jpg", "normals.png", "parts.png")
        ]
        joints = np.load(io.BytesIO(tar.extractfile("c000002.joints3d.npy").read()))
        assert joints.shape == (4, 1, 21, 3)
        assert json.load(tar.extractfile("c000002.clip.json"))["joints"] == list(JOINTS.names)


def test_a_clip_without_people(tmp_path):
    _, frames = clip_frames(0, 2)
    for frame in frames:
        frame.parts[:], frame.instance[:], frame.depth[:], frame.normals[:] = 0, 0, np.nan, 0
    start_set(tmp_path, {})
    with ShardWriter(shard_path(tmp_path, 0)) as writer:
        writer.add_clip(Clip("empty"), frames)
    sample = ClipSet(tmp_path).read(1)
    assert sample.people == ()
    assert not sample.mask.any()


def test_overlapping_joint_sets_are_stored_once(tmp_path):
    clip, frames = clip_frames(0, 2)
    joints = clip.people[0].joints3d["human21"]
    track = Track({"mpii16": joints[:, :16], "coco17": convert_joints(joints, "human21", "coco17")})
    start_set(tmp_path, {})
    with ShardWriter(shard_path(tmp_path, 0)) as writer:
        writer.add_clip(replace(clip, people=(track,)), frames)
    clips = ClipSet(tmp_path)
    assert sorted(clips.clips[0].joints) == sorted(JOINTS.names)
    assert np.array_equal(clips.read(1).people[0].joints3d, joints[1])


def test_visible_flags_that_are_given_are_kept(tmp_path):
    clip, frames = clip_frames(0, 2)
    flags = np.random.default_rng(0).random((2, 21)) < 0.5
    start_set(tmp_path, {})
    with ShardWriter(shard_path(tmp_path, 0)) as writer:
        writer.add_clip(replace(clip, people=(replace(clip.people[0], visible={"human21": flags}),)), frames)
    assert np.array_equal(ClipSet(tmp_path).read(1).people[0].visible, flags[1])


def test_visibility_against_a_ray_to_every_sphere():
    """A joint is hidden if the sphere of another joint, clearly before it, covers its pixel."""
    for seed in range(5):
        clip, (sample,) = clip_frames(seed, 1)
        points = clip.people[0].joints3d["human21"][0].astype(np.float64)
        names = list(JOINTS.names)
        got = visible_joints(points, names, sample, 1)
        cells = np.floor(sample.camera.to_pixels(points)).astype(int)
        for j, (x, y) in enumerate(cells):
            inside = 0 <= x < 128 and 0 <= y < 96
            before = points[j, 2] - sample.depth[y, x] if inside else np.nan
            if not inside or before > 0.21:
                assert not got[j]
            elif before < 0.079:
                assert got[j]


# --- what can go wrong


def test_no_set_a_newer_format_and_no_shards(tmp_path, root):
    with pytest.raises(HumansenseError, match=r"no set\.json"):
        ClipSet(tmp_path)
    (tmp_path / "set.json").write_text("{")
    with pytest.raises(HumansenseError, match="cannot be read"):
        ClipSet(tmp_path)
    content = json.loads((root / "set.json").read_text())
    (tmp_path / "set.json").write_text(json.dumps(content))
    with pytest.raises(HumansenseError, match="no finished shard"):
        ClipSet(tmp_path)
    (tmp_path / "set.json").write_text(json.dumps(content | {"version": 99}))
    with pytest.raises(HumansenseError, match=r"version 99.*update"):
        ClipSet(tmp_path)
    (tmp_path / "set.json").write_text(json.dumps({"format": "other"}))
    with pytest.raises(HumansenseError, match="not of a set"):
        ClipSet(tmp_path)


def test_a_shard_cut_short_is_named(tmp_path):
    root = make_set(tmp_path / "set")
    path = shard_path(root, 1)
    assert is_whole(path)
    path.write_bytes(path.read_bytes()[:-3000])
    assert not is_whole(path)
    with pytest.raises(HumansenseError, match=r"000001\.tar is cut short.*delete"):
        ClipSet(root)
    path.unlink()
    with pytest.raises(HumansenseError, match=r"000001\.tar.*delete"):
        ClipSet(root)


def test_a_broken_picture_is_named(tmp_path):
    root = make_set(tmp_path / "set", 1, 1)
    clips = ClipSet(root)
    offset, _ = clips.clips[0].maps["depth.png"][1]
    data = bytearray(shard_path(root, 0).read_bytes())
    data[offset : offset + 60] = bytes(60)
    shard_path(root, 0).write_bytes(data)
    with pytest.raises(HumansenseError, match=r"c000000_f0001\.depth\.png"):
        ClipSet(root).read(1)
    ClipSet(root).read(0)


def _files(path):
    return sorted(p.name for p in path.rglob("*") if p.is_file())


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError("no"), OSError(errno.ENOSPC, "full")])
def test_an_interrupted_shard_leaves_nothing(tmp_path, error):
    clip, frames = clip_frames(0)

    def broken():
        yield from frames[:2]
        raise error

    expected = HumansenseError if isinstance(error, OSError) else type(error) if isinstance(error, Exception) else error
    with pytest.raises(expected), ShardWriter(shard_path(tmp_path, 0)) as writer:
        writer.add_clip(clip, broken())
    assert _files(tmp_path) == []


def test_a_full_disk_is_one_message_and_leaves_nothing(tmp_path, monkeypatch):
    clip, frames = clip_frames(0)

    class Full:
        def __init__(self, file):
            self.file, self.count = file, 0

        def write(self, data):
            self.count += 1
            if self.count > 20:
                raise OSError(errno.ENOSPC, "No space left on device")
            return self.file.write(data)

    def write():
        with ShardWriter(shard_path(tmp_path, 0)) as writer:
            writer._file = Full(writer._file)
            writer.add_clip(clip, frames)

    with pytest.raises(HumansenseError, match=r"000000\.tar: the disk is full"):
        write()
    assert _files(tmp_path) == []


def test_writing_again_replaces_and_a_tar_without_index_is_not_whole(tmp_path):
    root = make_set(tmp_path / "set", 1, 1)
    path = shard_path(root, 0)
    before = path.read_bytes()
    path.with_suffix(".json").unlink()
    assert not is_whole(path)
    make_set(root, 1, 1)
    assert is_whole(path)
    assert path.read_bytes() == before


def test_a_folder_that_is_a_file_is_one_message(tmp_path):
    (tmp_path / "shards").write_text("")
    with pytest.raises(HumansenseError, match=r"not a folder|cannot write"), ShardWriter(shard_path(tmp_path, 0)):
        pass


def test_resuming_with_other_settings_is_refused(tmp_path):
    start_set(tmp_path, {"seed": 1, "clips": 3})
    start_set(tmp_path, {"seed": 1, "clips": 3})
    with pytest.raises(HumansenseError, match="another seed"):
        start_set(tmp_path, {"seed": 2, "clips": 3})


def test_wrong_clips_are_refused(tmp_path):
    clip, frames = clip_frames(0)
    with ShardWriter(shard_path(tmp_path, 0)) as writer:
        writer.add_clip(clip, frames)
        with pytest.raises(ValueError, match="twice"):
            writer.add_clip(clip, frames)
        with pytest.raises(ValueError, match="no frames"):
            writer.add_clip(Clip("a"), [])
        with pytest.raises(ValueError, match="T is 2"):
            writer.add_clip(replace(clip, key="b", people=clip.people), frames[:2])
        with pytest.raises(ValueError, match="other characters"):
            writer.add_clip(replace(clip, key="a.b"), frames)


@pytest.mark.parametrize("bad", [66.0, -1.0, 0.0])
def test_a_depth_that_does_not_fit_is_refused(bad):
    depth = np.full((4, 4), np.nan, np.float32)
    depth[1, 1] = bad
    with pytest.raises(HumansenseError, match="cannot be stored"):
        maps.encode_depth(depth)


def test_maps_round_trip_at_the_limits():
    depth = np.array([[np.nan, maps.DEPTH_UNIT_M], [65.5, 3.00012]], np.float32)
    back = maps.decode_depth(maps.encode_depth(depth), "x")
    assert np.allclose(back, depth, atol=maps.DEPTH_UNIT_M / 2 + 1e-6, equal_nan=True)
    normals = np.array([[[0, 0, -1], [1, 0, 0]], [[0, 0, 0], [0, -0.6, -0.8]]], np.float32)
    back = maps.decode_normals(maps.encode_normals(normals), "x")
    assert np.allclose(back, normals, atol=0.005)
    assert not back[1, 0].any()


def test_the_format_page_shows_how_to_read_a_set(root):
    """The page's example runs as it stands, and names the suffixes and settings that are there."""
    page = (Path(__file__).parent.parent / "docs" / "format.md").read_text()
    code = page.split("```python\n")[1].split("```")[0]
    scope: dict[str, np.ndarray] = {}
    exec(code.replace("out/set", str(root)), scope)
    sample = ClipSet(root).read(0)
    assert np.array_equal(scope["image"][..., ::-1], sample.image)
    assert np.allclose(scope["depth_m"], np.nan_to_num(sample.depth), atol=1e-6)
    assert np.array_equal(scope["joints"], sample.people[0].joints2d)
    for suffix, _ in maps.ENCODERS.values():
        assert f"| `{suffix}` |" in page
    for key in json.loads((root / "set.json").read_text()):
        assert f"`{key}`" in page
    for key in json.loads((root / "shards" / "000000.json").read_text())["clips"][0]:
        assert f"`{key}`" in page
