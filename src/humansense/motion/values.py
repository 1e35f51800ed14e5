"""The two values of this room: `Motion` (a captured skeleton that moves) and `BodyMotion` (the body's own pose).

Both are in world axes with z up, metres. The zero pose of every `Motion` stands upright, faces -y and has the
person's left at +x, as the body's rest pose does: readers turn their format's axes to these.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from humansense.core import HumansenseError
from humansense.geometry import slerp


@dataclass(frozen=True)
class Motion:
    """A skeleton in motion, T frames of J joints.

    names: of the joints; parents come before children. Tips of chains are joints too (`*_end`).
    parents: (J,) indices, -1 for the root.
    offsets: (J, 3) float32 metres, joint from its parent in the zero pose.
    rotations: (T, J, 3, 3) float32, of the joint relative to its parent; identity is the zero pose. Global
        rotations are `G_j = G_parent @ R_j`, positions `p_j = p_parent + G_parent @ offset_j`.
    root: (T, 3) float32 metres, the root joint's place.
    fps: frames per second. source: "amc", "bvh", "expmap" or "amass". subject, action: of the capture, or empty.
    fingers: whether the fingers' own motion was captured.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: Tensor
    rotations: Tensor
    root: Tensor
    fps: float
    source: str
    subject: str = ""
    action: str = ""
    fingers: bool = False

    def __post_init__(self) -> None:
        joints, frames = len(self.names), len(self.root)
        expected = {"offsets": (joints, 3), "rotations": (frames, joints, 3, 3), "root": (frames, 3)}
        for name, shape in expected.items():
            if tuple(getattr(self, name).shape) != shape:
                raise HumansenseError(f"Motion.{name} has shape {tuple(getattr(self, name).shape)}, expected {shape}")
        if frames == 0:
            raise HumansenseError("a Motion needs at least one frame")

    def __len__(self) -> int:
        return len(self.root)

    def __getitem__(self, frames: slice) -> Motion:
        """The frames of a slice; a step divides the frame rate."""
        step = abs(frames.step or 1)
        index = torch.arange(len(self))[frames]
        return replace(self, rotations=self.rotations[index], root=self.root[index], fps=self.fps / step)

    def joint(self, name: str) -> int:
        """Index of a joint by its name."""
        if name not in self.names:
            raise HumansenseError(f"the skeleton has no joint {name!r}; it has {', '.join(self.names)}")
        return self.names.index(name)

    def kinematics(self) -> tuple[Tensor, Tensor]:
        """Global rotations (T, J, 3, 3) and joint positions (T, J, 3) in metres."""
        return tree_kinematics(self.rotations, self.offsets, self.root, self.parents)


@dataclass(frozen=True)
class BodyMotion:
    """A pose of the body a frame, for `Body.pose`.

    pose: (T, 104, 3, 3) float32. translation: (T, 3) float32 metres, of the root joint. fps: frames per second.
    source: "amc", "bvh", "expmap", "amass" or "procedural". subject, action, fingers: as in `Motion`.
    """

    pose: Tensor
    translation: Tensor
    fps: float
    source: str
    subject: str = ""
    action: str = ""
    fingers: bool = False

    def __len__(self) -> int:
        return len(self.pose)

    def __getitem__(self, frames: slice) -> BodyMotion:
        """The frames of a slice; a step divides the frame rate."""
        index = torch.arange(len(self))[frames]
        step = abs(frames.step or 1)
        return replace(self, pose=self.pose[index], translation=self.translation[index], fps=self.fps / step)


def tree_kinematics(
    rotations: Tensor, offsets: Tensor, root: Tensor, parents: tuple[int, ...]
) -> tuple[Tensor, Tensor]:
    """Global rotations (T, J, 3, 3) and positions (T, J, 3) of a tree whose parents come before children."""
    turns: list[Tensor] = []
    places: list[Tensor] = []
    for j, parent in enumerate(parents):
        if parent < 0:
            turns.append(rotations[:, j])
            places.append(root + offsets[j])
        else:
            places.append(places[parent] + turns[parent] @ offsets[j])
            turns.append(turns[parent] @ rotations[:, j])
    return torch.stack(turns, 1), torch.stack(places, 1)


def resampled_count(frames: int, old_fps: float, fps: float, speed: float = 1.0) -> int:
    """How many frames `resample` makes of `frames`."""
    return int((frames - 1) / (old_fps * speed) * fps + 1e-6) + 1


def resample(motion: Motion, fps: float, speed: float = 1.0) -> Motion:
    """The same motion at another frame rate and pace: slerp for rotations, straight lines for the root.

    speed: 1.25 plays it a quarter faster, so that every velocity is 1.25 times as high and the motion lasts 0.8 times
    as long. The first frame stays; the last one is the last that fits. Raises for a rate or pace that is not positive.
    """
    if not 0 < fps < float("inf"):
        raise HumansenseError(f"cannot resample to {fps} frames per second: give a positive number")
    if not 0 < speed < float("inf"):
        raise HumansenseError(
            f"cannot play a motion at {speed} times its pace: give a positive number, e.g. 0.8 to 1.25"
        )
    count = resampled_count(len(motion), motion.fps, fps, speed)
    times = torch.arange(count, dtype=torch.float64) * (motion.fps * speed / fps)
    first = times.floor().long().clamp(max=len(motion) - 1)
    second = (first + 1).clamp(max=len(motion) - 1)
    fraction = (times - first).to(motion.root.dtype)
    if bool((fraction.abs() < 1e-6).all()):
        rotations, root = motion.rotations[first], motion.root[first]
    else:
        rotations = slerp(motion.rotations[first], motion.rotations[second], fraction[:, None])
        root = torch.lerp(motion.root[first], motion.root[second], fraction[:, None])
    return replace(motion, rotations=rotations, root=root, fps=float(fps))
