"""Tasks of several goal pictures in a row: up to the platform, down to the floor, up again.

Each goal is a picture of the same room with the agent somewhere else, and is reached as in ``goal_pictures.py``. The
next picture counts from the moment at which the one before it is reached.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from course_lib.worlds import spec
from course_lib.worlds.goal_pictures import GoalTask, goal_pictures
from course_lib.worlds.scenes import Scene, film_seed
from course_lib.worlds.starless import on_platform, starless_room

WALL = 3.0  # units from a wall to the nearest place on the floor that is asked for


@dataclass(frozen=True)
class GoalRow:
    """room: where it begins; goals: the same room as it shall be, one after the other."""

    room: Scene
    goals: tuple[Scene, ...]

    def stage(self, number: int) -> GoalTask:
        """The task of one of its goals, as if it began in the row's room."""
        return GoalTask(self.room, self.goals[number])


def draw_goal_rows(count: int, goals: int, *, split: str = "test", first: int = 0) -> list[GoalRow]:
    """Rows of so many goals: on the platform, on the floor, on the platform, and so on.

    Shorter rows of a room are the beginnings of longer ones, and the first goal is that of ``draw_goal_tasks``. Raises
    ValueError for an unknown split or no goal.
    """
    if goals < 1:
        raise ValueError(f"a row has at least 1 goal, not {goals}")
    rows = []
    for index in range(first, first + count):
        seed = film_seed(split, index)
        room = starless_room(seed)
        up, down = np.random.default_rng([seed, 4]), np.random.default_rng([seed, 5])
        rows.append(GoalRow(room, tuple(_on_floor(room, down) if number % 2 else on_platform(room, up)
                                        for number in range(goals))))  # fmt: skip
    return rows


def _on_floor(room: Scene, generator: np.random.Generator) -> Scene:
    x = float(generator.uniform(WALL, spec.BOX - WALL))
    return replace(room, agent=(x, spec.FLOOR + spec.AGENT_HALF_HEIGHT))


def row_pictures(rows: Sequence[GoalRow], size: int = 32) -> np.ndarray:
    """What each goal looks like, uint8 (N, goals, size, size, 3)."""
    goals = len(rows[0].goals)
    pictures = goal_pictures([row.stage(number) for row in rows for number in range(goals)], size)
    return pictures.reshape(len(rows), goals, *pictures.shape[1:])


