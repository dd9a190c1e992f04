"""Question: what does its state hold? Places, speeds and attributes read off by probes, beside pixels, PCA and an
untrained network.

The films hold the agent and one ball, so that "the ball's speed" is one number. Probes are fitted on validation films
and scored on test films; both are films that the model has not learned from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from course_lib.contract import WorldModel
from course_lib.exam.dream import fits, translate
from course_lib.exam.entrants import Entrant
from course_lib.exam.probes import control_task, fit_fourier, fit_probe, r2, r2_interval
from course_lib.exam.room import CHUNK, ExamError, Room, as_input
from course_lib.exam.rows import Row, mean_and_interval
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


@torch.no_grad()
def state_features(model: WorldModel, frames: Tensor, actions: Tensor) -> np.ndarray:
    """A model's state after films, every tensor of it laid flat, float64 (N, D). Whole numbers stay numbers."""
    told = translate(model, actions)
    rows = []
    for start in range(0, len(frames), CHUNK):
        part = slice(start, start + CHUNK)
        state = model.encode(frames[part], None if told is None else told[part])
        rows.append(torch.cat([tensor.reshape(len(tensor), -1).double() for tensor in state.tensors().values()], dim=1))
    return torch.cat(rows).numpy()


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
            looks = [features(frames[:, : t + 1], actions[:, :t]) for t in TIMES]
            self.x.append(np.concatenate(looks))  # (K * N, D), time after time
            self.films.append(np.tile(np.arange(len(films)), len(TIMES)))
        self.rng = rng
        self.waves: list[np.ndarray] | None = None

    def ask(self, y_fit: np.ndarray, *, wavy: bool = False) -> np.ndarray:
        """Fit a probe to targets (N, K) and predict those of the films to score on, (K * N,)."""
        x = self.x
        if wavy:
            if self.waves is None:
                bend = fit_fourier(self.x[0], self.rng)
                self.waves = [bend(part) for part in self.x]
            x = self.waves
        probe = fit_probe(x[0], y_fit.T.reshape(-1, 1), self.films[0])
        return probe(x[1])[:, 0]


def probing(entrant: Entrant, room: Room) -> Iterator[Row]:
    """Rows probe_r2_* and probe_nonlinear_r2_* for each variable, and probe_accuracy_ball_colour.

    The control meaningless_task is what the same probe reaches on a task without meaning; the value less that control
    is the probe's selectivity.
    """
    name = entrant.probes or room.probes
    if name not in VARIABLES:
        raise ExamError(f"the film set {name!r} has no variables to probe; these have: {', '.join(VARIABLES)}")
    fit = room.films_for(entrant, name, split="validation" if room.split == "test" else "test", count=FIT * room.count)
    score = room.films_for(entrant, name)
    fits(entrant.model, room.size)
    ways: dict[str, Features] = {"model": lambda f, a: state_features(entrant.model, f, a)}
    if entrant.untrained is not None:
        ways["untrained"] = lambda f, a: state_features(entrant.untrained, f, a)
    probed = {name: Probed(way, fit, score, room.rng(1)) for name, way in ways.items()}
    for name in VARIABLES[score.name]:
        y_fit, y = truth(fit, name), truth(score, name).T.ravel()  # (N, K) -> (K * N,), time after time
        films = probed["model"].films[1]
        shared = _shared(room, fit, score, name, y_fit, y)
        for kind, wavy in (("probe_r2", False), ("probe_nonlinear_r2", True)):
            guesses = {who: p.ask(y_fit, wavy=wavy) for who, p in probed.items()}
            scores = {who: r2(y, guess) for who, guess in guesses.items()}
            # a task without meaning on the same ranges of the same variable: value - meaningless_task is selectivity
            task = control_task(np.concatenate([y_fit.T.ravel(), y]), room.rng(3))
            task_fit, task_score = task[: y_fit.size].reshape(y_fit.T.shape).T, task[y_fit.size :]
            scores["meaningless_task"] = r2(task_score, probed["model"].ask(task_fit, wavy=wavy))
            low, high = r2_interval(y, guesses["model"], films, room.rng(2))
            yield entrant.row(room, score, f"{kind}_{name}", value=scores["model"], low=low, high=high, unit="",
                              n=len(score), controls=_others(scores) | shared[kind])  # fmt: skip
    if score.name == "ball":
        yield _colour(entrant, room, fit, score, probed)


def _others(scores: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in scores.items() if name != "model"}


def _shared(room: Room, fit: Films, score: Films, name: str, y_fit: np.ndarray, y: np.ndarray) -> dict[str, dict]:
    """What the same probes read off pixels and off their principal components: once a sitting for all entrants."""
    found: dict[str, dict] = {"probe_r2": {}, "probe_nonlinear_r2": {}}
    key = f"probing/{score.name}/{score.split}"
    if f"{key}/asked" not in room.kept:
        room.kept[f"{key}/asked"] = Probed(pixel_features, fit, score, room.rng(1))
        components = Probed(pixel_features, fit, score, room.rng(1))
        components.x = _components(components.x, 32)
        room.kept[f"{key}/pca"] = components
    for who, probed in (("pixels", room.kept[f"{key}/asked"]), ("pca", room.kept[f"{key}/pca"])):
        for kind, wavy in (("probe_r2", False), ("probe_nonlinear_r2", True)):
            place = f"{key}/{who}/{kind}/{name}"
            if place not in room.kept:
                room.kept[place] = r2(y, probed.ask(y_fit, wavy=wavy))
            found[kind][who] = room.kept[place]
    return found


def _components(x: list[np.ndarray], count: int) -> list[np.ndarray]:
    """Principal components fitted to the first of two sets of rows."""
    from sklearn.decomposition import PCA

    pca = PCA(count, svd_solver="randomized", random_state=0).fit(x[0])
    return [pca.transform(part) for part in x]


def _colour(entrant: Entrant, room: Room, fit: Films, score: Films, probed: dict[str, Probed]) -> Row:
    """Which colour the ball has, by ridge on one target a colour: the largest answer counts."""
    labels = [films.of("colour")[:, 0, 1].astype(int) for films in (fit, score)]  # (N,) each
    targets = np.eye(len(spec.COLOURS))[np.tile(labels[0], len(TIMES))]  # (K * N, colours)
    asked = dict(probed) | {"pixels": room.kept[f"probing/{score.name}/{score.split}/asked"]}
    right = {}
    for who, p in asked.items():
        guess = fit_probe(p.x[0], targets, p.films[0])(p.x[1]).argmax(axis=1).reshape(len(TIMES), -1)  # (K, N)
        right[who] = (guess == labels[1]).mean(axis=0)  # (N,): of a film
    majority = np.bincount(labels[0]).argmax()
    controls = {who: float(values.mean()) for who, values in right.items() if who != "model"}
    return entrant.row(room, score, "probe_accuracy_ball_colour", unit="",
                       controls=controls | {"majority": float((labels[1] == majority).mean())},
                       **mean_and_interval(right["model"], seed=room.seed))  # fmt: skip
