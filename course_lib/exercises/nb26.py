"""Exercises of notebook 26, the verdict: a mark for an interval, luck over many rows, a fair difference, a front."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.exercises.checking import Asked
from course_lib.exercises.core import Exercise, register
from course_lib.exercises.inputs import Inputs, check_values, must_equal, seeded


# --- 1. what an interval allows one to say --------------------------------------------------------------------------
def my_marks(low: Tensor, high: Tensor, floor: Tensor, higher: bool) -> Tensor:
    """What each answer allows one to say: 1 better than its floor, -1 worse, 0 not told apart.

    low, high: ends of its 95 % interval, (N,); floor: the best control, (N,). higher: whether higher is better. The
    whole interval has to lie on one side; an interval that touches the floor is not told apart. -> integers (N,).
    """
    better, worse = (low > floor, high < floor) if higher else (high < floor, low > floor)
    return better.long() - worse.long()


def _intervals(seed: int) -> Inputs:
    """Twelve intervals on both sides of their floors; of two one end is the floor itself. Even seeds: higher is
    better."""
    generator = seeded(seed)
    floor = 0.2 + 0.4 * torch.rand(12, generator=generator)
    middle = floor + torch.tensor([0.3, -0.3, 0.02, -0.02] * 3)
    half = 0.05 + 0.1 * torch.rand(12, generator=generator)
    low, high = middle - half, middle + half
    low[0] = floor[0]
    high[1] = floor[1]
    return low, high, floor, seed % 2 == 0


def _check_marks(candidate: Asked) -> None:
    def marks(low: Tensor, high: Tensor, floor: Tensor, higher: bool) -> Tensor:
        ends = torch.stack([low - floor, high - floor]) * (1 if higher else -1)
        signs = ends.sign()
        return torch.where(signs[0] == signs[1], signs[0], 0).long()

    for seeds in (lambda seed: 2 * seed, lambda seed: 2 * seed + 1):
        check_values(
            candidate,
            marks,
            lambda seed, of=seeds: _intervals(of(seed)),
            [
                (lambda lo, hi, f, up: ((lo + hi) / 2 - f).sign().long() * (1 if up else -1),
                 "The middle of the interval decides here. The whole interval has to lie on one side of the floor."),
                (lambda lo, hi, f, up: marks(lo, hi, f, not up),
                 "Better and worse are exchanged: look at the direction in which this row counts."),
                (lambda lo, hi, f, up: torch.where(hi == f, -1 if up else 1,
                                                   torch.where(lo == f, 1 if up else -1, marks(lo, hi, f, up))),
                 "An interval that only touches its floor is not told apart from it: 0."),
                (lambda lo, hi, f, up: marks(lo, hi, f, up).clamp(min=0),
                 "What is worse than its floor is -1, and 0 is kept for what nobody can tell."),
                (lambda lo, hi, f, up: (marks(lo, hi, f, up) != 0).long(),
                 "This says whether there is a difference. Which way it goes is asked."),
            ],
            "The mark of row {place} is {wanted}; yours is {mine}.",
        )  # fmt: skip
    must_equal(candidate(torch.tensor([0.6]), torch.tensor([0.7]), torch.tensor([0.5]), True), torch.tensor([1]), [],
               "From 0.6 to 0.7 with a floor of 0.5, higher is better: the mark is {wanted}, yours is "
               "{mine}.")  # fmt: skip


register(
    Exercise(
        id="verdict.marks",
        notebook="26",
        title="What an interval allows one to say",
        difficulty=1,
        minutes=8,
        reference=my_marks,
        check=_check_marks,
        hints=(
            "Where higher is better, better means low > floor. What does it mean where lower is better?",
            "better, worse = (low > floor, high < floor) or, where lower is better, the other way round; their "
            "difference as whole numbers.",
        ),
        explanation="A difference within the interval may be luck, so it gets no mark. The floor's own interval is "
        "left out, which makes the marks a little too sure of themselves.",
    )
)


# --- 2. luck over many rows -----------------------------------------------------------------------------------------
def my_family_wise_error(rows: int, level: float = 0.95) -> float:
    """How likely at least one useless model out of many gets the mark "above" by luck.

    rows: how many independent rows, each of a model that is exactly as good as its floor; level: of the two-sided
    interval, which leaves out equally much on both sides. -> a probability.
    """
    return 1.0 - (1.0 - (1.0 - level) / 2.0) ** rows


def _tables(seed: int) -> Inputs:
    return (3 + 4 * seed, (0.95, 0.9, 0.8)[seed % 3])


def _check_error(candidate: Asked) -> None:
    def nobody(rows: int, miss: float) -> float:
        none = 1.0
        for _ in range(rows):
            none -= none * miss
        return none

    check_values(
        candidate,
        lambda rows, level: 1.0 - nobody(rows, (1.0 - level) / 2.0),
        _tables,
        [
            (lambda rows, level: 1.0 - level**rows,
             "An interval misses on two sides. A useless model looks better only when the whole interval lies above: "
             "half of the misses."),
            (lambda rows, level: rows * (1.0 - level) / 2.0,
             "This is how many marks are expected, and with many rows it passes 1. The chance of at least one is "
             "asked."),
            (lambda rows, level: min(1.0, rows * (1.0 - level) / 2.0),
             "The sum of the chances is a bound (Bonferroni). The rows are independent, so the chance can be had "
             "exactly: first that it happens in none."),
            (lambda rows, level: nobody(rows, (1.0 - level) / 2.0),
             "This is the chance that it happens to nobody. The other event is asked."),
            (lambda rows, level: ((1.0 - level) / 2.0) ** rows, "This is the chance that it happens in every row."),
        ],
        "The chance is {wanted}; yours is {mine}.",
    )  # fmt: skip
    must_equal(candidate(1), 0.025, [], "Of one row the chance is {wanted}; yours is {mine}.")


register(
    Exercise(
        id="verdict.luck",
        notebook="26",
        title="Luck over many rows",
        difficulty=2,
        minutes=8,
        reference=my_family_wise_error,
        check=_check_error,
        hints=(
            "How likely does a single row of a useless model lie wholly above its floor? Then: in none of them.",
            "1 - (1 - (1 - level) / 2) ** rows.",
        ),
        explanation="This is the family-wise error rate. A table of a hundred rows has marks that are luck, so a "
        "verdict never rests on one of them alone.",
    )
)


# --- 3. a planted bug: a fair difference ----------------------------------------------------------------------------
def my_fair_difference(a: Tensor, b: Tensor) -> float:
    """By how much model a is better than model b, on average over the questions that both have answered.

    a, b: shares of the way, (Q,), nan where a question does not apply; they share at least one question. -> float.
    """
    both = a.isfinite() & b.isfinite()
    return float((a - b)[both].mean())


def _two_models(seed: int) -> Inputs:
    generator = seeded(seed)
    a, b = (torch.rand(8, generator=generator) for _ in range(2))
    a[0], a[3], b[5] = torch.nan, torch.nan, torch.nan
    b[0] = b[0] + 0.4
    return a, b


def _check_fair(candidate: Asked) -> None:
    def common(a: Tensor, b: Tensor) -> list[tuple[float, float]]:
        return [(x, y) for x, y in zip(a.tolist(), b.tolist(), strict=True) if x == x and y == y]

    def right(a: Tensor, b: Tensor) -> float:
        pairs = common(a, b)
        return sum(x - y for x, y in pairs) / len(pairs)

    check_values(
        candidate,
        right,
        _two_models,
        [
            (lambda a, b: float(a.nanmean() - b.nanmean()),
             "Each model is averaged over its own questions here. Whoever leaves out the hard ones wins: take the "
             "questions that both have answered."),
            (lambda a, b: float((a.nan_to_num(0.0) - b.nan_to_num(0.0)).mean()),
             "A question that does not apply counts as 0 here. That is a choice too, and not the one asked for."),
            (lambda a, b: float((a - b).nan_to_num(0.0).mean()),
             "The sum is divided by all questions; divide it by those that both have answered."),
            (lambda a, b: float((a - b).nansum()), "This is the sum of the differences; their mean is asked for."),
            (lambda a, b: -right(a, b), "The sign is turned round: a less b."),
            (lambda a, b: sum(abs(x - y) for x, y in common(a, b)) / len(common(a, b)),
             "These are distances. Where b is better the difference is negative."),
        ],
        "The difference is {wanted}; yours is {mine}.",
        infinite="Your result is not a number: some questions do not apply to one of the two.",
    )  # fmt: skip
    must_equal(candidate(torch.tensor([0.9, 0.5, torch.nan]), torch.tensor([torch.nan, 0.2, 0.8])), 0.3, [],
               "One of three questions is common, 0.5 against 0.2: the difference is {wanted}, yours is "
               "{mine}.")  # fmt: skip


register(
    Exercise(
        id="verdict.fair",
        notebook="26",
        title="A fair difference",
        difficulty=2,
        minutes=10,
        reference=my_fair_difference,
        check=_check_fair,
        hints=(
            "Which questions have both answered? Only those may count, for both.",
            "both = a.isfinite() & b.isfinite(); the mean of (a - b)[both].",
        ),
        explanation="A mean over the questions that were answered rewards silence. Over the common ones it compares "
        "like with like, and says nothing of the rest: that has to be said beside it.",
    )
)


# --- 4. who is beaten by nobody -------------------------------------------------------------------------------------
def my_undominated(scores: Tensor) -> Tensor:
    """Who is not dominated: nobody else is at least as good in every question and better in at least one.

    scores: (N, Q), higher is better; nan, a question that does not apply, is worse than any answer. -> bool (N,).
    """
    s = scores.nan_to_num(-torch.inf)
    as_good = (s[:, None] >= s[None]).all(dim=2)  # (N, N): row at least as good as column, everywhere
    better = (s[:, None] > s[None]).any(dim=2)
    return ~(as_good & better).any(dim=0)


def _scores(seed: int) -> Inputs:
    """Seven models: two alike and good, two that each of them dominates, of which one leaves a question out, one that
    answers little, and others."""
    generator = seeded(seed)
    scores = 0.6 * torch.rand(7, 4, generator=generator)
    scores[0] = torch.tensor([0.7, 0.7, 0.2, 0.7])
    scores[1] = scores[0]
    scores[2] = scores[0] - torch.tensor([0.0, 0.1, 0.0, 0.0])
    scores[3] = torch.tensor([torch.nan, torch.nan, 0.9, torch.nan])
    scores[4] = scores[0] - 0.15
    scores[4, 2] = torch.nan
    return (scores[torch.randperm(7, generator=generator)],)


def _check_undominated(candidate: Asked) -> None:
    def front(scores: Tensor, strict: bool = False) -> Tensor:
        rows = [[-1e9 if v != v else v for v in row] for row in scores.tolist()]
        kept = []
        for mine in rows:
            beaten = False
            for other in rows:
                pairs = list(zip(other, mine, strict=True))
                wins = [x > y for x, y in pairs]
                beaten |= all(wins) if strict else all(x >= y for x, y in pairs) and any(wins)
            kept.append(not beaten)
        return torch.tensor(kept)

    check_values(
        candidate,
        front,
        _scores,
        [
            (lambda s: front(s, strict=True),
             "Somebody is dominated already when another is as good everywhere and better in one question; you ask "
             "that it be better in all."),
            (lambda s: ~front(s), "These are the dominated ones; the others are asked for."),
            (lambda s: (s == s.nan_to_num(-1e9).amax(dim=0)).any(dim=1),
             "These are the best of single questions. Somebody who is second everywhere can be undominated too."),
            (lambda s: torch.tensor([bool(m == m) for m in s.sum(dim=1)]) & front(s),
             "Whoever leaves a question out is not dominated for that alone; it is worse than any answer there."),
            (lambda s: torch.tensor([not ((o := s.nan_to_num(-1e9)) >= o[i]).all(dim=1)
                                     .logical_and(torch.arange(len(s)) != i).any() for i in range(len(s))]),
             "Two models that are equal in every question do not dominate each other."),
            (lambda s: ~((s[:, None] >= s[None]).all(dim=2) & (s[:, None] > s[None]).any(dim=2)).any(dim=0),
             "nan compares false with everything, so nobody is better than who leaves a question out: put it below "
             "any answer first."),
        ],
        "Whether model {place} is undominated: {wanted}; yours says {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="verdict.front",
        notebook="26",
        title="Who is beaten by nobody",
        difficulty=3,
        minutes=12,
        reference=my_undominated,
        check=_check_undominated,
        hints=(
            "Compare all with all: (N, 1, Q) against (1, N, Q). Two tables of N x N are needed.",
            "as good everywhere: (a >= b).all(dim=2); better somewhere: (a > b).any(dim=2). Dominated is who has a "
            "column with both.",
        ),
        explanation="The undominated ones are the Pareto front. It needs no weights between questions. To choose "
        "within it somebody has to say what a world model is for.",
    )
)
