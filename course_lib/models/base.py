"""What every model's configuration has in common: strict types, no unknown keys, no change after the fact."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field


class Strict(BaseModel):
    """A configuration that takes nothing it does not know: an unknown key or a wrong type is an error.

    Raises pydantic.ValidationError; :mod:`course_lib.training.config` turns that into a message for people.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, protected_namespaces=())


class ModelConfig(Strict):
    """Base of the configurations of models: the sizes of one network, all that is needed to build it."""


PositiveInt = Annotated[int, Field(strict=True, ge=1)]
Sizes = Annotated[tuple[PositiveInt, ...], Field(strict=False, min_length=1)]
"""A row of whole numbers, each at least 1, written as a list: ``[32, 64, 128]``."""

C = TypeVar("C")
M = TypeVar("M")
N = TypeVar("N")


def untrained_twin(model: M, seed: int = 0) -> M:
    """The same network with fresh weights throughout, for a control. model: keeps its configuration in ``config``."""
    return fresh(type(model), model.config, seed).eval()


def fresh(make: Callable[[C], N], config: C, seed: int) -> N:
    """A network as ``make`` builds it, its weights drawn from the seed; the global random state stays as it was."""
    import torch  # here, so that reading a configuration does not load torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make(config)
