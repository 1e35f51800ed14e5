"""The renderer: holds a scene's memory on a device, follows the vertices, runs the ray pass.

Axes: vertices, light and camera position in the world (z up, metres); depth and normals in the camera's (OpenCV).
Colours are products in the display space of the textures, as in SURREAL: no gamma is applied.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch

from humansense.core import Camera, HumansenseError
from humansense.geometry.warp_start import start_warp
from humansense.render.values import Frame, Surface


class Renderer:
    """Renders a surface whose vertices move, one frame at a time.

    surface: the triangles and their labels. textures: (h, w, 3) uint8 RGB each, any sizes; they are seen through a
    pyramid of reductions, so that a fine pattern blurs with distance instead of flickering. device: "cpu" or "cuda:0".

    A frame depends on the arguments of its `render` alone: the same ones give the same bytes. Surfaces are seen from
    1 mm to 2 km. Raises `HumansenseError` for a texture that is missing or no uint8 RGB image, and for a device that is
    not there.
    """

    def __init__(self, surface: Surface, textures: Sequence[np.ndarray], device: str = "cpu") -> None:
        start_warp()
        import warp as wp

        from humansense.render import kernels

        self.surface = surface
        self._wp, self._kernels = wp, kernels
        try:
            self._device = wp.get_device(device)
        except (ValueError, RuntimeError) as error:
            available = ", ".join(str(d) for d in wp.get_devices())
            raise HumansenseError(f"device {device!r} is not there; this machine has {available}") from error
        _check_textures(textures, int(surface.face_texture.max()) + 1)
        self._upload(textures)
        self._nearest: Any = None
        self._capacity = 0
        self._offsets: dict[int, Any] = {}

    def _upload(self, textures: Sequence[np.ndarray]) -> None:
        wp, surface, device = self._wp, self.surface, self._device
        vertex_count, face_count = len(surface.vertex_parts), len(surface.faces)

        def array(values: np.ndarray, dtype: Any) -> Any:
            integral = values.dtype == np.int64
            return wp.array(np.ascontiguousarray(values, np.int32 if integral else None), dtype=dtype, device=device)

        pyramids = [_pyramid(texture) for texture in textures]
        counts = np.array([len(pyramid) for pyramid in pyramids])
        pictures = [picture for pyramid in pyramids for picture in pyramid]
        sizes = np.array([picture.shape[:2] for picture in pictures])
        self._points = wp.zeros(vertex_count, dtype=wp.vec3, device=device)
        corners = surface.faces.reshape(-1)
        order = np.argsort(corners, kind="stable")
        self._neighbours = array(order // 3, wp.int32)
        self._starts = array(np.searchsorted(corners[order], np.arange(vertex_count + 1)), wp.int32)
        self._light = wp.zeros(9, dtype=wp.vec3, device=device)

        scene = self._kernels.Scene()
        scene.faces = array(surface.faces, wp.int32)
        scene.face_uv = array(surface.face_uv, wp.vec2)
        scene.face_texture = array(surface.face_texture, wp.int32)
        scene.face_instance = array(surface.face_instance, wp.int32)
        scene.vertex_parts = array(surface.vertex_parts, wp.float32)
        scene.projected = wp.zeros(vertex_count, dtype=wp.vec3, device=device)
        scene.face_normals = wp.zeros(face_count, dtype=wp.vec3, device=device)
        scene.vertex_normals = wp.zeros(vertex_count, dtype=wp.vec3, device=device)
        scene.texels = array(np.concatenate([picture.reshape(-1) for picture in pictures]), wp.uint8)
        scene.levels = array(np.column_stack([_starts(sizes.prod(1) * 3), sizes]), wp.vec3i)
        scene.textures = array(np.column_stack([_starts(counts), counts]), wp.vec2i)
        self._scene = scene

    def render(
        self,
        vertices: np.ndarray | torch.Tensor,
        camera: Camera,
        light: np.ndarray,
        background: np.ndarray,
        samples: int = 4,
    ) -> Frame:
        """One frame.

        vertices: (V, 3) metres, world. light: (9,) or (9, 3) RGB coefficients, see `render.light`.
        background: (H, W, 3) uint8 of the camera's size. samples: rays a pixel for the colour (the other maps have one
        more, through the centre; with 1 the colour shares it).
        Raises `HumansenseError` for wrong shapes and for vertices that are not finite.
        """
        _check_view(camera, background, samples)
        self._set_light(light)
        self._follow(vertices)
        frame = Frame.empty(background)
        pixels = self._trace(camera, samples)
        if len(pixels):
            self._fill(frame, camera, pixels, samples)
        return frame

    def _follow(self, vertices: np.ndarray | torch.Tensor) -> None:
        """Take the vertices of this frame: positions and normals."""
        wp, kernels, scene = self._wp, self._kernels, self._scene
        values = vertices.detach().float() if isinstance(vertices, torch.Tensor) else np.asarray(vertices, np.float32)
        expected = (len(self.surface.vertex_parts), 3)
        if tuple(values.shape) != expected:
            raise HumansenseError(f"vertices have shape {tuple(values.shape)}, expected {expected} as in vertex_parts")
        finite = torch.isfinite(values) if isinstance(values, torch.Tensor) else np.isfinite(values)
        if not bool(finite.all()):
            raise HumansenseError("vertices hold values that are not finite: check the pose and the shape of the body")
        if isinstance(values, torch.Tensor) and not (values.is_cuda and self._device.is_cuda):
            values = values.cpu().numpy()
        if isinstance(values, torch.Tensor):
            wp.copy(self._points, wp.from_torch(values.contiguous(), dtype=wp.vec3))
        elif self._device.is_cpu:
            self._points.numpy()[...] = values
        else:
            self._points.assign(np.ascontiguousarray(values))
        self._launch(kernels.face_normals, len(self.surface.faces), self._points, scene.faces, scene.face_normals)
        self._launch(
            kernels.vertex_normals,
            expected[0],
            scene.face_normals,
            self._starts,
            self._neighbours,
            scene.vertex_normals,
        )

    def _trace(self, camera: Camera, samples: int) -> np.ndarray:
        """Find what each ray sees. Returns the (P,) int32 flat indices of the pixels with any hit, in order."""
        wp, kernels, scene = self._wp, self._kernels, self._scene
        offsets = self._ray_offsets(samples)
        shape = (*camera.size, len(offsets))
        if self._nearest is None or self._nearest.shape != shape:
            self._nearest = wp.empty(shape, dtype=wp.int64, device=self._device)
            self._touched = wp.empty(camera.size, dtype=wp.uint8, device=self._device)
        self._nearest.fill_(np.iinfo(np.int64).max)
        self._touched.zero_()
        projection = wp.mat33((camera.K @ camera.R).astype(np.float32))
        offset = wp.vec3((camera.K @ camera.t).astype(np.float32))
        self._launch(kernels.project_vertices, len(self._points), self._points, projection, offset, scene.projected)
        self._launch(kernels.find_nearest, len(self.surface.faces), scene, offsets, self._nearest, self._touched)
        return np.flatnonzero(self._touched.numpy()).astype(np.int32)

    def _ray_offsets(self, samples: int) -> Any:
        """Device array of the rays in a pixel: its centre, then, for more than one sample, those of the colour."""
        if samples not in self._offsets:
            centre = np.full((1, 2), 0.5, np.float32)
            rays = centre if samples == 1 else np.concatenate([centre, sample_offsets(samples)])
            self._offsets[samples] = self._wp.array(rays, dtype=self._wp.vec2, device=self._device)
        return self._offsets[samples]

    def _set_light(self, light: np.ndarray) -> None:
        values = np.asarray(light, dtype=np.float32)
        if values.shape not in ((9,), (9, 3)):
            raise HumansenseError(f"light has shape {values.shape}, expected (9,) or (9, 3)")
        self._light.assign(np.ascontiguousarray(np.broadcast_to(values.reshape(9, -1), (9, 3))))

    def _fill(self, frame: Frame, camera: Camera, pixels: np.ndarray, samples: int) -> None:
        wp, kernels, count = self._wp, self._kernels, len(pixels)
        self._reserve(count)
        self._pixels[:count].assign(pixels)
        self._background[:count].assign(frame.image.reshape(-1, 3)[pixels])
        view = kernels.View()
        view.directions = wp.mat33((camera.R.T @ np.linalg.inv(camera.K)).astype(np.float32))
        view.rotation = wp.mat33(camera.R.astype(np.float32))
        rays = (self._ray_offsets(samples), self._nearest, self._pixels)
        self._launch(kernels.fill_maps, count, self._scene, self._light, view, *rays, self._background, self._maps)
        for name, target in vars(frame).items():
            if not hasattr(self._maps, name):
                continue
            values = getattr(self._maps, name)[:count].numpy()
            target.reshape(camera.size[0] * camera.size[1], *target.shape[2:])[pixels] = values

    def _reserve(self, pixels: int) -> None:
        """Buffers for that many pixels; they grow to the largest list and stay."""
        if pixels <= self._capacity:
            return
        wp, maps = self._wp, self._kernels.Maps()
        types = {
            "image": wp.vec3ub,
            "parts": wp.uint8,
            "depth": wp.float32,
            "normals": wp.vec3,
            "instance": wp.uint8,
            "face": wp.int32,
            "bary": wp.vec2,
        }
        for name, dtype in types.items():
            setattr(maps, name, wp.empty(pixels, dtype=dtype, device=self._device))
        self._pixels = wp.empty(pixels, dtype=wp.int32, device=self._device)
        self._background = wp.empty(pixels, dtype=wp.vec3ub, device=self._device)
        self._maps, self._capacity = maps, pixels

    def _launch(self, kernel: Any, count: int, *inputs: Any) -> None:
        self._wp.launch(kernel, dim=count, inputs=list(inputs), device=self._device)


def sample_offsets(samples: int) -> np.ndarray:
    """(samples, 2) float32 positions in the unit pixel: the Hammersley set; one sample is the centre."""
    if samples == 1:
        return np.full((1, 2), 0.5, np.float32)
    bits = max(1, int(np.ceil(np.log2(samples))))
    index = np.arange(samples)
    reverse = sum(((index >> bit) & 1) << (bits - 1 - bit) for bit in range(bits))
    return np.stack([(index + 0.5) / samples, (reverse + 0.5) / 2**bits], -1).astype(np.float32)


def _pyramid(texture: np.ndarray) -> list[np.ndarray]:
    """The texture and its reductions by halves, down to a shorter side of one texel: what is seen from far."""
    levels = [texture]
    while min(levels[-1].shape[:2]) > 1:
        height, width = levels[-1].shape[:2]
        levels.append(cv2.resize(levels[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA))
    return levels


def _starts(counts: np.ndarray) -> np.ndarray:
    """Where each of several runs of those lengths begins."""
    return np.concatenate([[0], np.cumsum(counts)[:-1]])


def _check_textures(textures: Sequence[np.ndarray], needed: int) -> None:
    if len(textures) < needed:
        raise HumansenseError(f"the surface uses texture {needed - 1}, but only {len(textures)} textures were given")
    for i, texture in enumerate(textures):
        if texture.dtype != np.uint8 or texture.ndim != 3 or texture.shape[2] != 3 or not texture.size:
            raise HumansenseError(f"texture {i} is {texture.dtype} {texture.shape}, expected uint8 (h, w, 3)")


def _check_view(camera: Camera, background: np.ndarray, samples: int) -> None:
    if background.dtype != np.uint8 or background.shape != (*camera.size, 3):
        raise HumansenseError(
            f"background is {background.dtype} {background.shape}, expected uint8 {(*camera.size, 3)} as in camera.size"
        )
    if not np.allclose(camera.K[2], (0.0, 0.0, 1.0)) or np.linalg.det(camera.K) <= 0:
        raise HumansenseError(
            f"camera.K is {camera.K.tolist()}, expected a last row of 0, 0, 1 and a positive determinant"
        )
    if samples < 1:
        raise HumansenseError(f"samples is {samples}, expected 1 or more")
