"""A transformer over a film's past (Vaswani et al. 2017, arXiv 1706.03762): one token a frame, each looks back only.

Its memory has an edge: what follows from frame t comes from frames t - K + 1 to t, and from nothing earlier. A network
of several causal layers reaches no farther than that here, because a longer film is cut into windows of K frames, each
of which goes through by itself.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from course_lib.nets.attention import Block


class PastTransformer(nn.Module):
    """What follows from the last K tokens of a film, for every moment of it. (B, T, I) -> (B, T, O), T of any length.

    inputs, outputs: I and O; context: K. Blocks with their norms in front, a learned position for each place of a
    window. Raises ValueError for heads that cannot share the channels evenly.
    """

    def __init__(self, inputs: int, outputs: int, *, width: int, layers: int, heads: int, context: int) -> None:
        super().__init__()
        self.context = context
        self.enter, self.leave = nn.Linear(inputs, width), nn.Linear(width, outputs)
        self.position = nn.Parameter(0.1 * torch.randn(context, width))
        self.blocks = nn.ModuleList(Block(width, heads, causal=True) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        first = self._window(x[:, : self.context])  # moments that have the whole past in one window
        if x.shape[1] <= self.context:
            return first
        windows = x.unfold(1, self.context, 1)[:, 1:].movedim(3, 2)  # (B, T - K, I, K) -> (B, T - K, K, I)
        later = self._window(windows.flatten(0, 1))[:, -1].unflatten(0, windows.shape[:2])  # (B, T - K, O)
        return torch.cat([first, later], dim=1)

    def _window(self, x: Tensor) -> Tensor:
        """At most K tokens, all of which may be looked back on. (B, S, I) -> (B, S, O)."""
        y = self.enter(x) + self.position[: x.shape[1]]  # (B, S, D)
        for block in self.blocks:
            y = block(y)
        return self.leave(self.norm(y))
