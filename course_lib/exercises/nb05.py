"""Exercises of notebook 05, asking a model: an interval, a probe, and the controls that make their numbers mean
something."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from course_lib.exercises.checking import Asked
from course_lib.exercises.core import Exercise, Wrong, register
from course_lib.exercises.inputs import Inputs, check_values, close, must_equal


# --- 1. a bootstrap interval --------------------------------------------------------------------------------------
def my_interval(values: np.ndarray, rng: np.random.Generator, resamples: int = 2000) -> tuple[float, float]:
    """The middle 95 % of the means of resampled values. (N,) -> (low, high)."""
    drawn = rng.integers(len(values), size=(resamples, len(values)))  # (R, N): which film, with replacement
    low, high = np.quantile(values[drawn].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def _check_interval(candidate: Asked) -> None:
    rng = np.random.default_rng(0)
    for n, spread in ((40, 1.0), (90, 3.0), (60, 0.2)):
        values = rng.normal(rng.normal(0.0, 5.0), spread, n)
        low, high = candidate(values, np.random.default_rng(n), 2000)
        if low > high:
            raise Wrong("The lower end comes first: (low, high).")
        error = values.std() / np.sqrt(n)  # of the mean
        wanted, width = 2 * 1.96 * error, high - low
        if width < 1e-9 * spread:
            raise Wrong(
                "The interval has no width: every resample has the same mean. A film that was drawn must go back, so "
                "that it can be drawn again (with replacement)."
            )
        if width > 2.5 * wanted:
            raise Wrong(
                f"The interval is {width / wanted:.0f} times too wide: it says where single films lie. The means of "
                "whole resamples are wanted."
            )
        if not 0.8 < width / wanted < 1.2:
            raise Wrong(
                f"With {n} values the interval should be about {wanted:.3g} wide, yours is {width:.3g}. Does every "
                f"resample have {n} values, and are the ends the quantiles 0.025 and 0.975?"
            )
        if not low < values.mean() < high:
            raise Wrong("The interval does not hold the mean of the values that it was made from.")
    again = [candidate(values, np.random.default_rng(seed), 500) for seed in (1, 1, 2)]
    if again[0] != again[1]:
        raise Wrong("The same generator gives different intervals: draw from `rng` and from nothing else.")
    if again[0] == again[2]:
        raise Wrong("Another generator gives the very same interval: draw from the `rng` that is passed in.")
    # Many resamples leave little to the draws, so the ends show which quantiles they are: two right answers that draw
    # differently are about 0.03 standard errors apart here, and at most 0.06 in 200 tries.
    values = np.random.default_rng(1).normal(2.0, 1.0, 40)
    right, mine = (f(values, np.random.default_rng(k), 20_000) for k, f in enumerate((my_interval, candidate)))
    low, high = ((m - r) / values.std() * np.sqrt(40) for m, r in zip(mine, right, strict=True))
    if low > 0.15 and high < -0.15:
        raise Wrong("Too narrow: 95 % lie between the quantiles 0.025 and 0.975, 90 % between 0.05 and 0.95.")
    if max(abs(low), abs(high)) > 0.12:
        raise Wrong(
            f"From 20,000 resamples the interval is {right[0]:.3f} to {right[1]:.3f}, yours is {mine[0]:.3f} to "
            f"{mine[1]:.3f}. Are its ends the quantiles 0.025 and 0.975 of the means?"
        )
    few, many = (np.ptp([candidate(values, np.random.default_rng(k), n)[0] for k in range(8)]) for n in (20, 2000))
    if few < 2 * many:
        raise Wrong("With 20 resamples the ends are as steady as with 2,000: use the number that is passed in.")


register(
    Exercise(
        id="ask.interval",
        notebook="05",
        title="How sure? A bootstrap interval",
        difficulty=2,
        minutes=8,
        reference=my_interval,
        check=_check_interval,
        hints=(
            "Draw as many values as there are, with replacement, and take their mean; do that `resamples` times.",
            "rng.integers(len(values), size=(resamples, len(values))) says which; np.quantile(means, [0.025, 0.975]).",
        ),
        explanation="The resamples stand in for other sets of films that we might have had. Their means spread as "
        "means of such sets do, so the middle 95 % of them is an interval for the true mean. The course's "
        "bootstrap_interval also corrects the two ends for skewed values (BCa).",
        parts=("low", "high"),
    )
)


# --- 2. ridge in closed form --------------------------------------------------------------------------------------
def my_ridge(z: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray:
    """Weights that minimise |y - z w|^2 + penalty |w|^2. z: (N, D), y: (N, K) -> (D, K)."""
    return np.linalg.solve(z.T @ z + penalty * np.eye(z.shape[1]), z.T @ y)


def _rows(seed: int) -> Inputs:
    rng = np.random.default_rng(seed)
    n, d, k = ((50, 4, 1), (30, 7, 2), (24, 5, 3))[seed % 3]
    return rng.normal(size=(n, d)), rng.normal(size=(n, k)), float(rng.uniform(2.0, 30.0))


def _check_ridge(candidate: Asked) -> None:
    check_values(
        candidate,
        my_ridge,
        _rows,
        [
            (lambda z, y, penalty: np.linalg.lstsq(z, y, rcond=None)[0],
             "The penalty does nothing: these are the weights of plain least squares. It is added to the diagonal."),
            (lambda z, y, penalty: my_ridge(z, y, penalty * len(z)),
             "The penalty is multiplied by the number of rows; the formula has it as it is."),
            (lambda z, y, penalty: my_ridge(z, y, penalty**2),
             "The penalty enters squared; the formula has it as it is."),
            (lambda z, y, penalty: np.linalg.solve(z.T @ z + penalty, z.T @ y),
             "The penalty stands at every place of the matrix; it belongs on the diagonal only (np.eye)."),
            (lambda z, y, penalty: my_ridge(z, y, -penalty),
             "The penalty is subtracted: large weights would be a gain."),
        ],
        "At your weights the derivative of the loss is not 0, so others are better (at {place} {wanted}, yours is "
        "{mine}). Set -2 z'(y - z w) + 2 penalty w to 0 and solve for w.",
        rtol=1e-6,
    )  # fmt: skip
    rng = np.random.default_rng(9)
    wide = rng.normal(size=(12, 20)), rng.normal(size=(12, 2)), 3.0
    must_equal(
        candidate(*wide),
        my_ridge(*wide),
        [],
        "With more features than rows the weights are others: at {place} it is {wanted}, yours is {mine}.",
        rtol=1e-6,
    )


register(
    Exercise(
        id="ask.ridge",
        notebook="05",
        title="A probe without training",
        difficulty=2,
        minutes=8,
        reference=my_ridge,
        check=_check_ridge,
        hints=(
            "Take the derivative of |y - z w|^2 + penalty |w|^2 with respect to w and set it to 0.",
            "(z'z + penalty I) w = z'y; np.linalg.solve(A, b) solves A w = b without an inverse.",
        ),
        explanation="One linear system, one answer: a probe without steps, seeds or a learning rate cannot fail for "
        "reasons of its own. The penalty also makes the matrix invertible when there are more features than rows.",
    )
)


# --- 3. a task without meaning ------------------------------------------------------------------------------------
def my_task(y: np.ndarray, rng: np.random.Generator, bands: int = 16) -> np.ndarray:
    """A random number for each of ``bands`` ranges that hold equally many values. (N,) -> (N,)."""
    edges = np.quantile(y, np.linspace(0, 1, bands + 1)[1:-1])  # bands - 1 edges
    return rng.standard_normal(bands)[np.searchsorted(edges, y)]


def _check_task(candidate: Asked) -> None:
    rng = np.random.default_rng(0)
    y = np.exp(rng.normal(0.0, 1.0, 800))  # skewed: most values are small
    for bands in (16, 5):
        task = candidate(y, np.random.default_rng(1), bands)
        if np.allclose(np.sort(task), np.sort(y)):
            raise Wrong(
                "These are the variable's own values, shuffled: two frames with the same place get different numbers, "
                "and nothing could learn that. Give one number to each range."
            )
        kinds = np.unique(task)
        if len(kinds) > 2 * bands:
            raise Wrong(f"There are {len(kinds)} different numbers; all values of one range share one, so {bands}.")
        if len(kinds) != bands:
            few = 1 < len(kinds) < bands
            sizes = "; some ranges are empty: let each hold equally many values (np.quantile)" if few else ""
            raise Wrong(f"{bands} ranges are asked for and {len(kinds)} different numbers come out{sizes}.")
        in_order = task[np.argsort(y)]
        if np.count_nonzero(np.diff(in_order)) != bands - 1:
            raise Wrong("Going up through the variable's values, the number must change once at each edge of a range.")
        counts = np.array([np.count_nonzero(task == kind) for kind in kinds])
        if counts.max() - counts.min() > 2:
            raise Wrong(
                f"One range holds {counts.max()} of 800 values and another {counts.min()}: cut at quantiles, so that "
                "each holds equally many."
            )
        if (np.diff(in_order) >= 0).all() or (np.diff(in_order) <= 0).all():
            raise Wrong("The numbers go up with the variable, so the task still means something: draw them at random.")
    draws = [candidate(y, np.random.default_rng(seed)) for seed in (3, 3, 4)]
    if len(np.unique(draws[0])) != 16:
        raise Wrong(f"Without a word about `bands` there are 16 ranges; yours makes {len(np.unique(draws[0]))}.")
    if not np.array_equal(draws[0], draws[1]) or np.array_equal(draws[0], draws[2]):
        raise Wrong("The numbers must come from the generator that is passed in: the same seed, the same task.")


register(
    Exercise(
        id="ask.meaningless_task",
        notebook="05",
        title="A task without meaning",
        difficulty=3,
        minutes=10,
        reference=my_task,
        check=_check_task,
        hints=(
            "Cut the variable's values into ranges at np.quantile(y, ...), and draw one random number for each range.",
            "np.searchsorted(edges, y) says in which range a value lies; use that as an index into the drawn numbers.",
        ),
        explanation="The task can be learned from whatever holds the variable, but only by a probe that is strong "
        "enough to learn anything. What the true variable gains over it is the probe's selectivity (Hewitt & Liang "
        "2019).",
    )
)


# --- 4. the missing control ---------------------------------------------------------------------------------------
def my_gain(errors: Callable[[np.ndarray], np.ndarray], actions: np.ndarray) -> np.ndarray:
    """How much smaller each film's error is under its own keys than under another film's. (N, T - 1) -> (N,)."""
    return errors(np.roll(actions, 1, axis=0)) - errors(actions)


def _check_gain(candidate: Asked) -> None:
    rng = np.random.default_rng(0)
    for n, steps in ((6, 9), (9, 5)):
        actions = np.array([rng.permutation(np.arange(steps) % 4) for _ in range(n)])
        actions[:, 0] = np.arange(n) % 4
        calls: list[np.ndarray] = []  # the keys under which the model was asked
        weights = rng.uniform(0.5, 1.5, (n, steps))

        def error_under(keys: np.ndarray, truth: np.ndarray = actions, weights: np.ndarray = weights) -> np.ndarray:
            return 0.7 + weights[:, 0] + (weights * (keys != truth)).sum(axis=1)  # no model is without error

        def errors(keys: np.ndarray, calls: list = calls, n: int = n, steps: int = steps) -> np.ndarray:
            keys = np.asarray(keys)
            if keys.shape != (n, steps):
                raise Wrong(f"The model is given keys of shape {keys.shape}; the films' have {(n, steps)}.")
            calls.append(keys.copy())
            return error_under(keys)  # noqa: B023

        gain = candidate(errors, actions)
        others = [keys for keys in calls if not np.array_equal(keys, actions)]
        if not others:
            raise Wrong("The model is only ever given the films' own keys. What would it say under another film's?")
        films = {tuple(row) for row in actions}
        for wrong in others:
            if all(tuple(row) in films for row in wrong):
                continue
            if any(np.array_equal(wrong.ravel(), np.roll(actions.ravel(), k)) for k in range(1, actions.size)):
                raise Wrong(
                    "You roll all keys as one long row, as np.roll does without an axis: each film keeps nearly all of "
                    "its own keys, only moved in time. Roll along the films, axis=0."
                )
            rolled = all(sorted(row) == sorted(mine) for row, mine in zip(wrong, actions, strict=True))
            raise Wrong(
                "You shuffle the keys inside a film, over time: how often each is pressed in that film stays the same, "
                "and that can be seen too. Give each film the keys of another one."
                if rolled
                else "These wrong keys are nobody's: drawn by dice, they have other rhythms than those of "
                "the films, and a model may notice that. Give each film the keys of another one."
            )
        foreign = np.stack([(keys != actions).any(axis=1) for keys in others])  # (calls, n): whose keys are not its own
        if not foreign.any(axis=0).all():
            raise Wrong("Some film keeps its own keys: move all of them on by one film (np.roll, axis 0).")
        under = np.stack([error_under(keys) for keys in others])
        own = error_under(actions)
        # Right is one other film for each, and also the mean over several others.
        mean = (under * foreign).sum(axis=0) / foreign.sum(axis=0) - own
        right = [mean, *(each - own for each, moved in zip(under, foreign, strict=True) if moved.all())]
        if any(close(gain, each) for each in right):
            continue
        if any(close(gain, -each) for each in right):
            raise Wrong("The sign is turned round: a model that uses its keys has the larger error under wrong ones.")
        raise Wrong("For each film: the error under another film's keys less the error under its own.")


register(
    Exercise(
        id="ask.missing_control",
        notebook="05",
        title="The control that was missing",
        difficulty=2,
        minutes=8,
        reference=my_gain,
        check=_check_gain,
        hints=(
            "A small error says that the model predicts. What would the error be if the model had not heard the keys?",
            "np.roll(actions, 1, axis=0) gives each film its neighbour's keys; subtract the two errors film by film.",
        ),
        explanation="Keys of another film keep everything but the link between key and film: how often and how long "
        "each is held. What is left of the difference is what the model gains by listening.",
        like=lambda errors, actions: np.zeros(len(actions)),
    )
)


# --- 5. what was not pressed --------------------------------------------------------------------------------------
def my_intervened(error: np.ndarray, taken: np.ndarray, visible: np.ndarray) -> float:
    """How often a frame drawn for a key that was not pressed is nearer to that key's frame than to the pressed key's.

    error[n, key, b]: distance of the frame drawn for a key from the frame that key b would have drawn. (N, 4, 4), (N,),
    (N, 4, 4) -> a share. Only keys count whose frame differs from the pressed key's; a tie counts one half.
    """
    right = asked = 0.0
    for n, pressed in enumerate(taken):
        for key in range(error.shape[1]):
            if key != pressed and visible[n, key, pressed]:
                gain = error[n, key, pressed] - error[n, key, key]
                right += 1.0 if gain > 0 else 0.5 if gain == 0 else 0.0
                asked += 1
    return right / asked


def _scene(n: int, follows: float, seed: int) -> Inputs:
    """Errors of a model that draws the given key's frame with probability ``follows``, else the pressed key's."""
    rng = np.random.default_rng(seed)
    places = rng.normal(size=(n, 4, 3))
    taken = rng.integers(4, size=n)
    visible = rng.random((n, 4, 4)) < 0.6
    visible = visible & visible.transpose(0, 2, 1)
    visible[:, range(4), range(4)] = False
    visible[0, taken[0]] = visible[0, :, taken[0]] = np.arange(4) != taken[0]
    obeys = rng.random((n, 4)) < follows
    drawn = np.where(obeys[..., None], places, places[np.arange(n), taken][:, None]) + 0.4 * rng.normal(size=(n, 4, 3))
    return np.square(drawn[:, :, None] - places[:, None]).sum(-1), taken, visible


def _all_pairs(error: np.ndarray, taken: np.ndarray, visible: np.ndarray) -> float:
    own = np.diagonal(error, axis1=1, axis2=2)[:, :, None]
    right = np.where(error > own, 1.0, np.where(error == own, 0.5, 0.0))
    return float(right[visible].mean())


def _nearest_of_all(error: np.ndarray, taken: np.ndarray, visible: np.ndarray) -> float:
    asked = [(n, key) for n, pressed in enumerate(taken) for key in range(4) if visible[n, key, pressed]]
    return float(np.mean([error[n, key].argmin() == key for n, key in asked]))


def _film_by_film(error: np.ndarray, taken: np.ndarray, visible: np.ndarray) -> float:
    films = [n for n, pressed in enumerate(taken) if visible[n, :, pressed].any()]
    return float(np.mean([my_intervened(error[[n]], taken[[n]], visible[[n]]) for n in films]))


def _check_intervened(candidate: Asked) -> None:
    deaf = candidate(*_scene(80, 0.0, 0))
    if deaf > 0.8:
        raise Wrong(
            "A model that draws what the film's own key does, whatever it is given, scores "
            f"{deaf:.2f} with you and should score near 0: ask about the keys that were *not* pressed."
        )
    check_values(
        candidate,
        my_intervened,
        lambda seed: _scene(60, (0.3, 0.6, 0.8)[seed % 3], seed + 1),
        [
            (lambda e, taken, visible: my_intervened(e, taken, np.ones_like(visible)),
             "Pairs of keys that draw the same frame are counted too; nobody can tell those apart: use visible."),
            (lambda e, taken, visible: my_intervened(e.transpose(0, 2, 1), taken, visible),
             "The axes are exchanged: error[n, key for which it was drawn, key whose frame it is compared with]."),
            (lambda e, taken, visible: 1.0 - my_intervened(e, taken, visible),
             "The comparison is turned round: the smaller error is the nearer frame."),
            (_all_pairs, "All pairs of keys are counted, also those in which the film's own key is given."),
            (_nearest_of_all,
             "You ask for the nearest of all four frames. The frame drawn for a key has only to be nearer to that "
             "key's frame than to the pressed key's."),
            (_film_by_film, "You take the mean of each film first. Every key that is asked about counts once."),
        ],
        "On random errors the share is {wanted}, yours is {mine}. For each film and each key that it did not press: is "
        "the frame drawn for that key nearer to that key's frame than to the pressed key's?",
    )  # fmt: skip
    everything = ~np.eye(4, dtype=bool)[None].repeat(5, axis=0)
    tied = candidate(np.zeros((5, 4, 4)), np.array([0, 1, 2, 3, 1]), everything)
    if not close(tied, 0.5):
        raise Wrong(f"Where both frames are equally near, the answer is a guess: it counts one half, not {tied:g}.")


register(
    Exercise(
        id="ask.intervened",
        notebook="05",
        title="A key that nobody pressed",
        difficulty=3,
        minutes=12,
        reference=my_intervened,
        check=_check_intervened,
        hints=(
            "For a key that is not taken[n]: compare error[n, key, key] with error[n, key, taken[n]].",
            "Count only where visible[n, key, taken[n]]; a tie counts one half; divide by how many were asked.",
        ),
        explanation="On the keys that were pressed, a model may be right because it knows what the player would do. "
        "Only a key that the film did not press can tell whether the model follows the key or the film.",
    )
)
