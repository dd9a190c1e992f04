"""Exercises of notebook 11, text to video: what is known of a film, what the network is shown, windows, fair scores."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from course_lib.exercises.checking import Asked
from course_lib.exercises.core import Exercise, Wrong, register
from course_lib.exercises.inputs import Inputs, check_values, must_equal, need, seeded
from course_lib.worlds import spec
from course_lib.worlds.captions import MOTIONS


# --- 1. which groups are known ----------------------------------------------------------------------------------------
def my_known(given: list[int], frames: int, group: int) -> Tensor:
    """Which groups of a film of 1 + k group frames are known, bool (1 + k,), from the numbers of the given frames.

    The first frame is a group by itself. A group is known when all of its frames are given.
    """
    known = [0 in given]
    for first in range(1, frames, group):
        known.append(all(t in given for t in range(first, first + group)))
    return torch.tensor(known)


def _check_known(candidate: Asked) -> None:
    cases = (
        ([0], 9, 4), ([0, 1, 2, 3, 4], 17, 4), ([0, 13, 14, 15, 16], 17, 4), (list(range(1, 5)), 9, 4), ([], 9, 4),
        ([0, 1, 2, 3, 4, 5, 6], 17, 4), ([3, 0, 1, 2], 7, 3), ([0, 1, 2, 5, 6], 7, 2), (list(range(9)), 9, 4),
    )  # fmt: skip
    for given, frames, group in cases:
        mine, wanted = candidate(list(given), frames, group), my_known(given, frames, group)
        if torch.equal(mine, wanted):
            continue
        beginnings = [range(1)] + [range(first, first + group) for first in range(1, frames, group)]
        partly = torch.tensor([any(t in given for t in each) for each in beginnings])
        need(not torch.equal(mine, ~wanted), "True and False are exchanged: True is for a group that is known.")
        if torch.equal(mine, partly):
            raise Wrong(f"With the frames {given} of {frames} you call a group known of which a part is given. Its "
                        "latents say something of all its frames: all of them are needed.")  # fmt: skip
        need(
            not torch.equal(mine, wanted.int().cumprod(dim=0).bool()),
            f"With the frames {given} you stop at the first group that is not known. What comes later may be known as "
            "well: so a film is filled in between two ends.",
        )
        place = int((mine != wanted).nonzero()[0])
        raise Wrong(f"With the frames {given} of {frames}, in groups of {group} after the first frame, group {place} "
                    f"is {'' if wanted[place] else 'not '}known.")  # fmt: skip


register(
    Exercise(
        id="film.known",
        notebook="11",
        title="What is known of a film",
        difficulty=2,
        minutes=8,
        reference=my_known,
        check=_check_known,
        hints=(
            "The first frame is group 0; group g from 1 on holds the frames 1 + (g - 1) group to g group.",
            "known = [0 in given], and for each first in range(1, frames, group): all(t in given for t in "
            "range(first, first + group)); then torch.tensor(known).",
        ),
        explanation="One and the same network makes a film, goes on with one, and fills one in: only this row of True "
        "and False differs. Nothing known is text to video; the first groups are a continuation; both ends leave the "
        "middle to be filled in.",
    )
)


# --- 2. what the network is shown -------------------------------------------------------------------------------------
def my_shown(x_t: Tensor, t: Tensor, known: Tensor, latents: Tensor) -> tuple[Tensor, Tensor]:
    """What the network is given: latents (B, G, C, h, w), and the noise level of each group, (B, G).

    x_t: (B, G, C, h, w) at the levels t, (B,). known: bool (G,). latents: (B, G, C, h, w), right where known.
    """
    x = torch.where(known[:, None, None, None], latents, x_t)
    levels = torch.where(known, 0.0, t[:, None])
    return x, levels


def _noisy_films(seed: int) -> Inputs:
    generator = seeded(seed)
    known = torch.tensor([[True, False, False], [True, False, True], [False, True, True]][seed % 3])
    x_t, latents = torch.randn(2, 2, 3, 4, 2, 3, generator=generator)
    return x_t, 0.2 + 0.7 * torch.rand(2, generator=generator), known, latents


def _check_shown(candidate: Asked) -> None:
    def put(known: Tensor, latents: Tensor, x_t: Tensor) -> Tensor:
        return torch.where(known[:, None, None, None], latents, x_t)

    check_values(
        candidate,
        my_shown,
        _noisy_films,
        [
            (lambda x, t, k, z: (put(k, z, x), t[:, None].expand(-1, len(k))),
             "The latents are right, but the network is told that all groups are noisy at level t. It would take clean "
             "latents for noise. Known groups have level 0."),
            (lambda x, t, k, z: (x, torch.where(k, 0.0, t[:, None])),
             "The levels are right, but the known groups still hold what was drawn from noise: put their latents in."),
            (lambda x, t, k, z: (put(~k, z, x), torch.where(k, t[:, None], 0.0)),
             "Known and unknown groups are exchanged."),
            (lambda x, t, k, z: (put(k, z, x), torch.where(k, 1.0, t[:, None])),
             "Level 1 is nothing but noise; what is known has level 0."),
            (lambda x, t, k, z: (put(k, z, torch.zeros_like(x)), torch.where(k, 0.0, t[:, None])),
             "Groups that are not known keep what x_t has there."),
            (lambda x, t, k, z: (put(k, (1.0 - t[:, None, None, None, None]) * z, x), torch.where(k, 0.0, t[:, None])),
             "The known latents are weakened as if noise had been mixed in. At level 0 they are as they are."),
        ],
        "At {place} {wanted} is expected, yours has {mine}.",
    )  # fmt: skip


register(
    Exercise(
        id="film.shown",
        notebook="11",
        title="What the network is shown",
        difficulty=2,
        minutes=8,
        reference=my_shown,
        check=_check_shown,
        parts=("x", "levels"),
        hints=(
            "torch.where(condition, a, b) twice: once for the latents, with known[:, None, None, None], once for the "
            "levels, with t[:, None].",
            "x = torch.where(known[:, None, None, None], latents, x_t); levels = torch.where(known, 0.0, t[:, None]).",
        ),
        explanation="The noise level is said group by group, and 0 says: this is clean, draw the rest so that it fits. "
        "In training a quarter of the films had some groups shown in this way, so the network has met such rows. "
        "Open-Sora 1.2 conditions on frames in the same way (it calls it mask conditioning).",
    )
)


# --- 3. windows of a long film ----------------------------------------------------------------------------------------
def my_windows(frames: int, window: int, keep: int) -> int:
    """How many windows a film of so many frames takes, if each after the first begins with ``keep`` old frames."""
    others = math.ceil((frames - window) / (window - keep))
    return 1 + max(0, others)


def _check_windows(candidate: Asked) -> None:
    for frames, window, keep in ((29, 9, 5), (600, 17, 5), (600, 5, 1), (17, 17, 5), (18, 17, 5), (29, 17, 5),
                                 (30, 17, 5), (3, 5, 1), (100, 9, 5), (41, 13, 1), (4, 17, 5)):  # fmt: skip
        mine, wanted = candidate(frames, window, keep), my_windows(frames, window, keep)
        need(mine > 0 or frames > window,
             f"A film of {frames} frames, shorter than a window of {window}, takes one window; yours says {mine}.")
        must_equal(
            mine,
            wanted,
            [
                (-(-frames // window), "Each window after the first adds only window - keep new frames."),
                (-(-frames // (window - keep)), "The first window is new from its first frame to its last; only the "
                                                "others begin with old frames."),
                (1 + (frames - window) // (window - keep), "A rest of a few frames needs a window as well: round up."),
                (wanted - 1, "One window is missing: the first one counts, and so does a last one that is cut short."),
                (wanted + 1, "One window is too many: a film that is just long enough needs no further one."),
            ],
            f"A film of {frames} frames, in windows of {window} that begin with {keep} old frames, takes {{wanted}} of "
            "them; yours says {mine}.",
        )


register(
    Exercise(
        id="film.windows",
        notebook="11",
        title="Windows of a long film",
        difficulty=1,
        minutes=6,
        reference=my_windows,
        check=_check_windows,
        hints=(
            "The first window brings `window` frames, every other one `window - keep` new ones.",
            "1 for the first, and (frames - window) / (window - keep) for the others, rounded up and at least 0.",
        ),
        explanation="Every window reads the last frames of the one before as if they were true. What was drawn wrongly "
        "once is a fact for all windows after it, so a long film is as many chances to go wrong as it has windows.",
    )
)


# --- 4. a planted mistake: a score that is too kind -----------------------------------------------------------------
def my_colours_right(asked: list[str], found: list[str]) -> float:
    """The share of the asked bodies of which one with its colour is there; each found body can stand for one only."""
    left, right = list(found), 0
    for colour in asked:
        if colour in left:
            left.remove(colour)
            right += 1
    return right / len(asked)


def _colours(seed: int) -> Inputs:
    generator = seeded(seed)

    def some(fewest: int, most: int) -> list[str]:
        count = int(torch.randint(fewest, most + 1, (), generator=generator))
        return [spec.COLOURS[int(k)] for k in torch.randint(3, (count,), generator=generator)]

    return some(5, 7), some(3, 8)


def _check_colours(candidate: Asked) -> None:
    check_values(
        candidate,
        my_colours_right,
        _colours,
        [
            (lambda a, f: sum(c in f for c in a) / len(a),
             "This is the planted score: one red body stands for every red body that was asked for. Each may stand for "
             "one only."),
            (lambda a, f: sum(x == y for x, y in zip(a, f, strict=False)) / len(a),
             "This compares them from left to right. Here any order will do."),
            (lambda a, f: len(set(a) & set(f)) / len(a), "In a set each colour occurs once: of two red bodies that are "
                                                         "there one is lost."),
            (lambda a, f: my_colours_right(a, f) * len(a) / len(f),
             "You divide by the number of bodies that were found. Then to draw fewer bodies pays: a body that was "
             "asked for and is not there is wrong."),
            (lambda a, f: my_colours_right(a, f) * len(a), "This is how many are right; the share is asked for."),
        ],
        "Here {wanted} of the bodies are right, yours says {mine}.",
    )  # fmt: skip
    asked = ["red", "red", "blue"]
    must_equal(candidate(asked, []), 0.0, [], "Where nothing is found nothing is right: {wanted}, yours says {mine}.")
    must_equal(candidate(asked, ["blue", "red", "red"]), 1.0, [], "All three are there, in another order.")


register(
    Exercise(
        id="film.colours_right",
        notebook="11",
        title="Find the mistake: a score that is too kind",
        difficulty=3,
        minutes=10,
        reference=my_colours_right,
        check=_check_colours,
        hints=(
            "Two red balls are asked for and one is there. What does the score say, and what should it say?",
            "Keep a list of the found colours that are still free; a colour that was used is taken out of it.",
        ),
        explanation="With colours alone this is the size of the common part of two multisets. With colour and shape "
        "together the best pairing has to be searched for: the exam does it with the Hungarian algorithm "
        "(`measures/prompts.py`). To draw more bodies raises this score and never lowers it, so the number has to "
        "stand beside it.",
    )
)


# --- 5. motions, balanced ---------------------------------------------------------------------------------------------
def my_balanced(asked: np.ndarray, right: np.ndarray) -> float:
    """The mean over the motions of the share that is right. Both (N, 5): bodies of each film and motion, and of them
    those that are right. Motions that nobody asked for are left out."""
    total, hits = asked.sum(axis=0), right.sum(axis=0)
    there = total > 0
    return float((hits[there] / total[there]).mean())


def _motions(seed: int) -> Inputs:
    rng = np.random.default_rng(seed)
    asked = rng.multinomial(rng.integers(1, 5, 12), (0.1, 0.15, 0.6, 0.15, 0.0)).astype(float)
    return asked, rng.binomial(asked.astype(int), (0.3, 0.5, 0.9, 0.2, 0.5)).astype(float)


def _check_balanced(candidate: Asked) -> None:
    def ratio(right: np.ndarray, asked: np.ndarray) -> np.ndarray:
        return np.divide(right, asked, out=np.zeros_like(right), where=asked > 0)

    check_values(
        candidate,
        my_balanced,
        _motions,
        [
            (lambda a, r: float(r.sum() / a.sum()),
             "This is the plain share: whoever always answers \"falling\" gets most of it. First the share of each "
             "motion, then the mean of the five."),
            (lambda a, r: float(ratio(r.sum(axis=0), a.sum(axis=0)).mean()),
             "A motion that nobody asked for counts as wrong; leave it out."),
            (lambda a, r: float((r.sum(axis=1) / a.sum(axis=1)).mean()),
             "This is a mean over films. The mean over motions is asked for: sum over the films first."),
            (lambda a, r: float(ratio(r, a).sum() / (a > 0).sum()),
             "You take the share in each film and motion, so a film with one falling body counts as much as one with "
             "three. Sum over the films first, then divide."),
        ],
        "{wanted} is expected, yours says {mine}.",
    )  # fmt: skip
    asked = np.zeros((4, len(MOTIONS)))
    asked[:3, 2], asked[3, 0] = 3.0, 1.0
    always = np.where(np.arange(len(MOTIONS)) == 2, asked, 0.0)
    must_equal(candidate(asked, always), 0.5, [], "Of ten bodies nine fall and one moves left: always answering "
               "\"falling\" is right in {wanted} of the motions, yours says {mine}.")  # fmt: skip


register(
    Exercise(
        id="film.balanced",
        notebook="11",
        title="Motions, balanced",
        difficulty=2,
        minutes=8,
        reference=my_balanced,
        check=_check_balanced,
        hints=(
            "Sum both tables over the films, divide where there is something to divide by, take the mean.",
            "total = asked.sum(axis=0); there = total > 0; (right.sum(axis=0)[there] / total[there]).mean().",
        ),
        explanation="Two of three bodies of real films fall, so a model that lets everything fall is right in two of "
        "three bodies. Balanced it has one of five. The same trick is called balanced accuracy, or macro-averaged "
        "recall.",
    )
)
