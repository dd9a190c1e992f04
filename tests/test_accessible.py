"""Every widget has names that are read out, and everything in it can be reached and moved by keys.

What can be seen without a browser: the controls of ipywidgets, and the attributes that the scripts give their elements.
tests/browser tries the keys in a real one.
"""

from __future__ import annotations

import re
from pathlib import Path

import ipywidgets as widgets
import numpy as np
import pytest

from course_lib import show
from course_lib.show.canvas import FilmPlayer
from course_lib.show.guess import guess

FOLDER = Path(show.__file__).parent
FRAMES = np.zeros((3, 4, 4, 3), np.uint8)


def script(name: str) -> str:
    return (FOLDER / f"{name}.js").read_text(encoding="utf-8")


def style(name: str) -> str:
    return (FOLDER / f"{name}.css").read_text(encoding="utf-8")


# --- ipywidgets ------------------------------------------------------------------------------------------------------
def test_every_control_bears_its_name_and_the_picture_says_what_it_was_drawn_for() -> None:
    text = widgets.Text("a ball")
    widget = show.explore(lambda **_: FRAMES[0], speed_of_it=(0.0, 1.0), row=(0, 3), kind=["one", "two"],
                          trail=True, names={"the first": 1}, prompt=text)  # fmt: skip
    assert [control.description for control in widget.controls.values()] == [
        "speed of it", "row", "kind", "trail", "names", "prompt"
    ]  # fmt: skip
    assert all(control.tabbable is not False for control in widget.controls.values()), "none is taken out of the order"
    assert "row 2" in widget.spoken.value and "names the first" in widget.spoken.value
    widget.controls["row"].value = 3
    assert "row 3" in widget.spoken.value
    widget.callback = lambda **_: 1 / 0
    widget.controls["row"].value = 0
    assert 'role="alert"' in widget.message.value, "an error is read out"


def test_the_game_of_guessing_has_named_buttons_and_says_its_answer() -> None:
    box = guess(FRAMES[None], FRAMES[None] + 9)
    buttons = (box.left, box.right, box.onward)
    assert len({button.description for button in buttons}) == 3 and all(button.tooltip for button in buttons)
    assert box.message.value.startswith('<div role="status">')


# --- the scripts' own elements ---------------------------------------------------------------------------------------
def test_a_canvas_takes_the_keys_and_has_a_name_with_and_without_them() -> None:
    source = script("canvas")
    assert "this.root.tabIndex = 0" in source and 'this.root.setAttribute("role", "application")' in source
    assert len(re.findall(r'this\.root\.setAttribute\("aria-label"', source)) == 2, "played, and playing by itself"
    assert 'canvas.setAttribute("role", "img")' in source and 'canvas.setAttribute("aria-label"' in source
    assert 'this.error.setAttribute("role", "alert")' in source and 'setAttribute("aria-live", "polite")' in source
    assert re.search(r"\[tabindex\]:focus-within \{[^}]*outline: 2px", style("canvas")), "who has the focus is seen"


def test_the_name_of_a_game_can_be_made_from_its_settings() -> None:
    """Every key of a canvas has an action, and every action but the default a name, which the label reads out."""
    settings = show.canvas(FilmPlayer(FRAMES)).settings
    assert {settings["actions"][str(action)] for action in settings["keys"].values()} == {"left", "right", "jump"}
    other = show.canvas(FilmPlayer(FRAMES), keys={"a": 5}).settings
    assert other["actions"] == {"5": "action 5"}


def test_a_painter_takes_the_keys_and_names_its_picture_and_tools() -> None:
    source = script("paint")
    picture = re.search(r'this\.picture = make\("canvas".*?\}\);', source, re.DOTALL)
    assert picture and all(part in picture[0] for part in ("tabindex: 0", 'role: "application"', '"aria-label"'))
    for group in ("Colours", "Brush", "Picture"):
        assert f'group("{group}")' in source
    assert '"aria-pressed"' in source and 'role: "alert"' in source and '"aria-live": "polite"' in source
    assert ".course-painter-picture:focus {" in style("paint")


def test_points_are_sliders_with_a_name_a_range_and_keys() -> None:
    source = script("points")
    for part in ("tabindex: 0", 'role: "slider"', '"aria-label"', '"aria-valuemin"', '"aria-valuemax"',
                 '"aria-valuenow"', '"aria-valuetext"', 'addEventListener("keydown"'):  # fmt: skip
        assert part in source, part
    assert re.search(r"label\.append\(slider", source), "the slider below the plane stands in its label"
    assert ".course-points-point:focus {" in style("points")


@pytest.mark.parametrize("name", ["canvas", "paint", "points"])
def test_whatever_hears_a_pointer_hears_keys_too(name: str) -> None:
    source = script(name)
    assert 'addEventListener("pointerdown"' in source and 'addEventListener("keydown"' in source
    assert "Tab" not in re.findall(r'"(\w+)"\s*:', source), "Tab is left to the page"
