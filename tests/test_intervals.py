"""The intervals cover what they promise to cover, and refuse what they cannot judge."""

from __future__ import annotations

import numpy as np
import pytest

from course_lib.exam.measures.intervals import bootstrap_interval, ratio_interval, wilson_interval


@pytest.mark.parametrize("draw", ["normal", "exponential"])
def test_coverage_on_simulated_data(draw: str) -> None:
    """Of 400 repeated experiments with 30 values each, about 95 % of the intervals hold the true mean of 1.

    The bounds leave four standard errors (0.011 each) and the known narrowness for skewed data.
    """
    generator = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        values = generator.normal(1.0, 1.0, 30) if draw == "normal" else generator.exponential(1.0, 30)
        low, high = bootstrap_interval(values, generator=generator, resamples=1000)
        held += low <= 1.0 <= high
    assert 0.88 <= held / 400 <= 0.99


def test_ratio_coverage() -> None:
    generator = np.random.default_rng(1)
    held = 0
    for _ in range(400):
        low, high = ratio_interval(
            generator.gamma(4.0, 0.5, 30), generator.gamma(4.0, 2.5, 30), generator=generator, resamples=1000
        )  # true means 2 and 10
        held += low <= 0.2 <= high
    assert 0.88 <= held / 400 <= 0.99


def test_a_wider_level_contains_a_narrower_one() -> None:
    values = np.random.default_rng(2).normal(size=40)
    narrow = bootstrap_interval(values, level=0.5, generator=np.random.default_rng(3))
    wide = bootstrap_interval(values, level=0.99, generator=np.random.default_rng(3))
    assert wide[0] < narrow[0] < values.mean() < narrow[1] < wide[1]


def test_the_interval_shrinks_like_one_over_the_root_of_n() -> None:
    values = np.random.default_rng(4).normal(size=1600)
    widths = [np.ptp(bootstrap_interval(values[:n], generator=np.random.default_rng(5))) for n in (100, 1600)]
    assert 3.0 < widths[0] / widths[1] < 5.3  # 4 in theory; each standard deviation is itself estimated


def test_it_moves_and_stretches_with_the_data() -> None:
    values = np.random.default_rng(6).exponential(size=25)
    low, high = bootstrap_interval(values, generator=np.random.default_rng(7))
    moved = bootstrap_interval(3.0 * values + 10.0, generator=np.random.default_rng(7))
    assert moved == pytest.approx((3.0 * low + 10.0, 3.0 * high + 10.0))


def test_other_statistics_and_degenerate_data() -> None:
    generator = np.random.default_rng(8)
    values = np.concatenate([generator.normal(size=30), [1e6]])  # one outlier moves the mean, not the median
    low, high = bootstrap_interval(values, statistic=np.median, generator=generator)
    assert -1.0 < low < high < 1.0
    assert bootstrap_interval([2.0] * 10, generator=generator) == (2.0, 2.0)
    share = np.array([1.0] * 10 + [2.0])  # leaving one out never moves this median: no error, no NaN
    low, high = bootstrap_interval(share, statistic=np.median, generator=generator)
    assert 1.0 <= low <= high <= 2.0


def test_the_generator_decides() -> None:
    values = np.random.default_rng(9).normal(size=20)
    same = [bootstrap_interval(values, generator=np.random.default_rng(10)) for _ in range(2)]
    other = bootstrap_interval(values, generator=np.random.default_rng(11))
    assert same[0] == same[1] != other


@pytest.mark.parametrize(
    ("values", "level", "says"),
    [([1.0, 2.0], 0.95, "at least 5"), ([1.0, 2.0, 3.0, 4.0, np.nan], 0.95, "1 of 5"), (range(9), 95, "0.95")],
)
def test_what_cannot_be_judged_is_refused(values: list[float], level: float, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        bootstrap_interval(values, level=level, generator=np.random.default_rng(0))


def test_a_ratio_needs_a_positive_denominator() -> None:
    with pytest.raises(ValueError, match="positive"):
        ratio_interval([1.0] * 5, [1.0, 2.0, 3.0, 4.0, 0.0], generator=np.random.default_rng(0))


def test_a_proportion_of_all_is_not_certain() -> None:
    low, high = wilson_interval(10, 10)
    assert high == pytest.approx(1.0) and low == pytest.approx(10 / (10 + 1.96**2), abs=1e-3)  # n / (n + z^2)
    low, high = wilson_interval(50, 100)
    assert low == pytest.approx(1 - high) and 0.40 < low < 0.41
