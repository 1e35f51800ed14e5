"""One array out of a MATLAB 5 file of many: where each begins is looked up once a file, then only that one is unpacked.

SciPy unpacks the beginning of every array on the way to the one that is asked for: a second for the last frame of a
clip of 100. The layout is that of "MAT-File Format" (MathWorks, level 5): a header of 128 bytes, then elements of a
type, a number of bytes and data; a compressed element holds one array.
"""

from __future__ import annotations

import functools
import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np

from humansense.core import HumansenseError

_HEADER_BYTES = 128
_MATRIX, _COMPRESSED = 14, 15
_ENOUGH_FOR_A_NAME = 256


def read_arrays(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Those of the arrays `names` that the file has; raises `HumansenseError` if it cannot be read."""
    import scipy.io

    try:
        places = _places(path, path.stat().st_mtime_ns)
        with path.open("rb") as file:
            header, found = file.read(_HEADER_BYTES), {}
            for name in names:
                if name in places:
                    offset, size = places[name]
                    file.seek(offset)
                    found[name] = scipy.io.loadmat(io.BytesIO(header + file.read(size)))[name]
        return found
    except (OSError, ValueError, TypeError, KeyError, NotImplementedError, EOFError, zlib.error, struct.error) as error:
        raise HumansenseError(f"{path} cannot be read as a MATLAB file ({error}): fetch it again") from error


def read_only_array(path: Path) -> np.ndarray:
    """The array of a file that has one; raises `HumansenseError` if it has another number."""
    try:
        names = list(_places(path, path.stat().st_mtime_ns))
    except (OSError, ValueError, EOFError, zlib.error, struct.error) as error:
        raise HumansenseError(f"{path} cannot be read as a MATLAB file ({error}): fetch it again") from error
    if len(names) != 1:
        raise HumansenseError(f"{path} has {len(names)} arrays, expected one: {', '.join(names)}")
    return read_arrays(path, names)[names[0]]


def array_shape(path: Path, name: str) -> tuple[int, ...]:
    """Shape of one array; raises `HumansenseError` if the file cannot be read or has no such array."""
    found = read_arrays(path, [name])
    if name not in found:
        raise HumansenseError(f"{path} has no array {name!r}: is it of another dataset?")
    return found[name].shape


@functools.lru_cache(maxsize=64)
def _places(path: Path, changed: int) -> MappingProxyType[str, tuple[int, int]]:
    """Name -> (offset, bytes) of every array of a file as it was at the time `changed`."""
    places = {}
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
        if header[-2:] not in (b"IM", b"MI"):
            raise ValueError("it is not of MATLAB's level 5")
        order = "<" if header[-2:] == b"IM" else ">"
        end, offset = path.stat().st_size, _HEADER_BYTES
        while offset < end:
            file.seek(offset)
            kind, size = struct.unpack(f"{order}II", file.read(8))
            if kind not in (_MATRIX, _COMPRESSED) or offset + 8 + size > end:
                raise ValueError(f"it is damaged at byte {offset}")
            data = file.read(min(size, _ENOUGH_FOR_A_NAME))
            if kind == _COMPRESSED:
                data = zlib.decompressobj().decompress(data, _ENOUGH_FOR_A_NAME)[8:]
            places[_name(data, order)] = (offset, 8 + size)
            offset += 8 + size
    return MappingProxyType(places)


def _name(matrix: bytes, order: str) -> str:
    """The name of an array, from the beginning of its element: flags (16 bytes), dimensions, name."""
    (dimensions,) = struct.unpack_from(f"{order}I", matrix, 20)
    start = 24 + -(-dimensions // 8) * 8
    (tag,) = struct.unpack_from(f"{order}I", matrix, start)
    if tag >> 16:  # a short element: its size in the upper half of the tag, its data in place of a size
        return matrix[start + 4 : start + 4 + (tag >> 16)].decode("latin1")
    (size,) = struct.unpack_from(f"{order}I", matrix, start + 4)
    return matrix[start + 8 : start + 8 + size].decode("latin1")
