"""Is a joint right as often as its score says? One JSON line, and a plot.

    python benchmarks/confidence.py --fit out/test_wild [--check lspet:PHOTOS] [--plot docs/images/confidence.png]

A joint is right when it lies within 0.2 of the person's torso (left shoulder to right hip) of the truth; a joint that
lies outside the crop, where it cannot be put, is wrong. `fit`: the bias and scale (`predict.calibration.Calibration`)
that turn the net's own score into that chance, by logistic regression on every second person of the set `--fit`, for
the row of the weights in `predict/released.py`. `ece_*`: expected calibration error in ten bins of as many joints each
(Naeini 2015): of the net's own scores, and of the fitted ones on the other half and on `--check`, real photos that
nothing is fitted to.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from scipy.optimize import minimize

from humansense.core import joint_set
from humansense.predict import find_weights
from humansense.predict.calibration import Calibration, logit
from humansense.tasks import load_task
from humansense.train import eval_batches

BINS = 10


def scores_and_hits(weights: str, data: str, limit: int | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(score of each known joint, whether it is right, number of its person)."""
    task, net = load_task(find_weights(weights))
    names = joint_set(task.settings.joint_set)
    shoulder, hip = names.index("left_shoulder"), names.index("right_hip")
    scores, hits, people, count = [], [], [], 0
    with torch.inference_mode():
        for batch in eval_batches(task, data, limit):
            results = task.decode(net(task.inputs(batch.images)))
            torso = (batch.joints[:, shoulder] - batch.joints[:, hip]).norm(dim=-1)
            right = (results["joints"] - batch.joints).norm(dim=-1) <= 0.2 * torso[:, None]
            known = torch.isfinite(batch.joints).all(-1) & torch.isfinite(torso)[:, None]
            number = torch.arange(count, count + len(batch))[:, None].expand_as(known)
            for list_, values in ((scores, results["joint_scores"]), (hits, right), (people, number)):
                list_.append(values[known].numpy())
            count += len(batch)
    return np.concatenate(scores), np.concatenate(hits), np.concatenate(people)


def fit(scores: np.ndarray, hits: np.ndarray) -> Calibration:
    """Bias and scale by maximum likelihood (Platt 1999)."""
    values, sign = logit(scores), np.where(hits, -1.0, 1.0)
    found = minimize(
        lambda x: float(np.logaddexp(0, sign * (values - x[0]) * x[1]).mean()), [0.0, 1.0], method="Nelder-Mead"
    )
    return Calibration(round(float(found.x[0]), 2), round(float(1 / found.x[1]), 2))


def reliability(stated: np.ndarray, hits: np.ndarray) -> list[tuple[float, float]]:
    """(mean stated, share that is right) of `BINS` bins of as many joints each."""
    order = np.array_split(np.argsort(stated, kind="stable"), BINS)
    return [(float(stated[rows].mean()), float(hits[rows].mean())) for rows in order]


def error(rows: list[tuple[float, float]]) -> float:
    """Expected calibration error."""
    return round(float(np.mean([abs(stated - seen) for stated, seen in rows])), 4)


def plot(curves: dict[str, list[tuple[float, float]]], path: Path) -> None:
    """Stated against observed, one line a set."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, 4.2), dpi=120)
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1, linestyle="--")
    for name, rows in curves.items():
        axes.plot(*zip(*rows, strict=True), marker="o", markersize=4, label=name)
    axes.set(xlabel="stated chance", ylabel="share of joints that are right", xlim=(0, 1), ylim=(0, 1))
    axes.legend(loc="upper left", frameon=False)
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="people-base")
    parser.add_argument("--fit", required=True)
    parser.add_argument("--check")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    scores, hits, people = scores_and_hits(options.weights, options.fit, options.limit)
    half = people % 2 == 0
    fitted = fit(scores[half], hits[half])
    row: dict[str, object] = {"benchmark": "confidence", "weights": options.weights, "joints": len(scores)}
    row["fit"] = {"bias": fitted.bias, "scale": fitted.scale}
    rest, seen = scores[~half], hits[~half]
    curves = {"synthetic": reliability(fitted.probability(logit(rest)), seen)}
    row |= {"ece_own": error(reliability(rest, seen)), "ece_synthetic": error(curves["synthetic"])}
    if options.check:
        photos, right, _ = scores_and_hits(options.weights, options.check, options.limit)
        curves["real photos"] = reliability(fitted.probability(logit(photos)), right)
        row |= {"ece_check_own": error(reliability(photos, right)), "ece_check": error(curves["real photos"])}
    if options.plot:
        plot(curves, options.plot)
    print(json.dumps(row))


if __name__ == "__main__":
    main()
