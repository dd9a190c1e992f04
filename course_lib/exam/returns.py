"""Question: what does it reach? Stars in 100 episodes of the Playground that nobody has played.

The scale is that of ``worlds/oracle.py``: 0 is a random player, 1 the scripted oracle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from course_lib.contract import NotCapable
from course_lib.exam.entrants import Entrant
from course_lib.exam.room import ExamError, Room
from course_lib.exam.rows import Row, mean_and_interval
from course_lib.worlds.oracle import Policy, RandomPolicy, normalised_return, oracle_policy, play

EPISODES = 100


def normalised_returns(
    make_policy: Callable[[], Policy], *, episodes: int = EPISODES, split: str = "test", size: int = 32
) -> np.ndarray:
    """Normalised return of each episode, (episodes,): 0 is the mean of a random player, 1 that of the oracle."""
    return np.asarray(normalised_return(play(make_policy(), episodes=episodes, split=split, size=size)))


def returns(entrant: Entrant, room: Room) -> Iterator[Row]:
    """Row normalised_return. The two players of the scale play the same episodes as controls."""
    if entrant.policy is None:
        raise NotCapable("it comes without a policy")
    if entrant.trained_on is None or f"goal/{room.split}" in entrant.trained_on:
        raise ExamError(f"{entrant.name} may have played these episodes (goal/{room.split}): ask it on others")
    if "returns/random" not in room.kept:
        for name, make in (("random", lambda: RandomPolicy(room.rng(5))), ("oracle", lambda: oracle_policy)):
            room.kept[f"returns/{name}"] = normalised_returns(make, split=room.split, size=room.size)
    controls = {name: float(room.kept[f"returns/{name}"].mean()) for name in ("random", "oracle")}
    scores = normalised_returns(entrant.policy, split=room.split, size=room.size)
    yield entrant.row(room, f"goal/{room.split}", "normalised_return", unit="", controls=controls,
                      note="n counts episodes", **mean_and_interval(scores, seed=room.seed))  # fmt: skip
