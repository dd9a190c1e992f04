"""Pictures of notebook 25: how far a moved state moves the future, and what a dream does when a cause is taken away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from course_lib.exam.measures.interventions import put_back
from course_lib.models.dit_world import DiTWorld
from course_lib.models.vmc import VMC, Dream
from course_lib.show.figure import CourseFigure
from course_lib.show.style import COLOURS
from course_lib.worlds.frames import to_model, to_uint8


def share_figure(rows: Sequence[Mapping[str, Any]], names: Sequence[str], title: str) -> CourseFigure:
    """Bars for each row, ``{"model": ..., name: share, ...}``, a group a model; 1 is what was asked for."""
    figure = CourseFigure(7.5, 3.4, title)
    axes = figure.subplots()
    width = 0.8 / len(names)
    for i, (name, colour) in enumerate(zip(names, COLOURS.values(), strict=False)):
        axes.bar(np.arange(len(rows)) + width * (i - (len(names) - 1) / 2), [row[name] for row in rows], width,
                 label=name, color=colour)  # fmt: skip
    axes.axhline(1.0, color="#444444", linewidth=1.0, linestyle="--")
    labels = [row["model"] for row in rows]
    axes.set(xticks=np.arange(len(rows)), xticklabels=labels, ylabel="share of the move", title=title)
    axes.legend(fontsize=10)
    return figure


def effect_figure(curves: Mapping[str, np.ndarray], truth: np.ndarray) -> CourseFigure:
    """How far taking the platform away moves the agent upwards, units against dreamed frames. curves: (T,) each."""
    figure = CourseFigure(7.5, 3.6, f"the effect of the platform: the simulator, {', '.join(curves)}")
    axes = figure.subplots()
    times = np.arange(1, len(truth) + 1)
    axes.plot(times, truth, color="#222222", linewidth=3.0, label="the simulator")
    for (name, curve), colour in zip(curves.items(), COLOURS.values(), strict=False):
        axes.plot(times, curve, marker="o", markersize=4, color=colour, label=name)
    axes.set(xlabel="dreamed frame", ylabel="without less with platform, units")
    axes.legend(fontsize=10, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


@torch.no_grad()
def moved_films(model: VMC, state: Dream, numbers: np.ndarray, steps: int) -> np.ndarray:
    """What a state draws and what it dreams without a key, before and after it is moved. numbers: of the moved state,
    (1, D). -> uint8 (2, 1 + steps, H, W, 3)."""
    films = []
    for now in (state, put_back(state, numbers)):
        film = [to_uint8(model.decode(now))[0]]
        for _ in range(steps):
            now = model.predict(now, torch.zeros(1, dtype=torch.long))
            film.append(to_uint8(model.decode(now))[0])
        films.append(np.stack(film))
    return np.stack(films)


@torch.no_grad()
def dreamed_from(world: DiTWorld, first: np.ndarray, steps: int) -> np.ndarray:
    """What a world dreams from one frame without a key, uint8 (H, W, 3) -> uint8 (1 + steps, H, W, 3)."""
    state, film = world.encode(to_model(first)[None, None]), [first]
    for _ in range(steps):
        state = world.predict(state, torch.zeros(1, dtype=torch.long))
        film.append(to_uint8(world.decode(state))[0])
    return np.stack(film)
