"""What a diffusion transformer is given beside the noisy data, as vectors: the noise level, and a class or a caption.

Names are those of the DiT's program (Peebles & Xie 2022, arXiv 2212.09748); the caption is the course's. Both kinds of
condition can say that none is given, which is what classifier-free guidance needs (Ho & Salimans 2022, arXiv
2207.12598): a class by one more class, a caption by the empty caption.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from course_lib.models.clip import END, PAD, START, VOCABULARY
from course_lib.nets.attention import Block

FREQUENCIES = 256  # numbers that say the noise level
TIMESTEPS = 1000.0  # the level 1 is called this, as in programs that count steps


def timestep_embedding(t: Tensor, width: int = FREQUENCIES) -> Tensor:
    """The noise level as waves, cosines first. (...) in [0, 1] -> (..., width)."""
    half = width // 2
    speed = torch.exp(-math.log(10_000.0) * torch.arange(half, device=t.device) / half)
    angle = TIMESTEPS * t[..., None].float() * speed
    return torch.cat([angle.cos(), angle.sin()], dim=-1)


class TimestepEmbedder(nn.Module):
    """Noise levels to vectors, (...) -> (..., D)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(FREQUENCIES, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, t: Tensor) -> Tensor:
        """See the class."""
        return self.mlp(timestep_embedding(t))


class Given(NamedTuple):
    """A condition as the blocks see it."""

    pooled: Tensor  # (B, D), the whole of it
    words: Tensor  # (B, L, D), its parts
    mask: Tensor  # bool (B, L), False where a caption has ended


class LabelEmbedder(nn.Module):
    """Classes, int64 (B,). The last one, number ``classes``, says that none is given."""

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.nothing = classes
        self.embedding_table = nn.Embedding(classes + 1, width)

    def forward(self, labels: Tensor) -> Given:
        """See the class. Raises ValueError for what are no classes."""
        if labels.ndim != 1 or labels.is_floating_point():
            raise ValueError(f"classes are int64 (B,), these are {labels.dtype} {tuple(labels.shape)}")
        y = self.embedding_table(labels)
        return Given(y, y[:, None], torch.ones(len(y), 1, dtype=torch.bool, device=y.device))

    def drop(self, labels: Tensor, dropped: Tensor) -> Tensor:
        """The classes, with "none is given" where dropped, bool (B,), is True."""
        return torch.where(dropped, torch.full_like(labels, self.nothing), labels)

    def empty(self, count: int) -> Tensor:
        """No class for so many rows, (count,)."""
        return torch.full((count,), self.nothing, device=self.embedding_table.weight.device)


class CaptionEmbedder(nn.Module):
    """Captions as ``models.clip.tokenise`` makes them, int64 (B, L). The empty one, two marks, says that none is given.

    Each word has its place as a learned vector. The blocks look both ways: in "a red ball and a blue box" that is how
    "ball" comes to know that it is red.
    """

    def __init__(self, context: int, width: int, depth: int, heads: int) -> None:
        """context: tokens of the longest caption. depth: blocks that read it; 0 leaves the words by themselves."""
        super().__init__()
        self.context = context
        self.words = nn.Embedding(len(VOCABULARY), width)
        self.places = nn.Parameter(0.02 * torch.randn(context, width))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: Tensor) -> Given:
        """See the class. Raises ValueError for what are no captions, or longer ones than the configured context."""
        if tokens.ndim != 2 or tokens.is_floating_point() or tokens.shape[1] > self.context:
            raise ValueError(
                f"captions are int64 (B, at most {self.context}), got {tokens.dtype} {tuple(tokens.shape)}"
            )
        mask = tokens != PAD
        x = self.words(tokens) + self.places[: tokens.shape[1]]  # (B, L, D)
        for block in self.blocks:
            x = block(x, mask)
        x = self.norm(x)
        there = mask[..., None].to(x)
        return Given((x * there).sum(dim=1) / there.sum(dim=1), x, mask)

    def drop(self, tokens: Tensor, dropped: Tensor) -> Tensor:
        """The captions, with the empty one where dropped, bool (B,), is True."""
        return torch.where(dropped[:, None], self.empty(1, tokens.shape[1]).to(tokens), tokens)

    def empty(self, count: int, length: int = 2) -> Tensor:
        """The empty caption, (count, length)."""
        marks = [START, END] + [PAD] * (length - 2)
        return torch.tensor(marks, device=self.places.device).expand(count, -1)
