"""Which models can be trained, and what each brings to the loop that trains them all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor, nn

    from course_lib.models.base import ModelConfig, Strict
    from course_lib.training.config import RunConfig

RECIPES = {
    name: f"course_lib.training.recipes.{name}" for name in ("genie", "lam", "mae", "reader", "tokenizer", "vae", "vmc")
}
"""The name of every model that can be trained, and the module that holds its ``recipe``."""


class UnknownModel(ValueError):
    """No model of this name can be trained; the message lists those that can."""


@dataclass(frozen=True)
class Data:
    """What a model learns from, with its fingerprint for the checkpoint's provenance.

    arrays: by name, the example first; description: for people; sha256: of the arrays.
    """

    arrays: Mapping[str, np.ndarray]
    description: str
    sha256: str


@dataclass(frozen=True)
class Phase:
    """One stretch of training with its own parameters and length; everything else stays as it is meanwhile.

    parameters: what learns in this phase. loss: the name of the model's method that gives the named losses.
    batches: this phase's own, ``(model, data, config, generator) -> iterator``, under the recipe's rules; it may look
    at what an earlier phase has learned (the latents of a film, for example), which is fixed by now.
    learning_rate, clip: instead of the configuration's, where the phases' losses are of different sizes.
    """

    name: str
    steps: int
    parameters: Sequence[nn.Parameter]
    loss: str = "loss"
    batches: Callable[[nn.Module, Data, RunConfig, torch.Generator], Iterator[dict[str, Tensor]]] | None = None
    learning_rate: float | None = None
    clip: float | None = None


def one_phase(model: nn.Module, config: RunConfig) -> list[Phase]:
    """The usual case: all parameters learn, from the first step to the last."""
    return [Phase("train", config.train.steps, list(model.parameters()))]


def whole_model(model: nn.Module) -> nn.Module:
    """The usual part of a checkpoint: everything."""
    return model


@dataclass(frozen=True)
class Recipe:
    """All that the loop has to know about a model.

    The model itself is a torch module with ``loss(batch, step, generator) -> {"loss": scalar, name: scalar, ...}``,
    where step counts from 0 in each phase, and where it has one ``after_step(step)``, called after each update (for
    moving averages and codebooks).

    load: the data, from the configuration or from what the caller gave instead.
    batches: an endless iterator of batches, each tensor with the global batch first. A batch is drawn when it is asked
    for, with the generator alone, and nothing is remembered from one to the next (no permutation, nothing fetched
    ahead): so the generator's state is all that a run needs to go on. Every process draws the same global batch.
    parts: what is stored in a file of its own, each a module of the model.
    ship: the sizes whose checkpoints come with the course.
    half: parts and sizes, ``("v", "cpu-carracing")``, whose weights are stored as 16-bit floats to keep them small.
    finish: what comes after the last step and is no gradient's work (the evolution of a controller): ``(model, config,
    data, folder, tell) -> facts`` for the provenance. It keeps what it needs to go on from in the folder.
    published: the paper's count of parameters, to hold the size "paper" against.
    paper: whether there is such a size; an instrument of the course's own, like the reader, has no paper to count.
    """

    name: str
    model_config: type[ModelConfig]
    data_config: type[Strict]
    train_config: type[Strict]
    build: Callable[[Any], nn.Module]
    load: Callable[[RunConfig, Any], Data]
    batches: Callable[[Data, RunConfig, torch.Generator], Iterator[dict[str, Tensor]]]
    phases: Callable[[nn.Module, RunConfig], list[Phase]] = one_phase
    parts: Mapping[str, Callable[[nn.Module], nn.Module]] = field(default_factory=dict)
    ship: tuple[str, ...] = ("cpu",)
    half: frozenset[tuple[str, str]] = frozenset()
    finish: Callable[[nn.Module, RunConfig, Data, Path, Callable[[str], None]], dict[str, Any]] | None = None
    published: int | None = None
    paper: bool = True

    def part_names(self) -> list[str]:
        """The parts of a checkpoint; a model without parts is stored whole, under its own name."""
        return list(self.parts) or [self.name]

    def part(self, model: nn.Module, name: str) -> nn.Module:
        """One of them."""
        return self.parts.get(name, whole_model)(model)


def recipe_names() -> list[str]:
    """The models that can be trained, in alphabetical order."""
    return sorted(RECIPES)


def get_recipe(name: str | Recipe) -> Recipe:
    """The recipe of a model. Raises UnknownModel with the list of names, and the one that was probably meant."""
    if isinstance(name, Recipe):
        return name
    if name not in RECIPES:
        close = get_close_matches(name, RECIPES, n=1)
        meant = f" (did you mean {close[0]!r}?)" if close else ""
        raise UnknownModel(f"there is no model {name!r}{meant}; the models are: {', '.join(recipe_names())}")
    return import_module(RECIPES[name]).recipe
