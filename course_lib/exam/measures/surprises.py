"""Asking a model what surprises it: at every frame of given films, from what came before that frame alone."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from course_lib.contract import WorldModel
from course_lib.exam.measures.rollout import CHUNK, fits, translate
from course_lib.lookup import ExamError
from course_lib.worlds.frames import to_model


@torch.no_grad()
def surprises(
    model: WorldModel, frames: Tensor, actions: Tensor, generator: torch.Generator | None = None, *, first: int = 1
) -> Tensor:
    """A model's surprise at every frame, (N, T), in its own unit; NaN at frame 0.

    frames: (N, T, 3, H, W); actions: the Playground's, (N, T - 1). first: the first frame whose surprise is wanted. A
    model that makes one pass for each frame, and whose ``surprise`` takes ``first``, leaves NaN at those before it; its
    values from there on are the same. Raises NotCapable where it cannot look at them.
    """
    fits(model, frames.shape[-1])
    translated = translate(model, actions)
    wanted = {"first": first} if first > 1 and "first" in inspect.signature(model.surprise).parameters else {}
    parts = []
    for start in range(0, len(frames), CHUNK):
        rows = slice(start, start + CHUNK)
        pressed = None if translated is None else translated[rows]
        parts.append(model.surprise(frames[rows], pressed, generator=generator, **wanted))
    return torch.cat(parts)


def check_context_only(model: WorldModel, frames: Tensor, actions: Tensor) -> None:
    """Raise ExamError when the surprise at a frame changes with what comes later: it would know the answer."""
    middle = frames.shape[1] // 2
    changed = frames.clone()
    changed[:, middle + 1 :] = 1.0 - changed[:, middle + 1 :].flip(1)
    before, after = (surprises(model, film, actions)[:, 1 : middle + 1] for film in (frames, changed))
    if not torch.allclose(before, after, rtol=1e-3, atol=1e-5):
        raise ExamError("its surprise at a frame changes with what comes later; surprise is taken from context only")


def quadruplet_surprises(model: WorldModel, films: np.ndarray) -> np.ndarray:
    """The same of matched films, in which no key is pressed. uint8 (N, 4, T, H, W, 3) -> float64 (N, 4, T).

    Raises NotCapable where the model cannot look at them.
    """
    few = CHUNK // films.shape[1]  # quadruplets at a time
    keys = torch.zeros(few * films.shape[1], films.shape[2] - 1, dtype=torch.long)
    parts = []
    for start in range(0, len(films), few):
        frames = to_model(films[start : start + few].reshape(-1, *films.shape[2:]))
        parts.append(surprises(model, frames, keys[: len(frames)]).double().numpy())
    return np.concatenate(parts).reshape(films.shape[:3])


TIMES = (5, 11, 17, 23, 29)  # the last frame before two films of a pair part


def turned_back(frames: Tensor, time: int, steps: int = 1) -> tuple[Tensor, Tensor]:
    """Two films of time + 1 + steps frames: one goes on, the other shows the frames before ``time`` again, backwards.

    Who guesses several frames at once is asked with as many steps: of one step, it would find the frame that it saw
    last come again, and who expects nothing to move would be right about it.
    """
    on = frames[:, : time + 1 + steps]
    return on, torch.cat([frames[:, : time + 1], frames[:, time - steps : time].flip(1)], dim=1)


def turned_back_scores(
    last: Callable[[Tensor, int], np.ndarray], frames: Tensor, steps: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """How often the film that turned back surprises more, of the TIMES at which the pair differs; a tie is half right.

    last: the surprise at the last frame of films (N, time + 1 + steps, 3, H, W), (N,). frames: (N, T, 3, H, W); steps:
    see ``turned_back``. -> scores (N,), NaN where a surprise is no finite number, and bool (N,), in which films the
    last frames of a pair differ at all, whoever is asked.
    """
    scores, moved = [], []
    for time in TIMES:
        on, back = turned_back(frames, time, steps)
        moved.append((on[:, -1] != back[:, -1]).flatten(1).any(dim=1).numpy())
        more = [last(film, time) for film in (on, back)]
        finite = np.isfinite(more[0]) & np.isfinite(more[1])
        right = np.where(more[1] > more[0], 1.0, np.where(more[1] == more[0], 0.5, 0.0))
        scores.append(np.where(finite, right, np.nan))
    differs = np.stack(moved)  # (K, N)
    total = np.where(differs, np.stack(scores), 0.0).sum(axis=0)
    return total / np.maximum(differs.sum(axis=0), 1), differs.any(axis=0)
