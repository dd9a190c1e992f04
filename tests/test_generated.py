"""Generated films as a set: the Frechet distance on Gaussians whose distance is known, and the reader's features."""

from __future__ import annotations

import numpy as np
import pytest

from course_lib.exam.measures import generated
from course_lib.exam.measures.generated import (
    film_features,
    frechet_and_interval,
    frechet_distance,
    gaussian_frechet,
    generated_films,
    score,
    summary,
)
from course_lib.exam.measures.prompts import Following, draw_prompts, follow_prompts
from course_lib.models.reader import Reader
from course_lib.models.text_to_video import TextToVideo
from course_lib.training import load_checkpoint
from course_lib.worlds.films import Films, make_films
from tests.text_to_video import small_maker


@pytest.fixture(scope="module")
def reader() -> Reader:
    return load_checkpoint("reader")


@pytest.fixture(scope="module")
def maker() -> TextToVideo:
    return small_maker()


@pytest.fixture(scope="module")
def real() -> Films:
    return make_films("bodies", split="validation", count=120, length=5)


def gaussian(rng: np.random.Generator, mean: np.ndarray, covariance: np.ndarray, count: int = 40_000) -> np.ndarray:
    return rng.multivariate_normal(mean, covariance, size=count)


# ----------------------------------------------------------------------------------------------------- closed forms


@pytest.mark.parametrize(("m", "s", "t"), [(0.0, 1.0, 1.0), (2.0, 1.0, 1.0), (0.0, 1.0, 3.0), (1.5, 0.5, 2.0)])
def test_on_a_line_it_is_the_distance_of_means_and_of_deviations(m: float, s: float, t: float) -> None:
    known = m**2 + (s - t) ** 2
    assert gaussian_frechet(np.array([m]), np.array([[s**2]]), np.array([[t**2]])) == pytest.approx(known, abs=1e-12)


def test_independent_axes_add_up_and_a_common_turn_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    s, t, m = rng.uniform(0.2, 2.0, 5), rng.uniform(0.2, 2.0, 5), rng.normal(size=5)
    known = np.square(m).sum() + np.square(s - t).sum()
    turn = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    for r in (np.eye(5), turn):
        found = gaussian_frechet(r @ m, r @ np.diag(s**2) @ r.T, r @ np.diag(t**2) @ r.T)
        assert found == pytest.approx(known, rel=1e-9)


def test_axes_that_do_not_agree_have_the_known_distance_of_two_ellipses() -> None:
    """A Gaussian of deviations 2 and 1, against itself turned by a quarter: S T = 4 I, so tr = 5 + 5 - 2 * 4."""
    s, t = np.diag([4.0, 1.0]), np.diag([1.0, 4.0])
    assert gaussian_frechet(np.zeros(2), s, t) == pytest.approx(2.0)
    wide = np.array([[2.5, 1.5], [1.5, 2.5]])  # the first, turned by an eighth: the product does not commute
    values = np.linalg.eigvals(s @ wide)
    assert gaussian_frechet(np.zeros(2), s, wide) == pytest.approx(10.0 - 2.0 * np.sqrt(values).sum())
    assert gaussian_frechet(np.zeros(2), wide, s) == pytest.approx(gaussian_frechet(np.zeros(2), s, wide))


def test_samples_have_the_distance_of_their_gaussians() -> None:
    rng = np.random.default_rng(0)
    s, t = np.array([[2.0, 0.6], [0.6, 1.0]]), np.array([[1.0, -0.3], [-0.3, 0.5]])
    known = gaussian_frechet(np.array([1.0, -0.5]), s, t)
    found = frechet_distance(gaussian(rng, np.array([1.0, 0.0]), s), gaussian(rng, np.array([0.0, 0.5]), t))
    assert found == pytest.approx(known, rel=0.03)


def test_a_set_is_at_distance_0_from_itself_and_twice_as_large_features_are_four_times_as_far() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(50, 80)), rng.normal(0.3, 1.4, size=(60, 80))  # fewer rows than columns
    assert frechet_distance(a, a) == pytest.approx(0.0, abs=1e-6 * frechet_distance(a, b))
    assert frechet_distance(2.0 * a, 2.0 * b) == pytest.approx(4.0 * frechet_distance(a, b))


def test_the_floor_falls_with_the_number_of_films() -> None:
    """Two samples of one Gaussian are apart, the more so the fewer they are: why a floor stands in the row."""
    rng = np.random.default_rng(2)
    floors = [frechet_distance(*rng.normal(size=(2, count, 20))) for count in (50, 200, 800, 3200)]
    assert floors == sorted(floors, reverse=True) and floors[0] > 10.0 * floors[-1] > 0.0


def test_the_interval_covers_about_what_other_samples_give() -> None:
    rng, inside = np.random.default_rng(3), 0
    real = rng.normal(size=(400, 4))
    expected = np.mean([frechet_distance(rng.normal(0.3, 1.0, size=(200, 4)), real) for _ in range(300)])
    for turn in range(100):
        row = frechet_and_interval(rng.normal(0.3, 1.0, size=(200, 4)), real, seed=turn)
        assert 0.0 <= row["low"] <= row["value"] <= row["high"] and row["n"] == 200
        inside += row["low"] <= expected <= row["high"]
    assert 88 <= inside <= 100


@pytest.mark.parametrize("bad", [np.zeros((5, 3)), np.zeros((1, 4)), np.zeros(4), np.full((5, 4), np.nan)])
def test_what_are_no_two_samples_is_refused(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="samples|not finite"):
        frechet_distance(np.ones((6, 4)), bad)
    with pytest.raises(ValueError, match="at least as many films"):
        frechet_and_interval(np.ones((6, 4)), np.ones((6, 4)), seed=0)


# ------------------------------------------------------------------------------------------------------ real films


def test_real_films_are_near_to_real_films_and_blurred_or_recoloured_ones_are_not(reader: Reader, real: Films) -> None:
    features = film_features(reader, real.frames)
    assert features.shape == (120, reader.config.widths[1])
    np.testing.assert_allclose(film_features(reader, real.frames[:3]), features[:3], atol=1e-5)
    floor = frechet_distance(features[:60], features[60:])
    wide = real.frames[60:].astype(float)
    soft = sum(np.roll(wide, (dy, dx), axis=(2, 3)) for dy in (-1, 0, 1) for dx in (-1, 0, 1)) / 9
    for other in (soft.astype(np.uint8), real.frames[60:, ..., ::-1], np.full_like(real.frames[60:], 240)):
        assert frechet_distance(features[:60], film_features(reader, other)) > 2.0 * floor


# ---------------------------------------------------------------------------------------------------- made films


def test_the_same_seed_is_the_same_noise_for_every_guidance(maker: TextToVideo) -> None:
    prompts = draw_prompts(3, np.random.default_rng(0))
    films = [generated_films(maker, prompts, seed=s, w=w, steps=2) for s, w in ((0, 0.0), (0, 0.0), (1, 0.0), (0, 3.0))]
    assert films[0].dtype == np.uint8 and films[0].shape == (3, 5, 32, 32, 3)
    assert np.array_equal(films[0], films[1]) and not np.array_equal(films[0], films[2])
    assert not np.array_equal(films[0], films[3]), "guidance changes the films"


def test_films_are_made_in_batches_and_read_one_by_one(
    maker: TextToVideo, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generated, "TOGETHER", 2)
    prompts = draw_prompts(5, np.random.default_rng(0))
    found = score(maker, reader, prompts, seed=0, steps=2)
    own = follow_prompts(reader, generated_films(maker, prompts, seed=0, steps=2), prompts)
    assert np.array_equal(found.number, own.number) and np.array_equal(found.motions, own.motions)
    assert found.number.shape == (5,) and found.motions.shape == (5, 5, 2)
    assert set(summary(found)) == {"number", "colour", "shape", "motion", "everything", "colour_ordered",
                                   "shape_ordered", "motion_ordered"}  # fmt: skip


def test_a_summary_is_a_mean_over_films_that_ask_for_something() -> None:
    nan, motions = float("nan"), np.zeros((3, 5, 2))
    motions[0, 2], motions[1, 0] = (4, 4), (1, 0)
    shares = {name: np.array([1.0, 0.5, nan]) for name in ("colour", "shape", "motion")}
    found = summary(Following(np.array([1.0, 0.0, 1.0]), shares, shares, np.array([1.0, 0.0, 1.0]), motions))
    assert found["number"] == pytest.approx(2 / 3) and found["colour"] == 0.75 and found["motion"] == 0.5
