"""Question: what does its state hold? Places, speeds and attributes read off by probes, beside pixels, PCA and an
untrained network.

Probed is the state of a world model, or the tokens of an encoder before any pooling. An encoder sees single frames: the
tokens of the last two are probed together, as the control pixels has the last two frames.

The films hold the agent and one ball, so that "the ball's speed" is one number. Probes are fitted on validation films
and scored on test films; both are films that the model has not learned from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.contract import NotCapable, WorldModel
from course_lib.exam.entrant import PARTS, Entrant
from course_lib.exam.measures.intervals import mean_and_interval
from course_lib.exam.measures.probes import ProbeFit, control_task, fit_fourier, r2, r2_interval
from course_lib.exam.measures.rollout import CHUNK, as_input, fits, translate
from course_lib.exam.rows import Row
from course_lib.exam.sitting import Sitting
from course_lib.lookup import ExamError
from course_lib.worlds import spec
from course_lib.worlds.films import Films

TIMES = (7, 15, 23)  # frames at which the state is looked at: a model has seen that many, and one more

FIT = 3  # times as many films to fit a probe as to score it

AGENT = {f"agent_{field}": (spec.AGENT_SLOT, field) for field in ("x", "y", "vx", "vy")}

VARIABLES = {  # of each film set that can be probed: the slot and the field of a variable
    "agent": AGENT,
    "ball": AGENT | {f"ball_{field}": (1, field) for field in ("x", "y", "vx", "vy", "mass")},
    "goal": AGENT | {f"star_{field}": (spec.STAR_SLOT, field) for field in ("x", "y")},
}

Features = Callable[[Tensor, Tensor], np.ndarray]  # frames (N, T, 3, H, W), actions (N, T - 1) -> (N, D)
Encoder = Callable[[Tensor], Tensor]  # frames (N, T, 3, H, W) -> tokens of each frame before any pooling (N, T, K, D)


@torch.no_grad()
def state_features(model: WorldModel, frames: Tensor, actions: Tensor) -> np.ndarray:
    """A model's state after films, every tensor of it laid flat, float64 (N, D). Whole numbers stay numbers."""
    translated = translate(model, actions)
    rows = []
    for start in range(0, len(frames), CHUNK):
        part = slice(start, start + CHUNK)
        state = model.encode(frames[part], None if translated is None else translated[part])
        rows.append(torch.cat([tensor.reshape(len(tensor), -1).double() for tensor in state.tensors().values()], dim=1))
    return torch.cat(rows).numpy()


@torch.no_grad()
def token_features(encoder: Encoder, frames: Tensor) -> np.ndarray:
    """An encoder's tokens of the last two frames, laid flat, float64 (N, 2 * K * D)."""
    parts = [encoder(frames[start : start + CHUNK, -2:]) for start in range(0, len(frames), CHUNK)]
    return torch.cat([tokens.flatten(1).double() for tokens in parts]).numpy()


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


def features_of(parts: Mapping[str, Any], size: int) -> Features:
    """What is probed of the entrant's parts: its encoder's tokens where it brings one, or the world model's state.

    Raises NotCapable where there is neither, or the world model reads frames of another size.
    """
    if "encoder" in parts:
        return lambda frames, actions: token_features(parts["encoder"], frames)
    if "model" not in parts:
        raise NotCapable(f"it comes without an {PARTS['encoder']} and without a {PARTS['model']}")
    fits(parts["model"], size)
    return lambda frames, actions: state_features(parts["model"], frames, actions)


def ask(entrant: Entrant, sitting: Sitting) -> Iterator[Row]:
    """Rows probe_r2_* and probe_nonlinear_r2_* for each variable, and probe_accuracy_ball_colour.

    The control meaningless_task is what the same probe reaches on a task without meaning; the value less that control
    is the probe's selectivity.
    """
    name = entrant.probes or sitting.probes
    if name not in VARIABLES:
        raise ExamError(f"the film set {name!r} has no variables to probe; these have: {', '.join(VARIABLES)}")
    ways = {"model": features_of(entrant.parts, sitting.size)}
    if entrant.untrained:
        ways["untrained"] = features_of(entrant.untrained, sitting.size)
    other = "validation" if sitting.split == "test" else "test"
    fit = sitting.films_for(entrant, name, split=other, count=FIT * sitting.count)
    score = sitting.films_for(entrant, name)
    probed = {name: Probed(way, fit, score, sitting.rng(1)) for name, way in ways.items()}
    for name in VARIABLES[score.name]:
        y_fit, y = truth(fit, name), truth(score, name).T.ravel()  # (N, K) -> (K * N,), time after time
        films = probed["model"].films[1]
        shared = _shared(sitting, fit, score, name, y_fit, y)
        for kind, wavy in (("probe_r2", False), ("probe_nonlinear_r2", True)):
            guesses = {who: p.ask(y_fit, wavy=wavy) for who, p in probed.items()}
            scores = {who: r2(y, guess) for who, guess in guesses.items()}
            # a task without meaning on the same ranges of the same variable: value - meaningless_task is selectivity
            task = control_task(np.concatenate([y_fit.T.ravel(), y]), sitting.rng(3))
            task_fit, task_score = task[: y_fit.size].reshape(y_fit.T.shape).T, task[y_fit.size :]
            scores["meaningless_task"] = r2(task_score, probed["model"].ask(task_fit, wavy=wavy))
            low, high = r2_interval(y, guesses["model"], films, sitting.rng(2))
            yield entrant.row(sitting, score, f"{kind}_{name}", value=scores["model"], low=low, high=high, unit="",
                              n=len(score), controls=_others(scores) | shared[kind],
                              note=_other_films(entrant, score))  # fmt: skip
    if score.name == "ball":
        yield _colour(entrant, sitting, fit, score, probed)


def _other_films(entrant: Entrant, films: Films) -> str:
    """A note for rows of who has learned from other film sets than the one that is probed."""
    sets = sorted({place.partition("/")[0] for place in entrant.trained_on or ()})
    return f"learned from {', '.join(sets)}, probed on {films.name}" if sets and films.name not in sets else ""


def _others(scores: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in scores.items() if name != "model"}


def _controls(sitting: Sitting, fit: Films, score: Films) -> dict[str, Probed]:
    """Pixels and their principal components, for all entrants that are probed on these films."""

    def make() -> dict[str, Probed]:
        pixels, components = (Probed(pixel_features, fit, score, sitting.rng(1)) for _ in range(2))
        components.x = _components(components.x, 32)
        return {"pixels": pixels, "pca": components}

    return sitting.once(("probing", score.name, score.split, len(score)), make)


def _shared(sitting: Sitting, fit: Films, score: Films, name: str, y_fit: np.ndarray, y: np.ndarray) -> dict[str, dict]:
    """What the same probes read off the controls: {"probe_r2": {"pixels": 0.9, ...}, "probe_nonlinear_r2": ...}."""
    place = ("probing", score.name, score.split, len(score), name)
    controls = _controls(sitting, fit, score)
    return sitting.once(place, lambda: {
        kind: {who: r2(y, probed.ask(y_fit, wavy=wavy)) for who, probed in controls.items()}
        for kind, wavy in (("probe_r2", False), ("probe_nonlinear_r2", True))
    })  # fmt: skip


def _components(x: list[np.ndarray], count: int) -> list[np.ndarray]:
    """Principal components fitted to the first of two sets of rows."""
    from sklearn.decomposition import PCA

    pca = PCA(count, svd_solver="randomized", random_state=0).fit(x[0])
    return [pca.transform(part) for part in x]


def _colour(entrant: Entrant, sitting: Sitting, fit: Films, score: Films, probed: dict[str, Probed]) -> Row:
    """Which colour the ball has, by ridge on one target a colour: the largest answer counts."""
    labels = [films.of("colour")[:, 0, 1].astype(int) for films in (fit, score)]  # (N,) each
    targets = np.eye(len(spec.COLOURS))[np.tile(labels[0], len(TIMES))]  # (K * N, colours)
    asked = dict(probed) | {"pixels": _controls(sitting, fit, score)["pixels"]}
    right = {}
    for who, p in asked.items():
        fit_line, rows = p.line
        guess = fit_line(targets)(rows).argmax(axis=1).reshape(len(TIMES), -1)  # (K, N)
        right[who] = (guess == labels[1]).mean(axis=0)  # (N,): of a film
    majority = np.bincount(labels[0]).argmax()
    controls = {who: float(values.mean()) for who, values in right.items() if who != "model"}
    return entrant.row(sitting, score, "probe_accuracy_ball_colour", unit="", note=_other_films(entrant, score),
                       controls=controls | {"majority": float((labels[1] == majority).mean())},
                       **mean_and_interval(right["model"], seed=sitting.seed))  # fmt: skip
