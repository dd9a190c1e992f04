"""Parts of convolutional networks that two or more models share."""

from __future__ import annotations

from torch import Tensor, nn


class PlaceNorm(nn.LayerNorm):
    """Layer normalisation of each place by itself, over its channels. (..., C, h, w) -> the same.

    A norm over the whole frame (group normalisation) tells every place something about every other; this one does not.
    """

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return super().forward(x.movedim(-3, -1)).movedim(-1, -3)  # (..., C, h, w) -> (..., h, w, C) and back
