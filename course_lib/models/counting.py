"""A world model learned by counting: the smallest thing that deserves the name, and it fulfils the course's contract.

For every state s and action a it counts where the world went. The counts become probabilities with a Dirichlet prior,
made explicit as ``prior`` imaginary visits that are spread evenly over all S states:

    p(s' | s, a) = (n(s, a, s') + prior / S) / (n(s, a) + prior)

This is the mean of the posterior. With prior = S it is Laplace's rule (add one everywhere); with a small prior the
counts speak almost alone, and a pair (s, a) that was never tried is predicted to lead anywhere.
"""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from course_lib.contract import Actions, Capabilities, State
from course_lib.models.tabular import Room


@dataclass
class Where(State):
    """The state of a tabular model: which of the S states the agent is in. state: integers (B,)."""

    state: Tensor


class CountModel:
    """Transition counts and reward sums. Fulfils :class:`course_lib.contract.WorldModel` for integer observations.

    counts: (S, A, S) how often s, a led to s'. reward_sums: (S, A, S) the rewards received on those steps.
    prior: imaginary visits for each pair (s, a), a positive number.
    """

    def __init__(self, states: int, actions: int, *, prior: float = 0.1) -> None:
        if prior <= 0:
            raise ValueError(f"prior is a positive number of imaginary visits, not {prior}: try 0.1")
        self.prior = prior
        self.counts = np.zeros((states, actions, states))
        self.visits = np.zeros((states, actions))  # n(s, a), kept so that no sum over s' is needed at each step
        self.reward_sums = np.zeros((states, actions, states))
        self.paid = np.zeros((states, actions))  # reward_sums.sum(axis=-1), kept for the same reason
        self.capabilities = Capabilities(Actions("discrete", actions), decodes=True, context=1, rewards=True)

    # --- learning and asking, one pair at a time or all at once

    def update(self, state: int, action: int, reward: float, following: int) -> None:
        """Learn from one step of life: s, a, r, s'."""
        self.counts[state, action, following] += 1
        self.visits[state, action] += 1
        self.reward_sums[state, action, following] += reward
        self.paid[state, action] += reward

    def probabilities(self, state: int | np.ndarray, action: int | np.ndarray) -> np.ndarray:
        """p(s' | s, a) over all s', (S,), sums to 1; for n pairs at once, state and action (n,) give (n, S)."""
        share = self.prior / len(self.counts)
        return (self.counts[state, action] + share) / (self.visits[state, action] + self.prior)[..., None]

    def expected_reward(self, state: int | np.ndarray, action: int | np.ndarray) -> np.ndarray:
        """The mean reward received for a in s, 0 where it was never tried; (n,) for n pairs at once."""
        return self.paid[state, action] / np.maximum(self.visits[state, action], 1)

    @property
    def transitions(self) -> np.ndarray:
        """p(s' | s, a) for every pair, (S, A, S)."""
        return (self.counts + self.prior / len(self.counts)) / (self.visits + self.prior)[..., None]

    @property
    def rewards(self) -> np.ndarray:
        """r(s, a) for every pair, (S, A); 0 where it was never tried."""
        return self.paid / np.maximum(self.visits, 1)

    # --- the contract

    def encode(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Where:
        """Perception: the agent sees the state itself, so the last observation (B, T) is all there is to know."""
        self._check(observations, actions)
        return Where(observations[:, -1])

    def predict(
        self, state: Where, action: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Where:
        """Imagination: the most likely next state, or with a generator one drawn from p(s' | s, a)."""
        self.capabilities.actions.check(action, (len(state),))
        table = torch.from_numpy(self.transitions)[state.state, action]  # (B, S)
        if generator is None:
            return Where(table.argmax(dim=-1))
        return Where(torch.multinomial(table, 1, generator=generator)[:, 0])

    def decode(self, state: Where, *, generator: torch.Generator | None = None) -> Tensor:
        """The way back: the state's number, (B,)."""
        return state.state

    def surprise(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """-log p(s_t | s_(t-1), a_(t-1)) in nats, (B, T); NaN at the first one."""
        self._check(observations, actions)
        result = torch.full(observations.shape, torch.nan)
        if actions is not None:
            table = torch.from_numpy(self.transitions)
            result[:, 1:] = -table[observations[:, :-1], actions, observations[:, 1:]].log().float()
        return result

    def reward(self, state: Where) -> Tensor:
        """The mean reward received on arriving in this state, (B,); 0 where the agent never arrived."""
        mean = self.reward_sums.sum(axis=(0, 1)) / np.maximum(self.counts.sum(axis=(0, 1)), 1)
        return torch.from_numpy(mean).float()[state.state]

    def _check(self, observations: Tensor, actions: Tensor | None) -> None:
        self.capabilities.check(observations, actions)
        low, high = int(observations.min()), int(observations.max())
        if low < 0 or high >= len(self.counts):
            raise ValueError(f"states are 0 to {len(self.counts) - 1}, got values from {low} to {high}")


class ShuffledCountModel(CountModel):
    """A control: it sees the same life, but each step is entered under an action drawn at random.

    What it learns is where the world goes, and nothing about what the agent's choice has to do with it.
    """

    def __init__(self, states: int, actions: int, *, prior: float = 0.1, generator: np.random.Generator) -> None:
        super().__init__(states, actions, prior=prior)
        self._generator = generator

    def update(self, state: int, action: int, reward: float, following: int) -> None:
        """Enter the step under a random action."""
        super().update(state, int(self._generator.integers(self.visits.shape[1])), reward, following)


class UntrainedCountModel(CountModel):
    """A control: a model that never learns. Every action leads anywhere with the same probability, unrewarded."""

    def update(self, state: int, action: int, reward: float, following: int) -> None:
        """Forget it at once."""


def transition_error(model: CountModel, transitions: np.ndarray) -> np.ndarray:
    """How wrong the model is about each pair (s, a): total variation distance, (S, A), 0 for right and 1 for hopeless.

    TV = 1/2 sum over s' of |p_model(s' | s, a) - p_true(s' | s, a)|: the largest difference between the probabilities
    that the two give to any one event.
    """
    return 0.5 * np.abs(model.transitions - transitions).sum(axis=-1)


def random_life(
    model: CountModel, room: Room, steps: int, generator: np.random.Generator, *, state: int | None = None
) -> int:
    """Walk ``steps`` steps with random actions from ``state`` (the start by default); the model counts them.

    Returns the last state, from which another call can go on.
    """
    cumulative = room.transitions.cumsum(axis=-1).tolist()
    arrival = room.arrival.tolist()
    actions = generator.integers(room.transitions.shape[1], size=steps).tolist()
    chances = generator.random(steps).tolist()
    state, last = room.start if state is None else state, len(arrival) - 1
    for action, share in zip(actions, chances, strict=True):
        following = min(bisect(cumulative[state][action], share), last)
        model.update(state, action, arrival[following], following)
        state = following
    return state
