"""Hair from the scalp's own skin and from the body's hair helper."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from humansense.bodies.anatomy import anatomy, cylinder_uv
from humansense.bodies.anny_body import Body
from humansense.bodies.garments import HAIR_REPEAT_M, Garment
from humansense.bodies.patch import Patch, patch_of

# Height of the hairline above the eyes (m) by the distance behind the forehead (m), at the side of the head.
HAIRLINE = ((-0.2, 0.062), (0.015, 0.062), (0.06, 0.05), (0.09, 0.005), (0.12, -0.02), (0.16, -0.07), (0.2, -0.09))


def _hairline(body: Body) -> np.ndarray:
    """(V,) metres above the hairline, negative on the face, the ears and the neck."""
    a = anatomy(body)
    eyes = (a.joints["eye.L"] + a.joints["eye.R"]) / 2
    behind, up = a.points[:, 1] - eyes[1], a.points[:, 2] - eyes[2]
    return up - np.interp(behind, *np.array(HAIRLINE).T)


@lru_cache(maxsize=1)
def scalp(body: Body) -> Patch:
    """The hairy skin of the head, uv in repeats of the texture with strands along v."""
    a = anatomy(body)
    patch = patch_of(body.faces, body.face_uv, body.n_vertices)
    patch = patch.cut(patch.carry(_hairline(body)))
    top = a.joints["head"] + np.array([0.0, 0.05, 0.0])
    uv = cylinder_uv(patch.carry(a.points), patch.faces, (top, np.array([0.0, 0.0, 1.0])), 0.08)
    return Patch(patch.sources, patch.faces, uv / HAIR_REPEAT_M)


def short_hair(rng: np.random.Generator, body: Body) -> Garment:
    """A cap of hair, 4 to 20 mm thick."""
    patch = scalp(body)
    edge = np.clip(patch.carry(_hairline(body)) / 0.02, 0, 1)
    offset = (0.002 + rng.uniform(0.003, 0.018) * edge).astype(np.float32)
    return Garment("short hair", patch, offset, np.zeros((len(patch), 3)), np.zeros(0, np.int64), "hair")
