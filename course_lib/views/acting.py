"""Lives of a controller to look at and to play with: in the dream, in the real Playground, or both beside each other.

Every function takes a model and a controller's weights (A, Z + H + 1) and gives pictures (uint8) and numbers, so that
the same call serves a figure, a widget's callback and a test.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from course_lib.models.dream_env import ControllerPolicy
from course_lib.models.vmc import VMC, Dream
from course_lib.planning.lives import DreamWorld, RealWorld
from course_lib.planning.racing import RaceWorld
from course_lib.show.pictures import strips
from course_lib.worlds import spec
from course_lib.worlds.draw import draw_film
from course_lib.worlds.films import begin
from course_lib.worlds.frames import to_model, to_uint8
from course_lib.worlds.race import DECISIONS
from course_lib.worlds.scenes import film_seed


@dataclass(frozen=True)
class Life:
    """One life of T frames. frames: uint8 (T, H, W, 3), what there was to see; drawn: the same, what V draws of z;
    actions: integers (T - 1,); rewards: (T - 1,), what came; expected: (T - 1,), what M expected."""

    frames: np.ndarray
    drawn: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    expected: np.ndarray

    @property
    def stars(self) -> float:
        """The return: all rewards together."""
        return float(self.rewards.sum())


def first_frame(episode: int, *, split: str = "test", size: int = 32) -> np.ndarray:
    """What an episode of the Playground begins with, uint8 (size, size, 3)."""
    game = begin("goal", film_seed(split, episode))
    return draw_film(game.scene, game.state()[None], size)[0]


def dream_life(
    model: VMC, weights: Tensor, frame: np.ndarray, *, temperature: float = 1.0, steps: int = 64, seed: int = 0
) -> Life:
    """A life in the dream that begins from a real frame, uint8 (H, W, 3). seed: of what happens then."""
    return _live(DreamWorld(model, to_model(frame)[None], temperature=temperature), weights, seed, steps)


def real_life(model: VMC, weights: Tensor, episode: int, *, split: str = "test", steps: int = 64) -> Life:
    """The same controller in an episode of the real Playground."""
    return _live(RealWorld(model, split=split), weights, episode, steps)


@torch.no_grad()
def _live(world: DreamWorld | RealWorld, weights: Tensor, seed: int, steps: int) -> Life:
    model = world.model
    state = world.begin(np.array([seed]))
    seen, drawn, actions, rewards, expected = [_frame(world)], [model.decode(state)], [], [], []
    for _ in range(steps):
        action = model.press(state, weights)
        state, reward = world.step(action)
        seen.append(_frame(world))
        drawn.append(model.decode(state))
        actions.append(int(action[0]))
        rewards.append(float(reward[0]))
        expected.append(float(state.reward[0]))
    pictures = to_uint8(torch.cat(drawn))
    frames = pictures if seen[0] is None else np.concatenate(seen)
    return Life(frames, pictures, np.array(actions), np.array(rewards), np.array(expected))


def _frame(world: DreamWorld | RealWorld) -> np.ndarray | None:
    """What a real world shows now, uint8 (1, H, W, 3); a dream shows nothing but what V draws."""
    return to_uint8(world.look()) if isinstance(world, RealWorld) else None


def both_lives(
    model: VMC, controller: str, episode: int = 0, *, untrained: VMC | None = None, temperature: float = 1.0,
    steps: int = 88,
) -> Figure:  # fmt: skip
    """One controller in the real episode and in the dream that begins with the same frame, as two strips.

    controller: the world that it lived in. untrained: the model that "reservoir" is played with, whose M has learned
    nothing. Raises ValueError for a controller that is not there.
    """
    weights = model.c.of(controller)
    who = untrained if controller == "reservoir" and untrained is not None else model
    real = real_life(who, weights, episode, steps=steps)
    dream = dream_life(who, weights, first_frame(episode), temperature=temperature, steps=steps, seed=episode)
    title = f"“{controller}” in {steps} steps: {real.stars:.0f} real stars, {dream.stars:.1f} dreamed ones"
    return strips({"real": real.frames, "dream": dream.frames}, every=max(1, steps // 11), title=title)


class ControllerPlayer:
    """A controller that plays by itself on ``show.canvas``: whatever key is pressed, it presses its own.

    env: a ``DreamEnv`` or a ``PlaygroundEnv``. In the dream it reads the dream's own state; in the real world it has
    V's eyes and M's memory. seed: of the first episode; the next one has seed + 1.
    """

    def __init__(
        self, model: VMC, weights: Tensor, env: gymnasium.Env[np.ndarray, int], *, seed: int = 0
    ) -> None:
        self.model, self.weights, self.env, self.seed = model, weights, env, seed
        self.policy = ControllerPolicy(model, weights)
        self.episode, self.score, self.over, self.pressed = 0, 0.0, False, 0

    @property
    def caption(self) -> str:
        """What stands below the picture."""
        return f"episode {self.episode + 1}, score {self.score:.1f}, presses {spec.ACTIONS[self.pressed]}"

    def reset(self) -> np.ndarray:
        """Begin the first episode again."""
        return self._episode(0)

    def step(self, action: int = 0) -> np.ndarray:
        """One step under the controller's own key. After the end of an episode the next one begins."""
        if self.over:
            return self._episode(self.episode + 1)
        self.frame, reward, ended, cut, self.info = self.env.step(self.pressed)
        self.score, self.over = self.score + float(reward), ended or cut
        self.pressed = self._decide()
        return self.frame

    def _episode(self, number: int) -> np.ndarray:
        self.frame, self.info = self.env.reset(seed=self.seed + number)
        self.episode, self.score, self.over = number, 0.0, False
        self.pressed = self._decide()
        return self.frame

    @torch.no_grad()
    def _decide(self) -> int:
        state: Any = self.info["state"]
        if isinstance(state, Dream):
            return int(self.model.press(state, self.weights)[0])
        return self.policy(self.frame, self.info)


@torch.no_grad()
def race_film(
    model: VMC, weights: Tensor, race: int = 0, *, split: str = "test", every: int = 1, slow: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """A controller drives one race of CarRacing. Returns what it saw at every so many decisions, uint8 (T, 64, 64, 3),
    and the return so far at each decision, (D,). slow: the environment's own pictures."""
    world = RaceWorld(model, split=split, slow=slow)
    state, frames, returns = world.begin(np.array([race])), [], []
    while world.alive[0] and len(returns) < DECISIONS:
        if len(returns) % every == 0:
            frames.append(world.races[0].frame())
        state, reward = world.step(model.press(state, weights))
        returns.append(float(reward[0]))
    return np.stack(frames), np.cumsum(returns)
