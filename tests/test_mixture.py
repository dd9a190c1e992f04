"""The mixture of Gaussians: its closed forms against autograd, against integrals and against draws."""

from __future__ import annotations

import pytest
import torch

from course_lib.models.mixture import GaussianMixture, known_mixture
from course_lib.nets.diffusion import Diffusion

LEVELS = ((1.0, 0.0), (0.9, 0.3), (0.5, 0.8), (0.0, 1.0))
each_mixture = pytest.mark.parametrize("name", ["line", "plane"])


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@each_mixture
@pytest.mark.parametrize("level", LEVELS)
def test_the_score_is_the_gradient_of_the_log_density(name: str, level: tuple[float, float]) -> None:
    mixture = known_mixture(name)
    x = torch.randn(200, mixture.dim, generator=seeded()).requires_grad_()
    (gradient,) = torch.autograd.grad(mixture.log_density(x, *level).sum(), x)
    assert torch.allclose(mixture.score(x, *level), gradient, rtol=1e-3, atol=1e-3)


@each_mixture
@pytest.mark.parametrize("level", LEVELS[:3])
def test_the_density_is_that_of_torch(name: str, level: tuple[float, float]) -> None:
    mixture, (alpha, sigma) = known_mixture(name), level
    x = torch.randn(50, mixture.dim, generator=seeded())
    covariances = alpha**2 * mixture.covariances + sigma**2 * torch.eye(mixture.dim)
    parts = torch.distributions.MultivariateNormal(alpha * mixture.means, covariances)
    truth = torch.distributions.MixtureSameFamily(torch.distributions.Categorical(mixture.weights), parts)
    assert torch.allclose(mixture.log_density(x, alpha, sigma), truth.log_prob(x), rtol=1e-3, atol=1e-3)


@each_mixture
def test_tweedie_ties_the_denoiser_to_the_score(name: str) -> None:
    mixture = known_mixture(name)
    x = torch.randn(100, mixture.dim, generator=seeded())
    for alpha, sigma in LEVELS[1:]:
        tied = x + sigma**2 * mixture.score(x, alpha, sigma)
        assert torch.allclose(alpha * mixture.denoise(x, alpha, sigma), tied, atol=1e-4)


def test_the_denoiser_is_the_mean_of_the_data_that_lie_behind() -> None:
    """By counting: of many noised draws, those that fell near a place."""
    mixture, alpha, sigma = known_mixture("line"), 0.6, 0.8
    x, _ = mixture.sample(1_000_000, seeded())
    x_t = alpha * x + sigma * torch.randn(x.shape, generator=seeded(1))
    for place in (-1.0, 0.2, 1.1):
        near = x[(x_t - place).abs() < 0.02]
        said = mixture.denoise(torch.tensor([[place]]), alpha, sigma).item()
        assert near.mean().item() == pytest.approx(said, abs=4.0 * near.std().item() / len(near) ** 0.5)


def test_levels_may_differ_from_row_to_row() -> None:
    mixture, x = known_mixture("plane"), torch.randn(4, 2, generator=seeded())
    alpha, sigma = torch.tensor([0.9, 0.5, 0.2, 0.0]), torch.tensor([0.1, 0.6, 0.9, 1.0])
    for method in (mixture.score, mixture.denoise, mixture.log_density, mixture.shares):
        rows = [method(x[i : i + 1], alpha[i], sigma[i]) for i in range(4)]
        assert torch.allclose(method(x, alpha, sigma), torch.cat(rows), rtol=1e-4, atol=1e-5)


@each_mixture
def test_draws_have_the_mixtures_mean_covariance_and_classes(name: str) -> None:
    mixture = known_mixture(name)
    x, labels = mixture.sample(200_000, seeded())
    mean = mixture.weights @ mixture.means
    centred = mixture.means - mean
    inside = mixture.covariances + torch.einsum("ki,kj->kij", centred, centred)
    assert torch.allclose(x.mean(dim=0), mean, atol=0.01)
    assert torch.allclose(torch.cov(x.T).reshape(mixture.dim, -1), torch.einsum("k,kij->ij", mixture.weights, inside),
                          atol=0.02)  # fmt: skip
    for label in range(mixture.class_count):
        share = mixture.weights[mixture.classes == label].sum().item()
        assert (labels == label).float().mean().item() == pytest.approx(share, abs=0.005)


def test_a_class_is_the_draws_of_that_class() -> None:
    mixture = known_mixture("plane")
    x, labels = mixture.sample(50_000, seeded())
    for label in range(3):
        own, _ = mixture.only(label).sample(50_000, seeded(1))
        assert torch.allclose(x[labels == label].mean(dim=0), own.mean(dim=0), atol=0.03)
    with pytest.raises(ValueError, match="no class 3; there are 3"):
        mixture.only(3)


def test_two_points_are_denoised_by_a_logistic_function() -> None:
    """Points at -1 and 1: E[x | x_t] = tanh(alpha x_t / sigma^2)."""
    points, x = GaussianMixture.of_points(torch.tensor([[-1.0], [1.0]])), torch.linspace(-2, 2, 41)[:, None]
    for alpha, sigma in LEVELS[1:3]:
        assert torch.allclose(points.denoise(x, alpha, sigma), torch.tanh(alpha * x / sigma**2), atol=1e-5)


def test_at_nothing_but_noise_the_denoiser_says_the_mean_and_the_score_leads_to_zero() -> None:
    mixture, x = known_mixture("plane"), torch.randn(20, 2, generator=seeded())
    assert torch.allclose(mixture.denoise(x, 0.0, 1.0), (mixture.weights @ mixture.means).expand(20, 2), atol=1e-5)
    assert torch.allclose(mixture.score(x, 0.0, 1.0), -x, atol=1e-5)


@pytest.mark.parametrize("target", ["x", "epsilon", "v", "u"])
def test_the_best_network_says_it_in_every_target(target: str) -> None:
    mixture, diffusion = known_mixture("plane"), Diffusion.of("cosine", target)
    x_t, t = torch.randn(30, 2, generator=seeded()), torch.linspace(0.1, 0.9, 30)
    said = mixture.predict(diffusion)(x_t, t)
    alpha, sigma = diffusion.schedule.alpha(t), diffusion.schedule.sigma(t)
    assert torch.allclose(diffusion.score_of(said, x_t, t), mixture.score(x_t, alpha, sigma), rtol=1e-3, atol=1e-3)


def test_no_network_is_better_than_the_best_one() -> None:
    mixture, diffusion = known_mixture("plane"), Diffusion.of("straight", "u")
    x, _ = mixture.sample(4000, seeded())
    best = mixture.predict(diffusion)
    others = (lambda x_t, t: best(x_t, t) + 0.1, lambda x_t, t: 0.9 * best(x_t, t), mixture.only(0).predict(diffusion))
    losses = [diffusion.loss(predict, x, seeded(1)).mean().item() for predict in (best, *others)]
    assert min(losses) == losses[0]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((torch.ones(2), torch.zeros(3, 1), torch.ones(3, 1, 1)), "weights are 3 positive numbers"),
        ((torch.tensor([1.0, -1.0]), torch.zeros(2, 1), torch.ones(2, 1, 1)), "weights are 2 positive numbers"),
        ((torch.ones(2), torch.zeros(2, 1), torch.ones(2, 2, 2)), r"covariances are \(2, 1, 1\)"),
        ((torch.ones(1), torch.zeros(1, 1), -torch.ones(1, 1, 1)), "no eigenvalue below 0"),
        ((torch.ones(2), torch.zeros(2, 1), torch.ones(2, 1, 1), torch.tensor([0, 2])), "without a gap"),
        ((torch.ones(2), torch.zeros(2), torch.ones(2, 1, 1)), "one row a component"),
    ],
)
def test_what_is_no_mixture_is_named(given: tuple, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        GaussianMixture(*given)
    with pytest.raises(ValueError, match="no mixture 'sphere'.*line, plane"):
        known_mixture("sphere")  # type: ignore[arg-type]
