"""Which patches of a picture are shown, and which are to be predicted: the masks of I-JEPA and their ablations.

Assran et al., Self-Supervised Learning from Images with a Joint-Embedding Predictive Architecture, 2023 (arXiv
2301.08243), section 3 and appendix A. A *target* is a block of patches whose features are to be predicted; the
*context* is what the predictor is given for it. Multi-block masking (多块掩码):

    1. four target blocks: each covers a share of the picture from (0.15, 0.2), its height over its width is from
       (0.75, 1.5); they may overlap one another
    2. a context block, a square that covers a share from (0.85, 1.0), without all patches that stand in a target
    3. all pictures of a batch have blocks of the same size, each picture has its own places
    4. a context of too few patches is drawn again, with its targets; then the contexts of a batch are cut to the
       smallest of them, so that they make one tensor

The other three are those that the paper compares it with (section 9, Table 6): one large *block* of 0.6 of the picture,
the quadrants of the picture (*rasterised*: one is the context, three are the targets), and *random* patches, 0.6 of
them; the context is all the rest.

Departures from the program (facebookresearch/ijepa, src/masks/multiblock.py), each where it restricts more than the
paper's text: there one random number decides share and aspect together, here two do; there no block reaches the last
row or column, nor is as high or as wide as the picture, here it may; there a context that is too small is drawn again
without its targets, in the end with fewer of them taken out, here everything of that picture is drawn again; there the
contexts of a batch lose their lowest patches where they are cut, here patches drawn at random. All draws come from one
generator; there, from its own and from the global one. Numbers are drawn on the generator's device and masks made of
them on the CPU: there are few of them, and whether a context is large enough has to be known before one goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from course_lib.nets import chance
from course_lib.nets.shard import shard

Range = tuple[float, float]


class Masks(NamedTuple):
    """What is shown and what is asked of each picture, as numbers of patches, row by row of the grid, ascending."""

    context: Tensor  # int64 (B, K): what the context encoder sees
    targets: Tensor  # int64 (B, M, L): M target blocks of L patches


class Masking(Protocol):
    """A way to draw masks for the pictures of a batch."""

    def draw(self, batch: int, generator: torch.Generator) -> Masks:
        """Masks for ``batch`` pictures, on the CPU."""


@dataclass(frozen=True)
class MultiBlock:
    """The paper's masks on a grid of patches (rows, columns). Shares are of the whole grid; see the file's header.

    minimum: patches that a context keeps at least. tries: how often a picture is drawn before it is given up.
    Raises ValueError for a range that is none, no target, or a minimum that the grid does not have.
    """

    grid: tuple[int, int]
    targets: int = 4
    target_scale: Range = (0.15, 0.2)
    target_aspect: Range = (0.75, 1.5)
    context_scale: Range = (0.85, 1.0)
    minimum: int = 10
    tries: int = 100

    def __post_init__(self) -> None:
        for name in ("target_scale", "target_aspect", "context_scale"):
            low, high = getattr(self, name)
            if not 0.0 < low <= high or (name != "target_aspect" and high > 1.0):
                raise ValueError(f"{name} is a range of numbers above 0, shares at most 1, not {(low, high)}")
        if min(self.grid) < 1 or self.targets < 1 or self.tries < 1:
            raise ValueError(f"a grid, a target and a try are wanted, not {self.grid}, {self.targets}, {self.tries}")
        if not 1 <= self.minimum <= self.patches:
            raise ValueError(f"minimum is {self.minimum}, and the grid has {self.patches} patches")

    @property
    def patches(self) -> int:
        """Of the whole grid, N."""
        return self.grid[0] * self.grid[1]

    def block(self, scale: Tensor, aspect: Tensor) -> Tensor:
        """The block that comes nearest to a share of the grid and an aspect, (...) each -> int64 (..., 2), (h, w).

        h = sqrt(scale N aspect) and w = sqrt(scale N / aspect), rounded, at least 1 and at most the grid's own.
        """
        area = scale * self.patches
        sides = torch.stack([(area * aspect).sqrt(), (area / aspect).sqrt()], dim=-1).round().long()
        return sides.clamp_min(1).minimum(torch.tensor(self.grid, device=sides.device))

    def asked(self, draws: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Shares and aspects of the target blocks, and shares of the context block, even over their ranges.

        Three times (draws,). What rounding to whole patches makes of them, ``block`` says.
        """
        even = _even((3, draws), generator)
        ranges = (self.target_scale, self.target_aspect, self.context_scale)
        scale, aspect, context = (low + (high - low) * u for (low, high), u in zip(ranges, even, strict=True))
        return scale, aspect, context

    def place(self, target: Tensor, context: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Put blocks of given sizes, int64 (B, 2) each, into B pictures, anywhere where they fit.

        -> the targets bool (B, M, N), the context without them bool (B, N), how often each was drawn int64 (B,).
        Raises ValueError where a context stays below the minimum however often it is drawn.
        """
        batch = len(target)
        targets = torch.zeros(batch, self.targets, self.patches, dtype=torch.bool)
        shown = torch.zeros(batch, self.patches, dtype=torch.bool)
        drawn = torch.zeros(batch, dtype=torch.int64)
        sizes = torch.cat([target[:, None].expand(-1, self.targets, -1), context[:, None]], dim=1)  # (B, M + 1, 2)
        for _ in range(self.tries):
            left = (shown.sum(dim=1) < self.minimum).nonzero()[:, 0]  # pictures without a context that is large enough
            if not len(left):
                return targets, shown, drawn
            blocks = self.anywhere(sizes[left], generator)  # (b, M + 1, N)
            targets[left], shown[left] = blocks[:, :-1], blocks[:, -1] & ~blocks[:, :-1].any(dim=1)
            drawn[left] += 1
        if bool((shown.sum(dim=1) < self.minimum).any()):
            raise ValueError(
                f"{self.targets} targets of {target[0].tolist()} patches leave a context of fewer than {self.minimum} "
                f"of {self.patches}, {self.tries} times in a row: take fewer or smaller targets, or a smaller minimum"
            )
        return targets, shown, drawn

    def draw(self, batch: int, generator: torch.Generator) -> Masks:
        """One draw of the blocks' sizes, places for each picture, and contexts of equal length.

        A picture's masks belong to its place in the global batch, as in ``nets/chance.py``: every process draws for all
        and keeps its own. Raises ValueError as ``place`` does.
        """
        whole = batch * shard().processes
        scale, aspect, context = self.asked(1, generator)
        target, square = self.block(scale, aspect), self.block(context, torch.ones_like(context))  # (1, 2) each
        targets, shown, _ = self.place(target.expand(whole, -1), square.expand(whole, -1), generator)
        kept = cut_to_smallest(shown, generator)
        numbers = targets.nonzero()[:, 2].unflatten(0, (whole, self.targets, -1))  # (B * M * L,) -> (B, M, L)
        own = shard().rows(whole)
        return Masks(kept[own], numbers[own])

    def anywhere(self, sizes: Tensor, generator: torch.Generator) -> Tensor:
        """Blocks of sizes (B, M, 2) at even places, bool (B, M, N)."""
        even = _even(sizes.shape, generator)
        room = torch.tensor(self.grid) - sizes + 1  # places where a block fits
        first = (even * room).long().minimum(room - 1)
        inside = []
        for axis, length in enumerate(self.grid):
            at, begin = torch.arange(length), first[..., axis, None]
            inside.append((at >= begin) & (at < begin + sizes[..., axis, None]))  # (B, M, rows), (B, M, columns)
        return (inside[0][..., :, None] & inside[1][..., None, :]).flatten(-2)


@dataclass(frozen=True)
class SingleBlock:
    """One target block of a given share of the grid; the context is all the rest (the paper's ablation "block").

    Raises ValueError for a share that leaves no context, or no target.
    """

    grid: tuple[int, int]
    scale: float = 0.6
    aspect: Range = (0.75, 1.5)

    def __post_init__(self) -> None:
        rows, columns = self.grid
        for aspect in np.linspace(*self.aspect, 101):
            # on the CPU also while a model is built on "meta", which holds no numbers
            asked = (torch.tensor(each, device="cpu") for each in (self.scale, float(aspect)))
            high, wide = self._blocks.block(*asked).tolist()
            if high * wide >= rows * columns:
                raise ValueError(f"a target of {self.scale:g} of {rows} x {columns} patches can leave no context")

    @property
    def _blocks(self) -> MultiBlock:
        return MultiBlock(self.grid, 1, (self.scale, self.scale), self.aspect, (1.0, 1.0), minimum=1)

    def draw(self, batch: int, generator: torch.Generator) -> Masks:
        """One size for the batch, a place for each picture."""
        return self._blocks.draw(batch, generator)


@dataclass(frozen=True)
class RandomPatches:
    """A share of all patches, drawn at random, is the target; the rest is the context (the ablation "random").

    Raises ValueError for a share that leaves no context, or no target.
    """

    grid: tuple[int, int]
    share: float = 0.6

    def __post_init__(self) -> None:
        if not 0 < self._asked < self.grid[0] * self.grid[1]:
            raise ValueError(f"of {self.grid} patches a share of {self.share:g} leaves no context, or no target")

    @property
    def _asked(self) -> int:
        return round(self.share * self.grid[0] * self.grid[1])

    def draw(self, batch: int, generator: torch.Generator) -> Masks:
        """A shuffle of each picture's patches, cut in two."""
        order = chance.uniform((batch, self.grid[0] * self.grid[1]), generator).cpu().argsort(dim=1)
        target, context = order[:, : self._asked], order[:, self._asked :]
        return Masks(context.sort(dim=1).values, target.sort(dim=1).values[:, None])


@dataclass(frozen=True)
class Rasterised:
    """One quadrant of the picture is the context, the other three are the targets (the ablation "rasterized").

    Raises ValueError for a grid that cannot be cut into four equal quadrants.
    """

    grid: tuple[int, int]

    def __post_init__(self) -> None:
        if self.grid[0] % 2 or self.grid[1] % 2:
            raise ValueError(f"a grid of {self.grid[0]} x {self.grid[1]} patches has no four equal quadrants")

    def draw(self, batch: int, generator: torch.Generator) -> Masks:
        """Which quadrant is the context is drawn for each picture."""
        rows, columns = self.grid
        number = torch.arange(rows * columns).view(2, rows // 2, 2, columns // 2)
        quadrants = number.transpose(1, 2).flatten(2).flatten(0, 1)  # (2, 2, h, w) -> (4, h * w)
        order = chance.uniform((batch, 4), generator).cpu().argsort(dim=1)
        chosen = quadrants[order]  # (B, 4, h * w)
        return Masks(chosen[:, 0], chosen[:, 1:])


@dataclass(frozen=True)
class MaskStatistics:
    """What many draws of multi-block masks are like; each array (draws,) where nothing else is said.

    scale_asked, aspect_asked, context_asked: drawn from the paper's ranges. sizes: (draws, 2), height and width of the
    targets in patches. scale, aspect, context_block: what rounding to whole patches has made of them. covered: share of
    the grid that stands in at least one target. context: share of the grid that is left as context, before a batch cuts
    it to its smallest. tries: how often a picture was drawn.
    """

    masking: MultiBlock
    scale_asked: np.ndarray
    aspect_asked: np.ndarray
    context_asked: np.ndarray
    sizes: np.ndarray
    scale: np.ndarray
    aspect: np.ndarray
    context_block: np.ndarray
    covered: np.ndarray
    context: np.ndarray
    tries: np.ndarray

    def outside(self) -> dict[str, float]:
        """Share of the draws whose blocks, rounded to whole patches, left the range that was asked for."""
        ranges = {"scale": self.masking.target_scale, "aspect": self.masking.target_aspect,
                  "context_block": self.masking.context_scale}  # fmt: skip
        return {name: float(((getattr(self, name) < low - 1e-6) | (getattr(self, name) > high + 1e-6)).mean())
                for name, (low, high) in ranges.items()}  # fmt: skip

    def size_shares(self) -> dict[tuple[int, int], float]:
        """How often each size of a target came about, ``{(height, width): share}``, the most frequent first."""
        found, counts = np.unique(self.sizes, axis=0, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return {(int(found[i, 0]), int(found[i, 1])): float(counts[i] / len(self.sizes)) for i in order}


def cut_to_smallest(chosen: Tensor, generator: torch.Generator) -> Tensor:
    """The numbers of the patches that are chosen, bool (B, N) -> int64 (B, K), ascending. K is that of the smallest
    choice; longer ones keep patches drawn at random."""
    noise = _even(chosen.shape, generator)
    keep = int(chosen.sum(dim=1).min())
    return (noise + 2.0 * ~chosen).argsort(dim=1)[:, :keep].sort(dim=1).values  # what is not chosen comes last


def _even(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Numbers even over [0, 1) that all processes share, on the CPU."""
    return torch.rand(tuple(shape), generator=generator, device=generator.device).cpu()


def mask_statistics(masking: MultiBlock, draws: int, generator: torch.Generator) -> MaskStatistics:
    """Draw sizes and places ``draws`` times, for one picture each, and say what came of it.

        found = mask_statistics(MultiBlock((14, 14)), 10_000, torch.Generator().manual_seed(0))
        found.scale.mean(), found.outside(), found.size_shares()
    """
    scale, aspect, context = masking.asked(draws, generator)
    target, square = masking.block(scale, aspect), masking.block(context, torch.ones_like(context))
    targets, shown, tries = masking.place(target, square, generator)
    numbers = {
        "scale_asked": scale, "aspect_asked": aspect, "context_asked": context, "sizes": target,
        "scale": target.prod(dim=1) / masking.patches, "aspect": target[:, 0] / target[:, 1],
        "context_block": square.prod(dim=1) / masking.patches,
        "covered": targets.any(dim=1).float().mean(dim=1), "context": shown.float().mean(dim=1), "tries": tries,
    }  # fmt: skip
    return MaskStatistics(masking, **{name: values.numpy() for name, values in numbers.items()})
