"""Makes the pictures of the README and the docs: `python docs/make_images.py [NAME ...]`. Reads no file of the user's.

NAME: overview, presets, rooms, maps, ingredients; all without one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import skimage

import humansense
from humansense.core import Camera, Sample, look_at
from humansense.motion import PROCEDURAL
from humansense.synth import Ingredients, SceneSpec, Source, sample_spec
from humansense.synth.cast import UnusableError
from humansense.synth.film import Scene, prepare, roll
from humansense.synth.sensor import Sensor, expose
from humansense.synth.spec import Place, SunSpec, View
from humansense.view import draw, outputs, sheets

HERE = Path(__file__).parent / "images"
SOURCES = tuple(Source(f"procedural:{kind}") for kind in PROCEDURAL)
CALM = tuple(Source(f"procedural:{kind}") for kind in ("idle", "wave", "walk", "reach", "stretch", "lunge"))
WIDTH = 1280
EVEN_LIGHT = (0.95, -0.1, 0.25, 0.1, 0.0, 0.0, 0.0, 0.1, 0.0)


def scenes(preset: str, seed: int, ingredients: Ingredients, view: int = 0) -> Iterator[Scene]:
    """Scenes with somebody in them, one after another."""
    number = 0
    while True:
        spec = sample_spec((seed, 1, number), preset, ingredients, view=view)
        number += 1
        if spec.actors:
            try:
                yield prepare(spec)
            except UnusableError:
                continue


def first(scene: Scene) -> Sample:
    return next(roll(scene, "c")[1])


def frames(preset: str, count: int, size: tuple[int, int], seed: int) -> list[Sample]:
    """The first frame of `count` clips whose people can be seen."""
    found: list[Sample] = []
    for scene in scenes(preset, seed, Ingredients(SOURCES, size=size, frames=2)):
        sample = first(scene)
        if (sample.parts > 0).mean() > 0.05 or preset == "surreal":
            found.append(sample)
        if len(found) == count:
            return found
    raise AssertionError("scenes() does not end")


def save(picture: np.ndarray, name: str, width: int = WIDTH) -> None:
    scale = width / picture.shape[1]
    small = cv2.resize(picture, (width, round(picture.shape[0] * scale)), interpolation=cv2.INTER_AREA)
    HERE.mkdir(exist_ok=True)
    cv2.imwrite(str(HERE / name), small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 86])


def overview() -> None:
    """One photo read, and synthetic people with their maps."""
    photo = Path(skimage.__file__).parent / "data" / "astronaut.png"
    prediction = humansense.predict(photo)  # type: ignore[operator]
    near, far = draw.depth_range(prediction.depth)
    side = 320
    top = [prediction.image, outputs.overlay(prediction, parts=False)]
    top += [draw.blend_parts(prediction.image, prediction.parts), draw.color_depth(prediction.depth, near, far)]
    rows = [sheets.tile([cv2.resize(p, (side, side), interpolation=cv2.INTER_AREA) for p in top], 4)]
    people = frames("wild", 4, (256, 256), seed=24)
    some = Ingredients(CALM, size=(256, 256), frames=3, fps=10.0, people=2)
    people += [list(roll(scene, "c")[1])[1] for _, scene in zip(range(4), scenes("room", 23, some), strict=False)]
    shown = (("joints", "parts", "depth", "normals"), ("hidden depth", "flow", "garments", "dense"))
    for group, names in zip((people[:4], people[4:]), shown, strict=True):
        rows.append(sheets.tile([cv2.resize(s.image, (side, side)) for s in group], 4))
        maps = [sheets.sample_maps(s)[name] for s, name in zip(group, names, strict=True)]
        rows.append(sheets.tile([cv2.resize(m, (side, side), interpolation=cv2.INTER_NEAREST) for m in maps], 4))
    save(np.concatenate(rows), "overview.jpg")


def presets() -> None:
    """Sixty frames of each preset that films before pictures."""
    for preset, size in (("surreal", (240, 320)), ("wild", (256, 256))):
        save(sheets.tile([s.image for s in frames(preset, 60, size, seed=33)], 10), f"{preset}.jpg")


def rooms() -> None:
    """Twenty-four frames of the preset room, and two performances seen by eight cameras each."""
    shown = [s.image for s in frames("room", 24, (192, 256), seed=33)]
    around = Ingredients(SOURCES, size=(192, 256), frames=2, angles_deg=tuple(45.0 * k for k in range(8)))
    for seed in (4, 9):
        shown += [first(next(scenes("multiview", seed, around, view))).image for view in range(8)]
    save(sheets.tile(shown, 8), "rooms.jpg")


def maps() -> None:
    """Every map of the middle frame of six clips: three before a still camera, three in rooms before a moving one."""
    shown = []
    calm = Ingredients(CALM, size=(256, 256), frames=5, fps=15.0)
    near = View(yaw_rad=0.5, elevation_rad=0.1, focal=1.6, fill=0.9, aim="body")
    for k in range(3):
        spec = sample_spec((5, 1, k), "surreal", replace(calm, place="things"))
        spec = replace(spec, views=(replace(near, yaw_rad=2.1 * k),), light=EVEN_LIGHT)
        shown.append(list(roll(prepare(spec), "c")[1])[2])
    crowded = (s for s in scenes("room", 19, replace(calm, people=3, fps=12.0)) if len(s.performers) > 1)
    shown += [list(roll(scene, "c")[1])[2] for _, scene in zip(range(3), crowded, strict=False)]
    save(sheets.contact_sheet(shown), "maps.jpg")


SIDE = (240, 200)


def _portrait(spec: SceneSpec) -> SceneSpec:
    """The same person nearer, evenly lit."""
    view = replace(spec.views[0], distance_m=5.5, focal=3.3, elevation_rad=0.1)
    return replace(spec, views=(view,), light=EVEN_LIGHT)


def _people(count: int, seed: int, **settings: object) -> list[np.ndarray]:
    """Portraits of so many people of a population."""
    shown: list[np.ndarray] = []
    number = 0
    while len(shown) < count:
        ingredients = Ingredients(CALM, size=SIDE, frames=2, **settings)  # type: ignore[arg-type]
        spec = _portrait(sample_spec((seed, 1, number), "surreal", ingredients))
        number += 1
        try:
            shown.append(first(prepare(spec)).image)
        except UnusableError:
            continue
    return shown


def _close(count: int, seed: int, joint: str, distance_m: float, population: str = "everyone") -> list[np.ndarray]:
    """Close-ups of a joint of the set `anny` or, for "face", of faces."""
    shown = []
    for k, scene in zip(range(count), scenes("surreal", seed, Ingredients(CALM, size=SIDE, frames=2)), strict=False):
        people = scene.performers[0].joints
        nose, ears = people["coco17"][0][0], people["coco17"][0][3:5].mean(0)
        ahead = (nose - ears) * (1, 1, 0) / np.linalg.norm((nose - ears)[:2])
        target = ears if joint == "face" else people["anny"][0][_bone(joint)]
        side = np.array([-ahead[1], ahead[0], 0]) * (0.6 * (-1) ** k)
        towards = (ahead + side) / np.linalg.norm(ahead + side)
        R, t = look_at(target + distance_m * towards, target + np.array((0, 0, 0.03)))
        camera = Camera(np.array([[700.0, 0, SIDE[1] / 2], [0, 700, SIDE[0] / 2], [0, 0, 1]]), R, t, SIDE)
        lit = replace(scene.spec, light=EVEN_LIGHT)
        shown.append(first(replace(scene, spec=lit, cameras=[camera] * 2)).image)
    return shown


def _bone(name: str) -> int:
    from humansense.core import joint_set

    return joint_set("anny").index(name)


def _one_scene(**changes: object) -> np.ndarray:
    """One person in one place, with something changed in the spec."""
    ingredients = Ingredients((Source("procedural:lunge"),), size=SIDE, frames=2)
    spec = sample_spec((12, 1, 3), "surreal", ingredients)
    view = View(yaw_rad=0.6, elevation_rad=0.25, focal=1.4, fill=0.75, aim="body")
    spec = replace(spec, views=(view,), light=tuple(0.7 * v for v in EVEN_LIGHT), place=Place("room", "", 20))
    return first(prepare(replace(spec, **changes))).image  # type: ignore[arg-type]


def _suns() -> list[np.ndarray]:
    shown = [_one_scene(sun=None, light=EVEN_LIGHT)]
    for azimuth, high, soft in ((0, 0.9, 0.01), (1.6, 0.9, 0.01), (3.1, 0.9, 0.01), (-1.6, 0.5, 0.01)):
        shown.append(_one_scene(sun=SunSpec(azimuth, high, (0.6, 0.57, 0.5), soft, 0.5)))
    for soft in (0.05, 0.15, 0.3):
        shown.append(_one_scene(sun=SunSpec(0.8, 0.9, (0.6, 0.57, 0.5), soft, 0.5)))
    return shown


def _places() -> list[np.ndarray]:
    shown = []
    for place, count in (("picture", 2), ("things", 3), ("room", 3)):
        some = Ingredients(SOURCES, size=SIDE, frames=2, place=place, people=1, occlusion=0.0)
        shown += [first(s).image for _, s in zip(range(count), scenes("wild", 41, some), strict=False)]
    return shown


def _crowds() -> list[np.ndarray]:
    shown = []
    for occlusion in (0.0, 1.0):
        some = Ingredients(SOURCES, size=SIDE, frames=2, people=6, occlusion=occlusion)
        found = (s for s in scenes("room", 17, some) if len(s.performers) > 2)
        shown += [first(s).image for _, s in zip(range(4), found, strict=False)]
    return shown


def _sensors() -> list[np.ndarray]:
    plain = _one_scene(sun=SunSpec(0.8, 0.9, (0.6, 0.57, 0.5), 0.05, 0.5))
    ingredients = Ingredients((Source("procedural:punch"),), size=SIDE, frames=2, fps=10.0)
    moving = sample_spec((12, 1, 5), "surreal", ingredients)
    view = View(yaw_rad=0.6, elevation_rad=0.15, focal=1.4, fill=0.75, aim="body")
    moving = replace(moving, views=(view,), light=EVEN_LIGHT, place=Place("room", "", 20), exposure_s=0.06)
    settings = (
        Sensor(defocus_px=2.5), Sensor(gains=(1.35, 1.0, 0.7)), Sensor(shot=2e-3, read=6e-3),
        Sensor(exposure=0.3, shot=2e-3, read=8e-3), Sensor(quality=12), Sensor(grey=True, sharpen=0.9),
    )  # fmt: skip
    rng = np.random.default_rng(0)
    return [plain, first(prepare(moving)).image, *(expose(rng, plain, sensor) for sensor in settings)]


ROWS: tuple[tuple[str, Callable[[], list[np.ndarray]]], ...] = (
    ("bodies: children, the old, extremes", lambda: _people(3, 51, population="children")
     + _people(2, 52, population="old") + _people(3, 53, population="extremes")),
    ("features and expressions", lambda: _close(8, 61, "face", 1.1)),
    ("finger poses", lambda: _close(8, 62, "finger3-1.L", 0.7)),
    ("clothes and hair", lambda: _people(8, 54)),
    ("spherical harmonics alone; a sun from four sides; softer lamps", _suns),
    ("a picture, things before a picture, furnished rooms", _places),
    ("several people; things in front of them", _crowds),
    ("as rendered; motion blur, defocus, white balance, noise, low light, JPEG, grey", _sensors),
)  # fmt: skip


def ingredients() -> None:
    """A row of eight for each ingredient."""
    rows = []
    for words, made in ROWS:
        row = sheets.tile(made(), 8)
        band = np.full((30, row.shape[1], 3), row[0, 0], np.uint8)
        rows += [draw.caption(band, words), row]
    save(np.concatenate(rows), "ingredients.jpg", 1480)


PICTURES: dict[str, Callable[[], None]] = {
    "overview": overview, "presets": presets, "rooms": rooms, "maps": maps, "ingredients": ingredients
}  # fmt: skip


if __name__ == "__main__":
    for chosen in sys.argv[1:] or PICTURES:
        PICTURES[chosen]()
