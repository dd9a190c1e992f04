"""How a diffusion transformer is steered, to be looked at: four ways as a drawing, positions, gates, errors by level.

The four ways are those of Peebles & Xie, 2022, arXiv 2212.09748, section 3.2 and figure 3, drawn anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch, Rectangle
from torch import Tensor

from course_lib.models.dit import DiT, spacetime_positions
from course_lib.show.figure import CourseFigure
from course_lib.show.style import COLOURS

GIVEN = COLOURS["vermilion"]  # the condition and everything that it reaches
PLAIN, LINE = "#e8eef4", "#555555"
STEP = 0.095  # from one part of a block to the next, as a share of the panel
PARTS = {  # from the bottom up; what the condition does to each
    "in-context": (("norm", ""), ("self-attention", ""), ("+", ""), ("norm", ""), ("feed-forward", ""), ("+", "")),
    "cross-attention": (("norm", ""), ("self-attention", ""), ("+", ""), ("norm", ""),
                        ("cross-attention", "keys, values"), ("+", ""), ("norm", ""), ("feed-forward", ""), ("+", "")),
    "adaLN": (("norm", "shift, scale"), ("self-attention", ""), ("+", ""), ("norm", "shift, scale"),
              ("feed-forward", ""), ("+", "")),
    "adaLN-Zero": (("norm", "shift, scale"), ("self-attention", ""), ("× gate", "gate"), ("+", ""),
                   ("norm", "shift, scale"), ("feed-forward", ""), ("× gate", "gate"), ("+", "")),
}  # fmt: skip


def four_ways_figure() -> CourseFigure:
    """A block of each kind, tokens going up, with the places at which noise level and caption enter."""
    figure = CourseFigure(10.4, 5.2, f"four ways of conditioning a block: {', '.join(PARTS)}")
    for axes, (way, parts) in zip(figure.subplots(1, 4), PARTS.items(), strict=True):
        _draw_block(axes, way, parts)
    return figure


def _draw_block(axes: Axes, way: str, parts: Sequence[tuple[str, str]]) -> None:
    axes.set(title=way, xlim=(0, 1), ylim=(0, 1.08), xticks=[], yticks=[])
    axes.axis("off")
    axes.set_title(way, fontsize=13)
    inside = way == "in-context"
    for k in range(4):
        axes.add_patch(_square(0.14 + 0.08 * k, 0.03, PLAIN))
    for k in range(2 if inside else 0):
        axes.add_patch(_square(0.46 + 0.08 * k, 0.03, GIVEN))
    axes.text(0.3, -0.005, "patches", ha="center", va="top", fontsize=9)
    name = "c" if way.startswith("adaLN") else "t, words"
    axes.text(0.62 if inside else 0.84, -0.005 if inside else 0.03, name, ha="center", va="top", fontsize=9,
              color=GIVEN)  # fmt: skip
    heights = [0.17 + STEP * k for k in range(len(parts))]
    axes.plot([0.3, 0.3], [0.1, heights[-1] + 0.1], color=LINE, linewidth=1.2, zorder=0)
    begins = 0.115
    for y, (name, given) in zip(heights, parts, strict=True):
        if name == "+":  # what came in goes past the branch, and is added here
            axes.plot([0.3, 0.04, 0.04, 0.24], [begins, begins, y, y], color=LINE, linewidth=1.2, zorder=0)
            begins = y + 0.04
        colour = GIVEN if name == "cross-attention" or given == "gate" else PLAIN
        _box(axes, 0.3, y, name, colour)
        if given:
            arrow = {"arrowstyle": "->", "color": GIVEN, "lw": 1.4}
            axes.annotate("", (0.3 + _half(name), y), (0.84, y), arrowprops=arrow)
            axes.text(0.825, y + 0.012, given, ha="right", va="bottom", fontsize=8.5, color=GIVEN)
    if not inside:
        reached = [y for y, (_, given) in zip(heights, parts, strict=True) if given]
        axes.plot([0.84, 0.84], [0.05, reached[-1]], color=GIVEN, linewidth=1.4)


def _square(x: float, y: float, colour: str) -> Rectangle:
    return Rectangle((x, y), 0.06, 0.05, facecolor=colour, edgecolor=LINE, linewidth=0.8)


def _half(name: str) -> float:
    """Half of a box's width, as a share of the panel."""
    return {"+": 0.06, "× gate": 0.13}.get(name, 0.2)


def _box(axes: Axes, x: float, y: float, name: str, colour: str) -> None:
    half, ink = _half(name), "white" if colour == GIVEN else "#222222"
    axes.add_patch(FancyBboxPatch((x - half, y - 0.03), 2 * half, 0.06, boxstyle="round,pad=0,rounding_size=0.02",
                                  facecolor=colour, edgecolor=LINE, linewidth=0.8))  # fmt: skip
    axes.text(x, y, name, ha="center", va="center", fontsize=9, color=ink)


def positions_figure(groups: int, side: int, width: int, group: int, row: int, column: int) -> CourseFigure:
    """How far the position of one token is from those of all others, a panel for each group; brighter is nearer."""
    places = spacetime_positions(groups, side, side, width)  # (G, N, D)
    apart = (places - places[group, row * side + column]).norm(dim=2).view(groups, side, side).numpy()
    figure = CourseFigure(2.0 * groups + 1.0, 2.4, f"distances from the position of group {group}, ({row}, {column})")
    panels = figure.subplots(1, groups)
    for g, axes in enumerate(panels):
        picture = axes.imshow(apart[g], vmin=0.0, vmax=float(apart.max()), cmap="viridis_r")
        axes.set(title=f"group {g}", xticks=[], yticks=[])
        axes.grid(False)
    panels[group].plot(column, row, "o", color=GIVEN, markersize=7)
    figure.colorbar(picture, ax=list(panels), label="distance", shrink=0.8)
    return figure


@torch.no_grad()
def gate_sizes(dit: DiT, tokens: Tensor, levels: Sequence[float]) -> np.ndarray:
    """How far the gates of every block are open: the mean of |gate|, float (levels, blocks, 2).

    The last axis: of the attention, of the feed-forward. tokens: captions, int64 (B, L); a mean over them and over the
    channels. For adaLN-Zero. Raises ValueError for another way of conditioning: it has no gates.
    """
    if dit.config.conditioning != "adaLN-Zero":
        raise ValueError(f"{dit.config.conditioning} has no gates; adaLN-Zero has")
    given = dit.y_embedder(tokens).pooled[:, None]  # (B, 1, D)
    sizes = []
    for level in levels:
        c = given + dit.t_embedder(torch.full((len(tokens), 1), float(level)))
        gates = [block.modulation(c) for block in dit.blocks]
        sizes.append([[float(each[k].abs().mean()) for k in (2, 5)] for each in gates])
    return np.array(sizes)


def gates_figure(sizes: np.ndarray, levels: Sequence[float]) -> CourseFigure:
    """``gate_sizes`` as lines, one a block, against the noise level: attention left, feed-forward right."""
    figure = CourseFigure(8.6, 3.0, f"mean size of the gates of {sizes.shape[1]} blocks")
    panels = figure.subplots(1, 2, sharey=True)
    for k, (axes, name) in enumerate(zip(panels, ("attention", "feed-forward"), strict=True)):
        for block in range(sizes.shape[1]):
            axes.plot(levels, sizes[:, block, k], "o-", markersize=4, label=f"block {block}")
        axes.set(title=name, xlabel="noise level t")
    panels[0].set(ylabel="mean of |gate|", ylim=(0, None))
    panels[1].legend(fontsize=9)
    return figure


def by_level_figure(levels: Sequence[float], errors: Mapping[str, Sequence[float]]) -> CourseFigure:
    """Errors by noise level, a line for each name; names that begin with "control" are dashed."""
    figure = CourseFigure(7.6, 3.6, f"error by noise level: {', '.join(errors)}")
    axes = figure.subplots()
    for name, values in errors.items():
        axes.plot(levels, values, "--" if name.startswith("control") else "o-", label=name)
    axes.set(title="held-out films", xlabel="noise level t", ylabel="squared error of u", ylim=(0, None))
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=10)
    return figure
