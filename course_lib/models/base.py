"""What every model's configuration has in common: strict types, no unknown keys, no change after the fact."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Strict(BaseModel):
    """A configuration that takes nothing it does not know: an unknown key or a wrong type is an error.

    Raises pydantic.ValidationError; :mod:`course_lib.training.config` turns that into a message for people.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, protected_namespaces=())


class ModelConfig(Strict):
    """Base of the configurations of models: the sizes of one network, all that is needed to build it."""


PositiveInt = Annotated[int, Field(strict=True, ge=1, le=16_384)]
"""A width, or another number that a network has so many of. What is larger can be neither built nor counted."""
Layers = Annotated[int, Field(strict=True, ge=1, le=256)]
Sizes = Annotated[tuple[PositiveInt, ...], Field(strict=False, min_length=1, max_length=32)]
"""A row of whole numbers, each at least 1, written as a list: ``[32, 64, 128]``."""


def check_groups(name: str, width: int) -> None:
    """Raises ValueError for channels that group normalisation cannot share evenly: up to 8 groups, of 1 at least."""
    if width > 8 and width % 8:
        raise ValueError(f"{name} is {width}: the norm has 8 groups, so it is at most 8 or a multiple of 8")


def check_heads(heads_name: str, heads: int, width_name: str, width: int, *, waves: bool = False) -> None:
    """Raises ValueError for heads that cannot share the channels evenly. waves: positions on a grid need 4 kinds."""
    if width % heads:
        raise ValueError(f"{heads_name} is {heads} and {width_name} is {width}: heads share the channels evenly")
    if waves and width % 4:
        raise ValueError(f"{width_name} is {width}: four kinds of waves say the place, so it is a multiple of 4")


def check_hidden(hidden: float, width: int) -> None:
    """Raises ValueError for a feed-forward layer without a channel inside."""
    if round(hidden * width) < 1:
        raise ValueError(f"hidden is {hidden:g}: of {width} channels that leaves none inside the feed-forward")


class ViTConfig(ModelConfig):
    """The sizes of a vision transformer that encodes frames (``nets/vit.py``), the same keys in every such model.

    So two models with the same values here have encoders whose weights fit each other. The default is ViT-L/16.
    """

    frame_size: Annotated[Literal[32, 64, 224], Field(description="side of a frame in pixels")] = 224
    patch: Annotated[int, Field(ge=1, le=224, description="side of a patch in pixels")] = 16
    width: PositiveInt = 1024  # channels of a token
    depth: Layers = 24  # blocks
    heads: PositiveInt = 16  # of a block's attention

    @property
    def patches(self) -> int:
        """Patches of a frame, N."""
        return (self.frame_size // self.patch) ** 2

    @model_validator(mode="after")
    def _encoder_fits(self) -> ViTConfig:
        if self.frame_size % self.patch:
            raise ValueError(f"frames of {self.frame_size} pixels cannot be cut into patches of {self.patch}")
        check_heads("heads", self.heads, "width", self.width, waves=True)
        return self


C = TypeVar("C")
M = TypeVar("M")
N = TypeVar("N")


def untrained_twin(model: M, seed: int = 0) -> M:
    """The same network with fresh weights throughout, for a control. model: keeps its configuration in ``config``."""
    return fresh(type(model), model.config, seed).eval()


def bare_twin(model: Any) -> Any:
    """A model with fresh weights where it learned to predict, for a control; V, codec and tokenizer are kept."""
    return model.untrained() if hasattr(model, "untrained") else untrained_twin(model)


def fresh(make: Callable[[C], N], config: C, seed: int) -> N:
    """A network as ``make`` builds it, its weights drawn from the seed; the global random state stays as it was."""
    import torch  # here, so that reading a configuration does not load torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make(config)
