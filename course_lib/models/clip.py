"""CLIP (对比语言-图像预训练): captions and films in one space, learned from which caption belongs to which film.

Radford et al., Learning Transferable Visual Models From Natural Language Supervision, 2021 (arXiv 2103.00020),
sections 2.3 to 2.5 and figure 3.

    1. one transformer reads a film, another one reads a caption; each gives a vector of length 1
    2. similarity of film i and caption j: the inner product of their vectors, times a learned scale
    3. in a batch of N pairs each film must find its caption among N, and each caption its film: two cross-entropies,
       over the rows and over the columns of the N x N similarities, and their mean is the loss (InfoNCE, symmetric)

The scale is the exponential of a learned number. It begins at 1 / 0.07 and may not exceed 100 (section 2.5); one over
it is the temperature of the two softmaxes.

Departures from the paper and its program. The picture is a film: its patches are tubelets, squares of pixels over
several frames (ViViT, arXiv 2103.15691, section 3.2); with one frame it is the paper's. Words are the tokens, since the
captions of ``worlds/captions.py`` use 28 of them, where the paper has 49,408 pieces of words. A film is the mean of its
tokens, without a class token and a norm before the first block; its places are fixed waves; attention has no biases,
and the embedding of patches has one. At the sizes of ViT-B/32 that leaves 151,175,937 of the program's 151,277,313
parameters. A course's film is mostly empty room, and a body covers few of its tubelets: with ``pooling: max`` a film is
the largest value of each channel over its tubelets, and not their mean, in which bodies drown (notebook 07 measures
it). No crops of the pictures: places are in the captions.

Captions repeat in a small grammar, and figure 3 counts an equal caption of another film as a mistake. That does no harm
here: equal captions have equal vectors, so sharing the right answer among the copies gives the very same loss.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from course_lib.lookup import did_you_mean
from course_lib.models.base import Layers, PositiveInt, ViTConfig, check_heads
from course_lib.nets.attention import Block
from course_lib.nets.gather import gather_batch
from course_lib.nets.patches import patchify, sincos, sincos_2d
from course_lib.worlds import captions as grammar
from course_lib.worlds.frames import to_model

SPECIAL = ("<pad>", "<start>", "<end>")
VOCABULARY = (*SPECIAL, *grammar.WORDS)
"""Every token's text, by its number: three marks, then the words of the captions' grammar in its order."""
_NUMBER = {word: number for number, word in enumerate(VOCABULARY)}
PAD, START, END = range(3)
CHUNK = 128  # films or captions that are encoded at once


class CLIPConfig(ViTConfig):
    """The sizes of one CLIP. The default is the paper's ViT-B/32. The keys of ``ViTConfig`` are the film encoder's.

    frames: how many a film encoder reads, from the first on; tubelet: over how many of them a patch reaches.
    """

    patch: Annotated[int, Field(ge=1, le=224, description="side of a patch in pixels")] = 32
    width: PositiveInt = 768
    depth: Layers = 12
    heads: PositiveInt = 12
    frames: Annotated[int, Field(ge=1, le=32, description="frames that the film encoder reads")] = 1
    tubelet: Annotated[int, Field(ge=1, le=32, description="frames over which a patch reaches")] = 1
    vocabulary: Annotated[int, Field(ge=1, le=65_536, description="tokens that there are")] = 49_408
    context: Annotated[int, Field(ge=1, le=1_024, description="tokens of the longest caption, marks included")] = 77
    text_width: PositiveInt = 512
    text_depth: Layers = 12
    text_heads: PositiveInt = 8
    embedding: PositiveInt = 512  # numbers of the vectors that are compared
    pooling: Annotated[Literal["mean", "max"], Field(description="how the film's tokens become one vector")] = "mean"
    temperature: Annotated[float, Field(ge=0.01, le=10.0, description="of the softmax at the first step")] = 0.07
    largest_scale: Annotated[
        float, Field(ge=1.0, le=1e6, description="the similarities' factor, 1 / temperature, never exceeds this")
    ] = 100.0

    @model_validator(mode="after")
    def _text_and_films_fit(self) -> CLIPConfig:
        if self.frames % self.tubelet:
            raise ValueError(f"tubelet is {self.tubelet}: {self.frames} frames cannot be cut into pieces so long")
        check_heads("text_heads", self.text_heads, "text_width", self.text_width)
        if self.largest_scale * self.temperature < 1.0:
            raise ValueError(
                f"temperature is {self.temperature:g}, so the scale begins at {1 / self.temperature:g}, above "
                f"largest_scale, {self.largest_scale:g}"
            )
        return self


def tokenise(captions: Sequence[str], context: int) -> Tensor:
    """Captions as numbers, a word a token: a mark at the start, one at the end, then padding. -> int64 (N, context).

    Raises ValueError for a word that the grammar of captions has not, or a caption that is too long.
    """
    rows = torch.full((len(captions), context), PAD, dtype=torch.int64)
    for row, caption in zip(rows, captions, strict=True):
        words = caption.split()
        if unknown := [word for word in words if word not in _NUMBER]:
            near = did_you_mean(unknown[0], grammar.WORDS)
            raise ValueError(
                f"captions have no word {unknown[0]!r}{near}; the words are: {', '.join(grammar.WORDS)}"
            )
        if len(words) + 2 > context:
            raise ValueError(f"a caption of {len(words)} words and its two marks do not fit into {context} tokens")
        row[: len(words) + 2] = torch.tensor([START, *(_NUMBER[word] for word in words), END])
    return rows


def matches(tokens: Tensor) -> Tensor:
    """Which films have word for word the same caption: 1 for those, 0 for others. (N, L) -> float (N, N)."""
    return (tokens[:, None] == tokens[None, :]).all(dim=2).float()


def symmetric_loss(logits: Tensor) -> Tensor:
    """The mean of two cross-entropies, over rows (each film's captions) and columns (each caption's films). -> scalar.

    logits: (N, N), film i and caption j; what belongs together stands on the diagonal (figure 3).
    """
    right = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2


class FilmEncoder(nn.Module):
    """A transformer on tubelets: films (B, T, 3, H, W) -> (B, D), their tokens pooled and normalised."""

    def __init__(self, config: CLIPConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Linear(3 * config.tubelet * config.patch**2, config.width)
        pieces = config.frames // config.tubelet
        across = sincos_2d(config.frame_size // config.patch, config.width)  # (N, D)
        along = sincos(pieces, config.width) if pieces > 1 else torch.zeros(1, config.width)  # (T / Q, D)
        self.register_buffer("places", (across + along[:, None]).flatten(0, 1), persistent=False)  # (T / Q * N, D)
        self.blocks = nn.ModuleList(Block(config.width, config.heads) for _ in range(config.depth))
        self.norm = nn.LayerNorm(config.width)

    def features(self, films: Tensor) -> Tensor:
        """One feature for each tubelet. (B, T, 3, H, W) -> (B, T / Q * N, D)."""
        cut = patchify(2 * films - 1, self.config.patch, self.config.tubelet)
        pieces = cut if self.config.tubelet > 1 else cut.flatten(1, -2).unsqueeze(1)  # (B, T / Q, N, 3 * Q * P * P)
        x = self.embed(pieces.flatten(1, 2)) + self.places  # (B, T / Q * N, D)
        for block in self.blocks:
            x = block(x)
        return x

    def forward(self, films: Tensor) -> Tensor:
        """(B, T, 3, H, W) -> (B, D)."""
        x = self.features(films)  # (B, T / Q * N, D)
        return self.norm(x.amax(dim=1) if self.config.pooling == "max" else x.mean(dim=1))


class TextEncoder(nn.Module):
    """A causal transformer on words: tokens (B, L) -> (B, D), the feature at the end mark, normalised.

    Each word looks back only, so the end mark, which comes last, is the first that has seen the whole caption.
    """

    def __init__(self, config: CLIPConfig) -> None:
        super().__init__()
        self.words = nn.Embedding(config.vocabulary, config.text_width)
        self.places = nn.Parameter(torch.empty(config.context, config.text_width))
        nn.init.normal_(self.words.weight, std=0.02)  # both as in the paper's program
        nn.init.normal_(self.places, std=0.01)
        heads = config.text_heads
        self.blocks = nn.ModuleList(Block(config.text_width, heads, causal=True) for _ in range(config.text_depth))
        self.norm = nn.LayerNorm(config.text_width)

    def features(self, tokens: Tensor) -> Tensor:
        """One feature for each token, normalised. (B, L) -> (B, L, D)."""
        x = self.words(tokens) + self.places[: tokens.shape[1]]  # (B, L, D)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, L) -> (B, D)."""
        end = (tokens == END).int().argmax(dim=1)  # (B,): where the caption ends
        return self.features(tokens)[torch.arange(len(tokens), device=tokens.device), end]


class CLIP(nn.Module):
    """Films and captions as vectors of one space.

        clip = CLIP(CLIPConfig())
        films = clip.encode_film(x)                    # x: (B, T, 3, H, W) in [0, 1] -> (B, E), each of length 1
        texts = clip.encode_captions(["a red ball"])   # -> (1, E)
        films @ texts.T                                # cosine similarities
    """

    def __init__(self, config: CLIPConfig) -> None:
        super().__init__()
        self.config = config
        self.film, self.text = FilmEncoder(config), TextEncoder(config)
        self.film_projection = nn.Linear(config.width, config.embedding, bias=False)
        self.text_projection = nn.Linear(config.text_width, config.embedding, bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1.0 / config.temperature)))

    @property
    def scale(self) -> Tensor:
        """What similarities are multiplied with before the softmax, one over the temperature; a scalar."""
        return self.logit_scale.exp()

    def encode_film(self, films: Tensor) -> Tensor:
        """Films as vectors of length 1. Floats (B, T, 3, H, W) in [0, 1] -> (B, E). Frames after the ones that it
        reads may be there, and are not looked at.

        Raises ValueError where these are no such films, or shorter than what it reads.
        """
        size, reads = self.config.frame_size, self.config.frames
        if films.ndim != 5 or tuple(films.shape[2:]) != (3, size, size) or not films.is_floating_point():
            raise ValueError(f"float films (B, T, 3, {size}, {size}) wanted, got {films.dtype} {tuple(films.shape)}")
        if films.shape[1] < reads:
            raise ValueError(f"films of at least {reads} frames are read, these have {films.shape[1]}")
        return F.normalize(self.film_projection(self.film(films[:, :reads])).float(), dim=1)

    def encode_text(self, tokens: Tensor) -> Tensor:
        """Captions as vectors of length 1. int64 (B, L), as :func:`tokenise` makes them -> (B, E).

        Raises ValueError for tokens without an end, or more than the configured context.
        """
        if tokens.ndim != 2 or tokens.shape[1] > self.config.context or tokens.is_floating_point():
            raise ValueError(
                f"tokens (B, at most {self.config.context}) wanted, got {tokens.dtype} {tuple(tokens.shape)}"
            )
        return F.normalize(self.text_projection(self.text(tokens)).float(), dim=1)

    def encode_captions(self, captions: Sequence[str]) -> Tensor:
        """Sentences of the captions' grammar as vectors of length 1, (N, E). Raises ValueError as ``tokenise`` does."""
        return self.encode_text(tokenise(captions, self.config.context).to(self.logit_scale.device))

    def loss(self, batch: dict[str, Tensor], step: int, generator: torch.Generator | None) -> dict[str, Tensor]:
        """The symmetric loss of a batch, the share of films that find their caption or an equal one, and the scale.

        batch: ``{"frames": (B, T, 3, H, W) in [0, 1], "tokens": int64 (B, L)}``. step and generator are not used. In
        several processes each compares the films and captions of all of them.
        """
        films, texts = gather_batch(self.encode_film(batch["frames"])), gather_batch(self.encode_text(batch["tokens"]))
        logits = self.scale * films @ texts.T  # (N, N)
        found = matches(gather_batch(batch["tokens"])).gather(1, logits.argmax(dim=1, keepdim=True)).mean()
        return {"loss": symmetric_loss(logits), "found": found, "scale": self.scale}

    @torch.no_grad()
    def after_step(self, step: int, of: int) -> None:
        """Keep the scale at or below its largest value (section 2.5)."""
        self.logit_scale.clamp_(max=math.log(self.config.largest_scale))


class TextAndFilms(Protocol):
    """The part "clip": two encoders into one space, vectors of length 1."""

    def encode_film(self, films: Tensor) -> Tensor:
        """Floats (B, T, 3, H, W) in [0, 1] -> (B, E)."""
        ...

    def encode_captions(self, captions: Sequence[str]) -> Tensor:
        """(B, E)."""
        ...


@torch.no_grad()
def film_vectors(clip: TextAndFilms, frames: np.ndarray, reads: int = grammar.FRAMES) -> np.ndarray:
    """Films as vectors of length 1: uint8 (N, T, H, W, 3) -> float32 (N, E). reads: how many frames are shown."""
    starts = range(0, len(frames), CHUNK)
    return np.concatenate([clip.encode_film(to_model(frames[k : k + CHUNK, :reads])).numpy() for k in starts])


@torch.no_grad()
def caption_vectors(clip: TextAndFilms, captions: Sequence[str]) -> np.ndarray:
    """Captions as vectors of length 1, float32 (N, E)."""
    starts = range(0, len(captions), CHUNK)
    return np.concatenate([clip.encode_captions(captions[k : k + CHUNK]).numpy() for k in starts])
