"""Scenery, textures with holes, hidden depth, garments and dense places, against known truth."""

from __future__ import annotations

import numpy as np
import pytest
from test_render import (
    AMBIENT,
    CENTER,
    GREY,
    QUAD_FACES,
    QUAD_UV,
    RADIUS,
    WHITE,
    camera,
    cast_at_all,
    front_camera,
    grey,
    pixel_rays,
    quad,
    sphere,
    surface,
)

from humansense.core import Camera, HumansenseError, look_at
from humansense.render import Floor, Renderer, Shutter, Sun
from humansense.render.textures import pyramid

BLACK = np.zeros((2, 2, 3), np.uint8)


def rgba(rgb: tuple[int, int, int], alpha: np.ndarray) -> np.ndarray:
    """A texture of one colour with that alpha (h, w)."""
    return np.concatenate([np.broadcast_to(np.uint8(rgb), (*alpha.shape, 3)), np.uint8(alpha)[..., None]], -1)


def two_quads(near: np.ndarray, far: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.concatenate([near, far]), np.concatenate([QUAD_FACES, QUAD_FACES + 4])


def test_hidden_depth_of_a_sphere_is_the_far_root() -> None:
    vertices, faces = sphere()
    view = camera()
    frame = Renderer(surface(faces, len(vertices)), [WHITE]).render(
        vertices * RADIUS + CENTER, view, AMBIENT, grey(view.size)
    )
    rays = pixel_rays(view)
    a, b = (rays**2).sum(-1), rays @ (view.center - CENTER)
    root = b**2 - a * (((view.center - CENTER) ** 2).sum() - RADIUS**2)
    far = (-b + np.sqrt(np.where(root > 0, root, np.nan))) / a
    person = frame.face >= 0
    np.testing.assert_array_equal(np.isfinite(frame.hidden_depth), person)
    assert (frame.hidden_depth >= frame.depth)[person].all()
    inner = np.sqrt(np.maximum(root, 0) / a) > 0.25 * RADIUS
    assert inner.sum() > 2000
    assert np.abs(frame.hidden_depth - far)[inner].max() < 0.006


def test_hidden_depth_is_the_farthest_hit_of_the_instance_that_is_seen() -> None:
    """Random triangles of two people and scenery against brute force; some pass the camera's plane."""
    rng = np.random.default_rng(4)
    view = camera((0.9, -2.0, 1.4), size=(40, 50))
    vertices = CENTER + rng.normal(size=(120, 3)) * 1.5
    faces = np.arange(120).reshape(40, 3)
    owner = rng.integers(0, 3, 40)
    fields = {"face_instance": owner, "face_garment": 10 * owner + (owner > 0)}
    frame = Renderer(surface(faces, 120, **fields), [WHITE]).render(vertices, view, AMBIENT, grey(view.size))
    depth = cast_at_all(vertices, faces, view)[0].reshape(*view.size, 40)
    own = np.isfinite(depth) & (owner == frame.instance[..., None]) & (frame.instance[..., None] > 0)
    farthest = np.where(own, depth, -np.inf).max(-1)
    person = frame.instance > 0
    assert person.sum() > 300
    np.testing.assert_array_equal(np.isfinite(frame.hidden_depth), person)
    assert np.mean(~np.isclose(frame.hidden_depth, farthest, rtol=2e-4)[person]) < 0.005  # rays that graze an edge
    assert (frame.hidden_depth >= frame.depth)[person].all()
    assert (frame.hidden_depth > frame.depth + 0.1)[person].mean() > 0.2
    np.testing.assert_array_equal(frame.instance, np.where(frame.face >= 0, owner[frame.face], 0))
    np.testing.assert_array_equal(frame.garments, np.where(person, 10 * frame.instance + 1, 0))


def test_scenery_hides_people_and_has_no_labels() -> None:
    """A black board at 2 m in front of the left half of a person at 3 m: columns 10..30 and 20..50."""
    view = front_camera()
    vertices, faces = two_quads(quad((-0.4, 0.0), (-0.2, 0.2), 2.0), quad((-0.3, 0.6), (-0.3, 0.3), 3.0))
    fields = {"face_instance": np.array([0, 0, 5, 5]), "face_texture": np.array([1, 1, 0, 0])}
    renderer = Renderer(surface(faces, 8, **fields, vertex_dense=vertices), [WHITE, BLACK])
    frame = renderer.render(vertices, view, AMBIENT, grey(view.size))
    board = frame.face[..., None] == [0, 1]
    board = board.any(-1)
    rows, columns = np.nonzero(board)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (10, 29, 10, 29)
    for name in ("parts", "instance", "garments"):
        assert not getattr(frame, name)[board].any(), name
    assert np.isnan(frame.dense[board]).all()
    assert np.isnan(frame.hidden_depth[board]).all()
    np.testing.assert_allclose(frame.depth[board], 2.0, rtol=1e-6)
    np.testing.assert_allclose(frame.normals[board], np.tile([0, 0, -1], (board.sum(), 1)), atol=1e-6)
    assert (frame.image[10:30, 10:30] == 0).all()
    person = frame.instance == 5
    assert person[20, 31:49].all()
    np.testing.assert_allclose(frame.hidden_depth[person], 3.0, rtol=1e-6)  # the board is not the person's
    np.testing.assert_array_equal(frame.parts > 0, person)


def test_walls_of_a_dolls_house_vanish_from_behind() -> None:
    view = front_camera()
    vertices, faces = two_quads(quad((-0.3, 0.3), (-0.2, 0.2), 2.0), quad((-0.6, 0.6), (-0.4, 0.4), 3.0))
    for turned in (False, True):
        order = np.concatenate([QUAD_FACES[:, ::-1] if turned else QUAD_FACES, faces[2:]])
        fields = {"face_instance": np.array([0, 0, 1, 1]), "face_front_only": np.array([1, 1, 0, 0])}
        frame = Renderer(surface(order, 8, **fields), [WHITE]).render(vertices, view, AMBIENT, grey(view.size))
        np.testing.assert_allclose(frame.depth[12:28, 17:43], 3.0 if turned else 2.0, rtol=1e-6)
        assert (frame.image[12:28, 17:43] == 255).all()
        assert frame.instance[20, 30] == (1 if turned else 0)


def test_a_room_around_the_camera_is_closed() -> None:
    """Six walls of two triangles each, all passing the camera's plane in some view: every ray meets the right one."""
    box = np.array([[x, y, z] for z in (0.0, 3.0) for y in (-4.0, 5.0) for x in (-3.0, 4.0)])
    sides = np.array([[0, 2, 3, 1], [4, 5, 7, 6], [0, 1, 5, 4], [2, 6, 7, 3], [0, 4, 6, 2], [1, 3, 7, 5]])[:, ::-1]
    faces = sides[:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3)
    fields = {"face_instance": np.zeros(12), "face_front_only": np.ones(12)}
    renderer = Renderer(surface(faces, 8, **fields), [WHITE])
    K = np.array([[60.0, 0, 40], [0, 60.0, 30], [0, 0, 1]])
    for angle in np.linspace(0, 6, 9):
        target = np.array([0.5 + np.cos(angle), np.sin(angle), 1.2 + 0.7 * np.cos(3 * angle)])
        view = Camera(K, *look_at(np.array([0.5, 0.0, 1.2]), target, roll_rad=angle), (60, 80))
        frame = renderer.render(box, view, AMBIENT, grey(view.size))
        low, high, start, rays = box.min(0), box.max(0), view.center, pixel_rays(view)
        depth = np.where(rays > 0, (high - start) / rays, (low - start) / rays).min(-1)
        np.testing.assert_allclose(frame.depth, depth, rtol=1e-4)
        assert (frame.image == 255).all()


def test_holes_reveal_what_is_behind() -> None:
    """Texels as large as pixels: labels, depth and colour follow the alpha of each."""
    view = front_camera()
    alpha = np.where(np.random.default_rng(0).random((20, 30)) < 0.5, 0, 255)
    alpha[:2], alpha[-2:], alpha[:, :2], alpha[:, -2:] = 255, 255, 255, 255
    vertices, faces = two_quads(quad((-0.3, 0.3), (-0.2, 0.2), 2.0), quad((-0.9, 0.9), (-0.6, 0.6), 3.0))
    fields = {
        "face_uv": np.concatenate([QUAD_UV, QUAD_UV]),
        "face_texture": np.array([1, 1, 0, 0]),
        "face_instance": np.array([1, 1, 2, 2]),
    }
    renderer = Renderer(surface(faces, 8, **fields), [BLACK, rgba((250, 120, 30), alpha)])
    frame = renderer.render(vertices, view, AMBIENT, grey(view.size), samples=1)
    inside = np.s_[10:30, 15:45]
    np.testing.assert_array_equal(frame.instance[inside], np.where(alpha > 0, 1, 2))
    np.testing.assert_allclose(frame.depth[inside], np.where(alpha > 0, 2.0, 3.0), rtol=1e-6)
    np.testing.assert_array_equal(frame.image[inside], np.where(alpha[..., None] > 0, [250, 120, 30], 0))


def test_a_hole_is_no_hidden_surface() -> None:
    """A person's card behind the person: its opaque half counts as the far side, its transparent half does not."""
    view = front_camera()
    alpha = np.tile(np.repeat([0, 255], 15), (20, 1))
    vertices, faces = two_quads(quad((-0.6, 0.6), (-0.4, 0.4), 2.0), quad((-0.9, 0.9), (-0.6, 0.6), 3.0))
    uv = np.concatenate([QUAD_UV, QUAD_UV])
    renderer = Renderer(surface(faces, 8, face_uv=uv, face_texture=[0, 0, 1, 1]), [WHITE, rgba((0, 0, 0), alpha)])
    frame = renderer.render(vertices, view, AMBIENT, grey(view.size))
    np.testing.assert_allclose(frame.hidden_depth[:, 2:28], 2.0, rtol=1e-6)
    np.testing.assert_allclose(frame.hidden_depth[:, 32:58], 3.0, rtol=1e-6)


@pytest.mark.parametrize("samples", [4, 16])
def test_soft_alpha_averages_to_its_coverage(samples: int) -> None:
    """A ramp of alpha from 0 to 1 across 60 pixels: white over grey in that share, to half a ray."""
    view = front_camera()
    ramp = np.tile(np.rint(np.linspace(0, 255, 60)), (40, 1))
    renderer = Renderer(surface(QUAD_FACES, 4, face_uv=QUAD_UV), [rgba((255, 255, 255), ramp)])
    frame = renderer.render(quad((-0.6, 0.6), (-0.4, 0.4), 2.0), view, AMBIENT, grey(view.size), samples)
    shown = (frame.image[5:35, 2:58, 0].mean(0) - GREY) / (255 - GREY)
    assert np.abs(shown - ramp[0, 2:58] / 255).max() <= 0.5 / samples + 0.03
    np.testing.assert_array_equal(frame.face[20, 2:58] >= 0, ramp[0, 2:58] >= 127.5)
    assert (np.diff(shown) >= 0).all()


@pytest.mark.parametrize("distance_m", [2.0, 7.0, 40.0])
def test_the_colour_of_holes_does_not_bleed(distance_m: float) -> None:
    """Red bars between transparent ones that are green inside: seen from any distance, the bars stay red."""
    view = front_camera()
    alpha = np.tile(np.repeat([255, 0, 255, 0, 0, 255], 20), (120, 1))
    texture = rgba((200, 0, 0), alpha)
    texture[alpha == 0, :3] = 0, 255, 0
    renderer = Renderer(surface(QUAD_FACES, 4, face_uv=QUAD_UV), [texture])
    frame = renderer.render(
        quad((-0.5, 0.5), (-0.4, 0.4), distance_m), view, AMBIENT, np.zeros((*view.size, 3), np.uint8)
    )
    assert frame.image[..., 0].max() > (150 if distance_m < 10 else 60)
    assert frame.image[..., 1:].max() == 0


def test_reductions_are_means_weighted_by_alpha() -> None:
    rng = np.random.default_rng(0)
    texture = rng.integers(0, 256, (64, 48, 4), dtype=np.uint8)
    texture[:16, :16, 3] = 0
    levels = pyramid(texture)
    alpha = texture[..., 3:].astype(float)
    weight = alpha.reshape(32, 2, 24, 2, 1).sum((1, 3))
    mean = (texture[..., :3] * alpha).reshape(32, 2, 24, 2, 3).sum((1, 3)) / np.maximum(weight, 1e-9)
    known = weight[..., 0] > 0
    assert np.abs(levels[1] - mean)[known].max() <= 0.51
    np.testing.assert_array_equal(levels[0][texture[..., 3] > 0], texture[..., :3][texture[..., 3] > 0])
    around = levels[0][:16, :16].astype(float)  # holes take the colour of what surrounds them, far away: a mean
    assert np.abs(around - 127).max() < 60
    assert [level.shape for level in levels] == [level.shape for level in pyramid(texture[..., :3])]


def test_an_alpha_of_255_changes_nothing() -> None:
    view = front_camera()
    texture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    opaque = np.concatenate([texture, np.full((64, 64, 1), 255, np.uint8)], -1)
    images = [
        Renderer(surface(QUAD_FACES, 4, face_uv=QUAD_UV), [t])
        .render(quad((-0.5, 0.4), (-0.3, 0.3), 2.0), view, AMBIENT, grey(view.size))
        .image
        for t in (texture, opaque)
    ]
    np.testing.assert_array_equal(*images)


def test_dense_places_are_interpolated() -> None:
    """With the vertices themselves as places, each pixel's place is its point in the world."""
    vertices, faces = sphere(48)
    vertices = vertices * RADIUS + CENTER
    view = camera()
    renderer = Renderer(surface(faces, len(vertices), vertex_dense=vertices), [WHITE])
    frame = renderer.render(vertices, view, AMBIENT, grey(view.size))
    v, u = np.mgrid[: view.size[0], : view.size[1]] + 0.5
    points = view.unproject(np.stack([u, v], -1), frame.depth.astype(np.float64))
    person = frame.instance > 0
    np.testing.assert_array_equal(np.isfinite(frame.dense).all(-1), person)
    np.testing.assert_allclose(frame.dense[person], points[person], atol=1e-4)


def test_the_same_arguments_give_the_same_bytes_whatever_came_before() -> None:
    vertices, faces = sphere(24)
    ground = quad((-3.0, 3.0), (0.0, 0.0), 0.0)
    ground[2:, 1] = 4.0
    points = np.concatenate([vertices * 0.5 + [0, 2, 0.6], ground])
    both = np.concatenate([faces, QUAD_FACES + len(vertices)])
    owner = np.concatenate([np.ones(len(faces)), np.zeros(2)])
    uv = np.concatenate([np.random.default_rng(0).random((len(faces), 3, 2)), QUAD_UV])
    lace = rgba((200, 180, 160), np.random.default_rng(1).integers(0, 256, (32, 32)))
    fields = {"face_instance": owner, "face_uv": uv, "vertex_dense": points}
    view = Camera(front_camera().K, *look_at(np.array([0, -1.5, 1.2]), np.array([0, 2, 0.5])), (40, 60))
    sun = Sun(np.array([0.6, 0.0, 0.8]), np.full(3, 0.7), 0.05)
    arguments = (
        points,
        view,
        AMBIENT,
        grey(view.size),
        5,
        sun,
        Shutter(points + np.array([0.1, 0, 0]), view),
        Floor(-0.1),
    )
    renderer = Renderer(surface(both, len(points), **fields), [lace])
    first = renderer.render(*arguments)
    renderer.render(points, front_camera((30, 30)), AMBIENT, grey((30, 30)), 2)
    renderer.render(points * 1.1, view, AMBIENT, grey(view.size), 5, Sun(np.array([0, 0, 1.0]), np.ones(3)))
    again = renderer.render(*arguments)
    for name, value in vars(first).items():
        np.testing.assert_array_equal(getattr(again, name), value, err_msg=name)


def test_textures_of_two_channels_are_refused() -> None:
    with pytest.raises(HumansenseError, match=r"expected uint8 \(h, w, 3 or 4\)"):
        Renderer(surface(QUAD_FACES, 4), [WHITE[..., :2]])
