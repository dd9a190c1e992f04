"""Asking a model to go on alone: a few frames seen, then dreamed under given actions.

Nothing here looks inside a model; all that it needs stands in ``course_lib/contract.py``.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from course_lib.contract import NotCapable, State, WorldModel, imagine
from course_lib.lookup import ExamError
from course_lib.worlds import spec
from course_lib.worlds.films import Films
from course_lib.worlds.frames import to_model

ROUNDING = 1e-3  # so far outside [0, 1] a frame may lie by rounding alone
CHUNK = 64  # films that are dreamed at once: enough for speed, and little memory


def as_input(films: Films, rows: slice = slice(None)) -> tuple[Tensor, Tensor]:
    """Films as a model reads them: frames (N, T, 3, H, W) and actions, integers (N, T - 1)."""
    return to_model(films.frames[rows]), torch.from_numpy(films.actions[rows]).long()


SEEN = 4  # frames that a model sees before it goes on alone


def fits(model: WorldModel, size: int) -> None:
    """Raise NotCapable with the reason when a model cannot look at frames of ``size`` pixels."""
    wanted = model.capabilities.frame_size
    if wanted is None:
        raise NotCapable("it reads whole numbers, not frames")
    if tuple(wanted) != (size, size):
        raise NotCapable(f"it reads frames of {wanted[0]} x {wanted[1]} pixels, these films have {size} x {size}")


def translate(model: WorldModel, actions: Tensor) -> Tensor | None:
    """The Playground's actions as this model takes them: none, the same, or its latent ones by its own table.

    actions: integers, any shape. Raises NotCapable where there is no way to give the model these.
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


def draw(model: WorldModel, state: State, *, count: int, size: int, generator: torch.Generator | None = None) -> Tensor:
    """A model's frames of a state, held against what the contract says of them, (count, 3, size, size) in [0, 1].

    Raises ExamError for another shape, for whole numbers, for numbers that are not finite, and for frames outside
    [0, 1]: a model that draws in 0 to 255 is not scored as if it drew badly.
    """
    return check_frames(model.decode(state, generator=generator), (count, 3, size, size))


def check_frames(frames: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Frames that may be scored, as float32. Raises ExamError with what is wrong with them."""
    if not isinstance(frames, Tensor) or tuple(frames.shape) != shape or not frames.is_floating_point():
        found = f"{frames.dtype} {tuple(frames.shape)}" if isinstance(frames, Tensor) else type(frames).__name__
        raise ExamError(f"it draws frames as {found}; floats {shape} were asked for")
    if not torch.isfinite(frames).all():
        raise ExamError("it draws frames with numbers that are not finite")
    low, high = float(frames.min()), float(frames.max())
    if low < -ROUNDING or high > 1.0 + ROUNDING:
        raise ExamError(f"it draws frames from {low:.3g} to {high:.3g}; a model's frames lie between 0 and 1")
    return frames.float().clamp(0.0, 1.0)


@torch.no_grad()
def dream(
    model: WorldModel, frames: Tensor, actions: Tensor, *, seen: int, steps: int,
    generator: torch.Generator | None = None,
) -> Tensor:  # fmt: skip
    """See ``seen`` frames, then dream ``steps`` more under the actions of the film.

    frames: (N, T, 3, H, W), T at least ``seen``; actions: the Playground's, integers (N, at least seen + steps - 1).
    Returns frames (N, steps, 3, H, W). Raises NotCapable where the model cannot, ExamError where what it draws are no
    frames (see ``check_frames``).
    """
    fits(model, frames.shape[-1])
    decodes(model)
    translated = translate(model, actions)
    dreamed = []
    for start in range(0, len(frames), CHUNK):
        rows = slice(start, start + CHUNK)
        past = None if translated is None or seen == 1 else translated[rows, : seen - 1]
        state = model.encode(frames[rows, :seen], past, generator=generator)
        plan = steps if translated is None else translated[rows, seen - 1 : seen - 1 + steps]
        states = imagine(model, state, plan, generator=generator)[1:]
        drawn = [draw(model, s, count=len(state), size=frames.shape[-1], generator=generator) for s in states]
        dreamed.append(torch.stack(drawn, dim=1))
    return torch.cat(dreamed)


def dream_on(model: WorldModel, frames: Tensor, first: np.ndarray) -> Tensor:
    """Films of which the frames from ``first`` on are dreamed by a model that saw those before, no key being pressed.

    frames: (N, T, 3, H, W); first: of each film, at least 1, (N,) -> (N, T, 3, H, W). Raises as ``dream``.
    """
    found = frames.clone()
    keys = torch.zeros(frames.shape[:2], dtype=torch.long)[:, 1:]
    for begin in np.unique(first):
        rows = torch.from_numpy(np.flatnonzero(first == begin))
        found[rows, begin:] = dream(model, frames[rows], keys[rows], seen=int(begin),
                                    steps=frames.shape[1] - int(begin))  # fmt: skip
    return found
