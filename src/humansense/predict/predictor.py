"""Image or video in, `Prediction` out: find everybody, look closely at each, map everything back to the picture."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from humansense.core import FoundPerson, HumansenseError, Prediction, convert_joints, joint_set
from humansense.predict.calibration import Calibration, Evidence, logit
from humansense.predict.compose import Seen, compose
from humansense.predict.find import Candidate, Finder, better_box, inside, mask_box
from humansense.predict.model import Glance, Look, Model
from humansense.predict.pictures import Picture, picture_from_array, read_picture
from humansense.predict.released import DEFAULT, DEFAULT_FINDER, WEIGHTS, find_weights
from humansense.predict.windows import Pyramid, box_window, clip_box, iou

FOUND_SCORE = 0.5
"""Below this score nobody is there."""
BATCH = 8
"""People that the net looks at together."""
_AGREE = 0.5
"""A second look follows where the box of the mask and the one that was looked at share less of their union."""
_SAME_BOX = 0.7
"""Two whose looks end at boxes that share so much are one person."""
_SAME_JOINTS = 0.12
"""So are two whose joints lie so near each other, in lengths of the smaller box."""
_SURE_JOINT = 0.2


@dataclass(frozen=True)
class PredictSettings:
    """weights: of the task `people`: a released name, a file or a training folder. finder: of the task `finder`, which
    finds everybody. max_people: the surest so many are looked at. flip: also look at the mirrored crop (twice the
    time). turn: also at the crop turned by quarters of a circle, and take the surest (four times). scales: enlargements
    of the window to average over. refine: looks at each person at most; the second one where the first shows the box
    to be wrong. joint_set: order of the joints; "model" gives the model's own. found_score: below it nobody is there.
    """

    weights: str = DEFAULT
    finder: str = DEFAULT_FINDER
    max_people: int = 100
    flip: bool = False
    turn: bool = False
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
        if not 1 <= self.max_people <= 255:
            raise HumansenseError(f"max_people is {self.max_people}: expected 1 to 255")
        if self.joint_set != "model":
            joint_set(self.joint_set)


@dataclass
class _Finding:
    """The last close look at somebody: number `row` of `look`. score: that somebody is there."""

    look: Look
    row: int
    glance: Glance
    seen: Candidate
    score: float

    @property
    def box(self) -> np.ndarray:
        """(4,) float32 pixels of the picture."""
        return self.seen.box.astype(np.float32)


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
        self.finder = Finder(find_weights(self.settings.finder), self.settings.device)
        row = WEIGHTS.get(self.settings.weights)
        self.evidence = row.evidence if row else Evidence()
        self.joint_scores = row.joint_scores if row else Calibration()

    def __call__(self, source: str | Path | np.ndarray | Picture, box: Sequence[float] | None = None) -> Prediction:
        """Everybody in a picture; with `box` (x0, y0, x1, y1 in pixels) the one in it, without a search.

        A file of more than 24 megapixels is reduced as it is read: everything is in pixels of `prediction.image`.
        Raises `HumansenseError` for what is no picture and for a box outside it.
        """
        picture = self._picture(source)
        timings = {"read": picture.read_ms}
        start = time.perf_counter()
        given = None if box is None else check_box(box, picture)
        prediction = self._predict(picture.image, given, timings)
        timings["total"] = picture.read_ms + (time.perf_counter() - start) * 1e3
        return prediction

    def video(self, path: str | Path, box: Sequence[float] | None = None) -> Iterator[Prediction]:
        """One prediction a frame, people numbered through the video and their joints smoothed (`track.follow`)."""
        from humansense.predict.track import follow
        from humansense.video import probe_video

        return follow(self.frames(path, box), probe_video(path).fps)

    def frames(self, path: str | Path, box: Sequence[float] | None = None, every: int = 1) -> Iterator[Prediction]:
        """One prediction for each `every`-th frame of a video, each on its own: people have no numbers yet.

        With `box` only the one who is in it in the first frame: from then on whoever is where that one was last.
        """
        from humansense.video import read_frames

        last = None if box is None else np.asarray(box, np.float64)
        for number, frame in enumerate(read_frames(path, every)):
            timings: dict[str, float] = {}
            start = time.perf_counter()
            if last is None:
                prediction = self._predict(frame, None, timings)
            else:
                if number == 0:
                    last = check_box(last.tolist(), Picture(frame, frame.shape[:2], str(path)))
                prediction = self._follow_one(frame, last, timings)
                last = prediction.box if prediction.found else last
            timings["total"] = (time.perf_counter() - start) * 1e3
            yield prediction

    @staticmethod
    def _picture(source: str | Path | np.ndarray | Picture) -> Picture:
        if isinstance(source, Picture):
            return source
        return picture_from_array(source) if isinstance(source, np.ndarray) else read_picture(source)

    def _predict(self, image: np.ndarray, given: np.ndarray | None, timings: dict[str, float]) -> Prediction:
        """Everybody, or the one in the `given` box."""
        pyramid = Pyramid(image)
        if given is not None:
            seen = [Candidate(given, 1.0)]
        else:
            seen = self.finder.find(pyramid, timings)[: self.settings.max_people]
        findings = self._closer(pyramid, seen, given is None, timings)
        return self._result(image, findings, timings)

    def _follow_one(self, frame: np.ndarray, last: np.ndarray, timings: dict[str, float]) -> Prediction:
        """The one who was in the box `last`: there, where the mask says, or whoever the finder sees nearest to it."""
        pyramid = Pyramid(frame)
        (finding,) = self._closer(pyramid, [Candidate(clip_box(last, pyramid.shape), 1.0)], True, timings)
        seen = mask_box(finding.glance, finding.box, pyramid.shape)
        if finding.score >= self.settings.found_score and seen is not None:
            finding.seen = replace(finding.seen, box=seen)
            return self._result(frame, [finding], timings)
        near = [c for c in self.finder.find(pyramid, timings) if iou(c.box, last) > 0]
        near.sort(key=lambda c: -iou(c.box, last))
        return self._result(frame, self._closer(pyramid, near[:1], True, timings) or [finding], timings)

    def _closer(
        self, image: Pyramid, seen: Sequence[Candidate], refine: bool, timings: dict[str, float]
    ) -> list[_Finding]:
        """Look at each box, and again where what is seen says that it is another; best first."""
        findings = [f for i in range(0, len(seen), BATCH) for f in self._look(image, seen[i : i + BATCH], timings)]
        for _ in range(self.settings.refine - 1 if refine else 0):
            wrong = [
                (k, replace(finding.seen, box=box))
                for k, finding in enumerate(findings)
                if (box := better_box(finding.glance, finding.box, image.shape, _AGREE)) is not None
                and not _swallows(box, finding.box, [other.box for other in findings])
            ]
            for i in range(0, len(wrong), BATCH):
                some = wrong[i : i + BATCH]
                for (k, _), again in zip(some, self._look(image, [c for _, c in some], timings), strict=True):
                    first = findings[k].score
                    if again.score >= 0.8 * first:  # else the correction led away from the person
                        # A better box, but no second chance to be somebody.
                        findings[k] = replace(again, score=min(first, again.score))
        findings.sort(key=lambda f: -f.score)
        kept: list[_Finding] = []
        for finding in findings:
            if not any(same_person(finding.box, finding.glance, other.box, other.glance) for other in kept):
                kept.append(finding)
        return kept

    def _look(self, image: Pyramid, seen: Sequence[Candidate], timings: dict[str, float]) -> list[_Finding]:
        windows = [box_window(c.box) for c in seen]
        s = self.settings
        look = self.model.look(image, windows, s.flip, s.scales, s.turn, timings)
        findings = []
        for row, (candidate, glance) in enumerate(zip(seen, self.model.glances(look), strict=True)):
            score = self.evidence.probability(float(logit(candidate.score)), glance.person, candidate.doubt)
            score = 0.0 if mask_box(glance, candidate.box, image.shape) is None else score
            findings.append(_Finding(look, row, glance, candidate, score))
        return findings

    def _result(self, image: np.ndarray, findings: Sequence[_Finding], timings: dict[str, float]) -> Prediction:
        start = time.perf_counter()
        found = [f for f in findings if f.score >= self.settings.found_score]
        # The most prominent first: large, and seen with certainty.
        found.sort(key=lambda f: -f.score * float(max(f.box[2:] - f.box[:2])))
        people = [
            Seen(self.model.maps(f.look, f.row), f.glance.joints, f.glance.scores, self.model.joint_set, f.box)
            for f in found
        ]
        decoded = time.perf_counter()
        parts, depth, instance = compose(people, image.shape[:2])
        timings["decode"] = (decoded - start) * 1e3
        timings["place"] = (time.perf_counter() - decoded) * 1e3
        return Prediction(
            image=image,
            people=tuple(self._person(finding) for finding in found),
            parts=parts,
            depth=depth,
            instance=instance,
            score=found[0].score if found else max((f.score for f in findings), default=0.0),
            joint_set=self.joint_set,
            timings_ms=timings,
            weights=self.settings.weights,
        )

    @property
    def joint_set(self) -> str:
        """Name of the set that orders the joints of a prediction."""
        return self.model.joint_set if self.settings.joint_set == "model" else self.settings.joint_set

    def _person(self, finding: _Finding) -> FoundPerson:
        """NaN and 0 for joints that the model does not know."""
        glance, own = finding.glance, self.model.joint_set
        joints = convert_joints(glance.joints.astype(np.float32), own, self.joint_set)
        chance = self.joint_scores.probability(logit(glance.scores))
        scores = convert_joints(chance[:, None], own, self.joint_set, fill=0.0)[:, 0]
        return FoundPerson(
            score=finding.score,
            box=finding.box,
            joints=joints.astype(np.float32),
            joint_scores=scores.astype(np.float32),
            joint_set=self.joint_set,
        )


def same_person(box: np.ndarray, glance: Glance, other_box: np.ndarray, other: Glance) -> bool:
    """Whether two looks saw one person: their boxes are the same, or most of the joints that both are sure of.

    The joints tell a person from a piece of that person, whose box may be much smaller.
    """
    if iou(box, other_box) >= _SAME_BOX:
        return True
    sure = (glance.scores >= _SURE_JOINT) & (other.scores >= _SURE_JOINT)
    length = min(float(max(b[2:] - b[:2])) for b in (box, other_box))
    apart = np.linalg.norm(glance.joints - other.joints, axis=-1)[sure]
    return len(apart) >= 4 and float(np.median(apart)) < _SAME_JOINTS * length


def _swallows(box: np.ndarray, before: np.ndarray, others: Sequence[np.ndarray]) -> bool:
    """Whether `box`, unlike `before`, holds somebody else: masks of people who touch are one piece."""
    return any(inside(other, box) > 0.5 >= inside(other, before) for other in others if other is not before)


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
