"""Statures of the shape prior; the times of posing a body, of dressing it and of posing it dressed. One JSON line."""

import json
import time

import numpy as np
import torch

from humansense.bodies import Body, dress, load_body, sample_outfit, sample_shapes


def statures(body: Body, shapes: torch.Tensor) -> dict[str, list[float]]:
    """Mean, spread, smallest and largest, metres, of men and women."""
    rest = [body.rest(chunk).vertices[:, np.unique(body.faces), 2] for chunk in shapes.split(50)]
    stature = torch.cat([z.amax(1) - z.amin(1) for z in rest])
    men = shapes[:, body.shape_names.index("gender")] < 0.5
    return {
        f"stature_{who}_m": [round(float(f(stature[mask])), 3) for f in (torch.mean, torch.std, torch.min, torch.max)]
        for who, mask in (("men", men), ("women", ~men))
    }


def posing(body: Body, shape: torch.Tensor) -> dict[str, float]:
    """All 19,158 vertices, 16 poses at once."""
    one, pose, zero = body.rest(shape), body.identity_pose(16), torch.zeros(16, 3)
    body.pose(one, pose, zero)
    start = time.perf_counter()
    for _ in range(5):
        body.pose(one, pose, zero)
    return {"pose_ms_per_body": (time.perf_counter() - start) / 5 / 16 * 1e3}


def dressing(body: Body, shape: torch.Tensor, outfits: int = 20, frames: int = 100) -> dict[str, float]:
    """Once a clip: drawing an outfit and putting it on. Once a frame: posing what is seen, with all joints."""
    rest, pose, zero = body.rest(shape), body.identity_pose(frames), torch.zeros(frames, 3)
    dress(body, sample_outfit(np.random.default_rng(0), body), rest)
    seconds = np.zeros(3)
    for seed in range(outfits):
        marks = [time.perf_counter()]
        outfit = sample_outfit(np.random.default_rng(seed), body)
        marks.append(time.perf_counter())
        dressed = dress(body, outfit, rest)
        marks.append(time.perf_counter())
        dressed.pose(body, rest, pose, zero)
        marks.append(time.perf_counter())
        seconds += np.diff(marks)
    outfit_s, dress_s, pose_s = seconds / outfits
    return {"outfit_ms": outfit_s * 1e3, "dress_ms": dress_s * 1e3, "dressed_pose_ms_per_frame": pose_s / frames * 1e3}


def main() -> None:
    torch.set_num_threads(1)
    body = load_body()
    shapes = torch.from_numpy(sample_shapes(np.random.default_rng(0), 1000))
    times = {k: round(v, 3) for k, v in (posing(body, shapes[:1]) | dressing(body, shapes[:1])).items()}
    print(json.dumps({"benchmark": "bodies"} | times | statures(body, shapes)))


if __name__ == "__main__":
    main()
