"""The same room twice, with its platform and without: what causes what?

The agent stands on the platform and nobody presses a key. In the other room of the pair the platform is missing from
the first frame on, and nothing else is different. In the simulator the agent falls there. As a control the agent stands
on the floor, clear of the platform: then taking it away changes the picture and nothing that happens.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from course_lib.worlds import spec
from course_lib.worlds.draw import draw_film
from course_lib.worlds.scenes import Scene, film_seed
from course_lib.worlds.starless import on_platform, play_keys_in, starless_room

CLEAR = 1.0  # units to the side between the agent and the platform, where the agent stands on the floor
WALL = spec.AGENT_HALF_WIDTH + 0.5  # units from a wall to the agent's centre


@dataclass(frozen=True)
class Pairs:
    """Films of pairs of rooms, with the platform and without. frames: uint8 (N, 2, T, H, W, 3); agent: its centre in
    units, float (N, 2, T, 2)."""

    frames: np.ndarray
    agent: np.ndarray

    def effect(self) -> np.ndarray:
        """How far the agent is moved by what was taken away, units, (N, T, 2)."""
        return self.agent[:, 1] - self.agent[:, 0]


def beside_platform(room: Scene, generator: np.random.Generator) -> Scene:
    """The same room with the agent on the floor, where it does not stand under its platform.

    Raises ValueError where there is no such place.
    """
    platform, reach = room.platforms[0], spec.AGENT_HALF_WIDTH + CLEAR
    free = [(low, high) for low, high in ((WALL, platform.left - reach), (platform.right + reach, spec.BOX - WALL))
            if high > low]  # fmt: skip
    if not free:
        raise ValueError("the platform reaches from wall to wall")
    lengths = np.array([high - low for low, high in free])
    low, high = free[int(generator.choice(len(free), p=lengths / lengths.sum()))]
    return replace(room, agent=(float(generator.uniform(low, high)), spec.FLOOR + spec.AGENT_HALF_HEIGHT))


def make_pairs(*, split: str, count: int, standing: bool, length: int = 12, size: int = 32) -> Pairs:
    """Pairs in the first rooms of a split. standing: whether the agent stands on the platform, or clear of it.

    Raises ValueError for an unknown split, or a room without a place.
    """
    frames = np.empty((count, 2, length, size, size, 3), np.uint8)
    agent = np.empty((count, 2, length, 2))
    keys = np.zeros(length - 1, np.uint8)
    for index in range(count):
        seed = film_seed(split, index)
        generator = np.random.default_rng([seed, 5])
        room = (on_platform if standing else beside_platform)(starless_room(seed), generator)
        for one, scene in enumerate((room, replace(room, platforms=()))):
            states = play_keys_in(scene, keys)
            frames[index, one] = draw_film(scene, states, size)
            agent[index, one] = states[:, spec.AGENT_SLOT][:, [spec.FIELD["x"], spec.FIELD["y"]]]
    return Pairs(frames, agent)
