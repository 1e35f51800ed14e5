"""The nets: shapes of every row of the table, gradients everywhere, folding, half precision, what they cost."""

from __future__ import annotations

import json

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from humansense.cli import main
from humansense.cli.nets import nets_table
from humansense.core import HumansenseError, load_weights, save_weights
from humansense.nets import (
    NETS,
    HourglassSettings,
    Net,
    TransposedFcnSettings,
    UnpoolFcnSettings,
    build_net,
    count_parameters,
    fold_batchnorm,
    forward_multiply_adds,
    training_flops,
)
from humansense.nets.fcn import transposed, unpool

HEADS, POOLED, FINE = {"parts": 15, "pose2d": 21}, {"presence": 22}, ("parts",)
SMALL_FCNS = (UnpoolFcnSettings(widths=(4, 4, 6, 8)), TransposedFcnSettings(widths=(4, 6, 8)))


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
@pytest.mark.parametrize("fine", [(), FINE])
def test_every_preset_answers_at_a_quarter_of_the_size_and_the_fine_heads_last_at_their_own(preset, fine):
    with torch.device("meta"):  # shapes alone: the large net costs nothing
        outputs = build_net(preset, HEADS, POOLED, fine).eval()(torch.empty(1, 3, 64, 64))
    assert len(outputs) == NETS[preset].stacks
    for i, output in enumerate(outputs):
        side = 64 // NETS[preset].fine_stride if fine and i + 1 == len(outputs) else 16
        assert {k: tuple(v.shape) for k, v in output.items()} == {
            "parts": (1, 15, side, side),
            "pose2d": (1, 21, 16, 16),
            "presence": (1, 22),
        }


@pytest.mark.parametrize("preset", NETS)
def test_every_preset_learns_is_saved_and_folds(preset, tmp_path):
    net = build_net(preset, HEADS, POOLED, FINE)
    outputs = net(torch.randn(2, 3, 64, 64))  # two: the lowest level of the deepest has one cell
    sum(v.square().mean() for o in outputs for v in o.values()).backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in net.parameters())
    shuffled_statistics(net.half().float()).eval()  # halves: what a file keeps
    save_weights(tmp_path / "w.safetensors", net.half().state_dict(), {})
    net.float()
    again = build_net(preset, HEADS, POOLED, FINE).eval()
    again.load_state_dict(load_weights(tmp_path / "w.safetensors")[0])
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        before, loaded, folded = net(images)[-1], again(images)[-1], fold_batchnorm(net)(images)[-1]
    for name, value in before.items():
        assert torch.equal(loaded[name], value)
        assert torch.allclose(folded[name], value, rtol=1e-3, atol=1e-4 * value.abs().max().item())


def test_small_fits_in_the_package():
    with torch.device("meta"):
        net = build_net("small", {"parts": 15, "depth": 20, "pose2d": 21}, POOLED)
    assert sum(v.numel() for v in net.state_dict().values()) * 2 < 16e6  # bytes in fp16


def test_surreal8_is_newells_net():
    settings = NETS["surreal8"]
    assert (settings.stacks, settings.depth, settings.width) == (8, 4, 256)
    # Newell's 8-stack net has 25.6 M parameters with 16 heatmaps.
    with torch.device("meta"):
        net = build_net("surreal8", {"pose2d": 16})
    assert count_parameters(net) == pytest.approx(25.6e6, rel=0.03)


@pytest.mark.parametrize("preset", NETS)
def test_odd_sizes_and_rectangles(preset):
    with torch.device("meta"):
        net = build_net(preset, HEADS, POOLED, FINE).eval()
        for size in ((36, 52), (20, 44)):
            answer = net(torch.empty(1, 3, *size))[-1]
            assert answer["pose2d"].shape[2:] == (size[0] // 4, size[1] // 4)
            stride = NETS[preset].fine_stride
            assert answer["parts"].shape[2:] == (size[0] // stride, size[1] // stride)


@pytest.mark.parametrize("settings", SMALL_FCNS)
def test_odd_sizes_have_values_too(settings):
    net = settings.build(HEADS, POOLED, FINE).eval()
    with torch.no_grad():
        assert all(torch.isfinite(v).all() for v in net(torch.randn(1, 3, 20, 44))[-1].values())


@pytest.mark.parametrize(
    "settings",
    [
        NETS["tiny"],
        HourglassSettings(stacks=2, depth=2, width=8, block="bottleneck", stem="paper"),
        HourglassSettings(stacks=3, depth=1, width=8, growth=4, blocks=2, skip=2),
        HourglassSettings(stacks=2, depth=1, width=8, upsample=True),
        *SMALL_FCNS,
    ],
)
def test_every_parameter_learns(settings):
    net = settings.build(HEADS, POOLED, FINE)
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


def test_upsampled_heads_begin_as_what_they_enlarge():
    net = shuffled_statistics(build_net("tiny+up", HEADS, POOLED, FINE)).eval()
    plain = build_net("tiny", HEADS, POOLED, FINE).eval()
    plain.load_state_dict({k: v for k, v in net.state_dict().items() if not k.startswith("upsampled.")})
    images = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        fine, coarse = net(images), plain(images)
    larger = F.interpolate(coarse[-1]["parts"], size=(32, 32), mode="bilinear", align_corners=False)
    assert torch.allclose(fine[-1]["parts"], larger.relu(), atol=1e-5)
    assert torch.equal(fine[-1]["pose2d"], coarse[-1]["pose2d"])
    assert torch.equal(fine[0]["parts"], coarse[0]["parts"])


def test_unpooling_puts_each_value_where_the_largest_was():
    x = torch.randn(2, 3, 7, 5)  # odd: the last windows are cut
    y, places = F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)
    back = unpool(y, places, x.shape[-2:])
    for b, c, i, j in torch.cartesian_prod(torch.arange(2), torch.arange(3), torch.arange(4), torch.arange(3)).tolist():
        window = x[b, c, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        kept = back[b, c, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        assert torch.equal(kept, torch.where(window == window.max(), window, 0.0))


@pytest.mark.parametrize("factor", [2, 4])
def test_transposed_convolutions_begin_as_bilinear_interpolation(factor):
    x = torch.randn(1, 3, 6, 8)
    with torch.no_grad():
        y = transposed(3, factor)(x)
    expected = F.interpolate(x, scale_factor=float(factor), mode="bilinear", align_corners=False)
    inside = (..., slice(factor, -factor), slice(factor, -factor))  # at the border the convolution sees zeros
    assert y.shape == expected.shape
    assert torch.allclose(y[inside], expected[inside], atol=1e-5)


class ThreeLayers(Net):
    """A net whose cost a hand can count."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3, stride=2, padding=1)
        self.up = nn.ConvTranspose2d(5, 7, 4, 2, 1)
        self.line = nn.Linear(7, 2)

    def forward(self, images):
        y = self.up(self.conv(images).relu())
        return [{"a": y, "b": self.line(y.mean((2, 3)))}]


def test_multiply_adds_are_those_of_a_hand():
    conv, up, line = (8 * 8) * 5 * (3 * 9), (8 * 8) * 5 * (7 * 16), 7 * 2  # at 16 pixels
    assert forward_multiply_adds(ThreeLayers, 16) == conv + up + line
    # Backwards each layer costs twice its forward pass; the first one needs no gradient of the picture.
    assert training_flops(ThreeLayers, 16) == 2 * (2 * conv + 3 * up + 3 * line)


@pytest.mark.parametrize("preset", ["tiny+up", "fcn-transposed"])
def test_multiply_adds_are_those_of_the_layers(preset):
    """The same sum by another way: hooks that look at each layer's shapes."""
    with torch.device("meta"):
        net, total = build_net(preset, HEADS, POOLED, FINE).eval(), 0

        def add(layer, inputs, output):
            nonlocal total
            seen = inputs[0] if isinstance(layer, nn.ConvTranspose2d) else output
            cells = seen[0, 0].numel() if seen.ndim == 4 else 1
            total += cells * layer.weight.numel()

        for layer in net.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
                layer.register_forward_hook(add)
        net(torch.empty(1, 3, 64, 64))
    assert forward_multiply_adds(lambda: build_net(preset, HEADS, POOLED, FINE), 64) == total


def test_the_command_lists_every_net(capsys):
    assert main(["nets", "--size", "64", "--task", "parts", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    rows = {row["preset"]: row for row in said["nets"]}
    assert list(rows) == list(NETS)
    assert {name: row["stride"] for name, row in rows.items()} == {k: v.fine_stride for k, v in NETS.items()}
    assert rows["tiny"]["fp16_bytes"] > 2 * rows["tiny"]["parameters"]
    lines = nets_table(said["nets"]).splitlines()
    assert len(lines) == 1 + len(NETS)
    assert len({len(line) for line in lines}) == 1
    assert "ms" not in lines[0]
    assert nets_table([rows["tiny"] | {"ms": 1.25}]).split()[-1] == "1.2"
    assert main(["nets", "--size", "30"]) == 2
    assert main(["nets", "--task", "nothing"]) == 2


def test_save_and_load(tmp_path):
    net = shuffled_statistics(build_net("tiny", HEADS, POOLED)).eval()
    save_weights(tmp_path / "w.safetensors", net.state_dict(), {})
    again = build_net("tiny", HEADS, POOLED).eval()
    again.load_state_dict(load_weights(tmp_path / "w.safetensors")[0])
    images = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        assert torch.allclose(net(images)[-1]["parts"], again(images)[-1]["parts"], atol=1e-2)


def test_bad_requests_are_explained():
    with pytest.raises(HumansenseError, match="tiny, small, surreal8"):
        build_net("huge", HEADS)
    with pytest.raises(HumansenseError, match="distinct"):
        build_net("tiny", {"a": 1}, {"a": 1})
    with pytest.raises(HumansenseError, match="fine heads"):
        build_net("tiny", {"a": 1}, fine=("b",))
    with pytest.raises(HumansenseError, match="at least 4 widths"):
        UnpoolFcnSettings(widths=(4, 4))
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
