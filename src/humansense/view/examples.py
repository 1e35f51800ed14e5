"""What weights answer on a set, to look at: crops drawn by chance, and the worst ones."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from heapq import heappush, heapreplace
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from humansense.core import Batch, joint_set
from humansense.tasks import FinderTask, Pose2dSettings, Results, Task
from humansense.view import draw

JUDGED_BY = ("pck_lsp14", "pck", "mask_iou", "part_iou", "box_ap50")
"""The first of these figures that a sample has says how good its answer is."""
SIDE = 220


@dataclass
class Examples:
    """Keeps `count` samples drawn by chance and the `count` worst, each with truth and answer."""

    task: Task
    count: int = 24
    seed: int = 0
    judged_by: str = ""
    _seen: int = 0
    _random: list[tuple[float, np.ndarray]] = field(default_factory=list)
    _worst: list[tuple[float, int, np.ndarray]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.seed)

    def watch(self, results: Results, batch: Batch) -> None:
        """Judge each sample of a batch by itself."""
        for i in range(len(batch)):
            self._add(one(batch, i), {name: value[i : i + 1] for name, value in results.items()})

    def _add(self, sample: Batch, results: Results) -> None:
        metrics = self.task.metrics()
        metrics.update(results, sample)
        figures = metrics.compute()
        name = next((n for n in JUDGED_BY if not math.isnan(figures.get(n, math.nan))), "")
        good = figures.get(name, math.nan)
        self._seen += 1
        # Each of the samples so far has the same chance to be among the `count` (Vitter 1985, algorithm R).
        place = len(self._random) if self._seen <= self.count else int(self._rng.integers(self._seen))
        wanted = place < self.count
        bad = bool(name) and (len(self._worst) < self.count or -good > self._worst[0][0])
        if not (wanted or bad):
            return
        self.judged_by = self.judged_by or name
        picture = draw.caption(self._picture(sample, results), f"{sample.keys[0][-22:]} {good:.2f}", 11)
        if wanted:
            self._random[place : place + 1] = [(good, picture)]
        if bad:
            push = heappush if len(self._worst) < self.count else heapreplace
            push(self._worst, (-good, self._seen, picture))

    def _picture(self, sample: Batch, results: Results) -> np.ndarray:
        """Left the truth, right the answer."""
        image: np.ndarray = (sample.images[0].permute(1, 2, 0).cpu().numpy() * 255).round().astype(np.uint8)
        scale = SIDE / image.shape[0]
        image = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        truth = {"parts": sample.parts, "joints": sample.joints, "boxes": sample.boxes}
        return np.concatenate([self._painted(image, truth, scale), self._painted(image, results, scale)], 1)

    def _painted(self, image: np.ndarray, values: dict[str, Any], scale: float) -> np.ndarray:
        out = image
        maps: Tensor | None = values.get("parts")
        if maps is not None and not isinstance(self.task, FinderTask):
            labels = maps[0].clamp(min=0).cpu().numpy().astype(np.uint8)
            out = draw.blend_parts(out, cv2.resize(labels, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST), strength=0.4)
        joints: Tensor | None = values.get("joints")
        if joints is not None and isinstance(self.task.settings, Pose2dSettings):
            names = joint_set(self.task.settings.joint_set)
            scores = values.get("joint_scores")
            sure = None if scores is None else scores[0].cpu().numpy()
            out = draw.draw_skeleton(out, joints[0].cpu().numpy() * scale, sure, names.name)
        boxes: Tensor | None = values.get("boxes")
        if boxes is not None:
            chance = values.get("scores", torch.ones(boxes.shape[:2]))
            for box, score in zip(boxes[0].cpu().numpy(), chance[0].tolist(), strict=True):
                if score >= 0.3 and np.isfinite(box).all():
                    out = draw.draw_box(out, box * scale)
        return out

    def sheets(self, columns: int = 4) -> dict[str, np.ndarray]:
        """`random` and `worst` (worst first), each a picture; without a figure to judge by there is no `worst`."""
        kinds = {"random": [p for _, p in self._random], "worst": [p for _, _, p in sorted(self._worst, reverse=True)]}
        return {name: _grid(pictures, columns) for name, pictures in kinds.items() if pictures}


def _grid(pictures: list[np.ndarray], columns: int) -> np.ndarray:
    blank = np.full_like(pictures[0], draw.BACKDROP_RGB)
    padded = pictures + [blank] * (-len(pictures) % columns)
    return np.concatenate([np.concatenate(padded[i : i + columns], 1) for i in range(0, len(padded), columns)])


def one(batch: Batch, i: int) -> Batch:
    """Sample i as a batch of its own."""
    values: dict[str, Any] = {f.name: getattr(batch, f.name) for f in fields(Batch)}
    picked: dict[str, Any] = {name: None if value is None else value[i : i + 1] for name, value in values.items()}
    return Batch(**picked)
