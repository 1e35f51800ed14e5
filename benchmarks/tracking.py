"""How well people are followed, and what smoothing takes from their joints. One JSON line.

    humansense synth out/crowd --preset room --people 4 --clips 4 --frames 60 --size 320x240 --workers 1 --split test
    python benchmarks/tracking.py --data out/crowd [--noise 0.02] [--drop 0.1] [--seed 0]
    python benchmarks/tracking.py --data out/crowd --predict

Takes the true people of a synthetic set and spoils them as a detector would: boxes and joints with noise (a share of
the height; wrists and ankles twice as much), people dropped for one frame or for a run of frames, false people, weak
scores, and one of two who cover each other left out. With --predict: what the released weights read from the frames.
What comes out of `follow` is measured against the truth. Without --data: walkers made up on the spot, who cross all the
time. `jitter` compares raw joints, One-Euro, and the local fit that `follow` uses.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from humansense.core import FoundPerson, HumansenseError, Prediction, joint_set
from humansense.data.store import ClipSet
from humansense.metrics.tracking import Jitter, TrackingError
from humansense.predict.smooth import OneEuro
from humansense.predict.track import TrackSettings, box_iou, follow

JOINTS = joint_set("coco17")
LIMBS = ("wrist", "ankle", "elbow", "knee")


@dataclass
class Film:
    """boxes (T, N, 4) NaN where nobody is seen, joints (T, N, 17, 2). pictures: T frames; a made-up film has none."""

    size: tuple[int, int]
    fps: float
    boxes: np.ndarray
    joints: np.ndarray
    pictures: Callable[[], Iterator[np.ndarray]] | None = None


def films_of_set(root: Path) -> Iterator[Film]:
    """Every clip of a set."""
    clips = ClipSet(root)
    for clip in clips.clips:
        columns = [clip.joints.index(name) for name in JOINTS.names]
        joints = clips.clip_array(clip, "joints2d")[:, :, columns].astype(np.float64)
        boxes = np.stack([_boxes(clips.boxes(clip.start + t), clip.people) for t in range(clip.frames)])
        if clip.people:
            frames = partial(_pictures, clips, clip.start, clip.frames)
            yield Film(clip.size, float(clips.clip_info(clip)["fps"]), boxes, joints, frames)


def _pictures(clips: ClipSet, start: int, count: int) -> Iterator[np.ndarray]:
    return (clips.read(start + t, ()).image for t in range(count))


def _boxes(boxes: np.ndarray, people: int) -> np.ndarray:
    out = np.full((people, 4), np.nan)
    out[: len(boxes)] = boxes
    size = out[:, 2:] - out[:, :2]
    out[~(size > 4).all(-1)] = np.nan  # nobody could be found in so few pixels
    return out


def made_up_films(rng: np.random.Generator, count: int = 4, people: int = 4, frames: int = 150) -> Iterator[Film]:
    """Walkers of different heights and paces on two lanes, with swinging limbs."""
    for _ in range(count):
        t = np.arange(frames)[:, None] / 25.0
        height = rng.uniform(70, 110, people)
        center = (
            rng.uniform(40, 280, people) + np.sign(rng.normal(size=people)) * rng.uniform(0.3, 0.7, people) * height * t
        )
        center = 160 - np.abs((center - 20) % 560 - 280) + 140  # back and forth within the picture
        middle = np.stack([center, np.broadcast_to(120 + rng.normal(0, 4, people), center.shape)], -1)
        shape = rng.uniform(-0.45, 0.45, (people, len(JOINTS), 2)) * (0.4, 1.0)
        phase = rng.uniform(0, 2 * np.pi, (people, len(JOINTS)))
        limb = np.array([any(word in name for word in LIMBS) for name in JOINTS.names])
        swing = 0.12 * limb * np.sin(2 * np.pi * 0.9 * t[..., None] + phase)
        joints = middle[:, :, None] + height[:, None, None] * (shape + swing[..., None] * (1.0, 0.3))
        half = np.stack([0.25 * height, 0.5 * height], -1)
        yield Film((240, 320), 25.0, np.concatenate([middle - half, middle + half], -1), joints)


def detections(film: Film, noise: float, drop: float, rng: np.random.Generator) -> Iterator[Prediction]:
    """What a detector would make of each frame."""
    frames, count = film.boxes.shape[:2]
    gone = rng.random((frames, count)) < drop
    for person in range(count):  # and one absence of up to a second each
        start = int(rng.integers(5, max(frames - 5, 6)))
        gone[start : start + int(rng.integers(3, round(film.fps))), person] = True
    loose = np.array([2.0 if any(w in n for w in ("wrist", "ankle")) else 1.0 for n in JOINTS.names])[:, None]
    image, blank = np.zeros((*film.size, 3), np.uint8), np.zeros(film.size, np.uint8)
    depth = np.full(film.size, np.nan, np.float32)
    for t in range(frames):
        seen = [i for i in range(count) if np.isfinite(film.boxes[t, i]).all() and not gone[t, i]]
        boxes = film.boxes[t, seen]
        cover = np.triu(box_iou(boxes, boxes), 1) if len(seen) else np.zeros((0, 0))
        people = []
        for k, i in enumerate(seen):
            if (cover[:, k] > 0.6).any():
                continue
            height = max(float((film.boxes[t, i, 2:] - film.boxes[t, i, :2]).max()), 1.0)
            box = film.boxes[t, i] + rng.normal(0, noise * height, 4)
            joints = film.joints[t, i] + rng.normal(0, noise * height, (len(JOINTS), 2)) * loose
            score = 0.3 if rng.random() < 0.1 else 0.9
            people.append(
                FoundPerson(score, box.astype(np.float32), joints.astype(np.float32), np.full(17, 0.8, np.float32))
            )
        if rng.random() < 0.05:
            x, y = rng.uniform(0, 0.8, 2) * film.size[::-1]
            box = np.array([x, y, x + 30, y + 60], np.float32)
            people.append(
                FoundPerson(
                    0.6, box, rng.uniform(box[:2], box[2:], (17, 2)).astype(np.float32), np.full(17, 0.3, np.float32)
                )
            )
        order = rng.permutation(len(people))
        yield Prediction(image, tuple(people[i] for i in order), blank, depth, blank, 0.9)


def measure(films: list[Film], found_in: Callable[[Film, int], list[Prediction]]) -> dict[str, dict[str, float]]:
    """Figures of tracking, and of joints raw, by One-Euro and by the local fit.

    found_in: (film, its number) -> what is found in its frames.
    """
    tracking = TrackingError()
    jitters = {"raw": Jitter(), "one_euro": Jitter(), "local_fit": Jitter()}
    for number, film in enumerate(films):
        found = found_in(film, number)
        raw = follow(found, film.fps, TrackSettings(smooth=None))
        smooth = follow(found, film.fps)
        paths = {name: np.full(film.joints.shape, np.nan) for name in jitters}
        filters: dict[int, OneEuro] = {}
        for t, (one, other) in enumerate(zip(raw, smooth, strict=True)):
            there = np.flatnonzero(np.isfinite(film.boxes[t]).all(-1))
            kept = [i for i, p in enumerate(other.people) if p.track_id is not None]
            boxes = np.array([other.people[i].box for i in kept]).reshape(-1, 4)
            tracking.update(there.tolist(), film.boxes[t, there], [other.people[i].track_id for i in kept], boxes)  # type: ignore[misc]
            overlap = box_iou(film.boxes[t, there], boxes)
            for k, i in enumerate(kept):
                person, height = one.people[i], float((boxes[k, 2:] - boxes[k, :2]).max())
                euro = filters.setdefault(int(other.people[i].track_id or 0), OneEuro())
                calm = euro(person.joints, person.joint_scores, t / film.fps, height)
                if len(there) and overlap[:, k].max() >= 0.5:
                    who = there[overlap[:, k].argmax()]
                    paths["raw"][t, who], paths["one_euro"][t, who] = person.joints, calm
                    paths["local_fit"][t, who] = other.people[i].joints
        tracking.end_sequence()
        heights = np.nan_to_num((film.boxes[..., 2:] - film.boxes[..., :2]).max(-1), nan=np.inf)
        for name, jitter in jitters.items():
            for i in range(film.boxes.shape[1]):
                jitter.update(paths[name][:, i], film.joints[:, i], heights[:, i])
    return {"tracking": tracking.compute(), **{name: jitter.compute() for name, jitter in jitters.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a synthetic set; by default walkers are made up")
    parser.add_argument("--predict", action="store_true", help="read the frames of --data with the released weights")
    parser.add_argument("--noise", type=float, default=0.02, help="standard deviation, share of the height")
    parser.add_argument("--drop", type=float, default=0.1, help="share of people that are missed in a frame")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    made_up = made_up_films(np.random.default_rng(options.seed))
    films = list(made_up if options.data is None else films_of_set(options.data))
    row = {"benchmark": "tracking", "data": str(options.data.name if options.data else "walkers")}
    row |= {"films": len(films)}  # type: ignore[dict-item]
    if options.predict:
        from humansense.predict import Predictor

        predictor = Predictor()
        row |= {"weights": predictor.settings.weights, "finder": predictor.settings.finder}

        def read(film: Film, number: int) -> list[Prediction]:
            if film.pictures is None:
                raise HumansenseError("--predict needs the pictures of a set: give --data")
            return [predictor(frame) for frame in film.pictures()]

        figures = measure(films, read)
    else:
        row |= {"noise": options.noise, "drop": options.drop}

        def spoiled(film: Film, number: int) -> list[Prediction]:
            rng = np.random.default_rng((options.seed, number))
            return list(detections(film, options.noise, options.drop, rng))

        figures = measure(films, spoiled)
    row |= {name: {k: round(v, 4) for k, v in values.items()} for name, values in figures.items()}  # type: ignore[misc]
    print(json.dumps(row))


if __name__ == "__main__":
    main()
