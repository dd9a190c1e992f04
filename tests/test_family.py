"""Learning from the films with screens: a recipe may name them, and they are training films and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from course_lib.training import ConfigError, get_recipe, load_checkpoint, load_config, save_checkpoint, train
from course_lib.training.data import FilmData, training_films
from course_lib.worlds.family import NAME, make_family
from course_lib.worlds.films import load_films
from course_lib.worlds.scenes import FILM_SETS

SMALL = {"data.films": NAME, "data.count": 12, "model.controllers": [], "train.steps_v": 2, "train.steps": 2,
         "data.film_batch": 4, "data.batch": 8}  # fmt: skip


def test_the_family_is_no_film_set_and_is_learned_from_by_name() -> None:
    """A new film set would change the source that decides all films, and have every film of every reader made anew."""
    assert NAME not in FILM_SETS
    films = training_films(NAME, count=5, size=32)
    assert films.hash == make_family(split="train", count=5).hash and films.for_training() is films
    assert training_films("simple", count=3, size=32).hash == load_films("simple", split="train", count=3).hash
    assert FilmData(films=NAME).films == NAME
    with pytest.raises(ConfigError, match="there is no film set 'screen'"):
        load_config("vmc", "tiny", {"data.films": "screen"})


def test_v_and_m_learn_from_the_family_and_need_no_controller(tmp_path: Path) -> None:
    recipe, config = get_recipe("vmc"), load_config("vmc", "tiny", SMALL)
    history = train(recipe, config, progress="none")
    data = recipe.load(config, None)
    assert data.sha256 == make_family(split="train", count=12).hash and NAME in data.description
    assert np.isfinite(history.rows[-1]["loss"]) and len(history.rows) == 4
    facts = recipe.finish(history.model, config, data, tmp_path, lambda line: None)
    assert facts == {"controllers": {}} and not list(tmp_path.iterdir()) and history.model.c.weights.numel() == 0
    save_checkpoint(history.model, recipe, "tiny", about=history.about() | facts, folder=tmp_path)
    again = load_checkpoint("vmc", size="tiny", folder=tmp_path)
    assert again.c.names == () and torch.equal(again.m.mdn.weight, history.model.m.mdn.weight)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_no_recipe_learns_from_the_films_that_are_held_out(split: str) -> None:
    with pytest.raises(ValueError, match="held out"):
        get_recipe("vmc").load(load_config("vmc", "tiny", SMALL), make_family(split=split, count=2))


def test_the_shipped_size_learns_from_the_family_alone() -> None:
    config = load_config("vmc", "cpu-family")
    get_recipe("vmc").check(config)
    assert config.data.films == NAME and config.model.controllers == ()
    assert "cpu-family" in get_recipe("vmc").ship
    assert {("v", "cpu-family"), ("m", "cpu-family")} <= get_recipe("vmc").half


def test_an_m_behind_a_v_that_is_there_changes_nothing_in_v() -> None:
    recipe, config = get_recipe("vmc"), load_config("vmc", "cpu-occluded", {"train.steps": 2, "data.film_batch": 2})
    recipe.check(config)
    history = train("vmc", config, data=load_films("occluded", split="train", count=3), progress="none")
    assert [row["phase"] for row in history.rows] == ["M", "M"]
    eyes = load_checkpoint("vmc", size="cpu-family").v.state_dict()
    assert all(torch.equal(value, eyes[name]) for name, value in history.model.v.state_dict().items())
    with pytest.raises(ConfigError, match="V has other sizes"):
        recipe.check(load_config("vmc", "tiny", {"data.eyes": "cpu-family", "data.films": "occluded"}))
