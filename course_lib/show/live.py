"""A picture that moves while a model trains: losses on the left, what the model draws on the right."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import numpy as np
from matplotlib import rc_context
from numpy.typing import ArrayLike

from course_lib.show import check
from course_lib.show.figure import CourseFigure, png_of_figure
from course_lib.show.pictures import WIDTH
from course_lib.show.style import STYLE

PAUSE = 0.4  # seconds between two drawings at least: drawing must not eat the minute that belongs to training


class live:  # noqa: N801  (called like the other functions of show)
    """Draw the progress of a training in one place of the notebook.

        watch = show.live("VAE", every=25)
        for step in range(1000):
            ...
            watch.update(step, {"loss": loss}, picture=samples)
        watch.close()

    every: draw at each every-th step (and not more than about twice a second). close(), or leaving a ``with`` block,
    draws the final picture, the one that is stored. Outside a notebook nothing is drawn until ``close``, and ``png``
    then holds the final picture. rising: the curves are returns and not losses: they climb from near 0, so the axis
    stays linear and begins there, and their names stand below them.
    """

    def __init__(self, title: str, every: int = 25, rising: bool = False) -> None:
        self.title = title
        self.rising = rising
        self.every = check.positive(every, "every")
        self.png: bytes | None = None
        self._curves: dict[str, tuple[list[float], list[float]]] = {}
        self._picture: np.ndarray | None = None
        self._handle: Any = None
        self._drawn_at = float("-inf")
        self._updates = 0
        self._closed = False

    def update(self, step: int, losses: Mapping[str, Any], picture: ArrayLike | None = None) -> None:
        """Note the losses of a step, and draw when it is time.

        losses: named numbers (0-d tensors will do). picture: uint8 ``(H, W, 3)``, or ``(N, H, W, 3)`` drawn in rows;
        the last one given stays. Raises RuntimeError after ``close``.
        """
        if self._closed:
            raise RuntimeError("this live picture is closed; make a new one with show.live(...)")
        if not isinstance(losses, Mapping):
            raise TypeError(f'losses must be a dict such as {{"loss": 0.5}}, not {type(losses).__name__}')
        for name, value in losses.items():
            steps, values = self._curves.setdefault(str(name), ([], []))
            steps.append(float(step))
            values.append(float(value))
        if picture is not None:
            array = np.asarray(picture)
            self._picture = _contact_sheet(check.pictures(array)) if array.ndim == 4 else check.picture(array)
        due = self._updates % self.every == 0 and time.monotonic() - self._drawn_at >= PAUSE
        self._updates += 1
        if due and _in_notebook():
            self._show()

    def close(self) -> None:
        """Draw the final picture. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        if self._curves or self._picture is not None:
            self._show()

    def __enter__(self) -> live:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _show(self) -> None:
        self.png = png_of_figure(self._draw())
        self._drawn_at = time.monotonic()
        if not _in_notebook():
            return
        from IPython.display import display

        bundle = {"image/png": self.png, "text/plain": f"Training: {self.title}"}
        if self._handle is None:
            self._handle = display(_Bundle(bundle), display_id=True)
        else:
            self._handle.update(_Bundle(bundle))

    def _draw(self) -> CourseFigure:
        with_picture = self._picture is not None
        below = 0.25 * -(-len(self._curves) // 2) if len(self._curves) > 2 else 0.0  # for their names
        figure = CourseFigure(WIDTH if with_picture else 0.72 * WIDTH, 3.4 + below, self.title)
        with rc_context(STYLE):
            grid = figure.add_gridspec(1, 2, width_ratios=(1.25, 1)) if with_picture else figure.add_gridspec(1, 1)
            _draw_curves(figure.add_subplot(grid[0, 0]), self.title, self._curves, self.rising)
            if self._picture is not None:
                axes = figure.add_subplot(grid[0, 1])
                axes.imshow(self._picture, interpolation="nearest")
                axes.axis("off")
        return figure


class _Bundle:
    """What IPython displays for a ready set of representations."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return self.data


def _draw_curves(
    axes: Any, title: str, curves: Mapping[str, tuple[list[float], list[float]]], rising: bool = False
) -> None:
    for name, (steps, values) in curves.items():
        x, y = np.asarray(steps), np.asarray(values)
        last = f"{name} {y[-1]:.3g}"
        if len(y) < 60:
            axes.plot(x, y, label=last)
            continue
        smooth_x, smooth_y = _averaged(x, y, len(y) // 40)
        thin = slice(None, None, -(-len(y) // 1000))
        (line,) = axes.plot(smooth_x, smooth_y, label=f"{name} {smooth_y[-1]:.3g}")
        axes.plot(x[thin], y[thin], color=line.get_color(), alpha=0.25, linewidth=1)
    points = [point for steps, values in curves.values() for point in zip(steps, values, strict=True)]
    finite = np.array([value for _, value in points if np.isfinite(value)])
    if rising:
        axes.set_ylim(bottom=min([0.0, *finite]))
    elif len(finite) and finite.min() > 0 and finite.max() > 30 * finite.min():
        axes.set_yscale("log")
    bad = [step for step, value in points if not np.isfinite(value)]
    axes.set_title(title + (f" (not a finite number from step {min(bad):.0f})" if bad else ""), fontsize=13)
    axes.set_xlabel("step")
    axes.locator_params(axis="x", nbins=6, integer=True)
    if curves:
        if len(curves) > 2:  # below the axis: inside it so many names would lie over a curve
            axes.legend(loc="upper left", bbox_to_anchor=(0.0, -0.22), ncols=2, fontsize=10)
        else:
            axes.legend(loc="lower right" if rising else "best")


def _averaged(x: np.ndarray, y: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Running mean over ``window`` points, placed at the middle of each window."""
    kernel = np.ones(window) / window
    return np.convolve(x, kernel, mode="valid"), np.convolve(y, kernel, mode="valid")


def _contact_sheet(images: np.ndarray) -> np.ndarray:
    """Pictures ``(N, H, W, 3)`` in rows on one white picture, about four wide to three high."""
    count, height, width, _ = images.shape
    columns = min(count, max(1, round((count * 4 / 3) ** 0.5)))
    rows, gap = -(-count // columns), max(1, width // 16)
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    for i, image in enumerate(images):
        top, left = i // columns * (height + gap), i % columns * (width + gap)
        sheet[top : top + height, left : left + width] = image
    return sheet


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and getattr(shell, "kernel", None) is not None
