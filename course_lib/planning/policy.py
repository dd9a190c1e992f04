"""Mode-1: a policy that does at once what Mode-2 would have planned, and how it is distilled (蒸馏) from Mode-2.

LeCun, A Path Towards Autonomous Machine Intelligence, 2022, sections 3.1.1 and 3.1.3: Mode-1 is perception and a
policy, nothing is imagined; the plans of Mode-2 are what the policy is taught with. Whoever only watches the planner
meets none of his own mistakes. So after the first lessons the pupil may act, and the planner says what it would have
done there, which is DAgger (Ross, Gordon & Bagnell 2011, arXiv 1011.0686, algorithm 3.1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.contract import Cost, State, WorldModel
from course_lib.nets.fit import fit
from course_lib.planning.cem import RecedingSearch
from course_lib.planning.goals import Embed, embed_pictures, perceive
from course_lib.planning.rooms import play_rooms
from course_lib.worlds.goal_pictures import GoalTask, goal_pictures
from course_lib.worlds.simulate import Simulation

HIDDEN, STEPS, BATCH, LEARNING_RATE = 256, 1500, 256, 2e-3


class GoalPolicy(nn.Module):
    """State and goal -> the next key, which is held for ``hold`` frames.

    reads: what it sees of a state, (B, F), for example ``action_jepa.whole_state``. latent: numbers of a goal.
    """

    def __init__(self, reads: Embed, features: int, latent: int, actions: int, *, hold: int = 2) -> None:
        super().__init__()
        self.reads, self.hold = reads, hold
        self.layers = nn.Sequential(nn.Linear(features + latent, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN),
                                    nn.ReLU(), nn.Linear(HIDDEN, actions))  # fmt: skip

    def forward(self, seen: Tensor, goal: Tensor) -> Tensor:
        """The logits of the keys. seen: (B, F); goal: (B, D) -> (B, A)."""
        return self.layers(torch.cat([seen, goal], dim=1))

    @torch.no_grad()
    def keys(self, state: State, goal: Tensor) -> Tensor:
        """The likeliest key of each row, held, int64 (B, hold)."""
        return self(self.reads(state), goal).argmax(dim=1, keepdim=True).expand(-1, self.hold)


class PolicyPlayer:
    """Mode-1 alone, a player of ``planning/rooms.py``: it looks, and presses what its policy says."""

    def __init__(self, model: WorldModel, policy: GoalPolicy, goals: np.ndarray, embed: Embed) -> None:
        self.model, self.policy, self.goals = model, policy, embed_pictures(model, embed, goals)

    @torch.no_grad()
    def __call__(
        self, frames: np.ndarray, keys: np.ndarray, rooms: Sequence[Simulation], which: np.ndarray
    ) -> np.ndarray:
        """See ``RoomPlayer``. -> (M, hold)."""
        return self.policy.keys(perceive(self.model, frames, keys), self.goals[torch.from_numpy(which)]).numpy()


class Lessons(NamedTuple):
    """What a pupil learns from: what it saw (L, F), the goals (L, D), and the planner's keys, int64 (L,)."""

    seen: Tensor
    goal: Tensor
    key: Tensor


@dataclass
class Tutor:
    """A player who lets a pupil play, and writes down what Mode-2 would have pressed. pupil: None, and Mode-2 plays.

    cost_of: the goals of M rooms, (M, D) -> what their futures cost.
    """

    model: WorldModel
    embed: Embed
    search: RecedingSearch
    policy: GoalPolicy
    cost_of: Callable[[Tensor], Cost]
    goals: Tensor
    pupil_plays: bool
    written: list[Lessons] = field(default_factory=list)

    @torch.no_grad()
    def __call__(
        self, frames: np.ndarray, keys: np.ndarray, rooms: Sequence[Simulation], which: np.ndarray
    ) -> np.ndarray:
        """See ``RoomPlayer``. -> (M, hold)."""
        state, rows = perceive(self.model, frames, keys), torch.from_numpy(which)
        goal = self.goals[rows]
        planned = self.search(self.model, state, self.cost_of(goal), rows)
        self.written.append(Lessons(self.policy.reads(state), goal, planned[:, 0]))
        return (self.policy.keys(state, goal) if self.pupil_plays else planned).numpy()


def distil(
    policy: GoalPolicy, model: WorldModel, embed: Embed, cost_of: Callable[[Tensor], Cost],
    lessons: Sequence[Sequence[GoalTask]], *, generator: torch.Generator, watched: int = 1,
    on_round: Callable[[int, int, float], object] | None = None,
) -> Lessons:  # fmt: skip
    """Teach a policy what Mode-2 does; returns all that it learned from.

    lessons: the tasks of each round. In the first ``watched`` ones Mode-2 plays, in the others the policy as it is by
    then. After each round it is fitted to all that was written down. on_round: is given the round, the lessons so far,
    and the share of the goals that were reached in it.
    """
    everything: list[Lessons] = []
    size = model.capabilities.frame_size[0] if model.capabilities.frame_size else 32
    for number, tasks in enumerate(lessons):
        search = RecedingSearch(len(tasks), generator=generator)
        goals = embed_pictures(model, embed, goal_pictures(tasks, size))
        tutor = Tutor(model, embed, search, policy, cost_of, goals, pupil_plays=number >= watched)
        played = play_rooms(tutor, tasks, size=size)
        everything += tutor.written
        learned = Lessons(*(torch.cat(part) for part in zip(*everything, strict=True)))
        fit_policy(policy, learned, generator=generator)
        if on_round is not None:
            on_round(number, len(learned.key), float(played.reached.mean()))
    return learned


def fit_policy(policy: GoalPolicy, lessons: Lessons, *, generator: torch.Generator, steps: int = STEPS) -> None:
    """Fit a policy to lessons by cross-entropy."""

    def loss(rows: Tensor) -> dict[str, Tensor]:
        return {"loss": F.cross_entropy(policy(lessons.seen[rows], lessons.goal[rows]), lessons.key[rows])}

    fit(policy, loss, lambda g: torch.randint(len(lessons.key), (BATCH,), generator=g), steps=steps,
        learning_rate=LEARNING_RATE, generator=generator, weight_decay=1e-2)  # fmt: skip
