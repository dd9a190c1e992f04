"""Films of a player who plays well: the scripted oracle at the task "goal", with the keys beside them."""

from __future__ import annotations

from course_lib.worlds import spec
from course_lib.worlds.env import PlaygroundEnv
from course_lib.worlds.oracle import oracle_action
from course_lib.worlds.recording import Recording, record

FIRST = 100_000  # the first training seed of the expert's episodes: no other training film has it


def film_expert(episodes: int, *, split: str = "train", first: int = FIRST, size: int = 32) -> Recording:
    """Films of the scripted oracle at the task "goal", whole episodes of 129 frames, with the keys beside them.

    The keys are for the clone that learns from them, for the few labels, and for nothing else.
    """
    env = PlaygroundEnv(split=split, size=size)
    return record(env, episodes, lambda frame, generator: oracle_action(env.simulation), seed=first, size=None,
                  max_frames=episodes * (spec.EPISODE_STEPS + 1))  # fmt: skip
