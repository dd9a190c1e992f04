"""A video codec (视频编解码器): films to a small grid of numbers and back, for a diffusion model to work on.

Sora's report calls it the video compression network: raw video in, a latent representation out that is compressed in
time and in space, and a decoder back to pixels. It says no more; the parts here are those that others published.

- The autoencoder with a small KL is that of latent diffusion (Rombach et al. 2022, arXiv 2112.10752, section 3.1,
  "KL-reg."): q(z | x) = N(mu, sigma^2) for each latent number, decoder(z), and

      L = |x - decoder(z)|^2 / (2 sigma_x^2) + beta KL(q(z | x) || N(0, I))         in nats per frame

- Causal in time, the first frame alone: MAGVIT-v2 (Yu et al. 2024, arXiv 2310.05737, section 3.2, "Joint image-video
  tokenization"), with 2-D convolutions in place of its 3-D ones.

    frame encoder    each frame by itself, the same weights for all, to features on a small grid
    group encoder    the features of a group of frames, stacked as channels, to its latents; sees the group before too
    group decoder    latents to the features of the group's frames; sees the group before too
    frame decoder    features to pixels, each frame by itself

There are two kinds, because two users want different things.

``causal`` is for text to video. The first frame is a group by itself, then every ``group`` frames (4) are one. So a
film has 1 + 4 k frames and becomes 1 + k grids of latents, and an image is a film of one frame: same network, same
latents. A group sees the groups before it and never a later one.

``frames`` turns each frame into a grid by itself, whatever comes before or after. It is for models that act and are
surprised. A group of four frames has no action a frame: the latents of frames t to t + 3 move together, and nothing can
be said between them. And it would make the surprise at frame t depend on the frames t + 1 to t + 3.

How far does a latent see? Norms are over the channels of one place, not over the frame, and there is no attention: so
it sees a window of pixels of a fixed size around its own, in its group and the one before, and nothing else. With
``kernel: 1`` it sees the pixels of its own place alone: that is to cut a film into blocks first, and to compress each
by itself.

Departures from latent diffusion, all in the configuration: no adversarial and no perceptual loss; no attention; pixels
where something stands in front of the empty room count ``foreground`` times; each latent channel is brought to mean 0
and deviation 1 by numbers kept with the weights, where the paper's program divides all of them by one number.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from course_lib.models.base import Layers, ModelConfig, PositiveInt, Sizes
from course_lib.models.vae import kl_to_prior, reparameterise
from course_lib.nets.convolutions import PlaceNorm
from course_lib.nets.gather import gather_batch
from course_lib.worlds.frames import psnr

LOGVAR = (-20.0, 10.0)  # beyond these a deviation is 0 or useless, and its exponential not worth the digits
LOGVAR_AT_FIRST = -4.0  # deviations of 0.14: with 1 the first steps would see noise alone
WATCHED = 100  # steps over which the mean and the deviation of the latents are averaged


class CodecConfig(ModelConfig):
    """The sizes of one codec. A group of frames becomes ``latent`` channels on a grid of ``side`` x ``side`` places."""

    frame_size: Literal[32, 64, 256] = 32
    kind: Annotated[Literal["causal", "frames"], Field(description="groups of frames, or each frame by itself")] = (
        "causal"
    )
    group: Annotated[int, Field(ge=2, le=16, description="frames in a group after the first, for causal")] = 4
    stem: Annotated[int, Field(ge=1, le=16, description="pixels on a side that are one place at the first scale")] = 2
    widths: Annotated[Sizes, Field(description="channels of a frame at each scale, every one half as fine")] = (32, 64)
    layers: Annotated[Layers, Field(description="blocks of the encoder at each scale of a frame")] = 1
    decoder_layers: Annotated[Layers, Field(description="blocks of the decoder at each scale of a frame")] = 1
    group_width: Annotated[PositiveInt, Field(description="channels of a group, for causal")] = 128
    group_layers: Annotated[
        Layers, Field(description="blocks of each half that see a group and the one before it, for causal")
    ] = 1
    kernel: Annotated[
        Literal[1, 3], Field(description="of the convolutions; 1: the film is cut first, each block coded by itself")
    ] = 3
    latent: Annotated[int, Field(ge=1, le=1024, description="channels of the latents")] = 8
    beta: Annotated[float, Field(ge=0.0, le=1e6, description="weight of the KL; 0 makes a plain autoencoder")] = 1.0
    sigma: Annotated[float, Field(ge=1e-6, le=1e6, description="standard deviation of a pixel around its mean")] = 0.05
    foreground: Annotated[
        float, Field(ge=1.0, le=1e3, description="how often a pixel in front of the empty room counts")
    ] = 1.0

    @property
    def frames_each(self) -> int:
        """Frames that one grid of latents stands for."""
        return self.group if self.kind == "causal" else 1

    @property
    def side(self) -> int:
        """Places on a side of the grid of latents."""
        return self.frame_size // (self.stem * 2 ** (len(self.widths) - 1))

    @property
    def numbers(self) -> int:
        """Latent numbers of one grid."""
        return self.latent * self.side**2

    @property
    def compression(self) -> float:
        """Numbers in a group of frames for each latent number. An image, a group of one frame, is compressed less."""
        return 3 * self.frames_each * self.frame_size**2 / self.numbers

    def groups(self, frames: int) -> int:
        """Grids of latents for a film of so many frames. Raises ValueError for a length that has none."""
        each = self.frames_each
        if frames < 1 or (frames - 1) % each:
            below = max(1, 1 + (frames - 1) // each * each)
            lengths = ", ".join(str(1 + k * each) for k in range(4))
            raise ValueError(
                f"a film of {frames} frames cannot be cut into a first frame and groups of {each}: the lengths are "
                f"{lengths} and so on; take {below}{f' or {below + each}' if frames > 0 else ''}"
            )
        return 1 + (frames - 1) // each

    @model_validator(mode="after")
    def _fits(self) -> CodecConfig:
        step = self.stem * 2 ** (len(self.widths) - 1)
        if self.frame_size % step:
            raise ValueError(
                f"stem is {self.stem} and there are {len(self.widths)} widths: a place is {step} pixels wide, and "
                f"frame_size {self.frame_size} is no multiple of that"
            )
        return self


class Posterior(NamedTuple):
    """q(z | x) of B films in G groups: a Gaussian for each latent number."""

    mu: Tensor  # (B, G, C, h, w)
    logvar: Tensor  # (B, G, C, h, w)


class CodecOutput(NamedTuple):
    """What one pass of B films of T frames gives."""

    frames: Tensor  # (B, T, 3, H, W), reconstructed; near [0, 1] without being forced into it
    mu: Tensor  # (B, G, C, h, w)
    logvar: Tensor  # (B, G, C, h, w)


def group_frames(frames: Tensor, group: int) -> Tensor:
    """Films cut into the first frame and groups of ``group`` frames.

    (B, T, ...) with T = 1 + k group -> (B, 1 + k, group, ...). The first frame stands ``group`` times in its own group,
    a film that does not move: so one network reads all groups, and an image is a film of one frame.
    """
    still = frames[:, :1].expand(-1, group - 1, *frames.shape[2:])
    return torch.cat([still, frames], dim=1).unflatten(1, (-1, group))  # (B, (1 + k) group, ...) -> ...


def ungroup_frames(groups: Tensor) -> Tensor:
    """The way back, (B, 1 + k, group, ...) -> (B, T, ...): of the first group its last frame alone."""
    return groups.flatten(1, 2)[:, groups.shape[2] - 1 :]


def group_before(x: Tensor) -> Tensor:
    """What stood in the group before, zeros before the first one. (B, G, ...) -> the same shape."""
    return torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], dim=1)


class CodecBlock(nn.Module):
    """A residual block on a grid, x + Conv(SiLU(Conv(SiLU(Norm(x))))). (..., C, h, w) -> the same.

    temporal: x is (B, G, C, h, w), and the first convolution also sees the group before, beside each one.
    """

    def __init__(self, width: int, kernel: int = 3, *, temporal: bool = False) -> None:
        super().__init__()
        self.temporal = temporal
        self.norm = PlaceNorm(width)
        self.first = nn.Conv2d((2 if temporal else 1) * width, width, kernel, padding=kernel // 2)
        self.second = nn.Conv2d(width, width, kernel, padding=kernel // 2)
        nn.init.zeros_(self.second.weight)  # a block begins as the identity
        nn.init.zeros_(self.second.bias)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        y = F.silu(self.norm(x))
        if self.temporal:
            y = torch.cat([group_before(y), y], dim=2)  # (B, G, 2 C, h, w)
        y = self.second(F.silu(self.first(y.flatten(0, -4))))  # (..., C, h, w) -> (N, C, h, w)
        return x + y.view_as(x)


class FrameEncoder(nn.Module):
    """Each frame by itself to features on the grid of latents. (N, 3, H, W) -> (N, W, h, w), W the last width."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        kernel, widths = config.kernel, config.widths
        layers: list[nn.Module] = [nn.PixelUnshuffle(config.stem),
                                   nn.Conv2d(3 * config.stem**2, widths[0], kernel, padding=kernel // 2)]  # fmt: skip
        for scale, width in enumerate(widths):
            if scale > 0:  # half as many places on a side
                layers.append(nn.Conv2d(widths[scale - 1], width, kernel + 1, stride=2, padding=kernel // 2))
            layers += [CodecBlock(width, kernel) for _ in range(config.layers)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return self.layers(x)


class FrameDecoder(nn.Module):
    """The way back, each frame by itself. (N, W, h, w) -> (N, 3, H, W)."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        kernel, widths = config.kernel, config.widths[::-1]
        layers: list[nn.Module] = []
        for scale, width in enumerate(widths):
            if scale > 0:  # twice as many places on a side
                layers += [nn.Conv2d(widths[scale - 1], 4 * width, 1), nn.PixelShuffle(2)]
            layers += [CodecBlock(width, kernel) for _ in range(config.decoder_layers)]
        layers += [PlaceNorm(widths[-1]), nn.SiLU()]
        layers += [nn.Conv2d(widths[-1], 3 * config.stem**2, kernel, padding=kernel // 2), nn.PixelShuffle(config.stem)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return self.layers(x)


class GroupEncoder(nn.Module):
    """The features of a group's frames to the mean and log variance of its latents.

    (B, G, F, W, h, w) -> (B, G, 2 C, h, w). F frames are stacked as channels: a convolution over time as wide as the
    group, after which nothing of the single frames is left. ``frames`` has groups of one frame and no blocks here.
    """

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        causal, inside = config.kind == "causal", config.frames_each * config.widths[-1]
        width = config.group_width if causal else inside
        self.join = nn.Conv2d(inside, width, 1) if causal else nn.Identity()
        blocks = [CodecBlock(width, config.kernel, temporal=True) for _ in range(config.group_layers if causal else 0)]
        self.blocks = nn.Sequential(*blocks)
        self.norm = PlaceNorm(width)
        self.latents = nn.Conv2d(width, 2 * config.latent, 1)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        films = x.shape[:2]
        x = self.join(x.flatten(2, 3).flatten(0, 1)).unflatten(0, films)  # (B * G, F * W, h, w) -> (B, G, D, h, w)
        x = F.silu(self.norm(self.blocks(x)))
        return self.latents(x.flatten(0, 1)).unflatten(0, films)


class GroupDecoder(nn.Module):
    """The way back. (B, G, C, h, w) -> (B, G, F, W, h, w)."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        causal, self.frames = config.kind == "causal", config.frames_each
        outside = config.frames_each * config.widths[-1]
        width = config.group_width if causal else outside
        self.begin = nn.Conv2d(config.latent, width, config.kernel, padding=config.kernel // 2)
        blocks = [CodecBlock(width, config.kernel, temporal=True) for _ in range(config.group_layers if causal else 0)]
        self.blocks = nn.Sequential(*blocks)
        self.part = nn.Conv2d(width, outside, 1) if causal else nn.Identity()

    def forward(self, z: Tensor) -> Tensor:
        """See the class."""
        x = self.blocks(self.begin(z.flatten(0, 1)).unflatten(0, z.shape[:2]))  # (B, G, D, h, w)
        return self.part(x.flatten(0, 1)).unflatten(1, (self.frames, -1)).unflatten(0, z.shape[:2])


class VideoCodec(nn.Module):
    """Films to latents and back.

        codec = VideoCodec(CodecConfig())
        z = codec.latents(frames)            # (B, 1 + 4 k, 3, 32, 32) in [0, 1] -> (B, 1 + k, 8, 8, 8)
        frames = codec.frames_of(z)          # -> (B, 1 + 4 k, 3, 32, 32) in [0, 1]

    ``latents`` are what a diffusion model learns to make: each channel with mean 0 and deviation 1 over the training
    films. ``encode`` and ``decode`` speak of the codec's own z, before that.
    """

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.config = config
        self.frame_encoder, self.group_encoder = FrameEncoder(config), GroupEncoder(config)
        self.group_decoder, self.frame_decoder = GroupDecoder(config), FrameDecoder(config)
        with torch.no_grad():
            self.group_encoder.latents.bias[config.latent :] = LOGVAR_AT_FIRST
        self.register_buffer("mean", torch.zeros(config.latent))  # of each channel of mu, over the training films
        self.register_buffer("square", torch.ones(config.latent))  # the mean of its square

    @property
    def deviation(self) -> Tensor:
        """Standard deviation of each channel of mu over the training films, (C,)."""
        return (self.square - self.mean.square()).clamp_min(1e-8).sqrt()

    def encode(self, frames: Tensor) -> Posterior:
        """q(z | x). (B, T, 3, H, W) in [0, 1] -> mu and logvar, (B, G, C, h, w) each.

        Raises ValueError where these are no films of float frames of the configured size, or of a length that cannot be
        cut into groups.
        """
        size = self.config.frame_size
        if frames.ndim != 5 or tuple(frames.shape[2:]) != (3, size, size) or not frames.is_floating_point():
            raise ValueError(f"float films (B, T, 3, {size}, {size}) wanted, got {frames.dtype} {tuple(frames.shape)}")
        self.config.groups(frames.shape[1])
        features = self.frame_encoder(2.0 * frames.flatten(0, 1) - 1.0).unflatten(0, frames.shape[:2])
        groups = group_frames(features, self.config.frames_each)  # (B, T, W, h, w) -> (B, G, F, W, h, w)
        mu, logvar = self.group_encoder(groups).float().chunk(2, dim=2)
        return Posterior(mu, logvar.clamp(*LOGVAR))

    def decode(self, z: Tensor) -> Tensor:
        """The mean of p(x | z). (B, G, C, h, w) -> (B, T, 3, H, W), near [0, 1].

        The decoder is convolutional: a grid of another shape is drawn as a room of another shape.
        Raises ValueError where these are no latents of this codec.
        """
        wanted = (self.config.latent, self.config.side, self.config.side)
        if z.ndim != 5 or z.shape[2] != self.config.latent:
            raise ValueError(f"latents (B, G, {', '.join(map(str, wanted))}) wanted, got {tuple(z.shape)}")
        features = ungroup_frames(self.group_decoder(z))  # (B, G, F, W, h, w) -> (B, T, W, h, w)
        return 0.5 + 0.5 * self.frame_decoder(features.flatten(0, 1)).unflatten(0, features.shape[:2]).float()

    def latents(self, frames: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Films as a diffusion model wants them, (B, T, 3, H, W) -> (B, G, C, h, w), channels of unit scale.

        The mean of q(z | x), or with a generator a draw from it.
        """
        z = reparameterise(*self.encode(frames), generator)
        return (z - self.mean[:, None, None]) / self.deviation[:, None, None]

    def frames_of(self, latents: Tensor) -> Tensor:
        """What the decoder draws for latents of unit scale, within [0, 1]. (B, G, C, h, w) -> (B, T, 3, H, W)."""
        return self.decode(latents * self.deviation[:, None, None] + self.mean[:, None, None]).clamp(0.0, 1.0)

    def forward(self, frames: Tensor, generator: torch.Generator | None = None) -> CodecOutput:
        """Encode, draw z (or take its mean when there is no generator), decode."""
        mu, logvar = self.encode(frames)
        return CodecOutput(self.decode(reparameterise(mu, logvar, generator)), mu, logvar)

    def loss(self, batch: dict[str, Tensor], step: int, generator: torch.Generator | None) -> dict[str, Tensor]:
        """The weighted reconstruction and the KL of a batch of films; each a scalar in nats per frame.

        batch: ``{"frames": (B, T, 3, H, W) in [0, 1], "foreground": bool (B, T, H, W)}``; without the second every
        pixel counts once. step: from 0 on, for the running mean and deviation of the latents.
        """
        x = batch["frames"]
        output = self(x, generator)
        error = (output.frames - x).square()  # (B, T, 3, H, W)
        if "foreground" in batch:
            error = error * (1.0 + (self.config.foreground - 1.0) * batch["foreground"][:, :, None].float())
        reconstruction = error.sum(dim=(2, 3, 4)).mean() / (2.0 * self.config.sigma**2)
        kl = kl_to_prior(output.mu, output.logvar).flatten(1).sum(dim=1).mean() / x.shape[1]
        if self.training:
            self._watch(output.mu.detach(), step)
        return {
            "loss": reconstruction + self.config.beta * kl,
            "reconstruction": reconstruction,
            "kl": kl,
            "psnr": psnr(output.frames.detach(), x).mean(),
        }

    @torch.no_grad()
    def _watch(self, mu: Tensor, step: int) -> None:
        """Keep the mean and the mean square of each channel: of all steps at first, then over the last ones."""
        moments = torch.stack([mu.mean(dim=(0, 1, 3, 4)), mu.square().mean(dim=(0, 1, 3, 4))])  # (2, C)
        mean, square = gather_batch(moments[None]).mean(dim=0)  # (W, 2, C) over the processes -> (2, C)
        share = max(1.0 / (step + 1), 1.0 / WATCHED)
        self.mean.lerp_(mean, share)
        self.square.lerp_(square, share)
