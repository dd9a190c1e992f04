"""Frames on disk and frames for models, the one place that converts between them, and how far two frames are apart.

On disk and for display a frame is ``uint8 (H, W, 3)``, channels last, 0 to 255.
For a model it is ``float32 (3, H, W)``, channels first, 0 to 1.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

EQUAL_DB = 99.0  # of frames that are equal: one level of one colour in one pixel of 32 x 32 already has 83
FOREGROUND = 0.06  # a pixel this far from the empty room, in any colour, belongs to something


def to_model(frames: np.ndarray | Tensor) -> Tensor:
    """Turn stored frames into what a model reads.

    frames: uint8 ``(..., H, W, 3)``, values 0 to 255.
    Returns float32 ``(..., 3, H, W)``, values 0 to 1.
    Raises TypeError when the frames are not uint8, ValueError when the last axis is not the three colours.
    """
    if isinstance(frames, np.ndarray):
        frames = torch.from_numpy(np.ascontiguousarray(frames))
    if frames.dtype != torch.uint8:
        raise TypeError(f"stored frames are uint8, these are {frames.dtype}; float frames need no conversion")
    if frames.ndim < 3 or frames.shape[-1] != 3:
        raise ValueError(f"stored frames end in (H, W, 3), these have shape {tuple(frames.shape)}")
    return frames.movedim(-1, -3).float().div_(255.0)  # (..., H, W, 3) -> (..., 3, H, W)


def to_uint8(frames: Tensor | np.ndarray) -> np.ndarray:
    """Turn a model's frames into pictures to store or show; values outside [0, 1] are clipped.

    frames: float ``(..., 3, H, W)``. Returns uint8 ``(..., H, W, 3)``, rounded to the nearest level.
    Raises TypeError when the frames are integers, ValueError when the third axis from the end is not the three colours.
    """
    if isinstance(frames, np.ndarray):
        frames = torch.from_numpy(np.ascontiguousarray(frames))
    if not frames.is_floating_point():
        raise TypeError(f"a model's frames are floats in [0, 1], these are {frames.dtype}")
    if frames.ndim < 3 or frames.shape[-3] != 3:
        raise ValueError(f"a model's frames end in (3, H, W), these have shape {tuple(frames.shape)}")
    levels = frames.detach().float().clamp(0.0, 1.0).mul(255.0).round().to(torch.uint8)
    return levels.movedim(-3, -1).contiguous().cpu().numpy()  # (..., 3, H, W) -> (..., H, W, 3)


def psnr(drawn: Tensor, real: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each frame in dB, 10 log10(1 / mean squared error) for values in [0, 1].

    Both (..., 3, H, W) -> (...); the mean is over colours and pixels. Equal frames have ``EQUAL_DB``.
    """
    error = (drawn - real).square().flatten(-3).mean(dim=-1)  # (..., 3, H, W) -> (...)
    return -10.0 * error.clamp_min(10.0 ** (-EQUAL_DB / 10.0)).log10()


def median_frame(train_frames: np.ndarray) -> np.ndarray:
    """The empty room: each pixel's median. uint8 (M, H, W, 3) -> uint8 (H, W, 3)."""
    return np.median(train_frames, axis=0).astype(np.uint8)


def foreground(frames: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Where something stands in front of the empty room. uint8 (..., H, W, 3), (H, W, 3) -> boolean (..., H, W)."""
    far = np.abs(frames.astype(np.int16) - background.astype(np.int16)).max(axis=-1)
    return far > FOREGROUND * 255
