"""`humansense data info | check | show | export`; `data list` is in datasets.py."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import tyro

from humansense.cli import console
from humansense.core import HumansenseError

if TYPE_CHECKING:
    from humansense.data.check_report import CheckReport
    from humansense.data.info import SetInfo


@dataclass
class Info:
    """What a set holds: how many subjects, sequences, clips and frames, and how varied its people are.

    For a folder with a train and a test set, both and their total.
    """

    examples: ClassVar[str] = """
        humansense data info out/set
        humansense data info out/set --json
        humansense data info out/set --pictures             (out/set/variety: views, poses, bodies, garments ...)
    """

    root: tyro.conf.Positional[Path]
    """Folder of the set, or of its train and test."""
    json: bool = False
    """Print JSON."""
    pictures: bool = False
    """Write the variety as pictures, too."""
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """With --pictures: folder to write them to; by default `variety` in the set's folder."""

    def run(self) -> int:
        from humansense.data.info import set_info, split_roots, split_table, table_lines

        if self.out is not None and not self.pictures:
            raise HumansenseError("--out is where the pictures go: give --pictures with it")
        roots = split_roots(self.root)
        infos = {name: set_info(path) for name, path in roots.items()}
        rows = split_table(infos)
        if self.json and "" in infos:
            print(json.dumps(infos[""].to_dict()))
        elif self.json:
            sets = {name: info.to_dict() for name, info in infos.items()}
            print(json.dumps({"table": [asdict(row) for row in rows], "sets": sets}))
        else:
            blocks = [info.lines() for info in infos.values()]
            print("\n\n".join("\n".join(lines) for lines in [table_lines(rows), *blocks]))
        if self.pictures:
            self._draw(roots, infos)
        return 0

    def _draw(self, roots: dict[str, Path], infos: dict[str, SetInfo]) -> None:
        from humansense.data.store_read import ClipSet
        from humansense.view.variety import write_variety

        for name, path in roots.items():
            folder = self.out / name if self.out else path / "variety"
            for picture in write_variety(ClipSet(path), infos[name], folder):
                console.note(str(picture))


@dataclass
class Check:
    """Prove that the truth of a set agrees with itself.

    Joints reproject through the cameras within half a pixel; all maps cover the same pixels and fit each other; flow
    leads to the same place of the same person and back; every file is whole. Ends with 2 if anything does not agree.
    """

    examples: ClassVar[str] = """
        humansense data check out/set
        humansense data check out/set --every 10     (every tenth frame)
    """

    root: tyro.conf.Positional[Path]
    """Folder of the set, or of its train and test."""
    every: int = 1
    """Check the maps of every so many frames; files and joints are always checked in full."""
    workers: int = 2
    """Processes."""
    json: bool = False
    """Print JSON."""

    def run(self) -> int:
        from humansense.data.check import check_set
        from humansense.data.info import split_roots

        for name in ("every", "workers"):
            if getattr(self, name) < 1:
                raise HumansenseError(f"--{name} is {getattr(self, name)}: expected 1 or more")
        reports = {}
        for name, root in split_roots(self.root).items():
            with console.bar(None, f"checking {name}".strip(), unit="frame") as bar:

                def moved(done: int, total: int) -> None:
                    bar.total = total
                    bar.update(done - bar.n)

                start = time.perf_counter()
                reports[name] = check_set(root, self.every, moved, self.workers)
                seconds = time.perf_counter() - start
            if not self.json:
                self._print(root, reports[name], seconds)
        if self.json:
            found = {name: report.to_dict() for name, report in reports.items()}
            print(json.dumps(found.get("", found)))
        failed = sum(sum(report.failed.values()) for report in reports.values())
        if not failed:
            return 0
        for failure in [failure for report in reports.values() for failure in report.failures][:20]:
            console.note(f"  {failure}")
        raise HumansenseError(f"{self.root} does not agree with itself: {failed} checks failed (the first are above)")

    def _print(self, root: Path, report: CheckReport, seconds: float) -> None:
        speed = report.frames / self.every / seconds
        print(f"{root}: {report.clips} clips, {report.frames} frames, {speed:.0f} checked a second")
        rows = [(name, f"{count - report.failed[name]} of {count} right") for name, count in report.checked.items()]
        print(console.table(rows))
        print("worst figures:\n" + console.table([(k, f"{v:.4g}") for k, v in report.worst.items()]))
        print(f"sha256 {report.digest}")


@dataclass
class Show:
    """A sheet of a set with every map, a sheet of random pictures, or a video of a clip with its maps side by side."""

    examples: ClassVar[str] = """
        humansense data show out/set                        (out/set/sheet.png)
        humansense data show out/set --samples 12 --out sheet.png
        humansense data show out/set --random 60 --seed 1   (out/set/random.png: pictures alone)
        humansense data show out/set --clip 3 --out clip.mp4
    """

    root: tyro.conf.Positional[Path]
    """Folder of the set, or of a real dataset in its own layout."""
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """Picture or, with --clip, video to write; by default beside the set's files."""
    samples: int = 8
    """Frames on the sheet, spread evenly over the set."""
    cell: int = 240
    """Width of one picture on the sheet in pixels."""
    random: int | None = None
    """So many random frames, their pictures alone."""
    seed: int = 0
    """With --random: which frames."""
    clip: int | None = None
    """Number of a clip: write a video of it instead of a sheet."""

    def run(self) -> int:
        if self.samples < 1 or not 32 <= self.cell <= 2000:
            raise HumansenseError("--samples must be at least 1, and --cell 32 to 2000 pixels")
        if self.random is not None and (self.random < 1 or self.clip is not None):
            raise HumansenseError("--random must be at least 1, and does not go with --clip")
        return self._sheet() if self.clip is None else self._video(self.clip)

    def _sheet(self) -> int:
        import numpy as np

        from humansense.data.readers import open_reader
        from humansense.data.store_read import ALL_MAPS, ClipSet
        from humansense.view.outputs import save_png
        from humansense.view.sheets import contact_sheet, picture_sheet

        known = (self.root / "set.json").is_file() or not self.root.is_dir()
        source = ClipSet(self.root, maps=ALL_MAPS if self.random is None else ()) if known else open_reader(self.root)
        if self.random is None:
            numbers = np.unique(np.linspace(0, len(source) - 1, self.samples).round().astype(int))
        else:
            chosen = np.random.default_rng(self.seed).choice(len(source), min(self.random, len(source)), replace=False)
            numbers = np.sort(chosen)
        samples = (source.read(int(i)) for i in console.progress(numbers, "reading"))
        if self.random is None:
            sheet, name = contact_sheet(list(samples), self.cell), "sheet.png"
        else:
            sheet, name = picture_sheet(samples, self.cell), "random.png"
        out = self.out or self.root / name
        save_png(sheet, out)
        print(out)
        return 0

    def _video(self, number: int) -> int:
        from humansense.data.store_read import ClipSet
        from humansense.view.sheets import clip_video

        clips = ClipSet(self.root)
        if not 0 <= number < len(clips.clips):
            raise HumansenseError(f"--clip is {number}: {self.root} has clips 0 to {len(clips.clips) - 1}")
        clip = clips.clips[number]
        frames = console.progress(range(clip.start, clip.start + clip.frames), "drawing", unit="frame")
        out = self.out or self.root / f"{clip.key}.mp4"
        clip_video((clips.read(i) for i in frames), out, fps=float(clips.clip_info(clip).get("fps", 25.0)))
        print(out)
        return 0


@dataclass
class Export:
    """Write a set in a layout that other programs read: SURREAL's, COCO's, or plain folders.

    A run that was stopped goes on where it was; clips that are whole are left as they are. docs/export.md describes
    the files.
    """

    examples: ClassVar[str] = """
        humansense data export out/set out/surreal --format surreal --split-name train
        humansense data export out/set out/coco --format coco
        humansense data export out/set out/files --format folders --workers 4
    """

    root: tyro.conf.Positional[Path]
    """Folder of the set."""
    out: tyro.conf.Positional[Path]
    """Folder to write to."""
    format: str
    """surreal, coco or folders."""
    split_name: str | None = None
    """With surreal: the split's folder, OUT/cmu/NAME; train where it is not given."""
    masks: str = "rle"
    """With coco: rle (compressed run lengths) or counts (plain ones)."""
    workers: int = 2
    """Processes."""

    def run(self) -> int:
        from humansense.data.export import EXPORTERS, ExportSettings, export_set

        if self.format not in EXPORTERS:
            raise HumansenseError(f"--format is {self.format!r}: expected one of {', '.join(EXPORTERS)}")
        if self.split_name is not None and self.format != "surreal":
            raise HumansenseError(f"--split-name belongs to --format surreal: leave it out with {self.format}")
        settings = ExportSettings(
            self.root, self.out, self.format, self.split_name or "train", self.workers, self.masks
        )
        start, first = time.perf_counter(), -1
        with console.bar(None, "exporting", unit="frame") as bar:

            def moved(done: int, total: int) -> None:
                nonlocal first
                first = done if first < 0 else first
                bar.total, bar.initial, bar.n = total, first, done
                if time.perf_counter() - start > 1:
                    bar.refresh()

            report = export_set(settings, moved)
        every = report.clips + sum(report.refused.values())
        for reason, count in report.refused.items():
            console.note(f"{count} of {every} clips were left out: they {reason}")
        for remark, count in report.remarks.items():
            console.note(f"{count} of {report.clips} exported clips {remark}")
        before = report.frames - report.written
        there = f" ({before} were there before)" if before else ""
        print(f"{report.home}: {report.clips} clips, {report.frames} frames as {EXPORTERS[self.format].title}{there}")
        return 0
