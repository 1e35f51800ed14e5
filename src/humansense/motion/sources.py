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
_TURNS = {
    "y": ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, 1.0, 0.0)),
    "z": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
}


def read_text(path: Path) -> str:
    """The text of a file; a missing or binary one becomes a `HumansenseError`."""
    try:
        return path.read_text(encoding="utf-8", errors="strict")
    except UnicodeDecodeError:
        raise HumansenseError(f"{path} is not a text file: give a .amc, .bvh or exponential-map .txt file") from None
    except OSError as error:
        raise HumansenseError(f"cannot read {path}: {error.strerror or error}") from error


def finish(motion: Motion, up: str) -> Motion:
    """Turn a motion to the house's axes (z up, zero pose facing -y), as float32.

    A first frame that is a calibration pose (all joints jump from it to the second one) is left out.
    """
    turn = torch.tensor(_TURNS[up], dtype=motion.rotations.dtype)
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
    """Read a motion by its suffix: `.amc` (with the `.asf` beside it), `.bvh`, or an exponential-map `.txt`/`.csv`.

    Nothing is cached. Raises `HumansenseError` that names file, line and remedy.
    """
    from humansense.motion.acclaim import read_amc
    from humansense.motion.bvh import read_bvh
    from humansense.motion.expmap import read_expmap

    path = Path(path)
    readers = {".amc": read_amc, ".bvh": read_bvh, ".txt": read_expmap, ".csv": read_expmap}
    if path.suffix.lower() not in readers:
        raise HumansenseError(f"{path} is no motion file that is known: expected one of {', '.join(readers)}")
    return readers[path.suffix.lower()](path)
