"""A V in the place of a codec: one place with Z channels for every frame.

A diffusion transformer (``models/dit_world.py``) wants a grid of latents for each frame. With V of V-M-C
(``models/vae.py``) the grid is 1 x 1 and a frame is one token, so that a whole film is as short as for the transformer
of ``models/latent_transformer.py``. Nothing is scaled: the prior keeps z near unit scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from course_lib.models.vae import VAE, reparameterise


@dataclass(frozen=True)
class VAECodecConfig:
    """What a codec says of itself: see ``CodecConfig``."""

    frame_size: int
    latent: int
    kind: Literal["frames"] = "frames"
    side: int = 1


class VAECodec(nn.Module):
    """The mean of V's z as latents (B, T, Z, 1, 1), and what V draws of them."""

    def __init__(self, v: VAE) -> None:
        super().__init__()
        self.v, self.config = v, VAECodecConfig(v.config.frame_size, v.config.latent)

    def latents(self, frames: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """(B, T, 3, H, W) in [0, 1] -> (B, T, Z, 1, 1): the mean of q(z | x), or with a generator a draw from it."""
        z = reparameterise(*self.v.encode(frames.flatten(0, 1)), generator)
        return z.unflatten(0, frames.shape[:2])[..., None, None]

    def frames_of(self, latents: Tensor) -> Tensor:
        """(B, T, Z, 1, 1) -> (B, T, 3, H, W) in [0, 1]."""
        return self.v.decode(latents.flatten(0, 1).flatten(1)).unflatten(0, latents.shape[:2])
