"""Exercises of notebook 05, asking a model: an interval, a probe, and the controls that make their numbers mean
something."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from course_lib.exercises.core import Exercise, Wrong, register


def _array(result: object, shape: tuple[int, ...]) -> np.ndarray:
    if not isinstance(result, np.ndarray):
        raise Wrong(f"An array is expected, your function returns a {type(result).__name__}.")
    if result.shape != shape:
        raise Wrong(f"The result has shape {result.shape}; {shape} is expected.")
    return result


def _number(result: object) -> float:
    if isinstance(result, np.ndarray) and result.ndim == 0:
        result = result.item()
    if isinstance(result, bool) or not isinstance(result, float | int | np.floating | np.integer):
        raise Wrong(f"A number is expected, your function returns a {type(result).__name__}.")
    if not np.isfinite(result):
        raise Wrong(f"The result is {result}, not a finite number.")
    return float(result)


# --- 1. a bootstrap interval --------------------------------------------------------------------------------------
def interval(values: np.ndarray, rng: np.random.Generator, resamples: int = 2000) -> tuple[float, float]:
    """The middle 95 % of the means of resampled values. (N,) -> (low, high)."""
    drawn = rng.integers(len(values), size=(resamples, len(values)))  # (R, N): which film, with replacement
    low, high = np.quantile(values[drawn].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def _ends(result: object) -> tuple[float, float]:
    if not isinstance(result, tuple | list | np.ndarray) or len(result) != 2:
        raise Wrong("Two numbers are expected, the lower and the upper end of the interval.")
    return _number(result[0]), _number(result[1])


def _check_interval(candidate: Callable[..., tuple[float, float]]) -> None:
    rng = np.random.default_rng(0)
    for n, spread in ((40, 1.0), (100, 3.0), (60, 0.2)):
        values = rng.normal(rng.normal(0.0, 5.0), spread, n)
        given = values.copy()
        low, high = _ends(candidate(values, np.random.default_rng(n), 2000))
        if (values != given).any():
            raise Wrong("Your function changes the values it is given; resampling draws from them and leaves them.")
        if low > high:
            raise Wrong("The lower end comes first: (low, high).")
        wanted = 2 * 1.96 * values.std() / np.sqrt(n)
        width = high - low
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
        if not 0.85 < width / wanted < 1.18:
            raise Wrong(
                f"With {n} values the interval should be about {wanted:.3f} wide, yours is {width:.3f}. Does every "
                f"resample have {n} values, and are the ends the quantiles 0.025 and 0.975?"
            )
        if not low < values.mean() < high:
            raise Wrong("The interval does not hold the mean of the values that it was made from.")
    again = [_ends(candidate(values, np.random.default_rng(seed), 500)) for seed in (1, 1, 2)]
    if again[0] != again[1]:
        raise Wrong("The same generator gives different intervals: draw from `rng` and from nothing else.")
    if again[0] == again[2]:
        raise Wrong("Another generator gives the very same interval: draw from the `rng` that is passed in.")


register(
    Exercise(
        id="ask.interval",
        notebook="05",
        title="How sure? A bootstrap interval",
        difficulty=2,
        minutes=8,
        reference=interval,
        check=_check_interval,
        hints=(
            "Draw as many values as there are, with replacement, and take their mean; do that `resamples` times.",
            "rng.integers(len(values), size=(resamples, len(values))) says which; np.quantile(means, [0.025, 0.975]).",
        ),
        explanation="The resamples stand in for other sets of films that we might have had. Their means spread as "
        "means of such sets do, so the middle 95 % of them is an interval for the true mean. The course's "
        "bootstrap_interval also corrects the two ends for skewed values (BCa).",
    )
)


# --- 2. ridge in closed form --------------------------------------------------------------------------------------
def ridge(z: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray:
    """Weights that minimise |y - z w|^2 + penalty |w|^2. z: (N, D), y: (N, K) -> (D, K)."""
    return np.linalg.solve(z.T @ z + penalty * np.eye(z.shape[1]), z.T @ y)


def _check_ridge(candidate: Callable[..., np.ndarray]) -> None:
    rng = np.random.default_rng(0)
    for n, d, k in ((50, 4, 1), (30, 7, 2), (12, 20, 1)):
        z, y, penalty = rng.normal(size=(n, d)), rng.normal(size=(n, k)), float(rng.uniform(0.5, 30.0))
        w = _array(candidate(z, y, penalty), (d, k))
        for label, other in (
            ("The penalty does nothing: these are the weights of plain least squares. It is added to the diagonal.",
             np.linalg.lstsq(z, y, rcond=None)[0]),
            ("The penalty is multiplied by the number of rows; the formula has it as it is.",
             ridge(z, y, penalty * n)),
            ("The penalty enters squared; the formula has it as it is.", ridge(z, y, penalty**2)),
            ("The penalty stands at every place of the matrix; it belongs on the diagonal only (np.eye).",
             _everywhere(z, y, penalty)),
            ("The penalty is subtracted: large weights would be a gain.", ridge(z, y, -penalty)),
        ):  # fmt: skip
            if other is not None and n > d and np.allclose(w, other, atol=1e-7):
                raise Wrong(label)
        slope = -2 * z.T @ (y - z @ w) + 2 * penalty * w  # the loss's derivative
        if np.abs(slope).max() > 1e-6 * max(1.0, np.abs(z.T @ y).max()):
            raise Wrong(
                "At your weights the derivative of the loss is not 0, so another set of weights is better. Set "
                "-2 z'(y - z w) + 2 penalty w to 0 and solve for w."
            )


def _everywhere(z: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray | None:
    try:
        return np.linalg.solve(z.T @ z + penalty, z.T @ y)
    except np.linalg.LinAlgError:
        return None


register(
    Exercise(
        id="ask.ridge",
        notebook="05",
        title="A probe without training",
        difficulty=2,
        minutes=8,
        reference=ridge,
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
def meaningless_task(y: np.ndarray, rng: np.random.Generator, bands: int = 16) -> np.ndarray:
    """A random number for each of ``bands`` ranges that hold equally many values. (N,) -> (N,)."""
    edges = np.quantile(y, np.linspace(0, 1, bands + 1)[1:-1])  # bands - 1 edges
    return rng.standard_normal(bands)[np.searchsorted(edges, y)]


def _check_meaningless_task(candidate: Callable[..., np.ndarray]) -> None:
    rng = np.random.default_rng(0)
    y = np.exp(rng.normal(0.0, 1.0, 800))  # skewed: most values are small
    for bands in (16, 5):
        task = _array(candidate(y, np.random.default_rng(1), bands), (800,))
        if np.allclose(np.sort(task), np.sort(y)):
            raise Wrong(
                "These are the variable's own values, shuffled: two frames with the same place get different numbers, "
                "and nothing could learn that. Give one number to each range."
            )
        kinds = np.unique(task)
        if len(kinds) > 2 * bands:
            raise Wrong(f"There are {len(kinds)} different numbers; all values of one range share one, so {bands}.")
        if len(kinds) < bands:
            sizes = "; some ranges are empty: let each hold equally many values (np.quantile)" if len(kinds) > 1 else ""
            raise Wrong(f"{bands} ranges are asked for and {len(kinds)} different numbers come out{sizes}.")
        if len(kinds) != bands:
            raise Wrong(f"{bands} ranges are asked for and {len(kinds)} different numbers come out.")
        in_order = task[np.argsort(y)]
        if np.count_nonzero(np.diff(in_order)) != bands - 1:
            raise Wrong("Going up through the variable's values, the number must change once at each edge of a range.")
        counts = np.array([np.count_nonzero(task == kind) for kind in kinds])
        if counts.max() > 1.5 * 800 / bands:
            raise Wrong(
                f"One range holds {counts.max()} of 800 values: cut at quantiles, so that each holds equally many."
            )
        if (np.diff(in_order) >= 0).all() or (np.diff(in_order) <= 0).all():
            raise Wrong("The numbers go up with the variable, so the task still means something: draw them at random.")
    draws = [candidate(y, np.random.default_rng(seed)) for seed in (3, 3, 4)]
    if not np.array_equal(draws[0], draws[1]) or np.array_equal(draws[0], draws[2]):
        raise Wrong("The numbers must come from the generator that is passed in: the same seed, the same task.")


register(
    Exercise(
        id="ask.meaningless_task",
        notebook="05",
        title="A task without meaning",
        difficulty=3,
        minutes=10,
        reference=meaningless_task,
        check=_check_meaningless_task,
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
def gain_over_wrong_keys(errors: Callable[[np.ndarray], np.ndarray], actions: np.ndarray) -> np.ndarray:
    """How much smaller each film's error is under its own keys than under another film's. (N, T - 1) -> (N,)."""
    return errors(np.roll(actions, 1, axis=0)) - errors(actions)


def _check_gain(candidate: Callable[..., np.ndarray]) -> None:
    rng = np.random.default_rng(0)
    for n, steps in ((6, 9), (9, 5)):
        actions = np.array([rng.permutation(np.arange(steps) % 4) for _ in range(n)])
        actions[:, 0] = np.arange(n) % 4
        told: list[np.ndarray] = []
        weights = rng.uniform(0.5, 1.5, (n, steps))

        def errors(keys: np.ndarray, truth: np.ndarray = actions, weights: np.ndarray = weights,
                   told: list[np.ndarray] = told) -> np.ndarray:  # fmt: skip
            keys = np.asarray(keys)
            if keys.shape != truth.shape:
                raise Wrong(f"The model is told keys of shape {keys.shape}; the films' have {truth.shape}.")
            told.append(keys.copy())
            return 0.7 + weights[:, 0] + (weights * (keys != truth)).sum(axis=1)  # no model is without error

        gain = _array(candidate(errors, actions.copy()), (n,))
        others = [keys for keys in told if not np.array_equal(keys, actions)]
        if not others:
            raise Wrong("The model is only ever told the films' own keys. What would it say under another film's?")
        wrong = others[0]
        films = {tuple(row) for row in actions}
        if not all(tuple(row) in films for row in wrong):
            rolled = all(sorted(row) == sorted(mine) for row, mine in zip(wrong, actions, strict=True))
            raise Wrong(
                "You shuffle the keys inside a film, over time: how often each is pressed in that film stays the same, "
                "and that can be seen too. Give each film the keys of another one."
                if rolled
                else "These wrong keys are nobody's: drawn by dice, they have other rhythms than those of "
                "the films, and a model may notice that. Give each film the keys of another one."
            )
        if any(np.array_equal(a, b) for a, b in zip(wrong, actions, strict=True)):
            raise Wrong("Some film keeps its own keys: move all of them on by one film (np.roll, axis 0).")
        wanted = errors(wrong) - errors(actions)
        if np.allclose(gain, -wanted):
            raise Wrong("The sign is turned round: a model that uses its keys has the larger error under wrong ones.")
        if not np.allclose(gain, wanted):
            raise Wrong("For each film: the error under another film's keys less the error under its own.")


register(
    Exercise(
        id="ask.missing_control",
        notebook="05",
        title="The control that was missing",
        difficulty=2,
        minutes=8,
        reference=gain_over_wrong_keys,
        check=_check_gain,
        hints=(
            "A small error says that the model predicts. What would the error be if the model had not heard the keys?",
            "np.roll(actions, 1, axis=0) gives each film its neighbour's keys; subtract the two errors film by film.",
        ),
        explanation="Keys of another film keep everything but the link between key and film: how often and how long "
        "each is held. What is left of the difference is what the model gains by listening.",
    )
)


# --- 5. what was not pressed --------------------------------------------------------------------------------------
def intervened_accuracy(error: np.ndarray, taken: np.ndarray, visible: np.ndarray) -> float:
    """How often the model follows a key that the film did not press.

    error[n, a, b]: distance of the frame drawn when key a is told from the frame that key b would have drawn.
    """
    right = asked = 0.0
    for n, pressed in enumerate(taken):
        for told in range(error.shape[1]):
            if told != pressed and visible[n, told, pressed]:
                gain = error[n, told, pressed] - error[n, told, told]
                right += 1.0 if gain > 0 else 0.5 if gain == 0 else 0.0
                asked += 1
    return right / asked


def _scene(n: int, follows: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Errors of a model that draws the told key's frame with probability ``follows``, else the pressed key's."""
    places = rng.normal(size=(n, 4, 3))
    taken = rng.integers(4, size=n)
    visible = rng.random((n, 4, 4)) < 0.6
    visible = visible & visible.transpose(0, 2, 1)
    visible[:, range(4), range(4)] = False
    visible[0, taken[0]] = visible[0, :, taken[0]] = np.arange(4) != taken[0]
    obeys = rng.random((n, 4)) < follows
    drawn = np.where(obeys[..., None], places, places[np.arange(n), taken][:, None]) + 0.05 * rng.normal(size=(n, 4, 3))
    return np.square(drawn[:, :, None] - places[:, None]).sum(-1), taken, visible


def _check_intervened(candidate: Callable[..., float]) -> None:
    rng = np.random.default_rng(0)
    error, taken, visible = _scene(80, 0.0, rng)
    deaf = _number(candidate(error, taken, visible))
    if deaf > 0.9:
        raise Wrong(
            "A model that draws what the film's own key does, whatever it is told, scores "
            f"{deaf:.2f} with you and should score 0: ask about the keys that were *not* pressed."
        )
    for seed in range(3):
        error, taken, visible = _scene(60, (0.3, 0.6, 0.8)[seed], np.random.default_rng(seed + 1))
        wanted = intervened_accuracy(error, taken, visible)
        mine = _number(candidate(error, taken, visible))
        if np.isclose(mine, intervened_accuracy(error, taken, np.ones_like(visible)), atol=1e-9):
            raise Wrong("Pairs of keys that draw the same frame are counted too; nobody can tell those: use visible.")
        if np.isclose(mine, intervened_accuracy(error.transpose(0, 2, 1), taken, visible), atol=1e-9):
            raise Wrong("The axes are exchanged: error[n, told key, key whose frame was drawn].")
        if np.isclose(mine, 1.0 - wanted, atol=1e-9):
            raise Wrong("The comparison is turned round: the smaller error is the nearer frame.")
        everything = _all_pairs(error, visible)
        if np.isclose(mine, everything, atol=1e-9):
            raise Wrong("All pairs of keys are counted, also those in which the film's own key is told.")
        if not np.isclose(mine, wanted, atol=1e-9):
            raise Wrong(
                f"On random errors the share is {wanted:.3f}, yours is {mine:.3f}. For each film and each key that it "
                "did not press: is the frame drawn for that key nearer to that key's frame than to the pressed key's?"
            )
    ties = np.zeros((4, 4, 4))
    taken = np.arange(4)
    tied = _number(candidate(ties, taken, ~np.eye(4, dtype=bool)[None].repeat(4, axis=0)))
    if not np.isclose(tied, 0.5):
        raise Wrong(f"Where both frames are equally near, the answer is a guess: it counts one half, not {tied:g}.")


def _all_pairs(error: np.ndarray, visible: np.ndarray) -> float:
    own = np.diagonal(error, axis1=1, axis2=2)[:, :, None]
    right = np.where(error > own, 1.0, np.where(error == own, 0.5, 0.0))
    return float(right[visible].mean())


register(
    Exercise(
        id="ask.intervened",
        notebook="05",
        title="A key that nobody pressed",
        difficulty=3,
        minutes=12,
        reference=intervened_accuracy,
        check=_check_intervened,
        hints=(
            "For a told key that is not taken[n]: compare error[n, told, told] with error[n, told, taken[n]].",
            "Count only where visible[n, told, taken[n]]; a tie counts one half; divide by how many were asked.",
        ),
        explanation="On the keys that were pressed, a model may be right because it knows what the player would do. "
        "Only a key that the film did not press can tell whether the model follows the key or the film.",
    )
)
