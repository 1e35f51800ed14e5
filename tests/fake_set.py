"""A set with known truth, made without the renderer: a person is a row of spheres, one a joint.

With `engine=True` a set has every map and SMPL's joints too, through SURREAL's lens, from a camera that stands
somewhere: the spheres keep their places to each other and move by `STEP_M` a frame along the camera's x.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from humansense.core import Camera, Sample, convert_joints, joint_set, look_at, part_set
from humansense.data.store import Clip, ShardWriter, Track, shard_path, start_set

SIZE = (96, 128)
JOINTS = joint_set("human21")
RADIUS_M = 0.075
STEP_M = 0.02


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


def engine_camera(size: tuple[int, int] = SIZE) -> Camera:
    """A 60 mm lens on a 32 mm sensor, level, at 1.3 m."""
    height, width = size
    K = np.array([[1.875 * width, 0, width / 2], [0, 1.875 * width, height / 2], [0, 0, 1]])
    return Camera(K, *look_at(np.array([2.0, -5.0, 1.3]), np.array([0.5, 0.0, 1.3])), size)


def smpl_joints(joints: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(T, 24, 3) joints of SMPL: those that `human21` (T, 21, 3) shares, the others at places about the middle."""
    smpl = convert_joints(joints, "human21", "smpl24")
    places = rng.normal(0, 0.2, (24, 3)) + joints.mean(1)[:, None]
    return np.where(np.isnan(smpl), places, smpl).astype(np.float32)


def add_engine_maps(sample: Sample, joints: np.ndarray) -> None:
    """Hidden depth, flow, garments and dense maps of a frame whose spheres (21, 3) move by `STEP_M` along x."""
    view, depth, parts = sample.camera, sample.depth, sample.parts
    assert view is not None
    assert depth is not None
    assert parts is not None
    height, width = view.size
    pixels = np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), -1)
    rays = np.concatenate([pixels, np.ones((*view.size, 1))], -1) @ np.linalg.inv(view.K).T
    points = rays * depth[..., None]
    nobody = np.isnan(depth)
    sample.hidden_depth = (depth + RADIUS_M).astype(np.float32)
    sample.garments = np.where(nobody, 0, parts % 3 + 1).astype(np.uint8)
    sample.dense = (points - joints.mean(0)).astype(np.float32)
    for field, step in (("flow", STEP_M), ("flow_back", -STEP_M)):
        moved = points + np.array([step, 0, 0])
        flow = np.where(nobody[..., None], 0, view.to_pixels(moved) - pixels)
        there, _, _ = spheres(joints + np.array([step, 0, 0]), RADIUS_M, view, sphere_labels())
        column, row = np.floor(pixels + flow).astype(int).transpose(2, 0, 1)
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        seen = there[row.clip(0, height - 1), column.clip(0, width - 1)]
        hidden = np.where(nobody, ~np.isnan(seen), ~(np.abs(seen - depth) < 0.03))
        flow[hidden | ~inside] = np.nan
        setattr(sample, field, flow.astype(np.float32))


def clip_frames(
    seed: int, frames: int = 4, size: tuple[int, int] = SIZE, engine: bool = False
) -> tuple[Clip, list[Sample]]:
    rng = np.random.default_rng(seed)
    view = engine_camera(size) if engine else camera(size)
    start = body(rng, 7.0 if engine else 4.0)
    joints = np.stack([start + np.array([STEP_M * t, 0, 0]) for t in range(frames)]).astype(np.float32)
    sets = {"human21": joints} | ({"smpl24": smpl_joints(joints, np.random.default_rng(seed))} if engine else {})
    track = Track(
        joints3d=sets,
        arrays={"shape": rng.random(11, np.float32), "pose": rng.random((frames, 104, 3, 3), np.float32)},
        info={"subject": "s1"},
    )
    clip = Clip(f"c{seed:06d}", people=(track,), action="walk", subject="s1", source="fake", info={"seed": seed})
    samples = [frame(row, view, rng) for row in joints]
    if engine:
        for sample, row in zip(samples, joints, strict=True):
            add_engine_maps(sample, row)
    return clip, samples


def make_set(
    root: Path,
    shards: int = 2,
    clips: int = 2,
    frames: int = 4,
    size: tuple[int, int] = SIZE,
    engine: bool = False,
) -> Path:
    """`shards` shards of `clips` clips; the clip's number is its seed."""
    start_set(root, {"preset": "fake", "seed": 0, "clips": shards * clips})
    for number in range(shards):
        with ShardWriter(shard_path(root, number)) as writer:
            for k in range(clips):
                writer.add_clip(*clip_frames(number * clips + k, frames, size, engine))
    return root
