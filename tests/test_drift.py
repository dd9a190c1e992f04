"""Long films: a continuation begins where the film was, and what it keeps is counted frame by frame."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from course_lib.exam.measures.drift import Kept, bodies_of, kept_bodies, long_films
from course_lib.lookup import ExamError
from course_lib.models.reader import Reader
from course_lib.models.text_to_video import TextToVideo
from course_lib.studies import drift, guidance
from course_lib.training import load_checkpoint
from course_lib.worlds.captions import EMPTY
from course_lib.worlds.frames import to_uint8
from tests.damaged import check_refused
from tests.text_to_video import Draughtsman, drawn_film, small_maker

TWO = "a small red ball falling and a large blue box resting"


@pytest.fixture(scope="module")
def reader() -> Reader:
    return load_checkpoint("reader")


@pytest.fixture(scope="module")
def maker() -> TextToVideo:
    return small_maker()


@pytest.mark.parametrize(("window", "keep", "frames"), [(5, 1, 14), (9, 5, 20), (13, 9, 21), (5, 1, 3)])
def test_every_window_begins_with_the_last_frames_of_the_one_before(
    maker: TextToVideo, window: int, keep: int, frames: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[np.ndarray] = []

    def continued(beginning: torch.Tensor, prompts: list[str], length: int, **_: object) -> torch.Tensor:
        given.append(to_uint8(beginning))
        level = len(given) / 50
        return torch.full((len(prompts), length, 3, 32, 32), level)

    monkeypatch.setattr(maker, "continued", continued)
    film = long_films(maker, [TWO], frames, window=window, keep=keep, generator=torch.Generator().manual_seed(0))
    assert film.shape == (1, frames, 32, 32, 3)
    for turn, beginning in enumerate(given):
        at = window + turn * (window - keep)  # frames that were there before this turn
        assert np.array_equal(beginning[:, : max(frames - at + keep, 0)], film[:, at - keep : at])
        assert beginning.shape[1] == keep and (film[:, at : at + window - keep] == round(255 * (turn + 1) / 50)).all()


def test_a_window_that_adds_nothing_is_refused_and_a_beginning_is_gone_on_from(maker: TextToVideo) -> None:
    with pytest.raises(ValueError, match="keeps 5 adds nothing"):
        long_films(maker, [TWO], 9, window=5, keep=5, generator=torch.Generator())
    begin = drawn_film(TWO)[None]
    film = long_films(maker, [TWO], 13, window=9, keep=5, generator=torch.Generator().manual_seed(0), w=(0.0, 0.0),
                      beginning=begin)  # fmt: skip
    assert film.shape[1] == 13 and np.array_equal(film[:, :5], begin)


def test_bodies_that_are_there_are_counted_and_others_are_not(reader: Reader) -> None:
    film = np.stack([drawn_film(TWO), drawn_film("a small red ball falling"), drawn_film(EMPTY)])
    kept = kept_bodies(reader, film, [bodies_of(TWO)] * 3)
    assert kept.number.mean(axis=1).tolist() == [1.0, 0.0, 0.0]
    assert kept.bodies.mean(axis=1).tolist() == [1.0, 0.5, 0.0]
    twice = bodies_of(TWO + " and a large red ball resting")
    assert twice == Counter({("red", "ball"): 2, ("blue", "box"): 1})
    assert kept_bodies(reader, film[:1], [twice]).bodies.mean() == pytest.approx(2 / 3)


def test_a_window_shows_how_things_move_where_the_model_has_learned_that() -> None:
    assert drift.window_and_keep((5,), 4) == (5, 1)
    assert drift.window_and_keep((5, 17), 4) == (17, 5)


def test_means_are_over_films_and_over_so_many_frames() -> None:
    number = np.arange(40.0).reshape(2, 20) / 40
    found = drift.averaged(Kept(number, np.ones((2, 20))))
    assert found["number"] == pytest.approx([(4.5 + 24.5) / 80, (14.5 + 34.5) / 80], abs=1e-4)
    assert found["bodies"] == [1.0, 1.0]


# --------------------------------------------------------------------------------------------------- what was kept


def test_guidance_is_asked_with_the_same_noise_and_counts_what_is_too_many(reader: Reader) -> None:
    prompts = [TWO, "a small red ball falling"] * 4
    found = {w: guidance.follow_at(Draughtsman(), reader, prompts, w=w, steps=1) for w in (0.0, 1.0, 2.0)}
    assert found[2.0]["everything"]["value"] == 1.0 and found[0.0]["too_few"]["value"] == 1.0
    assert found[1.0]["too_few"]["value"] == 0.5 and found[1.0]["too_many"]["value"] == 0.0


def guidance_facts() -> dict:
    answers = {name: {"value": 0.5, "low": 0.4, "high": 0.6} for name in guidance.ASKED}
    return {"prompts": 200, "weights": {"dit": "a", "codec": "b"},
            "guidance": {f"{w:g}": answers for w in guidance.WEIGHTS},
            "steps": {str(n): answers for n in guidance.STEPS}}  # fmt: skip


def drift_facts() -> dict:
    shares = {name: [0.5] * 60 for name in Kept._fields}
    return {"frames": 600, "window": 17, "keep": 5, "films": 12, "weights": {"dit": "a", "codec": "b"},
            "kept": {way: dict(shares) for way in drift.WAYS}}  # fmt: skip


READERS = {"guidance": (guidance, guidance.measured_guidance, guidance_facts),
           "drift": (drift, drift.measured_drift, drift_facts)}  # fmt: skip


@pytest.mark.parametrize("name", READERS)
def test_kept_facts_are_read_as_they_were(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study, read, facts = READERS[name]
    monkeypatch.setattr(study, "KEPT", tmp_path / f"{name}.json")
    with pytest.raises(ExamError, match=f"study {name}"):
        read()
    study.KEPT.write_text(json.dumps(facts()))
    assert read().weights == {"dit": "a", "codec": "b"}


@pytest.mark.parametrize(("name", "harm"), [
    ("guidance", lambda facts: facts["guidance"].pop("2")),
    ("guidance", lambda facts: facts["steps"]["4"].pop("shape")),
    ("guidance", lambda facts: facts["guidance"]["1"].__setitem__("number", {"value": 1.5, "low": 0.0, "high": 2.0})),
    ("drift", lambda facts: facts["kept"].pop("free")),
    ("drift", lambda facts: facts["kept"]["codec"].__setitem__("bodies", [2.0] * 60)),
    ("drift", lambda facts: facts["kept"]["codec"].__setitem__("number", [0.5] * 9)),
])  # fmt: skip
def test_damaged_facts_are_named_with_the_way_out(
    name: str, harm: Callable[[dict], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, read, facts = READERS[name]
    check_refused(study, read, harm, f"course_lib study {name}", tmp_path, monkeypatch, facts())
