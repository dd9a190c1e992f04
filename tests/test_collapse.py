"""Standard deviation and effective rank: what they say of known clouds, what they forget, and their intervals."""

from __future__ import annotations

import numpy as np
import pytest

from course_lib.exam.measures.collapse import (
    collapse_intervals,
    effective_rank,
    singular_values,
    standard_deviation,
)


def cloud(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def test_the_rank_counts_directions_of_equal_width() -> None:
    q, _ = np.linalg.qr(cloud(50, 8) - cloud(50, 8).mean(axis=0))
    q, _ = np.linalg.qr(q - q.mean(axis=0))
    for k in (1, 3, 8):
        assert effective_rank(q[:, :k] @ cloud(8, 8)[:k]) <= k + 1e-9
        turned, _ = np.linalg.qr(cloud(8, 8, seed=k))
        assert effective_rank(5.0 * q[:, :k] @ turned[:k] + 2.0) == pytest.approx(k, abs=1e-6)


def test_the_rank_forgets_scale_place_and_rotation_and_the_deviation_does_not_forget_scale() -> None:
    z = cloud(200, 6) * np.array([5.0, 3.0, 1.0, 1.0, 0.2, 0.1])
    turned, _ = np.linalg.qr(cloud(6, 6, seed=1))
    for same in (1e-6 * z, z + 100.0, z @ turned):
        assert effective_rank(same) == pytest.approx(effective_rank(z), rel=1e-6)
    assert standard_deviation(1e-6 * z) == pytest.approx(1e-6 * standard_deviation(z))
    assert standard_deviation(z + 100.0) == pytest.approx(standard_deviation(z))
    assert standard_deviation(z) == pytest.approx(z.std(axis=0).mean())


def test_singular_values_are_those_of_the_covariance() -> None:
    z = cloud(40, 5) + 3.0
    values = np.linalg.eigvalsh(np.cov(z.T, bias=True))[::-1]
    np.testing.assert_allclose(singular_values(z) ** 2 / 40, values, rtol=1e-9)


def test_points_have_no_rank_and_other_things_are_refused() -> None:
    with pytest.raises(ValueError, match="a single point has no effective rank"):
        effective_rank(np.ones((5, 3)))
    for wrong in (np.ones(5), np.ones((1, 3)), np.full((5, 3), np.nan)):
        with pytest.raises(ValueError, match=r"embeddings \(N, D\), at least two"):
            standard_deviation(wrong)
    for wrong in (np.ones((4, 5, 3)), np.ones((9, 3)), np.full((9, 5, 3), np.inf)):
        with pytest.raises(ValueError, match=r"\(F, T, D\) of at least 5 films"):
            collapse_intervals(wrong)


def test_the_values_are_those_of_all_embeddings_and_lie_in_their_intervals() -> None:
    z = cloud(60, 10, 4) * np.array([1.0, 1.0, 0.5, 0.1]) + cloud(60, 1, 4, seed=1)
    found = collapse_intervals(z, seed=3)
    whole = z.reshape(600, 4)
    assert found["deviation"]["value"] == pytest.approx(standard_deviation(whole))
    assert found["rank"]["value"] == pytest.approx(effective_rank(whole))
    for each in found.values():
        assert each["low"] < each["value"] < each["high"] and each["n"] == 60
    assert collapse_intervals(z, seed=3) == found != collapse_intervals(z, seed=4)


def test_whole_films_are_resampled() -> None:
    """Frames that repeat their film's embedding add nothing: the interval is that of one frame a film."""
    once = cloud(50, 1, 3)
    many = np.repeat(once, 20, axis=1)
    narrow = collapse_intervals(cloud(50, 20, 3))["deviation"]
    one, twenty = (collapse_intervals(each)["deviation"] for each in (once, many))
    assert twenty["low"] == pytest.approx(one["low"]) and twenty["high"] == pytest.approx(one["high"])
    assert narrow["high"] - narrow["low"] < 0.5 * (one["high"] - one["low"])


def test_the_interval_of_the_deviation_holds_the_true_one_about_as_often_as_it_says() -> None:
    held = 0
    for seed in range(60):
        found = collapse_intervals(cloud(40, 3, 2, seed=seed), resamples=200)["deviation"]
        held += found["low"] <= 1.0 <= found["high"]
    assert held >= 49  # of 60; at a true rate of 93 % fewer come up once in 400 times
