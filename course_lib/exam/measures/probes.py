"""Probes: what can be read off a model's state with a simple instrument?

A *linear* probe is ridge regression in closed form. A *non-linear* one is the same ridge on random Fourier features
(Rahimi & Recht 2007), so that it is closed-form as well and has no training that could go wrong. Both are fitted on
some films and scored on others, and the strength of the penalty is chosen on films held back from the fit.

A strong probe can learn a variable that the state does not hold in any useful form. *Selectivity* (Hewitt & Liang 2019,
arXiv 1909.03368) is the control for that: the same probe learns a task without meaning, a random number for each range
of the variable's values, and only what the true variable gains over it counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PENALTIES = 10.0 ** np.arange(-4, 6)  # times the number of rows; one is chosen on films that were held back

BANDS = 16  # ranges of a variable's values in the control task


@dataclass(frozen=True)
class Ridge:
    """y = ((x - mean) / scale) @ weights + offset. Minimises |y - prediction|^2 + penalty * |weights|^2."""

    mean: np.ndarray  # (D,)
    scale: np.ndarray  # (D,)
    weights: np.ndarray  # (D, K)
    offset: np.ndarray  # (K,)
    penalty: float

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """(N, D) -> (N, K)."""
        return (x - self.mean) / self.scale @ self.weights + self.offset


def fit_ridge(x: np.ndarray, y: np.ndarray, penalty: float) -> Ridge:
    """Ridge regression in closed form (Hoerl & Kennard 1970): w = (X'X + penalty I)^-1 X'y, or its dual for D > N.

    x: (N, D), y: (N, K). Features are standardised, those that never change are left out; the offset is not penalised.
    Raises ValueError when the rows do not fit, a value is not finite, or the penalty is not positive.
    """
    return _ridge(_standardised(x), y, penalty)


@dataclass(frozen=True)
class _Standardised:
    """Rows to fit to, with mean 0 and variance 1 in every feature, and their inner products: what no target changes."""

    mean: np.ndarray  # (D,)
    scale: np.ndarray  # (D,)
    z: np.ndarray  # (N, D)
    products: np.ndarray  # of features, (D, D), or of rows where they are fewer, (N, N)


def _standardised(x: np.ndarray) -> _Standardised:
    if x.ndim != 2 or len(x) < 2:
        raise ValueError(f"a probe is fitted to at least 2 rows, (N, D), not to {x.shape}")
    if not np.isfinite(x).all():
        raise ValueError("a probe is fitted to finite numbers")
    mean, scale = x.mean(axis=0), x.std(axis=0)
    scale = np.where(scale > 1e-9, scale, np.inf)  # what never changes says nothing
    z = (x - mean) / scale
    return _Standardised(mean, scale, z, z.T @ z if z.shape[1] <= len(z) else z @ z.T)


def _ridge(rows: _Standardised, y: np.ndarray, penalty: float) -> Ridge:
    z, products = rows.z, rows.products
    if y.ndim != 2 or len(y) != len(z):
        raise ValueError(f"a probe is fitted to rows (N, D) and targets (N, K), these are {z.shape} and {y.shape}")
    if not np.isfinite(y).all():
        raise ValueError("a probe is fitted to finite numbers")
    if penalty <= 0:
        raise ValueError(f"the penalty of a ridge is above 0, not {penalty}")
    offset, penalised = y.mean(axis=0), products + penalty * np.eye(len(products))
    if z.shape[1] <= len(z):
        weights = np.linalg.solve(penalised, z.T @ (y - offset))
    else:
        weights = z.T @ np.linalg.solve(penalised, y - offset)
    return Ridge(rows.mean, rows.scale, weights, offset, penalty)


class ProbeFit:
    """Fits probes to one set of rows, one target after another: what no target changes is computed once.

    x: (N, D); films: (N,), which film a row comes from: rows of one film resemble each other and must not stand on both
    sides. Raises ValueError for fewer than two films, or rows that no ridge can be fitted to.
    """

    def __init__(self, x: np.ndarray, films: np.ndarray) -> None:
        names = np.unique(films)
        self.held = np.isin(films, names[::5])
        if self.held.all() or not self.held.any():
            raise ValueError(f"a penalty is chosen on films held back: at least 2 films are needed, not {len(names)}")
        self.some, self.all, self.asked = _standardised(x[~self.held]), _standardised(x), x[self.held]

    def __call__(self, y: np.ndarray) -> Ridge:
        """A ridge whose penalty does best on a fifth of the films, then fitted again to all of them. y: (N, K)."""
        errors = []
        for penalty in PENALTIES:
            probe = _ridge(self.some, y[~self.held], penalty * len(y))
            errors.append(np.square(probe(self.asked) - y[self.held]).mean())
        return _ridge(self.all, y, float(PENALTIES[int(np.argmin(errors))]) * len(y))


def fit_probe(x: np.ndarray, y: np.ndarray, films: np.ndarray) -> Ridge:
    """One probe to one target, (N, D) and (N, K); see ``ProbeFit``."""
    return ProbeFit(x, films)(y)


@dataclass(frozen=True)
class Fourier:
    """Random Fourier features: cos(z A + b), z the principal components of the standardised input.

    They approximate a Gaussian kernel, so a ridge on them is a kernel machine with a closed form.
    """

    mean: np.ndarray
    scale: np.ndarray
    basis: np.ndarray  # (D, P)
    frequencies: np.ndarray  # (P, R)
    phases: np.ndarray  # (R,)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """(N, D) -> (N, P + R): the components themselves and their waves."""
        z = (x - self.mean) / self.scale @ self.basis
        return np.concatenate([z, np.cos(z @ self.frequencies + self.phases) * np.sqrt(2)], axis=1)


def fit_fourier(x: np.ndarray, rng: np.random.Generator, *, components: int = 48, waves: int = 1024) -> Fourier:
    """Features for inputs like these, (N, D): components of unit variance, waves as wide as their median distance."""
    mean, scale = x.mean(axis=0), x.std(axis=0)
    scale = np.where(scale > 1e-9, scale, np.inf)
    z = (x - mean) / scale
    gram = z @ z.T if z.shape[1] > len(z) else z.T @ z
    values, vectors = np.linalg.eigh(gram)
    keep = [i for i in np.argsort(values)[::-1][:components] if values[i] > 1e-6 * values.max()]
    vectors = vectors[:, keep]
    basis = z.T @ vectors / np.sqrt(values[keep]) if z.shape[1] > len(z) else vectors
    spread = (z @ basis).std(axis=0)
    basis = basis / spread
    some = (z @ basis)[rng.permutation(len(z))[:300]]
    distances = np.linalg.norm(some[:, None] - some[None], axis=-1)
    width = np.median(distances[distances > 0]) if (distances > 0).any() else 1.0
    frequencies = rng.standard_normal((len(keep), waves)) / width
    return Fourier(mean, scale, basis, frequencies, rng.uniform(0.0, 2.0 * np.pi, waves))


def r2(y: np.ndarray, predicted: np.ndarray) -> float:
    """The share of the variance that is explained: 1 - sum of squared errors / sum of squares around the mean."""
    return float(1.0 - np.square(y - predicted).sum() / max(np.square(y - y.mean()).sum(), 1e-12))


def r2_interval(
    y: np.ndarray, predicted: np.ndarray, films: np.ndarray, rng: np.random.Generator, resamples: int = 2000
) -> tuple[float, float]:
    """95 % interval of R2, (N,) each, by resampling whole films: frames of one film are not independent."""
    names, where = np.unique(films, return_inverse=True)
    if len(names) < 5:
        raise ValueError(f"an interval needs at least 5 films, not {len(names)}")
    parts = np.stack([np.bincount(where, w) for w in (np.square(y - predicted), np.ones(len(y)), y, np.square(y))], 1)
    chosen = rng.integers(len(names), size=(resamples, len(names)))
    error, count, total, squares = parts[chosen].sum(axis=1).T  # each (resamples,)
    values = 1.0 - error / np.maximum(squares - total**2 / count, 1e-12)
    return float(np.quantile(values, 0.025)), float(np.quantile(values, 0.975))


def control_task(y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Targets without meaning: a random number for each of 16 ranges of a variable's values. (N,) -> (N,).

    Two rows in the same range get the same number, so the task can be learned from whatever holds the variable, but
    only by a probe that is strong enough to learn anything.
    """
    edges = np.quantile(y, np.linspace(0, 1, BANDS + 1)[1:-1])
    return rng.standard_normal(BANDS)[np.searchsorted(edges, y)]
