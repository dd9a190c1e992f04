"""What there is to look at when a goal picture is reached: the way there, and what the embeddings say of it.

Stored frames (uint8) in; a figure or an array out.
"""

from __future__ import annotations

import numpy as np
import torch

from course_lib.models.action_jepa import ActionJEPA
from course_lib.show.figure import CourseFigure
from course_lib.show.pictures import grid
from course_lib.worlds.frames import to_model


def way_figure(film: np.ndarray, goal: np.ndarray, *, every: int = 2, columns: int = 8) -> CourseFigure:
    """The goal picture, and the frames of one episode after it. film: uint8 (T, H, W, 3); goal: (H, W, 3).

    every: each every-th frame is shown, and the last one.
    """
    moments = [*range(0, len(film) - 1, every), len(film) - 1]
    titles = ["goal", *(f"t = {moment}" for moment in moments)]
    return grid(np.concatenate([goal[None], film[moments]]), columns=columns, titles=titles)


@torch.no_grad()
def distances_to_goal(model: ActionJEPA, film: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """How far each frame's embedding is from the goal's, (T,). film: uint8 (T, H, W, 3); goal: (H, W, 3)."""
    s = model.jepa.encode(to_model(np.concatenate([film, goal[None]])[None]))[0]  # (T + 1, D)
    return (s[:-1] - s[-1]).norm(dim=1).numpy()
