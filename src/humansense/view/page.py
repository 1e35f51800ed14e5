"""Pieces of a self-contained page: images as data, bars, tables. HTML in, HTML out; nothing is loaded from outside."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image

from humansense.core import part_set
from humansense.view import draw

STYLE = """
:root { color-scheme: light dark; --bg:#f5f4f0; --card:#ffffff; --ink:#1c1e24; --soft:#666b76; --line:#e3e1da;
  --accent:#d9573b; --cool:#1f86d6; --good:#1f8a5b; --bad:#b4432c; --bar:#ebe9e2; --shadow:0 1px 2px #0000000d,0 8px 28px #00000010; }
@media (prefers-color-scheme: dark) { :root { --bg:#101218; --card:#191c24; --ink:#e9ebf0; --soft:#9aa1af; --line:#2a2e39;
  --accent:#ff7a59; --cool:#40b2ff; --good:#5fd3a0; --bad:#ff9a82; --bar:#262a34; --shadow:none; } }
* { box-sizing:border-box; }
body { margin:0; background:var(--bg); color:var(--ink); font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
  -webkit-text-size-adjust:100%; }
main { max-width:1240px; margin:0 auto; padding:clamp(20px,4vw,56px) clamp(14px,3vw,40px) 80px; }
header { display:flex; flex-wrap:wrap; align-items:flex-end; justify-content:space-between; gap:20px 40px; margin-bottom:clamp(22px,4vw,44px); }
h1 { font-size:clamp(30px,5vw,50px); line-height:1.04; letter-spacing:-.03em; margin:0 0 10px; font-weight:720; }
h1::before { content:""; display:inline-block; width:.2em; height:.72em; margin-right:.28em; border-radius:.1em;
  background:linear-gradient(var(--accent) 50%,var(--cool) 50%); }
h2 { font-size:clamp(21px,2.6vw,28px); letter-spacing:-.02em; line-height:1.15; margin:clamp(40px,6vw,72px) 0 6px; }
h3 { font-size:18px; margin:0; letter-spacing:-.01em; overflow-wrap:anywhere; }
p { margin:0 0 10px; } .lead { color:var(--soft); max-width:64ch; font-size:17px; margin:0; }
.chips { display:flex; flex-wrap:wrap; gap:8px; } .chip { border:1px solid var(--line); background:var(--card); border-radius:99px;
  padding:4px 12px; font-size:13px; color:var(--soft); white-space:nowrap; } .chip b { color:var(--ink); font-weight:600; }
.card { background:var(--card); border:1px solid var(--line); border-radius:18px; padding:clamp(14px,2vw,26px); margin:22px 0; box-shadow:var(--shadow); }
.top { display:flex; flex-wrap:wrap; align-items:center; gap:8px 14px; margin-bottom:16px; }
.pill { font-size:13px; font-weight:600; padding:3px 11px; border-radius:99px; color:var(--good); border:1px solid currentColor; }
.pill.no { color:var(--bad); } .dim { color:var(--soft); font-size:14px; }
.shots { display:grid; grid-template-columns:repeat(auto-fit,minmax(min(100%,230px),1fr)); gap:12px; align-items:start; }
.shots.one { max-width:420px; } figure { margin:0; min-width:0; } figure img { display:block; width:100%; height:auto; border-radius:12px; background:#12141a; }
figcaption { font-size:13px; color:var(--soft); padding:7px 2px 0; display:flex; justify-content:space-between; gap:10px; }
.stats { display:grid; grid-template-columns:repeat(auto-fit,minmax(130px,1fr)); gap:10px; margin:20px 0 4px; }
.stat { border-top:2px solid var(--line); padding:9px 0 2px; } .stat b { display:block; font-size:23px; letter-spacing:-.02em; line-height:1.2;
  font-variant-numeric:tabular-nums; } .stat span { font-size:13px; color:var(--soft); }
.cols { display:grid; grid-template-columns:repeat(auto-fit,minmax(min(100%,300px),1fr)); gap:14px 40px; margin-top:18px; }
.cols h4 { font-size:13px; font-weight:600; color:var(--soft); margin:0 0 8px; }
.row { display:grid; grid-template-columns:116px 1fr 62px; gap:10px; align-items:center; font-size:13px; line-height:1.7; }
.row i { display:block; height:8px; border-radius:4px; background:var(--bar); overflow:hidden; } .row i s { display:block; height:100%; border-radius:4px; }
.row em { font-style:normal; text-align:right; color:var(--soft); font-variant-numeric:tabular-nums; white-space:nowrap; }
.stages { display:flex; height:14px; border-radius:7px; overflow:hidden; background:var(--bar); margin-bottom:10px; gap:2px; }
.keys { display:flex; flex-wrap:wrap; gap:3px 16px; font-size:13px; color:var(--soft); } .keys b { color:var(--ink); font-weight:500; }
.dot { display:inline-block; width:11px; height:11px; border-radius:3px; margin-right:7px; vertical-align:-1px; }
.legend { display:grid; grid-template-columns:repeat(auto-fill,minmax(158px,1fr)); gap:4px 14px; font-size:14px; }
.legend .dot { width:16px; height:16px; border-radius:5px; vertical-align:-3px; box-shadow:inset 0 0 0 1px #00000018; }
.ramp { height:14px; border-radius:7px; } .ends { display:flex; justify-content:space-between; font-size:13px; color:var(--soft); margin-top:4px;
  font-variant-numeric:tabular-nums; }
.sheet { display:grid; gap:8px; min-width:720px; align-items:center; } .sheet img { display:block; width:100%; border-radius:8px; }
.sheet span { font-size:13px; color:var(--soft); } .scroll { overflow-x:auto; }
details { margin-top:16px; font-size:14px; } summary { cursor:pointer; color:var(--soft); } table { border-collapse:collapse; margin-top:10px; font-size:13px;
  font-variant-numeric:tabular-nums; } td,th { padding:2px 18px 2px 0; text-align:right; } td:first-child,th:first-child { text-align:left; }
th { color:var(--soft); font-weight:500; } code { font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace; background:var(--bar);
  padding:2px 7px; border-radius:6px; overflow-wrap:anywhere; } footer { color:var(--soft); font-size:14px; margin-top:56px; border-top:1px solid var(--line); padding-top:18px; }
@media print { body { background:#fff; } .card { break-inside:avoid; box-shadow:none; } }
"""


def page(title: str, body: str) -> str:
    """A whole document. `body` is HTML."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body><main>\n{body}\n</main></body></html>\n"
    )


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
    return f"<figure>{image(array, caption, lossless)}<figcaption><span>{escape(caption)}</span>{side}</figcaption></figure>"


def stat(value: str, words: str) -> str:
    return f'<div class="stat"><b>{escape(value)}</b><span>{escape(words)}</span></div>'


def chips(pairs: Iterable[tuple[str, str]]) -> str:
    inside = "".join(f'<span class="chip">{escape(k)} <b>{escape(v)}</b></span>' for k, v in pairs)
    return f'<div class="chips">{inside}</div>'


def bars(rows: Sequence[tuple[str, float, str, tuple[int, int, int]]]) -> str:
    """Rows (name, share 0..1, words on the right, colour)."""
    return "".join(
        f'<div class="row"><span>{escape(name)}</span><i><s style="width:{np.clip(share, 0, 1):.1%};background:{css(color)}"></s></i>'
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
        for words in (f"{near_m * 100:+.0f} cm, near", "pelvis 0" if near_m < 0 < far_m else "", f"{far_m * 100:+.0f} cm, far")
    )
    return f'<div class="ramp" style="background:linear-gradient(90deg,{stops})"></div><div class="ends">{ends}</div>'


def css(color: Sequence[int]) -> str:
    return f"rgb({color[0]},{color[1]},{color[2]})"
