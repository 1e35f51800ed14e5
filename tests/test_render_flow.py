"""Optical flow against known truth: it warps one frame onto the next, and knows what is hidden there."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import map_coordinates
from test_render import AMBIENT, CENTER, QUAD_FACES, RADIUS, WHITE, camera, front_camera, grey, quad, sphere, surface

from humansense.core import Camera, HumansenseError, look_at
from humansense.render import Frame, Renderer


def turned(vertices: np.ndarray, angle: float, shift: tuple[float, float, float]) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return vertices @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]) * RADIUS + CENTER + shift


def moving_ball() -> tuple[Renderer, list[tuple[np.ndarray, Camera]]]:
    """A ball that turns by 6 degrees and moves by some pixels before a camera that moves, too."""
    vertices, faces = sphere()
    renderer = Renderer(surface(faces, len(vertices), vertex_dense=vertices), [WHITE])
    views = [camera((2.0, -5.0, 2.0), (192, 256)), camera((2.05, -4.95, 1.97), (192, 256))]
    views = [view.mapped(np.diag([2.0, 2.0, 1.0]) @ np.eye(3), view.size) for view in views]
    moves = [(0.0, (0.0, 0.0, 0.0)), (0.1, (0.05, -0.1, 0.04))]
    return renderer, [(turned(vertices, *move), view) for move, view in zip(moves, views, strict=True)]


def pixel_grid(size: tuple[int, int]) -> np.ndarray:
    v, u = np.mgrid[: size[0], : size[1]] + 0.5
    return np.stack([u, v], -1)


def sampled(values: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Bilinear values (H, W, C) at pixels (N, 2); NaN where one of the four is not finite."""
    at = (points - 0.5).T[::-1]
    return np.stack([map_coordinates(channel, at, order=1, cval=np.nan) for channel in np.moveaxis(values, -1, 0)], -1)


def test_flow_warps_a_frame_onto_the_next() -> None:
    """The place on the ball that a pixel sees is seen again where the flow leads, within 0.1 pixels; and back."""
    renderer, ((here_points, here_view), (there_points, there_view)) = moving_ball()
    here = renderer.render(here_points, here_view, AMBIENT, grey(here_view.size), 1)
    there = renderer.render(there_points, there_view, AMBIENT, grey(there_view.size), 1)
    flow = renderer.flow(here, here_view, there, there_points, there_view, picture_is_static=False)
    back = renderer.flow(there, there_view, here, here_points, here_view, picture_is_static=False)
    valid = np.isfinite(flow).all(-1)
    assert (valid <= (here.instance > 0)).all()
    assert valid[here.instance > 0].mean() > 0.85
    assert np.median(np.linalg.norm(flow[valid], axis=-1)) > 3

    start = pixel_grid(here_view.size)
    landing = (start + flow)[valid]
    slope = np.stack(np.gradient(there.dense.astype(float), axis=(1, 0)), -1)  # (H, W, 3, 2) dense by pixel
    at = np.floor(landing).astype(int)
    slope = slope[at[:, 1], at[:, 0]]
    error = sampled(there.dense.astype(float), landing) - here.dense[valid]
    known = np.isfinite(error).all(-1) & np.isfinite(slope).all((1, 2))
    assert known.mean() > 0.9
    pixels = np.linalg.norm((np.linalg.pinv(slope[known]) @ error[known, :, None])[..., 0], axis=-1)
    assert np.quantile(pixels, 0.99) < 0.1
    assert np.median(pixels) < 0.01

    round_trip = sampled(back.astype(float), landing) + flow[valid]
    length = np.linalg.norm(round_trip[np.isfinite(round_trip).all(-1)], axis=-1)
    assert len(length) > 0.9 * valid.sum()
    assert np.quantile(length, 0.99) < 0.1


def test_flow_is_the_projected_motion_of_the_vertices() -> None:
    renderer, ((here_points, here_view), (there_points, there_view)) = moving_ball()
    here = renderer.render(here_points, here_view, AMBIENT, grey(here_view.size), 1)
    there = renderer.render(there_points, there_view, AMBIENT, grey(there_view.size), 1)
    flow = renderer.flow(here, here_view, there, there_points, there_view)
    rows, columns = np.nonzero(np.isfinite(flow).all(-1) & (here.face >= 0))
    weights = here.bary[rows, columns]
    weights = np.column_stack([weights, 1 - weights.sum(-1)])
    points = (there_points[renderer.surface.faces[here.face[rows, columns]]] * weights[..., None]).sum(1)
    expected = there_view.project(points) - np.column_stack([columns + 0.5, rows + 0.5])
    np.testing.assert_allclose(flow[rows, columns], expected, atol=2e-3)
    again = renderer.flow(here, here_view, there, there_points, there_view)  # whatever is rendered in between
    renderer.render(here_points * 1.3, here_view, AMBIENT, grey(here_view.size), 2)
    np.testing.assert_array_equal(again, renderer.flow(here, here_view, there, there_points, there_view))


@pytest.mark.parametrize("owners", [(1, 2), (1, 0), (0, 1), (3, 3), (0, 0)])
@pytest.mark.parametrize("shift", [6, -6])
def test_what_a_near_quad_covers_is_not_valid(owners: tuple[int, int], shift: int) -> None:
    """Near: columns 20..30 at 2 m, moves by six pixels. Far: columns 10..50 at 3 m, stands still. Exact sets."""
    view = front_camera()
    far = quad((-0.6, 0.6), (-0.45, 0.45), 3.0)
    near = quad((-0.2, 0.0), (-0.2, 0.2), 2.0)
    faces = np.concatenate([QUAD_FACES, QUAD_FACES + 4])
    renderer = Renderer(surface(faces, 8, face_instance=np.repeat(owners, 2)), [WHITE])
    points = [np.concatenate([near + np.array([x, 0, 0]), far]) for x in (0.0, shift * 2 / 100)]
    frames = [renderer.render(p, view, AMBIENT, grey(view.size)) for p in points]
    is_near = [np.isin(frame.face, [0, 1]) for frame in frames]
    is_far = [np.isin(frame.face, [2, 3]) for frame in frames]
    assert is_near[0].sum() == is_near[1].sum() == 200
    for here, there, motion in ((0, 1, shift), (1, 0, -shift)):
        flow = renderer.flow(frames[here], view, frames[there], points[there], view)
        valid = np.isfinite(flow).all(-1)
        background = ~is_near[here] & ~is_far[here]
        seen_again = is_near[here] | (is_far[here] & is_far[there]) | (background & ~is_near[there] & ~is_far[there])
        np.testing.assert_array_equal(valid, seen_again)
        assert (is_far[here] & ~valid).sum() == 6 * 20
        np.testing.assert_allclose(flow[is_near[here]], np.tile([motion, 0], (200, 1)), atol=1e-3)
        np.testing.assert_allclose(flow[is_far[here] & valid], 0, atol=1e-3)
        assert (flow[background & valid] == 0).all()
        moving_picture = renderer.flow(frames[here], view, frames[there], points[there], view, picture_is_static=False)
        assert np.isnan(moving_picture[background]).all()
        np.testing.assert_array_equal(moving_picture[~background], flow[~background])


def test_what_leaves_the_picture_is_not_valid() -> None:
    view = front_camera()
    vertices = quad((-0.6, 0.6), (-0.2, 0.2), 2.0)
    renderer = Renderer(surface(QUAD_FACES, 4), [WHITE])
    moved = vertices + np.array([10 * 2 / 100, 0, 0])
    here, there = (renderer.render(p, view, AMBIENT, grey(view.size)) for p in (vertices, moved))
    valid = np.isfinite(renderer.flow(here, view, there, moved, view)).all(-1)
    np.testing.assert_array_equal(valid[20], np.arange(60) < 50)
    behind = vertices - np.array([0, 5.0, 0])
    gone = renderer.render(behind, view, AMBIENT, grey(view.size))
    assert not np.isfinite(renderer.flow(here, view, gone, behind, view)[here.face >= 0]).any()


def test_scenery_flows_with_the_camera() -> None:
    """A slanting wall and a camera that turns and moves: the homography of the wall's plane."""
    points = np.array([[-3.0, 2, -2], [3, 4, -2], [3, 4, 3], [-3, 2, 3]])
    renderer = Renderer(surface(QUAD_FACES, 4, face_instance=np.zeros(2)), [WHITE])
    first = front_camera((80, 120), 120.0)
    last = Camera(first.K, *look_at(np.array([0.1, 0.05, 0.02]), np.array([0.15, 1.0, 0.03]), 0.02), first.size)
    here, there = (renderer.render(points, view, AMBIENT, grey(view.size)) for view in (first, last))
    flow = renderer.flow(here, first, there, points, last)
    pixels = pixel_grid(first.size)
    expected = last.project(first.unproject(pixels, here.depth.astype(float))) - pixels
    landing = pixels + expected
    inside = ((landing > 0) & (landing < (120, 80))).all(-1) & (here.face >= 0)
    np.testing.assert_array_equal(np.isfinite(flow).all(-1), inside)
    np.testing.assert_allclose(flow[inside], expected[inside], atol=5e-3)
    assert np.linalg.norm(flow[inside], axis=-1).max() > 3
    still = renderer.flow(here, first, here, points, first)
    np.testing.assert_allclose(still, 0, atol=1e-3)


def test_outlines_do_not_leak() -> None:
    """A ball moves before a wall of the same instance: what it covers is not valid beyond a pixel of its outline."""
    vertices, faces = sphere(64)
    wall = quad((-4.0, 4.0), (-3.0, 3.0), 6.0)
    faces = np.concatenate([faces, QUAD_FACES + len(vertices)])
    renderer = Renderer(surface(faces, len(vertices) + 4), [WHITE])
    view = front_camera((120, 160), 140.0)
    centres = np.array([[0.0, 3.0, 0.0], [0.37, 3.1, 0.13]])
    points = [np.concatenate([vertices * 0.8 + centre, wall]) for centre in centres]
    here, there = (renderer.render(p, view, AMBIENT, grey(view.size)) for p in points)
    flow = renderer.flow(here, view, there, points[1], view)
    on_wall = here.face >= len(faces) - 2
    valid = np.isfinite(flow).all(-1)
    rays = np.concatenate([(pixel_grid(view.size) - (80, 60)) / 140, np.ones((*view.size, 1))], -1)  # x, down, ahead
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    middle = centres[1][[0, 2, 1]] * (1, -1, 1)
    distance = np.linalg.norm(np.cross(rays, middle), axis=-1) - 0.8  # metres from the ball's outline, at its depth
    pixel = 3.1 / 140
    assert not valid[on_wall & (distance < -1.5 * pixel)].any()
    assert valid[on_wall & (distance > 1.5 * pixel)].all()
    assert (on_wall & (distance < -1.5 * pixel)).sum() > 100
    ball = (here.face >= 0) & ~on_wall
    assert valid[ball].mean() > 0.97  # it moves but does not turn


def test_frames_of_different_sizes_are_refused() -> None:
    view, other = front_camera(), front_camera((30, 30))
    vertices = quad((-0.2, 0.2), (-0.2, 0.2), 2.0)
    renderer = Renderer(surface(QUAD_FACES, 4), [WHITE])
    with pytest.raises(HumansenseError, match="expected the same"):
        renderer.flow(Frame.empty(grey(view.size)), view, Frame.empty(grey(other.size)), vertices, other)
    with pytest.raises(HumansenseError, match="vertices_there have shape"):
        renderer.flow(Frame.empty(grey(view.size)), view, Frame.empty(grey(view.size)), vertices[1:], view)


def test_what_has_turned_away_is_hidden_however_thin_it_is() -> None:
    """A ball of a few pixels seen from both sides: no triangle faces both cameras, though its rim is thin."""
    vertices, faces = sphere(24)
    renderer = Renderer(surface(faces, len(vertices), vertex_dense=vertices), [WHITE])
    size, shown = (20, 30), 0
    for shift in np.linspace(0, 0.02, 12):  # other places in the pixel grid
        middle = np.array([shift, 8.0, 0.6 * shift])
        ball = vertices * 0.04 + middle
        K = np.array([[600.0, 0, 15], [0, 600.0, 10], [0, 0, 1]])
        views = [Camera(K, *look_at(np.array([0.0, y, 0.0]), np.array([0.0, 8.0, 0.0])), size) for y in (0.0, 16.0)]
        here, there = (renderer.render(ball, view, AMBIENT, grey(size), 1) for view in views)
        person = here.instance > 0
        shown += int(person.sum())
        flow = renderer.flow(here, views[0], there, ball, views[1], picture_is_static=False)
        assert np.isnan(flow[person]).all()
        same = renderer.flow(here, views[0], here, ball, views[0], picture_is_static=False)
        assert np.isfinite(same[person]).all()
    assert shown > 200
