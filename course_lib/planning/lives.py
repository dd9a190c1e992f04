"""Many lives of a controller at once, in the dream or in the real Playground, by the same code.

A *world* here is a batch of B games that share their steps:

    state = world.begin(...)                 what C reads: z and h, as a ``Dream``
    state, rewards = world.step(actions)     one step of each game

``DreamWorld`` is M alone; ``RealWorld`` is the simulator, looked at by V and remembered by M. C cannot tell which of
the two it lives in, and nothing in ``live`` can either: that is the experiment.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from course_lib.models.vmc import VMC, Dream
from course_lib.worlds import spec
from course_lib.worlds.draw import draw_together
from course_lib.worlds.films import begin
from course_lib.worlds.frames import to_model
from course_lib.worlds.scenes import film_seed

EPISODE = spec.EPISODE_STEPS


class World(Protocol):
    """A batch of games, seen and remembered by a model."""

    model: VMC

    def begin(self, seeds: np.ndarray) -> Dream:
        """Begin len(seeds) games; the same seeds begin the same games."""
        ...

    def step(self, actions: Tensor) -> tuple[Dream, Tensor]:
        """One step of each. Returns the new state and the rewards (B,)."""
        ...


class DreamWorld:
    """M alone: nothing real after the beginning.

    first: frames to begin from, float (N, 3, H, W) in [0, 1], or states (``beginnings``), whose memory is warm. Game s
    begins from number s % N; what happens then is drawn with a generator seeded by the seeds. temperature: of every
    draw. The reward of a step is M's expectation.

    until_reward: a life counts up to its first reward, and a reward of 1 has come when M finds that likelier than not.
    After it the star has to appear in one new place, and a mixture that chooses for each latent number by itself cannot
    choose one: the dream fills with ghosts of stars, and what is learned among them is worth nothing outside. Nor are
    many small doubts a star: a controller that may add them up learns to raise doubts.
    discount: the factor on a reward for each step that it comes later.
    """

    def __init__(
        self, model: VMC, first: Tensor | Dream, *, temperature: float = 1.0, until_reward: bool = False,
        discount: float = 1.0,
    ) -> None:  # fmt: skip
        self.model, self.first, self.temperature = model, first, temperature
        self.until_reward, self.discount = until_reward, discount

    @torch.no_grad()
    def begin(self, seeds: np.ndarray) -> Dream:
        """Begin each game from its frame or state."""
        self.generator = torch.Generator().manual_seed(int(seeds[0]) + 1_000_003 * len(seeds))
        chosen = self.first[torch.from_numpy(seeds % len(self.first))]
        self.state = chosen if isinstance(chosen, Dream) else self.model.encode(chosen[:, None])
        self.worth = torch.ones(len(seeds))  # of a reward that comes now
        return self.state

    @torch.no_grad()
    def step(self, actions: Tensor) -> tuple[Dream, Tensor]:
        """Dream one step."""
        generator, warm = self.generator, self.temperature
        self.state = self.model.predict(self.state, actions, generator=generator, temperature=warm)
        come = (self.state.reward > 0.5).float() if self.until_reward else self.state.reward
        reward = self.worth * come
        self.worth = self.worth * self.discount * ((1.0 - come) if self.until_reward else 1.0)
        return self.state, reward


@torch.no_grad()
def beginnings(model: VMC, films: np.ndarray, actions: np.ndarray, seed: int = 0) -> Dream:
    """States in the middle of films, as V and M know them there, in random order: where a dream can begin.

    films: uint8 (N, T, H, W, 3); actions: (N, T - 1). Returns N * (T - 1) states. A dream that always began at a film's
    first frame would know no memory but an empty one, and a real life has an empty one only once.
    """
    whole = np.issubdtype(actions.dtype, np.integer)
    pressed = model.as_vector(torch.from_numpy(actions.astype(np.int64 if whole else np.float32)))
    z = torch.stack([model.v.encode(to_model(film))[0] for film in films])  # (N, T, Z)
    memory, none, states = model.m.begin(len(z)), z.new_zeros(len(z)), []
    for t in range(z.shape[1] - 1):
        states.append(Dream(z[:, t], *memory, none, none))
        _, memory = model.m.step(z[:, t], pressed[:, t], memory)
    order = torch.randperm(len(states) * len(z), generator=torch.Generator().manual_seed(seed))
    return Dream(*(torch.cat(list(part))[order] for part in zip(*(s.tensors().values() for s in states), strict=True)))


class RealWorld:
    """The Playground itself, seen by V and remembered by M. split: whose episodes the seeds mean."""

    def __init__(self, model: VMC, *, split: str = "train", films: str = "goal") -> None:
        self.model, self.split, self.films = model, split, films

    @torch.no_grad()
    def begin(self, seeds: np.ndarray) -> Dream:
        """Begin an episode for each seed and look at it."""
        self.games = [begin(self.films, film_seed(self.split, int(seed))) for seed in seeds]
        self.state = self.model.encode(self.look()[:, None])
        return self.state

    @torch.no_grad()
    def step(self, actions: Tensor) -> tuple[Dream, Tensor]:
        """Play one step, remember what was seen and done, look again."""
        rewards = torch.tensor([game.step(action) for game, action in zip(self.games, actions.tolist(), strict=True)])
        self.state = self.model.remember(self.state, actions, self.look())
        return self.state, rewards

    def look(self) -> Tensor:
        """The frames of all games as they stand, (B, 3, H, W)."""
        size = self.model.config.v.frame_size
        states = np.stack([game.state() for game in self.games])
        return to_model(draw_together([game.scene for game in self.games], states, size))


@torch.no_grad()
def live(world: World, weights: Tensor, seeds: np.ndarray, *, steps: int = EPISODE) -> Tensor:
    """The return of each game. weights: (B, A, Z + H + 1), a controller for each game, the bias last. -> (B,)."""
    state = world.begin(seeds)
    total = torch.zeros(len(seeds))
    for _ in range(steps):
        state, rewards = world.step(world.model.press(state, weights))
        total += rewards
    return total


def returns_of(
    world: World, candidates: np.ndarray, outputs: int, seeds: np.ndarray, *, steps: int = EPISODE
) -> np.ndarray:
    """The mean return of each candidate over the same games. candidates: (P, outputs * inputs) -> (P,).

    All candidates of a generation begin from the same frames, so that an easy beginning does not choose.
    """
    weights = torch.from_numpy(candidates).float().unflatten(1, (outputs, -1))  # (P, D) -> (P, A, inputs)
    count = len(seeds)
    played = live(world, weights.repeat_interleave(count, dim=0), np.tile(seeds, len(candidates)), steps=steps)
    return played.unflatten(0, (len(candidates), count)).mean(dim=1).numpy()
