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

JPEG_QUALITY = 90

# Runs and Huffman codes alone (zlib's RLE strategy) with one fixed filter: on these maps a third smaller than zlib's
# default at level 1, and as fast. Trying all filters line by line takes twice the time; it saves most on depth.
_RLE = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
_FILTER = getattr(cv2, "IMWRITE_PNG_FILTER", None)
_LABELS = _RLE if _FILTER is None else [*_RLE, _FILTER, getattr(cv2, "IMWRITE_PNG_FILTER_NONE", 8)]
_SMOOTH = _RLE if _FILTER is None else [*_RLE, _FILTER, getattr(cv2, "IMWRITE_PNG_FILTER_PAETH", 128)]
_DEPTH = _RLE if _FILTER is None else [*_RLE, _FILTER, getattr(cv2, "IMWRITE_PNG_ALL_FILTERS", 248)]


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
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY, cv2.IMWRITE_JPEG_OPTIMIZE, 1]  # 4 % smaller for 0.3 ms
    return _encode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)


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
    known = ~np.isnan(depth)
    steps = np.where(known, depth, np.float32(0)) * np.float32(1 / DEPTH_UNIT_M)
    if known.any() and not (steps.max() < 65535.5 and steps[known].min() >= 0.5):
        raise HumansenseError(
            f"depth from {np.nanmin(depth):.3f} to {np.nanmax(depth):.3f} m cannot be stored: expected more than 0 and "
            f"at most {65535 * DEPTH_UNIT_M:.2f} m. Move the person closer to the camera"
        )
    return _encode(".png", (steps + np.float32(0.5)).astype(np.uint16), _DEPTH)


def decode_depth(data: bytes, name: str) -> np.ndarray:
    steps = _decode(data, cv2.IMREAD_UNCHANGED, name)
    depth = steps.astype(np.float32) * np.float32(DEPTH_UNIT_M)
    depth[steps == 0] = np.nan
    return depth


def encode_normals(normals: np.ndarray) -> bytes:
    """(H, W, 3) float32 unit vectors in camera axes, 0 where there is nothing, as an RGB PNG.

    A component n is stored as 128 + 127 n (1..255); a pixel of zeros has no normal.
    """
    nowhere = (normals[..., 0] == 0) & (normals[..., 1] == 0) & (normals[..., 2] == 0)
    codes = cv2.convertScaleAbs(normals, alpha=127, beta=128)  # rounds; all values are positive
    codes[nowhere] = 0
    return _encode(".png", cv2.cvtColor(codes, cv2.COLOR_RGB2BGR), _SMOOTH)


def decode_normals(data: bytes, name: str) -> np.ndarray:
    codes = _decode(data, cv2.IMREAD_COLOR, name)[..., ::-1]
    normals = (codes.astype(np.float32) - 128) / np.float32(127)
    x, y, z = (normals[..., k] for k in range(3))
    normals /= np.maximum(np.sqrt(x * x + y * y + z * z), np.float32(1e-6))[..., None]
    normals[_all_zero(codes)] = 0
    return normals


def _all_zero(codes: np.ndarray) -> np.ndarray:
    """(H, W) bool where all three channels are 0; much faster than a reduction over the short last axis."""
    return (codes[..., 0] | codes[..., 1] | codes[..., 2]) == 0


FLOW_STEPS = 64
"""Steps of a pixel of motion in a flow map: KITTI's format (Geiger 2013), which reaches 512 pixels."""


FLOW_ROUND = 2
"""Steps to which a stored motion is rounded: the last bit would be noise that takes a tenth of the file."""


def encode_flow(flow: np.ndarray) -> bytes:
    """(H, W, 2) float32 pixels, NaN where it is not valid, as KITTI's 16-bit RGB PNG: u, v, valid.

    A component f is stored as 2^15 + 64 f, an even number: rounding is at most 1/64 pixel. A motion of 512 pixels or
    more is stored as not valid; all channels are 0 there, also in the valid one.
    """
    # Channels one by one: NumPy's sums over a short last axis are slow.
    u, v = (
        np.rint(flow[..., k] * np.float32(FLOW_STEPS / FLOW_ROUND)) * np.float32(FLOW_ROUND) + np.float32(32768)
        for k in (0, 1)
    )
    valid = (u >= 1) & (u < 65536) & (v >= 1) & (v < 65536)  # NaN compares false
    zero = np.float32(0)
    # OpenCV writes blue, green, red.
    codes = cv2.merge([valid.astype(np.uint16), *(np.where(valid, c, zero).astype(np.uint16) for c in (v, u))])
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
    known = np.isfinite(dense[..., 0])
    codes = np.zeros(dense.shape, np.uint8)
    codes[known] = np.clip(np.rint((dense[known] - DENSE_ORIGIN_M) / DENSE_UNIT_M) + 128, 1, 255)
    return _encode(".png", cv2.cvtColor(codes, cv2.COLOR_RGB2BGR), _SMOOTH)


def decode_dense(data: bytes, name: str) -> np.ndarray:
    codes = _decode(data, cv2.IMREAD_COLOR, name)[..., ::-1]
    dense = (codes.astype(np.float32) - 128) * DENSE_UNIT_M + DENSE_ORIGIN_M
    dense[_all_zero(codes)] = np.nan
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
