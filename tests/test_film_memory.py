"""A memory of films: it knows its own films by heart, and is a world model in form."""

from __future__ import annotations

import pytest
import torch

from course_lib.exam.measures.rollout import as_input
from course_lib.models.film_memory import FilmMemory
from course_lib.worlds.films import load_films
from tests.contract_tests import check_world_model


@pytest.fixture(scope="module")
def films() -> tuple[torch.Tensor, torch.Tensor]:
    frames, actions = as_input(load_films("goal", split="train", count=6))
    return frames[:, :14], actions[:, :13]


def test_it_is_a_world_model(films: tuple[torch.Tensor, torch.Tensor]) -> None:
    frames, actions = films
    other, keys = as_input(load_films("goal", split="validation", count=5))
    check_world_model(FilmMemory(frames, actions), other[:2, :6], keys[:2, :5])


def test_it_goes_on_with_its_own_films_without_an_error(films: tuple[torch.Tensor, torch.Tensor]) -> None:
    frames, actions = films
    model = FilmMemory(frames, actions)
    state = model.encode(frames[:, :4], actions[:, :3])
    for t in range(4, frames.shape[1]):
        state = model.predict(state, actions[:, t - 1])
        torch.testing.assert_close(model.decode(state), frames[:, t], atol=1e-5, rtol=0)


def test_a_moment_is_looked_up_under_the_key_that_is_pressed(films: tuple[torch.Tensor, torch.Tensor]) -> None:
    """Two films that begin alike and end differently, one key each: the key decides which ending comes."""
    frames = films[0][:2, :3].clone()
    frames[1, :2] = frames[0, :2]
    keys = torch.tensor([[0, 1], [0, 2]])
    model = FilmMemory(frames, keys)
    state = model.encode(frames[:, :2], keys[:, :1])
    for key, ending in ((1, frames[0, 2]), (2, frames[1, 2])):
        drawn = model.decode(model.predict(state, torch.tensor([key, key])))
        torch.testing.assert_close(drawn, ending.expand_as(drawn), atol=1e-5, rtol=0)


def test_films_of_two_frames_hold_no_transition(films: tuple[torch.Tensor, torch.Tensor]) -> None:
    with pytest.raises(ValueError, match="three frames, these films have 2"):
        FilmMemory(films[0][:, :2], films[1][:, :1])
