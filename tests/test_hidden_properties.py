"""A mass, an elasticity and a friction in films: the laws find them, and a probe cannot find what does not vary."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from course_lib.exam.measures.linear_probes import LinearProbes, Rows
from course_lib.exam.measures.mechanics import by_mechanics
from course_lib.exam.registry import get_entrant
from course_lib.exam.run import examine
from course_lib.exam.sitting import Sitting
from course_lib.studies import hidden_properties as study
from course_lib.worlds import spec
from course_lib.worlds.draw import draw_film
from course_lib.worlds.hidden_films import BLUE, HIDDEN_KINDS, PROPERTIES_OF, HiddenFilms, make_hidden_films
from course_lib.worlds.two_balls import run_scene, two_balls
from tests.damaged import check_refused


@pytest.fixture(scope="module")
def films() -> dict[str, HiddenFilms]:
    return {kind: make_hidden_films(kind, split="validation", count=25) for kind in HIDDEN_KINDS}


@pytest.mark.parametrize("kind", HIDDEN_KINDS)
def test_a_law_of_mechanics_finds_what_no_frame_shows(kind: str, films: dict[str, HiddenFilms]) -> None:
    these = films[kind]
    size = these.states[:, 0, BLUE, spec.FIELD["size"]].astype(float)
    found = by_mechanics(kind, these.places(), these.event, size)
    assert np.corrcoef(found, these.hidden[kind])[0, 1] ** 2 > 0.98
    if kind == "friction":  # of two that touch the product counts; the floor has 0.8
        np.testing.assert_allclose(found, 0.8 * these.hidden[kind], atol=0.03)
    if kind == "elasticity":
        assert np.corrcoef(found, these.hidden["mass_unseen"])[0, 1] ** 2 < 0.4
    with pytest.raises(ValueError, match="no law for 'colour'"):
        by_mechanics("colour", these.places(), these.event, size)


def test_the_first_frame_shows_none_of_it() -> None:
    """Made again with other masses and frictions: the first frame stays as it is, bit for bit."""
    scene = two_balls(np.random.default_rng(1))
    other = tuple(replace(body, mass=1.7, friction=0.5, elasticity=0.6) for body in scene.bodies)
    drawn = [draw_film(one, run_scene(one, 1)[0], 32) for one in (scene, replace(scene, bodies=other))]
    np.testing.assert_array_equal(*drawn)


def test_films_come_again_and_kinds_are_named(films: dict[str, HiddenFilms]) -> None:
    for kind, these in films.items():
        again = make_hidden_films(kind, split="validation", count=2)
        np.testing.assert_array_equal(again.frames, these.frames[:2])
        assert set(these.hidden) == set(PROPERTIES_OF[kind])
        for name, value in these.hidden.items():
            assert value.std() > 0.05, name
    with pytest.raises(ValueError, match="no films of 'colour'"):
        make_hidden_films("colour", split="test", count=1)


def test_a_probe_of_what_does_not_vary_is_refused() -> None:
    rng = np.random.default_rng(0)
    fit, score = (Rows(rng.normal(size=(count, 3)), np.arange(count)) for count in (60, 40))
    probes = LinearProbes(fit, score)
    with pytest.raises(ValueError, match="one value throughout"):
        probes.scores(np.ones(60), np.ones(40))
    with pytest.raises(ValueError, match="one value throughout"):
        probes.scores(rng.normal(size=60), np.zeros(40))
    with pytest.raises(ValueError, match="cannot read"):
        LinearProbes(fit, Rows(score.x[:, :2], score.films))


def test_a_probe_reads_a_line_and_nothing_from_noise() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, 5))
    y = x @ [1.0, -2.0, 0.0, 0.0, 0.5] + 3.0
    probes = LinearProbes(Rows(x[:200], np.arange(200)), Rows(x[200:], np.arange(100)))
    line, noise = probes.scores(y[:200], y[200:]), probes.scores(rng.normal(size=200), rng.normal(size=100))
    assert line["value"] > 0.999 and line["low"] > 0.99 and line["meaningless_task"] < 0.9
    assert noise["value"] < 0.15 and noise["low"] < 0.0 and line["low"] <= line["value"] <= line["high"]


# ------------------------------------------------------------------------------------------------------------- kept


def test_the_films_hold_what_is_probed_and_nobody_knows_the_mass_that_shows_nowhere() -> None:
    facts = study.measured_hidden()
    assert dict(facts.weights) == study.hidden_weights()
    for name in ("mass", "elasticity", "friction"):
        assert facts.controls["mechanics"][name]["low"] > 0.95
    for name in study.ASKED:
        for who in study.WHO:
            for part in facts.models[name][who].values():
                assert part["mass_unseen"]["value"] < 0.2, f"{name}, {who}"


def test_the_rows_are_the_studys() -> None:
    facts = study.measured_hidden()
    report = examine([get_entrant(name) for name in ("v_jepa", "perfect")], Sitting(count=5), questions=["hidden"],
                     failures="raise")  # fmt: skip
    row, found = report["v_jepa", "probe_r2_film_friction"], facts.models["v_jepa"]["trained"]["tokens"]["friction"]
    assert (row.value, row.low, row.high) == (found["value"], found["low"], found["high"])
    assert set(row.controls) == {"untrained", "pixels", "places", "meaningless_task"}
    assert any(one.model == "perfect" and one.value is None for one in report.rows)


@pytest.mark.parametrize("harm", [
    lambda facts: facts.pop("controls"),
    lambda facts: facts["controls"]["pixels"].pop("friction"),
    lambda facts: facts["found"]["mae"]["untrained"].clear(),
    lambda facts: facts["found"]["vmc"]["trained"].popitem()[1]["mass"].pop("low") and facts["found"].pop("vmc"),
    lambda facts: facts["weights"].pop("vmc"),
])  # fmt: skip
def test_damaged_facts_are_named_with_the_way_out(
    harm: Callable[[dict], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_refused(study, study.measured_hidden, harm, "course_lib study hidden_properties", tmp_path, monkeypatch)
