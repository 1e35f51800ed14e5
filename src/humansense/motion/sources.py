"""What all readers share: reading text, turning a format's axes to the house's, and `read_motion`."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import torch

from humansense.core import HumansenseError
from humansense.geometry import matrix_to_axis_angle
from humansense.motion.values import Motion

log = logging.getLogger(__name__)

# Columns: the format's x, y, z in the house's axes (x left, y back, z up). y-up files face +z, z-up files face -y.
TURNS = {
    "y": ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, 1.0, 0.0)),
    "z": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
}


RATES_HZ = (1.0, 1000.0)


def check_rate(path: Path, fps: float, name: str = "the frame rate") -> float:
    """`fps`, if a camera or a motion capture system can have it; else a `HumansenseError`."""
    low, high = RATES_HZ
    if not low <= fps <= high:
        raise HumansenseError(
            f"{path}: {name} says {fps:g} frames a second, expected {low:g} to {high:g}; correct it in the file"
        )
    return fps


def read_text(path: Path, limit: int | None = None) -> str:
    """The text of a file, or its first `limit` bytes without the last, cut line; errors become `HumansenseError`s."""
    try:
        if limit is not None and path.stat().st_size > limit:
            with path.open("rb") as file:
                head = file.read(limit)
            return head[: head.rfind(b"\n") + 1].decode("utf-8").replace("\r\n", "\n")
        return path.read_text(encoding="utf-8", errors="strict")
    except UnicodeDecodeError:
        raise HumansenseError(f"{path} is not a text file: give a .amc, .bvh or exponential-map .txt file") from None
    except OSError as error:
        raise HumansenseError(f"cannot read {path}: {error.strerror or error}") from error


def finish(motion: Motion, up: str) -> Motion:
    """Turn a motion to the house's axes (z up, zero pose facing -y), as float32.

    A first frame that is a calibration pose (all joints jump from it to the second one) is left out.
    """
    turn = torch.tensor(TURNS[up], dtype=motion.rotations.dtype)
    motion = replace(
        motion,
        offsets=(motion.offsets @ turn.T).float(),
        rotations=(turn @ motion.rotations @ turn.T).float(),
        root=(motion.root @ turn.T).float(),
    )
    if len(motion) > 3 and _starts_with_calibration(motion):
        log.debug("the first frame is a calibration pose: left out")
        motion = replace(motion, rotations=motion.rotations[1:], root=motion.root[1:])
    return motion


def _starts_with_calibration(motion: Motion) -> bool:
    """Whether the first frame is a T-pose: its root is not turned, or the next steps are far smaller than the first.

    The first step must turn some joint by more than 20 degrees, and by about as much as the next steps or more (CMU's
    BVH conversion was filtered afterwards, so that the jump rings on for some frames).
    """
    few = motion.rotations[:4]
    steps = matrix_to_axis_angle(few[:-1].transpose(-1, -2) @ few[1:]).norm(dim=-1).amax(1)
    unturned = bool((few[0, 0] - torch.eye(3)).abs().max() < 1e-4)
    return bool(steps[0] > 0.35 and steps[0] > (0.8 if unturned else 5.0) * steps[1:].max())


def read_motion(path: str | Path) -> Motion:
    """Read a motion by its suffix: `.amc` (with the `.asf` beside it), `.bvh`, an exponential-map `.txt`/`.csv`, or
    `.npz` of AMASS.

    A single frame is a motion that stands still. Nothing is cached. Raises `HumansenseError` that names file, line or
    frame, and remedy.
    """
    from humansense.motion.acclaim import read_amc
    from humansense.motion.amass import read_amass
    from humansense.motion.bvh import read_bvh
    from humansense.motion.expmap import read_expmap

    path = Path(path)
    readers = {".amc": read_amc, ".bvh": read_bvh, ".txt": read_expmap, ".csv": read_expmap, ".npz": read_amass}
    if path.suffix.lower() == ".c3d":
        raise HumansenseError(
            f"{path} holds C3D markers, and bodies are not yet fitted to markers: give the capture's skeleton as .bvh "
            "or .asf/.amc, or its SMPL-H poses as an AMASS .npz (MoSh++ makes them)"
        )
    if path.suffix.lower() not in readers:
        raise HumansenseError(f"{path} is no motion file that is known: expected one of {', '.join(readers)}")
    return readers[path.suffix.lower()](path)
