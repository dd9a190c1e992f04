"""From noise to data in steps: the samplers (采样器) of a diffusion model, one loop and three ways to take a step.

A step goes from time t to an earlier time s. The network's prediction at x_t gives estimates of the data and of the
noise, x and epsilon; the samplers differ in what they make of them.

    ddim        x_s = alpha_s x + sqrt(sigma_s^2 - tau^2) epsilon + tau z,   z ~ N(0, I) fresh
                tau = eta times the posterior's deviation; eta = 0: no fresh noise, the step is a function of x_t
    ancestral   a draw from q(x_s | x_t, x), the posterior of the forward process with the estimate in the data's place
    euler       x_s = x_t + (s - t) dx/dt, along the probability flow

Ancestral sampling is DDPM's (Ho et al. 2020, arXiv 2006.11239, equations 6 and 7, with the posterior's variance), and
it is DDIM with eta = 1 (Song et al., Denoising Diffusion Implicit Models, 2021, arXiv 2010.02502, equations 12 and 16).
On the straight path, DDIM with eta = 0 is Euler: x_s - x_t = (alpha_s - alpha_t) x + (sigma_s - sigma_t) epsilon, and
with alpha = 1 - t, sigma = t that is (s - t)(epsilon - x). It holds for every target, because both steps use the x and
the epsilon that are read from the same prediction. On another path DDIM is Euler as well, but in other coordinates: of
x_t / alpha_t against sigma_t / alpha_t.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from course_lib.nets.diffusion import Diffusion, Predict

Step = Callable[[Diffusion, Tensor, Tensor, Tensor, Tensor, torch.Generator | None], Tensor]


def posterior_variance(diffusion: Diffusion, t: Tensor, s: Tensor) -> Tensor:
    """The variance of q(x_s | x_t, x), s before t: what x and x_t together leave open. A number.

    sigma_s^2 / sigma_t^2 times the variance of the noise that is added on the way from s to t. DDPM calls it
    beta-tilde (equation 7).
    """
    schedule = diffusion.schedule
    kept = schedule.alpha(t) / schedule.alpha(s)  # of x_s in x_t
    added = schedule.sigma(t).square() - kept.square() * schedule.sigma(s).square()
    return (added * schedule.sigma(s).square() / schedule.sigma(t).square()).clamp_min(0.0)


def ancestral_step(
    diffusion: Diffusion, prediction: Tensor, x_t: Tensor, t: Tensor, s: Tensor, generator: torch.Generator | None
) -> Tensor:
    """A draw from q(x_s | x_t, x) with the estimate of the data for x. prediction, x_t: (B, ...); t, s: numbers.

    Raises ValueError without a generator: this sampler draws in every step.
    """
    if generator is None:
        raise ValueError("ancestral sampling draws fresh noise in every step and needs a generator")
    schedule, x = diffusion.schedule, diffusion.x_of(prediction, x_t, t)
    kept = schedule.alpha(t) / schedule.alpha(s)
    added = schedule.sigma(t).square() - kept.square() * schedule.sigma(s).square()
    mean = (kept * schedule.sigma(s).square() * x_t + schedule.alpha(s) * added * x) / schedule.sigma(t).square()
    return mean + posterior_variance(diffusion, t, s).sqrt() * _fresh(x_t, generator)


def ddim_step(
    diffusion: Diffusion, prediction: Tensor, x_t: Tensor, t: Tensor, s: Tensor, generator: torch.Generator | None,
    *, eta: float = 0.0,
) -> Tensor:  # fmt: skip
    """Put the estimates together again at the noise level of s; eta of the posterior's deviation is drawn afresh.

    prediction, x_t: (B, ...); t, s: numbers. Raises ValueError for eta above 0 without a generator.
    """
    x, epsilon = diffusion.parts(prediction, x_t, t)
    alpha, sigma = diffusion.schedule.alpha(s), diffusion.schedule.sigma(s)
    if eta == 0.0:
        return alpha * x + sigma * epsilon
    if generator is None:
        raise ValueError(f"DDIM with eta = {eta:g} draws fresh noise in every step and needs a generator")
    variance = eta**2 * posterior_variance(diffusion, t, s)
    kept = (sigma.square() - variance).clamp_min(0.0).sqrt()
    return alpha * x + kept * epsilon + variance.sqrt() * _fresh(x_t, generator)


def euler_step(
    diffusion: Diffusion, prediction: Tensor, x_t: Tensor, t: Tensor, s: Tensor, generator: torch.Generator | None
) -> Tensor:
    """Follow the probability flow's velocity at t for the time s - t (below 0). generator is not used."""
    return x_t + (s - t) * diffusion.velocity_of(prediction, x_t, t)


def _fresh(x_t: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(x_t.shape, generator=generator, device=generator.device, dtype=x_t.dtype).to(x_t.device)


SAMPLERS: dict[str, Step] = {"ancestral": ancestral_step, "ddim": ddim_step, "euler": euler_step}


def with_eta(eta: float) -> Step:
    """DDIM with another share of fresh noise: 0 none, 1 ancestral sampling. Raises ValueError outside [0, 1]."""
    if not 0.0 <= eta <= 1.0:
        raise ValueError(f"eta is a share of the posterior's deviation, from 0 to 1, not {eta}")
    return partial(ddim_step, eta=eta)


def step_times(diffusion: Diffusion, steps: int) -> Tensor:
    """Evenly spaced times from the noise to the data, float32 (steps + 1,), the last one 0. Raises ValueError."""
    if steps < 1:
        raise ValueError(f"sampling takes at least 1 step, not {steps}")
    return torch.linspace(diffusion.first_time, 0.0, steps + 1)


@torch.no_grad()
def walk(
    diffusion: Diffusion, predict: Predict, noise: Tensor, *, steps: int, sampler: str | Step = "ddim",
    generator: torch.Generator | None = None,
) -> Iterator[tuple[float, Tensor]]:  # fmt: skip
    """Every (t, x_t) on the way from noise to data, the noise first: steps + 1 of them.

    predict: x_t (B, ...) and t (B,) -> the diffusion's target; see ``diffusion.guided`` for one that is guided.
    noise: (B, ...), drawn by the caller from N(0, I). sampler: a name of ``SAMPLERS``, or a step of your own.
    Raises ValueError for a sampler that nobody has, and for a generator that is missing where one is needed.
    """
    if isinstance(sampler, str) and sampler not in SAMPLERS:
        raise ValueError(f"there is no sampler {sampler!r}; the samplers are: {', '.join(SAMPLERS)}")
    step = SAMPLERS[sampler] if isinstance(sampler, str) else sampler
    times = step_times(diffusion, steps).to(noise.device)
    x = noise
    yield float(times[0]), x
    for t, s in zip(times[:-1], times[1:], strict=True):
        x = step(diffusion, predict(x, t.expand(len(x))), x, t, s, generator)
        yield float(s), x


def sample(
    diffusion: Diffusion, predict: Predict, noise: Tensor, *, steps: int, sampler: str | Step = "ddim",
    generator: torch.Generator | None = None,
) -> Tensor:  # fmt: skip
    """Where ``walk`` ends: data, (B, ...)."""
    x = noise
    for _, now in walk(diffusion, predict, noise, steps=steps, sampler=sampler, generator=generator):
        x = now
    return x
