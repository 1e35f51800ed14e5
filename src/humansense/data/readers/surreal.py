"""SURREAL (Varol et al., CVPR 2017): synthetic people in clips of 100 frames, in the files its authors give out.

`surreal_format` states the axes, units and sides of these files; here they become those of docs/conventions.md. The
joints in the picture are `joints3D` through the camera: the file's `joints2D` are the same rounded to whole pixels.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from humansense.core import Camera, HumansenseError, Person, Sample, joint_set
from humansense.data import surreal_format as native
from humansense.data.readers.matlab import array_shape, read_arrays
from humansense.data.readers.video_frame import read_video_frame
from humansense.data.store_write import instance_box
from humansense.data.transforms import joints_box
from humansense.data.visibility import visible_joints

WHERE = (
    "expected ROOT/cmu/test/run0/01_01/01_01_c0001.mp4 with 01_01_c0001_info.mat, _segm.mat and _depth.mat beside it. "
    "SURREAL is for non-commercial research and given to those who register at "
    "https://www.di.ens.fr/willow/research/surreal/data/; "
    "`humansense data export SET OUT --format surreal` writes the same layout"
)

# From the folder that is given to the clips' files: it may be a sequence, a run, a split, cmu/, data/ or the root.
_LEVELS = (
    "*_info.mat",
    "*/*_info.mat",
    "run[0-9]*/*/*_info.mat",
    "*/run[0-9]*/*/*_info.mat",
    "*/*/run[0-9]*/*/*_info.mat",
    "data/*/*/run[0-9]*/*/*_info.mat",
)


_INFO = ("joints3D", "camLoc", "zrot", "pose", "shape", "gender", "sequence", "hs_K", "hs_R", "hs_t")
_MAPS = {"segm": ("segm",), "depth": ("depth",), "normal": ("normal",), "gtflow": ("gtflow", "hs_flow")}


@dataclass
class Surreal:
    """Every frame of every clip, clips in the order of their paths. ends: (clips,) frames up to the end of each."""

    root: Path
    infos: list[Path]
    ends: np.ndarray
    title = "SURREAL (cmu/test/run0/01_01/01_01_c0001.mp4 and _info.mat ...)"

    @classmethod
    def detect(cls, root: Path) -> bool:
        return any(next(Path(root).glob(level), None) is not None for level in _LEVELS)

    @classmethod
    def _find(cls, root: Path) -> list[Path]:
        for level in _LEVELS:
            found = sorted(path for path in root.glob(level) if _beside(path, ".mp4").is_file())
            if found:
                return found
        raise HumansenseError(f"{root} has no clip of SURREAL: {WHERE}")

    @classmethod
    def index(cls, root: Path) -> Surreal:
        root = Path(root)
        infos = cls._find(root)
        return cls(root, infos, np.cumsum([_frames(path) for path in infos]))

    def __len__(self) -> int:
        return int(self.ends[-1])

    def locate(self, i: int) -> tuple[Path, int]:
        """The `_info.mat` of sample i, and the number of its frame, from 0."""
        if not -len(self) <= i < len(self):
            raise IndexError(f"frame {i} of a set of {len(self)}")
        i %= len(self)
        clip = int(np.searchsorted(self.ends, i, side="right"))
        return self.infos[clip], i - (int(self.ends[clip - 1]) if clip else 0)

    def read(self, i: int) -> Sample:
        """Frame i with whatever files there are: parts, depth, normals, flow to the frame before."""
        return read_frame(*self.locate(i))


@dataclass
class SurrealMiddle(Surreal):
    """The middle frame of each clip, on which SURREAL is evaluated (Varol 2019, 3.5.2; training/donkey.lua)."""

    title = "SURREAL, the middle frames"

    @classmethod
    def index(cls, root: Path) -> SurrealMiddle:
        root = Path(root)
        infos = cls._find(root)
        return cls(root, infos, np.arange(1, len(infos) + 1))

    def locate(self, i: int) -> tuple[Path, int]:
        path, _ = super().locate(i)
        return path, (_info(path)["frames"] + 1) // 2 - 1  # ceil(T / 2), counted from 1


def read_frame(path: Path, t: int) -> Sample:
    """Frame t (from 0) of the clip of an `_info.mat`."""
    info = _info(path)
    maps = _maps(path, t)
    image = read_video_frame(_beside(path, ".mp4"), t)
    size = next((value.shape[:2] for value in maps.values()), image.shape[:2])
    image = np.ascontiguousarray(image[: size[0], : size[1]])  # a video has even sides
    if image.shape[:2] != size:
        raise HumansenseError(f"{_beside(path, '.mp4')} has pictures of {image.shape[:2]}, the maps have {size}")
    camera = _camera(info, t, size)
    key = f"{path.name.removesuffix('_info.mat')}_f{t:04d}"
    sample = Sample(
        image=image,
        key=f"{path.parents[1].name}_{key}",
        camera=camera,
        part_set="smpl24",
        info={"path": str(_beside(path, ".mp4")), "frame": t, "clip": _text(info, "sequence"), "set": "surreal"},
    )
    _set_maps(sample, maps, path)
    sample.people = (_person(info, t, sample),)
    return sample


def _set_maps(sample: Sample, maps: dict[str, np.ndarray], path: Path) -> None:
    """SURREAL's maps in our axes, units and sides."""
    assert sample.camera is not None
    if "segm" in maps:
        if maps["segm"].max(initial=0) >= len(native.MIRRORED_PARTS):
            raise HumansenseError(f"{_beside(path, '_segm.mat')} has label {maps['segm'].max()}, expected 0 to 24")
        sample.parts = native.MIRRORED_PARTS[maps["segm"].astype(np.uint8)]
        sample.mask = sample.parts > 0
        sample.instance = sample.mask.astype(np.uint8)
    if "depth" in maps:
        depth = maps["depth"].astype(np.float32)
        z = (depth / native.ray_lengths(sample.camera.K, sample.size)).astype(np.float32)
        sample.depth = np.where(depth < native.FOREGROUND_BELOW_M, z, np.float32(np.nan))
    if "normal" in maps:
        sample.normals = (maps["normal"].astype(np.float32) @ native.AXES.T).astype(np.float32)
    if "gtflow" in maps:
        sample.flow_back = native.flow_from_surreal(maps["gtflow"])
    if "hs_flow" in maps:
        sample.flow = maps["hs_flow"].astype(np.float32)


def _person(info: dict[str, Any], t: int, sample: Sample) -> Person:
    assert sample.camera is not None
    world = info["joints3D"][:, :, t].T.astype(np.float64)
    points = native.to_camera(world, info["camLoc"])[native.MIRRORED_JOINTS]
    if not world.any():  # the authors' loader skips such frames: the joints were not saved
        points[:] = np.nan
    pixels = sample.camera.to_pixels(points)
    names = list(joint_set("smpl24").names)
    box = instance_box(sample.instance, 1) if sample.instance is not None else joints_box(pixels.astype(np.float32))
    params = {
        name: values
        for name, values in (
            ("smpl_pose", info["pose"][:, t] if "pose" in info else None),
            ("smpl_shape", info["shape"][:, t] if "shape" in info else None),
            ("zrot", info["zrot"].ravel()[t]),
            ("gender", info["gender"].ravel()[t] if "gender" in info else None),
        )
        if values is not None and np.isfinite(values).all()
    }
    return Person(
        "smpl24",
        joints2d=pixels.astype(np.float32),
        joints3d=points.astype(np.float32),
        visible=visible_joints(points, names, sample, 1),
        box=box if box is not None and np.isfinite(box).all() else None,
        params=params,
    )


def _camera(info: dict[str, Any], t: int, size: tuple[int, int]) -> Camera:
    """The camera in a world with z up. A clip that `humansense data export` wrote also has its own camera."""
    if "hs_K" in info:
        return Camera(info["hs_K"][:, :, t], info["hs_R"][:, :, t], info["hs_t"][:, t], size)
    # World axes: x to the camera's right, y forward, z up; the floor is where SURREAL's is (y = 0).
    R = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    return Camera(native.intrinsics(size), R, -native.AXES @ info["camLoc"].reshape(3).astype(np.float64), size)


def _beside(info: Path, ending: str) -> Path:
    return info.with_name(info.name.removesuffix("_info.mat") + ending)


def _frames(path: Path) -> int:
    return int(np.prod(array_shape(path, "zrot")))


def _info(path: Path) -> dict[str, Any]:
    """The arrays of an `_info.mat`, checked; `frames` is their number. The last few files are kept."""
    return _checked_info(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=4)
def _checked_info(path: Path, changed: int) -> dict[str, Any]:
    info = read_arrays(path, _INFO)
    missing = [name for name in ("joints3D", "camLoc", "zrot") if name not in info]
    if missing:
        raise HumansenseError(f"{path} has no array {missing[0]!r}: is it of another dataset?")
    frames = info["zrot"].size
    for name in ("joints3D", "hs_K", "hs_R"):
        if name in info and info[name].ndim == 2:  # MATLAB drops the last axis of a clip of one frame
            info[name] = info[name][:, :, None]
    joints, place = info["joints3D"], info["camLoc"]
    if joints.shape != (3, 24, frames) or place.size != 3:
        raise HumansenseError(
            f"{path} has joints3D {joints.shape} and camLoc {place.shape}, expected (3, 24, {frames}) and (3, 1)"
        )
    return info | {"frames": frames}


def _text(info: dict[str, Any], name: str) -> str:
    return str(info[name].ravel()[0]) if name in info and info[name].size else ""


def _maps(path: Path, t: int) -> dict[str, np.ndarray]:
    """Frame t of every map file that is there. The flow to the next frame is our own addition to `_gtflow.mat`."""
    maps: dict[str, np.ndarray] = {}
    for ending, names in _MAPS.items():
        file = _beside(path, f"_{ending}.mat")
        if not file.is_file():
            continue
        wanted = [f"{name}_{t + 1}" for name in names]
        values = read_arrays(file, wanted)
        found = {name: values[key] for name, key in zip(names, wanted, strict=True) if key in values}
        if not found:
            raise HumansenseError(f"{file} has no array {wanted[0]!r}: it is cut short, fetch it again")
        maps |= found
    return maps
