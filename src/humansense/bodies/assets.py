"""The user's own assets: ready-made clothes, hair and skins, each in a folder with a manifest of its files.

Layout of the store, that of MakeHuman's packs: `clothes/NAME/`, `hair/NAME/`, `skins/NAME/`, and in each folder
`asset.json`: what it is, its licence, and the SHA-256 of every file. A folder takes its place by one rename after it
has been read and fitted, so that what is there is whole.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from humansense.bodies.anny_body import Body
from humansense.bodies.assets_fetch import Moved, fetch, is_url, sha256_of, unpack
from humansense.bodies.assets_read import KINDS, Facts, Found, find, read_asset
from humansense.core import HumansenseError, cache_dir, write_error

MANIFEST = "asset.json"
FORMAT = 1


@dataclass(frozen=True)
class Asset:
    """One asset of the store.

    kind: "clothes", "hair" or "skins". wear: "suit", "top", "bottom", "shoes", "hat", "hair" or "skin". gender: "male",
    "female" or "" for anybody. words: of its name and tags. main: the file to read it by. files: `(name, SHA-256)`.
    texture_size: (w, h) pixels. source: where it was added from.
    """

    name: str
    kind: str
    wear: str
    gender: str
    words: tuple[str, ...]
    tags: tuple[str, ...]
    main: str
    files: tuple[tuple[str, str], ...]
    licence: str
    licence_text: str
    source: str
    triangles: int
    texture_size: tuple[int, int]
    z_depth: int
    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / self.main


@dataclass
class AddReport:
    """What became of the assets of a pack. skipped: `(name, reason)`."""

    added: list[Asset] = field(default_factory=list)
    unchanged: list[Asset] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)


def assets_dir() -> Path:
    """`$HUMANSENSE_ASSETS`, else `~/.local/share/humansense/assets`. Assets are the user's: this is no cache."""
    return Path(os.environ.get("HUMANSENSE_ASSETS") or Path.home() / ".local" / "share" / "humansense" / "assets")


def add_assets(
    source: str | Path,
    body: Body,
    root: Path | None = None,
    sha256: str = "",
    skins: bool = False,
    downloaded: Moved | None = None,
    looked_at: Callable[[int, int], None] | None = None,
) -> AddReport:
    """Add every asset of a folder, a .zip or an http(s) address of a .zip to the store at `root`.

    Each is read and fitted on the average body first; one that can not be used is reported and skipped. Adding again
    changes nothing. skins: take pictures for the body's UV that lie there as skins. downloaded, looked_at: told of
    progress, in bytes and assets. Raises `HumansenseError` where there is nothing to add at all.
    """
    root = assets_dir() if root is None else root
    report = AddReport()
    try:
        root.mkdir(parents=True, exist_ok=True)
        _sweep(root)
        with _staging(root) as staging, _opened(source, staging, sha256, downloaded) as folder:
            found, report.skipped = find(folder, skins)
            if not found and not report.skipped:
                raise HumansenseError(
                    f"{source}: holds no .mhclo and no skin's .mhmat, expected MakeHuman's layout (clothes/NAME/, "
                    "hair/..., skins/...): give the pack's folder or .zip; pictures for the body's UV need --skins"
                )
            for count, item in enumerate(found, 1):
                if facts := _facts(body, item, folder, report):
                    _take_place(_copied(item, facts, str(source), staging), root, staging, report)
                if looked_at:
                    looked_at(count, len(found))
    except OSError as error:
        raise write_error(root, error) from error
    return report


def _facts(body: Body, item: Found, folder: Path, report: AddReport) -> Facts | None:
    """What reading an asset tells, or None and a reason in the report."""
    try:
        if any((asset.kind, asset.name) == (item.kind, item.name) for asset in report.added + report.unchanged):
            raise HumansenseError(f"{item.main}: another of {item.kind} before it has this name: rename one")
        facts = read_asset(body, item, folder)
        names = [path.name for path in facts.files]
        if len(set(names)) < len(names):
            raise HumansenseError(f"{item.main}: two of its files are named alike ({', '.join(names)}): rename one")
    except HumansenseError as error:
        report.skipped.append((item.name, str(error)))
        return None
    return facts


def _copied(item: Found, facts: Facts, source: str, staging: Path) -> Asset:
    """A copy of an asset's files with their manifest in the staging folder."""
    copy = staging / "copies" / item.kind / item.name
    copy.mkdir(parents=True)
    for path in facts.files:
        shutil.copyfile(path, copy / path.name)
    gender = next((name for name in ("female", "male") if name in facts.words), "")
    files = tuple(sorted((path.name, sha256_of(copy / path.name)) for path in facts.files))
    asset = Asset(
        item.name, item.kind, facts.wear, gender, tuple(sorted(facts.words)), facts.tags, item.main.name, files,
        facts.licence, facts.licence_text, source, facts.triangles, facts.texture_size, facts.z_depth, copy,
    )  # fmt: skip
    text = json.dumps(_to_json(asset), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    (copy / MANIFEST).write_text(text, encoding="utf-8")
    return asset


def _take_place(asset: Asset, root: Path, staging: Path, report: AddReport) -> None:
    """Move a copied asset to where it belongs, unless it is there."""
    target = root / asset.kind / asset.name
    if _same(target, asset):
        report.unchanged.append(_from_json(target))
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        os.rename(target, staging / f"old-{asset.kind}-{asset.name}")
    os.rename(asset.folder, target)
    report.added.append(_from_json(target))


def _same(target: Path, asset: Asset) -> bool:
    """Whether the store holds this very asset, undamaged. Where it came from does not count."""
    try:
        before = _from_json(target)
    except HumansenseError:
        return False
    return before == replace(asset, source=before.source, folder=target) and not damage(before)


def _to_json(asset: Asset) -> dict[str, object]:
    values = asdict(asset) | {"format": FORMAT}
    del values["folder"]
    return values


def _from_json(folder: Path) -> Asset:
    path = folder / MANIFEST
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values.pop("format") != FORMAT:
            raise HumansenseError(f"{path}: was written by a newer humansense: update humansense")
        values["files"] = tuple((name, digest) for name, digest in values["files"])
        values |= {key: tuple(values[key]) for key in ("words", "tags", "texture_size")}
        return Asset(folder=folder, **values)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HumansenseError(
            f"{path}: is not the manifest of an asset ({error}): delete {folder} and add the pack again"
        ) from error


def list_assets(root: Path | None = None) -> list[Asset]:
    """Every asset of the store, clothes first, by name."""
    root = assets_dir() if root is None else root
    folders = [path.parent for kind in KINDS for path in sorted((root / kind).glob(f"*/{MANIFEST}"))]
    return [_from_json(folder) for folder in folders]


def damage(asset: Asset) -> list[str]:
    """What is wrong with the files of an asset, one line each; empty for a whole one."""
    out = []
    for name, digest in asset.files:
        path = asset.folder / name
        if not path.is_file():
            out.append(f"{path}: is missing: add the pack again")
        elif sha256_of(path) != digest:
            out.append(f"{path}: has changed since it was added: add the pack again")
    return out


def remove_asset(name: str, root: Path | None = None) -> Asset:
    """Delete the asset of that name from the store."""
    root = assets_dir() if root is None else root
    named = [asset for asset in list_assets(root) if asset.name == name]
    if not named:
        raise HumansenseError(f"no asset is named {name!r}: `humansense assets list` tells the names")
    with _staging(root) as staging:
        os.rename(named[0].folder, staging / "old")
    return named[0]


@contextmanager
def _opened(source: str | Path, staging: Path, sha256: str, downloaded: Moved | None) -> Iterator[Path]:
    """The folder that a source is or unpacks to."""
    if is_url(source):
        archive = fetch(str(source), cache_dir() / "downloads", sha256, downloaded)
        try:
            yield _unpacked(archive, staging)
        finally:
            archive.unlink(missing_ok=True)
        return
    path = Path(source)
    if not path.exists():
        raise HumansenseError(f"{source}: does not exist, expected a folder, a .zip or an http(s) address")
    if path.is_dir():
        if sha256:
            raise HumansenseError(f"--sha256 is for a file or an address, and {source} is a folder: leave it out")
        yield path
        return
    if sha256 and (got := sha256_of(path)) != sha256.lower():
        raise HumansenseError(f"{source}: has SHA-256 {got}, expected {sha256.lower()}: fetch the file again")
    yield _unpacked(path, staging)


def _unpacked(archive: Path, staging: Path) -> Path:
    folder = staging / "unpacked"
    folder.mkdir()
    unpack(archive, folder)
    return folder


@contextmanager
def _staging(root: Path) -> Iterator[Path]:
    """A folder beside the assets, on the same disk, that is gone afterwards."""
    folder = root / f".staging-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(root: Path) -> None:
    """Delete what a killed process has left behind."""
    for folder in root.glob(".staging-*"):
        number = folder.name.removeprefix(".staging-")
        if number.isdigit() and int(number) != os.getpid():
            with suppress(PermissionError):  # somebody else's process: it is alive
                try:
                    os.kill(int(number), 0)
                except ProcessLookupError:
                    shutil.rmtree(folder, ignore_errors=True)
