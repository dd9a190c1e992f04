"""Points on a plane that the reader drags, and lines that follow them: ``points(places, lines)``.

    widget = show.points([[-1, 0], [1, 0]], lambda places: flow(places))     # places (N, 2) -> lines (L, T, 2)
    widget                     # drag, or Tab to a point and use the arrow keys
    widget.places              # float64 (N, 2)

The lines are a function of the points, asked again whenever one has moved; a slider lets a dot run along each of them,
from its first place to its last. The browser's half is points.js; while a point is dragged, one question at a time is
under way, so that a slow function makes the lines follow late and not ever later.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets
from numpy.typing import ArrayLike, NDArray

from course_lib.show.canvas import explained
from course_lib.show.figure import CourseFigure, png_of_figure
from course_lib.show.style import COLOURS

Lines = Callable[[NDArray[np.float64]], ArrayLike]


class Points(anywidget.AnyWidget):
    """The widget that ``points`` returns.

    dragged: the places as the browser sends them, a list of [x, y]. pixels: the lines as float32 bytes; shape: how many
    lines of how many places. error: what the function raised at the last places.
    """

    _esm = Path(__file__).with_suffix(".js")
    _css = Path(__file__).with_suffix(".css")

    dragged = traitlets.List().tag(sync=True)
    pixels = traitlets.Bytes().tag(sync=True)
    shape = traitlets.List().tag(sync=True)
    error = traitlets.Unicode().tag(sync=True)
    answered = traitlets.Int().tag(sync=True)
    settings = traitlets.Dict().tag(sync=True)

    def __init__(self, places: NDArray[np.float64], lines: Lines, limit: float, slider: str, marks: int) -> None:
        self.lines, self.limit = lines, limit
        self._drawn = _checked(lines(places.copy()))  # a fault at the first places stops the cell
        settings = {"limit": limit, "slider": slider, "beginning": places.tolist(), "marks": marks}
        super().__init__(dragged=places.tolist(), pixels=self._drawn.tobytes(), shape=list(self._drawn.shape[:2]),
                         settings=settings)  # fmt: skip
        self.observe(self._moved, names="dragged")
        self.add_class("course-points")

    @property
    def places(self) -> NDArray[np.float64]:
        """Where the points are, (N, 2)."""
        return np.array(self.dragged, float)

    @traitlets.validate("dragged")
    def _inside(self, proposal: Any) -> list[list[float]]:
        now = np.array(proposal["value"], float)
        if now.ndim != 2 or now.shape[1] != 2 or not np.isfinite(now).all():
            raise traitlets.TraitError(f"points are a list of [x, y], not {proposal['value']!r}")
        return np.clip(now, -self.limit, self.limit).tolist()

    def _moved(self, _: Any) -> None:
        try:
            self._drawn, error = _checked(self.lines(self.places)), ""
        except (Exception, KeyboardInterrupt) as problem:
            error = explained(problem)
        with self.hold_sync():
            self.pixels, self.shape = self._drawn.tobytes(), list(self._drawn.shape[:2])
            self.error, self.answered = error, self.answered + 1  # the browser waits for this number to change

    def _repr_mimebundle_(self, **keywords: Any) -> dict[str, Any]:
        """The widget, and beside it a picture of points and lines: what a page without a kernel shows."""
        bundle = super()._repr_mimebundle_(**keywords)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        return {**(data or {}), "text/plain": f"{len(self.dragged)} points to drag", "image/png": self._still()}

    def _still(self) -> bytes:
        figure = CourseFigure(5.2, 5.0, "points and lines")
        axes = figure.subplots()
        marks = len(self._drawn) - self.settings["marks"]
        for place, line in enumerate(self._drawn):
            look = {"linewidth": 0.8, "alpha": 0.5} if place < marks else {"linewidth": 2.5, "zorder": 4}
            axes.plot(*line.T, color=COLOURS["blue" if place < marks else "black"], **look)
        axes.scatter(*self.places.T, s=90, color=COLOURS["vermilion"], zorder=3)
        axes.set(title=self.settings["slider"], xlim=(-self.limit, self.limit), ylim=(-self.limit, self.limit),
                 aspect="equal", xlabel="first number", ylabel="second number")  # fmt: skip
        return png_of_figure(figure)


def _checked(lines: ArrayLike) -> NDArray[np.float32]:
    found = np.ascontiguousarray(lines, np.float32)
    if found.ndim != 3 or found.shape[2] != 2 or not np.isfinite(found).all():
        raise ValueError(f"the lines are to be finite numbers of shape (L, T, 2), these have {found.shape}")
    return found


def points(
    places: ArrayLike, lines: Lines, *, limit: float = 3.0, slider: str = "along the lines", marks: int = 0
) -> Points:
    """Let the reader drag points and see what follows from where they are.

    places: (N, 2), where they begin. lines: a function from the places, float64 (N, 2), to the lines, (L, T, 2); what
    it raises is shown below the plane. limit: the plane goes from -limit to limit in both directions. slider: what the
    slider is called. marks: how many of the lines, the last ones, mark a place; they are drawn in black.
    Raises ValueError for places that are none or lie outside, TypeError for lines that cannot be called.
    """
    found = np.array(places, float)
    if found.ndim != 2 or found.shape[1] != 2 or not len(found) or not np.isfinite(found).all():
        raise ValueError(f"points to drag are finite and (N, 2), these have the shape {found.shape}")
    if np.abs(found).max() > limit:
        raise ValueError(f"a point lies outside the plane, which goes from {-limit:g} to {limit:g}")
    if not callable(lines):
        raise TypeError(f"lines: a function of the places (N, 2) is expected, not {lines!r}")
    return Points(found, lines, float(limit), slider, marks)
