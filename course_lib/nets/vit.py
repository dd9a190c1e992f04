"""A vision transformer (视觉 Transformer): a picture cut into patches that look at each other.

Dosovitskiy et al., An Image is Worth 16x16 Words, 2020 (arXiv 2010.11929), section 3.1, equations 1 to 4. Departures:
positions are fixed waves (their appendix D.4 finds little between the kinds of positions they tried), there is no class
token, and the head answers at every patch; who wants one answer a picture takes the mean. Pixels are brought from the
range 0 to 1 to -1 to 1 before they are embedded, as is usual with a ViT; without that it learns more slowly.

Without a head it is the encoder that masked models share (MAE, I-JEPA): ``features`` gives the tokens themselves, and
takes a list of the patches that may be seen.
"""

from __future__ import annotations

from torch import Tensor, nn

from course_lib.nets.attention import Block
from course_lib.nets.patches import patchify, sincos_2d


class ViT(nn.Module):
    """Frames (..., 3, H, W) -> an answer at every patch, (..., N, outputs).

    size: side of a frame in pixels; patch: side of a patch, so N = (size / patch)^2. width: channels of a token, a
    multiple of 4. depth: blocks. outputs: numbers in an answer; None for no head: the answers are the features.
    positions: False leaves the tokens without a place. qk_norm: see ``attention.py``.
    Raises ValueError where the patches do not fill the frame, or a frame has another size.
    """

    def __init__(
        self,
        size: int,
        patch: int,
        width: int,
        depth: int,
        heads: int,
        outputs: int | None = None,
        *,
        positions: bool = True,
        qk_norm: bool = False,
    ) -> None:
        super().__init__()
        if size % patch:
            raise ValueError(f"frames of {size} x {size} cannot be cut into patches of {patch} x {patch}")
        self.size, self.patch = size, patch
        self.embed = nn.Linear(3 * patch * patch, width)
        places = sincos_2d(size // patch, width)  # (N, D)
        self.register_buffer("places", places if positions else 0.0 * places, persistent=False)
        self.blocks = nn.ModuleList(Block(width, heads, qk_norm=qk_norm) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Identity() if outputs is None else nn.Linear(width, outputs)

    def tokens(self, frames: Tensor) -> Tensor:
        """What is in each patch and where it is, (..., 3, H, W) -> (..., N, D)."""
        if tuple(frames.shape[-3:]) != (3, self.size, self.size):
            raise ValueError(f"frames (..., 3, {self.size}, {self.size}) wanted, got {tuple(frames.shape)}")
        return self.embed(patchify(2 * frames - 1, self.patch)) + self.places

    def features(self, frames: Tensor, visible: Tensor | None = None) -> Tensor:
        """The tokens after the last block, normalised. (..., 3, H, W) -> (..., N, D).

        visible: int64 (..., K), the patches that are seen, each at most once -> (..., K, D) in that order. The others
        are left out before the first block, so that nothing of them can reach a feature.
        """
        x = self.tokens(frames)
        if visible is not None:
            x = x.take_along_dim(visible[..., None], dim=-2)  # (..., N, D) -> (..., K, D)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def forward(self, frames: Tensor) -> Tensor:
        """(..., 3, H, W) -> (..., N, outputs)."""
        return self.head(self.features(frames))

    def weights(self, frames: Tensor) -> list[Tensor]:
        """Who looks at whom in each block, depth times (..., heads, N, N); rows add up to 1. For pictures."""
        x, maps = self.tokens(frames), []
        for block in self.blocks:
            maps.append(block.attention.weights(block.norm_attention(x)))
            x = block(x)
        return maps
