"""What there is to look at in a V-JEPA: tubes on films, probes of velocities and places, where a film surprises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from course_lib.nets.masks import Masks
from course_lib.show.figure import CourseFigure
from course_lib.show.style import COLOURS
from course_lib.views.i_jepa import HIDDEN, framed_picture, probe_panel


def shown_tubelets(film: np.ndarray, places: np.ndarray, patch: int, frames_each: int) -> np.ndarray:
    """A film of which only some tubelets are shown, the rest grey. uint8 (T, H, W, 3), integers (K,) -> a film."""
    side, times = film.shape[1] // patch, film.shape[0] // frames_each
    shown = np.zeros(times * side * side, dtype=bool)
    shown[places] = True
    dots = shown.reshape(times, side, side).repeat(frames_each, axis=0).repeat(patch, axis=1).repeat(patch, axis=2)
    return np.where(dots[..., None], film, np.uint8(HIDDEN))


def tubes_figure(film: np.ndarray, masks: Mapping[str, Masks], patch: int, frames_each: int) -> CourseFigure:
    """One row whole, and one row for each kind of masks with what the context encoder sees. film: uint8 (T, H, W, 3);
    of the masks the first row is drawn."""
    rows = {"the clip": film} | {
        f"{name}: {each.context.shape[1]} of {each.context.shape[1] + each.targets.shape[2]}": shown_tubelets(
            film, each.context[0].numpy(), patch, frames_each)
        for name, each in masks.items()
    }  # fmt: skip
    words = f"a clip and what is shown of it: {', '.join(masks)}"
    figure = CourseFigure(1.75 * len(film), 1.85 * len(rows) + 0.2, words)
    panels = figure.subplots(len(rows), len(film), squeeze=False)
    for line, (name, frames) in zip(panels, rows.items(), strict=True):
        for t, axes in enumerate(line):
            framed_picture(axes, frames[t], f"frame {t}" if name == "the clip" else "", patch)
        line[0].set_ylabel(name, fontsize=8)
    return figure


def motion_figure(answers: Mapping[str, Mapping[str, Any]], velocities: tuple[str, ...]) -> CourseFigure:
    """R2 of velocities (left) and of places (right) with their intervals, encoders side by side.

    answers: by encoder, by variable ``{value, low, high}``.
    """
    figure = CourseFigure(9.6, 3.6, f"probes of {', '.join(answers)}")
    places = [name for name in next(iter(answers.values())) if name not in velocities]
    for axes, names, title in zip(
        figure.subplots(1, 2), (list(velocities), places), ("R² of velocities", "R² of places"), strict=True
    ):
        probe_panel(axes, answers, names, title)
    figure.axes[1].legend(fontsize=8, loc="center left")
    return figure


def errors_figure(films: Mapping[str, np.ndarray], errors: Mapping[str, np.ndarray]) -> CourseFigure:
    """One row a film: its frames, and where the guess at the last two of them is wrong.

    films: by name, uint8 (T, H, W, 3); errors: by name, the error at every patch of the last tubelet, (side, side).
    """
    length = len(next(iter(films.values())))
    words = f"films and where they surprise: {', '.join(films)}"
    figure = CourseFigure(1.75 * (length + 1), 1.85 * len(films) + 0.2, words)
    panels = figure.subplots(len(films), length + 1, squeeze=False)
    top = max(float(each.max()) for each in errors.values())
    for line, (name, film) in zip(panels, films.items(), strict=True):
        for t in range(length):
            framed_picture(line[t], film[t], f"frame {t}" if line is panels[0] else "")
        line[0].set_ylabel(name, fontsize=8)
        line[-1].imshow(errors[name], vmin=0.0, vmax=top, cmap="viridis")
        line[-1].set(xticks=[], yticks=[])
        line[-1].set_title(f"mean error {errors[name].mean():.3f}", fontsize=9, color=COLOURS["blue"])
    return figure
