"""How well people are followed: CLEAR MOT, IDF1, jitter and lag. Arrays in, no other room needed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from humansense.core import HumansenseError

_KAPPA = 0.13
"""One constant for all joints in COCO's similarity: the mean of its own (twice the sigmas)."""


def _assigned(gain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(rows, columns) of the pairs whose summed gain is greatest."""
    from scipy.optimize import linear_sum_assignment  # takes 0.2 s to load, and who predicts imports this room too

    rows, columns = linear_sum_assignment(-gain)
    return rows, columns


class TrackingError:
    """ID switches, fragmentations, MOTA (CLEAR MOT, Bernardin 2008) and IDF1 (Ristani 2016), frame by frame.

    match: `box`, by intersection over union, or `joints`, by object keypoint similarity (scale: the box around the
    true joints). threshold: least similarity of a match. Call `end_sequence` between films: identities do not go over.
    """

    def __init__(self, match: str = "box", threshold: float = 0.5) -> None:
        if match not in ("box", "joints"):
            raise HumansenseError(f"match is {match!r}: expected box or joints")
        self.match, self.threshold = match, threshold
        self.truth = self.predicted = self.matches = self.switches = self.fragments = self._identity_matches = 0
        self._start()

    def _start(self) -> None:
        self._partner: dict[int, int] = {}  # the last id that a true person was matched to
        self._matched_before: set[int] = set()  # true persons matched in the last frame they were there
        self._together: Counter[tuple[int, int]] = Counter()

    def update(
        self, truth_ids: Sequence[int], truth: np.ndarray, predicted_ids: Sequence[int], predicted: np.ndarray
    ) -> None:
        """One frame: (N, 4) boxes x0, y0, x1, y1 or (N, J, 2) joints in pixels, with an id for each.

        Raises `HumansenseError` for ids that are not one a row, or that come twice.
        """
        for ids, rows in ((truth_ids, truth), (predicted_ids, predicted)):
            if len(ids) != len(rows) or len(set(ids)) != len(ids):
                raise HumansenseError(f"{len(rows)} people with ids {list(ids)}: expected one each, all different")
        alike = self._similarity(np.asarray(truth, float), np.asarray(predicted, float))
        good = alike >= self.threshold
        for i, j in zip(*np.nonzero(good), strict=True):
            self._together[truth_ids[i], predicted_ids[j]] += 1
        pairs = self._pairs(truth_ids, predicted_ids, alike, good)
        self.truth += len(truth_ids)
        self.predicted += len(predicted_ids)
        self.matches += len(pairs)
        for i, person in enumerate(truth_ids):
            if i not in pairs:
                self._matched_before.discard(person)
                continue
            other = predicted_ids[pairs[i]]
            if person in self._partner:
                self.switches += self._partner[person] != other
                self.fragments += person not in self._matched_before
            self._partner[person] = other
            self._matched_before.add(person)

    def _pairs(
        self, truth_ids: Sequence[int], predicted_ids: Sequence[int], alike: np.ndarray, good: np.ndarray
    ) -> dict[int, int]:
        """{row of the truth: row of the prediction}: who was a pair stays one while it is good; then the best."""
        columns = {name: j for j, name in enumerate(predicted_ids)}
        pairs: dict[int, int] = {}
        for i, person in enumerate(truth_ids):
            j = columns.get(self._partner.get(person))  # type: ignore[arg-type]
            if j is not None and good[i, j] and j not in pairs.values():
                pairs[i] = j
        rows = [i for i in range(len(truth_ids)) if i not in pairs]
        rest = [j for j in range(len(predicted_ids)) if j not in pairs.values()]
        if rows and rest:
            gain = np.where(good, 1 + alike, 0.0)[np.ix_(rows, rest)]
            for r, c in zip(*_assigned(gain), strict=True):
                if good[rows[r], rest[c]]:
                    pairs[rows[r]] = rest[c]
        return pairs

    def _similarity(self, truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        if not len(truth) or not len(predicted):
            return np.zeros((len(truth), len(predicted)))
        if self.match == "box":
            low = np.maximum(truth[:, None, :2], predicted[None, :, :2])
            high = np.minimum(truth[:, None, 2:], predicted[None, :, 2:])
            common = np.clip(high - low, 0, None).prod(-1)
            areas = [np.clip(b[:, 2:] - b[:, :2], 0, None).prod(-1) for b in (truth, predicted)]
            return common / np.maximum(areas[0][:, None] + areas[1][None] - common, 1e-9)
        out = np.zeros((len(truth), len(predicted)))
        for i, joints in enumerate(truth):
            known = np.isfinite(joints).all(-1)
            if not known.any():
                continue
            area = max(float(np.ptp(joints[known], axis=0).prod()), 1.0)
            distance = ((predicted[:, known] - joints[known]) ** 2).sum(-1)
            alike = np.exp(-distance / (2 * area * _KAPPA**2))
            out[i] = np.nan_to_num(alike).mean(-1)  # a joint that was not predicted is not alike
        return out

    def end_sequence(self) -> None:
        """The film is over: settle which true person each id stands for at best (Ristani 2016, section 3)."""
        if self._together:
            ones = {name: i for i, name in enumerate(dict.fromkeys(a for a, _ in self._together))}
            others = {name: i for i, name in enumerate(dict.fromkeys(b for _, b in self._together))}
            counts = np.zeros((len(ones), len(others)))
            for (a, b), count in self._together.items():
                counts[ones[a], others[b]] = count
            self._identity_matches += int(counts[_assigned(counts)].sum())
        self._start()

    def compute(self) -> dict[str, float]:
        """mota (at most 1, may be negative), idf1 0..1, id_switches, fragmentations, missed, false. Ends the sequence.

        NaN for mota and idf1 before any person.
        """
        self.end_sequence()
        missed, false = self.truth - self.matches, self.predicted - self.matches
        both = self.truth + self.predicted
        return {
            "mota": 1 - (missed + false + self.switches) / self.truth if self.truth else float("nan"),
            "idf1": 2 * self._identity_matches / both if both else float("nan"),
            "id_switches": self.switches,
            "fragmentations": self.fragments,
            "missed": missed,
            "false": false,
        }


class Jitter:
    """How much joints tremble against the truth, and how far they lag behind it.

    max_lag: frames that are tried either way.
    """

    def __init__(self, max_lag: int = 6) -> None:
        self.max_lag = max_lag
        self._error = self._share = self._place = 0.0
        self._count = self._places = 0
        self._products = np.zeros((3, 2 * max_lag + 1))  # sums of xy, xx, yy of speeds by lag

    def update(self, predicted: np.ndarray, truth: np.ndarray, heights: np.ndarray) -> None:
        """A person through a film: (T, J, 2) pixels each, NaN where unknown, and heights (T,) in pixels."""
        if predicted.shape != truth.shape or len(heights) != len(truth):
            raise HumansenseError(f"joints {predicted.shape} against {truth.shape} with {len(heights)} heights")
        off = np.linalg.norm(predicted - truth, axis=-1)
        self._place += float(np.nansum(off))
        self._places += int(np.isfinite(off).sum())
        # Acceleration error (Kanazawa 2019): second differences, in pixels per frame squared.
        error = np.linalg.norm(np.diff(predicted - truth, 2, axis=0), axis=-1)
        known = np.isfinite(error)
        self._error += float(error[known].sum())
        self._share += float((error / heights[1:-1, None])[known].sum())
        self._count += int(known.sum())
        speed, true_speed = np.diff(predicted, axis=0), np.diff(truth, axis=0)
        for k, lag in enumerate(range(-self.max_lag, self.max_lag + 1)):
            if abs(lag) >= len(speed):
                continue
            late = speed[max(lag, 0) : len(speed) + min(lag, 0)]
            early = true_speed[max(-lag, 0) : len(speed) + min(-lag, 0)]
            both = np.isfinite(late) & np.isfinite(early)
            x, y = late[both], early[both]
            self._products[:, k] += (x @ y, x @ x, y @ y)

    def lag_frames(self) -> float:
        """Where the correlation of speeds with the truth is highest (parabola through the top); above 0 is late."""
        xy, xx, yy = self._products
        if not (xx * yy > 0).any():
            return float("nan")
        correlation = np.where(xx * yy > 0, xy / np.sqrt(np.maximum(xx * yy, 1e-30)), -1.0)
        top = int(correlation.argmax())
        lag = float(top - self.max_lag)
        if 0 < top < len(correlation) - 1:
            left, here, right = correlation[top - 1 : top + 2]
            bend = left - 2 * here + right
            lag += float(0.5 * (left - right) / bend) if bend < 0 else 0.0
        return lag

    def compute(self) -> dict[str, float]:
        """acceleration_px: mean error in pixels a frame^2; acceleration_share: of the height; error_px: mean distance
        of joints; lag_frames."""
        nan = float("nan")
        return {
            "acceleration_px": self._error / self._count if self._count else nan,
            "acceleration_share": self._share / self._count if self._count else nan,
            "error_px": self._place / self._places if self._places else nan,
            "lag_frames": self.lag_frames(),
        }
