"""Question: what surprises it? Surprise is taken from the context only, never from what comes later.

The pairs here are the simplest that pixels cannot decide: a film goes on as it did, or it goes back, and the frame
before the last is shown again. Both next frames differ from the last one by about as much, so copy-last, whose surprise
is the pixel difference, is near chance. Who knows that things keep moving is surprised by the one that turned back.
Where motion stops or turns anyway (a bounce, a key), nobody can tell, so the perfect score is below 1 for all but a
model that owns the simulator.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.intervals import mean_and_interval
from course_lib.exam.measures.rollout import as_input, fits
from course_lib.exam.measures.surprises import check_context_only, surprises
from course_lib.exam.rows import Row
from course_lib.exam.sitting import Sitting
from course_lib.models.extrapolate import Extrapolation

TIMES = (5, 11, 17, 23, 29)  # the last frame before the pair parts


def turned_back(frames: Tensor, time: int) -> tuple[Tensor, Tensor]:
    """Two films of time + 2 frames: one goes on, the other shows the frame before the last again."""
    on = frames[:, : time + 2]
    return on, torch.cat([frames[:, : time + 1], frames[:, time - 1 : time]], dim=1)


def _parts(frames: Tensor, time: int) -> np.ndarray:
    """Whether the two films of a pair differ in their last frame, (N,)."""
    on, back = turned_back(frames, time)
    return (on[:, -1] != back[:, -1]).flatten(1).any(dim=1).numpy()


def ask(entrant: Entrant, sitting: Sitting) -> Iterator[Row]:
    """Row surprise_turned_back_accuracy: how often the film that turned back surprises it more."""
    model = entrant.part("model")
    films = sitting.films_for(entrant)
    frames, actions = as_input(films)
    fits(model, sitting.size)
    check_context_only(model, frames[:4, :12], actions[:4, :11])
    who = {"model": model, "pixel_difference": Extrapolation((sitting.size, sitting.size))}
    if "model" in entrant.untrained:
        who["untrained"] = entrant.untrained["model"]
    moved = np.stack([_parts(frames, time) for time in TIMES])  # (K, N): the pair differs, whoever looks at it
    scores: dict[str, list[np.ndarray]] = {name: [] for name in who}
    for time in TIMES:
        on, back = turned_back(frames, time)
        for name, model in who.items():
            draws = sitting.generator(time) if entrant.draws and name == "model" else None
            more = [surprises(model, film, actions[:, : time + 1], draws, first=time + 1)[:, -1].numpy()
                    for film in (on, back)]  # fmt: skip
            finite = np.isfinite(more[0]) & np.isfinite(more[1])
            right = np.where(more[1] > more[0], 1.0, np.where(more[1] == more[0], 0.5, 0.0))
            scores[name].append(np.where(finite, right, np.nan))
    asked = moved.any(axis=0)  # (N,)
    means = {name: np.where(moved, values, 0.0).sum(axis=0) / np.maximum(moved.sum(axis=0), 1)
             for name, values in scores.items()}  # (N,) each; fmt: skip
    controls = {name: float(values[asked].mean()) for name, values in means.items() if name != "model"}
    yield entrant.row(sitting, films, "surprise_turned_back_accuracy", unit="", controls=controls | {"chance": 0.5},
                      **mean_and_interval(means["model"], asked=asked, seed=sitting.seed))  # fmt: skip
