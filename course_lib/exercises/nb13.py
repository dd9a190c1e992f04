"""Exercises of notebook 13, the video tokenizer: choosing codes, letting gradients through, counting who is in use."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_lib.exercises.checking import Asked
from course_lib.exercises.core import Exercise, Wrong, register
from course_lib.exercises.inputs import Inputs, check_values, close, must_equal, need, seeded


# --- 1. the nearest code ------------------------------------------------------------------------------------------
def my_nearest(x: Tensor, codes: Tensor) -> Tensor:
    """Which code is nearest to each vector. x: (N, D), codes: (K, D) -> int64 (N,)."""
    distances = (x[:, None, :] - codes[None, :, :]).square().sum(dim=2)  # (N, K)
    return distances.argmin(dim=1)


def _vectors_and_codes(seed: int) -> Inputs:
    generator = seeded(seed)
    x, codes = torch.randn(40, 5, generator=generator), torch.randn(12, 5, generator=generator)
    return x, codes * torch.rand(12, 1, generator=generator) * 3


def _check_nearest(candidate: Asked) -> None:
    line = torch.tensor([[0.2], [0.9], [5.1]]), torch.tensor([[0.0], [1.0], [5.0], [9.0]])
    how_far = "The answer is which code, a whole number, not how far it is: argmin, not min."
    least = torch.cdist(*line).min(dim=1).values
    found = candidate.explaining(
        {(4,): "One vector for each code came out. For each of the N vectors, search among the K codes (dim=1)."},
        mistake=lambda result: how_far if close(result, least) or close(result, least.square()) else "",
    )(*line)
    if found.tolist() == [3, 3, 0]:
        raise Wrong("These are the farthest codes: the least distance is wanted.")
    if found.tolist() == [2, 3, 3] or found.tolist() == [3, 3, 3]:
        raise Wrong("The largest product x.e is not the least distance: a long code would win every time.")
    check_values(
        candidate,
        lambda x, codes: torch.cdist(x, codes).argmin(dim=1),
        _vectors_and_codes,
        [
            (lambda x, codes: torch.cdist(x, codes, p=1).argmin(dim=1),
             "You add up absolute differences; square each one before adding."),
            (lambda x, codes: (x @ codes.T).argmax(dim=1),
             "The largest product x.e is not the least distance: |e|^2 is missing, and long codes win."),
            (lambda x, codes: torch.nn.functional.cosine_similarity(x[:, None], codes[None], dim=2).argmax(dim=1),
             "You compare angles alone; a distance also depends on how long the vectors are."),
            (lambda x, codes: (x[:, None] - codes[None]).sum(dim=2).abs().argmin(dim=1),
             "Differences of opposite signs cancel: square each one before adding."),
        ],
        "For the random vector {place} the nearest code is {wanted}, yours is {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="tokens.nearest",
        notebook="13",
        title="The nearest code",
        difficulty=2,
        minutes=8,
        reference=my_nearest,
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
def my_straight_through(x: Tensor, codes: Tensor) -> Tensor:
    """The value of ``codes``, the gradient of ``x``. Both (N, D) -> (N, D)."""
    return x + (codes - x).detach()


def _check_straight_through(candidate: Asked) -> None:
    generator = seeded(0)
    x, codes, weights = (torch.randn(6, 3, generator=generator) for _ in range(3))
    x.requires_grad_()
    codes.requires_grad_()
    out = candidate(x, codes)
    if close(out, x):
        turned = out.requires_grad and torch.autograd.grad(out.sum(), codes, retain_graph=True, allow_unused=True)
        if turned and turned[0] is not None:
            raise Wrong("The two are exchanged: the value must be the codes, the gradient must go to x.")
        raise Wrong("The value that comes out is x; the decoder must get the codes.")
    if not close(out, codes):
        raise Wrong("The value that comes out is not the codes.")
    if not out.requires_grad:
        raise Wrong("No gradient passes at all, so the encoder could never learn.")
    slope_x, slope_codes = torch.autograd.grad((out * weights).sum(), (x, codes), allow_unused=True)
    if slope_x is None:
        raise Wrong("No gradient reaches x: the encoder would never hear of the decoder's mistakes.")
    if slope_codes is not None and float(slope_codes.abs().sum()) > 0:
        raise Wrong("The gradient reaches the codes as well; here it belongs to x alone (they have their own loss).")
    if not close(slope_x, weights):
        raise Wrong("The gradient of x is not what arrived from above: it must pass as if the choice were not there.")


register(
    Exercise(
        id="tokens.straight_through",
        notebook="13",
        title="Straight through",
        difficulty=2,
        minutes=5,
        reference=my_straight_through,
        check=_check_straight_through,
        hints=(
            "detach() gives a value without its history. What must you add to x to get the codes?",
            "x plus (codes - x), where the bracket is detached: the value is codes, and only x has a history.",
        ),
        explanation="Forwards x cancels, backwards the bracket counts as a constant. The gradient is not the true one "
        "(that would be zero nearly everywhere), but it points where the decoder would like the vector to go.",
        gradients=("x", "codes"),
    )
)


# --- 3. two losses, each for one side -----------------------------------------------------------------------------
def my_two_losses(x: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:
    """Codebook loss and commitment: both mean |x - e|^2, each for one side only. (N, D), (N, D) -> two scalars."""
    codebook = (codes - x.detach()).square().sum(dim=1).mean()
    commitment = (x - codes.detach()).square().sum(dim=1).mean()
    return codebook, commitment


def _check_two_losses(candidate: Asked) -> None:
    for seed, shape in enumerate(((7, 3), (6, 5))):
        generator = seeded(seed)
        x, codes = (torch.randn(shape, generator=generator).requires_grad_() for _ in range(2))
        each = {shape[:1]: "One number for each vector came out: take the mean over the N vectors."}
        codebook, commitment = candidate.explaining(each)(x, codes)
        squares = (x - codes).detach().square().sum(dim=1)  # (N,)
        wanted = squares.mean()
        for name, value in (("codebook loss", codebook), ("commitment", commitment)):
            beta = f"The {name} is multiplied by a weight like beta. That belongs to the sum of all losses; here it is "
            must_equal(
                value,
                wanted,
                [
                    (wanted / shape[1], f"The {name} is a mean over all numbers: add up over the D numbers of a vector "
                                        "first."),
                    (squares.sqrt().mean(), f"The {name} is the mean distance: the distance is to be squared."),
                    (squares.sum(), f"The {name} is a sum over the vectors; their mean is asked for."),
                    (0.25 * wanted, beta + "the plain mean of |x - e|^2."),
                    (0.25 * wanted / shape[1], beta + "the plain mean of |x - e|^2, added up over D."),
                ],
                f"The {name}, the mean of |x - e|^2, is {{wanted}} for random vectors, not {{mine}}.",
            )  # fmt: skip

        def moved(loss: Tensor, x: Tensor = x, codes: Tensor = codes) -> tuple[bool, ...]:
            if not loss.requires_grad:
                return False, False
            grads = torch.autograd.grad(loss, (x, codes), retain_graph=True, allow_unused=True)
            return tuple(grad is not None and bool(grad.abs().sum() > 0) for grad in grads)

        by_codebook, by_commitment = moved(codebook), moved(commitment)
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
        reference=my_two_losses,
        check=_check_two_losses,
        hints=(
            "Both are the same number, the mean of |x - e|^2. Only what may move differs: which side is detached?",
            "Codebook loss: x is detached. Commitment: codes are detached. Sum over D, mean over N.",
        ),
        explanation="One pulls the codes to the vectors, the other the vectors to their codes. With one loss for both "
        "sides the pace could not be set apart; beta weighs the second (van den Oord et al. 2017, equation 3).",
        parts=("codebook", "commitment"),
        gradients=("x", "codes"),
    )
)


# --- 4. perplexity ------------------------------------------------------------------------------------------------
def my_perplexity(index: Tensor, codes: int) -> float:
    """exp of the entropy of how often each code occurs. int64 (N,), K -> a number from 1 to K."""
    share = torch.bincount(index, minlength=codes) / len(index)
    used = share[share > 0]
    return float(torch.exp(-(used * used.log()).sum()))


def _check_perplexity(candidate: Asked) -> None:
    ask = candidate.explaining(
        infinite="0 log 0 gives nan: leave out the codes that never occur (their part of the sum is 0)."
    )
    must_equal(
        ask(torch.arange(8).repeat(5), 8),
        8.0,
        [
            (math.log(8), "This is the entropy itself; the perplexity is exp of it (in nats)."),
            (3.0, "This is the entropy itself, in bits; the perplexity is 2 to that power, or exp of it in nats."),
            (math.exp(3.0), "exp belongs to the natural logarithm; with log2 it would have to be 2 to that power."),
            (1 / 8, "The sign is turned round: the entropy is minus the sum of p log p."),
        ],
        "Eight codes used equally often have perplexity 8; yours is {mine}.",
    )
    must_equal(ask(torch.full((20,), 3), 8), 1.0, [], "One code for everything has perplexity 1; yours is {mine}.")

    def of_shares(index: Tensor, codes: int) -> float:
        share = torch.bincount(index, minlength=codes).double() / len(index)
        return math.exp(-sum(float(p) * math.log(float(p)) for p in share if p > 0))

    check_values(
        candidate,
        of_shares,
        lambda seed: (torch.randint(6, (50,), generator=seeded(seed)).square() % 16, 16),
        [
            (lambda index, codes: float(len(index.unique())),
             "This counts the codes that occur at all; one that occurs once in fifty should count for less."),
            (lambda index, codes: 1 / float((torch.bincount(index) / len(index)).square().sum()),
             "This is one over the sum of squared shares, not exp of the entropy."),
            (lambda index, codes: of_shares(index, codes) / codes,
             "Do not divide by the number of codes: the perplexity goes from 1 to K."),
        ],
        "Uneven use has perplexity {wanted} here, yours is {mine}.",
        rtol=1e-3,
    )  # fmt: skip


register(
    Exercise(
        id="tokens.perplexity",
        notebook="13",
        title="How many codes are really in use",
        difficulty=2,
        minutes=8,
        reference=my_perplexity,
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
def my_fsq_index(digits: Tensor, levels: tuple[int, ...]) -> Tensor:
    """The number of a code from the level of each of its numbers; the first digit counts ones. (N, D) -> int64 (N,)."""
    index, place = torch.zeros(len(digits), dtype=torch.int64), 1
    for d, many in enumerate(levels):
        index = index + digits[:, d] * place
        place = place * many
    return index


def _check_fsq_index(candidate: Asked) -> None:
    for levels in ((3, 2), (8, 8, 8), (4, 5, 2, 3), (7,)):
        total = math.prod(levels)
        digits = torch.cartesian_prod(*[torch.arange(many) for many in levels]).reshape(total, len(levels))
        mine = candidate(digits, levels)
        wanted = my_fsq_index(digits, levels)
        if torch.equal(mine, torch.arange(total)) and not torch.equal(mine, wanted):
            raise Wrong("Here the last digit counts ones; the first is to do so.")
        if len(mine.unique()) < total:
            pair = f"with levels {levels} there are {total} codes and only {len(mine.unique())} of your numbers"
            raise Wrong(f"Two different codes get the same number: {pair}.")
        if int(mine.min()) < 0 or int(mine.max()) >= total:
            raise Wrong(f"With levels {levels} the numbers go from 0 to {total - 1}, yours up to {int(mine.max())}.")
        if not torch.equal(mine, wanted):
            raise Wrong("The digit d counts as much as the product of all levels before it, and the first counts ones.")


register(
    Exercise(
        id="tokens.fsq_index",
        notebook="13",
        title="Digits of a code",
        difficulty=2,
        minutes=8,
        reference=my_fsq_index,
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
def my_revive(codes: Tensor, idle: Tensor, x: Tensor, drawn: Tensor, after: int) -> Tensor:
    """Codes idle for at least ``after`` steps take the places of drawn vectors. (K, D) -> (K, D).

    idle: (K,), steps since each was chosen. x: (M, D). drawn: (K,), for each code the row of x that it would take.
    """
    dead = idle >= after  # (K,)
    return torch.where(dead[:, None], x[drawn], codes)


def _check_revive(candidate: Asked) -> None:
    for seed, after in enumerate((50, 50, 3)):
        generator = seeded(seed)
        codes, x = torch.randn(9, 4, generator=generator), torch.randn(30, 4, generator=generator) + 20.0
        idle = torch.tensor([0, 50, 3, 49, 51, 0, 200, 50, 1])
        drawn = torch.randint(30, (9,), generator=generator)
        mine = candidate(codes, idle, x, drawn, after)
        dead = idle >= after
        if not torch.equal(mine[~dead], codes[~dead]):
            raise Wrong("A code that is in use was moved: only those idle for at least `after` steps are dead.")
        if torch.equal(mine[idle == after], codes[idle == after]):
            raise Wrong("A code that was idle for exactly `after` steps is dead too: at least, not more than.")
        if close(mine[dead], x.mean(dim=0).expand(int(dead.sum()), -1), atol=1e-5):
            raise Wrong("All revived codes stand on the mean; then one of them wins, and the others die again.")
        if len(mine[dead].unique(dim=0)) == 1:
            raise Wrong("All revived codes stand on one vector; each needs its own draw: drawn[k] for code k.")
        if close(mine[dead], x[: int(dead.sum())]) or close(mine[dead], x[drawn[: int(dead.sum())]]):
            raise Wrong("The draws are used one after the other. drawn[k] is meant for code k, whether others are dead "
                        "or not.")  # fmt: skip
        if not torch.equal(mine[dead], x[drawn][dead]):
            raise Wrong("A dead code k must take the place of the vector x[drawn[k]].")
    need(
        torch.equal(candidate(codes, torch.zeros(9, dtype=torch.int64), x, drawn, 1), codes),
        "Where no code is dead, all of them must stay where they are.",
    )


register(
    Exercise(
        id="tokens.revive",
        notebook="13",
        title="Back to life",
        difficulty=3,
        minutes=8,
        reference=my_revive,
        check=_check_revive,
        hints=(
            "Which codes are dead? A row of True and False, by comparing idle with after.",
            "x[drawn] has one vector for every code; torch.where(dead[:, None], x[drawn], codes) takes it where dead.",
        ),
        explanation="A dead code gets no gradient, since nobody chooses it, so it can never come back by itself. Put "
        "where the encoder's vectors are, it is somebody's nearest code at once.",
    )
)
