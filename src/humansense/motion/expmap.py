"""Reader of the exponential-map text files of the motion-prediction literature (CMU split of Li 2018).

One row a frame of 117 numbers with commas: three of the root's translation, then one exponential map for each of the
38 joints of CMU's BVH skeleton (Jain 2016's layout). The files hold no skeleton, no unit and no rate: the bone lengths
are those that the literature uses, in CMU's 1/0.45 inches, and rows are 120 a second. The literature's mathematics has
row vectors, so for column vectors the rotation is that of the negated map.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from humansense.core import HumansenseError
from humansense.geometry import axis_angle_to_matrix
from humansense.motion.sources import finish, read_text
from humansense.motion.values import Motion

CMU_UNIT_M = 0.0254 / 0.45
FPS = 120.0

# joint, parent, offset from the parent in CMU units (forward_kinematics_cmu of Li 2018's code, without its factor 70).
SKELETON: tuple[tuple[str, str | None, tuple[float, float, float]], ...] = (
    ("Hips", None, (0, 0, 0)),
    ("LHipJoint", "Hips", (0, 0, 0)),
    ("LeftUpLeg", "LHipJoint", (1.65674, -1.80282, 0.62477)),
    ("LeftLeg", "LeftUpLeg", (2.59720, -7.13576, 0)),
    ("LeftFoot", "LeftLeg", (2.49236, -6.84770, 0)),
    ("LeftToeBase", "LeftFoot", (0.19704, -0.54136, 2.14581)),
    ("LeftToeBase_end", "LeftToeBase", (0, 0, 1.11249)),
    ("RHipJoint", "Hips", (0, 0, 0)),
    ("RightUpLeg", "RHipJoint", (-1.61070, -1.80282, 0.62476)),
    ("RightLeg", "RightUpLeg", (-2.59502, -7.12977, 0)),
    ("RightFoot", "RightLeg", (-2.46780, -6.78024, 0)),
    ("RightToeBase", "RightFoot", (-0.23024, -0.63258, 2.13368)),
    ("RightToeBase_end", "RightToeBase", (0, 0, 1.11569)),
    ("LowerBack", "Hips", (0, 0, 0)),
    ("Spine", "LowerBack", (0.01961, 2.05450, -0.14112)),
    ("Spine1", "Spine", (0.01021, 2.06436, -0.05921)),
    ("Neck", "Spine1", (0, 0, 0)),
    ("Neck1", "Neck", (0.00713, 1.56711, 0.14968)),
    ("Head", "Neck1", (0.03429, 1.56041, -0.10006)),
    ("Head_end", "Head", (0.01305, 1.62560, -0.05265)),
    ("LeftShoulder", "Spine1", (0, 0, 0)),
    ("LeftArm", "LeftShoulder", (3.54205, 0.90436, -0.17364)),
    ("LeftForeArm", "LeftArm", (4.86513, 0, 0)),
    ("LeftHand", "LeftForeArm", (3.35554, 0, 0)),
    ("LeftFingerBase", "LeftHand", (0, 0, 0)),
    ("LeftHandIndex1", "LeftFingerBase", (0.66117, 0, 0)),
    ("LeftHandIndex1_end", "LeftHandIndex1", (0.53306, 0, 0)),
    ("LThumb", "LeftHand", (0, 0, 0)),
    ("LThumb_end", "LThumb", (0.54120, 0, 0.54120)),
    ("RightShoulder", "Spine1", (0, 0, 0)),
    ("RightArm", "RightShoulder", (-3.49802, 0.75994, -0.32616)),
    ("RightForeArm", "RightArm", (-5.02649, 0, 0)),
    ("RightHand", "RightForeArm", (-3.36431, 0, 0)),
    ("RightFingerBase", "RightHand", (0, 0, 0)),
    ("RightHandIndex1", "RightFingerBase", (-0.73041, 0, 0)),
    ("RightHandIndex1_end", "RightHandIndex1", (-0.58887, 0, 0)),
    ("RThumb", "RightHand", (0, 0, 0)),
    ("RThumb_end", "RThumb", (-0.59786, 0, 0.59786)),
)
COLUMNS = 3 + 3 * len(SKELETON)


def _rows(path: Path, text: str) -> np.ndarray:
    """(T, 117) float64."""
    lines = text.split("\n")
    tokens = text.replace(",", " ").split()
    try:
        values = np.array(tokens, dtype=np.float64)
        if len(values) and len(values) % COLUMNS == 0 and np.isfinite(values).all():
            rows = sum(1 for line in lines if line.strip())
            if rows == len(values) // COLUMNS:
                return values.reshape(-1, COLUMNS)
    except ValueError:
        pass
    for number, line in enumerate(lines, 1):
        words = line.replace(",", " ").split()
        if words and len(words) != COLUMNS:
            raise HumansenseError(
                f"{path}, line {number}: {len(words)} numbers, expected {COLUMNS}; cut the file there"
            )
        for word in words:
            try:
                finite = np.isfinite(float(word))
            except ValueError:
                finite = False
            if not finite:
                raise HumansenseError(f"{path}, line {number}: {word!r} is not a finite number; cut the frame out")
    raise HumansenseError(f"{path} holds no frames: give a file with a row of {COLUMNS} numbers a frame")


def read_expmap(path: str | Path) -> Motion:
    """Read an exponential-map text file. Raises `HumansenseError` that names file, line and remedy."""
    path = Path(path)
    return parse_expmap(path, read_text(path))


def parse_expmap(path: Path, text: str) -> Motion:
    """The motion in the text of the file `path`."""
    values = _rows(path, text)
    names = tuple(name for name, _, _ in SKELETON)
    parents = tuple(-1 if parent is None else names.index(parent) for _, parent, _ in SKELETON)
    maps = torch.from_numpy(values[:, 3:]).unflatten(1, (len(names), 3))
    motion = Motion(
        names,
        parents,
        torch.tensor([offset for _, _, offset in SKELETON], dtype=torch.float64) * CMU_UNIT_M,
        axis_angle_to_matrix(-maps),
        torch.from_numpy(values[:, :3]) * CMU_UNIT_M,
        FPS,
        "expmap",
        action=path.stem.rstrip("0123456789").rstrip("_") or path.parent.name,
    )
    return finish(motion, up="y")
