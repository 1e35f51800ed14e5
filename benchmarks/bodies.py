"""Statures, weights and body mass indices of the populations beside published ones, and times. JSON lines.

One line a population: the 5th, 50th and 95th percentile of each sex. Then the
times of posing a body, of dressing it, of posing it dressed, and of its face; with the statures of the adults.
"""

import json
import time

import numpy as np
import torch

from humansense.bodies import Body, dress, load_body, sample_outfit, sample_shapes
from humansense.bodies.faces import expression_targets, sample_expression, with_expression
from humansense.bodies.faces_identity import sample_identity, with_identity
from humansense.bodies.measures import measure
from humansense.bodies.shapes import POPULATIONS, age_years

# (median stature m, median body mass index) of boys and girls by years: CDC growth charts, 2000.
GROWTH = {
    3: ((0.950, 16.0), (0.940, 15.7)),
    5: ((1.089, 15.4), (1.077, 15.2)),
    8: ((1.279, 15.8), (1.276, 15.8)),
    11: ((1.435, 17.2), (1.447, 17.4)),
    14: ((1.638, 19.1), (1.604, 19.3)),
}
# Means of men and women: the world (NCD Risk Factor Collaboration 2016: stature of those born in 1996, eLife 5:e13410;
# body mass index of 2014, Lancet 387:1377) and the United States of 2015 to 2018 (Fryar 2021, Vital Health Stat 3(46)).
REFERENCES = {
    "world": {"stature_m": (1.71, 1.59), "bmi": (24.2, 24.4)},
    "usa": {"stature_m": (1.753, 1.613), "weight_kg": (90.6, 77.5)},
}


def population(body: Body, name: str, count: int = 400) -> dict[str, object]:
    """Percentiles 5, 50, 95 of men or boys and of women or girls."""
    shapes = sample_shapes(np.random.default_rng(0), count, name)
    found = measure(body, shapes)
    female = shapes[:, body.shape_names.index("gender")] > 0.5
    out: dict[str, object] = {"population": name}
    for field in ("stature_m", "weight_kg", "bmi"):
        values = getattr(found, field)
        for sex, mine in (("male", ~female), ("female", female)):
            out[f"{field}_{sex}"] = [round(float(v), 2) for v in np.percentile(values[mine], (5, 50, 95))]
    if name == "children":
        years = age_years(shapes[:, body.shape_names.index("age")])
        for year, expected in GROWTH.items():
            for sex, mine, reference in (("boys", ~female, expected[0]), ("girls", female, expected[1])):
                near = mine & (np.abs(years - year) < 0.75)
                medians = [round(float(np.median(v[near])), 2) for v in (found.stature_m, found.bmi)]
                out[f"{sex}_{year}"] = {"stature_m_bmi": medians, "cdc": reference}
    else:
        out["references"] = REFERENCES
    return out


def faces(body: Body, shape: torch.Tensor) -> dict[str, float]:
    """Reading the bases once a process, and a face once a clip."""
    rest, rng = body.rest(shape), np.random.default_rng(0)
    start = time.perf_counter()
    expression_targets()
    with_identity(body, rest, sample_identity(rng))
    read = time.perf_counter() - start
    start = time.perf_counter()
    for _ in range(10):
        with_expression(body, with_identity(body, rest, sample_identity(rng)), sample_expression(rng))
    return {"face_bases_read_ms": read * 1e3, "face_ms": (time.perf_counter() - start) / 10 * 1e3}


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
    for name in POPULATIONS:
        print(json.dumps({"benchmark": "bodies"} | population(body, name)))
    timed = posing(body, shapes[:1]) | dressing(body, shapes[:1]) | faces(body, shapes[:1])
    times = {k: round(v, 3) for k, v in timed.items()}
    print(json.dumps({"benchmark": "bodies"} | times | statures(body, shapes)))


if __name__ == "__main__":
    main()
