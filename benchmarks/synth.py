"""Synthesis with every map written: frames/s, KB a frame, peak memory. Prints one JSON line.

    python benchmarks/synth.py --preset surreal --clips 20 --frames 100 --workers 2

`fps_whole` includes the start of the workers (imports, body); `fps_steady` counts from the first finished shard on.
"""

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

from humansense.synth import SynthSettings, make_set


def measure(arguments: argparse.Namespace) -> dict[str, object]:
    marks: list[tuple[float, int]] = []
    with tempfile.TemporaryDirectory() as folder:
        settings = SynthSettings(
            Path(folder) / "set",
            clips=arguments.clips,
            frames=arguments.frames,
            workers=arguments.workers,
            preset=arguments.preset,
            motion=arguments.motion,
            seed=7,
        )
        start = time.perf_counter()
        frames = make_set(settings, lambda done, total: marks.append((time.perf_counter(), done)))
        seconds = time.perf_counter() - start
        size = sum(path.stat().st_size for path in settings.out.rglob("*") if path.is_file())
    first, last = marks[1], marks[-1]
    steady = (last[1] - first[1]) / (last[0] - first[0]) if last[1] > first[1] else float("nan")
    return {
        "benchmark": "synth",
        "preset": arguments.preset,
        "frames": frames,
        "workers": arguments.workers,
        "fps_whole": round(frames / seconds, 1),
        "fps_steady": round(steady, 1),
        "kb_per_frame": round(size / frames / 1e3, 1),
        "worker_peak_gb": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="surreal")
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--motion", type=Path, default=None)
    print(json.dumps(measure(parser.parse_args())))


if __name__ == "__main__":
    main()
