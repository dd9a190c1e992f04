"""Fitting a small module: heads, probes, clones and critics, so that none of them needs an optimiser of its own.

    rows = fit(head, loss, draw, steps=1000, learning_rate=2e-3, generator=torch.Generator().manual_seed(0))

What it leaves out, and :func:`course_lib.training.train` has: configurations, checkpoints, resuming, several devices.
The schedule is the one-cycle policy (Smith & Topin, Super-Convergence, 2018, arXiv 1708.07120; torch's numbers): the
learning rate rises from a 25th of its peak over a tenth of the steps and falls along a cosine to almost nothing, while
AdamW's momentum goes the other way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from course_lib.lookup import CourseError

B = TypeVar("B")
RISE = 0.1  # share of the steps over which the learning rate rises
START, END = 25.0, 1e4  # the first learning rate is the peak / START, the last one the first / END
SLOW, FAST = 0.85, 0.95  # AdamW's first beta at the peak, and at both ends


class Diverged(CourseError, RuntimeError):
    """The loss or its gradient is no longer a finite number; the message says at which step, and what may help.

    Raised here and by the loop that trains whole models.
    """


class Rate(NamedTuple):
    """What the optimiser works with in one step."""

    learning_rate: float
    momentum: float


def one_cycle(step: int, *, steps: int, peak: float) -> Rate:
    """Learning rate and momentum of step 0 to steps - 1."""
    top, last = max(RISE * steps - 1.0, 0.0), steps - 1  # the steps of the peak, and of the end
    if step <= top and top > 0:
        return Rate(_cosine(peak / START, peak, step / top), _cosine(FAST, SLOW, step / top))
    share = (step - top) / (last - top) if last > top else 0.0  # few steps begin at the peak
    return Rate(_cosine(peak, peak / START / END, share), _cosine(SLOW, FAST, share))


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)


def _check_finite(what: str, value: float, step: int, steps: int) -> None:
    if not math.isfinite(value):
        raise Diverged(
            f"the {what} became {value} at step {step} of {steps}; the step was not taken. A lower learning rate "
            "usually helps"
        )


def fit(
    module: nn.Module,
    loss: Callable[[B], Mapping[str, Tensor]],
    draw: Callable[[torch.Generator], B],
    *,
    steps: int,
    learning_rate: float,
    generator: torch.Generator,
    weight_decay: float = 0.0,
    on_step: Callable[[int, dict[str, float]], object] | None = None,
) -> list[dict[str, float]]:
    """Fit all of a module that requires a gradient by AdamW; returns the numbers of every step.

    loss: of a batch, scalars by name, of which ``"loss"`` is minimised. draw: a batch, drawn with the generator that it
    is given. on_step: called after each step with how many are done and that step's numbers.
    The module is in training mode meanwhile and in evaluation mode afterwards. The same generator state and module give
    the same weights. Raises Diverged where the loss or its gradient is not finite, ValueError for nothing to fit or no
    step.
    """
    learning = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if not learning or steps < 1:
        raise ValueError(f"fitting needs parameters and at least 1 step, not {len(learning)} and {steps}")
    optimiser = torch.optim.AdamW(learning, learning_rate, weight_decay=weight_decay)
    module.train()
    rows: list[dict[str, float]] = []
    for step in range(steps):
        rate = one_cycle(step, steps=steps, peak=learning_rate)
        for group in optimiser.param_groups:
            group["lr"], group["betas"] = rate.learning_rate, (rate.momentum, group["betas"][1])
        losses = loss(draw(generator))
        rows.append({name: value.item() for name, value in losses.items()})
        _check_finite("loss", rows[-1]["loss"], step + 1, steps)
        optimiser.zero_grad()
        losses["loss"].backward()
        gradients = [parameter.grad for parameter in learning if parameter.grad is not None]
        _check_finite("gradient's length", float(nn.utils.get_total_norm(gradients)), step + 1, steps)
        optimiser.step()
        if on_step is not None:
            on_step(step + 1, rows[-1])
    optimiser.zero_grad()
    module.eval()
    return rows
