"""The latent action model (潜在动作模型): what was done between two frames, found in films that carry no labels.

Genie (Bruce et al. 2024, arXiv 2402.15391, section 2, "Latent action model"). An encoder sees the frames so far and the
next one and says what happened in between; a codebook of 8 leaves it three bits to say it in; a decoder sees the frames
so far and the code, never the next frame, and has to draw the next frame:

    a_t = nearest code to encoder(x_1 .. x_t, x_{t+1})         at most log2(8) = 3 bits
    x'_{t+1} = decoder(x_1 .. x_t, a_t)

What the decoder can know from the past it need not be told, so the code is worth most where it says what the past does
not: the action. Nobody says which code is which action, nor that a code is an action at all. Training is that of a
VQ-VAE (``tokenizer.py``). In play the model is not used, only its codebook.

Encoder and decoder come in two kinds each, chosen apart, so that one can be exchanged while the other stays:
"space_time" is the paper's, patches and the transformer of ``space_time.py``; "convolutions" looks at the last few
frames and forgets where in the picture it was, so that a code means the same wherever it happens. The size cpu is made
of convolutions: at this size patches give codes whose meaning depends on where the agent stands on their grid.

Departures from the paper, all in the configuration: the kinds above; frames of 32 pixels; codes compared by angle, and
revived where they die; pixels that change weigh more in the error, because most of a frame never changes. The paper
does not say how a frame's tokens become one code; here it is read off their mean where something changed.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from course_lib.models.base import Layers, ModelConfig, PositiveInt, check_groups, check_heads, check_hidden
from course_lib.models.tokenizer import VideoTokenizer
from course_lib.nets.patches import patchify, unpatchify
from course_lib.nets.quantise import Quantised, VectorQuantiser
from course_lib.nets.space_time import SpaceTimeTransformer
from course_lib.worlds import spec
from course_lib.worlds.frames import psnr

Kind = Literal["convolutions", "space_time"]


class LatentActionConfig(ModelConfig):
    """The sizes of one latent action model."""

    frame_size: Literal[32, 64] = 32
    codes: Annotated[int, Field(ge=2, le=1024, description="in the codebook: so many actions")] = 8
    latent: Annotated[int, Field(ge=1, le=1024, description="numbers in a code")] = 32
    encoder: Annotated[Kind, Field(description="of layers")] = "convolutions"
    width: PositiveInt = 32
    layers: Layers = 2
    heads: Annotated[int, Field(ge=1, le=16_384, description="for space_time")] = 4
    decoder: Annotated[Kind, Field(description="of layers")] = "convolutions"
    decoder_width: PositiveInt = 32
    decoder_layers: Layers = 3
    decoder_heads: Annotated[int, Field(ge=1, le=16_384, description="for space_time")] = 4
    context: Annotated[int, Field(ge=1, le=8, description="frames before the next that convolutions see")] = 2
    patch: Annotated[int, Field(ge=1, le=16, description="pixels on a side of a token, for space_time")] = 8
    hidden: Annotated[
        float, Field(gt=0.0, le=64.0, description="inside the feed-forward, in widths, for space_time")
    ] = 4.0
    beta: Annotated[float, Field(ge=0.0, le=1e6, description="weight of the commitment")] = 0.25
    cosine: Annotated[bool, Field(description="compare codes by angle alone")] = True
    reset_after: Annotated[
        int, Field(ge=0, le=10**9, description="steps until an unused code is revived; 0 for never")
    ] = 50
    spread: Annotated[float, Field(gt=0.0, le=1e6, description="standard deviation of the codes at first")] = 1.0
    changed: Annotated[float, Field(ge=0.0, le=1e6, description="extra weight of pixels that change")] = 20.0
    variance: Annotated[float, Field(gt=0.0, le=1e6, description="of a pixel of the data")] = 0.01

    @model_validator(mode="after")
    def _fits(self) -> LatentActionConfig:
        if self.frame_size % self.patch:
            raise ValueError(f"frames of {self.frame_size} pixels cannot be cut into patches of {self.patch}")
        for part, kind in (("", self.encoder), ("decoder_", self.decoder)):
            width = getattr(self, f"{part}width")
            if kind == "space_time":
                check_heads(f"{part}heads", getattr(self, f"{part}heads"), f"{part}width", width, waves=True)
                check_hidden(self.hidden, width)
            elif part:  # the convolutions of the decoder alone are normalised
                check_groups(f"{part}width", width)
        return self


class LatentActionOutput(NamedTuple):
    """What one pass over B films of T frames gives. Row t is about the step from frame t to frame t + 1."""

    frames: Tensor  # (B, T - 1, 3, H, W): the decoder's frames 1 to T - 1, near [0, 1] without being forced into it
    index: Tensor  # (B, T - 1), int64: the latent actions
    codes: Tensor  # (B, T - 1, D)
    commitment: Tensor  # scalar
    codebook: Tensor  # scalar


def with_past(frames: Tensor, context: int) -> Tensor:
    """Each frame with those before it, the oldest first; before the first frame there is the first again.

    (B, T, 3, H, W) -> (B, T, context * 3, H, W).
    """
    early = frames[:, :1].expand(-1, context - 1, -1, -1, -1)
    padded = torch.cat([early, frames], dim=1)  # (B, T + context - 1, 3, H, W)
    return torch.cat([padded[:, k : k + frames.shape[1]] for k in range(context)], dim=2)


def moved(before: Tensor, after: Tensor) -> Tensor:
    """1 where a pixel changes in any colour, 0 elsewhere. Both (..., 3, H, W) -> (..., 1, H, W)."""
    return ((after - before).abs().amax(dim=-3, keepdim=True) > 0.02).to(before.dtype)


class ConvolutionalEncoder(nn.Module):
    """The last frames, the next one and its difference; convolutions; a mean over the places where something changed.

    (B, T, 3, H, W) -> (B, T - 1, D). The mean over *all* places would be nearly the same for every step: what moves is
    a hundredth of a frame. In each channel every place has a weight that is learned ("attention pooling", attention
    with one query), so that the encoder can look at one of several things that move. At first all weights are equal.
    """

    def __init__(self, config: LatentActionConfig, channels: int = 3, stride: int = 2) -> None:
        super().__init__()
        self.context, self.stride, width = config.context, stride, config.width
        self.begin = nn.Conv2d(channels * (config.context + 2), width, 5, stride=stride, padding=2)
        self.layers = nn.Sequential(
            *[nn.Sequential(nn.SiLU(), nn.Conv2d(width, width, 3, padding=1)) for _ in range(config.layers)]
        )
        self.attend = nn.Conv2d(width, width, 1)
        nn.init.zeros_(self.attend.weight)
        nn.init.zeros_(self.attend.bias)
        self.end = nn.Sequential(nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, config.latent))

    def forward(self, frames: Tensor) -> Tensor:
        """See the class."""
        before, after = frames[:, :-1], frames[:, 1:]
        x = torch.cat([with_past(before, self.context), after, after - before], dim=2)  # (B, T - 1, C (c + 2), H, W)
        x = self.layers(self.begin(x.flatten(0, 1)))  # (B * (T - 1), width, h, w), h = H / stride
        here = F.max_pool2d(moved(before, after).flatten(0, 1), self.stride)  # (B * (T - 1), 1, h, w), 0 or 1
        weights = (self.attend(x) + 1e4 * (here - 1.0)).flatten(2).softmax(dim=-1)  # (B * (T - 1), width, h * w)
        x = (weights * F.silu(x).flatten(2)).sum(dim=-1)  # the place is forgotten: (B * (T - 1), width)
        return self.end(x).unflatten(0, before.shape[:2])  # (B, T - 1, D)


class Modulated(nn.Module):
    """A step of convolutions that the action steers: every channel is scaled and shifted by what the code says.

    x + Conv(SiLU(Conv(SiLU((1 + scale) * Norm(x) + shift)))) (feature-wise linear modulation, Perez et al. 2018).
    """

    def __init__(self, width: int, latent: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(min(8, width), width)
        self.told = nn.Linear(latent, 2 * width)
        self.look, self.mix = nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """x: (B, C, h, w), code: (B, D) -> (B, C, h, w)."""
        scale, shift = self.told(code)[:, :, None, None].chunk(2, dim=1)  # (B, 2 C, 1, 1) -> two of (B, C, 1, 1)
        return x + self.mix(F.silu(self.look(F.silu((1.0 + scale) * self.norm(x) + shift))))


class ConvolutionalDecoder(nn.Module):
    """The last frames and a code; what changes is drawn over the last frame. (B, S, 3, H, W), (B, S, D) ->
    (B, S, 3, H, W)."""

    def __init__(self, config: LatentActionConfig) -> None:
        super().__init__()
        self.context, width = config.context, config.decoder_width
        self.fold, self.unfold = nn.PixelUnshuffle(2), nn.PixelShuffle(2)
        self.begin = nn.Conv2d(12 * config.context, width, 3, padding=1)
        self.layers = nn.ModuleList(Modulated(width, config.latent) for _ in range(config.decoder_layers))
        self.end = nn.Conv2d(width, 12, 3, padding=1)

    def forward(self, frames: Tensor, codes: Tensor) -> Tensor:
        """See the class."""
        x = self.begin(self.fold(with_past(frames, self.context).flatten(0, 1)))  # (B * S, width, H / 2, W / 2)
        for layer in self.layers:
            x = layer(x, codes.flatten(0, 1))
        change = self.unfold(self.end(F.silu(x)))  # (B * S, 12, H / 2, W / 2) -> (B * S, 3, H, W)
        return frames + change.unflatten(0, frames.shape[:2])


def _stack(config: LatentActionConfig, width: int, layers: int, heads: int) -> SpaceTimeTransformer:
    side = config.frame_size // config.patch
    return SpaceTimeTransformer(width, layers, heads, frames=spec.FILM_FRAMES, places=(side, side),
                                positions="sincos", hidden=round(config.hidden * width))  # fmt: skip


class SpaceTimeEncoder(nn.Module):
    """Patches, the space-time transformer, the mean over the tokens of patches in which something changed.

    (B, T, 3, H, W) -> (B, T - 1, D).
    """

    def __init__(self, config: LatentActionConfig) -> None:
        super().__init__()
        self.patch = config.patch
        self.begin = nn.Linear(3 * config.patch**2, config.width)
        self.layers = _stack(config, config.width, config.layers, config.heads)
        self.end = nn.Linear(config.width, config.latent)

    def forward(self, frames: Tensor) -> Tensor:
        """See the class. What frame t + 1 says, having looked back, is about the step from t to t + 1."""
        x = self.layers(self.begin(patchify(frames, self.patch)))[:, 1:]  # (B, T - 1, N, width)
        here = F.max_pool2d(moved(frames[:, :-1], frames[:, 1:]).flatten(0, 1), self.patch)  # (B * (T - 1), 1, h, w)
        here = here.flatten(1).unflatten(0, x.shape[:2])[..., None]  # (B, T - 1, N, 1)
        return self.end((x * here).sum(dim=2) / (here.sum(dim=2) + 1.0))


class SpaceTimeDecoder(nn.Module):
    """Patches with the code added to each, the space-time transformer, patches of the next frame.

    (B, S, 3, H, W), (B, S, D) -> (B, S, 3, H, W).
    """

    def __init__(self, config: LatentActionConfig) -> None:
        super().__init__()
        self.patch, self.size, width = config.patch, config.frame_size, config.decoder_width
        self.begin = nn.Linear(3 * config.patch**2, width)
        self.told = nn.Linear(config.latent, width)
        self.layers = _stack(config, width, config.decoder_layers, config.decoder_heads)
        self.end = nn.Linear(width, 3 * config.patch**2)

    def forward(self, frames: Tensor, codes: Tensor) -> Tensor:
        """See the class."""
        x = self.begin(patchify(frames, self.patch)) + self.told(codes)[:, :, None]  # (B, S, N, width)
        return frames + unpatchify(self.end(self.layers(x)), self.patch, self.size)


class LatentActionModel(nn.Module):
    """Films to latent actions, and frames and latent actions to the next frame.

        model = LatentActionModel(LatentActionConfig())
        index = model.infer(frames)                 # (B, T, 3, 32, 32) in [0, 1] -> int64 (B, T - 1)
        after = model.predict(frames[:, :-1], index)  # -> (B, T - 1, 3, 32, 32)

    tokenizer: where it is given, the encoder looks at the codes of its tokens, (B, T, D, h, w), in the place of pixels
    (the ablation of the paper's section 3.4; there the decoder draws tokens as well, here it draws pixels). It is
    frozen and no part of this model's weights. Raises ValueError where the encoder is not made of convolutions.
    """

    def __init__(self, config: LatentActionConfig, tokenizer: VideoTokenizer | None = None) -> None:
        super().__init__()
        self.config = config
        self._tokenizer = [tokenizer]  # in a list, so that torch does not take it for a part
        if tokenizer is None:
            self.encoder = (ConvolutionalEncoder if config.encoder == "convolutions" else SpaceTimeEncoder)(config)
        elif config.encoder == "convolutions":
            self.encoder = ConvolutionalEncoder(config, tokenizer.config.latent, stride=1)
        else:
            raise ValueError(f"tokens are looked at by convolutions alone, not by {config.encoder}")
        self.quantiser = VectorQuantiser(
            config.codes, config.latent, cosine=config.cosine, reset_after=config.reset_after, spread=config.spread
        )
        self.decoder = (ConvolutionalDecoder if config.decoder == "convolutions" else SpaceTimeDecoder)(config)

    def encode(self, frames: Tensor) -> Tensor:
        """What the encoder says about each step, before it is quantised. (B, T, 3, H, W) -> (B, T - 1, D).

        Raises ValueError where these are no float films of the configured size and at least two frames.
        """
        size = self.config.frame_size
        if frames.ndim != 5 or tuple(frames.shape[2:]) != (3, size, size) or not frames.is_floating_point():
            raise ValueError(f"float films (B, T, 3, {size}, {size}) wanted, got {frames.dtype} {tuple(frames.shape)}")
        if frames.shape[1] < 2:
            raise ValueError("an action lies between two frames; these films have only one")
        return self.encoder(self._seen(frames)).float()

    def _seen(self, frames: Tensor) -> Tensor:
        (tokenizer,) = self._tokenizer
        if tokenizer is None:
            return frames
        with torch.no_grad():
            codes = tokenizer.quantiser.look_up(tokenizer.tokens(frames))  # (B, T, N, D)
        side = tokenizer.config.frame_size // tokenizer.config.patch
        return codes.transpose(2, 3).unflatten(3, (side, side))  # (B, T, D, h, w)

    def quantise(self, x: Tensor, generator: torch.Generator | None = None) -> Quantised:
        """The codes for what the encoder said. (B, T - 1, D)."""
        return self.quantiser(x, generator)

    def infer(self, frames: Tensor) -> Tensor:
        """The latent action of each step. (B, T, 3, H, W) -> int64 (B, T - 1)."""
        return self.quantise(self.encode(frames)).index

    def decode(self, frames: Tensor, codes: Tensor) -> Tensor:
        """The frame after each of ``frames``. (B, S, 3, H, W), (B, S, D) -> (B, S, 3, H, W)."""
        return self.decoder(frames, codes).float()

    def predict(self, frames: Tensor, index: Tensor) -> Tensor:
        """The frame after each of ``frames`` under these latent actions, within [0, 1]. index: int64 (B, S)."""
        return self.decode(frames, self.quantiser.look_up(index)).clamp(0.0, 1.0)

    def forward(self, frames: Tensor, generator: torch.Generator | None = None) -> LatentActionOutput:
        """Infer the actions of films and draw every next frame. The generator is for reviving dead codes."""
        answer = self.quantise(self.encode(frames), generator)
        drawn = self.decode(frames[:, :-1], answer.codes)
        return LatentActionOutput(drawn, answer.index, answer.codes, answer.commitment, answer.codebook)

    def loss(self, batch: dict[str, Tensor], step: int, generator: torch.Generator | None) -> dict[str, Tensor]:
        """Weighted error of the next frames, codebook loss and commitment of a batch of films; each a scalar.

        batch: ``{"frames": (B, T, 3, H, W) in [0, 1]}``. step is not used. Steps whose past is not in the films (the
        first ``context - 1``) are not counted where there are others: a film that begins in the middle does not say how
        fast things were. ``perplexity``: so many codes, used equally often, would be as hard to guess; 1 is collapse.
        """
        x = batch["frames"]
        output = self(x, generator)
        first = min(self.config.context - 1, x.shape[1] - 2)
        error = (output.frames - x[:, 1:])[:, first:].square()  # (B, S, 3, H, W)
        weights = 1.0 + self.config.changed * moved(x[:, first:-1], x[:, first + 1 :])  # (B, S, 1, H, W)
        reconstruction = (weights * error).mean() / weights.mean() / self.config.variance
        with torch.no_grad():
            share = torch.bincount(output.index.flatten(), minlength=self.config.codes) / output.index.numel()
            perplexity = -torch.special.xlogy(share, share).sum()
        return {
            "loss": reconstruction + output.codebook + self.config.beta * output.commitment,
            "reconstruction": reconstruction,
            "commitment": output.commitment,
            "psnr": psnr(output.frames.detach(), x[:, 1:])[:, first:].mean(),
            "perplexity": perplexity.exp(),
        }
