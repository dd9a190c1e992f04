"""The Playground as a gymnasium environment: reach the star, again and again.

The agent sees a frame and presses a key. Each star it reaches pays 1 and reappears elsewhere. Episodes are cut off
after ``spec.EPISODE_STEPS`` steps; nothing terminates them earlier. Returns are reported on a scale where a random
player has 0 and the scripted oracle 1: see ``normalised_return``.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from course_lib.worlds import spec
from course_lib.worlds.draw import draw_film
from course_lib.worlds.scenes import check_trainable, film_seed, film_set, sample_scene
from course_lib.worlds.simulate import Simulation


class PlaygroundEnv(gymnasium.Env[np.ndarray, int]):
    """Observation uint8 (size, size, 3); action 0 no-op, 1 left, 2 right, 3 jump; reward 1 for each star.

    split: whose episodes ``reset(seed=...)`` draws. Seed 7 of "train" and seed 7 of "test" are different episodes, so a
    training run cannot meet a held-out one by accident.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": round(1 / spec.FRAME_SECONDS)}

    def __init__(
        self, *, split: str = "train", films: str = "goal", size: int = 32, render_mode: str | None = None
    ) -> None:
        """Raises ValueError for an unknown set or split, a set without an agent, a reserved set in training."""
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"render_mode is 'rgb_array' or None, not {render_mode!r}")
        self.film_set, self.split, self.size, self.render_mode = film_set(films), split, size, render_mode
        if not self.film_set.agent:
            raise ValueError(f"the film set {films!r} has no agent to act: play in 'goal', 'agent', 'simple' or 'rich'")
        film_seed(split, 0)  # an unknown split is named here, not in the first reset
        if split == "train":
            check_trainable(films, split)
        self.observation_space = gymnasium.spaces.Box(0, 255, (size, size, 3), np.uint8)
        self.action_space = gymnasium.spaces.Discrete(len(spec.ACTIONS))
        self.simulation: Simulation | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin an episode. The same seed gives the same episode for the same actions.

        Raises ValueError for a seed outside 0 to ``spec.SEEDS_PER_SPLIT`` - 1.
        """
        if seed is not None and not 0 <= seed < spec.SEEDS_PER_SPLIT:
            raise ValueError(f"the seed of an episode lies between 0 and {spec.SEEDS_PER_SPLIT - 1}, not at {seed}")
        super().reset(seed=seed)
        index = seed if seed is not None else int(self.np_random.integers(spec.SEEDS_PER_SPLIT))
        episode = film_seed(self.split, index)
        scene_rng, star_rng = (np.random.default_rng([episode, stream]) for stream in range(2))
        self.simulation = Simulation(sample_scene(self.film_set, scene_rng), star_rng)
        return self._observe()

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """One frame. Raises RuntimeError before the first ``reset``."""
        reward = self._running().step(int(action))
        frame, info = self._observe()
        return frame, reward, False, info["frame"] >= spec.EPISODE_STEPS, info

    def render(self) -> np.ndarray | None:
        """The frame as uint8 (size, size, 3), or None where no render mode was asked for."""
        return self._observe()[0] if self.render_mode == "rgb_array" else None

    def _running(self) -> Simulation:
        if self.simulation is None:
            raise RuntimeError("the episode has not begun: call reset() first")
        return self.simulation

    def _observe(self) -> tuple[np.ndarray, dict[str, Any]]:
        simulation = self._running()
        state = simulation.state()
        return draw_film(simulation.scene, state[None], self.size)[0], {"state": state, "frame": simulation.frame}


gymnasium.register(
    "Playground-v0", entry_point="course_lib.worlds.env:PlaygroundEnv", max_episode_steps=spec.EPISODE_STEPS
)
