"""A clip in SURREAL's native files, made from its authors' formulas alone: `humansense` only writes its video.

A person of 24 spheres, one a joint of SMPL, stands upright in Blender's world (y down) and faces the camera, which
looks along -x from `CAMERA`. The person's own left hand is at +z. Joint i has the label i + 1: SURREAL's segments
come in the order of SMPL's joints.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import scipy.io

from humansense.video import VideoWriter

HEIGHT, WIDTH, RADIUS = 240, 320, 0.06
CAMERA = np.array([6.7456, -0.9839, -1.9293])
STEP = np.array([0.0, -0.01, 0.03])  # of the person, a frame

# y down, z to the person's left, both from the pelvis, metres: half of a skeleton, and the joints of the middle
_SIDE = {
    1: (0.08, 0.10), 4: (0.50, 0.12), 7: (0.90, 0.13), 10: (0.97, 0.20), 13: (-0.42, 0.08), 16: (-0.40, 0.20),
    18: (-0.15, 0.42), 20: (0.05, 0.60), 22: (0.10, 0.72),
}  # fmt: skip
_MIDDLE = {0: 0.0, 3: -0.12, 6: -0.25, 9: -0.31, 12: -0.52, 15: -0.62}
RIGHT_OF_LEFT = {1: 2, 4: 5, 7: 8, 10: 11, 13: 14, 16: 17, 18: 19, 20: 21, 22: 23}


def joints(t: int) -> np.ndarray:
    """(24, 3) joints3D of frame t."""
    points = np.zeros((24, 3))
    for i, y in _MIDDLE.items():
        points[i] = 0, y, 0
    for i, (y, z) in _SIDE.items():
        points[i], points[RIGHT_OF_LEFT[i]] = (0.02 * i, y, z), (0.02 * i, y, -z)
    return points + np.array([-0.8, -0.9, -1.9]) + t * STEP


def pixel(point: np.ndarray) -> np.ndarray:
    """(2,) u, v of a world point, by main.m and getExtrinsicBlender.m written out."""
    x, y, z = point
    depth = CAMERA[0] - x
    return np.array([160 + 600 * (CAMERA[2] - z) / depth, 120 + 600 * (y - CAMERA[1]) / depth])


def maps(t: int) -> dict[str, np.ndarray]:
    """segm, depth, normal and gtflow of frame t, by casting a ray from `CAMERA` through every pixel's centre."""
    u, v = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    rays = np.stack([-np.ones_like(u), (v - 120) / 600, -(u - 160) / 600], -1)
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    distance = np.full(u.shape, 1e10)
    segm, normal, flow = np.zeros(u.shape, np.uint8), np.zeros((*u.shape, 3)), np.zeros((*u.shape, 2))
    for i, center in enumerate(joints(t)):
        to_center = center - CAMERA
        along = rays @ to_center
        inside = along**2 - to_center @ to_center + RADIUS**2
        near = along - np.sqrt(np.maximum(inside, 0))
        hit = (inside > 0) & (near < distance)
        points = CAMERA + rays[hit] * near[hit][:, None]
        distance[hit], segm[hit], normal[hit] = near[hit], i + 1, (points - center) / RADIUS
        now, before = (np.array([pixel(p) for p in some]).reshape(-1, 2) for some in (points, points - STEP))
        flow[hit, 0] = before[:, 0] - now[:, 0]
        flow[hit, 1] = (HEIGHT - before[:, 1]) - (HEIGHT - now[:, 1])  # Blender's y goes up
    single = np.float32
    return {
        "segm": segm,
        "depth": distance.astype(single),
        "normal": normal.astype(single),
        "gtflow": flow.astype(single),
    }


def picture(t: int, segm: np.ndarray) -> np.ndarray:
    """Grey that tells the frame's number, the person by label."""
    image = np.full((HEIGHT, WIDTH, 3), 40 + 20 * t, np.uint8)
    image[segm > 0] = 150 + 4 * segm[segm > 0][:, None]
    return image


def write_clip(folder: Path, name: str, frames: int, endings: tuple[str, ...] = ("segm", "depth")) -> Path:
    """`folder/NAME.mp4` and its .mat files; returns the path of `_info.mat`."""
    folder.mkdir(parents=True, exist_ok=True)
    truth = [maps(t) for t in range(frames)]
    with VideoWriter(folder / f"{name}.mp4", fps=30, crf=10) as video:
        for t, row in enumerate(truth):
            video.write(picture(t, row["segm"]))
    for ending in endings:
        arrays = {f"{ending}_{t + 1}": row[ending] for t, row in enumerate(truth)}
        scipy.io.savemat(folder / f"{name}_{ending}.mat", arrays, do_compression=True)
    world = np.stack([joints(t) for t in range(frames)], -1)  # (24, 3, T)
    projected = np.stack([[pixel(p) for p in joints(t)] for t in range(frames)], -1)
    info = {
        "bg": np.full((1, frames), "bedroom.jpg", object),
        "camDist": np.float32(7.5),
        "camLoc": CAMERA.astype(np.float32).reshape(3, 1),
        "clipNo": 1.0,
        "cloth": np.full((1, frames), "nongrey_male_0244.jpg", object),
        "gender": np.ones((frames, 1), np.uint8),
        "joints2D": np.rint(projected).transpose(1, 0, 2).astype(np.float32),
        "joints3D": world.transpose(1, 0, 2).astype(np.float32),
        "light": np.ones((9, frames), np.float32),
        "pose": np.full((72, frames), 0.1, np.float32),
        "sequence": name,
        "shape": np.full((10, frames), 0.5, np.float32),
        "source": "cmu",
        "stride": np.uint8(50),
        "zrot": np.full((frames, 1), 1.5, np.float32),
    }
    scipy.io.savemat(folder / f"{name}_info.mat", info, do_compression=True)
    return folder / f"{name}_info.mat"
