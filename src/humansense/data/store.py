"""The clip store: one format on disk, written by `store_write`, read by `store_read`, described in docs/format.md."""

from humansense.data.store_read import ALL_MAPS, ClipEntry, ClipSet, read_settings
from humansense.data.store_write import (
    FORMAT_NAME,
    FORMAT_VERSION,
    Clip,
    ShardWriter,
    Track,
    instance_box,
    is_whole,
    shard_path,
    start_set,
)
from humansense.data.visibility import visible_joints

__all__ = [
    "ALL_MAPS",
    "FORMAT_NAME",
    "FORMAT_VERSION",
    "Clip",
    "ClipEntry",
    "ClipSet",
    "ShardWriter",
    "Track",
    "instance_box",
    "is_whole",
    "read_settings",
    "shard_path",
    "start_set",
    "visible_joints",
]
