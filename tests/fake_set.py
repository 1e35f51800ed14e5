"""A set with known truth, made without the renderer: a person is a row of spheres, one a joint."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from humansense.core import Camera, Sample, joint_set, part_set
from humansense.data.store import Clip, ShardWriter, Track, shard_path, start_set

SIZE = (96, 128)
JOINTS = joint_set("human21")
RADIUS_M = 0.075


def camera(size: tuple[int, int] = SIZE) -> Camera:
    height, width = size
    K = np.array([[1.2 * width, 0, width / 2], [0, 1.2 * width, height / 2], [0, 0, 1]])
    return Camera(K, np.eye(3), np.zeros(3), size)


def spheres(
    centers: np.ndarray, radius: float, view: Camera, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Analytic (depth, normals, parts) of spheres (N, 3) in camera axes, at the pixels' centres."""
    height, width = view.size
    xs, ys = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    rays = np.stack([xs, ys, np.ones_like(xs)], -1) @ np.linalg.inv(view.K).T
    depth = np.full(view.size, np.nan)
    normals = np.zeros((*view.size, 3))
    parts = np.zeros(view.size, np.uint8)
    for center, label in zip(centers, labels, strict=True):
        a, b = (rays**2).sum(-1), rays @ center
        root = b**2 - a * (center @ center - radius**2)
        z = (b - np.sqrt(np.maximum(root, 0))) / a
        hit = (root > 0) & ~(z >= np.nan_to_num(depth, nan=np.inf))
        depth[hit] = z[hit]
        normals[hit] = (rays[hit] * z[hit][:, None] - center) / radius
        parts[hit] = label
    return depth.astype(np.float32), normals.astype(np.float32), parts


def body(rng: np.random.Generator, z: float = 4.0) -> np.ndarray:
    """(21, 3) joints in camera axes: scattered about a middle, so that each is hidden now and then."""
    joints = rng.normal(0, (0.25, 0.45, 0.15), (len(JOINTS), 3)) + np.array([0, 0, z])
    return joints


def sphere_labels() -> np.ndarray:
    """(21,) a label of smpl24 for each joint's sphere, all different, limbs on the side of their joint."""
    parts = part_set("smpl24")
    segment = {"wrist": "ForeArm", "elbow": "Arm", "knee": "UpLeg", "ankle": "Leg"}
    named: dict[str, int] = {}
    for name in JOINTS.names:
        side, _, limb = name.partition("_")
        if limb in segment:
            named[name] = parts.index(side + segment[limb])
    rest = iter(sorted({*range(1, len(parts))} - {*named.values()}))
    return np.array([named[name] if name in named else next(rest) for name in JOINTS.names])


def frame(joints: np.ndarray, view: Camera, rng: np.random.Generator) -> Sample:
    labels = sphere_labels()
    depth, normals, parts = spheres(joints, RADIUS_M, view, labels)
    blocks = rng.integers(0, 255, (view.size[0] // 16 + 1, view.size[1] // 16 + 1, 3), dtype=np.uint8)
    image = blocks.repeat(16, 0).repeat(16, 1)[: view.size[0], : view.size[1]].copy()
    image[parts > 0] = 10 * parts[parts > 0][:, None]
    return Sample(
        image=image,
        key="",
        parts=parts,
        depth=depth,
        normals=normals,
        instance=(parts > 0).astype(np.uint8),
        camera=view,
    )


def clip_frames(seed: int, frames: int = 4, size: tuple[int, int] = SIZE) -> tuple[Clip, list[Sample]]:
    rng = np.random.default_rng(seed)
    view = camera(size)
    start = body(rng)
    joints = np.stack([start + np.array([0.02 * t, 0, 0]) for t in range(frames)]).astype(np.float32)
    track = Track(
        joints3d={"human21": joints},
        arrays={"shape": rng.random(11, np.float32), "pose": rng.random((frames, 104, 3, 3), np.float32)},
        info={"subject": "s1"},
    )
    clip = Clip(f"c{seed:06d}", people=(track,), action="walk", subject="s1", source="fake", info={"seed": seed})
    return clip, [frame(row, view, rng) for row in joints]


def make_set(root: Path, shards: int = 2, clips: int = 2, frames: int = 4, size: tuple[int, int] = SIZE) -> Path:
    """`shards` shards of `clips` clips; the clip's number is its seed."""
    start_set(root, {"preset": "fake", "seed": 0, "clips": shards * clips})
    for number in range(shards):
        with ShardWriter(shard_path(root, number)) as writer:
            for k in range(clips):
                writer.add_clip(*clip_frames(number * clips + k, frames, size))
    return root
