"""Exercises of notebook 13, the video tokenizer: choosing codes, letting gradients through, counting who is in use."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.exercises.core import Exercise, Wrong, register


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _tensor(result: object, shape: tuple[int, ...]) -> Tensor:
    if not isinstance(result, Tensor):
        raise Wrong(f"A tensor is expected, your function returns a {type(result).__name__}.")
    if tuple(result.shape) != shape:
        raise Wrong(f"The result has shape {tuple(result.shape)}; {shape} is expected.")
    return result


# --- 1. the nearest code ------------------------------------------------------------------------------------------
def nearest_code(x: Tensor, codes: Tensor) -> Tensor:
    """Which code is nearest to each vector. x: (N, D), codes: (K, D) -> int64 (N,)."""
    distances = (x[:, None, :] - codes[None, :, :]).square().sum(dim=2)  # (N, K)
    return distances.argmin(dim=1)


def _check_nearest(candidate: Callable[[Tensor, Tensor], Tensor]) -> None:
    line = torch.tensor([[0.2], [0.9], [5.1]]), torch.tensor([[0.0], [1.0], [5.0], [9.0]])
    found = _tensor(candidate(*line), (3,))
    if found.is_floating_point():
        raise Wrong("The answer is which code, a whole number, not how far it is: argmin, not min.")
    if found.tolist() == [3, 3, 0]:
        raise Wrong("These are the farthest codes: the least distance is wanted.")
    if found.tolist() == [2, 3, 3] or found.tolist() == [3, 3, 3]:
        raise Wrong("The largest product x.e is not the least distance: a long code would win every time.")
    for seed in range(3):
        g = _generator(seed)
        x, codes = torch.randn(40, 5, generator=g), torch.randn(12, 5, generator=g) * torch.rand(12, 1, generator=g) * 3
        wanted = torch.cdist(x, codes).argmin(dim=1)
        mine = _tensor(candidate(x, codes), (40,))
        if torch.equal(mine, torch.cdist(x, codes, p=1).argmin(dim=1)) and not torch.equal(mine, wanted):
            raise Wrong("You add up absolute differences; square each one before adding.")
        if torch.equal(mine, (x @ codes.T).argmax(dim=1)):
            raise Wrong("The largest product x.e is not the least distance: |e|^2 is missing, and long codes win.")
        if not torch.equal(mine, wanted):
            place = int((mine != wanted).nonzero()[0])
            raise Wrong(f"For one random vector the nearest code is {int(wanted[place])}, yours is {int(mine[place])}.")


register(
    Exercise(
        id="tokens.nearest",
        notebook="13",
        title="The nearest code",
        difficulty=2,
        minutes=8,
        reference=nearest_code,
        check=_check_nearest,
        hints=(
            "A table of distances, N rows and K columns, then the column with the least in each row. How do you "
            "subtract every code from every vector?",
            "x[:, None, :] - codes[None, :, :] has shape (N, K, D); square it, sum over the last axis, argmin over K.",
        ),
        explanation="This is the whole encoder of a token: a choice. The library saves memory with |x - e|^2 = |x|^2 - "
        "2 x.e + |e|^2, in which the first term is the same for every code.",
    )
)


# --- 2. straight through ------------------------------------------------------------------------------------------
def pass_through(x: Tensor, codes: Tensor) -> Tensor:
    """The value of ``codes``, the gradient of ``x``. Both (N, D) -> (N, D)."""
    return x + (codes - x).detach()


def _check_pass_through(candidate: Callable[[Tensor, Tensor], Tensor]) -> None:
    g = _generator(0)
    x, codes, weights = (torch.randn(6, 3, generator=g) for _ in range(3))
    x.requires_grad_()
    codes.requires_grad_()
    out = _tensor(candidate(x, codes), (6, 3))
    if torch.allclose(out, x) and out.requires_grad:
        if torch.autograd.grad(out.sum(), codes, retain_graph=True, allow_unused=True)[0] is not None:
            raise Wrong("The two are exchanged: the value must be the codes, the gradient must go to x.")
        raise Wrong("The value that comes out is x; the decoder must get the codes.")
    if not torch.allclose(out, codes, atol=1e-6):
        raise Wrong("The value that comes out is not the codes.")
    if not out.requires_grad:
        raise Wrong("No gradient passes at all, so the encoder could never learn.")
    (out * weights).sum().backward()
    if x.grad is None:
        raise Wrong("No gradient reaches x: the encoder would never hear of the decoder's mistakes.")
    if codes.grad is not None and float(codes.grad.abs().sum()) > 0:
        raise Wrong("The gradient reaches the codes as well; here it belongs to x alone (they have their own loss).")
    if not torch.allclose(x.grad, weights, atol=1e-6):
        raise Wrong("The gradient of x is not what arrived from above: it must pass as if the choice were not there.")


register(
    Exercise(
        id="tokens.straight_through",
        notebook="13",
        title="Straight through",
        difficulty=2,
        minutes=5,
        reference=pass_through,
        check=_check_pass_through,
        hints=(
            "detach() gives a value without its history. What must you add to x to get the codes?",
            "x plus (codes - x), where the bracket is detached: the value is codes, and only x has a history.",
        ),
        explanation="Forwards x cancels, backwards the bracket counts as a constant. The gradient is not the true one "
        "(that would be zero nearly everywhere), but it points where the decoder would like the vector to go.",
    )
)


# --- 3. two losses, each for one side -----------------------------------------------------------------------------
def two_losses(x: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:
    """Codebook loss and commitment: both mean |x - e|^2, each for one side only. (N, D), (N, D) -> two scalars."""
    codebook = (codes - x.detach()).square().sum(dim=1).mean()
    commitment = (x - codes.detach()).square().sum(dim=1).mean()
    return codebook, commitment


def _check_two_losses(candidate: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> None:
    for seed in range(2):
        g = _generator(seed)
        x, codes = (torch.randn(7, 4, generator=g).requires_grad_() for _ in range(2))
        found = candidate(x, codes)
        if not isinstance(found, tuple) or len(found) != 2:
            raise Wrong("Two numbers are expected: return codebook, commitment.")
        wanted = float((x - codes).detach().square().sum(dim=1).mean())
        for name, value in zip(("codebook loss", "commitment"), found, strict=True):
            value = float(_tensor(value, ()).detach())
            if math.isclose(value, wanted / 4, rel_tol=1e-4):
                raise Wrong(f"The {name} is a mean over all numbers: add up over the D numbers of a vector first.")
            if math.isclose(value, wanted**0.5, rel_tol=1e-4) or not math.isclose(value, wanted, rel_tol=1e-4):
                raise Wrong(f"The {name}, the mean of |x - e|^2, is {wanted:.3f} for random vectors, not {value:.3f}.")

        def moved(loss: Tensor, x: Tensor = x, codes: Tensor = codes) -> tuple[bool, bool]:
            if not loss.requires_grad:
                return False, False
            grads = torch.autograd.grad(loss, (x, codes), retain_graph=True, allow_unused=True)
            return tuple(grad is not None and bool(grad.abs().sum() > 0) for grad in grads)

        by_codebook, by_commitment = moved(found[0]), moved(found[1])
        if by_codebook == (True, False) and by_commitment == (False, True):
            raise Wrong("The two are exchanged: the codebook loss moves the codes, the commitment moves x.")
        if by_codebook == (True, True) or by_commitment == (True, True):
            raise Wrong("One of the losses pulls at both sides: detach the side that is to stand still.")
        if by_codebook != (False, True):
            raise Wrong("The codebook loss must move the codes, and them alone.")
        if by_commitment != (True, False):
            raise Wrong("The commitment must move x, and it alone.")


register(
    Exercise(
        id="tokens.two_losses",
        notebook="13",
        title="Two losses, each for one side",
        difficulty=3,
        minutes=8,
        reference=two_losses,
        check=_check_two_losses,
        hints=(
            "Both are the same number, the mean of |x - e|^2. Only what may move differs: which side is detached?",
            "Codebook loss: x is detached. Commitment: codes are detached. Sum over D, mean over N.",
        ),
        explanation="One pulls the codes to the vectors, the other the vectors to their codes. With one loss for both "
        "sides the pace could not be set apart; beta weighs the second (van den Oord et al. 2017, equation 3).",
    )
)


# --- 4. perplexity ------------------------------------------------------------------------------------------------
def perplexity(index: Tensor, codes: int) -> float:
    """exp of the entropy of how often each code occurs. int64 (N,), K -> a number from 1 to K."""
    share = torch.bincount(index, minlength=codes) / len(index)
    used = share[share > 0]
    return float(torch.exp(-(used * used.log()).sum()))


def _check_perplexity(candidate: Callable[[Tensor, int], float]) -> None:
    def ask(index: Tensor, codes: int) -> float:
        value = candidate(index, codes)
        if not isinstance(value, int | float) and not (isinstance(value, Tensor) and value.ndim == 0):
            raise Wrong(f"One number is expected, your function returns a {type(value).__name__}.")
        return float(value)

    even = ask(torch.arange(8).repeat(5), 8)
    if math.isclose(even, math.log(8), rel_tol=1e-3) or math.isclose(even, 3.0, rel_tol=1e-3):
        raise Wrong("This is the entropy itself; the perplexity is exp of it (in nats).")
    if math.isclose(even, math.exp(3.0), rel_tol=1e-3):
        raise Wrong("exp belongs to the natural logarithm; with log2 it would have to be 2 to that power.")
    if math.isclose(even, 1 / 8, rel_tol=1e-3):
        raise Wrong("The sign is turned round: the entropy is minus the sum of p log p.")
    if not math.isclose(even, 8.0, rel_tol=1e-3):
        raise Wrong(f"Eight codes used equally often have perplexity 8; yours is {even:.3g}.")
    lonely = ask(torch.full((20,), 3), 8)
    if math.isnan(lonely):
        raise Wrong("0 log 0 gives nan: leave out the codes that never occur (their part of the sum is 0).")
    if not math.isclose(lonely, 1.0, rel_tol=1e-3):
        raise Wrong(f"One code for everything has perplexity 1; yours is {lonely:.3g}.")
    for seed in range(3):
        index = torch.randint(6, (50,), generator=_generator(seed)).square() % 16
        share = torch.bincount(index) / 50
        wanted = math.exp(-sum(float(p) * math.log(float(p)) for p in share if p > 0))
        mine = ask(index, 16)
        if math.isclose(mine, len(index.unique()), rel_tol=1e-4):
            raise Wrong("This counts the codes that occur at all; one that occurs once in fifty should count for less.")
        if not math.isclose(mine, wanted, rel_tol=1e-3):
            raise Wrong(f"Uneven use has perplexity {wanted:.3f} here, yours is {mine:.3f}.")


register(
    Exercise(
        id="tokens.perplexity",
        notebook="13",
        title="How many codes are really in use",
        difficulty=2,
        minutes=8,
        reference=perplexity,
        check=_check_perplexity,
        hints=(
            "First the share of each code: torch.bincount(index, minlength=codes) / len(index).",
            "Entropy: minus the sum of p log p over the shares above 0. Perplexity: exp of it.",
        ),
        explanation="A perplexity of 80 says: guessing the next token, knowing only how often each occurs, is as hard "
        "as guessing among 80 that are equally likely. It falls long before the last code is dead.",
    )
)


# --- 5. which code of a finite scalar quantiser -------------------------------------------------------------------
def fsq_index(digits: Tensor, levels: tuple[int, ...]) -> Tensor:
    """The number of a code from the level of each of its numbers; the first digit counts ones. (N, D) -> (N,)."""
    index, place = torch.zeros(len(digits), dtype=torch.int64), 1
    for d, many in enumerate(levels):
        index = index + digits[:, d] * place
        place = place * many
    return index


def _check_fsq_index(candidate: Callable[[Tensor, tuple[int, ...]], Tensor]) -> None:
    for levels in ((3, 2), (8, 8, 8), (4, 5, 2, 3)):
        total = math.prod(levels)
        digits = torch.cartesian_prod(*[torch.arange(many) for many in levels]).reshape(total, len(levels))
        mine = _tensor(candidate(digits, levels), (total,))
        if mine.is_floating_point():
            raise Wrong("An index is a whole number: keep the digits whole.")
        wanted = fsq_index(digits, levels)
        if torch.equal(mine.long(), torch.arange(total)) and not torch.equal(mine.long(), wanted):
            raise Wrong("Here the last digit counts ones; the first is to do so.")
        if len(mine.unique()) < total:
            pair = f"with levels {levels} there are {total} codes and only {len(mine.unique())} of your numbers"
            raise Wrong(f"Two different codes get the same number: {pair}.")
        if int(mine.min()) < 0 or int(mine.max()) >= total:
            raise Wrong(f"With levels {levels} the numbers go from 0 to {total - 1}, yours up to {int(mine.max())}.")
        if not torch.equal(mine.long(), wanted):
            raise Wrong("The digit d counts as much as the product of all levels before it, and the first counts ones.")


register(
    Exercise(
        id="tokens.fsq_index",
        notebook="13",
        title="Digits of a code",
        difficulty=2,
        minutes=8,
        reference=fsq_index,
        check=_check_fsq_index,
        hints=(
            "It is the way we read 7 hours 25 minutes as minutes, except that each digit has its own number of levels. "
            "What is one step of the second digit worth?",
            "index = digit 0 + L0 * digit 1 + L0 * L1 * digit 2 + ...",
        ),
        explanation="Every list of levels has a number of its own, so no codebook is needed, and none of the codes can "
        "be lost: their count is the product of the levels (Mentzer et al. 2023, section 3.1).",
    )
)


# --- 6. back to life ----------------------------------------------------------------------------------------------
def revive(codes: Tensor, idle: Tensor, x: Tensor, drawn: Tensor, after: int) -> Tensor:
    """Codes idle for at least ``after`` steps take the places of drawn vectors. (K, D) -> (K, D).

    idle: (K,), steps since each was chosen. x: (M, D). drawn: (K,), for each code the row of x that it would take.
    """
    dead = idle >= after  # (K,)
    return torch.where(dead[:, None], x[drawn], codes)


def _check_revive(candidate: Callable[..., Tensor]) -> None:
    for seed in range(3):
        g = _generator(seed)
        codes, x = torch.randn(9, 4, generator=g), torch.randn(30, 4, generator=g) + 20.0
        idle = torch.tensor([0, 50, 3, 49, 51, 0, 200, 50, 1])
        drawn = torch.randint(30, (9,), generator=g)
        given = codes.clone(), idle.clone(), x.clone(), drawn.clone()
        mine = _tensor(candidate(*given, 50), (9, 4))
        if not torch.equal(given[0], codes):
            raise Wrong("Your function changes the codes it was given: make a new tensor, with clone() for example.")
        dead = idle >= 50
        if not torch.equal(mine[~dead], codes[~dead]):
            raise Wrong("A code that is in use was moved: only those idle for at least `after` steps are dead.")
        if torch.equal(mine[idle == 50], codes[idle == 50]):
            raise Wrong("A code that was idle for exactly `after` steps is dead too: at least, not more than.")
        if torch.allclose(mine[dead], x.mean(dim=0).expand(4, -1), atol=1e-5):
            raise Wrong("All revived codes stand on the mean; then one of them wins, and the others die again.")
        if len(mine[dead].unique(dim=0)) == 1:
            raise Wrong("All revived codes stand on one vector; each needs its own draw: drawn[k] for code k.")
        if not torch.equal(mine[dead], x[drawn][dead]):
            raise Wrong("A dead code k must take the place of the vector x[drawn[k]].")


register(
    Exercise(
        id="tokens.revive",
        notebook="13",
        title="Back to life",
        difficulty=3,
        minutes=8,
        reference=revive,
        check=_check_revive,
        hints=(
            "Which codes are dead? A row of True and False, by comparing idle with after.",
            "x[drawn] has one vector for every code; torch.where(dead[:, None], x[drawn], codes) takes it where dead.",
        ),
        explanation="A dead code gets no gradient, since nobody chooses it, so it can never come back by itself. Put "
        "where the encoder's vectors are, it is somebody's nearest code at once.",
    )
)
