"""Probes: closed forms against other people's, intervals against simulation, selectivity against known states."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge as TheirRidge

from course_lib.exam.measures.intervals import mean_and_interval
from course_lib.exam.measures.probes import control_task, fit_fourier, fit_probe, fit_ridge, r2, r2_interval


@pytest.mark.parametrize(("rows", "features"), [(200, 12), (40, 150)])
def test_ridge_is_the_one_that_others_compute_also_with_more_features_than_rows(rows: int, features: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, features)) * rng.uniform(0.1, 20.0, features) + rng.normal(size=features)
    y = x[:, :3] @ rng.normal(size=(3, 2)) + rng.normal(size=(rows, 2))
    for penalty in (0.1, 10.0, 1e4):
        ours = fit_ridge(x, y, penalty)
        z = (x - x.mean(axis=0)) / x.std(axis=0)
        theirs = TheirRidge(alpha=penalty).fit(z, y)
        np.testing.assert_allclose(ours(x), theirs.predict(z), rtol=1e-5, atol=1e-6)


def test_a_feature_that_never_changes_is_left_out_and_a_huge_penalty_answers_with_the_mean() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(50, 4)), rng.normal(size=(50, 1))
    x[:, 2] = 7.0
    moved = x.copy()
    moved[:, 2] = -100.0
    probe = fit_ridge(x, y, 1.0)
    np.testing.assert_array_equal(probe(x), probe(moved))
    np.testing.assert_allclose(fit_ridge(x, y, 1e12)(x), y.mean(), atol=1e-8)


@pytest.mark.parametrize(
    ("x", "y", "penalty", "words"),
    [
        (np.zeros(4), np.zeros((4, 1)), 1.0, "rows"),
        (np.zeros((4, 2)), np.zeros((3, 1)), 1.0, "rows"),
        (np.full((4, 2), np.nan), np.zeros((4, 1)), 1.0, "finite"),
        (np.zeros((4, 2)), np.zeros((4, 1)), 0.0, "above 0"),
    ],
)
def test_what_cannot_be_fitted_is_named(x: np.ndarray, y: np.ndarray, penalty: float, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        fit_ridge(x, y, penalty)


def test_the_penalty_is_chosen_by_films_that_were_held_back() -> None:
    """Rows of one film are copies, so rows held back at random would reward learning films by heart."""
    rng = np.random.default_rng(2)
    films = np.repeat(np.arange(40), 10)
    x = rng.normal(size=(40, 60))[films] + 0.01 * rng.normal(size=(400, 60))
    noise, signal = rng.normal(size=(40, 1))[films], x[:, :1]
    assert fit_probe(x, noise, films).penalty > fit_probe(x, signal, films).penalty
    assert r2(noise, fit_probe(x, noise, films)(x)) < 0.5  # it could learn all forty by heart
    with pytest.raises(ValueError, match="at least 2 films"):
        fit_probe(x, noise, np.zeros(400, int))


def test_fourier_features_approximate_a_gaussian_kernel() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(60, 3))
    bend = fit_fourier(x, rng, components=3, waves=20_000)
    waves = bend(x)[:, 3:]
    kernel = waves @ waves.T / waves.shape[1]
    z = (x - bend.mean) / bend.scale @ bend.basis
    spread = 1.0 / bend.frequencies.std()
    expected = np.exp(-np.square(np.linalg.norm(z[:, None] - z[None], axis=-1)) / (2.0 * spread**2))
    assert np.abs(kernel - expected).max() < 0.05


def test_a_bent_relation_is_read_by_the_waves_and_not_by_the_line() -> None:
    rng = np.random.default_rng(4)
    x, films = rng.uniform(-2, 2, (600, 2)), np.repeat(np.arange(60), 10)
    y = (x[:, :1] ** 2 - 1.3) * np.sign(x[:, 1:])
    bend = fit_fourier(x[:400], rng)
    line = fit_probe(x[:400], y[:400], films[:400])(x[400:])
    waves = fit_probe(bend(x[:400]), y[:400], films[:400])(bend(x[400:]))
    assert r2(y[400:], line) < 0.2 < 0.8 < r2(y[400:], waves)


def test_noise_holds_nothing_and_a_lookup_is_selective_for_nothing() -> None:
    """Selectivity is R2 less that of a task without meaning. A state that names each range of the variable lets even a
    line learn any table of them: high R2, no selectivity. A state that *is* the variable is selective for a line."""
    rng = np.random.default_rng(5)
    y, films = rng.normal(size=3000), np.repeat(np.arange(150), 20)
    task = control_task(y, rng)
    edges = np.quantile(y, np.linspace(0, 1, 17)[1:-1])
    states = {"noise": rng.normal(size=(3000, 8)), "itself": y[:, None], "table": np.eye(16)[np.searchsorted(edges, y)]}
    score = {}
    for name, x in states.items():
        both = []
        for target in (y, task):
            probe = fit_probe(x[:2000], target[:2000, None], films[:2000])
            both.append(r2(target[2000:], probe(x[2000:])[:, 0]))
        score[name] = both
    assert abs(score["noise"][0]) < 0.05 and abs(score["noise"][0] - score["noise"][1]) < 0.05
    assert score["itself"][0] > 0.99 and score["itself"][1] < 0.7
    assert score["table"][0] > 0.9 and score["table"][1] > 0.99


def test_the_control_task_gives_one_number_to_a_range_and_ignores_the_order() -> None:
    y = np.random.default_rng(6).normal(size=500)
    task = control_task(y, np.random.default_rng(0))
    assert len(np.unique(task)) == 16
    order = np.argsort(y)
    changes = np.count_nonzero(np.diff(task[order]))
    assert changes == 15


def test_the_interval_of_r2_holds_the_truth_as_often_as_it_says_when_rows_of_a_film_are_alike() -> None:
    rng, inside, narrow = np.random.default_rng(7), 0, 0
    films = np.repeat(np.arange(60), 8)
    for _ in range(200):
        y = np.repeat(rng.normal(size=60), 8)
        error = np.repeat(rng.normal(size=60), 8) * 0.5  # a film is read well or badly as a whole
        truth = 1.0 - 0.25
        low, high = r2_interval(y, y + error, films, rng, resamples=300)
        inside += low <= truth <= high
        low, high = r2_interval(y, y + error, np.arange(480), rng, resamples=300)  # as if every row were a film
        narrow += low <= truth <= high
    assert 0.87 < inside / 200 < 0.99
    assert narrow / 200 < 0.7  # the same rows, resampled one by one: far too sure
    with pytest.raises(ValueError, match="at least 5 films"):
        r2_interval(np.zeros(8), np.zeros(8), np.repeat([0, 1], 4), rng)


def test_intervals_of_rows_have_their_coverage_over_films() -> None:
    rng, inside = np.random.default_rng(8), 0
    for seed in range(200):
        values = rng.exponential(2.0, 80)
        values[:5] = np.nan  # films that do not count
        answer = mean_and_interval(values, seed=seed, asked=np.arange(80) >= 5)
        assert answer["n"] == 75
        inside += answer["low"] <= 2.0 <= answer["high"]
    assert 0.88 < inside / 200 < 0.99
