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


def pixel_rays(view: Camera, pixels: np.ndarray | None = None) -> np.ndarray:
    """Rays (..., 3) with z = 1 through pixels (..., 2), or through the centres of all (H, W, 3)."""
    if pixels is None:
        pixels = np.stack(np.meshgrid(np.arange(view.size[1]) + 0.5, np.arange(view.size[0]) + 0.5), -1)
    return np.concatenate([pixels, np.ones((*pixels.shape[:-1], 1))], -1) @ np.linalg.inv(view.K).T


def hits(rays: np.ndarray, centers: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(near, far, which): depth (...,) of the first and last surface on rays (..., 3), and the first one's sphere.

    NaN and -1 where a ray meets none.
    """
    near, far = np.full(rays.shape[:-1], np.inf), np.full(rays.shape[:-1], -np.inf)
    which = np.full(rays.shape[:-1], -1)
    for i, center in enumerate(centers):
        a, b = (rays**2).sum(-1), rays @ center
        root = b**2 - a * (center @ center - radius**2)
        half = np.sqrt(np.maximum(root, 0))
        first = (root > 0) & ((b - half) / a < near)
        near[first], which[first] = ((b - half) / a)[first], i
        far = np.where(root > 0, np.maximum(far, (b + half) / a), far)
    nothing = which < 0
    near[nothing] = far[nothing] = np.nan
    return near, far, which


def spheres(
    centers: np.ndarray, radius: float, view: Camera, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Analytic (depth, normals, parts) of spheres (N, 3) in camera axes, at the pixels' centres."""
    rays = pixel_rays(view)
    depth, _, which = hits(rays, centers, radius)
    hit = which >= 0
    normals = np.zeros((*view.size, 3))
    normals[hit] = (rays[hit] * depth[hit][:, None] - centers[which[hit]]) / radius
    parts = np.where(hit, labels[which], 0).astype(np.uint8)
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


GARMENTS = ("skin", "shirt", "hair")
REFERENCE_SCALE = 0.4
"""Size of the reference body: this part of the body of spheres, upright, facing -y."""


def add_engine_maps(sample: Sample, clip_joints: np.ndarray, t: int) -> None:
    """Hidden depth, flow, garments and dense maps of frame `t` of spheres (T, 21, 3) that move by `STEP_M` along x.

    The first frame has no backward flow, the last no forward flow.
    """
    joints = clip_joints[t]
    view, parts = sample.camera, sample.parts
    assert view is not None
    assert parts is not None
    rays = pixel_rays(view)
    depth, far, which = hits(rays, joints, RADIUS_M)
    points = rays * depth[..., None]
    nobody = which < 0
    sample.hidden_depth = far.astype(np.float32)
    sample.garments = np.where(nobody, 0, parts % len(GARMENTS) + 1).astype(np.uint8)
    sample.dense = (REFERENCE_SCALE * (points - joints.mean(0))[..., [0, 2, 1]] * (1, 1, -1)).astype(np.float32)
    for field, other, step in (("flow", t + 1, STEP_M), ("flow_back", t - 1, -STEP_M)):
        flow = np.full((*view.size, 2), np.nan, np.float32)
        if 0 <= other < len(clip_joints):
            flow = _flow(view, points, clip_joints[other], np.array([step, 0, 0]))
        setattr(sample, field, flow)


def _flow(view: Camera, points: np.ndarray, there: np.ndarray, step: np.ndarray) -> np.ndarray:
    """(H, W, 2) pixels to the frame with the spheres `there`: NaN where the point is hidden or out of the picture."""
    height, width = view.size
    pixels = np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), -1)
    nobody = np.isnan(points[..., 2])
    target = np.where(nobody[..., None], pixels, view.to_pixels(points + step))
    seen, _, _ = hits(pixel_rays(view, target), there, RADIUS_M)
    moved = points[..., 2] + step[2]
    same = np.where(nobody, np.isnan(seen), np.abs(np.nan_to_num(seen, nan=np.inf) - moved) < 1e-4)
    inside = (target >= 0).all(-1) & (target[..., 0] <= width) & (target[..., 1] <= height)
    flow = target - pixels
    flow[~(same & inside)] = np.nan
    return flow.astype(np.float32)


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
    table = {"garments": [{"person": 0, "name": name} for name in GARMENTS]} if engine else {}
    clip = Clip(
        f"c{seed:06d}", people=(track,), action="walk", subject="s1", source="fake", info={"seed": seed, **table}
    )
    samples = [frame(row, view, rng) for row in joints]
    if engine:
        for t, sample in enumerate(samples):
            add_engine_maps(sample, joints, t)
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
