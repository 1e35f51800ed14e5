from dataclasses import replace

import numpy as np
import pytest
import torch
from fake_set import clip_frames, make_set

from humansense.core import HumansenseError, Person, Sample, joint_set, part_map, part_set
from humansense.data import augment
from humansense.data.augment import AugmentSettings
from humansense.data.crops import UNKNOWN, collate, cut
from humansense.data.loaders import EvalCrops, TrainCrops, crop_loader, open_source, seen_from_behind
from humansense.data.store import Clip, ClipSet, ShardWriter, Track, shard_path, start_set
from humansense.data.transforms import apply_points, crop_matrix, crop_to_box

PLAIN = AugmentSettings(
    mirror=0, rotation_deg=0, any_rotation=0, off_center=0, upper_body=0, aspect=0, no_person=0, other_person=0,
    occlude=0, texture_background=0, grey=0, colour=0, shade=0, low_resolution=0, blur=0, noise=0, jpeg=0,
)  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return make_set(tmp_path_factory.mktemp("loaders") / "set", 2, 3, 4)


@pytest.fixture(scope="module")
def source(root):
    return ClipSet(root)


def _same(one, other):
    for name in vars(one):
        a, b = getattr(one, name), getattr(other, name)
        if isinstance(a, torch.Tensor):
            assert torch.equal(torch.nan_to_num(a.double(), 77), torch.nan_to_num(b.double(), 77)), name
        else:
            assert a == b


def test_a_sample_is_decided_by_seed_and_number(source):
    first, second = (TrainCrops([source], 64, seed=3) for _ in range(2))
    for n in (40, 3, 25):
        second.crop(n)
    _same(collate([first.crop(n) for n in range(5)]), collate([second.crop(n) for n in range(5)]))
    other = TrainCrops([source], 64, seed=4)
    assert any((first.crop(n).image != other.crop(n).image).any() for n in range(3))


def test_an_epoch_sees_every_frame_once_in_another_order(source):
    crops = TrainCrops([source, source], 32, settings=PLAIN)
    epochs = [[crops._frame(n).key for n in range(e * 48, e * 48 + 48)] for e in range(2)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == sorted(2 * [source.read(i).key for i in range(24)])
    assert epochs[0] != epochs[1]


def test_batches_do_not_depend_on_workers_and_resume_exactly(source):
    crops = TrainCrops([source], 48, seed=1)
    alone = list(crop_loader(crops, 4, workers=0, start=0, stop=5))
    for workers, start in ((2, 0), (1, 3), (0, 2)):
        got = list(crop_loader(crops, 4, workers=workers, start=start, stop=5))
        assert len(got) == 5 - start
        for one, other in zip(alone[start:], got, strict=True):
            _same(one, other)


def test_batch_is_as_core_says(source):
    (batch,) = crop_loader(TrainCrops([source], 48), 6, stop=1)
    assert batch.images.shape == (6, 3, 48, 48)
    assert batch.images.dtype == torch.float32
    assert 0 <= batch.images.min() <= batch.images.max() <= 1
    assert batch.parts.dtype == torch.int64
    assert batch.parts.max() <= 14
    assert batch.joints.shape == (6, 21, 2)
    assert batch.visible.dtype == batch.has_person.dtype == torch.bool
    assert batch.to_image.shape == (6, 3, 3)
    assert len(batch.keys) == 6


def test_augmented_truth_still_lies_on_the_person(source):
    """Without occluders: a visible joint lies on a pixel of its own sphere's part, whatever the geometry did."""
    settings = replace(PLAIN, mirror=0.5, rotation_deg=30, any_rotation=0.3, off_center=0.5, aspect=0.1)
    crops = TrainCrops([source], 160, settings=settings)
    table = part_map("smpl24", "parts14")
    from fake_set import sphere_labels

    own = table[sphere_labels()]
    hits = total = 0
    for n in range(24):
        crop = crops.crop(n)
        assert np.array_equal(np.isfinite(crop.depth), crop.parts > 0)
        for j in np.flatnonzero(crop.visible):
            x, y = np.floor(crop.joints[j]).astype(int)
            name = joint_set("human21").names[j]
            if name.startswith(("left_", "right_")) and not name.endswith(("hip", "shoulder", "eye", "ear")):
                total += 1
                hits += crop.parts[y, x] == own[j]
    assert total > 60
    # Nearest neighbour at a sphere's rim, and other spheres just in front, may take a few.
    assert hits / total > 0.93


def test_depth_counts_from_each_persons_own_pelvis(tmp_path):
    clip, (frame,) = clip_frames(0, 1)
    joints = clip.people[0].joints3d["human21"]
    far = joints + np.float32([0, 0, 2])
    half = np.zeros_like(frame.instance)
    half[:, 64:] = frame.instance[:, 64:]
    start_set(tmp_path, {})
    with ShardWriter(shard_path(tmp_path, 0)) as writer:
        people = (Track({"human21": joints}), Track({"human21": far}))
        writer.add_clip(Clip("a", people), [replace(frame, instance=frame.instance + half)])
    sample = ClipSet(tmp_path).read(0)
    crop = cut(sample, 0, np.eye(3), (96, 128), "human21")
    pelvis = joint_set("human21").index("pelvis")
    for label, person in ((1, joints), (2, far)):
        at = sample.instance == label
        assert at.any()
        assert np.allclose(crop.depth[at], sample.depth[at] - person[0, pelvis, 2], atol=1e-5)
    assert EvalCrops(ClipSet(tmp_path), 64).crop(1).has_person
    assert len(EvalCrops(ClipSet(tmp_path), 64)) == 2


def test_evaluation_crops_go_around_the_box(source):
    crops = EvalCrops(source, 80, scale=1.25)
    assert len(crops) == 24
    for n in (0, 7, 23):
        crop, sample = crops.crop(n), source.read(n)
        box = sample.people[0].box
        expected = crop_to_box(box, (80, 80), 1.25)
        assert np.allclose(crop.matrix, expected)
        back = apply_points(collate([crop]).to_image[0].numpy(), crop.joints.astype(np.float64))
        assert np.allclose(back, sample.people[0].joints2d, atol=1e-3)
    batches = list(crop_loader(crops, 10))
    assert [len(batch) for batch in batches] == [10, 10, 4]


def test_a_crop_without_people(source):
    crops = TrainCrops([source], 64, settings=replace(PLAIN, no_person=1.0))
    for n in range(12):
        crop = crops.crop(n)
        assert not crop.has_person
        assert not crop.parts.any()
        assert np.isnan(crop.depth).all()
        assert np.isnan(crop.joints).all()
        assert not crop.visible.any()


def test_upper_body_boxes_stay_with_what_is_seen_of_the_person(source):
    from humansense.data.loaders import upper_body_box

    sample = source.read(0)
    whole = np.array([0, 0, 128, 96], np.float32)
    points = np.full((21, 2), 60.0, np.float32)
    for name, place in (("head_top", (50, -90)), ("left_shoulder", (80, 40)), ("right_shoulder", (30, 42))):
        points[joint_set("human21").index(name)] = place
    cut_off = replace(sample, people=(Person("human21", points, box=whole),))
    for seed in range(4):
        box = upper_body_box(cut_off, 0, np.random.default_rng(seed), whole)
        assert box.tolist() == [30, 0, 80, 60]
    beyond = replace(sample, people=(Person("human21", points - 200, box=whole),))
    assert np.array_equal(upper_body_box(beyond, 0, np.random.default_rng(0), whole), whole)


def test_photos_have_unknown_parts():
    image = np.zeros((50, 60, 3), np.uint8)
    joints = np.full((14, 2), 25.0, np.float32)
    joints[3] = np.nan
    photo = Sample(image=image, key="p", people=(Person("lsp14", joints, box=np.array([5, 5, 45, 45], np.float32)),))
    batch = collate([EvalCrops([photo_source := _List([photo])][0], 32, "mpii16").crop(0)])
    assert len(photo_source) == 1
    assert (batch.parts == -1).all()
    assert batch.has_person.all()
    names = joint_set("mpii16")
    assert torch.isnan(batch.joints[0, names.index("left_hip")]).all()
    assert torch.isnan(batch.joints[0, names.index("pelvis")]).all()
    assert torch.isfinite(batch.joints[0, names.index("left_knee")]).all()
    masked = replace(photo, mask=np.arange(60)[None].repeat(50, 0) < 20)
    parts = cut(masked, 0, np.eye(3), (50, 60), "mpii16").parts
    assert (parts[:, :20] == UNKNOWN).all()
    assert (parts[:, 20:] == 0).all()


class _List(list):
    def read(self, i):
        return self[i]


# --- each change of the picture


def _crop(source, i=0):
    return cut(source.read(i), 0, np.eye(3), (96, 128), "human21")


def test_occluders_take_the_truth_away_where_they_lie(source):
    hidden = 0
    for seed in range(10):
        crop = _crop(source)
        before = replace(crop, image=crop.image.copy(), parts=crop.parts.copy(), visible=crop.visible.copy())
        augment.occlude(crop, np.random.default_rng(seed))
        changed = (crop.image != before.image).any(-1)
        lost = (before.parts > 0) & (crop.parts == 0)
        assert lost.sum() <= changed.sum() + 40
        assert np.array_equal(np.isfinite(crop.depth), crop.parts > 0)
        hidden += int((before.visible & ~crop.visible).sum())
        assert not (crop.visible & ~before.visible).any()
    assert hidden > 5


@pytest.mark.parametrize("in_front", [False, True])
def test_a_pasted_person_keeps_its_own_truth(source, in_front):
    crop, other = _crop(source, 0), _crop(source, 9)
    parts, depth, visible = crop.parts.copy(), crop.depth.copy(), crop.visible.copy()
    image = crop.image.copy()
    augment.paste_person(crop, other, in_front)
    wins = (other.parts > 0) & (in_front | (parts == 0))
    assert wins.any()
    assert np.array_equal(crop.parts, np.where(wins, other.parts, parts))
    assert np.array_equal(crop.depth, np.where(wins, other.depth, depth), equal_nan=True)
    if in_front:
        assert (visible & ~crop.visible).any()
    else:
        assert np.array_equal(crop.image[parts > 0], image[parts > 0])
        assert np.array_equal(crop.visible, visible)


def test_background_is_replaced_and_the_person_is_not(source):
    crop = _crop(source)
    before = crop.image.copy()
    augment.replace_background(crop, np.random.default_rng(0))
    inner = crop.parts > 0
    inner[1:-1, 1:-1] &= inner[:-2, 1:-1] & inner[2:, 1:-1] & inner[1:-1, :-2] & inner[1:-1, 2:]
    assert np.abs(crop.image[inner].astype(int) - before[inner]).mean() < 12
    assert (crop.image[crop.parts == 0] != before[crop.parts == 0]).any(-1).mean() > 0.9


def test_colour_matrix():
    neutral = np.full(3, 100.0)
    identity = augment.colour_matrix(1.0, 0.0, np.ones(3))
    assert np.allclose(identity, np.eye(3))
    assert np.allclose(augment.colour_matrix(0.4, 0.7, np.ones(3)) @ neutral, neutral)
    grey = augment.colour_matrix(0.0, 0.0, np.ones(3)) @ np.array([200.0, 10, 50])
    assert np.allclose(grey, 0.299 * 200 + 0.587 * 10 + 0.114 * 50)
    third = augment.colour_matrix(1.0, 2 * np.pi / 3, np.ones(3))
    assert np.allclose(third @ np.array([1.0, 0, 0]), [0, 1, 0])


@pytest.mark.parametrize(
    "change", [augment.shade, augment.lower_resolution, augment.blur, augment.add_noise, augment.jpeg]
)
def test_every_camera_change_keeps_the_picture_in_place(source, change):
    image = source.read(0).image
    changed = 0
    for seed in range(6):
        got = change(image, np.random.default_rng(seed))
        assert got.shape == image.shape
        assert got.dtype == np.uint8
        assert np.array_equal(got, change(image, np.random.default_rng(seed)))
        # Correlates best with the unmoved picture: nothing shifts the truth.
        a = got.astype(np.float64).sum(-1) - got.sum(-1).mean()
        b = image.astype(np.float64).sum(-1) - image.sum(-1).mean()
        scores = {(dx, dy): (np.roll(a, (dy, dx), (0, 1)) * b).sum() for dx in (-1, 0, 1) for dy in (-1, 0, 1)}
        assert max(scores, key=scores.__getitem__) == (0, 0)
        changed += not np.array_equal(got, image)
    assert changed >= 5


def test_grey_is_grey(source):
    got = augment.jitter_colour(source.read(0).image, np.random.default_rng(0), grey=True)
    assert (np.ptp(got.astype(int), axis=-1) <= 1).all()


def test_crops_are_as_the_settings_say():
    rng = np.random.default_rng(0)
    box = np.array([100, 50, 160, 210], np.float32)
    settings = replace(PLAIN, fill_min=0.3, fill_max=1.1)
    fills = []
    for _ in range(300):
        matrix = augment.sample_crop(box, (480, 640), (160, 160), rng, settings)
        fills.append(np.linalg.norm(matrix[:2, 1]) * 160 / 160)
    assert 0.299 < min(fills) < 0.34
    assert 1.05 < max(fills) < 1.101
    assert np.mean(np.array(fills) > 0.6) > 0.6
    wide = [augment.sample_crop(box, (160, 160), (80, 80), rng, settings) for _ in range(100)]
    assert min(np.linalg.norm(m[:2, 1]) for m in wide) >= 80 / (1.5 * 160) - 1e-9


def test_wrong_settings_and_sources_are_named(tmp_path, source):
    with pytest.raises(HumansenseError, match=r"jpeg is 1\.5"):
        AugmentSettings(jpeg=1.5)
    with pytest.raises(HumansenseError, match="fill"):
        AugmentSettings(fill_min=0.9, fill_max=0.5)
    with pytest.raises(HumansenseError, match="no frame to train on"):
        TrainCrops([])
    with pytest.raises(HumansenseError, match="joint set"):
        TrainCrops([source], joints="nonsense")
    with pytest.raises(HumansenseError, match=r"no set\.json"):
        open_source(tmp_path)
    with pytest.raises(HumansenseError, match="must be positive"):
        crop_matrix(np.zeros(2), 0.0, (8, 8))
    assert len(part_set("parts14")) == 15


def _standing(facing: float) -> Sample:
    """Somebody upright whose chest points to the camera (facing = 1) or away from it (-1)."""
    names = joint_set("coco17")
    joints = np.full((len(names), 3), np.nan, np.float32)
    for side, sign in (("left", facing), ("right", -facing)):
        joints[names.index(f"{side}_shoulder")] = (0.2 * sign, -0.5, 3)
        joints[names.index(f"{side}_hip")] = (0.1 * sign, 0, 3)
    return Sample(np.zeros((8, 8, 3), np.uint8), "x", people=(Person("coco17", joints[:, :2], joints),))


def test_who_is_seen_from_behind():
    assert not seen_from_behind(_standing(1))
    assert seen_from_behind(_standing(-1))
    photo = _standing(-1)
    photo.people[0].joints3d = None
    assert not seen_from_behind(photo)  # not known
    assert not seen_from_behind(Sample(np.zeros((8, 8, 3), np.uint8), "empty"))


def test_people_seen_from_behind_are_taken_less_often():
    class Half:
        def __len__(self):
            return 200

        def read(self, i):
            return _standing(1 if i % 2 else -1)

    def share(keep):
        settings = AugmentSettings(from_behind=keep, no_person=0, mirror=0, any_rotation=0)
        crops = TrainCrops([Half()], 32, "coco17", settings=settings)
        names, seen = joint_set("coco17"), []
        for n in range(200):
            joints = crops.crop(n).joints
            span = joints[names.index("left_shoulder"), 0] - joints[names.index("right_shoulder"), 0]
            seen += [span < 0] if np.isfinite(span) else []
        return np.mean(seen)

    assert abs(share(1.0) - 0.5) < 0.15
    assert share(0.0) < 0.1
