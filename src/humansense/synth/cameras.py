"""Where the cameras of a clip stand, from its views and from where the people are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import gaussian_filter1d

from humansense.core import Camera, joint_set, look_at
from humansense.synth.spec import SceneSpec, View

NEAREST_M = 0.35  # a camera does not come closer to any joint than this
FLOOR_M = 0.15  # nor to the floor
BUST = [joint_set("anny").index(name) for name in ("eye.L", "eye.R", "head", "upperarm01.L", "upperarm01.R", "spine02")]
SMOOTH_S = 0.6  # a moving camera follows its target with this much inertia, seconds


def place_camera(view: View, joints: np.ndarray, size: tuple[int, int]) -> Camera:
    """The camera of a view onto people whose `anny` joints (104, 3) or (P, 104, 3) are given, in an image (H, W)."""
    people = joints.reshape(-1, *joints.shape[-2:])
    aimed = people.reshape(-1, 3) if view.aim in ("group", "path") else people[0]
    if view.aim == "bust":
        aimed = aimed[BUST]
    target = people[0, 0] if view.aim == "pelvis" else (aimed.min(0) + aimed.max(0)) / 2
    spread = float(np.linalg.norm(aimed - target, axis=1).max()) + 0.1
    return _camera_at(view, target, spread, people.reshape(-1, 3), size)


def _camera_at(view: View, target: np.ndarray, spread: float, keep_off: np.ndarray, size: tuple[int, int]) -> Camera:
    """The camera of a view onto `target`, around which `spread` metres matter; off the points `keep_off` (N, 3)."""
    height, width = size
    focal = view.focal * width
    around = np.array([np.sin(view.yaw_rad), np.cos(view.yaw_rad), 0.0]) * np.cos(view.elevation_rad)
    towards = around - np.array([0.0, 0.0, np.sin(view.elevation_rad)])  # viewing direction
    distance = view.distance_m or focal * 2 * spread / (view.fill * min(size))
    distance = max(distance, ((keep_off - target) @ -towards).max() + NEAREST_M)
    position = target - towards * distance
    if view.distance_m == 0:  # the paper's camera is level with the pelvis, wherever the floor is
        position[2] = max(position[2], FLOOR_M)
    R, t = look_at(position, target, view.roll_rad)
    centre = (width * (0.5 + view.offset[0]), height * (0.5 + view.offset[1]))
    K = np.array([[focal, 0.0, centre[0]], [0.0, focal, centre[1]], [0.0, 0.0, 1.0]])
    return Camera(K, R, t, size)


def clip_cameras(spec: SceneSpec, joints: Sequence[np.ndarray]) -> list[Camera]:
    """One camera a frame. joints: `anny` joints (T, 104, 3) of each person in the world; at least one person."""
    everybody = np.stack(joints, 1)  # (T, P, 104, 3)
    if spec.shot == "static":
        return [static_cameras(spec, joints)[spec.view]] * spec.frames
    if spec.shot == "cut":
        return [place_camera(view, everybody[t], spec.size) for t, view in enumerate(spec.views)]
    points = everybody.reshape(spec.frames, -1, 3)
    low, high = points.min(1), points.max(1)
    sigma = max(1.0, SMOOTH_S * spec.fps)
    target = gaussian_filter1d((low + high) / 2, sigma, axis=0, mode="nearest")
    spread = np.linalg.norm(points - target[:, None], axis=2).max() + 0.1  # of the clip, so that nothing pumps
    nearest = gaussian_filter1d(points, sigma, axis=0, mode="nearest")
    return [_camera_at(view, target[t], spread, nearest[t], spec.size) for t, view in enumerate(spec.views)]


def static_cameras(spec: SceneSpec, joints: Sequence[np.ndarray]) -> list[Camera]:
    """All cameras that film a static shot at once, one a view."""
    everybody = np.stack(joints, 1)
    whole = everybody.transpose(1, 0, 2, 3).reshape(1, -1, 3)
    return [place_camera(v, whole if v.aim == "path" else everybody[0], spec.size) for v in spec.views]
