"""A past with mistakes in it: where they are, how many, and that what is asked for stays true."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from course_lib.models.base import fresh
from course_lib.models.corruption import corrupt_past
from course_lib.models.dynamics import Dynamics, DynamicsConfig
from course_lib.nets.fit import fit
from course_lib.training import get_recipe, load_config
from course_lib.training.recipe import build
from course_lib.training.recipes.genie import as_tokens
from course_lib.worlds.films import load_films

FILMS, LENGTH, SIDE = 400, 4, 8
TRUE = torch.zeros(FILMS, LENGTH, SIDE**2, dtype=torch.long)
OTHERS = torch.ones(5, 9, SIDE**2, dtype=torch.int16)  # a token from another film shows itself as 1


def corrupted(scattered: float, pieces: float, seed: int = 0) -> Tensor:
    return corrupt_past(TRUE, OTHERS, torch.Generator().manual_seed(seed), scattered=scattered, pieces=pieces)


def test_without_mistakes_the_past_is_the_past() -> None:
    assert torch.equal(corrupted(0.0, 0.0), TRUE)


def test_what_is_asked_for_stays_true_and_the_films_stay_as_they_are() -> None:
    shown = corrupted(1.0, 1.0)
    assert shown.dtype == TRUE.dtype and not shown[:, -1].any() and not TRUE.any()
    assert all(shown[:, t].any() for t in range(LENGTH - 1)), "every frame of the past may be wrong"


def test_each_film_has_its_own_share_evenly_below_the_largest() -> None:
    share = corrupted(0.4, 0.0)[:, :-1].float().mean(dim=(1, 2))  # (FILMS,)
    assert share.mean().item() == pytest.approx(0.2, abs=0.02)
    assert share.min() < 0.03 and 0.33 < share.max() < 0.5
    assert (share < 0.1).float().mean().item() == pytest.approx(0.25, abs=0.07)


def test_a_piece_is_a_rectangle_that_stays_from_some_moment_on() -> None:
    shown = corrupted(0.0, 0.5)[:, :-1].unflatten(2, (SIDE, SIDE)).bool()  # (FILMS, 3, 8, 8)
    hit = shown.flatten(1).any(dim=1)
    assert hit.float().mean().item() == pytest.approx(0.5, abs=0.08)
    for film in shown[hit]:
        last = film[-1]
        rows, columns = last.any(dim=1), last.any(dim=0)
        assert torch.equal(last, rows[:, None] & columns[None]), "a rectangle"
        assert rows.sum() <= 5 and columns.sum() <= 5
        begun = [bool(frame.any()) for frame in film]
        assert begun == sorted(begun) and all(torch.equal(frame, last) for frame in film if frame.any())
    first = shown[hit][:, 0].flatten(1).any(dim=1).float().mean().item()
    assert first == pytest.approx(1 / 3, abs=0.1), "and each moment of the past is as likely to be the first"


def test_the_same_generator_makes_the_same_mistakes() -> None:
    assert torch.equal(corrupted(0.5, 0.5, seed=3), corrupted(0.5, 0.5, seed=3))
    assert not torch.equal(corrupted(0.5, 0.5, seed=3), corrupted(0.5, 0.5, seed=4))


def test_frames_that_are_no_squares_and_films_that_are_too_short_are_refused() -> None:
    g = torch.Generator()
    with pytest.raises(ValueError, match="square frames"):
        corrupt_past(TRUE[:, :, :60], OTHERS[:, :, :60], g, scattered=0.1, pieces=0.1)
    with pytest.raises(ValueError, match="at least as long"):
        corrupt_past(TRUE, OTHERS[:, :3], g, scattered=0.1, pieces=0.1)


# ------------------------------------------------------------------------------------------------- what it is good for


def test_the_recipe_shows_mistakes_in_the_past_only_where_it_is_asked_to() -> None:
    recipe, films = get_recipe("genie"), load_films("agent", split="train", count=6)
    for settings, wrong in (({}, False), ({"train.scattered": 0.5, "train.pieces": 0.5}, True)):
        config = load_config("genie", "tiny", settings)
        model = build(recipe, config.model).eval()
        batch = next(as_tokens(model, recipe.load(config, films), config, torch.Generator().manual_seed(0)))
        assert ("shown" in batch) == wrong
        if wrong:
            differs = batch["shown"] != batch["tokens"]
            assert differs[:, :-1].any() and not differs[:, -1].any()


def test_who_has_learned_with_mistakes_repairs_them_and_who_has_not_passes_them_on() -> None:
    """Films in which nothing ever moves. A wrong token in the last frame: is the next one wrong as well?"""
    g = torch.Generator().manual_seed(0)
    films = torch.randint(6, (64, 1, 16), generator=g).expand(-1, 4, -1).contiguous()  # (64, 4, 16)
    config = DynamicsConfig(codes=6, tokens=16, actions=2, frames=4, width=32, layers=2, heads=2, clean=1.0)

    def learned(mistakes: float) -> Dynamics:
        model = fresh(Dynamics, config, 0)

        def loss(index: Tensor) -> dict[str, Tensor]:
            shown = corrupt_past(index, films, g, scattered=mistakes, pieces=0.0)
            return model.loss(index, torch.zeros(len(index), 3, dtype=torch.long), g, shown)

        def draw(generator: torch.Generator) -> Tensor:
            return films[torch.randint(64, (8,), generator=generator)]

        fit(model, loss, draw, steps=130, learning_rate=5e-3, generator=g)
        return model.eval()

    wrong = films.clone()
    wrong[:, 2, :4] = (wrong[:, 2, :4] + 1) % 6  # four tokens of the last frame that is seen
    passed_on = {}
    for mistakes in (0.0, 0.8):
        model = learned(mistakes)
        with torch.no_grad():
            memory = model.remember(wrong[:, :3], torch.zeros(64, 2, dtype=torch.long))
            made = model.make(memory, torch.zeros(64, dtype=torch.long), steps=4)
        passed_on[mistakes] = (made[:, :4] != films[:, 3, :4]).float().mean().item()
    assert passed_on[0.8] < 0.5 * passed_on[0.0], passed_on
