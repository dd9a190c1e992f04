"""Exercises of notebook 25, what latents know: two directions in a state, whose future it is, what a cause changes."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.exercises.checking import Asked
from course_lib.exercises.core import Exercise, register
from course_lib.exercises.inputs import Inputs, check_values, must_equal, seeded


# --- 1. the smallest change that a probe sees -----------------------------------------------------------------------
def my_smallest_change(weights: Tensor) -> Tensor:
    """The shortest change of a state that raises the reading of a linear probe by one.

    weights: of the probe, (D,); the reading of a state s is s @ weights + offset. -> (D,).
    """
    return weights / weights.square().sum()


def _weights(seed: int) -> Inputs:
    weights = torch.randn(6, generator=seeded(seed))
    weights[seed % 6] = 0.0
    return (weights,)


def _check_smallest(candidate: Asked) -> None:
    check_values(
        candidate,
        lambda w: torch.linalg.pinv(w[None])[:, 0],
        _weights,
        [
            (lambda w: w.clone(), "Moved along the weights themselves, the reading rises by |w|^2, not by one."),
            (lambda w: w / w.norm(), "This is one unit long. The reading rises by |w| then; it should rise by one."),
            (lambda w: torch.where(w == 0, 0.0, 1 / (w * (w != 0).sum())),
             "The reading rises by one, and every number carries an equal share of it. A shorter change exists: let "
             "numbers with large weights move more."),
            (lambda w: torch.nn.functional.one_hot(w.abs().argmax(), len(w)) / w[w.abs().argmax()],
             "Only the number with the largest weight moves. The reading rises by one, but a shorter change exists."),
            (lambda w: -w / w.square().sum(), "The sign is turned round: the reading falls by one."),
        ],
        "Number {place} of the change is {wanted}, yours is {mine}.",
        infinite="Your result is not finite: a weight may be 0.",
    )  # fmt: skip
    must_equal(candidate(torch.tensor([3.0, 4.0])), torch.tensor([0.12, 0.16]), [],
               "For the weights (3, 4) number {place} is {wanted}, yours is {mine}.")  # fmt: skip


register(
    Exercise(
        id="latents.smallest",
        notebook="25",
        title="The smallest change that a probe sees",
        difficulty=2,
        minutes=8,
        reference=my_smallest_change,
        check=_check_smallest,
        hints=(
            "Of all changes with (change @ weights) = 1 the shortest one points along the weights. How long is it?",
            "change = k * weights with k * (weights @ weights) = 1.",
        ),
        explanation="A linear probe sees a state along one line only, and this is a step along that line. Everything "
        "that goes along with the variable in real states, and that the probe does not need, stays where it was.",
    )
)


# --- 2. what goes along with the variable ---------------------------------------------------------------------------
def my_change_together(states: Tensor, values: Tensor) -> Tensor:
    """How each number of the states changes, on average, with one unit of a variable: the slope of a straight line.

    states: (N, D); values: of the variable, (N,) -> (D,).
    """
    centred = values - values.mean()
    return states.T @ centred / centred.square().sum()


def _states(seed: int) -> Inputs:
    generator = seeded(seed)
    values = 5.0 + 3.0 * torch.randn(9, generator=generator)
    states = 0.5 * torch.randn(9, 4, generator=generator) - 2.0
    states[:, 0] += values
    states[:, 1] -= 0.3 * values
    return states, values


def _check_together(candidate: Asked) -> None:
    def slopes(states: Tensor, values: Tensor) -> Tensor:
        design = torch.stack([values, torch.ones_like(values)], dim=1)
        return torch.linalg.lstsq(design, states).solution[0]

    check_values(
        candidate,
        slopes,
        _states,
        [
            (lambda s, v: (s - s.mean(dim=0)).T @ (v - v.mean()) / len(v),
             "This is the covariance. Divided by the variance of the variable it says how far a number goes with one "
             "unit."),
            (lambda s, v: s.T @ v / v.square().sum(),
             "The means are not taken off: these lines are forced through zero."),
            (lambda s, v: torch.corrcoef(torch.cat([s, v[:, None]], dim=1).T)[-1, :-1],
             "These are correlations, without a unit. How far does a number go with one unit of the variable?"),
            (lambda s, v: torch.linalg.lstsq(torch.cat([s, torch.ones_like(v)[:, None]], dim=1), v[:, None])
             .solution[:-1, 0],
             "This is the probe the other way round: the variable fitted to the states. Fit each number of the state "
             "to the variable."),
            (lambda s, v: ((s - s.mean(dim=0)) / (v - v.mean())[:, None]).mean(dim=0),
             "A mean of ratios is ruled by the films near the mean. Divide the sums."),
        ],
        "Number {place} of the change is {wanted}, yours is {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="latents.together",
        notebook="25",
        title="What goes along with the variable",
        difficulty=2,
        minutes=10,
        reference=my_change_together,
        check=_check_together,
        hints=(
            "For one number of the state: the slope of the line through the points (value, number).",
            "covariance with the variable, divided by the variance of the variable; a matrix product does all numbers.",
        ),
        explanation="A probe asks what the state says about the variable. This asks what the variable does to the "
        "state, and moves all of that together, copies included.",
    )
)


# --- 3. whose future is it? -----------------------------------------------------------------------------------------
def my_followed(mixed: Tensor, own: Tensor, other: Tensor) -> Tensor:
    """How far a future went over from one's own to the other's: 0 it stayed, 1 it went over.

    mixed, own, other: places, (N, 2), own and other in different places. The part of (mixed - own) that lies along the
    way from own to other, as a share of that way. -> (N,).
    """
    way = other - own
    return ((mixed - own) * way).sum(dim=1) / way.square().sum(dim=1)


def _places(seed: int) -> Inputs:
    generator = seeded(seed)
    own, mixed = (20.0 * torch.rand(7, 2, generator=generator) for _ in range(2))
    other = own + 3.0 + 4.0 * torch.rand(7, 2, generator=generator)
    mixed[4] = own[4] - 0.3 * (other[4] - own[4])
    return mixed, own, other


def _check_followed(candidate: Asked) -> None:
    def along(mixed: Tensor, own: Tensor, other: Tensor, power: int = 2) -> Tensor:
        length = torch.hypot(*(other - own).T)
        return torch.einsum("nk,nk->n", mixed - own, (other - own) / length[:, None]) / length ** (power - 1)

    check_values(
        candidate,
        along,
        _places,
        [
            (lambda m, a, b: torch.hypot(*(m - a).T) / torch.hypot(*(b - a).T),
             "This compares lengths. A future that went off to the side, or backwards, counts as gone over then; take "
             "the part along the way."),
            (lambda m, a, b: along(m, b, a), "0 and 1 are exchanged: 0 means that it stayed."),
            (lambda m, a, b: along(m, a, b, power=1),
             "This is a length in units. As a share it is divided by the length of the way once more."),
            (lambda m, a, b: along(m, a, b).clamp(0, 1),
             "The share is cut off at 0 and 1. A future that goes backwards has a share below 0: do not hide it."),
            (lambda m, a, b: ((m - a) / (b - a)).mean(dim=1),
             "This takes shares coordinate by coordinate and averages them: one small difference rules the mean."),
        ],
        "For film {place} the share is {wanted}, yours is {mine}.",
    )  # fmt: skip
    must_equal(candidate(torch.tensor([[4.0, 3.0]]), torch.tensor([[0.0, 0.0]]), torch.tensor([[8.0, 0.0]])),
               torch.tensor([0.5]), [], "From (0, 0) to (8, 0), a future at (4, 3) has the share {wanted}, yours is "
                                        "{mine}.")  # fmt: skip


register(
    Exercise(
        id="latents.followed",
        notebook="25",
        title="Whose future is it?",
        difficulty=3,
        minutes=12,
        reference=my_followed,
        check=_check_followed,
        hints=(
            "The part of a vector along another one is a dot product divided by a length.",
            "((mixed - own) * (other - own)).sum(dim=1) / (other - own).square().sum(dim=1).",
        ),
        explanation="The share of an interchange intervention: the state gets one part from another film, and its "
        "future says which part is believed. Away from the way counts neither for one nor for the other.",
    )
)


# --- 4. an experiment: what a cause changes -------------------------------------------------------------------------
def my_caused_share(with_it: Tensor, without_it: Tensor, true_effect: Tensor) -> float:
    """How much of a true effect a dream has when a cause is taken away: the mean effect over the mean true effect.

    with_it, without_it: heights of the agent in two dreams of a room, (N,), nan where the agent is not found;
    true_effect: without less with, in the simulator, (N,). A room in which the agent is lost in either dream counts as
    one without an effect. -> float.
    """
    effect = (without_it - with_it).nan_to_num(0.0)
    return float(effect.mean() / true_effect.mean())


def _heights(seed: int) -> Inputs:
    generator = seeded(seed)
    with_it = 12.0 + torch.rand(8, generator=generator)
    true = -4.0 - 3.0 * torch.rand(8, generator=generator)
    without = with_it + 0.7 * true + torch.rand(8, generator=generator)
    with_it[1], without[5] = torch.nan, torch.nan
    return with_it, without, true


def _check_caused(candidate: Asked) -> None:
    def effect(a: Tensor, b: Tensor) -> Tensor:
        both = torch.isfinite(a) & torch.isfinite(b)
        return torch.where(both, b - a, torch.zeros_like(a))

    check_values(
        candidate,
        lambda a, b, true: float(effect(a, b).sum() / true.sum()),
        _heights,
        [
            (lambda a, b, true: float((b - a).nanmean() / true.mean()),
             "The rooms in which the agent is lost are left out. A model could look better then by losing it: they "
             "count as rooms without an effect."),
            (lambda a, b, true: float(((b - a) / true).nan_to_num(0.0).mean()),
             "This is a mean of ratios; a room with a small true effect rules it. Divide the means."),
            (lambda a, b, true: float((a - b).nan_to_num(0.0).mean() / true.mean()),
             "The sign is turned round: the effect is what happens without, less what happens with."),
            (lambda a, b, true: float((b.nan_to_num(0.0) - a.nan_to_num(0.0)).mean() / true.mean()),
             "A lost agent is taken to stand at height 0 here, which looks like a deep fall."),
            (lambda a, b, true: float(effect(a, b).mean()),
             "This is the effect in units. How much of the true effect is it?"),
        ],
        "The share is {wanted}, yours is {mine}.",
        infinite="Your result is not finite: some agents are not found.",
    )  # fmt: skip


register(
    Exercise(
        id="latents.caused",
        notebook="25",
        title="What a cause changes",
        difficulty=2,
        minutes=10,
        reference=my_caused_share,
        check=_check_caused,
        hints=(
            "First one number a room: without less with, and 0 where either is nan.",
            "(without_it - with_it).nan_to_num(0.0).mean() / true_effect.mean(), as a float.",
        ),
        explanation="Nothing is assumed about how a model holds the platform. One thing is taken away, and two dreams "
        "are compared: that is all a cause means here, as in an experiment.",
    )
)
