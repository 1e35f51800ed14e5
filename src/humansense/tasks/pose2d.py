"""2D joints from heatmaps (Newell 2016; Varol 2019, section 4.3.3).

Beside the heatmaps a pooled head answers once an image: for each joint "nowhere in this crop" and, last,
"there is a person". With the spatial cross entropy, the heatmap and "nowhere" are one distribution, so that
the mass near the found place is the score of a joint.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from humansense.core.joints import joint_set
from humansense.core.values import Batch
from humansense.losses import binary_cross_entropy, gaussian_heatmaps, heatmap_mse, spatial_cross_entropy
from humansense.metrics import MPII_HEAD_SHARE, PCK, pckh, torso_pck
from humansense.nets import STRIDE
from humansense.tasks.settings import Pose2dSettings, TaskSettings
from humansense.tasks.task import Outputs, Results, Task, TaskMetrics, stride_of

PERSON_WEIGHT = 0.1  # "is there a person" is easy; enough to learn it, too little to steer the trunk
_MPII_COUNTED = frozenset(joint_set("mpii16").names) - {"pelvis", "thorax"}
SCORE_RADIUS = 2.5  # standard deviations of the target Gaussian around the found place


def encode_joints(joints: Tensor, size: int, sigma: float) -> Tensor:
    """Joints (B, J, 2) in crop pixels -> heatmaps (B, J, S/4, S/4); zeros for NaN and for joints outside the crop."""
    inside = ((joints >= 0) & (joints < size)).all(-1, keepdim=True)  # NaN compares false
    cells = torch.where(inside, joints / STRIDE, torch.nan)
    return gaussian_heatmaps(cells, (size // STRIDE, size // STRIDE), sigma)


def decode_heatmaps(heatmaps: Tensor, stride: float = STRIDE) -> Tensor:
    """Joints (B, J, 2) in crop pixels from positive heatmaps (B, J, h, w): the maximum, refined within its cell.

    stride: pixels a cell.

    A parabola through the logarithms of the maximum and its two neighbours, along x and along y: exact for a
    Gaussian (Zhang 2020, "Distribution-aware coordinate representation", in one dimension). At the border,
    and where the neighbours are not below the maximum, the centre of the cell.
    """
    h, w = heatmaps.shape[-2:]
    flat = heatmaps.flatten(2)
    best = flat.argmax(-1)
    x, y = best % w, best // w

    def refine(position: Tensor, length: int, step: int) -> Tensor:
        inside = (position > 0) & (position < length - 1)
        steps = [torch.where(inside, best + d * step, best) for d in (-1, 0, 1)]
        before, here, after = (flat.gather(-1, s[..., None])[..., 0].clamp(min=1e-12).log() for s in steps)
        curvature = before + after - 2 * here
        usable = inside & (curvature < -1e-6)
        shift = 0.5 * (before - after) / torch.where(usable, curvature, -1.0)
        return torch.where(usable, shift, 0.0).clamp(-0.5, 0.5)

    cells = torch.stack([x + 0.5 + refine(x, w, 1), y + 0.5 + refine(y, h, w)], -1)
    return cells * stride


def mass_near(probabilities: Tensor, joints: Tensor, radius: float, stride: float = STRIDE) -> Tensor:
    """(B, J) sum of `probabilities` (B, J, h, w) within `radius` cells of `joints` (B, J, 2) in crop pixels."""
    h, w = probabilities.shape[-2:]
    cells = joints / stride
    dx = torch.arange(w, device=joints.device) + 0.5 - cells[..., 0:1]
    dy = torch.arange(h, device=joints.device) + 0.5 - cells[..., 1:2]
    near = dx.square()[..., None, :] + dy.square()[..., :, None] <= radius**2
    return (probabilities * near).sum((2, 3))


@dataclass(frozen=True)
class Pose2dTask(Task[Pose2dSettings]):
    """Heads `pose2d`: (B, J, S/4, S/4), and `presence`: (B, J + 1), J times "nowhere" and once "a person".

    decode gives `joints` (B, J, 2) float32 crop pixels, `joint_scores` (B, J) 0..1, `person` (B,) 0..1.
    A score is the net's probability that the joint lies within `SCORE_RADIUS` sigma of where it is put
    (with the squared error: the height of the peak). A joint outside the crop scores near 0.
    """

    name: ClassVar[str] = "pose2d"
    settings_type: ClassVar[type[TaskSettings]] = Pose2dSettings

    @property
    def _spatial(self) -> bool:
        return self.settings.heatmap_loss == "spatial_cross_entropy"

    def heads(self) -> dict[str, int]:
        return {"pose2d": len(joint_set(self.settings.joint_set))}

    def pooled(self) -> dict[str, int]:
        return {"presence": len(joint_set(self.settings.joint_set)) + 1}

    def targets(self, batch: Batch) -> dict[str, Tensor]:
        # A joint is known when it has a place, in the crop or outside; without a person, all are known to be nowhere.
        empty = ~batch.has_person
        joints = torch.where(empty[:, None, None], torch.nan, batch.joints)
        return {
            "heatmaps": encode_joints(joints, self.settings.image_size, self.settings.sigma),
            "joint_mask": torch.isfinite(batch.joints).all(-1) | empty[:, None],
            "person": batch.has_person,
        }

    def stack_losses(
        self, output: Mapping[str, Tensor], targets: Mapping[str, Tensor]
    ) -> dict[str, tuple[float, Tensor]]:
        presence, mask = output["presence"], targets["joint_mask"]
        if self._spatial:
            pose = spatial_cross_entropy(output["pose2d"], presence[:, :-1], targets["heatmaps"], mask)
        else:
            pose = heatmap_mse(output["pose2d"], targets["heatmaps"], mask)
        person = targets["person"]
        found = binary_cross_entropy(presence[:, -1], person, torch.ones_like(person))
        return {"pose2d": (1.0, pose), "person": (PERSON_WEIGHT, found)}

    def decode(self, outputs: Outputs) -> Results:
        heatmaps, presence = outputs[-1]["pose2d"].float(), outputs[-1]["presence"].float()
        person = presence[:, -1].sigmoid()
        stride = stride_of(heatmaps, self.settings.image_size)
        if not self._spatial:
            return {
                "joints": decode_heatmaps(heatmaps.clamp(min=0), stride),
                "joint_scores": heatmaps.amax((2, 3)).clamp(0, 1),
                "person": person,
            }
        everywhere = torch.cat([heatmaps.flatten(2), presence[:, :-1, None]], -1).softmax(-1)
        probabilities = everywhere[..., :-1].reshape(heatmaps.shape)
        joints = decode_heatmaps(probabilities, stride)
        whole = 1 - math.exp(-(SCORE_RADIUS**2) / 2)  # mass of a perfect Gaussian within the radius
        mass = mass_near(probabilities, joints, SCORE_RADIUS * self.settings.sigma, stride)
        return {"joints": joints, "joint_scores": (mass / whole).clamp(0, 1), "person": person}

    def mirror(self, output: Mapping[str, Tensor]) -> dict[str, Tensor]:
        order = torch.as_tensor(joint_set(self.settings.joint_set).mirror)
        presence = output["presence"]
        return {
            "pose2d": output["pose2d"].flip(-1)[:, order],
            "presence": torch.cat([presence[:, :-1][:, order], presence[:, -1:]], 1),
        }

    def surety(self, output: Mapping[str, Tensor]) -> Tensor:
        return self.decode([dict(output)])["joint_scores"].mean(1)

    def metrics(self) -> TaskMetrics:
        return Pose2dMetrics(self.settings)


class Pose2dMetrics(TaskMetrics):
    """`pck` at 0.2 of the torso, `pckh` at 0.5 of the head, `person_accuracy`; joints outside the crop do not count.

    Each is the mean over the joints of the task that the truth knows; `pck_lsp14` is that over the 14 joints of
    Leeds Sports Pose alone, as its tables have it. Where a set annotates head boxes, `pckh` takes their size, and
    `pckh_mpii` is that of all joints together but pelvis and thorax, the "total" of MPII's tables.
    """

    def __init__(self, settings: Pose2dSettings) -> None:
        self.settings = settings
        self.pck = torso_pck(settings.joint_set, 0.2)
        self.pckh: PCK | None = (
            pckh(settings.joint_set, 0.5) if "head_top" in joint_set(settings.joint_set).names else None
        )
        self.head_boxes = False
        self.person_right = 0
        self.count = 0

    def update(self, results: Results, batch: Batch) -> None:
        size = self.settings.image_size
        inside = ((batch.joints >= 0) & (batch.joints < size)).all(-1) & batch.has_person[:, None]
        self.pck.update(results["joints"], batch.joints, inside)
        if self.pckh is not None:
            sizes = None if batch.head_diagonals is None else MPII_HEAD_SHARE * batch.head_diagonals
            self.head_boxes |= sizes is not None and bool(torch.isfinite(sizes).any())
            self.pckh.update(results["joints"], batch.joints, inside, sizes)
        self.person_right += int(((results["person"] > 0.5) == batch.has_person).sum())
        self.count += len(batch)

    def _pck_of(self, names: tuple[str, ...]) -> float:
        """Mean over these joints alone; NaN if one of them was never seen."""
        rates = self.pck.per_joint()
        return sum(rates.get(name, math.nan) for name in names) / len(names)

    def compute(self) -> dict[str, float]:
        figures = {"pck": self.pck.compute()["mean"], "pck_lsp14": self._pck_of(joint_set("lsp14").names)}
        if self.pckh is not None:
            figures["pckh"] = self.pckh.compute()["mean"]
            if self.head_boxes:
                figures["pckh_mpii"] = self.pckh.total_of([n for n in self.pckh.names if n in _MPII_COUNTED])
        return figures | {"person_accuracy": self.person_right / max(self.count, 1)}
