"""What there is to look at in a latent action model: what each code makes of a frame, and a film under one code held.

Every function takes stored frames (uint8) and gives back pictures (uint8), so that the same call serves a figure, a
widget's callback and a test.
"""

from __future__ import annotations

import numpy as np
import torch

from course_lib.models.lam import LatentActionModel
from course_lib.worlds.frames import to_model, to_uint8

GAP = 2  # white pixels between pictures


def _check(model: LatentActionModel, film: np.ndarray, frame: int, code: int = 0) -> None:
    if not 0 <= frame < len(film):
        raise IndexError(f"frame {frame} does not exist; the film has {len(film)}, counted from 0")
    if not 0 <= code < model.config.codes:
        raise IndexError(f"code {code} does not exist; there are {model.config.codes}, counted from 0")


@torch.no_grad()
def after_each_code(model: LatentActionModel, film: np.ndarray, frame: int) -> np.ndarray:
    """What the decoder draws after a frame under each code. uint8 (T, H, W, 3) -> uint8 (codes, H, W, 3).

    The frames before it are the film's. Raises IndexError for a frame that does not exist.
    """
    _check(model, film, frame)
    codes = model.config.codes
    past = to_model(film[: frame + 1])[None].expand(codes, -1, -1, -1, -1)  # (codes, S, 3, H, W)
    index = torch.arange(codes)[:, None].expand(-1, frame + 1)
    return to_uint8(model.predict(past, index)[:, -1])


def difference(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Where two pictures differ, dark on white. uint8 (..., H, W, 3) twice -> the same."""
    far = np.abs(after.astype(np.int16) - before).max(axis=-1, keepdims=True)
    return (255 - far).astype(np.uint8).repeat(3, axis=-1)


def try_code(model: LatentActionModel, film: np.ndarray, frame: int, code: int) -> np.ndarray:
    """Choose a frame and a code, and see what the decoder makes of it.

    Returns the frame, the decoder's next one, where the two differ, and the film's own next frame (the last frame
    again, where the film ends), side by side, uint8 (H, 4 W + 3 GAP, 3). Raises IndexError for what does not exist.
    """
    _check(model, film, frame, code)
    now, drawn = film[frame], after_each_code(model, film, frame)[code]
    pictures = [now, drawn, difference(now, drawn), film[min(frame + 1, len(film) - 1)]]
    gap = np.full((now.shape[0], GAP, 3), 255, np.uint8)
    return np.concatenate([x for p in pictures for x in (p, gap)][:-1], axis=1)


@torch.no_grad()
def hold_code(model: LatentActionModel, film: np.ndarray, frame: int, code: int, steps: int = 8) -> np.ndarray:
    """A film that the decoder goes on with, always under the same code: its own frames become the past.

    Returns the film's frame and ``steps`` drawn ones, uint8 (1 + steps, H, W, 3). Raises IndexError as above.
    """
    _check(model, film, frame, code)
    x = to_model(film[: frame + 1])[None]
    for _ in range(steps):
        index = torch.full((1, x.shape[1]), code)
        x = torch.cat([x, model.predict(x, index)[:, -1:]], dim=1)
    return to_uint8(x[0, frame:])


@torch.no_grad()
def redraw(model: LatentActionModel, film: np.ndarray, index: np.ndarray | None = None) -> np.ndarray:
    """Every next frame, drawn from the true past and a code: the inferred ones, or ``index``, int64 (T - 1,).

    uint8 (T, H, W, 3) -> uint8 (T, H, W, 3), the first frame as it is.
    """
    x = to_model(film)[None]
    codes = model.infer(x) if index is None else torch.from_numpy(np.asarray(index, np.int64))[None]
    return np.concatenate([film[:1], to_uint8(model.predict(x[:, :-1], codes)[0])])
