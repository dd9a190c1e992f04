"""Which tubelets of a film are shown, and which are to be predicted: the masks of V-JEPA.

Bardes et al., Revisiting Feature Prediction for Learning Visual Representations from Video, 2024 (arXiv 2404.08471),
section 3.2 and appendix. What is hidden is a *tube*: some blocks of patches, their union, hidden in every frame of the
film. Without that the frame before would give the answer away.

    short-range (短程): 8 blocks, each 0.15 of the picture
    long-range (长程): 2 blocks, each 0.7 of it
    both: height over width from 0.75 to 1.5, even; all pictures of a batch have blocks of one size, at their own places

The context is all the rest: about 0.3 and 0.15 of the picture on a grid of 14 x 14. A film is shown with both masks in
each step.

``FutureMasks`` are the course's own: the first tubelets in time are the context, whole, and all later ones are the
targets. The paper has something near it among its ablations (causal multi-block, Table 4): there the context is cut to
the first frames and the targets are tubes.

Departures from the program (facebookresearch/jepa, src/masks/multiblock3d.py): where a batch is cut to its smallest
context and smallest target, patches drawn at random go, and whole tubes of them, there the last ones; all draws come
from one generator.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from course_lib.nets.masks import Masks, MultiBlock, Range, cut_to_smallest
from course_lib.nets.shard import shard

TRIES = 100  # draws until a picture has a context


def through_time(places: Tensor, patches: int, times: int) -> Tensor:
    """The tubelets of patches at all times, int64 (B, K) -> (B, times * K), time after time. patches: of a picture."""
    return (places[:, None] + patches * torch.arange(times, device=places.device)[:, None]).flatten(1)


@dataclass(frozen=True)
class TubeMasks:
    """Blocks of patches, hidden at all times. grid: rows and columns of patches; times: tubelets one after another.

    Raises ValueError for a range that is none, or where no context would ever be left.
    """

    grid: tuple[int, int]
    times: int
    blocks: int = 8
    scale: float = 0.15
    aspect: Range = (0.75, 1.5)
    _drawn: MultiBlock = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.times < 1:
            raise ValueError(f"a film has at least one tubelet at each place, not {self.times}")
        drawn = MultiBlock(self.grid, self.blocks, (self.scale, self.scale), self.aspect, minimum=1)
        for aspect in torch.linspace(*self.aspect, 101, device="cpu"):
            if int(drawn.block(torch.tensor(self.scale, device="cpu"), aspect).prod()) >= drawn.patches:
                raise ValueError(f"a block of {self.scale:g} of a grid {self.grid} can leave no context")
        object.__setattr__(self, "_drawn", drawn)

    def hidden(self, batch: int, generator: torch.Generator) -> Tensor:
        """Which patches stand in a block, bool (batch, N), one size of blocks for all; never all of them.

        Raises ValueError where 100 draws leave no context.
        """
        scale, aspect, _ = self._drawn.asked(1, generator)
        sizes = self._drawn.block(scale, aspect).expand(batch, self.blocks, -1)  # (B, M, 2)
        hidden = self._drawn.anywhere(sizes, generator).any(dim=1)
        for _ in range(TRIES):
            whole = hidden.all(dim=1).nonzero()[:, 0]
            if not len(whole):
                return hidden
            hidden[whole] = self._drawn.anywhere(sizes[whole], generator).any(dim=1)
        raise ValueError(f"{self.blocks} blocks of {self.scale:g} hide {self.grid[0]} x {self.grid[1]} patches wholly, "
                         f"{TRIES} times in a row: take fewer or smaller ones")  # fmt: skip

    def draw(self, batch: int, generator: torch.Generator) -> Masks:
        """Masks for the films of a batch: what is shown, and as one target what is hidden. See ``nets/masks.py``."""
        whole = batch * shard().processes
        hidden = self.hidden(whole, generator)
        own, patches = shard().rows(whole), hidden.shape[1]
        context, target = (
            through_time(cut_to_smallest(each, generator)[own], patches, self.times) for each in (~hidden, hidden)
        )
        return Masks(context, target[:, None])


def future_masks(patches: int, times: int, seen: int, batch: int) -> Masks:
    """All patches of the first ``seen`` tubelets in time are the context, all later ones the target.

    Raises ValueError where nothing would be seen, or nothing asked.
    """
    if not 0 < seen < times:
        raise ValueError(f"of {times} tubelets in time 1 to {times - 1} are seen, not {seen}")
    order = torch.arange(patches * times).expand(batch, -1)
    return Masks(order[:, : seen * patches], order[:, None, seen * patches :])


@dataclass(frozen=True)
class FutureMasks:
    """The past is shown, the future is asked for; how much is past is drawn for each batch."""

    patches: int
    times: int

    def draw(self, batch: int, generator: torch.Generator) -> Masks:
        """Masks for the films of a batch."""
        seen = 1 + int(torch.randint(self.times - 1, (), generator=generator, device=generator.device))
        return future_masks(self.patches, self.times, seen, batch)
