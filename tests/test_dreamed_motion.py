"""Newton in a dream: parabolas and straight lines whose numbers are known, and the reader's floor on true films."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course_lib.contract import NotCapable
from course_lib.exam.measures.dreamed_motion import (
    FALLING,
    STOPPED,
    as_it_was,
    body_places,
    first_run,
    flight,
    in_dreams,
    read_motion,
    way_out,
)
from course_lib.models.base import fresh
from course_lib.models.extrapolate import Extrapolation
from course_lib.models.film_jepa import FilmJEPA, FilmJEPAConfig
from course_lib.models.reader import Reader
from course_lib.training import load_checkpoint
from course_lib.worlds import spec
from course_lib.worlds.quadruplets import Quadruplets, make_quadruplets

SECONDS = spec.FRAME_SECONDS * np.arange(12)


@pytest.fixture(scope="module")
def reader() -> Reader:
    return load_checkpoint("reader").eval()


@pytest.fixture(scope="module")
def made() -> tuple[Quadruplets, Quadruplets]:
    return tuple(make_quadruplets(name, split="validation", count=6) for name in (FALLING, STOPPED))


def test_a_parabola_has_its_acceleration_and_its_top() -> None:
    heights = 10.0 + 20.0 * SECONDS - 15.0 * SECONDS**2
    acceleration, top = flight(heights)
    assert acceleration == pytest.approx(30.0) and top == pytest.approx(10.0 + 400.0 / 60.0)
    gaps = np.r_[np.nan, 7.0, np.nan, heights, np.nan, 3.0]
    np.testing.assert_allclose(flight(gaps), (acceleration, top), err_msg="the first run that is long enough")
    assert np.isnan(flight(heights[:4])).all(), "four readings are too few"
    hanging = flight(np.full(8, 5.0))
    assert hanging[0] == pytest.approx(0.0, abs=1e-9)


def test_the_way_out_ends_where_a_body_turns() -> None:
    out = 3.0 - 11.0 * SECONDS[:5]
    assert way_out(np.r_[np.nan, out, out[::-1]]) == pytest.approx(-11.0)
    assert np.isnan(way_out(np.r_[out[:2], np.nan, out[:2]])), "two readings say little"
    assert first_run(np.array([True, False, True, True]), 2) == slice(2, 4)
    assert first_run(np.zeros(4, bool), 1) is None


def test_the_floor_of_the_reader_is_low_on_the_true_films(reader: Reader, made: tuple) -> None:
    found = read_motion(reader, *made, as_it_was)
    assert np.isfinite(found.gravity).mean() > 0.5 and np.isfinite(found.momentum).all()
    assert abs(np.nanmedian(found.gravity) - 1.0) < 0.05
    assert np.nanmax(np.abs(found.height - 1.0)) < 0.05 and np.median(found.momentum) < 0.1


def test_places_are_the_true_ones_where_a_ball_is_seen(reader: Reader, made: tuple) -> None:
    films, states = made[0].frames[:, 0], made[0].states[:, 0, :, 1]
    found = body_places(reader, films)
    seen = found[..., 2] > 0.95
    assert seen.mean() > 0.3
    true = states[..., [spec.FIELD["x"], spec.FIELD["y"]]]
    assert np.abs(found[..., :2] - true)[seen].mean() < 0.2


def test_wrong_dreams_have_wrong_numbers(reader: Reader, made: tuple) -> None:
    def backwards(frames: torch.Tensor, first: np.ndarray) -> torch.Tensor:
        """In B what happens in A, and the other way round: a ball that came from the left goes out on the right."""
        return frames.roll(len(frames) // 2, dims=0)

    through = read_motion(reader, *made, backwards).momentum
    assert np.nanmedian(through) == pytest.approx(2.0, abs=0.1), "through the wall: the momentum is what it was"
    copied = read_motion(reader, *made, in_dreams(Extrapolation(rate=0.0)))
    assert np.isnan(copied.momentum).all(), "who copies sees no ball again"
    assert not (copied.gravity > 0.01).any(), "and nothing falls"
    blind = fresh(FilmJEPA, FilmJEPAConfig(channels=(4, 4, 4), hidden=16, latent=6, width=8, layers=1, heads=2), 1)
    with pytest.raises(NotCapable, match="no way back|no loss"):
        read_motion(reader, *made, in_dreams(blind))
