"""People placed on one floor: the turn, the distances at every frame, and the skin itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from solid import depth_inside, triangles

from humansense.bodies import Body, load_body, sample_shapes
from humansense.core import HumansenseError
from humansense.motion import procedural
from humansense.motion.placing import (
    MIN_CLEARANCE_M,
    Footprint,
    Placement,
    footprint,
    gap_m,
    moved,
    place_apart,
    put,
)
from humansense.motion.rig import make_rig
from humansense.motion.values import BodyMotion

KINDS = ("walk", "idle", "wave", "punch", "crouch", "kick")


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body()


def people(body: Body, seed: int, count: int, frames: int = 30) -> list[tuple[torch.Tensor, BodyMotion, Footprint]]:
    rng = np.random.default_rng(seed)
    out = []
    for shape in torch.from_numpy(sample_shapes(rng, count)):
        motion = procedural(KINDS[rng.integers(len(KINDS))], rng, frames, 30.0, body, shape)
        out.append((shape, motion, footprint(motion, make_rig(body, shape))))
    return out


def test_moved_turns_about_the_origin_then_shifts(body: Body) -> None:
    shape, motion, _ = people(body, 0, 1, 5)[0]
    out = moved(motion, (2.0, -1.0), math.pi / 2)
    rest = body.rest(shape[None])
    before = body.pose(rest, motion.pose, motion.translation).vertices
    after = body.pose(rest, out.pose, out.translation).vertices
    expected = torch.stack([2.0 - before[..., 1], -1.0 + before[..., 0], before[..., 2]], -1)
    torch.testing.assert_close(after, expected, atol=1e-5, rtol=0)
    assert torch.equal(moved(motion, (0.0, 0.0), 0.0).translation, motion.translation)


def test_a_footprint_moves_with_its_motion(body: Body) -> None:
    shape, motion, mine = people(body, 1, 1, 10)[0]
    placement = Placement(0, (0.7, 0.2), 1.1)
    rig = make_rig(body, shape)
    again = footprint(moved(motion, placement.xy, placement.heading_rad), rig)
    torch.testing.assert_close(put(mine, placement).centres, again.centres, atol=1e-5, rtol=0)
    # It covers the skin but for what the least clearance allows on each side.
    posed = body.pose(body.rest(shape[None]), motion.pose[:1], motion.translation[:1]).vertices[0]
    skin = posed[triangles(body.faces).unique()]
    outside = (torch.cdist(skin, mine.centres[0]) - mine.radius).amin(1)
    assert float(outside.max()) < MIN_CLEARANCE_M / 2


@pytest.mark.parametrize("clearance", [MIN_CLEARANCE_M, 0.3])
def test_people_keep_their_distance_at_every_frame(body: Body, clearance: float) -> None:
    for seed, count in ((0, 2), (2, 5)):
        prints = [p for _, _, p in people(body, seed, count)]
        placed = place_apart(np.random.default_rng(seed), prints, 5.0, clearance)
        assert placed == place_apart(np.random.default_rng(seed), prints, 5.0, clearance)
        assert [p.person for p in placed] == list(range(count))
        stand = [put(prints[p.person], p) for p in placed]
        gaps = [gap_m(a, b) for i, a in enumerate(stand) for b in stand[:i]]
        naive = min(
            float((a.centres[t, k] - b.centres[t, n]).norm() - a.radius[k] - b.radius[n])
            for a, b in [(stand[0], stand[1])]
            for t in range(0, len(a.centres), 4)
            for k in range(0, a.centres.shape[1], 7)
            for n in range(0, b.centres.shape[1], 7)
        )
        assert gap_m(stand[0], stand[1]) <= naive + 1e-5
        assert min(gaps) >= clearance - 1e-4
        assert min(gaps) < clearance + 0.4  # a group, not a crowd scattered over the field
        assert max(float(s.centres[..., :2].norm(dim=-1).max()) for s in stand) < 5


def test_no_skin_is_inside_another_person(body: Body) -> None:
    faces = triangles(body.faces)
    skin = faces.unique()
    for seed in range(1):
        crowd = people(body, 10 + seed, 3)
        placed = place_apart(np.random.default_rng(seed), [p for _, _, p in crowd], 4.0, MIN_CLEARANCE_M)
        assert len(placed) == 3
        posed = []
        for p in placed:
            shape, motion, _ = crowd[p.person]
            few = moved(motion, p.xy, p.heading_rad)[::14]
            posed.append(body.pose(body.rest(shape[None]), few.pose, few.translation).vertices)
        # Known truth for the check itself: pushed together they do overlap.
        near = posed[1][0] + (posed[0][0] - posed[1][0]).mean(0) * torch.tensor([1.0, 1.0, 0.0])
        assert float(depth_inside(near[skin[::60]], posed[0][0], faces).max()) > 0.01
        for i, one in enumerate(posed):
            for two in posed[:i]:
                for a, b in zip(one, two, strict=True):
                    assert float(depth_inside(a[skin], b, faces, 0.04).max()) == 0
                    assert float(depth_inside(b[skin], a, faces, 0.04).max()) == 0


def test_who_does_not_fit_is_left_out(body: Body) -> None:
    prints = [p for _, _, p in people(body, 3, 6)]
    few = place_apart(np.random.default_rng(0), prints, 1.2)
    assert 1 <= len(few) < 6
    assert [p.person for p in few] == sorted({p.person for p in few})
    for p in few:
        mine = put(prints[p.person], p)
        assert float((mine.centres[..., :2].norm(dim=-1) + mine.radius).max()) <= 1.2 + 1e-4
    assert place_apart(np.random.default_rng(0), prints[:1], 0.05) == ()


def test_wrong_scenes(body: Body) -> None:
    one = people(body, 0, 1, 10)[0][2]
    short = people(body, 0, 1, 5)[0][2]
    for prints, clearance, message in (
        ([], 0.1, "0 people in one scene"),
        ([one] * 7, 0.1, "7 people in one scene: give 1 to 6"),
        ([one, short], 0.1, "give clips of the same length"),
        ([one, one], 0.01, "a clearance of 0.01 m is finer"),
    ):
        with pytest.raises(HumansenseError, match=message):
            place_apart(np.random.default_rng(0), prints, 3.0, clearance)
