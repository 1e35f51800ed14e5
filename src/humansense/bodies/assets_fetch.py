"""Getting a pack of assets: a download that goes on where it stopped, and an archive unpacked with care."""

from __future__ import annotations

import hashlib
import http.client
import json
import shutil
import stat
import time
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from humansense.core import HumansenseError, write_error

Moved = Callable[[int, int | None], None]  # bytes done, bytes in all
CHUNK = 1 << 18
TRIES = 5
TIMEOUT_S = 30.0
MOST_BYTES = 20 << 30  # unpacked; a pack is a few hundred MB
GONE = (400, 401, 403, 404, 410)


def is_url(source: str | Path) -> bool:
    return urlsplit(str(source)).scheme in ("http", "https")


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()


def fetch(
    url: str,
    folder: Path,
    sha256: str = "",
    moved: Moved | None = None,
    wait_s: float = 1.0,
    timeout_s: float = TIMEOUT_S,
) -> Path:
    """Download `url` into `folder` and return the file.

    What has arrived is kept when the transfer breaks, also over runs, and only the rest is asked for (HTTP Range, with
    If-Range so that a changed file starts anew). Tries `TRIES` times, `wait_s` apart at first and twice as long each
    time. sha256: what the file must have, "" to accept any. Raises `HumansenseError` with the remedy.
    """
    name = PurePosixPath(urlsplit(url).path).name or "download"
    key = hashlib.sha256(url.encode()).hexdigest()[:16]
    part = folder / f"{key}-{name}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for attempt in range(TRIES):
            try:
                _transfer(url, part, moved, timeout_s)
                break
            except HTTPError as error:
                if error.code in GONE:
                    raise HumansenseError(
                        f"{url}: the server says {error.code} {error.reason}: check the address"
                    ) from error
                reason: object = f"the server says {error.code} {error.reason}"
            except (URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
                reason = getattr(error, "reason", None) or error or type(error).__name__
            if attempt + 1 == TRIES:
                raise HumansenseError(
                    f"{url}: cannot be downloaded ({reason}) after {TRIES} tries: check the connection and run the "
                    "command again, it goes on where it stopped; or download the file elsewhere and give its path"
                )
            time.sleep(wait_s * 2**attempt)
        got = sha256_of(part)
        if sha256 and got != sha256.lower():
            _forget(part)
            raise HumansenseError(
                f"{url}: has SHA-256 {got}, expected {sha256.lower()}: the file has changed or was damaged on its way; "
                "check the sum and try again"
            )
        done = folder / f"{key}-{name}"
        part.replace(done)
        _forget(part)
    except HumansenseError:
        raise
    except OSError as error:
        raise write_error(part, error) from error
    return done


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    part.with_suffix(".state").unlink(missing_ok=True)


def _transfer(url: str, part: Path, moved: Moved | None, timeout_s: float) -> None:
    """One try: the rest of the file after what `part` holds."""
    state = part.with_suffix(".state")
    have = part.stat().st_size if part.is_file() else 0
    mark = json.loads(state.read_text()) if state.is_file() else {}
    if mark.get("total") == have and have:
        return
    headers = {"User-Agent": "humansense", "Accept-Encoding": "identity"}
    if have and mark.get("validator"):
        headers |= {"Range": f"bytes={have}-", "If-Range": mark["validator"]}
    with urlopen(Request(url, headers=headers), timeout=timeout_s) as response:
        rest = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        have = have if rest else 0
        length = response.headers.get("Content-Length")
        total = have + int(length) if length else None
        # A weak ETag can not be used with If-Range (RFC 9110, 13.1.5).
        etag = response.headers.get("ETag", "")
        validator = etag if etag.startswith('"') else response.headers.get("Last-Modified", "")
        state.write_text(json.dumps({"validator": validator, "total": total}))
        with open(part, "ab" if have else "wb") as file:
            while block := response.read(CHUNK):
                file.write(block)
                have += len(block)
                if moved:
                    moved(have, total)
    if total is not None and have != total:
        raise http.client.IncompleteRead(b"", total - have)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a .zip into an empty folder. Refuses names that lead out of it, links, and archives that swell."""
    try:
        with zipfile.ZipFile(archive) as pack:
            members = [m for m in pack.infolist() if not m.is_dir() and not m.filename.startswith("__MACOSX/")]
            if sum(m.file_size for m in members) > MOST_BYTES:
                raise HumansenseError(
                    f"{archive}: unpacks to more than {MOST_BYTES >> 30} GB, expected a pack of assets: unpack it "
                    "yourself and give the folder"
                )
            for member in members:
                target = _inside(archive, folder, member)
                target.parent.mkdir(parents=True, exist_ok=True)
                with pack.open(member) as source, open(target, "wb") as file:
                    shutil.copyfileobj(source, file, CHUNK)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise HumansenseError(
            f"{archive}: is not a whole .zip file ({error}), expected a pack of assets: fetch it again"
        ) from error
    except OSError as error:
        raise write_error(folder, error) from error


def _inside(archive: Path, folder: Path, member: zipfile.ZipInfo) -> Path:
    name = PurePosixPath(member.filename.replace("\\", "/"))
    link = stat.S_ISLNK(member.external_attr >> 16)
    if link or name.is_absolute() or ".." in name.parts or ":" in name.parts[0]:
        what = "is a link" if link else "leads out of the archive"
        raise HumansenseError(f"{archive}: its entry {member.filename!r} {what}: do not use this archive")
    return folder.joinpath(*name.parts)
