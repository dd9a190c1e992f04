"""Training C: evolution of a linear controller that lives in a dream, or in the real world.

Ha & Schmidhuber 2018, sections 2.3 and 4.3: every candidate of a generation lives the same few lives, its fitness is
the mean of its returns, and CMA-ES moves on.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from course_lib.models.base import Strict
from course_lib.models.vmc import VMC
from course_lib.planning.evolve import Evolution, evolve
from course_lib.planning.lives import EPISODE, DreamWorld, RealWorld, World, live, returns_of


class ControllerTraining(Strict):
    """How long and how widely C is looked for. The paper: 64 candidates, 16 lives each, 1,800 generations."""

    population: int = 32
    lives: int = 4
    generations: int = 80
    sigma: float = 0.3
    steps: int = EPISODE
    seed: int = 0


def train_controller(
    model: VMC, world: World, settings: ControllerTraining, *,
    on_generation: Callable[[int, dict[str, float], np.ndarray], None] | None = None, keep: Path | None = None,
) -> Evolution:  # fmt: skip
    """Evolve C in a world; ``result.mean`` holds its weights, flat: see ``as_weights``.

    keep: a JSON file to stop and go on from; see ``evolve``.
    """
    outputs, inputs = model.c.weights.shape[1:]

    def evaluate(candidates: np.ndarray, generation: int) -> np.ndarray:
        seeds = generation * settings.lives + np.arange(settings.lives)
        return returns_of(world, candidates, outputs, seeds, steps=settings.steps)

    return evolve(
        evaluate, np.zeros(outputs * inputs), sigma=settings.sigma, population=settings.population,
        generations=settings.generations, seed=settings.seed, on_generation=on_generation, keep=keep,
    )  # fmt: skip


def as_weights(model: VMC, flat: np.ndarray) -> Tensor:
    """Evolved numbers as a controller's weights, (A, Z + H + 1)."""
    return torch.from_numpy(flat).float().reshape(model.c.weights.shape[1:])


def real_returns(
    model: VMC, weights: Tensor, *, episodes: int = 100, split: str = "test", first: int = 0
) -> np.ndarray:
    """The return of a controller in each of the real Playground's episodes, (episodes,)."""
    seeds = first + np.arange(episodes)
    return live(RealWorld(model, split=split), weights.expand(episodes, -1, -1), seeds).numpy()


def dream_returns(
    model: VMC, weights: Tensor, first: Tensor, *, temperature: float, episodes: int = 100, seed: int = 0
) -> np.ndarray:
    """The return that a controller dreams of, (episodes,). first: frames to begin from, (N, 3, H, W)."""
    world = DreamWorld(model, first, temperature=temperature)
    return live(world, weights.expand(episodes, -1, -1), seed + np.arange(episodes)).numpy()
