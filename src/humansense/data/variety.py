"""How varied the people of a set are, from joints and parameters alone: views, poses, sizes, places, what is hidden.

Poses are compared as they stand about their own pelvis and heading, scaled to one length of leg, so that neither the
place, nor the direction, nor the size of a body counts as another pose.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from humansense.core import joint_set
from humansense.data.store_read import ClipEntry, ClipSet

PERCENTILES = (5, 50, 95)
POSE_SET = "mpii16"
LEG_M = 0.82
"""Thigh and shank of the body that poses are scaled to."""
ANKLE_HEIGHT = 0.039
"""Height of the ankle as a share of the stature (Drillis and Contini 1966)."""
PHENOTYPES = (
    "gender", "age", "muscle", "weight", "height", "proportions", "cupsize", "firmness", "african", "asian", "caucasian"
)  # fmt: skip
"""What the numbers of `p0.shape` are: the order of the body's `shape_names`."""
AGES = (("baby", 1 / 6), ("child", 1 / 2), ("adult", 5 / 6), ("old", np.inf))
"""Name and upper end of the age phenotype: half way between its poles 0, 1/3, 2/3 and 1."""
MAX_PEOPLE = 100_000
MAX_POSES = 2_000
POSE_STEP_M = 0.10
"""Two poses are distinct if their joints differ by more than this (root mean square over the joints)."""
AZIMUTH_BINS = 36


@dataclass(frozen=True)
class People:
    """The people of a set's frames (N, evenly thinned to about `MAX_PEOPLE`) and its bodies (B, one a clip and person).

    azimuth_deg: (N,) the camera around the person: 0 before the face, 90 at the person's left; NaN without a heading.
    elevation_deg: (N,) the camera above the person's pelvis, over the horizon. poses: (N, 16, 3) metres, joints of
    `mpii16`: x to the person's left, y to the back, z up. place: (N, 2) the pelvis as a share of the picture's width
    and height. distance_m: (N,). outside, hidden: (N,) share of the joints out of the picture, and in it but not seen.
    stature_m: (B,). shapes: (B, 11) phenotypes.
    """

    azimuth_deg: np.ndarray
    elevation_deg: np.ndarray
    poses: np.ndarray
    place: np.ndarray
    distance_m: np.ndarray
    outside: np.ndarray
    hidden: np.ndarray
    stature_m: np.ndarray
    shapes: np.ndarray


@dataclass(frozen=True)
class Variety:
    """The variety of a set in numbers; percentiles are 5, 50 and 95.

    views_covered: share of the 10-degree sectors around the person from which a camera looks; views_effective: exp of
    the entropy over the 36 sectors, 36 if they are equally frequent. poses_distinct: centres that leave no pose of
    `poses_compared` further than `POSE_STEP_M` from one. pose_dimensions: participation ratio of the variances of the
    principal components, (sum v)^2 / sum v^2. truncated: share of people with a joint out of the picture.
    joints_outside, joints_hidden: shares of all joints. ages: bodies by the age phenotype.
    """

    views_covered: float
    views_effective: float
    elevation_deg: tuple[float, ...]
    poses_compared: int
    poses_distinct: int
    pose_dimensions: float
    stature_m: tuple[float, ...]
    truncated: float
    joints_outside: float
    joints_hidden: float
    phenotypes: dict[str, tuple[float, ...]]
    ages: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def collect_people(clips: ClipSet) -> People:
    """Read the people of a set, without its pictures."""
    total = sum(clip.frames * clip.people for clip in clips.clips)
    step = max(1, -(-total // MAX_PEOPLE))
    rows: dict[str, list[np.ndarray]] = {name: [np.zeros((0, *s))] for name, s in _ROWS.items()}
    stature, shapes = [np.zeros(0)], [np.zeros((0, len(PHENOTYPES)))]
    for clip in clips.clips:
        if not clip.people or any(name not in clip.joints for name in joint_set(POSE_SET).names):
            continue
        for name, values in _of_clip(clips, clip, step).items():
            (stature if name == "stature_m" else rows[name]).append(values)
        for i in range(clip.people):
            if clip.arrays.get(f"p{i}.shape", (0, "", ()))[2] == (len(PHENOTYPES),):
                shapes.append(clips.clip_array(clip, f"p{i}.shape")[None])
    joined = {name: np.concatenate(values) for name, values in rows.items()}
    return People(**joined, stature_m=np.concatenate(stature), shapes=np.concatenate(shapes))


_ROWS: dict[str, tuple[int, ...]] = {
    "azimuth_deg": (),
    "elevation_deg": (),
    "poses": (len(joint_set(POSE_SET)), 3),
    "place": (2,),
    "distance_m": (),
    "outside": (),
    "hidden": (),
}


def _of_clip(clips: ClipSet, clip: ClipEntry, step: int) -> dict[str, np.ndarray]:
    """The rows of a clip's people in every `step`-th frame where their joints are known, and each person's stature."""
    order = [clip.joints.index(name) for name in joint_set(POSE_SET).names]
    chosen = slice((-clip.start) % step, None, step)
    joints = clips.clip_array(clip, "joints3d")[chosen][:, :, order].astype(np.float64)
    pixels = clips.clip_array(clip, "joints2d")[chosen][:, :, order]
    seen = clips.clip_array(clip, "visible")[chosen][:, :, order]
    up = np.broadcast_to(clips.clip_array(clip, "R")[chosen][:, None, :, 2], (*joints.shape[:2], 3))
    chain = _chain_m(joints)
    known = np.isfinite(joints).all((-1, -2)) & (chain[1] > 1e-3)
    medians = [np.median(chain[0][known[:, i], i]) for i in range(clip.people) if known[:, i].any()]
    joints, pixels, seen, up, legs = joints[known], pixels[known], seen[known], up[known], chain[1][known]
    height, width = clip.size
    with np.errstate(invalid="ignore"):
        within = (pixels >= 0).all(-1) & (pixels[..., 0] <= width) & (pixels[..., 1] <= height)
    root = joint_set(POSE_SET).index("pelvis")
    poses, azimuth, elevation = _normalise(joints, up, legs)
    return {
        "azimuth_deg": azimuth,
        "elevation_deg": elevation,
        "poses": poses,
        "place": pixels[:, root] / (width, height),
        "distance_m": joints[:, root, 2],
        "outside": 1 - within.mean(1),
        "hidden": (within & ~seen).mean(1),
        "stature_m": np.array(medians),
    }


def _chain_m(joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(stature, leg) metres of joints (..., 16, 3): along the bones, so that no pose changes them (much).

    The stature is within 3 % of the mesh's height at rest.
    """
    at = joint_set(POSE_SET).index

    def bone(a: str, b: str) -> np.ndarray:
        return np.linalg.norm(joints[..., at(a), :] - joints[..., at(b), :], axis=-1)

    legs = [bone(f"{s}_hip", f"{s}_knee") + bone(f"{s}_knee", f"{s}_ankle") for s in ("left", "right")]
    leg = (legs[0] + legs[1]) / 2
    trunk = bone("head_top", "upper_neck") + bone("upper_neck", "thorax") + bone("thorax", "pelvis")
    return (leg + trunk) / (1 - ANKLE_HEIGHT), leg


def _normalise(joints: np.ndarray, up: np.ndarray, legs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(poses, azimuth, elevation) of joints (N, 16, 3) in camera axes; up: (N, 3) the world's z there.

    The heading is square to the line from right to left through shoulders and hips, and level. Who lies on the side has
    none: the azimuth is NaN and the pose is turned by the spine.
    """
    at = joint_set(POSE_SET).index
    across = sum(joints[:, at(f"left_{n}")] - joints[:, at(f"right_{n}")] for n in ("shoulder", "hip"))
    front = np.cross(across, up)
    level = np.linalg.norm(front, axis=1) > 0.3 * np.linalg.norm(across, axis=1)
    spine = joints[:, at("thorax")] - joints[:, at("pelvis")]
    front = np.where(level[:, None], front, spine - (spine * up).sum(1, keepdims=True) * up)
    front /= np.maximum(np.linalg.norm(front, axis=1, keepdims=True), 1e-9)
    left = np.cross(up, front)
    axes = np.stack([left, -front, up], 1)
    root = joints[:, at("pelvis")]
    poses = np.einsum("nij,nkj->nki", axes, joints - root[:, None]) * (LEG_M / legs)[:, None, None]
    eye = np.einsum("nij,nj->ni", axes, -root)
    azimuth = np.degrees(np.arctan2(eye[:, 0], -eye[:, 1]))
    elevation = np.degrees(np.arcsin(np.clip(eye[:, 2] / np.maximum(np.linalg.norm(eye, axis=1), 1e-9), -1, 1)))
    return poses, np.where(level, azimuth, np.nan), elevation


def pose_centres(poses: np.ndarray, limit: int = MAX_POSES) -> tuple[np.ndarray, np.ndarray]:
    """Farthest-first centres of poses (N, J, 3): (order, radius), both (K,), K at most `limit`.

    order: numbers of the poses, the mean's nearest first and each next the farthest from all before. radius: metres,
    how far a pose may then be from its nearest centre (root mean square over the joints). At most twice the best
    possible radius of so many centres (Gonzalez 1985).
    """
    if not len(poses):
        return np.zeros(0, int), np.zeros(0)
    flat = poses.reshape(len(poses), -1) / np.sqrt(poses.shape[1])
    order = [int(((flat - flat.mean(0)) ** 2).sum(1).argmin())]
    radius: list[float] = []
    gap = np.full(len(flat), np.inf)
    squares = (flat**2).sum(1)
    while True:
        centre = flat[order[-1]]
        gap = np.minimum(gap, np.maximum(squares - 2 * flat @ centre + centre @ centre, 0))
        farthest = int(gap.argmax())
        radius.append(float(np.sqrt(gap[farthest])))
        if len(order) == min(limit, len(flat)) or radius[-1] < 1e-6:
            return np.array(order), np.array(radius)
        order.append(farthest)


def thinned(values: np.ndarray, most: int) -> np.ndarray:
    """At most that many rows, evenly spread."""
    return values[np.unique(np.linspace(0, len(values) - 1, min(most, len(values))).round().astype(int))]


def measure(people: People) -> Variety:
    """The variety of a set's people."""
    known = people.azimuth_deg[np.isfinite(people.azimuth_deg)]
    counts = np.histogram(known, AZIMUTH_BINS, (-180, 180))[0]
    shares = counts[counts > 0] / max(1, counts.sum())
    compared = thinned(people.poses, MAX_POSES) if len(people.poses) else people.poses
    _, radius = pose_centres(compared)
    distinct = int((radius > POSE_STEP_M).sum()) + 1 if len(radius) else 0
    ages = {name: 0 for name, _ in AGES}
    for age in people.shapes[:, PHENOTYPES.index("age")]:
        ages[next(name for name, end in AGES if age < end)] += 1

    def share(values: np.ndarray) -> float:
        return round(float(values.mean()), 4) if len(values) else 0.0

    return Variety(
        views_covered=round(float((counts > 0).mean()), 4),
        views_effective=round(float(np.exp(-(shares * np.log(shares)).sum())), 2) if len(shares) else 0.0,
        elevation_deg=percentiles(people.elevation_deg),
        poses_compared=len(compared),
        poses_distinct=distinct,
        pose_dimensions=round(_dimensions(compared), 2),
        stature_m=percentiles(people.stature_m),
        truncated=share(people.outside > 0),
        joints_outside=share(people.outside),
        joints_hidden=share(people.hidden),
        phenotypes={name: percentiles(row) for name, row in zip(PHENOTYPES, people.shapes.T, strict=True) if len(row)},
        ages=ages,
    )


def _dimensions(poses: np.ndarray) -> float:
    if len(poses) < 2:
        return 0.0
    flat = poses.reshape(len(poses), -1)
    variances = np.linalg.svd(flat - flat.mean(0), compute_uv=False) ** 2
    return float(variances.sum() ** 2 / max((variances**2).sum(), 1e-30)) if variances.sum() > 1e-9 else 0.0


def percentiles(values: np.ndarray) -> tuple[float, ...]:
    """Percentiles 5, 50 and 95 of what is finite; empty for nothing."""
    known = values[np.isfinite(values)]
    return tuple(round(float(v), 4) for v in np.percentile(known, PERCENTILES)) if len(known) else ()
