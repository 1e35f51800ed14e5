"""Rendering one dressed person with all maps at 320x240, one core. Prints one JSON line.

The view is SURREAL's (60 mm lens on a 32 mm sensor, 8 m away); `--distance 3` shows a picture full of the person. The
times of a sun, of a shadow on a pictured floor, of an open shutter, of flow and of a furnished room stand beside those
of the plain frame.
"""

import argparse
import json
import time
from collections.abc import Callable

import numpy as np
import torch

from humansense.bodies import Dressed, dress, load_body, sample_outfit, sample_shapes
from humansense.core import Camera, look_at
from humansense.render import Floor, Renderer, Shutter, Sun, Surface, sh_light

BOX = np.array([[x, y, z] for z in (0, 1) for y in (0, 1) for x in (0, 1)], float)  # corners of the unit cube
BOX_SIDES = np.array([[0, 2, 3, 1], [4, 5, 7, 6], [0, 1, 5, 4], [2, 6, 7, 3], [0, 4, 6, 2], [1, 3, 7, 5]])  # outward


def median_ms(call: Callable[[], object], device: str, times: int = 20) -> float:
    """Median milliseconds of a call; on the CPU of this thread's own time, so that other programs do not count."""
    clock = time.thread_time if device == "cpu" else time.perf_counter
    spent = []
    for _ in range(times):
        start = clock()
        call()
        spent.append(clock() - start)
    return round(float(np.median(spent)) * 1e3, 2)


def quads(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices, faces and texture coordinates of rectangles (N, 4, 3) whose fronts are anticlockwise."""
    starts = 4 * np.arange(len(corners))[:, None, None]
    faces = (starts + np.array([[0, 1, 2], [0, 2, 3]])).reshape(-1, 3)
    uv = np.tile(np.array([[0, 0], [1, 0], [1, 1], [0, 0], [1, 1], [0, 1]], np.float32), (len(corners), 1))
    return corners.reshape(-1, 3), faces, uv.reshape(-1, 3, 2)


def furnished_room(rng: np.random.Generator, middle: np.ndarray) -> np.ndarray:
    """(N, 4, 3): the floor and the four walls, seen from within, and then the sides of 40 boxes."""
    room = BOX[BOX_SIDES][[0, 2, 3, 4, 5]][:, ::-1] * (8.0, 8.0, 3.0) + (middle[0] - 4, middle[1] - 4, 0.0)
    sizes = rng.uniform(0.2, 0.9, (40, 1, 1, 3))
    angle = rng.uniform(0, 2 * np.pi, (40, 1, 1))
    place = np.stack([np.cos(angle), np.sin(angle), 0 * angle], -1) * rng.uniform(1.2, 3.5, (40, 1, 1, 1))
    boxes = BOX[BOX_SIDES] * sizes + place + middle * (1, 1, 0)
    return np.concatenate([room, boxes.reshape(-1, 4, 3)])


def surface_of(dressed: Dressed, scenery: np.ndarray) -> Surface:
    """The person, and scenery (N, 4, 3) whose first five rectangles are walls: seen from within, casting no shadow."""
    vertices, faces, uv = quads(scenery)
    person, count = len(dressed.faces), len(dressed.faces) + len(faces)
    index = np.arange(count)
    walls = (index >= person) & (index < person + 10)
    return Surface(
        np.concatenate([dressed.faces, faces + len(dressed.vertices)]),
        np.concatenate([dressed.face_uv, uv]),
        np.concatenate([dressed.face_material, np.full(len(faces), len(dressed.material_names))]),
        (index < person).astype(int),
        np.concatenate([dressed.part_weights, np.zeros((len(vertices), 24))]),
        face_casts=~walls,
        face_front_only=walls,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--distance", type=float, default=8.0, help="metres from the camera to the person")
    parser.add_argument("--samples", type=int, default=4, help="rays a pixel for the colour")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    torch.set_num_threads(1)

    rng = np.random.default_rng(0)
    body = load_body()
    rest = body.rest(torch.from_numpy(sample_shapes(rng, 1)))
    dressed = dress(body, sample_outfit(rng, body), rest)
    textures = [rng.integers(0, 256, (512, 512, 3), dtype=np.uint8) for _ in dressed.material_names]
    surface = surface_of(dressed, np.zeros((0, 4, 3)))
    vertices = dressed.vertices - (0, 0, dressed.vertices[:, 2].min())
    middle = (vertices.min(0) + vertices.max(0)) / 2
    R, t = look_at(middle + args.distance * np.array([0.3, -0.95, 0.0]), middle)
    camera = Camera(np.array([[600.0, 0, 160], [0, 600.0, 120], [0, 0, 1]]), R, t, (240, 320))
    background = rng.integers(0, 256, (240, 320, 3), dtype=np.uint8)
    light = sh_light(rng)
    sun = Sun(np.array([0.48, -0.6, 0.64]), np.full(3, 0.6), radius_rad=0.02)
    moved = vertices + np.array([0.05, 0.0, 0.0])

    renderer = Renderer(surface, textures, args.device)
    plain = (camera, light, background, args.samples)
    frame = renderer.render(vertices, *plain)
    later = renderer.render(moved, *plain)

    room = furnished_room(rng, middle)
    indoors_from = look_at(middle + 3.3 * np.array([0.3, -0.95, 0.15]), middle)
    inside = Camera(np.array([[300.0, 0, 160], [0, 300.0, 120], [0, 0, 1]]), *indoors_from, (240, 320))
    furnished = Renderer(surface_of(dressed, room), [*textures, textures[0] // 4 + 150], args.device)
    with_room = np.concatenate([vertices, room.reshape(-1, 3)])
    indoors = (inside, light, background, args.samples)

    def ms(call: Callable[[], object]) -> float:
        call()
        return median_ms(call, args.device)

    whole = ms(lambda: renderer.render(vertices, *plain))
    line = {
        "benchmark": "render",
        "device": args.device,
        "triangles": len(surface.faces),
        "pixels_of_the_person": int((frame.face >= 0).sum()),
        "samples": args.samples,
        "frames_per_second": round(1e3 / whole, 1),
        "frame_ms": whole,
        "sun_ms": ms(lambda: renderer.render(vertices, *plain, sun=sun)),
        "sun_and_floor_ms": ms(lambda: renderer.render(vertices, *plain, sun=sun, floor=Floor())),
        "shutter_ms": ms(lambda: renderer.render(vertices, *plain, shutter=Shutter(moved, camera))),
        "flow_ms": ms(lambda: renderer.flow(frame, camera, later, moved, camera)),
        "room_ms": ms(lambda: furnished.render(with_room, *indoors)),
        "room_and_sun_ms": ms(lambda: furnished.render(with_room, *indoors, sun=sun)),
        "new_clip_ms": ms(lambda: Renderer(surface, textures, args.device)),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
