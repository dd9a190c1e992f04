"""The video tokenizer (视频分词器): films in, a grid of whole numbers for each frame in the middle, films out.

Genie (Bruce et al. 2024, arXiv 2402.15391, section 2, "Video tokenizer", and appendix), trained as a VQ-VAE (van den
Oord et al. 2017, arXiv 1711.00937, section 3.2, equation 3):

    L = |x - decoder(e)|^2 / variance + |sg[encoder(x)] - e|^2 + beta |encoder(x) - sg[e]|^2

x is a frame, e the codes nearest to what the encoder says, sg stops the gradient. The first term is the reconstruction,
the second the codebook loss, the third the commitment.

Three kinds share everything but their layers. "space_time" is the paper's: patches, and blocks of a transformer in
which a token looks at its own frame and at its own place in the frames before it, never at a later one. "convolutions"
sees each frame by itself; which of the two gives more for a minute of one core was not measured. "patches" has no
layers: a patch becomes the nearest of K patches, and the codebook loss alone, as k-means has it, moves those.

How local is a token? A norm over the frame, or an encoder that looks far, lets every token know of every other. The
network then writes one sentence about the whole frame and spreads it over all tokens: good decibels, and tokens that
all change when anything moves, which nothing can predict well. ``norm: place`` and ``looking: 0`` keep a token to its
patch and the eight around it; the decoder may look as far as it likes. Without layers a token knows its patch alone,
and changes only where a pixel does.

Departures from the paper, all in the configuration: frames of 32 pixels; fewer, shorter codes; dead codes are revived;
the error is divided by the variance of the data, as in the VQ-VAE authors' program, so that beta means the same for
every film set.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, NamedTuple

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from course_lib.models.base import Layers, ModelConfig, PositiveInt, check_groups, check_heads, check_hidden
from course_lib.nets.convolutions import PlaceNorm
from course_lib.nets.patches import patchify, unpatchify
from course_lib.nets.quantise import FSQ, Quantised, VectorQuantiser
from course_lib.nets.space_time import SpaceTimeTransformer
from course_lib.worlds import spec
from course_lib.worlds.frames import psnr


class TokenizerConfig(ModelConfig):
    """The sizes of one tokenizer. A frame becomes (frame_size / patch)^2 tokens, each one of ``number_of_codes``."""

    frame_size: Literal[32, 64] = 32
    patch: Annotated[int, Field(ge=1, le=16, description="pixels on a side that become one token")] = 4
    kind: Annotated[
        Literal["convolutions", "space_time", "patches"], Field(description="of layers; patches has none")
    ] = "convolutions"
    width: PositiveInt = 64
    layers: Layers = 2
    heads: Annotated[int, Field(ge=1, le=16_384, description="of the encoder's attention, for space_time")] = 4
    decoder_width: PositiveInt = 64
    decoder_layers: Layers = 2
    decoder_heads: PositiveInt = 4
    hidden: Annotated[
        float, Field(gt=0.0, le=64.0, description="inside the feed-forward, in widths, for space_time")
    ] = 4.0
    latent: Annotated[int, Field(ge=1, le=1024, description="numbers in a code")] = 16
    quantiser: Literal["vq", "fsq"] = "vq"
    codes: Annotated[int, Field(ge=2, le=65_536, description="in the codebook, for vq")] = 512
    levels: Annotated[
        tuple[Annotated[int, Field(ge=2, le=65_536)], ...], Field(strict=False, description="of each number, for fsq")
    ] = ()
    beta: Annotated[float, Field(ge=0.0, le=1e6, description="weight of the commitment")] = 0.25
    decay: Annotated[float | None, Field(ge=0.0, lt=1.0, description="for codes that are moving averages")] = None
    cosine: Annotated[bool, Field(description="compare codes by angle alone")] = False
    reset_after: Annotated[
        int, Field(ge=0, le=10**9, description="steps until an unused code is revived; 0 for never")
    ] = 100
    revive_far: Annotated[bool, Field(description="put dead codes on what is drawn badly, not on anything")] = False
    norm: Annotated[Literal["frame", "place"], Field(description="what convolutions are normalised over")] = "frame"
    looking: Annotated[
        int | None, Field(ge=0, le=256, description="encoder layers that look at their neighbours; null for all")
    ] = None
    spread: Annotated[float, Field(gt=0.0, le=1e6, description="standard deviation of the codes at first")] = 1.0
    variance: Annotated[float, Field(gt=0.0, le=1e6, description="of a pixel of the data")] = 0.01

    @property
    def tokens(self) -> int:
        """Of a frame."""
        return (self.frame_size // self.patch) ** 2

    @property
    def number_of_codes(self) -> int:
        """Of either quantiser."""
        return math.prod(self.levels) if self.quantiser == "fsq" else self.codes

    @model_validator(mode="after")
    def _fits(self) -> TokenizerConfig:
        if self.frame_size % self.patch:
            raise ValueError(f"frames of {self.frame_size} pixels cannot be cut into patches of {self.patch}")
        if (self.quantiser == "fsq") != bool(self.levels):
            raise ValueError("levels belong to the quantiser fsq, which needs them")
        if self.levels and len(self.levels) != self.latent:
            raise ValueError(f"fsq rounds each of the {self.latent} latent numbers, levels has {len(self.levels)}")
        if self.number_of_codes > 65_536:
            raise ValueError(f"levels come to {self.number_of_codes} codes, and a codebook has at most 65536")
        self._widths_fit()
        return self

    def _widths_fit(self) -> None:
        pixels = 3 * self.patch**2
        if self.kind == "patches" and (self.latent != pixels or self.quantiser != "vq"):
            raise ValueError(f"codes of kind patches are patches: latent is {pixels} then, the quantiser vq")
        for part in ("", "decoder_"):
            width, heads = getattr(self, f"{part}width"), getattr(self, f"{part}heads")
            if self.kind == "space_time":
                check_heads(f"{part}heads", heads, f"{part}width", width, waves=True)
                check_hidden(self.hidden, width)
            elif self.kind == "convolutions" and self.norm == "frame":
                check_groups(f"{part}width", width)


class TokenizerOutput(NamedTuple):
    """What one pass of B films of T frames gives; N tokens a frame."""

    frames: Tensor  # (B, T, 3, H, W), reconstructed; near [0, 1] without being forced into it
    index: Tensor  # (B, T, N), the tokens, int64
    codes: Tensor  # (B, T, N, D)
    commitment: Tensor  # scalar
    codebook: Tensor  # scalar


def make_quantiser(config: TokenizerConfig) -> VectorQuantiser | FSQ:
    """The quantiser that a configuration asks for."""
    if config.quantiser == "fsq":
        return FSQ(config.levels)
    return VectorQuantiser(
        config.codes, config.latent, decay=config.decay, cosine=config.cosine, reset_after=config.reset_after,
        far=config.revive_far, spread=config.spread,
    )  # fmt: skip


def _norm(config: TokenizerConfig, width: int) -> nn.Module:
    return nn.GroupNorm(min(8, width), width) if config.norm == "frame" else PlaceNorm(width)


class Residual(nn.Module):
    """A small step of convolutions added to what is there: x + Conv(SiLU(Conv(SiLU(Norm(x))))). (B, C, h, w).

    neighbours: whether a place looks at its eight neighbours, or at itself alone.
    """

    def __init__(self, config: TokenizerConfig, width: int, *, neighbours: bool = True) -> None:
        super().__init__()
        self.norm = _norm(config, width)
        self.look = nn.Conv2d(width, width, 3, padding=1) if neighbours else nn.Conv2d(width, width, 1)
        self.mix = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) -> the same."""
        return x + self.mix(F.silu(self.look(F.silu(self.norm(x)))))


class ConvolutionalEncoder(nn.Module):
    """Patches laid flat, then convolutions over the grid of patches. (B, T, 3, H, W) -> (B, T, N, D)."""

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        self.patches = nn.PixelUnshuffle(config.patch)
        self.begin = nn.Conv2d(3 * config.patch**2, config.width, 3, padding=1)
        looking = config.layers if config.looking is None else config.looking
        layers = [Residual(config, config.width, neighbours=n < looking) for n in range(config.layers)]
        self.layers = nn.Sequential(*layers)
        self.norm = _norm(config, config.width)
        self.end = nn.Conv2d(config.width, config.latent, 1)

    def forward(self, frames: Tensor) -> Tensor:
        """See the class."""
        x = self.patches(frames.flatten(0, 1))  # (B, T, 3, H, W) -> (B * T, 3 * P * P, H / P, W / P)
        x = self.end(F.silu(self.norm(self.layers(self.begin(x)))))  # (B * T, D, H / P, W / P)
        return x.flatten(2).transpose(1, 2).unflatten(0, frames.shape[:2])  # (B, T, N, D)


class ConvolutionalDecoder(nn.Module):
    """The way back. (B, T, N, D) -> (B, T, 3, H, W)."""

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        self.side = config.frame_size // config.patch
        self.begin = nn.Conv2d(config.latent, config.decoder_width, 3, padding=1)
        self.layers = nn.Sequential(*[Residual(config, config.decoder_width) for _ in range(config.decoder_layers)])
        self.norm = _norm(config, config.decoder_width)
        self.end = nn.Conv2d(config.decoder_width, 3 * config.patch**2, 3, padding=1)
        self.pixels = nn.PixelShuffle(config.patch)

    def forward(self, codes: Tensor) -> Tensor:
        """See the class."""
        x = codes.flatten(0, 1).transpose(1, 2).unflatten(2, (self.side, self.side))  # (B * T, D, H / P, W / P)
        x = self.end(F.silu(self.norm(self.layers(self.begin(x)))))  # (B * T, 3 * P * P, H / P, W / P)
        return self.pixels(x).unflatten(0, codes.shape[:2])  # (B, T, 3, H, W)


def _stack(config: TokenizerConfig, width: int, layers: int, heads: int) -> SpaceTimeTransformer:
    side = config.frame_size // config.patch
    return SpaceTimeTransformer(width, layers, heads, frames=spec.FILM_FRAMES, places=(side, side),
                                positions="sincos", hidden=round(config.hidden * width))  # fmt: skip


class SpaceTimeEncoder(nn.Module):
    """Patches laid flat, then the space-time transformer. (B, T, 3, H, W) -> (B, T, N, D)."""

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        self.patch = config.patch
        self.begin = nn.Linear(3 * config.patch**2, config.width)
        self.layers = _stack(config, config.width, config.layers, config.heads)
        self.end = nn.Linear(config.width, config.latent)

    def forward(self, frames: Tensor) -> Tensor:
        """See the class."""
        return self.end(self.layers(self.begin(patchify(frames, self.patch))))  # patches are (B, T, N, 3 * P * P)


class SpaceTimeDecoder(nn.Module):
    """The way back. (B, T, N, D) -> (B, T, 3, H, W)."""

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        self.patch, self.size, width = config.patch, config.frame_size, config.decoder_width
        self.begin = nn.Linear(config.latent, width)
        self.layers = _stack(config, width, config.decoder_layers, config.decoder_heads)
        self.end = nn.Linear(width, 3 * config.patch**2)

    def forward(self, codes: Tensor) -> Tensor:
        """See the class."""
        return unpatchify(self.end(self.layers(self.begin(codes))), self.patch, self.size)


class PatchEncoder(nn.Module):
    """Patches laid flat, and nothing else. (B, T, 3, H, W) -> (B, T, N, 3 * P * P)."""

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        self.patch = config.patch

    def forward(self, frames: Tensor) -> Tensor:
        """See the class."""
        return patchify(frames, self.patch)


class PatchDecoder(nn.Module):
    """The way back. (B, T, N, 3 * P * P) -> (B, T, 3, H, W)."""

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        self.patch, self.size = config.patch, config.frame_size

    def forward(self, codes: Tensor) -> Tensor:
        """See the class."""
        return unpatchify(codes, self.patch, self.size)


LAYERS: dict[str, tuple[type[nn.Module], type[nn.Module]]] = {
    "convolutions": (ConvolutionalEncoder, ConvolutionalDecoder),
    "space_time": (SpaceTimeEncoder, SpaceTimeDecoder),
    "patches": (PatchEncoder, PatchDecoder),
}


class VideoTokenizer(nn.Module):
    """Films to tokens and back.

        tokenizer = VideoTokenizer(TokenizerConfig())
        index = tokenizer.tokens(frames)           # (B, T, 3, 32, 32) in [0, 1] -> int64 (B, T, 64)
        frames = tokenizer.frames_of(index)        # -> (B, T, 3, 32, 32)
    """

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        self.config = config
        encoder, decoder = LAYERS[config.kind]
        self.encoder, self.quantiser, self.decoder = encoder(config), make_quantiser(config), decoder(config)

    def encode(self, frames: Tensor) -> Tensor:
        """What the encoder says, before it is quantised. (B, T, 3, H, W) in [0, 1] -> (B, T, N, D).

        Raises ValueError where these are no films of float frames of the configured size.
        """
        size = self.config.frame_size
        if frames.ndim != 5 or tuple(frames.shape[2:]) != (3, size, size) or not frames.is_floating_point():
            raise ValueError(f"float films (B, T, 3, {size}, {size}) wanted, got {frames.dtype} {tuple(frames.shape)}")
        return self.encoder(frames).float()  # distances between codes need their digits

    def quantise(self, x: Tensor, generator: torch.Generator | None = None) -> Quantised:
        """The codes for what the encoder said. (B, T, N, D)."""
        return self.quantiser(x, generator)

    def decode(self, codes: Tensor) -> Tensor:
        """Frames from codes. (B, T, N, D) -> (B, T, 3, H, W)."""
        return self.decoder(codes).float()

    def tokens(self, frames: Tensor) -> Tensor:
        """The tokens of films. (B, T, 3, H, W) -> int64 (B, T, N)."""
        return self.quantise(self.encode(frames)).index

    def frames_of(self, index: Tensor) -> Tensor:
        """What the decoder draws for tokens, within [0, 1]. int64 (B, T, N) -> (B, T, 3, H, W)."""
        return self.decode(self.quantiser.look_up(index)).clamp(0.0, 1.0)

    def forward(self, frames: Tensor, generator: torch.Generator | None = None) -> TokenizerOutput:
        """Encode, quantise, decode. The generator is for reviving dead codes in training."""
        answer = self.quantise(self.encode(frames), generator)
        drawn = self.decode(answer.codes)
        return TokenizerOutput(drawn, answer.index, answer.codes, answer.commitment, answer.codebook)

    def loss(self, batch: dict[str, Tensor], step: int, generator: torch.Generator | None) -> dict[str, Tensor]:
        """Reconstruction, codebook loss and commitment of a batch of films; each a scalar.

        batch: ``{"frames": (B, T, 3, H, W) in [0, 1]}``. step is not used. ``in_use`` is the share of the codes that
        this batch was answered with: the diagnostic of a collapse.
        """
        x = batch["frames"]
        output = self(x, generator)
        error = (output.frames - x).square()  # (B, T, 3, H, W)
        reconstruction = error.mean() / self.config.variance
        with torch.no_grad():
            chosen = torch.bincount(output.index.flatten(), minlength=self.quantiser.codes)
            in_use = (chosen > 0).float().mean()
        return {
            "loss": reconstruction + output.codebook + self.config.beta * output.commitment,
            "reconstruction": reconstruction,
            "commitment": output.commitment,
            "psnr": psnr(output.frames.detach(), x).mean(),
            "in_use": in_use,
        }
