"""What a clip shows, sampled purely from a seed: no file is read, no body is built.

Presets: `surreal` is the recipe of Varol 2019, section 3.3.1; `wild` is made for nets that must read photos: any
lens, height and tilt of the camera, close-ups and cut-off bodies, another view in every frame, empty pictures.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from humansense.bodies import sample_shapes
from humansense.core import HumansenseError

SENSOR_MM, LENS_MM = 32.0, 60.0  # Varol 2019, 3.3.1
SPLITS = ("train", "test")
TEST_SHARE = 0.2  # of the motion subjects (3.5.2)


@dataclass(frozen=True)
class View:
    """Where the camera stands, relative to what it looks at.

    yaw_rad: direction around the person (0 looks along +y, at the back of a body at rest is pi). elevation_rad: above
    the horizon. focal: focal length in image widths. distance_m: to the target, or 0 to choose it so that the
    body's joints span `fill` of the shorter image side. offset: where the target appears, as a fraction of the image
    from its centre. aim: "pelvis" or "body" (the middle of the joints).
    """

    yaw_rad: float
    elevation_rad: float = 0.0
    roll_rad: float = 0.0
    focal: float = LENS_MM / SENSOR_MM
    distance_m: float = 0.0
    fill: float = 0.0
    offset: tuple[float, float] = (0.0, 0.0)
    aim: str = "pelvis"


@dataclass(frozen=True)
class SceneSpec:
    """One clip, whole: the same spec makes the same pixels.

    views: one for the clip (a static camera set up in the first frame), or one a frame.
    motion: "procedural:KIND" or a motion-capture file. start: 0..1, where in the free length the clip begins.
    light: 9 spherical-harmonic coefficients, or 27 (RGB by coefficient). background: a picture file, or "" for a
    procedural one. people: 0 or 1.
    """

    seed: tuple[int, ...]
    preset: str
    size: tuple[int, int]
    frames: int
    fps: float
    people: int
    shape: tuple[float, ...]
    motion: str
    motion_seed: int
    start: float
    mirror: bool
    outfit_seed: int
    light: tuple[float, ...]
    background: str
    background_seed: int
    views: tuple[View, ...]

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Ingredients:
    """What specs may be made of: capture files and "procedural:KIND"; background files, none = procedural."""

    motions: tuple[str, ...]
    backgrounds: tuple[str, ...] = ()
    size: tuple[int, int] = (240, 320)
    frames: int = 100
    fps: float = 30.0


def split_motions(files: list[str], split: str) -> list[str]:
    """The capture files of a split: a subject (the file's folder) is wholly in `train` or wholly in `test` (3.5.2).

    Subjects are drawn by a hash of their name, so that adding files moves no subject from one split to the other.
    """
    if split not in SPLITS:
        raise HumansenseError(f"unknown split {split!r}: use one of {', '.join(SPLITS)}")

    def is_test(file: str) -> bool:
        digest = hashlib.sha256(Path(file).parent.name.encode()).digest()
        return digest[0] / 256 < TEST_SHARE

    return [file for file in files if is_test(file) == (split == "test")]


def _surreal_views(rng: np.random.Generator, frames: int) -> tuple[View, ...]:
    distance = max(2.0, rng.normal(8.0, 1.0))
    return (View(yaw_rad=rng.uniform(-np.pi, np.pi), distance_m=distance),)


def _wild_view(rng: np.random.Generator) -> View:
    close_up = rng.random() < 0.12
    fill = rng.uniform(1.1, 2.2) if close_up else rng.uniform(0.55, 1.15)
    reach = 0.3 if close_up else 0.12
    return View(
        yaw_rad=rng.uniform(-np.pi, np.pi),
        elevation_rad=float(np.clip(rng.normal(0.08, 0.25), -0.6, 1.1)),
        roll_rad=rng.normal(0, 0.06),
        focal=float(np.exp(rng.uniform(np.log(0.75), np.log(3.0)))),
        fill=fill,
        offset=(rng.normal(0, reach * 0.6), rng.normal(0, reach * 0.6)),
        aim="body",
    )


def _wild_views(rng: np.random.Generator, frames: int) -> tuple[View, ...]:
    return tuple(_wild_view(rng) for _ in range(frames))


def _wild_light(rng: np.random.Generator, light: np.ndarray) -> np.ndarray:
    """Softer and coloured light, (9, 3) from (9,): tints of lamps, sky and bounced light."""
    soft = light.copy()
    soft[0] = rng.uniform(0.65, 1.2)
    soft[1:] *= rng.uniform(0.15, 0.8)
    tint = 1 + rng.normal(0, 0.07, (1, 3)) + rng.normal(0, 0.04, (9, 3))
    return soft[:, None] * tint


@dataclass(frozen=True)
class Preset:
    """views: (rng, frames) -> views. empty: share of clips without a person. fps: None keeps the ingredients'.
    random_pose: share of the procedural clips that go through random poses, beside those that get it by chance.
    develop: whether the whole picture gets the finish of a photograph, not the background alone.
    """

    views: Callable[[np.random.Generator, int], tuple[View, ...]]
    empty: float = 0.0
    fps: float | None = None
    coloured_light: bool = False
    random_pose: float = 0.0
    develop: bool = False


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "surreal": Preset(_surreal_views),
        # 4 frames a second, so that few frames of a clip show many poses.
        "wild": Preset(_wild_views, empty=0.04, fps=4.0, coloured_light=True, random_pose=0.5, develop=True),
    }
)


def _pick_motion(rng: np.random.Generator, motions: tuple[str, ...]) -> str:
    """First a folder (a subject or an action), then a file in it: many takes of one do not drown the others."""
    folders = sorted({motion.rpartition("/")[0] for motion in motions})
    folder = folders[rng.integers(len(folders))]
    inside = [motion for motion in motions if motion.rpartition("/")[0] == folder]
    return inside[rng.integers(len(inside))]


def sample_spec(seed: tuple[int, ...], preset: str, ingredients: Ingredients) -> SceneSpec:
    """Draw one clip. The same arguments give the same spec."""
    from humansense.render import sh_light

    if preset not in PRESETS:
        raise HumansenseError(f"unknown preset {preset!r}: use one of {', '.join(PRESETS)}")
    if not ingredients.motions:
        raise HumansenseError("no motion to sample from: give a folder with .amc, .bvh or exponential-map .txt files")
    recipe = PRESETS[preset]
    rng = np.random.default_rng(seed)
    light = sh_light(rng)
    light = _wild_light(rng, light) if recipe.coloured_light else light
    backgrounds = ingredients.backgrounds
    return SceneSpec(
        seed=seed,
        preset=preset,
        size=ingredients.size,
        frames=ingredients.frames,
        fps=recipe.fps or ingredients.fps,
        people=int(rng.random() >= recipe.empty),
        shape=tuple(sample_shapes(rng, 1)[0].tolist()),
        motion=_pick_motion(rng, ingredients.motions),
        motion_seed=int(rng.integers(2**31)),
        start=float(rng.random()),
        mirror=bool(rng.random() < 0.5),
        outfit_seed=int(rng.integers(2**31)),
        light=tuple(np.asarray(light, dtype=float).ravel().tolist()),
        background=backgrounds[rng.integers(len(backgrounds))] if backgrounds else "",
        background_seed=int(rng.integers(2**31)),
        views=recipe.views(rng, ingredients.frames),
    )
