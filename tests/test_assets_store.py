"""The store of assets: adding, listing, killing, downloading, and the closet that people draw from."""

import http.server
import json
import signal
import subprocess
import sys
import textwrap
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fake_pack import write_asset, write_pack

from humansense.bodies import assets_fetch as fetching
from humansense.bodies import load_body, load_closet, sample_outfit, sample_shapes, sample_skin, split_closet
from humansense.bodies.assets import add_assets, damage, list_assets, remove_asset
from humansense.bodies.assets_closet import Closet, recolour
from humansense.bodies.assets_fetch import fetch, sha256_of, unpack
from humansense.bodies.makehuman_fit import ready_made
from humansense.cli.app import main
from humansense.core import HumansenseError

BODY = load_body()
NAMES = ["bib", "bib2", "wig", "young_asian_female"]


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return write_pack(tmp_path / "pack")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HUMANSENSE_ASSETS", str(tmp_path / "store"))
    return tmp_path / "store"


def snapshot(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def test_adding_copies_what_is_needed_and_records_it(pack: Path, store: Path) -> None:
    report = add_assets(pack, BODY)
    assert [asset.name for asset in report.added] == NAMES
    assert report.skipped == []
    assets = {asset.name: asset for asset in list_assets()}
    bib = assets["bib"]
    assert bib.folder == store / "clothes" / "bib"
    assert {name: digest for name, digest in bib.files} == {
        f"bib.{end}": sha256_of(pack / "clothes" / "bib" / f"bib.{end}") for end in ("mhclo", "mhmat", "obj", "png")
    }
    assert (bib.licence, bib.gender, bib.triangles, bib.texture_size) == ("CC0-1.0", "female", 2, (8, 8))
    assert "released as CC0" in bib.licence_text
    assert assets["wig"].wear == "hair"
    assert assets["young_asian_female"].path.name == "young_asian_female.mhmat"
    before = snapshot(store)
    again = add_assets(pack, BODY)
    assert [asset.name for asset in again.unchanged] == NAMES
    assert again.added == []
    assert snapshot(store) == before
    assert not list(store.glob(".staging*"))


def test_the_licence_comes_from_the_pack_where_the_file_is_silent(pack: Path, store: Path) -> None:
    for path in (pack / "clothes" / "bib").glob("bib.mh*"):
        path.write_text(path.read_text().replace("# This asset was explicitly released as CC0.\n", ""))
    bib = pack / "clothes" / "bib" / "bib.mhclo"
    add_assets(pack, BODY)
    assert {a.name: a.licence for a in list_assets()}["bib"] == "not stated"
    (pack / "LICENSE.md").write_text("All files: CC-BY 4.0, by Jo")
    add_assets(pack, BODY)
    got = {a.name: (a.licence, a.licence_text) for a in list_assets()}["bib"]
    assert got == ("CC-BY", "All files: CC-BY 4.0, by Jo")
    bib.write_text("# license AGPL3\n" + bib.read_text())
    add_assets(pack, BODY)
    assert {a.name: a.licence for a in list_assets()}["bib"] == "AGPL-3.0"


def test_what_can_not_be_used_is_named_and_the_rest_is_added(pack: Path, store: Path) -> None:
    (pack / "clothes" / "bib" / "bib.png").write_text("no picture")
    write_asset(pack / "clothes" / "other", "bib2")
    write_asset(pack / "eyes" / "blue", "blue")
    report = add_assets(pack, BODY)
    assert [asset.name for asset in report.added] == NAMES[1:]
    reasons = dict(report.skipped)
    assert "bib.png: is not a picture" in reasons["bib"]
    assert "has this name: rename one" in reasons["bib2"]
    assert "eyes are not worn here" in reasons["blue"]
    (pack / "empty").mkdir()
    with pytest.raises(HumansenseError, match="expected MakeHuman's layout"):
        add_assets(pack / "empty", BODY)


def test_a_changed_pack_replaces_and_a_damaged_copy_is_made_again(pack: Path, store: Path) -> None:
    add_assets(pack, BODY)
    (store / "hair" / "wig" / "wig.png").write_bytes(b"rotten")
    (store / "clothes" / "bib" / "bib.obj").unlink()
    wrong = [line for asset in list_assets() for line in damage(asset)]
    assert len(wrong) == 2
    assert any("wig.png: has changed since it was added" in line for line in wrong)
    assert any("bib.obj: is missing" in line for line in wrong)
    with pytest.raises(HumansenseError, match=r"bib.obj: is missing: add the pack again"):
        load_closet()
    assert [asset.name for asset in add_assets(pack, BODY).added] == ["bib", "wig"]
    assert not [line for asset in list_assets() for line in damage(asset)]
    write_asset(pack / "clothes" / "bib", "bib", (1, 2, 3))
    assert [asset.name for asset in add_assets(pack, BODY).added] == ["bib"]
    assert remove_asset("bib").name == "bib"
    assert [asset.name for asset in list_assets()] == NAMES[1:]
    with pytest.raises(HumansenseError, match="no asset is named 'bib'"):
        remove_asset("bib")


def test_killed_in_the_middle_leaves_only_whole_assets(pack: Path, store: Path) -> None:
    code = textwrap.dedent("""
        import os, shutil, signal, sys
        from humansense.bodies import load_body
        from humansense.bodies import assets
        copy, count = shutil.copyfile, [0]
        def counted(source, target):
            copy(source, target)
            count[0] += 1
            if count[0] == 7:  # in the second asset
                os.kill(os.getpid(), signal.SIGKILL)
        shutil.copyfile = counted
        assets.add_assets(sys.argv[1], load_body())
    """)
    killed = subprocess.run([sys.executable, "-c", code, str(pack)], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert [asset.name for asset in list_assets()] == ["bib"]
    assert list(store.glob(".staging-*"))  # what the killed one left
    closet = load_closet()
    assert closet is not None
    assert len(closet.assets) == 1
    report = add_assets(pack, BODY)
    assert [asset.name for asset in report.unchanged + report.added] == NAMES
    assert not list(store.glob(".staging-*"))
    # Byte for byte what an undisturbed run gives.
    other = store.with_name("other")
    add_assets(pack, BODY, other)
    assert snapshot(other) == snapshot(store)


def zipped(folder: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, Path("system_assets") / path.relative_to(folder))
    return target


def test_a_zip_is_as_good_as_its_folder(pack: Path, store: Path, tmp_path: Path) -> None:
    archive = zipped(pack, tmp_path / "pack.zip")
    with pytest.raises(HumansenseError, match="has SHA-256"):
        add_assets(archive, BODY, sha256="0" * 64)
    add_assets(archive, BODY, sha256=sha256_of(archive))
    assert [asset.name for asset in list_assets()] == NAMES
    assert [asset.name for asset in add_assets(pack, BODY).unchanged] == NAMES
    archive.write_bytes(archive.read_bytes()[:-200])
    with pytest.raises(HumansenseError, match=r"pack.zip: is not a whole .zip"):
        add_assets(archive, BODY)


@pytest.mark.parametrize("name", ["../evil.txt", "/etc/evil", "a/../../evil", "..\\evil", "C:/evil"])
def test_a_zip_that_leads_out_is_refused(name: str, tmp_path: Path) -> None:
    archive = tmp_path / "bad.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(name, "evil")
    (tmp_path / "inside").mkdir()
    with pytest.raises(HumansenseError, match="leads out of the archive"):
        unpack(archive, tmp_path / "inside")
    assert not list((tmp_path / "inside").rglob("*"))
    assert not (tmp_path / "evil.txt").exists()


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("clothes/link")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as file:
        file.writestr(info, "/etc/passwd")
    (tmp_path / "inside").mkdir()
    with pytest.raises(HumansenseError, match="is a link"):
        unpack(tmp_path / "bad.zip", tmp_path / "inside")


class Server(http.server.ThreadingHTTPServer):
    """Serves one file; the first `breaks` answers stop in the middle."""

    def __init__(self, data: bytes, breaks: int = 0) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.data, self.breaks, self.tag = data, breaks, '"one"'
        self.ranges: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/pack.zip"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        if not self.path.endswith("pack.zip"):
            self.send_error(404)
            return
        wanted, data = self.headers.get("Range"), self.server.data
        self.server.ranges.append(wanted)
        start = 0
        if wanted and self.headers.get("If-Range") == self.server.tag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        self.send_header("ETag", self.server.tag)
        self.end_headers()
        rest = data[start:]
        if self.server.breaks > 0:
            self.server.breaks -= 1
            rest = rest[: len(rest) // 2]
        self.wfile.write(rest)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def serve() -> Iterator[object]:
    servers: list[Server] = []

    def start(data: bytes, breaks: int = 0) -> Server:
        server = Server(data, breaks)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


DATA = np.random.default_rng(0).integers(0, 256, 1 << 20, dtype=np.uint8).tobytes()


def test_a_broken_download_goes_on_where_it_stopped(serve, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    server = serve(DATA, breaks=2)
    moves: list[tuple[int, int | None]] = []
    got = fetch(server.url, tmp_path, moved=lambda *m: moves.append(m), wait_s=0.01)
    assert got.read_bytes() == DATA
    half, three_quarters = len(DATA) // 2, len(DATA) * 3 // 4
    assert server.ranges == [None, f"bytes={half}-", f"bytes={three_quarters}-"]
    assert moves[-1] == (len(DATA), len(DATA))
    assert [p.name for p in tmp_path.iterdir()] == [got.name]


def test_the_next_run_goes_on_too_but_not_with_another_file(serve, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(fetching, "TRIES", 1)
    server = serve(DATA, breaks=1)
    with pytest.raises(HumansenseError, match="goes on where it stopped"):
        fetch(server.url, tmp_path)
    assert fetch(server.url, tmp_path).read_bytes() == DATA
    assert server.ranges == [None, f"bytes={len(DATA) // 2}-"]
    server.breaks = 1
    with pytest.raises(HumansenseError):
        fetch(server.url, tmp_path)
    server.data, server.tag = DATA[::-1], '"two"'
    assert fetch(server.url, tmp_path).read_bytes() == DATA[::-1]


def test_downloads_that_fail_say_why(serve, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    server = serve(DATA)
    with pytest.raises(HumansenseError, match=r"has SHA-256 .* expected 0000"):
        fetch(server.url, tmp_path, sha256="0" * 64)
    assert not list(tmp_path.iterdir())
    with pytest.raises(HumansenseError, match=r"says 404 .*check the address"):
        fetch(server.url.replace("pack", "other"), tmp_path)
    url = server.url
    server.shutdown()
    server.server_close()
    with pytest.raises(HumansenseError, match=r"cannot be downloaded .* after 5 tries: check the connection"):
        fetch(url, tmp_path, wait_s=0.001)


def test_the_command_line(serve, pack: Path, store: Path, tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    assert main(["assets", "list"]) == 0
    assert "no assets" in capsys.readouterr().out
    archive = zipped(pack, tmp_path / "pack.zip")
    server = serve(archive.read_bytes(), breaks=1)
    assert main(["assets", "add", server.url, "--sha256", sha256_of(archive)]) == 0
    assert "4 added, 0 there already, 0 left out; licences: CC0-1.0" in capsys.readouterr().out
    assert main(["assets", "list", "--check"]) == 0
    out = capsys.readouterr().out
    assert "bib2" in out
    assert "CC0-1.0" in out
    assert "every file has its recorded sum" in out
    assert main(["assets", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == NAMES
    assert rows[0]["source"] == server.url
    (store / "hair" / "wig" / "wig.png").write_bytes(b"rotten")
    assert main(["assets", "list", "--check"]) == 2
    assert "wig.png: has changed" in capsys.readouterr().err
    (pack / "clothes" / "bib" / "bib.obj").write_text("v 0 0 0\n")
    assert main(["assets", "add", str(pack)]) == 0
    said = capsys.readouterr()
    assert "left out bib: " in said.err
    assert "1 added, 2 there already, 1 left out" in said.out
    assert main(["assets", "add", str(tmp_path / "nowhere")]) == 2
    assert "does not exist, expected a folder, a .zip or an http(s) address" in capsys.readouterr().err
    assert main(["assets", "add", str(archive), "--sha256", "12"]) == 2
    assert main(["assets", "remove", "bib"]) == 0
    assert main(["assets", "remove", "bib"]) == 2


def test_pictures_of_a_folder_become_skins(store: Path, tmp_path: Path) -> None:
    from fake_pack import picture

    (tmp_path / "mine").mkdir()
    picture(tmp_path / "mine" / "old_male_tattoo.png", (90, 60, 50), 64)
    with pytest.raises(HumansenseError, match="need --skins"):
        add_assets(tmp_path / "mine", BODY)
    write_asset(tmp_path / "mine" / "hair" / "wig", "wig")  # its texture is no skin
    assert [a.name for a in add_assets(tmp_path / "mine", BODY, skins=True).added] == ["wig", "old_male_tattoo"]
    closet = load_closet()
    assert closet is not None
    man = sample_shapes(np.random.default_rng(0), 1)[0].tolist()
    man[0] = 0.0
    assert (
        sample_skin(np.random.default_rng(0), closet, man)
        == store / "skins" / "old_male_tattoo" / "old_male_tattoo.png"
    )
    assert sample_skin(np.random.default_rng(0), closet, [1.0, *man[1:]]) is None


def many(tmp_path: Path, wears: dict[str, int]) -> Closet:
    """A closet of assets that are one bib under many names."""
    from dataclasses import replace

    write_asset(tmp_path / "clothes" / "bib", "bib")
    add_assets(tmp_path / "clothes", BODY, tmp_path / "store")
    closet = load_closet(tmp_path / "store")
    assert closet is not None
    one = closet.assets[0]
    assets = tuple(
        replace(
            one,
            name=f"{wear}{k}",
            wear=wear,
            gender="",
            folder=one.folder if k == 0 else one.folder.with_name(f"{wear}{k}"),
        )
        for wear, count in wears.items()
        for k in range(count)
    )
    return Closet(closet.root, assets)


def test_train_and_test_share_no_asset(tmp_path: Path) -> None:
    closet = many(tmp_path, {"suit": 40, "shoes": 5, "hair": 6, "skin": 18, "hat": 1})
    train, test = split_closet(closet, "train"), split_closet(closet, "test")
    assert train is not None
    assert test is not None
    names = [{asset.name for asset in part.assets} for part in (train, test)]
    assert not names[0] & names[1]
    assert names[0] | names[1] == {asset.name for asset in closet.assets}
    for wear in ("suit", "shoes", "hair", "skin"):
        assert train.worn_as(wear)
        assert test.worn_as(wear)
    assert 2 <= len(test.worn_as("suit")) <= 16
    assert split_closet(None, "test") is None
    with pytest.raises(HumansenseError, match="expected train or test"):
        split_closet(closet, "all")


def test_who_wears_what_from_the_closet(tmp_path: Path) -> None:
    from dataclasses import replace

    closet = many(tmp_path, {"suit": 1, "shoes": 1, "hair": 1, "hat": 1})
    closet = Closet(
        closet.root, tuple(replace(a, folder=tmp_path / "store" / "clothes" / "bib") for a in closet.assets)
    )
    women = Closet(closet.root, tuple(replace(a, gender="female") for a in closet.assets))
    shapes = sample_shapes(np.random.default_rng(1), 60)
    ready, kinds = {True: 0, False: 0}, set()
    for seed, shape in enumerate(shapes.tolist()):
        outfit = sample_outfit(np.random.default_rng(seed), BODY, shape, women)
        ready[shape[0] < 0.5] += any(g.scaling is not None for g in outfit.worn)
        kinds |= {(g.kind, g.name) for g in outfit.worn if g.scaling is not None}
        again = sample_outfit(np.random.default_rng(seed), BODY, shape, women)
        assert again.describe() == outfit.describe()
        assert [g.texture for g in again.worn] == [g.texture for g in outfit.worn]
    assert ready[True] == 0
    assert ready[False] > 10
    assert kinds == {("garment", "bib"), ("hair", "bib")}


RECORDED = (
    ("singlet, afro, beard", 257502249),
    ("dress, dress, helmet, ponytail", 480176634),
    ("shoes, soles, shorts, tight top, helmet, ponytail", 261169771),
    ("shoes, soles, shorts, t-shirt, ponytail", 84206181),
    ("shoes, soles, trousers, short hair", 376474174),
    ("socks, shoes, soles, tucked t-shirt, shorts, short hair, beard", 530971469),
)


def test_without_a_closet_nothing_changes() -> None:
    """Draws of the built-in wardrobe, recorded before there were closets; what the generator gives next tells all."""
    for seed, (names, after) in enumerate(RECORDED):
        rng = np.random.default_rng([11, seed])
        shape = sample_shapes(rng, 1)[0].tolist()
        outfit = sample_outfit(rng, BODY, shape)
        assert ", ".join(outfit.describe()) == names
        assert rng.integers(1 << 30) == after


def test_some_keep_their_colours_and_some_do_not(tmp_path: Path) -> None:
    garment = ready_made(BODY, str(write_asset(tmp_path, "bib")))
    drawn = [recolour(np.random.default_rng(k), garment).texture for k in range(200)]
    assert 0.25 < np.mean([t == garment.texture for t in drawn]) < 0.45
    assert len(set(drawn)) > 40
