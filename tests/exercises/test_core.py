"""The exercise machine: what it says and keeps for every kind of answer a learner can give."""

from __future__ import annotations

import cProfile
import json
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from course_lib.exercises import core, notebook
from course_lib.exercises.checking import attempt
from course_lib.exercises.core import Exercise, UnknownExercise, Wrong, find, register
from course_lib.exercises.inputs import apart, check_values, independent
from course_lib.exercises.store import Record, folder


def _double(x: float) -> float:
    """Twice x."""
    return 2 * x


def _check_double(f: Callable[[float], float]) -> None:
    for x in np.random.default_rng(0).normal(size=5):
        if abs(f(float(x)) - 2 * x) > 1e-9:
            raise Wrong("the result is not twice the input")


DOUBLE = Exercise(
    id="testing.double",
    notebook="99",
    title="Double a number",
    difficulty=2,
    minutes=3,
    reference=_double,
    check=_check_double,
    hints=("Think of addition.", "x + x."),
    explanation="Twice is `x + x`.",
)


@pytest.fixture(autouse=True)
def clean_register(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(core, "_exercises", dict(core._exercises))
    monkeypatch.setattr(notebook, "_record", Record())
    monkeypatch.setattr(notebook, "_hints_shown", {})
    register(DOUBLE)
    yield


# --- the four outcomes --------------------------------------------------------------------------------------------


def test_blank_answers_with_the_reference(capsys: pytest.CaptureFixture[str]) -> None:
    @notebook.exercise("testing.double")
    def double(x: float) -> float:
        """Twice x."""
        ...

    shown = capsys.readouterr().out
    assert double is _double
    assert "Not attempted" in shown and "●●○○○" in shown and "3 minutes" in shown


def test_correct_keeps_the_learners_function(capsys: pytest.CaptureFixture[str]) -> None:
    @notebook.exercise("testing.double")
    def double(x: float) -> float:
        return x + x

    assert double is not _double and double(2.0) == 4.0
    assert "Correct" in capsys.readouterr().out


def test_wrong_names_the_reason_and_goes_on_with_the_reference(capsys: pytest.CaptureFixture[str]) -> None:
    @notebook.exercise("testing.double")
    def double(x: float) -> float:
        return 3 * x

    shown = capsys.readouterr().out
    assert double is _double
    assert "not twice the input" in shown and 'hint("testing.double")' in shown and "reference is used" in shown


def test_exception_names_itself_and_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    @notebook.exercise("testing.double")
    def double(x: float) -> float:
        nothing = 0
        return x / nothing

    shown = capsys.readouterr().out
    assert double is _double
    assert "ZeroDivisionError" in shown and "`return x / nothing`" in shown
    line = int(shown.split("in line ")[1].split(",")[0])
    assert Path(__file__).read_text().splitlines()[line - 1].strip() == "return x / nothing"


# --- blanks -------------------------------------------------------------------------------------------------------


def _blanks() -> list[Callable[..., Any]]:
    def dots(x): ...

    def docstring(x):
        """Only words."""

    def passing(x):
        pass

    def returned(x):
        """Words."""
        return ...

    scope: dict[str, Any] = {}
    exec("def without_source(x):\n    'Words.'\n    ...\n", scope)
    return [dots, docstring, passing, returned, scope["without_source"]]


@pytest.mark.parametrize("blank", _blanks(), ids=lambda f: f.__name__)
def test_every_kind_of_blank_is_not_attempted(blank: Callable[..., Any]) -> None:
    assert attempt(DOUBLE, blank).status == "not attempted"


def test_half_filled_blank_names_the_line() -> None:
    def double(x):
        other = ...
        return x + other

    result = attempt(DOUBLE, double)
    assert result.status == "unfinished" and result.function is _double
    line = int(result.message.split()[1])
    assert Path(__file__).read_text().splitlines()[line - 1].strip() == "other = ..."


def test_dots_left_below_finished_code_do_no_harm() -> None:
    def double(x):
        return np.asarray([x])[..., 0] * 2
        ...

    assert attempt(DOUBLE, double).status == "correct"


# --- accidents ----------------------------------------------------------------------------------------------------


def test_missing_return_cannot_pass_even_a_checker_that_looks_at_nothing() -> None:
    def double(x):
        x + x

    for check in (_check_double, lambda f: f(1.0)):
        result = attempt(replace(DOUBLE, check=check), double)
        assert result.status == "wrong" and "`return` missing" in result.message


def test_a_checker_that_never_calls_the_function_does_not_pass_it() -> None:
    result = attempt(replace(DOUBLE, check=lambda f: None), _double)
    assert result.status == "wrong" and "fault of the course" in result.message


def test_result_of_a_wrong_type_is_said_not_raised() -> None:
    def double(x):
        return "twice"

    result = attempt(DOUBLE, double)
    assert result.status == "wrong" and "a str" in result.message


def test_changed_parameters_are_named() -> None:
    def double(x, y):
        return x + y

    result = attempt(DOUBLE, double)
    assert result.status == "wrong" and "parameters of the exercise, (x)" in result.message


@pytest.mark.parametrize("error", [SystemExit, RecursionError, AssertionError, StopIteration])
def test_no_exception_escapes(error: type[BaseException]) -> None:
    def double(x):
        raise error

    result = attempt(DOUBLE, double)
    assert result.status == "wrong" and error.__name__ in result.message and result.function is _double


def test_interrupting_by_keyboard_still_works() -> None:
    def double(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attempt(DOUBLE, double)


def test_function_that_calls_itself_meets_itself() -> None:
    # An earlier run left the reference under the name; recursion must not reach it and pass by borrowing.
    scope: dict[str, Any] = {"double": _double}
    exec("def double(x):\n    return double(x - 1) + 2 if x > 0.5 else 7.0\n", scope)
    assert attempt(DOUBLE, scope["double"]).status == "wrong"
    fresh: dict[str, Any] = {}
    exec("def double(x, depth=1):\n    return double(x, 0) + x if depth else x\n", fresh)
    own = fresh.pop("double")
    assert attempt(DOUBLE, own).status == "correct"
    assert "double" not in fresh


def test_checking_leaves_the_random_streams_as_they_were() -> None:
    def double(x):
        np.random.rand(), torch.rand(3), random.random()
        return x + x

    def draw() -> tuple[float, float, float]:
        return random.random(), float(np.random.rand()), float(torch.rand(()))

    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(3)
    expected = draw()
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(3)
    assert attempt(DOUBLE, double).status == "correct"
    assert draw() == expected


# --- names --------------------------------------------------------------------------------------------------------


def test_unknown_id_offers_the_nearest() -> None:
    for ask in (notebook.exercise, notebook.hint, notebook.answer):
        with pytest.raises(UnknownExercise, match="Did you mean testing.double"):
            ask("testing.dubble")


def test_forgotten_name_and_misplaced_decorator_are_explained() -> None:
    with pytest.raises(TypeError, match="needs its name"):
        notebook.exercise(_double)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="above a `def`"):
        notebook.exercise("testing.double")(3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [{"id": "double"}, {"notebook": "1"}, {"difficulty": 6}, {"minutes": 0}, {"hints": ("one",)}, {"explanation": " "}],
    ids=lambda c: next(iter(c)),
)
def test_incomplete_exercises_are_refused_by_name(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=str(change.get("id", DOUBLE.id))):
        replace(DOUBLE, **change)


def test_two_exercises_cannot_share_an_id() -> None:
    def other(x):
        return x

    other.__module__ = "somewhere.else"
    with pytest.raises(ValueError, match="two exercises are called"):
        register(replace(DOUBLE, reference=other))
    register(DOUBLE)  # the same module once more, as a reload does
    assert find("testing.double") is DOUBLE


# --- hints, answer, progress ------------------------------------------------------------------------------------------


def test_hint_and_answer_can_be_called_where_only_exercise_was_imported(capsys: pytest.CaptureFixture[str]) -> None:
    scope: dict[str, Any] = {"exercise": notebook.exercise}
    exec("@exercise('testing.double')\ndef double(x):\n    return 3 * x\n", scope)
    exec("hint('testing.double')\nanswer('testing.double')\n", scope)
    shown = capsys.readouterr().out
    assert "Think of addition" in shown and "return 2 * x" in shown


def test_names_of_the_learner_are_left_alone() -> None:
    scope: dict[str, Any] = {"exercise": notebook.exercise, "answer": 42}
    exec("@exercise('testing.double')\ndef double(x):\n    return 2 * x\n", scope)
    assert scope["answer"] == 42 and scope["hint"] is notebook.hint


def test_hints_come_in_two_steps(capsys: pytest.CaptureFixture[str]) -> None:
    shown = []
    for _ in range(3):
        notebook.hint("testing.double")
        shown.append(capsys.readouterr().out)
    assert "Think of addition" in shown[0] and "x + x" not in shown[0]
    assert "x + x" in shown[1] and 'answer("testing.double")' in shown[1]
    assert shown[2] == shown[1]


def test_answer_shows_source_and_explanation(capsys: pytest.CaptureFixture[str]) -> None:
    notebook.answer("testing.double")
    shown = capsys.readouterr().out
    assert "return 2 * x" in shown and "Twice is" in shown


def test_box_holds_the_same_words_and_escapes_them() -> None:
    from course_lib.exercises.messages import Message

    bundle = Message("a < b", "use `x[0] < 1` & wait", "bad", code="if a < b: pass")._repr_mimebundle_()
    assert bundle["text/plain"] == "a < b\n\nif a < b: pass\n\nuse `x[0] < 1` & wait"
    assert "<code>x[0] &lt; 1</code> &amp; wait" in bundle["text/html"] and "a < b" not in bundle["text/html"]


def _solve(name: str = "testing.double", factor: float = 2) -> None:
    @notebook.exercise(name)
    def double(x):
        return factor * x


def test_progress_is_kept_over_sessions(
    own_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _solve(factor=3)
    assert Record().states() == {"testing.double": "tried"}
    _solve(factor=2)
    _solve(factor=3)  # once solved, always solved
    monkeypatch.setattr(notebook, "_record", Record())  # another session
    capsys.readouterr()
    notebook.progress()
    assert "[✓] ●●○○○  3 min  Double a number" in capsys.readouterr().out
    assert [p.name for p in own_home.iterdir()] == ["progress.json"]  # no part of a file is left lying about


def test_two_open_notebooks_do_not_forget_each_other() -> None:
    first, second = Record(), Record()
    first.mark("a.one", "solved")
    second.mark("b.two", "tried")
    first.mark("c.three", "tried")
    assert Record().states() == {"a.one": "solved", "b.two": "tried", "c.three": "tried"}


@pytest.mark.parametrize("content", ["{", "[]", '{"exercises": {"a.b": 3}}', "null", '{"exercises": 5}', "\x00\xff"])
def test_damaged_record_is_set_aside_with_a_message(
    own_home: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    own_home.mkdir()
    (own_home / "progress.json").write_bytes(content.encode("latin-1"))
    _solve()
    assert "damaged" in capsys.readouterr().out
    assert (own_home / "progress.damaged-1.json").read_bytes() == content.encode("latin-1")
    assert json.loads((own_home / "progress.json").read_text())["exercises"] == {"testing.double": "solved"}


def test_home_that_cannot_be_written_is_survived_and_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "file" / "home"))  # below a file: no user may write there
    _solve()
    assert "cannot be kept" in capsys.readouterr().out
    _solve()
    assert "cannot be kept" not in capsys.readouterr().out
    notebook.progress()
    assert "[✓] ●●○○○  3 min  Double" in capsys.readouterr().out  # this session still counts


def test_failed_write_leaves_the_old_record(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Record().mark("a.one", "solved")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "replace", full)
        record = Record()
        record.mark("b.two", "solved")
    assert json.loads((own_home / "progress.json").read_text())["exercises"] == {"a.one": "solved"}
    assert [p.name for p in own_home.iterdir()] == ["progress.json"]
    assert "No space left" in record.take_notes()[0]


def test_automatic_runs_keep_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COURSE_HOME")
    monkeypatch.setenv("CI", "1")
    assert folder() is None
    Record().mark("a.one", "solved")
    assert Record().states() == {}


# --- what is done before a checker sees an answer -----------------------------------------------------------------


def _exercise(reference: Callable[..., Any], check: Callable[..., None], **fields: Any) -> Exercise:
    return replace(DOUBLE, reference=reference, check=check, **fields)


def _ask_once(*inputs: Any) -> Callable[..., None]:
    def check(f: Callable[..., Any]) -> None:
        f(*[independent(x) for x in inputs])

    return check


ARRAY, TENSOR = np.arange(6.0).reshape(2, 3), torch.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize("given", [ARRAY, TENSOR, [ARRAY, TENSOR], {"a": ARRAY}], ids=lambda v: type(v).__name__)
def test_inputs_that_were_changed_are_noticed_before_anything_else(given: Any) -> None:
    def changes(x):
        each = x if isinstance(x, list) else list(x.values()) if isinstance(x, dict) else [x]
        each[-1][0] += 1
        return "even where the result is nonsense"

    result = attempt(_exercise(lambda x: 0.0, lambda f: f(independent(given))), changes)
    assert result.status == "wrong" and "changes `x`" in result.message


@pytest.mark.parametrize(
    ("right", "given", "message"),
    [
        (TENSOR, ARRAY, "should be a tensor"),
        (ARRAY, TENSOR, "should be an array"),
        (ARRAY, ARRAY.tolist(), "np.array"),
        (TENSOR, TENSOR.double(), "float64"),
        (ARRAY, ARRAY.astype(np.float32), "float32"),
        (TENSOR.long(), TENSOR.int(), "int64"),
        (ARRAY.astype(int), ARRAY, "whole numbers"),
        (TENSOR > 2, TENSOR, "booleans"),
        (ARRAY, ARRAY.T, "(3, 2)"),
        (TENSOR.sum(), TENSOR.sum().item(), "should be a tensor"),
        (3, 3.0, "whole number"),
        (3, True, "whole number"),
        (3, torch.tensor(3), "int(...)"),
        (True, 1, "True or False"),
        (1.5, ARRAY, "one number"),
        (1.5, "1.5", "a str"),
        (1.5, True, "a bool"),
        ((TENSOR, TENSOR), TENSOR, "`return a, b`"),
        ((TENSOR, TENSOR), (TENSOR, ARRAY), "`b` should be a tensor"),
        (ARRAY, ARRAY * np.nan, "not finite"),
        (1.5, float("inf"), "not finite"),
    ],
    ids=str,
)
def test_an_answer_of_another_kind_is_named(right: Any, given: Any, message: str) -> None:
    result = attempt(_exercise(lambda x: right, _ask_once(1), parts=("a", "b")), lambda x: given)
    assert result.status == "wrong" and message in result.message, result.message


@pytest.mark.parametrize(
    ("right", "given"),
    [
        (1.5, np.float32(1.5)), (1.5, torch.tensor(1.5)), (1.5, np.array(1.5)), (2.0, 2), (3, np.int16(3)),
        (True, np.True_), (ARRAY.astype(np.int64), ARRAY.astype(np.int32)), ((TENSOR, 1.0), [TENSOR, 1.0]),
        ((1.0, 2.0), np.array([1.0, 2.0])), (ARRAY * np.nan, ARRAY),
    ],
    ids=str,
)  # fmt: skip
def test_an_answer_of_the_same_kind_reaches_the_checker(right: Any, given: Any) -> None:
    assert attempt(_exercise(lambda x: right, _ask_once(1)), lambda x: given).status == "correct"


def test_a_gradient_that_is_cut_or_wrong_is_noticed() -> None:
    exercise = _exercise(lambda x: (x**2).sum(), _ask_once(TENSOR), gradients=("x",))
    answers = [
        (lambda x: (x * x).sum(), ""),
        (lambda x: (x**2).sum().detach(), "no gradient passes"),
        (lambda x: torch.from_numpy(x.numpy() ** 2).sum(), "no gradient can pass"),
        (lambda x: (x * x.detach()).sum(), "gradient of `x`"),
    ]
    for answer, message in answers:
        result = attempt(exercise, answer)
        assert result.status == ("wrong" if message else "correct") and message in result.message, result.message


def test_what_an_answer_is_to_do_without_is_noticed() -> None:
    exercise = _exercise(lambda x: x + x, _ask_once(ARRAY), without=("tile", "for"))

    def tiled(x):
        return np.tile(x, 2)[:, :3] * 2

    def looped(x):
        return np.stack([row * 2 for row in x])

    def tile(x):  # one's own function may have any name
        return x * 2

    def own(x):
        return tile(x)

    messages = [attempt(exercise, answer).message for answer in (tiled, looped, own)]
    assert "`tile`" in messages[0] and "a loop" in messages[1] and messages[2] == ""
    assert cProfile.Profile().runcall(attempt, exercise, own).status == "correct"


def test_functions_that_keep_count_are_called_by_the_learner_alone() -> None:
    calls: list[float] = []

    def check(f):
        f(lambda v: calls.append(v) or v, 3.0)
        assert calls == [3.0]

    exercise = _exercise(lambda play, x: play(x), check, like=lambda play, x: 0.0)
    assert attempt(exercise, lambda play, x: play(x)).status == "correct"


def test_faults_of_the_course_are_not_the_learners() -> None:
    def fails(x):
        raise ZeroDivisionError

    result = attempt(_exercise(fails, _ask_once(1.0)), lambda x: x)
    assert result.status == "wrong" and "fault of the course" in result.message
    alike = lambda f: check_values(f, lambda x: x, lambda seed: (float(seed),), [(lambda x: x, "a mistake")], "")  # noqa: E731
    result = attempt(_exercise(lambda x: x, alike), lambda x: x)
    assert result.status == "wrong" and "fault of the course" in result.message and "a mistake" in result.message


def test_gradients_name_parameters() -> None:
    with pytest.raises(ValueError, match="no parameter"):
        replace(DOUBLE, gradients=("y",))


@pytest.mark.parametrize(("one", "other"), [(-1.97912, -1.97908), (1.0, 1.0 + 1e-12), (3.0, 300.0)])
def test_two_numbers_are_written_with_enough_digits_to_differ(one: float, other: float) -> None:
    place, wanted, mine = apart(np.array([0.0, one]), np.array([0.0, other]))
    assert place == "[1]" and wanted != mine
    assert float(wanted) == pytest.approx(one) and float(mine) == pytest.approx(other)


def test_the_inputs_of_a_check_tell_every_mistake_from_the_right_answer() -> None:
    asked: list[float] = []

    def check(f):
        slips = [(lambda x: x * x, "squared"), (lambda x: abs(x), "without its sign")]
        check_values(f, lambda x: x, lambda seed: (float(seed - 3),), slips, "{wanted} is right, not {mine}", rounds=2)

    def answer(x):
        asked.append(x)
        return x

    exercise = _exercise(lambda x: x, check)
    assert attempt(exercise, answer).status == "correct"
    assert asked == [-3.0, -2.0]  # at 0 and at 1 a mistake would pass; at -1 both mistakes give 1
