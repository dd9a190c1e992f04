"""What there is to look at in a cloned policy: which keys it would press in a frame, and why a code is not a key.

Every function takes arrays and a ``Player`` and gives back pictures (uint8) or arrays, so that the same call serves a
figure, a widget's callback and a test.
"""

from __future__ import annotations

import numpy as np

from course_lib.models.cloning import KEYS, Player
from course_lib.worlds.frames import to_model

GAP = 2  # white pixels beside the bars
WIDE = 8  # pixels of a bar
BAR, TRUE = (56, 120, 212), (34, 44, 72)  # colours of a bar, and of that of the key that was pressed


def key_chances(player: Player, film: np.ndarray, frame: int) -> np.ndarray:
    """With which probability the player presses each key after this frame of a film. uint8 (T, H, W, 3) -> (KEYS,).

    Raises IndexError for a frame that does not exist.
    """
    if not 0 <= frame < len(film):
        raise IndexError(f"frame {frame} does not exist; the film has {len(film)}, counted from 0")
    context = player.policy.config.context
    past = np.maximum(np.arange(frame - context + 1, frame + 1), 0)
    return player.keys(to_model(film[past])[None])[0].numpy()


def with_bars(frame: np.ndarray, chances: np.ndarray, pressed: int | None = None) -> np.ndarray:
    """A frame, and a bar for each key beside it, from left to right in the order of ``spec.ACTIONS``.

    frame: uint8 (H, W, 3); chances: (KEYS,), 1 for a bar as high as the frame. pressed: the dark bar.
    Returns uint8 (H, W + KEYS * (WIDE + GAP) + GAP, 3).
    """
    height = frame.shape[0]
    panel = np.full((height, KEYS * (WIDE + GAP) + GAP, 3), 255, np.uint8)
    for key, share in enumerate(chances):
        left, high = GAP + key * (WIDE + GAP), max(1, round(float(share) * height))
        panel[height - high :, left : left + WIDE] = TRUE if key == pressed else BAR
    return np.concatenate([frame, panel], axis=1)


def what_it_presses(player: Player, film: np.ndarray, frame: int, pressed: int | None = None) -> np.ndarray:
    """A frame of a film and the bars of what the player would press after it; see ``with_bars``.

    Raises IndexError for a frame that does not exist.
    """
    chances = key_chances(player, film, frame)
    return with_bars(film[frame], chances, pressed)
