"""A small diffusion model that draws what a token says: the pixels of one patch, given the token of an encoder.

Bordes, Balestriero & Vincent, High Fidelity Visualization of What Your Self-Supervised Representation Knows About,
2022 (arXiv 2112.09164, "RCDM"): a diffusion model is conditioned on the representation of an encoder, which learns
nothing more. What all its drawings of one token share, the token holds; what differs between them, it does not. The
authors of I-JEPA draw its predictions in this way (arXiv 2301.08243, section 8).

Here each patch is drawn by itself, from its token and its place, by the residual layers of the denoiser of points. The
network predicts the clean patch (``target="x"``). Departures: no guidance, no pictures as a whole, so neighbouring
patches of one picture may be drawn differently.

It is trained on tokens of the target encoder, normalised as the targets are, and later given predictions of them. It is
never used for a score.
"""

from __future__ import annotations

from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from course_lib.models.base import Layers, ModelConfig, PositiveInt
from course_lib.models.denoiser import WAVES, Layer, time_waves
from course_lib.nets.chance import normal
from course_lib.nets.diffusion import Diffusion, Times
from course_lib.nets.samplers import sample


class TokenDecoderConfig(ModelConfig):
    """The sizes of one decoder."""

    pixels: Annotated[PositiveInt, Field(description="numbers of a patch, 3 p p")] = 48
    token: Annotated[PositiveInt, Field(description="channels of a token")] = 64
    patches: Annotated[PositiveInt, Field(description="places of a picture")] = 64
    width: PositiveInt = 256
    depth: Layers = 3
    times: Annotated[Times, Field(description="at which times it is trained")] = "uniform"


class TokenDecoder(nn.Module):
    """Noisy pixels, a time, a token and its place -> the clean pixels.

        decoder = TokenDecoder(TokenDecoderConfig())
        decoder.draw(tokens, places, generator=g)      # (B, 64), int64 (B,) -> patches (B, 48) in [0, 1]
    """

    def __init__(self, config: TokenDecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.diffusion = Diffusion.of("straight", "x")
        width = config.width
        self.into = nn.Linear(config.pixels, width)
        self.time = nn.Sequential(nn.Linear(2 * WAVES, width), nn.SiLU(), nn.Linear(width, width))
        self.token = nn.Linear(config.token, width)
        self.place = nn.Embedding(config.patches, width)
        self.layers = nn.ModuleList(Layer(width) for _ in range(config.depth))
        self.norm, self.out = nn.LayerNorm(width), nn.Linear(width, config.pixels)

    def forward(self, x_t: Tensor, t: Tensor, tokens: Tensor, places: Tensor) -> Tensor:
        """(B, P), (B,), (B, D), int64 (B,) -> (B, P). Pixels are from -1 to 1 here.

        Raises ValueError for tokens or patches of another size.
        """
        if x_t.shape[1:] != (self.config.pixels,) or tokens.shape[1:] != (self.config.token,):
            raise ValueError(f"patches (B, {self.config.pixels}) and tokens (B, {self.config.token}) wanted, got "
                             f"{tuple(x_t.shape)} and {tuple(tokens.shape)}")  # fmt: skip
        given = self.time(time_waves(t)) + self.token(tokens) + self.place(places)  # (B, width)
        h = self.into(x_t)
        for layer in self.layers:
            h = layer(h, given)
        return self.out(F.silu(self.norm(h))).float()

    def loss(self, batch: dict[str, Tensor], step: int, generator: torch.Generator) -> dict[str, Tensor]:
        """The squared error of the clean patch, pixels from -1 to 1. step is not used.

        batch: ``{"patches": (B, P) in [0, 1], "tokens": (B, D), "places": int64 (B,)}``.
        """
        tokens, places = batch["tokens"], batch["places"]
        losses = self.diffusion.loss(lambda x_t, t: self(x_t, t, tokens, places), batch["patches"] * 2.0 - 1.0,
                                     generator, self.config.times)  # fmt: skip
        return {"loss": losses.mean()}

    @torch.no_grad()
    def draw(self, tokens: Tensor, places: Tensor, *, generator: torch.Generator, steps: int = 10) -> Tensor:
        """One drawing of each token: (B, D), int64 (B,) -> patches (B, P) in [0, 1]. steps: of the sampler (DDIM)."""
        noise = normal((len(tokens), self.config.pixels), generator).to(tokens)
        x = sample(self.diffusion, lambda x_t, t: self(x_t, t, tokens, places), noise, steps=steps, sampler="ddim",
                   generator=generator)  # fmt: skip
        return ((x + 1.0) / 2.0).clamp(0.0, 1.0)
