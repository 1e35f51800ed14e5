"""SMPL, SMPL-H and SMPL-X from files that a user owns, with the interface of `Body`. Nothing else here needs them.

Formulas: Loper 2015, section 3. The files are licensed by their makers and are not part of this package. Axes are the
files' own (y up, the person's left at +x, facing +z), metres. A pickle is read by an unpickler that knows arrays
alone: nothing in the file is run, and chumpy is not needed.
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

from humansense.bodies.anny_body import PosedBody, RestBody, forward_kinematics
from humansense.core import HumansenseError, joint_set, part_set

KEYS = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table", "f")

_BODY = joint_set("smpl24").names[:-2]  # SMPL-H and SMPL-X have fingers in place of the two hands
# Joint -> segment of the part set `smpl24` that its flesh belongs to; the names are SURREAL's. Fingers: below.
_JOINT_SEGMENTS = {
    "pelvis": "hips", "spine1": "spine", "spine2": "spine1", "spine3": "spine2", "neck": "neck", "head": "head",
    "hip": "UpLeg", "knee": "Leg", "ankle": "Foot", "foot": "ToeBase", "collar": "Shoulder", "shoulder": "Arm",
    "elbow": "ForeArm", "wrist": "Hand", "hand": "HandIndex1", "jaw": "head", "eye": "head",
}  # fmt: skip
_FINGERS = tuple(
    f"{side}_{finger}{k}"
    for side in ("left", "right")
    for finger in ("index", "middle", "pinky", "ring", "thumb")
    for k in (1, 2, 3)
)
JOINT_NAMES: Mapping[int, tuple[str, ...]] = MappingProxyType(
    {
        24: joint_set("smpl24").names,
        52: _BODY + _FINGERS,
        55: (*_BODY, "jaw", "left_eye", "right_eye", *_FINGERS),
    }
)


def joint_segment(joint: str) -> str:
    """The segment of `smpl24` that the flesh around a joint of `JOINT_NAMES` belongs to."""
    side, _, rest = joint.partition("_")
    if side not in ("left", "right"):
        return _JOINT_SEGMENTS[joint]
    segment = _JOINT_SEGMENTS.get(rest, "HandIndex1")
    return segment if segment == "head" else side + segment


class SmplBody:
    """A body of the SMPL family. `vertices, joints = model(shape, pose)`; see `load_smpl`.

    joint_names, parents: the kinematic tree. faces: (F, 3) int64. skinning: (V, J). n_shapes: shape coefficients.
    part_weights: (V, 24) float32, column k for label k + 1 of the part set `smpl24`, as of `Body`: the renderer's
    `Surface.vertex_parts`.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        def tensor(name: str) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(arrays[name], dtype=np.float32))

        self._template, self._shapes = tensor("v_template"), tensor("shapedirs")
        self._corrections = tensor("posedirs").flatten(2)
        self._regressor, self.skinning = tensor("J_regressor"), tensor("weights")
        self.faces: np.ndarray = np.asarray(arrays["f"], dtype=np.int64)
        parents = np.asarray(arrays["kintree_table"], dtype=np.int64)[0]
        self.parents: tuple[int, ...] = (-1, *(int(p) for p in parents[1:]))
        self.joint_names: tuple[str, ...] = JOINT_NAMES[len(self.parents)]
        self.n_shapes: int = self._shapes.shape[2]
        self.part_weights: np.ndarray = self._part_weights()

    def _part_weights(self) -> np.ndarray:
        """The skinning weights of each segment's joints, summed: SURREAL labels by the largest."""
        segments = part_set("smpl24")
        out = np.zeros((len(self.skinning), len(segments) - 1), np.float32)
        for joint, weights in zip(self.joint_names, self.skinning.numpy().T, strict=True):
            out[:, segments.index(joint_segment(joint)) - 1] += weights
        return out

    def rest(self, shape: Tensor) -> RestBody:
        """(B, S) coefficients, S <= n_shapes, to the shaped body in its rest pose (Loper 2015, eq. 8 and 10)."""
        if shape.ndim != 2 or shape.shape[1] > self.n_shapes:
            raise HumansenseError(f"shape is {tuple(shape.shape)}, expected (B, S) with S <= {self.n_shapes}")
        directions = self._shapes[..., : shape.shape[1]].to(shape.dtype)
        vertices = self._template.to(shape.dtype) + torch.einsum("vcs,bs->bvc", directions, shape)
        return RestBody(vertices, self._regressor.to(shape.dtype) @ vertices)

    def pose(self, rest: RestBody, pose: Tensor, translation: Tensor) -> PosedBody:
        """pose: (B, J, 3, 3) rotations relative to the parents. translation: (B, 3), where the root joint goes.

        The `trans` of SMPL's own programs is added to the root's rest position: give `rest.joints[:, 0] + trans`.
        """
        if pose.ndim != 4 or pose.shape[1:] != (len(self.parents), 3, 3):
            raise HumansenseError(f"pose is {tuple(pose.shape)}, expected (B, {len(self.parents)}, 3, 3)")
        heads = rest.joints.expand(len(pose), -1, -1)
        bend = (pose[:, 1:] - torch.eye(3, dtype=pose.dtype)).flatten(1)
        corrected = rest.vertices + torch.einsum("vcp,bp->bvc", self._corrections.to(pose.dtype), bend)
        rotations, joints = forward_kinematics(pose, heads, translation, self.parents)
        offsets = joints - (rotations @ heads[..., None])[..., 0]
        transforms = torch.cat([rotations, offsets[..., None]], -1).flatten(2)
        blended = (self.skinning.to(pose.dtype) @ transforms).view(len(pose), -1, 3, 4)
        vertices = (blended[..., :3] @ corrected[..., None])[..., 0] + blended[..., 3]
        return PosedBody(vertices, joints, rotations)

    def regress(self, posed: PosedBody | RestBody, set_name: str = "smpl24") -> Tensor:
        """(B, J, 3) joints of a set of `core.JOINT_SETS` in its order; NaN where this body knows no joint of that name.

        `smpl24` is known in full: of SMPL-H and SMPL-X a hand is the first joint of the middle finger. In other sets
        the joints of the limbs are known by name, and the thorax as the middle of the shoulders; noses, ears and heads'
        tops are not. They are the joints of the file's own rig, which lie some centimetres off annotated ones.
        """
        columns = []
        for name in joint_set(set_name).names:
            if name not in self.joint_names and name.endswith("_hand"):
                name = name.removesuffix("hand") + "middle1"
            if name in self.joint_names:
                columns.append(posed.joints[:, self.joint_names.index(name)])
            elif name == "thorax":
                sides = [self.joint_names.index(f"{side}_shoulder") for side in ("left", "right")]
                columns.append(posed.joints[:, sides].mean(1))
            else:
                columns.append(torch.full_like(posed.joints[:, 0], torch.nan))
        return torch.stack(columns, 1)

    def __call__(self, shape: Tensor, pose: Tensor, translation: Tensor | None = None) -> PosedBody:
        """`vertices, joints = model(shape, pose)`; without `translation` the root stays where the shape puts it."""
        rest = self.rest(shape)
        return self.pose(rest, pose, rest.joints[:, 0].expand(len(pose), 3) if translation is None else translation)


def load_smpl(path: str | Path) -> SmplBody:
    """A model file of SMPL, SMPL-H or SMPL-X, `.npz` or `.pkl`, as its makers give it out.

    Raises `HumansenseError` where the file is missing, cut short, no such model, or holds more than arrays.
    """
    path = Path(path)
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                arrays = {key: file[key] for key in KEYS if key in file.files}
        else:
            with open(path, "rb") as stream:
                content = _ArrayUnpickler(stream).load()
            arrays = {key: _array(content[key]) for key in KEYS if key in content} if isinstance(content, dict) else {}
    except OSError as error:
        raise HumansenseError(f"cannot read {path}: {error.strerror or error}") from error
    except (pickle.UnpicklingError, zipfile.BadZipFile, EOFError, ValueError, TypeError, AttributeError) as error:
        raise HumansenseError(f"{path} is no SMPL model, or is cut short ({error}): download it again") from error
    _check(path, arrays)
    return SmplBody(arrays)


def _check(path: Path, arrays: dict[str, np.ndarray]) -> None:
    missing = [key for key in KEYS if key not in arrays]
    if missing:
        raise HumansenseError(f"{path} has no {', '.join(missing)}: give a model file of SMPL, SMPL-H or SMPL-X")
    count, joints = len(arrays["v_template"]), arrays["weights"].shape[-1]
    if joints not in JOINT_NAMES:
        known = ", ".join(map(str, JOINT_NAMES))
        raise HumansenseError(f"{path} has {joints} joints; known are models with {known} (SMPL, SMPL-H, SMPL-X)")
    expected = {
        "v_template": (count, 3),
        "shapedirs": (count, 3, None),
        "posedirs": (count, 3, 9 * (joints - 1)),
        "J_regressor": (joints, count),
        "weights": (count, joints),
        "kintree_table": (2, joints),
        "f": (None, 3),
    }
    for key, shape in expected.items():
        got = arrays[key].shape
        if len(got) != len(shape) or any(w is not None and g != w for g, w in zip(got, shape, strict=True)):
            raise HumansenseError(f"{path}: {key} has shape {got}, expected {shape}")


class _Held:
    """Stands for an object of a class that is not loaded: keeps its state, runs nothing."""

    state: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, *arguments: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state if isinstance(state, dict) else {}


def _array(value: Any) -> np.ndarray:
    """An array, a chumpy array (its values are in `x`) or a scipy column-sparse matrix, as a plain array."""
    if not isinstance(value, _Held):
        return np.asarray(value)
    state = value.state
    if "x" in state:
        return np.asarray(state["x"])
    if {"data", "indices", "indptr"} <= set(state):
        shape = state["_shape"] if "_shape" in state else state["shape"]
        out = np.zeros(shape)
        columns = np.repeat(np.arange(shape[1]), np.diff(state["indptr"]))
        np.add.at(out, (state["indices"], columns), state["data"])
        return out
    raise ValueError(f"it holds an object that is no array, with {sorted(map(str, state))}")


class _ArrayUnpickler(pickle.Unpickler):
    """Reads arrays, numbers, text and containers; holds chumpy's and scipy's objects; refuses all else."""

    _SAFE = frozenset(
        {
            ("_codecs", "encode"),
            ("copyreg", "_reconstructor"),
            ("copy_reg", "_reconstructor"),
            ("builtins", "object"),
            ("__builtin__", "object"),
            ("numpy", "dtype"),
            ("numpy", "ndarray"),
            *((f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
        }
    )

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file, encoding="latin1")  # the files were written by Python 2

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("chumpy.") or (module.startswith("scipy.sparse") and name.startswith("csc")):
            return _Held
        if (module, name) not in self._SAFE:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is no array")
        return super().find_class(module, name)
