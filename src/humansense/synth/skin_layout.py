"""Where things are on the body's skin picture: a map from each texel to the body in its rest pose.

The hm08 base mesh of MakeHuman has one UV layout for every body, so this is worked out once, from the rest pose of
a middling body, and shared by all skin pictures. Nothing is drawn by hand: eyes, lips, palms and soles are found by
their place in 3D and by the seams of the layout.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from humansense.synth.noise import Field

if TYPE_CHECKING:
    from humansense.bodies import Body

BODY_VERTICES = 13380  # hm08: the skin proper comes first, then tongue, joint cubes, eyes, teeth, clothes helpers


@dataclass(frozen=True)
class HeadFrame:
    """Places on the head over the window `rows`, `columns` of the picture, fields (h, w) float32.

    Lengths are in distances between the eyes (~63 mm), the origin lies between the eyes. `x`: towards the person's
    left. `y`: back. `z`: up. `skin`: 1 on the outer head, 0 elsewhere.
    """

    rows: slice
    columns: slice
    x: Field
    y: Field
    z: Field
    skin: Field

    def cut(self, rows: slice, columns: slice) -> HeadFrame:
        """A part of the window; `rows` and `columns` count from the window's corner."""
        top, left = self.rows.start, self.columns.start
        fields = (np.ascontiguousarray(f[rows, columns]) for f in (self.x, self.y, self.z, self.skin))
        return HeadFrame(
            slice(top + rows.start, top + rows.stop), slice(left + columns.start, left + columns.stop), *fields
        )


@dataclass(frozen=True)
class FaceMaps:
    """The front of the head, in the units of `HeadFrame`.

    `lips`: distance to the line between the lips. `lids`: distance to the rim of the nearer eye. `mouth_z`, `mouth_x`:
    height of the mouth, and half its width. `nose_y`, `nose_z`: the tip of the nose. The eyes are at x = +-0.5, z = 0.
    """

    frame: HeadFrame
    lips: Field
    lids: Field
    mouth_z: float
    mouth_x: float
    nose_y: float
    nose_z: float


@dataclass(frozen=True)
class EyeMaps:
    """The eyeballs: a window, and per texel the angle from the direction of gaze in degrees (h, w), 180 elsewhere."""

    rows: slice
    columns: slice
    angle_deg: Field


@dataclass(frozen=True)
class SkinLayout:
    """Maps of a (size, size) skin picture; row 0 is v = 1.

    points: (size, size, 3) metres in the rest pose, the nearest part of the skin between the islands. covered:
    (size, size) bool, texels that lie on skin. left: (size, size) bool, texels of the person's left. red: (size, size)
    0..1, where blood shows (palms, soles, knees, elbows, knuckles, ears). pale: 0..1 palms and soles, which are
    light in dark skin, over `pale_rows` of the picture. areola: 0..1 over `areola_window`. inside: bool over
    `inside_rows`, the cavities of mouth and eyes. coarse_points: every 8th point. hair:
    height above a usual hairline, over the window of `head`, in its units; negative on the face and the neck.
    """

    size: int
    points: np.ndarray
    covered: np.ndarray
    left: np.ndarray
    red: Field
    pale: Field
    pale_rows: slice
    areola: Field
    areola_window: tuple[slice, slice]
    inside: np.ndarray
    inside_rows: slice
    coarse_points: np.ndarray
    head: HeadFrame
    hair: Field
    face: FaceMaps
    eyes: EyeMaps


@lru_cache(maxsize=4)
def skin_layout(size: int = 512) -> SkinLayout:
    """The layout of the Anny body, worked out once (~1 s) and kept."""
    from humansense.bodies import load_body

    return build_layout(load_body(), size)


def build_layout(body: Body, size: int = 512) -> SkinLayout:
    """Work out the layout of a body for skin pictures of (size, size)."""
    import torch

    shape = torch.full((1, len(body.shape_names)), 0.5)
    rest = body.rest(shape)
    joints = body.regress(rest, "coco17")[0].numpy()
    return layout_of(rest.vertices[0].numpy(), body.faces, body.face_uv, joints, size)


def layout_of(
    vertices: np.ndarray, faces: np.ndarray, face_uv: np.ndarray, coco17: np.ndarray, size: int
) -> SkinLayout:
    """The layout from vertices (V, 3) metres, faces (F, 3), face_uv (F, 3, 2) and the 17 COCO joints (17, 3)."""
    vertices = vertices.astype(np.float32)
    index = _face_index(face_uv, size)
    covered = index >= 0
    index = _spread(index)
    corner = _barycentric(face_uv[index], size)
    points = np.einsum("hwc,hwcd->hwd", corner, vertices[faces[index]])
    normals = _vertex_normals(vertices, faces)
    normal = np.einsum("hwc,hwcd->hwd", corner, normals[faces[index]])
    island = _islands(face_uv)
    names = _name_islands(island, faces, vertices)
    kind = names[index]
    eyes = _eye_maps(faces, vertices, index, points, covered)
    head = _head_frame(faces, vertices, points, kind == HEAD)
    face = _face_maps(faces, vertices, names, head)
    red, pale = _redness(points, normal, kind, coco17)
    pale_rows = _window(pale > 0.003, 0)[0]
    areola = _areola(size)
    areola_window = _window(areola > 0.003, 0)
    inside_rows = _window(kind == INSIDE, 0)[0]
    return SkinLayout(
        size=size,
        points=points,
        covered=covered,
        left=points[..., 0] > 0,
        red=red,
        pale=np.ascontiguousarray(pale[pale_rows]),
        pale_rows=pale_rows,
        areola=np.ascontiguousarray(areola[areola_window]),
        areola_window=areola_window,
        inside=(kind == INSIDE)[inside_rows],
        inside_rows=inside_rows,
        coarse_points=np.ascontiguousarray(points[::8, ::8]),
        head=head,
        hair=_above_hairline(head),
        face=face,
        eyes=eyes,
    )


def _face_index(face_uv: np.ndarray, size: int) -> np.ndarray:
    """(size, size) int32: the triangle that covers each texel, -1 where none does."""
    pixels = np.empty_like(face_uv)
    pixels[..., 0] = face_uv[..., 0] * size
    pixels[..., 1] = (1 - face_uv[..., 1]) * size
    index = np.full((size, size), -1, np.int32)
    fixed = np.round((pixels - 0.5) * 256).astype(np.int32)
    for number, triangle in enumerate(fixed):
        cv2.fillConvexPoly(index, triangle, number, cv2.LINE_8, 8)  # type: ignore[call-overload]
    return index


def _spread(index: np.ndarray) -> np.ndarray:
    """Fill the gaps between the islands with the nearest triangle, so that no seam shows."""
    empty = (index < 0).astype(np.uint8)
    _, labels = cv2.distanceTransformWithLabels(empty, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)
    table = np.zeros(int(labels.max()) + 1, np.int32)
    full = index >= 0
    table[labels[full]] = index[full]
    return table[labels]


def _barycentric(uv: np.ndarray, size: int) -> np.ndarray:
    """Barycentric coordinates (size, size, 3) of the texel centres in their triangles (size, size, 3, 2), clipped."""
    column, row = np.meshgrid((np.arange(size) + 0.5) / size, 1 - (np.arange(size) + 0.5) / size)
    a, b, c = uv[..., 0, :], uv[..., 1, :], uv[..., 2, :]
    p = np.stack([column, row], axis=-1) - a
    ab, ac = b - a, c - a
    area = ab[..., 0] * ac[..., 1] - ab[..., 1] * ac[..., 0]
    area = np.where(np.abs(area) < 1e-12, 1e-12, area)
    second = (p[..., 0] * ac[..., 1] - p[..., 1] * ac[..., 0]) / area
    third = (ab[..., 0] * p[..., 1] - ab[..., 1] * p[..., 0]) / area
    weights = np.clip(np.stack([1 - second - third, second, third], axis=-1), 0, 1)
    return (weights / np.maximum(weights.sum(-1, keepdims=True), 1e-6)).astype(np.float32)


def _vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    normal = np.cross(b - a, c - a)
    total = np.zeros_like(vertices)
    for i in range(3):
        np.add.at(total, faces[:, i], normal)
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)


def _islands(face_uv: np.ndarray) -> np.ndarray:
    """Number of the connected piece of the layout that each triangle lies in, (F,)."""
    corners = np.round(face_uv.reshape(-1, 2) * 65536).astype(np.int64)
    _, node = np.unique(corners[:, 0] * 131072 + corners[:, 1], return_inverse=True)
    node = node.reshape(-1, 3)
    label = np.arange(node.max() + 1)
    while True:
        smallest = label[node].min(axis=1)
        before = label.copy()
        for i in range(3):
            np.minimum.at(label, node[:, i], smallest)
        label = label[label]
        if (label == before).all():
            return np.unique(label[node[:, 0]], return_inverse=True)[1]


TRUNK, HEAD, HAND, FOOT, INSIDE, EYE = range(6)


def _name_islands(island: np.ndarray, faces: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """What each triangle belongs to, (F,) of TRUNK, HEAD, HAND, FOOT, INSIDE, EYE, by place and size in 3D."""
    kind = np.full(len(faces), INSIDE)
    top = vertices[:BODY_VERTICES, 2].max()
    low = vertices[:BODY_VERTICES, 2].min()
    tall = top - low
    for number in range(island.max() + 1):
        chosen = island == number
        used = vertices[np.unique(faces[chosen])]
        extent = float((used.max(0) - used.min(0)).max()) / tall
        middle = (used.mean(0)[2] - low) / tall
        if faces[chosen].min() >= BODY_VERTICES:
            kind[chosen] = EYE
        elif extent > 0.5:
            kind[chosen] = TRUNK
        elif middle > 0.8:
            kind[chosen] = HEAD if extent > 0.09 and chosen.sum() > 2500 else INSIDE
        elif extent > 0.07:
            kind[chosen] = FOOT if middle < 0.1 else HAND
    return kind


def _eye_maps(
    faces: np.ndarray, vertices: np.ndarray, index: np.ndarray, points: np.ndarray, covered: np.ndarray
) -> EyeMaps:
    mask = (faces[:, 0] >= BODY_VERTICES)[index] & covered
    rows, columns = _window(mask, 3)
    own = (faces[:, 0] >= BODY_VERTICES)[index][rows, columns]
    angle = np.full(own.shape, 180, np.float32)
    p = points[rows, columns]
    for middle in _eye_centres(faces, vertices):
        near = own & ((p[..., 0] > 0) == (middle[0] > 0))
        way = p[near] - middle
        angle[near] = np.degrees(np.arccos(-way[:, 1] / np.linalg.norm(way, axis=1)))
    return EyeMaps(rows, columns, angle)


def _eye_centres(faces: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """Centres (2, 3) of the left and the right eyeball."""
    used = np.unique(faces[faces[:, 0] >= BODY_VERTICES])
    balls = [used[vertices[used, 0] > 0], used[vertices[used, 0] < 0]]
    return np.stack([(vertices[ball].max(0) + vertices[ball].min(0)) / 2 for ball in balls])


def _window(mask: np.ndarray, margin: int) -> tuple[slice, slice]:
    ys, xs = np.nonzero(mask)
    height, width = mask.shape
    rows = slice(max(0, int(ys.min()) - margin), min(height, int(ys.max()) + 1 + margin))
    return rows, slice(max(0, int(xs.min()) - margin), min(width, int(xs.max()) + 1 + margin))


def _distance(points: np.ndarray, to: np.ndarray) -> Field:
    """Distance of each point (h, w, 3) to the nearest of a few points (N, 3)."""
    nearest = np.full(points.shape[:2], np.inf, np.float32)
    for p in to:
        np.minimum(nearest, ((points - p) ** 2).sum(-1), out=nearest)
    return np.sqrt(nearest)


def _densify(loop: np.ndarray, step: float) -> np.ndarray:
    """Points of a loop (N, 3) with the middles of near neighbours added, so that distances to it are smooth."""
    gap = np.linalg.norm(loop[:, None] - loop[None], axis=-1)
    first, second = np.nonzero((gap < step) & (gap > 0))
    return np.concatenate([loop, (loop[first] + loop[second]) / 2])


def _head_frame(faces: np.ndarray, vertices: np.ndarray, points: np.ndarray, mask: np.ndarray) -> HeadFrame:
    rows, columns = _window(mask, 0)
    centres = _eye_centres(faces, vertices)
    frame = (points[rows, columns] - centres.mean(0)) / np.float32(np.linalg.norm(centres[0] - centres[1]))
    x, y, z = (np.ascontiguousarray(frame[..., i]) for i in range(3))
    return HeadFrame(rows, columns, x, y, z, mask[rows, columns].astype(np.float32))


def _above_hairline(head: HeadFrame) -> Field:
    """Height over a usual hairline: brow to temple, before the ear, round it, to the nape."""
    line = np.interp(
        head.y, [-0.6, 0.0, 0.4, 0.8, 1.0, 1.25, 1.6, 2.6], [1.15, 1.05, 0.75, 0.2, -0.35, 0.3, -0.6, -1.0]
    )
    return np.where(head.skin > 0, head.z - line, -9).astype(np.float32)


def _face_maps(faces: np.ndarray, vertices: np.ndarray, names: np.ndarray, head: HeadFrame) -> FaceMaps:
    centres = _eye_centres(faces, vertices)
    scale = float(np.linalg.norm(centres[0] - centres[1]))
    skull = np.unique(faces[names == HEAD])
    hidden = np.unique(faces[names == INSIDE])
    # The seam between the face and the cavities behind it: the rims of the lids and the line of the lips.
    rim = (vertices[np.intersect1d(skull, hidden)] - centres.mean(0)) / scale
    lids = rim[rim[:, 2] > -0.4]
    lips = rim[(rim[:, 2] < -0.4) & (np.abs(rim[:, 0]) < 0.8)]
    local = (vertices[skull] - centres.mean(0)) / scale
    middle = local[(np.abs(local[:, 0]) < 0.1) & (local[:, 2] < -0.2) & (local[:, 2] > lips[:, 2].mean())]
    nose = middle[middle[:, 1].argmin()]
    front = (head.skin > 0) & (head.y < 1.1) & (np.abs(head.x) < 1.3) & (head.z > -2.6) & (head.z < 1.0)
    face = head.cut(*_window(front, 1))
    points = np.stack([face.x, face.y, face.z], axis=-1)
    return FaceMaps(
        frame=face,
        lips=_distance(points, _densify(lips, 0.15)),
        lids=_distance(points, _densify(lids, 0.1)),
        mouth_z=float(lips[:, 2].mean()),
        mouth_x=float(np.abs(lips[:, 0]).max()),
        nose_y=float(nose[1]),
        nose_z=float(nose[2]),
    )


def _redness(points: np.ndarray, normal: np.ndarray, kind: np.ndarray, coco17: np.ndarray) -> tuple[Field, Field]:
    """Where blood shows, and the palms and soles, both (size, size) 0..1 and soft."""
    red = np.zeros(points.shape[:2], np.float32)
    pale = np.zeros_like(red)
    hand, foot = kind == HAND, kind == FOOT
    # In the rest pose the palms face the thighs and the ground.
    inward = -np.sign(points[..., 0]) * normal[..., 0] * 0.8 - normal[..., 2] * 0.6
    pale[hand] = np.clip(inward * 2, 0, 1)[hand]
    pale[foot] = np.clip(-normal[..., 2] * 2 - 0.4, 0, 1)[foot]
    red[hand | foot] = 0.5
    for joint, reach in ((7, 0.05), (8, 0.05), (13, 0.07), (14, 0.07)):  # elbows, knees
        distance = np.linalg.norm(points - coco17[joint], axis=-1)
        outer = np.clip(normal[..., 1] * (1 if joint < 13 else -1) + 0.3, 0, 1)
        red += np.exp(-((distance / reach) ** 2) * 0.7) * outer * 0.9
    soft = max(1.0, points.shape[0] / 256)
    return cv2.GaussianBlur(np.clip(red, 0, 1), (0, 0), soft), cv2.GaussianBlur(pale, (0, 0), soft)


# Centres on the trunk's island of the hm08 layout, as (u, v).
NIPPLES_UV = ((0.324, 0.697), (0.435, 0.697))


def _areola(size: int) -> Field:
    v, u = np.mgrid[0:size, 0:size].astype(np.float32)
    u, v = (u + 0.5) / size, 1 - (v + 0.5) / size
    total = np.zeros((size, size), np.float32)
    for cu, cv in NIPPLES_UV:
        total += np.exp(-((((u - cu) ** 2 + (v - cv) ** 2) / 0.009**2) ** 2))
    return total
