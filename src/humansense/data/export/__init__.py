"""A set in the layouts that other programs read. docs/export.md describes the files.

    report = export_set(ExportSettings(Path("out/set"), Path("out/coco"), "coco"))

A new layout is a new file here, a row below, and a test of its round trip.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from humansense.core import HumansenseError
from humansense.data.export.coco import COCO
from humansense.data.export.folders import FOLDERS
from humansense.data.export.run import Progress, run_export
from humansense.data.export.surreal import SURREAL
from humansense.data.export.values import Exporter, ExportReport, ExportSettings

EXPORTERS: Mapping[str, Exporter] = MappingProxyType({"surreal": SURREAL, "coco": COCO, "folders": FOLDERS})
"""Name of a layout -> what writes it."""


def export_set(settings: ExportSettings, progress: Progress | None = None) -> ExportReport:
    """Write `settings.root` to `settings.out`, or what is missing there; see `run_export`."""
    if settings.layout not in EXPORTERS:
        raise HumansenseError(f"unknown layout {settings.layout!r}: use one of {', '.join(EXPORTERS)}")
    return run_export(EXPORTERS[settings.layout], settings, progress)


__all__ = ["EXPORTERS", "ExportReport", "ExportSettings", "Exporter", "export_set"]
