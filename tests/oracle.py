"""A people net that needs no training: red is person, green is where all joints are. It tests what surrounds a net."""

from __future__ import annotations

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from humansense.tasks import make_task

SIZE = 64
TORSO, NOWHERE_LOGIT = 2, 0.0


class OracleNet(nn.Module):
    """Answers like `StackedHourglass`, by colour: (B, 3, S, S) normalised -> one stack of logits."""

    def __init__(self, task) -> None:
        super().__init__()
        self.mean, self.std = task.settings.mean, task.settings.std
        self.joints, self.bins = len(task.heads()) and task.heads()["pose2d"], task.heads()["depth"]
        self.weight = nn.Parameter(torch.zeros(1))  # something to convert and to move

    def forward(self, images: Tensor) -> list[dict[str, Tensor]]:
        mean, std = (torch.tensor(v, dtype=torch.float32)[:, None, None] for v in (self.mean, self.std))
        rgb = F.avg_pool2d(images.float() * std + mean, 4)
        red, green = rgb[:, 0] - rgb[:, 2], rgb[:, 1] - rgb[:, 0]
        person = torch.maximum(red, green) > 0.36
        parts = torch.full((len(rgb), 15, *person.shape[1:]), -8.0)
        parts[:, 0] = torch.where(person, -8.0, 8.0)
        parts[:, TORSO] = torch.where(person, 8.0, -8.0)
        heat = (green.clamp(min=0) * 30)[:, None].expand(-1, self.joints, -1, -1)
        depth = torch.full((len(rgb), self.bins, *person.shape[1:]), -8.0)
        depth[:, 0] = torch.where(person, -8.0, 8.0)
        depth[:, 3] = 8.0  # always the same bin, in front of the pelvis
        there = person.flatten(1).any(1).float() * 16 - 8
        presence = torch.cat([torch.full((len(rgb), self.joints), NOWHERE_LOGIT), there[:, None]], 1)
        return [{"parts": parts, "depth": depth, "pose2d": heat.contiguous(), "presence": presence}]


class OracleFinder(nn.Module):
    """A finder that sees every red or green patch: (B, 3, H, W) normalised -> centres and sides of its box."""

    def __init__(self, task) -> None:
        super().__init__()
        self.mean, self.std = task.settings.mean, task.settings.std
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, images: Tensor) -> list[dict[str, Tensor]]:
        mean, std = (torch.tensor(v, dtype=torch.float32)[:, None, None] for v in (self.mean, self.std))
        rgb = F.avg_pool2d(images.float() * std + mean, 4)
        person = torch.maximum(rgb[:, 0] - rgb[:, 2], rgb[:, 1] - rgb[:, 0]) > 0.3
        center = torch.full((len(rgb), 1, *person.shape[1:]), -8.0)
        sides = torch.zeros(len(rgb), 4, *person.shape[1:])
        for i, mask in enumerate(person.numpy().astype(np.uint8)):
            count, _, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
            for x, y, w, h, area in boxes[1:count]:
                if area < 2:
                    continue
                row, column = y + h // 2, x + w // 2
                center[i, 0, row, column] = 8.0
                at = np.array([column + 0.5, row + 0.5])
                distances = np.concatenate([at - (x, y), np.array([x + w, y + h]) - at])
                sides[i, :, row, column] = torch.from_numpy(np.log(distances)).float()
        return [{"center": center, "sides": sides, "mask": torch.where(person, 8.0, -8.0)[:, None]}]


def oracle_task():
    return make_task("people", {"net": "tiny", "image_size": SIZE})


def install(monkeypatch) -> None:
    """Let every weight file be the oracle, and the finder's likewise."""
    from humansense.predict import find, model

    task, finder = oracle_task(), make_task("finder")
    monkeypatch.setattr(model, "load_task", lambda path, fold: (task, OracleNet(task).eval()))
    monkeypatch.setattr(find, "load_task", lambda path, fold: (finder, OracleFinder(finder).eval()))


def scene(
    height: int, width: int, *boxes: tuple[int, int, int, int], dot: tuple[float, float] | None = None
) -> np.ndarray:
    """Grey, with red rectangles (x0, y0, x1, y1) and in each a green dot a fifth as wide, at `dot` or its middle."""
    image = np.full((height, width, 3), 90, np.uint8)
    ys, xs = np.mgrid[0:height, 0:width] + 0.5
    for x0, y0, x1, y1 in boxes:
        image[y0:y1, x0:x1] = (230, 20, 20)
        x, y = dot or ((x0 + x1) / 2, (y0 + y1) / 2)
        image[(xs - x) ** 2 + (ys - y) ** 2 < (max(x1 - x0, y1 - y0) / 10) ** 2] = (20, 230, 20)
    return image
