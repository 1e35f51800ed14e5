"""Joints without jitter: a local fit over a few frames before and after, and One-Euro where nothing may wait.

`benchmarks/tracking.py` compares the two; `docs/video.md` has the figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from humansense.core import FoundPerson, HumansenseError

_LEAST_WEIGHT = 0.02
_MOST_LAG_FRAMES = 6
"""Pictures and maps of that many frames wait in memory: about 20 MB each in full HD, 75 MB in 4K."""


@dataclass(frozen=True)
class SmoothSettings:
    """lag_s: how far before and after a frame is looked for the fit. gap_s: samples beyond a hole of this length say
    nothing about a joint. strength: how much a movement must stand out of the noise to be followed in full.
    """

    lag_s: float = 0.15
    gap_s: float = 0.3
    strength: float = 1.0

    def __post_init__(self) -> None:
        for name in ("lag_s", "gap_s", "strength"):
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise HumansenseError(f"{name} is {getattr(self, name)}: give a number above 0")

    def lag_frames(self, fps: float) -> int:
        """Frames to wait, at least 1."""
        return int(np.clip(round(self.lag_s * fps), 1, _MOST_LAG_FRAMES))


def smooth_window(seen: Sequence[tuple[float, FoundPerson]], now_s: float, settings: SmoothSettings) -> np.ndarray:
    """(J, 2) float32 joints of one person at `now_s` from the frames around it, in order; one of them is at `now_s`."""
    times = np.array([time for time, _ in seen]) - now_s
    joints = np.stack([person.joints for _, person in seen]).astype(np.float64)
    scores = np.stack([person.joint_scores for _, person in seen]).astype(np.float64)
    return smooth_joints(joints, scores, times, settings).astype(np.float32)


def smooth_joints(joints: np.ndarray, scores: np.ndarray, times: np.ndarray, settings: SmoothSettings) -> np.ndarray:
    """(J, 2): the joints at time 0 from samples (T, J, 2) with scores (T, J) at times (T,) seconds, one of them 0.

    Two weighted local polynomials (Cleveland 1979; tricube weights times score): the line is calm, the parabola
    follows. Each joint lies between the two, nearer to the parabola the more their difference stands out of the
    noise that the parabola leaves. A joint that is NaN at 0 stays NaN; samples beyond a hole do not count.
    """
    middle = int(np.argmin(np.abs(times)))
    raw = joints[middle]
    reach = max(float(np.abs(times).max()), 1e-6) * 1.2
    near = (1 - np.minimum(np.abs(times) / reach, 1) ** 3) ** 3
    there = np.isfinite(joints).all(-1)
    weights = near[:, None] * np.where(there, np.maximum(scores, _LEAST_WEIGHT), 0.0)
    weights *= _without_holes(there, times, middle, settings.gap_s)
    counts = (weights > 0).sum(0)
    filled = np.where(there[..., None], joints, 0.0)
    line, _ = _fit(filled, weights, times / reach, 1)
    parabola, noise = _fit(filled, weights, times / reach, 2)
    moved = ((parabola - line) ** 2).sum(-1)
    share = moved / np.maximum(moved + settings.strength * noise, 1e-12)
    share = np.where(counts >= 4, share, 0.0)[:, None]
    out = share * parabola + (1 - share) * line
    two_sided = (weights[:middle] > 0).any(0) & (weights[middle + 1 :] > 0).any(0)
    # With samples on one side alone a fit extrapolates: what was seen is the better guess where nothing more is known.
    out = np.where((two_sided & (counts >= 3))[:, None], out, np.where((counts >= 5)[:, None], parabola, raw))
    return np.where(np.isfinite(raw), out, np.nan)


def _without_holes(there: np.ndarray, times: np.ndarray, middle: int, gap_s: float) -> np.ndarray:
    """(T, J) 1 for samples that are joined to the middle one without a hole longer than `gap_s`, else 0."""
    joined = np.zeros(there.shape)
    joined[middle] = 1
    for order in (range(middle + 1, len(times)), range(middle - 1, -1, -1)):
        last, alive = np.full(there.shape[1], times[middle]), np.ones(there.shape[1], bool)
        for t in order:
            alive &= ~there[t] | (np.abs(times[t] - last) <= gap_s)
            last = np.where(there[t], times[t], last)
            joined[t] = alive
    return joined


def _fit(values: np.ndarray, weights: np.ndarray, times: np.ndarray, degree: int) -> tuple[np.ndarray, np.ndarray]:
    """((J, 2) value at time 0, (J,) variance of a residual in pixels^2 over both axes) of weighted polynomials."""
    powers = times[:, None] ** np.arange(degree + 1)  # (T, D)
    normal = np.einsum("tj,td,te->jde", weights, powers, powers)
    ridge = 1e-9 * (weights.sum(0) + 1e-9)
    normal = normal + ridge[:, None, None] * np.eye(degree + 1)
    right = np.einsum("tj,td,tjc->jdc", weights, powers, values)
    solved = np.linalg.solve(normal, right)
    residual = ((values - np.einsum("td,jdc->tjc", powers, solved)) ** 2).sum(-1)
    free = np.maximum(1 - (degree + 1) / np.maximum((weights > 0).sum(0), 1), 0.2)
    return solved[:, 0], (weights * residual).sum(0) / np.maximum(weights.sum(0), 1e-9) / free


class OneEuro:
    """Casiez 2012: a low pass that opens with speed, for pictures that cannot wait. One object a person.

    min_cutoff_hz: cutoff at rest. beta: how fast it opens, in Hz for a height a second. Between calls a gap of more
    than `gap_s`, or a joint that was NaN, starts that joint again.
    """

    def __init__(self, min_cutoff_hz: float = 1.5, beta: float = 6.0, gap_s: float = 0.3) -> None:
        self.min_cutoff_hz, self.beta, self.gap_s = min_cutoff_hz, beta, gap_s
        self._last: tuple[float, np.ndarray, np.ndarray] | None = None

    def __call__(self, joints: np.ndarray, scores: np.ndarray, time_s: float, height: float) -> np.ndarray:
        """(J, 2) smoothed; joints (J, 2) pixels, scores (J,) 0..1, height of the person in pixels."""
        joints = np.asarray(joints, np.float64)
        if self._last is None or not 0 < time_s - self._last[0] <= self.gap_s:
            self._last = (time_s, joints, np.zeros_like(joints))
            return joints.copy()
        before_s, before, speed = self._last
        step = time_s - before_s
        now = (joints - before) / step
        fresh = ~np.isfinite(now)
        speed = np.where(fresh, 0.0, speed + _alpha(1.0, step) * (now - speed))
        pace = np.linalg.norm(speed, axis=-1, keepdims=True) / max(height, 1.0)
        open_ = _alpha(self.min_cutoff_hz + self.beta * pace, step)
        # A sample with score s counts as a step of s: (1 - alpha) is what is kept of the past.
        open_ = 1 - (1 - open_) ** np.clip(scores, _LEAST_WEIGHT, 1.0)[:, None]
        out = np.where(fresh, joints, before + open_ * (joints - before))
        self._last = (time_s, out, speed)
        return out


def _alpha(cutoff_hz: np.ndarray | float, step_s: float) -> np.ndarray:
    """Casiez 2012, eq. 5-6: share of the new sample in a low pass of that cutoff."""
    turn = 2 * np.pi * np.asarray(cutoff_hz) * step_s
    return turn / (turn + 1)
