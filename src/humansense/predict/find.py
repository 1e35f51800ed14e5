"""Where is the person? From coarse masks to boxes, and when to say that there is nobody."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from humansense.predict.model import Glance
from humansense.predict.windows import clip_box

MASK_LEVEL = 0.5
"""A cell belongs to the person above this probability."""
FOUND_SCORE = 0.65
"""Below this score nobody is there: inventing a person is worse than missing one."""
CAREFUL = 0.5
"""Of the doubt that a score leaves, the share that a small window must remove: many windows, many false alarms."""
_MIN_CELLS = 6


@dataclass(frozen=True)
class Presence:
    """How the net's logit of "somebody is there" becomes a probability on real photos: sigmoid((logit - bias) / scale).

    A net that was trained on synthetic people is too sure of itself on photos; bias and scale say by how much.
    """

    bias: float = 0.0
    scale: float = 1.0

    def probability(self, logit: float) -> float:
        return float(1.0 / (1.0 + np.exp(np.clip((self.bias - logit) / self.scale, -60, 60))))


PLAIN = Presence()


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


def person_score(glance: Glance, presence: Presence = PLAIN) -> float:
    """0..1, the probability that the person is in this window; 0 where the mask is empty.

    The net's own answer alone: on photos of rooms and of people it separates the two better than the sharpness of the
    mask or of the joints, and nothing is gained by adding those (benchmarks/presence.py prints the figures).
    """
    if int((glance.mask > MASK_LEVEL).sum()) < _MIN_CELLS:
        return 0.0
    return presence.probability(glance.person)
