"""The people of a clip: a spec's actors become dressed bodies that perform on one floor."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch

from humansense.bodies import (
    Closet,
    Dressed,
    age_years,
    dress,
    load_body,
    load_skin,
    sample_expression,
    sample_identity,
    sample_outfit,
    sample_skin,
    tinted,
    with_expression,
    with_identity,
)
from humansense.core import HumansenseError, joint_set
from humansense.motion import BodyMotion, Motion, Window, cut, procedural, read_motion, retarget
from humansense.motion.hands import with_hands
from humansense.motion.placing import Placement, footprint, moved, place_apart
from humansense.motion.quality import acceptable, judge, mend
from humansense.motion.rig import make_rig
from humansense.synth.fabrics import fabric, hair_colour, hair_texture
from humansense.synth.skin import skin_texture
from humansense.synth.skin_layout import skin_layout
from humansense.synth.spec import Actor, SceneSpec

STORED_SETS = ("mpii16", "coco17", "h36m17", "smpl24", "anny")  # lsp14 and human21 hold the same joints


FLOOR_RADIUS_M = 5.0  # several people stay this near to the middle of the floor


class UnusableError(HumansenseError):
    """A draw that does not make a clip: another one takes its place. `file` is what is to blame, or ""."""

    def __init__(self, message: str, file: str = "") -> None:
        super().__init__(message)
        self.file = file


@dataclass(frozen=True)
class Performer:
    """One person in the world: vertices (T, N, 3) of the dressed body, joints {set: (T, J, 3)} metres, z up.

    textures: one a material of the dressed body, skin first, RGB or RGBA. clothes: names for the record. identity,
    expression: weights of the face, as `bodies.with_identity` and `with_expression` take them.
    """

    actor: Actor
    motion: BodyMotion
    dressed: Dressed
    vertices: np.ndarray
    joints: dict[str, np.ndarray]
    textures: tuple[np.ndarray, ...]
    clothes: tuple[str, ...]
    identity: np.ndarray
    expression: np.ndarray


@lru_cache(maxsize=16)
def _capture(path: str) -> Motion:
    try:
        return read_motion(path)
    except HumansenseError as error:
        raise UnusableError(str(error), path) from error


def act(actor: Actor, frames: int, fps: float) -> BodyMotion:
    """The motion of one person alone: `frames` poses at `fps`, on the floor, facing where the source faces.

    Raises `UnusableError` for a file that cannot be used and for a body that would pass through itself.
    """
    body, shape = load_body(), torch.tensor([actor.shape])
    source = actor.source
    rig = make_rig(body, shape)
    if source.motion.startswith("procedural:"):
        rng = np.random.default_rng(actor.motion_seed)
        motion = procedural(source.motion.removeprefix("procedural:"), rng, frames, fps * actor.speed, body, shape)
        motion = replace(motion, fps=fps)
    else:
        window = Window(source.motion, source.first, frames, 0.0)
        try:
            motion = retarget(cut(_capture(source.motion), window, fps, actor.speed), body, shape)
        except HumansenseError as error:
            raise UnusableError(f"{source.motion}: {error}", source.motion) from error
        motion = _there_and_back(motion, frames)
    motion = with_hands(motion, np.random.default_rng(actor.hands_seed), rig)
    motion = mend(motion, rig)
    if not acceptable(judge(motion, rig)):
        raise UnusableError(f"a body passes through itself or the floor in {source.motion}")
    return mirrored(motion) if actor.mirror else motion


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


def _perform(actor: Actor, motion: BodyMotion, closet: Closet | None) -> Performer:
    """Dress one person and pose it through its motion."""
    body = load_body()
    face = np.random.default_rng(actor.face_seed)
    identity, expression = sample_identity(face), sample_expression(face)
    rest = with_identity(body, body.rest(torch.tensor([actor.shape], dtype=torch.float32)), identity)
    rest = with_expression(body, rest, expression)
    outfit = sample_outfit(np.random.default_rng([actor.outfit_seed, 0]), body, actor.shape, closet)
    dressed = dress(body, outfit, rest)
    posed = dressed.pose(body, rest, motion.pose, motion.translation, STORED_SETS)
    joints = {name: posed.joints[name].numpy() for name in STORED_SETS}
    return Performer(
        actor=actor,
        motion=motion,
        dressed=dressed,
        vertices=posed.vertices.numpy(),
        joints=joints,
        textures=_textures(actor, dressed, closet),
        clothes=tuple(outfit.describe()),
        identity=identity,
        expression=expression,
    )


def _textures(actor: Actor, dressed: Dressed, closet: Closet | None) -> tuple[np.ndarray, ...]:
    """One texture a material, in the order of the dressed body: skin first. Brows and beard have the hair's colour."""
    rng = np.random.default_rng([actor.outfit_seed, 1])
    phenotype = dict(zip(load_body().shape_names, actor.shape, strict=True))
    hair = hair_colour(rng, float(age_years(phenotype["age"])))
    painted = skin_texture(rng, skin_layout(), phenotype, hair)
    made: list[np.ndarray] = []
    for kind, own in zip(dressed.material_kinds[1:], dressed.material_textures[1:], strict=True):
        drawn = hair_texture(rng, colour=hair) if kind == "hair" else fabric(rng)
        if own is not None:
            drawn = tinted(own, hair) if kind == "hair" else own
        made.append(drawn)
    picture = actor.skin or sample_skin(np.random.default_rng([actor.outfit_seed, 2]), closet, actor.shape)
    if picture:
        try:
            painted = load_skin(picture)
        except HumansenseError as error:
            raise UnusableError(str(error), str(picture)) from error
    return (painted, *made)


def cast(spec: SceneSpec, closet: Closet | None = None) -> tuple[Performer, ...]:
    """Everybody of a clip, placed so that nobody passes through another; who finds no room is left out."""
    motions = [act(actor, spec.frames, spec.fps) for actor in spec.actors]
    places = [Placement(i, _centring(motion), 0.0) for i, motion in enumerate(motions)][:1]
    if len(motions) > 1:
        prints = [
            footprint(m, make_rig(load_body(), torch.tensor(a.shape)))
            for m, a in zip(motions, spec.actors, strict=True)
        ]
        places = list(place_apart(np.random.default_rng([*spec.seed, 7]), prints, FLOOR_RADIUS_M)) or places
    return tuple(_perform(spec.actors[p.person], moved(motions[p.person], p.xy, p.heading_rad), closet) for p in places)


def _centring(motion: BodyMotion) -> tuple[float, float]:
    """The shift that brings the middle of the path to the origin."""
    path = motion.translation[:, :2]
    x, y = (-(path.amin(0) + path.amax(0)) / 2).tolist()
    return x, y
