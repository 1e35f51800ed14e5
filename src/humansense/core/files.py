"""Writing files so that a reader never meets half of one, and where the caches live."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from humansense.core.errors import HumansenseError


def cache_dir() -> Path:
    """`$HUMANSENSE_CACHE`, else `~/.cache/humansense`. Holds only what can be made again."""
    return Path(os.environ.get("HUMANSENSE_CACHE", Path.home() / ".cache" / "humansense"))


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it takes `path`'s place, on any error it is removed.

    The temporary name keeps the suffix, so that writers that choose a format by it still work. A full disk
    and a missing permission become a `HumansenseError` that names the file.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_error(path: Path, error: OSError) -> HumansenseError:
    """A message for a failed write that says what to do."""
    remedy = {
        errno.ENOSPC: "the disk is full: free some space or choose another folder",
        errno.EDQUOT: "the disk quota is used up: free some space or choose another folder",
        errno.EACCES: "no permission to write there: choose another folder",
        errno.EROFS: "the file system is read-only: choose another folder",
        errno.ENOTDIR: "a part of the path is a file, not a folder: choose another folder",
        errno.EEXIST: "a part of the path is a file, not a folder: choose another folder",
    }.get(error.errno or 0, error.strerror or str(error))
    return HumansenseError(f"cannot write {path}: {remedy}")
