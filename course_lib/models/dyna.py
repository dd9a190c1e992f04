"""Learning to act with a world model and without one: Q-learning and Dyna.

Both keep a table q(s, a) of what each action is worth, act by it, and correct it after each real step. Dyna also lets a
:class:`~course_lib.models.counting.CountModel` watch, and after each real step corrects some remembered pairs by what
the model says would follow. With no such planning steps the two are the same, to the last bit.

Sources: Q-learning, Sutton & Barto, 2nd edition, section 6.5 (Watkins 1989). Dyna-Q, section 8.2 (Sutton 1990, 1991).
The book's planning step draws one next state; this one by default takes the mean over all that the model holds possible,
an expected update (section 8.5), because a table of probabilities can give it.
"""

from __future__ import annotations

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


def choose(q_row: list[float], exploration: float, generator: np.random.Generator) -> int:
    """Epsilon-greedy: now and then a random action, else one of the best, ties broken at random."""
    if generator.random() < exploration:
        return int(generator.integers(len(q_row)))
    best = max(q_row)
    ties = [action for action, value in enumerate(q_row) if value == best]
    return ties[0] if len(ties) == 1 else ties[int(generator.integers(len(ties)))]


def q_learning(room: Room, steps: int, habits: Habits, generator: np.random.Generator, *, every: int = 25) -> Life:
    """Learn from real steps alone (section 6.5). Returns the whole :class:`Life`.

    After s, a, r, s':  q(s, a) <- q(s, a) + rate * (r + discount * max over a' of q(s', a') - q(s, a))
    """
    states, actions = room.transitions.shape[:2]
    q = [[habits.initial] * actions for _ in range(states)]  # lists: for four numbers they are faster than arrays
    visits = np.zeros((states, actions), dtype=int)
    cumulative = room.transitions.cumsum(axis=-1)
    state, collected, policies, rewards = room.start, 0.0, [], []
    for step in range(1, steps + 1):
        action = choose(q[state], habits.exploration, generator)
        following, reward = _live(room, cumulative, state, action, generator)
        visits[state, action] += 1
        target = reward + habits.discount * max(q[following])
        q[state][action] += habits.rate(int(visits[state, action])) * (target - q[state][action])
        state, collected = following, collected + reward
        if step % every == 0:
            policies.append([row.index(max(row)) for row in q])
            rewards.append(collected)
    return Life(np.array(q), np.array(policies), np.array(rewards), state, visits, every)


def dyna(
    room: Room,
    steps: int,
    habits: Habits,
    generator: np.random.Generator,
    *,
    planning_steps: int = 20,
    planning: Literal["expected", "sampled"] = "expected",
    model: CountModel | None = None,
    before: Life | None = None,
    every: int = 25,
) -> Life:
    """Learn from real steps and, after each, from ``planning_steps`` imagined ones (section 8.2).

    model: counts while the agent lives; a new one by default. It is changed.
    planning: "expected" takes the mean over the model's next states (section 8.5), "sampled" draws one of them as the
    book's Dyna-Q does.
    before: an earlier life of this agent to go on from, perhaps in another room (give its model too).
    Raises ValueError for a negative number of planning steps or an unknown kind of planning.
    """
    if planning_steps < 0:
        raise ValueError(f"planning_steps is 0 or more, not {planning_steps}")
    if planning not in ("expected", "sampled"):
        raise ValueError(f'planning is "expected" or "sampled", not {planning!r}')
    states, actions = room.transitions.shape[:2]
    model = CountModel(states, actions) if model is None else model
    q = [[habits.initial] * actions for _ in range(states)] if before is None else before.q.tolist()
    visits = np.zeros((states, actions), dtype=int) if before is None else before.visits.copy()
    best = np.array([max(row) for row in q])  # v(s) = max over a of q(s, a), kept up to date
    tried = [(int(s), int(a)) for s, a in np.argwhere(visits > 0)]
    cumulative = room.transitions.cumsum(axis=-1)
    state, collected, policies, rewards = room.start if before is None else before.state, 0.0, [], []
    for step in range(1, steps + 1):
        # act, and learn from what really happened: the four lines of q_learning
        action = choose(q[state], habits.exploration, generator)
        following, reward = _live(room, cumulative, state, action, generator)
        visits[state, action] += 1
        target = reward + habits.discount * max(q[following])
        q[state][action] += habits.rate(int(visits[state, action])) * (target - q[state][action])
        best[state] = max(q[state])
        # let the model watch
        model.update(state, action, reward, following)
        if visits[state, action] == 1:
            tried.append((state, action))
        # plan: the same correction, at remembered pairs, with the model in the place of the world
        for pair in (generator.random(planning_steps) * len(tried)).astype(int).tolist():
            s, a = tried[pair]
            p = model.probabilities(s, a)  # (S,)
            worth = p @ best if planning == "expected" else best[_draw(p.cumsum(), generator)]
            target = model.expected_reward(s, a) + habits.discount * float(worth)
            q[s][a] += habits.rate(int(visits[s, a])) * (target - q[s][a])
            best[s] = max(q[s])
        state, collected = following, collected + reward
        if step % every == 0:
            policies.append([row.index(max(row)) for row in q])
            rewards.append(collected)
    return Life(np.array(q), np.array(policies), np.array(rewards), state, visits, every)


def _draw(cumulative: np.ndarray, generator: np.random.Generator) -> int:
    return min(int(cumulative.searchsorted(generator.random(), side="right")), len(cumulative) - 1)


def _live(
    room: Room, cumulative: np.ndarray, state: int, action: int, generator: np.random.Generator
) -> tuple[int, float]:
    """``room.step`` with the running sums of the probabilities made once."""
    following = _draw(cumulative[state, action], generator)
    return following, float(room.arrival[following])


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
