"""The sensor against its stated model: variances, point spreads, gains, coding."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from humansense.core import HumansenseError
from humansense.synth.sensor import FOCUS, Sensor, capture, expose, finish, sample_sensor


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def decoded(values: np.ndarray) -> np.ndarray:
    """Linear light of sRGB values 0..255 (IEC 61966-2-1)."""
    v = np.asarray(values, float) / 255
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def patch(level: int, size: tuple[int, int] = (200, 240)) -> np.ndarray:
    return np.full((*size, 3), level, np.uint8)


def scene() -> np.ndarray:
    r = rng(8)
    picture = cv2.resize(r.integers(20, 235, (12, 16, 3), np.uint8), (160, 120), interpolation=cv2.INTER_CUBIC)
    cv2.circle(picture, (80, 60), 25, (250, 240, 230), -1)
    return picture


def test_a_perfect_camera_changes_nothing() -> None:
    levels = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16)[..., None], 3, 2)
    np.testing.assert_array_equal(expose(rng(), levels, Sensor()), levels)
    assert expose(rng(), scene(), Sensor()).dtype == np.uint8


@pytest.mark.parametrize("level", [70, 128, 190])
@pytest.mark.parametrize(("shot", "read"), [(4e-3, 0.0), (0.0, 0.015), (1e-3, 0.01)])
def test_noise_has_the_variance_of_the_model(level: int, shot: float, read: float) -> None:
    sensor = Sensor(shot=shot, read=read, exposure=0.9)
    seen = decoded(expose(rng(level), patch(level), sensor))
    light = 0.9 * decoded(np.array(level))
    assert seen.mean() == pytest.approx(light, rel=0.01)
    assert seen.var(axis=(0, 1)) == pytest.approx(np.full(3, shot * light + read**2), rel=0.06)


@pytest.mark.parametrize("chroma", [0.2, 0.6, 1.0])
def test_noise_is_shared_by_the_channels_as_stated(chroma: float) -> None:
    seen = decoded(expose(rng(3), patch(140), Sensor(shot=3e-3, chroma=chroma))).reshape(-1, 3)
    correlation = np.corrcoef(seen.T)[np.triu_indices(3, 1)]
    np.testing.assert_allclose(correlation, 1 - chroma, atol=0.03)


def test_white_balance_multiplies_linear_light() -> None:
    gains = (1.3, 1.0, 0.7)
    seen = expose(rng(), patch(120, (4, 4)), Sensor(gains=gains, exposure=0.8))
    light = np.array(gains) * 0.8 * decoded(np.array(120))
    expected = np.round(255 * (1.055 * light ** (1 / 2.4) - 0.055))
    np.testing.assert_array_equal(seen, np.broadcast_to(expected, seen.shape))
    assert expose(rng(), patch(250, (4, 4)), Sensor(gains=(9.0, 9.0, 9.0))).min() == 255  # clipped, not wrapped


@pytest.mark.parametrize("radius", [0.8, 1.5, 3.0, 5.5])
def test_defocus_spreads_a_point_into_a_disc(radius: float) -> None:
    """A uniform disc has the variance r^2 / 4 along each axis; nothing lies beyond it, and no light is lost."""
    dot = np.zeros((321, 321, 3), np.uint8)
    dot[160, 160] = 255
    wide = replace(Sensor(), defocus_px=radius, exposure=np.pi * radius**2 / 1.2 if radius > 1 else 1.0)
    light = decoded(capture(rng(), dot, wide))[..., 0]
    y, x = np.mgrid[0:321, 0:321] - 160
    scaled = radius * 321 / 320
    assert light[np.hypot(x, y) > scaled + 1].max() == 0
    share = light / light.sum()
    # The pixels themselves are squares of one pixel: 1 / 12 more.
    assert (share * x * x).sum() == pytest.approx(scaled**2 / 4, abs=0.09 + 0.01 * scaled**2)
    assert (share * x * x).sum() == pytest.approx((share * y * y).sum(), rel=0.02)
    even = capture(rng(), patch(180), Sensor(defocus_px=radius))
    assert (even == 180).all()


def test_defocus_grows_with_the_picture() -> None:
    small, large = np.zeros((160, 320, 3), np.uint8), np.zeros((320, 640, 3), np.uint8)
    small[:, :160], large[:, :320] = 200, 200
    sensor = Sensor(defocus_px=3.0)
    width = [
        int(((seen[5, :, 0] > 2) & (seen[5, :, 0] < 198)).sum())
        for seen in (capture(rng(), small, sensor), capture(rng(), large, sensor))
    ]
    assert width[1] == pytest.approx(2 * width[0], abs=2)


def two_layers() -> tuple[np.ndarray, np.ndarray]:
    """A bright person, 3 m away, before a dark wall with fine stripes, 12 m away."""
    image = np.full((120, 160, 3), 30, np.uint8)
    image[:, ::4] = 60
    depth = np.full((120, 160), 12.0, np.float32)
    image[30:120, 60:100], depth[30:120, 60:100] = 230, 3.0
    image[30:120:4, 60:100] = 180
    return image, depth


def test_a_sharp_subject_throws_no_halo_on_what_is_behind() -> None:
    image, depth = two_layers()
    seen = capture(rng(), image, Sensor(defocus_px=6.0, focus="subject"), depth, 3.0)
    person = depth < 5
    np.testing.assert_array_equal(seen[person], image[person])
    assert seen[~person].max() <= 60  # nothing brighter than the wall: no light of the person on it
    assert np.ptp(seen[5:20, 20:50, 0]) < 8  # whose stripes are blurred away
    everything = capture(rng(), image, Sensor(defocus_px=6.0), depth, 3.0)
    assert everything[~person].max() > 100  # the plain blur does throw one


def test_a_blurred_subject_spreads_over_a_sharp_background() -> None:
    image, depth = two_layers()
    seen = capture(rng(), image, Sensor(defocus_px=6.0, focus="far"), depth, 3.0)
    far = np.zeros(depth.shape, bool)
    far[:, :50] = far[:, 110:] = far[:20] = True
    # The wall is at a quarter of the subject's inverse depth: it keeps a quarter of the blur, 0.75 px.
    assert np.abs(seen[far].astype(int) - image[far]).max() < 20
    assert 60 < seen[80, 58, 0] < 200  # the outline is soft
    assert np.ptp(seen[60:100, 70:90, 0]) < 25  # and the subject's own stripes are gone


def test_without_depth_the_subject_is_the_median_of_what_has_one() -> None:
    image, depth = two_layers()
    only_people = np.where(depth < 5, depth, np.nan)
    sensor = Sensor(defocus_px=4.0, focus="subject")
    np.testing.assert_array_equal(
        capture(rng(), image, sensor, only_people), capture(rng(), image, sensor, only_people, 3.0)
    )
    nothing = np.full(depth.shape, np.nan, np.float32)
    np.testing.assert_array_equal(capture(rng(), image, sensor, nothing), capture(rng(), image, sensor))


@pytest.mark.parametrize("quality", [25, 60, 95])
def test_jpeg_is_that_of_the_coder_at_that_quality(quality: int) -> None:
    image = scene()
    coded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    expected = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR))[..., ::-1]
    np.testing.assert_array_equal(finish(image, Sensor(quality=quality)), expected)


def test_jpeg_loses_more_at_a_lower_quality() -> None:
    noisy = expose(rng(), scene(), Sensor(read=0.02))
    loss = [np.abs(finish(noisy, Sensor(quality=q)).astype(int) - noisy).mean() for q in (95, 75, 50, 25)]
    assert loss == sorted(loss)
    assert loss[3] > 1.5 * loss[0] > 0


def test_softness_and_sharpening_change_edges_alone() -> None:
    edge = np.zeros((40, 40, 3), np.uint8) + np.uint8(60)
    edge[:, 20:] = 180
    soft, sharp = finish(edge, Sensor(soften_px=0.6)), finish(edge, Sensor(sharpen=0.6))
    assert 60 < soft[10, 19, 0] < soft[10, 20, 0] < 180
    assert sharp[10, 19, 0] < 60  # the halo of sharpening
    assert sharp[10, 20, 0] > 180
    for seen in (soft, sharp):
        np.testing.assert_array_equal(seen[:, :15], edge[:, :15])
        np.testing.assert_array_equal(seen[:, 25:], edge[:, 25:])
    grey = finish(scene(), Sensor(grey=True))
    assert (grey == grey[..., :1]).all()


@pytest.mark.parametrize("strength", ["mild", "strong"])
def test_cameras_are_drawn_within_their_bounds(strength: str) -> None:
    sensors = [sample_sensor(rng(seed), strength) for seed in range(400)]
    assert sensors[5] == sample_sensor(rng(5), strength)
    assert {sensor.focus for sensor in sensors} == set(FOCUS)
    assert all(sensor.quality == 0 or 25 <= sensor.quality <= 95 for sensor in sensors)
    assert 0 < sum(sensor.grey for sensor in sensors) < 40
    noise = np.median([sensor.shot for sensor in sensors])
    assert noise < 1.2e-4 if strength == "mild" else noise > 1.6e-4
    assert abs(np.mean([sensor.gains for sensor in sensors]) - 1) < 0.02


def test_a_seed_decides_every_byte() -> None:
    image, depth = two_layers()
    for seed in range(12):
        sensor = sample_sensor(rng(seed))
        first, second = (expose(rng(seed), image, sensor, depth, 3.0) for _ in range(2))
        assert first.tobytes() == second.tobytes()
        assert first.shape == image.shape
        if sensor.read:
            assert first.tobytes() != expose(rng(seed + 100), image, sensor, depth, 3.0).tobytes()


def test_wrong_values_are_named() -> None:
    with pytest.raises(HumansenseError, match=r"Sensor.quality is 101, expected 0 to 100"):
        Sensor(quality=101)
    with pytest.raises(HumansenseError, match="use one of flat, subject, far"):
        Sensor(focus="near")
    with pytest.raises(HumansenseError, match="use mild or strong"):
        sample_sensor(rng(), "weak")
    with pytest.raises(HumansenseError, match=r"depth has shape \(3, 3\), expected \(120, 160\)"):
        expose(rng(), scene(), Sensor(), np.zeros((3, 3)))
    with pytest.raises(HumansenseError, match="expected uint8"):
        expose(rng(), np.zeros((4, 4, 3), np.float32), Sensor())
