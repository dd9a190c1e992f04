"""What can be asked of clips of films: where things are and how fast they go, and the controls that know no learning.

The films are those of the set "ball", which hold the agent and one ball, so that "the ball's speed" is one number; the
variables are the exam's own (``measures/probed.py``), without the mass, and older than any encoder of films. A clip is
the LENGTH frames up to one of TIMES, and what is asked is true of its last frame.

Beside an encoder of films stand, each as one token for every place: the pixels around a patch in the last two frames, a
picture encoder's tokens of the last two frames, and those of all frames of the clip.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from torch import Tensor

from course_lib.exam.measures.pictures import PictureEncoder, Pictures, Variable, neighbourhoods, with_places
from course_lib.exam.measures.probed import TIMES, truth
from course_lib.worlds.films import Films

SET = "ball"
LENGTH = 4  # frames of a clip

MOTION: Mapping[str, Variable] = {
    "agent_vx": Variable("the agent's velocity across, in units a second"),
    "agent_vy": Variable("its velocity upwards"),
    "ball_vx": Variable("the ball's velocity across"),
    "ball_vy": Variable("its velocity upwards"),
    "agent_x": Variable("the agent's place across, in units"),
    "agent_y": Variable("its height"),
    "ball_x": Variable("the ball's place across"),
    "ball_y": Variable("its height"),
}
VELOCITIES = tuple(name for name in MOTION if "_v" in name)  # what one frame does not show


def clips_of(films: Films) -> Pictures:
    """The clips that end at TIMES of every film, film after film, and what is true of their last frames.

    Raises ValueError for another film set, and for shorter films.
    """
    if films.name != SET or films.frames.shape[1] <= max(TIMES):
        raise ValueError(f"clips are asked for in films of {SET!r} with more than {max(TIMES)} frames, these are "
                         f"{films.name!r} with {films.frames.shape[1]}")  # fmt: skip
    frames = np.stack([films.frames[:, t + 1 - LENGTH : t + 1] for t in TIMES], axis=1)  # (N, K, T, H, W, 3)
    found = {name: truth(films, name).ravel() for name in MOTION}  # (N, K) -> (N * K,)
    return Pictures(frames.reshape(-1, *frames.shape[2:]), np.repeat(np.arange(len(films)), len(TIMES)), found, MOTION)


# --- controls: clips (P, T, 3, H, W) in [0, 1] -> tokens (P, N, D) ----------------------------------------------------


def joined_frames(tokens: Tensor) -> Tensor:
    """The tokens of several frames, beside each other at each place. (P, T, N, D) -> (P, N, T * D)."""
    return tokens.transpose(1, 2).flatten(2)


def two_frames_of_pixels(frames: Tensor, patch: int = 4) -> Tensor:
    """The pixels of each patch and of one patch's width around it in the last two frames, with its place."""
    last = frames[:, -2:]
    around = neighbourhoods(last.flatten(0, 1), patch, patch).unflatten(0, last.shape[:2])  # (P, 2, N, 3 * (3 patch)^2)
    return with_places(joined_frames(around))


def by_pictures(encoder: PictureEncoder, frames: int) -> PictureEncoder:
    """What an encoder of single pictures says of the last ``frames`` frames of a clip, beside each other."""

    def tokens(clips: Tensor) -> Tensor:
        last = clips[:, -frames:]
        return joined_frames(encoder(last.flatten(0, 1)).unflatten(0, last.shape[:2]))

    return tokens
