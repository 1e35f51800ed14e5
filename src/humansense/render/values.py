"""What goes into the renderer and what comes out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from humansense.core import HumansenseError

PART_COUNT = 24


@dataclass(frozen=True)
class Surface:
    """The triangles of a scene and what is fixed to them; constant over a clip (F faces, V vertices, T textures).

    faces: (F, 3) int32 indices into the vertices. Leave out what is hidden for good (skin under a garment).
    face_uv: (F, 3, 2) float32 texture coordinates of the corners, v up as in OBJ; outside of 0..1 the texture repeats.
    face_texture: (F,) int32, index into the textures.
    face_instance: (F,) int32, 1..255: whose triangle it is.
    vertex_parts: (V, 24) float32: how much the vertex belongs to part k + 1. The label of a surface point is the
        largest of the interpolated columns.
    Raises `HumansenseError` for wrong shapes and indices out of range.
    """

    faces: np.ndarray
    face_uv: np.ndarray
    face_texture: np.ndarray
    face_instance: np.ndarray
    vertex_parts: np.ndarray

    def __post_init__(self) -> None:
        count = len(self.faces)
        shapes = {
            "faces": (np.int32, (count, 3)),
            "face_uv": (np.float32, (count, 3, 2)),
            "face_texture": (np.int32, (count,)),
            "face_instance": (np.int32, (count,)),
            "vertex_parts": (np.float32, (len(self.vertex_parts), PART_COUNT)),
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
        _check_range("face_instance", self.face_instance, 1, 255)


@dataclass
class Frame:
    """An image and its truth, made by the same rays; (H, W) pixels, no surface where `face` is -1.

    image: (H, W, 3) uint8 RGB, anti-aliased over the background.
    parts: (H, W) uint8 labels 1..24 of part set smpl24, 0 where there is no surface.
    depth: (H, W) float32 metres along the camera's z axis, NaN where there is no surface.
    normals: (H, W, 3) float32 smooth unit normals in camera axes, of the side that is seen and never turned away from
        the camera; 0 where there is no surface.
    instance: (H, W) uint8, 0 where there is no surface.
    face: (H, W) int32 index of the triangle, or -1.
    bary: (H, W, 2) float32 weights of the triangle's first and second corner (the third has the rest); 0 where none.

    All but `image` are taken at the centre of the pixel.
    """

    image: np.ndarray
    parts: np.ndarray
    depth: np.ndarray
    normals: np.ndarray
    instance: np.ndarray
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
            face=np.full((height, width), -1, np.int32),
            bary=np.zeros((height, width, 2), np.float32),
        )


def _check_range(name: str, values: np.ndarray, low: int, high: int | None) -> None:
    if values.min() < low or (high is not None and values.max() > high):
        upper = "or more" if high is None else f"to {high}"
        raise HumansenseError(f"Surface.{name} has values {values.min()}..{values.max()}, expected {low} {upper}")
