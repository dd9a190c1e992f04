"""How does the cost of a model grow with the number of frames? Its time, and what its training keeps in memory.

Where time is c * T^p for T frames, log time against log T is a straight line of slope p: 1 for a cost that is linear in
the frames, 2 for a quadratic one. The slope is fitted over several numbers of frames, once in each repeat; the median
of those slopes is the exponent, and its interval is drawn from the repeats. Other programs on the machine lengthen
single runs, and a median minds that least. All numbers of frames take turns within a repeat, so that a machine that
slows down slows all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from course_lib.exam.measures.intervals import mean_and_interval

Work = Callable[[], object]  # does once what is timed

Builder = Callable[[int, int], Work]  # (frames, tokens a frame) -> work


def seconds_by_frames(
    model_builder: Builder,
    frames: Sequence[int],
    tokens: int,
    repeats: int,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> np.ndarray:
    """Seconds of one run, (repeats, len(frames)).

    model_builder: called once with each number of frames and the tokens of a frame; returns a function that does the
    work once. It is run once untimed, because a first run also allocates.
    Raises ValueError for fewer than two numbers of frames, or one that is not positive.
    """
    if len(set(frames)) < 2 or min(frames) < 1:
        raise ValueError(f"an exponent needs at least two numbers of frames, all above 0, not {list(frames)}")
    works = [model_builder(count, tokens) for count in frames]
    for work in works:
        work()
    seconds = np.empty((repeats, len(works)))
    for row in seconds:
        for place, work in enumerate(works):
            start = clock()
            work()
            row[place] = clock() - start
    return seconds


def exponents(frames: Sequence[int], seconds: ArrayLike) -> np.ndarray:
    """The slope of log seconds over log frames in each repeat, (repeats, len(frames)) -> (repeats,).

    Raises ValueError for shapes that do not fit, or a time that is not above 0.
    """
    times, counts = np.atleast_2d(np.asarray(seconds, dtype=float)), np.asarray(frames, dtype=float)
    if times.ndim != 2 or times.shape[1] != len(counts):
        raise ValueError(f"{len(counts)} numbers of frames do not fit times of shape {times.shape}")
    if not (np.isfinite(times).all() and (times > 0).all() and (counts > 0).all()):
        raise ValueError("times and numbers of frames are above 0: their logarithms are needed")
    x = np.log(counts) - np.log(counts).mean()
    return np.log(times) @ x / (x @ x)


def time_exponent(
    model_builder: Builder,
    frames: Sequence[int],
    tokens: int,
    repeats: int = 7,
    *,
    seed: int = 0,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float | int]:
    """value, low, high and n for the exam's row time_exponent; n counts repeats. See ``seconds_by_frames``.

    Raises ValueError for fewer than five repeats: an interval needs them.
    """
    seconds = seconds_by_frames(model_builder, frames, tokens, repeats, clock=clock)
    return exponent_row(frames, seconds, seed=seed)


def exponent_row(frames: Sequence[int], seconds: ArrayLike, *, seed: int = 0) -> dict[str, float | int]:
    """value, low, high and n from measured times, (repeats, len(frames))."""
    return mean_and_interval(exponents(frames, seconds), seed=seed, statistic=np.median)


def bytes_kept(forward: Callable[[], Tensor]) -> int:
    """Bytes that autograd keeps of a forward pass for its backward pass: exact, and no timing.

    What several operations keep counts once; weights, and other leaves that take a gradient, do not count.
    """
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        whole = tensor if tensor._base is None else tensor._base
        if not (whole.is_leaf and whole.requires_grad):
            storage = tensor.untyped_storage()
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        result = forward()
    total = sum(kept.values())
    del result  # held until here: memory that is freed may be given out again, and would count as the same
    return total
