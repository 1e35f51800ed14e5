"""Reader of BVH files: any channel order, `End Site`s, position channels on joints that are not the root.

BVH states neither unit nor axes. Both are read off the zero pose: the up axis is the longer one of y and z, and the
unit is the one of metres, decimetres, centimetres, millimetres, inches and CMU's 1/0.45 inches that makes a person of
1.3 to 2.1 m; a skeleton that none fits is scaled to 1.7 m.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import torch

from humansense.core import HumansenseError
from humansense.geometry import euler_to_matrix
from humansense.motion.sources import check_rate, finish, read_text
from humansense.motion.values import Motion, tree_kinematics

log = logging.getLogger(__name__)

UNITS_M = {"m": 1.0, "dm": 0.1, "cm": 0.01, "mm": 0.001, "inch": 0.0254, "CMU unit": 0.0254 / 0.45}
PLAUSIBLE_M = (1.3, 2.1)
_CHANNELS = {f"{a}{k}" for a in "XYZ" for k in ("position", "rotation")}


class _Hierarchy:
    """Joints of the HIERARCHY part; every failure names the line."""

    def __init__(self, path: Path, lines: list[str]) -> None:
        self.path, self.names, self.parents = path, [], []  # type: Path, list[str], list[int]
        self.offsets: list[list[float]] = []
        self.channels: list[list[str]] = []
        stack: list[int] = []
        for number, line in enumerate(lines, 1):
            self.number = number
            words = line.split()
            if not words:
                continue
            key = words[0].upper()
            try:
                if key in ("ROOT", "JOINT", "END"):
                    name = f"{self.names[stack[-1]]}_end" if key == "END" else " ".join(words[1:])
                    if key == "ROOT" and self.names:
                        raise self.fail("a second ROOT: split the file, one person a file")
                    self.names.append(name)
                    self.parents.append(stack[-1] if stack else -1)
                    self.offsets.append([0.0, 0.0, 0.0])
                    self.channels.append([])
                elif key == "{":
                    stack.append(len(self.names) - 1)
                elif key == "}":
                    stack.pop()
                elif key == "OFFSET":
                    self.offsets[stack[-1]] = [float(w) for w in words[1:4]]
                elif key == "CHANNELS":
                    self.channels[stack[-1]] = self._channels(words)
                elif key == "MOTION":
                    break
                elif key != "HIERARCHY":
                    raise self.fail(f"unknown word {words[0]!r} in HIERARCHY")
            except (ValueError, IndexError):
                raise self.fail(f"cannot read {line.strip()!r}; repair or fetch the file again") from None
        else:
            raise HumansenseError(f"{path} has no MOTION part: it is cut short or no BVH file")
        if stack or not self.names:
            raise self.fail("HIERARCHY ends with open braces; fetch the file again")

    def fail(self, message: str) -> HumansenseError:
        return HumansenseError(f"{self.path}, line {self.number}: {message}")

    def _channels(self, words: list[str]) -> list[str]:
        names = words[2:]
        if int(words[1]) != len(names) or set(names) - _CHANNELS:
            raise self.fail(
                f"CHANNELS {' '.join(words[1:])} is not a count and as many of {', '.join(sorted(_CHANNELS))}"
            )
        return names


def _frames(path: Path, lines: list[str], start: int, width: int, limit: int | None) -> tuple[np.ndarray, float, int]:
    """(T, width) float64, frames a second, and the number of frames that the header states."""
    count, seconds, first = None, None, start
    for i in range(start, min(start + 4, len(lines))):
        key, _, value = lines[i].partition(":")
        try:
            if key.strip().lower() == "frames":
                count, first = int(value), i + 1
            elif key.strip().lower() == "frame time":
                seconds, first = float(value), i + 1
        except ValueError:
            raise HumansenseError(
                f"{path}, line {i + 1}: {value.strip()!r} is not a number; repair the header"
            ) from None
    if count is None or seconds is None or seconds <= 0:
        raise HumansenseError(f"{path}, line {start + 1}: MOTION needs 'Frames:' and a positive 'Frame Time:'")
    fps = check_rate(path, 1 / seconds, "Frame Time")
    stated = count
    if limit is not None and limit < count:
        count, lines = limit, [*lines[:first], *[line for line in lines[first:] if line.strip()][:limit]]
    tokens = " ".join(lines[first:]).split()
    if len(tokens) != count * width or not tokens:
        raise HumansenseError(_row_problem(path, lines, first, count, width))
    try:
        values = np.array(tokens, dtype=np.float64).reshape(count, width)
    except ValueError:
        raise HumansenseError(_row_problem(path, lines, first, count, width)) from None
    if not np.isfinite(values).all():
        raise HumansenseError(_row_problem(path, lines, first, count, width))
    return values, fps, stated


def _row_problem(path: Path, lines: list[str], first: int, count: int, width: int) -> str:
    """What is wrong with the first row that does not fit."""
    if count < 1:
        return f"{path} holds no frames: give a file with at least one"
    rows = 0
    for number, line in enumerate(lines[first:], first + 1):
        words = line.split()
        if not words:
            continue
        rows += 1
        if len(words) != width:
            return (
                f"{path}, line {number}: {len(words)} numbers, the hierarchy has {width} channels; cut the file there"
            )
        for word in words:
            try:
                if not np.isfinite(float(word)):
                    raise ValueError(word)
            except ValueError:
                return f"{path}, line {number}: {word!r} is not a finite number; cut the frame out"
    return f"{path}: 'Frames: {count}', but {rows} rows follow; correct the number or fetch the file again"


def unit_of(height: float, path: Path | str = "skeleton") -> float:
    """Metres a unit, for a skeleton that is `height` units high in its zero pose."""
    low, high = PLAUSIBLE_M
    for name, unit in UNITS_M.items():
        if low <= height * unit <= high:
            log.debug("%s: %.3g units high, read as %s", path, height, name)
            return unit
    if height <= 0:
        raise HumansenseError(f"{path}: the skeleton has no height, all OFFSETs are zero: it cannot be posed")
    log.warning("%s: no known unit makes a person of %.3g units: scaled to 1.7 m", path, height)
    return 1.7 / height


def read_bvh(path: str | Path) -> Motion:
    """Read a BVH file. Raises `HumansenseError` that names file, line and remedy.

    Position channels of joints other than the root are read and left out: bones keep their length.
    """
    path = Path(path)
    return parse_bvh(path, read_text(path))[0]


def parse_bvh(path: Path, text: str, limit: int | None = None) -> tuple[Motion, int]:
    """The motion in the text of the file `path`, or its first `limit` frames, and how many frames the file states."""
    lines = text.splitlines()
    tree = _Hierarchy(path, lines)
    width = sum(len(c) for c in tree.channels)
    values, fps, count = _frames(path, lines, tree.number, width, limit)
    rotations = torch.eye(3, dtype=torch.float64).repeat(len(values), len(tree.names), 1, 1)
    place = np.zeros((len(values), 3)) + np.array(tree.offsets[0])
    column = 0
    for j, channels in enumerate(tree.channels):
        turning = [k for k, channel in enumerate(channels) if channel.endswith("rotation")]
        if turning:
            angles = torch.from_numpy(np.deg2rad(values[:, [column + k for k in turning]]))
            rotations[:, j] = euler_to_matrix(angles, "".join(channels[k][0] for k in turning))
        if j == 0:
            for k, channel in enumerate(channels):
                if channel.endswith("position"):
                    place[:, "XYZ".index(channel[0])] = values[:, column + k]
        column += len(channels)
    offsets = torch.tensor(tree.offsets, dtype=torch.float64)
    offsets[0] = 0
    up, height = _up_axis(tree, offsets)
    unit = unit_of(height, path)
    motion = Motion(
        tuple(tree.names),
        tuple(tree.parents),
        offsets * unit,
        rotations,
        torch.from_numpy(place) * unit,
        fps,
        "bvh",
        subject=path.stem.split("_")[0],
        action=path.parent.name,
    )
    return finish(motion, up=up), count


def _up_axis(tree: _Hierarchy, offsets: torch.Tensor) -> tuple[str, float]:
    """The axis along which the zero pose is longer of y and z, and its length there in file units."""
    eye = torch.eye(3, dtype=torch.float64).repeat(1, len(offsets), 1, 1)
    _, zero = tree_kinematics(eye, offsets, torch.zeros(1, 3, dtype=torch.float64), tuple(tree.parents))
    extent = (zero[0].max(0).values - zero[0].min(0).values).tolist()
    return ("z", extent[2]) if extent[2] > extent[1] else ("y", extent[1])
