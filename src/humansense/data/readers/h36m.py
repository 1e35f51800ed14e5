"""Human3.6M (Ionescu et al., PAMI 2014): people in a studio, 4 calibrated cameras, motion capture.

Native layout, from the archives "Videos", "D3 Positions mono" and "D2 Positions" of each subject:

    S11/Videos/Directions 1.54138969.mp4
    S11/MyPoseFeatures/D3_Positions_mono/Directions 1.54138969.cdf    (frames, 96): 32 joints, mm, the camera's axes
    S11/MyPoseFeatures/D2_Positions/Directions 1.54138969.cdf         (frames, 64): the same in pixels, if it is there
    metadata.xml                                                      the cameras, if it is there (in Release-v1.1/)

A `.cdf` file needs the package cdflib; the same name with `.cdf.mat` (MATLAB's `cdfread`, saved as `data`) needs none.
Of the 32 joints, 17 move; they are those of `h36m17`. Pixels are MATLAB's, so 0.5 is taken off. Joints in the picture
are those of D2_Positions, else the joints in space through the whole lens of metadata.xml; one of the two is needed.
`Sample.camera` has the lens without its distortion, which is up to some pixels at the border.

Protocol (Varol 2019, 3.5.4): subjects S1, S5, S6, S7, S8 for training, one of the two takes of each action; S9 for
validation and S11 for the test, every 64th frame of all takes and cameras.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from humansense.core import H36M_RECORDED, Camera, HumansenseError, Person, Sample, joint_set
from humansense.data.readers.datasets import DATASETS
from humansense.data.readers.files import read_mat
from humansense.data.readers.h36m_lens import Lens, read_lens
from humansense.data.readers.video_frame import read_video_frame
from humansense.data.transforms import joints_box
from humansense.video import probe_video

FACTS = DATASETS["h36m"]
_MM = 1000.0
_POSES = Path("MyPoseFeatures")
_COLUMNS = [H36M_RECORDED.index(name) for name in joint_set("h36m17").names]


@dataclass(frozen=True)
class Take:
    """One action of one subject by one camera: NAME.CAMERA of its files. frames: those that the set has."""

    subject: str
    name: str
    frames: range

    @property
    def camera(self) -> str:
        return self.name.rpartition(".")[2]

    @property
    def action(self) -> str:
        """Without the number of the take: `Directions 1` is `Directions`."""
        return re.sub(r" \d+$", "", self.name.rpartition(".")[0])


@dataclass
class Human36M:
    """Every 64th frame of S11. ends: (takes,) frames up to the end of each take."""

    root: Path
    takes: list[Take]
    ends: np.ndarray
    title = "Human3.6M, test (S11/Videos/ and S11/MyPoseFeatures/D3_Positions_mono/)"
    subjects: ClassVar[tuple[str, ...]] = ("S11",)
    every: ClassVar[int] = 64
    one_take_an_action: ClassVar[bool] = False

    @classmethod
    def detect(cls, root: Path) -> bool:
        return any((root / s / "Videos").is_dir() and (root / s / _POSES).is_dir() for s in cls.subjects)

    @classmethod
    def index(cls, root: Path) -> Human36M:
        root = Path(root)
        if not cls.detect(root):
            raise FACTS.refuse(root)
        takes: list[Take] = []
        seen: dict[tuple[str, str], str] = {}
        for subject in cls.subjects:
            for video in sorted((root / subject / "Videos").glob("*.mp4")):
                take = Take(subject, video.stem, range(0))
                if take.action.startswith("_ALL") or _pose_file(root, take, "D3_Positions_mono") is None:
                    continue
                first = seen.setdefault((subject, take.action), take.name.rpartition(".")[0])
                if cls.one_take_an_action and first != take.name.rpartition(".")[0]:
                    continue
                frames = min(len(_poses(root, take, "D3_Positions_mono", 3)), probe_video(video).frames)
                takes.append(Take(subject, take.name, range(0, frames, cls.every)))
        if not takes:
            raise FACTS.refuse(root, f"{root} has no video with its positions for {', '.join(cls.subjects)}")
        return cls(root, takes, np.cumsum([len(take.frames) for take in takes]))

    def __len__(self) -> int:
        return int(self.ends[-1])

    def locate(self, i: int) -> tuple[Take, int]:
        """The take of sample i, and the number of its frame, from 0."""
        if not -len(self) <= i < len(self):
            raise IndexError(f"frame {i} of a set of {len(self)}")
        i %= len(self)
        k = int(np.searchsorted(self.ends, i, side="right"))
        return self.takes[k], self.takes[k].frames[i - (int(self.ends[k - 1]) if k else 0)]

    def read(self, i: int) -> Sample:
        take, t = self.locate(i)
        path = self.root / take.subject / "Videos" / f"{take.name}.mp4"
        image = read_video_frame(path, t)
        points = _poses(self.root, take, "D3_Positions_mono", 3)[t][_COLUMNS] / _MM
        lens = read_lens(self.root, take.subject, take.camera)
        joints2d = self._pixels(take, t, points, lens)
        person = Person(
            "h36m17",
            joints2d=joints2d.astype(np.float32),
            joints3d=points.astype(np.float32),
            box=joints_box(joints2d.astype(np.float32)),
        )
        return Sample(
            image=image,
            key=f"{take.subject}_{take.name.replace(' ', '_')}_f{t:05d}",
            camera=None if lens is None else Camera(lens.K, lens.R, lens.t, image.shape[:2]),
            people=(person,),
            action=take.action,
            info={"path": str(path), "frame": t, "subject": take.subject, "camera": take.camera},
        )

    def _pixels(self, take: Take, t: int, points: np.ndarray, lens: Lens | None) -> np.ndarray:
        """(17, 2) float64 our pixels."""
        if _pose_file(self.root, take, "D2_Positions") is not None:
            table = _poses(self.root, take, "D2_Positions", 2)
            if t < len(table):
                return table[t][_COLUMNS] - 0.5
        if lens is None:
            raise FACTS.refuse(
                self.root, f"{take.subject} {take.name} has neither D2_Positions nor a camera in metadata.xml"
            )
        return lens.project(points)


@dataclass
class Human36MVal(Human36M):
    """Every 64th frame of S9."""

    title = "Human3.6M, validation"
    subjects: ClassVar[tuple[str, ...]] = ("S9",)


@dataclass
class Human36MTrain(Human36M):
    """Every frame of one of the two takes of each action, the first in the order of names."""

    title = "Human3.6M, training"
    subjects: ClassVar[tuple[str, ...]] = ("S1", "S5", "S6", "S7", "S8")
    every: ClassVar[int] = 1
    one_take_an_action: ClassVar[bool] = True


def _pose_file(root: Path, take: Take, kind: str) -> Path | None:
    home = root / take.subject / _POSES / kind
    return next((p for p in (home / f"{take.name}.cdf.mat", home / f"{take.name}.cdf") if p.is_file()), None)


def _poses(root: Path, take: Take, kind: str, dimensions: int) -> np.ndarray:
    """(frames, 32, dimensions) float64 as the file has them."""
    path = _pose_file(root, take, kind)
    assert path is not None
    return _read_poses(path, path.stat().st_mtime_ns, dimensions)


@functools.lru_cache(maxsize=8)
def _read_poses(path: Path, changed: int, dimensions: int) -> np.ndarray:
    values = read_mat(path, "data") if path.suffix == ".mat" else _read_cdf(path)
    while values.dtype == object and values.size == 1:
        values = np.asarray(values.ravel()[0])
    width = len(H36M_RECORDED) * dimensions
    if values.dtype == object or values.size == 0 or values.shape[-1] != width:
        raise HumansenseError(f"{path} has poses of shape {values.shape}, expected (frames, {width})")
    return values.astype(np.float64).reshape(-1, len(H36M_RECORDED), dimensions)


def _read_cdf(path: Path) -> np.ndarray:
    try:
        import cdflib
    except ImportError as error:
        raise HumansenseError(
            f"{path} is a CDF file, which needs the package cdflib: pip install 'humansense[h36m]', or convert it to "
            f"{path.name}.mat with MATLAB's cdfread"
        ) from error
    try:
        return np.asarray(cdflib.CDF(str(path)).varget("Pose"))
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise HumansenseError(f"{path} cannot be read as a CDF file ({error}): fetch it again") from error
