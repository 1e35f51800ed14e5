"""Readers of motion capture, retargeting to the body, and built-in motion."""

from humansense.motion.acclaim import read_amc
from humansense.motion.bvh import read_bvh
from humansense.motion.expmap import read_expmap
from humansense.motion.procedural import PROCEDURAL, procedural
from humansense.motion.retarget import retarget
from humansense.motion.sources import read_motion
from humansense.motion.values import BodyMotion, Motion, resample

__all__ = [
    "PROCEDURAL",
    "BodyMotion",
    "Motion",
    "procedural",
    "read_amc",
    "read_bvh",
    "read_expmap",
    "read_motion",
    "resample",
    "retarget",
]
