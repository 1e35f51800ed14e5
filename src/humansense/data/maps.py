"""One frame's maps as image files: what the bytes of a `.depth.png` mean is decided here, both ways.

The store keeps every map in a format that any viewer opens: RGB as JPEG, labels as 8-bit PNG, depth as 16-bit PNG in
steps of `DEPTH_UNIT_M`, normals as an RGB PNG. See docs/format.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import cv2
import numpy as np

from humansense.core import HumansenseError, Sample

DEPTH_UNIT_M = 0.001
"""Metres of one step of a depth map, as depth cameras store it: 16 bits reach 65.5 m, rounding is at most 0.5 mm."""

JPEG_QUALITY = 92

# Runs and Huffman codes alone (zlib's RLE strategy) with one fixed filter: on these maps a third smaller than zlib's
# default at level 1, and as fast; trying all filters line by line saves another tenth for twice the time.
_RLE = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
_FILTER = getattr(cv2, "IMWRITE_PNG_FILTER", None)
_LABELS = _RLE if _FILTER is None else [*_RLE, _FILTER, getattr(cv2, "IMWRITE_PNG_FILTER_NONE", 8)]
_SMOOTH = _RLE if _FILTER is None else [*_RLE, _FILTER, getattr(cv2, "IMWRITE_PNG_FILTER_PAETH", 128)]


def _encode(extension: str, array: np.ndarray, options: list[int]) -> bytes:
    ok, data = cv2.imencode(extension, array, options)
    if not ok:
        raise HumansenseError(f"an array {array.dtype} {array.shape} cannot be written as {extension}")
    return data.tobytes()


def _decode(data: bytes, flags: int, name: str) -> np.ndarray:
    array = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if array is None:
        raise HumansenseError(f"{name} holds no whole picture: delete its shard and run `humansense synth` again")
    return array


def encode_image(image: np.ndarray) -> bytes:
    """(H, W, 3) uint8 RGB as JPEG."""
    return _encode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])


def decode_image(data: bytes, name: str) -> np.ndarray:
    bgr = _decode(data, cv2.IMREAD_COLOR, name)
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB, dst=bgr)


def encode_labels(labels: np.ndarray) -> bytes:
    """(H, W) uint8 or bool as an 8-bit PNG."""
    return _encode(".png", np.ascontiguousarray(labels, dtype=np.uint8), _LABELS)


def decode_labels(data: bytes, name: str) -> np.ndarray:
    return _decode(data, cv2.IMREAD_UNCHANGED, name)


def encode_depth(depth: np.ndarray) -> bytes:
    """(H, W) float32 metres, NaN where there is nothing, as a 16-bit PNG, 0 where there is nothing.

    A depth beyond what 16 bits hold, or not in front of the camera, raises: it would come back as another depth.
    """
    steps = np.nan_to_num(depth, nan=0.0) * np.float32(1 / DEPTH_UNIT_M)
    known = ~np.isnan(depth)
    if known.any() and not (steps.max() < 65535.5 and steps[known].min() >= 0.5):
        raise HumansenseError(
            f"depth from {np.nanmin(depth):.3f} to {np.nanmax(depth):.3f} m cannot be stored: expected more than 0 and "
            f"at most {65535 * DEPTH_UNIT_M:.2f} m. Move the person closer to the camera"
        )
    return _encode(".png", (steps + np.float32(0.5)).astype(np.uint16), _SMOOTH)


def decode_depth(data: bytes, name: str) -> np.ndarray:
    steps = _decode(data, cv2.IMREAD_UNCHANGED, name)
    depth = steps.astype(np.float32) * np.float32(DEPTH_UNIT_M)
    depth[steps == 0] = np.nan
    return depth


def encode_normals(normals: np.ndarray) -> bytes:
    """(H, W, 3) float32 unit vectors in camera axes, 0 where there is nothing, as an RGB PNG.

    A component n is stored as 128 + 127 n (1..255); a pixel of zeros has no normal.
    """
    codes = (normals * np.float32(127) + np.float32(128.5)).astype(np.uint8)
    codes[~normals.any(-1)] = 0
    return _encode(".png", codes[..., ::-1], _SMOOTH)


def decode_normals(data: bytes, name: str) -> np.ndarray:
    codes = _decode(data, cv2.IMREAD_COLOR, name)[..., ::-1]
    normals = (codes.astype(np.float32) - 128) / np.float32(127)
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), np.float32(1e-6))
    normals[~codes.any(-1)] = 0
    return normals


FLOW_STEPS = 64
"""Steps of a pixel of motion in a flow map: KITTI's format (Geiger 2013), which reaches 512 pixels."""


def encode_flow(flow: np.ndarray) -> bytes:
    """(H, W, 2) float32 pixels, NaN where it is not valid, as KITTI's 16-bit RGB PNG: u, v, valid.

    A component f is stored as 2^15 + 64 f. A motion of 512 pixels or more is stored as not valid; all channels are 0
    there, also in the valid one.
    """
    steps = np.rint(flow * np.float32(FLOW_STEPS)) + np.float32(32768)
    valid = ((steps >= 1) & (steps <= 65535)).all(-1)  # NaN compares false
    codes = np.zeros((*flow.shape[:2], 3), np.uint16)
    codes[valid, 2], codes[valid, 1] = steps[valid, 0], steps[valid, 1]  # OpenCV writes blue, green, red
    codes[valid, 0] = 1
    return _encode(".png", codes, _SMOOTH)


def decode_flow(data: bytes, name: str) -> np.ndarray:
    codes = _decode(data, cv2.IMREAD_UNCHANGED, name)
    flow = (codes[..., :0:-1].astype(np.float32) - 32768) / np.float32(FLOW_STEPS)
    flow[codes[..., 0] == 0] = np.nan
    return flow


DENSE_ORIGIN_M = np.array((0.0, -0.135, 0.09), np.float32)
DENSE_UNIT_M = np.array((0.005, 0.002, 0.0076), np.float32)
"""A dense map's code 128 and its steps along x, y, z: 8 bits span the reference body, rounding is at most 3.8 mm."""


def encode_dense(dense: np.ndarray) -> bytes:
    """(H, W, 3) float32 metres on the reference body, NaN where there is nobody, as an RGB PNG of x, y, z.

    A coordinate c is stored as 128 + (c - origin) / unit (1..255), so a pixel of zeros shows nobody.
    """
    known = np.isfinite(dense).all(-1)
    codes = np.zeros(dense.shape, np.uint8)
    codes[known] = np.clip(np.rint((dense[known] - DENSE_ORIGIN_M) / DENSE_UNIT_M) + 128, 1, 255)
    return _encode(".png", codes[..., ::-1], _SMOOTH)


def decode_dense(data: bytes, name: str) -> np.ndarray:
    codes = _decode(data, cv2.IMREAD_COLOR, name)[..., ::-1]
    dense = (codes.astype(np.float32) - 128) * DENSE_UNIT_M + DENSE_ORIGIN_M
    dense[~codes.any(-1)] = np.nan
    return dense


ENCODERS: Mapping[str, tuple[str, Callable[[np.ndarray], bytes]]] = MappingProxyType(
    {
        "image": ("jpg", encode_image),
        "parts": ("parts.png", encode_labels),
        "depth": ("depth.png", encode_depth),
        "normals": ("normals.png", encode_normals),
        "instance": ("instance.png", encode_labels),
        "hidden_depth": ("hidden.png", encode_depth),
        "flow": ("flow.png", encode_flow),
        "flow_back": ("flow_back.png", encode_flow),
        "garments": ("garments.png", encode_labels),
        "dense": ("dense.png", encode_dense),
    }
)
"""Field of `Sample` -> (suffix of the file, encoder)."""

DECODERS: Mapping[str, Callable[[bytes, str], np.ndarray]] = MappingProxyType(
    {
        "image": decode_image,
        "parts": decode_labels,
        "depth": decode_depth,
        "normals": decode_normals,
        "instance": decode_labels,
        "hidden_depth": decode_depth,
        "flow": decode_flow,
        "flow_back": decode_flow,
        "garments": decode_labels,
        "dense": decode_dense,
    }
)
"""Field of `Sample` -> decoder of (bytes, name for the message)."""


def encode_maps(sample: Sample) -> dict[str, bytes]:
    """Suffix -> bytes of every map that the sample has."""
    return {
        suffix: encode(value)
        for field, (suffix, encode) in ENCODERS.items()
        if (value := getattr(sample, field)) is not None
    }
