"""A JEPA with a memory and without actions: it watches films, and predicts the embedding of each next frame.

The frame encoder and the loss are those of ``models/action_jepa.py``; its predictor sees the last two frames, and here
it is a transformer over the K embeddings so far, so that it can know what went behind a screen:

    s_t = encoder(x_t),      guess_(t+1) = s_t + transformer(s_(t-K+1) ... s_t)
    loss = mean over t of |guess_(t+1) - s_(t+1)|^2 / D + variance + covariance

Variance and covariance (VICReg, Bardes et al. 2022, arXiv 2105.04906, section 4.1) keep the embeddings from collapsing;
nothing is stopped and there is no average. Its surprise is the error of its guess (Garrido et al. 2025, arXiv
2502.11831, asks V-JEPA in this way). It has no decoder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from course_lib.contract import Actions, Capabilities, State
from course_lib.models.base import Layers, ModelConfig, PositiveInt, Sizes, check_heads
from course_lib.models.jepa import ConvolutionalFrameEncoder, JEPAConfig
from course_lib.nets.gather import gather_batch
from course_lib.nets.past import PastTransformer
from course_lib.nets.regularisers import covariance_term, variance_term


class FilmJEPAConfig(ModelConfig):
    """The sizes of encoder and predictor, and the weights of what keeps them from collapsing."""

    frame_size: Literal[32, 64] = 32
    channels: Sizes = (16, 32, 64)
    hidden: PositiveInt = 256  # of the encoder's head
    latent: Annotated[int, Field(ge=1, le=4096, description="numbers of an embedding, D")] = 64
    context: Annotated[int, Field(ge=1, le=1024, description="frames that the predictor looks back on, K")] = 27
    width: PositiveInt = 96  # of the predictor
    layers: Layers = 2
    heads: PositiveInt = 4
    variance: Annotated[float, Field(ge=0.0, le=1e4, description="weight of the variance")] = 1.0
    covariance: Annotated[float, Field(ge=0.0, le=1e4, description="weight of the covariance")] = 0.04

    @model_validator(mode="after")
    def _fits(self) -> FilmJEPAConfig:
        check_heads("heads", self.heads, "width", self.width)
        if self.frame_size % 2 ** len(self.channels):
            raise ValueError("each of the channels' convolutions halves the frame, and here one meets an odd number")
        return self


@dataclass(eq=False)
class SeenEmbeddings(State):
    """The embeddings of the last frames, (B, S, D), S at most K."""

    s: Tensor


class FilmJEPA(nn.Module):
    """Encoder and predictor under the course's contract: no actions, no pictures, a memory of K frames."""

    def __init__(self, config: FilmJEPAConfig) -> None:
        super().__init__()
        self.config = config
        sizes = {name: getattr(config, name) for name in ("frame_size", "channels", "hidden", "latent")}
        self.encoder = ConvolutionalFrameEncoder(JEPAConfig(**sizes))
        self.past = PastTransformer(config.latent, config.latent, width=config.width, layers=config.layers,
                                    heads=config.heads, context=config.context)  # fmt: skip
        self.capabilities = Capabilities(Actions("none"), decodes=False, context=config.context,
                                         frame_size=(config.frame_size, config.frame_size))  # fmt: skip

    def embed(self, frames: Tensor) -> Tensor:
        """Embeddings of frames, each by itself. (B, T, 3, H, W) in [0, 1] -> (B, T, D)."""
        return self.encoder(frames.flatten(0, 1)).unflatten(0, frames.shape[:2])

    def guesses(self, s: Tensor) -> Tensor:
        """A guess at the embedding after each moment, from the K embeddings up to it. (B, T, D) -> (B, T, D)."""
        return s + self.past(s)

    def encode(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> SeenEmbeddings:
        """See the last K frames. Nothing is drawn."""
        self.capabilities.check(observations, actions)
        return SeenEmbeddings(self.embed(observations[:, -self.config.context :]))

    def predict(
        self, state: SeenEmbeddings, action: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> SeenEmbeddings:
        """One step further: the guess becomes the newest embedding."""
        self.capabilities.actions.check(action, (len(state),))
        guess = self.guesses(state.s)[:, -1:]
        return SeenEmbeddings(torch.cat([state.s, guess], dim=1)[:, -self.config.context :])

    def decode(self, state: SeenEmbeddings, *, generator: torch.Generator | None = None) -> Tensor:
        """Raises NotCapable: there is no way back."""
        raise self.capabilities.refuse_decoding("a JEPA predicts embeddings, and no loss asked for pictures")

    def surprise(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """How far the guess at each frame is from its embedding, squared, mean over the D numbers; NaN at frame 0."""
        self.capabilities.check(observations, actions)
        return self.surprise_at(self.embed(observations))

    def surprise_at(self, s: Tensor) -> Tensor:
        """The same of films that the encoder has seen already, (B, T, D) -> (B, T)."""
        found = s.new_full(s.shape[:2], torch.nan)
        if s.shape[1] > 1:
            found[:, 1:] = (self.guesses(s[:, :-1]) - s[:, 1:]).square().mean(dim=2)
        return found

    def loss(self, batch: dict[str, Tensor], step: int, generator: torch.Generator | None) -> dict[str, Tensor]:
        """The error of the guesses with VICReg's terms, and the parts. Neither step nor generator is used.

        batch: ``{"frames": (B, K + 1, 3, H, W) in [0, 1]}``. In several processes the terms see the rows of all.
        """
        s = self.embed(batch["frames"])  # (B, K + 1, D)
        error = (self.guesses(s[:, :-1]) - s[:, 1:]).square().mean()
        every = gather_batch(s).flatten(0, 1)  # (B * (K + 1), D)
        variance, covariance = variance_term(every), covariance_term(every)
        loss = error + self.config.variance * variance + self.config.covariance * covariance
        return {"loss": loss, "error": error, "variance": variance, "covariance": covariance,
                "deviation": every.std(dim=0).mean()}  # fmt: skip
