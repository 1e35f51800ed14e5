"""Solid bodies as voxels, on demand from what a set stores of a person: shape, pose, translation and the camera.

Two grids. `body_solid` lies in the world's axes around the pelvis. `crop_solid` is BodyNet's (Varol 2019, section
4.3.1): x and y are the pixels of a crop, z is depth with the pelvis in the middle, so that the grid's front view,
`any(2)`, is the person's silhouette in the crop. The naked body is meant, as in BodyNet, without clothes and hair. A
cell is solid if its centre is; BodyNet's own, with all cells that touch the surface, are about half a cell fatter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from humansense.bodies.anny_body import Body, PosedBody, RestBody
from humansense.bodies.faces import with_expression
from humansense.bodies.faces_identity import with_identity
from humansense.core import Camera, HumansenseError, part_map
from humansense.geometry import axis_angle_to_matrix
from humansense.geometry.voxels import fitted_grid, label_cells, occupancy

RESOLUTION = 128
NEAREST_M = 0.05  # a vertex nearer to the camera's plane can not be projected


@dataclass(frozen=True)
class Solid:
    """occupied: (N, N, N) bool, indices x, y, z. origin (3,) and voxel (3,): cell (i, j, k) has its centre at
    `origin + (i + 0.5, j + 0.5, k + 0.5) * voxel`. axes: "world" (metres) or "crop" (pixels, pixels, metres of depth).
    surface: (S, 3) the skin's vertices in these axes.
    """

    occupied: np.ndarray
    origin: np.ndarray
    voxel: np.ndarray
    axes: str
    surface: np.ndarray

    def parts(self, body: Body, part_set_name: str = "parts6") -> np.ndarray:
        """(N, N, N) uint8 labels of a part set, 0 outside: each cell takes the part of the skin nearest to it.

        BodyNet's volume of body parts is `parts6`. About 0.1 s.
        """
        labels = 1 + body.part_weights[body.skin_vertices].argmax(1).astype(np.uint8)
        per_cell = np.ones(3) if self.axes == "world" else self.voxel / self.voxel[2]
        labelled = label_cells(
            self.occupied, self.origin / per_cell, self.voxel / per_cell, self.surface / per_cell, labels
        )
        return part_map("smpl24", part_set_name)[labelled]


def pose_stored(body: Body, arrays: Mapping[str, np.ndarray]) -> PosedBody:
    """The body of one frame's stored parameters, as `person_arrays` of a set reads them.

    arrays: shape (11,), pose_aa (104, 3) axis-angle, translation (3,), and where the set has them identity and
    expression.
    """
    missing = [name for name in ("shape", "pose_aa", "translation") if name not in arrays]
    if missing:
        raise HumansenseError(f"the person has no {', '.join(missing)} stored, so the body can not be posed")
    shape, pose_aa, translation = (
        torch.from_numpy(np.array(arrays[name], np.float32)) for name in ("shape", "pose_aa", "translation")
    )
    rest = body.rest(shape.reshape(1, -1))
    if "identity" in arrays:
        rest = with_identity(body, rest, arrays["identity"])
    if "expression" in arrays:
        rest = with_expression(body, rest, arrays["expression"])
    return body.pose(rest, axis_angle_to_matrix(pose_aa)[None], translation.reshape(1, 3))


def body_solid(body: Body, posed: PosedBody | RestBody, resolution: int = RESOLUTION) -> Solid:
    """The body (B = 1) in the world's axes, in the smallest cube around its pelvis that holds it.

    Of a stored person: `body_solid(body, pose_stored(body, reader.person_arrays(i)))`.
    """
    vertices = posed.vertices[0].detach().numpy()
    surface = vertices[body.skin_vertices]
    pelvis = body.regress(posed, "smpl24")[0, 0].detach().numpy()
    origin, size = fitted_grid(surface, resolution, pelvis)
    occupied = occupancy(vertices, body.faces, origin, size, (resolution,) * 3)
    return Solid(occupied, origin, np.full(3, size), "world", surface)


def crop_solid(
    body: Body, posed: PosedBody | RestBody, camera: Camera, box: np.ndarray, resolution: int = RESOLUTION
) -> Solid:
    """The body (B = 1) as a camera sees it in a square crop of its picture.

    box: (4,) x0, y0, x1, y1 pixels of the square, which may reach out of the picture. x and y of a cell are pixels, so
    cells follow the rays of the camera; a step in z is what a step in x measures at the depth of the pelvis,
    which is the middle. Nearer is smaller z. Raises `HumansenseError` for a box that is no square and for a body
    that reaches behind the camera.
    """
    x0, y0, x1, y1 = (float(v) for v in box)
    if not x1 > x0 or abs((x1 - x0) - (y1 - y0)) > 1e-3 * (x1 - x0):
        raise HumansenseError(f"the box {x0, y0, x1, y1} is no square: use the square crop that the net sees")
    in_camera = camera.to_camera(posed.vertices[0].detach().numpy().astype(np.float64))
    if in_camera[body.skin_vertices, 2].min() < NEAREST_M:
        raise HumansenseError("the body reaches to the camera or behind it, so it has no silhouette to align to")
    seen = np.concatenate([camera.to_pixels(in_camera), in_camera[:, 2:]], 1)
    pelvis_z = float(camera.to_camera(body.regress(posed, "smpl24")[0, 0].detach().numpy())[2])
    pixel = (x1 - x0) / resolution
    # Metres that one cell measures across at the pelvis (the mean of both axes' focal lengths).
    metres = pixel * pelvis_z / float(np.sqrt(camera.K[0, 0] * camera.K[1, 1]))
    origin = np.array([x0, y0, pelvis_z - metres * resolution / 2])
    voxel = np.array([pixel, pixel, metres])
    seen[~np.isfinite(seen).all(1)] = 0  # helper geometry behind the camera; no face of the skin uses it
    # The picture's axes are right-handed (x right, y down, z away), so faces keep their winding.
    occupied = occupancy(seen, body.faces, origin, voxel, (resolution,) * 3)
    return Solid(occupied, origin, voxel, "crop", seen[body.skin_vertices])
