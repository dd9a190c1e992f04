"""An exam that cannot be gamed or lost: what is no answer is not scored, and who fails takes nobody along."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from course_lib.contract import NotCapable
from course_lib.exam.entrant import Candidate, Entrant, EntrantError, own_entrant
from course_lib.exam.measures import surprises
from course_lib.exam.measures.intervals import mean_and_interval
from course_lib.exam.measures.rollout import check_frames
from course_lib.exam.questions import expectation, long_play, playing, reconstruction, text, tokens
from course_lib.exam.registry import candidate, entrants, questions
from course_lib.exam.rows import Row
from course_lib.exam.run import examine
from course_lib.exam.sitting import Sitting
from course_lib.lookup import ExamError
from course_lib.models.extrapolate import Extrapolation
from course_lib.models.fakes import BlindFake, RecurrentFake, TabularFake, TokenFake
from course_lib.studies import sampling as study
from course_lib.worlds.films import load_films
from tests.command_line import cli


@pytest.fixture(scope="module")
def sitting() -> Sitting:
    return Sitting(count=5, episodes=5)


class Changed(Extrapolation):
    """Copies the last frame, and then does something to what it draws or feels."""

    def __init__(self, change: Callable[[Tensor], Tensor] = lambda x: x, felt: float | None = None) -> None:
        super().__init__()
        self.change, self.felt = change, felt

    def decode(self, state, *, generator=None):
        return self.change(super().decode(state, generator=generator))

    def surprise(self, observations, actions=None, *, generator=None):
        found = super().surprise(observations, actions, generator=generator)
        if self.felt is not None:
            found[observations[:, -1].flatten(1).mean(dim=1) > 0.7, -1] = self.felt
        return found


def nan_where_much_moves(frames: Tensor) -> Tensor:
    """No number for the films that are harder than the middle one."""
    spread = frames.flatten(1).std(dim=1)
    frames = frames.clone()
    frames[spread > spread.median()] = torch.nan
    return frames


BAD_FRAMES = {
    "NaN on some films": (nan_where_much_moves, "not finite"),
    "infinite": (lambda x: x / torch.zeros_like(x), "not finite"),
    "0 to 255": (lambda x: 255.0 * x, "from .* to .*between 0 and 1"),
    "-1 to 1": (lambda x: 2.0 * x - 1.0, "from .* to .*between 0 and 1"),
    "whole numbers": (lambda x: (255 * x).to(torch.uint8), "torch.uint8"),
    "another shape": (lambda x: x[:, :1], r"\(5, 1, 32, 32\)"),
    "channels last": (lambda x: x.movedim(1, -1), r"\(5, 32, 32, 3\)"),
    "fewer films": (lambda x: x[1:], r"\(4, 3, 32, 32\)"),
}


@pytest.mark.parametrize("name", BAD_FRAMES)
def test_what_is_no_frame_is_refused_and_not_scored(name: str, sitting: Sitting) -> None:
    change, words = BAD_FRAMES[name]
    bad, good = (Entrant(who, {"model": Changed(c)}, []) for who, c in (("bad", change), ("good", lambda x: x)))
    report = examine([bad, good], sitting, questions=["prediction"])
    rows = [row for row in report.rows if row.model == "bad"]
    assert [(row.status, row.value) for row in rows] == [("refused", None)]
    with pytest.raises(ExamError, match=words):
        examine([bad], sitting, questions=["prediction"], failures="raise")
    scored = report["good", "psnr_db_t1"]
    assert scored.value == pytest.approx(scored.controls["copy_last"]), "and everybody else is scored"


def test_a_rounding_error_is_no_reason_to_refuse() -> None:
    frames = torch.rand(2, 3, 4, 4) * (1 + 2e-7)
    assert check_frames(frames, (2, 3, 4, 4)).max() <= 1.0


@pytest.mark.parametrize("felt", [float("nan"), float("inf") - float("inf")])
def test_a_surprise_that_is_no_number_is_refused(felt: float, sitting: Sitting) -> None:
    report = examine([Entrant("numb", {"model": Changed(felt=felt)}, [])], sitting, questions=["surprise"])
    assert [row.status for row in report.rows] == ["refused"]


def test_an_interval_leaves_out_only_what_the_question_named_beforehand() -> None:
    values = np.array([1.0, 2.0, np.nan, 4.0, 5.0, 6.0, 7.0])
    asked = np.isfinite(values)
    with pytest.raises(ExamError, match="no finite number in 1 of 7"):
        mean_and_interval(values, seed=0)
    found = mean_and_interval(values, seed=0, asked=asked)
    assert found["n"] == 6 and found["value"] == pytest.approx(25 / 6)
    asked[0] = False
    assert mean_and_interval(values, seed=0, asked=asked)["n"] == 5
    with pytest.raises(ExamError, match="no finite number in 1 of 6"):
        mean_and_interval(np.append(values[3:], [1.0, np.inf]), seed=0)


# ------------------------------------------------------------------------------------------------------------ the guard


@pytest.mark.parametrize(
    ("trained_on", "words"),
    [
        ("simple/test", "in a list"),
        (["simpel/test"], "did you mean 'simple'"),
        (["simple/tets"], "did you mean 'test'"),
        (["simple"], "write sets and splits"),
        (["simple/test/all"], "write sets and splits"),
        (["Simple/test"], "did you mean 'simple'"),
        ([3], "in a list"),
        (["own/"], "write sets and splits|no film set"),
    ],
)
def test_a_typing_error_does_not_open_the_guard(trained_on: object, words: str, sitting: Sitting) -> None:
    with pytest.raises(EntrantError, match=words):
        Entrant("careless", {"model": Extrapolation()}, trained_on)
    careless = Candidate("careless", lambda: Entrant("careless", {"model": Extrapolation()}, trained_on))
    report = examine([careless], sitting)
    assert [(row.status, row.question) for row in report.rows] == [("refused", "entrant")]


def test_data_of_ones_own_is_said_and_lets_in(sitting: Sitting) -> None:
    entrant = Entrant("mine", {"model": Extrapolation()}, ["own/films_of_my_desk"])
    assert sitting.films_for(entrant).name == "simple"


def test_parts_are_given_by_name() -> None:
    with pytest.raises(EntrantError, match='by name.*"model"'):
        Entrant("old", Extrapolation(), [])
    with pytest.raises(NotCapable, match="without a tokenizer"):
        Entrant("copy", {"model": Extrapolation()}, []).part("tokenizer")


# --------------------------------------------------------------------------------------------------- one fails, not all


def breaks_off(*_: object, **__: object) -> None:
    raise RuntimeError("the weights are gone")


def test_who_fails_becomes_a_row_and_the_others_are_asked(sitting: Sitting) -> None:
    breaking = Extrapolation()
    breaking.predict = breaks_off
    seen: list[Row] = []
    candidates = [Candidate("unborn", breaks_off), Entrant("breaking", {"model": breaking}, []), candidate("copy-last")]
    report = examine(candidates, sitting, questions=["prediction"], on_row=seen.append)
    assert [row.status for row in report.rows[:2]] == ["failed", "failed"] and len(report.failed) == 2
    assert all("RuntimeError: the weights are gone" in row.note and "line" in row.note for row in report.failed)
    assert report["copy-last", "psnr_db_t10"].value > 0 and seen == report.rows
    with pytest.raises(RuntimeError, match="gone"):
        examine(candidates, sitting, questions=["prediction"], failures="raise")


MODULES = {
    "syntax": ("def broken(:\n", "SyntaxError"),
    "birth": ("class Model:\n    def __init__(self):\n        raise ValueError('no weights')\n", "no weights"),
    "import": ("import a_module_that_is_not_there\n", "a_module_that_is_not_there"),
}


@pytest.mark.parametrize("fault", MODULES)
def test_a_faulty_module_costs_one_row(fault: str, tmp_path: Path, monkeypatch, sitting: Sitting) -> None:
    source, words = MODULES[fault]
    (tmp_path / f"my_{fault}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    address = f"my_{fault}:Model"
    report = examine([Candidate("Model", partial(own_entrant, address)), candidate("copy-last")], sitting,
                     questions=["surprise"])  # fmt: skip
    assert report.rows[0].status in ("failed", "refused") and words in report.rows[0].note
    assert report.rows[1].model == "copy-last" and report.rows[1].value is not None


def test_the_command_prints_everybodys_rows_and_ends_with_status_1(tmp_path: Path) -> None:
    (tmp_path / "my_fault.py").write_text("def broken(:\n")
    words = ["copy-last", "--model", "my_fault:Model", "linear", "--ask", "surprise", "--films", "5", "--json"]
    done = cli("exam", *words, cwd=tmp_path)
    rows = json.loads(done.stdout)
    assert done.returncode == 1 and [row["model"] for row in rows] == ["copy-last", "linear", "Model"]
    assert [row["status"] for row in rows] == ["answered", "answered", "failed"] and "Traceback" not in done.stderr


# --------------------------------------------------------------------------------------------- everything to everybody


FAKES = {"tabular": TabularFake(), "recurrent": RecurrentFake(size=32), "blind": BlindFake(size=32),
         "token": TokenFake(size=32)}  # fmt: skip


@pytest.fixture
def short_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few films to fit controls to, early moments, short games: here rows are asked for, not their values."""
    monkeypatch.setattr(playing, "seconds_a_frame", partial(playing.seconds_a_frame, steps=2))
    monkeypatch.setattr(long_play, "ask", partial(long_play.ask, frames=12, tries=(6,)))
    monkeypatch.setattr(surprises, "TIMES", surprises.TIMES[:1])
    all_films = expectation._quadruplets
    monkeypatch.setattr(expectation, "_quadruplets", lambda *asked: islice(all_films(*asked), 1))
    judged = expectation.quadruplet_surprises  # the text model takes six seconds for a quadruplet
    monkeypatch.setattr(expectation, "quadruplet_surprises",
                        lambda model, films: judged(model, films[:1]).repeat(len(films), axis=0))
    for name, few in {"POINTS": 200, "REPEATS": 5, "STEPS": 4}.items():
        monkeypatch.setattr(study, name, few)
    for name, few in {"READ": 20, "PROMPTS": 40, "LEAST_FILMS": 150, "TIMES_AS_MANY": 5}.items():
        monkeypatch.setattr(text, name, few)
    for group in (reconstruction, tokens):
        monkeypatch.setattr(group, "load_films", lambda *names, count, **more: load_films(*names, count=60, **more))


@pytest.mark.parametrize("question", questions())
@pytest.mark.usefixtures("short_questions")
def test_every_question_can_be_put_to_every_fake(question: str, sitting: Sitting) -> None:
    fakes = [Entrant(name, {"model": model}, []) for name, model in FAKES.items()]
    report = examine(fakes, sitting, questions=[question])
    assert {row.model for row in report.rows} == set(FAKES)
    assert not report.failed, [(row.model, row.note) for row in report.failed]
    assert all(row.note for row in report.rows if row.value is None)


@pytest.fixture(scope="module")
def everybody() -> list[Entrant]:
    return [make() for make in entrants().values()]


@pytest.mark.parametrize("question", questions())
@pytest.mark.usefixtures("short_questions")
def test_every_question_can_be_put_to_everybody(question: str, everybody: list[Entrant], sitting: Sitting) -> None:
    """What `exam --all --ask Q` does."""
    report = examine(everybody, sitting, questions=[question])
    assert {row.model for row in report.rows} == {entrant.name for entrant in everybody}
    assert not report.failed, [(row.model, row.note) for row in report.failed]
    assert any(row.value is not None for row in report.rows), "nobody can answer it"
