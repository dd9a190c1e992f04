"""The one widget pattern of the course: controls above, one picture below, drawn by a plain function.

The picture is an ``ipywidgets.Image`` and an error is an ``ipywidgets.HTML``: no Output widget and no ``interact``,
which lose exceptions and disturb automatic runs. The same function that the widget calls can be called in a test;
``probe`` does so at every extreme of the controls.
"""

from __future__ import annotations

import html
import inspect
import itertools
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure

from course_lib.show import check
from course_lib.show.figure import FRAME, png_of_figure, png_of_picture, release

Callback = Callable[..., Any]  # returns a matplotlib Figure, or a uint8 array (H, W, 3) or (H, W)
LEAST = 320  # dots that the longer side of an array is enlarged to


def draw(callback: Callback, values: Mapping[str, Any]) -> bytes:
    """Call a callback and return what it drew as PNG. Raises what it raises, TypeError for anything but a picture."""
    result = callback(**values)
    if isinstance(result, Figure):
        png = png_of_figure(result)
        release(result)
        return png
    if isinstance(result, np.ndarray):
        return png_of_picture(check.picture(result, "the callback's picture"), least=LEAST, frame=FRAME)
    name = getattr(callback, "__name__", "the callback")
    lost = "; is the `return` missing?" if result is None else ""
    given = type(result).__name__
    raise TypeError(f"{name} must return a matplotlib Figure or a uint8 array, it returned {given}{lost}")


class Explore(widgets.VBox):
    """The widget that ``explore`` returns. ``picture``, ``message`` and ``controls`` are its parts."""

    def __init__(self, callback: Callback, controls: Mapping[str, widgets.ValueWidget]) -> None:
        self.callback = callback
        self.controls = dict(controls)
        try:
            first = draw(callback, self.values)
        except Exception as error:
            error.add_note(f"(while drawing the first picture of a widget, with {_named(self.values)})")
            raise
        as_it_is = widgets.Layout(align_self="flex-start", max_width="100%")  # else the box stretches, and blurs, it
        self.picture = widgets.Image(value=first, format="png", layout=as_it_is)
        self.picture.add_class("course-picture")
        # Its name for who cannot see it: an ipywidgets Image has none, and a tooltip keeps it from being drawn at all.
        unseen = widgets.Layout(height="1px", margin="0", overflow="hidden")
        self.spoken = widgets.HTML(self._named_picture(), layout=unseen)
        self.message = widgets.HTML()
        self.message.add_class("course-error")
        self._still = first
        super().__init__([*self.controls.values(), self.message, self.picture, self.spoken])
        self.add_class("course-explore")
        for control in self.controls.values():
            control.observe(self._changed, names="value")

    @property
    def values(self) -> dict[str, Any]:
        """The value of every control by name."""
        return {name: control.value for name, control in self.controls.items()}

    def _named_picture(self) -> str:
        """What is read out when a picture has been drawn: for which values."""
        chosen = {name: getattr(control, "label", control.value) for name, control in self.controls.items()}
        values = ", ".join(f"{self.controls[name].description} {value}" for name, value in chosen.items())
        return f'<div role="status">Picture drawn for {html.escape(values)}</div>'

    def _changed(self, _: Any) -> None:
        try:
            png = draw(self.callback, self.values)
        except (Exception, KeyboardInterrupt) as error:
            self.message.value = _box(error, self.values)
            self.picture.layout.display = "none"  # an old picture must not pass for the answer to a new question
            return
        self.message.value = ""
        self.picture.value = png
        self.spoken.value = self._named_picture()
        self.picture.layout.display = ""

    def _repr_mimebundle_(self, **keywords: Any) -> dict[str, Any]:
        """The widget, and beside it the first picture: what a page without a kernel shows."""
        bundle = super()._repr_mimebundle_(**keywords)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        names = ", ".join(self.controls)
        return {**data, "text/plain": f"Widget to explore: {names}", "image/png": self._still}


def explore(callback: Callback, **controls: Any) -> Explore:
    """Let the reader play with a plain function.

        show.explore(draw_orbit, speed=(0.0, 2.0, 0.1), colour=["red", "blue"], trail=True)

    callback: called with one keyword for each control; returns a matplotlib Figure or a uint8 array ``(H, W, 3)``.
    controls: an ipywidgets control, or in short ``(least, most)`` or ``(least, most, step)`` for a slider (whole
    numbers give whole steps), a list or a dict of choices, True or False for a check box. A slider begins at the
    callback's default for that name, else in the middle.

    What the callback raises after the reader moves a control is shown in place of the picture until the next value
    that works. What it raises at the first picture stops the cell, so that no notebook is published with a dead widget.
    Raises TypeError for a control that the callback does not take or that cannot be understood.
    """
    if not controls:
        raise TypeError("explore needs at least one control, for example speed=(0.0, 2.0, 0.1)")
    defaults = _defaults(callback, controls)
    return Explore(callback, {name: _control(name, given, defaults.get(name)) for name, given in controls.items()})


@dataclass(frozen=True)
class Probed:
    """One call of a callback in a test: the values and the PNG that came of them."""

    values: dict[str, Any]
    png: bytes


def probe(
    target: Explore | Callback, values: Mapping[str, Sequence[Any]] | None = None, most: int = 64
) -> list[Probed]:
    """Call a callback at its extremes and return what it drew; for tests.

    target: a widget (its controls give the extremes: both ends of a slider, every choice) or a callback together with
    ``values``, a dict of lists. All combinations are tried where they are at most ``most``; otherwise each control goes
    through its values while the others stay at their first. Raises what the callback raises, with the values in a note.
    """
    if isinstance(target, Explore):
        callback = target.callback
        values = values or {name: _extremes(control) for name, control in target.controls.items()}
    else:
        callback = target
    if not values or not all(len(list(v)) for v in values.values()):
        raise ValueError('probe needs values to try, such as {"speed": [0.0, 2.0]}')
    results = []
    for combination in _combinations({name: list(v) for name, v in values.items()}, most):
        try:
            results.append(Probed(combination, draw(callback, combination)))
        except Exception as error:
            error.add_note(f"(the callback was probed with {_named(combination)})")
            raise
    return results


def _combinations(values: dict[str, list[Any]], most: int) -> list[dict[str, Any]]:
    count = int(np.prod([len(v) for v in values.values()]))
    if count <= most:
        return [dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())]
    first = {name: v[0] for name, v in values.items()}
    return [first] + [{**first, name: value} for name, v in values.items() for value in v[1:]]


def _extremes(control: widgets.ValueWidget) -> list[Any]:
    if hasattr(control, "options"):
        return [o[1] for o in control._options_full]
    if hasattr(control, "min") and hasattr(control, "max"):
        return list(dict.fromkeys([control.min, control.value, control.max]))
    return [False, True] if isinstance(control.value, bool) else [control.value]


def _defaults(callback: Callback, controls: Mapping[str, Any]) -> dict[str, Any]:
    """The callback's own default values; TypeError where it does not fit the controls."""
    signature = inspect.signature(callback)
    try:
        signature.bind(**controls)
    except TypeError as error:
        name = getattr(callback, "__name__", "the callback")
        raise TypeError(f"{name}{signature} cannot be explored with {', '.join(controls)}: {error}") from None
    return {k: p.default for k, p in signature.parameters.items() if p.default is not p.empty}


def _control(name: str, given: Any, default: Any) -> widgets.ValueWidget:
    look: dict[str, Any] = {"description": name.replace("_", " "), "style": {"description_width": "initial"}}
    if isinstance(given, widgets.ValueWidget):
        if not given.description:
            given.description = look["description"]
        return given
    if isinstance(given, bool):
        return widgets.Checkbox(value=given, indent=False, description=look["description"])
    if isinstance(given, tuple) and len(given) in (2, 3) and all(_is_number(v) for v in given):
        return _slider(name, given, default, look)
    if isinstance(given, list | dict) and len(given):
        choice = widgets.Dropdown(options=given, **look)
        if any(_same(default, option[1]) for option in choice._options_full):
            choice.value = default
        return choice
    raise TypeError(
        f"{name}: a control is (least, most, step) for a slider, a list or dict of choices, True or False for a "
        f"check box, or an ipywidgets control with a value; got {given!r}"
    )


def _slider(name: str, given: tuple[Any, ...], default: Any, look: dict[str, Any]) -> widgets.ValueWidget:
    least, most = given[0], given[1]
    whole = all(isinstance(v, int | np.integer) for v in given)
    step = given[2] if len(given) == 3 else (1 if whole else (most - least) / 50)
    if not least < most or step <= 0:
        raise ValueError(f"{name}: a slider goes from less to more in steps above 0, not {given!r}")
    value = least + round((most - least) / 2 / step) * step
    if _is_number(default) and least <= default <= most:
        value = default
    kind = widgets.IntSlider if whole else widgets.FloatSlider
    digits = {} if whole else {"readout_format": f".{max(0, min(4, -int(np.floor(np.log10(step)))))}f"}
    layout = widgets.Layout(width="420px")
    bounds = {"min": least, "max": most, "step": step, "value": value}
    return kind(**bounds, **digits, **look, layout=layout, continuous_update=False)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def _same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and bool(a == b)


def _named(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {value!r}" for name, value in values.items())


def _box(error: BaseException, values: Mapping[str, Any]) -> str:
    """The error as a readable box: its type and message, the line, the values, and the traceback to unfold."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != __file__]
    line = (frames[-1].line or "").strip() if frames else ""
    where = ""
    if line:  # there is none where the fault lies in what the callback returned
        where = f"<br>at the line <code>{html.escape(line)}</code> in <code>{html.escape(frames[-1].name)}</code>"
    whole = html.escape("".join(traceback.format_list(frames)))
    style = "border-left: 4px solid #d55e00; padding: 4px 10px; margin: 4px 0; line-height: 1.5"
    return (
        f'<div role="alert" style="{style}"><b>This picture could not be drawn.</b> '
        f"{html.escape(type(error).__name__)}: {html.escape(str(error))}{where}<br>with {html.escape(_named(values))}"
        f'<details><summary>The way to this line</summary><pre style="overflow-x: auto">{whole}</pre></details></div>'
    )
