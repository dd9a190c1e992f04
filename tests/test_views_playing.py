"""What the views of play promise, on an untrained Genie: their truths do not depend on training."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from course_lib.exam.questions.playing import with_decoding
from course_lib.models.genie import Genie
from course_lib.show import probe
from course_lib.training import get_recipe, load_config
from course_lib.training.recipe import build
from course_lib.views.genie import (
    DARK,
    GAP,
    HIDDEN,
    dark_place,
    each_code_held,
    follow,
    making,
    table_by_eye,
    try_step,
    what_codes_do,
)
from course_lib.worlds import spec
from course_lib.worlds.films import load_films


@pytest.fixture(scope="module")
def model() -> Genie:
    recipe = get_recipe("genie")
    return build(recipe, load_config(recipe, "tiny").model).eval()


@pytest.fixture(scope="module")
def films():
    return load_films("goal", split="validation", count=3)


def test_a_frame_is_made_patch_by_patch_and_ends_whole(model, films):
    pictures = making(model, films.frames[0], 4, 2, decoding_steps=5)
    assert pictures.shape == (5, 32, 32, 3)
    patches = (pictures == HIDDEN).all(axis=-1).reshape(5, 8, 4, 8, 4).all(axis=(2, 4)).sum(axis=(1, 2))
    assert patches.tolist() == [60, 51, 37, 19, 0], "cos(pi / 2 * s / 5) of 64, rounded down"
    np.testing.assert_array_equal(pictures[-1], each_code_held_once(model, films.frames[0], 4, 2, 5))


def each_code_held_once(model: Genie, film: np.ndarray, frame: int, code: int, looks: int) -> np.ndarray:
    return each_code_held(with_decoding(model, looks), film, frame, steps=1)[code, 1]


def test_a_plan_of_one_code_is_that_code_held_and_a_later_action_changes_no_earlier_frame(model, films):
    film = films.frames[0]
    held = each_code_held(model, film, 4, steps=3)
    np.testing.assert_array_equal(follow(model, film, 4, [2, 2, 2]), held[2])
    one, other = follow(model, film, 4, [1, 5, 0]), follow(model, film, 4, [1, 5, 7])
    np.testing.assert_array_equal(one[:3], other[:3])
    with pytest.raises(IndexError, match="latent action 8 does not exist"):
        follow(model, film, 4, [0, 8])


def test_trying_a_step_can_be_probed_at_its_extremes(model, films):
    film = films.frames[0]
    ends = {"frame": [0, 31], "code": [0, 7], "decoding_steps": [1, 12], "temperature": [0.1, 2.0]}
    assert len(probe(partial(try_step, model, film), ends)) == 16
    picture = try_step(model, film, 3, 1)
    assert picture.shape == (32, 6 * 32 + 5 * GAP, 3)
    np.testing.assert_array_equal(picture[:, :32], film[3])
    np.testing.assert_array_equal(picture[:, -32:], film[4])
    np.testing.assert_array_equal(picture, try_step(model, film, 3, 1))
    for frame, code, told in ((32, 0, "frame 32"), (0, 8, "latent action 8")):
        with pytest.raises(IndexError, match=told):
            try_step(model, film, frame, code)
        with pytest.raises(IndexError, match=told):
            making(model, film, frame, code)


def test_the_dark_place_is_where_the_agent_is(films):
    found = dark_place(films.frames)
    true = np.stack([films.of("x")[:, :, 0], films.of("y")[:, :, 0]], axis=-1) * 32 / spec.BOX
    assert np.abs(found - true).max() < 1.5 and np.abs(found - true).mean() < 0.4
    assert np.isnan(dark_place(np.full((32, 32, 3), int(255 * DARK) + 5, np.uint8))).all()


def test_the_table_by_eye_takes_each_code_once():
    moves = np.array([[0, 0.1], [-4, 0], [3.9, 0], [0.1, 5], [4, 6], [0.5, -1], [0.2, 0.3], [-1, 2]])
    assert table_by_eye(moves) == {0: 0, 1: 1, 2: 4, 3: 3}
    for seed in range(20):
        table = table_by_eye(np.random.default_rng(seed).normal(size=(8, 2)))
        assert sorted(table) == [0, 1, 2, 3] and len(set(table.values())) == 4


def test_what_codes_do_is_measured_in_the_dream(model, films):
    moves = what_codes_do(model, films.frames, 3, steps=2)
    held = each_code_held(model, films.frames[0], 3, steps=2)
    assert moves.shape == (8, 2) and held.shape == (8, 3, 32, 32, 3)
    assert (held[:, 0] == held[:1, 0]).all(), "all begin with the same frame"
