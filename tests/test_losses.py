"""Losses against naive loops, their gradients in float64, and empty masks."""

from __future__ import annotations

import math

import pytest
import torch

from humansense.core import HumansenseError
from humansense.losses import (
    IGNORE,
    binary_cross_entropy,
    gaussian_heatmaps,
    heatmap_mse,
    label_shares,
    masked_mean,
    pixel_cross_entropy,
    share_cross_entropy,
    spatial_cross_entropy,
)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def rand(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def test_masked_mean_is_that_of_the_valid():
    values, mask = torch.tensor([1.0, 2.0, 60.0]), torch.tensor([True, True, False])
    assert masked_mean(values, mask).item() == 1.5
    with pytest.raises(HumansenseError, match="shape"):
        masked_mean(values, mask[:2])


def test_what_is_masked_cannot_poison():
    values = torch.tensor([1.0, math.nan, math.inf], requires_grad=True)
    mean = masked_mean(values, torch.tensor([True, False, False]))
    mean.backward()
    assert mean.item() == 1.0
    assert values.grad.tolist() == [1.0, 0.0, 0.0]


def test_pixel_cross_entropy_is_the_loop():
    logits = rand(2, 4, 3, 5)
    labels = torch.randint(-1, 4, (2, 3, 5))
    terms = []
    for b in range(2):
        for y in range(3):
            for x in range(5):
                if labels[b, y, x] != IGNORE:
                    scores = logits[b, :, y, x].exp()
                    terms.append(-math.log((scores[labels[b, y, x]] / scores.sum()).item()))
    assert len(terms) < 30  # some are ignored
    assert pixel_cross_entropy(logits, labels).item() == pytest.approx(sum(terms) / len(terms))
    assert torch.autograd.gradcheck(lambda z: pixel_cross_entropy(z, labels), (logits,))


def test_shares_give_the_loss_of_all_pixels():
    logits, labels = rand(2, 4, 3, 5), torch.randint(-1, 4, (2, 12, 20))
    repeated = logits.repeat_interleave(4, 2).repeat_interleave(4, 3)
    shares = label_shares(labels, 4, 4).double()
    assert share_cross_entropy(logits, shares).item() == pytest.approx(pixel_cross_entropy(repeated, labels).item())
    assert torch.autograd.gradcheck(lambda z: share_cross_entropy(z, shares), (logits,))
    with pytest.raises(HumansenseError, match="cells of 4"):
        label_shares(torch.zeros(1, 6, 8, dtype=torch.int64), 4, 4)
    with pytest.raises(HumansenseError, match="differ"):
        share_cross_entropy(logits, shares[:, :3])


def test_gaussians_are_at_the_joints():
    joints = torch.tensor([[[3.5, 2.5], [1.0, 6.2], [math.nan, 1.0]]], dtype=torch.float64)
    maps = gaussian_heatmaps(joints, (8, 9), sigma=1.3)
    assert maps.shape == (1, 3, 8, 9)
    for j in range(2):
        for y in range(8):
            for x in range(9):
                d2 = (x + 0.5 - joints[0, j, 0]) ** 2 + (y + 0.5 - joints[0, j, 1]) ** 2
                assert maps[0, j, y, x].item() == pytest.approx(math.exp(-d2 / (2 * 1.3**2)))
    assert maps[0, 0, 2, 3].item() == 1.0  # the centre of cell (3, 2)
    assert maps[0, 2].abs().sum() == 0


def test_heatmap_mse_is_the_loop():
    heatmaps, target = rand(2, 3, 4, 5), torch.rand(2, 3, 4, 5, dtype=torch.float64)
    mask = torch.tensor([[True, False, True], [False, False, True]])
    terms = [((heatmaps[b, j] - target[b, j]) ** 2).mean().item() for b in range(2) for j in range(3) if mask[b, j]]
    assert heatmap_mse(heatmaps, target, mask).item() == pytest.approx(sum(terms) / 3)
    assert torch.autograd.gradcheck(lambda h: heatmap_mse(h, target, mask), (heatmaps,))


def test_spatial_cross_entropy_is_the_loop():
    heatmaps, nowhere = rand(2, 3, 4, 5), rand(2, 3)
    target = torch.rand(2, 3, 4, 5, dtype=torch.float64) * 7
    target[1, 1] = 0  # nowhere
    mask = torch.tensor([[True, False, True], [True, True, False]])
    terms = []
    for b, j in mask.nonzero().tolist():
        everything = sum(math.exp(v) for v in [*heatmaps[b, j].flatten().tolist(), nowhere[b, j].item()])
        if (b, j) == (1, 1):
            terms.append(math.log(everything) - nowhere[b, j].item())
        else:
            wanted = (target[b, j] / target[b, j].sum()).flatten().tolist()
            terms.append(
                sum(
                    p * (math.log(everything) - z)
                    for p, z in zip(wanted, heatmaps[b, j].flatten().tolist(), strict=True)
                )
            )
    loss = spatial_cross_entropy(heatmaps, nowhere, target, mask)
    assert loss.item() == pytest.approx(sum(terms) / 4)
    assert torch.autograd.gradcheck(lambda h, n: spatial_cross_entropy(h, n, target, mask), (heatmaps, nowhere))


def test_spatial_cross_entropy_is_least_at_the_target():
    target = gaussian_heatmaps(torch.tensor([[[3.2, 4.7]]]), (8, 8), 1.0)
    perfect = spatial_cross_entropy(
        target.clamp(min=1e-30).log(), torch.tensor([[-60.0]]), target, torch.ones(1, 1) > 0
    )
    p = target / target.sum()
    entropy = -(p * p.clamp(min=1e-30).log()).sum()
    assert perfect.item() == pytest.approx(entropy.item(), rel=1e-4)
    moved = spatial_cross_entropy(
        target.roll(1, -1).clamp(min=1e-30).log(), torch.tensor([[-60.0]]), target, torch.ones(1, 1) > 0
    )
    assert moved > perfect + 0.3


def test_binary_cross_entropy_is_the_loop():
    logits, target = rand(6), torch.tensor([1, 0, 1, 0, 1, 0]).bool()
    mask = torch.tensor([1, 1, 1, 1, 0, 0]).bool()
    probabilities = [1 / (1 + math.exp(-z)) for z in logits.tolist()]
    terms = [-math.log(p if t else 1 - p) for p, t, m in zip(probabilities, target, mask, strict=True) if m]
    assert binary_cross_entropy(logits, target, mask).item() == pytest.approx(sum(terms) / 4)
    assert torch.autograd.gradcheck(lambda z: binary_cross_entropy(z, target, mask), (logits,))


def test_empty_masks_give_zero_and_no_gradient():
    maps, nowhere = rand(2, 3, 4, 4), rand(2, 3)
    nothing = torch.zeros(2, 3, dtype=torch.bool)
    target = torch.rand(2, 3, 4, 4, dtype=torch.float64)
    for loss in (
        masked_mean(nowhere, nothing),
        pixel_cross_entropy(maps, torch.full((2, 4, 4), IGNORE)),
        share_cross_entropy(maps, label_shares(torch.full((2, 16, 16), IGNORE), 3, 4)),
        heatmap_mse(maps, target, nothing),
        spatial_cross_entropy(maps, nowhere, target, nothing),
        binary_cross_entropy(nowhere, nothing, nothing),
    ):
        assert loss.item() == 0
        for gradient in torch.autograd.grad(loss, (maps, nowhere), allow_unused=True):
            assert gradient is None or not gradient.any()


def test_half_precision_is_computed_in_float32():
    logits = torch.randn(2, 4, 8, 8).bfloat16()
    labels = torch.randint(0, 4, (2, 8, 8))
    loss = pixel_cross_entropy(logits, labels)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(pixel_cross_entropy(logits.float(), labels).item(), rel=1e-6)


def test_shapes_are_checked():
    with pytest.raises(HumansenseError, match="labels"):
        pixel_cross_entropy(torch.zeros(1, 2, 4, 4), torch.zeros(1, 4, 5, dtype=torch.int64))
    with pytest.raises(HumansenseError, match="heatmap_mse"):
        heatmap_mse(torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 4, 4), torch.ones(1, 3) > 0)
    with pytest.raises(HumansenseError, match="nowhere"):
        spatial_cross_entropy(torch.zeros(1, 2, 4, 4), torch.zeros(1, 3), torch.zeros(1, 2, 4, 4), torch.ones(1, 2) > 0)
