"""The exam's questions about prompts: who draws what is asked for reaches every bar, and noise reaches none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from course_lib.exam.entrant import Entrant
from course_lib.exam.entrants import dit
from course_lib.exam.measures.generated import summary
from course_lib.exam.questions import prompts as questions
from course_lib.exam.registry import entrants
from course_lib.exam.rows import Report
from course_lib.exam.run import examine
from course_lib.exam.sitting import Sitting
from course_lib.lookup import ExamError
from course_lib.models.text_to_video import TextToVideo
from course_lib.studies import following as study
from course_lib.training import load_checkpoint
from course_lib.worlds.films import load_films, make_films
from tests.damaged import check_refused
from tests.text_to_video import Draughtsman, small_maker

WORDS = ("number", "colour", "shape", "motion", "everything")


def asked(name: str, make: TextToVideo, count: int = 10) -> Report:
    entrant = Entrant(name, {"text_to_video": make}, ["bodies/train"], bars=dit.BARS)
    return examine([entrant], Sitting(count=count), questions=["prompts"], failures="raise")


@pytest.fixture(scope="module")
def drawn() -> Report:
    return asked("draughtsman", Draughtsman(most_bodies=2), 15)


def test_who_draws_what_is_asked_for_follows_every_prompt(drawn: Report) -> None:
    for word in WORDS:
        for question in (f"prompt_{word}", f"prompt_{word}_reserved"):
            assert drawn["draughtsman", question].value > 0.95, question
    for word in ("colour", "shape", "motion"):
        assert drawn["draughtsman", f"prompt_{word}_ordered"].value > 0.95


def test_controls_stand_where_they_must(drawn: Report) -> None:
    rows = {word: drawn["draughtsman", f"prompt_{word}"].controls for word in WORDS}
    assert all(row["real"] > 0.95 and row["shuffled"] < 0.85 for row in rows.values())
    assert all(row["w_0"] == 0.0 and row["untrained"] < 0.6 for row in rows.values()), "an empty box follows no prompt"
    assert rows["colour"]["w_1"] < 0.5 and rows["number"]["w_1"] < 0.8, "one red ball, whatever is asked for"
    assert rows["motion"]["always_falling"] == pytest.approx(0.2) == pytest.approx(rows["motion"]["w_1"], abs=0.15)
    assert 0.4 < rows["number"]["one_answer"] < 0.8, "one or two"
    reserved = drawn["draughtsman", "prompt_colour_reserved"]
    assert reserved.controls["seen_pairs"] == drawn["draughtsman", "prompt_colour"].value
    assert reserved.split == "bodies-new/test"


def test_the_reader_is_the_ceiling_and_real_films_are_the_floor(drawn: Report) -> None:
    reader, distance = drawn["draughtsman", "reader_accuracy_real"], drawn["draughtsman", "frechet_films"]
    assert reader.value > 0.98 and reader.controls["shuffled"] < 0.7
    assert distance.direction == "lower" and 0.0 < distance.controls["real_against_real"] < distance.value
    assert distance.controls["untrained"] > 2.0 * distance.value
    assert drawn["draughtsman", "sample_seconds"].passed


def test_noise_follows_no_prompt_and_looks_like_no_film() -> None:
    report = asked("noise", small_maker())
    assert report["noise", "prompt_everything"].value < 0.1
    assert not any(report["noise", f"prompt_{word}"].passed for word in WORDS)
    distance = report["noise", "frechet_films"]
    assert distance.low > 2.0 * distance.controls["real_against_real"]
    assert all(row.controls for row in report.rows)


def test_real_films_are_parted_and_have_no_more_bodies_than_were_learned_from() -> None:
    films = make_films("bodies", split="validation", count=60, length=2)
    for most in (1, 2, 4):
        chosen, others = study.parted(films, most, 20)
        numbers = (films.of("kind")[:, 0, 1:5] > 0).sum(axis=1)
        assert not set(chosen) & set(others) and len(chosen) == min(20, (numbers <= most).sum() // 2)
        assert len(chosen) + len(others) == (numbers <= most).sum() and numbers[chosen].max() <= most


def test_always_one_answer_is_right_where_it_was_asked_for() -> None:
    motions = np.zeros((2, 5, 2))
    motions[0, 2], motions[1, 0] = (3, 1), (1, 1)
    always = questions._one_answer(motions, 2)
    assert always[0, 2].tolist() == [3.0, 3.0] and always[1, 0].tolist() == [1.0, 0.0]


def test_the_shipped_model_follows_prompts_and_its_controls_do_not() -> None:
    report = examine([entrants()["dit"]()], Sitting(count=5), questions=["prompts"], failures="raise")
    for word in ("number", "colour", "shape"):
        row = report["dit", f"prompt_{word}"]
        assert row.low > max(row.controls[name] for name in ("shuffled", "w_0", "untrained")), word


# --------------------------------------------------------------------------------------------------- what was kept


@pytest.fixture(scope="module")
def facts() -> dict:
    """What the study keeps, of a model that draws what is asked for, and of few prompts."""
    films = tuple(load_films(name, split="test", count=100) for name in (study.SET, study.RESERVED_SET))
    found = study.measure_following(Draughtsman(most_bodies=2), load_checkpoint("reader"), films, 20)
    return json.loads(json.dumps(found | {"weights": {"dit": "a" * 12, "codec": "b" * 12}}))


def test_kept_facts_are_what_is_measured_and_belong_to_their_weights(
    facts: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study, "KEPT", tmp_path / "following.json")
    with pytest.raises(ExamError, match="study following"):
        study.measured_following()
    study.KEPT.write_text(json.dumps(facts))
    kept = study.measured_following()
    assert len(kept.seen.numbers) == 20 and len(kept.reserved.numbers) == 10
    assert summary(kept.seen.own) == pytest.approx(summary(study.as_following(facts["seen"]["own"])))
    parts = {"text_to_video": Draughtsman()}
    for weights, status in (({"dit": "a" * 12, "codec": "b" * 12}, "answered"),
                            ({"dit": "c" * 12, "codec": "b" * 12}, "refused")):  # fmt: skip
        shipped = Entrant("shipped", parts, ["bodies/train"], checkpoints=weights)
        assert {row.status for row in examine([shipped], Sitting(count=5), questions=["prompts"]).rows} == {status}
    elsewhere = examine([shipped], Sitting(count=5, split="validation"), questions=["prompts"])
    assert [row.status for row in elsewhere.rows] == ["not applicable"]


@pytest.mark.parametrize("harm", [
    lambda facts: facts["seen"]["own"]["number"].pop(),
    lambda facts: facts["reserved"]["own"]["matched"].pop("colour"),
    lambda facts: facts["seen"]["own"]["ordered"]["shape"].__setitem__(0, 1.5),
    lambda facts: facts.pop("frechet"),
    lambda facts: facts["seen"].pop("real"),
])  # fmt: skip
def test_damaged_facts_are_named_with_the_way_out(
    facts: dict, harm: Callable[[dict], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_refused(study, study.measured_following, harm, "course_lib study following", tmp_path, monkeypatch, facts)
