"""What a shape measures, and how far it is from the average one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from humansense.bodies.anatomy import reference_shape
from humansense.bodies.anny_body import Body
from humansense.core import HumansenseError

DENSITY_KG_M3 = 1000.0  # with the air in the lungs: people barely float
BODIES_AT_ONCE = 32


@dataclass(frozen=True)
class Measures:
    """stature_m, weight_kg, bmi (kg/m2): (n,) float64 each."""

    stature_m: np.ndarray
    weight_kg: np.ndarray

    @property
    def bmi(self) -> np.ndarray:
        return self.weight_kg / self.stature_m**2


def signed_volume(vertices: Tensor, faces: Tensor) -> Tensor:
    """(B,) m3 enclosed by a closed mesh, vertices (B, V, 3), faces (F, 3) outwards: the sum of signed tetrahedra."""
    a, b, c = (vertices[:, faces[:, k]] for k in range(3))
    return (torch.linalg.cross(a, b, dim=-1) * c).sum((1, 2)) / 6


def measure(body: Body, shapes: np.ndarray) -> Measures:
    """Stature, from sole to crown at rest, and weight (volume of the skin times `DENSITY_KG_M3`) of shapes (n, 11)."""
    faces, skin = torch.from_numpy(body.faces), torch.from_numpy(body.skin_vertices)
    statures, volumes = [], []
    for chunk in torch.as_tensor(shapes, dtype=torch.float32).split(BODIES_AT_ONCE):
        vertices = body.rest(chunk).vertices
        z = vertices[:, skin, 2]
        statures.append(z.amax(1) - z.amin(1))
        volumes.append(signed_volume(vertices, faces))
    return Measures(
        torch.cat(statures).numpy().astype(np.float64), torch.cat(volumes).numpy().astype(np.float64) * DENSITY_KG_M3
    )


def surface_distances(body: Body, shapes: np.ndarray, poses: Tensor | None = None) -> np.ndarray:
    """(n,) metres: mean distance of the skin's vertices from those of the average shape in the same pose.

    poses: (n, 104, 3, 3), or None for the rest pose; the root joints coincide. This is the distance by which BodyNet
    ranks shapes for its subsets s10 and s20 (Varol 2019, section 4.4.1).
    """
    skin = torch.from_numpy(body.skin_vertices)
    average = body.rest(reference_shape(body))
    out = []
    shapes_t = torch.as_tensor(shapes, dtype=torch.float32)
    for rows in torch.arange(len(shapes_t)).split(BODIES_AT_ONCE):
        pose = body.identity_pose(len(rows)) if poses is None else poses[rows]
        root = torch.zeros(len(rows), 3)
        mine = body.pose(body.rest(shapes_t[rows]), pose, root).vertices[:, skin]
        out.append((mine - body.pose(average, pose, root).vertices[:, skin]).norm(dim=2).mean(1))
    return torch.cat(out).numpy()


def extreme_subset(distances: np.ndarray, percent: float) -> np.ndarray:
    """(n,) bool: the `percent` % with the largest distance from the average, BodyNet's s10 (10) and s20 (20).

    Ties at the border are kept. Raises `HumansenseError` for a percentage outside 0..100.
    """
    if not 0 < percent <= 100:
        raise HumansenseError(f"percent is {percent}, expected more than 0 and at most 100 (s10: 10, s20: 20)")
    distances = np.asarray(distances)
    return distances >= np.percentile(distances, 100 - percent)
