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

from course_lib.exam.dream import dream
from course_lib.exam.entrants import Entrant
from course_lib.exam.intervals import paired_ratio_interval
from course_lib.exam.room import Room, as_input
from course_lib.exam.rows import Row, mean_and_interval
from course_lib.models.extrapolate import Extrapolation
from course_lib.models.reader import READABLE, Reader, match
from course_lib.worlds import spec
from course_lib.worlds.films import Films, load_films
from course_lib.worlds.frames import to_model
from course_lib.worlds.scenes import film_set

SEEN, STEPS, AHEAD = 4, 10, (1, 4, 10)
MISSED = 14.0  # units: 0.52 of the side of the box, the mean distance of two random points in a square


def position_errors(reader: Reader, frames: np.ndarray | Tensor, states: np.ndarray) -> np.ndarray:
    """Mean distance in units between where things are and where a frame shows them, (N, T).

    frames: uint8 (N, T, H, W, 3) or floats (N, T, 3, H, W). states: the truth, (N, T, SLOTS, FIELDS). Things that are
    hidden in truth do not count; things not found within MISSED units with the right kind and colour count as MISSED.
    """
    read = reader.read(frames)  # (N, T, 8, FIELDS)
    errors = np.empty(states.shape[:2])
    x, y = spec.FIELD["x"], spec.FIELD["y"]
    for place in np.ndindex(*errors.shape):
        truth = states[place].copy()
        truth[truth[:, spec.FIELD["visible"]] < READABLE, 0] = 0.0
        pairs = match(truth, read[place], reach=MISSED, alike=True)
        found = [np.hypot(truth[i, x] - read[place][j, x], truth[i, y] - read[place][j, y]) for i, j in pairs]
        count = np.count_nonzero(truth[:, 0])
        errors[place] = (sum(found) + MISSED * (count - len(found))) / count if count else np.nan
    return errors


def psnr_of(dreamed: Tensor, real: Tensor) -> np.ndarray:
    """Peak signal-to-noise ratio of each frame in dB, (N, T). Both (N, T, 3, H, W) in [0, 1]; equal frames have 99."""
    error = (dreamed - real).square().mean(dim=(2, 3, 4)).clamp_min(10**-9.9)
    return (-10.0 * error.log10()).numpy()


def _controls(room: Room, films: Films, frames: Tensor, actions: Tensor) -> dict[str, Tensor]:
    """What knows nothing of the future, drawn on the same films: (N, STEPS, 3, H, W) each."""
    steps, size = STEPS, room.size
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


def _shared(room: Room, films: Films, frames: Tensor, actions: Tensor) -> dict[str, np.ndarray]:
    """Errors and PSNR of the controls, and the reader's own error on the real frames: computed once a sitting."""
    key = f"prediction/{films.name}/{films.split}"
    if f"{key}/psnr/copy_last" not in room.kept:
        real, states = frames[:, SEEN : SEEN + STEPS], films.states[:, SEEN : SEEN + STEPS]
        for name, drawn in _controls(room, films, frames, actions).items():
            room.kept[f"{key}/psnr/{name}"] = psnr_of(drawn, real)
            room.kept[f"{key}/error/{name}"] = position_errors(room.reader, drawn, states)
        room.kept[f"{key}/error/reader_floor"] = position_errors(room.reader, real, states)
    return {name.removeprefix(f"{key}/"): values for name, values in room.kept.items() if name.startswith(key)}


def prediction(entrant: Entrant, room: Room) -> Iterator[Row]:
    """Rows position_error_t*, dream_position_error_ratio_t10 and psnr_db_t*."""
    films = room.films_for(entrant)
    frames, actions = as_input(films)
    real, states = frames[:, SEEN : SEEN + STEPS], films.states[:, SEEN : SEEN + STEPS]
    drawn = {"model": dream(entrant.model, frames, actions, seen=SEEN, steps=STEPS,
                            generator=room.generator() if entrant.draws else None)}  # fmt: skip
    if entrant.untrained is not None:
        drawn["untrained"] = dream(entrant.untrained, frames, actions, seen=SEEN, steps=STEPS)
    if entrant.model.capabilities.actions.kind != "none":
        drawn["shuffled_actions"] = dream(
            entrant.model, frames, torch.cat([actions[:, : SEEN - 1], actions.roll(1, dims=0)[:, SEEN - 1 :]], dim=1),
            seen=SEEN, steps=STEPS, generator=room.generator() if entrant.draws else None,
        )  # fmt: skip
    shared = _shared(room, films, frames, actions)
    errors = {name.removeprefix("error/"): v for name, v in shared.items() if name.startswith("error/")}
    errors |= {name: position_errors(room.reader, frames_, states) for name, frames_ in drawn.items()}
    psnrs = {name.removeprefix("psnr/"): v for name, v in shared.items() if name.startswith("psnr/")}
    psnrs |= {name: psnr_of(frames_, real) for name, frames_ in drawn.items()}

    for ahead in AHEAD:
        yield entrant.row(room, films, f"position_error_t{ahead}", unit="units", direction="lower",
                          **mean_and_interval(errors["model"][:, ahead - 1], seed=room.seed),
                          controls=_means(errors, ahead))  # fmt: skip
    last = STEPS - 1
    low, high = paired_ratio_interval(errors["model"][:, last], errors["copy_last"][:, last], generator=room.rng())
    scale = errors["copy_last"][:, last].mean()
    yield entrant.row(room, films, "dream_position_error_ratio_t10", unit="", direction="lower",
                      value=float(errors["model"][:, last].mean() / scale), low=low, high=high, n=len(films),
                      controls={name: value / scale for name, value in _means(errors, STEPS).items()})  # fmt: skip
    for ahead in AHEAD:
        yield entrant.row(room, films, f"psnr_db_t{ahead}", unit="dB",
                          **mean_and_interval(psnrs["model"][:, ahead - 1], seed=room.seed),
                          controls=_means(psnrs, ahead))  # fmt: skip


def _means(values: dict[str, np.ndarray], ahead: int) -> dict[str, float]:
    return {name: float(np.nanmean(v[:, ahead - 1])) for name, v in values.items() if name != "model"}
