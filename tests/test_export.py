"""Sets written in other layouts and read back. Of SURREAL, by what its authors' own readers compute."""

import json
import shutil

import cv2
import numpy as np
import pytest
import scipy.io
from fake_set import SIZE, clip_frames, make_set

from humansense.core import HumansenseError, joint_set, part_set
from humansense.data.export import EXPORTERS, ExportSettings, coco, export_set, rle, surreal, values
from humansense.data.loaders import open_source
from humansense.data.maps import ENCODERS
from humansense.data.readers import open_reader
from humansense.data.store import Clip, ClipSet, ShardWriter, shard_path, start_set
from humansense.render.light import sh_basis


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return make_set(tmp_path_factory.mktemp("export") / "set", engine=True)


def export(root, out, layout, **options):
    return export_set(ExportSettings(root, out, layout, **({"workers": 1} | options)))


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


# --- run lengths -------------------------------------------------------------------------------------------------


def naive_counts(mask):
    counts, value, run = [], 0, 0
    for column in range(mask.shape[1]):
        for row in range(mask.shape[0]):
            if int(mask[row, column]) != value:
                counts.append(run)
                value, run = 1 - value, 0
            run += 1
    return [*counts, run]


def naive_string(counts):
    """One character after another, as maskApi.c's loop goes."""
    text = ""
    for i, count in enumerate(counts):
        x = count - counts[i - 2] if i > 2 else count
        more = True
        while more:
            c, x = x & 31, x >> 5
            more = x != -1 if c & 16 else x != 0
            text += chr(c + (32 if more else 0) + 48)
    return text


def masks():
    rng = np.random.default_rng(0)
    yield np.zeros((5, 7), bool)
    yield np.ones((5, 7), bool)
    yield np.eye(6, dtype=bool)
    for _ in range(20):
        small = rng.random((rng.integers(1, 9), rng.integers(1, 9))) < rng.random()
        yield np.kron(small, np.ones((rng.integers(1, 40), rng.integers(1, 40)), bool))


def test_run_lengths_are_coco_s():
    for mask in masks():
        counts = rle.mask_counts(mask)
        assert counts.tolist() == naive_counts(mask)
        text = rle.pack_counts(counts)
        assert text == naive_string(counts.tolist())
        assert rle.unpack_counts(text).tolist() == counts.tolist()
        assert np.array_equal(rle.counts_mask(rle.unpack_counts(text), mask.shape), mask)


def test_strings_worked_out_by_hand():
    # 100 = 3 * 32 + 4: "4 and more" is 4 + 32 + 48 = "T", 3 is "3". 6 and 1 as they are. 6 less 1 before: 5; 1 - 6 = -5
    # is 27 in five bits with the sign set.
    assert rle.pack_counts(np.array([100])) == "T3"
    assert rle.pack_counts(np.array([6, 1, 6, 1])) == "6160"
    assert rle.pack_counts(np.array([6, 6, 6, 1])) == "666K"
    assert rle.pack_counts(np.array([16])) == "`0"  # 16 alone would be negative
    assert rle.unpack_counts("666K").tolist() == [6, 6, 6, 1]


def test_run_lengths_as_the_reference_has_them():
    reference = pytest.importorskip("faster_coco_eval.core.mask")
    for mask in masks():
        coded = reference.encode(np.asfortranarray(mask.astype(np.uint8)))
        assert coded["counts"].decode() == rle.pack_counts(rle.mask_counts(mask))


def test_damaged_run_lengths_are_refused():
    with pytest.raises(HumansenseError, match="cover 35 pixels, expected 5 x 8"):
        rle.counts_mask(np.array([35]), (5, 8))
    for text in ("T", "\x7f0", "!0"):
        with pytest.raises(HumansenseError, match="damaged"):
            rle.unpack_counts(text)


# --- COCO --------------------------------------------------------------------------------------------------------


def test_coco_comes_back(root, tmp_path):
    report = export(root, tmp_path / "out", "coco")
    assert (report.clips, report.frames, report.written) == (4, 16, 16)
    content = json.loads((tmp_path / "out" / "annotations.json").read_text())
    clips, size = ClipSet(root, "coco17"), (*SIZE,)
    assert [image["id"] for image in content["images"]] == list(range(1, 17))
    assert len({entry["id"] for entry in content["annotations"]}) == 16
    by_image = {entry["image_id"]: entry for entry in content["annotations"]}
    assert content["categories"][0]["keypoints"] == list(joint_set("coco17").names)
    for i, image in enumerate(content["images"]):
        sample, entry = clips.read(i), by_image[image["id"]]
        clip, t = clips.locate(i)
        stored = (tmp_path / "out" / "images" / image["file_name"]).read_bytes()
        assert stored == clips.member(clip, t, "image")
        assert (image["height"], image["width"]) == size
        counts = rle.unpack_counts(entry["segmentation"]["counts"])
        assert np.array_equal(rle.counts_mask(counts, tuple(entry["segmentation"]["size"])), sample.instance == 1)
        assert entry["area"] == (sample.instance == 1).sum()
        x, y, width, height = entry["bbox"]
        assert [x, y, x + width, y + height] == sample.people[0].box.tolist()
        points = np.array(entry["keypoints"]).reshape(17, 3)
        person = sample.people[0]
        inside = ((person.joints2d >= 0) & (person.joints2d < size[::-1])).all(-1)
        assert np.array_equal(points[:, 2], np.where(inside, np.where(person.visible, 2, 1), 0))
        assert np.abs(points[inside, :2] + 0.5 - person.joints2d[inside]).max() < 1e-3
        assert not points[~inside].any()
        assert entry["num_keypoints"] == inside.sum()
        assert (entry["iscrowd"], entry["category_id"]) == (0, 1)


def test_coco_with_plain_counts(root, tmp_path):
    export(root, tmp_path, "coco", masks="counts")
    content = json.loads((tmp_path / "annotations.json").read_text())
    segmentation = content["annotations"][5]["segmentation"]
    want = ClipSet(root).read(5).instance == 1
    assert np.array_equal(rle.counts_mask(np.array(segmentation["counts"]), SIZE), want)


def test_the_lines_of_the_skeleton_are_coco_s_own():
    # the published person category (person_keypoints_val2017.json)
    lines = [[16, 14], [14, 12], [17, 15], [15, 13], [12, 13], [6, 12], [7, 13], [6, 7], [6, 8], [7, 9], [8, 10]]
    lines += [[9, 11], [2, 3], [1, 2], [1, 3], [2, 4], [3, 5], [4, 6], [5, 7]]
    assert coco.PERSON["skeleton"] == lines


def several_people(root):
    """Clip `pair` shows two people, of whom the second is out of sight in frame 1; clip `none` nobody."""
    (one, frames), (two, _) = (clip_frames(seed, 2) for seed in (0, 1))
    for t, sample in enumerate(frames):
        sample.instance[: SIZE[0] // 2] *= 2
        if t == 1:
            sample.instance[sample.instance == 2] = 1
    start_set(root, {"preset": "pair"})
    with ShardWriter(shard_path(root, 0)) as writer:
        writer.add_clip(Clip("pair", people=(one.people[0], two.people[0])), frames)
        for sample in (empty := clip_frames(2, 1)[1]):
            sample.parts[:], sample.instance[:], sample.depth[:], sample.normals[:] = 0, 0, np.nan, 0
        writer.add_clip(Clip("none"), empty)
    return root


def test_coco_of_several_people(tmp_path):
    root = several_people(tmp_path / "set")
    export(root, tmp_path / "out", "coco")
    content = json.loads((tmp_path / "out" / "annotations.json").read_text())
    assert [entry["image_id"] for entry in content["annotations"]] == [1, 1, 2]
    assert [image["file_name"] for image in content["images"]] == ["pair/0000.jpg", "pair/0001.jpg", "none/0000.jpg"]
    instance = ClipSet(root).read(0).instance
    for label, entry in enumerate(content["annotations"][:2], 1):
        counts = rle.unpack_counts(entry["segmentation"]["counts"])
        assert np.array_equal(rle.counts_mask(counts, SIZE), instance == label)


# --- plain folders -----------------------------------------------------------------------------------------------


def test_folders_hold_the_store_s_bytes_and_numbers(root, tmp_path):
    export(root, tmp_path, "folders")
    clips = ClipSet(root)
    for clip in clips.clips:
        folder = tmp_path / clip.key
        for field, (suffix, _) in ENCODERS.items():
            inside, _, extension = suffix.rpartition(".")
            for t in range(clip.frames):
                assert (folder / inside / f"{t:04d}.{extension}").read_bytes() == clips.member(clip, t, field)
        content, views = (json.loads((folder / f"{name}.json").read_text()) for name in ("joints", "camera"))
        assert json.loads((folder / "clip.json").read_text()) == clips.clip_info(clip)
        assert content["joints"] == list(clip.joints)
        for t in range(clip.frames):
            person = content["frames"][t]["people"][0]
            for name in ("joints2d", "joints3d"):
                want = clips.clip_array(clip, name)[t, 0]
                got = np.array(person[name], np.float64).astype(np.float32)
                assert np.array_equal(got, want, equal_nan=True)
            assert person["visible"] == clips.clip_array(clip, "visible")[t, 0].tolist()
            assert person["box"] == clips.clip_array(clip, "boxes")[t, 0].tolist()
            assert np.array_equal(views["frames"][t]["R"], clips.clip_array(clip, "R")[t])
        assert np.array_equal(np.load(folder / "body" / "p0.pose.npy"), clips.clip_array(clip, "p0.pose"))


# --- SURREAL -----------------------------------------------------------------------------------------------------


def test_surreal_comes_back(root, tmp_path):
    report = export(root, tmp_path, "surreal")
    assert report.home == tmp_path / "cmu" / "train"
    assert not report.refused
    assert not report.remarks
    source, clips = open_reader(tmp_path), ClipSet(root, "smpl24")
    assert len(source) == len(clips)
    flows = 0
    for i in range(len(source)):
        got, want = source.read(i), clips.read(i)
        assert np.array_equal(got.parts, want.parts)
        assert np.array_equal(got.instance, want.instance)
        assert np.array_equal(np.isnan(got.depth), np.isnan(want.depth))
        assert np.nanmax(np.abs(got.depth - want.depth)) < 2e-6
        assert np.abs(got.normals - want.normals).max() < 1e-6
        for field in ("flow", "flow_back"):
            one, other = getattr(got, field), getattr(want, field)
            assert np.array_equal(np.isnan(one), np.isnan(other))
            known = np.isfinite(one)
            assert np.abs(one - other)[known].max(initial=0) < 1 / 64
            flows += int((np.abs(one[known]) > 0.5).sum())
        person, truth = got.people[0], want.people[0]
        assert np.abs(person.joints3d - truth.joints3d).max() < 1e-3
        assert np.abs(person.joints2d - truth.joints2d).max() < 1e-3
        assert np.array_equal(person.visible, truth.visible)
        assert np.array_equal(person.box, truth.box)
        assert person.params == {"gender": person.params["gender"]}  # SMPL's own are NaN
        assert np.allclose(got.camera.t, want.camera.t)
        assert np.abs(got.image.astype(int) - want.image).mean() < 6  # lossy colours of blocks
    assert flows > 1000


def _load(folder, ending):
    (path,) = folder.glob(f"*_{ending}.mat")
    return scipy.io.loadmat(path)


def test_surreal_as_its_authors_read_it(root, tmp_path):
    export(root, tmp_path, "surreal", split="val")
    clips = ClipSet(root, "smpl24")
    clip = clips.clips[1]
    folder = tmp_path / "cmu" / "val" / "run0" / clip.key
    info, depth, segm = (_load(folder, ending) for ending in ("info", "depth", "segm"))
    height, width = SIZE
    shapes = {
        "bg": (1, 4), "camDist": (1, 1), "camLoc": (3, 1), "clipNo": (1, 1), "cloth": (1, 4), "gender": (4, 1),
        "joints2D": (2, 24, 4), "joints3D": (3, 24, 4), "light": (9, 4), "pose": (72, 4), "sequence": (1,),
        "shape": (10, 4), "source": (1,), "stride": (1, 1), "zrot": (4, 1),
    }  # fmt: skip
    assert {name: info[name].shape for name in shapes} == shapes
    assert info["sequence"][0] == f"{clip.key}_c0001"
    assert np.isnan(info["pose"]).all()
    assert (segm["segm_4"].dtype, depth["depth_4"].dtype) == (np.uint8, np.float32)
    assert "segm_5" not in segm
    # getIntrinsicBlender.m (for 320 x 240 it gives 600, 160, 120), getExtrinsicBlender.m, main.m
    K = np.array([[60 * width / 32, 0, width / 2], [0, 60 * width / 32, height / 2], [0, 0, 1]])
    world2bcam = np.array([[0, 0, 1], [0, -1, 0], [-1, 0, 0]]).T
    bcam2cv = np.diag([1, -1, -1])
    T = info["camLoc"]
    RT = np.concatenate([bcam2cv @ world2bcam, bcam2cv @ (-world2bcam @ T)], 1)
    for t in range(4):
        points = K @ RT @ np.concatenate([info["joints3D"][:, :, t], np.ones((1, 24))])
        assert np.array_equal(np.rint(points[:2] / points[2]), info["joints2D"][:, :, t])
        # Blender's distance from the camera at every pixel, and the authors' threshold for the person
        sample = clips.read(clip.start + t)
        xs, ys = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
        z = sample.depth
        distance = np.sqrt(((xs - K[0, 2]) * z / K[0, 0]) ** 2 + ((ys - K[1, 2]) * z / K[1, 1]) ** 2 + z**2)
        person = depth[f"depth_{t + 1}"] <= 1e3
        assert np.array_equal(person, sample.parts > 0)
        assert np.array_equal(person, segm[f"segm_{t + 1}"] > 0)
        assert np.abs(depth[f"depth_{t + 1}"][person] - distance[person]).max() < 1e-5
        assert (depth[f"depth_{t + 1}"][~person] == np.float32(1e10)).all()
    # donkey.lua's depth of the pelvis: camLoc(x) - pelvis3D(x)
    pelvis = clips.read(clip.start).people[0].joints3d[0, 2]
    assert T[0, 0] - info["joints3D"][0, 0, 0] == pytest.approx(pelvis, abs=1e-5)
    assert -T[1, 0] == pytest.approx(1.3)  # the camera's height: y points down
    capture = cv2.VideoCapture(str(folder / f"{clip.key}_c0001.mp4"))  # loadRGB
    capture.set(1, 2)
    assert np.abs(capture.read()[1][..., ::-1].astype(int) - clips.read(clip.start + 2).image).mean() < 6


def test_surreal_s_sides_are_those_of_its_mirrored_pictures(root, tmp_path):
    """Joint and label i + 1 of SURREAL belong together, and its left is on the right side of who is seen."""
    export(root, tmp_path, "surreal")
    clips = ClipSet(root, "smpl24")
    folder = tmp_path / "cmu" / "train" / "run0" / clips.clips[0].key
    info, segm = _load(folder, "info"), _load(folder, "segm")
    sample = clips.read(0)
    names = joint_set("smpl24")
    rows = info["joints2D"][:, :, 0].T
    assert np.array_equal(rows[names.index("left_knee")], np.rint(sample.people[0].joint("right_knee")))
    assert np.array_equal(rows[names.index("head")], np.rint(sample.people[0].joint("head")))
    left, right = part_set("smpl24").index("leftLeg"), part_set("smpl24").index("rightLeg")
    assert np.array_equal(segm["segm_1"] == left, sample.parts == right)


def test_surreal_s_flow_and_normals_are_blender_s(root, tmp_path):
    export(root, tmp_path, "surreal")
    clips = ClipSet(root)
    folder = tmp_path / "cmu" / "train" / "run0" / clips.clips[0].key
    flow, normal, sample = _load(folder, "gtflow"), _load(folder, "normal"), clips.read(2)
    back = sample.flow_back
    valid = np.isfinite(back).all(-1)
    # Cycles: (before - now) with y up; the authors turn the sign of x to get the motion that led here (issue 3)
    vectors = flow["gtflow_3"] * [-1, 1]
    assert np.abs(vectors[valid] + back[valid]).max() < 1e-6
    person = sample.parts > 0
    world = normal["normal_3"]
    # camera: right is -z, down is y, forward is -x of Blender's world
    assert np.abs(-world[person][:, 2] - sample.normals[person][:, 0]).max() < 1e-6
    assert np.abs(world[person][:, 1] - sample.normals[person][:, 1]).max() < 1e-6
    assert np.abs(-world[person][:, 0] - sample.normals[person][:, 2]).max() < 1e-6
    assert not world[~person].any()


def test_light_is_the_same_in_surreal_s_axes():
    rng = np.random.default_rng(3)
    light = rng.normal(size=9)
    R = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    theirs = surreal.surreal_light(light, R)
    normals = rng.normal(size=(20, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    shading = surreal._shader(normals) @ light
    assert np.allclose(shading, sh_basis(normals) @ light, atol=1e-5)  # our light has SURREAL's nine numbers
    there = normals @ R.T @ np.array([[0, 0, -1], [0, 1, 0], [-1, 0, 0]])
    assert np.allclose(surreal._shader(there) @ theirs, shading, atol=1e-5)
    above = surreal.surreal_light([0.5, 0, 1, 0, 0, 0, 0, 0, 0], np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]]))
    assert np.allclose(above, [0.5, -1, 0, 0, 0, 0, 0, 0, 0], atol=1e-6)  # up is -y there
    assert np.allclose(surreal.surreal_light(np.repeat(light, 3), R), theirs)
    assert np.isnan(surreal.surreal_light(None, R)).all()


def test_surreal_without_its_lens_its_joints_or_a_fixed_camera(tmp_path):
    root = make_set(tmp_path / "set", 1, 1)
    report = export(root, tmp_path / "out", "surreal")
    assert sorted(report.remarks.values()) == [1, 1]
    assert any("another lens" in remark for remark in report.remarks)
    assert any("lack joints" in remark for remark in report.remarks)
    got, want = open_reader(tmp_path / "out").read(1), ClipSet(root, "smpl24").read(1)
    assert np.array_equal(got.camera.K, want.camera.K)
    assert np.nanmax(np.abs(got.depth - want.depth)) < 2e-6
    assert np.array_equal(np.isnan(got.people[0].joints2d), np.isnan(want.people[0].joints2d))
    assert np.nanmax(np.abs(got.people[0].joints2d - want.people[0].joints2d)) < 1e-3
    assert got.flow is None
    clip, frames = clip_frames(0, 2, engine=True)
    frames[1].camera = type(frames[1].camera)(frames[1].camera.K, np.eye(3), np.zeros(3), SIZE)
    start_set(tmp_path / "moving", {})
    with ShardWriter(shard_path(tmp_path / "moving", 0)) as writer:
        writer.add_clip(clip, frames)
    report = export(tmp_path / "moving", tmp_path / "out2", "surreal")
    assert [remark.split(":")[0] for remark in report.remarks] == ["have a moving camera"]
    assert np.allclose(open_reader(tmp_path / "out2").read(1).camera.R, np.eye(3))


def test_odd_sizes_and_single_frames_come_back(tmp_path):
    root = make_set(tmp_path / "set", 1, 1, frames=1, size=(75, 101), engine=True)
    export(root, tmp_path / "out", "surreal")
    got, want = open_reader(tmp_path / "out").read(0), ClipSet(root, "smpl24").read(0)
    assert got.size == (75, 101)
    assert np.array_equal(got.parts, want.parts)
    assert np.abs(got.people[0].joints2d - want.people[0].joints2d).max() < 1e-3


def test_clips_of_several_people_or_none_are_left_out_of_surreal(tmp_path):
    root = several_people(tmp_path / "set")
    with pytest.raises(HumansenseError, match=r"no clip to export as SURREAL: 1 of 2 show several.*1 of 2 show nobody"):
        export(root, tmp_path / "out", "surreal")
    assert not (tmp_path / "out").exists()
    with ShardWriter(shard_path(root, 1)) as writer:
        writer.add_clip(*clip_frames(5, 1, engine=True))
    report = export(root, tmp_path / "out", "surreal")
    assert (report.clips, sum(report.refused.values())) == (1, 2)


# --- all layouts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", EXPORTERS)
def test_an_export_goes_on_where_it_stopped(layout, root, tmp_path, monkeypatch):
    whole = tmp_path / "whole"
    export(root, whole, layout)
    want = files(whole)
    out = tmp_path / "out"
    real, calls = values.whole_folder, []

    def stops(path):
        calls.append(path)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(path)

    module = {"surreal": surreal, "coco": coco}.get(layout)
    if module is None:
        from humansense.data.export import folders as module
    monkeypatch.setattr(module, "whole_folder", stops)
    with pytest.raises(KeyboardInterrupt):
        export(root, out, layout)
    monkeypatch.setattr(module, "whole_folder", real)
    done = {p: p.stat().st_mtime_ns for p in out.rglob("*.*") if p.is_file() and calls[0].name in str(p)}
    assert done
    (calls[0].parent / ".c000009.77.partial").mkdir()  # what a killed process leaves
    report = export(root, out, layout)
    assert (report.frames, report.written) == (16, 8)
    assert files(out) == want
    assert all(p.stat().st_mtime_ns == t for p, t in done.items() if p.is_file())
    assert export(root, out, layout).written == 0
    assert files(out) == want
    shutil.rmtree(calls[1])
    assert export(root, out, layout).written == 4
    assert files(out) == want


@pytest.mark.parametrize("layout", EXPORTERS)
def test_two_processes_give_the_same_files(layout, root, tmp_path):
    seen = []
    settings = ExportSettings(root, tmp_path / "two", layout, workers=2)
    export_set(settings, lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, 16)
    assert seen[-1] == (16, 16)
    export(root, tmp_path / "one", layout)
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_clips_that_came_later_are_added(tmp_path):
    root = make_set(tmp_path / "set", 2, 1)
    later = [path.rename(tmp_path / path.name) for path in (root / "shards").glob("000000.*")]
    for layout in ("coco", "folders"):
        assert export(root, tmp_path / layout, layout).frames == 4
    for path in later:
        path.rename(root / "shards" / path.name)
    for layout in ("coco", "folders"):
        report = export(root, tmp_path / layout, layout)
        assert (report.frames, report.written) == (8, 8 if layout == "coco" else 4)
        export(root, tmp_path / "again" / layout, layout)
        assert files(tmp_path / layout) == files(tmp_path / "again" / layout)


@pytest.mark.parametrize("layout", EXPORTERS)
def test_nothing_is_mixed(layout, root, tmp_path):
    out = tmp_path / "out"
    home = EXPORTERS[layout].home(ExportSettings(root, out, layout))
    home.mkdir(parents=True)
    (home / "mine.txt").write_text("mine")
    with pytest.raises(HumansenseError, match="holds other files"):
        export(root, out, layout)
    (home / "mine.txt").unlink()
    export(root, out, layout)
    other = make_set(tmp_path / "other", 1, 1)
    with pytest.raises(HumansenseError, match="an export with another set"):
        export(other, out, layout)
    (home / "export.json").write_text("{")
    with pytest.raises(HumansenseError, match=r"export\.json cannot be read"):
        export(root, out, layout)


def test_a_full_disk_is_one_message_and_leaves_whole_clips(root, tmp_path, monkeypatch):
    from humansense.data.export import folders

    real, count = ClipSet.member, []

    def member(self, *arguments):
        count.append(1)
        if len(count) > 60:
            raise OSError(28, "No space left on device")
        return real(self, *arguments)

    monkeypatch.setattr(folders.ClipSet, "member", member)
    with pytest.raises(HumansenseError, match=r"c000001: the disk is full"):
        export(root, tmp_path, "folders")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c000000", "export.json"]


def test_splits_stand_side_by_side_and_bad_settings_are_named(root, tmp_path):
    small = make_set(tmp_path / "small", 1, 1, engine=True)
    export(root, tmp_path / "out", "surreal", split="train")
    export(small, tmp_path / "out", "surreal", split="test")
    assert len(open_reader(tmp_path / "out")) == 20
    assert len(open_source(f"surreal-middle:{tmp_path / 'out' / 'cmu' / 'test'}")) == 1
    for options, match in (({"workers": 0}, "--workers"), ({"split": "../x"}, "--split-name"), ({"masks": "x"}, "rle")):
        with pytest.raises(HumansenseError, match=match):
            ExportSettings(root, tmp_path, "coco", **options)
    with pytest.raises(HumansenseError, match="unknown layout"):
        export(root, tmp_path / "x", "voc")
    with pytest.raises(HumansenseError, match=r"no set\.json"):
        export(tmp_path / "out", tmp_path / "x", "coco")
