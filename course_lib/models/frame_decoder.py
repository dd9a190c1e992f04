"""A small diffusion model that draws what an embedding says: a whole frame, given what an encoder made of one.

Bordes, Balestriero & Vincent, High Fidelity Visualization of What Your Self-Supervised Representation Knows About,
2022 (arXiv 2112.09164, "RCDM"): a diffusion model is conditioned on the representation of an encoder, which learns
nothing more. What all its drawings of one embedding share, the embedding holds; what differs between them, it does not.
``models/token_decoder.py`` does so patch by patch for I-JEPA; here it is the one embedding that the action-conditioned
JEPA (``models/action_jepa.py``) makes of a frame, and of the frames that it imagines.

The network is made of the residual blocks of the course's U-Net, on patches of the frame at one resolution. They see
the embedding twice: laid out as a map, added to the noisy patches, and in every block, with the time, through adaptive
group normalisation. It predicts the clean frame (``target="x"``; Li & He, Back to Basics, 2025, arXiv 2511.13720, do so
on large patches). Departures: one resolution in place of a U-Net, and the embedding is given as it is, since VICReg has
held the deviation of each of its numbers near 1.

It is trained on embeddings of real frames and later given predicted ones. It is never used for a score or a plan.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from course_lib.models.base import Layers, ModelConfig, PositiveInt
from course_lib.models.denoiser import WAVES, time_waves
from course_lib.nets.chance import normal
from course_lib.nets.convolutions import GROUPS, AdaptiveResidual
from course_lib.nets.diffusion import Diffusion, Times
from course_lib.nets.samplers import sample


class FrameDecoderConfig(ModelConfig):
    """The sizes of one decoder."""

    frame_size: Literal[32, 64] = 32
    embedding: Annotated[PositiveInt, Field(description="numbers of an embedding")] = 64
    patch: Annotated[Literal[2, 4, 8], Field(description="side of the patches that the blocks see as one place")] = 4
    width: Annotated[
        int, Field(ge=GROUPS, le=4096, multiple_of=GROUPS, description="channels of a place; the norms have 8 groups")
    ] = 64
    depth: Annotated[Layers, Field(description="residual blocks")] = 4
    times: Annotated[Times, Field(description="at which times it is trained")] = "uniform"


class DiffusionFrameDecoder(nn.Module):
    """A noisy frame, a time and an embedding -> the clean frame.

        decoder = DiffusionFrameDecoder(FrameDecoderConfig())
        decoder.draw(embeddings, generator=g)          # (B, 64) -> frames (B, 3, 32, 32) in [0, 1]
    """

    def __init__(self, config: FrameDecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.diffusion = Diffusion.of("straight", "x")
        width, side, pixels = config.width, config.frame_size // config.patch, 3 * config.patch**2
        self.into = nn.Conv2d(pixels, width, 1)
        self.layout = nn.Linear(config.embedding, width * side**2)  # what is where
        self.time = nn.Sequential(nn.Linear(2 * WAVES, width), nn.SiLU(), nn.Linear(width, width))
        self.given = nn.Linear(config.embedding, width)
        self.blocks = nn.ModuleList(AdaptiveResidual(width, width, width) for _ in range(config.depth))
        self.norm, self.out = nn.GroupNorm(GROUPS, width), nn.Conv2d(width, pixels, 1)

    def forward(self, x_t: Tensor, t: Tensor, embeddings: Tensor) -> Tensor:
        """(B, 3, H, W), (B,), (B, D) -> (B, 3, H, W). Pixels are from -1 to 1 here.

        Raises ValueError for embeddings or frames of another size.
        """
        size, wanted = self.config.frame_size, self.config.embedding
        if x_t.shape[1:] != (3, size, size) or embeddings.shape[1:] != (wanted,):
            raise ValueError(f"frames (B, 3, {size}, {size}) and embeddings (B, {wanted}) wanted, got "
                             f"{tuple(x_t.shape)} and {tuple(embeddings.shape)}")  # fmt: skip
        c = self.time(time_waves(t)) + self.given(embeddings)  # (B, width)
        h = self.into(F.pixel_unshuffle(x_t, self.config.patch))  # (B, 3 p p, H / p, W / p) -> (B, width, H / p, W / p)
        h = h + self.layout(embeddings).view_as(h)
        for block in self.blocks:
            h = block(h, c)
        return F.pixel_shuffle(self.out(F.silu(self.norm(h))), self.config.patch).float()

    def loss(self, batch: dict[str, Tensor], step: int, generator: torch.Generator) -> dict[str, Tensor]:
        """The squared error of the clean frame, pixels from -1 to 1. step is not used.

        batch: ``{"frames": (B, 3, H, W) in [0, 1], "embeddings": (B, D)}``.
        """
        embeddings = batch["embeddings"]
        losses = self.diffusion.loss(lambda x_t, t: self(x_t, t, embeddings), batch["frames"] * 2.0 - 1.0, generator,
                                     self.config.times)  # fmt: skip
        return {"loss": losses.mean()}

    @torch.no_grad()
    def draw(self, embeddings: Tensor, *, generator: torch.Generator, steps: int = 5) -> Tensor:
        """One drawing of each embedding: (B, D) -> frames (B, 3, H, W) in [0, 1]. steps: of the sampler (DDIM)."""
        noise = normal((len(embeddings), 3, self.config.frame_size, self.config.frame_size), generator).to(embeddings)
        x = sample(self.diffusion, lambda x_t, t: self(x_t, t, embeddings), noise, steps=steps, sampler="ddim",
                   generator=generator)  # fmt: skip
        return ((x + 1.0) / 2.0).clamp(0.0, 1.0)
