"""The variational autoencoder: its formulas against known truths, its sizes against the paper."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from course_lib.models.vae import VAE, VAEConfig, kl_to_prior, psnr, reconstruction, reparameterise

SMALL = VAEConfig(
    frame_size=32,
    latent=6,
    encoder_channels=(4, 8, 8),
    encoder_kernels=(4, 4, 4),
    decoder_start=8,
    decoder_side=4,
    decoder_channels=(8, 4),
    decoder_kernels=(4, 4, 4),
    padding=1,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small_vae(seed: int = 0, **changes: object) -> VAE:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return VAE(SMALL.model_copy(update=changes))


def frames(batch: int = 5, size: int = 32) -> torch.Tensor:
    return torch.rand(batch, 3, size, size, generator=seeded(1))


def values(parts: dict[str, torch.Tensor]) -> dict[str, float]:
    return {name: part.item() for name, part in parts.items()}


def test_the_paper_size_has_the_paper_count_of_parameters() -> None:
    with torch.device("meta"):
        vae = VAE(VAEConfig())
    assert sum(p.numel() for p in vae.parameters()) == 4_348_547
    assert VAEConfig().encoder_sides == [64, 31, 14, 6, 2] and VAEConfig().decoder_sides == [1, 5, 13, 30, 64]


def test_the_kl_agrees_with_the_general_formula_for_two_gaussians() -> None:
    mu, logvar = torch.randn(50, 7, generator=seeded()), torch.randn(50, 7, generator=seeded(1))
    q = torch.distributions.Normal(mu, torch.exp(0.5 * logvar))
    truth = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0))
    assert torch.allclose(kl_to_prior(mu, logvar), truth, atol=1e-5)


def test_the_kl_is_zero_at_the_prior_and_positive_elsewhere() -> None:
    assert torch.equal(kl_to_prior(torch.zeros(3), torch.zeros(3)), torch.zeros(3))
    mu, logvar = torch.randn(1000, generator=seeded()), torch.randn(1000, generator=seeded(1))
    assert bool((kl_to_prior(mu, logvar) > 0).all())


def test_reparameterised_samples_have_the_mean_and_variance_that_were_asked_for() -> None:
    mu, logvar = torch.tensor([-1.0, 0.0, 2.0]), torch.tensor([-2.0, 0.0, 1.0])
    z = reparameterise(mu.expand(100_000, 3), logvar.expand(100_000, 3), seeded())
    assert torch.allclose(z.mean(dim=0), mu, atol=0.03)
    assert torch.allclose(z.var(dim=0), logvar.exp(), rtol=0.03)


def test_reparameterised_samples_are_a_draw_of_the_generator_alone() -> None:
    mu, logvar = torch.zeros(4, 3), torch.zeros(4, 3)
    before = torch.get_rng_state()
    assert torch.equal(reparameterise(mu, logvar, seeded(5)), reparameterise(mu, logvar, seeded(5)))
    assert not torch.equal(reparameterise(mu, logvar, seeded(5)), reparameterise(mu, logvar, seeded(6)))
    assert torch.equal(reparameterise(mu, logvar), mu)  # no generator, no chance
    assert torch.equal(before, torch.get_rng_state())


def test_gradients_flow_through_the_draw() -> None:
    mu, logvar = torch.zeros(1000, requires_grad=True), torch.zeros(1000, requires_grad=True)
    reparameterise(mu, logvar, seeded()).square().sum().backward()  # E[z^2] = mu^2 + sigma^2
    assert abs(float(mu.grad.mean())) < 0.2  # d/dmu = 2 mu = 0
    assert float(logvar.grad.mean()) == pytest.approx(1.0, abs=0.15)  # d/dlogvar = sigma^2 = 1


def test_the_reconstruction_differs_from_a_gaussian_likelihood_by_its_constant_only() -> None:
    x, mean, sigma = frames(), frames(5).flip(0), 0.3
    truth = -torch.distributions.Normal(mean, sigma).log_prob(x).flatten(1).sum(dim=1)
    constant = 3 * 32 * 32 * torch.log(torch.tensor(sigma * (2 * torch.pi) ** 0.5))
    assert torch.allclose(reconstruction(x, mean, sigma) + constant, truth, rtol=1e-4)
    assert torch.allclose(reconstruction(x, mean, 0.5**0.5), (x - mean).square().sum(dim=(1, 2, 3)), rtol=1e-5)


def test_psnr_counts_in_decibels() -> None:
    x = torch.full((2, 3, 8, 8), 0.5)
    assert psnr(x, x + 0.1).tolist() == pytest.approx([20.0, 20.0], abs=1e-3)
    assert psnr(x, x + 0.01).tolist() == pytest.approx([40.0, 40.0], abs=1e-2)


@pytest.mark.parametrize("config", [SMALL, VAEConfig()], ids=["32 pixels", "paper"])
def test_shapes_and_range(config: VAEConfig) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        vae = VAE(config)
    with torch.no_grad():
        output = vae(frames(3, config.frame_size), generator=seeded())
    assert output.frames.shape == (3, 3, config.frame_size, config.frame_size)
    assert output.mu.shape == output.logvar.shape == output.z.shape == (3, config.latent)
    assert 0.0 <= float(output.frames.min()) and float(output.frames.max()) <= 1.0


def test_the_loss_is_its_parts() -> None:
    batch = {"frames": frames()}
    for beta in (0.0, 1.0, 4.0):
        parts = values(small_vae(beta=beta).loss(batch, 0, seeded()))
        assert parts["loss"] == pytest.approx(parts["reconstruction"] + beta * parts["kl"], rel=1e-5)


def test_gradients_reach_every_parameter_and_beta_zero_leaves_the_kl_out() -> None:
    vae = small_vae()
    vae.loss({"frames": frames()}, 0, seeded())["loss"].backward()
    assert all(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in vae.parameters())
    assert bool(vae.encoder[0].weight.grad.abs().sum() > 0)

    plain = small_vae(beta=0.0)
    plain.loss({"frames": frames()}, 0, None)["loss"].backward()  # no draw, no KL: nothing asks for an uncertainty
    assert not bool(plain.to_logvar.weight.grad is not None and plain.to_logvar.weight.grad.abs().sum() > 0)


def test_below_the_tolerance_the_kl_pulls_at_nothing() -> None:
    free = small_vae(kl_tolerance=100.0)
    parts = values(free.loss({"frames": frames()}, 0, None))
    assert parts["kl"] < 100.0 * 6
    assert parts["loss"] == pytest.approx(parts["reconstruction"] + 100.0 * 6, rel=1e-5)


def test_samples_of_the_prior_decode_to_frames() -> None:
    z = torch.randn(4, 6, generator=seeded())
    assert small_vae().decode(z).shape == (4, 3, 32, 32)


def test_frames_of_the_wrong_kind_are_named() -> None:
    vae = small_vae()
    with pytest.raises(ValueError, match=r"\(B, 3, 32, 32\) wanted, got torch.uint8"):
        vae.encode(torch.zeros(2, 3, 32, 32, dtype=torch.uint8))
    with pytest.raises(ValueError, match=r"got torch.float32 \(2, 32, 32, 3\)"):
        vae.encode(torch.zeros(2, 32, 32, 3))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoder_channels": (4, 8)}, "encoder_channels has 2 entries"),
        ({"decoder_channels": (8,)}, "decoder_kernels has 3 entries"),
        ({"decoder_side": 2}, "the last must be 32"),
        ({"encoder_channels": (4,) * 6, "encoder_kernels": (4,) * 6}, "shrinks the frame to nothing"),
        ({"beta": -1.0}, "greater than or equal to 0"),
        ({"frame_size": 48}, "32 or 64"),
        ({"latents": 3}, "latents"),
        ({"latent": "6"}, "valid integer"),
    ],
)
def test_impossible_sizes_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VAEConfig(**{**SMALL.model_dump(), **changes})


def test_it_learns_a_latent_that_says_where_a_square_is() -> None:
    """On the smallest world there is, one bright square at 16 places, the trained latent tells the places apart."""
    places = torch.zeros(16, 3, 32, 32)
    for i in range(16):
        row, column = 8 * (i // 4), 8 * (i % 4)
        places[i, :, row : row + 8, column : column + 8] = 1.0
    vae, g = small_vae(sigma=0.1), seeded()
    optimizer = torch.optim.Adam(vae.parameters(), lr=3e-3)
    for step in range(300):
        optimizer.zero_grad()
        vae.loss({"frames": places}, step, g)["loss"].backward()
        nn.utils.clip_grad_norm_(vae.parameters(), 100.0)
        optimizer.step()
    with torch.no_grad():
        output = vae(places)
        mean_frame = psnr(places, places.mean(dim=0, keepdim=True).expand_as(places)).mean()
        assert float(psnr(places, output.frames).mean()) > float(mean_frame) + 6.0
        nearest = torch.cdist(reparameterise(output.mu, output.logvar, seeded(3)), output.mu).argmin(dim=1)
    assert (nearest == torch.arange(16)).float().mean() > 0.9  # a fresh draw still lies nearest to its own place
