"""Exercises of notebook 12, the space-time transformer: who may attend to whom, along which axis, and what it costs."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from course_lib.exercises.checking import Asked
from course_lib.exercises.core import Exercise, Wrong, register
from course_lib.exercises.inputs import Inputs, check_values, close, must_equal, seeded


# --- 1. along time ------------------------------------------------------------------------------------------------
def my_along_time(x: Tensor, mix: Callable[[Tensor], Tensor]) -> Tensor:
    """Let ``mix`` work along time at each place by itself. x: (B, T, N, D); mix: (M, T, D) -> (M, T, D)."""
    films, frames, places, width = x.shape
    rows = x.transpose(1, 2).reshape(films * places, frames, width)  # (B, T, N, D) -> (B * N, T, D)
    return mix(rows).reshape(films, places, frames, width).transpose(1, 2)  # -> (B, T, N, D)


def _check_along_time(candidate: Asked) -> None:
    for seed, shape in enumerate(((2, 4, 3, 5), (3, 2, 5, 4), (4, 5, 2, 3))):
        films, frames, places, width = shape
        x = torch.randn(shape, generator=seeded(seed))
        seen: list[tuple[int, ...]] = []

        def last_minus_first(rows: Tensor, seen: list[tuple[int, ...]] = seen) -> Tensor:
            seen.append(tuple(rows.shape))
            return rows - rows[:, :1]  # what has changed since the first frame

        ask = candidate.explaining(
            {(films, places, frames, width): "The result is (B, N, T, D): exchange the two axes again on the way back."}
        )
        if not torch.equal(ask(x, lambda rows: rows), x):
            raise Wrong(
                "With a mix that changes nothing the film must come back as it was; yours comes back in another "
                "order. Undo on the way back exactly what you did on the way in."
            )
        mine = ask(x, last_minus_first)
        if not seen:
            raise Wrong("Your function never calls mix.")
        unfit = [given for given in seen if len(given) != 3 or given[1:] != (frames, width)]
        if unfit:
            raise Wrong(f"mix is given {unfit[0]}; it needs rows of one place through time, (M, T, D).")
        if not close(mine, x - x[:, :1]):
            raise Wrong(
                "The rows that mix is given do not hold one place through time: reshape alone cuts the memory into "
                "pieces of the right size with the wrong tokens in them. Exchange the axes T and N first."
            )


register(
    Exercise(
        id="spacetime.along_time",
        notebook="12",
        title="Along time, and back",
        difficulty=2,
        minutes=8,
        reference=my_along_time,
        check=_check_along_time,
        hints=(
            "Time must be the last axis but one, and places must stand beside the films. Which two axes change places?",
            "x.transpose(1, 2) is (B, N, T, D); reshape it to (B * N, T, D), mix, reshape and transpose back.",
        ),
        explanation="reshape never moves a number: it reads them in the order in which they lie. Only transpose (or "
        "permute) says that another axis is to be read first. The bug stays silent, because every shape fits.",
        like=lambda x, mix: x,
        gradients=("x",),
    )
)


# --- 2. who may attend to whom ------------------------------------------------------------------------------------
def my_masks(frames: int, places: int) -> tuple[Tensor, Tensor]:
    """Both attentions as masks over all tokens, frame by frame: (space, time), bool (T * N, T * N), True to attend."""
    token = torch.arange(frames * places)
    frame, place = token // places, token % places
    space = frame[:, None] == frame[None, :]
    time = (place[:, None] == place[None, :]) & (frame[:, None] >= frame[None, :])
    return space, time


def _check_masks(candidate: Asked) -> None:
    for frames, places in ((2, 3), (3, 2), (4, 5), (1, 4), (5, 1)):
        space, time = candidate(frames, places)
        wanted_space, wanted_time = my_masks(frames, places)
        if frames > 1 and places > 1:
            if torch.equal(space, wanted_time) and torch.equal(time, wanted_space):
                raise Wrong("The two masks are exchanged: space comes first.")
            other = torch.arange(frames * places) % frames
            if torch.equal(space, other[:, None] == other[None, :]):
                raise Wrong("Tokens are numbered frame by frame: token i is in frame i // places, at place i % places.")
        if not torch.equal(space, wanted_space):
            raise Wrong(
                f"In space a token may attend to the {places} tokens of its own frame, itself included; for {frames} "
                f"frames that makes {frames * places * places} pairs, yours has {int(space.sum())}."
            )
        if torch.equal(time, wanted_time | wanted_time.T) and frames > 1:
            raise Wrong("Along time a token of yours sees later frames too: a leak from the future.")
        if torch.equal(time, wanted_time.T) and frames > 1:
            raise Wrong("Rows and columns are exchanged: a row is a token that attends. Yours attend to later "
                        "frames and not to earlier ones.")  # fmt: skip
        if torch.equal(time, wanted_time & ~torch.eye(frames * places, dtype=torch.bool)):
            raise Wrong("A token may attend to itself too; otherwise the first frame has nothing to attend to.")
        if not torch.equal(time, wanted_time):
            raise Wrong(
                f"Along time {frames} frames at {places} places have {int(wanted_time.sum())} pairs, yours has "
                f"{int(time.sum())}: the same place, and a frame that is not later."
            )


register(
    Exercise(
        id="spacetime.masks",
        notebook="12",
        title="Who may attend to whom",
        difficulty=3,
        minutes=12,
        reference=my_masks,
        check=_check_masks,
        hints=(
            "Number the tokens 0 to T * N - 1, frame by frame. From the number alone: which frame is it, which place?",
            "frame = i // places, place = i % places. space: equal frames. time: equal places and frame_i >= frame_j.",
        ),
        explanation="The space-time block is joint attention with most pairs forbidden: T N^2 + N T (T + 1) / 2 of "
        "(T N)^2 pairs are left. What is forbidden need not be computed, and that is the whole gain.",
        parts=("space", "time"),
    )
)


# --- 3. where time begins to matter -------------------------------------------------------------------------------
def my_frames_at_share(share: float, places: int, width: int) -> float:
    """At how many frames temporal attention is this share of all multiplications of a block (feed-forward 4 D)."""
    return share / (1.0 - share) * (8 * width + places)


def _check_frames_at_share(candidate: Asked) -> None:
    check_values(
        candidate,
        my_frames_at_share,
        lambda seed: ((0.1, 64, 128), (0.25, 16, 32), (0.8, 256, 512), (0.5, 7, 3))[seed % 4],
        [
            (lambda s, n, d: s * (8 * d + n),
             "You set temporal attention against the rest. A share is a part of the whole: share = time / (time + "
             "rest)."),
            (lambda s, n, d: s / (1 - s) * 8 * d, "The spatial attention is missing in the rest: 2 T N^2 D."),
            (lambda s, n, d: s / (1 - s) * (4 * d + n),
             "Some 8 T N D^2 are missing in the rest: two attentions have projections of 4 T N D^2 each, the "
             "feed-forward layer of width 4 D has 8 T N D^2."),
            (lambda s, n, d: s / (1 - s) * n,
             "This is where temporal attention is that share of the two attentions; projections and feed-forward count "
             "too."),
            (lambda s, n, d: math.ceil(s / (1 - s) * (8 * d + n)) + 0.0 if s / (1 - s) * (8 * d + n) % 1 else None,
             "Do not round: the number of frames at which the share is reached exactly is asked for."),
        ],
        "For one choice of share, places and width the formula of this notebook gives {wanted} frames; yours gives "
        "{mine}.",
        rounds=4,
        rtol=1e-6,
    )  # fmt: skip


register(
    Exercise(
        id="spacetime.frames_at_share",
        notebook="12",
        title="Where time begins to matter",
        difficulty=3,
        minutes=12,
        reference=my_frames_at_share,
        check=_check_frames_at_share,
        hints=(
            "Write all four parts down for T frames. Temporal attention has T^2, all others T. Divide all by 2 T N D.",
            "What is left: T for time against 8 D + N for the rest. Solve T / (T + 8 D + N) = share for T.",
        ),
        explanation="T = share / (1 - share) * (8 D + N). At N = 64 and D = 128 half is reached at 1,088 frames: the "
        "quadratic part is there from the first frame on, it only waits behind 8 D of linear work.",
    )
)


# --- 4. the exponent ----------------------------------------------------------------------------------------------
def my_exponent(frames: np.ndarray, seconds: np.ndarray) -> float:
    """p of the power law seconds = c * frames^p that fits best in logarithms. Both (F,)."""
    return float(np.polyfit(np.log(frames), np.log(seconds), 1)[0])


def _noisy(seed: int) -> Inputs:
    rng = np.random.default_rng(seed)
    uneven = np.sort(rng.choice(np.arange(2, 100), 6, replace=False)).astype(float)
    return uneven, 0.01 * uneven**1.3 * np.exp(0.2 * rng.standard_normal(6))


def _check_exponent(candidate: Asked) -> None:
    frames = np.array([4.0, 8.0, 16.0, 32.0, 64.0])
    for power in (1.0, 2.0, 1.5):
        times = 0.02 * frames**power
        mixed = "Two different logarithms are mixed: use the same one for frames and for seconds."
        both = "These are slope and height of the line; the exponent is its slope, the first of the two."
        must_equal(
            candidate.explaining({(2,): both})(frames, times),
            power,
            [
                (math.log(0.02), "This is the line's height, log c; the exponent is its slope. polyfit gives the slope "
                                 "first."),
                (power * math.log(2), mixed),
                (power / math.log(2), mixed),
                (1 / power, "The axes are exchanged: log seconds goes up, log frames to the right."),
                (float(np.polyfit(frames, times, 1)[0]),
                 "A line through the times themselves has seconds a frame as its slope. Take logarithms first."),
            ],
            f"Times that grow as frames^{power:g} must give {power:g}; yours gives {{mine}}.",
        )  # fmt: skip
    check_values(
        candidate,
        my_exponent,
        _noisy,
        [
            (lambda f, s: math.log(s[-1] / s[0]) / math.log(f[-1] / f[0]),
             "Only the first and the last time are used: one accident there ruins it. Fit all of them."),
            (lambda f, s: float(np.mean(np.diff(np.log(s)) / np.diff(np.log(f)))),
             "This is the mean of the slopes between neighbours; the slope of the best line through all is asked for."),
            (lambda f, s: float(1 / np.polyfit(np.log(s), np.log(f), 1)[0]),
             "The line is fitted with the axes exchanged and then turned: with noise that is another slope."),
        ],
        "On noisy times the least-squares slope is {wanted}, yours is {mine}.",
        rounds=4,
        rtol=1e-5,
    )  # fmt: skip


register(
    Exercise(
        id="spacetime.exponent",
        notebook="12",
        title="Read the exponent off a clock",
        difficulty=2,
        minutes=8,
        reference=my_exponent,
        check=_check_exponent,
        hints=(
            "Take the logarithm of seconds = c * frames^p. Which curve is that, and where in it is p?",
            "log seconds = log c + p * log frames: the slope of np.polyfit(np.log(frames), np.log(seconds), 1).",
        ),
        explanation="In logarithms every power law is a straight line. The fit uses all points, so one disturbed "
        "timing moves it little; repeats and an interval say how much.",
    )
)


# --- 5. one more frame --------------------------------------------------------------------------------------------
def my_one_more(
    q: Tensor, k: Tensor, v: Tensor, keys: Tensor, values: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Temporal attention of one new frame with what is remembered. q, k, v: (N, d); keys, values: (N, T, d).

    Returns what each place receives, (N, d), and the longer keys and values, (N, T + 1, d).
    """
    keys, values = torch.cat([keys, k[:, None]], dim=1), torch.cat([values, v[:, None]], dim=1)  # (N, T + 1, d)
    weights = (keys @ q[:, :, None] / math.sqrt(q.shape[-1])).softmax(dim=1)  # (N, T + 1, 1)
    return (weights * values).sum(dim=1), keys, values


def _check_one_more(candidate: Asked) -> None:
    for seed, (places, frames, width) in enumerate(((3, 4, 6), (2, 1, 8), (6, 0, 2))):
        generator = seeded(seed)
        q, k, v = (2 * torch.randn(places, width, generator=generator) for _ in range(3))
        keys, values = (2 * torch.randn(places, frames, width, generator=generator) for _ in range(2))
        kept = "The new frame is not remembered: keys and values must come back one frame longer."
        mixed, new_keys, new_values = candidate.explaining({(places, frames, width): kept})(q, k, v, keys, values)
        want_keys, want_values = torch.cat([keys, k[:, None]], 1), torch.cat([values, v[:, None]], 1)
        if frames and torch.equal(new_keys, torch.cat([k[:, None], keys], 1)):
            raise Wrong("The new frame is put in front; it is the latest, so it goes to the end.")
        if torch.equal(new_keys, want_values) and torch.equal(new_values, want_keys):
            raise Wrong("keys and values have changed places: the keys come first.")
        if not torch.equal(new_keys, want_keys) or not torch.equal(new_values, want_values):
            raise Wrong("keys and values must be the old ones with the new frame's k and v at their end.")
        logits = torch.einsum("ntd,nd->nt", want_keys, q)
        scaled = logits / math.sqrt(width)

        def receive(weights: Tensor, values: Tensor = want_values) -> Tensor:
            return torch.einsum("nt,ntd->nd", weights, values)

        slips = [
            (receive(logits.softmax(1)), "The logits are not divided by the square root of d."),
            (receive((logits / width).softmax(1)), "The logits are divided by d; the formula divides by its square "
                                                   "root."),
            (receive(scaled.softmax(0)),
             "The softmax runs over the places; the weights of one place over its frames add up to 1."),
        ]  # fmt: skip
        if frames:
            alone = "The new frame attends to the old ones only; it may attend to itself too."
            slips.append((receive(scaled[:, :-1].softmax(1), values), alone))
        must_equal(
            mixed,
            receive(scaled.softmax(1)),
            slips,
            "On random inputs what the places receive is not softmax(q k / sqrt(d)) v over their frames: at {place} it "
            "is {mine} and should be {wanted}.",
        )


register(
    Exercise(
        id="spacetime.one_more",
        notebook="12",
        title="One more frame, from memory",
        difficulty=3,
        minutes=12,
        reference=my_one_more,
        check=_check_one_more,
        hints=(
            "First make keys and values one frame longer, then let the new queries attend to all of them. No mask.",
            "torch.cat([keys, k[:, None]], dim=1); logits keys @ q[:, :, None] / sqrt(d) are (N, T + 1, 1); softmax "
            "over dim=1.",
        ),
        explanation="No mask is needed: what comes later does not exist yet. An old frame's key and value never "
        "change, because that frame could not see the new one. Trained without the causal mask this would be false.",
        parts=("mixed", "keys", "values"),
        gradients=("q", "k", "v", "keys", "values"),
    )
)
