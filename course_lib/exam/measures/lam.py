"""What a latent action model finds in films, and how well it draws with it."""

from __future__ import annotations

import numpy as np
import torch

from course_lib.exam.measures.rollout import CHUNK
from course_lib.models.lam import LatentActionModel
from course_lib.worlds import spec
from course_lib.worlds.films import Films
from course_lib.worlds.frames import psnr, to_model


@torch.no_grad()
def codes_of_films(model: LatentActionModel, frames: np.ndarray) -> np.ndarray:
    """The latent action of every step. uint8 (N, T, H, W, 3) -> int64 (N, T - 1)."""
    parts = [model.infer(to_model(frames[k : k + CHUNK])) for k in range(0, len(frames), CHUNK)]
    return torch.cat(parts).numpy()


@torch.no_grad()
def drawn_psnr_by_film(model: LatentActionModel, frames: np.ndarray, index: np.ndarray, first: int = 0) -> np.ndarray:
    """PSNR of the next frames drawn with these codes, mean over the steps of each film. uint8 (N, T, H, W, 3), int64
    (N, T - 1) -> (N,). first: the first step that counts."""
    out = []
    for k in range(0, len(frames), CHUNK):
        x = to_model(frames[k : k + CHUNK])
        drawn = model.predict(x[:, :-1], torch.from_numpy(index[k : k + CHUNK]))
        out.append(psnr(drawn, x[:, 1:])[:, first:].mean(dim=1).numpy())
    return np.concatenate(out)


def at_wall(films: Films) -> np.ndarray:
    """Whether the agent touches the left or right wall before a step, bool (N, T - 1).

    A key that holds it there is visible, because without it the agent would come off the wall; what happens is nothing.
    """
    x = films.of("x")[:, :-1, spec.AGENT_SLOT]
    near = spec.WALL + spec.AGENT_HALF_WIDTH + 0.1  # units from the box's side to the agent's middle
    return (x < near) | (x > spec.BOX - near)


def places(films: Films, patch: int) -> np.ndarray:
    """Where on the grid of patches the agent stands before each step: its column of pixels modulo the patch.

    int64 (N, T - 1), 0 to patch - 1.
    """
    pixels = films.of("x")[:, :-1, spec.AGENT_SLOT] * films.size / spec.BOX
    return pixels.astype(np.int64) % patch
