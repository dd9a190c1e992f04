"""M's mixture against torch's distributions, its draws against the mixture, its parts against the paper's counts."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Categorical, MixtureSameFamily, Normal

from course_lib.models.mdnrnn import (
    LARGEST,
    MDNRNN,
    SMALLEST,
    MDNRNNConfig,
    Mixture,
    draw,
    likeliest,
    log_likelihood,
    mixture_mean,
)
from course_lib.training import load_config


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def mixture(*shape: int, seed: int = 0, spread: float = 1.0) -> Mixture:
    """A random mixture, (*shape, K) each; spread: of the sigmas' logarithms."""
    logits, means, log_sigmas = (torch.randn(shape, generator=generator(seed + i)) for i in range(3))
    return Mixture(torch.log_softmax(2.0 * logits, dim=-1), 2.0 * means, spread * log_sigmas)


def with_torch(m: Mixture) -> MixtureSameFamily:
    return MixtureSameFamily(Categorical(logits=m.log_weights), Normal(m.means, m.log_sigmas.exp()))


def constant(values: tuple[tuple[float, ...], ...], count: int) -> Mixture:
    """The same mixture (weights, means, sigmas) count times over, (count, 1, K)."""
    weights, means, sigmas = (torch.tensor(v).expand(count, 1, -1) for v in values)
    return Mixture(weights.log(), means, sigmas.log())


# ---------------------------------------------------------------------------------------------------------- likelihood


@pytest.mark.parametrize("shape", [(4, 3, 5), (2, 7, 6, 1), (1, 1, 64)])
def test_the_likelihood_and_its_gradient_are_those_of_torch(shape: tuple[int, ...]) -> None:
    logits, means, log_sigmas = (value.double().requires_grad_() for value in mixture(*shape))
    z = (3.0 * torch.randn(shape[:-1], generator=generator(9))).double().requires_grad_()
    ours = log_likelihood(Mixture(torch.log_softmax(logits, dim=-1), means, log_sigmas), z)
    theirs = with_torch(Mixture(logits, means, log_sigmas)).log_prob(z)  # which normalises the logits itself
    assert ours.shape == z.shape and torch.allclose(ours, theirs, atol=1e-10)
    inputs = [logits, means, log_sigmas, z]
    for a, b in zip(torch.autograd.grad(ours.sum(), inputs), torch.autograd.grad(theirs.sum(), inputs), strict=True):
        assert torch.allclose(a, b, atol=1e-8)


@pytest.mark.parametrize("far", [0.0, 1.0, 1e3, 1e5])
@pytest.mark.parametrize("sigma", [SMALLEST, 1.0, LARGEST])
def test_nothing_is_infinite_at_the_ends_of_the_range(far: float, sigma: float) -> None:
    means = torch.tensor([[0.0, 0.3, -0.2]]).requires_grad_()
    logits = torch.tensor([[60.0, 0.0, -60.0]]).requires_grad_()
    log_sigmas = torch.full((1, 3), math.log(sigma)).requires_grad_()
    z = torch.tensor([far]).requires_grad_()
    value = log_likelihood(Mixture(torch.log_softmax(logits, dim=-1), means, log_sigmas), z)
    value.sum().backward()
    for number in (value, means.grad, logits.grad, log_sigmas.grad, z.grad):
        assert bool(number.isfinite().all()), (far, sigma, number)


def test_a_network_told_to_be_certain_stays_inside_the_range() -> None:
    m = MDNRNN(MDNRNNConfig(latent=3, actions=2, hidden=8, mixtures=4))
    nn.init.constant_(m.mdn.bias, 1e4)  # sigmas of e^10000 without the clamp
    for sign in (1.0, -1.0):
        m.mdn.bias.data *= sign
        losses = m.losses(torch.randn(2, 5, 3), torch.randn(2, 4, 2), torch.zeros(2, 4), torch.zeros(2, 4))
        losses["loss"].backward()
        sigmas = m.say(torch.zeros(1, 8)).mixture.log_sigmas.detach().exp()
        assert torch.allclose(sigmas, torch.full_like(sigmas, LARGEST if sign > 0 else SMALLEST), rtol=1e-4)
        assert all(bool(p.grad.isfinite().all()) for p in m.parameters() if p.grad is not None)
        assert bool(losses["nll"].isfinite())


def test_the_likelihood_integrates_to_one() -> None:
    m = mixture(1, 1, 5, seed=3)
    x = torch.linspace(-40.0, 40.0, 80_001)
    density = log_likelihood(Mixture(*(v.expand(len(x), 1, 5) for v in m)), x[:, None]).exp()[:, 0]
    assert float(torch.trapezoid(density, x)) == pytest.approx(1.0, abs=1e-3)


# --------------------------------------------------------------------------------------------------------------- draws


def test_draws_follow_the_mixture() -> None:
    from scipy.stats import kstest

    weights, means, sigmas = (0.2, 0.5, 0.3), (-2.0, 0.5, 3.0), (0.3, 1.0, 0.1)
    drawn = draw(constant((weights, means, sigmas), 20_000), generator())[:, 0].numpy()
    density = MixtureSameFamily(Categorical(torch.tensor(weights)), Normal(torch.tensor(means), torch.tensor(sigmas)))
    assert kstest(drawn, lambda x: density.cdf(torch.from_numpy(np.asarray(x, np.float32))).numpy()).pvalue > 1e-3


@pytest.mark.parametrize("tau", [0.5, 2.0])
def test_a_temperature_divides_logits_and_multiplies_variances(tau: float) -> None:
    weights, means, sigmas = (0.7, 0.3), (-10.0, 10.0), (0.5, 0.5)  # far apart: each draw tells where it came from
    drawn = draw(constant((weights, means, sigmas), 40_000), generator(), tau)[:, 0]
    cooled = torch.softmax(torch.tensor(weights).log() / tau, dim=0)
    left = drawn < 0
    assert float(left.float().mean()) == pytest.approx(float(cooled[0]), abs=0.01)  # four standard errors
    assert float(drawn[left].std()) == pytest.approx(0.5 * math.sqrt(tau), rel=0.03)


def test_the_limits_of_the_temperature() -> None:
    m = mixture(500, 4, 5, seed=5)
    cold = draw(m, generator(), 1e-8)
    assert torch.allclose(cold, likeliest(m), atol=1e-2)  # the heaviest Gaussian's mean is all that is left
    hot = draw(constant(((0.98, 0.02), (-1e4, 1e4), (0.1, 0.1)), 4000), generator(), 1e3)[:, 0]
    assert float((hot < 0).float().mean()) == pytest.approx(0.5, abs=0.05)  # very hot: all Gaussians alike
    for wrong in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="above 0"):
            draw(m, generator(), wrong)


def test_the_same_seed_draws_the_same_and_the_global_state_stays() -> None:
    m, before = mixture(6, 4, 5), torch.get_rng_state()
    assert torch.equal(draw(m, generator(1)), draw(m, generator(1)))
    assert not torch.equal(draw(m, generator(1)), draw(m, generator(2)))
    assert torch.equal(before, torch.get_rng_state())


def test_the_mean_lies_between_two_futures_and_the_likeliest_is_one_of_them() -> None:
    m = constant(((0.6, 0.4), (-1.0, 1.0), (0.1, 0.1)), 1)
    assert float(mixture_mean(m)) == pytest.approx(-0.2, abs=1e-6) and float(likeliest(m)) == -1.0
    m = mixture(3, 4, 5, seed=8)
    assert torch.allclose(mixture_mean(m), with_torch(m).mean, atol=1e-5)
    assert float(log_likelihood(constant(((0.5, 0.5), (-1.0, 1.0), (0.1, 0.1)), 1), torch.zeros(1, 1))) < -40


# -------------------------------------------------------------------------------------------------------- the network


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_the_papers_sizes_are_counted() -> None:
    config = load_config("vmc", "paper").model
    with torch.device("meta"):
        m = MDNRNN(config.m)
    without_heads = parameters(m.lstm) + parameters(m.mdn)
    assert without_heads == 423_392 == 422_368 + 4 * config.m.hidden  # torch has a second bias for each gate's row
    assert parameters(m) == without_heads + 2 * (config.m.hidden + 1)
    assert m.mdn.out_features == 480


def test_a_film_is_its_steps_one_after_the_other() -> None:
    torch.manual_seed(0)
    m = MDNRNN(MDNRNNConfig(latent=3, actions=2, hidden=8, mixtures=4))
    z, actions = torch.randn(2, 6, 3), torch.randn(2, 6, 2)
    whole, memory = m.film(z, actions), m.begin(2)
    for t in range(6):
        one, memory = m.step(z[:, t], actions[:, t], memory)
        for a, b in zip((*one.mixture, one.reward, one.over), (*whole.mixture, whole.reward, whole.over), strict=True):
            assert torch.allclose(a, b[:, t], atol=1e-6)
        assert torch.allclose(one.mixture.log_weights.exp().sum(dim=-1), torch.ones(2, 3), atol=1e-5)


@torch.no_grad()
def test_the_loss_is_the_mean_over_films_and_steps() -> None:
    torch.manual_seed(0)
    m = MDNRNN(MDNRNNConfig(latent=3, actions=2, hidden=8, mixtures=4, reward_weight=5.0))
    z, actions, rewards, over = torch.randn(4, 6, 3), torch.randn(4, 5, 2), torch.ones(4, 5), torch.zeros(4, 5)
    whole = m.losses(z, actions, rewards, over)
    each = [m.losses(z[i : i + 1], actions[i : i + 1], rewards[i : i + 1], over[i : i + 1]) for i in range(4)]
    for name, value in whole.items():
        assert float(value) == pytest.approx(float(torch.stack([e[name] for e in each]).mean()), rel=1e-5)
    added = whole["nll"] + 5.0 * (whole["reward"] + whole["over"])
    assert float(whole["loss"]) == pytest.approx(float(added), rel=1e-5)


def _two_futures(count: int, seed: int) -> Tensor:
    """A ball at a fork: at 0, then at -1 or at 1, (count, 2, 1), with a little noise everywhere."""
    g = generator(seed)
    side = 2.0 * torch.randint(0, 2, (count, 1, 1), generator=g) - 1.0
    return torch.cat([torch.zeros(count, 1, 1), side], dim=1) + 0.05 * torch.randn(count, 2, 1, generator=g)


def test_a_mixture_learns_two_futures_that_one_gaussian_cannot_hold() -> None:
    losses, tries, none = {}, _two_futures(2000, seed=1), torch.zeros(2000, 1)
    for mixtures in (1, 5):  # two alone stay one on the other: nothing tells them apart at the start
        torch.manual_seed(2)
        m = MDNRNN(MDNRNNConfig(latent=1, actions=1, hidden=16, mixtures=mixtures))
        optimiser = torch.optim.Adam(m.parameters(), lr=0.02)
        for step in range(200):
            z = _two_futures(128, seed=100 + step)
            loss = m.losses(z, torch.zeros(128, 1, 1), torch.zeros(128, 1), torch.zeros(128, 1))["loss"]
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        with torch.no_grad():
            losses[mixtures] = float(m.losses(tries, torch.zeros(2000, 1, 1), none, none)["nll"])
    best_gaussian = 0.5 * math.log(2.0 * math.pi * math.e * (1.0 + 0.05**2))  # 1.42 nats: nobody does better with one
    truth = math.log(2.0) + 0.5 * math.log(2.0 * math.pi * math.e * 0.05**2)  # -0.88 nats: what there is to know
    assert losses[1] == pytest.approx(best_gaussian, abs=0.1)
    assert truth - 0.05 < losses[5] < truth + 0.3
