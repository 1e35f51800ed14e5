"""A crop around one person, as arrays a net can learn from, and how a batch is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from humansense.core import Batch, Person, Sample, convert_joints, joint_set, part_map, part_set
from humansense.data.transforms import Size, mirrors, shrink_factor, warp_image, warp_nearest, warp_person

UNKNOWN = 255
"""Label of `Crop.parts` where nobody knows the part; -1 in a `Batch`."""

# Fewer pixels than this are no person to be found.
MIN_PERSON_PIXELS = 12


@dataclass
class Crop:
    """One sample of a `Batch`, before it becomes tensors.

    image: (S, S, 3) uint8 RGB. parts: (S, S) uint8 labels of parts14, `UNKNOWN` where not known. depth: (S, S) float32
    metres from each pixel's own person's pelvis, NaN where unknown or background. joints: (J, 2) float32 crop pixels,
    NaN where unknown. visible: (J,) bool, inside the crop and not hidden. has_person: whether anyone is in it.
    matrix: (3, 3) picture pixels to crop pixels. key: of the sample. head_diagonal: crop pixels, of the head's box; NaN
    where it is not annotated.
    boxes: (N, 4) float32 crop pixels around everybody, and unsure: (N,) bool, as in `Batch`; None in crops of one
        person.
    """

    image: np.ndarray
    parts: np.ndarray
    depth: np.ndarray
    joints: np.ndarray
    visible: np.ndarray
    has_person: bool
    matrix: np.ndarray
    key: str
    boxes: np.ndarray | None = None
    unsure: np.ndarray | None = None
    head_diagonal: float = float("nan")

    def hide(self, mask: np.ndarray) -> None:
        """Something that is no person now covers `mask` (S, S) bool."""
        self.parts[mask] = 0
        self.depth[mask] = np.nan
        self.cover(mask)

    def cover(self, mask: np.ndarray) -> None:
        """Joints under `mask` (S, S) bool are not visible any more."""
        self.visible &= ~_at(mask, self.joints)

    def settle(self) -> None:
        """Decide what only the finished crop can tell: joints outside are not visible, and whether anyone is left.

        Where nothing is known of the parts, any known joint within the crop decides; else the pixels that are not
        background (of sets that draw masks but no parts, those of unknown part).
        """
        inside = _at(np.ones(self.image.shape[:2], bool), self.joints)
        self.visible &= inside
        if (self.parts == UNKNOWN).all():
            self.has_person = bool(inside.any())
        else:
            self.has_person = bool(np.count_nonzero(self.parts) >= MIN_PERSON_PIXELS)
        if not self.has_person:
            self.joints[:] = np.nan
            self.visible[:] = False


def _at(mask: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(N,) bool: the mask's value under each point; False outside and for NaN."""
    cells = np.floor(np.nan_to_num(points, nan=-1.0)).astype(np.int64)
    inside = (cells >= 0).all(-1) & (cells[:, 0] < mask.shape[1]) & (cells[:, 1] < mask.shape[0])
    values = np.zeros(len(points), bool)
    values[inside] = mask[cells[inside, 1], cells[inside, 0]]
    return values


def pelvis_z(person: Person) -> float:
    """Metres from the camera to the pelvis along z; NaN if it is not known."""
    if person.joints3d is None or "pelvis" not in joint_set(person.joint_set).names:
        return np.nan
    return float(person.joints3d[joint_set(person.joint_set).index("pelvis"), 2])


def cut(
    sample: Sample,
    person: int | None,
    matrix: np.ndarray,
    size: Size,
    joints: str,
    border: tuple[int, tuple[int, int, int]] = (0, (0, 0, 0)),
) -> Crop:
    """The crop of `sample` under `matrix` about `sample.people[person]`, or about nobody (None).

    joints: name of the joint set to give. border: OpenCV's border mode and the colour of a constant one.
    Call `Crop.settle` when nothing more will be changed.
    """
    target = joint_set(joints)
    points = np.full((len(target), 2), np.nan, np.float32)
    visible = np.zeros(len(target), bool)
    diagonal = float("nan")
    if person is not None:
        head = sample.people[person].head_box
        diagonal = diagonal if head is None else float(np.hypot(*(head[2:] - head[:2]))) * shrink_factor(matrix)
        moved = warp_person(sample.people[person], matrix)
        points = convert_joints(moved.joints2d, moved.joint_set, joints).astype(np.float32)
        seen = np.isfinite(moved.joints2d).all(-1) if moved.visible is None else moved.visible
        visible = convert_joints(seen[:, None].astype(np.float32), moved.joint_set, joints, 0.0)[:, 0] == 1
    return Crop(
        image=warp_image(sample.image, matrix, size, *border),
        parts=cut_parts(sample, matrix, size),
        depth=_cut_depth(sample, matrix, size),
        joints=points,
        visible=visible,
        has_person=person is not None,
        matrix=matrix,
        key=sample.key,
        head_diagonal=diagonal,
    )


def cut_parts(sample: Sample, matrix: np.ndarray, size: Size) -> np.ndarray:
    """(H, W) uint8 labels of parts14 of a crop, `UNKNOWN` where only the mask or nothing is known."""
    if sample.parts is not None:
        table = part_map(sample.part_set, "parts14")
        if mirrors(matrix):
            table = table[part_set(sample.part_set).mirror]
        return table[warp_nearest(sample.parts, matrix, size)]
    if sample.mask is not None:
        return warp_nearest(sample.mask.astype(np.uint8) * np.uint8(UNKNOWN), matrix, size)
    return np.full(size, UNKNOWN, np.uint8)


def _cut_depth(sample: Sample, matrix: np.ndarray, size: Size) -> np.ndarray:
    if sample.depth is None or not sample.people:
        return np.full(size, np.nan, np.float32)
    depth = warp_nearest(sample.depth, matrix, size, np.nan)
    if len(sample.people) == 1 or sample.instance is None:
        return depth - np.float32(pelvis_z(sample.people[0]) if len(sample.people) == 1 else np.nan)
    origins = np.full(256, np.nan, np.float32)
    origins[1 : 1 + len(sample.people)] = [pelvis_z(person) for person in sample.people]
    return depth - origins[warp_nearest(sample.instance, matrix, size)]


def collate(crops: Sequence[Crop]) -> Batch:
    """The crops as one `Batch`."""
    images = torch.from_numpy(np.stack([crop.image for crop in crops])).permute(0, 3, 1, 2).contiguous()
    parts = torch.from_numpy(np.stack([crop.parts for crop in crops])).long()
    boxes, unsure = _collate_boxes(crops)
    return Batch(
        images=images.float().mul_(1 / 255),
        parts=torch.where(parts == UNKNOWN, -1, parts),
        depth=torch.from_numpy(np.stack([crop.depth for crop in crops])),
        joints=torch.from_numpy(np.stack([crop.joints for crop in crops])),
        visible=torch.from_numpy(np.stack([crop.visible for crop in crops])),
        has_person=torch.tensor([crop.has_person for crop in crops]),
        to_image=torch.from_numpy(np.stack([np.linalg.inv(crop.matrix) for crop in crops])),
        keys=[crop.key for crop in crops],
        boxes=boxes,
        boxes_unsure=unsure,
        head_diagonals=torch.tensor([crop.head_diagonal for crop in crops], dtype=torch.float32),
    )


def _collate_boxes(crops: Sequence[Crop]) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Boxes of all crops, filled up with NaN to one number; None where no crop has any."""
    listed = [(crop.boxes, crop.unsure) for crop in crops if crop.boxes is not None and crop.unsure is not None]
    if not listed:
        return None, None
    longest = max(1, *(len(boxes) for boxes, _ in listed))
    boxes = np.full((len(crops), longest, 4), np.nan, np.float32)
    unsure = np.zeros((len(crops), longest), bool)
    for i, (some, which) in enumerate(listed):
        boxes[i, : len(some)], unsure[i, : len(some)] = some, which
    return torch.from_numpy(boxes), torch.from_numpy(unsure)
