"""Training C: evolution of a linear controller that lives in a dream, or in the real world.

Ha & Schmidhuber 2018, sections 2.3 and 4.3: every candidate of a generation lives the same few lives, its fitness is
the mean of its returns, and CMA-ES moves on.
"""

from __future__ import annotations

import math
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


class Directions(NamedTuple):
    """The few directions of [z, h] along which a controller is looked for. mean: (Z + H,); map: (K, Z + H).

    The controller reads map @ ([z, h] - mean), K numbers of mean 0 and spread 1. It is still linear in [z, h], and is
    stored as such: evolution looks in a smaller room of the same house.
    """

    mean: Tensor
    map: Tensor


def directions_of(states: Dream, count: int) -> Directions:
    """Every number of z, and the ``count`` principal directions of h in these states, each scaled to spread 1.

    z comes from a VAE, whose numbers are nearly independent; the numbers of h are not, and evolution, which strays
    equally far along each weight, wastes most of its candidates on directions in which h hardly moves.
    Raises ValueError for more directions than h has numbers.
    """
    if not 0 <= count <= states.h.shape[1]:
        raise ValueError(f"h has {states.h.shape[1]} numbers and at most so many directions, not {count}")
    read = torch.cat([states.z, states.h], dim=1)
    spread_z, spread_h = (part.std(dim=0).clamp_min(0.1) for part in (states.z, states.h))
    h = (states.h - states.h.mean(dim=0)) / spread_h
    _, sizes, turned = torch.linalg.svd(h, full_matrices=False)
    scaled = turned[:count] / (sizes[:count, None] / math.sqrt(len(h)))  # rows: directions of spread 1
    return Directions(read.mean(dim=0), torch.block_diag(torch.diag(1.0 / spread_z), scaled / spread_h))


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
    directions: Directions | None = None,
    on_generation: Callable[[int, dict[str, float], np.ndarray], None] | None = None, keep: Path | None = None,
) -> Evolution:  # fmt: skip
    """Evolve C in a world; ``result.mean`` holds its weights, flat: see ``as_weights``.

    directions: where to look; None for every weight by itself. keep: a JSON file to stop and go on from; see
    ``evolve``.
    """
    outputs, numbers = model.c.weights.shape[1:]
    if directions is not None:
        numbers = len(directions.map) + 1

    def evaluate(candidates: np.ndarray, generation: int) -> np.ndarray:
        seeds = generation * settings.lives + np.arange(settings.lives)
        flat = np.stack([as_weights(model, each, directions).flatten().numpy() for each in candidates])
        return returns_of(world, flat, outputs, seeds, steps=settings.steps)

    return evolve(
        evaluate, np.zeros(outputs * numbers), sigma=settings.sigma, population=settings.population,
        generations=settings.generations, seed=settings.seed, on_generation=on_generation, keep=keep,
    )  # fmt: skip


def as_weights(model: VMC, flat: np.ndarray, directions: Directions | None = None) -> Tensor:
    """Evolved numbers as a controller's weights, (A, Z + H + 1). directions: those along which they were found.

    W map (x - mean) + b is (W map) x + (b - W map mean).
    """
    outputs = model.c.weights.shape[1]
    weights = torch.from_numpy(flat).float().reshape(outputs, -1)
    if directions is None:
        return weights
    whole = weights[:, :-1] @ directions.map  # (A, K) @ (K, Z + H)
    return torch.cat([whole, weights[:, -1:] - (whole @ directions.mean)[:, None]], dim=1)


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
