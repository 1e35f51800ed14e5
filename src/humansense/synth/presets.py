"""Recipes: from a seed to a `SceneSpec`, purely.

`surreal` is the recipe of Varol 2019, section 3.3.1. `wild` is made for nets that must read photos: any lens, height
and tilt of the camera, close-ups and cut-off bodies, several people, things in front, sun and shade, another view in
every frame. `multiview` films one performance in a furnished room by several cameras at once. `room` is one person or
more in furnished rooms before a camera that moves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TypeVar

import numpy as np

from humansense.bodies import sample_shapes
from humansense.core import HumansenseError
from humansense.render import sh_basis, sh_light
from humansense.synth.spec import MAX_PEOPLE, Actor, Ingredients, Place, SceneSpec, Shot, Source, SunSpec, View

Rng = np.random.Generator
T = TypeVar("T")
WILD_VIEWS = (0.68, 0.12, 0.2)  # shares of views of a whole person, of a piece, of head and shoulders
WHOLE_WAY_FRAMES = 90
DARKEST = 0.4  # of the mean light, reaches every side of a body
SHADE = 0.75  # of the light that the coefficients give is left to them where a sun brings the rest
_OUTFIT_SALT = 9  # keeps the generators of outfits apart from those of clips
_DAYLIGHT, _LAMP = (1.0, 0.95, 0.86), (1.0, 0.88, 0.72)


@dataclass(frozen=True)
class Preset:
    """views: (rng, frames) -> (shot, views). empty: share of clips without a person. fps: None keeps the ingredients'.

    people: share of the scenes with 1, 2, ... people. places: shares of `PLACES`. occlusion: share of scenes with
    things put in front of the people. random_pose: share of the procedural movements that go through random poses,
    beside those that get it by chance. sun: share of the scenes with a sun or lamp that casts shadows. blur: share of
    clips whose exposure is long enough to blur. sensor: see `SceneSpec`. vary_speed: whether movements are played
    slower and faster. develop: whether the whole picture gets the finish of a photograph, not the background alone.
    """

    views: Callable[[Rng, int], tuple[Shot, tuple[View, ...]]]
    empty: float = 0.0
    fps: float | None = None
    people: tuple[float, ...] = (1.0,)
    places: tuple[float, float, float] = (1.0, 0.0, 0.0)
    occlusion: float = 0.0
    random_pose: float = 0.0
    sun: float = 0.0
    blur: float = 0.0
    sensor: str = "off"
    vary_speed: bool = False
    coloured_light: bool = False
    develop: bool = False


def _surreal_views(rng: Rng, frames: int) -> tuple[Shot, tuple[View, ...]]:
    distance = max(2.0, rng.normal(8.0, 1.0))
    return "static", (View(yaw_rad=rng.uniform(-np.pi, np.pi), distance_m=distance),)


def _wild_view(rng: Rng) -> View:
    """Most often a whole person, sometimes a piece of one, and sometimes a portrait: down to the hips or the chest."""
    kind = rng.choice(3, p=WILD_VIEWS)
    fill = rng.uniform(*((0.55, 1.15), (1.1, 2.2), (0.4, 1.1))[kind])
    reach = (0.12, 0.3, 0.2)[kind]
    return View(
        yaw_rad=rng.uniform(-np.pi, np.pi),
        elevation_rad=float(np.clip(rng.normal(0.08, 0.25), -0.6, 1.1)),
        roll_rad=rng.normal(0, 0.06),
        focal=float(np.exp(rng.uniform(np.log(0.75), np.log(3.0)))),
        fill=fill,
        offset=(rng.normal(0, reach * 0.6), rng.normal(0, reach * 0.6)),
        aim="bust" if kind == 2 else "body",
    )


def _wild_views(rng: Rng, frames: int) -> tuple[Shot, tuple[View, ...]]:
    return "cut", tuple(_wild_view(rng) for _ in range(frames))


def _moving_views(rng: Rng, frames: int) -> tuple[Shot, tuple[View, ...]]:
    """A hand-held, panning, circling or nearing camera: the way between two views, with a little unrest.

    The way is as long as a clip of `WHOLE_WAY_FRAMES` has time for; a shorter clip goes a part of it.
    """
    start, end = (replace(_wild_view(rng), fill=rng.uniform(0.5, 1.0), roll_rad=rng.normal(0, 0.03)) for _ in range(2))
    turn, near = rng.normal(0, 0.5), float(np.exp(rng.normal(0, 0.2)))
    part = np.arange(frames) / max(WHOLE_WAY_FRAMES, frames - 1)
    part = part * part * (3 - 2 * part)
    waves = rng.normal(0, 0.004, (4, 3, 1)) * np.sin(
        part * rng.uniform(4, 25, (4, 3, 1)) + rng.uniform(0, 6, (4, 3, 1))
    )
    unrest = waves.sum(1)
    elevation = np.clip(start.elevation_rad, -0.1, 0.9)
    rise = np.clip(end.elevation_rad, -0.1, 0.9) - elevation
    views = tuple(
        replace(
            start,
            yaw_rad=float(start.yaw_rad + turn * p + unrest[0][t]),
            elevation_rad=float(elevation + 0.4 * rise * p + unrest[1][t]),
            fill=float(start.fill * near**p),
            offset=(float(start.offset[0] + unrest[2][t]), float(start.offset[1] + unrest[3][t])),
            aim="group",
        )
        for t, p in enumerate(part)
    )
    return "moving", views


def _ring_view(rng: Rng, frames: int) -> tuple[Shot, tuple[View, ...]]:
    """The first of several cameras around a performance; `sample_spec` turns the others by their angle."""
    view = View(
        yaw_rad=rng.uniform(-np.pi, np.pi),
        elevation_rad=rng.uniform(0.0, 0.3),
        focal=float(np.exp(rng.uniform(np.log(0.9), np.log(1.8)))),
        fill=rng.uniform(0.6, 0.9),
        aim="path",
    )
    return "static", (view,)


def _coloured(rng: Rng, light: np.ndarray) -> np.ndarray:
    """Softer and coloured light, (9, 3) from (9,): tints of lamps, sky and bounced light."""
    soft = light.copy()
    soft[0] = rng.uniform(0.65, 1.2)
    soft[1:] *= rng.uniform(0.15, 0.8)
    soft[1:] *= _bearable(soft)
    tint = 1 + rng.normal(0, 0.07, (1, 3)) + rng.normal(0, 0.04, (9, 3))
    return soft[:, None] * tint


def _bearable(light: np.ndarray) -> float:
    """The factor (at most 1) for all but the first of nine coefficients that leaves no side darker than `DARKEST`.

    Bounced light reaches everything; coefficients that are drawn one by one can leave a side black.
    """
    around = np.array([(x, y, z) for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1) if x or y or z], float)
    shading = sh_basis(around / np.linalg.norm(around, axis=1, keepdims=True)) * light
    even, uneven = shading[0, 0], shading[:, 1:].sum(1).min()
    return float(min(1.0, (1 - DARKEST) * even / max(-uneven, 1e-9)))


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "surreal": Preset(_surreal_views),
        # 4 frames a second, so that few frames of a clip show many poses.
        "wild": Preset(
            _wild_views,
            empty=0.04,
            fps=4.0,
            people=(0.8, 0.1, 0.04, 0.03, 0.02, 0.01),
            places=(0.62, 0.13, 0.25),
            occlusion=0.2,
            random_pose=0.5,
            sun=0.65,
            blur=0.2,
            sensor="strong",
            vary_speed=True,
            coloured_light=True,
            develop=True,
        ),
        "multiview": Preset(
            _ring_view, places=(0, 0, 1), sun=0.8, sensor="mild", vary_speed=True, coloured_light=True, random_pose=0.1
        ),
        "room": Preset(
            _moving_views,
            people=(0.5, 0.2, 0.12, 0.08, 0.06, 0.04),
            places=(0, 0, 1),
            occlusion=0.5,
            sun=0.8,
            blur=0.4,
            sensor="mild",
            vary_speed=True,
            coloured_light=True,
        ),
    }
)


def _one_of(rng: Rng, items: tuple[T, ...]) -> T:
    return items[int(rng.integers(len(items)))]


def _pick_source(rng: Rng, sources: tuple[Source, ...]) -> Source:
    """First a folder (a subject or an action), then a file, then a window: many takes of one do not drown others."""
    folder = _one_of(rng, tuple(sorted({source.motion.rpartition("/")[0] for source in sources})))
    inside = [source for source in sources if source.motion.rpartition("/")[0] == folder]
    motion = _one_of(rng, tuple(sorted({source.motion for source in inside})))
    return _one_of(rng, tuple(source for source in inside if source.motion == motion))


def _seed(rng: Rng) -> int:
    return int(rng.integers(2**31))


def _actor(rng: Rng, recipe: Preset, ingredients: Ingredients) -> Actor:
    return Actor(
        shape=tuple(sample_shapes(rng, 1, ingredients.population)[0].tolist()),
        source=_pick_source(rng, ingredients.sources),
        motion_seed=_seed(rng),
        speed=float(np.exp(rng.uniform(np.log(0.8), np.log(1.25)))) if recipe.vary_speed else 1.0,
        mirror=bool(rng.random() < 0.5),
        outfit_seed=_seed(rng),
        face_seed=_seed(rng),
        hands_seed=_seed(rng),
        skin=_one_of(rng, ingredients.skins) if ingredients.skins else "",
    )


def _worn(actors: tuple[Actor, ...], outfits: int, seed: tuple[int, ...]) -> tuple[Actor, ...]:
    """The same people in one of `outfits` outfits, which the clips of a set wear in turn.

    Nothing else is drawn anew: a clip has the same bodies, movements and views whatever the number of outfits is.
    """
    first = (seed[2] if len(seed) > 2 else 0) % outfits
    numbers = [(first + k) % outfits for k in range(len(actors))]
    # Of the set and the split alone, so that every clip and every second try means the same outfit.
    return tuple(
        replace(actor, outfit_seed=_seed(np.random.default_rng((*seed[:2], number, _OUTFIT_SALT))))
        for actor, number in zip(actors, numbers, strict=True)
    )


def _actors(rng: Rng, recipe: Preset, ingredients: Ingredients) -> tuple[Actor, ...]:
    if ingredients.people is None:
        shares = np.array(recipe.people)
        count = 1 + int(rng.choice(len(shares), p=shares / shares.sum()))
    else:
        count = int(rng.integers(1, ingredients.people + 1))
    if rng.random() < recipe.empty:
        count = 0
    return tuple(_actor(rng, recipe, ingredients) for _ in range(count))


def _place(rng: Rng, recipe: Preset, ingredients: Ingredients, people: int) -> Place:
    drawn = str(rng.choice(("picture", "things", "room"), p=recipe.places))
    share = recipe.occlusion if ingredients.occlusion is None else ingredients.occlusion
    occluders = int(rng.integers(1, 3)) if rng.random() < share and people else 0
    background = _one_of(rng, ingredients.backgrounds) if ingredients.backgrounds else ""
    kind = ingredients.place or drawn
    if kind == "picture" and occluders:
        kind = "things"
    return Place(kind, background if kind != "room" else "", _seed(rng), occluders)


def _sun(rng: Rng, place: Place) -> SunSpec:
    indoors = place.kind == "room"
    tint = np.array(_LAMP if indoors else _DAYLIGHT) * (1 + rng.normal(0, 0.05, 3))
    strength = rng.uniform(0.25, 0.75)
    return SunSpec(
        azimuth_rad=rng.uniform(-np.pi, np.pi),
        elevation_rad=rng.uniform(0.6, 1.35) if indoors else rng.uniform(0.3, 1.3),
        colour=tuple((strength * tint).tolist()),
        radius_rad=float(np.exp(rng.uniform(*np.log((0.03, 0.15) if indoors else (0.005, 0.05))))),
        shade=rng.uniform(0.25, 0.6),
    )


def sample_spec(
    seed: tuple[int, ...], preset: str, ingredients: Ingredients, source: Source | None = None, view: int = 0
) -> SceneSpec:
    """Draw one clip. The same arguments give the same spec.

    seed: (set, split, performance), and a fourth number for a second try. source: the first person's movement, where a
    plan decides it. view: number of the camera of a `multiview` performance; clips of the same seed and other views
    show the same performance.
    """
    if preset not in PRESETS:
        raise HumansenseError(f"unknown preset {preset!r}: use one of {', '.join(PRESETS)}")
    if not ingredients.sources:
        raise HumansenseError("no motion to sample from: give a folder with .amc, .bvh, .npz or .txt motion files")
    if ingredients.people is not None and not 1 <= ingredients.people <= MAX_PEOPLE:
        raise HumansenseError(f"--people is {ingredients.people}, expected 1 to {MAX_PEOPLE}")
    recipe = PRESETS[preset]
    rng = np.random.default_rng(seed)
    actors = _actors(rng, recipe, ingredients)
    if source is not None and actors:
        actors = (replace(actors[0], source=source), *actors[1:])
    if ingredients.outfits is not None:
        actors = _worn(actors, ingredients.outfits, seed)
    place = _place(rng, recipe, ingredients, len(actors))
    light = sh_light(rng)
    light = _coloured(rng, light) if recipe.coloured_light else light
    sun = _sun(rng, place) if rng.random() < recipe.sun else None
    if sun is not None:
        light = light * SHADE
    shot, views = recipe.views(rng, ingredients.frames)
    if len(actors) > 1 and shot == "cut":
        views = tuple(replace(v, aim="group") if v.aim == "body" and rng.random() < 0.6 else v for v in views)
    if preset == "multiview":
        turns = np.radians(ingredients.angles_deg)
        views = tuple(replace(views[0], yaw_rad=float(views[0].yaw_rad + turn)) for turn in turns)
    return SceneSpec(
        seed=seed,
        preset=preset,
        size=ingredients.size,
        frames=ingredients.frames,
        fps=recipe.fps or ingredients.fps,
        actors=actors,
        place=place,
        light=tuple(np.asarray(light, dtype=float).ravel().tolist()),
        sun=sun,
        shot=shot,
        views=views,
        exposure_s=float(np.exp(rng.uniform(np.log(1 / 120), np.log(1 / 25)))) if rng.random() < recipe.blur else 0.0,
        sensor=recipe.sensor,
        sensor_seed=_seed(rng),
        group=seed[2] if len(seed) > 2 else 0,
        view=view,
    )
