"""Question: what does its state hold? Places, speeds and attributes read off by probes, beside pixels, PCA and an
untrained network.

Probed is the state of a world model, or the tokens of an encoder before any pooling. An encoder sees single frames: the
tokens of the last two are probed together, as the control pixels has the last two frames.

The films hold the agent and one ball, so that "the ball's speed" is one number. Probes are fitted on validation films
and scored on test films; both are films that the model has not learned from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from course_lib.contract import NotCapable
from course_lib.exam.entrant import PARTS, Entrant
from course_lib.exam.measures.intervals import mean_and_interval
from course_lib.exam.measures.probed import (
    TIMES,
    VARIABLES,
    Features,
    Probed,
    leading_components,
    pixel_features,
    state_features,
    token_features,
    truth,
)
from course_lib.exam.measures.probes import r2, r2_interval
from course_lib.exam.measures.rollout import fits
from course_lib.exam.rows import Row
from course_lib.exam.sitting import Sitting
from course_lib.lookup import ExamError
from course_lib.worlds import spec
from course_lib.worlds.films import Films

FIT = 3  # times as many films to fit a probe as to score it


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
            scores["meaningless_task"] = probed["model"].meaningless(y_fit, y, sitting.rng(3), wavy=wavy)
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
        components.x = leading_components(components.x, 32)
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
