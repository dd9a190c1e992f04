"""The films with screens and the engine that made them: what the question of expectation is worth."""

from __future__ import annotations

from course_lib.exam.entrant import Entrant


def _engine() -> Entrant:
    from course_lib.models.noisy_engine import NoisyEngine

    return Entrant("noisy-engine", {"engine": NoisyEngine}, [], questions=["expectation"])


def _quadruplets() -> Entrant:
    from course_lib.worlds.quadruplets import make_quadruplets

    return Entrant("quadruplets", {"quadruplets": make_quadruplets}, [], questions=["expectation"])


ENTRANTS = {"noisy-engine": _engine, "quadruplets": _quadruplets}
