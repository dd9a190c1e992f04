"""Cold and careless dreams: the same budget for both kinds, what is kept is whole and belongs to the weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from course_lib.studies import temperature as study
from course_lib.studies.temperature import BUDGET, EPISODES, GENERATIONS, KINDS, POPULATION, SEEDS, measured_temperature
from tests.damaged import check_refused


def test_both_kinds_of_dreams_have_the_same_budget() -> None:
    assert {POPULATION * GENERATIONS * kind.lives * kind.steps for kind in KINDS.values()} == {BUDGET}


def test_an_evolution_is_played_in_reality_and_in_its_dream(monkeypatch: pytest.MonkeyPatch) -> None:
    """One generation of few candidates: the same seed gives the same stars, whole numbers and none below nought."""
    monkeypatch.setattr(study, "POPULATION", 4)
    monkeypatch.setattr(study, "GENERATIONS", 1)
    monkeypatch.setattr(study, "BEGINNINGS", 8)
    monkeypatch.setattr(study, "EPISODES", 5)
    short = KINDS["careful"].model_copy(update={"lives": 2})
    first, again = (study.evolve_and_play(short, 1.0, 0) for _ in range(2))
    assert first == again and len(first["stars"]) == 5 and min(first["stars"]) >= 0
    assert 0.0 <= first["promised"] <= 128.0


def test_the_kept_evolutions_are_whole() -> None:
    found = measured_temperature()
    assert set(found.stars) == {(name, t) for name in KINDS for t in study.TEMPERATURES} == set(found.promised)
    assert all(values.shape == (len(SEEDS),) and np.isfinite(values).all() for values in found.stars.values())


def test_damaged_facts_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def harm(facts: dict) -> None:
        facts["evolutions"][3]["stars"] = [1] * (EPISODES - 1)

    check_refused(study, measured_temperature, harm, "study temperature", tmp_path, monkeypatch)
