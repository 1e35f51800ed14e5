"""Garments: cuts against a naive clipper, layers, labels, posing against the body's own, looks through the cloth."""

import itertools

import numpy as np
import pytest
import torch
from scipy import sparse

from humansense.bodies import Outfit, dress, load_body, sample_outfit, sample_shapes
from humansense.bodies.anatomy import anatomy
from humansense.bodies.cuts import above, below, meet, sleeves, spots_on
from humansense.bodies.dress import _skin, displaced
from humansense.bodies.garments import FABRIC_REPEAT_M, Fit, cloth, layered, tailor
from humansense.bodies.hair import long_hair, short_hair
from humansense.bodies.patch import Patch, vertex_normals
from humansense.core import Camera, HumansenseError, joint_set, look_at, part_set
from humansense.geometry import axis_angle_to_matrix

BODY = load_body()
N_OUTFITS = 10


def outfit_and_shape(seed: int) -> tuple[Outfit, torch.Tensor]:
    rng = np.random.default_rng([3, seed])
    shape = sample_shapes(rng, 1)
    return sample_outfit(rng, BODY, shape[0].tolist()), torch.from_numpy(shape)


def random_pose(n: int, size: float = 0.25, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return axis_angle_to_matrix(size * torch.randn(n, len(BODY.joint_names), 3, generator=generator))


def grid(n: int = 9) -> tuple[Patch, np.ndarray]:
    """A square sheet of n x n vertices, and where they are."""
    x, y = np.meshgrid(np.linspace(0, 1, n), np.linspace(0, 1, n), indexing="ij")
    points = np.stack([x.ravel(), y.ravel(), np.zeros(n * n)], 1)
    corner = (np.arange(n - 1)[:, None] * n + np.arange(n - 1)).ravel()
    faces = np.concatenate(
        [np.stack([corner, corner + n, corner + 1], 1), np.stack([corner + n, corner + n + 1, corner + 1], 1)]
    )
    return Patch(
        sparse.identity(n * n, dtype=np.float32, format="csr"), faces, points[faces, :2].astype(np.float32)
    ), points


def area(points: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = (points[faces[:, k]] for k in range(3))
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


def naive_clip(triangle: np.ndarray, values: np.ndarray) -> float:
    """Area of the part of one triangle where a linear field is >= 0 (Sutherland and Hodgman 1974)."""
    out = []
    for k in range(3):
        p, q, f, g = triangle[k], triangle[(k + 1) % 3], values[k], values[(k + 1) % 3]
        if f >= 0:
            out.append(p)
        if (f >= 0) != (g >= 0):
            out.append(p + (q - p) * f / (f - g))
    return sum(float(np.linalg.norm(np.cross(b - out[0], c - out[0]))) / 2 for b, c in itertools.pairwise(out))


def test_a_cut_is_what_a_naive_clipper_leaves() -> None:
    patch, points = grid()
    field = np.random.default_rng(0).normal(size=len(patch))
    part = patch.cut(field)
    expected = sum(naive_clip(points[f], field[f]) for f in patch.faces)
    at = part.carry(points)
    assert area(at, part.faces) == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(part.uv, at[part.faces][..., :2], atol=1e-6)  # uv was x, y
    assert part.carry(field).min() > -1e-6
    assert (vertex_normals(at, part.faces)[:, 2] > 0.999).all()  # no triangle is turned over


def test_a_split_keeps_the_surface_and_follows_the_line() -> None:
    patch, points = grid()
    both = patch.split(points[:, 0] - 0.43)
    at = both.carry(points)
    assert area(at, both.faces) == pytest.approx(1.0)
    x = at[both.faces, 0]
    assert (((x >= 0.43 - 1e-6).all(1)) | ((x <= 0.43 + 1e-6).all(1))).all()
    edges = np.sort(both.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), 1)
    _, count = np.unique(edges, axis=0, return_counts=True)
    border = np.sort(patch.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), 1)
    _, before = np.unique(border, axis=0, return_counts=True)
    assert (count <= 2).all()
    assert (count == 1).sum() == (before == 1).sum() + 2  # the line only meets the border twice


def test_a_field_of_another_length_is_refused() -> None:
    patch, points = grid()
    with pytest.raises(HumansenseError, match="field has shape"):
        patch.cut(points[:-1, 0])


def test_hems_are_where_they_were_asked_for() -> None:
    a = anatomy(BODY)
    shirt = tailor(BODY, "shirt", meet(sleeves(0.5), above(0.1)), Fit(0.01), np.random.default_rng(0), above(0.1))
    spots = spots_on(a, shirt.patch)
    assert spots.along_arm[spots.arm].max() == pytest.approx(0.5, abs=0.02)
    assert spots.z[~spots.arm].min() == pytest.approx(a.height_z(0.1), abs=1e-4)
    trousers = tailor(BODY, "trousers", meet(below(0.3), above(-1.9)), Fit(), np.random.default_rng(0))
    z = spots_on(a, trousers.patch).z
    assert z.max() == pytest.approx(a.height_z(0.3), abs=1e-4)
    assert z.min() == pytest.approx(a.height_z(-1.9), abs=1e-4)
    assert a.height_z(-1) == pytest.approx(a.joints["lowerleg01.L"][2])


def test_fabric_has_its_size_everywhere() -> None:
    """Texture over cloth lengths: no triangle tears the pattern, most keep its scale within a factor of two."""
    for panels in ("top", "bottom", "whole", "skirt"):
        patch = cloth(BODY, panels)
        at = patch.carry(anatomy(BODY).points)
        sides = [(0, 1), (1, 2), (2, 0)]
        metres = np.stack([np.linalg.norm(at[patch.faces[:, i]] - at[patch.faces[:, j]], axis=1) for i, j in sides], 1)
        uv = np.stack([np.linalg.norm(patch.uv[:, i] - patch.uv[:, j], axis=1) for i, j in sides], 1)
        seen = metres.sum(1) > 0.02
        scale = uv[seen].sum(1) / metres[seen].sum(1) * FABRIC_REPEAT_M
        assert np.median(scale) == pytest.approx(1, abs=0.3)
        assert ((scale > 0.5) & (scale < 2)).mean() > 0.85, panels
        assert (scale < 5).mean() > 0.995, panels


@pytest.mark.parametrize("seed", range(N_OUTFITS))
def test_an_outfit_fits(seed: int) -> None:
    outfit, shape = outfit_and_shape(seed)
    rest = BODY.rest(shape)
    bare = rest.vertices[0].numpy()
    dressed = dress(BODY, outfit, rest)
    assert np.isfinite(dressed.vertices).all()
    assert dressed.faces.min() == 0
    assert dressed.faces.max() == len(dressed.vertices) - 1
    assert dressed.face_uv.shape == (len(dressed.faces), 3, 2)
    assert set(np.unique(dressed.face_material)) == set(range(len(dressed.material_names)))
    assert len(outfit.describe()) == len(outfit.worn)
    np.testing.assert_allclose(np.asarray(dressed.skinning.sum(1)).ravel(), 1, atol=1e-4)
    np.testing.assert_allclose(dressed.part_weights.sum(1), 1, atol=1e-4)
    for garment in outfit.worn:
        moved = displaced(garment, bare) - garment.patch.carry(bare)
        assert np.linalg.norm(moved, axis=1).max() < 0.15, garment.name  # nothing flies
    # Sides: cloth on the person's left is not labelled right, but for what reaches over the middle.
    names = np.array(part_set("smpl24").names)[dressed.part_weights.argmax(1) + 1]
    x = dressed.vertices[:, 0]
    assert not [n for n in names[x > 0.05] if n.startswith("right")]
    assert not [n for n in names[x < -0.05] if n.startswith("left")]


def test_the_generator_decides_everything() -> None:
    one, shape = outfit_and_shape(4)
    two, _ = outfit_and_shape(4)
    assert one.describe() == two.describe()
    rest = BODY.rest(shape)
    assert dress(BODY, one, rest).vertices.tobytes() == dress(BODY, two, rest).vertices.tobytes()
    assert len({tuple(outfit_and_shape(s)[0].describe()) for s in range(8)}) > 4


def test_posing_what_is_seen_is_posing_the_body() -> None:
    rest = BODY.rest(outfit_and_shape(0)[1])
    bare = dress(BODY, Outfit(), rest)
    pose, translation = random_pose(19, 0.5), torch.randn(19, 3, generator=torch.Generator().manual_seed(1))
    got = bare.pose(BODY, rest, pose, translation)
    whole = BODY.pose(rest, pose, translation)
    torch.testing.assert_close(got.vertices, whole.vertices[:, np.unique(BODY.faces)], atol=1e-5, rtol=0)
    for name, joints in got.joints.items():
        torch.testing.assert_close(joints, BODY.regress(whole, name), atol=1e-5, rtol=0)
        assert joints.shape[1] == len(joint_set(name))


def test_a_cut_vertex_moves_as_the_naive_sum_of_its_bones() -> None:
    outfit, shape = outfit_and_shape(1)
    rest = BODY.rest(shape)
    dressed = dress(BODY, outfit, rest)
    pose = random_pose(2, 0.5, seed=3)
    got = dressed.pose_vertices(BODY, rest, pose, torch.zeros(2, 3))
    whole = BODY.pose(rest, pose, torch.zeros(2, 3))
    for v in (0, len(dressed.vertices) // 2, len(dressed.vertices) - 1):
        weights = torch.from_numpy(dressed.skinning[v].toarray()[0])
        expected = torch.zeros(3)
        for j in weights.nonzero()[:, 0]:
            local = torch.from_numpy(dressed.vertices[v]) - rest.joints[0, j]
            expected += weights[j] * (whole.rotations[1, j] @ local + whole.joints[1, j])
        torch.testing.assert_close(got[1, v], expected, atol=1e-5, rtol=0)


def test_what_lies_deep_under_another_garment_is_cut_away() -> None:
    rng = np.random.default_rng(0)
    inner = tailor(BODY, "inner", meet(below(0.6), above(-1.5)), Fit(), rng)
    outer = tailor(BODY, "outer", meet(below(0.9), above(0.1)), Fit(0.01), rng)
    left, same = layered((inner, outer))
    assert same is outer
    top = anatomy(BODY).height_z(0.1)
    assert left.patch.carry(anatomy(BODY).points)[:, 2].max() == pytest.approx(top + 0.035, abs=2e-3)
    hidden = tailor(BODY, "hidden", meet(below(0.7), above(0.3)), Fit(), rng)
    assert [g.name for g in layered((hidden, outer))] == ["outer"]
    assert len(left.patch) == len(left.offset_m) == len(left.shift_m)


def test_outer_layers_stay_outside() -> None:
    rng = np.random.default_rng(0)
    inner = tailor(BODY, "trousers", meet(below(0.3), above(-1.5)), Fit(0.015), rng)
    outer = tailor(BODY, "shirt", above(0.15), Fit(0.0), rng)
    rest = BODY.rest(outfit_and_shape(2)[1])
    dressed = dress(BODY, Outfit(layered((inner, outer))), rest)
    own = [np.unique(dressed.faces[dressed.face_material == k]) for k in (1, 2)]
    trousers, shirt = dressed.vertices[own[0]], dressed.vertices[own[1]]
    normals = vertex_normals(dressed.vertices, dressed.faces)[own[1]]
    # Where the two are close, the shirt's outside is away from the trousers.
    distance = np.linalg.norm(shirt[:, None] - trousers, axis=2)
    near = distance.min(1) < 0.02
    towards = ((shirt - trousers[distance.argmin(1)]) * normals).sum(1)[near]
    assert near.sum() > 50
    assert (towards > 0).mean() > 0.95


def test_hair_is_head_wherever_it_hangs() -> None:
    rng = np.random.default_rng(0)
    head = part_set("smpl24").index("head")
    for hair in (short_hair(rng, BODY, 0.02), long_hair(rng, BODY)):
        dressed = dress(BODY, Outfit((), hair), BODY.rest(outfit_and_shape(0)[1]))
        own = np.unique(dressed.faces[dressed.face_material == 1])
        assert (dressed.part_weights[own].argmax(1) + 1 == head).all()
        assert dressed.material_kinds == ("skin", "hair")


@pytest.mark.parametrize("seed", [0, 1, 2, 5])
def test_no_skin_shows_through_cloth(seed: int) -> None:
    """Photograph the outfit from all sides, at rest and bent: skin well inside a border must not be seen.

    Well inside: 2 cm, because the hems of the coarse cloth cut the corners of a curved border.
    """
    from humansense.render import Renderer, Surface

    outfit, shape = outfit_and_shape(seed)
    rest = BODY.rest(shape)
    dressed = dress(BODY, outfit, rest)
    visible, _ = _skin(BODY, rest.vertices[0].numpy(), outfit.worn)
    covers = np.max([g.covers_m for g in outfit.garments if "skirt" not in g.name and "dress" not in g.name], 0)
    inside = covers[BODY.faces[visible]]  # (skin faces, 3) metres under cloth
    surface = Surface(
        dressed.faces,
        dressed.face_uv,
        dressed.face_material,
        np.ones(len(dressed.faces), np.int32),
        dressed.part_weights,
    )
    renderer = Renderer(surface, [np.full((2, 2, 3), 128, np.uint8)] * len(dressed.material_names))
    pose = torch.cat([BODY.identity_pose(), random_pose(1, 0.15, seed)])
    through = cloth_pixels = 0
    for vertices in dressed.pose_vertices(BODY, rest, pose, torch.zeros(2, 3)).numpy():
        for yaw in np.arange(3) * 2.1:
            middle = vertices.mean(0)
            R, t = look_at(middle - 5 * np.array([np.sin(yaw), np.cos(yaw), -0.1]), middle)
            camera = Camera(np.array([[400.0, 0, 80], [0, 400, 100], [0, 0, 1]]), R, t, (200, 160))
            frame = renderer.render(
                vertices, camera, np.ones(9, np.float32), np.zeros((200, 160, 3), np.uint8), samples=1
            )
            skin = (frame.face >= 0) & (frame.face < len(inside))
            corners, bary = inside[frame.face[skin]], frame.bary[skin]
            depth = (corners * np.concatenate([bary, 1 - bary.sum(1, keepdims=True)], 1)).sum(1)
            through += int((depth > 0.02).sum())
            cloth_pixels += int((frame.face >= len(inside)).sum())
    assert cloth_pixels > 2000
    assert through < 0.005 * cloth_pixels, f"{through} of {cloth_pixels} pixels"
