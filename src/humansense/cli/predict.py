"""`humansense predict`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from itertools import tee
from pathlib import Path
from typing import Annotated, Any, ClassVar

import tyro

from humansense.cli import console
from humansense.core import HumansenseError, atomic_path


@dataclass
class Predict:
    """Joints, parts and depth of everybody in photos and videos.

    Each input gets a folder OUT/NAME with overlay.png, parts.png, depth.png, result.json and maps.npz; a video gets
    overlay.mp4, results.jsonl (one line a frame), tracks.csv and coco.json, in which a person keeps one number.
    """

    examples: ClassVar[str] = """
        humansense predict photo.jpg --out out/
        humansense predict photo.jpg clip.mp4 folder/ --out out/
        humansense predict group.jpg --box 310,40,520,600
        humansense predict photo.jpg --flip --scales 1.0,1.25    (slower, a little better)
        humansense predict gymnasts/ --flip --turn               (slower still; for people who are not upright)
    """

    inputs: tyro.conf.Positional[tuple[Path, ...]]
    """Pictures, videos, folders of them."""
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("out")
    """Where the folders with the results go."""
    weights: str = "people-base"
    """A released name, a .safetensors file or a training folder."""
    finder: str = "finder"
    """Weights that find everybody: a released name, a .safetensors file or a training folder."""
    box: str | None = None
    """x0,y0,x1,y1 in pixels: look at the person there alone. By default everybody is found."""
    max_people: int = 100
    """Look at so many people of a picture at most, the surest first."""
    flip: bool = False
    """Also look at the mirrored crop and average (twice the time)."""
    turn: bool = False
    """Also look at the crop turned by quarters and take the surest, for who lies or stands on the head (four times)."""
    scales: str = "1.0"
    """Enlargements of the crop to average over, for example 1.0,1.25."""
    found_score: float | None = None
    """Below this score (0..1) nobody is there."""
    smooth: bool = True
    """Videos: take the trembling out of the joints."""
    every: int = 1
    """Videos: look at one of so many frames."""
    max_gap: float = 1.5
    """Videos: seconds after which somebody out of sight comes back as somebody new."""
    recursive: bool = False
    """Search folders within folders."""
    device: str = "cpu"
    """cpu, or cuda where there is one."""
    threads: int = 0
    """Threads to compute with; 0: as many as there are cores."""

    def run(self) -> int:
        console.setup_logging(False)
        jobs, failures = self._jobs()
        threads = console.thread_count(self.threads)
        # Of many photos each gets one thread, and as many are read at once; a single input gets them all.
        console.set_threads(1 if len(jobs) > 1 else threads)
        options = self._video_options()
        predictor = self._predictor()
        box = None if self.box is None else console.numbers(self.box, "--box", 4)
        with ThreadPoolExecutor(threads) as pool:
            lines = [
                partial(one_input, predictor, *job, box, options)  # a video shows how far it is: one at a time
                if is_video(job[0])
                else pool.submit(one_photo, predictor, *job, box).result
                for job in jobs
            ]
            try:
                for line in console.progress(lines, "predicting", unit="file") if len(jobs) > 1 else lines:
                    try:
                        print(line(), flush=True)
                    except HumansenseError as error:
                        failures.append(str(error))
                        if len(jobs) > 1:
                            console.report_error(str(error))
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
        return summary(failures, len(jobs))

    def _predictor(self) -> Any:
        from humansense.predict import Predictor, PredictSettings

        options: dict[str, Any] = {} if self.found_score is None else {"found_score": self.found_score}
        scales = console.numbers(self.scales, "--scales")
        options |= {"finder": self.finder, "max_people": self.max_people}
        options |= {"flip": self.flip, "turn": self.turn, "scales": scales, "device": self.device}
        settings = PredictSettings(weights=self.weights, **options)
        return Predictor(settings)

    def _video_options(self) -> VideoOptions:
        from humansense.predict.smooth import SmoothSettings
        from humansense.predict.track import TrackSettings

        if self.every < 1:
            raise HumansenseError(f"--every is {self.every}: expected 1 (all frames) or more")
        smooth = SmoothSettings() if self.smooth else None
        track = TrackSettings(max_gap_s=self.max_gap, smooth=smooth)
        if self.found_score is not None:  # whoever is found by a lower level is followed by it too
            track = replace(track, confident=min(max(self.found_score, 0.0), track.confident))
        return VideoOptions(track, self.every)

    def _jobs(self) -> tuple[list[tuple[Path, Path]], list[str]]:
        """((input, folder of its results) ..., what cannot be used at all)."""
        if not self.inputs:
            raise HumansenseError("nothing to predict on: give pictures, videos or folders")
        if self.out.exists() and not self.out.is_dir():
            raise HumansenseError(f"--out {self.out} is a file: give a folder")
        files, failures = [], []
        for path in self.inputs:
            found = list(files_of(path, self.recursive, self.out)) if path.is_dir() else [path]
            if not found:
                inside = "" if self.recursive else " (folders within are searched with --recursive)"
                failures.append(f"folder {path} holds no picture and no video{inside}")
            files += [f for f in found if f not in files]
        if not files:
            raise HumansenseError("; ".join(failures))
        return list(zip(files, result_folders(files, self.out), strict=True)), failures


def files_of(folder: Path, recursive: bool, out: Path) -> Iterator[Path]:
    """Pictures and videos in a folder by name, without hidden ones and without earlier results."""
    from humansense.predict.pictures import PICTURE_SUFFIXES
    from humansense.video import VIDEO_SUFFIXES

    for path in sorted(folder.rglob("*") if recursive else folder.iterdir()):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        known = path.suffix.lower() in PICTURE_SUFFIXES | VIDEO_SUFFIXES
        if known and not hidden and path.is_file() and out.resolve() not in path.resolve().parents:
            yield path


def result_folders(files: list[Path], out: Path) -> list[Path]:
    """OUT/stem for each file; where stems collide the suffix joins in, and then a number, so that nothing is lost."""
    stems = [(f.stem.strip(". ") or "picture") for f in files]
    names: list[str] = []
    taken: set[str] = set()
    for file, stem in zip(files, stems, strict=True):
        alone = sum(other.casefold() == stem.casefold() for other in stems) == 1
        base = stem if alone else f"{stem}_{file.suffix.lstrip('.').lower()}".rstrip("_")
        name, number = base, 1
        while name.casefold() in taken:
            number += 1
            name = f"{base}-{number}"
        taken.add(name.casefold())
        names.append(name)
    return [out / name for name in names]


@dataclass(frozen=True)
class VideoOptions:
    """How people are followed (`TrackSettings`; None: its defaults), and one of how many frames is looked at."""

    track: Any = None
    every: int = 1


def one_input(predictor: Any, source: Path, folder: Path, box: Any, options: VideoOptions | None = None) -> str:
    """Predict on one file and write its results; returns the line to print."""
    if is_video(source):
        return one_video(predictor, source, folder, box, options)
    return one_photo(predictor, source, folder, box)


def is_video(path: Path) -> bool:
    """By its suffix."""
    from humansense.video import VIDEO_SUFFIXES

    return path.suffix.lower() in VIDEO_SUFFIXES


def one_photo(predictor: Any, source: Path, folder: Path, box: Any) -> str:
    """Results of a photo in `folder`."""
    import numpy as np

    from humansense.predict import read_picture, write_results
    from humansense.predict.results import who_was_found
    from humansense.view.outputs import write_pictures

    picture = read_picture(source)
    if box is not None:
        box = np.asarray(box) / np.tile(np.diag(picture.to_file)[:2], 2)
    prediction = predictor(picture, box)
    write_pictures(prediction, folder)
    write_results(prediction, folder, picture)
    where = f"-> {console.relative(folder)}/"
    head = f"{source}: {who_was_found(prediction)} (score {prediction.score:.2f})"
    if not prediction.found:
        return f"{head} {where}"
    sure = sum(int((person.joint_scores >= 0.3).sum()) for person in prediction.people)
    joints = f"{sure} of {len(prediction.people) * len(prediction.joints)} joints"
    return f"{head}, {joints}, {prediction.timings_ms['total']:.0f} ms {where}"


def one_video(predictor: Any, source: Path, folder: Path, box: Any, options: VideoOptions | None = None) -> str:
    """Overlay, JSON lines, CSV and COCO of a video in `folder`; they appear only when the whole video is done."""
    from humansense.predict.results import result_json
    from humansense.predict.tables import CocoWriter, TrackTable
    from humansense.predict.track import clock_s, follow
    from humansense.video import VideoWriter, frame_times, probe_video
    from humansense.view import draw

    options = options or VideoOptions()
    info, every = probe_video(source), options.every
    given = {} if box is None else {"box": box}
    given |= {} if every == 1 else {"every": every}
    found = frames = 0
    seen: set[int] = set()
    with ExitStack() as stack:
        lines_path = stack.enter_context(atomic_path(folder / "results.jsonl"))
        lines = stack.enter_context(lines_path.open("w", encoding="utf-8"))
        table = stack.enter_context(TrackTable(folder / "tracks.csv"))
        coco = stack.enter_context(CocoWriter(folder / "coco.json", source.name))
        video = stack.enter_context(VideoWriter(folder / "overlay.mp4", fps=info.fps / every))
        bar = stack.enter_context(console.bar(-(-info.frames // every) or None, source.name, unit="frame"))
        clock, again = tee(clock_s(info.fps / every, frame_times(source)[::every]))
        people = follow(predictor.frames(source, **given), info.fps / every, options.track, clock)
        for prediction, time_s in zip(people, again, strict=False):
            number = frames * every
            line = {"frame": number, "time_s": round(time_s, 4), **result_json(prediction)}
            lines.write(json.dumps(line) + "\n")
            table.write(prediction, number, time_s)
            coco.write(prediction, number, time_s)
            painted = draw.draw_tracks(
                draw.blend_parts(prediction.image, prediction.parts, strength=0.4), prediction.people
            )
            video.write(draw.fit(painted, 1920, 1920))
            frames += 1
            found += prediction.found
            seen |= {person.track_id for person in prediction.people if person.track_id is not None}
            bar.update(1)
    who = f"{len(seen)} {'person' if len(seen) == 1 else 'people'} followed"
    return f"{source}: somebody found in {found} of {frames} frames, {who} -> {console.relative(folder)}/"


def summary(failures: list[str], count: int) -> int:
    """List what failed; 2 if anything did."""
    if not failures:
        return 0
    if count <= 1 and len(failures) == 1:
        raise HumansenseError(failures[0])
    console.note(f"humansense: {len(failures)} of {max(count, len(failures))} inputs failed:")
    for failure in failures:
        console.note(f"  {failure}")
    return 2
