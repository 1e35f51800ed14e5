"""The schedule of the learning rate, the optimizer, and the running average of the weights."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from humansense.train.settings import TrainSettings


def lr_factor(progress: float, warmup: float) -> float:
    """1 at the peak: rises linearly from 0.01 over the first `warmup` of the run, then falls by a cosine to 0.01."""
    if progress < warmup:
        return 0.01 + 0.99 * progress / warmup
    fallen = min((progress - warmup) / (1 - warmup), 1.0)
    return 0.01 + 0.99 * (1 + math.cos(math.pi * fallen)) / 2


def make_optimizer(net: nn.Module, settings: TrainSettings) -> torch.optim.Optimizer:
    """AdamW, its decay on the weights of convolutions alone; or RMSprop as Newell 2016 and Varol 2019 used it."""
    if settings.optimizer == "rmsprop":
        return torch.optim.RMSprop(net.parameters(), lr=settings.lr, alpha=0.99)
    matrices = [p for p in net.parameters() if p.ndim > 1]
    vectors = [p for p in net.parameters() if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=settings.lr, betas=(0.9, 0.99), foreach=True)


class Average:
    """Exponential moving average of a net's parameters and of its normalisation statistics, updated in place.

    Young averages forget faster, min(decay, (1 + n) / (10 + n)) after n steps, so that the random
    weights of the start are gone soon.
    """

    def __init__(self, net: nn.Module, decay: float) -> None:
        self.decay = decay
        self.state: dict[str, Tensor] = {k: v.detach().clone() for k, v in net.state_dict().items()}

    @torch.no_grad()
    def update(self, net: nn.Module, step: int) -> None:
        """Take in the weights after step number `step`, from 0."""
        keep = min(self.decay, (1 + step) / (10 + step))
        live = net.state_dict()
        floats = [k for k, v in self.state.items() if v.is_floating_point()]
        torch._foreach_lerp_([self.state[k] for k in floats], [live[k] for k in floats], 1 - keep)
        for k in self.state.keys() - floats:
            self.state[k].copy_(live[k])
