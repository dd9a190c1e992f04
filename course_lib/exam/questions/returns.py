"""Question: what does it reach? Stars in 100 episodes of the Playground that nobody has played.

The scale is that of ``worlds/oracle.py``: 0 is a random player, 1 the scripted oracle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.intervals import mean_and_interval
from course_lib.exam.measures.returns import normalised_returns
from course_lib.exam.rows import Row
from course_lib.exam.sitting import Sitting
from course_lib.worlds.oracle import Policy, RandomPolicy, oracle_policy


def ask(entrant: Entrant, sitting: Sitting) -> Iterator[Row]:
    """Row normalised_return. The two players of the scale play the same episodes as controls."""
    policy = entrant.part("policy")
    where = sitting.admit_episodes(entrant, "goal")

    def played(make: Callable[[], Policy]) -> np.ndarray:
        return normalised_returns(make, episodes=sitting.episodes, split=sitting.split, size=sitting.size)

    scale = {"random": lambda: RandomPolicy(sitting.rng(5)), "oracle": lambda: oracle_policy}
    controls = {name: float(sitting.once(("returns", name), lambda make=make: played(make)).mean())
                for name, make in scale.items()}  # fmt: skip
    yield entrant.row(sitting, where, "normalised_return", unit="", controls=controls, note="n counts episodes",
                      **mean_and_interval(played(policy), seed=sitting.seed))  # fmt: skip
