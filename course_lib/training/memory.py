"""How much memory a training step needs, and whether this machine has it.

The estimate adds up what a step holds at once: weights, gradients, AdamW's two moments, and what the forward pass saves
for the backward pass. The last is measured on two small batches, by looking at each tensor that autograd saves, and
continued in a straight line to the batch of the configuration. Not in it: what a backward pass needs in passing, the
libraries' work space and the driver, together some hundred MiB on a GPU and more where one layer is much larger than
the rest. So a size states somewhat more than the estimate, ``train.memory_gib``; a test holds it to at least that.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from course_lib.training.config import ConfigError
from course_lib.training.recipe import Recipe, RunConfig, build

GIB = 2**30
SMALL = (1, 2)  # batches that even a laptop can measure
TRIES = 30  # batches, until one has that many


class NotEnoughMemory(ConfigError):
    """This machine has not the memory that a configuration states; the message says what it needs and the way out."""


@dataclass(frozen=True)
class Estimate:
    """Bytes that a training step holds at once."""

    weights: int  # parameters and buffers
    gradients: int
    moments: int  # AdamW keeps two numbers for each parameter
    activations: int  # saved for the backward pass

    @property
    def total(self) -> int:
        """All of them."""
        return self.weights + self.gradients + self.moments + self.activations


def estimate(recipe: Recipe, config: RunConfig, given: Any) -> Estimate:
    """What a step of this configuration needs, found on the CPU with batches of one and two examples.

    given: a little data to draw them from, as in ``train(..., data=given)``. Precision is the configuration's. The
    phase that needs most counts.
    """
    model = build(recipe, config.model)
    data = recipe.load(config, given)
    parameters = sum(p.numel() * p.element_size() for p in model.parameters())
    buffers = sum(b.numel() * b.element_size() for b in model.buffers())
    most = 0
    for phase in recipe.phases(model, config):
        full, saved = config.value(phase.batch), []
        if full is None:
            raise ValueError(f"phase {phase.name!r} draws {phase.batch} examples, and there is no such key")
        for batch in SMALL:
            small = config.with_value(phase.batch, batch)
            draws = torch.Generator().manual_seed(0)
            own = phase.batches
            batches = recipe.batches(data, small, draws) if own is None else own(model, data, small, draws)
            for example in islice(batches, TRIES):
                drawn = {name: len(tensor) for name, tensor in example.items()}
                if set(drawn.values()) == {batch}:
                    break  # where films have several lengths, these are the longest: of shorter ones there are more
            else:
                raise ValueError(f"phase {phase.name!r} draws {drawn} examples where {phase.batch} is {batch}")
            saved.append(_saved(model, phase.loss, example, config.train.precision))
        each = (saved[1] - saved[0]) / (SMALL[1] - SMALL[0])
        most = max(most, round(saved[0] + each * (full - SMALL[0])))
    return Estimate(parameters + buffers, parameters, 2 * parameters, most)


def _saved(model: torch.nn.Module, loss: str, batch: dict[str, Tensor], precision: str) -> int:
    """Bytes that autograd saves in one forward pass; memory that several tensors share counts once."""
    own = {tensor.untyped_storage().data_ptr() for tensor in [*model.parameters(), *model.buffers()]}
    found: dict[int, int] = {}
    kept: list[Tensor] = []  # alive to the end, so that no two of them can have had the same place

    def count(tensor: Tensor) -> None:  # a graph that was handed its own tensors would hold itself for ever
        place = tensor.untyped_storage()
        if place.data_ptr() not in own:
            found[place.data_ptr()] = place.nbytes()
            kept.append(tensor)

    mixed = torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16")
    with torch.autograd.graph.saved_tensors_hooks(count, lambda nothing: nothing), mixed:
        getattr(model, loss)(batch, 0, torch.Generator().manual_seed(0))
    kept.clear()  # they hold the graph, the graph holds count, and count holds them
    return sum(found.values()) + sum(tensor.numel() * tensor.element_size() for tensor in batch.values())


def check_memory(config: RunConfig, device: torch.device) -> None:
    """Hold what the configuration states against the device. Raises NotEnoughMemory; 0 states nothing.

    The statement is for one device and the whole batch; several that share it need less each, and may overrule it.
    """
    need = config.train.memory_gib
    if not need:
        return
    there = available(device)
    if there is not None and there >= need:
        return
    have = "there is none here" if there is None else f"this one ({device}) has {there:.1f}"
    batch = f" with a batch of {config.data.batch}" if hasattr(config.data, "batch") else ""
    raise NotEnoughMemory(
        f"{config.name} in size {config.size}{batch} needs a GPU with {need:g} GiB of memory, and {have}. Take --size "
        "cpu, which a laptop can train; or a smaller batch or your own risk, with --set data.batch=N and --set "
        "train.memory_gib=0"
    )


def available(device: torch.device) -> float | None:
    """The memory of a GPU in GiB, all of it whatever other programs hold; None where the device is no GPU."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory / GIB
    if device.type == "mps":
        return torch.mps.recommended_max_memory() / GIB
    return None
