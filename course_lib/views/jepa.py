"""What there is to look at in the embeddings of a JEPA: clouds, their spectra, and two numbers side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from course_lib.exam.measures.collapse import effective_rank, singular_values, standard_deviation
from course_lib.models.jepa import JEPA
from course_lib.show.figure import CourseFigure
from course_lib.show.style import COLOURS
from course_lib.views.denoiser import points_picture
from course_lib.worlds.frames import to_model

SPAN = 8.0  # clouds are drawn from -SPAN to SPAN
LINES = ("-", "--", ":", "-.")


@torch.no_grad()
def embeddings(model: JEPA, frames: np.ndarray) -> np.ndarray:
    """Embeddings of films, uint8 (F, T, H, W, 3) -> (F, T, D)."""
    return np.concatenate([model.encode(to_model(frames[k : k + 32])).numpy() for k in range(0, len(frames), 32)])


def main_axes(latents: np.ndarray) -> np.ndarray:
    """A cloud along the two directions in which it is widest, its mean at 0, its size unchanged. (N, D) -> (N, 2)."""
    centred = latents - latents.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    return centred @ directions[:2].T


def cloud_picture(latents: np.ndarray) -> np.ndarray:
    """A cloud of embeddings as a picture of dark dots, for a live display. (N, D) -> uint8 (S, S, 3)."""
    return points_picture(main_axes(latents) * (2.6 / SPAN))


def clouds_figure(latents: Mapping[str, np.ndarray]) -> CourseFigure:
    """Clouds by name, (N, D) each, along their two widest directions, all at one scale."""
    columns = min(len(latents), 4)
    rows = -(-len(latents) // columns)
    figure = CourseFigure(2.7 * columns, 2.9 * rows, f"clouds of embeddings: {', '.join(latents)}")
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axes, (name, each) in zip(panels.flat, latents.items(), strict=False):
        axes.scatter(*main_axes(each).T, s=6, color=COLOURS["blue"], alpha=0.5, linewidths=0)
        axes.set(title=name.replace("_", " "), xlim=(-SPAN, SPAN), ylim=(-SPAN, SPAN), aspect="equal",
                 xlabel="widest direction", ylabel="second widest")  # fmt: skip
        axes.label_outer()
    for axes, above in zip(panels.flat[len(latents) :], panels.flat[len(latents) - columns :], strict=False):
        axes.set_axis_off()
        above.tick_params(labelbottom=True)  # nothing stands below it that could bear its axis
        above.set_xlabel("widest direction")
    return figure


def spectra_figure(latents: Mapping[str, np.ndarray]) -> CourseFigure:
    """The singular values of clouds, (N, D) each: as standard deviations (left), and as shares of their sum (right)."""
    figure = CourseFigure(9.0, 3.4, f"singular values: {', '.join(latents)}")
    left, right = figure.subplots(1, 2)
    for place, (name, each) in enumerate(latents.items()):
        values = singular_values(each)
        style = LINES[place % len(LINES)]
        left.semilogy(np.arange(1, len(values) + 1), values / np.sqrt(len(each)), style, label=name)
        right.semilogy(np.arange(1, len(values) + 1), values / values.sum(), style)
    left.set(title="with their size", xlabel="direction, widest first", ylabel="standard deviation along it")
    right.set(title="as shares", xlabel="direction, widest first", ylabel="share of the sum")
    left.legend(fontsize=9, loc="lower left")
    return figure


def two_numbers_figure(rows: Sequence[Mapping[str, Any]], size: int) -> CourseFigure:
    """Standard deviation (left) and effective rank (right) with their intervals, one bar a model.

    rows: ``{"model": name, "deviation": {value, low, high}, "rank": {value, low, high}}``. size: D, an embedding's
    numbers.
    """
    figure = CourseFigure(9.0, 0.42 * len(rows) + 1.3, "standard deviation and effective rank of each model")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, name, colour in zip(panels, ("deviation", "rank"), ("blue", "orange"), strict=True):
        values = np.array([[row[name][key] for key in ("value", "low", "high")] for row in rows])  # (M, 3)
        reach = np.clip(np.stack([values[:, 0] - values[:, 1], values[:, 2] - values[:, 0]]), 0.0, None)
        axes.barh([row["model"] for row in rows], values[:, 0], xerr=reach, color=COLOURS[colour], height=0.6)
    panels[0].set(title="how large?", xlabel="mean standard deviation")
    panels[1].set(title="how many directions?", xlabel=f"effective rank, of {size}", xlim=(0, size))
    panels[0].invert_yaxis()
    return figure


def reshaped_figure(latents: np.ndarray, scale: float = 1.0, flat: int = 0) -> CourseFigure:
    """A cloud with its size multiplied and its narrowest directions pressed flat, and what the two numbers say of it.

    latents: (N, D). flat: how many of the D directions are pressed to a thousandth, the narrowest first.
    """
    centred = latents - latents.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    along = centred @ directions.T  # (N, D), the widest first
    along[:, along.shape[1] - flat :] *= 1e-3
    along *= scale
    cloud = along @ directions  # turned back: the numbers of an embedding are what the deviation is about
    figure = CourseFigure(4.6, 4.4, f"a cloud times {scale:g}, {flat} directions flat")
    axes = figure.subplots()
    axes.scatter(*along[:, :2].T, s=3, color=COLOURS["blue"], alpha=0.4, linewidths=0)
    axes.set(title=f"deviation {standard_deviation(cloud):.3f}, rank {effective_rank(cloud):.1f}", xlim=(-SPAN, SPAN),
             ylim=(-SPAN, SPAN), aspect="equal", xlabel="widest direction", ylabel="second widest")  # fmt: skip
    return figure
