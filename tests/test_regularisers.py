"""VICReg's terms and SIGReg: identities, invariances, the statistic's closed form, and which clouds they prefer."""

from __future__ import annotations

import math

import pytest
import torch

from course_lib.nets.regularisers import covariance_term, epps_pulley, random_directions, sigreg, variance_term


def cloud(count: int, size: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_variance_term_asks_for_a_deviation_of_one_and_no_more() -> None:
    z = cloud(40, 5)
    z = (z - z.mean(dim=0)) / z.std(dim=0)
    assert float(variance_term(0.5 * z, eps=0.0)) == pytest.approx(0.5)
    assert float(variance_term(3.0 * z)) == 0.0
    assert float(variance_term(z + 7.0)) == pytest.approx(float(variance_term(z)))
    same = torch.ones(4, 3, requires_grad=True)
    value = variance_term(same)
    value.backward()
    assert value.item() == pytest.approx(1.0 - math.sqrt(1e-4)) and bool(same.grad.isfinite().all())


def test_the_covariance_term_is_zero_where_nothing_goes_together_and_blind_to_variances() -> None:
    q, _ = torch.linalg.qr(cloud(30, 6) - cloud(30, 6).mean(dim=0))  # columns at right angles, around 0
    q = q - q.mean(dim=0)
    scales = torch.arange(1.0, 7.0, dtype=torch.float64)
    assert float(covariance_term(q * scales)) == pytest.approx(0.0, abs=1e-12)
    assert float(covariance_term(q * scales + 5.0)) == pytest.approx(0.0, abs=1e-12)
    twice = torch.cat([q[:, :1], q[:, :1]], dim=1)  # one number, written down twice
    variance = float(q[:, 0].var())
    assert float(covariance_term(twice)) == pytest.approx(variance**2)  # two entries, divided by D = 2


def test_the_statistic_is_its_closed_form() -> None:
    """The integral of |phi(t) - exp(-t^2 / 2)|^2 exp(-t^2 / 2) has one (Baringhaus & Henze 1988, beta 1, d 1).

    The trapezoids are exact to many digits as long as no two samples are farther apart than about 2 pi / 0.625 = 10.
    """
    x = cloud(50, 3).clamp(-2.5, 2.5) * torch.tensor([1.0, 0.3, 1.2]) + torch.tensor([0.0, 1.0, -0.5])
    pairs = (x[:, None] - x[None]).square()  # (B, B, S)
    integral = (-pairs / 2).exp().mean(dim=(0, 1)) - math.sqrt(2.0) * (-x.square() / 4).exp().mean(dim=0) + 3**-0.5
    exact = 50 * math.sqrt(2.0 * math.pi) * integral
    assert torch.allclose(epps_pulley(x), exact, rtol=1e-3)


def test_the_statistic_stays_where_it_is_for_normal_samples_and_grows_for_others() -> None:
    """Its mean under the normal distribution is sqrt(2 pi) (1 - 1 / sqrt(3)) for every number of samples."""
    expected = math.sqrt(2.0 * math.pi) * (1.0 - 3**-0.5)
    for count in (20, 300):
        found = epps_pulley(cloud(count, 2000))
        error = float(found.std()) / math.sqrt(2000)
        assert float(found.mean()) == pytest.approx(expected, abs=4 * error)
    for other in (0.1 * cloud(300, 50), 3.0 * cloud(300, 50), cloud(300, 50) + 1.0, cloud(300, 50).sign()):
        assert float(epps_pulley(other).mean()) > 5 * expected


def test_directions_are_of_length_one_and_even_over_the_sphere() -> None:
    a = random_directions(3, 20_000, torch.Generator().manual_seed(0))
    assert a.shape == (3, 20_000) and torch.allclose(a.norm(dim=0), torch.ones(20_000))
    assert torch.allclose(a @ a.T / 20_000, torch.eye(3) / 3, atol=0.01) and float(a.mean(dim=1).abs().max()) < 0.02


def test_sigreg_prefers_round_clouds_of_the_right_size() -> None:
    directions = random_directions(8, 200, torch.Generator().manual_seed(1)).double()
    z = cloud(256, 8)
    flat = z.clone()
    flat[:, 4:] = flat[:, :4]  # half of the numbers are copies
    values = {name: float(sigreg(each, directions))
              for name, each in {"round": z, "small": 0.1 * z, "flat": flat, "point": 0.0 * z}.items()}  # fmt: skip
    assert min(values, key=values.get) == "round" and values["point"] > values["small"] > values["round"]


def test_following_sigreg_downhill_makes_a_point_cloud_round() -> None:
    """From a flat, small cloud: the deviation along every axis comes near 1, and the axes stop going together."""
    z = (0.1 * cloud(200, 4)).float() + 0.3
    z[:, 3] = z[:, 2]
    z += 0.01 * cloud(200, 4, seed=2).float()
    z.requires_grad_()
    generator = torch.Generator().manual_seed(0)
    optimiser = torch.optim.Adam([z], 0.02)
    for _ in range(400):
        optimiser.zero_grad()
        sigreg(z, random_directions(4, 32, generator)).backward()
        optimiser.step()
    c = torch.cov(z.detach().T)
    assert torch.allclose(c, torch.eye(4), atol=0.2)
