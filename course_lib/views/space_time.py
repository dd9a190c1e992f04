"""Where a space-time transformer may look, and where it does look: pictures from attention weights."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from course_lib.nets.space_time import SpaceTimeTransformer
from course_lib.show.figure import CourseFigure
from course_lib.show.style import COLOURS


@torch.no_grad()
def weights(model: SpaceTimeTransformer, tokens: Tensor, layer: int) -> tuple[np.ndarray, np.ndarray]:
    """How much tokens look at each other in one layer, the mean over its heads.

    tokens: (1, T, N, D), without positions. Returns space (T, N, N), each token at those of its frame, and time
    (N, T, T), each frame at those of its place; zero where nothing may be seen. Rows add up to 1.
    Raises IndexError for a layer that does not exist, ValueError for a model without temporal attention.
    """
    if not 0 <= layer < len(model.blocks):
        raise IndexError(f"layer {layer} does not exist; there are {len(model.blocks)}, counted from 0")
    x = model.located(tokens)
    for block in model.blocks[:layer]:
        x = block(x)
    block = model.blocks[layer]
    if block.time is None:
        raise ValueError("this model has no temporal attention to look at")
    space = block.space.weights(block.norm_space(x))  # (1, T, heads, N, N)
    x = x + block.space(block.norm_space(x))
    if block.between is not None:
        x = x + block.between(block.norm_between(x))
    time = block.time.weights(block.norm_time(x))  # (1, N, heads, T, T)
    return space[0].mean(dim=1).numpy(), time[0].mean(dim=1).numpy()


def attention_figure(
    frames: np.ndarray, at: np.ndarray, space: np.ndarray, time: np.ndarray, moment: int, place: int
) -> CourseFigure:
    """What one token may look at (rings) and does look at (discs, the larger the more), on the film itself.

    frames: uint8 (T, H, W, 3). at: where each token is, pixels to the right and down, (T, N, 2). space: (T, N, N) and
    time: (N, T, T), see ``weights``. moment, place: the token that looks; it is marked with a cross. Blue is what it
    sees in its own frame, orange what it sees along time, with the weight below the frame.
    Raises IndexError for a token that does not exist.
    """
    length, places = at.shape[:2]
    if not (0 <= moment < length and 0 <= place < places):
        raise IndexError(f"frame {moment}, place {place} does not exist; there are {length} frames, {places} places")
    along_time = np.round(time[place, moment, : moment + 1], 2).tolist()
    text = f"Token {place} of frame {moment}: attention {along_time} to frames"
    figure = CourseFigure(1.15 * length, 1.75, text)
    for t, axes in enumerate(figure.subplots(1, length)):
        axes.imshow(frames[t], alpha=1.0 if t <= moment else 0.25)
        axes.set(xticks=[], yticks=[])
        axes.grid(visible=False)
        axes.set_title(f"t = {t}", fontsize=10, loc="center")
        for other in range(places):
            inside, along = t == moment, other == place and t <= moment
            if inside:
                _mark(axes, at[t, other], space[t, place, other], COLOURS["blue"])
            if along:
                _mark(axes, at[t, other], time[place, moment, t], COLOURS["orange"])
        if t <= moment:
            axes.set_xlabel(f"{time[place, moment, t]:.2f}", fontsize=10, color=COLOURS["vermilion"])
    figure.axes[moment].plot(*at[moment, place], "x", color="black", markersize=6, markeredgewidth=1.6)
    return figure


def _mark(axes, where: np.ndarray, weight: float, colour: str) -> None:  # noqa: ANN001
    axes.scatter(*where, s=130, facecolors="none", edgecolors=colour, linewidths=1.2)  # may look
    axes.scatter(*where, s=max(130 * float(weight), 0.1), color=colour, alpha=0.8)  # does look


def token_map(seen: np.ndarray, moment: int, place: int, *, title: str = "") -> CourseFigure:
    """Which tokens of a film move one answer: (T, N), for example the sizes of gradients. Zeros are left white.

    moment, place: whose answer it is, marked with a cross.
    """
    shown = np.where(seen > 0, np.log10(np.maximum(seen, 1e-12)), np.nan)
    figure = CourseFigure(4.4, 2.4, f"{title}: {int((seen > 0).sum())} of {seen.size} tokens have an influence")
    axes = figure.subplots()
    picture = axes.imshow(shown.T, aspect="auto", cmap="viridis")
    axes.plot(moment, place, "x", color="black", markersize=9, markeredgewidth=2)
    ticks = [range(0, count, -(-count // 8)) for count in seen.shape]  # eight numbers on a side at most
    axes.set(xlabel="frame", ylabel="place", xticks=ticks[0], yticks=ticks[1])
    axes.grid(visible=False)
    axes.set_title(title)
    figure.colorbar(picture, ax=axes, label="log10 of influence")
    return figure
