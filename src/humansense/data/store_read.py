"""Reading a set that `store_write` wrote: any frame at random, or a whole clip. docs/format.md describes the files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from humansense.core import Camera, HumansenseError, Person, Sample, joint_set
from humansense.data.maps import DECODERS, ENCODERS
from humansense.data.store_write import FORMAT_NAME, FORMAT_VERSION

ALL_MAPS = ("parts", "depth", "normals", "instance", "hidden_depth", "flow", "flow_back", "garments", "dense")


@dataclass(frozen=True)
class ClipEntry:
    """A clip as the index knows it. `start` is the number of its first frame in the set."""

    key: str
    shard: int
    start: int
    frames: int
    people: int
    size: tuple[int, int]
    action: str
    subject: str
    source: str
    joints: tuple[str, ...]
    maps: dict[str, np.ndarray]
    arrays: dict[str, tuple[int, str, tuple[int, ...]]]
    about: tuple[int, int]


class ClipSet:
    """The frames of a set on disk: `len(set)`, `set.read(i) -> Sample`, `set.clips`.

    joint_set: how the joints of `Sample.people` are ordered; a joint that the set does not hold is NaN.
    maps: which of `ALL_MAPS` to read by default; the image is always read. A map that the set does not hold is None.

    Files are opened when they are first read, so an instance can be sent to another process. Raises `HumansenseError`
    for a folder that is no set, a newer format, a shard cut short, or a set without any whole shard.
    """

    def __init__(
        self, root: str | Path, joint_set: str = "human21", maps: Sequence[str] = ALL_MAPS, name: str = ""
    ) -> None:
        self.root = Path(root)
        self.name = name or self.root.name
        self.joint_set = joint_set
        self.maps = tuple(maps)
        self.settings = read_settings(self.root)
        self.shards = sorted((self.root / "shards").glob("[0-9]*.json"))
        if not self.shards:
            raise HumansenseError(f"{self.root} has no finished shard: run `humansense synth` again to resume it")
        self.clips: list[ClipEntry] = []
        for number, path in enumerate(self.shards):
            self._load_index(number, path)
        self._starts = np.array([clip.start for clip in self.clips])
        self._length = self.clips[-1].start + self.clips[-1].frames
        self._files: dict[int, int] = {}
        self._pid = os.getpid()

    def __len__(self) -> int:
        return self._length

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_files": {}}

    def __del__(self) -> None:
        if getattr(self, "_pid", None) == os.getpid():
            for file in self._files.values():
                os.close(file)

    def _load_index(self, number: int, path: Path) -> None:
        tar = path.with_suffix(".tar")
        again = f"delete {tar.name} and {path.name} and run `humansense synth` again"
        try:
            index = json.loads(path.read_text(encoding="utf-8"))
            size = tar.stat().st_size
        except (OSError, ValueError) as error:
            raise HumansenseError(f"shard {tar} or its index cannot be read ({error}): {again}") from error
        _check_version(index, path)
        if size != index["bytes"]:
            raise HumansenseError(f"shard {tar} is cut short: {size} bytes, its index states {index['bytes']}: {again}")
        joints = [tuple(names) for names in index["joints"]]
        for clip in index["clips"]:
            start = self.clips[-1].start + self.clips[-1].frames if self.clips else 0
            self.clips.append(
                ClipEntry(
                    key=clip["key"],
                    shard=number,
                    start=start,
                    frames=clip["frames"],
                    people=clip["people"],
                    size=(clip["size"][0], clip["size"][1]),
                    action=clip["action"],
                    subject=clip["subject"],
                    source=clip["source"],
                    joints=joints[clip["joints"]],
                    maps={suffix: np.array(spans, np.int64) for suffix, spans in clip["maps"].items()},
                    arrays={name: (o, d, tuple(s)) for name, (o, d, s) in clip["arrays"].items()},
                    about=(clip["clip"][0], clip["clip"][1]),
                )
            )

    def locate(self, i: int) -> tuple[ClipEntry, int]:
        """The clip of frame `i` and the frame's number within it."""
        if not -len(self) <= i < len(self):
            raise IndexError(f"frame {i} of a set of {len(self)}")
        i %= len(self)
        clip = self.clips[int(np.searchsorted(self._starts, i, side="right")) - 1]
        return clip, i - clip.start

    def read(self, i: int, maps: Sequence[str] | None = None) -> Sample:
        """Frame `i` with its maps (the set's default, or `maps`), camera and people."""
        clip, t = self.locate(i)
        key = f"{clip.key}_f{t:04d}"
        wanted = ("image", *(self.maps if maps is None else maps))
        values: dict[str, np.ndarray] = {}
        for field in wanted:
            suffix = ENCODERS[field][0]
            if suffix in clip.maps:
                values[field] = DECODERS[field](self.member(clip, t, field), f"{key}.{suffix} of {self.root}")
        mask = values["instance"] > 0 if "instance" in values else None
        if mask is None and "parts" in values:
            mask = values["parts"] > 0
        return Sample(
            key=key,
            mask=mask,
            part_set="smpl24",
            camera=Camera(self._row(clip, "K", t), self._row(clip, "R", t), self._row(clip, "t", t), clip.size),
            people=self._people(clip, t),
            action=clip.action,
            info={"clip": clip.key, "frame": t, "subject": clip.subject, "source": clip.source, "set": self.name},
            **values,
        )

    def __getitem__(self, i: int) -> Sample:
        return self.read(i)

    def __iter__(self) -> Iterator[Sample]:
        return (self.read(i) for i in range(len(self)))

    def boxes(self, i: int) -> np.ndarray:
        """(people, 4) float32 boxes of frame `i`, without reading its pictures."""
        clip, t = self.locate(i)
        return self._row(clip, "boxes", t)

    def member(self, clip: ClipEntry, t: int, field: str) -> bytes:
        """The picture file of one map of frame `t` of a clip, as it is stored."""
        offset, size = clip.maps[ENCODERS[field][0]][t].tolist()
        return self._bytes(clip, offset, size)

    def clip_info(self, clip: ClipEntry) -> dict[str, Any]:
        """The clip's `.clip.json`: fps, people, spec ..."""
        return json.loads(self._bytes(clip, *clip.about))

    def clip_array(self, clip: ClipEntry, name: str) -> np.ndarray:
        """A whole array of a clip by the name in `clip.arrays`: "joints3d", "p0.pose", ..."""
        if name not in clip.arrays:
            known = ", ".join(clip.arrays)
            raise HumansenseError(f"clip {clip.key} of {self.root} has no array {name!r}; it has {known}")
        offset, dtype, shape = clip.arrays[name]
        kind = np.dtype(dtype)
        data = self._bytes(clip, offset, kind.itemsize * int(np.prod(shape, dtype=np.int64)))
        return np.frombuffer(data, kind).reshape(shape)

    def _row(self, clip: ClipEntry, name: str, t: int) -> np.ndarray:
        """Row `t` of an array that has one row a frame."""
        offset, dtype, shape = clip.arrays[name]
        kind = np.dtype(dtype)
        size = kind.itemsize * int(np.prod(shape[1:], dtype=np.int64))
        return np.frombuffer(self._bytes(clip, offset + t * size, size), kind).reshape(shape[1:])

    def _people(self, clip: ClipEntry, t: int) -> tuple[Person, ...]:
        order = _order(clip.joints, self.joint_set)
        joints2d, joints3d = self._row(clip, "joints2d", t), self._row(clip, "joints3d", t)
        visible, boxes = self._row(clip, "visible", t), self._row(clip, "boxes", t)
        people = []
        for i in range(clip.people):
            pad2 = np.concatenate([joints2d[i], np.full((1, 2), np.nan, np.float32)])
            pad3 = np.concatenate([joints3d[i], np.full((1, 3), np.nan, np.float32)])
            people.append(
                Person(
                    self.joint_set,
                    joints2d=pad2[order],
                    joints3d=pad3[order],
                    visible=np.append(visible[i], False)[order],
                    box=None if np.isnan(boxes[i]).any() else boxes[i],
                )
            )
        return tuple(people)

    def person_arrays(self, i: int, person: int = 0) -> dict[str, np.ndarray]:
        """What person `person` of frame `i` was posed from: shape, pose, translation ... of that frame."""
        clip, t = self.locate(i)
        start = f"p{person}."
        values = {}
        for name, (_, _, shape) in clip.arrays.items():
            if name.startswith(start):
                by_frame = len(shape) > 1 and shape[0] == clip.frames
                values[name.removeprefix(start)] = self._row(clip, name, t) if by_frame else self.clip_array(clip, name)
        return values

    def _bytes(self, clip: ClipEntry, offset: int, size: int) -> bytes:
        if self._pid != os.getpid():
            self._files, self._pid = {}, os.getpid()
        if clip.shard not in self._files:
            path = self.shards[clip.shard].with_suffix(".tar")
            try:
                self._files[clip.shard] = os.open(path, os.O_RDONLY)
            except OSError as error:
                raise HumansenseError(f"shard {path} cannot be opened: {error.strerror}") from error
        data = os.pread(self._files[clip.shard], size, offset)
        if len(data) != size:
            path = self.shards[clip.shard].with_suffix(".tar")
            raise HumansenseError(f"shard {path} is cut short: delete it and run `humansense synth` again")
        return data


def _order(names: tuple[str, ...], target: str) -> np.ndarray:
    """(J,) positions in `names` of the joints of `target`; the last position + 1 for one that is not there."""
    positions = {name: i for i, name in enumerate(names)}
    return np.array([positions.get(name, len(names)) for name in joint_set(target).names])


def read_settings(root: str | Path) -> dict[str, Any]:
    """`set.json` of a set; raises `HumansenseError` if the folder is none or of a newer format."""
    path = Path(root) / "set.json"
    if not path.is_file():
        raise HumansenseError(
            f"{root} is no set: it has no set.json. Make one with `humansense synth {root}`, or give another folder"
        )
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise HumansenseError(f"{path} cannot be read ({error}): make the set again") from error
    _check_version(settings, path)
    return settings


def _check_version(content: Any, path: Path) -> None:
    if not isinstance(content, dict) or content.get("format") != FORMAT_NAME:
        raise HumansenseError(f"{path} is not of a set of humansense clips: give another folder")
    if content.get("version", 0) > FORMAT_VERSION:
        raise HumansenseError(
            f"{path} has format version {content['version']}, this humansense reads up to {FORMAT_VERSION}: "
            "update humansense"
        )
