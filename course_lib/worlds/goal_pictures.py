"""The task of goal pictures: the agent stands on the floor, and a picture shows it on the platform.

The picture is all that is said of the goal. It is reached as a star is: when the agent's centre is nearer than
``spec.STAR_REACH`` to where it stands in the picture, be it for one frame. The other way, from the platform to
anywhere below, is no task to measure a planner by: who presses keys at random reaches it in almost half of the rooms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from course_lib.worlds import spec
from course_lib.worlds.draw import draw_together
from course_lib.worlds.scenes import Scene, film_seed
from course_lib.worlds.simulate import Simulation
from course_lib.worlds.starless import enter_room, on_platform, starless_room


@dataclass(frozen=True)
class GoalTask:
    """room: where it begins; goal: the same room as it shall be."""

    room: Scene
    goal: Scene

    @property
    def place(self) -> tuple[float, float]:
        """Where the agent's centre shall be, units."""
        return self.goal.agent  # type: ignore[return-value]

    def begin(self) -> Simulation:
        """The room at its first frame."""
        return enter_room(self.room)


def draw_goal_tasks(count: int, *, split: str = "test", first: int = 0) -> list[GoalTask]:
    """Tasks of a split, in the rooms of its films ``first`` and on. Raises ValueError for an unknown split."""
    seeds = [film_seed(split, index) for index in range(first, first + count)]
    rooms = [starless_room(seed) for seed in seeds]
    return [GoalTask(room, on_platform(room, np.random.default_rng([seed, 4])))
            for seed, room in zip(seeds, rooms, strict=True)]  # fmt: skip


def goal_pictures(tasks: Sequence[GoalTask], size: int = 32) -> np.ndarray:
    """What the rooms shall look like, uint8 (N, size, size, 3)."""
    states = [enter_room(task.goal).state() for task in tasks]
    return draw_together([task.goal for task in tasks], np.stack(states), size)


def distance_to_goal(task: GoalTask, simulation: Simulation) -> float:
    """From the agent's centre to where it shall be, units."""
    x, y = simulation.slots[spec.AGENT_SLOT].position
    return float(np.hypot(x - task.place[0], y - task.place[1]))
