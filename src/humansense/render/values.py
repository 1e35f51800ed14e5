"""What goes into the renderer and what comes out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from humansense.core import Camera, HumansenseError

PART_COUNT = 24


@dataclass(frozen=True)
class Surface:
    """The triangles of a scene and what is fixed to them; constant over a clip (F faces, V vertices, T textures).

    faces: (F, 3) int32 indices into the vertices. Leave out what is hidden for good (skin under a garment).
    face_uv: (F, 3, 2) float32 texture coordinates of the corners, v up as in OBJ; outside of 0..1 the texture repeats.
    face_texture: (F,) int32, index into the textures.
    face_instance: (F,) int32, 0..255: whose triangle it is; 0 is scenery, which has no part, garment or dense place.
    vertex_parts: (V, 24) float32: how much the vertex belongs to part k + 1. The label of a surface point is the
        largest of the interpolated columns. Not looked at for scenery.
    face_garment: (F,) int32, 0..255: label of the garment map; 0 for scenery. None: 1 for every person's face.
    vertex_dense: (V, 3) float32: place on the reference body, metres. None: all zero.
    face_casts: (F,) bool: whether the triangle casts a shadow of the sun. None: all do.
    face_front_only: (F,) bool: seen from its front alone, as the walls of a doll's house. None: none is.
    Raises `HumansenseError` for wrong shapes and indices out of range.
    """

    faces: np.ndarray
    face_uv: np.ndarray
    face_texture: np.ndarray
    face_instance: np.ndarray
    vertex_parts: np.ndarray
    face_garment: np.ndarray | None = None
    vertex_dense: np.ndarray | None = None
    face_casts: np.ndarray | None = None
    face_front_only: np.ndarray | None = None

    def __post_init__(self) -> None:
        count, points = len(self.faces), len(self.vertex_parts)
        defaults = {
            "face_garment": np.minimum(self.face_instance, 1),
            "vertex_dense": np.zeros((points, 3)),
            "face_casts": np.ones(count),
            "face_front_only": np.zeros(count),
        }
        for name, default in defaults.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, default)
        shapes = {
            "faces": (np.int32, (count, 3)),
            "face_uv": (np.float32, (count, 3, 2)),
            "face_texture": (np.int32, (count,)),
            "face_instance": (np.int32, (count,)),
            "vertex_parts": (np.float32, (points, PART_COUNT)),
            "face_garment": (np.int32, (count,)),
            "vertex_dense": (np.float32, (points, 3)),
            "face_casts": (np.uint8, (count,)),
            "face_front_only": (np.uint8, (count,)),
        }
        for name, (dtype, shape) in shapes.items():
            value = np.ascontiguousarray(getattr(self, name), dtype=dtype)
            if value.shape != shape:
                raise HumansenseError(f"Surface.{name} has shape {value.shape}, expected {shape}")
            object.__setattr__(self, name, value)
        if count == 0:
            raise HumansenseError("Surface.faces is empty: there is nothing to render")
        _check_range("faces", self.faces, 0, len(self.vertex_parts) - 1)
        _check_range("face_texture", self.face_texture, 0, None)
        _check_range("face_instance", self.face_instance, 0, 255)
        _check_range("face_garment", np.asarray(self.face_garment), 0, 255)


@dataclass(frozen=True)
class Sun:
    """A far light of a small disc, cast with shadows, beside the nine coefficients.

    direction: (3,) unit, world, from a surface towards the middle of the disc. colour: (3,) what an albedo that faces
    it is multiplied by, in addition to `sh_shading`. radius_rad: the disc's angular radius; the real sun's is 0.0047,
    a cloud or a lamp near by is larger and its shadows are softer.
    """

    direction: np.ndarray
    colour: np.ndarray
    radius_rad: float = 0.02

    def __post_init__(self) -> None:
        for name in ("direction", "colour"):
            value = np.asarray(getattr(self, name), dtype=np.float64)
            if value.shape != (3,) or not np.isfinite(value).all():
                raise HumansenseError(f"Sun.{name} is {value.tolist()}, expected three finite numbers")
            object.__setattr__(self, name, value)
        if abs(np.linalg.norm(self.direction) - 1) > 1e-3:
            raise HumansenseError(f"Sun.direction is {self.direction.tolist()}, expected a vector of length 1")
        if self.colour.min() < 0:
            raise HumansenseError(f"Sun.colour is {self.colour.tolist()}, expected no negative number")
        if not 0 <= self.radius_rad <= 0.5:
            raise HumansenseError(f"Sun.radius_rad is {self.radius_rad}, expected 0 to 0.5")


@dataclass(frozen=True)
class Shutter:
    """Where everything is when the shutter closes: the frame's own places are those when it opens.

    vertices: (V, 3) metres, world. camera: of the same size. Ray s of S for the colour sees the scene at the fraction
    (s + 0.5) / S of the way; labels, depth and normals are those of the opening.
    """

    vertices: np.ndarray
    camera: Camera


@dataclass(frozen=True)
class Floor:
    """A plane z = height_m that is not drawn but receives the sun's shadow, for a background that is a picture.

    strength: 0..1, how much darker a fully shadowed pixel of the background becomes.
    """

    height_m: float = 0.0
    strength: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= 1:
            raise HumansenseError(f"Floor.strength is {self.strength}, expected 0 to 1")


@dataclass
class Frame:
    """An image and its truth, made by the same rays; (H, W) pixels, no surface where `face` is -1.

    image: (H, W, 3) uint8 RGB, anti-aliased over the background.
    parts: (H, W) uint8 labels 1..24 of part set smpl24, 0 where there is no person.
    depth: (H, W) float32 metres along the camera's z axis, of people and scenery, NaN where there is no surface.
    normals: (H, W, 3) float32 smooth unit normals in camera axes, of the side that is seen and never turned away from
        the camera; 0 where there is no surface.
    instance: (H, W) uint8, 0 where there is no person (`face` tells scenery from nothing).
    hidden_depth: (H, W) float32 metres, the farthest surface of the same instance along the pixel's ray; NaN where
        there is no person.
    garments: (H, W) uint8, `face_garment` of what is seen.
    dense: (H, W, 3) float32, interpolated `vertex_dense`; NaN where there is no person.
    face: (H, W) int32 index of the triangle, or -1.
    bary: (H, W, 2) float32 weights of the triangle's first and second corner (the third has the rest); 0 where none.

    All but `image` are taken at the centre of the pixel.
    """

    image: np.ndarray
    parts: np.ndarray
    depth: np.ndarray
    normals: np.ndarray
    instance: np.ndarray
    hidden_depth: np.ndarray
    garments: np.ndarray
    dense: np.ndarray
    face: np.ndarray
    bary: np.ndarray

    @staticmethod
    def empty(background: np.ndarray) -> Frame:
        """A frame that shows only the background (H, W, 3) uint8, which is copied."""
        height, width = background.shape[:2]
        return Frame(
            image=background.copy(),
            parts=np.zeros((height, width), np.uint8),
            depth=np.full((height, width), np.nan, np.float32),
            normals=np.zeros((height, width, 3), np.float32),
            instance=np.zeros((height, width), np.uint8),
            hidden_depth=np.full((height, width), np.nan, np.float32),
            garments=np.zeros((height, width), np.uint8),
            dense=np.full((height, width, 3), np.nan, np.float32),
            face=np.full((height, width), -1, np.int32),
            bary=np.zeros((height, width, 2), np.float32),
        )


def _check_range(name: str, values: np.ndarray, low: int, high: int | None) -> None:
    if values.min() < low or (high is not None and values.max() > high):
        upper = "or more" if high is None else f"to {high}"
        raise HumansenseError(f"Surface.{name} has values {values.min()}..{values.max()}, expected {low} {upper}")
