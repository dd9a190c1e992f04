"""The two-sample test: how often it is wrong about equal distributions, and that it sees what is different."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from course_lib.exam.measures.two_sample import kernel_test, kolmogorov_smirnov


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("dim", [1, 2])
def test_equal_distributions_are_found_different_as_often_as_the_level_says(dim: int) -> None:
    """Of 300 tests at 10 %, 30 in the mean; between 15 and 46 in all but 1 of 1,000 runs."""
    generator = rng(dim)
    low, high = stats.binom.ppf([0.0005, 0.9995], 300, 0.1)
    ps = [kernel_test(generator.standard_normal((200, dim)), generator.standard_normal((250, dim)), generator,
                      permutations=39).p for _ in range(300)]  # fmt: skip
    assert low <= sum(p <= 0.1 for p in ps) <= high
    assert stats.kstest(ps, "uniform").statistic < 0.12, "p-values are even over (0, 1]"


@pytest.mark.parametrize("dim", [1, 2])
def test_ten_thousand_points_show_a_small_difference(dim: int) -> None:
    generator = rng(dim)
    a = generator.standard_normal((10_000, dim))
    same = kernel_test(a, generator.standard_normal((10_000, dim)), generator)
    wider = kernel_test(a, 1.1 * generator.standard_normal((10_000, dim)), generator)
    moved = kernel_test(a, 0.1 + generator.standard_normal((10_000, dim)), generator)
    assert same.p > 0.05 and wider.p == moved.p == pytest.approx(1 / 200)
    assert same.distance < wider.distance and same.distance < moved.distance


def test_shapes_with_equal_mean_and_covariance_are_told_apart() -> None:
    generator = rng()
    ring = generator.standard_normal((5000, 2))
    ring *= np.sqrt(2.0) / np.linalg.norm(ring, axis=1, keepdims=True)
    assert kernel_test(ring, generator.standard_normal((5000, 2)), generator).p < 0.01


def test_a_sample_is_at_no_distance_from_itself_and_the_order_does_not_matter() -> None:
    a, b = rng(1).standard_normal((300, 2)), 1.0 + rng(2).standard_normal((300, 2))
    assert kernel_test(a, a, rng(), permutations=0).distance == pytest.approx(0.0, abs=1e-4)
    one, other = (kernel_test(*pair, rng(), permutations=0).distance for pair in ((a, b), (a[::-1], b)))
    assert one == pytest.approx(other, rel=0.02) and one > 0.2  # the kernels' widths are found from other pairs


def test_the_features_stand_for_the_kernels() -> None:
    """The mean over features is the unbiased kernel's MMD, up to the number of features."""
    a, b = rng(1).standard_normal((400, 2)), 0.8 + rng(2).standard_normal((400, 2))
    pooled = np.concatenate([a, b])
    between = np.linalg.norm(pooled[:, None] - pooled[None], axis=2)
    typical = np.median(between[np.triu_indices(800, 1)])
    kernel = np.mean([np.exp(-between**2 / (2 * (w * typical) ** 2)) for w in (0.1, 0.3, 1.0)], axis=0)
    exact = np.sqrt(kernel[:400, :400].mean() + kernel[400:, 400:].mean() - 2 * kernel[:400, 400:].mean())
    found = np.mean([kernel_test(a, b, rng(seed), permutations=0).distance for seed in range(10)])
    assert found == pytest.approx(exact, rel=0.1)


def test_kolmogorov_smirnov_is_scipys_and_stays_in_one_dimension() -> None:
    a, b = rng(1).standard_normal(500), rng(2).standard_normal((400, 1))
    assert kolmogorov_smirnov(a, b) == tuple(stats.ks_2samp(a, b[:, 0]))
    with pytest.raises(ValueError, match="is for numbers"):
        kolmogorov_smirnov(np.zeros((5, 2)), np.zeros((5, 2)))


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        (np.zeros((5, 2)), np.zeros((5, 3)), "two samples"),
        (np.zeros(5), np.zeros(5), "two samples"),
        (np.zeros((1, 2)), np.zeros((5, 2)), "2 points or more"),
        (np.full((5, 2), np.nan), np.zeros((5, 2)), "not finite"),
    ],
)
def test_what_cannot_be_compared_is_named(a: np.ndarray, b: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        kernel_test(a, b, rng())
