"""Whole pictures with the boxes of everybody in them, for training and measuring a detector."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from humansense.core import Sample, joint_set
from humansense.data import augment
from humansense.data.crops import Crop, cut_parts
from humansense.data.loaders import EvalCrops, TrainCrops, read_for_boxes
from humansense.data.transforms import crop_matrix, person_box, warp_image

MOSAIC = 0.35
"""How often a training scene is made of four."""
QUARTER_TURN = 0.08
"""How often a scene lies on its side or on its head; a box stays a box by quarter turns alone."""
LEAST_SIDE = 7.0
LEAST_SHARE = 0.3
"""Shorter than so many pixels of the scene, or cut off by its border to less than that share: unsure."""


def moved_boxes(boxes: np.ndarray, matrix: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """((M, 4) boxes of those still in a crop of `size` (H, W), clipped to it; (M,) bool, who is unsure).

    boxes: (N, 4) pixels of the picture, without NaN. matrix: (3, 3) to the crop: quarter turns, mirrors, scales.
    """
    corners = np.concatenate([boxes[:, :2], boxes[:, 2:]]) @ matrix[:2, :2].T + matrix[:2, 2]
    one, other = corners[: len(boxes)], corners[len(boxes) :]
    whole = np.concatenate([np.minimum(one, other), np.maximum(one, other)], 1)
    clipped = np.clip(whole, 0, [size[1], size[0]] * 2)
    sides, full = clipped[:, 2:] - clipped[:, :2], whole[:, 2:] - whole[:, :2]
    here = (sides >= 1).all(1)
    share = sides.prod(1) / np.maximum(full.prod(1), 1e-9)
    unsure = (sides.max(1) < LEAST_SIDE) | (sides.min(1) < LEAST_SIDE / 3) | (share < LEAST_SHARE)
    return clipped[here].astype(np.float32), unsure[here]


def known_boxes(sample: Sample) -> np.ndarray:
    """(N, 4) boxes of the people of a sample whose box is known."""
    boxes = [box for person in sample.people if (box := person_box(person)) is not None]
    return np.array(boxes, np.float32).reshape(-1, 4)


def scene(sample: Sample, matrix: np.ndarray, image: np.ndarray, joints: str) -> Crop:
    """The warped `image` of a sample with its boxes, and with its parts where the sample has them."""
    size = image.shape[:2]
    boxes, unsure = moved_boxes(known_boxes(sample), matrix, size)
    count = len(joint_set(joints))
    return Crop(
        image=image,
        parts=cut_parts(sample, matrix, size),
        depth=np.full(size, np.nan, np.float32),
        joints=np.full((count, 2), np.nan, np.float32),
        visible=np.zeros(count, bool),
        has_person=bool(len(boxes)),
        matrix=matrix,
        key=sample.key,
        boxes=boxes,
        unsure=unsure,
    )


class TrainScenes(TrainCrops):
    """Endless augmented pictures of `sources`, at every size that people may have in a picture; see `TrainCrops`."""

    def crop(self, n: int) -> Crop:
        """Scene number n >= 0."""
        rng = np.random.default_rng((self.seed, 0, n))
        out = self._mosaic(n, rng) if rng.random() < MOSAIC else self._one(self._frame(n), self.image_size, rng)
        out.image = augment.develop(out.image, rng, self.settings)
        return out

    def _read(self, i: int) -> Sample:
        return read_for_boxes(*self._place(i), ("parts",))

    def _mosaic(self, n: int, rng: np.random.Generator) -> Crop:
        """Four scenes, met at a random point (Bochkovskiy 2020, "YOLOv4", section 3.3)."""
        side = self.image_size
        across, down = (int(v) for v in rng.integers(int(0.3 * side), int(0.7 * side), 2))
        out = self._one(self._frame(n), side, rng)
        image, parts, boxes, unsure = out.image.copy(), out.parts.copy(), [], []
        for k, (x, y, width, height) in enumerate((
            (0, 0, across, down), (across, 0, side - across, down),
            (0, down, across, side - down), (across, down, side - across, side - down),
        )):  # fmt: skip
            sample = self._frame(n) if k == 0 else self._read(int(rng.integers(len(self))))
            part = self._one(sample, max(width, height), rng)
            image[y : y + height, x : x + width] = part.image[:height, :width]
            parts[y : y + height, x : x + width] = part.parts[:height, :width]
            assert part.boxes is not None
            assert part.unsure is not None
            cut, doubtful = moved_boxes(part.boxes, np.eye(3), (height, width))
            kept = (np.clip(part.boxes, 0, [width, height] * 2)[:, 2:] - part.boxes[:, :2] >= 1).all(1)
            boxes.append(cut + np.array([x, y, x, y], np.float32))
            unsure.append(doubtful | part.unsure[kept])
        out.image, out.parts, out.boxes, out.unsure = image, parts, np.concatenate(boxes), np.concatenate(unsure)
        out.has_person = bool(len(out.boxes))
        return out

    def _one(self, sample: Sample, side: int, rng: np.random.Generator) -> Crop:
        """A square of a picture: somebody in it at a random size and place, or nobody at all."""
        boxes = known_boxes(sample)
        empty = not len(boxes) or rng.random() < self.settings.no_person
        if empty:
            center, reach = self._empty_window(sample, boxes, rng)
        else:
            box = boxes[int(rng.integers(len(boxes)))]
            length = float(max(box[2:] - box[:2]))
            wanted = math.exp(rng.uniform(math.log(0.12), math.log(1.15)))  # of the scene's side
            reach = float(np.clip(length / wanted, 0.25 * min(sample.size), 1.25 * max(sample.size)))
            away = rng.uniform(-0.5, 0.5, 2) * max(reach - 0.7 * length, 0.3 * length)
            center = (box[:2] + box[2:]) / 2 + away
        turn = float(rng.integers(1, 4)) * math.pi / 2 if rng.random() < QUARTER_TURN else 0.0
        stretch = math.exp(self.settings.aspect * float(np.clip(rng.standard_normal(), -2, 2)))
        mirror = bool(rng.random() < self.settings.mirror)
        matrix = crop_matrix(center, reach, (side, side), turn, mirror, stretch)
        out = scene(
            sample, matrix, warp_image(sample.image, matrix, (side, side), *augment.sample_border(rng)), self.joints
        )
        if empty:
            self._cover(out, rng)
        return out

    @staticmethod
    def _empty_window(sample: Sample, boxes: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, float]:
        """(centre, side) of a square without people, or at last of one with some."""
        height, width = sample.size
        for _ in range(8):
            reach = float(rng.uniform(0.3, 0.9) * min(height, width))
            center = rng.uniform((reach / 2, reach / 2), (width - reach / 2, height - reach / 2))
            low, high = center - reach / 2, center + reach / 2
            if ((boxes[:, :2] >= high) | (boxes[:, 2:] <= low)).any(1).all():
                break
        return center, reach

    @staticmethod
    def _cover(out: Crop, rng: np.random.Generator) -> None:
        """Hide whoever is left behind a pattern."""
        assert out.boxes is not None
        size = out.image.shape[:2]
        for box in out.boxes:
            x0, y0, x1, y1 = np.clip(box + np.array([-4, -4, 4, 4]), 0, [size[1], size[0]] * 2).astype(int)
            out.image[y0:y1, x0:x1] = augment.texture((y1 - y0, x1 - x0), rng)
            out.parts[y0:y1, x0:x1] = 0
        out.boxes, out.unsure, out.has_person = np.zeros((0, 4), np.float32), np.zeros(0, bool), False


@dataclass
class EvalScenes(EvalCrops):
    """Each picture of a set once, whole, its longer side as long as the scene's; the rest is black."""

    def __post_init__(self) -> None:
        count = len(self.source) if self.limit is None else min(self.limit, len(self.source))
        self._items = [(i, None) for i in range(count)]

    def crop(self, n: int) -> Crop:
        """Scene number n."""
        sample = read_for_boxes(self.source, n)
        height, width = sample.size
        size = (self.image_size, self.image_size)
        matrix = crop_matrix(np.array([width, height]) / 2, max(height, width), size)
        return scene(sample, matrix, warp_image(sample.image, matrix, size), self.joints)
