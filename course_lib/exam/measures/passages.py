"""How fast does a body go in a dream? A clock that needs no network: for how long is it away behind a screen?

A body that goes on evenly is hidden for a time that is inversely proportional to its speed. A model sees a film until
the body is gone, and dreams the rest; that the body is back is seen by comparing with the same film without a body.
So its dreamed speed is to its true speed as the frames that it should be away are to those that it is away:

    dreamed speed / true speed = frames away as the model redraws the true film / frames away as it dreams it

Both are read from pictures that the model has drawn, so that its blur is in both. The clock itself is checked by the
same quotient of the true film and the redrawn one. (Kang et al. 2024, arXiv 2411.02385, ask video models for speeds
inside and outside those they learned from.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from course_lib.contract import WorldModel
from course_lib.exam.measures.rollout import CHUNK, decodes, draw, dream_on
from course_lib.worlds.frames import to_model

SHARE = 0.3  # of a body's largest trace in full view: with so much of it, it is back
TURNING = 2  # frames after it has gone in which nothing counts as its return


@dataclass(frozen=True)
class Passages:
    """For how many frames a body is away, of N films, each (N,); NaN where it is not back before the film ends.

    true: in the films; redrawn: as a model draws them, frame by frame; dreamed: as it goes on alone.
    """

    true: np.ndarray
    redrawn: np.ndarray
    dreamed: np.ndarray

    @property
    def speed_ratio(self) -> np.ndarray:
        """Dreamed speed over true speed, (N,)."""
        return self.redrawn / self.dreamed

    @property
    def clock(self) -> np.ndarray:
        """What the same quotient gives where nothing is dreamed: 1 for a clock that goes right, (N,)."""
        return self.true / self.redrawn


def body_seen(frames: Tensor, empty: Tensor) -> np.ndarray:
    """How much of a body is seen: the sum of the absolute differences from the film without it. (N, T, 3, H, W) twice
    -> (N, T)."""
    return (frames - empty).abs().sum(dim=(2, 3, 4)).double().numpy()


def frames_away(body: np.ndarray, first: np.ndarray, least: np.ndarray) -> np.ndarray:
    """For how many frames it is away, (N,); NaN where it is not back before the film ends.

    body: (N, T) of ``body_seen``; first: the first frame in which it is hidden, (N,); least: what counts as back, (N,).
    """
    late = np.arange(body.shape[1]) >= first[:, None] + TURNING
    back = late & (body > least[:, None])  # (N, T)
    return np.where(back.any(axis=1), back.argmax(axis=1) - first, np.nan)


@torch.no_grad()
def redrawn(model: WorldModel, frames: Tensor) -> Tensor:
    """Films as a model draws them after a look at each frame by itself. (N, T, 3, H, W) -> the same.

    Raises NotCapable where it does not draw.
    """
    decodes(model)
    alone = frames.flatten(0, 1)[:, None]  # (N * T, 1, 3, H, W)
    parts = [draw(model, model.encode(some), count=len(some), size=frames.shape[-1]) for some in alone.split(8 * CHUNK)]
    return torch.cat(parts).unflatten(0, frames.shape[:2])


def passages(model: WorldModel, films: np.ndarray, first: np.ndarray) -> Passages:
    """Let a model see each film until the body has gone, and dream on without a key being pressed.

    films: uint8 (N, 2, T, H, W, 3), with the body and without it; first: the first frame without it, (N,), at least 1.
    Raises NotCapable where the model does not draw.
    """
    frames, empty = to_model(films[:, 0]), to_model(films[:, 1])  # (N, T, 3, H, W)
    drawn, bare = redrawn(model, frames), redrawn(model, empty)
    dreamed = dream_on(model, frames, first)
    true = body_seen(frames, empty)
    before = np.arange(true.shape[1]) < first[:, None]
    least = SHARE * np.where(before, true, 0.0).max(axis=1)  # (N,)
    return Passages(*(frames_away(body, first, least)
                      for body in (true, body_seen(drawn, bare), body_seen(dreamed, bare))))  # fmt: skip
