"""Exercises of notebook 15, dynamics and play: what is hidden, what is kept, how a frame is made, and the gap in dB."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_lib.exercises.core import Exercise, Wrong, register


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _mask(value: Any, shape: tuple[int, ...]) -> Tensor:
    """The candidate's answer as a mask. Raises Wrong for another kind or shape."""
    if not isinstance(value, Tensor) or value.dtype != torch.bool:
        raise Wrong("A mask is expected, a tensor of booleans: True where a token is hidden.")
    if tuple(value.shape) != shape:
        raise Wrong(f"The shape {shape} is expected, yours is {tuple(value.shape)}.")
    return value


# --- 1. how many stay hidden ------------------------------------------------------------------------------------------
def tokens_left(step: int, steps: int, tokens: int) -> int:
    """Tokens that are still hidden after look 1, 2, ..., steps: cos(pi / 2 * step / steps) of them, rounded down."""
    return int(math.cos(math.pi / 2 * step / steps) * tokens + 1e-9)


def _check_left(candidate: Callable[[int, int, int], int]) -> None:
    for steps, tokens in ((4, 64), (8, 64), (3, 100), (1, 10)):
        mine = [candidate(step, steps, tokens) for step in range(1, steps + 1)]
        wanted = [tokens_left(step, steps, tokens) for step in range(1, steps + 1)]
        if any(not isinstance(value, int) for value in mine):
            raise Wrong(f"A number of tokens is whole: return an int, not a {type(mine[0]).__name__}.")
        if mine[-1] != 0:
            raise Wrong(f"After the last look nothing is hidden; yours leaves {mine[-1]} of {tokens}.")
        if mine == wanted:
            continue
        if mine == [int(tokens * (1 - step / steps)) for step in range(1, steps + 1)]:
            raise Wrong("Yours goes down by the same number each time. The cosine fixes few tokens at first.")
        if mine == [tokens - value for value in wanted] or all(
            abs(a - int(tokens * (1 - math.sin(math.pi / 2 * s / steps)))) <= 1
            for s, a in enumerate(mine, start=1)
        ):  # fmt: skip
            raise Wrong("Yours fixes most tokens in the first looks, when least is known: take the cosine itself.")
        if all(0 <= a - b <= 1 for a, b in zip(mine, wanted, strict=True)):
            raise Wrong("The number is rounded down, so that at least as many tokens are fixed as the cosine says.")
        raise Wrong(f"{steps} looks at {tokens} tokens leave {wanted} hidden, yours {mine}.")


register(
    Exercise(
        id="play.tokens_left",
        notebook="15",
        title="How many stay hidden",
        difficulty=1,
        minutes=6,
        reference=tokens_left,
        check=_check_left,
        hints=(
            "The angle goes from 0 to a quarter of a turn while step goes from 0 to steps; its cosine from 1 to 0.",
            "int(math.cos(math.pi / 2 * step / steps) * tokens): int rounds down.",
        ),
        explanation="In 8 looks at 64 tokens the first look fixes two tokens and the last one twelve. At first the "
        "tokens are guessed each by itself, and two guesses that are made apart may not fit together.",
    )
)


# --- 2. what is hidden in training ------------------------------------------------------------------------------------
def hide(shape: tuple[int, int, int], least: float, generator: torch.Generator) -> Tensor:
    """Which tokens of films are hidden. shape: (B, T, N), least: the smallest rate -> booleans of this shape.

    Each frame has a rate of its own, even between ``least`` and 1; the first frame of a film is never hidden.
    """
    films, frames, tokens = shape
    rate = least + (1.0 - least) * torch.rand(films, frames, 1, generator=generator)
    mask = torch.rand(films, frames, tokens, generator=generator) < rate
    mask[:, 0] = False
    return mask


def _check_hide(candidate: Callable[..., Tensor]) -> None:
    for seed, least in enumerate((0.5, 0.2)):
        shape = (300, 4, 80)
        mask = _mask(candidate(shape, least, _generator(seed)), shape)
        if not torch.equal(mask, candidate(shape, least, _generator(seed))):
            raise Wrong("The same generator in the same state gives another mask: draw from the one that is passed in.")
        if mask[:, 0].any():
            raise Wrong("The first frame is never hidden: something has to be known.")
        rate = mask[:, 1:].float().mean(dim=2)  # (B, T - 1)
        if abs(float(rate.mean()) - (1 - least) / 2) < 0.02 and least != 0.5:
            raise Wrong("Yours hides the others: True stands for a hidden token, and the rate is that of hiding.")
        if float(rate.min()) < least - 0.2 or abs(float(rate.mean()) - (1 + least) / 2) > 0.02:
            raise Wrong(f"With least = {least} a share of {(1 + least) / 2:.2f} is hidden on average, between {least} "
                        f"and 1; yours hides {float(rate.mean()):.2f}.")  # fmt: skip
        if float(rate.std()) < 0.5 * (1 - least) / math.sqrt(12):
            raise Wrong("All frames have nearly the same rate. Draw one for each frame of each film.")
        spread = float(rate.std(dim=1).mean())
        if spread < 0.5 * (1 - least) / math.sqrt(12):
            raise Wrong("All frames of a film have the same rate. Draw one for each frame.")
        alike = (mask[:, 1:] == mask[:, 1:, :1]).float().mean()
        if alike > 0.99:
            raise Wrong("A frame is hidden whole or not at all. Its rate is a chance for each of its tokens.")


register(
    Exercise(
        id="play.hide",
        notebook="15",
        title="What is hidden in training",
        difficulty=2,
        minutes=8,
        reference=hide,
        check=_check_hide,
        hints=(
            "Draw a rate of shape (B, T, 1) between least and 1, then a number of shape (B, T, N) between 0 and 1.",
            "mask = torch.rand(B, T, N, generator=g) < rate, and then the first frame: mask[:, 0] = False.",
        ),
        explanation="Rates near 1 train the first look at a frame, when nothing is known of it, and lower rates the "
        "later looks. Below a half is seldom of use: the last looks are easy.",
    )
)


# --- 3. which guesses are kept ----------------------------------------------------------------------------------------
def hide_again(sure: Tensor, mask: Tensor, left: int) -> Tensor:
    """Keep the surest guesses, hide the others again: the new mask, with exactly ``left`` hidden tokens in each row.

    sure: log-probability of the guess at each place, (B, N); mask: True where a token was hidden in this look, (B, N).
    What was known before stays known.
    """
    order = sure.masked_fill(~mask, torch.inf).argsort(dim=1)  # the least sure first, known tokens last
    return torch.zeros_like(mask).scatter(1, order[:, :left], True)


def _check_again(candidate: Callable[[Tensor, Tensor, int], Tensor]) -> None:
    for seed, (left, hidden) in enumerate(((3, 6), (0, 5), (5, 9))):
        g = _generator(seed)
        sure = torch.randn(4, 9, generator=g) - 2.0
        mask = torch.zeros(4, 9, dtype=torch.bool)
        mask.scatter_(1, torch.rand(4, 9, generator=g).argsort(dim=1)[:, :hidden], True)
        given = (sure.clone(), mask.clone())
        mine = _mask(candidate(sure, mask, left), (4, 9))
        if not (torch.equal(sure, given[0]) and torch.equal(mask, given[1])):
            raise Wrong("Your function changes what it was given; make a new mask.")
        wanted = hide_again(*given, left)
        if torch.equal(mine, wanted):
            continue
        if left and (mine == mine[:1]).all():
            raise Wrong("All rows hide the same places. Each frame of the batch has its own order: sort along dim=1.")
        if (mine & ~mask).any():
            raise Wrong("A token that was known is hidden again. Known tokens are as sure as can be, whatever `sure` "
                        "says at their places.")  # fmt: skip
        if (mine.sum(dim=1) != left).any():
            raise Wrong(f"{left} tokens of each row are to be hidden, yours hides {mine.sum(dim=1).tolist()}.")
        if torch.equal(mine, hide_again(-given[0], given[1], left)):
            raise Wrong("You hide the guesses that the model is surest of. Those are the ones to keep.")
        raise Wrong("The hidden tokens are not the least sure ones of their own row.")


register(
    Exercise(
        id="play.hide_again",
        notebook="15",
        title="Which guesses are kept",
        difficulty=2,
        minutes=10,
        reference=hide_again,
        check=_check_again,
        hints=(
            "Set `sure` to infinity where a token was known already, sort each row, and hide the first `left` places.",
            "order = sure.masked_fill(~mask, torch.inf).argsort(dim=1); zeros_like(mask).scatter(1, order[:, :left], "
            "True).",
        ),
        explanation="A guess that was made in an early look is never taken back; that is why the surest come first. "
        "With a generator the order gets some noise, or every frame would be filled in the same order.",
    )
)


# --- 4. what an action is worth ---------------------------------------------------------------------------------------
def delta_psnr(inferred: Tensor, random: Tensor, real: Tensor) -> Tensor:
    """How many dB nearer to the real frames the dream under inferred actions is than that under random ones.

    All (B, 3, H, W) in [0, 1] -> scalar, the mean over films of PSNR(inferred) - PSNR(random).
    """

    def psnr(drawn: Tensor) -> Tensor:
        return -10.0 * (drawn - real).square().mean(dim=(1, 2, 3)).log10()  # (B, 3, H, W) -> (B,)

    return (psnr(inferred) - psnr(random)).mean()


def _check_delta(candidate: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    real = torch.full((2, 3, 4, 4), 0.5)
    near, far = real + 0.01, real + 0.1
    mine = candidate(near, far, real)
    if not isinstance(mine, Tensor) or mine.ndim != 0:
        raise Wrong("One number is expected, a tensor without axes: the mean over films.")
    if not torch.allclose(mine, torch.tensor(20.0), atol=1e-3):
        for value, told in (
            (-20.0, "The dream under inferred actions is the nearer one here, so the gain is above 0: turn it round."),
            (40.0, "10 times the logarithm of the squared error: yours counts every tenth twice."),
            (-2.0, "Decibels are 10 times the logarithm to the base 10, with a minus."),
            (2.0, "Decibels are 10 times the logarithm to the base 10."),
            (40.0, "A PSNR alone is not a gain: subtract that under random actions."),
        ):
            if torch.allclose(mine, torch.tensor(value), atol=1e-3):
                raise Wrong(told)
        raise Wrong(f"An error of 0.01 against one of 0.1 is a gain of 20 dB, yours is {float(mine):.3f}.")
    for seed in range(3):
        g = _generator(seed)
        a, b, c = (torch.rand(5, 3, 6, 6, generator=g) for _ in range(3))
        a[0] = c[0] + 0.001
        mine, wanted = candidate(a, b, c), delta_psnr(a, b, c)
        if torch.allclose(mine, wanted, rtol=1e-3):
            continue
        pooled = [-10.0 * (x - c).square().mean().log10() for x in (a, b)]
        if torch.allclose(mine, pooled[0] - pooled[1], rtol=1e-3):
            raise Wrong("Each film has a PSNR of its own; you take the error of all films together.")
        raise Wrong(f"On random frames the mean gain is {float(wanted):.3f} dB, yours {float(mine):.3f}.")


register(
    Exercise(
        id="play.delta_psnr",
        notebook="15",
        title="What an action is worth",
        difficulty=2,
        minutes=8,
        reference=delta_psnr,
        check=_check_delta,
        hints=(
            "The PSNR of a film: -10 log10 of its mean squared error over colours and pixels, one number a film.",
            "-10 * (drawn - real).square().mean(dim=(1, 2, 3)).log10() for both dreams; subtract; mean over films.",
        ),
        explanation="This is the paper's measure of control. It says that actions matter; notebook 14 shows what it "
        "does not say.",
    )
)


# --- 5. a frame in a few looks ----------------------------------------------------------------------------------------
def make_frame(guess: Callable[[Tensor, Tensor], Tensor], tokens: int, steps: int) -> Tensor:
    """A frame of tokens, int64 (tokens,), in ``steps`` looks, the likeliest token each time.

    guess: (index (tokens,), mask (tokens,) True where hidden) -> logits (tokens, K). All is hidden at first; after look
    s the cos(pi / 2 * s / steps) * tokens least sure guesses (rounded down) are hidden again.
    """
    index, mask = torch.zeros(tokens, dtype=torch.long), torch.ones(tokens, dtype=torch.bool)
    for step in range(1, steps + 1):
        chances = guess(index, mask).softmax(dim=-1)  # (tokens, K)
        sure, drawn = chances.max(dim=-1)
        index = torch.where(mask, drawn, index)
        mask = hide_again(sure[None], mask[None], tokens_left(step, steps, tokens))[0]
    return index


class _Model:
    """A model to be played with: its logits are fixed, or change with every look, or know the place before only."""

    def __init__(self, kind: str, seed: int, tokens: int) -> None:
        self.kind, self.looks, self.masks = kind, 0, []
        self.logits = 3.0 * torch.randn(40, tokens, 6, generator=_generator(seed))

    def __call__(self, index: Tensor, mask: Tensor) -> Tensor:
        self.masks.append(mask.clone())
        look = self.looks if self.kind == "changes" else 0
        self.looks += 1
        if self.kind != "chain":
            return self.logits[look].clone()
        logits = torch.zeros(len(index), 6)  # sure of a token only where the one before it is known: it is one more
        for place in range(len(index)):
            if place == 0 or not mask[place - 1]:
                wanted = 0 if place == 0 else (int(index[place - 1]) + 1) % 6
                logits[place, wanted] = 9.0
        return logits


def _check_make(candidate: Callable[..., Tensor]) -> None:
    for seed, (tokens, steps) in enumerate(((16, 4), (12, 8), (9, 1))):
        model = _Model("fixed", seed, tokens)
        mine = candidate(model, tokens, steps)
        if not isinstance(mine, Tensor) or tuple(mine.shape) != (tokens,) or mine.is_floating_point():
            raise Wrong(f"{tokens} whole numbers are expected, a tensor of shape ({tokens},).")
        if model.looks != steps:
            raise Wrong(f"The model is asked {steps} times for {steps} looks; you asked it {model.looks} times.")
        if not torch.equal(mine, model.logits[0].argmax(dim=-1)):
            raise Wrong("With a model that never changes its mind each token is the likeliest one; yours are others.")
        hidden = [int(mask.sum()) for mask in model.masks]
        wanted = [tokens, *(tokens_left(s, steps, tokens) for s in range(1, steps))]
        if hidden != wanted:
            raise Wrong(f"In its {steps} looks the model should see {wanted} tokens hidden, it saw {hidden}.")
        changing, same = _Model("changes", seed, tokens), _Model("changes", seed, tokens)
        mine, reference = candidate(changing, tokens, steps), make_frame(same, tokens, steps)
        if torch.equal(mine, changing.logits[steps - 1].argmax(dim=-1)) and steps > 1:
            raise Wrong("The last look overwrites all tokens. What is known stays: only hidden tokens take the guess.")
        for early, late in zip(changing.masks, changing.masks[1:], strict=False):
            if (late & ~early).any():
                raise Wrong("A token that was known is hidden again, once the model is less sure of it.")
        if not torch.equal(mine, reference):
            raise Wrong("With a model that changes its mind the kept tokens are others: keep the surest guesses.")
    chain = candidate(_Model("chain", 0, 8), 8, 40)
    if not torch.equal(chain, torch.arange(8) % 6):
        raise Wrong("Where each token follows from the one before it, many looks should find all of them.")


register(
    Exercise(
        id="play.make_frame",
        notebook="15",
        title="A frame in a few looks",
        difficulty=3,
        minutes=15,
        reference=make_frame,
        check=_check_make,
        hints=(
            "Begin with all hidden. In each look: guess, take the guesses at hidden places, hide the least sure again; "
            "exercises 1 and 3 are two of its lines.",
            "sure, drawn = guess(index, mask).softmax(-1).max(-1); index = torch.where(mask, drawn, index); then the "
            "new mask from sure, with infinity at the known places.",
        ),
        explanation="The library's `Dynamics.make` is this loop with a batch, a temperature and noise in the order.",
    )
)
