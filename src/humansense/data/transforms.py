"""Moving an image and its truth together: one 3x3 pixel map for the picture, the maps, the joints and the camera.

A matrix maps source pixels to crop pixels, homogeneous column vectors, continuous coordinates: the centre of the
top-left pixel is (0.5, 0.5) on both sides. OpenCV puts that centre at (0, 0); `to_opencv` is the only place that
knows. A map that mirrors (negative determinant) also swaps the names of left and right.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from humansense.core import Camera, HumansenseError, Person, Sample, joint_set, part_set

Size = tuple[int, int]

_HALF = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
_MINUS_HALF = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]])


def crop_matrix(
    center: np.ndarray,
    side: float,
    size: Size,
    rotation_rad: float = 0.0,
    mirror: bool = False,
    aspect: float = 1.0,
) -> np.ndarray:
    """(3, 3) map of a square of `side` source pixels about `center` (x, y) to a crop of `size` (H, W).

    The square fills the crop's shorter side, and its centre comes to the crop's centre. Positive `rotation_rad` turns
    the picture's content clockwise as one looks at it (x right, y down). `mirror` flips it left to right afterwards.
    `aspect` > 1 makes the content wider, its area unchanged.
    """
    if not side > 0:
        raise HumansenseError(f"a crop of {side} pixels cannot be cut: its side must be positive")
    height, width = size
    scale = min(size) / side
    c, s = np.cos(rotation_rad), np.sin(rotation_rad)
    stretch = np.diag([np.sqrt(aspect), 1 / np.sqrt(aspect)])
    linear = np.diag([-1.0 if mirror else 1.0, 1.0]) @ np.array([[c, -s], [s, c]]) @ stretch * scale
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = np.array([width / 2, height / 2]) - linear @ np.asarray(center, dtype=np.float64)
    return matrix


def crop_to_box(
    box: np.ndarray, size: Size, scale: float = 1.25, rotation_rad: float = 0.0, mirror: bool = False
) -> np.ndarray:
    """(3, 3) map of the square about `box` (x0, y0, x1, y1) to a crop of `size`.

    The square's side is `scale` times the longer side of the box.
    """
    box = np.asarray(box, dtype=np.float64)
    side = max(box[2] - box[0], box[3] - box[1])
    if not side > 0:
        raise HumansenseError(f"box {box.tolist()} is empty: expected x0, y0, x1, y1 with x0 < x1 or y0 < y1")
    return crop_matrix((box[:2] + box[2:]) / 2, side * scale, size, rotation_rad, mirror)


def fit_matrix(source: Size, size: Size) -> np.ndarray:
    """(3, 3) map of a whole picture of `source` (H, W) into `size`, centred, its aspect kept."""
    scale = min(size[0] / source[0], size[1] / source[1])
    matrix = np.diag([scale, scale, 1.0])
    matrix[:2, 2] = (size[1] - scale * source[1]) / 2, (size[0] - scale * source[0]) / 2
    return matrix


def apply_points(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (..., 2) through the map; NaN stays NaN."""
    points = np.asarray(points)
    moved = points @ matrix[:2, :2].T + matrix[:2, 2]
    return moved.astype(points.dtype) if points.dtype.kind == "f" else moved


def apply_box(matrix: np.ndarray, box: np.ndarray) -> np.ndarray:
    """(4,) x0, y0, x1, y1 around the moved corners of `box`."""
    corners = apply_points(matrix, np.asarray(box, np.float64)[[[0, 1], [2, 1], [2, 3], [0, 3]]])
    return np.concatenate([corners.min(0), corners.max(0)]).astype(np.float32)


def mirrors(matrix: np.ndarray) -> bool:
    """Whether the map exchanges left and right."""
    return bool(np.linalg.det(matrix[:2, :2]) < 0)


def to_opencv(matrix: np.ndarray) -> np.ndarray:
    """(2, 3) float64 for `cv2.warpAffine`: the same map in coordinates whose pixel centres are whole numbers."""
    return np.ascontiguousarray((_MINUS_HALF @ matrix @ _HALF)[:2])


def shrink_factor(matrix: np.ndarray) -> float:
    """Crop pixels a source pixel, as a length: below 1 the map shrinks."""
    return float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))


def warp_image(
    image: np.ndarray,
    matrix: np.ndarray,
    size: Size,
    border: int = cv2.BORDER_CONSTANT,
    fill: tuple[int, int, int] = (0, 0, 0),
) -> np.ndarray:
    """(H, W, 3) uint8 crop of an image, bilinear; where the map shrinks, the source is averaged first.

    border, fill: what lies outside the picture: `cv2.BORDER_CONSTANT` with the colour `fill`, or `BORDER_REPLICATE`.
    """
    part, offset = _region(image, matrix, size)
    factor = shrink_factor(matrix)
    to_part = np.eye(3)
    to_part[:2, 2] = offset
    if factor < 0.75 and min(part.shape[:2]) > 1:
        height, width = (max(1, round(n * factor)) for n in part.shape[:2])
        to_part = to_part @ np.diag([part.shape[1] / width, part.shape[0] / height, 1.0])
        part = cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA)
    return cv2.warpAffine(
        part,
        to_opencv(matrix @ to_part),
        (size[1], size[0]),
        flags=cv2.INTER_LINEAR,
        borderMode=border,
        borderValue=fill,
    )


def warp_nearest(array: np.ndarray, matrix: np.ndarray, size: Size, outside: float = 0) -> np.ndarray:
    """Crop of a map (H, W) or (H, W, C) whose values must not be mixed: labels, depth, normals."""
    return cv2.warpAffine(
        array,
        to_opencv(matrix),
        (size[1], size[0]),
        flags=cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(outside,) * 4,
    )


def _region(image: np.ndarray, matrix: np.ndarray, size: Size) -> tuple[np.ndarray, np.ndarray]:
    """The part of the image that the crop can see, with a margin, and its offset (x, y)."""
    corners = apply_points(np.linalg.inv(matrix), np.array([[0.0, 0], [size[1], 0], [size[1], size[0]], [0, size[0]]]))
    margin = 2 + 2 / shrink_factor(matrix)
    high = np.array([image.shape[1], image.shape[0]])
    # At least one pixel stays, for a crop that lies beside the picture.
    x0, y0 = np.clip(np.floor(corners.min(0) - margin), 0, high - 1).astype(int)
    x1, y1 = np.clip(np.ceil(corners.max(0) + margin), (x0 + 1, y0 + 1), high).astype(int)
    return image[y0:y1, x0:x1], np.array([x0, y0], dtype=np.float64)


def axes_turn(matrix: np.ndarray) -> np.ndarray:
    """(3, 3) orthogonal: how camera axes turn with the picture (about z, and mirrored if the map mirrors).

    The nearest orthogonal matrix to the map's linear part, by its polar decomposition.
    """
    u, _, vt = np.linalg.svd(matrix[:2, :2])
    turn = np.eye(3)
    turn[:2, :2] = u @ vt
    return turn


def warp_camera(camera: Camera, matrix: np.ndarray, size: Size) -> Camera:
    """The camera that sees the crop, its x and y axes along the crop's. A mirrored crop shows a mirrored world."""
    turn = axes_turn(matrix)
    return Camera(matrix @ camera.K @ turn.T, turn @ camera.R, turn @ camera.t, size)


def warp_person(person: Person, matrix: np.ndarray) -> Person:
    """The person in the crop: joints moved exactly, sides exchanged if the map mirrors."""
    order = joint_set(person.joint_set).mirror if mirrors(matrix) else slice(None)
    return replace(
        person,
        joints2d=apply_points(matrix, person.joints2d)[order],
        joints3d=None
        if person.joints3d is None
        else (person.joints3d @ axes_turn(matrix).T)[order].astype(person.joints3d.dtype),
        visible=None if person.visible is None else person.visible[order],
        box=None if person.box is None else apply_box(matrix, person.box),
        head_box=None if person.head_box is None else apply_box(matrix, person.head_box),
    )


def warp_sample(
    sample: Sample,
    matrix: np.ndarray,
    size: Size,
    border: int = cv2.BORDER_CONSTANT,
    fill: tuple[int, int, int] = (0, 0, 0),
) -> Sample:
    """The crop of `size` of a sample, with everything that it knows. Depth stays metres along z.

    Flow is that between two frames which are cropped by the same `matrix`. In a mirrored crop the dense coordinates are
    those of the mirrored body.
    """
    parts = _warp_labels(sample.parts, matrix, size)
    if parts is not None and mirrors(matrix):
        parts = part_set(sample.part_set).mirror[parts]
    normals = None
    if sample.normals is not None:
        normals = warp_nearest(sample.normals, matrix, size) @ axes_turn(matrix).T.astype(np.float32)
    linear = (matrix[:2, :2] / matrix[2, 2]).astype(np.float32)
    side = np.array((-1 if mirrors(matrix) else 1, 1, 1), np.float32)

    def flow_of(flow: np.ndarray | None) -> np.ndarray | None:
        return None if flow is None else warp_nearest(flow, matrix, size, np.nan) @ linear.T

    return replace(
        sample,
        image=warp_image(sample.image, matrix, size, border, fill),
        depth=None if sample.depth is None else warp_nearest(sample.depth, matrix, size, np.nan),
        hidden_depth=None if sample.hidden_depth is None else warp_nearest(sample.hidden_depth, matrix, size, np.nan),
        flow=flow_of(sample.flow),
        flow_back=flow_of(sample.flow_back),
        garments=_warp_labels(sample.garments, matrix, size),
        dense=None if sample.dense is None else warp_nearest(sample.dense, matrix, size, np.nan) * side,
        normals=normals,
        camera=None if sample.camera is None else warp_camera(sample.camera, matrix, size),
        people=tuple(warp_person(person, matrix) for person in sample.people),
        mask=_warp_labels(sample.mask, matrix, size),
        parts=parts,
        instance=_warp_labels(sample.instance, matrix, size),
    )


def _warp_labels(labels: np.ndarray | None, matrix: np.ndarray, size: Size) -> np.ndarray | None:
    return None if labels is None else warp_nearest(labels.astype(np.uint8), matrix, size).astype(labels.dtype)


def joints_box(joints2d: np.ndarray) -> np.ndarray | None:
    """(4,) float32 around the known joints (J, 2), or None if fewer than two are known."""
    known = joints2d[np.isfinite(joints2d).all(-1)]
    if len(known) < 2:
        return None
    return np.concatenate([known.min(0), known.max(0)]).astype(np.float32)


def person_box(person: Person) -> np.ndarray | None:
    """The person's box, else the box of the known joints, else None."""
    return person.box if person.box is not None else joints_box(person.joints2d)
