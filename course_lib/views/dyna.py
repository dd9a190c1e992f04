"""Pictures to play with in notebook 01: plain functions from a few numbers to a figure."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from course_lib.models.counting import CountModel, random_life
from course_lib.models.tabular import Room, action_values, grid_room, policy_value, value_iteration
from course_lib.show.grids import Sheet, rooms

DISCOUNT = 0.95


def sheet(room: Room, values: np.ndarray | None = None, policy: np.ndarray | None = None, **more: object) -> Sheet:
    """A drawing of ``room`` with its start and goal marked; values (S,), policy (S,), see :class:`Sheet`."""
    return Sheet(room.cells, room.shape, values, policy, marks={"S": room.start, "G": room.goal}, **more)


def share_at_start(room: Room, policy: np.ndarray) -> float:
    """The true value of a policy at the start as a share of the best possible one, at most 1."""
    best = value_iteration(room.transitions, room.rewards, DISCOUNT).values[room.start]
    share = float(policy_value(room.transitions, room.rewards, policy, DISCOUNT)[room.start] / best)
    return share if share > 1e-9 else 0.0  # solving the equation leaves tiny numbers of either sign where 0 is meant


def plan_after(real_steps: int = 3000, sweeps: int = 100, slip: float = 0.02, seed: int = 0) -> Figure:
    """Live at random, count, plan in the counted world, and see what the plan is worth in the real one.

    real_steps: how long the agent walks at random before it plans. sweeps: backups of all states in the model.
    slip: how slippery the room is, 0 to 1. seed: another life.
    Returns two rooms: what the model believes, with the plan made in it, and the truth. A state in which no action
    was ever tried has no colour and no arrow.
    """
    room = grid_room(slip=slip)
    model = CountModel(len(room.cells), 4)
    random_life(model, room, real_steps, np.random.default_rng(seed))
    values = np.zeros(len(room.cells))
    for _ in range(sweeps):
        values = action_values(model.transitions, model.rewards, values, DISCOUNT).max(axis=1)
    policy = action_values(model.transitions, model.rewards, values, DISCOUNT).argmax(axis=1)
    known = model.visits.sum(axis=1) > 0  # (S,) has the agent ever done anything here?
    truth = value_iteration(room.transitions, room.rewards, DISCOUNT)
    share = share_at_start(room, policy)
    return rooms(
        {
            f"after {real_steps:,} steps and {sweeps} sweeps the plan earns {share:.0%}": sheet(
                room, np.where(known, values, np.nan), np.where(known, policy, -1)
            ),
            f"in truth, slip {slip:g}": sheet(room, truth.values, truth.policy),
        },
        limits=(0.0, max(float(truth.values.max()), 0.1)),
        bar="value",
    )
