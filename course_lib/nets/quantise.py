"""From many numbers to one of K: vector quantisation (矢量量化) and finite scalar quantisation.

``VectorQuantiser`` keeps a codebook of K vectors and answers each vector with the nearest of them (VQ-VAE: van den Oord
et al., Neural Discrete Representation Learning, 2017, arXiv 1711.00937, section 3). ``FSQ`` keeps nothing: it bounds
each number and rounds it (Mentzer et al., Finite Scalar Quantization: VQ-VAE Made Simple, 2023, arXiv 2309.15505,
section 3). Rounding and choosing have no derivative; both let the gradient pass as if nothing had happened
("straight-through", Bengio et al. 2013, arXiv 1308.3432).

    x   what the encoder says, (B, ..., D)      e   the codes, (K, D)      index   which of them, (B, ...)

Departures from the VQ-VAE paper, each an option: codes compared by angle alone (Yu et al. 2022, arXiv 2110.04627,
section 3.2); dead codes are put where the encoder's answers are (Dhariwal et al. 2020, arXiv 2005.00341, section 3.1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.nets.gather import gather_batch


class Quantised(NamedTuple):
    """What a quantiser answers."""

    codes: Tensor  # (B, ..., D), the codes; gradients pass straight through to x
    index: Tensor  # (B, ...), int64
    commitment: Tensor  # scalar: how far x lies from its codes; moves x only
    codebook: Tensor  # scalar: the same distance; moves the codes only


class Usage(NamedTuple):
    """How a codebook is used, counted over many answers."""

    alive: float  # share of the codes that occur at all
    perplexity: float  # exp(entropy): so many codes, used equally often, would be as hard to guess
    counts: Tensor  # (K,), how often each code occurs


def usage(index: Tensor, codes: int) -> Usage:
    """Count how often each of ``codes`` codes occurs among indices of any shape. Raises ValueError for none."""
    if not index.numel():
        raise ValueError("no index was given, so there is nothing to count")
    counts = torch.bincount(index.flatten(), minlength=codes)
    share = counts.double() / counts.sum()
    entropy = -torch.special.xlogy(share, share).sum()
    return Usage(float((counts > 0).double().mean()), float(entropy.exp()), counts)


def straight_through(x: Tensor, codes: Tensor) -> Tensor:
    """The value of ``codes`` with the gradient of ``x``: forwards the choice, backwards as if there had been none."""
    return x + (codes - x).detach()


def nearest(x: Tensor, codes: Tensor) -> Tensor:
    """Index of the code with the least squared distance to each vector. x: (..., D), codes: (K, D) -> int64 (...).

    |x - e|^2 = |x|^2 - 2 x.e + |e|^2, and |x|^2 is the same for every code.
    """
    return (codes.square().sum(dim=1) - 2.0 * x @ codes.T).argmin(dim=-1)  # (..., K) -> (...)


class VectorQuantiser(nn.Module):
    """The nearest of K vectors.

        quantiser = VectorQuantiser(512, 16, reset_after=100)
        answer = quantiser(x, generator)          # x: (B, ..., 16)
        loss = reconstruction + 0.25 * answer.commitment + answer.codebook

    codes, width: K and D. decay: None for codes that learn by their loss; a number below 1 for codes that are moving
    averages of the vectors they were chosen for (the paper's appendix A.1), whose codebook loss is then 0.
    cosine: vectors and codes are brought to length 1 first. reset_after: a code that was not chosen for so many
    training steps is dead, and takes the place of a random vector of the batch; 0 for never. A fresh codebook is dead
    as a whole, so its first batch fills it. far: that vector is drawn with a probability that grows with the square of
    its distance to its code (as k-means++ begins), so that what has a code already gets no second one. spread: the
    standard deviation of codes that wait for nobody.

    Everything that training changes is a parameter or a buffer, so a run that is resumed goes on exactly.
    """

    def __init__(
        self, codes: int, width: int, *, decay: float | None = None, cosine: bool = False, reset_after: int = 0,
        far: bool = False, spread: float = 1.0,
    ) -> None:  # fmt: skip
        super().__init__()
        if codes < 2 or width < 1:
            raise ValueError(f"a codebook has at least 2 codes of at least 1 number, not {codes} of {width}")
        if decay is not None and not 0.0 <= decay < 1.0:
            raise ValueError(f"decay is a share below 1, such as 0.99, or None, not {decay}")
        self.codes, self.width, self.decay, self.cosine = codes, width, decay, cosine
        self.reset_after, self.far = reset_after, far
        start = torch.randn(codes, width) * spread
        start = F.normalize(start, dim=1) if cosine else start
        if decay is None:
            self.codebook = nn.Parameter(start)
        else:
            self.register_buffer("codebook", start)
            self.register_buffer("chosen", torch.ones(codes))  # moving average of how often
            self.register_buffer("told", start.clone())  # moving average of the sum of the vectors
        self.register_buffer("idle", torch.full((codes,), reset_after, dtype=torch.int64))  # steps since it was chosen

    def all_codes(self) -> Tensor:
        """The codes as they are compared and given out, (K, D)."""
        return F.normalize(self.codebook, dim=1) if self.cosine else self.codebook

    def look_up(self, index: Tensor) -> Tensor:
        """The codes with these indices. int64 (...) -> (..., D)."""
        return F.embedding(index, self.all_codes())

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Quantised:
        """Answer every vector with its code. x: (B, ..., D).

        In training mode the codebook keeps count, and revives dead codes where there is a generator to draw with.
        """
        if x.shape[-1] != self.width:
            raise ValueError(f"vectors of {self.width} numbers are quantised here, these have {x.shape[-1]}")
        x = F.normalize(x, dim=-1) if self.cosine else x
        everybody = gather_batch(x.detach()).flatten(0, -2) if self.training else None  # (B, ..., D) -> (M, D)
        if self.training and self.reset_after and generator is not None:
            self._revive(everybody, generator)
        index = nearest(x.detach(), self.all_codes().detach())
        codes = self.look_up(index)  # (B, ...) -> (B, ..., D)
        commitment = (x - codes.detach()).square().sum(dim=-1).mean()
        codebook = (codes - x.detach()).square().sum(dim=-1).mean()
        if self.training:
            self._count(everybody)
        codebook = codebook if self.decay is None else torch.zeros_like(commitment)
        return Quantised(straight_through(x, codes), index, commitment, codebook)

    @torch.no_grad()
    def _revive(self, x: Tensor, generator: torch.Generator) -> None:
        """Put dead codes on random vectors of the batch. x: (M, D)."""
        dead = (self.idle >= self.reset_after).nonzero().squeeze(1)
        if not len(dead):
            return
        if self.far:
            codes = self.all_codes()
            weight = (x - codes[nearest(x, codes)]).square().sum(dim=1).float() + 1e-12
            drawn = torch.multinomial(weight.to(generator.device), len(dead), True, generator=generator)
        else:
            drawn = torch.randint(len(x), (len(dead),), generator=generator, device=generator.device)
        drawn = drawn.to(x.device)
        self.codebook[dead] = x[drawn].to(self.codebook.dtype)
        self.idle[dead] = 0
        if self.decay is not None:
            self.chosen[dead], self.told[dead] = 1.0, self.codebook[dead]

    @torch.no_grad()
    def _count(self, x: Tensor) -> None:
        """Note who was chosen, and let moving averages move. x: (M, D)."""
        index = nearest(x, self.all_codes())
        counts = torch.bincount(index, minlength=self.codes)
        self.idle.add_(1).masked_fill_(counts > 0, 0)
        if self.decay is None:
            return
        total = torch.zeros_like(self.told).index_add_(0, index, x.to(self.told.dtype))
        self.chosen.lerp_(counts.to(self.chosen.dtype), 1.0 - self.decay)
        self.told.lerp_(total, 1.0 - self.decay)
        mean = self.told / self.chosen.clamp_min(1e-5)[:, None]
        mean = F.normalize(mean, dim=1) if self.cosine else mean
        self.codebook.copy_(torch.where(self.chosen[:, None] > 1e-3, mean, self.codebook))


class FSQ(nn.Module):
    """Finite scalar quantisation: each number becomes one of a few levels, and the code is the list of levels.

    levels: how many for each number, (8, 8, 8) for 512 codes. Nothing is learned and nothing can die; every code has
    its place on a grid, between -1 and 1 in each direction (section 3.1 and appendix A.1 of the paper).
    """

    def __init__(self, levels: Sequence[int]) -> None:
        super().__init__()
        if not levels or min(levels) < 2:
            raise ValueError(f"each number needs at least 2 levels, these are {tuple(levels)}")
        self.levels, self.width = tuple(levels), len(levels)
        self.codes = math.prod(self.levels)
        many = torch.tensor(levels)
        place = torch.tensor([math.prod(self.levels[:d]) for d in range(self.width)])  # what a step in digit d counts
        self.register_buffer("many", many, persistent=False)
        self.register_buffer("place", place, persistent=False)

    def bound(self, x: Tensor) -> Tensor:
        """Squeeze each number into the range whose whole numbers are its levels. (..., D) -> (..., D).

        Odd L: -(L - 1) / 2 to (L - 1) / 2. Even L: -L / 2 to L / 2 - 1, so that there is a level at 0 as well; the
        shift inside tanh keeps 0 at 0.
        """
        half = (self.many - 1) * (1.0 + 1e-3) / 2.0  # a hair more than the outermost level, so that it can be reached
        offset = torch.where(self.many % 2 == 0, 0.5, 0.0)
        return (x + torch.atanh(offset / half)).tanh() * half - offset

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Quantised:
        """Round. x: (B, ..., D); the generator is not used. There is nothing to commit to: both losses are 0."""
        if x.shape[-1] != self.width:
            raise ValueError(f"vectors of {self.width} numbers are quantised here, these have {x.shape[-1]}")
        bounded = self.bound(x)
        level = straight_through(bounded, bounded.round())
        none = x.new_zeros(())
        return Quantised(level / (self.many // 2), self._index(level.detach()), none, none)

    def _index(self, level: Tensor) -> Tensor:
        return ((level.round().long() + self.many // 2) * self.place).sum(dim=-1)

    def index_of(self, codes: Tensor) -> Tensor:
        """Which code each of these is. (..., D) on the grid -> int64 (...)."""
        return self._index(codes * (self.many // 2))

    def look_up(self, index: Tensor) -> Tensor:
        """The codes with these indices. int64 (...) -> (..., D)."""
        level = index[..., None] // self.place % self.many - self.many // 2  # (...) -> (..., D)
        return level / (self.many // 2)
