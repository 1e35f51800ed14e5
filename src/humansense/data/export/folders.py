"""Plain folders: every picture a file of its own, numbers as JSON. docs/export.md shows how to read them.

    OUT/CLIP/0000.jpg ...          the frames
    OUT/CLIP/parts/0000.png ...    a folder a map: parts, depth, normals, instance, hidden, flow, flow_back, ...
    OUT/CLIP/joints.json camera.json clip.json
    OUT/CLIP/body/p0.pose.npy ...  what each person was posed from

The pictures are the store's bytes, nothing is encoded again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from humansense.data.export.values import Exporter, ExportSettings, nothing_to_finish, stored_maps, whole_folder
from humansense.data.maps import ENCODERS
from humansense.data.store_read import ClipEntry, ClipSet


def map_folder(field: str) -> str:
    """The folder of a field of `Sample` within a clip's: "" for the image, "hidden" for `hidden_depth`."""
    return ENCODERS[field][0].rpartition(".")[0]


def write_clip(clips: ClipSet, clip: ClipEntry, home: Path, settings: ExportSettings) -> None:
    """Write `home/KEY/`."""
    with whole_folder(home / clip.key) as folder:
        for field in stored_maps(clip, list(ENCODERS)):
            inside = folder / map_folder(field)
            inside.mkdir(exist_ok=True)
            extension = ENCODERS[field][0].rpartition(".")[2]
            for t in range(clip.frames):
                (inside / f"{t:04d}.{extension}").write_bytes(clips.member(clip, t, field))
        _write_json(folder / "joints.json", joints_json(clips, clip))
        _write_json(folder / "camera.json", camera_json(clips, clip))
        _write_json(folder / "clip.json", clips.clip_info(clip))
        for name in clip.arrays:
            if name.startswith("p") and "." in name:
                (folder / "body").mkdir(exist_ok=True)
                np.save(folder / "body" / f"{name}.npy", clips.clip_array(clip, name), allow_pickle=False)


def joints_json(clips: ClipSet, clip: ClipEntry) -> dict[str, Any]:
    """{"joints": names, "frames": [{"people": [{"joints2d", "joints3d", "visible", "box"}]}]}; unknown is null."""
    arrays = {name: clips.clip_array(clip, name) for name in ("joints2d", "joints3d", "visible", "boxes")}
    frames = []
    for t in range(clip.frames):
        people = []
        for i in range(clip.people):
            box = arrays["boxes"][t, i]
            people.append(
                {
                    "joints2d": _plain(arrays["joints2d"][t, i]),
                    "joints3d": _plain(arrays["joints3d"][t, i]),
                    "visible": arrays["visible"][t, i].tolist(),
                    "box": None if np.isnan(box).any() else box.tolist(),
                }
            )
        frames.append({"people": people})
    return {"joints": list(clip.joints), "frames": frames}


def camera_json(clips: ClipSet, clip: ClipEntry) -> dict[str, Any]:
    """{"size": [H, W], "frames": [{"K", "R", "t"}]}."""
    K, R, t = (clips.clip_array(clip, name).tolist() for name in ("K", "R", "t"))
    return {"size": list(clip.size), "frames": [{"K": k, "R": r, "t": x} for k, r, x in zip(K, R, t, strict=True)]}


def _plain(values: np.ndarray) -> Any:
    """Nested lists with None for a number that is not known: JSON has no NaN."""
    plain = values.astype(object)
    plain[~np.isfinite(values)] = None
    return plain.tolist()


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, separators=(",", ":"), allow_nan=False) + "\n", encoding="utf-8")


def _missing(home: Path, clips: Sequence[ClipEntry]) -> list[ClipEntry]:
    return [clip for clip in clips if not (home / clip.key).is_dir()]


def _home(settings: ExportSettings) -> Path:
    return settings.out


def _all_fit(clip: ClipEntry) -> str:
    return ""


def _no_remarks(clips: ClipSet, clip: ClipEntry) -> Sequence[str]:
    return ()


FOLDERS = Exporter("plain folders", _home, _all_fit, _no_remarks, _missing, write_clip, nothing_to_finish)
