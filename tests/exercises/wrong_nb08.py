"""Plausible wrong answers to the exercises of notebook 08: each hears its own reason."""

from __future__ import annotations

import torch


def noised_along_the_columns(x, epsilon, alpha, sigma):
    return alpha * x + sigma * epsilon


def noised_with_exchanged_levels(x, epsilon, alpha, sigma):
    shape = (-1,) + (1,) * (x.ndim - 1)
    return sigma.view(shape) * x + alpha.view(shape) * epsilon


def noised_with_a_root(x, epsilon, alpha, sigma):
    shape = (-1,) + (1,) * (x.ndim - 1)
    return alpha.view(shape).sqrt() * x + sigma.view(shape) * epsilon


def noised_with_the_variance(x, epsilon, alpha, sigma):
    shape = (-1,) + (1,) * (x.ndim - 1)
    return alpha.view(shape) * x + sigma.view(shape) ** 2 * epsilon


def noised_without_shrinking(x, epsilon, alpha, sigma):
    return x + sigma.view((-1,) + (1,) * (x.ndim - 1)) * epsilon


def guess_without_alpha(x_t, points, alpha, sigma):
    return torch.softmax(-(x_t[:, None] - points).square() / (2 * sigma**2), dim=1) @ points


def guess_without_two(x_t, points, alpha, sigma):
    return torch.softmax(-(x_t[:, None] - alpha * points).square() / sigma**2, dim=1) @ points


def guess_with_sigma(x_t, points, alpha, sigma):
    return torch.softmax(-(x_t[:, None] - alpha * points).square() / (2 * sigma), dim=1) @ points


def guess_the_nearest(x_t, points, alpha, sigma):
    return points[(x_t[:, None] - alpha * points).abs().argmin(dim=1)]


def guess_the_farthest(x_t, points, alpha, sigma):
    return torch.softmax((x_t[:, None] - alpha * points).square() / (2 * sigma**2), dim=1) @ points


def guess_for_each_point(x_t, points, alpha, sigma):
    return torch.softmax(-(x_t[:, None] - alpha * points).square() / (2 * sigma**2), dim=1)[0] * points


def guess_what_is_seen(x_t, points, alpha, sigma):
    return alpha * (torch.softmax(-(x_t[:, None] - alpha * points).square() / (2 * sigma**2), dim=1) @ points)


def read_exchanged(v, x_t, alpha, sigma):
    return sigma * x_t + alpha * v, alpha * x_t - sigma * v


def read_with_the_other_sign(v, x_t, alpha, sigma):
    return alpha * x_t + sigma * v, sigma * x_t - alpha * v


def read_with_exchanged_levels(v, x_t, alpha, sigma):
    return sigma * x_t - alpha * v, alpha * x_t + sigma * v


def read_without_dividing(v, x_t, alpha, sigma):
    x = alpha * x_t - sigma * v
    return x, x_t - alpha * x


def read_as_noise(v, x_t, alpha, sigma):
    return (x_t - sigma * v) / alpha, v


def step_to_the_estimate(x, x_t, alpha, sigma, alpha_s, sigma_s):
    return x.clone()


def step_without_noise(x, x_t, alpha, sigma, alpha_s, sigma_s):
    return alpha_s * x


def step_without_alpha(x, x_t, alpha, sigma, alpha_s, sigma_s):
    return alpha_s * x + sigma_s * (x_t - x) / sigma


def step_without_dividing(x, x_t, alpha, sigma, alpha_s, sigma_s):
    return alpha_s * x + sigma_s * (x_t - alpha * x)


def step_with_x_t_as_noise(x, x_t, alpha, sigma, alpha_s, sigma_s):
    return alpha_s * x + sigma_s * x_t


def step_nowhere(x, x_t, alpha, sigma, alpha_s, sigma_s):
    return alpha * x + sigma * (x_t - alpha * x) / sigma


def mended_not_at_all(x, epsilon, z, alpha_s, sigma_s, tau):
    return alpha_s * x + sigma_s * epsilon + tau * z


def mended_by_deviations(x, epsilon, z, alpha_s, sigma_s, tau):
    return alpha_s * x + (sigma_s - tau) * epsilon + tau * z


def mended_without_root(x, epsilon, z, alpha_s, sigma_s, tau):
    return alpha_s * x + (sigma_s**2 - tau**2) * epsilon + tau * z


def mended_to_ddim(x, epsilon, z, alpha_s, sigma_s, tau):
    return alpha_s * x + sigma_s * epsilon


def mended_the_wrong_way(x, epsilon, z, alpha_s, sigma_s, tau):
    return alpha_s * x + (sigma_s**2 + tau**2) ** 0.5 * epsilon + tau * z


def mended_all_fresh(x, epsilon, z, alpha_s, sigma_s, tau):
    return alpha_s * x + sigma_s * z


def needed_for_the_first_time(steps, distances, floor):
    return next((n for n, d in zip(steps, distances, strict=True) if d <= 1.5 * floor), -1)


def needed_for_the_best(steps, distances, floor):
    return steps[distances.index(min(distances))]


def needed_at_this_place(steps, distances, floor):
    for k in range(len(steps)):
        if all(d <= 1.5 * floor for d in distances[k:]):
            return k
    return -1


def needed_strictly(steps, distances, floor):
    for k in range(len(steps)):
        if all(d < 1.5 * floor for d in distances[k:]):
            return steps[k]
    return -1


WRONG = {
    "diffusion.noised": [
        noised_along_the_columns,
        noised_with_exchanged_levels,
        noised_with_a_root,
        noised_with_the_variance,
        noised_without_shrinking,
    ],
    "diffusion.best_guess": [
        guess_without_alpha,
        guess_without_two,
        guess_with_sigma,
        guess_the_nearest,
        guess_the_farthest,
        guess_for_each_point,
        guess_what_is_seen,
    ],
    "diffusion.from_v": [
        read_exchanged,
        read_with_the_other_sign,
        read_with_exchanged_levels,
        read_without_dividing,
        read_as_noise,
    ],
    "diffusion.ddim_step": [
        step_to_the_estimate,
        step_without_noise,
        step_without_alpha,
        step_without_dividing,
        step_with_x_t_as_noise,
        step_nowhere,
    ],
    "diffusion.mended_step": [
        mended_not_at_all,
        mended_by_deviations,
        mended_without_root,
        mended_to_ddim,
        mended_the_wrong_way,
        mended_all_fresh,
    ],
    "diffusion.steps_needed": [
        needed_for_the_first_time,
        needed_for_the_best,
        needed_at_this_place,
        needed_strictly,
    ],
}
