"""What a diffusion model (扩散模型) is trained for, and what its prediction says, whatever the network and the data.

Forwards, data x become noise: x_t = alpha(t) x + sigma(t) epsilon, epsilon ~ N(0, I). A network sees x_t and t and
predicts a *target* by least squares. Four targets are in use, and at one x_t each says what the others say:

    epsilon   the noise                 Ho et al., Denoising Diffusion Probabilistic Models, 2020, arXiv 2006.11239
    x         the data
    v         alpha epsilon - sigma x   Salimans & Ho, Progressive Distillation, 2022, arXiv 2202.00512
    u         epsilon - x, the straight path's velocity     Liu et al., Flow Straight and Fast, 2022, arXiv 2209.03003

They differ in what the network finds easy, and in how the loss weighs the noise levels; not in what can be read off.
From any of them follow the estimate of the data, the noise, the score (分数), the gradient of log p(x_t), and the
velocity dx/dt of the probability flow (Song et al., 2021, arXiv 2011.13456, equation 13):

    score = -epsilon / sigma           velocity = alpha'(t) x + sigma'(t) epsilon

Nothing here knows how many dimensions the data have: x is (B, ...), t is (B,) or a number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from course_lib.nets.chance import normal, uniform
from course_lib.nets.schedules import Schedule, ScheduleName, make_schedule

Target = Literal["epsilon", "x", "v", "u"]
Times = Literal["uniform", "logit-normal"]
Predict = Callable[[Tensor, Tensor], Tensor]  # x_t (B, ...) and t (B,) -> the target, (B, ...)
LAST = 0.999  # where sampling begins if the network predicts noise and the schedule ends in nothing but noise


class Noised(NamedTuple):
    """A batch as the network sees it, and what it should answer; each (B, ...) but t, which is (B,)."""

    x_t: Tensor
    t: Tensor
    epsilon: Tensor
    target: Tensor


def along(values: Tensor, x: Tensor) -> Tensor:
    """One number a row, to be multiplied with the rows of x. (B,) and (B, ...) -> (B, 1, ..., 1); a number stays one.

    Raises ValueError where there are not as many numbers as rows.
    """
    if values.ndim == 0:
        return values
    if values.ndim != 1 or len(values) != len(x):
        raise ValueError(f"one time for each of the {len(x)} rows is wanted, (B,), these are {tuple(values.shape)}")
    return values.view(-1, *[1] * (x.ndim - 1))  # (B,) -> (B, 1, ..., 1)


def draw_times(count: int, generator: torch.Generator, kind: Times = "uniform") -> Tensor:
    """Times to train at, (count,), one for each row, on the generator's device.

    uniform: even over (0, 1). logit-normal: the logistic function of a standard normal number, more in the middle
    (Esser et al., Scaling Rectified Flow Transformers, 2024, arXiv 2403.03206). Never 0, where there is nothing to see.
    """
    if kind == "logit-normal":
        return torch.sigmoid(normal((count,), generator))
    return uniform((count,), generator).clamp(1e-4, 1.0)


@dataclass(frozen=True)
class Diffusion:
    """A schedule and a target: the forward process, the loss, and how a prediction is read.

        diffusion = Diffusion.of("straight", "u")
        losses = diffusion.loss(network, x, generator)                    # network(x_t, t) -> (B, ...)
        x = diffusion.x_of(network(x_t, t), x_t, t)                       # the estimate of the data
    """

    schedule: Schedule
    target: Target

    def __post_init__(self) -> None:
        if self.target not in get_args(Target):
            raise ValueError(f"there is no target {self.target!r}; the targets are: {', '.join(get_args(Target))}")

    @classmethod
    def of(cls, schedule: ScheduleName, target: Target) -> Diffusion:
        """By the schedule's name. Raises ValueError for a name that is none."""
        return cls(make_schedule(schedule), target)

    # ---- forwards

    def levels(self, t: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """alpha(t) and sigma(t), to be multiplied with x."""
        return along(self.schedule.alpha(t), x), along(self.schedule.sigma(t), x)

    def noised(self, x: Tensor, epsilon: Tensor, t: Tensor) -> Tensor:
        """x_t = alpha x + sigma epsilon. x, epsilon: (B, ...); t: (B,) or a number -> (B, ...)."""
        alpha, sigma = self.levels(t, x)
        return alpha * x + sigma * epsilon

    def target_of(self, x: Tensor, epsilon: Tensor, t: Tensor) -> Tensor:
        """What the network should say of these data with this noise. (B, ...)."""
        alpha, sigma = self.levels(t, x)
        return {
            "epsilon": lambda: epsilon,
            "x": lambda: x,
            "v": lambda: alpha * epsilon - sigma * x,
            "u": lambda: epsilon - x,
        }[self.target]()

    def draw(self, x: Tensor, generator: torch.Generator, times: Times = "uniform") -> Noised:
        """Noise a batch, a time and a noise for each row. x: (B, ...)."""
        t = draw_times(len(x), generator, times).to(x.device)
        epsilon = normal(x.shape, generator).to(x)
        return Noised(self.noised(x, epsilon, t), t, epsilon, self.target_of(x, epsilon, t))

    def loss(self, predict: Predict, x: Tensor, generator: torch.Generator, times: Times = "uniform") -> Tensor:
        """The squared error of the prediction, for each row the mean over its numbers. x: (B, ...) -> (B,).

        predict: the network, with its condition, if it has one, already given: ``lambda x, t: net(x, t, text)``.
        """
        seen = self.draw(x, generator, times)
        return (predict(seen.x_t, seen.t) - seen.target).square().flatten(1).mean(dim=1)  # (B, ...) -> (B,)

    # ---- reading a prediction: all (B, ...), (B, ...), (B,) or a number -> (B, ...)

    def parts(self, prediction: Tensor, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """The estimates of the data and of the noise, x and epsilon, with alpha x + sigma epsilon = x_t.

        Two equations with two unknowns: x_t and the target are both sums of x and epsilon. A prediction of the noise
        says nothing of the data where alpha is 0, one of the data nothing of the noise where sigma is 0.
        """
        alpha, sigma = self.levels(t, x_t)
        if self.target == "x":
            return prediction, (x_t - alpha * prediction) / sigma
        if self.target == "epsilon":
            return (x_t - sigma * prediction) / alpha, prediction
        if self.target == "v":
            size = alpha.square() + sigma.square()  # 1 where the variance is preserved
            return (alpha * x_t - sigma * prediction) / size, (sigma * x_t + alpha * prediction) / size
        return (x_t - sigma * prediction) / (alpha + sigma), (x_t + alpha * prediction) / (alpha + sigma)

    def x_of(self, prediction: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """The estimate of the data: the mean of all that could lie behind x_t."""
        return self.parts(prediction, x_t, t)[0]

    def epsilon_of(self, prediction: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """The estimate of the noise."""
        return self.parts(prediction, x_t, t)[1]

    def score_of(self, prediction: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """The gradient of log p(x_t): -epsilon / sigma."""
        return -self.epsilon_of(prediction, x_t, t) / self.levels(t, x_t)[1]

    def velocity_of(self, prediction: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """dx/dt of the probability flow: alpha' x + sigma' epsilon. On the straight path it is u."""
        x, epsilon = self.parts(prediction, x_t, t)
        slopes = along(self.schedule.alpha_slope(t), x_t), along(self.schedule.sigma_slope(t), x_t)
        return slopes[0] * x + slopes[1] * epsilon

    def from_x(self, x: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """What a network with this target would have to say, for its estimate of the data to be x. sigma(t) > 0."""
        alpha, sigma = self.levels(t, x_t)
        return self.target_of(x, (x_t - alpha * x) / sigma, t)

    @property
    def first_time(self) -> float:
        """Where sampling begins: at 1, or just before it where the prediction would say nothing of the data there."""
        blind = self.target == "epsilon" and float(self.schedule.alpha(torch.ones(()))) <= 0.0
        return LAST if blind else 1.0


def guided(unconditional: Predict, conditional: Predict, w: float) -> Predict:
    """Classifier-free guidance (无分类器引导): u + w (c - u), for samplers to call. u, c: the two predictions.

    w = 0 is the unconditional model, w = 1 the conditional one, more goes beyond it. The formula is equation 2 of the
    Imagen paper (arXiv 2205.11487); the w of Ho & Salimans (2022, arXiv 2207.12598), who brought the idea, is 1 less.
    At one x_t all readings of a prediction are straight lines in it, so it does not matter which of them is guided.
    """

    def predict(x_t: Tensor, t: Tensor) -> Tensor:
        without = unconditional(x_t, t)
        return without + w * (conditional(x_t, t) - without)

    return predict
