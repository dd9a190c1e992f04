"""Pictures and films as tokens: cut into patches, put together again, and told where each one was.

ViT (arXiv 2010.11929, section 3.1) cuts a picture into squares of P x P pixels; ViViT (arXiv 2103.15691, section 3.2)
cuts a film into tubelets, which reach over several frames as well.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def patchify(frames: Tensor, patch: int, frames_each: int = 1) -> Tensor:
    """Cut into patches and lay each one flat.

    frames: (..., C, H, W) with frames_each = 1 -> (..., N, C * P * P), N = H / P * W / P patches row by row.
    Tubelets, frames_each = Q: (..., T, C, H, W) -> (..., T / Q, N, Q * C * P * P).
    Raises ValueError where the sides, or the number of frames, are no multiples.
    """
    _above_zero(patch, frames_each)
    if frames.ndim < 3:
        raise ValueError(f"frames end in (C, H, W), these have the shape {tuple(frames.shape)}")
    height, width = frames.shape[-2:]
    if height % patch or width % patch:
        raise ValueError(f"frames of {height} x {width} cannot be cut into patches of {patch} x {patch}")
    rows, columns = height // patch, width // patch
    cut = frames.unflatten(-2, (rows, patch)).unflatten(-1, (columns, patch))  # (..., C, rows, P, columns, P)
    cut = torch.einsum("...chpwq->...hwcpq", cut)
    tokens = cut.flatten(-3).flatten(-3, -2)  # (..., rows * columns, C * P * P)
    if frames_each == 1:
        return tokens
    if tokens.ndim < 3 or tokens.shape[-3] % frames_each:
        raise ValueError(f"films of {tuple(frames.shape)} cannot be cut into pieces of {frames_each} frames")
    pieces = tokens.unflatten(-3, (-1, frames_each))  # (..., T / Q, Q, N, C * P * P)
    return pieces.transpose(-3, -2).flatten(-2)


def unpatchify(tokens: Tensor, patch: int, size: int | tuple[int, int], frames_each: int = 1) -> Tensor:
    """The way back: exactly the frames that ``patchify`` was given. size: their height and width.

    Raises ValueError where so many patches of so many values do not make such frames.
    """
    _above_zero(patch, frames_each)
    height, width = (size, size) if isinstance(size, int) else size
    if height % patch or width % patch:
        raise ValueError(f"no frame of {height} x {width} was ever cut into patches of {patch} x {patch}")
    if tokens.shape[-1] % (frames_each * patch * patch):
        each = f"{frames_each} x {patch} x {patch}" if frames_each > 1 else f"{patch} x {patch}"
        raise ValueError(f"patches of {tokens.shape[-1]} values do not hold whole channels of {each} pixels")
    if frames_each > 1:
        pieces = tokens.unflatten(-1, (frames_each, -1)).transpose(-3, -2)  # (..., T / Q, Q, N, C * P * P)
        return unpatchify(pieces.flatten(-4, -3), patch, size)
    if tokens.shape[-2] != (height // patch) * (width // patch):
        raise ValueError(f"{tokens.shape[-2]} patches of {patch} do not make a picture of {height} x {width}")
    cut = tokens.unflatten(-2, (height // patch, width // patch)).unflatten(-1, (-1, patch, patch))
    return torch.einsum("...hwcpq->...chpwq", cut).flatten(-2).flatten(-3, -2)  # (..., C, H, W)


def _above_zero(patch: int, frames_each: int) -> None:
    if patch < 1 or frames_each < 1:
        raise ValueError(f"a patch is at least 1 pixel wide and 1 frame long, not {patch} and {frames_each}")


def sincos(count: int, width: int, *, longest: float = 10_000.0) -> Tensor:
    """Fixed positions on a line (arXiv 1706.03762, section 3.5), (count, width): waves from short to long.

    Half of the channels are sines, half cosines, so the inner product of two positions is the sum of the cosines of
    (their distance times a wave's speed): it depends on the distance alone, and is largest, width / 2, at distance 0.
    Raises ValueError for an odd width.
    """
    if width % 2:
        raise ValueError(f"sines and cosines share the channels, so the width is even, not {width}")
    speed = longest ** (-torch.arange(width // 2) / (width // 2))
    angle = torch.arange(count)[:, None] * speed[None, :]
    return torch.cat([angle.sin(), angle.cos()], dim=1)


def sincos_2d(side: int | tuple[int, int], width: int) -> Tensor:
    """Fixed positions on a grid, row by row, (rows * columns, width): half the channels say the row, half the column.

    Raises ValueError for a width that four kinds of waves cannot share.
    """
    rows, columns = (side, side) if isinstance(side, int) else side
    if width % 4:
        raise ValueError(f"sines and cosines of two directions share the width, so it is a multiple of 4, not {width}")
    down = sincos(rows, width // 2)[:, None, :].expand(rows, columns, -1)
    across = sincos(columns, width // 2)[None, :, :].expand(rows, columns, -1)
    return torch.cat([down, across], dim=-1).flatten(0, 1)


def side_of(tokens: int) -> int:
    """Rows of a square grid with so many patches. Raises ValueError where there is no such square."""
    side = math.isqrt(tokens)
    if side * side != tokens:
        raise ValueError(f"{tokens} patches make no square")
    return side
