"""Ready-made garments: an asset in MakeHuman's format as a `Garment` that follows every body."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import sparse

from humansense.bodies.anatomy import anatomy
from humansense.bodies.anny_body import Body
from humansense.bodies.assets_texture import Texture
from humansense.bodies.garments import Garment, Scaling
from humansense.bodies.hanging import SEEN_BELOW_HEM_M, hangs, moving_with_legs, toes_together
from humansense.bodies.makehuman import (
    DECIMETRE_M,
    TO_BODY,
    TO_BODY_SIGN,
    Mhclo,
    Mhmat,
    beside,
    read_mhclo,
    read_mhmat,
    read_obj,
)
from humansense.bodies.makehuman_cover import INWARD_M, OUTWARD_M, depth_inside, ray_hits
from humansense.bodies.patch import Patch, vertex_normals
from humansense.core import HumansenseError

HIDE_M = 0.03  # skin covered that far inside the border can not be seen, as with built-in garments


def read_material(asset: Mhclo) -> Mhmat:
    """The material of an asset: the one that it names, else the only one beside it."""
    if asset.material:
        return read_mhmat(beside(asset.path, asset.material, "material"))
    found = sorted(asset.path.parent.glob("*.mhmat"))
    if len(found) != 1:
        raise HumansenseError(
            f"{asset.path}: names no material and has {len(found)} .mhmat files beside it, expected one: "
            "add a line `material NAME.mhmat`"
        )
    return read_mhmat(found[0])


def patch_from(body: Body, asset: Mhclo) -> Patch:
    """The mesh of an asset as a patch of the body."""
    path = beside(asset.path, asset.obj, "mesh")
    mesh = read_obj(path)
    if mesh.n_vertices != len(asset):
        raise HumansenseError(
            f"{asset.path}: places {len(asset)} vertices, but the mesh {path.name} has {mesh.n_vertices}: "
            "one of the two is cut off or they belong to different assets; fetch or export both again"
        )
    if mesh.faces.max() >= body.n_vertices and mesh.faces.max() >= mesh.n_vertices:
        raise HumansenseError(f"{path}: faces refer to vertices that it does not have: fetch or export it again")
    rows = np.arange(len(asset)).repeat(3)
    sources = sparse.csr_matrix(
        (asset.weights.ravel().astype(np.float32), (rows, asset.references.ravel())), (len(asset), body.n_vertices)
    )
    sources.sum_duplicates()
    return Patch(sources, mesh.faces, mesh.uv)


def scaling_of(asset: Mhclo) -> Scaling:
    """The file's scales in the body's axes, metres."""
    return Scaling(asset.scale_pairs[TO_BODY], asset.scale_dm[TO_BODY] * DECIMETRE_M)


def shift_of(asset: Mhclo) -> np.ndarray:
    """(N, 3) metres in the body's axes: the file's offsets, before scaling."""
    return asset.offsets_dm[:, TO_BODY] * TO_BODY_SIGN * DECIMETRE_M


@lru_cache(maxsize=64)
def ready_made(body: Body, path: str, kind: str = "garment") -> Garment:
    """An asset (`.mhclo`) as a garment. kind: "garment" or "hair".

    It stands off the body as the file says, scaled with the body; skin that the file deletes, and what lies deep under
    the cloth, is left out. Raises `HumansenseError` for anything that can not be read or does not fit.
    """
    asset = read_mhclo(path)
    patch = patch_from(body, asset)
    material = read_material(asset)
    texture = Texture(str(material.diffuse), str(material.ao or ""), material.transparent)
    scaling, shift = scaling_of(asset), shift_of(asset)
    # A hole in the picture would show the lack of skin beneath.
    hides = kind == "garment" and not material.transparent
    points = anatomy(body).points
    worn = patch.carry(points) + shift * scaling.of(points)
    covers = _covers(body, worn, patch.faces, asset.deleted, hides)
    name, moved_by = asset.path.stem, None
    if kind == "garment" and hangs(body, worn):
        moved_by = moving_with_legs(body, worn, patch.faces, patch.sources)
    elif kind == "garment" and worn[:, 2].max() < anatomy(body).height_z(-1):
        moved_by = patch.sources @ toes_together(body)
    return Garment(
        name, patch, np.zeros(len(patch)), shift, covers, 0, HIDE_M, kind, f"asset {name}", scaling, texture, moved_by
    )  # fmt: skip


def _covers(body: Body, worn: np.ndarray, faces: np.ndarray, deleted: np.ndarray, hides: bool) -> np.ndarray:
    """`Garment.covers_m`: what the file deletes is deep inside; elsewhere short rays tell where skin meets cloth."""
    a = anatomy(body)
    if not hides:
        return np.where(deleted, 1.0, -1.0)
    normals = vertex_normals(a.points, body.faces)
    skin = np.unique(body.faces)
    starts = a.points[skin] - INWARD_M * normals[skin]
    distance, _ = ray_hits(starts, normals[skin], INWARD_M + OUTWARD_M, worn, faces)
    covered = deleted.copy()
    covered[skin] |= np.isfinite(distance)
    if hangs(body, worn):
        above = a.points[:, 2] - worn[:, 2].min() - SEEN_BELOW_HEM_M
        covered |= ~a.arm & (above > 0) & (a.points[:, 2] < a.height_z(0.1))
    inside = depth_inside(a.points, body.faces, covered)
    return np.where(deleted, np.maximum(inside, HIDE_M + 1e-3), inside)
