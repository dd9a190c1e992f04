"""What there is to look at in a VAE: reconstructions, pushed latents, blends, dreams from the prior.

Every function takes stored frames (uint8) and gives back pictures (uint8), so that the same call serves a figure, a
widget's callback and a test.
"""

from __future__ import annotations

import numpy as np
import torch

from course_lib.models.vae import VAE, reparameterise
from course_lib.worlds.frames import to_model, to_uint8


@torch.no_grad()
def reconstruct(vae: VAE, frames: np.ndarray, generator: torch.Generator | None = None) -> np.ndarray:
    """Encode and decode frames. uint8 (N, H, W, 3) -> uint8 (N, H, W, 3).

    With a generator z is drawn from q(z | x); without one it is the mean mu.
    """
    return to_uint8(vae(to_model(frames), generator).frames)


@torch.no_grad()
def latents(vae: VAE, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """mu and logvar of frames, each float32 (N, Z). frames: uint8 (N, H, W, 3)."""
    mu, logvar = vae.encode(to_model(frames))
    return mu.numpy(), logvar.numpy()


@torch.no_grad()
def push(vae: VAE, frame: np.ndarray, index: int, amount: float) -> np.ndarray:
    """What the decoder draws when one latent number is moved and the others stay.

    frame: uint8 (H, W, 3). index: which number, 0 to Z - 1. amount: added to it, in standard deviations of the prior.
    Returns the frame, its reconstruction and the pushed one side by side, uint8 (H, 3 W + 2, 3).
    Raises IndexError for a latent number that does not exist.
    """
    if not 0 <= index < vae.config.latent:
        raise IndexError(f"latent number {index} does not exist; there are {vae.config.latent}, counted from 0")
    mu, _ = vae.encode(to_model(frame[None]))
    moved = mu.clone()
    moved[0, index] += amount
    drawn = to_uint8(vae.decode(torch.cat([mu, moved])))
    gap = np.full((frame.shape[0], 1, 3), 255, np.uint8)
    return np.concatenate([frame, gap, drawn[0], gap, drawn[1]], axis=1)


@torch.no_grad()
def sweep(vae: VAE, frame: np.ndarray, indices: list[int], amounts: list[float]) -> np.ndarray:
    """One row for each latent number, one column for each value it is set to; the others stay at the frame's mu.

    frame: uint8 (H, W, 3). Returns uint8 (rows * columns, H, W, 3), row by row.
    """
    mu, _ = vae.encode(to_model(frame[None]))
    z = mu.repeat(len(indices) * len(amounts), 1)  # (1, Z) -> (rows * columns, Z)
    for row, index in enumerate(indices):
        z[row * len(amounts) : (row + 1) * len(amounts), index] = torch.tensor(amounts)
    return to_uint8(vae.decode(z))


@torch.no_grad()
def blend(vae: VAE, first: np.ndarray, last: np.ndarray, steps: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """The way from one frame to another, in pixels and in latents.

    first, last: uint8 (H, W, 3). Returns two films, uint8 (steps, H, W, 3): pixels mixed, and latents mixed.
    """
    share = torch.linspace(0.0, 1.0, steps)
    ends = to_model(np.stack([first, last]))
    mu, _ = vae.encode(ends)
    pixels = ends[:1] + share.view(-1, 1, 1, 1) * (ends[1:] - ends[:1])
    z = mu[:1] + share.view(-1, 1) * (mu[1:] - mu[:1])
    return to_uint8(pixels), to_uint8(vae.decode(z))


@torch.no_grad()
def from_prior(vae: VAE, count: int, generator: torch.Generator) -> np.ndarray:
    """Frames decoded from z ~ N(0, I), uint8 (count, H, W, 3): what the decoder takes for a frame."""
    z = reparameterise(torch.zeros(count, vae.config.latent), torch.zeros(count, vae.config.latent), generator)
    return to_uint8(vae.decode(z))
