"""What a reader finds in a film, in the words of the captions' grammar."""

from __future__ import annotations

import numpy as np

from course_lib.models.reader import BODY_KINDS, Reader, read_film
from course_lib.worlds import spec
from course_lib.worlds.captions import FRAMES


def read_states(reader: Reader, frames: np.ndarray) -> np.ndarray:
    """The beginnings of films as states that ``worlds.captions.describe`` understands, with what one can see in them.

    frames: uint8 (N, T, H, W, 3) of at least ``captions.FRAMES`` frames -> float32 (N, FRAMES, SLOTS, FIELDS). Bodies
    are those found in the first frame, the first four of the reader's order; one that is lost later keeps the place
    where it was seen last. A reader sees no agent or star here: their slots stay empty.
    """
    states = np.zeros((len(frames), FRAMES, spec.SLOTS, len(spec.FIELDS)), np.float32)
    x, y = spec.FIELD["x"], spec.FIELD["y"]
    for film, out in zip(frames, states, strict=True):
        tracks = read_film(reader, film[:FRAMES])  # (FRAMES, S, FIELDS)
        bodies = [s for s in range(tracks.shape[1]) if int(tracks[0, s, 0]) in BODY_KINDS][: spec.MAX_BODIES]
        for slot, body in enumerate(bodies, start=1):
            out[:, slot] = tracks[0, body]
            for t in range(1, FRAMES):
                seen = tracks[t, body] if tracks[t, body, 0] else out[t - 1, slot]
                out[t, slot, [x, y]] = seen[[x, y]]
    return states
