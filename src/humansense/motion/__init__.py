"""Readers of motion capture, retargeting to the body, and built-in motion."""

from humansense.motion.acclaim import read_amc
from humansense.motion.amass import read_amass
from humansense.motion.bvh import read_bvh
from humansense.motion.expmap import read_expmap
from humansense.motion.procedural import PROCEDURAL, procedural
from humansense.motion.retarget import retarget
from humansense.motion.sources import read_motion
from humansense.motion.values import BodyMotion, Motion, resample
from humansense.motion.windows import Window, cut, plan_windows, windows

__all__ = [
    "PROCEDURAL",
    "BodyMotion",
    "Motion",
    "Window",
    "cut",
    "plan_windows",
    "procedural",
    "read_amass",
    "read_amc",
    "read_bvh",
    "read_expmap",
    "read_motion",
    "resample",
    "retarget",
    "windows",
]
