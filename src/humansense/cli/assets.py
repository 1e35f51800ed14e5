"""`humansense assets add | list | remove`: ready-made clothes, hair and skins for the synthetic people."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar

import tyro

from humansense.cli import console
from humansense.core import HumansenseError


@dataclass
class Add:
    """Add clothes, hair and skins in MakeHuman's layout to the wardrobe of the synthetic people.

    Each asset is read and fitted on the average body first. What can not be used is named with the reason and left out,
    and the rest is added. Licences are recorded; adding again changes nothing. Assets are kept in $HUMANSENSE_ASSETS,
    else in ~/.local/share/humansense/assets. Ends with 2 if nothing could be added.
    """

    examples: ClassVar[str] = """
        humansense assets add makehuman_system_assets.zip
        humansense assets add makehuman/
        humansense assets add https://example.org/pack.zip --sha256 9f86d081884c7d65...
        humansense assets add my-skins/ --skins        (pictures for the body's UV layout)
        humansense assets list
    """

    source: tyro.conf.Positional[str]
    """A folder, a .zip, or the http(s) address of a .zip; a broken download goes on where it stopped."""
    sha256: str = ""
    """The sum that the .zip must have."""
    skins: bool = False
    """Take pictures that lie there as skins for the body's UV layout."""

    def run(self) -> int:
        from humansense.bodies import load_body
        from humansense.bodies.assets import add_assets, assets_dir
        from humansense.cli.synth import build_body_once

        if self.sha256 and (len(self.sha256) != 64 or set(self.sha256.lower()) - set("0123456789abcdef")):
            raise HumansenseError(f"--sha256 is {self.sha256!r}: expected 64 hexadecimal digits")
        build_body_once()
        with console.bar(None, "downloading", unit="B") as download, console.bar(None, "fitting", unit="asset") as fit:
            download.unit_scale = True
            report = add_assets(
                self.source,
                load_body(),
                sha256=self.sha256,
                skins=self.skins,
                downloaded=lambda done, total: _move(download, done, total),
                looked_at=lambda done, total: _move(fit, done, total),
            )
        for name, reason in report.skipped:
            console.note(f"left out {name}: {reason}")
        licences = sorted({asset.licence for asset in report.added + report.unchanged})
        counts = f"{len(report.added)} added, {len(report.unchanged)} there already, {len(report.skipped)} left out"
        print(f"{assets_dir()}: {counts}" + (f"; licences: {', '.join(licences)}" if licences else ""))
        if not report.added and not report.unchanged:
            raise HumansenseError(f"{self.source}: nothing in it can be used, see the reasons above")
        return 0


def _move(bar: Any, done: int, total: int | None) -> None:
    bar.total = total
    if done < bar.n:  # the server began anew
        bar.reset(total)
    bar.update(done - bar.n)


@dataclass
class List:
    """What the wardrobe holds: name, kind, licence, triangles, size of the texture.

    With --check every file is compared with its sum; ends with 2 if one is damaged.
    """

    examples: ClassVar[str] = """
        humansense assets list
        humansense assets list --check
        humansense assets list --json
    """

    check: bool = False
    """Compare every file with its recorded SHA-256."""
    json: bool = False
    """Print JSON, with the licences' words, sources and sums."""

    def run(self) -> int:
        from humansense.bodies.assets import assets_dir, damage, list_assets
        from humansense.bodies.assets_closet import NOT_DRAWN

        assets = list_assets()
        found = {asset.path: damage(asset) for asset in assets} if self.check else {}
        if self.json:
            rows: list[dict[str, Any]] = []
            for asset in assets:
                row = {key: value for key, value in vars(asset).items() if key != "folder"}
                row |= {"folder": str(asset.folder), "files": dict(asset.files)}
                rows.append(row | ({"damage": found[asset.path]} if self.check else {}))
            print(json.dumps(rows, indent=1, ensure_ascii=False))
        elif not assets:
            print(f"{assets_dir()}: no assets; `humansense assets add PATH|URL` adds a pack of MakeHuman's")
        else:
            print(f"{assets_dir()}: {len(assets)} assets")
            print(_table(assets))
            for asset in assets:
                if asset.name in NOT_DRAWN:
                    console.note(f"{asset.name} is not worn by itself: {NOT_DRAWN[asset.name]}")
        wrong = [line for lines in found.values() for line in lines]
        for line in wrong:
            console.report_error(line)
        if self.check and not wrong and not self.json:
            print("every file has its recorded sum")
        return 2 if wrong else 0


def _table(assets: list[Any]) -> str:
    head = ("name", "kind", "licence", "triangles", "texture")
    rows = [head]
    for asset in assets:
        width, height = asset.texture_size
        triangles = str(asset.triangles) if asset.triangles else "-"
        who = f"{asset.wear}, {asset.gender}" if asset.gender else asset.wear
        rows.append((asset.name, who, asset.licence, triangles, f"{width}x{height}"))
    widths = [max(len(row[k]) for row in rows) for k in range(len(head))]
    return "\n".join(
        "  " + "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows
    )


@dataclass
class Remove:
    """Delete assets from the wardrobe."""

    examples: ClassVar[str] = """
        humansense assets remove shoes01 long01
    """

    names: tyro.conf.Positional[tuple[str, ...]]
    """Names as `humansense assets list` tells them."""

    def run(self) -> int:
        from humansense.bodies.assets import remove_asset

        if not self.names:
            raise HumansenseError("no name is given: `humansense assets list` tells the names")
        for name in self.names:
            print(f"removed {remove_asset(name).folder}")
        return 0
