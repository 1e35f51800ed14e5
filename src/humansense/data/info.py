"""What a set holds, counted from its indices and joints, without decoding a picture."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from humansense.data.store_read import ClipSet

PERCENTILES = (5, 50, 95)


@dataclass(frozen=True)
class SetInfo:
    """Counts and distributions of a set.

    sizes, actions, subjects, sources: how many frames have each. height_px, distance_m, in_picture: percentiles 5, 50
    and 95 over the people of all frames: height of the box in pixels, pelvis depth, share of the joints that lie in
    the picture. seen: share of all joints that are visible. description: what the set was made from.
    """

    root: str
    description: dict[str, Any]
    shards: int
    clips: int
    frames: int
    people: int
    frames_without_people: int
    bytes: int
    sizes: dict[str, int]
    actions: dict[str, int]
    subjects: dict[str, int]
    sources: dict[str, int]
    height_px: tuple[float, ...]
    distance_m: tuple[float, ...]
    seen: float

    @property
    def bytes_per_frame(self) -> float:
        return self.bytes / max(1, self.frames)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return vars(self) | {"bytes_per_frame": round(self.bytes_per_frame)}

    def lines(self) -> list[str]:
        """The same for people to read."""
        made = ", ".join(f"{k} {v}" for k, v in self.description.items() if not isinstance(v, dict | list))

        def top(counts: dict[str, int]) -> str:
            some = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:8]
            more = f", {len(counts) - 8} more" if len(counts) > 8 else ""
            return ", ".join(f"{name or '(none)'} {count}" for name, count in some) + more

        def spread(values: tuple[float, ...], unit: str) -> str:
            if not values:
                return "no people"
            return " ".join(f"p{p} {v:.4g}" for p, v in zip(PERCENTILES, values, strict=True)) + f" {unit}"

        return [
            f"set        {self.root}",
            f"made from  {made}",
            f"holds      {self.clips} clips, {self.frames} frames in {self.shards} shards",
            f"size       {self.bytes / 1e6:.1f} MB, {self.bytes_per_frame / 1e3:.1f} KB a frame",
            f"pictures   {top(self.sizes)}",
            f"people     {self.people}, {self.frames_without_people} frames without any",
            f"height     {spread(self.height_px, 'px')}",
            f"distance   {spread(self.distance_m, 'm')}",
            f"joints     {100 * self.seen:.0f} % visible",
            f"actions    {top(self.actions)}",
            f"subjects   {len(self.subjects)}: {top(self.subjects)}",
            f"sources    {len(self.sources)}: {top(self.sources)}",
        ]


def set_info(root: str | Path) -> SetInfo:
    """Statistics of a set; raises `HumansenseError` as `ClipSet` does."""
    clips = ClipSet(root)
    counts: dict[str, Counter[str]] = {name: Counter() for name in ("sizes", "actions", "subjects", "sources")}
    heights: list[np.ndarray] = []
    distances: list[np.ndarray] = []
    seen = joints = people = empty = 0
    for clip in clips.clips:
        counts["sizes"][f"{clip.size[1]}x{clip.size[0]}"] += clip.frames
        counts["actions"][clip.action] += clip.frames
        counts["subjects"][clip.subject] += clip.frames
        counts["sources"][clip.source] += clip.frames
        boxes = clips.clip_array(clip, "boxes")
        known = np.isfinite(boxes).all(-1)
        heights.append((boxes[..., 3] - boxes[..., 1])[known])
        people += int(known.sum())
        empty += int((~known.any(-1)).sum())
        visible = clips.clip_array(clip, "visible")
        seen, joints = seen + int(visible.sum()), joints + visible.size
        if "pelvis" in clip.joints:
            distances.append(clips.clip_array(clip, "joints3d")[..., clip.joints.index("pelvis"), 2].ravel())
    return SetInfo(
        root=str(root),
        description=clips.settings.get("description", {}),
        shards=len(clips.shards),
        clips=len(clips.clips),
        frames=len(clips),
        people=people,
        frames_without_people=empty,
        bytes=sum(path.stat().st_size + path.with_suffix(".tar").stat().st_size for path in clips.shards),
        height_px=_percentiles(heights),
        distance_m=_percentiles(distances),
        seen=seen / max(1, joints),
        **{name: dict(count) for name, count in counts.items()},  # type: ignore[arg-type]
    )


def _percentiles(values: list[np.ndarray]) -> tuple[float, ...]:
    known = np.concatenate(values) if values else np.zeros(0)
    known = known[np.isfinite(known)]
    return tuple(round(float(v), 4) for v in np.percentile(known, PERCENTILES)) if len(known) else ()
