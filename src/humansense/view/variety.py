"""The variety of a set as pictures: from where people are seen, in which poses, of what size, in what clothes, where.

    write_variety(clips, set_info(root), folder)    # folder/variety.png holds all; folder/views.png ... hold one each

Drawn with Matplotlib on its own canvas: no window, no global state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from humansense.core import atomic_path, joint_set
from humansense.data.info import SetInfo
from humansense.data.store_read import ClipSet
from humansense.data.variety import (
    AZIMUTH_BINS,
    MAX_POSES,
    PHENOTYPES,
    POSE_SET,
    People,
    collect_people,
    pose_centres,
    thinned,
)
from humansense.view.draw import side_color

INK, FAINT, BAR, SECOND = "#20242c", "#8a90a0", "#3d7bd9", "#e07a4f"
ATLAS = (4, 10)
"""Rows and columns of the atlas of poses."""
BARS = 16
"""Bars of a chart; the rest is counted in one line."""
_PHENOTYPES_SHOWN = ("age", "gender", "height", "weight", "muscle", "proportions")


def write_variety(clips: ClipSet, info: SetInfo, folder: str | Path) -> list[Path]:
    """Write `variety.png` and one picture a row of `PANELS` to the folder; returns their paths."""
    people, folder = collect_people(clips), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [_save(partial(_sheet, people, info), folder / "variety.png", (16, 17))]
    for name, (size, panel) in PANELS.items():
        paths.append(_save(partial(panel, people, info), folder / f"{name}.png", size))
    return paths


def _save(draw: Callable[[Any], None], path: Path, size: tuple[float, float]) -> Path:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=100, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    draw(figure)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})
    return path


def _sheet(people: People, info: SetInfo, figure: Any) -> None:
    """All panels on one page."""
    title = f"{Path(info.root).name}: {info.clips:,} clips, {info.frames:,} frames, {info.people:,} people"
    figure.suptitle(title, fontsize=15, color=INK)
    rows = figure.subfigures(4, 1, height_ratios=[1.0, 1.35, 0.95, 1.0])
    for row, names in zip(
        rows, (("views", "places", "hidden"), ("poses",), ("shapes",), ("garments", "actions")), strict=True
    ):
        cells = [row] if len(names) == 1 else row.subfigures(1, len(names))
        for cell, name in zip(cells, names, strict=True):
            PANELS[name][1](people, info, cell)


def _plain(axes: Any, title: str, x: str = "", y: str = "") -> None:
    axes.set_title(title, fontsize=10, color=INK, loc="left")
    axes.set_xlabel(x, fontsize=9, color=INK)
    axes.set_ylabel(y, fontsize=9, color=INK)
    axes.tick_params(labelsize=8, colors=INK)
    if axes.name != "polar":
        axes.spines[["top", "right"]].set_visible(False)


def _nothing(figure: Any, title: str, words: str) -> None:
    axes = figure.add_subplot()
    axes.axis("off")
    axes.set_title(title, fontsize=10, color=INK, loc="left")
    axes.text(0.5, 0.5, words, ha="center", va="center", color=FAINT)


def draw_views(people: People, info: SetInfo, figure: Any) -> None:
    """Where the camera stands: around the person by angle, above the horizon by distance from the middle."""
    grid = figure.add_gridspec(1, 2, width_ratios=(3, 1))
    axes = figure.add_subplot(grid[0], projection="polar")
    known = np.isfinite(people.azimuth_deg)
    azimuth, elevation = people.azimuth_deg[known], people.elevation_deg[known]
    counts = np.histogram(azimuth, AZIMUTH_BINS, (-180, 180))[0]
    edges = np.radians(np.linspace(-180, 180, AZIMUTH_BINS + 1))
    axes.bar(edges[:-1], counts, width=np.diff(edges), align="edge", color=BAR, alpha=0.85, edgecolor="white", lw=0.3)
    axes.set_theta_zero_location("S")
    axes.set_xticks(np.radians([0, 90, 180, 270]), ["front", "left", "back", "right"])
    axes.set_yticklabels([])
    axes.grid(color="#d8dbe2", lw=0.6)
    covered, effective = info.variety.views_covered, info.variety.views_effective
    _plain(
        axes, f"camera around the person\n{100 * covered:.0f} % of sectors, evenly {effective:.1f} of {AZIMUTH_BINS}"
    )
    inset = figure.add_subplot(grid[1])
    inset.hist(elevation, bins=np.arange(-90, 91, 5), orientation="horizontal", color=SECOND)
    span = (elevation.min(), elevation.max()) if len(elevation) else (0, 0)
    inset.set_ylim(min(span[0] - 5, -15), max(span[1] + 5, 15))
    inset.set_xticks([])
    _plain(inset, "elevation, °")


def draw_places(people: People, info: SetInfo, figure: Any) -> None:
    """Where the pelvis lies in the picture, and how far away."""
    places, far = figure.subplots(1, 2, width_ratios=[1.5, 1])
    x, y = people.place.T if len(people.place) else np.zeros((2, 0))
    places.hist2d(x, y, bins=(32, 24), range=((0, 1), (0, 1)), cmap="magma")
    places.invert_yaxis()
    places.set_aspect(0.75)
    _plain(places, "pelvis in the picture", "share of the width", "share of the height")
    far.hist(people.distance_m[np.isfinite(people.distance_m)], bins=30, color=BAR)
    _plain(far, "distance, m")


def draw_hidden(people: People, info: SetInfo, figure: Any) -> None:
    """What cannot be seen of a person."""
    out, hidden = figure.subplots(2, 1)
    bins = np.linspace(0, 1, 17)
    weights = np.full(len(people.outside), 1 / max(1, len(people.outside)))
    out.hist(people.outside, bins=bins, weights=weights, color=SECOND)
    _plain(out, f"joints out of the picture, share ({100 * info.variety.truncated:.0f} % of people have some)")
    hidden.hist(people.hidden, bins=bins, weights=weights, color=BAR)
    _plain(hidden, "joints in it but hidden, by others or by the body itself, share", y="share of people")


def draw_poses(people: People, info: SetInfo, figure: Any) -> None:
    """Poses that are farthest from each other, from the front and from the side, turned to one heading."""
    if not len(people.poses):
        return _nothing(figure, "poses", "no people with the joints of mpii16")
    poses = thinned(people.poses, MAX_POSES)
    rows, columns = ATLAS
    order, radius = pose_centres(poses, rows * columns)
    axes = figure.add_subplot()
    for cell, number in enumerate(order):
        _draw_pose(axes, poses[number], 2.9 * (cell % columns), -2.3 * (cell // columns))
    axes.set_aspect("equal")
    axes.set_xlim(-0.9, 2.9 * columns - 0.7)
    axes.axis("off")
    variety = info.variety
    shown = f"{len(order)} poses far from each other ({radius[-1] * 100:.0f} cm), each from the front and from its left"
    counted = f"{variety.poses_distinct} of {variety.poses_compared} are distinct at 10 cm"
    axes.set_title(
        f"{shown}; {counted}, {variety.pose_dimensions:.1f} effective dimensions", fontsize=10, loc="left", color=INK
    )
    return None


def _draw_pose(axes: Any, pose: np.ndarray, x: float, y: float) -> None:
    """A skeleton from the front, the person's left on the right, and from its left, facing left."""
    joints = joint_set(POSE_SET)
    for right, depth, shift in ((pose[:, 0], -pose[:, 1], 0.0), (pose[:, 1], pose[:, 0], 1.2)):
        bones = sorted(joints.bones, key=lambda bone: float(depth[bone[0]] + depth[bone[1]]))
        for a, b in bones:
            color = np.array(side_color(joints.names[b] if "hip" not in joints.names[b] else joints.names[a])) / 255
            where = (right[[a, b]] + x + shift, pose[[a, b], 2] + y)
            axes.plot(*where, color=INK, lw=2.8, solid_capstyle="round")
            axes.plot(*where, color=color, lw=1.7, solid_capstyle="round")
    top = joints.index("head_top"), joints.index("upper_neck")
    for values, shift in ((pose[:, 0], 0.0), (pose[:, 1], 1.2)):
        middle = values[list(top)].mean() + x + shift, pose[list(top), 2].mean() + y
        axes.plot(*middle, "o", ms=6, mfc="#fad65a", mec=INK, mew=0.6)


def draw_shapes(people: People, info: SetInfo, figure: Any) -> None:
    """Statures, measured along the bones, and the phenotypes that the bodies were made from."""
    shown = [name for name in _PHENOTYPES_SHOWN if len(people.shapes)]
    axes = figure.subplots(1, 1 + len(shown), squeeze=False)[0]
    axes[0].hist(people.stature_m, bins=np.arange(0.4, 2.45, 0.05), color=SECOND)
    if len(people.stature_m):
        axes[0].set_xlim(min(people.stature_m.min() - 0.1, 1.4), max(people.stature_m.max() + 0.1, 2.0))
    _plain(axes[0], f"stature, m ({len(people.stature_m)} bodies)")
    for cell, name in zip(axes[1:], shown, strict=True):
        cell.hist(people.shapes[:, PHENOTYPES.index(name)], bins=np.linspace(0, 1, 21), color=BAR)
        _plain(cell, name)


def draw_garments(people: People, info: SetInfo, figure: Any) -> None:
    _bars(figure, f"garments: {len(info.garments)} names, bodies that have them", info.garments)


def draw_actions(people: People, info: SetInfo, figure: Any) -> None:
    _bars(figure, f"actions: {len(info.actions)}, frames", info.actions)


def _bars(figure: Any, title: str, counts: Mapping[str, int]) -> None:
    if not counts:
        return _nothing(figure, title, "none stored")
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rows = [(name or "(none)", count) for name, count in ranked[:BARS]]
    if len(ranked) > BARS:
        rows.append((f"{len(ranked) - BARS} more", sum(count for _, count in ranked[BARS:])))
    axes = figure.add_subplot()
    places = np.arange(len(rows))
    axes.barh(places, [count for _, count in rows], color=BAR, height=0.7)
    axes.set_yticks(places, [name[:28] for name, _ in rows])
    axes.invert_yaxis()
    axes.set_ylim(max(len(rows), 4) - 0.5, -0.5)
    _plain(axes, title)
    return None


PANELS: Mapping[str, tuple[tuple[float, float], Callable[[People, SetInfo, Any], None]]] = MappingProxyType(
    {
        "views": ((5.5, 4.2), draw_views),
        "places": ((6.5, 3.6), draw_places),
        "hidden": ((5.5, 4.2), draw_hidden),
        "poses": ((16, 6), draw_poses),
        "shapes": ((16, 3.4), draw_shapes),
        "garments": ((7, 4.5), draw_garments),
        "actions": ((7, 4.5), draw_actions),
    }
)
"""Name of the picture -> its size in inches, and what draws it."""
