"""A world small enough to print, and Bellman's equation solved in it.

The world is a Markov decision process (MDP, 马尔可夫决策过程): states, actions, rewards, and a probability for each
next state. Here it is a room on squared paper. Arrays carry everything, with S states and A = 4 actions:

    transitions  (S, A, S)   p(s' | s, a): the last axis sums to 1
    rewards      (S, A)      r(s, a): the reward expected when action a is taken in state s
    values       (S,)        v(s): the discounted reward that can still be collected from s
    policy       (S,)        the action taken in each state, an integer

Source: Sutton & Barto, Reinforcement Learning, 2nd edition (2018), chapters 3 and 4. The numbers of equations and
sections below are theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ACTIONS = ("up", "right", "down", "left")
_MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1))  # row, column: what each action adds

FOUR_ROOMS = """
S.#..#..#.G
..#.....#..
..#..#..#..
..#..#..#..
.....#.....
"""

MOVED_DOOR = """
S.#..#..#.G
..#..#..#..
..#..#..#..
..#..#..#..
...........
"""


@dataclass(frozen=True)
class Room:
    """A room on squared paper, as an MDP. Make one with :func:`grid_room`.

    transitions: (S, A, S) probabilities. arrival: (S,) the reward for arriving in each state.
    start, goal: states. cells: (S, 2) row and column of every state. shape: rows and columns of the drawing.
    """

    transitions: np.ndarray
    arrival: np.ndarray
    start: int
    goal: int
    cells: np.ndarray
    shape: tuple[int, int]

    @property
    def rewards(self) -> np.ndarray:
        """Expected reward r(s, a), (S, A): the reward for arriving, averaged over where the action leads."""
        return self.transitions @ self.arrival  # (S, A, S) @ (S,) -> (S, A)

    def step(self, state: int, action: int, generator: np.random.Generator) -> tuple[int, float]:
        """Live one step: draw s' from p(s' | s, a). Returns s' and the reward."""
        reached = self.transitions[state, action].cumsum().searchsorted(generator.random(), side="right")
        following = min(int(reached), len(self.arrival) - 1)  # the sum of a row may miss 1 by the last digit
        return following, float(self.arrival[following])


def grid_room(drawing: str = FOUR_ROOMS, *, slip: float = 0.02, numbered_as: Room | None = None) -> Room:
    """Read a room from a drawing: ``#`` is a wall, ``.`` a free cell, ``S`` the start, ``G`` the goal.

    An action moves one cell. With probability ``slip`` the foot slips and the move goes to the left or to the right of
    the one intended, half each. A move into a wall leaves the agent where it is. Arriving at the goal is rewarded with
    1; from there every action leads back to the start, so that there is no end of the world to be told apart.

    States are numbered row by row. ``numbered_as`` is an earlier room whose numbers are kept, so that what was learned
    there means the same here: a cell that is free in both has the same number, and a cell that is new takes the number
    of one that is gone (a door that has moved is still state number so and so).

    Raises ValueError for a drawing without exactly one S and one G or with other signs, for slip outside [0, 1], and
    for an earlier room with another number of cells.
    """
    rows = drawing.strip().split("\n")
    text = "".join(rows)
    if len({len(row) for row in rows}) != 1:
        raise ValueError(f"all rows of a drawing are equally long, these have {[len(row) for row in rows]} signs")
    if set(text) - set("#.SG") or text.count("S") != 1 or text.count("G") != 1:
        raise ValueError("a drawing has one S, one G, and else only # for a wall and . for a free cell")
    if not 0.0 <= slip <= 1.0:
        raise ValueError(f"slip is a probability, 0 to 1, not {slip}")
    cells = [(r, c) for r, row in enumerate(rows) for c, sign in enumerate(row) if sign != "#"]
    if numbered_as is not None:
        if len(cells) != len(numbered_as.cells):
            raise ValueError(f"the earlier room has {len(numbered_as.cells)} cells, the drawing {len(cells)}")
        earlier = [(int(r), int(c)) for r, c in numbered_as.cells]
        new = iter([cell for cell in cells if cell not in earlier])
        cells = [cell if cell in cells else next(new) for cell in earlier]
    number = {cell: state for state, cell in enumerate(cells)}
    start, goal = (next(s for (r, c), s in number.items() if rows[r][c] == sign) for sign in "SG")

    transitions = np.zeros((len(cells), len(ACTIONS), len(cells)))
    for (row, column), state in number.items():
        for action in range(len(ACTIONS)):
            if state == goal:
                transitions[state, action, start] = 1.0
                continue
            for turn, probability in ((0, 1.0 - slip), (1, slip / 2), (-1, slip / 2)):
                down, right = _MOVES[(action + turn) % len(ACTIONS)]
                reached = number.get((row + down, column + right), state)
                transitions[state, action, reached] += probability
    arrival = np.zeros(len(cells))
    arrival[goal] = 1.0
    return Room(transitions, arrival, start, goal, np.array(cells), (len(rows), len(rows[0])))


# ------------------------------------------------------------------------------------------------ Bellman's equation


@dataclass(frozen=True)
class Solution:
    """What value iteration found. values: (S,). policy: (S,). sweeps: how many backups of all states it took.

    bound: no value is further than this from the optimal one.
    """

    values: np.ndarray
    policy: np.ndarray
    sweeps: int
    bound: float


def action_values(transitions: np.ndarray, rewards: np.ndarray, values: np.ndarray, discount: float) -> np.ndarray:
    """What each action is worth when the states that follow are worth ``values``: q(s, a), (S, A).

    q(s, a) = r(s, a) + discount * sum over s' of p(s' | s, a) v(s'): one expected update (section 4.1).
    """
    return rewards + discount * (transitions @ values)  # (S, A) + (S, A, S) @ (S,)


def value_iteration(
    transitions: np.ndarray, rewards: np.ndarray, discount: float, *, tolerance: float = 1e-6, most: int = 100_000
) -> Solution:
    """Solve Bellman's optimality equation by repeating it (equation 4.10): v(s) <- max over a of q(s, a).

    Stops when the values are certainly within ``tolerance`` of the optimal ones. Each sweep brings any two sets of
    values closer by the factor ``discount``, so a sweep that changed no value by more than d leaves an error of at most
    d * discount / (1 - discount).

    Raises ValueError for a discount outside [0, 1): at 1 there is no such bound and values may grow for ever.
    """
    if not 0.0 <= discount < 1.0:
        raise ValueError(f"the stopping bound needs a discount in [0, 1), not {discount}: try 0.95")
    values = np.zeros(len(rewards))
    bound = np.inf
    for sweep in range(1, most + 1):
        better = action_values(transitions, rewards, values, discount).max(axis=1)  # (S, A) -> (S,)
        bound = float(np.abs(better - values).max() * discount / (1.0 - discount))
        values = better
        if bound <= tolerance:
            policy = action_values(transitions, rewards, values, discount).argmax(axis=1)
            return Solution(values, policy, sweep, bound)
    raise ValueError(f"{most} sweeps reached only a bound of {bound:.2g}: allow more, or a larger tolerance")


def policy_value(transitions: np.ndarray, rewards: np.ndarray, policy: np.ndarray, discount: float) -> np.ndarray:
    """The exact value (S,) of following ``policy`` for ever: Bellman's equation for v (4.4), linear in v.

    policy: integers (S,), one action a state, or probabilities (S, A).
    With the policy fixed the decision process is a Markov chain with matrix P (S, S): v = r + discount P v.
    """
    states = np.arange(len(rewards))
    if policy.ndim == 1:
        chain, reward = transitions[states, policy], rewards[states, policy]  # (S, S), (S,)
    else:
        chain = np.einsum("sa,sat->st", policy, transitions)
        reward = (policy * rewards).sum(axis=1)
    return np.linalg.solve(np.eye(len(states)) - discount * chain, reward)
