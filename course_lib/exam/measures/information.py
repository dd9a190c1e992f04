"""What do codes tell about keys? Mutual information, and tables from codes to keys, from how often pairs occur.

Codes and keys have no names in common, so they are compared by what one tells about the other: by their mutual
information, divided by the arithmetic mean of their entropies (1: each tells the other; 0: they have nothing to do with
each other), and by a table from codes to keys that is fitted on other films.
"""

from __future__ import annotations

import numpy as np

from course_lib.worlds import spec

KEYS = len(spec.ACTIONS)


def entropy(counts: np.ndarray) -> np.ndarray:
    """Entropy in nats of the shares of counts along the last axis. (..., K) -> (...); 0 for nothing counted."""
    total = counts.sum(axis=-1, keepdims=True)
    share = counts / np.maximum(total, 1)
    return -(share * np.log(np.where(share > 0, share, 1.0))).sum(axis=-1)


def nmi_of_counts(counts: np.ndarray) -> np.ndarray:
    """Normalised mutual information from how often each pair occurs. (..., codes, keys) -> (...).

    (H(code) + H(key) - H(code, key)) / ((H(code) + H(key)) / 2), and 0 where one of them never varies.
    """
    code, key = entropy(counts.sum(axis=-1)), entropy(counts.sum(axis=-2))
    both = entropy(counts.reshape(*counts.shape[:-2], -1))  # (..., codes * keys)
    mean = (code + key) / 2.0
    return np.where(mean > 1e-12, np.maximum(code + key - both, 0.0) / np.maximum(mean, 1e-12), 0.0)


def count_pairs(index: np.ndarray, keys: np.ndarray, asked: np.ndarray, codes: int) -> np.ndarray:
    """How often each pair of code and key occurs in each film. All (N, S) -> (N, codes, keys), counted where asked."""
    counts = np.zeros((len(index), codes, KEYS))
    film, step = np.nonzero(asked)
    np.add.at(counts, (film, index[film, step], keys[film, step]), 1.0)
    return counts


def nmi_given(index: np.ndarray, keys: np.ndarray, asked: np.ndarray, cell: np.ndarray, codes: int) -> float:
    """The same given a third thing: I(code; key | cell), by the mean of the entropies given the cell.

    All (N, S); cell: whole numbers from 0. Each cell counts by how often it occurs.
    """
    tables = [count_pairs(index, keys, asked & (cell == c), codes).sum(axis=0) for c in range(int(cell.max()) + 1)]
    weights = np.array([t.sum() for t in tables])
    code, key = (np.array([entropy(t.sum(axis=a)) for t in tables]) for a in (1, 0))
    both = np.array([entropy(t.ravel()) for t in tables])
    mean = (weights * (code + key)).sum() / 2.0
    return float((weights * (code + key - both)).sum() / mean) if mean > 1e-12 else 0.0


def accuracy_by_film(counts: np.ndarray) -> np.ndarray:
    """Share of the steps of each film whose key is named by a table from codes to keys that *other* films fitted.

    counts: (N, codes, keys). The films are parted into even and odd ones, and each half is asked with the table of the
    other. A code that the other half never used answers with its most frequent key. (N,), NaN for a film not asked.
    """
    right = np.zeros(len(counts))
    for half in (0, 1):
        fitted = counts[1 - half :: 2].sum(axis=0)  # (codes, keys)
        table = np.where(fitted.sum(axis=1) > 0, fitted.argmax(axis=1), fitted.sum(axis=0).argmax())
        right[half::2] = counts[half::2, np.arange(counts.shape[1]), table].sum(axis=1)
    total = counts.sum(axis=(1, 2))
    return np.where(total > 0, right / np.maximum(total, 1), np.nan)


def majority_by_film(counts: np.ndarray) -> np.ndarray:
    """The control of ``accuracy_by_film``: always the most frequent key of the other films."""
    return accuracy_by_film(counts.sum(axis=1, keepdims=True))


def nmi_interval(counts: np.ndarray, rng: np.random.Generator, *, resamples: int = 2000) -> dict:
    """Normalised mutual information over all films, with its interval from resampled films. (N, codes, keys)."""
    drawn = rng.integers(len(counts), size=(resamples, len(counts)))
    often = np.stack([np.bincount(row, minlength=len(counts)) for row in drawn])  # (resamples, N)
    tables = (often @ counts.reshape(len(counts), -1)).reshape(resamples, *counts.shape[1:])
    low, high = np.quantile(nmi_of_counts(tables), [0.025, 0.975])
    value = float(nmi_of_counts(counts.sum(axis=0)))
    return {"value": value, "low": min(float(low), value), "high": max(float(high), value), "n": len(counts)}
