"""A model whose actions are latent ones, pressed by the keys of the Playground: what a planner of keys is given.

Genie learned from films without keys. Its table from keys to its own actions was read off films with known keys, and
was given to it; the model itself never saw a key.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from course_lib.contract import Actions, NotCapable, State, WorldModel


class Keyed:
    """A WorldModel that takes keys and hands on what the model's table makes of them.

    how: what every prediction is asked with, for example ``{"steps": 1}``. Raises NotCapable for a model without a
    table.
    """

    def __init__(self, model: WorldModel, **how: Any) -> None:
        table = model.capabilities.actions.table
        if table is None:
            raise NotCapable(f"there is no table from keys to what this model takes: {model.capabilities.actions}")
        self.model, self.table, self.how = model, table, how
        keys = len(table.latent_of_real)
        self.capabilities = replace(model.capabilities, actions=Actions("discrete", keys), relaxation="")

    def encode(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> State:
        """See the contract."""
        return self.model.encode(observations, self._own(actions), generator=generator)

    def predict(
        self, state: State, action: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> State:
        """See the contract."""
        return self.model.predict(state, self._own(action), generator=generator, **self.how)

    def decode(self, state: State, *, generator: torch.Generator | None = None) -> Tensor:
        """See the contract."""
        return self.model.decode(state, generator=generator)

    def surprise(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """See the contract."""
        return self.model.surprise(observations, self._own(actions), generator=generator)

    def _own(self, keys: Tensor | None) -> Tensor | None:
        return None if keys is None else self.table.to_latent(keys)
