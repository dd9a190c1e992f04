"""Has a representation collapsed? Two numbers that answer different questions, and are fooled in different ways.

The standard deviation says how large the cloud of embeddings is: it falls to 0 when all embeddings become one point.
The effective rank says how many directions the cloud fills, whatever its size: dividing all embeddings by a million
does not change it. A cloud may be tiny and round (small deviation, high rank) or large and flat (the other way round).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_LEAST = 5  # films that an interval needs, as for every bootstrap here


def standard_deviation(latents: ArrayLike) -> float:
    """The standard deviation of each number of an embedding, and the mean over the numbers. (N, D), N at least 2."""
    return float(_rows(latents).std(axis=0).mean())


def singular_values(latents: ArrayLike) -> NDArray[np.float64]:
    """Of the embeddings without their mean, the largest first. (N, D), N at least 2 -> (min(N, D),)."""
    z = _rows(latents)
    return np.linalg.svd(z - z.mean(axis=0), compute_uv=False)


def effective_rank(latents: ArrayLike) -> float:
    """The exponential of the entropy of the singular values, made to add up to 1 (Roy & Vetterli 2007, section 2).

    (N, D), N at least 2 -> 1 to min(N, D). k equal singular values and otherwise zeros have rank k. The mean is taken
    away first, so that a cloud far from 0 does not seem to have one direction. Raises ValueError where all rows are
    equal: a point has no directions.
    """
    return _rank(singular_values(latents))


def collapse_intervals(latents: ArrayLike, *, seed: int = 0, resamples: int = 300) -> dict[str, dict[str, Any]]:
    """Both numbers with their 95 % intervals over films: ``{"deviation": {value, low, high, n}, "rank": {...}}``.

    latents: (F, T, D), T embeddings from each of F films. Films are drawn with replacement, whole, because embeddings
    of one film are alike. In each resample some films are missing, which makes its rank a little too low; so the
    percentiles are taken around the mean of the resamples and laid around the value.
    Raises ValueError for fewer than 5 films, or values that are not finite.
    """
    z = np.asarray(latents, float)
    if z.ndim != 3 or len(z) < _LEAST or not np.isfinite(z).all():
        raise ValueError(f"finite embeddings (F, T, D) of at least {_LEAST} films are wanted, these are {z.shape}")
    films, moments, _ = z.shape
    z = z - z.mean(axis=(0, 1))
    sums, squares = z.sum(axis=1), np.einsum("ftd,fte->fde", z, z)  # (F, D), (F, D, D): all that both numbers need
    found = []
    generator = np.random.default_rng(seed)
    for _ in range(resamples):
        drawn = np.bincount(generator.integers(films, size=films), minlength=films) / (films * moments)
        mean = drawn @ sums
        covariance = np.tensordot(drawn, squares, axes=1) - np.outer(mean, mean)  # (D, D)
        spread = np.sqrt(np.clip(np.linalg.eigvalsh(covariance), 0.0, None))  # singular values over sqrt(N)
        found.append((np.sqrt(np.clip(np.diag(covariance), 0.0, None)).mean(), _rank(spread)))
    whole = z.reshape(films * moments, -1)  # (F, T, D) -> (F * T, D)
    values = np.array([standard_deviation(whole), effective_rank(whole)])
    low, high = values + np.quantile(np.array(found) - np.mean(found, axis=0), [0.025, 0.975], axis=0)
    return {name: {"value": float(values[i]), "low": float(low[i]), "high": float(high[i]), "n": films}
            for i, name in enumerate(("deviation", "rank"))}  # fmt: skip


def _rank(spread: NDArray[np.float64]) -> float:
    if not spread.sum() > 0.0:
        raise ValueError("all embeddings are equal: a single point has no effective rank")
    share = spread / spread.sum()
    share = share[share > 0.0]
    return float(np.exp(-(share * np.log(share)).sum()))


def _rows(latents: ArrayLike) -> NDArray[np.float64]:
    z = np.asarray(latents, float)
    if z.ndim != 2 or len(z) < 2 or not np.isfinite(z).all():
        raise ValueError(f"finite embeddings (N, D), at least two, are wanted, these have the shape {z.shape}")
    return z
