"""The one exception that a user is meant to read."""

from __future__ import annotations


class HumansenseError(Exception):
    """An input that cannot be used.

    The message names the input, says what was expected, and what to do about it. The command line
    prints it as one line and exits with 2; it never shows a traceback for it.
    """
