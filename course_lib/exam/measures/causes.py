"""Does a dreamed future change as the simulator's does, when a cause is changed in what a model is shown?

A pair of films is equal but for one thing: a platform or a ball is missing, a ball is heavier. A model is shown the
beginning of both and dreams both on. The *counterfactual effect* is how far what is watched is moved by the change, in
its dreams, and in the simulator:

    effect = (place with the change - place without it), less what it was in the last frame that was shown

``effect_share`` is the part of the simulator's effect that the dreams have: the sum of dreamed . true over the sum of
true . true, the slope of a line through zero. 1 is what the simulator has as a model, 0 who dreams the same both times.
An effect of the right size in a wrong direction adds nothing. A thing that a reader does not find has not moved.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from course_lib.contract import State, WorldModel
from course_lib.exam.measures.intervals import paired_ratio_interval
from course_lib.exam.measures.interventions import constant_action, futures
from course_lib.exam.measures.rollout import CHUNK
from course_lib.models.reader import Reader
from course_lib.worlds import spec
from course_lib.worlds.frames import to_model, to_uint8

_F = spec.FIELD


@torch.no_grad()
def counterfactual_effect(
    model: WorldModel, shown: np.ndarray, read: Callable[[State], np.ndarray], steps: int,
    begun: np.ndarray | None = None,
) -> np.ndarray:  # fmt: skip
    """How far a change moves what is watched, in a model's dreams, no key being pressed: units, (steps, N, K).

    shown: the beginnings of pairs of films, without and with the change, uint8 (N, 2, T, H, W, 3). read: where what is
    watched is in a state, (B, K); NaN where it is not found. begun: how far apart the two already are in the last frame
    that is shown, (N, K). Where both films of every pair show the same, they are dreamed on once: nothing is drawn, so
    that the same frames are followed by the same dream. Raises ValueError for films that are no pairs.
    """
    if shown.ndim != 6 or shown.shape[1] != 2:
        raise ValueError(f"pairs of films (N, 2, T, H, W, 3) are wanted, these are {shown.shape}")
    without = _dreamed(model, shown[:, 0], read, steps)
    alike = np.array_equal(shown[:, 0], shown[:, 1])
    with_ = without if alike else _dreamed(model, shown[:, 1], read, steps)
    return with_ - without - (0.0 if begun is None else begun)


def _dreamed(model: WorldModel, films: np.ndarray, read: Callable[[State], np.ndarray], steps: int) -> np.ndarray:
    """Places in the dreams that go on from films, (steps, N, K)."""
    found = []
    for start in range(0, len(films), CHUNK):
        some = to_model(films[start : start + CHUNK])
        found.append(futures(model, model.encode(some, idle_keys(model, *some.shape[:2])), steps, read))
    return np.concatenate(found, axis=1)


def idle_keys(model: WorldModel, films: int, frames: int) -> torch.Tensor | None:
    """No key in all of these films, as a model takes it, (films, frames - 1); None where it takes none or sees one
    frame."""
    same = constant_action(model.capabilities.actions, 0, films)
    return None if same is None or frames == 1 else same[:, None].expand(films, frames - 1)


def effect_share(dreamed: np.ndarray, true: np.ndarray) -> float:
    """Of the true effect, how much a dream has: 1 as the simulator, 0 none. (N, K) each, NaN counts as no effect.

    Raises ValueError where nothing changes in the simulator.
    """
    along, size = _along(dreamed, true)
    if size.sum() <= 0:
        raise ValueError("nothing changes in the simulator, so that no share of it can be taken")
    return float(along.sum() / size.sum()) + 0.0  # no minus in front of 0


def effect_share_interval(dreamed: np.ndarray, true: np.ndarray, generator: np.random.Generator) -> tuple[float, float]:
    """Its 95 % interval, pairs of films resampled."""
    return paired_ratio_interval(*_along(dreamed, true), generator=generator)


def share_of_other_pairs(dreamed: np.ndarray, true: np.ndarray) -> float:
    """The share where each dream is held against the true effects in all other pairs: a control. (N, K) each."""
    along, size = _along(dreamed, true)
    every = np.nan_to_num(dreamed).sum(axis=0) @ true.sum(axis=0)  # each dream against each pair
    return float((every - along.sum()) / ((len(true) - 1) * size.sum())) + 0.0


def effect_size(effect: np.ndarray) -> float:
    """The root of the mean square of how far something is moved, whatever the direction, units. (N, K), NaN is 0."""
    return float(np.sqrt(np.square(np.nan_to_num(effect)).sum(axis=1).mean()))


def _along(dreamed: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each pair dreamed . true and true . true, (N,) each."""
    if dreamed.shape != true.shape or true.ndim != 2:
        raise ValueError(f"effects (N, K) in as many pairs are wanted, these are {dreamed.shape} and {true.shape}")
    return (np.nan_to_num(dreamed) * true).sum(axis=1), np.square(true).sum(axis=1)


def coloured_ball(reader: Reader, frames: np.ndarray, colour: str) -> np.ndarray:
    """Where the surest ball, box or triangle of a colour is, in units; NaN where none is. uint8 (B, H, W, 3) -> (B, 2).

    The shape does not count: a model that draws a ball with corners has drawn the ball.
    """
    things = reader.read(frames)  # (B, 8, FIELDS), the surest first
    kinds = [spec.KINDS.index(shape) for shape in spec.SHAPES]
    there = np.isin(things[..., _F["kind"]], kinds) & (things[..., _F["colour"]] == spec.COLOURS.index(colour))
    first = np.take_along_axis(things, there.argmax(axis=1)[:, None, None], axis=1)[:, 0]
    found = first[:, [_F["x"], _F["y"]]].astype(float)
    found[~there.any(axis=1)] = np.nan
    return found


def drawn_ball(model: WorldModel, reader: Reader, colour: str) -> Callable[[State], np.ndarray]:
    """The same of what a model draws of a state."""
    return lambda state: coloured_ball(reader, to_uint8(model.decode(state)), colour)
