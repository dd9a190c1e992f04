"""Question: what surprises it? Surprise is taken from the context only, never from what comes later.

The pairs here are the simplest that pixels cannot decide: a film goes on as it did, or it goes back, and the frame
before the last is shown again. Both next frames differ from the last one by about as much, so copy-last, whose surprise
is the pixel difference, is near chance. Who knows that things keep moving is surprised by the one that turned back.
Where motion stops or turns anyway (a bounce, a key), nobody can tell, so the perfect score is below 1 for all but a
model that owns the simulator.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from torch import Tensor

from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.intervals import mean_and_interval
from course_lib.exam.measures.rollout import as_input, fits
from course_lib.exam.measures.surprises import check_context_only, surprises, turned_back_scores
from course_lib.exam.measures.surprises import turned_back as turned_back  # the pair, to be looked at from here
from course_lib.exam.rows import Row
from course_lib.exam.sitting import Sitting
from course_lib.models.extrapolate import Extrapolation


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
    means = {}
    for name, each in who.items():
        drawn = entrant.draws and name == "model"

        def last(film: Tensor, time: int, each: Any = each, drawn: bool = drawn) -> np.ndarray:
            draws = sitting.generator(time) if drawn else None
            return surprises(each, film, actions[:, : time + 1], draws, first=time + 1)[:, -1].numpy()

        means[name], asked = turned_back_scores(last, frames)
    controls = {name: float(values[asked].mean()) for name, values in means.items() if name != "model"}
    yield entrant.row(sitting, films, "surprise_turned_back_accuracy", unit="", controls=controls | {"chance": 0.5},
                      **mean_and_interval(means["model"], asked=asked, seed=sitting.seed))  # fmt: skip
