"""Exercises of notebook 16, acting from films: words of codes, cloning, labels, keys, and the sizes of the paper."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.exercises.core import Exercise, Wrong, register


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _array(value: Any, shape: tuple[int, ...]) -> np.ndarray:
    """The candidate's answer as an array. Raises Wrong for another shape."""
    found = np.asarray(value)
    if found.shape != shape:
        raise Wrong(f"The shape {shape} is expected, yours is {found.shape}.")
    return found


# --- 1. words ---------------------------------------------------------------------------------------------------------
def pairs_of_codes(index: np.ndarray, codes: int) -> np.ndarray:
    """Each step's code and the next one's as one number, the first weighing most. int (N, S) -> (N, S - 1)."""
    return index[:, :-1] * codes + index[:, 1:]


def _check_pairs(candidate: Callable[[np.ndarray, int], np.ndarray]) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        codes, steps = 6 + seed, 9 + seed
        index = rng.integers(0, codes, (4, steps))
        before = index.copy()
        mine = np.asarray(candidate(index, codes))
        if not np.array_equal(index, before):
            raise Wrong("Your function changes the codes that it was given; make a new array.")
        if mine.shape == (4, steps):
            raise Wrong("The last step has no next one, so it has no word: one column less than codes.")
        if mine.shape != (4, steps - 1):
            raise Wrong(
                f"The shape {(4, steps - 1)} is expected, one word for each step but the last, not {mine.shape}."
            )
        if np.array_equal(mine, before[:, 1:] * codes + before[:, :-1]):
            raise Wrong("The other way round: this step's code weighs most, the next one's is added.")
        if np.array_equal(mine, before[:, :-1] + before[:, 1:]):
            raise Wrong("A sum of codes is no word: 2 and 3 would read as 3 and 2. Multiply the first by `codes`.")
        if np.array_equal(mine, before[:, :-1] * 8 + before[:, 1:]) and codes != 8:
            raise Wrong("There are not always 8 codes: use the number that is passed in.")
        if not np.array_equal(mine, pairs_of_codes(before, codes)):
            raise Wrong(f"Codes {before[0, :2].tolist()} of {codes} make {before[0, 0] * codes + before[0, 1]}, "
                        f"yours is {mine[0, 0]}.")  # fmt: skip


register(
    Exercise(
        id="clone.words",
        notebook="16",
        title="Two codes, one word",
        difficulty=1,
        minutes=6,
        reference=pairs_of_codes,
        check=_check_pairs,
        hints=(
            "Read two codes like the two digits of a number whose base is `codes`.",
            "index[:, :-1] is this step's code, index[:, 1:] the next one's; the first times codes, plus the second.",
        ),
        explanation="Nothing is added to what the latent action model said; it is only read together. A policy that "
        "learns 64 words has to say more than one that learns 8 codes, and that takes it more steps.",
    )
)


# --- 2. the loss of a clone -------------------------------------------------------------------------------------------
def cloning_loss(logits: Tensor, answers: Tensor) -> Tensor:
    """Mean cross-entropy over the steps that somebody named. (B, A), int64 (B,), below 0 for no name -> scalar."""
    named = answers >= 0
    return F.cross_entropy(logits[named], answers[named])


def _check_loss(candidate: Callable[[Tensor, Tensor], Tensor]) -> None:
    for seed in range(3):
        g = _generator(seed)
        logits, answers = torch.randn(12, 5, generator=g) * 2.0, torch.randint(5, (12,), generator=g)
        answers[torch.tensor([1, 4, 5, 9])] = -1
        mine = candidate(logits.clone(), answers.clone())
        if not isinstance(mine, Tensor) or mine.ndim != 0:
            raise Wrong("The loss of a batch is one number, a tensor without axes.")
        named = answers >= 0
        each = -logits.log_softmax(dim=1)[torch.arange(12), answers.clamp_min(0)]
        wanted = each[named].mean()
        if torch.allclose(mine, wanted, atol=1e-5):
            continue
        for value, told in (
            (-wanted, "The sign: the loss falls as the named answer becomes likelier."),
            (each.mean(), "Steps without a name are counted as if their name were 0; leave them out."),
            ((each * named).mean(), "Divide by the number of named steps, not by all: 8 of these 12 have a name."),
            (each[named].sum(), "This is the sum over the named steps; their mean is asked for."),
            ((-logits.softmax(dim=1)[torch.arange(12), answers.clamp_min(0)])[named].mean(),
             "The logarithm is missing: cross-entropy is -log of the probability, not -1 times it."),
        ):  # fmt: skip
            if torch.allclose(mine, value, atol=1e-5):
                raise Wrong(told)
        raise Wrong(f"For one random batch the loss is {float(wanted):.4f}, yours is {float(mine):.4f}.")


register(
    Exercise(
        id="clone.loss",
        notebook="16",
        title="Only what somebody named",
        difficulty=2,
        minutes=8,
        reference=cloning_loss,
        check=_check_loss,
        hints=(
            "Choose the rows of logits and answers whose answer is at least 0; then it is an ordinary classification.",
            "named = answers >= 0, then F.cross_entropy(logits[named], answers[named]).",
        ),
        explanation="With keys for all steps this trains the oracle clone, with words for all steps the clone from "
        "films, and with keys for 200 steps the control that shows what the films are worth.",
    )
)


# --- 3. labels --------------------------------------------------------------------------------------------------------
def key_shares(word: np.ndarray, key: np.ndarray, prior: np.ndarray, weight: float = 2.0) -> np.ndarray:
    """How likely each key is given the word. word, key: int (M,); prior: (W, A), rows add up to 1 -> (W, A).

    What the labels say of a word, and ``weight`` labels more that are spread as the word's row of ``prior``.
    """
    counts = np.zeros_like(prior)
    np.add.at(counts, (word, key), 1.0)
    return (counts + weight * prior) / (counts.sum(axis=1, keepdims=True) + weight)


def _check_shares(candidate: Callable[..., np.ndarray]) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        words, keys, weight = 7 + seed, 4, (2.0, 1.0, 5.0)[seed]
        word, key = rng.integers(0, words - 2, 40), rng.integers(0, keys, 40)
        prior = rng.dirichlet(np.ones(keys), words)
        given = prior.copy()
        with np.errstate(all="ignore"):
            mine = _array(candidate(word, key, prior, weight), (words, keys)).astype(float)
        if not np.array_equal(prior, given):
            raise Wrong("Your function changes the prior that it was given; work on a copy.")
        wanted, counts = key_shares(word, key, given, weight), np.zeros((words, keys))
        np.add.at(counts, (word, key), 1.0)
        if np.allclose(mine, wanted, atol=1e-8):
            continue
        if np.isnan(mine).any():
            raise Wrong("A word that no label has is divided by 0. It should get its row of the prior.")
        once = given * 0
        once[word, key] += 1.0
        for value, told in (
            (counts + weight * given, "These are counts: divide each row by its sum."),
            ((once + weight * given) / (once.sum(1, keepdims=True) + weight),
             "counts[word, key] += 1 counts a pair once, however often it occurs. np.add.at counts all."),
            (key_shares(word, key, given, 2.0), "The weight that is passed in must be used; yours is always 2."),
            ((counts + weight * given) / (counts.sum(0, keepdims=True) + weight),
             "You divide by how often each key occurs. The keys of one word add up to 1: sum over axis 1."),
        ):  # fmt: skip
            if np.allclose(mine, value, atol=1e-8):
                raise Wrong(told)
        if np.allclose(mine, (counts + 1e-9) / (counts + 1e-9).sum(1, keepdims=True), atol=1e-4):
            raise Wrong("The prior is not used: a word with one label is then as sure as one with a hundred.")
        raise Wrong(f"The rows do not hold (counts + weight * prior) / (labels + weight); row 0 is {mine[0].round(3)}, "
                    f"expected {wanted[0].round(3)}.")  # fmt: skip


register(
    Exercise(
        id="clone.key_shares",
        notebook="16",
        title="What few labels say",
        difficulty=2,
        minutes=10,
        reference=key_shares,
        check=_check_shares,
        hints=(
            "Count each pair of word and key in a table (W, A), add weight * prior, divide each row by its sum.",
            "np.add.at(counts, (word, key), 1.0); the rows add up to counts.sum(axis=1) + weight before the division.",
        ),
        explanation="With 200 labels for 64 words most words have one label or none. A word without any falls back on "
        "what its first code says, and with many labels the prior does not matter any more.",
    )
)


# --- 4. from words to a key -------------------------------------------------------------------------------------------
def key_chances(words: Tensor, table: Tensor, power: float = 1.0) -> Tensor:
    """Probabilities of keys. words: (B, W), those of words; table: (W, A), of keys given the word -> (B, A).

    p(k) is proportional to (sum over w of words[w] * table[w, k]) ** power.
    """
    share = (words @ table) ** power
    return share / share.sum(dim=1, keepdim=True)


def _check_chances(candidate: Callable[..., Tensor]) -> None:
    for seed in range(3):
        g = _generator(seed)
        words, table = torch.rand(5, 9, generator=g), torch.rand(9, 4, generator=g)
        words, table = words / words.sum(1, keepdim=True), table / table.sum(1, keepdim=True)
        for power in (1.0, 2.0, 3.0):
            mine = candidate(words.clone(), table.clone(), power)
            if not isinstance(mine, Tensor) or tuple(mine.shape) != (5, 4):
                raise Wrong("Probabilities of the 4 keys for each of the 5 frames are expected, a tensor (5, 4).")
            if torch.allclose(mine, key_chances(words, table, power), atol=1e-6):
                continue
            told = [
                ((words @ table) ** power, "They do not add up to 1: divide each row by its sum, after the power."),
                (words @ table, "The power is not used: raise the probabilities of the keys to it."),
                (table[words.argmax(1)], "You keep the likeliest word only. Words that mean the same key add up."),
            ]
            first = words**power
            told.append(((first / first.sum(1, keepdim=True)) @ table,
                         "You raise the words to the power: add up over words first, then sharpen."))  # fmt: skip
            best = table[words.argmax(1)] ** power
            told.append((best / best.sum(1, keepdim=True), told[2][1]))
            for value, reason in told:
                if torch.allclose(mine, value, atol=1e-6):
                    raise Wrong(reason)
            raise Wrong(f"With power {power:g} the first row is {key_chances(words, table, power)[0].tolist()}, "
                        f"yours {mine[0].tolist()}.")  # fmt: skip


register(
    Exercise(
        id="clone.key_chances",
        notebook="16",
        title="From words to a key",
        difficulty=2,
        minutes=8,
        reference=key_chances,
        check=_check_chances,
        hints=(
            "The law of total probability: sum over words of p(word) p(key | word). That is a matrix product.",
            "share = (words @ table) ** power, and then each row divided by its sum.",
        ),
        explanation="A power of 1 draws as the probabilities are, a large one always takes the likeliest. Neither is "
        "best: the one makes slips, the other can hang between two keys for ever.",
    )
)


# --- 5. the paper's sizes ---------------------------------------------------------------------------------------------
def block_weights(layers: int, width: int, inner: int, hidden: float, attentions: int = 2) -> int:
    """Weights of a stack of space-time blocks, matrices alone: no biases, norms or embeddings.

    inner: heads times the size of a key. hidden: channels inside the feed-forward, in widths (two layers).
    """
    attention = 4 * width * inner
    return round(layers * (attentions * attention + 2 * width * hidden * width))


def _check_weights(candidate: Callable[..., int]) -> None:
    for layers, width, inner, hidden, attentions in (
        (1, 10, 10, 4.0, 2), (3, 8, 12, 1.0, 2), (2, 16, 24, 0.5, 1), (5, 12, 6, 4.0, 1),
    ):  # fmt: skip
        mine = float(candidate(layers, width, inner, hidden, attentions))
        wanted = block_weights(layers, width, inner, hidden, attentions)
        if abs(mine - wanted) < 0.5:
            continue
        feed = 2 * width * hidden * width
        for value, told in (
            (wanted / layers, "That is one block; there are `layers` of them."),
            (layers * (attentions * 4 * width * width + feed),
             "Queries, keys and values have `inner` channels, not `width`: the paper gives 36 heads of 128 at 5120."),
            (layers * (attentions * 3 * width * inner + feed),
             "Queries, keys, values, and a fourth matrix that leads back to the width."),
            (layers * (2 * 4 * width * inner + feed), "Use the number of attentions that is passed in."),
            (layers * (attentions * 4 * width * inner + feed / 2), "The feed-forward has two layers, in and out."),
            (layers * attentions * (4 * width * inner + feed), "One feed-forward serves both attentions."),
        ):  # fmt: skip
            if abs(mine - value) < 0.5:
                raise Wrong(told)
        raise Wrong(f"layers {layers}, width {width}, inner {inner}, hidden {hidden:g}, attentions {attentions}: "
                    f"{wanted} weights, yours {mine:.0f}.")  # fmt: skip


register(
    Exercise(
        id="clone.block_weights",
        notebook="16",
        title="How many weights",
        difficulty=3,
        minutes=12,
        reference=block_weights,
        check=_check_weights,
        hints=(
            "An attention has four matrices between `width` and `inner` channels; the feed-forward has two between "
            "`width` and `hidden * width`.",
            "layers * (attentions * 4 * width * inner + 2 * width * hidden * width).",
        ),
        explanation="A published count is a check on a published table. Where they disagree, one of them says "
        "something that you have not understood, or that the authors have not said.",
    )
)
