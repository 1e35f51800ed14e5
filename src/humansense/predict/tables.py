"""People of a video as tables: `tracks.csv` for spreadsheets, `coco.json` for what reads COCO. Written frame by frame.

Both take their name when the `with` block ends without an error, and leave nothing otherwise. They hold people with a
`track_id`.
"""

from __future__ import annotations

import csv
import json
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path, PurePath
from types import TracebackType
from typing import IO, Any

import numpy as np

from humansense.core import FoundPerson, HumansenseError, Prediction, atomic_path, joint_set
from humansense.data.export.coco import PERSON

SURE_SCORE = 0.2
"""COCO's v is 2 from this score of a joint on, else 1."""


class _Table:
    """A text file that appears whole or not at all."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.frames = 0
        self._stack = ExitStack()
        self._joint_set: str | None = None

    def __enter__(self) -> Any:
        temporary = self._stack.enter_context(atomic_path(self.path))
        self._file: IO[str] = self._stack.enter_context(temporary.open("w", encoding="utf-8", newline=""))
        self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            try:
                self._close()
            except BaseException as problem:
                self._stack.__exit__(type(problem), problem, problem.__traceback__)
                raise
        self._stack.__exit__(kind, error, trace)

    def _open(self) -> None: ...

    def _close(self) -> None: ...

    def _checked(self, prediction: Prediction) -> list[FoundPerson]:
        """The numbered people; raises `HumansenseError` if their joints are not those of the frames before."""
        names = {p.joint_set for p in prediction.people} | {prediction.joint_set}
        self._joint_set = self._joint_set or prediction.joint_set
        if names != {self._joint_set}:
            raise HumansenseError(f"{self.path}: joints of {sorted(names)} in one table of {self._joint_set}")
        return [p for p in prediction.people if p.track_id is not None]


class TrackTable(_Table):
    """CSV with a row a person and frame: frame, time_s, track_id, score, the box, and x, y, score of every joint.

    Pixels of the upright frame, the top-left pixel's centre at (0.5, 0.5); an unknown joint is empty.
    """

    def write(self, prediction: Prediction, frame: int, time_s: float) -> None:
        """One frame; the first one writes the header."""
        first, people = self._joint_set is None, self._checked(prediction)
        rows = csv.writer(self._file, lineterminator="\n")
        if first:
            names = joint_set(prediction.joint_set).names
            columns = [f"{name}_{value}" for name in names for value in ("x", "y", "score")]
            rows.writerow(["frame", "time_s", "track_id", "score", "x0", "y0", "x1", "y1", *columns])
        for person in people:
            row: list[object] = [frame, round(time_s, 4), person.track_id, round(float(person.score), 4)]
            row += [round(float(v), 2) for v in person.box]
            for (x, y), score in zip(person.joints.tolist(), person.joint_scores.tolist(), strict=True):
                row += [_or_empty(x, 2), _or_empty(y, 2), _or_empty(score, 4)]
            rows.writerow(row)
        self.frames += 1


class CocoWriter(_Table):
    """COCO keypoint annotations with `track_id`, `score` and `keypoint_scores`, and an image entry a frame.

    `file_name` is STEM/000012.jpg: what `ffmpeg -i VIDEO -start_number 0 STEM/%06d.jpg` makes of the video. Keypoints
    count pixels from 0 (ours minus 0.5), as in `data/export/coco.py`; v is 2 from `SURE_SCORE` on, 1 below, 0 unknown.
    The entries of images wait in a temporary file, so that memory stays constant.
    """

    def __init__(self, path: str | Path, video: str) -> None:
        super().__init__(path)
        self.video = video
        self.annotations = 0

    def _open(self) -> None:
        self._images: IO[str] = self._stack.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8"))  # noqa: SIM115
        about = {"description": f"people followed through {self.video}, made with humansense"}
        self._file.write('{"info":' + _line(about) + ',\n"licenses":[],\n"annotations":[')

    def write(self, prediction: Prediction, frame: int, time_s: float) -> None:
        """One frame; its image id is frame + 1."""
        height, width = prediction.image.shape[:2]
        name = f"{PurePath(self.video).stem}/{frame:06d}.jpg"
        image = {"id": frame + 1, "file_name": name, "width": width, "height": height}
        image |= {"video_id": 1, "frame_id": frame, "time_s": round(time_s, 4)}
        people = self._checked(prediction)
        self._images.write((",\n" if self.frames else "\n") + _line(image))
        for person in people:
            self.annotations += 1
            entry = {"id": self.annotations, "image_id": frame + 1, **annotation(person)}
            self._file.write((",\n" if self.annotations > 1 else "\n") + _line(entry))
        self.frames += 1

    def _close(self) -> None:
        self._file.write('],\n"images":[')
        self._images.seek(0)
        shutil.copyfileobj(self._images, self._file)
        videos = [{"id": 1, "name": self.video}]
        kind = category(self._joint_set or "coco17")
        self._file.write('],\n"videos":' + _line(videos) + ',\n"categories":' + _line([kind]) + "}\n")


def annotation(person: FoundPerson) -> dict[str, Any]:
    """COCO's entry of a person, without its numbers."""
    known = np.isfinite(person.joints).all(-1)
    flags = np.where(known, np.where(person.joint_scores >= SURE_SCORE, 2, 1), 0)
    points = np.where(known[:, None], person.joints.astype(np.float64) - 0.5, 0.0).round(3)
    x0, y0, x1, y1 = (float(v) for v in person.box)
    return {
        "category_id": PERSON["id"],
        "track_id": person.track_id,
        "iscrowd": 0,
        "score": round(float(person.score), 4),
        "bbox": [round(v, 2) for v in (x0, y0, x1 - x0, y1 - y0)],
        "area": round((x1 - x0) * (y1 - y0), 1),
        "keypoints": [n for (x, y), v in zip(points.tolist(), flags.tolist(), strict=True) for n in (x, y, v)],
        "num_keypoints": int(known.sum()),
        "keypoint_scores": np.nan_to_num(person.joint_scores.astype(np.float64)).round(4).tolist(),
    }


def category(set_name: str) -> dict[str, Any]:
    """COCO's own person for its 17 joints, else the set's names and bones (counted from 1)."""
    if set_name == "coco17":
        return PERSON
    joints = joint_set(set_name)
    bones = [[parent + 1, child + 1] for parent, child in joints.bones]
    return {**PERSON, "keypoints": list(joints.names), "skeleton": bones}


def _or_empty(value: float, digits: int) -> float | str:
    return round(value, digits) if np.isfinite(value) else ""


def _line(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
