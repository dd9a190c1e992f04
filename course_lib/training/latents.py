"""What the recipes of diffusion transformers share: films as latents of a codec that learns no more, and the phase."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from course_lib.models.codec import VideoCodec
from course_lib.models.dit import AveragedDiT
from course_lib.models.vae_codec import VAECodec
from course_lib.training.checkpoints import CheckpointError, load_checkpoint
from course_lib.training.config import ConfigError
from course_lib.training.recipe import Phase, RunConfig, decay_groups
from course_lib.worlds.frames import to_model

EYES = "v-family"  # the V of V-M-C's size cpu-family in the place of a codec
CODED = 100  # films that go through the codec together


def find_codec(name: str) -> VideoCodec | VAECodec:
    """The codec of a size, or where the name is ``EYES`` the V of the family in its place. Raises CheckpointError."""
    if name == EYES:
        return VAECodec(load_checkpoint("vmc", size="cpu-family").v)
    return load_checkpoint("codec", size=name)


def codec_of(config: RunConfig) -> VideoCodec | VAECodec:
    """The codec that ``data.codec`` names, frozen. Raises ConfigError where its checkpoint cannot be used."""
    try:
        return find_codec(config.data.codec).requires_grad_(False)
    except CheckpointError as error:
        raise ConfigError(f"data.codec is {config.data.codec!r}: {error}") from None


def check_latents(config: RunConfig, codec: VideoCodec | VAECodec) -> None:
    """Raises ConfigError where the sizes of a DiT do not fit the latents of the codec."""
    if config.model.channels != codec.config.latent:
        raise ConfigError(f"model.channels is {config.model.channels}, and the codec's latents have "
                          f"{codec.config.latent}")  # fmt: skip
    side = codec.config.side
    if side % config.model.patch:
        raise ConfigError(f"model.patch is {config.model.patch}: the codec has {side} x {side} places")


def phases(model: AveragedDiT, config: RunConfig) -> list[Phase]:
    """The network learns, the average follows; weight decay for the matrices alone."""
    return [Phase("train", config.train.steps, decay_groups(model.network))]


@torch.no_grad()
def code_films(codec: VideoCodec | VAECodec, frames: np.ndarray) -> Tensor:
    """Films as the means of their latents, of unit scale. uint8 (M, T, H, W, 3) -> (M, G, C, h, w)."""
    return torch.cat([codec.latents(to_model(some)) for some in np.split(frames, range(CODED, len(frames), CODED))])
