"""Tasks: encode and decode are inverse, four samples can be learned by heart, mirrors agree, settings travel."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from humansense.core import Batch, HumansenseError, joint_set, load_weights, part_set, save_weights
from humansense.losses import IGNORE
from humansense.tasks import TASKS, PeopleSettings, load_task, make_task, task_from_json
from humansense.tasks.depth import decode_depth, encode_depth
from humansense.tasks.pose2d import decode_heatmaps, encode_joints, mass_near
from humansense.tasks.task import cell_targets, foreground_first, known_parts

SIZE = 64


@pytest.fixture(autouse=True)
def _one_thread_and_seed():
    torch.set_num_threads(1)
    torch.manual_seed(0)


def make_batch(count: int = 4, joints: str = "human21") -> Batch:
    """People of two rectangles, the last crop empty; joints anywhere in them."""
    n = len(joint_set(joints))
    parts = torch.zeros(count, SIZE, SIZE, dtype=torch.int64)
    for b in range(count - 1):
        parts[b, 12:52, 16 + 4 * b : 40 + 4 * b] = 2
        parts[b, 12 : 24 + 4 * b, 20 + 4 * b : 36 + 4 * b] = 1
    depth = torch.where(parts > 0, 0.1 * parts - 0.15, torch.nan)
    has_person = torch.arange(count) < count - 1
    boxes = torch.tensor([[16.0 + 4 * b, 12, 40 + 4 * b, 52] for b in range(count)])
    boxes[-1] = torch.nan
    places = torch.rand(count, n, 2) * (SIZE - 16) + 8
    return Batch(
        images=torch.rand(count, 3, SIZE, SIZE),
        parts=parts,
        depth=depth,
        joints=torch.where(has_person[:, None, None], places, torch.nan),
        visible=has_person[:, None].expand(count, n).clone(),
        has_person=has_person,
        to_image=torch.eye(3, dtype=torch.float64).expand(count, 3, 3),
        keys=[f"sample {b}" for b in range(count)],
        boxes=torch.tensor(
            [[[16.0 + 4 * b, 12, 40 + 4 * b, 52]] if b < count - 1 else [[torch.nan] * 4] for b in range(count)]
        ),
        boxes_unsure=torch.zeros(count, 1, dtype=torch.bool),
    )


def tiny(name: str, **options):
    return make_task(name, {"net": "tiny", "image_size": SIZE, **options})


def joints_of(name: str) -> str:
    return "mpii16" if name == "pose2d" else "human21"


@pytest.mark.parametrize("name", TASKS)
def test_four_samples_are_learned_by_heart(name):
    task, batch = tiny(name), make_batch(joints=joints_of(name))
    net = task.build_net().to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(net.parameters(), 5e-3, weight_decay=0.0)
    inputs, targets = task.inputs(batch.images), task.targets(batch)
    for _ in range(120):
        loss, _ = task.loss(net(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    # Train mode: the statistics of this very batch; the running ones still lag behind after so few steps.
    with torch.no_grad():
        results = task.decode(net(inputs))
    metrics = task.metrics()
    metrics.update(results, batch)
    figures = metrics.compute()
    if "mask_iou" in figures:
        assert figures["mask_iou"] > 0.85
        assert figures["part_accuracy"] > 0.85
    if "depth_rmse_mm" in figures:
        assert figures["depth_rmse_mm"] < 30
    if "pck" in figures:
        assert figures["pck"] > 0.95
        assert figures["pckh"] > 0.9
        assert figures["person_accuracy"] == 1.0
        assert results["joint_scores"][:-1].mean() > 0.6
        assert results["joint_scores"][-1].max() < 0.2  # nobody there: no joint is trusted
    if "box_ap" in figures:
        assert figures["box_ap50"] == 1.0
        assert figures["box_ap"] > 0.8
        assert figures["false_alarms"] == 0


@pytest.mark.parametrize("name", TASKS)
def test_heads_targets_and_losses_fit(name):
    task, batch = tiny(name), make_batch(joints=joints_of(name))
    net = task.build_net()
    outputs = net(task.inputs(batch.images))
    assert set(outputs[0]) == set(task.heads()) | set(task.pooled())
    total, terms = task.loss(outputs, task.targets(batch))
    assert total.requires_grad
    assert not any(t.requires_grad for t in terms.values())
    one = sum(weight * value.item() for weight, value in task.stack_losses(outputs[0], task.targets(batch)).values())
    two = sum(weight * value.item() for weight, value in task.stack_losses(outputs[1], task.targets(batch)).values())
    assert total.item() == pytest.approx(one + two, rel=1e-5)  # summed over stacks


@pytest.mark.parametrize("name", TASKS)
def test_mirror_undoes_a_mirrored_image(name):
    task = tiny(name)
    size = SIZE // 4
    output = {k: torch.randn(2, c, size, size) for k, c in task.heads().items()}
    output |= {k: torch.randn(2, c) for k, c in task.pooled().items()}
    once = task.mirror(output)
    assert all(torch.equal(value, output[k]) for k, value in task.mirror(once).items())
    assert any(not torch.equal(value, output[k]) for k, value in once.items())
    if "parts" in once:
        left, right = (part_set("parts14").index(f"{s}_hand") for s in ("left", "right"))
        assert torch.equal(once["parts"][:, left], output["parts"][:, right].flip(-1))
    if "pose2d" in once:
        left, right = (joint_set(task.settings.joint_set).index(f"{s}_wrist") for s in ("left", "right"))
        assert torch.equal(once["pose2d"][:, left], output["pose2d"][:, right].flip(-1))
        assert torch.equal(once["presence"][:, left], output["presence"][:, right])
        assert torch.equal(once["presence"][:, -1], output["presence"][:, -1])


def test_a_cell_weighs_its_pixels():
    labels = torch.randint(-1, 3, (2, 16, 12))
    shares = cell_targets(labels, 3)
    assert shares.shape == (2, 3, 4, 3)
    for b in range(2):
        for y in range(4):
            for x in range(3):
                pixels = labels[b, 4 * y : 4 * y + 4, 4 * x : 4 * x + 4].flatten().tolist()
                assert shares[b, :, y, x].tolist() == pytest.approx([pixels.count(k) / 16 for k in range(3)])


def test_an_outline_stays_where_it_is():
    """The best logits for a straight edge, enlarged, put it back within a fraction of a pixel, wherever it lies."""
    task = tiny("parts")
    shifts = []
    for edge in range(20, 36):
        labels = torch.zeros(1, SIZE, SIZE, dtype=torch.int64)
        labels[:, :, edge:] = 2
        # A net that knows the edge only to a cell or so: the shares, blurred.
        shares = torch.nn.functional.avg_pool2d(cell_targets(labels, 15), 3, 1, 1, count_include_pad=False)
        found = task.decode([{"parts": shares.clamp(min=1e-4).log()}])["parts"]
        shifts.append(SIZE - edge - (found[0, SIZE // 2] == 2).sum().item())
    assert abs(sum(shifts)) / len(shifts) < 0.2
    assert max(map(abs, shifts)) <= 1


def test_somebody_whose_part_is_unclear_is_still_somebody():
    probabilities = torch.zeros(1, 15, 1, 2)
    probabilities[0, [0, 3, 4], 0, 0] = torch.tensor([0.4, 0.35, 0.25])
    probabilities[0, [0, 3, 4], 0, 1] = torch.tensor([0.6, 0.25, 0.15])
    assert foreground_first(probabilities).tolist() == [[[3, 0]]]


def test_joints_come_back_within_a_fraction_of_a_pixel():
    joints = torch.rand(50, 21, 2) * (SIZE - 12) + 6
    heatmaps = encode_joints(joints, SIZE, 1.0)
    assert (decode_heatmaps(heatmaps) - joints).abs().max() < 0.02
    # Any sum will do: the softmax of spatial cross entropy is only a scaled Gaussian.
    assert (decode_heatmaps(heatmaps * 0.01) - joints).abs().max() < 0.02


def test_joints_at_the_border_and_outside():
    joints = torch.tensor([[[0.5, 30.0], [SIZE - 0.5, 63.0], [-1.0, 5.0], [5.0, float(SIZE)], [math.nan, 1.0]]])
    heatmaps = encode_joints(joints, SIZE, 1.0)
    assert heatmaps[0, 2:].abs().max() == 0
    assert (decode_heatmaps(heatmaps)[0, :2] - joints[0, :2]).abs().max() <= 2.0  # half a cell
    assert torch.isfinite(decode_heatmaps(torch.zeros(1, 2, 16, 16))).all()


def test_mass_near_is_the_loop():
    probabilities, joints = torch.rand(2, 3, 8, 8), torch.rand(2, 3, 2) * 32
    mass = mass_near(probabilities, joints, 2.2)
    for b in range(2):
        for j in range(3):
            x, y = (joints[b, j] / 4).tolist()
            naive = sum(
                probabilities[b, j, v, u].item()
                for v in range(8)
                for u in range(8)
                if (u + 0.5 - x) ** 2 + (v + 0.5 - y) ** 2 <= 2.2**2
            )
            assert mass[b, j].item() == pytest.approx(naive, rel=1e-5)


def test_depth_comes_back_within_half_a_bin():
    depth = torch.linspace(-0.427, 0.427, 400).reshape(1, 20, 20)  # the 19 bins reach 9.5 * 45 mm
    parts = torch.ones(1, 20, 20, dtype=torch.int64)
    back = decode_depth(encode_depth(depth, parts, 19, 0.045), 19, 0.045)
    assert (back - depth).abs().max() <= 0.0225 + 1e-6
    zero = encode_depth(torch.zeros(1, 1, 1), parts[:, :1, :1], 19, 0.045)
    assert zero.item() == 10  # the middle of 1..19


def test_depth_off_the_range_and_off_the_person():
    depth = torch.tensor([[[-3.0, 3.0, math.nan, math.nan, math.nan]]])
    parts = torch.tensor([[[1, 1, 0, 5, -1]]])
    assert encode_depth(depth, parts, 19, 0.045).tolist() == [[[1, 19, 0, IGNORE, IGNORE]]]
    assert torch.isnan(decode_depth(torch.tensor([0, IGNORE]), 19, 0.045)).all()


def test_perfect_depth_logits_decode_to_the_truth():
    task = tiny("depth")
    shares = task.targets(make_batch())["depth"]
    classes = shares.argmax(1)
    logits = shares * 60
    results = task.decode([{"depth": logits}])
    truth = decode_depth(classes, 19, 0.045).repeat_interleave(4, 1).repeat_interleave(4, 2)
    flat = (torch.nn.functional.avg_pool2d(torch.isnan(truth).float(), 9, 1, 4) == 0)[:3]  # away from the outline
    inner = truth[:3][flat]
    assert len(inner) > 500
    assert (results["depth"][:3][flat] - inner).abs().median() == 0
    assert (results["depth_soft"][:3][flat] - inner).abs().median() < 1e-3
    assert torch.equal(torch.isnan(results["depth"]), results["depth_classes"] == 0)
    assert results["depth_bins"].min() >= 1


def test_parts_are_enlarged_before_the_maximum():
    task = tiny("parts")
    logits = torch.zeros(1, 15, SIZE // 4, SIZE // 4)
    logits[:, 1, :, :8], logits[:, 2, :, 8:] = 4.0, 8.0
    results = task.decode([{"parts": logits}])
    assert results["part_probabilities"].shape == (1, 15, SIZE, SIZE)
    assert torch.allclose(results["part_probabilities"].sum(1), torch.ones(1, SIZE, SIZE), atol=1e-5)
    # Between cell centres x = 30 and x = 34 the two fall and rise linearly, 4 (1 - t) = 8 t at t = 1 / 3: x = 31.3.
    assert (results["parts"][0, 5] == 1).sum().item() == 31


def test_scores_are_probabilities():
    """A joint that is as likely here as there scores about one half; one that is nowhere, nothing."""
    task = tiny("pose2d")
    n = len(joint_set("mpii16"))
    here = torch.full((1, n, 2), 20.0)
    there = torch.full((1, n, 2), 48.0)
    both = encode_joints(here, SIZE, 1.0) + encode_joints(there, SIZE, 1.0)
    presence = torch.full((1, n + 1), -30.0)
    logits = both.clamp(min=1e-20).log()
    scores = task.decode([{"pose2d": logits, "presence": presence}])["joint_scores"]
    assert torch.allclose(scores, torch.full_like(scores, 0.5), atol=0.03)
    one = encode_joints(here, SIZE, 1.0).clamp(min=1e-20).log()
    assert task.decode([{"pose2d": one, "presence": presence}])["joint_scores"].min() > 0.95
    assert task.decode([{"pose2d": one, "presence": -presence}])["joint_scores"].max() < 0.01


def test_unknown_outside_and_absent_joints_are_told_apart():
    task, batch = tiny("people"), make_batch()
    batch.joints[0, 0] = math.nan  # nobody knows
    batch.joints[0, 1] = torch.tensor([-20.0, 5.0])  # known to be outside
    targets = task.targets(batch)
    assert targets["joint_mask"][0, :3].tolist() == [False, True, True]
    assert targets["heatmaps"][0, 1].sum() == 0
    assert targets["joint_mask"][3].all()  # no person: known to be nowhere
    assert targets["heatmaps"][3].sum() == 0
    assert targets["person"].tolist() == [True, True, True, False]


def test_maps_of_an_empty_crop_are_background_even_if_not_drawn():
    batch = make_batch()
    batch.parts[:] = -1
    batch.depth[:] = math.nan
    assert (known_parts(batch)[3] == 0).all()
    assert (known_parts(batch)[:3] == -1).all()
    targets = tiny("people").targets(batch)
    assert (targets["depth"][3, 0] == 1).all()
    assert not targets["depth"][:3].any()  # not known: no pixel counts


def test_mask_of_a_set_that_draws_no_parts():
    """A person whose parts are unknown (-1) before a known background still has a mask to measure."""
    task, batch = tiny("parts"), make_batch()
    found = batch.parts.clone()
    batch.parts[batch.parts > 0] = -1
    metrics = task.metrics()
    metrics.update({"parts": found}, batch)
    assert metrics.compute()["mask_iou"] == 1.0
    metrics = task.metrics()
    batch.parts[:3] = -1  # nothing is known of these: they do not count, the empty one does
    metrics.update({"parts": found.roll(8, -1)}, batch)
    assert metrics.compute()["mask_iou"] == 1.0


def test_inputs_are_normalised_as_the_settings_say():
    task = tiny("parts", mean=(0.5, 0.4, 0.3), std=(0.5, 0.25, 0.2))
    images = torch.rand(2, 3, SIZE, SIZE)
    inputs = task.inputs(images)
    assert torch.allclose(inputs[:, 1], (images[:, 1] - 0.4) / 0.25, atol=1e-6)
    assert inputs.is_contiguous(memory_format=torch.channels_last)
    with pytest.raises(HumansenseError, match="images"):
        task.inputs(torch.rand(2, 3, 32, 32))


@pytest.mark.parametrize("name", TASKS)
def test_a_task_travels_with_its_weights(name, tmp_path):
    task = tiny(name)
    net = task.build_net().eval()
    path = tmp_path / "weights.safetensors"
    save_weights(path, net.state_dict(), task.to_json())
    again, loaded = load_task(tmp_path)
    assert again == task
    images = torch.rand(1, 3, SIZE, SIZE)
    with torch.no_grad():
        one, two = net(task.inputs(images))[-1], loaded(again.inputs(images))[-1]
    assert all(torch.allclose(one[k], two[k], atol=1e-2) for k in one)
    assert not loaded.training


def test_weights_that_do_not_fit_are_explained(tmp_path):
    task = tiny("people")
    path = tmp_path / "w.safetensors"
    save_weights(path, tiny("parts").build_net().state_dict(), task.to_json())
    with pytest.raises(HumansenseError, match="does not fit"):
        load_task(path)
    save_weights(path, {"a": torch.zeros(1)}, {"hello": 1})
    with pytest.raises(HumansenseError, match="name no task"):
        load_task(path)
    with pytest.raises(HumansenseError, match="do not exist"):
        load_task(tmp_path / "none")
    assert load_weights(path)[1] == {"hello": 1}


def test_settings_are_checked():
    for name, options, message in (
        ("people", {"net": "huge"}, "tiny, small, surreal8"),
        ("people", {"image_size": 130}, "multiple of 4"),
        ("people", {"std": (1.0, 0.0, 1.0)}, "std"),
        ("depth", {"bins": 18}, "odd"),
        ("pose2d", {"joint_set": "nope"}, "nope"),
        ("pose2d", {"heatmap_loss": "l1"}, "heatmap_loss"),
        ("people", {"parts_weight": -1.0}, "negative"),
        ("parts", {"colour": "red"}, "no option colour"),
        ("faces", {}, "unknown task"),
    ):
        with pytest.raises(HumansenseError, match=message):
            make_task(name, options)
    with pytest.raises(HumansenseError, match="name no task"):
        task_from_json({})
    settings = PeopleSettings(net="tiny")
    assert PeopleSettings.from_json(settings.to_json()) == settings
    assert replace(settings, bins=21) != settings


def test_squared_error_heatmaps_work_too():
    task, batch = tiny("pose2d", heatmap_loss="mse"), make_batch(joints="mpii16")
    targets = task.targets(batch)
    output = {"pose2d": targets["heatmaps"].clone(), "presence": torch.full((4, 17), 8.0)}
    _, terms = task.loss([output], targets)
    assert terms["pose2d"] == 0
    results = task.decode([output])
    assert (results["joints"][:3] - batch.joints[:3]).abs().max() < 0.02
    assert results["joint_scores"][:3].min() > 0.7
    assert results["joint_scores"][3].max() == 0
    assert np.isclose(results["person"][0].item(), 1 / (1 + math.exp(-8)), atol=1e-6)
