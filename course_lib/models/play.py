"""A world model as something to play with the keyboard: ``DreamPlayer`` is given to ``show.canvas``.

The model sees a few real frames once; from then on every picture is its own, dreamed under the reader's keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from course_lib.contract import NotCapable, WorldModel
from course_lib.worlds.frames import to_model, to_uint8

LOST = 10  # frames in a row without the agent until the reader is told; after a few it often comes back


class DreamPlayer:
    """Any model of ``course_lib.contract``, one predicted and decoded step at a time.

    observations: what it sees first, uint8 ``(T, H, W, 3)`` or as the model reads it, ``(1, T, 3, H, W)``; integers
    ``(1, T)`` for a model of a table. actions: those between them, with the batch axis, as the contract has them.
    generator: with it the dream draws, and ``reset`` begins the very same dream again; without it the model's most
    likely dream is shown.
    table: the model's own action for each number of a key; needed where actions are continuous,
    ``{0: (0.0, 0.0), 1: (-1.0, 0.0)}``. Latent actions are translated by the table that the model was given, if there
    is one; a model without actions ignores the keys.
    picture: turns what the model decodes, ``(1, ...)``, into uint8 ``(H, W, 3)``; needed where that is not a frame.
    finder: says whether the agent can be found in a picture, uint8 ``(H, W, 3)``; with it the caption tells the reader
    when it was not found in LOST or more frames in a row, the first picture among them.

    Raises NotCapable for a model that cannot decode, ValueError where a table or a picture is missing or does not fit.
    """

    def __init__(
        self,
        model: WorldModel,
        observations: Tensor | NDArray[np.uint8],
        actions: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
        table: Mapping[int, int | Sequence[float]] | None = None,
        picture: Callable[[Tensor], NDArray[np.uint8]] | None = None,
        finder: Callable[[NDArray[np.uint8]], bool] | None = None,
    ) -> None:
        can = model.capabilities
        if can.frame_size is None and picture is None:
            raise ValueError("this model decodes integers, not frames: give picture=..., which draws one of them")
        if can.actions.kind == "continuous" and table is None:
            raise ValueError(f"no key is {can.actions}: give table={{0: (...), 1: (...)}}, a vector for each action")
        self.model, self.generator, self.picture = model, generator, picture or _first_frame
        self.finder = finder
        self.table = None if table is None else {key: self._tensor(action) for key, action in table.items()}
        if isinstance(observations, np.ndarray):
            observations = to_model(observations)[None]  # (T, H, W, 3) -> (1, T, 3, H, W)
        if len(observations) != 1:
            raise ValueError(f"one dream is played: observations have a batch of 1, not {len(observations)}")
        self._device = observations.device
        with torch.no_grad():
            self._seen = model.encode(observations, actions, generator=generator)
        self._chance = None if generator is None else generator.get_state()
        try:
            self.reset()
        except NotCapable as error:
            raise NotCapable(f"there would be nothing to see on a canvas: {error}") from error

    @property
    def caption(self) -> str:
        """What stands below the picture: how long the model has been on its own, and whether it has lost the agent."""
        count = f"frames dreamed: {self.dreamed}"
        return count if self.missed < LOST else f"{count}; the dream lost you: Reset begins again"

    def reset(self) -> NDArray[np.uint8]:
        """Back to what was seen; the model's picture of it."""
        self.state, self.dreamed, self.missed = self._seen, 0, 0
        if self.generator is not None:
            self.generator.set_state(self._chance)
        return self._draw()

    def step(self, action: int) -> NDArray[np.uint8]:
        """One step of the dream; its picture. Raises ValueError for an action that the model does not have."""
        own = self._own_action(action)
        with torch.no_grad():
            self.state = self.model.predict(self.state, own, generator=self.generator)
        self.dreamed += 1
        return self._draw()

    def _draw(self) -> NDArray[np.uint8]:
        """The picture of the state; ``missed`` counts the last pictures in a row in which there is no agent."""
        with torch.no_grad():
            picture = self.picture(self.model.decode(self.state, generator=self.generator))
        if self.finder is not None:
            self.missed = 0 if self.finder(picture) else self.missed + 1
        return picture

    def _own_action(self, action: int) -> Tensor | None:
        """The action of a key as the model takes it: (1,), (1, d) or None."""
        kind = self.model.capabilities.actions
        if kind.kind == "none":
            return None
        if self.table is not None:
            if action not in self.table:
                raise ValueError(f"the table has the actions {sorted(self.table)}, there is no action {action!r}")
            return self.table[action].to(self._device)
        pressed = torch.tensor([action], device=self._device)
        return kind.table.to_latent(pressed) if kind.table is not None else pressed

    def _tensor(self, action: int | Sequence[float]) -> Tensor:
        kind = self.model.capabilities.actions
        dtype = torch.float32 if kind.kind == "continuous" else torch.int64
        own = torch.as_tensor(action, dtype=dtype)[None]  # (1,) or (1, d)
        kind.check(own, (1,))
        return own


def _first_frame(frames: Tensor) -> NDArray[np.uint8]:
    """(1, 3, H, W) -> uint8 (H, W, 3)."""
    return to_uint8(frames)[0]
