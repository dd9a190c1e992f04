"""The scale of returns: 0 is a random player, 1 the scripted oracle of ``worlds/oracle.py``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from course_lib.worlds.oracle import Policy, normalised_return, play

EPISODES = 100


def normalised_returns(
    make_policy: Callable[[], Policy], *, episodes: int = EPISODES, split: str = "test", size: int = 32
) -> np.ndarray:
    """Normalised return of each episode, (episodes,): 0 is the mean of a random player, 1 that of the oracle."""
    return np.asarray(normalised_return(play(make_policy(), episodes=episodes, split=split, size=size)))
