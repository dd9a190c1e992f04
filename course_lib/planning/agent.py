"""The six modules of an autonomous agent, as six objects that reach goal pictures.

LeCun, A Path Towards Autonomous Machine Intelligence, 2022, section 3. The names are the paper's:

    configurator        sets the others to a task: here it says which goal pictures are wanted
    perception          makes of frames the state of the world
    world model         imagines what follows from a state and actions: any ``WorldModel``
    cost                the intrinsic cost, which is fixed, and a critic, which learns to foresee it
    short-term memory   the states that were met, with what they cost
    actor               proposes actions: in Mode-2 a plan, searched with the world model and the cost; in Mode-1 what a
                        policy says that was distilled from such plans

Without a critic the agent does what ``goals.GoalPlanner`` does, key for key. Another task needs another call of the
configurator and no training: the goal enters through the intrinsic cost alone. What is left out of the paper's picture:
the configurator does not learn, and the world model is not trained while it is used.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from course_lib.contract import Cost, State, WorldModel
from course_lib.nets.fit import fit
from course_lib.planning.cem import Budget, RecedingSearch
from course_lib.planning.goals import Embed, GoalDistance, Weights, embed_pictures, goal_of_each, perceive
from course_lib.planning.policy import GoalPolicy
from course_lib.worlds.simulate import Simulation


@dataclass
class Perception:
    """Frames, and the keys between them -> the state of the world."""

    model: WorldModel

    def __call__(self, frames: np.ndarray, keys: np.ndarray) -> State:
        """See ``goals.perceive``."""
        return perceive(self.model, frames, keys)


@dataclass
class IntrinsicCost:
    """What the agent dislikes, and cannot unlearn: to be far from its goal. goal: embeddings (N, D)."""

    embed: Embed
    weights: Weights = field(default_factory=Weights)
    goal: Tensor | None = None

    def now(self, state: State, which: Tensor) -> Tensor:
        """The distance of each state from its goal, (M,)."""
        return (self.embed(state) - self.goal[which]).norm(dim=1)

    def ahead(self, which: Tensor) -> GoalDistance:
        """The cost of imagined futures in the rooms ``which``, (M,)."""
        return GoalDistance(self.goal[which], self.embed, self.weights)


@dataclass
class Curiosity:
    """Another thing that can be wanted: to see what is not remembered. An intrinsic cost that needs no goal.

    What a state is worth is its distance from the nearest embedding that short-term memory holds of the same room
    (novelty search: Lehman & Stanley 2011; here in embeddings). All rooms have to be played to the same frame.
    """

    embed: Embed
    memory: ShortTermMemory

    def now(self, state: State, which: Tensor) -> Tensor:
        """Minus the novelty of each state, (M,); 0 where nothing is remembered yet."""
        known = self.memory.of(which)
        s = self.embed(state)
        return torch.zeros(len(s)) if known is None else -torch.cdist(s[:, None], known)[:, 0].amin(dim=1)

    def ahead(self, which: Tensor) -> Cost:
        """Minus the mean novelty along imagined futures in the rooms ``which``, (M,)."""
        known = self.memory.of(which)  # (M, T, D)

        def familiar(states: Sequence[State], actions: Tensor) -> Tensor:
            imagined = torch.stack([self.embed(state) for state in states[1:]], dim=1)  # (M * K, H, D)
            seen = known.repeat_interleave(len(imagined) // len(known), dim=0)  # (M * K, T, D)
            return -torch.cdist(imagined, seen).amin(dim=2).mean(dim=1)

        return familiar


class Critic(nn.Module):
    """How near to the goal will it still come from here? Learned from what short-term memory holds.

    Embedding and goal, (B, D) each -> the smallest distance to come, (B,). It begins at the distance that there is now
    and learns what is to be taken off it.
    """

    def __init__(self, latent: int, hidden: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2 * latent, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(),
                                    nn.Linear(hidden, 1))  # fmt: skip

    def forward(self, s: Tensor, goal: Tensor) -> Tensor:
        """See the class."""
        return (s - goal).norm(dim=1) + self.layers(torch.cat([s, goal], dim=1)).squeeze(1)

    def learn(self, memory: ShortTermMemory, *, steps: int = 500, generator: torch.Generator) -> list[dict[str, float]]:
        """Fit it to what came after the states of the memory; returns the numbers of every step."""
        s, goal, to_come = memory.lessons()

        def loss(rows: Tensor) -> dict[str, Tensor]:
            return {"loss": (self(s[rows], goal[rows]) - to_come[rows]).square().mean()}

        return fit(self, loss, lambda g: torch.randint(len(s), (64,), generator=g), steps=steps,
                   learning_rate=2e-3, generator=generator)  # fmt: skip


@dataclass
class CostModule:
    """Intrinsic cost and critic together. share: how much the critic counts, asked at the end of a future."""

    intrinsic: IntrinsicCost | Curiosity
    critic: Critic | None = None
    share: float = 1.0

    def ahead(self, which: Tensor) -> Cost:
        """A ``Cost`` of imagined futures in the rooms ``which``, (M,)."""
        distance = self.intrinsic.ahead(which)
        if self.critic is None or not isinstance(distance, GoalDistance):
            return distance

        def both(states: Sequence[State], actions: Tensor) -> Tensor:
            goal = goal_of_each(distance.goal, len(actions))
            return distance(states, actions) + self.share * self.critic(self.intrinsic.embed(states[-1]), goal)

        return both


class Met(NamedTuple):
    """A moment of M rooms: their numbers, embeddings (M, D), those of their goals, and the intrinsic cost then (M,)."""

    which: Tensor
    s: Tensor
    goal: Tensor
    cost: Tensor


class ShortTermMemory:
    """The last moments that the agent met. size: how many are kept."""

    def __init__(self, size: int = 64) -> None:
        self.moments: deque[Met] = deque(maxlen=size)

    def keep(self, met: Met) -> None:
        """Remember a moment; the oldest is forgotten where there are too many."""
        self.moments.append(met)

    def forget(self) -> None:
        """Remember nothing."""
        self.moments.clear()

    def of(self, which: Tensor) -> Tensor | None:
        """The embeddings of some rooms at all remembered moments, (M, T, D); None where nothing is remembered.

        Raises ValueError where one of the rooms is not in every moment.
        """
        if not self.moments:
            return None
        if any(not torch.isin(which, met.which).all() for met in self.moments):
            raise ValueError("these rooms were not all met in every moment that is remembered")
        rows = [torch.searchsorted(met.which, which) for met in self.moments]  # rooms are numbered in order
        return torch.stack([met.s[row] for met, row in zip(self.moments, rows, strict=True)], dim=1)

    def lessons(self) -> tuple[Tensor, Tensor, Tensor]:
        """What a critic can learn from: embeddings and goals (L, D), and the smallest cost from then on, (L,).

        Raises ValueError where nothing is remembered.
        """
        if not self.moments:
            raise ValueError("the memory is empty: let the agent act before its critic learns")
        least: dict[int, float] = {}
        to_come: list[Tensor] = []
        for met in reversed(self.moments):  # the last moment first, so that each room knows what is still to come
            for room, cost in zip(met.which.tolist(), met.cost.tolist(), strict=True):
                least[room] = min(cost, least.get(room, cost))
            to_come.append(torch.tensor([least[room] for room in met.which.tolist()]))
        return (torch.cat([met.s for met in self.moments]), torch.cat([met.goal for met in self.moments]),
                torch.cat(to_come[::-1]))  # fmt: skip


@dataclass
class Actor:
    """Proposes actions. In Mode-2 it searches a plan with the world model and the cost, and gives its beginning.

    In Mode-1 its policy says at once what to do, and nothing is imagined.
    """

    model: WorldModel
    search: RecedingSearch
    policy: GoalPolicy | None = None

    def react(self, state: State, goal: Tensor) -> Tensor:
        """The next keys, int64 (M, hold), by the policy. Raises ValueError where there is none."""
        if self.policy is None:
            raise ValueError("the actor has no policy yet: distil one from Mode-2 (planning/policy.py)")
        return self.policy.keys(state, goal)

    def plan(self, state: State, cost: Cost, which: Tensor) -> Tensor:
        """The next keys, int64 (M, hold)."""
        return self.search(self.model, state, cost, which)


@dataclass
class Configurator:
    """Sets the agent to a task; it changes no weight of any network."""

    perception: Perception
    cost: CostModule
    memory: ShortTermMemory
    actor: Actor
    weights: Weights = field(default_factory=Weights)

    def configure(self, goals: np.ndarray) -> None:
        """From now on these pictures are wanted, uint8 (N, H, W, 3), one a room."""
        embed = self.cost.intrinsic.embed
        goal = embed_pictures(self.perception.model, embed, goals)
        self._begin(IntrinsicCost(embed, self.weights, goal))

    def explore(self) -> None:
        """From now on no picture is wanted, only what is not remembered: curiosity is the intrinsic cost."""
        self._begin(Curiosity(self.cost.intrinsic.embed, self.memory))

    def _begin(self, intrinsic: IntrinsicCost | Curiosity) -> None:
        self.cost.intrinsic = intrinsic
        self.actor.search.forget()
        self.memory.forget()


class Agent:
    """All six together: a player of ``planning/rooms.py``.

        agent = Agent(model, embedding, rooms=len(tasks), generator=torch.Generator().manual_seed(0))
        agent.configurator.configure(goal_pictures(tasks))
        play_rooms(agent, tasks)
    """

    def __init__(
        self, model: WorldModel, embed: Embed, *, rooms: int, generator: torch.Generator, budget: Budget | None = None,
        weights: Weights | None = None, critic: Critic | None = None, policy: GoalPolicy | None = None,
    ) -> None:  # fmt: skip
        self.world_model, self.perception, self.memory = model, Perception(model), ShortTermMemory()
        self.cost = CostModule(IntrinsicCost(embed, weights or Weights()), critic)
        self.actor = Actor(model, RecedingSearch(rooms, generator=generator, budget=budget), policy)
        self.configurator = Configurator(self.perception, self.cost, self.memory, self.actor, weights or Weights())

    @torch.no_grad()
    def __call__(
        self, frames: np.ndarray, keys: np.ndarray, rooms: Sequence[Simulation], which: np.ndarray
    ) -> np.ndarray:
        """Perceive, remember, and plan (Mode-2) or, with a policy, react (Mode-1). -> (M, hold).

        See ``rooms.RoomPlayer``.
        Raises ValueError before the configurator has said what is wanted.
        """
        intrinsic, number = self.cost.intrinsic, torch.from_numpy(which)
        curious = isinstance(intrinsic, Curiosity)
        if not curious and intrinsic.goal is None:
            raise ValueError("the agent has no task yet: call configurator.configure(goals) or .explore()")
        state = self.perception(frames, keys)
        s, now = intrinsic.embed(state), intrinsic.now(state, number)
        goal = s if curious else intrinsic.goal[number]
        self.memory.keep(Met(number, s, goal, now))
        if self.actor.policy is not None and not curious:
            return self.actor.react(state, goal).numpy()
        return self.actor.plan(state, self.cost.ahead(number), number).numpy()
