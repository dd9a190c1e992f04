"""What every model's configuration has in common: strict types, no unknown keys, no change after the fact."""

from __future__ import annotations

from typing import Annotated

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
