"""A transformer in the place of M: it reads a film as V's latents, one token a frame, and says what comes next.

The network is a decoder as in language models, on z instead of words, as in TransDreamer (Chen et al. 2022, arXiv
2202.09481) and IRIS (Micheli et al. 2023, arXiv 2209.00588; there a frame is 16 tokens from a codebook). What it says
is M's mixture (``models/mdnrnn.py``),

    p(z_(t+1) | z_(t-K+1) ... z_t),     for each latent number a mixture of 5 Gaussians

and K, ``context``, is where its memory ends. An LSTM has to keep what it will need; a transformer looks back at it, as
long as it is within K frames, and beyond them it knows nothing at all. It takes no actions.

Departures: one continuous token a frame where Genie has 64 from a codebook and IRIS 16, so that whole films fit into a
step of a small training.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from course_lib.contract import Actions, Capabilities, State
from course_lib.models.base import Layers, ModelConfig, PositiveInt, check_heads, fresh
from course_lib.models.mdnrnn import Mixture, as_mixture, draw, likeliest, log_likelihood
from course_lib.models.vae import VAE, reparameterise
from course_lib.nets.past import PastTransformer


class LatentTransformerConfig(ModelConfig):
    """The sizes of one transformer, and how far it looks back."""

    latent: Annotated[int, Field(ge=1, le=1024, description="numbers in V's z")] = 32
    context: Annotated[int, Field(ge=1, le=1024, description="frames that it looks back on, K")] = 27
    width: PositiveInt = 128
    layers: Layers = 3
    heads: PositiveInt = 4
    mixtures: Annotated[int, Field(ge=1, le=64, description="Gaussians for each latent number")] = 5

    @model_validator(mode="after")
    def _fits(self) -> LatentTransformerConfig:
        check_heads("heads", self.heads, "width", self.width)
        return self


class LatentTransformer(nn.Module):
    """Latents of a film -> a mixture for the latent that follows each of them."""

    def __init__(self, config: LatentTransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.past = PastTransformer(config.latent, 3 * config.latent * config.mixtures, width=config.width,
                                    layers=config.layers, heads=config.heads, context=config.context)  # fmt: skip

    def film(self, z: Tensor) -> Mixture:
        """What comes after each moment of a film, from the K frames up to it. (B, T, Z) -> mixtures (B, T, Z, 5)."""
        return as_mixture(self.past(z), self.config.latent, self.config.mixtures)

    def loss(self, batch: dict[str, Tensor], step: int, generator: torch.Generator) -> dict[str, Tensor]:
        """The mean of -log p(z) over the frames of a piece but the first, in nats; z is drawn anew from V's posterior.

        batch: V's mu and logvar, (B, K + 1, Z) each. step is not used.
        """
        z = reparameterise(batch["mu"], batch["logvar"], generator)
        nll = -log_likelihood(self.film(z[:, :-1]), z[:, 1:]).sum(dim=-1).mean()  # (B, K, Z) -> scalar
        return {"loss": nll}


@dataclass(eq=False)
class LastLatents(State):
    """The last frames as V's latents, (B, S, Z), S at most K."""

    z: Tensor


class LatentTransformerWorld(nn.Module):
    """V and the transformer together, under the course's contract: no actions, and a memory of K frames.

    Raises ValueError where V has another number of latents than the transformer reads.
    """

    def __init__(self, v: VAE, dynamics: LatentTransformer) -> None:
        super().__init__()
        if v.config.latent != dynamics.config.latent:
            raise ValueError(f"V gives {v.config.latent} numbers and the transformer reads {dynamics.config.latent}")
        self.v, self.dynamics = v, dynamics
        size = v.config.frame_size
        self.capabilities = Capabilities(Actions("none"), decodes=True, context=dynamics.config.context,
                                         frame_size=(size, size))  # fmt: skip

    def untrained(self, seed: int = 1) -> LatentTransformerWorld:
        """The same eyes, and a transformer that has learned nothing."""
        return LatentTransformerWorld(self.v, fresh(LatentTransformer, self.dynamics.config, seed)).eval()

    def encode(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> LastLatents:
        """See the last K frames; with a generator z is drawn from V's posterior, without one it is its mean."""
        self.capabilities.check(observations, actions)
        return LastLatents(self._see(observations[:, -self.dynamics.config.context :], generator))

    def predict(
        self, state: LastLatents, action: Tensor | None = None, *, generator: torch.Generator | None = None,
        temperature: float = 1.0,
    ) -> LastLatents:  # fmt: skip
        """One frame further: z from the mixture at a temperature, or its likeliest value without a generator."""
        self.capabilities.actions.check(action, (len(state),))
        mixture = Mixture(*(part[:, -1] for part in self.dynamics.film(state.z)))
        z = likeliest(mixture) if generator is None else draw(mixture, generator, temperature)
        return LastLatents(torch.cat([state.z, z[:, None]], dim=1)[:, -self.dynamics.config.context :])

    def decode(self, state: LastLatents, *, generator: torch.Generator | None = None) -> Tensor:
        """What V draws of the newest z, (B, 3, H, W)."""
        return self.v.decode(state.z[:, -1])

    def surprise(
        self, observations: Tensor, actions: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """-log p(z_t | the K frames before it), summed over the latent numbers, in nats; NaN at frame 0. (B, T)."""
        self.capabilities.check(observations, actions)
        return self.surprise_at(self._see(observations, generator))

    def surprise_at(self, z: Tensor) -> Tensor:
        """The same of films that V has seen already, (B, T, Z) -> (B, T)."""
        found = torch.full(z.shape[:2], torch.nan, device=z.device)
        if z.shape[1] > 1:
            found[:, 1:] = -log_likelihood(self.dynamics.film(z[:, :-1]), z[:, 1:]).sum(dim=-1)
        return found

    def _see(self, observations: Tensor, generator: torch.Generator | None) -> Tensor:
        """(B, T, 3, H, W) -> z (B, T, Z)."""
        mu, logvar = self.v.encode(observations.flatten(0, 1))
        return reparameterise(mu, logvar, generator).unflatten(0, observations.shape[:2])
