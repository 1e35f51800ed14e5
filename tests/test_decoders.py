"""Tasks and training on nets of every output stride: targets, losses, answers, mirrors, recipes, fine-tuning."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from humansense.core import Batch, HumansenseError, joint_set, part_set, save_weights
from humansense.losses import gaussian_heatmaps
from humansense.nets import NETS
from humansense.tasks import make_task
from humansense.tasks.pose2d import decode_heatmaps, mass_near
from humansense.tasks.task import cell_targets, shares_at, upsample
from humansense.train import RECIPES, TrainSettings
from humansense.train.loop import start_from, upsampling_layers

SIZE = 64
SMALL = [name for name in NETS if "surreal8" not in name]  # its stride is that of tiny, its cost is not


@pytest.fixture(autouse=True)
def _one_thread_and_seed():
    torch.set_num_threads(1)
    torch.manual_seed(0)


def make_batch(count: int = 2) -> Batch:
    """Somebody of two rectangles, in noise."""
    joints = len(joint_set("human21"))
    parts = torch.zeros(count, SIZE, SIZE, dtype=torch.int64)
    for b in range(count):
        parts[b, 13:51, 17 + 5 * b : 39 + 5 * b] = 2
        parts[b, 13:26, 21 + 5 * b : 35 + 5 * b] = 1
    images = torch.rand(count, 3, SIZE, SIZE) * 0.1 + parts[:, None] * 0.3
    return Batch(
        images=images,
        parts=parts,
        depth=torch.where(parts > 0, 0.1 * parts - 0.15, torch.nan),
        joints=torch.rand(count, joints, 2) * (SIZE - 16) + 8,
        visible=torch.ones(count, joints, dtype=torch.bool),
        has_person=torch.ones(count, dtype=torch.bool),
        to_image=torch.eye(3, dtype=torch.float64).expand(count, 3, 3),
        keys=[str(b) for b in range(count)],
    )


def people(net: str, task: str = "people"):
    return make_task(task, {"net": net, "image_size": SIZE})


@pytest.mark.parametrize("preset", SMALL)
def test_targets_losses_and_answers_fit_every_net(preset):
    task, batch = people(preset), make_batch()
    net = task.build_net().train()
    targets = task.targets(batch)
    assert targets["parts"].shape[-1] == SIZE // NETS[preset].fine_stride
    outputs = net(task.inputs(batch.images))
    loss, terms = task.loss(outputs, targets)
    loss.backward()
    assert torch.isfinite(loss)
    assert set(terms) == {"parts", "depth", "pose2d", "person"}
    results = task.decode(outputs)
    assert results["parts"].shape == results["depth"].shape == (2, SIZE, SIZE)
    assert results["joints"].shape == (2, 21, 2)
    assert ((results["joints"] >= 0) & (results["joints"] <= SIZE)).all()


@pytest.mark.parametrize("preset", SMALL)
def test_the_truth_as_an_answer_is_read_back(preset):
    """Logits that say the targets: the loss is that of a perfect net, and the maps come back, at each stride."""
    task, batch = people(preset), make_batch()
    targets = task.targets(batch)
    output = {name: (targets[name] + 1e-9).log() for name in ("parts", "depth")}
    output["pose2d"] = (targets["heatmaps"] + 1e-12).log()
    output["presence"] = torch.full((2, 22), -30.0)
    output["presence"][:, -1] = 30.0
    results = task.decode([output])
    wrong = (results["parts"] != batch.parts).float().mean()
    assert wrong == 0 if NETS[preset].fine_stride == 1 else wrong < 0.05
    assert (results["joints"] - batch.joints).abs().max() < 0.05
    perfect, worse = (
        task.stack_losses({**output, "parts": output["parts"] * factor}, targets)["parts"][1] for factor in (1.0, 0.5)
    )
    assert perfect < worse
    if NETS[preset].fine_stride == 1:
        assert perfect < 1e-4


@pytest.mark.parametrize("preset", SMALL)
def test_a_mirrored_output_is_the_answer_of_the_mirrored_picture(preset):
    task = people(preset)
    output = {k: v * 20 for k, v in task.build_net().eval()(torch.randn(1, 3, SIZE, SIZE))[-1].items()}
    mirrored = task.mirror(output)
    twice = task.mirror(mirrored)
    assert all(torch.equal(twice[k], output[k]) for k in output)
    straight, flipped = task.decode([output]), task.decode([mirrored])
    sides = torch.as_tensor(part_set("parts14").mirror.astype("int64"))
    assert (flipped["parts"] == sides[straight["parts"].flip(-1)]).float().mean() > 0.999
    order = torch.as_tensor(joint_set("human21").mirror)
    x, y = straight["joints"][:, order].unbind(-1)
    assert torch.allclose(flipped["joints"], torch.stack([SIZE - x, y], -1), atol=0.02)


def test_coarser_shares_are_those_of_larger_cells():
    labels = torch.randint(-1, 3, (2, 16, 12))
    finest = cell_targets(labels, 3, 1)
    assert torch.allclose(shares_at(torch.zeros(2, 3, 4, 3), finest), cell_targets(labels, 3), atol=1e-6)
    assert shares_at(torch.zeros(2, 3, 16, 12), finest) is finest


def test_heatmaps_know_their_stride():
    joints = torch.tensor([[[10.3, 20.8], [41.0, 33.3]]])
    for stride in (1, 2, 4):
        heatmaps = gaussian_heatmaps(joints / stride, (SIZE // stride, SIZE // stride), 1.5)
        assert (decode_heatmaps(heatmaps, stride) - joints).abs().max() < 0.02
        shares = heatmaps / heatmaps.sum((2, 3), keepdim=True)
        assert (mass_near(shares, joints, 2.5 * 1.5, stride) > 0.9).all()


def test_upsampling_leaves_what_is_fine_enough():
    logits = torch.randn(1, 2, 16, 16)
    assert torch.equal(upsample(logits, 16), logits)
    assert torch.equal(upsample(logits, 64), upsample(logits))
    assert upsample(logits, 32).shape == (1, 2, 32, 32)


@pytest.mark.parametrize("preset", ["tiny+up", "fcn-unpool", "fcn-transposed"])
def test_outlines_are_learned_by_heart(preset):
    task, batch = people(preset, "parts"), make_batch()
    net = task.build_net().train()
    optimizer = torch.optim.AdamW(net.parameters(), 5e-3, weight_decay=0.0)
    inputs, targets = task.inputs(batch.images), task.targets(batch)
    for _ in range(90):
        loss, _ = task.loss(net(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        right = task.decode(net(inputs))["parts"] == batch.parts
    assert right.float().mean() > 0.98


def save(path: Path, task) -> dict[str, torch.Tensor]:
    net = task.build_net()
    save_weights(path, net.state_dict(), task.to_json())
    return net.state_dict()


def test_upsampled_heads_start_from_the_net_without(tmp_path):
    path = tmp_path / "plain.safetensors"
    given = save(path, people("tiny"))
    net = people("tiny+up").build_net()
    fresh = {k: v.clone() for k, v in upsampling_layers(net).items()}
    start_from(net, path, people("tiny+up"))
    assert len(fresh) == 4  # a weight and a bias for parts and depth
    for name, value in net.state_dict().items():
        assert torch.equal(value, fresh[name]) if name in fresh else torch.allclose(value, given[name], atol=2e-3)


def test_nothing_else_may_be_missing(tmp_path):
    path = tmp_path / "w.safetensors"
    save(path, people("tiny+up"))
    start_from(people("tiny+up").build_net(), path, people("tiny+up"))
    for task in (people("tiny"), people("small+up"), people("small", "parts")):
        with pytest.raises(HumansenseError, match="--init"):
            start_from(task.build_net(), path, task)


def test_recipes_fill_what_nobody_said():
    paper = TrainSettings.by_recipe("surreal8", data=Path("d"), out=Path("o"), task="parts", lr=None, batch=None)
    assert (paper.image_size, paper.batch, paper.lr, paper.optimizer) == (256, 6, 1e-3, "rmsprop")
    assert paper.samples == 50_000 * paper.batch
    own = TrainSettings.by_recipe("surreal8", data=Path("d"), out=Path("o"), lr=5e-4, image_size=128)
    assert (own.image_size, own.batch, own.lr) == (128, 6, 5e-4)
    plain = TrainSettings.by_recipe("small", data=Path("d"), out=Path("o"), samples=None)
    assert plain == TrainSettings(data=Path("d"), out=Path("o"), preset="small")
    assert set(RECIPES) <= set(NETS)


def test_the_command_follows_the_recipe(tmp_path, monkeypatch):
    from humansense import train as room
    from humansense.cli import main

    seen = []
    monkeypatch.setattr(room, "train", lambda settings: seen.append(settings) or tmp_path / "weights.safetensors")
    options = ["--data", str(tmp_path), "--out", str(tmp_path / "run"), "--preset"]
    assert main(["train", "parts", *options, "surreal8", "--batch", "4"]) == 0
    assert main(["train", "people", *options, "tiny", "--joint-set", "mpii16"]) == 0
    assert (seen[0].task, seen[0].image_size, seen[0].batch, seen[0].optimizer) == ("parts", 256, 4, "rmsprop")
    assert (seen[1].image_size, seen[1].batch, seen[1].task_options) == (128, 32, {"joint_set": "mpii16"})
