"""Reading the files that datasets consist of, with messages that name them."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from humansense.core import HumansenseError, Person, joint_set


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


def struct_list(struct: Any, name: str) -> list[Any]:
    """A field of a MATLAB structure as a list of structures or cells; none where it is empty or missing."""
    values = getattr(struct, name, None)
    if values is None:
        return []
    if isinstance(values, np.ndarray):
        return list(values.ravel()) if values.dtype == object else ([values] if values.size else [])
    return [values]


def read_labels(path: Path, labels: int) -> np.ndarray:
    """(H, W) uint8 of a picture of labels below `labels`, its palette not applied; of three channels, the first."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            values = np.asarray(picture)
    except (OSError, UnidentifiedImageError) as error:
        raise HumansenseError(f"picture {path} cannot be read ({error}): fetch it again") from error
    values = values[..., 0] if values.ndim == 3 else values
    if values.max(initial=0) >= labels:
        raise HumansenseError(
            f"{path} has label {values.max()}, expected 0 to {labels - 1}: is it a picture of labels?"
        )
    return values.astype(np.uint8)


def check_size(path: Path, image: np.ndarray, labels: np.ndarray) -> None:
    """Raise `HumansenseError` unless a map (H, W) has the size of its picture."""
    if labels.shape != image.shape[:2]:
        raise HumansenseError(f"picture {path} is {image.shape[:2]}, its labels are {labels.shape}")


def mask_people(mask: np.ndarray) -> tuple[Person, ...]:
    """The one person of a mask (H, W) bool, joints unknown, the box around it; nobody if it is empty."""
    if not mask.any():
        return ()
    xs, ys = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    box = np.array([xs[0], ys[0], xs[-1] + 1, ys[-1] + 1], np.float32)
    return (Person("coco17", joints2d=np.full((len(joint_set("coco17")), 2), np.nan, np.float32), box=box),)
