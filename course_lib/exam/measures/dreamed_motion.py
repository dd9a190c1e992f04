"""Newton in a dream: how strong is gravity there, how high does a ball come back, is momentum what it should be?

A model sees a film of the family (``worlds/family``) until the ball is hidden, and dreams the rest. What it has drawn
is read by the reader (``models/reader.py``), and two laws are asked of what was read:

    gravity     a ball that has bounced on the floor and comes out above its screen flies along a parabola,
                y = y_0 + v t - g t^2 / 2;  dreamed gravity over true gravity is this g over the engine's
    momentum    a ball that meets a wall comes back with the opposite momentum, and its mass is what it was:
                the error is |v_out + v_in| / |v_in|; 0 is right, 1 is a ball that stops, 2 one that goes through

Both have a floor: the same numbers read in the true films, by the same reader and from the same frame on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from course_lib.contract import WorldModel
from course_lib.exam.measures.rollout import dream_on
from course_lib.models.reader import BODY_KINDS, Reader
from course_lib.worlds import spec
from course_lib.worlds.frames import to_model
from course_lib.worlds.quadruplets import Quadruplets

FREE = 0.7  # of a body: with less of it in view, its centre is read off by up to a unit
FLIGHT, RETURN = 5, 3  # readings in a row that decide on a parabola, and on a straight line
BALL = 1  # the slot of the body in the states of these films
FALLING, STOPPED = "energy", "solidity"  # the properties in whose films a ball falls, and meets a wall

_F = spec.FIELD


@dataclass(frozen=True)
class Motion:
    """Of N films each, (N,); NaN where the ball was not read for long enough.

    gravity: over the engine's. height: of the top of its flight above where a ball touches the floor, over the true
    one. momentum: the error |v_out + v_in| / |v_in| of a ball that meets a wall.
    """

    gravity: np.ndarray
    height: np.ndarray
    momentum: np.ndarray


def body_places(reader: Reader, frames: np.ndarray | Tensor) -> np.ndarray:
    """Place and visible part of the surest body in each frame, NaN where none is read.

    frames: uint8 (N, T, H, W, 3) or floats (N, T, 3, H, W) -> (N, T, 3): x and y in units, the part that is free.
    """
    read = reader.read(frames)  # (N, T, 8, FIELDS), the surest first
    body = np.isin(read[..., _F["kind"]], BODY_KINDS)
    chosen = np.take_along_axis(read, body.argmax(axis=2)[..., None, None], axis=2)[:, :, 0]
    found = chosen[..., [_F["x"], _F["y"], _F["visible"]]].astype(float)
    found[~body.any(axis=2)] = np.nan
    return found


def first_run(there: np.ndarray, least: int) -> slice | None:
    """The first run of at least so many frames in a row. bool (T,) -> their slice, or None."""
    edges = np.flatnonzero(np.diff(np.r_[False, there, False].astype(int)))
    return next((slice(int(a), int(b)) for a, b in edges.reshape(-1, 2) if b - a >= least), None)


def flight(heights: np.ndarray) -> tuple[float, float]:
    """Downward acceleration in units / s^2 and the height of the top, of the first run of readings.

    heights: (T,) in units, NaN where nothing was read; by least squares. NaN twice where no run is long enough.
    """
    run = first_run(np.isfinite(heights), FLIGHT)
    if run is None:
        return np.nan, np.nan
    t = spec.FRAME_SECONDS * np.arange(run.stop - run.start)
    a, b, c = np.polyfit(t, heights[run], 2)
    return -2.0 * float(a), float(c - b * b / (4.0 * a)) if a < 0 else np.nan


def way_out(x: np.ndarray) -> float:
    """The speed of a body along x when it comes into view, in units / s: until it turns or is gone. (T,) -> number."""
    run = first_run(np.isfinite(x), RETURN)
    if run is None:
        return np.nan
    places = x[run]
    side = np.sign(places[1] - places[0])
    turned = np.flatnonzero(side * np.diff(places) <= 0)
    places = places[: int(turned[0]) + 1] if len(turned) else places
    if len(places) < RETURN:
        return np.nan
    return float(np.polyfit(spec.FRAME_SECONDS * np.arange(len(places)), places, 1)[0])


def read_motion(
    reader: Reader, falling: Quadruplets, stopped: Quadruplets, shown: Callable[[Tensor, np.ndarray], Tensor]
) -> Motion:
    """What the reader finds in the films A and B of two properties, or in what somebody makes of them.

    falling, stopped: quadruplets of ``FALLING`` and of ``STOPPED``. shown: the films (N, T, 3, H, W) and the first
    frame in which the ball of each is hidden, (N,) -> the films that are read, ``in_dreams(model)`` for example;
    ``as_it_was`` gives the floor of the reader.
    """
    places, states, first = _read(reader, falling, shown)
    flights = np.array([flight(np.where(film[:, 2] >= FREE, film[:, 1], np.nan)) for film in places])  # (N, 2)
    later = np.arange(states.shape[1]) >= first[:, None]
    touching = spec.FLOOR + states[:, 0, _F["size"]]  # the height of its centre on the floor
    top = np.where(later, states[..., _F["y"]], -np.inf).max(axis=1)
    height = (flights[:, 1] - touching) / (top - touching)
    places, states, first = _read(reader, stopped, shown)
    speed = states[np.arange(len(states)), first - 1, _F["vx"]]  # before it meets the wall
    out = np.array([way_out(film[:, 0]) for film in places])
    return Motion(flights[:, 0] / spec.GRAVITY, height, np.abs(out + speed) / np.abs(speed))


def _read(
    reader: Reader, made: Quadruplets, shown: Callable[[Tensor, np.ndarray], Tensor]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of the films A and B, one after the other: the ball's places from when it is hidden, (N, T, 3), NaN before; its
    states, (N, T, FIELDS); the first frame in which it is hidden, (N,)."""
    films = np.concatenate([made.frames[:, 0], made.frames[:, 1]])
    states = np.concatenate([made.states[:, 0], made.states[:, 1]])[:, :, BALL]
    first = np.tile(made.cuts[:, 0] - made.hidden // 2, 2)
    places = body_places(reader, shown(to_model(films), first))
    places[np.arange(places.shape[1]) < first[:, None]] = np.nan
    return places, states, first


def as_it_was(frames: Tensor, first: np.ndarray) -> Tensor:
    """The films themselves."""
    return frames


def in_dreams(model: WorldModel) -> Callable[[Tensor, np.ndarray], Tensor]:
    """The films as a model dreams them on from the frame in which the ball is hidden.

    What it gives raises NotCapable where the model does not draw.
    """
    return lambda frames, first: dream_on(model, frames, first)
