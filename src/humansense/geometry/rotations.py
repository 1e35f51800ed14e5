"""Conversions between representations of rotations: batched, differentiable, any leading shape, any float type.

Convention: a matrix acts on column vectors (`x' = R x`), angles are radians, right-handed. Quaternions are
`(w, x, y, z)` of unit length with w >= 0. An axis-angle vector points along the axis and is as long as the angle.
"""

from __future__ import annotations

import torch
from torch import Tensor

from humansense.core.errors import HumansenseError


def axis_angle_to_matrix(axis_angle: Tensor) -> Tensor:
    """Rotation vectors (..., 3) in radians to matrices (..., 3, 3), by Rodrigues' formula; smooth at zero."""
    _check_last(axis_angle, (3,), "axis_angle")
    squared = (axis_angle * axis_angle).sum(-1)
    small = squared < 1e-8
    angle = torch.where(small, torch.ones_like(squared), squared).sqrt()
    # sin(a)/a and (1 - cos(a))/a^2; the half angle keeps the second one accurate in float32.
    first = torch.where(small, 1 - squared / 6, angle.sin() / angle)
    second = torch.where(small, 0.5 - squared / 24, 2 * ((angle / 2).sin() / angle) ** 2)
    x, y, z = axis_angle.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))
    eye = torch.eye(3, dtype=axis_angle.dtype, device=axis_angle.device)
    return eye + first[..., None, None] * cross + second[..., None, None] * (cross @ cross)


def matrix_to_axis_angle(matrix: Tensor) -> Tensor:
    """Rotation matrices (..., 3, 3) to rotation vectors (..., 3) with an angle in [0, pi].

    Differentiable everywhere but at an angle of exactly pi, where the axis has two signs.
    """
    quaternion = matrix_to_quaternion(matrix)
    w, xyz = quaternion[..., 0], quaternion[..., 1:]
    squared = (xyz * xyz).sum(-1)
    small = squared < 1e-8
    sine = torch.where(small, torch.ones_like(squared), squared).sqrt()
    # angle / sin(angle / 2); near zero the angle is 2 s + s^3 / 3 + ..., with s = sin(angle / 2).
    scale = torch.where(small, 2 + squared / 3, 2 * torch.atan2(sine, w) / sine)
    return xyz * scale[..., None]


def quaternion_to_matrix(quaternion: Tensor) -> Tensor:
    """Quaternions (..., 4) `(w, x, y, z)`, of any length but zero, to rotation matrices (..., 3, 3)."""
    _check_last(quaternion, (4,), "quaternion")
    w, x, y, z = quaternion.unbind(-1)
    two = 2 / (quaternion * quaternion).sum(-1)
    rows = [
        1 - two * (y * y + z * z), two * (x * y - z * w), two * (x * z + y * w),
        two * (x * y + z * w), 1 - two * (x * x + z * z), two * (y * z - x * w),
        two * (x * z - y * w), two * (y * z + x * w), 1 - two * (x * x + y * y),
    ]  # fmt: skip
    return torch.stack(rows, -1).unflatten(-1, (3, 3))


def matrix_to_quaternion(matrix: Tensor) -> Tensor:
    """Rotation matrices (..., 3, 3) to unit quaternions (..., 4) `(w, x, y, z)` with w >= 0.

    Shepperd 1978: of the four formulas the one with the largest divisor is used, so that no angle is ill-conditioned.
    """
    _check_last(matrix, (3, 3), "matrix")
    m = matrix.flatten(-2).unbind(-1)
    fourfold = torch.stack(
        [1 + m[0] + m[4] + m[8], 1 + m[0] - m[4] - m[8], 1 - m[0] + m[4] - m[8], 1 - m[0] - m[4] + m[8]], -1
    )  # 4 w^2, 4 x^2, 4 y^2, 4 z^2
    wx, wy, wz = m[7] - m[5], m[2] - m[6], m[3] - m[1]
    xy, xz, yz = m[1] + m[3], m[2] + m[6], m[5] + m[7]
    rows = torch.stack(
        [
            torch.stack([fourfold[..., 0], wx, wy, wz], -1),
            torch.stack([wx, fourfold[..., 1], xy, xz], -1),
            torch.stack([wy, xy, fourfold[..., 2], yz], -1),
            torch.stack([wz, xz, yz, fourfold[..., 3]], -1),
        ],
        -2,
    )  # row k: 4 q_k q
    best = fourfold.argmax(-1)[..., None, None].expand(*fourfold.shape[:-1], 1, 4)
    quaternion = torch.nn.functional.normalize(rows.gather(-2, best).squeeze(-2), dim=-1)
    return torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)


def euler_to_matrix(angles: Tensor, order: str) -> Tensor:
    """Euler angles (..., N) in radians to matrices (..., 3, 3): the product of the axes' rotations, left to right.

    `order` has N letters of "xyz" (any case): for "ZXY" the result is `Rz(a0) Rx(a1) Ry(a2)`, the convention of BVH
    channels (intrinsic rotations: each about the axes that the earlier ones have turned).
    """
    _check_last(angles, (len(order),), "angles")
    if not order or set(order.lower()) - set("xyz"):
        raise HumansenseError(f"Euler order {order!r} is not a word of the letters x, y and z")
    axes = torch.eye(3, dtype=angles.dtype, device=angles.device)
    result = None
    for angle, letter in zip(angles.unbind(-1), order.lower(), strict=True):
        turn = axis_angle_to_matrix(angle[..., None] * axes["xyz".index(letter)])
        result = turn if result is None else result @ turn
    assert result is not None
    return result


def slerp(start: Tensor, end: Tensor, fraction: Tensor | float) -> Tensor:
    """The rotation at `fraction` (0..1) of the shortest way from `start` (..., 3, 3) to `end` (..., 3, 3).

    `fraction` is a number or a tensor that broadcasts over the leading shape. Constant angular speed.
    """
    step = matrix_to_axis_angle(start.transpose(-1, -2) @ end)
    scale = torch.as_tensor(fraction, dtype=step.dtype, device=step.device)
    return start @ axis_angle_to_matrix(step * scale[..., None])


def _check_last(value: Tensor, shape: tuple[int, ...], name: str) -> None:
    if tuple(value.shape[-len(shape) :]) != shape:
        expected = ", ".join(map(str, shape))
        raise HumansenseError(f"{name} has shape {tuple(value.shape)}, expected (..., {expected})")
