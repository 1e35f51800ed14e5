"""The renderer against known truth: spheres, quads, a brute-force ray caster in float64, and itself across the maps."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.special import sph_harm_y

from humansense.core import Camera, HumansenseError, look_at
from humansense.render import Floor, Frame, Renderer, Shutter, Sun, Surface, sh_basis, sh_light, sh_shading

AMBIENT = np.array([1 / 0.886227, 0, 0, 0, 0, 0, 0, 0, 0])  # shading 1 everywhere: the image is the texture
WHITE = np.full((2, 2, 3), 255, np.uint8)
GREY = 90
CENTER = np.array([0.1, -0.2, 0.9])  # of the sphere
RADIUS = 0.8


def surface(faces: np.ndarray, vertex_count: int, **fields: np.ndarray) -> Surface:
    """A surface whose vertices all belong to part 1, of instance 1, unless `fields` say otherwise."""
    count = len(faces)
    parts = np.zeros((vertex_count, 24), np.float32)
    parts[:, 0] = 1
    values = {
        "face_uv": np.zeros((count, 3, 2)),
        "face_texture": np.zeros(count),
        "face_instance": np.ones(count),
        "vertex_parts": parts,
        **fields,
    }
    return Surface(faces=faces, **values)


def sphere(rings: int = 96) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and outward faces of a unit sphere, closed at the seam."""
    theta = np.linspace(0, np.pi, rings + 1)[:, None]
    phi = np.linspace(0, 2 * np.pi, rings, endpoint=False)[None]
    vertices = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta) + 0 * phi], -1)
    row, column = np.meshgrid(np.arange(rings), np.arange(rings), indexing="ij")
    right = (column + 1) % rings
    a, b, c, d = row * rings + column, (row + 1) * rings + column, (row + 1) * rings + right, row * rings + right
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    return vertices.reshape(-1, 3), faces


def camera(position: tuple[float, float, float] = (2.0, -5.0, 2.0), size: tuple[int, int] = (96, 128)) -> Camera:
    R, t = look_at(np.array(position), CENTER)
    K = np.array([[220.0, 0, size[1] / 2 + 3.25], [0, 230.0, size[0] / 2 - 2.5], [0, 0, 1]])
    return Camera(K, R, t, size)


def front_camera(size: tuple[int, int] = (40, 60), focal: float = 100.0) -> Camera:
    """At the origin, looking along the world's y."""
    K = np.array([[focal, 0, size[1] / 2], [0, focal, size[0] / 2], [0, 0, 1.0]])
    return Camera(K, *look_at(np.zeros(3), np.array([0.0, 1.0, 0.0])), size)


def quad(x: tuple[float, float], z: tuple[float, float], y: float) -> np.ndarray:
    """(4, 3): a rectangle that faces `front_camera`, at depth y: bottom left, bottom right, top right, top left."""
    return np.array([[x[0], y, z[0]], [x[1], y, z[0]], [x[1], y, z[1]], [x[0], y, z[1]]])


QUAD_FACES = np.array([[0, 1, 2], [0, 2, 3]])
QUAD_UV = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)[QUAD_FACES]


def grey(size: tuple[int, int]) -> np.ndarray:
    return np.full((*size, 3), GREY, np.uint8)


def pixel_rays(view: Camera) -> np.ndarray:
    """(H, W, 3) world directions through the pixels' centres, one metre along z."""
    v, u = np.mgrid[: view.size[0], : view.size[1]] + 0.5
    return np.stack([u, v, np.ones_like(u)], -1) @ np.linalg.inv(view.K).T @ view.R


def check_maps_agree(frame: Frame, covered: np.ndarray | None = None) -> None:
    """Every map has a surface at the same pixels."""
    hit = frame.face >= 0
    if covered is not None:
        np.testing.assert_array_equal(hit, covered)
    np.testing.assert_array_equal(np.isfinite(frame.depth), hit)
    np.testing.assert_array_equal(frame.parts > 0, hit)
    np.testing.assert_array_equal(frame.instance > 0, hit)
    np.testing.assert_allclose(np.linalg.norm(frame.normals, axis=-1), hit, atol=1e-5)
    assert not frame.bary[~hit].any()
    assert (frame.bary >= 0).all()
    assert (frame.bary.sum(-1) <= 1 + 1e-6).all()
    assert frame.parts.dtype == np.uint8 == frame.instance.dtype == frame.image.dtype
    assert frame.depth.dtype == np.float32 == frame.normals.dtype == frame.bary.dtype


@pytest.fixture(scope="module")
def ball() -> tuple[Renderer, np.ndarray]:
    vertices, faces = sphere()
    return Renderer(surface(faces, len(vertices)), [WHITE]), vertices * RADIUS + CENTER


def test_sphere_has_its_depth_and_normals(ball: tuple[Renderer, np.ndarray]) -> None:
    renderer, vertices = ball
    view = camera()
    frame = renderer.render(vertices, view, AMBIENT, grey(view.size))
    rays = pixel_rays(view)
    a, b = (rays**2).sum(-1), rays @ (view.center - CENTER)
    root = b**2 - a * (((view.center - CENTER) ** 2).sum() - RADIUS**2)
    depth = (-b - np.sqrt(np.where(root > 0, root, np.nan))) / a
    outward = (view.center + rays * depth[..., None] - CENTER) / RADIUS
    inner = -(outward * rays).sum(-1) / np.sqrt(a) > 0.2  # not at the outline, where a chord is far from its arc
    assert inner.sum() > 2000
    check_maps_agree(frame)
    assert (frame.face >= 0)[inner].all()
    assert not (frame.face >= 0)[np.isnan(depth)].any()
    assert np.abs(frame.depth - depth)[inner].max() < 0.004
    assert (frame.normals * (outward @ view.R.T)).sum(-1)[inner].min() > 0.9995


def test_normals_face_the_camera_and_match_the_slope_of_the_depth(ball: tuple[Renderer, np.ndarray]) -> None:
    renderer, vertices = ball
    view = camera()
    frame = renderer.render(vertices, view, AMBIENT, grey(view.size))
    v, u = np.mgrid[: view.size[0], : view.size[1]] + 0.5
    points = view.to_camera(view.unproject(np.stack([u, v], -1), frame.depth.astype(np.float64)))
    slope = np.cross(points[2:, 1:-1] - points[:-2, 1:-1], points[1:-1, 2:] - points[1:-1, :-2])
    slope /= np.linalg.norm(slope, axis=-1, keepdims=True)
    cosine = (slope * frame.normals[1:-1, 1:-1]).sum(-1)
    facing = facing_cosine(frame, view)
    assert cosine[np.isfinite(cosine) & (facing[1:-1, 1:-1] > 0.4)].min() > 0.99


def facing_cosine(frame: Frame, view: Camera) -> np.ndarray:
    """(H, W): 1 where the normal points at the camera, negative where it is turned away."""
    rays = pixel_rays(view) @ view.R.T
    return -(frame.normals * rays / np.linalg.norm(rays, axis=-1, keepdims=True)).sum(-1)


def test_normals_of_coarse_outlines_are_not_turned_away() -> None:
    vertices, faces = sphere(8)
    view = camera()
    renderer = Renderer(surface(faces, len(vertices)), [WHITE])
    frame = renderer.render(vertices * RADIUS + CENTER, view, AMBIENT, grey(view.size))
    assert facing_cosine(frame, view).min() > -1e-6
    check_maps_agree(frame)


def test_visible_vertices_lie_on_the_depth_map(ball: tuple[Renderer, np.ndarray]) -> None:
    renderer, vertices = ball
    view = camera()
    frame = renderer.render(vertices, view, AMBIENT, grey(view.size))
    facing = ((vertices - CENTER) * (view.center - vertices)).sum(-1) / np.linalg.norm(view.center - vertices, axis=-1)
    seen = vertices[facing > 0.5 * RADIUS]
    column, row = np.floor(view.project(seen)).astype(int).T
    assert len(seen) > 500
    assert np.abs(frame.depth[row, column] - view.to_camera(seen)[:, 2]).max() < 0.03  # half a pixel on the slope
    assert np.abs(np.median(frame.depth[row, column] - view.to_camera(seen)[:, 2])) < 0.001


def cast_at_all(vertices: np.ndarray, faces: np.ndarray, view: Camera) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Moeller and Trumbore 1997 for each pair of ray and triangle: (R, F) depths, inf for a miss; last two weights."""
    rays = pixel_rays(view).reshape(-1, 1, 3)
    p, q, r = vertices[faces].transpose(1, 0, 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        across = np.cross(rays, r - p)
        det = (across * (q - p)).sum(-1)
        start = view.center - p
        b = (across * start).sum(-1) / det
        turned = np.cross(start, q - p)
        c = (rays * turned).sum(-1) / det
        depth = ((r - p) * turned).sum(-1) / det
        depth = np.where((b >= 0) & (c >= 0) & (b + c <= 1) & (depth > 1e-3), depth, np.inf)
    return depth, b, c


def brute_force(vertices: np.ndarray, faces: np.ndarray, view: Camera) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What `cast_at_all` hits first: face, depth, weights of the first two corners."""
    depth, b, c = cast_at_all(vertices, faces, view)
    face = depth.argmin(1)
    at = np.arange(len(depth)), face
    shape = view.size
    return (
        np.where(np.isfinite(depth[at]), face, -1).reshape(shape),
        depth[at].reshape(shape),
        np.stack([1 - b[at] - c[at], b[at]], -1).reshape(*shape, 2),
    )


@pytest.mark.parametrize("spread_m", [0.5, 2.5, 40.0])
def test_random_triangles_are_hit_as_by_brute_force(spread_m: float) -> None:
    """The wider spreads put triangles behind the camera and across its plane, too, and across the whole picture."""
    rng = np.random.default_rng(3)
    view = camera((0.9, -2.0, 1.4), size=(40, 50))
    vertices = CENTER + rng.normal(size=(120, 3)) * spread_m
    faces = np.arange(120).reshape(40, 3)
    frame = Renderer(surface(faces, 120), [WHITE]).render(vertices, view, AMBIENT, grey(view.size))
    face, depth, bary = brute_force(vertices, faces, view)
    differs = frame.face != face
    assert (face >= 0).mean() > 0.3
    assert differs.mean() < 0.003  # rays that graze an edge
    same = ~differs & (face >= 0)
    np.testing.assert_allclose(frame.depth[same], depth[same], rtol=2e-4)
    np.testing.assert_allclose(frame.bary[same], bary[same], atol=2e-3)
    check_maps_agree(frame)


def test_no_ray_slips_between_triangles(ball: tuple[Renderer, np.ndarray]) -> None:
    renderer, vertices = ball
    for angle in np.linspace(0, 3, 7):  # from within, every ray must hit
        K = np.array([[30.0, 0, 40], [0, 30.0, 40], [0, 0, 1]])
        view = Camera(K, *look_at(CENTER, CENTER + np.array([np.cos(angle), np.sin(angle), 0.3])), (80, 80))
        frame = renderer.render(vertices, view, AMBIENT, grey(view.size), samples=1)
        check_maps_agree(frame, np.ones(view.size, bool))
        rays = pixel_rays(view) @ view.R.T
        assert (frame.normals * rays).sum(-1).max() < 0  # the inner side is seen: the normals turn inwards


def test_larger_x_of_the_camera_is_larger_u_and_right_is_right() -> None:
    """Two small quads: one to the right of the other in the world as the camera sees it (its x is the world's x)."""
    view = front_camera()
    vertices = np.concatenate([quad((-0.5, -0.3), (-0.1, 0.1), 2.0), quad((0.3, 0.5), (0.1, 0.3), 2.0)])
    faces = np.concatenate([QUAD_FACES, QUAD_FACES + 4])
    instance = np.array([1, 1, 2, 2])
    frame = Renderer(surface(faces, 8, face_instance=instance), [WHITE]).render(
        vertices, view, AMBIENT, grey(view.size)
    )
    rows, columns = np.nonzero(frame.instance == 2)
    assert (columns.min(), columns.max() + 1) == (45, 55)  # 30 + 100 * (0.3 .. 0.5) / 2
    assert (rows.min(), rows.max() + 1) == (5, 15)  # higher in the world is higher in the image
    assert np.nonzero(frame.instance == 1)[1].max() < 30


def test_a_quad_reproduces_its_texture() -> None:
    """Texels as large as pixels: the image is the texture, its first row on top, whichever side the quad shows."""
    rng = np.random.default_rng(0)
    texture = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    view = front_camera()
    vertices = quad((-0.3, 0.3), (-0.2, 0.2), 2.0)
    for faces, uv in ((QUAD_FACES, QUAD_UV), (QUAD_FACES[:, ::-1], QUAD_UV[:, ::-1])):
        renderer = Renderer(surface(faces, 4, face_uv=uv, face_texture=np.ones(2)), [WHITE, texture])
        frame = renderer.render(vertices, view, AMBIENT, grey(view.size), samples=1)
        np.testing.assert_allclose(frame.image[10:30, 15:45].astype(int), texture.astype(int), atol=1)
        np.testing.assert_allclose(frame.depth[10:30, 15:45], 2.0, rtol=1e-6)
        np.testing.assert_allclose(frame.normals[10:30, 15:45], np.tile([0, 0, -1], (20, 30, 1)), atol=1e-6)
        frame.image[10:30, 15:45] = GREY
        assert (frame.image == GREY).all()


def test_textures_repeat_and_are_interpolated() -> None:
    texture = np.random.default_rng(1).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    view = front_camera()
    renderer = Renderer(surface(QUAD_FACES, 4, face_uv=3 * QUAD_UV - 1.25), [texture])
    image = renderer.render(quad((-0.6, 0.6), (-0.4, 0.4), 2.0), view, AMBIENT, grey(view.size), samples=1).image
    for row, column in np.random.default_rng(2).integers((0, 0), view.size, (200, 2)):
        x = (3 * (column + 0.5) / 60 - 1.25) * 6 - 0.5
        y = (1 - (3 * (1 - (row + 0.5) / 40) - 1.25)) * 4 - 0.5
        x0, y0 = int(np.floor(x)), int(np.floor(y))
        weights = np.outer([1 - y + y0, y - y0], [1 - x + x0, x - x0])
        expected = sum(
            weights[j, i] * texture[(y0 + j) % 4, (x0 + i) % 6].astype(float) for i in range(2) for j in range(2)
        )
        np.testing.assert_allclose(image[row, column], expected, atol=1)


@pytest.mark.parametrize("samples", [1, 4])
def test_a_pattern_finer_than_pixels_is_seen_as_its_mean(samples: int) -> None:
    """Eight texels a pixel: without reductions the image would be as noisy as the texture."""
    texture = np.random.default_rng(3).integers(0, 256, (320, 480, 3), dtype=np.uint8)
    view = front_camera()
    renderer = Renderer(surface(QUAD_FACES, 4, face_uv=QUAD_UV, face_texture=np.ones(2)), [WHITE, texture])
    image = renderer.render(quad((-0.6, 0.6), (-0.4, 0.4), 2.0), view, AMBIENT, grey(view.size), samples).image
    mean = texture.reshape(40, 8, 60, 8, 3).mean((1, 3))
    assert np.abs(image - mean).max() < (3 if samples == 1 else 40)
    assert np.corrcoef(image.ravel(), mean.ravel())[0, 1] > 0.9
    assert image.std() < 12


def test_nearer_instance_and_its_label_win() -> None:
    view = front_camera()
    vertices = np.concatenate([quad((-0.4, 0.4), (-0.4, 0.4), 2.0), quad((0.0, 0.8), (-0.4, 0.4), 3.0)])
    faces = np.concatenate([QUAD_FACES, QUAD_FACES + 4])
    parts = np.zeros((8, 24))
    parts[:4, 6], parts[4:, 9] = 1, 1
    fields = {"face_instance": np.array([1, 1, 2, 2]), "vertex_parts": parts}
    frame = Renderer(surface(faces, 8, **fields), [WHITE]).render(vertices, view, AMBIENT, grey(view.size))
    assert (frame.instance[20, 12:48] == 1).all()  # both are there from column 30 on: the nearer one is seen
    assert (frame.instance[20, 51:56] == 2).all()
    np.testing.assert_array_equal(frame.parts, np.array([0, 7, 10])[frame.instance])
    np.testing.assert_allclose(frame.depth[frame.instance == 2], 3.0, rtol=1e-6)
    swapped = Renderer(surface(faces[::-1], 8, face_instance=np.array([2, 2, 1, 1]), vertex_parts=parts), [WHITE])
    np.testing.assert_array_equal(
        swapped.render(vertices, view, AMBIENT, grey(view.size)).instance, frame.instance
    )  # whatever the order of the triangles


def test_part_is_the_largest_interpolated_weight() -> None:
    rng = np.random.default_rng(5)
    parts = rng.random((4, 24)).astype(np.float32)
    view = front_camera()
    renderer = Renderer(surface(QUAD_FACES, 4, vertex_parts=parts), [WHITE])
    frame = renderer.render(quad((-0.3, 0.3), (-0.2, 0.2), 2.0), view, AMBIENT, grey(view.size))
    rows, columns = np.nonzero(frame.face >= 0)
    a, b = frame.bary[rows, columns].T
    weights = np.stack([a, b, 1 - a - b], -1)[:, None] @ parts[QUAD_FACES[frame.face[rows, columns]]]
    np.testing.assert_array_equal(frame.parts[rows, columns], weights[:, 0].argmax(-1) + 1)
    assert len(np.unique(frame.parts)) > 3


@pytest.mark.parametrize("samples", [4, 16])
def test_edges_are_antialiased_by_their_coverage(samples: int) -> None:
    """A white quad that begins three quarters into column 10 and ends a quarter into column 40 and half into row 12."""
    view = front_camera()
    vertices = quad((-2 * 19.25 / 100, 2 * 10.25 / 100), (-0.2, 2 * 7.5 / 100), 2.0)
    frame = Renderer(surface(QUAD_FACES, 4), [WHITE]).render(vertices, view, AMBIENT, grey(view.size), samples)
    mixed = [GREY + share * (255 - GREY) for share in (0.25, 0.5, 0.125)]
    np.testing.assert_allclose(frame.image[20, 38:42, 0], [255, 255, mixed[0], GREY], atol=1)
    np.testing.assert_allclose(frame.image[20, 9:12, 0], [GREY, mixed[0], 255], atol=1)
    np.testing.assert_allclose(frame.image[11:14, 20, 0], [GREY, mixed[1], 255], atol=1)
    if samples == 16:
        np.testing.assert_allclose(frame.image[12, 40], mixed[2], atol=1)
    assert frame.parts[20, 40] == 0  # the centre of column 40 misses
    check_maps_agree(frame)


@pytest.mark.parametrize("shape", [(9,), (9, 3)])
def test_shading_is_the_naive_sum_in_world_axes(ball: tuple[Renderer, np.ndarray], shape: tuple[int, ...]) -> None:
    """From the frame's own normals: albedo times the shading, clamped."""
    renderer, vertices = ball
    light = np.random.default_rng(7).uniform(-0.7, 0.7, shape)
    light[0] = 0.8
    view = camera()
    frame = renderer.render(vertices, view, light, grey(view.size), samples=1)
    hit = frame.face >= 0
    shading = sh_shading(frame.normals[hit].astype(np.float64) @ view.R, light).reshape(hit.sum(), -1)
    np.testing.assert_allclose(
        frame.image[hit], np.broadcast_to(np.clip(255 * shading, 0, 255), (hit.sum(), 3)), atol=1
    )
    assert frame.image[hit].std() > 20


def test_sh_basis_is_the_irradiance_of_the_spherical_harmonics() -> None:
    """Real harmonics from scipy's complex ones, times (pi, 2 pi / 3, pi / 4): Ramamoorthi and Hanrahan 2001, eq. 5."""
    normals = np.random.default_rng(8).normal(size=(50, 3))
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    theta, phi = np.arccos(normals[:, 2]), np.arctan2(normals[:, 1], normals[:, 0])
    columns = []
    for degree, scale in enumerate((np.pi, 2 * np.pi / 3, np.pi / 4)):
        for order in range(-degree, degree + 1):
            value = sph_harm_y(degree, abs(order), theta, phi) * (-1) ** order
            part = value.real if order >= 0 else value.imag
            columns.append(scale * part * (np.sqrt(2) if order else 1))
    np.testing.assert_allclose(sh_basis(normals), np.stack(columns, -1), atol=1e-5)


def test_light_from_above_brightens_the_top() -> None:
    lights = np.stack([sh_light(np.random.default_rng(seed)) for seed in range(200)])
    assert lights.shape == (200, 9)
    assert lights[:, 0].min() >= 0.5
    assert np.abs(lights[:, 1:]).max() <= 0.7
    assert lights[:, 2].min() >= 0
    vertices, faces = sphere(24)
    view = camera()
    light = AMBIENT * 0.4 + 0.4 * (np.arange(9) == 2)
    frame = Renderer(surface(faces, len(vertices)), [WHITE]).render(vertices + CENTER, view, light, grey(view.size))
    column = frame.image[:, 64, 0][frame.face[:, 64] >= 0].astype(int)
    assert column[3] > column[-3] + 100


@pytest.mark.parametrize("offset", [(0.0, -20.0, 0.0), (60.0, 0.0, 0.0), (0.0, 5000.0, 0.0)])
def test_an_empty_view_is_pure_background(ball: tuple[Renderer, np.ndarray], offset: tuple[float, ...]) -> None:
    """Behind the camera, beside the picture, beyond the horizon."""
    renderer, vertices = ball
    view = camera((0.0, -5.0, 0.9))
    background = np.random.default_rng(9).integers(0, 256, (*view.size, 3), dtype=np.uint8)
    frame = renderer.render(vertices + offset, view, AMBIENT, background)
    np.testing.assert_array_equal(frame.image, background)
    assert frame.image is not background
    check_maps_agree(frame, np.zeros(view.size, bool))


def test_a_frame_does_not_depend_on_earlier_frames(ball: tuple[Renderer, np.ndarray]) -> None:
    renderer, vertices = ball
    view, light = camera(), sh_light(np.random.default_rng(1))
    first = renderer.render(vertices, view, light, grey(view.size))
    renderer.render(vertices * 1.2 + 0.1, camera((1.0, -3.0, 1.0), size=(50, 70)), AMBIENT, grey((50, 70)), samples=7)
    again = renderer.render(torch.tensor(vertices, dtype=torch.float64), view, light, grey(view.size))
    for name, value in vars(first).items():
        np.testing.assert_array_equal(getattr(again, name), value, err_msg=name)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_gives_the_same_maps(ball: tuple[Renderer, np.ndarray]) -> None:
    cpu, vertices = ball
    gpu = Renderer(cpu.surface, [WHITE], device="cuda")
    view, light = camera(), sh_light(np.random.default_rng(1))
    moved = vertices + np.array([0.02, 0.01, 0.0])
    sun, floor = Sun(np.array([0.6, 0.0, 0.8]), np.full(3, 0.5)), Floor(-0.2)
    one, other = (
        r.render(v, view, light, grey(view.size), 4, sun, Shutter(m, view), floor)
        for r, v, m in ((cpu, vertices, moved), (gpu, torch.tensor(vertices, device="cuda"), moved))
    )
    same = one.face == other.face
    assert same.mean() > 0.999
    for name in ("depth", "hidden_depth", "normals", "dense"):
        np.testing.assert_allclose(getattr(other, name)[same], getattr(one, name)[same], rtol=1e-4, atol=1e-4)
    assert np.abs(one.image.astype(int) - other.image).mean() < 0.1
    flows = [r.flow(one, view, one, moved, view) for r in (cpu, gpu)]
    np.testing.assert_allclose(*flows, atol=1e-3)


def test_bad_input_is_named() -> None:
    view = front_camera()
    vertices = quad((-0.3, 0.3), (-0.2, 0.2), 2.0)
    good = surface(QUAD_FACES, 4)
    renderer = Renderer(good, [WHITE])
    background = grey(view.size)
    with pytest.raises(HumansenseError, match="not finite"):
        renderer.render(np.where(vertices > 1, np.nan, vertices), view, AMBIENT, background)
    with pytest.raises(HumansenseError, match="vertices have shape"):
        renderer.render(vertices[:3], view, AMBIENT, background)
    with pytest.raises(HumansenseError, match="light has shape"):
        renderer.render(vertices, view, np.zeros(4), background)
    with pytest.raises(HumansenseError, match="background is"):
        renderer.render(vertices, view, AMBIENT, background[1:])
    with pytest.raises(HumansenseError, match="positive determinant"):
        renderer.render(vertices, view.mapped(np.diag([-1, 1, 1]), view.size), AMBIENT, background)
    with pytest.raises(HumansenseError, match="samples"):
        renderer.render(vertices, view, AMBIENT, background, samples=0)
    with pytest.raises(HumansenseError, match="uses texture 1"):
        Renderer(surface(QUAD_FACES, 4, face_texture=np.ones(2)), [WHITE])
    with pytest.raises(HumansenseError, match="texture 0 is float64"):
        Renderer(good, [WHITE / 2])
    with pytest.raises(HumansenseError, match=r"Surface\.faces has values"):
        surface(QUAD_FACES + 1, 4)
    with pytest.raises(HumansenseError, match=r"Surface\.face_uv has shape"):
        surface(QUAD_FACES, 4, face_uv=QUAD_UV[:1])
    with pytest.raises(HumansenseError, match="device 'warpdrive'"):
        Renderer(good, [WHITE], device="warpdrive")


def test_importing_render_does_not_load_warp_and_rendering_is_silent() -> None:
    code = (
        "import sys, numpy as np, humansense.render as r; assert 'warp' not in sys.modules;"
        "s = r.Surface(np.array([[0, 1, 2]]), np.zeros((1, 3, 2)), np.zeros(1), np.ones(1), np.ones((3, 24)));"
        "r.Renderer(s, [np.zeros((2, 2, 3), np.uint8)]); assert 'warp' in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
