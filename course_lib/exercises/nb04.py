"""Exercises of notebook 04, acting in a dream: a generation of evolution, an action, a fitness, and two figures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from course_lib.exercises.checking import Asked
from course_lib.exercises.core import Exercise, Wrong, register
from course_lib.exercises.inputs import Inputs, check_values, close, must_equal, seeded


# --- 1. one generation --------------------------------------------------------------------------------------------
def my_generation(candidates: np.ndarray, returns: np.ndarray, centre: np.ndarray, keep: int) -> tuple:
    """The next centre (D,) and covariance (D, D). candidates: (P, D), returns: (P,), centre: (D,), the old one."""
    best = candidates[np.argsort(-returns)[:keep]]  # (keep, D)
    away = best - centre
    return best.mean(axis=0), away.T @ away / keep


def _check_generation(candidate: Asked) -> None:
    for seed, (people, width, keep) in enumerate(((12, 3, 4), (15, 2, 6), (10, 5, 3))):
        rng = np.random.default_rng(seed)
        x, centre = rng.normal(size=(people, width)) + 1.0, rng.normal(size=width)
        returns = rng.normal(size=people)
        mean, spread = candidate(x, returns, centre, keep)
        order = np.argsort(-returns)
        best, worst = x[order[:keep]], x[order[::-1][:keep]]
        must_equal(
            mean,
            best.mean(0),
            [
                (worst.mean(0), "The centre moves to the worst candidates: a higher return is better, sort from the "
                                "top."),
                (x.mean(0), "The centre is the mean of all candidates; only the `keep` best may vote, or none is "
                            "chosen."),
                (best[0], "The centre is the single best candidate. It may have been lucky: take the mean of the "
                          "best."),
                (x[:keep].mean(0), "These are the first `keep` candidates, not the best ones: sort by return."),
            ],
            "The centre is not the mean of the `keep` candidates with the highest returns: at {place} it is {mine} and "
            "should be {wanted}.",
        )  # fmt: skip
        away, narrow = best - centre, best - best.mean(0)
        around = (
            "The covariance is taken around the new centre. Such a cloud only ever shrinks, and stops halfway up the "
            "hill; measure from the old centre, `centre`, and the cloud stretches where it is going."
        )
        must_equal(
            spread,
            away.T @ away / keep,
            [
                (narrow.T @ narrow / keep, around),
                (narrow.T @ narrow / (keep - 1), around),
                (away.T @ away, "The covariance is a sum over the best; divide it by `keep`, or the cloud explodes."),
                (np.diag(np.diag(away.T @ away / keep)),
                 "Only the diagonal is filled: a cloud that cannot lean follows no ridge that runs askew."),
                (away.T @ away / (keep - 1), "Divide by `keep`: the old centre was not made from these candidates, so "
                                             "nothing is to be corrected by keep - 1."),
            ],
            "The covariance is not the mean of (x - centre)(x - centre)^T over the best candidates: at {place} it is "
            "{mine} and should be {wanted}.",
        )  # fmt: skip


register(
    Exercise(
        id="c.generation",
        notebook="04",
        title="One generation of evolution",
        difficulty=3,
        minutes=10,
        reference=my_generation,
        check=_check_generation,
        hints=(
            "Sort by return from the top, keep the first `keep` candidates, and take their mean. For the covariance "
            "measure how far they lie from the OLD centre.",
            "best = candidates[np.argsort(-returns)[:keep]]; away = best - centre; the covariance is "
            "away.T @ away / keep.",
        ),
        explanation="Measured around the old centre, the best candidates' spread holds the step that the cloud has "
        "just made, so the next cloud is long in the direction of progress. Measured around their own mean, the spread "
        "of a selection is smaller than that of all, generation after generation (Hansen's tutorial, section 3.1).",
        parts=("centre", "covariance"),
    )
)


# --- 2. what a controller does ------------------------------------------------------------------------------------
def my_act(z: Tensor, h: Tensor, weights: Tensor) -> Tensor:
    """The key that C presses, int64 (B,). z: (B, Z), h: (B, H), weights: (A, Z + H + 1), the bias last."""
    outputs = torch.cat([z, h], dim=1) @ weights[:, :-1].T + weights[:, -1]  # (B, A)
    return outputs.argmax(dim=1)


def _outputs(z: Tensor, h: Tensor, w: Tensor) -> Tensor:
    return torch.cat([z, h, torch.ones(len(z), 1)], dim=1) @ w.T  # (B, A)


def _check_act(candidate: Asked) -> None:
    still = torch.zeros(4, 9)
    still[2, -1] = 1.0  # a controller that is all bias
    generator = seeded(0)
    z, h = torch.randn(6, 5, generator=generator), torch.randn(6, 3, generator=generator)
    pressed = candidate.explaining(
        {(4,): "One key for each action came out. For each of the six states, search among the actions (dim=1)."},
        mistake=lambda result: (
            "A key is a whole number, the index of the largest output: argmax, not max."
            if close(result, _outputs(z, h, still).max(dim=1).values) else ""
        ),
    )(z, h, still)  # fmt: skip
    if not (pressed == 2).all():
        raise Wrong(
            "With weights that are 0 but for the bias of action 2 (the last column), key 2 must be pressed; "
            f"yours presses {pressed.tolist()}."
        )
    check_values(
        candidate,
        my_act,
        lambda seed: tuple(
            torch.randn(size, generator=seeded(10 * seed + k)) for k, size in enumerate(((400, 5), (400, 7), (4, 13)))
        ),
        [
            (lambda z, h, w: _outputs(z, h, w).argmin(1), "This presses the smallest output; C presses the largest."),
            (lambda z, h, w: _outputs(h, z, w).argmax(1),
             "h comes before z here. The columns of the weights are z's first, then h's, then the bias."),
            (lambda z, h, w: (z @ w[:, :5].T + w[:, -1]).argmax(1),
             "Only z is read. h, M's memory, is the other half of what C knows."),
            (lambda z, h, w: (torch.cat([z, h], 1) @ w[:, :-1].T).argmax(1), "The bias, the last column, is missing."),
        ],
        "On random states and weights the keys are not the argmax of W [z h] + b: at {place} it is {wanted}, yours is "
        "{mine}. Compare one by hand.",
    )  # fmt: skip


register(
    Exercise(
        id="c.act",
        notebook="04",
        title="What a controller does",
        difficulty=2,
        minutes=5,
        reference=my_act,
        check=_check_act,
        hints=(
            "Put z and h side by side, (B, Z + H). Which columns of the weights belong to them, and which is the bias?",
            "torch.cat([z, h], dim=1) @ weights[:, :-1].T + weights[:, -1]; its argmax over dim=1 is the key.",
        ),
        explanation="One matrix product and one comparison: that is all of the paper's equation 1. Everything else "
        "that the agent knows stands in z and h.",
    )
)


# --- 3. the fitness of a generation -------------------------------------------------------------------------------
Play = Callable[[np.ndarray, np.ndarray], np.ndarray]  # weights (B, D), seeds (B,) -> returns (B,)


def my_fitness(play: Play, candidates: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """The mean return of each candidate over the same games, (P,). candidates: (P, D), seeds: (N,)."""
    everyone = np.repeat(candidates, len(seeds), axis=0)  # (P, D) -> (P * N, D): a a a b b b
    games = np.tile(seeds, len(candidates))  # (N,) -> (P * N,): 0 1 2 0 1 2
    return play(everyone, games).reshape(len(candidates), len(seeds)).mean(axis=1)


def _check_fitness(candidate: Asked) -> None:
    for seed, (people, games) in enumerate(((5, 3), (6, 4), (7, 2))):
        rng = np.random.default_rng(seed)
        x, luck = rng.normal(size=(people, 2)), rng.normal(size=1000) * 3.0
        seeds = rng.choice(1000, games, replace=False)
        asked: list[tuple[np.ndarray, np.ndarray]] = []

        def play(weights: np.ndarray, numbers: np.ndarray, luck: np.ndarray = luck, asked: list = asked) -> np.ndarray:
            weights, numbers = np.asarray(weights), np.asarray(numbers)
            if weights.ndim != 2 or weights.shape[1] != 2 or numbers.shape != (len(weights),):
                raise Wrong(
                    "play(weights, seeds) wants a row of weights and a seed for each game, (B, D) and (B,); it was "
                    f"given {weights.shape} and {numbers.shape}."
                )
            asked.append((weights.copy(), numbers.copy()))
            return weights[:, 0] + weights[:, 1] * luck[numbers]

        every = np.stack([x[:, 0] + x[:, 1] * luck[s] for s in seeds], axis=1)  # (people, games)
        mine = candidate.explaining({
            (games,): "One number for each game came out. The mean goes over the games, and each candidate keeps its "
                      "own.",
            (people, games): "These are all returns. A candidate's fitness is their mean over its games.",
            (people * games,): "These are all returns. A candidate's fitness is their mean over its games.",
        })(play, x, seeds)  # fmt: skip
        played = {(tuple(w), int(s)) for ws, ns in asked for w, s in zip(ws, ns, strict=True)}
        missing = not {(tuple(w), int(s)) for w in x for s in seeds} <= played
        must_equal(
            mine,
            every.mean(1),
            [
                (every.sum(1), "This is the sum of the returns; take the mean: more games do not make a better "
                               "player."),
                (every.max(1), "This is each candidate's best game. Evolution would choose the lucky: take the mean."),
                (every[:, 0], "Only the first game counts; all of the seeds must be played."),
                (np.median(every, axis=1), "This is the median of the returns; their mean is asked for."),
            ],
            "Not every candidate played every seed. Repeat the candidates (a a a b b b) and tile the seeds (0 1 2 0 1 "
            "2), or loop over both: if the beginnings differ, an easy one chooses."
            if missing else
            "Every candidate played every seed, but the returns are put together wrongly: after repeat and tile they "
            "lie as (candidates, seeds), the mean goes over the seeds.",
        )  # fmt: skip


register(
    Exercise(
        id="c.fitness",
        notebook="04",
        title="The fitness of a generation",
        difficulty=3,
        minutes=10,
        reference=my_fitness,
        check=_check_fitness,
        hints=(
            "Every candidate must play every seed: P * N games in all. np.repeat and np.tile make the two columns.",
            "play(np.repeat(candidates, len(seeds), axis=0), np.tile(seeds, len(candidates))) gives P * N returns; "
            "reshape them to (P, N) and take the mean over axis 1.",
        ),
        explanation="With common beginnings the luck of a beginning is the same for all candidates and cancels when "
        "they are ranked. A new generation gets new seeds, so that no controller is bred for four particular games.",
        like=lambda play, candidates, seeds: np.zeros(len(candidates)),
    )
)


# --- 4. the scale of returns --------------------------------------------------------------------------------------
def my_normalised(returns: np.ndarray, random: float, oracle: float) -> np.ndarray:
    """Returns on the scale where a random player has 0 and the oracle 1. (N,) -> (N,)."""
    return (returns - random) / (oracle - random)


def _scores(seed: int) -> Inputs:
    rng = np.random.default_rng(seed)
    low, high = float(rng.uniform(-3, 2)), float(rng.uniform(5, 20))
    return rng.uniform(low - 5, high + 5, size=30), low, high


def _check_normalised(candidate: Asked) -> None:
    must_equal(
        candidate(np.array([2.0, 12.0]), 2.0, 12.0),
        np.array([0.0, 1.0]),
        [
            (np.array([2 / 12, 1.0]),
             "Divided by the oracle's return alone: then a random player does not stand at 0. Subtract it."),
            (np.array([0.0, 10 / 12]),
             "The random player is subtracted above, but not below: the oracle must come out at exactly 1."),
            (np.array([1.0, 0.0]), "The scale is turned round: the random player stands at 1 and the oracle at 0."),
        ],
        "With a random player at 2 and the oracle at 12 their returns must become 0 and 1; at {place} yours is {mine}.",
    )  # fmt: skip
    check_values(
        candidate,
        my_normalised,
        _scores,
        [
            (lambda r, low, high: np.clip((r - low) / (high - low), 0, 1),
             "Cut off at 0 and 1: a player can be worse than a random one, and better than the script."),
            (lambda r, low, high: np.maximum((r - low) / (high - low), 0),
             "Cut off at 0: a player can be worse than a random one."),
            (lambda r, low, high: np.minimum((r - low) / (high - low), 1),
             "Cut off at 1: a player can be better than the script."),
        ],
        "The return at {place} is {wanted} on the scale, not {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="c.normalised",
        notebook="04",
        title="The scale of returns",
        difficulty=1,
        minutes=5,
        reference=my_normalised,
        check=_check_normalised,
        hints=(
            "Where does a random player stand on this scale, and how far is it from there to the oracle?",
            "(returns - random) / (oracle - random), and nothing is cut off.",
        ),
        explanation="A number of stars means little by itself: where stars lie everywhere a random player has many. "
        "The scale has two measured ends, and stays open beyond both.",
    )
)


# --- 5. a ratio of two means on the same episodes -----------------------------------------------------------------
def my_paired_ratios(above: np.ndarray, below: np.ndarray, picks: np.ndarray) -> np.ndarray:
    """mean(above) / mean(below) in each resample, (R,). above, below: (N,), picks: (R, N), which episodes are drawn."""
    return above[picks].mean(axis=1) / below[picks].mean(axis=1)


def _episodes(seed: int) -> Inputs:
    rng = np.random.default_rng(seed)
    below = rng.uniform(1.0, 9.0, size=20)
    return 0.8 * below + rng.normal(size=20) * 0.3, below, rng.integers(20, size=(50, 20))


def _check_paired_ratios(candidate: Asked) -> None:
    candidate.explaining({
        (): "One number came out. Each resample, a row of `picks`, has a ratio of its own.",
        (20,): "One number for each episode came out. A resample is a row of `picks`: take the mean over axis 1.",
        (50, 20): "One number for each drawn episode came out. First the mean over each row of `picks`, axis 1.",
    })(*_episodes(0))  # fmt: skip
    check_values(
        candidate,
        my_paired_ratios,
        _episodes,
        [
            (lambda a, b, picks: (a[picks] / b[picks]).mean(1),
             "This is the mean of the episodes' ratios. One episode with few stars below would decide everything; take "
             "the ratio of the two means."),
            (lambda a, b, picks: a[picks].mean(1) / b.mean(),
             "Only the numerator is resampled. The same episodes must be drawn above and below."),
            (lambda a, b, picks: a.mean() / b[picks].mean(1),
             "Only the denominator is resampled. The same episodes must be drawn above and below."),
            (lambda a, b, picks: b[picks].mean(1) / a[picks].mean(1),
             "Upside down: `above` is divided by `below`."),
            (lambda a, b, picks: np.median(a[picks], axis=1) / np.median(b[picks], axis=1),
             "These are medians. Half a star more in every third episode would go unnoticed: take means."),
        ],
        "For resample {place} the ratio of the two means is {wanted}, yours is {mine}. Are the same rows of `picks` "
        "used for both?",
    )  # fmt: skip


register(
    Exercise(
        id="c.paired_ratios",
        notebook="04",
        title="A ratio on the same episodes",
        difficulty=2,
        minutes=10,
        reference=my_paired_ratios,
        check=_check_paired_ratios,
        hints=(
            "above[picks] has shape (R, N): each row is one resample. What is the mean of a row?",
            "above[picks].mean(axis=1) / below[picks].mean(axis=1): the same episodes in both.",
        ),
        explanation="Both controllers played the same episodes, and an episode with far stars is hard for both. "
        "Drawing whole episodes keeps the pair together, so that what they share cancels and the interval is narrower.",
    )
)
