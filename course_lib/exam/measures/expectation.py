"""Violation of expectation (期望违背): does the impossible film surprise a model more than the possible one?

A quadruplet (``worlds/quadruplets.py``) has two possible films, A and B, and two impossible ones, AB and BA, that
change from one to the other inside a window in which both are equal to the bit. A model gives each frame a surprise.
The score compares *the same frames after another beginning*: the end of A as it stands in A, and as it stands in BA.
What the frames look like cannot matter then, because they are the same; only what came before them can.

The method is that of the studies of infants (Baillargeon, Spelke & Wasserman 1985, Cognition 20) and of IntPhys
(Riochet et al. 2018, arXiv 1803.07616). The scores in the second half of this file are there to be seen failing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from course_lib.exam.measures.intervals import mean_and_interval, wilson_interval

A, B, AB, BA = range(4)  # the films of a quadruplet, as ``Quadruplets.films`` orders them
TOLERANCE = 1e-5  # relative: two surprises this near are equal, and differ by rounding alone


def _checked(surprise: np.ndarray, cuts: np.ndarray | None = None) -> np.ndarray:
    """Surprises as float64 (N, 4, T). Raises ValueError for another shape, numbers that are not finite, wrong cuts."""
    values = np.asarray(surprise, dtype=float)
    if values.ndim != 3 or values.shape[1] != 4 or values.shape[2] < 2:
        raise ValueError(f"surprises are (N, 4, T): quadruplets, films A B AB BA, frames; these are {values.shape}")
    if not np.isfinite(values[..., 1:]).all():
        raise ValueError("a surprise after frame 0 is no finite number; only frame 0, with nothing before it, has none")
    if cuts is not None:
        given = np.asarray(cuts)
        ordered = given.ndim == 2 and len(given) == len(values) and given.shape[1] > 0
        if not ordered or (np.diff(given, axis=1) <= 0).any() or given.min() < 1 or given.max() >= values.shape[2]:
            raise ValueError(f"each of the {len(values)} quadruplets has its cuts, (N, K), frames from 1 to "
                             f"{values.shape[2] - 1} in rising order; these have the shape {given.shape}")  # fmt: skip
    return values


def more_surprising(impossible: np.ndarray, possible: np.ndarray, *, tolerance: float = TOLERANCE) -> np.ndarray:
    """1 where the impossible film has the higher surprise, 0 where it has the lower one, 0.5 where they are equal.

    tolerance: relative to the larger of the two; without it rounding in float32 decides between equal films.
    """
    impossible, possible = np.asarray(impossible, dtype=float), np.asarray(possible, dtype=float)
    near = np.abs(impossible - possible) <= tolerance * np.maximum(np.abs(impossible), np.abs(possible))
    return np.where(near, 0.5, (impossible > possible).astype(float))


def same_frames(surprise: np.ndarray, cuts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean surprise from the first cut on, of the same frames in a possible film and in an impossible one.

    surprise: (N, 4, T); cuts: (N, K). Returns (possible, impossible), each (N, 2): for the frames of A, and of B.
    With one cut these are the pairs (A, BA) and (B, AB). Where the films change back at a second cut (A B A and B A B),
    a frame of A stands after the wrong beginning in B A B before that cut, and in A B A after it.
    Raises ValueError for another shape, numbers that are not finite, or cuts that are none.
    """
    values, cuts = _checked(surprise, cuts), np.asarray(cuts)
    times = np.arange(values.shape[2])
    passed = (times >= cuts[..., None]).sum(axis=1)  # (N, T): cuts so far
    from_a = np.where(passed % 2 == 1, values[:, BA], values[:, AB])  # the impossible film that shows A's frame
    from_b = np.where(passed % 2 == 1, values[:, AB], values[:, BA])
    scored = passed > 0  # never frame 0

    def mean(rows: np.ndarray) -> np.ndarray:
        return np.where(scored, rows, 0.0).sum(axis=1) / scored.sum(axis=1)

    return np.stack([mean(values[:, A]), mean(values[:, B])], 1), np.stack([mean(from_a), mean(from_b)], 1)


def scores(surprise: np.ndarray, cuts: np.ndarray, *, tolerance: float = TOLERANCE) -> np.ndarray:
    """How often the impossible film surprises more, of the two pairs of each quadruplet; a tie is half right. (N,).

    What only compares a frame with its neighbour has 0.5 exactly, in every quadruplet. Raises as ``same_frames``.
    """
    possible, impossible = same_frames(surprise, cuts)
    return more_surprising(impossible, possible, tolerance=tolerance).mean(axis=1)


def accuracy(values: np.ndarray, *, seed: int = 0) -> dict[str, float | int]:
    """value, low, high and n of a row: the mean score with its 95 % interval, by bootstrap over quadruplets.

    values: (N,), one score a quadruplet. Where all are right, or all wrong, a bootstrap would give an interval without
    width, and Wilson's stands in its place; where all are 0.5, as for the pixel difference, that is so by construction
    and the interval has none. Raises ValueError for fewer than 5 quadruplets, ExamError for scores that are not finite.
    """
    found = mean_and_interval(values, seed=seed)
    if found["value"] in (0.0, 1.0):
        found["low"], found["high"] = wilson_interval(int(found["value"] * found["n"]), int(found["n"]))
    return found


def accuracy_by_property(
    surprises: Mapping[str, np.ndarray], cuts: Mapping[str, np.ndarray], *, seed: int = 0
) -> list[dict[str, Any]]:
    """A table of rows: for each property its accuracy with interval. surprises: (N, 4, T) by property; cuts: (N, K).

    Raises ValueError where a property has no cuts, and as ``accuracy`` and ``scores``.
    """
    if lacking := [name for name in surprises if name not in cuts]:
        raise ValueError(f"there are no cuts for {', '.join(lacking)}: give them by property, as the surprises")
    return [{"property": name} | accuracy(scores(values, cuts[name]), seed=seed) for name, values in surprises.items()]


# ------------------------------------------------------------------------------------------------------------ controls


def pixel_difference(films: np.ndarray) -> np.ndarray:
    """The surprise of whoever expects each frame to be like the one before: mean squared difference, levels 0 to 255.

    films: uint8 (..., T, H, W, 3) -> (..., T), NaN at frame 0. Sums of whole numbers: equal films have equal surprise.
    """
    if films.dtype != np.uint8:
        raise TypeError(f"stored frames are uint8, these are {films.dtype}")
    result = np.full(films.shape[:-3], np.nan)
    for t in range(1, films.shape[-4]):
        change = films[..., t, :, :, :].astype(np.int32) - films[..., t - 1, :, :, :]
        result[..., t] = (change**2).sum(axis=(-3, -2, -1)) / np.prod(films.shape[-3:])
    return result


def balance(films: np.ndarray) -> dict[str, np.ndarray]:
    """The test of the films themselves: are the possible and the impossible ones made of the same pieces?

    films: uint8 (N, 4, T, H, W, 3). Returns by name, bool (N,), whether the multisets of "frames", of "frames_at_times"
    and of "neighbouring_pairs" are equal in the two possible films and in the two impossible ones of a quadruplet.
    Where all are, nobody who looks at a frame, at its time or at two neighbours can tell possible from impossible.
    Raises ValueError for another shape.
    """
    if films.ndim != 6 or films.shape[1] != 4:
        raise ValueError(f"films of quadruplets are (N, 4, T, H, W, 3), A B AB BA; these are {films.shape}")
    found: dict[str, list[bool]] = {"frames": [], "frames_at_times": [], "neighbouring_pairs": []}
    for four in films:
        keys = [[frame.tobytes() for frame in film] for film in four]
        pieces = {
            "frames": keys,
            "frames_at_times": [list(enumerate(film)) for film in keys],
            "neighbouring_pairs": [list(zip(film, film[1:], strict=False)) for film in keys],
        }
        for name, parts in pieces.items():
            found[name].append(Counter(parts[A] + parts[B]) == Counter(parts[AB] + parts[BA]))
    return {name: np.array(equal) for name, equal in found.items()}


# ----------------------------------------------------------------------------------------------- scores that go wrong


def maximum_scores(surprise: np.ndarray, *, tolerance: float = TOLERANCE) -> np.ndarray:
    """A score that leaks: the highest surprise of each film, the two impossible against the two possible. (N,).

    When a body comes and nothing leaves, one possible film holds both the larger surprises and the other none; in the
    impossible films each holds one. The sum of the maxima is larger for these, and the pixel difference, which knows
    nothing, is right every time. surprise: (N, 4, T).
    """
    highest = _checked(surprise)[..., 1:].max(axis=2)  # (N, 4)
    return more_surprising(highest[:, AB] + highest[:, BA], highest[:, A] + highest[:, B], tolerance=tolerance)


def same_beginning_scores(surprise: np.ndarray, cuts: np.ndarray, *, tolerance: float = TOLERANCE) -> np.ndarray:
    """A score that is pinned near one half: (A, AB) and (B, BA), equal until the cut and different after it. (N,).

    Now the frames that are scored differ: whatever makes those of A more surprising in themselves (a body is harder to
    predict than an empty box) makes one pair right and the other wrong. surprise: (N, 4, T); cuts: (N, K).
    """
    values = _checked(surprise, cuts)
    scored = np.arange(values.shape[2]) >= np.asarray(cuts)[:, :1]  # (N, T)
    means = np.where(scored[:, None], values, 0.0).sum(axis=2) / scored.sum(axis=1)[:, None]  # (N, 4)
    return more_surprising(means[:, [AB, BA]], means[:, [A, B]], tolerance=tolerance).mean(axis=1)


def sum_scores(surprise: np.ndarray, *, tolerance: float = TOLERANCE) -> np.ndarray:
    """IntPhys's relative score: the sum over all frames of both impossible films against that of both possible. (N,).

    Nothing leaks here, but one comparison a quadruplet lets what is no knowledge decide all quadruplets alike: networks
    that never learned anything range from 0 to 1 by their seed, so it needs many of them as a control. (N, 4, T).
    """
    total = _checked(surprise)[..., 1:].sum(axis=2)  # (N, 4)
    return more_surprising(total[:, AB] + total[:, BA], total[:, A] + total[:, B], tolerance=tolerance)
