"""Exercises of notebook 06, attention and patches: who attends to whom, what it costs, how a picture is cut."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from course_lib.exercises.checking import Asked
from course_lib.exercises.core import Exercise, Wrong, register
from course_lib.exercises.inputs import close, must_equal, need, seeded
from course_lib.nets.attention import MLP, Attention


# --- 1. who attends to whom ---------------------------------------------------------------------------------------
def my_weights(q: Tensor, k: Tensor, mask: Tensor) -> Tensor:
    """Shares of attention. q: (N, d), k: (M, d), mask: (N, M), True where a query may attend -> (N, M)."""
    logits = q @ k.T / math.sqrt(q.shape[-1])
    return logits.masked_fill(~mask, -torch.inf).softmax(dim=-1)


def _check_weights(candidate: Asked) -> None:
    for seed, (n, m, d) in enumerate(((4, 7, 9), (5, 6, 3), (3, 8, 5))):
        generator = seeded(seed)
        q, k = torch.randn(n, d, generator=generator), torch.randn(m, d, generator=generator)
        everywhere = torch.ones(n, m, dtype=torch.bool)
        forbidden = (
            "Your shares are not finite where each query may attend to every key. Is the mask turned round? True is "
            "where a query may attend."
        )
        mine, raw = candidate.explaining(infinite=forbidden)(q, k, everywhere), q @ k.T
        if close(mine, (raw / math.sqrt(d)).softmax(dim=0)):
            raise Wrong("Your columns add up to 1. A query has 1 to share out among the keys: rows add up to 1.")
        if close(mine, raw.softmax(dim=-1)):
            raise Wrong(f"The division is missing: with {d} channels logits are {math.sqrt(d):.1f} times too large.")
        if close(mine, (raw / d).softmax(dim=-1)):
            raise Wrong("You divide by d; the formula divides by its square root.")
        if not close(mine.sum(-1), torch.ones(n)):
            raise Wrong("The rows do not add up to 1: the softmax goes over the keys, the last axis.")
        wanted = (raw / math.sqrt(d)).softmax(dim=-1)
        if close(mine, (-raw / math.sqrt(d)).softmax(dim=-1)):
            raise Wrong("The sign is turned round: the larger the product of query and key, the larger the share.")
        if close(mine, torch.full((n, m), 1.0 / m)):
            raise Wrong("Where each query may attend to every key your shares are all alike. Is the mask turned round? "
                        "True is where a query may attend.")  # fmt: skip
        if not close(mine, wanted):
            raise Wrong("With nothing masked this is not softmax(q kᵀ / sqrt(d)). Compare one row by hand.")
        mask = torch.rand(n, m, generator=generator) > 0.4
        mask[:, 0], mask[0, 1] = True, False
        lost = "A row of your shares is not finite: every query has a key to which it may attend."
        mine = candidate.explaining(infinite=lost)(q, k, mask)
        if close(mine, wanted):
            raise Wrong("The mask is not used: queries attend where they may not.")
        if close(mine, wanted * mask):
            raise Wrong(
                "You set the forbidden shares to 0 after the softmax, and the rest no longer adds up to 1. "
                "Forbid before the softmax, with a logit of minus infinity."
            )
        if (mine[~mask].abs() > 1e-6).any():
            if float(mine[mask].abs().max()) < 1e-6:
                raise Wrong("The mask is turned round: True is where the query may attend.")
            raise Wrong("Something is left of the forbidden shares. A logit of 0 is not nothing: exp(0) is 1.")
        if not close(mine, my_weights(q, k, mask)):
            raise Wrong("With a mask, the allowed shares are not the softmax over the allowed keys.")


register(
    Exercise(
        id="attention.weights",
        notebook="06",
        title="Who attends to whom",
        difficulty=2,
        minutes=8,
        reference=my_weights,
        check=_check_weights,
        hints=(
            "First the logits q @ k.T, divided by the square root of the number of channels. What logit means never?",
            "logits.masked_fill(~mask, -torch.inf), then a softmax over the last axis.",
        ),
        explanation="exp(-inf) is 0, so a forbidden key gets nothing and the others share out what it would have had. "
        "Zeroing after the softmax would leave rows that add up to less than 1, by another amount in each row.",
        gradients=("q", "k"),
    )
)


# --- 2. a window into the past ------------------------------------------------------------------------------------
def my_window(tokens: int, reach: int) -> Tensor:
    """(N, N), True where token n may attend to token m: itself and the reach - 1 tokens just before it."""
    n, m = torch.arange(tokens)[:, None], torch.arange(tokens)[None, :]
    return (m <= n) & (m > n - reach)


def _check_window(candidate: Asked) -> None:
    for tokens, reach in ((5, 2), (7, 3), (6, 1), (4, 9), (8, 4), (9, 8), (1, 1)):
        mine = candidate(tokens, reach)
        wanted, case = my_window(tokens, reach), f"With {tokens} tokens and a reach of {reach}"
        if torch.equal(mine, wanted):
            continue
        if torch.equal(mine, wanted.T):
            raise Wrong("Rows and columns are swapped: a row is a token that attends. Yours attend to later ones.")
        if torch.equal(mine, ~wanted):
            raise Wrong("The mask is turned round: True is where the token may attend.")
        ahead = torch.ones(tokens, tokens, dtype=torch.bool).triu(1)
        if (mine & ahead).any():
            n, m = (mine & ahead).nonzero()[0].tolist()
            raise Wrong(f"{case} token {n} looks ahead at token {m}.")
        if not mine.diagonal().all():
            raise Wrong(f"{case} a token does not see itself; it counts as the first of its reach.")
        if torch.equal(mine, torch.ones_like(mine).tril()):
            raise Wrong(f"{case} the last token still sees the first: the window has no far end.")
        place = int((mine.sum(1) != wanted.sum(1)).nonzero()[0]) if (mine.sum(1) != wanted.sum(1)).any() else -1
        if place < 0:
            raise Wrong(f"{case} every token sees as many as it should, but not the ones just before it.")
        counts = mine[place].sum().item(), wanted[place].sum().item()
        raise Wrong(f"{case} token {place} sees {counts[0]} tokens and should see {counts[1]}.")


register(
    Exercise(
        id="attention.window",
        notebook="06",
        title="A window into the past",
        difficulty=2,
        minutes=8,
        reference=my_window,
        check=_check_window,
        hints=(
            "Lay the numbers of the tokens that attend along the rows and those of the others along the columns.",
            "n = torch.arange(tokens)[:, None], m = torch.arange(tokens)[None, :]; two conditions, joined with &.",
        ),
        explanation="A window makes the work of a long film grow with its length and not with its square, and the "
        "memory of a player of films stay bounded. What lies further back can still come through, block by block.",
    )
)


# --- 3. cut a picture ---------------------------------------------------------------------------------------------
def my_cut(frames: Tensor, patch: int) -> Tensor:
    """(B, C, H, W) -> (B, N, C * P * P): squares row by row, each laid flat with the channel first."""
    batch, channels, height, width = frames.shape
    squares = frames.reshape(batch, channels, height // patch, patch, width // patch, patch)
    squares = squares.permute(0, 2, 4, 1, 3, 5)  # (B, rows, columns, C, P, P)
    return squares.reshape(batch, -1, channels * patch * patch)


def _by_hand(frames: Tensor, patch: int) -> Tensor:
    """The same with loops: one patch after the other."""
    rows, columns = frames.shape[2] // patch, frames.shape[3] // patch
    flat = [
        frames[:, :, row * patch : (row + 1) * patch, column * patch : (column + 1) * patch].flatten(1)
        for row in range(rows) for column in range(columns)
    ]  # fmt: skip
    return torch.stack(flat, dim=1)


def _check_cut(candidate: Asked) -> None:
    for seed, (*shape, patch) in enumerate(((2, 3, 4, 10, 2), (5, 2, 8, 12, 4), (2, 4, 6, 9, 3))):
        frames = torch.rand(shape, generator=seeded(seed))
        batch, channels, height, width = shape
        rows, columns = height // patch, width // patch
        mine, wanted = candidate(frames, patch), _by_hand(frames, patch)
        if torch.equal(mine, wanted):
            continue
        if torch.equal(mine, frames.reshape(wanted.shape)):
            raise Wrong(
                "A reshape alone keeps the numbers in their old order: your first token is a piece of the uppermost "
                "lines. Make axes for rows, columns and the inside of a patch, and then move them."
            )
        grid = wanted.view(batch, rows, columns, -1)
        if torch.equal(mine, grid.transpose(1, 2).flatten(1, 2)):
            raise Wrong("The patches are numbered column by column; row by row is wanted.")
        inside = wanted.view(batch, rows * columns, channels, patch, patch)
        if torch.equal(mine, inside.permute(0, 1, 3, 4, 2).flatten(2)):
            raise Wrong("Inside a token your colours come last; the channel comes first, then lines, then pixels.")
        if torch.equal(mine, inside.transpose(-1, -2).flatten(2)):
            raise Wrong("Inside a token lines and columns of pixels are swapped: each patch is mirrored.")
        if torch.equal(mine.sort(dim=-1).values, wanted.sort(dim=-1).values):
            raise Wrong("Each token holds the right pixels in a wrong order: channel, then line, then column.")
        raise Wrong("The first token is not the upper left square: frames[:, :, :P, :P] laid flat.")


register(
    Exercise(
        id="attention.cut",
        notebook="06",
        title="Cut a picture into patches",
        difficulty=3,
        minutes=12,
        reference=my_cut,
        check=_check_cut,
        hints=(
            "Split the height into (rows, P) and the width into (columns, P): six axes. Which belong to a token?",
            "reshape to (B, C, rows, P, columns, P), permute(0, 2, 4, 1, 3, 5), reshape to (B, N, C * P * P).",
        ),
        explanation="reshape never moves a number, it only counts them differently; permute moves. Cutting is: make "
        "the axes, move the two that count the patches to the front, then join.",
        gradients=("frames",),
        without=("patchify", "unfold", "pixel_unshuffle", "for"),
    )
)


# --- 4. what it costs ---------------------------------------------------------------------------------------------
def my_multiplications(tokens: int, width: int) -> int:
    """Multiplications of one attention layer: queries, keys, values, logits, mixing, and the way out."""
    return 4 * tokens * width**2 + 2 * tokens**2 * width


def _check_multiplications(candidate: Asked) -> None:
    for tokens, width in ((6, 4), (3, 10), (64, 63), (10, 1), (1, 3)):
        linear, square = tokens * width**2, tokens**2 * width
        must_equal(
            candidate(tokens, width),
            4 * linear + 2 * square,
            [
                (3 * linear + 2 * square,
                 "The last matrix is missing: after the mixing each token goes through one more."),
                (4 * linear + square,
                 "One N x N product is missing: first the logits q kᵀ, then the weights times the values."),
                (4 * linear, "Only the four matrices are counted. Tokens meet in pairs as well: that is what grows."),
                (2 * square,
                 "Only the pairs are counted. Queries, keys, values and the way out are products with a matrix."),
                (2 * (4 * linear + 2 * square),
                 "Twice as many: count the multiplications, not the additions beside them."),
            ],
            f"For {tokens} tokens of width {width} there are {{wanted}} multiplications, not {{mine}}.",
            rtol=1e-9,
        )  # fmt: skip


register(
    Exercise(
        id="attention.multiplications",
        notebook="06",
        title="Count the work",
        difficulty=3,
        minutes=10,
        reference=my_multiplications,
        check=_check_multiplications,
        hints=(
            "A product of an (A, B) and a (B, C) matrix takes A * B * C multiplications. List the products of a layer.",
            "Four times (N, D) x (D, D); once (N, D) x (D, N); once (N, N) x (N, D). Heads change nothing.",
        ),
        explanation="4 N D^2 grows with the number of tokens, 2 N^2 D with its square; they are equal at N = 2 D. With "
        "D = 64 that is at 128 tokens, two of our frames. From there on the pairs decide.",
    )
)


# --- 5. find the leak ---------------------------------------------------------------------------------------------
def my_leak_test(layer: Callable[[Tensor], Tensor], x: Tensor) -> bool:
    """Whether any output of layer depends on a later token. layer: (N, D) -> (N, E); x: (N, D)."""
    x = x.detach().clone().requires_grad_()
    out = layer(x)
    for n in range(len(x) - 1):
        (gradient,) = torch.autograd.grad(out[n].square().sum(), x, retain_graph=True)
        if gradient[n + 1 :].abs().max() > 0:
            return True
    return False


class _Leak(nn.Module):
    """Every token keeps to its past, but one of them sees a little of one later token."""

    def __init__(self, at: int, of: int) -> None:
        super().__init__()
        self.at, self.of = at, of

    def forward(self, x: Tensor) -> Tensor:
        early = x.cumsum(dim=0)
        peek = torch.zeros_like(x)
        peek[self.at] = 0.01 * x[self.of]
        return early + peek


class _InPairs(nn.Module):
    """The answers of a layer, and beside them their negatives: each token's answers add up to exactly 0."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        out = self.layer(x)
        return torch.cat([out, -out], dim=-1)


def _check_leak_test(candidate: Asked) -> None:
    torch.manual_seed(0)
    x = torch.randn(6, 8, generator=seeded(1))
    cases: list[tuple[nn.Module, bool, str]] = [
        (Attention(8, 2, causal=True), False, "causal attention, which attends to the past only,"),
        (Attention(8, 2), True, "attention without a mask"),
        (nn.Sequential(MLP(8), nn.Linear(8, 5)), False, "a layer that keeps every token to itself"),
        (nn.Sequential(*(Attention(8, 2, causal=True) for _ in range(2))), False, "two causal layers, one by one,"),
        (_Leak(0, 1), True, "a layer in which the first token sees a little of the second, and no other sees ahead,"),
        (_Leak(4, 5), True, "a layer in which the last but one sees a little of the last, and no other sees ahead,"),
        (_Leak(1, 4), True, "a layer in which token 1 sees a little of token 4, and no other sees ahead,"),
    ]
    for layer, ahead, name in cases:
        mine = candidate(layer, x)
        need(
            ahead or not mine,
            f"You accuse {name} of looking ahead. A token may depend on itself and on what came before.",
        )
        need(mine or not ahead, f"You let {name} pass. Ask every token, about every token after it.")
    need(not candidate(_InPairs(_Leak(0, 0)), x), "You accuse a layer that keeps to the past of looking ahead.")
    need(candidate(_InPairs(_Leak(1, 4)), x),
         "You let a layer pass in which token 1 sees a little of token 4. A token's answers add up to 0 there whatever "
         "it sees, so their sum shows nothing: compare the answers themselves, or add up their squares.")  # fmt: skip


register(
    Exercise(
        id="attention.looks_ahead",
        notebook="06",
        title="Find the leak",
        difficulty=4,
        minutes=15,
        reference=my_leak_test,
        check=_check_leak_test,
        hints=(
            "Change the tokens after n and see whether output n changes; or take the gradient of output n.",
            "For each n: add random numbers to x[n + 1 :] in a copy; is layer(copy)[: n + 1] still layer(x)[: n + 1]?",
        ),
        explanation="A leak makes the training loss better and the model useless, so nothing in the training will show "
        "it. A test asks every output about every later input; asking the last output, or their sum, shows nothing. "
        "(Who changes tokens should change them by random numbers: a layer norm does not notice a constant.)",
        like=lambda layer, x: True,
    )
)
