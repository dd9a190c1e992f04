"""Episodes of the task "goal" that a cloned policy plays, many at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from course_lib.models.cloning import Player
from course_lib.worlds import spec
from course_lib.worlds.draw import draw_together
from course_lib.worlds.films import begin
from course_lib.worlds.frames import to_model
from course_lib.worlds.scenes import film_seed
from course_lib.worlds.simulate import Simulation


@dataclass(frozen=True)
class Game:
    """Episodes that were played. rewards: (B, steps); frames: uint8 (kept, steps + 1, H, W, 3); keys: (B, steps)."""

    rewards: np.ndarray
    frames: np.ndarray
    keys: np.ndarray

    @property
    def returns(self) -> np.ndarray:
        """The stars of each episode, (B,)."""
        return self.rewards.sum(axis=1)


def play_together(
    player: Player, *, episodes: int = 100, split: str = "test", first: int = 0, seed: int = 0,
    steps: int = spec.EPISODE_STEPS, keep: int = 0,
) -> Game:  # fmt: skip
    """Play many episodes of the task at once. seed: of the keys that are drawn. keep: so many are filmed."""
    config, generator = player.policy.config, torch.Generator().manual_seed(seed)
    games = [begin("goal", film_seed(split, first + k)) for k in range(episodes)]
    past: list[np.ndarray] = []  # the last frames of all games
    film, rewards, keys = [], [], []
    for _ in range(steps):
        frame = _look(games, config.frame_size)  # (B, H, W, 3)
        past = [*past, frame][-config.context :]
        film.append(frame[:keep])
        seen = _whole(to_model(np.stack(past, axis=1)), config.context)  # (B, context, 3, H, W)
        pressed = torch.multinomial(player.keys(seen), 1, generator=generator)[:, 0]  # (B,)
        rewards.append([game.step(key) for game, key in zip(games, pressed.tolist(), strict=True)])
        keys.append(pressed.numpy())
    film.append(_look(games, config.frame_size)[:keep])
    return Game(np.array(rewards).T, np.stack(film, axis=1), np.stack(keys, axis=1))


def _look(games: list[Simulation], size: int) -> np.ndarray:
    return draw_together([game.scene for game in games], np.stack([game.state() for game in games]), size)


def _whole(frames: Tensor, context: int) -> Tensor:
    """At an episode's beginning the first frame stands for those that were not: (B, S, ...) -> (B, context, ...)."""
    early = frames[:, :1].expand(-1, context - frames.shape[1], -1, -1, -1)
    return torch.cat([early, frames], dim=1)
