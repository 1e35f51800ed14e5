"""Statures of the shape prior and the time of posing a body. Prints one JSON line."""

import json
import time

import numpy as np
import torch

from humansense.bodies import load_body, sample_shapes


def main() -> None:
    torch.set_num_threads(1)
    body = load_body()
    shapes = torch.from_numpy(sample_shapes(np.random.default_rng(0), 1000))
    rest = [body.rest(chunk).vertices[:, np.unique(body.faces), 2] for chunk in shapes.split(50)]
    stature = torch.cat([z.amax(1) - z.amin(1) for z in rest])
    men = shapes[:, body.shape_names.index("gender")] < 0.5
    one, pose, zero = body.rest(shapes[:1]), body.identity_pose(16), torch.zeros(16, 3)
    body.pose(one, pose, zero)
    start = time.perf_counter()
    for _ in range(5):
        body.pose(one, pose, zero)
    line = {
        "benchmark": "bodies",
        "pose_ms_per_body": (time.perf_counter() - start) / 5 / 16 * 1e3,
        **{
            f"stature_{who}_m": [round(float(f(stature[mask])), 3) for f in (torch.mean, torch.std, torch.min, torch.max)]
            for who, mask in (("men", men), ("women", ~men))
        },
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
