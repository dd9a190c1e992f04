"""Plausible wrong answers to the exercises of notebook 23: each hears its own reason."""

from __future__ import annotations

import torch


def same_frames(first, second):
    return (first == second).flatten(1).all(dim=1)


def runs(same):
    found, begin = [], None
    for t, equal in enumerate([*same.tolist(), False]):
        if equal and begin is None:
            begin = t
        if not equal and begin is not None:
            found.append((begin, t - 1))
            begin = None
    return found


def long_runs(first, second):
    return [(f, end) for f, end in runs(same_frames(first, second)) if end > f]


def cut_at_the_beginning(first, second):
    return long_runs(first, second)[0][0]


def cut_after_the_end(first, second):
    return long_runs(first, second)[0][1] + 1


def cut_too_early(first, second):
    begin, end = long_runs(first, second)[0]
    return (begin + end) // 2


def cut_at_a_single_frame(first, second):
    begin, end = runs(same_frames(first, second))[0]
    return begin + (end - begin + 1) // 2


def cut_in_the_longest(first, second):
    begin, end = max(long_runs(first, second), key=lambda run: run[1] - run[0])
    return begin + (end - begin + 1) // 2


def cut_where_nearly_equal(first, second):
    near = (first.float() - second.float()).abs().flatten(1).mean(dim=1) < 1.0
    begin, end = next(run for run in runs(near) if run[1] > run[0])
    return begin + (end - begin + 1) // 2


def cut_where_some_numbers_agree(first, second):
    begin, end = runs((first == second).flatten(1).any(dim=1))[0]
    return begin + (end - begin + 1) // 2


def means(surprise, cuts, early=0):
    rows = zip(surprise, cuts.tolist(), strict=True)
    return torch.stack([four[:, max(cut - early, 1) :].mean(dim=1) for four, cut in rows])


def right(possible, impossible, tie=0.5, tolerance=1e-5):
    tied = (possible - impossible).abs() <= tolerance * torch.maximum(possible.abs(), impossible.abs())
    return torch.where(tied, tie, (impossible > possible).float())


def scores_of_one_beginning(surprise, cuts):
    m = means(surprise, cuts)
    return right(m[:, :2], m[:, 2:]).mean(dim=1)


def scores_of_one_beginning_without_ties(surprise, cuts):
    m = means(surprise, cuts)
    return (m[:, 2:] > m[:, :2]).float().mean(dim=1)


def scores_that_foresee_no_tie(surprise, cuts):
    m = means(surprise, cuts)
    return (m[:, [3, 2]] > m[:, :2]).float().mean(dim=1)


def scores_in_double(surprise, cuts):
    m = means(surprise, cuts)
    return right(m[:, :2], m[:, [3, 2]]).double().mean(dim=1)


def scores_of_whole_films(surprise, cuts):
    m = surprise[..., 1:].mean(dim=2)
    return right(m[:, :2], m[:, [3, 2]]).mean(dim=1)


def scores_from_before_the_cut(surprise, cuts):
    m = means(surprise, cuts, early=1)
    return right(m[:, :2], m[:, [3, 2]]).mean(dim=1)


def scores_of_maxima(surprise, cuts):
    m = torch.stack([four[:, int(cut) :].max(dim=1).values for four, cut in zip(surprise, cuts, strict=True)])
    return right(m[:, :2], m[:, [3, 2]]).mean(dim=1)


def scores_by_rounding(surprise, cuts):
    m = means(surprise, cuts)
    return right(m[:, :2], m[:, [3, 2]], tolerance=0.0).mean(dim=1)


def scores_without_ties(surprise, cuts):
    m = means(surprise, cuts)
    return right(m[:, :2], m[:, [3, 2]], tie=0.0).mean(dim=1)


def scores_with_ties_as_right(surprise, cuts):
    m = means(surprise, cuts)
    return right(m[:, :2], m[:, [3, 2]], tie=1.0).mean(dim=1)


def scores_turned_round(surprise, cuts):
    m = means(surprise, cuts)
    return right(m[:, [3, 2]], m[:, :2]).mean(dim=1)


def scores_added_up(surprise, cuts):
    m = means(surprise, cuts)
    return right(m[:, :2], m[:, [3, 2]]).sum(dim=1)


def scores_of_one_pair(surprise, cuts):
    m = means(surprise, cuts)
    return right(m[:, 0], m[:, 3])


def scores_of_sums(surprise, cuts):
    m = means(surprise, cuts)
    return right(m[:, :2].sum(dim=1), m[:, 2:].sum(dim=1))


def scores_with_nan(surprise, cuts):
    scored = torch.arange(surprise.shape[2]) >= cuts[:, None]
    m = (surprise * scored[:, None]).sum(dim=2) / scored.sum(dim=1, keepdim=True)
    return torch.where(m.isnan(), m, right(m, m))[:, :2].mean(dim=1)


def engine_on_average(squared):
    return squared.mean(dim=0) / 2


def engine_of_the_best(squared):
    return squared.min(dim=0).values / 2


def engine_added_up(squared):
    return -torch.logsumexp(-squared / 2, dim=0)


def engine_without_two(squared):
    return torch.log(torch.tensor(float(len(squared)))) - torch.logsumexp(-squared, dim=0)


def engine_of_the_likely(squared):
    return torch.logsumexp(-squared / 2, dim=0) - torch.log(torch.tensor(float(len(squared))))


def engine_that_underflows(squared):
    return -torch.exp(-squared / 2).mean(dim=0).log()


def count(first, last, memories, frames, reaches):
    after = torch.arange(last + 1, frames)
    return reaches(after[None] - memories[:, None], first).sum(dim=1)


def reach_to_the_window(first, last, memories, frames):
    return count(first, last, memories, frames, torch.le)


def reach_one_short(first, last, memories, frames):
    return count(first, last, memories, frames, lambda earliest, begin: earliest + 1 < begin)


def reach_below_zero(first, last, memories, frames):
    return torch.minimum(torch.tensor(frames), first + memories) - (last + 1)


def reach_beyond_the_film(first, last, memories, frames):
    return (first + memories - last - 1).clamp(min=0)


def reach_in_hidden_frames(first, last, memories, frames):
    every = torch.arange(first, frames)
    return (every[None] - memories[:, None] < first).sum(dim=1)


def reach_at_all(first, last, memories, frames):
    return (memories > last - first + 1).long()


WRONG = {
    "voe.cut": [
        cut_at_the_beginning,
        cut_after_the_end,
        cut_too_early,
        cut_at_a_single_frame,
        cut_in_the_longest,
        cut_where_nearly_equal,
        cut_where_some_numbers_agree,
    ],
    "voe.scores": [
        scores_of_one_beginning,
        scores_of_one_beginning_without_ties,
        scores_that_foresee_no_tie,
        scores_in_double,
        scores_of_whole_films,
        scores_from_before_the_cut,
        scores_of_maxima,
        scores_by_rounding,
        scores_without_ties,
        scores_with_ties_as_right,
        scores_turned_round,
        scores_added_up,
        scores_of_one_pair,
        scores_of_sums,
        scores_with_nan,
    ],
    "voe.engine": [
        engine_on_average,
        engine_of_the_best,
        engine_added_up,
        engine_without_two,
        engine_of_the_likely,
        engine_that_underflows,
    ],
    "voe.reach": [
        reach_to_the_window,
        reach_one_short,
        reach_below_zero,
        reach_beyond_the_film,
        reach_in_hidden_frames,
        reach_at_all,
    ],
}
