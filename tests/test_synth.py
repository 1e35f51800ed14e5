"""Specs from a seed, cameras, filming, and sets that do not depend on who made them."""

import dataclasses
import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from humansense.bodies import body_solid, load_body, pose_stored
from humansense.core import HumansenseError, joint_set
from humansense.data.check import check_set
from humansense.data.store import ClipSet
from humansense.motion import PROCEDURAL
from humansense.synth import PRESETS, Ingredients, Source, SynthSettings, View, make_set, sample_spec
from humansense.synth.cameras import BUST, clip_cameras, place_camera
from humansense.synth.cast import act, cast, mirrored
from humansense.synth.film import film, prepare, roll
from humansense.synth.spec import split_motions

INGREDIENTS = Ingredients(tuple(Source(f"procedural:{kind}") for kind in PROCEDURAL), size=(72, 96), frames=2)


def with_actor(spec, **changes):
    """The spec with its first person changed."""
    return dataclasses.replace(spec, actors=(dataclasses.replace(spec.actors[0], **changes), *spec.actors[1:]))


@pytest.mark.parametrize("preset", PRESETS)
def test_a_spec_depends_on_its_seed_alone(preset: str) -> None:
    one, same = (sample_spec((5, 0, 7), preset, INGREDIENTS) for _ in range(2))
    assert one == same
    other = sample_spec((5, 0, 8), preset, INGREDIENTS)
    assert other.actors != one.actors
    assert other.light != one.light
    assert other.views != one.views
    json.dumps(one.to_dict())


def test_the_surreal_preset_is_the_papers() -> None:
    """Varol 2019, section 3.3.1."""
    specs = [sample_spec((0, 0, i), "surreal", INGREDIENTS) for i in range(400)]
    assert all(len(s.views) == 1 and s.views[0].focal == 60 / 32 and len(s.actors) == 1 for s in specs)
    assert all(s.sun is None and s.place.kind == "picture" and s.exposure_s == 0 and s.sensor == "off" for s in specs)
    assert all(a.speed == 1 for s in specs for a in s.actors)
    distances = np.array([s.views[0].distance_m for s in specs])
    assert abs(distances.mean() - 8) < 0.2
    assert abs(distances.std() - 1) < 0.15
    yaw = np.array([s.views[0].yaw_rad for s in specs])
    assert np.histogram(yaw, 8, (-np.pi, np.pi))[0].min() > 20
    light = np.array([s.light for s in specs])
    assert light[:, 0].min() >= 0.5
    assert np.abs(light[:, 1:]).max() <= 0.7
    assert light[:, 2].min() >= 0  # from above


def test_empty_pictures_are_few_and_only_in_wild() -> None:
    people = np.array([len(sample_spec((1, 0, i), "wild", INGREDIENTS).actors) for i in range(500)])
    assert 0.9 < np.mean(people > 0) < 0.99
    assert 0.1 < np.mean(people > 1) < 0.3
    assert people.max() <= 6


def test_what_is_asked_for_overrides_the_preset() -> None:
    asked = dataclasses.replace(INGREDIENTS, people=6, place="room", occlusion=1.0, population="children")
    specs = [sample_spec((1, 0, i), "surreal", asked) for i in range(60)]
    assert {len(s.actors) for s in specs} == {1, 2, 3, 4, 5, 6}
    assert all(s.place.kind == "room" and s.place.occluders > 0 for s in specs)
    with pytest.raises(HumansenseError, match="--people is 7"):
        sample_spec((1, 0, 0), "wild", dataclasses.replace(INGREDIENTS, people=7))


def test_splits_share_no_subject() -> None:
    files = [f"/data/subjects/{i:02d}/{i:02d}_{k:02d}.amc" for i in range(60) for k in range(3)]
    train, test = (split_motions(files, split) for split in ("train", "test"))
    assert sorted(train + test) == files
    subjects = [{Path(f).parent.name for f in part} for part in (train, test)]
    assert not subjects[0] & subjects[1]
    assert 5 <= len(subjects[1]) <= 20
    assert set(split_motions(files[:30], "test")) <= set(test)  # more files move nobody
    with pytest.raises(HumansenseError, match="train, test"):
        split_motions(files, "val")


def test_a_camera_finds_its_target_at_its_distance() -> None:
    rng = np.random.default_rng(0)
    joints = rng.normal((3, 2, 1), 0.4, (104, 3))
    camera = place_camera(View(yaw_rad=0.7, distance_m=8), joints, (240, 320))
    assert np.allclose(camera.project(joints[0]), [160, 120])
    assert np.isclose(np.linalg.norm(camera.center - joints[0]), 8)
    assert camera.K[0, 0] == 60 / 32 * 320
    aimed = View(yaw_rad=2, elevation_rad=0.5, focal=1.5, fill=0.8, offset=(0.1, -0.2), aim="body")
    camera = place_camera(aimed, joints, (200, 200))
    middle = (joints.min(0) + joints.max(0)) / 2
    assert np.allclose(camera.project(middle), [120, 60])
    assert np.isclose((camera.center - middle)[2] / np.linalg.norm(camera.center - middle), np.sin(0.5))
    pixels = camera.project(joints)
    assert 0.4 * 200 < np.ptp(pixels, axis=0).max() <= 0.85 * 200
    bust = joints[BUST]
    portrait = place_camera(dataclasses.replace(aimed, aim="bust"), joints, (200, 200))
    assert np.allclose(portrait.project((bust.min(0) + bust.max(0)) / 2), [120, 60])
    elsewhere = joints - 3.0 * np.cross([0, 0, 1], [0, 1, 0])
    elsewhere[BUST] = bust
    other = place_camera(dataclasses.replace(aimed, aim="bust"), elsewhere, (200, 200))
    assert np.allclose(portrait.center, other.center)  # the rest of the body has no say
    near = place_camera(View(yaw_rad=0, focal=0.3, fill=5, aim="body"), joints, (200, 200))
    assert near.to_camera(joints)[:, 2].min() > 0.3  # never inside the person


def test_a_mirrored_motion_is_the_mirror_image() -> None:
    body = load_body()
    spec = with_actor(sample_spec((2, 0, 1), "surreal", INGREDIENTS), source=Source("procedural:wave"), mirror=False)
    motion = act(spec.actors[0], spec.frames, spec.fps)
    twin = mirrored(motion)
    shape = torch.full((1, 11), 0.5)
    a, b = (body(shape, m.pose, m.translation) for m in (motion, twin))
    flip = torch.tensor([-1.0, 1, 1])
    for name in ("coco17", "smpl24"):
        expected = body.regress(a, name)[:, joint_set(name).mirror] * flip
        assert torch.allclose(body.regress(b, name), expected, atol=2e-3)


def test_a_film_shows_the_person_it_describes() -> None:
    spec = dataclasses.replace(sample_spec((3, 0, 4), "surreal", INGREDIENTS), size=(240, 320))
    clip, frames = film(spec, "c0")
    samples = list(frames)
    assert len(samples) == 2
    track = clip.people[0]
    for t, sample in enumerate(samples):
        pixels = sample.camera.to_pixels(track.joints3d["coco17"][t])
        inside = [sample.instance[int(y), int(x)] == 1 for x, y in pixels]
        assert np.mean(inside) > 0.85  # wrists and ankles are thin
        knees = sample.camera.to_pixels(track.joints3d["smpl24"][t])
        depth = np.nanmedian(sample.depth)
        assert abs(depth - track.joints3d["smpl24"][t][0, 2]) < 0.5
        assert np.isfinite(knees).all()
        assert np.allclose(sample.people[0].joints2d, pixels, atol=1e-3)
    again = list(film(spec, "c0")[1])
    assert all(
        np.array_equal(a.image, b.image) and np.array_equal(a.parts, b.parts)
        for a, b in zip(samples, again, strict=True)
    )


def test_a_place_without_people_and_without_things_is_its_background():
    spec = dataclasses.replace(sample_spec((3, 0, 5), "wild", INGREDIENTS), actors=(), size=(48, 64))
    bare = 0
    for seed in range(9, 15):
        place = dataclasses.replace(spec.place, kind="things", occluders=0, seed=seed)
        scene = prepare(dataclasses.replace(spec, place=place))
        bare += scene.stage is None
        frame = next(roll(scene, "clip")[1])
        assert not frame.instance.any()
        assert frame.image.any()
    assert 1 <= bare <= 3, "some of these places have nothing in them"


def test_a_clip_without_people_is_only_background() -> None:
    spec = sample_spec((3, 0, 5), "wild", INGREDIENTS)
    spec = dataclasses.replace(spec, actors=(), place=dataclasses.replace(spec.place, kind="picture", occluders=0))
    clip, frames = film(spec, "c1")
    sample = next(frames)
    assert clip.people == ()
    assert sample.people == ()
    assert not sample.parts.any()
    assert np.isnan(sample.depth).all()


def test_who_is_too_far_away_to_store_is_not_seen() -> None:
    spec = sample_spec((3, 0, 6), "surreal", INGREDIENTS)
    far, near = (dataclasses.replace(spec, views=(View(yaw_rad=0, distance_m=d),)) for d in (70.0, 40.0))
    assert not next(film(far, "c2")[1]).parts.any()
    assert next(film(far, "c2")[1]).people[0].box is None
    assert np.nanmax(next(film(near, "c3")[1]).depth) > 38


def _digest(root: Path) -> dict[str, str]:
    return {
        str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(root.rglob("*"))
        if p.is_file()
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SynthSettings:
    out = tmp_path_factory.mktemp("synth") / "set"
    settings = SynthSettings(out, clips=8, frames=25, size=(72, 96), seed=3, workers=2)
    seen: list[tuple[int, int]] = []
    assert make_set(settings, lambda done, total: seen.append((done, total))) == 200
    assert seen[0] == (0, 200)
    assert seen[-1] == (200, 200)
    return settings


def test_a_set_proves_consistent(made: SynthSettings) -> None:
    report = check_set(made.out)
    assert report.frames == 200
    assert not report.failures, report.failures[:3]
    assert len(ClipSet(made.out)) == 200


def test_one_worker_makes_the_same_bytes_and_resumes(made: SynthSettings, tmp_path: Path) -> None:
    alone = dataclasses.replace(made, out=tmp_path / "alone", workers=1)
    make_set(alone)
    expected = _digest(made.out)
    assert _digest(alone.out) == expected
    shards = sorted((alone.out / "shards").glob("*.tar"))
    assert len(shards) == 2
    kept = shards[0].stat().st_mtime_ns
    shards[1].write_bytes(shards[1].read_bytes()[:1000])  # what a lost machine may leave
    make_set(alone)
    assert _digest(alone.out) == expected
    assert shards[0].stat().st_mtime_ns == kept


def test_another_set_is_not_mixed_in(made: SynthSettings) -> None:
    with pytest.raises(HumansenseError, match="seed"):
        make_set(dataclasses.replace(made, seed=4))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"clips": 0}, "clips"),
        ({"frames": 0}, "frames"),
        ({"size": (8, 96)}, "size"),
        ({"preset": "surreel"}, "surreal"),
        ({"split": "val"}, "train"),
        ({"procedural": 2.0}, "procedural"),
    ],
)
def test_settings_that_cannot_be_are_refused(change: dict, word: str, tmp_path: Path) -> None:
    with pytest.raises(HumansenseError, match=word):
        SynthSettings(tmp_path / "x", **change)


def test_folders_that_hold_nothing_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("empty", "missing"):
        with pytest.raises(HumansenseError, match=name):
            make_set(SynthSettings(tmp_path / "x", clips=1, frames=1, motion=tmp_path / name))
        with pytest.raises(HumansenseError, match=name):
            make_set(SynthSettings(tmp_path / "x", clips=1, frames=1, backgrounds=tmp_path / name))
    assert not (tmp_path / "x").exists()


def test_the_cameras_of_a_ring_see_one_performance_from_their_angles() -> None:
    ring = dataclasses.replace(INGREDIENTS, angles_deg=(0.0, 45.0, 90.0))
    specs = [sample_spec((4, 0, 2), "multiview", ring, view=view) for view in range(3)]
    assert all(dataclasses.replace(s, view=0) == specs[0] for s in specs)
    scenes = [prepare(s) for s in specs]
    joints = [scene.performers[0].joints["anny"] for scene in scenes]
    assert all(np.array_equal(rows, joints[0]) for rows in joints)
    assert all(np.array_equal(scene.stage.vertices, scenes[0].stage.vertices) for scene in scenes)
    towards = np.array([scene.cameras[0].R[2, :2] for scene in scenes])
    towards /= np.linalg.norm(towards, axis=1, keepdims=True)
    turned = np.degrees(np.arccos(np.clip(towards @ towards[0], -1, 1)))
    assert np.allclose(turned, (0, 45, 90), atol=0.01)
    for scene in scenes:  # the whole performance is in the picture
        pixels = scene.cameras[0].project(joints[0].reshape(-1, 3))
        assert (pixels > 0).all()
        assert (pixels < (96, 72)).all()


def test_a_moving_camera_moves_smoothly_and_keeps_people_in_the_picture() -> None:
    spec = sample_spec((6, 0, 1), "room", dataclasses.replace(INGREDIENTS, frames=20))
    joints = [p.joints["anny"] for p in cast(spec)]
    cameras = clip_cameras(spec, joints)
    centres = np.array([camera.center for camera in cameras])
    step = np.linalg.norm(np.diff(centres, axis=0), axis=1)
    assert 0 < step.max() < 0.5
    assert np.abs(np.diff(step)).max() < 0.1
    for t, camera in enumerate(cameras):
        pixels = camera.project(joints[0][t])
        inside = (pixels > 0).all(1) & (pixels < (96, 72)).all(1)
        assert inside.mean() > 0.6


def test_several_people_stand_apart() -> None:
    spec = sample_spec((7, 0, 3), "wild", dataclasses.replace(INGREDIENTS, people=6))
    number = 3
    while len(spec.actors) < 4:
        number += 1
        spec = sample_spec((7, 0, number), "wild", dataclasses.replace(INGREDIENTS, people=6))
    people = cast(spec)
    assert len(people) >= 2
    for t in range(spec.frames):
        for i, one in enumerate(people):
            for other in people[:i]:
                gap = one.joints["anny"][t][:, None] - other.joints["anny"][t][None]
                assert np.linalg.norm(gap, axis=-1).min() > 0.05


def test_a_broken_file_is_passed_over_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    places = tmp_path / "places"
    places.mkdir()
    for i in range(3):
        cv2.imwrite(str(places / f"good{i}.png"), np.full((40, 40, 3), 60 * i + 20, np.uint8))
    whole = cv2.imencode(".jpg", np.full((40, 40, 3), 9, np.uint8))[1].tobytes()
    for i in range(4):
        (places / f"cut{i}.jpg").write_bytes(whole[: len(whole) // 2])  # begins like a picture
        (places / f"bad{i}.jpg").write_bytes(b"this is no picture")
    settings = SynthSettings(tmp_path / "set", clips=8, frames=2, size=(48, 64), backgrounds=places, workers=1)
    assert make_set(settings) == 16
    assert "bad" in caplog.text
    assert "cut" in caplog.text
    assert not check_set(settings.out).failures


def test_flow_leads_to_the_same_point_of_the_body() -> None:
    """A filmed clip: the flow warps frame t onto t + 1 within 0.1 px on visible surfaces."""
    spec = with_actor(sample_spec((8, 0, 0), "surreal", INGREDIENTS), source=Source("procedural:walk"))
    view = dataclasses.replace(spec.views[0], distance_m=3.0)
    samples = list(film(dataclasses.replace(spec, size=(240, 320), views=(view,)), "c0")[1])
    one, two = samples
    valid = (one.instance > 0) & np.isfinite(one.flow).all(-1)
    assert valid.sum() > 0.7 * (one.instance > 0).sum()
    ys, xs = np.nonzero(valid)
    target = np.stack([xs, ys], -1) + one.flow[ys, xs]  # centre of pixel 0 is at 0 here
    there = cv2.remap(two.dense, target[None].astype(np.float32), None, cv2.INTER_LINEAR)[0]
    off_m = np.linalg.norm(there - one.dense[ys, xs], axis=-1)
    known = np.isfinite(off_m)
    assert known.mean() > 0.85
    pixel_m = np.nanmedian(one.depth) / one.camera.K[0, 0]
    assert np.median(off_m[known]) < 0.1 * pixel_m
    assert np.percentile(off_m[known], 90) < 0.5 * pixel_m  # foreshortened skin holds more of the body in a pixel
    assert np.isnan(two.flow).all()
    assert np.isnan(one.flow_back).all()
    background = (one.instance == 0) & (two.instance == 0)
    assert (one.flow[background] == 0).all()
    assert np.isnan(one.flow[(one.instance == 0) & (two.instance > 0)]).all()


def test_what_a_set_stores_makes_the_body_again_and_its_solid(made: SynthSettings) -> None:
    clips, body = ClipSet(made.out, joint_set="smpl24"), load_body()
    i = next(i for i in range(len(clips)) if clips.read(i, ()).people)
    sample = clips.read(i, ())
    posed = pose_stored(body, clips.person_arrays(i))
    again = sample.camera.to_camera(body.regress(posed, "smpl24")[0].numpy())
    assert np.allclose(again, sample.people[0].joints3d, atol=2e-4)
    solid = body_solid(body, posed)
    assert solid.occupied.shape == (128, 128, 128)
    corners = posed.vertices[0].numpy()[body.faces]
    volume = np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6
    assert np.isclose(solid.occupied.sum() * solid.voxel.prod(), volume, rtol=0.03)
