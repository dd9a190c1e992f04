"""Exercises of notebook 16, acting from films: words of codes, cloning, labels, keys, and the sizes of the paper."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.exercises.checking import Asked
from course_lib.exercises.core import Exercise, Wrong, register
from course_lib.exercises.inputs import Inputs, check_values, must_equal, seeded


# --- 1. words ---------------------------------------------------------------------------------------------------------
def my_words(index: np.ndarray, codes: int) -> np.ndarray:
    """Each step's code and the next one's as one number, the first weighing most. int (N, S) -> int (N, S - 1)."""
    return index[:, :-1] * codes + index[:, 1:]


def _steps(seed: int) -> Inputs:
    films, steps, codes = ((4, 9, 6), (3, 10, 7), (5, 7, 11))[seed % 3]
    return np.random.default_rng(seed).integers(0, codes, (films, steps)), codes


def _check_words(candidate: Asked) -> None:
    whole = "The last step has no next one, so it has no word: one column less than codes."
    candidate.explaining({(4, 9): whole})(*_steps(0))
    check_values(
        candidate,
        my_words,
        _steps,
        [
            (lambda index, codes: index[:, 1:] * codes + index[:, :-1],
             "The other way round: this step's code weighs most, the next one's is added."),
            (lambda index, codes: index[:, :-1] + index[:, 1:],
             "A sum of codes is no word: 2 and 3 would read as 3 and 2. Multiply the first by `codes`."),
            (lambda index, codes: index[:, :-1] * 8 + index[:, 1:],
             "There are not always 8 codes: use the number that is passed in."),
            (lambda index, codes: index[:, :-1] * 10 + index[:, 1:],
             "Read as decimal digits. The base is the number of codes that is passed in."),
        ],
        "The word at {place} is {wanted}, yours is {mine}.",
        rtol=1e-9,
    )  # fmt: skip


register(
    Exercise(
        id="clone.words",
        notebook="16",
        title="Two codes, one word",
        difficulty=1,
        minutes=6,
        reference=my_words,
        check=_check_words,
        hints=(
            "Read two codes like the two digits of a number whose base is `codes`.",
            "index[:, :-1] is this step's code, index[:, 1:] the next one's; the first times codes, plus the second.",
        ),
        explanation="Nothing is added to what the latent action model said; it is only read together. A policy that "
        "learns 64 words has to say more than one that learns 8 codes, and that takes it more steps.",
    )
)


# --- 2. the loss of a clone -------------------------------------------------------------------------------------------
def my_loss(logits: Tensor, answers: Tensor) -> Tensor:
    """Mean cross-entropy over the steps that somebody named. (B, A), int64 (B,), below 0 for no name -> scalar."""
    named = answers >= 0
    return F.cross_entropy(logits[named], answers[named])


def _named_and_not(seed: int, nobody: tuple[int, ...] = (-1, -2, -100, -7)) -> Inputs:
    """Logits and answers of twelve steps, four of which nobody named: one for each of these numbers below 0."""
    generator = seeded(seed)
    logits, answers = torch.randn(12, 5, generator=generator) * 2.0, torch.randint(5, (12,), generator=generator)
    answers[torch.tensor([1, 4, 5, 9])] = torch.tensor(nobody)
    return logits, answers


def _each(logits: Tensor, answers: Tensor) -> Tensor:
    """Minus the log-probability of each answer; of answer 0 where there is none. (B,)."""
    return -logits.log_softmax(dim=1)[torch.arange(len(answers)), answers.clamp_min(0)]


def _check_loss(candidate: Asked) -> None:
    def mean(logits: Tensor, answers: Tensor, none: int | None = None) -> Tensor:
        counted = answers >= 0 if none is None else answers != none
        return _each(logits, answers)[counted].mean()

    slips = [
        (lambda logits, answers: -mean(logits, answers),
         "The sign: the loss falls as the named answer becomes likelier."),
        (lambda logits, answers: _each(logits, answers).mean(),
         "Steps without a name are counted as if their name were 0; leave them out."),
        (lambda logits, answers: (_each(logits, answers) * (answers >= 0)).mean(),
         "Divide by the number of named steps, not by all: 8 of these 12 have a name."),
        (lambda logits, answers: _each(logits, answers)[answers >= 0].sum(),
         "This is the sum over the named steps; their mean is asked for."),
        (lambda logits, answers: -logits.softmax(1)[torch.arange(12), answers.clamp_min(0)][answers >= 0].mean(),
         "The logarithm is missing: cross-entropy is -log of the probability, not -1 times it."),
        (lambda logits, answers: _each(logits, answers)[answers > 0].mean(),
         "Answer 0 is a name like any other; only what lies below 0 is none."),
    ]  # fmt: skip
    otherwise = "For one random batch the loss is {wanted}, yours is {mine}."
    check_values(candidate, mean, lambda seed: _named_and_not(seed, (-1,) * 4), slips, otherwise)
    several = "Every number below 0 stands for no name: -1, but -2 and -100 as well. Yours counts some of them."
    try:
        check_values(
            candidate,
            mean,
            _named_and_not,
            [(lambda logits, answers: mean(logits, answers, -1), several),
             (lambda logits, answers: mean(logits, answers, -100), several)],
            f"{several} {otherwise}",
        )  # fmt: skip
    except Wrong as wrong:
        raise Wrong(str(wrong) if several in str(wrong) else f"{several} ({wrong})") from None


register(
    Exercise(
        id="clone.loss",
        notebook="16",
        title="Only what somebody named",
        difficulty=2,
        minutes=8,
        reference=my_loss,
        check=_check_loss,
        hints=(
            "Choose the rows of logits and answers whose answer is at least 0; then it is an ordinary classification.",
            "named = answers >= 0, then F.cross_entropy(logits[named], answers[named]).",
        ),
        explanation="With keys for all steps this trains the oracle clone, with words for all steps the clone from "
        "films, and with keys for 200 steps the control that shows what the films are worth.",
        gradients=("logits",),
    )
)


# --- 3. labels --------------------------------------------------------------------------------------------------------
def my_key_shares(word: np.ndarray, key: np.ndarray, prior: np.ndarray, weight: float = 2.0) -> np.ndarray:
    """How likely each key is given the word. word, key: int (M,); prior: (W, A), rows add up to 1 -> (W, A).

    What the labels say of a word, and ``weight`` labels more that are spread as the word's row of ``prior``.
    """
    counts = np.zeros_like(prior)
    np.add.at(counts, (word, key), 1.0)
    return (counts + weight * prior) / (counts.sum(axis=1, keepdims=True) + weight)


def _labels(seed: int) -> Inputs:
    """Forty labels of words of which two have none, and a prior."""
    rng = np.random.default_rng(seed)
    words, keys, weight = ((7, 4, 3.0), (8, 5, 1.0), (9, 3, 5.0))[seed % 3]
    return rng.integers(0, words - 2, 40), rng.integers(0, keys, 40), rng.dirichlet(np.ones(keys), words), weight


def _counted(word: np.ndarray, key: np.ndarray, prior: np.ndarray) -> np.ndarray:
    counts = np.zeros_like(prior)
    np.add.at(counts, (word, key), 1.0)
    return counts


def _once(word: np.ndarray, key: np.ndarray, prior: np.ndarray, weight: float) -> np.ndarray:
    once = (_counted(word, key, prior) > 0).astype(float)
    return (once + weight * prior) / (once.sum(1, keepdims=True) + weight)


def _without_prior(word: np.ndarray, key: np.ndarray, prior: np.ndarray, weight: float) -> np.ndarray:
    counts = _counted(word, key, prior) + 1e-9
    return counts / counts.sum(1, keepdims=True)


def _check_shares(candidate: Asked) -> None:
    lost = "A word that no label has is divided by 0. It should get its row of the prior."
    for seed in range(3):
        candidate.explaining(infinite=lost)(*_labels(seed))
    check_values(
        candidate,
        my_key_shares,
        _labels,
        [
            (lambda w, k, prior, weight: _counted(w, k, prior) + weight * prior,
             "These are counts: divide each row by its sum."),
            (_once, "counts[word, key] += 1 counts a pair once, however often it occurs. np.add.at counts all."),
            (lambda w, k, prior, weight: my_key_shares(w, k, prior, 2.0),
             "The weight that is passed in must be used; yours is always 2."),
            (lambda w, k, prior, weight: (_counted(w, k, prior) + weight * prior)
             / (_counted(w, k, prior).sum(0, keepdims=True) + weight),
             "You divide by how often each key occurs. The keys of one word add up to 1: sum over axis 1."),
            (_without_prior, "The prior is not used: a word with one label is then as sure as one with a hundred."),
            (lambda w, k, prior, weight: my_key_shares(w, k, np.full_like(prior, 1 / prior.shape[1]), weight),
             "The added labels are spread evenly. They are to be spread as the word's row of `prior` says."),
        ],
        "The rows do not hold (counts + weight * prior) / (labels + weight): at {place} that is {wanted}, yours is "
        "{mine}.",
        rtol=1e-7,
    )  # fmt: skip
    *labels, _ = _labels(0)
    usual = "Without a word about `weight` it is 2: at {place} the share is {wanted} then, yours is {mine}."
    must_equal(candidate(*labels), my_key_shares(*labels), [], usual)


register(
    Exercise(
        id="clone.key_shares",
        notebook="16",
        title="What few labels say",
        difficulty=2,
        minutes=10,
        reference=my_key_shares,
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
def my_key_chances(words: Tensor, table: Tensor, power: float = 1.0) -> Tensor:
    """Probabilities of keys. words: (B, W), those of words; table: (W, A), of keys given the word -> (B, A).

    p(k) is proportional to (sum over w of words[w] * table[w, k]) ** power.
    """
    share = (words @ table) ** power
    return share / share.sum(dim=1, keepdim=True)


def _words_and_table(seed: int) -> Inputs:
    generator = seeded(seed)
    words, table = torch.rand(5, 9, generator=generator), torch.rand(9, 4, generator=generator)
    return words / words.sum(1, keepdim=True), table / table.sum(1, keepdim=True), (2.0, 3.0, 0.5)[seed % 3]


def _divided(share: Tensor) -> Tensor:
    return share / share.sum(dim=1, keepdim=True)


def _check_chances(candidate: Asked) -> None:
    likeliest = "You keep the likeliest word only. Words that mean the same key add up."
    slips = [
        (lambda words, table, power: (words @ table) ** power,
         "They do not add up to 1: divide each row by its sum, after the power."),
        (lambda words, table, power: words @ table,
         "The power is not used: raise the probabilities of the keys to it."),
        (lambda words, table, power: table[words.argmax(1)], likeliest),
        (lambda words, table, power: _divided(table[words.argmax(1)] ** power), likeliest),
        (lambda words, table, power: _divided(words**power) @ table,
         "You raise the words to the power: add up over words first, then sharpen."),
        (lambda words, table, power: _divided(words @ table**power),
         "You raise the table to the power: add up over words first, then sharpen."),
        (lambda words, table, power: ((words @ table) ** power).softmax(dim=1),
         "A softmax takes exponentials of what are probabilities already. Divide each row by its sum."),
    ]  # fmt: skip
    check_values(
        candidate,
        my_key_chances,
        _words_and_table,
        slips,
        "At {place} the probability is {wanted}, yours is {mine}.",
        atol=1e-7,
    )
    for seed in range(3):
        words, table, _ = _words_and_table(seed)
        plain = candidate.explaining({(4,): "The 4 keys of each of the 5 frames are asked for."})(words, table)
        must_equal(plain, words @ table, [(table[words.argmax(1)], likeliest)],
                "With power 1 the probabilities are words @ table: at {place} {wanted}, yours {mine}.")  # fmt: skip


register(
    Exercise(
        id="clone.key_chances",
        notebook="16",
        title="From words to a key",
        difficulty=2,
        minutes=8,
        reference=my_key_chances,
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
def my_block_weights(layers: int, width: int, inner: int, hidden: float, attentions: int = 2) -> int:
    """Weights of a stack of space-time blocks, matrices alone: no biases, norms or embeddings.

    inner: heads times the size of a key. hidden: channels inside the feed-forward, in widths (two layers).
    """
    attention = 4 * width * inner
    return round(layers * (attentions * attention + 2 * width * hidden * width))


def _check_weights(candidate: Asked) -> None:
    def feed(width: int, hidden: float) -> float:
        return 2 * width * hidden * width

    check_values(
        candidate,
        my_block_weights,
        lambda seed: ((3, 8, 13, 1.0, 3), (2, 16, 24, 0.5, 1), (5, 12, 6, 4.0, 1), (4, 10, 15, 2.0, 3))[seed % 4],
        [
            (lambda n, w, i, h, a: a * 4 * w * i + feed(w, h), "That is one block; there are `layers` of them."),
            (lambda n, w, i, h, a: n * (a * 4 * w * w + feed(w, h)),
             "Queries, keys and values have `inner` channels, not `width`: the paper gives 36 heads of 128 at 5120."),
            (lambda n, w, i, h, a: n * (a * 3 * w * i + feed(w, h)),
             "Queries, keys, values, and a fourth matrix that leads back to the width."),
            (lambda n, w, i, h, a: n * (2 * 4 * w * i + feed(w, h)), "Use the number of attentions that is passed in."),
            (lambda n, w, i, h, a: n * (a * 4 * w * i + feed(w, h) / 2),
             "The feed-forward has two layers, in and out."),
            (lambda n, w, i, h, a: n * a * (4 * w * i + feed(w, h)) if a > 1 else None,
             "One feed-forward serves both attentions."),
            (lambda n, w, i, h, a: n * feed(w, h),
             "Only the feed-forward is counted; the matrices of the attentions are missing."),
            (lambda n, w, i, h, a: n * a * 4 * w * i, "Only the attentions are counted; the feed-forward is missing."),
        ],
        "For one choice of sizes there are {wanted} weights, yours has {mine}.",
        rounds=4,
        rtol=1e-9,
    )  # fmt: skip
    must_equal(
        candidate(2, 10, 14, 1.0), my_block_weights(2, 10, 14, 1.0), [],
        "With two attentions, as the parameter has it by itself, there are {wanted} weights, yours has {mine}.",
        rtol=1e-9,
    )  # fmt: skip


register(
    Exercise(
        id="clone.block_weights",
        notebook="16",
        title="How many weights",
        difficulty=3,
        minutes=12,
        reference=my_block_weights,
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
