"""Where a piece may stand: clear of people, cameras and other pieces, hiding no more of the people than is wanted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from humansense.core import HumansenseError
from humansense.synth.noise import Rng, between
from humansense.synth.stage_mesh import Patch, cross, moved, turned

CLEARANCE_M = 0.08  # from any point that a body passes
EYE_CLEARANCE_M = 0.35  # from a camera
LAMP_CLEARANCE_M = 0.8  # of a lamp from a camera, which it would fill
GAP_M = 0.04  # between pieces
HIDDEN_BY_CHANCE = 0.15  # share of a person that pieces may hide where no occluder is asked for
HIDDEN_LOW, HIDDEN_HIGH = 0.10, 0.60  # share that an occluder hides, and the most that all hide together
EYES, MARKS = 32, 16  # cameras and points of a person that the lines of sight are tested for
CELLS = 4_000_000  # of the grid that holds where people are


@dataclass(frozen=True)
class Piece:
    """One thing of furniture in its own axes: on z = 0 around the origin, front towards -y."""

    name: str
    patches: tuple[Patch, ...]

    @cached_property
    def boxes(self) -> np.ndarray:
        """(P, 2, 3) lowest and highest corner of each patch."""
        starts = np.cumsum([0, *(len(patch.vertices) for patch in self.patches[:-1])])
        bounds = (np.minimum.reduceat(self.vertices, starts), np.maximum.reduceat(self.vertices, starts))
        return np.stack(bounds, 1)

    @cached_property
    def vertices(self) -> np.ndarray:
        """All vertices (V, 3) in the order of the patches."""
        return np.concatenate([patch.vertices for patch in self.patches])

    @cached_property
    def faces(self) -> np.ndarray:
        """All faces (F, 3) into `vertices`."""
        starts = np.cumsum([0, *(len(patch.vertices) for patch in self.patches)])
        return np.concatenate([patch.faces + start for patch, start in zip(self.patches, starts, strict=False)])

    @cached_property
    def extent(self) -> np.ndarray:
        """(2, 3) lowest and highest corner."""
        return np.stack([self.boxes[:, 0].min(0), self.boxes[:, 1].max(0)])

    def placed(self, at: np.ndarray, yaw_rad: float) -> list[Patch]:
        """Its patches in the world."""
        return [moved(patch, at, yaw_rad) for patch in self.patches]


class Occupied:
    """The space that bodies pass through, as the cells of a grid."""

    def __init__(self, points: np.ndarray) -> None:
        """points: (N, 3) metres, dense enough that no body fits between them and the clearance."""
        self.low, self.high = points.min(0), points.max(0)
        span = self.high - self.low
        step = 0.05
        while np.prod(span / step + 1) > CELLS:
            step *= 1.5
        shape = tuple((span / step).astype(int) + 2)
        grid = np.zeros(shape, bool)
        cells = ((points - self.low) * np.float32(1 / step)).astype(np.int32)
        grid.reshape(-1)[(cells[:, 0] * shape[1] + cells[:, 1]) * shape[2] + cells[:, 2]] = True
        self.step = step
        self.centres = (np.argwhere(grid) + 0.5) * step + self.low

    def touches(self, piece: Piece, at: np.ndarray, yaw_rad: float) -> bool:
        """Whether a point of a body may come nearer than the clearance to a patch's box."""
        # A point lies up to half a cell from its cell's centre along each axis; the axes of the piece are turned.
        margin = CLEARANCE_M + self.step * np.array([0.71, 0.71, 0.5])
        low, high = footprint(piece, at, yaw_rad)
        # `argwhere` leaves the cells in the order of x: only a slab of them has to be looked at.
        first, last = np.searchsorted(self.centres[:, 0], (low[0] - margin[0], high[0] + margin[0]))
        slab = self.centres[first:last]
        near = ((slab > low - margin) & (slab < high + margin)).all(1)
        local = turned((slab[near] - at).astype(np.float32), -yaw_rad)
        if not len(local):
            return False
        return any(((local > low - margin) & (local < high + margin)).all(1).any() for low, high in piece.boxes)


def footprint(piece: Piece, at: np.ndarray, yaw_rad: float) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest corner in the world."""
    low, high = piece.extent
    corners = np.array([[x, y, 0] for x in (low[0], high[0]) for y in (low[1], high[1])], np.float32)
    corners = turned(corners, yaw_rad) + at
    return np.append(corners.min(0)[:2], at[2] + low[2]), np.append(corners.max(0)[:2], at[2] + high[2])


def blocked(starts: np.ndarray, ends: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Whether each segment (S, 3) to (S, 3) meets any of the triangles (T, 3, 3), from either side: (S,) bool.

    Moeller and Trumbore 1997, for all pairs at once.
    """
    a = triangles[:, 0]
    ab, ac = triangles[:, 1] - a, triangles[:, 2] - a
    way = ends - starts
    normal = cross(ab, ac)
    determinant = -(way @ normal.T)
    safe = np.where(np.abs(determinant) < 1e-12, 1e-12, determinant)
    # Scalar triple products, so that nothing of size S x T x 3 is made.
    moment = cross(starts, way)
    t = (starts @ normal.T - (a * normal).sum(1)) / safe
    v = (moment @ ac.T + way @ cross(a, ac).T) / safe
    w = -(moment @ ab.T + way @ cross(a, ab).T) / safe
    hit = (np.abs(determinant) > 1e-12) & (t > 0) & (t < 1) & (v >= 0) & (w >= 0) & (v + w <= 1)
    return hit.any(1)


@dataclass
class Sight:
    """The lines from cameras to the people they look at, and which of them are hidden.

    eyes: (M, 3). marks: (M, P, 3) points of the person that camera m looks at. hidden: (M, P) bool.
    """

    eyes: np.ndarray
    marks: np.ndarray
    hidden: np.ndarray

    @staticmethod
    def of(eyes: np.ndarray, targets: np.ndarray) -> Sight:
        """targets: (M, 3) middles of people, or (M, P, 3) points of them; the first camera is always kept."""
        eyes, targets = np.asarray(eyes, float).reshape(-1, 3), np.asarray(targets, float)
        if len(eyes) != len(targets) or not len(eyes) or targets.shape[-1] != 3 or targets.ndim not in (2, 3):
            raise HumansenseError(
                f"eyes {eyes.shape} and targets {targets.shape} do not fit: expected (M, 3) and (M, 3) or (M, P, 3)"
            )
        keep = np.unique(np.linspace(0, len(eyes) - 1, min(EYES, len(eyes))).astype(int))
        eyes, targets = eyes[keep], targets[keep]
        if targets.ndim == 2:
            targets = _standing(eyes, targets)
        chosen = np.unique(np.linspace(0, targets.shape[1] - 1, min(MARKS, targets.shape[1])).astype(int))
        marks = targets[:, chosen]
        return Sight(eyes, marks, np.zeros(marks.shape[:2], bool))

    def hides(self, piece: Piece, at: np.ndarray, yaw_rad: float) -> np.ndarray:
        """(M, P) bool: which points the piece hides."""
        vertices = turned(piece.vertices, yaw_rad) + at
        low, high = vertices.min(0), vertices.max(0)
        middle, radius = (low + high) / 2, np.linalg.norm(high - low) / 2
        starts = np.broadcast_to(self.eyes[:, None], self.marks.shape).reshape(-1, 3)
        ends = self.marks.reshape(-1, 3)
        way = ends - starts
        length = np.maximum((way * way).sum(1), 1e-12)
        nearest = np.clip(((middle - starts) * way).sum(1) / length, 0, 1)
        near = np.linalg.norm(starts + nearest[:, None] * way - middle, axis=1) < radius
        result = np.zeros(len(starts), bool)
        if near.any():
            result[near] = blocked(starts[near] - middle, ends[near] - middle, (vertices - middle)[piece.faces])
        return result.reshape(self.hidden.shape)


def _standing(eyes: np.ndarray, middles: np.ndarray) -> np.ndarray:
    """Points of an upright person of whom only the middle is known: five heights, three places across the view."""
    way = (middles - eyes)[:, :2]
    side = np.stack([-way[:, 1], way[:, 0]], 1) / np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-9)
    side = np.concatenate([side, np.zeros((len(side), 1))], 1)
    heights = np.linspace(-0.85, 0.7, 5)
    points = [middles + np.array([0, 0, h]) + s * side for h in heights for s in (-0.18, 0.0, 0.18)]
    marks = np.stack(points, 1)
    marks[..., 2] = np.maximum(marks[..., 2], 0.05)
    return marks


@dataclass
class Plan:
    """A ground with what stands on it. low, high: (2,) metres, the free area."""

    low: np.ndarray
    high: np.ndarray
    occupied: Occupied
    sight: Sight
    all_eyes: np.ndarray
    names: list[str] = field(default_factory=list)
    solids: list[tuple[float, float, float, float, float]] = field(default_factory=list)
    placed: list[list[Patch]] = field(default_factory=list)
    kept_free: list[tuple[float, float, float, float]] = field(default_factory=list)

    def put(
        self,
        piece: Piece,
        xy: Iterable[float],
        yaw_rad: float,
        occluder: bool = False,
        beside: int = -1,
    ) -> bool:
        """Stand the piece there if it may; whether it does. beside: a piece it may overlap, as a chair its table."""
        at = np.array([*xy, 0.0], np.float32)
        low, high = footprint(piece, at, yaw_rad)
        if (low[:2] < self.low - 1e-6).any() or (high[:2] > self.high + 1e-6).any():
            return False
        rows = [solid[:4] for i, solid in enumerate(self.solids) if i != beside] + self.kept_free
        others = np.array(rows).reshape(-1, 4)
        apart = (others[:, :2] > high[:2] + GAP_M).any(1) | (others[:, 2:] < low[:2] - GAP_M).any(1)
        if not apart.all() or self._at_an_eye(low, high) or self.occupied.touches(piece, at, yaw_rad):
            return False
        if not self._may_hide(self.sight.hides(piece, at, yaw_rad), occluder):
            return False
        self.names.append(piece.name)
        self.solids.append((low[0], low[1], high[0], high[1], high[2]))
        self.placed.append(piece.placed(at, yaw_rad))
        return True

    def may_hang(self, piece: Piece) -> bool:
        """Whether a lamp in its place at the ceiling is clear of people, cameras and the lines between them."""
        here = np.zeros(3, np.float32)
        low, high = footprint(piece, here, 0.0)
        if self._at_an_eye(low, high, LAMP_CLEARANCE_M) or self.occupied.touches(piece, here, 0.0):
            return False
        return self._may_hide(self.sight.hides(piece, here, 0.0), False)

    def _at_an_eye(self, low: np.ndarray, high: np.ndarray, clearance: float = EYE_CLEARANCE_M) -> bool:
        outside = np.maximum(np.maximum(low - self.all_eyes, self.all_eyes - high), 0)
        return bool((np.linalg.norm(outside, axis=1) < clearance).any())

    def _may_hide(self, hides: np.ndarray, occluder: bool) -> bool:
        before = self.sight.hidden.mean(1)
        hidden = self.sight.hidden | hides
        after = hidden.mean(1)
        if occluder:
            allowed = HIDDEN_LOW <= hides[0].mean() <= HIDDEN_HIGH and (after <= np.maximum(HIDDEN_HIGH, before)).all()
        else:
            allowed = bool((after <= np.maximum(HIDDEN_BY_CHANCE, before)).all())
        if allowed:
            self.sight.hidden = hidden
        return bool(allowed)

    def occlude(self, rng: Rng, pieces: Iterable[Piece], tries: int = 8) -> bool:
        """Stand one of the pieces between the first camera and its person."""
        eye, person = self.sight.eyes[0], self.sight.marks[0].mean(0)
        way = (eye - person)[:2]
        length = float(np.linalg.norm(way))
        if length < 0.8:
            return False
        way = way / length
        reach = max(0.4, min(0.8 * length, length - 1.0, 4.0))  # what is nearer to the camera fills the picture
        side = np.array([-way[1], way[0]])
        for piece in pieces:
            for _ in range(tries):
                far = 0.4 + (reach - 0.4) * rng.random() ** 1.5
                xy = person[:2] + way * far + side * rng.normal(0, 0.25 + 0.2 * (1 - far / length))
                if self.put(piece, xy, between(rng, -np.pi, np.pi), occluder=True):
                    return True
        return False
