"""Parts of convolutional networks that two or more models share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

GROUPS = 8  # of a norm


class PlaceNorm(nn.LayerNorm):
    """Layer normalisation of each place by itself, over its channels. (..., C, h, w) -> the same.

    A norm over the whole frame (group normalisation) tells every place something about every other; this one does not.
    """

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return super().forward(x.movedim(-3, -1)).movedim(-1, -3)  # (..., C, h, w) -> (..., h, w, C) and back


class AdaptiveResidual(nn.Module):
    """x + conv(SiLU(AdaGN(conv(SiLU(norm(x))), c))), the second convolution 0 at first.

    (B * G, C, h, w) and c (B * G, D) -> (B * G, outputs, h, w). AdaGN, adaptive group normalisation: a group norm whose
    output c shifts and scales (Dhariwal & Nichol 2021, arXiv 2105.05233, section 3.1).

    With ``temporal`` the first convolution is followed by one over three groups of frames at each place: together a
    *pseudo-3D convolution* (Singer et al., Make-A-Video, 2022, arXiv 2209.14792, section 3.2.1). There as here it
    begins as a convolution of single pictures: what a group hears from the one before and the one after begins at 0.
    """

    def __init__(self, inputs: int, outputs: int, width: int, *, temporal: bool = False) -> None:
        """width: channels of c."""
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(GROUPS, inputs), nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm2, self.conv2 = nn.GroupNorm(GROUPS, outputs), nn.Conv2d(outputs, outputs, 3, padding=1)
        self.modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * outputs))
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        # A 1 x 1 convolution of two neighbours: torch 2.13 has a Conv3d that fails in bfloat16 on CPUs.
        self.time = nn.Conv2d(2 * outputs, outputs, 1) if temporal else None
        for last in [self.conv2, *([self.time] if temporal else [])]:
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, x: Tensor, c: Tensor, groups: int = 1) -> Tensor:
        """See the class. groups: G, how many in a row are of one film."""
        shift, scale = self.modulation(c)[..., None, None].chunk(2, dim=1)  # (B * G, 2 C, 1, 1) -> two (B * G, C, 1, 1)
        h = self.conv1(nn.functional.silu(self.norm1(x)))
        if self.time is not None and groups > 1:
            film = h.unflatten(0, (-1, groups))  # (B * G, C, h, w) -> (B, G, C, h, w)
            nothing = torch.zeros_like(film[:, :1])  # outside the film
            before, after = torch.cat([nothing, film[:, :-1]], dim=1), torch.cat([film[:, 1:], nothing], dim=1)
            h = h + self.time(torch.cat([before, after], dim=2).flatten(0, 1))  # (B * G, 2 C, h, w) -> (B * G, C, h, w)
        h = self.norm2(h) * (1.0 + scale) + shift
        return self.skip(x) + self.conv2(nn.functional.silu(h))


class ResidualStem(nn.Module):
    """Residual blocks around a transformer, at the resolution of the latents: a U-Net whose middle is the transformer.

    ``take_in`` goes through ``blocks`` of them before the latents are cut into patches; ``draw_out`` through as many
    after the patches are put together again, each of which sees again what one on the way in found, the last one first
    (Ronneberger et al., U-Net, 2015, arXiv 1505.04597). So the transformer says what is where, and edges are drawn by
    convolutions. Its output is 0 at first.
    """

    def __init__(
        self, channels: int, features: int, outputs: int, *, blocks: int, width: int, temporal: bool = True
    ) -> None:
        """channels: of the latents. outputs: of the prediction. width: of c. temporal: see ``AdaptiveResidual``."""
        super().__init__()
        self.into = nn.Conv2d(channels, features, 3, padding=1)
        self.down = nn.ModuleList(AdaptiveResidual(features, features, width, temporal=temporal) for _ in range(blocks))
        self.up = nn.ModuleList(AdaptiveResidual(2 * features, features, width, temporal=temporal)
                                for _ in range(blocks))  # fmt: skip
        self.norm, self.out = nn.GroupNorm(GROUPS, features), nn.Conv2d(features, outputs, 3, padding=1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def take_in(self, x: Tensor, c: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Latents (B, G, channels, h, w), c (B, G or 1, D) -> features (B, G, S, h, w), and what each block found."""
        films, found = x.shape[:2], []
        c = c.expand(*films, -1).flatten(0, 1)  # (B * G, D)
        x = self.into(x.flatten(0, 1))  # (B * G, S, h, w)
        for block in self.down:
            x = block(x, c, films[1])
            found.append(x)
        return x.unflatten(0, films), found

    def draw_out(self, x: Tensor, found: list[Tensor], c: Tensor) -> Tensor:
        """Features (B, G, S, h, w) of the transformer, what ``take_in`` found, c -> (B, G, outputs, h, w)."""
        films = x.shape[:2]
        c, x = c.expand(*films, -1).flatten(0, 1), x.flatten(0, 1)
        for block, again in zip(self.up, reversed(found), strict=True):
            x = block(torch.cat([x, again], dim=1), c, films[1])
        return self.out(nn.functional.silu(self.norm(x))).unflatten(0, films)
