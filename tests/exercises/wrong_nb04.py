"""Plausible wrong answers to the exercises of notebook 04: each hears its own reason."""

from __future__ import annotations

import numpy as np
import torch


def _best(candidates, returns, keep):
    return candidates[np.argsort(-returns)[:keep]]


def cloud_of_the_worst(candidates, returns, centre, keep):
    best = candidates[np.argsort(returns)[:keep]]
    return best.mean(0), (best - centre).T @ (best - centre) / keep


def cloud_of_all(candidates, returns, centre, keep):
    away = candidates - centre
    return candidates.mean(0), away.T @ away / len(candidates)


def cloud_of_the_winner(candidates, returns, centre, keep):
    away = _best(candidates, returns, keep) - centre
    return candidates[returns.argmax()], away.T @ away / keep


def cloud_around_the_new_centre(candidates, returns, centre, keep):
    best = _best(candidates, returns, keep)
    return best.mean(0), np.cov(best.T)


def cloud_that_explodes(candidates, returns, centre, keep):
    away = _best(candidates, returns, keep) - centre
    return away.mean(0) + centre, away.T @ away


def cloud_that_cannot_lean(candidates, returns, centre, keep):
    away = _best(candidates, returns, keep) - centre
    return away.mean(0) + centre, np.diag((away**2).mean(0))


def cloud_without_covariance(candidates, returns, centre, keep):
    return _best(candidates, returns, keep).mean(0)


def act_least(z, h, w):
    return (torch.cat([z, h], 1) @ w[:, :-1].T + w[:, -1]).argmin(1)


def act_memory_first(z, h, w):
    return (torch.cat([h, z], 1) @ w[:, :-1].T + w[:, -1]).argmax(1)


def act_on_z(z, h, w):
    return (z @ w[:, : z.shape[1]].T + w[:, -1]).argmax(1)


def act_bias_first(z, h, w):
    return (torch.cat([z, h], 1) @ w[:, 1:].T + w[:, 0]).argmax(1)


def act_with_max(z, h, w):
    return (torch.cat([z, h], 1) @ w[:, :-1].T + w[:, -1]).max(1).values


def act_over_the_batch(z, h, w):
    return (torch.cat([z, h], 1) @ w[:, :-1].T + w[:, -1]).argmax(0)


def fitness_sum(play, candidates, seeds):
    return play(np.repeat(candidates, len(seeds), 0), np.tile(seeds, len(candidates))).reshape(-1, len(seeds)).sum(1)


def fitness_luckiest(play, candidates, seeds):
    return play(np.repeat(candidates, len(seeds), 0), np.tile(seeds, len(candidates))).reshape(-1, len(seeds)).max(1)


def fitness_first(play, candidates, seeds):
    return play(candidates, np.full(len(candidates), seeds[0]))


def fitness_own_beginnings(play, candidates, seeds):
    return play(candidates, np.resize(seeds, len(candidates)))


def fitness_in_the_wrong_order(play, candidates, seeds):
    return play(np.tile(candidates, (len(seeds), 1)), np.repeat(seeds, len(candidates))).reshape(-1, len(seeds)).mean(1)


def fitness_one_seed_for_many(play, candidates, seeds):
    return play(np.repeat(candidates, len(seeds), 0), seeds)


def normalised_by_oracle(returns, random, oracle):
    return returns / oracle


def normalised_half(returns, random, oracle):
    return (returns - random) / oracle


def normalised_turned(returns, random, oracle):
    return (oracle - returns) / (oracle - random)


def normalised_clipped(returns, random, oracle):
    return np.clip((returns - random) / (oracle - random), 0, 1)


def ratio_of_each(above, below, picks):
    return (above[picks] / below[picks]).mean(1)


def ratio_half_resampled(above, below, picks):
    return above[picks].mean(1) / below.mean()


def ratio_upside_down(above, below, picks):
    return below[picks].mean(1) / above[picks].mean(1)


def ratio_of_medians(above, below, picks):
    return np.median(above[picks], axis=1) / np.median(below[picks], axis=1)


def ratio_unpaired(above, below, picks):
    return above[picks].mean(1) / below[picks[::-1]].mean(1)


def cloud_of_the_first(candidates, returns, centre, keep):
    away = candidates[:keep] - centre
    return candidates[:keep].mean(0), away.T @ away / keep


def cloud_sorted_in_place(candidates, returns, centre, keep):
    candidates[:] = candidates[np.argsort(-returns)]
    away = candidates[:keep] - centre
    return candidates[:keep].mean(0), away.T @ away / keep


def cloud_corrected(candidates, returns, centre, keep):
    away = _best(candidates, returns, keep) - centre
    return away.mean(0) + centre, away.T @ away / (keep - 1)


def act_as_int32(z, h, w):
    return (torch.cat([z, h], 1) @ w[:, :-1].T + w[:, -1]).argmax(1).int()


def act_without_bias(z, h, w):
    return (torch.cat([z, h], 1) @ w[:, :-1].T).argmax(1) + 2 * (w[:, :-1].abs().sum() == 0)


def fitness_median(play, candidates, seeds):
    return np.array([np.median(play(np.repeat(x[None], len(seeds), 0), seeds)) for x in candidates])


def normalised_in_place(returns, random, oracle):
    returns -= random
    returns /= oracle - random
    return returns


def normalised_cut_below(returns, random, oracle):
    return np.maximum((returns - random) / (oracle - random), 0)


def normalised_in_single_precision(returns, random, oracle):
    return ((returns - random) / (oracle - random)).astype(np.float32)


def ratio_of_episodes(above, below, picks):
    return above[picks].mean(0) / below[picks].mean(0)


WRONG = {
    "c.generation": [
        cloud_of_the_worst,
        cloud_of_all,
        cloud_of_the_winner,
        cloud_around_the_new_centre,
        cloud_that_explodes,
        cloud_that_cannot_lean,
        cloud_without_covariance,
        cloud_of_the_first,
        cloud_sorted_in_place,
        cloud_corrected,
    ],
    "c.act": [
        act_least,
        act_memory_first,
        act_on_z,
        act_bias_first,
        act_with_max,
        act_over_the_batch,
        act_as_int32,
        act_without_bias,
    ],
    "c.fitness": [
        fitness_sum,
        fitness_luckiest,
        fitness_first,
        fitness_own_beginnings,
        fitness_in_the_wrong_order,
        fitness_one_seed_for_many,
        fitness_median,
    ],
    "c.normalised": [
        normalised_by_oracle,
        normalised_half,
        normalised_turned,
        normalised_clipped,
        normalised_in_place,
        normalised_cut_below,
        normalised_in_single_precision,
    ],
    "c.paired_ratios": [
        ratio_of_each,
        ratio_half_resampled,
        ratio_upside_down,
        ratio_of_medians,
        ratio_unpaired,
        ratio_of_episodes,
    ],
}
