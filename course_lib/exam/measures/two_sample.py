"""Were two sets of points drawn from the same distribution? A test, and a distance, that need no formula of either.

The distance is the maximum mean discrepancy (MMD; Gretton et al., A Kernel Two-Sample Test, 2012): how far apart the
means of two samples lie after each point has become a long row of numbers. The rows here are sines and cosines along
random directions (random Fourier features; Rahimi & Recht, Random Features for Large-Scale Kernel Machines, 2007). They
stand for Gaussian kernels of several widths. Why this one: it works in any number of dimensions, and time and memory
grow with the number of points, where the kernel itself, or the energy distance, compares every point with every other:
for two samples of 10,000 that is 400 million pairs.

The p-value comes from permutations: pool the two samples, part them at random, measure again. Where both come from one
distribution, every parting is as likely as the given one, so a p-value of at most 0.01 comes up in at most 1 % of all
cases, whatever the features. In one dimension the Kolmogorov-Smirnov test (scipy's) stands beside it: it needs no
features and no permutations.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats

FREQUENCIES = 96  # random directions; twice as many features
WIDTHS = (0.1, 0.3, 1.0)  # of the kernels, as shares of the typical distance between two points
PERMUTATIONS = 199
SOME = 1000  # points that the typical distance is found from


class TwoSample(NamedTuple):
    """distance: the MMD, 0 for equal samples. p: how often a random parting of the pooled points lies as far apart."""

    distance: float
    p: float


def kernel_test(
    a: np.ndarray, b: np.ndarray, generator: np.random.Generator, *, permutations: int = PERMUTATIONS
) -> TwoSample:
    """Compare two samples. a: (N, d), b: (M, d), at least 2 points each. permutations: 0 for the distance alone (p 1).

    Raises ValueError for samples that are none, or of different dimensions, or not finite.
    """
    a, b = np.asarray(a, np.float32), np.asarray(b, np.float32)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError(f"two samples (N, d) and (M, d) of 2 points or more are compared, not {a.shape} and {b.shape}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("a sample holds numbers that are not finite")
    pooled = np.concatenate([a, b])
    rows = _features(pooled, generator)  # (N + M, F)
    rows -= rows.mean(axis=0)
    whose = np.zeros((1 + permutations, len(pooled)), np.float32)  # each row parts the points; the first as they came
    whose[0, : len(a)] = 1.0
    for row in whose[1:]:
        row[generator.choice(len(pooled), len(a), replace=False, shuffle=False)] = 1.0
    sums = whose @ rows  # (1 + P, F); what is left adds up to minus this
    apart = np.square(sums * (1.0 / len(a) + 1.0 / len(b))).sum(axis=1) / FREQUENCIES  # squared distances, (1 + P,)
    p = (1.0 + np.count_nonzero(apart[1:] >= apart[0])) / (1.0 + permutations)
    return TwoSample(float(np.sqrt(apart[0])), float(p))


def _features(points: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """cos and sin of random directions, (N, 2 FREQUENCIES): the mean of their products is the mean of the kernels."""
    some = points[generator.integers(len(points), size=(2, SOME))]  # (2, SOME, d)
    typical = max(float(np.median(np.linalg.norm(some[0] - some[1], axis=1))), 1e-12)
    widths = typical * np.resize(WIDTHS, FREQUENCIES)  # (FREQUENCIES,)
    directions = generator.standard_normal((points.shape[1], FREQUENCIES)) / widths
    angles = points @ directions.astype(np.float32)  # (N, FREQUENCIES)
    return np.concatenate([np.cos(angles), np.sin(angles)], axis=1)


def kolmogorov_smirnov(a: np.ndarray, b: np.ndarray) -> TwoSample:
    """The largest gap between two distribution functions, with its p-value. a: (N,) or (N, 1); b: (M,) or (M, 1).

    Raises ValueError in more than one dimension.
    """
    a, b = (np.asarray(each, float) for each in (a, b))
    if a.size != len(a) or b.size != len(b):
        raise ValueError(f"the Kolmogorov-Smirnov test is for numbers, (N,) or (N, 1), not {a.shape} and {b.shape}")
    found = stats.ks_2samp(a.ravel(), b.ravel())
    return TwoSample(float(found.statistic), float(found.pvalue))
