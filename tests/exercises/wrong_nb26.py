"""Plausible wrong answers to the exercises of notebook 26: each hears its own reason."""

from __future__ import annotations

import torch


def marks_of_the_middle(low, high, floor, higher):
    return ((low + high) / 2 - floor).sign().long() * (1 if higher else -1)


def marks_without_a_direction(low, high, floor, higher):
    return (low > floor).long() - (high < floor).long()


def marks_that_touch(low, high, floor, higher):
    better, worse = (low >= floor, high <= floor) if higher else (high <= floor, low >= floor)
    return better.long() - worse.long()


def marks_without_worse(low, high, floor, higher):
    return (low > floor if higher else high < floor).long()


def marks_of_any_difference(low, high, floor, higher):
    return ((low > floor) | (high < floor)).long()


def luck_on_both_sides(rows, level=0.95):
    return 1.0 - level**rows


def luck_as_a_sum(rows, level=0.95):
    return rows * (1.0 - level) / 2.0


def luck_of_nobody(rows, level=0.95):
    return (1.0 - (1.0 - level) / 2.0) ** rows


def luck_in_every_row(rows, level=0.95):
    return ((1.0 - level) / 2.0) ** rows


def difference_of_own_means(a, b):
    return float(a.nanmean() - b.nanmean())


def difference_with_zeros(a, b):
    return float((a.nan_to_num(0.0) - b.nan_to_num(0.0)).mean())


def difference_over_all(a, b):
    return float((a - b).nan_to_num(0.0).mean())


def difference_turned_round(a, b):
    both = a.isfinite() & b.isfinite()
    return float((b - a)[both].mean())


def difference_as_a_distance(a, b):
    both = a.isfinite() & b.isfinite()
    return float((a - b)[both].abs().mean())


def front_of_who_loses_everywhere(scores):
    s = scores.nan_to_num(-torch.inf)
    return ~(s[:, None] > s[None]).all(dim=2).any(dim=0)


def front_turned_round(scores):
    s = scores.nan_to_num(-torch.inf)
    return ((s[:, None] >= s[None]).all(dim=2) & (s[:, None] > s[None]).any(dim=2)).any(dim=0)


def front_of_the_best(scores):
    return (scores == scores.nan_to_num(-torch.inf).amax(dim=0)).any(dim=1)


def front_without_twins(scores):
    s = scores.nan_to_num(-torch.inf)
    as_good = (s[:, None] >= s[None]).all(dim=2) & ~torch.eye(len(s), dtype=torch.bool)
    return ~as_good.any(dim=0)


def front_with_nan_compared(scores):
    as_good = (scores[:, None] >= scores[None]).all(dim=2)
    return ~(as_good & (scores[:, None] > scores[None]).any(dim=2)).any(dim=0) & scores.isfinite().all(dim=1)


def front_that_ignores_nan(scores):
    as_good = (scores[:, None] >= scores[None]).all(dim=2)
    return ~(as_good & (scores[:, None] > scores[None]).any(dim=2)).any(dim=0)


WRONG = {
    "verdict.marks": [
        marks_of_the_middle,
        marks_without_a_direction,
        marks_that_touch,
        marks_without_worse,
        marks_of_any_difference,
    ],
    "verdict.luck": [luck_on_both_sides, luck_as_a_sum, luck_of_nobody, luck_in_every_row],
    "verdict.fair": [
        difference_of_own_means,
        difference_with_zeros,
        difference_over_all,
        difference_turned_round,
        difference_as_a_distance,
    ],
    "verdict.front": [
        front_of_who_loses_everywhere,
        front_turned_round,
        front_of_the_best,
        front_without_twins,
        front_with_nan_compared,
        front_that_ignores_nan,
    ],
}
