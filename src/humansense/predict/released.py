"""The table of released weights. Each row: a file inside the package, what it is, and what may be done with it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from types import MappingProxyType

from humansense.core import HumansenseError
from humansense.predict.calibration import Calibration, Evidence


@dataclass(frozen=True)
class ReleasedWeights:
    """file: name inside `humansense/weights/`. sha256: of the file. card: how it was made and what it scores.

    evidence: that somebody is there, and joint_scores: of a joint's score, for weights of the task `people`;
    `python benchmarks/presence.py` and `python benchmarks/confidence.py` print them.
    """

    name: str
    file: str
    sha256: str
    licence: str
    card: str
    summary: str
    evidence: Evidence = field(default_factory=Evidence)
    joint_scores: Calibration = field(default_factory=Calibration)

    @property
    def path(self) -> Path:
        return Path(str(resources.files("humansense") / "weights" / self.file))


DEFAULT = "people-base"
DEFAULT_FINDER = "finder"

WEIGHTS: Mapping[str, ReleasedWeights] = MappingProxyType(
    {
        "people-base": ReleasedWeights(
            name="people-base",
            file="people-base.safetensors",
            sha256="f3b2b5fa8dcbd37d16743dce9a5a4eebe3a015d818ebbe116ee0089624b0b979",
            licence="Apache-2.0",
            card="docs/models/people-base.md",
            summary="joints, 14 parts and depth of one person; trained on synthetic people alone",
            evidence=Evidence(1.0, 0.3, 2.6),
            joint_scores=Calibration(0.05, 1.0),
        ),
        "people-small": ReleasedWeights(
            name="people-small",
            file="people-small.safetensors",
            sha256="43f95e0f823e1922a62b4199c20af6bb94c670e70da3f0a181eb5023fe5bd7ba",
            licence="Apache-2.0",
            card="docs/models/people-small.md",
            summary="the smaller and older one, from which people-base was trained",
        ),
        "finder": ReleasedWeights(
            name="finder",
            file="finder.safetensors",
            sha256="48a7e287ed0dd6204b36a5db599a3214dc88bc483b04849eb902c43f94cc8b74",
            licence="Apache-2.0",
            card="docs/models/finder.md",
            summary="boxes of everybody in a picture; trained on synthetic people alone",
        ),
    }
)


def find_weights(name: str | Path) -> Path:
    """The file of released weights, or the path itself if it is a weight file or a training folder.

    Raises `HumansenseError` that lists the released names.
    """
    if str(name) in WEIGHTS:
        path = WEIGHTS[str(name)].path
        if not path.is_file():
            raise HumansenseError(
                f"the weights {name} are not in this installation ({path}): install humansense again, or train some "
                "with `humansense train people` and give their folder as --weights"
            )
        return path
    if not Path(name).exists():
        raise HumansenseError(
            f"weights {name} do not exist: give a .safetensors file, a training folder, or one of {', '.join(WEIGHTS)}"
        )
    return Path(name)


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
