"""Learning to act with a world model and without one: Q-learning and Dyna.

Both keep a table q(s, a) of what each action is worth, act by it, and correct it after each real step. Dyna also lets a
:class:`~course_lib.models.counting.CountModel` watch, and after each real step corrects some remembered pairs by what
the model says would follow. With no such planning steps the two are the same, to the last bit.

Sources: Q-learning, Sutton & Barto, 2nd edition, section 6.5 (Watkins 1989). Dyna-Q, section 8.2 (Sutton 1990, 1991).
The book's planning step draws one next state; this one by default takes the mean over all that the model holds
possible, an expected update (section 8.5), because a table of probabilities can give it.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from course_lib.models.counting import CountModel
from course_lib.models.tabular import Room, policy_value, value_iteration

Rate = Callable[[int], float]  # the learning rate, given how often the pair has been visited


def constant(rate: float) -> Rate:
    """The same learning rate for ever."""
    return lambda visits: rate


def shrinking(power: float) -> Rate:
    """visits ** -power: the first visit is believed entirely, later ones less and less (0.5 < power <= 1 converges)."""
    return lambda visits: visits**-power


@dataclass(frozen=True)
class Habits:
    """How an agent learns and explores. The same for both agents whenever they are compared.

    rate: the learning rate. exploration: the probability of a random action (epsilon). discount: gamma, below 1.
    initial: what every pair (s, a) is believed to be worth before it was tried; a high value makes an agent curious.
    """

    rate: Rate
    exploration: float = 0.1
    discount: float = 0.95
    initial: float = 0.5

    def __post_init__(self) -> None:
        if not 0.0 <= self.exploration <= 1.0:
            raise ValueError(f"exploration is a probability, 0 to 1, not {self.exploration}")
        if not 0.0 <= self.discount < 1.0:
            raise ValueError(f"the discount of an agent that lives on for ever is in [0, 1), not {self.discount}")


@dataclass(frozen=True)
class Life:
    """What came of a run. q: (S, A) at its end. policies: (K, S) the greedy policy after every ``every`` real steps.

    rewards: (K,) the reward collected up to each of these moments. state: where the agent stands at the end.
    visits: (S, A) how often each pair was tried.
    """

    q: np.ndarray
    policies: np.ndarray
    rewards: np.ndarray
    state: int
    visits: np.ndarray
    every: int


def choose(q_row: np.ndarray, exploration: float, generator: np.random.Generator) -> int:
    """Epsilon-greedy: now and then a random action, else one of the best, ties broken at random. q_row: (A,)."""
    if generator.random() < exploration:
        return int(generator.integers(len(q_row)))
    row = q_row.tolist()  # for four numbers plain Python is faster than arrays
    best = max(row)
    ties = [action for action, value in enumerate(row) if value == best]
    return ties[0] if len(ties) == 1 else ties[int(generator.integers(len(ties)))]


def learn(q: np.ndarray, step: tuple[int, int, float, int], rate: float, discount: float) -> None:
    """Correct the table (S, A) in place after one real step s, a, r, s' (equation 6.8).

    q(s, a) <- q(s, a) + rate * (r + discount * max over a' of q(s', a') - q(s, a))
    """
    state, action, reward, following = step
    target = reward + discount * max(q[following].tolist())
    q[state, action] += rate * (target - q[state, action])


def q_learning(room: Room, steps: int, habits: Habits, generator: np.random.Generator, *, every: int = 25) -> Life:
    """Learn from real steps alone (section 6.5)."""
    q = np.full(room.transitions.shape[:2], habits.initial)  # (S, A)
    visits = np.zeros(q.shape, dtype=int)
    world = _Alive(room, room.start)
    policies, rewards = [], []
    for step in range(1, steps + 1):
        state = world.state
        action = choose(q[state], habits.exploration, generator)
        reward, following = world.step(action, generator)
        visits[state, action] += 1
        learn(q, (state, action, reward, following), habits.rate(int(visits[state, action])), habits.discount)
        if step % every == 0:
            policies.append(q.argmax(axis=1))
            rewards.append(world.collected)
    return Life(q, np.array(policies), np.array(rewards), world.state, visits, every)


def plan(
    q: np.ndarray,
    model: CountModel,
    pairs: np.ndarray,
    rates: np.ndarray,
    discount: float,
    drawn: np.random.Generator | None = None,
) -> None:
    """Correct the table (S, A) in place at some pairs, with the model in the place of the world.

    pairs: (n, 2) states and actions. rates: (n,). Without ``drawn`` the target is the mean over all next states of the
    model (an expected update, section 8.5). With a generator it is one next state, drawn from those that were really
    counted for the pair, as in Dyna-Q; from the prior only where nothing was counted.
    The n corrections are worked out together, so they do not see each other.
    """
    states, actions = pairs.T
    p = model.probabilities(states, actions)  # (n, S)
    if drawn is not None:
        seen = model.visits[states, actions][:, None]  # (n, 1)
        p = np.where(seen > 0, model.counts[states, actions] / np.maximum(seen, 1), p)
        reached = (p.cumsum(axis=1) > drawn.random((len(p), 1))).argmax(axis=1)  # (n,) one draw a row
        p = np.eye(p.shape[1])[reached]
    target = model.expected_reward(states, actions) + discount * p @ q.max(axis=1)  # (n,) + (n, S) @ (S,)
    q[states, actions] += rates * (target - q[states, actions])


def dyna(
    room: Room,
    steps: int,
    habits: Habits,
    generator: np.random.Generator,
    *,
    planning_steps: int = 50,
    planning: Literal["expected", "sampled"] = "expected",
    model: CountModel | None = None,
    before: Life | None = None,
    every: int = 25,
) -> Life:
    """Learn from real steps and, after each, from ``planning_steps`` imagined ones (section 8.2).

    model: counts while the agent lives; a new one by default. It is changed.
    planning: "expected" or "sampled", see :func:`plan`.
    before: an earlier life of this agent to go on from, perhaps in another room (give its model too).
    Raises ValueError for a negative number of planning steps or an unknown kind of planning.
    """
    if planning_steps < 0:
        raise ValueError(f"planning_steps is 0 or more, not {planning_steps}")
    if planning not in ("expected", "sampled"):
        raise ValueError(f'planning is "expected" or "sampled", not {planning!r}')
    size = room.transitions.shape[:2]
    model = CountModel(*size) if model is None else model
    q = np.full(size, habits.initial) if before is None else before.q.copy()  # (S, A)
    visits = np.zeros(size, dtype=int) if before is None else before.visits.copy()
    tried = np.argwhere(visits > 0)  # (pairs, 2): where the agent remembers having been, and what it did there
    rates = np.array([habits.rate(max(1, int(n))) for n in visits.flat]).reshape(size)
    world = _Alive(room, room.start if before is None else before.state)
    policies, rewards = [], []
    for step in range(1, steps + 1):
        # act and learn from what really happened: the lines of q_learning
        state = world.state
        action = choose(q[state], habits.exploration, generator)
        reward, following = world.step(action, generator)
        visits[state, action] += 1
        rates[state, action] = habits.rate(int(visits[state, action]))
        learn(q, (state, action, reward, following), float(rates[state, action]), habits.discount)
        # let the model watch
        model.update(state, action, reward, following)
        if visits[state, action] == 1:
            tried = np.concatenate([tried, [[state, action]]])
        # plan: the same correction at remembered pairs, answered by the model
        if planning_steps:
            pairs = tried[generator.integers(len(tried), size=planning_steps)]
            drawn = generator if planning == "sampled" else None
            plan(q, model, pairs, rates[pairs[:, 0], pairs[:, 1]], habits.discount, drawn)
        if step % every == 0:
            policies.append(q.argmax(axis=1))
            rewards.append(world.collected)
    return Life(q, np.array(policies), np.array(rewards), world.state, visits, every)


class _Alive:
    """An agent's place in a room, and what it has collected. The same as ``room.step``, with the sums made once."""

    def __init__(self, room: Room, state: int) -> None:
        self.cumulative = room.transitions.cumsum(axis=-1).tolist()
        self.arrival = room.arrival.tolist()
        self.state, self.collected = state, 0.0

    def step(self, action: int, generator: np.random.Generator) -> tuple[float, int]:
        """Move on; returns the reward and the next state."""
        reached = bisect(self.cumulative[self.state][action], generator.random())
        self.state = min(reached, len(self.arrival) - 1)
        reward = self.arrival[self.state]
        self.collected += reward
        return reward, self.state


# ----------------------------------------------------------------------------------------------- how good is a life?


def share_of_optimal(life: Life, room: Room, discount: float) -> np.ndarray:
    """The true value of each greedy policy at the start, divided by the optimal one: (K,), at most 1.

    Computed exactly in the true room. The agent does not know these numbers.
    """
    optimum = value_iteration(room.transitions, room.rewards, discount, tolerance=1e-9).values[room.start]
    known: dict[bytes, float] = {}
    for policy in life.policies:
        if policy.tobytes() not in known:
            values = policy_value(room.transitions, room.rewards, policy, discount)
            known[policy.tobytes()] = float(values[room.start] / optimum)
    return np.array([known[policy.tobytes()] for policy in life.policies])


def steps_to_optimal(share: np.ndarray, every: int, *, tolerance: float = 0.05, stays: int = 1000) -> int:
    """After how many real steps does the policy become optimal, and stay so?

    share: from :func:`share_of_optimal`, one number after every ``every`` real steps. The answer is the first moment at
    which it is at least 1 - tolerance and remains there at every check of the next ``stays`` real steps. A run in which
    that never happens counts with its full length, which is too few for the run: it flatters the slower agent.
    """
    good = share >= 1.0 - tolerance
    window = stays // every + 1
    runs = np.lib.stride_tricks.sliding_window_view(good, window).all(axis=1) if len(good) >= window else np.array([])
    return every * (int(np.argmax(runs)) + 1) if runs.any() else every * len(share)
