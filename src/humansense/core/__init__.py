"""Values, joint and part sets, cameras and files: what every other room speaks in. Imports no other room."""

from humansense.core.camera import Camera, look_at
from humansense.core.checks import check_shape
from humansense.core.errors import HumansenseError
from humansense.core.files import atomic_path, cache_dir, write_error
from humansense.core.joints import H36M_RECORDED, JOINT_SETS, JointSet, convert_joints, joint_set, mirror_name
from humansense.core.parts import PART_SETS, PartSet, part_map, part_set
from humansense.core.values import Batch, FoundPerson, Person, Prediction, Sample
from humansense.core.weights import load_weights, save_weights

__all__ = [
    "H36M_RECORDED",
    "JOINT_SETS",
    "PART_SETS",
    "Batch",
    "Camera",
    "FoundPerson",
    "HumansenseError",
    "JointSet",
    "PartSet",
    "Person",
    "Prediction",
    "Sample",
    "atomic_path",
    "cache_dir",
    "check_shape",
    "convert_joints",
    "joint_set",
    "load_weights",
    "look_at",
    "mirror_name",
    "part_map",
    "part_set",
    "save_weights",
    "write_error",
]
