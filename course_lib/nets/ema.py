"""The exponential moving average (EMA, 指数移动平均) of a network's weights: a slow copy that follows it.

Polyak & Juditsky, 1992 (averages of the iterates). Diffusion models are sampled with the average, since single steps of
training jump about: DDPM (arXiv 2006.11239, appendix B) and DiT (arXiv 2212.09748, section 4) keep it at 0.9999.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

N = TypeVar("N", bound=nn.Module)


def ema_decay(step: int, decay: float) -> float:
    """The share that stays at step 0, 1, ...: small at first, so that the first weights are soon forgotten.

    min(decay, (1 + step) / (10 + step)), the warm-up of TensorFlow's ExponentialMovingAverage.
    """
    return min(decay, (1.0 + step) / (10.0 + step))


def rising_momentum(step: int, of: int, first: float, last: float = 1.0) -> float:
    """The share that stays at step 0 to of - 1: in a straight line from ``first`` towards ``last``, which is reached
    after the last step. I-JEPA, appendix A: from 0.996 to 1."""
    return first + (last - first) * step / of


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """average = decay * average + (1 - decay) * network, for every parameter; buffers are copied. In place."""
    for mine, theirs in zip(average.parameters(), network.parameters(), strict=True):
        mine.lerp_(theirs.detach().to(mine), 1.0 - decay)
    for mine, theirs in zip(average.buffers(), network.buffers(), strict=True):
        mine.copy_(theirs)


def with_average(make: Callable[[], N]) -> tuple[N, N]:
    """A network and the copy that is to follow it: the same weights, and no gradients in the copy."""
    network, average = make(), make()
    average.load_state_dict(network.state_dict())
    return network, average.requires_grad_(False)
