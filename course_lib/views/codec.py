"""What there is to look at in a codec: films drawn again, what a spacetime patch of latents sees, a film half coded.

Every function takes stored frames (uint8) and gives back pictures (uint8) or maps (float), so that the same call serves
a figure, a widget's callback and a test.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from course_lib.models.codec import VideoCodec
from course_lib.worlds.frames import psnr, to_model, to_uint8

GAP = 2  # white pixels between pictures
SEEN = 1e-7  # of the largest slope: what is below this is a rounding error
SCALE = 3  # a frame is drawn three times as wide: 96 pixels
MARK = np.array([230, 60, 20], np.uint8)


@torch.no_grad()
def through_codec(codec: VideoCodec, frames: np.ndarray) -> np.ndarray:
    """A film through its latents and back. uint8 (T, H, W, 3) -> uint8 (T, H, W, 3). T: a length that it takes."""
    return to_uint8(codec.frames_of(codec.latents(to_model(frames[None]))))[0]


@torch.no_grad()
def latent_maps(codec: VideoCodec, frames: np.ndarray) -> np.ndarray:
    """The latents of a film, float (G, C, h, w), channels of unit scale. frames: uint8 (T, H, W, 3)."""
    return codec.latents(to_model(frames[None]))[0].numpy()


def seen_pixels(codec: VideoCodec, frames: np.ndarray, group: int, row: int, column: int, patch: int = 1) -> np.ndarray:
    """How much each pixel of a film moves the latents of one spacetime patch: the size of the gradient, (T, H, W).

    frames: uint8 (T, H, W, 3). group, row, column: the patch, counted from 0, ``patch`` places on a side. The gradient
    is of the sum of the patch's latents, each with a random sign so that two of them seldom cancel; its absolute values
    are added over the colours. Exactly 0 where the latents do not depend on a pixel.
    Raises IndexError for a patch that does not exist.
    """
    x = to_model(frames[None]).requires_grad_()
    latents = codec.latents(x)  # (1, G, C, h, w)
    groups, _, rows, columns = latents.shape[1:]
    if not (0 <= group < groups and 0 <= row < rows // patch and 0 <= column < columns // patch):
        raise IndexError(
            f"there is no patch in group {group}, row {row}, column {column}: there are {groups} groups of "
            f"{rows // patch} x {columns // patch} patches"
        )
    own = latents[0, group, :, row * patch : (row + 1) * patch, column * patch : (column + 1) * patch]
    signs = torch.randint(2, own.shape, generator=torch.Generator().manual_seed(0)) * 2.0 - 1.0
    (slope,) = torch.autograd.grad((own * signs).sum(), x)
    return slope[0].abs().sum(dim=1).numpy()  # (T, 3, H, W) -> (T, H, W)


def seen_window(slopes: np.ndarray) -> tuple[int, int, int, int, int, int]:
    """First and last frame, row and column that a patch sees at all: the box around everything above rounding.

    slopes: (T, H, W), what ``seen_pixels`` gives. Returns (first, last, top, bottom, left, right), all included.
    """
    there = np.argwhere(slopes > SEEN * slopes.max())
    (first, top, left), (last, bottom, right) = there.min(axis=0), there.max(axis=0)
    return int(first), int(last), int(top), int(bottom), int(left), int(right)


def draw_seen(codec: VideoCodec, frames: np.ndarray, group: int, row: int, column: int, patch: int = 2) -> np.ndarray:
    """A film with all that one spacetime patch of latents does not see taken to grey.

    Returns the frames of the patch's own group and of the group before it, side by side, the own ones with their own
    pixels marked by a frame, each SCALE times as large: uint8 (H', W', 3).
    """
    config = codec.config
    slopes = seen_pixels(codec, frames, group, row, column, patch)
    each, pixels = config.frames_each, patch * config.frame_size // config.side
    first = max(0, 1 + (group - 2) * each) if group else 0
    last = group * each
    seen = (slopes[first : last + 1] > SEEN * slopes.max())[..., None]
    pictures = np.where(seen, frames[first : last + 1], 200 + frames[first : last + 1] // 8)
    pictures = pictures.astype(np.uint8).repeat(SCALE, axis=1).repeat(SCALE, axis=2)
    top, left, side = row * pixels * SCALE, column * pixels * SCALE, pixels * SCALE
    for n in range(len(pictures)):
        if first + n > last - each or group == 0:
            frame_square(pictures[n], top, left, side)
    return side_by_side_row(pictures)


def frame_square(picture: np.ndarray, top: int, left: int, side: int) -> None:
    """Draw the outline of a square into a picture (H, W, 3), in place."""
    bottom, right = top + side - 1, left + side - 1
    picture[[top, bottom], left : right + 1] = MARK
    picture[top : bottom + 1, [left, right]] = MARK


def side_by_side_row(pictures: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    """Pictures of one height in a row with white between them, uint8 (H, W', 3)."""
    gap = np.full((pictures[0].shape[0], GAP * SCALE, 3), 255, np.uint8)
    return np.concatenate([part for picture in pictures for part in (picture, gap)][:-1], axis=1)


@torch.no_grad()
def compressed(coder: Callable[[Tensor], Tensor], film: np.ndarray, moments: Sequence[int]) -> tuple[np.ndarray, float]:
    """Some frames of a film, and the same frames through a coder below them; and the film's PSNR in dB.

    coder: films (B, T, 3, H, W) to their reconstruction. film: uint8 (T, H, W, 3). Returns uint8 (2 H' + gap, W', 3).
    """
    x = to_model(film[None])
    back = coder(x)
    rows = [side_by_side_row(enlarged(frames[list(moments)])) for frames in (film, to_uint8(back)[0])]
    gap = np.full((GAP * SCALE, rows[0].shape[1], 3), 255, np.uint8)
    return np.concatenate([rows[0], gap, rows[1]]), float(psnr(back, x).mean())


def enlarged(frames: np.ndarray) -> np.ndarray:
    """Frames SCALE times as large, (N, H, W, 3) -> (N, H', W', 3)."""
    return frames.repeat(SCALE, axis=1).repeat(SCALE, axis=2)


@torch.no_grad()
def nudged(codec: VideoCodec, frames: np.ndarray, group: int, row: int, column: int, amount: float) -> np.ndarray:
    """How much each pixel of the drawing changes when one place of the latents is moved, float (T, H, W).

    frames: uint8 (T, H, W, 3). amount: added to every channel of the place, in deviations.
    """
    latents = codec.latents(to_model(frames[None]))
    moved = latents.clone()
    moved[0, group, :, row, column] += amount
    change = (codec.frames_of(moved) - codec.frames_of(latents)).abs()
    return change[0].amax(dim=1).numpy()  # (1, T, 3, H, W) -> (T, H, W)
