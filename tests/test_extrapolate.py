"""The controls do exactly what they say, and nothing more."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course_lib.models.extrapolate import Extrapolation, continue_pixels, continue_states, dream_in_pieces
from course_lib.worlds import spec
from course_lib.worlds.films import make_film
from tests.contract_tests import check_world_model


def ramp(frames: int = 4) -> np.ndarray:
    """A film whose every pixel grows by 10 a frame."""
    return np.broadcast_to(np.arange(frames, dtype=np.uint8)[:, None, None, None] * 10, (frames, 2, 3, 3)).copy()


def test_linear_pixels_continue_a_linear_film_exactly() -> None:
    film = ramp(9)
    np.testing.assert_array_equal(continue_pixels(film[:4], 5), film[4:])


def test_a_still_film_stays_still_in_every_form() -> None:
    still = np.full((3, 4, 4, 3), 77, np.uint8)
    for rate in (0.0, 1.0):
        assert (continue_pixels(still, 6, rate=rate) == 77).all()


def test_copying_repeats_the_last_frame_and_needs_only_one() -> None:
    film = np.random.default_rng(0).integers(0, 256, (5, 3, 4, 4, 3), dtype=np.uint8)
    copied = continue_pixels(film, 2, rate=0.0)
    assert copied.shape == (5, 2, 4, 4, 3)
    np.testing.assert_array_equal(copied, film[:, -1:].repeat(2, axis=1))
    np.testing.assert_array_equal(continue_pixels(film[:, -1:], 2, rate=0.0), copied)


def test_values_are_clipped_and_never_wrap_around() -> None:
    forecast = continue_pixels(ramp(), 60)
    assert forecast.max() == 255 and (np.diff(forecast.astype(int), axis=0) >= 0).all()


def test_constant_velocity_is_right_about_a_body_that_nothing_touches() -> None:
    states = np.zeros((5, spec.SLOTS, len(spec.FIELDS)), np.float32)
    time = np.arange(5) * spec.FRAME_SECONDS
    for field, speed in (("x", 3.0), ("y", -2.0), ("angle", 0.5)):
        states[:, 1, spec.FIELD[field]] = 10 + speed * time
    for field, speed in (("vx", 3.0), ("vy", -2.0), ("spin", 0.5)):
        states[:, 1, spec.FIELD[field]] = speed
    np.testing.assert_allclose(continue_states(states[:2], 3), states[2:], atol=1e-4)


def test_constant_velocity_knows_no_gravity() -> None:
    # A body in free fall leaves its straight line by g/2 dt^2 k(k+1) in k steps after two observed frames.
    step, gravity = spec.FRAME_SECONDS, spec.GRAVITY
    states = np.zeros((8, spec.SLOTS, len(spec.FIELDS)))
    states[:, 1, spec.FIELD["y"]] = 30 - 0.5 * gravity * (np.arange(8) * step) ** 2
    ahead = np.arange(1, 7)
    gap = (continue_states(states[:2], 6) - states[2:])[:, 1, spec.FIELD["y"]]
    np.testing.assert_allclose(gap, 0.5 * gravity * step**2 * ahead * (ahead + 1))


def test_constant_velocity_knows_no_floor() -> None:
    films = [make_film("ball", seed) for seed in range(8)]
    y = spec.FIELD["y"]
    assert min(film.states[:, 1, y].min() for film in films) > spec.FLOOR
    assert min(continue_states(film.states[:4], 20)[:, 1, y].min() for film in films) < 0  # out of the box


def test_state_forecast_leaves_everything_but_motion_alone() -> None:
    film = make_film("simple", 3)
    forecast = continue_states(film.states[:4], 7)
    assert forecast.dtype == film.states.dtype and forecast.shape == (7, *film.states.shape[1:])
    moving = [spec.FIELD[name] for name in ("x", "y", "angle", "vx", "vy", "spin")]
    kept = np.delete(np.arange(len(spec.FIELDS)), moving)
    np.testing.assert_array_equal(forecast[..., kept], film.states[3:4, :, kept].repeat(7, axis=0))


def test_a_dream_in_pieces_is_put_right_at_every_look() -> None:
    states = make_film("simple", 5).states
    for horizon in (1, 3, 40):
        dream = dream_in_pieces(states, horizon)
        seen = [t for t in range(len(states)) if t % (horizon + 2) < 2]
        np.testing.assert_array_equal(dream[seen], states[seen])
        assert dream.shape == states.shape
    np.testing.assert_array_equal(dream_in_pieces(states, 40)[2:], continue_states(states[:2], len(states) - 2))
    place = [spec.FIELD["x"], spec.FIELD["y"]]
    wrong = [np.abs(dream_in_pieces(states, horizon) - states)[..., place].mean() for horizon in (1, 3, 8, 40)]
    assert wrong == sorted(wrong), "the longer it dreams alone, the further off it is"


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="2 frames are needed"):
        continue_pixels(ramp(1), 3)
    with pytest.raises(ValueError, match="at least one step"):
        continue_pixels(ramp(), 0)
    with pytest.raises(TypeError, match="uint8"):
        continue_pixels(ramp().astype(float), 3)
    with pytest.raises(ValueError, match="2 frames are needed"):
        continue_states(np.zeros((1, 6, len(spec.FIELDS))), 2)
    with pytest.raises(ValueError, match="axis of time"):
        continue_states(np.zeros((6, len(spec.FIELDS))), 2)
    with pytest.raises(ValueError, match="rate is between 0"):
        Extrapolation(rate=1.5)


@pytest.mark.parametrize("rate", [0.0, 1.0])
@pytest.mark.parametrize("actions", [0, 4])
def test_the_extrapolation_fulfils_the_contract(rate: float, actions: int) -> None:
    generator = torch.Generator().manual_seed(0)
    frames = torch.rand(3, 6, 3, 8, 8, generator=generator)
    given = torch.randint(0, actions, (3, 5), generator=generator) if actions else None
    check_world_model(Extrapolation((8, 8), rate=rate, actions=actions), frames, given)


def test_the_model_and_the_plain_function_agree() -> None:
    film = np.random.default_rng(1).integers(90, 160, (3, 8, 8, 3), dtype=np.uint8)
    frames = torch.from_numpy(film).permute(0, 3, 1, 2)[None].float() / 255
    model = Extrapolation((8, 8), rate=1.0)
    state = model.encode(frames)
    for step, expected in enumerate(continue_pixels(film, 3)):
        state = model.predict(state)
        drawn = (model.decode(state)[0].permute(1, 2, 0) * 255).round().numpy()
        np.testing.assert_allclose(drawn, expected, atol=1, err_msg=f"step {step}")


def test_surprise_is_zero_where_the_forecast_is_right_and_grows_with_the_change() -> None:
    film = torch.from_numpy(ramp(6)).permute(0, 3, 1, 2)[None].float() / 255
    linear, copy = (Extrapolation((2, 3), rate=rate) for rate in (1.0, 0.0))
    assert linear.surprise(film)[0, 2:].max() < 1e-8  # from the third frame on it knows the rate
    torch.testing.assert_close(copy.surprise(film)[0, 1:], torch.full((5,), (10 / 255) ** 2))
    assert (copy.surprise(film * 2)[0, 1:] > copy.surprise(film)[0, 1:]).all()
    assert torch.isnan(copy.surprise(film)[0, 0])
