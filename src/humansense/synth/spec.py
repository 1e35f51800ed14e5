"""What a clip shows: values that name every choice. `presets.sample_spec` draws them, `film` turns them into pictures.

A spec holds numbers and file names only: no file is read and no body is built to make one, and the same spec makes the
same pixels.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from humansense.core import HumansenseError

SENSOR_MM, LENS_MM = 32.0, 60.0  # Varol 2019, 3.3.1
SPLITS = ("train", "test")
TEST_SHARE = 0.2  # of the motion subjects (3.5.2)
MAX_PEOPLE = 6
PLACES = ("picture", "things", "room")
"""A picture behind the people; the same with real things standing about; a furnished room."""

Aim = Literal["pelvis", "body", "bust", "group", "path"]
Shot = Literal["static", "cut", "moving"]


@dataclass(frozen=True)
class View:
    """Where the camera stands, relative to what it looks at.

    yaw_rad: direction around the person (0 looks along +y, at the back of a body at rest is pi). elevation_rad: above
    the horizon. focal: focal length in image widths. distance_m: to the target, or 0 to choose it so that the
    body's joints span `fill` of the shorter image side. offset: where the target appears, as a fraction of the image
    from its centre. aim: "pelvis" of the first person, "body" (the middle of the first person's joints), "bust" (of
    that person's head and shoulders, which then span `fill`), "group" (the middle of everybody's) or "path" (the middle
    of everybody's joints over the whole clip).
    """

    yaw_rad: float
    elevation_rad: float = 0.0
    roll_rad: float = 0.0
    focal: float = LENS_MM / SENSOR_MM
    distance_m: float = 0.0
    fill: float = 0.0
    offset: tuple[float, float] = (0.0, 0.0)
    aim: Aim = "pelvis"


@dataclass(frozen=True)
class Source:
    """A movement: "procedural:KIND", or a capture file and the first frame of a window at the clip's rate."""

    motion: str
    first: int = 0


@dataclass(frozen=True)
class Actor:
    """One person. shape: 11 phenotypes. speed: of the movement, 1 as captured. mirror: left and right exchanged.

    face_seed: features and expression. hands_seed: finger poses where the source has none. skin: a picture for the
    body's texture coordinates, or "" to let the outfit's seed decide.
    """

    shape: tuple[float, ...]
    source: Source
    motion_seed: int
    speed: float
    mirror: bool
    outfit_seed: int
    face_seed: int
    hands_seed: int
    skin: str = ""


@dataclass(frozen=True)
class Place:
    """kind: one of `PLACES`. background: an entry of `pictures.find_backgrounds`, or "" for a made-up one.

    occluders: how many things are put between the camera and the people on purpose.
    """

    kind: str
    background: str
    seed: int
    occluders: int = 0


@dataclass(frozen=True)
class SunSpec:
    """A key light with shadows, see `render.Sun`. shade: 0..1, how dark its shadow is on the floor of a picture."""

    azimuth_rad: float
    elevation_rad: float
    colour: tuple[float, float, float]
    radius_rad: float
    shade: float


@dataclass(frozen=True)
class SceneSpec:
    """One clip, whole.

    actors: 0 to 6 people; who finds no room to stand is left out. shot: "static" has one view a camera, set up in the
    first frame, and `view` says which camera films; "cut" has another view for every frame; "moving" has one a frame
    that follows the smoothed path. group: number of the performance. light: 9 spherical-harmonic coefficients, or 27
    (RGB by coefficient). exposure_s: how long the shutter is open, 0 for none. sensor: "off", "mild" or "strong".
    """

    seed: tuple[int, ...]
    preset: str
    size: tuple[int, int]
    frames: int
    fps: float
    actors: tuple[Actor, ...]
    place: Place
    light: tuple[float, ...]
    sun: SunSpec | None
    shot: Shot
    views: tuple[View, ...]
    exposure_s: float
    sensor: str
    sensor_seed: int
    group: int = 0
    view: int = 0

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Ingredients:
    """What specs may be made of; the fields after `fps` override the preset where they are not None.

    sources: movements to choose from. backgrounds, skins: files, none = made-up ones. population: a row of
    `bodies.POPULATIONS`. people: at most that many in a scene. place: one of `PLACES`. occlusion: share of the clips
    with things in front of the people. angles_deg: directions of the synchronised cameras of the preset multiview.
    outfits: how many different outfits there are, worn in turn; None: everybody has their own.
    """

    sources: tuple[Source, ...]
    backgrounds: tuple[str, ...] = ()
    skins: tuple[str, ...] = ()
    size: tuple[int, int] = (240, 320)
    frames: int = 100
    fps: float = 30.0
    population: str = "adults"
    people: int | None = None
    place: str | None = None
    occlusion: float | None = None
    angles_deg: tuple[float, ...] = (0.0, 45.0, 90.0)
    outfits: int | None = None


def in_split(name: str, split: str) -> bool:
    """Whether what has this name belongs to a split, by a hash of the name: adding others moves it nowhere."""
    if split not in SPLITS:
        raise HumansenseError(f"unknown split {split!r}: use one of {', '.join(SPLITS)}")
    is_test = hashlib.sha256(name.encode()).digest()[0] / 256 < TEST_SHARE
    return is_test == (split == "test")


def split_motions(files: Sequence[str], split: str) -> list[str]:
    """The capture files of a split: a subject (the file's folder) is wholly in `train` or wholly in `test` (3.5.2)."""
    return [file for file in files if in_split(Path(file).parent.name, split)]
