"""What a set holds, counted from its indices and joints, without decoding a picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from humansense.core import HumansenseError
from humansense.data.store_read import ClipSet
from humansense.data.variety import PERCENTILES, POSE_STEP_M, Variety, collect_people, measure, percentiles

SPLITS = ("train", "test")


@dataclass(frozen=True)
class TableRow:
    """A row of Table 3.1 of Varol 2019: how many different motion subjects and sequences, clips and frames."""

    name: str
    subjects: int
    sequences: int
    clips: int
    frames: int


def table_lines(rows: Iterable[TableRow]) -> list[str]:
    """The table for people to read."""
    lines = [f"{'':8}{'#subjects':>12}{'#sequences':>12}{'#clips':>12}{'#frames':>14}"]
    for row in rows:
        lines.append(f"{row.name:8}{row.subjects:>12,}{row.sequences:>12,}{row.clips:>12,}{row.frames:>14,}")
    return lines


@dataclass(frozen=True)
class SetInfo:
    """Counts and distributions of a set.

    sizes, actions, subjects, sources: how many frames have each. height_px, distance_m, in_picture: percentiles 5, 50
    and 95 over the people of all frames: height of the box in pixels, pelvis depth, share of the joints that lie in
    the picture. seen: share of all joints that are visible. description: what the set was made from.
    people_a_frame: frames by the number of people in the picture. garments: how many bodies wear each. populations:
    bodies by the population that they were drawn from. groups: performances that several cameras saw. names: the
    different motion subjects and sequences. variety: see `data.variety`.
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
    people_a_frame: dict[str, int]
    garments: dict[str, int]
    populations: dict[str, int]
    groups: int
    names: tuple[frozenset[str], frozenset[str]]
    variety: Variety

    @property
    def bytes_per_frame(self) -> float:
        return self.bytes / max(1, self.frames)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        values = {name: value for name, value in vars(self).items() if name not in ("names", "variety")}
        more = {"bytes_per_frame": round(self.bytes_per_frame), "table": asdict(self.row("total"))}
        return values | more | {"variety": self.variety.to_dict()}

    def row(self, name: str) -> TableRow:
        """This set in Table 3.1."""
        return TableRow(name, len(self.names[0]), len(self.names[1]), self.clips, self.frames)

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

        variety, views = self.variety, f" of {self.groups} performances seen by several cameras" if self.groups else ""
        return [
            f"set        {self.root}",
            f"made from  {made}",
            f"holds      {self.clips} clips, {self.frames} frames in {self.shards} shards{views}",
            f"size       {self.bytes / 1e6:.1f} MB, {self.bytes_per_frame / 1e3:.1f} KB a frame",
            f"pictures   {top(self.sizes)}",
            f"people     {self.people}, {self.frames_without_people} frames without any",
            f"a frame    {top({f'{count} people:': frames for count, frames in self.people_a_frame.items()})}",
            f"height     {spread(self.height_px, 'px')}",
            f"distance   {spread(self.distance_m, 'm')}",
            f"joints     {100 * self.seen:.0f} % visible, {100 * variety.joints_outside:.0f} % out of the picture",
            f"truncated  {100 * variety.truncated:.0f} % of the people",
            f"views      from {100 * variety.views_covered:.0f} % of the directions around a person (evenly: "
            f"{variety.views_effective:.1f} of 36), elevation {spread(variety.elevation_deg, 'degrees')}",
            f"poses      {variety.poses_distinct} of {variety.poses_compared} further than {POSE_STEP_M * 100:.0f} cm "
            f"from each other, {variety.pose_dimensions:.1f} effective dimensions",
            f"stature    {spread(variety.stature_m, 'm')}",
            f"ages       {top({name: count for name, count in variety.ages.items() if count}) or '(not stored)'}",
            f"population {top(self.populations) or '(not stored)'}",
            f"garments   {len(self.garments)}: {top(self.garments)}",
            f"actions    {top(self.actions)}",
            f"subjects   {len(self.subjects)}: {top(self.subjects)}",
            f"sources    {len(self.sources)}: {top(self.sources)}",
        ]


def set_info(root: str | Path) -> SetInfo:
    """Statistics of a set; raises `HumansenseError` as `ClipSet` does."""
    clips = ClipSet(root)
    tallies = ("sizes", "actions", "subjects", "sources", "people_a_frame", "garments", "populations")
    counts: dict[str, Counter[str]] = {name: Counter() for name in tallies}
    heights: list[np.ndarray] = [np.zeros(0)]
    distances: list[np.ndarray] = [np.zeros(0)]
    subjects: set[str] = set()
    sequences: set[str] = set()
    groups: Counter[str] = Counter()
    seen = joints = people = empty = 0
    for clip in clips.clips:
        counts["sizes"][f"{clip.size[1]}x{clip.size[0]}"] += clip.frames
        counts["actions"][clip.action] += clip.frames
        counts["subjects"][clip.subject] += clip.frames
        counts["sources"][clip.source] += clip.frames
        about = clips.clip_info(clip)
        persons = [person for person in about.get("people", []) if isinstance(person, dict)]
        info = about.get("info") or {}
        subjects.update(name for name in (clip.subject, *(str(p.get("subject", "")) for p in persons)) if name)
        sequences.update(_motions([info, persons]) or ({clip.source} - {""} if clip.people else ()))
        groups.update([str(info["group"])] if info.get("group") not in (None, "") else [])
        counts["garments"].update(_garments(info, persons))
        counts["populations"].update(str(person["population"]) for person in persons if "population" in person)
        boxes = clips.clip_array(clip, "boxes")
        known = np.isfinite(boxes).all(-1)
        heights.append((boxes[..., 3] - boxes[..., 1])[known])
        people += int(known.sum())
        empty += int((~known.any(-1)).sum())
        counts["people_a_frame"].update(map(str, known.sum(-1).tolist()))
        visible = clips.clip_array(clip, "visible")
        seen, joints = seen + int(visible.sum()), joints + visible.size
        if "pelvis" in clip.joints:
            distances.append(clips.clip_array(clip, "joints3d")[..., clip.joints.index("pelvis"), 2].ravel())
    description = clips.settings.get("description", {})
    if not counts["populations"] and description.get("population"):  # one for all, stored with the set
        counts["populations"][str(description["population"])] = sum(clip.people for clip in clips.clips)
    return SetInfo(
        root=str(root),
        description=description,
        shards=len(clips.shards),
        clips=len(clips.clips),
        frames=len(clips),
        people=people,
        frames_without_people=empty,
        bytes=sum(path.stat().st_size + path.with_suffix(".tar").stat().st_size for path in clips.shards),
        height_px=percentiles(np.concatenate(heights)),
        distance_m=percentiles(np.concatenate(distances)),
        seen=seen / max(1, joints),
        groups=sum(count > 1 for count in groups.values()),
        names=(frozenset(subjects), frozenset(sequences)),
        variety=measure(collect_people(clips)),
        **{name: dict(count) for name, count in counts.items()},  # type: ignore[arg-type]
    )


def _motions(record: Any) -> set[str]:
    """The motion files (or "procedural:KIND") that a clip's record names, wherever it does."""
    values = list(record.values()) if isinstance(record, dict) else record if isinstance(record, list) else []
    here = record.get("motion") if isinstance(record, dict) else None
    return set().union(*map(_motions, values), {here} if isinstance(here, str) and here else set())


def _garments(info: dict[str, Any], persons: list[dict[str, Any]]) -> list[str]:
    """Names of what the people of a clip wear, once a person: of the clip's table, or of an older set's clothes."""
    table = [row for row in info.get("garments") or [] if isinstance(row, dict)]
    if table:
        return [name for _, name in sorted({(str(row.get("person")), str(row.get("name"))) for row in table})]
    return [str(name) for person in persons for name in sorted(map(str, person.get("clothes") or []))]


def split_roots(root: str | Path) -> dict[str, Path]:
    """The sets of a folder: `{"": root}` for a set, else those of `root/train` and `root/test` by name."""
    root = Path(root)
    if (root / "set.json").is_file():
        return {"": root}
    found = {name: root / name for name in SPLITS if (root / name / "set.json").is_file()}
    if not found:
        raise HumansenseError(
            f"{root} is no set: it has no set.json, and no train or test with one. Make one with `humansense synth "
            f"{root}`, or give another folder"
        )
    return found


def split_table(infos: dict[str, SetInfo]) -> list[TableRow]:
    """Table 3.1: one row a set, and their total, in which a subject or sequence of several counts once."""
    rows = [info.row(name) for name, info in infos.items() if name]
    subjects, sequences = (frozenset().union(*(info.names[i] for info in infos.values())) for i in (0, 1))
    clips, frames = (sum(getattr(info, name) for info in infos.values()) for name in ("clips", "frames"))
    return [*rows, TableRow("total", len(subjects), len(sequences), clips, frames)]
