"""Parts, depth and 2D pose of one person, three answers of one net."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from humansense.core.values import Batch
from humansense.tasks.depth import DepthTask
from humansense.tasks.parts import PartsTask
from humansense.tasks.pose2d import Pose2dTask
from humansense.tasks.settings import PeopleSettings, TaskSettings
from humansense.tasks.task import Outputs, Results, Task, TaskMetrics


@dataclass(frozen=True)
class PeopleTask(Task[PeopleSettings]):
    """The heads, targets and results of `PartsTask`, `DepthTask` and `Pose2dTask` together, on one trunk."""

    name: ClassVar[str] = "people"
    settings_type: ClassVar[type[TaskSettings]] = PeopleSettings

    @property
    def members(self) -> tuple[Task, ...]:
        """The three tasks, which share these settings."""
        return PartsTask(self.settings), DepthTask(self.settings), Pose2dTask(self.settings)

    def heads(self) -> dict[str, int]:
        return {name: channels for task in self.members for name, channels in task.heads().items()}

    def pooled(self) -> dict[str, int]:
        return {name: channels for task in self.members for name, channels in task.pooled().items()}

    def fine(self) -> tuple[str, ...]:
        return tuple(name for task in self.members for name in task.fine())

    def targets(self, batch: Batch) -> dict[str, Tensor]:
        return {name: target for task in self.members for name, target in task.targets(batch).items()}

    def stack_losses(
        self, output: Mapping[str, Tensor], targets: Mapping[str, Tensor]
    ) -> dict[str, tuple[float, Tensor]]:
        s = self.settings
        factors = {"parts": s.parts_weight, "depth": s.depth_weight, "pose2d": s.pose2d_weight}
        return {
            name: (weight * factors.get(name, 1.0), value)
            for task in self.members
            for name, (weight, value) in task.stack_losses(output, targets).items()
        }

    def decode(self, outputs: Outputs) -> Results:
        return {name: value for task in self.members for name, value in task.decode(outputs).items()}

    def mirror(self, output: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: value for task in self.members for name, value in task.mirror(output).items()}

    def surety(self, output: Mapping[str, Tensor]) -> Tensor:
        return Pose2dTask(self.settings).surety(output)

    def metrics(self) -> TaskMetrics:
        return PeopleMetrics([task.metrics() for task in self.members])


class PeopleMetrics(TaskMetrics):
    """The measures of all members."""

    def __init__(self, members: list[TaskMetrics]) -> None:
        self.members = members

    def update(self, results: Results, batch: Batch) -> None:
        for member in self.members:
            member.update(results, batch)

    def compute(self) -> dict[str, float]:
        return {name: figure for member in self.members for name, figure in member.compute().items()}
