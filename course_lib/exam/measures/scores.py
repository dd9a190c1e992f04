"""How far is a predicted score from the exact one? Asked at one noise level, of a mixture whose exact score is known.

A relative error is the mean squared length of the difference over the mean squared length of the exact score, so that a
score of zero has 1 at every noise level.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from course_lib.exam.measures.intervals import paired_ratio_interval
from course_lib.models.mixture import GaussianMixture
from course_lib.nets.diffusion import Diffusion, Predict
from course_lib.nets.schedules import time_of_log_snr


@torch.no_grad()
def score_errors(
    diffusion: Diffusion, predicts: Mapping[str, Predict], mixture: GaussianMixture, log_snr: float,
    generator: torch.Generator, *, count: int = 4000,
) -> tuple[dict[str, np.ndarray], np.ndarray]:  # fmt: skip
    """Squared errors of scores, by name, and the exact score's squared lengths, of ``count`` draws; each (count,).

    predicts: networks by name. Added is "standard_normal", the score -x_t of a distribution without any structure.
    log_snr: log(alpha^2 / sigma^2), the noise level.
    """
    t = time_of_log_snr(diffusion.schedule, torch.tensor(float(log_snr))).expand(count)
    x, _ = mixture.sample(count, generator)
    x_t = diffusion.noised(x, torch.randn(x.shape, generator=generator), t)
    exact = mixture.score(x_t, diffusion.schedule.alpha(t), diffusion.schedule.sigma(t))
    scores = {name: diffusion.score_of(predict(x_t, t), x_t, t) for name, predict in predicts.items()}
    scores["standard_normal"] = -x_t
    errors = {name: (score - exact).square().sum(dim=1).numpy() for name, score in scores.items()}  # (N, d) -> (N,)
    return errors, exact.square().sum(dim=1).numpy()


RARE = 200  # one real draw in so many lies outside


def outside(mixture: GaussianMixture, points: np.ndarray, generator: torch.Generator) -> np.ndarray:
    """Which points lie where the mixture is thinner than at all but one in 200 of its own draws. (N, d) -> bool (N,).

    For samples of the mixture the share is 0.005; far above it, a sampler has left the data.
    """
    own, _ = mixture.sample(100 * RARE, generator)
    edge = torch.quantile(mixture.log_density(own), 1.0 / RARE)
    return (mixture.log_density(torch.as_tensor(points, dtype=own.dtype)) < edge).numpy()


def relative_error(errors: np.ndarray, lengths: np.ndarray, generator: np.random.Generator) -> dict[str, Any]:
    """value, low, high and n of a row: the mean error over the mean length, draws resampled. Both (N,)."""
    low, high = paired_ratio_interval(errors, lengths, generator=generator)
    return {"value": float(errors.mean() / lengths.mean()), "low": low, "high": high, "n": len(errors)}
