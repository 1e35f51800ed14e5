"""Joints lose their trembling and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from humansense.core import HumansenseError
from humansense.predict.smooth import OneEuro, SmoothSettings, smooth_joints

FPS = 25.0
SETTINGS = SmoothSettings()


def through(joints: np.ndarray, scores: np.ndarray | None = None) -> np.ndarray:
    """(T, J, 2) smoothed frame by frame, each from the window around it."""
    lag = SETTINGS.lag_frames(FPS)
    scores = np.ones(joints.shape[:2]) if scores is None else scores
    out = []
    for t in range(len(joints)):
        part = slice(max(t - lag, 0), t + lag + 1)
        times = (np.arange(len(joints))[part] - t) / FPS
        out.append(smooth_joints(joints[part], scores[part], times, SETTINGS))
    return np.array(out)


def euro(joints: np.ndarray) -> np.ndarray:
    filter_ = OneEuro()
    return np.array([filter_(j, np.ones(len(j)), t / FPS, 100.0) for t, j in enumerate(joints)])


def test_parabolas_pass_untouched():
    t = np.arange(20)[:, None, None] / FPS
    joints = np.concatenate([100 + 50 * t + 200 * t**2, 40 - 30 * t + 90 * t**2], -1)
    assert np.allclose(through(joints), joints, atol=0.02)


def test_noise_at_rest_shrinks_and_a_jump_is_not_smeared_for_long():
    rng = np.random.default_rng(0)
    still = np.full((200, 4, 2), 50.0) + rng.normal(0, 1, (200, 4, 2))
    for smooth, most in ((through, 0.6), (euro, 0.75)):
        assert np.std(smooth(still)[10:-10] - 50) < most
    swing = 100 + 60 * np.sin(2 * np.pi * 1.5 * np.arange(100) / FPS)[:, None, None] * np.ones((1, 4, 2))
    assert np.abs(through(swing) - swing)[6:-6].max() < 3  # of 120 pixels and 565 pixels a second


def test_a_weak_joint_gives_way_to_its_neighbours():
    joints, scores = np.full((15, 2, 2), 50.0), np.ones((15, 2))
    joints[7] += 30
    scores[7, 0] = 0.02
    out = through(joints, scores)
    assert np.abs(out[7, 0] - 50).max() < 3
    assert np.abs(out[7, 1] - 50).max() > 5


def test_what_is_missing_stays_missing_and_does_not_spread():
    joints = np.full((20, 2, 2), 50.0)
    joints[8:10, 0] = np.nan
    out = through(joints)
    assert (np.isnan(out) == np.isnan(joints)).all()
    assert np.allclose(out[~np.isnan(joints)], 50, atol=1e-3)
    assert (np.isnan(euro(joints)) == np.isnan(joints)).all()


def test_a_hole_starts_again():
    joints = np.array([[[10.0, 10.0]], [[10, 10]], [[90, 90]], [[90, 90]], [[90, 90]]])
    times = np.array([-0.6, -0.56, -0.04, 0.0, 0.04])
    assert np.allclose(smooth_joints(joints, np.ones((5, 1)), times, SETTINGS), 90, atol=1e-3)
    filter_ = OneEuro()
    filter_(joints[0], np.ones(1), 0.0, 100)
    assert np.allclose(filter_(joints[2], np.ones(1), 1.0, 100), 90)


def test_one_euro_opens_with_speed():
    slow, fast = (50 + v * np.arange(50)[:, None, None] / FPS * np.ones((1, 1, 2)) for v in (10.0, 300.0))
    late = [float(np.abs(euro(path) - path)[-1].max()) / v for path, v in ((slow, 10.0), (fast, 300.0))]
    assert late[1] < late[0] / 2  # seconds behind


def test_one_frame_alone_is_itself():
    joints = np.array([[[3.0, 4.0], [np.nan, np.nan]]])
    out = smooth_joints(joints, np.ones((1, 2)), np.zeros(1), SETTINGS)
    assert np.allclose(out, joints[0], equal_nan=True)


def test_settings_are_checked():
    for wrong in ({"lag_s": 0}, {"gap_s": -1}, {"strength": np.nan}):
        with pytest.raises(HumansenseError, match=next(iter(wrong))):
            SmoothSettings(**wrong)
    assert [SmoothSettings().lag_frames(fps) for fps in (1, 25, 1000)] == [1, 4, 6]
