"""Exporting a set clip by clip, on as many processes as asked; an interrupted export goes on where it stopped.

`home/export.json` says of which set and with which options an export is; another one is never mixed into it.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import cv2

from humansense.core import HumansenseError, atomic_path
from humansense.data.export.values import Exporter, ExportReport, ExportSettings
from humansense.data.store_read import ClipEntry, ClipSet

Progress = Callable[[int, int], None]

PLACES = (".", "run0", "images", "parts")
"""Folders of an export in which clips are under way."""


def run_export(exporter: Exporter, settings: ExportSettings, progress: Progress | None = None) -> ExportReport:
    """Write what is missing of the export; `progress(frames done, frames in all)` after each clip.

    Raises `HumansenseError` for a folder that is no set, a set of which no clip fits the layout, an output folder that
    holds something else, and a full disk; what is whole stays.
    """
    clips = ClipSet(settings.root, maps=())
    home = exporter.home(settings)
    report = ExportReport(home)
    taken = _choose(exporter, clips, report)
    _start(home, clips, settings)
    _sweep(home)
    missing = exporter.missing(home, taken)
    total, left = (sum(clip.frames for clip in some) for some in (taken, missing))
    report.clips, report.frames, done = len(taken), total, total - left
    if progress:
        progress(done, total)
    for frames in _write(exporter, clips, missing, home, settings):
        done += frames
        report.written += frames
        if progress:
            progress(done, total)
    exporter.finish(clips, taken, home)
    return report


def _choose(exporter: Exporter, clips: ClipSet, report: ExportReport) -> list[ClipEntry]:
    taken = []
    for clip in clips.clips:
        reason = exporter.refused(clip)
        if reason:
            report.refused[reason] += 1
        else:
            taken.append(clip)
            report.remarks.update(exporter.remarks(clips, clip))
    if not taken:
        reasons = "; ".join(f"{count} of {len(clips.clips)} {reason}" for reason, count in report.refused.items())
        raise HumansenseError(
            f"{clips.root} has no clip to export as {exporter.title}: {reasons}. Use another --format"
        )
    return taken


def _description(clips: ClipSet, settings: ExportSettings) -> dict[str, Any]:
    return {"format": "humansense-export", "layout": settings.layout, "masks": settings.masks, "set": clips.settings}


def _start(home: Path, clips: ClipSet, settings: ExportSettings) -> None:
    path, content = home / "export.json", _description(clips, settings)
    if not path.is_file():
        if home.is_dir() and any(not p.name.endswith(".partial.json") for p in home.iterdir()):
            raise HumansenseError(f"{home} holds other files: choose another folder, an export is not mixed into them")
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        return
    try:
        there = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise HumansenseError(f"{path} cannot be read ({error}): choose another folder or delete it") from error
    if there != content:
        differs = [key for key in content if not isinstance(there, dict) or there.get(key) != content[key]]
        raise HumansenseError(
            f"{home} holds an export with another {', '.join(differs) or 'description'}: choose another folder, or "
            "delete this one, or ask for the same again to resume it"
        )


def _sweep(home: Path) -> None:
    """Take away what killed processes left."""
    for leftover in [path for place in PLACES for path in (home / place).glob(".*.partial*")]:
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def _job(exporter: Exporter, clips: ClipSet, clip: ClipEntry, home: Path, settings: ExportSettings) -> int:
    exporter.write_clip(clips, clip, home, settings)
    return clip.frames


_worker: dict[str, Any] = {}
"""What a worker process works on: sent once, for the index of a long set is long."""


def _start_worker(exporter: Exporter, clips: ClipSet, home: Path, settings: ExportSettings) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops the workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cv2.setNumThreads(1)
    _worker.update(exporter=exporter, clips=clips, home=home, settings=settings)


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for its next clip for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _worker_job(clip: ClipEntry) -> int:
    return _job(clip=clip, **_worker)


def _write(
    exporter: Exporter, clips: ClipSet, missing: Sequence[ClipEntry], home: Path, settings: ExportSettings
) -> Iterator[int]:
    workers = min(settings.workers, len(missing), os.cpu_count() or 1)
    if workers <= 1:
        for clip in missing:
            yield _job(exporter, clips, clip, home, settings)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, _start_worker, (exporter, clips, home, settings))
    try:
        pending = {pool.submit(_worker_job, clip) for clip in missing}
        while pending:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    except BrokenProcessPool as error:
        raise HumansenseError(
            "a worker was killed, perhaps for want of memory: run the same command again to go on where it stopped, "
            "with fewer --workers if it happens again"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)  # the clips under way are finished, and kept
