"""Every exercise of the course: the reference passes, a blank is not attempted, a wrong answer hears its own reason.

The wrong answers of notebook NN stand in ``wrong_nbNN.py`` beside this file, as ``WRONG: dict[id, list of functions]``;
right ones that are written in other ways than the reference stand in ``right_answers.py``.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from course_lib.exercises.checking import attempt
from course_lib.exercises.core import Exercise, all_exercises, unreadable_modules
from tests.exercises.right_answers import RIGHT

HERE = Path(__file__).parent
EXERCISES = all_exercises()


def _wrong_answers() -> dict[str, list[Callable[..., Any]]]:
    found: dict[str, list[Callable[..., Any]]] = {}
    for path in sorted(HERE.glob("wrong_nb[0-9][0-9].py")):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for exercise_id, answers in module.WRONG.items():
            assert exercise_id not in found, f"{path.name}: {exercise_id} has wrong answers in another file too"
            found[exercise_id] = list(answers)
    return found


WRONG = _wrong_answers()
every_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.id)


def test_every_module_of_exercises_loads() -> None:
    assert unreadable_modules() == {}


def test_wrong_answers_belong_to_exercises() -> None:
    assert set(WRONG) <= {e.id for e in EXERCISES}


@every_exercise
def test_reference_passes(exercise: Exercise) -> None:
    result = attempt(exercise, exercise.reference)
    assert result.status == "correct", result.message


@every_exercise
def test_functions_that_a_check_passes_are_left_to_the_learner(exercise: Exercise) -> None:
    passed = []

    def noted(*inputs):
        passed.extend(map(callable, inputs))
        return exercise.reference(*inputs)

    assert attempt(exercise, noted).status == "correct"
    assert not any(passed) or exercise.like is not None, "the reference would be called with them as well: give `like`"


@every_exercise
def test_other_right_answers_pass(exercise: Exercise) -> None:
    answers = RIGHT.get(exercise.id, [])
    assert answers, f"{exercise.id} needs a right answer that is written in another way, in right_answers.py"
    for answer in answers:
        result = attempt(exercise, answer)
        assert result.status == "correct", f"{answer.__name__} is refused: {result.message}"


@every_exercise
def test_blank_is_not_attempted(exercise: Exercise) -> None:
    def blank(*args, **kwargs):
        """As the notebook has it."""
        ...

    result = attempt(exercise, blank)
    assert result.status == "not attempted" and result.function is exercise.reference


@every_exercise
def test_missing_return_fails(exercise: Exercise) -> None:
    def without_return(*args, **kwargs):
        exercise.reference(*args, **kwargs)

    assert attempt(exercise, without_return).status == "wrong" or exercise.returns_none


@every_exercise
def test_wrong_answers_fail_each_with_its_own_reason(exercise: Exercise) -> None:
    answers = WRONG.get(exercise.id, [])
    assert len(answers) >= 2, f"{exercise.id} needs two plausible wrong answers in wrong_nb{exercise.notebook}.py"
    reasons: dict[str, str] = {}
    for answer in answers:
        result = attempt(exercise, answer)
        assert result.status == "wrong", f"{answer.__name__} is accepted: {result.status} {result.message}"
        assert "fault of the course" not in result.message, result.message
        assert result.message not in reasons, f"{answer.__name__} and {reasons.get(result.message)}: {result.message}"
        reasons[result.message] = answer.__name__


@every_exercise
def test_hints_differ(exercise: Exercise) -> None:
    first, second = exercise.hints
    assert first.strip() != second.strip()


@every_exercise
def test_notebook_shows_the_exercise(exercise: Exercise) -> None:
    twins = list((HERE.parents[1] / "notebooks" / "py").glob(f"{exercise.notebook}_*.py"))
    if not twins:
        pytest.skip(f"notebook {exercise.notebook} is not written yet")
    assert any(f'@exercise("{exercise.id}")' in twin.read_text(encoding="utf-8") for twin in twins)
