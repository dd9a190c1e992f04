"""Which film belongs to which caption? Pure measures on similarities: arrays in, numbers out.

A *gallery* is k items with k different captions, one of which is right. Films with the same caption never stand in one
gallery: nobody could tell which of them is meant. Chance is 1 / k.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

K = 64  # items of a gallery
GALLERIES = 10  # for each query


def caption_ids(captions: Sequence[str]) -> np.ndarray:
    """The same whole number for the same caption, int64 (N,)."""
    return np.unique(np.asarray(captions), return_inverse=True)[1]


def gallery(ids: np.ndarray, query: int, order: np.ndarray, k: int) -> np.ndarray:
    """The items of one gallery, int64 (k,): the query's own, then the first k - 1 others in ``order`` whose captions
    differ from its own and from one another. Fewer where there are not so many.

    ids: (N,), see ``caption_ids``. order: a permutation of the N items.
    """
    found, first = np.unique(ids[order], return_index=True)  # the first item of each caption
    return np.concatenate([[query], order[np.sort(first[found != ids[query]])[: k - 1]]])


def top1_by_query(
    similarity: np.ndarray, ids: np.ndarray, *, generator: np.random.Generator, k: int = K, galleries: int = GALLERIES
) -> np.ndarray:
    """For each query, the share of its galleries in which the right item is the most similar one. -> (N,).

    similarity: (N, N), query i and item j; item i is right for query i. ids: (N,), see ``caption_ids``. Each gallery
    holds the right item and k - 1 others, drawn anew. A tie of m items for the first place counts 1 / m, so whoever
    finds all items equally similar has 1 / k.
    Raises ValueError where there are fewer than k different captions, or the shapes do not fit.
    """
    similarity, ids = np.asarray(similarity), np.asarray(ids)
    if similarity.shape != (len(ids), len(ids)):
        raise ValueError(f"{len(ids)} captions need similarities {len(ids)} x {len(ids)}, not {similarity.shape}")
    different = len(np.unique(ids))
    if k < 2 or different < k:
        raise ValueError(f"a gallery of {k} needs as many different captions, at least 2; here are {different}")
    won = np.zeros(len(ids))
    for query, row in enumerate(similarity):
        for _ in range(galleries):
            found = row[gallery(ids, query, generator.permutation(len(ids)), k)]
            won[query] += (found[0] == found.max()) / np.count_nonzero(found == found[0])
    return won / galleries


def class_vectors(prompts: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """One vector of length 1 for each class: the mean of its prompts' vectors, made unit length again.

    prompts: (P, E), of length 1; classes: int (P,), 0 to C - 1 -> (C, E). Radford et al. 2021, section 3.1.4, call such
    a mean over prompts an ensemble.
    """
    means = np.stack([prompts[classes == c].mean(axis=0) for c in range(int(classes.max()) + 1)])
    return means / np.linalg.norm(means, axis=1, keepdims=True)


def balanced_accuracy(right: np.ndarray, classes: np.ndarray, *, generator: np.random.Generator) -> dict[str, float]:
    """The mean over classes of the share that was right in each: value, low, high and n of a row.

    right: bool (N,); classes: (N,), the truth. Always giving one answer has 1 / (number of classes), however frequent
    it is. The 95 % interval is made of Jeffreys' for each class (draws from Beta(hits + 1/2, misses + 1/2); Brown, Cai
    and DasGupta, Interval Estimation for a Binomial Proportion, 2001), whose draws are averaged.
    Raises ValueError for no examples.
    """
    right, classes = np.asarray(right, bool), np.asarray(classes)
    if not len(right):
        raise ValueError("no example, so there is no accuracy")
    hits = np.array([[right[classes == c].sum(), (~right[classes == c]).sum()] for c in np.unique(classes)])
    value = float((hits[:, 0] / hits.sum(axis=1)).mean())
    draws = generator.beta(hits[:, :1] + 0.5, hits[:, 1:] + 0.5, size=(len(hits), 5000)).mean(axis=0)
    low, high = np.quantile(draws, [0.025, 0.975])
    return {"value": value, "low": min(float(low), value), "high": max(float(high), value), "n": len(right)}
