"""Attention (注意力), the block that every transformer of this course is built from.

Vaswani et al., Attention Is All You Need, 2017 (arXiv 1706.03762), section 3.2:

    Attention(Q, K, V) = softmax(Q K^T / sqrt(d)) V

Each token asks (its query), offers (its key) and tells (its value); it receives the mean of what all tell, weighted by
how well their keys answer its query. ``attend`` writes the formula out, to be read; the layers below use torch's
scaled-dot-product attention, which computes the same without keeping the N x N weights.

QK-norm (Henry et al. 2020, arXiv 2010.04245; Dehghani et al. 2023, arXiv 2302.05442): queries and keys are normalised,
so that logits cannot grow without bound in long trainings; Genie uses it. Here as in the second paper: a LayerNorm with
a learned scale and no bias for the queries, one for the keys, shared by the heads; 1 / sqrt(d) stays. At the start a
logit is then at most sqrt(d), whatever the weights.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class KeysValues(NamedTuple):
    """What earlier tokens offered and told, so that a new token need not ask for it again. Each (..., heads, N, d)."""

    keys: Tensor
    values: Tensor


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The formula, with its weights. q: (..., N, d), k: (..., M, d), v: (..., M, e) -> (..., N, e), (..., N, M).

    mask: boolean, broadcast to (..., N, M), True where a query may look.
    Raises ValueError for a query that may look nowhere: a mean of nothing is no number.
    """
    if mask is not None and not mask.any(dim=-1).all():
        raise ValueError("the mask lets a query look nowhere; every row needs at least one True")
    logits = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])  # (..., N, M)
    if mask is not None:
        logits = logits.masked_fill(~mask, -torch.inf)
    weights = logits.softmax(dim=-1)
    return weights @ v, weights


def causal_mask(queries: int, keys: int | None = None) -> Tensor:
    """(N, M), True where token n may look at token m: itself and what came before. The last query is the last key.

    Raises ValueError for fewer keys than queries: the first queries would be left without a key.
    """
    keys = queries if keys is None else keys
    if keys < queries:
        raise ValueError(f"{queries} tokens that look back need as many keys, not {keys}: each looks at itself too")
    return torch.ones(queries, keys, dtype=torch.bool).tril(diagonal=keys - queries)


def _fast_attention(q: Tensor, k: Tensor, v: Tensor, **how: Any) -> Tensor:
    """torch's own. On a CPU always in float32: its way back in bfloat16 took a third of a training step there."""
    if q.device.type != "cpu" or q.dtype != torch.bfloat16:
        return F.scaled_dot_product_attention(q, k, v, **how)
    with torch.autocast("cpu", enabled=False):  # mixed precision would make bfloat16 of it again
        return F.scaled_dot_product_attention(q.float(), k.float(), v.float(), **how).to(q.dtype)


class Attention(nn.Module):
    """Multi-head attention (section 3.2.2) of tokens among themselves, (..., N, D) -> (..., N, D).

    heads: how many attentions run side by side, each on its own part of the channels. head_size: channels of a key;
    None for width / heads, as usual (Genie's dynamics model has 128 at another width). causal: tokens look back only.
    qk_norm: see above. bias: whether the projections add one, as in the programs of ViT and DiT; the paper's have none.
    Raises ValueError for sizes that do not fit.
    """

    def __init__(
        self, width: int, heads: int, *, head_size: int | None = None, causal: bool = False, qk_norm: bool = False,
        bias: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        if width < 1 or heads < 1 or (head_size is not None and head_size < 1):
            raise ValueError(f"width, heads and head_size are whole numbers above 0, not {width}, {heads}, {head_size}")
        if head_size is None and width % heads:
            raise ValueError(f"{heads} heads cannot share {width} channels evenly: choose a divisor, or a head_size")
        self.heads, self.causal = heads, causal
        self.head_size = head_size or width // heads
        self.qkv = nn.Linear(width, 3 * heads * self.head_size, bias=bias)
        self.out = nn.Linear(heads * self.head_size, width, bias=bias)
        self.norm_q = nn.LayerNorm(self.head_size, bias=False) if qk_norm else nn.Identity()
        self.norm_k = nn.LayerNorm(self.head_size, bias=False) if qk_norm else nn.Identity()

    def split(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of each head. (..., N, D) -> three times (..., heads, N, d)."""
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, self.head_size)).unbind(dim=-3)  # each (..., N, heads, d)
        q, k, v = (part.transpose(-2, -3) for part in (q, k, v))  # (..., heads, N, d)
        return self.norm_q(q), self.norm_k(k), v

    def forward(self, x: Tensor, past: KeysValues | None = None, mask: Tensor | None = None) -> Tensor:
        """See ``with_memory``; without its memory."""
        return self.with_memory(x, past, mask)[0]

    def with_memory(
        self, x: Tensor, past: KeysValues | None = None, mask: Tensor | None = None, *, allowed: Tensor | None = None
    ) -> tuple[Tensor, KeysValues]:
        """The tokens after they looked around, and the keys and values of all so far.

        past: of earlier tokens; x are then the ones that follow them, and may look at both. mask: boolean (B, M), True
        where a token of x (B, N, D) is one, and not filled up to the longest of the batch; for attention that is not
        causal. allowed: boolean (N, M), True where a token of x may look at one of the past and of x, the past first;
        for attention that is not causal by itself. Raises ValueError for a mask where attention is causal, or has a
        past, and for allowed where attention is causal.
        """
        if allowed is not None and self.causal:
            raise ValueError("this attention is causal: who may look at whom is settled")
        if mask is not None:
            if self.causal or past is not None or allowed is not None:
                raise ValueError("a mask of missing tokens is for attention that looks both ways and has no past")
            return self._masked(x, mask)
        q, k, v = self.split(x)
        if past is not None:
            k, v = torch.cat([past.keys, k], dim=-2), torch.cat([past.values, v], dim=-2)
        fresh = self.causal and q.shape[-2] == k.shape[-2]
        some = self.causal and not fresh and q.shape[-2] > 1  # one new token may look at everything
        mask = causal_mask(q.shape[-2], k.shape[-2]).to(x.device) if some else allowed
        # torch's fast kernels take four axes and no others; with five it was five times slower on a CPU.
        many = [part.reshape(math.prod(part.shape[:-3]), *part.shape[-3:]) for part in (q, k, v)]  # (B, heads, ., d)
        mixed = _fast_attention(*many, attn_mask=mask, is_causal=fresh).view(q.shape)
        return self.out(mixed.transpose(-2, -3).flatten(-2)), KeysValues(k, v)  # (..., N, heads * d) -> (..., N, D)

    def _masked(self, x: Tensor, mask: Tensor) -> tuple[Tensor, KeysValues]:
        q, k, v = self.split(x)  # (B, heads, N, d)
        mixed = _fast_attention(q, k, v, attn_mask=mask[:, None, None])
        return self.out(mixed.transpose(-2, -3).flatten(-2)), KeysValues(k, v)

    def weights(self, x: Tensor) -> Tensor:
        """How much each token looks at each other, (..., heads, N, N); rows add up to 1. For pictures; it is slow."""
        q, k, v = self.split(x)
        mask = causal_mask(x.shape[-2]).to(x.device) if self.causal else None
        return attend(q, k, v, mask)[1]


class CrossAttention(nn.Module):
    """Tokens that ask others (section 3.2.3): queries from x (B, N, D), keys and values from ``others`` (B, M, D).

    -> (B, N, D). mask: boolean (B, M), True where there is a token among the others. Raises ValueError for heads that
    cannot share the channels evenly.
    """

    def __init__(self, width: int, heads: int, *, bias: bool = False) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"{heads} heads cannot share {width} channels evenly: choose a divisor")
        self.heads = heads
        self.q, self.kv = nn.Linear(width, width, bias=bias), nn.Linear(width, 2 * width, bias=bias)
        self.out = nn.Linear(width, width, bias=bias)

    def forward(self, x: Tensor, others: Tensor, mask: Tensor | None = None) -> Tensor:
        """See the class."""
        q, k, v = self._split(x, others)
        mask = None if mask is None else mask[:, None, None]  # (B, M) -> (B, 1, 1, M), for all heads and queries
        mixed = _fast_attention(q, k, v, attn_mask=mask)
        return self.out(mixed.transpose(1, 2).flatten(2))  # (B, N, heads * d) -> (B, N, D)

    def weights(self, x: Tensor, others: Tensor, mask: Tensor | None = None) -> Tensor:
        """How much each token looks at each of the others, (B, heads, N, M); rows add up to 1. For pictures."""
        return attend(*self._split(x, others), None if mask is None else mask[:, None, None])[1]

    def _split(self, x: Tensor, others: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q = self.q(x).unflatten(2, (self.heads, -1)).transpose(1, 2)  # (B, N, D) -> (B, heads, N, d)
        k, v = self.kv(others).unflatten(2, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)  # each (B, heads, M, d)
        return q, k, v


class MLP(nn.Module):
    """The feed-forward layer (section 3.3): each token by itself, (..., D) -> (..., D)."""

    def __init__(self, width: int, hidden: int | None = None) -> None:
        super().__init__()
        hidden = 4 * width if hidden is None else hidden
        self.wide, self.narrow = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) -> (..., D)."""
        return self.narrow(F.gelu(self.wide(x)))


class Block(nn.Module):
    """A transformer block as in the ViT (arXiv 2010.11929, equations 2 and 3), norms first:

        x = x + Attention(LayerNorm(x))
        x = x + MLP(LayerNorm(x))

    hidden: channels inside the MLP, None for 4 * width. The rest as in ``Attention``.
    """

    def __init__(
        self, width: int, heads: int, *, hidden: int | None = None, causal: bool = False, qk_norm: bool = False,
        bias: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.norm_attention, self.norm_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads, causal=causal, qk_norm=qk_norm, bias=bias)
        self.mlp = MLP(width, hidden)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """(..., N, D) -> (..., N, D). mask: see ``Attention``."""
        y = self.norm_attention(x)
        x = x + (self.attention(y) if mask is None else self.attention(y, mask=mask))
        return x + self.mlp(self.norm_mlp(x))
