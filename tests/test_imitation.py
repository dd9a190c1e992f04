"""What a video model imitates: both teachers in the same rooms, dreams that are drawn, a reader who counts right."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from course_lib.contract import NotCapable
from course_lib.exam.measures.intervals import mean_and_interval
from course_lib.lookup import ExamError
from course_lib.models.base import untrained_twin
from course_lib.models.dit_world import DiTWorld
from course_lib.studies import imitation as study
from course_lib.training import load_checkpoint, load_config
from course_lib.worlds.films import make_films


def test_both_teachers_are_filmed_in_the_same_rooms_and_the_expert_touches_more_stars() -> None:
    films = {who: study.films_of(who, split="validation", rooms=6, frames=97) for who in study.TEACHERS}
    assert films["expert"].shape == films["random"].shape == (6, 97, 32, 32, 3)
    np.testing.assert_array_equal(films["expert"][:, 0], films["random"][:, 0])
    reader = load_checkpoint("reader")
    seen = {who: study.seen_in(reader, films[who][:, 1:]) for who in films}
    paid = make_films("goal", split="validation", count=6, length=97).rewards.sum(axis=1)
    print(seen, paid)
    assert np.mean(seen["expert"]["touches"]) > 2 * np.mean(seen["random"]["touches"]) + 1
    assert np.abs(np.array(seen["random"]["touches"]) - paid).mean() < 0.5, "what is read is what was paid"
    assert np.mean(seen["expert"]["agent"]) > 0.95
    with pytest.raises(ValueError, match="there are: expert, random"):
        study.films_of("nobody", split="validation", rooms=1, frames=5)


def test_who_learned_from_films_takes_no_keys_and_dreams_nearer_to_them_than_untrained() -> None:
    films = study.films_of("random", split="train", rooms=12, frames=33)
    config = load_config("dit_world", "tiny", {"model.actions": 0, "train.steps": 300})
    taught = study.imitate(films, config)
    codec = load_checkpoint("codec", size="cpu-frames")
    world, bare = (DiTWorld(m.average, codec) for m in (taught, untrained_twin(taught)))
    with pytest.raises(NotCapable, match="takes no actions"):
        world.predict(world.encode(torch.rand(1, 1, 3, 32, 32)), torch.tensor([0]))
    made = {name: study.dreamed_films(w, films[:, 0], 3, seed=1) for name, w in (("taught", world), ("bare", bare))}
    assert made["taught"].shape == (12, 3, 32, 32, 3)
    np.testing.assert_array_equal(made["taught"], study.dreamed_films(world, films[:, 0], 3, seed=1))
    assert (made["taught"] != study.dreamed_films(world, films[:, 0], 3, seed=2)).any(), "it is drawn"
    error = {name: np.square(film.astype(float) - films[:, 1:4]).mean(axis=(1, 2, 3, 4)) for name, film in made.items()}
    gain = mean_and_interval(error["bare"] - error["taught"], seed=0)
    print({name: values.mean() for name, values in error.items()}, gain)
    assert gain["low"] > 0.0


def test_kept_facts_that_are_missing_or_damaged_are_refused(
    tmp_path, monkeypatch: pytest.MonkeyPatch  # noqa: ANN001
) -> None:
    monkeypatch.setattr(study, "KEPT", tmp_path / "imitation.json")
    with pytest.raises(ExamError, match="study imitation"):
        study.measured_imitation()
    one = {"touches": [2.0] * study.ROOMS, "agent": [1.0] * study.ROOMS, "star": [0.5] * study.ROOMS}
    found = {who: one for who in study.WHO} | {"expert": {**one, "touches": [1.0] * study.ROOMS}}
    facts = {"frames": 96, "found": found}
    study.KEPT.write_text(json.dumps(facts))
    assert study.measured_imitation().rate("expert") == pytest.approx((100 / 96,) * 3)
    for damage in ({**one, "star": [1.5] * study.ROOMS}, {**one, "touches": [1.0]}, {"touches": one["touches"]}):
        study.KEPT.write_text(json.dumps(facts | {"found": {**found, "random": damage}}))
        with pytest.raises(ExamError, match="does not hold the facts"):
            study.measured_imitation()


def test_what_was_measured_says_that_the_teacher_shows() -> None:
    found = study.measured_imitation()
    more = mean_and_interval(found.touches["expert"] - found.touches["random"], seed=0)
    rates = {who: found.rate(who) for who in study.WHO}
    print(more, rates)
    assert more["low"] > 0.0 and found.touches["untrained"].sum() == 0.0
    assert rates["expert"][1] > rates["random"][2] and rates["expert real"][1] > rates["random real"][2]
    assert found.agent["expert"].mean() < 0.9 * found.agent["expert real"].mean(), "the dreams lose the agent"
