"""What keeps a cloud of embeddings from shrinking to a point: the terms of VICReg, and SIGReg.

Both look at a batch of embeddings z (B, D) as a sample of a distribution and say how far it is from what it should be.

- VICReg (Bardes, Ponce & LeCun 2022, arXiv 2105.04906, section 4.1): each of the D numbers keeps a standard deviation
  of at least 1 over the batch (equation 1), and no two of them go together (equations 3 and 4).
- SIGReg (Balestriero & LeCun, LeJEPA, 2025, arXiv 2511.08544, section 4): along random directions the embeddings look
  like draws from a standard normal distribution, which is tested with the statistic of Epps & Pulley (1983).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

KNOTS, REACH = 17, 5.0  # of the integral over the characteristic function, as in LeJEPA's listing


def variance_term(z: Tensor, *, floor: float = 1.0, eps: float = 1e-4) -> Tensor:
    """How much standard deviation is missing, mean over the numbers of an embedding. (B, D), B at least 2 -> scalar.

    1 / D sum_j max(0, floor - sqrt(Var(z_j) + eps)), with the unbiased variance over the batch. eps keeps the gradient
    finite where all embeddings are equal.
    """
    return F.relu(floor - (z.var(dim=0) + eps).sqrt()).mean()


def covariance_term(z: Tensor) -> Tensor:
    """How much the numbers of an embedding go together. (B, D), B at least 2 -> scalar.

    1 / D sum_{i != j} C_ij^2, where C is the covariance matrix over the batch.
    """
    centred = z - z.mean(dim=0)
    covariance = centred.T @ centred / (len(z) - 1)  # (D, D)
    return (covariance.square().sum() - covariance.diagonal().square().sum()) / z.shape[1]


def epps_pulley(x: Tensor) -> Tensor:
    """How far samples are from a standard normal distribution, for each column: Epps & Pulley. (B, S) -> (S,).

    B times the integral of |phi(t) - exp(-t^2 / 2)|^2 exp(-t^2 / 2), where phi(t) = mean exp(i t x) is the samples' own
    characteristic function. The integral is taken by trapezoids between -5 and 5.
    """
    t = torch.linspace(-REACH, REACH, KNOTS, device=x.device, dtype=x.dtype)
    normal = torch.exp(-0.5 * t.square())  # its own characteristic function; (K,)
    angles = x[:, :, None] * t  # (B, S, K)
    difference = (angles.cos().mean(dim=0) - normal).square() + angles.sin().mean(dim=0).square()  # (S, K)
    return len(x) * torch.trapezoid(difference * normal, t, dim=1)


def random_directions(size: int, count: int, generator: torch.Generator) -> Tensor:
    """Directions drawn evenly from the sphere, one a column, each of length 1. -> (size, count)."""
    return F.normalize(torch.randn(size, count, generator=generator, device=generator.device), dim=0)


def sigreg(z: Tensor, directions: Tensor) -> Tensor:
    """The mean statistic of Epps & Pulley along some directions. z: (B, D), directions: (D, S) -> scalar.

    A cloud looks standard normal along every direction only where it is standard normal (Cramer & Wold 1936);
    directions drawn anew in every step cover them in the course of training.
    """
    return epps_pulley(z @ directions).mean()
