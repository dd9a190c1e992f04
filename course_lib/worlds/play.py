"""An environment as something to play with the keyboard: ``EnvPlayer`` is given to ``show.canvas``.

    show.canvas(EnvPlayer(PlaygroundEnv()), fps=15)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

# Steering, gas, brake for the keys left, right, up, down; 0 is no key. A key is all or nothing, so none of them stands
# for the most that the car can do.
CARRACING_TABLE: dict[int, tuple[float, float, float]] = {
    0: (0.0, 0.0, 0.0),
    1: (-0.5, 0.0, 0.0),
    2: (0.5, 0.0, 0.0),
    3: (0.0, 0.6, 0.0),
    4: (0.0, 0.0, 0.5),
}
CARRACING_KEYS = {"ArrowLeft": 1, "ArrowRight": 2, "ArrowUp": 3, "ArrowDown": 4}


class EnvPlayer:
    """Any gymnasium environment with pictures, one step at a time; when an episode ends, the next one begins by itself.

    env: observations uint8 ``(H, W, 3)``, or a render mode "rgb_array". Its actions are discrete, or ``table`` gives
    for each number of an action the environment's own action, ``{0: (0.0, 0.0, 0.0), ...}``.
    seed: of the first episode; the next one has seed + 1, and so on. ``reset`` begins with the first one again.

    ``score`` is the sum of the rewards of this episode, ``last`` that of the one before (None in the first),
    ``episode`` counts from 0; ``caption`` says it.
    Raises ValueError for an environment without pictures, or with actions that need a table.
    """

    def __init__(
        self, env: gymnasium.Env[Any, Any], *, seed: int = 0, table: Mapping[int, Sequence[float]] | None = None
    ) -> None:
        discrete = isinstance(env.action_space, gymnasium.spaces.Discrete)
        if table is None and not discrete:
            raise ValueError(
                f"actions of {env.action_space} are no numbers of keys: give table={{0: [...], 1: [...]}}, the "
                "environment's action for each of them"
            )
        if not _is_picture(env.observation_space) and env.render_mode != "rgb_array":
            raise ValueError(
                f"there is nothing to see in observations of {env.observation_space}: make the environment with "
                'render_mode="rgb_array"'
            )
        self.env, self.seed = env, seed
        self.table = None if table is None else {key: self._own_action(action) for key, action in table.items()}
        self.episode, self.score, self._over = 0, 0.0, False
        self.last: float | None = None

    @property
    def caption(self) -> str:
        """What stands below the picture."""
        score, before = (None if value is None else f"{round(value, 1):g}" for value in (self.score, self.last))
        return f"episode {self.episode + 1}, score {score}" + ("" if before is None else f" (before: {before})")

    def reset(self) -> NDArray[np.uint8]:
        """Begin the first episode again; its first picture."""
        return self._episode(0)

    def step(self, action: int) -> NDArray[np.uint8]:
        """One step; its picture. After the last picture of an episode, the first one of the next, whatever the key.

        Raises ValueError for an action that the environment, or the table, does not have.
        """
        if self._over:
            return self._episode(self.episode + 1)
        observation, reward, terminated, truncated, _ = self.env.step(self._translated(action))
        self.score += float(reward)
        self._over = terminated or truncated
        return self._picture(observation)

    def _episode(self, number: int) -> NDArray[np.uint8]:
        observation, _ = self.env.reset(seed=self.seed + number)
        self.last = self.score if number else None
        self.episode, self.score, self._over = number, 0.0, False
        return self._picture(observation)

    def _translated(self, action: int) -> Any:
        if self.table is not None:
            if action not in self.table:
                raise ValueError(f"the table has the actions {sorted(self.table)}, there is no action {action!r}")
            return self.table[action]
        if not self.env.action_space.contains(action):
            raise ValueError(f"action {action!r} is none of {self.env.action_space}")
        return action

    def _own_action(self, action: Any) -> Any:
        space = self.env.action_space
        own = np.asarray(action, space.dtype) if isinstance(space, gymnasium.spaces.Box) else action
        if not space.contains(own):
            raise ValueError(f"the table's action {action!r} is none of {space}")
        return own

    def _picture(self, observation: Any) -> NDArray[np.uint8]:
        return observation if _is_picture(self.env.observation_space) else self.env.render()


def _is_picture(space: gymnasium.Space[Any]) -> bool:
    return space.dtype == np.uint8 and space.shape is not None and len(space.shape) == 3 and space.shape[-1] == 3
