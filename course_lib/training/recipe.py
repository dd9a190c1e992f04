"""What a model brings to the loop that trains them all: its configuration, its data, its phases, its parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, TypeVar

from pydantic import Field

from course_lib.models.base import ModelConfig, Strict, fresh

if TYPE_CHECKING:  # torch only when a model is built: reading a configuration does not need it
    import numpy as np
    import torch
    from torch import Tensor, nn


class TrainConfig(Strict):
    """How a model is trained: the same few numbers for every model."""

    steps: Annotated[int, Field(ge=1, le=10**9, description="updates of the weights")]
    learning_rate: Annotated[float, Field(gt=0.0, le=1.0, description="at its peak")]
    warmup: Annotated[int, Field(ge=0, le=10**9, description="steps until the peak")] = 0
    final: Annotated[float, Field(ge=0.0, le=1.0, description="the last learning rate, as a share of the peak")] = 0.0
    weight_decay: Annotated[float, Field(ge=0.0, le=1.0, description="at the first step")] = 0.0
    final_weight_decay: Annotated[
        float | None, Field(ge=0.0, le=1.0, description="at the last step, along half a cosine; null: as at the first")
    ] = None
    clip: Annotated[float, Field(gt=0.0, le=1e12, description="longest gradient that is used in full")] = 1.0
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0
    precision: Annotated[Literal["no", "bf16"], Field(description="mixed precision")] = "no"
    log_every: Annotated[int, Field(ge=1, le=10**9, description="steps between two rows of the CSV log")] = 10
    # What follows decides how a run is kept and where it may run, not what it makes. exclude: so it is no part of the
    # provenance, and a run goes on after a change of it (on another kind of device its state is refused).
    device: Annotated[
        Literal["cpu", "auto"], Field(exclude=True, description="auto: a GPU where there is one")
    ] = "cpu"
    save_every: Annotated[
        int, Field(ge=1, le=10**9, exclude=True, description="steps between two saves of the state")
    ] = 500
    memory_gib: Annotated[
        float, Field(ge=0.0, le=1e6, exclude=True, description="memory of a GPU; 0 for no statement")
    ] = 0.0


M = TypeVar("M", bound=ModelConfig)
D = TypeVar("D", bound=Strict)
T = TypeVar("T", bound=TrainConfig)


class RunConfig(Strict, Generic[M, D, T]):
    """One run: which network, which data, which training. name and size say where it came from."""

    model: M
    data: D
    train: T
    name: str = ""
    size: str = ""

    def value(self, key: str) -> Any:
        """What stands under a dotted key, "data.batch"; None where this configuration has no such key."""
        group, _, name = key.partition(".")
        return getattr(getattr(self, group, None), name, None)

    def with_value(self, key: str, value: Any) -> RunConfig:
        """The same run with another value under a dotted key that it has; the value is not checked again."""
        group, _, name = key.partition(".")
        return self.model_copy(update={group: getattr(self, group).model_copy(update={name: value})})


@dataclass(frozen=True)
class Data:
    """What a model learns from, with its fingerprint for the checkpoint's provenance.

    arrays: by name, the example first; description: for people; sha256: of the arrays.
    """

    arrays: Mapping[str, np.ndarray]
    description: str
    sha256: str


@dataclass(frozen=True)
class Group:
    """Parameters that are updated alike. decays: whether weight decay pulls them towards 0."""

    parameters: Sequence[nn.Parameter]
    decays: bool = True


def decay_groups(*modules: nn.Module) -> list[Group]:
    """What learns in some modules in two groups: weight decay for the matrices, none for everything else.

    Parameters that require no gradient (fixed positions, a target encoder) are left out. A matrix is the ``weight`` of
    a linear layer, a convolution or a recurrent layer. No decay for biases, the gains of norms, embeddings, positions,
    mask tokens and codebooks: they are not multiplied with an input, and pulling them to 0 only makes them disappear.
    That is the habit of I-JEPA's program (Assran et al. 2023, arXiv 2301.08243), which goes by the number of dimensions
    and so lets a mask token decay; here it does not.
    """
    from torch import nn

    decaying: dict[int, nn.Parameter] = {}
    others: dict[int, nn.Parameter] = {}
    for module in modules:
        for part in module.modules():
            for name, parameter in part.named_parameters(recurse=False):
                named = name == "weight" or name.startswith("weight_") or name.endswith("_weight")
                matrix = named and parameter.ndim > 1 and not isinstance(part, nn.Embedding)
                new = id(parameter) not in decaying | others  # tied weights belong to the first who has them
                if parameter.requires_grad and new:
                    (decaying if matrix else others)[id(parameter)] = parameter
    groups = Group(list(decaying.values())), Group(list(others.values()), decays=False)
    return [group for group in groups if group.parameters]


@dataclass(frozen=True)
class Phase:
    """One stretch of training with its own parameters and length; everything else stays as it is meanwhile.

    parameters: what learns in this phase, or groups of it, as :func:`decay_groups` makes them.
    loss: the name of the model's method that gives the named losses.
    batches: this phase's own, ``(model, data, config, generator) -> iterator``, under the recipe's rules; it may look
    at what an earlier phase has learned (the latents of a film, for example), which is fixed by now.
    batch: the key of the configuration that says how many examples a step of this phase draws.
    learning_rate, clip: instead of the configuration's, where the phases' losses are of different sizes.
    """

    name: str
    steps: int
    parameters: Sequence[nn.Parameter] | Sequence[Group]
    loss: str = "loss"
    batches: Callable[[nn.Module, Data, RunConfig, torch.Generator], Iterator[dict[str, Tensor]]] | None = None
    batch: str = "data.batch"
    learning_rate: float | None = None
    clip: float | None = None

    def groups(self) -> list[Group]:
        """The parameters in groups; in one, where the phase makes none.

        Raises ValueError for a phase without parameters, for a mixture of parameters and groups, and for a parameter
        that stands in it twice.
        """
        grouped = [isinstance(entry, Group) for entry in self.parameters]
        if any(grouped) and not all(grouped):
            raise ValueError(f"phase {self.name!r} holds parameters and groups: put all of them into groups")
        groups = list(self.parameters) if any(grouped) else [Group(list(self.parameters))]
        places = [id(parameter) for group in groups for parameter in group.parameters]
        if not places:
            raise ValueError(f"phase {self.name!r} has no parameters to train")
        if len(set(places)) < len(places):
            raise ValueError(f"phase {self.name!r} holds a parameter twice")
        return groups


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
    where step counts from 0 in each phase, and where it has one ``after_step(step, of)``, called after each update (for
    moving averages and codebooks); ``of`` is the length of the phase, so that a rate can rise or fall to its end.

    check: what of a configuration can only be seen when it meets the world: ``(config) -> None`` raises ConfigError for
    settings that do not fit together, or CheckpointError for files that a later phase or ``finish`` will read. It is
    called before the data are made, so that nothing fails after the last step that could have failed before the first.
    load: the data, from the configuration or from what the caller gave instead. It refuses data with which any phase
    would fail.
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
    check: Callable[[RunConfig], None] | None = None
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


def build(recipe: Recipe, config: Any, seed: int = 0) -> nn.Module:
    """A fresh model whose first weights are drawn from the seed; the global random state stays as it was."""
    return fresh(recipe.build, config, seed)
