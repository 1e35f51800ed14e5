"""Filming a clip: a `SceneSpec` becomes frames with every ground-truth map.

spec -> performance (pose, path) -> dressed body, textures -> cameras -> rays -> Clip + Samples
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch

from humansense.bodies import Dressed, RestBody, dress, load_body, sample_outfit
from humansense.core import Camera, Person, Sample, joint_set, look_at
from humansense.data.store import Clip, Track, instance_box
from humansense.motion import BodyMotion, Motion, procedural, read_motion, resample, retarget
from humansense.render import Frame, Renderer, Surface
from humansense.synth.backgrounds import develop, load_background, procedural_background
from humansense.synth.fabrics import fabric, hair_colour, hair_texture
from humansense.synth.skin import skin_texture
from humansense.synth.skin_layout import skin_layout
from humansense.synth.spec import PRESETS, SceneSpec, View

STORED_SETS = ("mpii16", "coco17", "h36m17", "smpl24", "anny")  # lsp14 and human21 hold the same joints
NEAREST_M = 0.35  # a camera does not come closer to any joint than this
FARTHEST_M = 60.0  # who runs farther than this is not seen any more: the store's depth ends at 65 m


@dataclass(frozen=True)
class Take:
    """A performance in the world: vertices (T, V, 3), joints {set: (T, J, 3)} metres, z up."""

    vertices: np.ndarray
    joints: dict[str, np.ndarray]
    motion: BodyMotion


@lru_cache(maxsize=64)
def _capture(path: str, fps: float) -> Motion:
    return resample(read_motion(path), fps)


def perform(spec: SceneSpec) -> BodyMotion:
    """The motion of a clip: `spec.frames` poses at `spec.fps`, on the floor, facing where the source faces."""
    body, shape = load_body(), torch.tensor([spec.shape])
    if spec.motion.startswith("procedural:"):
        rng = np.random.default_rng(spec.motion_seed)
        motion = procedural(spec.motion.removeprefix("procedural:"), rng, spec.frames, spec.fps, body, shape)
    else:
        source = _capture(spec.motion, spec.fps)
        first = int(spec.start * max(0, len(source) - spec.frames + 1))
        motion = retarget(source[first : first + spec.frames], body, shape)
        motion = _there_and_back(motion, spec.frames)
    return mirrored(motion) if spec.mirror else motion


def _there_and_back(motion: BodyMotion, frames: int) -> BodyMotion:
    """A capture that is shorter than the clip runs back and forth."""
    if len(motion) >= frames:
        return motion
    last = max(1, len(motion) - 1)
    step = np.arange(frames) % (2 * last)
    index = torch.from_numpy(np.minimum(np.minimum(step, 2 * last - step), len(motion) - 1))
    return replace(motion, pose=motion.pose[index], translation=motion.translation[index])


def mirrored(motion: BodyMotion) -> BodyMotion:
    """The motion of a mirror image: x turns round and left and right change places."""
    order = torch.from_numpy(joint_set("anny").mirror)
    flip = torch.tensor([-1.0, 1.0, 1.0])
    pose = motion.pose[:, order] * flip[:, None] * flip
    return replace(motion, pose=pose, translation=motion.translation * flip)


def take(spec: SceneSpec, dressed: Dressed, rest: RestBody, motion: BodyMotion) -> Take:
    """Pose the dressed body through the motion."""
    body = load_body()
    posed = dressed.pose(body, rest, motion.pose, motion.translation, STORED_SETS)
    joints = {name: posed.joints[name].numpy() for name in STORED_SETS}
    return Take(posed.vertices.numpy(), joints, motion)


def place_camera(view: View, joints: np.ndarray, size: tuple[int, int]) -> Camera:
    """The camera of a view onto a person whose `anny` joints (104, 3) are given, in an image of `size` (H, W)."""
    height, width = size
    middle = (joints.min(0) + joints.max(0)) / 2
    target = joints[0] if view.aim == "pelvis" else middle
    focal = view.focal * width
    around = np.array([np.sin(view.yaw_rad), np.cos(view.yaw_rad), 0.0]) * np.cos(view.elevation_rad)
    towards = around - np.array([0.0, 0.0, np.sin(view.elevation_rad)])  # viewing direction
    spread = np.linalg.norm(joints - target, axis=1).max() + 0.1
    distance = view.distance_m or focal * 2 * spread / (view.fill * min(size))
    nearest = ((joints - target) @ -towards).max()
    distance = max(distance, nearest + NEAREST_M)
    R, t = look_at(target - towards * distance, target, view.roll_rad)
    centre = (width * (0.5 + view.offset[0]), height * (0.5 + view.offset[1]))
    K = np.array([[focal, 0.0, centre[0]], [0.0, focal, centre[1]], [0.0, 0.0, 1.0]])
    return Camera(K, R, t, size)


def _textures(spec: SceneSpec, dressed: Dressed) -> list[np.ndarray]:
    """One texture a material of the dressed body, in its order: skin first. Brows and beard have the hair's colour."""
    rng = np.random.default_rng([spec.outfit_seed, 1])
    hair = hair_colour(rng)
    phenotype = dict(zip(load_body().shape_names, spec.shape, strict=True))
    skin = skin_texture(rng, skin_layout(), phenotype, hair)
    kinds = dressed.material_kinds[1:]
    return [skin, *(hair_texture(rng, colour=hair) if kind == "hair" else fabric(rng) for kind in kinds)]


def _backdrop(spec: SceneSpec) -> np.ndarray:
    rng = np.random.default_rng([spec.background_seed])
    if spec.background:
        return load_background(spec.background, rng, spec.size)
    return procedural_background(rng, spec.size, developed=not PRESETS[spec.preset].develop)


def _developed(spec: SceneSpec, image: np.ndarray, t: int) -> np.ndarray:
    """The finish of a photograph over person and background alike, where the preset asks for it."""
    if not PRESETS[spec.preset].develop:
        return image
    return develop(np.random.default_rng([spec.background_seed, 1, t]), image)


def film(spec: SceneSpec, key: str) -> tuple[Clip, Iterator[Sample]]:
    """The clip of a spec: what is known about it, and its frames one by one."""
    body = load_body()
    shape = torch.tensor([spec.shape], dtype=torch.float32)
    motion = perform(spec)
    outfit = sample_outfit(np.random.default_rng([spec.outfit_seed, 0]), body, spec.shape)
    rest = body.rest(shape)
    dressed = dress(body, outfit, rest)
    shot = take(spec, dressed, rest, motion)
    views = spec.views * (spec.frames if len(spec.views) == 1 else 1)
    first = shot.joints["anny"][0]
    cameras = [
        place_camera(view, first if len(spec.views) == 1 else shot.joints["anny"][t], spec.size)
        for t, view in enumerate(views)
    ]
    people = (_track(spec, shot, cameras, outfit.describe()),) if spec.people else ()
    clip = Clip(
        key,
        people=people,
        fps=spec.fps,
        action=motion.action if people else "",
        subject=motion.subject if people else "",
        source=motion.source if people else "",
        info={"spec": spec.to_dict()},
    )
    return clip, _frames(spec, key, dressed, shot, cameras)


def _track(spec: SceneSpec, shot: Take, cameras: list[Camera], clothes: list[str]) -> Track:
    joints3d = {
        name: np.stack([camera.to_camera(row) for camera, row in zip(cameras, rows, strict=True)])
        for name, rows in shot.joints.items()
    }
    return Track(
        joints3d=joints3d,
        arrays={
            "shape": np.array(spec.shape, np.float32),
            "pose": shot.motion.pose.numpy().astype(np.float32),
            "translation": shot.motion.translation.numpy().astype(np.float32),
        },
        info={"clothes": clothes},
    )


def _frames(spec: SceneSpec, key: str, dressed: Dressed, shot: Take, cameras: list[Camera]) -> Iterator[Sample]:
    backdrop = _backdrop(spec)
    renderer = Renderer(_surface(dressed), _textures(spec, dressed)) if spec.people else None
    light = np.array(spec.light, np.float32)
    light = light if light.size == 9 else light.reshape(9, 3)
    for t, camera in enumerate(cameras):
        seen = renderer is not None and camera.to_camera(shot.joints["anny"][t])[:, 2].max() < FARTHEST_M
        frame = (
            renderer.render(shot.vertices[t], camera, light, backdrop) if renderer and seen else Frame.empty(backdrop)
        )
        yield Sample(
            image=_developed(spec, frame.image, t),
            key=f"{key}_f{t:04d}",
            parts=frame.parts,
            depth=frame.depth,
            normals=frame.normals,
            instance=frame.instance,
            camera=camera,
            people=(_person(shot, t, camera, frame),) if seen else (),
        )


def _surface(dressed: Dressed) -> Surface:
    return Surface(
        faces=dressed.faces,
        face_uv=dressed.face_uv,
        face_texture=dressed.face_material,
        face_instance=np.ones(len(dressed.faces), np.int32),
        vertex_parts=dressed.part_weights,
    )


def _person(shot: Take, t: int, camera: Camera, frame: Frame) -> Person:
    """The person of one frame with COCO's joints, for who films without storing; the clip's track knows all sets."""
    joints = camera.to_camera(shot.joints["coco17"][t])
    box = instance_box(frame.instance, 1)
    return Person(
        "coco17",
        camera.to_pixels(joints).astype(np.float32),
        joints.astype(np.float32),
        box=box if np.isfinite(box).all() else None,
    )
