"""What the exam's instruments show: the frames of four keys beside what a model draws for them, and how sure a mean is.

Plain functions that return figures, so that the same call serves a figure, a widget's callback and a test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from matplotlib import rc_context
from numpy.typing import ArrayLike

from course_lib import show
from course_lib.contract import WorldModel
from course_lib.exam.measures.counterfactuals import counterfactuals, next_frames
from course_lib.exam.measures.intervals import bootstrap_interval
from course_lib.exam.measures.rollout import as_input, translate
from course_lib.show.figure import CourseFigure
from course_lib.show.style import COLOURS, STYLE
from course_lib.worlds import spec
from course_lib.worlds.films import Films
from course_lib.worlds.frames import to_uint8


def one_film(films: Films, film: int) -> Films:
    """A set of films with a single one in it. Raises IndexError for a film that is not there."""
    if not 0 <= film < len(films):
        raise IndexError(f"film {film} does not exist; there are {len(films)}, counted from 0")
    by_film = ("frames", "actions", "rewards", "states", "seeds", "captions", "short_captions")
    parts = {name: getattr(films, name)[film : film + 1] for name in by_film}
    return replace(films, contacts=films.contacts[films.contacts[:, 0] == film], **parts)


@torch.no_grad()
def keys_beside(models: Mapping[str, WorldModel], films: Films, film: int, time: int) -> CourseFigure:
    """One moment of a film under each of the four keys: what the Playground draws, and below what each model draws.

    models: by name; they decode and take the Playground's keys. time: the frame after which the key is pressed.
    The first column is the moment itself, as the film and as each model sees it; the key that the film pressed is
    marked. Raises IndexError for a film that is not there, ValueError for a time without a key after it.
    """
    asked = one_film(films, film)
    made = counterfactuals(asked, times=(time,))
    rows = {"the Playground": np.concatenate([asked.frames[0, time : time + 1], made.frames[0, 0]])}
    frames, actions = as_input(asked)
    for name, model in models.items():
        pressed = translate(model, actions[:, :time])
        seen = to_uint8(model.decode(model.encode(frames[:, : time + 1], pressed if time else None)))
        drawn = to_uint8(next_frames(model, frames, actions, time, None)[0])  # (4, H, W, 3)
        rows[name] = np.concatenate([seen, drawn])
    pressed = int(asked.actions[0, time])
    labels = ["now", *(f"{name} *" if key == pressed else name for key, name in enumerate(spec.ACTIONS))]
    return show.strips(rows, labels=labels)


def how_sure(values: ArrayLike, films: int, seed: int = 0) -> CourseFigure:
    """Means of resampled films, for the first of ``values`` in an order given by ``seed``, with their interval.

    values: (N,), one number a film. films: how many of them are asked, at least 5. The black line is the mean of all N.
    Raises ValueError for fewer than 5 films or more than there are.
    """
    everything = np.asarray(values, dtype=float)
    if not 5 <= films <= len(everything):
        raise ValueError(f"between 5 and {len(everything)} films can be asked, not {films}")
    rng = np.random.default_rng(seed)
    asked = rng.permutation(everything)[:films]
    means = asked[rng.integers(films, size=(4000, films))].mean(axis=1)  # (4000,)
    low, high = bootstrap_interval(asked, generator=rng, resamples=2000)
    figure = CourseFigure(7.0, 2.8, f"Bootstrap of {films} films: {low:.3g} to {high:.3g}")
    with rc_context(STYLE):
        axes = figure.add_subplot()
        axes.hist(means, bins=40, color=COLOURS["sky"])
        axes.axvspan(low, high, color=COLOURS["orange"], alpha=0.25)
        axes.axvline(everything.mean(), color=COLOURS["black"], label=f"mean of all {len(everything)}")
        room = 0.02 * (np.ptp(everything) or 1.0)
        axes.set_xlim(everything.min() - room, everything.max() + room)
        axes.set(xlabel="mean of a resample", yticks=[])
        axes.set_title(f"{films} films: {asked.mean():.3g} ({low:.3g} to {high:.3g})")
        axes.legend(loc="upper left")
    return figure
