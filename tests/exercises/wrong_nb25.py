"""Plausible wrong answers to the exercises of notebook 25: each hears its own reason."""

from __future__ import annotations

import torch


def change_along_the_weights(weights):
    return weights.clone()


def change_of_one_unit(weights):
    return weights / weights.norm()


def change_in_equal_shares(weights):
    used = weights != 0
    return torch.where(used, 1 / (weights * used.sum()), torch.zeros_like(weights))


def change_of_one_number(weights):
    change = torch.zeros_like(weights)
    change[weights.abs().argmax()] = 1 / weights[weights.abs().argmax()]
    return change


def change_downwards(weights):
    return -weights / (weights @ weights)


def change_that_divides_by_zero(weights):
    return 1 / weights / len(weights)


def covariance(states, values):
    return (states - states.mean(dim=0)).T @ (values - values.mean()) / len(values)


def slope_through_zero(states, values):
    return states.T @ values / (values @ values)


def correlation(states, values):
    return torch.corrcoef(torch.cat([states, values[:, None]], dim=1).T)[-1, :-1]


def probe_in_place_of_the_slope(states, values):
    design = torch.cat([states, torch.ones_like(values)[:, None]], dim=1)
    return torch.linalg.lstsq(design, values[:, None]).solution[:-1, 0]


def mean_of_ratios(states, values):
    return ((states - states.mean(dim=0)) / (values - values.mean())[:, None]).mean(dim=0)


def share_of_lengths(mixed, own, other):
    return (mixed - own).norm(dim=1) / (other - own).norm(dim=1)


def share_turned_round(mixed, own, other):
    way = own - other
    return ((mixed - other) * way).sum(dim=1) / way.square().sum(dim=1)


def share_in_units(mixed, own, other):
    way = other - own
    return ((mixed - own) * way).sum(dim=1) / way.norm(dim=1)


def share_cut_off(mixed, own, other):
    way = other - own
    return (((mixed - own) * way).sum(dim=1) / way.square().sum(dim=1)).clamp(0, 1)


def share_by_coordinate(mixed, own, other):
    return ((mixed - own) / (other - own)).mean(dim=1)


def caused_without_the_lost(with_it, without_it, true_effect):
    return float((without_it - with_it).nanmean() / true_effect.mean())


def caused_by_ratios(with_it, without_it, true_effect):
    return float(((without_it - with_it) / true_effect).nan_to_num(0.0).mean())


def caused_turned_round(with_it, without_it, true_effect):
    return float((with_it - without_it).nan_to_num(0.0).mean() / true_effect.mean())


def caused_with_the_lost_at_zero(with_it, without_it, true_effect):
    return float((without_it.nan_to_num(0.0) - with_it.nan_to_num(0.0)).mean() / true_effect.mean())


def caused_in_units(with_it, without_it, true_effect):
    return float((without_it - with_it).nan_to_num(0.0).mean())


def caused_with_nan(with_it, without_it, true_effect):
    return float((without_it - with_it).mean() / true_effect.mean())


WRONG = {
    "latents.smallest": [
        change_along_the_weights,
        change_of_one_unit,
        change_in_equal_shares,
        change_of_one_number,
        change_downwards,
        change_that_divides_by_zero,
    ],
    "latents.together": [
        covariance,
        slope_through_zero,
        correlation,
        probe_in_place_of_the_slope,
        mean_of_ratios,
    ],
    "latents.followed": [
        share_of_lengths,
        share_turned_round,
        share_in_units,
        share_cut_off,
        share_by_coordinate,
    ],
    "latents.caused": [
        caused_without_the_lost,
        caused_by_ratios,
        caused_turned_round,
        caused_with_the_lost_at_zero,
        caused_in_units,
        caused_with_nan,
    ],
}
