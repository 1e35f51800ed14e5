"""CLEAR MOT, IDF1, jitter and lag against cases counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from humansense.core import HumansenseError
from humansense.metrics.tracking import Jitter, TrackingError


def box(x: float) -> list[float]:
    return [x, 0, x + 10, 20]


def run(frames, **options) -> dict[str, float]:
    """frames: ({id: x} of the truth, {id: x} of the prediction)."""
    error = TrackingError(**options)
    for truth, predicted in frames:
        rows = [np.array([box(x) for x in side.values()]).reshape(-1, 4) for side in (truth, predicted)]
        error.update(list(truth), rows[0], list(predicted), rows[1])
    return error.compute()


def test_perfect():
    found = run([({1: 0, 2: 50}, {7: 50, 9: 0})] * 5)
    assert found == {"mota": 1, "idf1": 1, "id_switches": 0, "fragmentations": 0, "missed": 0, "false": 0}


def test_a_swap_in_the_middle():
    found = run([({1: 0, 2: 50}, {1: 0, 2: 50})] * 6 + [({1: 0, 2: 50}, {1: 50, 2: 0})] * 4)
    assert found["id_switches"] == 2
    assert found["mota"] == pytest.approx(1 - 2 / 20)
    assert found["idf1"] == pytest.approx(2 * 12 / 40)  # each id stands for its person in 6 of 10 frames


def test_missed_false_and_a_fragment():
    # 10 frames of one person: seen in 0-3, missed in 4-5, seen in 6-9 with the same number; one false box in frame 0.
    frames = [({1: 0}, {1: 0} if i not in (4, 5) else {}) for i in range(10)]
    frames[0] = ({1: 0}, {1: 0, 5: 300})
    found = run(frames)
    assert (found["missed"], found["false"], found["fragmentations"], found["id_switches"]) == (2, 1, 1, 0)
    assert found["mota"] == pytest.approx(1 - 3 / 10)
    assert found["idf1"] == pytest.approx(2 * 8 / (10 + 9))


def test_a_pair_stays_while_it_is_good_even_if_another_is_better():
    frames = [({1: 0}, {1: 0}), ({1: 0}, {1: 3, 2: 0})]  # IoU of 3 off: 7 / 13 = 0.54
    assert run(frames)["id_switches"] == 0
    assert run(frames, threshold=0.6)["id_switches"] == 1


def test_identities_end_with_the_film():
    error = TrackingError()
    for number in (1, 2):
        for _ in range(3):
            error.update([1], np.array([box(0)]), [number], np.array([box(0)]))
        error.end_sequence()
    assert (error.compute()["id_switches"], error.compute()["idf1"]) == (0, 1.0)


def test_by_joints():
    joints = np.random.default_rng(0).uniform(0, 100, (1, 17, 2))
    far = joints + 300
    unknown = joints.copy()
    unknown[0, :3] = np.nan
    error = TrackingError("joints")
    error.update([1], unknown, [4], joints + 1)
    error.update([1], joints, [4], far)
    error.update([1], joints, [4], np.where(np.arange(17)[:, None] < 10, np.nan, joints))  # 7 of 17 known: 0.41
    found = error.compute()
    assert (found["missed"], found["false"]) == (2, 2)


def test_nothing_and_nonsense():
    assert np.isnan(TrackingError().compute()["mota"])
    with pytest.raises(HumansenseError, match="box or joints"):
        TrackingError("masks")
    with pytest.raises(HumansenseError, match="all different"):
        TrackingError().update([1, 1], np.zeros((2, 4)), [], np.zeros((0, 4)))
    with pytest.raises(HumansenseError, match="heights"):
        Jitter().update(np.zeros((3, 2, 2)), np.zeros((3, 2, 2)), np.zeros(2))


def test_acceleration_error_by_hand():
    truth = np.zeros((5, 1, 2))
    predicted = truth.copy()
    predicted[2, 0] = (3, 4)  # second differences: 5, 10, 5 pixels
    jitter = Jitter()
    jitter.update(predicted, truth, np.full(5, 50.0))
    found = jitter.compute()
    assert found["acceleration_px"] == pytest.approx(20 / 3)
    assert found["acceleration_share"] == pytest.approx(20 / 3 / 50)
    assert found["error_px"] == pytest.approx(1.0)


@pytest.mark.parametrize("lag", [-2, 0, 1, 3])
def test_lag_is_found(lag):
    path = np.cumsum(np.cumsum(np.random.default_rng(1).normal(0, 1, (200, 3, 2)), 0), 0)
    t = np.clip(np.arange(200) - lag, 0, 199)
    jitter = Jitter()
    jitter.update(path[t], path, np.full(200, 100.0))
    assert jitter.lag_frames() == pytest.approx(lag, abs=0.4)


def test_holes_are_left_out():
    truth = np.zeros((8, 1, 2))
    predicted = truth.copy()
    predicted[3] = np.nan
    jitter = Jitter()
    jitter.update(predicted, truth, np.full(8, 10.0))
    assert jitter.compute()["acceleration_px"] == 0
    assert np.isnan(jitter.lag_frames())
