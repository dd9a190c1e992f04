"""How long does a film keep what it began with? Films that are continued again and again, read frame by frame.

A body does not vanish, and does not change its colour or its shape. So a film of any length can be asked, in each of
its frames, for the bodies that it should show: those of its prompt, or of its first frame.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_lib.models.reader import BODY_KINDS, Reader
from course_lib.models.text_to_video import GUIDANCE, TextToVideo
from course_lib.worlds import spec
from course_lib.worlds.captions import parse_caption
from course_lib.worlds.frames import to_model, to_uint8

Bodies = Counter[tuple[str, str]]  # colour and shape, with how many there are
_F = spec.FIELD


class Kept(NamedTuple):
    """What is left in each frame of N films, float (N, T): 1 where the number is right, and the share of the bodies
    that should be there of which one with its colour and shape is found."""

    number: np.ndarray
    bodies: np.ndarray


@torch.no_grad()
def long_films(
    make: TextToVideo, prompts: Sequence[str], frames: int, *, window: int, keep: int, generator: torch.Generator,
    w: tuple[float, float] = (GUIDANCE, GUIDANCE), beginning: np.ndarray | None = None,
) -> np.ndarray:  # fmt: skip
    """Films that are continued until they have so many frames, uint8 (N, frames, H, W, 3).

    window: frames that are made at a time, a length that the codec has. keep: of those that are there already, the last
    ones, which the next window begins with; a length as well. w: guidance of the first window and of the others; 0
    leaves the prompt out. beginning: uint8 (N, T, H, W, 3) to go on from, at least ``keep``
    frames, in place of a first window.
    Raises ValueError where a window adds nothing.
    """
    if not 1 <= keep < window:
        raise ValueError(f"a window of {window} frames that keeps {keep} adds nothing: keep from 1 to {window - 1}")
    if beginning is None:
        beginning = to_uint8(make.films(prompts, window, generator=generator, w=w[0]))
    film = [beginning]
    while sum(part.shape[1] for part in film) < frames:
        seen: Tensor = to_model(np.concatenate(film[-keep:], axis=1)[:, -keep:])
        more = make.continued(seen, prompts, window, generator=generator, w=w[1])
        film.append(to_uint8(more[:, keep:]))
    return np.concatenate(film, axis=1)[:, :frames]


def bodies_of(prompt: str) -> Bodies:
    """The bodies of a descriptive caption by colour and shape."""
    return Counter((body["colour"], body["shape"]) for body in parse_caption(prompt))


def bodies_read(things: np.ndarray) -> Bodies:
    """The bodies of one frame as the reader gives it, (S, FIELDS)."""
    there = things[np.isin(things[:, 0], BODY_KINDS)]
    return Counter((spec.COLOURS[int(thing[_F["colour"]])], spec.KINDS[int(thing[0])]) for thing in there)


def kept_bodies(reader: Reader, films: np.ndarray, wanted: Sequence[Bodies]) -> Kept:
    """Hold every frame against the bodies that its film should show. uint8 (N, T, H, W, 3); one ``Bodies`` a film."""
    number, bodies = np.zeros(films.shape[:2]), np.zeros(films.shape[:2])
    for n, (film, should) in enumerate(zip(films, wanted, strict=True)):
        for t, things in enumerate(reader.read(film)):
            found = bodies_read(things)
            number[n, t] = found.total() == should.total()
            bodies[n, t] = (found & should).total() / max(should.total(), 1)
    return Kept(number, bodies)
