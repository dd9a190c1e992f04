"""Yardsticks whose marks are known beforehand: a perfect model, a random one, an untrained network, extrapolations."""

from __future__ import annotations

from functools import partial

from course_lib.exam.entrant import Entrant


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


ENTRANTS = {
    "perfect": _perfect,
    "random": _random,
    "untrained": _untrained,
    "copy-last": partial(_extrapolation, "copy-last", 0.0),
    "linear": partial(_extrapolation, "linear", 1.0),
}
