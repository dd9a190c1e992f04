"""A small U-Net (U 形网络) on the latents of films: what a diffusion model's network was before the transformer.

Ho et al., Denoising Diffusion Probabilistic Models, 2020 (arXiv 2006.11239, appendix B): residual blocks at several
resolutions, the first half of them on the way down, the second on the way up, where each block sees again what a block
of its resolution found on the way down; attention at a coarse resolution; the noise level in every block. Dhariwal &
Nichol, Diffusion Models Beat GANs, 2021 (arXiv 2105.05233, section 3.1), let noise level and condition scale
and shift the group norm's output (*adaptive group normalisation*, AdaGN), which is where adaLN comes from. A
caption's words are attended to, as in latent diffusion (Rombach et al. 2022, arXiv 2112.10752, section 3.3).

    fine    8 x 8 places    width channels        depth blocks down, depth blocks up
    coarse  4 x 4 places    2 * width channels    one block, attention among all groups and to the words, one block

Convolutions see one group of frames, each its own; attention at the coarse resolution is what joins the groups.

It stands beside the DiT to say what convolutions are worth, so everything but the network is the DiT's: call, loss,
sampling, embedders and configuration. Of the configuration it reads ``width``, ``depth``, ``heads`` (at the coarse
resolution) and ``patch``, here the places of the fine grid on a side of a place of the coarse one.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from course_lib.models.base import check_groups
from course_lib.models.conditions import CaptionEmbedder, LabelEmbedder, TimestepEmbedder
from course_lib.models.dit import DiT, DiTConfig, spacetime_positions
from course_lib.nets.attention import Attention, CrossAttention
from course_lib.nets.convolutions import GROUPS, AdaptiveResidual
from course_lib.nets.diffusion import Diffusion


class FilmAttention(nn.Module):
    """Attention of all places of a film among themselves, then to the words. (B, G, N, D) -> the same."""

    def __init__(self, width: int, heads: int, words: int) -> None:
        """words: channels of the words."""
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(width), Attention(width, heads, bias=True)
        self.norm_words, self.read = nn.LayerNorm(width), nn.Linear(words, width)
        self.words = CrossAttention(width, heads, bias=True)
        for last in (self.attention.out, self.words.out):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, x: Tensor, words: Tensor, mask: Tensor) -> Tensor:
        """words: (B, L, D'). mask: bool (B, L), True where there is a word."""
        tokens = x.flatten(1, 2)  # (B, G * N, D)
        tokens = tokens + self.attention(self.norm(tokens))
        tokens = tokens + self.words(self.norm_words(tokens), self.read(words), mask)
        return tokens.view_as(x)


class UNet(DiT):
    """Noisy latents, noise levels and a condition -> the diffusion's target, as a DiT is called.

        unet = UNet(DiTConfig(channels=12, patch=2, width=48, depth=2, heads=4, classes=0, learned_variance=False))
        unet(x_t, t, tokens)       # (B, G, C, h, w), (B,) or (B, G), int64 (B, L) -> (B, G, C, h, w)
        AveragedDiT(config, UNet)  # trained with the DiT's recipe

    It is a DiT in all but the network: loss, guidance and sampling are inherited.
    """

    def __init__(self, config: DiTConfig) -> None:
        """Raises ValueError for a width that the groups of a norm cannot share."""
        nn.Module.__init__(self)  # none of a DiT's layers
        check_groups("width", config.width)
        self.config = config
        self.diffusion = Diffusion.of(config.schedule, config.target)
        self.outputs = (2 if config.learned_variance else 1) * config.channels
        width, coarse = config.width, 2 * config.width
        self.t_embedder = TimestepEmbedder(width)
        captions = config.context, width, config.text_depth, config.heads
        self.y_embedder = LabelEmbedder(config.classes, width) if config.classes else CaptionEmbedder(*captions)
        self.x_embedder = nn.Conv2d(config.channels, width, 3, padding=1)
        self.down = nn.ModuleList(AdaptiveResidual(width, width, width) for _ in range(config.depth))
        self.pool = nn.Conv2d(width, coarse, config.patch, stride=config.patch)
        self.before, self.after = (AdaptiveResidual(coarse, coarse, width) for _ in range(2))
        self.middle = FilmAttention(coarse, config.heads, width)
        self.widen = nn.Sequential(nn.Upsample(scale_factor=config.patch), nn.Conv2d(coarse, width, 3, padding=1))
        self.up = nn.ModuleList(AdaptiveResidual(2 * width, width, width) for _ in range(config.depth))
        self.norm, self.last = nn.GroupNorm(GROUPS, width), nn.Conv2d(width, self.outputs, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(
        self, x_t: Tensor, t: Tensor, condition: Tensor | None = None, actions: Tensor | None = None
    ) -> Tensor:
        """See ``DiT.forward``. Raises ValueError for latents, levels or conditions of other shapes, and for actions."""
        self._check(x_t, t, condition, actions)
        films = x_t.shape[:2]
        time = self.t_embedder(t if t.ndim == 2 else t[:, None])  # (B, G or 1, D)
        given = self.y_embedder(self.y_embedder.empty(len(x_t)) if condition is None else condition)
        c = (time + given.pooled[:, None]).expand(*films, -1).flatten(0, 1)  # (B * G, D)

        x, found = self.x_embedder(x_t.flatten(0, 1)), []  # (B * G, D, h, w)
        for block in self.down:
            x = block(x, c)
            found.append(x)
        x = self.before(self.pool(x), c)
        x = self._joined(x, given.words, given.mask, films)
        x = self.widen(self.after(x, c))
        for block in self.up:
            x = block(torch.cat([x, found.pop()], dim=1), c)
        x = self.last(nn.functional.silu(self.norm(x)))
        return x.unflatten(0, films).float()

    def _joined(self, x: Tensor, words: Tensor, mask: Tensor, films: torch.Size) -> Tensor:
        """The attention, on (B * G, C, h, w)."""
        tokens = x.flatten(2).transpose(1, 2).unflatten(0, films)  # (B, G, N, C)
        tokens = tokens + spacetime_positions(films[1], *x.shape[2:], tokens.shape[3]).to(tokens)
        return self.middle(tokens, words, mask).flatten(0, 1).transpose(1, 2).reshape(x.shape)
