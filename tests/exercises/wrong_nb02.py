"""Plausible wrong answers to the exercises of notebook 02: each hears its own reason."""

from __future__ import annotations

import torch


def draw_with_logvar(mu, logvar, epsilon):
    return mu + logvar * epsilon


def draw_with_variance(mu, logvar, epsilon):
    return mu + torch.exp(logvar) * epsilon


def draw_without_gradient(mu, logvar, epsilon):
    return (mu + torch.exp(0.5 * logvar) * epsilon).detach()


def draw_around_zero(mu, logvar, epsilon):
    return torch.exp(0.5 * logvar) * epsilon


def draw_without_gradient_to_mu(mu, logvar, epsilon):
    return mu.detach() + torch.exp(0.5 * logvar) * epsilon


def draw_in_place(mu, logvar, epsilon):
    mu += torch.exp(0.5 * logvar) * epsilon
    return mu


def kl_mean(mu, logvar):
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).mean(1)


def kl_without_half(mu, logvar):
    return (mu**2 + logvar.exp() - 1 - logvar).sum(1)


def kl_sign(mu, logvar):
    return -0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)


def kl_forgets_one(mu, logvar):
    return 0.5 * (mu**2 + logvar.exp() - logvar).sum(1)


def kl_for_six_numbers(mu, logvar):
    return 0.5 * ((mu**2 + logvar.exp() - logvar).sum(1) - 6)


def kl_detached(mu, logvar):
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1).detach()


def psnr_sign(x, y):
    return 10 * torch.log10((x - y).square().flatten(1).mean(1))


def psnr_natural(x, y):
    return -10 * torch.log((x - y).square().flatten(1).mean(1))


def psnr_of_batch(x, y):
    return (-10 * torch.log10((x - y).square().mean())).expand(len(x))


def psnr_absolute(x, y):
    return -10 * torch.log10((x - y).abs().flatten(1).mean(1))


def psnr_squared_late(x, y):
    return -20 * torch.log10((x - y).abs().flatten(1).mean(1))


def psnr_of_red(x, y):
    return -10 * torch.log10((x - y)[:, 0].square().flatten(1).mean(1))


def conv_without_bias(inside, outside, kernel):
    return inside * outside * kernel**2


def conv_flat_kernel(inside, outside, kernel):
    return inside * outside * kernel + outside


def conv_bias_of_input(inside, outside, kernel):
    return inside * outside * kernel**2 + inside


def conv_as_a_float(inside, outside, kernel):
    return inside * outside * kernel**2.0 + outside


def active_asleep(mu, logvar, threshold=0.1):
    return int((0.5 * (mu**2 + logvar.exp() - 1 - logvar).mean(0) <= threshold).sum())


def active_any_frame(mu, logvar, threshold=0.1):
    return int((0.5 * (mu**2 + logvar.exp() - 1 - logvar) > threshold).any(0).sum())


def active_by_frames(mu, logvar, threshold=0.1):
    return int((0.5 * (mu**2 + logvar.exp() - 1 - logvar).mean(1) > threshold).sum())


def active_by_spread(mu, logvar, threshold=0.1):
    return int((mu.var(0) > threshold).sum())


def active_without_spread(mu, logvar, threshold=0.1):
    return int((0.5 * mu**2).mean(0).gt(threshold).sum())


def active_without_half(mu, logvar, threshold=0.1):
    return int(((mu**2 + logvar.exp() - 1 - logvar).mean(0) > threshold).sum())


def active_by_median(mu, logvar, threshold=0.1):
    return int((0.5 * (mu**2 + logvar.exp() - 1 - logvar).median(0).values > threshold).sum())


def kl_for_each_number(mu, logvar):
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar)


def psnr_mean_of_colours(x, y):
    return -10 * torch.log10((x - y).square().mean(dim=(2, 3))).mean(1)


def active_at_the_threshold(mu, logvar, threshold=0.1):
    return int((0.5 * (mu**2 + logvar.exp() - 1 - logvar).mean(0) >= threshold).sum())


def kl_in_bits(mu, logvar):
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1) * 1.4426950408889634


WRONG = {
    "vae.reparameterise": [
        draw_with_logvar,
        draw_with_variance,
        draw_without_gradient,
        draw_around_zero,
        draw_without_gradient_to_mu,
        draw_in_place,
    ],
    "vae.kl": [
        kl_mean,
        kl_without_half,
        kl_sign,
        kl_forgets_one,
        kl_for_six_numbers,
        kl_detached,
        kl_for_each_number,
        kl_in_bits,
    ],
    "vae.psnr": [
        psnr_sign,
        psnr_natural,
        psnr_of_batch,
        psnr_absolute,
        psnr_squared_late,
        psnr_of_red,
        psnr_mean_of_colours,
    ],
    "vae.conv_parameters": [conv_without_bias, conv_flat_kernel, conv_bias_of_input, conv_as_a_float],
    "vae.active_units": [
        active_asleep,
        active_any_frame,
        active_by_frames,
        active_by_spread,
        active_without_spread,
        active_without_half,
        active_by_median,
        active_at_the_threshold,
    ],
}
