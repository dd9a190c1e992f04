"""The exam: rows that must be complete, a guard that must hold, and questions whose answers are known beforehand."""

from __future__ import annotations

import json
from itertools import product
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch

from course_lib.contract import Actions, Capabilities, LatentTable, NotCapable
from course_lib.exam.entrant import PARTS, Entrant, EntrantError, own_entrant
from course_lib.exam.measures.counterfactuals import choice_accuracy, counterfactuals
from course_lib.exam.measures.frames import MISSED, position_errors
from course_lib.exam.measures.intervals import paired_ratio_interval
from course_lib.exam.measures.rollout import as_input, dream, translate
from course_lib.exam.questions.surprise import check_context_only, turned_back
from course_lib.exam.registry import entrants, get_entrant, questions
from course_lib.exam.rows import Report, Row, RowError
from course_lib.exam.run import examine
from course_lib.exam.sitting import Sitting
from course_lib.lookup import ExamError
from course_lib.models.extrapolate import Extrapolation
from course_lib.models.fakes import BlindFake, RecurrentFake, TabularFake, TokenFake
from course_lib.models.reader import Reader, ReaderConfig
from course_lib.models.yardsticks import PerfectModel, RandomModel, UntrainedModel
from course_lib.worlds import spec
from course_lib.worlds.films import load_films, make_film
from course_lib.worlds.frames import psnr
from tests.command_line import cli
from tests.contract_tests import check_world_model

F = spec.FIELD


def row(**changes: object) -> Row:
    given = {"model": "m", "question": "q", "value": 1.0, "low": 0.5, "high": 1.5, "unit": "dB", "n": 30,
             "controls": {"untrained": 0.0}, "split": "simple/test"}  # fmt: skip
    return Row(**{**given, **changes})


# ---------------------------------------------------------------------------------------------------------------- rows


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"controls": {}}, "without a control"),
        ({"low": None}, "needs its interval"),
        ({"low": 2.0}, "interval goes from 2.0 to 1.5"),
        ({"value": float("nan")}, "not a finite number"),
        ({"controls": {"pca": float("inf")}}, "pca is not a finite number"),
        ({"value": None, "low": None, "high": None}, "a note that says why"),
        ({"value": None, "note": "cannot"}, "no interval either"),
        ({"n": 0}, "at least 1"),
        ({"direction": "up"}, "'higher' or 'lower'"),
    ],
)
def test_a_row_that_says_too_little_cannot_be_made(changes: dict, words: str) -> None:
    with pytest.raises(RowError, match=words):
        row(**changes)


def test_a_bar_is_met_when_the_whole_interval_meets_it() -> None:
    assert [row(bar=bar).passed for bar in (0.4, 0.5, 0.6, 2.0, None)] == [True, True, False, False, None]
    assert [row(bar=bar, direction="lower").passed for bar in (1.4, 1.5, 1.6)] == [False, True, True]
    assert row(value=None, low=None, high=None, note="cannot", bar=1.0).passed is None


def test_the_same_question_is_not_answered_twice() -> None:
    report = Report([row(), row(question="other"), row(model="n"), row(split="rich/test"), row(seed=1)])
    with pytest.raises(RowError, match="has answered q on simple/test"):
        report.add(row(value=1.1))
    assert len(report.rows) == 5 and report["m", "q"].value == 1.0
    with pytest.raises(KeyError, match="m/other"):
        report["m", "nothing"]


def test_rows_are_json_with_every_field_of_the_design() -> None:
    report = Report([row(bar=0.2), row(model="x", value=None, low=None, high=None, n=0, note="it has no legs")])
    read = json.loads(report.json())
    fields = {"model", "question", "value", "low", "high", "unit", "n", "controls", "bar", "direction", "pass", "split",
              "seed", "checkpoint", "minutes", "note", "status"}  # fmt: skip
    assert all(set(item) == fields for item in read)
    assert read[0]["pass"] is True and read[1]["value"] is None and read[1]["note"] == "it has no legs"
    assert [item["value"] for item in report.table()] == ["1 dB (0.5 to 1.5)", "not applicable"]


def test_the_interval_of_a_paired_ratio_holds_the_truth_as_often_as_it_says() -> None:
    rng, inside = np.random.default_rng(0), 0
    for _ in range(300):
        below = rng.gamma(4.0, 1.0, 60)  # mean 4
        above = 0.5 * below + rng.normal(0.0, 0.8, 60) + 1.0  # mean 3
        low, high = paired_ratio_interval(above, below, generator=rng, resamples=400)
        inside += low <= 0.75 <= high
    assert 0.90 < inside / 300 < 0.985  # 95 % within what 300 repetitions and 60 films allow
    with pytest.raises(ValueError, match="positive mean"):
        paired_ratio_interval(np.ones(9), np.zeros(9), generator=rng)


# --------------------------------------------------------------------------------------------------------------- guard


def test_nobody_is_scored_on_films_that_it_may_have_learned_from() -> None:
    sitting, copy = Sitting(count=5), {"model": Extrapolation()}
    films = load_films("simple", split="test", count=5)
    sitting.films_for(Entrant("honest", copy, ["simple/train"]))
    sitting.films_for(Entrant("untaught", copy, []))
    for entrant, words in (
        (Entrant("silent", copy, None), "nobody knows what silent was trained on.*trained_on"),
        (Entrant("cheat", copy, ["simple/test"]), "ask it on others"),
        (Entrant("found out", copy, ["simple/train"], hashes=frozenset({films.hash})), "these very films"),
    ):
        with pytest.raises(ExamError, match=words):
            sitting.films_for(entrant)
    with pytest.raises(ExamError, match="there to learn from"):
        sitting.films_for(Entrant("honest", copy, []), split="train")
    with pytest.raises(ExamError, match="'test' or 'validation'"):
        Sitting(split="train")
    with pytest.raises(ExamError, match="at least 5"):
        Sitting(count=3)


@pytest.mark.parametrize("group", questions())
def test_every_group_of_questions_passes_the_guard(group: str) -> None:
    nothing = MagicMock()
    silent = Entrant("silent", {name: nothing for name in PARTS}, None)
    if group == "cost":  # it times a block of random weights on random numbers: there are no films to have seen
        return
    report = examine([silent], Sitting(count=5), questions=[group])
    assert [row.status for row in report.rows] == ["refused"] and "trained_on" in report.rows[0].note


# ----------------------------------------------------------------------------------------------------------- who enters


class Mine(Extrapolation):
    trained_on: tuple[str, ...] = ()


class Half:
    capabilities = None


def test_a_learners_own_model_enters_by_its_name() -> None:
    entrant = own_entrant("tests.test_exam:Mine")
    assert entrant.name == "Mine" and entrant.trained_on == () and isinstance(entrant.part("model"), Mine)
    report = examine([entrant], Sitting(count=5), questions=["surprise"])
    assert report["Mine", "surprise_turned_back_accuracy"].n == 5


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("tests.test_exam", "package.module:Name"),
        ("no_such_package:X", "cannot be imported"),
        ("tests.test_exam:Nobody", "there is no Nobody"),
        ("tests.test_exam:Half", "lacks encode, predict, decode, surprise"),
    ],
)
def test_a_model_that_cannot_enter_hears_what_is_missing(place: str, words: str) -> None:
    with pytest.raises(EntrantError, match=words):
        own_entrant(place)


def test_a_wrong_name_is_answered_with_the_right_ones() -> None:
    with pytest.raises(EntrantError, match="did you mean 'perfect'.*copy-last"):
        get_entrant("perfct")
    with pytest.raises(ExamError, match="did you mean.*are: acting"):
        examine([get_entrant("copy-last")], Sitting(count=5), questions=["predictions"])


# ------------------------------------------------------------------------------------------------- the three yardsticks


@pytest.mark.parametrize("make", [PerfectModel, RandomModel, UntrainedModel])
def test_the_yardsticks_keep_the_contract(make: type) -> None:
    frames, actions = as_input(load_films("simple", split="test", count=5), slice(0, 2))
    check_world_model(make(), frames[:, :5], actions[:, :4])


YARDSTICKS = ("perfect", "random", "untrained", "copy-last", "linear")


@pytest.fixture(scope="module")
def sitting() -> Sitting:
    return Sitting(count=30)


@pytest.fixture(scope="module")
def seen(sitting: Sitting) -> list[Row]:
    """Those whose marks are known, asked about films."""
    asked = ["prediction", "control", "surprise"]
    return examine([get_entrant(n) for n in YARDSTICKS], sitting, questions=asked, failures="raise").rows


@pytest.fixture(scope="module")
def held(sitting: Sitting) -> list[Row]:
    """The same, about what they hold and what they reach."""
    asked = ["probing", "returns"]
    return examine([get_entrant(n) for n in YARDSTICKS], sitting, questions=asked, failures="raise").rows


@pytest.fixture(scope="module")
def report(seen: list[Row], held: list[Row]) -> Report:
    """The whole exam of those whose marks are known."""
    return Report([*seen, *held])


def low_high(report: Report, model: str, question: str) -> tuple[float, float]:
    found = report[model, question]
    return found.low, found.high


def test_the_perfect_model_stands_at_the_readers_floor(report: Report) -> None:
    for ahead in (1, 4, 10):
        found = report["perfect", f"position_error_t{ahead}"]
        assert found.value == pytest.approx(found.controls["reader_floor"], abs=1e-6)
        assert found.controls["reader_floor"] < 0.5
    assert report["perfect", "psnr_db_t10"].value == 99.0
    assert report["perfect", "action_choice_accuracy"].value == 1.0
    assert report["perfect", "surprise_turned_back_accuracy"].value == 1.0
    assert report["perfect", "probe_r2_ball_mass"].low > 0.9


def test_the_random_model_stands_at_chance(report: Report) -> None:
    for ahead in (1, 4, 10):
        found = report["random", f"position_error_t{ahead}"]
        assert found.value == pytest.approx(found.controls["other_film"], rel=0.15)
    for question in ("action_choice_accuracy", "surprise_turned_back_accuracy"):
        low, high = low_high(report, "random", question)
        assert low - 0.03 <= 0.5 <= high + 0.03
    assert abs(report["random", "probe_r2_ball_x"].value) < 0.1
    assert abs(report["random", "normalised_return"].value) < 0.1


@pytest.mark.parametrize("question", ["position_error_t1", "position_error_t4", "psnr_db_t1", "probe_r2_agent_x"])
def test_the_untrained_one_stands_between(report: Report, question: str) -> None:
    better, worse = ("perfect", "random")
    values = [report[name, question] for name in (better, "untrained", worse)]
    if values[0].direction == "lower":
        assert values[0].high < values[1].low and values[1].high < values[2].low
    else:
        assert values[0].low > values[1].high and values[1].low > values[2].high


def test_who_ignores_the_action_scores_exactly_one_half(report: Report) -> None:
    for name in ("copy-last", "linear"):
        found = report[name, "action_choice_accuracy"]
        assert found.value == found.low == found.high == 0.5
        assert report[name, "delta4_psnr_db"].value == 0.0


def test_pixels_cannot_tell_who_turned_back_but_inertia_can(report: Report) -> None:
    low, high = low_high(report, "copy-last", "surprise_turned_back_accuracy")
    assert low <= 0.55 and high >= 0.45
    assert report["linear", "surprise_turned_back_accuracy"].low > 0.75


def test_every_row_has_its_controls_and_the_untrained_network_among_them(report: Report) -> None:
    for found in report.rows:
        if found.model == "perfect" and found.question not in ("normalised_return",):
            assert "untrained" in found.controls, found.question
    assert {r.question for r in report.rows if r.model == "untrained" and r.value is None} == {"returns"}


# --------------------------------------------------------------------------------- what does not apply, with its reason


@pytest.mark.parametrize(
    ("model", "reasons"),
    [
        (TabularFake(), {group: "whole numbers" for group in ("prediction", "control", "surprise")}),
        (RecurrentFake(size=32), {group: "discrete actions" for group in ("prediction", "control", "surprise")}),
        (BlindFake(), {group: "8 x 8" for group in ("prediction", "control", "surprise")}),
        (BlindFake(size=32), {"prediction": "no way back", "control": "takes no actions"}),
        (TokenFake(size=32), {}),
    ],
)
def test_what_does_not_apply_is_said_with_its_reason_and_never_scored(model: object, reasons: dict[str, str]) -> None:
    fake, groups = Entrant("fake", {"model": model}, []), ["prediction", "control", "surprise"]
    report = examine([fake], Sitting(count=6), questions=groups)
    silent = {r.question: r.note for r in report.rows if r.value is None}
    assert set(silent) == set(reasons) and all(reason in silent[group] for group, reason in reasons.items())
    answered = {r.question for r in report.rows if r.value is not None}
    assert ("surprise_turned_back_accuracy" in answered) == ("surprise" not in reasons)


def test_latent_actions_need_a_table() -> None:
    model = TokenFake(size=32)
    assert translate(model, torch.tensor([3, 1])).tolist() == [4, 2]
    model.capabilities = Capabilities(Actions("latent", 5), decodes=True, context=3, frame_size=(32, 32))
    with pytest.raises(NotCapable, match="without a table"):
        translate(model, torch.tensor([0]))
    model.capabilities = Capabilities(Actions("latent", 5, LatentTable((0, 1), "few")), decodes=True, context=3)
    with pytest.raises(NotCapable, match="without a table"):
        translate(model, torch.tensor([0]))


# ------------------------------------------------------------------------------------------------- the questions' parts


class TellsTheTruth(Reader):
    """Reads from frames whose pixels are an index into a list of states."""

    def __init__(self, states: np.ndarray) -> None:
        super().__init__(ReaderConfig(stem=8, widths=(8, 8, 8)))
        self.states = states

    def read(self, frames: np.ndarray, **_: object) -> np.ndarray:
        return self.states


def test_a_thing_that_is_missing_or_of_another_colour_counts_as_missed() -> None:
    states = make_film("simple", 3, length=2).states[None]  # (1, 2, SLOTS, FIELDS): the agent and two bodies
    assert position_errors(TellsTheTruth(states), states, states) == pytest.approx(np.zeros((1, 2)))
    gone, repainted, moved = states.copy(), states.copy(), states.copy()
    gone[:, :, 1, 0] = 0
    repainted[:, :, 1, F["colour"]] = (states[:, :, 1:3, F["colour"]].sum(-1) + 1) % 6
    moved[:, :, :3, F["x"]] += 3.0
    for read, expected in ((gone, MISSED / 3), (repainted, MISSED / 3), (moved, 3.0)):
        assert position_errors(TellsTheTruth(read), states, states) == pytest.approx(np.full((1, 2), expected))


def test_counterfactual_frames_are_what_the_other_keys_draw() -> None:
    films = load_films("agent", split="validation", count=6)
    made = counterfactuals(films, times=(0, 9))
    for n, k in product(range(6), range(2)):
        taken = int(films.actions[n, made.times[k]])
        np.testing.assert_array_equal(made.frames[n, k, taken], films.frames[n, made.times[k] + 1])
    assert (made.visible == made.visible.transpose(0, 1, 3, 2)).all()
    assert not made.visible[..., range(4), range(4)].any()
    assert made.visible[:, 0, 1, 2].all()  # left and right differ for an agent on the ground
    assert not made.visible[:, 0, 0, 3].any()  # before the first step of physics nothing holds it: no jump yet
    with pytest.raises(ValueError, match="frames 0 to 30"):
        counterfactuals(films, times=(31,))


def test_choosing_between_keys_is_scored_only_where_they_differ() -> None:
    real = torch.zeros(3, 4, 3, 2, 2)
    real[:, 1], real[:, 2] = 1.0, 0.5
    real[2] = 0.0  # in the last film no key changes anything
    visible = (real[:, :, None] != real[:, None]).flatten(3).any(dim=3).numpy()
    right = choice_accuracy(real, real, visible)
    assert right[:2].tolist() == [1.0, 1.0] and np.isnan(right[2])
    same = choice_accuracy(real[:, :1].expand_as(real), real, visible)
    assert same[:2].tolist() == [0.5, 0.5]
    backwards = choice_accuracy(1.0 - real, real, visible)
    assert (backwards[:2] < 0.5).all()


def test_a_dream_follows_the_actions_it_is_given_and_only_sees_what_it_may() -> None:
    films = load_films("simple", split="test", count=6)
    frames, actions = as_input(films)
    dreamed = dream(PerfectModel(), frames, actions, seen=4, steps=6)
    assert torch.equal(dreamed, frames[:, 4:10])
    hidden = frames.clone()
    hidden[:, 4:] = 0.0
    assert torch.equal(dream(PerfectModel(), hidden, actions, seen=4, steps=6), dreamed)
    assert psnr(dreamed, frames[:, 4:10]).min() == 99.0
    assert psnr(dreamed + 0.1, frames[:, 4:10]).numpy() == pytest.approx(np.full((6, 6), 20.0), abs=1e-3)


def test_a_film_that_turned_back_shows_the_frame_before_the_last() -> None:
    frames = torch.arange(6.0).view(1, 6, 1, 1, 1).expand(2, 6, 3, 4, 4)
    on, back = turned_back(frames, 3)
    assert on[0, :, 0, 0, 0].tolist() == [0, 1, 2, 3, 4] and back[0, :, 0, 0, 0].tolist() == [0, 1, 2, 3, 2]


class SeesTheFuture(Extrapolation):
    def surprise(self, observations, actions=None, *, generator=None):
        return super().surprise(observations, actions) + observations.mean()


def test_surprise_that_knows_what_comes_later_is_no_answer() -> None:
    frames, actions = as_input(load_films("simple", split="test", count=5))
    check_context_only(Extrapolation(actions=4), frames, actions)
    with pytest.raises(ExamError, match="context only"):
        check_context_only(SeesTheFuture(actions=4), frames, actions)
    with pytest.raises(ExamError, match="context only"):
        examine([Entrant("seer", {"model": SeesTheFuture(actions=4)}, [])], Sitting(count=5), questions=["surprise"],
                failures="raise")  # fmt: skip


def test_reserved_films_are_asked_about_and_the_yardsticks_know_them() -> None:
    report = examine([get_entrant("perfect")], Sitting(count=5, films="simple-fast"), questions=["prediction"])
    row = report["perfect", "position_error_t10"]
    assert row.split == "simple-fast/test" and row.value == pytest.approx(row.controls["reader_floor"], abs=1e-6)


def test_the_agent_that_dreams_is_examined_with_its_untrained_twin() -> None:
    report = examine([get_entrant("vmc")], Sitting(count=60), questions=["prediction"], failures="raise")
    ratio = report["vmc", "dream_position_error_ratio_t10"]
    assert ratio.passed and ratio.controls["untrained"] > 1.0 and ratio.controls["shuffled_actions"] > ratio.high
    assert "V is kept" in ratio.note, "which weights are fresh stands in the row"


def test_the_agent_that_dreams_knows_that_things_move_on() -> None:
    report = examine([get_entrant("vmc")], Sitting(count=60), questions=["surprise"], failures="raise")
    turned = report["vmc", "surprise_turned_back_accuracy"]
    assert turned.low > max(turned.controls["pixel_difference"], turned.controls["untrained"], 0.5)


def test_the_agent_that_dreams_is_examined_with_its_controllers() -> None:
    report = examine([get_entrant("vmc")], Sitting(episodes=40), questions=["acting"], failures="raise")
    alone = report["vmc", "dream_return_alone"]
    assert alone.low > max(alone.controls[who] for who in ("random", "stands_still", "untrained_m"))
    rows = {row.question: row for row in report.rows}
    assert {"real_return", "reservoir_return", "dream_return", "sweep_inner_maximum"} <= set(rows)
    print([(row.question, row.value, row.low, row.high, row.passed) for row in report.rows if row.bar])


def test_the_shipped_models_stand_in_the_exam_with_their_provenance() -> None:
    assert {"reader", "vae", "vae-rich"} <= set(entrants())
    report = examine([get_entrant("vae")], Sitting(count=20))
    gain = report["vae", "reconstruction_gain_over_pca_db"]
    assert gain.passed and gain.controls["pca"] == 0.0 and gain.controls["untrained"] < gain.value
    assert len(gain.checkpoint) == 12 and gain.minutes > 0 and gain.split == "simple/test"


# ----------------------------------------------------------------------------------------------------- the command line


def test_the_command_prints_rows_as_json_and_says_who_is_asked_on_the_other_stream() -> None:
    done = cli("exam", "copy-last", "--model", "tests.test_exam:Mine", "--ask", "surprise", "--films", "6", "--json")
    assert done.returncode == 0, done.stderr
    assert [r["model"] for r in json.loads(done.stdout)] == ["copy-last", "Mine"]
    assert "Mine: surprise" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "who is asked?"),
        (["coppy-last"], "did you mean 'copy-last'"),
        (["copy-last", "--ask", "predictions"], "did you mean 'prediction'"),
        (["copy-last", "--seed", "-1"], "from 0 on"),
        (["--model", "tests.test_exam"], "package.module:Name"),
        (["copy-last", "--split", "train"], "'test' or 'validation'"),
        (["copy-last", "--films", "2"], "at least 5"),
        (["copy-last", "--on", "simpel"], "the film sets are: agent"),
    ],
)
def test_what_cannot_be_examined_is_explained_without_a_traceback(words: list[str], message: str) -> None:
    done = cli("exam", *words)
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr
