"""Training C: evolution of a linear controller that lives in a dream, or in the real world.

Ha & Schmidhuber 2018, sections 2.3 and 4.3: every candidate of a generation lives the same few lives, its fitness is
the mean of its returns, and CMA-ES moves on.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_lib.models.base import Strict
from course_lib.models.vmc import VMC, Dream
from course_lib.planning.evolve import Evolution, evolve
from course_lib.planning.lives import EPISODE, DreamWorld, RealWorld, World, live, returns_of


class Inputs(NamedTuple):
    """What z and h are like, number by number: evolution then strays equally far along each. Each (Z + H,)."""

    mean: Tensor
    std: Tensor


def inputs_of(states: Dream) -> Inputs:
    """The mean and spread of what C would read in these states; a number that hardly moves counts as it is."""
    read = torch.cat([states.z, states.h], dim=1)
    std = read.std(dim=0)
    return Inputs(read.mean(dim=0), torch.where(std > 1e-3, std, torch.ones_like(std)))


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
    inputs: Inputs | None = None,
    on_generation: Callable[[int, dict[str, float], np.ndarray], None] | None = None, keep: Path | None = None,
) -> Evolution:  # fmt: skip
    """Evolve C in a world; ``result.mean`` holds its weights, flat: see ``as_weights``.

    inputs: look for the weights of standardised inputs, (x - mean) / std: the same linear controllers, in other
    coordinates. keep: a JSON file to stop and go on from; see ``evolve``.
    """
    outputs, numbers = model.c.weights.shape[1:]

    def evaluate(candidates: np.ndarray, generation: int) -> np.ndarray:
        seeds = generation * settings.lives + np.arange(settings.lives)
        flat = np.stack([as_weights(model, each, inputs).flatten().numpy() for each in candidates])
        return returns_of(world, flat, outputs, seeds, steps=settings.steps)

    return evolve(
        evaluate, np.zeros(outputs * numbers), sigma=settings.sigma, population=settings.population,
        generations=settings.generations, seed=settings.seed, on_generation=on_generation, keep=keep,
    )  # fmt: skip


def as_weights(model: VMC, flat: np.ndarray, inputs: Inputs | None = None) -> Tensor:
    """Evolved numbers as a controller's weights, (A, Z + H + 1). inputs: the coordinates that they were found in.

    W (x - mean) / std + b is (W / std) x + (b - (W / std) mean).
    """
    weights = torch.from_numpy(flat).float().reshape(model.c.weights.shape[1:])
    if inputs is None:
        return weights
    scaled = weights[:, :-1] / inputs.std
    return torch.cat([scaled, weights[:, -1:] - (scaled @ inputs.mean)[:, None]], dim=1)


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
