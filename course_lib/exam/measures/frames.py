"""How far is a frame from the true one: in decibels, and in where a reader finds things in it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from course_lib.models.reader import READABLE, Reader, match
from course_lib.worlds import spec
from course_lib.worlds.frames import EQUAL_DB, foreground, median_frame, psnr, to_model  # noqa: F401 (median_frame: notebooks take it from here)

MISSED = 14.0  # units: 0.52 of the side of the box, the mean distance of two random points in a square


def position_errors(reader: Reader, frames: np.ndarray | Tensor, states: np.ndarray) -> np.ndarray:
    """Mean distance in units between where things are and where a frame shows them, (N, T).

    frames: uint8 (N, T, H, W, 3) or floats (N, T, 3, H, W). states: the truth, (N, T, SLOTS, FIELDS). Things that are
    hidden in truth do not count; things not found within MISSED units with the right kind and colour count as MISSED.
    NaN only where the truth shows nothing.
    """
    read = reader.read(frames)  # (N, T, 8, FIELDS)
    errors = np.empty(states.shape[:2])
    x, y = spec.FIELD["x"], spec.FIELD["y"]
    for place in np.ndindex(*errors.shape):
        truth = states[place].copy()
        truth[truth[:, spec.FIELD["visible"]] < READABLE, 0] = 0.0
        pairs = match(truth, read[place], reach=MISSED, alike=True)
        found = [np.hypot(truth[i, x] - read[place][j, x], truth[i, y] - read[place][j, y]) for i, j in pairs]
        count = np.count_nonzero(truth[:, 0])
        errors[place] = (sum(found) + MISSED * (count - len(found))) / count if count else np.nan
    return errors


Coder = Callable[[Tensor], Tensor]  # frames (B, 3, H, W) -> their reconstruction, the same shape


@torch.no_grad()
def psnr_by_film(coder: Coder, frames: np.ndarray) -> np.ndarray:
    """Mean PSNR in dB of each film. frames: uint8 (N, T, H, W, 3) -> float64 (N,)."""
    return np.array([float(psnr(x, coder(x)).mean()) for x in map(to_model, frames)])


@torch.no_grad()
def foreground_psnr_by_film(coder: Coder, films: np.ndarray, background: np.ndarray) -> np.ndarray:
    """PSNR of the foreground's pixels alone, mean over the frames that have some. uint8 (N, T, H, W, 3) -> (N,).

    NaN for a film without foreground, whoever draws it: ask about the others alone.
    """
    values = np.full(len(films), np.nan)
    for i, film in enumerate(films):
        x = to_model(film)
        error = (coder(x) - x).square().mean(dim=1).numpy()  # (T, 3, H, W) -> (T, H, W)
        there = foreground(film, background)
        some = there.any(axis=(1, 2))
        means = (error * there).sum(axis=(1, 2))[some] / there.sum(axis=(1, 2))[some]
        if some.any():
            values[i] = (-10.0 * np.log10(np.maximum(means, 10.0 ** (-EQUAL_DB / 10.0)))).mean()
    return values
