"""Truth for real footage: pictures, a calibrated camera and fitted bodies become a set (Varol 2019, section 3.3.2).

The bodies are rendered by the same code as synthetic ones, so parts, visible and hidden depth, normals, flow and joints
correspond to the pixels of the real pictures as well as the fits do. What the fits do not know is left out: garments,
and the flow of the background.
"""

from __future__ import annotations

import itertools
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from humansense.bodies import RestBody, dense_coordinates, load_body, with_expression, with_identity
from humansense.bodies.smpl import SmplBody, load_smpl
from humansense.core import JOINT_SETS, Camera, HumansenseError, Sample
from humansense.data.store import Clip, ShardWriter, Track, is_whole, shard_path, start_set
from humansense.geometry import axis_angle_to_matrix
from humansense.render import Frame, Renderer, Surface
from humansense.synth.pictures import find_pictures
from humansense.video import VIDEO_SUFFIXES, probe_video, read_frames

FRAMES_PER_CLIP = 100
FITS = "shape (11,), pose_aa (T, 104, 3) and translation (T, 3) of a humansense body, or poses, betas and trans of SMPL"


@dataclass(frozen=True)
class Footage:
    """images: folder of pictures, in the order of their names, or a video. camera: .json or .npz with K, R, t and
    perhaps dist. fits: .npz, one a person. smpl: the model file that SMPL fits belong to. fps: of a folder."""

    images: Path
    camera: Path
    fits: tuple[Path, ...]
    smpl: Path | None = None
    fps: float = 25.0


@dataclass(frozen=True)
class FittedBody:
    """One person: vertices (T, V, 3), joints {set: (T, J, 3)} metres, world; faces (F, 3), parts (V, 24) and
    dense (V, 3) as `render.Surface` takes them; arrays: what the set keeps of the fit."""

    vertices: np.ndarray
    joints: dict[str, np.ndarray]
    faces: np.ndarray
    parts: np.ndarray
    dense: np.ndarray | None
    arrays: dict[str, np.ndarray]


def read_arrays(path: Path, wanted: str) -> dict[str, np.ndarray]:
    """The arrays of an .npz, or the numbers of a .json; raises `HumansenseError` that names the file."""
    try:
        if path.suffix == ".json":
            values = json.loads(path.read_text(encoding="utf-8"))
            return {key: np.array(value, dtype=np.float64) for key, value in values.items()}
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in file.files}
    except OSError as error:
        raise HumansenseError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, AttributeError, zipfile.BadZipFile, EOFError, TypeError) as error:
        raise HumansenseError(f"{path} cannot be used ({error}): expected an .npz or .json with {wanted}") from error


def read_cameras(path: Path, frames: int, size: tuple[int, int]) -> tuple[list[Camera], np.ndarray | None]:
    """A camera a frame, and OpenCV's distortion coefficients or None.

    The file holds K (3, 3) pixels, R (3, 3) and t (3,) metres from the world to the camera, each once or once a frame;
    without R and t the world is the camera. dist: (4,), (5,) or (8,) of OpenCV's model.
    """
    values = read_arrays(path, "K, R, t and perhaps dist")
    if "K" not in values:
        raise HumansenseError(
            f"{path} has no K: expected the 3x3 intrinsics in pixels, and R, t, dist where they are known"
        )
    rows: dict[str, np.ndarray] = {"R": np.eye(3), "t": np.zeros(3)} | {
        k: values[k] for k in ("K", "R", "t") if k in values
    }
    for name, shape in (("K", (3, 3)), ("R", (3, 3)), ("t", (3,))):
        value = np.squeeze(rows[name]) if name == "t" and rows[name].ndim > 1 else rows[name]
        value = np.broadcast_to(value, (frames, *shape)) if value.shape == shape else value
        if value.shape != (frames, *shape) or not np.isfinite(value).all():
            raise HumansenseError(
                f"{path}: {name} has shape {value.shape}, expected {shape} or {(frames, *shape)}, finite"
            )
        rows[name] = value
    dist = values.get("dist")
    if dist is not None and dist.size not in (4, 5, 8):
        raise HumansenseError(f"{path}: dist has {dist.size} numbers, expected 4, 5 or 8 (k1, k2, p1, p2, k3 ...)")
    cameras = [Camera(rows["K"][t], rows["R"][t], rows["t"][t], size) for t in range(frames)]
    return cameras, None if dist is None else dist.ravel().astype(np.float64)


def read_fit(path: Path, smpl: SmplBody | None) -> FittedBody:
    """A fitted body of either kind; raises `HumansenseError` that names the file and what it lacks."""
    arrays = read_arrays(path, FITS)
    for name, value in arrays.items():
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise HumansenseError(f"{path}: {name} holds numbers that are not finite: cut those frames out")
    if "pose_aa" in arrays:
        return _anny_fit(path, arrays)
    if "poses" in arrays and "trans" in arrays:
        if smpl is None:
            raise HumansenseError(f"{path} is a fit of SMPL: give the model file that it belongs to with --smpl")
        return _smpl_fit(path, arrays, smpl)
    raise HumansenseError(f"{path} has {', '.join(arrays)}: expected {FITS}")


def _anny_fit(path: Path, arrays: dict[str, np.ndarray]) -> FittedBody:
    missing = [key for key in ("shape", "translation") if key not in arrays]
    if missing:
        raise HumansenseError(f"{path} has no {', '.join(missing)}: expected {FITS}")
    body = load_body()
    values = {key: torch.from_numpy(np.asarray(value, np.float32)) for key, value in arrays.items()}
    rest = body.rest(values["shape"].reshape(1, -1))
    if "identity" in values:
        rest = with_identity(body, rest, arrays["identity"])
    if "expression" in values:
        rest = with_expression(body, rest, arrays["expression"])
    vertices, joints = [], {name: [] for name in JOINT_SETS}  # type: ignore[var-annotated]
    pose = axis_angle_to_matrix(values["pose_aa"])
    for start in range(0, len(pose), 16):
        chunk = slice(start, start + 16)
        posed = body.pose(rest, pose[chunk], values["translation"][chunk])
        vertices.append(posed.vertices.numpy())
        for name in JOINT_SETS:
            joints[name].append(body.regress(posed, name).numpy())
    kept: dict[str, np.ndarray] = {
        key: arrays[key].astype(np.float32)
        for key in ("shape", "pose_aa", "translation", "identity", "expression")
        if key in arrays
    }
    return FittedBody(
        np.concatenate(vertices),
        {name: np.concatenate(rows) for name, rows in joints.items()},
        body.faces,
        body.part_weights,
        dense_coordinates(body),
        kept,
    )


def _smpl_fit(path: Path, arrays: dict[str, np.ndarray], body: SmplBody) -> FittedBody:
    frames, joints = len(arrays["poses"]), len(body.joint_names)
    axis_angle = np.asarray(arrays["poses"], np.float32).reshape(frames, -1, 3)
    if axis_angle.shape[1] != joints:
        raise HumansenseError(f"{path}: poses have {axis_angle.shape[1]} joints, the model of --smpl has {joints}")
    betas = np.asarray(arrays.get("betas", np.zeros(1)), np.float32).reshape(-1, np.shape(arrays.get("betas", [0]))[-1])
    rest: RestBody = body.rest(torch.from_numpy(betas[:1, : body.n_shapes]))
    pose = axis_angle_to_matrix(torch.from_numpy(axis_angle))
    trans = torch.from_numpy(np.asarray(arrays["trans"], np.float32)) + rest.joints[:, 0]
    posed = body.pose(rest, pose, trans)
    return FittedBody(
        posed.vertices.numpy(),
        {"smpl24": body.regress(posed, "smpl24").numpy()},
        body.faces,
        body.part_weights,
        None,
        {"poses": arrays["poses"].astype(np.float32), "betas": betas[0], "trans": arrays["trans"].astype(np.float32)},
    )


def _pictures(footage: Footage, dist: np.ndarray | None, cameras: list[Camera]) -> Iterator[np.ndarray]:
    for t, picture in enumerate(_raw_pictures(footage)):
        yield picture if dist is None else cv2.undistort(picture, _centred(cameras[t].K), dist)


def _centred(K: np.ndarray) -> np.ndarray:
    """Intrinsics for OpenCV, which counts from the centre of the first pixel."""
    moved = K.copy()
    moved[:2, 2] -= 0.5
    return moved


def _raw_pictures(footage: Footage) -> Iterator[np.ndarray]:
    if footage.images.suffix.lower() in VIDEO_SUFFIXES:
        yield from read_frames(footage.images)
        return
    for file in find_pictures(footage.images):
        picture = cv2.imdecode(np.fromfile(file, np.uint8), cv2.IMREAD_COLOR)
        if picture is None:
            raise HumansenseError(f"{file} is not a picture that can be decoded: its fit would belong to no picture")
        yield cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def label_footage(footage: Footage, out: Path, progress: Callable[[int, int], None] | None = None) -> int:
    """Write the set `out` of the footage with its truth; returns the number of frames.

    Clips of 100 frames; a run that was stopped goes on. progress: called with (frames done, in all). Raises
    `HumansenseError` for files that do not belong together.
    """
    smpl = load_smpl(footage.smpl) if footage.smpl else None
    people = [read_fit(path, smpl) for path in footage.fits]
    if not people:
        raise HumansenseError("no fit was given: name one .npz a person with --fits")
    first = next(_raw_pictures(footage), None)
    if first is None:
        raise HumansenseError(f"{footage.images} holds no pictures")
    frames = len(people[0].vertices)
    for path, person in zip(footage.fits, people, strict=True):
        if len(person.vertices) != frames or person.joints.keys() != people[0].joints.keys():
            raise HumansenseError(
                f"{path} has {len(person.vertices)} frames, or is of another kind than {footage.fits[0]}"
            )
    is_video = footage.images.suffix.lower() in VIDEO_SUFFIXES
    pictures = probe_video(footage.images).frames if is_video else len(find_pictures(footage.images))
    if pictures and pictures != frames:
        raise HumansenseError(
            f"{footage.images} has {pictures} pictures, {footage.fits[0]} fits {frames}: cut them to the same"
        )
    cameras, dist = read_cameras(footage.camera, frames, (first.shape[0], first.shape[1]))
    fps = probe_video(footage.images).fps if is_video else footage.fps
    start_set(out, _description(footage, frames))
    done = 0
    shown = _pictures(footage, dist, cameras)
    for number, start in enumerate(range(0, frames, FRAMES_PER_CLIP)):
        span = range(start, min(start + FRAMES_PER_CLIP, frames))
        part = list(itertools.islice(shown, len(span)))
        if len(part) < len(span):
            raise HumansenseError(
                f"{footage.images} ends after {start + len(part)} pictures, the fits have {frames} frames"
            )
        path = shard_path(out, number)
        if not is_whole(path):
            with ShardWriter(path) as writer:
                writer.add_clip(*_clip(people, part, cameras, span, fps, footage))
        done += len(span)
        if progress:
            progress(done, frames)
    return done


def _description(footage: Footage, frames: int) -> dict[str, Any]:
    return {
        "footage": footage.images.name,
        "camera": footage.camera.name,
        "fits": [path.name for path in footage.fits],
        "frames": frames,
    }


def _clip(
    people: list[FittedBody],
    pictures: list[np.ndarray],
    cameras: list[Camera],
    span: range,
    fps: float,
    footage: Footage,
) -> tuple[Clip, Iterator[Sample]]:
    part = slice(span.start, span.stop)
    tracks = tuple(
        Track(
            {
                n: np.stack([c.to_camera(r) for c, r in zip(cameras[part], rows[part], strict=True)])
                for n, rows in p.joints.items()
            },
            arrays={k: v[part] if len(v) == len(p.vertices) and v.ndim > 1 else v for k, v in p.arrays.items()},
            info={"fit": path.name},
        )
        for p, path in zip(people, footage.fits, strict=True)
    )
    clip = Clip(
        f"c{span.start // FRAMES_PER_CLIP:06d}", tracks, fps, source=footage.images.name, info={"footage": True}
    )
    return clip, _frames(people, pictures, cameras, span)


def _frames(
    people: list[FittedBody], pictures: list[np.ndarray], cameras: list[Camera], span: range
) -> Iterator[Sample]:
    renderer = Renderer(_surface(people), [np.full((1, 1, 3), 128, np.uint8)])
    ambient = np.zeros(9, np.float32)

    def vertices(t: int) -> np.ndarray:
        return np.concatenate([p.vertices[t] for p in people]).astype(np.float32)

    def shoot(t: int) -> Frame | None:
        if t not in span:
            return None
        return renderer.render(vertices(t), cameras[t], ambient, pictures[t - span.start], samples=1)

    def flow(here: Frame, t: int, there: Frame | None, other: int) -> np.ndarray:
        if there is None:
            return np.full((*here.parts.shape, 2), np.nan, np.float32)
        return renderer.flow(here, cameras[t], there, vertices(other), cameras[other], False)

    last, here = None, shoot(span.start)
    for t in span:
        assert here is not None
        following = shoot(t + 1)
        yield Sample(
            image=pictures[t - span.start],
            key=f"f{t}",
            parts=here.parts,
            depth=here.depth,
            normals=here.normals,
            instance=here.instance,
            hidden_depth=here.hidden_depth,
            flow=flow(here, t, following, t + 1),
            flow_back=flow(here, t, last, t - 1),
            dense=here.dense if all(p.dense is not None for p in people) else None,
            camera=cameras[t],
        )
        last, here = here, following


def _surface(people: list[FittedBody]) -> Surface:
    starts = np.cumsum([0, *(p.vertices.shape[1] for p in people)])
    faces = np.concatenate([p.faces + s for p, s in zip(people, starts, strict=False)])
    return Surface(
        faces=faces,
        face_uv=np.zeros((len(faces), 3, 2)),
        face_texture=np.zeros(len(faces)),
        face_instance=np.concatenate([np.full(len(p.faces), i + 1) for i, p in enumerate(people)]),
        vertex_parts=np.concatenate([p.parts for p in people]),
        vertex_dense=np.concatenate(
            [np.zeros((p.vertices.shape[1], 3)) if p.dense is None else p.dense for p in people]
        ),
    )
