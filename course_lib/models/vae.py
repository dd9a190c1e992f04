"""The variational autoencoder (变分自编码器), V of the V-M-C agent.

Ha & Schmidhuber, World Models, 2018 (arXiv 1803.10122), section 2.1 and appendix A.1;
Kingma & Welling, Auto-Encoding Variational Bayes, 2014 (arXiv 1312.6114).

The names are the papers': a frame x, its latent z, the encoder q(z | x) = N(mu, diag(sigma^2)) with
logvar = log sigma^2, the decoder p(x | z), the prior p(z) = N(0, I). Training maximises the evidence lower bound

    ELBO = E_q[log p(x | z)] - KL(q(z | x) || p(z))  <=  log p(x)

so the loss is reconstruction + beta * KL, both in nats per frame. beta = 1 is the bound itself.

Departures from the paper and its program, all in the configuration: sigma is 0.07 or 0.1 where the program's sum of
squared errors means sqrt(1/2); no free nats (``kl_tolerance``) where the program leaves 0.5 for each latent number; at
32 pixels one convolution fewer, with padding, and a smaller decoder; a learning rate with a schedule.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from course_lib.models.base import ModelConfig, Sizes
from course_lib.nets.chance import normal
from course_lib.worlds.frames import psnr


class VAEConfig(ModelConfig):
    """The sizes of one VAE. The default widths are the paper's: 4,348,547 parameters.

    Every convolution has stride 2: the encoder's go down, the decoder's go up. The decoder starts from
    ``decoder_start`` channels on a square of ``decoder_side`` pixels, and its last convolution gives the three colours.
    """

    frame_size: Literal[32, 64] = 64
    latent: Annotated[int, Field(ge=1, le=1024, description="numbers in z")] = 32
    encoder_channels: Sizes = (32, 64, 128, 256)
    encoder_kernels: Sizes = (4, 4, 4, 4)
    decoder_start: Annotated[int, Field(ge=1, le=16_384)] = 1024
    decoder_side: Annotated[int, Field(ge=1, le=32)] = 1
    decoder_channels: Sizes = (128, 64, 32)
    decoder_kernels: Sizes = (5, 5, 6, 6)
    padding: Annotated[int, Field(ge=0, le=2, description="pixels added around every convolution's input")] = 0
    beta: Annotated[float, Field(ge=0.0, le=1e6, description="weight of the KL; 0 makes a plain autoencoder")] = 1.0
    sigma: Annotated[
        float, Field(ge=1e-6, le=1e6, description="standard deviation of a pixel around its mean")
    ] = math.sqrt(0.5)
    kl_tolerance: Annotated[float, Field(ge=0.0, le=1e6, description="free nats per latent number; 0 for none")] = 0.0

    @property
    def encoder_sides(self) -> list[int]:
        """Width in pixels after each convolution of the encoder, the frame first: 64, 31, 14, 6, 2 in the paper."""
        sides = [self.frame_size]
        for kernel in self.encoder_kernels:
            sides.append((sides[-1] + 2 * self.padding - kernel) // 2 + 1)
        return sides

    @property
    def decoder_sides(self) -> list[int]:
        """Width in pixels after each convolution of the decoder, its start first: 1, 5, 13, 30, 64 in the paper."""
        sides = [self.decoder_side]
        for kernel in self.decoder_kernels:
            sides.append(2 * (sides[-1] - 1) + kernel - 2 * self.padding)
        return sides

    @model_validator(mode="after")
    def _fits(self) -> VAEConfig:
        if len(self.encoder_channels) != len(self.encoder_kernels):
            raise ValueError(
                f"encoder_channels has {len(self.encoder_channels)} entries and encoder_kernels "
                f"{len(self.encoder_kernels)}: one of each for every convolution"
            )
        if len(self.decoder_channels) + 1 != len(self.decoder_kernels):
            raise ValueError(
                f"decoder_kernels has {len(self.decoder_kernels)} entries and decoder_channels "
                f"{len(self.decoder_channels)}: one kernel more than channels, the last to the 3 colours"
            )
        if min(self.encoder_sides) < 1:
            raise ValueError(f"the encoder shrinks the frame to nothing: widths {self.encoder_sides}")
        if min(self.decoder_sides) < 1:
            raise ValueError(f"padding leaves nothing of what the decoder draws: widths {self.decoder_sides}")
        if self.decoder_sides[-1] != self.frame_size:
            raise ValueError(f"the decoder's widths are {self.decoder_sides}: the last must be {self.frame_size}")
        return self


class VAEOutput(NamedTuple):
    """What one pass of a batch of B frames gives."""

    frames: Tensor  # (B, 3, H, W) reconstruction, in [0, 1]
    mu: Tensor  # (B, Z)
    logvar: Tensor  # (B, Z)
    z: Tensor  # (B, Z)


def reparameterise(mu: Tensor, logvar: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """z = mu + sigma * epsilon, epsilon ~ N(0, I): a draw through which gradients flow (Kingma & Welling, eq. 10).

    mu, logvar: (..., Z) -> (..., Z). Without a generator nothing is drawn, and z = mu.
    """
    if generator is None:
        return mu
    epsilon = normal(mu.shape, generator, dtype=mu.dtype)
    return mu + torch.exp(0.5 * logvar) * epsilon.to(mu.device)


def kl_to_prior(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mu, sigma^2) || N(0, 1)) for each latent number, in nats, at least 0 (Kingma & Welling, appendix B).

    mu, logvar: (..., Z) -> (..., Z); the KL of a frame is the sum over Z.
    """
    return 0.5 * (mu.square() + logvar.exp() - 1.0 - logvar)


def reconstruction(x: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """-log p(x | z) of a frame under p = N(mean, sigma^2) for each pixel, in nats, without its constant.

    x, mean: (B, 3, H, W) -> (B,), the squared errors' sum divided by 2 sigma^2. Left out is the constant
    3 H W log(sigma sqrt(2 pi)), which no weight can change. sigma^2 = 1/2 gives the plain sum of squared errors that
    the paper's program uses; a smaller sigma asks for sharper frames and pays for them in KL.
    """
    return (x - mean).square().flatten(1).sum(dim=1) / (2.0 * sigma**2)


class VAE(nn.Module):
    """A frame in, 32 numbers and their uncertainty in the middle, a frame out.

        vae = VAE(VAEConfig())
        output = vae(x, generator=torch.Generator().manual_seed(0))   # x: (B, 3, 64, 64) in [0, 1]

    One class for every size: the configuration says how many convolutions, channels and pixels.
    """

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        self.config = config
        layers: list[nn.Module] = []
        pairs = pairwise((3, *config.encoder_channels))
        for (inside, outside), kernel in zip(pairs, config.encoder_kernels, strict=True):
            layers += [nn.Conv2d(inside, outside, kernel, stride=2, padding=config.padding), nn.ReLU()]
        self.encoder = nn.Sequential(*layers, nn.Flatten())
        features = config.encoder_channels[-1] * config.encoder_sides[-1] ** 2  # 256 * 2 * 2 = 1024 in the paper
        self.to_mu = nn.Linear(features, config.latent)
        self.to_logvar = nn.Linear(features, config.latent)

        start = (config.decoder_start, config.decoder_side, config.decoder_side)
        layers = [nn.Linear(config.latent, math.prod(start)), nn.Unflatten(1, start)]
        pairs = pairwise((config.decoder_start, *config.decoder_channels, 3))
        for (inside, outside), kernel in zip(pairs, config.decoder_kernels, strict=True):
            layers += [nn.ConvTranspose2d(inside, outside, kernel, stride=2, padding=config.padding), nn.ReLU()]
        self.decoder = nn.Sequential(*layers[:-1], nn.Sigmoid())  # the last step gives colours in [0, 1]

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """q(z | x). x: (B, 3, H, W) in [0, 1] -> mu (B, Z), logvar (B, Z).

        Raises ValueError when x is not a batch of float frames of the configured size.
        """
        size = self.config.frame_size
        if x.ndim != 4 or tuple(x.shape[1:]) != (3, size, size) or not x.is_floating_point():
            raise ValueError(f"float frames (B, 3, {size}, {size}) wanted, got {x.dtype} {tuple(x.shape)}")
        features = self.encoder(x)  # (B, 3, H, W) -> (B, features)
        return self.to_mu(features).float(), self.to_logvar(features).float()  # the KL needs its digits

    def decode(self, z: Tensor) -> Tensor:
        """The mean of p(x | z). z: (B, Z) -> (B, 3, H, W) in [0, 1]."""
        return self.decoder(z).float()  # float also where mixed precision computes in bfloat16

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> VAEOutput:
        """Encode, draw z (or take its mean when there is no generator), decode."""
        mu, logvar = self.encode(x)
        z = reparameterise(mu, logvar, generator)
        return VAEOutput(self.decode(z), mu, logvar, z)

    def loss(self, batch: dict[str, Tensor], step: int, generator: torch.Generator | None) -> dict[str, Tensor]:
        """The negative ELBO of a batch, and its parts; each a scalar, the mean over the frames.

        batch: ``{"frames": (B, 3, H, W) in [0, 1]}``. step is not used: nothing here changes in the course of training.
        Returns loss, reconstruction and kl in nats per frame, psnr in dB.

        With ``kl_tolerance`` the KL of a frame counts only above ``kl_tolerance * Z`` nats, as in the paper's program:
        below that there is nothing to gain from forgetting. The reported kl is the true one.
        """
        x = batch["frames"]
        output = self(x, generator)
        error = reconstruction(x, output.frames, self.config.sigma)  # (B,)
        kl = kl_to_prior(output.mu, output.logvar).sum(dim=1)  # (B, Z) -> (B,)
        counted = kl.clamp_min(self.config.kl_tolerance * self.config.latent)
        return {
            "loss": (error + self.config.beta * counted).mean(),
            "reconstruction": error.mean(),
            "kl": kl.mean(),
            "psnr": psnr(output.frames, x).mean(),
        }
