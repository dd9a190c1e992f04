"""The JEPA with a memory: the contract, where its memory ends, its loss, learning from possible films alone."""

from __future__ import annotations

import pytest
import torch

from course_lib.contract import NotCapable
from course_lib.models.base import fresh, untrained_twin
from course_lib.models.film_jepa import FilmJEPA, FilmJEPAConfig
from course_lib.nets.regularisers import covariance_term, variance_term
from course_lib.training import ConfigError, get_recipe, load_config
from tests.contract_tests import check_world_model
from tests.possible_films import check_learns_from_possible_films


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def jepa(context: int) -> FilmJEPA:
    sizes = FilmJEPAConfig(channels=(4, 4, 4), hidden=16, latent=6, context=context, width=8, layers=2, heads=2)
    return fresh(FilmJEPA, sizes, 1).eval()


@torch.no_grad()
@pytest.mark.parametrize("context", [1, 3, 9])
def test_it_fulfils_the_contract(context: int) -> None:
    check_world_model(jepa(context), torch.rand(3, 6, 3, 32, 32, generator=seeded()), None)


def test_it_has_no_pictures_and_no_actions() -> None:
    model, frames = jepa(3), torch.rand(2, 2, 3, 32, 32, generator=seeded())
    with pytest.raises(NotCapable, match="no loss asked for pictures"):
        model.decode(model.encode(frames))
    with pytest.raises(NotCapable, match="takes no actions"):
        model.surprise(frames, torch.zeros(2, 1, dtype=torch.long))


@torch.no_grad()
def test_surprise_knows_the_last_k_frames_and_no_earlier_one() -> None:
    model, frames = jepa(3), torch.rand(1, 8, 3, 32, 32, generator=seeded())
    found = model.surprise(frames)
    for changed, same in ((3, False), (2, True)):  # frame 7 is guessed from frames 4, 5 and 6; frame 6 from 3, 4 and 5
        other = frames.clone()
        other[:, changed] = 1.0 - other[:, changed]
        assert torch.equal(model.surprise(other)[:, 6], found[:, 6]) == same
        torch.testing.assert_close(model.surprise(other)[:, 7], found[:, 7])


@torch.no_grad()
def test_what_is_predicted_is_what_the_surprise_compares_with() -> None:
    model, frames = jepa(9), torch.rand(2, 5, 3, 32, 32, generator=seeded())
    guess = model.predict(model.encode(frames[:, :4])).s[:, -1]
    error = (guess - model.embed(frames)[:, 4]).square().mean(dim=1)
    torch.testing.assert_close(model.surprise(frames)[:, 4], error)


def test_the_loss_is_the_sum_that_it_says() -> None:
    model, frames = jepa(5), torch.rand(4, 6, 3, 32, 32, generator=seeded())
    found, s = model.loss({"frames": frames}, 0, None), model.embed(frames)
    error = torch.stack([(s[:, t] + model.past(s[:, :5])[:, t] - s[:, t + 1]).square().mean() for t in range(5)]).mean()
    every = s.flatten(0, 1)
    torch.testing.assert_close(found["error"], error)
    torch.testing.assert_close(found["loss"], error + variance_term(every) + 0.04 * covariance_term(every))
    torch.testing.assert_close(model.surprise(frames)[:, 1:].mean(), error)
    assert not torch.equal(untrained_twin(model, 3).past.position, model.past.position)


def test_it_learns_from_possible_films_alone() -> None:
    check_learns_from_possible_films("film_jepa")
    recipe = get_recipe("film_jepa")
    with pytest.raises(ConfigError, match="model.context is 28"):
        recipe.check(load_config("film_jepa", "tiny", {"model.context": 28}))
    with pytest.raises(ConfigError, match="follows from actions"):
        recipe.check(load_config("film_jepa", "tiny", {"data.films": "carracing"}))
