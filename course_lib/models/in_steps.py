"""A world that makes a frame in steps (of decoding, of sampling), made to take another number of them."""

from __future__ import annotations

import inspect

import torch
from torch import Tensor

from course_lib.contract import State, WorldModel


def takes_steps(model: WorldModel) -> bool:
    """Whether a world makes a frame in steps, whose number its ``predict`` takes."""
    return "steps" in inspect.signature(model.predict).parameters


class InSteps:
    """The same world with this number of steps for a frame; everything else is the world's.

    Raises TypeError for a world that takes no number of steps.
    """

    def __init__(self, model: WorldModel, steps: int) -> None:
        if not takes_steps(model):
            raise TypeError(f"a {type(model).__name__} makes a frame at once: its predict takes no number of steps")
        self.model, self.steps, self.capabilities = model, steps, model.capabilities
        self.encode, self.decode, self.surprise = model.encode, model.decode, model.surprise

    def predict(
        self, state: State, action: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> State:
        """See the contract."""
        return self.model.predict(state, action, generator=generator, steps=self.steps)  # type: ignore[call-arg]
