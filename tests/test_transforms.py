from dataclasses import replace

import cv2
import numpy as np
import pytest
from fake_set import RADIUS_M, camera, clip_frames, sphere_labels

from humansense.core import HumansenseError, Sample, joint_set, part_set
from humansense.core.values import MAP_FIELDS
from humansense.data.transforms import (
    apply_points,
    axes_turn,
    crop_matrix,
    crop_to_box,
    fit_matrix,
    mirrors,
    warp_image,
    warp_nearest,
    warp_sample,
)


def _matrices():
    rng = np.random.default_rng(0)
    for k in range(8):
        yield crop_matrix(
            rng.uniform(20, 70, 2),
            rng.uniform(30, 160),
            (64, 80),
            rng.uniform(-3, 3),
            bool(k % 2),
            rng.uniform(0.8, 1.2),
        )


def _ramp(size=(96, 128)):
    """A picture whose value is its own coordinate, so that a warp can be read back."""
    xs, ys = np.meshgrid(np.arange(size[1]) + 0.5, np.arange(size[0]) + 0.5)
    return np.stack([xs, ys], -1).astype(np.float32)


@pytest.mark.parametrize("matrix", list(_matrices()))
def test_a_warp_samples_where_the_inverse_map_says(matrix):
    """Bilinear warping of a linear ramp is exact, so the value at a crop pixel is the place it came from."""
    size = (64, 80)
    ramp = _ramp()
    warped = warp_nearest(np.pad(ramp, ((0, 0), (0, 0), (0, 1))), matrix, size, np.nan)[..., :2]
    linear = cv2.warpAffine(ramp, _cv(matrix), (80, 64), flags=cv2.INTER_LINEAR, borderValue=(np.nan,) * 4)
    expected = apply_points(np.linalg.inv(matrix), _ramp(size).astype(np.float64))
    known = np.isfinite(linear).all(-1)
    assert known.sum() > 200
    # OpenCV rounds the place to 1/32 px; a wrong convention would be off by up to half a pixel, all one way.
    assert np.abs(linear - expected)[known].max() < 0.02
    assert np.abs((linear - expected)[known].mean(0)).max() < 1e-3
    near = np.isfinite(warped).all(-1)
    assert np.abs(warped - expected)[near].max() < 0.5 + 0.02


def _cv(matrix):
    from humansense.data.transforms import to_opencv

    return to_opencv(matrix)


def test_identity_keeps_every_bit():
    image = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    assert np.array_equal(warp_image(image, np.eye(3), (40, 60)), image)


def test_shrinking_averages_blocks():
    image = np.random.default_rng(0).integers(0, 255, (64, 96, 3), dtype=np.uint8)
    naive = image.reshape(16, 4, 24, 4, 3).mean((1, 3))
    got = warp_image(image, np.diag([0.25, 0.25, 1.0]), (16, 24))
    assert np.abs(got - naive).max() <= 1


@pytest.mark.parametrize("factor", [0.11, 0.3, 0.74])
def test_shrinking_does_not_shift(factor):
    """The centroid of a blob moves exactly with the map."""
    xs, ys = np.meshgrid(np.arange(300) + 0.5, np.arange(300) + 0.5)
    blob = np.exp(-((xs - 130.3) ** 2 + (ys - 171.7) ** 2) / (2 * 20**2))
    image = np.repeat((blob * 255).astype(np.uint8)[..., None], 3, -1)
    matrix = crop_matrix(np.array([140.0, 160.0]), 300, (int(300 * factor),) * 2, 0.4)
    got = warp_image(image, matrix, (int(300 * factor),) * 2)[..., 0].astype(np.float64)
    gx, gy = np.meshgrid(np.arange(got.shape[1]) + 0.5, np.arange(got.shape[0]) + 0.5)
    centroid = np.array([(gx * got).sum(), (gy * got).sum()]) / got.sum()
    assert np.abs(centroid - apply_points(matrix, np.array([130.3, 171.7]))).max() < 0.02


@pytest.mark.parametrize("matrix", list(_matrices()))
def test_a_warped_sample_is_still_true(matrix):
    """Joints reproject through the moved camera, and joint, depth, normal and part meet at the same crop pixel."""
    clip, frames = clip_frames(3, 1)
    from humansense.core import Person

    points = clip.people[0].joints3d["human21"][0]
    person = Person("human21", frames[0].camera.to_pixels(points).astype(np.float32), joints3d=points)
    frames[0].people = (person,)
    got = warp_sample(frames[0], matrix, (64, 80))
    assert np.abs(got.camera.to_pixels(got.people[0].joints3d) - got.people[0].joints2d).max() < 1e-3
    order = joint_set("human21").mirror if mirrors(matrix) else slice(None)
    assert np.allclose(got.people[0].joints2d, apply_points(matrix, person.joints2d)[order])
    seen = np.isfinite(got.depth)
    assert np.array_equal(seen, got.parts > 0)
    assert np.array_equal(seen, got.normals.any(-1))
    # The surface point of a pixel lies on the sphere whose label it has: radius from the joint along the normal.
    ys, xs = np.nonzero(seen)
    z = got.depth[ys, xs]
    rays = np.stack([xs + 0.5, ys + 0.5, np.ones(len(xs))], -1) @ np.linalg.inv(got.camera.K).T
    centers = rays * z[:, None] - RADIUS_M * got.normals[ys, xs]
    table = part_set("smpl24").mirror if mirrors(matrix) else np.arange(25)
    at_label = np.zeros(25, np.int64)
    at_label[sphere_labels()] = np.arange(21)
    sphere = at_label[table[got.parts[ys, xs]]]
    truth = (points @ axes_turn(matrix).T)[sphere]
    # Nearest neighbour moves a pixel by up to half a source pixel (13 mm here).
    assert np.abs(centers - truth).max() < 0.03


@pytest.mark.parametrize("matrix", list(_matrices()))
def test_the_flow_of_a_crop_is_the_way_between_the_mapped_ends(matrix):
    """Both ends of a pixel's motion moved by the map, for a motion that differs from pixel to pixel."""
    _, frames = clip_frames(3, 2, engine=True)
    rng = np.random.default_rng(0)
    frame = replace(frames[0], flow=rng.normal(0, 5, (*frames[0].size, 2)).astype(np.float32))
    got = warp_sample(frame, matrix, (64, 80))
    ys, xs = np.nonzero(np.isfinite(got.flow).all(-1))
    start = np.floor(apply_points(np.linalg.inv(matrix), np.stack([xs, ys], -1) + 0.5)).astype(int)
    inside = ((start >= 0) & (start < frame.size[::-1])).all(-1)
    assert inside.sum() > 1000
    start, seen = start[inside], got.flow[ys, xs][inside]
    ends = start + 0.5 + frame.flow[start[:, 1], start[:, 0]]
    expected = apply_points(matrix, ends) - apply_points(matrix, start + 0.5)
    # Where a centre falls between two pixels, rounding takes either.
    assert (np.abs(seen - expected).max(-1) < 1e-3).mean() > 0.97
    person = got.instance > 0
    assert (got.hidden_depth >= got.depth)[person].all()
    assert np.array_equal(np.isfinite(got.dense).all(-1), person)
    assert np.array_equal(got.garments > 0, person)


def test_mirroring_twice_is_nothing():
    _, frames = clip_frames(1, 2, engine=True)
    flip = crop_matrix(np.array([64.0, 48.0]), 96, (96, 128), mirror=True)
    twice = warp_sample(warp_sample(frames[0], flip, (96, 128)), flip, (96, 128))
    for name in ("image", *(name for name in MAP_FIELDS if name != "mask")):
        assert np.allclose(getattr(twice, name), getattr(frames[0], name), equal_nan=True), name


def test_matrix_round_trip_and_centre():
    matrix = crop_to_box(np.array([10.0, 20, 50, 100]), (160, 160), 1.25, 0.3)
    assert np.allclose(apply_points(matrix, np.array([30.0, 60.0])), [80, 80])
    points = np.random.default_rng(0).uniform(0, 100, (9, 2))
    assert np.allclose(apply_points(np.linalg.inv(matrix), apply_points(matrix, points)), points)
    assert np.isclose(np.sqrt(np.linalg.det(matrix[:2, :2])), 160 / 100)
    inside = apply_points(fit_matrix((50, 200), (96, 128)), np.array([[0.0, 0], [200, 50]]))
    assert np.allclose(inside, [[0, 32], [128, 64]])


def test_rotation_is_clockwise():
    matrix = crop_matrix(np.array([50.0, 50.0]), 100, (100, 100), np.pi / 2)
    assert np.allclose(apply_points(matrix, np.array([50.0, 0.0])), [100, 50])


def test_an_empty_box_is_refused():
    with pytest.raises(HumansenseError, match="empty"):
        crop_to_box(np.array([5.0, 5, 5, 5]), (10, 10))


def test_a_crop_beside_the_picture_is_border():
    image = np.full((20, 20, 3), 200, np.uint8)
    got = warp_image(image, crop_matrix(np.array([500.0, 500.0]), 10, (16, 16)), (16, 16), fill=(1, 2, 3))
    assert (got == (1, 2, 3)).all()
    sample = warp_sample(Sample(image=image, key="k", camera=camera((20, 20))), np.eye(3), (20, 20))
    assert sample.parts is None
    assert sample.camera is not None
