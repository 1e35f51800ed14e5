"""`humansense label`: truth for real footage from fitted bodies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import tyro

from humansense.cli import console
from humansense.cli.synth import build_body_once


@dataclass
class Label:
    """Parts, depth, normals, flow and joints for real pictures, from bodies that were fitted to them.

    Give the pictures, their calibrated camera and one fit a person; the result is a set as `humansense synth` makes
    them, for training and evaluation. docs/footage.md describes the files.
    """

    examples: ClassVar[str] = """
        humansense label out/s1 --images frames/ --camera camera.json --fits person.npz
        humansense label out/h36m --images S1/Walking.mp4 --camera 54138969.json --fits mosh.npz --smpl SMPL_MALE.pkl
        humansense data show out/s1
    """

    out: tyro.conf.Positional[Path]
    """Folder of the set."""
    images: Path
    """Folder of pictures in the order of their names, or a video."""
    camera: Path
    """.json or .npz: K in pixels, R and t from the world to the camera (metres), and dist if the lens distorts."""
    fits: tuple[Path, ...]
    """One .npz a person: shape, pose, translation (humansense), or poses, betas, trans (SMPL, SMPL-H, SMPL-X)."""
    smpl: Path | None = None
    """The model file that SMPL fits belong to: yours, from its makers."""
    fps: float = 25.0
    """Frames a second of a folder of pictures."""

    def run(self) -> int:
        console.setup_logging(False)
        build_body_once()
        from humansense.synth.footage import Footage, label_footage

        with console.bar(None, "labelling", unit="frame") as bar:

            def moved(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            footage = Footage(self.images, self.camera, self.fits, self.smpl, self.fps)
            frames = label_footage(footage, self.out, moved)
        print(f"{self.out}: {frames} frames")
        return 0
