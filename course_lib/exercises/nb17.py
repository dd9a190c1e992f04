"""Exercises of notebook 17, energy and collapse: the best latent, the force, two terms against collapse, the rank."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.exercises.checking import Asked
from course_lib.exercises.core import Exercise, register
from course_lib.exercises.inputs import Inputs, check_values, must_equal, seeded


# --- 1. the force ---------------------------------------------------------------------------------------------------
def my_force(y: Tensor, points: Tensor, width: float) -> Tensor:
    """Minus the gradient of E(y) = -log sum_k exp(-|y - p_k|^2 / (2 width^2)). y: (B, 2), points: (N, 2) -> (B, 2)."""
    apart = points[None] - y[:, None]  # (B, N, 2)
    shares = torch.softmax(-apart.square().sum(dim=2) / (2.0 * width**2), dim=1)  # (B, N)
    return (shares[:, :, None] * apart).sum(dim=1) / width**2


def _places_and_points(seed: int) -> Inputs:
    generator = seeded(seed)
    width = float(0.6 + 0.3 * torch.rand((), generator=generator))
    return torch.randn(5, 2, generator=generator), torch.randn(4, 2, generator=generator), width


def _check_force(candidate: Asked) -> None:
    candidate.explaining(
        {(3, 2): "One arrow for each point came out. Weigh what the N points say at each y, and add them up."}
    )(torch.tensor([[0.3, 0.1], [1.0, -1.0]]), torch.tensor([[-1.0, 0.0], [1.0, 0.5], [0.2, 0.9]]), 0.8)

    def pulled(y: Tensor, points: Tensor, below: float, size: float, sign: float = 1.0) -> Tensor:
        logs = -sign * torch.cdist(y, points).square() / below
        return ((logs.exp() / logs.exp().sum(dim=1, keepdim=True)) @ points - y) / size

    check_values(
        candidate,
        lambda y, points, w: pulled(y, points, 2 * w * w, w * w),
        _places_and_points,
        [
            (lambda y, points, w: -pulled(y, points, 2 * w * w, w * w),
             "This is the gradient itself, which points uphill. The force is minus the gradient."),
            (lambda y, points, w: pulled(y, points, 2 * w * w, 1.0),
             "The direction is right, the length is not: the slope of |y - p|^2 / (2 width^2) is (y - p) / width^2."),
            (lambda y, points, w: pulled(y, points, 2 * w * w, w), "Divide by width^2, not by width."),
            (lambda y, points, w: pulled(y, points, w * w, w * w),
             "In the shares the squared distance is divided by 2 width^2; the 2 is missing."),
            (lambda y, points, w: points[torch.cdist(y, points).argmin(dim=1)] / (w * w) - y / (w * w),
             "Only the nearest point pulls here. All of them do, each as much as its share."),
            (lambda y, points, w: (points.mean(dim=0) - y) / (w * w),
             "All points pull equally here. Their shares are exp(-|y - p|^2 / (2 width^2)), made to add up to 1."),
            (lambda y, points, w: len(points) * (points.mean(dim=0) - y) / (w * w),
             "All points pull with full strength here. Their shares are to add up to 1."),
            (lambda y, points, w: pulled(y, points, 2 * w * w, w * w, -1.0),
             "The farther a point, the larger its share here: a sign in the exponent is turned round."),
        ],
        "At y{place} the force is {wanted}, yours is {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="energy.force",
        notebook="17",
        title="Which way is down?",
        difficulty=3,
        minutes=10,
        reference=my_force,
        check=_check_force,
        hints=(
            "The derivative of -log(sum) is a weighted mean: each point counts by its share of the sum. What is the "
            "derivative of |y - p|^2 / (2 width^2)?",
            "shares = softmax(-|y - p|^2 / (2 width^2)) over the points, (B, N); then the mean of (p - y) with these "
            "shares, divided by width^2.",
        ),
        explanation="A softmax again. It is the score of a mixture of Gaussians: what notebook 08 calls the way uphill "
        "in log density is the way downhill in energy.",
    )
)


# --- 2. the best latent ---------------------------------------------------------------------------------------------
def my_best_latent(guesses: Tensor, s_y: Tensor) -> tuple[Tensor, Tensor]:
    """F = min over z of |s_y - guess_z|^2 / D, and that z. guesses: (B, Z, D), s_y: (B, D) -> (B,), int64 (B,)."""
    energies = (guesses - s_y[:, None]).square().mean(dim=2)  # (B, Z)
    return energies.amin(dim=1), energies.argmin(dim=1)


def _guesses(seed: int) -> Inputs:
    generator = seeded(seed)
    return torch.randn(5, 4, 3, generator=generator), torch.randn(5, 3, generator=generator)


def _check_best_latent(candidate: Asked) -> None:
    def table(guesses: Tensor, s_y: Tensor) -> Tensor:
        rows = [[((g - s) ** 2).sum() / len(s) for g in row] for row, s in zip(guesses, s_y, strict=True)]
        return torch.tensor(rows)

    def least(energies: Tensor) -> tuple[Tensor, Tensor]:
        return energies.min(dim=1).values, energies.min(dim=1).indices

    check_values(
        candidate,
        lambda guesses, s_y: least(table(guesses, s_y)),
        _guesses,
        [
            (lambda guesses, s_y: least(3 * table(guesses, s_y)),
             "The squared errors are added up over the D numbers here; E is their mean."),
            (lambda guesses, s_y: least(table(guesses, s_y).sqrt()), "This is the distance: E has its square."),
            (lambda guesses, s_y: (table(guesses, s_y).max(dim=1).values, table(guesses, s_y).max(dim=1).indices),
             "This is the worst z. F takes the least energy, that of the best z."),
            (lambda guesses, s_y: (table(guesses, s_y).mean(dim=1), least(table(guesses, s_y))[1]),
             "F is the mean over all z here. It is the least over z: one future that fits is enough."),
            (lambda guesses, s_y: least((guesses - s_y[:, None]).abs().mean(dim=2)),
             "These are absolute errors; E has squared ones."),
            (lambda guesses, s_y: ((guesses.mean(dim=1) - s_y).square().mean(dim=1), least(table(guesses, s_y))[1]),
             "The guesses are averaged first, and their mean is compared: that is a predictor without z."),
            (lambda guesses, s_y: least(table(guesses, s_y))[::-1],
             "The two results are exchanged: the energies F come first, then the numbers of z."),
        ],
        "In {place} it should be {wanted}, yours is {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="energy.best_latent",
        notebook="17",
        title="The energy with a latent variable",
        difficulty=2,
        minutes=8,
        reference=my_best_latent,
        check=_check_best_latent,
        hints=(
            "First a table of energies, one row for each pair and one column for each z. What shape must s_y have to "
            "meet all Z guesses?",
            "s_y[:, None] is (B, 1, D). The mean of the squares over the last axis is (B, Z); amin and argmin over z.",
        ),
        explanation="F(x, y) is small if any z makes y a good continuation of x. So several futures have low energy, "
        "and nobody had to average them.",
        parts=("F", "z"),
    )
)


# --- 3. the variance term -------------------------------------------------------------------------------------------
def my_variance(z: Tensor) -> Tensor:
    """Mean over the D numbers of max(0, 1 - sqrt(Var + 1e-4)), Var unbiased and over the batch. (B, D) -> ()."""
    return F.relu(1.0 - (z.var(dim=0) + 1e-4).sqrt()).mean()


def _embeddings(seed: int) -> Inputs:
    generator = seeded(seed)
    scales = torch.tensor([0.1, 0.4, 0.7, 1.0, 2.0])
    return (torch.randn(7, 5, generator=generator) * scales + torch.randn(5, generator=generator),)


def _check_variance(candidate: Asked) -> None:
    def term(variance: Tensor, eps: float = 1e-4) -> Tensor:
        return (1.0 - (variance + eps).sqrt()).clamp(min=0.0).sum() / len(variance)

    check_values(
        candidate,
        lambda z: term((z - z.mean(dim=0)).square().sum(dim=0) / (len(z) - 1)),
        _embeddings,
        [
            (lambda z: term(z.var(dim=1)),
             "This is the variance within each embedding. Collapse is seen over the batch: compare each number with "
             "itself in the other rows."),
            (lambda z: term(z.var(dim=0, unbiased=False)), "The unbiased variance is asked for: divide by B - 1."),
            (lambda z: (1.0 - z.var(dim=0)).clamp(min=0.0).mean(),
             "This compares the variance with 1, without eps. Compare sqrt(Var + 1e-4): its pull does not fade away "
             "when a number has almost collapsed."),
            (lambda z: (1.0 - (z.var(dim=0) + 1e-4)).clamp(min=0.0).mean(),
             "This compares the variance with 1. Take its square root: its pull does not fade away when a number has "
             "almost collapsed."),
            (lambda z: (1.0 - (z.var(dim=0) + 1e-4).sqrt()).mean(),
             "A deviation above 1 brings a reward here. The hinge, max(0, ...), is missing."),
            (lambda z: 5.0 * term(z.var(dim=0)), "The D numbers are added up; their mean is asked for."),
            (lambda z: term(z.var(dim=0), 0.0),
             "1e-4 is missing under the root: where all rows are equal, the gradient of the root would be infinite."),
            (lambda z: (1.0 - (z.var(dim=0).mean() + 1e-4).sqrt()).clamp(min=0.0),
             "The variances are averaged first: one large number then hides the ones that have collapsed."),
        ],
        "The term is {wanted}, yours is {mine}.",
    )  # fmt: skip
    same = torch.ones(4, 3)
    must_equal(candidate(same), term(torch.zeros(3)), [], "Where all rows are equal it is {wanted}, yours is {mine}.")


register(
    Exercise(
        id="collapse.variance",
        notebook="17",
        title="VICReg's variance term",
        difficulty=2,
        minutes=8,
        reference=my_variance,
        check=_check_variance,
        hints=(
            "Over which axis must the variance be taken, so that it is 0 when all frames have the same embedding?",
            "z.var(dim=0) is (D,) and unbiased. Add 1e-4, take the root, subtract from 1, cut off at 0, take the mean.",
        ),
        explanation="A hinge: below 1 a number is pushed apart over the batch, above 1 it is left alone. Compare the "
        "gradients of a variance and of a deviation near 0: the first fades with the deviation, the second does not.",
        gradients=("z",),
    )
)


# --- 4. the covariance term -----------------------------------------------------------------------------------------
def my_covariance(z: Tensor) -> Tensor:
    """The squared entries of the covariance matrix off its diagonal, added up and divided by D. (B, D) -> ()."""
    centred = z - z.mean(dim=0)
    covariance = centred.T @ centred / (len(z) - 1)  # (D, D)
    off = covariance - torch.diag(covariance.diagonal())
    return off.square().sum() / z.shape[1]


def _check_covariance(candidate: Asked) -> None:
    def matrix(z: Tensor) -> Tensor:
        return torch.cov(z.T)

    def off(c: Tensor) -> Tensor:
        return c.masked_fill(torch.eye(len(c), dtype=torch.bool), 0.0)

    check_values(
        candidate,
        lambda z: off(matrix(z)).pow(2).sum() / z.shape[1],
        _embeddings,
        [
            (lambda z: matrix(z).pow(2).sum() / z.shape[1],
             "The diagonal is in it: those are the variances, and another term wants them to be large."),
            (lambda z: off(torch.cov(z.T, correction=0)).pow(2).sum() / z.shape[1],
             "The products are divided by B; the unbiased covariance divides by B - 1."),
            (lambda z: off(z.T @ z / (len(z) - 1)).pow(2).sum() / z.shape[1],
             "The mean over the batch is not taken away: then a mean that is not 0 looks like a covariance."),
            (lambda z: off(matrix(z)).abs().sum() / z.shape[1], "These are absolute values; squares are asked for."),
            (lambda z: off(matrix(z)).pow(2).sum(), "The division by D is missing."),
            (lambda z: off(matrix(z)).pow(2).sum() / (z.shape[1] * (z.shape[1] - 1)),
             "This is the mean over the entries off the diagonal. VICReg divides their sum by D."),
            (lambda z: off(matrix(z)).pow(2).mean(),
             "This is the mean over all D * D entries. VICReg divides their sum by D."),
            (lambda z: off(matrix(z)).pow(2).sum() / 2 / z.shape[1],
             "Each pair counts once here; the matrix has it twice, above and below the diagonal."),
            (lambda z: off(torch.corrcoef(z.T)).pow(2).sum() / z.shape[1],
             "These are correlations; covariances are asked for. (Barlow Twins, another method, takes correlations.)"),
            (lambda z: off(torch.cov(z)).pow(2).sum() / z.shape[1],
             "This compares rows, one frame with another. Compare columns, one number of the embedding with another."),
        ],
        "The term is {wanted}, yours is {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="collapse.covariance",
        notebook="17",
        title="VICReg's covariance term",
        difficulty=3,
        minutes=10,
        reference=my_covariance,
        check=_check_covariance,
        hints=(
            "Take the mean over the batch away, then one matrix product gives all D x D covariances.",
            "c = centred.T @ centred / (B - 1); the sum of all squares minus the sum of the squares on the diagonal; "
            "divided by D.",
        ),
        explanation="The variance term alone could be satisfied by D copies of one number. Without covariances each "
        "number has to say something that the others do not say, at least linearly.",
        gradients=("z",),
    )
)


# --- 5. the effective rank ------------------------------------------------------------------------------------------
def my_effective_rank(values: Tensor) -> float:
    """exp of the entropy (in nats) of the singular values' shares; 0 log 0 counts as 0. values: (K,), not all 0."""
    share = values / values.sum()
    share = share[share > 0]
    return float(torch.exp(-(share * share.log()).sum()))


def _singular_values(seed: int) -> Inputs:
    generator = seeded(seed)
    values = torch.rand(6, generator=generator).sort(descending=True).values * 4.0
    return (torch.cat([values[: 3 + seed % 3], torch.zeros(3 - seed % 3)]),)


def _check_effective_rank(candidate: Asked) -> None:
    def entropy(values: Tensor) -> float:
        shares = [v / sum(values.tolist()) for v in values.tolist() if v > 0]
        return -sum(s * math.log(s) for s in shares)

    check_values(
        candidate,
        lambda values: math.exp(entropy(values)),
        _singular_values,
        [
            (lambda values: entropy(values), "This is the entropy. The rank is its exponential: k for k equal values."),
            (lambda values: math.exp(entropy(values.square())),
             "The shares are of the squares here (the variances); this rank takes the singular values themselves."),
            (lambda values: math.exp(entropy(values) / math.log(2)),
             "The entropy is in bits (log2), so 2 would have to be raised to it. Take the natural logarithm for exp."),
            (lambda values: 2 ** entropy(values), "The entropy is in nats: its exponential is exp, not a power of 2."),
            (lambda values: float((values > 0).sum()),
             "This counts the values above 0: then a direction that is almost gone counts as much as any other."),
            (lambda values: math.exp(-entropy(values)), "The sign is turned round: an entropy is never below 0."),
            (lambda values: 1.0 / sum((v / float(values.sum())) ** 2 for v in values.tolist()),
             "This is one over the sum of squared shares, the participation ratio: a cousin, without the entropy."),
        ],
        "The rank is {wanted}, yours is {mine}.",
        infinite="Your result is not finite. Some singular values are 0, and log 0 is infinite: they count as 0.",
    )  # fmt: skip
    must_equal(candidate(torch.full((5,), 0.03)), 5.0, [], "Five equal values have rank {wanted}, yours is {mine}.")


register(
    Exercise(
        id="collapse.effective_rank",
        notebook="17",
        title="How many directions does a cloud fill?",
        difficulty=2,
        minutes=8,
        reference=my_effective_rank,
        check=_check_effective_rank,
        hints=(
            "Make the values add up to 1. Then they are shares, and shares have an entropy.",
            "share = values / values.sum(); leave out those that are 0; exp(-(share * share.log()).sum()).",
        ),
        explanation="k equal values have entropy log k and so rank k. Dividing by the sum is where the scale is lost: "
        "a cloud a million times smaller has the same rank.",
    )
)


# --- 6. an experiment: which have collapsed? ------------------------------------------------------------------------
def my_verdict(low: Tensor, high: Tensor, untrained: float) -> Tensor:
    """1 where the whole interval lies below half of the untrained deviation, -1 where none of it does, else 0.

    low, high: (M,) -> int64 (M,).
    """
    bar = untrained / 2
    return (high < bar).long() - (low >= bar).long()


def _check_verdict(candidate: Asked) -> None:
    cases = (
        ([0.1, 0.6, 0.4, 0.2], [0.2, 0.9, 0.7, 0.6], 1.0, [1, -1, 0, 0]),
        ([0.5, 0.3, 0.2, 0.49], [0.8, 0.5, 0.4, 0.51], 1.0, [-1, 0, 1, 0]),
        ([0.01, 0.6, 1.2, 0.9, 2.0], [0.02, 0.7, 1.4, 1.1, 3.0], 2.0, [1, 1, -1, 0, -1]),
    )
    for low, high, untrained, wanted in cases:
        lows, highs = torch.tensor(low), torch.tensor(high)
        middle, bar = (lows + highs) / 2, untrained / 2

        def decided(below: Tensor, above: Tensor) -> Tensor:
            return below.long() - above.long()

        must_equal(
            candidate(lows, highs, untrained),
            torch.tensor(wanted),
            [
                (decided(lows < bar, lows >= bar), "The lower end decides here. The interval has to lie below the "
                                                   "bar: compare its upper end as well."),
                (decided(highs < bar, highs >= bar), "The upper end decides here. The whole interval has to lie at or "
                                                     "above the bar: compare its lower end as well."),
                (decided(middle < bar, middle >= bar), "The middle of the interval decides here, and nothing is ever "
                                                       "undecided. The whole interval has to lie on one side."),
                (decided(highs < untrained, lows >= untrained), "The bar is half of the untrained deviation."),
                (-torch.tensor(wanted), "The signs are exchanged: 1 stands for collapsed."),
                (decided(highs <= bar, lows >= bar), "An interval that just touches the bar does not lie below it."),
                (decided(highs < bar, lows > bar), "An interval that begins at the bar lies at or above it."),
            ],
            f"With low {low}, high {high} and an untrained deviation of {untrained} it is {{wanted}} at {{place}}, "
            "yours is {mine}.",
        )  # fmt: skip


register(
    Exercise(
        id="collapse.verdict",
        notebook="17",
        title="An experiment: which have collapsed?",
        difficulty=1,
        minutes=10,
        reference=my_verdict,
        check=_check_verdict,
        hints=(
            "Two comparisons, one with each end. Which end must be below the bar, so that the whole interval is?",
            "(high < bar).long() - (low >= bar).long(), with bar = untrained / 2.",
        ),
        explanation="A rule written down before the measurement, with an answer for 'we cannot tell'.",
    )
)
