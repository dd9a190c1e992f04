"""One linear probe with everything that has to stand beside its score: the interval and the task without meaning.

A ridge (``measures/probes.py``) is fitted to rows of some films or pictures and scored on rows of others. Whole films
are held back and resampled, because rows of one film resemble each other. A variable that never changes cannot be
probed: the mean is right about it everywhere, and R2 is 0 over 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from course_lib.exam.measures.probes import ProbeFit, control_task, r2, r2_interval

SPREAD = 1e-6  # of the mean size of a variable: what varies by less than this does not vary


@dataclass(frozen=True)
class Rows:
    """What a probe is fitted to or scored on. x: features, (N, D); films: which film or picture a row is of, (N,)."""

    x: np.ndarray
    films: np.ndarray


class LinearProbes:
    """Linear probes between two sets of rows, one variable after another.

    Raises ValueError where the two sets have another number of features.
    """

    def __init__(self, fit: Rows, score: Rows) -> None:
        if fit.x.shape[1:] != score.x.shape[1:]:
            raise ValueError(f"a probe of {fit.x.shape[1:]} features cannot read {score.x.shape[1:]}")
        self.fitted, self.score = ProbeFit(fit.x, fit.films), score

    def scores(self, y_fit: np.ndarray, y: np.ndarray, *, seed: int = 0) -> dict[str, float]:
        """R2 of one variable: value, low, high (95 %, films resampled), and meaningless_task, what the same probe
        reaches on random numbers for ranges of the variable (``control_task``).

        y_fit: (N,), y: (M,), the variable in the rows to fit and to score. Raises ValueError where it does not vary.
        """
        for part in (y_fit, y):
            if part.std() <= SPREAD * max(1e-12, float(np.abs(part).mean())):
                raise ValueError("the variable has one value throughout: there is nothing to probe")
        guess = self.fitted(y_fit[:, None])(self.score.x)[:, 0]
        low, high = r2_interval(y, guess, self.score.films, np.random.default_rng([seed, 1]))
        task = control_task(np.concatenate([y_fit, y]), np.random.default_rng([seed, 2]))
        known, asked = task[: len(y_fit)], task[len(y_fit) :]
        meaningless = r2(asked, self.fitted(known[:, None])(self.score.x)[:, 0])
        return {"value": r2(y, guess), "low": low, "high": high, "meaningless_task": meaningless}
