"""Contact sheets of what a net answers: the worst are the worst, and chance is fair."""

from __future__ import annotations

import numpy as np
import torch

from humansense.core import Batch
from humansense.tasks import make_task
from humansense.view.examples import Examples, one


def batch_of(errors: list[float], task) -> tuple[Batch, dict[str, torch.Tensor]]:
    """People whose joints are all off by the given shares of the crop, and the answers."""
    count, joints, size = len(errors), 21, task.settings.image_size
    truth = torch.rand(count, joints, 2) * size / 2 + size / 4
    answers = truth + torch.tensor(errors)[:, None, None] * size
    batch = Batch(
        images=torch.rand(count, 3, size, size),
        parts=torch.full((count, size, size), -1),
        depth=torch.full((count, size, size), torch.nan),
        joints=truth,
        visible=torch.ones(count, joints, dtype=torch.bool),
        has_person=torch.ones(count, dtype=torch.bool),
        to_image=torch.eye(3, dtype=torch.float64).expand(count, 3, 3),
        keys=[f"sample {e}" for e in errors],
    )
    return batch, {"joints": answers, "joint_scores": torch.ones(count, joints), "person": torch.ones(count)}


def test_the_worst_and_some_by_chance():
    task = make_task("pose2d", {"net": "tiny", "image_size": 64, "joint_set": "human21"})
    examples = Examples(task, count=3)
    for errors in ([0.0, 0.9, 0.0], [0.0, 0.8], [0.7, 0.0, 0.0, 0.0]):
        batch, results = batch_of(errors, task)
        examples.watch(results, batch)
    assert examples.judged_by == "pck_lsp14"
    assert sorted(-bad for bad, _, _ in examples._worst) == [0, 0, 0]  # the three that are off, of nine
    sheets = examples.sheets(columns=2)
    assert set(sheets) == {"random", "worst"}
    assert sheets["worst"].shape == sheets["random"].shape
    assert sheets["worst"].dtype == np.uint8
    assert (sheets["worst"][-1, -1] == sheets["worst"][-5, -5]).all()  # one place is bare


def test_every_sample_has_the_same_chance():
    task = make_task("pose2d", {"net": "tiny", "image_size": 64, "joint_set": "human21"})
    batch, results = batch_of([0.0] * 30, task)
    counts = np.zeros(30)
    for seed in range(40):
        examples = Examples(task, count=10, seed=seed)
        examples._picture = lambda sample, _: np.full((60, 90, 3), int(sample.keys[0].split()[1]), np.uint8)
        for i in range(30):
            sample = one(batch, i)
            sample.keys = [f"sample {i}"]
            examples.watch({name: value[i : i + 1] for name, value in results.items()}, sample)
        chosen = {int(picture[-1, -1, 0]) for _, picture in examples._random}
        assert len(chosen) == 10
        counts[list(chosen)] += 1
    assert counts.min() >= 4  # 13 of 40 are expected
    assert counts.max() <= 25
