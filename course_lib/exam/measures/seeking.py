"""A player that wants the star, in any world that can be drawn: how often does it get there?

The player sees frames only. The course's reader tells it where the agent and the star are; it runs towards the star,
and jumps where the star is above. In the Playground every touch is a reward, and the star is at once somewhere else. In
a dream nobody counts rewards, so a touch is what a viewer would call one: the agent is at the star, and the next star
that is seen is somewhere else.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from course_lib.exam.measures.long_play import JUMP, LEFT, NONE, RIGHT, surest
from course_lib.models.reader import Reader
from course_lib.worlds import spec

BESIDE = 1.0  # units: nearer than this the player does not run
ABOVE = 2.0  # units: a star that is higher than this above the agent is jumped for
UNDER = 8.0  # units to the side within which it jumps for a higher star, on its way
REACH = spec.STAR_REACH + 2.0  # the agent runs 1.8 units a frame, and is touching when it is seen nearer than this
ELSEWHERE = 4.0  # units: a star that is seen farther from its last place has been put somewhere else


def things_seen(reader: Reader, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the surest agent and the surest star are, in units; NaN where there is none.

    uint8 (..., H, W, 3) -> two float (..., 2).
    """
    things = reader.read(frames)
    return surest(things, "agent"), surest(things, "star")


def seeking_keys(agent: np.ndarray, star: np.ndarray) -> np.ndarray:
    """What the player presses, uint8 (N,). agent, star: places in units, float (N, 2), NaN where none is seen.

    Without an agent or a star it waits.
    """
    with np.errstate(invalid="ignore"):
        aside, above = (star - agent).T  # (N,) each
        keys = np.where(np.abs(aside) < BESIDE, NONE, np.where(aside > 0, RIGHT, LEFT))
        stands = agent[:, 1] < spec.FLOOR + spec.AGENT_HALF_HEIGHT + BESIDE
        keys = np.where((above > ABOVE) & (np.abs(aside) < UNDER) & stands, JUMP, keys)
    return np.where(np.isnan(aside), NONE, keys).astype(np.uint8)


def seek(
    step: Callable[[np.ndarray], np.ndarray], first: np.ndarray, reader: Reader, frames: int
) -> tuple[np.ndarray, np.ndarray]:
    """Let the player play some rooms at once: where agent and star were seen, float (N, frames, 2) each.

    step: keys, uint8 (N,) -> the next frame of each room, uint8 (N, H, W, 3). first: the frame that each begins with.
    """
    shown, agents, stars = first, [], []
    for _ in range(frames):
        shown = step(seeking_keys(*things_seen(reader, shown)))
        agent, star = things_seen(reader, shown)
        agents.append(agent)
        stars.append(star)
    return np.stack(agents, axis=1), np.stack(stars, axis=1)


def touches(agent: np.ndarray, star: np.ndarray) -> np.ndarray:
    """How often the agent got to a star and the next star was seen elsewhere, int64 (N,).

    agent, star: float (N, T, 2) in units, NaN where none is seen. An agent that was near when the star was last seen
    counts, also where one of the two was lost in between; a star that moves while nobody is near it does not.
    """
    count = np.zeros(len(agent), np.int64)
    for room in range(len(agent)):
        mine, goal, near = np.full(2, np.nan), np.full(2, np.nan), False  # where both were last seen
        for here, there in zip(agent[room], star[room], strict=True):
            seen = not np.isnan(there[0])
            if seen and np.linalg.norm(there - goal) > ELSEWHERE:  # never so while goal is NaN
                count[room] += near
                near = False
            mine = mine if np.isnan(here[0]) else here
            goal = there if seen else goal
            near = bool(np.linalg.norm(mine - goal) < REACH) or (near and not seen)
    return count
