"""Rendering one dressed person with all maps at 320x240, one core. Prints one JSON line.

The view is SURREAL's (60 mm lens on a 32 mm sensor, 8 m away); `--distance 3` shows a picture full of the person.
"""

import argparse
import json
import time
from collections.abc import Callable

import numpy as np
import torch

from humansense.bodies import dress, load_body, sample_outfit, sample_shapes
from humansense.core import Camera, look_at
from humansense.render import Renderer, Surface, sh_light


def median_ms(call: Callable[[], object], device: str, times: int = 20) -> float:
    """Median milliseconds of a call; on the CPU of this thread's own time, so that other programs do not count."""
    clock = time.thread_time if device == "cpu" else time.perf_counter
    spent = []
    for _ in range(times):
        start = clock()
        call()
        spent.append(clock() - start)
    return round(float(np.median(spent)) * 1e3, 2)


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
    surface = Surface(
        dressed.faces, dressed.face_uv, dressed.face_material, np.ones(len(dressed.faces)), dressed.part_weights
    )
    middle = (dressed.vertices.min(0) + dressed.vertices.max(0)) / 2
    R, t = look_at(middle + args.distance * np.array([0.3, -0.95, 0.0]), middle)
    camera = Camera(np.array([[600.0, 0, 160], [0, 600.0, 120], [0, 0, 1]]), R, t, (240, 320))
    background = rng.integers(0, 256, (240, 320, 3), dtype=np.uint8)
    light = sh_light(rng)

    renderer = Renderer(surface, textures, args.device)
    frame = renderer.render(dressed.vertices, camera, light, background, args.samples)
    pixels = renderer._trace(camera, args.samples)
    whole = median_ms(lambda: renderer.render(dressed.vertices, camera, light, background, args.samples), args.device)
    line = {
        "benchmark": "render",
        "device": args.device,
        "triangles": len(dressed.faces),
        "pixels_of_the_person": int((frame.face >= 0).sum()),
        "samples": args.samples,
        "frames_per_second": round(1e3 / whole, 1),
        "frame_ms": whole,
        "normals_ms": median_ms(lambda: renderer._follow(dressed.vertices), args.device),
        "trace_ms": median_ms(lambda: renderer._trace(camera, args.samples), args.device),
        "maps_ms": median_ms(lambda: renderer._fill(frame, camera, pixels, args.samples), args.device),
        "new_clip_ms": median_ms(lambda: Renderer(surface, textures, args.device), args.device),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
