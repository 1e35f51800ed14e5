"""Where is the person? From coarse masks to boxes, and when to say that there is nobody."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from humansense.predict.model import Glance
from humansense.predict.windows import clip_box

MASK_LEVEL = 0.5
"""A cell belongs to the person above this probability."""
FOUND_SCORE = 0.5
"""Below this score nobody is there."""
_MIN_CELLS = 6


@dataclass(frozen=True)
class Candidate:
    """Somebody may be here. box: (4,) pixels of the picture. weight: how much of the mask speaks for it."""

    box: np.ndarray
    weight: float


def candidates(glance: Glance, shape: tuple[int, int]) -> list[Candidate]:
    """Connected pieces of the coarse mask as boxes in the picture (H, W), the heaviest first.

    Where a piece reaches the border of the window but not that of the picture, the person goes on beyond it: the box
    grows there by a fifth.
    """
    height, width = shape
    mask = glance.mask
    step = glance.window.side / mask.shape[0]
    count, labels, stats, _ = cv2.connectedComponentsWithStats((mask > MASK_LEVEL).astype(np.uint8), connectivity=8)
    found = []
    for label in range(1, count):
        if stats[label, cv2.CC_STAT_AREA] < _MIN_CELLS:
            continue
        weight = float(mask[labels == label].sum())
        x, y, w, h = (int(v) for v in stats[label, :4])
        box = glance.window.box[[0, 1, 0, 1]] + np.array([x, y, x + w, y + h]) * step
        grow = 0.2 * max(w, h) * step
        at_border = np.array([x <= 0, y <= 0, x + w >= mask.shape[1], y + h >= mask.shape[0]])
        box = clip_box(box + at_border * np.array([-grow, -grow, grow, grow]), (height, width))
        if (box[2:] - box[:2] >= 2).all():
            found.append(Candidate(box, weight))
    return sorted(found, key=lambda c: -c.weight)


def person_score(glance: Glance) -> float:
    """0..1: is the person in this window?

    The geometric mean of the net's own answer, of how surely the better half of the joints was placed, and of how
    clear the mask is: three heads that are rarely wrong together.
    """
    joints = float(np.sort(glance.scores)[len(glance.scores) // 2 :].mean())
    inside = glance.mask[glance.mask > MASK_LEVEL]
    clear = float(inside.mean()) if len(inside) >= _MIN_CELLS else 0.0
    return float((max(glance.person, 0.0) * joints * clear) ** (1 / 3))
