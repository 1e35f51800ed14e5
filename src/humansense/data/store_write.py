"""Writing a set: `set.json`, and shards of clips. docs/format.md describes the files.

    start_set(root, {"preset": "surreal", "seed": 0, ...})
    path = shard_path(root, 3)
    if not is_whole(path):
        with ShardWriter(path) as writer:
            writer.add_clip(Clip("c000012", people=(track,), action="walk"), frames)

A shard takes its name when it is whole, its index after it; a reader looks at the index. So whatever stops a writer
(Ctrl-C, a full disk, a lost machine) leaves either a whole shard or none, and writing again skips the whole ones.
The same values give the same bytes: no times, users or machine names are stored.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from humansense.core import JOINT_SETS, Camera, HumansenseError, Sample, atomic_path, joint_set, write_error
from humansense.data.maps import DEPTH_UNIT_M, JPEG_QUALITY, encode_maps
from humansense.data.visibility import visible_joints

FORMAT_NAME = "humansense-clips"
FORMAT_VERSION = 1


@dataclass
class Track:
    """One person over the T frames of a clip.

    joints3d: joint set name -> (T, J, 3) metres in camera axes. Sets may overlap: a joint is stored once, by name.
    visible: joint set name -> (T, J) bool, nothing lies in front of the joint; a set that is left out is judged from
        the depth map (`visible_joints`).
    arrays: what the person was posed from, stored as given: shape (11,), pose (T, 104, 3, 3), translation (T, 3) ...
    info: JSON values: subject, motion source, clothes ...
    """

    joints3d: Mapping[str, np.ndarray]
    visible: Mapping[str, np.ndarray] = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Clip:
    """What is known about a clip beside its frames.

    key: unique in the set, letters, digits, "_" and "-" only.
    people: one track a person; person i has label i + 1 in `Sample.instance`. The arrays are read when the last frame
        has been written, so that a generator of frames may fill them as it goes.
    action, subject, source: for statistics; "" where unknown.
    info: JSON values kept as they are: light coefficients, background, the spec the clip was made from ...
    """

    key: str
    people: tuple[Track, ...] = ()
    fps: float = 30.0
    action: str = ""
    subject: str = ""
    source: str = ""
    info: Mapping[str, Any] = field(default_factory=dict)


def start_set(root: str | Path, description: Mapping[str, Any]) -> None:
    """Write `root/set.json`, or check that the one there has the same `description` (JSON values).

    Resuming with other settings would mix two sets in one folder, so it raises `HumansenseError`.
    """
    root = Path(root)
    path = root / "set.json"
    content = {
        "format": FORMAT_NAME,
        "version": FORMAT_VERSION,
        "depth_unit_m": DEPTH_UNIT_M,
        "jpeg_quality": JPEG_QUALITY,
        "part_set": "smpl24",
        "description": json.loads(json.dumps(dict(description))),
    }
    if path.is_file():
        try:
            there = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise HumansenseError(f"{path} cannot be read ({error}): choose another folder or delete it") from error
        if there != content:
            old, new = there.get("description", {}), content["description"]
            differs = [k for k in sorted({*old, *new}) if old.get(k) != new.get(k)] or ["format"]
            raise HumansenseError(
                f"{root} holds a set that was made with another {', '.join(differs)}: choose another folder, or "
                "delete this one, or ask for the same again to resume it"
            )
        return
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def shard_path(root: str | Path, number: int) -> Path:
    """`root/shards/000003.tar` for number 3."""
    return Path(root) / "shards" / f"{number:06d}.tar"


def is_whole(path: str | Path) -> bool:
    """Whether the shard at `path` was written to its end: it has an index, and the size that the index states."""
    path = Path(path)
    try:
        index = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        return path.stat().st_size == index["bytes"]
    except (OSError, ValueError, KeyError, TypeError):
        return False


class ShardWriter:
    """Writes one shard; use it as a context manager. On an error inside, nothing is left behind."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._stack = ExitStack()
        self._clips: list[dict[str, Any]] = []
        self._joint_lists: list[list[str]] = []
        self._keys: set[str] = set()
        self._offset = 0

    def __enter__(self) -> ShardWriter:
        # Left in reverse order: the tar takes its name first, its index last.
        try:
            self.path.with_suffix(".json").unlink(missing_ok=True)
            self._index_path = self._stack.enter_context(atomic_path(self.path.with_suffix(".json")))
            temporary = self._stack.enter_context(atomic_path(self.path))
            self._file = self._stack.enter_context(temporary.open("wb"))
        except OSError as error:
            self._stack.__exit__(type(error), error, error.__traceback__)
            raise write_error(self.path, error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            try:
                self._finish()
            except BaseException as failed:
                self._stack.__exit__(type(failed), failed, failed.__traceback__)
                raise
        self._stack.__exit__(kind, error, trace)

    def add_clip(self, clip: Clip, frames: Iterable[Sample]) -> None:
        """Append a clip. `frames` gives one `Sample` a frame with its maps and camera; people come from `clip`.

        A sample's own key and people are not looked at. `frames` is consumed one by one, so it may be a generator.
        """
        if clip.key in self._keys or not clip.key.replace("_", "").replace("-", "").isalnum():
            raise ValueError(f"clip key {clip.key!r} is used twice or has other characters than letters, digits, _, -")
        self._keys.add(clip.key)
        members: dict[str, Any] = {}
        cameras: list[Camera] = []
        boxes, judged = [], []
        for t, sample in enumerate(frames):
            if sample.camera is None:
                raise ValueError(f"frame {t} of clip {clip.key} has no camera")
            for suffix, data in sorted(encode_maps(sample).items()):
                members.setdefault(suffix, []).append(self._add(f"{clip.key}_f{t:04d}.{suffix}", data))
            cameras.append(sample.camera)
            boxes.append([instance_box(sample.instance, i + 1) for i in range(len(clip.people))])
            judged.append([_judge(track, t, i + 1, sample) for i, track in enumerate(clip.people)])
        count = len(cameras)
        if not count or any(len(spans) != count for spans in members.values()):
            raise ValueError(f"clip {clip.key} has no frames, or some of its frames lack a map that others have")
        arrays = _clip_arrays(clip, cameras, np.array(boxes, np.float32), judged)
        layout = {name: self._add_array(f"{clip.key}.{name}.npy", value) for name, value in sorted(arrays.items())}
        about = self._add(f"{clip.key}.clip.json", _clip_json(clip, count, cameras[0].size))
        names = _joint_names(clip)
        if names not in self._joint_lists:
            self._joint_lists.append(names)
        self._clips.append(
            {
                "key": clip.key,
                "frames": count,
                "people": len(clip.people),
                "size": list(cameras[0].size),
                "action": clip.action,
                "subject": clip.subject,
                "source": clip.source,
                "joints": self._joint_lists.index(names),
                "maps": members,
                "arrays": layout,
                "clip": about,
            }
        )

    def _add(self, name: str, data: bytes) -> list[int]:
        """Append a member; returns its [offset, size] in the tar."""
        header = tarfile.TarInfo(name)
        header.size = len(data)
        header.mode = 0o644
        block = header.tobuf(tarfile.USTAR_FORMAT)
        try:
            self._file.write(block)
            self._file.write(data)
            self._file.write(bytes(-len(data) % tarfile.BLOCKSIZE))
        except OSError as error:
            raise write_error(self.path, error) from error
        span = [self._offset + len(block), len(data)]
        self._offset = span[0] + span[1] + (-span[1] % tarfile.BLOCKSIZE)
        return span

    def _add_array(self, name: str, array: np.ndarray) -> list[Any]:
        """Append an array as .npy; returns [offset of the numbers, dtype, shape], so that a row can be read alone."""
        buffer = io.BytesIO()
        array = np.ascontiguousarray(array)
        np.lib.format.write_array(buffer, array, version=(1, 0), allow_pickle=False)
        data = buffer.getvalue()
        offset, _ = self._add(name, data)
        return [offset + len(data) - array.nbytes, array.dtype.str, list(array.shape)]

    def _finish(self) -> None:
        self._file.write(bytes(2 * tarfile.BLOCKSIZE))
        self._file.close()
        index = {
            "format": FORMAT_NAME,
            "version": FORMAT_VERSION,
            "bytes": self._offset + 2 * tarfile.BLOCKSIZE,
            "joints": self._joint_lists,
            "clips": self._clips,
        }
        self._index_path.write_text(json.dumps(index, separators=(",", ":")), encoding="utf-8")


def instance_box(instance: np.ndarray | None, label: int) -> np.ndarray:
    """(4,) float32 x0, y0, x1, y1: the edges of the pixels with that label; NaN if there are none."""
    if instance is None:
        return np.full(4, np.nan, np.float32)
    mask = instance == label
    xs, ys = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    if not len(xs):
        return np.full(4, np.nan, np.float32)
    return np.array([xs[0], ys[0], xs[-1] + 1, ys[-1] + 1], np.float32)


def _names_of(track: Track) -> list[str]:
    """The joints of a track's sets, each once, in the order of JOINT_SETS."""
    names: dict[str, None] = {}
    for set_name in sorted(track.joints3d, key=list(JOINT_SETS).index):
        names.update(dict.fromkeys(joint_set(set_name).names))
    return list(names)


def _joint_names(clip: Clip) -> list[str]:
    names = _names_of(clip.people[0]) if clip.people else []
    if any(_names_of(track) != names for track in clip.people):
        raise ValueError(f"the people of clip {clip.key} have different joint sets")
    return names


def _merge(values: Mapping[str, np.ndarray], names: list[str], out: np.ndarray) -> np.ndarray:
    """Columns of every set into `out` (T, N, ...) by joint name; the first set in JOINT_SETS wins."""
    for set_name in sorted(values, key=list(JOINT_SETS).index, reverse=True):
        out[:, [names.index(n) for n in joint_set(set_name).names]] = values[set_name]
    return out


def _judge(track: Track, t: int, label: int, sample: Sample) -> np.ndarray | None:
    """(N,) bool visibility of the track's joints in one frame by its depth map, where the track states none."""
    if set(track.visible) >= set(track.joints3d):
        return None
    names = _names_of(track)
    row = {k: np.asarray(v)[t : t + 1] for k, v in track.joints3d.items()}
    points = _merge(row, names, np.full((1, len(names), 3), np.nan))[0]
    return visible_joints(points, names, sample, label)


def _clip_arrays(
    clip: Clip, cameras: list[Camera], boxes: np.ndarray, judged: list[list[np.ndarray | None]]
) -> dict[str, np.ndarray]:
    count, people, names = len(cameras), len(clip.people), _joint_names(clip)
    joints3d = np.full((count, people, len(names), 3), np.nan, np.float32)
    joints2d = np.full((count, people, len(names), 2), np.nan, np.float32)
    visible = np.zeros((count, people, len(names)), bool)
    arrays: dict[str, np.ndarray] = {}
    for i, track in enumerate(clip.people):
        for set_name, values in track.joints3d.items():
            if np.shape(values) != (count, len(joint_set(set_name)), 3):
                raise ValueError(f"joints3d[{set_name!r}] of {clip.key} has shape {np.shape(values)}, T is {count}")
        _merge(track.joints3d, names, joints3d[:, i])
        if judged[0][i] is not None:
            visible[:, i] = np.stack([row[i] for row in judged])  # type: ignore[misc]
        _merge(track.visible, names, visible[:, i])
        for name, value in track.arrays.items():
            arrays[f"p{i}.{name}"] = np.asarray(value)
    for t, camera in enumerate(cameras):
        joints2d[t] = camera.to_pixels(joints3d[t])
    return arrays | {
        "joints3d": joints3d,
        "joints2d": joints2d,
        "visible": visible,
        "boxes": boxes.reshape(count, people, 4),
        "K": np.stack([c.K for c in cameras]),
        "R": np.stack([c.R for c in cameras]),
        "t": np.stack([c.t for c in cameras]),
    }


def _clip_json(clip: Clip, frames: int, size: tuple[int, int]) -> bytes:
    about = {
        "key": clip.key,
        "frames": frames,
        "size": list(size),
        "fps": clip.fps,
        "action": clip.action,
        "subject": clip.subject,
        "source": clip.source,
        "joints": _joint_names(clip),
        "people": [dict(track.info) for track in clip.people],
        "info": dict(clip.info),
    }
    return json.dumps(about, sort_keys=True, indent=1).encode() + b"\n"
