"""The verdict: marks that say no more than their intervals, a table that hides nothing, a page that is never lost."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from course_lib.exam.headlines import HEADLINES, cells
from course_lib.exam.marks import best_floor, mark, share_of_the_way, undominated
from course_lib.exam.measures.intervals import mean_and_interval
from course_lib.exam.registry import questions
from course_lib.exam.rows import Row
from course_lib.exercises.nb26 import my_family_wise_error
from course_lib.lookup import ExamError
from course_lib.studies import verdict as study
from course_lib.studies.verdict import measured_verdict, out_of_date, parameters_of
from course_lib.training.checkpoints import CHECKPOINTS
from course_lib.views.verdict import hand_in, heat_map, verdict_rows
from tests.damaged import check_refused
from tools.exam_again import differing


def row(value: float | None = 0.7, low: float | None = 0.6, high: float | None = 0.8, **changes: object) -> Row:
    given = {"model": "m", "question": "action_choice_accuracy", "unit": "", "n": 9,
             "controls": {"untrained": 0.5, "oracle": 1.0}} | changes  # fmt: skip
    return Row(value=value, low=low, high=high, **given)  # type: ignore[arg-type]


def test_a_mark_needs_the_whole_interval_on_one_side_of_the_best_floor() -> None:
    floors = ("untrained", "pixels")
    assert mark(row(), floors) == "above"
    assert mark(row(low=0.5), floors) == "open"
    assert mark(row(controls={"untrained": 0.5, "pixels": 0.9}), floors) == "below"
    assert mark(row(direction="lower"), floors) == "below"
    assert mark(row(direction="lower", controls={"untrained": 0.9, "pixels": 0.95}), floors) == "above"
    assert best_floor(row(direction="lower", controls={"untrained": 0.9, "pixels": 0.95}), floors) == 0.9


def test_without_an_answer_or_a_floor_there_is_no_mark() -> None:
    assert mark(row(), ("random_keys",)) is None
    nothing = row(None, None, None, controls={}, note="it takes no actions")
    assert mark(nothing, ("untrained",)) is None and share_of_the_way(nothing, ("untrained",), 1.0) is None


@pytest.mark.parametrize(("direction", "best"), [("higher", 1.0), ("lower", 0.0)])
def test_the_floor_has_share_0_and_the_best_share_1(direction: str, best: float) -> None:
    for value, share in ((0.5, 0.0), (best, 1.0), ((0.5 + best) / 2, 0.5)):
        asked = row(value, value, value, direction=direction)
        assert share_of_the_way(asked, ("untrained",), best) == pytest.approx(share)


def test_of_useless_models_as_many_look_better_as_the_family_wise_error_says() -> None:
    """Models that are exactly as good as their floor, 30 tables of 40 rows."""
    rng, level = np.random.default_rng(0), 0.95
    lucky = []
    for table in range(30):
        found = 0
        for _ in range(40):
            answer = mean_and_interval(rng.normal(0.5, 0.1, 60), seed=table)
            found += mark(row(answer["value"], answer["low"], answer["high"]), ("untrained",)) == "above"
        lucky.append(found)
    assert np.mean(lucky) == pytest.approx(40 * (1 - level) / 2, abs=0.6)  # a bootstrap is a little too narrow
    assert np.mean(np.array(lucky) > 0) == pytest.approx(my_family_wise_error(40), abs=0.25)


def test_the_front_is_nobodys_victim_and_everybody_else_is() -> None:
    rng = np.random.default_rng(1)
    scores = {f"{i}": [*rng.random(3)] for i in range(12)} | {"silent": [math.nan, math.nan, 2.0]}
    front = undominated(scores)
    assert "silent" in front
    best = {max(scores, key=lambda name, q=q: np.nan_to_num(scores[name][q], nan=-1.0)) for q in range(3)}
    assert best <= set(front)
    assert undominated({name: scores[name] for name in front}) == front
    with pytest.raises(ValueError, match="one number for each question"):
        undominated({"a": [1.0], "b": [1.0, 2.0]})


def test_a_column_takes_the_first_of_its_rows_and_keeps_the_reason_for_none() -> None:
    asked = [row(), row(None, None, None, question="prediction", controls={}, note="it cannot draw")]
    found = cells(asked)["m"]
    assert found["control"].text == "0.70" and found["control"].mark == "above"
    assert found["prediction"].text == "n/a" and found["prediction"].why == "it cannot draw"
    assert found["probing"].text == "-" and found["probing"].why == "it was not asked"


def test_every_headline_is_a_question_of_the_exam() -> None:
    assert {one.group for one in HEADLINES} <= set(questions())
    assert {one.demand for one in HEADLINES} == {1, 2}


# ------------------------------------------------------------------------------------------------------ what was kept


def test_the_kept_rows_belong_to_the_weights_that_are_here() -> None:
    assert out_of_date(measured_verdict()) == []


def test_answers_of_weights_that_are_not_here_are_refused(tmp_path: Path) -> None:
    """Who trains a model again may not read what the old one answered."""
    for path in CHECKPOINTS.glob("*/*.json"):
        (tmp_path / path.parent.name).mkdir(exist_ok=True)
        facts = json.loads(path.read_text())
        if path.stem == "m-cpu":
            facts["sha256"] = "0" * 64
        (tmp_path / path.parent.name / path.name).write_text(json.dumps(facts))
    with pytest.raises(ExamError, match="vmc was asked with the weights .* study verdict"):
        measured_verdict(tmp_path)


def test_the_kept_answers_put_the_yardsticks_where_they_belong() -> None:
    """Who owns the simulator is above every floor; who draws at random and who copies are above none in control."""
    found = cells(measured_verdict().rows.rows)
    for name in ("prediction", "control", "probing", "surprise"):
        assert found["perfect"][name].mark == "above", name
        assert found["random"][name].mark != "above", name
    assert found["copy-last"]["control"].mark != "above"


def test_damaged_facts_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def harm(facts: dict) -> None:
        facts["rows"][0]["low"] = 1e9

    check_refused(study, measured_verdict, harm, "study verdict", tmp_path, monkeypatch)


def test_parameters_are_counted_once() -> None:
    import torch

    layer = torch.nn.Linear(3, 4)
    holder = type("Holder", (), {})()
    holder.first, holder.again, holder.model = layer, layer, torch.nn.Sequential(layer)
    assert parameters_of(holder) == 16 and parameters_of("no network") == 0


# ------------------------------------------------------------------------------------------------- pictures and pages


def test_the_heat_map_says_every_value_in_words() -> None:
    table = cells([row(), row(model="n", value=0.4, low=0.3, high=0.45)])
    figure = heat_map(table, ["m", "n"], "two models")
    assert "control 0.70" in figure.text and "control 0.40" in figure.text
    assert verdict_rows(table, ["m", "n"])[1]["control"] == "0.40 -"


def test_a_page_that_was_handed_in_is_never_overwritten(tmp_path: Path) -> None:
    table = cells([row()])
    first = hand_in(tmp_path / "page.html", table, ["m"], {"My verdict": "<b>nobody</b>"})
    second = hand_in(tmp_path / "page.html", table, ["m"], {"My verdict": "somebody"})
    assert first != second and "&lt;b&gt;nobody" in first.read_text() and "0.70 +" in first.read_text()
    assert "somebody" in second.read_text()


def test_an_exam_taken_again_is_compared_to_the_third_digit_and_times_are_not() -> None:
    kept = [row(0.7001).as_dict(), row(30.0, 29.0, 31.0, question="play_fps").as_dict()]
    again = [row(0.7002).as_dict(), row(17.0, 16.0, 18.0, question="play_fps").as_dict()]
    assert differing(again, kept) == []
    assert differing([row(0.702).as_dict()], kept[:1]) and differing([row(0.7001, low=0.62).as_dict()], kept[:1])
    assert differing([row(None, None, None, note="no picture").as_dict()], kept[:1]) and differing([], kept[:1])
