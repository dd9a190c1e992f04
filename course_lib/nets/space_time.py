"""The space-time transformer (时空变换器): attention inside each frame, then along time, never across both at once.

Bruce et al., Genie, 2024 (arXiv 2402.15391), section 2. A film of T frames with N tokens each has T * N tokens;
attention among all of them costs (T * N)^2. Here a token looks at the N tokens of its own frame (spatial attention,
空间注意力) and then at the T tokens at its own place (temporal attention, 时间注意力), backwards only:

    x = x + Space(LayerNorm(x))     T times N^2: linear in the frames
    x = x + Time(LayerNorm(x))      N times T^2: quadratic in the frames, with a small factor
    x = x + MLP(LayerNorm(x))       linear; one feed-forward layer (前馈层) after both, where two would be usual

A stack of these blocks sees everything that came before: other places of an earlier frame are reached in two steps.

Nothing is carried about in memory. Along time the places stand beside the heads, (B, T, N * heads, d), so that the
tokens stay where they are. When a film is made frame by frame, keys and values along time are kept (``Memory``) and a
new frame costs one frame.

Departure from the paper: it does not say how positions are given; here they are learned or fixed waves, one vector for
the place and one for the frame, added once before the first block.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.nets.attention import MLP, Attention, KeysValues, causal_mask
from course_lib.nets.patches import sincos, sincos_2d

Temporal = Literal["causal", "both", "none"]
Positions = Literal["learned", "sincos"]


class Memory(NamedTuple):
    """What is kept along time. layers: keys and values of each layer, (B, N * heads, frames kept, d); None: no layer
    looks along time. frames: how many frames have gone by, which is the next one's position."""

    layers: tuple[KeysValues | None, ...]
    frames: int


def frames_seen(queries: int, keys: int, *, window: int | None = None) -> Tensor:
    """(queries, keys), True where a frame may look: itself and what came before. The last query is the last key.

    window: it looks at so many frames at most, itself included.
    """
    seen = causal_mask(queries, keys)
    return seen if window is None else seen & ~seen.tril(diagonal=keys - queries - window)


class _Apart(Attention):
    """Attention whose queries, keys and values come from three products: each lies in one piece, so none is copied."""

    def three(self, x: Tensor) -> list[Tensor]:
        """(..., D) -> three times (..., heads, d)."""
        return [F.linear(x, w).unflatten(-1, (self.heads, self.head_size)) for w in self.qkv.weight.chunk(3)]


class AttentionInFrames(_Apart):
    """Spatial attention: each token among the tokens of its own frame. (B, T, N, D) -> (B, T, N, D)."""

    def split(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As ``Attention.split``, (..., N, D) -> three times (..., heads, N, d)."""
        q, k, v = self.three(x)
        return self.norm_q(q).transpose(-2, -3), self.norm_k(k).transpose(-2, -3), v.transpose(-2, -3)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, N, D) -> (B, T, N, D)."""
        mixed = super().forward(x.flatten(0, 1))  # (B * T, N, D), a view: four dimensions keep torch's fast kernel
        return mixed.unflatten(0, x.shape[:2])  # -> (B, T, N, D)


class AttentionAlongTime(_Apart):
    """Temporal attention: each token among the tokens at its own place. (B, T, N, D) -> (B, T, N, D).

    causal: frame t looks at frames up to t. The weights are those of ``Attention``; places are laid beside the heads.
    """

    def forward(self, x: Tensor, past: KeysValues | None = None, window: int | None = None) -> Tensor:
        """See ``with_memory``; without its memory."""
        return self.with_memory(x, past, window)[0]

    def with_memory(
        self, x: Tensor, past: KeysValues | None = None, window: int | None = None
    ) -> tuple[Tensor, KeysValues]:
        """The tokens after they looked back, and the keys and values that a later frame may still look at.

        x: (B, S, N, D), the S frames that follow those of ``past``. window: a frame looks at so many frames at most,
        itself included; None for all. Raises ValueError for a past or a window without ``causal``.
        """
        if not self.causal and (past is not None or window is not None):
            raise ValueError("only frames that look back alone can be made one by one: causal is False here")
        q, k, v = self.along_time(x)
        if past is not None:
            k, v = torch.cat([past.keys, k], dim=2), torch.cat([past.values, v], dim=2)
        queries, keys = q.shape[2], k.shape[2]
        limited = window is not None and keys > window
        plain = self.causal and queries == keys and not limited
        needed = limited or (self.causal and not plain and queries > 1)  # one new frame may look at everything
        mask = frames_seen(queries, keys, window=window).to(x.device) if needed else None
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=plain)  # (B, N * heads, S, d)
        mixed = mixed.transpose(1, 2).reshape(*x.shape[:3], -1)  # -> (B, S, N, heads * d)
        if window is not None:
            first = max(0, keys - (window - 1))  # the next frame is one of the window itself
            k, v = k[:, :, first:], v[:, :, first:]
        return self.out(mixed), KeysValues(k, v)

    def along_time(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, (B, T, N, D) -> three times (B, N * heads, T, d)."""
        q, k, v = self.three(x)  # each (B, T, N, heads, d)
        return tuple(part.flatten(2, 3).transpose(1, 2) for part in (self.norm_q(q), self.norm_k(k), v))

    def weights(self, x: Tensor) -> Tensor:
        """How much each frame looks at each other, at every place: (B, T, N, D) -> (B, N, heads, T, T)."""
        return super().weights(x.transpose(1, 2))


class SpaceTimeBlock(nn.Module):
    """See the formulas above. x: (B, T, N, D) -> (B, T, N, D).

    width: D. heads: of both attentions. hidden: channels inside the feed-forward layer, None for 4 * width.
    between: channels inside a second feed-forward layer, after the spatial attention; None, as in Genie, for none.
    temporal: "causal" looks back; "both" looks at later frames too; "none" leaves temporal attention out.
    qk_norm, head_size: see ``attention.py``.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        hidden: int | None = None,
        between: int | None = None,
        temporal: Temporal = "causal",
        qk_norm: bool = True,
        head_size: int | None = None,
    ) -> None:
        super().__init__()
        if temporal not in ("causal", "both", "none"):
            raise ValueError(f"temporal is 'causal', 'both' or 'none', not {temporal!r}")
        self.norm_space, self.norm_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.space = AttentionInFrames(width, heads, qk_norm=qk_norm, head_size=head_size)
        self.norm_between = None if between is None else nn.LayerNorm(width)
        self.between = None if between is None else MLP(width, between)
        self.norm_time = self.time = None
        if temporal != "none":
            self.norm_time = nn.LayerNorm(width)
            self.time = AttentionAlongTime(
                width, heads, causal=temporal == "causal", qk_norm=qk_norm, head_size=head_size
            )
        self.mlp = MLP(width, hidden)

    def forward(self, x: Tensor, window: int | None = None) -> Tensor:
        """(B, T, N, D) -> (B, T, N, D)."""
        return self.extend(x, None, window)[0]

    def extend(
        self, x: Tensor, past: KeysValues | None, window: int | None = None
    ) -> tuple[Tensor, KeysValues | None]:
        """As ``forward`` for the frames that follow those of ``past``; also the keys and values of all."""
        x = x + self.space(self.norm_space(x))
        if self.between is not None:
            x = x + self.between(self.norm_between(x))
        kept = None
        if self.time is not None:
            change, kept = self.time.with_memory(self.norm_time(x), past, window)
            x = x + change
        return x + self.mlp(self.norm_mlp(x)), kept


class SpaceTimeTransformer(nn.Module):
    """A stack of blocks that first tells each token its place and its frame. (B, T, N, D) -> (B, T, N, D).

    width, heads, hidden, between, temporal, qk_norm, head_size: of each block. layers: how many blocks. frames: the
    most that learned positions are made for. places: N; or (rows, columns), which sincos needs. positions: "learned",
    or "sincos" for fixed waves, which go on beyond ``frames``.
    What makes tokens of pixels or codes, and reads the answers off, belongs to the model around it. A last LayerNorm
    brings all answers to one scale.
    """

    def __init__(
        self,
        width: int,
        layers: int,
        heads: int,
        *,
        frames: int,
        places: int | tuple[int, int],
        positions: Positions = "learned",
        hidden: int | None = None,
        between: int | None = None,
        temporal: Temporal = "causal",
        qk_norm: bool = True,
        head_size: int | None = None,
    ) -> None:
        super().__init__()
        self.width, self.frames, self.positions = width, frames, positions
        self.places = places if isinstance(places, int) else places[0] * places[1]
        if min(layers, frames, self.places) < 1:
            raise ValueError(f"layers, frames and places are at least 1, not {layers}, {frames} and {places}")
        if positions == "learned":
            # as loud as the tokens: at the usual 0.02 the first LayerNorm drowns them, and learning waits for ever
            self.place = nn.Parameter(0.5 * torch.randn(self.places, width))
            self.moment = nn.Parameter(0.5 * torch.randn(frames, width))
        elif positions == "sincos":
            if isinstance(places, int):
                raise ValueError(f"waves over a grid need its (rows, columns), not only its {places} places")
            self.register_buffer("place", sincos_2d(places, width), persistent=False)
            self.register_buffer("moment", sincos(frames, width), persistent=False)
        else:
            raise ValueError(f"positions are 'learned' or 'sincos', not {positions!r}")
        kind = {"hidden": hidden, "between": between, "temporal": temporal, "qk_norm": qk_norm, "head_size": head_size}
        self.blocks = nn.ModuleList(SpaceTimeBlock(width, heads, **kind) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def located(self, x: Tensor, start: int = 0) -> Tensor:
        """Each token with its place and its frame added, (B, T, N, D). start: the position of the first frame.

        Raises ValueError for another number of places, or for more frames than learned positions.
        """
        end = start + x.shape[1]
        if x.ndim != 4 or x.shape[2] != self.places:
            raise ValueError(f"x is (B, T, {self.places}, {self.width}), not {tuple(x.shape)}")
        if end <= self.frames:
            moments = self.moment[start:end]
        elif self.positions == "sincos":
            moments = sincos(end, self.width)[start:].to(x)
        else:
            raise ValueError(
                f"frames {start} to {end - 1}, but positions were learned for {self.frames} frames only; "
                "go on from a new memory: extend(the last frames)"
            )
        return x + self.place + moments[:, None, :]  # (N, D) and (T, 1, D)

    def forward(self, x: Tensor, *, start: int = 0, window: int | None = None) -> Tensor:
        """A whole film at once, (B, T, N, D) -> (B, T, N, D). window: along time, see ``AttentionAlongTime``."""
        x = self.located(x, start)
        for block in self.blocks:
            x = block(x, window)
        return self.norm(x)

    def extend(self, x: Tensor, memory: Memory | None = None, *, window: int | None = None) -> tuple[Tensor, Memory]:
        """The frames that follow those of ``memory``, and the memory of all. x: (B, S, N, D) -> (B, S, N, D).

        The memory that goes in stays as it is, so several futures can be tried from one past. Frame by frame, or all
        at once, or in pieces: the answers are those of ``forward`` with the same window.
        """
        layers, gone = memory if memory is not None else ((None,) * len(self.blocks), 0)
        x, kept = self.located(x, gone), []
        for block, past in zip(self.blocks, layers, strict=True):
            x, now = block.extend(x, past, window)
            kept.append(now)
        return self.norm(x), Memory(tuple(kept), gone + x.shape[1])

    def step(self, x: Tensor, memory: Memory | None = None, *, window: int | None = None) -> tuple[Tensor, Memory]:
        """One more frame, for play. x: (B, N, D) -> (B, N, D) and the memory with this frame in it."""
        y, memory = self.extend(x[:, None], memory, window=window)
        return y[:, 0], memory


def multiply_adds(
    frames: int, places: int, width: int, *, hidden: int | None = None, layers: int = 1, joint: bool = False
) -> dict[str, int]:
    """Multiplications (each with its addition) of one forward pass over one film, part by part.

    Spatial attention compares N tokens with N in each of T frames, and mixes as many values: 2 T N^2 D. Along time it
    is 2 N T^2 D. joint: one attention among all T N tokens instead, 2 (T N)^2 D. A mask saves nothing here: what it
    hides is counted. Normalisations, biases and the softmax are left out.
    """
    tokens, hidden = frames * places, 4 * width if hidden is None else hidden
    attentions = 1 if joint else 2
    parts = {
        "projections": attentions * 4 * tokens * width * width,  # queries, keys, values, and the way out
        "feed-forward": 2 * tokens * width * hidden,
    }
    if joint:
        parts["joint attention"] = 2 * tokens * tokens * width
    else:
        parts["spatial attention"] = 2 * frames * places * places * width
        parts["temporal attention"] = 2 * places * frames * frames * width
    return {name: layers * count for name, count in parts.items()}
