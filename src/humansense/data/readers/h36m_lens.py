"""Human3.6M's cameras, from its `metadata.xml`.

Its element `w0` is a list in brackets: for each of 4 cameras and 11 subjects 3 angles and the camera's place in mm,
then for each camera 2 focal lengths, 2 of the principal point, 3 radial and 2 tangential coefficients of the lens
(H36MCamera.m of the authors' code; Martinez 2017, cameras.py).
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from humansense.core import HumansenseError

CAMERAS = ("54138969", "55011271", "58860488", "60457274")
_SUBJECTS = 11
_OUTER, _INNER = 6, 9
_MM = 1000.0


@dataclass(frozen=True)
class Lens:
    """K: (3, 3) our pixels. R: (3, 3) world to camera. t: (3,) metres. radial: (3,), tangential: (2,)."""

    K: np.ndarray
    R: np.ndarray
    t: np.ndarray
    radial: np.ndarray
    tangential: np.ndarray

    def project(self, points: np.ndarray) -> np.ndarray:
        """Points (N, 3) in the camera's axes to pixels (N, 2), through the distorting lens.

        The tangential terms are those of the authors' code, whose mixed products count once, not twice as in OpenCV.
        """
        plane = points[:, :2] / points[:, 2:]
        r2 = (plane**2).sum(-1, keepdims=True)
        factor = 1 + (self.radial * r2 ** np.arange(1, 4)).sum(-1, keepdims=True) + plane @ self.tangential[::-1, None]
        bent = plane * factor + r2 * self.tangential[::-1]
        return bent * self.K.diagonal()[:2] + self.K[:2, 2]


def read_lens(root: Path, subject: str, camera: str) -> Lens | None:
    """The camera of that number as it stood for a subject (`S11`), or None where there is no metadata.xml."""
    path = next((p for p in (root / "metadata.xml", root / "Release-v1.1" / "metadata.xml") if p.is_file()), None)
    if path is None:
        return None
    numbers = _numbers(path, path.stat().st_mtime_ns)
    if camera not in CAMERAS:
        raise HumansenseError(f"camera {camera} of {root} is none of Human3.6M's: {', '.join(CAMERAS)}")
    c, s = CAMERAS.index(camera), int(subject.removeprefix("S")) - 1
    outer = numbers[_OUTER * (c * _SUBJECTS + s) :][:_OUTER]
    inner = numbers[_OUTER * len(CAMERAS) * _SUBJECTS + _INNER * c :][:_INNER]
    (fx, fy, cx, cy), radial, tangential = inner[:4], inner[4:7], inner[7:]
    R = _rotation(outer[:3])
    K = np.array([[fx, 0, cx - 0.5], [0, fy, cy - 0.5], [0, 0, 1]])
    return Lens(K, R, -R @ outer[3:] / _MM, radial, tangential)


def _rotation(angles: np.ndarray) -> np.ndarray:
    """Rotation about x times that about y times that about z."""
    out = np.eye(3)
    for axis, angle in enumerate(angles):
        i, j = (axis + 1) % 3, (axis + 2) % 3
        turn = np.eye(3)
        turn[[i, j], [i, j]] = np.cos(angle)
        turn[i, j], turn[j, i] = -np.sin(angle), np.sin(angle)
        out = out @ turn
    return out


@functools.lru_cache(maxsize=2)
def _numbers(path: Path, changed: int) -> np.ndarray:
    found = re.search(r"<w0>\s*\[([^\]]*)\]\s*</w0>", path.read_text(encoding="utf-8", errors="replace"))
    try:
        numbers = np.array((found.group(1) if found else "").split(), np.float64)
    except ValueError as error:
        raise HumansenseError(f"{path} has something else than numbers in w0 ({error}): fetch it again") from error
    expected = _OUTER * len(CAMERAS) * _SUBJECTS + _INNER * len(CAMERAS)
    if len(numbers) != expected:
        raise HumansenseError(f"{path} has {len(numbers)} numbers in w0, expected {expected}: is it Human3.6M's?")
    return numbers
