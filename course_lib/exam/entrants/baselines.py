"""Yardsticks: a perfect model, a random one, an untrained network, extrapolations, and a memory of films.

What the first ones will have is known beforehand. The memory has learned nothing either, and what it has is a warning.
"""

from __future__ import annotations

from functools import partial

from course_lib.exam.entrant import Entrant

MEMORIES = 100  # films that the model without learning keeps


def _perfect() -> Entrant:
    from course_lib.models.yardsticks import PerfectModel, UntrainedModel
    from course_lib.worlds.oracle import oracle_policy

    parts = {"model": PerfectModel(), "policy": lambda: oracle_policy}
    return Entrant("perfect", parts, [], untrained={"model": UntrainedModel()})


def _random() -> Entrant:
    import numpy as np

    from course_lib.models.yardsticks import RandomModel, UntrainedModel
    from course_lib.worlds.oracle import RandomPolicy

    parts = {"model": RandomModel(), "policy": lambda: RandomPolicy(np.random.default_rng(1))}
    return Entrant("random", parts, [], untrained={"model": UntrainedModel()})


def _untrained() -> Entrant:
    from course_lib.models.yardsticks import UntrainedModel

    return Entrant("untrained", {"model": UntrainedModel()}, [], untrained={"model": UntrainedModel(seed=1)})


def _extrapolation(name: str, rate: float) -> Entrant:
    from course_lib.models.extrapolate import Extrapolation
    from course_lib.worlds import spec

    return Entrant(name, {"model": Extrapolation(rate=rate, actions=len(spec.ACTIONS))}, [])


def _film_memory() -> Entrant:
    from course_lib.exam.measures.rollout import as_input
    from course_lib.models.film_memory import FilmMemory
    from course_lib.worlds.films import load_films

    films = load_films("goal", split="train", count=MEMORIES)
    return Entrant(
        "film-memory", {"model": FilmMemory(*as_input(films))}, ["goal/train"], hashes=frozenset({films.hash}),
        questions=["prediction", "control", "probing", "surprise"], films="goal", probes="goal",
    )  # fmt: skip


ENTRANTS = {
    "perfect": _perfect,
    "random": _random,
    "untrained": _untrained,
    "copy-last": partial(_extrapolation, "copy-last", 0.0),
    "linear": partial(_extrapolation, "linear", 1.0),
    "film-memory": _film_memory,
}
