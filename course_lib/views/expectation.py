"""What there is to look at in films that break an expectation: what a model foresaw, when it is surprised, who is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes

from course_lib.exam.measures.expectation import BA, A, same_frames
from course_lib.exam.measures.surprises import quadruplet_surprises
from course_lib.models.mdnrnn import Mixture, log_likelihood, mixture_mean
from course_lib.models.vmc import VMC
from course_lib.show.figure import CourseFigure
from course_lib.show.style import COLOURS
from course_lib.worlds.frames import to_model, to_uint8

NO_KEY = 0


@torch.no_grad()
def foreseen(model: VMC, film: np.ndarray) -> np.ndarray:
    """What a V-M expects of each frame, from the frames before it: the mean of M's mixture as V draws it.

    film: uint8 (T, H, W, 3) -> the same shape; frame 0, which nothing came before, as V draws it. No key is pressed.
    """
    z, _ = model.v.encode(to_model(film))
    keys = model.as_vector(torch.full((1, len(film) - 1), NO_KEY))
    expected = mixture_mean(model.m.film(z[None, :-1], keys).mixture)[0]  # (T - 1, Z)
    return to_uint8(model.v.decode(torch.cat([z[:1], expected])))


@torch.no_grad()
def forgetful_surprises(model: VMC, films: np.ndarray, memory: int) -> np.ndarray:
    """The surprise of a V-M that remembers only the last few frames: its memory begins anew with each frame's past.

    films: uint8 (N, 4, T, H, W, 3) -> (N, 4, T), NaN at frame 0. memory: frames before the one that is judged, at
    least 1. Where it is as long as the films this is the model itself. Raises ValueError for no memory.
    """
    if memory < 1:
        raise ValueError(f"a model remembers at least the frame before, not {memory} frames")
    count, time = int(np.prod(films.shape[:2])), films.shape[2]
    if memory >= time - 1:
        return quadruplet_surprises(model, films)
    result = np.full((count, time), np.nan)
    z = torch.stack([model.v.encode(to_model(film))[0] for film in films.reshape(count, *films.shape[2:])])
    for t in range(1, time):
        past = z[:, max(0, t - memory) : t]
        keys = model.as_vector(torch.full(past.shape[:2], NO_KEY))
        mixture = model.m.film(past, keys).mixture  # of every moment of the past; the last one is judged
        result[:, t] = -log_likelihood(Mixture(*(part[:, -1] for part in mixture)), z[:, t]).sum(dim=-1).numpy()
    return result.reshape(films.shape[:3])


def surprise_figure(
    surprise: np.ndarray, cuts: Sequence[int], hidden: tuple[int, int], unit: str = "nats"
) -> CourseFigure:
    """The surprise at the frames of A, after the beginning of A and after that of B, (4, T), A B AB BA.

    cuts: where the films change; hidden: the first and the last frame in which they are equal.
    """
    figure = CourseFigure(8.0, 3.4, "surprise at the same frames after two beginnings")
    axes = figure.subplots()
    _two_beginnings(axes, surprise, cuts, hidden)
    possible, impossible = same_frames(surprise[None], np.asarray(cuts)[None])
    axes.set(xlabel="frame", ylabel=f"surprise, {unit}",
             title=f"from the cut on: {possible[0, 0]:.0f} possible, {impossible[0, 0]:.0f} impossible")  # fmt: skip
    axes.legend(fontsize=10)
    return figure


def _two_beginnings(axes: Axes, surprise: np.ndarray, cuts: Sequence[int], hidden: tuple[int, int]) -> None:
    """The two curves of ``surprise_figure``, with the window and the cut."""
    times = np.arange(surprise.shape[1])
    axes.axvspan(hidden[0] - 0.5, hidden[1] + 0.5, color="#eeeeee", label="hidden")
    axes.plot(times, surprise[BA], color=COLOURS["vermilion"], label="impossible: it began as B")
    axes.plot(times, surprise[A], color=COLOURS["blue"], label="possible: it began as A")
    axes.axvline(cuts[0] - 0.5, color="#444444", linewidth=1.0)


def schools_figure(
    surprises: Mapping[str, np.ndarray], cuts: Sequence[int], hidden: tuple[int, int], units: Mapping[str, str]
) -> CourseFigure:
    """The same of several models side by side, each in its own unit and on its own scale.

    surprises: (4, T) by name, A B AB BA; units: by the same names.
    """
    figure = CourseFigure(2.6 * len(surprises), 3.2, f"surprise after two beginnings: {', '.join(surprises)}")
    for axes, (name, surprise) in zip(figure.subplots(1, len(surprises), squeeze=False)[0], surprises.items(),
                                      strict=True):  # fmt: skip
        _two_beginnings(axes, surprise, cuts, hidden)
        axes.set(title=name, xlabel="frame", ylabel=f"surprise, {units[name]}")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=10)
    return figure


def score_figure(rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> CourseFigure:
    """Scores with their intervals by property: rows by who was asked, ``{"property", "value", "low", "high"}`` each."""
    names = [row["property"] for row in next(iter(rows.values()))]
    figure = CourseFigure(9.0, 0.5 * len(names) + 1.6, f"scores of {', '.join(rows)} by property")
    axes = figure.subplots()
    shift = np.linspace(-0.28, 0.28, len(rows)) if len(rows) > 1 else [0.0]
    for (who, each), up, colour in zip(rows.items(), shift, COLOURS.values(), strict=False):
        value, low, high = (np.array([row[key] for row in each]) for key in ("value", "low", "high"))
        reach = np.clip(np.stack([value - low, high - value]), 0.0, None)
        axes.errorbar(value, np.arange(len(names)) + up, xerr=reach, fmt="o", color=colour, label=who, markersize=5)
    axes.axvline(0.5, color="#444444", linewidth=1.0, linestyle="--")
    axes.set(yticks=np.arange(len(names)), yticklabels=names, xlim=(-0.02, 1.02), xlabel="share that is right")
    axes.invert_yaxis()
    axes.legend(fontsize=10, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def memory_figure(scores: Mapping[str, Mapping[int, float]], hidden: Mapping[str, tuple[int, int]]) -> CourseFigure:
    """The score against the frames that are remembered, a curve for each property; hidden: the fewest and the most
    frames for which its bodies are out of sight."""
    figure = CourseFigure(3.0 * len(scores), 3.0, f"score against memory: {', '.join(scores)}")
    panels = figure.subplots(1, len(scores), sharey=True, squeeze=False)[0]
    for axes, (name, curve) in zip(panels, scores.items(), strict=True):
        axes.axvspan(*hidden[name], color="#eeeeee")
        axes.plot(list(curve), list(curve.values()), "o-", color=COLOURS["blue"], markersize=4)
        axes.axhline(0.5, color="#444444", linewidth=1.0, linestyle="--")
        axes.set(title=name, xlabel="frames remembered", ylim=(-0.02, 1.05))
    panels[0].set(ylabel="share that is right")
    return figure
