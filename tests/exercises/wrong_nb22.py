"""Plausible wrong answers to the exercises of notebook 22: each hears its own reason."""

from __future__ import annotations

import torch


def table_without_untried(counts):
    return counts / counts.sum(dim=2, keepdim=True).clamp_min(1.0)


def table_of_nan(counts):
    return counts / counts.sum(dim=2, keepdim=True)


def table_that_hopes(counts):
    total = counts.sum(dim=2, keepdim=True)
    return torch.where(total > 0, counts / total.clamp_min(1.0), torch.full_like(counts, 1.0 / len(counts)))


def table_to_the_first(counts):
    total = counts.sum(dim=2, keepdim=True)
    there = torch.zeros_like(counts)
    there[:, :, 0] = 1.0
    return torch.where(total > 0, counts / total.clamp_min(1.0), there)


def table_over_keys(counts):
    return counts / counts.sum(dim=1, keepdim=True).clamp_min(1.0)


def table_over_origins(counts):
    return counts / counts.sum(dim=0, keepdim=True).clamp_min(1.0)


def table_of_all(counts):
    return counts / counts.sum()


def table_of_counts(counts):
    return counts.clone()


def energies(guesses, later):
    return (guesses - later[:, None]).square().mean(dim=2)


def codes_hard(guesses, later, relax):
    return energies(guesses, later).min(dim=1).values


def codes_soft(guesses, later, relax):
    return energies(guesses, later).mean(dim=1)


def codes_exchanged(guesses, later, relax):
    e = energies(guesses, later)
    return relax * e.min(dim=1).values + (1 - relax) * e.mean(dim=1)


def codes_of_the_worst(guesses, later, relax):
    e = energies(guesses, later)
    return (1 - relax) * e.max(dim=1).values + relax * e.mean(dim=1)


def codes_of_absolutes(guesses, later, relax):
    e = (guesses - later[:, None]).abs().mean(dim=2)
    return (1 - relax) * e.min(dim=1).values + relax * e.mean(dim=1)


def codes_added_up(guesses, later, relax):
    e = (guesses - later[:, None]).square().sum(dim=2)
    return (1 - relax) * e.min(dim=1).values + relax * e.mean(dim=1)


def codes_of_the_mean_guess(guesses, later, relax):
    e = energies(guesses, later)
    return (1 - relax) * e.min(dim=1).values + relax * (guesses.mean(dim=1) - later).square().mean(dim=1)


def codes_with_both_whole(guesses, later, relax):
    e = energies(guesses, later)
    return e.min(dim=1).values + relax * e.mean(dim=1)


def codes_as_one_number(guesses, later, relax):
    e = energies(guesses, later)
    return ((1 - relax) * e.min(dim=1).values + relax * e.mean(dim=1)).mean()


def leaps_without_holding(candidates, chunks, hold, lower_chunks, leaps):
    return candidates * (chunks - lower_chunks) // leaps


def leaps_without_the_lower_level(candidates, chunks, hold, lower_chunks, leaps):
    return candidates * chunks * hold // leaps


def leaps_for_nothing(candidates, chunks, hold, lower_chunks, leaps):
    return candidates * hold * (chunks - lower_chunks)


def leaps_rounded_up(candidates, chunks, hold, lower_chunks, leaps):
    return -(-candidates * hold * (chunks - lower_chunks) // leaps)


def leaps_as_before(candidates, chunks, hold, lower_chunks, leaps):
    return candidates


def at_once(way, goal, first=1):
    return ((way[:, first:] - goal[:, None]).norm(dim=2).argmin(dim=1) + first == 1)[:, None]


def subgoal_broken(way, goal):
    return torch.where(((way - goal[:, None]).norm(dim=2).argmin(dim=1) == 0)[:, None], goal, way[:, 0])


def subgoal_at_the_end(way, goal):
    return torch.where(at_once(way, goal), goal, way[:, -1])


def subgoal_the_last(way, goal):
    return way[:, -1].clone()


def subgoal_now(way, goal):
    return torch.where(at_once(way, goal), goal, way[:, 0])


def subgoal_without_the_goal(way, goal):
    return way[:, 1].clone()


def subgoal_with_the_present(way, goal):
    return torch.where(at_once(way, goal, 0), goal, way[:, 1])


def subgoal_everywhere_the_goal(way, goal):
    return goal.clone()


def subgoal_of_the_nearest(way, goal):
    nearest = (way[:, 1:] - goal[:, None]).norm(dim=2).argmin(dim=1)
    return way[torch.arange(len(way)), 1 + nearest]


def finished_too_strict(steps, limit):
    return (steps < limit).long().cumprod(dim=1).sum(dim=0)


def finished_as_shares(steps, limit):
    return (steps <= limit).float().cumprod(dim=1).mean(dim=0)


def finished_not(steps, limit):
    return len(steps) - (steps <= limit).long().cumprod(dim=1).sum(dim=0)


def finished_in_all(steps, limit):
    return (steps.cumsum(dim=1) <= limit).sum(dim=0)


def finished_all_or_nothing(steps, limit):
    return (steps <= limit).all(dim=1).sum().repeat(steps.shape[1])


def finished_goals(steps, limit):
    return (steps <= limit).sum(dim=1)


def finished_added_up(steps, limit):
    return (steps <= limit).long().cumprod(dim=1).sum(dim=0).cumsum(dim=0)


WRONG = {
    "levels.table": [table_without_untried, table_of_nan, table_that_hopes, table_to_the_first, table_over_keys,
                     table_over_origins, table_of_all, table_of_counts],
    "levels.code_loss": [codes_hard, codes_soft, codes_exchanged, codes_of_the_worst, codes_of_absolutes,
                         codes_added_up, codes_of_the_mean_guess, codes_with_both_whole, codes_as_one_number],
    "levels.equal": [leaps_without_holding, leaps_without_the_lower_level, leaps_for_nothing, leaps_rounded_up,
                     leaps_as_before],
    "levels.subgoal": [subgoal_broken, subgoal_at_the_end, subgoal_the_last, subgoal_now, subgoal_without_the_goal,
                       subgoal_with_the_present, subgoal_everywhere_the_goal, subgoal_of_the_nearest],
    "levels.finished": [finished_too_strict, finished_as_shares, finished_not, finished_in_all,
                        finished_all_or_nothing, finished_goals, finished_added_up],
}  # fmt: skip
