"""Pieces of a self-contained page: images as data, bars, tables. HTML in, HTML out; nothing is loaded from outside."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib import resources

import numpy as np
from PIL import Image

from humansense.core import part_set
from humansense.view import draw


def page(title: str, body: str) -> str:
    """A whole document. `body` is HTML."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style()}</style></head>\n<body><main>\n{body}\n</main></body></html>\n"
    )


@lru_cache(maxsize=1)
def style() -> str:
    """The page's own style sheet, which goes into it."""
    return (resources.files("humansense.view") / "report.css").read_text(encoding="utf-8")


def escape(words: object) -> str:
    return html.escape(str(words))


def image(array: np.ndarray, alt: str, lossless: bool = False) -> str:
    """An <img> that carries its data: JPEG for pictures, PNG for maps whose colours mean something."""
    buffer = io.BytesIO()
    if lossless:
        Image.fromarray(array).quantize(256, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    else:
        Image.fromarray(array).save(buffer, "JPEG", quality=88, optimize=True, progressive=True)
    kind = "png" if lossless else "jpeg"
    data = base64.b64encode(buffer.getvalue()).decode()
    height, width = array.shape[:2]
    return f'<img width="{width}" height="{height}" alt="{escape(alt)}" src="data:image/{kind};base64,{data}">'


def figure(array: np.ndarray, caption: str, note: str = "", lossless: bool = False) -> str:
    side = f"<span>{escape(note)}</span>" if note else ""
    words = f"<figcaption><span>{escape(caption)}</span>{side}</figcaption>"
    return f"<figure>{image(array, caption, lossless)}{words}</figure>"


def stat(value: str, words: str) -> str:
    return f'<div class="stat"><b>{escape(value)}</b><span>{escape(words)}</span></div>'


def chips(pairs: Iterable[tuple[str, str]]) -> str:
    inside = "".join(f'<span class="chip">{escape(k)} <b>{escape(v)}</b></span>' for k, v in pairs)
    return f'<div class="chips">{inside}</div>'


def bars(rows: Sequence[tuple[str, float, str, tuple[int, int, int]]]) -> str:
    """Rows (name, share 0..1, words on the right, colour)."""
    return "".join(
        f'<div class="row"><span>{escape(name)}</span>'
        f'<i><s style="width:{np.clip(share, 0, 1):.1%};background:{css(color)}"></s></i>'
        f"<em>{escape(words)}</em></div>"
        for name, share, words, color in rows
    )


def stages(timings_ms: Sequence[tuple[str, float]]) -> str:
    """One bar of consecutive stages, and what each took."""
    total = sum(ms for _, ms in timings_ms) or 1.0
    colors = ["#d9573b", "#e0a030", "#6aa84f", "#1f86d6", "#7a5cd6", "#c2489b", "#5b7083"]
    rows = [(name, ms, colors[i % len(colors)]) for i, (name, ms) in enumerate(timings_ms)]
    strip = "".join(f'<div style="flex:{max(ms, total / 200):.3f};background:{c}"></div>' for _, ms, c in rows)
    keys = "".join(
        f'<span><span class="dot" style="background:{c}"></span>{escape(name)} <b>{ms:.1f} ms</b></span>'
        for name, ms, c in rows
    )
    return f'<div class="stages">{strip}</div><div class="keys">{keys}</div>'


def part_legend(set_name: str = "parts14") -> str:
    parts = part_set(set_name)
    return '<div class="legend">' + "".join(
        f'<span><span class="dot" style="background:{css(color)}"></span>{escape(name.replace("_", " "))}</span>'
        for name, color in list(zip(parts.names, parts.palette, strict=True))[1:]
    ) + "</div>"  # fmt: skip


def depth_ramp(near_m: float, far_m: float) -> str:
    colors = draw.depth_colors()[::-1][np.linspace(0, 255, 12).round().astype(int)]
    stops = ",".join(css(tuple(int(v) for v in color)) for color in colors)
    ends = "".join(
        f"<span>{words}</span>"
        for words in (
            f"{near_m * 100:+.0f} cm, near",
            "pelvis 0" if near_m < 0 < far_m else "",
            f"{far_m * 100:+.0f} cm, far",
        )
    )
    return f'<div class="ramp" style="background:linear-gradient(90deg,{stops})"></div><div class="ends">{ends}</div>'


def css(color: Sequence[int]) -> str:
    return f"rgb({color[0]},{color[1]},{color[2]})"
