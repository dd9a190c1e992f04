"""What is probed: states, tokens and pixels of films, and the probes between two sets of films.

A row is a film up to one of TIMES. Rows of one film resemble each other, so whole films are held back and resampled.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from course_lib.contract import NotCapable, WorldModel
from course_lib.exam.measures.probes import ProbeFit, control_task, fit_fourier, r2
from course_lib.exam.measures.rollout import CHUNK, as_input, translate
from course_lib.worlds import spec
from course_lib.worlds.films import Films

TIMES = (7, 15, 23)  # frames at which the state is looked at: a model has seen that many, and one more

AGENT = {f"agent_{field}": (spec.AGENT_SLOT, field) for field in ("x", "y", "vx", "vy")}

VARIABLES = {  # of each film set that can be probed: the slot and the field of a variable
    "agent": AGENT,
    "ball": AGENT | {f"ball_{field}": (1, field) for field in ("x", "y", "vx", "vy", "mass")},
    "goal": AGENT | {f"star_{field}": (spec.STAR_SLOT, field) for field in ("x", "y")},
}

Features = Callable[[Tensor, Tensor], np.ndarray]  # frames (N, T, 3, H, W), actions (N, T - 1) -> (N, D)
Encoder = Callable[[Tensor], Tensor]  # frames (N, T, 3, H, W) -> tokens of each frame before any pooling (N, T, K, D)


@torch.no_grad()
def laid_flat(part: Callable[..., Tensor], *films: Tensor) -> np.ndarray:
    """What ``part`` finds in films, CHUNK of them at a time, each film's numbers in a row, float64 (N, D).

    films: frames, and whatever else there is of each film, (N, ...) each.
    """
    starts = range(0, len(films[0]), CHUNK)
    found = [part(*(each[start : start + CHUNK] for each in films)) for start in starts]
    return torch.cat([each.flatten(1).double() for each in found]).numpy()


def state_features(model: WorldModel, frames: Tensor, actions: Tensor) -> np.ndarray:
    """A model's state after films, every tensor of it laid flat, float64 (N, D). Whole numbers stay numbers."""

    def numbers(frames: Tensor, actions: Tensor) -> Tensor:
        tensors = model.encode(frames, translate(model, actions)).tensors().values()
        return torch.cat([tensor.reshape(len(tensor), -1).double() for tensor in tensors], dim=1)

    return laid_flat(numbers, frames, actions)


def token_features(encoder: Encoder, frames: Tensor) -> np.ndarray:
    """An encoder's tokens of the last two frames, laid flat, float64 (N, 2 * K * D)."""
    return laid_flat(lambda some: encoder(some[:, -2:]), frames)


def pixel_features(frames: Tensor, actions: Tensor) -> np.ndarray:
    """The last two frames as they are: one shows places, two show speeds. (N, 2 * 3 * H * W)."""
    return frames[:, -2:].flatten(1).double().numpy()


def truth(films: Films, name: str) -> np.ndarray:
    """A variable at every one of TIMES, (N, K)."""
    slot, field = VARIABLES[films.name][name]
    return films.of(field)[:, TIMES, slot].astype(np.float64)


class Probed:
    """Features of the films to fit on and of the films to score on, and the probes between them."""

    def __init__(self, features: Features, fit: Films, score: Films, rng: np.random.Generator) -> None:
        self.x, self.films = [], []
        for films in (fit, score):
            frames, actions = as_input(films)
            rows = [features(frames[:, : t + 1], actions[:, :t]) for t in TIMES]
            if len({row.shape[1] for row in rows}) > 1:
                raise NotCapable("its state grows with the frames that it has seen; a probe needs states of one size")
            self.x.append(np.concatenate(rows))  # (K * N, D), time after time
            self.films.append(np.tile(np.arange(len(films)), len(TIMES)))
        self.rng = rng

    @cached_property
    def line(self) -> tuple[ProbeFit, np.ndarray]:
        """Linear probes to the films to fit on, and the rows to score them on."""
        return ProbeFit(self.x[0], self.films[0]), self.x[1]

    @cached_property
    def waves(self) -> tuple[ProbeFit, np.ndarray]:
        """The same with random Fourier features."""
        bend = fit_fourier(self.x[0], self.rng)
        return ProbeFit(bend(self.x[0]), self.films[0]), bend(self.x[1])

    def ask(self, y_fit: np.ndarray, *, wavy: bool = False) -> np.ndarray:
        """Fit a probe to targets (N, K) and predict those of the films to score on, (K * N,)."""
        fit, score = self.waves if wavy else self.line
        return fit(y_fit.T.reshape(-1, 1))(score)[:, 0]

    def meaningless(self, y_fit: np.ndarray, y: np.ndarray, rng: np.random.Generator, *, wavy: bool = False) -> float:
        """R2 of the same probe on a task without meaning, over the same ranges of the same variable.

        y_fit: (N, K), y: (K * N,), time after time. R2 of the variable less this is the probe's selectivity.
        """
        task = control_task(np.concatenate([y_fit.T.ravel(), y]), rng)
        task_fit, task_score = task[: y_fit.size].reshape(y_fit.T.shape).T, task[y_fit.size :]
        return r2(task_score, self.ask(task_fit, wavy=wavy))


def leading_components(x: list[np.ndarray], count: int) -> list[np.ndarray]:
    """Principal components fitted to the first of two sets of rows."""
    from sklearn.decomposition import PCA

    pca = PCA(count, svd_solver="randomized", random_state=0).fit(x[0])
    return [pca.transform(part) for part in x]
