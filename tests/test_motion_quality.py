"""Overlaps of capsules against a naive search, and what is judged, mended and refused, on skin and on captures."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from solid import depth_inside, triangles

from humansense.bodies import Body, load_body, sample_shapes
from humansense.motion import BodyMotion, cut, plan_windows, read_motion, retarget
from humansense.motion.capsules import closest_on_segments
from humansense.motion.find import find_motions
from humansense.motion.posing import pose_from_angles
from humansense.motion.quality import MAX_SELF_M, Quality, acceptable, judge, mend
from humansense.motion.retarget import stand_on_floor
from humansense.motion.rig import Rig, make_rig
from humansense.motion.selfhit import overlaps, pairs_of, penetration

DATA = Path(os.environ.get("HUMANSENSE_DATA", "/nowhere")) / "mocap"
real = pytest.mark.skipif(not DATA.is_dir(), reason="needs $HUMANSENSE_DATA/mocap")
FPS = 30.0


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body()


@pytest.fixture(scope="module")
def rig(body: Body) -> Rig:
    return make_rig(body)


def motion_of(rig: Rig, angles: dict[str, torch.Tensor], frames: int) -> BodyMotion:
    pose = pose_from_angles(rig, angles, torch.eye(3).expand(frames, 3, 3))
    return stand_on_floor(BodyMotion(pose, torch.zeros(frames, 3), FPS, "procedural"), rig)


def test_segments_against_a_search() -> None:
    generator = torch.Generator().manual_seed(0)
    p1, q1, p2, q2 = torch.randn(4, 200, 3, generator=generator).double()
    q1[:10] = p1[:10]  # points
    q2[5:15] = p2[5:15]
    q2[15:30] = p2[15:30] + 0.7 * (q1 - p1)[15:30]  # parallel ones
    one, two = closest_on_segments(p1, q1, p2, q2)
    u = torch.linspace(0, 1, 301, dtype=torch.float64)
    a = p1[:, None] + u[:, None] * (q1 - p1)[:, None]
    b = p2[:, None] + u[:, None] * (q2 - p2)[:, None]
    found = torch.cdist(a, b).flatten(1).amin(1)
    distance = (one - two).norm(dim=-1)
    assert bool((distance <= found + 1e-9).all())
    assert float((found - distance).max()) < 2e-2  # as fine as the search
    for point, start, end in ((one, p1, q1), (two, p2, q2)):  # on their segments
        between = (point - start).norm(dim=-1) + (end - point).norm(dim=-1)
        torch.testing.assert_close(between, (end - start).norm(dim=-1))


def test_capsules_are_as_thick_as_the_person(body: Body, rig: Rig) -> None:
    shape = torch.tensor([0.5 if n != "weight" else 1.0 for n in body.shape_names])
    shape[body.shape_names.index("age")] = 0.7
    heavy = make_rig(body, shape)
    index = {f"{p}{s}": k for k, (p, s) in enumerate(zip(rig.capsules.parts, rig.capsules.sides, strict=True))}
    for part in ("thighL", "upper_armR", "belly"):
        assert heavy.capsules.radius[index[part]] > 1.05 * rig.capsules.radius[index[part]], part
    left, right = (rig.capsules.radius[index[f"forearm{s}"]] for s in "LR")
    assert float(left) == pytest.approx(float(right), rel=0.03)
    eye = torch.eye(3).expand(1, 104, 3, 3)
    assert float(penetration(rig, *rig.kinematics(eye))) == 0
    lean, bones = rig.lean()
    pose = pose_from_angles(rig, {"hip_flex.L": torch.tensor([50.0]), "arm_plane.R": torch.tensor([70.0])}, eye[:, 0])
    full, few = rig.kinematics(pose), lean.kinematics(pose[:, bones])
    torch.testing.assert_close(full[1][:, bones], few[1])
    torch.testing.assert_close(overlaps(rig, *full)[0], overlaps(lean, *few)[0])


def into_the_belly(rig: Rig, frames: int = 60) -> BodyMotion:
    """The left forearm swings through the belly in the middle of the clip."""
    swing = 0.5 - 0.5 * torch.cos(torch.linspace(0, 2 * torch.pi, frames))
    angles = {"arm_elevation.L": 50 - 40 * swing, "arm_plane.L": 60 + 75 * swing, "elbow_flex.L": 60 + 40 * swing,
              "arm_roll.L": 80 * swing, "arm_elevation.R": 45 + 0 * swing, "spine_flex": 50 * swing}  # fmt: skip
    return motion_of(rig, angles, frames)


def forearm_in_trunk(body: Body, motion: BodyMotion) -> torch.Tensor:
    """(T,) metres of the left forearm's and hand's skin inside the trunk's."""
    owner, faces = body.skinning.argmax(1), triangles(body.faces)

    def skin(prefixes: tuple[str, ...], suffix: str = "") -> torch.Tensor:
        bones = [i for i, n in enumerate(body.joint_names) if n.startswith(prefixes) and n.endswith(suffix)]
        mask = torch.isin(owner, torch.tensor(bones))
        shown = torch.zeros(len(owner), dtype=torch.bool)
        shown[faces.unique()] = True
        return mask & shown

    trunk = faces[skin(("root", "pelvis", "spine", "clavicle", "shoulder01"))[faces].all(1)]
    arm = skin(("lowerarm", "wrist", "metacarpal", "finger"), ".L")
    posed = body.pose(body.rest(average(body)), motion.pose, motion.translation).vertices
    return torch.stack([depth_inside(v[arm], v, trunk).max() for v in posed])


def average(body: Body) -> torch.Tensor:
    from humansense.motion.rig import average_shape

    return average_shape(body)[None]


def test_an_arm_in_the_belly_is_seen_and_led_out(body: Body, rig: Rig) -> None:
    motion = into_the_belly(rig)
    quality = judge(motion, rig)
    assert float(quality.self_penetration_m.max()) > 0.05
    assert not acceptable(quality)
    few = motion[::10]
    skin, capsules = forearm_in_trunk(body, few), quality.self_penetration_m[::10]
    assert float(skin.max()) > 0.03
    assert bool((capsules[skin > 0.02] > 0.01).all())
    mended = mend(motion, rig)
    after = judge(mended, rig)
    assert acceptable(after)
    assert float(after.self_penetration_m.max()) < 0.02
    assert float(forearm_in_trunk(body, mended[::10]).max()) < 0.02
    # Smooth: the correction adds no jerk, and frames far from the fault keep their pose.
    moved = (mended.pose - motion.pose).abs().amax((1, 2, 3))
    assert float(moved.diff().abs().max()) < 0.12
    clean = quality.self_penetration_m == 0
    far = ~torch.nn.functional.max_pool1d((~clean).float()[None], 13, 1, 6)[0].bool()
    assert int(far.sum()) > 3
    assert float(moved[far].max()) < 1e-5
    assert torch.equal(mended.pose, mend(motion, rig).pose)
    others = [j for j, n in enumerate(rig.names) if n != "upperarm01.L"]
    assert torch.equal(mended.pose[:, others], motion.pose[:, others])


def test_a_motion_without_faults_comes_back_as_it_is(rig: Rig) -> None:
    still = torch.zeros(20)
    motion = motion_of(rig, {"arm_elevation.L": still + 40, "arm_elevation.R": still + 40}, 20)
    assert mend(motion, rig) is motion
    assert acceptable(judge(motion, rig))


def test_sunk_frames_are_lifted_and_floating_ones_lowered(rig: Rig) -> None:
    still = torch.zeros(120)
    motion = motion_of(rig, {"arm_elevation.L": still + 40, "arm_elevation.R": still + 40}, 120)
    height = torch.zeros(120)
    height[30:34] = -0.2
    height[70:] = 0.4
    off = replace(motion, translation=motion.translation + height[:, None] * torch.tensor([0, 0, 1.0]))
    quality = judge(off, rig)
    torch.testing.assert_close(quality.below_floor_m, (-height).clamp(min=0), atol=1e-4, rtol=0)
    torch.testing.assert_close(quality.floating_m, height.clamp(min=0), atol=1e-4, rtol=0)
    mended = mend(off, rig)
    after = judge(mended, rig)
    assert float(after.below_floor_m.max()) <= 0.0101
    assert float(after.floating_m.max()) < 0.05
    assert acceptable(after)
    lift = (mended.translation - off.translation)[:, 2]
    assert float(lift[32]) == pytest.approx(0.19, abs=1e-3)
    assert float(lift.diff().abs().max()) < 0.12
    assert float(lift[-1]) == pytest.approx(-0.4, abs=1e-3)
    assert torch.equal(mended.translation[:, :2], off.translation[:, :2])


def test_a_jump_is_no_floating(rig: Rig) -> None:
    still = torch.zeros(90)
    motion = motion_of(rig, {"arm_elevation.L": still + 40, "arm_elevation.R": still + 40}, 90)
    air = (torch.arange(90) / FPS - 1).clamp(min=0, max=0.8)
    height = 0.5 * 9.81 * air * (0.8 - air)
    jump = replace(motion, translation=motion.translation + height[:, None] * torch.tensor([0, 0, 1.0]))
    assert float(height.max()) > 0.7
    assert float(judge(jump, rig).floating_m.max()) == 0
    assert mend(jump, rig) is jump


def test_what_cannot_be_mended_is_refused() -> None:
    good = torch.zeros(3)
    for name in ("self_penetration_m", "below_floor_m", "floating_m"):
        faults = {"self_penetration_m": good, "below_floor_m": good, "floating_m": good}
        assert acceptable(Quality(**faults))
        assert not acceptable(Quality(**(faults | {name: torch.tensor([0, 0.06, 0])})))


def test_pairs_are_of_parts_that_should_not_meet(rig: Rig) -> None:
    parts, sides = rig.capsules.parts, rig.capsules.sides
    pairs, _ = pairs_of(parts, sides)
    named = {frozenset((parts[i] + sides[i], parts[j] + sides[j])) for i, j in pairs.tolist()}
    assert frozenset(("handL", "handR")) in named
    assert frozenset(("thighL", "belly")) not in named
    assert frozenset(("forearmL", "belly")) in named
    assert frozenset(("upper_armL", "forearmL")) not in named


@real
def test_most_captures_can_be_filmed_after_mending(body: Body) -> None:
    plan, failed = plan_windows(find_motions(DATA), FPS, 60, (0.0,))
    assert failed == []
    rng = np.random.default_rng(0)
    good = before = 0
    shapes = torch.from_numpy(sample_shapes(rng, 12))
    for shape, k in zip(shapes, rng.choice(len(plan), 12, replace=False), strict=True):
        rig = make_rig(body, shape)
        motion = retarget(cut(read_motion(plan[k].file), plan[k], FPS), body, shape)
        before += acceptable(judge(motion, rig))
        good += acceptable(judge(mend(motion, rig), rig))
    assert good >= before
    assert good >= 10
    assert MAX_SELF_M <= 0.03
