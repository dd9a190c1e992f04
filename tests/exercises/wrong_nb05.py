"""Plausible wrong answers to the exercises of notebook 05: each hears its own reason."""

from __future__ import annotations

import numpy as np


def interval_without_replacement(values, rng, resamples=2000):
    means = [rng.permutation(values).mean() for _ in range(resamples)]
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def interval_of_single_films(values, rng, resamples=2000):
    drawn = values[rng.integers(len(values), size=resamples)]
    return float(np.quantile(drawn, 0.025)), float(np.quantile(drawn, 0.975))


def interval_of_half(values, rng, resamples=2000):
    means = values[rng.integers(len(values), size=(resamples, len(values) // 2))].mean(axis=1)
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def interval_upside_down(values, rng, resamples=2000):
    means = values[rng.integers(len(values), size=(resamples, len(values)))].mean(axis=1)
    return float(np.quantile(means, 0.975)), float(np.quantile(means, 0.025))


def interval_with_its_own_chance(values, rng, resamples=2000):
    own = np.random.default_rng(0)
    means = values[own.integers(len(values), size=(resamples, len(values)))].mean(axis=1)
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def ridge_without_penalty(z, y, penalty):
    return np.linalg.lstsq(z, y, rcond=None)[0]


def ridge_times_rows(z, y, penalty):
    return np.linalg.solve(z.T @ z + penalty * len(z) * np.eye(z.shape[1]), z.T @ y)


def ridge_everywhere(z, y, penalty):
    return np.linalg.solve(z.T @ z + penalty, z.T @ y)


def ridge_subtracted(z, y, penalty):
    return np.linalg.solve(z.T @ z - penalty * np.eye(z.shape[1]), z.T @ y)


def ridge_forgets_to_turn(z, y, penalty):
    return np.linalg.inv(z.T @ z + penalty * np.eye(z.shape[1])) @ z.T


def ridge_of_half(z, y, penalty):
    return np.linalg.solve(z.T @ z + penalty / 2 * np.eye(z.shape[1]), z.T @ y)


def task_shuffled(y, rng, bands=16):
    return rng.permutation(y)


def task_equal_widths(y, rng, bands=16):
    edges = np.linspace(y.min(), y.max(), bands + 1)[1:-1]
    return rng.standard_normal(bands)[np.searchsorted(edges, y)]


def task_number_of_the_range(y, rng, bands=16):
    edges = np.quantile(y, np.linspace(0, 1, bands + 1)[1:-1])
    return np.searchsorted(edges, y).astype(float)


def task_new_for_each_row(y, rng, bands=16):
    return rng.standard_normal(len(y))


def task_range_at_random(y, rng, bands=16):
    return rng.standard_normal(bands)[rng.integers(bands, size=len(y))]


def task_without_the_generator(y, rng, bands=16):
    edges = np.quantile(y, np.linspace(0, 1, bands + 1)[1:-1])
    return np.random.default_rng(0).standard_normal(bands)[np.searchsorted(edges, y)]


def gain_never_asked(errors, actions):
    return errors(actions)


def gain_shuffled_in_time(errors, actions):
    return errors(np.roll(actions, 1, axis=1)) - errors(actions)


def gain_by_dice(errors, actions):
    dice = np.random.default_rng(0).integers(4, size=actions.shape)
    return errors(dice) - errors(actions)


def gain_sign(errors, actions):
    return errors(actions) - errors(np.roll(actions, 1, axis=0))


def gain_only_the_error(errors, actions):
    return errors(np.roll(actions, 1, axis=0))


def gain_keeps_the_first(errors, actions):
    moved = actions.copy()
    moved[1:] = np.roll(actions[1:], 1, axis=0)
    return errors(moved) - errors(actions)


def _share(error, told_and_other, visible):
    right = [error[n, a, b] > error[n, a, a] for n, a, b in told_and_other if visible[n, a, b]]
    return float(np.mean(right))


def intervened_on_what_was_pressed(error, taken, visible):
    pairs = [(n, taken[n], b) for n in range(len(taken)) for b in range(4) if b != taken[n]]
    return _share(error, pairs, visible)


def intervened_blind(error, taken, visible):
    pairs = [(n, a, taken[n]) for n in range(len(taken)) for a in range(4) if a != taken[n]]
    return _share(error, pairs, np.ones_like(visible))


def intervened_all_pairs(error, taken, visible):
    pairs = [(n, a, b) for n in range(len(taken)) for a in range(4) for b in range(4) if a != b]
    return _share(error, pairs, visible)


def intervened_axes(error, taken, visible):
    pairs = [(n, a, taken[n]) for n in range(len(taken)) for a in range(4) if a != taken[n]]
    return _share(error.transpose(0, 2, 1), pairs, visible)


def intervened_ties_are_wrong(error, taken, visible):
    pairs = [(n, a, taken[n]) for n in range(len(taken)) for a in range(4) if a != taken[n]]
    return _share(error, pairs, visible)


def interval_of_ninety(values, rng, resamples=2000):
    means = values[rng.integers(len(values), size=(resamples, len(values)))].mean(axis=1)
    return float(np.quantile(means, 0.05)), float(np.quantile(means, 0.95))


def interval_lopsided(values, rng, resamples=2000):
    means = values[rng.integers(len(values), size=(resamples, len(values)))].mean(axis=1)
    return float(np.quantile(means, 0.015)), float(np.quantile(means, 0.96))


def interval_with_its_own_number(values, rng, resamples=2000):
    means = values[rng.integers(len(values), size=(2000, len(values)))].mean(axis=1)
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def interval_in_place(values, rng, resamples=2000):
    values -= values.mean()
    means = values[rng.integers(len(values), size=(resamples, len(values)))].mean(axis=1)
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def ridge_squared(z, y, penalty):
    return np.linalg.solve(z.T @ z + penalty**2 * np.eye(z.shape[1]), z.T @ y)


def task_sorts_its_input(y, rng, bands=16):
    order = np.argsort(y)
    y.sort()
    edges = np.quantile(y, np.linspace(0, 1, bands + 1)[1:-1])
    return rng.standard_normal(bands)[np.searchsorted(edges, y[np.argsort(order)])]


def task_uneven_ranges(y, rng, bands=16):
    edges = np.quantile(y, np.linspace(0.1, 1, bands + 1)[1:-1])
    return rng.standard_normal(bands)[np.searchsorted(edges, y)]


def intervened_nearest_of_all(error, taken, visible):
    pairs = [(n, a) for n in range(len(taken)) for a in range(4) if visible[n, a, taken[n]]]
    return float(np.mean([error[n, a].argmin() == a for n, a in pairs]))


def intervened_film_by_film(error, taken, visible):
    films = []
    for n, own in enumerate(taken):
        right = [error[n, a, own] > error[n, a, a] for a in range(4) if visible[n, a, own]]
        films += [np.mean(right)] if right else []
    return float(np.mean(films))


def intervened_turned(error, taken, visible):
    right = [error[n, a, taken[n]] < error[n, a, a] for n in range(len(taken)) for a in range(4)
             if visible[n, a, taken[n]]]  # fmt: skip
    return float(np.mean(right))


def gain_rolled_without_an_axis(errors, actions):
    return errors(np.roll(actions, 1)) - errors(actions)


WRONG = {
    "ask.interval": [
        interval_without_replacement,
        interval_of_single_films,
        interval_of_half,
        interval_upside_down,
        interval_with_its_own_chance,
        interval_of_ninety,
        interval_lopsided,
        interval_with_its_own_number,
        interval_in_place,
    ],
    "ask.ridge": [
        ridge_without_penalty,
        ridge_times_rows,
        ridge_everywhere,
        ridge_subtracted,
        ridge_forgets_to_turn,
        ridge_of_half,
        ridge_squared,
    ],
    "ask.meaningless_task": [
        task_shuffled,
        task_equal_widths,
        task_number_of_the_range,
        task_new_for_each_row,
        task_range_at_random,
        task_without_the_generator,
        task_sorts_its_input,
        task_uneven_ranges,
    ],
    "ask.missing_control": [
        gain_never_asked,
        gain_shuffled_in_time,
        gain_by_dice,
        gain_sign,
        gain_only_the_error,
        gain_keeps_the_first,
        gain_rolled_without_an_axis,
    ],
    "ask.intervened": [
        intervened_on_what_was_pressed,
        intervened_blind,
        intervened_all_pairs,
        intervened_axes,
        intervened_ties_are_wrong,
        intervened_nearest_of_all,
        intervened_film_by_film,
        intervened_turned,
    ],
}
