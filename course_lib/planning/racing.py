"""Many races of CarRacing-v3 at once, seen by V and remembered by M: the ``World`` that a car's controller lives in.

Ha & Schmidhuber 2018, section 3: the CarRacing controller is trained in the real environment, not in a dream.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from course_lib.models.vmc import VMC, Dream
from course_lib.planning.lives import live
from course_lib.worlds.frames import to_model
from course_lib.worlds.race import DECISIONS, HELD, Race

FIRST_TRACK = {"train": 200_000, "test": 300_000}  # apart from each other, from data/carracing and from race films
FUEL = 0.1  # what the environment takes for each of its steps


class RaceWorld:
    """CarRacing-v3. split: whose tracks the seeds mean.

    decisions: the length of a life. patience: a life is over when so many decisions have brought nothing, and is
    charged with what standing still would have cost to the end; None lives to the end. slow: the environment's own
    picture, for a score that counts.
    """

    def __init__(
        self, model: VMC, *, split: str = "train", decisions: int = DECISIONS, patience: int | None = None,
        slow: bool = False,
    ) -> None:  # fmt: skip
        self.model, self.first, self.slow = model, FIRST_TRACK[split], slow
        self.decisions, self.patience = decisions, patience
        self.races: list[Race] = []

    @torch.no_grad()
    def begin(self, seeds: np.ndarray) -> Dream:
        """Begin a race on the track of each seed and look at it."""
        tracks = [self.first + int(seed) for seed in seeds]
        for race, track in zip(self.races, tracks, strict=False):
            race.seed = track
            race.reset()
        self.races += [Race(track, slow=self.slow) for track in tracks[len(self.races) :]]
        self.state = self.model.encode(self.look(range(len(seeds)))[:, None])
        self.taken = 0
        self.alive = np.ones(len(seeds), bool)
        self.total = np.zeros(len(seeds))
        self.most, self.since = np.zeros(len(seeds)), np.zeros(len(seeds), int)
        return self.state

    @torch.no_grad()
    def step(self, actions: Tensor) -> tuple[Dream, Tensor]:
        """One decision in each race that still goes on, held for four steps; a race that is over rewards nothing."""
        rewards, going = torch.zeros(len(actions)), np.flatnonzero(self.alive)
        self.taken += 1
        for index in going:
            rewards[index] = self._drive(index, actions[index].numpy())
        on = [index for index in going if self.alive[index]]
        if on:
            rows = torch.tensor(on)
            seen = self.model.remember(self.state[rows], actions[rows], self.look(on))
            whole = self.state.tensors()
            for name, part in seen.tensors().items():
                whole[name] = whole[name].index_copy(0, rows, part)
            self.state = Dream(**whole)
        return self.state, rewards

    def _drive(self, index: int, action: np.ndarray) -> float:
        race = self.races[index]
        reward = race.step(action)
        self.total[index] += reward
        improved = self.total[index] > self.most[index]
        self.most[index] = max(self.most[index], self.total[index])
        self.since[index] = 0 if improved else self.since[index] + 1
        self.alive[index] = not race.over
        if self.alive[index] and self.patience is not None and self.since[index] >= self.patience:
            self.alive[index] = False
            reward -= FUEL * HELD * (self.decisions - self.taken)
        return reward

    def look(self, which: list[int] | range) -> Tensor:
        """The frames of these races as they stand, (B, 3, H, W)."""
        return to_model(np.stack([self.races[index].frame() for index in which]))


def race_returns(
    model: VMC, weights: Tensor, *, episodes: int = 100, split: str = "test", first: int = 0, slow: bool = True,
    together: int = 10,
) -> np.ndarray:  # fmt: skip
    """The return of a controller in each of so many races, (episodes,), drawn by the environment itself where slow.

    together: races that run side by side.
    """
    world, found = RaceWorld(model, split=split, slow=slow), []
    for start in range(0, episodes, together):
        seeds = first + np.arange(start, min(start + together, episodes))
        found.append(live(world, weights.expand(len(seeds), -1, -1), seeds, steps=DECISIONS).numpy())
    return np.concatenate(found)
