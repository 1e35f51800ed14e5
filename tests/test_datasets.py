"""The table of datasets, and what `humansense data list` and `eval` say of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from humansense.cli import main
from humansense.cli.evaluate import protocol_of
from humansense.core import HumansenseError
from humansense.data.readers import READERS, open_reader
from humansense.data.readers.datasets import DATASETS

DOCS = Path(__file__).parents[1] / "docs" / "datasets.md"


def test_every_reader_belongs_to_one_dataset():
    named = [name for row in DATASETS.values() for name in (row.name, *row.others)]
    assert sorted(named) == sorted(READERS)
    for name, row in DATASETS.items():
        assert name == row.name
        assert all((row.title, row.holds, row.licence, row.protocol, row.where, row.layout))


@pytest.mark.parametrize("name", [name for name in READERS if name not in ("surreal", "surreal-middle", "images")])
def test_a_missing_dataset_says_where_it_is_obtained(name, tmp_path):
    row = next(row for row in DATASETS.values() if name in (row.name, *row.others))
    with pytest.raises(HumansenseError) as caught:
        open_reader(tmp_path, name)
    for words in (row.where, row.licence, row.layout):
        assert words in str(caught.value)


def test_figures_that_protocols_name_exist():
    from humansense import metrics
    from humansense.cli.evaluate import UNITS

    for row in DATASETS.values():
        for word in re.findall(r"`([\w.]+)`", row.protocol):
            assert word in UNITS or hasattr(metrics, word.removeprefix("metrics.")), f"{row.name}: {word}"


def test_data_list(capsys):
    assert main(["data", "list"]) == 0
    said = capsys.readouterr().out
    assert all(f"{name}: {row.title}" in said for name, row in DATASETS.items())
    assert max(map(len, said.splitlines())) <= 110
    assert main(["data", "list", "--name", "mpii", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["where"] == DATASETS["mpii"].where
    assert main(["data", "list", "--name", "imagenet"]) == 2
    assert "expected one of lsp, " in capsys.readouterr().err


def test_protocols(tmp_path):
    assert protocol_of(f"lsp-train:{tmp_path}") == DATASETS["lsp"].protocol
    (tmp_path / "a.jpg").write_bytes(b"")
    assert protocol_of(str(tmp_path)) == ""


def test_the_page_has_every_dataset():
    text = DOCS.read_text()
    assert not [name for name in READERS if f"`{name}`" not in text]
    assert not [row.name for row in DATASETS.values() if row.name != "images" and row.title not in text]
