"""Exercises of notebook 22, planning in levels: a table from counts, codes, equal budgets, sub-goals, rows of goals."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.exercises.checking import Asked
from course_lib.exercises.core import Exercise, register
from course_lib.exercises.inputs import Inputs, check_values, seeded


# --- 1. a table from counts -----------------------------------------------------------------------------------------
def my_table(counts: Tensor) -> Tensor:
    """The probabilities p(s' | s, a) from counts; a key that was never tried in a cell is taken to stay there.

    counts: float (S, A, S), how often key a led from cell s to cell s' -> (S, A, S).
    """
    total = counts.sum(dim=2, keepdim=True)
    stay = torch.eye(len(counts))[:, None].expand_as(counts)
    return torch.where(total > 0, counts / total.clamp_min(1.0), stay)


def _counts(seed: int) -> Inputs:
    """Counts of six cells and four keys; some keys were tried in no cell's company, others once or often."""
    generator = seeded(seed)
    counts = torch.randint(0, 4, (6, 4, 6), generator=generator).float()
    counts[torch.rand(6, 4, 6, generator=generator) < 0.5] = 0.0
    counts[0, 1] = counts[3, 2] = counts[5, 0] = 0.0
    counts[2, 3] = 0.0
    counts[2, 3, 4] = 1.0
    return (counts,)


def _check_table(candidate: Asked) -> None:
    def shares(counts: Tensor, untried: str = "stay") -> Tensor:
        result = torch.zeros_like(counts)
        for s in range(len(counts)):
            for a in range(counts.shape[1]):
                row = counts[s, a]
                if row.sum() > 0:
                    result[s, a] = row / row.sum()
                elif untried == "stay":
                    result[s, a, s] = 1.0
                elif untried == "even":
                    result[s, a] = 1.0 / len(row)
                elif untried == "first":
                    result[s, a, 0] = 1.0
        return result

    def over(dim: int) -> object:
        return lambda counts: counts / counts.sum(dim=dim, keepdim=True).clamp_min(1.0)

    check_values(
        candidate,
        shares,
        _counts,
        [
            (lambda c: shares(c, "none"),
             "A key that was never tried in a cell has no probabilities at all here: its row sums to 0. Let it stay."),
            (lambda c: shares(c, "even"),
             "An untried key leads evenly to all cells here. Then the planner hopes for the goal by pressing what it "
             "knows nothing about: let it stay where it is."),
            (lambda c: shares(c, "first"), "An untried key leads to cell 0 here: it stays in its own cell s."),
            (over(0), "This divides by the sum over the cells it came from; the last axis is to sum to 1."),
            (over(1), "This divides by the sum over the keys; the last axis is to sum to 1."),
            (lambda c: c / c.sum().clamp_min(1.0), "This divides by all counts; divide each row [s, a] by its own."),
            (lambda c: c, "These are the counts themselves: divide each row by its sum."),
        ],
        "At {place} (cell, key, next cell) it is {wanted}; yours is {mine}.",
        infinite="Your result is not finite: 0 / 0 stands where a key was never tried.",
    )  # fmt: skip


register(
    Exercise(
        id="levels.table",
        notebook="22",
        title="A table from counts",
        difficulty=2,
        minutes=8,
        reference=my_table,
        check=_check_table,
        hints=("Each row counts[s, a] is divided by its own sum. What is left are the rows whose sum is 0.",
               "total = counts.sum(dim=2, keepdim=True); torch.where(total > 0, counts / total.clamp_min(1), stay), "
               "where stay[s, a, s] is 1."),
        explanation="To stay is a cautious guess: an untried key promises nothing. A hopeful guess would make the "
        "planner explore, which is right in a real room and wrong where nobody will ever look again.",
    )
)  # fmt: skip


# --- 2. the loss of a level that may choose -------------------------------------------------------------------------
def my_code_loss(guesses: Tensor, later: Tensor, relax: float) -> Tensor:
    """The loss of each pair: (1 - relax) of the smallest energy over the codes, and relax of their mean.

    guesses: (B, Z, D), one for each code; later: (B, D), what came -> (B,). An energy is a mean of squares over D.
    """
    energies = (guesses - later[:, None]).square().mean(dim=2)  # (B, Z)
    return (1.0 - relax) * energies.min(dim=1).values + relax * energies.mean(dim=1)


def _guesses(seed: int) -> Inputs:
    generator = seeded(seed)
    return (torch.randn(5, 4, 3, generator=generator), torch.randn(5, 3, generator=generator), 0.1 + 0.1 * (seed % 3))


def _check_code_loss(candidate: Asked) -> None:
    def loss(guesses: Tensor, later: Tensor, relax: float, best: str = "min", power: int = 2) -> Tensor:
        gaps = torch.stack([guesses[:, z] - later for z in range(guesses.shape[1])], dim=1).abs() ** power
        energies = gaps.sum(dim=2) / gaps.shape[2]
        ordered = energies.sort(dim=1).values
        chosen = ordered[:, 0] if best == "min" else ordered[:, -1]
        return chosen - relax * chosen + relax * energies.mean(dim=1)

    def near_the_mean(guesses: Tensor, later: Tensor, relax: float) -> Tensor:
        energy = (guesses.mean(dim=1) - later).square().mean(dim=1)
        least = (guesses - later[:, None]).square().mean(dim=2).amin(dim=1)
        return (1.0 - relax) * least + relax * energy

    check_values(
        candidate,
        loss,
        _guesses,
        [
            (lambda g, s, r: loss(g, s, 0.0), "The mean over the codes is missing: a code that never wins would learn "
             "nothing."),
            (lambda g, s, r: loss(g, s, 1.0),
             "This is the mean over all codes: each is drawn to the same average future, and the choice is gone."),
            (lambda g, s, r: loss(g, s, 1.0 - r), "The shares are exchanged: the smallest energy has 1 - relax."),
            (lambda g, s, r: loss(g, s, r, best="max"), "This takes the largest energy; the best code wins."),
            (lambda g, s, r: loss(g, s, r, power=1), "An energy is the mean of squares, this one of absolute values."),
            (lambda g, s, r: loss(g, s, r) * g.shape[2], "The squares are added up over D; their mean is asked for."),
            (near_the_mean, "The mean is over the codes' energies, not the energy of their mean guess."),
            (lambda g, s, r: loss(g, s, 0.0) + r * loss(g, s, 1.0), "The smallest energy has the share 1 - relax."),
            (lambda g, s, r: loss(g, s, r).mean(), "This is one number for all pairs; one for each pair is asked for."),
        ],
        "Pair {place} has {wanted}; yours has {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="levels.code_loss",
        notebook="22",
        title="A level that may choose its code",
        difficulty=2,
        minutes=8,
        reference=my_code_loss,
        check=_check_code_loss,
        hints=("First the energies of all codes, (B, Z): later[:, None] has the shape to be subtracted.",
               "energies = (guesses - later[:, None]).square().mean(dim=2); then (1 - relax) * "
               "energies.min(dim=1).values + relax * energies.mean(dim=1)."),
        explanation="The minimum lets each code become another kind of future. The small mean keeps a gradient for "
        "those that have not won yet; with relax = 1 all codes learn the same average.",
    )
)  # fmt: skip


# --- 3. equal budgets -----------------------------------------------------------------------------------------------
def my_equal_leaps(candidates: int, chunks: int, hold: int, lower_chunks: int, leaps: int) -> int:
    """How many upper plans each round may have, for two levels to imagine no more than one level does.

    One level imagines ``candidates`` plans of ``chunks`` keys, each held for ``hold`` frames. At two levels the lower
    one imagines as many plans of ``lower_chunks`` keys, the upper one plans of ``leaps`` leaps. The rounds are equal.
    """
    return candidates * hold * (chunks - lower_chunks) // leaps


def _budgets(seed: int) -> Inputs:
    return 20 + 7 * seed, 7 + seed % 2, 2 + seed % 3, 3 + seed % 2, 3 + 2 * (seed % 2)


def _check_equal_leaps(candidate: Asked) -> None:
    def spare(candidates: int, chunks: int, hold: int, lower: int, leaps: int) -> int:
        left = sum(hold for _ in range(chunks - lower)) * candidates
        return (left - left % leaps) // leaps

    check_values(
        candidate,
        spare,
        _budgets,
        [
            (lambda c, n, h, low, up: c * (n - low) // up,
             "A key that is held for several frames is as many steps of the predictor; a leap is one step, however "
             "many frames it leaps over."),
            (lambda c, n, h, low, up: c * n * h // up,
             "The lower level's steps are to be paid as well: take them off first."),
            (lambda c, n, h, low, up: c * h * (n - low), "An upper plan takes one step for each of its leaps."),
            (lambda c, n, h, low, up: -(-c * h * (n - low) // up),
             "Rounded up, two levels would imagine more than one. Round down."),
            (lambda c, n, h, low, up: c, "This is the number of candidates itself."),
        ],
        "The upper level may have {wanted} plans; you have {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="levels.equal",
        notebook="22",
        title="Equal numbers of evaluations",
        difficulty=2,
        minutes=8,
        reference=my_equal_leaps,
        check=_check_equal_leaps,
        hints=("Count the steps of one plan: chunks * hold for keys, one for each leap.",
               "One level: candidates * chunks * hold. Take off candidates * lower_chunks * hold, and divide what is "
               "left by the leaps of a plan, rounded down."),
        explanation="Without equal budgets a comparison of planners compares computers. The leap is what the upper "
        "level has to offer: one step of its predictor for eight frames.",
    )
)  # fmt: skip


# --- 4. a planted bug: which sub-goal? ------------------------------------------------------------------------------
def my_subgoal(way: Tensor, goal: Tensor) -> Tensor:
    """Where the lower level shall go: the state after the first leap, or the goal where the plan is nearest to it then.

    way: (M, leaps + 1, D), an upper plan of each room, the present first. goal: (M, D) -> (M, D). The present does not
    count.
    """
    distance = (way[:, 1:] - goal[:, None]).norm(dim=2)  # (M, leaps)
    at_once = distance.argmin(dim=1) == 0
    return torch.where(at_once[:, None], goal, way[:, 1])


def _plans(seed: int) -> Inputs:
    """Eight rooms: the plan is nearest after the first leap in some, in others later, or at the present."""
    generator = seeded(seed)
    way, goal = torch.randn(8, 5, 3, generator=generator), torch.randn(8, 3, generator=generator)
    for room, step in enumerate((1, 3, 0, 4, 1, 2, 0, 1)):
        way[room, step] = goal[room] + 0.2 * torch.randn(3, generator=generator)
    way[2, 1] = goal[2] + torch.tensor([0.5, 0.0, 0.0])  # the present is nearest, the first leap the next
    return way, goal


def _check_subgoal(candidate: Asked) -> None:
    def chosen(way: Tensor, goal: Tensor, step: int = 1, first: int = 1, known: bool = True) -> Tensor:
        rows = []
        for plan, target in zip(way, goal, strict=True):
            gaps = [(state - target).square().sum() for state in plan[first:]]
            nearest = min(range(len(gaps)), key=lambda i: gaps[i]) + first
            rows.append(target if known and nearest == 1 else plan[step])
        return torch.stack(rows)

    def of_the_nearest(way: Tensor, goal: Tensor) -> Tensor:
        gaps = (way[:, 1:] - goal[:, None]).norm(dim=2)
        return way[torch.arange(len(way)), 1 + gaps.argmin(dim=1)]

    check_values(
        candidate,
        chosen,
        _plans,
        [
            (lambda w, g: torch.where(((w - g[:, None]).norm(dim=2).argmin(dim=1) == 0)[:, None], g, w[:, 0]),
             "This is the broken version: the first state of an upper plan is the present, so the lower level is sent "
             "to where it is."),
            (lambda w, g: chosen(w, g, step=-1),
             "The lower level is sent to the END of the upper plan, which it cannot reach in its eight frames. The "
             "first leap is meant."),
            (lambda w, g: w[:, -1],
             "This is the last state in every room, which the lower level cannot reach in its eight frames. The first "
             "leap is meant; where the plan is nearest after that leap, the goal itself."),
            (lambda w, g: chosen(w, g, step=0), "The sub-goal here is the present itself: the lower level would stay."),
            (lambda w, g: chosen(w, g, known=False),
             "Where the plan is nearest after its first leap, the goal itself is better than a guess at it."),
            (lambda w, g: chosen(w, g, first=0), "The present counts here; only what is to come does."),
            (lambda w, g: g.clone(), "This is the goal everywhere: then the upper level says nothing."),
            (of_the_nearest, "This is the plan's nearest state, maybe several leaps away; the first leap is meant."),
        ],
        "At {place} (room, number) it is {wanted}; yours is {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="levels.subgoal",
        notebook="22",
        title="The bug in the sub-goal",
        difficulty=3,
        minutes=10,
        reference=my_subgoal,
        check=_check_subgoal,
        hints=("way has one state more than the plan has leaps. Which one stands first?",
               "distance = (way[:, 1:] - goal[:, None]).norm(dim=2); where its smallest entry is the first, the "
               "goal; elsewhere way[:, 1]."),
        explanation="An index that is one too small sends the lower level to where it stands, and it obeys. A "
        "sub-goal is of use where it lies ahead, and within what the lower level can reach.",
    )
)  # fmt: skip


# --- 5. rows that were finished -------------------------------------------------------------------------------------
def my_finished(steps: Tensor, limit: int) -> Tensor:
    """How many rows of 1, 2, ... goals were finished: all of their goals reached, each within ``limit`` frames.

    steps: int64 (N, K), frames to each goal from the one before; limit + 1 where it was not reached, and for all goals
    after that -> int64 (K,).
    """
    return (steps <= limit).long().cumprod(dim=1).sum(dim=0)


def _rows(seed: int) -> Inputs:
    generator, limit = seeded(seed), 30 + seed
    steps = torch.randint(1, limit + 1, (14, 4), generator=generator)
    steps[0, 3] = limit  # just in time
    for row, end in enumerate(torch.randint(0, 5, (13,), generator=generator).tolist()):
        steps[row + 1, end:] = limit + 1
    return steps, limit


def _check_finished(candidate: Asked) -> None:
    def rows(steps: Tensor, limit: int, late: int = 0) -> Tensor:
        return torch.tensor([sum(all(s <= limit - late for s in row[: k + 1]) for row in steps.tolist())
                             for k in range(steps.shape[1])])  # fmt: skip

    check_values(
        candidate,
        rows,
        _rows,
        [
            (lambda s, n: rows(s, n, 1), "A goal that is reached in the last frame is reached: <= limit."),
            (lambda s, n: rows(s, n).float() / len(s), "These are shares; the numbers of rows are asked for."),
            (lambda s, n: len(s) - rows(s, n), "These are the rows that were not finished."),
            (lambda s, n: (s.cumsum(dim=1) <= n).sum(dim=0),
             "Each goal has its own limit here: the frames are not to be added up."),
            (lambda s, n: rows(s, n)[-1].expand(s.shape[1]).clone(),
             "This counts rows of all goals everywhere; number k counts those whose first k + 1 goals were reached."),
            (lambda s, n: (s <= n).sum(dim=1), "This counts the goals of each row; count the rows."),
            (lambda s, n: rows(s, n).cumsum(dim=0), "These are added up over the lengths."),
        ],
        "Of {place} it is {wanted}; yours is {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="levels.finished",
        notebook="22",
        title="Rows that were finished",
        difficulty=1,
        minutes=6,
        reference=my_finished,
        check=_check_finished,
        hints=("First which goals were reached in time; a row of k goals needs the first k of them.",
               "(steps <= limit).long().cumprod(dim=1) is 1 as long as nothing was missed; sum it over the rows."),
        explanation="Rows of different lengths are not independent: a row of four that is finished has finished its "
        "rows of three, two and one as well.",
    )
)  # fmt: skip
