"""Image or video in, `Prediction` out: find the person, look closely, map everything back to the picture."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from humansense.core import HumansenseError, Prediction, convert_joints, joint_set
from humansense.predict.find import CAREFUL, FOUND_SCORE, Candidate, Presence, candidates, person_score
from humansense.predict.model import Glance, Look, Maps, Model
from humansense.predict.pictures import Picture, picture_from_array, read_picture
from humansense.predict.released import DEFAULT, WEIGHTS, find_weights
from humansense.predict.windows import (
    TILE_SHARES,
    Pyramid,
    Window,
    box_window,
    clip_box,
    iou,
    paste,
    tile_windows,
    whole_window,
)

_MAP_SIDE = 448
"""Part borders are drawn at this resolution within the window; finer would show the net's cells, not the person."""


@dataclass(frozen=True)
class PredictSettings:
    """weights: a released name, a file or a training folder. flip: also look at the mirrored crop (twice the time).
    scales: enlargements of the window to average over. refine: closer looks at most before the box is believed.
    joint_set: order of the joints; "model" gives the model's own. found_score: below it nobody is there.
    """

    weights: str = DEFAULT
    flip: bool = False
    scales: tuple[float, ...] = (1.0,)
    refine: int = 2
    joint_set: str = "coco17"
    found_score: float = FOUND_SCORE
    device: str = "cpu"

    def __post_init__(self) -> None:
        if not self.scales or min(self.scales) < 0.5 or max(self.scales) > 3:
            raise HumansenseError(f"scales {self.scales}: give one or more numbers from 0.5 to 3")
        if self.refine < 1:
            raise HumansenseError(f"refine is {self.refine}: expected at least 1")
        if self.joint_set != "model":
            joint_set(self.joint_set)


@dataclass
class _Finding:
    """The last close look at somebody."""

    look: Look
    glance: Glance
    score: float
    box: np.ndarray


class Predictor:
    """Loads the weights once; call it with a path or an array (H, W, 3) uint8 RGB as often as needed.

    predictor = Predictor()
    prediction = predictor("photo.jpg")
    for prediction in predictor.video("clip.mp4"): ...
    """

    def __init__(self, settings: PredictSettings | None = None) -> None:
        self.settings = settings or PredictSettings()
        self.weights_path = find_weights(self.settings.weights)
        self.model = Model(self.weights_path, self.settings.device)
        row = WEIGHTS.get(self.settings.weights)
        self.presence = Presence(row.presence_bias, row.presence_scale) if row else Presence()

    def __call__(self, source: str | Path | np.ndarray | Picture, box: Sequence[float] | None = None) -> Prediction:
        """The person in a picture; with `box` (x0, y0, x1, y1 in pixels) the one in it, without a search.

        A file of more than 24 megapixels is reduced as it is read: everything is in pixels of `prediction.image`.
        Raises `HumansenseError` for what is no picture and for a box outside it.
        """
        picture = self._picture(source)
        timings = {"read": picture.read_ms}
        start = time.perf_counter()
        checked = None if box is None else check_box(box, picture)
        prediction = self._predict(picture.image, checked, None, timings)
        timings["total"] = picture.read_ms + (time.perf_counter() - start) * 1e3
        return prediction

    def video(self, path: str | Path, box: Sequence[float] | None = None) -> Iterator[Prediction]:
        """One prediction a frame. The box follows from the frame before; a lost person is searched for again."""
        from humansense.video import read_frames

        previous: np.ndarray | None = None
        for number, frame in enumerate(read_frames(path)):
            timings: dict[str, float] = {}
            start = time.perf_counter()
            if number == 0 and box is not None:
                previous = check_box(box, Picture(frame, frame.shape[:2], str(path)))
            prediction = self._predict(frame, None, previous, timings)
            timings["total"] = (time.perf_counter() - start) * 1e3
            previous = prediction.box if prediction.found else None
            yield prediction

    @staticmethod
    def _picture(source: str | Path | np.ndarray | Picture) -> Picture:
        if isinstance(source, Picture):
            return source
        return picture_from_array(source) if isinstance(source, np.ndarray) else read_picture(source)

    def _predict(
        self, image: np.ndarray, given: np.ndarray | None, previous: np.ndarray | None, timings: dict[str, float]
    ) -> Prediction:
        start = time.perf_counter()
        finding, pyramid = None, Pyramid(image)
        if given is not None:
            finding = self._closer(pyramid, given, 1, timings)
        elif previous is not None:
            finding = self._closer(pyramid, previous, 1, timings)
        if given is None and (finding is None or finding.score < self.settings.found_score):
            finding = self._search(pyramid, finding, timings)
        searched = time.perf_counter()
        timings["find"] = (searched - start) * 1e3 - timings.get("crop", 0.0) - timings.get("net", 0.0)
        found = finding is not None and finding.score >= self.settings.found_score
        if finding is None or not (found or given is not None):
            return self._nobody(image, finding.score if finding else 0.0, timings)
        maps = self.model.maps(finding.look)
        decoded = time.perf_counter()
        timings["decode"] = (decoded - searched) * 1e3
        parts, depth = place_maps(maps, image.shape[:2])
        if not found:
            return self._nobody(image, finding.score, timings)
        joints, scores = self._joints(finding.glance)
        timings["place"] = (time.perf_counter() - decoded) * 1e3
        box = finding.box if given is None else given
        return Prediction(
            image=image,
            found=True,
            score=finding.score,
            box=box.astype(np.float32),
            joints=joints,
            joint_scores=scores,
            parts=parts,
            depth=depth,
            joint_set=self.joint_set,
            timings_ms=timings,
            weights=self.settings.weights,
        )

    def _search(self, image: Pyramid, best: _Finding | None, timings: dict[str, float]) -> _Finding | None:
        """The whole picture first; where nobody is seen, smaller windows all over it."""
        height, width = image.shape
        level = self.settings.found_score
        rounds = [(level, [whole_window(height, width)])]
        rounds += [(level + (1 - level) * CAREFUL, tile_windows(height, width, share)) for share in TILE_SHARES]
        for enough, windows in rounds:
            for candidate in self._seen(image, windows, timings)[:2]:
                finding = self._closer(image, candidate.box, self.settings.refine, timings)
                if finding.score >= enough:
                    return finding
                # Not good enough for this round: remembered for its score, never above the level.
                finding.score = min(finding.score, float(np.nextafter(level, 0.0)))
                if best is None or finding.score > best.score:
                    best = finding
        return best

    def _seen(self, image: Pyramid, windows: list[Window], timings: dict[str, float]) -> list[Candidate]:
        """Candidates in all windows, most promising first; duplicates of overlapping windows are left out."""
        seen: list[Candidate] = []
        for glance in self.model.glances(self.model.look(image, windows, timings_ms=timings)):
            factor = self.presence.probability(glance.person) * glance.window.side**2
            seen += [Candidate(c.box, c.weight * factor) for c in candidates(glance, image.shape)]
        seen.sort(key=lambda c: -c.weight)
        kept: list[Candidate] = []
        for candidate in seen:
            if all(iou(candidate.box, other.box) < 0.5 for other in kept):
                kept.append(candidate)
        return kept

    def _closer(self, image: Pyramid, box: np.ndarray, looks: int, timings: dict[str, float]) -> _Finding:
        """Look at the box, correct it by what is seen, and look again while it moves."""
        best: _Finding | None = None
        for _ in range(looks):
            look = self.model.look(image, [box_window(box)], self.settings.flip, self.settings.scales, timings)
            glance = self.model.glances(look)[0]
            finding = _Finding(look, glance, person_score(glance, self.presence), box)
            if best is not None and finding.score < 0.8 * best.score:
                return best  # the correction led away from the person
            best = finding
            seen = candidates(glance, image.shape)
            if not seen:
                break
            finding.box = seen[0].box
            if iou(finding.box, box) > 0.8:
                break
            box = finding.box
        assert best is not None
        return best

    @property
    def joint_set(self) -> str:
        """Name of the set that orders the joints of a prediction."""
        return self.model.joint_set if self.settings.joint_set == "model" else self.settings.joint_set

    def _joints(self, glance: Glance) -> tuple[np.ndarray, np.ndarray]:
        """((J, 2) pixels, (J,) scores) in the wanted set; NaN and 0 for joints that the model does not know."""
        joints = convert_joints(glance.joints.astype(np.float32), self.model.joint_set, self.joint_set)
        scores = convert_joints(glance.scores[:, None], self.model.joint_set, self.joint_set, fill=0.0)[:, 0]
        return joints.astype(np.float32), scores.astype(np.float32)

    def _nobody(self, image: np.ndarray, score: float, timings: dict[str, float]) -> Prediction:
        count = len(joint_set(self.joint_set))
        return Prediction(
            image=image,
            found=False,
            score=score,
            box=np.full(4, np.nan, np.float32),
            joints=np.full((count, 2), np.nan, np.float32),
            joint_scores=np.zeros(count, np.float32),
            parts=np.zeros(image.shape[:2], np.uint8),
            depth=np.full(image.shape[:2], np.nan, np.float32),
            joint_set=self.joint_set,
            timings_ms=timings,
            weights=self.settings.weights,
        )


def place_maps(maps: Maps, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """((H, W) uint8 parts, (H, W) float32 depth in metres, NaN off the person) in the picture's pixels."""
    side = int(np.clip(maps.window.side, maps.parts.shape[-1], _MAP_SIDE))
    fine = cv2.resize(np.ascontiguousarray(maps.parts.transpose(1, 2, 0)), (side, side), interpolation=cv2.INTER_LINEAR)
    # Somebody first, then the part: a plain maximum loses whoever's left and right arm share the probability.
    labels = np.where(fine[..., 0] < 0.5, fine[..., 1:].argmax(-1) + 1, 0).astype(np.uint8)
    labels = without_specks(labels)
    piece, (top, left) = paste(labels, maps.window, shape, cv2.INTER_NEAREST)
    metres, _ = paste(maps.depth, maps.window, shape, cv2.INTER_LINEAR)
    parts = np.zeros(shape, np.uint8)
    depth = np.full(shape, np.nan, np.float32)
    area = (slice(top, top + piece.shape[0]), slice(left, left + piece.shape[1]))
    parts[area] = piece
    metres[piece == 0] = np.nan
    depth[area] = metres
    return parts, depth


def without_specks(labels: np.ndarray, share: float = 0.03) -> np.ndarray:
    """Labels without the pieces of the person's mask that are smaller than `share` of the largest one."""
    count, pieces, stats, _ = cv2.connectedComponentsWithStats((labels > 0).astype(np.uint8), connectivity=8)
    if count <= 2:
        return labels
    areas = stats[:, cv2.CC_STAT_AREA]
    small = areas < share * areas[1:].max()
    small[0] = False
    return np.where(small[pieces], 0, labels).astype(np.uint8)


def check_box(box: Sequence[float], picture: Picture) -> np.ndarray:
    """(4,) float32 within the picture; raises `HumansenseError` for what is no box or lies outside."""
    values = np.asarray(box, np.float64)
    height, width = picture.image.shape[:2]
    if values.shape != (4,) or not np.isfinite(values).all() or (values[2:] - values[:2] < 1).any():
        raise HumansenseError(f"box {list(box)} is none: give x0,y0,x1,y1 in pixels with x0 < x1 and y0 < y1")
    clipped = clip_box(values, (height, width))
    if (clipped[2:] - clipped[:2] < 1).any():
        raise HumansenseError(f"box {list(box)} lies outside {picture.name}, which is {width}x{height} pixels")
    return clipped
