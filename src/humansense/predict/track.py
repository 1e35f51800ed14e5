"""Who is who from frame to frame: people of single pictures in, the same people with numbers that stay out.

A track predicts its box with a Kalman filter of constant velocity in which every noise is a share of the person's
height (as in Wojke 2017), carries the joints along, and is matched to the people of the next frame by what box,
joints, motion and, where it is given, colour say together: first those who are surely there, then the weak ones
(ByteTrack, Zhang 2022). Memory is constant: who has been away too long is forgotten.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from humansense.core import FoundPerson, HumansenseError, Prediction
from humansense.predict.smooth import SmoothSettings, smooth_window

_SURE_SCORE = 0.2
"""Joints below this score say nothing about who it is."""
# Of the person's height: standard deviations of where a box is read, and of accelerations (per second squared).
_PLACE_NOISE, _SIZE_NOISE = 0.04, 0.06
_PLACE_ACCELERATION, _SIZE_ACCELERATION = 1.5, 0.5
_START_SPEED = 1.0  # heights a second: a walk is about one, seen from the side
_KEEPS_GOING_S = 1.0  # time constant in which somebody out of sight is taken to stop
_OKS_KAPPA = 0.15  # in COCO's formula; wider than its constants, since the joints are predicted
_GATE = 16.0  # squared Mahalanobis distance of a centre (4 standard deviations) beyond which it is not the same person


@dataclass(frozen=True)
class TrackSettings:
    """max_gap_s: somebody who is not seen for longer comes back as somebody new. confirm_hits: frames in which a new
    person must be seen to get a number; those of the first frames get theirs at once. confident: score of the first
    round of matching, and of a new person. least: similarity 0..1 below which two are not the same. appearance: how
    much colour weighs against box, joints and motion, 0..1. smooth: of joints in `follow`, or None.
    """

    max_gap_s: float = 1.5
    confirm_hits: int = 2
    confident: float = 0.5
    least: float = 0.15
    appearance: float = 0.35
    smooth: SmoothSettings | None = field(default_factory=SmoothSettings)

    def __post_init__(self) -> None:
        if not (np.isfinite(self.max_gap_s) and self.max_gap_s >= 0):
            raise HumansenseError(f"max_gap_s is {self.max_gap_s}: give seconds, 0 or more")
        if self.confirm_hits < 1:
            raise HumansenseError(f"confirm_hits is {self.confirm_hits}: give a number of frames, 1 or more")
        for name in ("confident", "least", "appearance"):
            if not 0 <= getattr(self, name) <= 1:
                raise HumansenseError(f"{name} is {getattr(self, name)}: give a number from 0 to 1")


class Track:
    """One person through time. `id` is None until the person is confirmed."""

    def __init__(self, person: FoundPerson, time_s: float, color: np.ndarray | None) -> None:
        self.id: int | None = None
        self.hits = 1
        self.seen_s = self._now_s = time_s
        self._person, self._color = person, color
        self._state = np.stack([_center_size(person.box), np.zeros(4)])
        self._covariance = np.zeros((4, 2, 2))  # in heights
        self._covariance[:, 0, 0] = _measured()
        self._covariance[:, 1, 1] = [_START_SPEED**2] * 2 + [0.1**2] * 2

    def predict(self, time_s: float) -> None:
        """Move to `time_s`; a clock that stands still or goes back moves nothing."""
        step = max(time_s - self._now_s, 0.0)
        self._now_s = time_s
        unseen = time_s - self.seen_s
        kept = np.exp(-step / _KEEPS_GOING_S) if unseen > 2 * step else 1.0
        self._state[0] += self._state[1] * step
        self._state[0, 2:] = np.maximum(self._state[0, 2:], 1.0)
        self._state[1] *= kept
        transition = np.array([[1, step], [0, 1]])
        shake = np.array([[step**4 / 4, step**3 / 2], [step**3 / 2, step**2]])
        accelerations = np.array([_PLACE_ACCELERATION] * 2 + [_SIZE_ACCELERATION] * 2) ** 2
        self._covariance = transition @ self._covariance @ transition.T + accelerations[:, None, None] * shake

    def correct(self, person: FoundPerson, time_s: float, color: np.ndarray | None) -> None:
        """Take in what was seen of the person (Kalman 1960, one filter a side of the box)."""
        innovation = _center_size(person.box) - self._state[0]
        gain = self._covariance[:, :, 0] / (self._covariance[:, 0, 0] + _measured())[:, None]
        self._state += gain.T * innovation
        self._covariance -= gain[:, :, None] * self._covariance[:, None, 0, :]
        self._person, self.seen_s = person, time_s
        self.hits += 1
        if color is not None:
            self._color = color if self._color is None else 0.9 * self._color + 0.1 * color

    @property
    def height(self) -> float:
        """Pixels: the longer side of the predicted box."""
        return float(max(self._state[0, 2:].max(), 1.0))

    @property
    def box(self) -> np.ndarray:
        """(4,) x0, y0, x1, y1 predicted for now."""
        center, size = self._state[0, :2], np.maximum(self._state[0, 2:], 1.0)
        return np.concatenate([center - size / 2, center + size / 2])

    def joints(self) -> np.ndarray:
        """(J, 2) predicted for now: as last seen, carried along and scaled with the box."""
        last = _center_size(self._person.box)
        return (self._person.joints - last[:2]) * (self.height / max(last[2:].max(), 1.0)) + self._state[0, :2]

    def similarity(self, person: FoundPerson, color: np.ndarray | None, weight: float) -> float:
        """0..1, how likely it is the same person; 0 for whoever cannot be."""
        overlap = box_iou(self.box[None], person.box[None])[0, 0]
        off = (_center_size(person.box) - self._state[0])[:2] / self.height
        distance = float((off**2 / (self._covariance[:2, 0, 0] + _measured()[:2])).sum())
        if distance > _GATE and overlap < 0.3:
            return 0.0
        parts, weights = [overlap, float(np.exp(-distance / 8))], [0.35, 0.3]
        shape = self._joint_similarity(person)
        if shape is not None:
            parts, weights = [*parts, shape], [*weights, 0.35]
        alike = float(np.average(parts, weights=weights))
        if color is not None and self._color is not None:
            # Bhattacharyya's coefficient of two histograms: 1 is the same.
            alike = (1 - weight) * alike + weight * float(np.sqrt(np.clip(color * self._color, 0, None)).sum())
        return alike

    def _joint_similarity(self, person: FoundPerson) -> float | None:
        """COCO's object keypoint similarity of the predicted and the seen joints, weighted by their scores."""
        if person.joints.shape != self._person.joints.shape:
            return None
        distance = ((person.joints - self.joints()) ** 2).sum(-1)
        weights = np.minimum(person.joint_scores, self._person.joint_scores)
        used = np.isfinite(distance) & (weights >= _SURE_SCORE)
        if used.sum() < 3:
            return None
        alike = np.exp(-distance[used] / (2 * _OKS_KAPPA**2 * max(float(self._state[0, 2:].prod()), 1.0)))
        return float(np.average(alike, weights=weights[used]))


class Tracker:
    """Give the people of each frame the numbers they had before.

    tracker = Tracker()
    for frame, people in enumerate(found):
        people = tracker.update(people, frame / fps)
    """

    def __init__(self, settings: TrackSettings | None = None) -> None:
        self.settings = settings or TrackSettings()
        self.tracks: list[Track] = []
        self.matched: tuple[Track | None, ...] = ()
        """The track of each person of the last update; None for who is too weak for one."""
        self._given = self._frames = 0

    def update(
        self, people: tuple[FoundPerson, ...], time_s: float, appearance: np.ndarray | None = None
    ) -> tuple[FoundPerson, ...]:
        """The same people in the same order with `track_id`: from 1, or None for who is not confirmed (yet).

        appearance: (N, K) `color_histogram` of each person, a row of zeros for who has no pixels; None: colour is not
        used. Raises `HumansenseError` where its rows are not one a person.
        """
        if appearance is not None and (appearance.ndim != 2 or len(appearance) != len(people)):
            raise HumansenseError(
                f"appearance is {appearance.shape}, expected one row for each of {len(people)} people"
            )
        rows = [None] * len(people) if appearance is None else list(appearance)
        colors = [None if row is None or not row.any() else row for row in rows]
        for track in self.tracks:
            track.predict(time_s)
        settings, matched = self.settings, [None] * len(people)  # type: ignore[var-annotated]
        usable = [i for i, p in enumerate(people) if np.isfinite(p.box).all()]
        strong = [i for i in usable if people[i].score >= settings.confident]
        weak = [i for i in usable if people[i].score < settings.confident]
        known = [t for t in self.tracks if t.id is not None]
        tentative = [t for t in self.tracks if t.id is None]
        for tracks, numbers in ((known, strong), (known, weak), (tentative, strong)):
            open_tracks = [t for t in tracks if t not in matched]
            open_people = [i for i in numbers if matched[i] is None]
            for track, i in self._assign(open_tracks, open_people, people, colors):
                matched[i] = track  # type: ignore[call-overload]
        alone = _alone(people)
        for i, found in enumerate(matched):
            if found is not None:
                found.correct(people[i], time_s, colors[i] if alone[i] else None)
        for i in strong:
            if matched[i] is None:
                matched[i] = Track(people[i], time_s, colors[i])  # type: ignore[call-overload]
                self.tracks.append(matched[i])  # type: ignore[arg-type]
        self._confirm_and_forget(time_s)
        self.matched = tuple(matched)
        return tuple(replace(p, track_id=t.id if t else None) for p, t in zip(people, matched, strict=True))

    def _assign(
        self, tracks: list[Track], numbers: list[int], people: tuple[FoundPerson, ...], colors: list[np.ndarray | None]
    ) -> Iterator[tuple[Track, int]]:
        """The pairs that are most alike in total."""
        from scipy.optimize import linear_sum_assignment  # a photo needs none of it, and it takes 0.2 s to load

        if not tracks or not numbers:
            return
        weight = self.settings.appearance
        alike = np.array([[t.similarity(people[i], colors[i], weight) for i in numbers] for t in tracks])
        alike[alike < self.settings.least] = 0.0
        for row, column in zip(*linear_sum_assignment(-alike), strict=True):
            if alike[row, column] > 0:
                yield tracks[row], numbers[column]

    def _confirm_and_forget(self, time_s: float) -> None:
        """Number those seen often enough; drop who has been away too long, and whoever was a flicker."""
        if self.tracks or self._frames:
            self._frames = min(self._frames + 1, self.settings.confirm_hits)
        opening = self._frames < self.settings.confirm_hits
        kept = []
        for track in self.tracks:
            if track.id is None and (track.hits >= self.settings.confirm_hits or opening):
                self._given += 1
                track.id = self._given
            gap = self.settings.max_gap_s if track.id is not None else 0.0
            if time_s - track.seen_s <= gap + 1e-9:
                kept.append(track)
        self.tracks = kept


def follow(
    predictions: Iterable[Prediction],
    fps: float,
    settings: TrackSettings | None = None,
    times_s: Iterable[float] | None = None,
) -> Iterator[Prediction]:
    """The predictions of a video's frames in order with `track_id` and smoothed joints, a few frames later.

    fps: frames a second. times_s: when each frame is shown, for a variable rate; beyond its end frames are 1 / fps
    apart. The delay (`SmoothSettings.lag_s`) is what lets joints be smoothed without lag and a new person have a number
    from the first frame on. Who was a flicker stays in the prediction with `track_id` None. Memory is constant.
    """
    if not (np.isfinite(fps) and fps > 0):
        raise HumansenseError(f"cannot follow people at {fps} frames a second: give a number above 0")
    settings = settings or TrackSettings()
    tracker, clock = Tracker(settings), clock_s(fps, times_s)
    lag = settings.confirm_hits - 1 if settings.smooth is None else settings.smooth.lag_frames(fps)
    waiting: deque[tuple[Prediction, tuple[Track | None, ...]]] = deque()
    window: deque[tuple[float, dict[Track, FoundPerson]]] = deque(maxlen=2 * lag + 1)

    def finished(ahead: int) -> Prediction:
        prediction, tracks = waiting.popleft()
        people = list(prediction.people)
        for i, track in enumerate(tracks):
            if track is None:
                continue
            if settings.smooth is not None:
                seen = [(t, frame[track]) for t, frame in window if track in frame]
                now = window[len(window) - 1 - ahead][0]
                people[i] = replace(people[i], joints=smooth_window(seen, now, settings.smooth))
            people[i] = replace(people[i], track_id=track.id)
        return replace(prediction, people=tuple(people))

    for prediction in predictions:
        time_s = next(clock)
        tracker.update(prediction.people, time_s, _appearance(prediction))
        tracks = tracker.matched
        window.append((time_s, {t: p for t, p in zip(tracks, prediction.people, strict=True) if t is not None}))
        waiting.append((prediction, tracks))
        if len(waiting) > lag:
            yield finished(lag)
    while waiting:
        yield finished(len(waiting) - 1)


def clock_s(fps: float, times_s: Iterable[float] | None) -> Iterator[float]:
    """When each frame is shown, seconds that never go back: those given, then one every 1 / fps."""
    now = -1 / fps
    for time_s in times_s or ():
        now = max(time_s, now + 1e-4) if now >= 0 else max(time_s, 0.0)
        yield now
    while True:
        now += 1 / fps
        yield now


def box_iou(ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(N, M) intersection over union of boxes (N, 4) and (M, 4)."""
    low = np.maximum(ones[:, None, :2], others[None, :, :2])
    high = np.minimum(ones[:, None, 2:], others[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(-1)
    area, other_area = ((b[:, 2:] - b[:, :2]).clip(0).prod(-1) for b in (ones, others))
    return common / np.maximum(area[:, None] + other_area[None] - common, 1e-9)


def color_histogram(image: np.ndarray, mask: np.ndarray, bins: int = 4) -> np.ndarray:
    """(bins**3,) colours of the pixels of image (H, W, 3) uint8 in mask (H, W) bool, summing to 1; zeros for none."""
    levels = image[mask].astype(np.int64) * bins // 256
    if not len(levels):
        return np.zeros(bins**3)
    code = (levels[:, 0] * bins + levels[:, 1]) * bins + levels[:, 2]
    return np.bincount(code, minlength=bins**3) / len(levels)


def _appearance(prediction: Prediction) -> np.ndarray:
    """(N, K) histograms of the people by their masks; a few thousand pixels tell as much as all."""
    step = max(round((prediction.instance.size / 40_000) ** 0.5), 1)
    image, instance = prediction.image[::step, ::step], prediction.instance[::step, ::step]
    rows = [color_histogram(image, instance == i + 1) for i in range(len(prediction.people))]
    return np.stack(rows) if rows else np.zeros((0, 1))


def _alone(people: tuple[FoundPerson, ...]) -> np.ndarray:
    """(N,) bool: nobody else covers much of the box, so that its colours are the person's own."""
    if not people:
        return np.zeros(0, bool)
    boxes = np.nan_to_num(np.stack([p.box for p in people]).astype(np.float64))
    return (box_iou(boxes, boxes) > 0.2).sum(1) <= 1


def _center_size(box: np.ndarray) -> np.ndarray:
    box = np.asarray(box, np.float64)
    return np.concatenate([(box[:2] + box[2:]) / 2, box[2:] - box[:2]])


def _measured() -> np.ndarray:
    """(4,) variances of a read box in heights."""
    return np.array([_PLACE_NOISE] * 2 + [_SIZE_NOISE] * 2) ** 2
