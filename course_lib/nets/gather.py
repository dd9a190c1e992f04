"""The rows of all processes, for losses that compare the rows of a batch with each other.

A mean over rows needs no help: each process takes the mean over its own and the loop takes the mean of those. A
contrastive loss (each row against all others) or a variance over the batch is not such a mean, and on a slice it would
be another, smaller problem. ``gather_batch`` gives every process the global batch, and each computes the same global
term, or its own rows' part of it.

Why the gradient is right. Let process r report the loss L_r, which after gathering depends on the rows x_s of every
process s. The backward pass gives x_s the sum over r of dL_r/dx_s (below: an all-reduce, then the own slice), so
process s finds the parameters' gradient sum_r dL_r/dx_s * dx_s/dtheta. DistributedDataParallel takes the mean over the
W processes: (1/W) sum_s sum_r dL_r/dx_s * dx_s/dtheta = d/dtheta of (1/W) sum_r L_r, which is the gradient of the mean
loss, the one that the loop reports. Where all L_r are the same global term L this is dL/dtheta, as in one process.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed

from course_lib.nets.shard import shard


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.rows = len(x)
        x = x.contiguous()
        parts = [torch.empty_like(x) for _ in range(distributed.get_world_size())]
        distributed.all_gather(parts, x)
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.clone(memory_format=torch.contiguous_format)  # all_reduce writes in place
        distributed.all_reduce(gradient)
        start = distributed.get_rank() * ctx.rows
        return gradient[start : start + ctx.rows]


def gather_batch(x: Tensor) -> Tensor:
    """All processes' rows in the order of the processes, with gradients: (B, ...) -> (W B, ...).

    In one process, and outside a training step, it is x itself. Every process must call it equally often, in the same
    order and with equal shapes; the loop's slices are equal.
    """
    return x if shard().processes == 1 else _Gather.apply(x)
