"""`humansense data list`."""

from __future__ import annotations

import json
import textwrap
from dataclasses import asdict, dataclass
from typing import ClassVar

from humansense.core import HumansenseError

_WIDTH = 110
_INDENT = 15


@dataclass
class Listing:
    """The real datasets that can be read in their own layout: what they hold, licence, protocol, where to get them.

    Nothing is downloaded. `eval`, `data show` and the others take NAME:FOLDER, or the folder alone where its files tell
    what it is.
    """

    examples: ClassVar[str] = """
        humansense data list
        humansense data list --name mpii
        humansense data list --json
    """

    name: str | None = None
    """Only this dataset."""
    json: bool = False
    """Print JSON."""

    def run(self) -> int:
        from humansense.data.readers.datasets import DATASETS

        if self.name is not None and self.name not in DATASETS:
            raise HumansenseError(f"--name is {self.name!r}: expected one of {', '.join(DATASETS)}")
        rows = [row for row in DATASETS.values() if self.name in (None, row.name)]
        if self.json:
            print(json.dumps([asdict(row) for row in rows]))
            return 0
        for row in rows:
            print(f"{row.name}: {row.title}")
            lines = {
                "holds": row.holds,
                "licence": row.licence,
                "protocol": row.protocol,
                "obtained from": row.where,
                "files": row.layout,
                "other readers": ", ".join(row.others),
            }
            for label, words in lines.items():
                if words:
                    indent = " " * (_INDENT + 2)
                    head = f"  {label:<{_INDENT}}"
                    print(textwrap.fill(head + words, _WIDTH, subsequent_indent=indent, break_long_words=False))
            print()
        return 0
