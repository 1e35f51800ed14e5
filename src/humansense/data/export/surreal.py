"""SURREAL's own files, for readers that were written for it. `data.surreal_format` states their conventions.

    OUT/cmu/SPLIT/run0/CLIP/CLIP_c0001.mp4 and _info.mat, _segm.mat, _depth.mat, _normal.mat, _gtflow.mat

SURREAL shows one person a clip and has no label for another one, so clips with several people, or none, are left out.
What only SMPL has (pose, shape, zrot) is NaN in its usual shape; what only this package has stands in further arrays
whose names begin with `hs_`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from humansense.core import joint_set
from humansense.data import surreal_format as native
from humansense.data.export.values import Exporter, ExportSettings, nothing_to_finish, stored_maps, whole_folder
from humansense.data.store_read import ClipEntry, ClipSet
from humansense.video import VideoWriter

CRF = 10  # nearly lossless: SURREAL's own files have 23

_HEADER = b"MATLAB 5.0 MAT-file, written by humansense"
_HEADER_BYTES = 116


class _Lazy:
    """What `scipy.io.savemat` asks of a dictionary, one array in memory at a time."""

    def __init__(self, items: Iterator[tuple[str, np.ndarray]]) -> None:
        self._items = items

    def items(self) -> Iterator[tuple[str, np.ndarray]]:
        return self._items


def write_mat(path: Path, arrays: Any) -> None:
    """A compressed MATLAB 5 file without the date and platform that SciPy puts in: equal arrays give equal bytes."""
    import scipy.io

    scipy.io.savemat(path, arrays, do_compression=True)
    with path.open("r+b") as file:
        file.write(_HEADER.ljust(_HEADER_BYTES))


def write_clip(clips: ClipSet, clip: ClipEntry, home: Path, settings: ExportSettings) -> None:
    """Write `home/run0/KEY/` with the five or six files of a clip."""
    name = f"{clip.key}_c0001"
    with whole_folder(_folder(home, clip)) as folder:
        with VideoWriter(folder / f"{name}.mp4", fps=float(clips.clip_info(clip)["fps"]), crf=CRF) as video:
            for t in range(clip.frames):
                video.write(clips.read(clip.start + t, ()).image)
        for ending, (fields, arrays) in MAT_FILES.items():
            there = stored_maps(clip, fields)
            if there:
                write_mat(folder / f"{name}_{ending}.mat", _Lazy(_frames(clips, clip, there, arrays)))
        write_mat(folder / f"{name}_info.mat", info_arrays(clips, clip))


def _frames(
    clips: ClipSet, clip: ClipEntry, fields: Sequence[str], arrays: dict[str, tuple[str, Callable[..., np.ndarray]]]
) -> Iterator[tuple[str, np.ndarray]]:
    for t in range(clip.frames):
        sample = clips.read(clip.start + t, fields)
        for field in fields:
            name, convert = arrays[field]
            assert sample.camera is not None
            yield f"{name}_{t + 1}", convert(getattr(sample, field), sample.camera.K)


def _segm(parts: np.ndarray, K: np.ndarray) -> np.ndarray:
    return native.MIRRORED_PARTS[parts]


def _distance(depth: np.ndarray, K: np.ndarray) -> np.ndarray:
    distance = (depth * native.ray_lengths(K, depth.shape)).astype(np.float32)
    return np.where(np.isnan(depth), np.float32(native.BACKGROUND_M), distance)


def _world_normals(normals: np.ndarray, K: np.ndarray) -> np.ndarray:
    return (normals @ native.AXES).astype(np.float32)


def _vectors(flow_back: np.ndarray, K: np.ndarray) -> np.ndarray:
    return native.flow_from_surreal(flow_back)


def _forward(flow: np.ndarray, K: np.ndarray) -> np.ndarray:
    return flow.astype(np.float32)


# ending of the file -> (fields of Sample, field -> (name of the arrays, conversion of (map, K)))
MAT_FILES: dict[str, tuple[tuple[str, ...], dict[str, tuple[str, Callable[..., np.ndarray]]]]] = {
    "segm": (("parts",), {"parts": ("segm", _segm)}),
    "depth": (("depth",), {"depth": ("depth", _distance)}),
    "normal": (("normals",), {"normals": ("normal", _world_normals)}),
    "gtflow": (("flow_back", "flow"), {"flow_back": ("gtflow", _vectors), "flow": ("hs_flow", _forward)}),
}


def info_arrays(clips: ClipSet, clip: ClipEntry) -> dict[str, Any]:
    """The arrays of `_info.mat`: SURREAL's fields in the shapes that its README states, and our own."""
    about, count = clips.clip_info(clip), clip.frames
    spec = about["info"].get("spec", {})
    points = smpl_joints(clips, clip, "joints3d")
    R, t = clips.clip_array(clip, "R"), clips.clip_array(clip, "t")
    distance, location = camera_place(points, R[0], t[0])
    K = clips.clip_array(clip, "K")
    shape = clips.clip_array(clip, "p0.shape") if "p0.shape" in clip.arrays else np.full(1, 0.5)
    clothes = about["people"][0].get("clothes", [])
    cloth = "; ".join(clothes if isinstance(clothes, list) else [str(clothes)])
    return {
        "bg": _cells(str(spec.get("place", {}).get("background") or "procedural"), count),
        "camDist": np.float32(distance).reshape(1, 1),
        "camLoc": location.astype(np.float32).reshape(3, 1),
        "clipNo": np.float64(1),
        "cloth": _cells(cloth, count),
        # the first number of a body's shape: 0 a man, 1 a woman
        "gender": np.full((count, 1), int(shape[0] < 0.5), np.uint8),
        "joints2D": _rows(np.rint(smpl_joints(clips, clip, "joints2d"))),
        "joints3D": _rows(native.to_world(points, location)),
        "light": np.repeat(surreal_light(spec.get("light"), R[0])[:, None], count, 1),
        "pose": np.full((72, count), np.nan, np.float32),
        "sequence": f"{clip.key}_c0001",
        "shape": np.full((10, count), np.nan, np.float32),
        "source": "humansense",
        "stride": np.uint8(0),
        "zrot": np.full((count, 1), np.nan, np.float32),
        "hs_K": np.moveaxis(K, 0, -1),
        "hs_R": np.moveaxis(R, 0, -1),
        "hs_t": np.moveaxis(t, 0, -1),
        "hs_visible": smpl_joints(clips, clip, "visible").T.astype(np.uint8),
        "hs_clip_json": json.dumps(about, sort_keys=True),
        **_body_arrays(clips, clip),
    }


def _body_arrays(clips: ClipSet, clip: ClipEntry) -> dict[str, np.ndarray]:
    """What the person was posed from: `hs_shape`, `hs_pose` ..., as stored, frames first."""
    names = [name for name in clip.arrays if name.startswith("p0.")]
    return {f"hs_{re.sub(r'[^0-9A-Za-z]', '_', name[3:])}"[:31]: clips.clip_array(clip, name) for name in names}


def _rows(values: np.ndarray) -> np.ndarray:
    """(T, 24, C) to SURREAL's (C, 24, T) single."""
    return np.ascontiguousarray(values.transpose(2, 1, 0), np.float32)


def _cells(text: str, count: int) -> np.ndarray:
    cells = np.empty((1, count), object)
    cells[:] = text
    return cells


def smpl_joints(clips: ClipSet, clip: ClipEntry, name: str) -> np.ndarray:
    """(T, 24, ...) of the person in SURREAL's rows: the joint of the other side; NaN (or False) for one not stored."""
    values = clips.clip_array(clip, name)[:, 0]
    unknown = np.zeros_like(values[:, :1]) if values.dtype == bool else np.full_like(values[:, :1], np.nan)
    padded = np.concatenate([values, unknown], 1)
    columns = [clip.joints.index(n) if n in clip.joints else len(clip.joints) for n in joint_set("smpl24").names]
    return padded[:, np.array(columns)[native.MIRRORED_JOINTS]]


def camera_place(points: np.ndarray, R: np.ndarray, t: np.ndarray) -> tuple[float, np.ndarray]:
    """(camDist, camLoc (3,)) of a clip with joints (T, 24, 3) in camera axes and its first camera.

    The world's origin may be anywhere. It is put below or above the camera where the floor is, so that y = 0 is the
    floor for a level camera, and as far in front of it as the pelvis is in the first frame.
    """
    pelvis = points[0, joint_set("smpl24").index("pelvis"), 2]
    distance = float(pelvis if np.isfinite(pelvis) else np.nanmean(points[0, :, 2]))
    height = float((-R.T @ t)[2])
    return distance, np.array([distance, -height, 0.0])


def _shader(normals: np.ndarray) -> np.ndarray:
    """(N, 9) what each coefficient of SURREAL's light adds at unit normals (datageneration/spher_harm/sh.osl)."""
    x, y, z = normals.T
    first, second, third, ambient, level = 0.429043, 0.511664, 0.743125, 0.886227, 0.247708
    columns = [
        np.full_like(x, ambient), 2 * second * y, 2 * second * z, 2 * second * x, 2 * first * x * y,
        2 * first * y * z, third * z * z - level, 2 * first * x * z, first * (x * x - y * y),
    ]  # fmt: skip
    return np.stack(columns, 1)


def surreal_light(light: Sequence[float] | None, R: np.ndarray) -> np.ndarray:
    """(9,) float32 of our light (9 numbers, or 27 of three colours: their mean) in the axes of SURREAL's world.

    Turning the axes turns each band of the harmonics within itself, so nine numbers say the same light again; they are
    found from its value in many directions. NaN where no light is known.
    """
    values = np.asarray(light if light is not None else [], np.float64)
    if values.size not in (9, 27):
        return np.full(9, np.nan, np.float32)
    ours = values if values.size == 9 else values.reshape(9, 3).mean(1)
    directions = np.random.default_rng(0).normal(size=(64, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    # A direction of our world in SURREAL's: through the camera's axes.
    theirs = directions @ R.T @ native.AXES
    return np.linalg.lstsq(_shader(theirs), _shader(directions) @ ours, rcond=None)[0].astype(np.float32)


def _folder(home: Path, clip: ClipEntry) -> Path:
    return home / "run0" / clip.key


def _missing(home: Path, clips: Sequence[ClipEntry]) -> list[ClipEntry]:
    return [clip for clip in clips if not _folder(home, clip).is_dir()]


def _home(settings: ExportSettings) -> Path:
    return settings.out / "cmu" / settings.split  # the authors' loaders look for "cmu" (training/opts.lua)


def _refused(clip: ClipEntry) -> str:
    if clip.people == 1:
        return ""
    return "show nobody" if clip.people == 0 else "show several people, SURREAL has one a clip"


def _remarks(clips: ClipSet, clip: ClipEntry) -> Sequence[str]:
    remarks = []
    if not np.allclose(clips.clip_array(clip, "K"), native.intrinsics(clip.size), atol=1e-6):
        remarks.append("have another lens than SURREAL's: read hs_K instead of getIntrinsicBlender")
    R, t = clips.clip_array(clip, "R"), clips.clip_array(clip, "t")
    if not (np.allclose(R, R[0]) and np.allclose(t, t[0])):
        remarks.append("have a moving camera: joints3D are relative to each frame's, hs_R and hs_t give its place")
    if set(joint_set("smpl24").names) - set(clip.joints):
        remarks.append("lack joints of SMPL: they are NaN")
    return remarks


SURREAL = Exporter("SURREAL", _home, _refused, _remarks, _missing, write_clip, nothing_to_finish)
