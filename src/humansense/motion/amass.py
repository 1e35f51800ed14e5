"""Reader of AMASS `.npz` files (Mahmood 2019) and their kin: poses of SMPL, SMPL-H or SMPL-X as rotation vectors.

A file holds `poses` (T, 72), (T, 156) or (T, 165) radians, or the parts `root_orient`, `pose_body` and perhaps
`pose_hand`; `trans` (T, 3) metres; and `mocap_framerate` (or `mocap_frame_rate`, or `fps`). The world has z up. The
root's rotation takes the model's rest axes (y up, facing +z, the person's left at +x) there, so the world is left as
it is and only the rest axes are turned to the house's. The model's `trans` is that of its origin, which lies a fixed
vector beside the pelvis that only the licensed model knows; the whole path is therefore shifted by it, and
`retarget` stands the person on the floor anyway.

The files hold no skeleton, and no part of SMPL is used here: `SKELETON` is an adult's T-pose of our own.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from humansense.bodies.smpl import JOINT_NAMES
from humansense.core import HumansenseError
from humansense.geometry import axis_angle_to_matrix, matrix_to_axis_angle
from humansense.motion.sources import TURNS, check_rate
from humansense.motion.values import Motion

PARTS = ("root_orient", "pose_body", "pose_jaw", "pose_eye", "pose_hand")
_WIDTHS = {"root_orient": 3, "pose_body": 63, "pose_jaw": 3, "pose_eye": 6, "pose_hand": 90}
RATES = ("mocap_framerate", "mocap_frame_rate", "fps")
_ALIVE_RAD = 0.02  # fingers that turn by less than this in a whole file were not captured: they hold one pose

# Segments of an adult of 1.72 m as parts of the stature (Drillis and Contini 1966, in Winter 2009, fig. 4.1); spine,
# neck and fingers divided as the joints of a T-pose lie: legs and feet parallel, arms level, palms down, fingers flat.
# joint -> (parent, offset from it: to the left, back, up), in parts of the stature. "L" is mirrored for the right.
_STATURE_M = 1.72
_MIDDLE: dict[str, tuple[str, tuple[float, float, float]]] = {
    "spine1": ("pelvis", (0, 0.010, 0.062)), "spine2": ("spine1", (0, 0, 0.078)), "spine3": ("spine2", (0, 0, 0.040)),
    "neck": ("spine3", (0, 0.005, 0.120)), "head": ("neck", (0, -0.020, 0.052)),
    "jaw": ("head", (0, -0.010, -0.003)),
}  # fmt: skip
_LEFT: dict[str, tuple[str, tuple[float, float, float]]] = {
    "hip": ("pelvis", (0.050, 0, -0.030)), "knee": ("hip", (0, 0, -0.245)), "ankle": ("knee", (0, 0, -0.246)),
    "foot": ("ankle", (0, -0.080, -0.030)), "collar": ("spine3", (0.045, 0, 0.075)),
    "shoulder": ("collar", (0.060, 0, 0.010)), "elbow": ("shoulder", (0.150, 0, 0)), "wrist": ("elbow", (0.146, 0, 0)),
    "hand": ("wrist", (0.050, 0, 0)), "eye": ("head", (0.018, -0.045, 0.030)),
}  # fmt: skip
# Knuckles from the wrist, then the direction of the straight finger in the flat hand and its three bones.
_FINGERS: dict[str, tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]] = {
    "index": ((0.053, -0.014, 0), (0.99, -0.12, 0), (0.024, 0.015, 0.013)),
    "middle": ((0.052, -0.001, 0), (1.0, 0.0, 0), (0.026, 0.017, 0.014)),
    "ring": ((0.048, 0.010, 0), (0.99, 0.10, 0), (0.024, 0.016, 0.013)),
    "pinky": ((0.043, 0.020, 0), (0.97, 0.22, 0), (0.019, 0.012, 0.011)),
    "thumb": ((0.015, -0.015, -0.006), (0.75, -0.64, -0.15), (0.026, 0.020, 0.016)),
}


def skeleton(joints: int) -> tuple[tuple[str, ...], tuple[int, ...], Tensor]:
    """Names, parents and offsets (J, 3) in metres, house axes, of the T-pose for SMPL (24), SMPL-H (52) or SMPL-X (55).

    Tips that have no rotation are not in it. The names are those of `bodies.smpl`.
    """
    names = JOINT_NAMES[joints]
    place: dict[str, tuple[str, np.ndarray]] = {"pelvis": ("", np.zeros(3))}
    place |= {name: (parent, np.array(offset)) for name, (parent, offset) in _MIDDLE.items()}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        flip = np.array([sign, 1.0, 1.0])
        for name, (parent, offset) in _LEFT.items():
            above = parent if parent in place else f"{side}_{parent}"
            place[f"{side}_{name}"] = (above, np.array(offset) * flip)
        for finger, (knuckle, direction, bones) in _FINGERS.items():
            place[f"{side}_{finger}1"] = (f"{side}_wrist", np.array(knuckle) * flip)
            for k in (2, 3):
                step = np.array(direction) / np.linalg.norm(direction) * bones[k - 2]
                place[f"{side}_{finger}{k}"] = (f"{side}_{finger}{k - 1}", step * flip)
    parents = tuple(names.index(place[n][0]) if place[n][0] else -1 for n in names)
    offsets = np.stack([place[n][1] for n in names]) * _STATURE_M
    return names, parents, torch.from_numpy(offsets).float()


def read_arrays(path: Path, keys: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Those of `keys` that an `.npz` holds, and nothing else of it; no object in the file is ever made."""
    key = ""
    try:
        file = np.load(path, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise HumansenseError(f"{path} is a single array, not an .npz of motion: give an AMASS file")
        out = {}
        with file:
            for key in keys:
                if key in file.files:
                    out[key] = file[key]
        return out
    except OSError as error:
        raise HumansenseError(f"cannot read {path}: {error.strerror or error}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, KeyError) as error:
        if "allow_pickle" in str(error) and key:
            raise HumansenseError(
                f"{path}: {key!r} holds Python objects, which are not loaded; save it as plain numbers"
            ) from None
        raise HumansenseError(f"{path} is no whole .npz file ({error}); fetch the file again") from None


def npz_rate(path: Path, arrays: dict[str, np.ndarray]) -> float:
    """Frames a second of a file of which `RATES` have been read."""
    for key in RATES:
        if key in arrays:
            value = arrays[key]
            if value.size != 1 or value.dtype.kind not in "fiu":
                raise HumansenseError(f"{path}: {key} is {value.dtype} {value.shape}, expected one number")
            return check_rate(path, float(value.reshape(())), key)
    raise HumansenseError(f"{path} has no frame rate: expected {RATES[0]} or {RATES[1]}; add it to the file")


def read_amass(path: str | Path, limit: int | None = None) -> Motion:
    """Read an AMASS file; `limit`: only so many first frames. Raises `HumansenseError` naming file, frame and remedy.

    `Motion.fingers` is set where the fingers move; a hand that keeps one pose through the file was not captured.
    """
    path = Path(path)
    arrays = read_arrays(path, ("poses", "trans", *PARTS, *RATES))
    poses, trans = _numbers(path, arrays)
    fps = npz_rate(path, arrays)
    poses, trans = poses[:limit], trans[:limit]
    for name, values in (("poses", poses), ("trans", trans)):
        bad = np.flatnonzero(~np.isfinite(values).all(1))
        if len(bad):
            raise HumansenseError(f"{path}, frame {bad[0]}: {name} is not finite; cut the frame out")
    names, parents, offsets = skeleton(poses.shape[1] // 3)
    turn = torch.tensor(TURNS["y"], dtype=torch.float64)
    rotations = axis_angle_to_matrix(torch.from_numpy(poses.astype(np.float64)).unflatten(1, (-1, 3)))
    turned = turn @ rotations @ turn.T
    turned[:, 0] = rotations[:, 0] @ turn.T  # the root leads from the rest axes to the world, which has z up already
    root = torch.from_numpy(trans.astype(np.float64)).float()
    return Motion(
        names,
        parents,
        offsets,
        turned.float(),
        root,
        fps,
        "amass",
        subject=path.parent.name,
        action=path.stem.removesuffix("_poses").removesuffix("_stageii"),
        fingers=_fingers_move(names, rotations),
    )


def _numbers(path: Path, arrays: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """`poses` (T, 3 J) and `trans` (T, 3), checked for shape and kind."""
    if "poses" not in arrays:
        missing = [key for key in PARTS[:2] if key not in arrays]
        if missing:
            raise HumansenseError(
                f"{path} has no 'poses' (nor {', '.join(missing)}): it is no AMASS motion; give one with (T, 156) poses"
            )
        arrays["poses"] = _joined(path, arrays)
    if "trans" not in arrays:
        raise HumansenseError(f"{path} has no 'trans' (T, 3), the path of the root; fetch the whole file")
    poses, trans = arrays["poses"], arrays["trans"]
    for name, value in (("poses", poses), ("trans", trans)):
        if value.dtype.kind not in "fiu" or value.ndim != 2:
            raise HumansenseError(f"{path}: {name} is {value.dtype} {value.shape}, expected numbers (T, columns)")
    widths = [3 * joints for joints in JOINT_NAMES]
    if poses.shape[1] not in widths:
        raise HumansenseError(
            f"{path}: poses have {poses.shape[1]} columns, expected {', '.join(map(str, widths))} "
            "(SMPL, SMPL-H, SMPL-X): save all joints' rotation vectors"
        )
    if trans.shape != (len(poses), 3):
        raise HumansenseError(f"{path}: trans is {trans.shape}, expected ({len(poses)}, 3) as poses; fetch it again")
    if not len(poses):
        raise HumansenseError(f"{path} holds no frames: give a file with at least one")
    return poses, trans


def _joined(path: Path, arrays: dict[str, np.ndarray]) -> np.ndarray:
    """`poses` of a file that has the parts only: SMPL-X's columns where jaw and eyes are there, else SMPL-H's."""
    frames = len(arrays["root_orient"]) if arrays["root_orient"].ndim else 0
    face = all(key in arrays for key in ("pose_jaw", "pose_eye"))
    parts = []
    for key in PARTS:
        if key in ("pose_jaw", "pose_eye") and not face:
            continue
        value = arrays.get(key, np.zeros((frames, _WIDTHS[key])))
        if value.shape != (frames, _WIDTHS[key]):
            raise HumansenseError(f"{path}: {key} is {value.shape}, expected ({frames}, {_WIDTHS[key]})")
        parts.append(value)
    return np.concatenate(parts, 1)


def _fingers_move(names: tuple[str, ...], rotations: Tensor) -> bool:
    fingers = [j for j, name in enumerate(names) if name[:-1].endswith(tuple(_FINGERS))]
    if not fingers:
        return False
    mine = rotations[:, fingers]
    return bool(matrix_to_axis_angle(mine[:1].transpose(-1, -2) @ mine).norm(dim=-1).max() > _ALIVE_RAD)
