"""The nets: shapes of every row of the table, gradients everywhere, folding, half precision."""

from __future__ import annotations

import pytest
import torch

from humansense.core import HumansenseError, load_weights, save_weights
from humansense.nets import NETS, HourglassSettings, StackedHourglass, build_net, count_parameters, fold_batchnorm

HEADS, POOLED = {"parts": 15, "pose2d": 21}, {"presence": 22}


@pytest.fixture(autouse=True)
def _one_thread_and_seed():
    torch.set_num_threads(1)
    torch.manual_seed(0)


def shuffled_statistics(net: torch.nn.Module) -> torch.nn.Module:
    """As after training: every normalisation has its own scale, shift, mean and variance."""
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0, 0.2)
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2.0)
    return net


@pytest.mark.parametrize("preset", NETS)
def test_every_preset_answers_at_a_quarter_of_the_size(preset):
    with torch.device("meta"):  # shapes alone: the large net costs nothing
        outputs = build_net(preset, HEADS, POOLED).eval()(torch.empty(1, 3, 64, 64))
    assert len(outputs) == NETS[preset].stacks
    for output in outputs:
        assert {k: tuple(v.shape) for k, v in output.items()} == {
            "parts": (1, 15, 16, 16),
            "pose2d": (1, 21, 16, 16),
            "presence": (1, 22),
        }


def test_small_fits_in_the_package():
    with torch.device("meta"):
        net = build_net("small", {"parts": 15, "depth": 20, "pose2d": 21}, POOLED)
    assert sum(v.numel() for v in net.state_dict().values()) * 2 < 16e6  # bytes in fp16


def test_paper_is_newells_net():
    settings = NETS["paper"]
    assert (settings.stacks, settings.depth, settings.width) == (8, 4, 256)
    # Newell's 8-stack net has 25.6 M parameters with 16 heatmaps.
    with torch.device("meta"):
        net = build_net("paper", {"pose2d": 16})
    assert count_parameters(net) == pytest.approx(25.6e6, rel=0.03)


def test_odd_sizes_and_rectangles():
    net = build_net("tiny", HEADS, POOLED).eval()
    for size in ((36, 52), (20, 44)):
        with torch.no_grad():
            assert net(torch.randn(1, 3, *size))[-1]["parts"].shape[2:] == (size[0] // 4, size[1] // 4)


@pytest.mark.parametrize(
    "settings",
    [
        NETS["tiny"],
        HourglassSettings(stacks=2, depth=2, width=8, block="bottleneck", stem="paper"),
        HourglassSettings(stacks=3, depth=1, width=8, growth=4, blocks=2, skip=2),
    ],
)
def test_every_parameter_learns(settings):
    net = StackedHourglass(settings, HEADS, POOLED)
    # Two steps: the branches start at zero weight, and only after one step does a gradient reach their insides.
    for _ in range(2):
        net.zero_grad()
        outputs = net(torch.randn(2, 3, 32, 32))
        sum(v.square().mean() for o in outputs for v in o.values()).backward()
        with torch.no_grad():
            for p in net.parameters():
                p -= 0.1 * p.grad
    dead = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert dead == []


def test_later_stacks_see_earlier_predictions():
    net = shuffled_statistics(build_net("tiny", HEADS, POOLED)).eval()
    images = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        before = net(images)
        net.heads[0]["parts"].bias += 1.0
        after = net(images)
    assert torch.allclose(after[0]["pose2d"], before[0]["pose2d"])
    assert not torch.allclose(after[1]["pose2d"], before[1]["pose2d"])


def test_folding_changes_nothing_but_speed():
    net = shuffled_statistics(build_net("tiny", HEADS, POOLED)).eval()
    images = torch.randn(2, 3, 48, 48)
    with torch.no_grad():
        before = net(images)[-1]
        after = fold_batchnorm(net)(images)[-1]
    for name in before:
        assert torch.allclose(before[name], after[name], atol=1e-4)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in net.modules())
    with pytest.raises(HumansenseError, match="eval"):
        fold_batchnorm(build_net("tiny", HEADS))


def test_bf16_training_keeps_the_statistics_of_float32():
    # A mean far from zero is where a normalisation that sums in bf16 would break.
    bn = torch.nn.BatchNorm2d(8).to(memory_format=torch.channels_last)
    x = (torch.randn(16, 8, 32, 32) * 0.5 + 3).to(memory_format=torch.channels_last)
    reference = torch.nn.BatchNorm2d(8)
    with torch.autocast("cpu", torch.bfloat16):
        y = bn(x.bfloat16())
    expected = reference(x.bfloat16().float())
    assert torch.allclose(bn.running_mean, reference.running_mean, atol=1e-4)
    assert torch.allclose(bn.running_var, reference.running_var, atol=1e-4)
    assert torch.allclose(y.float(), expected, atol=0.05)


def test_save_and_load(tmp_path):
    net = shuffled_statistics(build_net("tiny", HEADS, POOLED)).eval()
    save_weights(tmp_path / "w.safetensors", net.state_dict(), {})
    again = build_net("tiny", HEADS, POOLED).eval()
    again.load_state_dict(load_weights(tmp_path / "w.safetensors")[0])
    images = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        assert torch.allclose(net(images)[-1]["parts"], again(images)[-1]["parts"], atol=1e-2)


def test_bad_requests_are_explained():
    with pytest.raises(HumansenseError, match="tiny, small, paper"):
        build_net("huge", HEADS)
    with pytest.raises(HumansenseError, match="distinct"):
        build_net("tiny", {"a": 1}, {"a": 1})
    with pytest.raises(HumansenseError, match="block"):
        HourglassSettings(block="fancy")
    with pytest.raises(HumansenseError, match="stem"):
        HourglassSettings(stem="none")
    with pytest.raises(HumansenseError, match="positive"):
        HourglassSettings(stacks=0)
    net = build_net("tiny", HEADS)
    with pytest.raises(HumansenseError, match="multiples of 4"):
        net(torch.zeros(1, 3, 30, 32))
    with pytest.raises(HumansenseError, match="shape"):
        net(torch.zeros(1, 1, 32, 32))
