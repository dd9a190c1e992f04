"""How fast data turn into noise (噪声日程): x_t = alpha(t) x + sigma(t) epsilon, from t = 0, clean, to t = 1, noise.

A schedule is two functions of time, and all that a diffusion model needs to know about them stands here: their values,
their slopes, and the logarithm of the signal-to-noise ratio, log(alpha^2 / sigma^2). Time is continuous; how many steps
a sampler takes is the sampler's business.

    cosine     alpha = cos(pi t / 2), sigma = sin(pi t / 2)            variance preserving: alpha^2 + sigma^2 = 1
    linear     alpha^2 = exp(-(0.1 t + 19.9 t^2 / 2)), sigma^2 = 1 - alpha^2     the same, DDPM's
    straight   alpha = 1 - t, sigma = t                                the path of rectified flow

Ho, Jain & Abbeel, Denoising Diffusion Probabilistic Models (DDPM), 2020, arXiv 2006.11239 (linear); Nichol & Dhariwal,
Improved DDPM, 2021, arXiv 2102.09672 (cosine; their small offset is left out, as in Salimans & Ho 2022); Liu, Gong &
Liu, Flow Straight and Fast, 2022, arXiv 2209.03003 (straight).
"""

from __future__ import annotations

import math
from typing import Literal, Protocol, get_args

import torch
from torch import Tensor

ScheduleName = Literal["cosine", "linear", "straight"]


class Schedule(Protocol):
    """Two functions of time with their slopes; each takes t of any shape, in [0, 1], and gives the same shape."""

    def alpha(self, t: Tensor) -> Tensor:
        """How much of the data is left: 1 at t = 0, (nearly) 0 at t = 1."""

    def sigma(self, t: Tensor) -> Tensor:
        """How much noise there is: 0 at t = 0, 1 at t = 1."""

    def alpha_slope(self, t: Tensor) -> Tensor:
        """The derivative of alpha."""

    def sigma_slope(self, t: Tensor) -> Tensor:
        """The derivative of sigma; for ``linear`` it is infinite at t = 0."""


class Cosine:
    """A quarter of a circle, at even pace."""

    def alpha(self, t: Tensor) -> Tensor:
        """cos(pi t / 2), exactly 0 at t = 1."""
        return torch.sin(0.5 * math.pi * (1.0 - t))  # the cosine; its rounding leaves 0 where 0 is meant

    def sigma(self, t: Tensor) -> Tensor:
        """sin(pi t / 2)."""
        return torch.sin(0.5 * math.pi * t)

    def alpha_slope(self, t: Tensor) -> Tensor:
        """-pi / 2 sin(pi t / 2)."""
        return -0.5 * math.pi * self.sigma(t)

    def sigma_slope(self, t: Tensor) -> Tensor:
        """pi / 2 cos(pi t / 2)."""
        return 0.5 * math.pi * self.alpha(t)


class Linear:
    """DDPM's: in each of 1,000 steps a share beta of the variance is replaced by noise, beta rising from 1e-4 to 0.02.

    Here in the limit of many steps, beta(t) = 0.1 + 19.9 t per unit of time (Song et al., Score-Based Generative
    Modeling through Stochastic Differential Equations, 2021, arXiv 2011.13456, the variance-preserving equation).
    alpha(1) is 0.0066, not 0: a sampler that begins with pure noise begins with almost the right distribution.
    """

    least, most = 0.1, 20.0  # beta at t = 0 and at t = 1

    def _half_integral(self, t: Tensor) -> Tensor:
        return 0.5 * (self.least * t + 0.5 * (self.most - self.least) * t.square())

    def alpha(self, t: Tensor) -> Tensor:
        """exp of minus half the integral of beta."""
        return torch.exp(-self._half_integral(t))

    def sigma(self, t: Tensor) -> Tensor:
        """What is missing to variance 1."""
        return torch.sqrt(-torch.expm1(-2.0 * self._half_integral(t)))

    def alpha_slope(self, t: Tensor) -> Tensor:
        """-beta alpha / 2."""
        return -0.5 * (self.least + (self.most - self.least) * t) * self.alpha(t)

    def sigma_slope(self, t: Tensor) -> Tensor:
        """-alpha alpha' / sigma, since alpha^2 + sigma^2 stays 1."""
        return -self.alpha(t) * self.alpha_slope(t) / self.sigma(t)


class Straight:
    """The straight line from the data to the noise, at even pace; its variance is not preserved."""

    def alpha(self, t: Tensor) -> Tensor:
        """1 - t."""
        return 1.0 - t

    def sigma(self, t: Tensor) -> Tensor:
        """t itself."""
        return t * 1.0

    def alpha_slope(self, t: Tensor) -> Tensor:
        """-1."""
        return -torch.ones_like(t)

    def sigma_slope(self, t: Tensor) -> Tensor:
        """1."""
        return torch.ones_like(t)


_SCHEDULES: dict[str, type[Cosine | Linear | Straight]] = {"cosine": Cosine, "linear": Linear, "straight": Straight}


def make_schedule(name: ScheduleName) -> Schedule:
    """A schedule by name. Raises ValueError with the names that there are."""
    if name not in _SCHEDULES:
        raise ValueError(f"there is no schedule {name!r}; the schedules are: {', '.join(get_args(ScheduleName))}")
    return _SCHEDULES[name]()


def log_snr(schedule: Schedule, t: Tensor) -> Tensor:
    """log(alpha^2 / sigma^2) at time t, the same shape: infinite at t = 0, falling, -infinite where alpha is 0."""
    return 2.0 * (torch.log(schedule.alpha(t)) - torch.log(schedule.sigma(t)))


def time_of_log_snr(schedule: Schedule, wanted: Tensor, *, halvings: int = 40) -> Tensor:
    """The time at which a schedule has a log signal-to-noise ratio, by bisection; the same shape.

    With it two schedules can be compared at equal noise. What lies beyond the schedule's ends is answered with 0 or 1.
    """
    low, high = torch.zeros_like(wanted), torch.ones_like(wanted)
    for _ in range(halvings):
        middle = 0.5 * (low + high)
        early = log_snr(schedule, middle) > wanted  # still less noise than wanted: later
        low, high = torch.where(early, middle, low), torch.where(early, high, middle)
    return 0.5 * (low + high)
