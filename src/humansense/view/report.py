"""`report.html`: what was read from photos, and synthetic frames with all their truth, on one self-contained page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import humansense
from humansense.core import Prediction, Sample, atomic_path, joint_set, part_set
from humansense.data.transforms import crop_matrix, person_box, warp_sample
from humansense.predict.results import who_was_found
from humansense.view import draw, page
from humansense.view.outputs import overlay, small
from humansense.view.sheets import sample_maps

SHOT_SIDE = 560
CROP_SIZE = (330, 264)
"""(H, W) of the synthetic people on the page."""
SURE = 0.3
"""A joint with at least this score counts as seen."""


@dataclass
class PhotoEntry:
    """One photo of the report. name: its title. credit: where it comes from, if it should be said."""

    name: str
    prediction: Prediction
    credit: str = ""


@dataclass
class Report:
    """What the page shows. command: how it was made. facts: short (name, value) pairs for its head."""

    photos: Sequence[PhotoEntry]
    samples: Sequence[Sample] = ()
    command: str = "humansense demo"
    facts: Sequence[tuple[str, str]] = ()
    notes: list[str] = field(default_factory=list)


def write_report(report: Report, path: str | Path) -> Path:
    """Write the page, whole or not at all. It is one file, loads nothing, and needs no script."""
    path = Path(path)
    with atomic_path(path) as temporary:
        temporary.write_text(report_html(report), encoding="utf-8")
    return path


def report_html(report: Report) -> str:
    """The page as text."""
    facts = [("version", humansense.__version__), *report.facts]
    head = (
        "<header><div><h1>humansense</h1>"
        '<p class="lead">Joints, body parts and depth of everybody, read from single photos by small networks '
        "that have only ever seen synthetic people.</p></div>" + page.chips(facts) + "</header>"
    )
    body = [head, '<h2 style="margin-top:0">Real photos</h2>']
    body += [_photo(entry) for entry in report.photos]
    body.append(_legend())
    if report.samples:
        body.append(_synthetic(report.samples))
    notes = "".join(f"<p>{page.escape(note)}</p>" for note in report.notes)
    body.append(f"<footer>{notes}<p>Made by <code>{page.escape(report.command)}</code></p></footer>")
    return page.page("humansense report", "\n".join(body))


def _photo(entry: PhotoEntry) -> str:
    shown = small(entry.prediction, SHOT_SIDE)
    top = _photo_head(entry)
    if not shown.found:
        shot = page.figure(shown.image, "picture")
        return f'<section class="card">{top}<div class="shots one">{shot}</div>{_timings(shown)}</section>'
    near, far = draw.depth_range(shown.depth)
    seen = len(np.unique(shown.parts[shown.parts > 0]))
    shots = (
        page.figure(_boxes(shown), "picture", "boxes: found"),
        page.figure(overlay(shown, parts=False), "skeleton", "warm: right, cool: left"),
        page.figure(draw.blend_parts(shown.image, shown.parts, strength=0.82), "parts", f"{seen} of 14"),
        page.figure(draw.color_depth(shown.depth, near, far), "depth", f"{near * 100:+.0f} to {far * 100:+.0f} cm"),
    )
    whose = ", of the most prominent" if len(shown.people) > 1 else ""
    columns = (
        f"<div><h4>Joints{whose}, by score</h4>{_joint_bars(shown)}</div>",
        f"<div><h4>Parts, share of all that is seen</h4>{_part_bars(shown)}</div>",
        f"<div><h4>Depth, from the pelvis</h4>{page.depth_ramp(near, far)}"
        f'<h4 class="next">Time</h4>{_timings(shown)}</div>',
    )
    return (
        f'<section class="card">{top}<div class="shots">{"".join(shots)}</div>{_stats(entry.prediction)}'
        f'<div class="cols">{"".join(columns)}</div>{_joint_table(entry.prediction)}</section>'
    )


def _boxes(prediction: Prediction) -> np.ndarray:
    """The picture with everybody's box."""
    out = prediction.image
    for person in prediction.people:
        out = draw.draw_box(out, person.box)
    return out


def _photo_head(entry: PhotoEntry) -> str:
    """Title, whether somebody was found, and where the photo comes from."""
    height, width = entry.prediction.image.shape[:2]
    found, score = entry.prediction.found, entry.prediction.score
    words = who_was_found(entry.prediction)
    pill = f'<span class="pill{"" if found else " no"}">{words}, score {score:.2f}</span>'
    about = f"{width} x {height} pixels" + (f", {entry.credit}" if entry.credit else "")
    title = f"<h3>{page.escape(entry.name)}</h3>"
    return f'<div class="top">{title}{pill}<span class="dim">{page.escape(about)}</span></div>'


def _stats(prediction: Prediction) -> str:
    sure = int((prediction.joint_scores >= SURE).sum())
    covered = float((prediction.parts > 0).mean())
    box = prediction.box
    near, far = draw.depth_range(prediction.depth)
    first = " of the most prominent" if len(prediction.people) > 1 else ""
    entries = [
        (f"{sure} of {len(prediction.joints)}", f"joints placed{first}"),
        (f"{covered:.0%}", "of the picture is people" if first else "of the picture is person"),
        (f"{box[2] - box[0]:.0f} x {box[3] - box[1]:.0f}", f"box{first}, pixels"),
        (f"{(far - near) * 100:.0f} cm", "depth from near to far"),
        (f"{prediction.timings_ms.get('total', 0.0):.0f} ms", "from file to answer"),
    ]
    return f'<div class="stats">{"".join(page.stat(*entry) for entry in entries)}</div>'


def _joint_bars(prediction: Prediction) -> str:
    names = joint_set(prediction.joint_set).names
    rows = [
        (name.replace("_", " "), float(score), f"{score:.2f}", draw.side_color(name))
        for name, score in zip(names, prediction.joint_scores, strict=True)
    ]
    return page.bars(rows)


def _part_bars(prediction: Prediction) -> str:
    parts = part_set("parts14")
    counts = np.bincount(prediction.parts.ravel(), minlength=len(parts))[1:].astype(float)
    shares = counts / max(counts.sum(), 1)
    top = max(shares.max(), 1e-9)
    return page.bars([
        (name.replace("_", " "), float(share / top), f"{share:.1%}", color)
        for name, share, color in zip(parts.names[1:], shares, parts.palette[1:], strict=True)
    ])  # fmt: skip


def _timings(prediction: Prediction) -> str:
    rows = [(name, ms) for name, ms in prediction.timings_ms.items() if name != "total"]
    return page.stages(rows) if rows else ""


def _joint_table(prediction: Prediction) -> str:
    rows = "".join(
        f"<tr><td>{page.escape(name)}</td><td>{xy[0]:.1f}</td><td>{xy[1]:.1f}</td><td>{score:.3f}</td></tr>"
        for name, xy, score in zip(
            joint_set(prediction.joint_set).names, prediction.joints, prediction.joint_scores, strict=True
        )
    )
    head = "<tr><th>joint</th><th>x</th><th>y</th><th>score</th></tr>"
    return f"<details><summary>Coordinates in pixels</summary><table>{head}{rows}</table></details>"


def _legend() -> str:
    return (
        '<section class="card"><div class="top"><h3>The 14 parts</h3><span class="dim">left and right are the '
        f"person's own</span></div>{page.part_legend()}</section>"
    )


def person_crop(sample: Sample, size: tuple[int, int] = CROP_SIZE) -> Sample:
    """The sample around its first person, or the middle of the picture, with all its truth. size: (H, W)."""
    height, width = sample.size
    box = person_box(sample.people[0]) if sample.people else None
    if box is None:
        box = np.array([0, 0, width, height], np.float32)
    shape = size[1] / size[0]
    side = 1.2 * max(box[2] - box[0], (box[3] - box[1]) * shape)
    side = min(max(side, 24.0), width, height * shape)
    # The window stays within the picture.
    half = np.array([side / 2, side / shape / 2])
    center = np.clip((box[:2] + box[2:]) / 2, half, [width, height] - half)
    return warp_sample(sample, crop_matrix(center, side, size), size)


def _synthetic(samples: Sequence[Sample]) -> str:
    columns = [{"frame": sample.image} | sample_maps(person_crop(sample)) for sample in samples]
    names = list(dict.fromkeys(name for maps in columns for name in maps))
    height, width = samples[0].size
    grid = "".join(
        f"<span>{page.escape(cell)}</span>"
        for cell in ["", *(sample.action.replace("_", " ") or "nobody" for sample in samples)]
    )
    for name in names:
        grid += f"<span>{page.escape(name)}</span>"
        for maps in columns:
            plain = name in ("parts", "persons", "mask")
            grid += page.image(maps[name], name, lossless=plain) if name in maps else "<span></span>"
    lead = (
        f"Made a moment ago from a seed: {width} x {height} pixels, here cut out around the person, and exact "
        "to the pixel because the renderer knows. This is what the network learns from."
    )
    columns_css = f"grid-template-columns:64px repeat({len(samples)},1fr)"
    return (
        f'<h2>Synthetic people, with all their truth</h2><p class="lead">{lead}</p>'
        f'<section class="card scroll"><div class="sheet" style="{columns_css}">{grid}</div></section>'
    )
