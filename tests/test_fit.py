"""Fitting heads: the schedule is the published one, what is fitted learns, and a loss that explodes says so."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.nets.fit import Diverged, fit, one_cycle

WEIGHTS = torch.tensor([[1.5, -2.0, 0.5]])


def draw(generator: torch.Generator) -> Tensor:
    return torch.randn(32, 3, generator=generator)


def head(seed: int = 0) -> nn.Linear:
    layer = nn.Linear(3, 1)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return layer


def fitted(layer: nn.Module, steps: int = 300, seed: int = 1, **options: object) -> list[dict[str, float]]:
    def loss(x: Tensor) -> dict[str, Tensor]:
        error = (layer(x) - x @ WEIGHTS.T - 3.0).square().mean()
        return {"loss": error, "bias": layer.bias.detach().mean()}

    given = {"learning_rate": 0.1, "generator": torch.Generator().manual_seed(seed), **options}
    return fit(layer, loss, draw, steps=steps, **given)


def test_a_line_is_found() -> None:
    layer, seen = head(), []
    before = F.mse_loss(layer.weight, WEIGHTS).item()
    rows = fitted(layer, on_step=lambda step, parts: seen.append((step, parts)))
    assert F.mse_loss(layer.weight, WEIGHTS).item() < 1e-4 * before
    assert rows[-1]["loss"] < 1e-4 * rows[0]["loss"]
    assert [step for step, _ in seen] == list(range(1, 301)) and [parts for _, parts in seen] == rows


def test_the_same_generator_gives_the_same_weights_and_the_global_state_is_left_alone() -> None:
    layers = [head(), head(), head()]
    before = torch.get_rng_state()
    for layer, seed in zip(layers, (1, 1, 2), strict=True):
        fitted(layer, steps=20, seed=seed)
    assert torch.equal(layers[0].weight, layers[1].weight) and not torch.equal(layers[0].weight, layers[2].weight)
    assert torch.equal(torch.get_rng_state(), before)


def test_what_is_frozen_stays_and_modes_and_gradients_are_put_in_order() -> None:
    layer, modes = head(), []
    layer.bias.requires_grad_(False)
    kept = layer.bias.clone()
    fitted(layer, steps=5, on_step=lambda step, parts: modes.append(layer.training))
    assert torch.equal(layer.bias, kept) and not layer.bias.requires_grad
    assert modes == [True] * 5 and not layer.training
    assert all(parameter.grad is None for parameter in layer.parameters())


def test_weight_decay_alone_pulls_towards_zero() -> None:
    """Where the loss asks for nothing, AdamW multiplies by (1 - learning rate * decay) in each step."""
    layer = nn.Linear(3, 1)
    start = layer.weight.detach().clone()
    fit(layer, lambda x: {"loss": 0.0 * layer(x).sum()}, draw, steps=40, learning_rate=0.1, weight_decay=0.3,
        generator=torch.Generator().manual_seed(0))  # fmt: skip
    share = torch.tensor([1.0 - 0.3 * one_cycle(s, steps=40, peak=0.1).learning_rate for s in range(40)]).prod()
    torch.testing.assert_close(layer.weight.detach(), start * share)


@pytest.mark.parametrize("steps", [11, 30, 57, 100, 999, 1000])
def test_the_schedule_is_torchs_one_cycle(steps: int) -> None:
    optimiser = torch.optim.AdamW([nn.Parameter(torch.zeros(1))], lr=0.1)
    torchs = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.1, total_steps=steps, pct_start=0.1)
    for step in range(steps):
        group = optimiser.param_groups[0]
        assert one_cycle(step, steps=steps, peak=0.1) == (group["lr"], group["betas"][0]), step
        optimiser.step()
        if step < steps - 1:
            torchs.step()


@pytest.mark.parametrize("steps", range(1, 41))
def test_every_number_of_steps_has_a_schedule(steps: int) -> None:
    """torch's divides by zero at 10 steps, and gives a single step almost no learning rate."""
    rates = [one_cycle(step, steps=steps, peak=0.1).learning_rate for step in range(steps)]
    assert max(rates) == pytest.approx(0.1) if steps <= 10 or steps % 10 == 0 else max(rates) > 0.09
    assert all(0.0 < rate <= 0.1 for rate in rates)
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1]) and rates[top:] == sorted(rates[top:], reverse=True)


@pytest.mark.parametrize("what", ["loss", "gradient's length"])
def test_what_is_no_number_is_named_and_the_weights_stay(what: str) -> None:
    layer = head()
    calls: list[Tensor] = []

    def loss(x: Tensor) -> dict[str, Tensor]:
        calls.append(layer.weight.detach().clone())
        value = layer(x).mean()
        if len(calls) == 4:
            value = value * float("nan") if what == "loss" else (layer.weight - layer.weight).sum().sqrt()
        return {"loss": value}

    with pytest.raises(Diverged, match=f"the {what} became nan at step 4 of 9; the step was not taken.*lower"):
        fit(layer, loss, draw, steps=9, learning_rate=0.1, generator=torch.Generator().manual_seed(0))
    assert torch.equal(layer.weight, calls[-1])


def test_nothing_to_fit_is_named() -> None:
    layer = head().requires_grad_(False)
    with pytest.raises(ValueError, match="needs parameters and at least 1 step, not 0 and 300"):
        fitted(layer)
    with pytest.raises(ValueError, match="not 2 and 0"):
        fitted(head(), steps=0)
