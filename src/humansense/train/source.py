"""Where a run's batches come from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from humansense.core.values import Batch
from humansense.data.augment import AugmentSettings
from humansense.data.crops import Crop
from humansense.data.loaders import Crops, EvalCrops, Source, TrainCrops, crop_loader, open_source
from humansense.data.scenes import EvalScenes, TrainScenes
from humansense.tasks import Pose2dSettings, Task
from humansense.train.settings import TrainSettings

DEFAULT_JOINTS = "human21"


class BatchSource(Protocol):
    """An endless stream of batches that can start anywhere."""

    def __call__(self, start: int, rank: int, world: int) -> Iterator[Batch]:
        """Batches for device `rank` of `world`, of which the run has seen `start` samples.

        Step k takes samples k * batch * world and following, device r the r-th `batch` of them. Sample number n
        must be the same sample with the same augmentation wherever the stream starts: resuming is exact then.
        """
        ...


def joints_of(task: Task) -> str:
    """The joint set that the task's crops need."""
    return task.settings.joint_set if isinstance(task.settings, Pose2dSettings) else DEFAULT_JOINTS


@dataclass
class DeviceCrops:
    """The crops of one device of several: endless `crops` renumbered, its batch of each step."""

    crops: Crops
    batch: int = 1
    rank: int = 0
    world: int = 1

    def crop(self, n: int) -> Crop:
        """This device's sample n."""
        step, place = divmod(n, self.batch)
        return self.crops.crop((step * self.world + self.rank) * self.batch + place)


def clip_batches(settings: TrainSettings, task: Task) -> BatchSource:
    """Augmented crops of the sets in `settings.data`. Raises `HumansenseError` for folders that are none."""
    return batches_from([open_source(root, joints_of(task)) for root in settings.roots()], settings, task)


def batches_from(
    sources: Sequence[Source], settings: TrainSettings, task: Task, augment: AugmentSettings | None = None
) -> BatchSource:
    """Augmented crops of `sources`, or scenes where the task asks for them. augment: None for the usual changes."""
    kind = TrainScenes if task.scenes else TrainCrops

    def source(start: int, rank: int, world: int) -> Iterator[Batch]:
        changes = augment or AugmentSettings()
        crops = kind(sources, settings.image_size, joints_of(task), settings.seed, changes)
        share = DeviceCrops(crops, settings.batch, rank, world)
        # A generator, so that closing it ends the workers.
        yield from crop_loader(share, settings.batch, settings.workers, start // (settings.batch * world))

    return source


def eval_batches(task: Task, root: str, limit: int | None = None, batch: int = 32, workers: int = 0) -> Iterable[Batch]:
    """Plain crops of everybody in a set, or its whole pictures, for `evaluate`; limit: read so many samples at most."""
    joints = joints_of(task)
    kind = EvalScenes if task.scenes else EvalCrops
    crops = kind(open_source(root, joints), task.settings.image_size, joints, limit=limit)
    return crop_loader(crops, batch, workers)
