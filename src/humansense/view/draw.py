"""Maps and joints as colours: what every picture, sheet, video and report is made of.

All functions take and return (H, W, 3) uint8 RGB and leave their input as it is. The person's right is warm, the
left is cool, in joints as in parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from humansense.core import FoundPerson, joint_set, part_set

RIGHT_RGB, LEFT_RGB, MIDDLE_RGB = (255, 122, 89), (64, 178, 255), (250, 214, 90)
BACKDROP_RGB = (18, 20, 26)
"""Behind maps, where there is no person."""
SHOWN_SCORE = 0.2
"""Joints below this score are left out of drawings."""
_FINE = 4  # fractional bits of OpenCV's drawing: sixteenths of a pixel

# COCO has no neck: the two lines that make its skeleton read as a body join the sides.
_EXTRA_BONES = {"coco17": (("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"))}


def side_color(name: str) -> tuple[int, int, int]:
    """Warm for the person's right, cool for the left, yellow for the middle."""
    if name.startswith("right") or name.endswith(".R"):
        return RIGHT_RGB
    return LEFT_RGB if name.startswith("left") or name.endswith(".L") else MIDDLE_RGB


def draw_skeleton(
    image: np.ndarray,
    joints: np.ndarray,
    scores: np.ndarray | None = None,
    set_name: str = "coco17",
    bone_rgb: tuple[int, int, int] | None = None,
) -> np.ndarray:
    """Bones and joints over a picture.

    joints: (J, 2) pixels, NaN where unknown. scores: (J,) 0..1; below `SHOWN_SCORE` a joint is not drawn.
    bone_rgb: one colour for all bones, to tell people apart; by default they tell left from right, as joints always do.
    """
    out = image.copy()
    names = joint_set(set_name).names
    shown = np.isfinite(joints).all(1)
    if scores is not None:
        shown &= scores >= SHOWN_SCORE
    # Far outside the picture OpenCV's fixed-point coordinates overflow.
    reach = 4.0 * max(image.shape[:2])
    shown &= (np.abs(np.nan_to_num(joints)) < reach).all(1)
    if not shown.any():
        return out
    width = line_width(joints[shown], image.shape[:2])
    pairs = [(names[p], names[c]) for p, c in joint_set(set_name).bones] + list(_EXTRA_BONES.get(set_name, ()))
    points = {n: _fixed(joints[i]) for i, n in enumerate(names) if shown[i]}
    drawn = [(a, b) for a, b in pairs if a in points and b in points and not _ear_to_shoulder(a, b)]
    shift = {"lineType": cv2.LINE_AA, "shift": _FINE}
    for a, b in drawn:
        cv2.line(out, points[a], points[b], (15, 15, 20), width + max(2, width // 2), **shift)
    for a, b in drawn:
        color = side_color(b) if side_color(a) == side_color(b) or side_color(a) == MIDDLE_RGB else MIDDLE_RGB
        cv2.line(out, points[a], points[b], bone_rgb or color, width, **shift)
    for name, point in points.items():
        radius = round(width * (0.75 if "eye" in name or "ear" in name or name == "nose" else 1.15) * 2**_FINE)
        cv2.circle(out, point, radius + 2**_FINE, (15, 15, 20), -1, **shift)
        cv2.circle(out, point, radius, (255, 255, 255), -1, **shift)
        cv2.circle(out, point, round(radius * 0.68), side_color(name), -1, **shift)
    return out


def track_color(track_id: int) -> tuple[int, int, int]:
    """RGB of a person's number, bright; numbers that follow each other are far apart on the wheel."""
    hue = (track_id * 0.6180339887) % 1.0  # the golden ratio: any run of numbers is spread evenly
    hsv = np.array([[[round(hue * 179), 165, 255]]], np.uint8)
    red, green, blue = (int(v) for v in cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0])
    return red, green, blue


def draw_tracks(image: np.ndarray, people: Sequence[FoundPerson]) -> np.ndarray:
    """Skeletons in the colour of each person's number, with the number above the box; who has none is left out."""
    out = image.copy()
    numbered = [person for person in people if person.track_id is not None]
    for person in reversed(numbered):  # the most prominent comes last, on top
        color = track_color(person.track_id or 0)
        out = draw_skeleton(out, person.joints, person.joint_scores, person.joint_set, color)
    if not numbered:
        return out
    picture = Image.fromarray(out)
    pen, size = ImageDraw.Draw(picture), max(11, round(max(image.shape[:2]) / 45))
    for person in numbered:
        words, spare = str(person.track_id), max(2, size // 6)
        wide, high = pen.textlength(words, font=font(size)) + 2 * spare, size * 1.2 + spare
        x = float(np.clip((person.box[0] + person.box[2] - wide) / 2, 0, max(image.shape[1] - wide, 0)))
        y = float(np.clip(person.box[1] - high, 0, max(image.shape[0] - high, 0)))
        pen.rectangle((x, y, x + wide, y + high), fill=track_color(person.track_id or 0))
        pen.text((x + spare, y), words, fill=(15, 15, 20), font=font(size))
    return np.array(picture)


def line_width(joints: np.ndarray, size: tuple[int, int]) -> int:
    """Pixels that suit both the person and the picture."""
    extent = float(np.max(np.ptp(joints, axis=0))) if len(joints) > 1 else 0.0
    return int(np.clip(round(min(extent / 48, max(size) / 100)), 1, 40))


def _ear_to_shoulder(a: str, b: str) -> bool:
    """COCO's tree hangs the shoulders on the ears; drawn, that looks like two strings."""
    return a.endswith("_ear") and b.endswith("_shoulder")


def _fixed(point: np.ndarray) -> tuple[int, int]:
    """Our (0.5, 0.5) is OpenCV's (0, 0)."""
    x, y = np.round((np.asarray(point, np.float64) - 0.5) * 2**_FINE).astype(int)
    return int(x), int(y)


def color_parts(parts: np.ndarray, set_name: str = "parts14") -> np.ndarray:
    """A label map in the colours of its set on a dark backdrop."""
    colors = part_set(set_name).colors.copy()
    colors[0] = BACKDROP_RGB
    return colors[parts]


def blend_parts(image: np.ndarray, parts: np.ndarray, set_name: str = "parts14", strength: float = 0.55) -> np.ndarray:
    """The label map over the picture, with a thin bright line around the person."""
    out = image.copy()
    on = parts > 0
    if not on.any():
        return out
    colors = part_set(set_name).colors[parts[on]]
    out[on] = (image[on] * (1 - strength) + colors * strength).astype(np.uint8)
    outline, _ = cv2.findContours(on.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    width = max(1, round(max(image.shape[:2]) / 600))
    return cv2.drawContours(out, outline, -1, (255, 255, 255), width, cv2.LINE_AA)


def depth_range(depth: np.ndarray) -> tuple[float, float]:
    """(nearest, farthest) metres to span the colours with: the 2nd and 98th percentile, at least 20 cm apart."""
    known = depth[np.isfinite(depth)]
    if known.size == 0:
        return -0.5, 0.5
    low, high = (float(v) for v in np.percentile(known, [2, 98]))
    spare = max(0.2 - (high - low), 0.0) / 2
    return low - spare, high + spare


def color_depth(depth: np.ndarray, near_m: float | None = None, far_m: float | None = None) -> np.ndarray:
    """Depth (H, W) in metres, NaN unknown: near is bright, far is dark, unknown is the backdrop."""
    low, high = depth_range(depth)
    low, high = (low if near_m is None else near_m), (high if far_m is None else far_m)
    known = np.isfinite(depth)
    share = np.clip((np.nan_to_num(depth) - low) / max(high - low, 1e-6), 0, 1)
    out = depth_colors()[np.round((1 - share) * 255).astype(np.uint8)]
    out[~known] = BACKDROP_RGB
    return out


@lru_cache(maxsize=1)
def depth_colors() -> np.ndarray:
    """(256, 3) uint8 RGB, far to near."""
    ramp = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[None], cv2.COLORMAP_PLASMA)[0, :, ::-1]
    return np.ascontiguousarray(ramp)


def color_normals(normals: np.ndarray) -> np.ndarray:
    """Unit vectors (H, W, 3) in camera axes: x red, up green, towards the camera blue; zero is the backdrop."""
    turned = normals * np.array([1.0, -1.0, -1.0], np.float32)
    out = np.clip((turned + 1) * 127.5, 0, 255).astype(np.uint8)
    out[~normals.any(-1)] = BACKDROP_RGB
    return out


def color_instances(instance: np.ndarray) -> np.ndarray:
    """Person 1, 2, ... in distinct colours, no person is the backdrop."""
    hues = (np.arange(256) * 77) % 180
    hsv = np.stack([hues, np.full(256, 140), np.full(256, 240)], -1).astype(np.uint8)[None]
    colors = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0]
    colors[0] = BACKDROP_RGB
    return colors[instance]


def color_garments(garments: np.ndarray) -> np.ndarray:
    """Garment 1, 2, ... of the clip's table in colours that neighbours tell apart, no person is the backdrop."""
    steps = np.arange(256)
    hsv = np.stack([steps * 110 + 12, 120 + 60 * (steps % 3), 250 - 45 * (steps % 4)], -1)
    hsv[:, 0] %= 180
    colors = cv2.cvtColor(hsv.astype(np.uint8)[None], cv2.COLOR_HSV2RGB)[0]
    colors[0] = BACKDROP_RGB
    return colors[garments]


NO_FLOW_RGB = (58, 58, 62)
"""Where a flow is not valid."""


def flow_range(flow: np.ndarray) -> float:
    """Pixels of motion to give the full colour to: the 98th percentile of what moves, at least 1."""
    length = np.hypot(flow[..., 0], flow[..., 1])
    moving = length[length > 0.1]  # NaN compares false
    return max(float(np.percentile(moving, 98)), 1.0) if moving.size else 1.0


def color_flow(flow: np.ndarray, full_px: float | None = None) -> np.ndarray:
    """Flow (H, W, 2) in the colours of Middlebury's wheel (Baker 2011): no motion is white, `full_px` the full colour.

    To the right is red, down yellow-green, to the left cyan, up violet; where it is not valid, `NO_FLOW_RGB`.
    """
    known = np.isfinite(flow[..., 0])
    u, v = np.where(known[..., None], flow, 0).astype(np.float32).transpose(2, 0, 1)
    length, angle = cv2.cartToPolar(u, v, angleInDegrees=True)
    strength = np.clip(length / (flow_range(flow) if full_px is None else full_px), 0, 1)
    hsv = np.stack([angle / 2, 255 * strength, np.full_like(length, 255)], -1)
    out = cv2.cvtColor(np.clip(np.rint(hsv), 0, 255).astype(np.uint8), cv2.COLOR_HSV2RGB)
    out[~known] = NO_FLOW_RGB
    return out


_DENSE_LOW_M, _DENSE_SPAN_M = np.array((-0.65, -0.3, -0.9), np.float32), np.array((1.3, 0.45, 1.8), np.float32)


def color_dense(dense: np.ndarray) -> np.ndarray:
    """Places (H, W, 3) on the reference body: x, to the person's left, is red; y, to the back, green; z, up, blue."""
    known = np.isfinite(dense[..., 0])
    share = (np.where(known[..., None], dense, 0) - _DENSE_LOW_M) / _DENSE_SPAN_M
    out = np.clip(share * 255, 0, 255).astype(np.uint8)
    out[~known] = BACKDROP_RGB
    return out


@lru_cache(maxsize=16)
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The typeface that comes inside Pillow."""
    return ImageFont.load_default(size)


def text(
    image: np.ndarray, where: tuple[float, float], words: str, size: int = 14, color: tuple[int, int, int] = (235,) * 3
) -> np.ndarray:
    """Words with their top left corner at `where` (x, y)."""
    picture = Image.fromarray(image)
    ImageDraw.Draw(picture).text(where, words, fill=color, font=font(size))
    return np.array(picture)


def caption(image: np.ndarray, words: str, size: int = 12) -> np.ndarray:
    """The picture with its name in a dark box in the top left corner."""
    picture = Image.fromarray(image)
    pen = ImageDraw.Draw(picture)
    _, _, right, bottom = pen.textbbox((5, 3), words, font=font(size))
    pen.rectangle((0, 0, right + 4, bottom + 3), fill=BACKDROP_RGB)
    pen.text((5, 3), words, fill=(235,) * 3, font=font(size))
    return np.array(picture)


def draw_box(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """A thin rectangle (x0, y0, x1, y1)."""
    out = image.copy()
    width = max(1, round(max(image.shape[:2]) / 500))
    low, high = _fixed(box[:2]), _fixed(box[2:])
    return cv2.rectangle(out, low, high, (255, 255, 255), width, cv2.LINE_AA, _FINE)


def fit(image: np.ndarray, max_height: int, max_width: int, nearest: bool = False) -> np.ndarray:
    """Scaled down (never up) to fit."""
    height, width = image.shape[:2]
    scale = min(max_height / height, max_width / width, 1.0)
    if scale >= 1.0:
        return image
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return cv2.resize(image, size, interpolation=cv2.INTER_NEAREST if nearest else cv2.INTER_AREA)
