"""Where is everybody? Boxes from the finder, on the whole picture first and on smaller views where people are small."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch

from humansense.core import HumansenseError
from humansense.data.transforms import warp_image
from humansense.predict.model import Glance, fast_dtype, find_device
from humansense.predict.windows import Pyramid, clip_box, iou
from humansense.tasks import FinderTask, load_task, suppress

FIND_SIDE = 256
"""The longer side of a view in the finder's pixels: that of its training scenes."""
WIDEST = 2.2
"""A view is at most so many times as long as it is wide: a panorama is looked at in pieces."""
SHARES = (1.0, 0.5, 0.25)
"""Sides of the views of each round over those of the first."""
SMALL = 0.2
"""People below this share of a view (half of them) ask for a closer round."""
LEAST = 0.25
"""Who scores less is not looked at closely."""
SURE = 0.45
"""Whoever scores so much counts as seen when it is decided whether to look closer."""
OVERLAP = 0.6
"""Boxes that share more of their union are one person."""
_EDGE = 0.02  # of a view's side: what ends nearer to its border is cut off by it
_CELL = 32  # pixels; sides of what the finder sees are multiples of it, as in training
_MASK_LEVEL = 0.5
_MIN_CELLS = 6


@dataclass(frozen=True)
class Candidate:
    """Somebody may be here. box: (4,) pixels of the picture. score: 0..1, the finder's. cut: it ends where its view
    does and the picture does not, so that it may be a piece of somebody. doubt: logits to take off.
    """

    box: np.ndarray
    score: float
    cut: bool = False
    doubt: float = 0.0


@dataclass(frozen=True)
class View:
    """A rectangle of the picture that the finder sees at once: left, top, width and height in pixels."""

    x: float
    y: float
    width: float
    height: float

    @property
    def side(self) -> float:
        """The longer side."""
        return max(self.width, self.height)


def views(height: int, width: int, share: float = 1.0) -> list[View]:
    """Views that cover a picture, their sides `share` of the largest view's; neighbours overlap by a third."""
    longest = share * min(max(height, width), WIDEST * min(height, width))
    w, h = min(width, longest), min(height, longest)
    return [View(x, y, w, h) for y in _starts(height, h) for x in _starts(width, w)]


def _starts(length: float, side: float) -> list[float]:
    """Left ends of pieces of `side` that cover `length`, at steps of at most two thirds of a piece."""
    if side >= length:
        return [0.0]
    count = int(np.ceil((length - side) / (side * 2 / 3) - 1e-9)) + 1
    return [float(v) for v in np.linspace(0.0, length - side, count)]


class Finder:
    """Loads the weights once; `find` as often as needed. Thread-safe."""

    def __init__(self, weights: str | Path, device: str = "cpu") -> None:
        task, net = load_task(weights, fold=True)
        if not isinstance(task, FinderTask):
            raise HumansenseError(f"{weights} was trained for the task {task.name!r}; finding people needs 'finder'")
        self.task = task
        self.device = find_device(device)
        self.dtype = fast_dtype() if self.device.type == "cpu" else torch.float16
        folded = net.requires_grad_(False).to(self.device, self.dtype)
        self.net = folded.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def find(self, image: Pyramid, timings_ms: dict[str, float] | None = None) -> list[Candidate]:
        """Whoever may be somebody, best first; a closer look must tell who is.

        A closer round follows where nobody is sure or those who are are small, as long as the picture has detail.
        """
        start = time.perf_counter()
        height, width = image.shape
        found: list[Candidate] = []
        for number, share in enumerate(SHARES):
            cut = views(height, width, share)
            lost = number > 0 and not any(c.score >= SURE for c in found)
            seen = [c for view in cut for c in self._look(image, view)]
            if lost:
                # So many views, so many chances of a false alarm: the odds are parted among them (Bonferroni). But
                # false alarms come one by one: where many are sure in many views, there is a crowd.
                doubt = max(math.log(len(cut) / max(sum(c.score >= SURE for c in seen), 1)), 0.0)
                seen = [replace(c, doubt=doubt) for c in seen]
            found = merge(_unresolved(found, seen, cut[0].side) + seen)
            sides = [float(max(c.box[2:] - c.box[:2])) for c in found if c.score >= SURE]
            detailed = cut[0].side > 1.2 * FIND_SIDE
            if not detailed or (sides and np.median(sides) > SMALL * cut[0].side):
                break
        if timings_ms is not None:
            timings_ms["find"] = timings_ms.get("find", 0.0) + (time.perf_counter() - start) * 1e3
        return found

    @torch.inference_mode()
    def _look(self, image: Pyramid, view: View) -> list[Candidate]:
        step = view.side / FIND_SIDE
        level = image.level(step)
        size = tuple(int(np.ceil(s / step / _CELL - 0.01)) * _CELL for s in (view.height, view.width))
        # Pixels of the copy that is read -> of the picture -> of what the finder sees.
        to_picture = np.diag([image.shape[1] / level.shape[1], image.shape[0] / level.shape[0], 1.0])
        to_view = np.array([[1 / step, 0, -view.x / step], [0, 1 / step, -view.y / step], [0, 0, 1.0]])
        seen = warp_image(level, to_view @ to_picture, (size[0], size[1]))
        batch = torch.from_numpy(seen).to(self.device).permute(2, 0, 1)[None].float() / 255
        output = self.net(self.task.inputs(batch).to(self.dtype))[-1]
        results = self.task.decode([output])
        boxes, scores = results["boxes"][0].cpu().numpy(), results["scores"][0].cpu().numpy()
        boxes = clip_box(boxes * step + np.tile([view.x, view.y], 2), image.shape)
        usable = (scores >= LEAST) & (boxes[:, 2:] - boxes[:, :2] >= 2).all(1)
        edge = np.array([view.x, view.y, view.x + view.width, view.y + view.height])
        inner = np.array([view.x > 0, view.y > 0, edge[2] < image.shape[1], edge[3] < image.shape[0]])
        cut = (inner & (np.abs(boxes - edge) < _EDGE * view.side)).any(1)
        return [
            Candidate(box, float(score), bool(ends))
            for box, score, ends in zip(boxes[usable], scores[usable], cut[usable], strict=True)
        ]


def _unresolved(found: list[Candidate], closer: list[Candidate], side: float) -> list[Candidate]:
    """Of what earlier rounds found: the large, and the small of whom the closer views of `side` pixels see nothing.

    Who is a few cells long in a view has an imprecise box there; who is hardly longer than a closer view is seen better
    from afar.
    """
    again = [c for c in closer if not c.cut]
    return [
        c
        for c in found
        if max(c.box[2:] - c.box[:2]) > 0.5 * side
        or not any(iou(c.box, other.box) > 0.3 and other.score > 0.5 * c.score for other in again)
    ]


def merge(seen: list[Candidate]) -> list[Candidate]:
    """One candidate a person, best first: of overlapping ones the best, and no pieces of a larger one."""
    if not seen:
        return []
    boxes, scores = np.stack([c.box for c in seen]), np.array([c.score for c in seen])
    whole_first = scores - 2.0 * np.array([c.cut for c in seen])
    kept: list[Candidate] = []
    for i in suppress(boxes, whole_first, OVERLAP):
        if not any(_is_piece(seen[i], other) for other in kept):
            kept.append(seen[i])
    return sorted(kept, key=lambda c: -c.score)


def inside(one: np.ndarray, other: np.ndarray) -> float:
    """Share of the box `one` that lies in the box `other`."""
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    return float(np.prod(np.clip(high - low, 0, None))) / max(float(np.prod(one[2:] - one[:2])), 1e-9)


def _is_piece(one: Candidate, whole: Candidate) -> bool:
    """Whether `one` is a part of `whole`: cut off by its view, or much smaller and less sure, as a hand is."""
    if one.cut:
        return inside(one.box, whole.box) > 0.5
    larger = float(np.prod(whole.box[2:] - whole.box[:2])) / max(float(np.prod(one.box[2:] - one.box[:2])), 1e-9)
    return inside(one.box, whole.box) > 0.75 and larger > 2.5 and one.score < 0.7 * whole.score


def mask_box(glance: Glance, box: np.ndarray, shape: tuple[int, int]) -> np.ndarray | None:
    """The box, in the picture of (H, W), of what is seen of the person who is looked for in `box`; None: nothing is.

    Of the connected pieces of the coarse mask the one with most of it in `box`. Where it reaches the border of the
    window but not that of the picture, the person goes on beyond it: the box grows there by a fifth.
    """
    mask = glance.mask
    step = glance.window.side / mask.shape[0]
    count, labels, stats, _ = cv2.connectedComponentsWithStats((mask > _MASK_LEVEL).astype(np.uint8), connectivity=8)
    if count < 2:
        return None
    x0, y0, x1, y1 = np.clip((np.asarray(box) - np.tile(glance.window.box[:2], 2)) / step, 0, mask.shape[0])
    inner = labels[int(y0) : int(np.ceil(y1)), int(x0) : int(np.ceil(x1))]
    weights = np.bincount(inner.ravel(), minlength=count)[1:]
    label = int(weights.argmax()) + 1
    if weights[label - 1] == 0 or stats[label, cv2.CC_STAT_AREA] < _MIN_CELLS:
        return None
    x, y, w, h = (int(v) for v in stats[label, :4])
    seen = glance.window.box[[0, 1, 0, 1]] + np.array([x, y, x + w, y + h]) * step
    grow = 0.2 * max(w, h) * step
    at_border = np.array([x <= 0, y <= 0, x + w >= mask.shape[1], y + h >= mask.shape[0]])
    seen = clip_box(seen + at_border * np.array([-grow, -grow, grow, grow]), shape)
    return seen if (seen[2:] - seen[:2] >= 2).all() else None


def better_box(glance: Glance, box: np.ndarray, shape: tuple[int, int], agree: float) -> np.ndarray | None:
    """The mask's box where it contradicts `box` (their IoU is below `agree`) and a second look is worth it; or None."""
    seen = mask_box(glance, box, shape)
    if seen is None or iou(seen, box) >= agree:
        return None
    return seen
