"""Reading the files that datasets consist of, with messages that name them."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from humansense.core import HumansenseError


def read_rgb(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB of a picture file, upright; raises `HumansenseError` if it is missing or broken."""
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise HumansenseError(f"picture {path} cannot be read: {error.strerror}") from error
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    if image is None:
        raise HumansenseError(f"{path} is no whole picture: fetch it again or take it out of the folder")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def read_mat(path: Path, key: str) -> np.ndarray:
    """One array of a MATLAB file; raises `HumansenseError` if the file or the array is missing."""
    import scipy.io

    try:
        values = scipy.io.loadmat(path, variable_names=[key])
    except (OSError, ValueError, TypeError, NotImplementedError, EOFError) as error:
        raise HumansenseError(f"{path} cannot be read as a MATLAB file ({error}): fetch it again") from error
    if key not in values:
        raise HumansenseError(f"{path} has no array {key!r}: is it of another dataset?")
    return values[key]


def read_structs(path: Path, key: str) -> Any:
    """One variable of a MATLAB file, its structures as objects with attributes, without axes of length 1.

    Raises `HumansenseError` if the file or the variable is missing.
    """
    import scipy.io

    try:
        values = scipy.io.loadmat(path, variable_names=[key], struct_as_record=False, squeeze_me=True)
    except (OSError, ValueError, TypeError, NotImplementedError, EOFError, zlib.error) as error:
        raise HumansenseError(f"{path} cannot be read as a MATLAB file ({error}): fetch it again") from error
    if key not in values:
        raise HumansenseError(f"{path} has no variable {key!r}: is it of another dataset?")
    return values[key]
