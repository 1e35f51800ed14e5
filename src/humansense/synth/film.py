"""Filming a clip: a `SceneSpec` becomes frames with every ground-truth map.

spec -> cast (people in the world) -> cameras -> stage (furniture) -> one mesh -> rays -> sensor -> Clip + Samples
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from humansense.bodies import Closet
from humansense.core import Camera, HumansenseError, Person, Sample
from humansense.data.store import Clip, Track, instance_box
from humansense.geometry import matrix_to_axis_angle
from humansense.render import Floor, Frame, Renderer, Shutter, Sun, Surface
from humansense.synth.backgrounds import develop, open_background
from humansense.synth.cameras import clip_cameras, static_cameras
from humansense.synth.cast import Performer, UnusableError, cast
from humansense.synth.pictures import Backdrop
from humansense.synth.presets import PRESETS
from humansense.synth.sensor import capture, finish, sample_sensor
from humansense.synth.spec import SceneSpec
from humansense.synth.stage import Stage, furnished_room, objects

FARTHEST_M = 60.0  # who runs farther than this is not seen any more: the store's depth ends at 65 m
SWEEP_S, SWEEP_VERTICES = 0.1, 12  # furniture keeps off every 12th vertex at every 0.1 s
LOOKS = 12  # moments at which it is asked what hides whom
SAMPLES = 4  # rays a pixel for the colour
MOST_SAMPLES, STEP_PX = 12, 2.5  # while the shutter is open: one for so many pixels of motion, or ghosts show
_NOBODY = np.linspace((0.0, 0.0, 0.0), (0.0, 0.0, 1.7), 104, dtype=np.float32)  # where somebody might have stood


@dataclass(frozen=True)
class Scene:
    """A clip that is ready to be filmed: of its files only the frames of a video are still to be read."""

    spec: SceneSpec
    performers: tuple[Performer, ...]
    stage: Stage | None
    cameras: list[Camera]
    backdrop: Backdrop

    @cached_property
    def garments(self) -> list[dict[str, Any]]:
        """Row g - 1 is label g of the garment map: whose it is, and what."""
        return [
            {"person": i, "name": name}
            for i, performer in enumerate(self.performers)
            for name in performer.dressed.material_names
        ]

    def vertices(self, t: int, filmed: int | None = None) -> np.ndarray:
        """(V, 3) of everything at frame `t`, people first.

        Who is too far away to be seen is drawn together to nothing: in frame `t` itself, or in the frame `filmed`.
        """
        shown = t if filmed is None else filmed
        camera, parts = self.cameras[shown], []
        for performer in self.performers:
            seen = camera.to_camera(performer.joints["anny"][shown])[:, 2].max() < FARTHEST_M
            points = performer.vertices[t]
            parts.append(points if seen else np.broadcast_to(points[:1], points.shape))
        if self.stage is not None:
            parts.append(self.stage.vertices)
        return np.concatenate(parts).astype(np.float32)


def prepare(spec: SceneSpec, closet: Closet | None = None) -> Scene:
    """Cast, cameras, stage and background of a spec.

    Raises `UnusableError` where a file cannot be used or a body would pass through itself.
    """
    performers = cast(spec, closet)
    joints = [p.joints["anny"] for p in performers] or [np.repeat(_NOBODY[None], spec.frames, 0)]
    cameras = clip_cameras(spec, joints)
    rng = np.random.default_rng([spec.place.seed, 0])
    stage = _stage(spec, rng, performers, cameras, joints)
    try:
        backdrop = open_background(spec.place.background, rng, spec.size, spec.frames, not PRESETS[spec.preset].develop)
    except HumansenseError as error:
        raise UnusableError(str(error), spec.place.background) from error
    return Scene(spec, performers, stage, cameras, backdrop)


def _stage(
    spec: SceneSpec,
    rng: np.random.Generator,
    performers: tuple[Performer, ...],
    cameras: list[Camera],
    joints: list[np.ndarray],
) -> Stage | None:
    if spec.place.kind == "picture":
        return None
    step = max(1, round(SWEEP_S * spec.fps))
    swept = [p.vertices[::step, ::SWEEP_VERTICES].reshape(-1, 3) for p in performers]
    occupied = np.concatenate(swept) if swept else joints[0][0]
    bodies = [p.joints["coco17"] for p in performers] or joints  # of the rig's joints most are fingers
    seen = np.unique(np.linspace(0, spec.frames - 1, LOOKS).round().astype(int))
    # The same room for all cameras of a performance.
    filming = [static_cameras(spec, joints) if spec.shot == "static" else [cameras[t]] for t in seen]
    eyes = np.array([camera.center for row in filming for camera in row])
    targets = np.stack(
        [np.concatenate([rows[t] for rows in bodies]) for t, row in zip(seen, filming, strict=True) for _ in row]
    )
    if spec.place.kind == "room":
        return furnished_room(rng, occupied, eyes, targets, spec.place.occluders)
    things = objects(rng, occupied, eyes, targets, spec.place.occluders + int(rng.integers(0, 4)))
    return things if len(things.faces) else None  # none were wanted, or there was no place for any


def _surface(scene: Scene) -> Surface:
    """Everything as one mesh: people as instances 1, 2, ..., the stage as 0."""
    fields: dict[str, list[np.ndarray]] = {name: [] for name in Surface.__dataclass_fields__}
    vertices = textures = garments = 0

    def add(**arrays: np.ndarray) -> None:
        for name, array in arrays.items():
            fields[name].append(array)

    for i, performer in enumerate(scene.performers):
        dressed = performer.dressed
        count = len(dressed.faces)
        add(
            faces=dressed.faces + vertices,
            face_uv=dressed.face_uv,
            face_texture=dressed.face_material + textures,
            face_instance=np.full(count, i + 1),
            vertex_parts=dressed.part_weights,
            face_garment=dressed.face_material + garments + 1,
            vertex_dense=dressed.dense,
            face_casts=np.ones(count),
            face_front_only=np.zeros(count),
        )
        vertices += len(dressed.vertices)
        textures += len(performer.textures)
        garments += len(dressed.material_names)
    if scene.stage is not None:
        stage, count = scene.stage, len(scene.stage.faces)
        add(
            faces=stage.faces + vertices,
            face_uv=stage.face_uv,
            face_texture=stage.face_texture + textures,
            face_instance=np.zeros(count),
            vertex_parts=np.zeros((len(stage.vertices), 24)),
            face_garment=np.zeros(count),
            vertex_dense=np.zeros((len(stage.vertices), 3)),
            face_casts=stage.face_casts,
            face_front_only=stage.face_front_only,
        )
    return Surface(**{name: np.concatenate(arrays) for name, arrays in fields.items()})


def film(spec: SceneSpec, key: str, closet: Closet | None = None) -> tuple[Clip, Iterator[Sample]]:
    """The clip of a spec: what is known about it, and its frames one by one."""
    return roll(prepare(spec, closet), key)


def roll(scene: Scene, key: str) -> tuple[Clip, Iterator[Sample]]:
    """Film a scene that is ready."""
    spec = scene.spec
    first = scene.performers[0].motion if scene.performers else None
    clip = Clip(
        key,
        people=tuple(_track(performer, scene.cameras) for performer in scene.performers),
        fps=spec.fps,
        action=first.action if first else "",
        subject=first.subject if first else "",
        source=first.source if first else "",
        info={
            "spec": spec.to_dict(),
            "garments": scene.garments,
            "group": spec.group,
            "view": spec.view,
            "things": list(scene.stage.names) if scene.stage else [],
        },
    )
    return clip, _frames(scene, key)


def _track(performer: Performer, cameras: list[Camera]) -> Track:
    joints3d = {
        name: np.stack([camera.to_camera(row) for camera, row in zip(cameras, rows, strict=True)])
        for name, rows in performer.joints.items()
    }
    motion = performer.motion
    return Track(
        joints3d=joints3d,
        arrays={
            "shape": np.array(performer.actor.shape, np.float32),
            "identity": np.asarray(performer.identity, np.float32),
            "expression": np.asarray(performer.expression, np.float32),
            "pose_aa": matrix_to_axis_angle(motion.pose).numpy().astype(np.float32),
            "translation": motion.translation.numpy().astype(np.float32),
        },
        info={
            "clothes": list(performer.clothes),
            "action": motion.action,
            "subject": motion.subject,
            "source": performer.actor.source.motion,
        },
    )


class _Set:
    """The running camera: renders the frames of a scene one after another."""

    def __init__(self, scene: Scene) -> None:
        self.scene, spec = scene, scene.spec
        rng = np.random.default_rng([spec.sensor_seed, 0])
        self.sensor = None if spec.sensor == "off" else sample_sensor(rng, spec.sensor)
        light = np.array(spec.light, np.float32)
        self.light = light if light.size == 9 else light.reshape(9, 3)
        self.sun = _sun(spec)
        self.floor = Floor(0.0, spec.sun.shade) if spec.sun and spec.place.kind != "room" else None
        self.renderer: Renderer | None = None
        if scene.performers or scene.stage is not None:
            textures = [texture for p in scene.performers for texture in p.textures]
            textures += list(scene.stage.textures) if scene.stage else []
            self.renderer = Renderer(_surface(scene), textures)

    def shoot(self, t: int) -> Frame:
        """Frame `t`; to be called once for each, in order, as a background may be a film."""
        scene = self.scene
        background = next(scene.backdrop.pictures)
        if self.renderer is None:
            return Frame.empty(background)
        shutter = self._shutter(t)
        return self.renderer.render(
            scene.vertices(t),
            scene.cameras[t],
            self.light,
            background,
            samples=self._samples(t, shutter),
            sun=self.sun,
            shutter=shutter,
            floor=self.floor,
        )

    def _samples(self, t: int, shutter: Shutter | None) -> int:
        """Rays a pixel: more where something that the picture shows moves far while the shutter is open."""
        if shutter is None:
            return SAMPLES
        camera = self.scene.cameras[t]
        chosen = slice(None, None, SWEEP_VERTICES)
        here, there = (
            c.project(v[chosen])
            for c, v in ((camera, self.scene.vertices(t)), (shutter.camera, np.asarray(shutter.vertices)))
        )
        shown = ((here >= 0) & (here <= (camera.size[1], camera.size[0]))).all(1) & np.isfinite(there).all(1)
        far_px = np.linalg.norm(there - here, axis=1)[shown].max(initial=0.0)
        return int(np.clip(np.ceil(far_px / STEP_PX), SAMPLES, MOST_SAMPLES))

    def _shutter(self, t: int) -> Shutter | None:
        """Where everything is when the shutter closes: part of the way to the next frame, or on from the last one."""
        scene, spec = self.scene, self.scene.spec
        if not spec.exposure_s or spec.frames < 2:
            return None
        share = min(1.0, spec.exposure_s * spec.fps)
        one, two = (t, t + 1) if t + 1 < spec.frames else (t - 1, t)
        here = scene.vertices(t)
        moved = here + np.float32(share) * (scene.vertices(two, t) - scene.vertices(one, t))
        if spec.shot != "moving" or t + 1 == spec.frames:
            return Shutter(moved, scene.cameras[t])
        return Shutter(moved, between(scene.cameras[t], scene.cameras[t + 1], share))

    def flow(self, here: Frame, t: int, there: Frame | None, other: int) -> np.ndarray:
        scene = self.scene
        if there is None:
            return np.full((*here.parts.shape, 2), np.nan, np.float32)
        if self.renderer is None:
            return np.full((*here.parts.shape, 2), 0.0 if scene.backdrop.static else np.nan, np.float32)
        return self.renderer.flow(
            here, scene.cameras[t], there, scene.vertices(other), scene.cameras[other], scene.backdrop.static
        )

    def develop(self, frame: Frame, t: int) -> np.ndarray:
        """What lens, sensor and camera make of what reaches them."""
        spec, image = self.scene.spec, frame.image
        if self.sensor is not None:
            subject = frame.depth[frame.instance > 0]
            focus_m = float(np.median(subject)) if len(subject) else None
            rng = np.random.default_rng([spec.sensor_seed, 2, t, spec.view])
            image = capture(rng, image, self.sensor, frame.depth, focus_m)
        if PRESETS[spec.preset].develop:
            image = develop(np.random.default_rng([spec.sensor_seed, 1, t, spec.view]), image)
        return image if self.sensor is None else finish(image, self.sensor)


def between(one: Camera, two: Camera, share: float) -> Camera:
    """The camera `share` (0..1) of the way from one to another: straight, its axes by their mean made square."""
    u, _, v = np.linalg.svd((1 - share) * one.R + share * two.R)
    R = u @ v
    centre = (1 - share) * one.center + share * two.center
    return Camera((1 - share) * one.K + share * two.K, R, -R @ centre, one.size)


def _sun(spec: SceneSpec) -> Sun | None:
    if spec.sun is None:
        return None
    high, round_ = spec.sun.elevation_rad, spec.sun.azimuth_rad
    direction = np.array([np.cos(high) * np.cos(round_), np.cos(high) * np.sin(round_), np.sin(high)])
    return Sun(direction, np.array(spec.sun.colour), spec.sun.radius_rad)


def _frames(scene: Scene, key: str) -> Iterator[Sample]:
    camera = _Set(scene)
    last: Frame | None = None
    here = camera.shoot(0)
    for t in range(scene.spec.frames):
        following = camera.shoot(t + 1) if t + 1 < scene.spec.frames else None
        yield _sample(scene, key, camera, t, here, (last, following))
        if following is None:
            return
        last, here = here, following


def _sample(
    scene: Scene, key: str, camera: _Set, t: int, frame: Frame, around: tuple[Frame | None, Frame | None]
) -> Sample:
    person = frame.instance > 0
    return Sample(
        image=camera.develop(frame, t),
        key=f"{key}_f{t:04d}",
        parts=frame.parts,
        depth=np.where(person, frame.depth, np.float32(np.nan)),
        normals=np.where(person[..., None], frame.normals, np.float32(0)),
        instance=frame.instance,
        hidden_depth=frame.hidden_depth,
        flow=camera.flow(frame, t, around[1], t + 1),
        flow_back=camera.flow(frame, t, around[0], t - 1),
        garments=frame.garments,
        dense=frame.dense,
        camera=scene.cameras[t],
        people=_people(scene, t, frame),
    )


def _people(scene: Scene, t: int, frame: Frame) -> tuple[Person, ...]:
    """Everybody with COCO's joints, for who films without storing; the clip's tracks know all sets."""
    people = []
    for i, performer in enumerate(scene.performers):
        joints = scene.cameras[t].to_camera(performer.joints["coco17"][t])
        box = instance_box(frame.instance, i + 1)
        people.append(
            Person(
                "coco17",
                scene.cameras[t].to_pixels(joints).astype(np.float32),
                joints.astype(np.float32),
                box=box if np.isfinite(box).all() else None,
            )
        )
    return tuple(people)
