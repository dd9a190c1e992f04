"""Exercises of notebook 08, diffusion: noise put in, the best guess, a prediction read, steps from noise to data."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_lib.exercises.checking import Asked
from course_lib.exercises.core import Exercise, Wrong, register
from course_lib.exercises.inputs import Inputs, check_values, must_equal, seeded


# --- 1. noise put in ----------------------------------------------------------------------------------------------
def my_noised(x: Tensor, epsilon: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    """alpha x + sigma epsilon, a noise level for each row. x, epsilon: (B, ...); alpha, sigma: (B,) -> (B, ...)."""
    shape = (-1,) + (1,) * (x.ndim - 1)
    return alpha.view(shape) * x + sigma.view(shape) * epsilon


def _rows_and_levels(seed: int) -> Inputs:
    generator = seeded(seed)
    shape = ((3, 3), (3, 2, 3), (4, 3, 2, 4))[seed % 3]  # as many rows as columns: what is laid the wrong way is heard
    x, epsilon = (torch.randn(shape, generator=generator) for _ in range(2))
    alpha = 0.2 + 0.6 * torch.rand(shape[0], generator=generator)
    return x, epsilon, alpha, (1.0 - alpha.square()).sqrt()


def _check_noised(candidate: Asked) -> None:
    def right(x: Tensor, epsilon: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        return torch.stack([a * row + s * noise for row, noise, a, s in zip(x, epsilon, alpha, sigma, strict=True)])

    check_values(
        candidate,
        right,
        _rows_and_levels,
        [
            (lambda x, epsilon, alpha, sigma: alpha * x + sigma * epsilon,
             "The level of row 0 was used for column 0: (B,) is laid along the last axis. Make it (B, 1, ..., 1)."),
            (lambda x, epsilon, alpha, sigma: right(x, epsilon, sigma, alpha),
             "alpha and sigma are exchanged: alpha belongs to the data x, sigma to the noise."),
            (lambda x, epsilon, alpha, sigma: right(x, epsilon, alpha.sqrt(), sigma),
             "alpha here is the factor of x itself; no square root is to be taken."),
            (lambda x, epsilon, alpha, sigma: right(x, epsilon, alpha, sigma.square()),
             "sigma is the standard deviation, not the variance: it is not squared."),
            (lambda x, epsilon, alpha, sigma: right(x, epsilon, torch.ones_like(alpha), sigma),
             "The data keep their full size in your answer: they are to be multiplied by alpha."),
        ],
        "At {place} x_t is {wanted}, yours is {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="diffusion.noised",
        notebook="08",
        title="Noise put in, row by row",
        difficulty=2,
        minutes=6,
        reference=my_noised,
        check=_check_noised,
        hints=(
            "The formula is one line. What shape must alpha have, so that it meets the rows and not the columns?",
            "alpha.view(-1, 1) for (B, D), alpha.view(-1, 1, 1) for (B, C, D): one 1 for each axis after the first.",
        ),
        explanation="Every row of a batch is trained at a time of its own. The library's `along` gives a row's number "
        "the shape (B, 1, ..., 1), so that the same line serves points, pictures and films.",
    )
)


# --- 2. the best guess --------------------------------------------------------------------------------------------
def my_best_guess(x_t: Tensor, points: Tensor, alpha: float, sigma: float) -> Tensor:
    """E[x | x_t] where the data are N equally likely points on a line. x_t: (B,), points: (N,) -> (B,)."""
    distance = (x_t[:, None] - alpha * points[None, :]).square()  # (B, N)
    return torch.softmax(-distance / (2.0 * sigma**2), dim=1) @ points


def _points_and_places(seed: int) -> Inputs:
    generator = seeded(seed)
    alpha = float(0.4 + 0.4 * torch.rand((), generator=generator))
    points = torch.randn(5, generator=generator) * 1.5
    return torch.randn(7, generator=generator), points, alpha, math.sqrt(1.0 - alpha**2)


def _check_best_guess(candidate: Asked) -> None:
    candidate.explaining(
        {(2,): "One number for each point came out. Weigh the N points for each x_t, and add up over the points."}
    )(torch.tensor([0.3]), torch.tensor([-1.0, 1.0]), 0.8, 0.6)

    def weighed(x_t: Tensor, points: Tensor, alpha: float, width: float) -> Tensor:
        logs = -(x_t[:, None] - alpha * points).square() / width
        return (logs.exp() / logs.exp().sum(dim=1, keepdim=True)) @ points

    check_values(
        candidate,
        lambda x_t, points, alpha, sigma: weighed(x_t, points, alpha, 2.0 * sigma**2),
        _points_and_places,
        [
            (lambda x_t, points, alpha, sigma: weighed(x_t, points, 1.0, 2.0 * sigma**2),
             "Noise also shrinks the data: x_t is to be compared with alpha times each point."),
            (lambda x_t, points, alpha, sigma: weighed(x_t, points, alpha, sigma**2),
             "A Gaussian has 2 sigma^2 below the squared distance; the 2 is missing."),
            (lambda x_t, points, alpha, sigma: weighed(x_t, points, alpha, 2.0 * sigma),
             "A Gaussian has 2 sigma^2 below the squared distance; sigma is not squared."),
            (lambda x_t, points, alpha, sigma: points[(x_t[:, None] - alpha * points).abs().argmin(dim=1)],
             "This is the nearest point; the mean of all points is asked for, weighed by how likely each is."),
            (lambda x_t, points, alpha, sigma: alpha * weighed(x_t, points, alpha, 2.0 * sigma**2),
             "This is the mean of alpha times the points. The points themselves are the data."),
            (lambda x_t, points, alpha, sigma: weighed(x_t, points, alpha, -2.0 * sigma**2),
             "The signs are turned round: the nearer a point, the larger its weight."),
        ],
        "At x_t{place} the best guess is {wanted}, yours is {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="diffusion.best_guess",
        notebook="08",
        title="The best guess for a handful of points",
        difficulty=3,
        minutes=10,
        reference=my_best_guess,
        check=_check_best_guess,
        hints=(
            "Bayes: how likely is x_t if point p was behind it? exp(-(x_t - alpha p)^2 / (2 sigma^2)). Those are the "
            "weights, once they add up to 1.",
            "A table (B, N) of minus squared distances over 2 sigma^2; softmax over the N points; then @ points.",
        ),
        explanation="A softmax over squared distances: the same arithmetic as attention, with the training points as "
        "keys and values. No network can have a smaller squared error on these points.",
    )
)


# --- 3. a prediction read -----------------------------------------------------------------------------------------
def my_from_v(v: Tensor, x_t: Tensor, alpha: float, sigma: float) -> tuple[Tensor, Tensor]:
    """The data and the noise from v = alpha epsilon - sigma x and x_t, where alpha^2 + sigma^2 = 1. (B, D) each."""
    return alpha * x_t - sigma * v, sigma * x_t + alpha * v


def _v_and_place(seed: int) -> Inputs:
    generator = seeded(seed)
    alpha = float(0.3 + 0.3 * torch.rand((), generator=generator))
    v, x_t = (torch.randn(5, 3, generator=generator) for _ in range(2))
    return v, x_t, alpha, math.sqrt(1.0 - alpha**2)


def _check_from_v(candidate: Asked) -> None:
    for seed in range(3):
        v, x_t, alpha, sigma = inputs = _v_and_place(seed)
        x, epsilon = candidate(*inputs)
        right = alpha * x_t - sigma * v, sigma * x_t + alpha * v
        must_equal(
            (x, epsilon),
            right,
            [
                (right[::-1], "The two are exchanged: the data come first, then the noise."),
                ((alpha * x_t + sigma * v, sigma * x_t - alpha * v),
                 "The sign of v is turned round: v = alpha epsilon - sigma x, so more v is more noise and less data."),
                ((sigma * x_t - alpha * v, alpha * x_t + sigma * v), "alpha and sigma are exchanged."),
                ((alpha * x_t - sigma * v, (x_t - alpha * right[0])), "The noise is still to be divided by sigma."),
                (((x_t - sigma * v) / alpha, v), "This reads v as if it were the noise."),
            ],
            "With alpha x + sigma epsilon = x_t and alpha epsilon - sigma x = v, {wanted} is expected at {place}, "
            "yours is {mine}.",
        )  # fmt: skip


register(
    Exercise(
        id="diffusion.from_v",
        notebook="08",
        title="What v says of the data and of the noise",
        difficulty=2,
        minutes=8,
        reference=my_from_v,
        check=_check_from_v,
        hints=(
            "Two equations with two unknowns: x_t = alpha x + sigma epsilon and v = alpha epsilon - sigma x. Multiply "
            "one by alpha, the other by sigma.",
            "alpha x_t - sigma v = (alpha^2 + sigma^2) x. The noise goes the same way, with sigma x_t + alpha v.",
        ),
        explanation="x_t and v are x and epsilon turned by an angle, with alpha its cosine and sigma its sine; reading "
        "v turns back. Nothing is divided, so it works at every time, also where alpha or sigma is 0.",
        parts=("x", "epsilon"),
    )
)


# --- 4. a step of DDIM --------------------------------------------------------------------------------------------
def my_ddim_step(x: Tensor, x_t: Tensor, alpha: float, sigma: float, alpha_s: float, sigma_s: float) -> Tensor:
    """From x_t and the estimate x of the data to the noise level of s. (B, D), (B, D) -> (B, D)."""
    epsilon = (x_t - alpha * x) / sigma
    return alpha_s * x + sigma_s * epsilon


def _estimate_and_place(seed: int) -> Inputs:
    generator = seeded(seed)
    alpha, alpha_s = 0.3 + 0.05 * seed % 0.2, 0.7 + 0.04 * seed % 0.2
    x, x_t = torch.randn(4, 2, generator=generator), torch.randn(4, 2, generator=generator)
    return x, x_t, alpha, math.sqrt(1.0 - alpha**2), alpha_s, math.sqrt(1.0 - alpha_s**2)


def _check_ddim_step(candidate: Asked) -> None:
    def right(x: Tensor, x_t: Tensor, alpha: float, sigma: float, alpha_s: float, sigma_s: float) -> Tensor:
        return (alpha_s - sigma_s * alpha / sigma) * x + sigma_s / sigma * x_t

    check_values(
        candidate,
        right,
        _estimate_and_place,
        [
            (lambda x, x_t, alpha, sigma, alpha_s, sigma_s: x,
             "This jumps to the estimate. It is only an estimate: keep as much noise as belongs to s."),
            (lambda x, x_t, alpha, sigma, alpha_s, sigma_s: alpha_s * x,
             "The noise is missing: at s there is still sigma_s of it."),
            (lambda x, x_t, alpha, sigma, alpha_s, sigma_s: alpha_s * x + sigma_s * (x_t - x) / sigma,
             "In x_t the data stand with the factor alpha: epsilon = (x_t - alpha x) / sigma."),
            (lambda x, x_t, alpha, sigma, alpha_s, sigma_s: alpha_s * x + sigma_s * (x_t - alpha * x),
             "What is left of x_t without the data is sigma epsilon: divide by sigma."),
            (lambda x, x_t, alpha, sigma, alpha_s, sigma_s: alpha_s * x + sigma_s * x_t,
             "x_t is not the noise: it holds alpha x as well."),
            (lambda x, x_t, alpha, sigma, alpha_s, sigma_s: x_t,
             "Nothing has moved: these are the old noise level's alpha and sigma."),
        ],
        "At {place} the step leads to {wanted}, yours to {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="diffusion.ddim_step",
        notebook="08",
        title="One step of DDIM",
        difficulty=2,
        minutes=8,
        reference=my_ddim_step,
        check=_check_ddim_step,
        hints=(
            "If the data are x, which noise must have been added to make x_t of them?",
            "epsilon = (x_t - alpha x) / sigma; then the same data and the same noise at the new level: alpha_s x + "
            "sigma_s epsilon.",
        ),
        explanation="Data and noise are kept, only their shares change. On the straight path that is a step of Euler's "
        "method; anywhere it is a function of x_t, so the same noise always leads to the same sample.",
    )
)


# --- 5. a planted mistake -----------------------------------------------------------------------------------------
def my_mended_step(x: Tensor, epsilon: Tensor, z: Tensor, alpha_s: float, sigma_s: float, tau: float) -> Tensor:
    """A step with fresh noise z of deviation tau, at the right noise level afterwards. (B, D) each -> (B, D)."""
    return alpha_s * x + (sigma_s**2 - tau**2) ** 0.5 * epsilon + tau * z


def _estimates_and_noise(seed: int) -> Inputs:
    generator = seeded(seed)
    sigma_s = float(0.5 + 0.3 * torch.rand((), generator=generator))
    tau = sigma_s * float(0.3 + 0.4 * torch.rand((), generator=generator))
    x, epsilon, z = (torch.randn(4, 2, generator=generator) for _ in range(3))
    return x, epsilon, z, math.sqrt(1.0 - sigma_s**2), sigma_s, tau


def _check_mended_step(candidate: Asked) -> None:
    def with_kept(kept: float, x: Tensor, epsilon: Tensor, z: Tensor, alpha_s: float, tau: float) -> Tensor:
        return alpha_s * x + kept * epsilon + tau * z

    check_values(
        candidate,
        lambda x, e, z, a, s, tau: with_kept(math.sqrt(s * s - tau * tau), x, e, z, a, tau),
        _estimates_and_noise,
        [
            (lambda x, e, z, a, s, tau: with_kept(s, x, e, z, a, tau),
             "This is the planted step: its noise has the variance sigma_s^2 + tau^2, too much by tau^2."),
            (lambda x, e, z, a, s, tau: with_kept(s - tau, x, e, z, a, tau),
             "Deviations do not add up, variances do: (what is kept)^2 + tau^2 = sigma_s^2."),
            (lambda x, e, z, a, s, tau: with_kept(s * s - tau * tau, x, e, z, a, tau),
             "This is the variance of what is kept; its deviation is the square root."),
            (lambda x, e, z, a, s, tau: with_kept(s, x, e, z, a, 0.0),
             "Now no fresh noise is left: that is DDIM. The fresh noise is to stay, the old to be reduced."),
            (lambda x, e, z, a, s, tau: with_kept(math.sqrt(s * s + tau * tau), x, e, z, a, tau),
             "The old noise has grown; it has to make room for the fresh noise."),
            (lambda x, e, z, a, s, tau: with_kept(0.0, x, e, z, a, s),
             "All of the noise is fresh now; only a part of deviation tau is to be."),
        ],
        "At {place} the step leads to {wanted}, yours to {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="diffusion.mended_step",
        notebook="08",
        title="Find the mistake: samples that are too wide",
        difficulty=3,
        minutes=10,
        reference=my_mended_step,
        check=_check_mended_step,
        hints=(
            "After the step x_s is to hold noise of deviation sigma_s. How much does it hold here, the old and the "
            "fresh together?",
            "Independent noises: variances add up. kept^2 + tau^2 = sigma_s^2, so kept = sqrt(sigma_s^2 - tau^2).",
        ),
        explanation="Each step may forget a part of the old noise and draw as much anew; the sum must stay sigma_s^2, "
        "or the network is asked about another noise level than the one that it is given.",
    )
)


# --- 6. an experiment: how many steps -----------------------------------------------------------------------------
def my_steps_needed(steps: list[int], distances: list[float], floor: float) -> int:
    """The fewest steps from which on no distance is above 1.5 floor; -1 where there are none. steps: rising."""
    needed = -1
    for k in reversed(range(len(steps))):
        if distances[k] > 1.5 * floor:
            break
        needed = steps[k]
    return needed


def _check_steps_needed(candidate: Asked) -> None:
    steps = [2, 5, 10, 20, 50]
    cases = (
        ([0.9, 0.5, 0.3, 0.16, 0.12], 0.1, 50),
        ([0.9, 0.15, 0.15, 0.12, 0.1], 0.1, 5),
        ([0.9, 0.12, 0.3, 0.14, 0.11], 0.1, 20),
        ([0.9, 0.8, 0.7, 0.6, 0.5], 0.1, -1),
        ([0.1, 0.1, 0.1, 0.1, 0.1], 0.1, 2),
        ([0.3, 0.7, 0.75, 0.4, 0.76], 0.5, -1),
        ([3.1, 2.9, 2.0, 2.5, 2.1], 2.0, 5),
    )
    for distances, floor, wanted in cases:
        found = candidate(list(steps), list(distances), floor)
        near = [many for many, distance in zip(steps, distances, strict=True) if distance <= 1.5 * floor]
        must_equal(
            found,
            wanted,
            [
                (near[0] if near else None,
                 "Here the distance is small for the first time, and later larger again: it is to stay small."),
                (steps[distances.index(min(distances))],
                 "This is where the distance is smallest; the fewest steps that suffice are asked for."),
                (steps.index(wanted) if wanted in steps else None,
                 "This is the place in the list; the number of steps there is asked for."),
            ],
            f"With steps {steps}, distances {distances} and a floor of {floor} it is {{wanted}}, yours is {{mine}}.",
        )  # fmt: skip
    if candidate([4, 8], [1.5, 1.5], 1.0) != 4:
        raise Wrong("A distance of exactly 1.5 floor is not above it, so it suffices.")


register(
    Exercise(
        id="diffusion.steps_needed",
        notebook="08",
        title="An experiment: how many steps does a sampler need?",
        difficulty=2,
        minutes=12,
        reference=my_steps_needed,
        check=_check_steps_needed,
        hints=(
            "Begin with the most steps and go down as long as the distance is small.",
            "Go through the two lists from the end; stop at the first distance above 1.5 floor; the number of steps "
            "seen last before that is the answer.",
        ),
        explanation="A rule that is written down before the measurement cannot be bent after it. 'From there on' "
        "matters: one lucky sample with few steps is not a sampler that needs few steps.",
    )
)
