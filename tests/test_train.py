"""Training: a run that is stopped and resumed is the run that was not, and says what is wrong when it cannot go on."""

from __future__ import annotations

import csv
import json
import math
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

import pytest
import torch

from humansense.core import Batch, HumansenseError, joint_set, load_weights, part_set, save_weights
from humansense.tasks import load_task, make_task
from humansense.train import TrainSettings, evaluate, evaluate_net, train
from humansense.train.averages import Average, lr_factor, make_optimizer
from humansense.train.journal import Journal
from humansense.train.loop import start_from
from humansense.train.source import DeviceCrops

SIZE, BATCH = 32, 4


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def discs(start: int, rank: int = 0, world: int = 1) -> Iterator[Batch]:
    """Endless crops of a bright disc, the person; step k's are decided by k alone."""
    joints = len(joint_set("human21"))
    for step in iter(range(start // (BATCH * world), 10**9)):
        g = torch.Generator().manual_seed(step * world + rank)
        centre = torch.rand(BATCH, 2, generator=g) * 16 + 8
        x = torch.arange(SIZE) + 0.5
        inside = ((x - centre[:, 0, None])[:, None] ** 2 + (x - centre[:, 1, None])[:, :, None] ** 2) < 36
        yield Batch(
            images=inside[:, None] * 0.7 + 0.1 * torch.rand(BATCH, 3, SIZE, SIZE, generator=g),
            parts=inside.long() * 2,
            depth=torch.where(inside, 0.1, torch.nan),
            joints=centre[:, None].repeat(1, joints, 1) + torch.arange(joints)[:, None] * 0.2,
            visible=torch.ones(BATCH, joints, dtype=torch.bool),
            has_person=torch.ones(BATCH, dtype=torch.bool),
            to_image=torch.eye(3, dtype=torch.float64).expand(BATCH, 3, 3),
            keys=[str(step)] * BATCH,
        )


def settings(out: Path, **changes) -> TrainSettings:
    base = TrainSettings(
        data=Path("nowhere"), out=out, preset="tiny", image_size=SIZE, batch=BATCH, samples=40, log_every=2,
        accelerator="cpu", devices="1", progress=False, ema=0.9,
    )  # fmt: skip
    return replace(base, **changes)


def weights_of(out: Path) -> dict[str, torch.Tensor]:
    return load_weights(out / "weights.safetensors")[0]


def rows_of(out: Path) -> list[dict[str, str]]:
    with (out / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def straight(tmp_path_factory) -> Path:
    """Ten steps without a stop."""
    out = tmp_path_factory.mktemp("straight")
    train(settings(out), discs)
    return out


def stop_after(batches: int, how):
    """`discs`, but `how()` happens before batch number `batches`, counted from the start."""

    def source(start: int, rank: int, world: int) -> Iterator[Batch]:
        for i, batch in enumerate(discs(start, rank, world), start // BATCH):
            if i == batches:
                how()
            yield batch

    return source


def test_the_folder_of_a_run(straight):
    names = {path.name for path in straight.iterdir()}
    assert names == {"last.ckpt", "weights.safetensors", "log.csv", "curve.png", "settings.json"}
    saved = json.loads((straight / "settings.json").read_text())
    assert saved["trained"]["samples"] == 40
    assert saved["preset"] == "tiny"
    assert (straight / "curve.png").read_bytes()[:4] == b"\x89PNG"
    rows = rows_of(straight)
    assert [int(row["samples"]) for row in rows] == [8, 16, 24, 32, 40]
    assert set(rows[0]) >= {"lr", "seconds", "loss", "parts", "depth", "pose2d", "person", "samples_per_s"}
    assert all(math.isfinite(float(v)) for row in rows for v in row.values())
    task, _ = load_task(straight)
    assert (task.name, task.settings.net, task.settings.image_size) == ("people", "tiny", SIZE)


def test_interrupted_and_resumed_is_the_same_bit_by_bit(straight, tmp_path):
    interrupt = stop_after(4, lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        train(settings(tmp_path), interrupt)
    assert json.loads((tmp_path / "settings.json").read_text())["trained"]["samples"] == 20  # the step was finished
    torch.manual_seed(12345)  # whatever happened in between
    train(settings(tmp_path), discs)
    one, two = weights_of(straight), weights_of(tmp_path)
    assert all(torch.equal(one[k], two[k]) for k in one)
    drop = ("seconds", "samples_per_s")
    assert [{k: v for k, v in row.items() if k not in drop} for row in rows_of(tmp_path)] == [
        {k: v for k, v in row.items() if k not in drop} for row in rows_of(straight)
    ]


def test_a_crash_loses_only_what_came_after_the_checkpoint(straight, tmp_path, monkeypatch):
    monkeypatch.setattr(Journal, "draw", lambda self: None)  # seven pictures would take longer than the rest

    class PowerCut(Exception): ...

    def crash():
        raise PowerCut

    with pytest.raises(PowerCut):
        train(settings(tmp_path, checkpoint_minutes=0.0), stop_after(7, crash))
    with (tmp_path / "log.csv").open("a") as file:
        file.write("9,36,1.0,0.0")  # a row cut short
    train(settings(tmp_path), discs)
    one, two = weights_of(straight), weights_of(tmp_path)
    assert all(torch.equal(one[k], two[k]) for k in one)
    assert [row["samples"] for row in rows_of(tmp_path)] == [row["samples"] for row in rows_of(straight)]
    assert not list(tmp_path.glob(".*partial*"))


def test_a_finished_run_stays_finished_and_can_be_prolonged(straight, tmp_path):
    for path in straight.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    before = (tmp_path / "last.ckpt").stat().st_mtime_ns
    assert train(settings(tmp_path), discs) == tmp_path / "weights.safetensors"
    assert (tmp_path / "last.ckpt").stat().st_mtime_ns == before
    train(settings(tmp_path, samples=48), discs)
    assert int(rows_of(tmp_path)[-1]["samples"]) == 48


def test_it_learns(tmp_path):
    weights = train(settings(tmp_path, samples=480, lr=5e-3), discs)
    figures = evaluate(weights, islice(discs(10**6), 4), "people")
    assert figures["samples"] == 16
    assert figures["mask_iou"] > 0.7
    first, last = rows_of(tmp_path)[0], rows_of(tmp_path)[-1]
    assert float(last["loss"]) < 0.6 * float(first["loss"])


def test_the_clock_can_shape_the_schedule(tmp_path):
    train(settings(tmp_path, minutes=0.03, samples=10**9), discs)
    rows = rows_of(tmp_path)
    assert 0.03 <= json.loads((tmp_path / "settings.json").read_text())["trained"]["minutes"] < 1
    assert float(rows[-1]["lr"]) < 0.5 * max(float(row["lr"]) for row in rows)


def test_another_run_is_not_overwritten(straight):
    with pytest.raises(HumansenseError, match=r"image_size 32 .now 64.*--out"):
        train(settings(straight, image_size=64), discs)
    with pytest.raises(HumansenseError, match=r"seed 0 .now 1"):
        train(settings(straight, seed=1), discs)


def test_broken_checkpoints_are_explained(tmp_path):
    for content in (b"", b"PK\x03\x04 half a zip", b"text"):
        (tmp_path / "last.ckpt").write_bytes(content)
        with pytest.raises(HumansenseError, match=r"last\.ckpt"):
            train(settings(tmp_path), discs)
    torch.save({"format": 99}, tmp_path / "last.ckpt")
    with pytest.raises(HumansenseError, match="version"):
        train(settings(tmp_path), discs)


def test_a_hopeless_loss_ends_the_run(tmp_path):
    def poisoned(start: int, rank: int, world: int) -> Iterator[Batch]:
        for batch in discs(start, rank, world):
            batch.images[:] = math.nan
            yield batch

    with pytest.raises(HumansenseError, match="lower lr"):
        train(settings(tmp_path, samples=4000), poisoned)


def test_data_that_end_or_do_not_exist_are_explained(tmp_path):
    with pytest.raises(HumansenseError, match="ran out"):
        train(settings(tmp_path), lambda start, rank, world: islice(discs(start), 3))
    with pytest.raises(HumansenseError, match="nowhere"):
        train(settings(tmp_path / "x"))
    with pytest.raises(HumansenseError, match="nothing to evaluate"):
        evaluate_net(settings(tmp_path).make_task(), settings(tmp_path).make_task().build_net(), [])


def test_weights_of_another_task_are_refused(straight):
    with pytest.raises(HumansenseError, match="not depth"):
        evaluate(straight, [], "depth")


def test_schedule():
    values = [lr_factor(p / 1000, 0.1) for p in range(1001)]
    assert values[0] == pytest.approx(0.01)
    assert max(values) == values[100] == pytest.approx(1)
    assert values[1000] == pytest.approx(0.01)
    assert all(a < b for a, b in pairwise(values[:101]))
    assert all(a > b for a, b in pairwise(values[100:]))
    assert lr_factor(0.0, 0.0) == pytest.approx(1)
    assert lr_factor(1.3, 0.1) == pytest.approx(0.01)


def test_average_is_the_loop_and_covers_the_statistics():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1), torch.nn.BatchNorm2d(2))
    average = Average(net, 0.7)
    naive = {k: v.clone() for k, v in net.state_dict().items()}
    for step in range(30):
        net(torch.randn(4, 1, 2, 2) + step)  # moves the running statistics
        with torch.no_grad():
            net[0].weight += 1.0
        average.update(net, step)
        keep = min(0.7, (1 + step) / (10 + step))
        for k, v in net.state_dict().items():
            naive[k] = keep * naive[k] + (1 - keep) * v if v.is_floating_point() else v.clone()
    for k, v in naive.items():
        assert torch.allclose(average.state[k], v, rtol=1e-4), k
    assert average.state["1.num_batches_tracked"] == 30


def test_optimizers():
    net = settings(Path("x")).make_task().build_net()
    groups = make_optimizer(net, settings(Path("x"))).param_groups
    assert [g["weight_decay"] for g in groups] == [0.02, 0.0]
    assert all(p.ndim > 1 for p in groups[0]["params"])
    assert sum(len(g["params"]) for g in groups) == len(list(net.parameters()))
    assert isinstance(make_optimizer(net, settings(Path("x"), optimizer="rmsprop")), torch.optim.RMSprop)


def test_devices_share_the_samples_of_one():
    class Numbers:
        def crop(self, n: int) -> int:
            return n

    def numbers(world: int, rank: int, count: int) -> list[int]:
        share = DeviceCrops(Numbers(), batch=3, rank=rank, world=world)
        return [share.crop(n) for n in range(count)]

    assert numbers(1, 0, 12) == list(range(12))
    assert numbers(2, 0, 6) == [0, 1, 2, 6, 7, 8]
    assert numbers(2, 1, 6) == [3, 4, 5, 9, 10, 11]


def test_journal_keeps_the_log_up_to_the_checkpoint(tmp_path):
    with Journal(tmp_path, 0, progress=False) as journal:
        for step in range(1, 6):
            journal.add({"step": step, "samples": step * 10, "seconds": 1.5, "loss": 1 / step})
    with Journal(tmp_path, 30, progress=False) as journal:
        journal.add({"step": 4, "samples": 40, "seconds": 2.5, "loss": 9.0})
    assert [(row["samples"], row["loss"]) for row in rows_of(tmp_path)] == [
        ("10", "1"), ("20", "0.5"), ("30", "0.333333"), ("40", "9"),
    ]  # fmt: skip


def test_settings_are_checked():
    for changes, message in (
        ({"samples": 0}, "samples"),
        ({"minutes": 0.0}, "minutes"),
        ({"lr": 0.0}, "lr"),
        ({"ema": 1.0}, "ema"),
        ({"optimizer": "sgd"}, "adamw, rmsprop"),
        ({"threads": 0}, "threads"),
    ):
        with pytest.raises(HumansenseError, match=message):
            settings(Path("x"), **changes)
    with pytest.raises(HumansenseError, match="devices"):
        train(settings(Path("x"), devices="two"), discs)


def test_fine_tuning_starts_from_the_weights_it_is_given(straight: Path, tmp_path: Path) -> None:
    hardly = settings(tmp_path / "tuned", init=straight, samples=BATCH, lr=1e-12, ema=0.0)
    train(hardly, discs)
    before, after = weights_of(straight), weights_of(hardly.out)
    learned = [name for name in before if "running" not in name and "num_batches" not in name]
    assert all(torch.allclose(before[name], after[name], atol=1e-3) for name in learned)
    with pytest.raises(HumansenseError, match="--init"):
        train(settings(tmp_path / "other", init=straight, task_options={"joint_set": "mpii16"}), discs)


def test_another_task_gives_its_trunk(tmp_path):
    people, finder = make_task("people", {"net": "small"}), make_task("finder")
    trained = people.build_net()
    save_weights(tmp_path / "people.safetensors", trained.state_dict(), people.to_json())
    net = finder.build_net()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    start_from(net, tmp_path / "people.safetensors", finder)
    after, given = net.state_dict(), trained.state_dict()
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    assert all(torch.allclose(after[name], given[name], atol=1e-2) for name in changed)  # files are in half precision
    weights = {name for name in after if name.endswith("conv1.weight")}
    assert weights - changed == {name for name in weights if "inner.inner.inner" in name}
    assert not any(name.startswith("heads.") for name in changed)
    other = make_task("finder", {"net": "tiny"})
    with pytest.raises(HumansenseError, match="another task"):
        start_from(other.build_net(), tmp_path / "people.safetensors", other)


def test_flipped_answers_are_averaged(straight):
    task, net = load_task(straight)
    batches = list(islice(discs(0), 2))
    seen: list[torch.Tensor] = []
    evaluate_net(task, net, batches, watch=lambda results, _: seen.append(results["part_probabilities"]), flip=True)
    mirrored = [replace(batch, images=batch.images.flip(-1)) for batch in batches]
    evaluate_net(task, net, mirrored, watch=lambda results, _: seen.append(results["part_probabilities"]), flip=True)
    # Both see the same two pictures, and the answers are each other's mirror images with the sides exchanged.
    order = torch.as_tensor(part_set("parts14").mirror.astype("int64"))
    assert torch.allclose(seen[0], seen[2].flip(-1)[:, order], atol=1e-4)
    evaluate_net(task, net, batches, watch=lambda results, _: seen.append(results["part_probabilities"]))
    assert not torch.allclose(seen[0], seen[4], atol=1e-3)


def test_turning_needs_joints_to_tell_which_way_up():
    task = make_task("parts", {"net": "tiny", "image_size": SIZE})
    with pytest.raises(HumansenseError, match="parts"):
        evaluate_net(task, task.build_net(), [next(iter(discs(0)))], turn=True)
