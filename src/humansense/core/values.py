"""The values that pass between rooms: `Sample` (an image with its truth), `Batch`, `Prediction`.

Shapes: images are (H, W, 3) uint8 RGB; points are (x, y) in pixels with the top-left pixel's centre at
(0.5, 0.5); depth is metres along z. A value that is not known is None; a number that is not known is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from humansense.core.camera import Camera
from humansense.core.errors import HumansenseError
from humansense.core.joints import joint_set
from humansense.core.parts import part_set

if TYPE_CHECKING:  # torch takes a second to import; `humansense --help` needs none of it
    import torch


@dataclass
class Person:
    """The truth about one person of a sample.

    joint_set: name of the set that orders the joints.
    joints2d: (J, 2) float32 pixels; NaN where unknown.
    joints3d: (J, 3) float32 metres in camera axes, or None.
    visible: (J,) bool: annotated as visible (real data), or nothing lies in front of it (synthetic).
    box: (4,) float32 x0, y0, x1, y1 in pixels around the visible body, or None.
    head_box: (4,) float32 x0, y0, x1, y1 around the head, where a set annotates it (MPII), or None.
    params: what the body was posed from (shape, pose, translation, ...), or what else a set says; or empty.
    """

    joint_set: str
    joints2d: np.ndarray
    joints3d: np.ndarray | None = None
    visible: np.ndarray | None = None
    box: np.ndarray | None = None
    head_box: np.ndarray | None = None
    params: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        expected = (len(joint_set(self.joint_set)), 2)
        if self.joints2d.shape != expected:
            raise HumansenseError(
                f"Person.joints2d has shape {self.joints2d.shape}, expected {expected} ({self.joint_set})"
            )

    def joint(self, name: str) -> np.ndarray:
        """(2,) pixels of the joint of that name."""
        return self.joints2d[joint_set(self.joint_set).index(name)]


MAP_FIELDS = (
    "mask", "parts", "depth", "normals", "instance", "hidden_depth", "flow", "flow_back", "garments", "dense"
)  # fmt: skip
"""The fields of `Sample` that are maps of the image's size."""


@dataclass
class Sample:
    """One image and all that is known about it.

    image: (H, W, 3) uint8 RGB.
    mask: (H, W) bool: any person, or None when not annotated.
    parts: (H, W) uint8 labels of `part_set`, 0 background, or None.
    depth: (H, W) float32 metres along z, NaN where there is no person, or None.
    normals: (H, W, 3) float32 unit vectors in camera axes, 0 where there is no person, or None.
    instance: (H, W) uint8, 0 background, i + 1 for `people[i]`, or None.
    hidden_depth: (H, W) float32 metres along z of the farthest surface of the same person on the pixel's ray (the back
        half of the mould, Gabeur 2019), NaN where there is no person, or None.
    flow: (H, W, 2) float32 pixels (u right, v down) to the next frame; NaN where it is not valid: what is seen here is
        hidden or out of the picture there. None for a single picture.
    flow_back: the same to the frame before.
    garments: (H, W) uint8, 0 background, i + 1 for row i of the clip's table of garments (skin, shirt ...), or None.
    dense: (H, W, 3) float32: the point of the body's surface that the pixel sees, as its place on the reference body
        (an average adult in the rest pose, metres, the body's axes); NaN where there is no person, or None.
    camera: the view, or None for a photo whose camera is unknown.
    people: the persons, nearest to the picture's subject first.
    key: where the sample comes from; unique within its set.
    """

    image: np.ndarray
    key: str
    mask: np.ndarray | None = None
    parts: np.ndarray | None = None
    part_set: str = "smpl24"
    depth: np.ndarray | None = None
    normals: np.ndarray | None = None
    instance: np.ndarray | None = None
    hidden_depth: np.ndarray | None = None
    flow: np.ndarray | None = None
    flow_back: np.ndarray | None = None
    garments: np.ndarray | None = None
    dense: np.ndarray | None = None
    camera: Camera | None = None
    people: tuple[Person, ...] = ()
    action: str = ""
    info: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.image.dtype != np.uint8 or self.image.ndim != 3 or self.image.shape[2] != 3:
            raise HumansenseError(
                f"Sample.image of {self.key} is {self.image.dtype} {self.image.shape}, expected uint8 (H, W, 3)"
            )
        for name in MAP_FIELDS:
            value = getattr(self, name)
            if value is not None and value.shape[:2] != self.image.shape[:2]:
                raise HumansenseError(
                    f"Sample.{name} of {self.key} has size {value.shape[:2]}, the image has {self.image.shape[:2]}"
                )
        part_set(self.part_set)

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self.image.shape[0], self.image.shape[1]


@dataclass
class Batch:
    """Crops of `size` pixels, ready for a task. B samples, one person each (or none).

    images: (B, 3, S, S) float32 in 0..1, RGB (not yet normalised).
    parts: (B, S, S) int64 labels of `parts14`; -1 where not known.
    depth: (B, S, S) float32 metres relative to the pelvis (negative in front); NaN where unknown or background.
    joints: (B, J, 2) float32 crop pixels, NaN where unknown.
    visible: (B, J) bool.
    has_person: (B,) bool.
    to_image: (B, 3, 3) float64, crop pixels to the source image's pixels.
    keys: B names of the samples.
    boxes: (B, N, 4) float32 crop pixels around everybody in the crop, NaN where there are fewer than N; None where
        crops are of one person each.
    boxes_unsure: (B, N) bool: too small or too cut off to be asked for, or to be held against anybody who finds it.
    head_diagonals: (B,) float32 crop pixels, of the head's box; NaN where it is not annotated. None: nowhere.
    """

    images: torch.Tensor
    parts: torch.Tensor
    depth: torch.Tensor
    joints: torch.Tensor
    visible: torch.Tensor
    has_person: torch.Tensor
    to_image: torch.Tensor
    keys: list[str]
    boxes: torch.Tensor | None = None
    boxes_unsure: torch.Tensor | None = None
    head_diagonals: torch.Tensor | None = None

    def __len__(self) -> int:
        return self.images.shape[0]

    def to(self, device: torch.device | str) -> Batch:
        moved = {k: v.to(device) if hasattr(v, "to") else v for k, v in vars(self).items()}
        return Batch(**moved)


@dataclass
class FoundPerson:
    """What was read of one person. Everything is in the picture's own pixels.

    score: 0..1, how sure it is that somebody is there.
    box: (4,) float32 x0, y0, x1, y1 around what is seen of the body.
    joints: (J, 2) float32 pixels in the order of `joint_set`; NaN for joints the model does not know.
    joint_scores: (J,) float32 0..1, the stated chance that the joint is where it is put; near 0 outside the picture.
    joint_set: name of the set that orders the joints.
    track_id: number of the person in a video, from 1, the same in every frame; None in a single picture.
    """

    score: float
    box: np.ndarray
    joints: np.ndarray
    joint_scores: np.ndarray
    joint_set: str = "coco17"
    track_id: int | None = None


@dataclass
class Prediction:
    """What was read from one image, of everybody in it. Everything is in the image's own pixels.

    image: (H, W, 3) uint8 RGB, upright (EXIF applied).
    people: everybody who was found, the most prominent first.
    parts: (H, W) uint8 labels of `parts14`, of all people together.
    depth: (H, W) float32 metres relative to the pelvis of each pixel's own person (negative is nearer to the camera);
        NaN off the people.
    instance: (H, W) uint8, 0 background, i + 1 for `people[i]`.
    score: 0..1, how sure it is that anybody is there: of the first person, or of the best one that was turned down.
    timings_ms: milliseconds by stage.
    weights: name of the weights that were used.

    `found`, `box`, `joints` and `joint_scores` are short for those of the first person (NaN and 0 where nobody is).
    """

    image: np.ndarray
    people: tuple[FoundPerson, ...]
    parts: np.ndarray
    depth: np.ndarray
    instance: np.ndarray
    score: float
    joint_set: str = "coco17"
    timings_ms: dict[str, float] = field(default_factory=dict)
    weights: str = ""

    @property
    def found(self) -> bool:
        """Whether there is anybody."""
        return bool(self.people)

    @property
    def box(self) -> np.ndarray:
        """(4,) float32, of the first person."""
        return self.people[0].box if self.people else np.full(4, np.nan, np.float32)

    @property
    def joints(self) -> np.ndarray:
        """(J, 2) float32, of the first person."""
        if self.people:
            return self.people[0].joints
        return np.full((len(joint_set(self.joint_set)), 2), np.nan, np.float32)

    @property
    def joint_scores(self) -> np.ndarray:
        """(J,) float32, of the first person."""
        return self.people[0].joint_scores if self.people else np.zeros(len(joint_set(self.joint_set)), np.float32)
