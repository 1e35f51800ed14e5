"""The files of SURREAL (Varol 2017), as its authors' code writes and reads them: axes, units, sides.

    ROOT/cmu/train/run0/01_01/01_01_c0001.mp4          240 x 320 RGB, H.264
                              01_01_c0001_info.mat     camera, joints, body, light ...
                              01_01_c0001_segm.mat     segm_1 .. segm_T (H, W) uint8, 0 background, 1..24
                              01_01_c0001_depth.mat    depth_1 .. depth_T (H, W) float32 metres, background 1e10
                              01_01_c0001_gtflow.mat   gtflow_1 .. gtflow_T (H, W, 2) float32
                              01_01_c0001_normal.mat   normal_1 .. normal_T (H, W, 3) float32

What is stated here follows github.com/gulvarol/surreal; docs/export.md says which file states what.

World. Blender's, in metres: y points down and the camera looks along -x. `camLoc` is the camera's place, its axes are
always the same: `x_cam = AXES @ (x_world - camLoc)` (misc/3Dto2D/getExtrinsicBlender.m).

Sides. AXES has the determinant -1: SURREAL's pictures are mirror images of its world. So whoever is seen raising the
right hand has SURREAL's *left* labels on it, in joints and in parts (the authors note it in
misc/smpl_relations/smpl_relations.py). Here left and right are those of the person one sees, so both are swapped
between the two conventions.

Lens. 60 mm on a 32 mm sensor, principal point in the middle (getIntrinsicBlender.m).

Depth. Blender 2.78's Cycles writes the distance from the camera's centre (kernel_passes.h: `camera_distance`), not the
z of later versions.

Flow. Cycles' vector pass: where the point was in the frame before, less where it is, with y up; the authors keep its
first two channels (main_part2.py). So it belongs to the pixels of frame t and leads to frame t - 1.

Normals. Cycles' normal pass: unit vectors in the world's axes, 0 for the background.

joints2D. Pixels from the top left corner of the picture, rounded to whole numbers (misc/3Dto2D/main.m).
"""

from __future__ import annotations

import numpy as np

from humansense.core import joint_set, part_set

AXES = np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
"""SURREAL's world to camera axes (x right, y down, z forward); its own inverse."""

LENS_MM, SENSOR_MM = 60.0, 32.0
BACKGROUND_M = 1e10
FOREGROUND_BELOW_M = 1e3  # what the authors' loader takes for the person (training/loader_SURREAL.lua)
GENDERS = ("female", "male")

MIRRORED_JOINTS = joint_set("smpl24").mirror
"""(24,) the joint of `smpl24` that stands in SURREAL's row i, and the row that holds joint i."""

MIRRORED_PARTS = part_set("smpl24").mirror
"""(25,) uint8 table between SURREAL's labels and those of `smpl24`, either way."""


def intrinsics(size: tuple[int, int]) -> np.ndarray:
    """(3, 3) K of SURREAL's lens for a picture of (H, W) pixels."""
    height, width = size
    focal = LENS_MM / SENSOR_MM * width
    return np.array([[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]])


def to_camera(points_world: np.ndarray, camera_location: np.ndarray) -> np.ndarray:
    """Points (..., 3) of SURREAL's world to camera axes."""
    return (np.asarray(points_world, np.float64) - np.asarray(camera_location, np.float64).reshape(3)) @ AXES.T


def to_world(points_camera: np.ndarray, camera_location: np.ndarray) -> np.ndarray:
    """Points (..., 3) in camera axes to SURREAL's world."""
    return np.asarray(points_camera, np.float64) @ AXES + np.asarray(camera_location, np.float64).reshape(3)


def ray_lengths(K: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(H, W) distance from the camera's centre to a surface at z = 1, at the pixels' centres."""
    xs, ys = np.meshgrid(np.arange(size[1]) + 0.5, np.arange(size[0]) + 0.5)
    rays = np.stack([xs, ys, np.ones_like(xs)], -1) @ np.linalg.inv(K).T
    return np.linalg.norm(rays, axis=-1)


def flow_from_surreal(vectors: np.ndarray) -> np.ndarray:
    """(H, W, 2) `gtflow_t` to flow (u right, v down) from frame t to t - 1, and back: the vertical one changes sign."""
    return np.asarray(vectors, np.float32) * np.array([1, -1], np.float32)
