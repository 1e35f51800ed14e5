"""The renderer: holds a scene's memory on a device, follows the vertices, runs the ray passes.

Axes: vertices, lights and camera position in the world (z up, metres); depth and normals in the camera's (OpenCV).
Colours are products in the display space of the textures, as in SURREAL: no gamma is applied.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from humansense.core import Camera, HumansenseError
from humansense.geometry.warp_start import start_warp
from humansense.render.textures import check_textures, has_holes, pyramid
from humansense.render.values import Floor, Frame, Shutter, Sun, Surface
from humansense.render.views import (
    camera_between,
    check_shutter,
    check_view,
    pixel_rays,
    shadow_window,
    shutter_fractions,
)

RUN_ON_A_CPU = 64  # triangles or pixels of one thread: each start copies a kernel's many arguments
STRIPS_ON_A_GPU = 16  # threads that share the rows of one triangle, so that a wall does not keep the others waiting


class Renderer:
    """Renders a surface whose vertices move, one frame at a time.

    surface: the triangles and their labels. textures: (h, w, 3) uint8 RGB or (h, w, 4) RGBA each, any sizes; their
    colour is seen through a pyramid of reductions, so that a fine pattern blurs with distance instead of flickering.
    Where alpha is below one half the labels belong to what is behind; the colour passes through in proportion.
    device: "cpu" or "cuda:0".

    A frame depends on the arguments of its `render` alone: the same ones give the same bytes. Surfaces are seen from
    1 mm to 2 km. Raises `HumansenseError` for a texture that is missing or no uint8 image, and for a device that is
    not there.
    """

    def __init__(self, surface: Surface, textures: Sequence[np.ndarray], device: str = "cpu") -> None:
        start_warp()
        import warp as wp

        from humansense.render import flow, scene, shading, sunlight, tracing

        self.surface = surface
        self._wp, self._scene_types, self._tracing = wp, scene, tracing
        self._shading, self._sunlight, self._flow = shading, sunlight, flow
        try:
            self._device = wp.get_device(device)
        except (ValueError, RuntimeError) as error:
            available = ", ".join(str(d) for d in wp.get_devices())
            raise HumansenseError(f"device {device!r} is not there; this machine has {available}") from error
        check_textures(textures, int(surface.face_texture.max()) + 1)
        self._run, self._strips = (RUN_ON_A_CPU, 1) if self._device.is_cpu else (1, STRIPS_ON_A_GPU)
        self._scene = self._upload(textures)
        self._light = wp.zeros(9, dtype=wp.vec3, device=self._device)
        self._person_faces = self._array(np.flatnonzero(surface.face_instance), wp.int32)
        corners = surface.faces.reshape(-1)
        order = np.argsort(corners, kind="stable")
        self._neighbours = self._array(order // 3, wp.int32)
        self._starts = self._array(np.searchsorted(corners[order], np.arange(len(surface.vertex_parts) + 1)), wp.int32)
        self._nearest: Any = None
        self._rays: dict[tuple[int, bool], Any] = {}
        self._casters: list[Any] | None = None
        self._dark = scene.SunLight()

    def _array(self, values: np.ndarray, dtype: Any) -> Any:
        integral = values.dtype == np.int64
        values = np.ascontiguousarray(values, np.int32 if integral else None)
        return self._wp.array(values, dtype=dtype, device=self._device)

    def _upload(self, textures: Sequence[np.ndarray]) -> Any:
        wp, surface, array = self._wp, self.surface, self._array
        vertex_count, face_count = len(surface.vertex_parts), len(surface.faces)
        pyramids = [pyramid(texture) for texture in textures]
        counts = np.array([len(levels) for levels in pyramids])
        pictures = [picture for levels in pyramids for picture in levels]
        sizes = np.array([picture.shape[:2] for picture in pictures])
        holes = np.array([has_holes(texture) for texture in textures])
        alphas = [texture[..., 3].reshape(-1) for texture, cut in zip(textures, holes, strict=True) if cut]
        alpha_starts = np.full(len(textures), -1)
        alpha_starts[holes] = _starts(np.array([len(alpha) for alpha in alphas], int))
        kinds = self._scene_types
        flags = (
            kinds.FRONT_ONLY * np.asarray(surface.face_front_only, int) + kinds.CUT_OUT * holes[surface.face_texture]
        )

        scene = kinds.Scene()
        scene.faces = array(surface.faces, wp.int32)
        scene.face_uv = array(surface.face_uv, wp.vec2)
        scene.face_texture = array(surface.face_texture, wp.int32)
        scene.face_instance = array(surface.face_instance, wp.int32)
        scene.face_garment = array(np.asarray(surface.face_garment), wp.int32)
        scene.face_flags = array(flags, wp.int32)
        scene.vertex_parts = array(surface.vertex_parts, wp.float32)
        scene.vertex_dense = array(np.asarray(surface.vertex_dense), wp.vec3)
        scene.texels = array(np.concatenate([picture.reshape(-1) for picture in pictures]), wp.uint8)
        scene.levels = array(np.column_stack([_starts(sizes.prod(1) * 3), sizes]), wp.vec3i)
        scene.textures = array(np.column_stack([_starts(counts), counts, alpha_starts]), wp.vec3i)
        scene.alphas = array(np.concatenate([*alphas, np.zeros(1, np.uint8)]), wp.uint8)
        scene.points = wp.zeros(vertex_count, dtype=wp.vec3, device=self._device)
        scene.face_normals = wp.zeros(face_count, dtype=wp.vec3, device=self._device)
        scene.vertex_normals = wp.zeros(vertex_count, dtype=wp.vec3, device=self._device)
        return scene

    def render(
        self,
        vertices: np.ndarray | torch.Tensor,
        camera: Camera,
        light: np.ndarray,
        background: np.ndarray,
        samples: int = 4,
        sun: Sun | None = None,
        shutter: Shutter | None = None,
        floor: Floor | None = None,
    ) -> Frame:
        """One frame.

        vertices: (V, 3) metres, world. light: (9,) or (9, 3) RGB coefficients, see `render.light`.
        background: (H, W, 3) uint8 of the camera's size. samples: rays a pixel for the colour (the other maps have one
        more, through the centre; with 1 the colour of a still picture shares it).
        sun: adds its light where no face with `face_casts` is in its way (of a texture with alpha: where that is 0.5 or
        more). The shadow is soft: each ray of the colour looks for another point of the disc.
        shutter: blurs what moves while it is open; each ray of the colour is one moment, so take a sample for every two
        or three pixels of motion. The shadows stay those of the opening, and the background is not moved.
        floor: darkens the background where the sun's shadow falls on it; without a sun it does nothing.
        Raises `HumansenseError` for wrong shapes and for vertices that are not finite.
        """
        check_view(camera, background, samples)
        self._set_light(light)
        self._follow(self._placed(vertices, "vertices"))
        rays = self._pixel_rays(samples, shutter is not None)
        view = self._project(camera, samples, shutter)
        pixels = self._trace(camera.size, rays)
        frame = Frame.empty(background)
        sunlight = self._dark if sun is None else self._cast(sun)
        window = (0, 0, 0, 0)
        if sun is not None and floor is not None:
            window = self._shadow_window(sun, floor, camera)
        if len(pixels) or window[2] * window[3]:
            maps = self._maps(frame)
            if floor is not None and window[2] * window[3]:
                self._shade_floor(sunlight, view, floor, window, rays, maps)
            if len(pixels):
                self._fill(sunlight, view, rays, pixels, maps)
            self._fetch(frame, maps)
        return frame

    def flow(
        self,
        here: Frame,
        camera: Camera,
        there: Frame,
        vertices_there: np.ndarray | torch.Tensor,
        camera_there: Camera,
        picture_is_static: bool = True,
    ) -> np.ndarray:
        """(H, W, 2) float32 pixels from what `here` shows to where it lies in `there`; NaN where it is not seen there.

        here, there: frames of this renderer (any earlier ones), of the same size; exchanged, they give the backward
        flow. camera: that of `here`. vertices_there, camera_there: those with which `there` was rendered.
        A point is seen if it lands in the picture, and one of the four pixels around the landing point shows the same
        instance (or scenery) at the depth of the point, see `render.flow`. picture_is_static: the background has no
        motion: it is zero where both frames show it, else NaN.
        Raises `HumansenseError` for frames of different sizes and vertices of a wrong shape.
        """
        sizes = here.face.shape, there.face.shape, tuple(camera.size), tuple(camera_there.size)
        if len(set(sizes)) > 1:
            raise HumansenseError(f"the frames and cameras of a flow have sizes {sizes}, expected the same")
        wp, kinds = self._wp, self._flow
        moved = kinds.Moved()
        moved.faces = self._scene.faces
        moved.points = self._device_points(self._placed(vertices_there, "vertices_there"))
        moved.projection, moved.offset = self._projection(camera_there)
        moved.focal = float(np.sqrt(np.linalg.det(camera_there.K)))
        still = (here.face < 0) & (there.face < 0) if picture_is_static else np.zeros(here.face.shape, bool)
        flow = np.repeat(np.where(still, np.float32(0), np.float32(np.nan))[..., None], 2, -1)
        pixels = np.flatnonzero(here.face >= 0).astype(np.int32)
        if len(pixels):
            target = self._shared(flow, wp.vec2)
            frames = self._seen(here), self._seen(there)
            listed = self._shared(pixels, wp.int32)
            self._launch(kinds.find_flow, self._runs(len(pixels)), *frames, moved, listed, self._run, target)
            if not self._device.is_cpu:
                flow[...] = target.numpy()
        return flow

    def _seen(self, frame: Frame) -> Any:
        seen = self._flow.Seen()
        for name in ("face", "bary", "instance", "depth"):
            setattr(seen, name, self._shared(getattr(frame, name), self._scene_types.MAP_TYPES[name]))
        return seen

    def _placed(self, vertices: np.ndarray | torch.Tensor, name: str) -> np.ndarray | torch.Tensor:
        """Checked vertices as float32, on the CPU or on this renderer's GPU."""
        values = vertices.detach().float() if isinstance(vertices, torch.Tensor) else np.asarray(vertices, np.float32)
        expected = (len(self.surface.vertex_parts), 3)
        if tuple(values.shape) != expected:
            raise HumansenseError(f"{name} have shape {tuple(values.shape)}, expected {expected} as in vertex_parts")
        finite = torch.isfinite(values) if isinstance(values, torch.Tensor) else np.isfinite(values)
        if not bool(finite.all()):
            raise HumansenseError(f"{name} hold values that are not finite: check the pose and the shape of the body")
        if isinstance(values, torch.Tensor) and not (values.is_cuda and self._device.is_cuda):
            values = values.cpu().numpy()
        return values.contiguous() if isinstance(values, torch.Tensor) else np.ascontiguousarray(values)

    def _device_points(self, values: np.ndarray | torch.Tensor) -> Any:
        """The vertices as a device array, which may share their memory."""
        if isinstance(values, torch.Tensor):
            return self._wp.from_torch(values, dtype=self._wp.vec3)
        return self._shared(values, self._wp.vec3)

    def _shared(self, values: np.ndarray, dtype: Any) -> Any:
        """A device array of these values: on the CPU their own memory, on a GPU a copy."""
        return self._wp.array(values, dtype=dtype, device=self._device, copy=False)

    def _follow(self, values: np.ndarray | torch.Tensor) -> None:
        """Take the vertices of this frame: positions and normals."""
        scene, tracing = self._scene, self._tracing
        if isinstance(values, np.ndarray) and self._device.is_cpu:
            scene.points.numpy()[...] = values
        else:
            self._wp.copy(scene.points, self._device_points(values))
        faces, points = len(self.surface.faces), len(self.surface.vertex_parts)
        self._launch(tracing.face_normals, faces, scene.points, scene.faces, scene.face_normals)
        neighbours = (self._starts, self._neighbours, scene.vertex_normals)
        self._launch(tracing.vertex_normals, points, scene.face_normals, *neighbours)

    def _project(self, camera: Camera, samples: int, shutter: Shutter | None) -> Any:
        """Fill the layers of projected vertices: one for all rays, or with a shutter one for each."""
        wp, scene, tracing, count = self._wp, self._scene, self._tracing, len(self.surface.vertex_parts)
        fractions = np.zeros(1) if shutter is None else shutter_fractions(samples)
        if scene.projected is None or scene.projected.shape[0] != len(fractions):
            scene.projected = wp.zeros((len(fractions), count), dtype=wp.vec3, device=self._device)
        cameras = [camera]
        self._launch(tracing.project_vertices, count, scene.points, *self._projection(camera), 0, scene.projected)
        if shutter is not None:
            check_shutter(camera, shutter)
            ends = self._device_points(self._placed(shutter.vertices, "shutter.vertices"))
            cameras = [camera_between(camera, shutter.camera, fraction) for fraction in fractions]
            for layer in range(1, len(fractions)):
                way = (scene.points, ends, float(fractions[layer]), *self._projection(cameras[layer]))
                self._launch(tracing.project_moving, count, *way, layer, scene.projected)
        directions = np.stack([c.R.T @ np.linalg.inv(c.K) for c in cameras]).astype(np.float32)
        view = self._scene_types.View()
        view.directions = wp.array(directions, dtype=wp.mat33, device=self._device)
        view.rotation = wp.mat33(camera.R.astype(np.float32))
        view.centre = wp.vec3(camera.center.astype(np.float32))
        return view

    def _projection(self, camera: Camera) -> tuple[Any, Any]:
        projection = self._wp.mat33((camera.K @ camera.R).astype(np.float32))
        return projection, self._wp.vec3((camera.K @ camera.t).astype(np.float32))

    def _trace(self, size: tuple[int, int], rays: Any) -> np.ndarray:
        """Find what each ray sees. Returns the (P,) int32 flat indices of the pixels with any hit, in order."""
        wp, scene = self._wp, self._scene
        shape = (*size, len(rays))
        if self._nearest is None or self._nearest.shape != shape:
            self._nearest = wp.empty(shape, dtype=wp.int64, device=self._device)
            self._touched = wp.empty(size, dtype=wp.uint8, device=self._device)
        self._nearest.fill_(np.iinfo(np.int64).max)
        self._touched.zero_()
        dim = (scene.projected.shape[0], self._runs(len(self.surface.faces)), self._strips)
        share = (self._run, self._strips)
        self._launch(self._tracing.find_nearest, dim, scene, rays, *share, self._nearest, self._touched)
        return np.flatnonzero(self._touched.numpy()).astype(np.int32)

    def _pixel_rays(self, samples: int, moving: bool) -> Any:
        if (samples, moving) not in self._rays:
            self._rays[samples, moving] = self._array(pixel_rays(samples, moving), self._wp.vec3)
        return self._rays[samples, moving]

    def _set_light(self, light: np.ndarray) -> None:
        values = np.asarray(light, dtype=np.float32)
        if values.shape not in ((9,), (9, 3)):
            raise HumansenseError(f"light has shape {values.shape}, expected (9,) or (9, 3)")
        self._light.assign(np.ascontiguousarray(np.broadcast_to(values.reshape(9, -1), (9, 3))))

    def _maps(self, frame: Frame) -> Any:
        """The frame's maps for the kernels: on the CPU its own memory."""
        maps = self._scene_types.Maps()
        for name, dtype in self._scene_types.MAP_TYPES.items():
            setattr(maps, name, self._shared(getattr(frame, name), dtype))
        return maps

    def _fetch(self, frame: Frame, maps: Any) -> None:
        if not self._device.is_cpu:
            for name in self._scene_types.MAP_TYPES:
                getattr(frame, name)[...] = getattr(maps, name).numpy()

    def _fill(self, sunlight: Any, view: Any, rays: Any, pixels: np.ndarray, maps: Any) -> None:
        scene = self._scene
        lights = (self._light, sunlight, view)
        listed = self._shared(pixels, self._wp.int32)
        inputs = (scene, *lights, rays, self._nearest, listed, self._run, maps)
        self._launch(self._shading.fill_maps, self._runs(len(pixels)), *inputs)
        people = self._person_faces
        if len(people):
            dim = (self._runs(len(people)), self._strips)
            self._launch(self._tracing.find_farthest, dim, scene, people, self._run, self._strips, maps)

    def _cast(self, sun: Sun) -> Any:
        """The sun for the kernels, with the trees of the casting triangles where they are now.

        The trees are built at the first sun, and refitted afterwards.
        """
        wp = self._wp
        if self._casters is None:
            self._casters = self._grow_trees()
        else:
            for tree in self._casters:
                if tree is not None:
                    tree.refit()
        direction = sun.direction / np.linalg.norm(sun.direction)
        right = np.cross(direction, np.eye(3)[np.abs(direction).argmin()])
        right *= np.tan(sun.radius_rad) / np.linalg.norm(right)
        sunlight: Any = self._scene_types.SunLight()
        sunlight.shines = 1
        sunlight.direction, sunlight.colour = wp.vec3(direction), wp.vec3(sun.colour)
        sunlight.right, sunlight.up = wp.vec3(right), wp.vec3(np.cross(direction, right))
        opaque, cut_out = self._casters
        sunlight.opaque = opaque.id if opaque is not None else 0
        sunlight.cut_out = cut_out.id if cut_out is not None else 0
        sunlight.cut_out_faces = self._cut_out_faces
        return sunlight

    def _grow_trees(self) -> list[Any]:
        """Of the casting triangles without and with alpha; None where there are none."""
        casts = np.asarray(self.surface.face_casts, bool)
        holes = (self._scene.face_flags.numpy() & self._scene_types.CUT_OUT) != 0
        chosen = [np.flatnonzero(casts & ~holes), np.flatnonzero(casts & holes)]
        self._cut_out_faces = self._array(chosen[1], self._wp.int32)
        self._casting_points = np.unique(self.surface.faces[casts])
        return [
            self._wp.Mesh(self._scene.points, self._array(self.surface.faces[faces].reshape(-1), self._wp.int32))
            if len(faces)
            else None
            for faces in chosen
        ]

    def _shadow_window(self, sun: Sun, floor: Floor, camera: Camera) -> tuple[int, int, int, int]:
        return shadow_window(self._scene.points.numpy()[self._casting_points], sun, floor, camera)

    def _shade_floor(self, sunlight: Any, view: Any, floor: Floor, window: Any, rays: Any, maps: Any) -> None:
        place = self._wp.vec2(floor.height_m, floor.strength), self._wp.vec4i(*(int(side) for side in window))
        pixels = int(window[2] * window[3])
        inputs = (self._scene, sunlight, view, *place, rays, self._nearest, maps)
        self._launch(self._sunlight.shade_floor, pixels, *inputs)

    def _runs(self, count: int) -> int:
        return -(-count // self._run)

    def _launch(self, kernel: Any, dim: Any, *inputs: Any) -> None:
        self._wp.launch(kernel, dim=dim, inputs=list(inputs), device=self._device)


def _starts(counts: np.ndarray) -> np.ndarray:
    """Where each of several runs of those lengths begins."""
    return np.concatenate([np.zeros(1, int), np.cumsum(counts)])[: len(counts)]
