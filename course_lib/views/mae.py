"""What there is to look at in a masked autoencoder: pictures with their patches hidden, and drawn.

Stored frames (uint8) in, pictures (uint8) out, so that the same call serves a figure, a widget's callback and a test.
"""

from __future__ import annotations

import numpy as np
import torch

from course_lib.models.mae import MAE
from course_lib.worlds.frames import to_model, to_uint8

HIDDEN = 128  # the grey of a patch that the encoder does not see


@torch.no_grad()
def mask_and_draw(mae: MAE, frames: np.ndarray, generator: torch.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Frames with their masked patches grey, and the same with those patches drawn by the decoder.

    frames: uint8 (N, H, W, 3). Returns twice uint8 (N, H, W, 3). See ``MAE.reconstruct`` for what a decoder of
    normalised targets takes from the true patch.
    """
    found = mae.reconstruct(to_model(frames), generator)
    patch, side = mae.config.patch, mae.config.frame_size // mae.config.patch
    hidden = found.masked.view(-1, side, side).numpy()  # (N, rows, columns)
    hidden = hidden.repeat(patch, axis=1).repeat(patch, axis=2)[..., None]  # (N, H, W, 1)
    return np.where(hidden, np.uint8(HIDDEN), frames), to_uint8(found.frames)
