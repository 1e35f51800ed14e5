"""Solid occupancy against analytic solids, winding numbers by brute force, trimesh's volumes and the renderer."""

import numpy as np
import pytest
import torch
import trimesh

from humansense.bodies import load_body, sample_shapes
from humansense.bodies.measures import measure
from humansense.bodies.solids import body_solid, crop_solid, pose_stored
from humansense.core import Camera, HumansenseError, look_at, part_map, part_set
from humansense.geometry.meshes import closest_points, is_closed
from humansense.geometry.voxels import cell_centres, fitted_grid, label_cells, occupancy
from humansense.render import Renderer, Surface

BODY = load_body()


def cells_of(shape: tuple[int, int, int], origin: np.ndarray, size: float) -> np.ndarray:
    return cell_centres(np.argwhere(np.ones(shape)), origin, size).reshape(*shape, 3)


def sphere(centre: tuple[float, float, float], radius: float, subdivisions: int = 4) -> trimesh.Trimesh:
    mesh = trimesh.creation.icosphere(subdivisions, radius)
    mesh.apply_translation(centre)
    return mesh


def solid_angle_winding(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Winding numbers by summed solid angles (Van Oosterom 1983), points (N, 3), triangles (F, 3, 3)."""
    a, b, c = (triangles[None, :, k] - points[:, None] for k in range(3))
    la, lb, lc = (np.linalg.norm(x, axis=2) for x in (a, b, c))
    numerator = (a * np.cross(b, c)).sum(2)
    denominator = la * lb * lc + (a * b).sum(2) * lc + (b * c).sum(2) * la + (c * a).sum(2) * lb
    return 2 * np.arctan2(numerator, denominator).sum(1) / (4 * np.pi)


def random_pose(seed: int, size: float = 0.5) -> np.ndarray:
    turns = size * torch.randn(104, 3, generator=torch.Generator().manual_seed(seed))
    return turns.numpy()


def stored(seed: int) -> dict[str, np.ndarray]:
    shape = sample_shapes(np.random.default_rng(seed), 1)[0]
    return {"shape": shape, "pose_aa": random_pose(seed, 0.25), "translation": np.array([0.3, -0.2, 0.9], np.float32)}


def test_a_box_is_exact_even_where_its_faces_pass_through_centres() -> None:
    box = trimesh.creation.box((1.0, 0.5, 1.5))
    shape, origin, size = (16, 12, 18), np.array([-1.0, -0.75, -1.125]), 0.125  # all exact in binary
    got = occupancy(box.vertices, box.faces, origin, size, shape)
    inside = (np.abs(cells_of(shape, origin, size)) < np.array([0.5, 0.25, 0.75])).all(-1)
    np.testing.assert_array_equal(got, inside)
    # With centres on the faces, edges and corners of the box, one end of each pair counts: the volume is exact.
    got = occupancy(box.vertices, box.faces, origin - size / 2, size, (17, 13, 19))
    assert got.sum() == round(1.0 * 0.5 * 1.5 / size**3)


def test_a_sphere_has_its_cells_and_its_volume() -> None:
    mesh = sphere((0.1, -0.05, 0.2), 0.7, 5)
    shape, size = (70, 64, 66), 0.025
    origin = np.array([-0.75, -0.85, -0.6])
    got = occupancy(mesh.vertices, mesh.faces, origin, size, shape)
    distance = np.linalg.norm(cells_of(shape, origin, size) - (0.1, -0.05, 0.2), axis=-1)
    sure = np.abs(distance - 0.7) > 0.001  # the mesh is a polyhedron within 0.6 mm of the sphere
    np.testing.assert_array_equal(got[sure], distance[sure] < 0.7)
    assert got.sum() * size**3 == pytest.approx(mesh.volume, rel=4e-3)


def test_overlapping_solids_stay_solid_and_cavities_are_hollow() -> None:
    one, other, hole = sphere((0, 0, 0), 0.5), sphere((0.3, 0.1, 0.2), 0.4), sphere((-0.2, 0, 0), 0.2)
    vertices = np.concatenate([one.vertices, other.vertices, hole.vertices])
    faces = np.concatenate(
        [one.faces, other.faces + len(one.vertices), hole.faces[:, ::-1] + len(one.vertices) + len(other.vertices)]
    )
    shape, origin, size = (48, 40, 44), np.array([-0.6, -0.6, -0.6]), 0.03
    got = occupancy(vertices, faces, origin, size, shape)
    parts = [occupancy(m.vertices, m.faces, origin, size, shape) for m in (one, other, hole)]
    np.testing.assert_array_equal(got, parts[0].astype(int) + parts[1] - parts[2] > 0)
    assert (parts[0] & parts[1]).sum() > 500
    assert (got & parts[2]).sum() < parts[2].sum()


def test_the_result_depends_on_neither_the_order_of_the_faces_nor_the_batch() -> None:
    posed = pose_stored(BODY, stored(3))
    vertices = posed.vertices[0].numpy()
    origin, size = fitted_grid(vertices[BODY.skin_vertices], 48)
    got = occupancy(vertices, BODY.faces, origin, size, (48, 48, 48))
    rng = np.random.default_rng(0)
    shuffled = np.stack([np.roll(f, k) for f, k in zip(BODY.faces, rng.integers(3, size=len(BODY.faces)), strict=True)])
    again = occupancy(np.stack([vertices, vertices + 10]), rng.permutation(shuffled), origin, size, (48, 48, 48))
    np.testing.assert_array_equal(again[0], got)
    assert not again[1].any()


def test_corners_on_a_grid_leak_nothing() -> None:
    """Meshes whose corners all lie on the lines through the centres, the worst case: no column may stay open."""
    rng, tested = np.random.default_rng(1), 0
    for _ in range(40):
        points = rng.integers(0, 7, (12, 3)).astype(float)
        try:
            hull = trimesh.convex.convex_hull(points)
        except Exception:  # flat
            continue
        got = occupancy(hull.vertices, hull.faces, np.full(3, -0.5), 1.0, (7, 7, 7))
        centres = np.argwhere(np.ones((7, 7, 7))).astype(float)
        surely = closest_points(centres, hull.vertices, hull.faces)[2] > 1e-9  # on the surface either answer is right
        inside = solid_angle_winding(centres[surely], hull.vertices[hull.faces]) > 0.5
        np.testing.assert_array_equal(got.reshape(-1)[surely], inside)
        tested += 1
    assert tested > 30


def test_cells_outside_the_grid_are_cut_off() -> None:
    mesh = sphere((0, 0, 0), 1.0)
    whole = occupancy(mesh.vertices, mesh.faces, np.full(3, -1.05), 0.1, (21, 21, 21))
    part = occupancy(mesh.vertices, mesh.faces, np.array([-0.65, -0.55, -0.45]), 0.1, (9, 8, 7))
    np.testing.assert_array_equal(part, whole[4:13, 5:13, 6:13])


def test_a_mesh_without_an_inside_is_refused() -> None:
    mesh = sphere((0, 0, 0), 1.0)
    assert is_closed(mesh.faces)
    assert not is_closed(mesh.faces[1:])
    assert not is_closed(np.concatenate([mesh.faces[:1, ::-1], mesh.faces[1:]]))
    with pytest.raises(HumansenseError, match="not closed"):
        occupancy(mesh.vertices, mesh.faces[300:], np.full(3, -1.05), 0.1, (21, 21, 21))
    with pytest.raises(HumansenseError, match="expected"):
        occupancy(mesh.vertices[:, :2], mesh.faces, np.zeros(3), 0.1, (2, 2, 2))
    with pytest.raises(HumansenseError, match="finite"):
        occupancy(mesh.vertices * np.nan, mesh.faces, np.zeros(3), 0.1, (2, 2, 2))


def test_the_skin_of_the_body_is_closed() -> None:
    assert is_closed(BODY.faces)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_body_against_winding_numbers(seed: int) -> None:
    posed = pose_stored(
        BODY, stored(seed) | {"pose_aa": random_pose(seed, 0.6)}
    )  # limbs through the trunk and each other
    solid = body_solid(BODY, posed, 64)
    vertices = posed.vertices[0].numpy().astype(np.float64)
    rng = np.random.default_rng(seed)
    cells = np.concatenate([rng.permutation(np.argwhere(solid.occupied))[:30], rng.integers(0, 64, (20, 3))])
    centres = cell_centres(cells, solid.origin, solid.voxel)
    winding = solid_angle_winding(centres, vertices[BODY.faces])
    np.testing.assert_array_equal(solid.occupied[tuple(cells.T)], np.round(winding) > 0)
    assert np.abs(winding - np.round(winding)).max() < 1e-3


def test_a_body_has_its_volume() -> None:
    """At rest the body hardly meets itself, so its cells add up to the volume that trimesh integrates."""
    posed = pose_stored(BODY, stored(5) | {"pose_aa": np.zeros((104, 3), np.float32)})
    solid = body_solid(BODY, posed)
    volume = trimesh.Trimesh(posed.vertices[0].numpy(), BODY.faces, process=False).volume
    assert solid.occupied.sum() * solid.voxel.prod() == pytest.approx(volume, rel=0.005)
    assert measure(BODY, stored(5)["shape"][None]).weight_kg[0] / 1000 == pytest.approx(volume, rel=1e-4)


def test_the_pelvis_is_in_the_middle_of_the_world_grid() -> None:
    posed = pose_stored(BODY, stored(1))
    solid = body_solid(BODY, posed)
    pelvis = BODY.regress(posed, "smpl24")[0, 0].numpy()
    np.testing.assert_allclose(solid.origin + 64 * solid.voxel, pelvis, atol=1e-5)
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        filled = np.flatnonzero(solid.occupied.any(others))
        assert 0 < filled[0] <= filled[-1] < 127


def test_the_front_of_the_crop_is_the_silhouette() -> None:
    posed = pose_stored(BODY, stored(2))
    vertices = posed.vertices[0].numpy()
    R, t = look_at(np.array([1.2, -2.6, 1.4]), np.array([0.3, -0.2, 0.9]))
    camera = Camera(np.array([[300.0, 0, 160], [0, 300, 120], [0, 0, 1]]), R, t, (240, 320))
    pixels = camera.project(vertices[BODY.skin_vertices])
    middle, half = (pixels.min(0) + pixels.max(0)) / 2, 0.55 * (pixels.max(0) - pixels.min(0)).max()
    box = np.array([*(middle - half), *(middle + half)])
    solid = crop_solid(BODY, posed, camera, box)
    to_crop = np.array([[64 / half, 0, -box[0] * 64 / half], [0, 64 / half, -box[1] * 64 / half], [0, 0, 1]])
    frame = Renderer(
        Surface(
            faces=BODY.faces,
            face_uv=BODY.face_uv,
            face_texture=np.zeros(len(BODY.faces)),
            face_instance=np.ones(len(BODY.faces)),
            vertex_parts=BODY.part_weights,
        ),
        [np.zeros((2, 2, 3), np.uint8)],
    ).render(vertices, camera.mapped(to_crop, (128, 128)), np.ones(9, np.float32), np.zeros((128, 128, 3), np.uint8))
    front, mask = solid.occupied.any(2).T, frame.instance > 0
    assert (front & mask).sum() / (front | mask).sum() > 0.98
    assert (front & ~mask).sum() <= 2
    # The nearest solid cell of a column lies at the depth that the picture shows.
    z = solid.origin[2] + (solid.occupied.argmax(2).T + 0.5) * solid.voxel[2]
    both = front & mask
    error = z[both] - frame.depth[both]
    assert np.median(np.abs(error)) < solid.voxel[2]
    assert (error > -solid.voxel[2] / 2 - 2e-3).all()
    parts = solid.parts(BODY)
    seen = np.take_along_axis(parts, solid.occupied.argmax(2)[..., None], 2)[..., 0].T
    assert (seen[both] == part_map("smpl24", "parts6")[frame.parts][both]).mean() > 0.95
    pelvis = camera.to_camera(BODY.regress(posed, "smpl24")[0, 0].numpy())
    assert solid.origin[2] + 64 * solid.voxel[2] == pytest.approx(pelvis[2], abs=1e-4)


def test_parts_of_the_solid_are_the_nearest_skin() -> None:
    posed = pose_stored(BODY, stored(4))
    solid = body_solid(BODY, posed, 48)
    parts = solid.parts(BODY)
    np.testing.assert_array_equal(parts > 0, solid.occupied)
    assert set(np.unique(parts)) == set(range(len(part_set("parts6"))))
    fine = solid.parts(BODY, "smpl24")
    vertices, labels = posed.vertices[0].numpy(), BODY.part_weights.argmax(1) + 1
    for cell in np.argwhere(solid.occupied)[::700]:
        centre = cell_centres(cell, solid.origin, solid.voxel)
        nearest = np.linalg.norm(vertices[BODY.skin_vertices] - centre, axis=1).argmin()
        assert fine[tuple(cell)] == labels[BODY.skin_vertices[nearest]]


def test_bad_crops_and_persons_are_named() -> None:
    posed = pose_stored(BODY, stored(0))
    R, t = look_at(np.array([0.3, -0.25, 0.9]), np.array([0.3, 2.0, 0.9]))
    camera = Camera(np.array([[300.0, 0, 160], [0, 300, 120], [0, 0, 1]]), R, t, (240, 320))
    with pytest.raises(HumansenseError, match="behind"):
        crop_solid(BODY, posed, camera, np.array([0, 0, 100, 100]))
    with pytest.raises(HumansenseError, match="no square"):
        crop_solid(BODY, posed, camera, np.array([0, 0, 100, 120]))
    with pytest.raises(HumansenseError, match="no pose_aa, translation stored"):
        pose_stored(BODY, {"shape": np.zeros(11)})


def test_closest_points_are_the_nearest_of_all_triangles() -> None:
    rng = np.random.default_rng(0)
    vertices = rng.normal(size=(60, 3))
    faces = rng.integers(0, 60, (90, 3))
    faces = faces[(faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])]
    vertices[:20] *= 0.01  # tiny triangles beside large ones
    points = rng.normal(size=(80, 3)) * 1.5
    places, face, distance = closest_points(points, vertices, faces)
    w = rng.dirichlet(np.ones(3), 400)
    samples = np.einsum("wk,fkc->fwc", w, vertices[faces]).reshape(-1, 3)  # they can not be nearer
    for point, place, f, d in zip(points, places, face, distance, strict=True):
        assert np.linalg.norm(point - place) == pytest.approx(d, abs=1e-12)
        assert d <= np.linalg.norm(samples - point, axis=1).min() + 1e-9
        a, b, c = vertices[faces[f]]
        weights = np.linalg.lstsq(np.stack([a, b, c]).T, place, rcond=None)[0]
        assert np.abs(np.stack([a, b, c]).T @ weights - place).max() < 1e-9
    naive = trimesh.proximity.closest_point_naive(trimesh.Trimesh(vertices, faces, process=False), points)[1]
    np.testing.assert_allclose(distance, naive, atol=1e-9)


def test_label_cells_of_nothing() -> None:
    assert not label_cells(np.zeros((3, 3, 3), bool), np.zeros(3), 0.1, np.zeros((1, 3)), np.ones(1)).any()
