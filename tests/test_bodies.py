"""The body against naive loops and against what a body must be."""

import hashlib
import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh

from humansense.bodies import anny_body, body_is_built, build_body, load_body, sample_outfit, sample_shapes
from humansense.bodies.anny_body import RestBody, forward_kinematics
from humansense.bodies.dense import dense_coordinates, nearest_vertices, snapped_to_skin
from humansense.bodies.measures import extreme_subset, measure, surface_distances
from humansense.bodies.part_labels import bone_segment
from humansense.bodies.shapes import POPULATIONS, age_phenotype, age_years, height_phenotype
from humansense.core import JOINT_SETS, HumansenseError, joint_set, part_set
from humansense.geometry import axis_angle_to_matrix

BODY = load_body()
BONES = len(BODY.joint_names)


def middle_shape(n: int = 1) -> torch.Tensor:
    shape = torch.full((n, len(BODY.shape_names)), 0.5)
    shape[:, BODY.shape_names.index("age")] = 2 / 3
    return shape


def random_pose(n: int, size: float = 0.4, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return axis_angle_to_matrix(size * torch.randn(n, BONES, 3, generator=generator, dtype=dtype))


REST = BODY.rest(middle_shape())


def test_forward_kinematics_is_the_naive_walk_up_the_tree() -> None:
    pose, translation = random_pose(2), torch.tensor([[0.1, -2.0, 1.0], [0, 0, 0]])
    rotations, joints = forward_kinematics(pose, REST.joints.expand(2, -1, -1), translation, BODY.parents)
    for b in range(2):
        for j in (0, 1, 7, 40, BONES - 1):
            chain = [j]
            while BODY.parents[chain[0]] >= 0:
                chain.insert(0, BODY.parents[chain[0]])
            rotation, position = pose[b, 0], translation[b]
            for parent, child in itertools.pairwise(chain):
                position = position + rotation @ (REST.joints[0, child] - REST.joints[0, parent])
                rotation = rotation @ pose[b, child]
            torch.testing.assert_close(joints[b, j], position, atol=1e-5, rtol=0)
            torch.testing.assert_close(rotations[b, j], rotation, atol=1e-5, rtol=0)


def test_skinning_is_the_naive_weighted_sum() -> None:
    pose = random_pose(1, seed=1)
    posed = BODY.pose(REST, pose, torch.zeros(1, 3))
    for v in (0, 881, 5000, 9000, 14000, 19157):
        expected = torch.zeros(3)
        for j in range(BONES):
            turned = posed.rotations[0, j] @ (REST.vertices[0, v] - REST.joints[0, j]) + posed.joints[0, j]
            expected += BODY.skinning[v, j] * turned
        torch.testing.assert_close(posed.vertices[0, v], expected, atol=2e-6, rtol=0)
    torch.testing.assert_close(BODY.skinning.sum(1), torch.ones(BODY.n_vertices), atol=1e-5, rtol=0)


def test_the_identity_is_the_rest_pose_and_translation_moves_it() -> None:
    move = torch.tensor([[1.0, 2.0, 3.0]])
    vertices, joints = BODY.pose(REST, BODY.identity_pose(), move)
    shift = move - REST.joints[:, 0]
    torch.testing.assert_close(vertices, REST.vertices + shift[:, None], atol=1e-5, rtol=0)
    torch.testing.assert_close(joints, REST.joints + shift[:, None], atol=1e-5, rtol=0)


def test_gradients_of_pose_shape_and_translation() -> None:
    few = torch.tensor([10, 881, 9000])
    turn = 0.3 * torch.randn(1, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    bones = [BODY.joint_names.index(name) for name in ("upperarm01.L", "spine04")]

    def points(turn: torch.Tensor, translation: torch.Tensor) -> torch.Tensor:
        pose = BODY.identity_pose().double()
        pose = pose.index_copy(1, torch.tensor(bones), axis_angle_to_matrix(turn))
        rest = RestBody(REST.vertices[:, few].double(), REST.joints.double())
        small = object.__new__(type(BODY))
        small.__dict__.update(BODY.__dict__, skinning=BODY.skinning[few])
        return small.pose(rest, pose, translation).vertices

    start = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(points, (turn.requires_grad_(), start), eps=1e-6, atol=1e-6)
    shape = middle_shape().requires_grad_()
    BODY.rest(shape).vertices[0, 881, 2].backward()
    assert shape.grad is not None
    assert shape.grad[0, BODY.shape_names.index("height")] > 0.1


def test_rest_pose_faces_minus_y_with_the_left_at_plus_x() -> None:
    joints = BODY.regress(REST, "coco17")[0]
    at = {name: joints[joint_set("coco17").index(name)] for name in joint_set("coco17").names}
    assert at["left_wrist"][0] > 0.3 > -0.3 > at["right_wrist"][0]
    assert at["nose"][1] < at["left_ear"][1]
    assert at["nose"][2] > at["left_hip"][2] > at["left_ankle"][2]


def test_labels_of_the_sides_are_exact() -> None:
    labels = part_set("smpl24")
    names = np.array(labels.names)[BODY.part_weights.argmax(1) + 1]
    x = REST.vertices[0, :, 0].numpy()
    for side, mine in (("left", x < -0.02), ("right", x > 0.02)):
        wrong = [n for n in names[mine] if n.startswith(side)]
        assert not wrong, f"{len(wrong)} vertices of the other side are {side}"
        k = [i for i, n in enumerate(labels.names[1:]) if n.startswith(side)]
        assert BODY.part_weights[mine][:, k].max() == 0
    np.testing.assert_allclose(BODY.part_weights.sum(1), 1, atol=1e-5)
    assert set(names[np.unique(BODY.faces)]) == set(labels.names[1:])


def test_every_bone_has_a_segment_of_its_side() -> None:
    for bone in BODY.joint_names:
        segment = bone_segment(bone)
        if segment.startswith(("left", "right")):
            assert segment.startswith("left") == bone.endswith(".L")


@pytest.mark.parametrize("name", JOINT_SETS)
def test_joints_of_every_set(name: str) -> None:
    joints = BODY.regress(REST, name)
    assert joints.shape == (1, len(joint_set(name)), 3)
    # The middle body is nearly symmetric, so its joints mirror each other.
    mirrored = joints[0, joint_set(name).mirror] * torch.tensor([-1.0, 1.0, 1.0])
    assert (mirrored - joints[0]).norm(dim=1).max() < 0.005
    weights = BODY.regressor(name)
    torch.testing.assert_close(weights.sum(1), torch.ones(len(weights)), atol=1e-5, rtol=0)
    # Joints move with the body.
    turn = BODY.identity_pose()
    turn[:, 0] = axis_angle_to_matrix(torch.tensor([0.3, -0.5, 1.0]))
    moved = BODY.regress(BODY.pose(REST, turn, torch.zeros(1, 3)), name)[0]
    expected = (joints[0] - REST.joints[0, 0]) @ turn[0, 0].T
    torch.testing.assert_close(moved, expected, atol=1e-4, rtol=0)


def test_the_rig_is_the_joint_set_of_core() -> None:
    assert BODY.joint_names == joint_set("anny").names
    assert list(BODY.parents) == joint_set("anny").parents.tolist()


def test_shapes_are_varied_adults() -> None:
    shapes = sample_shapes(np.random.default_rng(0), 300)
    assert shapes.shape == (300, len(BODY.shape_names))
    assert shapes.dtype == np.float32
    assert shapes.min() >= 0
    assert shapes.max() <= 1
    assert (shapes.std(0) > 0.04).all()
    np.testing.assert_array_equal(shapes, sample_shapes(np.random.default_rng(0), 300))
    skin = np.unique(BODY.faces)
    z = BODY.rest(torch.from_numpy(shapes[:24])).vertices[:, skin, 2]
    stature = z.amax(1) - z.amin(1)
    assert stature.min() > 1.4
    assert stature.max() < 2.1
    assert stature.std() > 0.04


def test_the_adults_of_older_versions_come_out_byte_by_byte() -> None:
    drawn = sample_shapes(np.random.default_rng(0), 3)
    assert hashlib.sha256(drawn.tobytes()).hexdigest()[:16] == "8c90fc0f31244845"
    np.testing.assert_array_equal(drawn, sample_shapes(np.random.default_rng(0), 3, "adults"))


# Population -> smallest and largest stature (m), weight (kg) and body mass index that are believable.
BELIEVABLE = {
    "adults": ((1.35, 2.10), (32, 125), (14, 38)),
    "children": ((0.80, 2.00), (9, 110), (11.5, 32)),
    "old": ((1.25, 2.00), (28, 120), (14, 38)),
    "everyone": ((0.80, 2.10), (9, 125), (11.5, 38)),
    "extremes": ((1.30, 2.10), (25, 160), (12, 45)),
}


@pytest.mark.parametrize("population", POPULATIONS)
def test_no_giants_and_no_impossible_bodies(population: str) -> None:
    shapes = sample_shapes(np.random.default_rng(5), 160, population)
    assert shapes.shape == (160, len(BODY.shape_names))
    assert shapes.dtype == np.float32
    assert shapes.min() >= 0
    assert shapes.max() <= 1
    np.testing.assert_allclose(shapes[:, -3:].sum(1), 1, atol=1e-5)
    np.testing.assert_array_equal(shapes, sample_shapes(np.random.default_rng(5), 160, population))
    found = measure(BODY, shapes)
    for values, (low, high) in zip((found.stature_m, found.weight_kg, found.bmi), BELIEVABLE[population], strict=True):
        assert low < values.min()
        assert values.max() < high


def test_an_unknown_population_is_named() -> None:
    with pytest.raises(HumansenseError, match=r"unknown population 'martians'.*children"):
        sample_shapes(np.random.default_rng(0), 1, "martians")


def test_children_grow_as_the_growth_charts_say() -> None:
    """Medians of CDC's charts by year and sex, which are in the table, come out of the mesh within 3 %."""
    shapes = sample_shapes(np.random.default_rng(2), 900, "children")
    stature, years = measure(BODY, shapes).stature_m, age_years(shapes[:, BODY.shape_names.index("age")])
    girls = shapes[:, BODY.shape_names.index("gender")] > 0.5
    for low, boys_m, girls_m in ((3, 0.984, 0.973), (6, 1.187, 1.181), (9, 1.361, 1.354), (12, 1.526, 1.546)):
        near = (years >= low) & (years < low + 1)
        for mine, expected in ((near & ~girls, boys_m), (near & girls, girls_m)):
            assert mine.sum() > 15
            assert np.median(stature[mine]) == pytest.approx(expected, rel=0.03)


def test_the_table_of_statures_is_that_of_the_model() -> None:
    index = BODY.shape_names.index
    rng = np.random.default_rng(3)
    shapes = middle_shape(60).numpy()
    shapes[:, index("age")] = rng.uniform(0.15, 1, 60)
    shapes[:, index("gender")] = rng.uniform(0, 1, 60)
    ancestry = rng.dirichlet([0.5] * 3, 60)
    shapes[:, -3:] = ancestry
    wanted = np.interp(shapes[:, index("age")], (0.15, 0.6), (0.95, 1.7)) * rng.uniform(0.92, 1.08, 60)
    shapes[:, index("height")] = height_phenotype(wanted, shapes[:, index("gender")], shapes[:, index("age")], ancestry)
    np.testing.assert_allclose(measure(BODY, shapes).stature_m, wanted, rtol=0.012)


def test_years_and_age_phenotypes_undo_each_other() -> None:
    years = np.array([0, 2, 3, 8, 11, 14, 15.9, 25, 40, 65, 90])
    np.testing.assert_allclose(age_years(age_phenotype(years)), years, atol=1e-3)


def test_extreme_builds_are_extreme_among_adults() -> None:
    adults = measure(BODY, sample_shapes(np.random.default_rng(0), 300))
    extremes = sample_shapes(np.random.default_rng(1), 300, "extremes")
    index = BODY.shape_names.index
    found = measure(BODY, extremes)
    thin, heavy = extremes[:, index("weight")] <= 0.08, (extremes[:, index("weight")] >= 0.92)
    soft = heavy & (extremes[:, index("muscle")] < 0.3)
    assert np.median(found.bmi[thin]) < np.percentile(adults.bmi, 2)
    assert np.median(found.bmi[soft]) > adults.bmi.max()
    assert (found.stature_m > np.percentile(adults.stature_m, 98)).mean() > 0.07
    assert (found.stature_m < np.percentile(adults.stature_m, 3)).mean() > 0.07
    assert (extremes[:, index("muscle")] > np.percentile(sample_shapes(np.random.default_rng(0), 300)[:, 2], 97)).any()


def test_the_subsets_of_extreme_shapes() -> None:
    """BodyNet's s10 and s20: the tenth and fifth farthest from the average, measured between vertices."""
    shapes = sample_shapes(np.random.default_rng(4), 60)
    distances = surface_distances(BODY, shapes)
    for k in (0, 31):
        rest, average = BODY.rest(torch.from_numpy(shapes[k : k + 1])), BODY.rest(middle_shape())
        mine = (rest.vertices - rest.joints[:, :1]) - (average.vertices - average.joints[:, :1])
        assert distances[k] == pytest.approx(float(mine[0, BODY.skin_vertices].norm(dim=1).mean()), abs=1e-5)
    assert surface_distances(BODY, middle_shape().numpy())[0] < 1e-6
    s10, s20 = extreme_subset(distances, 10), extreme_subset(distances, 20)
    assert (s10.sum(), s20.sum()) == (6, 12)
    assert (s20 | ~s10).all()
    assert distances[s10].min() > distances[~s10].max()
    posed = surface_distances(BODY, shapes[:5], random_pose(5))
    assert np.corrcoef(posed, distances[:5])[0, 1] > 0.5
    with pytest.raises(HumansenseError, match="percent is 0"):
        extreme_subset(distances, 0)


def test_measures_are_those_of_the_mesh() -> None:
    found = measure(BODY, middle_shape().numpy())
    vertices = REST.vertices[0].numpy().astype(np.float64)
    mesh = trimesh.Trimesh(vertices, BODY.faces, process=False)
    assert found.weight_kg[0] == pytest.approx(1000 * mesh.volume, rel=1e-4)
    skin = vertices[BODY.skin_vertices]
    assert found.stature_m[0] == pytest.approx(skin[:, 2].max() - skin[:, 2].min(), rel=1e-6)
    assert found.bmi[0] == pytest.approx(found.weight_kg[0] / found.stature_m[0] ** 2)


def test_dense_coordinates_lie_on_the_skin() -> None:
    dense = dense_coordinates(BODY)
    assert dense.dtype == np.float32
    assert dense.shape == (BODY.n_vertices, 3)
    reference = REST.vertices[0].numpy()
    np.testing.assert_array_equal(dense[BODY.skin_vertices], reference[BODY.skin_vertices])
    helpers = np.setdiff1d(np.arange(BODY.n_vertices), BODY.skin_vertices)[::60]
    mesh = trimesh.Trimesh(reference, BODY.faces, process=False)
    _, distance, _ = trimesh.proximity.closest_point_naive(mesh, reference[helpers])
    np.testing.assert_allclose(np.linalg.norm(dense[helpers] - reference[helpers], axis=1), distance, atol=1e-6)
    assert trimesh.proximity.closest_point_naive(mesh, dense[helpers])[1].max() < 2e-5
    # A code of a stored map has 16 bits of 2 mm, 512 at the origin.
    assert np.abs(dense).max() < 1.024


def test_dense_coordinates_become_vertices() -> None:
    dense = dense_coordinates(BODY)
    image = np.full((4, 5, 3), np.nan, np.float32)
    chosen = BODY.skin_vertices[::900][:16]
    image.reshape(-1, 3)[: len(chosen)] = dense[chosen]
    found = nearest_vertices(BODY, image).reshape(-1)
    np.testing.assert_array_equal(found[: len(chosen)], chosen)
    assert (found[len(chosen) :] == -1).all()
    with pytest.raises(HumansenseError, match="dense coordinates"):
        nearest_vertices(BODY, np.zeros((4, 2)))


def test_clothes_have_the_dense_coordinates_of_the_body_under_them() -> None:
    dense = dense_coordinates(BODY)
    outfit = sample_outfit(np.random.default_rng(2), BODY)
    for garment in outfit.worn:
        carried = garment.patch.carry(dense)[:: max(1, len(garment.patch) // 100)]
        places, face, weights = snapped_to_skin(BODY, carried)
        if garment.kind == "garment" and "skirt" not in garment.name and "dress" not in garment.name:
            assert np.median(np.linalg.norm(places - carried, axis=1)) < 0.004
        # The same places on the reference's own mesh: barycentric weights lead back to them.
        again = (weights[..., None] * REST.vertices[0].numpy()[BODY.faces[face]]).sum(1)
        np.testing.assert_allclose(again, places, atol=1e-5)
        assert weights.min() > -1e-6


def test_wrong_shapes_are_named() -> None:
    with pytest.raises(HumansenseError, match="shape is"):
        BODY.rest(torch.zeros(1, 3))
    with pytest.raises(HumansenseError, match="pose is"):
        BODY.pose(REST, torch.eye(3).expand(1, 24, 3, 3), torch.zeros(1, 3))
    with pytest.raises(HumansenseError, match="unknown joint set"):
        BODY.regress(REST, "nobody")


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An empty cache; anny's own setting is put back afterwards."""
    import anny.paths

    before = anny.paths.get_anny_cache_path()
    monkeypatch.setenv("HUMANSENSE_CACHE", str(tmp_path))
    yield tmp_path
    anny.paths.set_anny_cache_path(before)


def test_an_interrupted_build_leaves_nothing(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import anny.paths

    def stopped() -> None:
        folder = Path(anny.paths.get_anny_cache_path()) / "v1"
        folder.mkdir(parents=True)
        (folder / "build_compact_model_data_x.safetensors").write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(anny_body, "_anny_model", stopped)
    with pytest.raises(KeyboardInterrupt):
        build_body()
    assert not body_is_built()
    assert not [p for p in elsewhere.rglob("*") if p.is_file()]


def test_a_build_moves_the_model_into_place_and_reports(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import anny.paths

    def built() -> None:
        folder = Path(anny.paths.get_anny_cache_path()) / "v1"
        folder.mkdir(parents=True)
        (folder / "build_compact_model_data_x.safetensors").write_bytes(b"whole")
        (folder / "something_else.bin").write_bytes(b"not needed")

    monkeypatch.setattr(anny_body, "_anny_model", built)
    reports: list[float] = []
    build_body(reports.append)
    assert body_is_built()
    assert reports[-1] == 1.0
    assert [p.name for p in elsewhere.rglob("*") if p.is_file()] == ["build_compact_model_data_x.safetensors"]
    monkeypatch.setattr(anny_body, "_anny_model", lambda: pytest.fail("it was built already"))
    build_body()


def test_a_cache_that_can_not_be_written_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HUMANSENSE_CACHE", str(tmp_path / "file"))
    with pytest.raises(HumansenseError, match="file"):
        build_body()
