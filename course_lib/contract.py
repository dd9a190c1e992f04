"""The one contract of the course: what a world model (世界模型) is, said in code.

A world model is an agent's inner model of its environment: given the state of the environment and an action, it
predicts the state that follows. Whatever fulfils :class:`WorldModel` can be planned with, probed, surprised and
examined; nothing else in the course knows more about a model than this file says.

Shapes used throughout, batch first:

    observations   frames, float (B, T, 3, H, W) in [0, 1]; integers (B, T) for a model of a table
    actions        (B, T - 1) integers, or (B, T - 1, d) floats; ``actions[:, t]`` leads from frame t to frame t + 1
    action         one step of them: (B,) integers or (B, d) floats

Chance is always explicit. A call with a ``generator`` may draw from it, and the same seed gives the same draw; a call
without one draws nothing and answers with the most likely or the mean prediction (a model that must draw, such as a
diffusion model, then uses a fixed seed of its own). The global random state is never touched.

Two ways to get it wrong have their own error. :class:`NotCapable`: the model cannot do this at all (its message is the
reason that the exam prints beside "not applicable"). ``ValueError``: it can, but not with this input.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, Self, runtime_checkable

import torch
from torch import Tensor


class NotCapable(NotImplementedError):
    """The model has no such ability; the message says which and why."""


# ----------------------------------------------------------------------------------------------------------- the state


@dataclass
class State:
    """What a model carries from one step to the next: a dataclass of tensors, batch first, of bounded size.

    A model declares its own by subclassing. A field is a tensor ``(B, ...)``, another State, None, or a plain value
    that holds for the whole batch (say, a step counter). Operations return a new State and leave this one as it was.

        @dataclass
        class Memory(State):
            hidden: Tensor  # (B, 256)
    """

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor of this state under its dotted name, for example ``{"memory.hidden": (B, 256)}``."""
        found: dict[str, Tensor] = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Tensor):
                found[field.name] = value
            elif isinstance(value, State):
                found |= {f"{field.name}.{name}": tensor for name, tensor in value.tensors().items()}
        return found

    def map(self, function: Callable[[Tensor], Tensor]) -> Self:
        """A new state with ``function`` applied to every tensor."""
        changed: dict[str, Any] = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Tensor):
                changed[field.name] = function(value)
            elif isinstance(value, State):
                changed[field.name] = value.map(function)
        return dataclasses.replace(self, **changed)

    def __len__(self) -> int:
        """The batch size B. Raises ValueError when the tensors disagree about it or there is none."""
        sizes = {name: tensor.shape[0] if tensor.ndim else None for name, tensor in self.tensors().items()}
        if len(set(sizes.values())) != 1 or None in sizes.values():
            raise ValueError(f"the tensors of a state share their first axis, the batch; these have {sizes}")
        return next(iter(sizes.values()))  # type: ignore[return-value]

    def __getitem__(self, rows: int | slice | Tensor | Sequence[int]) -> Self:
        """Some rows of the batch. One integer keeps the batch axis: ``state[2]`` has B = 1."""
        batch = len(self)
        if isinstance(rows, int):
            if not -batch <= rows < batch:
                raise IndexError(f"row {rows} of a state with {batch} rows")
            rows = slice(rows % batch, rows % batch + 1)
        elif not isinstance(rows, slice | Tensor):
            rows = list(rows)
        return self.map(lambda tensor: tensor[rows])

    def repeat(self, count: int) -> Self:
        """Each row ``count`` times in a row, B -> B * count: row i becomes rows i * count to (i + 1) * count - 1.

        A planner calls this to try many futures from one present.
        """
        if count < 1:
            raise ValueError(f"a state is repeated at least once, not {count} times")
        return self.map(lambda tensor: tensor.repeat_interleave(count, dim=0))

    def detach(self) -> Self:
        """The same values, cut off from the graph that made them: no gradient flows back through the result."""
        return self.map(Tensor.detach)

    def to(self, device: torch.device | str) -> Self:
        """The same state on another device."""
        return self.map(lambda tensor: tensor.to(device))

    @property
    def device(self) -> torch.device:
        """Where its tensors lie."""
        return next(iter(self.tensors().values())).device


# ---------------------------------------------------------------------------------------------------- what it can do


@dataclass(frozen=True)
class LatentTable:
    """How real actions were translated into a model's own latent actions, and where that knowledge came from.

    latent_of_real: one latent action for each real action, in order; films: which films the table was fitted on.
    A model that learns without action labels does not have this knowledge by itself: it was given.
    """

    latent_of_real: tuple[int, ...]
    films: str

    def to_latent(self, real: Tensor) -> Tensor:
        """Translate real actions (any integer shape) into latent ones. Raises ValueError for an unknown action."""
        last = len(self.latent_of_real) - 1
        if real.numel() and (int(real.min()) < 0 or int(real.max()) > last):
            raise ValueError(f"this table translates the real actions 0 to {last}, got {sorted(set(real.tolist()))}")
        return torch.tensor(self.latent_of_real, device=real.device)[real.long()]


@dataclass(frozen=True)
class Actions:
    """What kind of action a model takes: none at all, one of ``size``, or ``size`` real numbers.

    kind: "none"; "discrete", the real actions 0 to size - 1; "continuous", a vector of ``size`` floats; "latent", one
    of ``size`` actions that the model found by itself, with the ``table`` from real ones that it was given.
    """

    kind: Literal["none", "discrete", "continuous", "latent"]
    size: int = 0
    table: LatentTable | None = None

    def __post_init__(self) -> None:
        if self.kind not in ("none", "discrete", "continuous", "latent"):
            raise ValueError(f"actions are none, discrete, continuous or latent, not {self.kind!r}")
        if (self.size > 0) != (self.kind != "none"):
            raise ValueError(f"{self.kind} actions with size {self.size}: only 'none' has, and must have, size 0")
        if (self.table is not None) and self.kind != "latent":
            raise ValueError(f"only latent actions are translated by a table, these are {self.kind}")
        if self.table is not None and not all(0 <= code < self.size for code in self.table.latent_of_real):
            raise ValueError(f"the table {self.table.latent_of_real} leaves the latent actions 0 to {self.size - 1}")

    def __str__(self) -> str:
        if self.kind == "none":
            return "no actions"
        return f"{self.size} real numbers" if self.kind == "continuous" else f"one of {self.size} {self.kind} actions"

    def numbered(self) -> int:
        """How many actions there are to choose among. Raises NotCapable where they have no numbers."""
        if self.kind not in ("discrete", "latent"):
            raise NotCapable(f"plans are drawn among numbered actions, and this model takes {self}")
        return self.size

    def check(self, action: Tensor | None, leading: tuple[int, ...]) -> None:
        """Refuse actions of the wrong kind, shape or range with a message that says what is wanted.

        leading: the axes before the action itself, ``(B,)`` for one step and ``(B, T - 1)`` for a film.
        Raises NotCapable when the model takes no actions and got some, ValueError for everything else.
        """
        if self.kind == "none":
            if action is not None:
                raise NotCapable("this model takes no actions: call it without one")
            return
        if action is None:
            raise ValueError(f"this model needs an action at every step: {self}")
        wanted = (*leading, self.size) if self.kind == "continuous" else leading
        if tuple(action.shape) != wanted:
            hint = " (T frames have T - 1 actions)" if len(leading) == 2 else ""
            raise ValueError(f"actions of shape {wanted} wanted{hint}, got {tuple(action.shape)}: {self}")
        if action.is_floating_point() != (self.kind == "continuous"):
            raise ValueError(f"{self.kind} actions wanted ({self}), got a tensor of {action.dtype}")
        if self.kind != "continuous" and action.numel():
            low, high = int(action.min()), int(action.max())
            if low < 0 or high >= self.size:
                raise ValueError(f"actions are 0 to {self.size - 1}, got values from {low} to {high}: {self}")


@dataclass(frozen=True)
class Capabilities:
    """What a model can do, said truthfully, so that an exam asks it only what it can answer.

    actions: see :class:`Actions`.
    decodes: is there a way back from a state to a frame?
    context: how many past frames the state holds, at least 1; None for a memory without a fixed window (recurrent).
    frame_size: ``(height, width)`` in pixels; None when observations are integers.
    rewards, termination: does it also predict these (:class:`PredictsReward`, :class:`PredictsTermination`)?
    relaxation: for gradient planning with actions that are not continuous, which relaxation is used; "" for none.
    """

    actions: Actions
    decodes: bool
    context: int | None = None
    frame_size: tuple[int, int] | None = None
    rewards: bool = False
    termination: bool = False
    relaxation: str = ""

    def check(self, observations: Tensor, actions: Tensor | None) -> None:
        """Refuse observations or actions that this model cannot read; call it first in ``encode`` and ``surprise``.

        A single frame has no action yet: then ``actions`` may be None for every model.
        Raises NotCapable for actions where none are taken, ValueError for a wrong shape, kind or range.
        """
        if self.frame_size is None:
            if observations.ndim != 2 or observations.is_floating_point():
                raise ValueError(f"integer observations (B, T) wanted, got {_describe(observations)}")
        elif observations.ndim != 5 or tuple(observations.shape[2:]) != (3, *self.frame_size):
            height, width = self.frame_size
            raise ValueError(f"frames (B, T, 3, {height}, {width}) wanted, got {_describe(observations)}")
        elif not observations.is_floating_point():
            raise ValueError(f"float frames in [0, 1] wanted, got {_describe(observations)}: worlds.frames.to_model")
        batch, time = observations.shape[:2]
        if time < 1:
            raise ValueError("at least one frame is needed")
        if time > 1 or actions is not None:
            self.actions.check(actions, (batch, time - 1))

    def refuse_decoding(self, reason: str) -> NotCapable:
        """The error of a model without a way back, to be raised by its ``decode``."""
        return NotCapable(f"this model cannot decode a state into a frame: {reason}")


def _describe(tensor: Tensor) -> str:
    return f"{tensor.dtype} {tuple(tensor.shape)}"


# ------------------------------------------------------------------------------------------------------- the contract


@runtime_checkable
class WorldModel(Protocol):
    """Perception, imagination, and where there is one the way back: all that the course asks of a model."""

    capabilities: Capabilities

    def encode(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> State:
        """Perception: the state (of B rows) after the last of these T frames. A single frame needs no action."""
        ...

    def predict(
        self, state: State, action: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> State:
        """Imagination: the state one step later, of the same kind and never growing beyond the context."""
        ...

    def decode(self, state: State, *, generator: torch.Generator | None = None) -> Tensor:
        """The frame that this state stands for, float (B, 3, H, W) in [0, 1]; integers (B,) for a model of a table.

        Raises NotCapable where there is no way back.
        """
        ...

    def surprise(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """How unexpected each frame was, (B, T), larger is more surprising, in the model's own unit (often nats).

        The value at frame t depends on frames 0 to t and the actions between them, never on what comes later.
        Frame 0 has nothing before it: its value is NaN. A model whose encoder looks both ways feeds itself growing
        contexts, one frame longer each time. A model that needs a pass for every frame may take ``first: int = 1``, the
        first frame that is wanted, and leave NaN at those before it.
        """
        ...


@runtime_checkable
class PredictsReward(Protocol):
    """An optional ability, declared by ``capabilities.rewards``."""

    def reward(self, state: State) -> Tensor:
        """The reward expected on arriving in this state, (B,)."""
        ...


@runtime_checkable
class PredictsTermination(Protocol):
    """An optional ability, declared by ``capabilities.termination``."""

    def termination(self, state: State) -> Tensor:
        """The probability that the episode has ended in this state, (B,) in [0, 1]."""
        ...


@runtime_checkable
class PredictsRelaxed(Protocol):
    """An optional ability, declared by ``capabilities.relaxation``: steps that a gradient by numbered actions can pass.

    It belongs to models whose actions are numbered; with real numbers for actions ``predict`` itself is enough.
    """

    capabilities: Capabilities

    def predict_relaxed(self, state: State, shares: Tensor) -> State:
        """One step under shares of the actions, (B, A), which add up to 1; where one of them is 1, ``predict``'s."""
        ...


@runtime_checkable
class Cost(Protocol):
    """What a plan costs. It belongs to the task, not to the model: a planner is given both."""

    def __call__(self, states: Sequence[State], actions: Tensor) -> Tensor:
        """The cost of B imagined futures, (B,), lower is better.

        states: H + 1 of them, the present first, each of B rows; actions: (B, H) or (B, H, d), ``actions[:, h]`` leads
        from ``states[h]`` to ``states[h + 1]``.
        """
        ...


def imagine(
    model: WorldModel, state: State, actions: Tensor | int, *, generator: torch.Generator | None = None
) -> list[State]:
    """Roll a model forward: H + 1 states, the given one first.

    actions: (B, H) or (B, H, d), one step after the other; for a model without actions, the number of steps H.
    """
    plan = [None] * actions if isinstance(actions, int) else list(actions.unbind(dim=1))
    states = [state]
    for action in plan:
        states.append(model.predict(states[-1], action, generator=generator))
    return states
