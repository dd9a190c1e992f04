"""The exam's question about what goes on behind a screen: marks known beforehand, a guard, and facts that were kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from course_lib.exam.entrant import Entrant, EntrantError
from course_lib.exam.measures.expectation import balance, scores
from course_lib.exam.measures.surprises import quadruplet_surprises
from course_lib.exam.questions import expectation as question
from course_lib.exam.registry import get_entrant
from course_lib.exam.rows import Report
from course_lib.exam.run import examine
from course_lib.exam.sitting import Sitting
from course_lib.lookup import ExamError
from course_lib.models.extrapolate import Extrapolation
from course_lib.models.noisy_engine import NoisyEngine
from course_lib.studies import expectation as study
from course_lib.training import load_checkpoint
from course_lib.worlds.properties import PROPERTIES
from course_lib.worlds.quadruplets import make_quadruplets
from tests.damaged import check_refused

FAMILY, HELD_OUT = study.ASKED_TIERS
SOME = ("permanence", "solidity", "continuity_gap")


@pytest.fixture(scope="module")
def sitting() -> Sitting:
    return Sitting(count=5)


def asked(entrant: Entrant, sitting: Sitting) -> Report:
    return examine([entrant], sitting, questions=["expectation"], failures="raise")


# ----------------------------------------------------------------------------------------------- marks known beforehand


def test_who_copies_the_last_frame_has_one_half_in_every_row(sitting: Sitting) -> None:
    report = asked(Entrant("copies", {"model": Extrapolation(rate=0.0)}, []), sitting)
    names = {f"voe_{name}{end}" for name in PROPERTIES for end in ("", "_heldout")}
    assert {row.question for row in report.rows} == names
    assert {(row.value, row.low, row.high) for row in report.rows} == {(0.5, 0.5, 0.5)}
    assert all(row.controls == {"pixel_difference": 0.5} and row.split == "screens/test" for row in report.rows)


def test_the_engine_without_noise_is_right_everywhere(sitting: Sitting) -> None:
    """In the family: in the held-out tiers a film may begin with the same frame as one of the family and be faster."""
    made = [make_quadruplets(name, split="test", count=5, tier=tier).stages
            for tier in study.ASKED_TIERS for name in PROPERTIES]  # fmt: skip
    engine = NoisyEngine([stage for pairs in made for pair in pairs for stage in pair], noise=0.0, samples=1)
    report = asked(Entrant("knows", {"model": engine}, [], untrained={"model": Extrapolation()}), sitting)
    family = [report["knows", f"voe_{name}"] for name in PROPERTIES]
    assert {row.value for row in family} == {1.0}
    assert all(row.low < 1.0 and row.controls["untrained"] < 1.0 for row in family), "Wilson's, never [1, 1]"


def test_the_films_are_balanced_and_a_cut_in_view_is_not(sitting: Sitting) -> None:
    row = asked(get_entrant("quadruplets"), sitting)["quadruplets", "quadruplets_balanced"]
    assert row.value == 1.0 and row.n == 5 * 2 * len(PROPERTIES) and row.controls == {"cut_in_view": 0.0}
    made = make_quadruplets("colour", split="test", count=5)
    seen = balance(study.in_view(made))
    assert seen["frames_at_times"].all() and not seen["neighbouring_pairs"].any(), "one frame tells nothing, two do"


@pytest.mark.parametrize("name", ["genie", "perfect", "quadruplets"])
def test_whom_it_cannot_be_put_to_hears_why(name: str, sitting: Sitting) -> None:
    entrant = get_entrant(name) if name != "quadruplets" else Entrant("mute", {"encoder": None}, [])
    rows = examine([entrant], sitting, questions=["expectation"]).rows
    assert [row.status for row in rows] == ["not applicable"] and rows[0].note


# ------------------------------------------------------------------------------------------------------------ the guard


def test_who_learned_from_the_test_films_is_refused(sitting: Sitting) -> None:
    model = {"model": Extrapolation()}
    with pytest.raises(ExamError, match="trained on screens/test"):
        asked(Entrant("cheat", model, ["screens/test"]), sitting)
    seen = make_quadruplets("permanence", split="test", count=5).hash
    with pytest.raises(ExamError, match="these very films"):
        asked(Entrant("cheat", model, ["own/films"], frozenset({seen})), sitting)
    with pytest.raises(EntrantError, match="did you mean 'screens'"):
        Entrant("careless", model, ["screen/test"])
    assert asked(Entrant("honest", model, ["screens/train"]), sitting).rows


# -------------------------------------------------------------------------------------------------------- what was kept


@pytest.fixture(scope="module")
def facts() -> dict:
    """What the study keeps, of the engine, of who copies and of two networks that have learned nothing."""
    family = load_checkpoint("vmc", size="cpu-family")
    judges = study.judges_of(family, {"vmc": (Extrapolation(), 3)}, count=6)
    found = study.measure_expectation(judges, study.twins_of(family, seeds=2), count=6, few=5, names=SOME,
                                      report=lambda line: None)  # fmt: skip
    return json.loads(json.dumps(found | {"weights": {"vmc-family": "a" * 12}}))


def test_the_study_measures_what_the_exam_would(facts: dict) -> None:
    kept = study.as_expected(facts)
    for tier in study.ASKED_TIERS:
        for name in SOME:
            made, by = make_quadruplets(name, split="test", count=6, tier=tier), kept.scores[tier][name]
            model = load_checkpoint("vmc", size="cpu-family")
            own = scores(quadruplet_surprises(model, made.films()), made.cuts)
            np.testing.assert_array_equal(by["vmc-family"], own)
            assert set(by["pixel_difference"]) == {0.5} and by["noisy-engine"].mean() > 0.8 and len(by["vmc"]) == 3
            assert (kept.balanced[tier][name], kept.in_view[tier][name]) == (1.0, 0.0)
    assert {name: len(each) for name, each in kept.untrained["untrained"].items()} == dict.fromkeys(SOME, 2)


def test_scores_are_kept_as_quarters() -> None:
    values = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
    assert study.as_digits(values) == "01234"
    np.testing.assert_array_equal(study.from_digits("01234"), values)
    for damaged in ("", "5", "x"):
        with pytest.raises(ValueError):
            study.from_digits(damaged)


def test_kept_facts_belong_to_their_weights(facts: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "KEPT", tmp_path / "expectation.json")
    with pytest.raises(ExamError, match="study expectation"):
        study.measured_expectation()
    study.KEPT.write_text(json.dumps(facts))
    parts = {"model": Extrapolation()}
    for weights, status in (("a" * 12, "answered"), ("c" * 12, "refused")):
        entrant = Entrant("vmc-family", parts, ["screens/train"], checkpoint=weights)
        report = examine([entrant], Sitting(count=5), questions=["expectation"])
        assert {row.status for row in report.rows} == {status}
    assert question.STUDIED[0] == "vmc-family"
    elsewhere = examine([entrant], Sitting(count=5, split="validation"), questions=["expectation"])
    assert [row.status for row in elsewhere.rows] == ["not applicable"]


@pytest.mark.parametrize("harm", [
    lambda facts: facts["scores"].pop(HELD_OUT),
    lambda facts: facts["scores"][FAMILY]["solidity"].update({"pixel_difference": "22"}),
    lambda facts: facts["scores"][FAMILY]["solidity"].update({"vmc-family": "777777"}),
    lambda facts: facts["hidden"][FAMILY].pop("solidity"),
    lambda facts: facts["untrained"]["untrained"]["solidity"].__setitem__(0, 1.5),
])  # fmt: skip
def test_damaged_facts_are_named_with_the_way_out(
    facts: dict, harm: Callable[[dict], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_refused(study, study.measured_expectation, harm, "course_lib study expectation", tmp_path, monkeypatch, facts)


# ------------------------------------------------------------------------------------------------------ what is shipped


def test_the_model_of_the_family_knows_what_its_untrained_twins_do_not() -> None:
    report = asked(get_entrant("vmc-family"), Sitting())
    for name in PROPERTIES:
        row = report["vmc-family", f"voe_{name}"]
        highest = max(row.controls[f"{kind}_highest"] for kind in ("untrained", "fresh_m"))
        assert row.n == study.COUNT and row.low > highest, name
        assert row.controls["pixel_difference"] == 0.5
        assert f"voe_{name}_heldout" in {one.question for one in report.rows}


@torch.no_grad()
@pytest.mark.parametrize("name", SOME)
def test_it_knows_it_on_other_seeds_than_the_study(name: str) -> None:
    made = make_quadruplets(name, split="validation", count=20)
    model = load_checkpoint("vmc", size="cpu-family")
    assert scores(quadruplet_surprises(model, made.films()), made.cuts).mean() > 0.9
