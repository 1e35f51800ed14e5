"""Shape checks whose messages say what was got and what was expected."""

from __future__ import annotations

from typing import Any

from humansense.core.errors import HumansenseError


def check_shape(name: str, array: Any, expected: tuple[int | str | None, ...]) -> None:
    """Raise `HumansenseError` unless `array.shape` matches `expected`.

    `expected` holds one entry an axis: an int is required exactly, a str names a free size (the same
    name must have the same size everywhere), None accepts any size. A leading Ellipsis is not needed:
    pass a view with the axes that matter.
    """
    shape = tuple(array.shape)
    sizes: dict[str, int] = {}
    ok = len(shape) == len(expected)
    for got, want in zip(shape, expected, strict=False):
        if isinstance(want, str):
            ok = ok and sizes.setdefault(want, got) == got
        elif want is not None:
            ok = ok and got == want
    if not ok:
        wanted = ", ".join("any" if e is None else str(e) for e in expected)
        raise HumansenseError(f"{name} has shape {shape}, expected ({wanted})")
