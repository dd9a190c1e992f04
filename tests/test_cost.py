"""The exponent of a cost: exact on exact powers, and its interval holds the truth on noisy simulated timings."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from course_lib.exam.measures.timing import bytes_kept, exponents, seconds_by_frames, time_exponent

FRAMES = (4, 8, 16, 32, 64)


class SlowClock:
    """A clock that moves only when work is done, so that timings are simulated: a * T^p, times noise and accidents."""

    def __init__(self, power: float, noise: float = 0.0, accidents: float = 0.0, seed: int = 0) -> None:
        self.now, self.power, self.noise, self.accidents = 0.0, power, noise, accidents
        self.rng = np.random.default_rng(seed)
        self.calls: list[tuple[int, int]] = []

    def __call__(self) -> float:
        return self.now

    def builder(self, frames: int, tokens: int):
        def work() -> None:
            self.calls.append((frames, tokens))
            slow = 3.0 if self.rng.random() < self.accidents else 1.0
            self.now += 1e-3 * frames**self.power * slow * float(np.exp(self.noise * self.rng.standard_normal()))

        return work


@pytest.mark.parametrize("power", [1.0, 1.5, 2.0])
def test_an_exact_power_is_found_exactly(power: float) -> None:
    clock = SlowClock(power)
    row = time_exponent(clock.builder, FRAMES, 64, 5, clock=clock)
    assert row["value"] == pytest.approx(power) and row["n"] == 5
    assert row["low"] == pytest.approx(power) and row["high"] == pytest.approx(power)


def test_each_number_of_frames_warms_up_and_takes_its_turn_in_every_repeat() -> None:
    clock = SlowClock(1.0)
    seconds = seconds_by_frames(clock.builder, (2, 4), 64, 3, clock=clock)
    assert seconds.shape == (3, 2)
    assert clock.calls == [(2, 64), (4, 64)] * 4


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    held = 0
    for seed in range(40):
        clock = SlowClock(1.1, noise=0.15, seed=seed)
        row = time_exponent(clock.builder, FRAMES, 64, 12, clock=clock)
        held += row["low"] <= 1.1 <= row["high"]
        assert row["low"] <= row["value"] <= row["high"]
    assert held >= 33


def test_accidents_of_a_busy_machine_move_the_exponent_little() -> None:
    values = []
    for seed in range(20):
        clock = SlowClock(1.0, noise=0.05, accidents=0.1, seed=seed)
        values.append(time_exponent(clock.builder, FRAMES, 64, 9, clock=clock)["value"])
    assert max(abs(value - 1.0) for value in values) < 0.15


def test_what_cannot_be_fitted_is_refused() -> None:
    clock = SlowClock(1.0)
    with pytest.raises(ValueError, match="at least two numbers"):
        time_exponent(clock.builder, (4, 4), 64, 5, clock=clock)
    with pytest.raises(ValueError, match="at least 5 values"):
        time_exponent(clock.builder, FRAMES, 64, 3, clock=clock)
    with pytest.raises(ValueError, match="above 0"):
        exponents((1, 2), [[0.0, 1.0]])
    with pytest.raises(ValueError, match="do not fit"):
        exponents((1, 2, 3), [[1.0, 2.0]])


def test_bytes_kept_counts_what_backward_needs_once_and_no_weights() -> None:
    layer, x = nn.Linear(6, 5), torch.randn(7, 6)
    assert bytes_kept(lambda: layer(x)) == 7 * 6 * 4  # its input, for the gradient of its weights
    y = torch.randn(7, 6, requires_grad=True) * 1.0
    assert bytes_kept(lambda: y * y) == 7 * 6 * 4
