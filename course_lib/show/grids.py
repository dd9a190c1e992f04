"""Rooms on squared paper: values as colours, a policy as arrows, a path as a line; and curves with their intervals.

Everything here takes arrays. A room is given by ``cells`` (S, 2), the row and column of each state, and ``shape``, the
rows and columns of the drawing; a place without a state is a wall.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes

from course_lib.show.figure import PAGE, CourseFigure
from course_lib.show.style import COLOURS, DPI

_ARROWS = ((0.0, -1.0), (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0))  # up, right, down, left on paper: x, y (y grows downwards)
_WALL = "#3a3f47"
_PAPER = "#f4f1ea"


@dataclass(frozen=True)
class Sheet:
    """One room to draw.

    cells: (S, 2). shape: (rows, columns). values: (S,) colours the cells, NaN stays paper. policy: integers (S,), 0 up,
    1 right, 2 down, 3 left, and -1 for no arrow. path: states in the order of visit. marks: letters by state.
    numbers: write each state's number (S small) or, with values, the value.
    """

    cells: np.ndarray
    shape: tuple[int, int]
    values: np.ndarray | None = None
    policy: np.ndarray | None = None
    path: Sequence[int] = ()
    marks: Mapping[str, int] = field(default_factory=dict)
    numbers: bool = False


def rooms(
    sheets: Mapping[str, Sheet],
    *,
    columns: int = 2,
    limits: tuple[float, float] | None = None,
    bar: str | None = None,
    cell: float = 0.42,
) -> CourseFigure:
    """Draw rooms side by side, each under its name, all with the same scale of colours.

    limits: lowest and highest value of the scale, by default those of all values. bar: what the colours mean; None for
    no colour bar. cell: size of a cell in inches, smaller where
    the rooms would not fit on a page. Raises ValueError for no room or arrays that do not fit the cells.
    """
    if not sheets:
        raise ValueError("there is no room to draw: give at least one Sheet under its name")
    for name, sheet in sheets.items():
        _check(name, sheet)
    given = [s.values[np.isfinite(s.values)] for s in sheets.values() if s.values is not None]
    finite = np.concatenate(given) if given else np.zeros(0)
    low, high = limits or ((finite.min(), finite.max()) if finite.size else (0.0, 1.0))
    columns = min(columns, len(sheets))
    lines = -(-len(sheets) // columns)
    tall, wide = (max(s.shape[i] for s in sheets.values()) for i in (0, 1))
    room = PAGE / DPI - (0.9 if bar else 0.0) - 0.3 * columns  # inches that a page leaves for all columns of cells
    cell = min(cell, room / (columns * wide))
    width, height = columns * (wide * cell + 0.3) + (0.9 if bar else 0.0), lines * (tall * cell + 0.5)
    figure = CourseFigure(width, height, f"{len(sheets)} room(s): {', '.join(sheets)}")
    axes = figure.subplots(lines, columns, squeeze=False)
    picture = None
    for place, (name, sheet) in zip(axes.flat, sheets.items(), strict=False):
        picture = _draw(place, name, sheet, float(low), float(high)) or picture
    for place in axes.flat[len(sheets) :]:
        place.set_axis_off()
    if bar and picture is not None:
        figure.colorbar(picture, ax=axes, label=bar, shrink=0.9)
    return figure


def room(sheet: Sheet, *, title: str = "", bar: str | None = None, cell: float = 0.5) -> CourseFigure:
    """Draw one room."""
    return rooms({title: sheet}, columns=1, bar=bar, cell=cell)


def curves(
    x: np.ndarray,
    lines: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]],
    *,
    across: str,
    up: str,
    reference: Mapping[str, np.ndarray] | None = None,
    log: bool = False,
    title: str = "",
) -> CourseFigure:
    """Draw curves with their intervals as bands.

    x: (K,). lines: for each name the middle, the low and the high of the interval, each (K,). reference: curves without
    an interval, dashed and black, such as a theory. log: both axes logarithmic. across, up: what the axes mean.
    """
    figure = CourseFigure(8.6, 3.8, f"{up} against {across}: {', '.join(lines)}")
    axes = figure.subplots()
    for name, (middle, low, high) in lines.items():
        (line,) = axes.plot(x, middle, label=name)
        axes.fill_between(x, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
    for name, values in (reference or {}).items():
        axes.plot(x, values, "--", color=COLOURS["black"], linewidth=1.4, label=name)
    if log:
        axes.set_xscale("log")
        axes.set_yscale("log")
    axes.set(xlabel=across, ylabel=up, title=title)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))  # beside the curves, never over them
    return figure


def _check(name: str, sheet: Sheet) -> None:
    states = len(sheet.cells)
    if sheet.cells.ndim != 2 or sheet.cells.shape[1] != 2:
        raise ValueError(f"room {name!r}: cells are (S, 2), row and column, these have shape {sheet.cells.shape}")
    if (sheet.cells.min(axis=0) < 0).any() or (sheet.cells.max(axis=0) >= np.array(sheet.shape)).any():
        raise ValueError(f"room {name!r}: a cell lies outside the drawing of {sheet.shape[0]} x {sheet.shape[1]}")
    for what, array in (("values", sheet.values), ("policy", sheet.policy)):
        if array is not None and array.shape != (states,):
            raise ValueError(f"room {name!r}: {what} are ({states},), one for each cell, these have {array.shape}")


def _draw(axes: Axes, name: str, sheet: Sheet, low: float, high: float) -> object:
    rows, columns = sheet.shape
    background = np.full((rows, columns, 3), _rgb(_WALL))
    background[sheet.cells[:, 0], sheet.cells[:, 1]] = _rgb(_PAPER)
    axes.imshow(background)
    picture = None
    if sheet.values is not None:
        colours = np.full(sheet.shape, np.nan)
        colours[sheet.cells[:, 0], sheet.cells[:, 1]] = sheet.values
        picture = axes.imshow(np.ma.masked_invalid(colours), vmin=low, vmax=high, cmap="viridis")
    middle = (low + high) / 2
    for state, (row, column) in enumerate(sheet.cells):
        value = np.nan if sheet.values is None else sheet.values[state]
        ink = "white" if np.isfinite(value) and value < middle else "#222222"
        marked = [letter for letter, where in sheet.marks.items() if where == state]
        if marked:
            axes.text(column, row, marked[0], ha="center", va="center", color=ink, weight="bold", fontsize=13)
        elif sheet.numbers:
            text = str(state) if sheet.values is None else f"{value:.2f}"
            axes.text(column, row, text, ha="center", va="center", color=ink, fontsize=8)
        elif sheet.policy is not None and sheet.policy[state] >= 0:
            right, down = _ARROWS[int(sheet.policy[state])]
            axes.annotate(
                "", (column + 0.34 * right, row + 0.34 * down), (column - 0.3 * right, row - 0.3 * down),
                arrowprops={"arrowstyle": "->", "color": ink, "lw": 1.3, "shrinkA": 0, "shrinkB": 0},
            )  # fmt: skip
    if len(sheet.path):
        way = sheet.cells[list(sheet.path)]
        axes.plot(way[:, 1], way[:, 0], color=COLOURS["vermilion"], linewidth=2.5, alpha=0.8)
    axes.set_xticks(np.arange(-0.5, columns), [])
    axes.set_yticks(np.arange(-0.5, rows), [])
    axes.tick_params(length=0)
    axes.grid(color="white", linewidth=1.0)
    axes.set_title(name, fontsize=12)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return picture


def _rgb(colour: str) -> np.ndarray:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255.0
