"""Expressions and identities: bases against the files, mirror symmetry, locality, bounds, posing."""

import gzip

import numpy as np
import pytest
import torch

from humansense.bodies import load_body, sample_shapes
from humansense.bodies.faces import (
    EXPRESSION_UNITS,
    EXPRESSIONS,
    expression_offsets,
    expression_targets,
    expression_weights,
    sample_expression,
    with_expression,
)
from humansense.bodies.faces_identity import FEATURES, IDENTITY_NAMES, LARGEST, sample_identity, with_identity
from humansense.bodies.faces_motion import expression_motion, expression_track
from humansense.bodies.faces_targets import data_folder, face_scale, read_target
from humansense.core import HumansenseError
from humansense.geometry import axis_angle_to_matrix

BODY = load_body()
ADULT = BODY.rest(torch.from_numpy(sample_shapes(np.random.default_rng(1), 1)))
CHILD = BODY.rest(torch.from_numpy(sample_shapes(np.random.default_rng(6), 1, "children")))


def moved(before, after) -> np.ndarray:
    return (after.vertices - before.vertices)[0].numpy()


def test_the_units_are_the_files_of_the_wheel() -> None:
    folder = data_folder() / "faceunits01" / "targets" / "faceunits"
    assert sorted(p.stem for p in folder.glob("*.target")) == sorted(EXPRESSION_UNITS)
    assert len(EXPRESSION_UNITS) == len(set(EXPRESSION_UNITS)) == 52


def test_offsets_are_the_lines_of_the_files() -> None:
    """Decimetres, y up, facing +z in the file; metres, z up, facing -y here."""
    for name in ("jawOpen", "mouthSmileLeft"):
        path = data_folder() / "faceunits01" / "targets" / "faceunits" / f"{name}.target"
        offsets = expression_offsets(BODY, expression_weights() + 0.5 * (np.array(EXPRESSION_UNITS) == name))
        expected = np.zeros_like(offsets)
        for line in path.read_text().splitlines():
            if line and not line.startswith("#"):
                vertex, x, y, z = line.split()
                expected[int(vertex)] = 0.5 * 0.1 * np.array([float(x), -float(z), float(y)])
        np.testing.assert_allclose(offsets, expected, atol=1e-7)
    both = expression_offsets(BODY, np.stack([expression_weights(jawOpen=1), expression_weights(eyeBlink=1)]))
    assert both.shape == (2, BODY.n_vertices, 3)


def test_the_jaw_opens_downwards_and_left_is_the_persons_own() -> None:
    opened = moved(ADULT, with_expression(BODY, ADULT, expression_weights(jawOpen=1)))
    assert opened[:, 2].min() < -0.02
    assert opened[:, 2].max() < 0.01
    shut = moved(ADULT, with_expression(BODY, ADULT, expression_weights(eyeBlinkLeft=1)))
    left = ADULT.joints[0, BODY.joint_names.index("eye.L")].numpy()
    skin = BODY.skin_vertices
    size = np.linalg.norm(shut[skin], axis=1)
    middle = (ADULT.vertices[0].numpy()[skin] * size[:, None]).sum(0) / size.sum()
    assert np.linalg.norm(middle - left) < 0.012
    lids = skin[size > 0.006]
    assert (ADULT.vertices[0].numpy()[lids, 0] > 0.01).mean() > 0.9


def test_pairs_mirror_each_other() -> None:
    """The area and the size of a left unit's movement are those of its right one, mirrored."""
    index = expression_targets().index
    rows = expression_targets().matrix.toarray().reshape(52, -1, 3)
    for name in EXPRESSION_UNITS:
        if name.endswith("Left") and name[:-4] + "Right" in index and name[:-4] not in ("jaw", "mouth"):
            left, right = rows[index[name]].sum(0), rows[index[name[:-4] + "Right"]].sum(0)
            assert np.linalg.norm(left - right * (-1, 1, 1)) < 0.25 * np.linalg.norm(left) + 0.02, name


@pytest.mark.parametrize("rest", [ADULT, CHILD], ids=["adult", "child"])
def test_expressions_move_the_head_alone_and_stay_moderate(rest) -> None:
    eyes = rest.joints[0, [BODY.joint_names.index(f"eye.{s}") for s in "LR"]].mean(0).numpy()
    scale = float(face_scale(BODY, rest))
    for seed in range(40):
        change = moved(rest, with_expression(BODY, rest, sample_expression(np.random.default_rng(seed))))
        size = np.linalg.norm(change, axis=1)
        assert 0 < size[BODY.skin_vertices].max() < 0.045 * scale
        assert np.linalg.norm(rest.vertices[0].numpy()[size > 1e-4] - eyes, axis=1).max() < 0.25 * scale


def test_a_smaller_face_moves_less() -> None:
    sizes = [float(face_scale(BODY, rest)) for rest in (ADULT, CHILD)]
    assert 0.5 < sizes[1] < 0.97 * sizes[0] < 1.2
    weights = expression_weights(jawOpen=0.6, mouthSmile=0.5)
    big, small = (moved(rest, with_expression(BODY, rest, weights)) for rest in (ADULT, CHILD))
    np.testing.assert_allclose(small * sizes[0], big * sizes[1], atol=2e-6)


def test_draws_are_plausible_varied_and_pure() -> None:
    drawn = np.stack([sample_expression(np.random.default_rng(k)) for k in range(300)])
    assert drawn.dtype == np.float32
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    np.testing.assert_array_equal(drawn[7], sample_expression(np.random.default_rng(7)))
    at = EXPRESSION_UNITS.index
    assert 0.03 < ((drawn[:, at("eyeBlinkLeft")] > 0.3) & (drawn[:, at("eyeBlinkRight")] > 0.3)).mean() < 0.13
    assert 0.2 < (drawn[:, at("mouthSmileLeft")] > 0.2).mean() < 0.5
    assert 0.1 < (drawn[:, at("jawOpen")] > 0.15).mean() < 0.5
    assert not drawn[:, [at("tongueOut"), at("mouthClose")]].any()
    # Both eyes look the same way.
    out, inward = drawn[:, at("eyeLookOutLeft")], drawn[:, at("eyeLookInRight")]
    np.testing.assert_array_equal(out, inward)
    sides = drawn[:, at("mouthSmileLeft")] - drawn[:, at("mouthSmileRight")]
    assert np.abs(sides).max() > 0.2
    assert np.median(np.abs(sides)) < 0.05


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_every_row_of_the_table_draws_its_units(name: str) -> None:
    weights = sample_expression(np.random.default_rng(0), name)
    row = EXPRESSIONS[name]
    for stem, (low, high) in row.units.items():
        for unit in [u for u in EXPRESSION_UNITS if u in (stem, f"{stem}Left", f"{stem}Right")]:
            if stem not in row.one_side and not stem.startswith("eye"):
                assert 0.7 * low <= weights[EXPRESSION_UNITS.index(unit)] <= 1.3 * high
    for stem, (low, _) in row.one_side.items():
        sides = [weights[EXPRESSION_UNITS.index(stem + side)] for side in ("Left", "Right")]
        assert max(sides) >= low
        assert min(sides) < max(sides)


def test_an_expression_that_varies_is_the_static_one_of_each_frame() -> None:
    rng = np.random.default_rng(0)
    weights = np.stack([sample_expression(rng) for _ in range(3)])
    turns = 0.4 * torch.randn(3, len(BODY.joint_names), 3, generator=torch.Generator().manual_seed(0))
    pose, translation = axis_angle_to_matrix(turns), torch.randn(3, 3)
    posed = BODY.pose(ADULT, pose, translation)
    vertices, motion = expression_motion(BODY, ADULT, posed.rotations, weights)
    for t in range(3):
        rest = with_expression(BODY, ADULT, weights[t])
        # The eye bones follow the eyes; here they stay, as the varying form has it.
        still = type(rest)(rest.vertices, ADULT.joints)
        expected = BODY.pose(still, pose[t : t + 1], translation[t : t + 1]).vertices[0]
        mine = posed.vertices[t].clone()
        mine[torch.from_numpy(vertices)] += motion[t]
        torch.testing.assert_close(mine, expected, atol=2e-5, rtol=0)


def test_tracks_are_smooth_blink_and_are_pure() -> None:
    fps = 30.0
    at = EXPRESSION_UNITS.index
    tracks = [expression_track(np.random.default_rng(k), 600, fps) for k in range(12)]
    np.testing.assert_array_equal(tracks[0], expression_track(np.random.default_rng(0), 600, fps))
    blinks = 0
    for track in tracks:
        assert track.shape == (600, 52)
        assert track.min() >= 0
        assert track.max() <= 1
        lids = np.array(["Blink" in name for name in EXPRESSION_UNITS])
        assert np.abs(np.diff(track[:, ~lids], axis=0)).max() < 0.45
        assert track.std(0).max() > 0.1
        shut = np.minimum(track[:, at("eyeBlinkLeft")], track[:, at("eyeBlinkRight")]) > 0.5
        blinks += (np.diff(shut.astype(int)) == 1).sum()
        assert shut.mean() < 0.2
    assert 8 < blinks / (12 * 20 / 60) < 28  # a minute
    # The rate only samples: the same seed at half the rate is every second frame, up to where the frames lie.
    slow = expression_track(np.random.default_rng(1), 300, fps / 2)
    between = (tracks[1][0::2] + tracks[1][1::2]) / 2
    assert np.abs(slow - between)[:, ~lids].max() < 0.15
    with pytest.raises(HumansenseError, match="at least one frame"):
        expression_track(np.random.default_rng(0), 0, fps)


def test_identities_differ_are_bounded_and_nearly_symmetric() -> None:
    drawn = np.stack([sample_identity(np.random.default_rng(k)) for k in range(200)])
    assert drawn.shape == (200, len(IDENTITY_NAMES))
    assert np.abs(drawn).max() <= LARGEST
    np.testing.assert_array_equal(drawn[3], sample_identity(np.random.default_rng(3)))
    assert not sample_identity(np.random.default_rng(0), 0).any()
    left = [k for k, n in enumerate(IDENTITY_NAMES) if n.startswith("l-")]
    right = [IDENTITY_NAMES.index("r-" + IDENTITY_NAMES[k][2:]) for k in left]
    assert len(left) == sum(f.sided for f in FEATURES)
    assert 0 < np.abs(drawn[:, left] - drawn[:, right]).mean() < 0.25
    assert np.corrcoef(drawn[:, left].ravel(), drawn[:, right].ravel())[0, 1] > 0.9
    skin = BODY.skin_vertices
    faces = [with_identity(BODY, ADULT, w).vertices[0, skin] for w in drawn[:12]]
    for a in range(12):
        change = (faces[a] - ADULT.vertices[0, skin]).norm(dim=1)
        assert 0.003 < change.max() < 0.025
        for b in range(a):
            assert (faces[a] - faces[b]).norm(dim=1).max() > 0.003


def test_each_feature_moves_by_its_spread() -> None:
    scale = float(face_scale(BODY, ADULT))
    for feature in FEATURES:
        names = [n for n in IDENTITY_NAMES if n.removeprefix("l-").removeprefix("r-") == feature.stem]
        assert len(names) == (2 if feature.sided else 1)
        for sign in (-1, 1):
            weights = np.zeros(len(IDENTITY_NAMES), np.float32)
            weights[[IDENTITY_NAMES.index(n) for n in names]] = sign
            largest = np.linalg.norm(moved(ADULT, with_identity(BODY, ADULT, weights)), axis=1).max() / scale
            if sign < 0 and not feature.less:
                assert largest == 0
            else:
                assert 0.05e-3 < largest < 1.35e-3 * feature.spread_mm, feature


def test_eyes_stay_with_their_bones() -> None:
    rest = with_identity(BODY, ADULT, sample_identity(np.random.default_rng(5)))
    for bone, vertices in BODY.eye_vertices.items():
        j = BODY.joint_names.index(bone)
        before = ADULT.vertices[0, vertices].mean(0) - ADULT.joints[0, j]
        after = rest.vertices[0, vertices].mean(0) - rest.joints[0, j]
        torch.testing.assert_close(after, before, atol=1e-6, rtol=0)
        assert (rest.joints[0, j] - ADULT.joints[0, j]).norm() > 1e-4


def test_a_batch_takes_one_face_each() -> None:
    rest = BODY.rest(torch.from_numpy(sample_shapes(np.random.default_rng(0), 2)))
    weights = np.stack([sample_identity(np.random.default_rng(k)) for k in range(2)])
    together = with_identity(BODY, rest, weights)
    for k in range(2):
        one = with_identity(BODY, type(rest)(rest.vertices[k : k + 1], rest.joints[k : k + 1]), weights[k])
        torch.testing.assert_close(together.vertices[k], one.vertices[0])
        torch.testing.assert_close(together.joints[k], one.joints[0])


def test_bad_weights_and_files_are_named(tmp_path) -> None:
    with pytest.raises(HumansenseError, match=r"expected \(\.\.\., 52\)"):
        with_expression(BODY, ADULT, np.zeros(51))
    with pytest.raises(HumansenseError, match="finite"):
        with_identity(BODY, ADULT, np.full(len(IDENTITY_NAMES), np.nan))
    (tmp_path / "short.target").write_text("1 2 3\n")
    (tmp_path / "words.target").write_text("1 2 3 four\n")
    (tmp_path / "cut.target.gz").write_bytes(gzip.compress(b"1 2 3 4\n" * 50)[:20])
    for name in ("short.target", "words.target", "cut.target.gz", "none.target.gz"):
        with pytest.raises(HumansenseError, match="reinstall"):
            read_target(tmp_path / name)
