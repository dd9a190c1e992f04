"""A past with mistakes in it: what a model that dreams must learn to live with.

In training the past is real. In play it is the model's own, mistakes included, and a model that never saw a mistake
takes it for the world and adds the next (Bengio et al., Scheduled Sampling, 2015, arXiv 1506.03099, call the difference
the discrepancy between training and inference). GameNGen, a world model by diffusion, adds noise to the past that it is
trained on, so that it repairs what it made itself (Valevski et al. 2024, arXiv 2408.14837). To tokens no noise can be
added, so some of them are replaced, in two ways, while what is asked for stays true:

    scattered    each token of the past, with a film's own probability, becomes one from anywhere in other films
    a piece      from some moment on, a rectangle of the past shows another film: an agent is gone, or there are two
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def corrupt_past(
    index: Tensor, others: Tensor, generator: torch.Generator, *, scattered: float, pieces: float
) -> Tensor:
    """The same films with mistakes in all frames but the last. int64 (B, L, N) -> (B, L, N).

    others: films to take wrong tokens from, (M, T, N) with T at least L. scattered: the largest share of a film's past
    that is replaced token by token; each film's own share is drawn evenly below it. pieces: share of the films in
    which a rectangle is replaced. Raises ValueError where the frames are no squares of tokens, or the others too short.
    """
    b, length, n = index.shape
    side, m = math.isqrt(n), len(others)
    if side**2 != n or others.shape[1] < length or others.shape[2] != n:
        raise ValueError(
            f"films of square frames are corrupted with others at least as long, not {tuple(index.shape)} with "
            f"{tuple(others.shape)}"
        )

    def draw(high: int, *shape: int) -> Tensor:
        return torch.randint(high, shape, generator=generator)

    past = torch.arange(length)[None, :, None] < length - 1  # (1, L, 1)

    share = scattered * torch.rand((b, 1, 1), generator=generator)
    wrong = torch.rand(index.shape, generator=generator) < share
    anywhere = others[draw(m, b, length, n), draw(others.shape[1], b, length, n), draw(n, b, length, n)]
    shown = torch.where(wrong & past, anywhere.to(index.dtype), index)

    # a rectangle from (row, column), at most 5 tokens on a side, as it moves on in another film
    grid = torch.arange(n)
    row, column = grid // side, grid % side  # (N,)
    top, left, high, wide = draw(side, b, 1), draw(side, b, 1), draw(5, b, 1) + 1, draw(5, b, 1) + 1
    inside = (row >= top) & (row < top + high) & (column >= left) & (column < left + wide)  # (B, N)
    since = torch.arange(length)[None] >= draw(max(length - 1, 1), b, 1)  # (B, L)
    chosen = torch.rand((b, 1, 1), generator=generator) < pieces
    moment = draw(others.shape[1] - length + 1, b, 1) + torch.arange(length)  # (B, L)
    elsewhere = others[draw(m, b, 1), moment].to(index.dtype)  # (B, L, N)
    return torch.where(chosen & past & since[..., None] & inside[:, None], elsewhere, shown)
