"""Rotations against scipy, round trips at every angle, gradients in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation, Slerp

from humansense.core import HumansenseError
from humansense.geometry import (
    axis_angle_to_matrix,
    euler_to_matrix,
    matrix_to_axis_angle,
    matrix_to_quaternion,
    quaternion_to_matrix,
    slerp,
)

ANGLES = [0.0, 1e-9, 1e-5, 1e-4, 2e-4, 1e-2, 1.0, 2.0, 3.0, np.pi - 1e-3, np.pi - 1e-6, np.pi]


def rotation_vectors(seed: int = 0) -> torch.Tensor:
    """(A, 16, 3): random axes, and the coordinate axes, at each angle."""
    axes = np.random.default_rng(seed).normal(size=(13, 3))
    axes = np.concatenate([axes / np.linalg.norm(axes, axis=1, keepdims=True), np.eye(3)])
    return torch.tensor(np.array(ANGLES)[:, None, None] * axes)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
def test_axis_angle_to_matrix_is_scipys(dtype: torch.dtype, tolerance: float) -> None:
    vectors = rotation_vectors()
    expected = Rotation.from_rotvec(vectors.reshape(-1, 3).numpy()).as_matrix().reshape(*vectors.shape, 3)
    np.testing.assert_allclose(axis_angle_to_matrix(vectors.to(dtype)).numpy(), expected, atol=tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-6)])
def test_matrix_to_axis_angle_to_matrix_is_the_identity_at_every_angle(dtype: torch.dtype, tolerance: float) -> None:
    matrices = axis_angle_to_matrix(rotation_vectors(1)).to(dtype)
    vectors = matrix_to_axis_angle(matrices)
    assert bool((vectors.norm(dim=-1) <= np.pi + 1e-6).all())
    torch.testing.assert_close(axis_angle_to_matrix(vectors), matrices, atol=tolerance, rtol=0)


def test_matrix_to_axis_angle_returns_the_vector_itself_below_pi() -> None:
    vectors = rotation_vectors(2)[: ANGLES.index(np.pi)]
    torch.testing.assert_close(matrix_to_axis_angle(axis_angle_to_matrix(vectors)), vectors, atol=1e-9, rtol=0)


def test_quaternions_are_scipys_and_round_trip() -> None:
    vectors = rotation_vectors(3)[:-1].reshape(-1, 3)
    rotation = Rotation.from_rotvec(vectors.numpy())
    expected = np.roll(rotation.as_quat(canonical=True), 1, axis=-1)
    matrices = torch.tensor(rotation.as_matrix())
    quaternions = matrix_to_quaternion(matrices)
    np.testing.assert_allclose(quaternions.numpy(), expected, atol=1e-9)
    torch.testing.assert_close(quaternion_to_matrix(quaternions * 3.0), matrices)


@pytest.mark.parametrize("order", ["ZXY", "XYZ", "zyx", "YZX", "ZYZ", "Z", "XY"])
def test_euler_order_is_scipys_intrinsic_one(order: str) -> None:
    angles = np.random.default_rng(4).uniform(-3, 3, (20, len(order)))
    expected = Rotation.from_euler(order.upper(), angles).as_matrix()
    np.testing.assert_allclose(euler_to_matrix(torch.tensor(angles), order).numpy(), expected, atol=1e-12)


def test_slerp_is_scipys_and_hits_both_ends() -> None:
    ends = Rotation.random(2, random_state=5)
    start, end = torch.tensor(ends.as_matrix()).unbind(0)
    times = torch.linspace(0, 1, 7, dtype=torch.float64)
    expected = Slerp([0, 1], ends)(times.numpy()).as_matrix()
    result = slerp(start.expand(7, 3, 3), end.expand(7, 3, 3), times)
    np.testing.assert_allclose(result.numpy(), expected, atol=1e-12)
    torch.testing.assert_close(slerp(start, end, 0.25), slerp(start, end, torch.tensor(0.25)))


@pytest.mark.parametrize("angle", [0.0, 1e-5, 0.5, 2.5])
def test_gradients(angle: float) -> None:
    axis = torch.tensor([[0.48, -0.6, 0.64], [0.0, 0.0, 1.0]], dtype=torch.float64)
    vectors = (angle * axis).requires_grad_()
    assert torch.autograd.gradcheck(axis_angle_to_matrix, vectors)
    assert torch.autograd.gradcheck(lambda v: matrix_to_axis_angle(axis_angle_to_matrix(v)), vectors)
    assert torch.autograd.gradcheck(lambda v: euler_to_matrix(v, "ZXY"), vectors)
    assert torch.autograd.gradcheck(
        lambda v: slerp(axis_angle_to_matrix(v[0]), axis_angle_to_matrix(v[1]), 0.3), vectors
    )


def test_wrong_shapes_and_orders_are_named() -> None:
    with pytest.raises(HumansenseError, match=r"axis_angle has shape \(4,\)"):
        axis_angle_to_matrix(torch.zeros(4))
    with pytest.raises(HumansenseError, match="'XQZ'"):
        euler_to_matrix(torch.zeros(3), "XQZ")
