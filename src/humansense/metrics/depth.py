"""Errors of depth maps."""

from __future__ import annotations

import torch
from torch import Tensor

from humansense.core.errors import HumansenseError


def fit_scale_shift(predicted: Tensor, truth: Tensor) -> Tensor:
    """`s * predicted + t` with the s and t of least squares to `truth`. Both (N,) floats; N = 0 is returned as it is.

    A constant prediction has no scale: s is then 0, and t the mean of the truth.
    """
    if len(predicted) == 0:
        return predicted
    p, q = predicted - predicted.mean(), truth - truth.mean()
    variance = p.square().sum()
    scale = (p * q).sum() / variance if variance > 0 else torch.zeros_like(variance)
    return scale * p + truth.mean()


class DepthError:
    """RMSE and scale-and-translation invariant RMSE of quantised depth, in mm (Varol 2019, section 3.5.1).

    Both are taken over the human pixels of one image, between the class that is predicted and that of the
    truth, times the size of a bin; for the second, the prediction is first scaled and shifted to fit the
    truth of that image (`fit_scale_shift`). The figures are means over images.
    """

    def __init__(self, bin_m: float = 0.045) -> None:
        self.bin_m = bin_m
        self.errors: list[tuple[float, float]] = []

    def update(self, predicted: Tensor, truth: Tensor, human: Tensor) -> None:
        """predicted, truth: classes or bins (B, H, W), the same zero. human: bool (B, H, W), the pixels that count."""
        if not predicted.shape == truth.shape == human.shape:
            raise HumansenseError(
                f"DepthError: predicted {tuple(predicted.shape)}, truth {tuple(truth.shape)}, "
                f"human {tuple(human.shape)}: expected one shape"
            )
        for p, t, m in zip(predicted, truth, human, strict=True):
            if m.any():
                p, t = p[m].double(), t[m].double()
                plain = (p - t).square().mean().sqrt().item()
                fitted = (fit_scale_shift(p, t) - t).square().mean().sqrt().item()
                self.errors.append((plain, fitted))

    def compute(self) -> dict[str, float]:
        """`rmse_mm` and `st_rmse_mm`; NaN before any human pixel."""
        if not self.errors:
            return {"rmse_mm": float("nan"), "st_rmse_mm": float("nan")}
        plain, fitted = (torch.tensor(self.errors, dtype=torch.float64).mean(0) * self.bin_m * 1000).tolist()
        return {"rmse_mm": plain, "st_rmse_mm": fitted}
