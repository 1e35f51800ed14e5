"""A people net that needs no training: red is person, green is where all joints are. It tests what surrounds a net."""

from __future__ import annotations

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


def oracle_task():
    return make_task("people", {"net": "tiny", "image_size": SIZE})


def install(monkeypatch) -> None:
    """Let every weight file be the oracle."""
    from humansense.predict import model

    task = oracle_task()
    monkeypatch.setattr(model, "load_task", lambda path, fold: (task, OracleNet(task).eval()))


def scene(
    height: int, width: int, box: tuple[int, int, int, int], dot: tuple[float, float] | None = None
) -> np.ndarray:
    """Grey, with a red rectangle (x0, y0, x1, y1) and in it a green dot a fifth as wide, at `dot` or its middle."""
    image = np.full((height, width, 3), 90, np.uint8)
    x0, y0, x1, y1 = box
    image[y0:y1, x0:x1] = (230, 20, 20)
    x, y = dot or ((x0 + x1) / 2, (y0 + y1) / 2)
    ys, xs = np.mgrid[0:height, 0:width] + 0.5
    image[(xs - x) ** 2 + (ys - y) ** 2 < (max(x1 - x0, y1 - y0) / 10) ** 2] = (20, 230, 20)
    return image
