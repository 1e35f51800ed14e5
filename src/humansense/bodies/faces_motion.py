"""Expressions that vary within a clip: a track of weights, and what it adds to posed vertices. Only the head moves.

motion_ids, motion = expression_motion(body, rest, posed.rotations, expression_track(rng, frames, fps))
vertices = posed.vertices.index_add(1, torch.from_numpy(motion_ids), motion)
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from humansense.bodies.anny_body import Body, RestBody
from humansense.bodies.faces import EXPRESSION_UNITS, EXPRESSIONS, draw_name, expression_targets, sample_expression
from humansense.bodies.faces_targets import face_scale
from humansense.core import HumansenseError

Rng = np.random.Generator

HOLD_S = (1.0, 4.0)  # an expression stays that long
CHANGE_S = (0.25, 0.6)  # and turns into the next one
SYLLABLE_S = (0.12, 0.28)  # while talking the mouth changes four to eight times a second
BLINK_EVERY_S, BLINK_S = 3.5, 0.25  # 17 blinks a minute
_BLINKS = [EXPRESSION_UNITS.index(f"eyeBlink{side}") for side in ("Left", "Right")]


def expression_track(rng: Rng, frames: int, fps: float) -> np.ndarray:
    """(T, 52) float32 weights in 0..1: expressions that turn into one another, a talking mouth, blinks.

    Raises `HumansenseError` for no frames or a rate that is not positive.
    """
    if frames < 1 or not fps > 0:
        raise HumansenseError(f"a track needs at least one frame and fps > 0, not {frames} frames at {fps}")
    duration = frames / fps
    times, keys = [0.0], [_open_eyed(rng, draw_name(rng))]
    while times[-1] < duration:
        name = draw_name(rng)
        face = _open_eyed(rng, name)
        times.append(times[-1] + rng.uniform(*CHANGE_S))
        keys.append(face)
        end = times[-1] + rng.uniform(*HOLD_S)
        if name == "talking":
            while times[-1] < end:
                times.append(times[-1] + rng.uniform(*SYLLABLE_S))
                keys.append(_with_mouth_of(face, _open_eyed(rng, name)))
        else:
            times.append(end)
            keys.append(face)
    at = (np.arange(frames) + 0.5) / fps
    after = np.clip(np.searchsorted(times, at), 1, len(times) - 1)
    start, length = np.array(times)[after - 1], np.diff(times)[after - 1]
    eased = _smooth((at - start) / length)[:, None]
    table = np.stack(keys)
    track = table[after - 1] * (1 - eased) + table[after] * eased
    shut = _blinks(rng, at, duration)
    track[:, _BLINKS] = np.maximum(track[:, _BLINKS], shut[:, None])
    return track.astype(np.float32)


def _open_eyed(rng: Rng, name: str) -> np.ndarray:
    """A draw of that row without the blink of a still picture; a wink keeps its one eye."""
    face = sample_expression(rng, name)
    if not EXPRESSIONS[name].one_side.get("eyeBlink"):
        face[_BLINKS] = 0
    return face


def _with_mouth_of(face: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The mouth and jaw of another face: brows and eyes do not change with every syllable."""
    mouth = np.array([name.startswith(("mouth", "jaw")) for name in EXPRESSION_UNITS])
    return np.where(mouth, other, face)


def _smooth(t: np.ndarray) -> np.ndarray:
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


def _blinks(rng: Rng, at: np.ndarray, duration: float) -> np.ndarray:
    """(T,) how far the lids are shut: quick down, slower up, at exponential distances."""
    shut, when = np.zeros(len(at)), rng.exponential(BLINK_EVERY_S)
    while when < duration:
        phase = (at - when) / BLINK_S
        shut = np.maximum(shut, np.where(phase < 0.35, _smooth(phase / 0.35), _smooth((1 - phase) / 0.65)))
        when += BLINK_S + rng.exponential(BLINK_EVERY_S)
    return shut


def expression_motion(body: Body, rest: RestBody, rotations: Tensor, weights: np.ndarray) -> tuple[np.ndarray, Tensor]:
    """What an expression that varies adds to the posed vertices of a body (B = 1).

    rotations: (T, 104, 3, 3) global, as in `PosedBody`. weights: (T, 52). Returns the vertices (K,) that move and their
    displacements (T, K, 3), metres, world axes: skinning is linear, so these are the offsets turned by each vertex's
    blended rotation, and `posed.vertices[:, ids] + motion` is the body posed from `with_expression` in each frame.
    """
    targets = expression_targets()
    offsets = torch.from_numpy(targets.offsets(weights)).to(rotations) * face_scale(body, rest)[0]
    skinning = body.skinning[torch.from_numpy(targets.vertices)]
    bones = torch.nonzero(skinning.sum(0))[:, 0]  # a handful: the head, the neck, the eyes
    turned = torch.einsum("kj,tjab->tkab", skinning[:, bones].to(rotations), rotations[:, bones])
    return targets.vertices, (turned @ offsets[..., None])[..., 0]
