"""The one loop that trains every model of the course.

    for each phase:          its own parameters, its own number of steps
        for each batch:
            loss             named by the model, added up by the model
            gradients        clipped
            AdamW            with the learning rate of this step
            after_step       moving averages, codebooks: whatever the model does then

Hugging Face accelerate puts model, optimiser and batches on the device there is. All chance comes from the seed of the
configuration: the same seed gives the same weights on the same machine.
"""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from course_lib.training.checkpoints import build
from course_lib.training.config import RunConfig, load_config
from course_lib.training.progress import Kind, Progress
from course_lib.training.registry import Data, Phase, Recipe, get_recipe
from course_lib.training.schedule import learning_rate

OnStep = Callable[[int, dict[str, float]], Any]


class Diverged(RuntimeError):
    """The loss or its gradient is no longer a finite number; the message says at which step."""


@dataclass
class History:
    """A finished run: the trained model, and every step's numbers.

    rows: one dict a step with step, phase, learning_rate, gradient_norm and the model's named losses.
    """

    model: nn.Module
    config: RunConfig
    data: Data
    device: str
    minutes: float = 0.0
    rows: list[dict[str, Any]] = field(default_factory=list)

    def column(self, name: str) -> list[float]:
        """One number over the steps that have it. Raises KeyError that lists the names."""
        values = [row[name] for row in self.rows if name in row]
        if not values:
            known = sorted({key for row in self.rows for key in row})
            raise KeyError(f"no step has {name!r}; the names are: {', '.join(known)}")
        return values

    def last(self, name: str = "loss", steps: int = 100) -> float:
        """The mean of one number over the last steps: steadier than the very last one."""
        return float(np.mean(self.column(name)[-steps:]))

    def about(self) -> dict[str, Any]:
        """What made this model, for :func:`course_lib.training.checkpoints.save_checkpoint`."""
        ending = self.rows[-1]
        numbers = [name for name, value in ending.items() if isinstance(value, float) and name != "learning_rate"]
        return {
            "configuration": self.config.model_dump(mode="json", include={"model", "data", "train"}),
            "data": {"what": self.data.description, "sha256": self.data.sha256},
            "seed": self.config.train.seed,
            "steps": ending["step"],
            "minutes": round(self.minutes, 2),
            "device": self.device,
            "last_100_steps": {name: float(f"{self.last(name):.6g}") for name in numbers},
        }


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
) -> History:
    """Train a model and return it with the numbers of every step.

    recipe: a model's name. config: a configuration, or the name of a size.
    on_step: called after each step with how many are done and ``{"loss": float, ...}``.
    data: instead of what the configuration names (for the VAE: films, or frames as uint8 (..., H, W, 3)).
    model: go on with this one, instead of a fresh one drawn from the seed; it is changed in place.
    log: a CSV file to write every ``train.log_every`` steps to.
    progress: "auto", "notebook", "terminal", "plain" or "none".
    Raises Diverged when the loss is no longer finite, ConfigError for a wrong configuration.
    """
    recipe = get_recipe(recipe)
    if isinstance(config, str):
        config = load_config(recipe, config)
    weights_seed, batch_seed, draw_seed = (
        int(s) for s in np.random.SeedSequence(config.train.seed).generate_state(3)
    )  # fmt: skip
    source = data if isinstance(data, Data) else recipe.load(config, data)
    model = build(recipe, config.model, weights_seed) if model is None else model
    accelerator = _accelerator(config.train.precision)
    batches = recipe.batches(source, config, torch.Generator().manual_seed(batch_seed))
    draws = torch.Generator(accelerator.device).manual_seed(draw_seed)
    history = History(model, config, source, str(accelerator.device))
    phases = recipe.phases(model, config)
    start = time.monotonic()
    with ExitStack() as stack:
        bar = Progress(recipe.name, sum(phase.steps for phase in phases), progress)
        stack.callback(bar.close)
        record = _Log(log, config.train.log_every, stack)

        def report(row: dict[str, Any], parts: dict[str, float]) -> None:
            history.rows.append(row)
            record.write(row)
            bar.update(row["step"], parts)
            if on_step is not None:
                on_step(row["step"], parts)

        for phase in phases:
            _run_phase(phase, model, config, batches, draws, accelerator, len(history.rows), report)
    history.minutes = (time.monotonic() - start) / 60.0
    model.eval()
    return history


def _run_phase(
    phase: Phase,
    model: nn.Module,
    config: RunConfig,
    batches: Iterator[Mapping[str, Tensor]],
    draws: torch.Generator,
    accelerator: Accelerator,
    before: int,
    report: Callable[[dict[str, Any], dict[str, float]], None],
) -> None:
    """Train the parameters of one phase and nothing else. before: steps of the phases that are over."""
    settings = config.train
    learning = list(phase.parameters)
    if not learning:
        raise ValueError(f"phase {phase.name!r} has no parameters to train")
    chosen = {id(parameter) for parameter in learning}
    was_learning = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    for parameter in model.parameters():
        parameter.requires_grad_(id(parameter) in chosen)
    optimiser = torch.optim.AdamW(learning, lr=settings.learning_rate, weight_decay=settings.weight_decay)
    loss_of, optimiser = accelerator.prepare(_Loss(model), optimiser)
    after_step = getattr(model, "after_step", None)
    model.train()
    try:
        for step in range(phase.steps):
            rate = learning_rate(
                step, steps=phase.steps, peak=settings.learning_rate, warmup=settings.warmup, final=settings.final
            )
            for group in optimiser.param_groups:
                group["lr"] = rate
            batch = {name: tensor.to(accelerator.device) for name, tensor in next(batches).items()}
            losses = loss_of(batch, step, draws, phase.loss)
            parts = _numbers(losses, before + step + 1, phase.name)
            optimiser.zero_grad()
            accelerator.backward(losses["loss"])
            norm = float(accelerator.clip_grad_norm_(learning, settings.clip))
            if not math.isfinite(norm):
                raise Diverged(_diverged("the gradient's length", norm, before + step + 1, phase.name, parts))
            optimiser.step()
            if after_step is not None:
                after_step(step)
            row = {"step": before + step + 1, "phase": phase.name, "learning_rate": rate, "gradient_norm": norm}
            report(row | parts, parts)
    finally:
        for parameter, learns in was_learning:
            parameter.requires_grad_(learns)
            parameter.grad = None


def _numbers(losses: dict[str, Tensor], step: int, phase: str) -> dict[str, float]:
    """The named losses as floats, fetched from the device at once. Raises Diverged when their sum is not finite."""
    if "loss" not in losses:
        raise ValueError(f"a model's losses must hold 'loss', the one to minimise; these are {sorted(losses)}")
    values = torch.stack([value.detach().float() for value in losses.values()]).tolist()
    parts = dict(zip(losses, values, strict=True))
    if not math.isfinite(parts["loss"]):
        raise Diverged(_diverged("the loss", parts["loss"], step, phase, parts))
    return parts


def _diverged(what: str, value: float, step: int, phase: str, parts: dict[str, float]) -> str:
    listed = ", ".join(f"{name} {number:.4g}" for name, number in parts.items())
    return (
        f"{what} became {value} at step {step} (phase {phase!r}; {listed}); the step was not taken. "
        "A lower train.learning_rate, a longer train.warmup or a smaller train.clip usually helps"
    )


def _accelerator(precision: str) -> Accelerator:
    """accelerate keeps one state for the whole process; a run with another precision needs a new one."""
    from accelerate.state import AcceleratorState

    if AcceleratorState._shared_state and AcceleratorState().mixed_precision != precision:
        AcceleratorState._reset_state()
    return Accelerator(mixed_precision=precision)


class _Log:
    """The numbers of a run as CSV; a phase that names other losses leaves the columns it does not have empty."""

    def __init__(self, path: Path | None, every: int, stack: ExitStack) -> None:
        self.every, self.file = every, None
        self.columns: list[str] = []
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.path = path
            self.file = stack.enter_context(path.open("w", newline="", encoding="utf-8"))

    def write(self, row: Mapping[str, Any]) -> None:
        if self.file is None or (row["step"] % self.every and row["step"] != 1):
            return
        if set(row) - set(self.columns):
            self._widen(row)
        csv.DictWriter(self.file, self.columns, restval="").writerow(row)
        self.file.flush()

    def _widen(self, row: Mapping[str, Any]) -> None:
        """Write the file again with the columns that this row brings."""
        with self.path.open(newline="", encoding="utf-8") as file:
            old = list(csv.DictReader(file))
        self.columns += [name for name in row if name not in self.columns]
        self.file.seek(0)
        writer = csv.DictWriter(self.file, self.columns, restval="")
        writer.writeheader()
        writer.writerows(old)
