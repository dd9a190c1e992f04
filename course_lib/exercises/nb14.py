"""Exercises of notebook 14, latent actions: which shift it was, what the error counts, and what a code tells."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from course_lib.exercises.core import Exercise, Wrong, register


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# --- 1. which of the decoder's guesses --------------------------------------------------------------------------------
def which_code(x: Tensor, y: Tensor, maps: Tensor) -> Tensor:
    """The code whose map draws y from x best. x, y: (B, N); maps: (K, N, N), row vectors times a map -> int64 (B,)."""
    drawn = torch.einsum("bn,knm->bkm", x, maps)  # (B, K, N)
    return (drawn - y[:, None]).square().sum(dim=-1).argmin(dim=1)


def _check_which_code(candidate: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    for seed in range(3):
        g = _generator(seed)
        batch, numbers, codes = 11 - seed, 5 + seed, 3 + seed
        maps = torch.randn(codes, numbers, numbers, generator=g)
        x, true = torch.randn(batch, numbers, generator=g), torch.randint(codes, (batch,), generator=g)
        y = torch.einsum("bn,bnm->bm", x, maps[true])
        mine = candidate(x, y, maps)
        if not isinstance(mine, Tensor):
            raise Wrong(f"A tensor is expected, your function returns a {type(mine).__name__}.")
        if tuple(mine.shape) == (codes,):
            raise Wrong("One answer for each code came out. For each of the B pairs, search among the K codes (dim=1).")
        if tuple(mine.shape) != (batch,):
            raise Wrong(f"One whole number for each pair is expected, shape ({batch},), not {tuple(mine.shape)}.")
        if mine.is_floating_point():
            raise Wrong("These are errors, not codes: argmin says which code has the least, min says how small it is.")
        if torch.equal(mine, true):
            continue
        drawn = torch.einsum("bn,knm->bkm", x, maps)
        if torch.equal(mine, (drawn - y[:, None]).square().sum(-1).argmax(1)):
            raise Wrong("You choose the code that draws worst: the least error wins.")
        turned = torch.einsum("bm,knm->bkn", x, maps)
        if torch.equal(mine, (turned - y[:, None]).square().sum(-1).argmin(1)):
            raise Wrong("The maps are applied from the wrong side: a row of x is multiplied by a map, x @ map.")
        back = torch.einsum("bn,knm->bkm", y, maps)
        if torch.equal(mine, (back - x[:, None]).square().sum(-1).argmin(1)):
            raise Wrong("You draw x from y. The decoder goes forwards in time: y from x.")
        if torch.equal(mine, (drawn - y[:, None]).sum(-1).argmin(1)):
            raise Wrong("Errors of opposite signs cancel: square each number's error before you add them up.")
        raise Wrong("Where y is exactly what one map makes of x, that map's number is not always what you answer.")


register(
    Exercise(
        id="lam.which_code",
        notebook="14",
        title="Which of the shifts was it",
        difficulty=1,
        minutes=6,
        reference=which_code,
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
def weighted_error(drawn: Tensor, before: Tensor, after: Tensor, extra: float = 20.0) -> Tensor:
    """Mean squared error in which a pixel that changes counts 1 + extra times. All (B, 3, H, W) -> scalar."""
    moved = ((after - before).abs().amax(dim=1, keepdim=True) > 0.02).float()  # (B, 1, H, W)
    weights = 1.0 + extra * moved
    return (weights * (drawn - after).square()).mean() / weights.mean()


def _check_weighted_error(candidate: Callable[..., Tensor]) -> None:
    before = torch.full((2, 3, 4, 4), 0.5)
    after = before.clone()
    after[:, 1, 0, 0] = 0.9  # one colour of one pixel in sixteen
    off = after + 0.1
    flat = candidate(off, before, after)
    if not isinstance(flat, Tensor) or flat.ndim != 0:
        raise Wrong("The error of a batch is one number, a tensor without axes.")
    if not torch.allclose(flat, torch.tensor(0.01), atol=1e-6):
        if torch.allclose(flat, torch.tensor(0.01) * (1 + 20 / 16), atol=1e-5):
            raise Wrong("An error of 0.1 in every pixel is 0.01 with any weights: divide by the mean weight.")
        if torch.allclose(flat, torch.tensor(0.1), atol=1e-5):
            raise Wrong("An error of 0.1 everywhere must give 0.01: square it.")
        raise Wrong(f"An error of 0.1 in every pixel is 0.01, whatever moved; yours gives {float(flat):.4f}.")
    still = candidate(off, before, before + 0.0)
    if not torch.isfinite(still):
        raise Wrong("Where nothing moves there is still an error: every pixel has the weight 1 at least.")
    here, wrong = after.clone(), after.clone()
    here[:, :, 0, 0] += 0.3
    wrong[:, :, 2, 2] += 0.3
    a, b = candidate(here, before, after, 7.0), candidate(wrong, before, after, 7.0)
    if torch.allclose(a, b, atol=1e-6):
        raise Wrong("A mistake where something moved costs as much as one elsewhere: the extra weight is missing.")
    if float(a) < float(b):
        raise Wrong("A mistake where something moved costs less than one elsewhere: the mask is turned round.")
    ratio = float(a / b)
    if abs(ratio - 21.0) < 1e-2:
        raise Wrong("The extra weight that is passed in must be used; yours is always 20.")
    if abs(ratio - 7.0) < 1e-2:
        raise Wrong("A pixel that changes counts 1 + extra times: the extra comes on top of the 1.")
    if 1.5 < ratio < 3.5:
        raise Wrong("A pixel has moved when any of its three colours has: the whole pixel gets the weight.")
    if abs(ratio - 8.0) > 1e-2:
        raise Wrong(f"With extra = 7 a mistake where something moved must cost 8 times as much, yours {ratio:.2f}.")
    g = _generator(1)
    x, y, z = (torch.rand(3, 3, 8, 8, generator=g) for _ in range(3))
    y = torch.where(torch.rand(3, 1, 8, 8, generator=g) < 0.5, x, y)
    if not torch.allclose(candidate(z, x, y), weighted_error(z, x, y), rtol=1e-4):
        if torch.allclose(candidate(z, x, y), weighted_error(y, x, z), rtol=1e-4):
            raise Wrong("What moved is told by the two true frames, before and after; not by the drawn one.")
        raise Wrong("On random frames the weighted mean is another one. What moved is told by the two true frames.")


register(
    Exercise(
        id="lam.weighted_error",
        notebook="14",
        title="What moves counts more",
        difficulty=2,
        minutes=10,
        reference=weighted_error,
        check=_check_weighted_error,
        hints=(
            "A mask of the pixels that differ between before and after by more than 0.02 in any colour: (B, 1, H, W).",
            "weights = 1 + extra * mask; then the mean of weights * squared error, divided by the mean weight.",
        ),
        explanation="A hundredth of a frame moves. Without the weights a decoder that copies the last frame is nearly "
        "perfect, and an action is worth almost nothing to it.",
    )
)


# --- 3. a table from codes to keys ------------------------------------------------------------------------------------
def code_table(counts: np.ndarray) -> np.ndarray:
    """The most frequent key of each code; of a code that never occurred, the most frequent key of all.

    counts: (K, A), how often each code went with each key -> int (K,).
    """
    table = counts.argmax(axis=1)
    return np.where(counts.sum(axis=1) > 0, table, counts.sum(axis=0).argmax())


def _check_code_table(candidate: Callable[[np.ndarray], np.ndarray]) -> None:
    for seed in range(4):
        rng = np.random.default_rng(seed)
        counts = rng.integers(1, 50, (8, 4)).astype(float)
        counts[:, 2] += 8.0
        counts[[1, 5]] = 0.0
        before = counts.copy()
        mine = np.asarray(candidate(counts))
        if not np.array_equal(before, counts):
            raise Wrong("Your function changes the counts that it was given; work on a copy.")
        if mine.shape == (4,):
            raise Wrong("Four answers came out, one for each key. One for each of the eight codes is wanted (axis=1).")
        if mine.shape != (8,):
            raise Wrong(f"One key for each code is expected, shape (8,), not {mine.shape}.")
        wanted = code_table(before)
        if np.array_equal(mine, before.argmax(axis=1)) and not np.array_equal(mine, wanted):
            raise Wrong("A code that never occurred gets key 0, as argmax of zeros is 0. Give it the commonest key.")
        if np.array_equal(mine, np.full(8, before.sum(axis=0).argmax())):
            raise Wrong("Every code gets the same key: that is the control, not the table.")
        if np.array_equal(mine, before.argmin(axis=1)):
            raise Wrong("These are the rarest keys of each code.")
        share = (before / before.sum(axis=0, keepdims=True)).argmax(axis=1)
        if np.array_equal(mine[before.sum(1) > 0], share[before.sum(1) > 0]) and not np.array_equal(mine, wanted):
            raise Wrong("You divide by how often each key occurs. The table is to be right most often: count.")
        if not np.array_equal(mine, wanted):
            raise Wrong(f"For one code the keys were counted {before[int((mine != wanted).argmax())]}; you answer "
                        f"{mine[int((mine != wanted).argmax())]}.")  # fmt: skip


register(
    Exercise(
        id="lam.code_table",
        notebook="14",
        title="From codes to keys",
        difficulty=2,
        minutes=8,
        reference=code_table,
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
def nmi(counts: np.ndarray) -> float:
    """Mutual information of codes and keys by the mean of their entropies. counts: (K, A) -> 0 to 1; 0 if one is fixed.

    (H(code) + H(key) - H(code, key)) / ((H(code) + H(key)) / 2).
    """

    def entropy(c: np.ndarray) -> float:
        share = c[c > 0] / c.sum()
        return float(-(share * np.log(share)).sum())

    code, key, both = entropy(counts.sum(axis=1)), entropy(counts.sum(axis=0)), entropy(counts.ravel())
    mean = (code + key) / 2.0
    return (code + key - both) / mean if mean > 1e-12 else 0.0


def _check_nmi(candidate: Callable[[np.ndarray], float]) -> None:
    def ask(counts: np.ndarray) -> float:
        with np.errstate(all="ignore"):
            value = candidate(counts.copy())
        if np.ndim(value) != 0:
            raise Wrong(f"One number is expected, yours has shape {np.shape(value)}.")
        return float(value)

    exact = ask(np.diag([5.0, 3.0, 2.0, 7.0]))
    if np.isnan(exact):
        raise Wrong("Your value is not a number: 0 log 0 counts as 0, so leave the empty cells out.")
    if abs(exact - 1.0) > 1e-6:
        if abs(exact + 1.0) < 1e-6 or exact < 0:
            raise Wrong("The value is negative. An entropy is minus the sum of p log p.")
        if abs(exact - 0.5) < 1e-6:
            raise Wrong("A code for each key must give 1, yours 0.5: divide by the entropies' mean, not their sum.")
        raise Wrong(f"Where each code stands for one key the value is 1; yours is {exact:.3f}.")
    nothing = ask(np.outer([1.0, 2.0, 3.0], [2.0, 1.0, 1.0, 4.0]))
    if abs(nothing) > 1e-6:
        raise Wrong(f"Codes that have nothing to do with the keys must give 0, yours {nothing:.3f}.")
    one = np.zeros((8, 4))
    one[3] = [4, 2, 1, 1]
    fixed = ask(one)
    if np.isnan(fixed) or abs(fixed) > 1e-6:
        raise Wrong("A single code tells nothing: 0.")
    only = np.zeros((2, 2))
    only[0, 0] = 5
    if np.isnan(ask(only)):
        raise Wrong("One code and one key: both entropies are 0 and you divide by 0. The value is to be 0.")
    rng = np.random.default_rng(0)
    for _ in range(4):
        counts = rng.integers(0, 9, (8, 4)).astype(float)
        counts[rng.integers(8)] += 30 * np.eye(4)[rng.integers(4)]
        mine, wanted = ask(counts), nmi(counts)
        code, key = (nmi_entropy(counts.sum(axis=a)) for a in (1, 0))
        mutual = wanted * (code + key) / 2.0
        if abs(mine - wanted) < 1e-6:
            continue
        for value, told in (
            (mutual / np.sqrt(code * key), "You divide by the geometric mean of the entropies, not the arithmetic."),
            (mutual / max(code, key), "You divide by the larger entropy; their mean is asked for."),
            (mutual / min(code, key), "You divide by the smaller entropy; their mean is asked for."),
            (mutual / key, "You divide by the entropy of the keys alone; the mean of both is asked for."),
            (mutual, "This is the mutual information itself, in nats: divide it by the mean of the entropies."),
        ):
            if abs(mine - value) < 1e-6:
                raise Wrong(told)
        raise Wrong(f"For one random table the value is {wanted:.4f}, yours is {mine:.4f}.")


def nmi_entropy(counts: np.ndarray) -> float:
    """Entropy in nats of the shares of some counts."""
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log(share)).sum())


register(
    Exercise(
        id="lam.nmi",
        notebook="14",
        title="What a code tells about the key",
        difficulty=3,
        minutes=15,
        reference=nmi,
        check=_check_nmi,
        hints=(
            "Write a small function for the entropy of some counts that leaves zeros out; you need it three times.",
            "H of the row sums, H of the column sums, H of all cells; (a + b - c) / ((a + b) / 2), and 0 for 0 / 0.",
        ),
        explanation="The value does not care what the codes are called, so it can compare names that nobody gave with "
        "names that we gave. Eight codes for four keys can reach 1 only if half of them are never used.",
    )
)
