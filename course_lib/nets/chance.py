"""Random numbers for each row of a batch, the same however many processes share the batch.

The noise of a row belongs to its place in the global batch, not to the process that holds it: every process draws for
the whole batch from a generator in the same state and keeps its own rows. So two processes with 32 rows each see the
numbers of one process with 64, and their generators stay in step. The rows that are thrown away cost little beside a
network. In one process these are exactly ``torch.randn``, ``torch.rand`` and ``torch.randint``.

The first dimension is the batch (or several of its rows' parts laid end to end, as in ``(B * T, ...)``). A number that
all rows share, one mask for the whole batch for example, is drawn from the generator directly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from course_lib.nets.shard import shard


def normal(shape: Sequence[int], generator: torch.Generator, *, dtype: torch.dtype | None = None) -> Tensor:
    """Independent N(0, 1), shape (B, ...) with this process's B rows, on the generator's device."""
    return _own_rows(shape, lambda whole: torch.randn(whole, generator=generator, device=generator.device, dtype=dtype))


def uniform(shape: Sequence[int], generator: torch.Generator, *, dtype: torch.dtype | None = None) -> Tensor:
    """Independent, even over [0, 1), shape (B, ...), on the generator's device."""
    return _own_rows(shape, lambda whole: torch.rand(whole, generator=generator, device=generator.device, dtype=dtype))


def gumbel(shape: Sequence[int], generator: torch.Generator, *, dtype: torch.dtype | None = None) -> Tensor:
    """Independent standard Gumbel noise, shape (B, ...): the largest of logits + noise is a draw from their softmax.

    No probability has to be computed for that (Gumbel 1954).
    """
    even = uniform(shape, generator, dtype=dtype).clamp(1e-20, 1.0 - 1e-7)
    return -torch.log(-torch.log(even))


def integers(high: int, shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Independent whole numbers 0 to high - 1, int64 (B, ...), on the generator's device."""
    return _own_rows(shape, lambda whole: torch.randint(high, whole, generator=generator, device=generator.device))


def _own_rows(shape: Sequence[int], draw: Callable[[tuple[int, ...]], Tensor]) -> Tensor:
    now = shard()
    if now.processes == 1:
        return draw(tuple(shape))
    if not shape:
        raise ValueError("numbers for the rows of a batch have at least one dimension, the batch")
    whole = shape[0] * now.processes
    return draw((whole, *shape[1:]))[now.rows(whole)]
