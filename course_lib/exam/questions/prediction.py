"""Question: what comes next? Places of things and pixels, 1, 4 and 10 frames ahead, on films never seen.

A model sees four frames and then goes on alone under the film's own actions. The reader looks at what it drew. A thing
that is not found where its kind and colour allow counts as MISSED units away, about the mean distance of two random
places in the box: a model that draws nothing must not look precise.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from course_lib.exam.entrant import Entrant
from course_lib.exam.measures.frames import position_errors
from course_lib.exam.measures.intervals import mean_and_interval, paired_ratio_interval
from course_lib.exam.measures.rollout import SEEN, as_input, dream
from course_lib.exam.rows import Row
from course_lib.exam.sitting import Sitting
from course_lib.models.extrapolate import Extrapolation
from course_lib.worlds.films import Films, load_films
from course_lib.worlds.frames import psnr, to_model
from course_lib.worlds.scenes import film_set

STEPS, AHEAD = 10, (1, 4, 10)  # how far a model goes on alone, and the frames that are asked about


def _controls(sitting: Sitting, films: Films, frames: Tensor, actions: Tensor) -> dict[str, Tensor]:
    """What knows nothing of the future, drawn on the same films: (N, STEPS, 3, H, W) each."""
    steps, size = STEPS, sitting.size
    # Another film of the set at the same times: what a guess with the right style is worth.
    other = frames.roll(1, dims=0)[:, SEEN : SEEN + steps]
    usual = "simple" if film_set(films.name).reserved else films.name  # a reserved set has no films to learn from
    mean = to_model(load_films(usual, split="train", count=200, size=size).frames[:, ::8]).mean(dim=(0, 1))
    return {
        "copy_last": dream(Extrapolation((size, size)), frames, actions, seen=SEEN, steps=steps),
        "linear": dream(Extrapolation((size, size), rate=1.0), frames, actions, seen=SEEN, steps=steps),
        "mean_frame": mean.expand_as(other),
        "other_film": other,
    }


def _shared(sitting: Sitting, films: Films, frames: Tensor, actions: Tensor) -> tuple[dict, dict]:
    """Errors and PSNR of the controls, (N, STEPS) each, and the reader's own error on the real frames."""
    real, states = frames[:, SEEN : SEEN + STEPS], films.states[:, SEEN : SEEN + STEPS]
    drawn = _controls(sitting, films, frames, actions)
    errors = {name: position_errors(sitting.reader, picture, states) for name, picture in drawn.items()}
    errors["reader_floor"] = position_errors(sitting.reader, real, states)
    return errors, {name: psnr(picture, real).numpy() for name, picture in drawn.items()}


def ask(entrant: Entrant, sitting: Sitting) -> Iterator[Row]:
    """Rows position_error_t*, dream_position_error_ratio_t10 and psnr_db_t*."""
    model = entrant.part("model")
    films = sitting.films_for(entrant)
    frames, actions = as_input(films)
    real, states = frames[:, SEEN : SEEN + STEPS], films.states[:, SEEN : SEEN + STEPS]
    drawn = {"model": dream(model, frames, actions, seen=SEEN, steps=STEPS,
                            generator=sitting.generator() if entrant.draws else None)}  # fmt: skip
    if "model" in entrant.untrained:
        drawn["untrained"] = dream(entrant.untrained["model"], frames, actions, seen=SEEN, steps=STEPS)
    if model.capabilities.actions.kind != "none":
        drawn["shuffled_actions"] = dream(
            model, frames, torch.cat([actions[:, : SEEN - 1], actions.roll(1, dims=0)[:, SEEN - 1 :]], dim=1),
            seen=SEEN, steps=STEPS, generator=sitting.generator() if entrant.draws else None,
        )  # fmt: skip
    key = ("prediction", films.name, films.split, len(films))
    errors, psnrs = map(dict, sitting.once(key, lambda: _shared(sitting, films, frames, actions)))
    there = np.isfinite(errors["reader_floor"])  # (N, STEPS): something can be seen, in truth
    errors |= {name: position_errors(sitting.reader, picture, states) for name, picture in drawn.items()}
    psnrs |= {name: psnr(picture, real).numpy() for name, picture in drawn.items()}

    for ahead in AHEAD:
        asked = there[:, ahead - 1]
        yield entrant.row(sitting, films, f"position_error_t{ahead}", unit="units", direction="lower",
                          **mean_and_interval(errors["model"][:, ahead - 1], asked=asked, seed=sitting.seed),
                          controls=_means(errors, ahead, asked))  # fmt: skip
    last, asked = STEPS - 1, there[:, STEPS - 1]
    mine, still = (errors[name][asked, last] for name in ("model", "copy_last"))
    low, high = paired_ratio_interval(mine, still, generator=sitting.rng())
    scale = still.mean()
    yield entrant.row(sitting, films, "dream_position_error_ratio_t10", unit="", direction="lower",
                      value=float(mine.mean() / scale), low=low, high=high, n=len(mine),
                      controls={name: v / scale for name, v in _means(errors, STEPS, asked).items()})  # fmt: skip
    for ahead in AHEAD:
        yield entrant.row(sitting, films, f"psnr_db_t{ahead}", unit="dB",
                          **mean_and_interval(psnrs["model"][:, ahead - 1], seed=sitting.seed),
                          controls=_means(psnrs, ahead))  # fmt: skip


def _means(values: dict[str, np.ndarray], ahead: int, asked: np.ndarray | slice = slice(None)) -> dict[str, float]:
    return {name: float(v[asked, ahead - 1].mean()) for name, v in values.items() if name != "model"}
