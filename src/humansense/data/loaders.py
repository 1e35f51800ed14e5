"""Crops for training and evaluation, and the loader that makes batches of them.

Training sample n of seed s is always the same crop, whoever asks for it and in whatever order: so a run can stop
after any batch and go on as if it had not, with another number of workers if need be.
"""

from __future__ import annotations

import signal
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from humansense.core import Batch, HumansenseError, Sample, joint_set
from humansense.data import augment
from humansense.data.augment import AugmentSettings
from humansense.data.crops import Crop, collate, cut
from humansense.data.readers import READERS, open_reader
from humansense.data.store_read import ClipSet
from humansense.data.store_write import instance_box
from humansense.data.transforms import crop_matrix, crop_to_box, joints_box, person_box


class Source(Protocol):
    """What samples come from: a `ClipSet` or a reader."""

    def __len__(self) -> int: ...

    def read(self, i: int) -> Sample: ...


class Crops(Protocol):
    """Crops addressed by number; one that ends has a length."""

    def crop(self, n: int) -> Crop: ...


def open_source(path: str | Path, joints: str = "human21") -> Source:
    """A set made by `humansense synth`, or a real dataset in its native layout (see `READERS`).

    `lspet:PATH` asks for the reader of that name; otherwise the first that recognises the folder is taken.
    Raises `HumansenseError` for a folder that is none of them.
    """
    name, colon, rest = str(path).partition(":")
    if colon and name in READERS:
        return open_reader(rest, name)
    path = Path(path)
    if (path / "set.json").is_file() or not any(reader.detect(path) for reader in READERS.values()):
        return ClipSet(path, joint_set=joints)
    return open_reader(path)


def read_for_crops(source: Source, i: int) -> Sample:
    """Sample i with no more maps than a crop needs: who is who matters only where there are several."""
    if isinstance(source, ClipSet):
        several = source.locate(i)[0].people > 1
        return source.read(i, ("parts", "depth", "instance") if several else ("parts", "depth"))
    return source.read(i)


def read_for_boxes(source: Source, i: int, maps: Sequence[str] = ()) -> Sample:
    """Sample i without other maps than `maps`, where they need not be read."""
    return source.read(i, maps) if isinstance(source, ClipSet) else source.read(i)


@dataclass
class TrainCrops:
    """Endless augmented crops of `sources`. Sample n of epoch e = n // len comes from a random order of all frames.

    sources: sets or readers. image_size: the crop's side, pixels. joints: the joint set to give.
    """

    sources: Sequence[Source]
    image_size: int = 160
    joints: str = "human21"
    seed: int = 0
    settings: AugmentSettings = field(default_factory=AugmentSettings)

    def __post_init__(self) -> None:
        joint_set(self.joints)
        self._ends = np.cumsum([len(source) for source in self.sources])
        if not len(self._ends) or self._ends[-1] == 0:
            raise HumansenseError("there is no frame to train on: give at least one set that has some")
        self._order: tuple[int, np.ndarray] | None = None

    def __len__(self) -> int:
        """Frames, that is samples of one epoch; numbers beyond it are the next epochs."""
        return int(self._ends[-1])

    def _frame(self, n: int) -> Sample:
        epoch, place = divmod(n, len(self))
        if self._order is None or self._order[0] != epoch:
            order = np.random.default_rng((self.seed, 1, epoch)).permutation(len(self))
            self._order = (epoch, order.astype(np.int32))
        return self._read(int(self._order[1][place]))

    def _place(self, i: int) -> tuple[Source, int]:
        """The source of frame i of all, and its number there."""
        which = int(np.searchsorted(self._ends, i, side="right"))
        return self.sources[which], i - (int(self._ends[which - 1]) if which else 0)

    def _read(self, i: int) -> Sample:
        return read_for_crops(*self._place(i))

    def crop(self, n: int) -> Crop:
        """Sample number n >= 0."""
        rng = np.random.default_rng((self.seed, 0, n))
        sample = self._frame(n)
        for _ in range(6):
            if not seen_from_behind(sample) or rng.random() < self.settings.from_behind:
                break
            sample = self._read(int(rng.integers(len(self))))
        size = (self.image_size, self.image_size)
        boxes = [(i, box) for i, person in enumerate(sample.people) if (box := person_box(person)) is not None]
        if not boxes or rng.random() < self.settings.no_person:
            crop = self._background(sample, [box for _, box in boxes], rng)
        else:
            person, box = boxes[int(rng.integers(len(boxes)))]
            if rng.random() < self.settings.upper_body:
                box = upper_body_box(sample, person, rng, box)
            matrix = augment.sample_crop(box, sample.size, size, rng, self.settings)
            crop = cut(sample, person, matrix, size, self.joints, augment.sample_border(rng))
            if rng.random() < self.settings.other_person:
                self._add_person(crop, rng)
        if rng.random() < self.settings.texture_background:
            augment.replace_background(crop, rng)
        if rng.random() < self.settings.occlude:
            augment.occlude(crop, rng)
        crop.image = augment.develop(crop.image, rng, self.settings)
        crop.settle()
        return crop

    def _background(self, sample: Sample, boxes: list[np.ndarray], rng: np.random.Generator) -> Crop:
        """A crop beside all people; where the picture has no room for one, the people are painted over."""
        size = (self.image_size, self.image_size)
        height, width = sample.size
        matrix = np.eye(3)
        for _ in range(6):
            side = float(rng.uniform(0.25, 0.8) * min(height, width))
            center = rng.uniform((side / 2, side / 2), (width - side / 2, height - side / 2))
            # A turned square reaches half its diagonal far.
            reach = 0.71 * side
            matrix = crop_matrix(center, side, size, float(rng.uniform(-np.pi, np.pi)), bool(rng.random() < 0.5))
            if all(
                center[0] + reach < b[0]
                or center[0] - reach > b[2]
                or center[1] + reach < b[1]
                or center[1] - reach > b[3]
                for b in boxes
            ):
                return cut(sample, None, matrix, size, self.joints, augment.sample_border(rng))
        crop = cut(sample, None, matrix, size, self.joints, augment.sample_border(rng))
        # A box over the people, not their outline: nobody should learn that a person's outline is no person.
        box = instance_box(crop.parts > 0, 1)
        if np.isfinite(box).all():
            x0, y0, x1, y1 = np.clip(box + np.array([-4, -4, 4, 4]), 0, self.image_size).astype(int)
            crop.image[y0:y1, x0:x1] = augment.texture((y1 - y0, x1 - x0), rng)
            crop.parts[:], crop.depth[:] = 0, np.nan
        return crop

    def _add_person(self, crop: Crop, rng: np.random.Generator) -> None:
        """Paste somebody of another frame beside the person, so that the crop's own person is still the middle one."""
        other = self._read(int(rng.integers(len(self))))
        box = person_box(other.people[0]) if other.people else None
        own = np.argwhere((crop.parts > 0) & (crop.parts < 255))
        if box is None or other.parts is None or not len(own):
            return
        size = (self.image_size, self.image_size)
        length = max(float(np.ptp(own[:, 0])), float(np.ptp(own[:, 1])), 8.0)
        fill = length * rng.uniform(0.5, 1.2) / self.image_size
        # Between a third of the crop and its edge away from the middle, to either side.
        away = rng.uniform(0.3, 0.55) * self.image_size * (1 if rng.random() < 0.5 else -1)
        matrix = crop_matrix((box[:2] + box[2:]) / 2, max(box[2:] - box[:2]) / fill, size, rng.normal(0, 0.2))
        shift = np.eye(3)
        shift[:2, 2] = own[:, 1].mean() - self.image_size / 2 + away, rng.normal(0, 0.1) * self.image_size
        augment.paste_person(crop, cut(other, None, shift @ matrix, size, self.joints), bool(rng.random() < 0.15))


_UPPER = ("head_top", "upper_neck", "nose", "left_shoulder", "right_shoulder")
_LOWER = ("pelvis", "left_hip", "right_hip", "left_elbow", "right_elbow")


def upper_body_box(sample: Sample, person: int, rng: np.random.Generator, box: np.ndarray) -> np.ndarray:
    """The part of `box` with head and shoulders, sometimes down to the hips: portraits cut people off there.

    `box` itself if these joints are not known or not in it.
    """
    who = sample.people[person]
    names = joint_set(who.joint_set).names
    wanted = [n for n in (_UPPER if rng.random() < 0.5 else _UPPER + _LOWER) if n in names]
    found = joints_box(np.array([who.joint(n) for n in wanted], np.float32).reshape(-1, 2))
    if found is None:
        return box
    # Where the picture's edge cuts the person off, joints lie outside of it.
    inside = np.concatenate([np.maximum(found[:2], box[:2]), np.minimum(found[2:], box[2:])])
    return inside if min(inside[2:] - inside[:2]) > 8 else box


def seen_from_behind(sample: Sample) -> bool:
    """Whether the chest of the sample's only person points away from the camera; False where that is not known."""
    if len(sample.people) != 1:
        return False
    names, joints = joint_set(sample.people[0].joint_set), sample.people[0].joints3d
    needed = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
    if joints is None or not set(needed) <= set(names.names):
        return False
    left, right, left_hip, right_hip = (joints[names.index(name)] for name in needed)
    # Camera axes: x right, y down, z forward. Right to left times up the trunk points out of the chest.
    chest = np.cross(left - right, left + right - left_hip - right_hip)
    return bool(chest[2] > 0)


@dataclass
class EvalCrops:
    """One plain crop a person of a set: the square of `scale` times the box's longer side, upright, nothing changed.

    Samples without any person (or with people whose box is not known) give one crop of the whole picture.
    Building it reads where the people are: quick for a `ClipSet`, one picture each for a reader.
    """

    source: Source
    image_size: int = 160
    joints: str = "human21"
    scale: float = 1.25
    limit: int | None = None

    def __post_init__(self) -> None:
        self._items: list[tuple[int, int | None]] = []
        for i in range(len(self.source) if self.limit is None else min(self.limit, len(self.source))):
            if isinstance(self.source, ClipSet):
                known = [k for k, box in enumerate(self.source.boxes(i)) if np.isfinite(box).all()]
            else:
                known = [k for k, p in enumerate(self.source.read(i).people) if person_box(p) is not None]
            self._items += [(i, k) for k in known] or [(i, None)]

    def __len__(self) -> int:
        return len(self._items)

    def crop(self, n: int) -> Crop:
        """Crop number n."""
        i, person = self._items[n]
        sample = read_for_crops(self.source, i)
        box = person_box(sample.people[person]) if person is not None else None
        if box is None:
            box = np.array([0, 0, sample.size[1], sample.size[0]], np.float32) / self.scale
            box += np.array([sample.size[1], sample.size[0]] * 2, np.float32) * (1 - 1 / self.scale) / 2
        size = (self.image_size, self.image_size)
        crop = cut(sample, person, crop_to_box(box, size, self.scale), size, self.joints)
        crop.settle()
        return crop


class _Batches(Dataset):
    """Batch b holds the crops b * batch_size ...; the last one of crops that end may be shorter."""

    def __init__(self, crops: Crops, batch_size: int, end: int | None) -> None:
        self.crops, self.batch_size, self.end = crops, batch_size, end

    def __getitem__(self, b: int) -> Batch:
        first = b * self.batch_size
        last = first + self.batch_size if self.end is None else min(self.end, first + self.batch_size)
        return collate([self.crops.crop(n) for n in range(first, last)])


class _Numbers:
    """start, start + 1, ... up to `stop`, or without end."""

    def __init__(self, start: int, stop: int | None) -> None:
        self.start, self.stop = start, stop

    def __iter__(self) -> Iterator[int]:
        n = self.start
        while self.stop is None or n < self.stop:
            yield n
            n += 1


def _start_worker(_: int) -> None:
    # Ctrl-C and a polite kill reach the whole group, and a worker that dies at once would break the step that the
    # training process is about to finish: it decides when its workers end, and has a while for it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: signal.alarm(15))
    torch.set_num_threads(1)


class _OneThreadEach:
    """A `DataLoader` whose workers run OpenCV on one thread.

    The parent is set to one while they fork: asking for it in a worker waits for ever, one time in ten, for threads
    of the parent's that the worker does not have.
    """

    def __init__(self, loader: DataLoader) -> None:
        self.loader = loader

    def __iter__(self) -> Iterator[Batch]:
        threads = cv2.getNumThreads()
        cv2.setNumThreads(1)
        try:
            return iter(self.loader)
        finally:
            cv2.setNumThreads(threads)


def crop_loader(
    crops: Crops, batch_size: int, workers: int = 0, start: int = 0, stop: int | None = None
) -> Iterable[Batch]:
    """Batches number `start` to `stop`: to the last crop for `EvalCrops`, without end for all others.

    The batches are the same for any number of workers, so `start` = the batches already seen resumes exactly.
    """
    end = len(crops) if isinstance(crops, EvalCrops) else None
    if end is not None:
        batches = -(-end // batch_size)
        stop = batches if stop is None else min(stop, batches)
    loader: DataLoader = DataLoader(
        _Batches(crops, batch_size, end),
        batch_size=None,
        sampler=_Numbers(start, stop),
        num_workers=workers,
        worker_init_fn=_start_worker if workers else None,
        prefetch_factor=4 if workers else None,
    )
    return _OneThreadEach(loader) if workers else loader
