"""Plausible wrong answers to the exercises of notebook 17: each hears its own reason."""

from __future__ import annotations

import torch
from torch.nn import functional as F


def shares_of(y, points, below):
    return torch.softmax(-torch.cdist(y, points).square() / below, dim=1)


def force_uphill(y, points, width):
    return (y - shares_of(y, points, 2 * width**2) @ points) / width**2


def force_too_short(y, points, width):
    return shares_of(y, points, 2 * width**2) @ points - y


def force_by_width(y, points, width):
    return (shares_of(y, points, 2 * width**2) @ points - y) / width


def force_without_two(y, points, width):
    return (shares_of(y, points, width**2) @ points - y) / width**2


def force_of_the_nearest(y, points, width):
    return (points[torch.cdist(y, points).argmin(dim=1)] - y) / width**2


def force_of_all_equally(y, points, width):
    return (points.mean(dim=0) - y) / width**2


def force_added_up(y, points, width):
    return (points[None] - y[:, None]).sum(dim=1) / width**2


def force_of_the_farthest(y, points, width):
    return (shares_of(y, points, -2 * width**2) @ points - y) / width**2


def force_for_each_point(y, points, width):
    return (points - y[:1]) / width**2


def latent_by_sum(guesses, s_y):
    energies = (guesses - s_y[:, None]).square().sum(dim=2)
    return energies.amin(dim=1), energies.argmin(dim=1)


def latent_by_distance(guesses, s_y):
    energies = (guesses - s_y[:, None]).square().mean(dim=2).sqrt()
    return energies.amin(dim=1), energies.argmin(dim=1)


def latent_the_worst(guesses, s_y):
    energies = (guesses - s_y[:, None]).square().mean(dim=2)
    return energies.amax(dim=1), energies.argmax(dim=1)


def latent_on_average(guesses, s_y):
    energies = (guesses - s_y[:, None]).square().mean(dim=2)
    return energies.mean(dim=1), energies.argmin(dim=1)


def latent_exchanged(guesses, s_y):
    energies = (guesses - s_y[:, None]).square().mean(dim=2)
    return energies.argmin(dim=1), energies.amin(dim=1)


def latent_of_the_mean_guess(guesses, s_y):
    energies = (guesses - s_y[:, None]).square().mean(dim=2)
    return (guesses.mean(dim=1) - s_y).square().mean(dim=1), energies.argmin(dim=1)


def latent_by_absolute_errors(guesses, s_y):
    energies = (guesses - s_y[:, None]).abs().mean(dim=2)
    return energies.amin(dim=1), energies.argmin(dim=1)


def variance_within_a_row(z):
    return F.relu(1 - (z.var(dim=1) + 1e-4).sqrt()).mean()


def variance_biased(z):
    return F.relu(1 - (z.var(dim=0, unbiased=False) + 1e-4).sqrt()).mean()


def variance_without_root(z):
    return F.relu(1 - (z.var(dim=0) + 1e-4)).mean()


def variance_without_root_and_eps(z):
    return F.relu(1 - z.var(dim=0)).mean()


def variance_without_hinge(z):
    return (1 - (z.var(dim=0) + 1e-4).sqrt()).mean()


def variance_added_up(z):
    return F.relu(1 - (z.var(dim=0) + 1e-4).sqrt()).sum()


def variance_without_eps(z):
    return F.relu(1 - z.std(dim=0)).mean()


def variance_averaged_first(z):
    return F.relu(1 - (z.var(dim=0).mean() + 1e-4).sqrt())


def covariance_with_diagonal(z):
    return torch.cov(z.T).square().sum() / z.shape[1]


def covariance_biased(z):
    c = torch.cov(z.T, correction=0)
    return (c - torch.diag(c.diagonal())).square().sum() / z.shape[1]


def covariance_not_centred(z):
    c = z.T @ z / (len(z) - 1)
    return (c - torch.diag(c.diagonal())).square().sum() / z.shape[1]


def covariance_absolute(z):
    c = torch.cov(z.T)
    return (c - torch.diag(c.diagonal())).abs().sum() / z.shape[1]


def covariance_not_divided(z):
    c = torch.cov(z.T)
    return (c - torch.diag(c.diagonal())).square().sum()


def covariance_averaged(z):
    c, d = torch.cov(z.T), z.shape[1]
    return (c - torch.diag(c.diagonal())).square().sum() / (d * (d - 1))


def covariance_of_all_entries(z):
    c = torch.cov(z.T)
    return (c - torch.diag(c.diagonal())).square().mean()


def covariance_once(z):
    return torch.cov(z.T).triu(1).square().sum() / z.shape[1]


def covariance_of_correlations(z):
    c = torch.corrcoef(z.T)
    return (c - torch.diag(c.diagonal())).square().sum() / z.shape[1]


def covariance_of_rows(z):
    c = torch.cov(z)
    return (c - torch.diag(c.diagonal())).square().sum() / z.shape[1]


def shares_above_zero(values):
    share = values / values.sum()
    return share[share > 0]


def rank_is_the_entropy(values):
    share = shares_above_zero(values)
    return float(-(share * share.log()).sum())


def rank_of_squares(values):
    share = shares_above_zero(values.square())
    return float(torch.exp(-(share * share.log()).sum()))


def rank_in_bits(values):
    share = shares_above_zero(values)
    return float(torch.exp(-(share * share.log2()).sum()))


def rank_as_power_of_two(values):
    share = shares_above_zero(values)
    return float(2 ** -(share * share.log()).sum())


def rank_counted(values):
    return float((values > 0).sum())


def rank_upside_down(values):
    share = shares_above_zero(values)
    return float(torch.exp((share * share.log()).sum()))


def rank_by_participation(values):
    return float(1 / (values / values.sum()).square().sum())


def rank_with_log_of_zero(values):
    share = values / values.sum()
    return float(torch.exp(-(share * share.log()).sum()))


def verdict_by_the_lower_end(low, high, untrained):
    return torch.where(low < untrained / 2, 1, -1)


def verdict_by_the_upper_end(low, high, untrained):
    return torch.where(high < untrained / 2, 1, -1)


def verdict_by_the_middle(low, high, untrained):
    return torch.where((low + high) / 2 < untrained / 2, 1, -1)


def verdict_by_the_whole(low, high, untrained):
    return (high < untrained).long() - (low >= untrained).long()


def verdict_exchanged(low, high, untrained):
    return (low >= untrained / 2).long() - (high < untrained / 2).long()


def verdict_touching_below(low, high, untrained):
    return (high <= untrained / 2).long() - (low >= untrained / 2).long()


def verdict_beginning_above(low, high, untrained):
    return (high < untrained / 2).long() - (low > untrained / 2).long()


WRONG = {
    "energy.force": [
        force_uphill,
        force_too_short,
        force_by_width,
        force_without_two,
        force_of_the_nearest,
        force_of_all_equally,
        force_added_up,
        force_of_the_farthest,
        force_for_each_point,
    ],
    "energy.best_latent": [
        latent_by_sum,
        latent_by_distance,
        latent_the_worst,
        latent_on_average,
        latent_of_the_mean_guess,
        latent_by_absolute_errors,
        latent_exchanged,
    ],
    "collapse.variance": [
        variance_within_a_row,
        variance_biased,
        variance_without_root,
        variance_without_root_and_eps,
        variance_without_hinge,
        variance_added_up,
        variance_without_eps,
        variance_averaged_first,
    ],
    "collapse.covariance": [
        covariance_with_diagonal,
        covariance_biased,
        covariance_not_centred,
        covariance_absolute,
        covariance_not_divided,
        covariance_averaged,
        covariance_of_all_entries,
        covariance_once,
        covariance_of_correlations,
        covariance_of_rows,
    ],
    "collapse.effective_rank": [
        rank_is_the_entropy,
        rank_of_squares,
        rank_in_bits,
        rank_as_power_of_two,
        rank_counted,
        rank_upside_down,
        rank_by_participation,
        rank_with_log_of_zero,
    ],
    "collapse.verdict": [
        verdict_by_the_lower_end,
        verdict_by_the_upper_end,
        verdict_by_the_middle,
        verdict_by_the_whole,
        verdict_exchanged,
        verdict_touching_below,
        verdict_beginning_above,
    ],
}
