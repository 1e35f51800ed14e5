"""Putting an outfit on a shaped body: one mesh of what can be seen, and its fast posing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch
from scipy import sparse
from scipy.spatial import cKDTree
from torch import Tensor

from humansense.bodies.anny_body import Body, RestBody, forward_kinematics
from humansense.bodies.assets_texture import load_texture
from humansense.bodies.dense import dense_coordinates
from humansense.bodies.garments import Garment, Outfit
from humansense.bodies.patch import neighbour_mean, used_vertices, vertex_normals
from humansense.core import JOINT_SETS, part_set

FRAMES_AT_ONCE = 16  # that many fit the processor's cache
SINK_M, SINK_WITHIN_M = 0.011, 0.015  # skin under cloth sinks that deep, that far inside the border
LAYERS_MEET_M = 0.045  # cloth this near to a place that is dressed already lies over it
LAYER_GAP_M = 0.006  # and that far off
CLEAR_REACH_M = 0.025  # a ready-made garment is pushed out of what it is that deep in
SKIN_GAP_M, READY_GAP_M = 0.002, 0.003  # and that far off the skin and off what is worn under it
SMOOTHING = 4  # rounds of averaging that keep opposite offsets (between the legs, under the arms) from crossing


@dataclass(frozen=True)
class DressedPose:
    """vertices: (T, N, 3), joints: {set: (T, J, 3)} of every set; metres, world axes."""

    vertices: Tensor
    joints: dict[str, Tensor]


@dataclass(frozen=True)
class Dressed:
    """A dressed body at rest: visible skin first, then the garments. N vertices, F faces.

    vertices: (N, 3) float32 metres. skinning: (N, 104) sparse. faces: (F, 3) int32. face_uv: (F, 3, 2) float32.
    face_material: (F,) int32 index into `material_names`, 0 = skin. part_weights: (N, 24) float32, smpl24.
    dense: (N, 3) float32, the place on the reference body that the vertex lies on or over, see `dense_coordinates`.
    material_kinds: "skin", "garment" or "hair" for each material. material_textures: the picture of each material,
    (h, w, 3) or with holes (h, w, 4) uint8, read-only; None for skin and for procedural fabrics.
    """

    vertices: np.ndarray
    skinning: sparse.csr_matrix
    faces: np.ndarray
    face_uv: np.ndarray
    face_material: np.ndarray
    part_weights: np.ndarray
    dense: np.ndarray
    material_names: tuple[str, ...]
    material_kinds: tuple[str, ...]
    material_textures: tuple[np.ndarray | None, ...]

    @cached_property
    def _lever(self) -> sparse.csr_matrix:
        return _levers(self.vertices, self.skinning)

    def pose_vertices(self, body: Body, rest: RestBody, pose: Tensor, translation: Tensor) -> Tensor:
        """(T, 104, 3, 3) rotations and (T, 3) metres to the vertices (T, N, 3) of the dressed body."""
        return self.pose(body, rest, pose, translation, ()).vertices

    def pose(
        self,
        body: Body,
        rest: RestBody,
        pose: Tensor,
        translation: Tensor,
        sets: tuple[str, ...] = tuple(JOINT_SETS),
    ) -> DressedPose:
        """As `Body.pose`, of what is seen, with the joints of `sets`. rest: the body that was dressed."""
        rotations, heads = forward_kinematics(pose, rest.joints.expand(len(pose), -1, -1), translation, body.parents)
        offsets = heads - (rotations @ rest.joints[..., None])[..., 0]
        # Rows x, y, z, 1 of every bone against columns (frame, axis): one product poses many frames.
        transforms = torch.cat([rotations, offsets[..., None]], -1).permute(1, 3, 0, 2).flatten(0, 1)
        vertices = np.empty((len(pose), len(self.vertices), 3), np.float32)
        for start in range(0, len(pose), FRAMES_AT_ONCE):
            chunk = transforms[:, start : start + FRAMES_AT_ONCE].numpy()
            flat = self._lever @ np.ascontiguousarray(chunk).reshape(len(chunk), -1)
            vertices[start : start + FRAMES_AT_ONCE] = flat.reshape(len(flat), -1, 3).transpose(1, 0, 2)
        return DressedPose(torch.from_numpy(vertices), _joints(body, rest, transforms, heads, sets))


def _joints(body: Body, rest: RestBody, transforms: Tensor, heads: Tensor, sets: tuple[str, ...]) -> dict[str, Tensor]:
    """Joints are linear in the bare vertices and those in the transforms: fold the two matrices first."""
    used = body.regressed_vertices.numpy()
    lever = _levers(rest.vertices[0, used].numpy(), _skinning(body)[used])
    bones = len(body.joint_names)
    out = {}
    for name in sets:
        if name == "anny":
            out[name] = heads
            continue
        weights = body.regressor(name)
        folded = torch.from_numpy(np.asarray((sparse.csr_matrix(weights[:, bones:].numpy()) @ lever).todense()))
        flat = (folded @ transforms.flatten(1)).view(len(weights), -1, 3).transpose(0, 1)
        out[name] = flat + weights[:, :bones] @ heads
    return out


def _part_weights(body: Body, garment: Garment) -> np.ndarray:
    """(N, 24): a garment is labelled as the body under it, hair as head wherever it hangs."""
    if garment.kind != "hair":
        return _blended(garment.patch.carry(body.part_weights))
    out = np.zeros((len(garment.patch), body.part_weights.shape[1]), np.float32)
    out[:, part_set("smpl24").index("head") - 1] = 1
    return out


def _blended(weights: np.ndarray) -> np.ndarray:
    """Rows that are shares again: places outside of their three references may have carried negative ones."""
    if weights.min() >= 0:
        return weights
    weights = np.clip(weights, 0, None)
    return weights / weights.sum(1, keepdims=True)


def _carried_skinning(garment: Garment, skinning: sparse.csr_matrix) -> sparse.csr_matrix:
    carried = (garment.patch.sources if garment.moved_by is None else garment.moved_by) @ skinning
    if not carried.nnz or carried.data.min() >= 0:
        return carried
    carried.data = np.clip(carried.data, 0, None)
    return sparse.diags(1 / np.asarray(carried.sum(1)).ravel()).astype(np.float32) @ carried


@lru_cache(maxsize=1)
def _skinning(body: Body) -> sparse.csr_matrix:
    return sparse.csr_matrix(body.skinning.numpy())


def _levers(vertices: np.ndarray, skinning: sparse.csr_matrix) -> sparse.csr_matrix:
    """(N, 4 J) sparse: each vertex in homogeneous coordinates times its weight, a block of four for each bone."""
    weights = skinning.tocoo()
    ones = np.concatenate([vertices, np.ones((len(vertices), 1))], 1)
    values = weights.data[:, None] * ones[weights.row]
    columns = weights.col[:, None].astype(np.int64) * 4 + np.arange(4)
    rows = np.repeat(weights.row, 4)
    shape = (len(vertices), 4 * skinning.shape[1])
    return sparse.csr_matrix((values.ravel().astype(np.float32), (rows, columns.ravel())), shape=shape)


def displaced(
    garment: Garment, body_vertices: np.ndarray, under: tuple[Under, ...] = (), skin: Obstacle | None = None
) -> np.ndarray:
    """(N, 3) rest positions of a garment on a body whose rest vertices are (V, 3), outside those `under` it.

    skin: what a ready-made garment is kept out of besides; built-in ones are made to lie off the skin.
    """
    points = garment.patch.carry(body_vertices)
    if garment.scaling is not None:
        obstacles = [inner.obstacle for inner in under] + ([skin] if skin else [])
        return _cleared(points + garment.shift_on(body_vertices), garment.patch.faces, obstacles)
    normals = vertex_normals(points, garment.patch.faces)
    mean = neighbour_mean(garment.patch.faces, len(points))
    least, clear = garment.offset_m, np.full(len(points), -np.inf)
    for inner in under:
        distance, nearest = inner.tree.query(points, distance_upper_bound=LAYERS_MEET_M)
        over = np.isfinite(distance)
        reach = ((inner.worn[nearest[over]] - points[over]) * normals[over]).sum(1) + LAYER_GAP_M
        clear[over] = np.maximum(clear[over], reach)
    least = np.maximum(least, clear)
    out = least
    for _ in range(garment.drape):
        # Loose cloth spans hollows: a point may move out to where its neighbours pull it, never in.
        pulled = mean @ (points + normals * out[:, None]) - points
        out = np.maximum(least, (pulled * normals).sum(1))
    push = normals * out[:, None]
    for _ in range(SMOOTHING):
        push = mean @ push
    push += normals * np.clip(clear - (push * normals).sum(1), 0, None)[:, None]
    return points + push + garment.shift_m


@dataclass(frozen=True)
class Obstacle:
    """A surface to stay out of: points (N, 3), unit normals (N, 3) outwards, a search tree, the distance to keep."""

    points: np.ndarray
    normals: np.ndarray
    tree: cKDTree
    gap_m: float


@dataclass(frozen=True)
class Under:
    """A garment that is on already: a search tree over its places on the body, where it is worn (N, 3), its faces."""

    tree: cKDTree
    worn: np.ndarray
    faces: np.ndarray

    @cached_property
    def obstacle(self) -> Obstacle:
        return Obstacle(self.worn, vertex_normals(self.worn, self.faces), cKDTree(self.worn), READY_GAP_M)


def _cleared(points: np.ndarray, faces: np.ndarray, obstacles: list[Obstacle]) -> np.ndarray:
    """The points (N, 3) of a surface, moved out of the obstacles with their neighbours where they are inside."""
    mean = neighbour_mean(faces, len(points))
    for _ in range(2):
        push = np.zeros_like(points)
        for obstacle in obstacles:
            distance, nearest = obstacle.tree.query(points, distance_upper_bound=CLEAR_REACH_M)
            near = np.flatnonzero(np.isfinite(distance))
            normals = obstacle.normals[nearest[near]]
            depth = obstacle.gap_m - ((points[near] - obstacle.points[nearest[near]]) * normals).sum(1)
            longer = depth > np.linalg.norm(push[near], axis=1)
            push[near[longer]] = normals[longer] * depth[longer, None]
        soft = mean @ (mean @ push)
        pulled = np.linalg.norm(soft, axis=1) > np.linalg.norm(push, axis=1)
        points = points + np.where(pulled[:, None], soft, push)
    return points


def _skin(body: Body, bare: np.ndarray, worn: tuple[Garment, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Which skin triangles (F,) can be seen, and the rest vertices (V, 3) with those under a hem sunk."""
    visible = np.ones(len(body.faces), dtype=bool)
    depth = np.zeros(len(bare))
    for garment in worn:
        visible &= ~(garment.covers_m > garment.margin_m)[body.faces].all(1)
        depth = np.maximum(depth, SINK_M * np.clip(garment.covers_m / SINK_WITHIN_M, 0, 1))
    return visible, bare - vertex_normals(bare, body.faces) * depth[:, None]


def dress(body: Body, outfit: Outfit, rest: RestBody) -> Dressed:
    """The outfit on one shaped body (B = 1)."""
    bare = rest.vertices[0].numpy()
    skinning = _skinning(body)
    worn = outfit.worn
    visible, sunk = _skin(body, bare, worn)
    used, skin_faces = used_vertices(body.faces[visible], body.n_vertices)
    dense = dense_coordinates(body)
    vertices, weights, parts, places = [sunk[used]], [skinning[used]], [body.part_weights[used]], [dense[used]]
    faces, uv, material = [skin_faces], [body.face_uv[visible]], [np.zeros(visible.sum(), np.int32)]
    first = len(used)
    materials = list(dict.fromkeys(garment.material or garment.name for garment in worn))
    kinds = {garment.material or garment.name: garment.kind for garment in worn}
    pictures = {garment.material or garment.name: garment.texture for garment in worn}
    normals = vertex_normals(bare, body.faces)
    skin = Obstacle(sunk[used], normals[used], cKDTree(sunk[used]), SKIN_GAP_M) if _any_ready_made(worn) else None
    under: list[Under] = []
    for garment in worn:
        k = 1 + materials.index(garment.material or garment.name)
        over = tuple(under) if garment.kind == "garment" or garment.scaling else ()
        vertices.append(displaced(garment, bare, over, skin))
        under.append(Under(cKDTree(garment.patch.carry(bare)), vertices[-1], garment.patch.faces))
        weights.append(_carried_skinning(garment, skinning))
        parts.append(_part_weights(body, garment))
        places.append(garment.patch.carry(dense))
        faces.append(garment.patch.faces + first)
        uv.append(garment.patch.uv)
        material.append(np.full(len(garment.patch.faces), k, np.int32))
        first += len(garment.patch)
    return Dressed(
        vertices=np.concatenate(vertices).astype(np.float32),
        skinning=sparse.vstack(weights, format="csr"),
        faces=np.concatenate(faces).astype(np.int32),
        face_uv=np.concatenate(uv).astype(np.float32),
        face_material=np.concatenate(material),
        part_weights=np.concatenate(parts).astype(np.float32),
        dense=np.concatenate(places).astype(np.float32),
        material_names=("skin", *materials),
        material_kinds=("skin", *(kinds[m] for m in materials)),
        material_textures=(None, *(load_texture(t) if t else None for t in (pictures[m] for m in materials))),
    )


def _any_ready_made(worn: tuple[Garment, ...]) -> bool:
    return any(garment.scaling is not None for garment in worn)
