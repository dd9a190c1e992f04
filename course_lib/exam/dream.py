"""Asking a model to go on alone: a few frames seen, then dreamed under given actions.

Nothing here looks inside a model; it is all said in ``course_lib/contract.py``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.contract import NotCapable, WorldModel, imagine
from course_lib.exam.room import CHUNK
from course_lib.worlds import spec


def fits(model: WorldModel, size: int) -> None:
    """Raise NotCapable with the reason when a model cannot look at frames of ``size`` pixels."""
    wanted = model.capabilities.frame_size
    if wanted is None:
        raise NotCapable("it reads whole numbers, not frames")
    if tuple(wanted) != (size, size):
        raise NotCapable(f"it reads frames of {wanted[0]} x {wanted[1]} pixels, these films have {size} x {size}")


def translate(model: WorldModel, actions: Tensor) -> Tensor | None:
    """The Playground's actions as this model takes them: none, the same, or its latent ones by its own table.

    actions: integers, any shape. Raises NotCapable where the model has no way to be told them.
    """
    kind = model.capabilities.actions
    if kind.kind == "none":
        return None
    if kind.kind == "discrete" and kind.size == len(spec.ACTIONS):
        return actions
    if kind.kind == "latent" and kind.table is not None and len(kind.table.latent_of_real) == len(spec.ACTIONS):
        return kind.table.to_latent(actions)
    if kind.kind == "latent":
        raise NotCapable("its latent actions come without a table from the Playground's four actions")
    raise NotCapable(f"it takes {kind}, the Playground has {len(spec.ACTIONS)} discrete actions")


def takes_actions(model: WorldModel) -> None:
    """Raise NotCapable when a question about actions makes no sense for this model."""
    if model.capabilities.actions.kind == "none":
        raise NotCapable("it takes no actions")


def decodes(model: WorldModel) -> None:
    """Raise NotCapable, in the model's own words where it has some, when it cannot draw."""
    if not model.capabilities.decodes:
        raise NotCapable("it has no way back from its state to a frame")


@torch.no_grad()
def dream(
    model: WorldModel, frames: Tensor, actions: Tensor, *, seen: int, steps: int,
    generator: torch.Generator | None = None,
) -> Tensor:  # fmt: skip
    """See ``seen`` frames, then dream ``steps`` more under the actions of the film.

    frames: (N, T, 3, H, W), T at least ``seen``; actions: the Playground's, integers (N, at least seen + steps - 1).
    Returns frames (N, steps, 3, H, W). Raises NotCapable where the model cannot.
    """
    fits(model, frames.shape[-1])
    decodes(model)
    told = translate(model, actions)
    dreamed = []
    for start in range(0, len(frames), CHUNK):
        rows = slice(start, start + CHUNK)
        past = None if told is None or seen == 1 else told[rows, : seen - 1]
        state = model.encode(frames[rows, :seen], past, generator=generator)
        plan = steps if told is None else told[rows, seen - 1 : seen - 1 + steps]
        states = imagine(model, state, plan, generator=generator)[1:]
        dreamed.append(torch.stack([model.decode(s, generator=generator).float().clamp(0, 1) for s in states], dim=1))
    return torch.cat(dreamed)
