"""What all commands share: how errors look, progress with the time left, words for sizes."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from humansense.core import HumansenseError

T = TypeVar("T")


def report_error(message: str) -> None:
    """The one style of an error: one line on stderr."""
    print(f"humansense: error: {' '.join(str(message).split())}", file=sys.stderr, flush=True)


def note(message: str) -> None:
    """Something that is worth knowing but is no result: stderr, so that results can be piped."""
    print(message, file=sys.stderr, flush=True)


def progress(items: Iterable[T], what: str, total: int | None = None, unit: str = "it") -> Any:
    """A bar with the time left that shows up when the work takes more than a second; none where nobody watches."""
    from tqdm import tqdm

    return tqdm(items, desc=what, total=total, unit=unit, delay=1.0, disable=None, leave=False, dynamic_ncols=True)


def bar(total: int | None, what: str, unit: str = "it") -> Any:
    """`progress` that is moved by hand: `bar.update(1)`."""
    from tqdm import tqdm

    return tqdm(total=total, desc=what, unit=unit, delay=1.0, disable=None, leave=False, dynamic_ncols=True)


def setup_logging(verbose: bool) -> None:
    """Log lines of the library go to stderr: warnings, and with `--verbose` what it does."""
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, format="humansense: %(message)s", stream=sys.stderr, force=True)


def numbers(text: str, option: str, count: int | None = None) -> tuple[float, ...]:
    """`"1,1.25"` as numbers; raises `HumansenseError` that names the option."""
    try:
        values = tuple(float(part) for part in text.replace(" ", "").split(","))
    except ValueError:
        values = ()
    if not values or (count is not None and len(values) != count):
        wanted = f"{count} numbers" if count else "numbers"
        raise HumansenseError(f"{option} is {text!r}: expected {wanted} with commas between, without spaces")
    return values


def picture_size(text: str, option: str = "--size") -> tuple[int, int]:
    """`"320x240"` (width x height) as (H, W)."""
    width, _, height = text.lower().partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise HumansenseError(f"{option} is {text!r}: expected WIDTHxHEIGHT in pixels, for example 320x240")
    return int(height), int(width)


def thread_count(threads: int) -> int:
    """What `--threads` means: 0 is as many as there are cores."""
    if threads < 0:
        raise HumansenseError(f"--threads is {threads}: expected 0 (automatic) or more")
    return threads or os.cpu_count() or 1


def set_threads(threads: int) -> None:
    """Let torch compute with so many threads; 0 is as many as there are cores."""
    import torch

    torch.set_num_threads(thread_count(threads))


def human_bytes(count: int) -> str:
    """`12.3 MB`."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError


def table(rows: Sequence[tuple[str, str]], indent: int = 2) -> str:
    """Two columns, the left one as wide as its longest entry."""
    width = max((len(left) for left, _ in rows), default=0)
    return "\n".join(f"{' ' * indent}{left:<{width}}  {right}" for left, right in rows)


def relative(path: Path) -> str:
    """A path as a person would type it from here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
