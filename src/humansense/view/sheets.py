"""Contact sheets, legends and side-by-side videos of samples with every ground-truth map."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw

from humansense.core import HumansenseError, Sample, part_set
from humansense.video import VideoWriter
from humansense.view import draw

_GAP = 6
_GROUND_RGB = (28, 31, 38)
_INK_RGB = (225, 228, 235)


def sample_maps(
    sample: Sample, depth_m: tuple[float, float] | None = None, flow_px: float | None = None
) -> dict[str, np.ndarray]:
    """Every map that the sample has as RGB pictures of its size, by a name fit to be read.

    depth_m: (near, far), what the colours of both depths span; flow_px: the motion that has the full colour. None: as
    suits the sample (`depth_span`, `flow_span`).
    """
    maps = {"picture": sample.image}
    if sample.people:
        posed = sample.image
        for person in sample.people:
            posed = draw.draw_skeleton(posed, person.joints2d, set_name=person.joint_set)
        maps["joints"] = posed
    if sample.parts is not None:
        maps["parts"] = draw.color_parts(sample.parts, sample.part_set)
    near_far = depth_m or depth_span(sample)
    if sample.depth is not None:
        maps["depth"] = draw.color_depth(sample.depth, *near_far)
    if sample.hidden_depth is not None:
        maps["hidden depth"] = draw.color_depth(sample.hidden_depth, *near_far)
    if sample.normals is not None:
        maps["normals"] = draw.color_normals(sample.normals)
    if sample.instance is not None:
        maps["persons"] = draw.color_instances(sample.instance)
    elif sample.mask is not None:
        maps["mask"] = draw.color_instances(sample.mask.astype(np.uint8))
    if sample.garments is not None:
        maps["garments"] = draw.color_garments(sample.garments)
    if sample.dense is not None:
        maps["dense"] = draw.color_dense(sample.dense)
    full_px = flow_px or flow_span(sample)
    if sample.flow is not None:
        maps["flow"] = draw.color_flow(sample.flow, full_px)
    if sample.flow_back is not None:
        maps["flow back"] = draw.color_flow(sample.flow_back, full_px)
    return maps


def depth_span(sample: Sample) -> tuple[float, float]:
    """(near, far) metres that hold both depths of a sample."""
    depths = [d for d in (sample.depth, sample.hidden_depth) if d is not None]
    return draw.depth_range(np.stack(depths)) if depths else (0.0, 1.0)


def flow_span(sample: Sample) -> float:
    """Pixels of motion that suit both flows of a sample."""
    flows = [f for f in (sample.flow, sample.flow_back) if f is not None]
    return draw.flow_range(np.stack(flows)) if flows else 1.0


def contact_sheet(samples: Sequence[Sample], cell: int = 240) -> np.ndarray:
    """One row a map, one column a sample, with the maps' names on the left. (H, W, 3) uint8 RGB.

    cell: width of a column in pixels. Raises `HumansenseError` without samples.
    """
    if not samples:
        raise HumansenseError("a contact sheet needs at least one sample")
    columns = [sample_maps(sample) for sample in samples]
    names = list(dict.fromkeys(name for maps in columns for name in maps))
    margin = round(max(draw.font(15).getlength(name) for name in names)) + 24
    heights = {n: max(_scaled(c[n], cell).shape[0] for c in columns if n in c) for n in names}
    width = margin + len(columns) * (cell + _GAP) + _GAP
    sheet = np.full((sum(heights.values()) + _GAP * (len(names) + 1), width, 3), _GROUND_RGB, np.uint8)
    top, labels = _GAP, []
    for name in names:
        for i, maps in enumerate(columns):
            if name in maps:
                piece = _scaled(maps[name], cell)
                left = margin + i * (cell + _GAP)
                sheet[top : top + piece.shape[0], left : left + piece.shape[1]] = piece
        labels.append((name, top + heights[name] / 2 - 9))
        top += heights[name] + _GAP
    picture = Image.fromarray(sheet)
    pen = ImageDraw.Draw(picture)
    for name, y in labels:
        pen.text((12, y), name, fill=_INK_RGB, font=draw.font(15))
    return np.array(picture)


def _scaled(image: np.ndarray, width: int) -> np.ndarray:
    height = max(round(image.shape[0] * width / image.shape[1]), 1)
    shrinks = width < image.shape[1]
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def tile(pictures: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Pictures of one size in rows of `columns`, with a small gap."""
    height, width = pictures[0].shape[:2]
    rows = -(-len(pictures) // columns)
    shape = (rows * (height + _GAP) + _GAP, min(columns, len(pictures)) * (width + _GAP) + _GAP, 3)
    out = np.full(shape, _GROUND_RGB, np.uint8)
    for i, picture in enumerate(pictures):
        top, left = _GAP + i // columns * (height + _GAP), _GAP + i % columns * (width + _GAP)
        out[top : top + height, left : left + width] = picture
    return out


def picture_sheet(samples: Iterable[Sample], cell: int = 160, columns: int = 10) -> np.ndarray:
    """Pictures alone, in rows: what somebody sees who looks through a set. (H, W, 3) uint8 RGB.

    cell: width of a picture in pixels; a picture of another shape than the first is fitted into its frame.
    """
    pictures: list[np.ndarray] = []
    for sample in samples:
        picture = _scaled(sample.image, cell)
        if pictures and picture.shape != pictures[0].shape:
            frame = np.full_like(pictures[0], _GROUND_RGB)
            fitted = draw.fit(picture, *frame.shape[:2])
            frame[: fitted.shape[0], : fitted.shape[1]] = fitted
            picture = frame
        pictures.append(picture)
    if not pictures:
        raise HumansenseError("a sheet of pictures needs at least one sample")
    return tile(pictures, columns)


VIDEO_COLUMNS = 4


def clip_video(samples: Iterable[Sample], path: str | Path, fps: float = 25.0) -> int:
    """An MP4 of a clip with its maps side by side, each with its name; returns the number of frames.

    The colours of depth span the range of the first frame with somebody, those of flow the motion of the first frames
    that move, so that they mean the same through the clip.
    """
    depth_m: tuple[float, float] | None = None
    flow_px: float | None = None
    with VideoWriter(path, fps=fps) as video:
        for sample in samples:
            if depth_m is None and sample.depth is not None and np.isfinite(sample.depth).any():
                low, high = depth_span(sample)
                depth_m = (low - 0.3, high + 0.3)
            if flow_px is None and sample.flow is not None and np.isfinite(sample.flow).any():
                flow_px = 1.5 * flow_span(sample)
            maps = sample_maps(sample, depth_m, flow_px)
            video.write(tile([draw.caption(picture, name) for name, picture in maps.items()], columns=VIDEO_COLUMNS))
    return video.frames


def part_legend(set_name: str = "parts14", columns: int = 2, size: int = 15) -> np.ndarray:
    """The colours of a part set with their names."""
    parts = part_set(set_name)
    entries = list(zip(parts.names[1:], parts.palette[1:], strict=True))
    rows, row, column = -(-len(entries) // columns), size + 10, size * 11
    picture = Image.new("RGB", (columns * column + 12, rows * row + 12), _GROUND_RGB)
    pen = ImageDraw.Draw(picture)
    for i, (name, color) in enumerate(entries):
        x, y = 12 + i // rows * column, 10 + i % rows * row
        pen.rounded_rectangle((x, y, x + size, y + size), radius=3, fill=color)
        pen.text((x + size + 8, y - 1), name.replace("_", " "), fill=_INK_RGB, font=draw.font(size))
    return np.array(picture)


def depth_legend(near_m: float, far_m: float, width: int = 260, size: int = 13) -> np.ndarray:
    """The ramp of depth colours with its two ends and the middle in centimetres."""
    picture = Image.new("RGB", (width, 34 + size), _GROUND_RGB)
    ramp = np.repeat(draw.depth_colors()[::-1][None], 14, 0)
    picture.paste(Image.fromarray(cv2.resize(ramp, (width - 24, 14))), (12, 8))
    pen = ImageDraw.Draw(picture)
    for share, anchor in ((0.0, "la"), (0.5, "ma"), (1.0, "ra")):
        words = f"{(near_m + (far_m - near_m) * share) * 100:+.0f} cm"
        pen.text((12 + share * (width - 24), 26), words, fill=_INK_RGB, font=draw.font(size), anchor=anchor)
    return np.array(picture)


def with_legend(image: np.ndarray, legend: np.ndarray) -> np.ndarray:
    """A picture with its legend in a strip below, which shrinks with a narrow picture and never grows."""
    height, width = image.shape[:2]
    legend = draw.fit(legend, max(height // 3, 24), width)
    strip = np.full((legend.shape[0], width, 3), _GROUND_RGB, np.uint8)
    strip[:, : legend.shape[1]] = legend
    return np.concatenate([image, strip])
