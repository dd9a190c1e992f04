"""Exercises of notebook 15, dynamics and play: what is hidden, what is kept, how a frame is made, and the gap in dB."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.exercises.checking import Asked
from course_lib.exercises.core import Exercise, Wrong, register
from course_lib.exercises.inputs import Inputs, check_values, must_equal, need, seeded


# --- 1. how many stay hidden ------------------------------------------------------------------------------------------
def my_tokens_left(step: int, steps: int, tokens: int) -> int:
    """Tokens that are still hidden after step 1, 2, ..., steps: cos(pi / 2 * step / steps) of them, rounded down."""
    return int(math.cos(math.pi / 2 * step / steps) * tokens + 1e-9)


def _check_left(candidate: Asked) -> None:
    for steps, tokens in ((4, 64), (8, 64), (3, 100), (1, 10), (7, 90)):
        mine = [candidate(step, steps, tokens) for step in range(1, steps + 1)]
        wanted = [my_tokens_left(step, steps, tokens) for step in range(1, steps + 1)]
        if mine[-1] != 0:
            raise Wrong(f"After the last step nothing is hidden; yours leaves {mine[-1]} of {tokens}.")
        if mine == wanted:
            continue
        if mine == [int(tokens * (1 - step / steps)) for step in range(1, steps + 1)]:
            raise Wrong("Yours goes down by the same number each time. The cosine fixes few tokens at first.")
        if mine == [tokens - value for value in wanted] or all(
            abs(a - int(tokens * (1 - math.sin(math.pi / 2 * s / steps)))) <= 1
            for s, a in enumerate(mine, start=1)
        ):  # fmt: skip
            raise Wrong("Yours fixes most tokens in the first steps, when least is known: take the cosine itself.")
        if mine == [round(math.cos(math.pi / 2 * step / steps) * tokens) for step in range(1, steps + 1)]:
            raise Wrong("Yours is rounded to the nearest number. It is to be rounded down: int() does that.")
        if all(0 <= a - b <= 1 for a, b in zip(mine, wanted, strict=True)):
            raise Wrong("The number is rounded down, so that at least as many tokens are fixed as the cosine says.")
        raise Wrong(f"{steps} steps for {tokens} tokens leave {wanted} hidden, yours {mine}.")


register(
    Exercise(
        id="play.tokens_left",
        notebook="15",
        title="How many stay hidden",
        difficulty=1,
        minutes=6,
        reference=my_tokens_left,
        check=_check_left,
        hints=(
            "The angle goes from 0 to a quarter of a turn while step goes from 0 to steps; its cosine from 1 to 0.",
            "int(math.cos(math.pi / 2 * step / steps) * tokens): int rounds down.",
        ),
        explanation="In 8 decoding steps at 64 tokens the first fixes two tokens and the last one twelve. At first the "
        "tokens are guessed each by itself, and two guesses that are made apart may not fit together.",
    )
)


# --- 2. what is hidden in training ------------------------------------------------------------------------------------
def my_hide(shape: tuple[int, int, int], least: float, generator: torch.Generator) -> Tensor:
    """Which tokens of films are hidden. shape: (B, T, N), least: the smallest rate -> booleans of this shape.

    Each frame has a rate of its own, even between ``least`` and 1; the first frame of a film is never hidden.
    """
    films, frames, tokens = shape
    rate = least + (1.0 - least) * torch.rand(films, frames, 1, generator=generator)
    mask = torch.rand(films, frames, tokens, generator=generator) < rate
    mask[:, 0] = False
    return mask


def _check_hide(candidate: Asked) -> None:
    # Many frames, so that all of these hold as well where the films share the rates of their frames.
    shape = (4, 900, 100)
    for seed, least in enumerate((0.2, 0.5)):
        mask = candidate(shape, least, seeded(seed))
        if not torch.equal(mask, candidate(shape, least, seeded(seed))):
            raise Wrong("The same generator in the same state gives another mask: draw from the one that is passed in.")
        if torch.equal(mask, candidate(shape, least, seeded(seed + 10))):
            raise Wrong("Another generator gives the very same mask: draw from the one that is passed in.")
        if mask[:, 0].any():
            raise Wrong("The first frame is never hidden: something has to be known.")
        rate = mask[:, 1:].float().mean(dim=2)  # (B, T - 1)
        even = (1 - least) / math.sqrt(12)  # the standard deviation of a rate that is even between least and 1
        if float((mask[:, 1:] == mask[:, 1:, :1]).float().mean()) > 0.99:
            raise Wrong("A frame is hidden whole or not at all. Its rate is the probability of each of its tokens.")
        if float(rate.std(dim=1).mean()) < 0.6 * even:
            films = float(rate.mean(dim=1).std()) > 0.02
            raise Wrong(
                "All frames of a film have the same rate. Draw one for each frame." if films else
                "All frames have nearly the same rate. Draw one for each frame of each film."
            )  # fmt: skip
        mean = float(rate.mean())
        if abs(mean - (1 - least) / 2) < 0.03 and least != 0.5:
            raise Wrong("Yours hides the others: True stands for a hidden token, and the rate is that of hiding.")
        if abs(mean - (1 + least) / 2) > 0.03 or not 0.85 < float(rate.std()) / even < 1.25:
            raise Wrong(
                f"With least = {least} a share of {(1 + least) / 2:.2f} is hidden on average, with rates evenly "
                f"between {least} and 1; yours hides {mean:.3f}, with a spread of {rate.std():.3f} between frames."
            )


register(
    Exercise(
        id="play.hide",
        notebook="15",
        title="What is hidden in training",
        difficulty=2,
        minutes=8,
        reference=my_hide,
        check=_check_hide,
        hints=(
            "Draw a rate of shape (B, T, 1) between least and 1, then a number of shape (B, T, N) between 0 and 1.",
            "mask = torch.rand(B, T, N, generator=g) < rate, and then the first frame: mask[:, 0] = False.",
        ),
        explanation="Rates near 1 train the first decoding step of a frame, when nothing is known of it, and lower "
        "rates the later steps. Below a half is seldom of use: the last steps are easy.",
    )
)


# --- 3. which guesses are kept ----------------------------------------------------------------------------------------
def my_hide_again(sure: Tensor, mask: Tensor, left: int) -> Tensor:
    """Keep the surest guesses, hide the others again: the new mask, with exactly ``left`` hidden tokens in each row.

    sure: log-probability of the guess at each place, (B, N); mask: True where a token was hidden before, (B, N).
    What was known before stays known.
    """
    order = sure.masked_fill(~mask, torch.inf).argsort(dim=1)  # the least sure first, known tokens last
    return torch.zeros_like(mask).scatter(1, order[:, :left], True)


def _guesses(seed: int, left: int, hidden: int) -> Inputs:
    generator = seeded(seed)
    sure = torch.randn(4, 9, generator=generator) - 2.0
    mask = torch.zeros(4, 9, dtype=torch.bool)
    mask.scatter_(1, torch.rand(4, 9, generator=generator).argsort(dim=1)[:, :hidden], True)
    return sure, mask, left


def _check_again(candidate: Asked) -> None:
    for seed, (left, hidden) in enumerate(((3, 6), (0, 5), (5, 9), (6, 6))):
        sure, mask, _ = _guesses(seed, left, hidden)
        for ties in (False, True):
            sure = sure.round() if ties else sure  # many guesses are equally sure then
            mine = candidate(sure, mask, left)
            if 0 < left < hidden and (mine == mine[:1]).all():
                raise Wrong("All rows hide the same places. Each frame of the batch has its own order: sort along "
                            "dim=1.")  # fmt: skip
            if (mine & ~mask).any():
                raise Wrong(
                    "A token that was known is hidden again. Known tokens are as sure as can be, whatever `sure` says "
                    "at their places."
                )
            counts = mine.sum(dim=1).tolist()
            if ties and counts != [left] * 4:
                raise Wrong(
                    f"{left} tokens of each row are to be hidden; where several guesses are equally sure, yours hides "
                    f"{counts}. Sort them and take the first `left`."
                )
            if counts != [left] * 4:
                raise Wrong(f"{left} tokens of each row are to be hidden, yours hides {counts}.")
            kept = sure.masked_fill(mine | ~mask, torch.inf).min(dim=1).values  # the least sure guess that is kept
            again = sure.masked_fill(~mine, -torch.inf).max(dim=1).values  # the surest that is hidden
            if (again <= kept).all():
                continue
            if torch.equal(mine, my_hide_again(-sure, mask, left)):
                raise Wrong("You hide the guesses that the model is surest of. Those are the ones to keep.")
            raise Wrong("The hidden tokens are not the least sure ones of their own row.")


register(
    Exercise(
        id="play.hide_again",
        notebook="15",
        title="Which guesses are kept",
        difficulty=2,
        minutes=10,
        reference=my_hide_again,
        check=_check_again,
        hints=(
            "Set `sure` to infinity where a token was known already, sort each row, and hide the first `left` places.",
            "order = sure.masked_fill(~mask, torch.inf).argsort(dim=1); zeros_like(mask).scatter(1, order[:, :left], "
            "True).",
        ),
        explanation="A guess that was made in an early step is never taken back; that is why the surest come first. "
        "With a generator the order gets some noise, or every frame would be filled in the same order.",
    )
)


# --- 4. what an action is worth ---------------------------------------------------------------------------------------
def my_delta_psnr(inferred: Tensor, random: Tensor, real: Tensor) -> Tensor:
    """How many dB nearer to the real frames the dream under inferred actions is than that under random ones.

    All (B, 3, H, W) in [0, 1] -> scalar, the mean over films of PSNR(inferred) - PSNR(random).
    """

    def psnr(drawn: Tensor) -> Tensor:
        return -10.0 * (drawn - real).square().mean(dim=(1, 2, 3)).log10()  # (B, 3, H, W) -> (B,)

    return (psnr(inferred) - psnr(random)).mean()


def _dreams(seed: int) -> Inputs:
    generator = seeded(seed)
    inferred, random, real = (torch.rand(5, 3, 6, 4, generator=generator) for _ in range(3))
    inferred[0] = real[0] + 0.001
    return inferred, random, real


def _check_delta(candidate: Asked) -> None:
    real = torch.full((2, 3, 4, 5), 0.5)
    each = "One number is expected, the mean over films; yours has one for each."
    must_equal(
        candidate.explaining({(2,): each})(real + 0.01, real + 0.1, real),
        torch.tensor(20.0),
        [
            (torch.tensor(-20.0), "The dream under inferred actions is the nearer one here, so the gain is above 0: "
                                  "turn it round."),
            (torch.tensor(40.0), "Twice too much: 10 times the logarithm of the squared error, and the PSNR under "
                                 "random actions is subtracted."),
            (torch.tensor(10.0), "Half of it: 10 times the logarithm of the squared error, not of the absolute one."),
            (torch.tensor(-2.0), "Decibels are 10 times the logarithm to the base 10, with a minus."),
            (torch.tensor(2.0), "Decibels are 10 times the logarithm to the base 10."),
            (torch.tensor(20.0 * math.log(10.0)), "Decibels use the logarithm to base 10; torch.log is the natural "
                                                  "one."),
        ],
        "An error of 0.01 against one of 0.1 is a gain of 20 dB, yours is {mine}.",
        atol=1e-3,
    )  # fmt: skip

    def psnr(x: Tensor, real: Tensor) -> Tensor:
        return -10.0 * torch.stack([(a - b).square().mean().log10() for a, b in zip(x, real, strict=True)])

    check_values(
        candidate,
        lambda a, b, c: (psnr(a, c) - psnr(b, c)).mean(),
        _dreams,
        [
            (lambda a, b, c: -10.0 * ((a - c).square().mean().log10() - (b - c).square().mean().log10()),
             "Each film has a PSNR of its own; you take the error of all films together."),
            (lambda a, b, c: (psnr(a, c) - psnr(b, c)).sum(), "This is the sum over films; their mean is asked for."),
            (lambda a, b, c: (psnr(a, c) - psnr(b, c)).median(), "This is the median over films; their mean is asked "
                                                                 "for."),
        ],
        "On random frames the mean gain is {wanted} dB, yours {mine}.",
        rtol=1e-3,
    )  # fmt: skip


register(
    Exercise(
        id="play.delta_psnr",
        notebook="15",
        title="What an action is worth",
        difficulty=2,
        minutes=8,
        reference=my_delta_psnr,
        check=_check_delta,
        hints=(
            "The PSNR of a film: -10 log10 of its mean squared error over colours and pixels, one number a film.",
            "-10 * (drawn - real).square().mean(dim=(1, 2, 3)).log10() for both dreams; subtract; mean over films.",
        ),
        explanation="This is the paper's measure of control. It says that actions matter; notebook 14 shows what it "
        "does not say.",
    )
)


# --- 5. a frame in a few steps ----------------------------------------------------------------------------------------
def my_make_frame(guess: Callable[[Tensor, Tensor], Tensor], tokens: int, steps: int) -> Tensor:
    """A frame of tokens, int64 (tokens,), in ``steps`` decoding steps, the likeliest token each time.

    guess: (index (tokens,), mask (tokens,) True where hidden) -> logits (tokens, K). All is hidden at first; after step
    s the cos(pi / 2 * s / steps) * tokens least sure guesses (rounded down) are hidden again.
    """
    index, mask = torch.zeros(tokens, dtype=torch.long), torch.ones(tokens, dtype=torch.bool)
    for step in range(1, steps + 1):
        probabilities = guess(index, mask).softmax(dim=-1)  # (tokens, K)
        sure, drawn = probabilities.max(dim=-1)
        index = torch.where(mask, drawn, index)
        mask = my_hide_again(sure[None], mask[None], my_tokens_left(step, steps, tokens))[0]
    return index


class _Model:
    """A model to be played with: its logits are fixed, or change with every call, or know the place before only."""

    def __init__(self, kind: str, seed: int, tokens: int) -> None:
        self.kind, self.tokens, self.calls, self.masks = kind, tokens, 0, []
        self.logits = 3.0 * torch.randn(40, tokens, 6, generator=seeded(seed))

    def __call__(self, index: Tensor, mask: Tensor) -> Tensor:
        for name, given, dtype in (("index", index, torch.int64), ("mask", mask, torch.bool)):
            if tuple(given.shape) != (self.tokens,) or given.dtype != dtype:
                raise Wrong(f"guess is given {name} as {given.dtype} {tuple(given.shape)}; {dtype} ({self.tokens},) is "
                            "expected.")  # fmt: skip
        self.masks.append(mask.clone())
        call = self.calls if self.kind == "changes" else 0
        self.calls += 1
        if self.kind != "chain":
            return self.logits[call].clone()
        logits = torch.zeros(len(index), 6)  # sure of a token only where the one before it is known: it is one more
        for place in range(len(index)):
            if place == 0 or not mask[place - 1]:
                wanted = 0 if place == 0 else (int(index[place - 1]) + 1) % 6
                logits[place, wanted] = 9.0
        return logits


def _by_logits(guess: Callable[[Tensor, Tensor], Tensor], tokens: int, steps: int) -> Tensor:
    """The same with a mistake: the surest guesses are those with the largest logits."""
    index, mask = torch.zeros(tokens, dtype=torch.long), torch.ones(tokens, dtype=torch.bool)
    for step in range(1, steps + 1):
        sure, drawn = guess(index, mask).max(dim=-1)
        index = torch.where(mask, drawn, index)
        mask = my_hide_again(sure[None], mask[None], my_tokens_left(step, steps, tokens))[0]
    return index


def _check_make(candidate: Asked) -> None:
    for seed, (tokens, steps) in enumerate(((16, 4), (12, 8), (9, 1))):
        model = _Model("fixed", seed, tokens)
        mine = candidate(model, tokens, steps)
        if model.calls != steps:
            raise Wrong(f"The model is asked once in each of {steps} steps; you asked it {model.calls} times.")
        if not torch.equal(mine, model.logits[0].argmax(dim=-1)):
            raise Wrong("With a model that never changes its mind each token is the likeliest one; yours are others.")
        hidden = [int(mask.sum()) for mask in model.masks]
        wanted = [tokens, *(my_tokens_left(s, steps, tokens) for s in range(1, steps))]
        if hidden != wanted:
            raise Wrong(f"In its {steps} steps the model should see {wanted} tokens hidden, it saw {hidden}.")
        changing, same = _Model("changes", seed, tokens), _Model("changes", seed, tokens)
        mine, reference = candidate(changing, tokens, steps), my_make_frame(same, tokens, steps)
        if torch.equal(mine, changing.logits[steps - 1].argmax(dim=-1)) and steps > 1:
            raise Wrong("The last step overwrites all tokens. What is known stays: only hidden tokens take the guess.")
        for early, late in zip(changing.masks, changing.masks[1:], strict=False):
            if (late & ~early).any():
                raise Wrong("A token that was known is hidden again, once the model is less sure of it.")
        if torch.equal(mine, reference):
            continue
        if torch.equal(mine, _by_logits(_Model("changes", seed, tokens), tokens, steps)):
            raise Wrong("You rank the guesses by their logits. How sure a guess is only its share says, after the "
                        "softmax: logits of different places have nothing in common.")  # fmt: skip
        raise Wrong("With a model that changes its mind the kept tokens are others: keep the surest guesses, by their "
                    "probabilities.")  # fmt: skip
    chain = candidate(_Model("chain", 0, 8), 8, 40)
    need(
        torch.equal(chain, torch.arange(8) % 6),
        "Where each token follows from the one before it, many steps should find all of them.",
    )


register(
    Exercise(
        id="play.make_frame",
        notebook="15",
        title="A frame in a few decoding steps",
        difficulty=3,
        minutes=15,
        reference=my_make_frame,
        check=_check_make,
        hints=(
            "Begin with all hidden. In each step: guess, take the guesses at hidden places, hide the least sure again; "
            "exercises 1 and 3 are two of its lines.",
            "sure, drawn = guess(index, mask).softmax(-1).max(-1); index = torch.where(mask, drawn, index); then the "
            "new mask from sure, with infinity at the known places.",
        ),
        explanation="The library's `Dynamics.make` is this loop with a batch, a temperature and noise in the order.",
        like=lambda guess, tokens, steps: torch.zeros(tokens, dtype=torch.int64),
    )
)
