"""Truth for real footage: pictures, camera and fits become a set whose labels are where the fits say."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from test_smpl import model_arrays

from humansense.core import HumansenseError
from humansense.data.check import check_set
from humansense.data.store import ClipSet
from humansense.geometry import matrix_to_axis_angle
from humansense.synth import Ingredients, Source, sample_spec
from humansense.synth.film import prepare, roll
from humansense.synth.footage import Footage, label_footage, read_cameras
from humansense.video import VideoWriter

FRAMES, SIZE = 5, (120, 160)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list]:
    """Frames of a filmed person as pictures, with the camera and the fit in files; and the samples themselves."""
    root = tmp_path_factory.mktemp("footage")
    ingredients = Ingredients((Source("procedural:walk"),), size=SIZE, frames=FRAMES)
    scene = prepare(sample_spec((3, 0, 1), "surreal", ingredients))
    samples = list(roll(scene, "c0")[1])
    (root / "frames").mkdir()
    for t, sample in enumerate(samples):
        cv2.imwrite(str(root / "frames" / f"{t:03d}.png"), sample.image[..., ::-1])
    camera = scene.cameras[0].to_dict()
    (root / "camera.json").write_text(json.dumps({k: camera[k] for k in ("K", "R", "t")}))
    person = scene.performers[0]
    np.savez(
        root / "person.npz",
        shape=person.actor.shape,
        pose_aa=matrix_to_axis_angle(person.motion.pose).numpy(),
        translation=person.motion.translation.numpy(),
        identity=person.identity,
        expression=person.expression,
    )
    return root, samples


def test_the_labels_are_where_the_person_is(recording: tuple[Path, list], tmp_path: Path) -> None:
    root, samples = recording
    footage = Footage(root / "frames", root / "camera.json", (root / "person.npz",))
    seen: list[tuple[int, int]] = []
    assert label_footage(footage, tmp_path / "set", lambda done, total: seen.append((done, total))) == FRAMES
    assert seen == [(FRAMES, FRAMES)]
    assert not check_set(tmp_path / "set").failures
    clips = ClipSet(tmp_path / "set", joint_set="coco17")
    for t, sample in enumerate(samples):
        labelled = clips.read(t)
        assert np.abs(labelled.image.astype(int) - sample.image).mean() < 6  # a JPEG of the same picture
        assert np.allclose(labelled.people[0].joints2d, sample.people[0].joints2d, atol=1e-2)
        bare, dressed = labelled.instance > 0, sample.instance > 0
        assert (bare & dressed).sum() > 0.93 * bare.sum()  # clothes stand out over the body, not the other way
        assert np.isnan(labelled.flow[~bare]).all()  # nobody knows how the background moves
        both = bare & dressed & (labelled.parts == sample.parts)
        assert both.sum() > 0.6 * (bare & dressed).sum()
    mtime = (tmp_path / "set/shards/000000.tar").stat().st_mtime_ns
    label_footage(footage, tmp_path / "set")
    assert (tmp_path / "set/shards/000000.tar").stat().st_mtime_ns == mtime


def test_pictures_of_a_distorting_lens_are_straightened(recording: tuple[Path, list], tmp_path: Path) -> None:
    root, samples = recording
    calibration = json.loads((root / "camera.json").read_text())
    K, dist = np.array(calibration["K"]), np.array([-0.9, 0.2, 0, 0, 0])
    # A distorted picture shows at each pixel what the straight one has at the undistorted place.
    ys, xs = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float64)
    inner = K.copy()
    inner[:2, 2] -= 0.5
    places = cv2.undistortPoints(np.stack([xs, ys], -1).reshape(-1, 1, 2), inner, dist, P=inner)
    where = places.reshape(*SIZE, 2).astype(np.float32)
    lens = tmp_path / "lens"
    lens.mkdir()
    board = np.repeat((128 + 50 * (np.sin(xs / 3) + np.sin(ys / 3))).astype(np.uint8)[..., None], 3, -1)
    shown = cv2.remap(board, where, None, cv2.INTER_LINEAR)
    for t in range(len(samples)):
        cv2.imwrite(str(lens / f"{t}.png"), shown)
    (tmp_path / "camera.json").write_text(json.dumps(calibration | {"dist": dist.tolist()}))
    footage = Footage(lens, tmp_path / "camera.json", (root / "person.npz",))
    label_footage(footage, tmp_path / "set")
    straight = ClipSet(tmp_path / "set").read(2)
    middle = (slice(20, 100), slice(30, 130))
    left = np.abs(straight.image.astype(int) - board)[middle].mean()
    assert left < 0.5 * np.abs(shown.astype(int) - board)[middle].mean()


def test_a_video_is_labelled_frame_by_frame(recording: tuple[Path, list], tmp_path: Path) -> None:
    root, samples = recording
    with VideoWriter(tmp_path / "walk.mp4", fps=50) as video:
        for sample in samples:
            video.write(sample.image)
    footage = Footage(tmp_path / "walk.mp4", root / "camera.json", (root / "person.npz",))
    assert label_footage(footage, tmp_path / "set") == FRAMES
    clips = ClipSet(tmp_path / "set")
    assert clips.clip_info(clips.clips[0])["fps"] == 50
    for t, sample in enumerate(samples):
        assert np.abs(clips.read(t).image.astype(int) - sample.image).mean() < 12


def test_fits_of_smpl_are_labelled_with_its_own_joints(tmp_path: Path) -> None:
    np.savez(tmp_path / "model.npz", **model_arrays())
    frames = tmp_path / "frames"
    frames.mkdir()
    for t in range(3):
        cv2.imwrite(str(frames / f"{t}.png"), np.full((*SIZE, 3), 40 * t, np.uint8))
    rng = np.random.default_rng(0)
    trans = np.array([[0.0, 0.0, 9.0]]) + rng.normal(0, 0.1, (3, 3))
    np.savez(tmp_path / "fit.npz", poses=rng.normal(0, 0.2, (3, 72)), betas=rng.normal(0, 1, 10), trans=trans)
    (tmp_path / "camera.json").write_text(json.dumps({"K": [[150, 0, 80], [0, 150, 60], [0, 0, 1]]}))
    footage = Footage(frames, tmp_path / "camera.json", (tmp_path / "fit.npz",), tmp_path / "model.npz")
    assert label_footage(footage, tmp_path / "set") == 3
    sample = ClipSet(tmp_path / "set", joint_set="smpl24").read(1)
    assert (sample.instance == 1).any()
    assert sample.dense is None
    assert sample.garments is None or not (sample.garments > 1).any()
    assert np.isfinite(sample.people[0].joints3d).all()
    with pytest.raises(HumansenseError, match="--smpl"):
        label_footage(Footage(frames, tmp_path / "camera.json", (tmp_path / "fit.npz",)), tmp_path / "other")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ({"R": np.eye(3).tolist()}, "no K"),
        ({"K": [[1, 2], [3, 4]]}, "shape"),
        ({"K": np.eye(3).tolist(), "t": [[0, 0, 1]] * 2}, "shape"),
        ({"K": np.eye(3).tolist(), "dist": [1, 2]}, "dist"),
    ],
)
def test_a_camera_that_cannot_be_is_refused(content: dict, word: str, tmp_path: Path) -> None:
    (tmp_path / "camera.json").write_text(json.dumps(content))
    with pytest.raises(HumansenseError, match=word):
        read_cameras(tmp_path / "camera.json", 5, SIZE)


def test_fits_and_pictures_of_different_length_are_refused(recording: tuple[Path, list], tmp_path: Path) -> None:
    root, _ = recording
    with np.load(root / "person.npz") as file:
        short = {k: v[:3] if k in ("pose_aa", "translation") else v for k, v in file.items()}
    np.savez(tmp_path / "short.npz", **short)
    footage = Footage(root / "frames", root / "camera.json", (tmp_path / "short.npz",))
    with pytest.raises(HumansenseError, match="cut them to the same"):
        label_footage(footage, tmp_path / "set")
    (tmp_path / "broken.npz").write_bytes(b"PK not really")
    with pytest.raises(HumansenseError, match=r"broken\.npz"):
        label_footage(Footage(root / "frames", root / "camera.json", (tmp_path / "broken.npz",)), tmp_path / "set")
