"""Does a film show what its prompt asks for? The reader looks at it, and what it finds is held against the words.

What counts as a body of a film. The reader takes blobs and fragments for bodies as well, so one frame is not enough:
the number of bodies is the majority over the frames that a caption speaks of, and a body is what was followed through
at least three of these five. Its colour and shape are the majority of its readings. Its motion is that from the first
frame to the last; a body that was not found in both has none, and is wrong.

Bodies are held against the words in two ways. *Matched*: they are paired so that as many colours and shapes as possible
agree, order deciding among equals (Hungarian algorithm); then motions are compared within the pairs. *Ordered*: the
first body from the left against the first of the prompt, and so on. A body that was asked for and is not there is
wrong; one that was not asked for counts in the number alone.

Two films of three fall, so motions are reported balanced: the mean over the five motions of the share that is right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from course_lib.models.reader import BODY_KINDS, Reader, read_film
from course_lib.worlds import spec
from course_lib.worlds.captions import FRAMES, MOTIONS, SIZES, motion, parse_caption

ENOUGH = 3  # frames of FRAMES in which a body is found
WORDS_OF_A_BODY = ("colour", "shape", "motion")
_F = spec.FIELD


class Following(NamedTuple):
    """How N films follow their prompts; shares from 0 to 1, float64 (N,), NaN where no body was asked for."""

    number: np.ndarray  # 1 where as many bodies are there as were asked for
    matched: dict[str, np.ndarray]  # by "colour", "shape", "motion": share of the asked bodies, paired
    ordered: dict[str, np.ndarray]  # the same, strictly from left to right
    everything: np.ndarray  # 1 where the number and, matched, every word is right
    motions: np.ndarray  # (N, 5, 2): of each of MOTIONS, how many bodies were asked for, how many are right (matched)


def found_bodies(reader: Reader, frames: np.ndarray) -> tuple[int, list[dict[str, str]]]:
    """How many bodies a film shows, and each that was followed, from left to right. uint8 (T, H, W, 3), T >= FRAMES.

    motion is "" for a body that was not found in the first frame or in the last.
    """
    return followed_bodies(read_film(reader, frames[:FRAMES]))


def followed_bodies(tracks: np.ndarray) -> tuple[int, list[dict[str, str]]]:
    """The same from a film that was read already, (FRAMES, S, FIELDS), as ``read_film`` gives it."""
    there = np.isin(tracks[..., 0], BODY_KINDS)  # (FRAMES, S)
    number = int(_majority(there.sum(axis=1).tolist()))
    bodies = []
    for slot in np.flatnonzero(there.sum(axis=0) >= ENOUGH):
        seen = tracks[there[:, slot], slot]  # (frames in which it is seen, FIELDS)
        both = there[0, slot] and there[-1, slot]
        place = _F["x"]
        words = {
            "colour": spec.COLOURS[int(_majority(seen[:, _F["colour"]].tolist()))],
            "shape": spec.KINDS[int(_majority(seen[:, 0].tolist()))],
            "motion": motion(tracks[:, slot, place : place + 2]) if both else "",
        }
        bodies.append((float(seen[0, place]), words))
    return number, [words for _, words in sorted(bodies, key=lambda body: body[0])]


def _majority(values: Sequence[Hashable]) -> Hashable:
    """The most frequent value, the first one among equals."""
    return Counter(values).most_common(1)[0][0]


def pair_bodies(asked: list[dict[str, str]], found: list[dict[str, str]]) -> list[tuple[int, int]]:
    """Which asked body is which found one, so that most colours and shapes agree; among equals, the order."""
    if not asked or not found:
        return []
    cost = np.array([[sum(a[name] != b[name] for name in ("colour", "shape")) + 0.01 * abs(i - j)
                      for j, b in enumerate(found)] for i, a in enumerate(asked)])  # fmt: skip
    return [(int(i), int(j)) for i, j in zip(*linear_sum_assignment(cost), strict=True)]


Found = tuple[int, list[dict[str, str]]]  # what ``found_bodies`` gives


def follow_prompts(reader: Reader, frames: np.ndarray, prompts: Sequence[str]) -> Following:
    """Hold films against their prompts. uint8 (N, T, H, W, 3), T >= FRAMES; N descriptive captions.

    Raises ValueError for fewer frames, another number of prompts, or a prompt that is no descriptive caption.
    """
    if len(frames) != len(prompts) or frames.shape[1] < FRAMES:
        raise ValueError(
            f"one prompt for each film of at least {FRAMES} frames is wanted, not {len(prompts)} for {frames.shape}"
        )
    return hold_against([found_bodies(reader, film) for film in frames], prompts)


def hold_against(found_in: Sequence[Found], prompts: Sequence[str]) -> Following:
    """What was found in N films against N prompts; so films that were read once can be held against several prompts.

    Raises ValueError for another number of prompts, or a prompt that is no descriptive caption.
    """
    count = len(prompts)
    number, everything, motions = np.zeros(count), np.zeros(count), np.zeros((count, len(MOTIONS), 2))
    shares = {way: {name: np.full(count, np.nan) for name in WORDS_OF_A_BODY} for way in ("matched", "ordered")}
    for n, ((seen, found), prompt) in enumerate(zip(found_in, prompts, strict=True)):
        asked = parse_caption(prompt)
        number[n] = seen == len(asked)
        pairs = {"matched": pair_bodies(asked, found), "ordered": [(i, i) for i in range(min(len(asked), len(found)))]}
        for way, chosen in pairs.items():
            for name in WORDS_OF_A_BODY if asked else ():
                shares[way][name][n] = sum(asked[i][name] == found[j][name] for i, j in chosen) / len(asked)
        for body in asked:
            motions[n, MOTIONS.index(body["motion"]), 0] += 1
        for i, j in pairs["matched"]:
            motions[n, MOTIONS.index(asked[i]["motion"]), 1] += asked[i]["motion"] == found[j]["motion"]
        everything[n] = number[n] and all(shares["matched"][name][n] == 1.0 for name in WORDS_OF_A_BODY if asked)
    return Following(number, shares["matched"], shares["ordered"], everything, motions)


def balanced_motion(motions: np.ndarray) -> float:
    """The mean over the motions that were asked for of the share that is right. (N, 5, 2), see ``Following``."""
    asked, right = motions.sum(axis=0).T  # (5,) each
    return float((right[asked > 0] / asked[asked > 0]).mean()) if asked.any() else float("nan")


def balanced_motion_and_interval(motions: np.ndarray, *, seed: int, draws: int = 1000) -> dict[str, float | int]:
    """value, low, high and n of a row: ``balanced_motion``, with a 95 % bootstrap interval over films."""
    rng = np.random.default_rng(seed)
    values = [balanced_motion(motions[rng.integers(len(motions), size=len(motions))]) for _ in range(draws)]
    low, high = np.nanquantile(values, (0.025, 0.975))
    return {"value": balanced_motion(motions), "low": float(low), "high": float(high), "n": len(motions)}


def draw_prompts(
    count: int, rng: np.random.Generator, *, bodies: tuple[int, int] = (1, spec.MAX_BODIES), reserved: bool = False
) -> list[str]:
    """Descriptive captions with every number, motion, size, and pair of colour and shape equally likely.

    bodies: fewest and most of a prompt. reserved: pairs that no training film shows, in place of the others.
    """
    pairs = [(c, s) for c in spec.COLOURS for s in spec.SHAPES
             if ((c, s) in spec.RESERVED_COMBINATIONS) == reserved]  # fmt: skip
    prompts = []
    for _ in range(count):
        phrases = []
        for _ in range(int(rng.integers(bodies[0], bodies[1] + 1))):
            colour, shape = pairs[rng.integers(len(pairs))]
            phrases.append(f"a {SIZES[rng.integers(2)]} {colour} {shape} {MOTIONS[rng.integers(len(MOTIONS))]}")
        prompts.append(" and ".join(phrases))
    return prompts
