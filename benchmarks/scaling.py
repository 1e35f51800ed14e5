"""How the cost of a set grows with frames and with workers, and what the dry run said before. Prints one JSON line.

    python benchmarks/scaling.py --frames 200 400 800 --workers 1 2

Each cell of `seconds` is [measured, predicted], with the start of the workers, of a set of clips of 100 frames (a shard
each). For each number of workers a line is laid through the measured seconds: `start_s` + frames / `fps`; `r2` is 1
where the cost is linear in frames. `speedup`: how much faster than the first number of workers; the ideal is their
ratio, up to the cores. `bytes`: of the largest set, [measured, predicted]. Run it on a machine that does nothing else.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from humansense.bodies import load_body
from humansense.synth import SynthSettings, make_set
from humansense.synth.estimate import estimate


def fit(frames: list[int], seconds: list[float]) -> tuple[float, float, float]:
    """Intercept, slope and coefficient of determination of the least-squares line."""
    slope, intercept = np.polyfit(frames, seconds, 1)
    rest = np.array(seconds) - (intercept + slope * np.array(frames))
    spread = np.array(seconds) - np.mean(seconds)
    return float(intercept), float(slope), float(1 - (rest @ rest) / max(spread @ spread, 1e-12))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, nargs="+", default=[200, 400, 800], help="multiples of 100")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--preset", default="surreal")
    parser.add_argument("--size", type=int, nargs=2, default=(240, 320), metavar=("H", "W"))
    args = parser.parse_args()
    load_body()

    seconds: dict[str, dict[str, list[float]]] = {}
    lines: dict[str, dict[str, float]] = {}
    sizes: list[int] = []
    for workers in args.workers:
        cells: dict[str, list[float]] = {}
        for frames in args.frames:
            with tempfile.TemporaryDirectory() as folder:
                settings = SynthSettings(
                    Path(folder) / "set",
                    clips=max(1, frames // 100),
                    frames=100,
                    size=tuple(args.size),
                    seed=7,
                    workers=workers,
                    preset=args.preset,
                )
                predicted = estimate(settings)
                begin = time.perf_counter()
                make_set(settings)
                cells[str(frames)] = [round(time.perf_counter() - begin, 1), round(predicted.seconds, 1)]
                sizes = [sum(p.stat().st_size for p in settings.out.rglob("*.*")), predicted.bytes]
        intercept, slope, r2 = fit(args.frames, [cells[str(f)][0] for f in args.frames])
        seconds[str(workers)] = cells
        lines[str(workers)] = {"start_s": round(intercept, 1), "fps": round(1 / slope, 1), "r2": round(r2, 3)}
    first = lines[str(args.workers[0])]["fps"]
    line = {
        "benchmark": "scaling",
        "preset": args.preset,
        "seconds": seconds,
        "lines": lines,
        "speedup": {w: round(row["fps"] / first, 2) for w, row in lines.items()},
        "bytes": sizes,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
