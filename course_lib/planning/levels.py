"""Reaching goal pictures one after the other, at one level or at two.

At one level the planner is that of ``goals.py``: it searches keys whose imagined future comes near the goal's
embedding. At two levels (LeCun 2022, section 4.6) the upper one searches codes in a ``SecondLevel``, each a leap of
several frames, whose future comes near the goal; where the first leap of the best plan leads to is a sub-goal, and the
lower one searches keys that come near that. Both levels use the same search, ``cem.cross_entropy``.

    sub-goal = the goal itself   where the upper plan comes nearest to it within its first leap
             = s after one leap  otherwise
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from course_lib.contract import State, WorldModel, imagine
from course_lib.models.second_level import SecondLevel, later_place
from course_lib.planning.cem import Budget, RecedingSearch
from course_lib.planning.goals import Embed, GoalDistance, Weights, embed_pictures, perceive
from course_lib.worlds import spec
from course_lib.worlds.draw import draw_together
from course_lib.worlds.goal_pictures import distance_to_goal
from course_lib.worlds.goal_rows import GoalRow
from course_lib.worlds.simulate import Simulation

UNLIKELY = 1.0  # what a nat of surprise at its leaps costs an upper plan
KNOWN = 8  # of the last frames a player is shown so many


class RowPlayer(Protocol):
    """Who presses keys in many rooms at once, each of which is at one of its goals."""

    def __call__(
        self, frames: np.ndarray, keys: np.ndarray, rooms: Sequence[Simulation], which: np.ndarray, wanted: np.ndarray
    ) -> np.ndarray:
        """The next keys, (M, at least 1), of M rooms. wanted: the numbers of their goals, (M,). See ``RoomPlayer``.

        frames: the last ones, uint8 (M, T, H, W, 3); keys: uint8 (M, T - 1).
        """
        ...


class BudgetOfLevels(NamedTuple):
    """What a decision at two levels may imagine. upper: of codes, each held for one step; lower: of keys."""

    upper: Budget
    lower: Budget

    @property
    def evaluations(self) -> int:
        """Steps that both predictors imagine for one decision."""
        return self.upper.evaluations + self.lower.evaluations


@dataclass(frozen=True)
class RowsPlayed:
    """steps: int (N, goals), frames until each goal, from the one before; limit + 1 where it was not reached.

    decisions: how often a player was asked, over all rooms.
    """

    steps: np.ndarray
    limit: int
    decisions: int

    @property
    def reached(self) -> np.ndarray:
        """Which rows were finished, bool (N,)."""
        return (self.steps <= self.limit).all(axis=1)


def play_goal_rows(player: RowPlayer, rows: Sequence[GoalRow], *, limit: int = 40, size: int = 32) -> RowsPlayed:
    """Play every row until its last goal is reached, or one of them is not reached within ``limit`` frames."""
    count, goals = len(rows), len(rows[0].goals)
    rooms = [row.stage(0).begin() for row in rows]
    tasks = [[row.stage(number) for number in range(goals)] for row in rows]
    steps, wanted, since = np.full((count, goals), limit + 1), np.zeros(count, int), np.zeros(count, int)
    playing, waiting, decisions = np.ones(count, bool), [[] for _ in rows], 0

    def look() -> np.ndarray:
        if getattr(player, "blind", False):
            return np.zeros((count, 1, size, size, 3), np.uint8)
        return draw_together([row.room for row in rows], np.stack([room.state() for room in rooms]), size)[:, None]

    frames, keys = look(), np.zeros((count, 0), np.uint8)
    while playing.any():
        which = np.flatnonzero(playing & np.array([not keys_left for keys_left in waiting]))
        if len(which):
            asked = player(frames[which], keys[which], [rooms[i] for i in which], which, wanted[which])
            decisions += len(which)
            for i, chunk in zip(which, asked.tolist(), strict=True):
                waiting[i] = list(chunk)
        pressed = np.zeros(count, np.uint8)
        for i in np.flatnonzero(playing):
            pressed[i] = waiting[i].pop(0)
            rooms[i].step(int(pressed[i]))
            since[i] += 1
            if distance_to_goal(tasks[i][wanted[i]], rooms[i]) < spec.STAR_REACH:
                steps[i, wanted[i]], since[i], waiting[i] = since[i], 0, []
                wanted[i] += 1
                playing[i] = wanted[i] < goals
            elif since[i] == limit:
                playing[i] = False
        frames = np.concatenate([frames, look()], axis=1)[:, -KNOWN:]
        keys = np.concatenate([keys, pressed[:, None]], axis=1)[:, -(KNOWN - 1) :]
    return RowsPlayed(steps, limit, decisions)


class LeapCost:
    """What an upper plan costs: its distance from the goal, and how unlikely its leaps are. A ``Cost``.

    goal: embeddings (M, D). unlikely: what the mean of -log p(code | state) over the leaps counts, per nat.
    """

    def __init__(
        self, upper: SecondLevel, goal: Tensor, weights: Weights | None = None, unlikely: float = UNLIKELY
    ) -> None:
        self.upper, self.unlikely, self.distance = upper, unlikely, GoalDistance(goal, later_place, weights)

    def __call__(self, states: Sequence[State], actions: Tensor) -> Tensor:
        """The cost of M * K futures, (M * K,)."""
        nats = [self.upper.unlikely(later_place(state), code) for state, code in zip(states, actions.T, strict=False)]
        return self.distance(states, actions) + self.unlikely * torch.stack(nats, dim=1).mean(dim=1)


def first_subgoal(way: Tensor, goal: Tensor) -> Tensor:
    """Where the lower level shall go. way: an upper plan, the present first, (M, leaps + 1, D); goal: (M, D) -> (M, D).

    The state after the first leap, or the goal itself where no later state of the plan is nearer to it.
    """
    nearest = (way[:, 1:] - goal[:, None]).norm(dim=2).argmin(dim=1)  # (M,)
    return torch.where((nearest == 0)[:, None], goal, way[:, 1])


class OneLevel:
    """A RowPlayer who plans in one model for the goal that is wanted now. goals: uint8 (N, goals, H, W, 3)."""

    def __init__(
        self, model: WorldModel, goals: np.ndarray, embed: Embed, *, generator: torch.Generator,
        budget: Budget | None = None, weights: Weights | None = None,
    ) -> None:  # fmt: skip
        self.model, self.embed, self.weights = model, embed, weights
        self.goals = torch.stack([embed_pictures(model, embed, goals[:, k]) for k in range(goals.shape[1])], dim=1)
        self.search = RecedingSearch(len(goals), generator=generator, budget=budget)
        self.pursued = np.zeros(len(goals), int)  # the number of the goal that each room's beliefs are about

    @torch.no_grad()
    def __call__(
        self, frames: np.ndarray, keys: np.ndarray, rooms: Sequence[Simulation], which: np.ndarray, wanted: np.ndarray
    ) -> np.ndarray:
        """See ``RowPlayer``. -> (M, hold)."""
        state, number = perceive(self.model, frames, keys), torch.from_numpy(which)
        self._notice(self.search, which, wanted)
        self.pursued[which] = wanted
        cost = GoalDistance(self.goals[number, torch.from_numpy(wanted)], self.embed, self.weights)
        return self.search(self.model, state, cost, number).numpy()

    def _notice(self, search: RecedingSearch, which: np.ndarray, wanted: np.ndarray) -> None:
        """Rooms in which another goal is wanted than before begin with evenly spread beliefs again."""
        if search.beliefs is not None:
            search.beliefs[torch.from_numpy(which[self.pursued[which] != wanted])] = 1.0 / search.beliefs.shape[2]


class TwoLevels(OneLevel):
    """A RowPlayer whose upper level plans leaps to the goal, and whose lower level plans keys to the first of them."""

    choose = staticmethod(first_subgoal)  # an upper plan and the goal -> the sub-goal

    def __init__(
        self, model: WorldModel, upper: SecondLevel, goals: np.ndarray, embed: Embed, *, generator: torch.Generator,
        budget: BudgetOfLevels, weights: Weights | None = None, unlikely: float = UNLIKELY,
    ) -> None:  # fmt: skip
        super().__init__(model, goals, embed, generator=generator, budget=budget.lower, weights=weights)
        self.unlikely = unlikely
        self.upper, self.leaps = upper, RecedingSearch(len(goals), generator=generator, budget=budget.upper)
        self.subgoal: Tensor | None = None  # of the last decision, (M, D)
        self.foreseen: Tensor | None = None  # the upper plan of the last decision, (M, leaps + 1, D)

    @torch.no_grad()
    def __call__(
        self, frames: np.ndarray, keys: np.ndarray, rooms: Sequence[Simulation], which: np.ndarray, wanted: np.ndarray
    ) -> np.ndarray:
        """See ``RowPlayer``. -> (M, hold)."""
        number = torch.from_numpy(which)
        self._notice(self.search, which, wanted)
        self._notice(self.leaps, which, wanted)
        self.pursued[which] = wanted
        goal = self.goals[number, torch.from_numpy(wanted)]  # (M, D)
        far = perceive(self.upper, frames, keys)
        self.leaps(self.upper, far, LeapCost(self.upper, goal, self.weights, self.unlikely), number)
        way = torch.stack([later_place(s) for s in imagine(self.upper, far, self.leaps.last.actions)], dim=1)
        self.foreseen, self.subgoal = way, self.choose(way, goal)
        cost = GoalDistance(self.subgoal, self.embed, self.weights)
        return self.search(self.model, perceive(self.model, frames, keys), cost, number).numpy()
