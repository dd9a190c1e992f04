"""Forecasts that have learned nothing: copy the last frame, or go on as between the last two.

They are the course's controls. A model that cannot beat "nothing will change" has not learned to predict, however good
its films look; the exam keeps these rows beside every model. Three forms of the same idea stand here:

* for pictures, ``continue_pixels``: copy the last frame (rate 0) or let every pixel change on as it did (rate 1);
* for exact states, ``continue_states``: every body flies on at its last velocity, as if nothing pulled or stopped it;
* ``Extrapolation``, the pictures' form as a world model under the course's contract.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from course_lib.contract import Actions, Capabilities, State
from course_lib.worlds import spec


def continue_pixels(frames: np.ndarray, steps: int, *, rate: float = 1.0) -> np.ndarray:
    """Continue films in pixel space: x(T-1+k) = x(T-1) + rate * k * (x(T-1) - x(T-2)), clipped to 0..255.

    frames: uint8 ``(..., T, H, W, 3)``, T at least 2 (1 is enough when rate is 0). rate 0 copies the last frame.
    Returns uint8 ``(..., steps, H, W, 3)``. Raises ValueError for too few frames or steps, TypeError for other types.
    """
    if frames.dtype != np.uint8:
        raise TypeError(f"stored frames are uint8, these are {frames.dtype}")
    _check(frames.ndim - 4, frames.shape, steps, least=1 if rate == 0 else 2)
    last = frames[..., -1:, :, :, :].astype(np.float32)
    before = last if rate == 0 else frames[..., -2:-1, :, :, :].astype(np.float32)
    ahead = np.arange(1, steps + 1, dtype=np.float32)[:, None, None, None]  # (steps, 1, 1, 1)
    forecast = last + rate * ahead * (last - before)
    return np.clip(np.round(forecast), 0, 255).astype(np.uint8)


def continue_states(states: np.ndarray, steps: int) -> np.ndarray:
    """Continue exact states at constant velocity: no gravity, no wall, no collision, nobody's wish.

    Position and angle go on as between the last two frames; velocity and spin become what that step says; everything
    else stays as it was.
    states: float ``(..., T, slots, fields)`` as in ``worlds.spec.FIELDS``, T at least 2.
    Returns the same type, ``(..., steps, slots, fields)``. Raises ValueError for too few frames or steps.
    """
    _check(states.ndim - 3, states.shape, steps, least=2)
    forecast = np.repeat(states[..., -1:, :, :], steps, axis=-3)
    ahead = np.arange(1, steps + 1)[:, None]  # (steps, 1): meets the slots
    for place, speed in (("x", "vx"), ("y", "vy"), ("angle", "spin")):
        i, j = spec.FIELD[place], spec.FIELD[speed]
        step = states[..., -1, :, i] - states[..., -2, :, i]  # (..., slots), units or radians in one frame
        forecast[..., i] += ahead * step[..., None, :]
        forecast[..., j] = (step / spec.FRAME_SECONDS)[..., None, :]
    return forecast


def dream_in_pieces(states: np.ndarray, horizon: int) -> np.ndarray:
    """A film's states in which only two frames are seen, then ``horizon`` frames are dreamed, two seen, and so on.

    With a long horizon the dream is on its own; with a short one it is put right before it can go far wrong.
    states: float ``(..., T, slots, fields)``. Returns the same shape and type.
    """
    dream = states.copy()
    for start in range(2, states.shape[-3], horizon + 2):
        steps = min(horizon, states.shape[-3] - start)
        dream[..., start : start + steps, :, :] = continue_states(states[..., :start, :, :], steps)
    return dream


def _check(batch_axes: int, shape: tuple[int, ...], steps: int, least: int) -> None:
    if batch_axes < 0:
        raise ValueError(f"a film has the axis of time first, this has shape {shape}")
    if shape[batch_axes] < least:
        raise ValueError(f"{least} frames are needed to know how things move, there are {shape[batch_axes]}")
    if steps < 1:
        raise ValueError(f"at least one step has to be continued, not {steps}")


@dataclass
class LastFrames(State):
    """All that an extrapolation remembers: the newest frame and the one before, float ``(B, 3, H, W)`` each."""

    last: Tensor
    before: Tensor


class Extrapolation:
    """A world model (世界模型) in form only: it carries the last two frames and knows nothing of the world.

    rate 0 is *copy-last*, whose surprise is the plain difference between neighbouring frames; rate 1 is *linear*.
    actions: how many discrete actions it is to accept. It ignores them, and that is the point of it as a control:
    whatever a model gains over it by reading the actions is knowledge that this one cannot have.
    """

    def __init__(self, frame_size: tuple[int, int] = (32, 32), *, rate: float = 0.0, actions: int = 0) -> None:
        if not 0.0 <= rate <= 1.0:
            raise ValueError(f"rate is between 0 (copy the last frame) and 1 (go on as before), not {rate}")
        kind = Actions("discrete", actions) if actions else Actions("none")
        self.rate = rate
        self.capabilities = Capabilities(kind, decodes=True, context=2, frame_size=frame_size)

    def encode(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> LastFrames:
        """Keep the last two frames; after a single frame nothing is known to move."""
        self.capabilities.check(observations, actions)
        before = observations[:, -2] if observations.shape[1] > 1 else observations[:, -1]
        return LastFrames(observations[:, -1], before)

    def predict(
        self, state: LastFrames, action: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> LastFrames:
        """One step further in the same direction. Values may leave [0, 1] here, so that the direction is not lost."""
        self.capabilities.actions.check(action, (len(state),))
        return LastFrames(state.last + self.rate * (state.last - state.before), state.last)

    def decode(self, state: LastFrames, *, generator: torch.Generator | None = None) -> Tensor:
        """The newest frame, clipped to what a picture can hold."""
        return state.last.clamp(0.0, 1.0)

    def surprise(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """Mean squared difference between each frame and its forecast, values in [0, 1]; NaN at frame 0."""
        self.capabilities.check(observations, actions)
        result = torch.full(observations.shape[:2], torch.nan, device=observations.device)
        before = torch.cat([observations[:, :1], observations[:, :-2]], dim=1)  # frame t - 2, and 0 for t = 1
        last = observations[:, :-1]
        forecast = (last + self.rate * (last - before[:, : last.shape[1]])).clamp(0.0, 1.0)
        result[:, 1:] = (observations[:, 1:] - forecast).square().mean(dim=(2, 3, 4))
        return result
