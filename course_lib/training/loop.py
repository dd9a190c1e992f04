"""The one loop that trains every model of the course.

    for each phase:          its own parameters, its own number of steps
        for each batch:
            loss             named by the model, added up by the model
            gradients        clipped
            AdamW            with the learning rate of this step
            after_step       moving averages, codebooks: whatever the model does then, with the phase's length
            resume file      every so many steps, where there is a folder to keep the run in

Hugging Face accelerate puts model, optimiser and batches on the device there is, or on several. All chance comes from
the seed of the configuration: the same seed gives the same weights on the same machine, and a run that was stopped,
killed or cut off goes on from its resume file to the same weights, bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType
from torch import Tensor, nn

from course_lib.files import check_writable
from course_lib.nets.fit import Diverged
from course_lib.nets.shard import sharded
from course_lib.training.config import ConfigError, load_config
from course_lib.training.devices import check_shares, make_accelerator, mean_over_processes, own_rows
from course_lib.training.history import History
from course_lib.training.interrupts import Interrupted, Interrupts
from course_lib.training.keeper import Keeper
from course_lib.training.log import Log
from course_lib.training.memory import check_memory
from course_lib.training.progress import Kind, Progress
from course_lib.training.recipe import Data, Phase, Recipe, RunConfig, build
from course_lib.training.registry import get_recipe
from course_lib.training.resume import FILE
from course_lib.training.schedule import learning_rate, weight_decay

OnStep = Callable[[int, dict[str, float]], Any]


class _Loss(nn.Module):
    """Calls the model's loss from within ``forward``, where accelerate puts mixed precision and several processes."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: dict[str, Tensor], step: int, generator: torch.Generator, name: str) -> dict[str, Tensor]:
        return getattr(self.model, name)(batch, step, generator)


def train(
    recipe: Recipe | str,
    config: RunConfig | str = "cpu",
    on_step: OnStep | None = None,
    *,
    data: Any = None,
    model: nn.Module | None = None,
    log: Path | None = None,
    progress: Kind = "auto",
    keep: Path | None = None,
    resume: bool = False,
) -> History:
    """Train a model and return it with the numbers of every step.

    recipe: a model's name. config: a configuration, or the name of a size.
    on_step: called after each step with how many are done and ``{"loss": float, ...}``. It may look at the model, which
    is on the device of the configuration meanwhile (``train.device``, a CPU but in the sizes gpu), and on the CPU
    again when this function ends, in whatever way.
    data: instead of what the configuration names (for the VAE: films, or frames as uint8 (..., H, W, 3)).
    model: go on with this one, instead of a fresh one drawn from the seed; it is changed in place.
    log: a CSV file to write every ``train.log_every`` steps to.
    progress: "auto", "notebook", "terminal", "plain" or "none".
    keep: a folder for the run's state, ``resume.safetensors``: written every ``train.save_every`` steps, at the end and
    on Ctrl-C, which then ends the run only after a whole step, with Interrupted. A disk that is full or a kill at any
    moment leave the last state that was saved. The file stays after the end: once the weights are stored,
    :func:`course_lib.training.keeper.discard` removes it.
    resume: go on from the state in ``keep``; where there is none, begin with the first step and say so. A run that goes
    on gives the weights, history and log of one that never stopped, bit for bit on the same machine and versions.
    Raises Diverged when the loss is no longer finite, ConfigError for a wrong configuration, NotEnoughMemory (a
    ConfigError, at once) for one that states more memory than there is, CannotWrite (at once) where log or state cannot
    be written, ResumeError for a state that is damaged or
    belongs to another run, Interrupted (a KeyboardInterrupt) as said.

    In several processes (``accelerate launch``) all of them call this alike; the first alone writes, shows and calls
    ``on_step``, and the losses are means over all. Under FSDP only the first process's History has the whole model.
    """
    recipe = get_recipe(recipe)
    if isinstance(config, str):
        config = load_config(recipe, config)
    if resume and keep is None:
        raise ValueError("resume=True needs keep=, the folder in which the run's state lies")
    weights_seed, batch_seed, draw_seed = (
        int(s) for s in np.random.SeedSequence(config.train.seed).generate_state(3)
    )  # fmt: skip
    accelerator = make_accelerator(config.train.precision, config.train.device)
    first = accelerator.is_main_process
    # What can be known to fail fails now: the films may take minutes, and the training hours.
    check_memory(config, accelerator.device)
    if recipe.check is not None:
        recipe.check(config)
    if first:
        kept = keep is not None and not resume and accelerator.distributed_type != DistributedType.FSDP
        for path in [log, keep / FILE if kept else None]:  # under FSDP the state of a run is not kept
            if path is not None:
                check_writable(path)
    with accelerator.main_process_first():  # one process makes the films, the others read them
        source = data if isinstance(data, Data) else recipe.load(config, data)
    model = build(recipe, config.model, weights_seed) if model is None else model
    batch_generator = torch.Generator().manual_seed(batch_seed)
    draws = torch.Generator(accelerator.device).manual_seed(draw_seed)
    history = History(model, config, source, str(accelerator.device))
    phases = recipe.phases(model, config)
    for phase in phases:
        phase.groups()
        check_shares(phase, config, accelerator)
    if accelerator.distributed_type == DistributedType.FSDP and len(phases) > 1:
        raise ConfigError(f"{recipe.name} learns in {len(phases)} phases, and FSDP can share only one: use DDP")
    keeper = Keeper(keep, history, phases, {"batches": batch_generator, "draws": draws}, accelerator)
    keeper.begin(resume)
    with ExitStack() as stack:
        stack.callback(_bring_back, history, accelerator)
        steps = sum(phase.steps for phase in phases)
        bar = Progress(recipe.name, steps, progress if first else "none", done=len(history.rows))
        stack.callback(bar.close)
        record = Log(log if first else None, config.train.log_every, history.rows)
        stack.callback(record.close)
        together = accelerator.num_processes > 1
        interrupts = Interrupts(active=keeper.path is not None, together=together, speaks=first)
        stack.enter_context(interrupts)

        def report(row: dict[str, Any], parts: dict[str, float]) -> None:
            history.rows.append(row)
            record.write()
            bar.update(row["step"], parts)
            if on_step is not None and first:
                on_step(row["step"], parts)

        run = _Run(recipe, history, accelerator, batch_generator, draws, keeper, interrupts, report)
        for index in range(keeper.phase, len(phases)):
            run.phase(index, phases[index])
    history.minutes = keeper.minutes()
    history.model.eval()
    return history


def _bring_back(history: History, accelerator: Accelerator) -> None:
    """The model on the CPU again, where everybody who asks it brings frames: however the run ended."""
    if accelerator.device.type != "cpu" and accelerator.distributed_type != DistributedType.FSDP:
        history.model.cpu()


@dataclass
class _Run:
    """What the phases of one run share."""

    recipe: Recipe
    history: History
    accelerator: Accelerator
    batch_generator: torch.Generator
    draws: torch.Generator
    keeper: Keeper
    interrupts: Interrupts
    report: Callable[[dict[str, Any], dict[str, float]], None]

    def phase(self, index: int, phase: Phase) -> None:
        """Train the parameters of one phase and nothing else, from where the resume file left it."""
        model, settings = self.history.model, self.history.config.train
        groups = phase.groups()
        chosen = {id(parameter) for group in groups for parameter in group.parameters}
        was_learning = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
        for parameter in model.parameters():
            parameter.requires_grad_(id(parameter) in chosen)
        optimiser = torch.optim.AdamW(
            [{"params": list(group.parameters), "decays": group.decays} for group in groups],
            lr=settings.learning_rate, weight_decay=settings.weight_decay,
        )  # fmt: skip
        loss_of, optimiser = self.accelerator.prepare(_Loss(model), optimiser)
        model.train()
        try:
            begin = self.keeper.enter(index, optimiser)
            # The iterator is made after the generator has its state: it may draw as soon as it is asked.
            batches = self._batches(phase)
            for step in range(begin, phase.steps):
                stop = self._step(step, phase, next(batches), loss_of, optimiser)
                self.keeper.after(index, step + 1, optimiser, last=step + 1 == phase.steps, now=stop)
                if stop:
                    raise Interrupted(self.keeper.what_is_saved(), len(self.history.rows), self.keeper.saved)
            if self.accelerator.distributed_type == DistributedType.FSDP:
                self._put_together(loss_of)
        finally:
            for parameter, learns in was_learning:
                parameter.requires_grad_(learns)
                parameter.grad = None
            if self.accelerator.num_processes > 1:
                # A wrapper of this phase that lived on would send the next one's gradients as well.
                del loss_of, optimiser
                self.accelerator.free_memory()

    def _batches(self, phase: Phase) -> Iterator[Mapping[str, Tensor]]:
        data, config = self.history.data, self.history.config
        if phase.batches is not None:
            return phase.batches(self.history.model, data, config, self.batch_generator)
        return self.recipe.batches(data, config, self.batch_generator)

    def _put_together(self, loss_of: nn.Module) -> None:
        """After FSDP each process holds a piece of every weight; the first one gets a model with all of them."""
        whole = self.accelerator.get_state_dict(loss_of)
        if self.accelerator.is_main_process:
            model = build(self.recipe, self.history.config.model)
            model.load_state_dict({name.removeprefix("model."): value for name, value in whole.items()})
            self.history.model = model

    def _step(
        self, step: int, phase: Phase, batch: Mapping[str, Tensor], loss_of: nn.Module, optimiser: Any
    ) -> bool:
        """One update; step counts from 0 in the phase. Returns whether the run was asked to stop."""
        settings, accelerator = self.history.config.train, self.accelerator
        number = len(self.history.rows) + 1
        rate = learning_rate(
            step, steps=phase.steps, peak=phase.learning_rate or settings.learning_rate, warmup=settings.warmup,
            final=settings.final,
        )  # fmt: skip
        decay = weight_decay(step, steps=phase.steps, first=settings.weight_decay, last=settings.final_weight_decay)
        for group in optimiser.param_groups:
            group["lr"], group["weight_decay"] = rate, decay if group["decays"] else 0.0
        batch = own_rows(batch, accelerator)
        with sharded(accelerator.process_index, accelerator.num_processes):
            losses = loss_of(batch, step, self.draws, phase.loss)
            parts, stop = self._numbers(losses, number, phase.name)
            optimiser.zero_grad()
            accelerator.backward(losses["loss"])
            learning = [parameter for group in optimiser.param_groups for parameter in group["params"]]
            norm = accelerator.clip_grad_norm_(learning, phase.clip or settings.clip)
            norm = float(norm.full_tensor() if hasattr(norm, "full_tensor") else norm)  # FSDP leaves it in pieces
            if not math.isfinite(norm):
                raise Diverged(self._diverged("the gradient's length", norm, number, phase.name, parts))
            optimiser.step()
            if hasattr(self.history.model, "after_step"):
                self.history.model.after_step(step, phase.steps)
        row = {"step": number, "phase": phase.name, "learning_rate": rate, "gradient_norm": norm}
        self.report(row | parts, parts)
        return stop if accelerator.num_processes > 1 else self.interrupts.asked

    def _numbers(self, losses: dict[str, Tensor], step: int, phase: str) -> tuple[dict[str, float], bool]:
        """The named losses as floats, fetched from the device at once, and whether any process was asked to stop.

        Processes hear of Ctrl-C at different moments; what they add up here makes them stop after the same step.
        Raises Diverged when the sum of losses is not finite.
        """
        if "loss" not in losses:
            raise ValueError(f"a model's losses must hold 'loss', the one to minimise; these are {sorted(losses)}")
        stack = [value.detach().float() for value in losses.values()]
        stack.append(torch.full_like(stack[0], float(self.interrupts.asked)))
        *values, asked = mean_over_processes(torch.stack(stack), self.accelerator).tolist()
        parts = dict(zip(losses, values, strict=True))
        if not math.isfinite(parts["loss"]):
            raise Diverged(self._diverged("the loss", parts["loss"], step, phase, parts))
        return parts, asked > 0

    def _diverged(self, what: str, value: float, step: int, phase: str, parts: dict[str, float]) -> str:
        listed = ", ".join(f"{name} {number:.4g}" for name, number in parts.items())
        return (
            f"{what} became {value} at step {step} (phase {phase!r}; {listed}); the step was not taken. "
            "A lower train.learning_rate, a longer train.warmup or a smaller train.clip usually helps"
            + (f"; {self.keeper.what_is_saved()}" if self.keeper.path else "")
        )
