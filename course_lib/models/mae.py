"""The masked autoencoder (掩码自编码器): most of a picture is hidden, and what was hidden is drawn.

He et al., Masked Autoencoders Are Scalable Vision Learners, 2022 (arXiv 2111.06377), section 3 and appendix A.1.

    1. cut the picture into patches and shuffle them; the first quarter is visible, the rest is masked
    2. the encoder, a ViT, sees the visible patches only and gives a token for each
    3. a mask token stands at every masked place; the decoder, a small ViT, sees all tokens with their positions
    4. the loss is the mean squared error of the drawn pixels, on masked patches only

With ``normalised_targets`` (section 3, "Reconstruction target") the pixels of each patch are normalised by the patch's
own mean and standard deviation before they are compared. After training the decoder is thrown away: ``encode`` is what
the exam probes.

With ``corruption="noise"`` the same networks are a denoising autoencoder (去噪自编码器; Vincent et al., Extracting and
Composing Robust Features with Denoising Autoencoders, 2008, section 2.3): nothing is hidden, Gaussian noise is added to
all pixels, and every patch of the clean picture is to be drawn.

The encoder is ``nets/vit.py`` with the keys of ``ViTConfig``. I-JEPA can train the very same encoder in its own way.

Departures from the paper and its program, first those that change the count of parameters: no class token; no biases in
attention; positions are no parameters (the program counts them, though they are fixed there too). ViT-L/16 without its
head has 303,301,632 parameters, this one 301,056 fewer, 0.1 %. Further: PyTorch's own initialisation of linear layers,
where the program has Xavier's; no crops and flips of the pictures, since places are asked for afterwards; AdamW's usual
second beta, 0.999, where the program has 0.95; no weight decay on the mask token, as on biases and norms.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from course_lib.models.base import Layers, PositiveInt, ViTConfig, check_heads
from course_lib.nets import chance
from course_lib.nets.attention import Block
from course_lib.nets.patches import patchify, sincos_2d, unpatchify
from course_lib.nets.vit import ViT

TINY = 1e-6  # added to the variance of a patch, as in the paper's program: a patch of one colour stays a number


class MAEConfig(ViTConfig):
    """The sizes of one masked autoencoder. The default is the paper's: ViT-L/16, 8 decoder blocks of width 512."""

    corruption: Annotated[Literal["mask", "noise"], Field(description="what is done to a picture")] = "mask"
    mask_ratio: Annotated[float, Field(gt=0.0, lt=1.0, description="share of the patches that is masked")] = 0.75
    noise: Annotated[float, Field(gt=0.0, description="standard deviation of what is added to pixels")] = 0.5
    normalised_targets: Annotated[bool, Field(description="pixels normalised within each patch are drawn")] = True
    decoder_width: PositiveInt = 512
    decoder_depth: Layers = 8
    decoder_heads: PositiveInt = 16

    @property
    def visible(self) -> int:
        """Patches of a picture that the encoder sees in training, K; the same number for every picture."""
        if self.corruption == "noise":
            return self.patches
        return round(self.patches * (1.0 - self.mask_ratio))

    @model_validator(mode="after")
    def _decoder_fits(self) -> MAEConfig:
        check_heads("decoder_heads", self.decoder_heads, "decoder_width", self.decoder_width, waves=True)
        if self.corruption == "mask" and not 0 < self.visible < self.patches:
            raise ValueError(
                f"mask_ratio is {self.mask_ratio}: of {self.patches} patches {self.visible} would be visible; at least "
                "one must be, and at least one must not"
            )
        return self


class Shuffled(NamedTuple):
    """The patches of each picture in a random order, cut in two. Every patch stands in one of the two, once."""

    visible: Tensor  # int64 (B, K)
    masked: Tensor  # int64 (B, N - K)


class Reconstruction(NamedTuple):
    """Pictures with their masked patches drawn."""

    frames: Tensor  # (B, 3, H, W): visible patches as they were given, masked ones as the decoder draws them
    masked: Tensor  # bool (B, N): which patches were masked


def random_masking(batch: int, patches: int, visible: int, generator: torch.Generator) -> Shuffled:
    """Which patches of each picture are visible (section 3, "Masking"): a shuffle, its first ``visible`` and the rest.

    The shuffle of a row belongs to its place in the global batch (``nets/chance.py``).
    """
    order = chance.uniform((batch, patches), generator).argsort(dim=1)  # sorting noise is shuffling
    return Shuffled(order[:, :visible], order[:, visible:])


class MAE(nn.Module):
    """An encoder of frames, and the decoder that teaches it.

    mae = MAE(MAEConfig())
    losses = mae.loss({"frames": x}, 0, torch.Generator().manual_seed(0))   # x: (B, 3, 224, 224) in [0, 1]
    features = mae.encode(x)                                                # (B, 196, 1024)
    """

    def __init__(self, config: MAEConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = ViT(config.frame_size, config.patch, config.width, config.depth, config.heads)
        self.to_decoder = nn.Linear(config.width, config.decoder_width)
        self.mask_token = nn.Parameter(0.02 * torch.randn(config.decoder_width))
        places = sincos_2d(config.frame_size // config.patch, config.decoder_width)
        self.register_buffer("places", places, persistent=False)  # (N, decoder_width)
        width, heads = config.decoder_width, config.decoder_heads
        self.decoder = nn.ModuleList(Block(width, heads) for _ in range(config.decoder_depth))
        self.norm = nn.LayerNorm(width)
        self.to_pixels = nn.Linear(width, 3 * config.patch**2)

    def encode(self, frames: Tensor, visible: Tensor | None = None) -> Tensor:
        """One feature for each patch, before any pooling. Floats (..., 3, H, W) in [0, 1] -> (..., N, D).

        visible: int64 (..., K), the patches that the encoder sees; all of them by default, as after training.
        Raises ValueError where these are no such frames.
        """
        if not frames.is_floating_point():
            raise ValueError(f"float frames in [0, 1] wanted, got {frames.dtype}; worlds/frames.py converts")
        return self.encoder.features(frames, visible)

    def decode(self, features: Tensor, visible: Tensor) -> Tensor:
        """What the decoder draws at every place. features: (B, K, D) of the visible patches -> (B, N, 3 * P * P)."""
        known = self.to_decoder(features)  # (B, K, decoder_width)
        x = self.mask_token.to(known.dtype).expand(len(known), self.config.patches, -1)  # (B, N, decoder_width)
        x = x.scatter(1, visible[..., None].expand_as(known), known) + self.places
        for block in self.decoder:
            x = block(x)
        return self.to_pixels(self.norm(x)).float()  # float also where mixed precision computes in bfloat16

    def targets(self, frames: Tensor) -> Tensor:
        """What is to be drawn at every place: pixels, as they are or normalised. (B, 3, H, W) -> (B, N, 3 * P * P)."""
        pixels = patchify(frames, self.config.patch)
        if not self.config.normalised_targets:
            return pixels
        mean, deviation = _moments(pixels)
        return (pixels - mean) / deviation

    def masked_error(self, drawn: Tensor, frames: Tensor, masked: Tensor) -> Tensor:
        """Mean squared error over the masked patches of each picture: (B, N, 3 * P * P), (B, 3, H, W), (B, M) -> (B,).

        What is drawn at visible places does not count.
        """
        error = (drawn - self.targets(frames)).square().mean(dim=-1)  # (B, N)
        return error.take_along_dim(masked, dim=1).mean(dim=1)

    def loss(self, batch: dict[str, Tensor], step: int, generator: torch.Generator) -> dict[str, Tensor]:
        """The loss of a batch: the mean over pictures of ``masked_error``, over all patches where they are noisy.

        batch: ``{"frames": (B, 3, H, W) in [0, 1]}``. step is not used: nothing here changes in the course of training.
        With normalised targets a decoder that draws every patch in its own mean has a loss a little below 1.
        """
        frames = batch["frames"]
        if self.config.corruption == "noise":
            every = torch.arange(self.config.patches, device=frames.device).expand(len(frames), -1)  # (B, N)
            drawn = self.decode(self.encode(self.noised(frames, generator)), every)
            return {"loss": self.masked_error(drawn, frames, every).mean()}
        visible, masked = self._shuffle(frames, generator)
        drawn = self.decode(self.encode(frames, visible), visible)
        return {"loss": self.masked_error(drawn, frames, masked).mean()}

    def noised(self, frames: Tensor, generator: torch.Generator) -> Tensor:
        """Pictures with Gaussian noise on every pixel, not clipped: clipping would tell black and white from grey."""
        noise = chance.normal(frames.shape, generator).to(frames)
        return frames + self.config.noise * noise

    def reconstruct(self, frames: Tensor, generator: torch.Generator) -> Reconstruction:
        """Mask pictures as in training and draw what is masked. (B, 3, H, W) in [0, 1] -> the same, in [0, 1].

        Raises ValueError for a denoising autoencoder, which hides nothing.

        With normalised targets the decoder knows a patch but for its mean and standard deviation. These are taken from
        the true patch, so that there is something to look at: what is drawn is then the pattern alone.
        """
        if self.config.corruption == "noise":
            raise ValueError("this autoencoder learned to take noise away and hides no patch: there is none to draw")
        visible, masked = self._shuffle(frames, generator)
        drawn = self.decode(self.encode(frames, visible), visible)
        pixels = patchify(frames, self.config.patch)
        if self.config.normalised_targets:
            mean, deviation = _moments(pixels)
            drawn = drawn * deviation + mean
        hidden = torch.zeros(drawn.shape[:2], dtype=torch.bool, device=frames.device).scatter(1, masked, True)  # (B, N)
        whole = torch.where(hidden[..., None], drawn.clamp(0.0, 1.0), pixels)
        return Reconstruction(unpatchify(whole, self.config.patch, self.config.frame_size), hidden)

    def _shuffle(self, frames: Tensor, generator: torch.Generator) -> Shuffled:
        shuffled = random_masking(len(frames), self.config.patches, self.config.visible, generator)
        return Shuffled(*(part.to(frames.device) for part in shuffled))


def _moments(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each patch over its pixels and colours. (..., 3 * P * P) -> twice (..., 1)."""
    variance, mean = torch.var_mean(pixels, dim=-1, keepdim=True)
    return mean, (variance + TINY).sqrt()
