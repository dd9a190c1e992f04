"""Truths about the score of expectation: who knows nothing has one half, who knows has one, and wrong scores leak."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from course_lib.exam.measures.expectation import (
    accuracy,
    accuracy_by_property,
    maximum_scores,
    more_surprising,
    pixel_difference,
    same_beginning_scores,
    same_frames,
    scores,
    sum_scores,
)
from course_lib.models.extrapolate import Extrapolation
from course_lib.models.noisy_engine import LONGEST, NoisyEngine
from course_lib.worlds.frames import to_model
from course_lib.worlds.properties import PROPERTIES
from course_lib.worlds.quadruplets import Quadruplets, make_quadruplets
from tests.contract_tests import check_world_model

COUNT = 5


@cache
def some(name: str) -> Quadruplets:
    return make_quadruplets(name, split="validation", count=COUNT)


@cache
def pixels(name: str) -> np.ndarray:
    return pixel_difference(some(name).films())


def engine_surprise(name: str, noise: float, samples: int = 4) -> np.ndarray:
    made = some(name)
    engine = NoisyEngine([stage for pair in made.stages for stage in pair], noise=noise, samples=samples)
    return np.stack([engine.surprise(to_model(four)).numpy() for four in made.films()])


# --- the score ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", PROPERTIES)
def test_who_sees_single_frames_or_neighbours_has_one_half_exactly(name):
    made = some(name)
    np.testing.assert_array_equal(scores(pixels(name), made.cuts), 0.5)
    weights = np.random.default_rng(0).normal(size=made.films().shape[3:])  # any function of a frame
    single = np.tensordot(made.films().astype(float), weights, axes=3)  # (N, 4, T)
    np.testing.assert_array_equal(scores(single, made.cuts), 0.5)
    np.testing.assert_array_equal(scores(single * np.arange(single.shape[2]), made.cuts), 0.5)  # of a frame and a time


def test_a_model_in_float32_ties_where_the_pixels_do():
    made = some("shape")
    frames = to_model(made.films().reshape(-1, *made.films().shape[2:]))
    found = Extrapolation().surprise(frames).numpy().reshape(COUNT, 4, -1)
    np.testing.assert_allclose(found[..., 1:], pixels("shape")[..., 1:] / 255**2 / 1.0, rtol=1e-3, atol=1e-7)
    np.testing.assert_array_equal(scores(found, made.cuts), 0.5)


def test_the_frames_that_are_compared_are_the_same():
    """A mark on each frame: from the cut on, A's frames are looked for where an impossible film shows them."""
    length = 9
    a, b = np.arange(length) + 0.0, np.arange(length) + 100.0
    for cuts in ((4,), (3, 6)):
        turns = np.searchsorted(cuts, np.arange(length), side="right") % 2 == 1
        films = np.stack([a, b, np.where(turns, b, a), np.where(turns, a, b)])[None]
        possible, impossible = same_frames(films, np.array([cuts]))
        np.testing.assert_array_equal(possible, impossible)
        np.testing.assert_array_equal(possible[0], [a[cuts[0] :].mean(), b[cuts[0] :].mean()])


def test_whoever_notices_the_change_is_right_and_whoever_expects_it_is_wrong():
    surprise, cuts = np.ones((6, 4, 10)), np.tile([[4, 7]], (6, 1))
    surprise[:, 2:, 4] = 2.0
    np.testing.assert_array_equal(scores(surprise, cuts), 1.0)
    surprise[:, 2:, 4] = 0.5
    np.testing.assert_array_equal(scores(surprise, cuts), 0.0)
    surprise[:, 2, 4] = 2.0
    np.testing.assert_array_equal(scores(surprise, cuts), 0.5)  # one of the two pairs
    before = np.ones((6, 4, 10))
    before[:, 2:, :4] = 9.0  # what happens before the cut does not count
    np.testing.assert_array_equal(scores(before, cuts), 0.5)


def test_equal_up_to_rounding_is_half_right():
    impossible, possible = np.array([1.0 + 5e-6, 1.0 + 5e-5, 1.0 - 5e-5, 0.0]), np.array([1.0, 1.0, 1.0, 0.0])
    np.testing.assert_array_equal(more_surprising(impossible, possible), [0.5, 1.0, 0.0, 0.5])
    below = more_surprising(np.array([-1.0 + 5e-6, -0.9]), np.array([-1.0, -1.0]))  # a surprise may be negative
    np.testing.assert_array_equal(below, [0.5, 1.0])


def test_intervals_are_over_quadruplets_and_never_without_width_at_the_ends():
    mixed = np.array([1.0] * 15 + [0.5] * 4 + [0.0])
    found = accuracy(mixed)
    assert found["value"] == pytest.approx(0.85) and found["low"] < 0.85 < found["high"] and found["n"] == 20
    assert accuracy(mixed) == found  # reproducible
    perfect = accuracy(np.ones(200))
    assert perfect["value"] == perfect["high"] == 1.0 and 0.97 < perfect["low"] < 1.0
    assert accuracy(np.zeros(200))["high"] > 0.0
    half = accuracy(np.full(20, 0.5))
    assert half["low"] == half["high"] == 0.5


def test_a_table_has_a_row_for_each_property():
    names = ("permanence", "energy")
    rows = accuracy_by_property({n: pixels(n) for n in names}, {n: some(n).cuts for n in names})
    assert [row["property"] for row in rows] == list(names) and all(row["value"] == 0.5 for row in rows)
    with pytest.raises(ValueError, match="energy"):
        accuracy_by_property({"energy": pixels("energy")}, {})


def test_what_is_no_surprise_of_quadruplets_is_refused():
    with pytest.raises(ValueError, match="A B AB BA"):
        scores(np.ones((5, 2, 9)), np.full((5, 1), 3))
    with pytest.raises(ValueError, match="rising order"):
        scores(np.ones((5, 4, 9)), np.full((5, 2), 3))
    with pytest.raises(ValueError, match="rising order"):
        scores(np.ones((5, 4, 9)), np.full((5, 1), 9))
    broken = np.ones((5, 4, 9))
    broken[0, 0, 4] = np.nan
    with pytest.raises(ValueError, match="finite"):
        scores(broken, np.full((5, 1), 3))
    with pytest.raises(TypeError, match="uint8"):
        pixel_difference(np.ones((2, 3, 4, 4, 3)))


# --- scores that go wrong -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["permanence", "continuity_gap", "energy"])
def test_the_maximum_over_time_leaks(name):
    """The pixel difference, which knows nothing, is nearly always right."""
    assert maximum_scores(pixels(name)).mean() >= 0.9


def test_pairs_with_the_same_beginning_are_pinned_near_one_half():
    """A model that is right by the same frames, and finds bodies harder to predict than emptiness, is at one half."""
    surprise, cuts = np.zeros((8, 4, 10)), np.full((8, 1), 5)
    surprise[:, [0, 3], 5:] = 3.0  # A and BA end with a body, AB and B with an empty box
    surprise[:, 2:, 5] += 1.0  # and the impossible ones are noticed
    np.testing.assert_array_equal(scores(surprise, cuts), 1.0)
    np.testing.assert_array_equal(same_beginning_scores(surprise, cuts), 0.5)
    found = same_beginning_scores(pixels("permanence"), some("permanence").cuts)
    np.testing.assert_array_equal(found, 0.5)


@pytest.mark.parametrize("name", PROPERTIES)
def test_the_sum_over_all_frames_does_not_leak(name):
    np.testing.assert_array_equal(sum_scores(pixels(name)), 0.5)


# --- the noisy engine ---------------------------------------------------------------------------------------------
def test_the_noisy_engine_keeps_the_contract():
    made = some("solidity")
    engine = NoisyEngine([stage for pair in made.stages for stage in pair], samples=2)
    check_world_model(engine, to_model(made.frames[:2, 0, :8]), None)


@pytest.mark.parametrize("name", PROPERTIES)
def test_with_little_noise_the_engine_knows_every_property(name):
    assert scores(engine_surprise(name, noise=1.0), some(name).cuts).mean() >= 0.9


@pytest.mark.parametrize("name", ["inertia", "gravity"])
def test_without_noise_the_engine_foresees_every_possible_film(name):
    surprise = engine_surprise(name, noise=0.0, samples=1)
    assert surprise[:, :2, 1:].max() < 1e-6 and surprise[:, 2:, 1:].max() > 1.0


def test_with_much_noise_it_knows_less():
    little, much = (engine_surprise("colour", noise)[:, :2, 1:].mean() for noise in (1.0, 20.0))
    assert much > 2.0 * little


def test_the_engine_draws_by_its_seed_alone():
    made = some("energy")
    stages, film = [stage for pair in made.stages for stage in pair], to_model(made.frames[0])
    one, again, other = (NoisyEngine(stages, samples=3, seed=seed).surprise(film)[:, 1:] for seed in (0, 0, 1))
    assert torch.equal(one, again) and not torch.equal(one, other)


def test_the_engine_says_what_it_cannot():
    made = some("energy")
    engine = NoisyEngine(made.stages[0], samples=1)
    with pytest.raises(ValueError, match="handed the state"):
        engine.encode(to_model(some("shape").frames[0]))
    state = engine.encode(to_model(made.frames[0]))
    state.time += LONGEST
    with pytest.raises(ValueError, match="at most"):
        engine.predict(state)
    with pytest.raises(ValueError, match="noise"):
        NoisyEngine(made.stages[0], noise=-1.0)
    with pytest.raises(ValueError, match="there are none"):
        NoisyEngine([])
