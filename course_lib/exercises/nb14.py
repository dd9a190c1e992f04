"""Exercises of notebook 14, latent actions: which shift it was, what the error counts, and what a code tells."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from course_lib.exercises.checking import Asked
from course_lib.exercises.core import Exercise, register
from course_lib.exercises.inputs import Inputs, check_values, close, must_equal, need, seeded


# --- 1. which of the decoder's guesses --------------------------------------------------------------------------------
def my_which_code(x: Tensor, y: Tensor, maps: Tensor) -> Tensor:
    """The code whose map draws y from x best. x, y: (B, N); maps: (K, N, N), row vectors times a map -> int64 (B,)."""
    drawn = torch.einsum("bn,knm->bkm", x, maps)  # (B, K, N)
    return (drawn - y[:, None]).square().sum(dim=-1).argmin(dim=1)


def _mapped(seed: int) -> Inputs:
    """Rows, what one of some maps makes of each (nearly), and the maps."""
    generator = seeded(seed)
    batch, width, codes = ((11, 5, 3), (10, 6, 4), (9, 7, 5))[seed % 3]
    maps = torch.randn(codes, width, width, generator=generator)
    x, true = torch.randn(batch, width, generator=generator), torch.randint(codes, (batch,), generator=generator)
    return x, torch.einsum("bn,bnm->bm", x, maps[true]) + 0.3 * torch.randn(batch, width, generator=generator), maps


def _squares(x: Tensor, y: Tensor, maps: Tensor) -> Tensor:
    """The squared error of each map, (B, K)."""
    return torch.stack([(x @ one - y).square().sum(dim=1) for one in maps], dim=1)


def _check_which_code(candidate: Asked) -> None:
    how_far = "These are errors, not codes: argmin says which code has the least, min says how small it is."
    each = "One answer for each code came out. For each of the B pairs, search among the K codes (dim=1)."
    candidate.explaining(
        {(3,): each}, mistake=lambda result: how_far if close(result, _squares(*_mapped(0)).min(dim=1).values) else ""
    )(*_mapped(0))
    check_values(
        candidate,
        lambda x, y, maps: _squares(x, y, maps).argmin(dim=1),
        _mapped,
        [
            (lambda x, y, maps: _squares(x, y, maps).argmax(dim=1),
             "You choose the code that draws worst: the least error wins."),
            (lambda x, y, maps: _squares(x, y, maps.transpose(1, 2)).argmin(dim=1),
             "The maps are applied from the wrong side: a row of x is multiplied by a map, x @ map."),
            (lambda x, y, maps: _squares(y, x, maps).argmin(dim=1),
             "You draw x from y. The decoder goes forwards in time: y from x."),
            (lambda x, y, maps: torch.stack([(x @ one - y).sum(1) for one in maps], 1).argmin(1),
             "Errors of opposite signs cancel: square each number's error before you add them up."),
        ],
        "Pair {place} is drawn best by the map {wanted}, you answer {mine}.",
        rounds=4,
    )  # fmt: skip


register(
    Exercise(
        id="lam.which_code",
        notebook="14",
        title="Which of the shifts was it",
        difficulty=1,
        minutes=6,
        reference=my_which_code,
        check=_check_which_code,
        hints=(
            "Draw y from x with each of the K maps: (B, N) and (K, N, N) give (B, K, N). Which one is nearest to y?",
            'torch.einsum("bn,knm->bkm", x, maps), subtract y[:, None], square, sum over the last axis, argmin(dim=1).',
        ),
        explanation="This is the whole encoder of the toy: it looks at the future and says which of K guesses it was. "
        "A trained encoder answers at once, without trying all of them, but the answer has the same meaning.",
    )
)


# --- 2. what the error counts -----------------------------------------------------------------------------------------
def my_weighted_error(drawn: Tensor, before: Tensor, after: Tensor, extra: float = 20.0) -> Tensor:
    """Mean squared error in which a pixel that changes counts 1 + extra times. All (B, 3, H, W) -> scalar."""
    moved = ((after - before).abs().amax(dim=1, keepdim=True) > 0.02).float()  # (B, 1, H, W)
    weights = 1.0 + extra * moved
    return (weights * (drawn - after).square()).mean() / weights.mean()


def _random_films(seed: int) -> Inputs:
    """A drawn frame, and a frame before and after it of which half the pixels differ."""
    generator = seeded(seed)
    drawn, before, after = (torch.rand(2, 3, 8, 6, generator=generator) for _ in range(3))
    stays = torch.rand(2, 1, 8, 6, generator=generator) < 0.5
    return drawn, before, torch.where(stays, before, after), 5.0


def _check_weighted_error(candidate: Asked) -> None:
    before = torch.full((2, 3, 4, 6), 0.5)
    after = before.clone()
    after[:, 1, 0, 0] = 0.9  # one colour of one pixel in 24
    off = after + 0.1
    flat = candidate(off, before, after, 20.0)
    must_equal(
        flat,
        torch.tensor(0.01),
        [
            (torch.tensor(0.01 * (1 + 20 / 24)),
             "An error of 0.1 in every pixel is 0.01 with any weights: divide by the mean weight."),
            (torch.tensor(0.1), "An error of 0.1 everywhere must give 0.01: square it."),
        ],
        "An error of 0.1 in every pixel is 0.01, whatever moved; yours gives {mine}.",
        rtol=1e-3,
    )  # fmt: skip
    nothing = "Where nothing moves there is still an error: every pixel has the weight 1 at least."
    candidate.explaining(infinite=nothing)(off, before, before)

    def ratio(change: tuple[float, float, float], extra: float) -> float:
        """How much more a mistake costs at a pixel whose colours change by this than at a pixel that stays."""
        then = before.clone()
        then[:, :, 0, 0] += torch.tensor(change)
        here, elsewhere = then.clone(), then.clone()
        here[:, :, 0, 0] += 0.3
        elsewhere[:, :, 2, 2] += 0.3
        return float(candidate(here, before, then, extra) / candidate(elsewhere, before, then, extra))

    much = ratio((0.0, 0.4, 0.0), 7.0)
    need(abs(much - 1.0) > 1e-3, "A mistake where something moved costs as much as one elsewhere: the extra weight is "
                                 "missing.")  # fmt: skip
    need(much > 1.0, "A mistake where something moved costs less than one elsewhere: the mask is turned round.")
    need(abs(much - 21.0) > 1e-2, "The extra weight that is passed in must be used; yours is always 20.")
    need(abs(much - 7.0) > 1e-2, "A pixel that changes counts 1 + extra times: the extra comes on top of the 1.")
    need(
        not 1.5 < much < 3.5, "A pixel has moved when any of its three colours has: the whole pixel gets the weight."
    )
    need(abs(much - 8.0) < 1e-2,
         f"With extra = 7 a mistake where something moved must cost 8 times as much, yours {much:.4g}.")  # fmt: skip
    darker, slightly, barely = ratio((0.0, 0.0, -0.4), 7.0), ratio((0.03, 0.0, 0.0), 7.0), ratio((0.015,) * 3, 7.0)
    need(abs(darker - 8.0) < 1e-2, "A pixel that grows darker has moved too: take the absolute difference.")
    need(
        abs(slightly - 8.0) < 1e-2,
        "One colour that changes by 0.03 is enough, but yours does not count that pixel: not the mean of the colours "
        "decides, the largest change of the three does.",
    )
    need(
        abs(barely - 1.0) < 1e-2,
        "Three colours that change by 0.015 each are no change: each is to be held against 0.02 by itself, not their "
        "sum.",
    )
    dark = torch.zeros(2, 3, 4, 6)
    exactly = dark + 0.02
    exactly[:, :, 1, 1] = 0.5
    guess = torch.rand(2, 3, 4, 6, generator=seeded(2))
    must_equal(
        candidate(guess, dark, exactly, 9.0),
        my_weighted_error(guess, dark, exactly, 9.0),
        [],
        "A change of exactly 0.02 is none: more than 0.02 is asked for. There the error is {wanted}, yours is {mine}.",
    )
    *films, _ = _random_films(0)
    usual = "Without a word about `extra` it is 20: the error is {wanted} then, yours is {mine}."
    must_equal(candidate(*films), my_weighted_error(*films), [], usual)
    check_values(
        candidate,
        my_weighted_error,
        _random_films,
        [
            (lambda drawn, before, after, extra: my_weighted_error(after, before, drawn, extra),
             "What has moved is decided by the two true frames, before and after; not by the drawn one."),
            (lambda drawn, before, after, extra: my_weighted_error(drawn, after, before, extra),
             "The drawn frame is compared with the frame before. It should be like the one after."),
        ],
        "On random frames the weighted mean is {wanted}, yours is {mine}. What has moved is decided by the two true "
        "frames.",
    )  # fmt: skip


register(
    Exercise(
        id="lam.weighted_error",
        notebook="14",
        title="What moves counts more",
        difficulty=2,
        minutes=10,
        reference=my_weighted_error,
        check=_check_weighted_error,
        hints=(
            "A mask of the pixels that differ between before and after by more than 0.02 in any colour: (B, 1, H, W).",
            "weights = 1 + extra * mask; then the mean of weights * squared error, divided by the mean weight.",
        ),
        explanation="A hundredth of a frame moves. Without the weights a decoder that copies the last frame is nearly "
        "perfect, and an action is worth almost nothing to it.",
        gradients=("drawn",),
    )
)


# --- 3. a table from codes to keys ------------------------------------------------------------------------------------
def my_code_table(counts: np.ndarray) -> np.ndarray:
    """The most frequent key of each code; of a code that never occurred, the most frequent key of all.

    counts: (K, A), how often each code went with each key -> int (K,).
    """
    table = counts.argmax(axis=1)
    return np.where(counts.sum(axis=1) > 0, table, counts.sum(axis=0).argmax())


def _code_counts(seed: int) -> Inputs:
    """Counts without ties, in which the third key is the commonest and two codes never occur."""
    rng = np.random.default_rng(seed)
    counts = 2.0 * rng.permutation(np.arange(1, 33)).reshape(8, 4)
    counts[:, 2] += 17.0
    counts[[1, 5]] = 0.0
    counts[6] = 0.0
    counts[6, rng.choice([0, 1, 3])] = 1.0  # and one occurred once
    return (counts,)


def _by_shares(counts: np.ndarray) -> np.ndarray:
    share = (counts / counts.sum(axis=0, keepdims=True)).argmax(axis=1)
    return np.where(counts.sum(axis=1) > 0, share, counts.sum(axis=0).argmax())


def _check_code_table(candidate: Asked) -> None:
    four = "Four answers came out, one for each key. One for each of the eight codes is wanted (axis=1)."
    candidate.explaining({(4,): four})(*_code_counts(0))
    check_values(
        candidate,
        my_code_table,
        _code_counts,
        [
            (lambda counts: counts.argmax(axis=1),
             "A code that never occurred gets key 0, as argmax of zeros is 0. Give it the commonest key."),
            (lambda counts: np.full(8, counts.sum(axis=0).argmax()),
             "Every code gets the same key: that is the control, not the table."),
            (lambda counts: counts.argmin(axis=1), "These are the rarest keys of each code."),
            (_by_shares,
             "You divide by how often each key occurs. The table is to be right most often: count."),
            (lambda counts: np.where(counts.sum(axis=1) > 0, counts.argmax(axis=1), -1),
             "A code that never occurred gets -1, which is no key. Give it the commonest key."),
        ],
        "The key of code {place} is {wanted}, you answer {mine}: the one that was counted most in its row, and the "
        "commonest of all where the row is empty.",
        rounds=4,
    )  # fmt: skip


register(
    Exercise(
        id="lam.code_table",
        notebook="14",
        title="From codes to keys",
        difficulty=2,
        minutes=8,
        reference=my_code_table,
        check=_check_code_table,
        hints=(
            "For each row, the column with the largest count. Which rows have no count at all?",
            "np.where(counts.sum(axis=1) > 0, counts.argmax(axis=1), counts.sum(axis=0).argmax()).",
        ),
        explanation="This little table is all that labels are ever used for, and it is fitted after training. Genie "
        "needs it for nothing but to say which button does what.",
    )
)


# --- 4. what a code tells about the key -------------------------------------------------------------------------------
def my_nmi(counts: np.ndarray) -> float:
    """Mutual information of codes and keys by the mean of their entropies. counts: (K, A) -> 0 to 1; 0 if one is fixed.

    (H(code) + H(key) - H(code, key)) / ((H(code) + H(key)) / 2).
    """

    def entropy(c: np.ndarray) -> float:
        share = c[c > 0] / c.sum()
        return float(-(share * np.log(share)).sum())

    code, key, both = entropy(counts.sum(axis=1)), entropy(counts.sum(axis=0)), entropy(counts.ravel())
    mean = (code + key) / 2.0
    return (code + key - both) / mean if mean > 1e-12 else 0.0


def _entropies(counts: np.ndarray) -> tuple[float, float, float]:
    """Entropies in nats: of the codes, of the keys, and what one tells about the other."""

    def entropy(c: np.ndarray) -> float:
        share = c[c > 0] / c.sum()
        return float(-(share * np.log(share)).sum())

    code, key = (entropy(counts.sum(axis=a)) for a in (1, 0))
    return code, key, code + key - entropy(counts.ravel())


def _table(seed: int) -> Inputs:
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 9, (8, 4)).astype(float)
    counts[rng.integers(8)] += 30 * np.eye(4)[rng.integers(4)]
    return (counts,)


def _check_nmi(candidate: Asked) -> None:
    ask = candidate.explaining(
        infinite="Your value is not a number: 0 log 0 counts as 0, so leave the empty cells out."
    )
    exact = ask(np.diag([5.0, 3.0, 2.0, 7.0]))
    need(exact >= 0, "The value is negative. An entropy is minus the sum of p log p.")
    half = "A code for each key must give 1, yours 0.5: divide by the entropies' mean, not their sum."
    itself = "This is the mutual information itself, in nats: divide it by the mean of the entropies."
    slips = [(0.5, half), (_entropies(np.diag([5.0, 3.0, 2.0, 7.0]))[2], itself)]
    must_equal(exact, 1.0, slips, "Where each code stands for one key the value is 1; yours is {mine}.")
    nothing = ask(np.outer([1.0, 2.0, 3.0], [2.0, 1.0, 1.0, 4.0]))
    must_equal(nothing, 0.0, [], "Codes that have nothing to do with the keys must give 0, yours {mine}.")
    one = np.zeros((8, 4))
    one[3] = [4, 2, 1, 1]
    single = "A single code tells nothing: 0."
    must_equal(candidate.explaining(infinite=single)(one), 0.0, [], single)
    only = np.zeros((2, 3))
    only[0, 0] = 5
    zero = "One code and one key: both entropies are 0 and you divide by 0. The value is to be 0."
    must_equal(candidate.explaining(infinite=zero)(only), 0.0, [], zero)

    def divided(by: Callable[[float, float], float]) -> Callable[[np.ndarray], float]:
        return lambda counts: float(_entropies(counts)[2] / by(*_entropies(counts)[:2]))

    check_values(
        candidate,
        my_nmi,
        _table,
        [
            (divided(lambda code, key: np.sqrt(code * key)),
             "You divide by the geometric mean of the entropies, not the arithmetic."),
            (divided(max), "You divide by the larger entropy; their mean is asked for."),
            (divided(min), "You divide by the smaller entropy; their mean is asked for."),
            (divided(lambda code, key: 1.0), itself),
        ],
        "For one random table the value is {wanted}, yours is {mine}.",
        rounds=4,
    )  # fmt: skip


register(
    Exercise(
        id="lam.nmi",
        notebook="14",
        title="What a code tells about the key",
        difficulty=3,
        minutes=15,
        reference=my_nmi,
        check=_check_nmi,
        hints=(
            "Write a small function for the entropy of some counts that leaves zeros out; you need it three times.",
            "H of the row sums, H of the column sums, H of all cells; (a + b - c) / ((a + b) / 2), and 0 for 0 / 0.",
        ),
        explanation="The value does not care what the codes are called, so it can compare names that nobody gave with "
        "names that we gave. Eight codes for four keys can reach 1 only if half of them are never used.",
    )
)
