"""Reaching goal pictures by planning: what a future costs, and the player who plans, presses and plans again.

This is Mode-2 of LeCun, A Path Towards Autonomous Machine Intelligence, 2022 (section 3.1.2): perceive, propose
actions, let the world model imagine where they lead, put a cost on that, carry out the beginning of the cheapest plan,
and begin again from what came (a receding horizon, as in model-predictive control). The cost looks at embeddings alone:
how far each imagined one is from that of the goal's picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from course_lib.contract import NotCapable, State, WorldModel
from course_lib.planning.cem import Budget, Method, RecedingSearch, cross_entropy
from course_lib.worlds.frames import to_model
from course_lib.worlds.simulate import Simulation

Embed = Callable[[State], Tensor]  # a state -> (B, D), what is compared


@dataclass(frozen=True)
class Weights:
    """What counts of the distances d_1 to d_H along an imagined future: its smallest, its mean and its last one."""

    nearest: float = 1.0
    mean: float = 0.05
    last: float = 0.0


class GoalDistance:
    """How far imagined futures stay from the goal: a ``Cost``.

    goal: embeddings (B, D); embed: what of a state is compared with them, for example ``action_jepa.embedding``.
    A distance is Euclidean. The smallest one says that the goal is passed at some time; the mean says how soon, which
    the smallest forgets; the last one asks a plan to be there exactly at its end, which a plan of a fixed length
    seldom is.
    """

    def __init__(self, goal: Tensor, embed: Embed, weights: Weights | None = None) -> None:
        self.goal, self.embed, self.weights = goal, embed, weights or Weights()

    def __call__(self, states: Sequence[State], actions: Tensor) -> Tensor:
        """The cost of B * K futures, K of each of the B goals, (B * K,)."""
        goal = goal_of_each(self.goal, len(actions))  # (B * K, D)
        distance = torch.stack([(self.embed(state) - goal).norm(dim=1) for state in states[1:]], dim=1)  # (B * K, H)
        w = self.weights
        return w.nearest * distance.amin(dim=1) + w.mean * distance.mean(dim=1) + w.last * distance[:, -1]


def goal_of_each(goal: Tensor, futures: int) -> Tensor:
    """The goal of each future, where the futures of one goal stand in a row. (B, D) -> (B * K, D), B * K futures."""
    return goal.repeat_interleave(futures // len(goal), dim=0)


@torch.no_grad()
def embed_pictures(model: WorldModel, embed: Embed, pictures: np.ndarray) -> Tensor:
    """What goals are compared by: pictures uint8 (N, H, W, 3), each seen by itself -> (N, D)."""
    return embed(model.encode(to_model(pictures[:, None])))


class GoalPlanner:
    """A player of ``planning/rooms.py`` who reaches for goal pictures in many rooms at once by planning in a model.

    goals: uint8 (N, H, W, 3), one a room. Raises NotCapable for a model that does not take the keys themselves.
    """

    def __init__(
        self, model: WorldModel, goals: np.ndarray, embed: Embed, *, generator: torch.Generator,
        budget: Budget | None = None, weights: Weights | None = None, method: Method = cross_entropy, pressed: int = 1,
    ) -> None:  # fmt: skip
        kind = model.capabilities.actions
        if kind.kind != "discrete":
            raise NotCapable(f"the player presses numbered keys, and this model takes {kind}")
        self.model, self.embed, self.weights = model, embed, weights
        self.search = RecedingSearch(len(goals), generator=generator, budget=budget, method=method, pressed=pressed)
        self.goals = embed_pictures(model, embed, goals)  # (N, D)

    @torch.no_grad()
    def __call__(
        self, frames: np.ndarray, keys: np.ndarray, rooms: Sequence[Simulation], which: np.ndarray
    ) -> np.ndarray:
        """The next keys, (M, hold). frames: uint8 (M, T, H, W, 3) of the rooms ``which`` (M,); keys: (M, T - 1)."""
        state, rows = perceive(self.model, frames, keys), torch.from_numpy(which)
        cost = GoalDistance(self.goals[rows], self.embed, self.weights)
        return self.search(self.model, state, cost, rows).numpy()


def perceive(model: WorldModel, frames: np.ndarray, keys: np.ndarray) -> State:
    """The state after what was seen, of which no more than the model's context is shown to it.

    frames: uint8 (M, T, H, W, 3); keys: (M, T - 1).
    """
    context = model.capabilities.context or frames.shape[1]
    seen = frames[:, -context:]
    pressed = keys[:, keys.shape[1] - (seen.shape[1] - 1) :].astype(np.int64)
    return model.encode(to_model(seen), torch.from_numpy(pressed) if seen.shape[1] > 1 else None)
