"""A mixture of Gaussians (高斯混合), in which everything that a diffusion model has to learn is known in closed form.

Data x come from one of K Gaussians, x ~ sum_k w_k N(mu_k, S_k). Noise makes x_t = alpha x + sigma epsilon of it, and
that is a mixture again, with means alpha mu_k and covariances alpha^2 S_k + sigma^2 I. So its density, its score (the
gradient of the log density) and the mean of the data behind x_t are sums of K terms, and a sampler or a trained network
can be held against them. The last two are tied by Tweedie's formula: alpha E[x | x_t] = x_t + sigma^2 score(x_t).

Each component belongs to a class, so that there is something to ask for. A set of points is a mixture too, whose
components have no width: the exact denoiser of a training set.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

from course_lib.nets.diffusion import Diffusion, Predict

MixtureName = Literal["line", "plane"]


class GaussianMixture:
    """K Gaussians in d dimensions.

    weights: (K,), positive; they are made to add up to 1. means: (K, d). covariances: (K, d, d), symmetric, no
    eigenvalue below 0; 0 is a point. classes: int64 (K,), 0 to C - 1, the class of each; by default all are of one.
    Raises ValueError that names what does not fit.
    """

    def __init__(self, weights: Tensor, means: Tensor, covariances: Tensor, classes: Tensor | None = None) -> None:
        count, dim = means.shape if means.ndim == 2 else (0, 0)
        if count < 1 or dim < 1:
            raise ValueError(f"means are (K, d), one row a component, not {tuple(means.shape)}")
        if weights.shape != (count,) or not bool((weights > 0).all()):
            raise ValueError(f"weights are {count} positive numbers, one a component, not {weights.tolist()}")
        if covariances.shape != (count, dim, dim):
            raise ValueError(f"covariances are ({count}, {dim}, {dim}), not {tuple(covariances.shape)}")
        spreads, axes = torch.linalg.eigh(covariances)  # S = axes diag(spreads) axes^T
        if not torch.allclose(covariances, covariances.mT, atol=1e-6) or bool((spreads < -1e-6).any()):
            raise ValueError("a covariance is symmetric and has no eigenvalue below 0")
        classes = torch.zeros(count, dtype=torch.int64) if classes is None else classes
        if classes.shape != (count,) or sorted(set(classes.tolist())) != list(range(int(classes.max()) + 1)):
            raise ValueError(f"classes are {count} whole numbers from 0 on without a gap, not {classes.tolist()}")
        self.weights, self.means, self.classes = weights / weights.sum(), means, classes
        self.covariances, self._spreads, self._axes = covariances, spreads.clamp_min(0.0), axes
        # Every component has axes of its own, along which its numbers do not depend on each other.
        self._into = axes.transpose(0, 1).reshape(dim, count * dim)  # (K, d, d) -> (d, K d): x as each one sees it
        self._back = axes.mT.reshape(count * dim, dim)  # (K, d, d) -> (K d, d): and the sum of what they say
        self._centres = torch.einsum("kd,kdj->kj", means, axes)  # (K, d)

    @classmethod
    def of_points(cls, points: Tensor) -> GaussianMixture:
        """The points themselves, equally likely, each a class of its own: what a training set is. points: (K, d)."""
        count, dim = points.shape
        return cls(torch.ones(count), points, torch.zeros(count, dim, dim), torch.arange(count))

    @property
    def dim(self) -> int:
        """Numbers of one x, d."""
        return self.means.shape[1]

    @property
    def class_count(self) -> int:
        """Classes, C."""
        return int(self.classes.max()) + 1

    def only(self, label: int) -> GaussianMixture:
        """The distribution of one class. Raises ValueError for a class that does not exist."""
        if not 0 <= label < self.class_count:
            raise ValueError(f"there is no class {label}; there are {self.class_count}, counted from 0")
        own = self.classes == label
        return GaussianMixture(self.weights[own], self.means[own], self.covariances[own])

    def sample(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draws x (count, d) with their classes, int64 (count,)."""
        which = torch.multinomial(self.weights, count, replacement=True, generator=generator)  # (count,)
        z = torch.randn(count, self.dim, generator=generator) * self._spreads[which].sqrt()
        x = self.means[which] + torch.einsum("ndj,nj->nd", self._axes[which], z)
        return x, self.classes[which]

    # ---- at any noise level: x_t is (B, d); alpha and sigma are numbers or (B,)

    def _seen(self, x_t: Tensor, alpha: Tensor | float, sigma: Tensor | float) -> tuple[Tensor, Tensor, Tensor]:
        """For each row and component, in the component's own axes: offset, variance (B, K, d) and log w p (B, K)."""
        alpha, sigma = (torch.as_tensor(value, dtype=x_t.dtype).view(-1, 1, 1) for value in (alpha, sigma))
        variance = alpha.square() * self._spreads + sigma.square()  # (B or 1, K, d)
        offset = (x_t @ self._into).view(len(x_t), *self.means.shape) - alpha * self._centres  # (B, K d) -> (B, K, d)
        size = torch.log(2.0 * math.pi * variance).sum(dim=2)
        return offset, variance, self.weights.log() - 0.5 * ((offset.square() / variance).sum(dim=2) + size)

    def _together(self, log_shares: Tensor, each: Tensor) -> Tensor:
        """What the components say in their own axes, (B, K, d), weighted by their shares (B, K) -> (B, d)."""
        return (_normalised(log_shares)[:, :, None] * each).flatten(1) @ self._back

    def log_density(self, x_t: Tensor, alpha: Tensor | float = 1.0, sigma: Tensor | float = 0.0) -> Tensor:
        """log p(x_t), (B, d) -> (B,). Components without width have none where sigma is 0."""
        return self._seen(x_t, alpha, sigma)[2].logsumexp(dim=1)

    def shares(self, x_t: Tensor, alpha: Tensor | float = 1.0, sigma: Tensor | float = 0.0) -> Tensor:
        """How likely x_t came from each component, (B, d) -> (B, K), each row adding up to 1."""
        return _normalised(self._seen(x_t, alpha, sigma)[2])

    def score(self, x_t: Tensor, alpha: Tensor | float = 1.0, sigma: Tensor | float = 0.0) -> Tensor:
        """The gradient of log p(x_t), (B, d) -> (B, d)."""
        offset, variance, log_shares = self._seen(x_t, alpha, sigma)
        return self._together(log_shares, -offset / variance)  # each component pulls towards itself

    def denoise(self, x_t: Tensor, alpha: Tensor | float, sigma: Tensor | float) -> Tensor:
        """E[x | x_t], the mean of the data behind x_t: what the best denoiser says. (B, d) -> (B, d).

        For points this is their mean, weighted by how well each explains x_t.
        """
        offset, variance, log_shares = self._seen(x_t, alpha, sigma)
        alpha = torch.as_tensor(alpha, dtype=x_t.dtype).view(-1, 1, 1)
        return self._together(log_shares, self._centres + alpha * self._spreads / variance * offset)

    def predict(self, diffusion: Diffusion) -> Predict:
        """The best possible network for this distribution, as samplers call it; sigma(t) > 0."""

        def best(x_t: Tensor, t: Tensor) -> Tensor:
            level = t[:1] if len(t) and bool((t == t[0]).all()) else t  # samplers ask all rows at one time: less to do
            x = self.denoise(x_t, diffusion.schedule.alpha(level), diffusion.schedule.sigma(level))
            return diffusion.from_x(x, x_t, t)

        return best


def _normalised(log_shares: Tensor) -> Tensor:
    """The softmax of each row; for a few components several times as fast as torch's. (B, K) -> (B, K)."""
    shares = torch.exp(log_shares - log_shares.amax(dim=1, keepdim=True))
    return shares / shares.sum(dim=1, keepdim=True)


def _ellipse(centre: Sequence[float], deviations: Sequence[float], degrees: float) -> tuple[Tensor, Tensor]:
    turn = math.radians(degrees)
    axes = torch.tensor([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    return torch.tensor(centre), axes @ torch.diag(torch.tensor(deviations).square()) @ axes.T


def _plane() -> GaussianMixture:
    # Three classes of two ellipses each; neighbours overlap, so that asking for one of them changes something.
    parts = [_ellipse(*each) for each in (
        ((-1.35, 0.55), (0.42, 0.12), 65.0), ((-0.75, 1.25), (0.42, 0.12), 20.0),
        ((1.35, 0.55), (0.42, 0.12), -65.0), ((0.55, 1.05), (0.42, 0.12), -20.0),
        ((-0.55, -0.95), (0.50, 0.15), -25.0), ((0.60, -0.75), (0.50, 0.15), 30.0),
    )]  # fmt: skip
    weights = torch.tensor([1.0, 1.0, 1.0, 1.0, 1.0, 2.0])
    means, covariances = (torch.stack(column) for column in zip(*parts, strict=True))
    return GaussianMixture(weights, means, covariances, torch.tensor([0, 0, 1, 1, 2, 2]))


def _line() -> GaussianMixture:
    weights, means = torch.tensor([0.3, 0.2, 0.5]), torch.tensor([[-1.5], [-0.3], [1.2]])
    variances = torch.tensor([0.25, 0.12, 0.4]).square().view(3, 1, 1)
    return GaussianMixture(weights, means, variances, torch.tensor([0, 1, 2]))


def known_mixture(name: MixtureName) -> GaussianMixture:
    """The mixtures that the exam asks about: ``line`` in one dimension, ``plane`` in two. Raises ValueError."""
    if name not in get_args(MixtureName):
        raise ValueError(f"there is no mixture {name!r}; the mixtures are: {', '.join(get_args(MixtureName))}")
    return _line() if name == "line" else _plane()
