"""Milliseconds of filling a body: the scan alone, and the grids that users ask for. One JSON line."""

import json
import time
from collections.abc import Callable

import numpy as np
import torch

from humansense.bodies import load_body, sample_shapes
from humansense.bodies.solids import body_solid, crop_solid
from humansense.core import Camera, look_at
from humansense.geometry import axis_angle_to_matrix
from humansense.geometry.voxels import fitted_grid, occupancy

BODIES = 12


def median_ms(work: Callable[[int], object]) -> float:
    """Median over the bodies, each done once after a first one that is not counted."""
    times = []
    for k in [0, *range(BODIES)]:
        start = time.perf_counter()
        work(k)
        times.append(time.perf_counter() - start)
    return round(float(np.median(times[1:])) * 1e3, 2)


def main() -> None:
    torch.set_num_threads(1)
    body = load_body()
    shapes = torch.from_numpy(sample_shapes(np.random.default_rng(0), BODIES))
    turns = 0.25 * torch.randn(BODIES, len(body.joint_names), 3, generator=torch.Generator().manual_seed(0))
    rest = body.rest(shapes)
    posed = [
        body.pose(type(rest)(rest.vertices[k : k + 1], rest.joints[k : k + 1]), pose[None], torch.zeros(1, 3))
        for k, pose in enumerate(axis_angle_to_matrix(turns))
    ]
    vertices = [p.vertices[0].numpy() for p in posed]
    R, t = look_at(np.array([0.5, -4.0, 0.6]), np.zeros(3))
    camera = Camera(np.array([[300.0, 0, 128], [0, 300, 128], [0, 0, 1]]), R, t, (256, 256))
    figures: dict[str, float] = {}
    for resolution in (64, 128, 256):
        grids = [fitted_grid(v[body.skin_vertices], resolution) for v in vertices]
        cells = (resolution,) * 3

        def scan(k: int, grids: list = grids, cells: tuple[int, int, int] = cells) -> np.ndarray:
            return occupancy(vertices[k], body.faces, *grids[k], cells)

        figures[f"occupancy_{resolution}_ms"] = median_ms(scan)
    figures["body_solid_128_ms"] = median_ms(lambda k: body_solid(body, posed[k]))
    box = np.array([0, 0, 256, 256])
    figures["crop_solid_128_ms"] = median_ms(lambda k: crop_solid(body, posed[k], camera, box))
    solids = [body_solid(body, p) for p in posed]
    figures["parts6_128_ms"] = median_ms(lambda k: solids[k].parts(body))
    print(json.dumps({"benchmark": "voxels", "vertices": len(body.skin_vertices), "faces": len(body.faces)} | figures))


if __name__ == "__main__":
    main()
