"""What the views of the played film model promise, on a small one with random weights: it holds without training."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course_lib.models.dit_world import DiTWorld
from course_lib.show import probe
from course_lib.studies.imitation import WHO, Imitated
from course_lib.views import dit_world as views
from course_lib.worlds.films import load_films
from course_lib.worlds.frames import to_model, to_uint8
from tests.dit_world import world as make_world


@pytest.fixture(scope="module")
def world() -> DiTWorld:
    return make_world()


@pytest.fixture(scope="module")
def films():  # noqa: ANN201
    return load_films("goal", split="validation", count=3)


def test_a_key_held_is_a_plan_of_that_key_and_a_later_key_changes_no_earlier_frame(world, films) -> None:  # noqa: ANN001
    held = views.keys_held(world, films, 1, 4, steps=3)
    assert held.shape == (4, 4, 32, 32, 3) and (held[:, 0] == held[:1, 0]).all()
    np.testing.assert_array_equal(views.dream_under(world, films, 1, 4, [[2, 2, 2]])[0], held[2])
    one, other = views.dream_under(world, films, 1, 4, [[1, 3, 0], [1, 3, 2]])
    np.testing.assert_array_equal(one[:3], other[:3])
    assert (held[1, 1] != held[2, 1]).any() and (one[3] != other[3]).any()


def test_the_real_room_under_the_films_own_keys_is_the_film(films) -> None:  # noqa: ANN001
    own = views.real_under(films, 2, 5, films.actions[2, 5:12])
    np.testing.assert_array_equal(own, films.frames[2, 5:13])
    other = views.real_under(films, 2, 5, [(int(key) + 1) % 4 for key in films.actions[2, 5:12]])
    np.testing.assert_array_equal(own[0], other[0])
    assert (own[1:] != other[1:]).any()


def test_the_player_enters_where_the_film_is_and_dreams_as_the_world_does(world, films) -> None:  # noqa: ANN001
    player = views.enter(world, films, 0, 3, seed=5)
    keys = torch.from_numpy(films.actions[:1, :3].astype(np.int64))
    state, generator = world.encode(to_model(films.frames[:1, :4]), keys), torch.Generator().manual_seed(5)
    for key in (2, 0, 3):
        shown = player.step(key)
        state = world.predict(state, torch.tensor([key]), generator=generator)
        np.testing.assert_array_equal(shown, to_uint8(world.decode(state))[0])


def test_a_frame_comes_out_of_noise_and_ends_where_the_world_ends(world, films) -> None:  # noqa: ANN001
    made = views.frame_from_noise(world, films, 0, 4, 1, steps=3, seed=7)
    assert made.shape == (4, 32, 32, 3)
    state = world.encode(to_model(films.frames[:1, :5]), torch.from_numpy(films.actions[:1, :4].astype(np.int64)))
    after = world.predict(state, torch.tensor([1]), generator=torch.Generator().manual_seed(7), steps=3)
    np.testing.assert_array_equal(made[-1], to_uint8(world.decode(after))[0])
    other = views.frame_from_noise(world, films, 0, 4, 2, steps=3, seed=7)
    np.testing.assert_array_equal(made[0], other[0])
    assert (made[-1] != other[-1]).any()


def test_what_does_not_exist_is_named_and_the_callback_bears_its_extremes(world, films) -> None:  # noqa: ANN001
    with pytest.raises(IndexError, match="no frame 32 of film 0"):
        views.keys_held(world, films, 0, 32)
    with pytest.raises(IndexError, match="no key 4; the keys are 0 to 3"):
        views.room_and_dream(world, films, 0, 3, [0, 4])
    ends = {"row": [0, 2], "frame": [0, 31], "key": [0, 3], "sampling_steps": [1, 6]}
    assert len(probe(lambda **given: views.try_key(world, films, **given), ends)) == 16
    assert "2 films, 4 frames" in views.room_and_dream(world, films, 0, 3, [2, 2, 3]).text


def test_the_figure_of_imitation_has_a_bar_as_long_as_the_mean_of_each() -> None:
    touches = {who: np.arange(60) % 3 * float(n) for n, who in enumerate(WHO)}  # means 0, 1, 2, 3, 4
    figure = views.imitated_figure(Imitated(touches, touches, touches, frames=96))
    bars = [bar.get_width() for bar in figure.axes[0].patches]
    np.testing.assert_allclose(bars, [0, 1, 2, 3, 4])
    assert "expert 0.0, random 1.0" in figure.text and "96 frames" in figure.text
