"""Many rooms played at once, each until its goal picture is reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from course_lib.worlds import spec
from course_lib.worlds.draw import draw_together
from course_lib.worlds.goal_pictures import GoalTask, distance_to_goal
from course_lib.worlds.simulate import Simulation


class RoomPlayer(Protocol):
    """Who presses keys in many rooms at once. One with a true attribute ``blind`` is given empty frames."""

    def __call__(
        self, frames: np.ndarray, keys: np.ndarray, rooms: Sequence[Simulation], which: np.ndarray
    ) -> np.ndarray:
        """The next keys, (M, at least 1), of the M rooms that are not done.

        frames: uint8 (M, T, H, W, 3), all so far; keys: uint8 (M, T - 1); rooms: their simulations, for those who may
        see more than frames; which: their numbers, (M,).
        """
        ...


@dataclass(frozen=True)
class Reaching:
    """steps: int (N,), frames until each goal was reached, limit + 1 for never. films: uint8 (T, H, W, 3) each, of the
    rooms that were filmed, until the goal or the limit."""

    steps: np.ndarray
    limit: int
    films: list[np.ndarray]

    @property
    def reached(self) -> np.ndarray:
        """Which goals were reached, bool (N,)."""
        return self.steps <= self.limit


def play_rooms(
    player: RoomPlayer, tasks: Sequence[GoalTask], *, limit: int = 40, size: int = 32, keep: int = 0
) -> Reaching:
    """Play every task until it is reached, or for ``limit`` frames. keep: so many are filmed."""
    rooms = [task.begin() for task in tasks]
    steps = np.full(len(tasks), limit + 1)
    frames, keys = _frames(player, tasks, rooms, size)[:, None], np.zeros((len(tasks), 0), np.uint8)
    waiting = np.zeros((len(tasks), 0), np.uint8)
    for step in range(1, limit + 1):
        which = np.flatnonzero(steps > limit)
        if not len(which):
            break
        if not waiting.shape[1]:
            asked = player(frames[which], keys[which], [rooms[i] for i in which], which)
            waiting = np.zeros((len(tasks), asked.shape[1]), np.uint8)
            waiting[which] = asked
        pressed, waiting = waiting[:, 0], waiting[:, 1:]
        for i in which:
            rooms[i].step(int(pressed[i]))
            if distance_to_goal(tasks[i], rooms[i]) < spec.STAR_REACH:
                steps[i] = step
        keys = np.concatenate([keys, pressed[:, None]], axis=1)
        frames = np.concatenate([frames, _frames(player, tasks, rooms, size)[:, None]], axis=1)
    films = [frames[i, : min(steps[i], limit) + 1] for i in range(min(keep, len(tasks)))]
    return Reaching(steps, limit, films)


def _frames(player: RoomPlayer, tasks: Sequence[GoalTask], rooms: Sequence[Simulation], size: int) -> np.ndarray:
    """What the rooms show now, (N, H, W, 3); nothing of it for who does not see."""
    if getattr(player, "blind", False):
        return np.zeros((len(rooms), size, size, 3), np.uint8)
    return draw_together([task.room for task in tasks], np.stack([room.state() for room in rooms]), size)
