"""Backgrounds that a user brings: folders of pictures, LSUN's lmdb databases, videos.

An entry is one string: `places/a.jpg`, `bedroom_train_lmdb#KEY` (a folder with `data.mdb` and a key in it), `film.mp4`.
Listing looks at names and at the first bytes of pictures; an entry is decoded when a clip opens it. People in a user's
pictures cannot be known: they get no labels, so give pictures without people.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, repeat
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes, unquote_to_bytes

import cv2
import numpy as np

from humansense.core import HumansenseError
from humansense.synth.noise import Image, Rng, between, chance
from humansense.video.read import VIDEO_SUFFIXES, probe_video, read_frames

log = logging.getLogger(__name__)

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
DATABASE = "data.mdb"
MOST_KEYS = 50_000  # of a database: more are thinned out evenly, as every process holds the list
MOST_SKIPPED = 1500  # frames of a video that a clip may have to decode before its own
_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"


@dataclass(frozen=True)
class Backdrop:
    """What is behind the people of a clip.

    pictures: one (H, W, 3) uint8 RGB a frame. static: all are one picture, so that its flow is zero; a video's is not
    known.
    """

    pictures: Iterator[Image]
    static: bool


def find_backgrounds(path: str | Path) -> tuple[str, ...]:
    """The entries below a folder, or the one that a file is, sorted.

    A folder may hold pictures, videos and databases in any mixture. Files with the suffix of a picture that do not
    begin like one are left out, with one warning. Raises `HumansenseError` where nothing is left.
    """
    root = Path(path)
    if root.is_file():
        if root.suffix.lower() in VIDEO_SUFFIXES:
            probe_video(root)
            return (str(root),)
        read_picture(root)
        return (str(root),)
    if not root.is_dir():
        raise HumansenseError(
            f"{root}: no such folder or file; --backgrounds expects pictures, a video or an LSUN lmdb"
        )
    entries: list[str] = []
    broken: list[Path] = []
    for file in sorted(root.rglob("*")):
        suffix = file.suffix.lower()
        if suffix in SUFFIXES and file.is_file():
            if cv2.haveImageReader(str(file)):
                entries.append(str(file))
            else:
                broken.append(file)
        elif suffix in VIDEO_SUFFIXES and file.is_file():
            entries.append(str(file))
        elif file.name == DATABASE:
            entries += _keys(file.parent)
    if broken:
        named = ", ".join(str(file) for file in broken[:3])
        log.warning("%d of the files below %s are not pictures and are left out: %s", len(broken), root, named)
    if not entries:
        raise HumansenseError(
            f"{root}: no picture that can be read below it; put {', '.join(SUFFIXES[:4])} files, videos or an LSUN "
            "lmdb there, or leave the option out for procedural backgrounds"
        )
    return tuple(entries)


def find_pictures(path: str | Path, option: str = "--images") -> tuple[str, ...]:
    """All picture files below a folder, sorted. `option` names the folder in the message where there is none."""
    folder = Path(path)
    if not folder.is_dir():
        raise HumansenseError(f"{folder}: no such folder; {option} expects a folder of pictures")
    files = tuple(str(p) for p in sorted(folder.rglob("*")) if p.suffix.lower() in SUFFIXES and p.is_file())
    if not any(cv2.haveImageReader(file) for file in files):
        raise HumansenseError(
            f"{folder}: no picture that can be read below it; {option} expects {', '.join(SUFFIXES[:4])} files there"
        )
    return files


def open_entry(entry: str, rng: np.random.Generator, size: tuple[int, int], frames: int = 1) -> Backdrop:
    """The backdrop of a clip of so many frames, `size` = (H, W): a random crop, mirrored half of the time.

    A video runs frame by frame from a random place, with one crop for all frames; one that is shorter than the clip
    runs back and forth. Raises `HumansenseError` for an entry that cannot be read.
    """
    if Path(entry).suffix.lower() in VIDEO_SUFFIXES:
        return Backdrop(_moving(entry, rng, size, frames), static=False)
    picture = _from_database(entry) if _is_key(entry) else read_picture(entry)
    return Backdrop(repeat(Crop.draw(rng, picture.shape[:2], size).of(picture), frames), static=True)


@dataclass(frozen=True)
class Crop:
    """A part of a picture, resized and perhaps mirrored. y, x, height, width: of the part, pixels. size: (H, W)."""

    y: int
    x: int
    height: int
    width: int
    size: tuple[int, int]
    mirror: bool

    @staticmethod
    def draw(rng: Rng, picture: tuple[int, int], size: tuple[int, int]) -> Crop:
        """The largest part of the wanted shape, or down to half of it, anywhere in a picture of (H, W)."""
        rows, columns = picture
        height, width = size
        scale = min(rows / height, columns / width) * between(rng, 0.5, 1.0)
        h, w = max(1, min(rows, round(height * scale))), max(1, min(columns, round(width * scale)))
        y, x = int(rng.integers(0, rows - h + 1)), int(rng.integers(0, columns - w + 1))
        return Crop(y, x, h, w, size, chance(rng, 0.5))

    def of(self, picture: Image) -> Image:
        """(H, W, 3) of `size`."""
        part = picture[self.y : self.y + self.height, self.x : self.x + self.width]
        shrinks = self.height > self.size[0] or self.width > self.size[1]
        flag = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
        resized = cv2.resize(part, self.size[::-1], interpolation=flag)
        return cv2.flip(resized, 1) if self.mirror else resized


def read_picture(path: str | Path) -> Image:
    """A picture file, upright, (H, W, 3) uint8 RGB."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise HumansenseError(f"{path}: cannot be read ({error.strerror}); check the file or remove it") from error
    return _decoded(data, str(path))


def _decoded(data: bytes, name: str) -> Image:
    # A JPEG that is cut short decodes to a picture whose lower part is grey.
    cut = data[:2] == _JPEG_START and data.rfind(_JPEG_END) < len(data) // 2
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data and not cut else None
    except cv2.error:  # larger than OpenCV allows
        picture = None
    if picture is None:
        raise HumansenseError(f"{name}: not a picture that can be decoded; repair it or remove it from the folder")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def _moving(entry: str, rng: Rng, size: tuple[int, int], frames: int) -> Iterator[Image]:
    """Frames of a video; what decides them is drawn, and the first one read, before the first is asked for."""
    info = probe_video(entry)
    crop = Crop.draw(rng, info.size, size)
    start = int(rng.integers(0, min(max(0, info.frames - frames), MOST_SKIPPED) + 1))
    return _played(entry, info.size, crop, start, frames)


def _played(entry: str, full: tuple[int, int], crop: Crop, start: int, frames: int) -> Iterator[Image]:
    shown: list[Image] = []
    for number, frame in enumerate(read_frames(entry)):
        # The container may have promised more frames than there are: the last ones are kept from the beginning on.
        if number < start:
            continue
        if frame.shape[:2] != full:  # a stream may change its size on the way
            frame = cv2.resize(frame, full[::-1], interpolation=cv2.INTER_AREA)
        shown.append(crop.of(frame))
        yield shown[-1]
        if len(shown) == frames:
            return
    if not shown:
        yield from _played(entry, full, crop, 0, frames)
        return
    last = max(1, len(shown) - 1)
    for t in range(len(shown), frames):
        step = t % (2 * last)
        yield shown[min(step, 2 * last - step, len(shown) - 1)]


def _is_key(entry: str) -> bool:
    folder, _, key = entry.rpartition("#")
    return bool(folder and key) and (Path(folder) / DATABASE).is_file() and not Path(entry).is_file()


@lru_cache(maxsize=16)
def _environment(folder: str) -> Any:
    """An open database; a process may open each only once."""
    try:
        import lmdb
    except ImportError as error:
        raise HumansenseError(f"{folder} is an lmdb database, which needs another package: pip install lmdb") from error
    try:
        return lmdb.open(folder, readonly=True, lock=False, readahead=False, meminit=False)
    except lmdb.Error as error:
        raise HumansenseError(
            f"{folder} is not an lmdb database that can be opened ({error}): unpack or fetch it again"
        ) from error


def _keys(folder: Path) -> list[str]:
    """Entries of a database: all its keys, or every second, third ... of more than `MOST_KEYS`."""
    with _environment(str(folder)).begin(buffers=False) as transaction:
        count = transaction.stat()["entries"]
        keys = transaction.cursor().iternext(keys=True, values=False)
        return [
            f"{folder}#{quote_from_bytes(key, safe='')}" for key in islice(keys, 0, None, -(-count // MOST_KEYS) or 1)
        ]


def _from_database(entry: str) -> Image:
    folder, _, key = entry.rpartition("#")
    with _environment(folder).begin(buffers=False) as transaction:
        data = transaction.get(unquote_to_bytes(key))
    if data is None:
        raise HumansenseError(f"{entry}: the database has no such key; list its backgrounds again")
    return _decoded(data, entry)
