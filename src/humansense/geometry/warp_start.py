"""Start Warp, the compiler of the kernels, without its banner. Call `start_warp()` before anything that imports it."""

from __future__ import annotations

import logging
import os
import tempfile
from functools import cache

logger = logging.getLogger(__name__)


@cache
def start_warp() -> None:
    """Initialise Warp once a process; what it says of missing GPU drivers goes to the log at level debug."""
    import warp as wp

    for name, value in (("log_level", logging.WARNING), ("quiet", True)):  # the second one in older releases
        if hasattr(wp.config, name):
            setattr(wp.config, name, value)
    # The complaint is written to file descriptor 2 by native code, so that is where it has to be caught.
    with tempfile.TemporaryFile() as caught:
        kept = os.dup(2)
        os.dup2(caught.fileno(), 2)
        try:
            wp.init()
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        caught.seek(0)
        for line in caught.read().decode(errors="replace").splitlines():
            logger.debug("warp: %s", line)
