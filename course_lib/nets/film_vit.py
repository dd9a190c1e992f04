"""A vision transformer for films: a film cut into tubelets (时空管块) that attend to each other, all to all.

Arnab et al., ViViT, 2021 (arXiv 2103.15691), section 3.2: a *tubelet* is a patch that reaches over several frames. It
is embedded by one linear layer, so a token holds what happens in its place during its frames. V-JEPA (arXiv 2404.08471,
section 3.3) is built on it, with attention over all tokens of the film at once (ViViT's model 1).

Departure: the place of a token is the sum of two kinds of waves, one for its patch and one for its time; the programs
of ViViT and V-JEPA give each of the three directions channels of its own.
"""

from __future__ import annotations

from torch import Tensor, nn

from course_lib.nets.patches import patchify, sincos, sincos_2d
from course_lib.nets.vit import ViT


def film_places(times: int, side: int, width: int) -> Tensor:
    """Fixed positions of the tubelets of a film, time after time, (times * side * side, width)."""
    return (sincos(times, width)[:, None] + sincos_2d(side, width)).flatten(0, 1)


class FilmViT(ViT):
    """Films (..., T, 3, H, W) -> a token for every tubelet, (..., T / Q * N, D), time after time.

    length: frames of a film at most, a multiple of frames_each, the Q frames of a tubelet. The rest as in ``ViT``,
    N = (size / patch)^2. Raises ValueError where tubelets do not fill the film, or a film is longer or of another size.
    """

    def __init__(
        self, size: int, patch: int, length: int, frames_each: int, width: int, depth: int, heads: int
    ) -> None:
        super().__init__(size, patch, width, depth, heads)
        if length % frames_each:
            raise ValueError(f"films of {length} frames cannot be cut into tubelets of {frames_each} frames")
        self.length, self.frames_each = length, frames_each
        self.embed = nn.Linear(3 * frames_each * patch * patch, width)
        self.register_buffer("places", film_places(length // frames_each, size // patch, width), persistent=False)

    def tokens(self, frames: Tensor) -> Tensor:
        """What is in each tubelet, where and when, (..., T, 3, H, W) -> (..., T / Q * N, D)."""
        if frames.ndim < 4 or tuple(frames.shape[-3:]) != (3, self.size, self.size) or frames.shape[-4] > self.length:
            raise ValueError(f"films (..., up to {self.length}, 3, {self.size}, {self.size}) wanted, "
                             f"got {tuple(frames.shape)}")  # fmt: skip
        if frames.shape[-4] % self.frames_each:
            raise ValueError(f"{frames.shape[-4]} frames are no whole number of tubelets of {self.frames_each} frames")
        cut = patchify(2 * frames - 1, self.patch, self.frames_each).flatten(-3, -2)  # (..., T / Q * N, Q * 3 * P * P)
        return self.embed(cut) + self.places[: cut.shape[-2]]
