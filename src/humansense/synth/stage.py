"""Stages: furnished rooms, and things standing in the open, as triangles that are rendered together with the people.

`furnished_room` surrounds the space that people pass through with walls and furniture that nobody walks into;
`objects` stands a few things around them in front of a background that is a picture. Both are pure in the generator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from humansense.core import HumansenseError
from humansense.synth.noise import Rng, between, chance
from humansense.synth.stage_furniture import PIECES
from humansense.synth.stage_materials import Palette
from humansense.synth.stage_mesh import Patch, quad
from humansense.synth.stage_placing import CLEARANCE_M, Occupied, Piece, Plan, Sight
from humansense.synth.stage_room import Room, build_room, ceiling_lamps, cover_room

CAMERA_REACH_M = 16.0  # a room takes in the cameras that stand so near to the people; the others look through the wall
HIGHEST_M = 6.0  # a ceiling is not raised above that for a camera's sake
FULL_FACES = 8000  # triangles of furniture after which none more is carried in
SPARE = 4  # pieces more that are tried where some found no place
TRIES = 10  # places for each piece
OPEN_M = 6.0  # how far from the people things stand in the open


@dataclass(frozen=True)
class Stage:
    """Scenery: V vertices, F triangles, N pieces; the front of a triangle is where it runs anticlockwise.

    vertices: (V, 3) float32 metres, world. faces: (F, 3) int32. face_uv: (F, 3, 2) float32, v up, repeating.
    face_texture: (F,) int32 into `textures`, (h, w, 3) uint8 RGB each. face_casts: (F,) bool, whether it casts the
    sun's shadow: furniture does, the shell of a room does not. face_front_only: (F,) bool, seen from the front alone:
    the shell, so that a camera may stand outside. solids: (N, 5) x0, y0, x1, y1 on the ground and height of each
    piece, metres. names: of the pieces, rows of `PIECES`. occluders: the first so many of them were put between the
    first camera and its person.
    """

    vertices: np.ndarray
    faces: np.ndarray
    face_uv: np.ndarray
    face_texture: np.ndarray
    textures: tuple[np.ndarray, ...]
    face_casts: np.ndarray
    face_front_only: np.ndarray
    solids: np.ndarray
    names: tuple[str, ...]
    occluders: int = 0


# What stands in a room of each kind: (piece, where), the most typical first. "around" is beside the last table or desk.
THEMES: Mapping[str, tuple[tuple[str, str], ...]] = MappingProxyType(
    {
        "living": (
            ("sofa", "wall"),
            ("coffee table", "before"),
            ("bookshelf", "wall"),
            ("television", "wall"),
            ("armchair", "free"),
            ("plant", "corner"),
            ("floor lamp", "corner"),
            ("cupboard", "wall"),
            ("bookshelf", "wall"),
            ("stool", "free"),
            ("plant", "wall"),
            ("sofa", "wall"),
        ),
        "bedroom": (
            ("bed", "wall"),
            ("wardrobe", "wall"),
            ("cupboard", "wall"),
            ("armchair", "free"),
            ("floor lamp", "corner"),
            ("chair", "wall"),
            ("plant", "corner"),
            ("screen", "wall"),
            ("desk", "wall"),
            ("office chair", "before"),
            ("wardrobe", "wall"),
        ),
        "office": (
            ("desk", "wall"),
            ("office chair", "before"),
            ("bookshelf", "wall"),
            ("desk", "wall"),
            ("office chair", "before"),
            ("table", "free"),
            ("chair", "around"),
            ("chair", "around"),
            ("plant", "corner"),
            ("cupboard", "wall"),
            ("bookshelf", "wall"),
            ("parcels", "corner"),
            ("desk", "wall"),
            ("office chair", "before"),
        ),
        "kitchen": (
            ("counter", "wall"),
            ("table", "free"),
            ("chair", "around"),
            ("chair", "around"),
            ("chair", "around"),
            ("cupboard", "wall"),
            ("counter", "wall"),
            ("stool", "free"),
            ("plant", "corner"),
            ("bench", "wall"),
            ("bookshelf", "wall"),
        ),
        "store": (
            ("parcels", "wall"),
            ("bookshelf", "wall"),
            ("barrel", "corner"),
            ("parcels", "corner"),
            ("ladder", "free"),
            ("barrel", "wall"),
            ("wardrobe", "wall"),
            ("parcels", "free"),
            ("bench", "wall"),
            ("low wall", "free"),
            ("table", "wall"),
            ("barrel", "free"),
        ),
        "hall": (
            ("bench", "wall"),
            ("plant", "corner"),
            ("post", "free"),
            ("low wall", "free"),
            ("table", "wall"),
            ("chair", "wall"),
            ("chair", "wall"),
            ("sofa", "wall"),
            ("screen", "wall"),
            ("planter", "free"),
            ("stool", "free"),
            ("bookshelf", "wall"),
            ("bench", "free"),
        ),
    }
)
INDOOR_OCCLUDERS = (
    *("table", "chair", "chair", "armchair", "sofa", "coffee table", "cupboard", "low wall", "plant", "stool"),
    *("bench", "parcels", "barrel", "screen", "office chair", "desk", "floor lamp", "ladder"),
)
OUTDOOR = (
    *("fence", "fence", "bench", "bench", "parcels", "post", "post", "hedge", "hedge", "barrel", "planter"),
    *("low wall", "chair", "table", "plant", "ladder", "stool"),
)


def furnished_room(
    rng: np.random.Generator,
    occupied: np.ndarray,
    eyes: np.ndarray,
    targets: np.ndarray,
    occluders: int = 0,
) -> Stage:
    """A room around people, furnished.

    occupied: (N, 3) metres, world: points that bodies pass through over the clip, no farther apart than the clearance
        of 8 cm that furniture keeps from them; every eighth vertex of a body is enough.
    eyes: (M, 3) centres of the cameras over the clip, the first frame's first; a camera that stands still is repeated
        for the frames whose people it must see.
    targets: (M, 3) the middle of whom each looks at, or (M, P, 3) points of them that count alike: COCO's joints, say,
        not a rig's bones, of which most are fingers.
    occluders: pieces to be put between the first camera and its person, each hiding 10 to 60 % of it there; fewer where
        there is no place for them (`Stage.occluders`).

    All that stands in a room hides at most 60 % of the people from a camera, 15 % without occluders, by the lines of
    sight of up to 32 of the cameras to 16 points each.

    Cameras within `CAMERA_REACH_M` of the people stand inside the walls, where they are not below the floor.
    Raises `HumansenseError` for arrays of other shapes.
    """
    occupied = _checked(occupied)
    sight = Sight.of(eyes, targets)
    eyes = np.asarray(eyes, float).reshape(-1, 3)
    palette = Palette(rng)
    low, high, height = _extent(rng, occupied, eyes)
    room = build_room(rng, low, high, height)
    middle = (occupied.min(0) + occupied.max(0))[:2] / 2
    plan = Plan(low + 0.02, high - 0.02, Occupied(occupied), sight, eyes)
    for wall in room.walls:
        for a, b in wall.doors:
            zone = np.stack([wall.world(a, 0.0), wall.world(b, 0.8)])
            plan.kept_free.append((*zone.min(0), *zone.max(0)))
    placed = _put_occluders(rng, plan, INDOOR_OCCLUDERS, occluders)
    _furnish(rng, plan, room, middle)
    cover_room(rng, room, np.array(plan.solids).reshape(-1, 5), _grounded(plan.placed), palette)
    room.patches += _rugs(rng, room)
    for lamp in ceiling_lamps(rng, room):
        piece = Piece("lamp", tuple(lamp))
        if plan.may_hang(piece):
            room.patches += lamp
    return _assembled(palette, plan, room.patches, placed)


def objects(rng: np.random.Generator, occupied: np.ndarray, eyes: np.ndarray, targets: np.ndarray, count: int) -> Stage:
    """Things that stand on the open ground around people, for a background that is a picture.

    The arguments are those of `furnished_room`. About half of the `count` pieces, at least one, are put between the
    first camera and its person; the rest stand beside and behind. There may be fewer where there is no place.
    """
    occupied = _checked(occupied)
    sight = Sight.of(eyes, targets)
    eyes = np.asarray(eyes, float).reshape(-1, 3)
    middle = (occupied.min(0) + occupied.max(0))[:2] / 2
    reach = (occupied.max(0) - occupied.min(0))[:2] / 2 + OPEN_M
    plan = Plan(middle - reach, middle + reach, Occupied(occupied), sight, eyes)
    palette = Palette(rng)
    placed = _put_occluders(rng, plan, OUTDOOR, (count + 1) // 2)
    for _ in range(count - placed):
        piece = _piece(rng, OUTDOOR[rng.integers(len(OUTDOOR))])
        for _ in range(TRIES):
            xy = middle + reach * rng.uniform(-1, 1, 2)
            if plan.put(piece, xy, between(rng, -np.pi, np.pi)):
                break
    return _assembled(palette, plan, [], placed)


def _checked(occupied: np.ndarray) -> np.ndarray:
    points = np.asarray(occupied, np.float32)
    if points.ndim != 2 or points.shape[1] != 3 or not len(points) or not np.isfinite(points).all():
        raise HumansenseError(f"occupied has shape {points.shape}, expected (N, 3) finite points of at least one body")
    return points


def _extent(rng: Rng, occupied: np.ndarray, eyes: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Where the walls stand and how high the ceiling is: around all people, and the cameras that are near enough."""
    body_low, body_high = occupied.min(0), occupied.max(0)
    low = body_low[:2] - rng.uniform(0.9, 2.6, 2)
    high = body_high[:2] + rng.uniform(0.9, 2.6, 2)
    outside = np.maximum(np.maximum(body_low[:2] - eyes[:, :2], eyes[:, :2] - body_high[:2]), 0)
    near = np.linalg.norm(outside, axis=1) < CAMERA_REACH_M
    if near.any():
        low = np.minimum(low, eyes[near, :2].min(0) - between(rng, 0.35, 1.2))
        high = np.maximum(high, eyes[near, :2].max(0) + between(rng, 0.35, 1.2))
    height = max(between(rng, 2.4, 3.2), body_high[2] + 0.3)
    if (high - low).min() > 7:
        height = max(height, between(rng, 2.8, 4.0))
    lifted = eyes[near & (eyes[:, 2] < HIGHEST_M), 2]
    return low, high, max(height, float(lifted.max()) + 0.4 if len(lifted) else 0.0)


def _piece(rng: Rng, name: str) -> Piece:
    return Piece(name, tuple(PIECES[name](rng)))


def _put_occluders(rng: Rng, plan: Plan, names: tuple[str, ...], count: int) -> int:
    placed = 0
    for _ in range(count):
        order = rng.permutation(len(names))[:6]
        placed += plan.occlude(rng, (_piece(rng, names[i]) for i in order))
    return placed


def _furnish(rng: Rng, plan: Plan, room: Room, middle: np.ndarray) -> None:
    """Pieces of one theme until the room is full enough."""
    theme = THEMES[tuple(THEMES)[rng.integers(len(THEMES))]]
    area = float(np.prod(room.high - room.low))
    wanted = int(np.clip(4 + area * between(rng, 0.12, 0.28), 5, 18))
    before = len(plan.names)
    last: tuple[Piece, np.ndarray, float, int] | None = None
    for i in range(wanted + SPARE):
        if len(plan.names) - before >= wanted:
            break
        name, where = theme[i % len(theme)]
        if where in ("before", "around") and last is None:
            continue
        if sum(len(patch.faces) for patches in plan.placed for patch in patches) > FULL_FACES:
            break
        piece = _piece(rng, name)
        for _ in range(TRIES):
            if last is not None and where in ("before", "around"):
                xy, yaw = _near(rng, piece, where, last)
            else:
                xy, yaw = _place(rng, piece, where, room, middle)
            if plan.put(piece, xy, yaw, beside=last[3] if where in ("before", "around") and last else -1):
                if where not in ("before", "around"):
                    last = (piece, xy, yaw, len(plan.names) - 1)
                break
        else:
            last = None if where not in ("before", "around") else last


def _place(rng: Rng, piece: Piece, where: str, room: Room, middle: np.ndarray) -> tuple[np.ndarray, float]:
    """A place to try: at a wall, in a corner, or anywhere, more often near the people's middle."""
    low, high = piece.extent
    area = float(np.prod(room.high - room.low))
    if where in ("wall", "corner") and not (area > 70 and chance(rng, 0.5)):
        wall = room.walls[rng.integers(4)]
        start, end = -low[0] + 0.05, wall.width - high[0] - 0.05
        along = between(rng, start, max(start, end))
        if where == "corner":
            along = start + 0.1 if chance(rng, 0.5) else end - 0.1
        tall = high[2] > 0.95
        windows = [w for w in wall.windows if w[0] < along + high[0] and w[1] > along + low[0]]
        if tall and windows:  # not before a window: another wall next time
            return np.full(2, np.inf), 0.0
        gap = 0.17 if windows else 0.035
        return wall.world(along, gap + float(high[1])), wall.yaw_rad
    xy = room.low + (room.high - room.low) * rng.uniform(0.08, 0.92, 2)
    if chance(rng, 0.6):  # where people and cameras meet, not at the far end of a hall
        xy = middle + rng.uniform(-4.0, 4.0, 2)
    return xy, between(rng, -np.pi, np.pi) if chance(rng, 0.5) else float(rng.integers(4)) * np.pi / 2


def _near(rng: Rng, piece: Piece, where: str, last: tuple[Piece, np.ndarray, float, int]) -> tuple[np.ndarray, float]:
    """A place before the last piece, or at a side of it; chairs turn to it."""
    anchor, xy, yaw, _ = last
    low, high = anchor.extent
    if where == "before":  # a chair is drawn up to a desk; a table leaves room for knees
        chair = "chair" in piece.name
        gap = between(rng, -0.3, 0.1) if chair else between(rng, 0.3, 0.5)
        local = np.array([rng.normal(0, 0.08), low[1] - gap - piece.extent[1, 1]])
        if chair:
            local[1] = low[1] - gap + piece.extent[0, 1]
        turn = np.pi + rng.normal(0, 0.35) if chair else rng.normal(0, 0.04)
    else:
        side = int(rng.integers(4))
        gap = between(rng, -0.25, 0.1)
        if side < 2:
            x = between(rng, low[0] * 0.6, high[0] * 0.6)
            local = np.array([x, low[1] - 0.25 - gap if side == 0 else high[1] + 0.25 + gap])
            turn = np.pi if side == 0 else 0.0
        else:
            local = np.array([low[0] - 0.25 - gap if side == 2 else high[0] + 0.25 + gap, rng.normal(0, 0.05)])
            turn = np.pi / 2 if side == 2 else -np.pi / 2
        turn += rng.normal(0, 0.15)
    c, s = np.cos(yaw), np.sin(yaw)
    return xy + np.array([c * local[0] - s * local[1], s * local[0] + c * local[1]]), yaw + turn


def _rugs(rng: Rng, room: Room) -> list[Patch]:
    """Perhaps a rug on the floor; people stand on it, so it is flat."""
    if not chance(rng, 0.4):
        return []
    w, d = np.minimum(rng.uniform((1.2, 0.9), (3.2, 2.2)), (room.high - room.low) * 0.7)
    x, y = room.low + (room.high - room.low - (w, d)) * rng.uniform(0.15, 0.85, 2)
    return [quad((x, y, 0.004), (w, 0, 0), (0, d, 0), "rug")]


def _grounded(placed: list[list[Patch]]) -> list[np.ndarray]:
    """Outlines (4, 2) of what is near the floor, for the shadow around it."""
    outlines = []
    for patches in placed:
        for patch in patches:
            low, high = patch.vertices.min(0), patch.vertices.max(0)
            if low[2] < 0.35:
                outlines.append(np.array([[low[0], low[1]], [high[0], low[1]], [high[0], high[1]], [low[0], high[1]]]))
    return outlines


def _assembled(palette: Palette, plan: Plan, shell: list[Patch], occluders: int) -> Stage:
    """One mesh of the shell and all pieces."""
    furniture = [patch for patches in plan.placed for patch in patches]
    patches = shell + furniture
    starts = np.cumsum([0, *(len(patch.vertices) for patch in patches)])
    counts = [len(patch.faces) for patch in patches]
    shell_faces = sum(counts[: len(shell)])
    is_shell = np.arange(sum(counts)) < shell_faces
    extents = np.repeat(np.array([palette[patch.material].metres for patch in patches], np.float32), counts)
    textures = np.repeat(np.array([palette.index(patch.material) for patch in patches], np.int32), counts)
    none = (np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32), np.zeros((0, 3, 2), np.float32))
    return Stage(
        vertices=np.concatenate([none[0], *(patch.vertices for patch in patches)]),
        faces=np.concatenate([none[1], *(p.faces + np.int32(s) for p, s in zip(patches, starts, strict=False))]),
        face_uv=np.concatenate([none[2], *(patch.uv for patch in patches)]) / extents[:, None, None],
        face_texture=textures,
        textures=palette.textures,
        face_casts=~is_shell,
        face_front_only=is_shell,
        solids=np.array(plan.solids, np.float32).reshape(-1, 5),
        names=tuple(plan.names),
        occluders=occluders,
    )


__all__ = ["CLEARANCE_M", "PIECES", "Stage", "furnished_room", "objects"]
