"""COCO: the stored JPEG files, and `annotations.json` with keypoints, boxes and masks of every person.

    OUT/annotations.json
    OUT/images/CLIP/0000.jpg ...     `file_name` is CLIP/0000.jpg

Keypoints are COCO's 17 with v = 2 visible, 1 in the picture but hidden, 0 outside it. COCO's keypoints count pixels, so
that the centre of the first one is 0 (detectron2, structures/keypoints.py adds 0.5 to get continuous ones); ours is
0.5, which is taken off. Its boxes are continuous and measured from the picture's corner, as ours are (detectron2,
structures/boxes.py). Masks are what is seen of a person.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from humansense.core import atomic_path, joint_set
from humansense.data.export.rle import mask_counts, pack_counts
from humansense.data.export.values import Exporter, ExportSettings, whole_folder
from humansense.data.maps import DECODERS, ENCODERS
from humansense.data.store_read import ClipEntry, ClipSet
from humansense.data.store_write import instance_box

_NAMES = joint_set("coco17").names
# The lines of COCO's own person category, by name.
_SKELETON = """
    left_ankle-left_knee left_knee-left_hip right_ankle-right_knee right_knee-right_hip left_hip-right_hip
    left_shoulder-left_hip right_shoulder-right_hip left_shoulder-right_shoulder left_shoulder-left_elbow
    right_shoulder-right_elbow left_elbow-left_wrist right_elbow-right_wrist left_eye-right_eye nose-left_eye
    nose-right_eye left_eye-left_ear right_eye-right_ear left_ear-left_shoulder right_ear-right_shoulder
"""
PERSON = {
    "id": 1,
    "name": "person",
    "supercategory": "person",
    "keypoints": list(_NAMES),
    "skeleton": [[_NAMES.index(name) + 1 for name in line.split("-")] for line in _SKELETON.split()],
}


def write_clip(clips: ClipSet, clip: ClipEntry, home: Path, settings: ExportSettings) -> None:
    """Write `home/images/KEY/` and the clip's part of the annotations, which `finish` joins."""
    folder = home / "images" / clip.key
    if not folder.is_dir():
        with whole_folder(folder) as temporary:
            for t in range(clip.frames):
                (temporary / f"{t:04d}.jpg").write_bytes(clips.member(clip, t, "image"))
    content = [clip_frame(clips, clip, t, settings.masks) for t in range(clip.frames)]
    with atomic_path(_part(home, clip)) as path:
        path.write_text(json.dumps(content, separators=(",", ":"), allow_nan=False), encoding="utf-8")


def clip_frame(clips: ClipSet, clip: ClipEntry, t: int, masks: str) -> dict[str, Any]:
    """{"image": entry, "annotations": entries} of one frame, without the numbers that `finish` gives."""
    height, width = clip.size
    image = {"file_name": f"{clip.key}/{t:04d}.jpg", "width": width, "height": height}
    field = "instance" if ENCODERS["instance"][0] in clip.maps else "parts"
    labels = DECODERS[field](clips.member(clip, t, field), f"{clip.key}_f{t:04d} of {clips.root}")
    if field == "parts":
        labels = labels > 0
    columns = [clip.joints.index(name) if name in clip.joints else -1 for name in _NAMES]
    joints = clips.clip_array(clip, "joints2d")[t]
    visible = clips.clip_array(clip, "visible")[t]
    annotations = []
    for i in range(clip.people):
        points = np.array([joints[i, c] if c >= 0 else (np.nan, np.nan) for c in columns], np.float64)
        seen = np.array([c >= 0 and visible[i, c] for c in columns])
        entry = annotation(labels == i + 1, points, seen, masks)
        if entry:
            annotations.append(entry)
    return {"image": image, "annotations": annotations}


def annotation(mask: np.ndarray, joints: np.ndarray, visible: np.ndarray, masks: str = "rle") -> dict[str, Any] | None:
    """COCO's entry of a person, without its numbers; None for somebody of whom no pixel is seen.

    mask: (H, W) bool. joints: (17, 2) our pixels, NaN where unknown. visible: (17,) bool.
    """
    if not mask.any():
        return None
    height, width = mask.shape
    inside = ((joints >= 0) & (joints < (width, height))).all(-1)  # NaN compares false
    flags = np.where(inside, np.where(visible, 2, 1), 0)
    keypoints = [
        number
        for (x, y), v in zip(joints.tolist(), flags.tolist(), strict=True)
        for number in ((round(x - 0.5, 3), round(y - 0.5, 3), v) if v else (0, 0, 0))
    ]
    x0, y0, x1, y1 = instance_box(mask, 1).tolist()
    counts = mask_counts(mask)
    return {
        "category_id": PERSON["id"],
        "iscrowd": 0,
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": int(mask.sum()),
        "keypoints": keypoints,
        "num_keypoints": int((flags > 0).sum()),
        "segmentation": {
            "size": [height, width],
            "counts": pack_counts(counts) if masks == "rle" else counts.tolist(),
        },
    }


def finish(clips: ClipSet, taken: Sequence[ClipEntry], home: Path) -> None:
    """Join the clips' parts to `annotations.json`, number images and annotations from 1, and drop the parts."""
    if _finished(home) != _keys(taken):
        _join(clips, taken, home)
    for clip in taken:
        _part(home, clip).unlink(missing_ok=True)
    with suppress(OSError):
        (home / "parts").rmdir()


def _join(clips: ClipSet, taken: Sequence[ClipEntry], home: Path) -> None:
    about = {"description": f"{clips.name}, made with humansense", "clips": _keys(taken)}
    with atomic_path(home / "annotations.json") as path, path.open("w", encoding="utf-8") as file:
        file.write('{"info":' + _line(about) + ',\n"licenses":[],\n"categories":[' + _line(PERSON) + '],\n"images":[')
        file.writelines(_joined(image for image, _ in _numbered(home, taken)))
        file.write('],\n"annotations":[')
        file.writelines(_joined(entry for _, entries in _numbered(home, taken) for entry in entries))
        file.write("]}\n")


def _numbered(home: Path, taken: Sequence[ClipEntry]) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    image_id = annotation_id = 0
    for clip in taken:
        for frame in json.loads(_part(home, clip).read_text(encoding="utf-8")):
            image_id += 1
            entries = []
            for entry in frame["annotations"]:
                annotation_id += 1
                entries.append({"id": annotation_id, "image_id": image_id, **entry})
            yield {"id": image_id, **frame["image"]}, entries


def _line(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _joined(values: Iterator[dict[str, Any]]) -> Iterator[str]:
    for i, value in enumerate(values):
        yield (",\n" if i else "\n") + _line(value)


def _part(home: Path, clip: ClipEntry) -> Path:
    return home / "parts" / f"{clip.key}.json"


def _keys(clips: Sequence[ClipEntry]) -> list[str]:
    return [clip.key for clip in clips]


def _finished(home: Path) -> list[str] | None:
    """The clips that `annotations.json` covers: its first line, so that a long file need not be read."""
    try:
        with (home / "annotations.json").open(encoding="utf-8") as file:
            line = file.readline()
        return json.loads(line.rstrip(",\n") + "}")["info"]["clips"]
    except (OSError, ValueError, KeyError):
        return None


def _missing(home: Path, clips: Sequence[ClipEntry]) -> list[ClipEntry]:
    covered = _finished(home) == _keys(clips)
    return [
        clip
        for clip in clips
        if not ((covered or _part(home, clip).is_file()) and (home / "images" / clip.key).is_dir())
    ]


def _refused(clip: ClipEntry) -> str:
    if ENCODERS["instance"][0] in clip.maps or (clip.people <= 1 and ENCODERS["parts"][0] in clip.maps):
        return ""
    return "have no map of who is where"


def _home(settings: ExportSettings) -> Path:
    return settings.out


def _no_remarks(clips: ClipSet, clip: ClipEntry) -> Sequence[str]:
    return ()


COCO = Exporter("COCO", _home, _refused, _no_remarks, _missing, write_clip, finish)
