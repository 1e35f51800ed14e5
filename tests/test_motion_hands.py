"""Finger poses: what the grasps look like in numbers, their limits, time, and the flesh of the hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from solid import depth_inside, triangles

from humansense.bodies import Body, load_body
from humansense.motion import BodyMotion, procedural
from humansense.motion.hands import (
    GRASPS,
    finger_turns,
    grasp,
    hand_limits,
    hands_over_time,
    sample_hands,
    with_hands,
)
from humansense.motion.rig import Rig, average_shape, finger_direction, make_rig, palm_normal


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body()


@pytest.fixture(scope="module")
def rig(body: Body) -> Rig:
    return make_rig(body)


def posed(hands: torch.Tensor, rig: Rig, side: str) -> torch.Tensor:
    """(T, 104, 3, 3) rest poses with one hand."""
    pose = torch.eye(3).repeat(len(hands), 104, 1, 1)
    for bone, turn in finger_turns(rig, side, hands).items():
        pose[:, bone] = turn
    return pose


def along(turns: torch.Tensor, rig: Rig, number: int, bone: int, side: str) -> torch.Tensor:
    name = f"finger{number}-{bone}.{side}"
    return turns[:, rig.index[name]] @ finger_direction(rig, number, bone, side)


@pytest.mark.parametrize("side", ["L", "R"])
def test_angles_mean_what_they_say(rig: Rig, side: str) -> None:
    hand = torch.zeros(1, 5, 4)
    straight, _ = rig.kinematics(posed(hand, rig, side))
    normal = palm_normal(rig, side)
    for number in range(2, 6):
        one, two = (along(straight, rig, number, k, side)[0] for k in (1, 2))
        assert abs(float(one @ normal)) < 1e-3  # in the palm's plane
        assert float(one @ two) > 0.97
        for joint, degrees in ((1, 60.0), (2, 80.0), (3, 40.0)):
            bent = hand.clone()
            bent[0, number - 1, joint] = degrees
            turns, _ = rig.kinematics(posed(bent, rig, side))
            before, after = along(straight, rig, number, joint, side)[0], along(turns, rig, number, joint, side)[0]
            assert float(torch.rad2deg(torch.acos(before @ after))) == pytest.approx(degrees, abs=3)
            assert float(after @ normal) > 0.5  # towards the palm
    wide = hand.clone()
    wide[0, 1:, 0] = torch.tensor([12.0, 0.0, 10.0, 18.0])
    turns, _ = rig.kinematics(posed(wide, rig, side))
    for a, b, more in ((2, 3, 12), (4, 3, 10), (5, 3, 18)):
        angles = [
            float(torch.rad2deg(torch.acos(along(t, rig, a, 1, side)[0] @ along(t, rig, b, 1, side)[0])))
            for t in (straight, turns)
        ]
        assert angles[1] - angles[0] == pytest.approx(more, abs=3)
    opposed = hand.clone()
    opposed[0, 0, 0] = 45
    turns, _ = rig.kinematics(posed(opposed, rig, side))
    assert float((along(turns, rig, 1, 2, side) - along(straight, rig, 1, 2, side))[0] @ normal) > 0.2


def tips(body: Body, rig: Rig, hands: torch.Tensor) -> torch.Tensor:
    """(T, 5) metres that the left fingers' outer halves are inside the rest of the hand: to its nearest vertex."""
    faces, owner = triangles(body.faces), body.skinning.argmax(1)
    shown = torch.zeros(len(owner), dtype=torch.bool)
    shown[faces.unique()] = True

    def skin(names: tuple[str, ...]) -> torch.Tensor:
        bones = [i for i, n in enumerate(body.joint_names) if n.startswith(names) and n.endswith(".L")]
        return torch.isin(owner, torch.tensor(bones)) & shown

    rest = body.rest(average_shape(body)[None])
    vertices = body.pose(rest, posed(hands, rig, "L"), torch.zeros(len(hands), 3)).vertices
    out = []
    for number in range(1, 6):
        tip = skin((f"finger{number}-2", f"finger{number}-3"))
        others = skin(("wrist", "metacarpal", *(f"finger{n}" for n in range(1, 6) if n != number)))
        solid = faces[others[faces].all(1)]
        out.append(torch.stack([depth_inside(v[tip], v, solid).max() for v in vertices]))
    return torch.stack(out, 1)


def test_fingers_do_not_pass_through_the_hand(body: Body, rig: Rig) -> None:
    fixed = tips(body, rig, torch.stack([grasp(name) for name in GRASPS]))
    assert float(fixed.max()) < 0.005
    rng = np.random.default_rng(0)
    drawn = torch.cat([hands_over_time(rng, 60, 10.0)[::6] for _ in range(6)])
    depth = tips(body, rig, drawn)
    assert float(depth.max()) < 0.011  # flesh that is pressed in; fingers are 16 mm thick
    assert float((depth.amax(1) < 0.007).float().mean()) > 0.85


def test_hands_stay_within_their_limits_and_move_smoothly() -> None:
    low, high = hand_limits()
    for name in GRASPS:
        assert bool(((grasp(name) >= low) & (grasp(name) <= high)).all()), name
    assert sum(share for share, _ in GRASPS.values()) == pytest.approx(1)
    rng = np.random.default_rng(1)
    for _ in range(30):
        hands = hands_over_time(rng, 120, 30.0)
        assert bool(((hands >= low - 1e-4) & (hands <= high + 1e-4)).all())
        assert float(hands.diff(dim=0).abs().max()) < 25  # degrees a frame: a fist in a quarter of a second
    drawn = [sample_hands(rng) for _ in range(200)]
    left, right = (torch.stack([d[s] for d in drawn])[:, 1:, 2].mean(1) for s in "LR")
    assert abs(float(torch.corrcoef(torch.stack([left, right]))[0, 1])) < 0.2  # each on its own
    assert float(left.std()) > 20


def test_with_hands_changes_fingers_only_and_keeps_captured_ones(body: Body, rig: Rig) -> None:
    motion = procedural("walk", np.random.default_rng(0), 60, 30.0, body)
    out = with_hands(motion, np.random.default_rng(5), rig)
    again = with_hands(motion, np.random.default_rng(5), rig)
    assert torch.equal(out.pose, again.pose)
    fingers = [j for j, n in enumerate(rig.names) if n.startswith("finger")]
    others = [j for j in range(104) if j not in fingers]
    assert torch.equal(out.pose[:, others], motion.pose[:, others])
    assert torch.equal(out.translation, motion.translation)
    assert not torch.equal(out.pose[:, fingers], motion.pose[:, fingers])
    eye = out.pose @ out.pose.transpose(-1, -2) - torch.eye(3)
    assert float(eye.abs().max()) < 1e-5
    captured: BodyMotion = replace(motion, fingers=True)
    assert with_hands(captured, np.random.default_rng(5), rig) is captured
