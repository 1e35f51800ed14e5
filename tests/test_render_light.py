"""The sun, its shadows on surfaces and on a pictured floor, and the open shutter, against known truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_dilation
from test_render import AMBIENT, GREY, QUAD_FACES, WHITE, front_camera, grey, pixel_rays, quad, sphere, surface

from humansense.core import Camera, HumansenseError, look_at
from humansense.render import Floor, Frame, Renderer, Shutter, Sun
from humansense.render.views import camera_between
from humansense.render.views import pixel_rays as rays_in_a_pixel

DARK = np.zeros(9)
FLOOR_FACES = QUAD_FACES


def unit(*direction: float) -> np.ndarray:
    return np.array(direction) / np.linalg.norm(direction)


def ground(half_m: float = 8.0, height_m: float = 0.0) -> np.ndarray:
    """(4, 3): a square on the floor, its front up."""
    corners = np.array([[-1.0, -1], [1, -1], [1, 1], [-1, 1]]) * half_m
    return np.column_stack([corners, np.full(4, height_m)])


def ball_scene(centre: np.ndarray, radius: float, floor: bool, **fields: np.ndarray) -> tuple[Renderer, np.ndarray]:
    """A person's ball, and below it the ground as scenery that casts no shadow."""
    vertices, faces = sphere(64)
    points = vertices * radius + centre
    if floor:
        points, faces = np.concatenate([points, ground()]), np.concatenate([faces, FLOOR_FACES + len(vertices)])
    ball = np.arange(len(faces)) < 2 * 64 * 64
    return Renderer(surface(faces, len(points), face_instance=ball, face_casts=ball, **fields), [WHITE]), points


def from_above(size: tuple[int, int] = (90, 120)) -> Camera:
    K = np.array([[80.0, 0, size[1] / 2], [0, 80.0, size[0] / 2], [0, 0, 1]])
    return Camera(K, *look_at(np.array([0.5, -5.0, 6.0]), np.array([0.0, 0.0, 0.0])), size)


def ground_points(view: Camera) -> np.ndarray:
    """(H, W, 3): where the pixels' centres meet z = 0."""
    rays = pixel_rays(view)
    return view.center - rays * (view.center[2] / rays[..., 2:])


def test_a_lit_sphere_is_lamberts_and_does_not_shadow_itself() -> None:
    vertices, faces = sphere(96)
    view = Camera(front_camera().K * [[2.4], [2.4], [1]], *look_at(np.array([0, -4.0, 0]), np.zeros(3)), (96, 144))
    colour = np.array([0.9, 0.6, 0.3])
    for direction in (unit(1, -1, 1), unit(-1, -0.2, 0.1), unit(0, 0, 1), unit(0.8, 0.6, 0.1)):
        for radius in (0.0, 0.02):
            frame = Renderer(surface(faces, len(vertices)), [WHITE]).render(
                vertices, view, DARK, grey(view.size), samples=1, sun=Sun(direction, colour, radius)
            )
            hit = frame.face >= 0
            cosine = (frame.normals[hit].astype(float) @ view.R) @ direction
            lit, unlit = cosine > 0.05, cosine < -0.05
            expected = 255 * colour * cosine[lit, None]
            assert np.abs(frame.image[hit][lit] - expected).max() < 0.01 * 255
            assert not frame.image[hit][unlit].any()
            assert lit.sum() > 100
            assert unlit.sum() > 100


def test_the_sun_adds_to_a_light_that_is_not_negative() -> None:
    """Coefficients that would be negative on one side take nothing away from the sun."""
    vertices, faces = sphere(32)
    view = Camera(front_camera().K, *look_at(np.array([0, -4.0, 0]), np.zeros(3)), (40, 60))
    light = -AMBIENT
    frame = Renderer(surface(faces, len(vertices)), [WHITE]).render(
        vertices, view, light, grey(view.size), samples=1, sun=Sun(unit(0, -1, 0), np.full(3, 0.5))
    )
    assert abs(int(frame.image[20, 30, 0]) - 127) <= 2


@pytest.mark.parametrize("direction", [(0, 0, 1), (1, 0, 1), (-1, 0.5, 1), (0.3, 1, 0.7), (-0.5, -1, 1.2)])
def test_the_shadow_of_a_ball_lies_where_geometry_says(direction: tuple[float, ...]) -> None:
    towards = unit(*direction)
    centre, radius = np.array([0.2, 0.1, 1.2]), 0.5
    renderer, points = ball_scene(centre, radius, floor=True)
    view = from_above()
    frame = renderer.render(points, view, DARK, grey(view.size), samples=1, sun=Sun(towards, np.full(3, 0.8), 0.0))
    plane = (frame.face >= 0) & (frame.instance == 0)
    place = ground_points(view)
    along = (centre - place) @ towards
    distance = np.linalg.norm(centre - place - along[..., None] * towards, axis=-1)
    sure = plane & (np.abs(distance - radius) > 0.02)
    shadow = frame.image[..., 0] == 0
    np.testing.assert_array_equal(shadow[sure], (distance < radius)[sure])
    np.testing.assert_allclose(frame.image[sure & ~shadow], 255 * 0.8 * towards[2], atol=1)
    assert (shadow & sure).sum() > 20
    middle = place[shadow & plane].mean(0)
    if np.hypot(*towards[:2]) > 0.1:  # shadows fall away from the light
        assert (middle - centre)[:2] @ towards[:2] < -0.5 * np.hypot(*towards[:2])


def lit_share(x: np.ndarray, half_width: float) -> np.ndarray:
    """Of a disc, the part on one side of a straight edge that passes x from its middle."""
    d = np.clip(x / half_width, -1, 1)
    return 0.5 + (d * np.sqrt(1 - d * d) + np.arcsin(d)) / np.pi


@pytest.mark.parametrize("catcher", [False, True])
@pytest.mark.parametrize(("radius", "height"), [(0.05, 1.0), (0.1, 1.0), (0.05, 3.0)])
def test_the_half_shadow_is_as_wide_as_the_disc_seen_from_the_edge(radius: float, height: float, catcher: bool) -> None:
    """A roof over x < 0, the sun overhead: the lit share of the ground across the edge is that of the disc."""
    roof = np.array([[-9.0, -9, height], [0, -9, height], [0, 9, height], [-9, 9, height]])
    points, faces, owner = roof, QUAD_FACES, np.ones(2)
    if not catcher:
        points = np.concatenate([roof, ground(20.0)])
        faces, owner = np.concatenate([QUAD_FACES, FLOOR_FACES + 4]), np.array([1, 1, 0, 0])
    # The roof is seen from below by nobody: front only, and the camera is beneath it.
    fields = {"face_instance": owner, "face_casts": owner, "face_front_only": owner}
    renderer = Renderer(surface(faces, len(points), **fields), [WHITE])
    view = Camera(
        np.array([[240.0, 0, 120], [0, 240.0, 60], [0, 0, 1]]),
        *look_at(np.array([0.0, -0.3, 0.9]), np.array([0.0, 0.01, 0.0])),
        (120, 240),
    )
    sun, background = Sun(unit(0, 0, 1), np.full(3, 0.8), radius), np.full((120, 240, 3), 204, np.uint8)
    image = renderer.render(points, view, DARK, background, 4, sun, None, Floor(0.0, 1.0) if catcher else None).image
    place = ground_points(view)[..., 0]
    share = image[..., 0] / 204
    width = height * np.tan(radius)
    bins = np.linspace(-1.5 * width, 1.5 * width, 13)
    index = np.digitize(place, bins)
    for i in range(1, 13):
        chosen = index == i
        assert chosen.sum() > 200
        assert abs(share[chosen].mean() - lit_share(place[chosen], width).mean()) < 0.05
    assert (share[place < -width - 0.02] == 0).all()
    assert (share[place > width + 0.02] == 1).all()


def test_the_caught_shadow_is_that_of_a_real_plane() -> None:
    centre, radius = np.array([0.2, 0.1, 0.5]), 0.5
    view = from_above()
    sun = Sun(unit(-1, 0.5, 1), np.full(3, 1.0), 0.0)
    real, points = ball_scene(centre, radius, floor=True)
    caught, alone = ball_scene(centre, radius, floor=False)
    lit = 255 * sun.direction[2]
    background = np.full((*view.size, 3), round(lit), np.uint8)
    one = real.render(points, view, DARK, background, 4, sun)
    other = caught.render(alone, view, DARK, background, 4, sun, floor=Floor(0.0, 1.0))
    plane = ~binary_dilation(one.instance > 0, iterations=2)  # without the ball's edge
    difference = np.abs(one.image.astype(int) - other.image)[plane].max(-1)
    assert (difference > 1).mean() < 0.002  # the plane's rays start 1.5 mm above it
    assert (other.image[plane][:, 0] == 0).sum() > 50
    half = caught.render(alone, view, DARK, background, 4, sun, floor=Floor(0.0, 0.5)).image[plane]
    np.testing.assert_allclose(half, (background[plane] + other.image[plane].astype(float)) / 2, atol=1)
    for name in ("depth", "parts", "instance", "normals", "face"):  # the floor itself has no labels
        plain = caught.render(alone, view, DARK, background, 4)
        np.testing.assert_array_equal(getattr(other, name), getattr(plain, name))


def test_the_floor_keeps_to_the_background_below_the_horizon() -> None:
    """A roof shadows everything in sight; a board a quarter into column 40 shows at its edge what lies beside it."""
    roof = np.array([[-500.0, -500, 50], [500, -500, 50], [500, 500, 50], [-500, 500, 50]])
    board = quad((-1.0, 2 * 10.25 / 100), (-1.0, 1.0), 2.0)
    points, faces = np.concatenate([board, roof]), np.concatenate([QUAD_FACES, QUAD_FACES + 4])
    view = Camera(front_camera().K, *look_at(np.array([0, 0, 1.5]), np.array([0, 1, 1.5])), (40, 60))
    points[:4, 2] += 1.5
    fields = {"face_instance": [1, 1, 0, 0], "face_front_only": [0, 0, 1, 1]}
    renderer = Renderer(surface(faces, 8, **fields), [WHITE])
    sun = Sun(unit(0, 0, 1), np.zeros(3))
    image = renderer.render(points, view, AMBIENT, grey(view.size), 4, sun, None, Floor(0.0, 0.5)).image
    assert (image[:19, 42:] == GREY).all()
    assert (image[22:, 42:] == GREY / 2).all()
    assert (image[:, :40] == 255).all()
    np.testing.assert_allclose(image[22:, 40], 0.25 * 255 + 0.75 * GREY / 2, atol=1)
    np.testing.assert_allclose(image[:19, 40], 0.25 * 255 + 0.75 * GREY, atol=1)
    below = Camera(view.K, *look_at(np.array([0, 0, -1.5]), np.array([0, 1, -1.5])), (40, 60))
    assert (renderer.render(points, below, AMBIENT, grey(view.size), 4, sun, None, Floor()).image == GREY).all()


def test_only_casting_faces_cast_and_holes_let_the_sun_through() -> None:
    roof = ground(3.0, 2.0)
    points, faces = np.concatenate([ground(), roof]), np.concatenate([FLOOR_FACES, QUAD_FACES + 4])
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)[np.concatenate([QUAD_FACES, QUAD_FACES])]
    half = np.concatenate([np.full((8, 8, 3), 255), np.where(np.arange(8) < 4, 0, 255)[None, :, None].repeat(8, 0)], -1)
    view = Camera(
        np.array([[60.0, 0, 40], [0, 60.0, 30], [0, 0, 1]]),
        *look_at(np.array([0, -1.5, 1.5]), np.array([0, 0, 0.0])),
        (60, 80),
    )
    place = ground_points(view)[..., 0]
    for casts, texture, dark in (
        (1, WHITE, np.full(view.size, True)),
        (0, WHITE, np.full(view.size, False)),
        (1, half.astype(np.uint8), place > 0),
    ):
        fields = {"face_instance": np.zeros(4), "face_front_only": [0, 0, 1, 1], "face_uv": uv}
        renderer = Renderer(
            surface(faces, 8, **fields, face_casts=[0, 0, casts, casts], face_texture=[0, 0, 1, 1]), [WHITE, texture]
        )
        sun = Sun(unit(0, 0, 1), np.full(3, 0.5), 0.0)
        image = renderer.render(points, view, DARK, grey(view.size), 4, sun).image[..., 0]
        near = (np.abs(place) > 0.1) & (np.abs(place) < 2.5)
        np.testing.assert_array_equal(image[near], np.where(dark, 0, 128)[near])


@pytest.mark.parametrize("by_camera", [False, True])
@pytest.mark.parametrize("shift", [8, -8])
def test_an_open_shutter_blurs_over_the_path(shift: int, by_camera: bool) -> None:
    """A white quad over columns 20..32 that moves by 8 pixels: each column is covered for its share of the time."""
    view = front_camera()
    vertices = quad((-0.2, 0.04), (-0.2, 0.2), 2.0)
    way = np.array([shift * 2.0 / 100, 0, 0])
    renderer = Renderer(surface(QUAD_FACES, 4), [WHITE])
    if by_camera:
        shutter = Shutter(vertices, Camera(view.K, view.R, view.t + view.R @ way, view.size))
    else:
        shutter = Shutter(vertices + way, view)
    samples = 16
    frame = renderer.render(vertices, view, AMBIENT, grey(view.size), samples, shutter=shutter)
    still = renderer.render(vertices, view, AMBIENT, grey(view.size), samples)
    times = np.linspace(0, 1, 2001)[:, None]
    fine = (np.arange(60 * 20) + 0.5) / 20
    inside = (fine >= 20 + shift * times) & (fine < 32 + shift * times)
    expected = GREY + (255 - GREY) * inside.mean(0).reshape(60, 20).mean(-1)
    row = frame.image[20, :, 0].astype(float)
    assert np.abs(row - expected).max() < 1.5 * (255 - GREY) / samples
    assert abs(row.sum() - expected.sum()) < 0.01 * (255 - GREY) * 12 + 1
    touched = np.nonzero(frame.image[20, :, 0] != GREY)[0]
    low, high = (20, 40) if shift > 0 else (12, 32)
    assert touched.min() in (low, low + 1)
    assert touched.max() in (high - 1, high - 2)
    assert (frame.image[:9] == GREY).all()
    assert (frame.image[31:] == GREY).all()
    for name in vars(Frame.empty(grey(view.size))):
        if name != "image":
            np.testing.assert_array_equal(getattr(frame, name), getattr(still, name), err_msg=name)


def test_one_sample_sees_the_middle_of_the_exposure() -> None:
    view = front_camera()
    vertices = quad((-0.2, 0.2), (-0.2, 0.2), 2.0)
    renderer = Renderer(surface(QUAD_FACES, 4), [WHITE])
    shutter = Shutter(vertices + np.array([0.2, 0, 0]), view)
    frame = renderer.render(vertices, view, AMBIENT, grey(view.size), 1, shutter=shutter)
    assert (frame.image[20, 25:45] == 255).all()
    assert (frame.image[20, [24, 45]] == GREY).all()
    assert (frame.face[20, 20:40] >= 0).all()


def test_a_turning_camera_stays_a_camera() -> None:
    first = Camera(np.diag([100.0, 100, 1]), *look_at(np.zeros(3), np.array([0, 1.0, 0])), (40, 60))
    last = Camera(np.diag([120.0, 120, 1]), *look_at(np.array([2.0, 0, 0]), np.array([3.0, 1.0, 0])), (40, 60))
    middle = camera_between(first, last, 0.5)
    np.testing.assert_allclose(middle.R @ middle.R.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(middle.R[2], unit(np.sin(np.pi / 8), np.cos(np.pi / 8), 0), atol=1e-12)
    np.testing.assert_allclose(middle.center, [1, 0, 0], atol=1e-12)
    assert middle.K[0, 0] == 110
    end = camera_between(first, last, 1.0)
    np.testing.assert_allclose(end.R, last.R, atol=1e-12)
    np.testing.assert_allclose(end.t, last.t, atol=1e-12)


@pytest.mark.parametrize("samples", [2, 3, 4, 8, 9, 16])
def test_rays_of_a_moving_picture_are_those_of_a_still_one_in_another_order(samples: int) -> None:
    still, moving = rays_in_a_pixel(samples, False), rays_in_a_pixel(samples, True)
    assert {tuple(p) for p in still[1:, :2]} == {tuple(p) for p in moving[1:, :2]}
    if samples > 3:
        correlation = np.corrcoef(moving[1:].T)[2, :2]
        assert np.abs(correlation).max() < 0.45


def test_bad_light_and_shutter_are_named() -> None:
    view = front_camera()
    vertices = quad((-0.2, 0.2), (-0.2, 0.2), 2.0)
    renderer = Renderer(surface(QUAD_FACES, 4), [WHITE])
    with pytest.raises(HumansenseError, match=r"Sun\.direction .* length 1"):
        Sun(np.array([0, 0, 2.0]), np.ones(3))
    with pytest.raises(HumansenseError, match=r"Sun\.colour .* no negative"):
        Sun(np.array([0, 0, 1.0]), -np.ones(3))
    with pytest.raises(HumansenseError, match=r"Sun\.radius_rad"):
        Sun(np.array([0, 0, 1.0]), np.ones(3), 2.0)
    with pytest.raises(HumansenseError, match=r"Floor\.strength"):
        Floor(0.0, 2.0)
    with pytest.raises(HumansenseError, match=r"shutter\.vertices have shape"):
        renderer.render(vertices, view, DARK, grey(view.size), shutter=Shutter(vertices[:3], view))
    with pytest.raises(HumansenseError, match=r"shutter\.camera has size"):
        renderer.render(vertices, view, DARK, grey(view.size), shutter=Shutter(vertices, front_camera((9, 9))))
