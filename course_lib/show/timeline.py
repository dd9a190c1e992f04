"""A line of time with events above and below it."""

from __future__ import annotations

from collections.abc import Sequence

from course_lib.show.figure import CourseFigure
from course_lib.show.style import COLOURS


def timeline(
    events: Sequence[tuple[float, str]], *, gaps: Sequence[tuple[float, float, str]] = (), title: str | None = None
) -> CourseFigure:
    """Draw events on a line of time, labels by turns above and below, at two heights.

    events: ``(year, label)``, the year with its fraction (15 February 2024 is 2024.12); a label may have several lines.
    gaps: stretches ``(from, to, label)`` that are shaded. Events closer than their labels are wide are spread by their
    order, so the axis shows order and marks, and the label carries the exact date.
    Raises ValueError for no events or events out of order.
    """
    if not events:
        raise ValueError("a timeline needs at least one event")
    years = [year for year, _ in events]
    if years != sorted(years):
        raise ValueError(f"events must be in order of time, these are {years}")
    figure = CourseFigure(10.4, 3.3, f"Timeline: {len(events)} events from {int(years[0])} to {int(years[-1])}")
    axes = figure.add_subplot()
    places = list(range(len(events)))  # equal steps: half of the story happens within three weeks
    axes.plot([-0.5, len(events) - 0.5], [0, 0], color="#888888", lw=1.5, zorder=1)
    for place, (_, label) in zip(places, events, strict=True):
        up = 1 if place % 2 == 0 else -1
        axes.plot([place, place], [0, 0.42 * up], color="#bbbbbb", lw=1, zorder=0)
        axes.scatter([place], [0], s=60, color=COLOURS["blue"], zorder=2)
        axes.text(place, 0.48 * up, label, ha="center", va="bottom" if up > 0 else "top", fontsize=12)
    for start, stop, label in gaps:
        after = max(i for i, year in enumerate(years) if year <= start)
        before = min(i for i, year in enumerate(years) if year >= stop)
        axes.fill_between([after + 0.15, before - 0.15], -0.1, 0.1, color="#e8e8e8", zorder=0)
        axes.text(
            (after + before) / 2, 0.14, label, ha="center", va="bottom", fontsize=10, color="#555555", style="italic"
        )
    axes.set(xlim=(-0.7, len(events) - 0.3), ylim=(-1.35, 1.55))
    axes.axis("off")
    if title:
        axes.set_title(title)
    return figure
