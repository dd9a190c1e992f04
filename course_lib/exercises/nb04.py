"""Exercises of notebook 04, acting in a dream: a generation of evolution, an action, a fitness, and two figures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from course_lib.exercises.core import Exercise, Wrong, register


def _array(result: object, shape: tuple[int, ...], name: str) -> np.ndarray:
    try:
        array = np.asarray(result, dtype=float)
    except (TypeError, ValueError):
        raise Wrong(f"{name}: numbers are expected, your function returns a {type(result).__name__}.") from None
    if array.shape != shape:
        raise Wrong(f"{name} has shape {array.shape}; {shape} is expected.")
    return array


# --- 1. one generation --------------------------------------------------------------------------------------------
def next_cloud(candidates: np.ndarray, returns: np.ndarray, centre: np.ndarray, keep: int) -> tuple:
    """The next centre (D,) and covariance (D, D). candidates: (P, D), returns: (P,), centre: (D,), the old one."""
    best = candidates[np.argsort(-returns)[:keep]]  # (keep, D)
    away = best - centre
    return best.mean(axis=0), away.T @ away / keep


def _check_next_cloud(candidate: Callable[..., tuple]) -> None:
    for seed in range(4):
        rng = np.random.default_rng(seed)
        people, numbers, keep = 12 + seed, 2 + seed, 4
        x, centre = rng.normal(size=(people, numbers)) + 1.0, rng.normal(size=numbers)
        returns = rng.normal(size=people)
        before = x.copy(), returns.copy(), centre.copy()
        found = candidate(x, returns, centre, keep)
        if any((a != b).any() for a, b in zip((x, returns, centre), before, strict=True)):
            raise Wrong("Your function changes its input (sorting in place does). Make new arrays for the result.")
        if not isinstance(found, tuple) or len(found) != 2:
            raise Wrong("Two things are expected, the new centre and the covariance: `return centre, covariance`.")
        mean = _array(found[0], (numbers,), "The centre")
        spread = _array(found[1], (numbers, numbers), "The covariance")
        order = np.argsort(-returns)
        best = x[order[:keep]]
        worst = x[order[::-1][:keep]]
        if np.allclose(mean, worst.mean(0)):
            raise Wrong("The centre moves to the worst candidates: a higher return is better, sort from the top.")
        if np.allclose(mean, x.mean(0)):
            raise Wrong("The centre is the mean of all candidates; only the `keep` best may vote, or none is chosen.")
        if np.allclose(mean, best[0]):
            raise Wrong("The centre is the single best candidate. It may have been lucky: take the mean of the best.")
        if not np.allclose(mean, best.mean(0)):
            raise Wrong("The centre is not the mean of the `keep` candidates with the highest returns.")
        away, narrow = best - centre, best - best.mean(0)
        if np.allclose(spread, narrow.T @ narrow / keep) or np.allclose(spread, narrow.T @ narrow / (keep - 1)):
            raise Wrong(
                "The covariance is taken around the new centre. Such a cloud only ever shrinks, and stops halfway up "
                "the hill; measure from the old centre, `centre`, and the cloud stretches where it is going."
            )
        if np.allclose(spread, away.T @ away):
            raise Wrong("The covariance is a sum over the best; divide it by `keep`, or the cloud explodes.")
        if np.allclose(spread, np.diag(np.diag(away.T @ away / keep))):
            raise Wrong("Only the diagonal is filled: a cloud that cannot lean follows no ridge that runs askew.")
        if not np.allclose(spread, away.T @ away / keep):
            raise Wrong("The covariance is not the mean of (x - centre)(x - centre)^T over the best candidates.")


register(
    Exercise(
        id="c.generation",
        notebook="04",
        title="One generation of evolution",
        difficulty=3,
        minutes=10,
        reference=next_cloud,
        check=_check_next_cloud,
        hints=(
            "Sort by return from the top, keep the first `keep` candidates, and take their mean. For the covariance "
            "measure how far they lie from the OLD centre.",
            "best = candidates[np.argsort(-returns)[:keep]]; away = best - centre; the covariance is "
            "away.T @ away / keep.",
        ),
        explanation="Measured around the old centre, the best candidates' spread holds the step that the cloud has "
        "just made, so the next cloud is long in the direction of progress. Measured around their own mean, the spread "
        "of a selection is smaller than that of all, generation after generation (Hansen's tutorial, section 3.1).",
    )
)


# --- 2. what a controller does ------------------------------------------------------------------------------------
def act(z: Tensor, h: Tensor, weights: Tensor) -> Tensor:
    """The key that C presses, integers (B,). z: (B, Z), h: (B, H), weights: (A, Z + H + 1), the bias last."""
    outputs = torch.cat([z, h], dim=1) @ weights[:, :-1].T + weights[:, -1]  # (B, A)
    return outputs.argmax(dim=1)


def _check_act(candidate: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    g = torch.Generator().manual_seed(0)
    still = torch.zeros(4, 8)
    still[2, -1] = 1.0  # a controller that is all bias
    pressed = candidate(torch.randn(5, 4, generator=g), torch.randn(5, 3, generator=g), still)
    if not isinstance(pressed, Tensor):
        raise Wrong(f"A tensor is expected, your function returns a {type(pressed).__name__}.")
    if tuple(pressed.shape) != (5,):
        raise Wrong(f"Five states need five keys, shape (5,); yours has {tuple(pressed.shape)}.")
    if pressed.is_floating_point():
        raise Wrong("A key is a whole number, the index of the largest output: argmax, not max.")
    if not (pressed == 2).all():
        raise Wrong(
            "With weights that are 0 but for the bias of action 2 (the last column), key 2 must be pressed; "
            f"yours presses {pressed.tolist()}."
        )
    for seed in range(4):
        g = torch.Generator().manual_seed(seed)
        z, h, w = (torch.randn(*s, generator=g) for s in ((400, 5), (400, 7), (4, 13)))
        mine, outputs = candidate(z, h, w), torch.cat([z, h, torch.ones(400, 1)], 1) @ w.T
        if (mine == outputs.argmin(1)).all():
            raise Wrong("This presses the smallest output; C presses the largest.")
        if (mine == (torch.cat([h, z, torch.ones(400, 1)], 1) @ w.T).argmax(1)).all():
            raise Wrong("h comes before z here. The columns of the weights are z's first, then h's, then the bias.")
        if (mine == (z @ w[:, :5].T + w[:, -1]).argmax(1)).all():
            raise Wrong("Only z is read. h, M's memory, is the other half of what C knows.")
        if (mine == (torch.cat([z, h], 1) @ w[:, :-1].T).argmax(1)).all():
            raise Wrong("The bias, the last column, is missing.")
        if not (mine == outputs.argmax(1)).all():
            raise Wrong("On random states and weights the keys are not the argmax of W [z h] + b. Compare one by hand.")


register(
    Exercise(
        id="c.act",
        notebook="04",
        title="What a controller does",
        difficulty=2,
        minutes=5,
        reference=act,
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


def fitness(play: Play, candidates: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """The mean return of each candidate over the same games, (P,). candidates: (P, D), seeds: (N,)."""
    everyone = np.repeat(candidates, len(seeds), axis=0)  # (P, D) -> (P * N, D): a a a b b b
    games = np.tile(seeds, len(candidates))  # (N,) -> (P * N,): 0 1 2 0 1 2
    return play(everyone, games).reshape(len(candidates), len(seeds)).mean(axis=1)


def _check_fitness(candidate: Callable[..., np.ndarray]) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        people, games = 5 + seed, 3
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
            asked.append((weights, numbers))
            return weights[:, 0] + weights[:, 1] * luck[numbers]

        mine = _array(candidate(play, x, seeds), (people,), "The fitness")
        every = np.stack([x[:, 0] + x[:, 1] * luck[s] for s in seeds], axis=1)  # (people, games)
        if np.allclose(mine, every.sum(1)):
            raise Wrong("This is the sum of the returns; take the mean: more games do not make a better player.")
        if np.allclose(mine, every.max(1)):
            raise Wrong("This is each candidate's best game. Evolution would choose the lucky: take the mean.")
        if np.allclose(mine, every[:, 0]):
            raise Wrong("Only the first game counts; all of the seeds must be played.")
        if not np.allclose(mine, every.mean(1)):
            played = {(tuple(w), int(s)) for ws, ns in asked for w, s in zip(ws, ns, strict=True)}
            wanted = {(tuple(w), int(s)) for w in x for s in seeds}
            if not wanted <= played:
                raise Wrong(
                    "Not every candidate played every seed. Repeat the candidates (a a a b b b) and tile the seeds "
                    "(0 1 2 0 1 2), or loop over both: if the beginnings differ, an easy one chooses."
                )
            raise Wrong(
                "Every candidate played every seed, but the returns are put together wrongly: after repeat and tile "
                "they lie as (candidates, seeds), the mean goes over the seeds."
            )


register(
    Exercise(
        id="c.fitness",
        notebook="04",
        title="The fitness of a generation",
        difficulty=3,
        minutes=10,
        reference=fitness,
        check=_check_fitness,
        hints=(
            "Every candidate must play every seed: P * N games in all. np.repeat and np.tile make the two columns.",
            "play(np.repeat(candidates, len(seeds), axis=0), np.tile(seeds, len(candidates))) gives P * N returns; "
            "reshape them to (P, N) and take the mean over axis 1.",
        ),
        explanation="With common beginnings the luck of a beginning is the same for all candidates and cancels when "
        "they are ranked. A new generation gets new seeds, so that no controller is bred for four particular games.",
    )
)


# --- 4. the scale of returns --------------------------------------------------------------------------------------
def normalised(returns: np.ndarray, random: float, oracle: float) -> np.ndarray:
    """Returns on the scale where a random player has 0 and the oracle 1. (N,) -> (N,)."""
    return (returns - random) / (oracle - random)


def _check_normalised(candidate: Callable[..., np.ndarray]) -> None:
    ends = _array(candidate(np.array([2.0, 12.0]), 2.0, 12.0), (2,), "The result")
    if not np.allclose(ends, [0.0, 1.0]):
        if np.allclose(ends, [2 / 12, 1.0]):
            raise Wrong("Divided by the oracle's return alone: then a random player does not stand at 0. Subtract it.")
        if np.allclose(ends, [0.0, 10 / 12]):
            raise Wrong("The random player is subtracted above, but not below: the oracle must come out at exactly 1.")
        if np.allclose(ends, [1.0, 0.0]):
            raise Wrong("The scale is turned round: the random player stands at 1 and the oracle at 0.")
        raise Wrong(f"With a random player at 2 and the oracle at 12 their returns must become 0 and 1, not {ends}.")
    for seed in range(3):
        rng = np.random.default_rng(seed)
        low, high = rng.uniform(-3, 2), rng.uniform(5, 20)
        values = rng.uniform(low - 5, high + 5, size=30)
        wanted, mine = (values - low) / (high - low), _array(candidate(values, low, high), (30,), "The result")
        if np.allclose(mine, np.clip(wanted, 0, 1)):
            raise Wrong("Cut off at 0 or 1: a player can be worse than a random one, and better than the script.")
        if not np.allclose(mine, wanted):
            place = f"A return of {values[0]:.2f} between {low:.2f} and {high:.2f}"
            raise Wrong(f"{place} is {wanted[0]:.3f} on the scale, not {mine[0]:.3f}.")


register(
    Exercise(
        id="c.normalised",
        notebook="04",
        title="The scale of returns",
        difficulty=1,
        minutes=5,
        reference=normalised,
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
def paired_ratios(above: np.ndarray, below: np.ndarray, picks: np.ndarray) -> np.ndarray:
    """mean(above) / mean(below) in each resample, (R,). above, below: (N,), picks: (R, N), which episodes are drawn."""
    return above[picks].mean(axis=1) / below[picks].mean(axis=1)


def _check_paired_ratios(candidate: Callable[..., np.ndarray]) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        below = rng.uniform(1.0, 9.0, size=20)
        above = 0.8 * below + rng.normal(size=20) * 0.05
        picks = rng.integers(20, size=(50, 20))
        mine, wanted = _array(candidate(above, below, picks), (50,), "The ratios"), paired_ratios(above, below, picks)
        if np.allclose(mine, (above[picks] / below[picks]).mean(1)):
            raise Wrong(
                "This is the mean of the episodes' ratios. One episode with few stars below would decide everything; "
                "take the ratio of the two means."
            )
        if np.allclose(mine, above[picks].mean(1) / below.mean()):
            raise Wrong("Only the numerator is resampled. The same episodes must be drawn above and below.")
        if np.allclose(mine, 1.0 / wanted):
            raise Wrong("Upside down: `above` is divided by `below`.")
        if np.allclose(mine, np.median(above[picks], axis=1) / np.median(below[picks], axis=1)):
            raise Wrong("These are medians. Half a star more in every third episode would go unnoticed: take means.")
        if not np.allclose(mine, wanted):
            raise Wrong(
                f"For the first resample the ratio of the two means is {wanted[0]:.4f}, yours is {mine[0]:.4f}. Are "
                "the same rows of `picks` used for both?"
            )


register(
    Exercise(
        id="c.paired_ratios",
        notebook="04",
        title="A ratio on the same episodes",
        difficulty=2,
        minutes=10,
        reference=paired_ratios,
        check=_check_paired_ratios,
        hints=(
            "above[picks] has shape (R, N): each row is one resample. What is the mean of a row?",
            "above[picks].mean(axis=1) / below[picks].mean(axis=1): the same episodes in both.",
        ),
        explanation="Both controllers played the same episodes, and an episode with far stars is hard for both. "
        "Drawing whole episodes keeps the pair together, so that what they share cancels and the interval is narrower.",
    )
)
