"""Proving that a set is what it says: every map, joint and file against every other."""

from __future__ import annotations

import hashlib
import multiprocessing
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from humansense.core import Camera, HumansenseError, Sample, part_set
from humansense.data.check_maps import check_optional_maps
from humansense.data.check_motion import check_ends, check_motion
from humansense.data.check_report import CheckReport
from humansense.data.store_read import ALL_MAPS, ClipEntry, ClipSet
from humansense.data.store_write import instance_box
from humansense.data.visibility import BEFORE_M

REPROJECTION_PX = 0.5
BEHIND_M = 0.3
"""A visible joint lies at most this far behind the surface that is seen at its place."""
TURNED_AWAY = 0.1
"""A smooth normal may be turned away by this much (cosine) at the border, where the triangle still faces the camera."""
NORMALS_DEG = 15.0
"""The greatest median angle between the normals and the slope of the depth map."""
SAME_SIDE = 0.95
"""Of the visible limb joints at least this share must lie on pixels of their own side."""
GROUP_M = 1e-4
"""The joints of clips that show one performance agree in the world within this; stored in float32, they do by far."""

# Limb joints and the limb segments of smpl24 whose side must be theirs.
_SIDED = ("wrist", "elbow", "knee", "ankle")
_LIMBS = ("UpLeg", "Leg", "Foot", "ToeBase", "Arm", "ForeArm", "Hand", "HandIndex1")


def check_set(
    root: str | Path,
    every: int = 1,
    progress: Callable[[int, int], None] | None = None,
    workers: int = 1,
) -> CheckReport:
    """Check a set, or every `every`-th frame of it; files and clips are always checked in full.

    progress is called with (frames done, frames in all). workers: processes; the report does not depend on them. Raises
    `HumansenseError` only where there is nothing to check (no set, a newer format, a shard cut short); whatever else is
    wrong is in the report.
    """
    clips = ClipSet(root, joint_set="anny")
    report = CheckReport(str(root), clips=len(clips.clips), frames=len(clips))
    report.digest = set_digest(clips)
    for number, path in enumerate(clips.shards):
        _check_shard(report, path.with_suffix(".tar"), [c for c in clips.clips if c.shard == number])
    _check_groups(report, clips)
    sides, done = np.zeros(2, np.int64), 0
    jobs = [(str(root), number, every) for number in range(len(clips.clips))]
    for (part, of_clip), clip in zip(_run(jobs, workers), clips.clips, strict=True):
        report.add(part)
        sides += of_clip
        done += clip.frames
        if progress:
            progress(done, len(clips))
    if sides.sum() >= 20:
        share = sides[0] / sides.sum()
        report.note("limb joints on the other side, share", 1 - share)
        report.expect(share >= SAME_SIDE, str(root), "sides", f"{share:.3f} of the limb joints lie on their own side")
    return report


_Job = tuple[str, int, int]


def _run(jobs: list[_Job], workers: int) -> Iterator[tuple[CheckReport, np.ndarray]]:
    """The clips' reports, in order."""
    if min(workers, len(jobs)) <= 1:
        yield from map(_check_clip, jobs)
        return
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(
            min(workers, len(jobs)), context, initializer=cv2.setNumThreads, initargs=(1,)
        ) as pool:
            yield from pool.map(_check_clip, jobs)
    except BrokenProcessPool as error:
        raise HumansenseError(
            "a process of the check was killed, perhaps for want of memory: use fewer --workers"
        ) from error


@lru_cache(maxsize=1)
def _open(root: str) -> ClipSet:
    return ClipSet(root, joint_set="anny")


def _check_clip(job: _Job) -> tuple[CheckReport, np.ndarray]:
    """All of one clip; and how many limb joints lie on (their own, the other) side."""
    root, number, every = job
    clips = _open(root)
    clip = clips.clips[number]
    report, sides = CheckReport(root), np.zeros(2, np.int64)
    _check_joints(report, clips, clip)
    garments = _info(clips, clip).get("garments")
    kept: dict[int, Sample] = {}
    for t in range(clip.frames):
        if (clip.start + t) % every:
            continue
        file = f"{clips.shards[clip.shard].stem}.tar {clip.key}_f{t:04d}"
        try:
            sample = kept.pop(t, None) or clips.read(clip.start + t, ALL_MAPS)
        except HumansenseError as error:
            report.expect(False, file, "pictures", str(error))
            continue
        _check_frame(report, clips, clip, (t, sample, file), sides)
        if sample.instance is None:
            continue
        check_optional_maps(report, file, sample, garments)
        check_ends(report, file, sample, first=t == 0, last=t == clip.frames - 1)
        if sample.flow is not None and t + 1 < clip.frames:
            with suppress(HumansenseError):  # a frame that cannot be read is reported in its turn
                kept = {t + 1: clips.read(clip.start + t + 1, ALL_MAPS)}
                check_motion(report, file, sample, kept[t + 1])
    return report, sides


def _info(clips: ClipSet, clip: ClipEntry) -> dict[str, Any]:
    info = clips.clip_info(clip).get("info")
    return info if isinstance(info, dict) else {}


def _check_groups(report: CheckReport, clips: ClipSet) -> None:
    """Clips of one performance have the same joints in the world, and other numbers of their cameras."""
    groups: dict[str, list[ClipEntry]] = {}
    views: dict[str, list[Any]] = {}
    for clip in clips.clips:
        info = _info(clips, clip)
        if info.get("group") not in (None, ""):
            groups.setdefault(str(info["group"]), []).append(clip)
            views.setdefault(str(info["group"]), []).append(info.get("view"))
    for name, members in groups.items():
        numbers = Counter(map(str, views[name]))
        report.expect(
            len(numbers) == len(members), name, "views of a group", f"{numbers.most_common(1)[0][0]} is there twice"
        )
        first = _world_joints(clips, members[0])
        for clip in members[1:]:
            joints = _world_joints(clips, clip)
            same = clip.joints == members[0].joints and joints.shape == first.shape
            same = same and np.array_equal(np.isfinite(joints), np.isfinite(first))
            off = float(np.nanmax(np.abs(joints - first), initial=0.0)) if same and joints.size else 0.0
            report.note("joints of a group apart, m", off)
            detail = f"off those of {members[0].key} by {off:.6f} m" if same else f"other joints than {members[0].key}"
            report.expect(same and off <= GROUP_M, clip.key, "joints of a group", detail)


def _world_joints(clips: ClipSet, clip: ClipEntry) -> np.ndarray:
    """(T, P, N, 3) metres: R^T (x - t)."""
    joints = clips.clip_array(clip, "joints3d").astype(np.float64)
    return np.einsum("tji,tpnj->tpni", clips.clip_array(clip, "R"), joints - clips.clip_array(clip, "t")[:, None, None])


def set_digest(clips: ClipSet) -> str:
    """SHA-256 over the shards in order: the same for two sets of the same bytes."""
    digest = hashlib.sha256()
    for path in clips.shards:
        with path.with_suffix(".tar").open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _check_shard(report: CheckReport, path: Path, clips: list[ClipEntry]) -> None:
    """The index names exactly the members that a scan of the tar finds, and where they are."""
    try:
        with tarfile.open(path, "r:") as tar:
            found = {member.name: (member.offset_data, member.size) for member in tar}
    except tarfile.TarError as error:
        report.expect(False, path.name, "index", f"the tar cannot be read: {error}")
        return
    stated = {}
    for clip in clips:
        for suffix, spans in clip.maps.items():
            stated.update({f"{clip.key}_f{t:04d}.{suffix}": tuple(span) for t, span in enumerate(spans.tolist())})
        stated[f"{clip.key}.clip.json"] = clip.about
        for name, (offset, dtype, shape) in clip.arrays.items():
            member = f"{clip.key}.{name}.npy"
            start, size = found.get(member, (-1, -1))
            # The index points behind the .npy header, at the numbers.
            numbers = np.dtype(dtype).itemsize * int(np.prod(shape, dtype=np.int64))
            stated[member] = (start, size) if offset + numbers == start + size and offset > start else (offset, numbers)
    differs = sorted(name for name in {*found, *stated} if found.get(name) != stated.get(name))
    report.expect(not differs, path.name, "index", f"{len(differs)} members differ, first {differs[:1]}")


def _check_joints(report: CheckReport, clips: ClipSet, clip: ClipEntry) -> None:
    """Stored 3D joints through the stored cameras land on the stored 2D joints."""
    joints3d, joints2d = (clips.clip_array(clip, name).astype(np.float64) for name in ("joints3d", "joints2d"))
    if not joints3d.size:
        return
    uvw = np.einsum("tij,tpnj->tpni", clips.clip_array(clip, "K"), joints3d)
    with np.errstate(divide="ignore", invalid="ignore"):
        pixels = np.where(uvw[..., 2:] > 0, uvw[..., :2] / uvw[..., 2:], np.nan)
    known = np.isfinite(joints2d).all(-1)
    same = np.array_equal(known, np.isfinite(pixels).all(-1))
    error = np.linalg.norm(pixels - joints2d, axis=-1)[known]
    worst = float(error.max()) if len(error) else 0.0
    report.note("reprojection, px", worst)
    report.expect(same and worst < REPROJECTION_PX, clip.key, "reprojection", f"a joint is off by {worst:.3f} px")
    turn = clips.clip_array(clip, "R")
    off = float(np.abs(turn @ turn.transpose(0, 2, 1) - np.eye(3)).max())
    report.expect(
        off < 1e-6 and (np.linalg.det(turn) > 0).all(), clip.key, "camera", f"R is no rotation, off by {off:.1e}"
    )


@dataclass(frozen=True)
class _Frame:
    """A frame whose maps are all there."""

    file: str
    clip: ClipEntry
    t: int
    camera: Camera
    instance: np.ndarray
    parts: np.ndarray
    depth: np.ndarray
    normals: np.ndarray


def _check_frame(
    report: CheckReport, clips: ClipSet, clip: ClipEntry, seen: tuple[int, Sample, str], sides: np.ndarray
) -> None:
    """seen: number of the frame, its maps, and how to name it."""
    t, sample, file = seen
    report.expect(sample.size == clip.size, file, "pictures", f"{sample.size} pixels, the index states {clip.size}")
    maps = (sample.instance, sample.parts, sample.depth, sample.normals)
    report.expect(all(m is not None for m in maps), file, "maps", "a map is missing")
    if sample.instance is None or sample.parts is None or sample.depth is None or sample.normals is None:
        return
    assert sample.camera is not None
    frame = _Frame(file, clip, t, sample.camera, sample.instance, sample.parts, sample.depth, sample.normals)
    _check_support(report, frame)
    for number, person in enumerate(sample.people):
        box = instance_box(frame.instance, number + 1)
        stored = np.full(4, np.nan, np.float32) if person.box is None else person.box
        report.expect(
            np.array_equal(box, stored, equal_nan=True), file, "boxes", f"stored {stored}, the mask has {box}"
        )
    if (frame.instance > 0).any():
        _check_normals(report, frame, clips.member(clip, t, "normals"))
        _check_visible(report, clips, frame, sides)


def _check_support(report: CheckReport, frame: _Frame) -> None:
    """Parts, depth and normals are there where the instance map is, and their values are possible."""
    person = frame.instance > 0
    for name, support in (
        ("parts", frame.parts > 0),
        ("depth", np.isfinite(frame.depth)),
        ("normals", (frame.normals[..., 0] != 0) | (frame.normals[..., 1] != 0) | (frame.normals[..., 2] != 0)),
    ):
        differs = int((support != person).sum())
        report.expect(differs == 0, frame.file, f"{name} where instance is", f"{differs} pixels differ")
    top = int(frame.parts.max()), int(frame.instance.max())
    possible = top[0] < len(part_set("smpl24")) and top[1] <= frame.clip.people
    report.expect(possible, frame.file, "labels", f"the greatest are {top}")


def _check_normals(report: CheckReport, frame: _Frame, png: bytes) -> None:
    """Normals have length 1 as they are stored, face the camera, and fit the slope of the depth."""
    person = frame.instance > 0
    codes = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert codes is not None
    error = np.abs(np.linalg.norm((codes[person].astype(np.float64) - 128) / 127, axis=-1) - 1).max()
    report.note("length of a normal, off 1 by", error)
    report.expect(bool(error < 0.02), frame.file, "unit normals", f"a length is off by {error:.3f}")
    ys, xs = np.nonzero(person)
    rays = np.stack([xs + 0.5, ys + 0.5, np.ones(len(xs))], -1) @ np.linalg.inv(frame.camera.K).T
    away = float(((frame.normals[ys, xs] * rays).sum(-1) / np.linalg.norm(rays, axis=-1)).max())
    report.note("normal turned away, cosine", away)
    report.expect(away <= TURNED_AWAY, frame.file, "normals face the camera", f"cosine {away:.3f} away from it")
    angle = slope_angle_deg(frame.depth, frame.normals, frame.camera)
    if angle is not None:
        report.note("normals against the slope of the depth, median degrees", angle)
        report.expect(angle <= NORMALS_DEG, frame.file, "normals fit depth", f"median angle {angle:.1f} degrees")


def slope_angle_deg(depth: np.ndarray, normals: np.ndarray, camera: Camera) -> float | None:
    """Median angle between the normal map and the normals that the depth map itself has; None for too few pixels.

    Neighbours that jump by more than 3 cm are not one surface and are left out.
    """
    ys, xs = np.nonzero(np.isfinite(depth))
    if len(ys) < 100 or min(np.ptp(ys), np.ptp(xs)) < 3:
        return None
    y0, y1, x0, x1 = ys.min(), ys.max() + 1, xs.min(), xs.max() + 1
    depth, normals = depth[y0:y1, x0:x1].astype(np.float64), normals[y0:y1, x0:x1]
    columns, rows = np.meshgrid(np.arange(x0, x1) + 0.5, np.arange(y0, y1) + 0.5)
    points = np.stack([columns, rows, np.ones_like(rows)], -1) @ np.linalg.inv(camera.K).T * depth[..., None]
    right, down = points[1:-1, 2:] - points[1:-1, :-2], points[2:, 1:-1] - points[:-2, 1:-1]
    smooth = (np.abs(right[..., 2]) < 0.03) & (np.abs(down[..., 2]) < 0.03)
    slope = np.cross(down, right)[smooth]
    if len(slope) < 50:
        return None
    slope /= np.linalg.norm(slope, axis=-1, keepdims=True)
    cosine = (slope * normals[1:-1, 1:-1][smooth]).sum(-1)
    return float(np.degrees(np.arccos(np.clip(np.median(cosine), -1, 1))))


def _check_visible(report: CheckReport, clips: ClipSet, frame: _Frame, sides: np.ndarray) -> None:
    """Where a joint is said to be seen, its person's surface is there, a little in front of it, and of its side."""
    parts = part_set("smpl24").names
    joints2d = clips.clip_array(frame.clip, "joints2d")[frame.t]
    joints3d = clips.clip_array(frame.clip, "joints3d")[frame.t]
    for who, shown in enumerate(clips.clip_array(frame.clip, "visible")[frame.t]):
        for j in np.flatnonzero(shown):
            name = frame.clip.joints[j]
            column, row = np.floor(joints2d[who, j]).astype(int)
            window = (slice(max(0, row - 1), max(0, row + 2)), slice(max(0, column - 1), max(0, column + 2)))
            own = frame.instance[window] == who + 1
            behind = joints3d[who, j, 2] - frame.depth[window][own]
            fits = (behind <= BEHIND_M) & (behind >= -BEFORE_M)
            found = f"surface {behind[np.abs(behind).argmin()]:.3f} m in front" if len(behind) else "no pixel of theirs"
            report.expect(bool(fits.any()), frame.file, "visible joints", f"{name} of person {who}: {found}")
            if len(behind) and name.startswith(("left_", "right_")) and name.endswith(_SIDED):
                label = int(frame.parts[window][own][np.abs(behind).argmin()])
                part = parts[label] if label < len(parts) else ""
                if part.removeprefix("left").removeprefix("right") in _LIMBS:
                    sides[0 if part.startswith(name.partition("_")[0]) else 1] += 1
