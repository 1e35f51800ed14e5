"""Reader of Acclaim motion capture: a skeleton (.asf) and the motions (.amc) that lie beside it.

A bone of an ASF file starts at the end of its parent; its `direction` and `length` are given in the axes of the
world at zero pose, its angles in a local frame `C` given by `axis`. The rotation relative to the zero pose in world
axes is `C M C^-1`, with `M` the product of the rotations of its `dof`. Angle orders are written as they are applied:
for "XYZ" the matrix is `Rz Ry Rx`. CMU's files (mocap.cs.cmu.edu) have y up, lengths of 1/0.45 inches, and 120 frames a
second.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from humansense.core import HumansenseError
from humansense.geometry import euler_to_matrix
from humansense.motion.sources import check_rate, finish, read_text
from humansense.motion.values import Motion

INCH_M = 0.0254
CMU_FPS = 120.0
_CHANNELS = ("TX", "TY", "TZ", "RX", "RY", "RZ")


@dataclass
class Bone:
    """One bone as the file has it. direction: unit vector; length: file units; axis: matrix C; dof: e.g. ("rx",)."""

    name: str
    direction: np.ndarray
    length: float
    axis: np.ndarray
    dof: tuple[str, ...] = ()
    limits: tuple[tuple[float, float], ...] = ()


@dataclass
class Skeleton:
    """A parsed .asf file. bones[0] is the root; parents index bones; unit_m, angle_rad: metres and radians a unit."""

    bones: list[Bone]
    parents: list[int]
    root_order: tuple[str, ...]
    root_position: np.ndarray
    unit_m: float
    angle_rad: float


def _euler(angles: Tensor, order: str) -> Tensor:
    """Angles (..., N) in radians, applied in the written order (the first letter turns first)."""
    if not order:
        return torch.eye(3, dtype=angles.dtype).expand(*angles.shape[:-1], 3, 3)
    return euler_to_matrix(angles.flip(-1), order[::-1])


def _axis(words: list[str], angle_rad: float) -> np.ndarray:
    angles = torch.tensor([float(w) for w in words[:3]], dtype=torch.float64) * angle_rad
    return _euler(angles, words[3] if len(words) > 3 else "XYZ").numpy()


class _AsfParser:
    """Walks the file once; every failure names the line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.number = 0
        self.units = {"length": 1.0, "angle": np.pi / 180}
        self.root: dict[str, list[str]] = {}
        self.bones: dict[str, Bone] = {}
        self.children: list[tuple[str, list[str]]] = []

    def fail(self, message: str) -> HumansenseError:
        return HumansenseError(f"{self.path}, line {self.number}: {message}")

    def parse(self) -> Skeleton:
        block: dict[str, list[str]] = {}
        section, last = "", ""
        for number, line in enumerate(read_text(self.path).splitlines(), 1):
            self.number = number
            words = line.split("#", 1)[0].replace("(", " ").replace(")", " ").split()
            if not words:
                continue
            if words[0].startswith(":"):
                section = words[0][1:].lower()
                continue
            try:
                if section == "bonedata":
                    if words[0] == "begin":
                        block = {}
                    elif words[0] == "end":
                        self._bone(block)
                    else:
                        last = words[0] if words[0].isalpha() else last
                        block.setdefault(last, []).extend(words[1:] if words[0].isalpha() else words)
                else:
                    self._row(section, words)
            except (ValueError, KeyError, IndexError) as error:
                raise self.fail(
                    f"cannot be read as part of :{section} ({error}); repair or fetch the file again"
                ) from None
        return self._skeleton()

    def _row(self, section: str, words: list[str]) -> None:
        if section == "units" and words[0] in ("length", "angle"):
            angle = np.pi / 180 if words[1].lower().startswith("deg") else 1.0
            self.units[words[0]] = float(words[1]) if words[0] == "length" else angle
        elif section == "root":
            self.root[words[0].lower()] = words[1:]
        elif section == "hierarchy" and words[0] not in ("begin", "end"):
            self.children.append((words[0], words[1:]))

    def _bone(self, block: dict[str, list[str]]) -> None:
        name = block["name"][0]
        direction = np.array([float(w) for w in block["direction"][:3]])
        numbers = [float(w) for w in block.get("limits", []) if w.lower() not in ("inf", "-inf")]
        self.bones[name] = Bone(
            name,
            direction / max(float(np.linalg.norm(direction)), 1e-12),
            float(block["length"][0]),
            _axis(block["axis"], self.units["angle"]),
            tuple(w.lower() for w in block.get("dof", [])),
            tuple(zip(numbers[::2], numbers[1::2], strict=False)),
        )

    def _skeleton(self) -> Skeleton:
        if not self.bones or not self.children:
            raise HumansenseError(f"{self.path} has no :bonedata or no :hierarchy: it is no whole Acclaim skeleton")
        angle = self.units["angle"]
        orientation = _axis([*self.root.get("orientation", ["0"] * 3), *self.root.get("axis", ["XYZ"])], angle)
        bones, parents = [Bone("root", np.zeros(3), 0.0, orientation)], [-1]
        index = {"root": 0}
        for parent, children in self.children:
            for child in children:
                if parent not in index or child not in self.bones:
                    unknown = child if parent in index else parent
                    raise HumansenseError(f"{self.path}: :hierarchy names the bone {unknown!r}, which :bonedata lacks")
                index[child] = len(bones)
                bones.append(self.bones[child])
                parents.append(index[parent])
        order = tuple(w.upper() for w in self.root.get("order", list(_CHANNELS)))
        if set(order) - set(_CHANNELS):
            raise HumansenseError(
                f"{self.path}: the root's order {' '.join(order)} has other channels than {_CHANNELS}"
            )
        position = np.array([float(w) for w in self.root.get("position", ["0"] * 3)])
        return Skeleton(bones, parents, order, position, INCH_M / self.units["length"], angle)


def read_asf(path: str | Path) -> Skeleton:
    """Parse an Acclaim skeleton. Raises `HumansenseError` that names the file and line."""
    return _AsfParser(Path(path)).parse()


def _layout(skeleton: Skeleton) -> dict[str, int]:
    """How many numbers a line of each bone holds."""
    counts = {bone.name: len(bone.dof) for bone in skeleton.bones if bone.dof}
    counts["root"] = len(skeleton.root_order)
    return counts


def _diagnose(path: Path, lines: list[str], first: int, counts: dict[str, int]) -> HumansenseError:
    """Walk the lines of a file that does not fit its skeleton, to the first that is wrong."""
    seen: set[str] | None = None
    for number, line in enumerate(lines[first:], first + 1):
        words = line.split()
        if not words:
            continue
        where = f"{path}, line {number}"
        if words[0].isdigit() and len(words) == 1:
            if seen is not None and seen != set(counts):
                missing = ", ".join(sorted(set(counts) - seen))
                return HumansenseError(
                    f"{where}: the frame before it lacks {missing}; cut the file there or fetch it again"
                )
            seen = set()
            continue
        if words[0] not in counts:
            return HumansenseError(f"{where}: unknown joint {words[0]!r}; use the .asf skeleton this motion belongs to")
        if len(words) - 1 != counts[words[0]]:
            return HumansenseError(
                f"{where}: {words[0]} has {len(words) - 1} numbers, its skeleton says {counts[words[0]]}; cut there"
            )
        for word in words[1:]:
            try:
                finite = np.isfinite(float(word))
            except ValueError:
                finite = False
            if not finite:
                return HumansenseError(f"{where}: {word!r} is not a finite number; cut the frame out")
        if seen is not None:
            seen.add(words[0])
    return HumansenseError(f"{path}: the last frame is cut short, or bones come in another order from frame to frame")


def _values(path: Path, text: str, counts: dict[str, int]) -> dict[str, np.ndarray]:
    """(T, n) float64 for every bone that moves; all frames have the layout of the first one."""
    lines = text.splitlines()
    first = next((i for i, line in enumerate(lines) if line.strip().isdigit()), len(lines))
    tokens = " ".join(lines[first:]).split()
    starts = np.cumsum([1] + [1 + counts.get(name, 0) for name in _bone_order(lines[first:], counts)])
    width = int(starts[-1])
    if not tokens:
        raise HumansenseError(f"{path} holds no frames: give an .amc file with at least one")
    if width == 1 or len(tokens) % width:
        raise _diagnose(path, lines, first, counts)
    table = np.array(tokens, dtype=object).reshape(-1, width)
    out = {}
    for start in starts[:-1]:
        name = table[0, start]
        if name not in counts or (table[:, start] != name).any():
            raise _diagnose(path, lines, first, counts)
        try:
            out[name] = table[:, start + 1 : start + 1 + counts[name]].astype(np.float64)
        except ValueError:
            raise _diagnose(path, lines, first, counts) from None
        if not np.isfinite(out[name]).all():
            raise _diagnose(path, lines, first, counts)
    missing = set(counts) - set(out)
    if missing:
        raise HumansenseError(f"{path}: no frame has {', '.join(sorted(missing))}; use the .asf this motion belongs to")
    return out


def _bone_order(lines: list[str], counts: dict[str, int]) -> list[str]:
    """Names of the bones in the first frame."""
    names: list[str] = []
    for line in lines[1 : len(counts) + 2]:
        words = line.split(maxsplit=1)
        if not words or words[0].isdigit():
            break
        names.append(words[0])
    return names


def find_asf(path: Path) -> Path:
    """The skeleton of an .amc file: the one of the same subject (`01.asf` of `01_05.amc`), else the only one there."""
    named = path.with_name(path.stem.split("_")[0] + ".asf")
    found = sorted(path.parent.glob("*.asf"))
    if named in found:
        return named
    if len(found) == 1:
        return found[0]
    raise HumansenseError(
        f"{path} needs its skeleton {named.name} in the same folder; there are {len(found)} .asf files"
    )


def read_amc(path: str | Path, asf: str | Path | None = None, fps: float = CMU_FPS) -> Motion:
    """Read an .amc motion with its skeleton (`asf`, by default the one beside it).

    Acclaim files do not hold a frame rate: CMU's is 120. Raises `HumansenseError` naming file and line.
    """
    path = Path(path)
    return parse_amc(path, read_text(path), asf, fps)


def parse_amc(path: Path, text: str, asf: str | Path | None = None, fps: float = CMU_FPS) -> Motion:
    """The motion in the text of the file `path`, which may end with any whole frame."""
    check_rate(path, fps, "the fps given")
    skeleton = read_asf(asf if asf is not None else find_asf(path))
    values = _values(path, text, _layout(skeleton))
    frames = len(values["root"])
    names = [bone.name for bone in skeleton.bones]
    parents = list(skeleton.parents)
    ends = np.stack([bone.direction * bone.length for bone in skeleton.bones])
    offsets = np.stack([np.zeros(3)] + [ends[p] for p in parents[1:]])
    rotations = torch.eye(3, dtype=torch.float64).repeat(frames, len(names), 1, 1)
    for j, bone in enumerate(skeleton.bones):
        if j and not bone.dof:
            continue
        channels = skeleton.root_order if j == 0 else tuple(d.upper() for d in bone.dof)
        turning = [k for k, channel in enumerate(channels) if channel in ("RX", "RY", "RZ")]
        angles = torch.from_numpy(values[bone.name][:, turning]) * skeleton.angle_rad
        turn = _euler(angles, "".join(channels[k][1] for k in turning))
        axis = torch.from_numpy(bone.axis)
        rotations[:, j] = turn @ axis if j == 0 else axis @ turn @ axis.T
    leaves = [j for j in range(len(names)) if j not in parents]
    for j in leaves:
        names.append(names[j] + "_end")
        parents.append(j)
    offsets = np.concatenate([offsets, ends[leaves]])
    eye = torch.eye(3, dtype=torch.float64).repeat(frames, len(leaves), 1, 1)
    place = np.zeros((frames, 3)) + skeleton.root_position
    for k, channel in enumerate(skeleton.root_order):
        if channel in ("TX", "TY", "TZ"):
            place[:, "XYZ".index(channel[1])] += values["root"][:, k]
    motion = Motion(
        tuple(names),
        tuple(parents),
        torch.from_numpy(offsets * skeleton.unit_m),
        torch.cat([rotations, eye], 1),
        torch.from_numpy(place * skeleton.unit_m),
        fps,
        "amc",
        subject=path.stem.split("_")[0],
        action="",
    )
    return finish(motion, up="y")
