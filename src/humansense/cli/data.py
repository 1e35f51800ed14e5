"""`humansense data info | check | show`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import tyro

from humansense.cli import console
from humansense.core import HumansenseError


@dataclass
class Info:
    """What a set holds: counts, sizes, actions, how people are spread over the pictures."""

    examples: ClassVar[str] = """
        humansense data info out/set
        humansense data info out/set --json
    """

    root: tyro.conf.Positional[Path]
    """Folder of the set."""
    json: bool = False
    """Print JSON."""

    def run(self) -> int:
        from humansense.data.info import set_info

        info = set_info(self.root)
        print(json.dumps(info.to_dict()) if self.json else "\n".join(info.lines()))
        return 0


@dataclass
class Check:
    """Prove that the truth of a set agrees with itself.

    Joints reproject through the cameras within half a pixel; parts, depth, normals and persons cover the same pixels
    and fit each other; every file is whole. Ends with 2 if anything does not agree.
    """

    examples: ClassVar[str] = """
        humansense data check out/set
        humansense data check out/set --every 10     (every tenth frame)
    """

    root: tyro.conf.Positional[Path]
    """Folder of the set."""
    every: int = 1
    """Check the maps of every so many frames; files and joints are always checked in full."""
    json: bool = False
    """Print JSON."""

    def run(self) -> int:
        from humansense.data.check import check_set

        if self.every < 1:
            raise HumansenseError(f"--every is {self.every}: expected 1 or more")
        with console.bar(None, "checking", unit="frame") as bar:

            def moved(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            report = check_set(self.root, self.every, moved)
        if self.json:
            print(json.dumps(report.to_dict()))
        else:
            print(f"{self.root}: {report.clips} clips, {report.frames} frames")
            rows = [(name, f"{count - report.failed[name]} of {count} right") for name, count in report.checked.items()]
            print(console.table(rows))
            print("worst figures:\n" + console.table([(k, f"{v:.4g}") for k, v in report.worst.items()]))
            print(f"sha256 {report.digest}")
        if report.ok:
            return 0
        for failure in report.failures[:20]:
            console.note(f"  {failure}")
        total = sum(report.failed.values())
        raise HumansenseError(f"{self.root} does not agree with itself: {total} checks failed (the first are above)")


@dataclass
class Show:
    """A contact sheet of a set with every map, or a video of one clip with the maps side by side."""

    examples: ClassVar[str] = """
        humansense data show out/set                        (out/set/sheet.png)
        humansense data show out/set --samples 12 --out sheet.png
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
    clip: int | None = None
    """Number of a clip: write a video of it instead of a sheet."""

    def run(self) -> int:
        if self.samples < 1 or not 32 <= self.cell <= 2000:
            raise HumansenseError("--samples must be at least 1, and --cell 32 to 2000 pixels")
        return self._sheet() if self.clip is None else self._video(self.clip)

    def _sheet(self) -> int:
        import numpy as np

        from humansense.data.readers import open_reader
        from humansense.data.store_read import ClipSet
        from humansense.view.outputs import save_png
        from humansense.view.sheets import contact_sheet

        known = (self.root / "set.json").is_file() or not self.root.is_dir()
        source = ClipSet(self.root) if known else open_reader(self.root)
        numbers = np.unique(np.linspace(0, len(source) - 1, self.samples).round().astype(int))
        samples = [source.read(int(i)) for i in console.progress(numbers, "reading")]
        out = self.out or self.root / "sheet.png"
        save_png(contact_sheet(samples, self.cell), out)
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
