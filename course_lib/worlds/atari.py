"""Atari games through ale-py, for readers who have it: a second source of real game films.

The course does not depend on ale-py (https://ale.farama.org), and nothing here is imported until it is asked for:

    pip install ale-py
    films = record_atari("Breakout", episodes=4)
    films.frames                     # uint8 (N, 64, 64, 3), as those of CoinRun and CarRacing
"""

from __future__ import annotations

from importlib import import_module

import gymnasium
import numpy as np

from course_lib.lookup import CourseError
from course_lib.worlds.recording import Recording, record


class AtariMissing(CourseError, RuntimeError):
    """ale-py is not installed; the message says how to get it."""


def record_atari(
    game: str = "Breakout", *, episodes: int = 4, frames_per_episode: int = 256, size: int = 64, seed: int = 0
) -> Recording:
    """Films of a player that holds each button for one to eight steps, with the buttons beside them.

    game: a name as ale-py spells it. Raises AtariMissing where ale-py is not installed.
    """
    try:
        gymnasium.register_envs(import_module("ale_py"))
    except ModuleNotFoundError:
        raise AtariMissing(
            "Atari needs ale-py, which the course does without: pip install ale-py, then try again"
        ) from None
    env = gymnasium.make(f"ALE/{game}-v5", frameskip=4, repeat_action_probability=0.0)
    return record(env, episodes, Holding(int(env.action_space.n)), seed=seed, size=size,
                  max_frames=episodes * frames_per_episode, frames_per_episode=frames_per_episode)  # fmt: skip


class Holding:
    """A player without a plan that holds each button for one to eight steps."""

    def __init__(self, buttons: int) -> None:
        self.buttons, self.left, self.button = buttons, 0, 0

    def reset(self, generator: np.random.Generator) -> None:
        """Forget the last episode."""
        self.left = 0

    def __call__(self, frame: np.ndarray, generator: np.random.Generator) -> int:
        """The button that is held."""
        if not self.left:
            self.button, self.left = int(generator.integers(self.buttons)), int(generator.integers(1, 9))
        self.left -= 1
        return self.button
