"""Genie under the contract, made from films without a look at their keys."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course_lib.models.genie import Genie
from course_lib.training import load_config, train
from course_lib.training.recipe import build
from course_lib.training.recipes.genie import read_table, recipe, seen_as_tokens
from course_lib.worlds.films import load_films
from course_lib.worlds.frames import to_model
from tests.contract_tests import check_world_model


@pytest.fixture(scope="module")
def model() -> Genie:
    model = build(recipe, load_config(recipe, "tiny").model).eval()
    model.dynamics.table.copy_(torch.tensor([0, 3, 1, 5]))
    return model


@torch.no_grad()
def test_genie_keeps_the_contract(model: Genie) -> None:
    films = load_films("agent", split="validation", count=3, length=10)
    check_world_model(model, to_model(films.frames), torch.from_numpy(films.actions.astype(np.int64)))


@torch.no_grad()
def test_what_is_seen_is_drawn_again_by_the_tokenizer(model: Genie) -> None:
    frames = to_model(load_films("agent", split="validation", count=2, length=12).frames)
    actions = torch.zeros(2, 11, dtype=torch.long)
    state = model.encode(frames, actions)
    assert state.tokens.shape[1] == model.config.dynamics.frames - 1, "the window is bounded"
    drawn = model.tokenizer.frames_of(model.tokenizer.tokens(frames))
    torch.testing.assert_close(model.decode(state), drawn[:, -1])


def test_no_phase_reads_the_keys_of_the_films(tmp_path: object) -> None:
    few = {"train.steps_tokenizer": 6, "train.steps_lam": 6, "train.steps": 6, "train.looked_at": 10}
    films = load_films("agent", split="train", count=8)
    weights = []
    for actions in (films.actions, np.zeros_like(films.actions)):
        films.actions = actions
        done = train(recipe, load_config(recipe, "tiny", few), data=films, progress="none")
        weights.append({name: value for name, value in done.model.state_dict().items() if name != "dynamics.table"})
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())


def test_each_phase_moves_its_own_part_only(model: Genie) -> None:
    few = {"train.steps_tokenizer": 2, "train.steps_lam": 2, "train.steps": 2, "train.looked_at": 10}
    config = load_config(recipe, "tiny", few)
    parts = [set(map(id, phase.parameters)) for phase in recipe.phases(model, config)]
    assert not (parts[0] & parts[1]) and not (parts[0] & parts[2]) and not (parts[1] & parts[2])
    assert set().union(*parts) == {id(p) for p in model.parameters()}


def test_the_table_counts_every_step_once(model: Genie) -> None:
    counts = torch.tensor(read_table(model, 10, "agent"))
    films = load_films("agent", split="train", count=10)
    assert counts.sum(dim=1).tolist() == np.bincount(films.actions.flatten(), minlength=4).tolist()
    latent = seen_as_tokens(model, films.frames)[1].long()
    assert counts.sum(dim=0).tolist() == torch.bincount(latent.flatten(), minlength=8).tolist()


def test_parts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="dynamics.codes is 31, the other parts have 32"):
        load_config(recipe, "tiny", {"model.dynamics": {"codes": 31, "tokens": 64, "actions": 8}})
